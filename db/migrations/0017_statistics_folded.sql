-- 0017: statistics folded further, so that no report reads a million rows. Who took part stands with each fact as sets of 64 persons (stat_seat gives each
-- person his place); facts that are settled for long are rolled into cells a year (stat_team_cell, stat_pair_cell); what is on record of a team or athlete in a
-- year is a row (stat_subject). The figures are a cache: they are emptied here and made again by the next fold.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

drop view if exists stat_part, stat_piece;
truncate stat_late, stat_sum, stat_fact, stat_site, stat_intake;
update stat_at set position = 0, register_closure = 0;
drop function if exists stat_persons_again(date[], int4[], int4[]), stat_add(uuid[], int4), stat_dim(text), stat_athletes_sql(text, text);
drop table stat_person;

-- A person's place in the sets: bit of chunk. Chunks are a unit's, filled team by team, so that those who go together stand together. A person keeps his.
create table stat_seat (
    person int4 primary key,
    chunk int4 not null,                       -- unit << 16 | number
    unit int2 not null,                        -- of the team where he was seen first
    bit int2 not null check (bit between 0 and 63),
    unique (chunk, bit)
);
create index stat_seat_unit on stat_seat (unit);

-- chunks, masks: who of the team took part (not ATTEND; of a legacy activity nobody). rolled: counted in the cells; never an activity of several teams.
alter table stat_fact add column chunks int4[] not null default '{}', add column masks int8[] not null default '{}', add column rolled bool not null default false;
drop index stat_fact_joint;
create index stat_fact_unit on stat_fact (unit, month);
create index stat_fact_hot on stat_fact (joint, unit, month) where not rolled;

-- Rolled facts by year, team (with the sport and level it had), and value of one dimension (stat_dim; 0: none, 11: month of the year). A fact's sums stand with its first chunk alone.
create table stat_team_cell (
    minutes int8 not null,
    legacy_minutes int8 not null,
    unconfirmed int8 not null,
    guidance int8 not null,
    onsite int8 not null,
    online int8 not null,
    mask int8 not null,
    team int4 not null,
    value int4 not null,
    chunk int4 not null,
    activities int4 not null,
    legacy int4 not null,
    sessions int4 not null,
    person_times int4 not null,
    timed int4 not null,
    timely int4 not null,
    corrected int4 not null,
    disputed int4 not null,
    rural int4 not null,
    west int4 not null,
    key_group int4 not null,
    year int2 not null,
    dim int2 not null,
    unit int2 not null,
    sport int2 not null,
    level int2 not null,
    primary key (dim, year, team, chunk, value, sport, level)
) with (fillfactor = 90);

-- The same by values of two dimensions, of whatever team.
create table stat_pair_cell (
    minutes int8 not null,
    legacy_minutes int8 not null,
    unconfirmed int8 not null,
    guidance int8 not null,
    onsite int8 not null,
    online int8 not null,
    mask int8 not null,
    value1 int4 not null,
    value2 int4 not null,
    chunk int4 not null,
    activities int4 not null,
    legacy int4 not null,
    sessions int4 not null,
    person_times int4 not null,
    timed int4 not null,
    timely int4 not null,
    corrected int4 not null,
    disputed int4 not null,
    rural int4 not null,
    west int4 not null,
    key_group int4 not null,
    year int2 not null,
    dim1 int2 not null,
    dim2 int2 not null,                        -- greater than dim1
    primary key (dim1, dim2, year, chunk, value1, value2)
) with (fillfactor = 90);

-- What is on record of a team (kind 1) or athlete (kind 2) in a year, without legacy activities: an activity counts once with each of his teams.
create table stat_subject (
    guidance int8 not null,
    onsite int8 not null,
    online int8 not null,
    subject int4 not null,
    activities int4 not null,
    joint int4 not null,
    corrected int4 not null,
    year int2 not null,
    kind int2 not null,
    months int2 not null,                      -- bits, January is 1
    sites int4[] not null,                     -- each once, in no order
    counties int4[] not null,                  -- regions that are no city or province as a whole
    primary key (year, kind, subject)
) with (fillfactor = 70);

-- Bits of a set of groups or themes: a row each; -1 of the empty set.
create table stat_bit (
    bits int2 not null,
    bit int4 not null,
    primary key (bits, bit)
);
insert into stat_bit (bits, bit) select m, b from generate_series(1, 1023) m, generate_series(0, 9) b where m >> b & 1 = 1 union all select 0, -1;
analyze stat_bit;

reset role;
