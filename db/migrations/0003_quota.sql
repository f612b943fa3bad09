-- 0003: the quota's tables, indexes and types. They stood in db/functions/quota.sql before; a database that has them from there keeps them and gets
-- what is new, and the functions whose parameters changed go, to be made again by db/functions/quota_*.sql.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- A version of an activity, keyed by the event that made it. The live one is the highest version; a withdrawal's row ends the activity.
-- op: 1 report, 2 correction, 3 withdrawal. mode: 1 ONSITE, 2 LIVE, 3 RECORDED, 4 HYBRID. A withdrawal has the first five columns and unit alone.
create table if not exists quota_version (
    position int8 primary key,
    start_at timestamptz,
    activity uuid not null,
    version int4 not null check (version >= 1),
    day date,                                  -- local date of start_at
    site int4,                                 -- null: without a site
    op int2 not null check (op between 1 and 3),
    unit int2 not null,
    net int2,
    mode int2 check (mode between 1 and 4),
    guidance int2,                             -- guidance minutes
    guided bool,                               -- content holds TEACH, DEMO, MATCH_PLAY or TEST
    themes_only bool,                          -- themes all of PARTY and RED_EDU, and no guidance minutes: no minutes, no session
    check ((op = 3) = (start_at is null)),
    check (op = 3 or (day is not null and net is not null and mode is not null and guidance is not null and guided is not null
        and themes_only is not null))
);
create unique index if not exists quota_version_activity on quota_version (activity, version);

create table if not exists quota_team (
    position int8 not null,
    team int4 not null,
    day date not null,
    primary key (team, day, position)
);

-- role: 1 INSTRUCT, 2 DEMO, 3 TALK, 4 SUPPORT, 5 ATTEND. present and base = min(present, declared) in whole minutes. listed: the row's team is one
-- of the activity's.
create table if not exists quota_participation (
    position int8 not null,
    person int4 not null,
    team int4 not null,
    day date not null,
    present int2 not null check (present between 0 and 1440),
    base int2 not null check (base between 0 and present),
    role int2 not null check (role between 1 and 5),
    listed bool not null,
    primary key (position, person)
);
create index if not exists quota_participation_person on quota_participation (person, day);

-- Positions that come after settlement may have passed them (redriven events): taken up by the next settlement.
create table if not exists quota_late (
    position int8 primary key
);

-- Append-only. subject_kind: 1 TEAM, 2 PERSON. position: up to where the settlement that made the entry went. The key holds the day, so a group's
-- entries and a year's are each one range. team: of a person's entry, the team the participation was for;
-- of a team's, itself.
create table if not exists ledger_entry (
    position int8 not null,
    activity uuid not null,
    subject int4 not null,
    day date not null,
    minutes int4 not null,
    team int4 not null,
    policy int4,                               -- null: the subject lost the credit and no policy holds on that day
    policy_version int4,
    subject_kind int2 not null check (subject_kind in (1, 2)),
    year int2 not null,
    kind text not null check (kind in ('CREDIT', 'REVERSAL', 'ADJUST')),
    sessions int2 not null,
    primary key (subject_kind, subject, day, activity, team, position),
    check (minutes <> 0 or sessions <> 0),
    check (year = extract(year from day)),
    check (subject_kind = 2 or team = subject),
    check (case subject_kind when 1 then minutes = 0 else sessions = 0 end)
);
-- Sums of the ledger and the duty, a subject and year. duty: minutes of a person, sessions of a team; by the registers at the settled position.
-- member_minutes: of a team, the minutes that persons earned through it. met: the settlement in which the duty first stood as met.
create table if not exists quota_total (
    met int8,
    changed int8 not null,
    subject int4 not null,
    minutes int4 not null,
    sessions int4 not null,
    member_minutes int4 not null,
    duty int4 not null,
    policy int4,                               -- of the last day that carries duty
    policy_version int4,
    subject_kind int2 not null,
    year int2 not null,
    primary key (subject_kind, subject, year)
) with (fillfactor = 70);

-- Up to which closure of the kind register settlement has seen the registers: a redriven register event comes below the settled position.
create table if not exists quota_seen (
    register_closure int8 not null,
    one bool primary key default true check (one)
);
insert into quota_seen (register_closure) values (0) on conflict (one) do nothing;

-- What a settlement asks of the registers: which rows came with these events.
create index if not exists membership_version_position on membership_version (position);
create index if not exists team_version_position on team_version (position);

-- Settlement reads new rows by position.
create index if not exists quota_team_position on quota_team (position);

-- What a settlement goes over. quota_touch: a subject with a day (a group: what stands is computed again) or with a year alone (day null: the duty
-- is). cause: the event it comes from; of a register, negative, so that the greatest cause is the latest event of an activity where there is one.
-- duty: the registers changed, a stored duty no longer holds. quota_delta: the same with the sums that were posted.
do $$
begin
    if to_regtype('liangjin.quota_touch') is null then
        create type quota_touch as (subject_kind int2, subject int4, day date, year int2, cause int8, duty bool);
    end if;
    create type quota_delta as (subject_kind int2, subject int4, day date, year int2, cause int8, duty bool, minutes int8, sessions int8,
        member_minutes int8);
end
$$;

drop function if exists quota_live_rows(int4[], date[], int8), quota_live_activities(int4[], date[], int8), quota_team_rows(int8[], int4[], int4[]),
    quota_person_days(int4[], date[], int8), quota_team_days(int4[], date[], int8), quota_post(int8, int4[], date[], int4[], date[]),
    quota_total_up(int8, int2[], int4[], int2[], bool[], int8[], int8[], int8[]);
reset role;
