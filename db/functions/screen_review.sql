-- The pages of who reviews: what waits, one activity with all that a decision needs, what became of something one has sent. For role liangjin_web; every
-- function takes who asks (reader.sql) and gives of its subtree and nothing else; null where there is nothing that he may see. Idempotent.
--
-- They are asked by people who look, not by programs: each shows at most some dozens of rows, and looks for what costs something (scores, flags) of
-- these alone. Ages are in working days by the calendar as it stands now.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- May it see reports and what was found of them? Who reviews, who leads, the Centre's officers, and machines that speak for a unit.
create or replace function reader_reviews(roles text[]) returns bool
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select roles && '{UNIT_ADMIN,UNIT_LEADER,CENTRE_OPERATOR,CENTRE_AUDITOR,client,centre,unit_admin}'
$$;

-- Units of who may, none of who may not.
create or replace function reader_review_units(who text) returns table (number int2)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select u.number from reader_units(who) u where exists (select from reader(who) r where reader_reviews(r.roles))
$$;

-- How many working days have gone by since a day, up to 99.
create or replace function working_days_since(d date) returns int4
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select least(count(*), 99)::int4 from generate_series(greatest(d, (now() at time zone 'Asia/Shanghai')::date - 150) + 1, (now() at time zone 'Asia/Shanghai')::date,
        interval '1 day') g(day) where is_working_day(g.day::date, 9223372036854775807)
$$;

create or replace function local_day(at timestamptz) returns date
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$ select (at at time zone 'Asia/Shanghai')::date $$;

-- What waits for a decision, oldest first, behind a position; at most 50. Looks at every row of these units that once began to wait: by index, two probes each.
create or replace function reader_waiting(who text, one_unit text, after int8) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
    with w as materialized (
        select v.position, v.activity, v.unit, v.received_at, n.about, n.state
        from validation v cross join lateral activity_now(v.activity) n
        where v.state in (2, 7) and v.unit in (select u.number from reader_review_units(who) u) and v.position > coalesce(after, 0)
            and (one_unit is null or v.unit = (select u.number from unit u where u.code = one_unit))
            and n.state in (2, 7) and coalesce(v.step, v.version) = n.step
        order by v.position limit 51
    ), shown as materialized (select * from w order by w.position limit 50)
    select json_build_object('more', (select count(*) from w) > 50, 'as_of', now(), 'items', coalesce(json_agg(json_build_object(
            'position', w.position, 'activity', w.activity, 'unit', d.code, 'unit_name', d.name, 'version', w.about, 'state', s.name, 'day', b.day,
            'title', coalesce(e.payload::json ->> 'title', e.payload::json -> 'body' ->> 'title'), 'since', w.received_at,
            'age_days', working_days_since(local_day(w.received_at)), 'sent_by', source_account(e.source),
            'own', who = 'account:' || source_account(e.source), 'score', f.score, 'reasons', f.reasons,
            'flags', (select count(*) from flag x where x.activity = w.activity and x.state in ('OPEN', 'EXPLAINED')),
            'warnings', (select count(*) from json_array_elements(b.notes::json) x where x ->> 'severity' <> 'E')) order by w.position), '[]'))
    from shown w join validation b on b.activity = w.activity and b.version = w.about join event e on e.position = b.position
        join activity_state s on s.number = w.state join unit_directory d on d.number = w.unit
        left join lateral (select o.score, o.evidence as reasons from object_score o where o.activity = w.activity) f on true
    having exists (select from reader_review_units(who))
$$;

