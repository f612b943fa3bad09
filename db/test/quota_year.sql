-- The quota's year: exemptions, the close of a year and what is carried, pacing, coverage.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(37);
\ir quota_world.psql

insert into unit select g, g, 'PS' || lpad(g::text, 3, '0') from generate_series(1, 2) g;
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省体育局', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省体育局', 'PROVINCE', 'ACTIVE');
select reg(1), reg(2), reg(3);
insert into policy values (3, 1, null, null, 'NATION');
select policy_row(3, 1, 1, '2022-01-01', 365, 4, 0.05, 480, null, 240, 1);  -- 365 minutes: a minute a day, rounding 1
select team_row(10, 1, 1::int2), team_row(11, 2, 1::int2), team_row(12, 3, 2::int2);
select member_row(20, 1, 1, 1, '2024-01-01'), member_row(21, 2, 2, 1, '2024-01-01'), member_row(22, 3, 3, 1, '2024-01-01'), member_row(23, 4, 4, 1, '2024-01-01');
select member_row(24, 5, 5, 1, '2024-01-01'), member_row(25, 6, 5, 2, '2024-01-01'), member_row(26, 7, 6, 1, '2025-09-01');

-- All differences but one: person 4 has an exemption that was received after 7 February 2026 and stands before what the log has of that day.
create function quota_diff_here() returns table (what text, subject_kind int2, subject int4, year int2, stored text, computed text) language sql as $$
    select d.what, d.subject_kind, d.subject, d.year, d.stored, d.computed from quota_diff() d where (d.what, d.subject, d.year) <> ('duty', 4, 2025::int2) $$;

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

-- ---- the close of a year: teams 4 (SURPLUS_25) and 5 (DEFICIT), 360 minutes, rounding 15
select team_row(200, 4, 2::int2), team_row(201, 5, 2::int2);
insert into policy values (202, 2, 4, null, 'TEAM'), (203, 3, 5, null, 'TEAM');
select reg(202), reg(203);
select policy_row(202, 2, 1, '2025-01-01', 370, 4, 0.05, 480, null, 240, 15, 'SURPLUS_25'), policy_row(203, 3, 1, '2025-01-01', 370, 4, 0.05, 480, null, 240, 15, 'DEFICIT');
select member_row(210 + n, 20 + n, 10 + n, case when n = 3 then 5 else 4 end, '2024-01-01') from generate_series(1, 5) n;
select member_row(216, 26, 16, 4, '2024-01-01', '2025-12-30');
-- D = 375: 480 minutes are 105 over, a quarter of D is 93, rounded down 90; 390 are 15 over; 240 are 135 short
select act(220, 20, 1, 1::int2, '2025-05-01 09:00+08', 240, '{4}', '{{11,4,240,240},{15,4,240,240},{16,4,240,240}}'),
    act(221, 21, 1, 1::int2, '2025-05-02 09:00+08', 240, '{4}', '{{11,4,240,240},{15,4,240,240},{16,4,240,240}}'),
    act(222, 22, 1, 1::int2, '2025-05-03 09:00+08', 240, '{4}', '{{12,4,240,240}}'), act(223, 23, 1, 1::int2, '2025-05-04 09:00+08', 150, '{4}', '{{12,4,150,150}}'),
    act(224, 24, 1, 1::int2, '2025-05-05 09:00+08', 240, '{5}', '{{13,5,240,240}}');
select began(230, '2026-01-01'), began(231, '2026-02-07');
select act(232, 25, 1, 1::int2, '2026-01-02 09:00+08', 240, '{4}', '{{15,4,240,240}}', 1, 1::int2, true, false, '2026-01-03'),
    act(233, 26, 1, 1::int2, '2026-01-01 09:00+08', 240, '{4}', '{{11,4,240,240}}', 1, 1::int2, true, false, '2026-01-03'),
    act(234, 30, 1, 1::int2, '2026-01-03 09:00+08', 45, '{4}', '{{15,4,45,45}}', 1, 1::int2, true, false, '2026-01-04');
select count(*) from settle_quota(239) \gset met_
select results_eq($$select year, state from quota_years where year >= 2025 order by year$$, $$values (2025::int2, 'PUBLICITY'), (2026::int2, 'OPEN')$$, 'publicity until 7 February');
select is((select count(*) from ledger_entry where kind = 'CARRY'), 0::int8, 'nothing is carried before the close');
select is((select duty from quota_total where subject_kind = 2 and subject = 14 and year = 2026), 375, 'the new year is open: who has done nothing owes, too');
select is((select duty from quota_total where subject_kind = 1 and subject = 5 and year = 2026), 4, 'and teams');
select began(240, '2026-02-08');
select results_eq($$select f.parent_position, f.number, f.payload::json ->> 'code' from settle_quota(249) f$$,
    $$values (240::int8, (1 << 30) | (15 << 5) | 16 | (2026 & 15), 'P15')$$, 'what is carried meets a duty of the new year: told, upon the day that closed the old one');
