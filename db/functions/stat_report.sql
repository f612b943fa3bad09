-- Statistics to be looked at: the reports that `ljctl report` prints. Idempotent. What is counted: stat_fold.sql; what each column says: docs/statistics.md.
--
-- Every report is of the position that the figures stand at (stat_at). People served on site and online are two columns and never one. A joint
-- activity counts once in a group, whatever teams it has there: once in the nation, once in each unit, so units may add up to more than the nation.
-- Figures about persons are not shown where fewer persons than stat_setting 'suppress_below' stand behind them, nor percentages of fewer cases: '*'.
-- Where one group alone would be hidden beside a total, the next smallest is hidden too, or the difference would tell.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create or replace function stat_least() returns int4 language sql stable set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce((select s.value::int4 from stat_setting s where s.name = 'suppress_below'), 5)
$$;

-- A percentage with one decimal; '*' of fewer cases than may be shown, null of none.
create or replace function stat_percent(part int8, whole int8) returns text language sql stable set search_path = liangjin, pg_catalog, pg_temp as $$
    select case when whole = 0 then null when whole < stat_least() then '*' else round(100.0 * part / whole, 1)::text end
$$;

-- Units of a unit's subtree, itself included; of CN000 all; null: all.
create or replace function stat_units(unit text) returns int2[]
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with recursive down as (
        select d.number from unit_directory d where d.code = stat_units.unit
        union select d.number from down join unit_directory d on d.parent = down.number)
    select case when stat_units.unit is not null then array(select down.number from down) end
$$;

-- The dimensions. dim: number in stat_sum, null where the dimension is a column of every sum. sums, facts, persons: an expression over stat_sum s, stat_fact f
-- (b.bit: the bit of a group or theme), stat_person p (null: not kept there); bits: the mask in stat_person, whose bit b.bit then is the value. Over the value,
-- which stands for @: the word, the Chinese text, and what is sorted by: units and teams come in the order of the directory.
create or replace function stat_dim(name text, out dim int2, out sums text, out facts text, out persons text, out bits text, out word text, out zh text,
        out place text)
    language sql immutable set search_path = pg_catalog, pg_temp as $$
    select d, replace(e, '%', 's'), replace(coalesce(f, e), '%', 'f'), replace(coalesce(g, case when m is null then e end), '%', 'p'), m,
           coalesce(w, format('(select w.word from liangjin.stat_word w where w.dim = %L and w.number = @)', n)),
           coalesce(z, format('coalesce((select w.zh from liangjin.stat_word w where w.dim = %L and w.number = @), ''未填'')', n)), coalesce(p, '@::text')
    from (values
        ('year', null::int2, 'extract(year from %.month)::int4', null, null, null, '@::text', '@ || ''年''', null),
        ('quarter', null, 'extract(year from %.month)::int4 * 10 + extract(quarter from %.month)::int4', null, null, null,
            '@ / 10 || ''-Q'' || mod(@, 10)', '@ / 10 || ''年第'' || mod(@, 10) || ''季度''', null),
        ('month', null, 'extract(year from %.month)::int4 * 100 + extract(month from %.month)::int4', null, null, null,
            '@ / 100 || ''-'' || lpad(mod(@, 100)::text, 2, ''0'')', '@ / 100 || ''年'' || mod(@, 100) || ''月''', null),
        ('unit', null, '%.unit::int4', null, null, null, '(select u.code from liangjin.unit u where u.number = @)',
            '(select d.name from liangjin.unit_directory d where d.number = @)', 'lpad(@::text, 6, ''0'')'),
        ('team', 1, '%.value', '%.team', '%.team', null,
            '(select u.code || ''/'' || t.code from liangjin.team t join liangjin.unit u on u.number = t.unit where t.number = @)',
            '(select v.name from liangjin.team_version v where v.number = @ order by v.position desc limit 1)',
            '(select lpad(t.unit::text, 6, ''0'') || t.code from liangjin.team t where t.number = @)'),
        ('sport', 2, '%.value', '%.sport::int4', '%.sport::int4', null, '(select x.sport from liangjin.stat_sport x where x.number = @)',
            '(select x.sport from liangjin.stat_sport x where x.number = @)', '(select x.sport from liangjin.stat_sport x where x.number = @)'),
        ('level', 3, '%.value', '%.level::int4', '%.level::int4', null, null, null, null),
        ('region', 4, '%.value', '%.region', null, '-', 'nullif(lpad(@::text, 6, ''0''), ''000000'')',
            'case when @ = 0 then ''未登记'' else lpad(@::text, 6, ''0'') end', null),
        ('province', 4, '%.value / 10000', '%.region / 10000',
            'case when b.bit = 40 then 0 else (select z.number from liangjin.stat_province z where z.bit = b.bit) end', 'provinces',
            'nullif(lpad(@::text, 2, ''0'') || ''0000'', ''000000'')',
            'coalesce((select z.zh from liangjin.stat_province z where z.number = @), ''未登记'')', null),
        ('site_kind', 5, '%.value', '%.site_kind::int4', 'b.bit', 'site_kinds', null, null, 'lpad(@::text, 2, ''0'')'),
        ('body', 6, '%.value', '%.body::int4', 'b.bit', 'bodies', null, null, null),
        ('group', 7, '%.value', 'b.bit', 'case when b.bit = 10 then -1 else b.bit end', 'groups', null, null, null),
        ('theme', 8, '%.value', 'b.bit', 'case when b.bit = 10 then -1 else b.bit end', 'themes', null, null, null),
        ('anchor', 9, '%.value', '%.anchor::int4', 'b.bit', 'anchors', null, null, null),
        ('mode', 10, '%.value', '%.mode::int4', 'b.bit', 'modes', null, null, null)) x(n, d, e, f, g, m, w, z, p) where n = stat_dim.name
