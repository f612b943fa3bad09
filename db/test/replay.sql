-- Replay: nothing is appended, what is announced is noted once, settlements are taken in the steps of the log that was copied.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(17);

create function add_event(p int8, id uuid) returns int4 language sql as $$
    select append_events(array[p], array[id], array[20::int2], '{0}', '{1}', '{1}', '2025-01-01 00:00:00+00', array[null::timestamptz],
        array[null::text], '{tester}', array['\x00'::bytea], array['{}'])
$$;
create function announce(base int8, number int4) returns bigint language sql as $$
    select count(*) from emit_follow_on(base, 5, 2::int2, '2025-01-01 00:00:01+00',
        array[row(11, '01900000-0000-7000-8000-000000000001', number, 'activity.rejected', 0, null, '{"a":1}')]::follow_on[])
$$;

select is(add_event(11, '01900000-0000-7000-8000-000000000001'), 1, 'a live log takes events');
select is(announce(30, 0), 1::bigint, 'and what a kind announces');
select mark_settled(3::int2, 12); select mark_settled(3::int2, 40);
select results_eq('select position from settlement where kind = 3 order by 1', 'values (12::int8), (40)', 'the steps of a settlement are remembered');
select is(replay_upto(3::int2, 50), 50::int8, 'no steps to follow: as far as possible');

insert into replay (copied_at, frontier, events) values ('2025-01-02', 40, 2);
select throws_ok($$select add_event(12, '01900000-0000-7000-8000-000000000002')$$, 'P0001', null, 'a replay takes none');
select is(announce(50, 0), 0::bigint, 'nothing is given back for what is announced in a replay');
select is((select count(*) from event), 2::bigint, 'and nothing is appended');
select results_eq('select r.id, r.causation_id, r.kind, r.type, r.unit, r.key, r.payload from replay_follow_on r',
    'select e.id, e.causation_id, 2::int2, e.type, e.unit, e.key, e.payload from event e where position = 30', 'but it is noted as the log has it');
select throws_ok('select announce(50, 0)', '23505', null, 'the same twice is an error in a replay too');
select is(announce(50, 1), 0::bigint, 'what the log does not have');
select is((select count(*) from replay_follow_on), 2::bigint, 'is noted as well');

update settled set position = 5 where kind = 3;
insert into replay_settlement (position, kind) values (12, 3), (40, 3);
select is(replay_upto(3::int2, 11), 5::int8, 'the next step cannot be taken yet: none');
select is(replay_upto(3::int2, 12), 12::int8, 'the next step');
select is(replay_upto(3::int2, 99), 12::int8, 'and never two at once');
update settled set position = 12 where kind = 3;
select is(replay_upto(3::int2, 99), 40::int8, 'then the one behind it');
update settled set position = 40 where kind = 3;
select is(replay_upto(3::int2, 99), 99::int8, 'behind the last one as far as possible');
select is(replay_upto(3::int2, 20), 40::int8, 'never back');

select * from finish();
rollback;
