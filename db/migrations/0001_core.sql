-- 0001: the log and what stands around it. Generic: nothing here knows a rule of the field.
--
-- Checklist for a change of a stored record: a new migration (never edit one that was released), the broker's statements in
-- broker/log_sql.h, proto/PROTOCOL.md where a name shows on the wire, db/test, docs.
-- Column order is by width (8-byte columns first): no padding in the rows that are written by the million.

-- The runner (ljctl migrate, tests/lib/dbsetup.sh) applies each file in one transaction as liangjin_migrate and notes it in schema_migration.
-- The schema itself is made by db/roles.sql.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- What was applied. checksum: sha256 of the file's bytes in hex; a file that changed after it was applied is an error of the runner.
create table schema_migration (
    applied_at timestamptz not null default now(),
    name text primary key,                     -- '0001_core.sql'
    checksum text not null
);

-- Who owns the log. The broker reads its epoch in every transaction under a shared lock; a taker raises it under the exclusive one.
create table shard (
    shard int2 primary key,
    epoch int8 not null default 0,
    owner text not null default ''
);
insert into shard (shard) values (0);

-- Up to where the log is complete, by lane: no reader goes past max(frontier). A row a lane, so that lanes never wait for each other.
create table log_head (
    frontier int8 not null default 0,          -- highest position with nothing below it still in flight
    closure_frontier int8 not null default 0,  -- the same for closure numbers
    shard int2 not null,
    lane int2 not null,
    primary key (shard, lane)
) with (fillfactor = 10);
insert into log_head (shard, lane) select 0, g from generate_series(0, 7) g;

create table event_type (
    number int2 primary key,
    name text not null unique check (name ~ '^[a-z_]+(\.[a-z_]+)+$'),
    origin text not null check (origin in ('client', 'centre', 'worker', 'operator')),
    -- 'id': the event's own id; 'const:WORD': the unit's WORD; 'payload:MEMBER': the string at that top-level member of the payload
    default_key text not null check (default_key ~ '^(id|const:[a-z_]+|payload:[a-z_]+)$'),
    class int2 not null check (class between 0 and 3),   -- 0 urgent, 1 normal, 2 bulk, 3 statistics
    schema_version int2 not null default 1
);

create table event (
    position int8 primary key,
    received_at timestamptz not null,
    occurred_at timestamptz,
    id uuid not null unique,
    causation_id uuid,                         -- follow-on events: the parent's id
    type int2 not null,                        -- no foreign key: the broker checks types, and a key costs a probe a row
    unit int2 not null,
    class int2 not null,
    schema_version int2 not null,
    key text,                                  -- null: the event's own id
    source text not null,                      -- who sent it: token's or kind's name
    content_hash bytea not null,               -- 16 bytes, see proto/json_scan.h
    payload text compression lz4 not null
);
create index event_causation on event (causation_id) where causation_id is not null;

create table kind (
    number int2 primary key,
    name text not null unique check (name ~ '^[a-z][a-z_]{1,30}$'),
    ordering text not null check (ordering in ('none', 'key', 'position')),
    single bool not null default false,        -- at most one event of a key in a batch (the kind reads what it wrote)
    after int2 references kind,                -- gate: goes to this kind only when `after` closed it with `after_verdict`
    after_verdict int2,
    barrier int2 references kind,              -- waits until this kind's watermark has reached the event
    follow_on_max int2 not null default 1,     -- follow-on events an event can have: positions reserved for them
    feeds_directory bool not null default false, -- the broker reads unit_directory again after this kind's commits
    apply_function text,                       -- null: closing is all
    result_function text,                      -- (int8[]) -> (position int8, result bytea): the short result for kinds gated on this one
    settle_function text,                      -- (int8) -> setof follow_on; run behind, up to the watermark
    check ((after is null) = (after_verdict is null))
);

-- Which kind gets which type: events with position > from_position. A kind that comes later starts at the frontier of that day.
create table want (
    from_position int8 not null default 0,
    kind int2 not null references kind,
    type int2 not null references event_type,
    primary key (kind, type)
);

-- Operator's switches; the broker reads them at start and writes them through set_kind_state.
create table kind_state (
    kind int2 primary key references kind,
    state text not null default 'running' check (state in ('running', 'paused', 'draining'))
);

-- Everything wanted at or below max(watermark) over the lanes is closed or parked for that kind.
create table kind_mark (
    watermark int8 not null default 0,
    kind int2 not null references kind,
    lane int2 not null,
    primary key (kind, lane)
) with (fillfactor = 10);

-- Up to which position a settling kind has settled.
create table settled (
    position int8 not null default 0,
    kind int2 primary key references kind
) with (fillfactor = 10);

create table closure (
    number int8 primary key,
    lo int8 not null,
    hi int8 not null,
    closed_at timestamptz not null,
    kind int2 not null,
    attempt int2 not null,
    positions int8[] compression lz4 not null,
    verdicts int2[] compression lz4 not null, -- as long as positions
    worker text not null,
    version text not null
);
create index closure_kind_hi on closure (kind, hi);

-- Dead letters. A parked event counts as closed for its kind.
create table parked (
    position int8 not null,
    parked_at timestamptz not null,
    kind int2 not null references kind,
    unit int2 not null,
    attempts int2 not null,
    state text not null default 'parked' check (state in ('parked', 'redriving', 'redriven', 'dropped')),
    behind bool not null default false,        -- parked only because an earlier event of its key is
    error_code text not null,
    error text not null,
    fingerprint text not null,                 -- error with digits and quoted parts taken out, for grouping
    worker text not null,
    version text not null,
    reason text,                               -- of a drop
    primary key (kind, position)
);
create index parked_open_index on parked (kind, position) where state in ('parked', 'redriving');

-- What an apply function returns: an event that follows from its own event. number: 0.. within (parent, kind), whatever the batch was.
create type follow_on as (
    parent_position int8,
    parent_id uuid,
    number int4,
    type text,
    unit int2,
    key text,
    payload text
);

-- Access of machine clients; written by functions of role liangjin_control only. Secrets never enter the log.
create table token (
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    expires_at timestamptz,
    version int8 not null,                     -- grows with every change: gateways poll max(version)
    id int4 primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9._-]{0,31}$'),
    hash bytea not null unique check (octet_length(hash) = 32), -- BLAKE2b-256 of the token's text
    unit int2 not null,                        -- root of the subtree it may act for
    role text not null check (role in ('client', 'centre', 'observer', 'operator', 'metrics')),
    class int2 not null default 1 check (class between 0 and 3),
    rate int4 not null default 5000 check (rate between 1 and 1000000),     -- events a second
    burst int4 not null default 10000 check (burst between 1 and 1000000)
);
