-- Accounts of the dashboard: who may log in, and as what. Table, functions, grants. Idempotent.
--
-- Written by functions of role liangjin_control only (ljctl account). A gateway (role liangjin_web) asks for one account's hash by its login and
-- checks the password itself, where the work can be bounded; it can list logins with their versions, but no hashes. Logins (browser sessions) and the counts
-- of failed attempts are not here: the gateway's role cannot write, and what would be written is short-lived (gateway/login.c).
--
-- Every change raises `version`: a gateway ends a login whose account has another version than when it began.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create table if not exists credential (
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    version int8 not null unique,
    login text primary key check (login ~ '^[a-z][a-z0-9_]{3,31}$'),
    unit int2 not null,                        -- root of the subtree that it sees
    role text not null check (role in ('operator', 'unit_admin', 'observer')),
    state text not null default 'active' check (state in ('active', 'disabled')),
    hash text not null check (hash like '$argon2id$%' and octet_length(hash) between 60 and 127) -- crypto_pwhash_str of libsodium
);

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
    if create_account.role = 'operator' and unit_number <> 0 then
        raise exception 'an operator belongs to CN000' using errcode = 'P0001';
    end if;
    lock table credential in share row exclusive mode;
    insert into credential (version, login, unit, role, hash)
        select coalesce(max(a.version), 0) + 1, create_account.login, unit_number, create_account.role, create_account.hash from credential a;
end
$$;

-- A new password; also takes back a disabling. Unknown login: error.
create or replace function set_account_hash(login text, hash text) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    lock table credential in share row exclusive mode;
    update credential a set hash = set_account_hash.hash, state = 'active', changed_at = now(), version = (select max(v.version) + 1 from credential v)
        where a.login = set_account_hash.login;
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
    if old = 'disabled' then
        return false;
    end if;
    update credential a set state = 'disabled', changed_at = now(), version = (select max(v.version) + 1 from credential v) where a.login = disable_account.login;
    return true;
end
$$;

create or replace function list_accounts() returns table (login text, unit text, role text, state text, created_at timestamptz, changed_at timestamptz)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select a.login, u.code, a.role, a.state, a.created_at, a.changed_at from credential a join unit u on u.number = a.unit order by a.login
$$;

-- One account as a login needs it; no row where there is none or it is disabled. A probe of the key.
create or replace function account_for_login(login text) returns table (version int8, unit int2, role text, hash text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select a.version, a.unit, a.role, a.hash from credential a where a.login = account_for_login.login and a.state = 'active'
$$;

-- What a gateway holds its logins against. A scan of the table, at most a few hundred rows.
create or replace function account_versions() returns table (login text, version int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select a.login, a.version from credential a where a.state = 'active'
$$;

grant execute on function create_account(text, text, text, text), set_account_hash(text, text), disable_account(text), list_accounts()
    to liangjin_control;
grant execute on function account_for_login(text), account_versions() to liangjin_web;
reset role;