-- The Centre's sample of a quarter (its first day), with how far each is.
create or replace function reader_sample(who text, quarter date) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
    select json_build_object('as_of', now(), 'more', count(*) > 200, 'items', coalesce(json_agg(json_build_object('activity', x.activity, 'unit', x.unit, 'unit_name', d.name,
            'version', x.version, 'state', x.state, 'day', x.day, 'title', coalesce(e.payload::json ->> 'title', e.payload::json -> 'body' ->> 'title'), 'score', x.score,
            'why', x.why, 'sent_by', source_account(e.source), 'own', who = 'account:' || source_account(e.source)) order by x.nth) filter (where x.nth <= 200), '[]'))
    from (select s.*, row_number() over (order by s.score desc, s.unit, s.day, s.activity) as nth
          from review_sample(quarter, (quarter + interval '3 months - 1 day')::date) s) x
        join unit_directory d on d.code = x.unit join validation b on b.activity = x.activity and b.version = x.version join event e on e.position = b.position
    having exists (select from reader(who) r where r.unit = 0 and r.roles && '{CENTRE_OPERATOR,CENTRE_AUDITOR,centre}')
$$;

-- Which decisions are open on an activity to who asks: the types of his roles that its state has a move for (states.def), and why one is not his after all.
-- own: he sent that version. centre: what is in the sample goes back by the Centre. What is judged is judged by validation all the same.
create or replace function reader_decisions(who text, state int2, sent_by text) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce(json_agg(json_build_object('type', m.type, 'why', case when who = 'account:' || sent_by and m.eyes then 'own'
        when m.type = 'activity.returned' and reader_decisions.state = 5 and r.unit <> 0 then 'centre' end) order by m.place), '[]')
    from reader(who) r cross join (values (1, 'activity.approved', '{2,7}'::int2[], true), (2, 'activity.returned', '{2,5,7}', true), (3, 'activity.sampled', '{4}', false),
            (4, 'activity.confirmed', '{5}', true), (5, 'activity.revoked', '{4,5,6,7}', false), (6, 'activity.reopened', '{10}', false)) m(place, type, states, eyes)
    where reader_decisions.state = any (m.states) and exists (select from role_type t where t.type = m.type and t.role = any (r.roles))
$$;

-- A version's roster with names: as validation understood it, the membership of the day, what each has said of it.
create or replace function roster_shown(v validation) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce(json_agg(json_build_object('person', pu.code || '/' || p.code, 'name', n.name, 'team', tu.code || '/' || t.code, 'role', r ->> 'r',
            'minutes', (r ->> 'd')::int4, 'in', to_timestamp((r ->> 'in')::int8 / 1000000.0), 'out', to_timestamp((r ->> 'out')::int8 / 1000000.0), 'status', m.status,
            'word', (select y.word from activity_words(v.activity) y where y.who = pu.code || '/' || p.code)) order by x.ord), '[]')
    from json_array_elements(v.short::json -> 'roster') with ordinality x(r, ord) join person p on p.number = (r ->> 'p')::int4 join unit pu on pu.number = p.unit
        left join lateral (select z.name from person_version z where z.number = p.number order by z.position desc limit 1) n on true
        left join team t on t.number = (r ->> 't')::int4 left join unit tu on tu.number = t.unit
        left join lateral (select z.status from membership w join membership_version z on z.number = w.number where w.person = p.number and w.team = t.number
            and z.valid_from <= v.day order by z.position desc limit 1) m on true
$$;

-- One version as its report said it, with the names of its teams and its site.
create or replace function report_shown(v validation) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select json_build_object('version', v.version, 'received_at', v.received_at, 'sent_by', source_account(e.source), 'role', source_role(e.source), 'day', v.day,
        'net', (v.short::json ->> 'net')::int4, 'body', coalesce(e.payload::json -> 'body', e.payload::json), 'reason', e.payload::json ->> 'reason',
        'teams', (select json_agg(json_build_object('code', u.code || '/' || t.code, 'name', n.name) order by x.ord) from unnest(v.teams) with ordinality x(number, ord)
            join team t on t.number = x.number join unit u on u.number = t.unit
            left join lateral (select z.name from team_version z where z.number = t.number order by z.position desc limit 1) n on true),
        'site', (select json_build_object('name', s.name, 'kind', s.kind, 'region', s.region) from site_version s where s.number = (v.short::json ->> 'site')::int4
            order by s.position desc limit 1))
    from event e where e.position = v.position
$$;

