-- Reminders of mail that must be read, signed or answered by a day (催办): steps as data, the settle function of the kind mail, a view of what is open.
-- Idempotent.
--
-- They follow from the days of the log (calendar.day_started), never from a clock: the settlement that passes a day looks at every receipt whose
-- mail falls due near it, as the receipt stood at that day's position, and takes the last step that was reached and not made. Each step is made
-- once; where days are missing from the log, the steps in between are made with it, silently. A unit that is suspended is not reminded.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

insert into mail_template (rule, code, kind, needs, due_working_days, title, body) values
    (31, 'N31', 'REMIND', 'READ', null, '来信即将到期', '贵单位有来信将在 {days} 个工作日内到期,尚未办结。请查看并办理。'),
    (32, 'N32', 'REMIND', 'READ', null, '来信今日到期', '贵单位有来信今日到期,尚未办结。请查看并办理。'),
    (33, 'N33', 'WARN', 'READ', null, '催办:来信已逾期', '贵单位有来信已逾期 {days} 个工作日,尚未办结。请即办理;仍不办理的,将通报上级单位。'),
    (34, 'N34', 'WARN', 'READ', null, '催办:所辖单位来信逾期', '贵单位所辖单位有来信逾期 {days} 个工作日,尚未办结。请督促办理。'),
    (35, 'N35', 'NOTICE', 'READ', null, '逾期来信列入通报', '下列单位的来信逾期 {days} 个工作日,尚未办结,已列入内部通报名单。')
    on conflict (rule) do update set code = excluded.code, kind = excluded.kind, needs = excluded.needs, due_working_days = excluded.due_working_days,
        title = excluded.title, body = excluded.body;

-- Steps in order. receiver: the unit itself, its parent, or the Centre. When: mail_step_days().
create table if not exists mail_step (
    step int2 primary key,
    rule int2 not null references mail_template,
    receiver text not null check (receiver in ('UNIT', 'PARENT', 'CENTRE'))
);
insert into mail_step values (1, 31, 'UNIT'), (2, 32, 'UNIT'), (3, 33, 'UNIT'), (4, 34, 'PARENT'), (5, 35, 'CENTRE')
    on conflict (step) do update set rule = excluded.rule, receiver = excluded.receiver;

-- Working days after the day on which a mail falls due, below 0 before it, as the settings (rule N31 .. N35: days, days_before) stood on a day.
create or replace function mail_step_days(day_position int8, day date) returns table (step int2, rule int2, days int4)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select s.step, s.rule, coalesce(-rule_number(t.code, 'days_before', day_position, day), rule_number(t.code, 'days', day_position, day))
    from mail_step s join mail_template t on t.rule = s.rule
$$;

-- Steps that were made of a receipt, with the position of the day on which.
create table if not exists mail_reminder (
    position int8 not null,                    -- of the mail
    at int8 not null,
    rule int2 not null,
    unit int2 not null,
    role int2 not null,
    step int2 not null references mail_step,
    primary key (unit, role, position, rule, step)
);
create index if not exists mail_due on mail (due_on) where due_on is not null;

-- Receipts that were open when a day began and the furthest step that had been reached by then and is not made yet. Only mails that fall due
-- near the day are looked at: for each working day of the steps two days, and some weeks for holidays.
create or replace function mail_steps_due(day_position int8, day date, began timestamptz)
        returns table (mail_position int8, rule int2, unit int2, role int2, step int2)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with steps as materialized (
        select d.step, d.days from mail_step_days(day_position, day) d
    ), due as materialized (
        select m.position, m.id, m.rule, m.needs, m.due_on from mail m
        where m.due_on between day - 25 - 2 * (select max(s.days) from steps s) and day + 15 - 2 * (select min(s.days) from steps s)
          and m.position < day_position and m.needs <> 'NONE'
    ), reached as materialized (
        select x.due_on, max(s.step) as step from (select distinct d.due_on from due d) x
            join steps s on working_days_after(x.due_on, s.days, day_position) <= day group by x.due_on
    )
    select d.position, d.rule, r.unit, r.role, x.step
    from due d join reached x on x.due_on = d.due_on join mail_receipt r on r.position = d.position and r.rule = d.rule
        join lateral (select v.state from unit_version v where v.number = r.unit and v.position <= day_position order by v.position desc limit 1) u on true
    where u.state <> 'SUSPENDED'
      and (d.rule <> 1 or u.state = 'INVITED')         -- who has applied need not answer the invitation
      and not coalesce(case d.needs when 'SIGN' then r.signed_at when 'REPLY' then case when d.rule = 12 then r.read_at end else r.read_at end < began, false)
      and not exists (select from mail_word w where w.mail = d.id and (w.what = 1 or w.unit = r.unit) and w.position < day_position)
      and not exists (select from mail_reminder m where m.unit = r.unit and m.role = r.role and m.position = d.position and m.rule = d.rule and m.step >= x.step)
$$;

