-- Accounts, and what the dashboard's first page asks.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(35);
create function h(c text) returns text language sql as $$ select '$argon2id$v=19$m=65536,t=2,p=1$' || repeat(c, 70) $$;

select lives_ok($$select create_account('first_one', 'CN000', 'operator', h('a'))$$, 'an operator of the Centre');
select throws_ok($$select create_account('first_one', 'CN000', 'observer', h('a'))$$, '23505', null, 'a login is used once');
select throws_ok($$select create_account('Bad', 'CN000', 'observer', h('a'))$$, '23514', null, 'a login has its form');
select throws_ok($$select create_account('second', 'CN000', 'root', h('a'))$$, '23514', null, 'a role is one of three');
select throws_ok($$select create_account('second', 'XX999', 'observer', h('a'))$$, 'P0001', null, 'the unit must be there');
select throws_ok($$select create_account('second', 'CN000', 'observer', 'a password')$$, '23514', null, 'no hash, no account');
select create_account('second', 'CN000', 'observer', h('b'));
select results_eq($$select version, role, hash from account_for_login('second')$$, $$values (2::int8, 'observer', h('b'))$$, 'what a login needs');
select is_empty($$select * from account_for_login('nobody')$$, 'nothing of one that is not there');
select set_account_hash('first_one', h('c'));
select results_eq($$select login, version from account_versions() order by 1$$, $$values ('first_one', 3::int8), ('second', 2)$$, 'a change raises the version');
select is(disable_account('second'), true, 'disabled');
select is(disable_account('second'), false, 'it was before');
select is_empty($$select * from account_for_login('second')$$, 'a disabled one cannot log in');
select throws_ok($$select disable_account('nobody')$$, 'P0001', null, 'an unknown one is an error');
select set_account_hash('second', h('d'));
select is((select state from list_accounts() where login = 'second'), 'active', 'a new password takes it back');

-- persons: the register says who, the table keeps the secret
insert into unit values (50, 7, 'PS007'); insert into unit_version (position, number, parent, name, kind, state) values (50, 7, 0, '丙省', 'PROVINCE', 'ACTIVE');
insert into account values (51, 1, 'zhang_li');
create function av(p int8, state text, roles text[] default '{UNIT_ADMIN,UNIT_LEADER}', until timestamptz default null) returns void language sql as
    $$ insert into account_version (position, number, unit, name, state, state_on, roles, locked_until) values (p, 1, 7, '张', state, '2025-01-01', roles, until) $$;
select av(51, 'INVITED');
select throws_ok($$select create_account('zhang_li', 'PS007', 'observer', h('e'))$$, 'P0001', null, 'a person''s login is no machine''s');
select throws_ok($$select create_account('wang_wu', 'PS007', 'person', h('e'))$$, 'P0001', null, 'nor is a person made here');
select lives_ok($$select set_account_hash('zhang_li', h('e'))$$, 'the first password of an invited person');
select is_empty($$select * from account_for_login('zhang_li')$$, 'invited is not active');
select av(52, 'ACTIVE');
select results_eq($$select unit, role, hash from account_for_login('zhang_li')$$, $$values (7::int2, 'UNIT_ADMIN,UNIT_LEADER', h('e'))$$, 'active: unit and roles of the register');
select is((select version from account_for_login('zhang_li')), (select version from account_versions() where login = 'zhang_li'), 'the gateway holds a login against the same number');
create temporary table was as select version from account_for_login('zhang_li');
select av(53, 'LOCKED', '{UNIT_ADMIN,UNIT_LEADER}', now() + interval '1 minute');
select is_empty($$select * from account_for_login('zhang_li')$$, 'locked: nobody gets in');
select is((select v.version from account_versions() v where login = 'zhang_li'), (select version from was), 'and nobody is put out');
select is((select state from list_accounts() where login = 'zhang_li'), 'LOCKED', 'it is said');
select av(54, 'LOCKED', '{UNIT_ADMIN,UNIT_LEADER}', now());
select is((select count(*) from account_for_login('zhang_li')), 1::int8, 'a lock that has run out is none');
select av(55, 'ACTIVE', '{UNIT_LEADER}');
select isnt((select version from account_for_login('zhang_li')), (select version from was), 'other roles: a login ends');
select throws_ok($$select disable_account('zhang_li')$$, 'P0001', null, 'a person''s account is ended by an event');
insert into unit_version (position, number, parent, name, kind, state) values (56, 7, 0, '丙省', 'PROVINCE', 'CLOSED');
select is_empty($$select * from account_for_login('zhang_li')$$, 'a closed unit''s accounts are out');
select av(57, 'DISABLED', '{UNIT_LEADER}');
select is_empty($$select * from account_versions() where login = 'zhang_li'$$, 'a disabled one is put out');
select throws_ok($$select create_account('third', 'CN000', 'operator', 'x')$$, '23514', null, 'no hash, no account');

-- Two closures of validation (kind 2) and one of another kind, the last beyond the frontier.
insert into event_type values (901, 'test.asked', 'client', 'id', 1, 1);
insert into validation (position, received_at, activity, unit, op, verdict, version, state, short)
    select p, now(), ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid, 0, 1, case when p = 103 then 2 else 1 end,
           case when p <> 103 then 1 end, case when p <> 103 then 4 end, case when p <> 103 then '{}' end from generate_series(101, 105) p;
select close_batch(1, 2::int2, 1::int2, '2025-01-02', '{101,102,103}', '{1,1,2}', 'w', 'v');
select close_batch(2, 5::int2, 1::int2, '2025-01-02', '{101}', '{1}', 'w', 'v');
select close_batch(3, 2::int2, 1::int2, '2025-01-02', '{104}', '{1}', 'w', 'v');
select close_batch(4, 2::int2, 1::int2, '2025-01-02', '{105}', '{1}', 'w', 'v');
select set_marks(0::int2, 0::int2, 105, 3, '{}', '{}');
select results_eq('select * from board_verdicts(0, 2) order by verdict nulls first',
    'values (2::int8, null::int2, null::int2, 0::int8), (2, 0::int2, 1::int2, 2), (2, 0::int2, 2::int2, 1)', 'two closures, by unit and verdict');
select results_eq('select * from board_verdicts(2, 500) order by verdict nulls first', 'values (3::int8, null::int2, null::int2, 0::int8), (3, 0::int2, 1::int2, 1)',
    'behind them one more, and not the one beyond the frontier');
select is_empty('select * from board_verdicts(3, 500)', 'then nothing');
select is((select count(*) from board_kinds()), (select count(*) from kind), 'every kind');
select results_eq('select number, code, parent, teams_owing from board_units(2025::int2) where number = 0', $$values (0::int2, 'CN000', null::int2, 0::int8)$$, 'every unit, without a quota too');

set local role liangjin_web;
select throws_ok($$select * from liangjin.account$$, '42501', null, 'a gateway that reads the accounts is refused');
reset role;
select * from finish();
rollback;
