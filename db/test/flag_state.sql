-- Flags after they are raised: moves in the order of the log and no others, what signs add up to, digests and alerts, who may see what.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(36);
\ir flag_world.psql

insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省', 'PROVINCE', 'ACTIVE');
insert into unit values (6, 3, 'PS101');
insert into unit_version (position, number, parent, name, kind, state) values (6, 3, 1, '甲省某市', 'SUB_UNIT', 'ACTIVE');
create function day_begins(p int8, d date) returns void language sql as $$
    select ev(p, (d::text || ' 00:00:01+08')::timestamptz, 'broker');
    insert into calendar_day values (p, d) $$;
create function says(p int8, unit int2, action text, flags uuid[], outcome text default null, said text default '已核实') returns void language sql as $$
    select ev(p);
    insert into flag_action values (p, unit, action, flags, outcome, '甲', said) $$;
create function flag_of(p int8, code text) returns uuid language sql as $$ select f.id from flag f where f.position = p and f.code = flag_of.code order by f.pointer limit 1 $$;
create function became(p int8) returns text language sql as $$
    select string_agg(coalesce(m.to_state, m.refused), ' ' order by m.flag) from flag_move m where m.position = p $$;

-- Two signs of one activity, one of another, of a sub-unit.
select day_begins(90, '2026-03-03');
select act(100, 1, '2026-03-02 09:00+08', 60, '{1}', notes => '[{"code":"X01","severity":"F","pointer":"/guidance_minutes","a":10,"b":60},{"code":"X02","severity":"F","pointer":"/end_at","a":25,"b":30},{"code":"V04","severity":"F","pointer":"/guidance_minutes","a":10,"b":18}]'),
       act(101, 2, '2026-03-02 09:00+08', 60, '{2}', unit => 3::int2, notes => '[{"code":"X18","severity":"F","pointer":"/content","a":0,"b":0}]'),
       act(102, 3, '2026-03-02 09:00+08', 60, '{3}');
select settle_flags(0, 102, '{}');
select is((select count(*) from flag), 4::int8, 'flags of the worker');
select ok((select bool_and(id = overlay(overlay(md5(position || ' ' || code || ' ' || other || ' ' || pointer) placing '8' from 13) placing '8' from 17)::uuid) from flag), 'a flag is named by what it is about');
select is((select says from flag_list where code = 'X01'), '指导 10 分钟,净时长 60 分钟', 'it says what it is about, in Chinese');
select is((select score::text || ' ' || signs from object_score where activity = a_id(1)), '51.3 2', '100 (1 - 0.65 x 0.75), V04 is no sign of its own');
select is((select evidence from object_score where activity = a_id(1)), 'X01 以仪式讲话为主:指导 10 分钟,净时长 60 分钟(35 分);X02 时长过短:净时长 25 分钟,不足 30 分钟(25 分)', 'with the evidence, heaviest first');
select is((select count(*) from review_list), 0::int8, '51 is not looked at');

-- Moves.
select says(110, 2::int2, 'EXPLAIN', array[flag_of(100, 'X01')]), says(111, 1::int2, 'EXPLAIN', array[flag_of(100, 'X01'), flag_of(101, 'X18')], said => '领导讲话较长'),
       says(112, 1::int2, 'EXPLAIN', array[flag_of(100, 'X01')]), says(113, 1::int2, 'EXPLAIN', array['00000000-0000-8000-8000-000000000000'::uuid]);
select flag_moves(102, 113, 0);
select is(became(110), 'OTHER_UNIT', 'another unit explains nothing');
select is(became(111), 'EXPLAINED EXPLAINED', 'the unit does, for a unit below it too');
select is(became(112), 'STATE', 'once');
select is(became(113), 'NO_FLAG', 'and only what there is');
select is((select state || ' ' || state_by || ' ' || explanation from flag where id = flag_of(100, 'X01')), 'EXPLAINED 甲 领导讲话较长', 'who, and what was said');
select says(120, 0::int2, 'CONFIRM', array[flag_of(100, 'X01')], said => '属实'), says(121, 0::int2, 'DISMISS', array[flag_of(100, 'X02')], said => '理由充分'),
       says(122, 0::int2, 'DISMISS', array[flag_of(100, 'X01')]), says(123, 1::int2, 'EXPLAIN', array[flag_of(100, 'X02')]), says(124, 0::int2, 'CONFIRM', array[flag_of(101, 'X18')], 'DIFFERENT');
