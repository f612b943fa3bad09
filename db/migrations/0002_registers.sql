-- 0002: the registers. Each is an identity table (number and code, given once) and a table of versions (number, position of the event that made
-- the row). The state at position p is the version with the greatest position <= p; current_* views (functions/register.sql) give the latest.
-- Rows are written by apply_register only. docs/registers.md says what each event does; the checks here repeat the worker's: a row that breaks one
-- is a fault of the worker, and its event is parked.
-- The position of CN000's rows is 0: they come with the migration, not with an event.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create domain day as date check (value between date '1900-01-01' and date '2999-12-31');

-- One row an event of the registers, by which a second application fails. closure: the basis that the next batch is computed from.
create table register_log (
    position int8 primary key,
    closure int8 not null,
    verdict int2 not null check (verdict in (1, 2))  -- 1 applied, 2 refused
);
create index register_log_closure on register_log (closure);

-- Why an event was refused: all reasons, in order.
create table register_refusal (
    position int8 not null,
    ordinal int2 not null,
    code text not null,
    pointer text not null,                     -- JSON pointer into the payload, '' for the whole of it
    text_en text not null,
    text_zh text not null,
    primary key (position, ordinal)
);

create table unit (
    position int8 not null,
    number int2 primary key,
    code text not null unique check (code ~ '^[A-Z]{2}[0-9]{3}$')
);
create table unit_version (
    position int8 not null,
    addressed_on day,
    number int2 not null references unit,
    parent int2 references unit,               -- null for CN000 alone: every other unit is in its subtree
    name text not null check (char_length(name) between 2 and 60),
    kind text not null check (kind in ('CENTRE', 'PROVINCE', 'CORPS', 'GAS_UNIT', 'NATIONAL_ORG', 'SUB_UNIT')),
    region text check (region ~ '^[0-9]{6}$'), -- GB/T 2260
    aliases text[] not null default '{}' check (cardinality(aliases) <= 20),
    state text not null check (state in ('ACTIVE', 'SUSPENDED')),
    primary key (number, position),
    check ((number = 0) = (parent is null)),
    check ((number = 0) = (kind = 'CENTRE')),
    check (parent <> number)
);
insert into unit (position, number, code) values (0, 0, 'CN000');
insert into unit_version (position, number, name, kind, state) values (0, 0, '体育总局人力中心', 'CENTRE', 'ACTIVE');

