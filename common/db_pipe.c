/* A pipelined PostgreSQL connection on a libuv loop.
 *
 * A batch of statements and its Sync travel in one direction while the answers of earlier batches
 * come back; a batch is one transaction. What libpq leaves to its user is held by these rules:
 *
 *  1. Connect with PQconnectdb in uv_queue_work (libpq reopens its socket under the same fd number
 *     while connecting, DNS blocks); with connect_timeout, application_name, target_session_attrs,
 *     keepalives. From the second callback on only the loop touches it.
 *  2. PQsetnonblocking, PQenterPipelineMode, only then uv_poll_init; READY after `setup` has run.
 *  3. Interest: always READABLE; WRITABLE only while PQflush returns 1.
 *  4. Readable: PQconsumeInput once, then results while !PQisBusy. NULLs mean little: results are
 *     matched to a FIFO of operations.
 *  5. One sync a batch; a failure aborts the batch up to its sync. PQgetResult only after
 *     !PQisBusy. No TLS on this link: decrypted bytes can hide from the fd, so such a connection is
 *     refused instead of hanging some day.
 *  6. When to commit is the owner's matter: while a batch is in flight, new rows gather into the
 *     next. No timer here.
 *  7. On any connection error each operation of the FIFO gets LJ_E_DB_LOST, then the state LOST
 *     comes once. A FATAL answer counts as that: a backend ended between its commit and its answer
 *     leaves the outcome unknown, and "failed" would be a lie.
 *  8. Reads and LISTEN belong on a second connection.
 *  9. Close: stop the poll, uv_close, PQfinish in the close callback.
 *
 * libpq may close its socket inside any send (a failed write reads, finds EOF, drops): after each
 * send the status is looked at, the watcher is stopped at once (its fd is gone), and the loss is
 * told from a timer, so no callback runs before a function here has returned.
 */
#include "common/db.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_error.h"

enum { PARAMS_MAX = 64, FIFO_FIRST = 64, SETUP_MAX = 64 };

/* One submitted operation: a statement (result_cb) or the sync of a batch (is_sync). */
struct op {
    lj_db_result_cb result_cb;
    lj_db_sync_cb sync_cb;
    void *arg;
    int is_sync;
};

struct lj_db {
    uv_work_t work;   /* the connect */
    uv_poll_t poll;   /* valid when polled */
    uv_timer_t later; /* tells a loss found inside a send */
    PGconn *conn;
    char *dsn, *application_name;
    char *setup[SETUP_MAX + 1];
    lj_db_state_cb state_cb;
    void *state_arg;
    void (*close_cb)(void *arg);
    void *close_arg;
    enum lj_db_state state;
    int connecting;    /* the work request is out */
    int polled;        /* poll is initialised */
    int live;          /* pipeline in use: from the connect to LOST or close */
    int interest;      /* events the poll has now */
    int awaiting_null; /* a result was taken, its terminating NULL not yet */
    int handles;       /* not yet closed */
    struct lj_err batch_err;
    struct op *ops; /* ring of cap (a power of two) */
    size_t first, count, cap;
};

/* ---- the FIFO ---- */

static int fifo_reserve(struct lj_db *db, struct lj_err *err)
{
    if (db->count < db->cap)
        return 0;
    size_t cap = db->cap ? db->cap * 2 : FIFO_FIRST;
    struct op *ops = calloc(cap, sizeof *ops);
    if (!ops)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu database operations in flight", cap);
    for (size_t i = 0; i < db->count; i++)
        ops[i] = db->ops[(db->first + i) & (db->cap - 1)];
    free(db->ops);
    db->ops = ops;
    db->cap = cap;
    db->first = 0;
    return 0;
}

static void fifo_push(struct lj_db *db, struct op op)
{
    db->ops[(db->first + db->count) & (db->cap - 1)] = op;
    db->count++;
}

static struct op fifo_pop(struct lj_db *db)
{
    struct op op = db->ops[db->first];
    db->first = (db->first + 1) & (db->cap - 1);
    db->count--;
    return op;
}

