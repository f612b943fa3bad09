-- Reports that were decided to be one event held together (SAME_EVENT_JOINT): both stay, and what they give counts once. Reads only. Idempotent.
--
-- The decision is a row of quota_version (op 8: activity, other). Activities that hang together by such rows are one event; its members have places in the
-- order in which they were first reported. A person's minutes count in the first member in which he has any, a team's session in the first member that
-- makes one for it; what is in one report alone counts as ever. Members may lie on two days (duplicates are looked for a day to both sides), so where a
-- group is computed whole, the groups of the same person or team in the other members are, too.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- The members of the events that activities are part of, with their places from 1; no row for an activity that is an event by itself.
create or replace function quota_joint(activities uuid[], upto int8) returns table (activity uuid, event uuid, place int4)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
    if not exists (select from quota_version v where v.other is not null) then
        return;                                -- nearly always
    end if;
    return query
    with recursive reach as (
        select u.a as root, u.a as member from unnest(activities) u(a)
        where exists (select from quota_version v where v.activity = u.a and v.other is not null and v.position <= upto)
            or exists (select from quota_version v where v.other = u.a and v.position <= upto)
        union
        select r.root, n.member from reach r cross join lateral (
            select v.other as member from quota_version v where v.activity = r.member and v.other is not null and v.position <= upto
            union all
            select v.activity from quota_version v where v.other = r.member and v.position <= upto) n
    ), named as (
        select distinct r.member, (select x.member from reach x where x.root = r.root order by x.member limit 1) as event from reach r
    )
    select n.member, n.event, rank() over (partition by n.event order by f.first)::int4
    from named n cross join lateral (select min(q.position) as first from quota_version q where q.activity = n.member) f;
end
$$;

-- Positions of the live versions of the other members of the events that versions are part of.
create or replace function quota_joint_positions(positions int8[], upto int8) returns setof int8
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
begin
    return query
    select l.position
    from quota_joint(array(select distinct v.activity from unnest(positions) u(p) join quota_version v on v.position = u.p), upto) m
        cross join lateral (select coalesce(n.body, n.position) as position from quota_version n
            where n.activity = m.activity and n.position <= upto and not n.held order by n.version desc limit 1) l
    where l.position <> all (positions);
end
$$;

-- Groups of the same persons and teams in the other members of the events that touched groups are part of.
create or replace function quota_joint_groups(touched quota_delta[], upto int8) returns setof quota_touch
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
    if not exists (select from quota_version v where v.other is not null) then
        return;
    end if;
    return query
    with g as materialized (
        select t.subject_kind, t.subject, t.day, max(t.cause) as cause from unnest(touched) t where t.day is not null group by 1, 2, 3
    ), part as materialized (
        select g.*, v.activity from g join quota_participation p on p.person = g.subject and p.day = g.day and p.position <= upto
            join quota_version v on v.position = p.position where g.subject_kind = 2
        union
        select g.*, v.activity from g join quota_team p on p.team = g.subject and p.day = g.day and p.position <= upto
            join quota_version v on v.position = p.position where g.subject_kind = 1
    ), joint as materialized (
        select * from quota_joint(array(select distinct part.activity from part), upto)
    ), other as materialized (
        select p.subject_kind, p.subject, p.day, p.cause, v.position
        from part p join joint a on a.activity = p.activity join joint b on b.event = a.event and b.activity <> a.activity
            join quota_version v on v.activity = b.activity and v.position <= upto
    )
    select distinct o.subject_kind, o.subject, x.day, extract(year from x.day)::int2, o.cause, false
    from other o cross join lateral (
        select p.day from quota_participation p where o.subject_kind = 2 and p.position = o.position and p.person = o.subject
        union all
        select t.day from quota_team t where o.subject_kind = 1 and t.position = o.position and t.team = o.subject) x
    where x.day <> o.day;
end
$$;
reset role;
