-- Flags: each rule just raised and just not, as of a position, whatever the cuts, and what still stands after a correction or withdrawal.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(37);

\ir flag_world.psql

-- V09: an overlap of a minute, none when one begins as the other ends; own times count; another version of the same activity is no other.
select act(100, 1, '2026-03-02 09:00+08', 60, '{1,2}'), act(101, 2, '2026-03-02 09:59+08', 60, '{3,2,1}'), act(102, 3, '2026-03-02 11:00+08', 60, '{4}'),
       act(103, 4, '2026-03-02 12:00+08', 60, '{4}'), act(104, 5, '2026-03-02 09:00+08', 60, '{5}'), act(105, 6, '2026-03-02 09:30+08', 60, '{5}', ins => 30, outs => 60);
select act(106, 4, '2026-03-02 12:10+08', 60, '{4}', version => 2, op => 2::int2);
select act(107, 7, '2026-03-02 23:00+08', 120, '{6}'), act(108, 8, '2026-03-03 00:30+08', 60, '{6}');
select settle_flags(0, 108, '{}');
select is(seen('V09'), '101/100/roster/1/person 101/100/roster/2/person 108/107/roster/0/person', 'V09: persons whose times overlap, at the later version; also over midnight');
select is((select evidence::json ->> 'minutes' from flag where position = 101 and pointer = '/roster/1/person'), '1', 'the evidence says for how long');
select is((select evidence::json ->> 'person' from flag where position = 101 and pointer = '/roster/1/person'), 'PS001/P2', 'and for whom, by code');
select is((select evidence::json ->> 'activity' from flag where position = 101 and pointer = '/roster/1/person'), a_id(1)::text, 'and in which other activity');
select is((select count(*) from flag where state <> 'OPEN' or severity <> 'F'), 0::int8, 'all open flags');
select flag_persons(0, array(select position from quota_version), 108);
select is((select count(*) from flag where code = 'V09'), 3::int8, 'looked at again, nothing is raised twice');
select is(standing('V09'), '101 101 108', 'all of it stands');
-- Corrected away: the flag stays, and stands no more. Corrected into an overlap: a flag on the correction, in its body.
select act(110, 2, '2026-03-02 10:00+08', 60, '{3,2,1}', version => 2, op => 2::int2), act(111, 3, '2026-03-02 09:10+08', 60, '{4,1}', version => 2, op => 2::int2);
select settle_flags(108, 111, '{}');
select is((select count(*) from flag where code = 'V09' and position = 110), 0::int8, 'the correction does not overlap');
select is(seen('V09'), '101/100/roster/1/person 101/100/roster/2/person 108/107/roster/0/person 111/100/body/roster/1/person 111/110/body/roster/1/person',
    'the other correction does, with the current version of the first, and with what has been corrected');
select is(standing('V09'), '108 111 111', 'what was corrected stands no more');
select act(112, 1, '2026-03-02 09:00+08', 60, '{}', version => 2, op => 3::int2);
select settle_flags(111, 112, '{}');
select is(standing('V09'), '108 111', 'nor what is about an activity that was withdrawn');
select act(113, 9, '2026-03-02 09:00+08', 60, '{1}');
select settle_flags(112, 113, '{}');
select is((select count(*) from flag where position = 113 and other in (100, 112)), 0::int8, 'an activity that is withdrawn clashes with nothing that comes');

-- Two cuts, one cut: the same.
create temp table once as select position, other, code, pointer, evidence from flag;
delete from flag;
delete from flag_visit;
delete from flag_entry;
select settle_flags(0, 101, '{}'), settle_flags(101, 107, '{}'), settle_flags(107, 113, '{}');
select set_eq('select * from once', 'select position, other, code, pointer, evidence from flag', 'other cuts, the same flags');
-- A version that comes late is judged, and a later one that has not seen it, again.
select act(99, 10, '2026-03-02 12:30+08', 60, '{4}');
select settle_flags(113, 113, '{99}');
select is((select string_agg(position || '/' || other, ' ' order by position) from flag where other = 99), '103/99 106/99',
    'a late version: later ones that overlap with it are found');

-- V10: 500.4 km at 250 km/h take 2 hours and 0.1 minutes.
select act(200, 20, '2026-03-05 09:00+08', 60, '{20,21}', 1), act(201, 21, '2026-03-05 12:00+08', 60, '{20}', 2), act(202, 22, '2026-03-05 12:01+08', 60, '{21}', 2),
       act(203, 23, '2026-03-05 10:00+08', 60, '{22}', 1), act(204, 24, '2026-03-05 11:00+08', 60, '{22}', 1), act(205, 25, '2026-03-05 12:00+08', 60, '{22}', 3);
