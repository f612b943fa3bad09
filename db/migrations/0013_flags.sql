-- 0013: flags of formalism (X01-X18, HILO) and of duplicates (DUP): their settings, the states of a flag and who moved it, windows for late reports,
-- capacities of sites. What each says: docs/activities.md.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

alter table rule_setting drop constraint rule_setting_rule_check;
alter table rule_setting add constraint rule_setting_rule_check check (rule ~ '^([VX][0-9]{2}|DUP|HILO)$');
-- score: what a sign weighs, 0..100. km/h, yuan, minutes, people, percent, as the names say.
insert into rule_setting (rule, name, value) values
    ('X01', 'score', '35'), ('X01', 'percent', '30'),
    ('X02', 'score', '25'), ('X02', 'minutes', '30'),
    ('X03', 'score', '25'), ('X03', 'people', '800'),
    ('X04', 'score', '20'), ('X04', 'people', '300'),
    ('X05', 'score', '25'), ('X05', 'staff', '5'),
    ('X06', 'score', '35'), ('X06', 'percent', '95'), ('X06', 'yuan', '200'), ('X06', 'reports', '20'),
    ('X07', 'score', '30'), ('X07', 'hours', '4'),
    ('X08', 'score', '45'), ('X09', 'score', '40'),
    ('X10', 'score', '30'), ('X10', 'percent', '60'), ('X10', 'sessions', '3'),
    ('X11', 'score', '25'), ('X11', 'percent', '90'), ('X11', 'athletes', '8'),
    ('X12', 'score', '15'), ('X12', 'visits', '3'),
    ('X13', 'score', '40'), ('X13', 'reports', '3'),
    ('X14', 'score', '40'), ('X14', 'disputes', '2'), ('X14', 'percent', '30'),
    ('X15', 'score', '30'), ('X15', 'word', '关注公众号'), ('X15', 'word', '关注账号'), ('X15', 'word', '扫码关注'), ('X15', 'word', '转发朋友圈'),
    ('X15', 'word', '截图反馈'), ('X15', 'word', '上交截图'), ('X15', 'word', '提交截图'), ('X15', 'word', '在线答题'), ('X15', 'word', '网上答题'),
    ('X15', 'word', '答题打卡'), ('X15', 'word', '每日打卡'), ('X15', 'word', '打卡任务'), ('X15', 'word', '集赞'), ('X15', 'word', '观后感'),
    ('X16', 'score', '50'), ('X16', 'minutes', '20'),
    ('X17', 'score', '45'),
    ('X18', 'score', '20'), ('X18', 'asked', '1'),
    ('HILO', 'score', '30'), ('HILO', 'reports', '20'), ('HILO', 'percent', '10'),
    ('V32', 'percent', '85'), ('V32', 'back', '400'), ('V32', 'characters', '30'),
    ('DUP', 'percent', '80'), ('DUP', 'suspect', '55'), ('DUP', 'metres', '500');

-- A flag has a name of its own by which it is explained and decided, made of what it is about, so that a replay gives it the same.
alter table flag drop constraint flag_code_check;
alter table flag add constraint flag_code_check check (code ~ '^([A-Z][0-9]{2}|DUP|HILO)$');
alter table flag add column seen int8;         -- the day's event with which it was raised; null: the event's own position
alter table flag add column decision text check (char_length(decision) <= 500);
alter table flag add column decided_by text;
alter table flag add column outcome text check (outcome in ('SAME_EVENT_JOINT', 'SAME_EVENT_DOUBLE', 'DIFFERENT'));
alter table flag add column id uuid generated always as (
    overlay(overlay(md5(position::text || ' ' || code || ' ' || other::text || ' ' || pointer) placing '8' from 13) placing '8' from 17)::uuid) stored;
create unique index flag_id on flag (id);
create index flag_activity on flag (activity);
create index flag_seen on flag (seen) where seen is not null;

-- What was said about flags, as the register took it; what became of it is flag_move. One of flags 1..50.
create table flag_action (
    position int8 primary key,
    unit int2 not null,
    action text not null check (action in ('EXPLAIN', 'CONFIRM', 'DISMISS')),
    flags uuid[] not null check (cardinality(flags) between 1 and 50),
    outcome text check (outcome in ('SAME_EVENT_JOINT', 'SAME_EVENT_DOUBLE', 'DIFFERENT')),
    who text not null check (char_length(who) between 1 and 64),
    said text not null check (char_length(said) between 2 and 500)
);
-- moves: which action takes which state to which.
create table flag_rule (
    action text not null,
    from_state text not null,
    to_state text not null,
    primary key (action, from_state)
);
-- Every action on every flag, with the state it led to, or why it did not. refused: NO_FLAG, OTHER_UNIT, STATE, OUTCOME.
create table flag_move (
    position int8 not null,
    flag uuid not null,
    from_state text,
    to_state text,
    refused text check (refused in ('NO_FLAG', 'OTHER_UNIT', 'STATE', 'OUTCOME')),
    primary key (position, flag),
    check ((to_state is null) = (refused is not null))
);
-- Pairs of activities that somebody has decided about: no suspicion is raised of them again. first < second by bytes.
create table duplicate_pair (
    position int8 not null,
    first uuid not null,
    second uuid not null,
    outcome text not null check (outcome in ('SAME_EVENT_JOINT', 'SAME_EVENT_DOUBLE', 'DIFFERENT')),
    primary key (first, second),
    check (first < second)
);

-- Spans in which a unit (its sub-units with it) may file reports older than V29 allows: by the local date of receipt, both ends included.
create table filing_window (
    position int8 primary key,
    opened_from day not null,
    opened_to day not null,
    unit int2 not null references unit,
    who text not null check (char_length(who) between 1 and 64),
    reason text not null check (char_length(reason) between 2 and 200),
    check (opened_from <= opened_to)
);

-- How many people a site holds; null: not known.
alter table site_version add column capacity int4 check (capacity between 1 and 200000);
create index site_version_name on site_version (name);

grant select on flag_action, flag_rule, flag_move, duplicate_pair, filing_window to liangjin_audit, liangjin_broker, liangjin_worker;
reset role;
