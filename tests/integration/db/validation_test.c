/* The kind validation on a real PostgreSQL: registers filled by SQL, events through the worker's
 * batch function as the read-only role, its columns through apply_validation as the broker's role,
 * and what stands in the tables afterwards.
 *
 * lj-test: lj_kind_validation lj_runner lj_testlib PkgConfig::PQ */
#include "tests/integration/db/validation_rig.h"

/* ---- the tests; each uses positions and activities of its own ---- */

static void a_report_is_accepted_with_its_numbers(void **state)
{
    static struct todo t;
    (void)state;
    add(&t, "activity.submitted", 100, 1, 1,
        body("2024-06-05", "\"t1\",\"PS002/t1\"", ROW("p1", "t1") "," ROW("PS002/p1", "PS002/t1"),
             "s1"));
    run(&t);
    assert_int_equal(PQntuples(t.follows), 0);
    assert_int_equal(verdict(100), 1);
    assert_int_equal(integer("select count(*) from validation where position = 100 and version = 1 "
                             "and state = 4 and op = 1 and teams = '{1,2}'"
                             " and day = '2024-06-05' and start_at = '2024-06-05T01:00:00Z' and "
                             "notes = '[{\"code\":\"V22\",\"severity\":\"W\",\"pointer\":"
                             "\"/anchor\"}]' and not legacy and unit = 1"),
                     1);
    assert_int_equal(
        integer(
            "select count(*) from validation where position = 100 and short::json->>'v' = '1' and "
            "short::json->>'site' = '1'"
            " and short::json->'roster'->1->>'p' = '3' and short::json->'roster'->1->>'t' = '2'"),
        1);
    assert_int_equal(integer("select count(*) from validation_result('{99,100}') r where "
                             "convert_from(r.result, 'UTF8')::json->>'op' = 'report'"),
                     1);
    assert_int_equal(
        integer("select count(*) from activity where version = 1 and live and position = 100"), 1);
    clear(&t);
}

static void a_bad_report_is_rejected_with_its_reasons(void **state)
{
    static struct todo t;
    (void)state;
    add(&t, "activity.submitted", 110, 1, 2,
        body("2024-06-05", "\"t1\",\"nobody\"", ROW("p9", "t1"), "PS002/s1"));
    add(&t, "activity.submitted", 111, 1, 3, body("2024-06-05", "\"t1\"", ROW("p1", "t1"), "s1"));
    run(&t);
    assert_int_equal(verdict(110), 2);
    assert_int_equal(verdict(111), 1);
    assert_true(noted(110, "V05", "/teams/1"));
    assert_true(noted(110, "V06", "/roster/0/person"));
    assert_true(noted(110, "V06", "/roster"));
    assert_true(noted(110, "V12", "/site"));
    assert_int_equal(integer("select count(*) from validation where position = 110 and version is "
                             "null and state is null and short is null"),
                     1);
    assert_int_equal(PQntuples(t.follows), 1);
    assert_int_equal(lj_pgget_i64(t.follows, 0, 0), 110);
    assert_int_equal(lj_pgget_i32(t.follows, 0, 1), 0);
    assert_string_equal(PQgetvalue(t.follows, 0, 2), "activity.rejected");
    assert_int_equal(lj_pgget_i16(t.follows, 0, 3), 1);
    assert_string_equal(PQgetvalue(t.follows, 0, 4), t.keys[0]);
    const char *payload = PQgetvalue(t.follows, 0, 5);
    assert_non_null(strstr(payload, "\"type\":\"activity.submitted\""));
    assert_non_null(strstr(payload, "\"title\":\"冠军进校园活动\""));
    assert_non_null(strstr(payload, "\"pointer\":\"/teams/1\""));
    assert_non_null(strstr(payload, "运动队未在名册中"));
    assert_int_equal(integer("select count(*) from validation_result('{110}')"), 0);
    clear(&t);
}

