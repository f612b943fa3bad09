-- Flags that take many activities, raised once a local day at the position of calendar.day_started: copied texts (V32), suspected duplicates (DUP),
-- and the signs of formalism X06, X10 to X14, X16 and HILO. Idempotent.
--
-- A day looks at what became of the log since the day before: at versions that came and are current as the day begins, and at what hosts and
-- athletes said. Everything is judged as of the day's position and nothing above it, set by set: a settlement a second would pay for it a thousand times. What is
-- reckoned from the ledger (X11) is what is settled. A version that comes late (redriven) below the day before is not looked at again. No flag
-- changes credit. What each says: docs/activities.md; numbers: rule_setting.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- ---------------------------------------------------------------------------------------------------------------- texts

-- What is compared of a text: letters in small, without these names.
create or replace function text_letters(t text, places text[]) returns text
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    place text;
begin
    foreach place in array coalesce(places, '{}') loop
        if char_length(place) >= 2 then
            t := replace(t, place, '');
        end if;
    end loop;
    return regexp_replace(lower(t), '[^[:alpha:]]+', '', 'g');
end
$$;

-- How much two texts have in common: the Jaccard similarity of their runs of k characters; null where one is shorter.
create or replace function text_likeness(a text, b text, k int4) returns numeric
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    with x as (select distinct substr(a, i, k) as s from generate_series(1, char_length(a) - k + 1) i),
         y as (select distinct substr(b, i, k) as s from generate_series(1, char_length(b) - k + 1) i),
         n as (select (select count(*) from x) as x, (select count(*) from y) as y, (select count(*) from x join y using (s)) as both)
    select case when n.x > 0 and n.y > 0 then n.both::numeric / (n.x + n.y - n.both) end from n
$$;

-- A text member of a report's body.
create or replace function body_text(p int8, member text) returns text
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce(e.payload::json -> 'body', e.payload::json) ->> member from event e where e.position = p
$$;

-- Names that say where a report was: its site's, its served body's, its unit's and teams'.
create or replace function place_names(p int8) returns text[]
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select array_remove(array[
        (select s.name from quota_version q cross join lateral (select x.name from site_version x where x.number = q.site and x.position <= p
            order by x.position desc limit 1) s where q.position = p),
        body_text(p, 'served_name'),
        (select u.name from validation v cross join lateral (select x.name from unit_version x where x.number = v.unit and x.position <= p
            order by x.position desc limit 1) u where v.position = p)], null)
        || coalesce((select array_agg(t.name) from validation v cross join lateral unnest(v.teams) m(team) cross join lateral (
            select x.name from team_version x where x.number = m.team and x.position <= p order by x.position desc limit 1) t where v.position = p), '{}')
$$;

-- Versions that came in (after, upto) and are current as `upto` begins, of activities that are neither withdrawn nor revoked.
create or replace function current_between(after int8, upto int8) returns int8[]
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select array(select v.position from validation v
        where v.position > after and v.position < upto and v.version is not null and v.op < 3
            and not exists (select from validation z where z.activity = v.activity and z.version > v.version and z.position < upto)
            and not exists (select from validation r where r.activity = v.activity and r.version is null and r.state = 9 and r.position < upto)
        order by v.position)
$$;

