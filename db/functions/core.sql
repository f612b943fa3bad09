-- The log's functions: what the broker may do, and nothing else may. Generic: nothing here knows a rule of the field.
--
-- All are SECURITY DEFINER with a pinned search_path (pg_temp last, so that a caller's temporary table never stands in for ours), and no function
-- that writes the log or an effect asks a clock, a sequence or random(): what they need of time comes in from the broker, so that a replay
-- gives the same rows. SQLSTATEs follow the failure classes: P0001 and 22/23 are the data's fault, LJ001 says "fenced: stop at once".
-- Idempotent: applied again by every `ljctl migrate`.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- ---------------------------------------------------------------------------------------------------------------- ownership of the shard

-- The shard's lock; two int4 keys, the first is the project's own ("LJ").
-- Raises the epoch under the exclusive lock: returns only when no transaction of the former owner is in flight any more.
create or replace function take_over(shard int2, owner text) returns int8
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    ret int8;
begin
    perform pg_advisory_xact_lock(19530, take_over.shard);
    update shard s set epoch = s.epoch + 1, owner = take_over.owner where s.shard = take_over.shard returning s.epoch into ret;
    if ret is null then
        raise exception 'there is no shard %', take_over.shard using errcode = 'P0001';
    end if;
    return ret;
end
$$;

-- First statement of every turn. The lock is taken first and the epoch read by a statement of its own, which under READ COMMITTED has a
-- newer snapshot: an epoch raised while we waited for the lock is seen. Under REPEATABLE READ it would not be, hence the check.
create or replace function fence(shard int2, epoch int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    now_epoch int8;
begin
    perform pg_advisory_xact_lock_shared(19530, fence.shard);
    select s.epoch into now_epoch from shard s where s.shard = fence.shard;
    if now_epoch is distinct from fence.epoch or current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'fenced: shard % has epoch %, this owner has %', fence.shard, now_epoch, fence.epoch using errcode = 'LJ001';
    end if;
end
$$;

-- The same for a turn that is sent before the answer to the one before it is known. after: that turn's number, 0 = none. A setting of the session
-- goes back with the transaction that made it, so it says which turn has committed last; where it is another one, this turn fails too (LJ002), and
-- what is in it cannot come before what was in the other.
create or replace function fence_turn(shard int2, epoch int8, turn int8, after int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    perform fence(shard, epoch);
    if after > 0 and current_setting('liangjin.turn', true) is distinct from after::text then
        raise exception 'turn % was to follow turn %, which has not committed', turn, after using errcode = 'LJ002';
    end if;
    perform set_config('liangjin.turn', turn::text, false);
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- intake

-- Appends events; returns how many were new. Fewer than sent means that ids were there before (or twice in one call): the caller then reads
-- which. Cost: that of the INSERT; the function adds one call.
create or replace function append_events(positions int8[], ids uuid[], types int2[], units int2[], classes int2[], schema_versions int2[],
        received timestamptz, occurred timestamptz[], keys text[], sources text[], hashes bytea[], payloads text[]) returns int4
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    ret int4;
begin
    if exists (select from replay) then
        raise exception 'this log is a replay: nothing is appended to it' using errcode = 'P0001';
    end if;
    insert into event (position, received_at, occurred_at, id, type, unit, class, schema_version, key, source, content_hash, payload)
        select u.position, received, u.occurred, u.id, u.type, u.unit, u.class, u.schema_version, u.key, u.source, u.hash, u.payload
        from unnest(positions, ids, types, units, classes, schema_versions, occurred, keys, sources, hashes, payloads)
            as u(position, id, type, unit, class, schema_version, occurred, key, source, hash, payload)
        on conflict (id) do nothing;
    get diagnostics ret = row_count;
    return ret;
end
$$;

-- The same for events whose ids are expected to be new: a quarter of the time less, since no id is looked for before its row is written. One that
-- was there before fails all (23505), and the caller comes again with append_events.
create or replace function append_new_events(positions int8[], ids uuid[], types int2[], units int2[], classes int2[], schema_versions int2[],
        received timestamptz, occurred timestamptz[], keys text[], sources text[], hashes bytea[], payloads text[]) returns int4
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    ret int4;
begin
    if exists (select from replay) then
        raise exception 'this log is a replay: nothing is appended to it' using errcode = 'P0001';
    end if;
    insert into event (position, received_at, occurred_at, id, type, unit, class, schema_version, key, source, content_hash, payload)
        select u.position, received, u.occurred, u.id, u.type, u.unit, u.class, u.schema_version, u.key, u.source, u.hash, u.payload
        from unnest(positions, ids, types, units, classes, schema_versions, occurred, keys, sources, hashes, payloads)
            as u(position, id, type, unit, class, schema_version, occurred, key, source, hash, payload);
    get diagnostics ret = row_count;
    return ret;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- follow-on events

-- UUID version 8 of a follow-on event, the same as lj_uuid_v8 of common/uuid.h: the parent's first 6 bytes (its time), then 10 bytes of
-- sha256(parent's 16 bytes, kind's name, number as 4 bytes big endian), then version and variant bits.
create or replace function follow_on_id(parent uuid, kind text, number int4) returns uuid
    language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    p bytea := uuid_send(parent);
    b bytea := substring(p, 1, 6) || substring(sha256(p || convert_to(kind, 'UTF8') || int4send(number)), 1, 10);
begin
    b := set_byte(b, 6, (get_byte(b, 6) & 15) | 128);
    b := set_byte(b, 8, (get_byte(b, 8) & 63) | 128);
    return encode(b, 'hex')::uuid;
end
$$;

-- Which numbers belong to which follow-on of a kind: an id is made of parent, kind and number and not of the type, so ranges of one kind and one class of
-- parents must not meet (db/test/core.sql). Whoever announces something new takes a row of his own; docs/contracts.md tells them.
create table if not exists follow_on_range (
    kind text not null,
    parent text not null check (parent in ('event', 'report', 'day')),  -- event: whatever the kind was given
    name text not null,                        -- the type; of mails the rule is the number
    lo int4 not null check (lo >= 0),
    hi int4 not null,
    primary key (kind, parent, name),
    check (hi >= lo)
);
insert into follow_on_range (kind, parent, name, lo, hi) values
    ('validation', 'event', 'what becomes of an activity', 0, 0),
    ('opinion', 'event', 'opinion.flagged', 0, 0),
    ('mail', 'event', 'mails, by their rule', 1, 999),
    ('quota', 'report', 'quota.duty_met', 0, 999999999),
    ('quota', 'report', 'account.bulk_entry', 1000000035, 1000000035),
    ('quota', 'day', 'quota.credited', 0, 999999999),
    ('quota', 'day', 'flag.opened', 1000000000, 1000032767),
    ('quota', 'day', 'quota.level_changed', 1010000000, 1019999999),
    ('quota', 'day', 'quota.quarter_summed', 1020000000, 1020032767),
    ('quota', 'day', 'activity.report_missing', 1030000000, 1030032767),
    ('quota', 'report', 'duplicate.settled', 1040000000, 1040000000),
    ('quota', 'day', 'duplicate.suspected', 1040000001, 1049999999),
    ('quota', 'day', 'quota.duty_met', 1073741824, 2147483647)
    on conflict (kind, parent, name) do update set lo = excluded.lo, hi = excluded.hi;

-- The first number of a range: null where there is none, which no follow-on takes.
create or replace function follow_on_base(kind text, parent text, name text) returns int4
    language sql stable parallel safe set search_path = liangjin, pg_catalog, pg_temp as $$
    select r.lo from follow_on_range r where r.kind = $1 and r.parent = $2 and r.name = $3
$$;
grant select on follow_on_range to liangjin_broker, liangjin_worker, liangjin_audit;

-- What an apply or settle function announced, with the id, type and key that its event has.
create or replace function follow_on_rows(kind_name text, follow_ons follow_on[])
        returns table (ord int8, id uuid, parent_id uuid, type int2, unit int2, class int2, schema_version int2, key text, payload text)
    language sql stable as $$
    select f.ord, liangjin.follow_on_id(f.parent_id, kind_name, f.number), f.parent_id, t.number, f.unit::int2, t.class, t.schema_version,
           coalesce(f.key, case when t.default_key like 'const:%' then substr(t.default_key, 7)
                                when t.default_key like 'payload:%' then f.payload::json ->> substr(t.default_key, 9) end), f.payload
    from unnest(follow_ons) with ordinality as f(parent_position, parent_id, number, type, unit, key, payload, ord)
        join liangjin.event_type t on t.name = f.type
$$;

-- Inserts what an apply or settle function announced as events at base, base + 1, ... and returns them as the stream and the dispatcher need
-- them. A second call for the same parents fails on the id (23505): no effect is announced twice. Empty arrays cost a call, nothing more.
create or replace function emit_follow_on(base int8, cap int4, kind int2, received timestamptz, follow_ons follow_on[])
        returns table ("position" int8, id uuid, type int2, unit int2, class int2, schema_version int2, key text, causation_id uuid, payload text)
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    kind_name text;
    bad text;
begin
    if cardinality(follow_ons) = 0 then
        return;
    end if;
    if cardinality(follow_ons) > cap then
        raise exception 'kind % announces % events where % are allowed', emit_follow_on.kind, cardinality(follow_ons), cap
            using errcode = 'P0001';
    end if;
    select k.name into kind_name from kind k where k.number = emit_follow_on.kind;
    if kind_name is null then
        raise exception 'there is no kind %', emit_follow_on.kind using errcode = 'P0001';
    end if;
    select coalesce(f.type, 'null') into bad
        from unnest(follow_ons) f left join event_type t on t.name = f.type and t.origin = 'worker'
        where t.number is null or f.parent_id is null or f.number is null
        limit 1;
    if found then
        raise exception 'kind % may not announce "%": no such type of a worker, or no parent or number', kind_name, bad using errcode = 'P0001';
    end if;
    -- In a replay the log has them already, at their own positions: noted, to be held against it, and not appended. Nothing is returned: the
    -- dispatcher has opened the log's rows, whatever comes of this comparison.
    if exists (select from replay) then
        insert into replay_follow_on (id, causation_id, kind, type, unit, key, payload)
            select f.id, f.parent_id, emit_follow_on.kind, f.type, f.unit, f.key, f.payload from follow_on_rows(kind_name, follow_ons) f;
        return;
    end if;
    return query
        insert into event as e (position, received_at, id, causation_id, type, unit, class, schema_version, key, source, content_hash, payload)
            select base + f.ord - 1, received, f.id, f.parent_id, f.type, f.unit, f.class, f.schema_version, f.key,
                   kind_name, substring(sha256(convert_to(f.payload, 'UTF8')), 1, 16), f.payload
            from follow_on_rows(kind_name, follow_ons) f
            order by f.ord
            returning e.position, e.id, e.type, e.unit, e.class, e.schema_version, e.key, e.causation_id, e.payload;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- closures and marks

-- One closure: these positions are done for this kind, each with its verdict. A number used twice fails.
create or replace function close_batch(number int8, kind int2, attempt int2, closed timestamptz, positions int8[], verdicts int2[],
        worker text, version text) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    if cardinality(positions) = 0 or cardinality(positions) <> cardinality(verdicts) then
        raise exception 'closure %: % positions and % verdicts', number, cardinality(positions), cardinality(verdicts)
            using errcode = 'P0001';
    end if;
    insert into closure (number, lo, hi, closed_at, kind, attempt, positions, verdicts, worker, version)
        select close_batch.number, min(p), max(p), closed, close_batch.kind, close_batch.attempt, close_batch.positions, close_batch.verdicts,
               close_batch.worker, close_batch.version
        from unnest(close_batch.positions) p;
end
$$;

-- Raises the marks of a lane; a lower value leaves the old one. No row is written where nothing rises. Lanes touch rows of their own only.
create or replace function set_marks(lane int2, shard int2, frontier int8, closure_frontier int8, kinds int2[], watermarks int8[])
        returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    update log_head h
        set frontier = greatest(h.frontier, set_marks.frontier), closure_frontier = greatest(h.closure_frontier, set_marks.closure_frontier)
        where h.shard = set_marks.shard and h.lane = set_marks.lane
            and (h.frontier < set_marks.frontier or h.closure_frontier < set_marks.closure_frontier);
    if cardinality(kinds) > 0 then
        insert into kind_mark as m (watermark, kind, lane)
            select u.watermark, u.kind, set_marks.lane from unnest(kinds, watermarks) as u(kind, watermark)
            on conflict on constraint kind_mark_pkey do update set watermark = excluded.watermark
                where m.watermark < excluded.watermark;
    end if;
end
$$;

-- For settle functions: up to here everything is settled. Raises only, and remembers the step.
create or replace function mark_settled(kind int2, upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    insert into settled as s (position, kind) values (mark_settled.upto, mark_settled.kind)
        on conflict on constraint settled_pkey do update set position = excluded.position where s.position < excluded.position;
    insert into settlement (position, kind) values (mark_settled.upto, mark_settled.kind) on conflict on constraint settlement_pkey do nothing;
end
$$;

-- How far a kind is settled next in a replay, where it could be settled up to `upto`: the next step of the log that was copied; where that one
-- cannot be taken yet, no further; behind the last one as far as possible.
create or replace function replay_upto(kind int2, upto int8) returns int8
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select case when r.position is null then greatest(replay_upto.upto, s.position)
                when r.position <= replay_upto.upto then r.position else s.position end
    from (select coalesce((select t.position from settled t where t.kind = replay_upto.kind), 0) as position) s
        left join lateral (select c.position from replay_settlement c where c.kind = replay_upto.kind and c.position > s.position
                           order by c.position limit 1) r on true
$$;

create or replace function set_kind_state(kind int2, state text) returns void
    language sql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    insert into kind_state as s (kind, state) values (set_kind_state.kind, set_kind_state.state)
        on conflict on constraint kind_state_pkey do update set state = excluded.state;
$$;

-- ---------------------------------------------------------------------------------------------------------------- parking

-- The error with numbers and quoted parts taken out: equal faults of different events fall together.
create or replace function error_fingerprint(code text, error text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select left(coalesce(code, '') || ' '
                || regexp_replace(regexp_replace(coalesce(error, ''), '"[^"]*"|''[^'']*''', '?', 'g'), '[0-9]+', '#', 'g'), 200);
$$;

-- Parks events of a kind. Only an event that is not parked yet, or that is out again by redrive, can be parked.
create or replace function park(kind int2, positions int8[], units int2[], attempts int2, behind bool, code text, error text, worker text,
        version text, at timestamptz) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    n int4;
begin
    insert into parked as p (position, parked_at, kind, unit, attempts, behind, error_code, error, fingerprint, worker, version)
        select u.position, park.at, park.kind, u.unit, park.attempts, park.behind, park.code, park.error,
               error_fingerprint(park.code, park.error), park.worker, park.version
        from unnest(positions, units) as u(position, unit)
        on conflict on constraint parked_pkey do update
            set parked_at = excluded.parked_at, attempts = (p.attempts + excluded.attempts)::int2, behind = excluded.behind,
                error_code = excluded.error_code, error = excluded.error, fingerprint = excluded.fingerprint, worker = excluded.worker,
                version = excluded.version, state = 'parked'
            where p.state = 'redriving';
    get diagnostics n = row_count;
    if n <> cardinality(positions) then
        raise exception 'kind %: % of % events cannot be parked: they are parked, redriven or dropped already', park.kind,
            cardinality(positions) - n, cardinality(positions) using errcode = 'P0001';
    end if;
end
$$;

-- Parked events go out again, in position order (null: all of the kind). Of a kind with ordered keys an event stays where it is while an
-- earlier one of its key is parked and not among those asked for: the order of a key holds through redrive too.
create or replace function redrive(kind int2, positions int8[]) returns table ("position" int8)
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    return query
        with asked as materialized (
            select p.position, e.unit, coalesce(e.key, e.id::text) as key
            from parked p join event e using (position)
            where p.kind = redrive.kind and p.state = 'parked' and (positions is null or p.position = any (positions))
        ), blocked as (
            select a.position
            from asked a
                join kind k on k.number = redrive.kind and k.ordering <> 'none'
                join parked p on p.kind = redrive.kind and p.state = 'parked' and p.position < a.position
                join event e on e.position = p.position and e.unit = a.unit and coalesce(e.key, e.id::text) = a.key
            where p.position not in (select a2.position from asked a2)
        ), moved as (
            update parked p set state = 'redriving'
            from asked a
            where p.kind = redrive.kind and p.position = a.position and a.position not in (select b.position from blocked b)
            returning p.position
        )
        select m.position from moved m order by m.position;
end
$$;

-- Redriven events that were closed in this transaction, with their verdicts. Kinds that come after this one may be past these positions already,
-- so their work is remembered where a restart finds it: as a row of theirs that is being redriven.
create or replace function redriven(kind int2, positions int8[], verdicts int2[]) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    n int4;
begin
    update parked p set state = 'redriven' where p.kind = redriven.kind and p.position = any (positions) and p.state = 'redriving';
    get diagnostics n = row_count;
    if n <> cardinality(positions) then
        raise exception 'kind %: % of % events were not being redriven', redriven.kind, cardinality(positions) - n, cardinality(positions)
            using errcode = 'P0001';
    end if;
    insert into parked as q (position, parked_at, kind, unit, attempts, state, behind, error_code, error, fingerprint, worker, version)
        select p.position, p.parked_at, k.number, p.unit, 0, 'redriving', true, 'gate_redriven', '', '', '', ''
        from unnest(positions, verdicts) as u(position, verdict)
            join kind k on k.after = redriven.kind and k.after_verdict = u.verdict
            join parked p on p.kind = redriven.kind and p.position = u.position
            join event e on e.position = u.position
            join want w on w.kind = k.number and w.type = e.type and e.position > w.from_position
        on conflict on constraint parked_pkey do update set state = 'redriving';
end
$$;

-- Gives parked events up, for good, with a reason; returns those it found parked.
create or replace function drop_parked(kind int2, positions int8[], reason text) returns table ("position" int8)
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    if coalesce(reason, '') = '' then
        raise exception 'dropping an event needs a reason' using errcode = 'P0001';
    end if;
    return query
        with moved as (
            update parked p set state = 'dropped', reason = drop_parked.reason
            where p.kind = drop_parked.kind and p.position = any (positions) and p.state = 'parked'
            returning p.position
        )
        select m.position from moved m order by m.position;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- event types

-- One line of proto/event_types.tsv. A number never gets another name, a stored type never another default key (the order of events that are
-- in the log depends on it); origin, class and the kinds may change. A kind that is new here starts at today's frontier.
create or replace function load_event_type(number int2, name text, origin text, default_key text, class int2, kinds text[]) returns void
    language plpgsql set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    old event_type;
    bad text;
begin
    select t.* into old from event_type t where t.number = load_event_type.number or t.name = load_event_type.name order by t.number limit 1;
    if found and (old.number, old.name, old.default_key) is distinct from
            (load_event_type.number, load_event_type.name, load_event_type.default_key) then
        raise exception 'event type % "%" (key %) is stored as % "%" (key %): numbers, names and keys are never changed', load_event_type.number,
            load_event_type.name, load_event_type.default_key, old.number, old.name, old.default_key using errcode = 'P0001';
    end if;
    select k into bad from unnest(kinds) k where not exists (select from kind where kind.name = k) limit 1;
    if found then
        raise exception 'event type "%": there is no kind "%"', load_event_type.name, bad using errcode = 'P0001';
    end if;
    insert into event_type (number, name, origin, default_key, class)
        values (load_event_type.number, load_event_type.name, load_event_type.origin, load_event_type.default_key, load_event_type.class)
        on conflict on constraint event_type_pkey do update set origin = excluded.origin, class = excluded.class;
    delete from want w using kind k where w.kind = k.number and w.type = load_event_type.number and k.name <> all (kinds);
    insert into want (from_position, kind, type)
        select coalesce((select max(h.frontier) from log_head h), 0), k.number, load_event_type.number from kind k where k.name = any (kinds)
        on conflict on constraint want_pkey do nothing;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- views for operators

create or replace view log_frontier as
    select shard, max(frontier) as frontier, max(closure_frontier) as closure_frontier from log_head group by shard;

-- How far each kind is. Waiting events are not counted here: the broker knows them without a scan (HEAD message, metrics).
create or replace view kind_status as
    select k.number, k.name, coalesce(s.state, 'running') as state, coalesce((select max(m.watermark) from kind_mark m where m.kind = k.number), 0)
           as watermark, (select t.position from settled t where t.kind = k.number) as settled,
           (select count(*) from parked p where p.kind = k.number and p.state in ('parked', 'redriving')) as parked
    from kind k left join kind_state s on s.kind = k.number;

create or replace view parked_open as
    select k.name as kind, p.position, e.id, t.name as type, p.unit, p.state, p.behind, p.attempts, p.parked_at, p.error_code, p.error,
           p.fingerprint, p.worker, p.version
    from parked p join kind k on k.number = p.kind join event e on e.position = p.position join event_type t on t.number = e.type
    where p.state in ('parked', 'redriving');

-- ---------------------------------------------------------------------------------------------------------------- grants

grant execute on function take_over(int2, text), fence(int2, int8), fence_turn(int2, int8, int8, int8),
    append_events(int8[], uuid[], int2[], int2[], int2[], int2[], timestamptz, timestamptz[], text[], text[], bytea[], text[]),
    append_new_events(int8[], uuid[], int2[], int2[], int2[], int2[], timestamptz, timestamptz[], text[], text[], bytea[], text[]),
    follow_on_id(uuid, text, int4), emit_follow_on(int8, int4, int2, timestamptz, follow_on[]),
    close_batch(int8, int2, int2, timestamptz, int8[], int2[], text, text), set_marks(int2, int2, int8, int8, int2[], int8[]),
    set_kind_state(int2, text), error_fingerprint(text, text),
    park(int2, int8[], int2[], int2, bool, text, text, text, text, timestamptz), redrive(int2, int8[]), redriven(int2, int8[], int2[]),
    drop_parked(int2, int8[], text), replay_upto(int2, int8)
    to liangjin_broker;
grant select on shard, log_head, event_type, event, kind, want, kind_state, kind_mark, settled, closure, parked, log_frontier
    to liangjin_broker, liangjin_audit;
-- Workers read the log (history) and how far it goes; no worker reads dead letters, tokens or who owns the shard.
grant select on log_head, event_type, event, kind, want, kind_mark, settled, closure, log_frontier to liangjin_worker;
-- The monitor sees counts and marks, never a payload.
grant select on shard, log_head, event_type, kind, want, kind_state, kind_mark, settled, log_frontier, kind_status to liangjin_monitor;
grant select on parked_open, kind_status, log_frontier to liangjin_control, liangjin_audit;
grant select on schema_migration to liangjin_monitor, liangjin_audit, liangjin_broker;
grant select on replay, replay_unit, replay_settlement to liangjin_broker, liangjin_audit, liangjin_monitor;
grant select on settlement, replay_follow_on to liangjin_audit;
reset role;