/* Every operation in flight hears that its outcome is unknown. A callback may close the db, which
 * comes here again: each pop is one call. */
static void fifo_fail(struct lj_db *db)
{
    struct lj_err lost = {0};
    (void)lj_fail(&lost, LJ_E_DB_LOST, "the database connection was lost, the outcome is unknown");
    while (db->count > 0) {
        struct op op = fifo_pop(db);
        db->batch_err = lost;
        if (op.is_sync && op.sync_cb)
            op.sync_cb(db, LJ_E_DB_LOST, op.arg);
        else if (!op.is_sync && op.result_cb)
            op.result_cb(db, NULL, &lost, op.arg);
    }
}

/* ---- loss ---- */

static void stop_watching(struct lj_db *db)
{
    if (db->polled && !uv_is_closing((uv_handle_t *)&db->poll))
        (void)uv_poll_stop(&db->poll);
    db->interest = 0;
}

static void lose(struct lj_db *db, const struct lj_err *err)
{
    if (db->state != LJ_DB_CONNECTING && db->state != LJ_DB_READY)
        return;
    struct lj_err why = *err; /* err may be db's own, which fifo_fail overwrites */
    db->live = 0;
    db->state = LJ_DB_LOST;
    stop_watching(db);
    (void)uv_timer_stop(&db->later);
    fifo_fail(db);
    if (db->state == LJ_DB_LOST)
        db->state_cb(db, LJ_DB_LOST, &why, db->state_arg);
}

static void lose_connection(struct lj_db *db)
{
    struct lj_err err = {0};
    (void)lj_db_connection_error(db->conn, LJ_E_DB_LOST, "the database connection was lost", &err);
    lose(db, &err);
}

static void on_later(uv_timer_t *timer);
static void on_poll(uv_poll_t *poll, int status, int events);

/* The connection broke inside a send: libpq may have closed the fd already, so it is not watched
 * for one moment more. */
static void lose_later(struct lj_db *db)
{
    stop_watching(db);
    (void)uv_timer_start(&db->later, on_later, 0, 0);
}

/* Flush, and set the interest accordingly. */
static void flush(struct lj_db *db)
{
    int rc = PQflush(db->conn);
    if (rc < 0 || PQstatus(db->conn) != CONNECTION_OK) {
        lose_later(db);
        return;
    }
    int want = UV_READABLE | (rc > 0 ? UV_WRITABLE : 0);
    if (want == db->interest)
        return;
    if (uv_poll_start(&db->poll, want, on_poll) != 0) {
        lose_later(db);
        return;
    }
    db->interest = want;
}

/* ---- results ---- */

/* 1 when a failed result means that the connection is going: FATAL and PANIC, or an error libpq
 * made itself. */
