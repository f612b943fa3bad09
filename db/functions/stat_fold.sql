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
-- has them, too). bit: in stat_person.provinces; never change one.
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
           not coalesce(j.legacy, false) and (f.received_at at time zone 'Asia/Shanghai')::date - f.day <= 7, l.op = 2
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
        cross join lateral (select count(*) as n, count(*) filter (where exists (select from quota_version d where d.activity = l.activity
                and d.person = p.person and d.op = 5 and d.position <= upto)) as disputed
            from quota_participation p where p.position = l.position and p.team = t.team and p.listed and p.role <> 5 offset 0) r
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

-- What facts add to sums: a row a dimension, value and scope (the nation, with unit -1; the unit), of a joint activity once in each.
create or replace view stat_piece as
    with v as not materialized (               -- so that a condition on the activity reaches the facts' index
        select f.*, d.dim, d.value, s.national, case when s.national then -1 else f.unit end::int2 as scope,
               f.site_kind = 9 or f.themes >> 4 & 1 = 1 as rural, f.groups & 504 <> 0 as key_group,
               f.region / 10000 in (15, 45, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65) as west
        from stat_fact f
            cross join lateral (values (0, 0), (1, f.team), (2, f.sport), (3, f.level), (4, f.region), (5, f.site_kind), (6, f.body), (9, f.anchor), (10, f.mode),
                (7, case when f.groups = 0 then -1 end), (7, case when f.groups & 1 <> 0 then 0 end), (7, case when f.groups & 2 <> 0 then 1 end),
                (7, case when f.groups & 4 <> 0 then 2 end), (7, case when f.groups & 8 <> 0 then 3 end), (7, case when f.groups & 16 <> 0 then 4 end),
                (7, case when f.groups & 32 <> 0 then 5 end), (7, case when f.groups & 64 <> 0 then 6 end), (7, case when f.groups & 128 <> 0 then 7 end),
                (7, case when f.groups & 256 <> 0 then 8 end), (7, case when f.groups & 512 <> 0 then 9 end),
                (8, case when f.themes = 0 then -1 end), (8, case when f.themes & 1 <> 0 then 0 end), (8, case when f.themes & 2 <> 0 then 1 end),
                (8, case when f.themes & 4 <> 0 then 2 end), (8, case when f.themes & 8 <> 0 then 3 end), (8, case when f.themes & 16 <> 0 then 4 end),
                (8, case when f.themes & 32 <> 0 then 5 end), (8, case when f.themes & 64 <> 0 then 6 end), (8, case when f.themes & 128 <> 0 then 7 end),
                (8, case when f.themes & 256 <> 0 then 8 end), (8, case when f.themes & 512 <> 0 then 9 end)) d(dim, value)
            cross join (values (true), (false)) s(national)
        where d.value is not null and (d.dim <> 1 or not s.national)
    )
    select v.activity, v.dim, v.national, v.month, v.scope as unit, v.value, v.legacy, v.rural, v.west, v.key_group, v.timed, v.timely, v.corrected, v.guidance,
           v.onsite, v.online, v.sessions::int8 as sessions, v.person_times::int8 as person_times, v.disputed::int8 as disputed, v.minutes::int8 as minutes,
           v.unconfirmed::int8 as unconfirmed
    from v where not v.joint
    union all
    select v.activity, v.dim, v.national, v.month, v.scope, v.value, v.legacy, v.rural, v.west, v.key_group, v.timed, v.timely, v.corrected, v.guidance,
           v.onsite, v.online, sum(v.sessions), sum(v.person_times), sum(v.disputed), sum(v.minutes), sum(v.unconfirmed)
    from v where v.joint
    group by v.activity, v.dim, v.national, v.month, v.scope, v.value, v.legacy, v.rural, v.west, v.key_group, v.timed, v.timely, v.corrected, v.guidance,
             v.onsite, v.online;

