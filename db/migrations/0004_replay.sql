-- 0004: replay. A replay copies a log with its positions into an empty database and runs the kinds over it; what they announce is then held
-- against the log instead of being appended. Generic: nothing here knows a rule of the field. ARCHITECTURE.md §14, docs/operations.md.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Every position up to which a settling kind was settled, so that a replay can settle in the same steps: which step a duty is first met in decides
-- the event's parent, and so its id. Never more rows than the log has: a settlement needs a new position.
create table settlement (
    position int8 not null,
    kind int2 not null references kind,
    primary key (kind, position)
);

-- A row: this database is a replay. `ljctl replay copy` writes it; then nothing is appended here any more.
create table replay (
    copied_at timestamptz not null,
    frontier int8 not null,                    -- of the log that was copied
    events int8 not null,
    one bool primary key default true check (one)
);

-- The steps of the settlements of the log that was copied.
create table replay_settlement (
    position int8 not null,
    kind int2 not null references kind,
    primary key (kind, position)
);

-- The units of the log that was copied. In life nobody sends an event of a unit that is not in the directory yet; here the events are there first.
create table replay_unit (
    number int2 primary key,
    code text not null
);

-- What the kinds have announced in this replay, once each: the key makes a second time an error, as the log's does.
create table replay_follow_on (
    id uuid primary key,
    causation_id uuid not null,
    kind int2 not null,
    type int2 not null,
    unit int2 not null,
    key text,
    payload text not null
);
reset role;
