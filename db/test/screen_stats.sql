-- The page of statistics and the public question about a certificate, asked as the gateway's role: each its subtree, no report that is not its role's.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(22);

insert into unit values (1, 1, 'PS001'), (2, 2, 'PS002'), (3, 3, 'SU101');
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省', 'PROVINCE', 'ACTIVE'),
    (3, 3, 1, '甲省中心', 'SUB_UNIT', 'ACTIVE');
create function acc(n int4, login text, unit int2, role text) returns void language sql as $$
    insert into account values (100 + n, n, login);
    insert into account_version (position, number, unit, name, state, state_on, roles) values (100 + n, n, unit, '张', 'ACTIVE', '2025-01-01', array[role]) $$;
select acc(1, 'chief', 1::int2, 'UNIT_ADMIN'), acc(2, 'other', 2::int2, 'UNIT_ADMIN'), acc(3, 'auditor', 0::int2, 'CENTRE_AUDITOR'), acc(4, 'watcher', 0::int2, 'OBSERVER'),
    acc(5, 'filler', 1::int2, 'TEAM_FILLER'), acc(6, 'below', 3::int2, 'UNIT_ADMIN');
insert into stat_intake (month, reports, reports_rejected, corrections, corrections_rejected, withdrawals, returned, unit) values
    ('2025-03-01', 10, 1, 0, 0, 0, 0, 1), ('2025-04-01', 3, 1, 0, 0, 0, 0, 1), ('2025-03-01', 20, 2, 0, 0, 0, 0, 2), ('2025-03-01', 5, 0, 0, 0, 0, 0, 3);
insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload)
    values (50, now(), '01900000-0000-7000-8000-000000000050', 17, 1, 1, 1, 't', '\x00', '{}');
insert into person values (5, 1, 1, 'P1');
insert into certificate (position, through, person, minutes, year) values (50, 40, 1, 90, 2025);
create function total(who text, unit text default null, by1 text default null) returns text language sql as $$
    select string_agg((x ->> 'reports') || coalesce(':' || (x ->> 'first_pass'), ''), ' ') from json_array_elements(liangjin.reader_report(who, 'intake', by1, null, null, null, unit, null, null) -> 'rows') x $$;
grant execute on function total(text, text, text) to liangjin_web;

set local role liangjin_web;
set local search_path = liangjin, pg_catalog, tap;
select is(total('account:chief'), '18:88.9', 'UNIT_ADMIN: the unit and below');
select is(total('account:below'), '5:100.0', 'a unit below: its own');
select is(total('account:other'), '20:90.0', 'another unit its own');
select is(total('account:auditor'), '38:89.5', 'the Centre: the nation');
select is(total('account:watcher'), '38:89.5', 'an OBSERVER of it too');
select is(total('account:chief', 'SU101'), '5:100.0', 'one unit of the subtree');
select is(total('account:chief', null, 'month'), '18:88.9 15:93.3 3:*', 'by month; a percentage of few cases is not shown');
select ok(reader_report('account:chief', 'intake', null, null, null, null, 'PS002', null, null) is null, 'a unit outside is not had by asking for it');
select ok(reader_report('account:chief', 'intake', null, null, null, null, 'CN000', null, null) is null, 'nor the nation');
select ok(reader_report(w, 'intake', null, null, null, null, null, null, null) is null, w || ' has no statistics') from unnest('{account:filler,account:nobody}'::text[]) w;
select ok(reader_report('account:watcher', r, null, null, null, null, null, null, null) is null, 'an OBSERVER sees no figures of ' || r) from unnest('{flags,opinion,mail}'::text[]) r;
select ok(reader_report('account:auditor', 'commendation', null, null, null, null, null, null, null) is null, 'what is no report of the page is none');
select ok(reader_report('account:chief', r, null, null, null, null, null, null, null) is not null, r || ' answers') from unnest('{activities,quota,exemptions}'::text[]) r;
select throws_ok($$select reader_report('account:auditor', 'activities', 'unit', null, null, null, null, null, 'minutes')$$, 'P0403', null, 'nothing is ranked while policy forbids it');
select is(certificate_public('LJ-C2025-0000050') ->> 'state', 'VOID', 'a certificate: how it stands');
select is(certificate_public('LJ-C2025-0000050') ->> 'person', null, 'and nobody''s name or code');
select ok(certificate_public('LJ-C2024-0000050') is null and certificate_public('50') is null and certificate_public(null) is null, 'only by its whole number');
reset role;
select * from finish();
rollback;
