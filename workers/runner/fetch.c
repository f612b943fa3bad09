/* Reads of a worker, many in one round trip.
 *
 * A worker waits for its reads with nothing else to do, so what costs is the number of round trips
 * and of plans. Statements are prepared once a connection, inside the run that first uses them, and
 * go out together in libpq's pipeline; a run is one implicit transaction.
 *
 * The socket is non-blocking while sending: a server that fills its own socket with the first
 * result while we still send the last parameters would otherwise wait for us, and we for it.
 *
 * Guarantees: after lj_fetch_run nothing is in flight, whatever it returned, or the connection is
 * useless and every call says so. A statement counts as prepared only when the server said so, so a
 * failed run does not poison the next one. What was added and not run, because something else
 * failed in between, must be forgotten: its takers' arguments may be gone.
 */
#include "workers/runner/fetch.h"

#include <poll.h>
#include <stdlib.h>

#include "common/db_error.h"

enum { STATEMENTS_MAX = 40, ITEMS_MAX = 2 * LJ_FETCH_RUN_MAX };

struct item {
    const struct lj_statement *statement;
    lj_fetch_take take; /* NULL: this is its preparation */
    void *arg;
};

struct lj_fetch {
    PGconn *pg;
    struct item items[ITEMS_MAX];
    size_t nitems;
    const struct lj_statement *prepared[STATEMENTS_MAX];
    size_t nprepared;
    int broken; /* statements are in flight, and no Sync behind them: nothing more can come of it */
};

int lj_fetch_open(const char *dsn, const char *application_name, struct lj_fetch **ret,
                  struct lj_err *err)
{
    struct lj_fetch *f = calloc(1, sizeof *f);
    if (!f)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a reader");
    int rc = lj_dbs_open(dsn, application_name, &f->pg, err);
    if (rc == 0 && (!PQenterPipelineMode(f->pg) || PQsetnonblocking(f->pg, 1) != 0))
        rc = lj_db_connection_error(f->pg, LJ_E_DB_SYSTEM, "no pipeline", err);
    if (rc < 0) {
        lj_fetch_close(&f);
        return rc;
    }
    *ret = f;
    return 0;
}

void lj_fetch_close(struct lj_fetch **fp)
{
    struct lj_fetch *f = *fp;
    if (!f)
        return;
    if (f->pg)
        PQfinish(f->pg);
    free(f);
    *fp = NULL;
}

static int lost(const struct lj_fetch *f, struct lj_err *err)
{
    return lj_db_connection_error(f->pg, LJ_E_DB_LOST, "the database connection was lost", err);
}

/* Prepared, or its preparation is queued. */
static int is_prepared(const struct lj_fetch *f, const struct lj_statement *st)
{
    for (size_t i = 0; i < f->nprepared; i++)
        if (f->prepared[i] == st)
            return 1;
    for (size_t i = 0; i < f->nitems; i++)
        if (f->items[i].statement == st)
            return 1;
    return 0;
}

static int prepare(struct lj_fetch *f, const struct lj_statement *st, struct lj_err *err)
{
    if (f->nprepared + f->nitems >= STATEMENTS_MAX)
        return lj_fail(err, LJ_E_ARG, "more than %d statements", STATEMENTS_MAX);
    if (!PQsendPrepare(f->pg, st->name, st->sql, 0, NULL))
        return lost(f, err);
    f->items[f->nitems++] = (struct item){.statement = st};
    return 0;
}

int lj_fetch_add(struct lj_fetch *f, const struct lj_statement *st,
                 const struct lj_fetch_params *params, lj_fetch_take take, void *arg,
                 struct lj_err *err)
{
    static const int binary[LJ_FETCH_PARAMS_MAX] = {1, 1, 1, 1};
    static const struct lj_fetch_params none = {0};
    const struct lj_fetch_params *p = params ? params : &none;
    if (f->broken)
        return lost(f, err);
    if (p->count > LJ_FETCH_PARAMS_MAX || f->nitems + 2 > ITEMS_MAX)
        return lj_fail(err, LJ_E_ARG, "more than %d statements in a run", LJ_FETCH_RUN_MAX);
    int rc = is_prepared(f, st) ? 0 : prepare(f, st, err);
    if (rc < 0)
        return rc;
    if (!PQsendQueryPrepared(f->pg, st->name, p->count, p->values, p->lengths, binary, 1))
        return lost(f, err);
    f->items[f->nitems++] = (struct item){.statement = st, .take = take, .arg = arg};
    return 0;
}

/* Sends all that libpq holds, reading meanwhile so that the server can go on. */
static int flush(struct lj_fetch *f, struct lj_err *err)
{
    for (;;) {
        int left = PQflush(f->pg);
        if (left == 0)
            return 0;
        struct pollfd p = {.fd = PQsocket(f->pg), .events = POLLIN | POLLOUT};
        if (left < 0 || (poll(&p, 1, -1) > 0 && (p.revents & POLLIN) && !PQconsumeInput(f->pg)))
            return lost(f, err);
    }
}

/* Takes one item's result. `failed`: an earlier one failed, so this one is only read away. */
static int take(struct lj_fetch *f, const struct item *it, int failed, struct lj_err *err)
{
    PGresult *res = PQgetResult(f->pg), *more;
    int rc = 0;
    if (!res)
        return failed ? LJ_E_DB_LOST : lost(f, err);
    ExecStatusType status = PQresultStatus(res);
    int good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (good && !it->take)
        f->prepared[f->nprepared++] = it->statement;
    if (!failed && good && it->take)
        rc = it->take(it->arg, res, err);
    else if (!failed && !good)
        rc = PQstatus(f->pg) == CONNECTION_OK ? lj_db_result_error(res, err) : lost(f, err);
    PQclear(res);
    while ((more = PQgetResult(f->pg)))
        PQclear(more);
    return rc;
}

int lj_fetch_run(struct lj_fetch *f, struct lj_err *err)
{
    if (f->nitems == 0)
        return 0;
    int rc = PQpipelineSync(f->pg) ? flush(f, err) : lost(f, err);
    if (rc < 0) { /* without a Sync the server answers nothing, and a wait for it would not end */
        f->nitems = 0;
        f->broken = 1;
        return rc;
    }
    for (size_t i = 0; i < f->nitems && PQstatus(f->pg) == CONNECTION_OK; i++) {
        int one = take(f, &f->items[i], rc < 0, err);
        rc = rc < 0 ? rc : one;
    }
    f->nitems = 0;
    PGresult *sync = PQstatus(f->pg) == CONNECTION_OK ? PQgetResult(f->pg) : NULL;
    if (!sync && rc == 0)
        rc = lost(f, err);
    PQclear(sync);
    return rc;
}

static int pass_over(void *arg, const PGresult *res, struct lj_err *err)
{
    (void)arg;
    (void)res;
    (void)err;
    return 0;
}

void lj_fetch_forget(struct lj_fetch *f)
{
    for (size_t i = 0; i < f->nitems; i++) {
        if (f->items[i].take)
            f->items[i].take = pass_over;
    }
    (void)!lj_fetch_run(f, NULL); /* a lost connection is found by the next run */
}
