-- The kind template: table, apply function, grants, the kind's row. Idempotent: applied again by every `ljctl migrate`.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Keyed by the event's position and written without ON CONFLICT: applying an event twice is an error, not a second effect.
create table if not exists template (
    position int8 primary key,
    length int4                                -- bytes of the comment; null: there was none
);

-- First the four standard parameters, then the kind's columns (workers/template.c). No now(), no sequence, no random(): a replay must give the
-- same rows. Returns the events that follow (none here): each with parent_position, parent_id, number, type, unit, key, payload.
create or replace function apply_template(closure int8, positions int8[], ids uuid[], received timestamptz[], lengths int4[])
        returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
begin
    insert into template (position, length) select u.position, u.length from unnest(positions, lengths) as u(position, length);
    return;
end
$$;

grant execute on function apply_template(int8, int8[], uuid[], timestamptz[], int4[]) to liangjin_broker;
grant select on template to liangjin_broker, liangjin_worker, liangjin_audit;

-- ordering: none, key (in order within a key) or position; single: one event of a key a batch (the kind reads what it wrote); after and
-- after_verdict: only events that another kind closed so; barrier: wait until that kind has come so far; follow_on_max: events that may follow from one.
insert into kind (number, name, ordering, single, after, after_verdict, barrier, follow_on_max, feeds_directory, apply_function,
        result_function, settle_function)
    values (90, 'template', 'none', false, null, null, null, 0, false, 'apply_template', null, null)
    on conflict (number) do update set name = excluded.name, ordering = excluded.ordering, single = excluded.single, after = excluded.after,
        after_verdict = excluded.after_verdict, barrier = excluded.barrier, follow_on_max = excluded.follow_on_max,
        feeds_directory = excluded.feeds_directory, apply_function = excluded.apply_function, result_function = excluded.result_function,
        settle_function = excluded.settle_function;
reset role;
