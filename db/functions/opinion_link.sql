-- Which activities an opinion item speaks of: what it names itself, what fits it (candidates, looked for when asked), what a person decided. Idempotent.
--
-- An item is attached to every activity that fits and counts for none of them until a person has decided, then for the first that he named: so an item that
-- fits two is never counted twice. A decision may name none. Item counts and levels are of items and not of links (stat_opinion), whatever was decided.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Activities that fit: place and people and date. Place: the site's or the served body's name stands in the text (0.5). People: a team's name or an
-- athlete's (0.3). Date: the activity lies from 14 days before to a day after the item (0.1 more within three). Region: 0.1. Without place or without people
-- there is no candidate. What the item names itself is 1.
create or replace function opinion_candidates(item uuid) returns table (activity uuid, unit int2, day date, confidence numeric, named bool)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
    with i as materialized (
        select e.payload::jsonb as b, coalesce((e.payload::jsonb ->> 'posted_at')::timestamptz, e.received_at) as at
        from event e join event_type t on t.number = e.type where e.id = opinion_candidates.item and t.name = 'opinion.item_received'
    ), j as materialized (
        select i.b, i.b ->> 'text' as said, (i.at at time zone 'Asia/Shanghai')::date as day, (i.b ->> 'activity')::uuid as named from i
    ), near as materialized (
        select a.activity, a.unit, a.day, a.teams, v.short::jsonb as s, coalesce(e.payload::jsonb #>> '{body,served_name}', e.payload::jsonb ->> 'served_name') as served
        from j join lateral (select distinct x.activity from validation x where x.verdict = 1 and x.day between j.day - 14 and j.day + 1) d on true
            join activity a on a.activity = d.activity and a.day between j.day - 14 and j.day + 1
            join validation v on v.position = a.position join event e on e.position = a.position
        where a.state_name not in ('WITHDRAWN', 'REVOKED')
    ), placed as materialized (
        select n.*, c.region from near n cross join j left join current_site c on c.number = (n.s ->> 'site')::int4
        where char_length(c.name) >= 4 and strpos(j.said, c.name) > 0 or char_length(n.served) >= 4 and strpos(j.said, n.served) > 0
    )
    select p.activity, p.unit, p.day, 0.8 + case when abs(p.day - j.day) <= 3 then 0.1 else 0 end
           + case when left(p.region, 4) = left(j.b ->> 'region', 4) then 0.1 else 0 end, false
    from placed p cross join j
    where p.activity is distinct from j.named and (
        exists (select from current_team t where t.number = any (p.teams) and char_length(t.name) >= 3 and strpos(j.said, t.name) > 0)
        or exists (select from jsonb_array_elements(p.s -> 'roster') r join current_person q on q.number = (r ->> 'p')::int4
                   where char_length(q.name) >= 2 and strpos(j.said, q.name) > 0))
    union all
    select a.activity, a.unit, a.day, 1.0, true from j join activity a on a.activity = j.named
$$;

-- How each of them stands. DECIDED: by a person, it counts for the first; DROPPED: fits, and the person named others; NAMED: by the item itself, counts where
-- it is the only one that fits; LINKED: the only one that fits, and well (0.6), shown, and counts for nothing before somebody has said so; CANDIDATE: needs a
-- person.
create or replace function opinion_links(item uuid) returns table (activity uuid, unit text, day date, confidence numeric, state text, counts bool, who text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with last as materialized (
        select l.* from opinion_link l where l.item = opinion_links.item order by l.position desc limit 1
    ), fits as materialized (
        select c.*, count(*) over () as n from opinion_candidates(opinion_links.item) c
    ), every as (
        select f.activity from fits f union select x.a from last l cross join unnest(l.activities) x(a)
    )
    select y.activity, u.code, coalesce(f.day, a.day), f.confidence,
           case when y.activity = any (l.activities) then 'DECIDED' when l.position is not null then 'DROPPED'
                when f.n > 1 then 'CANDIDATE' when f.named then 'NAMED' when f.confidence >= 0.6 then 'LINKED' else 'CANDIDATE' end,
           case when l.position is not null then coalesce(l.activities[1] = y.activity, false) else f.named and f.n = 1 end, l.who
    from every y left join fits f on f.activity = y.activity left join last l on true left join activity a on a.activity = y.activity
        left join unit u on u.number = coalesce(f.unit, a.unit)
    order by 6 desc, f.confidence desc nulls last, y.activity
$$;

grant execute on function opinion_candidates(uuid), opinion_links(uuid) to liangjin_audit, liangjin_broker;
reset role;
