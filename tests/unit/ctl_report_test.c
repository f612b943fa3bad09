/* ljctl report on a real PostgreSQL, in the role that operators have: the head, figures by
 * dimensions, suppression, names that do not exist, ranking, the file, and verify.
 * lj-test: lj_ctl lj_pgtest
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "ctl/migrate.h"
#include "tests/lib/pgtest.h"
#include "tests/unit/ctl_run.h"

static struct lj_pgtest *pg;

/* Two units; team 1 of unit 1 with six athletes in two activities of March and April 2025, team 2
 * of unit 2 with one athlete in the second, which is joint. */
static const char world[] =
    "set search_path = liangjin;"
    "insert into unit select g, g, 'PS00' || g from generate_series(1, 2) g;"
    "insert into unit_version (position, number, parent, name, kind, state) select g, g, 0,"
    " (array['甲省体育局', '=乙省体育局'])[g], 'PROVINCE', 'ACTIVE' from generate_series(1, 2) g;"
    "insert into policy values (3, 1, null, null, 'NATION');"
    "insert into policy_version select 3, '2022-01-01', null, 1, 1, 4, 360, 240, 480, 120, 15, 1, "
    "14, 480, 'YEAR', 0.6, 0.3, 0.05, 1, 1, 1, 0, '{FORMAL}', '{FORMAL,TRIAL}', '{}', '{}',"
    " '{3,2,10,10,12,14,5,8,10,12,8,6}', '{0.1,0.25,0.4}', '10-01', 'NONE', 'S', 'assumed', 'a', "
    "'b';"
    "insert into team select 3 + g, g, g, 'T' || g from generate_series(1, 2) g;"
    "insert into team_version (position, number, name, level, sport, gender, state)"
    " select 3 + g, g, '柔道' || g, 'PROVINCIAL', 'JUDO', 'F', 'ACTIVE' from generate_series(1, 2) "
    "g;"
    "insert into person select 10 + g, g, 1, 'P' || g from generate_series(1, 7) g;"
    "insert into event (position, received_at, id, type, unit, class, schema_version, source,"
    " content_hash, payload) select 20 + g, ('2025-0' || 2 + g || "
    "'-05')::timestamptz, ('01900000-0000-7000-8000-00000000000' || g)::uuid, 20, 1, 1, 1, 't', "
    "'\\x00', '{\"served_body\": \"SCHOOL\", \"themes\": [\"PARTY\"]}' from generate_series(1, 2) "
    "g;"
    "insert into quota_version (position, start_at, activity, version, day, op, unit, net, mode,"
    " guidance, guided, themes_only) select 20 + g, ('2025-0' || 2 + g || '-04')::timestamptz,"
    " ('01900000-0000-7000-8000-00000000000' || g)::uuid, 1, ('2025-0' || 2 + g || '-04')::date, "
    "1, 1, 90, 1, 60, true, false from generate_series(1, 2) g;"
    "insert into validation (position, received_at, start_at, activity, day, version, unit, op,"
    " verdict, state, short, audience) select q.position, e.received_at, q.start_at, q.activity, "
    "q.day, 1, 1, 1, 1, 4, '{}', 40 from quota_version q join event e on e.position = q.position;"
    "insert into quota_team select 20 + g, 1, ('2025-0' || 2 + g || '-04')::date from "
    "generate_series(1, 2) g union all select 22, 2, '2025-04-04';"
    "insert into quota_participation select 20 + g, p, 1, ('2025-0' || 2 + g || '-04')::date, 90,"
    " 90, 1, true from generate_series(1, 2) g, generate_series(1, 6) p union all select 22, 7, 2,"
    " '2025-04-04', 90, 90, 1, true;"
    "insert into ledger_entry (position, activity, subject, day, minutes, team, subject_kind, year,"
    " kind, sessions) select 30, q.activity, p.person, q.day, 90, p.team, 2, 2025, 'CREDIT', 0 from"
    " quota_version q join quota_participation p on p.position = q.position;"
    "insert into quota_total (changed, subject, minutes, sessions, member_minutes, duty, policy,"
    " policy_version, subject_kind, year) values (30, 1, 0, 2, 1080, 4, 1, 1, 1, 2025),"
    " (30, 1, 180, 0, 0, 360, 1, 1, 2, 2025);"
    "insert into settled values (30, 3)";

