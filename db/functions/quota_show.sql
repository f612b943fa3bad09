-- The quota to be looked at: totals, units, the ledger's sums, and what holds them against a recomputation. Idempotent.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- The ledger's sums from the raw rows alone, all groups there are, by the registers at a position, of a closed year by those of its close. To be held
-- against ledger_sums: always equal. Reads everything.
create or replace function quota_recompute(upto int8) returns table (subject_kind int2, subject int4, year int2, activity uuid, minutes int8, sessions int8)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set work_mem = '64MB'
    set jit = off as $$
#variable_conflict use_column
declare
    pp int4[]; pd date[]; tt int4[]; td date[];
begin
    select array_agg(u.person), array_agg(u.day) into pp, pd from (select distinct p.person, p.day from quota_participation p where p.position <= upto) u;
    select array_agg(u.team), array_agg(u.day) into tt, td from (select distinct t.team, t.day from quota_team t where t.position <= upto) u;
    return query
        select s.subject_kind, s.subject, date_part('year', s.day)::int2, s.activity, sum(s.minutes)::int8, sum(s.sessions)::int8
        from quota_should(coalesce(pp, '{}'), coalesce(pd, '{}'), coalesce(tt, '{}'), coalesce(td, '{}'), upto) s group by 1, 2, 3, 4;
end
$$;

-- Sums by subject, year and activity; a sum of 0 is no row.
create or replace view ledger_sums as
    select l.subject_kind, l.subject, l.year, l.activity, sum(l.minutes)::int8 as minutes, sum(l.sessions)::int8 as sessions
    from ledger_entry l group by l.subject_kind, l.subject, l.year, l.activity having sum(l.minutes) <> 0 or sum(l.sessions) <> 0;

-- Where the stored ledger or totals differ from the recomputation at the settled position; no row means that all is well. Reads everything.
create or replace function quota_diff() returns table (what text, subject_kind int2, subject int4, year int2, activity uuid, stored text, computed text)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set work_mem = '64MB'
    set jit = off as $$
#variable_conflict use_column
declare
    upto int8 := coalesce((select s.position from settled s where s.kind = 3), 0);
