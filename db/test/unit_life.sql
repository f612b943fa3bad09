-- Constraints of units, accounts and proposals; what stands too long, and the notices of it; the search for a unit.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(33);

create function eid(p int8) returns uuid language sql as $$ select ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid $$;
insert into unit values (10, 1, 'PS052'), (11, 2, 'PS011'), (12, 3, 'SU101');
insert into unit_version (position, number, parent, name, kind, state, state_on) values (10, 1, 0, '天津体育局', 'PROVINCE', 'INVITED', '2025-01-01'),
    (11, 2, 0, '福建体育局', 'PROVINCE', 'ACTIVE', '2025-01-01'), (12, 3, 2, '福建训练中心', 'SUB_UNIT', 'INVITED', '2025-01-01');

-- constraints
select throws_ok($$insert into unit_version (position, number, parent, name, kind, state) values (20, 1, 0, '天津体育局', 'PROVINCE', 'GONE')$$, '23514', null, 'a state is one of seven');
select throws_ok($$insert into account values (20, 1, 'Zhang')$$, '23514', null, 'a login has its form');
insert into account values (20, 1, 'zhang_li'), (21, 2, 'wang_wu');
create function av(unit int2, roles text[], state text default 'ACTIVE', until timestamptz default null, handover int4 default null, p int8 default 20) returns void language sql as
    $$ insert into account_version (position, number, unit, name, state, state_on, roles, locked_until, handover_to) values (p, 1, unit, '张', state, '2025-01-01', roles, until, handover) $$;
select throws_ok($$insert into account values (22, 3, 'wang_wu')$$, '23505', null, 'a login is used once');
select throws_ok($$select av(2::int2, '{ROOT}')$$, '23514', null, 'a role is one of eight');
select throws_ok($$select av(2::int2, '{}')$$, '23514', null, 'an account has a role');
select throws_ok($$select av(2::int2, '{POLICY_ADMIN}')$$, '23514', null, 'the Centre''s roles are of CN000');
select throws_ok($$select av(0::int2, '{UNIT_ADMIN}')$$, '23514', null, 'a unit''s roles are not');
select throws_ok($$select av(2::int2, '{UNIT_ADMIN}', 'GONE')$$, '23514', null, 'a state is one of five');
select throws_ok($$select av(2::int2, '{UNIT_ADMIN}', 'LOCKED')$$, '23514', null, 'what is locked is locked until a time');
select throws_ok($$select av(2::int2, '{UNIT_ADMIN}', 'ACTIVE', now())$$, '23514', null, 'and nothing else is');
select throws_ok($$select av(2::int2, '{UNIT_ADMIN}', 'DISABLED', null, 1)$$, '23514', null, 'nobody hands over to himself');
select lives_ok($$select av(2::int2, '{UNIT_ADMIN,UNIT_LEADER}')$$, 'an account with two roles');
insert into proposal values (30, 1, 'PR1');
select throws_ok($$insert into proposal_version values (30, 1, 'QUOTA', 'APPROVED', 'zhang_li', 'zhang_li', '{}')$$, '23514', null, 'one person does not approve his own proposal');
select throws_ok($$insert into proposal_version values (30, 1, 'QUOTA', 'APPROVED', 'zhang_li', null, '{}')$$, '23514', null, 'approved is approved by somebody');
select lives_ok($$insert into proposal_version values (30, 1, 'QUOTA', 'PROPOSED', 'zhang_li', null, '{}')$$, 'a proposal');

-- the search
select results_eq($$select code, how from find_units('天津市体育局')$$, $$values ('PS052', 2)$$, 'another spelling of a name');
select results_eq($$select code, how from find_units('福建') order by code$$, $$values ('PS011', 3), ('SU101', 3)$$, 'a part of names');
select results_eq($$select code, how from find_units('ps052')$$, $$values ('PS052', 1)$$, 'a code in any case');
select is_empty($$select code from find_units('省')$$, 'a word that every name may have finds nothing');