select settle_flags(113, 205, '{}');
select is(seen('V10'), '201/200/roster/0/person', 'V10: too far for the time between; a minute more is enough; one place, and a place nobody knows, say nothing');
select is((select (evidence::json ->> 'km') || ' ' || (evidence::json ->> 'minutes') from flag where code = 'V10'), '500 120', 'distance and time');

-- V14: the fifth visit of a school in a term; a second team of the unit on the same day is no other visit, a second unit is; the next term begins anew.
select act(300, 30, '2026-03-09 09:00+08', 60, '{30}', 4), act(301, 31, '2026-03-09 14:00+08', 60, '{31}', 4), act(302, 32, '2026-03-10 09:00+08', 60, '{32}', 4),
       act(303, 33, '2026-03-10 09:00+08', 60, '{33}', 4, unit => 2::int2), act(304, 34, '2026-03-11 09:00+08', 60, '{34}', 4), act(305, 35, '2026-08-01 09:00+08', 60, '{34}', 4),
       act(306, 36, '2026-03-11 09:00+08', 60, '{36}', 3);
select settle_flags(205, 306, '{}');
select is(seen('V14'), '', 'V14: four visits');
select act(307, 37, '2026-07-31 09:00+08', 60, '{37}', 4), act(308, 38, '2026-07-30 09:00+08', 60, '{38}', 4);
select settle_flags(306, 308, '{}');
select is(seen('V14'), '307/site', 'the fifth is told, the sixth not again');
select is((select severity || (evidence::json ->> 'term') || (evidence::json ->> 'visits') || (evidence::json ->> 'site') from flag where code = 'V14'), 'W2026-02-015PS001/S4',
    'a warning, with term, number and school');
select act(310 + g, (40 + g)::int4, ('2026-06-0' || g || ' 09:00+08')::timestamptz, 60, array[40 + g], 3) from generate_series(1, 6) g;
select settle_flags(308, 316, '{}');
select is((select count(*) from flag where code = 'V14'), 1::int8, 'a village may be visited');

-- V19: four round numbers of five, above 500.
select act(400 + g, (60 + g)::int4, ('2026-04-0' || g || ' 09:00+08')::timestamptz, 60, array[60], audience => x, teams => '{2}') from unnest('{600,700,650,800,500,900}'::int4[]) with ordinality u(x, g);
select settle_flags(316, 406, '{}');
select is(seen('V19'), '', 'V19: three of five');
select act(407, 67, '2026-04-07 09:00+08', 60, '{60}', audience => 1000, teams => '{2}');
select act(408, 68, '2026-04-08 09:00+08', 60, '{60}', audience => 1100, teams => '{2}');
select settle_flags(406, 408, '{}');
select is(seen('V19'), '408/audience', 'of 800, 500, 900, 1000, 1100 four are round and above 500');
select act(409, 69, '2026-04-09 09:00+08', 60, '{60}', audience => 1101, teams => '{2}');
select settle_flags(408, 409, '{}');
select is((select count(*) from flag where code = 'V19'), 1::int8, 'told of round ones only');

-- V27: the same file; one that looks the same within six bits; the same file in the same activity is nothing.
create function photo(hash text, sight text default null, place int4 default 0) returns text language sql as $$
    select json_build_array(case when sight is null then json_build_object('place', place, 'hash', rpad(hash, 64, '0'))
        else json_build_object('place', place, 'hash', rpad(hash, 64, '0'), 'sight', sight) end)::text $$;
select act(500, 80, '2026-04-20 09:00+08', 60, '{70}', photos => photo('aa', '00000000000000ff')), act(501, 81, '2026-04-21 09:00+08', 60, '{71}', photos => photo('ab')),
       act(502, 80, '2026-04-20 09:00+08', 60, '{70}', version => 2, op => 2::int2, photos => photo('aa', '00000000000000ff'));
select settle_flags(409, 502, '{}');
select is(seen('V27'), '', 'V27: one activity, and other files');
select act(503, 82, '2026-04-22 09:00+08', 60, '{72}', photos => photo('ab', place => 3)), act(504, 83, '2026-04-23 09:00+08', 60, '{73}', photos => photo('ac', 'f00000000000003f')),
       act(505, 84, '2026-04-24 09:00+08', 60, '{74}', photos => photo('ad', 'f80000000000003f')), act(506, 85, '2026-04-24 09:00+08', 60, '{75}', photos => photo('ae', '8421084210842108'));
