/* Fencing between two connections: what a single pgTAP session cannot show. A taker waits for the
 * owner's open transaction; an owner who waits for a taker sees the raised epoch when it goes on.
 *
 * lj-test: lj_testlib PkgConfig::PQ */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/db.h"
#include "tests/lib/pgtest.h"

static struct lj_pgtest *pg;

static PGconn *session(void)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    if (lj_dbs_open(lj_pgtest_dsn(pg, "fence"), "fence_test", &c, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return c;
}

/* The first column of the first row, or the SQLSTATE of the failure; "" when there is neither. */
static const char *answer(PGresult *r)
{
    static char ret[40];
    bool rows = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) > 0;
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    snprintf(ret, sizeof(ret), "%s", rows ? PQgetvalue(r, 0, 0) : state != NULL ? state : "");
    PQclear(r);
    return ret;
}

static const char *ask(PGconn *c, const char *sql)
{
    return answer(PQexec(c, sql));
}

/* Sends and waits until the server reports that it waits for an advisory lock (deadline 10 s). */
static void send_and_block(PGconn *c, PGconn *observer, const char *sql)
{
    assert_int_equal(PQsendQuery(c, sql), 1);
    for (int i = 0; i < 1000; i++) {
        if (strcmp(ask(observer,
                       "select count(*) from pg_locks where locktype = 'advisory' and not granted"),
                   "1") == 0) {
            return;
        }
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    fail_msg("\"%s\" did not wait for the lock", sql);
}

static const char *finish(PGconn *c)
{
    const char *ret = answer(PQgetResult(c));
    PGresult *end = PQgetResult(c);
    assert_null(end);
    return ret;
}

static void test_taker_waits_for_the_owner(void **state)
{
    PGconn *a = session();
    PGconn *b = session();
    PGconn *o = session();
    (void)state;
    assert_string_equal(ask(a, "select liangjin.take_over(0::int2, 'a')"), "1");
    ask(a, "begin");
    assert_string_equal(ask(a, "select liangjin.fence(0::int2, 1)"), "");
    send_and_block(b, o, "select liangjin.take_over(0::int2, 'b')");
    ask(a, "commit");
    assert_string_equal(finish(b), "2");
    assert_string_equal(ask(a, "select liangjin.fence(0::int2, 1)"), "LJ001");
    PQfinish(a);
    PQfinish(b);
    PQfinish(o);
}

static void test_owner_that_waited_is_fenced(void **state)
{
    PGconn *a = session();
    PGconn *b = session();
    PGconn *o = session();
    (void)state;
    ask(b, "begin");
    assert_string_equal(ask(b, "select liangjin.take_over(0::int2, 'c')"), "3");
    ask(a, "begin");
    send_and_block(a, o, "select liangjin.fence(0::int2, 2)");
    ask(b, "commit");
    assert_string_equal(finish(a), "LJ001");
    ask(a, "rollback");
    ask(a, "begin isolation level repeatable read");
    assert_string_equal(ask(a, "select liangjin.fence(0::int2, 3)"),
                        "LJ001"); /* a snapshot that would not see a raised epoch */
    PQfinish(a);
    PQfinish(b);
    PQfinish(o);
}

static int setup(void **state)
{
    char command[600];
    (void)state;
    pg = lj_pgtest_start();
    if (pg == NULL || getenv("LJ_SOURCE_DIR") == NULL) {
        return -1;
    }
    snprintf(command, sizeof(command),
             "%s/tests/lib/dbsetup.sh 'host=%s user=postgres' fence 2>/dev/null",
             getenv("LJ_SOURCE_DIR"), lj_pgtest_dir(pg));
    return system(command) == 0 ? 0 : -1;
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
        cmocka_unit_test(test_taker_waits_for_the_owner),
        cmocka_unit_test(test_owner_that_waited_is_fenced),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
