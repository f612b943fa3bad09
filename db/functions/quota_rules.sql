-- The rules of the quota: which policy holds, what an athlete's row is worth, and what should stand for persons and teams (what they owe:
-- quota_duty.sql). Reads only; everything is computed as of a position. Idempotent.
-- Arrays, not temporary tables: they bloat no catalogue at one settlement a second, and under force_custom_plan the planner knows how long they are.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- ---------------------------------------------------------------------------------------------------------------- policies

-- By which position's registers and policies a year is reckoned: while it is open, the position asked at; once it is closed, the last one received before
-- it was (7 February of the next year is the last day). The days of the log say when that was, so it is the same whenever it is asked.
create or replace function quota_registers(year int2, upto int8) returns int8
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    first constant date := make_date(quota_registers.year + 1, 2, 8);
    closing int8;
begin
    if coalesce((select c.day from calendar_day c where c.position <= upto order by c.position desc limit 1) < first, true) then
        return upto;
    end if;
    select min(c.position) into closing from calendar_day c where c.day >= first and c.position <= upto;
    -- What came in the first moments of that day may stand before the event that says so.
    return coalesce((select min(e.position) - 1 from event e
                     where e.position > (select coalesce(max(b.position), 0) from calendar_day b where b.position < closing) and e.position < closing
                         and e.received_at >= first::timestamp at time zone 'Asia/Shanghai'), closing);
end
$$;