-- Recalls of (after, upto]: what was not signed or answered below them is recalled; who had read below them is told (N26). All below upto is closed.
create or replace function mail_recall(after int8, upto int8) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    w record;
begin
    for w in select x.position, x.at, x.text, e.id, m.position as mail, m.rule, m.title from mail_word x join event e on e.position = x.position
            join mail m on m.id = x.mail where x.what = 1 and x.position > mail_recall.after and x.position <= mail_recall.upto order by x.position loop
        update mail_receipt r set recalled = true
            where r.position = w.mail and r.rule = w.rule and (r.state < 4 or r.done_p > w.position);
        continue when not found;
        insert into mail (position, sent_at, id, unit, rule, urgent, kind, needs, title, body)
            select w.position, w.at, follow_on_id(w.id, 'mail', t.rule::int4), 0, t.rule, false, t.kind, t.needs, t.title,
                   left(replace(replace(t.body, '{title}', w.title), '{text}', w.text), 2000)
            from mail_template t where t.rule = 26
              and exists (select from mail_receipt r where r.position = w.mail and r.rule = w.rule and r.read_at is not null and coalesce(r.read_p, 0) < w.position);
        insert into mail_receipt (position, rule, unit, role, state)
            select w.position, 26, r.unit, r.role, 2 from mail_receipt r
            where r.position = w.mail and r.rule = w.rule and r.read_at is not null and coalesce(r.read_p, 0) < w.position;
    end loop;
end
$$;

-- What the reminders of a day are about: for each rule and receiver the mails, in order, with the unit that has not done them.
create or replace function mail_reminded(day_position int8)
        returns table (rule int2, receiver int2, unit int2, name text, title text, code text, due_on date, place int8, n int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select y.rule, y.receiver, y.unit, y.name, y.title, y.code, y.due_on, row_number() over (partition by y.rule, y.receiver order by y.due_on, y.unit, y.position, y.about), count(*) over (partition by y.rule, y.receiver)
    from (
        select s.rule, case s.receiver when 'UNIT' then m.unit when 'CENTRE' then 0::int2 else coalesce(p.parent, 0::int2) end as receiver, m.unit, p.name, x.title,
               t.code, x.due_on, m.position, m.rule as about
        from mail_reminder m join mail_step s on s.step = m.step join mail x on x.position = m.position and x.rule = m.rule join mail_template t on t.rule = x.rule
            join lateral (select v.parent, v.name from unit_version v where v.number = m.unit and v.position <= day_position order by v.position desc limit 1) p on true
        where m.at = day_position
    ) y
$$;

-- The kind's settle function: one mail a step and day, to all who are concerned; each copy names its own mails.
create or replace function settle_mail(upto int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
#variable_conflict use_column
declare
    since int8;
    d record;
begin
    insert into settled as x (position, kind) values (0, 4) on conflict on constraint settled_pkey do nothing;
    select x.position into since from settled x where x.kind = 4 for update;
    if upto <= since then
        return;
    end if;
    perform mail_recall(since, upto);
    for d in select c.position, c.day, e.received_at, e.id,
                coalesce((select max(x.day) from calendar_day x where x.position < c.position), c.day - 1) as day_before from calendar_day c join event e on e.position = c.position
            where c.position > since and c.position <= upto order by c.position loop
        insert into mail_reminder (position, at, rule, unit, role, step)
            select s.mail_position, d.position, s.rule, s.unit, s.role, s.step from mail_steps_due(d.position, d.day, d.received_at) s;
        insert into mail (position, sent_at, id, unit, rule, urgent, kind, needs, title, body)
            select d.position, d.received_at, follow_on_id(d.id, 'mail', t.rule::int4), 0, t.rule, false, t.kind, t.needs, t.title,
                   replace(t.body, '{days}', abs(s.days)::text)
            from mail_step_days(d.position, d.day) s join mail_template t on t.rule = s.rule where exists (select from mail_reminder m where m.at = d.position and m.step = s.step);
        insert into mail_receipt (position, rule, unit, role, state, detail)
            select d.position, x.rule, x.receiver, 1::int2, 2::int2,
                   string_agg(case when x.place <= 10 then case when x.receiver <> x.unit then x.name || ':' else '' end || '“' || left(x.title, 40) || '”(' || x.code
                       || ',' || to_char(x.due_on, 'YYYY-MM-DD') || ' 到期)' when x.place = 11 then '另有 ' || x.n - 10 || ' 封。' end, E'\n' order by x.place)
            from mail_reminded(d.position) x group by x.rule, x.receiver;
        perform mail_register_day(d.position, d.day, d.received_at, d.id);
        perform mail_exemptions_day(d.position, d.day, d.day_before, d.received_at, d.id);
    end loop;
    perform mark_settled(4::int2, upto);
    return;
end
$$;
create index if not exists mail_reminder_at on mail_reminder (at);

-- Mail that waits for its unit: what must be read, signed or answered and is not (N12 is answered by words on its flags: reading closes it here).
-- due_on: last day, null where none is set.
create or replace view mail_open as
    select b.unit, b.unit_code, b.id, b.position, b.template, b.title, b.needs, b.state, b.due_on,
           (select max(m.step) from mail_reminder m where m.unit = b.unit and m.role = b.role and m.position = b.position and m.rule = b.rule) as step
    from mailbox b where b.needs <> 'NONE' and b.state in ('QUEUED', 'DELIVERED', 'READ')
        and (b.needs = 'SIGN' or b.needs = 'REPLY' and b.rule <> 12 or b.state <> 'READ')
        and (b.rule <> 1 or exists (select from current_unit u where u.number = b.unit and u.state = 'INVITED'));

grant execute on function settle_mail(int8) to liangjin_broker;
grant select on mail_step, mail_reminder, mail_open to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;
reset role;
