-- Pacing and its levels, by numbers that were reckoned day by day in exact fractions apart from this; coverage.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(51);
\ir quota_world.psql

create function pace(kind int4, n int4, d date) returns text language sql as $$
    select expected || ' ' || coalesce(gap::text, '-') || ' ' || level from quota_pacing(kind::int2, array[n], d) $$;
insert into unit select g, g, 'PS' || lpad(g::text, 3, '0') from generate_series(1, 2) g;
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省体育局', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省体育局', 'PROVINCE', 'ACTIVE');
select reg(1), reg(2), reg(3);
insert into policy values (3, 1, null, null, 'NATION');
select policy_row(3, 1, 1, '2022-01-01', 300, 4, 0.05, 480, null, 240, 1);
select team_row(10, 1, 1::int2), team_row(11, 2, 1::int2), team_row(12, 3, 2::int2, '2024-01-01', null, '{[2025-03-01,2025-05-01)}'), team_row(13, 4, 2::int2);
select team_row(14, 5, 2::int2);
select team_row(15, 6, 2::int2, '2024-01-01', '2024-12-31');
update team_version set games_task = '{PARIS_2024}' where number = 2;
select member_row(20, 1, 1, 1, '2024-01-01'), member_row(21, 2, 2, 1, '2025-07-01'), member_row(22, 3, 3, 1, '2024-01-01'), member_row(23, 4, 4, 2, '2024-01-01'),
    member_row(24, 5, 5, 1, '2024-01-01'), member_row(25, 6, 5, 2, '2024-06-01'), member_row(26, 7, 6, 1, '2024-01-01', null, 'TRIAL'),
    member_row(27, 8, 7, 2, '2024-01-01', null, 'TRIAL'), member_row(28, 9, 7, 1, '2024-01-01', '2024-12-31'), member_row(29, 10, 7, 1, '2025-01-01');
select exempt_row(30, 1, 2, 3, 'DEFER', '2025-03-01', '2025-04-30'), exempt_row(31, 2, 1, 4, 'WAIVE', '2025-03-01', '2025-04-30');
select act(40, 1, 1, 1::int2, '2025-01-10 09:00+08', 15, '{1}', '{{1,1,15,15}}'), act(41, 2, 1, 1::int2, '2025-06-01 09:00+08', 18, '{1}', '{{1,1,18,18}}');
select began(50, '2024-01-01'), began(51, '2025-01-01');
select count(*) from settle_quota(99) \gset met_

-- ---- the curve
select is(pace(1, 1, '2025-01-31'), '0.0300 0.2200 OK', 'January weighs 3 of 100');
select is((select expected from quota_pacing(1::int2, '{1}', '2025-06-30')), 0.51, 'the half-year');
select is((select expected from quota_pacing(1::int2, '{1}', '2025-12-31')), 1::numeric, 'and the year');
select is((select expected from quota_pacing(1::int2, '{1}', '2024-02-29')), 0.05, 'a leap year''s February');
select is((select expected from quota_pacing(1::int2, '{1}', '2025-05-05')), 0.2694, 'within a month evenly by days: 25 + 12 x 5/31');
select is(pace(1, 2, '2024-08-25'), '0.0000 0.0000 OK', 'a Paris team: nothing until 14 days after the closing');
select is(pace(1, 2, '2024-09-06'), '0.0945 -0.0945 OK', 'with no session it is in order until 6 September');
select is(pace(1, 2, '2024-09-07'), '0.1034 -0.1034 WATCH', 'and watched from the 7th on');
select is((select expected from quota_pacing(1::int2, '{2}', '2025-06-30')), 0.51, 'the next year is a year as any other');
select is((select expected from quota_pacing(2::int2, '{2}', '2025-09-15')), 0.3673, 'who joined on 1 July: days before weigh nothing');
select is((select expected from quota_pacing(2::int2, '{3}', '2025-05-31')), 0.2125, 'DEFER: its days weigh nothing');
select is((select duty from quota_pacing(2::int2, '{3}', '2025-05-31')), 300, 'while the duty stays');
select is((select expected from quota_pacing(1::int2, '{4}', '2025-05-31')), 0.2125, 'a team''s exemption');
select is((select expected from quota_pacing(1::int2, '{3}', '2025-05-31')), 0.2125, 'a team''s pause');
select is((select expected from quota_pacing(2::int2, '{4}', '2024-09-07')), 0.1034, 'an athlete''s day is blacked out with his team');
select is((select expected from quota_pacing(2::int2, '{5}', '2024-08-25')), round(37 / (100 - 14 - 5 - 8 * 25 / 31.0), 4), 'of two teams: blacked out from the day on which he joins that with the Games');
select is((select expected from quota_pacing(2::int2, '{7}', '2024-06-30')), 0.51, 'but not by a team in which his status is not counted');
select is(pace(1, 6, '2025-06-30'), '0.0000 - OK', 'no duty, no weight: OK');
select is(pace(2, 6, '2025-06-30'), '0.0000 - OK', 'a trial athlete');

