-- Who may do what: the rights that the design leans on, asked of the catalog and tried.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(16);

create function tables_with(who name, what text) returns setof text language sql as $$
    select c.relname::text from pg_class c where c.relnamespace = 'liangjin'::regnamespace and c.relkind in ('r', 'v', 'p', 'm')
        and has_table_privilege(who, c.oid, what) order by 1
$$;
select is_empty($$select tables_with(r, 'insert, update, delete, truncate') from unnest('{liangjin_broker,liangjin_worker,liangjin_web,liangjin_control,
    liangjin_audit,liangjin_monitor}'::name[]) r$$, 'no role but the owner writes a table directly');
select is_empty($$select tables_with('liangjin_web', 'select')$$, 'the gateway reads no table');
select ok(not has_table_privilege('liangjin_broker', 'token', 'select'), 'the broker does not see tokens');
select ok(not has_table_privilege('liangjin_worker', 'token', 'select'), 'nor does a worker');
select ok(not has_table_privilege('liangjin_worker', 'parked', 'select'), 'a worker does not see dead letters');
select is_empty($$select p.proname from pg_proc p where p.pronamespace = 'liangjin'::regnamespace and prosecdef
    and has_function_privilege('liangjin_worker', p.oid, 'execute')$$, 'a worker may call no function that acts for the owner');
select is_empty($$select p.proname from pg_proc p where p.pronamespace = 'liangjin'::regnamespace and prosecdef and p.provolatile = 'v'
    and has_function_privilege('liangjin_web', p.oid, 'execute') and p.proname <> 'accept_invite'$$,
    'the gateway may call no function that writes but the one that sets the first password of who was invited');
select is_empty($$select p.proname from pg_proc p where p.pronamespace = 'liangjin'::regnamespace and prosecdef
    and not exists (select from unnest(p.proconfig) c where c like 'search_path=%' and c like '%pg_temp')$$,
    'every function that acts for the owner pins its search_path, pg_temp last');
select is_empty($$select p.proname from pg_proc p where p.pronamespace = 'liangjin'::regnamespace and p.proname <> 'tables_with' and
    exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)$$, 'nothing is everybody''s');
select ok(not has_schema_privilege('liangjin_broker', 'liangjin', 'create'), 'the broker makes no tables');
select ok(not has_database_privilege('liangjin_broker', current_database(), 'temporary'), 'nor temporary ones');
set local role liangjin_worker;
select throws_ok($$insert into liangjin.event_type values (999, 'a.b', 'client', 'id', 1, 1)$$, '42501', null, 'a worker that writes is refused');
set local role liangjin_broker;
select throws_ok($$select * from liangjin.token$$, '42501', null, 'a broker that reads tokens is refused');
set local role liangjin_monitor;
select lives_ok($$select count(*) from liangjin.unit_directory$$, 'monitoring may read the directory that it was granted');
set local role liangjin_web;
select throws_ok($$select * from liangjin.event$$, '42501', null, 'a gateway that reads the log is refused');
select lives_ok($$select * from liangjin.directory()$$, 'but it may ask its functions');
reset role;
select * from finish();
rollback;
