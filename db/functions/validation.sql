-- The kind validation: what became of every report, correction and withdrawal. Tables, apply and result functions, views, grants, the kind's row.
-- Idempotent.
--
-- One row an event judged, accepted or rejected, keyed by its position: one index entry says "once" for both outcomes, and a second
-- application is an error whatever it would say. An accepted row is a version of its activity. The unique index on (activity, version) is what
-- corrections read the current version by, and makes two versions with one number impossible even if the order of a key were broken.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- States of an activity; workers/validation/states.def has the same numbers and the moves. Live states hold credit; final ones have no move.
create table if not exists activity_state (
    number int2 primary key,
    name text not null unique,
    live bool not null,
    final bool not null
);
insert into activity_state (number, name, live, final) values
    (1, 'SUBMITTED', false, false), (2, 'UNIT_REVIEW', false, false), (3, 'RETURNED', false, false), (4, 'APPROVED', true, false),
    (5, 'SAMPLED', true, false), (6, 'CONFIRMED', true, true), (7, 'CORRECTION_PENDING', true, false), (8, 'WITHDRAWN', false, true),
    (9, 'REVOKED', false, true), (10, 'LAPSED', false, false)
    on conflict (number) do update set name = excluded.name, live = excluded.live, final = excluded.final;

create table if not exists validation (
    position int8 primary key,
    received_at timestamptz not null,
    start_at timestamptz,                      -- accepted: of this version; a withdrawal's is that of the version it ends
    activity uuid not null,                    -- a report's own event id
    day date,                                  -- local date of start_at
    version int4,                              -- accepted: 1, 2, ...; a rejected event takes no number
    base int4,                                 -- base_version as sent
    unit int2 not null,                        -- reporting unit
    op int2 not null,                          -- 1 report, 2 correction, 3 withdrawal; above: the review, enum lj_op in workers/validation/case.h
    verdict int2 not null check (verdict in (1, 2)),         -- 1 accepted, 2 rejected
    state int2,                                -- accepted: state of the activity from here on
    teams int4[],                              -- accepted report or correction: register numbers
    short text,                                -- accepted: the short result, docs/contracts.md
    notes text                                 -- [{code, severity, pointer}] of all that was found, warnings and flags included
);
-- V39: before the system's first day; left out of figures of timeliness.
alter table validation add column if not exists legacy bool not null default false;
-- What flags are raised by (flags.sql), of accepted reports and corrections.
alter table validation add column if not exists end_at timestamptz;
alter table validation add column if not exists audience int4;
alter table validation add column if not exists roster_order int8; -- hash of the roster's persons in their order; null: fewer than V33 asks about
alter table validation add column if not exists photos text;       -- [{place, hash, sight?}]; null: none
-- The review. step counts what was accepted of an activity, versions too; null in rows of before there was a review: then it is the version.
alter table validation add column if not exists step int4;
alter table validation add column if not exists about int4;        -- of a review: the version that the state is of from here on
alter table validation add column if not exists person int4;
alter table validation add column if not exists side int2;         -- of a participation or of the host's word from here on: enum lj_side
alter table validation add column if not exists review int2;       -- of a version: what the policy asks for, 0 nothing, 1 the unit, 2 the Centre
do $$
begin                                          -- a table of before has constraints that a review does not keep
    if not exists (select from pg_constraint where conrelid = 'validation'::regclass and conname = 'validation_version_of') then
        alter table validation drop constraint if exists validation_op_check, drop constraint if exists validation_check,
            drop constraint if exists validation_check1, drop constraint if exists validation_check2;
        alter table validation add constraint validation_op_range check (op between 1 and 16),
            add constraint validation_state_of check ((verdict = 1) = (state is not null)),
            add constraint validation_short_of check ((verdict = 1) = (short is not null)),
            add constraint validation_version_of check ((verdict = 1 and op <= 3) = (version is not null)),
            add constraint validation_about_of check ((verdict = 1 and op > 3) = (about is not null)),
            add constraint validation_person_of check (verdict = 2 or (op between 10 and 13) = (person is not null)),
            add constraint validation_side_of check (verdict = 2 or (op >= 10) = (side is not null));
    end if;