create domain register_code as text check (value ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$');

create table team (
    position int8 not null,
    number int4 primary key,
    unit int2 not null references unit,
    code register_code not null,
    unique (unit, code)
);
create table team_version (
    position int8 not null,
    base_lat numeric(8, 6) check (base_lat between -90 and 90),
    base_lon numeric(9, 6) check (base_lon between -180 and 180),
    valid_from day,                            -- first day in force, null = open
    valid_to day,                              -- last day in force, null = open
    number int4 not null references team,
    merged_into int4 references team,
    name text not null check (char_length(name) between 1 and 60),
    level text not null check (level in ('NATIONAL', 'PROVINCIAL')),
    sport text not null check (sport ~ '^[A-Z][A-Z0-9_]{1,31}$'),
    gender text not null check (gender in ('M', 'F', 'X')),
    state text not null check (state in ('ACTIVE', 'PAUSED', 'DISBANDED', 'MERGED')), -- as last declared; of a day: team_state_on
    games_task text[] not null default '{}' check (cardinality(games_task) <= 20),
    paused datemultirange not null default '{}',  -- days on which the team is PAUSED
    primary key (number, position),
    check (valid_from <= valid_to),
    check ((state = 'MERGED') = (merged_into is not null)),
    check ((base_lat is null) = (base_lon is null))
);

create table person (
    position int8 not null,
    number int4 primary key,
    unit int2 not null references unit,        -- the unit that registered the person and whose codes this one is among
    code register_code not null,
    unique (unit, code)
);
create table person_version (
    position int8 not null,
    number int4 not null references person,
    birth_year int2 not null check (birth_year between 1960 and 2200),
    name text not null check (char_length(name) between 1 and 40),
    sex text not null check (sex in ('M', 'F')),
    primary key (number, position)
);

-- A membership is one span with one status; a change of status ends it and starts another (two numbers).
create table membership (
    position int8 not null,
    number int4 primary key,
    person int4 not null references person,
    team int4 not null references team
);
create index membership_person on membership (person);
create index membership_team on membership (team);
create table membership_version (
    position int8 not null,
    valid_from day not null,                   -- first day
    valid_to day,                              -- last day, null = open
    number int4 not null references membership,
    role text not null check (role in ('ATHLETE', 'COACH', 'OFFICIAL', 'STAFF')),
    status text not null check (status in ('FORMAL', 'TRIAL', 'TRAINEE', 'RETIRED', 'LEFT')),
    main bool not null default false,          -- "primary" of the person's teams
    primary key (number, position),
    check (valid_from <= valid_to)
);

create table site (
    position int8 not null,
    number int4 primary key,
    unit int2 not null references unit,
    code register_code not null,
    unique (unit, code)
);
create table site_version (
    position int8 not null,
    lat numeric(8, 6) check (lat between -90 and 90),
    lon numeric(9, 6) check (lon between -180 and 180),
    number int4 not null references site,
    name text not null check (char_length(name) between 2 and 80),
    kind text not null check (kind in ('KINDERGARTEN', 'PRIMARY', 'MIDDLE', 'SENIOR', 'NINE_YEAR', 'SPECIAL_ED', 'VOCATIONAL', 'COMMUNITY',
        'VILLAGE', 'ELDER_CARE', 'ELDER_UNIV', 'PARK', 'STADIUM', 'TRAINING_BASE', 'UNIVERSITY', 'COMPANY', 'MALL', 'SCENIC', 'BARRACKS',
        'OTHER')),
    region text check (region ~ '^[0-9]{6}$'),
    primary key (number, position),
    check ((lat is null) = (lon is null))
);

-- A policy is what a scope object (the nation, a unit, a team) has; its versions are never changed. In force on a day at position p: of the
-- versions with position <= p whose span holds the day the one with the highest version.
create table policy (
    position int8 not null,
    number int4 primary key,
    team int4 references team,
    unit int2 references unit,
    scope text not null check (scope in ('NATION', 'UNIT', 'TEAM')),
    unique nulls not distinct (scope, unit, team),
    check ((scope = 'UNIT') = (unit is not null)),
    check ((scope = 'TEAM') = (team is not null))
);
create table policy_version (
    position int8 not null unique,
    valid_from day not null,
    valid_to day,
    number int4 not null references policy,
    version int4 not null check (version >= 1),
    team_min_sessions int2 not null check (team_min_sessions between 0 and 52),
    athlete_min_minutes int2 not null check (athlete_min_minutes between 0 and 6000),
    activity_cap_minutes int2 not null check (activity_cap_minutes between 0 and 1440),
    day_cap_minutes int2 not null check (day_cap_minutes between 0 and 1440),
    lecture_cap_minutes int2 not null check (lecture_cap_minutes between 0 and 1440),
    rounding int2 not null check (rounding between 1 and 60),
    min_team_athletes int2 not null check (min_team_athletes between 1 and 100),
    blackout_after_days int2 not null check (blackout_after_days between 0 and 365),
    feasible_minutes_per_month int2 not null check (feasible_minutes_per_month between 0 and 6000),
    period_type text not null check (period_type in ('YEAR')),
    presence_min numeric(5, 4) not null check (presence_min between 0 and 1),
    guidance_min_share numeric(5, 4) not null check (guidance_min_share between 0 and 1),
    session_tolerance numeric(5, 4) not null check (session_tolerance between 0 and 1),
    mode_onsite numeric(5, 4) not null check (mode_onsite between 0 and 2),
    mode_hybrid numeric(5, 4) not null check (mode_hybrid between 0 and 2),
    mode_live numeric(5, 4) not null check (mode_live between 0 and 2),
    mode_recorded numeric(5, 4) not null check (mode_recorded between 0 and 2),
    counted_statuses text[] not null check (counted_statuses <@ '{FORMAL,TRIAL,TRAINEE,RETIRED,LEFT}'),
    session_statuses text[] not null check (session_statuses <@ '{FORMAL,TRIAL,TRAINEE,RETIRED,LEFT}'),
    sites_counted text[] not null,             -- site kinds that count
    sites_conditional text[] not null,         -- site kinds that count with a named served body; all others do not
    month_weights int2[] not null check (cardinality(month_weights) = 12 and 0 <= all (month_weights)),
    pacing_bounds numeric(5, 4)[] not null check (cardinality(pacing_bounds) = 3),  -- OK | WATCH | LAG | CRITICAL
    entry_cutoff text not null check (entry_cutoff ~ '^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'),
    carry_over text not null check (carry_over in ('NONE', 'SURPLUS_25', 'DEFICIT')),
    source text not null check (char_length(source) between 1 and 60),
    confidence text not null check (char_length(confidence) between 1 and 60),
    author text not null check (char_length(author) between 1 and 64),
    approver text not null check (char_length(approver) between 1 and 64),
    primary key (number, version),
    check (valid_from <= valid_to),
    check (author <> approver)                 -- two persons
);
reset role;
