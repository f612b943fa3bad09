-- What persons and teams owe in a year, by the rules in quota_rules.sql, as of a position; *_by: of years that are reckoned by the same registers. Reads only. Idempotent.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- The year's counted days of persons, in pieces (lo and hi included) with one policy each, of the memberships counted that day the one with the
-- greatest athlete_min_minutes (column minutes). alone: the only piece of that person and year.
create or replace function quota_person_pieces(persons int4[], years int2[], upto int8)
        returns table (person int4, year int2, lo date, hi date, minutes int4, rounding int4, entry_cutoff text, policy int4, version int4, alone bool)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off
    set jit = off as $$
#variable_conflict use_column
begin
    return query
    with g as materialized (
        select u.person, u.year, make_date(u.year, 1, 1) as first, make_date(u.year, 12, 31) as last
        from (select distinct x.person, x.year from unnest(persons, years) x(person, year)) u
    ), member as materialized (
        select * from quota_member_spans(array(select distinct g.person from g), upto)
    ), span as materialized (
        select * from quota_policy_spans(array(select distinct member.team from member), upto)
    ), iv as materialized (
        select g.person, g.year, greatest(m.lo, s.lo, g.first) as lo, least(m.hi, s.hi, g.last) as hi, q.athlete_min_minutes as am, q.rounding,
               q.entry_cutoff, q.number, q.version
        from g join member m on m.person = g.person and m.lo <= g.last and m.hi >= g.first
            join span s on s.team = m.team and s.lo <= g.last and s.hi >= g.first
            join quota_rule q on q.number = s.a_policy and q.version = s.a_version
        where m.status = any (q.counted_statuses) and greatest(m.lo, s.lo) <= least(m.hi, s.hi)
    ), alone as materialized (                 -- nearly everybody: one membership under one policy
        select iv.person, iv.year from iv group by iv.person, iv.year having count(*) = 1
    ), many as materialized (
        select iv.* from iv where not exists (select from alone a where a.person = iv.person and a.year = iv.year)
    ), edge as (
        select iv.person, iv.year, iv.lo as at from many iv union select iv.person, iv.year, iv.hi + 1 from many iv
    ), piece as (
        select e.person, e.year, e.at as lo, lead(e.at) over (partition by e.person, e.year order by e.at) - 1 as hi from edge e
    )
    select iv.person, iv.year, iv.lo, iv.hi, iv.am::int4, iv.rounding::int4, iv.entry_cutoff, iv.number, iv.version, true
    from iv join alone a on a.person = iv.person and a.year = iv.year
    union all
    (select distinct on (p.person, p.year, p.lo) p.person, p.year, p.lo, p.hi, iv.am::int4, iv.rounding::int4, iv.entry_cutoff, iv.number, iv.version, false
     from piece p join many iv on iv.person = p.person and iv.year = p.year and iv.lo <= p.lo and iv.hi >= p.lo
     where p.hi is not null
     order by p.person, p.year, p.lo, iv.am desc, iv.number, iv.version desc);
end
$$;

