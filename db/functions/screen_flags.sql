-- The pages of flags and of the mailbox. As in screen_review.sql every function takes who asks and gives of its subtree (the mailbox: of its own unit) and nothing
-- else; null where there is nothing that he may see. Idempotent.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Flags that stand, latest first, 50 a page. Cost: those of the subtree in these states.
create or replace function reader_flags(who text, states text, of_code text, one_unit text, page int8) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
    with f as materialized (
        select l.* from flag_list l where l.unit_number in (select u.number from reader_review_units(who) u) and (states is null or l.state = any (string_to_array(states, '.')))
            and (of_code is null or l.code = of_code) and (one_unit is null or l.unit = one_unit)
        order by l.position desc, l.code, l.pointer limit 51 offset 50 * least(coalesce(page, 0), 1000)
    )
    select json_build_object('more', count(*) > 50, 'as_of', now(), 'items', coalesce(json_agg(json_build_object('id', x.id, 'unit', x.unit, 'unit_name', d.name,
            'activity', x.activity, 'title', coalesce(e.payload::json ->> 'title', e.payload::json -> 'body' ->> 'title'), 'day', x.day, 'code', x.code, 'name', x.name,
            'name_en', x.name_en, 'severity', x.severity, 'score', x.score, 'says', x.says, 'state', x.state, 'raised_at', x.raised_at, 'pair', x.other_activity is not null,
            'age_days', working_days_since(local_day(x.raised_at))) order by x.nth) filter (where x.nth <= 50), '[]'))
    from (select f.*, row_number() over (order by f.position desc, f.code, f.pointer) as nth from f) x join unit_directory d on d.number = x.unit_number
        left join event e on e.position = x.position
    having exists (select from reader_review_units(who))
$$;

-- One of the two reports of a pair, as far as who asks may see it: of a unit outside the subtree that it is there, and no more.
create or replace function flag_side(who text, v validation) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select case when v.unit in (select u.number from reader_review_units(who) u)
        then json_build_object('activity', v.activity, 'unit', d.code, 'unit_name', d.name, 'state', (select a.state_name from activity a where a.activity = v.activity),
            'report', report_shown(v), 'roster', roster_shown(v))
        else json_build_object('foreign', true) end
    from unit_directory d where d.number = v.unit
$$;

-- What who asks may say about a flag: explain what is open, decide what is open or explained; of a suspected duplicate with an outcome.
create or replace function flag_may(who text, code text, state text) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce(json_agg(m.type order by m.type), '[]') from reader(who) r
        cross join (values ('flag.explained', 'EXPLAIN', null::bool), ('flag.decided', 'CONFIRM', false), ('duplicate.decided', 'CONFIRM', true)) m(type, action, dup)
    where (m.dup is null or m.dup = (flag_may.code = 'DUP')) and exists (select from flag_rule l where l.action = m.action and l.from_state = flag_may.state)
        and exists (select from role_type t where t.type = m.type and t.role = any (r.roles))
$$;

-- One flag with its evidence, the report (of a pair: both), and what has been said. standing: false when its version is no longer the current one.
create or replace function reader_flag(who text, id uuid) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
    select json_build_object('id', f.id, 'unit', d.code, 'unit_name', d.name, 'activity', f.activity, 'code', f.code, 'name', c.zh, 'name_en', c.en, 'severity', f.severity,
        'score', l.score, 'says', flag_text(c.said, f.evidence), 'evidence', f.evidence::json, 'pointer', f.pointer, 'state', f.state, 'standing', l.id is not null,
        'raised_at', r.received_at, 'explanation', f.explanation, 'decision', f.decision, 'outcome', f.outcome,
        'sides', case when f.other = 0 then json_build_array(flag_side(who, v)) else json_build_array(flag_side(who, v), (select flag_side(who, w) from validation w
            where w.position = f.other)) end,
        'moves', (select coalesce(json_agg(json_build_object('at', e.received_at, 'by', source_account(e.source), 'role', source_role(e.source), 'to', m.to_state, 'said', a.said,
            'outcome', a.outcome) order by m.position), '[]') from flag_move m join event e on e.position = m.position join flag_action a on a.position = m.position
            where m.flag = f.id and m.to_state is not null),
        'may', case when l.id is null then '[]'::json else flag_may(who, f.code, f.state) end)
    from flag f join flag_code c on c.code = f.code join unit_directory d on d.number = f.unit join validation v on v.position = f.position
        join event r on r.position = coalesce(f.seen, f.position) left join flag_list l on l.id = f.id
    where f.id = reader_flag.id and f.unit in (select u.number from reader_review_units(who) u)
$$;

-- ---------------------------------------------------------------------------------------------------------------- the mailbox

-- The box of the reader's own unit, latest first, 30 a page. part: 'todo' what still asks for something (to be read, signed, answered), null all.
create or replace function reader_box(who text, part text, page int8) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with r as (
        select * from reader(who) r where r.roles && '{UNIT_ADMIN,UNIT_LEADER,CENTRE_OPERATOR,CENTRE_AUDITOR,POLICY_ADMIN,OPINION_DUTY,client,centre,unit_admin}'
    ), b as (
        select m.*, case when m.state = 'RECALLED' then false when m.needs = 'SIGN' then m.state in ('DELIVERED', 'READ') when m.needs = 'REPLY' then m.state in ('DELIVERED', 'READ')
                         else m.state = 'DELIVERED' end as open
        from mailbox m join r on m.unit = r.unit
    ), p as materialized (
        select * from b where part is null or b.open order by b.position desc, b.template limit 31 offset 30 * least(coalesce(page, 0), 1000)
    )
    select json_build_object('unit', (select u.code from r join unit u on u.number = r.unit), 'unread', (select count(*) from b where b.state = 'DELIVERED'),
        'todo', (select count(*) from b where b.open), 'more', (select count(*) from p) > 30,
        'may', (select coalesce(json_agg(distinct t.type), '[]') from r join role_type t on t.role = any (r.roles) where t.type in ('mail.read', 'mail.signed', 'mail.replied')),
        'items', (select coalesce(json_agg(json_build_object('id', x.id, 'template', x.template, 'kind', x.kind, 'needs', x.needs, 'urgent', x.urgent, 'title', x.title, 'body', x.body,
            'sent_at', x.sent_at, 'state', x.state, 'open', x.open, 'due_on', x.due_on, 'overdue', x.open and x.due_on < local_day(now()), 'read_by', x.read_by, 'read_at', x.read_at,
            'signed_by', x.signed_by, 'signed_at', x.signed_at, 'replied_by', x.replied_by, 'replied_at', x.replied_at, 'reply', x.reply, 'recalled_at', x.recalled_at,
            'recall_reason', x.recall_reason) order by x.nth), '[]') from (select p.*, row_number() over (order by p.position desc, p.template) as nth from p) x where x.nth <= 30))
    where exists (select from r)
$$;

grant execute on function reader_flags(text, text, text, text, int8), reader_flag(text, uuid), reader_box(text, text, int8) to liangjin_web;
reset role;
