-- What each role may read, asked as the gateway's role by an account of that role: its own subtree, and nothing else.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(44);

-- PS001 with SU101 below it, and PS002; a team each, T2 a second one of PS001; a person each of T1, T2, SU101's and PS002's team.
create function eid(p int4) returns uuid language sql as $$ select ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid $$;
insert into unit values (1, 1, 'PS001'), (2, 2, 'PS002'), (3, 3, 'SU101');
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省', 'PROVINCE', 'ACTIVE'),
    (3, 3, 1, '甲省中心', 'SUB_UNIT', 'ACTIVE');
insert into team values (4, 1, 1, 'T1'), (5, 2, 1, 'T2'), (6, 3, 3, 'T3'), (7, 4, 2, 'T4');
insert into team_version (position, number, name, level, sport, gender, state) select 3 + n, n, '队' || n, 'PROVINCIAL', 'JUDO', 'F', 'ACTIVE' from generate_series(1, 4) n;
insert into person values (8, 1, 1, 'P1'), (9, 2, 1, 'P2'), (10, 3, 3, 'P3'), (11, 4, 2, 'P4');
insert into person_version (position, number, birth_year, name, sex) select 7 + n, n, 2000, '某' || n, 'F' from generate_series(1, 4) n;
insert into membership values (12, 1, 1, 1), (13, 2, 2, 2), (14, 3, 3, 3), (15, 4, 4, 4);
insert into membership_version (position, number, valid_from, role, status) select 11 + n, n, '2025-01-01', 'ATHLETE', 'FORMAL' from generate_series(1, 4) n;
insert into quota_total (changed, subject, minutes, sessions, member_minutes, duty, subject_kind, year) select 20, n, 90, 1, 90, 360, 2, 2025 from generate_series(1, 4) n;
insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload) select 20 + u, now(), eid(u), 20, u, 1, 1, 't', '\x00', '{}'
    from generate_series(0, 3) u;
insert into mail (position, sent_at, id, unit, rule, urgent, kind, needs, title, body) values (30, now(), eid(30), 0, 3, false, 'BROADCAST', 'READ', '信', '文');
insert into mail_receipt (position, rule, unit, role, state) values (30, 3, 1, 1, 2), (30, 3, 2, 1, 2), (30, 3, 3, 1, 2);
-- an account of every role, and some of PS001 that differ
create function acc(n int4, login text, unit int2, role text, state text default 'ACTIVE', teams int4[] default '{}') returns void language sql as $$
    insert into account values (100 + n, n, login);
    insert into account_version (position, number, unit, name, state, state_on, roles, teams, locked_until) values (100 + n, n, unit, '张', state, '2025-01-01', array[role], teams,
        case when state = 'LOCKED' then now() + interval '9 minutes' end) $$;
select acc(1, 'filler', 1::int2, 'TEAM_FILLER', 'ACTIVE', '{1}'), acc(2, 'filler_all', 1::int2, 'TEAM_FILLER'), acc(3, 'admin', 1::int2, 'UNIT_ADMIN'), acc(4, 'leader', 1::int2, 'UNIT_LEADER'),
    acc(5, 'operator', 0::int2, 'CENTRE_OPERATOR'), acc(6, 'auditor', 0::int2, 'CENTRE_AUDITOR'), acc(7, 'policy', 0::int2, 'POLICY_ADMIN'), acc(8, 'duty', 1::int2, 'OPINION_DUTY'),
    acc(9, 'watcher', 1::int2, 'OBSERVER'), acc(10, 'gone', 1::int2, 'UNIT_ADMIN', 'DISABLED'), acc(11, 'invited', 1::int2, 'UNIT_ADMIN', 'INVITED'),
    acc(12, 'locked', 1::int2, 'UNIT_ADMIN', 'LOCKED');
select create_token('machine', decode(repeat('ab', 32), 'hex'), 'PS002', 'client', 1::int2, 100, 200, null);
select create_account('old_watcher', 'PS001', 'observer', '$argon2id$v=19$m=65536,t=2,p=1$' || repeat('a', 70));
create function seen(who text) returns text language sql as $$
    select concat_ws(' | ', (select string_agg(d.code, ' ') from liangjin.reader_directory(who) d), (select string_agg(t.code, ' ') from liangjin.reader_teams(who) t),
        (select string_agg(p.code, ' ') from liangjin.reader_persons(who) p), (select count(*) from liangjin.reader_mail(who))) $$;
create function events(who text) returns text language sql as $$
    select string_agg(u::text, ' ' order by u) from generate_series(0, 3) u where liangjin.reader_event(who, ('01900000-0000-7000-8000-' || lpad(u::text, 12, '0'))::uuid) is not null $$;
grant execute on function seen(text), events(text) to liangjin_web;

