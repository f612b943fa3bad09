-- Working days, days on which mail falls due, and the steps of its reminders.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(33);

insert into calendar_year values (5, 2025, '{2025-10-01,2025-10-02,2025-10-03,2025-10-04,2025-10-05,2025-10-06,2025-10-07,2025-10-08}', '{2025-09-28,2025-10-11}', 's', 'a', 'b');
select ok(is_working_day('2025-09-28', 5), 'a Sunday that is worked');
select ok(not is_working_day('2025-10-08', 5), 'a Wednesday that is free');
select ok(not is_working_day('2025-09-28', 4), 'at a position before the year was set it is a Sunday like others');
select ok(is_working_day('2026-09-28', 5) and not is_working_day('2026-09-27', 5), 'a year that was not set: Monday to Friday');
select is(working_days_after('2025-09-30', 1, 5), '2025-10-09', 'over the National Day');
select is(working_days_after('2025-09-26', 1, 5), '2025-09-28', 'the Sunday that is worked comes next');
select is(working_days_after('2025-10-09', -3, 5), '2025-09-28', 'three back');
select is(working_days_after('2025-10-04', 0, 5), '2025-10-04', 'none: the day itself');
select is(working_days_after('2025-09-30', 10, 5), '2025-10-21', 'ten on: the Saturday that is worked is one of them');
insert into calendar_year values (6, 2025, '{}', '{}', 's', 'a', 'b');
select is(working_days_after('2025-09-30', 1, 6), '2025-10-01', 'the last setting holds');

create function began(p int8, on_day date) returns void language sql as $$
    insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload)
        values (p, (on_day + time '00:00:01') at time zone 'Asia/Shanghai', ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid, 13, 0, 1, 1, 'test', '\x00', '{}');
    insert into calendar_day values (p, on_day)
