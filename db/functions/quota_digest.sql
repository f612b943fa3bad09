-- What a team was credited, told once a team and day: quota.credited, which becomes a mail. Functions, grants. Idempotent.
--
-- A day ends for the log where calendar.day_started of a later day stands: the digest at that position tells of what was stored between it and
-- the one before. It runs in the settlement that passes the position, after the ledger is written, so it may tell what is settled and no more.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Digests of the days that began in (since, upto]. Everything up to upto must be settled. An activity counts by the last version that its
-- period holds, a reviewed one by its last approval; one that was withdrawn or returned is not told. number of an event = team, parent = the day's event, so no digest can come twice.
create or replace function quota_digest(since int8, upto int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
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
            with told as (
                select t.team, v.activity, v.day, v.position
                from quota_version n join quota_version v on v.position = coalesce(n.body, n.position)
                    join lateral (select distinct q.team from quota_participation q where q.position = v.position and q.listed) t on true
                where n.position > begun.after and n.position < begun.position and n.op <> 3 and not n.held
                  and not exists (select from quota_version w where w.activity = n.activity and w.version > n.version and w.position <= upto
                        and not w.held and (w.position < begun.position or w.op = 3))
            ), earned as (
                select o.team, sum(l.minutes) as minutes, count(distinct l.subject) filter (where l.minutes > 0) as athletes
                from told o join quota_participation q on q.position = o.position and q.team = o.team
                    join lateral (select e.subject, sum(e.minutes) as minutes from ledger_entry e where e.subject_kind = 2 and e.subject = q.person
                        and e.day = o.day and e.activity = o.activity and e.team = o.team group by e.subject) l on true
                group by o.team
            ), held as (
                select o.team, sum(l.sessions) as sessions
                from told o join ledger_entry l on l.subject_kind = 1 and l.subject = o.team and l.day = o.day and l.activity = o.activity
                group by o.team
            ), counted as (
                select o.team, count(*) as activities from told o group by o.team
            )
            select begun.position, e.id, c.team, 'quota.credited', i.unit, null::text,
                   json_build_object('team', i.code, 'name', v.name, 'from', to_char(least(begun.first_day, begun.last_day), 'YYYY-MM-DD'),
                       'to', to_char(begun.last_day, 'YYYY-MM-DD'), 'activities', c.activities, 'sessions', coalesce(h.sessions, 0),
                       'minutes', coalesce(m.minutes, 0), 'athletes', coalesce(m.athletes, 0), 'year', extract(year from begun.last_day)::int,
                       'year_sessions', coalesce(y.sessions, 0), 'year_duty', coalesce(y.duty, 0))::text
            from counted c join team i on i.number = c.team
                join lateral (select x.name from team_version x where x.number = c.team and x.position <= begun.position
                    order by x.position desc limit 1) v on true
                join event e on e.position = begun.position
                left join earned m on m.team = c.team left join held h on h.team = c.team
                left join quota_total y on y.subject_kind = 1 and y.subject = c.team and y.year = extract(year from begun.last_day)::int2
            order by c.team;
    end loop;
end
$$;

reset role;