end
$$;
do $$
begin                                          -- duplicates and the opening of closed years came later
    if not exists (select from pg_constraint c where c.conrelid = 'validation'::regclass and c.conname = 'validation_op_range'
            and pg_get_constraintdef(c.oid) like '%22%') then
        alter table validation drop constraint validation_op_range, add constraint validation_op_range check (op between 1 and 22);
    end if;
end
$$;
create unique index if not exists validation_step on validation (activity, step) where version is null and step is not null;
alter table validation add column if not exists sketch bit(256);   -- of the narrative; null: too short to be compared
alter table validation add column if not exists cost int4;         -- yuan
alter table validation add column if not exists staff int4;
alter table validation add column if not exists travel int4;       -- minutes, both ways
alter table validation add column if not exists lesson int4;       -- people directly taught
alter table validation add column if not exists quality int2;      -- in tenths: 10 hands on, 5 shown, 3 told, 1 else
create index if not exists validation_unit_sketch on validation (unit, position) where sketch is not null;
create index if not exists validation_roster_order on validation (roster_order, position) where roster_order is not null;
create unique index if not exists validation_version on validation (activity, version) where version is not null;

-- Workers keep register rows in memory and ask by position which codes a register event was about (workers/runner/lookup_sql.c).
create index if not exists team_version_position on team_version (position);
create index if not exists person_version_position on person_version (position);
create index if not exists membership_version_position on membership_version (position);
create index if not exists site_version_position on site_version (position);

-- How an activity stands. state: without what comes with the days of the log (activity_lapsed). Both are planned as part of their caller's query.
create or replace function activity_now(activity uuid) returns table (unit int2, version int4, step int4, about int4, state int2, start_at timestamptz,
        day date, "position" int8)
    language sql stable as $$
    select v.unit, v.version, coalesce(m.step, v.step), coalesce(m.about, v.version), coalesce(m.state, v.state), v.start_at, v.day, v.position
    from (select x.unit, x.version, coalesce(x.step, x.version) as step, x.state, x.start_at, x.day, x.position from liangjin.validation x
          where x.activity = activity_now.activity and x.version is not null order by x.version desc limit 1) v
        left join lateral (select x.step, x.about, x.state from liangjin.validation x
            where x.activity = activity_now.activity and x.version is null and x.step is not null order by x.step desc limit 1) m on m.step > v.step
$$;

-- The values of a setting in force on a day, as known at a position.
create or replace function rule_values(rule text, name text, upto int8, on_day date default null) returns setof text
    language sql stable set search_path = liangjin, pg_catalog, pg_temp as $$
    select s.value from rule_setting s
    where s.rule = rule_values.rule and s.name = rule_values.name
        and s.position = (select max(x.position) from rule_setting x where x.rule = rule_values.rule and x.name = rule_values.name and x.position <= upto)
        and (on_day is null or (on_day >= coalesce(s.valid_from::date, on_day) and on_day <= coalesce(s.valid_to::date, on_day)))
$$;

-- A setting that is one number, as known at a position; null where nobody has set it.
create or replace function rule_number(rule text, name text, upto int8, on_day date default null) returns int4
    language sql stable as $$
    select v::int4 from liangjin.rule_values(rule_number.rule, rule_number.name, upto, on_day) v limit 1
$$;

-- A day that began below a position; null in a log without days.
create or replace function last_day_before(p int8) returns date
    language sql stable as $$
    select c.day from liangjin.calendar_day c where c.position < p order by c.position desc limit 1
$$;

-- Whether an activity that was returned has lapsed at a position: nothing came in the days of the setting (REVIEW, lapse_days) after it was returned or opened again.
create or replace function activity_lapsed(activity uuid, p int8) returns bool
    language sql stable as $$
    select coalesce((select (x.received_at at time zone 'Asia/Shanghai')::date + liangjin.rule_number('REVIEW', 'lapse_days', p) < liangjin.last_day_before(p) from liangjin.validation x
        where x.activity = activity_lapsed.activity and x.version is null and x.op in (5, 9) and x.step is not null and x.position < p
        order by x.step desc limit 1), false)
$$;

-- How a participation (person) or the host's word (person null) stands at a position: enum lj_side. A host who was asked has days (REVIEW, host_days).
create or replace function activity_side(activity uuid, person int4, p int8) returns int2
    language sql stable as $$
    select coalesce((select case when x.side = 11 and (x.received_at at time zone 'Asia/Shanghai')::date + liangjin.rule_number('REVIEW', 'host_days', p) < liangjin.last_day_before(p) then 14::int2 else x.side end
        from liangjin.validation x where x.activity = activity_side.activity and x.version is null and x.step is not null and x.position < p
            and x.side < 20 and x.person is not distinct from activity_side.person order by x.step desc limit 1), 0::int2)
