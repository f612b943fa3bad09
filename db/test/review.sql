-- What stands of an activity under review: its state by steps and days, what waits, the Centre's sample, one-time links.
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only on
begin;
set local search_path = liangjin, pg_catalog, tap;
select plan(32);

\ir quota_world.psql

insert into unit values (1, 1, 'PS001'), (2, 2, 'PS002');
insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, '甲省体育局', 'PROVINCE', 'ACTIVE'), (2, 2, 0, '乙省体育局', 'PROVINCE', 'ACTIVE');
insert into person values (3, 1, 1, 'P1'), (4, 2, 1, 'P2');
create function a(n int4) returns uuid language sql as $$ select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
-- A row of the kind validation as apply_validation writes it: a version (op 1 to 3), or a decision about one.
create function row_of(p int8, n int4, step int4, op int2, state int2, version int4 default null, about int4 default null, person int4 default null, side int2 default null,
        at timestamptz default '2025-03-01 10:00+08', unit int2 default 1, review int2 default 2, day date default '2025-02-20') returns void language plpgsql as $$
begin
    insert into event (position, received_at, id, type, unit, class, schema_version, source, content_hash, payload)
        values (p, at, ('01900000-0000-7000-8000-' || lpad(p::text, 12, '0'))::uuid, 20, unit, 1, 1, 'who' || op, '\x00', '{"title":"进校园","reason":"核实"}');
    insert into validation (position, received_at, start_at, end_at, activity, day, version, unit, op, verdict, state, short, step, about, person, side, review, audience)
        values (p, at, day + interval '9 hours', day + interval '11 hours', a(n), day, version, unit, op, 1, state, '{"roster":[{"p":1,"d":90}],"site":null}', step, about, person,
            side, case when op <= 3 then review end, 80);
end
$$;
create function state_of(n int4) returns text language sql as $$ select state_name || ' ' || version from activity where activity = a(n) $$;

-- ---- how it stands
select row_of(100, 1, 1, 1::int2, 2::int2, 1);
select is(state_of(1), 'UNIT_REVIEW 1', 'a report that waits');
select row_of(101, 1, 2, 5::int2, 3::int2, null, 1);
select is(state_of(1), 'RETURNED 1', 'the last step says the state');
select row_of(102, 1, 3, 2::int2, 2::int2, 2);
select is(state_of(1), 'UNIT_REVIEW 2', 'sent again');
select is((select row(n.version, n.step, n.about, n.state)::text from activity_now(a(1)) n), '(2,3,2,2)', 'version, step, version of the state, state');
select is_empty('select * from activity_now(a(99))', 'of what is not there, nothing');
insert into validation (position, received_at, start_at, activity, day, version, unit, op, verdict, state, short)
    values (103, now(), now(), a(2), '2025-02-20', 1, 1, 1, 1, 4, '{}'), (104, now(), now(), a(2), '2025-02-20', 2, 1, 2, 1, 4, '{}');
select is((select row(n.version, n.step, n.about, n.state)::text from activity_now(a(2)) n), '(2,2,2,4)', 'rows of before there was a review count their versions');

-- ---- lapse: 30 days after the return, both inside, by the days of the log
select row_of(110, 3, 1, 1::int2, 2::int2, 1), row_of(111, 3, 2, 5::int2, 3::int2, null, 1, at => '2025-03-01 23:59+08');
insert into calendar_day values (112, '2025-03-31'), (113, '2025-04-01');
select is(activity_lapsed(a(3), 113), false, 'on the thirtieth day not yet');
select is(activity_lapsed(a(3), 114), true, 'on the thirty-first day lapsed');
select is(activity_lapsed(a(3), 111), false, 'and before it was returned not');
select is(state_of(3), 'LAPSED 1', 'the view says so');
select row_of(115, 3, 3, 9::int2, 3::int2, null, 1, at => '2025-04-01 10:00+08');
select is(state_of(3), 'RETURNED 1', 'opened again: 30 days more');
select row_of(116, 3, 4, 10::int2, 3::int2, null, 1, 1, 1::int2, at => '2025-04-20 10:00+08');
insert into calendar_day values (117, '2025-05-02');
select is(state_of(3), 'LAPSED 1', 'what an athlete says does not prolong it');

