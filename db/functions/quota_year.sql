-- The quota's years. They follow from the calendar days of the log, so a replay opens and closes them at the same positions. Idempotent.
--   open     with the first day of a year: whoever owes anything in it gets a total, so that coverage counts those who have done nothing.
--   closing  1 January to 7 February of the next year: validation still takes what is allowed then (V29).
--   closed   from 8 February on: what is carried is booked. Settlement leaves a closed year alone, except where an event that was let through all the
--            same touches it (a record that was reopened): then that is settled, and the difference is carried.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Opens the years of the calendar days in (since, upto]; returns everybody who can owe something in them.
create or replace function quota_open_years(since int8, upto int8) returns setof quota_touch
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set jit = off as $$
#variable_conflict use_column
begin
    if not exists (select from calendar_day c where c.position > since and c.position <= upto) then
        return;
    end if;
    return query
    with opened as (
        insert into quota_year as q (opened, year)
            select min(c.position), extract(year from c.day)::int2 from calendar_day c where c.position > since and c.position <= upto group by 2
            on conflict (year) do update set opened = excluded.opened where q.opened is null
            returning q.opened, q.year
    )
    select distinct 2::int2, m.person, null::date, o.year, -o.opened, true
    from opened o cross join lateral membership_at(o.opened) m
    where m.role = 'ATHLETE' and m.valid_from <= make_date(o.year, 12, 31) and coalesce(m.valid_to, 'infinity') >= make_date(o.year, 1, 1)
    union all
    select 1::int2, t.number, null, o.year, -o.opened, true
    from opened o cross join lateral team_at(o.opened) t
    where coalesce(t.valid_from, '-infinity') <= make_date(o.year, 12, 31) and coalesce(t.valid_to, 'infinity') >= make_date(o.year, 1, 1);
end
$$;

-- What persons carry out of a year that was closed at a position: SURPLUS_25 min(max(0, own credits - D), D / 4 rounded down) minutes, own credits
-- without what was carried in; DEFICIT what is short of D. The policy is the one of 31 December: of the memberships counted that day the
-- one with the greatest athlete_min_minutes; without any nothing is carried. A row a person.
create or replace function quota_carry(persons int4[], year int2, closed int8)
        returns table (person int4, carried int4, deficit int4, policy int4, policy_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off set jit = off as $$
#variable_conflict use_column
declare
    last date := make_date(quota_carry.year, 12, 31);
begin
    return query
    with rule as materialized (
        select distinct on (r.person) r.person, r.policy, r.version, r.rounding, v.carry_over
        from quota_member_rules(persons, quota_registers(quota_carry.year, closed)) r join policy_version v on v.number = r.policy and v.version = r.version
        where last between r.lo and r.hi and r.earns
        order by r.person, v.athlete_min_minutes desc, r.policy, r.version desc
    )
    select u.n, case r.carry_over when 'SURPLUS_25' then least(greatest(0, t.minutes - t.carried - t.duty), t.duty / 4 / r.rounding * r.rounding) else 0 end,
           case r.carry_over when 'DEFICIT' then greatest(0, t.duty - t.minutes) else 0 end, r.policy, r.version
    from unnest(persons) u(n)
        left join rule r on r.person = u.n
        left join quota_total t on t.subject_kind = 2 and t.subject = u.n and t.year = quota_carry.year;
end
$$;

-- Closes the years that the calendar days in (since, upto] leave behind, and books what is carried: of everybody in a year that closes now, of those
-- in deltas in a year that is closed. Totals must be up to date but for that. Returns the sums posted, by subject and the next year.
create or replace function quota_post_carry(since int8, upto int8, deltas quota_delta[]) returns setof quota_delta
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    fresh int2[];
begin
    if cardinality(deltas) = 0 and not exists (select from calendar_day c where c.position > since and c.position <= upto) then
        return;
    end if;
    with days as (
        select min(c.position) as position, extract(year from c.day)::int - case when to_char(c.day, 'MM-DD') <= '02-07' then 1 else 0 end as open
        from calendar_day c where c.position > since and c.position <= upto group by 2
    ), closed as (
        insert into quota_year as q (closed, year)
            select min(d.position), y.year from days d join (select distinct t.year from quota_total t) y on y.year < d.open group by y.year
            on conflict (year) do update set closed = excluded.closed where q.closed is null
            returning q.year
    )
    select array_agg(c.year) into fresh from closed c;
    if not exists (select from quota_year q where q.closed is not null) then
        return;
    end if;
    return query
    with who as materialized (
        select t.subject as person, t.year from quota_total t where t.subject_kind = 2 and t.year = any (fresh)
        union
        select d.subject, d.year from unnest(deltas) d join quota_year q on q.year = d.year and q.closed is not null where d.subject_kind = 2
    ), should as materialized (
        select c.person, (y.year + 1)::int2 as year, c.carried, c.deficit, c.policy, c.policy_version, -y.closed as cause
        from (select w.year, q.closed, array_agg(w.person order by w.person) as persons from who w join quota_year q on q.year = w.year group by w.year, q.closed) y
            cross join lateral quota_carry(y.persons, y.year, y.closed) c
    ), changed as materialized (
        select s.*, s.carried - coalesce(t.carried, 0) as minutes, t.subject is null as fresh
        from should s left join quota_total t on t.subject_kind = 2 and t.subject = s.person and t.year = s.year
        where s.carried <> coalesce(t.carried, 0) or s.deficit <> coalesce(t.deficit, 0)
    ), posted as (
        insert into ledger_entry (position, activity, subject, day, minutes, team, policy, policy_version, subject_kind, year, kind, sessions)
            select upto, '00000000-0000-0000-0000-000000000000', c.person, make_date(c.year, 1, 1), c.minutes, 0, c.policy, c.policy_version, 2::int2,
                   c.year, 'CARRY', 0::int2
            from changed c where c.minutes <> 0
    ), noted as (                              -- the sums follow with quota_total_up; a row that is new gets its duty there too
        insert into quota_total as q (changed, subject, minutes, sessions, member_minutes, duty, subject_kind, year, carried, deficit)
            select upto, c.person, 0, 0, 0, 0, 2::int2, c.year, c.carried, c.deficit from changed c
            on conflict (subject_kind, subject, year) do update set carried = excluded.carried, deficit = excluded.deficit
    )
    select 2::int2, c.person, null::date, c.year, c.cause, c.fresh, c.minutes::int8, 0::int8, 0::int8 from changed c;
end
$$;

-- In which state the years are by the last day that the log knows.
create or replace view quota_years as
    select y.year, case when q.closed is not null then 'CLOSED' when d.day > make_date(y.year + 1, 1, 31) then 'PUBLICITY'
                        when d.day > make_date(y.year, 12, 31) then 'CLOSING' else 'OPEN' end as state, q.opened, q.closed
    from (select t.year from quota_total t union select x.year from quota_year x) y
        left join quota_year q on q.year = y.year cross join (select max(c.day) as day from calendar_day c) d;

grant select on quota_year, quota_years to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;
grant execute on function quota_carry(int4[], int2, int8) to liangjin_broker, liangjin_audit;
reset role;
