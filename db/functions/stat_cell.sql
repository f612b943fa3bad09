-- Statistics, the cells: who took part, as sets of 64 persons, and facts that are rolled into cells a year, from which reports over many years come. Idempotent.
--
-- Facts that are not rolled are few (stat_roll keeps 60,000), those of activities with several teams are never: so a report reads cells and these facts, and
-- what is in a cell adds up over teams, units and the nation. Persons do not add up: a cell has the set of those who took part (mask of a chunk), sets are joined and
-- then counted. Sums are taken off a cell again when an activity changes; a set cannot be, so the sets of the year that its persons are in are made again (stat_masks_again).
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- A fact as what it adds to sums. Legacy activities are in legacy and legacy_minutes alone.
create or replace view stat_measured as
    select f.activity, f.position, f.month, extract(year from f.month)::int2 as year, f.team, f.unit, f.sport, f.level, f.region, f.site_kind, f.body, f.anchor,
           f.mode, f.groups, f.themes, f.joint, f.rolled, f.chunks, f.masks, (not f.legacy)::int4 as activities, f.legacy::int4 as legacy,
           case when f.legacy then 0 else f.sessions end::int4 as sessions, case when f.legacy then 0 else f.person_times end::int4 as person_times,
           f.timed::int4 as timed, f.timely::int4 as timely, (not f.legacy and f.corrected)::int4 as corrected,
           case when f.legacy then 0 else f.disputed end::int4 as disputed, (not f.legacy and (f.site_kind = 9 or f.themes >> 4 & 1 = 1))::int4 as rural,
           (not f.legacy and f.region / 10000 in (15, 45, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65))::int4 as west,
           (not f.legacy and f.groups & 504 <> 0)::int4 as key_group, case when f.legacy then 0 else f.minutes end as minutes,
           case when f.legacy then f.minutes else 0 end as legacy_minutes, case when f.legacy then 0 else f.unconfirmed end as unconfirmed,
           case when f.legacy then 0 else f.guidance end::int4 as guidance, case when f.legacy then 0 else f.onsite end as onsite,
           case when f.legacy then 0 else f.online end as online
    from stat_fact f;

-- The same, a row a chunk; the sums stand with the first.
create or replace view stat_spread as
    select m.activity, m.month, m.year, m.team, m.unit, m.sport, m.level, m.region, m.site_kind, m.body, m.anchor, m.mode, m.groups, m.themes, m.rolled,
           coalesce(m.chunks[1], 0) as chunk, coalesce(m.masks[1], 0) as mask,
           m.activities, m.legacy, m.sessions, m.person_times, m.timed, m.timely, m.corrected, m.disputed, m.rural, m.west, m.key_group, m.minutes,
           m.legacy_minutes, m.unconfirmed, m.guidance, m.onsite, m.online
    from stat_measured m
    union all
    select m.activity, m.month, m.year, m.team, m.unit, m.sport, m.level, m.region, m.site_kind, m.body, m.anchor, m.mode, m.groups, m.themes, m.rolled,
           c.chunk, c.mask,
           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from stat_measured m cross join lateral unnest(m.chunks[2:], m.masks[2:]) c(chunk, mask)
    where cardinality(m.chunks) > 1;

-- What facts add to the cells of teams and of pairs: a row a value. Numbers of dimensions: stat_dim.
create or replace view stat_team_piece as
    select m.*, d.dim::int2 as dim, d.value::int4 as value
    from stat_spread m cross join lateral (values (0, 0), (4, m.region), (5, m.site_kind), (6, m.body), (9, m.anchor), (10, m.mode),
        (11, extract(month from m.month))) d(dim, value)
    union all select m.*, 7::int2, g.bit from stat_spread m join stat_bit g on g.bits = m.groups
    union all select m.*, 8::int2, t.bit from stat_spread m join stat_bit t on t.bits = m.themes;