$$;

do $$
begin
    if to_regtype('liangjin.stat_figures') is null then
        create type stat_figures as (k1 text, k2 text, activities int8, legacy int8, sessions int8, athletes int8, person_times int8, minutes int8,
            legacy_minutes int8, unconfirmed int8, guidance int8, onsite int8, online int8, new_sites int8, counties int8, timed int8, timely int8,
            corrected int8, disputed int8, rural int8, west int8, key_group int8);
    end if;
end
$$;

-- The text of a query of distinct athletes by e1, e2: from stat_person where it has what is asked for, else from the rosters.
create or replace function stat_athletes_sql(by1 text, by2 text) returns text
    language plpgsql stable set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    d1 record;
    d2 record;
    mask text;
    filter constant text := '($1 is null or p.month >= $1) and ($2 is null or p.month <= $2) and ($3 is null or p.unit = any ($3)) and ($4 is null or p.team = $4)';
    many text;
begin
    select * into d1 from stat_dim(by1);
    select * into d2 from stat_dim(by2);
    if d1.bits = '-' or d2.bits = '-' or d1.bits is not null and d2.bits is not null then
        many := case when 'group' in (by1, by2) then 'f.groups' when 'theme' in (by1, by2) then 'f.themes' end;
        return format('select k1, k2, count(*) as athletes from (select distinct x.k1, x.k2, q.person from (select %s as k1, %s as k2, f.position, f.team'
            ' from stat_fact f %s where not f.legacy and %s offset 0) x join quota_participation q on q.position = x.position and q.team = x.team and q.listed'
            ' and q.role <> 5) y group by k1, k2',
            coalesce(d1.facts, 'null::int4'), coalesce(d2.facts, 'null::int4'), case when many is null then '' else
            format('cross join lateral (select g.bit from generate_series(0, 9) g(bit) where %1$s >> g.bit & 1 = 1 union all select -1 where %1$s = 0) b', many) end,
            replace(filter, 'p.', 'f.'));
    end if;
    mask := coalesce(d1.bits, d2.bits);
    if mask is null then
        return format('select k1, k2, count(*) as athletes from (select distinct %s as k1, %s as k2, p.person from stat_person p where %s) x group by k1, k2',
            coalesce(d1.persons, 'null::int4'), coalesce(d2.persons, 'null::int4'), filter);
    end if;
    return format('select %1$s as k1, %2$s as k2, count(*) as athletes from (select %3$s as o1, %4$s as o2, p.person, bit_or(p.%5$I)::int8 as m from stat_person p'
        ' where %6$s group by 1, 2, 3) x join generate_series(0, 40) b(bit) on x.m >> b.bit & 1 = 1 group by 1, 2',
        case when by1 is null then 'null::int4' when d1.bits is null then 'x.o1' else d1.persons end,
        case when by2 is null then 'null::int4' when d2.bits is null then 'x.o2' else d2.persons end,
        case when d1.bits is null then coalesce(d1.persons, 'null::int4') else 'null::int4' end,
        case when d2.bits is null then coalesce(d2.persons, 'null::int4') else 'null::int4' end, mask, filter);
end
$$;

