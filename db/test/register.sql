-- apply_register: basis, double application, histories, constraints. What the worker decides is tested in tests/integration/db/register_test.c.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(16);

create function run(closure int8, p int8, basis int8, tables text[], rows text[]) returns bigint language sql as $$
    select count(*) from apply_register(closure, array[p], array[gen_random_uuid()], array[now()], '{1}', array[basis], tables, rows, '{}', '{}', '{}',
        '{}', '{}')
$$;
select lives_ok($$select run(5, 10, 0, '{unit,unit_version}', array['{"position":10,"number":1,"code":"PS001"}',
    '{"position":10,"number":1,"parent":0,"name":"甲省体育局","kind":"PROVINCE","aliases":[],"state":"ACTIVE"}'])$$, 'a unit');
select throws_ok($$select run(6, 11, 0, '{}', '{}')$$, 'P0001', null, 'a batch computed from an older state fails');
select throws_ok($$select run(6, 10, 5, '{}', '{}')$$, '23505', null, 'an event applied twice fails');
select lives_ok($$select run(7, 12, 5, '{unit_version}', array['{"position":12,"number":1,"parent":0,"name":"乙省体育局","kind":"PROVINCE","aliases":["甲"],
    "state":"SUSPENDED"}'])$$, 'its next version');
select is((select name from unit_at(11) where number = 1), '甲省体育局', 'the state at position 11 is the older');
select is((select name from current_unit where number = 1), '乙省体育局', 'the current one the newer');
select is_empty('select * from unit_at(9) where number = 1', 'before its event it does not exist');
select is((select state from unit_directory where code = 'PS001'), 'SUSPENDED', 'the directory shows the current state');
select results_eq('select number, level from unit_and_above(1::int2, 99)', 'values (1::int2, 0), (0::int2, 1)', 'a unit and what is above it');
select throws_ok($$select run(8, 13, 7, '{unit_version}', array['{"position":13,"number":1,"parent":1,"name":"x y","kind":"PROVINCE","aliases":[],
    "state":"ACTIVE"}'])$$, '23514', null, 'a unit is not its own parent');
select throws_ok($$select run(8, 13, 7, '{token}', array['{}'])$$, 'P0001', null, 'only registers are written');
select throws_ok($$select run(8, 13, 7, '{team}', array['{"position":13,"number":1,"unit":1,"code":"-x"}'])$$, '23514', null, 'a code has its form');
select lives_ok($$select run(8, 13, 7, '{team,team_version}', array['{"position":13,"number":1,"unit":1,"code":"T1"}',
    '{"position":13,"number":1,"name":"一队","level":"PROVINCIAL","sport":"JUDO","gender":"F","state":"ACTIVE","games_task":[],
      "paused":"{[2025-02-01,2025-03-01)}"}'])$$, 'a team');
select is((select team_state_on('2025-02-28', valid_from, valid_to, paused) from current_team), 'PAUSED', 'paused on the last day of the span');
select is((select team_state_on('2025-03-01', valid_from, valid_to, paused) from current_team), 'ACTIVE', 'active on the next');
select throws_ok($$insert into policy_version select 14, '2025-01-01', null, 1, 1, 4, 360, 240, 480, 120, 15, 1, 14, 480, 'YEAR', 0.6, 0.3, 0.05, 1, 1, 1, 0,
    '{FORMAL}', '{FORMAL}', '{}', '{}', '{1,1,1,1,1,1,1,1,1,1,1,1}', '{0.1,0.2,0.3}', '10-01', 'NONE', 's', 'c', 'same', 'same'$$, '23514', null,
    'a policy has two persons');
select * from finish();
rollback;
