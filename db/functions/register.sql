-- The kind register: views on the registers, the worker's apply function, grants, the kind's row. Idempotent.
--
-- Where what is decided: workers/register reads the registers in one snapshot, plays its batch of events through in position order, and returns
-- a verdict for each and the exact rows to write, numbers included (max + 1 in position order). apply_register only inserts. That is right
-- because the kind is ordered by position with one batch in flight; `basis` proves it each time: the closure up to which the worker had seen
-- the registers must still be the last one, else the batch fails (P0001), goes out again and is computed afresh.
-- Rows come as JSON objects with the names of the columns: registers change rarely (a hundred thousand rows in all), and forty parallel arrays
-- would be no help to a reader.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- ---------------------------------------------------------------------------------------------------------------- state at a position

-- x_at(p): the register as of position p. Plain SQL, so that the planner sees through: a condition on number or (unit, code) is one index probe
-- and one more for the version; all rows of a register cost one probe each.
create or replace function unit_at(p int8)
        returns table (number int2, code text, parent int2, name text, kind text, region text, aliases text[], state text, addressed_on date,
            "position" int8)
    language sql stable parallel safe as $$
    select i.number, i.code, v.parent, v.name, v.kind, v.region, v.aliases, v.state, v.addressed_on::date, v.position
    from liangjin.unit i cross join lateral (select * from liangjin.unit_version x where x.number = i.number and x.position <= p
        order by x.position desc limit 1) v
$$;
create or replace function team_at(p int8)
        returns table (number int4, unit int2, code text, name text, level text, sport text, gender text, state text, valid_from date,
            valid_to date, paused datemultirange, merged_into int4, games_task text[], base_lat numeric, base_lon numeric, "position" int8)
    language sql stable parallel safe as $$
    select i.number, i.unit, i.code::text, v.name, v.level, v.sport, v.gender, v.state, v.valid_from::date, v.valid_to::date, v.paused,
           v.merged_into, v.games_task, v.base_lat, v.base_lon, v.position
    from liangjin.team i cross join lateral (select * from liangjin.team_version x where x.number = i.number and x.position <= p
        order by x.position desc limit 1) v
$$;
create or replace function person_at(p int8)
        returns table (number int4, unit int2, code text, name text, sex text, birth_year int2, "position" int8)
    language sql stable parallel safe as $$
    select i.number, i.unit, i.code::text, v.name, v.sex, v.birth_year, v.position
    from liangjin.person i cross join lateral (select * from liangjin.person_version x where x.number = i.number and x.position <= p
        order by x.position desc limit 1) v
$$;
create or replace function membership_at(p int8)
        returns table (number int4, person int4, team int4, role text, status text, valid_from date, valid_to date, main bool, "position" int8)
    language sql stable parallel safe as $$
    select i.number, i.person, i.team, v.role, v.status, v.valid_from::date, v.valid_to::date, v.main, v.position
    from liangjin.membership i cross join lateral (select * from liangjin.membership_version x where x.number = i.number and x.position <= p
        order by x.position desc limit 1) v
$$;
create or replace function site_at(p int8)
        returns table (number int4, unit int2, code text, name text, kind text, region text, lat numeric, lon numeric, "position" int8)
    language sql stable parallel safe as $$
    select i.number, i.unit, i.code::text, v.name, v.kind, v.region, v.lat, v.lon, v.position
    from liangjin.site i cross join lateral (select * from liangjin.site_version x where x.number = i.number and x.position <= p
        order by x.position desc limit 1) v
$$;
-- All versions known at p: which of them is in force depends on the day (the highest version of those whose span holds it).
do $$
begin                                          -- the old form had no review; what is made of it is made again by the files behind this one
    if to_regclass('current_policy') is not null and not exists (
            select from pg_attribute a where a.attrelid = to_regclass('current_policy') and a.attname = 'review') then
        drop view current_policy cascade;
        drop function policy_at(int8);
    end if;