-- V32: a narrative that another report of the unit has. The two likest by their sketches, of as many before as the setting says, are compared
-- as they are; 58 of 256 bits is a likeness of 0.55: that much is left of a copy in which all names of places were changed.
-- Of a day that brings more pairs than `exact`, the likest are compared and the others judged by what their sketches say (1 - bits / 128): settlement waits for this.
create or replace function flag_texts(fresh int8[], at int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
declare
    percent numeric := (select min(v)::numeric from rule_values('V32', 'percent', at) v);
    back int4 := (select min(v)::int4 from rule_values('V32', 'back', at) v);
    exact constant int4 := 2000;               -- pairs of a day, at about 3 ms each
begin
    insert into flag (position, other, seen, activity, unit, code, severity, pointer, evidence)
    with near as materialized (
        select v.position as p, v.activity, v.unit, v.op, o.position as q, o.activity as other, o.d
        from unnest(fresh) t(p) cross join lateral (select * from validation x where x.position = t.p and x.sketch is not null offset 0) v
            cross join lateral (
                select x.position, x.activity, bit_count(x.sketch # v.sketch) as d
                from (select y.position, y.activity, y.sketch, y.version from validation y
                      where y.unit = v.unit and y.sketch is not null and y.position < v.position order by y.position desc limit back) x
                where bit_count(x.sketch # v.sketch) <= 58 and x.activity <> v.activity
                    and not exists (select from validation z where z.activity = x.activity and z.version > x.version and z.position < at)
                order by 3, x.position desc limit 2) o
    ), ranked as materialized (
        select n.*, row_number() over (order by n.d, n.p, n.q) <= exact as is_exact from near n
    ), alike as materialized (
        select n.*, case when n.is_exact then (
                   select text_likeness(text_letters(body_text(n.p, 'narrative'), x.names), text_letters(body_text(n.q, 'narrative'), x.names), 4)
                   from (select place_names(n.p) || place_names(n.q) as names offset 0) x)
               else 1 - n.d / 128.0 end as likeness
        from ranked n
    )
    select distinct on (a.p) a.p, a.q, at, a.activity, a.unit, 'V32', 'F', case a.op when 2 then '/body/narrative' else '/narrative' end,
           json_strip_nulls(json_build_object('activity', a.other, 'percent', floor(a.likeness * 100), 'by', case when not a.is_exact then 'sketch' end))::text
    from alike a where a.likeness * 100 >= percent and not exists (select from flag f where f.position = a.p and f.code = 'V32')
    order by a.p, a.likeness desc, a.q desc;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- duplicates

-- DUP: two activities that may be one event, told of the later version. Of one region, at times that overlap (or with one photo), at one site or with two
-- persons in common. score = 0.30 site + 0.25 roster + 0.20 time + 0.15 text + 0.10 photo, all kept. Two schools on one day, morning and afternoon at one, a series
-- on other days do not overlap, and so are not looked at.
create or replace function flag_duplicates(fresh int8[], at int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
declare
    sure numeric := (select min(v)::numeric from rule_values('DUP', 'percent', at) v);
    suspect numeric := (select min(v)::numeric from rule_values('DUP', 'suspect', at) v);
    metres int4 := (select min(v)::int4 from rule_values('DUP', 'metres', at) v);
    first date;
    last date;
begin
    select min(v.day) - 1, max(v.day) + 1 into first, last from validation v where v.position = any (fresh);
    insert into flag (position, other, seen, activity, unit, score, code, severity, pointer, evidence)
    with pool as materialized (                -- current versions of those days
        select v.position, v.activity, v.version, v.unit, v.start_at, v.end_at, v.day, v.sketch, q.site, s.place, coalesce((s.place).region, '') as region,
               v.position = any (fresh) as new
        from validation v join quota_version q on q.position = v.position
            left join lateral (select x as place from site_version x where x.number = q.site and x.position < at order by x.position desc limit 1) s on true
        where v.day between first and last and v.position < at and v.version is not null and v.op < 3
            and not exists (select from validation z where z.activity = v.activity and z.version > v.version and z.position < at)
            and not exists (select from validation r where r.activity = v.activity and r.version is null and r.state = 9 and r.position < at)
    ), member as materialized (
        select m.position, m.person, m.day, p.new from pool p join quota_participation m on m.position = p.position
    ), shared as materialized (
        select m.position as p, x.position as q
        from member m cross join generate_series(-1, 1) away join member x on x.person = m.person and x.day = m.day + away and x.position < m.position
        where m.new group by m.position, x.position having count(*) >= 2
    ), met as materialized (                   -- a step at a time: joined by region first, it would be everything with everything
        select s.p, s.q, p.activity, p.region, p.start_at, p.end_at from shared s join pool p on p.position = s.p
    ), crew as materialized (
        select m.position, array_agg(m.person) as persons, count(*)::int4 as n from member m group by m.position
    ), site as materialized (
        select distinct (p.place).number, p.region, replace((p.place).name, ' ', '') as name, (p.place).lat::float8 as lat, (p.place).lon::float8 as lon
        from pool p where p.site is not null
    ), near as materialized (                  -- one site for people: one number; one name in one region; so many metres; long names that hardly differ
        select a.number as a, b.number as b from site a join site b on a.region = b.region and a.name = b.name
        union
        select a.number, b.number from site a join site b on a.region = b.region and b.lat between a.lat - 0.05 and a.lat + 0.05
            where km_between(a.lat, a.lon, b.lat, b.lon) * 1000 < metres
        union
        select a.number, b.number from site a join site b on a.region = b.region and left(a.name, 2) = left(b.name, 2)
            where least(char_length(a.name), char_length(b.name)) >= 20 and text_likeness(a.name, b.name, 2) >= 0.9
    ), pair as materialized (
        select p.position as p, o.position as q from pool p join near n on n.a = p.site
            cross join generate_series(-1, 1) away  -- days by equality: a site that is visited often is joined a day at a time
            join pool o on o.site = n.b and o.day = p.day + away and o.start_at < p.end_at and p.start_at < o.end_at
        where p.new and o.position < p.position and o.activity <> p.activity
        union
        select m.p, m.q from met m join pool o on o.position = m.q
        where o.region = m.region and o.activity <> m.activity and o.start_at < m.end_at and m.start_at < o.end_at
        union
        select p.position, o.position from pool p join flag f on f.position = p.position and f.code = 'V27' and f.evidence::json ->> 'distance' = '0'
            join pool o on o.position = f.other and o.day between p.day - 1 and p.day + 1
        where p.new and o.activity <> p.activity
    ), part as materialized (
        select x.p, x.q, a.activity, a.unit, b.activity as other,
               case when exists (select from near n where n.a = a.site and n.b = b.site) then 1.0 else 0 end as site,
               coalesce(c.both / nullif(k.n + l.n - c.both, 0), 0) as roster,
               round(greatest(extract(epoch from least(a.end_at, b.end_at) - greatest(a.start_at, b.start_at)), 0)
                   / extract(epoch from greatest(a.end_at, b.end_at) - least(a.start_at, b.start_at)), 4) as time,
               case when a.sketch is not null and b.sketch is not null then greatest(1 - bit_count(a.sketch # b.sketch) / 128.0, 0) end as narrative,
               case when exists (select from flag_photo g join flag_photo h on h.hash = g.hash and h.position = x.q where g.position = x.p) then 1.0 else 0 end as photo
        from pair x join pool a on a.position = x.p join pool b on b.position = x.q left join crew k on k.position = x.p left join crew l on l.position = x.q
            cross join lateral (select count(*)::numeric as both from unnest(k.persons) u(m) where u.m = any (l.persons)) c
        where not exists (select from duplicate_pair d where d.first = least(a.activity, b.activity) and d.second = greatest(a.activity, b.activity) and d.position < at)
    ), told as materialized (                  -- titles are read where they can still decide it
        select r.*, round(case when r.narrative is null then t.title else (t.title + r.narrative) / 2 end, 4) as text
        from part r cross join lateral (select place_names(r.p) || place_names(r.q) as names offset 0) n
            cross join lateral (select coalesce(text_likeness(text_letters(body_text(r.p, 'title'), n.names), text_letters(body_text(r.q, 'title'), n.names), 2), 0)
                as title offset 0) t
        where 30 * r.site + 25 * r.roster + 20 * r.time + 15 + 10 * r.photo >= suspect
    ), scored as (
        select t.*, 30 * t.site + 25 * t.roster + 20 * t.time + 15 * t.text + 10 * t.photo as score from told t
    )
    select s.p, s.q, at, s.activity, s.unit, round(s.score), 'DUP', 'F', '',
           json_build_object('activity', s.other, 'level', case when s.score >= sure then 'DUP' else 'SUSPECT' end, 'percent', round(s.score),
               'site', s.site, 'roster', round(s.roster, 2), 'time', round(s.time, 2), 'text', round(s.text, 2), 'photo', s.photo)::text
    from scored s where s.score >= suspect and not exists (select from flag f where f.position = s.p and f.code = 'DUP' and f.other = s.q);
end
$$;

-- duplicate.suspected: of what was raised with this day as DUP (not as SUSPECT), the activity that was reported later, where its version is under a review: it
-- is not approved before somebody has decided. What is approved already stands (7.6a). Parent: the day's event.
create or replace function duplicate_suspected(at int8) returns setof follow_on
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select at, e.id, (select follow_on_base('quota', 'day', 'duplicate.suspected')) + (row_number() over (order by d.activity))::int4 - 1, 'duplicate.suspected', d.unit, d.activity::text,
           json_build_object('activity', d.activity, 'other', d.other)::text
    from (select distinct on (p.later) p.later as activity, p.sooner as other, p.unit
          from flag f join validation o on o.position = f.other cross join lateral duplicate_order(f.activity, o.activity) p
          where f.seen = at and f.code = 'DUP' and f.evidence::json ->> 'level' = 'DUP'
              and (select v.review from validation v where v.activity = p.later and v.version is not null and v.position < at
                   order by v.version desc limit 1) > 0
          order by p.later, f.score desc, p.sooner) d
        join event e on e.position = at
    order by d.activity
$$;

-- ---------------------------------------------------------------------------------------------------------------- signs of formalism

-- A sign raised on versions; one that is there is not raised again.
create or replace function flag_sign(at int8, code text, positions int8[], pointer text, evidence text[]) returns void
    language sql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    insert into flag (position, seen, activity, unit, code, severity, pointer, evidence)
        select v.position, at, v.activity, v.unit, flag_sign.code, 'F', case when pointer <> '' and v.op = 2 then '/body' else '' end || pointer, u.e
        from unnest(positions, evidence) u(p, e) join validation v on v.position = u.p
        where not exists (select from flag f where f.position = u.p and f.code = flag_sign.code)
$$;

-- X06 and HILO compare an activity with its like of the same year: a sport's, and of HILO also a level's, a kind of site's and a band of distance.
--   output   guidance hours x people taught x quality (1 hands on, 0.5 shown, 0.3 told, 0.1 else)
--   input    athletes' hours, travel included, + half the staff's hours + cost / 300
-- Silent without lesson_count; X06 also without a cost. HILO: the lowest tenth of output / input, output below and input above the median.
create or replace function flag_ratios(fresh int8[], at int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
declare
    percent float8 := (select min(v)::float8 / 100 from rule_values('X06', 'percent', at) v);
    yuan numeric := (select min(v)::numeric from rule_values('X06', 'yuan', at) v);
    least_of int4 := (select min(v)::int4 from rule_values('X06', 'reports', at) v);
    low_of int4 := (select min(v)::int4 from rule_values('HILO', 'reports', at) v);
    low float8 := (select min(v)::float8 / 100 from rule_values('HILO', 'percent', at) v);
    years int4[] := array(select distinct extract(year from v.day)::int4 from validation v where v.position = any (fresh) and v.lesson > 0);
    found record;
begin
    if cardinality(years) = 0 then
        return;
    end if;
    for found in
        with facts as materialized (
            select v.position, extract(year from v.day)::int4 as year, t.sport, t.level, coalesce(s.kind, '') as kind, q.guidance, v.lesson, v.cost,
                   case when km is null then -1 when km < 50 then 0 when km <= 300 then 1 else 2 end as band,
                   q.guidance / 60.0 * v.lesson * v.quality / 10 as output,
                   coalesce(m.minutes, 0) / 60.0 + coalesce(m.n, 0) * coalesce(v.travel, 0) / 60.0 + 0.5 * coalesce(v.staff, 0) * q.net / 60.0
                       + coalesce(v.cost, 0) / 300.0 as input,
                   v.position = any (fresh) as new
            from validation v join quota_version q on q.position = v.position
                cross join lateral (select x.sport, x.level, x.base_lat, x.base_lon from team_version x where x.number = v.teams[1] and x.position < at
                    order by x.position desc limit 1) t
                left join lateral (select x.kind, x.lat, x.lon from site_version x where x.number = q.site and x.position < at order by x.position desc limit 1) s on true
                left join lateral (select sum(p.present) as minutes, count(*) as n from quota_participation p where p.position = v.position and p.role < 5) m on true
                left join lateral km_between(t.base_lat::float8, t.base_lon::float8, s.lat::float8, s.lon::float8) km on true
            where v.lesson > 0 and v.version is not null and v.op < 3 and v.position < at and extract(year from v.day)::int4 = any (years)
                and not exists (select from validation z where z.activity = v.activity and z.version > v.version and z.position < at)
        ), dear as (
            select f.position, f.cost / (f.lesson * f.guidance / 60.0) as each, f.sport, f.year, f.new from facts f where f.cost > 0 and f.guidance > 0
        ), bound as (
            select d.sport, d.year, percentile_cont(percent) within group (order by d.each)::numeric as bound, count(*) as n from dear d group by d.sport, d.year
        ), ratio as (
            select f.*, f.output / f.input as ratio from facts f where f.input > 0
        ), like_it as (
            select r.sport, r.level, r.kind, r.band, r.year, count(*) as n, percentile_cont(low) within group (order by r.ratio)::numeric as lowest,
                   percentile_cont(0.5) within group (order by r.output)::numeric as output, percentile_cont(0.5) within group (order by r.input)::numeric as input
            from ratio r group by r.sport, r.level, r.kind, r.band, r.year
        )
        select d.position, 'X06' as code, json_build_object('yuan', round(d.each, 1), 'percent', percent * 100, 'bound', round(b.bound, 1))::text as evidence
        from dear d join bound b on b.sport = d.sport and b.year = d.year where d.new and b.n >= least_of and d.each > b.bound and d.each > yuan
        union all
        select r.position, 'HILO', json_build_object('input', round(r.input, 1), 'output', round(r.output, 1), 'reports', l.n, 'percent', low * 100)::text
        from ratio r join like_it l using (sport, level, kind, band, year)
        where r.new and l.n >= low_of and r.ratio <= l.lowest and r.output < l.output and r.input > l.input
        order by 1, 2
    loop
        perform flag_sign(at, found.code, array[found.position], case found.code when 'X06' then '/cost_yuan' else '' end, array[found.evidence]);
    end loop;
end
$$;

-- X10 a rush: most of a team's occasions of the year since 1 December, or three in a week at one place; X12 one site again and again. An occasion is a
-- day and site of current versions. Told of the team's latest version, once a year. X10 spares teams that were at Games in that year, X12 what was paired aid.
create or replace function flag_teams(fresh int8[], at int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
declare
    percent int4 := (select min(v)::int4 from rule_values('X10', 'percent', at) v);
    sessions int4 := (select min(v)::int4 from rule_values('X10', 'sessions', at) v);
    most int4 := (select min(v)::int4 from rule_values('X12', 'visits', at) v);
    found record;
begin
    for found in
        with touched as materialized (
            select t.team, extract(year from v.day)::int4 as year, max(v.position) as latest
            from unnest(fresh) f(p) join validation v on v.position = f.p cross join lateral unnest(v.teams) t(team) group by 1, 2
        ), held as materialized (
            select distinct t.team, t.year, t.latest, m.day, q.site, v.short ~ '"PAIRING_AID"' as aid
            from touched t join quota_team m on m.team = t.team and m.day between make_date(t.year, 1, 1) and make_date(t.year, 12, 31)
                join validation v on v.position = m.position join quota_version q on q.position = m.position
            where m.position < at and not exists (select from validation z where z.activity = v.activity and z.version > v.version and z.position < at)
        ), games as (
            select distinct t.team, t.year from touched t cross join lateral (select x.games_task from team_version x where x.number = t.team and x.position < at
                order by x.position desc limit 1) v cross join lateral unnest(v.games_task) k(code) join games g on g.code = k.code and extract(year from g.closes) = t.year
        ), rush as (
            select h.team, h.year, h.latest, count(*) filter (where h.day >= make_date(h.year, 12, 1)) as late, count(*) as all_of,
                   max(h.n) filter (where h.site is not null) as week, (array_agg(h.day order by h.site is null, h.n desc, h.day))[1] as first
            from (select x.*, count(*) over (partition by x.team, x.year, x.site order by x.day range between current row and interval '6 days' following) as n
                  from held x) h
            group by h.team, h.year, h.latest
        ), one_site as (
            select s.team, s.year, s.latest, max(s.n) as visits, count(*) as sites
            from (select h.team, h.year, h.latest, h.site, count(*) filter (where not h.aid) as n from held h where h.site is not null
                  group by h.team, h.year, h.latest, h.site) s
            group by s.team, s.year, s.latest
        ), said as (
            select 'X10' as code, r.latest, r.team, json_build_object('rush', case when r.late >= sessions and r.late * 100 >= percent * r.all_of then r.late else r.week end,
                'sessions', r.all_of, 'from', case when r.late >= sessions and r.late * 100 >= percent * r.all_of then make_date(r.year, 12, 1) else r.first end) as j
            from rush r where (r.late >= sessions and r.late * 100 >= percent * r.all_of or r.week >= sessions)
                and not exists (select from games g where g.team = r.team and g.year = r.year)
            union all
            select 'X12', o.latest, o.team, json_build_object('visits', o.visits, 'sites', o.sites) from one_site o where o.visits > most and o.sites < 2
        )
        select s.code, s.latest, (s.j::jsonb || jsonb_build_object('team', u.code || '/' || i.code, 'year', t.year))::text as evidence, i.number, t.year
        from said s join team i on i.number = s.team join unit u on u.number = i.unit join touched t on t.team = s.team and t.latest = s.latest
        where not exists (select from flag f where f.code = s.code and f.evidence::json ->> 'team' = u.code || '/' || i.code
            and f.evidence::json ->> 'year' = t.year::text)
        order by 2, 1
    loop
        perform flag_sign(at, found.code, array[found.latest], '/teams', array[found.evidence]);
    end loop;
end
$$;

-- X11: nearly all athletes of a team stand at exactly their duty, and its rosters were all there for the same time. Told once a team and year.
create or replace function flag_exact(fresh int8[], at int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
declare
    percent int4 := (select min(v)::int4 from rule_values('X11', 'percent', at) v);
    athletes int4 := (select min(v)::int4 from rule_values('X11', 'athletes', at) v);
begin
    perform flag_sign(at, 'X11', array_agg(x.latest), '/roster', array_agg(x.evidence))
    from (
        with touched as materialized (
            select t.team, extract(year from v.day)::int2 as year, max(v.position) as latest
            from unnest(fresh) f(p) join validation v on v.position = f.p cross join lateral unnest(v.teams) t(team) group by 1, 2
        ), squad as materialized (
            select distinct t.team, t.year, t.latest, m.person
            from touched t join quota_team k on k.team = t.team and k.day between make_date(t.year, 1, 1) and make_date(t.year, 12, 31)
                join quota_participation m on m.position = k.position and m.team = t.team and m.role < 5 where k.position < at
        ), exact as (
            select s.team, s.year, s.latest, count(*) as n, count(*) filter (where q.minutes = q.duty) as exact
            from squad s join quota_total q on q.subject_kind = 2 and q.subject = s.person and q.year = s.year and q.duty > 0 and q.minutes > 0
            group by s.team, s.year, s.latest
        )
        select e.latest, json_build_object('team', u.code || '/' || i.code, 'year', e.year, 'exact', e.exact, 'athletes', e.n)::text as evidence
        from exact e join team i on i.number = e.team join unit u on u.number = i.unit
        where e.n >= athletes and e.exact * 100 >= percent * e.n
            and not exists (select from quota_team k join quota_participation m on m.position = k.position and m.team = e.team and m.role < 5
                where k.team = e.team and k.day between make_date(e.year, 1, 1) and make_date(e.year, 12, 31) and k.position < at
                group by k.position having count(distinct m.present) > 1)
            and not exists (select from flag f where f.code = 'X11' and f.evidence::json ->> 'team' = u.code || '/' || i.code
                and f.evidence::json ->> 'year' = e.year::text)
    ) x having count(*) > 0;
end
$$;

-- X13 a host disputes, or has let three asked reports of a team in a row expire; X14 athletes dispute; X16 pupils were made to wait, by the host's word.
create or replace function flag_words(after int8, at int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set jit = off as $$
declare
    reports int4 := (select min(v)::int4 from rule_values('X13', 'reports', at) v);
    disputes int4 := (select min(v)::int4 from rule_values('X14', 'disputes', at) v);
    percent int4 := (select min(v)::int4 from rule_values('X14', 'percent', at) v);
    minutes int4 := (select min(v)::int4 from rule_values('X16', 'minutes', at) v);
    found record;
begin
    for found in
        with word as materialized (            -- what hosts and athletes said since the day before, with the version that stands
            select w.activity, w.op, w.position as said, c.position, c.start_at, c.teams
            from validation w cross join lateral (select x.position, x.start_at, x.teams, x.op from validation x where x.activity = w.activity and x.version is not null
                and x.position < at order by x.version desc limit 1) c
            where w.position > after and w.position < at and w.version is null and w.step is not null and w.op in (11, 15, 16) and c.op < 3
        ), host as (
            select w.position, w.op, w.start_at, (e.payload::json ->> 'waited_minutes')::int4 as waited, (e.payload::json ->> 'actual_start')::timestamptz as began
            from word w join event e on e.position = w.said where w.op in (15, 16)
        ), asked as materialized (             -- asked reports of teams of which one expired by now
            select t.team, v.position, v.day, activity_side(v.activity, null, at) as side
            from validation v cross join lateral unnest(v.teams) t(team)
            where v.version is not null and v.op < 3 and v.position < at
                and exists (select from validation a where a.activity = v.activity and a.version is null and a.op = 14 and a.position < at)
                and not exists (select from validation z where z.activity = v.activity and z.version > v.version and z.position < at)
        ), silent as (
            select distinct on (s.team) s.team, s.position, s.n from (
                select a.team, a.position, a.day, count(*) filter (where a.side = 14) over w as n, lead(a.position) over (partition by a.team order by a.day, a.position) as later
                from asked a window w as (partition by a.team order by a.day, a.position rows between reports - 1 preceding and current row)) s
            where s.n = reports and s.later is null order by s.team, s.day desc
        ), roster as (
            select w.position, count(distinct d.person) as disputed, (select count(*) from quota_participation m where m.position = w.position) as of
            from (select distinct x.position, x.activity from word x where x.op = 11) w
                join validation d on d.activity = w.activity and d.version is null and d.op = 11 and d.step is not null and d.position < at
            group by w.position
        )
        select h.position, 'X13' as code, '{"why": "主办方否认"}' as evidence from host h where h.op = 16
        union all
        select s.position, 'X13', json_build_object('why', '连续 ' || s.n || ' 次请主办方确认未获答复')::text from silent s
        union all
        select r.position, 'X14', json_build_object('disputed', r.disputed, 'roster', r.of)::text from roster r
            where r.disputed >= disputes or r.disputed * 100 >= percent * r.of
        union all
        select h.position, 'X16', json_build_object('waited', max(h.waited), 'late', max(floor(extract(epoch from h.began - h.start_at) / 60)))::text
            from host h where h.waited > minutes or h.began > h.start_at + minutes * interval '1 minute' group by h.position
        order by 1, 2
    loop
        perform flag_sign(at, found.code, array[found.position], '', array[found.evidence]);
    end loop;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- the day

-- Days that began in (since, upto], each with what was said about flags before it: a pair that was decided is no suspect any more.
do $$
begin                                          -- the old form returned nothing
    if (select p.prorettype from pg_proc p where p.oid = to_regprocedure('flag_days(int8, int8, int8)')) = 'void'::regtype then
        drop function flag_days(int8, int8, int8);
    end if;
end
$$;
create or replace function flag_days(since int8, upto int8, closure int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    begun record;
    moved int8 := since;
    fresh int8[];
begin
    for begun in
        select c.position, coalesce(p.position, 0) as after
        from calendar_day c left join lateral (select x.position from calendar_day x where x.position < c.position order by x.position desc limit 1) p on true
        where c.position > since and c.position <= upto order by c.position
    loop
        return query select * from flag_moves(moved, begun.position, closure);
        moved := begun.position;
        fresh := current_between(begun.after, begun.position);
        if cardinality(fresh) > 0 then
            perform flag_texts(fresh, begun.position);
            perform flag_duplicates(fresh, begun.position);
            return query select * from duplicate_suspected(begun.position);
            perform flag_ratios(fresh, begun.position);
            perform flag_teams(fresh, begun.position);
            perform flag_exact(fresh, begun.position);
        end if;
        perform flag_words(begun.after, begun.position);
    end loop;
    return query select * from flag_moves(moved, upto, closure);
end
$$;
reset role;