begin
    return query
        select 'ledger', subject_kind, subject, year, activity, l.minutes || '/' || l.sessions, r.minutes || '/' || r.sessions
        from (select * from ledger_sums s where s.activity <> '00000000-0000-0000-0000-000000000000') l full join quota_recompute(upto) r using (subject_kind, subject, year, activity)
        where (l.minutes, l.sessions) is distinct from (r.minutes, r.sessions)
        union all
        select 'total', subject_kind, subject, year, null::uuid, t.minutes || '/' || t.sessions, l.minutes || '/' || l.sessions
        from quota_total t full join (select x.subject_kind, x.subject, x.year, sum(x.minutes)::int8 as minutes, sum(x.sessions)::int8 as sessions
                                      from ledger_entry x group by 1, 2, 3) l using (subject_kind, subject, year)
        where (coalesce(t.minutes, 0), coalesce(t.sessions, 0)) <> (coalesce(l.minutes, 0), coalesce(l.sessions, 0))
        union all
        select 'member_minutes', 1::int2, team, year, null::uuid, t.member_minutes::text, l.minutes::text
        from (select q.subject as team, q.year, q.member_minutes from quota_total q where q.subject_kind = 1) t
            full join (select x.team, x.year, sum(x.minutes)::int8 as minutes from ledger_entry x where x.subject_kind = 2 and x.team <> 0 group by 1, 2) l
                using (team, year)
        where coalesce(t.member_minutes, 0) <> coalesce(l.minutes, 0);
    return query
        select 'carried', 2::int2, person, year, null::uuid, coalesce(l.minutes, 0) || '/' || coalesce(l.noted, 0) || '/' || coalesce(l.deficit, 0),
               coalesce(c.carried, 0) || '/' || coalesce(c.carried, 0) || '/' || coalesce(c.deficit, 0)
        from (select t.subject as person, t.year, t.carried as noted, t.deficit, (select coalesce(sum(x.minutes), 0) from ledger_entry x
                  where x.subject_kind = 2 and x.subject = t.subject and x.day = make_date(t.year, 1, 1) and x.team = 0) as minutes
              from quota_total t where t.subject_kind = 2) l
            full join (select k.person, (q.year + 1)::int2 as year, k.carried, k.deficit
                       from quota_year q cross join lateral quota_carry(array(select t.subject from quota_total t where t.subject_kind = 2
                           and t.year = q.year), q.year, q.closed) k where q.closed is not null) c using (person, year)
        where (coalesce(l.minutes, 0), coalesce(l.noted, 0), coalesce(l.deficit, 0))
            is distinct from (coalesce(c.carried, 0), coalesce(c.carried, 0), coalesce(c.deficit, 0));
    return query
        select 'duty', 2::int2, t.subject, t.year, null::uuid, t.duty::text, d.duty::text
        from quota_total t join quota_person_duty(array(select q.subject from quota_total q where q.subject_kind = 2 order by q.subject, q.year),
            array(select q.year from quota_total q where q.subject_kind = 2 order by q.subject, q.year), upto) d
            on t.subject_kind = 2 and d.person = t.subject and d.year = t.year
        where d.duty <> t.duty
        union all
        select 'duty', 1::int2, t.subject, t.year, null::uuid, t.duty::text, d.duty::text
        from quota_total t join quota_team_duty(array(select q.subject from quota_total q where q.subject_kind = 1 order by q.subject, q.year),
            array(select q.year from quota_total q where q.subject_kind = 1 order by q.subject, q.year), upto) d
            on t.subject_kind = 1 and d.team = t.subject and d.year = t.year
        where d.duty <> t.duty;
end
$$;

-- Totals with codes, as `ljctl quota show` prints them. No names: who may see a name is another view's matter.
create or replace view quota_subject as
    select case t.subject_kind when 1 then 'TEAM' else 'PERSON' end as subject, u.code as unit, x.code, t.year, t.minutes, t.sessions, t.member_minutes,
           t.duty, t.met is not null as duty_met, t.policy, t.policy_version, s.position as complete_through, x.unit as unit_number,
           t.subject as number, t.carried, t.deficit, t.subject_kind
    from quota_total t
        join lateral (select i.unit, i.code::text from team i where t.subject_kind = 1 and i.number = t.subject
                      union all select i.unit, i.code::text from person i where t.subject_kind = 2 and i.number = t.subject) x on true
        join unit u on u.number = x.unit
        left join settled s on s.kind = 3;

