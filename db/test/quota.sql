-- The quota by numbers: worked checks of the field's formulas, settled from raw rows as the worker writes them.
-- Each case has persons, teams and days of its own, so that one set of events and settlements serves all.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(59);

\ir quota_world.psql

insert into unit select g, g, 'PS' || lpad(g::text, 3, '0') from generate_series(1, 2) g;
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省体育局', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省体育局', 'PROVINCE', 'ACTIVE');
select reg(1), reg(2), reg(3);
insert into policy values (3, 1, null, null, 'NATION');
select policy_row(3, 1, 1, '2022-01-01', 360, 4);
select team_row(10, 1, 1::int2), team_row(11, 2, 1::int2), team_row(12, 3, 2::int2), team_row(13, 4, 1::int2, '2025-10-01');
select team_row(14, 5, 1::int2, '2025-10-01'), team_row(15, 6, 1::int2, null, null, '{[2025-05-01,2025-06-01)}');
insert into policy values (16, 2, 5, null, 'TEAM');
select reg(16);
select policy_row(16, 2, 1, '2025-01-01', 0, 4, 0);  -- equal to the nation's, narrower: wins, and has no tolerance
select member_row(20, 1, 1, 1, '2025-07-01');
select member_row(21, 2, 2, 1, '2025-01-01'), member_row(22, 3, 2, 3, '2025-01-01');
select member_row(23, 4, 3, 1, '2025-01-01', null, 'TRIAL');
select member_row(24, 5, 4, 1, '2025-01-01'), member_row(25, 6, 5, 2, '2025-01-01');
select member_row(26, 7, 6, 1, '2025-10-02'), member_row(27, 8, 7, 1, '2025-10-01'), member_row(28, 9, 8, 1, '2024-01-01', '2024-12-31');
select member_row(29, 10, 9, 1, '2025-01-01', null, 'FORMAL', '2025-01-01', 'COACH');
select member_row(30, 11, 10, 1, '2024-01-01'), member_row(31, 12, 11, 6, '2025-01-01'), member_row(32, 13, 12, 1, '2026-01-01');

-- ---- activities (local times)
select act(100, 1, 1, 1::int2, '2025-08-01 09:00+08', 120, '{1}', '{{1,1,120,120},{3,1,120,120}}');
-- day cap with two teams: 240 + 240 + 60 on one day, cut at 480
select act(101, 2, 1, 1::int2, '2025-08-02 08:00+08', 240, '{1}', '{{2,1,240,240}}');
select act(102, 3, 1, 1::int2, '2025-08-02 12:30+08', 235, '{3}', '{{2,3,235,235}}', 2);
select act(103, 4, 1, 1::int2, '2025-08-02 18:00+08', 60, '{1}', '{{2,1,60,60}}', 3);
-- morning and afternoon at one site, another site, and without a site
select act(104, 5, 1, 1::int2, '2025-08-03 09:00+08', 60, '{1}', '{{4,1,60,60}}');
select act(105, 6, 1, 1::int2, '2025-08-03 14:00+08', 60, '{1}', '{{4,1,60,60}}');
select act(106, 7, 1, 1::int2, '2025-08-03 17:00+08', 60, '{1}', '{{4,1,60,60}}', 2);
select act(107, 8, 1, 1::int2, '2025-08-03 19:00+08', 60, '{1}', '{{4,1,60,60}}', null, 2::int2);
select act(108, 9, 1, 1::int2, '2025-08-03 20:00+08', 60, '{1}', '{{4,1,60,60}}', null, 2::int2);
-- joint: both teams meet the minimum; a row of a team that is not listed counts for nothing
select act(109, 10, 1, 1::int2, '2025-08-04 09:00+08', 90, '{1,2}', '{{4,1,90,90},{5,2,90,90},{2,3,90,90}}');
select act(110, 11, 1, 1::int2, '2025-08-05 09:00+08', 90, '{1}', '{{3,1,90,90}}');                -- a trial athlete alone
select act(111, 12, 1, 1::int2, '2025-08-06 23:00+08', 120, '{1}', '{{4,1,120,120}}');               -- across midnight
select act(112, 13, 1, 1::int2, '2025-08-07 09:00+08', 100, '{1}', '{{4,1,60,60},{1,1,59,59}}');     -- presence: 60 is enough, 59 is not
select act(113, 14, 1, 1::int2, '2025-08-08 09:00+08', 200, '{1}', '{{4,1,200,200}}', 1, 1::int2, false); -- talk only: lecture cap
select act(114, 15, 1, 1::int2, '2025-08-09 09:00+08', 100, '{1}', '{{4,1,100,100}}', 1, 3::int2);   -- recorded: factor 0
select act(115, 16, 1, 1::int2, '2025-08-10 09:00+08', 100, '{1}', '{{4,1,100,100}}', 1, 1::int2, false, true); -- themes only
select act(116, 17, 1, 1::int2, '2025-08-11 09:00+08', 100, '{1}', '{{4,1,100,100,5},{9,1,100,100,1}}'); -- attends; a coach
select act(117, 18, 1, 1::int2, '2025-08-12 09:00+08', 300, '{1}', '{{4,1,300,300}}');               -- activity cap 240
select act(118, 19, 1, 1::int2, '2025-05-10 09:00+08', 60, '{6}', '{{11,6,60,60}}');                 -- a paused team: minutes, no session
select act(119, 20, 1, 1::int2, '2025-12-31 23:00+08', 120, '{1}', '{{10,1,120,120}}');              -- belongs to 2025
select act(120, 21, 1, 1::int2, '2025-08-13 09:00+08', 104, '{1}', '{{4,1,104,104}}');               -- floor15
select count(*) from settle_quota(199) \gset met_