select flag_moves(113, 124, 0);
select is(became(120) || ' ' || became(121), 'CONFIRMED DISMISSED', 'an auditor decides, explained or not');
select is(became(122) || ' ' || became(123), 'STATE STATE', 'once; what is decided is explained no more');
select is(became(124), 'OUTCOME', 'an outcome of duplicates is for duplicates alone');
select is((select decision || ' ' || decided_by || ' ' || explanation from flag where id = flag_of(100, 'X01')), '属实 甲 领导讲话较长', 'the word of the unit stays beside the decision');
select is((select score::text from object_score where activity = a_id(1)), '35.0', 'what was dismissed does not count');
select flag_moves(113, 124, 0);
select is((select count(*) from flag_move where position between 120 and 124), 5::int8, 'carried out once');
-- An action below the settled position (redriven) is taken up when its register closure is new.
select says(105, 1::int2, 'EXPLAIN', array[flag_of(100, 'V04')]);
insert into register_log values (105, 77, 1);
select flag_moves(124, 124, 77);
select is(became(105), null, 'a closure that was seen is not gone over again');
select flag_moves(124, 124, 76);
select is(became(105), 'EXPLAINED', 'a new one is');
-- What is said before a flag is raised does not meet it.
select says(126, 1::int2, 'EXPLAIN', array[overlay(overlay(md5('130 X18 0 /content') placing '8' from 13) placing '8' from 17)::uuid]);
select act(130, 4, '2026-03-04 09:00+08', 60, '{4}', notes => '[{"code":"X18","severity":"F","pointer":"/content"}]');
select settle_flags(102, 130, '{}');
select flag_moves(124, 130, 77);
select is(became(126), 'NO_FLAG', 'a word ahead of its flag is none');
select is((select state from flag where position = 130), 'OPEN', 'and the flag stays open');

-- The digest: open flags of grade F since the day before, one a unit.
select act(140, 5, '2026-03-04 09:00+08', 60, '{5}', notes => '[{"code":"X02","severity":"F","pointer":"/end_at","a":25,"b":30}]'),
       act(141, 5, '2026-03-04 09:00+08', 60, '{5}', version => 2, op => 2::int2),
       act(142, 6, '2026-03-04 09:00+08', 60, '{6}', unit => 2::int2, notes => '[{"code":"X05","severity":"F","pointer":"/staff_count","a":12,"b":2}]');
select settle_flags(130, 142, '{}');
select says(145, 2::int2, 'EXPLAIN', array[flag_of(142, 'X05')]);
select day_begins(150, '2026-03-05');
select flag_moves(130, 150, 77);
create temp table digest as select * from flag_digest(145, 150);
select is((select string_agg(unit || ' ' || (payload::json ->> 'flags') || ' ' || (payload::json ->> 'activities'), ', ' order by unit) from digest), '1 1 1',
    'told: what is open; not what was explained, decided or corrected in the meantime, nor a unit twice');
select is((select number || ' ' || type || ' ' || parent_position from digest), '1000000001 flag.opened 150', 'the day is its parent');
select is((select payload::json -> 'codes' ->> 0 from digest), '{"code" : "X18", "zh" : "以赠送为主", "flags" : 1}', 'codes with their names and numbers');
select is((select payload::json -> 'first' -> 0 ->> 'flag' from digest), flag_of(130, 'X18')::text, 'the first of them by id');
select is((select payload::json ->> 'from' || '..' || (payload::json ->> 'to') from digest), '2026-03-03..2026-03-04', 'the days it tells of');
select is((select count(*) from flag_digest(150, 150)), 0::int8, 'a day is told once');

-- Bulk entry: at once, to the unit (and the Centre: the mail's matter).
select act(200 + g, (200 + g)::int4, '2026-05-01 09:00+08'::timestamptz + g * interval '1 day', 60, '{}', at => '2026-06-01 09:00+08'::timestamptz + g * interval '10 seconds', source => 'fast')
    from generate_series(0, 22) g;
select settle_flags(150, 230, '{}');
select is((select string_agg(type || ' ' || unit || ' ' || (payload::json ->> 'account') || ' ' || (payload::json ->> 'reports'), ',') from flag_alerts(150, 230)),
    'account.bulk_entry 1 fast 21', 'an account that enters too much is told of');
select is((select sign || score from flag_list where code = 'V35'), 'X1745', 'and is the sign X17');

-- Two codes, one sign.
select act(300, 300, '2026-05-10 09:00+08', 60, '{9}', notes => '[{"code":"V26","severity":"F","pointer":"/attachments/0/taken_at","a":1440,"b":0},{"code":"V26","severity":"F","pointer":"/attachments/1/taken_at","a":1440,"b":0},{"code":"X01","severity":"F","pointer":"/guidance_minutes","a":1,"b":60}]');
select settle_flags(230, 300, '{}');
select is((select signs || ' ' || score from object_score where activity = a_id(300)), '2 64.3', 'a sign counts once: 100 (1 - 0.55 x 0.65)');
select is((select activity::text || ' ' || share from review_list), a_id(300)::text || ' 30', 'and is looked at from 60 on');

-- Who sees what.
select is((select count(*) from flags_of(1::int2, null, 500) f where f.unit = 'PS101'), 1::int8, 'a unit sees what is below it');
select is((select count(*) from flags_of(3::int2, null, 500) f where f.unit <> 'PS101'), 0::int8, 'not what is above');
select is((select count(*) from flags_of(0::int2, '{EXPLAINED}', 500)), (select count(*) from flag_list where state = 'EXPLAINED'), 'the Centre all, by state');
select throws_ok($$update flag_move set to_state = 'OPEN'$$, 'P0001', null, 'moves are not changed');
select is((select count(*) from flag_rule r where r.from_state in ('CONFIRMED', 'DISMISSED')), 0::int8, 'nothing leads on from a decision');
select * from finish();
