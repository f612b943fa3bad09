-- The kind opinion: what the engine found in each text. Table, apply function, views, grants, the kind's row. Idempotent.
--
-- One row an event, merged: the findings with their evidence are JSON text, because they are read a row at a time by people and by explanations,
-- never searched by their inside; what is searched (level, severity, kinds) has columns. The text itself stays in the log.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Bits of opinion_score.kinds: 1 << number. The order of enum lj_opinion_kind: never change a number.
create table if not exists opinion_kind (
    number int2 primary key,
    name text not null unique
);
insert into opinion_kind (number, name) values (0, 'injury'), (1, 'fee'), (2, 'formalism'), (3, 'misconduct'), (4, 'discrimination'), (5, 'disturbance'),
    (6, 'fake'), (7, 'reputation'), (8, 'privacy'), (9, 'threat') on conflict (number) do update set name = excluded.name;

create table if not exists opinion_score (
    position int8 primary key,
    received_at timestamptz not null,
    activity uuid,                             -- the activity that is spoken of, where the event names one
    kinds int4 not null,                       -- bits, see opinion_kind
    unit int2 not null,
    verdict int2 not null check (verdict in (1, 2, 3)),     -- 1 clean, 2 flagged, 3 unreadable
    polarity int2 not null check (polarity between -1 and 1),
    severity int2 not null check (severity between 0 and 3),
    base int2 not null check (base between 0 and 100),       -- as far as one text tells
    score int2 not null check (score between 0 and 100),     -- with heat, source and video
    level int2 not null check (level between 0 and 4),       -- 0 none, 1 BLUE, 2 YELLOW, 3 ORANGE, 4 RED
    state text not null check (state in ('scored', 'cut', 'unreadable')),  -- cut: only the first 5,000 characters were scored
    source text,                               -- HOST, WEIBO, ...; null when unreadable
    main_code text,
    findings text,                             -- [{kind, code, severity, score, words: [{word, field, start, end}]}]; null: none
    check ((verdict = 3) = (state = 'unreadable'))
);
-- For case lists: few rows are flagged.
create index if not exists opinion_score_flagged on opinion_score (unit, position) where verdict = 2;
create index if not exists opinion_score_activity on opinion_score (activity) where verdict = 2 and activity is not null;

create or replace function apply_opinion(closure int8, positions int8[], ids uuid[], received timestamptz[], verdicts int2[], states text[], units int2[],
        activities uuid[], sources text[], polarities int2[], kinds int4[], codes text[], severities int2[], bases int2[], scores int2[], levels int2[],
        findings text[], follows text[]) returns setof follow_on
    language plpgsql security definer set search_path = liangjin, pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    if cardinality(verdicts) <> cardinality(positions) or cardinality(follows) <> cardinality(positions) then
        raise exception 'the columns of an opinion batch do not fit together' using errcode = 'P0001';
    end if;
    insert into opinion_score (position, received_at, activity, kinds, unit, verdict, polarity, severity, base, score, level, state, source, main_code,
            findings)
        select u.position, u.received, u.activity, u.kinds, u.unit, u.verdict, u.polarity, u.severity, u.base, u.score, u.level, u.state, u.source,
               u.code, u.findings
        from unnest(positions, received, verdicts, states, units, activities, sources, polarities, kinds, codes, severities, bases, scores, levels,
                    findings)
            as u(position, received, verdict, state, unit, activity, source, polarity, kinds, code, severity, base, score, level, findings);
    return query
        select u.position, u.id, 0, 'opinion.flagged', u.unit, null::text, u.follow
        from unnest(positions, ids, units, follows) with ordinality as u(position, id, unit, follow, ord)
        where u.follow is not null order by u.ord;
end
$$;

create or replace view opinion_flagged as
    select o.position, e.id, t.name as type, u.code as unit, o.activity, o.source, o.polarity, o.severity, o.score,
           (array['NONE', 'BLUE', 'YELLOW', 'ORANGE', 'RED'])[o.level + 1] as opinion_level, o.main_code,
           (select array_agg(k.name order by k.number) from opinion_kind k where o.kinds >> k.number & 1 = 1) as kinds, o.findings, o.received_at
    from opinion_score o join event e on e.position = o.position join event_type t on t.number = e.type join unit u on u.number = o.unit
    where o.verdict = 2;

grant execute on function apply_opinion(int8, int8[], uuid[], timestamptz[], int2[], text[], int2[], uuid[], text[], int2[], int4[], text[], int2[], int2[],
    int2[], int2[], text[], text[]) to liangjin_broker;
grant select on opinion_kind, opinion_score, opinion_flagged to liangjin_broker, liangjin_worker, liangjin_audit;

insert into kind (number, name, ordering, single, after, after_verdict, barrier, follow_on_max, feeds_directory, apply_function,
        result_function, settle_function)
    values (5, 'opinion', 'none', false, null, null, null, 1, false, 'apply_opinion', null, null)
    on conflict (number) do update set name = excluded.name, ordering = excluded.ordering, single = excluded.single, after = excluded.after,
        after_verdict = excluded.after_verdict, barrier = excluded.barrier, follow_on_max = excluded.follow_on_max,
        feeds_directory = excluded.feeds_directory, apply_function = excluded.apply_function, result_function = excluded.result_function,
        settle_function = excluded.settle_function;
reset role;