-- ---- words
select row_of(120, 4, 1, 1::int2, 2::int2, 1), row_of(121, 4, 2, 4::int2, 4::int2, null, 1, at => '2025-05-02 10:00+08');
select is((select string_agg(who || ' ' || word, ', ' order by who) from activity_words(a(4))), 'HOST NONE, PS001/P1 PENDING', 'nobody has said anything');
insert into calendar_day values (122, '2025-05-16');
select is((select word from activity_words(a(4)) where who = 'PS001/P1'), 'PENDING', 'the fourteenth day');
insert into calendar_day values (123, '2025-05-17');
select is((select word from activity_words(a(4)) where who = 'PS001/P1'), 'AUTO', 'after 14 days of silence');
select row_of(124, 4, 3, 11::int2, 4::int2, null, 1, 1, 2::int2, at => '2025-05-17 10:00+08'), row_of(125, 4, 4, 14::int2, 4::int2, null, 1, null, 11::int2, at => '2025-05-17 10:00+08');
select is((select string_agg(who || ' ' || word, ', ' order by who) from activity_words(a(4))), 'HOST SENT, PS001/P1 DISPUTED', 'disputed; the host was asked');
insert into calendar_day values (126, '2025-06-01'), (127, '2025-06-02');
select is(activity_side(a(4), null, 127), 11::int2, 'the fifteenth day for the host');
select is(activity_side(a(4), null, 128), 14::int2, 'then the link has expired');
select is(activity_side(a(4), 1, 124), 0::int2, 'as of a position: what came later is not seen');

-- ---- what waits
select is((select string_agg(activity::text || ' ' || version || ' ' || state || ' ' || sent_by, '|' order by position) from review_waiting), a(1) || ' 2 UNIT_REVIEW who2',
          'one line an activity that waits, with who sent the version');
select is((select string_agg(step || ' ' || state, ', ' order by step) from activity_story(a(1))), '1 UNIT_REVIEW, 2 RETURNED, 3 UNIT_REVIEW', 'its story');

-- ---- the sample
select count(row_of(1000 + g, 1000 + g, 1, 1::int2, 4::int2, 1, unit => (1 + g % 2)::int2, day => date '2025-07-01' + g % 60)) from generate_series(1, 2000) g \gset n_
select count(row_of(5000 + g, 5000 + g, 1, 1::int2, 4::int2, 1, review => 1::int2, day => '2025-07-05')) from generate_series(1, 50) g \gset n_
select is((select count(*) from review_sample('2025-07-01', '2025-09-30')), (select count(*) from generate_series(1, 2000) g where review_draw(a(1000 + g)) < 300),
          'three in a hundred by the draw');
select cmp_ok((select count(*) from review_sample('2025-07-01', '2025-09-30'))::int4, '>', 30, 'which are about sixty of two thousand');
select is_empty('select * from review_sample(''2025-07-01'', ''2025-09-30'') s join validation v using (activity) where v.review <> 2', 'none whose policy does not ask for it');
select row_of(9001, 9001, 1, 1::int2, 4::int2, 1, day => '2025-10-05'), row_of(9002, 9002, 1, 1::int2, 4::int2, 1, day => '2025-10-06');
select is((select count(*) from review_sample('2025-10-01', '2025-12-31')), 1::int8, 'at least one a unit and quarter');

-- ---- links
select is((select unit from create_confirm_link(decode(repeat('ab', 32), 'hex'), a(4), null)), 'PS001', 'a link for the host');
select is((select unit from create_confirm_link(decode(repeat('cd', 32), 'hex'), a(4), 'PS001/P1')), 'PS001', 'and for an athlete');
select throws_ok($$select * from create_confirm_link(decode(repeat('ef', 32), 'hex'), a(4), 'PS001/P2')$$, 'P0001', null, 'who is not on the roster gets none');
select throws_ok($$select * from create_confirm_link(decode(repeat('ef', 32), 'hex'), a(3), null)$$, 'P0001', null, 'nor does one that has lapsed');
select is((select row(person, expired, shown::json ->> 'kind', shown::json ->> 'minutes', shown::json ->> 'audience')::text from confirm_link_of(decode(repeat('cd', 32), 'hex'))),
          '(PS001/P1,f,athlete,90,)', 'an athlete sees its own minutes and no more');
select is((select row(person, shown::json ->> 'audience', shown::json ->> 'minutes')::text from confirm_link_of(decode(repeat('ab', 32), 'hex'))), '(,80,)', 'a host sees the head count');
select is_empty($$select * from confirm_link_of(decode(repeat('00', 32), 'hex'))$$, 'an unknown token is nothing');
select * from finish();
rollback;