end
$$;
create or replace function policy_at(p int8)
        returns table (number int4, version int4, scope text, unit int2, team int4, valid_from date, valid_to date, team_min_sessions int2,
            athlete_min_minutes int2, activity_cap_minutes int2, day_cap_minutes int2, lecture_cap_minutes int2, rounding int2,
            min_team_athletes int2, blackout_after_days int2, feasible_minutes_per_month int2, period_type text, presence_min numeric,
            guidance_min_share numeric, session_tolerance numeric, mode_onsite numeric, mode_hybrid numeric, mode_live numeric,
            mode_recorded numeric, counted_statuses text[], session_statuses text[], sites_counted text[], sites_conditional text[],
            month_weights int2[], pacing_bounds numeric[], entry_cutoff text, carry_over text, source text, confidence text, author text,
            approver text, review text, "position" int8)
    language sql stable parallel safe as $$
    select i.number, v.version, i.scope, i.unit, i.team, v.valid_from::date, v.valid_to::date, v.team_min_sessions,
           v.athlete_min_minutes, v.activity_cap_minutes, v.day_cap_minutes, v.lecture_cap_minutes, v.rounding, v.min_team_athletes,
           v.blackout_after_days, v.feasible_minutes_per_month, v.period_type, v.presence_min, v.guidance_min_share, v.session_tolerance,
           v.mode_onsite, v.mode_hybrid, v.mode_live, v.mode_recorded, v.counted_statuses, v.session_statuses, v.sites_counted,
           v.sites_conditional, v.month_weights, v.pacing_bounds, v.entry_cutoff, v.carry_over, v.source, v.confidence, v.author, v.approver,
           v.review, v.position
    from liangjin.policy i join liangjin.policy_version v on v.number = i.number and v.position <= p
$$;

create or replace view current_unit as select * from unit_at(9223372036854775807);
create or replace view current_team as select * from team_at(9223372036854775807);
create or replace view current_person as select * from person_at(9223372036854775807);
create or replace view current_membership as select * from membership_at(9223372036854775807);
create or replace view current_site as select * from site_at(9223372036854775807);
create or replace view current_policy as select * from policy_at(9223372036854775807);

create or replace view unit_directory as select number, code, name, parent, kind, state from current_unit;

-- A unit and every unit above it, nearest first (level 0 is the unit itself; the last is CN000).
create or replace function unit_and_above(unit int2, p int8) returns table (number int2, level int4)
    language sql stable parallel safe as $$
    with recursive up as (
        select u.number, u.parent, 0 as level from liangjin.unit_at(p) u where u.number = unit_and_above.unit
        union all
        select u.number, u.parent, up.level + 1 from up join liangjin.unit_at(p) u on u.number = up.parent where up.level < 8
    )
    select up.number, up.level from up
$$;

