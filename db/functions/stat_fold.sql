-- Statistics: what is counted, and how it follows the log. Idempotent.
--
-- stat_fold() brings the figures from the position they stand at up to the settled position of the kind quota: it takes the activities that versions,
-- the ledger, redriven events or late registers have touched, takes away what is counted of them (stat_fact remembers it), and counts them anew. So
-- corrections, withdrawals and whatever the ledger changes later are followed exactly, and the sums do not depend on how folds were cut
-- (db/test/stat.sql). Nothing is folded a report: once a local day in settlement (stat_fold_day), and when somebody asks (stat_report.sql).
-- The tables are a cache: stat_reset() empties them, the next fold makes them again; stat_diff() holds them against the raw rows.
-- One at a time: the row of stat_at is the lock.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- ---------------------------------------------------------------------------------------------------------------- words

-- Numbers and words of the dimensions. Numbers are stored: never change one. group and theme are bits, 1 << number.
create table if not exists stat_word (
    dim text not null,
    number int2 not null,
    word text not null,
    zh text not null,
    primary key (dim, number),
    unique (dim, word)
);
insert into stat_word (dim, number, word, zh) values
    ('level', 1, 'NATIONAL', '国家队'), ('level', 2, 'PROVINCIAL', '省级队'),
    ('body', 1, 'SCHOOL', '学校'), ('body', 2, 'COMMUNITY', '社区'),
    ('mode', 1, 'ONSITE', '现场'), ('mode', 2, 'LIVE', '直播'), ('mode', 3, 'RECORDED', '录播'), ('mode', 4, 'HYBRID', '线上线下结合'),
    ('anchor', 1, 'A0610', '题词纪念日'), ('anchor', 2, 'A0808', '全民健身日'), ('anchor', 3, 'CHONGYANG', '重阳节'),
    ('group', 0, 'CHILD', '儿童'), ('group', 1, 'TEEN', '青少年'), ('group', 2, 'ADULT', '成年人'), ('group', 3, 'ELDER', '老年人'),
    ('group', 4, 'DISABLED', '残疾人'), ('group', 5, 'WOMEN', '妇女'), ('group', 6, 'WORKER', '职工'), ('group', 7, 'FARMER', '农民'),
    ('group', 8, 'SOLDIER_FAMILY', '军属'), ('group', 9, 'OTHER', '其他'),
    ('theme', 0, 'PARTY', '党建'), ('theme', 1, 'IDEOLOGY_STYLE', '思想道德作风'), ('theme', 2, 'VOLUNTEER', '志愿服务'),
    ('theme', 3, 'PAIRING_AID', '结对帮扶'), ('theme', 4, 'RURAL', '乡村振兴'), ('theme', 5, 'RED_EDU', '红色教育'), ('theme', 6, 'EVENT_LINKED', '赛事联动'),
    ('theme', 7, 'ANCHOR', '节点活动'), ('theme', 8, 'BRAND', '品牌活动'), ('theme', 9, 'STUDY_TOGETHER', '共学共建'),
    ('site_kind', 1, 'KINDERGARTEN', '幼儿园'), ('site_kind', 2, 'PRIMARY', '小学'), ('site_kind', 3, 'MIDDLE', '初中'), ('site_kind', 4, 'SENIOR', '高中'),
    ('site_kind', 5, 'NINE_YEAR', '九年一贯制学校'), ('site_kind', 6, 'SPECIAL_ED', '特殊教育学校'), ('site_kind', 7, 'VOCATIONAL', '职业学校'),
    ('site_kind', 8, 'COMMUNITY', '社区'), ('site_kind', 9, 'VILLAGE', '村'), ('site_kind', 10, 'ELDER_CARE', '养老机构'),
    ('site_kind', 11, 'ELDER_UNIV', '老年大学'), ('site_kind', 12, 'PARK', '公园'), ('site_kind', 13, 'STADIUM', '体育场馆'),
    ('site_kind', 14, 'TRAINING_BASE', '训练基地'), ('site_kind', 15, 'UNIVERSITY', '高校'), ('site_kind', 16, 'COMPANY', '企业'),
    ('site_kind', 17, 'MALL', '商场'), ('site_kind', 18, 'SCENIC', '景区'), ('site_kind', 19, 'BARRACKS', '部队'), ('site_kind', 20, 'OTHER', '其他')
    on conflict (dim, number) do update set word = excluded.word, zh = excluded.zh;

