-- 0010: review of activities. Which policies ask for it, what the quota knows of a version that is not live, one-time links. What moves there
-- are: workers/validation/states.def; the rows of the kind validation are changed in functions/validation.sql, which makes that table.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- NONE: what validation accepts is approved. UNIT: the unit's administrator approves. CENTRE: that, and the Centre looks at a sample.
alter table policy_version add column review text not null default 'NONE' check (review in ('NONE', 'UNIT', 'CENTRE'));

-- version counts what the quota is told of an activity, upwards; where nothing is reviewed or disputed it is the activity's version. op: 1 report,
-- 2 correction, 3 holds no credit any more (withdrawn, returned, revoked, back in review), 4 approved, 5 a participation is disputed, 6 is solved,
-- 7 is left out for good. held: says nothing about what is live: a version that waits for its approval, and 5 to 7. What is live is said by the
-- latest row that is not held: 1 and 2 themselves, 4 the version whose row is at `body`, 3 nothing.
alter table quota_version
    drop constraint quota_version_op_check, drop constraint quota_version_check, drop constraint quota_version_check1,
    add column body int8, add column person int4, add column held bool not null default false,
    add constraint quota_version_op_check check (op between 1 and 7),
    add constraint quota_version_parts check ((op > 2) = (start_at is null)),
    add constraint quota_version_whole check (op > 2 or (day is not null and net is not null and mode is not null and guidance is not null
        and guided is not null and themes_only is not null)),
    add constraint quota_version_body check ((op = 4) = (body is not null)),
    add constraint quota_version_person check ((op >= 5) = (person is not null) and (op < 5 or held));
create index quota_version_person on quota_version (activity, person, version) where person is not null;

-- One-time links for a host or an athlete; of the token only the BLAKE2b-256 hash. Not an effect of the log: written by functions of role
-- liangjin_control. That a link is used once is the log's doing: the event's id follows from the hash.
create table confirm_link (
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    hash bytea primary key check (octet_length(hash) = 32),
    activity uuid not null,
    unit int2 not null,                        -- reporting unit of the activity
    person int4                                -- null: the host
);
create index confirm_link_activity on confirm_link (activity);
reset role;
