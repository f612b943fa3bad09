-- Settlement of the quota: settle_quota(upto) collects what is touched, posts to the ledger the difference between what should stand and what
-- does, updates totals, and announces duties that are met. Idempotent.
-- Two ways to the same ledger. First reports, nearly all that comes, add to what stands (quota_post_first). Whatever touches something that stands, a
-- correction, a withdrawal, a register that changed, an event that was redriven late, makes its groups (person and day; team and day) be
-- computed whole (quota_post). So arrival order, two teams, caps and registers dated back need no case of their own.
-- A settlement costs what it touches: every read starts from positions or from arrays of touched keys and goes through an index.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- ---------------------------------------------------------------------------------------------------------------- what is touched

-- First day of the years that are open by local receipt date: a year closes with 7 February of the next.
create or replace function quota_open_from(received timestamptz) returns date
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select case when received is null then date '1900-01-01'
                else make_date(extract(year from d)::int4 - case when to_char(d, 'MM-DD') <= '02-07' then 1 else 0 end, 1, 1) end
    from (select (received at time zone 'Asia/Shanghai')::date as d) x
$$;

-- Touched by corrections and withdrawals with positions in (since, upto], and by whatever is late: their own groups, and those of the activity's
-- other versions. First reports that come in their turn are not here (quota_post_first), but for those of a closed year, which has registers of its own.
create or replace function quota_touch_activities(since int8, upto int8, late int8[]) returns setof quota_touch
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    open_from date := quota_open_from((select c.day::timestamp at time zone 'Asia/Shanghai' from calendar_day c where c.position <= upto
        order by c.position desc limit 1));
begin
    return query
    with new as materialized (
        select v.position, v.activity, v.version from quota_version v
            where v.position > since and v.position <= upto and not (v.version = 1 and v.op = 1 and v.day >= open_from) and not (v.held and (v.op < 3 or v.op = 9))
        union select v.position, v.activity, v.version from quota_version v where v.position = any (late)
    ), row as materialized (
        select n.position, n.position as cause from new n
        union all
        select b.position, n.position from new n join quota_version b on b.activity = n.activity and b.version < n.version where n.version > 1
        union all                              -- a later version that is settled already, while this one comes late
        select b.position, n.position from new n join quota_version b on b.activity = n.activity and b.version > n.version and b.position <= upto
        where n.position <= since
    )
    select 2::int2, p.person, p.day, extract(year from p.day)::int2, r.cause, false from row r join quota_participation p on p.position = r.position
    union all
    select 1::int2, t.team, t.day, extract(year from t.day)::int2, r.cause, false from row r join quota_team t on t.position = r.position;
end
$$;