-- One activity of the subtree: how it stands, its report, the report that was approved before (of a correction), roster, what was found, flags, story, and
-- what who asks may do with it.
create or replace function reader_activity(who text, activity uuid) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
    select json_build_object('activity', a.activity, 'unit', d.code, 'unit_name', d.name, 'state', a.state_name, 'version', n.about,
        'report', report_shown(b), 'roster', roster_shown(b), 'before', case when n.state = 7 then (select report_shown(z) from validation x
                join validation z on z.activity = a.activity and z.version = coalesce(x.version, x.about)
            where x.activity = a.activity and x.state = 4 and x.verdict = 1 and coalesce(x.version, x.about) < n.about order by coalesce(x.step, x.version) desc limit 1) end,
        'findings', coalesce(b.notes::json, '[]'),
        'flags', (select coalesce(json_agg(json_build_object('id', f.id, 'code', f.code, 'name', f.name, 'name_en', f.name_en, 'says', f.says, 'score', f.score, 'state', f.state,
            'pointer', f.pointer) order by f.code, f.pointer), '[]') from flag_list f where f.activity = a.activity),
        'score', (select o.score from object_score o where o.activity = a.activity),
        'host', (select w.word from activity_words(a.activity) w where w.who = 'HOST'),
        'story', (select json_agg(json_build_object('at', s.at, 'type', s.type, 'version', s.version, 'state', s.state, 'person', s.person, 'said', s.said,
            'by', source_account(s.sent_by), 'role', source_role(s.sent_by)) order by s.step) from activity_story(a.activity) s),
        'note_needed', exists (select from json_array_elements(b.notes::json) x where x ->> 'code' = 'V17'),
        'may', reader_decisions(who, a.state, source_account(e.source)))
    from (select * from activity z where z.activity = reader_activity.activity) a cross join lateral activity_now(a.activity) n
        join validation b on b.activity = a.activity and b.version = n.about join event e on e.position = b.position join unit_directory d on d.number = a.unit
    where a.unit in (select u.number from reader_review_units(who) u)
$$;

-- What the kind that decides has said of an event that who asks has sent: waiting, done (verdict, reasons), or parked. Flags are moved by settlement, so what
-- is said about them is done when that has come by.
create or replace function reader_outcome(who text, id uuid) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with e as (
        select x.*, t.name from event x join event_type t on t.number = x.type where x.id = reader_outcome.id and x.unit in (select u.number from reader_units(who) u)
            and (who = 'account:' || source_account(x.source) or who = 'token:' || source_account(x.source))
    ), said as (
        select v.verdict, (select json_agg(json_build_object('code', n ->> 'code', 'pointer', n ->> 'pointer')) from json_array_elements(v.notes::json) n
            where n ->> 'severity' = 'E') as reasons, true as whole from e join validation v on v.position = e.position
        union all
        select l.verdict, (select json_agg(json_build_object('code', r.code, 'pointer', r.pointer, 'zh', r.text_zh, 'en', r.text_en) order by r.ordinal)
            from register_refusal r where r.position = e.position), l.verdict = 2 or not exists (select from flag_action a where a.position = e.position)
            or exists (select from flag_move m where m.position = e.position) from e join register_log l on l.position = e.position
        union all
        select l.verdict, case when l.reason is not null then json_build_array(json_build_object('code', l.reason)) end, true from e join mail_log l on l.position = e.position
        union all
        select 2, json_build_array(json_build_object('code', m.refused)), true from e join flag_move m on m.position = e.position where m.refused is not null
    )
    select json_build_object('type', e.name, 'position', e.position, 'state', case when exists (select from parked p where p.position = e.position and p.state = 'parked')
        then 'parked' when not exists (select from said) or exists (select from said where not whole) then 'waiting' else 'done' end,
        'verdict', (select max(s.verdict) from said s), 'reasons', coalesce((select s.reasons from said s where s.reasons is not null order by s.verdict desc limit 1), '[]'))
    from e
$$;

grant execute on function reader_waiting(text, text, int8), reader_sample(text, date), reader_activity(text, uuid), reader_outcome(text, uuid) to liangjin_web;
reset role;
