-- Flags of a day: copied texts, suspected duplicates and what must not be suspected, signs that take many activities. Each just raised and just not.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select no_plan();
\ir flag_world.psql

insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省体育局', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙协会', 'NATIONAL_ORG', 'ACTIVE');
insert into team (position, number, unit, code) values (3, 3, 2, 'T3'), (3, 4, 1, 'T4'), (3, 5, 1, 'T5'), (3, 6, 1, 'T6'), (3, 7, 1, 'T7');
insert into team_version (position, number, name, level, sport, gender, state, games_task)
    select 3, g, '第' || g || '队', 'PROVINCIAL', 'TABLE_TENNIS', 'X', 'ACTIVE', case g when 5 then '{PARIS_2024}'::text[] else '{}' end from generate_series(1, 7) g;
insert into site select 5, g, 2, 'S' || g from generate_series(10, 13) g;
delete from site_version;
insert into site_version (position, number, name, kind, region, lat, lon) values
    (5, 1, '春晖小学', 'PRIMARY', '510100', null, null), (5, 2, '望江小学', 'PRIMARY', '510100', null, null), (5, 3, '东湖中学', 'MIDDLE', '510100', 30.6, 104.0),
    (5, 10, '春晖 小学', 'PRIMARY', '510100', null, null), (5, 11, '春晖小学', 'PRIMARY', '320100', null, null), (5, 12, '东湖校区操场', 'MIDDLE', '510100', 30.603, 104.0),
    (5, 13, '春晖小学', 'PRIMARY', '510100', null, null);
create function day_begins(p int8, d date) returns void language sql as $$
    select ev(p, (d::text || ' 00:00:01+08')::timestamptz, 'broker');
    insert into calendar_day values (p, d) $$;
create function titled(title text, narrative text default null) returns text language sql as $$ select json_strip_nulls(json_build_object('title', title, 'narrative', narrative))::text $$;
create function bits(n int4) returns bit(256) language sql as $$ select (repeat('1', n) || repeat('0', 256 - n))::bit(256) $$;
-- What was raised in one more day that begins at p.
create function dup(p int8) returns text language sql as $$
    select coalesce(string_agg(f.other || ' ' || (f.evidence::json ->> 'level') || ' ' || (f.evidence::json ->> 'percent'), ', ' order by f.other), '') from flag f
    where f.position = p and f.code = 'DUP' $$;
create function day(p int8, d date) returns void language sql as $$ 
    select day_begins(p, d);
    select flag_days((select max(c.position) from calendar_day c where c.position < p), p, 0) $$;
select day_begins(50, '2026-03-01');

-- Edge case 1: two bodies report one table-tennis day, each with its own code for the school, two of four athletes in both.
select act(100, 1, '2026-03-02 09:00+08', 90, '{1,2,3}', 1, payload => titled('乒乓球队走进春晖小学开展健身指导')),
       act(101, 2, '2026-03-02 09:00+08', 90, '{2,3,4}', 10, unit => 2::int2, teams => '{3}', payload => titled('乒乓球健身指导走进春晖小学'));
select day(110, '2026-03-03');
select is(dup(101), '100 SUSPECT 69', 'case 1: one event reported by two bodies is suspected: 30 site, 12.5 roster, 20 time, and the titles');
select is((select (evidence::json ->> 'site') || ' ' || (evidence::json ->> 'roster') || ' ' || (evidence::json ->> 'time') || ' ' || (evidence::json ->> 'photo') from flag where code = 'DUP'),
    '1.0 0.50 1.00 0', 'its parts are kept');
select is((select other_activity::text from flag_list where code = 'DUP'), a_id(1)::text, 'and which other activity');
select is((select count(*) from object_score), 0::int8, 'a suspicion is no sign of formalism');
-- The same report again, word for word.
select act(200, 3, '2026-03-04 09:00+08', 90, '{5,6,7}', 2, payload => titled('排球队走进望江小学'), sketch => bits(100)),
       act(201, 4, '2026-03-04 09:00+08', 90, '{5,6,7}', 2, payload => titled('排球队走进望江小学'), sketch => bits(100));