set local role liangjin_web;
set local search_path = liangjin, pg_catalog, tap;
-- units, teams, persons, mails of its own unit
select is(seen('account:filler'), 'PS001 SU101 | T1 | P1 | 0', 'TEAM_FILLER with a team: that team and its persons');
select is(seen('account:filler_all'), 'PS001 SU101 | T1 T2 T3 | P1 P2 P3 | 0', 'TEAM_FILLER without: all of the unit');
select is(seen('account:admin'), 'PS001 SU101 | T1 T2 T3 | P1 P2 P3 | 1', 'UNIT_ADMIN: the unit and below');
select is(seen('account:leader'), 'PS001 SU101 | T1 T2 T3 | P1 P2 P3 | 1', 'UNIT_LEADER reads all of it');
select is(seen('account:operator'), 'CN000 PS001 PS002 SU101 | T1 T2 T4 T3 | P1 P2 P4 P3 | 0', 'CENTRE_OPERATOR: the nation');
select is(seen('account:auditor'), 'CN000 PS001 PS002 SU101 | T1 T2 T4 T3 | P1 P2 P4 P3 | 0', 'CENTRE_AUDITOR: the nation');
select is(seen('account:policy'), 'CN000 PS001 PS002 SU101 | 0', 'POLICY_ADMIN: no names');
select is(seen('account:duty'), 'PS001 SU101 | 1', 'OPINION_DUTY: the mailbox, no names');
select is(seen('account:watcher'), 'PS001 SU101 | 0', 'OBSERVER: no names, no mail');
select is(seen('account:gone'), '0', 'a disabled account sees nothing');
select is(seen('account:invited'), '0', 'nor one that is only invited');
select is(seen('account:locked'), 'PS001 SU101 | T1 T2 T3 | P1 P2 P3 | 1', 'who is in when the account is locked stays in');
select is(seen('account:nobody'), '0', 'nobody sees nothing');
select is(seen('admin'), '0', 'nor a name without its sort');
select is(seen('token:machine'), 'PS002 | T4 | P4 | 1', 'a machine of PS002 its own');
select is(seen('token:admin'), '0', 'an account is no token');
select is(seen('account:old_watcher'), 'PS001 SU101 | 0', 'an observer of the machine');
-- single events
select is(events('account:filler'), '1 3', 'TEAM_FILLER: events of the subtree');
select is(events('account:admin'), '1 3', 'UNIT_ADMIN');
select is(events('account:leader'), '1 3', 'UNIT_LEADER');
select is(events('account:operator'), '0 1 2 3', 'CENTRE_OPERATOR');
select is(events('account:auditor'), '0 1 2 3', 'CENTRE_AUDITOR');
select is(events('account:policy'), '0 1 2 3', 'POLICY_ADMIN');
select is(events('account:duty'), '1 3', 'OPINION_DUTY');
select is(events('account:watcher'), '1 3', 'OBSERVER: what became of it, no payload');
select is(events('account:gone'), null, 'nobody');
select is(events('token:machine'), '2', 'a machine');
-- totals by name
select results_eq($$select code from reader_totals('account:filler', 2025::int2)$$, $$values ('P1')$$, 'TEAM_FILLER: its own ledger');
select results_eq($$select code from reader_totals('account:admin', 2025::int2) order by 1$$, $$values ('P1'), ('P2'), ('P3')$$, 'UNIT_ADMIN: its subtree''s');
select is_empty($$select * from reader_totals('account:watcher', 2025::int2)$$, 'OBSERVER: none by name');
select is_empty($$select * from reader_totals('account:policy', 2025::int2)$$, 'nor POLICY_ADMIN');
select is_empty($$select * from reader_totals('account:admin', 2024::int2)$$, 'another year');
-- figures: groups under five
select results_eq($$select code, persons_owing, minutes is null from reader_figures('account:watcher', 2025::int2) order by 1$$, $$values ('PS001', null::int8, true), ('SU101', null, true)$$,
    'OBSERVER: nothing about one to four persons');
select results_eq($$select code, persons_owing from reader_figures('account:admin', 2025::int2) order by 1$$, $$values ('PS001', 2::int8), ('SU101', 1)$$, 'UNIT_ADMIN: the figures');
select is((select count(*) from reader_figures('account:operator', 2025::int2)), 4::int8, 'the Centre: every unit');
select is_empty($$select * from reader_figures('account:gone', 2025::int2)$$, 'nobody');
-- and past the functions there is nothing
select throws_ok($$select * from liangjin.account$$, '42501', null, 'the gateway reads no accounts');
select throws_ok($$select * from liangjin.account_version$$, '42501', null, 'nor their versions');
select throws_ok($$select * from liangjin.credential$$, '42501', null, 'nor secrets');
select throws_ok($$select * from liangjin.current_person$$, '42501', null, 'nor persons');
select throws_ok($$select * from liangjin.reader('account:admin')$$, '42501', null, 'nor what somebody''s rights are');
select throws_ok($$select liangjin.event_provenance(gen_random_uuid())$$, '42501', null, 'nor an event without saying for whom');
select throws_ok($$select liangjin.set_account_hash('admin', 'x')$$, '42501', null, 'nor sets a password');
select throws_ok($$insert into liangjin.account values (1, 99, 'somebody')$$, '42501', null, 'nor writes');
reset role;
select * from finish();
rollback;