create or replace view stat_pair_piece as
    select m.*, d.dim1::int2 as dim1, d.dim2::int2 as dim2, d.value1::int4 as value1, d.value2::int4 as value2
    from stat_spread m cross join lateral (values (4, 5, m.region, m.site_kind), (4, 6, m.region, m.body), (4, 9, m.region, m.anchor), (4, 10, m.region, m.mode),
        (5, 6, m.site_kind, m.body), (5, 9, m.site_kind, m.anchor), (5, 10, m.site_kind, m.mode), (6, 9, m.body, m.anchor), (6, 10, m.body, m.mode),
        (9, 10, m.anchor, m.mode)) d(dim1, dim2, value1, value2)
    union all
    select m.*, least(7, d.dim)::int2, greatest(7, d.dim)::int2, case when d.dim < 7 then d.value else g.bit end, case when d.dim < 7 then g.bit else d.value end
    from stat_spread m join stat_bit g on g.bits = m.groups
        cross join lateral (values (4, m.region), (5, m.site_kind::int4), (6, m.body), (9, m.anchor), (10, m.mode)) d(dim, value)
    union all
    select m.*, least(8, d.dim)::int2, greatest(8, d.dim)::int2, case when d.dim < 8 then d.value else t.bit end, case when d.dim < 8 then t.bit else d.value end
    from stat_spread m join stat_bit t on t.bits = m.themes
        cross join lateral (values (4, m.region), (5, m.site_kind::int4), (6, m.body), (9, m.anchor), (10, m.mode)) d(dim, value);

