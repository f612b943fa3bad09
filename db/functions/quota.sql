-- The kind quota: minutes of athletes and sessions of teams. Raw rows, the ledger, totals, apply and settle functions, views, grants, the kind's row.
-- Idempotent.
--
-- Two steps, because a credit depends on other events and those come in any order:
--   apply_quota   inserts what the worker computed from its own event: a version of an activity, its teams, its participations. Nothing is updated.
--   settle_quota  runs behind, up to a position: collects the groups that are touched (person and day; team and day), computes what should stand in
--                 them by the registers as they stand there, and posts the difference to what the ledger holds as new entries.
-- So arrival order, corrections, withdrawals, two teams, caps and registers dated back need no case of their own: each only touches groups.
-- A settlement costs what it touches: every read below starts from arrays of touched keys and goes through an index. Arrays, not temporary tables:
-- they bloat no catalogue at one settlement a second, and under force_custom_plan the planner knows how long they are.
-- No clock, no sequence, no random: the same rows give the same ledger, and how settlements were cut changes no sum.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- ---------------------------------------------------------------------------------------------------------------- tables

-- A version of an activity, keyed by the event that made it. The live one is the highest version; a withdrawal's row ends the activity.
-- op: 1 report, 2 correction, 3 withdrawal. mode: 1 ONSITE, 2 LIVE, 3 RECORDED, 4 HYBRID. A withdrawal has the first five columns and unit alone.
create table if not exists quota_version (
    position int8 primary key,
    start_at timestamptz,
    activity uuid not null,
    version int4 not null check (version >= 1),
    day date,                                  -- local date of start_at
    site int4,                                 -- null: without a site
    op int2 not null check (op between 1 and 3),
    unit int2 not null,
    net int2,
    mode int2 check (mode between 1 and 4),
    guidance int2,                             -- guidance minutes
    guided bool,                               -- content holds TEACH, DEMO, MATCH_PLAY or TEST
    themes_only bool,                          -- themes all of PARTY and RED_EDU, and no guidance minutes: no minutes, no session
    check ((op = 3) = (start_at is null)),
    check (op = 3 or (day is not null and net is not null and mode is not null and guidance is not null and guided is not null
        and themes_only is not null))
);
create unique index if not exists quota_version_activity on quota_version (activity, version);

create table if not exists quota_team (
    position int8 not null,
    team int4 not null,
    day date not null,
    primary key (team, day, position)
);

-- role: 1 INSTRUCT, 2 DEMO, 3 TALK, 4 SUPPORT, 5 ATTEND. present and base = min(present, declared) in whole minutes. listed: the row's team is one
-- of the activity's.
create table if not exists quota_participation (
    position int8 not null,
    person int4 not null,
    team int4 not null,
    day date not null,
    present int2 not null check (present between 0 and 1440),
    base int2 not null check (base between 0 and present),
    role int2 not null check (role between 1 and 5),
    listed bool not null,
    primary key (position, person)
);
create index if not exists quota_participation_person on quota_participation (person, day);

-- Positions that come after settlement may have passed them (redriven events): taken up by the next settlement.
create table if not exists quota_late (
    position int8 primary key
);

-- Append-only. subject_kind: 1 TEAM, 2 PERSON. position: up to where the settlement that made the entry went. The key holds the day, so a group's
-- entries and a year's are each one range. team: of a person's entry, the team the participation was for;
-- of a team's, itself.
create table if not exists ledger_entry (
    position int8 not null,
    activity uuid not null,
    subject int4 not null,
    day date not null,
    minutes int4 not null,
    team int4 not null,
    policy int4,                               -- null: the subject lost the credit and no policy holds on that day
    policy_version int4,
    subject_kind int2 not null check (subject_kind in (1, 2)),
    year int2 not null,
    kind text not null check (kind in ('CREDIT', 'REVERSAL', 'ADJUST')),
    sessions int2 not null,
    primary key (subject_kind, subject, day, activity, team, position),
    check (minutes <> 0 or sessions <> 0),
    check (year = extract(year from day)),
    check (subject_kind = 2 or team = subject),
    check (case subject_kind when 1 then minutes = 0 else sessions = 0 end)
);
create or replace function append_only() returns trigger language plpgsql set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'P0001';
end
$$;
create or replace trigger ledger_append_only before update or delete or truncate on ledger_entry
    for each statement execute function append_only();

