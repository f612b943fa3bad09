/* Runs the pgTAP tests (db/test/run) on a throw-away cluster: one test here, its details on stdout.
 *
 * lj-test: lj_testlib */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/pgtest.h"

static void test_pgtap(void **state)
{
    const char *source = getenv("LJ_SOURCE_DIR");
    char command[600];
    (void)state;
    assert_non_null(source);
    struct lj_pgtest *pg = lj_pgtest_start();
    assert_non_null(pg);
    snprintf(command, sizeof(command), "%s/db/test/run 'host=%s user=postgres'", source,
             lj_pgtest_dir(pg));
    int status = system(command);
    lj_pgtest_free(&pg);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pgtap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