-- The sums by at most two dimensions, of months since .. till (first days, both included; null: open), of teams of units (null: all) and one team (null: all).
-- k1, k2: values of the dimensions, null where not asked for. Legacy activities are in `legacy` and `legacy_minutes` alone.
-- From stat_sum where it has what is asked for, which is any one dimension by itself, by unit, by time, of units; of units together what a joint
-- activity has in several of them is taken off again. Else from the facts.
create or replace function stat_sums(by1 text, by2 text, since date, till date, units int2[], one_team int4) returns setof stat_figures
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '256MB' set enable_mergejoin = off set enable_sort = off set jit = off as $$
declare
    d1 record;
    d2 record;
    dim int2;
    nation bool;
    many constant text := case when 'group' in (by1, by2) then 'f.groups' when 'theme' in (by1, by2) then 'f.themes' end;
    bits constant text := case when many is null then '' else
        format('cross join lateral (select g.bit from generate_series(0, 9) g(bit) where %1$s >> g.bit & 1 = 1 union all select -1 where %1$s = 0) b', many) end;
    filter constant text := '($1 is null or f.month >= $1) and ($2 is null or f.month <= $2) and ($3 is null or f.unit = any ($3)) and ($4 is null or f.team = $4)';
    rest constant text := 'f.site_kind = 9 or f.themes >> 4 & 1 = 1 as rural, f.region / 10000 in (15, 45, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65) as west,'
        ' f.groups & 504 <> 0 as key_group, f.legacy, f.timed, f.timely, f.corrected, f.guidance, f.onsite, f.online';
    fold constant text := '(not legacy)::int4 * u as n, legacy::int4 * u as legacy, %s, timed::int4 * u as timed, timely::int4 * u as timely,'
        ' (not legacy and corrected)::int4 * u as corrected, (not legacy and rural)::int4 * u as rural, (not legacy and west)::int4 * u as west,'
        ' (not legacy and key_group)::int4 * u as key_group, (not legacy)::int4 * guidance * u as guidance, (not legacy)::int4 * onsite * u as onsite,'
        ' (not legacy)::int4 * online * u as online';
    e1 text; e2 text; s1 text; s2 text;
    part text;
    counties text := 'select null::int4, null::int8 where false';
    new_sites text := counties;
