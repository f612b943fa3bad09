-- Statistics: what is counted, of what, once; suppression; and that the figures follow random histories (corrections, withdrawals, registers dated
-- back, redriven events, folds anywhere) to the same as a computation from nothing at the same position.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(55);
\ir quota_world.psql

-- A version with its payload and verdict. extra: members of the payload beside served_body.
create function told(p int8, a int4, version int4, op int2, start timestamptz, teams int4[], rows int4[][], site int4, extra json default '{}', unit int2 default 1::int2,
        audience int4 default 100, at timestamptz default null, legacy bool default false, mode int2 default 1::int2) returns void language plpgsql as $$
declare
    received timestamptz := coalesce(at, start + interval '2 days');
    body text := (jsonb '{"served_body": "SCHOOL"}' || extra::jsonb)::text;
begin
    perform act(p, a, version, op, case when op < 3 then start end, case when op < 3 then 90 end, teams, rows, site, mode, at => received);
    update event set payload = case op when 2 then format('{"activity": "x", "body": %s}', body) else body end where position = p;
    insert into validation (position, received_at, start_at, activity, day, version, unit, op, verdict, state, short, audience, legacy)
        values (p, received, start, ('00000000-0000-7000-8000-' || lpad(a::text, 12, '0'))::uuid, (start at time zone 'Asia/Shanghai')::date, version,
            unit, op, 1, case op when 3 then 8 else 4 end, '{}', audience, legacy);
end
$$;
create function refused(p int8, at timestamptz, unit int2 default 1::int2, op int2 default 1::int2) returns void language sql as $$
    select ev(p, at);
    insert into validation (position, received_at, activity, unit, op, verdict) values (p, at, gen_random_uuid(), unit, op, 2)
$$;
create function settle(p int8) returns void language plpgsql as $$ begin perform settle_activities(p); end $$;
create function sums(by1 text, by2 text default null) returns table (k1 text, k2 text, activities int8, sessions int8, athletes int8, times int8, minutes int8)
    language sql as $$ select s.k1, s.k2, s.activities, s.sessions, s.athletes, s.person_times, s.minutes from stat_sums(by1, by2, null, null, null, null) s order by 1, 2 $$;
create function total() returns stat_figures language sql as $$ select stat_sums(null, null, null, null, null, null) $$;

-- ---------------------------------------------------------------------------------------------------------------- a small world, by hand
insert into unit select g, g, 'PS00' || g from generate_series(1, 3) g;
insert into unit_version (position, number, parent, name, kind, state) select g, g, case g when 3 then 1 else 0 end, '单位' || g,
    case g when 3 then 'SUB_UNIT' else 'PROVINCE' end, 'ACTIVE' from generate_series(1, 3) g;
select reg(4); insert into policy values (4, 1, null, null, 'NATION');
select policy_row(4, 1, 1, '2024-01-01', 360, 4);
select team_row(10 + t, t, ((t - 1) % 3 + 1)::int2) from generate_series(1, 6) t;
select member_row(20 + n, n, n, (n - 1) % 6 + 1, '2024-01-01') from generate_series(1, 42) n;
select reg(70 + s) from generate_series(1, 4) s;
insert into site select 70 + s, s, 1, 'S' || s from generate_series(1, 4) s;
insert into site_version (position, number, name, kind, region) values (71, 1, '第一小学', 'PRIMARY', '350102'), (72, 2, '第二村', 'VILLAGE', '520103'),
    (73, 3, '社区', 'COMMUNITY', '350100'), (74, 4, '四中', 'MIDDLE', null);

-- One team of unit 1; a joint one of teams 1 and 2 (units 1, 2); one of teams 1 and 4 (both unit 1); one of the sub-unit (3), online.
select told(101, 1, 1, 1::int2, '2025-03-04 10:00+08', '{1}', '{{1,1,90,90,1},{7,1,90,60,1},{13,1,90,90,5}}', 1, '{"themes": ["PARTY", "RURAL"], "audience_groups": ["CHILD"]}');
select told(102, 2, 1, 1::int2, '2025-03-05 10:00+08', '{1,2}', '{{1,1,90,90},{2,2,90,90},{8,2,90,90}}', 2, '{"anchor": "A0610"}', audience => 300);
select told(103, 3, 1, 1::int2, '2025-04-01 10:00+08', '{1,4}', '{{1,1,90,90},{4,4,90,90}}', 3, '{"served_body": "COMMUNITY"}', at => '2025-04-20 10:00+08');
select told(104, 4, 1, 1::int2, '2025-04-02 10:00+08', '{3}', '{{3,3,90,90},{9,3,90,90},{5,5,90,90}}', null, '{"audience_online": 5000}', 3::int2, 0, mode => 2::int2);
select refused(105, '2025-04-03'), refused(106, '2025-04-03', 2::int2);
select settle(110);
select is(stat_fold(), 110::int8, 'a fold goes to the settled position');
select is_empty('select * from stat_diff()', 'nothing differs from the raw rows');
select results_eq('select * from sums(null)', $$values (null::text, null::text, 4::int8, 6::int8, 7::int8, 9::int8, 780::int8)$$,
    'the nation: a joint activity once, sessions of each team, an athlete once, ATTEND and rows of other teams not');
