-- 0015: what a person has decided about which activities an opinion item speaks of. The last decision about an item holds; the first of its activities
-- is the one it counts for. Candidates are not stored: they are looked for when somebody asks (functions/opinion_link.sql).
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create table opinion_link (
    position int8 primary key,
    item uuid not null,                        -- id of the opinion.item_received
    activities uuid[] not null check (cardinality(activities) between 0 and 8),
    unit int2 not null,                        -- whose word it is
    who text not null check (char_length(who) between 1 and 64),
    said text not null check (char_length(said) between 2 and 500)
);
create index opinion_link_item on opinion_link (item, position);
create index opinion_link_activity on opinion_link using gin (activities);
grant select on opinion_link to liangjin_audit, liangjin_broker, liangjin_worker;
reset role;