select is((select state from quota_years where year = 2025), 'CLOSED', 'closed');
create function carry_of(n int4, y int4) returns int8 language sql as $$
    select coalesce(sum(minutes), 0) from ledger_entry where subject_kind = 2 and subject = n and kind = 'CARRY' and year = y $$;
select results_eq($$select n, carry_of(n, 2026) from generate_series(11, 16) n$$, $$values (11, 90::int8), (12, 15), (13, 0), (14, 0), (15, 90), (16, 0)$$,
    'SURPLUS_25: at most a quarter of the duty, rounded down; nobody who had left by 31 December');
select results_eq($$select minutes, carried, deficit, duty from quota_total where subject_kind = 2 and subject = 11 and year = 2026$$, 'values (330, 90, 0, 375)', 'carried minutes are among the minutes');
select results_eq($$select minutes, carried, deficit, duty from quota_total where subject_kind = 2 and subject = 13 and year = 2026$$, 'values (0, 0, 135, 375)', 'a deficit is shown, and enters neither');
select is((select member_minutes from quota_total where subject_kind = 1 and subject = 4 and year = 2026), 525, 'what is carried came through no team this year');
-- the first day of the year is a day like any other: what is carried is neither taken for a credit nor under its cap
select act(250, 27, 1, 1::int2, '2026-01-01 14:00+08', 240, '{4}', '{{11,4,240,240}}', 2, 1::int2, true, false, '2026-03-01');
select act(251, 26, 2, 2::int2, '2026-01-01 09:00+08', 240, '{4}', '{{11,4,240,240}}', 1, 1::int2, true, false, '2026-03-02');
select count(*) from settle_quota(259) \gset met_
select is((select minutes from quota_total where subject_kind = 2 and subject = 11 and year = 2026), 480 + 90, 'two activities of 240 beside it');
-- a record of the closed year that was reopened
select act(260, 21, 2, 3::int2, null, null, '{}', '{}', null, 1::int2, true, false, '2026-04-01');
select count(*) from settle_quota(260) \gset met_
select is(carry_of(11, 2026) + carry_of(15, 2026), 0::int8, 'what it had given is taken back');
select is((select minutes from quota_total where subject_kind = 2 and subject = 11 and year = 2026), 480, 'from the total as well');
select is_empty('select * from quota_diff_here()', 'equal to the recomputation');
-- a register dated back after the close, and a second record of the closed year that was reopened
select member_row(261, 25, 15, 4, '2024-01-01', '2025-04-30', 'FORMAL', '2026-04-02');
select act(262, 20, 2, 2::int2, '2025-05-01 09:00+08', 120, '{4}', '{{11,4,120,120},{15,4,120,120},{16,4,120,120}}', 1, 1::int2, true, false, '2026-04-03');
select count(*) from settle_quota(269) \gset met_
select is(minutes_of(15, '2025-05-01'), 120::int8, 'the reopened record is credited by the registers of the close');
select is(duty_of(2, 15, 2025), 375, 'and owed is what was owed then');
select is(duty_of(2, 15, 2026), 0, 'in the open year the register counts');
select is_empty('select * from quota_diff_here()', 'equal to the recomputation, in the closed year by the registers of its close');
select is((select max(position) from event where position <= quota_registers(2025::int2, 269)), 240::int8, 'these are what was received until 7 February');
-- the next year: carried minutes never carry again
select act(270, 28, 1, 1::int2, '2026-06-01 09:00+08', 240, '{4}', '{{12,4,240,240}}', 1, 1::int2, true, false, '2026-06-02'),
    act(271, 29, 1, 1::int2, '2026-06-02 09:00+08', 120, '{4}', '{{12,4,120,120}}', 1, 1::int2, true, false, '2026-06-03'), began(272, '2027-03-01');
select count(*) from settle_quota(279) \gset met_
select results_eq($$select minutes, carried from quota_total where subject_kind = 2 and subject = 12 and year = 2026$$, 'values (375, 15)', '360 own and 15 carried');
select is(carry_of(12, 2027), 0::int8, 'meet the duty, but are no surplus');
select is(carry_of(11, 2027), 90::int8, 'who has a surplus of his own carries it');
select is_empty('select * from quota_diff_here()', 'equal to the recomputation after two closes');
select * from finish();
rollback;