select results_eq($$select * from sums('unit')$$, $$values ('1', null::text, 3::int8, 4::int8, 3::int8, 5::int8, 420::int8), ('2', null, 1, 1, 2, 2, 180),
    ('3', null, 1, 1, 2, 2, 180)$$, 'units: a joint activity once in each, once where both teams are its own');
select ok((select sum(activities) from sums('unit')) > (total()).activities, 'units add up to more than the nation');
select results_eq($$select k1, activities, minutes from sums('team')$$, $$values ('1', 3::int8, 330::int8), ('2', 1, 180), ('3', 1, 180), ('4', 1, 90)$$, 'teams');
select results_eq($$select k1, activities, athletes from sums('theme')$$, $$values ('-1', 3::int8, 6::int8), ('0', 1, 2), ('4', 1, 2)$$,
    'an activity counts in each of its themes, once in those without');
select results_eq($$select k1, k2, activities from sums('month', 'site_kind')$$, $$values ('202503', '2', 1::int8), ('202503', '9', 1), ('202504', '0', 1), ('202504', '8', 1)$$,
    'two dimensions');
select results_eq($$select k1, activities from sums('province')$$, $$values ('0', 1::int8), ('35', 2), ('52', 1)$$, 'provinces; none without a site');
select results_eq($$select k1, activities from sums('anchor')$$, $$values ('0', 3::int8), ('1', 1)$$, 'anchors');
select results_eq($$select k1, activities from sums('mode')$$, $$values ('1', 3::int8), ('2', 1)$$, 'modes');
select results_eq($$select k1, activities from sums('body')$$, $$values ('1', 3::int8), ('2', 1)$$, 'served bodies');
select results_eq('select (total()).onsite, (total()).online', $$values (500::int8, 5000::int8)$$, 'people on site and online are apart, joint ones once');
select results_eq('select (total()).timed, (total()).timely, (total()).counties, (total()).west, (total()).rural', $$values (4::int8, 3::int8, 2::int8, 1::int8, 2::int8)$$,
    'timeliness, counties (not a city as a whole), the west, the country');
select results_eq($$select coalesce(stat_dim.zh, '') <> '' from stat_dim('unit')$$, 'values (true)', 'dimensions are named');
select throws_ok($$select * from stat_sums('colour', null, null, null, null, null)$$, '22023', null, 'an unknown dimension is an error');
select throws_ok($$select * from stat_sums('group', 'theme', null, null, null, null)$$, '22023', null, 'group and theme not together');
select results_eq($$select code1, name1, activities from stat_activities('unit', null, null, null, null, null)$$,
    $$values (null::text, null::text, 4::int8), ('PS001', '单位1', 3), ('PS002', '单位2', 1), ('PS003', '单位3', 1)$$, 'a report: the total first, units as in the directory');
select results_eq($$select activities, athletes, minutes from stat_activities('unit', null, null, null, null, null)$$,
    $$values (4::int8, '7', '780'), (3, '*', '*'), (1, '*', '*'), (1, '*', '*')$$, 'figures of fewer than five persons are not shown');
select results_eq($$select timely, corrected, rural from stat_activities(null, null, null, null, null, null)$$, $$values ('*', '*', '*')$$, 'nor percentages of fewer than five cases');
select results_eq($$select activities, new_sites from stat_activities(null, null, null, null, 'PS001', null)$$, $$values (4::int8, 3::int8)$$,
    'a unit with its sub-unit: its joint activity once');
select results_eq($$select code1, new_sites from stat_activities('unit', null, '2025-04-01', '2025-04-01', null, null)$$,
    $$values (null::text, 1::int8), ('PS001', 1), ('PS003', 0)$$, 'sites that are new in April');
