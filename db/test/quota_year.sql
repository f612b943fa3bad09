-- The quota's year: exemptions, the close of a year and what is carried, pacing, coverage.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(14);
\ir quota_world.psql

insert into unit select g, g, 'PS' || lpad(g::text, 3, '0') from generate_series(1, 2) g;
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省体育局', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省体育局', 'PROVINCE', 'ACTIVE');
select reg(1), reg(2), reg(3);
insert into policy values (3, 1, null, null, 'NATION');
select policy_row(3, 1, 1, '2022-01-01', 365, 4, 0.05, 480, null, 240, 1);  -- 365 minutes: a minute a day, rounding 1
select team_row(10, 1, 1::int2), team_row(11, 2, 1::int2), team_row(12, 3, 2::int2);
select member_row(20, 1, 1, 1, '2024-01-01'), member_row(21, 2, 2, 1, '2024-01-01'), member_row(22, 3, 3, 1, '2024-01-01'), member_row(23, 4, 4, 1, '2024-01-01');
select member_row(24, 5, 5, 1, '2024-01-01'), member_row(25, 6, 5, 2, '2024-01-01'), member_row(26, 7, 6, 1, '2025-09-01');

-- ---- exemptions
select exempt_row(30, 1, 2, 1, 'PRORATE', '2025-03-01', '2025-03-31'), exempt_row(31, 2, 2, 1, 'WAIVE', '2025-03-15', '2025-04-09');
select exempt_row(32, 3, 2, 2, 'DEFER', '2025-03-01', '2025-03-31');
select exempt_row(33, 4, 2, 3, 'WAIVE', '2024-12-01'), exempt_row(34, 4, 2, 3, 'WAIVE', '2024-12-01', '2025-01-31', 'ENDED');
select exempt_row(35, 5, 1, 1, 'PRORATE', '2025-01-01', '2025-06-30');
select exempt_row(36, 6, 2, 5, 'PRORATE', '2025-12-01', '2026-01-31');
select exempt_row(37, 7, 2, 6, 'PRORATE', '2025-09-01', '2025-10-10');
select count(*) from settle_quota(99) \gset met_
select is(duty_of(2, 1, 2025), 365 - 40, 'PRORATE and WAIVE take each day once: 1 March to 9 April are 40 days');
select is(duty_of(2, 2, 2025), 365, 'DEFER keeps the duty');
select is(duty_of(2, 3, 2025), 365 - 31, 'an open one that was ended counts up to its end');
select is(duty_of(2, 4, 2025), 365, 'a team''s exemption does not touch its members');
select is(duty_of(1, 1, 2025), 2, 'but the team: 4 x 184/365 = 2.02 less 0.05, up: 2');
select is(duty_of(1, 2, 2025), 4, 'another team owes the whole');
select is(duty_of(2, 5, 2025), 365 - 31, 'of two teams, and over the year''s end: the days of this year');
select is((select duty from quota_person_duty('{5}', '{2026}', 99)), 365 - 31, 'and those of the next');
select is(duty_of(2, 6, 2025), 122 - 40, 'who enters on 1 September is in time, though his first days are exempt until after 1 October');
-- later, and dated back
select act(100, 1, 1, 1::int2, '2025-08-01 09:00+08', 240, '{1}', '{{4,1,240,240}}'), act(101, 2, 1, 1::int2, '2025-08-02 09:00+08', 120, '{1}', '{{4,1,120,120}}');
select is((select string_agg(f.payload::json ->> 'code', ',') from settle_quota(109) f), 'T1', 'two sessions meet the team''s lowered duty; 360 of 365 minutes do not meet the athlete''s');
select exempt_row(110, 8, 2, 4, 'WAIVE', '2025-07-01', '2025-07-31', 'APPROVED', '2025-08-20');
select results_eq($$select f.type, f.payload::json ->> 'duty' from settle_quota(119) f where f.payload::json ->> 'code' = 'P4'$$,
    $$values ('quota.duty_met', '334')$$, 'an exemption dated back lowers the duty, and it is met');
select exempt_row(120, 9, 2, 4, 'WAIVE', '2025-11-01', null, 'APPROVED', '2026-02-08 00:00+08');
select count(*) from settle_quota(129) \gset met_
select is(duty_of(2, 4, 2025), 334, 'one that comes when the year is closed changes nothing in it');
select is(duty_of(2, 4, 2026), 0, 'but takes the whole of the open year');
select is_empty($$select * from quota_diff() where year > 2025$$, 'equal to the recomputation in the open year');
select * from finish();
rollback;
