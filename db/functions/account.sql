-- Who may log in, and with what secret. Table, functions, grants. Idempotent.
--
-- Two sorts. Accounts of persons (role 'person') are a register: unit, roles and state are what events have made of them (account_version), and here is only the
-- hash of the password. Accounts of the machine itself (operator, and the older unit_admin and observer) are made by `ljctl account` alone and are in no
-- event. The table is written by functions of role liangjin_control only. A gateway (role liangjin_web) asks for one account's hash by its login and
-- checks the password itself, where the work can be bounded; it can list logins with their versions, but no hashes. Logins (browser sessions) and the counts
-- of failed attempts are not here: the gateway's role cannot write, and what would be written is short-lived (gateway/login.c).
--
-- Every change of a password, unit, roles or teams changes `version`: a gateway ends a login whose account has another version than when it began.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create table if not exists credential (
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    version int8 not null unique,
    login text primary key check (login ~ '^[a-z][a-z0-9_]{3,31}$'),
    unit int2 not null,                        -- root of the subtree that it sees
    role text not null,
    state text not null default 'active' check (state in ('active', 'disabled')),
    hash text not null check (hash like '$argon2id$%' and octet_length(hash) between 60 and 127) -- crypto_pwhash_str of libsodium
);

alter table credential drop constraint if exists account_role_check, drop constraint if exists credential_role_check;
alter table credential add constraint credential_role_check check (role in ('operator', 'unit_admin', 'observer', 'person'));

-- Accounts of persons as they stand.
create or replace view current_account as
    select i.number, i.code as login, v.unit, v.name, v.state, v.state_on::date as state_on, v.locked_until, v.roles, v.teams, v.handover_to, v.position
    from account i cross join lateral (select * from account_version x where x.number = i.number order by x.position desc limit 1) v;

-- A lock that has run out is none.
create or replace function account_state(state text, locked_until timestamptz, at timestamptz) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select case when state = 'LOCKED' and locked_until <= at then 'ACTIVE' else state end
$$;

-- What a login of a person stands on: another unit, other roles, teams or a new password is another number.
create or replace function account_session(version int8, unit int2, roles text[], teams int4[]) returns int8
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select hashtextextended(format('%s %s %s', unit, roles, teams), version)
$$;

-- New. An operator sees all of the system, so its unit is the root.
create or replace function create_account(login text, unit text, role text, hash text) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    unit_number int2;
begin
    select u.number into unit_number from unit u where u.code = create_account.unit;
    if unit_number is null then
        raise exception 'there is no unit "%"', create_account.unit using errcode = 'P0001';
    end if;
    if create_account.role = 'person' or exists (select from account a where a.code = create_account.login) then
        raise exception 'the account "%" is a person''s: its events make it', create_account.login using errcode = 'P0001';
    end if;
    if create_account.role = 'operator' and unit_number <> 0 then
        raise exception 'an operator belongs to CN000' using errcode = 'P0001';
    end if;
    lock table credential in share row exclusive mode;
    insert into credential (version, login, unit, role, hash)
        select coalesce(max(a.version), 0) + 1, create_account.login, unit_number, create_account.role, create_account.hash from credential a;
end
$$;

-- A new password, of a person the first one too; of a machine's account it takes back a disabling. Unknown login: error.
create or replace function set_account_hash(login text, hash text) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    lock table credential in share row exclusive mode;
    update credential a set hash = set_account_hash.hash, state = 'active', changed_at = now(), version = (select max(v.version) + 1 from credential v)
        where a.login = set_account_hash.login;
    if not found then
        insert into credential (version, login, unit, role, hash)
            select coalesce((select max(v.version) from credential v), 0) + 1, a.login, a.unit, 'person', set_account_hash.hash from current_account a
            where a.login = set_account_hash.login and a.state <> 'DISABLED';
    end if;
    if not found then
        raise exception 'there is no account "%"', set_account_hash.login using errcode = 'P0001';
    end if;
end
$$;

-- True if it was active until now. Unknown login: error.
create or replace function disable_account(login text) returns bool
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    old text;
begin
    lock table credential in share row exclusive mode;
    select a.state into old from credential a where a.login = disable_account.login;
    if not found then
        raise exception 'there is no account "%"', disable_account.login using errcode = 'P0001';
    end if;
    if exists (select from credential c where c.login = disable_account.login and c.role = 'person') then
        raise exception 'the account "%" is a person''s: account.disabled ends it', disable_account.login using errcode = 'P0001';
    end if;
    if old = 'disabled' then
        return false;
    end if;
    update credential a set state = 'disabled', changed_at = now(), version = (select max(v.version) + 1 from credential v) where a.login = disable_account.login;
    return true;
end
$$;

create or replace function list_accounts() returns table (login text, unit text, role text, state text, created_at timestamptz, changed_at timestamptz)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select c.login, u.code, c.role, c.state, c.created_at, c.changed_at from credential c join unit u on u.number = c.unit where c.role <> 'person'
    union all
    select a.login, u.code, array_to_string(a.roles, ','), account_state(a.state, a.locked_until, now()), c.created_at, c.changed_at
    from current_account a join unit u on u.number = a.unit left join credential c on c.login = a.login
    order by 1
$$;

-- One account as a login needs it; no row where there is none, or it may not log in: a person's must be ACTIVE and its unit not closed. role: a machine's,
-- or a person's roles with commas between. A probe of keys.
create or replace function account_for_login(login text) returns table (version int8, unit int2, role text, hash text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select c.version, c.unit, c.role, c.hash from credential c where c.login = account_for_login.login and c.state = 'active' and c.role <> 'person'
    union all
    select account_session(c.version, a.unit, a.roles, a.teams), a.unit, array_to_string(a.roles, ','), c.hash
    from credential c join current_account a on a.login = c.login join current_unit u on u.number = a.unit
    where c.login = account_for_login.login and c.role = 'person' and account_state(a.state, a.locked_until, now()) = 'ACTIVE' and u.state <> 'CLOSED'
$$;

-- What a gateway holds its logins against. A lock keeps others from logging in and ends nothing: who is in already has given the password.
create or replace function account_versions() returns table (login text, version int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select c.login, c.version from credential c where c.state = 'active' and c.role <> 'person'
    union all
    select c.login, account_session(c.version, a.unit, a.roles, a.teams) from credential c join current_account a on a.login = c.login
        join current_unit u on u.number = a.unit where c.role = 'person' and a.state in ('ACTIVE', 'LOCKED') and u.state <> 'CLOSED'
$$;

-- What the register has said of an event: 1 applied, 2 refused, with the first reason. No row while it has not been there.
create or replace function register_answer(id uuid) returns table (verdict int2, code text, text_en text, text_zh text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select l.verdict, r.code, r.text_en, r.text_zh from event e join register_log l on l.position = e.position
        left join register_refusal r on r.position = e.position and r.ordinal = 0
    where e.id = register_answer.id
$$;

grant execute on function create_account(text, text, text, text), set_account_hash(text, text), disable_account(text), list_accounts(), register_answer(uuid)
    to liangjin_control;
grant execute on function account_for_login(text), account_versions() to liangjin_web;
grant execute on function account_state(text, timestamptz, timestamptz) to liangjin_audit, liangjin_worker;
grant select on current_account to liangjin_audit, liangjin_worker;
reset role;
