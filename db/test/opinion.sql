-- The kind opinion in the database: keys, checks, follow-on events, rights.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(7);

create function put(p int8, verdict int2, state text, follow text default null, score int2 default 0) returns setof follow_on language sql as $$
    select * from apply_opinion(p, array[p], array['01900000-0000-7000-8000-000000000001'::uuid], array['2025-12-01'::timestamptz], array[verdict], array[state],
        '{1}', array[null::uuid], array['HOST'], '{0}', '{1}', array['INJURY'], '{2}', '{70}', array[score], '{3}', array['[]'], array[follow])
$$;
select is_empty($$select * from put(10, 1::int2, 'scored')$$, 'a clean text announces nothing');
select results_eq($$select parent_position, number, type, unit, payload from put(11, 2::int2, 'scored', '{"severity":2}', 70::int2)$$,
    $$values (11::int8, 0, 'opinion.flagged', 1::int2, '{"severity":2}')$$, 'a flagged one does');
select throws_ok($$select * from put(11, 2::int2, 'scored', '{}')$$, '23505', null, 'twice fails');
select lives_ok($$select * from put(12, 3::int2, 'unreadable')$$, 'unreadable');
select throws_ok($$select * from put(13, 3::int2, 'scored')$$, '23514', null, 'verdict 3 and unreadable go together');
select throws_ok($$select * from put(14, 2::int2, 'scored', '{}', 101::int2)$$, '23514', null, 'a score is at most 100');
select ok(not has_table_privilege('liangjin_web', 'opinion_score', 'select') and not has_table_privilege('liangjin_worker', 'opinion_score', 'insert'), 'rights');
select * from finish();
rollback;