select throws_ok($$select * from stat_activities('unit', null, null, null, null, null, 'minutes')$$, 'P0403', null, 'no ranking');
update stat_setting set value = 'on' where name = 'rank';
select results_eq($$select code1 from stat_activities('unit', null, null, null, null, null, 'minutes')$$, $$values (null::text), ('PS001'), ('PS002'), ('PS003')$$, 'where policy allows it');
update stat_setting set value = 'off' where name = 'rank';
select results_eq($$select total, code, reports, rejected, first_pass from stat_intakes('unit', null, null, null)$$,
    $$values (true, null::text, 6::int8, 2::int8, '66.7'), (false, 'PS001', 4, 1, '*'), (false, 'PS002', 1, 1, '*'), (false, 'PS003', 1, 0, '*')$$, 'accepted at the first try');

-- What happens later: a correction to another day and team, a withdrawal, a membership that ends in the past, a legacy report, one redriven.
select told(111, 1, 2, 2::int2, '2025-05-04 10:00+08', '{1}', '{{1,1,90,90}}', 4, '{"themes": ["VOLUNTEER"]}');
select told(112, 2, 2, 3::int2, '2025-03-05 10:00+08', '{}', '{}', null);
select member_row(113, 9, 9, 3, '2024-01-01', '2025-03-31', at => '2025-05-06');
select told(114, 5, 1, 1::int2, '2023-02-01 10:00+08', '{6}', '{{6,6,90,90}}', 1, at => '2025-05-06', legacy => true);
select settle(120);
select is(stat_fold(), 120::int8, 'again');
select is_empty('select * from stat_diff()', 'still nothing differs');
select results_eq('select * from sums(null)', $$values (null::text, null::text, 3::int8, 4::int8, 4::int8, 5::int8, 360::int8)$$,
    'the corrected, the withdrawn, the one whose member had left, the legacy one apart');
select results_eq('select (total()).legacy, (total()).corrected, (total()).timed', $$values (1::int8, 1::int8, 3::int8)$$, 'legacy and corrected');
select results_eq($$select k1, activities from sums('month')$$, $$values ('202302', 0::int8), ('202504', 2), ('202505', 1)$$, 'the months moved along');
insert into parked (position, parked_at, kind, unit, attempts, state, error_code, error, fingerprint, worker, version)
    values (107, '2025-05-06', 2, 1, 1, 'redriven', 'x', 'x', 'x', 'x', 'x'), (107, '2025-05-06', 3, 1, 1, 'redriven', 'x', 'x', 'x', 'x', 'x');
select told(107, 6, 1, 1::int2, '2025-04-05 10:00+08', '{5}', '{{5,5,90,90},{11,5,90,90}}', 4);
select is(stat_fold(), 120::int8, 'a redriven event below the position is taken, too');
select is_empty('select * from stat_diff()', 'as it stands before it is settled');
select is((total()).activities, 4::int8, 'counted');
select ev(121, '2025-05-07');
select settle(121);
select is((select minutes from sums('team') where k1 = '5'), 0::int8, 'the ledger is not read before a fold');
select is(stat_fold(), 121::int8, 'and after');
select is((select minutes from sums('team') where k1 = '5'), 180::int8, 'it is');
select is_empty('select * from stat_diff()', 'its minutes came');
select is(stat_fold(), 121::int8, 'nothing new: nothing to do');
select results_eq('select reports, reports_rejected from stat_intake where unit = 1 and month = ''2025-04-01''', 'values (3, 1)', 'late reports are counted once');

-- Review: what waits counts nothing until it is approved; what an athlete disputes and confirms; what is revoked.
create function side(p int8, a int4, person int4, op int4, side int4, step int4) returns void language sql as $$
    insert into validation (position, received_at, activity, unit, op, verdict, state, short, about, person, side, step)
        values (p, '2025-05-08', ('00000000-0000-7000-8000-' || lpad(a::text, 12, '0'))::uuid, 1, op, 1, 4, '{}', 1, person, side, step)
$$;
select told(130, 7, 1, 1::int2, '2025-06-05 10:00+08', '{5}', '{{5,5,90,90},{11,5,90,90}}', 4);
update quota_version set held = true where position = 130;
select settle(131), stat_fold();
select is((select activities from sums('month') where k1 = '202506'), null, 'a report that waits for its review is not counted');
select said(132, 7, 2, 4::int2, 130), settle(133), stat_fold();
select results_eq($$select activities, minutes, unconfirmed, disputed from stat_sums('month', null, '2025-06-01', '2025-06-01', null, null)$$,
    $$values (1::int8, 180::int8, 180::int8, 0::int8)$$, 'it is when it is approved, and nobody has confirmed his minutes');