select day(210, '2026-03-05');
select is(dup(201), '200 DUP 90', 'the same report again: all but a photo');
-- Must not fire.
select act(300, 5, '2026-03-06 09:00+08', 90, '{8,9,10}', 1, payload => titled('排球队走进春晖小学')), act(301, 6, '2026-03-06 14:00+08', 90, '{8,9,10}', 2, payload => titled('排球队走进望江小学'));
select act(302, 7, '2026-03-09 09:00+08', 90, '{11,12}', 3, payload => titled('攀岩课堂'), sketch => bits(50)), act(303, 8, '2026-03-09 14:00+08', 90, '{11,12}', 3, payload => titled('攀岩课堂'), sketch => bits(50));
select act(304, 9, '2026-03-10 09:00+08', 90, '{11,12}', 3, payload => titled('攀岩课堂')), act(305, 10, '2026-03-11 09:00+08', 90, '{11,12}', 3, payload => titled('攀岩课堂'));
select act(306, 11, '2025-03-12 09:00+08', 90, '{13,14}', 3, payload => titled('走进东湖中学')), act(307, 12, '2026-03-12 09:00+08', 90, '{13,14}', 3, payload => titled('走进东湖中学'));
select day(310, '2026-03-12');
select is(dup(301), '', 'two schools on one day with the same players');
select is(dup(303), '', 'morning and afternoon at one school');
select is(dup(304) || dup(305), '', 'a series with equal titles');
select is(dup(307), '', 'the same school next year');
-- Near enough is one place; another region's school of the same name is not; nor are two teams at one school with other people and other words.
select act(400, 13, '2026-03-13 09:00+08', 90, '{15,16}', 3, payload => titled('冠军公开课')), act(401, 14, '2026-03-13 09:00+08', 90, '{15,16}', 12, unit => 2::int2, teams => '{3}', payload => titled('冠军公开课'));
select act(402, 15, '2026-03-13 09:00+08', 90, '{17,18,19}', 1, payload => titled('击剑体验')), act(403, 16, '2026-03-13 09:00+08', 90, '{20,21}', 11, payload => titled('击剑体验'));
select act(404, 17, '2026-03-14 09:00+08', 90, '{22,23}', 2, teams => '{1}', payload => titled('羽毛球队开展教学')), act(405, 18, '2026-03-14 09:30+08', 90, '{24,25}', 2, teams => '{2}', payload => titled('武术展示'));
select day(410, '2026-03-15');
select is(dup(401), '400 DUP 90', 'sites 330 m from each other are one');
select is(dup(403), '', 'the same name in another region is another school');
select is(dup(405), '', 'two teams at one school at once, with other people and other words');
-- Decided: DIFFERENT is not raised again, on a correction either.
select ev(411); insert into flag_action values (411, 0, 'DISMISS', array[(select id from flag where position = 201 and code = 'DUP')], 'DIFFERENT', '乙', '两个班级');
select act(412, 4, '2026-03-04 09:00+08', 90, '{5,6,7}', 2, version => 2, op => 2::int2, payload => json_build_object('body', titled('排球队走进望江小学')::json)::text, sketch => bits(100));
select act(413, 2, '2026-03-02 09:00+08', 90, '{2,3,4}', 10, version => 2, op => 2::int2, unit => 2::int2, teams => '{3}', payload => json_build_object('body', titled('乒乓球健身指导走进春晖小学')::json)::text);
select day(510, '2026-03-16');
select is((select state || ' ' || outcome from flag where position = 201 and code = 'DUP'), 'DISMISSED DIFFERENT', 'decided to be two');
select is((select outcome from duplicate_pair), 'DIFFERENT', 'the pair is kept');
select is(dup(412), '', 'and is suspected no more');
select is(dup(413), '100 SUSPECT 69', 'a pair that nobody has decided is, of the correction');
-- Of a DUP the report that was filed later waits for the decision, where its version is under a review; and it is told what was decided.
select is_empty('select * from duplicate_suspected(410)', 'without a review nothing waits');
update validation set review = 1 where position in (400, 401);
select results_eq('select parent_position, number, type, unit::int4, key, payload from duplicate_suspected(410)',
    format('values (410::int8, 1040000001, ''duplicate.suspected'', 2, %L, %L)', a_id(14), json_build_object('activity', a_id(14), 'other', a_id(13))),
    'under one the later report is told');