select is(duty_of(2, 1, 2025), 195, 'worked check: 360 minutes, joined on 1 July 2025 (184 of 365 days): 195');
select is(duty_of(1, 4, 2025), 1, 'worked check: 4 sessions, active from 1 October, with tolerance 0.05: 1');
select is(duty_of(1, 5, 2025), 2, 'the same without tolerance: 2; the narrower policy wins where equal');
select is(duty_of(1, 1, 2025), 4, 'a whole year: 4 sessions');
select is(duty_of(1, 6, 2025), 4, 'a month of pause: 4 x 334/365 = 3.66 - 0.05, up: 4');
select is(duty_of(2, 6, 2025), 0, 'entry after 1 October owes nothing');
select is(duty_of(2, 7, 2025), 105, 'entry on 1 October owes 360 x 92/365 = 90.7: 105');
select is(duty_of(2, 3, 2025), 0, 'a trial athlete owes nothing');
select is(duty_of(2, 10, 2025), 360, 'member since a former year: the whole duty');
select is((select duty from quota_person_duty('{8}', '{2024}', 199)), 360, 'a leap year, whole: 366 of 366 days');
select is((select duty from quota_person_duty('{8}', '{2025}', 199)), 0, 'left on 31 December: nothing in the next year');
select is(minutes_of(1, '2025-08-01'), 120::int8, 'minutes of a formal athlete');
select is(minutes_of(3, '2025-08-01'), 0::int8, 'a trial athlete earns none');
select is(minutes_of(2, '2025-08-02'), 480::int8, 'the day cap holds over two teams: 240 + 225 + 15');
select is((select minutes from ledger_entry where subject_kind = 2 and subject = 2 and activity = '00000000-0000-7000-8000-000000000004'), 15,
    'and it is the latest that is reduced');
select is(sessions_of(1, '2025-08-03'), 3::int8, 'morning and afternoon at one site are one session, the second site and no site one each');
select is((select array_agg(activity order by activity) from ledger_entry where subject_kind = 1 and subject = 1 and day = '2025-08-03'),
    '{00000000-0000-7000-8000-000000000005,00000000-0000-7000-8000-000000000007,00000000-0000-7000-8000-000000000008}'::uuid[],
    'booked on the first of each');
select is(minutes_of(4, '2025-08-03'), 300::int8, 'the minutes are kept');
select is(sessions_of(1, '2025-08-04') + sessions_of(2, '2025-08-04'), 2::int8, 'a joint activity counts for each team');
select is(minutes_of(2, '2025-08-04') + sessions_of(3, '2025-08-04'), 0::int8, 'a row of a team that is not of the activity counts for nothing');
select is(sessions_of(1, '2025-08-05'), 1::int8, 'a trial athlete makes a session');
select is(minutes_of(4, '2025-08-06'), 120::int8, 'across midnight: the day of the start');
select is(minutes_of(4, '2025-08-07'), 60::int8, 'presence of exactly 0.6 is enough');
select is(minutes_of(1, '2025-08-07'), 0::int8, 'a minute less is not');
select is(minutes_of(4, '2025-08-08'), 120::int8, 'talk only: lecture cap');
select is(minutes_of(4, '2025-08-09') + sessions_of(1, '2025-08-09'), 0::int8, 'recorded: neither minutes nor a session');
select is(minutes_of(4, '2025-08-10') + sessions_of(1, '2025-08-10'), 0::int8, 'party themes without guidance: neither');
select is(minutes_of(4, '2025-08-11') + minutes_of(9, '2025-08-11') + sessions_of(1, '2025-08-11'), 0::int8, 'who attends and a coach: neither');
select is(minutes_of(4, '2025-08-12'), 240::int8, 'activity cap');
select is(minutes_of(11, '2025-05-10'), 60::int8, 'a paused team: minutes follow the membership');
select is(sessions_of(6, '2025-05-10'), 0::int8, 'but no session');
select is((select year from ledger_entry where subject_kind = 2 and subject = 10), 2025::int2, '31 December 23:00 belongs to the old year');
select is(minutes_of(4, '2025-08-13'), 90::int8, 'rounded down to 15');
select is_empty('select * from quota_diff()', 'ledger, totals and duty equal the recomputation');

