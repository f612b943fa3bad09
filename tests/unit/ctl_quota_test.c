/* ljctl quota show and coverage on a real PostgreSQL, in the role that operators have: what is
 * carried, what is short, the pacing at the log's last day, and the rates of those who owe.
 * lj-test: lj_ctl lj_pgtest
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "ctl/migrate.h"
#include "tests/lib/pgtest.h"
#include "tests/unit/ctl_run.h"

static struct lj_pgtest *pg;

/* 2025: team T1 has 2 of 4 sessions; P1 has met 360 minutes, P2 has none. 2026 has 30 carried by P1
 * and a deficit of P2. The log's last day is 31 March 2026, of which 15 of 100 are due. */
static const char world[] =
    "set search_path = liangjin;"
    "insert into unit values (1, 1, 'PS001');"
    "insert into unit_version (position, number, parent, name, kind, state)"
    " values (1, 1, 0, '甲省体育局', 'PROVINCE', 'ACTIVE');"
    "insert into policy values (2, 1, null, null, 'NATION');"
    "insert into policy_version select 2, '2022-01-01', null, 1, 1, 4, 360, 240, 480, 120, 15, 1, "
    "14,"
    " 480, 'YEAR', 0.6, 0.3, 0.05, 1, 1, 1, 0, '{FORMAL}', '{FORMAL,TRIAL}', '{}', '{}',"
    " '{3,2,10,10,12,14,5,8,10,12,8,6}', '{0.1,0.25,0.4}', '10-01', 'NONE', 's', 'c', 'a', 'b';"
    "insert into team values (3, 1, 1, 'T1');"
    "insert into team_version (position, number, name, level, sport, gender, state)"
    " values (3, 1, '队', 'PROVINCIAL', 'JUDO', 'F', 'ACTIVE');"
    "insert into person select 3 + g, g, 1, 'P' || g from generate_series(1, 2) g;"
    "insert into membership select 3 + g, g, g, 1 from generate_series(1, 2) g;"
    "insert into membership_version (position, number, valid_from, role, status)"
    " select 3 + g, g, '2024-01-01', 'ATHLETE', 'FORMAL' from generate_series(1, 2) g;"
    "insert into quota_total (changed, subject, minutes, sessions, member_minutes, duty, policy,"
    " policy_version, subject_kind, year, carried, deficit) values"
    " (9, 1, 0, 2, 390, 4, 1, 1, 1, 2025, 0, 0), (9, 1, 390, 0, 0, 360, 1, 1, 2, 2025, 0, 0),"
    " (9, 2, 0, 0, 0, 360, 1, 1, 2, 2025, 0, 0), (9, 1, 30, 0, 0, 360, 1, 1, 2, 2026, 30, 0),"
    " (9, 2, 0, 0, 0, 360, 1, 1, 2, 2026, 0, 360);"
    "insert into ledger_entry (position, activity, subject, day, minutes, team, subject_kind, year,"
    " kind, sessions) values (9, '00000000-0000-0000-0000-000000000000', 1, '2026-01-01', 30, 0, 2,"
    " 2026, 'CARRY', 0);"
    "insert into quota_year values (1, 8, 2025), (8, null, 2026);"
    "insert into calendar_day values (9, '2026-03-31');"
    "insert into settled values (9, 3)";

static json_t *rows_of(const char *command)
{
    char line[600];
    (void)snprintf(line, sizeof line,
                   "%s --output json --dsn 'host=%s user=liangjin_audit dbname=q'", command,
                   lj_pgtest_dir(pg));
    struct ctl_run r = ctl_run(line);
    if (r.code != LJ_EXIT_OK)
        fail_msg("%s: exit %d: %s", line, r.code, r.err);
    json_t *rows = json_loads(r.out, 0, NULL);
    assert_non_null(rows);
    ctl_run_free(&r);
    return rows;
}

static void row_is(const json_t *rows, size_t i, const char *want)
{
    json_t *row = json_loads(want, 0, NULL);
    const char *name;
    json_t *value;
    assert_non_null(row);
    json_object_foreach(row, name, value)
    {
        json_t *have = json_object_get(json_array_get(rows, i), name);
        if (!json_equal(have, value))
            fail_msg("row %zu, %s: %s", i, name,
                     have ? json_dumps(have, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : "absent");
    }
    json_decref(row);
}

static void show_tells_carry_deficit_and_pacing(void **state)
{
    (void)state;
    json_t *rows = rows_of("quota show --year 2026");
    assert_int_equal(json_array_size(rows), 2);
    row_is(rows, 0,
           "{\"code\":\"P1\",\"minutes\":30,\"carried\":30,\"duty\":360,\"deficit\":0,"
           "\"expected\":0.15,\"level\":\"OK\",\"duty_met\":false}");
    row_is(rows, 1, "{\"code\":\"P2\",\"carried\":0,\"deficit\":360,\"level\":\"WATCH\"}");
    json_decref(rows);
    rows = rows_of("quota show --year 2025 --team T1");
    assert_int_equal(json_array_size(rows), 1);
    row_is(rows, 0,
           "{\"subject\":\"TEAM\",\"sessions\":2,\"duty\":4,\"expected\":1.0,\"level\":"
           "\"CRITICAL\"}");
    json_decref(rows);
}

static void coverage_tells_rates_and_what_is_short(void **state)
{
    (void)state;
    json_t *rows = rows_of("quota coverage --year 2025");
    assert_int_equal(json_array_size(rows), 2);
    row_is(rows, 0,
           "{\"scope\":\"NATION\",\"state\":\"CLOSED\",\"athletes_owing\":2,\"athletes_met\":1,"
           "\"athlete_rate\":0.5,\"participation_rate\":0.5,\"minutes_short\":360,"
           "\"teams_owing\":1,\"teams_met\":0,\"team_rate\":0.0,\"sessions_short\":2}");
    row_is(rows, 1, "{\"scope\":\"UNIT\",\"unit\":\"PS001\",\"athletes_owing\":2}");
    json_decref(rows);
    rows = rows_of("quota coverage --year 2026 --unit PS001");
    assert_int_equal(json_array_size(rows), 2);
    row_is(rows, 1,
           "{\"scope\":\"TEAM\",\"team\":\"T1\",\"state\":\"OPEN\",\"athletes_met\":0,"
           "\"participation_rate\":0.5,\"team_rate\":null}");
    json_decref(rows);
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
        cmocka_unit_test(show_tells_carry_deficit_and_pacing),
        cmocka_unit_test(coverage_tells_rates_and_what_is_short),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
