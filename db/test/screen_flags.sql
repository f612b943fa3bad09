-- The pages of flags and of the mailbox, asked as the gateway's role by accounts of several roles: their subtree, their own box, and nothing else.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(23);

create function eid(p int4) returns uuid language sql as $$ select ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid $$;
insert into unit values (1, 1, 'PS001'), (2, 2, 'PS002'), (3, 3, 'SU101');
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省', 'PROVINCE', 'ACTIVE'),
    (3, 3, 1, '甲省中心', 'SUB_UNIT', 'ACTIVE');
create function acc(n int4, login text, unit int2, roles text[]) returns void language sql as $$
    insert into account values (100 + n, n, login);
    insert into account_version (position, number, unit, name, state, state_on, roles) values (100 + n, n, unit, '张', 'ACTIVE', '2025-01-01', roles) $$;
select acc(1, 'chief', 1::int2, '{UNIT_ADMIN}'), acc(2, 'leader', 1::int2, '{UNIT_LEADER}'), acc(3, 'other', 2::int2, '{UNIT_ADMIN}'), acc(4, 'auditor', 0::int2, '{CENTRE_AUDITOR}'),
    acc(5, 'watcher', 0::int2, '{OBSERVER}'), acc(6, 'filler', 1::int2, '{TEAM_FILLER}');
create function report_of(p int8, unit int2) returns void language plpgsql as $$
begin
    insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload)
        values (p, now(), eid(p::int4), 20, unit, 1, 1, 'x:TEAM_FILLER@PS001', '\x00', '{"title":"进校园","teams":["T1"]}');
    insert into validation (position, received_at, start_at, activity, day, version, unit, op, verdict, state, short, step, review, teams)
        values (p, now(), now(), eid(p::int4), '2025-03-01', 1, unit, 1, 1, 4, '{"net":90,"roster":[],"site":null}', 1, 2, '{}');
end
$$;
select report_of(10, 1::int2), report_of(11, 3::int2), report_of(12, 2::int2);
insert into flag (position, other, activity, unit, code, severity, pointer, evidence, state, state_by, state_at) values
    (10, 0, eid(10), 1, 'X02', 'F', '/', '{"a":20,"b":30}', 'OPEN', null, null),
    (11, 10, eid(11), 3, 'DUP', 'F', '', '{"activity":"x","percent":90,"site":30}', 'EXPLAINED', 'chief', now()),
    (12, 10, eid(12), 2, 'DUP', 'F', '', '{"percent":60}', 'OPEN', null, null);
insert into mail (position, sent_at, id, unit, rule, urgent, kind, needs, title, body, due_working_days, due_on) values
    (30, now(), eid(30), 0, 3, false, 'BROADCAST', 'SIGN', '信', '文', 5, '2025-03-10'), (31, now(), eid(31), 0, 4, false, 'TODO', 'READ', '信二', '文', null, null);
insert into mail_receipt (position, rule, unit, role, state, read_at, read_by) values (30, 3, 1, 1, 3, now(), 'chief'), (30, 3, 2, 1, 2, null, null), (31, 4, 1, 1, 3, now(), 'chief');
create function flags(who text, states text default null, code text default null, unit text default null) returns text language sql as $$
    select string_agg((i ->> 'unit') || ' ' || (i ->> 'code'), ', ') from json_array_elements(liangjin.reader_flags(who, states, code, unit, null) -> 'items') i $$;
create function fid(p int4) returns uuid language sql security definer set search_path = liangjin, pg_catalog as $$ select id from flag where position = p $$;
grant execute on function flags(text, text, text, text), fid(int4) to liangjin_web;

set local role liangjin_web;
set local search_path = liangjin, pg_catalog, tap;
select is(flags('account:chief'), 'SU101 DUP, PS001 X02', 'UNIT_ADMIN: flags of its subtree, latest first');
select is(flags('account:leader'), 'SU101 DUP, PS001 X02', 'UNIT_LEADER too');
select is(flags('account:other'), 'PS002 DUP', 'another unit its own');
select is(flags('account:auditor'), 'PS002 DUP, SU101 DUP, PS001 X02', 'the Centre all');
select is(flags('account:auditor', 'OPEN.CONFIRMED'), 'PS002 DUP, PS001 X02', 'by states');
select is(flags('account:auditor', null, 'X02'), 'PS001 X02', 'by code');
select is(flags('account:chief', null, null, 'PS002'), null, 'a unit outside is not had by asking for it');
select ok(reader_flags(w, null, null, null, null) is null, w || ' sees none') from unnest('{account:watcher,account:filler,account:nobody}'::text[]) w;
select is(reader_flag('account:chief', fid(10)) ->> 'says', '净时长 20 分钟,不足 30 分钟', 'what it says');
select is((reader_flag('account:chief', fid(10)) -> 'may')::text, '["flag.explained"]', 'UNIT_ADMIN explains what is open');
select is((reader_flag('account:chief', fid(11)) -> 'may')::text, '[]', 'and not what is explained');
select is((reader_flag('account:auditor', fid(10)) -> 'may')::text, '["flag.decided"]', 'CENTRE_AUDITOR decides');
select is((reader_flag('account:auditor', fid(11)) -> 'may')::text, '["duplicate.decided"]', 'of a duplicate with an outcome');
select is((reader_flag('account:leader', fid(10)) -> 'may')::text, '[]', 'UNIT_LEADER only reads');
select is(json_array_length(reader_flag('account:chief', fid(11)) -> 'sides'), 2, 'a pair has two sides');
select is(reader_flag('account:other', fid(12)) -> 'sides' -> 1 ->> 'foreign', 'true', 'the other unit''s report is not shown');
select ok(reader_flag('account:other', fid(12)) -> 'sides' -> 1 ->> 'activity' is null, 'nothing of it');
select ok(reader_flag('account:other', fid(10)) is null, 'another unit''s flag is not there');
select is((reader_box('account:chief', null, null) ->> 'unread') || ' ' || (reader_box('account:chief', null, null) ->> 'todo') || ' '
    || json_array_length(reader_box('account:chief', null, null) -> 'items'), '0 1 2', 'the box: unread, to do, all');
select is(reader_box('account:chief', 'todo', null) -> 'items' -> 0 ->> 'overdue', 'true', 'what is to be done, and overdue');
select is(json_array_length(reader_box('account:other', null, null) -> 'items'), 1, 'another unit its own');
reset role;
select * from finish();
rollback;
