-- Plans whose report is missing: activity.report_missing, one a unit and day, three and seven days after the last day of the plan, which becomes a mail (N08).
-- Functions. Idempotent.
--
-- A plan has its report when an accepted one of its team is of a day of the plan (what is rejected is told by N23). It belongs to the settlement of the
-- kind quota, since that goes no further than validation.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- number of an event = the range's first (follow_on_range) + unit, parent = the day's event. Everything up to upto must be settled.
create or replace function plan_reports_missing(since int8, upto int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set jit = off as $$
#variable_conflict use_column
declare
    begun record;
begin
    for begun in
        select c.position, c.day, greatest(coalesce((select max(x.day) from calendar_day x where x.position < c.position), c.day - 1), c.day - 60) as day_before
        from calendar_day c where c.position > since and c.position <= upto order by c.position
    loop
        return query
            with due as materialized (
                select p.*, max(s.n) as days
                from (values (3), (7)) s(n) join activity_plan p on p.held_to + s.n > begun.day_before and p.held_to + s.n <= begun.day
                where p.position < begun.position
                  and not exists (select from activity_plan_off o where o.plan = p.plan and o.unit = p.unit and o.position < begun.position)
                group by p.position
            ), reported as materialized (      -- one pass, and none on the days on which no plan is due
                select distinct v.day, t.team from validation v cross join unnest(v.teams) t(team)
                where exists (select from due) and v.day between (select min(d.held_from) from due d) and (select max(d.held_to) from due d)
                  and v.op in (1, 2) and v.verdict = 1 and v.position < begun.position
            ), missing as (
                select d.* from due d where not exists (select from reported r where r.team = d.team and r.day between d.held_from and d.held_to)
            )
            select begun.position, e.id, (select follow_on_base('quota', 'day', 'activity.report_missing')) + m.unit, 'activity.report_missing', m.unit, null::text,
                   json_build_object('day', to_char(begun.day, 'YYYY-MM-DD'), 'plans', json_agg(json_build_object('plan', m.plan, 'title', m.title, 'team', t.code,
                       'to', to_char(m.held_to, 'YYYY-MM-DD'), 'days', m.days) order by m.held_to, m.position))::text
            from (select m.*, row_number() over (partition by m.unit order by m.held_to, m.position) as place from missing m) m
                join team t on t.number = m.team join event e on e.position = begun.position
                join lateral (select x.state from unit_version x where x.number = m.unit and x.position <= begun.position
                    order by x.position desc limit 1) u on u.state = 'ACTIVE'
            where m.place <= 20 group by m.unit, e.id order by m.unit;
    end loop;
end
$$;

reset role;
