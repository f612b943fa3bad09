-- The page of statistics: the reports of stat_report.sql for who asks, of his subtree and nothing else; and what anybody may ask of a certificate. For role
-- liangjin_web. Idempotent.
--
-- Figures are those that the last fold has left (stat_fold, once a local day): the gateway writes nothing, so it folds nothing; every answer says of which position
-- it is. Suppression of small groups is the reports' own and holds for everybody.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

-- Reports and who may see each: figures of what was done everybody but a TEAM_FILLER; figures of flags, texts and mail who works with them.
create or replace function reader_may_report(roles text[], report text) returns bool
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select case when report in ('activities', 'intake', 'quota', 'exemptions')
                then roles && '{UNIT_ADMIN,UNIT_LEADER,CENTRE_OPERATOR,CENTRE_AUDITOR,POLICY_ADMIN,OPINION_DUTY,OBSERVER,client,centre,observer,operator,unit_admin}'
                when report in ('flags', 'opinion', 'mail')
                then roles && '{UNIT_ADMIN,UNIT_LEADER,CENTRE_OPERATOR,CENTRE_AUDITOR,OPINION_DUTY,client,centre,operator,unit_admin}' else false end
$$;

-- One report: head, and rows as objects in the order of the report's columns. by1, by2: dimensions; since, till: first days of months, null: open; year: of the
-- report quota. one_unit: of the subtree; null: the reader's own, of the Centre the nation. Null: not for who asks. P0403: to be ranked while policy forbids it.
create or replace function reader_report(who text, report text, by1 text, by2 text, since date, till date, one_unit text, year int4, rank text) returns json
    language plpgsql stable security definer set search_path = liangjin, pg_catalog, pg_temp set jit = off as $$
declare
    r record;
    scope text;
    body text;
    rows json;
begin
    select x.unit, u.code, x.roles into r from reader(who) x join unit u on u.number = x.unit;
    if not found or not reader_may_report(r.roles, report) then
        return null;
    end if;
    if one_unit is not null and not exists (select from reader_units(who) z join unit u on u.number = z.number where u.code = one_unit) then
        return null;
    end if;
    scope := coalesce(one_unit, case when r.unit <> 0 then r.code end);
    scope := case when scope <> 'CN000' then scope end;    -- the Centre's subtree is the nation
    body := case report
        when 'activities' then 'stat_activities($1, $2, $3, $4, $5, null, $7)' when 'intake' then 'stat_intakes($1, $3, $4, $5)'
        when 'quota' then 'stat_quota($1, $6::int2, $5)' when 'flags' then 'stat_flags($1, $3, $4, $5)' when 'opinion' then 'stat_opinion($1, $3, $4, $5)'
        when 'mail' then 'stat_mail($1, $3, $4, $5)'
        else 'stat_exemptions(coalesce($3, ''1900-01-01''), (coalesce($4, ''2999-12-01'') + interval ''1 month - 1 day'')::date, $5)' end;
    execute 'select coalesce(json_agg(row_to_json(x)), ''[]'') from ' || body || ' x' into rows
        using by1, by2, since, till, scope, coalesce(year, extract(year from coalesce((select max(c.day) from calendar_day c), now() at time zone 'Asia/Shanghai'))::int4), rank;
    return (select json_build_object('report', report, 'unit', coalesce(scope, 'CN000'), 'complete_through', h.complete_through, 'as_of', h.as_of, 'policy', h.policy,
            'suppress_below', stat_least(), 'rank', stat_rank_allowed(), 'rows', rows)
        from stat_head(coalesce((till + interval '1 month - 1 day')::date, (now() at time zone 'Asia/Shanghai')::date)) h);
end
$$;

-- A certificate by its number, for anybody who holds one: whether it is valid, and what stands on it; no name. Null where there is none.
create or replace function certificate_public(number text) returns json
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select json_build_object('number', c.number, 'state', c.state, 'issued_at', c.issued_at, 'unit', c.unit, 'year', c.year, 'minutes', c.minutes)
    from certificate_state c where c.position = (case when certificate_public.number ~ '^LJ-C[0-9]{4}-[0-9]{7,18}$' then split_part(certificate_public.number, '-', 3)::int8 end)
        and c.number = certificate_public.number
$$;

grant execute on function reader_report(text, text, text, text, date, date, text, int4, text), certificate_public(text) to liangjin_web;
reset role;
