-- Which teams are behind, told on the 5th of each month: quota.level_changed, which becomes a mail (N10). Functions. Idempotent.
--
-- A team's own level at that day, by the totals and registers of the settlement that passes the day. Where the log has no 5th, because no broker
-- ran, the 5th is judged when the next day begins. Who is behind is told once a month; who is not, is not told.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- number of an event = the range's first (follow_on_range) + team, parent = the day's event, so none can come twice. Everything up to upto must be settled.
create or replace function quota_levels(since int8, upto int8) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    begun record;
    fifth date;
    teams int4[];
begin
    for begun in
        select c.position, c.day, (select max(x.day) from calendar_day x where x.position < c.position) as day_before
        from calendar_day c where c.position > since and c.position <= upto order by c.position
    loop
        fifth := date_trunc('month', begun.day)::date + 4;
        if begun.day < fifth then              -- the latest 5th that is not after today
            fifth := (date_trunc('month', begun.day) - interval '1 month')::date + 4;
        end if;
        continue when fifth <= coalesce(begun.day_before, begun.day - 1);
        teams := array(select t.subject from quota_total t where t.subject_kind = 1 and t.year = date_part('year', fifth)::int2 and t.duty > 0 order by 1);
        return query
            select begun.position, e.id, (select follow_on_base('quota', 'day', 'quota.level_changed')) + p.subject, 'quota.level_changed', i.unit, null::text,
                   json_build_object('team', i.code, 'name', v.name, 'day', to_char(fifth, 'YYYY-MM-DD'), 'year', p.year, 'level', p.level, 'duty', p.duty,
                       'done', p.done, 'expected_percent', round(p.expected * 100)::int4, 'done_percent', round(p.done * 100.0 / p.duty)::int4)::text
            from quota_pacing(1::int2, teams, fifth) p join team i on i.number = p.subject
                join lateral (select x.name from team_version x where x.number = p.subject and x.position <= begun.position
                    order by x.position desc limit 1) v on true
                join lateral (select x.state from unit_version x where x.number = i.unit and x.position <= begun.position
                    order by x.position desc limit 1) u on u.state = 'ACTIVE'
                join event e on e.position = begun.position
            where p.level in ('LAG', 'CRITICAL') order by p.subject;
    end loop;
end
$$;

reset role;