select settle_flags(502, 506, '{}');
select is(seen('V27'), '503/501/attachments/3 504/502/attachments/0 505/504/attachments/0', 'an equal file; six bits off; seven from the first, one from the second');
select is((select evidence::json ->> 'distance' from flag where position = 504 and code = 'V27'), '6', 'and how far it is');

-- V33
select act(600, 90, '2026-04-25 09:00+08', 60, '{80}', roster_order => 7), act(601, 90, '2026-04-25 09:00+08', 60, '{80}', version => 2, op => 2::int2, roster_order => 7);
select settle_flags(506, 601, '{}');
select is(seen('V33'), '', 'V33: the same roster in the same activity');
select act(602, 91, '2026-05-25 09:00+08', 60, '{81}', roster_order => 7), act(603, 92, '2026-05-25 09:00+08', 60, '{82}', roster_order => 8);
select settle_flags(601, 603, '{}');
select is(seen('V33'), '602/601/roster', 'in another one: told of the current version');

-- V35: 21 reports in ten minutes by one account; 41 participations in a minute.
select act(700 + g, (100 + g)::int4, '2026-05-01 09:00+08'::timestamptz + g * interval '1 day', 60, '{}', at => '2026-06-01 09:00+08'::timestamptz + g * interval '30 seconds', source => 'slow')
    from generate_series(0, 19) g;
select act(720, 120, '2026-05-02 09:00+08', 60, '{}', at => '2026-06-01 09:10:01+08', source => 'slow');
select act(730 + g, (130 + g)::int4, '2026-05-01 09:00+08'::timestamptz + g * interval '1 day', 60, '{}', at => '2026-06-01 09:00+08'::timestamptz + g * interval '30 seconds', source => 'fast')
    from generate_series(0, 23) g;
select settle_flags(603, 735, '{}'), settle_flags(735, 760, '{}');
select is(seen('V35'), '750', 'V35: the 21st within ten minutes, told once; a second later it is none');
select is((select evidence::json ->> 'account' from flag where position = 750), 'fast', 'by account');
select act(770, 170, '2026-05-01 09:00+08', 60, array(select generate_series(1, 40)), at => '2026-06-02 09:00:00+08', source => 'bulk');
select act(771, 171, '2026-05-03 09:00+08', 60, '{41}', at => '2026-06-02 09:01:01+08', source => 'bulk');
select settle_flags(760, 771, '{}');
select is(seen('V35'), '750', '40 in a minute, and one more a second later');
select act(772, 172, '2026-05-05 09:00+08', 60, array(select generate_series(42, 81)), at => '2026-06-02 09:02:01+08', source => 'bulk');
select settle_flags(771, 772, '{}');
select is(seen('V35'), '750 772', '41 within sixty seconds');
select is((select count(*) from flag_entry where source = 'fast'), 24::int8, 'no more is kept of an account than the rule looks back on');

-- What validation itself has called a flag.
select act(800, 180, '2026-05-07 09:00+08', 60, '{90}', notes => '[{"code":"V04","severity":"F","pointer":"/guidance_minutes"},{"code":"V21","severity":"W","pointer":"/content"},{"code":"X01","severity":"F","pointer":"/guidance_minutes","a":20,"b":90}]');
select settle_flags(772, 800, '{}');
select is((select string_agg(code || severity || pointer || ' ' || evidence, ' ' order by code) from flag where position = 800),
    'V04F/guidance_minutes {} X01F/guidance_minutes {"a":20,"b":90}', 'flags of the worker are among them with their numbers, warnings not');

-- Settings begin above the log's end.
update log_head set frontier = 900 where lane = 0;
select throws_ok($$insert into rule_setting (rule, name, value, position) values ('V10', 'km_h', '300', 900)$$, 'P0001', null, 'a setting does not begin in what may be judged already');
select throws_ok($$update rule_setting set value = '300' where rule = 'V10'$$, 'P0001', null, 'and is not changed');
insert into rule_setting (rule, name, value, position) values ('V10', 'km_h', '300', 5000);
select results_eq($$select v from rule_values('V10', 'km_h', 4999) v union all select v from rule_values('V10', 'km_h', 5000) v$$, $$values ('250'), ('300')$$, 'as of a position');
select * from finish();