-- ---- levels: D = 300
select is(pace(2, 1, '2025-03-31'), '0.1500 -0.1000 OK', '0.05 done, 0.15 due: a bound belongs to the milder level');
select is((select level from quota_pacing(2::int2, '{1}', '2025-04-01')), 'WATCH', 'a day later it is passed');
select is(pace(1, 4, '2025-02-28') || pace(1, 1, '2025-02-28'), '0.0625 -0.0625 OK0.0500 0.2000 OK', 'sessions count by the day they were held');
select is(pace(2, 3, '2025-06-30'), '0.3875 -0.3875 LAG', 'LAG');
select is(pace(2, 1, '2025-06-30'), '0.5100 -0.4000 LAG', '33 of 300 minutes: 0.40 short is the last of LAG');
select is((select level from quota_pacing(2::int2, '{1}', '2025-07-01')), 'CRITICAL', 'a day later CRITICAL');
update policy_version set feasible_minutes_per_month = 35 where number = 1;
select is(pace(2, 1, '2025-05-31'), '0.3700 -0.3200 CRITICAL', '285 minutes are left, eight months of 35 hold 280');
update policy_version set feasible_minutes_per_month = 36 where number = 1;
select is(pace(2, 1, '2025-05-31'), '0.3700 -0.3200 LAG', 'eight of 36 hold them');
select is((select level from quota_pacing(1::int2, '{1}', '2025-12-01')), 'CRITICAL', 'a team by its gap alone');

-- ---- who is behind is told on the 5th: teams 1 (1 of 4), 2, 3 (paused a while), 4 (exempt a while) and 5 owe sessions
create function told(since int8, upto int8) returns text language sql as $$
    select coalesce(string_agg(format('%s/%s %s %s %s', parent_position, number - 1010000000, unit, payload::json ->> 'day', payload::json ->> 'level'), ', ' order by parent_position, number), '')
    from quota_levels(since, upto) where type = 'quota.level_changed' $$;
select began(98, '2025-07-03'), began(100, '2025-07-04'), began(101, '2025-07-05'), began(102, '2025-07-06'), began(103, '2025-10-04'), began(104, '2025-10-09'), began(105, '2025-10-10');
select is(told(99, 100), '', 'not on the 4th');
select is(told(100, 101), '101/2 1 2025-07-05 CRITICAL, 101/3 2 2025-07-05 LAG, 101/4 2 2025-07-05 LAG, 101/5 2 2025-07-05 CRITICAL', 'on the 5th, who is behind, and nobody else');
select is(told(101, 102), '', 'nor on the 6th');
select is(regexp_count(told(102, 104), 'CRITICAL|LAG'), 9, 'a 5th that the log does not have, at the next day: that of September, and that of October');
select is((select payload::json ->> 'expected_percent' from quota_levels(100, 101) where number = 1010000002), '52', 'what is expected in per cent');
-- ---- a plan without a report (N08): team 1 planned 1 June, of which there is a report; 1 and 2 July; team 3 and 4 planned what was called off or is another unit's
insert into activity_plan (position, plan, held_from, held_to, team, unit, title, who) select p, ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid, f::date, t::date, team, unit, '进校园', '甲'
    from (values (42, '2025-06-01', '2025-06-01', 1, 1), (43, '2025-06-28', '2025-07-01', 1, 1), (44, '2025-07-01', '2025-07-01', 3, 2), (45, '2025-07-01', '2025-07-01', 4, 2), (49, '2025-09-20', '2025-09-25', 1, 1)) x(p, f, t, team, unit);
insert into activity_plan_off select 46, plan, 2, '乙', '改期' from activity_plan where position = 44;
insert into activity_plan_off select 47, plan, 1, '乙', '别的单位' from activity_plan where position = 45;
create function reported(p int8, on_day date) returns void language sql as $$
    insert into validation (position, received_at, activity, version, state, short, unit, op, verdict, day, teams)
        values (p, on_day, gen_random_uuid(), 1, 1, '{}', 1, 1, 1, on_day, '{1}') $$;
