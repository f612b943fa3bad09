-- The log: fencing, appending, follow-on events, closures, marks, parking. Roles: each step as the role that does it in production.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(58);

create function add_event(p int8, id uuid, type_name text, unit int2, key text) returns int4 language sql as $$
    select append_events(array[p], array[id], array[(select number from event_type where name = type_name)], array[unit], '{1}', '{1}',
        '2025-01-01 00:00:00+00', array[null::timestamptz], array[key], '{tester}', array['\x00'::bytea], array['{}'])
$$;

-- fencing
select is(take_over(0::int2, 'a'), 1::int8, 'the first owner gets epoch 1');
select lives_ok('select fence(0::int2, 1)', 'the owner passes its fence');
select is(take_over(0::int2, 'b'), 2::int8, 'a taker raises the epoch');
select throws_ok('select fence(0::int2, 1)', 'LJ001', null, 'the former owner is fenced');
select lives_ok('select fence(0::int2, 2)', 'the new owner passes');
select throws_ok('select take_over(9::int2, ''b'')', 'P0001', null, 'no such shard');
select throws_ok('select fence_turn(0::int2, 1, 1, 0)', 'LJ001', null, 'a turn of the former owner is fenced');
select lives_ok('select fence_turn(0::int2, 2, 1, 0)', 'a turn by itself passes');
select lives_ok('select fence_turn(0::int2, 2, 2, 1)', 'and one after it');
savepoint turn;
select fence_turn(0::int2, 2, 3, 2) \g /dev/null
rollback to turn;
select throws_ok('select fence_turn(0::int2, 2, 4, 3)', 'LJ002', null, 'none passes after a turn that was rolled back');
select lives_ok('select fence_turn(0::int2, 2, 5, 2)', 'one after the last that was not does');
select lives_ok('select fence_turn(0::int2, 2, 6, 0)', 'and one by itself');

-- appending
select is(append_events('{11,12,13}', '{01900000-0000-7000-8000-000000000001,01900000-0000-7000-8000-000000000002,01900000-0000-7000-8000-000000000003}',
    '{1,1,1}', '{0,0,0}', '{1,1,1}', '{1,1,1}', '2025-01-01 00:00:00+00', array[null, null, null]::timestamptz[], array['k', 'k', null]::text[],
    '{s,s,s}', array['\x01', '\x02', '\x03']::bytea[], '{a,b,c}'), 3, 'three new events');
select is(append_events('{14,15}', '{01900000-0000-7000-8000-000000000001,01900000-0000-7000-8000-000000000004}', '{1,1}', '{0,0}', '{1,1}', '{1,1}',
    '2025-01-01 00:00:00+00', array[null, null]::timestamptz[], '{k,k}', '{s,s}', array['\x01', '\x02']::bytea[], '{x,y}'), 1,
    'a known id is not counted');
select is((select payload from event where id = '01900000-0000-7000-8000-000000000001'), 'a', 'and the first stays untouched');
select is(append_new_events('{18}', '{01900000-0000-7000-8000-000000000018}', '{1}', '{0}', '{1}', '{1}', '2025-01-01 00:00:00+00', array[null]::timestamptz[],
    array[null]::text[], '{s}', array['\x18']::bytea[], '{n}'), 1, 'an event whose id is expected to be new');
select is((select (received_at, id, type, unit, class, schema_version, key, source, content_hash, payload)::text from event where position = 18),
    (select ('2025-01-01 00:00:00+00'::timestamptz, id, 1::int2, 0::int2, 1::int2, 1::int2, null::text, 's'::text, '\x18'::bytea, 'n'::text)::text from event
     where position = 18), 'is stored whole');
select throws_ok('select append_new_events(''{19,20}'', ''{01900000-0000-7000-8000-000000000019,01900000-0000-7000-8000-000000000001}'', ''{1,1}'', ''{0,0}'',
    ''{1,1}'', ''{1,1}'', ''2025-01-01 00:00:00+00'', array[null, null]::timestamptz[], ''{k,k}'', ''{s,s}'', array[''\x01'', ''\x02'']::bytea[], ''{x,y}'')',
    '23505', null, 'where an id is not, nothing is stored');
select is((select count(*) from event where position in (19, 20)), 0::int8, 'of all of them');
delete from event where position = 18;
select is(append_events('{16,17}', '{01900000-0000-7000-8000-000000000005,01900000-0000-7000-8000-000000000005}', '{1,1}', '{0,0}', '{1,1}', '{1,1}',
    '2025-01-01 00:00:00+00', array[null, null]::timestamptz[], '{k,k}', '{s,s}', array['\x01', '\x02']::bytea[], '{x,y}'), 1,
    'one id twice in one call counts once');
select throws_ok($$select add_event(11, '01900000-0000-7000-8000-000000000009', 'unit.registered', 0::int2, null)$$, '23505', null,
    'a position is never given twice');

-- follow-on ids: the vectors of tests/unit/uuid_test.c
select is_empty($$select a.name, b.name from follow_on_range a join follow_on_range b on b.kind = a.kind and (b.parent, b.name) <> (a.parent, a.name)
    and (a.parent = b.parent or 'event' in (a.parent, b.parent)) and a.lo <= b.hi and b.lo <= a.hi$$, 'no two ranges of numbers meet');