select side(134, 7, 5, 10, 1, 3), said(135, 7, 3, 5::int2, null, 11), settle(136), stat_fold();
select results_eq($$select activities, minutes, unconfirmed, disputed from stat_sums('month', null, '2025-06-01', '2025-06-01', null, null)$$,
    $$values (1::int8, 90::int8, 0::int8, 1::int8)$$, 'one has, the other disputes his');
select said(137, 7, 4, 6::int2, null, 11), settle(138), stat_fold();
select results_eq($$select minutes, unconfirmed, disputed from stat_sums('month', null, '2025-06-01', '2025-06-01', null, null)$$,
    $$values (180::int8, 90::int8, 1::int8)$$, 'the dispute is solved, and was one');
select is_empty('select * from stat_diff()', 'nothing differs after a review');
select act(139, 7, 5, 3::int2, null, null, '{}', '{}'), settle(140), stat_fold();
select is((select activities from sums('month') where k1 = '202506'), null, 'revoked: nothing is left');

-- ---------------------------------------------------------------------------------------------------------------- random histories
create function play(seed float8, p int8, next int4) returns void language plpgsql as $$
declare
    alive int4[] := '{}';
    versions int4[] := array_fill(0, array[2000]);
    n int4;
    a int4;
    teams int4[];
    roster int4[][];
    start timestamptz;
begin
    perform setseed(seed);
    for i in 1 .. 220 loop
        p := p + 1 + (random() * 2)::int4;
        n := (random() * 100)::int4;
        start := '2025-01-05 10:00+08'::timestamptz + (random() * 300)::int4 * interval '1 day' + (random() * 8)::int4 * interval '1 hour';
        teams := array(select t from generate_series(1, 6) t order by random() limit 1 + (random() * random() * 3)::int4);
        roster := array(select array[m, case when random() < 0.1 then 1 else (m - 1) % 6 + 1 end, 90, 30 + (random() * 60)::int4, 1 + (random() * 4)::int4]
                        from generate_series(1, 42) m where (m - 1) % 6 + 1 = any (teams) order by random() limit 6);
        if n < 55 or cardinality(alive) = 0 then
            next := next + 1;
            alive := alive || next;
            versions[next] := 1;
            perform told(p, next, 1, 1::int2, start, teams, roster, nullif((random() * 4)::int4, 0),
                json_build_object('themes', (array['["PARTY"]', '["RURAL", "BRAND"]', '[]'])[1 + (random() * 2)::int4]::json, 'anchor', case when n < 8 then 'A0808' end,
                    'audience_online', n), (1 + n % 2)::int2, n, start + (random() * 12)::int4 * interval '1 day', n = 3, (1 + n % 4)::int2);
        elsif n < 75 then
            a := alive[1 + (random() * (cardinality(alive) - 1))::int4];
            versions[a] := versions[a] + 1;
            perform told(p, a, versions[a], 2::int2, start, teams, roster, nullif((random() * 4)::int4, 0), '{"served_body": "COMMUNITY"}', audience => n);
        elsif n < 82 then
            a := alive[1 + (random() * (cardinality(alive) - 1))::int4];
            versions[a] := versions[a] + 1;
            alive := array_remove(alive, a);
            perform told(p, a, versions[a], 3::int2, start, '{}', '{}', null);
        elsif n < 90 then
            a := 1 + (random() * 41)::int4;
            perform member_row(p, a, a, (a - 1) % 6 + 1, '2024-01-01', case when random() < 0.7 then '2025-01-01'::date + (random() * 360)::int4 end,
                case when random() < 0.3 then 'TRIAL' else 'FORMAL' end, '2025-12-01');
        elsif n < 93 then
            perform refused(p, start, (1 + n % 3)::int2, (1 + n % 2)::int2);
        else
            perform ev(p);
        end if;
        if random() < 0.15 then
            perform settle(p);
            if random() < 0.5 then
                perform stat_fold((array[null, 3, 1000])[1 + (random() * 2)::int4]);
            end if;
            if random() < 0.3 then
                perform stat_roll((random() * 30)::int4, 1 + (random() * 3)::int4);
            end if;
        end if;
    end loop;
    perform settle(p);
    perform stat_fold();
end
$$;
-- Every two dimensions that may stand together.
create table pairs as
    select a, b, row_number() over (order by a, b) as n
    from unnest('{month,unit,team,sport,level,region,province,site_kind,body,group,theme,anchor,mode,year,quarter}'::text[]) a,
        unnest('{month,unit,team,sport,level,region,province,site_kind,body,group,theme,anchor,mode,year,quarter}'::text[]) b
    where a < b and (a, b) <> ('group', 'theme');
-- Distinct athletes by them from the rosters, without sets and cells: pairs where that differs.
create function miscounted() returns setof text language plpgsql as $$
declare
    p record;
    bad int8;