-- Adds what is counted of activities to the sums (sign 1), or takes it away (-1). plpgsql, for the planner must see the array: what it does not see it
-- compares one by one.
create or replace function stat_add(activities uuid[], sign int4) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
begin
    insert into stat_sum as s (dim, national, month, unit, value, activities, legacy, sessions, person_times, timed, timely, corrected, disputed, rural, west,
            key_group, minutes, legacy_minutes, unconfirmed, guidance, onsite, online)
        select p.dim, p.national, p.month, p.unit, p.value, sign * sum((not legacy)::int4), sign * sum(legacy::int4),
               sign * coalesce(sum(p.sessions) filter (where not legacy), 0), sign * coalesce(sum(p.person_times) filter (where not legacy), 0),
               sign * sum(p.timed::int4), sign * sum(p.timely::int4), sign * sum((not legacy and p.corrected)::int4),
               sign * coalesce(sum(p.disputed) filter (where not legacy), 0), sign * sum((not legacy and p.rural)::int4),
               sign * sum((not legacy and p.west)::int4), sign * sum((not legacy and p.key_group)::int4),
               sign * coalesce(sum(p.minutes) filter (where not legacy), 0), sign * coalesce(sum(p.minutes) filter (where legacy), 0),
               sign * coalesce(sum(p.unconfirmed) filter (where not legacy), 0), sign * coalesce(sum(p.guidance) filter (where not legacy), 0),
               sign * coalesce(sum(p.onsite) filter (where not legacy), 0), sign * coalesce(sum(p.online) filter (where not legacy), 0)
        from stat_piece p where p.activity = any (activities) group by 1, 2, 3, 4, 5
        on conflict (dim, national, month, unit, value) do update set activities = s.activities + excluded.activities, legacy = s.legacy + excluded.legacy,
            sessions = s.sessions + excluded.sessions, person_times = s.person_times + excluded.person_times, timed = s.timed + excluded.timed,
            timely = s.timely + excluded.timely, corrected = s.corrected + excluded.corrected, disputed = s.disputed + excluded.disputed,
            rural = s.rural + excluded.rural, west = s.west + excluded.west, key_group = s.key_group + excluded.key_group,
            minutes = s.minutes + excluded.minutes, legacy_minutes = s.legacy_minutes + excluded.legacy_minutes,
            unconfirmed = s.unconfirmed + excluded.unconfirmed, guidance = s.guidance + excluded.guidance, onsite = s.onsite + excluded.onsite,
            online = s.online + excluded.online;
    insert into stat_site as s (site, unit, month, n)
        select f.site, f.unit, f.month, sign * count(*) from stat_fact f where f.activity = any (activities) and f.site is not null group by 1, 2, 3
        on conflict (site, unit, month) do update set n = s.n + excluded.n;
end
$$;

-- Rosters of facts as rows of stat_person, one a roster row.
create or replace view stat_part as
    select f.activity, f.position, f.month, f.team, p.person, f.unit, f.sport, f.level, 1 << f.site_kind as site_kind,
           case when f.groups = 0 then 1024 else f.groups end::int2 as groups, case when f.themes = 0 then 1024 else f.themes end::int2 as themes,
           (1 << f.body)::int2 as body, (1 << f.anchor)::int2 as anchor, (1 << f.mode)::int2 as mode,
           1::int8 << coalesce((select z.bit from stat_province z where z.number = f.region / 10000), 40) as province
    from stat_fact f join quota_participation p on p.position = f.position and p.team = f.team and p.listed and p.role <> 5
    where not f.legacy;

