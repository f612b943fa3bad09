-- 0011: the whole life of a unit, accounts of persons as a register, policies and rule settings by two persons.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- ---- units: addressed by a letter, invited, applied, returned, active, suspended, closed. The moves between them: workers/register/moves.def.
alter table unit_version drop constraint unit_version_state_check;
alter table unit_version add constraint unit_version_state_check
    check (state in ('ADDRESSED', 'INVITED', 'APPLIED', 'RETURNED', 'ACTIVE', 'SUSPENDED', 'CLOSED'));
alter table unit_version add column state_on day; -- local day on which the state began; null: before this migration, and CN000

-- ---- accounts of persons. What a login needs of secrets is in `credential` (functions/account.sql) and in no event; who may do what is here, by
-- version like every register, so that a rule that asks for it at a position gives the same in a replay.
alter table if exists account rename to credential;
create table account (
    position int8 not null,
    number int4 primary key,
    code text not null unique check (code ~ '^[a-z][a-z0-9_]{3,31}$') -- the login
);
create table account_version (
    position int8 not null,
    locked_until timestamptz,                  -- LOCKED ends by itself then
    number int4 not null references account,
    handover_to int4 references account,       -- who took the duty over
    unit int2 not null references unit,        -- root of the subtree of its roles
    name text not null check (char_length(name) between 1 and 30),
    state text not null check (state in ('INVITED', 'PENDING', 'ACTIVE', 'LOCKED', 'DISABLED')),
    state_on day not null,                     -- local day on which the state began
    roles text[] not null check (cardinality(roles) between 1 and 4 and roles <@ '{TEAM_FILLER,UNIT_ADMIN,UNIT_LEADER,CENTRE_OPERATOR,CENTRE_AUDITOR,POLICY_ADMIN,OPINION_DUTY,OBSERVER}'),
    teams int4[] not null default '{}',        -- of a TEAM_FILLER: the teams it files for; empty: all of its unit
    primary key (number, position),
    check ((state = 'LOCKED') = (locked_until is not null)),
    check (handover_to <> number),
    check (unit = 0 or not roles && '{CENTRE_OPERATOR,CENTRE_AUDITOR,POLICY_ADMIN}'),
    check (unit <> 0 or not roles && '{TEAM_FILLER,UNIT_ADMIN,UNIT_LEADER}')
);
create index account_version_unit on account_version (unit);

-- ---- what one person proposes and another approves: a version of a quota policy, or rows of rule_setting.
create table proposal (
    position int8 not null,
    number int4 primary key,
    code register_code not null unique
);
create table proposal_version (
    position int8 not null,
    number int4 not null references proposal,
    kind text not null check (kind in ('QUOTA', 'RULES')),
    state text not null check (state in ('PROPOSED', 'APPROVED', 'WITHDRAWN')),
    author text not null check (char_length(author) between 1 and 64),
    approver text check (char_length(approver) between 1 and 64),
    body text not null,                        -- the proposed payload, normalised
    primary key (number, position),
    check (author <> approver),                -- two persons
    check ((state = 'APPROVED') = (approver is not null))
);

-- ---- notices that were given of what stands too long: each step of each thing once.
create table register_notice (
    at int8 not null,                          -- position of the day on which
    since int8 not null,                       -- position of the event that brought the state that stands too long
    rule int2 not null,                        -- mail_template
    unit int2 not null references unit,
    step int2 not null,                        -- days of the step; 0 where there is one only
    primary key (rule, unit, since, step)
);
create index register_notice_at on register_notice (at);
reset role;
