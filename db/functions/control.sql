-- Tokens of machine clients, for role liangjin_control (ljctl token). The text of a token never comes here: only its BLAKE2b-256 hash.
-- Every change raises `version`, under a lock that is held until COMMIT: versions become visible in order, so a gateway that has read up to
-- version v misses nothing by asking for what is above v.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create or replace function create_token(name text, hash bytea, unit text, role text, class int2, rate int4, burst int4, expires timestamptz)
        returns int4
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    unit_number int2;
    ret int4;
begin
    select u.number into unit_number from unit u where u.code = create_token.unit;
    if unit_number is null then
        raise exception 'there is no unit "%"', create_token.unit using errcode = 'P0001';
    end if;
    if exists (select from role r where r.name = create_token.role and r.scope = case when unit_number = 0 then 'UNIT' else 'CENTRE' end) then
        raise exception 'the role % does not belong to %', create_token.role, create_token.unit using errcode = 'P0001';
    end if;
    lock table token in share row exclusive mode;
    insert into token (id, version, name, hash, unit, role, class, rate, burst, expires_at)
        select coalesce(max(t.id), 0) + 1, coalesce(max(t.version), 0) + 1, create_token.name, create_token.hash, unit_number,
               create_token.role, create_token.class, create_token.rate, create_token.burst, create_token.expires
        from token t
        returning id into ret;
    return ret;
end
$$;

-- True if it was valid until now. Unknown name: error.
create or replace function revoke_token(name text) returns bool
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    old timestamptz;
begin
    lock table token in share row exclusive mode;
    select t.revoked_at into old from token t where t.name = revoke_token.name;
    if not found then
        raise exception 'there is no token "%"', revoke_token.name using errcode = 'P0001';
    end if;
    if old is not null then
        return false;
    end if;
    update token t set revoked_at = now(), version = (select max(v.version) + 1 from token v) where t.name = revoke_token.name;
    return true;
end
$$;

create or replace function list_tokens() returns table (id int4, name text, unit text, role text, class int2, rate int4, burst int4,
        created_at timestamptz, expires_at timestamptz, revoked_at timestamptz, state text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select t.id, t.name, u.code, t.role, t.class, t.rate, t.burst, t.created_at, t.expires_at, t.revoked_at,
           case when t.revoked_at is not null then 'revoked' when t.expires_at <= now() then 'expired' else 'valid' end
    from token t join unit u on u.number = t.unit order by t.id
$$;

grant execute on function create_token(text, bytea, text, text, int2, int4, int4, timestamptz), revoke_token(text), list_tokens()
    to liangjin_control;
reset role;
