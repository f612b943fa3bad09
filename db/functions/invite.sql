-- Invitations: a one-time link with which an invited person sets the password of his account. Table, functions, grants. Idempotent.
--
-- Only the BLAKE2b-256 hash of a link's token is here, as of all links. accept_invite() is the one function that lets a gateway write: the password's hash of one
-- account, once, and only by the hash of a token that it cannot read anywhere. That the person has accepted is an event (account.accepted), sent before; what is
-- written here is no effect of the log and a replay has none of it, like every password.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create table if not exists invite_link (
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    hash bytea primary key check (octet_length(hash) = 32),
    login text not null
);

-- A link for an account that is invited and has no password yet; the one before it ends. Good for 7 days.
create or replace function create_invite_link(hash bytea, login text) returns table (unit text, expires_at timestamptz)
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    if not exists (select from current_account a where a.login = create_invite_link.login and a.state in ('INVITED', 'PENDING'))
            or exists (select from credential c where c.login = create_invite_link.login) then
        raise exception 'there is no account "%" that waits for its first password', create_invite_link.login using errcode = 'P0001';
    end if;
    delete from invite_link l where l.login = create_invite_link.login and l.used_at is null;
    insert into invite_link (hash, login, expires_at) values (create_invite_link.hash, create_invite_link.login, now() + interval '7 days');
    return query select u.code, l.expires_at from invite_link l join current_account a on a.login = l.login join unit u on u.number = a.unit
        where l.hash = create_invite_link.hash;
end
$$;

-- How a link stands: open, used, expired; no row where there is none, or its account is no longer invited. A probe of the key.
create or replace function invite_of(hash bytea) returns table (state text, login text, unit text, name text, shown text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select case when l.used_at is not null then 'used' when l.expires_at <= now() then 'expired' else 'open' end, l.login, u.code, a.name,
           json_build_object('login', l.login, 'name', a.name, 'unit', u.code, 'unit_name', d.name, 'roles', a.roles, 'expires_at', l.expires_at)::text
    from invite_link l join current_account a on a.login = l.login join unit u on u.number = a.unit join unit_directory d on d.number = a.unit
    where l.hash = invite_of.hash and (l.used_at is not null or a.state in ('INVITED', 'PENDING'))
$$;

-- Use a link: true once. False when it is used, expired, not there, or its account waits for no first password any more.
create or replace function accept_invite(hash bytea, password text) returns bool
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    who text;
begin
    update invite_link l set used_at = now() from current_account a
        where l.hash = accept_invite.hash and l.used_at is null and l.expires_at > now() and a.login = l.login and a.state in ('INVITED', 'PENDING')
            and not exists (select from credential c where c.login = l.login)
        returning l.login into who;
    if who is null then
        return false;
    end if;
    perform set_account_hash(who, accept_invite.password);
    return true;
end
$$;

grant execute on function create_invite_link(bytea, text) to liangjin_control;
grant execute on function invite_of(bytea), accept_invite(bytea, text) to liangjin_web;
reset role;
