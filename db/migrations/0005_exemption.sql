-- 0005: exemptions of persons and teams from the quota, a register like the others (0002): identity, and versions by position. PRORATE and WAIVE take
-- their days out of the days that carry duty, DEFER keeps the duty and moves the pacing. An exemption stands in the register when it was approved;
-- ENDED says that its last day was set, and counts as APPROVED does.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create table exemption (
    position int8 not null,
    number int4 primary key,
    unit int2 not null references unit,        -- whose codes this one is among
    code register_code not null,
    unique (unit, code)
);
create table exemption_version (
    position int8 not null,
    valid_from day not null,                   -- first day
    valid_to day,                              -- last day, null = open
    number int4 not null references exemption,
    person int4 references person,
    team int4 references team,
    kind text not null check (kind in ('INJURY', 'COMPETITION', 'TRAINING_ABROAD', 'LEAVE', 'MATERNITY', 'OTHER')),
    effect text not null check (effect in ('PRORATE', 'DEFER', 'WAIVE')),
    state text not null check (state in ('APPROVED', 'ENDED')),
    evidence text check (char_length(evidence) between 1 and 200),
    primary key (number, position),
    check ((person is null) <> (team is null)),
    check (valid_from <= valid_to)
);
create index exemption_version_person on exemption_version (person) where person is not null;
create index exemption_version_team on exemption_version (team) where team is not null;
create index exemption_version_position on exemption_version (position);
reset role;
