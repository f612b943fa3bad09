-- Roles, the schema and the database's own rights. Run by a superuser, connected to the database, before the migrations; idempotent.
--
-- Why the schema is made here and not by a migration: a migration runs as liangjin_migrate, which has no right on the database itself.
-- Who may do what with which table or function is not here but at the end of each db/functions/*.sql, beside what it protects.
-- Passwords: none. Locally peer authentication maps the operating system's user; elsewhere pg_hba.conf asks for certificates (deploy/).

do $$
declare
    r record;
begin
    for r in
        select *
        from (values
            -- name, login, connection limit
            ('liangjin_owner',   false, -1),
            ('liangjin_migrate', true,   4),
            ('liangjin_broker',  true,  16),   -- lanes, settle, log reader, and room for a successor while the old one is cut off
            ('liangjin_worker',  true, 128),   -- one a worker process
            ('liangjin_web',     true,  64),   -- a few a gateway
            ('liangjin_control', true,   8),
            ('liangjin_audit',   true,   8),
            ('liangjin_monitor', true,   8)
        ) as v(name, login, connections)
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = r.name) then
            execute format('create role %I', r.name);
        end if;
        execute format('alter role %I with %s noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit %s',
                       r.name, case when r.login then 'login' else 'nologin' end, r.connections);
        execute format('alter role %I set search_path = liangjin, pg_catalog', r.name);
        execute format('alter role %I set jit = off', r.name);         -- statements are short: compiling them costs more than it gains
        execute format('alter role %I set timezone = %L', r.name, 'UTC');
        execute format('alter role %I set client_encoding = %L', r.name, 'UTF8');
        execute format('alter role %I set default_transaction_isolation = %L', r.name, 'read committed'); -- fence() depends on it
    end loop;
end
$$;

grant liangjin_owner to liangjin_migrate;

-- Readers cannot write even where a grant were wrong, and no reader holds a snapshot or a lock for long.
alter role liangjin_worker set default_transaction_read_only = on;
alter role liangjin_web set default_transaction_read_only = on;
alter role liangjin_audit set default_transaction_read_only = on;
alter role liangjin_monitor set default_transaction_read_only = on;
-- A worker reads by key, a few codes at a time, from tables that may have grown from nothing a second ago: never a plan that reads them whole.
alter role liangjin_worker set enable_seqscan = off;
alter role liangjin_worker set enable_hashjoin = off;
alter role liangjin_worker set enable_mergejoin = off;
alter role liangjin_web set statement_timeout = '5s';
alter role liangjin_worker set statement_timeout = '30s';
alter role liangjin_control set statement_timeout = '10s';
alter role liangjin_monitor set statement_timeout = '10s';
alter role liangjin_web set idle_in_transaction_session_timeout = '10s';
alter role liangjin_worker set idle_in_transaction_session_timeout = '60s';
alter role liangjin_broker set idle_in_transaction_session_timeout = '60s';
-- An ack means a flushed COMMIT: no setting of the server may weaken that for the one who acknowledges.
alter role liangjin_broker set synchronous_commit = on;

do $$
begin
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to liangjin_migrate, liangjin_broker, liangjin_worker, liangjin_web, liangjin_control,'
                   ' liangjin_audit, liangjin_monitor', current_database());
end
$$;

revoke create on schema public from public;
create schema if not exists liangjin authorization liangjin_owner;
grant usage on schema liangjin to liangjin_broker, liangjin_worker, liangjin_web, liangjin_control, liangjin_audit, liangjin_monitor;
-- PostgreSQL lets everybody call a new function; here nobody may until a grant says so.
alter default privileges for role liangjin_owner revoke execute on functions from public;
