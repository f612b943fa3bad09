-- 0009: the index of a person's days holds the positions too, so that the latest few of a day are read from it, however many there are.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;
drop index if exists quota_participation_person;
create index quota_participation_person on quota_participation (person, day, position);
reset role;
