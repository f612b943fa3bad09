/* Reads of a worker: prepared statements with binary parameters and results, many in one round
 * trip. Blocking; one transaction a run. */
#ifndef LJ_WORKERS_RUNNER_FETCH_H
#define LJ_WORKERS_RUNNER_FETCH_H

#include "common/db.h"

struct lj_fetch;

/* A statement: static data, known by its address. It is prepared on the connection at its first
 * use. */
struct lj_statement {
    const char *name, *sql;
};

enum {
    LJ_FETCH_PARAMS_MAX = 4,
    LJ_FETCH_RUN_MAX = 12, /* statements of one run */
};

/* Takes one statement's result, which it only borrows. Returns 0 or an error, which ends the run.
 */
typedef int (*lj_fetch_take)(void *arg, const PGresult *res, struct lj_err *err);

/* errors: LJ_E_DB_SYSTEM, LJ_E_NOMEM */
LJ_MUST int lj_fetch_open(const char *dsn, const char *application_name, struct lj_fetch **ret,
                          struct lj_err *err);
void lj_fetch_close(struct lj_fetch **f);

struct lj_fetch_params {
    int count;
    const char *values[LJ_FETCH_PARAMS_MAX]; /* binary */
    int lengths[LJ_FETCH_PARAMS_MAX];
};

/* Queues a statement; params may be NULL and are copied. errors: LJ_E_DB_LOST, LJ_E_ARG (too many)
 */
LJ_MUST int lj_fetch_add(struct lj_fetch *f, const struct lj_statement *st,
                         const struct lj_fetch_params *params, lj_fetch_take take, void *arg,
                         struct lj_err *err);
/* Sends what is queued and takes the results in order. The first failure is returned; what stands
 * behind it is not taken. errors: LJ_E_DB_LOST, LJ_E_DB_SYSTEM, LJ_E_DB_DATA, and what a taker says
 */
LJ_MUST int lj_fetch_run(struct lj_fetch *f, struct lj_err *err);
/* Gives up what was added and not run: its results are read away, its takers are not called. */
void lj_fetch_forget(struct lj_fetch *f);

#endif
