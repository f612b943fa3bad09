-- Flags: what somebody should look at because of several activities together. Idempotent.
--
-- The kind validation judges an event by itself; what depends on others is seen here, in the settlement of the kind quota, up to a position at and
-- below which validation, register and quota have closed everything (settle_upto() in broker/settle.c takes the lowest of the three watermarks). A
-- flag of version p looks at what was the current version of every other activity at p and at nothing above p, so it is the same however settlements
-- were cut and whenever p came in its turn. A version that comes late (redriven) is judged when it comes, and later ones near it are judged again.
-- A change of rule_setting inside one settlement is the exception: settings are those of the settled position.
-- No flag changes credit, a verdict or a state; what is decided of a duplicate does (flag_state.sql). Tables: db/migrations/0008_rules.sql; what each rule says: docs/activities.md.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create or replace trigger rule_setting_append_only before update or delete or truncate on rule_setting
    for each statement execute function append_only();
-- A new set begins above everything that may have been judged by the old one: above the log's end, or at an event that sets it, for which all kinds that
-- read settings wait.
create or replace function rule_setting_ahead() returns trigger language plpgsql set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    if new.position > 0 and new.position <= (select max(h.frontier) from log_head h)
            and not exists (select from event e join event_type t on t.number = e.type where e.position = new.position
                            and t.name in ('policy.rule_set', 'policy.approved')) then
        raise exception 'a setting of a rule must begin above the end of the log' using errcode = 'P0001';
    end if;
    return new;
end
$$;
create or replace trigger rule_setting_ahead before insert on rule_setting for each row execute function rule_setting_ahead();

create or replace function km_between(lat1 float8, lon1 float8, lat2 float8, lon2 float8) returns float8
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
    select 2 * 6371.0088 * asin(sqrt(least(1, sind((lat2 - lat1) / 2) ^ 2 + cosd(lat1) * cosd(lat2) * sind((lon2 - lon1) / 2) ^ 2)))
$$;

-- What validation itself has found and called a flag.
create or replace function flag_own(todo int8[]) returns void
    language sql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    insert into flag (position, activity, unit, code, severity, pointer, evidence)
        select distinct on (v.position, n.note ->> 'code', n.note ->> 'pointer') v.position, v.activity, v.unit, n.note ->> 'code', 'F',
               n.note ->> 'pointer', coalesce(json_strip_nulls(json_build_object('a', n.note -> 'a', 'b', n.note -> 'b'))::text, '{}')
        from unnest(todo) t(p) join validation v on v.position = t.p
            cross join lateral json_array_elements(v.notes::json) n(note)
        where v.version is not null and v.notes like '%"severity":"F"%' and n.note ->> 'severity' = 'F'
            and not exists (select from flag f where f.position = v.position and f.code = n.note ->> 'code')
$$;

