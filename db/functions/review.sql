-- Review of activities, to be looked at: what waits, what the Centre's sample holds, an activity's story; and the one-time links for hosts and
-- athletes. Nothing here is an effect of the log. Idempotent.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create index if not exists validation_waiting on validation (unit, position) where state in (2, 7);

-- What waits for a decision, one line an activity. since: of the event that it waits since.
create or replace view review_waiting as
    select u.code as unit, v.activity, n.about as version, s.name as state, b.day, coalesce(r.payload::json ->> 'title',
           r.payload::json -> 'body' ->> 'title') as title, v.received_at as since, r.source as sent_by, o.score, v.unit as unit_number, v.position
    from validation v cross join lateral activity_now(v.activity) n join activity_state s on s.number = n.state
        join validation b on b.activity = v.activity and b.version = n.about join event r on r.position = b.position join unit u on u.number = v.unit
        left join object_score o on o.activity = v.activity
    where v.state in (2, 7) and n.state in (2, 7) and coalesce(v.step, v.version) = n.step;

-- An activity's place in the draw, 0 to 9999: of its id alone, so that nobody can draw again.
create or replace function review_draw(activity uuid) returns int4 language sql immutable parallel safe set search_path = pg_catalog, pg_temp as
    $$ select (('x' || substr(md5(activity::text), 1, 7))::bit(28)::int4) % 10000 $$;