-- Provinces by the first two digits of GB/T 2260. west: the twelve of the western development programme (stat_piece
-- has them, too). bit: of a set of provinces; never change one.
create table if not exists stat_province (
    number int4 primary key,
    bit int4 not null unique,
    zh text not null,
    west bool not null
);
insert into stat_province (number, bit, zh, west) values (11, 0, '北京市', false), (12, 1, '天津市', false), (13, 2, '河北省', false), (14, 3, '山西省', false),
    (15, 4, '内蒙古自治区', true), (21, 5, '辽宁省', false), (22, 6, '吉林省', false), (23, 7, '黑龙江省', false), (31, 8, '上海市', false), (32, 9, '江苏省', false),
    (33, 10, '浙江省', false), (34, 11, '安徽省', false), (35, 12, '福建省', false), (36, 13, '江西省', false), (37, 14, '山东省', false), (41, 15, '河南省', false),
    (42, 16, '湖北省', false), (43, 17, '湖南省', false), (44, 18, '广东省', false), (45, 19, '广西壮族自治区', true), (46, 20, '海南省', false), (50, 21, '重庆市', true),
    (51, 22, '四川省', true), (52, 23, '贵州省', true), (53, 24, '云南省', true), (54, 25, '西藏自治区', true), (61, 26, '陕西省', true), (62, 27, '甘肃省', true),
    (63, 28, '青海省', true), (64, 29, '宁夏回族自治区', true), (65, 30, '新疆维吾尔自治区', true), (71, 31, '台湾省', false), (81, 32, '香港特别行政区', false),
    (82, 33, '澳门特别行政区', false), (99, 34, '境外', false)
    on conflict (number) do update set bit = excluded.bit, zh = excluded.zh, west = excluded.west;

-- ---------------------------------------------------------------------------------------------------------------- facts