begin
    for p in select x.a, x.b, d.facts as e1, e.facts as e2, case when 'group' in (x.a, x.b) then ' join stat_bit b on b.bits = f.groups'
                 when 'theme' in (x.a, x.b) then ' join stat_bit b on b.bits = f.themes' else '' end as bits
             from pairs x, stat_dim(x.a) d, stat_dim(x.b) e loop
        execute format('select count(*) from (select (%s)::text as k1, (%s)::text as k2, count(distinct q.person) as n from stat_fact f%s join quota_participation q'
            ' on q.position = f.position and q.team = f.team and q.listed and q.role <> 5 where not f.legacy group by 1, 2) r'
            ' full join (select * from stat_sums(%L, %L, null, null, null, null) where athletes > 0) s using (k1, k2) where r.n is distinct from s.athletes',
            p.e1, p.e2, p.bits, p.a, p.b) into bad;
        if bad > 0 then
            return next concat_ws(' ', p.a, p.b, bad);
        end if;
    end loop;
end
$$;
create function everything() returns text language sql as $$
    select string_agg(x, E'\n' order by x) from (
        select d || ' ' || s::text as x from unnest('{month,unit,team,sport,level,region,province,site_kind,body,group,theme,anchor,mode,year,quarter}'::text[]) d,
            stat_sums(d, null, null, null, null, null) s
        union all select 'unit month ' || s::text from stat_sums('unit', 'month', null, null, '{1,3}', null) s
        union all select concat_ws(' ', p.a, p.b, s::text) from pairs p, stat_sums(p.a, p.b, null, null, null, null) s where p.n % 3 = 0
        union all select concat_ws(' ', 'year', p.a, p.b, s::text) from pairs p, stat_sums(p.a, p.b, '2025-01-01', '2025-12-01', '{1,3}', null) s where p.n % 7 = 0
        union all select concat_ws(' ', 'part', p.a, p.b, s::text) from pairs p, stat_sums(p.a, p.b, '2025-02-01', '2025-04-01', null, null) s where p.n % 7 = 1
        union all select concat_ws(' ', 'team', p.a, p.b, s::text) from pairs p, stat_sums(p.a, p.b, null, null, null, 2) s where p.n % 7 = 2
        union all select concat_ws(' ', 'record', x.year, x.kind, x.subject, x.activities, x.joint, x.corrected, x.guidance, x.onsite, x.online, x.months,
            cardinality(x.sites), cardinality(x.counties)) from stat_subject x
        union all select 'total ' || s::text from stat_sums(null, null, '2025-02-01', '2025-08-01', null, null) s
        union all select 'intake ' || i::text from stat_intake i) r
$$;
create table stood (seed float8, folded text, anew text);
create function twice(seed float8, p int8, next int4) returns setof text language plpgsql as $$
begin
    perform play(seed, p, next);
    return next is((select count(*) from stat_diff()), 0::int8, 'seed ' || seed || ': nothing differs from the raw rows');
    return query select ok(count(*) filter (where f.rolled) > 5 and count(*) filter (where not f.rolled) > 5, 'seed ' || seed || ': some are in cells, some are not') from stat_fact f;
    return query select is_empty('select * from miscounted()', 'seed ' || seed || ': athletes by any two dimensions are those of the rosters');
    insert into stood values (seed, everything());
    perform stat_reset();
    perform stat_fold();
    update stood s set anew = everything() where s.seed = twice.seed;
    return next ok((select s.folded = s.anew and length(s.folded) > 5000 from stood s where s.seed = twice.seed), 'seed ' || seed || ': reports are the same from nothing');
end
$$;
select twice(0.11, 1000, 100);
-- An independent count over the raw rows.
select results_eq($$select k1::int4, activities + legacy from stat_sums('unit', null, null, null, null, null) order by 1$$,
    $$select t.unit::int4, count(distinct v.activity) from quota_version v join quota_team q on q.position = v.position join team t on t.number = q.team
      where v.op <> 3 and not exists (select from quota_version w where w.activity = v.activity and w.version > v.version) group by 1 order by 1$$, 'units, counted otherwise');
select results_eq($$select athletes from stat_sums(null, null, null, null, null, null)$$,
    $$select count(distinct p.person) from quota_version v join quota_participation p on p.position = v.position join validation x on x.position = v.position
      where v.op <> 3 and p.listed and p.role <> 5 and not x.legacy and not exists (select from quota_version w where w.activity = v.activity and w.version > v.version)$$,
    'distinct athletes, counted otherwise');
select twice(0.42, 3000, 1000);
select * from finish();
rollback;