-- A line a unit and year, of its own teams and the persons it registered (not its sub-units'): team_min = minutes through the unit's teams.
create or replace view quota_unit as
    select q.unit, q.year, count(*) filter (where q.subject = 'TEAM') as teams,
           count(*) filter (where q.subject = 'TEAM' and q.duty > 0) as teams_owing,
           count(*) filter (where q.subject = 'TEAM' and q.duty > 0 and q.sessions >= q.duty) as teams_met,
           count(*) filter (where q.subject = 'PERSON' and q.duty > 0) as persons_owing,
           count(*) filter (where q.subject = 'PERSON' and q.duty > 0 and q.minutes >= q.duty) as persons_met,
           coalesce(sum(q.sessions), 0) as sessions, coalesce(sum(q.minutes), 0) as person_minutes, sum(q.member_minutes) as team_minutes,
           coalesce(sum(q.duty) filter (where q.subject = 'TEAM'), 0) as duty_sessions,
           coalesce(sum(q.duty) filter (where q.subject = 'PERSON'), 0) as duty_minutes, max(q.complete_through) as complete_through
    from quota_subject q group by q.unit, q.year;

-- Coverage of a year: of the nation, of each unit (its own teams, not its sub-units'), of each team. owing: who has a duty; met: of these, who has met it;
-- taking_part: of these, who has any minutes. Rates are of those who owe, null where nobody does. short: what is missing to everybody's duty. A
-- person belongs to each team, and to each unit with a team, where he had a counted day that year, and once to the nation.
create or replace function quota_coverage(for_year int2)
        returns table (scope text, unit text, team text, athletes_owing int8, athletes_met int8, athletes_taking_part int8, athlete_rate numeric,
            participation_rate numeric, minutes_short int8, teams_owing int8, teams_met int8, team_rate numeric, sessions_short int8)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off set jit = off as $$
#variable_conflict use_column
declare
    upto constant int8 := coalesce((select s.position from settled s where s.kind = 3), 0);
begin
    return query
    with person as materialized (
        select t.subject, t.minutes, t.duty from quota_total t where t.subject_kind = 2 and t.year = for_year and t.duty > 0
    ), belongs as materialized (
        select distinct r.person, r.team from quota_member_rules(array(select person.subject from person), quota_registers(for_year, upto)) r
        where r.earns and r.lo <= make_date(for_year, 12, 31) and r.hi >= make_date(for_year, 1, 1)
    ), place as (
        select 1 as level, null::int2 as unit, null::int4 as team, p.subject as person from person p
        union all select distinct 2, t.unit, null::int4, b.person from belongs b join team t on t.number = b.team
        union all select 3, t.unit, b.team, b.person from belongs b join team t on t.number = b.team
    ), athletes as (
        select l.level, l.unit, l.team, count(*) as owing, count(*) filter (where p.minutes >= p.duty) as met, count(*) filter (where p.minutes > 0) as active,
               sum(greatest(0, p.duty - p.minutes))::int8 as short
        from place l join person p on p.subject = l.person group by l.level, l.unit, l.team
    ), total as (
        select i.unit, t.subject as team, t.sessions, t.duty
        from quota_total t join team i on i.number = t.subject where t.subject_kind = 1 and t.year = for_year and t.duty > 0
    ), teams as (
        select case when grouping(t.unit) = 1 then 1 when grouping(t.team) = 1 then 2 else 3 end as level, t.unit, t.team, count(*) as owing,
               count(*) filter (where t.sessions >= t.duty) as met, sum(greatest(0, t.duty - t.sessions))::int8 as short
        from total t group by grouping sets ((), (t.unit), (t.unit, t.team))
    )
    select (array['NATION', 'UNIT', 'TEAM'])[x.level], u.code, i.code::text, coalesce(a.owing, 0), coalesce(a.met, 0), coalesce(a.active, 0),
           round(a.met::numeric / nullif(a.owing, 0), 4), round(a.active::numeric / nullif(a.owing, 0), 4), coalesce(a.short, 0), coalesce(t.owing, 0),
           coalesce(t.met, 0), round(t.met::numeric / nullif(t.owing, 0), 4), coalesce(t.short, 0)
    from (select a.level, a.unit, a.team from athletes a union select t.level, t.unit, t.team from teams t) x
        -- equal, with null as a value: what "is not distinct from" says cannot be hashed, and 3,000 teams would be compared with each other
        left join athletes a on a.level = x.level and coalesce(a.unit, -1) = coalesce(x.unit, -1) and coalesce(a.team, -1) = coalesce(x.team, -1)
        left join teams t on t.level = x.level and coalesce(t.unit, -1) = coalesce(x.unit, -1) and coalesce(t.team, -1) = coalesce(x.team, -1)
        left join unit u on u.number = x.unit left join team i on i.number = x.team
    order by x.level, u.code, i.code;
end
$$;

grant execute on function quota_coverage(int2) to liangjin_broker, liangjin_audit, liangjin_control;
grant execute on function quota_recompute(int8), quota_diff() to liangjin_broker, liangjin_audit, liangjin_control;
grant select on ledger_sums, quota_subject, quota_unit to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;
grant select on quota_unit to liangjin_monitor;
reset role;
