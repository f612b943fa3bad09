-- The digest of credits: what is told of a day, what is not, and that a day is told once.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(9);

create function ev(p int8, at timestamptz default '2026-03-02') returns void language sql as $$
    insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload)
        values (p, at, ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid, 1, 0, 1, 1, 'test', '\x00', '{}')
$$;
create function began(p int8, on_day date) returns void language sql as $$
    select ev(p);
    insert into register_log values (p, p, 1);
    insert into calendar_day values (p, on_day)
$$;
-- A version of an activity of teams 1 and 2 with one athlete each; what the ledger says of it is written by hand.
create function act(p int8, a int4, version int4, op int2 default 1) returns void language sql as $$
    select ev(p);
    insert into quota_version (position, activity, version, op, unit, start_at, day, net, mode, guidance, guided, themes_only)
        select p, ('00000000-0000-7000-8000-' || lpad(a::text, 12, '0'))::uuid, version, op, 1, case when op < 3 then '2026-03-02 10:00+08'::timestamptz end,
               case when op < 3 then '2026-03-02'::date end, case when op < 3 then 90 end, case when op < 3 then 1 end, case when op < 3 then 90 end,
               case when op < 3 then true end, case when op < 3 then false end;
    insert into quota_participation (position, person, team, day, present, base, role, listed)
        select p, t * 10, t, '2026-03-02', 90, 90, 1, true from generate_series(1, 2) t where op < 3
$$;
create function credit(p int8, a int4, kind int4, subject int4, team int4, minutes int4, sessions int4) returns void language sql as $$
    insert into ledger_entry (position, activity, subject, day, minutes, team, subject_kind, year, kind, sessions)
        values (p, ('00000000-0000-7000-8000-' || lpad(a::text, 12, '0'))::uuid, subject, '2026-03-02', minutes, team, kind, 2026, 'CREDIT', sessions)
$$;
create function told(since int8, upto int8) returns table (day_event int8, team int4, unit int4, activities text, sessions text, minutes text, athletes text) language sql as $$
    select d.parent_position, d.number, d.unit::int4, d.payload::json ->> 'activities', d.payload::json ->> 'sessions', d.payload::json ->> 'minutes',
           d.payload::json ->> 'athletes' from quota_digest(since, upto) d order by 1, 2
$$;
insert into unit select g, g, 'PS00' || g from generate_series(1, 2) g;
insert into team (position, number, unit, code) values (3, 1, 1, 'T1'), (4, 2, 2, 'T2');
insert into team_version (position, number, name, level, sport, gender, state) values (3, 1, '柔道一队', 'PROVINCIAL', 'JUDO', 'F', 'ACTIVE'),
    (4, 2, '柔道二队', 'PROVINCIAL', 'JUDO', 'F', 'ACTIVE');

select act(10, 1, 1);
select credit(10, 1, 2, 10, 1, 90, 0), credit(10, 1, 1, 1, 1, 0, 1);
select began(20, '2026-03-02');
select is_empty('select * from told(0, 25)', 'the first day that begins tells nothing: where its period began is not known');
select act(30, 2, 1), act(31, 3, 1), act(32, 3, 2, 2::int2), act(33, 4, 1), act(34, 4, 2, 3::int2), act(35, 5, 1);
select credit(40, 2, 2, 10, 1, 90, 0), credit(40, 2, 1, 1, 1, 0, 1), credit(40, 2, 2, 20, 2, 60, 0), credit(40, 3, 2, 10, 1, 75, 0);
select credit(40, 5, 2, 10, 1, 30, 0), credit(41, 5, 2, 10, 1, -30, 0);
select is_empty('select * from told(25, 40)', 'before the next day begins nothing is told');
select began(50, '2026-03-03');
select results_eq('select * from told(40, 50)', $$values (50::int8, 1, 1, '3', '1', '165', '1'), (50::int8, 2, 2, '3', '0', '60', '1')$$,
    'a line a team: the corrected activity once, the withdrawn one not, a cancelled credit as nothing');
select is((select payload::json ->> 'name' from quota_digest(40, 50) where number = 1), '柔道一队', 'the team as the register has it');
select results_eq($$select payload::json ->> 'from', payload::json ->> 'to' from quota_digest(40, 50) where number = 1$$, $$values ('2026-03-02', '2026-03-02')$$, 'of one day');
select is_empty('select * from told(50, 60)', 'a settlement that does not pass a day tells nothing');
select act(60, 6, 1);
select began(70, '2026-03-06');
select began(71, '2026-03-07');
select results_eq('select day_event, team, activities from told(50, 80)', $$values (70::int8, 1, '1'), (70::int8, 2, '1')$$, 'two days in one settlement: each tells its own');
select results_eq($$select payload::json ->> 'from', payload::json ->> 'to' from quota_digest(50, 80) where number = 1$$, $$values ('2026-03-03', '2026-03-05')$$,
    'days on which no broker ran are told with the day before them');
select ok(not has_function_privilege('liangjin_worker', 'settle_activities(int8)', 'execute') and has_function_privilege('liangjin_broker',
    'settle_activities(int8)', 'execute'), 'rights');
select * from finish();
rollback;