static struct ctl_run report(const char *what)
{
    char line[600];
    (void)snprintf(line, sizeof line, "report %s --dsn 'host=%s user=liangjin_audit dbname=q'",
                   what, lj_pgtest_dir(pg));
    return ctl_run(line);
}

static json_t *json_of(const char *what)
{
    char line[300];
    (void)snprintf(line, sizeof line, "%s --output json", what);
    struct ctl_run r = report(line);
    if (r.code != LJ_EXIT_OK)
        fail_msg("%s: exit %d: %s", what, r.code, r.err);
    json_t *all = json_loads(r.out, 0, NULL);
    assert_non_null(all);
    ctl_run_free(&r);
    return all;
}

/* rows[i] has the members of `want`. */
static void row_is(const json_t *all, size_t i, const char *want)
{
    json_t *row = json_loads(want, 0, NULL);
    const char *name;
    json_t *value;
    assert_non_null(row);
    json_object_foreach(row, name, value)
    {
        json_t *have = json_object_get(json_array_get(json_object_get(all, "rows"), i), name);
        if (!json_equal(have, value))
            fail_msg("row %zu, %s: %s", i, name,
                     have ? json_dumps(have, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : "absent");
    }
    json_decref(row);
}

static void figures_by_unit_and_what_they_are_of(void **state)
{
    (void)state;
    json_t *all = json_of("activities --by unit --year 2025");
    json_t *head = json_object_get(all, "head");
    assert_string_equal(json_string_value(json_object_get(head, "complete_through")), "30");
    assert_string_equal(json_string_value(json_object_get(head, "policy")),
                        "NATION v1 (S; assumed)");
    assert_non_null(json_object_get(head, "as_of"));
    assert_int_equal(json_array_size(json_object_get(all, "rows")), 3);
    row_is(all, 0,
           "{\"name\":\"合计\",\"activities\":2,\"athletes\":7,\"person_times\":13,"
           "\"minutes\":1170,\"served_onsite\":80,\"timely_percent\":\"*\"}");
    row_is(all, 1,
           "{\"code\":\"PS001\",\"name\":\"甲省体育局\",\"activities\":2,\"athletes\":\"*\","
           "\"served_onsite\":80}");
    row_is(all, 2, "{\"code\":\"PS002\",\"activities\":1,\"athletes\":\"*\",\"minutes\":\"*\"}");
    json_decref(all);
    all = json_of("activities --by theme,month --unit PS001");
    row_is(all, 0, "{\"activities\":2,\"athletes\":6,\"minutes\":1080}");
    row_is(all, 1, "{\"code\":\"PARTY\",\"name\":\"党建\",\"code2\":\"2025-03\",\"athletes\":6}");
    json_decref(all);
    all = json_of("activities --month 2025-04 --unit PS002 --team T2");
    row_is(all, 0, "{\"activities\":1,\"athletes\":\"*\",\"minutes\":\"*\"}");
    json_decref(all);
}

static void every_report_answers(void **state)
{
    (void)state;
    static const char *const asked[] = {"intake --by unit",
                                        "intake --by month --year 2025",
                                        "quota --by team --year 2025",
                                        "quota",
                                        "exemptions",
                                        "exemptions --quarter 2025-Q1",
                                        "flags --by code",
                                        "flags --by unit",
                                        "opinion --by month",
                                        "mail --by unit",
                                        "commendation --year 2025",
                                        "activities --by region",
                                        "activities --by group",
                                        "activities --by site_kind,body",
                                        "activities --by sport,level",
                                        "activities --by anchor",
                                        "activities --by mode,quarter",
                                        "activities --by province,unit"};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        json_t *all = json_of(asked[i]);
        json_decref(all);
    }
    json_t *all = json_of("commendation --year 2025 --unit PS001");
    row_is(all, 0,
           "{\"subject\":\"TEAM\",\"code\":\"PS001/T1\",\"sessions\":2,\"activities\":2,"
           "\"met\":\"否\",\"joint\":1,\"policy\":\"1/1\"}");
    row_is(all, 1, "{\"subject\":\"PERSON\",\"code\":\"PS001/P1\",\"name\":null,\"activities\":2}");
    json_decref(all);
}

static void refused(const char *what, int code, const char *text)
{
    struct ctl_run r = report(what);
    if (r.code != code || !strstr(r.err, text))
        fail_msg("%s: exit %d: %s", what, r.code, r.err);
    ctl_run_free(&r);
}

