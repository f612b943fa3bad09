-- Pacing: how far along a person or a team should be by a day, and how far they are. Reads only, at the settled position. Idempotent.
--   e(d)   the weight of the days up to and with d over that of the year. A month's weight (the policy's month_weights) is spread evenly over its
--          days. Nothing weigh: days that carry no duty, exempt days (PRORATE, WAIVE, and DEFER, which keeps the duty), and blackout days, from 1 January
--          of a year with Games of the team to blackout_after_days after the closing. A year without weight: e = 0.
--   level  by g = M/D - e(d), or S/DS - e(d): OK, WATCH, LAG, CRITICAL between the policy's pacing_bounds, a bound belonging to the milder one; CRITICAL
--          too where an athlete owes more than feasible_minutes_per_month times the months left, d's own included. Without a duty: OK.
-- Weights are whole 377,580ths (28 x 29 x 30 x 31 without common factors), so that shares compare exactly.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Weight of the days of a year before a day.
create or replace function quota_weight_before(weights int2[], day date) returns int8
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select 377580::int8 * (select coalesce(sum(w), 0) from unnest(weights[1:m - 1]) w)
           + weights[m] * (377580 / (date_part('day', make_date(y, m, 1) + interval '1 month' - interval '1 day'))::int8) * (date_part('day', day)::int8 - 1)
    from (select date_part('year', day)::int4 as y, date_part('month', day)::int4 as m) x
$$;
-- Weight of days that all lie in one year.
create or replace function quota_weight(weights int2[], days datemultirange) returns int8
    language sql immutable parallel safe set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce(sum(quota_weight_before(weights, upper(r) - 1) - quota_weight_before(weights, lower(r))
        + weights[date_part('month', upper(r) - 1)::int4]
            * (377580 / date_part('day', date_trunc('month', upper(r) - 1) + interval '1 month' - interval '1 day')::int8)), 0)::int8
    from unnest(days) r
$$;

-- Blackout days of teams with Games; the days after the closing by the team's policy (of sessions) of the closing day.
create or replace function quota_blackout(teams int4[], upto int8) returns table (team int4, days datemultirange)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set jit = off as $$
#variable_conflict use_column
begin
    return query
    with task as materialized (
        select v.number as team, g.closes
        from team_version v cross join lateral unnest(v.games_task) t(code) join games g on g.code = t.code
        where v.number = any (teams) and v.position <= upto
            and not exists (select from team_version n where n.number = v.number and n.position > v.position and n.position <= upto)
    )
    select t.team, range_agg(daterange(date_trunc('year', t.closes)::date, t.closes + coalesce(p.blackout_after_days, 0), '[]'))
    from task t
        left join quota_policy_spans(array(select distinct task.team from task), upto) s on s.team = t.team and t.closes between s.lo and s.hi
        left join policy_version p on p.number = s.s_policy and p.version = s.s_version
    group by t.team;
end
$$;

-- The days of d's year that weigh, by the policy whose weights hold for them. kind: 1 teams, 2 persons.
create or replace function quota_weighing(kind int2, subjects int4[], d date, upto int8)
        returns table (subject int4, policy int4, version int4, days datemultirange)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off set jit = off as $$
#variable_conflict use_column
declare
    year constant int2 := date_part('year', d);
    whole constant datemultirange := datemultirange(daterange(make_date(year, 1, 1), make_date(year, 12, 31), '[]'));
