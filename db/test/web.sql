-- What a gateway sees: provenance in every state, the stream, tokens.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(30);

-- Two kinds of our own: `first` (901), and `second` (902), gated on first's verdict 1.
insert into kind (number, name, ordering) values (901, 'first', 'none');
insert into kind (number, name, ordering, after, after_verdict) values (902, 'second', 'none', 901, 1);
insert into event_type values (901, 'test.asked', 'client', 'id', 1, 1);
insert into want values (0, 901, 901), (0, 902, 901);
create function eid(p int4) returns uuid language sql as $$ select ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid $$;
select append_events(array_agg(p), array_agg(eid(p::int4)), array_agg(901::int2), array_agg(0::int2), array_agg(1::int2), array_agg(1::int2), '2025-01-01 00:00:00+00',
    array_agg(null::timestamptz), array_agg(null::text), array_agg('t'::text), array_agg('\x00'::bytea), array_agg('{}'::text))
    from generate_series(101::int8, 106) p;
select close_batch(1, 901::int2, 2::int2, '2025-01-02', '{101,102,104}', '{1,2,1}', 'w1', 'v1');
select close_batch(2, 902::int2, 1::int2, '2025-01-03', '{101}', '{1}', 'w2', 'v2');
select park(901::int2, '{105}', '{0}', 5::int2, false, 'bad', 'no good', 'w1', 'v1', '2025-01-02');
select park(901::int2, '{106}', '{0}', 5::int2, false, 'bad', 'no good', 'w1', 'v1', '2025-01-02');
select drop_parked(901::int2, '{106}', 'given up');
select park(902::int2, '{104}', '{0}', 5::int2, false, 'bad', 'no good', 'w2', 'v2', '2025-01-02');
select position from emit_follow_on(120, 1, 902::int2, '2025-01-03', array[row(101, eid(101), 0, 'activity.rejected', 0, null, '{}')]::follow_on[]);
create function kind_of(p int4, kind text) returns json language sql as $$
    select k from json_array_elements(event_provenance(eid(p)) -> 'kinds') k where k ->> 'kind' = kind $$;

select ok(event_provenance(eid(999)) is null, 'an unknown id');
select is(event_provenance(eid(101)) ->> 'position', '101', 'position');
select is(event_provenance(eid(101)) ->> 'unit', 'CN000', 'unit');
select is(event_provenance(eid(101)) ->> 'key', eid(101)::text, 'the default key is the id');
select is(json_array_length(event_provenance(eid(103)) -> 'kinds'), 2, 'every kind that wants it, gated ones too');
select is(kind_of(101, 'first') ->> 'state', 'closed', 'closed');
select is(kind_of(101, 'first') ->> 'attempt', '2', 'with its attempt');
select is(kind_of(101, 'first') ->> 'worker', 'w1', 'worker');
select is(kind_of(101, 'first') ->> 'closure', '1', 'closure');
select is(kind_of(102, 'first') ->> 'verdict', '2', 'and the verdict of its place');
select is(kind_of(101, 'second') #>> '{follow_ons,0,position}', '120', 'its follow-on event');
select is(kind_of(101, 'second') #>> '{follow_ons,0,type}', 'activity.rejected', 'and its type');
select is(json_array_length(kind_of(101, 'first') -> 'follow_ons'), 0, 'which is not the other kind''s');
select is(kind_of(103, 'first') ->> 'state', 'waiting', 'waiting');
select is(kind_of(103, 'second') ->> 'state', 'waiting', 'waiting for the gate');
select is(kind_of(102, 'second') ->> 'state', 'not_wanted', 'the gate''s verdict was another');
select is(kind_of(104, 'second') ->> 'state', 'parked', 'parked');
select is(kind_of(104, 'second') #>> '{park,error}', 'no good', 'with its error');
select is(kind_of(105, 'second') ->> 'state', 'waiting', 'parked at the gate: waiting behind it');
select is(kind_of(106, 'first') ->> 'state', 'dropped', 'dropped');
select is(kind_of(106, 'second') ->> 'state', 'not_wanted', 'dropped at the gate');
select is(event_provenance(follow_on_id(eid(101), 'second', 0)) ->> 'causation_id', eid(101)::text, 'a follow-on knows its cause');

-- the stream never passes the frontier
select set_marks(0::int2, 0::int2, 104, 1, '{}', '{}');
select results_eq('select position from stream_events(101, 9999, null, 100)', 'values (102::int8), (103), (104)', 'events up to the frontier');
select results_eq('select position from stream_events(101, 9999, null, 1)', 'values (102::int8)', 'limited');
select is_empty('select * from stream_events(101, 9999, ''{7}'', 100)', 'of other units only');
select results_eq('select number, kind, positions, verdicts, units, unit_codes from stream_closures(0, 9999, 100)',
    $$values (1::int8, 'first', '{101,102,104}'::int8[], '{1,2,1}'::int2[], '{0,0,0}'::int2[], '{CN000,CN000,CN000}'::text[])$$,
    'closures up to theirs');
select results_eq('select * from frontier()', 'values (104::int8, 1::int8)', 'the frontier');

-- tokens
select is(create_token('t1', decode(repeat('ab', 32), 'hex'), 'CN000', 'centre', 1::int2, 100, 200, null), 1, 'a token');
select is(revoke_token('t1'), true, 'revoked');
select results_eq('select version, revoked from auth_tokens(1)', 'values (2::int8, true)', 'gateways see it as a change');
select * from finish();
rollback;
