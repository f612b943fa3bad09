-- Statistics, the dimensions and the sums by them: from which table a report is read. Idempotent. The reports: stat_report.sql.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- The dimensions. dim: number in stat_sum and the cells, null where the dimension is a column of every sum. kind: X: of the activity, has cells; T: of its team, a
-- column of the cells of teams; M: finer than a year. sums, facts, cells: an expression over stat_sum s, stat_measured f (b.bit: the bit of a group or theme),
-- stat_team_cell or stat_pair_cell c (#: the column of the value). Over the value, which stands for @: the word, the Chinese text, and what is sorted by: units and
-- teams come in the order of the directory.
create or replace function stat_dim(name text, out dim int2, out kind text, out sums text, out facts text, out cells text, out word text, out zh text, out place text)
    language sql immutable set search_path = pg_catalog, pg_temp as $$
    select d, k, replace(e, '%', 's'), replace(coalesce(f, e), '%', 'f'), coalesce(c, replace(replace(coalesce(f, e), '%.value', '#'), '%', 'c')),
           coalesce(w, format('(select w.word from liangjin.stat_word w where w.dim = %L and w.number = @)', n)),
           coalesce(z, format('coalesce((select w.zh from liangjin.stat_word w where w.dim = %L and w.number = @), ''未填'')', n)), coalesce(p, '@::text')
    from (values
        ('year', null::int2, 'T', 'extract(year from %.month)::int4', null, 'c.year::int4', '@::text', '@ || ''年''', null),
        ('quarter', null, 'M', 'extract(year from %.month)::int4 * 10 + extract(quarter from %.month)::int4', null, 'c.year * 10 + (# + 2) / 3',
            '@ / 10 || ''-Q'' || mod(@, 10)', '@ / 10 || ''年第'' || mod(@, 10) || ''季度''', null),
        ('month', null, 'M', 'extract(year from %.month)::int4 * 100 + extract(month from %.month)::int4', null, 'c.year * 100 + #',
            '@ / 100 || ''-'' || lpad(mod(@, 100)::text, 2, ''0'')', '@ / 100 || ''年'' || mod(@, 100) || ''月''', null),
        ('unit', null, 'T', '%.unit::int4', null, null, '(select u.code from liangjin.unit u where u.number = @)',
            '(select d.name from liangjin.unit_directory d where d.number = @)', 'lpad(@::text, 6, ''0'')'),
        ('team', 1, 'T', '%.value', '%.team', null,
            '(select u.code || ''/'' || t.code from liangjin.team t join liangjin.unit u on u.number = t.unit where t.number = @)',
            '(select v.name from liangjin.team_version v where v.number = @ order by v.position desc limit 1)',
            '(select lpad(t.unit::text, 6, ''0'') || t.code from liangjin.team t where t.number = @)'),
        ('sport', 2, 'T', '%.value', '%.sport::int4', null, '(select x.sport from liangjin.stat_sport x where x.number = @)',
            '(select x.sport from liangjin.stat_sport x where x.number = @)', '(select x.sport from liangjin.stat_sport x where x.number = @)'),
        ('level', 3, 'T', '%.value', '%.level::int4', null, null, null, null),
        ('region', 4, 'X', '%.value', '%.region', '#', 'nullif(lpad(@::text, 6, ''0''), ''000000'')',
            'case when @ = 0 then ''未登记'' else lpad(@::text, 6, ''0'') end', null),
        ('province', 4, 'X', '%.value / 10000', '%.region / 10000', '# / 10000', 'nullif(lpad(@::text, 2, ''0'') || ''0000'', ''000000'')',
            'coalesce((select z.zh from liangjin.stat_province z where z.number = @), ''未登记'')', null),
        ('site_kind', 5, 'X', '%.value', '%.site_kind::int4', '#', null, null, 'lpad(@::text, 2, ''0'')'),
        ('body', 6, 'X', '%.value', '%.body::int4', '#', null, null, null),
        ('group', 7, 'X', '%.value', 'b.bit', '#', null, null, null),
        ('theme', 8, 'X', '%.value', 'b.bit', '#', null, null, null),
        ('anchor', 9, 'X', '%.value', '%.anchor::int4', '#', null, null, null),
        ('mode', 10, 'X', '%.value', '%.mode::int4', '#', null, null, null)) x(n, d, k, e, f, c, w, z, p) where n = stat_dim.name
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

-- Where a report by at most two dimensions can be read from, as texts of queries: cells of whole years (or of months, where it is by time alone) and the facts that
-- are not rolled into them; where there are no such cells, the facts. sums: rows of k1, k2 and all sums; sets: rows of k1, k2, chunk, mask. Of the parameters
-- $1 and $2 are the first and last month, $3 the units, $4 the team. wide: the report is neither of units nor of a team.
create or replace function stat_source(by1 text, by2 text, whole_years bool, wide bool, out sums text, out sets text)
    language plpgsql stable set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    d1 record;
    d2 record;
    x1 bool;
    x2 bool;
    fine bool;
    cells text;
    e1 text; e2 text; c1 text; c2 text;
    hot text := ' and not f.rolled';
    filter constant text := '($1 is null or f.month >= $1) and ($2 is null or f.month <= $2) and ($3 is null or f.unit = any ($3)) and ($4 is null or f.team = $4)';
    years constant text := ' and ($1 is null or c.year >= extract(year from $1)) and ($2 is null or c.year <= extract(year from $2))';
    whose constant text := ' and ($3 is null or c.unit = any ($3)) and ($4 is null or c.team = $4)';
    figures constant text := '%1$s.activities, %1$s.legacy, %1$s.sessions, %1$s.person_times, %1$s.timed, %1$s.timely, %1$s.corrected, %1$s.disputed, %1$s.rural, %1$s.west, '
        '%1$s.key_group, %1$s.minutes, %1$s.legacy_minutes, %1$s.unconfirmed, %1$s.guidance, %1$s.onsite, %1$s.online';
    bits text := case when 'group' in (by1, by2) then ' join stat_bit b on b.bits = f.groups' when 'theme' in (by1, by2) then ' join stat_bit b on b.bits = f.themes' else '' end;
begin
    select * into d1 from stat_dim(by1);
    select * into d2 from stat_dim(by2);
    x1 := coalesce(d1.kind = 'X', false);
    x2 := coalesce(d2.kind = 'X', false);
    fine := not whole_years or coalesce(d1.kind = 'M', false) or coalesce(d2.kind = 'M', false);
    e1 := coalesce(d1.facts, 'null::int4');
    e2 := coalesce(d2.facts, 'null::int4');
    c1 := coalesce(d1.cells, 'null::int4');
    c2 := coalesce(d2.cells, 'null::int4');
    if not x1 and not x2 then
        c1 := replace(c1, '#', 'c.value');
        c2 := replace(c2, '#', 'c.value');
        cells := format('stat_team_cell c where c.dim = %s', case when fine then 11 else 0 end) || years || whose
            || case when fine then ' and ($1 is null or make_date(c.year, c.value, 1) >= $1) and ($2 is null or make_date(c.year, c.value, 1) <= $2)' else '' end;
    elsif not fine and (x1 <> x2 or d1.dim = d2.dim) then
        c1 := replace(c1, '#', 'c.value');
        c2 := replace(c2, '#', 'c.value');
        cells := format('stat_team_cell c where c.dim = %s', case when x1 then d1.dim else d2.dim end) || years || whose;
    elsif not fine and wide then
        c1 := replace(c1, '#', case when d1.dim < d2.dim then 'c.value1' else 'c.value2' end);
        c2 := replace(c2, '#', case when d1.dim < d2.dim then 'c.value2' else 'c.value1' end);
        cells := format('stat_pair_cell c where c.dim1 = %s and c.dim2 = %s', least(d1.dim, d2.dim), greatest(d1.dim, d2.dim)) || years;
    else
        hot := '';
    end if;
    sums := format('select %s as k1, %s as k2, ', e1, e2) || format(figures, 'f') || ' from stat_measured f' || bits || ' where not f.joint and ' || filter || hot
        || format(' union all select %s, %s,'
            ' max(f.activities), max(f.legacy), sum(f.sessions), sum(f.person_times), max(f.timed), max(f.timely), max(f.corrected), sum(f.disputed), max(f.rural), '
            'max(f.west), max(f.key_group), sum(f.minutes), sum(f.legacy_minutes), sum(f.unconfirmed), max(f.guidance), max(f.onsite), max(f.online)'
            ' from stat_measured f%s where f.joint and %s group by 1, 2, f.activity', e1, e2, bits, filter || hot);
    sets := format('select %s as k1, %s as k2, u.chunk, u.mask from stat_fact f%s cross join lateral unnest(f.chunks, f.masks) u(chunk, mask) where %s', e1, e2, bits,
        filter || hot);
    if cells is not null then
        sums := sums || format(' union all select %s, %s, ', c1, c2) || format(figures, 'c') || ' from ' || cells;
        sets := sets || format(' union all select %s, %s, c.chunk, c.mask from ', c1, c2) || cells || ' and c.mask <> 0';
    end if;
end
$$;

-- The sums by at most two dimensions, of months since .. till (first days, both included; null: open), of teams of units (null: all) and one team (null: all).
-- k1, k2: values of the dimensions, null where not asked for. Legacy activities are in `legacy` and `legacy_minutes` alone.
-- From stat_sum where it has what is asked for, which is any one dimension by itself, by unit, by time, of units; of units together what a joint
-- activity has in several of them is taken off again. Else from stat_source.
create or replace function stat_sums(by1 text, by2 text, since date, till date, units int2[], one_team int4) returns setof stat_figures
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '256MB' set enable_mergejoin = off set enable_sort = off set jit = off as $$
declare
    d1 record;
    d2 record;
    dim int2;
    nation bool;
    source record;
    s1 text; s2 text;
    part text;
    counties text := 'select null::int4, null::int8 where false';
    new_sites text := counties;
begin
    select * into d1 from stat_dim(by1);
    select * into d2 from stat_dim(by2);
    if by1 is not null and d1.sums is null or by2 is not null and d2.sums is null or by1 = by2 or 'group' in (by1, by2) and 'theme' in (by1, by2) then
        raise exception 'no such dimensions: %, %', by1, by2 using errcode = '22023';
    end if;
    select * into source from stat_source(by1, by2, (since is null or extract(month from since) = 1) and (till is null or extract(month from till) = 12),
        units is null and one_team is null);
    s1 := coalesce(d1.sums, 'null::int4');
    s2 := coalesce(d2.sums, 'null::int4');
    dim := coalesce(d1.dim, d2.dim, case when one_team is not null then 1 end, 0);
    if (d1.dim is null or d2.dim is null or d1.dim = d2.dim) and (one_team is null or dim = 1) then
        nation := units is null and dim <> 1 and 'unit' <> all (array[coalesce(by1, ''), coalesce(by2, '')]);
        part := format('select %s as k1, %s as k2, s.activities, s.legacy, s.sessions, s.person_times, s.timed, s.timely, s.corrected, s.disputed, s.rural, s.west,'
            ' s.key_group, s.minutes, s.legacy_minutes, s.unconfirmed, s.guidance, s.onsite, s.online from stat_sum s'
            ' where s.dim = %s and s.national = %L and ($1 is null or s.month >= $1) and ($2 is null or s.month <= $2) and ($3 is null or s.unit = any ($3))'
            ' and ($4 is null or s.value = $4)', s1, s2, dim, nation);
        if cardinality(units) > 1 and dim <> 1 and 'unit' <> all (array[coalesce(by1, ''), coalesce(by2, '')]) then
            part := part || format(' union all select k1, k2, u * activities, u * legacy, 0, 0, u * timed, u * timely, u * corrected, 0, u * rural, u * west,'
                ' u * key_group, 0, 0, 0, u * guidance, u * onsite, u * online from (select %s as k1, %s as k2, max(f.activities) as activities, max(f.legacy) as legacy,'
                ' max(f.timed) as timed, max(f.timely) as timely, max(f.corrected) as corrected, max(f.rural) as rural, max(f.west) as west, max(f.key_group) as key_group,'
                ' max(f.guidance) as guidance, max(f.onsite) as onsite, max(f.online) as online, 1 - count(distinct f.unit) as u from stat_measured f%s'
                ' where f.joint and not f.rolled and ($1 is null or f.month >= $1) and ($2 is null or f.month <= $2) and f.unit = any ($3) and ($4 is null or f.team = $4)'
                ' group by 1, 2, f.activity having count(distinct f.unit) > 1) j',
                coalesce(d1.facts, 'null::int4'), coalesce(d2.facts, 'null::int4'),
                case when 'group' in (by1, by2) then ' join stat_bit b on b.bits = f.groups' when 'theme' in (by1, by2) then ' join stat_bit b on b.bits = f.themes' else '' end);
        end if;
    else
        part := source.sums;
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
            select k1, k2, coalesce(sum(activities), 0)::int8 as activities, coalesce(sum(legacy), 0)::int8 as legacy,
                   coalesce(sum(sessions), 0)::int8 as sessions, coalesce(sum(person_times), 0)::int8 as person_times,
                   coalesce(sum(timed), 0)::int8 as timed, coalesce(sum(timely), 0)::int8 as timely, coalesce(sum(corrected), 0)::int8 as corrected,
                   coalesce(sum(disputed), 0)::int8 as disputed, coalesce(sum(rural), 0)::int8 as rural, coalesce(sum(west), 0)::int8 as west,
                   coalesce(sum(key_group), 0)::int8 as key_group, coalesce(sum(minutes), 0)::int8 as minutes,
                   coalesce(sum(legacy_minutes), 0)::int8 as legacy_minutes, coalesce(sum(unconfirmed), 0)::int8 as unconfirmed,
                   coalesce(sum(guidance), 0)::int8 as guidance, coalesce(sum(onsite), 0)::int8 as onsite, coalesce(sum(online), 0)::int8 as online
            from (%1$s) part group by k1, k2 having $5 is null or sum(activities) > 0 or sum(legacy) > 0
        ), who as (
            select k1, k2, sum(bit_count(m::bit(64)))::int8 as athletes
            from (select k1, k2, chunk, bit_or(mask) as m from (%2$s) x group by k1, k2, chunk) y group by k1, k2
        ), new_sites(k1, n) as (%3$s), counties(k1, n) as (%4$s)
        select z.k1::text, z.k2::text, z.activities, z.legacy, z.sessions, coalesce(w.athletes, 0), z.person_times, z.minutes, z.legacy_minutes, z.unconfirmed, z.guidance,
               z.onsite, z.online, case when $6 then coalesce(n.n, 0) end, case when $7 then coalesce(c.n, 0) end, z.timed, z.timely, z.corrected, z.disputed, z.rural, z.west, z.key_group
        from z left join who w on coalesce(w.k1, -9) = coalesce(z.k1, -9) and coalesce(w.k2, -9) = coalesce(z.k2, -9)
            left join new_sites n on coalesce(n.k1, -9) = coalesce(z.k1, -9) left join counties c on coalesce(c.k1, -9) = coalesce(z.k1, -9)$q$,
        part, source.sets, new_sites, counties)
        using since, till, units, one_team, by1, new_sites !~ 'where false', counties !~ 'where false';
end
$$;
reset role;
