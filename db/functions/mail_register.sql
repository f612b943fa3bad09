-- Mail about what stands too long in the registers: a unit that was invited and has not registered (N01), an application that nobody decides (N52), a unit
-- without an active administrator (N19). Templates, the function that settle_mail calls for each day. Idempotent.
--
-- As with reminders, all follows from the days of the log: the settlement that passes a day looks at the registers as they stand at that day's position. A
-- step is made once (register_notice); where days are missing from the log, the furthest step that was reached is made and those before it are not.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

insert into mail_template (rule, code, kind, needs, due_working_days, title, body) values
    (1, 'N01', 'REMIND', 'REPLY', 30, '请注册两进信息系统', '贵单位受邀注册两进信息系统,至今尚未提交注册申请。请指定系统管理员并提交申请;如不再参加,请回复说明。'),
    (2, 'N02', 'NOTICE', 'READ', null, '{title}', '{body}'),
    (19, 'N19', 'TODO', 'READ', 5, '所辖单位没有系统管理员', '贵单位所辖单位已超过 {days} 天没有可用的系统管理员账号。请督促其指定系统管理员,或代为启用。'),
    (51, 'N51', 'WARN', 'READ', null, '所辖单位受邀未注册', '贵单位所辖单位受邀注册已满 {days} 天,仍未提交注册申请。请督促办理。'),
    (52, 'N52', 'TODO', 'READ', 5, '注册申请超期未审', E'下列单位的注册申请提交已超过 {days} 个工作日,尚未审核:{units}。请审核,批准或者退回。')
    on conflict (rule) do update set code = excluded.code, kind = excluded.kind, needs = excluded.needs, due_working_days = excluded.due_working_days,
        title = excluded.title, body = excluded.body;

-- After how many days: the settings `days` of the notice's code, each value a step; calendar days, or working days where so said. receiver: the unit
-- itself, its parent or the Centre.
create table if not exists register_step (
    rule int2 primary key references mail_template,
    working bool not null,
    receiver text not null check (receiver in ('UNIT', 'PARENT', 'CENTRE'))
);
insert into register_step (rule, working, receiver) values (1, false, 'UNIT'), (51, false, 'PARENT'), (52, true, 'CENTRE'), (19, false, 'PARENT')
    on conflict (rule) do update set working = excluded.working, receiver = excluded.receiver;

-- What stood at a position, and since when: (rule, unit, position of the event that brought it, local day on which it began).
create or replace function register_standing(p int8) returns table (rule int2, unit int2, since int8, began date)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with now_is as materialized (
        select distinct on (v.number) v.number, v.state, v.state_on::date as state_on, v.position from unit_version v where v.position <= p
        order by v.number, v.position desc
    ), since as materialized (
        -- the first version of the run that has this state: a change of name in between begins nothing anew
        select n.number, n.state, n.state_on, (select min(v.position) from unit_version v where v.number = n.number and v.state = n.state and v.state_on is not
            distinct from n.state_on and v.position <= p) as position
        from now_is n
    ), admin as materialized (
        select a.unit, a.state, a.state_on::date as state_on, a.position from (select distinct on (v.number) v.* from account_version v where v.position <= p
            order by v.number, v.position desc) a where 'UNIT_ADMIN' = any (a.roles)
    )
    select r.rule, s.number, s.position, s.state_on from since s cross join (values (1::int2), (51)) r(rule) where s.state = 'INVITED' and s.state_on is not null
    union all
    select 52, s.number, s.position, s.state_on from since s where s.state = 'APPLIED' and s.state_on is not null
    union all
    -- a unit that had an administrator, and has none since its last one went
    select 19, s.number, a.position, a.state_on from since s
        join lateral (select x.position, x.state_on from admin x where x.unit = s.number and x.state = 'DISABLED' order by x.position desc limit 1) a on true
    where s.state = 'ACTIVE' and not exists (select from admin x where x.unit = s.number and x.state in ('ACTIVE', 'LOCKED'))
$$;

-- Steps that a day has reached and that were not made yet, the furthest of each thing.
create or replace function register_steps_due(day_position int8, day date) returns table (rule int2, unit int2, since int8, step int2)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with steps as materialized (
        select r.rule, v::int2 as step, r.working from register_step r join mail_template m on m.rule = r.rule
            cross join lateral rule_values(m.code, 'days', day_position, day) v
    )
    select s.rule, s.unit, s.since, max(t.step) from register_standing(day_position) s join steps t on t.rule = s.rule
        and case when t.working then working_days_after(s.began, t.step, day_position) < day else s.began + t.step <= day end
    where not exists (select from register_notice n where n.rule = s.rule and n.unit = s.unit and n.since = s.since and n.step >= t.step)
      -- a unit that has answered its invitation is not asked again, and its parent is not told
      and not (s.rule in (1, 51) and exists (select from mail_word w join mail m on m.id = w.mail and m.rule = 1
               where w.unit = s.unit and w.what = 2 and w.position < day_position and m.position > s.since))
    group by s.rule, s.unit, s.since
$$;

-- The notices of one day: one mail a rule, to all who are concerned; a parent's copy names its units.
create or replace function mail_register_day(day_position int8, day date, began timestamptz, id uuid) returns void
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    insert into register_notice (at, since, rule, unit, step) select day_position, d.since, d.rule, d.unit, d.step from register_steps_due(day_position, day) d;
    insert into mail (position, sent_at, id, unit, rule, due_working_days, due_on, urgent, kind, needs, title, body)
        select day_position, began, follow_on_id(mail_register_day.id, 'mail', t.rule::int4), 0, t.rule, t.due_working_days,
               working_days_after(day, t.due_working_days, day_position), false, t.kind, t.needs, t.title,
               left(replace(replace(t.body, '{days}', (select max(n.step) from register_notice n where n.at = day_position and n.rule = t.rule)::text), '{units}', coalesce((select string_agg(v.name, '、' order by n.unit) from register_notice n
                   join lateral (select u.name from unit_version u where u.number = n.unit and u.position <= day_position order by u.position desc limit 1) v on true
                   where n.at = day_position and n.rule = t.rule), '')), 2000)
        from mail_template t where exists (select from register_notice n where n.at = day_position and n.rule = t.rule);
    insert into mail_receipt (position, rule, unit, role, state, detail)
        select day_position, x.rule, x.receiver, 1::int2, 2::int2,
               case when bool_and(x.names) then '涉及单位:' || left(string_agg(x.name, '、' order by x.unit), 1500) end
        from (
            select n.rule, n.unit, v.name, s.receiver = 'PARENT' as names,
                   case s.receiver when 'UNIT' then n.unit when 'CENTRE' then 0::int2 else coalesce(v.parent, 0::int2) end as receiver
            from register_notice n join register_step s on s.rule = n.rule
                join lateral (select u.parent, u.name from unit_version u where u.number = n.unit and u.position <= day_position order by u.position desc limit 1) v on true
            where n.at = day_position
        ) x group by x.rule, x.receiver;
end
$$;

grant select on register_step, register_notice to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;
reset role;
