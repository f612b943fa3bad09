-- What somebody may read: each function takes who asks, and gives what that account or token may see and nothing else, whatever its caller has checked. For
-- role liangjin_web. Idempotent.
--
-- who: 'account:LOGIN' or 'token:NAME'. Everybody sees his unit and what lies below it; a TEAM_FILLER with teams of his own sees of teams and persons these;
-- an OBSERVER sees figures only, and none about one to four persons. Somebody unknown, ended, or disabled sees nothing.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Unit, roles and teams of who asks; no row for nobody.
create or replace function reader(who text) returns table (unit int2, roles text[], teams int4[])
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select t.unit, array[t.role], '{}'::int4[] from token t
        where who = 'token:' || t.name and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
    union all
    select a.unit, a.roles, a.teams from current_account a where who = 'account:' || a.login and a.state in ('ACTIVE', 'LOCKED')
    union all
    select c.unit, array[c.role], '{}'::int4[] from credential c where who = 'account:' || c.login and c.role <> 'person' and c.state = 'active'
$$;

-- The reader's unit and all below it.
create or replace function reader_units(who text) returns table (number int2)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    with recursive down as (
        select r.unit as number, 0 as level from reader(who) r
        union
        select u.number, d.level + 1 from down d join current_unit u on u.parent = d.number where d.level < 8
    )
    select distinct d.number from down d
$$;

-- May it see names? Observers, and machines that only watch, do not.
create or replace function reader_sees_persons(roles text[]) returns bool
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select roles && '{TEAM_FILLER,UNIT_ADMIN,UNIT_LEADER,CENTRE_OPERATOR,CENTRE_AUDITOR,client,centre,unit_admin}'
$$;

create or replace function reader_directory(who text) returns table (number int2, code text, name text, parent int2, kind text, state text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select d.number, d.code, d.name, d.parent, d.kind, d.state from unit_directory d where d.number in (select u.number from reader_units(who) u) order by d.number
$$;

-- An event and what became of it; null where there is none or it is another unit's: who asks cannot tell which. Observers see no single event of an account.
create or replace function reader_event(who text, id uuid) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select event_provenance(e.id) from event e where e.id = reader_event.id and e.unit in (select u.number from reader_units(who) u)
$$;

-- Teams: a filler's own, else all of the reader's units.
create or replace function reader_teams(who text) returns table (number int4, unit text, code text, name text, level text, sport text, gender text, state text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select t.number, u.code, t.code, t.name, t.level, t.sport, t.gender, t.state
    from reader(who) r join current_team t on t.unit in (select x.number from reader_units(who) x) join unit u on u.number = t.unit
    where reader_sees_persons(r.roles) and (r.roles <> '{TEAM_FILLER}' or r.teams = '{}' or t.number = any (r.teams))
    order by u.code, t.code
$$;

-- Persons with a membership in one of those teams, and, for who sees the whole unit, those whom it registered.
create or replace function reader_persons(who text) returns table (number int4, unit text, code text, name text, sex text, birth_year int2)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select p.number, u.code, p.code, p.name, p.sex, p.birth_year
    from reader(who) r cross join current_person p join unit u on u.number = p.unit
    where reader_sees_persons(r.roles) and (
        exists (select from membership m join reader_teams(who) t on t.number = m.team where m.person = p.number)
        or ((r.roles <> '{TEAM_FILLER}' or r.teams = '{}') and p.unit in (select x.number from reader_units(who) x)))
    order by u.code, p.code
$$;

-- The ledger's totals of a year, of those teams and persons.
create or replace function reader_totals(who text, year int2) returns table (subject text, unit text, code text, sessions int4, minutes int4, duty int4, met bool)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select 'TEAM', t.unit, t.code, q.sessions, q.member_minutes, q.duty, q.met is not null
        from reader_teams(who) t join quota_total q on q.subject_kind = 1 and q.subject = t.number and q.year = reader_totals.year
    union all
    select 'PERSON', p.unit, p.code, q.sessions, q.minutes, q.duty, q.met is not null
        from reader_persons(who) p join quota_total q on q.subject_kind = 2 and q.subject = p.number and q.year = reader_totals.year
$$;

-- Figures of each unit. For an observer none about one to four persons.
create or replace function reader_figures(who text, year int2) returns table (code text, name text, kind text, state text, teams_owing int8, teams_met int8,
        persons_owing int8, persons_met int8, sessions int8, minutes int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select b.code, b.name, b.kind, b.state, b.teams_owing, b.teams_met, case when not few then b.persons_owing end, case when not few then b.persons_met end,
           b.sessions, case when not few then b.minutes end
    from reader(who) r cross join board_units(reader_figures.year) b
        cross join lateral (select b.persons_owing between 1 and 4 and not reader_sees_persons(r.roles) as few) f
    where b.number in (select u.number from reader_units(who) u) order by b.code
$$;

-- The mailbox of the reader's own unit: of the unit's role, not of the person.
drop function if exists reader_mail(text);
create or replace function reader_mail(who text) returns table (id uuid, template text, kind text, needs text, title text, body text, sent_at timestamptz,
        state text, due_on date, read_by text, signed_by text, recalled_at timestamptz, recall_reason text, replied_by text, reply text, urgent bool,
        ring_at timestamptz)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select b.id, b.template, b.kind, b.needs, b.title, b.body, b.sent_at, b.state, b.due_on, b.read_by, b.signed_by, b.recalled_at, b.recall_reason,
           b.replied_by, b.reply, b.urgent, b.ring_at
    from reader(who) r join mailbox b on b.unit = r.unit
    where r.roles && '{UNIT_ADMIN,UNIT_LEADER,CENTRE_OPERATOR,CENTRE_AUDITOR,POLICY_ADMIN,OPINION_DUTY,client,centre,unit_admin}' order by b.position, b.template
$$;

grant execute on function reader_directory(text), reader_event(text, uuid), reader_teams(text), reader_persons(text), reader_totals(text, int2),
    reader_figures(text, int2), reader_mail(text) to liangjin_web;
reset role;
