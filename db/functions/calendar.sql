-- The calendar: days as they began, which days of a year are worked, and what is reckoned in working days. Tables, functions, grants. Idempotent.
--
-- Every function here takes the position it is asked at, so that a year's holidays set later change nothing that was reckoned before.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- At which position a local day began. Days on which no broker ran are missing.
create table if not exists calendar_day (
    position int8 primary key,
    day date not null
);
-- Holidays of a year and the Saturdays and Sundays that are worked for them, by version: the last at a position holds.
create table if not exists calendar_year (
    position int8 primary key,
    year int2 not null,
    off date[] not null,
    work date[] not null,
    source text not null,
    author text not null,
    approver text not null,
    check (author <> approver)                 -- two persons
);
create index if not exists calendar_year_year on calendar_year (year, position);

-- Monday to Friday are worked, unless the year's row at that position says otherwise.
create or replace function is_working_day(d date, at int8) returns bool
    language sql stable parallel safe set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce((select case when d = any (y.off) then false when d = any (y.work) then true end from calendar_year y
                     where y.year = extract(year from d) and y.position <= at order by y.position desc limit 1), extract(isodow from d) < 6)
$$;

-- The n-th working day after d, before d where n is negative, d itself where n is 0; n from -250 to 250.
create or replace function working_days_after(d date, n int4, at int8) returns date
    language sql stable parallel safe set search_path = liangjin, pg_catalog, pg_temp as $$
    select case when n = 0 then d else (
        select x.day from (select d + sign(n)::int4 * g as day, g from generate_series(1, abs(n) * 2 + 30) g) x
        where is_working_day(x.day, at) order by x.g limit 1 offset greatest(abs(n), 1) - 1) end
$$;

grant execute on function is_working_day(date, int8), working_days_after(date, int4, int8) to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;
grant select on calendar_day, calendar_year to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;
reset role;
