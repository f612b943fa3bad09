-- Roles and what each may send; sources taken apart.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(15);

select results_eq('select name from role order by number', $$values ('TEAM_FILLER'), ('UNIT_ADMIN'), ('UNIT_LEADER'), ('CENTRE_OPERATOR'), ('CENTRE_AUDITOR'),
    ('POLICY_ADMIN'), ('OPINION_DUTY'), ('OBSERVER')$$, 'the roles in the order of common/persons.def');
select is_empty($$select * from role_type where role = 'OBSERVER'$$, 'an observer sends nothing');
select is_empty($$select * from role_type where role = 'UNIT_LEADER' and type not in ('mail.read', 'mail.signed')$$, 'a leader reads and signs mail');
select is_empty($$select * from role_type rt join event_type t on t.name = rt.type where t.origin not in ('client', 'centre')$$,
    'no person sends what workers and operators send');
select is_empty($$select * from role_type where role = 'CENTRE_AUDITOR' and type = 'mail.broadcast_requested'$$, 'an auditor sends no broadcast');
select is_empty($$select * from role_type where role = 'POLICY_ADMIN' and type like 'activity.%'$$, 'who makes policy files nothing');
select is_empty($$select * from role_type rt join role r on r.name = rt.role join event_type t on t.name = rt.type where t.origin = 'centre' and r.scope = 'UNIT'$$,
    'what the Centre sends no role of a unit may');
select throws_ok($$select load_event_roles('{activity.submitted}', '{ROOT}')$$, 'P0001', null, 'a role that is none');
select throws_ok($$select load_event_roles('{activity.rejected}', '{UNIT_ADMIN}')$$, 'P0001', null, 'a worker''s type');
select load_event_roles('{activity.submitted}', array['TEAM_FILLER,UNIT_ADMIN']);
select results_eq('select role, type from role_type order by 1', $$values ('TEAM_FILLER', 'activity.submitted'), ('UNIT_ADMIN', 'activity.submitted')$$, 'a type that is not named loses its roles');
select results_eq($$select source_account(s), source_role(s), source_unit(s) from unnest('{zhang_li:UNIT_ADMIN@PS001,first-unit,seed:author}'::text[]) s$$,
    $$values ('zhang_li', 'UNIT_ADMIN', 'PS001'), ('first-unit', null, null), ('seed:author', null, null)$$, 'sources taken apart');
select is(create_token('r1', decode(repeat('ab', 32), 'hex'), 'CN000', 'CENTRE_AUDITOR', 1::int2, 100, 200, null), 1, 'a token of a role');
select throws_ok($$select create_token('r2', decode(repeat('ac', 32), 'hex'), 'CN000', 'ROOT', 1::int2, 100, 200, null)$$, '23514', null, 'a role that is none');
select throws_ok($$select create_token('r2', decode(repeat('ac', 32), 'hex'), 'CN000', 'UNIT_ADMIN', 1::int2, 100, 200, null)$$, 'P0001', null,
    'a unit''s role is not the Centre''s');
select ok(not has_function_privilege('liangjin_control', 'load_event_roles(text[], text[])', 'execute'), 'only a migration says who may send what');
select * from finish();
rollback;