/* What the web role sees of a verdict. */
static void the_web_role_asks_for_a_verdict(void **state)
{
    (void)state;
    more("insert into event (position, received_at, id, type, unit, class, schema_version, source, "
         "content_hash, payload) select p, now(), i::uuid, 1, 1, 1, 1, 'test', '\\x00', '{}' from "
         "(values (110, '00000000-0000-7000-8000-000000000002'),"
         " (100, '00000000-0000-7000-8000-000000000001')) v(p, i)");
    PGconn *web = connect_as("liangjin_web");
    struct lj_err err = {0};
    PGresult *r = NULL;
    assert_int_equal(lj_dbs_query(web,
                                  "select string_agg(code || severity || pointer, ' ') from "
                                  "validation_of('00000000-0000-7000-8000-000000000002')",
                                  0, NULL, &r, &err),
                     0);
    assert_string_equal(PQgetvalue(r, 0, 0), "V05E/teams/1 V06E/roster/0/person V06E/roster "
                                             "V12E/site V22W/anchor");
    PQclear(r);
    assert_int_equal(lj_dbs_query(web,
                                  "select state || version || code from "
                                  "validation_of('00000000-0000-7000-8000-000000000001')",
                                  0, NULL, &r, &err),
                     0);
    assert_string_equal(PQgetvalue(r, 0, 0), "APPROVED1V22");
    PQclear(r);
    assert_true(lj_dbs_query(web, "select * from validation", 0, NULL, &r, &err) < 0);
    PQfinish(web);
}

static void applied_twice_is_an_error(void **state)
{
    static struct todo t;
    (void)state;
    add(&t, "activity.submitted", 120, 1, 4, body("2024-06-05", "\"t1\"", ROW("p1", "t1"), "s1"));
    run(&t);
    apply(&t);
    assert_string_equal(t.sqlstate, "23505");
    assert_int_equal(integer("select count(*) from validation where position = 120"), 1);
    clear(&t);
}

/* Positions of the registers: what a later event changed is not seen by an earlier report, and is
 * by a later one, also in one batch. */
static void registers_are_read_as_of_the_events_position(void **state)
{
    static struct todo t;
    (void)state;
    add(&t, "activity.submitted", 130, 1, 5, body("2024-06-05", "\"t1\"", ROW("p1", "t1"), "s1"));
    add(&t, "activity.submitted", 1600, 1, 6,
        body("2024-06-05", "\"t1\"", ROW("p1", "t1"),
             "s1")); /* paused at 1500, membership cut at 1501 */
    add(&t, "activity.submitted", 131, 1, 7, body("2024-06-05", "\"late\"", ROW("p1", "t1"), "s1"));
    add(&t, "activity.submitted", 2001, 1, 8,
        body("2024-06-05", "\"late\"", ROW("p1", "PS101/city"), "s1"));
    add(&t, "activity.submitted", 5, 1, 9,
        body("2024-06-05", "\"t1\"", ROW("p1", "t1"), "s1")); /* before the person was registered */
    run(&t);
    assert_int_equal(verdict(130), 1);
    assert_int_equal(verdict(1600), 2);
    assert_true(noted(1600, "V05", "/teams"));
    assert_true(noted(1600, "V06", "/roster"));
    assert_true(noted(131, "V05", "/teams/0"));
    assert_false(noted(2001, "V05", "/teams/0"));
    assert_true(noted(5, "V06", "/roster/0/person"));
    assert_true(noted(5, "V12", "/site"));
    clear(&t);
}

static void spans_and_days(void **state)
{
    static struct todo t;
    (void)state;
    add(&t, "activity.submitted", 140, 1, 10,
        body("2024-06-05", "\"PS101/city\"", ROW("p1", "t1"), "s1")); /* paused 1..10 June */
    add(&t, "activity.submitted", 141, 1, 11,
        body("2024-05-31", "\"PS101/city\"", ROW("p1", "t1"), "s1")); /* the day before */
    add(&t, "activity.submitted", 142, 1, 12,
        body("2024-06-06", "\"new\"", ROW("p1", "new"), "s1")); /* valid from 10 June */
    add(&t, "activity.submitted", 143, 1, 13,
        body("2024-06-04", "\"t1\"", ROW("p2", "t1"), "s1")); /* last day formal */
    add(&t, "activity.submitted", 144, 1, 14,
        body("2024-06-05", "\"t1\"", ROW("p1", "t1") "," ROW("p2", "t1"),
             "s1")); /* first day retired */
    add(&t, "activity.submitted", 145, 1, 15,
        body("2024-06-05", "\"PS002/t1\"", ROW("PS002/p1", "PS002/t1"),
             "s1")); /* no team of ours */
    add(&t, "activity.submitted", 146, 3, 16,
        body("2024-06-05", "\"PS001/t1\"", ROW("PS001/p1", "PS001/t1"),
             "PS001/s1")); /* the parent's team */
    add(&t, "activity.submitted", 147, 0, 17,
        body("2024-06-05", "\"PS001:t1\"", ROW("PS001:p1", "PS001:t1"),
             "PS001:s1")); /* the Centre: all below */
    run(&t);
    assert_true(noted(140, "V05", "/teams"));
    assert_int_equal(verdict(141), 1);
    assert_true(noted(142, "V05", "/teams"));
    assert_int_equal(verdict(143), 1);
    assert_int_equal(verdict(144), 1);
    assert_true(noted(144, "V07", "/roster/1/person"));
    assert_true(noted(145, "V05", "/teams"));
    assert_true(noted(146, "V05", "/teams"));
    assert_int_equal(verdict(147), 1);
    clear(&t);
}

