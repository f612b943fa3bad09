-- Policies, settings of rules and proposals, to be looked at (ljctl policy show). Idempotent.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

drop function if exists list_policies();     -- the old form had no review
create or replace function list_policies() returns table (scope text, of text, version int4, valid_from date, valid_to date, team_min_sessions int2,
        athlete_min_minutes int2, source text, confidence text, author text, approver text, review text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select p.scope, coalesce(u.code, tu.code || '/' || t.code), p.version, p.valid_from, p.valid_to, p.team_min_sessions, p.athlete_min_minutes, p.source,
           p.confidence, p.author, p.approver, p.review
    from current_policy p left join unit u on u.number = p.unit left join team t on t.number = p.team left join unit tu on tu.number = t.unit
    order by p.number, p.version
$$;

-- The sets that hold now.
create or replace function list_rule_settings() returns table (rule text, name text, value text, valid_from date, valid_to date, "position" int8)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select s.rule, s.name, s.value, s.valid_from::date, s.valid_to::date, s.position from rule_setting s
    where s.position = (select max(x.position) from rule_setting x where x.rule = s.rule and x.name = s.name) order by 1, 2, 3
$$;

create or replace function list_proposals() returns table (code text, kind text, state text, author text, approver text, body text)
    language sql stable security definer set search_path = liangjin, pg_catalog, pg_temp as $$
    select i.code::text, v.kind, v.state, v.author, v.approver, v.body::json ->> 'payload'
    from proposal i cross join lateral (select * from proposal_version x where x.number = i.number order by x.position desc limit 1) v order by i.number
$$;

grant execute on function list_policies(), list_rule_settings(), list_proposals() to liangjin_control;
reset role;
