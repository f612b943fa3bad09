-- The kind mail: station mail between units' roles. Templates, mails, receipts, apply function, views, grants, the kind's row. Idempotent.
--
-- A mail is one head row keyed by the id that follows from (event, rule), and a receipt for each receiver, a role of a unit. One mail per event,
-- rule and receiver is therefore a matter of keys. Unread counts are not counters but the rows of a small partial index: exact by construction,
-- and no hot row that two lanes fight for.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Templates as data: {name} is replaced by what the rule gives. Read by the worker when it starts.
create table if not exists mail_template (
    rule int2 primary key,                     -- number in ids and keys: never reused
    code text not null unique check (code ~ '^N[0-9]{2}$'),
    kind text not null check (kind in ('NOTICE', 'TODO', 'REMIND', 'WARN', 'BROADCAST')),
    needs text not null check (needs in ('NONE', 'READ', 'SIGN', 'REPLY')),
    due_working_days int2,
    title text not null check (char_length(title) between 1 and 40),
    body text not null check (char_length(body) between 1 and 2000)
);
insert into mail_template (rule, code, kind, needs, due_working_days, title, body) values
    (3, 'N03', 'BROADCAST', 'SIGN', 5, '{title}', '{body}'),
    (4, 'N04', 'TODO', 'READ', 5, '活动待审核', '活动“{title}”(第 {version} 版)待审核。提交人不能审核自己提交的内容。请在五个工作日内批准或退回。活动编号:{activity}'),
    (5, 'N05', 'TODO', 'READ', 21, '活动被退回', E'活动“{title}”(第 {version} 版)被退回。原因:{reason}\n请在三十日内更正后重新提交,逾期失效;年度关闭前单位管理员可重新开放。活动编号:{activity}'),
    (7, 'N07', 'TODO', 'READ', 3, '活动确认有异议', E'{who}对活动“{title}”提出异议:{reason}\n异议处理完毕前,有异议的内容不计入。请在三个工作日内核实处理。活动编号:{activity}'),
    (21, 'N21', 'NOTICE', 'READ', null, '时长场次已冲回', E'活动“{title}”{who},相应的时长和场次已冲回。原因:{reason}\n如有异议,可在十五日内申诉。活动编号:{activity}'),
    (6, 'N06', 'NOTICE', 'READ', null, '入账通知', E'{team}({code}){days} 受理的 {activities} 项活动已入账:{sessions} 场次,{minutes} 分钟,涉及运动员 {athletes} 人。\n{year} 年累计 {year_sessions} 场次,任务 {year_duty} 场次。\n数字以入账时为准;其后的更正、撤回另行入账。'),
    (12, 'N12', 'TODO', 'REPLY', 10, '线索待说明', E'贵单位有 {flags} 条线索待说明,涉及 {activities} 项活动({days}):\n{codes}\n其中:\n{first}\n请在十个工作日内核实并逐条说明。线索只是提示,不影响时长和场次;是否属实由审核人员认定。'),
    (22, 'N22', 'WARN', 'SIGN', 1, '批量录入异常', E'账号 {account} 在 {seconds} 秒内录入报告 {reports} 份、人次 {participations}(0 表示该项未超限),自活动 {activity} 起。\n请核实是否本人按实录入。本提示不影响时长。'),
    (9, 'N09', 'NOTICE', 'READ', null, '{anchor}将至', E'{anchor}({on})还有 {left} 天。请组织所辖运动队就近开展健身指导,活动后七日内报送;在窗口期内的活动请标注对应节点。'),
    (10, 'N10', 'WARN', 'SIGN', 5, '进度提示:{level}', E'{team}({code})截至 {day} 进度{level}:{year} 年任务 {duty} 场次,已完成 {done} 场次({done_percent}%),按进度应完成约 {expected_percent}%。\n请安排好后续活动;有集训、比赛等原因的,请申请减免或调整。'),
    (18, 'N18', 'NOTICE', 'READ', null, '{title}', '{body}'),
    (23, 'N23', 'TODO', 'READ', 5, '活动报告未通过校验', E'贵单位{what}“{title}”未通过校验,未予受理,共 {count} 条意见:\n{reasons}\n请更正后重新提交。活动编号:{activity}'),
    (24, 'N24', 'NOTICE', 'READ', null, '{year} 年任务量已完成', '{subject} {code} 已完成 {year} 年任务量:应完成 {duty},现已完成 {done}。依据政策第 {policy} 号第 {version} 版。'),
    (25, 'N25', 'WARN', 'SIGN', 1, '舆情提示({level})', E'{source}中发现需要关注的内容,等级:{level},严重程度:{severity}。\n{reason}\n涉及:{kinds}。线索词:{words}\n请核实情况并按舆情处置流程办理;本提示不影响时长。')
    on conflict (rule) do update set code = excluded.code, kind = excluded.kind, needs = excluded.needs, due_working_days = excluded.due_working_days,
        title = excluded.title, body = excluded.body;
