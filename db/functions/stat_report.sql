-- Statistics to be looked at: the reports that `ljctl report` prints. Idempotent. What is counted: stat_fold.sql; what each column says: docs/statistics.md.
--
-- Every report is of the position that the figures stand at (stat_at). People served on site and online are two columns and never one. A joint
-- activity counts once in a group, whatever teams it has there: once in the nation, once in each unit, so units may add up to more than the nation.
-- Figures about persons are not shown where fewer persons than stat_setting 'suppress_below' stand behind them, nor percentages of fewer cases: '*'.
-- Where one group alone would be hidden beside a total, the next smallest is hidden too, or the difference would tell.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create or replace function stat_least() returns int4 language sql stable set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce((select s.value::int4 from stat_setting s where s.name = 'suppress_below'), 5)
$$;

-- A percentage with one decimal; '*' of fewer cases than may be shown, null of none.
create or replace function stat_percent(part int8, whole int8) returns text language sql stable set search_path = liangjin, pg_catalog, pg_temp as $$
    select case when whole = 0 then null when whole < stat_least() then '*' else round(100.0 * part / whole, 1)::text end
$$;

-- The same where the least is known: without settings of its own it is put into the query, which counts in reports of many rows.
create or replace function stat_percent(part int8, whole int8, fewest int4) returns text language sql immutable as $$
    select case when whole = 0 then null when whole < fewest then '*' else round(100.0 * part / whole, 1)::text end
$$;

-- Units of a unit's subtree, itself included; of CN000 all; null: all.
create or replace function stat_units(unit text) returns int2[]
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with recursive down as (
        select d.number from unit_directory d where d.code = stat_units.unit
        union select d.number from down join unit_directory d on d.parent = down.number)
    select case when stat_units.unit is not null then array(select down.number from down) end
$$;

-- May a report be ordered by its figures?
create or replace function stat_rank_allowed() returns bool
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce((select s.value = 'on' from stat_setting s where s.name = 'rank'), false)
$$;