$$;

-- How an activity is marked at a position, of the ten marks from `lowest` on (enum lj_side): 21, 22 a suspected duplicate and what was decided of it; 31, 32 a
-- closed year's record that is being opened. about: the version that the mark is of. No row: not at all.
create or replace function activity_mark(activity uuid, lowest int2, p int8) returns table (side int2, about int4, "position" int8)
    language sql stable as $$
    select x.side, x.about, x.position from liangjin.validation x
    where x.activity = activity_mark.activity and x.version is null and x.step is not null and x.position < p and x.side between lowest and lowest + 9
    order by x.step desc limit 1
$$;

-- Versions of activities, and the latest of each with the activity's state.
create or replace view activity_version as
    select v.position, v.activity, v.version, v.base, v.op, v.state, s.name as state_name, s.live, v.unit, v.start_at, v.day, v.teams, v.short, v.notes,
           v.received_at, v.legacy
    from validation v join activity_state s on s.number = v.state where v.version is not null;
create or replace view activity as
    select v.activity, v.version, s.number as state, s.name as state_name, s.live, v.unit, v.start_at, v.day, v.teams, v.position
    from (select distinct on (x.activity) x.* from validation x where x.version is not null order by x.activity, x.version desc) v
        left join lateral (select m.state, m.step from validation m where m.activity = v.activity and m.version is null and m.step is not null
            order by m.step desc limit 1) m on m.step > coalesce(v.step, v.version)
        join activity_state s on s.number = case when coalesce(m.state, v.state) = 3 and activity_lapsed(v.activity, 9223372036854775807) then 10
                                                 else coalesce(m.state, v.state) end;

-- Older forms had fewer columns.
drop function if exists apply_validation(int8, int8[], uuid[], timestamptz[], int2[], int2[], uuid[], int4[], int4[], int2[], int2[],
    timestamptz[], date[], text[], text[], text[], bool[], timestamptz[], int4[], int8[], text[], int4[], int4[], int4[], int2[], int2[], int4[], text[]);
drop function if exists apply_validation(int8, int8[], uuid[], timestamptz[], int2[], int2[], uuid[], int4[], int4[], int2[], int2[],
    timestamptz[], date[], text[], text[], text[], bool[], timestamptz[], int4[], int8[], text[], int4[], text[]);

-- follow_at and follows are ragged: the place in the batch, from 1, of what a follow-on is of, in ascending order.
create or replace function apply_validation(closure int8, positions int8[], ids uuid[], received timestamptz[], verdicts int2[], ops int2[],
        activities uuid[], versions int4[], bases int4[], states int2[], units int2[], starts timestamptz[], days date[], teams text[],
        shorts text[], notes text[], legacies bool[], ends timestamptz[], audiences int4[], orders int8[], photos text[], steps int4[],
        abouts int4[], persons int4[], sides int2[], reviews int2[], sketches text[], costs int4[], staffs int4[], travels int4[],
        lessons int4[], qualities int2[], follow_at int4[], follows text[]) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    if cardinality(verdicts) <> cardinality(positions) or cardinality(follow_at) <> cardinality(follows) then
        raise exception 'the columns of a validation batch do not fit together' using errcode = 'P0001';
    end if;
    insert into validation (position, received_at, start_at, activity, day, version, base, unit, op, verdict, state, legacy, teams, short,
            notes, end_at, audience, roster_order, photos, step, about, person, side, review, sketch, cost,
            staff, travel, lesson, quality)
        select u.position, u.received, u.start, u.activity, u.day, u.version, u.base, u.unit, u.op, u.verdict, u.state, u.legacy,
               u.teams::int4[], u.short, u.notes, u.end_at, u.audience, u.roster_order, u.photos, u.step, u.about, u.person, u.side, u.review,
               ('x' || u.sketch)::bit(256), u.cost, u.staff, u.travel, u.lesson, u.quality
        from unnest(positions, received, verdicts, ops, activities, versions, bases, states, units, starts, days, teams, shorts, notes,
                    legacies, ends, audiences, orders, photos, steps, abouts, persons, sides, reviews, sketches, costs, staffs, travels, lessons, qualities)
            as u(position, received, verdict, op, activity, version, base, state, unit, start, day, teams, short, notes, legacy, end_at, audience,
                roster_order, photos, step, about, person, side, review, sketch, cost, staff, travel, lesson, quality);
    if cardinality(follows) > 0 then
        return query
            select positions[f.at], ids[f.at], 0, case when verdicts[f.at] = 2 then 'activity.rejected' when ops[f.at] = 3 then 'activity.withdrawn' else 'activity.state_changed' end,
                   units[f.at], activities[f.at]::text, f.payload
            from unnest(follow_at, follows) as f(at, payload) order by f.at;
    end if;
