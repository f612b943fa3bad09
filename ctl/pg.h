/* ljctl's way to PostgreSQL: which connection a sub-command takes, scripts, and results as rows. */
#ifndef LJ_CTL_PG_H
#define LJ_CTL_PG_H

#include "common/db.h"
#include "ctl/layout.h"
#include "ctl/out.h"

/* Connect as `role` to the database of --dir (or to --dsn as it is).
 * errors: LJ_E_CLOSED where nothing listens, LJ_E_FORBIDDEN where this operating system user may
 * not be that role, else as lj_dbs_open */
LJ_MUST int lj_pg_connect(const struct lj_ctl *ctl, const char *role, PGconn **ret,
                          struct lj_err *err);
/* The same for a run folder that is known already. */
LJ_MUST int lj_pg_connect_run(const char *run_dir, const char *database, const char *role,
                              PGconn **ret, struct lj_err *err);

/* Run a text of any number of statements; an error names `what` and the line. */
LJ_MUST int lj_pg_script(PGconn *c, const char *what, const char *text, struct lj_err *err);
/* The same where an error has already been reported and this only tidies up behind it (rollback,
 * unlock). */
void lj_pg_tidy(PGconn *c, const char *text);

/* A query and how its rows are shown: column i of the result goes to cols[i]. All borrowed. */
struct lj_pg_list {
    const char *sql;
    const char *const *params;
    int nparams;
    const struct lj_col *cols;
    size_t ncols;
};

/* Run it and print the rows. *ret_rows (may be NULL) = how many. */
LJ_MUST int lj_pg_print(const struct lj_ctl *ctl, PGconn *c, const struct lj_pg_list *list,
                        int *ret_rows, struct lj_err *err);

#endif