-- Touched by register events (positions in news), each from its own first day on, in the years that were open when it was received: groups by the
-- days of activities that are there, years from then to the year of receipt and those that have a total already.
create or replace function quota_touch_registers(news int8[], upto int8) returns setof quota_touch
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
begin
    return query
    with ev as materialized (
        select n.p as position, quota_open_from(e.received_at) as floor,
               extract(year from coalesce(e.received_at, timestamptz '1900-06-01 00:00+00') at time zone 'Asia/Shanghai')::int4 as year
        from unnest(news) n(p) left join event e on e.position = n.p
    ), member as materialized (               -- a membership: one person in one team
        select m.person, m.team, greatest(ev.floor, least(x.valid_from::date, (select b.valid_from::date from membership_version b
                   where b.number = x.number and b.position < x.position order by b.position desc limit 1))) as since,
               ev.position, ev.year
        from ev join membership_version x on x.position = ev.position join membership m on m.number = x.number
    ), above as materialized (                 -- of every unit those above it, where it is asked
        select u.unit, a.number from (select distinct team.unit from team) u cross join lateral unit_and_above(u.unit, upto) a
        where exists (select from ev join unit_version x on x.position = ev.position)
            or exists (select from ev join policy_version v on v.position = ev.position join policy p on p.number = v.number where p.scope = 'UNIT')
    ), team_changed as materialized (          -- a team, or a unit that moved under another: all of the team's open years
        select x.number as team, greatest(ev.floor, case when b.number is null then x.valid_from::date end) as since, date '2999-12-31' as until,
               ev.position, ev.year, false as policy
        from ev join team_version x on x.position = ev.position
            left join lateral (select v.number from team_version v where v.number = x.number and v.position < x.position limit 1) b on true
        union all
        select t.number, ev.floor, date '2999-12-31', ev.position, ev.year, true
        from ev join unit_version x on x.position = ev.position
            join lateral (select v.parent from unit_version v where v.number = x.number and v.position < x.position
                order by v.position desc limit 1) b on b.parent is distinct from x.parent
            join above a on a.number = x.number join team t on t.unit = a.unit
        where exists (select from policy where policy.scope = 'UNIT')
        union all
        select t.number, greatest(ev.floor, v.valid_from::date), coalesce(v.valid_to::date, date '2999-12-31'), ev.position, ev.year, true
        from ev join policy_version v on v.position = ev.position join policy p on p.number = v.number
            cross join lateral (
                select x.number from team x where p.scope = 'NATION' union all select x.number from team x where p.scope = 'TEAM' and x.number = p.team
                union all select x.number from above a join team x on x.unit = a.unit where p.scope = 'UNIT' and a.number = p.unit) t
    ), exempt as materialized (                -- the subject and the first day of an exemption never change
        select x.person, x.team, greatest(ev.floor, x.valid_from::date) as since, ev.position, ev.year
        from ev join exemption_version x on x.position = ev.position
    ), person_days as (
        select m.person, m.team, p.day, m.position
        from member m join quota_participation p on p.person = m.person and p.day >= m.since and p.team = m.team and p.position <= upto
        union all
        select p.person, p.team, p.day, c.position
        from team_changed c join quota_team t on t.team = c.team and t.day between c.since and c.until and t.position <= upto
            join quota_participation p on p.position = t.position and p.team = c.team
        where c.policy
    ), person_years as (
        select m.person, y::int2 as year, m.position from member m cross join lateral generate_series(extract(year from m.since)::int4, m.year) y
        union
        select m.person, t.year, m.position from member m join quota_total t on t.subject_kind = 2 and t.subject = m.person
            and t.year >= extract(year from m.since)
        union
        select x.person, y::int2, x.position from exempt x cross join lateral generate_series(extract(year from x.since)::int4, x.year) y
        where x.person is not null
        union
        select x.person, t.year, x.position from exempt x join quota_total t on t.subject_kind = 2 and t.subject = x.person
            and t.year >= extract(year from x.since)
        union
        select s.person, t.year, c.position
        from team_changed c join membership s on s.team = c.team
            join quota_total t on t.subject_kind = 2 and t.subject = s.person and t.year between extract(year from c.since) and extract(year from c.until)
        where c.policy
    ), team_years as (
        select c.team, y::int2 as year, c.position
        from team_changed c cross join lateral generate_series(extract(year from c.since)::int4, c.year) y where not c.policy
        union
        select x.team, y::int2, x.position from exempt x cross join lateral generate_series(extract(year from x.since)::int4, x.year) y
        where x.team is not null
        union
        select x.team, t.year, x.position from exempt x join quota_total t on t.subject_kind = 1 and t.subject = x.team
            and t.year >= extract(year from x.since)
        union
        select c.team, t.year, c.position from team_changed c join quota_total t on t.subject_kind = 1 and t.subject = c.team
            and t.year between extract(year from c.since) and extract(year from c.until)
    )
    select 2::int2, d.person, d.day, extract(year from d.day)::int2, -d.position, true from person_days d
    union all
    select 1::int2, d.team, d.day, extract(year from d.day)::int2, -d.position, true from person_days d
    union all
    select 1::int2, c.team, t.day, extract(year from t.day)::int2, -c.position, true
    from team_changed c join quota_team t on t.team = c.team and t.day between c.since and c.until and t.position <= upto
    union all
    select 2::int2, y.person, null, y.year, -y.position, true from person_years y
    union all
    select 1::int2, y.team, null, y.year, -y.position, true from team_years y;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- first reports

-- Nearly all that comes is first reports, with positions above the settled one, in groups that nothing else touches. What stands in such a group
-- stands rightly: whatever could change it touches it, and touched groups are computed whole. So only the new rows are read, by their positions,
-- and one probe of the ledger a person and day tells whether they can be added as they are. A report then costs the same however long the history.