-- Which policy holds for a team, by spans of days (lo and hi included): a_* for minutes, caps and the athletes' duty, s_* for sessions and the
-- team's duty. Of each scope object the highest version in force; of those the strictest, the narrower scope where they are equal (7.6a).
-- Days that no row holds are in no span. Teams without a policy of their own share their unit's answer.
create or replace function quota_policy_spans(teams int4[], upto int8)
        returns table (team int4, lo date, hi date, a_policy int4, a_version int4, s_policy int4, s_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on as $$
#variable_conflict use_column
begin
    return query
    with t as materialized (
        select i.number as team, i.unit, p.number as own
        from unnest(teams) q(n) join team i on i.number = q.n left join policy p on p.scope = 'TEAM' and p.team = i.number
    ), profile as materialized (
        select distinct t.unit, t.own from t
    ), above as materialized (
        select u.unit, a.number, a.level
        from (select distinct profile.unit from profile where exists (select from policy where policy.scope = 'UNIT')) u
            cross join lateral unit_and_above(u.unit, upto) a
    ), applicable as materialized (
        select pr.unit, pr.own, p.number, v.version, v.valid_from::date as lo, coalesce(v.valid_to::date, date '2999-12-31') as hi,
               v.athlete_min_minutes as am, v.team_min_sessions as sm,
               case p.scope when 'TEAM' then -1 when 'UNIT' then ab.level else 1000 end as width
        from profile pr
            join policy p on p.scope = 'NATION' or p.number = pr.own or p.scope = 'UNIT'
            left join above ab on ab.unit = pr.unit and ab.number = p.unit
            join policy_version v on v.number = p.number and v.position <= upto
        where p.scope <> 'UNIT' or ab.number is not null
    ), edge as (
        select unit, own, lo as at from applicable union select unit, own, hi + 1 from applicable
    ), piece as (
        select unit, own, at as lo, lead(at) over (partition by unit, own order by at) - 1 as hi from edge
    ), latest as (
        select distinct on (p.unit, p.own, p.lo, a.number) p.unit, p.own, p.lo, p.hi, a.number, a.version, a.am, a.sm, a.width
        from piece p join applicable a on a.unit = p.unit and a.own is not distinct from p.own and a.lo <= p.lo and a.hi >= p.lo
        where p.hi is not null
        order by p.unit, p.own, p.lo, a.number, a.version desc
    ), pick as materialized (
        select l.unit, l.own, l.lo, l.hi,
               (array_agg(l.number order by l.am desc, l.width, l.number))[1] as ap, (array_agg(l.version order by l.am desc, l.width, l.number))[1] as av,
               (array_agg(l.number order by l.sm desc, l.width, l.number))[1] as sp, (array_agg(l.version order by l.sm desc, l.width, l.number))[1] as sv
        from latest l group by l.unit, l.own, l.lo, l.hi
    )
    select t.team, k.lo, k.hi, k.ap, k.av, k.sp, k.sv from t join pick k on k.unit = t.unit and k.own is not distinct from t.own;
end
$$;

-- A policy version's numbers as whole ten-thousandths (the columns are numeric(5,4)): exact, and integer arithmetic is several times as fast.
create or replace view quota_rule as
    select v.number, v.version, v.athlete_min_minutes, v.team_min_sessions, v.activity_cap_minutes, v.day_cap_minutes, v.lecture_cap_minutes, v.rounding,
           v.min_team_athletes, v.counted_statuses, v.session_statuses, v.session_tolerance, v.entry_cutoff,
           (v.presence_min * 10000)::int4 as presence,
           array[v.mode_onsite, v.mode_live, v.mode_recorded, v.mode_hybrid] as mode_numeric,
           array[(v.mode_onsite * 10000)::int4, (v.mode_live * 10000)::int4, (v.mode_recorded * 10000)::int4, (v.mode_hybrid * 10000)::int4] as factors
    from policy_version v;

-- Spans of athletes' memberships as of a position.
create or replace function quota_member_spans(persons int4[], upto int8)
        returns table (person int4, team int4, status text, lo date, hi date)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on as $$
#variable_conflict use_column
begin
    return query
    select m.person, m.team, v.status, v.valid_from::date, coalesce(v.valid_to::date, date '2999-12-31')
    from unnest(persons) q(n) join membership m on m.person = q.n join membership_version v on v.number = m.number and v.position <= upto
    where v.role = 'ATHLETE'
        and not exists (select from membership_version n where n.number = v.number and n.position > v.position and n.position <= upto);
end
$$;

-- What holds for athletes in their teams, by spans of days (lo and hi included), in one pass over memberships as of a position and policies.
-- policy ...: of minutes; earns: the status is counted. s_policy ...: of sessions; counts: the status is one of session_statuses.
create or replace function quota_member_rules(persons int4[], upto int8)
        returns table (person int4, team int4, lo date, hi date, policy int4, version int4, presence int4, activity_cap int4, lecture_cap int4,
            day_cap int4, rounding int4, factors int4[], earns bool, s_policy int4, s_version int4, s_presence int4, s_factors int4[],
            min_athletes int4, counts bool)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off set jit = off as $$
#variable_conflict use_column
begin
    return query
    with member as materialized (
        select * from quota_member_spans(persons, upto)
    ), span as materialized (
        select * from quota_policy_spans(array(select distinct member.team from member), upto)
    )
    select m.person, m.team, greatest(m.lo, s.lo), least(m.hi, s.hi), a.number, a.version, a.presence, a.activity_cap_minutes::int4,
           a.lecture_cap_minutes::int4, a.day_cap_minutes::int4, a.rounding::int4, a.factors, m.status = any (a.counted_statuses),
           b.number, b.version, b.presence, b.factors, b.min_team_athletes::int4, m.status = any (b.session_statuses)
    from member m
        join span s on s.team = m.team and s.lo <= m.hi and s.hi >= m.lo
        join quota_rule a on a.number = s.a_policy and a.version = s.a_version
        join quota_rule b on b.number = s.s_policy and b.version = s.s_version;
end
$$;

-- Days on which teams are ACTIVE, as of a position.
create or replace function quota_team_active(teams int4[], upto int8) returns table (team int4, active datemultirange)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on as $$
#variable_conflict use_column
begin
    return query
    select v.number, datemultirange(daterange(v.valid_from, v.valid_to, '[]')) - v.paused
    from unnest(teams) q(n) join team_version v on v.number = q.n and v.position <= upto
    where not exists (select from team_version n where n.number = v.number and n.position > v.position and n.position <= upto);
end
$$;

-- Days on which persons (kind 2) or teams (kind 1) are exempt with one of these effects, as of a position; APPROVED and ENDED count alike. No row: none.
create or replace function quota_exempt(kind int2, subjects int4[], effects text[], upto int8) returns table (subject int4, days datemultirange)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set jit = off as $$
#variable_conflict use_column
begin
    return query
    select x.subject, range_agg(daterange(x.valid_from, x.valid_to, '[]'))
    from (select v.person as subject, v.* from unnest(subjects) q(n) join exemption_version v on v.person = q.n where quota_exempt.kind = 2
          union all
          select v.team, v.* from unnest(subjects) q(n) join exemption_version v on v.team = q.n where quota_exempt.kind = 1) x
    where x.position <= upto and x.effect = any (effects)
        and not exists (select from exemption_version n where n.number = x.number and n.position > x.position and n.position <= upto)
    group by x.subject;
end
$$;

-- How many days lie in lo .. hi.
create or replace function quota_days(days datemultirange) returns int4 language sql immutable parallel safe as
    $$ select coalesce(sum(upper(r) - lower(r)), 0)::int4 from unnest(days) r $$;

-- ---------------------------------------------------------------------------------------------------------------- what should stand

-- Minutes of one row, before the day rule.
create or replace function quota_credit(base int2, cap int4, factor int4, rounding int4) returns int4 language sql immutable parallel safe as
    $$ select least(base, cap) * factor / (10000 * rounding) * rounding $$;

-- Roster rows of versions of activities, by position: index probes and nothing else (a hash join of some hundred thousand keys reads the whole
-- history). The arithmetic runs apart from it with enable_nestloop off: the planner cannot know how many rows a step there has, and a wrong guess
-- costs minutes. And with jit off, whoever calls: a join that is "off" counts as enormously dear, and compiling it took seconds for a single row.
drop function if exists quota_rows_at(int8[]);
create or replace function quota_rows_at(positions int8[], upto int8)
        returns table ("position" int8, activity uuid, start_at timestamptz, site int4, day date, year int2, person int4, team int4, present int2,
            base int2, net int2, mode int2, guided bool, able bool)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
    return query
    select p.position, v.activity, v.start_at, v.site, v.day, date_part('year', v.day)::int2, p.person, p.team, p.present, p.base, v.net, v.mode,
           v.guided, p.listed and p.role <> 5 and not v.themes_only
               and coalesce((select d.op = 6 from quota_version d where d.activity = v.activity and d.person = p.person and d.position <= upto
                             order by d.version desc limit 1), true)     -- disputed, and not solved: no minutes, no athlete
    from unnest(positions) g(position) join quota_version v on v.position = g.position join quota_participation p on p.position = v.position;
end
$$;

-- Roster rows with what they are worth by themselves: c, minutes before the day rule; min_athletes, not null where the row counts as an athlete of
-- its team, so that the activity makes a session for it when so many do. The rows are those of first reports with positions in (since, upto], and
-- those at positions; registers: the position that these are taken at. One query without a SET: it is planned as part of its caller's, under the caller's settings.
drop function if exists quota_judged(int8, int8, int8[], int4[]);
create or replace function quota_judged(since int8, upto int8, positions int8[], persons int4[], registers int8)
        returns table ("position" int8, activity uuid, start_at timestamptz, site int4, day date, year int2, person int4, team int4, c int4,
            day_cap int4, rounding int4, policy int4, version int4, min_athletes int4, s_policy int4, s_version int4)
    language sql stable as $$
    select r.position, r.activity, r.start_at, r.site, r.day, r.year, r.person, r.team,
           case when r.able and k.earns and r.present * 10000 >= k.presence * r.net
                then quota_credit(r.base, case when r.guided then k.activity_cap else k.lecture_cap end, k.factors[r.mode], k.rounding) else 0 end,
           k.day_cap, k.rounding, k.policy, k.version,
           case when r.able and k.counts and k.s_factors[r.mode] > 0 and r.present * 10000 >= k.s_presence * r.net then k.min_athletes end,
           k.s_policy, k.s_version
    from (select p.position, v.activity, v.start_at, v.site, v.day, v.year, p.person, p.team, p.present, p.base, v.net, v.mode, v.guided,
                 p.listed and p.role <> 5 and not v.themes_only as able
          from (select x.*, date_part('year', x.day)::int2 as year from quota_version x
                where x.position > since and x.position <= upto and x.version = 1 and x.op = 1 and not x.held offset 0) v
              join quota_participation p on p.position = v.position
          where p.position > since and p.position <= upto
          union all
          select * from quota_rows_at(positions, upto)) r
        left join quota_member_rules(persons, registers) k on k.person = r.person and k.team = r.team and r.day between k.lo and k.hi
$$;

-- Positions of the live versions that touch persons on days or teams on days: index probes, as above.
create or replace function quota_live_positions(persons int4[], days date[], teams int4[], team_days date[], upto int8) returns setof int8
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
    return query
    select v.position
    from (select p.position from unnest(persons, days) g(person, day)
              join quota_participation p on p.person = g.person and p.day = g.day and p.position <= upto
          union
          select t.position from unnest(teams, team_days) g(team, day)
              join quota_team t on t.team = g.team and t.day = g.day and t.position <= upto) x
        join quota_version v on v.position = x.position
    where v.position = (select coalesce(n.body, n.position) from quota_version n where n.activity = v.activity and n.position <= upto and not n.held
                        order by n.version desc limit 1);
end
$$;

-- The day rule where a day's credits exceed a cap: in order each gets min(credit, its row's cap - the day's minutes so far), rounded down again.
create or replace function quota_day_rule(credits int4[], caps int4[], roundings int4[]) returns int4[]
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    ret int4[] := '{}';
    so_far int4 := 0;
    got int4;
begin
    for i in 1 .. cardinality(credits) loop
        got := greatest(0, least(credits[i], caps[i] - so_far)) / roundings[i] * roundings[i];
        so_far := so_far + got;
        ret := ret || got;
    end loop;
    return ret;
end
$$;

-- What should stand for persons on days and for teams on days: a row an activity that gives minutes; a row a site, on the first activity there that
-- reaches min_team_athletes by itself. The pairs must be distinct, and of years that are reckoned by the same registers.
create or replace function quota_should_by(persons int4[], days date[], teams int4[], team_days date[], upto int8, registers int8)
        returns table (subject_kind int2, subject int4, day date, activity uuid, team int4, minutes int4, sessions int4, policy int4,
            policy_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off set jit = off as $$
#variable_conflict use_column
declare
    positions int8[] := array(select quota_live_positions(persons, days, teams, team_days, upto));
    roster int4[];
begin
    positions := positions || array(select quota_joint_positions(positions, upto));
    roster := array(select distinct r.person from quota_rows_at(positions, upto) r);
    return query
    with j as materialized (
        select * from quota_judged(upto, upto, positions, roster, registers)
    ), joint as materialized (                 -- reports of one event: who counts in an earlier one does not count again
        select b.activity, a.activity as before from quota_joint(array(select distinct j.activity from j), upto) a
            join quota_joint(array(select distinct j.activity from j), upto) b on b.event = a.event and a.place < b.place
    ), again as materialized (
        select distinct x.activity, k.person from joint x join j k on k.activity = x.before where k.c > 0
    ), credit as materialized (
        select j.* from j join unnest(persons, days) g(person, day) on g.person = j.person and g.day = j.day
        where j.c > 0 and not exists (select from again a where a.activity = j.activity and a.person = j.person)
    ), hot as materialized (                   -- the few groups whose sum exceeds a cap: only they need their order
        select c.person, c.day from credit c group by c.person, c.day having sum(c.c) > min(c.day_cap)
    ), capped as (
        select c.person, c.day, array_agg(c.activity order by c.start_at, c.activity) as activities,
               array_agg(c.team order by c.start_at, c.activity) as teams, array_agg(c.policy order by c.start_at, c.activity) as policies,
               array_agg(c.version order by c.start_at, c.activity) as versions,
               quota_day_rule(array_agg(c.c order by c.start_at, c.activity), array_agg(c.day_cap order by c.start_at, c.activity),
                   array_agg(c.rounding order by c.start_at, c.activity)) as got
        from credit c join hot h on h.person = c.person and h.day = c.day group by c.person, c.day
    ), counted as materialized (
        select j.position, j.team, j.day, j.site, j.start_at, j.activity, min(j.s_policy) as policy, min(j.s_version) as version
        from j where j.min_athletes is not null
        group by j.position, j.team, j.day, j.site, j.start_at, j.activity having count(*) >= min(j.min_athletes)
    ), session as materialized (
        select c.* from counted c
            join quota_team_active(array(select distinct counted.team from counted), registers) a on a.team = c.team and c.day <@ a.active
    )
    select 2::int2, c.person, c.day, c.activity, c.team, c.c, 0, c.policy, c.version
    from credit c where not exists (select from hot h where h.person = c.person and h.day = c.day)
    union all
    select 2::int2, k.person, k.day, u.activity, u.team, u.minutes, 0, u.policy, u.version
    from capped k cross join lateral unnest(k.activities, k.teams, k.got, k.policies, k.versions) as u(activity, team, minutes, policy, version)
    where u.minutes > 0
    union all
    (select distinct on (s.team, s.day, s.site) 1::int2, s.team, s.day, s.activity, s.team, 0, 1, s.policy, s.version
     from session s
         join unnest(teams, team_days) g(team, day) on g.team = s.team and g.day = s.day
     where not exists (select from joint x join session b on b.activity = x.before where x.activity = s.activity and b.team = s.team)
     order by s.team, s.day, s.site, s.start_at, s.activity);
end
$$;

-- The same for pairs of any years: those of a closed year by the registers of its close.
create or replace function quota_should(persons int4[], days date[], teams int4[], team_days date[], upto int8)
        returns table (subject_kind int2, subject int4, day date, activity uuid, team int4, minutes int4, sessions int4, policy int4,
            policy_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
    r record;
begin
    for r in
        select y.registers, array_agg(y.year) as years, count(*) over () as n
        from (select u.year, quota_registers(u.year, upto) as registers
              from (select date_part('year', d)::int2 as year from unnest(days || team_days) d group by 1) u) y
        group by y.registers order by y.registers
    loop
        if r.n = 1 then                        -- nearly always
            return query select * from quota_should_by(persons, days, teams, team_days, upto, r.registers);
        else
            return query select b.* from (
                    select coalesce(array_agg(u.s) filter (where u.k = 2), '{}') as p, coalesce(array_agg(u.d) filter (where u.k = 2), '{}') as pd,
                           coalesce(array_agg(u.s) filter (where u.k = 1), '{}') as t, coalesce(array_agg(u.d) filter (where u.k = 1), '{}') as td
                    from (select 2 as k, x.s, x.d from unnest(persons, days) x(s, d) union all select 1, x.s, x.d from unnest(teams, team_days) x(s, d)) u
                    where date_part('year', u.d) = any (r.years)) g
                cross join lateral quota_should_by(g.p, g.pd, g.t, g.td, upto, r.registers) b;
        end if;
    end loop;
end
$$;

grant execute on function quota_policy_spans(int4[], int8) to liangjin_broker, liangjin_audit, liangjin_control;
grant select on quota_rule to liangjin_broker, liangjin_worker, liangjin_audit;
reset role;