-- ---- corrections and withdrawals
select act(200, 2, 2, 2::int2, '2025-08-02 08:00+08', 240, '{1}', '{{2,1,150,150}}');               -- down: the others come up to the cap
select act(201, 5, 2, 2::int2, '2025-08-20 09:00+08', 60, '{1}', '{{4,1,60,60}}');                   -- moved to another day
select act(202, 10, 2, 3::int2, null, null, '{}', '{}');                                              -- withdrawn
select count(*) from settle_quota(299) \gset met_
select is(minutes_of(2, '2025-08-02'), (150 + 225 + 60)::int8, 'a correction down frees the day for the later ones');
select is((select activity from ledger_entry where subject_kind = 1 and subject = 1 and day = '2025-08-03' and sessions = 1 and position = 299),
    '00000000-0000-7000-8000-000000000006', 'the session moves to the next activity at the site');
select is(sessions_of(1, '2025-08-20') + minutes_of(4, '2025-08-20'), 61::int8, 'and the moved one counts on its new day');
select is(minutes_of(4, '2025-08-04') + minutes_of(5, '2025-08-04') + sessions_of(1, '2025-08-04') + sessions_of(2, '2025-08-04'), 0::int8, 'a withdrawal takes all');
select act(300, 2, 3, 2::int2, '2025-08-02 08:00+08', 240, '{1}', '{{2,1,240,240}}');
select count(*) from settle_quota(399) \gset met_
select is(minutes_of(2, '2025-08-02'), 480::int8, 'a correction up: the cap again');
select is_empty('select * from quota_diff()', 'equal to the recomputation after corrections');
select throws_ok($$select act(300, 2, 4, 2::int2, '2025-08-02 08:00+08', 240, '{1}', '{{2,1,240,240}}')$$, '23505', null, 'an event applied twice fails');

-- ---- registers dated back
select act(400, 30, 1, 1::int2, '2025-09-01 09:00+08', 60, '{1}', '{{12,1,60,60}}');
select count(*) from settle_quota(409) \gset met_
select is(minutes_of(12, '2025-09-01'), 0::int8, 'not a member yet');
select member_row(410, 13, 12, 1, '2025-08-15', null, 'FORMAL', '2025-12-05');
select count(*) from settle_quota(419) \gset met_
select is(minutes_of(12, '2025-09-01') + sessions_of(1, '2025-09-01'), 61::int8, 'a membership dated back gives the credit');
-- a register event that was parked and comes below the settled position, with a new closure
select member_row(405, 1, 1, 1, '2025-07-01', '2025-07-31', 'FORMAL', '2025-12-05');
update register_log set closure = 500 where position = 405;
select count(*) from settle_quota(420) \gset met_
select is(minutes_of(1, '2025-08-01'), 0::int8, 'a register event applied late takes effect too');
-- an activity that was parked and comes late
insert into parked (position, parked_at, kind, unit, attempts, error_code, error, fingerprint, worker, version)
    values (415, now(), 3, 1, 1, '', '', '', '', '');
select act(415, 31, 1, 1::int2, '2025-09-02 09:00+08', 60, '{1}', '{{4,1,60,60}}');
select count(*) from settle_quota(421) \gset met_
select is(minutes_of(4, '2025-09-02'), 60::int8, 'a redriven activity below the settled position is taken up');
select is_empty('select * from quota_diff()', 'equal to the recomputation after registers dated back');
-- ---- duty met
select results_eq($$select f.type, f.payload::json ->> 'subject', f.payload::json ->> 'code' from (select * from (
    select act(430, 40, 1, 1::int2, '2025-11-01 09:00+08', 120, '{1}', '{{7,1,120,120}}')) x, lateral settle_quota(439)) f$$,
    $$values ('quota.duty_met', 'PERSON', 'P7')$$, 'the duty of 105 is met by 120 minutes, told once');
select is_empty('select * from settle_quota(439)', 'settling again does nothing');