insert into mail_template (rule, code, kind, needs, due_working_days, title, body) values
    (26, 'N26', 'NOTICE', 'READ', null, '来信已撤回', E'贵单位已阅的来信“{title}”已由发信方撤回。原因:{text}\n请勿再据此办理;已签收、已回复的,记录保留。\nA letter that you have read was recalled by its sender. Do not act on it any more; what was signed or answered stays on record.'),
    (27, 'N27', 'NOTICE', 'READ', null, '来信回复', E'{unit}回复来信“{title}”:\n{text}\nReply of a unit to a letter.')
    on conflict (rule) do update set code = excluded.code, kind = excluded.kind, needs = excluded.needs, due_working_days = excluded.due_working_days,
        title = excluded.title, body = excluded.body;

-- States of a receipt and the moves between them; workers/mail/moves.def has the same numbers.
create table if not exists mail_state (
    number int2 primary key,
    name text not null unique
);
insert into mail_state values (1, 'QUEUED'), (2, 'DELIVERED'), (3, 'READ'), (4, 'SIGNED'), (5, 'REPLIED') on conflict (number) do update set name = excluded.name;
create table if not exists mail_move (
    action text not null,
    from_state int2 not null references mail_state,
    to_state int2 not null references mail_state,
    primary key (action, from_state)
);
insert into mail_move values ('deliver', 1, 2), ('read', 2, 3), ('sign', 3, 4), ('reply', 3, 5) on conflict (action, from_state) do update set to_state = excluded.to_state;

-- One row an event of the kind: a second application fails here. reason: why nothing was written (verdict 2).
create table if not exists mail_log (
    position int8 primary key,
    verdict int2 not null check (verdict in (1, 2)),
    reason text,
    check ((verdict = 2) = (reason is not null))
);