select ev(511); insert into flag_action values (511, 0, 'CONFIRM', array[(select id from flag where position = 401 and code = 'DUP')], 'SAME_EVENT_JOINT', '乙', '一场活动');
select results_eq('select parent_position, number, type, unit::int4, key, payload from flag_moves(510, 511, 0)',
    format('values (511::int8, 1040000000, ''duplicate.settled'', 2, %L, %L)', a_id(14), json_build_object('activity', a_id(14), 'other', a_id(13), 'outcome', 'SAME_EVENT_JOINT', 'reason', '一场活动')),
    'the decision goes to the later report, of its unit and with its key');
select is_empty('select * from flag_moves(510, 511, 0)', 'once');

-- Edge case 17: the photo of a joint event in both units' reports is allowed (it is the suspicion's part), the same photo elsewhere is not.
create function shot(h text) returns text language sql as $$ select json_build_array(json_build_object('place', 0, 'hash', rpad(h, 64, '0')))::text $$;
select act(600, 20, '2026-03-17 09:00+08', 90, '{30,31}', 1, payload => titled('乒乓球日'), photos => shot('aa')), act(601, 21, '2026-03-17 09:00+08', 90, '{31,32}', 13, unit => 2::int2, teams => '{3}', payload => titled('乒乓球日'), photos => shot('aa'));
select act(602, 22, '2026-03-17 15:00+08', 90, '{33}', 13, unit => 2::int2, teams => '{3}', payload => titled('下午场'), photos => shot('aa'));
select settle_flags(510, 602, '{}');
select is((select string_agg(f.position || '/' || f.other, ' ' order by f.position, f.other) from flag f where f.code = 'V27'), '602/600 602/601', 'case 17: one photo of one event by two units is allowed, in the afternoon it is not');
select day(610, '2026-03-18');
select is(dup(601), '600 DUP 83', 'the photo is part of the suspicion');

-- Edge case 18: a school over its term limit through two units' registers.
select act(700 + g, (700 + g)::int4, '2026-04-01 09:00+08'::timestamptz + g * interval '7 days', 60, array[34], case when g % 2 = 0 then 1 else 13 end,
    unit => case when g % 2 = 0 then 1::int2 else 2::int2 end) from generate_series(0, 4) g;
delete from flag_visit;
select settle_flags(610, 704, '{}');
select is((select string_agg(f.position::text, ' ') from flag f where f.code = 'V14' and f.position >= 700), '704', 'case 18: the fifth visit, whichever unit registered the school');

-- V32: 85 of a hundred, names of places apart; within the unit.
select act(800, 30, '2026-05-01 09:00+08', 60, '{40}', 1, payload => titled('甲', '运动员走进春晖小学分组教学示范动作要领最后进行趣味对抗气氛热烈大家开心'), sketch => bits(128)),
       act(801, 31, '2026-05-02 09:00+08', 60, '{41}', 2, payload => titled('乙', '运动员走进望江小学分组教学示范动作要领,最后进行趣味对抗,气氛热烈大家开心。'), sketch => bits(140)),
       act(802, 32, '2026-05-03 09:00+08', 60, '{42}', 2, payload => titled('丙', '运动员走进望江小学讲解规则观看录像随后自由练习散场前合影留念依依不舍道别'), sketch => bits(150)),
       act(803, 33, '2026-05-04 09:00+08', 60, '{43}', 2, unit => 2::int2, teams => '{3}', payload => titled('丁', '运动员走进望江小学分组教学示范动作要领最后进行趣味对抗气氛热烈大家开心'), sketch => bits(140));