begin
    if kind = 2 then
        return query
        with rule as materialized (
            select r.person, r.team, r.lo, r.hi from quota_member_rules(subjects, upto) r
            where r.earns and r.lo <= upper(whole) and r.hi >= lower(whole)
        ), black as materialized (
            select r.person, range_agg(x) as days
            from rule r join quota_blackout(array(select distinct rule.team from rule), upto) b on b.team = r.team
                cross join lateral unnest(b.days * datemultirange(daterange(r.lo, r.hi, '[]'))) x
            group by r.person
        )
        select p.person, p.policy, p.version, datemultirange(daterange(p.lo, p.hi, '[]')) - coalesce(e.days, '{}') - coalesce(b.days, '{}')
        from quota_person_pieces(subjects, array_fill(year, array[cardinality(subjects)]), upto) p
            left join quota_exempt(2::int2, subjects, '{PRORATE,WAIVE,DEFER}', upto) e on e.subject = p.person
            left join black b on b.person = p.person
        where p.minutes > 0;
    else
        return query
        select s.team, s.s_policy, s.s_version,
               datemultirange(daterange(s.lo, s.hi, '[]')) * whole * a.active - coalesce(e.days, '{}') - coalesce(b.days, '{}')
        from quota_policy_spans(subjects, upto) s
            join quota_rule q on q.number = s.s_policy and q.version = s.s_version and q.team_min_sessions > 0
            join quota_team_active(subjects, upto) a on a.team = s.team
            left join quota_exempt(1::int2, subjects, '{PRORATE,WAIVE,DEFER}', upto) e on e.subject = s.team
            left join quota_blackout(subjects, upto) b on b.team = s.team;
    end if;
end
$$;

-- Pacing of subjects at day d: done, what live activities with local date up to and with d (and what was carried into the year) give; expected, e(d);
-- gap, g, null without a duty. A row a subject, those without a total included.
create or replace function quota_pacing(kind int2, subjects int4[], d date)
        returns table (subject int4, year int2, duty int4, done int4, expected numeric, gap numeric, level text)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    upto constant int8 := coalesce((select s.position from settled s where s.kind = 3), 0);
    this_year constant int2 := date_part('year', d);
begin
    return query
    with share as materialized (
        select w.subject, sum(quota_weight(p.month_weights, w.days * datemultirange(daterange(null, d, '[]')))) as part,
               sum(quota_weight(p.month_weights, w.days)) as whole
        from quota_weighing(kind, subjects, d, quota_registers(this_year, upto)) w join policy_version p on p.number = w.policy and p.version = w.version
        group by w.subject
    ), s as (
        select u.n, coalesce(t.duty, 0) as duty, coalesce(x.done, 0)::int4 as done, case when w.whole > 0 then w.part else 0 end as part,
               case when w.whole > 0 then w.whole else 1 end as whole, p.pacing_bounds as b, p.feasible_minutes_per_month as feasible
        from (select distinct q.n from unnest(subjects) q(n)) u
            left join quota_total t on t.subject_kind = quota_pacing.kind and t.subject = u.n and t.year = this_year
            left join policy_version p on p.number = t.policy and p.version = t.policy_version
            left join share w on w.subject = u.n
            left join lateral (select sum(case quota_pacing.kind when 2 then l.minutes else l.sessions end) as done from ledger_entry l
                where l.subject_kind = quota_pacing.kind and l.subject = u.n and l.day between make_date(this_year, 1, 1) and d) x on true
    )
    select s.n, this_year, s.duty, s.done, round(s.part::numeric / s.whole, 4),
           case when s.duty > 0 then round(s.done::numeric / s.duty - s.part::numeric / s.whole, 4) end,
           case when s.duty <= 0 then 'OK'
                when quota_pacing.kind = 2 and s.duty - s.done > s.feasible * (13 - date_part('month', d)::int4) then 'CRITICAL'
                when (s.done + s.b[1] * s.duty) * s.whole >= s.part * s.duty then 'OK'
                when (s.done + s.b[2] * s.duty) * s.whole >= s.part * s.duty then 'WATCH'
                when (s.done + s.b[3] * s.duty) * s.whole >= s.part * s.duty then 'LAG' else 'CRITICAL' end
    from s;
end
$$;

grant execute on function quota_pacing(int2, int4[], date) to liangjin_broker, liangjin_audit, liangjin_control;
grant select on games to liangjin_broker, liangjin_worker, liangjin_audit;
reset role;