create table if not exists mail (
    position int8 not null,
    sent_at timestamptz not null,              -- received_at of the event
    id uuid primary key,                       -- UUID version 8 of (event's id, 'mail', rule)
    unit int2 not null,                        -- unit of the event that led to it
    rule int2 not null references mail_template,
    due_working_days int2,
    urgent bool not null,
    kind text not null,
    needs text not null check (needs in ('NONE', 'READ', 'SIGN', 'REPLY')),
    title text not null check (char_length(title) between 1 and 200),
    body text not null check (char_length(body) between 1 and 2000)
);
create unique index if not exists mail_event on mail (position, rule);

-- The last day on which it may be read or signed: so many working days after the day it was sent, by the calendar at its position.
alter table mail add column if not exists due_on date;

-- role: 1 UNIT_ADMIN. The times are those of the events that moved it.
create table if not exists mail_receipt (
    position int8 not null,                    -- of the mail
    read_at timestamptz,
    signed_at timestamptz,
    rule int2 not null,
    unit int2 not null,
    role int2 not null check (role = 1),
    state int2 not null references mail_state,
    read_by text,
    signed_by text,
    primary key (unit, role, position, rule)
);
create index if not exists mail_receipt_mail on mail_receipt (position, rule);
-- Positions of the events that moved it (done: signed or answered), and whether the mail was recalled before it was signed or answered: set by
-- settle_mail, the same whichever of the two was carried out first. Null where it was moved before these columns were there.
alter table mail_receipt add column if not exists read_p int8, add column if not exists done_p int8, add column if not exists recalled bool not null default false;
-- What stands in this unit's copy alone, behind the body: which mails a reminder is about, which units a parent is told of.
alter table mail_receipt add column if not exists detail text;
drop index if exists mail_receipt_unread;
create index if not exists mail_receipt_waits on mail_receipt (unit, role) where state <= 2 and not recalled;

-- What was said about a mail: that its sender takes it back (1: reason), what a unit answers (2: its text). at: received_at of the event.
create table if not exists mail_word (
    position int8 primary key,
    at timestamptz not null,
    mail uuid not null references mail,
    unit int2 not null,                        -- who said it
    what int2 not null check (what in (1, 2)),
    text text not null check (char_length(text) between 1 and 1000),
    by text
);
create unique index if not exists mail_word_recall on mail_word (mail) where what = 1;
create unique index if not exists mail_word_reply on mail_word (mail, unit) where what = 2;

drop function if exists apply_mail(int8, int8[], uuid[], timestamptz[], int2[], text[], int8[], uuid[], int2[], int2[], int2[], bool[], text[], text[],
    text[], text[], int8[], int2[], int2[], int8[], uuid[], int2[], int2[], int2[], text[]);
create or replace function apply_mail(closure int8, positions int8[], ids uuid[], received timestamptz[], verdicts int2[], reasons text[],
        mail_positions int8[], mail_ids uuid[], mail_rules int2[], mail_units int2[], mail_dues int2[], mail_urgent bool[], mail_kinds text[],
        mail_needs text[], mail_titles text[], mail_bodies text[], to_positions int8[], to_rules int2[], to_units int2[], move_positions int8[],
        move_mails uuid[], move_units int2[], move_from int2[], move_to int2[], move_by text[], word_positions int8[], word_mails uuid[], word_units int2[],
        word_what int2[], word_texts text[], word_by text[]) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    r record;
begin
    if cardinality(verdicts) <> cardinality(positions) or cardinality(reasons) <> cardinality(positions) then
        raise exception 'the columns of a mail batch do not fit together' using errcode = 'P0001';
    end if;
    insert into mail_log (position, verdict, reason)
        select u.position, u.verdict, u.reason from unnest(positions, verdicts, reasons) as u(position, verdict, reason);
    -- A burst has few pairs of day and term: each is reckoned once, by the calendar as it stands at the mail's own position, whatever the batch was.
    insert into mail (position, sent_at, id, unit, rule, due_working_days, due_on, urgent, kind, needs, title, body)
        with sent as materialized (
            select s.position, s.received, (s.received at time zone 'Asia/Shanghai')::date as day,
                   coalesce((select y.position from calendar_year y where y.position <= s.position order by y.position desc limit 1), 0) as calendar
            from unnest(positions, received) as s(position, received)
        ), term as materialized (
            select x.*, working_days_after(x.day, x.due, x.calendar) as due_on
            from (select distinct s.day, u.due, s.calendar from unnest(mail_positions, mail_dues) as u(position, due)
                  join sent s on s.position = u.position where u.due is not null) x
        )
        select u.position, e.received, u.id, u.unit, u.rule, u.due, t.due_on, u.urgent, u.kind, u.needs, u.title, u.body
        from unnest(mail_positions, mail_ids, mail_rules, mail_units, mail_dues, mail_urgent, mail_kinds, mail_needs, mail_titles, mail_bodies)
                as u(position, id, rule, unit, due, urgent, kind, needs, title, body)
            join sent e on e.position = u.position left join term t on t.day = e.day and t.due = u.due and t.calendar = e.calendar;
    insert into mail_receipt (position, rule, unit, role, state)
        select u.position, u.rule, u.unit, 1, 2 from unnest(to_positions, to_rules, to_units) as u(position, rule, unit);
    -- One by one, in order: a mail may be read and signed in one batch. A state other than the one the worker saw: the batch is computed again.
    for r in select u.*, e.received from unnest(move_positions, move_mails, move_units, move_from, move_to, move_by) with ordinality
                as u(position, mail, unit, was, becomes, who, ord)
            join unnest(positions, received) as e(position, received) on e.position = u.position order by u.ord loop
        update mail_receipt x
            set state = r.becomes, read_at = case when r.becomes = 3 then r.received else x.read_at end,
                read_by = case when r.becomes = 3 then r.who else x.read_by end, read_p = case when r.becomes = 3 then r.position else x.read_p end,
                done_p = case when r.becomes in (4, 5) then r.position else x.done_p end,
                signed_at = case when r.becomes = 4 then r.received else x.signed_at end,
                signed_by = case when r.becomes = 4 then r.who else x.signed_by end
            from mail m
            where m.id = r.mail and x.unit = r.unit and x.role = 1 and x.position = m.position and x.rule = m.rule and x.state = r.was;
        if not found then
            raise exception 'mail % of unit % is no longer in state %', r.mail, r.unit, r.was using errcode = 'P0001';
        end if;
    end loop;
    insert into mail_word (position, at, mail, unit, what, text, by)
        select u.position, e.received, u.mail, u.unit, u.what, u.text, u.who
        from unnest(word_positions, word_mails, word_units, word_what, word_texts, word_by) as u(position, mail, unit, what, text, who)
            join unnest(positions, received) as e(position, received) on e.position = u.position;
    return;
end
$$;

-- When a channel that rings (SMS) may tell of a mail: from 21:00 to 07:00 local time it waits for the morning, unless the mail is urgent (a red case).
create or replace function mail_ring_at(sent_at timestamptz, urgent bool) returns timestamptz
    language sql stable parallel safe set search_path = pg_catalog, pg_temp as $$
    select case when urgent or l.t::time >= '07:00' and l.t::time < '21:00' then sent_at
                else (date_trunc('day', l.t + interval '3 hours') + interval '7 hours') at time zone 'Asia/Shanghai' end
    from (select sent_at at time zone 'Asia/Shanghai' as t) l
$$;
grant execute on function mail_ring_at(timestamptz, bool) to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;

-- A unit's mailbox, one line a receipt. A letter that was recalled before the unit read it shows that, and no more.
create or replace view mailbox as
    select r.unit, u.code as unit_code, r.role, m.id, m.position, t.code as template, m.kind, m.needs, m.due_working_days, m.urgent,
           case when r.recalled and h.hidden then '来信已撤回' else m.title end as title,
           case when r.recalled and h.hidden then '此信已由发信方撤回。This letter was recalled by its sender.'
                else left(m.body || coalesce(E'\n' || r.detail, ''), 2000) end as body,
           m.sent_at, case when r.recalled then 'RECALLED' else s.name end as state, r.read_at, r.read_by, r.signed_at, r.signed_by, m.rule, m.due_on,
           case when r.recalled then w.at end as recalled_at, case when r.recalled then w.text end as recall_reason,
           p.at as replied_at, p.by as replied_by, p.text as reply, r.detail, mail_ring_at(m.sent_at, m.urgent) as ring_at
    from mail_receipt r join mail m on m.position = r.position and m.rule = r.rule join mail_state s on s.number = r.state
        join mail_template t on t.rule = m.rule join unit u on u.number = r.unit
        left join mail_word w on w.mail = m.id and w.what = 1 left join mail_word p on p.mail = m.id and p.unit = r.unit and p.what = 2
        cross join lateral (select r.read_at is null or r.read_p > w.position as hidden) h;
-- Unread per role mailbox = delivered - read.
create or replace view mail_unread as
    select r.unit, r.role, count(*) as unread from mail_receipt r where r.state <= 2 and not r.recalled group by r.unit, r.role;

grant execute on function apply_mail(int8, int8[], uuid[], timestamptz[], int2[], text[], int8[], uuid[], int2[], int2[], int2[], bool[], text[], text[],
    text[], text[], int8[], int2[], int2[], int8[], uuid[], int2[], int2[], int2[], text[], int8[], uuid[], int2[], int2[], text[], text[]) to liangjin_broker;
grant select on mail_template, mail_state, mail_move, mail_log, mail, mail_receipt, mail_word, mailbox, mail_unread to liangjin_broker, liangjin_worker, liangjin_audit;
grant select on mailbox, mail_unread, mail_template to liangjin_control;
grant select on mail_unread to liangjin_monitor;

insert into kind (number, name, ordering, single, after, after_verdict, barrier, follow_on_max, feeds_directory, apply_function,
        result_function, settle_function)
    values (4, 'mail', 'key', false, null, null, 1, 0, false, 'apply_mail', null, 'settle_mail')
    on conflict (number) do update set name = excluded.name, ordering = excluded.ordering, single = excluded.single, after = excluded.after,
        after_verdict = excluded.after_verdict, barrier = excluded.barrier, follow_on_max = excluded.follow_on_max,
        feeds_directory = excluded.feeds_directory, apply_function = excluded.apply_function, result_function = excluded.result_function,
        settle_function = excluded.settle_function;
reset role;
