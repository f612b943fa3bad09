-- Flags after they are raised: what their codes say, how they are explained and decided, what their signs add up to, what is told of them.
-- Idempotent. Raised are they in flags.sql and flags_day.sql.
--
-- An explanation or a decision is an event of the kind register, which keeps it in flag_action as it was said. It is carried out here, in the
-- settlement of the kind quota, in the order of the log and only on flags that were raised below its position: so a replay, in which the registers
-- run ahead of settlement, comes to the same states. Every action on every flag leaves a row in flag_move, with the state it led to or why it did not.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Codes: sign groups those that are one sign of formalism (the score is the sign's, rule_setting (sign, 'score')); lasting ones are about what happened
-- and stand whatever becomes of the version. said: {name} is replaced from the evidence.
create table if not exists flag_code (
    code text primary key,
    sign text,
    lasting bool not null,
    zh text not null,
    en text not null,
    said text not null
);
insert into flag_code (code, sign, lasting, zh, en, said) values
    ('V04', null, false, '指导占比偏低', 'little guidance', '指导时长低于政策要求的占比'),
    ('V09', null, false, '人员时间冲突', 'a person at two places', '人员 {person} 与另一活动 {activity} 时间重叠 {minutes} 分钟'),
    ('V10', null, false, '人员无法赶到', 'a person who cannot have come', '人员 {person} 与另一活动 {activity} 相距 {km} 公里,间隔 {minutes} 分钟'),
    ('V14', null, true, '同校入校过多', 'a school visited often', '学校 {site} 自 {term} 起的学期内已有 {visits} 次进校'),
    ('V15', null, false, '假期进校', 'at a school in the holidays', '活动日期处于寒暑假或法定节假日'),
    ('V18', null, false, '受众过多', 'more people than can be', '受众 {a} 人,对照 {b}'),
    ('V19', null, false, '受众多为整百', 'round numbers', '运动队 {team} 最近 {reports} 次上报中 {round} 次为整百'),
    ('V26', 'X08', false, '照片日期不符', 'a photo of another day', '照片早于活动 {a} 分钟以上'),
    ('V27', 'X08', false, '照片重复使用', 'a photo used again', '与另一活动 {activity} 的照片相同或相近(差异 {distance})'),
    ('V32', 'X09', false, '文字雷同', 'a copied text', '与本单位另一活动 {activity} 的文字相似度 {percent}%'),
    ('V33', 'X09', false, '名单雷同', 'a copied roster', '与另一活动 {activity} 的名单及顺序相同'),
    ('V35', 'X17', true, '批量录入', 'bulk entry', '账号 {account} 在 {seconds} 秒内录入:报告 {reports} 份,人次 {participations}'),
    ('X01', 'X01', false, '以仪式讲话为主', 'mostly ceremony', '指导 {a} 分钟,净时长 {b} 分钟'),
    ('X02', 'X02', false, '时长过短', 'very short', '净时长 {a} 分钟,不足 {b} 分钟'),
    ('X03', 'X03', false, '大场讲座', 'talk to a hall', '受众 {a} 人,没有教学、示范或对抗'),
    ('X04', 'X04', false, '人均受众过多', 'a crowd', '现场受众 {a} 人,运动员 {b} 名'),
    ('X05', 'X05', false, '陪同过多', 'many staff', '工作人员 {a} 名,运动员 {b} 名'),
    ('X06', 'X06', false, '单位服务成本过高', 'dear service', '每人时 {yuan} 元,高于同项目本年度第 {percent} 百分位({bound} 元)'),
    ('X07', 'X07', false, '路途远超服务', 'more travel than service', '往返路途 {a} 分钟,净时长 {b} 分钟'),
    ('X10', 'X10', false, '集中突击', 'a rush', '运动队 {team}:{rush} 场,全年 {sessions} 场({from} 起)'),
    ('X11', 'X11', false, '踩线达标', 'exactly the duty', '运动队 {team}:{exact} 名运动员恰为任务分钟数,共 {athletes} 名'),
    ('X12', 'X12', false, '单一场所反复', 'one site only', '运动队 {team} 本年度在同一场所 {visits} 次,场所共 {sites} 处'),
    ('X13', 'X13', false, '主办方未予确认', 'not confirmed by the host', '{why}'),
    ('X14', 'X14', false, '运动员异议', 'athletes dispute', '名单 {roster} 人中 {disputed} 人提出异议'),
    ('X15', 'X15', false, '给学生留任务', 'homework for pupils', '文字含关注账号、答题、打卡或交截图'),
    ('X16', 'X16', false, '学生等候', 'people made to wait', '主办方反馈:等候 {waited} 分钟,迟到 {late} 分钟'),
    ('X18', 'X18', false, '以赠送为主', 'gifts dominate', '有捐赠而无指导'),
    ('HILO', 'HILO', false, '高投入低产出', 'high input, low output', '投入 {input},产出 {output},处于同类 {reports} 项的末 {percent}%'),
    ('DUP', null, false, '疑似重复上报', 'perhaps reported twice', '与活动 {activity} 相似度 {percent}%(地点 {site},名单 {roster},时间 {time},文字 {text},照片 {photo})')
    on conflict (code) do update set sign = excluded.sign, lasting = excluded.lasting, zh = excluded.zh, en = excluded.en, said = excluded.said;

insert into flag_rule (action, from_state, to_state) values
    ('EXPLAIN', 'OPEN', 'EXPLAINED'), ('CONFIRM', 'OPEN', 'CONFIRMED'), ('CONFIRM', 'EXPLAINED', 'CONFIRMED'),
    ('DISMISS', 'OPEN', 'DISMISSED'), ('DISMISS', 'EXPLAINED', 'DISMISSED')
    on conflict (action, from_state) do update set to_state = excluded.to_state;
create or replace trigger flag_action_append_only before update or delete or truncate on flag_action
    for each statement execute function append_only();
create or replace trigger flag_move_append_only before update or delete or truncate on flag_move
    for each statement execute function append_only();
create or replace trigger filing_window_append_only before update or delete or truncate on filing_window
    for each statement execute function append_only();

-- What a flag says, in Chinese. Members that the evidence has not are shown as -.
create or replace function flag_text(said text, evidence text) returns text
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    r record;
begin
    for r in select key, value from json_each_text(evidence::json) loop
        said := replace(said, '{' || r.key || '}', coalesce(r.value, '-'));
    end loop;
    return regexp_replace(said, '\{[a-z]+\}', '-', 'g');
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- moves

-- Which of two activities was reported later: it is the one that gives way.
create or replace function duplicate_order(a uuid, b uuid) returns table (later uuid, sooner uuid, unit int2)
    language sql stable set search_path = liangjin, pg_catalog, pg_temp as $$
    select x.activity, case x.activity when a then b else a end, x.unit
    from validation x where x.activity in (a, b) and x.version = 1 order by x.position desc limit 1
$$;

-- Carries out what was said in (since, upto], and what a register event that was redriven says below that (written by a closure above `closure`).
--
-- What is decided of a duplicate changes the activity that was reported later: duplicate.settled, of its unit and with its key, goes to validation, which
-- withdraws it (SAME_EVENT_DOUBLE), tells the quota that both are one event (SAME_EVENT_JOINT), or lets it be approved (DIFFERENT). Parent: the decision,
-- which is about one flag.
do $$
begin                                          -- the old form returned nothing
    if (select p.prorettype from pg_proc p where p.oid = to_regprocedure('flag_moves(int8, int8, int8)')) = 'void'::regtype then
        drop function flag_moves(int8, int8, int8);
    end if;
end
$$;
create or replace function flag_moves(since int8, upto int8, closure int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
declare
    a record;
    x uuid;
    f flag;
    becomes text;
    why text;
begin
    for a in select q.*, e.received_at, e.id as event_id from (
                select * from flag_action w where w.position > since and w.position <= upto
                union all
                select w.* from register_log l join flag_action w on w.position = l.position
                where l.closure > flag_moves.closure and l.position <= since) q
            join event e on e.position = q.position
            where not exists (select from flag_move m where m.position = q.position) order by q.position loop
        foreach x in array a.flags loop
            select * into f from flag w where w.id = x and coalesce(w.seen, w.position) < a.position;
            becomes := (select r.to_state from flag_rule r where r.action = a.action and r.from_state = f.state);
            why := case when f.id is null then 'NO_FLAG'
                        when not exists (select from unit_and_above(f.unit, a.position) u where u.number = a.unit) then 'OTHER_UNIT'
                        when a.action <> 'EXPLAIN' and (f.code = 'DUP') <> (a.outcome is not null) then 'OUTCOME'
                        when becomes is null then 'STATE' end;
            insert into flag_move (position, flag, from_state, to_state, refused)
                values (a.position, x, f.state, case when why is null then becomes end, why);
            if why is not null then
                continue;
            end if;
            if a.action = 'EXPLAIN' then
                update flag w set state = becomes, state_by = a.who, state_at = a.received_at, explanation = a.said where w.id = x;
            else
                update flag w set state = becomes, state_by = a.who, state_at = a.received_at, decision = a.said, decided_by = a.who, outcome = a.outcome
                    where w.id = x;
                insert into duplicate_pair (position, first, second, outcome)
                    select a.position, least(f.activity, v.activity), greatest(f.activity, v.activity), a.outcome
                    from validation v where v.position = f.other and a.outcome is not null
                    on conflict (first, second) do nothing;
                return query
                    select a.position, a.event_id, (select follow_on_base('quota', 'report', 'duplicate.settled')), 'duplicate.settled', p.unit, p.later::text,
                           json_build_object('activity', p.later, 'other', p.sooner, 'outcome', a.outcome, 'reason', a.said)::text
                    from validation v cross join lateral duplicate_order(f.activity, v.activity) p where v.position = f.other and a.outcome is not null;
            end if;
        end loop;
    end loop;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------- what stands, what it adds up to

-- Flags that still stand: of a version that is its activity's current one, of an activity that is live or in review, and so is the other one's. Lasting codes are
-- about what happened, not about a version.
create or replace view flag_standing as
    select f.position, f.other, f.state_at, f.activity, f.unit, f.score, f.code, f.severity, f.pointer, f.evidence, f.state, f.state_by, f.explanation,
           a.day, e.id as event_id, f.id, f.seen, f.decision, f.decided_by, f.outcome, w.activity as other_activity
    from flag f join validation v on v.position = f.position join event e on e.position = f.position join flag_code c on c.code = f.code
        cross join lateral (                   -- by key, one activity at a time: the view `activity` would be made whole for it
            select n.position, n.day, s.live or n.state = 2 as live from activity_now(v.activity) n join activity_state s on s.number = n.state) a
        left join validation w on w.position = f.other
        left join lateral (
            select n.position, s.live or n.state = 2 as live from activity_now(w.activity) n join activity_state s on s.number = n.state) b on true
    where c.lasting or (a.position = f.position and a.live and (f.other = 0 or (b.position = f.other and b.live)));

-- One line a flag that stands, as it is shown. score: of its sign, by the setting that held when it was raised.
create or replace view flag_list as
    select f.id, u.code as unit, f.activity, f.code, c.zh as name, c.en as name_en, c.sign, f.severity,
           (select max(v)::int4 from rule_values(c.sign, 'score', coalesce(f.seen, f.position)) v) as score, f.pointer,
           flag_text(c.said, f.evidence) as says, f.evidence, f.state, r.received_at as raised_at, f.day, f.other_activity, f.explanation, f.state_by,
           f.state_at, f.decision, f.decided_by, f.outcome, f.position, f.unit as unit_number
    from flag_standing f join flag_code c on c.code = f.code join unit u on u.number = f.unit
        join event r on r.position = coalesce(f.seen, f.position);

-- What the signs of an activity add up to: 100 (1 - product of (1 - s/100)), each sign once, those that were dismissed not. A score lowers nothing.
create or replace view object_score as
    select s.activity, s.unit, s.day, round((100 * (1 - exp(sum(ln(1 - least(s.score, 99.9999) / 100.0)))))::numeric, 1) as score,
           count(*)::int4 as signs, string_agg(s.sign || ' ' || s.name || ':' || s.says || '(' || s.score || ' 分)', ';' order by s.score desc, s.sign) as evidence
    from (select distinct on (l.activity, l.sign) l.activity, l.unit, l.day, l.sign, l.name, l.says, l.score
          from flag_list l where l.score > 0 and l.state <> 'DISMISSED'
          order by l.activity, l.sign, l.code, l.position, l.pointer) s
    group by s.activity, s.unit, s.day;

-- To be looked at: 60 and more. share: what part of them the Centre looks at, in percent.
create or replace view review_list as
    select o.activity, o.unit, o.day, o.score, case when o.score >= 80 then 100 else 30 end as share, o.signs, o.evidence
    from object_score o where o.score >= 60;

-- ---------------------------------------------------------------------------------------------------------------- what is told

-- flag.opened, one a unit and day: the flags of grade F that were raised since the day before began, still stand and still wait for a word. Parent is
-- the day's event, number 1,000,000,000 + unit, so no digest can come twice.
create or replace function flag_digest(since int8, upto int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set jit = off as $$
#variable_conflict use_column
declare
    begun record;
begin
    for begun in
        select c.position, c.day - 1 as last_day, p.position as after, p.day as first_day
        from calendar_day c join lateral (select x.position, x.day from calendar_day x where x.position < c.position
                order by x.position desc limit 1) p on true
        where c.position > since and c.position <= upto order by c.position
    loop
        return query
            with raised as materialized (
                select f.id, f.unit, f.code, f.activity, f.evidence, f.position, f.pointer from flag f
                where (f.seen = begun.position or (f.seen is null and f.position > begun.after and f.position < begun.position)) and f.severity = 'F'
                    and not exists (select from flag_move m where m.flag = f.id and m.to_state is not null and m.position < begun.position)
                    and not exists (select from validation v join validation z on z.activity = v.activity and z.version > v.version
                        where v.position = f.position and z.position < begun.position)
            ), counted as (
                select r.unit, r.code, count(*) as n from raised r group by r.unit, r.code
            ), first as (
                select x.unit, json_agg(json_build_object('flag', x.id, 'code', x.code, 'activity', x.activity, 'zh', x.zh || ':' || x.says)
                    order by x.place) as list
                from (select r.unit, r.id, r.code, r.activity, c.zh, left(flag_text(c.said, r.evidence), 120) as says,
                             row_number() over (partition by r.unit order by r.code = 'DUP' desc, c.sign is null, r.position, r.code, r.pointer) as place
                      from raised r join flag_code c on c.code = r.code) x
                where x.place <= 8 group by x.unit
            )
            select begun.position, e.id, (select follow_on_base('quota', 'day', 'flag.opened')) + n.unit, 'flag.opened', n.unit, null::text,
                   json_build_object('from', to_char(least(begun.first_day, begun.last_day), 'YYYY-MM-DD'), 'to', to_char(begun.last_day, 'YYYY-MM-DD'),
                       'flags', sum(n.n)::int4, 'activities', (select count(distinct r.activity) from raised r where r.unit = n.unit),
                       'codes', json_agg(json_build_object('code', n.code, 'zh', c.zh, 'flags', n.n) order by n.code), 'first', min(f.list::text)::json)::text
            from counted n join flag_code c on c.code = n.code join first f on f.unit = n.unit join event e on e.position = begun.position
            group by n.unit, e.id order by n.unit;
    end loop;
end
$$;

-- account.bulk_entry, at once: V35 of versions in (since, upto].
create or replace function flag_alerts(since int8, upto int8) returns setof follow_on
    language sql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select f.position, e.id, (select follow_on_base('quota', 'report', 'account.bulk_entry')), 'account.bulk_entry', f.unit::int4, null::text,
           json_build_object('account', j.v ->> 'account', 'reports', coalesce((j.v ->> 'reports')::int4, 0), 'seconds', (j.v ->> 'seconds')::int4,
               'participations', coalesce((j.v ->> 'participations')::int4, 0), 'activity', f.activity)::text
    from flag f join event e on e.position = f.position cross join lateral (select f.evidence::json as v) j
    where f.position > since and f.position <= upto and f.code = 'V35' order by f.position
$$;

-- ---------------------------------------------------------------------------------------------------------------- for gateways

-- Flags of a unit and all below it, latest first; states null: all. Cost: the flags of the subtree that stand, at most lim (500) shown.
create or replace function flags_of(unit int2, states text[], lim int4) returns setof flag_list
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with recursive below as (
        select d.number from unit_directory d where d.number = flags_of.unit
        union all
        select d.number from below b join unit_directory d on d.parent = b.number
    )
    select l.* from flag_list l where l.unit_number in (select b.number from below b) and (states is null or l.state = any (states))
    order by l.position desc, l.code, l.pointer limit least(lim, 500)
$$;

grant execute on function flags_of(int2, text[], int4) to liangjin_web;
grant execute on function flag_text(text, text), rule_values(text, text, int8, date) to liangjin_audit, liangjin_broker;
grant select on flag_code, flag_standing, flag_list, object_score, review_list to liangjin_audit, liangjin_broker;
reset role;