select is_empty($$select r.kind from follow_on_range r where not exists (select from kind k where k.name = r.kind)$$, 'each is of a kind');
select is_empty($$select t.rule from mail_template t where not exists (select from follow_on_range r where r.kind = 'mail' and t.rule between r.lo and r.hi)$$, 'mails too');
select is(follow_on_base('quota', 'day', 'quota.credited') || ' ' || coalesce(follow_on_base('quota', 'day', 'none')::text, 'none'), '0 none', 'the first of a range');
select is(follow_on_id('0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061', 'quota', 0), '0192a3b4-c5d6-8c90-9284-2d020d4d820a', 'vector quota 0');
select is(follow_on_id('0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061', 'quota', 1), '0192a3b4-c5d6-8033-a7e3-da7c0161cc85', 'vector quota 1');
select is(follow_on_id('0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061', '意见', 7), '0192a3b4-c5d6-8a52-9f92-7c44972e81fe', 'vector 意见 7');
select is(follow_on_id('00000000-0000-0000-0000-000000000000', 'mail', 3), '00000000-0000-8add-be2f-da717bbb66c9', 'vector nil mail 3');

-- follow-on events; kind register stands in for any
create function announce(type_name text, cap int4, number int4 default 0) returns bigint language sql as $$
    select count(*) from emit_follow_on(30, cap, 1::int2, '2025-01-01 00:00:01+00',
        array[row(11, '01900000-0000-7000-8000-000000000001', number, type_name, 0, null, '{"a":1}'),
              row(12, '01900000-0000-7000-8000-000000000002', number, type_name, 0, 'key', '{"a":2}')]::follow_on[])
$$;
select is((select count(*) from emit_follow_on(30, 0, 1::int2, '2025-01-01', '{}')), 0::int8, 'nothing announced, nothing done');
select throws_ok($$select announce('activity.rejected', 1)$$, 'P0001', null, 'more than the cap');
select throws_ok($$select announce('no.such_type', 5)$$, 'P0001', null, 'unknown type');
select throws_ok($$select announce('activity.submitted', 5)$$, 'P0001', null, 'a type that is not a worker''s');
select is(announce('activity.rejected', 2), 2::int8, 'two announced');
select results_eq($$select position, id, causation_id, class, key, source, content_hash from event where position >= 30 order by 1$$,
    $$values (30::int8, follow_on_id('01900000-0000-7000-8000-000000000001', 'register', 0), '01900000-0000-7000-8000-000000000001'::uuid, 1::int2,
            null::text, 'register', substring(sha256('{"a":1}'), 1, 16)),
        (31, follow_on_id('01900000-0000-7000-8000-000000000002', 'register', 0), '01900000-0000-7000-8000-000000000002', 1::int2, 'key', 'register',
            substring(sha256('{"a":2}'), 1, 16))$$, 'with id, cause, class, key, source and hash');
select throws_ok($$select announce('activity.rejected', 2)$$, '23505', null, 'the same twice is an error');

-- closures and marks
select lives_ok($$select close_batch(1, 1::int2, 1::int2, '2025-01-01', '{12,11}', '{1,2}', 'w', 'v')$$, 'a closure');
select results_eq('select lo, hi from closure where number = 1', 'values (11::int8, 12::int8)', 'knows its span');
select throws_ok($$select close_batch(1, 1::int2, 1::int2, '2025-01-01', '{13}', '{1}', 'w', 'v')$$, '23505', null, 'a number is used once');
select throws_ok($$select close_batch(2, 1::int2, 1::int2, '2025-01-01', '{13}', '{1,1}', 'w', 'v')$$, 'P0001', null, 'a verdict for each position');
select set_marks(1::int2, 0::int2, 20, 5, '{1}', '{18}');
select set_marks(1::int2, 0::int2, 10, 9, '{1}', '{17}');
select results_eq('select frontier, closure_frontier from log_head where lane = 1', 'values (20::int8, 9::int8)', 'marks only rise');
select is((select watermark from kind_mark where kind = 1 and lane = 1), 18::int8, 'watermarks too');
select mark_settled(1::int2, 7); select mark_settled(1::int2, 6);
select is((select position from settled where kind = 1), 7::int8, 'and the settled position');

-- parking
select is(add_event(41, '01900000-0000-7000-8000-000000000041', 'team.registered', 3::int2, 'k'), 1, 'an event');
select is(add_event(42, '01900000-0000-7000-8000-000000000042', 'team.registered', 3::int2, 'k'), 1, 'and a later one of its key');
select lives_ok($$select park(1::int2, '{41}', '{3}', 5::int2, false, 'x', 'value 17 of "abc" is bad', 'w', 'v', '2025-01-01')$$, 'parked');
select lives_ok($$select park(1::int2, '{42}', '{3}', 0::int2, true, 'x', 'behind', 'w', 'v', '2025-01-01')$$, 'and one behind');
select is((select fingerprint from parked where position = 41), 'x value # of ? is bad', 'the fingerprint groups');
select throws_ok($$select park(1::int2, '{41}', '{3}', 5::int2, false, 'x', 'again', 'w', 'v', '2025-01-01')$$, 'P0001', null, 'not parked twice');
select is_empty($$select * from redrive(1::int2, '{42}')$$, 'the one behind stays while the first is parked');
select results_eq($$select * from redrive(1::int2, '{42,41}')$$, 'values (41::int8), (42)', 'both go, in order');
select lives_ok($$select park(1::int2, '{42}', '{3}', 2::int2, false, 'y', 'again', 'w', 'v', '2025-01-01')$$, 'a redriven one may be parked again');
select is((select attempts from parked where position = 42), 2::int2, 'attempts add up');
select lives_ok($$select redriven(1::int2, '{41}', '{1}')$$, 'the other came through');
select throws_ok($$select redriven(1::int2, '{41}', '{1}')$$, 'P0001', null, 'once');
select throws_ok($$select * from drop_parked(1::int2, '{42}', '')$$, 'P0001', null, 'a drop needs a reason');
select results_eq($$select * from drop_parked(1::int2, '{42,41}', 'test')$$, 'values (42::int8)', 'dropped: only what is parked');
select is_empty($$select * from redrive(1::int2, null)$$, 'nothing is left to redrive');

select * from finish();
rollback;