static void versions_and_the_end(void **state)
{
    static struct todo t;
    const char *good = body("2024-06-05", "\"t1\"", ROW("p1", "t1"), "s1");
    (void)state;
    add_change(&t, 1, 200, 1, 30, 1, good); /* before the report: rejected, never waits */
    run(&t);
    assert_true(noted(200, "V31", "/activity"));
    clear(&t);
    add(&t, "activity.submitted", 201, 1, 30, good);
    run(&t);
    clear(&t);
    add_change(&t, 1, 202, 1, 30, 1, body("2024-06-06", "\"t1\"", ROW("p1", "t1"), "s1"));
    run(&t);
    assert_int_equal(integer("select version from validation where position = 202 and base = 1 and "
                             "day = '2024-06-06' and short::json->>'op' = 'correct'"),
                     2);
    clear(&t);
    add_change(&t, 1, 203, 1, 30, 1, good); /* an old base: its number stays free */
    run(&t);
    assert_true(noted(203, "V31", "/base_version"));
    clear(&t);
    add_change(&t, 0, 204, 2, 30, 2, NULL); /* another unit's */
    run(&t);
    assert_true(noted(204, "V31", "/activity"));
    clear(&t);
    add_change(&t, 0, 205, 1, 30, 2, NULL);
    run(&t);
    assert_int_equal(integer("select count(*) from validation where position = 205 and version = 3 "
                             "and state = 8 and day = '2024-06-06'"),
                     1);
    assert_int_equal(PQntuples(t.follows), 1);
    assert_string_equal(PQgetvalue(t.follows, 0, 2), "activity.withdrawn");
    assert_non_null(strstr(PQgetvalue(t.follows, 0, 5), "\"version\":3"));
    assert_non_null(strstr(PQgetvalue(t.follows, 0, 5), "场地取消"));
    clear(&t);
    add_change(&t, 1, 206, 1, 30, 3, good); /* a final activity takes no correction */
    run(&t);
    assert_true(noted(206, "V31", "/activity"));
    clear(&t);
    assert_int_equal(integer("select count(*) from activity where position = 205 and not live"), 1);
}

/* Should the order of a key ever be broken, the second of two equal versions is an error, not a
 * second version. */
static void one_version_once(void **state)
{
    static struct todo t;
    (void)state;
    add(&t, "activity.submitted", 210, 1, 40, body("2024-06-05", "\"t1\"", ROW("p1", "t1"), "s1"));
    run(&t);
    t.events[0].position = 211;
    apply(&t);
    assert_string_equal(t.sqlstate, "23505");
    clear(&t);
}

static void the_roles_may_do_no_more(void **state)
{
    PGconn *c = connect_as("liangjin_worker");
    struct lj_err err = {0};
    PGresult *r = NULL;
    (void)state;
    assert_true(lj_dbs_query(c, "delete from validation", 0, NULL, &r, &err) < 0);
    assert_true(lj_dbs_query(c, "select * from validation_result('{100}')", 0, NULL, &r, &err) < 0);
    assert_string_equal(err.sqlstate, "42501");
    PQfinish(c);
    assert_true(lj_dbs_query(broker, "insert into validation select * from validation", 0, NULL, &r,
                             &err) < 0);
    assert_string_equal(err.sqlstate, "42501");
}

