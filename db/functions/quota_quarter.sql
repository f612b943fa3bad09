-- What a unit's teams have done in a quarter: quota.quarter_summed, one a unit, which becomes a mail (N11). Functions. Idempotent.
--
-- Told when the eighth day of the next quarter begins: a report is filed within seven days, so the first day would miss the last week. By the ledger as the
-- settlement that passes the day has it. Of the unit's own teams and of no other's: no comparison, no rank.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- number of an event = the range's first (follow_on_range) + unit, parent = the day's event. Everything up to upto must be settled.
create or replace function quota_quarters(since int8, upto int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    begun record;
    told date;
    first date;
    last date;
begin
    for begun in
        select c.position, c.day, (select max(x.day) from calendar_day x where x.position < c.position) as day_before
        from calendar_day c where c.position > since and c.position <= upto order by c.position
    loop
        told := date_trunc('quarter', begun.day)::date + 7;
        if begun.day < told then               -- the latest such day that is not after today
            told := date_trunc('quarter', begun.day - interval '3 months')::date + 7;
        end if;
        continue when told <= coalesce(begun.day_before, begun.day - 1);
        first := date_trunc('quarter', told - interval '3 months')::date;
        last := date_trunc('quarter', told)::date - 1;
        return query
            with held as (
                select t.unit, coalesce(sum(l.sessions), 0) as sessions, count(distinct l.activity) as activities
                from ledger_entry l join team t on t.number = l.team
                where l.subject_kind = 1 and l.day between first and last group by t.unit
            ), earned as (
                select x.unit, sum(x.minutes) as minutes, count(*) filter (where x.minutes > 0) as athletes
                from (select t.unit, l.subject, sum(l.minutes) as minutes from ledger_entry l join team t on t.number = l.team
                      where l.subject_kind = 2 and l.day between first and last group by t.unit, l.subject) x group by x.unit
            ), owed as (
                select t.unit, count(*) filter (where q.duty > 0) as owing, count(*) filter (where q.duty > 0 and q.sessions >= q.duty) as met
                from quota_total q join team t on t.number = q.subject
                where q.subject_kind = 1 and q.year = date_part('year', last)::int2 group by t.unit
            )
            select begun.position, e.id, (select follow_on_base('quota', 'day', 'quota.quarter_summed')) + o.unit, 'quota.quarter_summed', o.unit, null::text,
                   json_build_object('year', date_part('year', last)::int4, 'quarter', date_part('quarter', last)::int4, 'from', to_char(first, 'YYYY-MM-DD'),
                       'to', to_char(last, 'YYYY-MM-DD'), 'activities', coalesce(h.activities, 0), 'sessions', coalesce(h.sessions, 0),
                       'minutes', coalesce(m.minutes, 0), 'athletes', coalesce(m.athletes, 0), 'teams_owing', o.owing, 'teams_met', o.met)::text
            from owed o join event e on e.position = begun.position
                join lateral (select x.state from unit_version x where x.number = o.unit and x.position <= begun.position
                    order by x.position desc limit 1) u on u.state = 'ACTIVE'
                left join held h on h.unit = o.unit left join earned m on m.unit = o.unit
            where o.owing > 0 or h.unit is not null order by o.unit;
    end loop;
end
$$;

reset role;
