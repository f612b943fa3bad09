-- The quota under review: what waits for its approval counts for nothing, approval makes a version count, return and revocation take it away, a
-- disputed participation gives no minutes and is no athlete. And all of it whatever the cuts of settlements.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(52);

\ir quota_world.psql

insert into unit values (1, 1, 'PS001');
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省体育局', 'PROVINCE', 'ACTIVE');
select reg(1), reg(2), reg(3);
insert into policy values (3, 1, null, null, 'NATION');
select policy_row(3, 1, 1, '2022-01-01', 360, 4);
select team_row(10, 1, 1::int2), member_row(20, 1, 1, 1, '2025-01-01'), member_row(21, 2, 2, 1, '2025-01-01');

-- ---- held, approved, returned, approved again
select act(100, 1, 1, 1::int2, '2025-08-01 09:00+08', 120, '{1}', '{{1,1,120,120},{2,1,120,120}}', held => true);
select count(*) from settle_quota(100) \gset s_
select is(minutes_of(1, '2025-08-01'), 0::int8, 'a report that waits for its approval gives no minutes');
select is(sessions_of(1, '2025-08-01'), 0::int8, 'and no session');
select said(101, 1, 2, 4::int2, 100);
select count(*) from settle_quota(101) \gset s_
select is(minutes_of(1, '2025-08-01'), 120::int8, 'approved: its minutes');
select is(sessions_of(1, '2025-08-01'), 1::int8, 'and its session');
select is((select minutes from quota_total where subject_kind = 2 and subject = 1 and year = 2025), 120, 'the total too');
select said(102, 1, 3, 3::int2);
select count(*) from settle_quota(102) \gset s_
select is(minutes_of(1, '2025-08-01'), 0::int8, 'back in review: nothing stands');
select is(sessions_of(1, '2025-08-01'), 0::int8, 'no session either');
select said(103, 1, 4, 4::int2, 100);
select count(*) from settle_quota(103) \gset s_
select is(minutes_of(2, '2025-08-01'), 120::int8, 'the same version is approved again');

-- ---- a correction waits while the approved version stands
select act(104, 1, 5, 2::int2, '2025-08-02 09:00+08', 60, '{1}', '{{1,1,60,60}}', held => true);
select count(*) from settle_quota(104) \gset s_
select is(minutes_of(1, '2025-08-01'), 120::int8, 'while a correction waits, what was approved stands');
select is(minutes_of(1, '2025-08-02'), 0::int8, 'and the correction does not');
select said(105, 1, 6, 4::int2, 104);
select count(*) from settle_quota(105) \gset s_
select is(minutes_of(1, '2025-08-01'), 0::int8, 'the correction is approved: the day before is empty');
select is(minutes_of(1, '2025-08-02'), 60::int8, 'and its own day counts');
select is(minutes_of(2, '2025-08-01'), 0::int8, 'who is not in it any more has nothing');
select is(sessions_of(1, '2025-08-02'), 1::int8, 'the session moved');
select said(106, 1, 7, 3::int2);
select count(*) from settle_quota(106) \gset s_
select is((select coalesce(sum(minutes), 0) + coalesce(sum(sessions), 0) from ledger_entry), 0::int8, 'revoked: the whole ledger sums to nothing');

-- ---- disputes
select act(110, 2, 1, 1::int2, '2025-08-05 09:00+08', 120, '{1}', '{{1,1,120,120}}');
select act(111, 3, 1, 1::int2, '2025-08-05 14:00+08', 120, '{1}', '{{1,1,120,120},{2,1,120,120}}');
select count(*) from settle_quota(111) \gset s_
select is(minutes_of(1, '2025-08-05'), 240::int8, 'two activities of a day');
select is((select activity::text from ledger_entry where subject_kind = 1 and day = '2025-08-05' group by activity having sum(sessions) > 0),
          '00000000-0000-7000-8000-000000000002', 'the session is booked on the first');
select said(112, 2, 2, 5::int2, null, 1);
select count(*) from settle_quota(112) \gset s_
select is(minutes_of(1, '2025-08-05'), 120::int8, 'case 26: what the athlete disputes gives no minutes');
select is((select activity::text from ledger_entry where subject_kind = 1 and day = '2025-08-05' group by activity having sum(sessions) > 0),
          '00000000-0000-7000-8000-000000000003', 'and counts no athlete: the session stands on the other activity');