-- Counts activities anew: takes away what is counted of them, and counts what stands at a position. Of an activity that was not counted yet the
-- roster is added to stat_person; the months of persons of all others are made again, since a bit does not tell how often it was set.
create or replace function stat_count(activities uuid[], upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    news stat_fact[] := array(select r from stat_rows(activities, upto) r);
    known uuid[] := array(select distinct f.activity from stat_fact f where f.activity = any (activities));
    fresh uuid[] := array(select distinct n.activity from unnest(news) n where n.activity <> all (known));
    months date[]; teams int4[]; persons int4[];
begin
    if cardinality(known) > 0 then
        perform stat_add(known, -1);
        select array_agg(x.month), array_agg(x.team), array_agg(x.person) into months, teams, persons
            from (select p.month, p.team, p.person from stat_part p where p.activity = any (known) group by 1, 2, 3) x;
        delete from stat_fact f where f.activity = any (known);
    end if;
    insert into stat_fact select n.* from unnest(news) n;
    perform stat_add(array(select distinct n.activity from unnest(news) n), 1);
    insert into stat_person as s (month, team, person, unit, sport, level, n, site_kinds, groups, themes, bodies, anchors, modes, provinces)
        select p.month, p.team, p.person, p.unit, p.sport, p.level, count(*), bit_or(p.site_kind), bit_or(p.groups), bit_or(p.themes), bit_or(p.body),
               bit_or(p.anchor), bit_or(p.mode), bit_or(p.province)
        from stat_part p where p.activity = any (fresh) group by 1, 2, 3, 4, 5, 6
        on conflict (month, team, person, sport, level) do update set n = s.n + excluded.n, site_kinds = s.site_kinds | excluded.site_kinds,
            groups = s.groups | excluded.groups, themes = s.themes | excluded.themes, bodies = s.bodies | excluded.bodies, anchors = s.anchors | excluded.anchors,
            modes = s.modes | excluded.modes, provinces = s.provinces | excluded.provinces;
    if cardinality(known) > 0 then
        select months || array_agg(x.month), teams || array_agg(x.team), persons || array_agg(x.person) into months, teams, persons
            from (select p.month, p.team, p.person from stat_part p where p.activity = any (known) group by 1, 2, 3) x;
        perform stat_persons_again(months, teams, persons);
    end if;
end
$$;

-- Makes months of persons in teams again, from the facts: index probes.
create or replace function stat_persons_again(months date[], teams int4[], persons int4[]) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_nestloop = on set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
begin
    delete from stat_person s using unnest(months, teams, persons) u(month, team, person)
        where s.month = u.month and s.team = u.team and s.person = u.person;
    insert into stat_person (month, team, person, unit, sport, level, n, site_kinds, groups, themes, bodies, anchors, modes, provinces)
        select p.month, p.team, p.person, p.unit, p.sport, p.level, count(*), bit_or(p.site_kind), bit_or(p.groups), bit_or(p.themes), bit_or(p.body),
               bit_or(p.anchor), bit_or(p.mode), bit_or(p.province)
        from (select distinct * from unnest(months, teams, persons) u(month, team, person)) u
            join quota_participation q on q.person = u.person and q.day >= u.month and q.day < u.month + interval '1 month' and q.team = u.team
            join quota_version v on v.position = q.position
            join stat_part p on p.activity = v.activity and p.position = q.position and p.team = u.team and p.person = u.person
        group by 1, 2, 3, 4, 5, 6;
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

-- Brings the figures up to the settled position and returns that. most: leaves it for another time where more activities are touched than that, or
-- where somebody else is at it, and returns null; null: no limit, waits.
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
    late2 := array(select p.position from parked p where p.kind = 2 and p.state = 'redriven' and p.position <= upto
                   and not exists (select from stat_late l where l.kind = 2 and l.position = p.position));
    late3 := array(select p.position from parked p where p.kind = 3 and p.state = 'redriven' and p.position <= upto
                   and not exists (select from stat_late l where l.kind = 3 and l.position = p.position));
    if upto <= since and cardinality(late2) = 0 and cardinality(late3) = 0 then
        return since;
    end if;
    select array_agg(l.position), max(l.closure) into news, closed from register_log l where l.closure > seen;
    touched := array(select stat_touched(since, upto, late2 || late3, array(select n from unnest(news) n where n <= since)));
    if cardinality(touched) > most then
        return null;
    end if;
    insert into stat_sport (number, sport)
        select (select coalesce(max(x.number), 0) from stat_sport x) + row_number() over (order by n.sport), n.sport
        from (select distinct v.sport from team_version v where v.position <= upto) n where n.sport not in (select x.sport from stat_sport x);
    for i in 1 .. cardinality(touched) by part loop
        perform stat_count(touched[i:i + part - 1], upto);
    end loop;
    delete from stat_site s where s.n = 0;
    perform stat_count_intake(since, upto, late2);
    insert into stat_late (kind, position) select 2, unnest(late2) union all select 3, unnest(late3);
    perform brin_summarize_new_values('ledger_entry_position');
    update stat_at a set position = greatest(a.position, upto), register_closure = greatest(a.register_closure, coalesce(closed, 0));
    return upto;
end
$$;

-- Once a local day, in the settlement that passes its position (flags.sql). A day with more than that waits until somebody asks.
create or replace function stat_fold_day(since int8, upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    if exists (select from calendar_day c where c.position > since and c.position <= upto) then
        perform stat_fold(20000);
    end if;
end
$$;

-- Empties the figures; the next fold makes them again from the first event on.
create or replace function stat_reset() returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    perform from stat_at a for update;
    truncate stat_late, stat_sum, stat_fact, stat_person, stat_site, stat_intake;
    update stat_at set position = 0, register_closure = 0;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- held against the raw rows

-- Where the figures differ from a recomputation from the raw rows at the position they stand at; no row: all is well. Reads everything, in parts.
create or replace function stat_diff() returns table (what text, key text, stored text, computed text)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    upto constant int8 := (select a.position from stat_at a);
    part constant int4 := 20000;
    everything uuid[] := array(select v.activity from quota_version v where v.version = 1 and v.position <= upto union select f.activity from stat_fact f);
begin
    for i in 1 .. cardinality(everything) by part loop
        return query
        select 'activity', activity || ' ' || team, s::text, c::text
        from (select f.activity, f.team, f as s from stat_fact f where f.activity = any (everything[i:i + part - 1])) s
            full join (select r.activity, r.team, r as c from stat_rows(everything[i:i + part - 1], upto) r) c using (activity, team)
        where s is distinct from c;
    end loop;
    return query
    select 'sum', format('%s %s %s %s %s', dim, national, month, unit, value), s::text, c::text
    from (select dim, national, month, unit, value, row(x.activities::int8, x.legacy::int8, x.sessions::int8, x.person_times::int8, x.timed::int8, x.timely::int8,
                 x.corrected::int8, x.disputed::int8, x.rural::int8, x.west::int8, x.key_group::int8, x.minutes, x.legacy_minutes, x.unconfirmed, x.guidance,
                 x.onsite, x.online) as s
          from stat_sum x where x.activities <> 0 or x.legacy <> 0 or x.minutes <> 0 or x.sessions <> 0 or x.onsite <> 0) s
        full join
         (select dim, national, month, unit, value, row(count(*) filter (where not legacy), count(*) filter (where legacy),
                 coalesce(sum(p.sessions) filter (where not legacy), 0)::int8, coalesce(sum(p.person_times) filter (where not legacy), 0)::int8,
                 count(*) filter (where p.timed), count(*) filter (where p.timely), count(*) filter (where not legacy and p.corrected),
                 coalesce(sum(p.disputed) filter (where not legacy), 0)::int8, count(*) filter (where not legacy and p.rural),
                 count(*) filter (where not legacy and p.west), count(*) filter (where not legacy and p.key_group),
                 coalesce(sum(p.minutes) filter (where not legacy), 0)::int8, coalesce(sum(p.minutes) filter (where legacy), 0)::int8,
                 coalesce(sum(p.unconfirmed) filter (where not legacy), 0)::int8, coalesce(sum(p.guidance) filter (where not legacy), 0)::int8,
                 coalesce(sum(p.onsite) filter (where not legacy), 0)::int8, coalesce(sum(p.online) filter (where not legacy), 0)::int8) as c
          from stat_piece p group by dim, national, month, unit, value) c using (dim, national, month, unit, value)
    where s is distinct from c
    union all
    select 'person', format('%s %s %s', month, team, person), s::text, c::text
    from (select month, team, person, sport, level, row(p.unit, p.n::int8, p.site_kinds, p.groups, p.themes, p.bodies, p.anchors, p.modes, p.provinces) as s
          from stat_person p) s
        full join
         (select month, team, person, sport, level, row(p.unit, count(*), bit_or(p.site_kind), bit_or(p.groups), bit_or(p.themes), bit_or(p.body),
                 bit_or(p.anchor), bit_or(p.mode), bit_or(p.province)) as c
          from stat_part p group by month, team, person, sport, level, p.unit) c using (month, team, person, sport, level)
    where s is distinct from c
    union all
    select 'site', format('%s %s %s', site, unit, month), s.n::text, c.n::text
    from stat_site s
        full join (select f.site, f.unit, f.month, count(*) as n from stat_fact f where f.site is not null
                   group by 1, 2, 3) c using (site, unit, month)
    where s.n is distinct from c.n
    union all
    select 'intake', format('%s %s', month, unit), s.r::text, c.r::text
    from (select month, unit, row(s.reports::int8, s.reports_rejected::int8, s.corrections::int8, s.corrections_rejected::int8, s.withdrawals::int8, s.returned::int8) as r
          from stat_intake s) s
        full join
         (select date_trunc('month', v.received_at at time zone 'Asia/Shanghai')::date as month, v.unit,
                 row(count(*) filter (where v.op = 1), count(*) filter (where v.op = 1 and v.verdict = 2), count(*) filter (where v.op = 2),
                     count(*) filter (where v.op = 2 and v.verdict = 2), count(*) filter (where v.op = 3 and v.verdict = 1),
                     count(*) filter (where v.op = 5 and v.verdict = 1)) as r
          from validation v where v.position <= upto group by 1, 2) c using (month, unit)
    where s.r is distinct from c.r
    union all                                  -- from another side: what the ledger holds of activities is what is counted
    select 'ledger', l.year::text, coalesce(f.minutes, 0) || '/' || coalesce(f.sessions, 0), l.minutes || '/' || l.sessions
    from (select e.year, sum(e.minutes) as minutes, sum(e.sessions) as sessions from ledger_entry e
          where e.position <= upto and e.activity <> '00000000-0000-0000-0000-000000000000' group by e.year) l
        left join (select extract(year from f.day)::int2 as year, sum(f.minutes) as minutes, sum(f.sessions) as sessions from stat_fact f group by 1) f
            on f.year = l.year
    where (coalesce(f.minutes, 0), coalesce(f.sessions, 0)) <> (l.minutes, l.sessions);
end
$$;

grant execute on function stat_fold(int4), stat_diff() to liangjin_audit, liangjin_control, liangjin_broker;
grant select on stat_word, stat_at, stat_sum, stat_sport, stat_province, stat_fact, stat_person, stat_site, stat_intake, stat_setting to liangjin_audit;
reset role;
