-- What the first page of the dashboard asks, for role liangjin_web. Figures by unit and kind only: no name, code or text of a person or a report.
-- Who may see which unit, and that groups under five are not shown to observers, is the gateway's matter (gateway/board.c).
-- Idempotent.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Kinds with their state, the position up to which they have closed everything, and what they have parked now. Partial index parked_open_index.
create or replace function board_kinds() returns table (name text, state text, watermark int8, settled int8, parked int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select s.name, s.state, s.watermark, s.settled, s.parked from kind_status s order by s.number
$$;

-- Unread mail of each unit, of all its roles. Partial index mail_receipt_unread.
create or replace function board_mail() returns table (unit int2, unread int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select m.unit, sum(m.unread)::int8 from mail_unread m group by m.unit
$$;

-- What validation has said, folded by unit: of the next lim closures (of any kind) behind a number, their last number, and for each unit
-- and verdict how many. The row with unit null is always there when there are closures. Asked again behind `upto` it never counts twice, because a closure's number is
-- given once and nothing at or below the frontier can still appear. Cost: a range of the primary key, and a probe of validation a position.
create or replace function board_verdicts(after int8, lim int4) returns table (upto int8, unit int2, verdict int2, n int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with z as materialized (
        select c.number, c.kind, c.positions from closure c
        where c.number > after and c.number <= (select max(h.closure_frontier) from log_head h)
        order by c.number limit least(lim, 1000))
    select (select max(z.number) from z), null::int2, null::int2, 0::int8 where exists (select from z)
    union all
    select (select max(z.number) from z), v.unit, v.verdict, count(*)
    from z cross join lateral unnest(z.positions) p(position) join validation v on v.position = p.position
    where z.kind = 2 and v.op <= 3               -- reports and what changes them, not what a review says
    group by v.unit, v.verdict
$$;

-- Every unit with the state of its quota in a year. Own teams and persons only, not those of sub-units. Reads the totals of the year once: a few
-- tens of thousands of rows at full size, so it is asked every five seconds at most.
create or replace function board_units(year int2) returns table (number int2, code text, name text, parent int2, kind text, state text,
        teams_owing int8, teams_met int8, persons_owing int8, persons_met int8, sessions int8, minutes int8, settled int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select d.number, d.code, d.name, d.parent, d.kind, d.state, coalesce(q.teams_owing, 0), coalesce(q.teams_met, 0), coalesce(q.persons_owing, 0),
           coalesce(q.persons_met, 0), coalesce(q.sessions, 0)::int8, coalesce(q.team_minutes, 0)::int8,
           coalesce((select s.position from settled s where s.kind = 3), 0)
    from unit_directory d left join quota_unit q on q.unit = d.code and q.year = board_units.year
    order by d.code
$$;

grant execute on function board_kinds(), board_mail(), board_verdicts(int8, int4), board_units(int2) to liangjin_web;
reset role;