-- What the ledger holds for subjects on days: index probes, as above. The pairs must be distinct.
create or replace function quota_booked(kind int2, subjects int4[], days date[])
        returns table (subject int4, day date, activity uuid, team int4, minutes int4, sessions int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
    return query
    select l.subject, l.day, l.activity, l.team, sum(l.minutes)::int4, sum(l.sessions)::int4
    from unnest(subjects, days) g(s, d) join ledger_entry l on l.subject_kind = quota_booked.kind and l.subject = g.s and l.day = g.d
    where l.team <> 0                          -- what was carried is of no day
    group by l.subject, l.day, l.activity, l.team;
end
$$;

-- Posts what first reports in (since, upto] add to groups that are not touched otherwise (persons, days; teams, team_days).
-- A person's day whose sum could exceed a cap is returned with its day, to be computed whole: `least_cap` is the smallest that any policy has, and
-- while a day's sum stays within it no credit of that day is reduced, nor would one that was reduced come out otherwise. Where a team's activity
-- comes before the one that the session of its day and site stands on, the session moves. Returns the sums by subject and year.
-- It leans on versions of an activity rising with positions: validation accepts a version only upon the one before (V31).
create or replace function quota_post_first(since int8, upto int8, persons int4[], days date[], teams int4[], team_days date[])
        returns setof quota_delta
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off set enable_mergejoin = off set enable_seqscan = off set max_parallel_workers_per_gather = 0
    set jit = off as $$
#variable_conflict use_column
declare
    least_cap int4 := coalesce((select min(v.day_cap_minutes) from policy_version v where v.position <= upto), 0);
    roster int4[] := array(select distinct p.person from quota_participation p where p.position > since and p.position <= upto);
begin
    if not exists (select from quota_version v where v.position > since and v.position <= upto) then
        return;                                -- most settlements of an idle system: planning the rest is all they would cost
    end if;
    return query
    with j as materialized (
        select j.position, j.activity, j.day, j.year, j.person, j.team, j.c, j.policy, j.version, j.min_athletes, j.s_policy, j.s_version
        from quota_judged(since, upto, '{}', roster, upto) j
    ), credit as materialized (                -- in the order of the ledger's key: neighbours are probed and inserted one after the other
        select x.*, u.person is not null or x.day_sum > least_cap
                   or x.day_sum + (select coalesce(sum(l.minutes), 0) from ledger_entry l
                                   where l.subject_kind = 2 and l.subject = x.person and l.day = x.day and l.team <> 0) > least_cap as again
        from (select j.person, j.day, j.activity, j.team, j.c, j.policy, j.version, j.year, sum(j.c) over (partition by j.person, j.day) as day_sum
              from j where j.c > 0) x
            left join unnest(persons, days) u(person, day) on u.person = x.person and u.day = x.day
    ), counted as materialized (
        select j.position, j.team, j.day, min(j.s_policy) as policy, min(j.s_version) as version
        from j where j.min_athletes is not null group by j.position, j.team, j.day having count(*) >= min(j.min_athletes)
    ), session as materialized (
        select c.team, c.day, v.site, v.start_at, v.activity, c.policy, c.version
        from counted c
            join quota_team_active(array(select distinct counted.team from counted), upto) a on a.team = c.team and c.day <@ a.active
            join quota_version v on v.position = c.position
        where v.position > since and v.position <= upto
            and not exists (select from unnest(teams, team_days) u(team, day) where u.team = c.team and u.day = c.day)
    ), standing as materialized (
        select b.subject as team, b.day, q.site, q.start_at, b.activity
        from quota_booked(1::int2, array(select s.team from session s group by s.team, s.day order by s.team, s.day),
                          array(select s.day from session s group by s.team, s.day order by s.team, s.day)) b
            cross join lateral (select coalesce(n.body, n.position) as position from quota_version n where n.activity = b.activity and n.position <= upto
                                and not n.held order by n.version desc limit 1) n
            cross join lateral (select v.site, v.start_at from quota_version v where v.position = n.position offset 0) q -- a join would read all history
        where b.sessions > 0
    ), ranked as materialized (
        select x.*, date_part('year', x.day)::int2 as year,
               row_number() over (partition by x.team, x.day, x.site order by x.start_at, x.activity) = 1 as first
        from (select s.team, s.day, s.site, s.start_at, s.activity, s.policy, s.version, false as stands from session s
              union all select t.team, t.day, t.site, t.start_at, t.activity, null, null, true from standing t) x
    ), posted as (
        insert into ledger_entry (position, activity, subject, day, minutes, team, policy, policy_version, subject_kind, year, kind, sessions)
            select upto, c.activity, c.person, c.day, c.c, c.team, c.policy, c.version, 2::int2, c.year, 'CREDIT', 0::int2
            from credit c where not c.again
            union all
            select upto, r.activity, r.team, r.day, 0, r.team, r.policy, r.version, 1::int2, r.year,
                   case when r.stands then 'REVERSAL' else 'CREDIT' end, case when r.stands then -1 else 1 end::int2
            from ranked r where r.first <> r.stands
    )
    select 2::int2, j.person, null::date, j.year, max(j.position), false, sum(j.c)::int8, 0::int8, 0::int8 from j group by j.person, j.year
    union all
    select 1::int2, c.team, null, c.year, null, false, 0, 0, sum(c.c) from credit c where not c.again group by c.team, c.year
    union all                                  -- what must be computed whole was not posted
    select 2::int2, c.person, c.day, c.year, null, false, -sum(c.c), 0, 0 from credit c where c.again group by c.person, c.day, c.year
    union all
    select 1::int2, r.team, null, r.year, null, false, 0, sum(case when r.stands then -1 else 1 end), 0
    from ranked r where r.first <> r.stands group by r.team, r.year
    union all
    select 1::int2, t.team, null, date_part('year', t.day)::int2, max(t.position), false, 0, 0, 0
    from quota_version v join quota_team t on t.position = v.position
    where v.position > since and v.position <= upto and t.position > since and t.position <= upto and v.version = 1 and v.op = 1
        and not v.held
    group by t.team, date_part('year', t.day)::int2;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- settle

-- Posts what is missing between the ledger and what should stand in these groups; returns the sums posted, by subject and year. For a person's
-- entry also a row for the team it came through (sums by team: member_minutes).
create or replace function quota_post(upto int8, persons int4[], person_days date[], teams int4[], team_days date[])
        returns setof quota_delta
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off set jit = off as $$
#variable_conflict use_column
begin
    return query
    with should as materialized (
        select * from quota_should(persons, person_days, teams, team_days, upto)
    ), booked as materialized (
        select 2::int2 as subject_kind, b.* from quota_booked(2::int2, persons, person_days) b
        union all
        select 1::int2, b.* from quota_booked(1::int2, teams, team_days) b
    ), posted as (
        insert into ledger_entry as e (position, activity, subject, day, minutes, team, policy, policy_version, subject_kind, year, kind, sessions)
            select upto, x.activity, x.subject, x.day, x.minutes, x.team, x.policy, x.policy_version, x.subject_kind, date_part('year', x.day)::int2,
                   case when x.had then case when x.should then 'ADJUST' else 'REVERSAL' end else 'CREDIT' end, x.sessions::int2
            from (select subject_kind, subject, day, activity, team, coalesce(s.minutes, 0) - coalesce(b.minutes, 0) as minutes,
                         coalesce(s.sessions, 0) - coalesce(b.sessions, 0) as sessions, s.policy, s.policy_version, s.policy is not null as should,
                         coalesce(b.minutes <> 0 or b.sessions <> 0, false) as had
                  from should s full join booked b using (subject_kind, subject, day, activity, team)) x
            where x.minutes <> 0 or x.sessions <> 0
            returning e.subject_kind, e.subject, e.year, e.minutes, e.sessions, e.team
    )
    select p.subject_kind, p.subject, null::date, p.year, null::int8, false, sum(p.minutes), sum(p.sessions), 0::int8
    from posted p group by p.subject_kind, p.subject, p.year
    union all
    select 1::int2, p.team, null, p.year, null, false, 0::int8, 0::int8, sum(p.minutes) from posted p where p.subject_kind = 2 group by p.team, p.year;
end
$$;

-- Writes the totals of touched subjects and years: adds what was posted, computes the duty where it is not stored or no longer holds, and notes
-- the settlement in which a duty first stands as met. Returns those subjects and years, each with the event it came from.
create or replace function quota_total_up(upto int8, deltas quota_delta[])
        returns table (cause int8, subject int4, minutes int4, sessions int4, duty int4, policy int4, policy_version int4, subject_kind int2, year int2)
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_mergejoin = off set jit = off as $$
#variable_conflict use_column
begin
    return query
    with u as materialized (
        select d.subject_kind as k, d.subject as s, d.year as y, max(d.cause) as cause, bool_or(d.duty) as d, sum(d.minutes)::int4 as m,
               sum(d.sessions)::int4 as n, sum(d.member_minutes)::int4 as mm
        from unnest(deltas) d group by d.subject_kind, d.subject, d.year
    ), t as materialized (
        select u.k, u.s, u.y, u.cause, u.d or o.subject is null as fresh, coalesce(o.minutes, 0) + u.m as minutes,
               coalesce(o.sessions, 0) + u.n as sessions, coalesce(o.member_minutes, 0) + u.mm as member_minutes, o.duty, o.policy, o.policy_version,
               o.met
        from u left join quota_total o on o.subject_kind = u.k and o.subject = u.s and o.year = u.y
    ), duty as materialized (
        select 2::int2 as k, d.person as s, d.year as y, d.duty, d.policy, d.policy_version
        from quota_person_duty(array(select t.s from t where t.k = 2 and t.fresh order by t.s, t.y),
                               array(select t.y from t where t.k = 2 and t.fresh order by t.s, t.y), upto) d
        union all
        select 1::int2, d.team, d.year, d.duty, d.policy, d.policy_version
        from quota_team_duty(array(select t.s from t where t.k = 1 and t.fresh order by t.s, t.y),
                             array(select t.y from t where t.k = 1 and t.fresh order by t.s, t.y), upto) d
    ), n as materialized (
        select t.k, t.s, t.y, t.cause, t.minutes, t.sessions, t.member_minutes, t.met, case when t.fresh then d.duty else t.duty end as duty,
               case when t.fresh then d.policy else t.policy end as policy, case when t.fresh then d.policy_version else t.policy_version end as pv
        from t left join duty d on d.k = t.k and d.s = t.s and d.y = t.y
    ), written as (
        insert into quota_total as q (met, changed, subject, minutes, sessions, member_minutes, duty, policy, policy_version, subject_kind, year)
            select coalesce(n.met, case when n.duty > 0 and case n.k when 2 then n.minutes else n.sessions end >= n.duty then upto end), upto, n.s,
                   n.minutes, n.sessions, n.member_minutes, n.duty, n.policy, n.pv, n.k, n.y
            from n
            order by n.k, n.s, n.y                 -- neighbours of the key one after the other
            on conflict (subject_kind, subject, year) do update set met = excluded.met, changed = excluded.changed, minutes = excluded.minutes,
                sessions = excluded.sessions, member_minutes = excluded.member_minutes, duty = excluded.duty, policy = excluded.policy,
                policy_version = excluded.policy_version
    )
    select n.cause, n.s, n.minutes, n.sessions, n.duty, n.policy, n.pv, n.k, n.y
    from n where n.met is null and n.duty > 0 and case n.k when 2 then n.minutes else n.sessions end >= n.duty;
end
$$;

-- The distinct groups of what is touched, as columns.
create or replace function quota_groups(touched quota_delta[], out persons int4[], out person_days date[], out teams int4[], out team_days date[])
    language sql immutable set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce(array_agg(u.subject) filter (where u.subject_kind = 2), '{}'), coalesce(array_agg(u.day) filter (where u.subject_kind = 2), '{}'),
           coalesce(array_agg(u.subject) filter (where u.subject_kind = 1), '{}'), coalesce(array_agg(u.day) filter (where u.subject_kind = 1), '{}')
    from (select distinct t.subject_kind, t.subject, t.day from unnest(touched) t where t.day is not null) u
$$;

-- Updates the totals and announces quota.duty_met for subjects and years whose duty first stands as met: parent is the latest event of an activity
-- that touched the subject in that year (of the registers or the calendar, where none did); the number is made of subject and year, so it
-- depends on no batch. A day's event is also the parent of that day's digests, whose numbers are teams: bit 30 keeps the two apart (follow_on_range).
create or replace function quota_announce(upto int8, deltas quota_delta[]) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set jit = off as $$
#variable_conflict use_column
begin
    return query
        select e.position, e.id, case when c.position is null then 0 else (select follow_on_base('quota', 'day', 'quota.duty_met')) end | (w.subject << 5) | ((w.subject_kind - 1) << 4) | (w.year & 15),
               'quota.duty_met', x.unit, null::text,
               json_build_object('subject', case w.subject_kind when 1 then 'TEAM' else 'PERSON' end, 'code', x.code, 'year', w.year,
                   'minutes', w.minutes, 'sessions', w.sessions, 'duty', w.duty, 'policy', w.policy, 'policy_version', w.policy_version)::text
        from quota_total_up(upto, deltas) w
            join event e on e.position = abs(w.cause)
            left join calendar_day c on c.position = e.position
            join lateral (select t.unit, t.code::text from team t where w.subject_kind = 1 and t.number = w.subject
                          union all select p.unit, p.code::text from person p where w.subject_kind = 2 and p.number = w.subject) x on true
        order by e.position, w.subject_kind, w.subject, w.year;
end
$$;

-- Settles up to a position: everything of the kind at or below it is closed or parked. Called again with a position already settled it does
-- nothing. Returns what is announced.
create or replace function settle_quota(upto int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    since int8;
    seen int8;
    late int8[];
    news int8[];
    closed int8;
    deltas quota_delta[];
    pp int4[]; pd date[]; tt int4[]; td date[];
    stop int8;
begin
    insert into settled as x (position, kind) values (0, 3) on conflict on constraint settled_pkey do nothing;
    select x.position into since from settled x where x.kind = 3 for update;
    if upto <= since then
        return;
    end if;
    -- A closed year keeps the registers of its close: where one would be passed, settlement stops there first, and where that day begins.
    for stop in
        with closing as (
            select min(c.position) as position, extract(year from c.day)::int2 - 1 as year from calendar_day c
            where c.position > since and c.position <= upto and to_char(c.day, 'MM-DD') >= '02-08' and not exists (select from calendar_day b
                where b.position <= since and b.day between make_date(extract(year from c.day)::int4, 2, 8) and c.day)
            group by extract(year from c.day)
        )
        select x.p from closing c cross join lateral (values (quota_registers(c.year::int2, c.position)), (c.position)) x(p)
        where x.p > since and x.p < upto group by x.p order by x.p
    loop
        return query select * from settle_quota(stop);
        since := stop;
    end loop;
    select q.register_closure into seen from quota_seen q for update;
    late := array(select l.position from quota_late l where l.position <= upto);
    delete from quota_late l where l.position = any (late);
    select array_agg(l.position), max(l.closure) filter (where l.closure > seen) into news, closed
        from register_log l where l.verdict = 1 and l.position <= upto and (l.position > since or l.closure > seen);
    deltas := array(select row(t.*, 0, 0, 0)::quota_delta from quota_touch_activities(since, upto, late) t
                    union all
                    select row(t.*, 0, 0, 0)::quota_delta from quota_touch_registers(news, upto) t where news is not null
                    union all
                    select row(t.*, 0, 0, 0)::quota_delta from quota_open_years(since, upto) t);
    deltas := deltas || array(select row(g.*, 0, 0, 0)::quota_delta from quota_joint_groups(deltas, upto) g);
    select * into pp, pd, tt, td from quota_groups(deltas);
    deltas := deltas || array(select d from quota_post_first(since, upto, pp, pd, tt, td) d);
    select * into pp, pd, tt, td from quota_groups(deltas);
    if cardinality(pp) + cardinality(tt) > 0 then
        deltas := deltas || array(select d from quota_post(upto, pp, pd, tt, td) d);
    end if;
    perform mark_settled(3::int2, upto);
    update quota_seen q set register_closure = closed where closed is not null;
    loop                                       -- once; again where something is carried, and from that year into the next
        if cardinality(deltas) > 0 then
            return query select * from quota_announce(upto, deltas);
        end if;
        deltas := array(select d from quota_post_carry(since, upto, deltas) d);
        since := upto;
        exit when cardinality(deltas) = 0;
    end loop;
end
$$;

grant execute on function settle_quota(int8) to liangjin_broker;
reset role;