select reported(48, '2025-06-01');
create function missing(since int8, upto int8) returns text language sql as $$
    select coalesce(string_agg(format('%s/%s %s %s', parent_position, number - 1030000000, payload::json #>> '{plans,0,days}', json_array_length(payload::json -> 'plans')), ', '
        order by parent_position, number), '') from plan_reports_missing(since, upto) where type = 'activity.report_missing' $$;
select is(missing(97, 98), '', 'two days after: not yet');
select is(missing(99, 100), '100/1 3 1, 100/2 3 1', 'three days after; not what was called off by its own unit');
select is(missing(100, 102), '', 'not on the next days');
select is(missing(102, 104), '103/1 7 1', 'seven days after, at the next day that the log has, the furthest step alone; what is older than 60 days is not told');
select reported(53, '2025-06-30');
select is(missing(99, 100), '100/2 3 1', 'a report of one of its days will do');
-- ---- a quarter, on the eighth day of the next (N11)
create function summed(since int8, upto int8) returns text language sql as $$
    select coalesce(string_agg(format('%s/%s %s', parent_position, number - 1020000000, payload::json ->> 'from'), ', ' order by parent_position, number), '')
    from quota_quarters(since, upto) where type = 'quota.quarter_summed' $$;
select is(summed(101, 102), '', 'not on the sixth');
select is(summed(102, 103), '103/1 2025-04-01, 103/2 2025-04-01', 'an eighth that the log does not have: at the next day, each unit its own');
select is(summed(103, 104), '104/1 2025-07-01, 104/2 2025-07-01', 'the ninth of October tells of the third quarter');
select is(summed(104, 105), '', 'once');
select is((select payload::json ->> 'sessions' || ' ' || (payload::json ->> 'minutes') || ' ' || (payload::json ->> 'athletes') || ' ' || (payload::json ->> 'activities')
    from quota_quarters(102, 103) where unit = 1), '1 18 1 1', 'what the ledger has of its days: that of June, not that of January');
select is((select payload::json ->> 'sessions' || ' ' || (payload::json ->> 'minutes') from quota_quarters(103, 104) where unit = 1), '0 0', 'a quarter without anything is told too');
update unit_version set state = 'SUSPENDED' where number = 2;
select is(told(100, 101), '101/2 1 2025-07-05 CRITICAL', 'a suspended unit is not told');
update unit_version set state = 'ACTIVE' where number = 2;

-- ---- coverage of 2025: athletes 1 to 5 and 7 owe 300 (2, from July, 152), 6 is on trial; teams 1 to 5 owe 4
select act(160, 3, 1, 1::int2, '2025-07-02 09:00+08', 160, '{1}', '{{2,1,160,160}}'), act(161, 4, 1, 1::int2, '2025-07-03 09:00+08', 240, '{1,2}', '{{5,1,240,240},{4,2,60,60},{6,1,240,240}}'),
    act(162, 5, 1, 1::int2, '2025-07-04 09:00+08', 60, '{1,2}', '{{5,2,60,60},{7,1,60,60}}');
select count(*) from settle_quota(199) \gset met_
select results_eq($$select athletes_owing, athletes_met, athletes_taking_part, athlete_rate, participation_rate, minutes_short from quota_coverage(2025::int2) where scope = 'NATION'$$,
    $$values (6::int8, 2::int8, 4::int8, 0.3333, 0.6667, (267 + 300 + 300 + 240)::int8)$$, 'the nation: who belongs to two teams is one, who owes nothing is none');
select results_eq($$select team, athletes_owing, athletes_met, athletes_taking_part from quota_coverage(2025::int2) where scope = 'TEAM' and athletes_owing > 0$$,
    $$values ('T1', 5::int8, 2::int8, 4::int8), ('T2', 2::int8, 1::int8, 1::int8)$$, 'teams: each has him');
select results_eq($$select unit, athletes_owing, teams_owing, teams_met, team_rate, sessions_short from quota_coverage(2025::int2) where scope = 'UNIT'$$,
    $$values ('PS001', 6::int8, 2::int8, 1::int8, 0.5, 3::int8), ('PS002', 0, 3, 0, 0, 12)$$, 'units: an athlete of two teams of a unit once');
select results_eq($$select teams_owing, teams_met, team_rate, sessions_short, athlete_rate from quota_coverage(2025::int2) where scope = 'NATION'$$,
    $$values (5::int8, 1::int8, 0.2, 15::int8, 0.3333)$$, 'teams of the nation');
select is((select athlete_rate from quota_coverage(2025::int2) where team = 'T3'), null, 'where nobody owes there is no rate');
select is_empty('select * from quota_coverage(2020::int2) where athletes_owing + teams_owing > 0', 'nor a year without duties');
select * from finish();
rollback;