-- Gives persons of activities a place, and with them all members of their teams, so that a team stands together.
create or replace function stat_seats(activities uuid[], upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
begin
    with come as materialized (
        select distinct p.person, p.team
        from unnest(activities) a(activity) join quota_version v on v.activity = a.activity and v.position <= upto
            join quota_participation p on p.position = v.position and p.listed and p.role <> 5
        where not exists (select from stat_seat s where s.person = p.person)
    ), new as (
        select distinct on (c.person) c.person, t.unit, c.team
        from (select * from come union all
              select m.person, m.team from (select distinct come.team from come) x join membership m on m.team = x.team
              where not exists (select from stat_seat s where s.person = m.person)) c join team t on t.number = c.team
        order by c.person, c.team
    ), placed as (
        select n.person, n.unit, (select count(*) from stat_seat s where s.unit = n.unit) + row_number() over (partition by n.unit order by n.team, n.person) - 1 as nth
        from new n
    )
    insert into stat_seat (person, chunk, unit, bit)
        select p.person, p.unit::int4 << 16 | (p.nth / 64)::int4, p.unit, (p.nth % 64)::int2 from placed p;
end
$$;

-- Adds facts to the cells (sign 1), or takes their sums away (-1; the sets stay).
create or replace function stat_cells_add(those uuid[], sign int4) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '256MB' set jit = off as $$
begin
    insert into stat_team_cell as s (dim, year, team, chunk, value, sport, level, unit, mask,
            activities, legacy, sessions, person_times, timed, timely, corrected, disputed, rural, west, key_group, minutes, legacy_minutes,
            unconfirmed, guidance, onsite, online)
        select p.dim, p.year, p.team, p.chunk, p.value, p.sport, p.level, p.unit, case when sign > 0 then bit_or(p.mask) else 0 end,
               sign * sum(p.activities), sign * sum(p.legacy), sign * sum(p.sessions), sign * sum(p.person_times), sign * sum(p.timed),
               sign * sum(p.timely), sign * sum(p.corrected), sign * sum(p.disputed), sign * sum(p.rural), sign * sum(p.west),
               sign * sum(p.key_group), sign * sum(p.minutes), sign * sum(p.legacy_minutes), sign * sum(p.unconfirmed), sign * sum(p.guidance),
               sign * sum(p.onsite), sign * sum(p.online)
        from stat_team_piece p where p.activity = any (those) group by 1, 2, 3, 4, 5, 6, 7, 8 order by 1, 2, 3
        on conflict (dim, year, team, chunk, value, sport, level) do update set mask = s.mask | excluded.mask,
            activities = s.activities + excluded.activities, legacy = s.legacy + excluded.legacy, sessions = s.sessions + excluded.sessions,
            person_times = s.person_times + excluded.person_times, timed = s.timed + excluded.timed, timely = s.timely + excluded.timely,
            corrected = s.corrected + excluded.corrected, disputed = s.disputed + excluded.disputed, rural = s.rural + excluded.rural,
            west = s.west + excluded.west, key_group = s.key_group + excluded.key_group, minutes = s.minutes + excluded.minutes,
            legacy_minutes = s.legacy_minutes + excluded.legacy_minutes, unconfirmed = s.unconfirmed + excluded.unconfirmed,
            guidance = s.guidance + excluded.guidance, onsite = s.onsite + excluded.onsite, online = s.online + excluded.online;
    insert into stat_pair_cell as s (dim1, dim2, year, chunk, value1, value2, mask,
            activities, legacy, sessions, person_times, timed, timely, corrected, disputed, rural, west, key_group, minutes, legacy_minutes,
            unconfirmed, guidance, onsite, online)
        select p.dim1, p.dim2, p.year, p.chunk, p.value1, p.value2, case when sign > 0 then bit_or(p.mask) else 0 end,
               sign * sum(p.activities), sign * sum(p.legacy), sign * sum(p.sessions), sign * sum(p.person_times), sign * sum(p.timed),
               sign * sum(p.timely), sign * sum(p.corrected), sign * sum(p.disputed), sign * sum(p.rural), sign * sum(p.west),
               sign * sum(p.key_group), sign * sum(p.minutes), sign * sum(p.legacy_minutes), sign * sum(p.unconfirmed), sign * sum(p.guidance),
               sign * sum(p.onsite), sign * sum(p.online)
        from stat_pair_piece p where p.activity = any (those) group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3
        on conflict (dim1, dim2, year, chunk, value1, value2) do update set mask = s.mask | excluded.mask,
            activities = s.activities + excluded.activities, legacy = s.legacy + excluded.legacy, sessions = s.sessions + excluded.sessions,
            person_times = s.person_times + excluded.person_times, timed = s.timed + excluded.timed, timely = s.timely + excluded.timely,
            corrected = s.corrected + excluded.corrected, disputed = s.disputed + excluded.disputed, rural = s.rural + excluded.rural,
            west = s.west + excluded.west, key_group = s.key_group + excluded.key_group, minutes = s.minutes + excluded.minutes,
            legacy_minutes = s.legacy_minutes + excluded.legacy_minutes, unconfirmed = s.unconfirmed + excluded.unconfirmed,
            guidance = s.guidance + excluded.guidance, onsite = s.onsite + excluded.onsite, online = s.online + excluded.online;
end
$$;

-- Makes the sets of chunks in years again, in the cells of teams and of pairs, from the facts that are rolled: index probes.
create or replace function stat_masks_again(years int2[], teams int4[], chunks int4[]) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
    those constant uuid[] := array(
        select distinct f.activity
        from (select distinct u.year, u.chunk from unnest(years, chunks) u(year, chunk)) u join stat_seat s on s.chunk = u.chunk
            join quota_participation q on q.person = s.person and q.day >= make_date(u.year, 1, 1) and q.day <= make_date(u.year, 12, 31)
            join quota_version v on v.position = q.position
            join stat_fact f on f.activity = v.activity and f.team = q.team and f.position = q.position and f.rolled);
begin
    update stat_team_cell s set mask = 0
        from (select distinct * from unnest(years, teams, chunks) u(year, team, chunk)) u cross join (values (0), (4), (5), (6), (7), (8), (9), (10), (11)) d(dim)
        where s.dim = d.dim and s.year = u.year and s.team = u.team and s.chunk = u.chunk;
    update stat_team_cell s set mask = r.mask
        from (select p.dim, p.year, p.team, p.chunk, p.value, p.sport, p.level, bit_or(p.mask) as mask
              from stat_team_piece p where p.activity = any (those) and p.mask <> 0
                  and exists (select from unnest(years, teams, chunks) u(year, team, chunk) where u.year = p.year and u.team = p.team and u.chunk = p.chunk)
              group by 1, 2, 3, 4, 5, 6, 7) r
        where s.dim = r.dim and s.year = r.year and s.team = r.team and s.chunk = r.chunk and s.value = r.value and s.sport = r.sport and s.level = r.level;
    update stat_pair_cell s set mask = 0
        from (select distinct * from unnest(years, chunks) u(year, chunk)) u
            cross join (select a, b from unnest('{4,5,6,7,8,9,10}'::int2[]) a cross join unnest('{4,5,6,7,8,9,10}'::int2[]) b where a < b) d(dim1, dim2)
        where s.dim1 = d.dim1 and s.dim2 = d.dim2 and s.year = u.year and s.chunk = u.chunk;
    update stat_pair_cell s set mask = r.mask
        from (select p.dim1, p.dim2, p.year, p.chunk, p.value1, p.value2, bit_or(p.mask) as mask
              from stat_pair_piece p where p.activity = any (those) and p.mask <> 0
                  and exists (select from unnest(years, chunks) u(year, chunk) where u.year = p.year and u.chunk = p.chunk)
              group by 1, 2, 3, 4, 5, 6) r
        where s.dim1 = r.dim1 and s.dim2 = r.dim2 and s.year = r.year and s.chunk = r.chunk and s.value1 = r.value1 and s.value2 = r.value2;
end
$$;

-- Rolls facts into the cells, unit by unit, until no more than `keep` are left that could be; slices: at most so many units (null: no limit). Returns how many facts were rolled.
create or replace function stat_roll(keep int4, slices int4 default null) returns int4
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set jit = off as $$
declare
    part constant int4 := 20000;
    done int4 := 0;
    those uuid[];
    u record;
begin
    for i in 1 .. coalesce(slices, 1000000) loop
        select f.unit, count(*) as n, sum(count(*)) over () as all_n into u from stat_fact f where not f.joint and not f.rolled group by f.unit order by 2 desc, 1 limit 1;
        exit when not found or u.all_n <= keep;
        those := array(select f.activity from stat_fact f where not f.joint and not f.rolled and f.unit = u.unit order by f.month limit part);
        perform stat_cells_add(those, 1);
        update stat_fact f set rolled = true where f.activity = any (those);
        done := done + cardinality(those);
    end loop;
    return done;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- what is on record of each

-- Facts as rows of stat_subject: of the team, of each athlete in it.
create or replace view stat_subject_piece as
    select f.activity, f.position, f.month, f.team, 1::int2 as kind, f.team as subject, f.site, f.region, f.joint, f.corrected, f.guidance, f.onsite, f.online
    from stat_fact f where not f.legacy
    union all
    select f.activity, f.position, f.month, f.team, 2::int2, p.person, f.site, f.region, f.joint, f.corrected, f.guidance, f.onsite, f.online
    from stat_fact f join quota_participation p on p.position = f.position and p.team = f.team and p.listed and p.role <> 5
    where not f.legacy;

-- Those of a and then those of b that are not in it.
create or replace function stat_union(a int4[], b int4[]) returns int4[] language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select case when b <@ a then a else a || array(select x from unnest(b) x where x <> all (a)) end
$$;

-- Adds activities that were not counted yet to what is on record of their teams and athletes.
create or replace function stat_subjects_add(those uuid[]) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
begin
    insert into stat_subject as s (year, kind, subject, activities, joint, corrected, guidance, onsite, online, months, sites, counties)
        select extract(year from p.month), p.kind, p.subject, count(*), sum(p.joint::int4), sum(p.corrected::int4), sum(p.guidance), sum(p.onsite), sum(p.online),
               bit_or(1 << (extract(month from p.month)::int4 - 1)), coalesce(array_agg(distinct p.site) filter (where p.site is not null), '{}'),
               coalesce(array_agg(distinct p.region) filter (where p.region % 100 <> 0), '{}')
        from stat_subject_piece p where p.activity = any (those) group by 1, 2, 3
        on conflict (year, kind, subject) do update set activities = s.activities + excluded.activities, joint = s.joint + excluded.joint,
            corrected = s.corrected + excluded.corrected, guidance = s.guidance + excluded.guidance, onsite = s.onsite + excluded.onsite,
            online = s.online + excluded.online, months = s.months | excluded.months, sites = stat_union(s.sites, excluded.sites),
            counties = stat_union(s.counties, excluded.counties);
end
$$;

-- Makes years of teams and athletes again, from the facts: index probes.
create or replace function stat_subjects_again(years int2[], kinds int2[], subjects int4[]) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
begin
    delete from stat_subject s using unnest(years, kinds, subjects) u(year, kind, subject) where s.year = u.year and s.kind = u.kind and s.subject = u.subject;
    insert into stat_subject (year, kind, subject, activities, joint, corrected, guidance, onsite, online, months, sites, counties)
        select x.year, x.kind, x.subject, count(*), sum(f.joint::int4), sum(f.corrected::int4), sum(f.guidance), sum(f.onsite), sum(f.online),
               bit_or(1 << (extract(month from f.month)::int4 - 1)), coalesce(array_agg(distinct f.site) filter (where f.site is not null), '{}'),
               coalesce(array_agg(distinct f.region) filter (where f.region % 100 <> 0), '{}')
        from (select u.year, u.kind, u.subject, q.position, q.team
              from (select distinct * from unnest(years, kinds, subjects) u(year, kind, subject)) u
                  join quota_participation q on q.person = u.subject and q.day >= make_date(u.year, 1, 1) and q.day <= make_date(u.year, 12, 31)
                      and q.listed and q.role <> 5
              where u.kind = 2
              union all
              select u.year, u.kind, u.subject, t.position, t.team
              from (select distinct * from unnest(years, kinds, subjects) u(year, kind, subject)) u
                  join quota_team t on t.team = u.subject and t.day >= make_date(u.year, 1, 1) and t.day <= make_date(u.year, 12, 31)
              where u.kind = 1) x
            join quota_version v on v.position = x.position
            join stat_fact f on f.activity = v.activity and f.team = x.team and f.position = x.position and not f.legacy
        group by 1, 2, 3;
end
$$;
reset role;
