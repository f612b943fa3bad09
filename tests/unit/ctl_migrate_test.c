/* lj_migrate on a real PostgreSQL: a new database, a second run, a changed function file, a changed
 * migration, a newer database, dry run. lj-test: lj_ctl lj_pgtest
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/migrate.h"
#include "tests/lib/pgtest.h"

static struct lj_pgtest *pg;
static struct lj_err err;

struct told {
    int files;
    char last[100];
};

static void on_file(const char *name, const char *why, void *arg)
{
    struct told *t = arg;
    (void)why;
    t->files++;
    (void)snprintf(t->last, sizeof t->last, "%s", name);
}

static int migrate(const char *db, int dry_run, struct told *told, struct lj_migration_plan *plan)
{
    PGconn *c = NULL;
    memset(&err, 0, sizeof err);
    memset(told, 0, sizeof *told);
    memset(plan, 0, sizeof *plan);
    assert_int_equal(lj_dbs_open(lj_pgtest_dsn(pg, db), "test", &c, &err), 0);
    int rc = lj_migrate(c, dry_run, on_file, told, plan, &err);
    PQfinish(c);
    return rc;
}

static void a_new_database_then_nothing_to_do(void **state)
{
    struct told told;
    struct lj_migration_plan plan;
    (void)state;
    assert_int_equal(migrate("m1", 1, &told, &plan), 0);
    int would = told.files;
    assert_true(plan.migrations >= 2 && plan.functions >= 3);
    assert_int_equal(
        lj_pgtest_int(pg, "m1", "select count(*) from pg_namespace where nspname = 'liangjin'"),
        0); /* dry means dry */
    if (migrate("m1", 0, &told, &plan) != 0)
        fail_msg("%s", err.text);
    assert_true(told.files >= would);
    assert_true(plan.types >= 20);
    assert_int_equal(lj_pgtest_int(pg, "m1", "select count(*) from liangjin.schema_migration"),
                     plan.migrations + plan.functions);
    assert_int_equal(lj_pgtest_int(pg, "m1", "select count(*) from liangjin.event_type"),
                     plan.types);
    assert_true(lj_pgtest_int(pg, "m1", "select count(*) from liangjin.want") > 0);
    assert_int_equal(
        lj_pgtest_int(
            pg, "m1",
            "select count(*) from pg_class c join pg_roles r on r.oid = c.relowner"
            " where relnamespace = 'liangjin'::regnamespace and rolname <> 'liangjin_owner'"),
        0);
    assert_int_equal(migrate("m1", 0, &told, &plan), 0);
    assert_int_equal(plan.migrations + plan.functions, 0);
}

static void a_changed_function_file_is_applied_again(void **state)
{
    struct told told;
    struct lj_migration_plan plan;
    (void)state;
    assert_int_equal(lj_pgtest_sql(pg, "m1",
                                   "update liangjin.schema_migration set checksum = 'old' where "
                                   "name = 'functions/control.sql'"),
                     0);
    assert_int_equal(migrate("m1", 0, &told, &plan), 0);
    assert_int_equal(plan.functions, 1);
    assert_int_equal(
        lj_pgtest_int(pg, "m1",
                      "select count(*) from liangjin.schema_migration where checksum = 'old'"),
        0);
}

static void a_changed_migration_is_an_error(void **state)
{
    struct told told;
    struct lj_migration_plan plan;
    (void)state;
    assert_int_equal(
        lj_pgtest_sql(
            pg, "m1",
            "update liangjin.schema_migration set checksum = 'f00d' where name = '0001_core.sql'"),
        0);
    assert_int_equal(migrate("m1", 0, &told, &plan), LJ_E_STATE);
    assert_non_null(strstr(err.text, "0001_core.sql"));
    assert_int_equal(told.files, 0);
}

static void a_newer_database_is_an_error(void **state)
{
    struct told told;
    struct lj_migration_plan plan;
    (void)state;
    assert_int_equal(lj_pgtest_createdb(pg, "m2", NULL), 0);
    assert_int_equal(migrate("m2", 0, &told, &plan), 0);
    assert_int_equal(lj_pgtest_sql(pg, "m2",
                                   "insert into liangjin.schema_migration (name, checksum) values "
                                   "('9999_future.sql', '00')"),
                     0);
    assert_int_equal(migrate("m2", 0, &told, &plan), LJ_E_STATE);
    assert_non_null(strstr(err.text, "9999_future.sql"));
    (void)state;
}

/* A file that fails half-way leaves nothing: here 0001 meets a table of the name that it makes. */
static void a_failing_migration_leaves_nothing(void **state)
{
    struct told told;
    struct lj_migration_plan plan;
    (void)state;
    assert_int_equal(lj_pgtest_createdb(pg, "m3", NULL), 0);
    assert_int_equal(
        lj_pgtest_sql(pg, "m3", "create schema liangjin; create table liangjin.token (x int)"), 0);
    assert_true(migrate("m3", 0, &told, &plan) < 0);
    assert_non_null(strstr(err.text, "0001_core.sql"));
    assert_int_equal(lj_pgtest_int(pg, "m3",
                                   "select count(*) from pg_class where relnamespace = "
                                   "'liangjin'::regnamespace and relkind = 'r'"),
                     1);
    assert_int_equal(
        lj_pgtest_int(pg, "m3", "select count(*) from pg_locks where locktype = 'advisory'"), 0);
}

/* A kind that the table of types names and the database has not: its events would be lost to it. */
static void a_missing_kind_is_an_error(void **state)
{
    struct told told;
    struct lj_migration_plan plan;
    (void)state;
    assert_int_equal(lj_pgtest_createdb(pg, "m4", NULL), 0);
    assert_int_equal(migrate("m4", 0, &told, &plan), 0);
    assert_int_equal(lj_pgtest_sql(pg, "m4",
                                   "delete from liangjin.want where kind = 5; delete from "
                                   "liangjin.kind where number = 5"),
                     0);
    assert_int_equal(migrate("m4", 0, &told, &plan), LJ_E_CONFIG);
    assert_non_null(strstr(err.text, "opinion"));
}

static int start(void **state)
{
    (void)state;
    pg = lj_pgtest_start();
    return pg ? lj_pgtest_createdb(pg, "m1", NULL) : -1;
}

static int stop(void **state)
{
    (void)state;
    lj_pgtest_free(&pg);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_database_then_nothing_to_do),
        cmocka_unit_test(a_changed_function_file_is_applied_again),
        cmocka_unit_test(a_changed_migration_is_an_error),
        cmocka_unit_test(a_newer_database_is_an_error),
        cmocka_unit_test(a_failing_migration_leaves_nothing),
        cmocka_unit_test(a_missing_kind_is_an_error),
    };
    return cmocka_run_group_tests_name("ctl_migrate", tests, start, stop);
}