select day(810, '2026-05-05');
select is(seen('V32'), '801/800/narrative', 'V32: a copy in which only the name of the school was changed; not another story, nor another unit');
select is((select evidence::json ->> 'percent' from flag where code = 'V32'), '100', 'all of it');
select is((select sign || ' ' || score from flag_list where code = 'V32'), 'X09 40', 'the sign X09');
select is((select text_likeness('一二三四五六七八九十', '一二三四五六七八九十', 4)), 1::numeric, 'equal texts');
select is((select round(text_likeness('一二三四五六七八', '一二三四五六七九', 4), 3)), 0.667, 'four of five shingles: 4 / 6');

-- X10: three of five since December; a team of the year's Games is spared; three in one week at one place.
select act(900 + g, (900 + g)::int4, d::timestamptz, 60, array[50], s, teams => '{4}') from (values (0, '2024-03-01 09:00+08', 1), (1, '2024-05-01 09:00+08', 2), (2, '2024-12-02 09:00+08', 3), (3, '2024-12-12 09:00+08', 1)) v(g, d, s);
select act(910 + g, (910 + g)::int4, d::timestamptz, 60, array[51], s, teams => '{5}') from (values (0, '2024-12-01 09:00+08', 1), (1, '2024-12-12 09:00+08', 2), (2, '2024-12-24 09:00+08', 3)) v(g, d, s);
select day(950, '2024-12-25');
select is((select count(*) from flag where code = 'X10' and position >= 900), 0::int8, 'X10: two of four; a team that was at Games');
select act(951, 951, '2024-12-20 09:00+08', 60, '{50}', 2, teams => '{4}');
select day(960, '2024-12-26');
select is((select string_agg(position || pointer, ' ') from flag where code = 'X10' and position >= 900), '951/teams', 'three of five since the first of December');
select is((select says from flag_list where code = 'X10' and position >= 900), '运动队 PS001/T4:3 场,全年 5 场(2024-12-01 起)', 'what it says');
select act(961, 961, '2024-12-22 09:00+08', 60, '{50}', 3, teams => '{4}');
select day(970, '2024-12-27');
select is((select count(*) from flag where code = 'X10' and position >= 900), 1::int8, 'told once a year');
select act(980 + g, (980 + g)::int4, '2026-06-01 09:00+08'::timestamptz + g * interval '3 days', 60, array[52], 3, teams => '{6}') from generate_series(0, 2) g;
select day(990, '2026-06-10');
select is((select string_agg(evidence::json ->> 'rush', '') from flag where position = 982 and code = 'X10'), '3', 'three in a week at one place');
-- X12: the fourth time at the only site.
select is((select count(*) from flag where code = 'X12'), 0::int8, 'X12: three times');
select act(991, 991, '2026-07-01 09:00+08', 60, '{52}', 3, teams => '{6}');
select day(1000, '2026-07-02');
select is((select says from flag_list where code = 'X12'), '运动队 PS001/T6 本年度在同一场所 4 次,场所共 1 处', 'the fourth');

-- X11: eight of nine at exactly their duty are not ninety in a hundred; nine of nine are.
insert into quota_total (changed, subject, minutes, sessions, member_minutes, duty, subject_kind, year)
    select 1000, 60 + g, case g when 9 then 375 else 360 end, 0, 0, 360, 2, 2026 from generate_series(1, 9) g;
select act(1001, 1001, '2026-07-03 09:00+08', 60, array(select generate_series(61, 69)), 1, teams => '{7}');
update quota_participation set team = 7 where position = 1001;
select day(1010, '2026-07-04');
select is(seen('X11'), '', 'X11: eight of nine');
update quota_total set minutes = 360 where subject = 69;
select act(1011, 1011, '2026-07-05 09:00+08', 60, array(select generate_series(61, 69)), 2, teams => '{7}');
update quota_participation set team = 7 where position = 1011;
select day(1020, '2026-07-06');
select is(seen('X11'), '1011/roster', 'nine of nine, all there for the same time');

