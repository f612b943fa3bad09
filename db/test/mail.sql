-- The kind mail in the database: keys, states and moves, unread, rights. What the rules write is tested in tests/integration/db/kinds_test.c.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(21);

insert into unit select g, g, 'PS' || lpad(g::text, 3, '0') from generate_series(1, 2) g;
create function send(p int8, units int2[], body text default '正文', needs text default 'SIGN') returns int8 language sql as $$
    select count(*) from apply_mail(p, array[p], array[gen_random_uuid()], array['2025-12-01'::timestamptz], '{1}', array[null::text], array[p],
        array[('00000000-0000-8000-8000-' || lpad(p::text, 12, '0'))::uuid], '{3}', '{0}', array[null::int2], '{f}', '{BROADCAST}', array[needs], '{标题}', array[body],
        array_fill(p, array[cardinality(units)]), array_fill(3::int2, array[cardinality(units)]), units, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')
$$;
create function move(p int8, mail int8, unit int2, was int2, becomes int2) returns int8 language sql as $$
    select count(*) from apply_mail(p, array[p], array[gen_random_uuid()], array['2025-12-02'::timestamptz], '{1}', array[null::text], '{}', '{}', '{}', '{}', '{}', '{}',
        '{}', '{}', '{}', '{}', '{}', '{}', '{}', array[p], array[('00000000-0000-8000-8000-' || lpad(mail::text, 12, '0'))::uuid], array[unit], array[was],
        array[becomes], array['甲'], '{}', '{}', '{}', '{}', '{}', '{}')
$$;
select lives_ok($$select send(10, '{1,2}')$$, 'a mail to two units');
select throws_ok($$select send(10, '{1}')$$, '23505', null, 'the same event twice fails');
select throws_ok($$select send(11, '{1,1}')$$, '23505', null, 'a unit gets a mail once');
select throws_ok($$select send(12, '{1}', repeat('字', 2001))$$, '23514', null, 'a body of more than 2,000 characters is refused');
select lives_ok($$select send(13, '{1}', repeat('字', 2000))$$, 'one of 2,000 is not');
select results_eq('select unit, unread from mail_unread order by unit', 'values (1::int2, 2::int8), (2::int2, 1::int8)', 'unread of each mailbox');
select lives_ok($$select move(20, 10, 1::int2, 2::int2, 3::int2)$$, 'read');
select throws_ok($$select move(21, 10, 1::int2, 2::int2, 3::int2)$$, 'P0001', null, 'from a state that it no longer has');
select results_eq('select unit, unread from mail_unread order by unit', 'values (1::int2, 1::int8), (2::int2, 1::int8)', 'unread = delivered - read');
select lives_ok($$select move(22, 10, 1::int2, 3::int2, 4::int2)$$, 'signed');
select results_eq($$select state, read_by, signed_by from mailbox where position = 10 and unit = 1$$, $$values ('SIGNED', '甲', '甲')$$, 'who did it is kept');
create function word(p int8, mail int8, what int2, unit int2) returns int8 language sql as $$
    select count(*) from apply_mail(p, array[p], array[gen_random_uuid()], array['2025-12-03'::timestamptz], '{1}', array[null::text], '{}', '{}', '{}', '{}', '{}', '{}',
        '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
        array[p], array[('00000000-0000-8000-8000-' || lpad(mail::text, 12, '0'))::uuid], array[unit], array[what], array['发错'], array['甲'])
$$;
insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload)
    values (30, '2025-12-03', gen_random_uuid(), 160, 0, 1, 1, 'test', '\x00', '{}');
select lives_ok($$select word(30, 10, 1::int2, 0::int2)$$, 'recalled');
select throws_ok($$select word(31, 10, 1::int2, 0::int2)$$, '23505', null, 'a second time fails');
select lives_ok($$select settle_mail(29)$$, 'not yet');
select results_eq('select unit, unread from mail_unread order by unit', 'values (1::int2, 1::int8), (2::int2, 1::int8)', 'nothing has changed');
select lives_ok($$select settle_mail(30)$$, 'carried out');
select results_eq($$select unit, state, title, recall_reason from mailbox where position = 10 order by unit$$,
    $$values (1::int2, 'SIGNED', '标题', null), (2::int2, 'RECALLED', '来信已撤回', '发错')$$, 'the copy that nobody read is hidden, the signed one stays');
select results_eq('select unit, template from mailbox where position = 30', $$values (1::int2, 'N26')$$, 'who had read it is told');
select results_eq('select unit, unread from mail_unread order by unit', 'values (1::int2, 2::int8)', 'what was recalled is not unread');
select is_empty($$select * from mail_open where position = 10$$, 'nor open');
select ok(not has_table_privilege('liangjin_web', 'mail', 'select') and not has_table_privilege('liangjin_worker', 'mail', 'insert')
    and not has_function_privilege('liangjin_worker', (select oid from pg_proc where proname = 'apply_mail'), 'execute'), 'rights');
select * from finish();
rollback;
