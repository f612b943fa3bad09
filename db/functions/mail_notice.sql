-- More notices: their templates, and those that follow from a day alone: an exemption that ends in two weeks (N16). Idempotent.
--
-- As all that settle_mail tells, they follow from the registers as of the day's position; where days are missing from the log, what fell on them is told with
-- the next day that began.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

insert into mail_template (rule, code, kind, needs, due_working_days, title, body) values
    (8, 'N08', 'TODO', 'READ', 5, '计划的活动尚未报送', E'下列计划的活动已过期限,尚未收到报告:\n{plans}\n已举办的请报送(活动后七日内),未举办的请取消计划。\nPlanned activities without a report.'),
    (11, 'N11', 'NOTICE', 'READ', null, '{year} 年第 {quarter} 季度小结', E'贵单位 {year} 年第 {quarter} 季度({from} 至 {to}):活动 {activities} 项,{sessions} 场次,{minutes} 分钟,涉及运动员 {athletes} 人。\n全年有任务的运动队 {teams_owing} 支,已完成 {teams_met} 支。\n仅含本单位数字,以小结时入账为准,其后的更正另行入账。\nSummary of a quarter, of your own unit only.'),
    (15, 'N15', 'WARN', 'SIGN', 0, '安全事件报告({level}):{what}', E'贵单位的安全事件报告:{what},{level}。{text}\n受伤 {hurt} 人。活动编号:{activity}\n请单位负责人和中心在一小时内签收并按预案处置;严重事件暂停有关稿件的发布。时长和场次不因此变动。\nAn incident was reported; sign within an hour.'),
    (20, 'N20', 'NOTICE', 'READ', null, '稿件{outcome}', E'贵单位报送的稿件“{title}”{outcome}。说明:{reason}\nWhat became of a story.'),
    (16, 'N16', 'NOTICE', 'READ', null, '{title}', '{body}'),
    (17, 'N17', 'NOTICE', 'SIGN', 10, '任务量政策第 {version} 版发布', E'{scope}任务量政策第 {version} 版自 {from} 起施行:每队每年 {sessions} 场次,每名运动员每年 {minutes} 分钟。请各单位知悉并签收。\nA new version of the quota policy was published.')
    on conflict (rule) do update set code = excluded.code, kind = excluded.kind, needs = excluded.needs, due_working_days = excluded.due_working_days,
        title = excluded.title, body = excluded.body;

-- One mail of a day to the units of which something is to be told, each with its own detail.
create or replace function mail_of_day(day_position int8, began timestamptz, id uuid, rule int2, title text, body text, units int2[], details text[]) returns void
    language sql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    insert into mail (position, sent_at, id, unit, rule, due_working_days, due_on, urgent, kind, needs, title, body)
        select day_position, began, follow_on_id(mail_of_day.id, 'mail', t.rule::int4), 0, t.rule, t.due_working_days,
               working_days_after((began at time zone 'Asia/Shanghai')::date, t.due_working_days, day_position), false, t.kind, t.needs, mail_of_day.title, mail_of_day.body
        from mail_template t where t.rule = mail_of_day.rule and cardinality(units) > 0;
    insert into mail_receipt (position, rule, unit, role, state, detail)
        select day_position, mail_of_day.rule, u.unit, 1, 2, left(u.detail, 1500) from unnest(units, details) as u(unit, detail);
$$;

-- Exemptions whose last day is the fourteenth after this day, or was the fourteenth after one that is missing from the log.
create or replace function mail_exemptions_day(day_position int8, day date, day_before date, began timestamptz, id uuid) returns void
    language sql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with ending as (
        select x.unit, v.person, v.team, v.valid_to from exemption x
            join lateral (select w.* from exemption_version w where w.number = x.number and w.position <= day_position order by w.position desc limit 1) v on true
        where v.valid_to between greatest(day_before + 1, day - 60) + 14 and day + 14
    ), told as (
        select u.unit, string_agg(case when e.team is null then '运动员 ' || p.code else '运动队 ' || t.code end || ':至 ' || e.valid_to, E'\n'
                                  order by e.valid_to, p.code, t.code) as detail
        from ending e left join team t on t.number = e.team left join person p on p.number = e.person
            cross join lateral (select e.unit union select coalesce(t.unit, p.unit)) u group by u.unit
    )
    select mail_of_day(day_position, began, id, 16::int2, '减免即将到期',
                       E'下列减免将于十四日内到期,其后恢复计算任务量;需要延长的,请在到期前申请。\nExemptions that end within fourteen days.',
                       array_agg(t.unit order by t.unit), array_agg(t.detail order by t.unit))
    from told t having count(*) > 0
$$;
reset role;