-- What the Centre's sample holds of the approved activities whose policy asks for it (review CENTRE) and whose day lies in from_day .. to_day: all with
-- a score of `sample_all` (80) and more, a share of those from `sample_some` (60) on, a share of the rest and at least one a unit and quarter (settings REVIEW). Without a score (no sign was seen) an activity is one
-- of the rest. The draw is fixed; what is drawn as a quarter's only one may be joined by another when more are approved.
create or replace function review_sample(from_day date, to_day date)
        returns table (unit text, activity uuid, version int4, day date, score numeric, why text, state text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
    with n as materialized (
        select rule_number('REVIEW', 'sample_all', 9223372036854775807) as all_from, rule_number('REVIEW', 'sample_some', 9223372036854775807) as some_from,
               rule_number('REVIEW', 'share_some', 9223372036854775807) as share_some, rule_number('REVIEW', 'share_rest', 9223372036854775807) as share_rest
    ), a as materialized (
        select v.activity, v.unit, v.day, n.about, n.state, coalesce(o.score, 0) as score, review_draw(v.activity) as draw
        from validation v cross join lateral activity_now(v.activity) n left join object_score o on o.activity = v.activity
        where v.version is not null and v.review = 2 and v.position = n.position and n.state in (4, 5) and v.day between from_day and to_day
    ), ranked as (
        select a.*, row_number() over (partition by a.unit, extract(year from a.day), extract(quarter from a.day), a.score >= b.some_from order by a.draw, a.activity) as place, b.*
        from a, n b
    )
    select u.code, r.activity, r.about, r.day, r.score,
           case when r.score >= r.all_from then 'SCORE_' || r.all_from when r.score >= r.some_from then 'SCORE_' || r.some_from else 'RANDOM' end, s.name
    from ranked r join unit u on u.number = r.unit join activity_state s on s.number = r.state
    where r.score >= r.all_from or (r.score >= r.some_from and r.draw < r.share_some) or (r.score < r.some_from and (r.draw < r.share_rest or r.place = 1))
    order by r.score desc, u.code, r.day, r.activity
$$;

-- What was accepted of an activity, in order.
create or replace function activity_story(activity uuid) returns table (step int4, at timestamptz, type text, version int4, state text, person text, said text,
        sent_by text, event uuid)
    language sql stable as $$
    select coalesce(v.step, v.version), e.received_at, t.name, coalesce(v.version, v.about), s.name,
           (select u.code || '/' || p.code from liangjin.person p join liangjin.unit u on u.number = p.unit where p.number = v.person),
           coalesce(e.payload::json ->> 'reason', e.payload::json ->> 'note', e.payload::json ->> 'comment'), e.source, e.id
    from liangjin.validation v join liangjin.event e on e.position = v.position join liangjin.event_type t on t.number = e.type
        join liangjin.activity_state s on s.number = v.state
    where v.activity = activity_story.activity and v.verdict = 1
    order by 1
$$;

-- The words of an activity's athletes and of its host at the end of the log: who has said nothing for the setting's days (REVIEW, athlete_days) after the version was approved counts as AUTO.
create or replace function activity_words(activity uuid) returns table (who text, word text)
    language sql stable as $$
    select u.code || '/' || p.code, case w.side when 1 then 'YES' when 2 then 'DISPUTED' when 3 then 'KEPT' when 4 then 'DROPPED'
           else case when (l.received_at at time zone 'Asia/Shanghai')::date + liangjin.rule_number('REVIEW', 'athlete_days', 9223372036854775807)
                          < liangjin.last_day_before(9223372036854775807) then 'AUTO' else 'PENDING' end end
    from liangjin.activity_now(activity_words.activity) n
        join liangjin.validation b on b.activity = activity_words.activity and b.version = n.about
        cross join lateral json_array_elements(b.short::json -> 'roster') r
        join liangjin.person p on p.number = (r ->> 'p')::int4 join liangjin.unit u on u.number = p.unit
        cross join lateral (select liangjin.activity_side(activity_words.activity, p.number, 9223372036854775807) as side) w
        left join lateral (select x.received_at from liangjin.validation x where x.activity = activity_words.activity and x.state = 4
            and (x.version = n.about or x.about = n.about) order by coalesce(x.step, x.version) desc limit 1) l on true
    union all
    select 'HOST', case h.side when 11 then 'SENT' when 12 then 'CONFIRMED' when 13 then 'DISPUTED' when 14 then 'EXPIRED' else 'NONE' end
    from (select liangjin.activity_side(activity_words.activity, null, 9223372036854775807) as side) h
$$;

-- ---------------------------------------------------------------------------------------------------------------- one-time links

-- A link for the host (person null) or an athlete of the roster (UNIT/CODE), for the days of the setting (REVIEW). Only the hash of its token comes here.
create or replace function create_confirm_link(hash bytea, activity uuid, person text) returns table (unit text, expires_at timestamptz)
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    n record;
    who int4;
begin
    select x.unit, x.about, s.live or x.state = 2 as open into n from activity_now(create_confirm_link.activity) x join activity_state s on s.number = x.state;
    if not found or not n.open then
        raise exception 'there is no activity % that could be confirmed', create_confirm_link.activity using errcode = 'P0001';
    end if;
    if create_confirm_link.person is not null then
        select p.number into who from person p join unit u on u.number = p.unit
            where u.code = split_part(create_confirm_link.person, '/', 1) and p.code = split_part(create_confirm_link.person, '/', 2)
                and exists (select from validation b cross join lateral json_array_elements(b.short::json -> 'roster') r
                    where b.activity = create_confirm_link.activity and b.version = n.about and (r ->> 'p')::int4 = p.number);
        if who is null then
            raise exception 'nobody on the roster is %', create_confirm_link.person using errcode = 'P0001';
        end if;
    end if;
    insert into confirm_link (hash, activity, unit, person, expires_at)
        values (create_confirm_link.hash, create_confirm_link.activity, n.unit, who, 
            now() + make_interval(days => rule_number('REVIEW', case when who is null then 'host_days' else 'athlete_days' end, 9223372036854775807)));
    return query select u.code, l.expires_at from confirm_link l join unit u on u.number = l.unit where l.hash = create_confirm_link.hash;
end
$$;

-- What a link is for, and what its holder may see: the host the head count, an athlete its own minutes. No row where there is none. A probe of the key.
create or replace function confirm_link_of(hash bytea) returns table (activity uuid, unit text, person text, expired bool, shown text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select l.activity, u.code, (select x.code || '/' || p.code from person p join unit x on x.number = p.unit where p.number = l.person), l.expires_at <= now(),
           json_build_object('kind', case when l.person is null then 'host' else 'athlete' end, 'title', coalesce(e.payload::json ->> 'title',
               e.payload::json -> 'body' ->> 'title'), 'day', b.day, 'start_at', b.start_at, 'end_at', b.end_at,
               'site', (select s.name from site_version s where s.number = (b.short::json ->> 'site')::int4 order by s.position desc limit 1),
               'audience', case when l.person is null then b.audience end, 'athletes', case when l.person is null then json_array_length(b.short::json -> 'roster') end,
               'minutes', (select (r ->> 'd')::int4 from json_array_elements(b.short::json -> 'roster') r where (r ->> 'p')::int4 = l.person),
               'expires_at', l.expires_at)::text
    from confirm_link l join unit u on u.number = l.unit cross join lateral activity_now(l.activity) n
        join validation b on b.activity = l.activity and b.version = n.about join event e on e.position = b.position
    where l.hash = confirm_link_of.hash
$$;

grant execute on function create_confirm_link(bytea, uuid, text) to liangjin_control;
grant execute on function confirm_link_of(bytea) to liangjin_web;
grant execute on function review_sample(date, date), activity_story(uuid), activity_words(uuid) to liangjin_audit, liangjin_control;
grant select on review_waiting to liangjin_audit;
grant select on confirm_link to liangjin_audit;
reset role;