-- A unit's name without the words in which its spellings differ: 重庆体育局 and 重庆市体育局 are one.
create or replace function unit_name_key(name text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select regexp_replace(normalize(lower(name), NFKC), '(维吾尔自治区|壮族自治区|回族自治区|自治区|特别行政区|省|市|国家|[[:space:]·•()()])', '', 'g')
$$;

-- Units that a text may mean, the surest first: code, name or alias (1), the same without the words in which spellings differ (2), a part of one (3). Null: all of them.
create or replace function find_units(text text) returns table (code text, name text, kind text, state text, parent text, aliases text[], how int4)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select u.code, u.name, u.kind, u.state, p.code, u.aliases, f.how from current_unit u left join unit p on p.number = u.parent
        cross join lateral (select min(case when upper(find_units.text) = u.code or find_units.text = n.n then 1
            when unit_name_key(find_units.text) <> '' and unit_name_key(n.n) = unit_name_key(find_units.text) then 2
            when unit_name_key(find_units.text) <> '' and position(unit_name_key(find_units.text) in unit_name_key(n.n)) > 0 then 3 end) as how
            from unnest(u.name || u.aliases) n(n)) f
    where (f.how is not null or find_units.text is null) and u.number > 0 order by f.how, u.number
$$;

-- A team's state on a day, from its version's columns: ACTIVE, PAUSED, or null when it does not exist that day.
create or replace function team_state_on(day date, valid_from date, valid_to date, paused datemultirange) returns text
    language sql immutable parallel safe as $$
    select case when coalesce(valid_from, '-infinity') > day or coalesce(valid_to, 'infinity') < day then null
                when paused @> day then 'PAUSED' else 'ACTIVE' end
$$;

-- ---------------------------------------------------------------------------------------------------------------- apply

-- verdicts: as long as positions. tables and rows: the rows to insert, in an order that satisfies the references. refusals: ragged, by position.
create or replace function apply_register(closure int8, positions int8[], ids uuid[], received timestamptz[], verdicts int2[], basis int8[],
        tables text[], rows text[], refused_positions int8[], refused_codes text[], refused_pointers text[], refused_en text[],
        refused_zh text[]) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    names constant text[] := array['unit', 'unit_version', 'team', 'team_version', 'person', 'person_version', 'membership',
                                   'membership_version', 'site', 'site_version', 'policy', 'policy_version', 'calendar_day', 'calendar_year', 'exemption',
                                   'exemption_version', 'account', 'account_version', 'proposal', 'proposal_version', 'rule_setting',
                                   'filing_window', 'flag_action', 'certificate', 'opinion_link', 'activity_plan', 'activity_plan_off'];
    seen int8;
    name text;
begin
    perform pg_advisory_xact_lock(19531, 1);
    select coalesce(max(l.closure), 0) into seen from register_log l;
    if cardinality(basis) <> 1 or basis[1] is distinct from seen then
        raise exception 'the registers stand at closure %, the batch was computed from %', seen, basis using errcode = 'P0001';
    end if;
    if cardinality(verdicts) <> cardinality(positions) or cardinality(tables) <> cardinality(rows) or not tables <@ names then
        raise exception 'the columns of a register batch do not fit together' using errcode = 'P0001';
    end if;
    insert into register_log (position, closure, verdict)
        select u.position, apply_register.closure, u.verdict from unnest(positions, verdicts) as u(position, verdict);
    foreach name in array names loop
        if name = any (tables) then
            execute format('insert into %1$I select r.* from unnest($1, $2) with ordinality as u(t, j, ord)'
                           ' cross join lateral json_populate_record(null::%1$I, u.j::json) r where u.t = %1$L order by u.ord', name)
                using tables, rows;
        end if;
    end loop;
    insert into register_refusal (position, ordinal, code, pointer, text_en, text_zh)
        select u.position, (row_number() over (partition by u.position order by u.ord) - 1)::int2, u.code, u.pointer, u.en, u.zh
        from unnest(refused_positions, refused_codes, refused_pointers, refused_en, refused_zh) with ordinality
            as u(position, code, pointer, en, zh, ord);
    return;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- grants and the kind's row

grant execute on function apply_register(int8, int8[], uuid[], timestamptz[], int2[], int8[], text[], text[], int8[], text[], text[], text[],
    text[]) to liangjin_broker;
grant execute on function unit_at(int8), team_at(int8), person_at(int8), membership_at(int8), site_at(int8), policy_at(int8),
    unit_and_above(int2, int8), team_state_on(date, date, date, datemultirange) to liangjin_broker, liangjin_worker, liangjin_audit;
grant select on register_log, register_refusal, unit, unit_version, team, team_version, person, person_version, membership, membership_version,
    site, site_version, policy, policy_version, exemption, exemption_version, current_unit, current_team, current_person, current_membership, current_site, current_policy,
    unit_directory, account, account_version, proposal, proposal_version to liangjin_broker, liangjin_worker, liangjin_audit;
grant select on unit_directory to liangjin_control, liangjin_monitor;
grant execute on function find_units(text) to liangjin_control, liangjin_audit;
-- unit_directory is inlined down to these, and what comes out of a function is read with the caller's rights, not the view's owner's.
grant execute on function unit_at(int8) to liangjin_control, liangjin_monitor;
grant select on unit, unit_version to liangjin_control, liangjin_monitor;

insert into kind (number, name, ordering, single, after, after_verdict, barrier, follow_on_max, feeds_directory, apply_function,
        result_function, settle_function)
    values (1, 'register', 'position', false, null, null, null, 0, true, 'apply_register', null, null)
    on conflict (number) do update set name = excluded.name, ordering = excluded.ordering, single = excluded.single, after = excluded.after,
        after_verdict = excluded.after_verdict, barrier = excluded.barrier, follow_on_max = excluded.follow_on_max,
        feeds_directory = excluded.feeds_directory, apply_function = excluded.apply_function, result_function = excluded.result_function,
        settle_function = excluded.settle_function;
reset role;
