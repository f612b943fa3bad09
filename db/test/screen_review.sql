-- The pages of who reviews, asked as the gateway's role by an account of each role: what waits in its subtree and nothing else, what it may do with it, what
-- became of what it sent.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(38);

-- PS001 with SU101 below it, and PS002.
create function eid(p int4) returns uuid language sql as $$ select ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid $$;
insert into unit values (1, 1, 'PS001'), (2, 2, 'PS002'), (3, 3, 'SU101');
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省', 'PROVINCE', 'ACTIVE'),
    (3, 3, 1, '甲省中心', 'SUB_UNIT', 'ACTIVE');
insert into team values (4, 1, 1, 'T1');
insert into team_version (position, number, name, level, sport, gender, state) values (4, 1, '女排', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'ACTIVE');
insert into person values (5, 1, 1, 'P1');
insert into person_version (position, number, birth_year, name, sex) values (5, 1, 2000, '某甲', 'F');
insert into membership values (6, 1, 1, 1);
insert into membership_version (position, number, valid_from, role, status) values (6, 1, '2025-01-01', 'ATHLETE', 'TRIAL');
create function acc(n int4, login text, unit int2, roles text[], state text default 'ACTIVE') returns void language sql as $$
    insert into account values (100 + n, n, login);
    insert into account_version (position, number, unit, name, state, state_on, roles) values (100 + n, n, unit, '张', state, '2025-01-01', roles) $$;
select acc(1, 'filler', 1::int2, '{TEAM_FILLER}'), acc(2, 'chief', 1::int2, '{UNIT_ADMIN}'), acc(3, 'leader', 1::int2, '{UNIT_LEADER}'), acc(4, 'second', 1::int2, '{UNIT_ADMIN}'),
    acc(5, 'below', 3::int2, '{UNIT_ADMIN}'), acc(6, 'other', 2::int2, '{UNIT_ADMIN}'), acc(7, 'officer', 0::int2, '{CENTRE_OPERATOR}'), acc(8, 'auditor', 0::int2, '{CENTRE_AUDITOR}'),
    acc(9, 'watcher', 0::int2, '{OBSERVER}'), acc(10, 'policy', 0::int2, '{POLICY_ADMIN}'), acc(11, 'gone', 1::int2, '{UNIT_ADMIN}', 'DISABLED');
-- A version (op 1, 2), or a decision about one.
create function row_of(p int8, n int4, step int4, op int2, state int2, unit int2, who text, version int4 default null, about int4 default null, notes text default '[]',
        at timestamptz default '2025-03-03 10:00+08') returns void language plpgsql as $$
begin
    insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload)
        values (p, at, eid(p::int4), case when op = 4 then 140 else 20 end, unit, 1, 1, who, '\x00', '{"title":"进校园' || n || '","teams":["T1"],"reason":"核实"}');
    insert into validation (position, received_at, start_at, end_at, activity, day, version, unit, op, verdict, state, short, step, about, review, teams, notes)
        values (p, at, '2025-03-01 09:00+08', '2025-03-01 11:00+08', eid(n), '2025-03-01', version, unit, op, 1, state,
                '{"net":90,"roster":[{"p":1,"t":1,"r":"INSTRUCT","d":90}],"site":null}', step, about, case when op <= 3 then 2 end, '{1}', notes);
end
$$;
select row_of(20, 1, 1, 1::int2, 2::int2, 1::int2, 'filler:TEAM_FILLER@PS001', 1, notes => '[{"code":"V04","severity":"F","pointer":"/guidance_minutes"}]');
select row_of(21, 2, 1, 1::int2, 2::int2, 1::int2, 'chief:UNIT_ADMIN@PS001', 1);                          -- the administrator's own
select row_of(22, 3, 1, 1::int2, 2::int2, 3::int2, 'below:UNIT_ADMIN@SU101', 1);                          -- of the unit below
select row_of(23, 4, 1, 1::int2, 2::int2, 2::int2, 'other:UNIT_ADMIN@PS002', 1);                          -- of another
select row_of(24, 5, 1, 1::int2, 2::int2, 1::int2, 'filler:TEAM_FILLER@PS001', 1);                        -- approved since
select row_of(25, 5, 2, 4::int2, 4::int2, 1::int2, 'chief:UNIT_ADMIN@PS001', null, 1);
select row_of(26, 6, 1, 1::int2, 2::int2, 1::int2, 'filler:TEAM_FILLER@PS001', 1);                        -- approved, then corrected
select row_of(27, 6, 2, 4::int2, 4::int2, 1::int2, 'chief:UNIT_ADMIN@PS001', null, 1);
select row_of(28, 6, 3, 2::int2, 7::int2, 1::int2, 'filler:TEAM_FILLER@PS001', 2, notes => '[{"code":"V17","severity":"W","pointer":"/sponsor"}]');
insert into flag (position, activity, unit, code, severity, pointer, evidence) values (20, eid(1), 1, 'X02', 'F', '/', '{"a":20,"b":30}'), (28, eid(6), 1, 'V19', 'W', '/', '{}');
insert into parked (kind, position, behind, state, unit, attempts, parked_at, error_code, error, fingerprint, worker, version)
    values (2, 23, false, 'parked', 2, 1, now(), 'x', 'x', '\x00', 'w', '1');