-- Sums of the ledger and the duty, a subject and year. duty: minutes of a person, sessions of a team; by the registers at the settled position.
-- member_minutes: of a team, the minutes that persons earned through it. met: the settlement in which the duty first stood as met.
create table if not exists quota_total (
    met int8,
    changed int8 not null,
    subject int4 not null,
    minutes int4 not null,
    sessions int4 not null,
    member_minutes int4 not null,
    duty int4 not null,
    policy int4,                               -- of the last day that carries duty
    policy_version int4,
    subject_kind int2 not null,
    year int2 not null,
    primary key (subject_kind, subject, year)
) with (fillfactor = 70);

-- Up to which closure of the kind register settlement has seen the registers: a redriven register event comes below the settled position.
create table if not exists quota_seen (
    register_closure int8 not null,
    one bool primary key default true check (one)
);
insert into quota_seen (register_closure) values (0) on conflict (one) do nothing;

-- What a settlement asks of the registers: which rows came with these events.
create index if not exists membership_version_position on membership_version (position);
create index if not exists team_version_position on team_version (position);

-- ---------------------------------------------------------------------------------------------------------------- apply

create or replace function apply_quota(closure int8, positions int8[], ids uuid[], received timestamptz[], activities uuid[], versions int4[],
        ops int2[], units int2[], starts timestamptz[], days date[], nets int2[], modes int2[], sites int4[], guidances int2[], guided bool[],
        themes_only bool[], team_positions int8[], team_numbers int4[], team_days date[], part_positions int8[], part_persons int4[],
        part_teams int4[], part_days date[], part_presents int2[], part_bases int2[], part_roles int2[], part_listed bool[])
        returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    if cardinality(activities) <> cardinality(positions) or cardinality(part_persons) <> cardinality(part_positions)
            or cardinality(team_numbers) <> cardinality(team_positions) then
        raise exception 'the columns of a quota batch do not fit together' using errcode = 'P0001';
    end if;
    insert into quota_version (position, start_at, activity, version, day, site, op, unit, net, mode, guidance, guided, themes_only)
        select u.position, u.start, u.activity, u.version, u.day, u.site, u.op, u.unit, u.net, u.mode, u.guidance, u.guided, u.themes_only
        from unnest(positions, activities, versions, ops, units, starts, days, nets, modes, sites, guidances, guided, themes_only)
            as u(position, activity, version, op, unit, start, day, net, mode, site, guidance, guided, themes_only);
    insert into quota_team (position, team, day)
        select u.position, u.team, u.day from unnest(team_positions, team_numbers, team_days) as u(position, team, day);
    insert into quota_participation (position, person, team, day, present, base, role, listed)
        select u.position, u.person, u.team, u.day, u.present, u.base, u.role, u.listed
        from unnest(part_positions, part_persons, part_teams, part_days, part_presents, part_bases, part_roles, part_listed)
            as u(position, person, team, day, present, base, role, listed);
    -- A parked event counts as closed, so settlement may have passed it; whatever was parked here or at the gate is taken up again.
    insert into quota_late (position)
        select distinct p.position from parked p where p.kind in (2, 3) and p.position = any (positions);
    return;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- policies

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
    select m.person, m.team, x.status, x.valid_from::date, coalesce(x.valid_to::date, date '2999-12-31')
    from unnest(persons) q(n) join membership m on m.person = q.n
        cross join lateral (select v.status, v.valid_from, v.valid_to, v.role from membership_version v
            where v.number = m.number and v.position <= upto order by v.position desc limit 1) x
    where x.role = 'ATHLETE';
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- what should stand

-- Live participations of persons on days, and live activities of teams on days: index probes from the touched keys, apart from the arithmetic
-- below, which runs with enable_nestloop off: the planner cannot know how many rows a step there has, and a wrong guess costs minutes. And with
-- jit off, whoever calls: a join that is "off" counts as enormously dear, and compiling it took seconds for a single row.
create or replace function quota_live_rows(persons int4[], days date[], upto int8)
        returns table (person int4, day date, team int4, present int2, base int2, net int2, start_at timestamptz, activity uuid, mode int2, guided bool)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on as $$