/* Birth years, injuries, holidays and settings, each as of the event's position; what flags are
 * raised by stands in the row. */
static void persons_days_and_settings(void **state)
{
    static struct todo t;
    const char *plain = body("2024-06-05", "\"t1\"", ROW("p1", "t1"), "s1");
    (void)state;
    more("insert into person_version (position, number, name, sex, birth_year) values (700, 1, "
         "'张某', 'F', 2007);"
         "insert into exemption values (720, 1, 1, 'e1');"
         "insert into exemption_version (position, number, person, valid_from, valid_to, kind, "
         "effect, state) values (720, 1, 1, '2024-06-01', '2024-06-30', 'INJURY', 'PRORATE', "
         "'APPROVED'), (740, 1, 1, '2024-06-01', '2024-06-04', 'INJURY', 'PRORATE', 'ENDED');"
         "insert into calendar_year values (760, 2024, '{2024-06-05}', '{}', 's', 'a', 'b'), (780, "
         "2024, '{2024-06-06}', '{}', 's', 'a', 'b');"
         "insert into person_version (position, number, name, sex, birth_year) values (710, 1, "
         "'张某', 'F', 2000);"
         "insert into rule_setting (position, rule, name, value) values (800, 'V13', 'required', "
         "'1');"
         "insert into register_log values (700, 900001, 1), (720, 900002, 1), (780, 900003, 1);");
    static const int64_t at[] = {690, 705, 715, 730, 750, 770, 790, 810};
    for (int i = 0; i < 8; i++)
        add(&t, "activity.submitted", at[i], 1, 300 + i, plain);
    run(&t);
    assert_int_equal(verdict(690), 1);
    assert_true(noted(705, "V37", "/roster/0/person")); /* of 2007, by the register at 705 */
    assert_int_equal(verdict(715), 1);
    assert_false(noted(715, "V36", "/roster/0/role"));
    assert_true(noted(730, "V36", "/roster/0/role"));
    assert_false(noted(750, "V36", "/roster/0/role")); /* ended on the day before */
    assert_false(noted(750, "V15", "/start_at"));
    assert_true(noted(770, "V15", "/start_at"));
    assert_false(noted(790, "V15", "/start_at")); /* the year was set anew */
    assert_false(noted(790, "V13", "/school_approval_no"));
    assert_true(noted(810, "V13", "/school_approval_no"));
    assert_int_equal(
        integer("select count(*) from validation where position = 810 and end_at = "
                "'2024-06-05T11:00:00+08:00' and audience = 100 and roster_order is null and "
                "photos is null"),
        1);
    assert_int_equal(integer("select count(*) from validation where position = 705 and end_at is "
                             "null and audience is null"),
                     1);
    clear(&t);
}

/* A window of the unit above lets a city's late report in from its position on, on its days; a
 * site's capacity is that of the position. Reports are received on 7 June. */
static void windows_and_capacity(void **state)
{
    static struct todo t;
    char late[2048];
    (void)state;
    more("insert into filing_window values (840, '2024-06-08', '2024-06-30', 1, '甲', '集中补报'),"
         " (860, '2024-06-07', '2024-06-07', 2, '甲', '集中补报'),"
         " (880, '2024-06-01', '2024-06-07', 1, '甲', '集中补报');"
         "insert into site_version (position, number, name, kind, capacity) values (900, 1, "
         "'示例小学', 'PRIMARY', 99), (920, 1, '示例小学', 'PRIMARY', 100);"
         "insert into register_log values (840, 900004, 1), (860, 900005, 1), (880, 900006, 1), "
         "(900, 900007, 1), (920, 900008, 1);");
    const char *plain = body("2024-05-01", "\"city\"", ROW("PS001/p1", "city"), "PS001/s1");
    (void)snprintf(late, sizeof late, "{\"late_reason\":\"外出集训期间无法填报活动\",%s",
                   plain + 1);
    static const int64_t at[] = {830, 850, 870, 890};
    for (int i = 0; i < 4; i++)
        add(&t, "activity.submitted", at[i], 3, 400 + i, late);
    const char *recent = body("2024-06-03", "\"city\"", ROW("PS001/p1", "city"), "PS001/s1");
    add(&t, "activity.submitted", 895, 3, 404, recent);
    add(&t, "activity.submitted", 910, 3, 405, recent);
    add(&t, "activity.submitted", 930, 3, 406, recent);
    run(&t);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(verdict(at[i]), 2);
        assert_true(noted(at[i], "V29", "/start_at"));
    }
    assert_int_equal(verdict(890), 1);
    assert_true(noted(890, "V29", "/start_at")); /* late: a warning */
    assert_false(noted(895, "V18", "/audience"));
    assert_true(noted(910, "V18", "/audience")); /* 100 people where 99 fit */
    assert_false(noted(930, "V18", "/audience"));
    clear(&t);
}