-- What is to be counted of activities at a settled position: a row a live activity and team. Index probes from each activity on, and nothing else: a
-- join of two sets here would be a nested loop over both.
create or replace function stat_rows(activities uuid[], upto int8) returns setof stat_fact
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
#variable_conflict use_column
begin
    return query
    select l.position, l.activity, l.day, date_trunc('month', l.day)::date, t.team, l.site, coalesce(s.region, 0), coalesce(m.minutes, 0)::int4, coalesce(m.unconfirmed, 0)::int4,
           coalesce(j.audience, 0), b.online, i.unit, b.groups, b.themes,
           coalesce((select x.number from stat_sport x where x.sport = v.sport), 0::int2),
           coalesce((select w.number from stat_word w where w.dim = 'site_kind' and w.word = s.kind), 0::int2),
           case v.level when 'NATIONAL' then 1 when 'PROVINCIAL' then 2 else 0 end::int2, b.body, b.anchor, l.mode, l.guidance, coalesce(n.sessions, 0)::int2, r.n::int2,
           r.disputed::int2, coalesce(j.legacy, false), t.many > 1, not coalesce(j.legacy, false),
           not coalesce(j.legacy, false) and (f.received_at at time zone 'Asia/Shanghai')::date - f.day <= 7, l.op = 2,
           case when j.legacy then '{}' else r.chunks end, case when j.legacy then '{}' else r.masks end, false
    from unnest(activities) a(activity)
        cross join lateral (select coalesce(n.body, n.position) as position from quota_version n where n.activity = a.activity and n.position <= upto
            and not n.held order by n.version desc limit 1) live
        join quota_version l on l.position = live.position
        cross join lateral (                   -- what only the report itself says
            select case x.served_body when 'SCHOOL' then 1 when 'COMMUNITY' then 2 else 0 end::int2 as body,
                   case x.anchor when 'A0610' then 1 when 'A0808' then 2 when 'CHONGYANG' then 3 else 0 end::int2 as anchor,
                   coalesce(x.audience_online, 0)::int4 as online,
                   coalesce((select bit_or(1 << w.number) from json_array_elements_text(x.audience_groups) y(t)
                       join stat_word w on w.dim = 'group' and w.word = y.t), 0)::int2 as groups,
                   coalesce((select bit_or(1 << w.number) from json_array_elements_text(x.themes) y(t)
                       join stat_word w on w.dim = 'theme' and w.word = y.t), 0)::int2 as themes
            from event e cross join lateral json_to_record(case l.op when 2 then e.payload::json -> 'body' else e.payload::json end)
                as x(served_body text, audience_online numeric, audience_groups json, themes json, anchor text)
            where e.position = l.position offset 0) b
        cross join lateral (select q.team, count(*) over () as many from quota_team q where q.position = l.position offset 0) t
        join team i on i.number = t.team
        cross join lateral (select coalesce(sum(c.n), 0) as n, coalesce(sum(c.disputed), 0) as disputed, coalesce(array_agg(c.chunk order by c.chunk), '{}') as chunks,
                coalesce(array_agg(c.mask order by c.chunk), '{}') as masks
            from (select s.chunk, bit_or(1::int8 << s.bit) as mask, count(*) as n, count(*) filter (where exists (select from quota_version d
                      where d.activity = l.activity and d.person = p.person and d.op = 5 and d.position <= upto)) as disputed
                  from quota_participation p join stat_seat s on s.person = p.person
                  where p.position = l.position and p.team = t.team and p.listed and p.role <> 5 group by s.chunk) c offset 0) r
        cross join lateral (select sum(x.minutes) as minutes, sum(x.minutes) filter (where not x.confirmed) as unconfirmed
            from (select (select sum(e.minutes) from ledger_entry e where e.subject_kind = 2 and e.subject = p.person and e.day = l.day
                      and e.activity = l.activity and e.team = t.team and e.position <= upto) as minutes,
                  coalesce((select y.side in (1, 3) from validation y where y.activity = l.activity and y.version is null and y.step is not null
                      and y.person = p.person and y.position <= upto order by y.step desc limit 1), false) as confirmed
                  from quota_participation p where p.position = l.position and p.team = t.team offset 0) x) m
        cross join lateral (select sum(e.sessions) as sessions from ledger_entry e where e.subject_kind = 1 and e.subject = t.team and e.day = l.day
            and e.activity = l.activity and e.team = t.team and e.position <= upto offset 0) n
        left join validation j on j.position = l.position
        left join lateral (select x.sport, x.level from team_version x where x.number = t.team and x.position <= l.position
            order by x.position desc limit 1) v on true
        left join lateral (select x.kind, x.region::int4 as region from site_version x where x.number = l.site and x.position <= l.position
            order by x.position desc limit 1) s on true
        left join lateral (select (select e.received_at from event e where e.position = q.position) as received_at, q.day from quota_version q
            where q.activity = l.activity and q.version = 1 offset 0) f on true
    where l.op in (1, 2);
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- fold

-- A fact without where it is counted; and what decides where it is counted and what is on record of each.
create or replace function stat_plain(f stat_fact) returns stat_fact language sql immutable set search_path = liangjin, pg_catalog, pg_temp as $$
    select row(f.position, f.activity, f.day, f.month, f.team, f.site, f.region, f.minutes, f.unconfirmed, f.onsite, f.online, f.unit, f.groups, f.themes,
        f.sport, f.site_kind, f.level, f.body, f.anchor, f.mode, f.guidance, f.sessions, f.person_times, f.disputed, f.legacy, f.joint, f.timed,
        f.timely, f.corrected, f.chunks, f.masks, false)::stat_fact