#variable_conflict use_column
begin
    return query
    select p.person, p.day, p.team, p.present, p.base, v.net, v.start_at, v.activity, v.mode, v.guided
    from unnest(persons, days) g(person, day)
        join quota_participation p on p.person = g.person and p.day = g.day and p.position <= upto
        join quota_version v on v.position = p.position
    where p.listed and p.role <> 5 and not v.themes_only
        and not exists (select from quota_version n where n.activity = v.activity and n.version > v.version and n.position <= upto);
end
$$;
create or replace function quota_live_activities(teams int4[], days date[], upto int8)
        returns table ("position" int8, team int4, day date, net int2, start_at timestamptz, activity uuid, mode int2, site int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on as $$
#variable_conflict use_column
begin
    return query
    select t.position, t.team, t.day, v.net, v.start_at, v.activity, v.mode, v.site
    from unnest(teams, days) g(team, day)
        join quota_team t on t.team = g.team and t.day = g.day and t.position <= upto
        join quota_version v on v.position = t.position
    where not v.themes_only
        and not exists (select from quota_version n where n.activity = v.activity and n.version > v.version and n.position <= upto);
end
$$;
-- Roster rows of a team in an activity that can count as athletes, by position.
create or replace function quota_team_rows(positions int8[], teams int4[], floors int4[])
        returns table ("position" int8, team int4, person int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on as $$
#variable_conflict use_column
begin
    return query
    select p.position, p.team, p.person
    from unnest(positions, teams, floors) g(position, team, floor)
        join quota_participation p on p.position = g.position and p.team = g.team and p.role <> 5 and p.present * 10000 >= g.floor;
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

-- Minutes that should stand for persons on days: a row an activity that gives any. The pairs must be distinct.
create or replace function quota_person_days(persons int4[], days date[], upto int8)
        returns table (person int4, day date, activity uuid, team int4, minutes int4, policy int4, policy_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off
    set jit = off as $$
#variable_conflict use_column
begin
    return query
    with raw as materialized (
        select * from quota_live_rows(persons, days, upto)
    ), member as materialized (
        select * from quota_member_spans(array(select distinct raw.person from raw), upto)
    ), span as materialized (
        select * from quota_policy_spans(array(select distinct raw.team from raw), upto)
    ), credit as materialized (
        select r.person, r.day, r.activity, r.team, r.start_at, q.number as policy, q.version, q.day_cap_minutes::int4 as cap, q.rounding::int4,
               least(r.base, case when r.guided then q.activity_cap_minutes else q.lecture_cap_minutes end) * q.factors[r.mode]
                   / (10000 * q.rounding) * q.rounding as c
        from raw r
            join member m on m.person = r.person and m.team = r.team and r.day between m.lo and m.hi
            join span s on s.team = r.team and r.day between s.lo and s.hi
            join quota_rule q on q.number = s.a_policy and q.version = s.a_version
        where m.status = any (q.counted_statuses) and r.present * 10000 >= q.presence * r.net
    ), hot as materialized (                   -- the few groups whose sum exceeds a cap: only they need their order
        select c.person, c.day from credit c group by c.person, c.day having sum(c.c) > min(c.cap)
    ), capped as (
        select c.person, c.day, array_agg(c.activity order by c.start_at, c.activity) as activities,
               array_agg(c.team order by c.start_at, c.activity) as teams, array_agg(c.policy order by c.start_at, c.activity) as policies,
               array_agg(c.version order by c.start_at, c.activity) as versions,
               quota_day_rule(array_agg(c.c order by c.start_at, c.activity), array_agg(c.cap order by c.start_at, c.activity),
                   array_agg(c.rounding order by c.start_at, c.activity)) as got
        from credit c join hot h on h.person = c.person and h.day = c.day group by c.person, c.day
    )
    select c.person, c.day, c.activity, c.team, c.c, c.policy, c.version
    from credit c
    where c.c > 0 and not exists (select from hot h where h.person = c.person and h.day = c.day)
    union all
    select k.person, k.day, u.activity, u.team, u.minutes, u.policy, u.version
    from capped k cross join lateral unnest(k.activities, k.teams, k.got, k.policies, k.versions) as u(activity, team, minutes, policy, version)
    where u.minutes > 0;
end
$$;

-- Sessions that should stand for teams on days: a row a site, on the first activity there that reaches min_team_athletes by itself. The pairs
-- must be distinct.
create or replace function quota_team_days(teams int4[], days date[], upto int8)
        returns table (team int4, day date, activity uuid, policy int4, policy_version int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off
    set jit = off as $$
#variable_conflict use_column
begin
    return query
    with raw as materialized (
        select * from quota_live_activities(teams, days, upto)
    ), able as materialized (
        select r.*, q.number, q.version, q.presence, q.min_team_athletes, q.session_statuses
        from raw r
            join (select i.n as number, x.valid_from, x.valid_to, x.paused
                  from (select distinct raw.team as n from raw) i
                      cross join lateral (select tv.* from team_version tv where tv.number = i.n and tv.position <= upto
                          order by tv.position desc limit 1) x) t
                on t.number = r.team and team_state_on(r.day, t.valid_from, t.valid_to, t.paused) = 'ACTIVE'
            join quota_policy_spans(array(select distinct raw.team from raw), upto) s on s.team = r.team and r.day between s.lo and s.hi
            join quota_rule q on q.number = s.s_policy and q.version = s.s_version
        where q.factors[r.mode] > 0
    ), present as materialized (
        select x.position, x.team, x.person
        from quota_team_rows(array(select able.position from able order by able.position, able.team),
                             array(select able.team from able order by able.position, able.team),
                             array(select able.presence * able.net from able order by able.position, able.team)) x
    ), counted as (
        select a.position, a.team, count(*) as n
        from present x join able a on a.position = x.position and a.team = x.team
            join quota_member_spans(array(select distinct present.person from present), upto) m
                on m.person = x.person and m.team = x.team and a.day between m.lo and m.hi
        where m.status = any (a.session_statuses)
        group by a.position, a.team
    )
    select distinct on (a.team, a.day, a.site) a.team, a.day, a.activity, a.number, a.version
    from able a join counted c on c.position = a.position and c.team = a.team and c.n >= a.min_team_athletes
    order by a.team, a.day, a.site, a.start_at, a.activity;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- duty

-- D(p,y): the sum over the days with a counted status of the highest athlete_min_minutes of that day, over the days of the year, rounded up once;
-- 0 where the first counted day lies after the entry cut-off. A row a pair asked for. Exact: integers to the end.
create or replace function quota_person_duty(persons int4[], years int2[], upto int8)
        returns table (person int4, year int2, duty int4, policy int4, policy_version int4)
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
    ), edge as (
        select iv.person, iv.year, iv.lo as at from iv union select iv.person, iv.year, iv.hi + 1 from iv
    ), piece as (
        select e.person, e.year, e.at as lo, lead(e.at) over (partition by e.person, e.year order by e.at) - 1 as hi from edge e
    ), best as (
        select distinct on (p.person, p.year, p.lo) p.person, p.year, p.lo, p.hi, iv.am, iv.rounding, iv.entry_cutoff, iv.number, iv.version
        from piece p join iv on iv.person = p.person and iv.year = p.year and iv.lo <= p.lo and iv.hi >= p.lo
        where p.hi is not null
        order by p.person, p.year, p.lo, iv.am desc, iv.number, iv.version desc
    ), summed as (
        select b.person, b.year, sum((b.hi - b.lo + 1) * b.am)::int8 as mass, min(b.lo) as entry,
               (array_agg(b.entry_cutoff order by b.lo))[1] as cutoff,
               (array_agg(b.rounding::int8 order by b.lo desc) filter (where b.am > 0))[1] as r,
               (array_agg(b.number order by b.lo desc) filter (where b.am > 0))[1] as number,
               (array_agg(b.version order by b.lo desc) filter (where b.am > 0))[1] as version
        from best b group by b.person, b.year
    )
    select g.person, g.year,
           case when s.r is null or to_char(s.entry, 'MM-DD') > s.cutoff then 0
                else ((s.mass + (g.last - g.first + 1) * s.r - 1) / ((g.last - g.first + 1) * s.r) * s.r)::int4 end,
           s.number, s.version
    from g left join summed s on s.person = g.person and s.year = g.year;
end
$$;

-- DS(t,y) = max(0, ceil(sum over active days of team_min_sessions / days of the year - tolerance)).
create or replace function quota_team_duty(teams int4[], years int2[], upto int8)
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
        select i.n as team, datemultirange(daterange(x.valid_from, x.valid_to, '[]')) - x.paused as active
        from (select distinct g.team as n from g) i
            cross join lateral (select v.* from team_version v where v.number = i.n and v.position <= upto order by v.position desc limit 1) x
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

-- ---------------------------------------------------------------------------------------------------------------- what is touched

-- What a settlement goes over: a subject with a day (a group: what stands is computed again) or with a year alone (day null: the duty is).
-- cause: the event it comes from; of a register, negative, so that the greatest cause is the latest event of an activity where there is one.
-- duty: the registers changed, a stored duty no longer holds.
do $$
begin
    if to_regtype('liangjin.quota_touch') is null then
        create type quota_touch as (subject_kind int2, subject int4, day date, year int2, cause int8, duty bool);
    end if;
end
$$;

-- Touched by the activities' versions with positions in (since, upto] or in late: their own groups, and those of the activity's versions before.
create or replace function quota_touch_activities(since int8, upto int8, late int8[]) returns setof quota_touch
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
begin
    return query
    with new as materialized (
        select v.position, v.activity, v.version from quota_version v where v.position > since and v.position <= upto
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

-- First day of the years that are open by local receipt date: a year closes with 7 February of the next.
create or replace function quota_open_from(received timestamptz) returns date
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select case when received is null then date '1900-01-01'
                else make_date(extract(year from d)::int4 - case when to_char(d, 'MM-DD') <= '02-07' then 1 else 0 end, 1, 1) end
    from (select (received at time zone 'Asia/Shanghai')::date as d) x
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
            join team t on exists (select from unit_and_above(t.unit, upto) a where a.number = x.number)
        where exists (select from policy where policy.scope = 'UNIT')
        union all
        select t.number, greatest(ev.floor, v.valid_from::date), coalesce(v.valid_to::date, date '2999-12-31'), ev.position, ev.year, true
        from ev join policy_version v on v.position = ev.position join policy p on p.number = v.number
            join team t on case p.scope when 'TEAM' then t.number = p.team when 'NATION' then true
                else exists (select from unit_and_above(t.unit, upto) a where a.number = p.unit) end
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
        select s.person, t.year, c.position
        from team_changed c join membership s on s.team = c.team
            join quota_total t on t.subject_kind = 2 and t.subject = s.person and t.year between extract(year from c.since) and extract(year from c.until)
        where c.policy
    ), team_years as (
        select c.team, y::int2 as year, c.position
        from team_changed c cross join lateral generate_series(extract(year from c.since)::int4, c.year) y where not c.policy
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

-- ---------------------------------------------------------------------------------------------------------------- settle

-- Posts what is missing between the ledger and what should stand in these groups; returns the sums posted, by subject and year. For a person's
-- entry also a row for the team it came through (sums by team: member_minutes).
create or replace function quota_post(upto int8, persons int4[], person_days date[], teams int4[], team_days date[])
        returns table (subject_kind int2, subject int4, year int2, minutes int8, sessions int8, member_minutes int8)
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
begin
    return query
    with should as materialized (
        select 2::int2 as k, s.person as subject, s.day, s.activity, s.team, s.minutes, 0 as sessions, s.policy, s.policy_version
        from quota_person_days(persons, person_days, upto) s
        union all
        select 1::int2, s.team, s.day, s.activity, s.team, 0, 1, s.policy, s.policy_version from quota_team_days(teams, team_days, upto) s
    ), booked as materialized (
        select l.subject_kind as k, l.subject, l.day, l.activity, l.team, sum(l.minutes)::int4 as minutes, sum(l.sessions)::int4 as sessions
        from (select 2::int2 as k, u.s, u.d from unnest(persons, person_days) u(s, d)
              union all select 1::int2, u.s, u.d from unnest(teams, team_days) u(s, d)) g
            join ledger_entry l on l.subject_kind = g.k and l.subject = g.s and l.day = g.d
        group by l.subject_kind, l.subject, l.day, l.activity, l.team
    ), posted as (
        insert into ledger_entry as e (position, activity, subject, day, minutes, team, policy, policy_version, subject_kind, year, kind, sessions)
            select upto, x.activity, x.subject, x.day, x.minutes, x.team, x.policy, x.policy_version, x.k, extract(year from x.day)::int2,
                   case when x.had then case when x.should then 'ADJUST' else 'REVERSAL' end else 'CREDIT' end, x.sessions::int2
            from (select k, subject, day, activity, team, coalesce(s.minutes, 0) - coalesce(b.minutes, 0) as minutes,
                         coalesce(s.sessions, 0) - coalesce(b.sessions, 0) as sessions, s.policy, s.policy_version, s.k is not null as should,
                         coalesce(b.minutes <> 0 or b.sessions <> 0, false) as had
                  from should s full join booked b using (k, subject, day, activity, team)) x
            where x.minutes <> 0 or x.sessions <> 0
            returning e.subject_kind, e.subject, e.year, e.minutes, e.sessions, e.team
    )
    select p.subject_kind, p.subject, p.year, sum(p.minutes), sum(p.sessions), 0::int8 from posted p group by p.subject_kind, p.subject, p.year
    union all
    select 1::int2, p.team, p.year, 0::int8, 0::int8, sum(p.minutes) from posted p where p.subject_kind = 2 group by p.team, p.year;
end
$$;

-- Writes the totals of touched subjects and years: adds what was posted, computes the duty where it is not stored or no longer holds, and notes
-- the settlement in which a duty first stands as met. Returns those subjects and years.
create or replace function quota_total_up(upto int8, kinds int2[], subjects int4[], years int2[], duties bool[], minutes int8[], sessions int8[],
        members int8[]) returns setof quota_total
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
begin
    return query
    with t as materialized (
        select u.k, u.s, u.y, u.d or o.subject is null as fresh, coalesce(o.minutes, 0) + u.m as minutes, coalesce(o.sessions, 0) + u.n as sessions,
               coalesce(o.member_minutes, 0) + u.mm as member_minutes, o.duty, o.policy, o.policy_version, o.met
        from unnest(kinds, subjects, years, duties, minutes, sessions, members) as u(k, s, y, d, m, n, mm)
            left join quota_total o on o.subject_kind = u.k and o.subject = u.s and o.year = u.y
    ), duty as materialized (
        select 2::int2 as k, d.person as s, d.year as y, d.duty, d.policy, d.policy_version
        from quota_person_duty(array(select t.s from t where t.k = 2 and t.fresh order by t.s, t.y),
                               array(select t.y from t where t.k = 2 and t.fresh order by t.s, t.y), upto) d
        union all
        select 1::int2, d.team, d.year, d.duty, d.policy, d.policy_version
        from quota_team_duty(array(select t.s from t where t.k = 1 and t.fresh order by t.s, t.y),
                             array(select t.y from t where t.k = 1 and t.fresh order by t.s, t.y), upto) d
    ), n as (
        select t.k, t.s, t.y, t.minutes, t.sessions, t.member_minutes, t.met, case when t.fresh then d.duty else t.duty end as duty,
               case when t.fresh then d.policy else t.policy end as policy, case when t.fresh then d.policy_version else t.policy_version end as pv
        from t left join duty d on d.k = t.k and d.s = t.s and d.y = t.y
    ), written as (
        insert into quota_total as q (met, changed, subject, minutes, sessions, member_minutes, duty, policy, policy_version, subject_kind, year)
            select coalesce(n.met, case when n.duty > 0 and case n.k when 2 then n.minutes else n.sessions end >= n.duty then upto end), upto, n.s,
                   n.minutes, n.sessions, n.member_minutes, n.duty, n.policy, n.pv, n.k, n.y
            from n
            on conflict (subject_kind, subject, year) do update set met = excluded.met, changed = excluded.changed, minutes = excluded.minutes,
                sessions = excluded.sessions, member_minutes = excluded.member_minutes, duty = excluded.duty, policy = excluded.policy,
                policy_version = excluded.policy_version
            returning q.*
    )
    select w.* from written w where w.met = upto;
end
$$;

-- Settles up to a position: everything of the kind at or below it is closed or parked. Called again with a position already settled it does
-- nothing. Returns quota.duty_met for subjects and years whose duty first stands as met: parent is the latest event of an activity that touched
-- the subject in that year (of the registers, where none did); the number is made of subject and year, so it depends on no batch.
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
    touched quota_touch[];
    pp int4[]; pd date[]; tt int4[]; td date[];
    k int2[]; s int4[]; y int2[]; c int8[]; d bool[]; m int8[]; n int8[]; mm int8[];
begin
    insert into settled as x (position, kind) values (0, 3) on conflict on constraint settled_pkey do nothing;
    select x.position into since from settled x where x.kind = 3 for update;
    if upto <= since then
        return;
    end if;
    select q.register_closure into seen from quota_seen q for update;
    late := array(select l.position from quota_late l where l.position <= upto);
    delete from quota_late l where l.position = any (late);
    select array_agg(l.position), max(l.closure) filter (where l.closure > seen) into news, closed
        from register_log l where l.verdict = 1 and l.position <= upto and (l.position > since or l.closure > seen);
    touched := array(select t from quota_touch_activities(since, upto, late) t);
    if news is not null then
        touched := touched || array(select t from quota_touch_registers(news, upto) t);
    end if;
    select array_agg(u.subject) filter (where u.subject_kind = 2), array_agg(u.day) filter (where u.subject_kind = 2),
           array_agg(u.subject) filter (where u.subject_kind = 1), array_agg(u.day) filter (where u.subject_kind = 1)
        into pp, pd, tt, td
        from (select distinct t.subject_kind, t.subject, t.day from unnest(touched) t where t.day is not null) u;
    select array_agg(u.k), array_agg(u.s), array_agg(u.y), array_agg(u.c), array_agg(u.d), array_agg(u.m), array_agg(u.n), array_agg(u.mm)
        into k, s, y, c, d, m, n, mm
        from (select t.k, t.s, t.y, max(t.c) as c, bool_or(t.d) as d, sum(t.m)::int8 as m, sum(t.n)::int8 as n, sum(t.mm)::int8 as mm
              from (select t.subject_kind as k, t.subject as s, t.year as y, t.cause as c, t.duty as d, 0::int8 as m, 0::int8 as n, 0::int8 as mm
                    from unnest(touched) t
                    union all
                    select p.subject_kind, p.subject, p.year, null, false, p.minutes, p.sessions, p.member_minutes
                    from quota_post(upto, coalesce(pp, '{}'), coalesce(pd, '{}'), coalesce(tt, '{}'), coalesce(td, '{}')) p) t
              group by t.k, t.s, t.y) u;
    perform mark_settled(3::int2, upto);
    update quota_seen q set register_closure = closed where closed is not null;
    return query
        select e.position, e.id, (w.subject << 5) | ((w.subject_kind - 1) << 4) | (w.year & 15), 'quota.duty_met', x.unit, null::text,
               json_build_object('subject', case w.subject_kind when 1 then 'TEAM' else 'PERSON' end, 'code', x.code, 'year', w.year, 'minutes', w.minutes,
                   'sessions', w.sessions, 'duty', w.duty, 'policy', w.policy, 'policy_version', w.policy_version)::text
        from quota_total_up(upto, coalesce(k, '{}'), coalesce(s, '{}'), coalesce(y, '{}'), coalesce(d, '{}'), coalesce(m, '{}'), coalesce(n, '{}'),
                            coalesce(mm, '{}')) w
            join unnest(k, s, y, c) as u(k, s, y, c) on u.k = w.subject_kind and u.s = w.subject and u.y = w.year
            join event e on e.position = abs(u.c)
            join lateral (select t.unit, t.code::text from team t where w.subject_kind = 1 and t.number = w.subject
                          union all select p.unit, p.code::text from person p where w.subject_kind = 2 and p.number = w.subject) x on true
        order by e.position, w.subject_kind, w.subject, w.year;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- reading

-- The ledger's sums from the raw rows alone, all groups there are, by the registers at a position. To be held against ledger_sums: equal for the
-- years that are still open (a closed year keeps the registers of its close). Reads everything.
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
        select 2::int2, p.person, extract(year from p.day)::int2, p.activity, sum(p.minutes)::int8, 0::int8
        from quota_person_days(coalesce(pp, '{}'), coalesce(pd, '{}'), upto) p group by 2, 3, 4
        union all
        select 1::int2, t.team, extract(year from t.day)::int2, t.activity, 0::int8, count(*)
        from quota_team_days(coalesce(tt, '{}'), coalesce(td, '{}'), upto) t group by 2, 3, 4;
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
        from ledger_sums l full join quota_recompute(upto) r using (subject_kind, subject, year, activity)
        where (l.minutes, l.sessions) is distinct from (r.minutes, r.sessions)
        union all
        select 'total', subject_kind, subject, year, null::uuid, t.minutes || '/' || t.sessions, l.minutes || '/' || l.sessions
        from quota_total t full join (select x.subject_kind, x.subject, x.year, sum(x.minutes)::int8 as minutes, sum(x.sessions)::int8 as sessions
                                      from ledger_entry x group by 1, 2, 3) l using (subject_kind, subject, year)
        where (coalesce(t.minutes, 0), coalesce(t.sessions, 0)) <> (coalesce(l.minutes, 0), coalesce(l.sessions, 0))
        union all
        select 'member_minutes', 1::int2, team, year, null::uuid, t.member_minutes::text, l.minutes::text
        from (select q.subject as team, q.year, q.member_minutes from quota_total q where q.subject_kind = 1) t
            full join (select x.team, x.year, sum(x.minutes)::int8 as minutes from ledger_entry x where x.subject_kind = 2 group by 1, 2) l
                using (team, year)
        where coalesce(t.member_minutes, 0) <> coalesce(l.minutes, 0);
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
           t.subject as number
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

-- ---------------------------------------------------------------------------------------------------------------- grants and the kind's row

grant execute on function apply_quota(int8, int8[], uuid[], timestamptz[], uuid[], int4[], int2[], int2[], timestamptz[], date[], int2[], int2[],
    int4[], int2[], bool[], bool[], int8[], int4[], date[], int8[], int4[], int4[], date[], int2[], int2[], int2[], bool[]),
    settle_quota(int8) to liangjin_broker;
grant execute on function quota_recompute(int8), quota_diff(), quota_person_duty(int4[], int2[], int8), quota_team_duty(int4[], int2[], int8),
    quota_policy_spans(int4[], int8) to liangjin_broker, liangjin_audit, liangjin_control;
grant select on quota_version, quota_team, quota_participation, quota_late, ledger_entry, quota_total, quota_seen, quota_rule, ledger_sums, quota_subject,
    quota_unit to liangjin_broker, liangjin_worker, liangjin_audit;
grant select on quota_subject, quota_unit, ledger_sums to liangjin_control;
grant select on quota_unit to liangjin_monitor;

insert into kind (number, name, ordering, single, after, after_verdict, barrier, follow_on_max, feeds_directory, apply_function,
        result_function, settle_function)
    values (3, 'quota', 'none', false, 2, 1, null, 0, false, 'apply_quota', null, 'settle_quota')
    on conflict (number) do update set name = excluded.name, ordering = excluded.ordering, single = excluded.single, after = excluded.after,
        after_verdict = excluded.after_verdict, barrier = excluded.barrier, follow_on_max = excluded.follow_on_max,
        feeds_directory = excluded.feeds_directory, apply_function = excluded.apply_function, result_function = excluded.result_function,
        settle_function = excluded.settle_function;
reset role;
