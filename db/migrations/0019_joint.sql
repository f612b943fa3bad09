-- 0019: two reports that were decided to be one event. What the quota does with it: db/functions/quota_joint.sql.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- op 8: the activity is one event with `other`, which was reported before it; held, since it says nothing about what is live. 9: was decided, and changes nothing; held too.
alter table quota_version
    drop constraint quota_version_op_check, drop constraint quota_version_person,
    add column other uuid,
    add constraint quota_version_op_check check (op between 1 and 9),
    add constraint quota_version_person check ((op between 5 and 7) = (person is not null) and (op < 5 or held)),
    add constraint quota_version_other check ((op = 8) = (other is not null));
create index quota_version_joint on quota_version (activity) where other is not null;
create index quota_version_joint_with on quota_version (other) where other is not null;
reset role;