$$;
create or replace function stat_place(f stat_fact) returns stat_fact language sql immutable set search_path = liangjin, pg_catalog, pg_temp as $$
    select row(f.position, f.activity, null, f.month, f.team, f.site, f.region, null, null, f.onsite, f.online, f.unit, f.groups, f.themes, f.sport,
        f.site_kind, f.level, f.body, f.anchor, f.mode, f.guidance, null, null, null, f.legacy, f.joint, null, null, f.corrected, f.chunks, f.masks,
        false)::stat_fact
$$;

-- What facts add to sums: a row a dimension and value.
create or replace view stat_piece as
    select m.*, d.dim::int2 as dim, d.value::int4 as value
    from stat_measured m cross join lateral (values (0, 0), (1, m.team), (2, m.sport), (3, m.level), (4, m.region), (5, m.site_kind), (6, m.body), (9, m.anchor),
        (10, m.mode)) d(dim, value)
    union all select m.*, 7::int2, g.bit from stat_measured m join stat_bit g on g.bits = m.groups
    union all select m.*, 8::int2, t.bit from stat_measured m join stat_bit t on t.bits = m.themes;

-- Adds what is counted of activities to the sums (sign 1), or takes it away (-1): of the nation (unit -1) and of each unit, a joint activity once in each.
-- plpgsql, for the planner must see the array: what it does not see it compares one by one.
create or replace function stat_add(those uuid[], sign int4) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
begin
    with own as materialized (                 -- of one team: units add up to the nation
        select p.dim, p.month, p.unit, p.value,
               sum(p.activities) as activities, sum(p.legacy) as legacy, sum(p.sessions) as sessions, sum(p.person_times) as person_times,
               sum(p.timed) as timed, sum(p.timely) as timely, sum(p.corrected) as corrected, sum(p.disputed) as disputed, sum(p.rural) as rural,
               sum(p.west) as west, sum(p.key_group) as key_group, sum(p.minutes) as minutes, sum(p.legacy_minutes) as legacy_minutes,
               sum(p.unconfirmed) as unconfirmed, sum(p.guidance) as guidance, sum(p.onsite) as onsite, sum(p.online) as online
        from stat_piece p where p.activity = any (those) and not p.joint group by 1, 2, 3, 4
    ), joint as materialized (
        select p.dim, p.month, s.unit, p.value, p.activity,
               max(p.activities) as activities, max(p.legacy) as legacy, sum(p.sessions) as sessions, sum(p.person_times) as person_times,
               max(p.timed) as timed, max(p.timely) as timely, max(p.corrected) as corrected, sum(p.disputed) as disputed, max(p.rural) as rural,
               max(p.west) as west, max(p.key_group) as key_group, sum(p.minutes) as minutes, sum(p.legacy_minutes) as legacy_minutes,
               sum(p.unconfirmed) as unconfirmed, max(p.guidance) as guidance, max(p.onsite) as onsite, max(p.online) as online
        from stat_piece p cross join lateral (values (p.unit), (-1::int2)) s(unit)
        where p.activity = any (those) and p.joint and (p.dim <> 1 or s.unit >= 0) group by 1, 2, 3, 4, 5
    )
    insert into stat_sum as s (dim, national, month, unit, value,
            activities, legacy, sessions, person_times, timed, timely, corrected, disputed, rural, west, key_group, minutes, legacy_minutes,
            unconfirmed, guidance, onsite, online)
        select p.dim, p.unit < 0, p.month, p.unit, p.value,
               sign * sum(p.activities), sign * sum(p.legacy), sign * sum(p.sessions), sign * sum(p.person_times), sign * sum(p.timed),
               sign * sum(p.timely), sign * sum(p.corrected), sign * sum(p.disputed), sign * sum(p.rural), sign * sum(p.west),
               sign * sum(p.key_group), sign * sum(p.minutes), sign * sum(p.legacy_minutes), sign * sum(p.unconfirmed), sign * sum(p.guidance),
               sign * sum(p.onsite), sign * sum(p.online)
        from (select dim, month, unit, value, activities, legacy, sessions, person_times, timed, timely, corrected, disputed, rural, west, key_group, minutes, legacy_minutes,
                     unconfirmed, guidance, onsite, online from own
              union all
              select dim, month, -1, value, sum(activities), sum(legacy), sum(sessions), sum(person_times), sum(timed), sum(timely), sum(corrected), sum(disputed),
                     sum(rural), sum(west), sum(key_group), sum(minutes), sum(legacy_minutes), sum(unconfirmed), sum(guidance), sum(onsite),
                     sum(online)
              from own where dim <> 1 group by 1, 2, 3, 4
              union all
              select dim, month, unit, value, activities, legacy, sessions, person_times, timed, timely, corrected, disputed, rural, west, key_group, minutes, legacy_minutes,
                     unconfirmed, guidance, onsite, online from joint) p
        group by 1, 2, 3, 4, 5
        on conflict (dim, national, month, unit, value) do update set
            activities = s.activities + excluded.activities, legacy = s.legacy + excluded.legacy, sessions = s.sessions + excluded.sessions,
            person_times = s.person_times + excluded.person_times, timed = s.timed + excluded.timed, timely = s.timely + excluded.timely,
            corrected = s.corrected + excluded.corrected, disputed = s.disputed + excluded.disputed, rural = s.rural + excluded.rural,
            west = s.west + excluded.west, key_group = s.key_group + excluded.key_group, minutes = s.minutes + excluded.minutes,
            legacy_minutes = s.legacy_minutes + excluded.legacy_minutes, unconfirmed = s.unconfirmed + excluded.unconfirmed,
            guidance = s.guidance + excluded.guidance, onsite = s.onsite + excluded.onsite, online = s.online + excluded.online;
    insert into stat_site as s (site, unit, month, n)
        select f.site, f.unit, f.month, sign * count(*) from stat_fact f where f.activity = any (those) and f.site is not null group by 1, 2, 3
        on conflict (site, unit, month) do update set n = s.n + excluded.n;
