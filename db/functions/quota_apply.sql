-- The kind quota: minutes of athletes and sessions of teams. This file: the kind's row and apply_quota. Idempotent.
--
-- Two steps, because a credit depends on other events and those come in any order:
--   apply_quota   inserts what the worker computed from its own event: a version of an activity, its teams, its participations. Nothing is updated.
--   settle_quota  (quota_settle.sql) runs behind, up to a position, and posts to the ledger what should stand (quota_rules.sql) and does not yet.
-- What is computed is shown by quota_show.sql. Tables: db/migrations/0003_quota.sql.
-- No clock, no sequence, no random: the same rows give the same ledger, and how settlements were cut changes no sum.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create or replace function append_only() returns trigger language plpgsql set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'P0001';
end
$$;
create or replace trigger ledger_append_only before update or delete or truncate on ledger_entry
    for each statement execute function append_only();

-- The old forms had fewer columns.
drop function if exists apply_quota(int8, int8[], uuid[], timestamptz[], uuid[], int4[], int2[], int2[], timestamptz[], date[], int2[], int2[],
    int4[], int2[], bool[], bool[], bool[], int8[], int4[], int8[], int4[], date[], int8[], int4[], int4[], date[], int2[], int2[], int2[], bool[]);
drop function if exists apply_quota(int8, int8[], uuid[], timestamptz[], uuid[], int4[], int2[], int2[], timestamptz[], date[], int2[], int2[],
    int4[], int2[], bool[], bool[], int8[], int4[], date[], int8[], int4[], int4[], date[], int2[], int2[], int2[], bool[]);

create or replace function apply_quota(closure int8, positions int8[], ids uuid[], received timestamptz[], activities uuid[], versions int4[],
        ops int2[], units int2[], starts timestamptz[], days date[], nets int2[], modes int2[], sites int4[], guidances int2[], guided bool[],
        themes_only bool[], helds bool[], bodies int8[], persons int4[], others uuid[], team_positions int8[], team_numbers int4[], team_days date[], part_positions int8[], part_persons int4[],
        part_teams int4[], part_days date[], part_presents int2[], part_bases int2[], part_roles int2[], part_listed bool[])
        returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    if cardinality(activities) <> cardinality(positions) or cardinality(part_persons) <> cardinality(part_positions)
            or cardinality(team_numbers) <> cardinality(team_positions) then
        raise exception 'the columns of a quota batch do not fit together' using errcode = 'P0001';
    end if;
    insert into quota_version (position, start_at, activity, version, day, site, op, unit, net, mode, guidance, guided, themes_only, held, body, person, other)
        select unnest(positions), unnest(starts), unnest(activities), unnest(versions), unnest(days), unnest(sites), unnest(ops), unnest(units),
               unnest(nets), unnest(modes), unnest(guidances), unnest(guided), unnest(themes_only), unnest(helds), unnest(bodies), unnest(persons), unnest(others);
    insert into quota_team (position, team, day) select unnest(team_positions), unnest(team_numbers), unnest(team_days);
    insert into quota_participation (position, person, team, day, present, base, role, listed)
        select unnest(part_positions), unnest(part_persons), unnest(part_teams), unnest(part_days), unnest(part_presents), unnest(part_bases),
               unnest(part_roles), unnest(part_listed);
    -- A parked event counts as closed, so settlement may have passed it; whatever was parked here or at the gate is taken up again.
    insert into quota_late (position)
        select distinct p.position from parked p where p.kind in (2, 3) and p.position = any (positions);
    return;
end
$$;

grant execute on function apply_quota(int8, int8[], uuid[], timestamptz[], uuid[], int4[], int2[], int2[], timestamptz[], date[], int2[], int2[],
    int4[], int2[], bool[], bool[], bool[], int8[], int4[], uuid[], int8[], int4[], date[], int8[], int4[], int4[], date[], int2[], int2[], int2[], bool[])
    to liangjin_broker;
grant select on quota_version, quota_team, quota_participation, quota_late, ledger_entry, quota_total, quota_seen
    to liangjin_broker, liangjin_worker, liangjin_audit;

insert into kind (number, name, ordering, single, after, after_verdict, barrier, follow_on_max, feeds_directory, apply_function,
        result_function, settle_function)
    values (3, 'quota', 'none', false, 2, 1, null, 0, false, 'apply_quota', null, 'settle_activities')
    on conflict (number) do update set name = excluded.name, ordering = excluded.ordering, single = excluded.single, after = excluded.after,
        after_verdict = excluded.after_verdict, barrier = excluded.barrier, follow_on_max = excluded.follow_on_max,
        feeds_directory = excluded.feeds_directory, apply_function = excluded.apply_function, result_function = excluded.result_function,
        settle_function = excluded.settle_function;
reset role;
