-- 0008: numbers, words and days of the validation rules that no quota policy has a field for, and the flags.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- A setting of a rule is the set of its rows at one position: the set with the greatest position not above an event's holds for that event, so a
-- replay judges as life did. A change is a new whole set at a position above the log's end; rows are never changed (functions/flags.sql). Of the
-- set those rows hold whose span has the activity's day. value: a number; a word; MM-DD..MM-DD of every year. Minutes, people, percent, bytes, km/h.
create table rule_setting (
    position int8 not null default 0,
    valid_from day,                            -- first day, null = open
    valid_to day,                              -- last day, null = open
    rule text not null check (rule ~ '^V[0-9]{2}$'),
    name text not null check (name ~ '^[a-z][a-z_]{1,30}$'),
    value text not null check (char_length(value) between 1 and 60),
    unique nulls not distinct (rule, name, position, value, valid_from),
    check (valid_from <= valid_to),
    check (name <> 'word' or octet_length(value) >= 3)  -- a Han character, or three letters; 64 words are looked for
);
insert into rule_setting (rule, name, value, valid_from, valid_to) values
    ('V10', 'km_h', '250', null, null),
    ('V14', 'visits', '4', null, null), ('V14', 'term_from', '02-01', null, null), ('V14', 'term_from', '08-01', null, null),
    ('V13', 'required', '1', '2024-09-01', null),
    ('V15', 'school_break', '01-20..02-20', null, null), ('V15', 'school_break', '07-10..08-31', null, null),
    ('V17', 'word', '推销', null, null), ('V17', 'word', '促销', null, null), ('V17', 'word', '冠名', null, null),
    ('V17', 'word', '赞助', null, null), ('V17', 'word', '代言', null, null), ('V17', 'word', '打折', null, null),
    ('V17', 'word', '优惠', null, null), ('V17', 'word', '团购', null, null), ('V17', 'word', '加盟', null, null),
    ('V17', 'word', '卖课', null, null), ('V17', 'word', '带货', null, null), ('V17', 'word', '扫码购买', null, null),
    ('V19', 'reports', '5', null, null), ('V19', 'percent', '80', null, null), ('V19', 'people', '500', null, null),
    ('V24', 'celsius', '35', null, null), ('V24', 'alert', '3', null, null),     -- 1 BLUE, 2 YELLOW, 3 ORANGE, 4 RED
    ('V25', 'bytes', '10485760', null, null),
    ('V26', 'minutes', '120', null, null), ('V26', 'old_minutes', '1440', null, null),
    ('V27', 'distance', '6', null, null),
    ('V33', 'names', '6', null, null),
    ('V35', 'reports', '20', null, null), ('V35', 'report_seconds', '600', null, null),
    ('V35', 'rows', '40', null, null), ('V35', 'row_seconds', '60', null, null),
    ('V37', 'age', '18', null, null);
grant select on rule_setting to liangjin_worker, liangjin_broker, liangjin_audit;

-- What somebody should look at: it lowers nothing by itself. Raised by settle_flags (functions/flags.sql) behind the watermark, on the version of an
-- activity (its position) that it was seen at, never taken back: whether it still stands is asked of the versions (view flag_standing). Rules of the
-- kind validation come first; others (formalism, duplicates) may raise into the same table, with a score.
create table flag (
    position int8 not null,                    -- the event that it was raised on
    other int8 not null default 0,             -- the other event of a pair; 0: none
    state_at timestamptz,                      -- of the last change of state; null: as raised
    activity uuid not null,
    unit int2 not null,                        -- reporting unit of the activity
    score int2 check (score between 0 and 100), -- null: the rule has none
    code text not null check (code ~ '^[A-Z][0-9]{2}$'),
    severity text not null check (severity in ('W', 'F')),
    pointer text not null,                     -- JSON pointer into the event's payload
    evidence text not null,                    -- a JSON object: register codes, ids and numbers, no names
    state text not null default 'OPEN' check (state in ('OPEN', 'EXPLAINED', 'CONFIRMED', 'DISMISSED')),
    state_by text,
    explanation text check (char_length(explanation) <= 500),
    primary key (position, code, pointer, other),
    check ((state = 'OPEN') = (state_by is null and state_at is null))
);
create index flag_open on flag (unit, position) where state = 'OPEN';
create index flag_other on flag (other) where other > 0;

-- Photos of accepted versions (V27): the hash of the file, and the perceptual one with its seven pieces. Two that differ in at most six bits have a
-- piece in common.
create table flag_photo (
    position int8 not null,
    sight int8,
    place int2 not null,                       -- in /attachments
    hash bytea not null,
    pieces int4[],
    primary key (position, place)
);
create index flag_photo_hash on flag_photo (hash);
create index flag_photo_pieces on flag_photo using gin (pieces) where pieces is not null;

-- Visits of schools (V14): one a term, site, day and unit; position: of the first version that told of it.
create table flag_visit (
    position int8 not null,
    site int4 not null,
    term date not null,
    day date not null,
    unit int2 not null,
    primary key (site, term, day, unit)
);

-- The last reports of each account (V35), as many as the rule can look back on.
create table flag_entry (
    position int8 not null,
    received_at timestamptz not null,
    participations int4 not null,
    source text not null,
    primary key (source, position)
);
grant select on flag, flag_photo, flag_visit, flag_entry to liangjin_audit, liangjin_broker;
reset role;