select act(113, 2, 3, 2::int2, '2025-08-05 09:00+08', 90, '{1}', '{{1,1,90,90},{2,1,90,90}}');
select count(*) from settle_quota(113) \gset s_
select is(minutes_of(1, '2025-08-05'), 120::int8, 'a correction does not clear the dispute');
select is(minutes_of(2, '2025-08-05'), 210::int8, 'the others of the roster are not touched by it');
select said(114, 2, 4, 6::int2, null, 1);
select count(*) from settle_quota(114) \gset s_
select is(minutes_of(1, '2025-08-05'), 210::int8, 'solved and kept: the minutes of the version in force');
select said(115, 3, 2, 5::int2, null, 1), said(116, 3, 3, 7::int2, null, 1);
select count(*) from settle_quota(116) \gset s_
select is(minutes_of(1, '2025-08-05'), 90::int8, 'solved and dropped: they stay out');

-- ---- a report, its dispute and its approval in one settlement
select act(120, 4, 1, 1::int2, '2025-08-08 09:00+08', 60, '{1}', '{{1,1,60,60},{2,1,60,60}}', held => true), said(121, 4, 2, 5::int2, null, 2), said(122, 4, 3, 4::int2, 120);
select act(123, 5, 1, 1::int2, '2025-08-09 09:00+08', 60, '{1}', '{{1,1,60,60}}'), said(124, 5, 2, 5::int2, null, 1);
select act(125, 6, 1, 1::int2, '2025-08-10 09:00+08', 60, '{1}', '{{1,1,60,60}}', held => true), said(126, 6, 2, 4::int2, 125), said(127, 6, 3, 3::int2);
select count(*) from settle_quota(127) \gset s_
select is(minutes_of(1, '2025-08-08'), 60::int8, 'held, disputed by another and approved in one step');
select is(minutes_of(2, '2025-08-08'), 0::int8, 'the other has none');
select is(minutes_of(1, '2025-08-09'), 0::int8, 'reported and disputed in one step');
select is(sessions_of(1, '2025-08-09'), 0::int8, 'no athlete is left: no session');
select is(minutes_of(1, '2025-08-10'), 0::int8, 'approved and returned in one step');

-- ---- a session of a first report beside an approved one on the same site
select act(130, 7, 1, 1::int2, '2025-08-12 14:00+08', 60, '{1}', '{{1,1,60,60}}', held => true), said(131, 7, 2, 4::int2, 130);
select count(*) from settle_quota(131) \gset s_
select act(132, 8, 1, 1::int2, '2025-08-12 09:00+08', 60, '{1}', '{{1,1,60,60}}');
select count(*) from settle_quota(132) \gset s_
select is(sessions_of(1, '2025-08-12'), 1::int8, 'merged with what was approved before');
select is((select activity::text from ledger_entry where subject_kind = 1 and day = '2025-08-12' group by activity having sum(sessions) > 0),
          '00000000-0000-7000-8000-000000000008', 'and booked on the first of the day');

-- ---- the digest tells of an approval on its own day
insert into event_type values (64, 'quota.credited', 'worker', 'id', 1, 1) on conflict do nothing;
select began(200, '2025-12-01'), act(201, 9, 1, 1::int2, '2025-11-30 09:00+08', 60, '{1}', '{{1,1,60,60}}', held => true), began(202, '2025-12-02');
select said(203, 9, 2, 4::int2, 201), began(204, '2025-12-03'), began(205, '2025-12-04');
select count(*) from settle_quota(205) \gset s_
select is((select string_agg(f.parent_position || ' ' || (f.payload::json ->> 'minutes'), ',' order by f.parent_position)
           from quota_digest(200, 205) f), '204 60', 'told once, after the day of the approval');

-- ---- two reports of one event (op 8): whoever counts in the one that was filed first does not count again
create function other(a int4) returns uuid language sql as $$ select ('00000000-0000-7000-8000-' || lpad(a::text, 12, '0'))::uuid $$;
select team_row(206, 2, 1::int2), team_row(207, 3, 1::int2);
select member_row(208, 31, 31, 1, '2025-01-01'), member_row(209, 32, 32, 2, '2025-01-01'), member_row(210, 33, 31, 2, '2025-01-01'), member_row(211, 34, 34, 3, '2025-01-01');
select act(220, 40, 1, 1::int2, '2025-10-01 23:30+08', 120, '{1}', '{{31,1,120,120}}', 41),
    act(221, 41, 1, 1::int2, '2025-10-02 00:10+08', 90, '{2,1}', '{{31,2,90,90},{32,2,90,90}}', 42),
    act(222, 42, 1, 1::int2, '2025-10-02 00:20+08', 60, '{3,2}', '{{32,2,60,60},{34,3,60,60}}', 43);