create function waits(who text, one_unit text default null, after int8 default null) returns text language sql as $$
    select string_agg(right(i ->> 'activity', 1) || case when (i ->> 'own')::bool then '*' else '' end, ' ') from json_array_elements(liangjin.reader_waiting(who, one_unit, after) -> 'items') i $$;
create function may(who text, n int4) returns text language sql as $$
    select string_agg(split_part(m ->> 'type', '.', 2) || coalesce(':' || (m ->> 'why'), ''), ' ')
    from json_array_elements(liangjin.reader_activity(who, ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid) -> 'may') m $$;
create function one(who text, n int4) returns json language sql as $$ select liangjin.reader_activity(who, ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid) $$;
grant execute on function waits(text, text, int8), may(text, int4), one(text, int4), eid(int4) to liangjin_web;

set local role liangjin_web;
set local search_path = liangjin, pg_catalog, tap;
-- ---- the queue
select is(waits('account:chief'), '1 2* 3 6', 'UNIT_ADMIN: its subtree, oldest first, its own shown as such, without what was decided');
select is(waits('account:leader'), '1 2 3 6', 'UNIT_LEADER reads it');
select is(waits('account:below'), '3*', 'a unit below: its own alone');
select is(waits('account:other'), '4*', 'another unit nothing of it');
select is(waits('account:officer'), '1 2 3 4 6', 'CENTRE_OPERATOR: the nation');
select is(waits('account:auditor', 'PS002'), '4', 'one unit of it');
select is(waits('account:chief', 'PS002'), null, 'a unit outside is not had by asking for it');
select is(waits('account:chief', null, 21), '3 6', 'behind a position');
select ok(reader_waiting(who, null, null) is null, who || ' has no queue') from unnest('{account:filler,account:watcher,account:policy,account:gone,account:nobody,chief}'::text[]) who;
select is((select (i ->> 'flags') || ' ' || (i ->> 'warnings') || ' ' || (i ->> 'score') from json_array_elements(reader_waiting('account:chief', null, null) -> 'items') i limit 1),
    '1 1 25.0', 'flags, findings and the score of an item');
select cmp_ok((select (i ->> 'age_days')::int4 from json_array_elements(reader_waiting('account:chief', null, null) -> 'items') i limit 1), '>=', 90, 'its age in working days');
-- ---- one activity
select is(one('account:chief', 1) -> 'report' -> 'body' ->> 'title', '进校园1', 'its report');
select is(one('account:chief', 1) -> 'roster' -> 0 ->> 'name', '某甲', 'the roster by name');
select is(one('account:chief', 1) -> 'roster' -> 0 ->> 'status', 'TRIAL', 'with the membership of the day');
select is(one('account:chief', 1) -> 'flags' -> 0 ->> 'says', '净时长 20 分钟,不足 30 分钟', 'flags with what they say');
select is(one('account:chief', 6) -> 'before' ->> 'version', '1', 'of a correction what was approved before');
select is(one('account:chief', 6) ->> 'note_needed', 'true', 'V17: approving takes a note');
select is(json_array_length(one('account:chief', 6) -> 'story'), 3, 'its story');
select ok(one('account:other', 1) is null and one('account:filler', 1) is null and one('account:watcher', 1) is null and one('account:gone', 1) is null, 'not for others');
select ok(one('account:chief', 4) is null, 'another unit''s is not there');
select ok(one('account:chief', 99) is null, 'nor what does not exist');
-- ---- what may be done
select is(may('account:chief', 1), 'approved returned', 'UNIT_ADMIN decides');
select is(may('account:chief', 2), 'approved:own returned:own', 'four eyes: not on his own');
select is(may('account:second', 2), 'approved returned', 'another administrator does');
select is(may('account:leader', 1), null, 'UNIT_LEADER only reads');
select is(may('account:auditor', 1), 'returned', 'the Centre returns');
select is(may('account:auditor', 5), 'sampled revoked', 'CENTRE_AUDITOR of an approved one');
select is(may('account:officer', 5), 'sampled', 'CENTRE_OPERATOR revokes nothing');
select is(may('account:chief', 5), null, 'the unit has no more to say of it');
-- ---- the sample
select is((select i ->> 'why' from json_array_elements(reader_sample('account:auditor', '2025-01-01') -> 'items') i), 'RANDOM', 'the Centre has a sample: one a unit at least');
select ok(reader_sample('account:chief', '2025-01-01') is null, 'nobody else has');
-- ---- what became of it
select is(reader_outcome('account:chief', eid(25)) ->> 'verdict', '1', 'accepted');
select is(reader_outcome('account:other', eid(23)) ->> 'state', 'parked', 'parked');
reset role;
select * from finish();
rollback;