static int is_loss(const PGresult *res)
{
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    return !severity || strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

static void note_batch_error(struct lj_db *db, const struct lj_err *err)
{
    if (!db->batch_err.code)
        db->batch_err = *err;
}

static void deliver(struct lj_db *db, const PGresult *res, const struct lj_err *err)
{
    struct op op = fifo_pop(db);
    db->awaiting_null = 1;
    if (op.result_cb)
        op.result_cb(db, res, err, op.arg);
}

static void deliver_error(struct lj_db *db, const PGresult *res)
{
    struct lj_err err = {0};
    (void)lj_db_result_error(res, &err);
    if (is_loss(res)) {
        err.code = LJ_E_DB_LOST;
        lose(db, &err);
        return;
    }
    note_batch_error(db, &err);
    if (db->ops[db->first].is_sync)
        db->awaiting_null = 1; /* the commit itself failed (a deferred constraint): the Sync's own
                                  answer is still to come */
    else
        deliver(db, res, &err);
}

static void deliver_sync(struct lj_db *db)
{
    struct op op = fifo_pop(db);
    if (op.sync_cb)
        op.sync_cb(db, db->batch_err.code, op.arg);
    memset(&db->batch_err, 0, sizeof db->batch_err);
}

/* What is out of step with the FIFO cannot be matched any more: the only safe answer is "unknown"
 * for all. */
static void out_of_step(struct lj_db *db, const char *what)
{
    struct lj_err err = {0};
    (void)lj_fail(&err, LJ_E_DB_LOST, "the database connection is out of step: %s", what);
    lose(db, &err);
}

static void take(struct lj_db *db, const PGresult *res)
{
    struct lj_err err = {0};
    ExecStatusType status = PQresultStatus(res);
    int head_is_sync = db->count > 0 && db->ops[db->first].is_sync;
    int fits = head_is_sync ? status == PGRES_PIPELINE_SYNC || status == PGRES_FATAL_ERROR
                            : status != PGRES_PIPELINE_SYNC;
    if (db->count == 0 || !fits) {
        out_of_step(db, PQresStatus(status));
        return;
    }
    switch (status) {
    case PGRES_PIPELINE_SYNC:
        deliver_sync(db);
        break;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        deliver(db, res, NULL);
        break;
    case PGRES_PIPELINE_ABORTED:
        (void)lj_fail(&err, LJ_E_STATE, "not run: an earlier statement of the batch failed");
        note_batch_error(db, &err);
        deliver(db, NULL, &err);
        break;
    case PGRES_FATAL_ERROR:
        deliver_error(db, res);
        break;
    default: /* COPY: refused in a pipeline */
        out_of_step(db, PQresStatus(status));
    }
}

static void take_results(struct lj_db *db)
{
    int nulls = 0;
    while (db->live && (db->count > 0 || db->awaiting_null) && !PQisBusy(db->conn)) {
        PGresult *res = PQgetResult(db->conn);
        if (res) {
            nulls = 0;
            take(db, res);
            PQclear(res);
        } else if (db->awaiting_null) {
            db->awaiting_null = 0;
        } else if (++nulls > 2) {
            out_of_step(db, "no answer where one is due");
        }
    }
}

static void on_later(uv_timer_t *timer)
{
    struct lj_db *db = timer->data;
    take_results(db); /* answers that came before the break are answers */
    if (db->live)
        lose_connection(db);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct lj_db *db = poll->data;
    int ok = status == 0;
    if (status != 0)
        db->interest =
            0; /* libuv has stopped the poll; what the socket still holds is read below */
    if (events & UV_READABLE || status != 0)
        ok = PQconsumeInput(db->conn) && ok;
    take_results(db); /* also after a failed read */
    if (!db->live)
        return;
    for (PGnotify *n = PQnotifies(db->conn); n; n = PQnotifies(db->conn))
        PQfreemem(n); /* not ours to hear (rule 8), but libpq would keep them for ever */
    if (!ok || PQstatus(db->conn) != CONNECTION_OK)
        lose_connection(db);
    else
        flush(db);
}

/* ---- submitting ---- */

static int ready(const struct lj_db *db, struct lj_err *err)
{
    if (db->state == LJ_DB_READY && PQstatus(db->conn) == CONNECTION_OK)
        return 0;
    return lj_fail(err, LJ_E_STATE, "the database connection is not ready");
}

/* After a PQsend of op: sent = 1 queues it, 0 is an error. */
static int submitted(struct lj_db *db, int sent, struct op op, struct lj_err *err)
{
    int broken = PQstatus(db->conn) != CONNECTION_OK;
    if (broken)
        lose_later(db);
    if (sent) {
        fifo_push(db, op);
        return 0;
    }
    return lj_db_connection_error(db->conn, broken ? LJ_E_DB_LOST : LJ_E_DB_SYSTEM,
                                  "cannot send to the database", err);
}

static int send_sync(struct lj_db *db, struct op op, struct lj_err *err)
{
    int rc = fifo_reserve(db, err);
    if (rc == 0)
        rc = submitted(db, PQpipelineSync(db->conn), op, err);
    if (rc == 0 && PQstatus(db->conn) == CONNECTION_OK)
        flush(db);
    return rc;
}

int lj_db_prepare(struct lj_db *db, const char *name, const char *sql, lj_db_result_cb cb,
                  void *arg, struct lj_err *err)
{
    int rc = ready(db, err);
    if (rc == 0)
        rc = fifo_reserve(db, err);
    if (rc == 0)
        rc = submitted(db, PQsendPrepare(db->conn, name, sql, 0, NULL),
                       (struct op){.result_cb = cb, .arg = arg}, err);
    return rc;
}

int lj_db_exec(struct lj_db *db, const char *name, const char *sql, int nparams,
               const char *const *values, const int *lengths, const int *formats, int binary,
               lj_db_result_cb cb, void *arg, struct lj_err *err)
{
    static const int all_binary[PARAMS_MAX] = {[0 ... PARAMS_MAX - 1] = 1};
    int sent;
    int rc = ready(db, err);
    if (rc == 0 && (nparams < 0 || nparams > PARAMS_MAX))
        rc = lj_fail(err, LJ_E_ARG, "a statement has %d parameters, limit %d", nparams, PARAMS_MAX);
    if (rc == 0)
        rc = fifo_reserve(db, err);
    if (rc)
        return rc;
    formats = formats ? formats : all_binary;
    if (name)
        sent = PQsendQueryPrepared(db->conn, name, nparams, values, lengths, formats, binary);
    else
        sent = PQsendQueryParams(db->conn, sql, nparams, NULL, values, lengths, formats, binary);
    return submitted(db, sent, (struct op){.result_cb = cb, .arg = arg}, err);
}

int lj_db_sync(struct lj_db *db, lj_db_sync_cb cb, void *arg, struct lj_err *err)
{
    int rc = ready(db, err);
    return rc ? rc : send_sync(db, (struct op){.sync_cb = cb, .arg = arg, .is_sync = 1}, err);
}

enum lj_db_state lj_db_state(const struct lj_db *db)
{
    return db->state;
}

const struct lj_err *lj_db_sync_error(const struct lj_db *db)
{
    return &db->batch_err;
}

int lj_db_inflight(const struct lj_db *db)
{
    return (int)db->count;
}

/* ---- opening ---- */

static void on_setup_done(struct lj_db *db, int code, void *arg)
{
    (void)arg;
    if (code == LJ_E_DB_LOST && !db->live)
        return; /* lose() is at work above us and will tell */
    if (code) {
        lose(db, &db->batch_err);
        return;
    }
    db->state = LJ_DB_READY;
    db->state_cb(db, LJ_DB_READY, NULL, db->state_arg);
}

/* The pipeline's beginning: mode, watcher, setup statements and their sync. */
static int start_pipeline(struct lj_db *db, struct lj_err *err)
{
    if (PQsslInUse(db->conn) || PQgssEncInUse(db->conn))
        return lj_fail(err, LJ_E_CONFIG,
                       "the pipelined database link must not be encrypted: use the Unix socket, or "
                       "sslmode=disable gssencmode=disable on a trusted network");
    if (PQsetnonblocking(db->conn, 1) != 0 || !PQenterPipelineMode(db->conn))
        return lj_db_connection_error(db->conn, LJ_E_DB_SYSTEM, "cannot enter pipeline mode", err);
    int rc = uv_poll_init(db->later.loop, &db->poll, PQsocket(db->conn));
    if (rc)
        return lj_fail(err, LJ_E_IO, "cannot watch the database socket: %s", uv_strerror(rc));
    db->poll.data = db;
    db->polled = 1;
    db->handles++;
    db->live = 1;
    for (char **sql = db->setup; *sql; sql++) {
        rc = fifo_reserve(db, err);
        if (rc == 0)
            rc = submitted(db, PQsendQueryParams(db->conn, *sql, 0, NULL, NULL, NULL, NULL, 0),
                           (struct op){0}, err);
        if (rc)
            return rc;
    }
    return send_sync(db, (struct op){.sync_cb = on_setup_done, .is_sync = 1}, err);
}

static void ignore_notice(void *arg, const PGresult *res)
{
    (void)arg; /* a NOTICE would go to stderr between the log lines */
    (void)res;
}

/* On a thread of libuv's pool: reads db's two texts, sets conn, nothing else. */
static void do_connect(uv_work_t *work)
{
    struct lj_db *db = work->data;
    db->conn = lj_db_connect(db->dsn, db->application_name);
}

static void close_handles(struct lj_db *db);

static void on_connected(uv_work_t *work, int status)
{
    struct lj_db *db = work->data;
    struct lj_err err = {0};
    int rc;
    (void)status; /* cancelled only by lj_db_close: then the state says so */
    db->connecting = 0;
    if (db->state == LJ_DB_CLOSED) {
        close_handles(db);
        return;
    }
    if (!db->conn) {
        rc = lj_fail(&err, LJ_E_NOMEM, "no memory for a database connection");
    } else if (PQstatus(db->conn) != CONNECTION_OK) {
        rc = lj_db_connection_error(db->conn, LJ_E_DB_SYSTEM, "cannot connect to the database",
                                    &err);
    } else {
        (void)PQsetNoticeReceiver(db->conn, ignore_notice, NULL);
        rc = start_pipeline(db, &err);
    }
    if (rc)
        lose(db, &err);
}

static void destroy(struct lj_db *db)
{
    PQfinish(db->conn);
    for (char **sql = db->setup; *sql; sql++)
        free(*sql);
    free(db->ops);
    free(db->dsn);
    free(db->application_name);
    free(db);
}

/* Copies of what is needed after lj_db_open has returned. */
static int copy_texts(struct lj_db *db, const char *dsn, const char *application_name,
                      const char *const *setup)
{
    int failed = !(db->dsn = strdup(dsn)) || !(db->application_name = strdup(application_name));
    for (int i = 0; setup && setup[i] && !failed; i++)
        failed = i == SETUP_MAX || !(db->setup[i] = strdup(setup[i]));
    return failed ? -1 : 0;
}

int lj_db_open(uv_loop_t *loop, const char *dsn, const char *application_name,
               const char *const *setup, lj_db_state_cb cb, void *arg, struct lj_db **ret,
               struct lj_err *err)
{
    struct lj_db *db = calloc(1, sizeof *db);
    if (!db || copy_texts(db, dsn, application_name, setup) != 0) {
        if (db)
            destroy(db);
        return lj_fail(err, LJ_E_NOMEM,
                       "no memory for a database connection (or more than %d set-up statements)",
                       SETUP_MAX);
    }
    db->state_cb = cb;
    db->state_arg = arg;
    db->work.data = db;
    int rc = uv_queue_work(loop, &db->work, do_connect, on_connected);
    if (rc) {
        destroy(db);
        return lj_fail(err, LJ_E_INTERNAL, "cannot start connecting: %s", uv_strerror(rc));
    }
    db->connecting = 1;
    rc = uv_timer_init(loop, &db->later);
    assert(rc == 0); /* libuv: always succeeds */
    db->later.data = db;
    db->handles = 1;
    *ret = db;
    return 0;
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    struct lj_db *db = handle->data;
    if (--db->handles > 0)
        return;
    void (*cb)(void *) = db->close_cb;
    void *arg = db->close_arg;
    destroy(db);
    if (cb)
        cb(arg);
}

static void close_handles(struct lj_db *db)
{
    uv_close((uv_handle_t *)&db->later, on_closed);
    if (db->polled)
        uv_close((uv_handle_t *)&db->poll, on_closed);
}

void lj_db_close(struct lj_db **db, void (*cb)(void *arg), void *arg)
{
    struct lj_db *self = *db;
    if (!self)
        return;
    *db = NULL;
    self->state = LJ_DB_CLOSED;
    self->live = 0;
    self->close_cb = cb;
    self->close_arg = arg;
    stop_watching(self);
    fifo_fail(self);
    if (self->connecting)
        (void)uv_cancel(
            (uv_req_t *)&self->work); /* too late is fine: on_connected comes either way */
    else
        close_handles(self);
}
