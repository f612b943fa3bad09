-- Statistics, held against the raw rows. Idempotent. The test of the fold, and what `ljctl report verify` asks: facts against the versions, rosters and ledger at
-- the position where the figures stand; sums, cells, sets and what is on record of each against the facts.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Where the figures differ from a recomputation from the raw rows at the position they stand at; no row: all is well. Reads everything, in parts.
create or replace function stat_diff() returns table (what text, key text, stored text, computed text)
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set work_mem = '64MB' set jit = off as $$
#variable_conflict use_column
declare
    upto constant int8 := (select a.position from stat_at a);
    part constant int4 := 20000;
    everything uuid[] := array(select v.activity from quota_version v where v.version = 1 and v.position <= upto union select f.activity from stat_fact f);
begin
    for i in 1 .. cardinality(everything) by part loop
        return query
        select 'activity', activity || ' ' || team, s::text, c::text
        from (select f.activity, f.team, f as s from stat_fact f where f.activity = any (everything[i:i + part - 1])) s
            full join (select r.activity, r.team, r as c from stat_rows(everything[i:i + part - 1], upto) r) c using (activity, team)
        where stat_plain(s) is distinct from c;
    end loop;
    return query
    select 'sum', format('%s %s %s %s %s', dim, national, month, unit, value), s::text, c::text
    from (select dim, national, month, unit, value, row(x.activities::int8, x.legacy::int8, x.sessions::int8, x.person_times::int8, x.timed::int8, x.timely::int8, x.corrected::int8,
                 x.disputed::int8, x.rural::int8, x.west::int8, x.key_group::int8, x.minutes::int8, x.legacy_minutes::int8, x.unconfirmed::int8,
                 x.guidance::int8, x.onsite::int8, x.online::int8) as s
          from stat_sum x where x.activities <> 0 or x.legacy <> 0 or x.minutes <> 0 or x.sessions <> 0 or x.onsite <> 0) s
        full join
         (select dim, unit < 0 as national, month, unit, value, row(sum(p.activities)::int8, sum(p.legacy)::int8, sum(p.sessions)::int8, sum(p.person_times)::int8, sum(p.timed)::int8,
                 sum(p.timely)::int8, sum(p.corrected)::int8, sum(p.disputed)::int8, sum(p.rural)::int8, sum(p.west)::int8, sum(p.key_group)::int8,
                 sum(p.minutes)::int8, sum(p.legacy_minutes)::int8, sum(p.unconfirmed)::int8, sum(p.guidance)::int8, sum(p.onsite)::int8,
                 sum(p.online)::int8) as c
          from (select q.dim, q.month, s.unit, q.value, q.activity,
                       max(q.activities) as activities, max(q.legacy) as legacy, sum(q.sessions) as sessions, sum(q.person_times) as person_times,
                       max(q.timed) as timed, max(q.timely) as timely, max(q.corrected) as corrected, sum(q.disputed) as disputed,
                       max(q.rural) as rural, max(q.west) as west, max(q.key_group) as key_group, sum(q.minutes) as minutes,
                       sum(q.legacy_minutes) as legacy_minutes, sum(q.unconfirmed) as unconfirmed, max(q.guidance) as guidance,
                       max(q.onsite) as onsite, max(q.online) as online
                from stat_piece q cross join lateral (values (q.unit), (-1::int2)) s(unit) where q.dim <> 1 or s.unit >= 0 group by 1, 2, 3, 4, 5) p
          group by dim, month, unit, value) c using (dim, national, month, unit, value)
    where s is distinct from c
    union all
    select 'team cell', format('%s %s %s %s %s %s %s', dim, year, team, chunk, value, sport, level), s::text, c::text
    from (select dim, year, team, chunk, value, sport, level, row(x.unit, x.mask, x.activities::int8, x.legacy::int8, x.sessions::int8, x.person_times::int8, x.timed::int8, x.timely::int8, x.corrected::int8,
                 x.disputed::int8, x.rural::int8, x.west::int8, x.key_group::int8, x.minutes::int8, x.legacy_minutes::int8, x.unconfirmed::int8,
                 x.guidance::int8, x.onsite::int8, x.online::int8) as s
          from stat_team_cell x where x.activities <> 0 or x.legacy <> 0 or x.mask <> 0 or x.minutes <> 0 or x.sessions <> 0 or x.onsite <> 0) s
        full join
         (select dim, year, team, chunk, value, sport, level, row(p.unit, bit_or(p.mask), sum(p.activities)::int8, sum(p.legacy)::int8, sum(p.sessions)::int8, sum(p.person_times)::int8, sum(p.timed)::int8,
                 sum(p.timely)::int8, sum(p.corrected)::int8, sum(p.disputed)::int8, sum(p.rural)::int8, sum(p.west)::int8, sum(p.key_group)::int8,
                 sum(p.minutes)::int8, sum(p.legacy_minutes)::int8, sum(p.unconfirmed)::int8, sum(p.guidance)::int8, sum(p.onsite)::int8,
                 sum(p.online)::int8) as c
          from stat_team_piece p where p.rolled group by dim, year, team, chunk, value, sport, level, p.unit
          having bit_or(p.mask) <> 0 or sum(p.activities) <> 0 or sum(p.legacy) <> 0) c using (dim, year, team, chunk, value, sport, level)
    where s is distinct from c
    union all
    select 'pair cell', format('%s %s %s %s %s %s', dim1, dim2, year, chunk, value1, value2), s::text, c::text
    from (select dim1, dim2, year, chunk, value1, value2, row(x.mask, x.activities::int8, x.legacy::int8, x.sessions::int8, x.person_times::int8, x.timed::int8, x.timely::int8, x.corrected::int8,
                 x.disputed::int8, x.rural::int8, x.west::int8, x.key_group::int8, x.minutes::int8, x.legacy_minutes::int8, x.unconfirmed::int8,
                 x.guidance::int8, x.onsite::int8, x.online::int8) as s
          from stat_pair_cell x where x.activities <> 0 or x.legacy <> 0 or x.mask <> 0 or x.minutes <> 0 or x.sessions <> 0 or x.onsite <> 0) s
        full join
         (select dim1, dim2, year, chunk, value1, value2, row(bit_or(p.mask), sum(p.activities)::int8, sum(p.legacy)::int8, sum(p.sessions)::int8, sum(p.person_times)::int8, sum(p.timed)::int8,
                 sum(p.timely)::int8, sum(p.corrected)::int8, sum(p.disputed)::int8, sum(p.rural)::int8, sum(p.west)::int8, sum(p.key_group)::int8,
                 sum(p.minutes)::int8, sum(p.legacy_minutes)::int8, sum(p.unconfirmed)::int8, sum(p.guidance)::int8, sum(p.onsite)::int8,
                 sum(p.online)::int8) as c
          from stat_pair_piece p where p.rolled group by dim1, dim2, year, chunk, value1, value2
          having bit_or(p.mask) <> 0 or sum(p.activities) <> 0 or sum(p.legacy) <> 0) c using (dim1, dim2, year, chunk, value1, value2)
    where s is distinct from c
    union all
    select 'subject', format('%s %s %s', year, kind, subject), s::text, c::text
    from (select year, kind, subject, row(x.activities::int8, x.joint::int8, x.corrected::int8, x.guidance, x.onsite, x.online, x.months::int4,
                 array(select y from unnest(x.sites) y order by y), array(select y from unnest(x.counties) y order by y)) as s from stat_subject x) s
        full join
         (select extract(year from p.month)::int2 as year, kind, subject, row(count(*), sum(p.joint::int4)::int8, sum(p.corrected::int4)::int8, sum(p.guidance)::int8,
                 sum(p.onsite)::int8, sum(p.online)::int8, bit_or(1 << (extract(month from p.month)::int4 - 1)),
                 coalesce(array_agg(distinct p.site) filter (where p.site is not null), '{}'),
                 coalesce(array_agg(distinct p.region) filter (where p.region % 100 <> 0), '{}')) as c
          from stat_subject_piece p group by 1, 2, 3) c using (year, kind, subject)
    where s is distinct from c
    union all                                  -- a joint activity is in no cell
    select 'rolled', f.activity::text, 'rolled', 'joint' from stat_fact f where f.rolled and f.joint
    union all
    select 'site', format('%s %s %s', site, unit, month), s.n::text, c.n::text
    from stat_site s
        full join (select f.site, f.unit, f.month, count(*) as n from stat_fact f where f.site is not null
                   group by 1, 2, 3) c using (site, unit, month)
    where s.n is distinct from c.n
    union all
    select 'intake', format('%s %s', month, unit), s.r::text, c.r::text
    from (select month, unit, row(s.reports::int8, s.reports_rejected::int8, s.corrections::int8, s.corrections_rejected::int8, s.withdrawals::int8, s.returned::int8) as r
          from stat_intake s) s
        full join
         (select date_trunc('month', v.received_at at time zone 'Asia/Shanghai')::date as month, v.unit,
                 row(count(*) filter (where v.op = 1), count(*) filter (where v.op = 1 and v.verdict = 2), count(*) filter (where v.op = 2),
                     count(*) filter (where v.op = 2 and v.verdict = 2), count(*) filter (where v.op = 3 and v.verdict = 1),
                     count(*) filter (where v.op = 5 and v.verdict = 1)) as r
          from validation v where v.position <= upto group by 1, 2) c using (month, unit)
    where s.r is distinct from c.r
    union all                                  -- from another side: what the ledger holds of activities is what is counted
    select 'ledger', l.year::text, coalesce(f.minutes, 0) || '/' || coalesce(f.sessions, 0), l.minutes || '/' || l.sessions
    from (select e.year, sum(e.minutes) as minutes, sum(e.sessions) as sessions from ledger_entry e
          where e.position <= upto and e.activity <> '00000000-0000-0000-0000-000000000000' group by e.year) l
        left join (select extract(year from f.day)::int2 as year, sum(f.minutes) as minutes, sum(f.sessions) as sessions from stat_fact f group by 1) f
            on f.year = l.year
    where (coalesce(f.minutes, 0), coalesce(f.sessions, 0)) <> (l.minutes, l.sessions);
end
$$;

grant execute on function stat_fold(int4), stat_diff() to liangjin_audit, liangjin_control, liangjin_broker;
grant select on stat_word, stat_at, stat_sum, stat_sport, stat_province, stat_fact, stat_seat, stat_team_cell, stat_pair_cell, stat_subject, stat_bit, stat_site, stat_intake,
    stat_setting to liangjin_audit;
reset role;
