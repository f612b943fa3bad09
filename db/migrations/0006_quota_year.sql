-- 0006: the quota's years: when they were opened and closed, and what is carried from a closed year into the next.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- By the calendar days of the log. opened: the first day of the year came, and everybody who owes anything in it has a total. closed: 8 February of the
-- next year, or a later day, came; what is carried is computed by the registers of that position.
create table quota_year (
    opened int8,
    closed int8,
    year int2 primary key
);

-- carried: minutes from the year before, part of `minutes`. deficit: what was short the year before, under a policy DEFICIT; part of nothing.
alter table quota_total add column carried int4 not null default 0, add column deficit int4 not null default 0;

-- What is carried is of no activity and no team. Entry of the first day of the year that it goes to.
alter table ledger_entry drop constraint ledger_entry_kind_check,
    add constraint ledger_entry_kind_check check (kind in ('CREDIT', 'REVERSAL', 'ADJUST', 'CARRY')),
    add constraint ledger_entry_carry check ((kind = 'CARRY') = (team = 0)
        and (kind <> 'CARRY' or activity = '00000000-0000-0000-0000-000000000000' and subject_kind = 2));
reset role;
