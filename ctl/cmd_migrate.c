/* ljctl migrate: applies or (with --dry-run) lists what the database lacks. `ljctl up` runs the
 * same at every start; this command is for databases that stand elsewhere (--dsn) and for looking
 * first. Data: one row a file, in the order applied. */
#include "ctl/cmd.h"
#include "ctl/migrate.h"
#include "ctl/pg.h"

static const struct lj_col columns[] = {{"file", "FILE", LJ_COL_TEXT},
                                        {"what", "WHAT", LJ_COL_TEXT}};

static void add_row(const char *name, const char *why, void *arg)
{
    const char *values[] = {name, why};
    lj_rows_add(arg, values);
}

int lj_cmd_migrate(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct lj_migration_plan plan = {0};
    struct lj_rows *rows = NULL;
    PGconn *c = NULL;
    int rc = lj_pg_connect(ctl, "postgres", &c, &err);
    if (rc == 0)
        rc = lj_rows_open(ctl->out, ctl->format, columns, 2, NULL, &rows, &err);
    if (rc == 0)
        rc = lj_migrate(c, ctl->o.dry_run, add_row, rows, &plan, &err);
    PQfinish(c);
    int closed = lj_rows_close(&rows, rc ? NULL : &err);
    if (rc || closed)
        return lj_ctl_error(&err, NULL);
    lj_say("%s: %d migration(s), %d function file(s)%s", ctl->o.dry_run ? "to do" : "done",
           plan.migrations, plan.functions,
           plan.migrations + plan.functions ? "" : " (up to date)");
    return LJ_EXIT_OK;
}
