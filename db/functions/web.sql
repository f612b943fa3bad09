-- What a gateway may ask, and all of it: role liangjin_web has EXECUTE on these functions and no right on any table.
-- The cost of each is in its comment; nothing here scans history. Whether a caller may see a unit's event is the gateway's check (it has the
-- token and the directory); the functions give the unit with every row, and the stream takes a list of units.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Tokens that changed since a version (0: all). Gateways ask once a second: a scan of the token table, at most a few hundred rows.
create or replace function auth_tokens(since_version int8) returns table (version int8, id int4, name text, hash bytea, unit int2, unit_code text,
        role text, class int2, rate int4, burst int4, expires_at timestamptz, revoked bool)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select t.version, t.id, t.name, t.hash, t.unit, u.code, t.role, t.class, t.rate, t.burst, t.expires_at, t.revoked_at is not null
    from token t join unit u on u.number = t.unit
    where t.version > since_version order by t.version
$$;

-- All units with their parents (CN000 is the root of all). A few hundred rows.
create or replace function directory() returns table (number int2, code text, name text, parent int2, kind text, state text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select d.number, d.code, d.name, d.parent, d.kind, d.state from unit_directory d order by d.number
$$;

drop function if exists event_types();
create function event_types() returns table (number int2, name text, origin text, default_key text, class int2, schema_version int2, roles int4)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select t.number, t.name, t.origin, t.default_key, t.class, t.schema_version, t.roles from event_type t order by t.number
$$;

-- Nothing at or below it can still appear. At most a row a lane.
create or replace function frontier() returns table (frontier int8, closure_frontier int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce(max(h.frontier), 0), coalesce(max(h.closure_frontier), 0) from log_head h
$$;

-- The closure that holds a position, of one kind; null where there is none. Scans index closure_kind_hi upwards from the position and reads the
-- positions of those closures only whose span holds it: for a closed event the few that were in flight beside it, for a waiting one
-- the closures since it came.
create or replace function closure_of(kind int2, p int8) returns int8
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select c.number from closure c
    where c.kind = closure_of.kind and c.hi >= p and c.lo <= p and p = any (c.positions)
    order by c.hi limit 1
$$;

-- What became of an event for one kind.
--   state: waiting | closed | parked | redriving | dropped | not_wanted (the gate closed it with another verdict, or it was dropped there)
create or replace function kind_provenance(e event, k kind) returns json
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    c closure;
    gate closure;
    pk parked;
    st text;
begin
    select * into c from closure x where x.number = closure_of(k.number, e.position);
    select * into pk from parked x where x.kind = k.number and x.position = e.position;
    st := case when c.number is not null then 'closed' when pk.state in ('parked', 'redriving', 'dropped') then pk.state else 'waiting' end;
    if st = 'waiting' and k.after is not null then
        select * into gate from closure x where x.number = closure_of(k.after, e.position);
        if gate.verdicts[array_position(gate.positions, e.position)] <> k.after_verdict
                or exists (select from parked x where x.kind = k.after and x.position = e.position and x.state = 'dropped') then
            st := 'not_wanted';
        end if;
    end if;
    return json_build_object(
        'kind', k.name, 'state', st, 'after', (select a.name from kind a where a.number = k.after),
        'attempt', coalesce(c.attempt, pk.attempts), 'worker', coalesce(c.worker, pk.worker), 'version', coalesce(c.version, pk.version),
        'closure', c.number, 'closed_at', c.closed_at, 'verdict', c.verdicts[array_position(c.positions, e.position)],
        'follow_ons', coalesce((select json_agg(json_build_object('id', f.id, 'type', t.name, 'position', f.position) order by f.position)
            from event f join event_type t on t.number = f.type where f.causation_id = e.id and f.source = k.name), '[]'::json),
        'park', case when pk.position is not null then json_build_object('state', pk.state, 'behind', pk.behind, 'attempts', pk.attempts,
            'parked_at', pk.parked_at, 'code', pk.error_code, 'error', pk.error, 'reason', pk.reason) end);
end
$$;

-- An event and what became of it, for every kind that wants it from the start (gated ones too); null where there is no such event.
-- Cost: one probe by id, then per kind closure_of and two probes. Times are ISO 8601 with offset (+00:00 under role liangjin_web).
create or replace function event_provenance(event_id uuid) returns json
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    e event;
begin
    select * into e from event x where x.id = event_id;
    if not found then
        return null;
    end if;
    return (select json_build_object(
        'id', e.id, 'position', e.position, 'type', t.name, 'unit', u.code, 'key', coalesce(e.key, e.id::text), 'received_at', e.received_at,
        'occurred_at', e.occurred_at, 'source', e.source, 'causation_id', e.causation_id, 'schema_version', e.schema_version,
        'kinds', coalesce((select json_agg(kind_provenance(e, k) order by k.number) from want w join kind k on k.number = w.kind
            where w.type = e.type and w.from_position < e.position), '[]'::json))
        from event_type t left join unit u on u.number = e.unit where t.number = e.type);
end
$$;

-- The series of events: after < position <= upto, never past the frontier; units null = all. lim is at most 10,000.
-- Cost: a range of the primary key. With units it reads every event of the range: ask in ranges (upto = after + 100,000), not to the end.
create or replace function stream_events(after int8, upto int8, units int2[], lim int4) returns table ("position" int8, id uuid,
        received_at timestamptz, unit int2, unit_code text, type text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select e.position, e.id, e.received_at, e.unit, u.code, t.name
    from event e join event_type t on t.number = e.type left join unit u on u.number = e.unit
    where e.position > after and e.position <= least(upto, (select max(h.frontier) from log_head h))
        and (units is null or e.unit = any (units))
    order by e.position limit least(lim, 10000)
$$;

-- The series of closures, each with its positions and, as long as they, verdicts, units and their codes. lim is at most 1,000 closures.
-- Cost: a range of the primary key and one probe of the log a position.
create or replace function stream_closures(after int8, upto int8, lim int4) returns table (number int8, kind text, closed_at timestamptz,
        positions int8[], verdicts int2[], units int2[], unit_codes text[])
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select c.number, k.name, c.closed_at, c.positions, c.verdicts, x.units, x.codes
    from (select * from closure z
          where z.number > after and z.number <= least(upto, (select max(h.closure_frontier) from log_head h))
          order by z.number limit least(lim, 1000)) c
        join kind k on k.number = c.kind
        cross join lateral (
            select array_agg(e.unit order by p.ord) as units, array_agg(u.code order by p.ord) as codes
            from unnest(c.positions) with ordinality as p(position, ord)
                left join event e on e.position = p.position left join unit u on u.number = e.unit) x
    order by c.number
$$;

revoke execute on function event_provenance(uuid) from liangjin_web;  -- it asks reader_event(), which looks who may see it
grant execute on function auth_tokens(int8), directory(), event_types(), frontier(),
    stream_events(int8, int8, int2[], int4), stream_closures(int8, int8, int4) to liangjin_web;
-- ljctl and auditors may ask the same, but for tokens.
grant execute on function directory(), event_types(), frontier(), event_provenance(uuid), stream_events(int8, int8, int2[], int4),
    stream_closures(int8, int8, int4) to liangjin_control, liangjin_audit;
grant execute on function directory(), event_types(), frontier() to liangjin_monitor;
reset role;
