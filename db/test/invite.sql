-- Links of invitations: for whom one is made, how it stands, that it sets one password.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(14);

insert into unit values (1, 1, 'PS001');
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省', 'PROVINCE', 'ACTIVE');
create function acc(n int4, login text, state text) returns void language sql as $$
    insert into account values (100 + n, n, login);
    insert into account_version (position, number, unit, name, state, state_on, roles) values (100 + n, n, 1, '张', state, '2025-01-01', '{UNIT_ADMIN}') $$;
select acc(1, 'guest', 'INVITED'), acc(2, 'known', 'ACTIVE'), acc(3, 'second', 'INVITED'), acc(4, 'leaver', 'INVITED');
create function h(t text) returns bytea language sql as $$ select decode(repeat(t, 32), 'hex') $$;
create function pw(t text) returns text language sql as $$ select '$argon2id$v=19$m=65536,t=2,p=1$' || repeat(t, 70) $$;
grant execute on function h(text), pw(text) to liangjin_web;
select is((select unit from create_invite_link(h('01'), 'guest')), 'PS001', 'a link for who is invited');
select throws_ok($$select create_invite_link(h('02'), 'known')$$, 'P0001', null, 'none for an account that may log in');
select throws_ok($$select create_invite_link(h('02'), 'nobody')$$, 'P0001', null, 'nor for nobody');
select lives_ok($$select create_invite_link(h('03'), 'guest')$$, 'a second link');
select lives_ok($$select create_invite_link(h('04'), 'second'); update invite_link set expires_at = now() - interval '1 s' where login = 'second'$$, 'one that has expired');
select lives_ok($$select create_invite_link(h('05'), 'leaver')$$, 'one of an account that is disabled since');
insert into account_version (position, number, unit, name, state, state_on, roles) values (200, 4, 1, '张', 'DISABLED', '2025-01-02', '{UNIT_ADMIN}');

set local role liangjin_web;
set local search_path = liangjin, pg_catalog, tap;
select is_empty($$select * from invite_of(h('01'))$$, 'ends the one before');
select is((select state || ' ' || login from invite_of(h('03'))), 'open guest', 'open');
select is((select state from invite_of(h('04'))), 'expired', 'expired');
select ok(not accept_invite(h('01'), pw('a')) and not accept_invite(h('04'), pw('a')) and not accept_invite(h('05'), pw('a')), 'ended, expired, disabled: no password is set');
select ok(accept_invite(h('03'), pw('a')), 'an open one sets a password');
select ok(not accept_invite(h('03'), pw('b')), 'once');
select is((select state from invite_of(h('03'))), 'used', 'and is used then');
reset role;
select is((select string_agg(login || ' ' || (hash = pw('a')), ',') from credential where login in ('guest', 'second', 'leaver')), 'guest true', 'the first one stands, and no other account has any');
select * from finish();
rollback;