static void what_cannot_be_answered_is_refused(void **state)
{
    (void)state;
    refused("nonsense", LJ_EXIT_USAGE, "activities, intake");
    refused("activities --by colour", LJ_EXIT_USAGE, "province");
    refused("activities --year 2025 --month 2025-01", LJ_EXIT_USAGE, "only one of");
    refused("activities --unit PS999", LJ_EXIT_REFUSED, "no unit PS999");
    refused("activities --unit PS002 --team T1", LJ_EXIT_REFUSED, "team T1");
    refused("activities --team T1", LJ_EXIT_USAGE, "--unit");
    refused("quota --rank minutes", LJ_EXIT_USAGE, "ranked");
    refused("commendation --month 2025-01", LJ_EXIT_USAGE, "whole year");
    refused("activities --format xlsx", LJ_EXIT_USAGE, "--out");
    refused("activities --by unit --rank minutes", LJ_EXIT_REFUSED, "not ranked");
    assert_int_equal(
        lj_pgtest_sql(pg, "q", "update liangjin.stat_setting set value = 'on' where name = 'rank'"),
        0);
    json_t *all = json_of("activities --by month --rank minutes");
    row_is(all, 1, "{\"code\":\"2025-04\",\"minutes\":630}");
    json_decref(all);
    assert_int_equal(
        lj_pgtest_sql(pg, "q",
                      "update liangjin.stat_setting set value = 'off' where name = 'rank'"),
        0);
}

static void a_file_is_written(void **state)
{
    (void)state;
    char path[] = "/tmp/lj_report.XXXXXX";
    char line[200], text[4096];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)snprintf(line, sizeof line, "activities --by unit --format csv -o %s", path);
    struct ctl_run r = report(line);
    assert_int_equal(r.code, LJ_EXIT_OK);
    assert_string_equal(r.out, "");
    ctl_run_free(&r);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    assert_memory_equal(text, "\xEF\xBB\xBF报表,活动统计\r\n", 3 + strlen("报表,活动统计\r\n"));
    assert_non_null(strstr(text, "\r\nPS002,'=乙省体育局,,,1,0,*,*,*,"));
    (void)snprintf(line, sizeof line, "quota --year 2025 --format xlsx --out %s", path);
    r = report(line);
    assert_int_equal(r.code, LJ_EXIT_OK);
    ctl_run_free(&r);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, 2, f), 2);
    assert_memory_equal(text, "PK", 2);
    (void)fclose(f);
    (void)unlink(path);
}

static void verify_finds_what_is_off(void **state)
{
    (void)state;
    struct ctl_run r = report("verify");
    assert_int_equal(r.code, LJ_EXIT_OK);
    assert_non_null(strstr(r.err, "agree"));
    ctl_run_free(&r);
    assert_int_equal(lj_pgtest_sql(pg, "q",
                                   "update liangjin.stat_sum set minutes = minutes + 1 where dim = "
                                   "0 and national"),
                     0);
    r = report("verify");
    assert_int_equal(r.code, LJ_EXIT_FAILED);
    assert_non_null(strstr(r.out, "sum"));
    ctl_run_free(&r);
    assert_int_equal(lj_pgtest_sql(pg, "q", "select liangjin.stat_reset()"), 0);
    r = report("verify");
    assert_int_equal(r.code, LJ_EXIT_OK);
    ctl_run_free(&r);
}

static int setup(void **state)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    (void)state;
    pg = lj_pgtest_start();
    if (!pg || lj_pgtest_createdb(pg, "q", NULL))
        return -1;
    int rc = lj_dbs_open(lj_pgtest_dsn(pg, "q"), "test", &c, &err);
    rc = rc ? rc : lj_migrate(c, 0, NULL, NULL, NULL, &err);
    PQfinish(c);
    if (rc)
        print_error("%s\n", err.text);
    return rc ? -1 : lj_pgtest_sql(pg, "q", world);
}

static int teardown(void **state)
{
    (void)state;
    lj_pgtest_free(&pg);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_by_unit_and_what_they_are_of),
        cmocka_unit_test(every_report_answers),
        cmocka_unit_test(what_cannot_be_answered_is_refused),
        cmocka_unit_test(a_file_is_written),
        cmocka_unit_test(verify_finds_what_is_off),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