/* What the rules over several activities go by is kept narrow: a sketch of a narrative that is long
 * enough, and input and output as given. */
static void what_flags_go_by(void **state)
{
    static struct todo t;
    static const char thirty[] =
        "运动员分组教学示范基本动作同学们轮流练习最后进行趣味对抗赛场气氛热";
    char text[3][2048];
    const char *plain = body("2024-06-05", "\"t1\"", ROW("p1", "t1"), "s1");
    (void)state;
    (void)snprintf(
        text[0], sizeof text[0],
        "{\"narrative\":\"%s\",\"cost_yuan\":1500.5,\"staff_count\":3,\"travel_minutes\":"
        "90,\"lesson_count\":40,%s",
        thirty, plain + 1);
    (void)snprintf(text[1], sizeof text[1], "{\"narrative\":\"%.*s\",%s", 29 * 3, thirty,
                   plain + 1);
    (void)snprintf(text[2], sizeof text[2], "{\"narrative\":\"%s!!\",%s", thirty, plain + 1);
    for (int i = 0; i < 3; i++)
        add(&t, "activity.submitted", 950 + i, 1, 500 + i, text[i]);
    run(&t);
    assert_int_equal(integer("select count(*) from validation where position = 950 and cost = 1500 "
                             "and staff = 3 and travel = 90 and lesson = 40 and quality = 10"),
                     1);
    assert_int_equal(integer("select count(*) from validation where position = 951 and sketch is "
                             "null and cost is null and lesson is null"),
                     1);
    assert_int_equal(integer("select bit_count(a.sketch # b.sketch) from validation a, validation "
                             "b where a.position = 950 and b.position = 952"),
                     0);
    clear(&t);
}

/* Last: the server goes away under the worker. */
static void a_lost_database_is_the_systems_fault(void **state)
{
    static struct todo t;
    struct lj_err err = {0};
    size_t index[1];
    struct lj_batch in = {t.events, 1};
    (void)state;
    add(&t, "activity.submitted", 3000, 1, 50, body("2024-06-05", "\"t1\"", ROW("p1", "t1"), "s1"));
    assert_int_equal(lj_pgtest_stop_fast(pg), 0);
    assert_int_equal(lj_result_open(&lj_worker_validation, &t.result, NULL), 0);
    assert_int_equal(lj_result_begin(t.result, 1, NULL), 0);
    assert_int_equal(lj_result_pass(t.result, index), 1);
    int rc = lj_worker_validation.batch(worker, &in, t.result, &err);
    assert_true(rc == LJ_E_DB_LOST || rc == LJ_E_DB_SYSTEM);
    assert_int_equal(lj_result_is_systems_fault(err.code), 1);
    clear(&t);
    assert_int_equal(lj_pgtest_start_again(pg), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_accepted_with_its_numbers),
        cmocka_unit_test(a_bad_report_is_rejected_with_its_reasons),
        cmocka_unit_test(the_web_role_asks_for_a_verdict),
        cmocka_unit_test(applied_twice_is_an_error),
        cmocka_unit_test(registers_are_read_as_of_the_events_position),
        cmocka_unit_test(spans_and_days),
        cmocka_unit_test(versions_and_the_end),
        cmocka_unit_test(one_version_once),
        cmocka_unit_test(the_roles_may_do_no_more),
        cmocka_unit_test(persons_days_and_settings),
        cmocka_unit_test(windows_and_capacity),
        cmocka_unit_test(what_flags_go_by),
        cmocka_unit_test(a_lost_database_is_the_systems_fault),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