begin
    select * into d1 from stat_dim(by1);
    select * into d2 from stat_dim(by2);
    if by1 is not null and d1.sums is null or by2 is not null and d2.sums is null or by1 = by2 or 'group' in (by1, by2) and 'theme' in (by1, by2) then
        raise exception 'no such dimensions: %, %', by1, by2 using errcode = '22023';
    end if;
    e1 := coalesce(d1.facts, 'null::int4');
    e2 := coalesce(d2.facts, 'null::int4');
    s1 := coalesce(d1.sums, 'null::int4');
    s2 := coalesce(d2.sums, 'null::int4');
    dim := coalesce(d1.dim, d2.dim, case when one_team is not null then 1 end, 0);
    if (d1.dim is null or d2.dim is null) and (one_team is null or dim = 1) then
        nation := units is null and dim <> 1 and 'unit' <> all (array[coalesce(by1, ''), coalesce(by2, '')]);
        part := format('select %s as k1, %s as k2, s.activities as n, s.legacy, s.sessions, s.person_times, s.minutes, s.legacy_minutes, s.unconfirmed, s.disputed,'
            ' s.timed, s.timely, s.corrected, s.rural, s.west, s.key_group, s.guidance, s.onsite, s.online from stat_sum s'
            ' where s.dim = %s and s.national = %L and ($1 is null or s.month >= $1) and ($2 is null or s.month <= $2) and ($3 is null or s.unit = any ($3))'
            ' and ($4 is null or s.value = $4)', s1, s2, dim, nation);
        if cardinality(units) > 1 and dim <> 1 and 'unit' <> all (array[coalesce(by1, ''), coalesce(by2, '')]) then
            part := part || format(' union all select k1, k2, ' || format(fold, '0, 0, 0, 0, 0, 0')
                || ' from (select %s as k1, %s as k2, %s, f.activity, 1 - count(distinct f.unit)::int4 as u from stat_fact f %s where f.joint and %s'
                   ' group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, f.activity having count(distinct f.unit) > 1) j', e1, e2, rest, bits, filter);
        end if;
    else
        part := format('select k1, k2, ' || format(fold, 'sessions, person_times, minutes, legacy_minutes, unconfirmed, disputed')
            || ' from (select %1$s as k1, %2$s as k2, %3$s, 1 as u, (not f.legacy)::int4 * f.sessions as sessions, (not f.legacy)::int4 * f.person_times as person_times,'
               ' (not f.legacy)::int4 * f.minutes as minutes, f.legacy::int4 * f.minutes as legacy_minutes, (not f.legacy)::int4 * f.unconfirmed as unconfirmed,'
               ' (not f.legacy)::int4 * f.disputed as disputed from stat_fact f %4$s where not f.joint and %5$s'
               ' union all'
               ' select %1$s as k1, %2$s as k2, %3$s, 1, sum((not f.legacy)::int4 * f.sessions), sum((not f.legacy)::int4 * f.person_times),'
               ' sum((not f.legacy)::int4 * f.minutes), sum(f.legacy::int4 * f.minutes), sum((not f.legacy)::int4 * f.unconfirmed),'
               ' sum((not f.legacy)::int4 * f.disputed) from stat_fact f %4$s where f.joint and %5$s'
               ' group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, f.activity) j', e1, e2, rest, bits, filter);
    end if;
    -- A site is new in the month of its first activity: in the country, or where the report is of units or by unit, of these.
    if by1 is null and by2 is null or by1 = 'unit' and by2 is null then
        new_sites := format('select %1$s as k1, count(*) as n from (select %2$s s.site, min(s.month) as month from stat_site s'
            ' where ($3 is null or s.unit = any ($3)) group by %3$s s.site) n where ($1 is null or n.month >= $1) and ($2 is null or n.month <= $2)'
            ' and $4 is null group by 1',
            case when by1 is null then 'null::int4' else 'n.unit::int4' end, case when by1 is null then '' else 's.unit,' end,
            case when by1 is null then '' else 's.unit,' end);
    end if;
    -- Counties are the regions that are no city or province as a whole.
    if by2 is null and one_team is null and (by1 is null or by1 in ('unit', 'year', 'quarter', 'month', 'province')) then
        counties := format('select r.k1, count(*) as n from (select distinct %s as k1, s.value from stat_sum s where s.dim = 4 and s.national = %L and s.activities > 0'
            ' and mod(s.value, 100) <> 0 and ($1 is null or s.month >= $1) and ($2 is null or s.month <= $2) and ($3 is null or s.unit = any ($3))) r group by 1',
            s1, units is null and by1 is distinct from 'unit');
    end if;
    return query execute format($q$
        with z as (
            select k1, k2, coalesce(sum(n), 0)::int8 as n, coalesce(sum(legacy), 0)::int8 as legacy, coalesce(sum(sessions), 0)::int8 as sessions,
                   coalesce(sum(person_times), 0)::int8 as person_times, coalesce(sum(minutes), 0)::int8 as minutes,
                   coalesce(sum(legacy_minutes), 0)::int8 as legacy_minutes, coalesce(sum(unconfirmed), 0)::int8 as unconfirmed,
                   coalesce(sum(disputed), 0)::int8 as disputed, coalesce(sum(timed), 0)::int8 as timed, coalesce(sum(timely), 0)::int8 as timely,
                   coalesce(sum(corrected), 0)::int8 as corrected, coalesce(sum(rural), 0)::int8 as rural, coalesce(sum(west), 0)::int8 as west,
                   coalesce(sum(key_group), 0)::int8 as key_group, coalesce(sum(guidance), 0)::int8 as guidance, coalesce(sum(onsite), 0)::int8 as onsite,
                   coalesce(sum(online), 0)::int8 as online
            from (%1$s) part group by k1, k2 having $5 is null or sum(n) > 0 or sum(legacy) > 0
        ), who as (%2$s), new_sites(k1, n) as (%3$s), counties(k1, n) as (%4$s)
        select z.k1::text, z.k2::text, z.n, z.legacy, z.sessions, coalesce(w.athletes, 0), z.person_times, z.minutes, z.legacy_minutes, z.unconfirmed, z.guidance,
               z.onsite, z.online, case when $6 then coalesce(n.n, 0) end, case when $7 then coalesce(c.n, 0) end, z.timed, z.timely, z.corrected, z.disputed, z.rural, z.west, z.key_group
        from z left join who w on coalesce(w.k1, -9) = coalesce(z.k1, -9) and coalesce(w.k2, -9) = coalesce(z.k2, -9)
            left join new_sites n on coalesce(n.k1, -9) = coalesce(z.k1, -9) left join counties c on coalesce(c.k1, -9) = coalesce(z.k1, -9)$q$,
        part, stat_athletes_sql(by1, by2), new_sites, counties)
        using since, till, units, one_team, by1, new_sites !~ 'where false', counties !~ 'where false';
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- the reports

