-- Roles of persons, and which of them may send which type of event. Tables, functions. Idempotent.
--
-- The roles are common/persons.def's, the pairs of role and type proto/event_roles.tsv's, loaded behind the types. A pair is a bit of event_type.roles:
-- gateway and broker read it with the type and ask nothing more for an event. Who sent an event stands in its source, ACCOUNT:ROLE@UNIT
-- (common/who.c); a source of another form is a machine's.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

create table if not exists role (
    number int2 primary key check (number between 1 and 30), -- its bit in event_type.roles
    name text not null unique check (name ~ '^[A-Z][A-Z_]{1,14}$'),
    scope text not null check (scope in ('UNIT', 'CENTRE', 'ANY')), -- CENTRE: of CN000 alone; UNIT: of every other unit
    title text not null
);
insert into role (number, name, scope, title) values
    (1, 'TEAM_FILLER', 'UNIT', '运动队填报员'), (2, 'UNIT_ADMIN', 'UNIT', '管理单位系统管理员'), (3, 'UNIT_LEADER', 'UNIT', '管理单位负责人'),
    (4, 'CENTRE_OPERATOR', 'CENTRE', '人力中心经办'), (5, 'CENTRE_AUDITOR', 'CENTRE', '人力中心审核'), (6, 'POLICY_ADMIN', 'CENTRE', '政策管理员'),
    (7, 'OPINION_DUTY', 'ANY', '舆情值班员'), (8, 'OBSERVER', 'ANY', '观察员')
    on conflict (number) do update set name = excluded.name, scope = excluded.scope, title = excluded.title;

alter table event_type add column if not exists roles int4 not null default 0;

-- A token may have a role too: an interface that acts as the unit's administrator does.
alter table token drop constraint if exists token_role_check;
alter table token add constraint token_role_check check (role in ('client', 'centre', 'observer', 'operator', 'metrics', 'TEAM_FILLER', 'UNIT_ADMIN',
    'UNIT_LEADER', 'CENTRE_OPERATOR', 'CENTRE_AUDITOR', 'POLICY_ADMIN', 'OPINION_DUTY', 'OBSERVER'));

-- All pairs at once: a type that is not named is sent by no person. names, roles: as long as each other; a role's list with commas between.
create or replace function load_event_roles(names text[], roles text[]) returns void
    language plpgsql set search_path = liangjin, pg_catalog, pg_temp as $$
declare
    bad text;
begin
    select coalesce(u.name, 'null') into bad from unnest(names) u(name) left join event_type t on t.name = u.name where t.number is null
        or t.origin not in ('client', 'centre') limit 1;
    if found then
        raise exception 'event_roles: "%" is no type that anybody outside sends', bad using errcode = 'P0001';
    end if;
    select w into bad from unnest(load_event_roles.roles) l cross join string_to_table(l, ',') w where not exists (select from role r where r.name = w) limit 1;
    if found then
        raise exception 'event_roles: there is no role "%"', bad using errcode = 'P0001';
    end if;
    update event_type t set roles = coalesce((select bit_or(1 << r.number) from unnest(names, load_event_roles.roles) as u(name, list)
        cross join string_to_table(u.list, ',') w join role r on r.name = w where u.name = t.name), 0);
end
$$;

-- A source taken apart as common/who.c does; role and unit are null of a machine.
create or replace function source_account(source text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select case when source ~ '^[^:@]{1,32}:[A-Z_]+@[A-Z]{2}[0-9]{3}$' then split_part(source, ':', 1) else source end
$$;
create or replace function source_role(source text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select substring(source from '^[^:@]{1,32}:([A-Z_]+)@[A-Z]{2}[0-9]{3}$')
$$;
create or replace function source_unit(source text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select substring(source from '^[^:@]{1,32}:[A-Z_]+@([A-Z]{2}[0-9]{3})$')
$$;

-- Who may send what, to be read: a row a pair.
create or replace view role_type as
    select r.name as role, t.name as type from role r join event_type t on t.roles & (1 << r.number) <> 0;

grant select on role, role_type to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;
grant execute on function source_account(text), source_role(text), source_unit(text) to liangjin_broker, liangjin_worker, liangjin_audit, liangjin_control;
reset role;