-- what stands too long: both were invited on 1 January
create function due(d date) returns table (rule int4, unit int4, step int4) language sql as $$ select r.rule::int4, r.unit::int4, r.step::int4 from register_steps_due(100, d) r order by 1, 2 $$;
select is_empty($$select * from due('2025-01-15')$$, 'nothing after 14 days');
select results_eq($$select * from due('2025-01-16')$$, $$values (1, 1, 15), (1, 3, 15)$$, 'a reminder after 15');
select results_eq($$select * from due('2025-03-05')$$, $$values (1, 1, 60), (1, 3, 60), (51, 1, 60), (51, 3, 60)$$, 'after 60 the furthest step, and the parent');
insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload) select p, d, eid(p), 13, 0, 1, 1, 'operator', '\x00', '{}'
    from (values (101::int8, '2025-01-16 00:00+08'::timestamptz), (102, '2025-01-17 00:00+08'), (103, '2025-03-05 00:00+08')) v(p, d);
insert into calendar_day values (101, '2025-01-16'), (102, '2025-01-17'), (103, '2025-03-05');
select settle_mail(103);
select results_eq($$select at, rule::int4, unit::int4, step::int4 from register_notice order by 1, 2, 3$$, $$values (101::int8, 1, 1, 15), (101, 1, 3, 15), (103, 1, 1, 60),
    (103, 1, 3, 60), (103, 51, 1, 60), (103, 51, 3, 60)$$, 'each step once, at its day');
select results_eq($$select m.position, m.rule::int4, r.unit::int4 from mail m join mail_receipt r using (position, rule) where m.rule in (1, 51) order by 1, 2, 3$$, $$values (101::int8, 1, 1), (101, 1, 3),
    (103, 1, 1), (103, 1, 3), (103, 51, 0), (103, 51, 2)$$, 'to the units, and after 60 days to what is above them');
select is((select due_on from mail where position = 101), working_days_after('2025-01-16', 30, 101), 'with a day until which an answer is due');
-- an application that nobody decides; names are the Centre's to see
insert into unit_version (position, number, parent, name, kind, state, state_on) values (110, 1, 0, '天津体育局', 'PROVINCE', 'APPLIED', '2025-03-10'),
    (111, 1, 0, '天津市体育局', 'PROVINCE', 'APPLIED', '2025-03-10');
select is_empty($$select * from register_steps_due(200, '2025-03-17') where rule = 52$$, 'five working days after Monday the 10th is Monday the 17th');
select results_eq($$select unit, since, step from register_steps_due(200, '2025-03-18') where rule = 52$$, $$values (1::int2, 110::int8, 5::int2)$$,
    'then it stands too long, since the application and not since the change of name');
insert into rule_setting (position, rule, name, value) values (150, 'N52', 'days', '6');
select is_empty($$select * from register_steps_due(200, '2025-03-18') where rule = 52$$, 'after how many days is a setting');
select isnt_empty($$select * from register_steps_due(149, '2025-03-18') where rule = 52$$, 'which holds from its position on');
select mail_register_day(112, '2025-03-18', '2025-03-18 00:00+08', eid(112));
select results_eq($$select r.unit, m.body from mail m join mail_receipt r using (position, rule) where m.position = 112 and m.rule = 52$$,
    $$values (0::int2, '下列单位的注册申请提交已超过 5 个工作日,尚未审核:天津市体育局。请审核,批准或者退回。')$$, 'the Centre is told which');
-- no active administrator
insert into account_version (position, number, unit, name, state, state_on, roles) values (120, 1, 2, '张', 'DISABLED', '2025-04-01', '{UNIT_ADMIN}');
select is_empty($$select * from register_steps_due(200, '2025-04-03') where rule = 19$$, 'two days without an administrator');
select results_eq($$select unit, since, step from register_steps_due(200, '2025-04-04') where rule = 19$$, $$values (2::int2, 120::int8, 3::int2)$$, 'three days');
insert into account_version (position, number, unit, name, state, state_on, roles) values (121, 2, 2, '王', 'ACTIVE', '2025-04-02', '{UNIT_ADMIN}');
select is_empty($$select * from register_steps_due(200, '2025-04-04') where rule = 19$$, 'another one is there');
select * from finish();
rollback;