-- ---- first reports add to what stands; only what needs it is computed whole (the count of groups that quota_should is asked for)
create table whole (groups int4);
grant all on whole to public;
alter function quota_should(int4[], date[], int4[], date[], int8) rename to should_put_aside;
create function quota_should(persons int4[], days date[], teams int4[], team_days date[], upto int8) returns table (subject_kind int2, subject int4, day date,
        activity uuid, team int4, minutes int4, sessions int4, policy int4, policy_version int4) language plpgsql as $$
begin
    insert into whole values (cardinality(persons) + cardinality(teams));
    return query select * from should_put_aside(persons, days, teams, team_days, upto);
end
$$;
select act(500, 50, 1, 1::int2, '2025-11-10 14:00+08', 60, '{1}', '{{4,1,60,60}}'), act(501, 51, 1, 1::int2, '2025-11-11 09:00+08', 60, '{1}', '{{4,1,60,60}}');
select count(*) from settle_quota(509) \gset met_
select act(510, 52, 1, 1::int2, '2025-11-10 09:00+08', 60, '{1}', '{{4,1,60,60}}'), act(511, 53, 1, 1::int2, '2025-11-10 16:00+08', 60, '{1}', '{{4,1,60,60}}', 2);
select act(512, 54, 1, 1::int2, '2025-11-10 17:00+08', 60, '{1,2}', '{{5,2,60,60},{3,1,60,60}}', 2);
select count(*) from settle_quota(519) \gset met_
select is((select count(*) from whole), 0::int8, 'first reports, also on days that have minutes and sessions: no group is computed whole');
select is(minutes_of(4, '2025-11-10'), 180::int8, 'and their minutes stand');
select results_eq($$select activity, sum(sessions) from ledger_entry where subject_kind = 1 and subject = 1 and day = '2025-11-10' group by 1 having sum(sessions) <> 0$$,
    $$values ('00000000-0000-7000-8000-000000000052'::uuid, 1::int8), ('00000000-0000-7000-8000-000000000053', 1)$$,
    'the session of a site moved to the earlier activity, the other site has its own');
select act(520, 55, 1, 1::int2, '2025-11-10 10:00+08', 240, '{1}', '{{4,1,240,240}}', 3), act(521, 56, 1, 1::int2, '2025-11-10 11:00+08', 240, '{1}', '{{4,1,240,240},{3,1,240,240}}', 4);
select count(*) from settle_quota(529) \gset met_
select is((select sum(groups) from whole), 1::int8, 'where a cap binds that person and day is computed whole, and nothing else');
select is(minutes_of(4, '2025-11-10'), 480::int8, 'the cap holds');
delete from whole;
select act(530, 57, 1, 1::int2, '2025-11-12 09:00+08', 60, '{1}', '{{4,1,60,60},{5,2,60,60}}'), act(531, 51, 2, 2::int2, '2025-11-12 08:00+08', 60, '{1}', '{{4,1,60,60}}');
select count(*) from settle_quota(539) \gset met_
select is((select sum(groups) from whole), 4::int8, 'a correction: its person and its team on both its days, the first report that came with it among them');
select is(minutes_of(4, '2025-11-12') + minutes_of(4, '2025-11-11') * 1000 + sessions_of(1, '2025-11-12'), 121::int8, 'and the sums are right');
drop function quota_should(int4[], date[], int4[], date[], int8);
alter function should_put_aside(int4[], date[], int4[], date[], int8) rename to quota_should;
select is_empty('select * from quota_diff()', 'equal to the recomputation on both paths');

-- ---- a closed year is left alone: 2025 closes with 7 February 2026, local
create function ledger_2025() returns text language sql as $$ select md5(string_agg(l::text, ',' order by l::text)) || (select md5(string_agg(t::text, ',' order by t::text))
    from (select subject_kind, subject, minutes, sessions, duty from quota_total where year = 2025) t) from ledger_entry l where year = 2025 $$;
select ledger_2025() as before \gset
select member_row(540, 5, 4, 1, '2025-12-01', null, 'FORMAL', '2026-02-08 00:00+08'), policy_row(540, 1, 2, '2025-01-01', 600, 9);
select act(541, 58, 1, 1::int2, '2026-01-10 09:00+08', 60, '{1}', '{{4,1,60,60}}', 1, 1::int2, true, false, '2026-02-08 00:01+08');
select count(*) from settle_quota(549) \gset met_
select is(ledger_2025(), :'before', 'registers and policies dated back into a closed year change nothing there');
select is(minutes_of(4, '2026-01-10') + duty_of(2, 4, 2026), 660::int8, 'but hold in the open one');
select member_row(550, 5, 4, 1, '2025-12-01', null, 'FORMAL', '2026-02-07 23:59+08');
select count(*) from settle_quota(559) \gset met_
select isnt(ledger_2025(), :'before', 'a minute earlier they do');
select * from finish();
rollback;