-- May a report be ordered by its figures?
create or replace function stat_rank_allowed() returns bool
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce((select s.value = 'on' from stat_setting s where s.name = 'rank'), false)
$$;

-- What stands at the head of every report. as_of: when the last event in the figures was received. policy: the nation's that is in force on a day.
create or replace function stat_head(on_day date) returns table (complete_through int8, as_of timestamptz, policy text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select a.position, (select e.received_at from event e where e.position <= a.position order by e.position desc limit 1),
           coalesce((select format('NATION v%s (%s; %s)', v.version, v.source, v.confidence) from policy p join policy_version v on v.number = p.number
                     where p.scope = 'NATION' and v.position <= a.position and on_day between v.valid_from and coalesce(v.valid_to, 'infinity')
                     order by v.version desc limit 1), '-')
           || (select case when count(*) > 0 then format('; +%s UNIT/TEAM', count(*)) else '' end from policy p
               where p.scope <> 'NATION' and p.position <= a.position)
    from stat_at a
$$;

-- Activities, sessions, athletes, minutes, people served by at most two dimensions; the first row is the total of all (place null). rank: a column's
-- name to order by, greatest first, where policy allows it.
create or replace function stat_activities(by1 text, by2 text, since date, till date, unit text, team int4, rank text default null)
        returns table (total bool, code1 text, name1 text, code2 text, name2 text, activities int8, sessions int8, athletes text, person_times text, minutes text,
            unconfirmed text, guidance int8, onsite int8, online int8, new_sites int8, counties int8, timely text, corrected text, disputed text, rural text,
            west text, key_group text, legacy int8, legacy_minutes int8)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set jit = off as $$
declare
    units constant int2[] := stat_units(unit);
    d1 record;
    d2 record;
    v1 constant text := '(h.k1::int4)';
    v2 constant text := '(h.k2::int4)';
begin
    if rank is not null and (rank not in ('activities', 'sessions', 'athletes', 'minutes', 'guidance', 'onsite', 'online') or not stat_rank_allowed()) then
        raise exception 'reports are not ordered by figures: policy does not allow it' using errcode = 'P0403';
    end if;
    select * into d1 from stat_dim(by1);
    select * into d2 from stat_dim(by2);
    return query execute format($q$
        with r as (
            select true as total, s.* from stat_sums(null, null, $3, $4, $5, $6) s
            union all
            select false, s.* from stat_sums($1, $2, $3, $4, $5, $6) s where $1 is not null
        ), few as (
            select r.*, r.athletes between 1 and stat_least() - 1 as small,
                   row_number() over (partition by r.total or r.athletes < stat_least() order by r.athletes, r.k1, r.k2) as nth
            from r
        ), h as (
            select few.*, few.small or not few.total and few.athletes >= stat_least() and few.nth = 1
                       and (select count(*) from few x where x.small and not x.total) = 1 as hidden from few
        )
        select h.total, %1$s, case when not h.total then %2$s end, %3$s, case when not h.total then %4$s end, h.activities, h.sessions, case when h.hidden then '*' else h.athletes::text end,
               case when h.hidden then '*' else h.person_times::text end, case when h.hidden then '*' else h.minutes::text end,
               case when h.hidden then '*' else h.unconfirmed::text end, h.guidance, h.onsite, h.online, h.new_sites, h.counties,
               stat_percent(h.timely, h.timed), stat_percent(h.corrected, h.activities), stat_percent(h.disputed, h.person_times),
               stat_percent(h.rural, h.activities), stat_percent(h.west, h.activities), stat_percent(h.key_group, h.activities), h.legacy, h.legacy_minutes
        from h order by not h.total, %5$s %6$s, %7$s$q$,
        coalesce(replace(d1.word, '@', v1), 'null::text'), coalesce(replace(d1.zh, '@', v1), 'null::text'), coalesce(replace(d2.word, '@', v2), 'null::text'),
        coalesce(replace(d2.zh, '@', v2), 'null::text'), case when rank is not null then format('h.%I desc,', rank) else '' end,
        coalesce(replace(d1.place, '@', v1), 'null::text'), coalesce(replace(d2.place, '@', v2), 'null::text'))
        using by1, by2, since, till, units, team;
end
$$;

-- What units sent in, by the month of the receipt: first-pass rate (accepted at the first try), corrections, withdrawals. by: unit, month, or null.
create or replace function stat_intakes(by1 text, since date, till date, unit text)
        returns table (total bool, code text, name text, reports int8, rejected int8, first_pass text, corrections int8, corrections_rejected int8,
            withdrawals int8, returned int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with i as (
        select s.* from stat_intake s where (since is null or s.month >= since) and (till is null or s.month <= till)
            and (stat_intakes.unit is null or s.unit = any (stat_units(stat_intakes.unit)))
    ), z as (
        select true as total, null::text as place, null::int2 as u, null::date as m, sum(reports) as a, sum(reports_rejected) as b, sum(i.corrections) as c,
               sum(i.corrections_rejected) as d, sum(i.withdrawals) as e, sum(i.returned) as f from i
        union all
        select false, case by1 when 'unit' then lpad(i.unit::text, 6, '0') else i.month::text end, case by1 when 'unit' then i.unit end,
               case by1 when 'month' then i.month end, sum(reports), sum(reports_rejected), sum(i.corrections), sum(i.corrections_rejected), sum(i.withdrawals), sum(i.returned)
        from i where by1 in ('unit', 'month') group by 2, 3, 4
    )
    select z.total, coalesce(d.code, to_char(z.m, 'YYYY-MM')), coalesce(d.name, extract(year from z.m) || '年' || extract(month from z.m) || '月'),
           coalesce(z.a, 0)::int8, coalesce(z.b, 0)::int8, stat_percent(coalesce(z.a - z.b, 0)::int8, coalesce(z.a, 0)::int8), coalesce(z.c, 0)::int8,
           coalesce(z.d, 0)::int8, coalesce(z.e, 0)::int8, coalesce(z.f, 0)::int8
    from z left join unit_directory d on d.number = z.u order by not z.total, z.place
$$;

-- Rates of the quota of a year: of the nation, of units, of teams (by). Fewer who owe than may be shown: no rate.
create or replace function stat_quota(by1 text, for_year int2, unit text)
        returns table (total bool, code text, name text, teams_owing int8, teams_met int8, team_rate text, sessions_short int8, athletes_owing int8,
            athletes_met text, athlete_rate text, participation_rate text, minutes_short text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select c.scope = 'NATION', coalesce(c.unit || coalesce('/' || c.team, ''), 'CN000'),
           coalesce((select v.name from team t join team_version v on v.number = t.number where t.unit = d.number and t.code = c.team
                     order by v.position desc limit 1), d.name, '全国'),
           c.teams_owing, c.teams_met, stat_percent(c.teams_met, c.teams_owing), c.sessions_short, c.athletes_owing,
           case when c.athletes_owing between 1 and stat_least() - 1 then '*' else c.athletes_met::text end, stat_percent(c.athletes_met, c.athletes_owing),
           stat_percent(c.athletes_taking_part, c.athletes_owing),
           case when c.athletes_owing between 1 and stat_least() - 1 then '*' else c.minutes_short::text end
    from quota_coverage(for_year) c left join unit_directory d on d.code = c.unit
    where (c.scope = 'NATION' or c.scope = upper(coalesce(by1, 'nation'))) and (stat_quota.unit is null or d.number = any (stat_units(stat_quota.unit)))
    order by c.scope <> 'NATION', d.number, c.team
$$;

-- Days of exemption in since .. till (whole days, both included) as of the figures' position, by the unit of the person or team.
create or replace function stat_exemptions(since date, till date, unit text)
        returns table (total bool, code text, name text, persons text, person_days text, deferred_days text, teams int8, team_days int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with x as (
        select i.unit, v.person, v.team, v.effect, (least(coalesce(v.valid_to::date, till), till) - greatest(v.valid_from::date, since) + 1)::int8 as days
        from stat_at a join exemption_version v on v.position <= a.position join exemption i on i.number = v.number
        where not exists (select from exemption_version n where n.number = v.number and n.position > v.position and n.position <= a.position)
            and v.valid_from <= till and coalesce(v.valid_to, 'infinity') >= since
            and (stat_exemptions.unit is null or i.unit = any (stat_units(stat_exemptions.unit)))
    ), z as (
        select grouping(x.unit) = 1 as total, x.unit, count(distinct x.person) as persons,
               coalesce(sum(x.days) filter (where x.person is not null and x.effect <> 'DEFER'), 0)::int8 as days,
               coalesce(sum(x.days) filter (where x.person is not null and x.effect = 'DEFER'), 0)::int8 as deferred,
               count(distinct x.team) as teams, coalesce(sum(x.days) filter (where x.team is not null), 0)::int8 as team_days
        from x group by grouping sets ((), (x.unit))
    )
    select z.total, d.code, d.name, case when hide then '*' else z.persons::text end, case when hide then '*' else z.days::text end,
           case when hide then '*' else z.deferred::text end, z.teams, z.team_days
    from (select *, z.persons between 1 and stat_least() - 1 as hide from z) z left join unit_directory d on d.number = z.unit
    order by not z.total, z.unit
$$;

-- Flags that were raised on versions of activities of the period, by unit (reporting) or code, and the state they are in. standing: on a live version.
create or replace function stat_flags(by1 text, since date, till date, unit text)
        returns table (total bool, code text, name text, flags int8, standing int8, open int8, explained int8, confirmed int8, dismissed int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with f as (
        select x.code, x.unit, x.state, exists (select from stat_fact s where s.activity = x.activity and s.position = x.position) as stands
        from flag x join quota_version q on q.position = x.position
        where x.position <= (select a.position from stat_at a) and (since is null or q.day >= since)
            and (till is null or q.day < till + interval '1 month') and (stat_flags.unit is null or x.unit = any (stat_units(stat_flags.unit)))
    ), z as (
        select true as total, null::text as code, null::int2 as unit, count(*) as n, count(*) filter (where stands) as s, count(*) filter (where state = 'OPEN') as o,
               count(*) filter (where state = 'EXPLAINED') as e, count(*) filter (where state = 'CONFIRMED') as c, count(*) filter (where state = 'DISMISSED') as d
        from f
        union all
        select false, case by1 when 'code' then f.code end, case by1 when 'unit' then f.unit end, count(*), count(*) filter (where stands),
               count(*) filter (where state = 'OPEN'), count(*) filter (where state = 'EXPLAINED'), count(*) filter (where state = 'CONFIRMED'),
               count(*) filter (where state = 'DISMISSED')
        from f where by1 in ('code', 'unit') group by 2, 3
    )
    select z.total, coalesce(z.code, d.code), coalesce(d.name, z.code), z.n, z.s, z.o, z.e, z.c, z.d
    from z left join unit_directory d on d.number = z.unit order by not z.total, z.unit, z.code
$$;

-- Texts by their level, of the local months of the receipt; complete up to the mark of the kind opinion.
create or replace function stat_opinion(by1 text, since date, till date, unit text)
        returns table (total bool, code text, name text, flagged int8, red int8, orange int8, yellow int8, blue int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with o as (
        select x.unit, x.level, date_trunc('month', x.received_at at time zone 'Asia/Shanghai')::date as month from opinion_score x
        where x.verdict = 2 and (stat_opinion.unit is null or x.unit = any (stat_units(stat_opinion.unit)))
    ), p as (
        select * from o where (since is null or o.month >= since) and (till is null or o.month <= till)
    ), z as (
        select true as total, null::int2 as unit, null::date as month, count(*) as n, count(*) filter (where level = 4) as r, count(*) filter (where level = 3) as o,
               count(*) filter (where level = 2) as y, count(*) filter (where level = 1) as b from p
        union all
        select false, case by1 when 'unit' then p.unit end, case by1 when 'month' then p.month end, count(*), count(*) filter (where level = 4),
               count(*) filter (where level = 3), count(*) filter (where level = 2), count(*) filter (where level = 1)
        from p where by1 in ('unit', 'month') group by 2, 3
    )
    select z.total, coalesce(d.code, to_char(z.month, 'YYYY-MM')), coalesce(d.name, extract(year from z.month) || '年' || extract(month from z.month) || '月'),
           z.n, z.r, z.o, z.y, z.b
    from z left join unit_directory d on d.number = z.unit order by not z.total, z.unit, z.month
$$;

-- Mail that must be signed, by the local month it was sent: signed in time, late, not yet (term open), overdue.
create or replace function stat_mail(by1 text, since date, till date, unit text)
        returns table (total bool, code text, name text, to_sign int8, in_time int8, late int8, pending int8, overdue int8, in_time_rate text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with today as (
        select coalesce((select max(c.day) from calendar_day c), (select max(e.received_at at time zone 'Asia/Shanghai')::date from event e
            where e.position = (select max(y.position) from event y))) as d
    ), r as (
        select r.unit, date_trunc('month', m.sent_at at time zone 'Asia/Shanghai')::date as month,
               case when r.signed_at is not null then case when m.due_on is null or (r.signed_at at time zone 'Asia/Shanghai')::date <= m.due_on then 1 else 2 end
                    when m.due_on < today.d then 4 else 3 end as s
        from mail m join mail_receipt r on r.position = m.position and r.rule = m.rule cross join today
        where m.needs = 'SIGN' and not r.recalled and (stat_mail.unit is null or r.unit = any (stat_units(stat_mail.unit)))
    ), p as (
        select * from r where (since is null or r.month >= since) and (till is null or r.month <= till)
    ), z as (
        select true as total, null::int2 as unit, null::date as month, count(*) as n, count(*) filter (where s = 1) as a, count(*) filter (where s = 2) as b,
               count(*) filter (where s = 3) as c, count(*) filter (where s = 4) as d from p
        union all
        select false, case by1 when 'unit' then p.unit end, case by1 when 'month' then p.month end, count(*), count(*) filter (where s = 1),
               count(*) filter (where s = 2), count(*) filter (where s = 3), count(*) filter (where s = 4)
        from p where by1 in ('unit', 'month') group by 2, 3
    )
    select z.total, coalesce(d.code, to_char(z.month, 'YYYY-MM')), coalesce(d.name, extract(year from z.month) || '年' || extract(month from z.month) || '月'),
           z.n, z.a, z.b, z.c, z.d, stat_percent(z.a, z.n - z.c)
    from z left join unit_directory d on d.number = z.unit order by not z.total, z.unit, z.month
$$;

-- Base data for commendation (F18): what is on record of each team and athlete in a year, for people to judge. No score, no order by merit, no names of
-- persons. flags: on live versions of the activities.
create or replace function stat_commendation(for_year int2, unit text)
        returns table (subject text, code text, name text, sessions int8, minutes int8, duty int8, met bool, activities int8, months int8, sites int8, counties int8,
            joint int8, guidance int8, onsite int8, online int8, corrected int8, flags_open int8, flags_confirmed int8, policy text)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set enable_nestloop = off set jit = off as $$
#variable_conflict use_column
declare
    units constant int2[] := stat_units(unit);
begin
    return query
    with fact as materialized (
        select f.* from stat_fact f where f.month >= make_date(for_year, 1, 1) and f.month <= make_date(for_year, 12, 1) and not f.legacy and (units is null or f.unit = any (units))
    ), flagged as materialized (
        select g.position, count(*) filter (where g.state = 'OPEN') as open, count(*) filter (where g.state = 'CONFIRMED') as confirmed
        from flag g group by g.position
    ), own as (
        select 1::int2 as kind, f.team as subject, f.* from fact f
        union all
        select 2::int2, p.person, f.* from fact f join quota_participation p on p.position = f.position and p.team = f.team and p.listed and p.role <> 5
    ), done as (
        select o.kind, o.subject, count(*) as n, count(distinct o.month) as months, count(distinct o.site) as sites,
               count(distinct case when o.region % 100 <> 0 then o.region end) as counties, count(*) filter (where o.joint) as joint, sum(o.guidance)::int8 as guidance,
               sum(o.onsite)::int8 as onsite, sum(o.online)::int8 as online, count(*) filter (where o.corrected) as corrected,
               coalesce(sum(g.open), 0)::int8 as open, coalesce(sum(g.confirmed), 0)::int8 as confirmed
        from own o left join flagged g on g.position = o.position group by o.kind, o.subject
    )
    select q.subject, q.unit || '/' || q.code, v.name, q.sessions::int8, case q.subject_kind when 1 then q.member_minutes else q.minutes end::int8, q.duty::int8,
           case when q.duty > 0 then case q.subject_kind when 1 then q.sessions else q.minutes end >= q.duty end, coalesce(d.n, 0), coalesce(d.months, 0),
           coalesce(d.sites, 0), coalesce(d.counties, 0), coalesce(d.joint, 0), coalesce(d.guidance, 0), coalesce(d.onsite, 0), coalesce(d.online, 0),
           coalesce(d.corrected, 0), coalesce(d.open, 0), coalesce(d.confirmed, 0), q.policy || '/' || q.policy_version
    from quota_subject q left join done d on d.kind = q.subject_kind and d.subject = q.number
        left join (select distinct on (x.number) x.number, x.name from team_version x order by x.number, x.position desc) v
            on q.subject_kind = 1 and v.number = q.number
    where q.year = for_year and (units is null or q.unit_number = any (units))
    order by q.subject_kind, q.unit_number, q.code;
end
$$;

grant execute on function stat_activities(text, text, date, date, text, int4, text), stat_intakes(text, date, date, text), stat_quota(text, int2, text),
    stat_exemptions(date, date, text), stat_flags(text, date, date, text), stat_opinion(text, date, date, text), stat_mail(text, date, date, text),
    stat_commendation(int2, text), stat_head(date), stat_rank_allowed() to liangjin_audit, liangjin_control;
reset role;