-- V09, V10: a person in two activities that overlap, or that lie further apart than can be travelled in between. The plan is made once a session and fits
-- one report as well as a day's: tables are reached by their keys from what was found before (lateral, offset 0: the planner may not turn that round), what
-- was found is joined by hash, and no estimate is asked. Persons are gone through in the order of their index: neighbours lie on one page of it. Of a person's
-- others the latest 24 of three days are looked at, or a flood would be squared. todo: versions at or below `since` (late), and those in (since, upto].
drop function if exists flag_persons(int8[], int8);   -- the old form
create or replace function flag_persons(since int8, todo int8[], upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
    set enable_nestloop = off set enable_mergejoin = off set enable_seqscan = off set enable_memoize = off set jit = off as $$
declare
    km_h float8 := (select min(v)::float8 from rule_values('V10', 'km_h', upto) v);
    placed bool := km_h is not null and exists (select from site_version s where s.lat is not null);
begin
    insert into flag (position, other, activity, unit, code, severity, pointer, evidence)
    with mine as materialized (
        select m.position, m.person, m.day from quota_participation m where m.position > since and m.position <= upto
        union all
        select m.* from unnest(todo) t(p) cross join lateral (
            select x.position, x.person, x.day from quota_participation x where x.position = t.p offset 0) m where t.p <= since
        order by 2, 3, 1
    ), pair as materialized (
        select m.position as p, x.position as q, array_agg(m.person) as persons
        from mine m cross join lateral (
            select n.position from quota_participation n
            where n.person = m.person and n.day between m.day - 1 and m.day + 1 and n.position < m.position
            order by n.day desc, n.position desc limit 24) x
        group by m.position, x.position
    ), a as materialized (
        select v.position as p, v.activity, v.unit, v.op, v.start_at, v.end_at
        from validation v where v.position > since and v.position <= upto and v.version is not null
        union all
        select v.* from unnest(todo) t(p) cross join lateral (
            select x.position, x.activity, x.unit, x.op, x.start_at, x.end_at from validation x where x.position = t.p offset 0) v where t.p <= since
    ), near as materialized (                  -- only what can overlap, or lies at two places
        select o.p, o.q, o.persons, a.activity, a.unit, a.op, a.start_at as a1, a.end_at as a2, b.activity as b_activity, b.version as b_version,
               b.start_at as b1, b.end_at as b2
        from pair o join a on a.p = o.p
            cross join lateral (select v.activity, v.version, v.start_at, v.end_at from validation v where v.position = o.q offset 0) b
        where a.activity <> b.activity
            and (a.start_at < b.end_at and b.start_at < a.end_at or placed and (
                 select v.site from quota_version v where v.position = o.p) <> (select v.site from quota_version v where v.position = o.q))
    ), two as materialized (                   -- b_roster: only where it has times of its own
        select n.*, a.short as a_short, b.short as b_short, case when b.short ~ '"(in|out)":[0-9]' then b.short::json -> 'roster' end as b_roster,
               (extract(epoch from n.a1) * 1000000)::int8 as a1_us, (extract(epoch from n.a2) * 1000000)::int8 as a2_us,
               (extract(epoch from n.b1) * 1000000)::int8 as b1_us, (extract(epoch from n.b2) * 1000000)::int8 as b2_us
        from near n
            cross join lateral (select v.short from validation v where v.position = n.p offset 0) a
            cross join lateral (select v.short from validation v where v.position = n.q offset 0) b
        where not exists (select from validation z where z.activity = n.b_activity and z.version > n.b_version and z.position <= n.p offset 0)
    ), row as materialized (                   -- a person's own times, where the roster has them
        select w.*, (r.n - 1)::text as n, (r.v ->> 'p')::int4 as person,
               coalesce((r.v ->> 'in')::int8, w.a1_us) as i1, coalesce((r.v ->> 'out')::int8, w.a2_us) as i2,
               coalesce(s.i, w.b1_us) as j1, coalesce(s.o, w.b2_us) as j2
        from two w
            cross join lateral (select x.v, x.n from json_array_elements(w.a_short::json -> 'roster') with ordinality x(v, n) offset 0) r
            left join lateral (
                select (y.v ->> 'in')::int8 as i, (y.v ->> 'out')::int8 as o from json_array_elements(w.b_roster) y(v)
                where (y.v ->> 'p')::int4 = (r.v ->> 'p')::int4 offset 0) s on true
        where (r.v ->> 'p')::int4 = any (w.persons)
    ), judged as materialized (
        select w.*, w.i1 < w.j2 and w.j1 < w.i2 as overlaps,
               case when not (w.i1 < w.j2 and w.j1 < w.i2) then greatest(w.i1 - w.j2, w.j1 - w.i2) end / 60000000 as gap,
               case when placed and not (w.i1 < w.j2 and w.j1 < w.i2) then (
                   select km_between(a.lat, a.lon, b.lat, b.lon) from
                       (select s.lat::float8, s.lon::float8 from site_version s where s.number = (w.a_short::json ->> 'site')::int4 and s.position <= w.p
                           order by s.position desc limit 1) a,
                       (select s.lat::float8, s.lon::float8 from site_version s where s.number = (w.b_short::json ->> 'site')::int4 and s.position <= w.p
                           order by s.position desc limit 1) b) end as km
        from row w
    )
    select j.p, j.q, j.activity, j.unit, case when j.overlaps then 'V09' else 'V10' end, 'F',
           case j.op when 2 then '/body' else '' end || '/roster/' || j.n || '/person',
           json_build_object('activity', j.b_activity, 'person', (select (select u.code from unit u where u.number = i.unit) || '/' || i.code
               from person i where i.number = j.person), 'minutes', case when j.overlaps then (least(j.i2, j.j2) - greatest(j.i1, j.j1)) / 60000000 else j.gap end,
               'km', round(j.km))::text
    from judged j
    where (j.overlaps or (j.km is not null and j.km * 60 > j.gap * km_h))
        and not exists (select from flag f where f.position = j.p and f.code in ('V09', 'V10') and f.other = j.q
                        and f.pointer = case j.op when 2 then '/body' else '' end || '/roster/' || j.n || '/person' offset 0);
end
$$;

-- V14: a school in whose term there are more visits than the setting allows, told once, of the visit that exceeds it. A visit is a site, local day and
-- reporting unit; it stays counted when its report is corrected to another day or withdrawn. Units register a school each for itself: those of one
-- name and region are one school, the one that was registered first.
create or replace function flag_schools(todo int8[], upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = off set jit = off as $$
declare
    most int4 := (select min(v)::int4 from rule_values('V14', 'visits', upto) v);
    starts text[] := array(select rule_values('V14', 'term_from', upto));
    same bool := not exists (select from site_version s where s.position > (select min(p) from unnest(todo) p) and s.position <= upto);
begin
    if most is null or cardinality(starts) = 0 then
        return;
    end if;
    with seen as materialized (
        select distinct on (v.site, v.day, v.unit) v.position, v.site, v.day, v.unit, case when same then upto else v.position end as known_at
        from unnest(todo) t(p) cross join lateral (select x.position, x.site, x.day, x.unit from quota_version x where x.position = t.p offset 0) v
        where v.site is not null order by v.site, v.day, v.unit, v.position
    ), known as materialized (                 -- many visits, few schools and days
        select s.site as said, s.known_at, k.kind, k.site
        from (select distinct seen.site, seen.known_at from seen) s
            cross join lateral (select x.kind, (select min(c.number) from site_version c where c.name = x.name and c.region is not distinct from x.region
                and c.position <= s.known_at) as site from site_version x where x.number = s.site and x.position <= s.known_at order by x.position desc limit 1) k
    ), term as materialized (
        select d.day, (select max(make_date(y, left(s, 2)::int4, right(s, 2)::int4)) from unnest(starts) s,
                   generate_series(extract(year from d.day)::int4 - 1, extract(year from d.day)::int4) y
                where make_date(y, left(s, 2)::int4, right(s, 2)::int4) <= d.day) as term
        from (select distinct seen.day from seen) d
    ), visit as materialized (
        select distinct on (k.site, q.day, q.unit) q.position, k.site, q.day, q.unit, m.term
        from seen q join known k on k.said = q.site and k.known_at = q.known_at join term m on m.day = q.day
        where k.kind in ('KINDERGARTEN', 'PRIMARY', 'MIDDLE', 'SENIOR', 'NINE_YEAR', 'SPECIAL_ED', 'VOCATIONAL')
        order by k.site, q.day, q.unit, q.position
    ), new as (
        insert into flag_visit (position, site, term, day, unit)
            select v.position, v.site, v.term, v.day, v.unit from visit v on conflict (site, term, day, unit) do nothing
            returning position, site, term
    ), school as (
        select n.site, n.term from new n group by n.site, n.term
    ), rank as (                               -- what was there and what is new, of the schools that got something
        select x.site, x.term, x.position, row_number() over (partition by x.site, x.term order by x.position) as n
        from (select s.site, s.term, o.position from school s join flag_visit o on o.site = s.site and o.term = s.term
              union all select n.site, n.term, n.position from new n) x
    )
    insert into flag (position, activity, unit, code, severity, pointer, evidence)
        select r.position, v.activity, v.unit, 'V14', 'W', case v.op when 2 then '/body/site' else '/site' end,
               json_build_object('site', (select u.code || '/' || i.code from site i join unit u on u.number = i.unit where i.number = r.site),
                                 'term', r.term, 'visits', r.n)::text
        from rank r join validation v on v.position = r.position
        where r.n = most + 1 and not exists (select from flag f where f.position = r.position and f.code = 'V14');
end
$$;

-- V19: round numbers of people in most of a team's last reports by day, told of a report that has one itself.
create or replace function flag_numbers(todo int8[], upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
declare
    last int4 := (select min(v)::int4 from rule_values('V19', 'reports', upto) v);
    share int4 := (select min(v)::int4 from rule_values('V19', 'percent', upto) v);
    people int4 := (select min(v)::int4 from rule_values('V19', 'people', upto) v);
begin
    insert into flag (position, activity, unit, code, severity, pointer, evidence)
        select v.position, v.activity, v.unit, 'V19', 'W', case v.op when 2 then '/body/audience' else '/audience' end,
               json_build_object('team', min(u.code || '/' || i.code), 'reports', last, 'round', max(s.round))::text
        from unnest(todo) t(p) join validation v on v.position = t.p cross join lateral unnest(v.teams) m(team)
            join team i on i.number = m.team join unit u on u.number = i.unit
            cross join lateral (
                select count(*) as n, count(*) filter (where r.audience > people and r.audience % 100 = 0) as round
                from (select o.audience from quota_team q join validation o on o.position = q.position
                      where q.team = m.team and q.day <= v.day and q.position <= v.position
                          and not exists (select from validation z where z.activity = o.activity and z.version > o.version and z.position <= v.position)
                      order by q.day desc, q.position desc limit last) r) s
        where v.audience > people and v.audience % 100 = 0 and s.n = last and s.round * 100 >= share * s.n
            and not exists (select from flag f where f.position = v.position and f.code = 'V19')
        group by v.position;
end
$$;

-- V27: the same photo, or one that looks the same, in another activity. Two units may both show what they held together: at one time, at one place.
create or replace function flag_photos(todo int8[], upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set jit = off as $$
declare
    distance int4 := (select min(v)::int4 from rule_values('V27', 'distance', upto) v);
begin
    insert into flag_photo (position, sight, place, hash, pieces)
        select v.position, s.sight, (n.photo ->> 'place')::int2, decode(n.photo ->> 'hash', 'hex'),
               case when s.sight is not null then array(select (g << 10 | (s.sight >> (g * 9)) & case g when 6 then 1023 else 511 end)::int4
                                                        from generate_series(0, 6) g) end
        from unnest(todo) t(p) join validation v on v.position = t.p cross join lateral json_array_elements(v.photos::json) n(photo)
            cross join lateral (select ('x' || (n.photo ->> 'sight'))::bit(64)::int8 as sight) s
        where v.photos is not null and not exists (select from flag_photo x where x.position = v.position);
    insert into flag (position, other, activity, unit, code, severity, pointer, evidence)
        select distinct on (v.position, h.place, o.position) v.position, o.position, v.activity, v.unit, 'V27', 'F',
               case v.op when 2 then '/body' else '' end || '/attachments/' || h.place,
               json_build_object('activity', o.activity, 'distance', x.d)::text
        from unnest(todo) t(p) join flag_photo h on h.position = t.p join validation v on v.position = t.p
            cross join lateral (
                select e.position, 0 as d from flag_photo e where e.hash = h.hash and e.position < h.position
                union all
                select e.position, bit_count((e.sight # h.sight)::bit(64))::int4 from flag_photo e
                where e.pieces && h.pieces and e.position < h.position and bit_count((e.sight # h.sight)::bit(64)) <= distance) x
            join validation o on o.position = x.position
        where o.activity <> v.activity and not exists (select from validation z where z.activity = o.activity and z.version > o.version and z.position <= v.position)
            and not (o.unit <> v.unit and o.start_at < v.end_at and v.start_at < o.end_at and exists (
                select from quota_version a join quota_version b on b.position = o.position
                    join lateral (select s.* from site_version s where s.number = a.site and s.position <= v.position order by s.position desc limit 1) c on true
                    join lateral (select s.* from site_version s where s.number = b.site and s.position <= v.position order by s.position desc limit 1) d on true
                where a.position = v.position and (c.number = d.number or c.name = d.name and c.region is not distinct from d.region)))
            and not exists (select from flag f where f.position = v.position and f.code = 'V27' and f.other = o.position)
        order by v.position, h.place, o.position, x.d;
end
$$;

-- V33: the persons of another activity in the same order, told of the latest one before.
create or replace function flag_rosters(todo int8[]) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
begin
    insert into flag (position, other, activity, unit, code, severity, pointer, evidence)
        select v.position, o.position, v.activity, v.unit, 'V33', 'F', case v.op when 2 then '/body/roster' else '/roster' end,
               json_build_object('activity', o.activity)::text
        from unnest(todo) t(p) join validation v on v.position = t.p
            cross join lateral (
                select x.position, x.activity from validation x
                where x.roster_order = v.roster_order and x.position < v.position and x.activity <> v.activity
                    and not exists (select from validation z where z.activity = x.activity and z.version > x.version and z.position <= v.position)
                order by x.position desc limit 1) o
        where v.roster_order is not null and not exists (select from flag f where f.position = v.position and f.code = 'V33');
end
$$;

-- V35: many reports, or many participations, by one account in a short time; told once, of the report with which it begins. What was rejected is
-- not counted, nor what came late (redriven).
create or replace function flag_accounts(since int8, upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
    set enable_nestloop = off set enable_mergejoin = off set enable_seqscan = off set enable_memoize = off set jit = off as $$
declare
    most int4 := (select min(v)::int4 from rule_values('V35', 'reports', upto) v);
    report_time interval := (select min(v)::int4 from rule_values('V35', 'report_seconds', upto) v) * interval '1 second';
    most_rows int4 := (select min(v)::int4 from rule_values('V35', 'rows', upto) v);
    row_time interval := (select min(v)::int4 from rule_values('V35', 'row_seconds', upto) v) * interval '1 second';
    kept int4 := greatest(most, most_rows) + 1;
    accounts text[];
begin
    with new as materialized (
        select q.position, e.received_at, coalesce(c.n, 0) as participations, e.source
        from (select x.position from quota_version x where x.position > since and x.position <= upto and x.op = 1 offset 0) q
            left join (select p.position, count(*)::int4 as n from quota_participation p where p.position > since and p.position <= upto
                       group by p.position offset 0) c on c.position = q.position
            cross join lateral (select v.received_at, v.source from event v where v.position = q.position offset 0) e
    ), span as (
        select n.*, true as fresh from new n
        union all
        select o.*, false from (select distinct n.source from new n offset 0) s
            cross join lateral (select f.* from flag_entry f where f.source = s.source offset 0) o
    ), late as (                               -- the frames begin with their earliest: first_value, which costs the same however long they are
        select s.*, s.received_at - first_value(s.received_at) over near <= report_time and count(*) over near > most as many,
               sum(s.participations) over short > most_rows as much, count(*) over near as reports, sum(s.participations) over short as total
        from span s
        window near as (partition by s.source order by s.received_at, s.position rows most preceding),
               short as (partition by s.source order by s.received_at range between row_time preceding and current row)
    ), first as (
        select l.*, l.many and not lag(l.many, 1, false) over w as many_now, l.much and not lag(l.much, 1, false) over w as much_now
        from late l window w as (partition by l.source order by l.received_at, l.position)
    ), told as (
        insert into flag (position, activity, unit, code, severity, pointer, evidence)
            select f.position, v.activity, v.unit, 'V35', 'F', '', json_build_object('account', f.source,
                'reports', case when f.many_now then f.reports end, 'seconds', case when f.many_now then extract(epoch from report_time)::int4
                else extract(epoch from row_time)::int4 end, 'participations', case when f.much_now then f.total end)::text
            from (select x.* from first x where x.fresh and (x.many_now or x.much_now) offset 0) f
                cross join lateral (select w.activity, w.unit from validation w where w.position = f.position offset 0) v
    ), entered as (
        insert into flag_entry (position, received_at, participations, source)
            select n.position, n.received_at, n.participations, n.source
            from (select new.*, row_number() over (partition by new.source order by new.position desc) as back from new) n where n.back <= kept + 1
            returning source
    )
    select array_agg(distinct e.source) into accounts from entered e;
    delete from flag_entry e using (
        select s.source, (select x.position from flag_entry x where x.source = s.source order by x.position desc offset kept limit 1) as oldest
        from unnest(accounts) s(source)) k
    where e.source = k.source and e.position < k.oldest;
end
$$;

-- Raises what is new in (since, upto], and for late versions at or below `since`.
create or replace function settle_flags(since int8, upto int8, late int8[]) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
declare
    todo int8[] := array(select q.position from quota_version q where q.position > since and q.position <= upto and q.op < 3
                         union select q.position from quota_version q where q.position = any (late) and q.op < 3 order by 1);
    own int8[]; photos int8[]; rosters int8[]; numbers int8[];
begin
    if cardinality(late) > 0 then              -- later versions of the same persons, which have not seen these
        todo := array(select t from unnest(todo) t
                      union
                      select o.position from unnest(late) l(p) join quota_participation m on m.position = l.p
                          join quota_participation o on o.person = m.person and o.day between m.day - 1 and m.day + 1
                              and o.position > l.p and o.position <= upto order by 1);
    end if;
    if cardinality(todo) = 0 then
        return;
    end if;
    -- Most versions have nothing that these rules are about: one look at each says for which.
    select array_agg(v.position) filter (where v.notes like '%"severity":"F"%'), array_agg(v.position) filter (where v.photos is not null),
           array_agg(v.position) filter (where v.roster_order is not null), array_agg(v.position) filter (where v.audience % 100 = 0 and v.audience > 0)
        into own, photos, rosters, numbers
        from unnest(todo) t(p) cross join lateral (
            select x.position, x.notes, x.photos, x.roster_order, x.audience from validation x where x.position = t.p offset 0) v;
    perform flag_own(own) where own is not null;
    perform flag_persons(since, todo, upto);
    perform flag_schools(todo, upto);
    perform flag_numbers(numbers, upto) where numbers is not null;
    perform flag_photos(photos, upto) where photos is not null;
    perform flag_rosters(rosters) where rosters is not null;
    perform flag_accounts(since, upto);
end
$$;

-- The settlement of the kind quota (its row is in quota_apply.sql): the ledger, in the same step the flags, which need what it needs, what was said
-- about flags, and where a day has begun, what is seen and told of the day before.
create or replace function settle_activities(upto int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
    since int8 := coalesce((select s.position from settled s where s.kind = 3), 0);
    late int8[] := array(select l.position from quota_late l where l.position <= settle_activities.upto and l.position <= since);
    seen int8 := coalesce((select q.register_closure from quota_seen q), 0);
begin
    return query select * from settle_quota(upto);
    if upto > since then
        perform settle_flags(since, upto, late);
        return query select * from flag_days(since, upto, seen);
        return query select * from quota_digest(since, upto);
        return query select * from quota_levels(since, upto);
        if exists (select from calendar_day c where c.position > since and c.position <= settle_activities.upto) then
            return query select * from quota_quarters(since, upto);
            return query select * from plan_reports_missing(since, upto);
        end if;
        return query select * from flag_digest(since, upto);
        return query select * from flag_alerts(since, upto);
        perform stat_fold_day(since, upto);
    end if;
end
$$;

grant execute on function settle_activities(int8) to liangjin_broker;
reset role;
