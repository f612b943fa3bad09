-- 0018: plans of activities (optional): what a team means to hold on which days, and what was called off. A plan is never changed: it is called off and
-- another one made. That its report is missing is told behind the watermark (functions/plan.sql).
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create table activity_plan (
    position int8 primary key,
    plan uuid not null unique,                 -- id of the activity.planned
    held_from day not null,
    held_to day not null,
    team int4 not null references team,
    unit int2 not null references unit,
    title text not null check (char_length(title) between 2 and 60),
    who text not null check (char_length(who) between 1 and 64),
    check (held_from <= held_to)
);
create index activity_plan_held on activity_plan (held_to);
create table activity_plan_off (
    position int8 primary key,
    plan uuid not null,
    unit int2 not null,
    who text not null check (char_length(who) between 1 and 64),
    said text not null check (char_length(said) between 2 and 500)
);
create index activity_plan_off_plan on activity_plan_off (plan);
grant select on activity_plan, activity_plan_off to liangjin_audit, liangjin_broker, liangjin_worker;
reset role;