select count(*) from settle_quota(222) \gset s_
select is(minutes_of(31, '2025-10-02') || ' ' || minutes_of(32, '2025-10-02') || ' ' || sessions_of(2, '2025-10-02'), '90 150 2', 'both credits stand until it is decided');
select said(223, 41, 2, 8::int2, other => other(40));
select count(*) from settle_quota(223) \gset s_
select is(minutes_of(31, '2025-10-01') || ' ' || minutes_of(31, '2025-10-02') || ' ' || minutes_of(32, '2025-10-02'), '120 0 150', 'a person counts in the first report alone');
select is(sessions_of(1, '2025-10-01') || ' ' || sessions_of(2, '2025-10-02'), '1 2', 'a team that one report alone gives a session keeps it');
select said(224, 42, 2, 8::int2, other => other(41));
select count(*) from settle_quota(224) \gset s_
select is(minutes_of(32, '2025-10-02') || ' ' || minutes_of(34, '2025-10-02'), '90 60', 'three reports of one event');
select is(sessions_of(2, '2025-10-02') || ' ' || sessions_of(3, '2025-10-02'), '1 1', 'one session a team');
select act(225, 41, 3, 2::int2, '2025-10-02 00:10+08', 90, '{2,1}', '{{31,2,90,90}}', 42);
select count(*) from settle_quota(225) \gset s_
select is(minutes_of(32, '2025-10-02'), 60::int8, 'who is corrected away in the middle one counts in the last');
select is(sessions_of(2, '2025-10-02'), 1::int8, 'the middle one still makes the session');
select said(226, 40, 2, 3::int2);
select count(*) from settle_quota(226) \gset s_
select is(minutes_of(31, '2025-10-01') || ' ' || minutes_of(31, '2025-10-02'), '0 90', 'the first is withdrawn: the day after, the second counts');
select said(227, 42, 3, 9::int2);
select count(*) from settle_quota(227) \gset s_
select is(minutes_of(34, '2025-10-02'), 60::int8, 'what is decided to be two events changes nothing');
select is_empty('select * from quota_diff()', 'equal to the recomputation');

-- ---- cuts do not matter
create temporary table once as select subject_kind, subject, day, activity, sum(minutes) m, sum(sessions) s from ledger_entry group by 1, 2, 3, 4
    having sum(minutes) <> 0 or sum(sessions) <> 0;
create function forget() returns void language plpgsql as $$
begin
    alter table ledger_entry disable trigger user;
    delete from ledger_entry; delete from quota_total; delete from quota_year; delete from quota_late; delete from settlement where kind = 3;
    alter table ledger_entry enable trigger user;
    update settled set position = 0 where kind = 3;
    update quota_seen set register_closure = 0;
end
$$;
create function differs() returns int8 language sql as $$
    select count(*) from (select subject_kind, subject, day, activity, sum(minutes) m, sum(sessions) s from ledger_entry group by 1, 2, 3, 4
                          having sum(minutes) <> 0 or sum(sessions) <> 0) x full join once o using (subject_kind, subject, day, activity)
    where x.m is distinct from o.m or x.s is distinct from o.s
$$;
select forget();
select count(*) from settle_quota(227) \gset s_
select is(differs(), 0::int8, 'all at once');
select is_empty('select * from quota_diff()', 'and equal to the recomputation');
select forget();
select count(*) from generate_series(100, 227, 7) g cross join lateral settle_quota(g) \gset s_
select count(*) from settle_quota(227) \gset s_
select is(differs(), 0::int8, 'in steps of seven');
select forget();
insert into quota_late values (101), (112), (122);
select count(*) from settle_quota(110) \gset s_
select count(*) from settle_quota(227) \gset s_
select is(differs(), 0::int8, 'with some of it taken up late');

-- ---- rows that break the contract
select throws_ok($$select said(300, 1, 8, 4::int2)$$, '23514', null, 'an approval names the version that it approves');
select throws_ok($$select said(301, 1, 8, 5::int2)$$, '23514', null, 'a dispute names the person');
select throws_ok($$select said(303, 1, 8, 8::int2)$$, '23514', null, 'one event is it with another');
select throws_ok($$select said(304, 1, 8, 3::int2, other => other(40))$$, '23514', null, 'nothing else names another');
select throws_ok($$select said(305, 1, 8, 10::int2)$$, '23514', null, 'nor is there an operation more');
select throws_ok($$select said(302, 1, 7, 3::int2)$$, '23505', null, 'one row a step of an activity');
select throws_ok($$select said(106, 1, 9, 3::int2)$$, '23505', null, 'a second application is an error');
select * from finish();
rollback;