-- X06, HILO: twenty of a kind; the dearest, and the lowest tenth with much put in.
select act(1100 + g, (1100 + g)::int4, '2026-08-01 09:00+08'::timestamptz + g * interval '1 day', 60, array[70 + g], 1, teams => '{1}') from generate_series(0, 20) g;
update validation set lesson = 40, cost = 4000 where position between 1100 and 1119;
update validation set lesson = 12, cost = 100 where position = 1118;
update validation set lesson = 10, cost = 20000, staff = 10 where position = 1119;
select day(1150, '2026-08-23');
select is(seen('X06'), '1119/cost_yuan', 'X06: 2,000 yuan an hour and person, above the others and 200 yuan');
select is(seen('HILO'), '1119', 'HILO: much in, little out; twelve pupils at hand with little put in are none');
select is((select count(*) from flag where position = 1120 and code in ('X06', 'HILO')), 0::int8, 'who does not say whom it taught is not compared');

-- X13, X14, X16: words of hosts and athletes.
create function word(p int8, a int4, op int2, side int2, person int4 default null, payload text default '{}', at timestamptz default '2026-09-01 10:00+08') returns void language sql as $$
    select ev(p, at, 'host', payload);
    insert into validation (position, received_at, activity, unit, op, verdict, state, short, step, about, person, side)
        values (p, at, a_id(a), 1, op, 1, 4, '{}', p, 1, person, side) $$;
select act(1200 + g, (1200 + g)::int4, '2026-08-25 09:00+08'::timestamptz + g * interval '1 day', 60, array[80, 81, 82, 83, 84, 85, 86, 87], 1, teams => '{2}') from generate_series(0, 3) g;
select word(1210, 1200, 15::int2, 15::int2, payload => '{"waited_minutes": 20, "actual_start": "2026-08-25T09:20:00+08:00"}'), word(1211, 1201, 16::int2, 16::int2, payload => '{"waited_minutes": 21}'),
       word(1212, 1202, 11::int2, 2::int2, 80), word(1213, 1203, 11::int2, 2::int2, 80), word(1214, 1203, 11::int2, 2::int2, 81);
select day(1220, '2026-09-02');
select is(seen('X16'), '1201', 'X16: 21 minutes; 20 and a start 20 minutes late are none');
select is(seen('X13'), '1201', 'X13: the host disputes');
select is(seen('X14'), '1203', 'X14: two athletes; one of eight is none');
select word(1231, 1200, 14::int2, 11::int2, at => '2026-09-03 10:00+08'), word(1232, 1202, 14::int2, 11::int2, at => '2026-09-03 10:00+08');
select day(1240, '2026-09-20');
select is((select count(*) from flag where code = 'X13'), 1::int8, 'two that were asked in vain');
select word(1241, 1203, 14::int2, 11::int2, at => '2026-09-03 10:00+08');
select day(1250, '2026-09-21');
select is(seen('X13'), '1201 1203', 'three in a row');

-- Whatever the cuts: all days again in one go give the same.
create temp table once as select position, other, seen, code, pointer, evidence from flag where seen is not null;
set local session_replication_role = replica; -- what is append-only, too
delete from flag_move;
set local session_replication_role = origin;
delete from duplicate_pair;
update flag set state = 'OPEN', state_by = null, state_at = null, outcome = null, decision = null, decided_by = null where state <> 'OPEN';
delete from flag where seen is not null and code not in ('X11');
select flag_days(50, 1250, 0);
select set_eq('select * from once', 'select position, other, seen, code, pointer, evidence from flag where seen is not null', 'days in one go or one by one, the same flags');
select * from finish();