end
$$;

-- Counts activities anew: takes away what is counted of them, and counts what stands at a position. Most that were counted before have only other minutes
-- now (an athlete confirmed them, the cap of a day): those stay in their cells, and in their sets. Of the others the sets and what is on record of each are made again.
create or replace function stat_count(activities uuid[], upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    news stat_fact[];
    olds stat_fact[];
    changed uuid[];
    moved uuid[];                              -- of these: new, gone, or not where they were
    fresh uuid[];
    celled uuid[];
    years int2[]; teams int4[]; sets int4[];
    in_years int2[]; kinds int2[]; subjects int4[];
begin
    perform stat_seats(activities, upto);
    news := array(select r from stat_rows(activities, upto) r);
    olds := array(select f from stat_fact f where f.activity = any (activities));
    select array(select distinct n.activity from unnest(news) n left join unnest(olds) o on o.activity = n.activity and o.team = n.team
                     where o.activity is null or stat_plain(o) is distinct from stat_plain(n)
                 union select o.activity from unnest(olds) o left join unnest(news) n on n.activity = o.activity and n.team = o.team where n.activity is null),
           array(select distinct n.activity from unnest(news) n left join unnest(olds) o on o.activity = n.activity and o.team = n.team
                     where o.activity is null or stat_place(o) is distinct from stat_place(n)
                 union select o.activity from unnest(olds) o left join unnest(news) n on n.activity = o.activity and n.team = o.team where n.activity is null),
           array(select distinct n.activity from unnest(news) n where not exists (select from unnest(olds) o where o.activity = n.activity)),
           array(select o.activity from unnest(olds) o where o.rolled)
        into changed, moved, fresh, celled;
    if cardinality(changed) = 0 then
        return;
    end if;
    celled := array(select x from unnest(celled) x intersect select x from unnest(changed) x);
    if cardinality(fresh) < cardinality(changed) then
        perform stat_add(array(select distinct (x).activity from unnest(olds) x where (x).activity = any (changed)), -1);
        if cardinality(celled) > 0 then
            perform stat_cells_add(celled, -1);
        end if;
        select array_agg(f.year), array_agg(f.team), array_agg(c) into years, teams, sets
            from stat_measured f cross join lateral unnest(f.chunks) c where f.activity = any (moved) and f.activity = any (celled);
        select array_agg(x.year), array_agg(x.kind), array_agg(x.subject) into in_years, kinds, subjects
            from (select distinct extract(year from p.month)::int2 as year, p.kind, p.subject
                  from stat_subject_piece p where p.activity = any (moved)) x;
        delete from stat_fact f where f.activity = any (changed);
    end if;
    insert into stat_fact select (x).* from unnest(news) x where (x).activity = any (changed);
    perform stat_add(array(select distinct (x).activity from unnest(news) x where (x).activity = any (changed)), 1);
    if cardinality(celled) > 0 then
        celled := array(select x from unnest(celled) x except select x from unnest(moved) x);
        update stat_fact f set rolled = true where f.activity = any (celled);
        perform stat_cells_add(celled, 1);
    end if;
    if years is not null then
        perform stat_masks_again(years, teams, sets);
    end if;
    perform stat_subjects_add(fresh);
    moved := array(select x from unnest(moved) x except select x from unnest(fresh) x);
    if cardinality(moved) > 0 then
        select in_years || array_agg(x.year), kinds || array_agg(x.kind), subjects || array_agg(x.subject) into in_years, kinds, subjects
            from (select distinct extract(year from p.month)::int2 as year, p.kind, p.subject from stat_subject_piece p where p.activity = any (moved)) x;
        perform stat_subjects_again(in_years, kinds, subjects);
    end if;
end
$$;

-- What was judged at positions. What was ever parked is counted as late and not in its turn: its row in parked is older than its verdict.
create or replace function stat_count_intake(since int8, upto int8, late int8[]) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
begin
    insert into stat_intake as s (month, unit, reports, reports_rejected, corrections, corrections_rejected, withdrawals, returned)
        select date_trunc('month', v.received_at at time zone 'Asia/Shanghai')::date, v.unit, count(*) filter (where v.op = 1),
               count(*) filter (where v.op = 1 and v.verdict = 2), count(*) filter (where v.op = 2), count(*) filter (where v.op = 2 and v.verdict = 2),
               count(*) filter (where v.op = 3 and v.verdict = 1), count(*) filter (where v.op = 5 and v.verdict = 1)
        from (select x.* from validation x where x.position > since and x.position <= upto
                  and not exists (select from parked p where p.kind = 2 and p.position = x.position)
              union all select x.* from validation x where x.position = any (late)) v
        group by 1, 2
        on conflict (month, unit) do update set reports = s.reports + excluded.reports, reports_rejected = s.reports_rejected + excluded.reports_rejected,
            corrections = s.corrections + excluded.corrections, corrections_rejected = s.corrections_rejected + excluded.corrections_rejected,
            withdrawals = s.withdrawals + excluded.withdrawals, returned = s.returned + excluded.returned;
end
$$;

-- Activities touched between two settled positions: by their versions and reviews, by what athletes say, by the ledger, by what was redriven (late), by registers that came late (news).
create or replace function stat_touched(since int8, upto int8, late int8[], news int8[]) returns setof uuid
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
begin
    return query
    select v.activity from quota_version v where v.position > since and v.position <= upto
    union select v.activity from quota_version v where v.position = any (late)
    union select v.activity from validation v where v.position > since and v.position <= upto and v.person is not null and v.verdict = 1
    union select v.activity from validation v where v.position = any (late) and v.person is not null and v.verdict = 1
    union select e.activity from ledger_entry e
        where e.position > since and e.position <= upto and e.activity <> '00000000-0000-0000-0000-000000000000'
    union select f.activity from unnest(news) n(p) join team_version t on t.position = n.p join stat_fact f on f.team = t.number
    union select f.activity from unnest(news) n(p) join site_version s on s.position = n.p join stat_fact f on f.site = s.number;
end
$$;

-- Brings the figures up to the settled position and returns where they stand. most: only so far that about so many versions are taken; returns null where
-- what lies between touches more than four times as many, or where somebody else is at it; null: no limit, waits.
create or replace function stat_fold(most int4 default null) returns int8
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set jit = off as $$
declare
    part constant int4 := 20000;
    upto int8;
    since int8;
    seen int8;
    closed int8;
    late2 int8[];                              -- redriven since: of validation, of quota
    late3 int8[];
    news int8[];
    touched uuid[];
begin
    if most is null then
        select a.position, a.register_closure into since, seen from stat_at a for update;
    else
        select a.position, a.register_closure into since, seen from stat_at a for update skip locked;
        if not found then
            return null;
        end if;
    end if;
    upto := coalesce((select s.position from settled s where s.kind = 3), 0);
    if most is not null then
        upto := least(upto, (select v.position from quota_version v where v.position > since order by v.position offset most limit 1));
    end if;
    late2 := array(select p.position from parked p where p.kind = 2 and p.state = 'redriven' and p.position <= upto
                   and not exists (select from stat_late l where l.kind = 2 and l.position = p.position));
    late3 := array(select p.position from parked p where p.kind = 3 and p.state = 'redriven' and p.position <= upto
                   and not exists (select from stat_late l where l.kind = 3 and l.position = p.position));
    if upto <= since and cardinality(late2) = 0 and cardinality(late3) = 0 then
        return since;
    end if;
    select array_agg(l.position), max(l.closure) into news, closed from register_log l where l.closure > seen;
    touched := array(select stat_touched(since, upto, late2 || late3, array(select n from unnest(news) n where n <= since)));
    if cardinality(touched) > 4 * most then
        return null;
    end if;
    insert into stat_sport (number, sport)
        select (select coalesce(max(x.number), 0) from stat_sport x) + row_number() over (order by n.sport), n.sport
        from (select distinct v.sport from team_version v where v.position <= upto) n where n.sport not in (select x.sport from stat_sport x);
    for i in 1 .. cardinality(touched) by part loop
        perform stat_count(touched[i:i + part - 1], upto);
    end loop;
    perform stat_roll(60000, case when most is not null then 2 end);
    delete from stat_site s where s.n = 0;
    perform stat_count_intake(since, upto, late2);
    insert into stat_late (kind, position) select 2, unnest(late2) union all select 3, unnest(late3);
    perform brin_summarize_new_values('ledger_entry_position');
    update stat_at a set position = greatest(a.position, upto), register_closure = greatest(a.register_closure, coalesce(closed, 0));
    return upto;
end
$$;

-- Once a local day, in the settlement that passes its position (flags.sql), which it holds up: a day with more than that is taken up later, or when somebody asks.
create or replace function stat_fold_day(since int8, upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    if exists (select from calendar_day c where c.position > since and c.position <= upto) then
        perform stat_fold(2000);
    end if;
end
$$;

-- Empties the figures; the next fold makes them again from the first event on.
create or replace function stat_reset() returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    perform from stat_at a for update;
    truncate stat_late, stat_sum, stat_fact, stat_seat, stat_team_cell, stat_pair_cell, stat_subject, stat_site, stat_intake;
    update stat_at set position = 0, register_closure = 0;
end
$$;
reset role;