end
$$;

-- The short results again, for kinds gated on this one after a restart.
create or replace function validation_result(positions int8[]) returns table ("position" int8, result bytea)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select v.position, convert_to(v.short, 'UTF8') from validation v where v.position = any (positions) and v.verdict = 1
$$;

-- The verdict on an event and what was found: one row a reason, errors first; one row without a code where there was none; no row
-- before the verdict.
create or replace function validation_of(id uuid) returns table (verdict int2, version int4, state text, legacy bool, code text, severity text,
        pointer text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select v.verdict, v.version, s.name, v.legacy, n.reason ->> 'code', n.reason ->> 'severity', n.reason ->> 'pointer'
    from event e join validation v on v.position = e.position left join activity_state s on s.number = v.state
        left join lateral json_array_elements(v.notes::json) with ordinality n(reason, ordinal) on true
    where e.id = validation_of.id order by array_position('{E,F,W}', n.reason ->> 'severity'), n.ordinal
$$;
grant execute on function validation_of(uuid) to liangjin_web, liangjin_audit;

grant execute on function apply_validation(int8, int8[], uuid[], timestamptz[], int2[], int2[], uuid[], int4[], int4[], int2[], int2[],
    timestamptz[], date[], text[], text[], text[], bool[], timestamptz[], int4[], int8[], text[], int4[], int4[], int4[], int2[], int2[], text[],
    int4[], int4[], int4[], int4[], int2[], int4[], text[]),
    validation_result(int8[]) to liangjin_broker;
grant execute on function activity_now(uuid), last_day_before(int8), activity_lapsed(uuid, int8), activity_side(uuid, int4, int8),
    rule_values(text, text, int8, date), rule_number(text, text, int8, date), activity_mark(uuid, int2, int8)
    to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;
-- What came when its year was closed: refused, and kept with its reason. Where both roles open the record again it is sent anew (record.reopened). opened: they
-- have. No row here is in the ledger. A report was never a record, and cannot be opened.
create or replace view quarantine as
    select u.code as unit, v.activity, t.name as type, e.id as event, n.year, v.received_at,
           coalesce((select m.side = 32 from activity_mark(v.activity, 31::int2, 9223372036854775807) m), false) as opened, e.source as sent_by,
           v.unit as unit_number, v.position
    from validation v
        cross join lateral (select min((x.v ->> 'a')::int4) as year from json_array_elements(v.notes::json) x(v)
            where x.v ->> 'code' = 'V29' and x.v ->> 'severity' = 'E' and (x.v ->> 'a')::int8 between 1900 and 2999) n
        join event e on e.position = v.position join event_type t on t.number = e.type join unit u on u.number = v.unit
    where v.verdict = 2 and v.notes like '%"V29"%' and n.year is not null;

grant select on quarantine to liangjin_audit, liangjin_control;
grant select on activity_state, validation, activity_version, activity to liangjin_broker, liangjin_worker, liangjin_audit;

insert into kind (number, name, ordering, single, after, after_verdict, barrier, follow_on_max, feeds_directory, apply_function,
        result_function, settle_function)
    values (2, 'validation', 'key', true, null, null, 1, 1, false, 'apply_validation', 'validation_result', null)
    on conflict (number) do update set name = excluded.name, ordering = excluded.ordering, single = excluded.single, after = excluded.after,
        after_verdict = excluded.after_verdict, barrier = excluded.barrier, follow_on_max = excluded.follow_on_max,
        feeds_directory = excluded.feeds_directory, apply_function = excluded.apply_function, result_function = excluded.result_function,
        settle_function = excluded.settle_function;
reset role;