-- D(p,y): the sum over the days with a counted status, less the exempt ones, of the highest athlete_min_minutes of that day, over the days of the year,
-- rounded up once; 0 where the first counted day, exempt or not, lies after the entry cut-off. A row a pair asked for. Exact: integers to the end.
create or replace function quota_person_duty_by(persons int4[], years int2[], upto int8)
        returns table (person int4, year int2, duty int4, policy int4, policy_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off
    set jit = off as $$
#variable_conflict use_column
begin
    return query
    with piece as materialized (
        select * from quota_person_pieces(persons, years, upto)
    ), exempt as materialized (
        select * from quota_exempt(2::int2, array(select distinct p.person from piece p), '{PRORATE,WAIVE}', upto)
    ), single as materialized (
        select p.*, p.alone and e.subject is null as simple, e.days as exempt from piece p left join exempt e on e.subject = p.person
    ), summed as (
        select p.person, p.year, ((p.hi - p.lo + 1) * p.minutes)::int8 as mass, p.lo as entry, p.entry_cutoff as cutoff,
               case when p.minutes > 0 then p.rounding::int8 end as r, case when p.minutes > 0 then p.policy end as number,
               case when p.minutes > 0 then p.version end as version
        from single p where p.simple
        union all
        select b.person, b.year, sum(b.days * b.minutes)::int8, min(b.lo), (array_agg(b.entry_cutoff order by b.lo))[1],
               (array_agg(b.rounding::int8 order by b.lo desc) filter (where b.minutes > 0 and b.days > 0))[1],
               (array_agg(b.policy order by b.lo desc) filter (where b.minutes > 0 and b.days > 0))[1],
               (array_agg(b.version order by b.lo desc) filter (where b.minutes > 0 and b.days > 0))[1]
        from (select p.*, quota_days(datemultirange(daterange(p.lo, p.hi, '[]')) - coalesce(p.exempt, '{}')) as days from single p where not p.simple) b
        group by b.person, b.year
    )
    select g.person, g.year,
           case when s.r is null or to_char(s.entry, 'MM-DD') > s.cutoff then 0
                else ((s.mass + g.days * s.r - 1) / (g.days * s.r) * s.r)::int4 end,
           s.number, s.version
    from (select distinct u.person, u.year, make_date(u.year + 1, 1, 1) - make_date(u.year, 1, 1) as days from unnest(persons, years) u(person, year)) g
        left join summed s on s.person = g.person and s.year = g.year;
end
$$;

-- DS(t,y) = max(0, ceil(sum over active days, less the exempt ones, of team_min_sessions / days of the year - tolerance)).
create or replace function quota_team_duty_by(teams int4[], years int2[], upto int8)
        returns table (team int4, year int2, duty int4, policy int4, policy_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off
    set jit = off as $$
#variable_conflict use_column
begin
    return query
    with g as materialized (
        select u.team, u.year, make_date(u.year, 1, 1) as first, make_date(u.year, 12, 31) as last
        from (select distinct x.team, x.year from unnest(teams, years) x(team, year)) u
    ), t as materialized (
        select a.team, a.active - coalesce(e.days, '{}') as active
        from quota_team_active(array(select distinct g.team from g), upto) a
            left join quota_exempt(1::int2, array(select distinct g.team from g), '{PRORATE,WAIVE}', upto) e on e.subject = a.team
    ), piece as (
        select g.team, g.year, upper(r) - lower(r) as days, upper(r) as until, q.team_min_sessions as sm, q.session_tolerance as tolerance,
               q.number, q.version
        from g join t on t.team = g.team
            join quota_policy_spans(array(select distinct g.team from g), upto) s on s.team = g.team and s.lo <= g.last and s.hi >= g.first
            join quota_rule q on q.number = s.s_policy and q.version = s.s_version
            cross join lateral unnest(datemultirange(daterange(greatest(s.lo, g.first), least(s.hi, g.last), '[]')) * t.active) r
    ), summed as (
        select p.team, p.year, sum(p.days * p.sm)::numeric as mass,
               (array_agg(p.tolerance order by p.until desc) filter (where p.sm > 0))[1] as tolerance,
               (array_agg(p.number order by p.until desc) filter (where p.sm > 0))[1] as number,
               (array_agg(p.version order by p.until desc) filter (where p.sm > 0))[1] as version
        from piece p group by p.team, p.year
    )
    select g.team, g.year,
           coalesce(greatest(0, ceil((s.mass - s.tolerance * (g.last - g.first + 1)) / (g.last - g.first + 1))), 0)::int4, s.number, s.version
    from g left join summed s on s.team = g.team and s.year = g.year;
end
$$;

-- The same for any years: what is owed in a closed year, by the registers of its close.
create or replace function quota_person_duty(persons int4[], years int2[], upto int8)
        returns table (person int4, year int2, duty int4, policy int4, policy_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
    r record;
begin
    for r in
        select y.registers, array_agg(y.year) as years, count(*) over () as n
        from (select u.year, quota_registers(u.year, upto) as registers from (select distinct x as year from unnest(years) x) u) y
        group by y.registers order by y.registers
    loop
        if r.n = 1 then
            return query select * from quota_person_duty_by(persons, years, r.registers);
        else
            return query select b.* from (select array_agg(x.s) as s, array_agg(x.y) as y from unnest(persons, years) x(s, y) where x.y = any (r.years)) g
                cross join lateral quota_person_duty_by(g.s, g.y, r.registers) b;
        end if;
    end loop;
end
$$;

create or replace function quota_team_duty(teams int4[], years int2[], upto int8)
        returns table (team int4, year int2, duty int4, policy int4, policy_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
    r record;
begin
    for r in
        select y.registers, array_agg(y.year) as years, count(*) over () as n
        from (select u.year, quota_registers(u.year, upto) as registers from (select distinct x as year from unnest(years) x) u) y
        group by y.registers order by y.registers
    loop
        if r.n = 1 then
            return query select * from quota_team_duty_by(teams, years, r.registers);
        else
            return query select b.* from (select array_agg(x.s) as s, array_agg(x.y) as y from unnest(teams, years) x(s, y) where x.y = any (r.years)) g
                cross join lateral quota_team_duty_by(g.s, g.y, r.registers) b;
        end if;
    end loop;
end
$$;

grant execute on function quota_person_duty(int4[], int2[], int8), quota_team_duty(int4[], int2[], int8)
    to liangjin_broker, liangjin_audit, liangjin_control;
reset role;
