-- Certificates of an athlete's hours in a year (F19): what was issued, as a register of events certificate.issued; and what each is worth now. Idempotent.
--
-- A certificate says: by the ledger as it was settled up to `through`, this person had so many minutes of that year's activities. It is void when it
-- never was so, or when what it counted has changed since: an activity that was revoked, withdrawn, corrected, or cut by a cap. What came later is
-- no change of it. So its state follows from the ledger alone, and a replay gives the same. Its number is made of the event's position.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create table if not exists certificate (
    position int8 primary key,
    through int8 not null,                     -- settled position that the minutes are of
    person int4 not null,
    minutes int4 not null check (minutes > 0),
    year int2 not null
);
create index if not exists certificate_person on certificate (person, year);
create or replace trigger certificate_append_only before update or delete or truncate on certificate
    for each statement execute function append_only();

create or replace function certificate_number(year int2, at int8) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select format('LJ-C%s-%s', year, lpad(at::text, greatest(7, length(at::text)), '0'))
$$;

-- Minutes of a person's year by activities, what is carried left out: as settled up to a position, and now of what was counted then.
create or replace function certificate_minutes(person int4, year int2, through int8, out stood int8, out stands int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select coalesce(sum(a.stood), 0), coalesce(sum(a.stands) filter (where a.stood <> 0), 0)
    from (select coalesce(sum(e.minutes) filter (where e.position <= through), 0) as stood, sum(e.minutes) as stands
          from ledger_entry e where e.subject_kind = 2 and e.subject = certificate_minutes.person
              and e.day between make_date(certificate_minutes.year, 1, 1) and make_date(certificate_minutes.year, 12, 31) and e.team <> 0
          group by e.activity) a
$$;

-- By codes: who, and what can be certified now.
create or replace function certificate_subject(unit_code text, person_code text, year int2)
        returns table (minutes int8, through int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select m.stands, s.position
    from person p join unit u on u.number = p.unit
        cross join lateral (select coalesce((select x.position from settled x where x.kind = 3), 0) as position) s
        cross join lateral certificate_minutes(p.number, certificate_subject.year, s.position) m
    where u.code = unit_code and p.code = person_code
$$;

create or replace view certificate_state as
    select certificate_number(c.year, c.position) as number, e.received_at as issued_at, u.code as unit, p.code::text as person, c.year, c.minutes, c.through,
           case when m.stood = c.minutes and m.stands = c.minutes then 'VALID' else 'VOID' end as state, m.stands as stands, c.position
    from certificate c join event e on e.position = c.position join person p on p.number = c.person join unit u on u.number = p.unit
        cross join lateral certificate_minutes(c.person, c.year, c.through) m;

grant select on certificate, certificate_state to liangjin_audit, liangjin_broker, liangjin_worker;
grant execute on function certificate_number(int2, int8), certificate_minutes(int4, int2, int8), certificate_subject(text, text, int2) to liangjin_audit;
reset role;