-- What stands at the head of every report. as_of: when the last event in the figures was received. policy: the nation's that is in force on a day.
create or replace function stat_head(on_day date) returns table (complete_through int8, as_of timestamptz, policy text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select a.position, (select e.received_at from event e where e.position <= a.position order by e.position desc limit 1),
           coalesce((select format('NATION v%s (%s; %s)', v.version, v.source, v.confidence) from policy p join policy_version v on v.number = p.number
                     where p.scope = 'NATION' and v.position <= a.position and on_day between v.valid_from and coalesce(v.valid_to, 'infinity')
                     order by v.version desc limit 1), '-')
           || (select case when count(*) > 0 then format('; +%s UNIT/TEAM', count(*)) else '' end from policy p
               where p.scope <> 'NATION' and p.position <= a.position)
    from stat_at a
$$;

-- Activities, sessions, athletes, minutes, people served by at most two dimensions; the first row is the total of all (place null). rank: a column's
-- name to order by, greatest first, where policy allows it.
create or replace function stat_activities(by1 text, by2 text, since date, till date, unit text, team int4, rank text default null)
        returns table (total bool, code1 text, name1 text, code2 text, name2 text, activities int8, sessions int8, athletes text, person_times text, minutes text,
            unconfirmed text, guidance int8, onsite int8, online int8, new_sites int8, counties int8, timely text, corrected text, disputed text, rural text,
            west text, key_group text, legacy int8, legacy_minutes int8)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set jit = off as $$
declare
    units constant int2[] := case when unit <> 'CN000' then stat_units(unit) end;  -- the nation's own figures stand ready
    d1 record;
    d2 record;
    named constant text := 'select asked.k, %s as word, %s as zh, %s as place from (select distinct h.%I::int4 as k from h where not h.total) asked';
begin
    if rank is not null and (rank not in ('activities', 'sessions', 'athletes', 'minutes', 'guidance', 'onsite', 'online') or not stat_rank_allowed()) then
        raise exception 'reports are not ordered by figures: policy does not allow it' using errcode = 'P0403';
    end if;
    select * into d1 from stat_dim(by1);
    select * into d2 from stat_dim(by2);
    return query execute format($q$
        with r as (
            select true as total, s.* from stat_sums(null, null, $3, $4, $5, $6) s
            union all
            select false, s.* from stat_sums($1, $2, $3, $4, $5, $6) s where $1 is not null
        ), few as (
            select r.*, r.athletes between 1 and $7 - 1 as small,
                   row_number() over (partition by r.total or r.athletes < $7 order by r.athletes, r.k1, r.k2) as nth
            from r
        ), h as (
            select few.*, few.small or not few.total and few.athletes >= $7 and few.nth = 1
                       and (select count(*) from few x where x.small and not x.total) = 1 as hidden from few
        ), n1 as materialized (%1$s), n2 as materialized (%2$s)
        select h.total, n1.word, n1.zh, n2.word, n2.zh, h.activities, h.sessions, case when h.hidden then '*' else h.athletes::text end,
               case when h.hidden then '*' else h.person_times::text end, case when h.hidden then '*' else h.minutes::text end,
               case when h.hidden then '*' else h.unconfirmed::text end, h.guidance, h.onsite, h.online, h.new_sites, h.counties,
               stat_percent(h.timely, h.timed, $7), stat_percent(h.corrected, h.activities, $7), stat_percent(h.disputed, h.person_times, $7),
               stat_percent(h.rural, h.activities, $7), stat_percent(h.west, h.activities, $7), stat_percent(h.key_group, h.activities, $7), h.legacy,
               h.legacy_minutes
        from h left join n1 on n1.k = h.k1::int4 and not h.total left join n2 on n2.k = h.k2::int4 and not h.total
        order by not h.total, %3$s n1.place, n2.place$q$,
        format(named, coalesce(replace(d1.word, '@', 'asked.k'), 'null::text'), coalesce(replace(d1.zh, '@', 'asked.k'), 'null::text'),
            coalesce(replace(d1.place, '@', 'asked.k'), 'null::text'), 'k1'),
        format(named, coalesce(replace(d2.word, '@', 'asked.k'), 'null::text'), coalesce(replace(d2.zh, '@', 'asked.k'), 'null::text'),
            coalesce(replace(d2.place, '@', 'asked.k'), 'null::text'), 'k2'),
        case when rank is not null then format('h.%I desc,', rank) else '' end)
        using by1, by2, since, till, units, team, stat_least();
end
$$;

-- What units sent in, by the month of the receipt: first-pass rate (accepted at the first try), corrections, withdrawals. by: unit, month, or null.
create or replace function stat_intakes(by1 text, since date, till date, unit text)
        returns table (total bool, code text, name text, reports int8, rejected int8, first_pass text, corrections int8, corrections_rejected int8,
            withdrawals int8, returned int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with i as (
        select s.* from stat_intake s where (since is null or s.month >= since) and (till is null or s.month <= till)
            and (stat_intakes.unit is null or s.unit = any (stat_units(stat_intakes.unit)))
    ), z as (
        select true as total, null::text as place, null::int2 as u, null::date as m, sum(reports) as a, sum(reports_rejected) as b, sum(i.corrections) as c,
               sum(i.corrections_rejected) as d, sum(i.withdrawals) as e, sum(i.returned) as f from i
        union all
        select false, case by1 when 'unit' then lpad(i.unit::text, 6, '0') else i.month::text end, case by1 when 'unit' then i.unit end,
               case by1 when 'month' then i.month end, sum(reports), sum(reports_rejected), sum(i.corrections), sum(i.corrections_rejected), sum(i.withdrawals), sum(i.returned)
        from i where by1 in ('unit', 'month') group by 2, 3, 4
    )
    select z.total, coalesce(d.code, to_char(z.m, 'YYYY-MM')), coalesce(d.name, extract(year from z.m) || '年' || extract(month from z.m) || '月'),
           coalesce(z.a, 0)::int8, coalesce(z.b, 0)::int8, stat_percent(coalesce(z.a - z.b, 0)::int8, coalesce(z.a, 0)::int8), coalesce(z.c, 0)::int8,
           coalesce(z.d, 0)::int8, coalesce(z.e, 0)::int8, coalesce(z.f, 0)::int8
    from z left join unit_directory d on d.number = z.u order by not z.total, z.place
$$;

-- Rates of the quota of a year: of the nation, of units, of teams (by). Fewer who owe than may be shown: no rate.
create or replace function stat_quota(by1 text, for_year int2, unit text)
        returns table (total bool, code text, name text, teams_owing int8, teams_met int8, team_rate text, sessions_short int8, athletes_owing int8,
            athletes_met text, athlete_rate text, participation_rate text, minutes_short text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with l as materialized (select stat_least() as fewest)
    select c.scope = 'NATION', coalesce(c.unit || coalesce('/' || c.team, ''), 'CN000'),
           coalesce((select v.name from team t join team_version v on v.number = t.number where t.unit = d.number and t.code = c.team
                     order by v.position desc limit 1), d.name, '全国'),
           c.teams_owing, c.teams_met, stat_percent(c.teams_met, c.teams_owing, l.fewest), c.sessions_short, c.athletes_owing,
           case when c.athletes_owing between 1 and l.fewest - 1 then '*' else c.athletes_met::text end, stat_percent(c.athletes_met, c.athletes_owing, l.fewest),
           stat_percent(c.athletes_taking_part, c.athletes_owing, l.fewest),
           case when c.athletes_owing between 1 and l.fewest - 1 then '*' else c.minutes_short::text end
    from quota_coverage(for_year) c cross join l left join unit_directory d on d.code = c.unit
    where (c.scope = 'NATION' or c.scope = upper(coalesce(by1, 'nation'))) and (stat_quota.unit is null or d.number = any (stat_units(stat_quota.unit)))
    order by c.scope <> 'NATION', d.number, c.team
$$;

-- Days of exemption in since .. till (whole days, both included) as of the figures' position, by the unit of the person or team.
create or replace function stat_exemptions(since date, till date, unit text)
        returns table (total bool, code text, name text, persons text, person_days text, deferred_days text, teams int8, team_days int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with x as (
        select i.unit, v.person, v.team, v.effect, (least(coalesce(v.valid_to::date, till), till) - greatest(v.valid_from::date, since) + 1)::int8 as days
        from stat_at a join exemption_version v on v.position <= a.position join exemption i on i.number = v.number
        where not exists (select from exemption_version n where n.number = v.number and n.position > v.position and n.position <= a.position)
            and v.valid_from <= till and coalesce(v.valid_to, 'infinity') >= since
            and (stat_exemptions.unit is null or i.unit = any (stat_units(stat_exemptions.unit)))
    ), z as (
        select grouping(x.unit) = 1 as total, x.unit, count(distinct x.person) as persons,
               coalesce(sum(x.days) filter (where x.person is not null and x.effect <> 'DEFER'), 0)::int8 as days,
               coalesce(sum(x.days) filter (where x.person is not null and x.effect = 'DEFER'), 0)::int8 as deferred,
               count(distinct x.team) as teams, coalesce(sum(x.days) filter (where x.team is not null), 0)::int8 as team_days
        from x group by grouping sets ((), (x.unit))
    )
    select z.total, d.code, d.name, case when hide then '*' else z.persons::text end, case when hide then '*' else z.days::text end,
           case when hide then '*' else z.deferred::text end, z.teams, z.team_days
    from (select *, z.persons between 1 and stat_least() - 1 as hide from z) z left join unit_directory d on d.number = z.unit
    order by not z.total, z.unit
$$;

-- Flags that were raised on versions of activities of the period, by unit (reporting) or code, and the state they are in. standing: on a live version.
create or replace function stat_flags(by1 text, since date, till date, unit text)
        returns table (total bool, code text, name text, flags int8, standing int8, open int8, explained int8, confirmed int8, dismissed int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with f as (
        select x.code, x.unit, x.state, exists (select from stat_fact s where s.activity = x.activity and s.position = x.position) as stands
        from flag x join quota_version q on q.position = x.position
        where x.position <= (select a.position from stat_at a) and (since is null or q.day >= since)
            and (till is null or q.day < till + interval '1 month') and (stat_flags.unit is null or x.unit = any (stat_units(stat_flags.unit)))
    ), z as (
        select true as total, null::text as code, null::int2 as unit, count(*) as n, count(*) filter (where stands) as s, count(*) filter (where state = 'OPEN') as o,
               count(*) filter (where state = 'EXPLAINED') as e, count(*) filter (where state = 'CONFIRMED') as c, count(*) filter (where state = 'DISMISSED') as d
        from f
        union all
        select false, case by1 when 'code' then f.code end, case by1 when 'unit' then f.unit end, count(*), count(*) filter (where stands),
               count(*) filter (where state = 'OPEN'), count(*) filter (where state = 'EXPLAINED'), count(*) filter (where state = 'CONFIRMED'),
               count(*) filter (where state = 'DISMISSED')
        from f where by1 in ('code', 'unit') group by 2, 3
    )
    select z.total, coalesce(z.code, d.code), coalesce(d.name, z.code), z.n, z.s, z.o, z.e, z.c, z.d
    from z left join unit_directory d on d.number = z.unit order by not z.total, z.unit, z.code
$$;

-- Texts by their level, of the local months of the receipt; complete up to the mark of the kind opinion.
create or replace function stat_opinion(by1 text, since date, till date, unit text)
        returns table (total bool, code text, name text, flagged int8, red int8, orange int8, yellow int8, blue int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with o as (
        select x.unit, x.level, date_trunc('month', x.received_at at time zone 'Asia/Shanghai')::date as month from opinion_score x
        where x.verdict = 2 and (stat_opinion.unit is null or x.unit = any (stat_units(stat_opinion.unit)))
    ), p as (
        select * from o where (since is null or o.month >= since) and (till is null or o.month <= till)
    ), z as (
        select true as total, null::int2 as unit, null::date as month, count(*) as n, count(*) filter (where level = 4) as r, count(*) filter (where level = 3) as o,
               count(*) filter (where level = 2) as y, count(*) filter (where level = 1) as b from p
        union all
        select false, case by1 when 'unit' then p.unit end, case by1 when 'month' then p.month end, count(*), count(*) filter (where level = 4),
               count(*) filter (where level = 3), count(*) filter (where level = 2), count(*) filter (where level = 1)
        from p where by1 in ('unit', 'month') group by 2, 3
    )
    select z.total, coalesce(d.code, to_char(z.month, 'YYYY-MM')), coalesce(d.name, extract(year from z.month) || '年' || extract(month from z.month) || '月'),
           z.n, z.r, z.o, z.y, z.b
    from z left join unit_directory d on d.number = z.unit order by not z.total, z.unit, z.month
$$;

-- Mail that must be signed, by the local month it was sent: signed in time, late, not yet (term open), overdue.
create or replace function stat_mail(by1 text, since date, till date, unit text)
        returns table (total bool, code text, name text, to_sign int8, in_time int8, late int8, pending int8, overdue int8, in_time_rate text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with today as (
        select coalesce((select max(c.day) from calendar_day c), (select max(e.received_at at time zone 'Asia/Shanghai')::date from event e
            where e.position = (select max(y.position) from event y))) as d
    ), r as (
        select r.unit, date_trunc('month', m.sent_at at time zone 'Asia/Shanghai')::date as month,
               case when r.signed_at is not null then case when m.due_on is null or (r.signed_at at time zone 'Asia/Shanghai')::date <= m.due_on then 1 else 2 end
                    when m.due_on < today.d then 4 else 3 end as s
        from mail m join mail_receipt r on r.position = m.position and r.rule = m.rule cross join today
        where m.needs = 'SIGN' and not r.recalled and (stat_mail.unit is null or r.unit = any (stat_units(stat_mail.unit)))
    ), p as (
        select * from r where (since is null or r.month >= since) and (till is null or r.month <= till)
    ), z as (
        select true as total, null::int2 as unit, null::date as month, count(*) as n, count(*) filter (where s = 1) as a, count(*) filter (where s = 2) as b,
               count(*) filter (where s = 3) as c, count(*) filter (where s = 4) as d from p
        union all
        select false, case by1 when 'unit' then p.unit end, case by1 when 'month' then p.month end, count(*), count(*) filter (where s = 1),
               count(*) filter (where s = 2), count(*) filter (where s = 3), count(*) filter (where s = 4)
        from p where by1 in ('unit', 'month') group by 2, 3
    )
    select z.total, coalesce(d.code, to_char(z.month, 'YYYY-MM')), coalesce(d.name, extract(year from z.month) || '年' || extract(month from z.month) || '月'),
           z.n, z.a, z.b, z.c, z.d, stat_percent(z.a, z.n - z.c)
    from z left join unit_directory d on d.number = z.unit order by not z.total, z.unit, z.month
$$;

-- Flags on live versions of activities of a year, by team (1) and athlete (2): from the flags, which are few, to the rosters.
create or replace function stat_flagged(for_year int2) returns table (kind int2, subject int4, open int8, confirmed int8)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set jit = off as $$
#variable_conflict use_column
begin
    return query
    with flagged as materialized (
        select f.activity, f.position, f.team, g.open, g.confirmed
        from (select g.position, count(*) filter (where g.state = 'OPEN') as open, count(*) filter (where g.state = 'CONFIRMED') as confirmed
              from flag g group by g.position) g
            join quota_version v on v.position = g.position and v.day >= make_date(for_year, 1, 1) and v.day <= make_date(for_year, 12, 31)
            join stat_fact f on f.activity = v.activity and f.position = g.position
        where not f.legacy and (g.open > 0 or g.confirmed > 0)
    )
    select 1::int2, f.team, sum(f.open)::int8, sum(f.confirmed)::int8 from flagged f group by f.team
    union all
    select 2::int2, p.person, sum(f.open)::int8, sum(f.confirmed)::int8
    from flagged f join quota_participation p on p.position = f.position and p.team = f.team and p.listed and p.role <> 5 group by p.person;
end
$$;

-- Base data for commendation (F18): what is on record of each team and athlete in a year, for people to judge. No score, no order by merit, no names of
-- persons. flags: on live versions of the activities.
create or replace function stat_commendation(for_year int2, unit text)
        returns table (subject text, code text, name text, sessions int8, minutes int8, duty int8, met bool, activities int8, months int8, sites int8, counties int8,
            joint int8, guidance int8, onsite int8, online int8, corrected int8, flags_open int8, flags_confirmed int8, policy text)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off set jit = off as $$
#variable_conflict use_column
declare
    units constant int2[] := stat_units(unit);
begin
    return query
    with done as (
        select s.kind, s.subject, s.activities::int8 as n, bit_count(s.months::int4::bit(32)) as months, cardinality(s.sites)::int8 as sites,
               cardinality(s.counties)::int8 as counties, s.joint::int8 as joint, s.guidance, s.onsite, s.online, s.corrected::int8 as corrected,
               coalesce(g.open, 0) as open, coalesce(g.confirmed, 0) as confirmed
        from stat_subject s left join stat_flagged(for_year) g on g.kind = s.kind and g.subject = s.subject where s.year = for_year
    )
    select q.subject, q.unit || '/' || q.code, v.name, q.sessions::int8, case q.subject_kind when 1 then q.member_minutes else q.minutes end::int8, q.duty::int8,
           case when q.duty > 0 then case q.subject_kind when 1 then q.sessions else q.minutes end >= q.duty end, coalesce(d.n, 0), coalesce(d.months, 0),
           coalesce(d.sites, 0), coalesce(d.counties, 0), coalesce(d.joint, 0), coalesce(d.guidance, 0), coalesce(d.onsite, 0), coalesce(d.online, 0),
           coalesce(d.corrected, 0), coalesce(d.open, 0), coalesce(d.confirmed, 0), q.policy || '/' || q.policy_version
    from quota_subject q left join done d on d.kind = q.subject_kind and d.subject = q.number
        left join (select distinct on (x.number) x.number, x.name from team_version x order by x.number, x.position desc) v
            on q.subject_kind = 1 and v.number = q.number
    where q.year = for_year and (units is null or q.unit_number = any (units))
    order by q.subject_kind, q.unit_number, q.code;
end
$$;

grant execute on function stat_activities(text, text, date, date, text, int4, text), stat_intakes(text, date, date, text), stat_quota(text, int2, text),
    stat_exemptions(date, date, text), stat_flags(text, date, date, text), stat_opinion(text, date, date, text), stat_mail(text, date, date, text),
    stat_commendation(int2, text), stat_head(date), stat_rank_allowed() to liangjin_audit, liangjin_control;
reset role;