$$;
create function send(p int8, at timestamptz, units int2[], needs text, due int4) returns int8 language sql as $$
    select count(*) from apply_mail(p, array[p], array[gen_random_uuid()], array[at], '{1}', array[null::text], array[p],
        array[('00000000-0000-8000-8000-' || lpad(p::text, 12, '0'))::uuid], '{3}', '{0}', array[due::int2], '{f}', '{BROADCAST}', array[needs], '{标题}', array['正文'],
        array_fill(p, array[cardinality(units)]), array_fill(3::int2, array[cardinality(units)]), units, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')
$$;
create function steps(at_day int8) returns table (unit int2, mail int8, step int2) language sql as $$
    select unit, position, step from mail_reminder where at = at_day order by 1, 2, 3 $$;
insert into unit select g, g, 'PS00' || g from generate_series(1, 3) g;
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省体育局', 'PROVINCE', 'ACTIVE'), (2, 2, 1, '乙中心', 'SUB_UNIT', 'ACTIVE'),
    (3, 3, 0, '丙省体育局', 'PROVINCE', 'SUSPENDED');
select lives_ok($$select send(10, '2025-10-13 09:00+08', '{1,2,3}', 'SIGN', 5)$$, 'a mail to sign in five working days');
select is((select due_on from mail where position = 10), '2025-10-20', 'it falls due on Monday the week after');
select lives_ok($$select send(11, '2025-10-13 09:00+08', '{1}', 'READ', null)$$, 'one without a day');
select began(20, '2025-10-14');
select lives_ok('select settle_mail(20)', 'a day on which nothing falls due');
select began(21, '2025-10-15');
select lives_ok('select settle_mail(21)', 'three working days before');
select results_eq('select * from steps(21)', $$values (1::int2, 10::int8, 1::int2), (2::int2, 10::int8, 1::int2)$$, 'the units that are active are reminded');
update mail_receipt set state = 4, read_at = '2025-10-16', signed_at = '2025-10-16 10:00+08' where unit = 1 and position = 10;
select began(22, '2025-10-21');
select settle_mail(22);
select results_eq('select * from steps(22)', $$values (2::int2, 10::int8, 3::int2)$$, 'who has signed is not; after days without a broker the furthest step is made');
select began(23, '2025-10-27');
select settle_mail(23);
select results_eq('select unit, template from mailbox where position = 23', $$values (1::int2, 'N34')$$, 'five working days over: the parent is told');
select ok((select body like E'%\n乙中心:“标题”(N03,2025-10-20 到期)' from mailbox where position = 23), 'with its name and the mail');
select began(24, '2025-11-03');
select settle_mail(24);
select results_eq('select unit, template from mailbox where position = 24', $$values (0::int2, 'N35')$$, 'ten: the Centre');
select began(25, '2025-11-20');
select settle_mail(25);
select is_empty('select * from steps(25)', 'each step once');
select results_eq($$select unit, position, step from mail_open where template = 'N03' order by 1, 2$$,
    $$values (1::int2, 11::int8, null::int2), (2::int2, 10::int8, 5::int2), (3::int2, 10::int8, null::int2)$$, 'what is open, and the last step of it');
insert into person values (3, 1, 1, 'p1');
insert into exemption values (30, 1, 1, 'e1'), (30, 2, 2, 'e2');
insert into exemption_version (position, valid_from, valid_to, number, person, kind, effect, state) values (30, '2025-11-01', '2025-12-14', 1, 1, 'INJURY', 'WAIVE', 'APPROVED'),
    (31, '2025-11-01', '2025-12-10', 2, 1, 'LEAVE', 'WAIVE', 'APPROVED');
select began(32, '2025-11-27');
select settle_mail(32);
select results_eq($$select unit, template, detail from mailbox where template = 'N16' order by unit$$, $$values (1::int2, 'N16', '运动员 p1:至 2025-12-10'), (2::int2, 'N16', '运动员 p1:至 2025-12-10')$$,
    'an exemption that ended within fourteen days when the next day began: its unit and the person''s');
select began(33, '2025-11-29');
select settle_mail(33);
select is_empty('select unit from mailbox where position = 33', 'fifteen days before: not yet');
select began(34, '2025-11-30');
select settle_mail(34);
select results_eq($$select unit, detail from mailbox where position = 34 and template = 'N16'$$, $$values (1::int2, '运动员 p1:至 2025-12-14')$$, 'fourteen days before: told');
select began(35, '2025-12-01');
select settle_mail(35);
select is_empty('select unit from mailbox where position = 35', 'once');
insert into calendar_year values (45, 2026, '{2026-03-03}', '{}', 's', 'a', 'b');
select count(*) from apply_mail(50, '{40,50}', array[gen_random_uuid(), gen_random_uuid()], array['2026-03-02 09:00+08'::timestamptz, '2026-03-02 09:00+08'], '{1,1}',
    array[null::text, null], '{40,50}', array['00000000-0000-8000-8000-000000000040'::uuid, '00000000-0000-8000-8000-000000000050'], '{3,3}', '{0,0}', '{1,1}', '{f,f}',
    '{BROADCAST,BROADCAST}', '{SIGN,SIGN}', '{甲,乙}', '{甲,乙}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
select results_eq('select position, due_on from mail where position in (40, 50) order by 1', $$values (40::int8, '2026-03-03'::date), (50::int8, '2026-03-04'::date)$$,
    'of one batch each mail goes by the calendar at its own position');
select send(60, '2026-04-01 09:00+08', '{1,2}', 'SIGN', 2), send(61, '2026-04-01 09:00+08', '{1,2}', 'REPLY', 2);
insert into mail_word select 62, '2026-04-02', id, 0, 1, '发错', null from mail where position = 60;
insert into mail_word select 63, '2026-04-02', id, 1, 2, '收悉', null from mail where position = 61;
select began(64, '2026-04-03');
select settle_mail(64);
select results_eq('select * from steps(64) where mail >= 60', $$values (2::int2, 61::int8, 2::int2)$$, 'what was recalled or answered is not reminded of');
select is((select body from mailbox where position = 64 and template = 'N32'), '贵单位有来信今日到期,尚未办结。请查看并办理。
“标题”(N03,2026-04-03 到期)', 'a unit''s own reminder names the mail, not the unit');
select is(mail_ring_at('2026-04-01 20:59+08', false), '2026-04-01 20:59+08', 'in the evening an SMS may still go');
select is(mail_ring_at('2026-04-01 21:00+08', false)::text || mail_ring_at('2026-04-02 06:59:59+08', false), '2026-04-02 07:00+08'::timestamptz::text || '2026-04-02 07:00+08'::timestamptz,
    'from nine to seven it waits for the morning');
select is(mail_ring_at('2026-04-01 23:00+08', true), '2026-04-01 23:00+08', 'a red case does not wait');
select ok(not has_function_privilege('liangjin_worker', 'settle_mail(int8)', 'execute') and has_table_privilege('liangjin_audit', 'mail_open', 'select'), 'rights');
select * from finish();
rollback;
