-- Certificates: the number, what is certified, and when one is void.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(12);
\ir quota_world.psql
insert into unit select 1, 1, 'PS001';
select reg(4); insert into policy values (4, 1, null, null, 'NATION');
select policy_row(4, 1, 1, '2024-01-01', 360, 4, day_cap => 120);
select team_row(5, 1, 1::int2), member_row(6, 1, 1, 1, '2024-01-01'), member_row(7, 2, 2, 1, '2024-01-01');
select act(10, 1, 1, 1::int2, '2025-03-04 10:00+08', 90, '{1}', '{{1,1,90,90},{2,1,90,90}}');
select act(11, 2, 1, 1::int2, '2025-03-05 10:00+08', 90, '{1}', '{{1,1,90,90}}');
select act(12, 3, 1, 1::int2, '2024-12-31 10:00+08', 90, '{1}', '{{1,1,90,90}}');
select settle_quota(20);
create function stand() returns table (at int8, state text, stands int8) language sql as $$
    select s.position, s.state, s.stands from certificate_state s order by 1 $$;

select is(certificate_number(2025::int2, 123), 'LJ-C2025-0000123', 'a number of seven digits');
select is(certificate_number(2025::int2, 123456789), 'LJ-C2025-123456789', 'or more');
select results_eq($$select * from certificate_subject('PS001', 'P1', 2025::int2)$$, 'values (180::int8, 20::int8)', 'the minutes of the year, and the position they are of');
select is_empty($$select * from certificate_subject('PS001', 'P9', 2025::int2)$$, 'nobody');
select ev(21), ev(22), ev(23);
insert into certificate values (21, 20, 1, 180, 2025), (22, 20, 2, 90, 2025), (23, 20, 1, 170, 2025);
select results_eq('select * from stand()', $$values (21::int8, 'VALID', 180::int8), (22, 'VALID', 90), (23, 'VOID', 180)$$, 'a figure that never stood is void from the start');
select results_eq($$select number, unit, person, minutes from certificate_state where position = 21$$, $$values ('LJ-C2025-0000021', 'PS001', 'P1', 180)$$, 'as it is shown');
select act(30, 4, 1, 1::int2, '2025-04-04 10:00+08', 90, '{1}', '{{1,1,90,90},{2,1,90,90}}');
select settle_quota(31);
select results_eq('select * from stand() where at < 23', $$values (21::int8, 'VALID', 180::int8), (22, 'VALID', 90)$$, 'what comes later changes nothing');
select act(32, 1, 2, 3::int2, null, null, '{}', '{}');
select settle_quota(33);
select results_eq('select * from stand() where at < 23', $$values (21::int8, 'VOID', 90::int8), (22, 'VOID', 0)$$, 'an activity that holds no credit any more makes both void');
select results_eq($$select * from certificate_subject('PS001', 'P1', 2025::int2)$$, 'values (180::int8, 33::int8)', 'a new one says what stands now');
select ev(34);
insert into certificate values (34, 33, 1, 180, 2025);
select is((select state from stand() where at = 34), 'VALID', 'and is valid');
select act(35, 5, 1, 1::int2, '2025-03-05 08:00+08', 90, '{1}', '{{1,1,90,90}}');
select settle_quota(36);
select is((select state from stand() where at = 34), 'VOID', 'cut by the cap of a day that got an earlier activity: void, too');
select throws_ok('update certificate set minutes = 1', 'P0001', null, 'nothing changes a certificate');
select * from finish();
rollback;
