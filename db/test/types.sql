-- Loading event types and wants.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(11);
set local role liangjin_owner;

select lives_ok($$select load_event_type(900::int2, 'test.happened', 'client', 'id', 1::int2, '{register}')$$, 'a new type');
select is((select from_position from want where type = 900), 0::int8, 'in an empty log wanted from the start');
update log_head set frontier = 500 where lane = 2;
select lives_ok($$select load_event_type(900::int2, 'test.happened', 'centre', 'id', 2::int2, '{register}')$$, 'loaded again');
select is((select from_position from want where type = 900), 0::int8, 'where it starts is kept');
select results_eq('select origin, class from event_type where number = 900', $$values ('centre', 2::int2)$$, 'origin and class may change');
select lives_ok($$select load_event_type(901::int2, 'test.later', 'client', 'id', 1::int2, '{register}')$$, 'a type that comes later');
select is((select from_position from want where type = 901), 500::int8, 'is wanted from the frontier on');
select lives_ok($$select load_event_type(901::int2, 'test.later', 'client', 'id', 1::int2, '{}')$$, 'no longer wanted');
select is_empty('select * from want where type = 901', 'and the want is gone');
select throws_ok($$select load_event_type(901::int2, 'test.other', 'client', 'id', 1::int2, '{}')$$, 'P0001', null, 'a number keeps its name');
select throws_ok($$select load_event_type(902::int2, 'test.x', 'client', 'id', 1::int2, '{nobody}')$$, 'P0001', null, 'an unknown kind');
select * from finish();
rollback;
