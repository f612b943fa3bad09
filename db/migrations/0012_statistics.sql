-- 0012: statistics. What is counted of every live activity (stat_fact), the sums of it (stat_sum), who took part (stat_person),
-- which sites were visited (stat_site), what was sent in (stat_intake). A cache of the log's effects: functions/stat_fold.sql brings it up to the
-- settled position and can throw it away; nothing else reads it, and no effect follows from it. And certificates of hours, a register like the others.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- The settled position that the figures stand at, and the closure up to which they have seen the registers.
create table stat_at (
    position int8 not null,
    register_closure int8 not null,
    one bool primary key default true check (one)
);
insert into stat_at (position, register_closure) values (0, 0);

-- Redriven events below that position that are in the figures. Few: parked events that were redriven.
create table stat_late (
    position int8 not null,
    kind int2 not null,
    primary key (kind, position)
);

-- A row a live activity and team: what is counted of it. position: of the version. A team's sport and level and a site's kind and region are those of
-- the registers at that position. Numbers and bits: stat_word, stat_province, stat_sport. joint: of an activity of several teams; what is the activity's and not the team's
-- (guidance, people served, timeliness) then stands in the row of each.
create table stat_fact (
    position int8 not null,
    activity uuid not null,
    day date not null,
    month date not null,                       -- its first day
    team int4 not null,
    site int4,
    region int4 not null,                      -- of the site, 0: none
    minutes int4 not null,                     -- credited
    unconfirmed int4 not null,                 -- of these, not confirmed by the athlete
    onsite int4 not null,                      -- people served on site; never added to the next
    online int4 not null,
    unit int2 not null,                        -- of the team
    groups int2 not null,                      -- bits
    themes int2 not null,                      -- bits
    sport int2 not null,
    site_kind int2 not null,                   -- 0: none
    level int2 not null,
    body int2 not null,
    anchor int2 not null,
    mode int2 not null,
    guidance int2 not null,
    sessions int2 not null,
    person_times int2 not null,                -- roster rows of the team, but for ATTEND
    disputed int2 not null,                    -- of these, ever disputed by the athlete
    legacy bool not null,
    joint bool not null,
    timed bool not null,                       -- timeliness is told: not legacy
    timely bool not null,                      -- first sent in within 7 days
    corrected bool not null,
    primary key (activity, team)
);
create index stat_fact_joint on stat_fact (unit, month) where joint;
create index stat_fact_month on stat_fact (month);

-- Sums by dimension (stat_dimension) and value, month, and unit; and of the nation (national, unit -1), where a joint activity counts once, as it does
-- once in a unit. Legacy activities are in legacy and legacy_minutes alone.
create table stat_sum (
    minutes int8 not null,
    legacy_minutes int8 not null,
    unconfirmed int8 not null,
    guidance int8 not null,
    onsite int8 not null,
    online int8 not null,
    month date not null,
    value int4 not null,
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
    dim int2 not null,
    unit int2 not null,
    national bool not null,
    primary key (dim, national, month, unit, value)
) with (fillfactor = 70);

-- Who took part, by month and team, how many times, and as bits in what (bit of the number; of groups and themes bit 10: none; of provinces stat_province.bit,
-- 40: none). Distinct persons do not add up: they are counted from here. Without legacy activities.
create table stat_person (
    provinces int8 not null,
    month date not null,
    team int4 not null,
    person int4 not null,
    n int4 not null,
    site_kinds int4 not null,
    unit int2 not null,
    sport int2 not null,
    level int2 not null,
    groups int2 not null,
    themes int2 not null,
    bodies int2 not null,
    anchors int2 not null,
    modes int2 not null,
    primary key (month, team, person, sport, level)
) with (fillfactor = 80);

-- Sports by number, as they come.
create table stat_sport (
    number int2 primary key,
    sport text not null unique
);

-- Live activities by site, unit of a team, month.
create table stat_site (
    site int4 not null,
    n int4 not null,
    month date not null,
    unit int2 not null,
    primary key (site, unit, month)
);

-- What validation has judged, by the reporting unit and the local month of the receipt.
create table stat_intake (
    month date not null,
    reports int4 not null,                     -- first reports, accepted or rejected
    reports_rejected int4 not null,
    corrections int4 not null,
    corrections_rejected int4 not null,
    withdrawals int4 not null,                 -- accepted
    returned int4 not null,                    -- sent back in a review
    unit int2 not null,
    primary key (month, unit)
);

-- Switches that policy turns: rank: may a report be ordered by its figures (off: units in the order of the directory); suppress_below: groups with fewer
-- persons are not shown, nor percentages of fewer cases.
create table stat_setting (
    name text primary key,
    value text not null
);
insert into stat_setting (name, value) values ('rank', 'off'), ('suppress_below', '5');

-- Entries of the ledger behind a position: the table is in the order of positions, so a few pages tell.
create index ledger_entry_position on ledger_entry using brin (position) with (pages_per_range = 32);

reset role;
