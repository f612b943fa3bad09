/* libpq: (1) a pipelined asynchronous connection on a libuv loop; (2) small blocking helpers for
 * workers and ljctl. The rules stand at the head of db_pipe.c. No other file of the project
 * includes libpq-fe.h, except those that need PGresult accessors via this header. */
#ifndef LJ_COMMON_DB_H
#define LJ_COMMON_DB_H

#include <libpq-fe.h>
#include <uv.h>

#include "common/err.h"

/* ---- asynchronous pipeline ---- */
struct lj_db;

enum lj_db_state { LJ_DB_CONNECTING, LJ_DB_READY, LJ_DB_LOST, LJ_DB_CLOSED };

/* State changes: READY after connect, pipeline mode and `setup`; LOST once (with err) when the
 * connection failed or broke: every operation in flight has had its callback with LJ_E_DB_LOST
 * before. The owner then calls lj_db_close and opens another when it likes. */
typedef void (*lj_db_state_cb)(struct lj_db *db, enum lj_db_state state, const struct lj_err *err,
                               void *arg);

/* Result of one operation of a batch (a statement), in order. res is borrowed (may be NULL when the
 * connection was lost or the batch was aborted before this statement: then err->code is
 * LJ_E_DB_LOST, or LJ_E_STATE for "aborted by an earlier statement"). err is NULL on success; else
 * code is LJ_E_DB_DATA or LJ_E_DB_SYSTEM by lj_db_classify, with sqlstate and text. */
typedef void (*lj_db_result_cb)(struct lj_db *db, const PGresult *res, const struct lj_err *err,
                                void *arg);
/* End of a batch (its Sync came back): 0 = committed and flushed, else the first failure's code
 * (LJ_E_DB_LOST: outcome unknown). */
typedef void (*lj_db_sync_cb)(struct lj_db *db, int code, void *arg);

/* Opens in the background (PQconnectdb in uv_queue_work); setup = NULL-terminated list of SQL texts
 * run before READY (e.g. SET ..., PREPARE). */
LJ_MUST int lj_db_open(uv_loop_t *loop, const char *dsn, const char *application_name,
                       const char *const *setup, lj_db_state_cb cb, void *arg, struct lj_db **ret,
                       struct lj_err *err);
enum lj_db_state lj_db_state(const struct lj_db *db);

/* The three below answer only through their callbacks, never before they return.
 * errors: LJ_E_STATE not READY; LJ_E_DB_LOST the connection just broke (the state callback
 * follows); LJ_E_ARG, LJ_E_NOMEM: not queued. */

/* Queue a statement (all in binary result format when `binary`). `name` = prepared statement's name
 * (prepare it with lj_db_prepare first), or NULL with sql text. values/lengths/formats as in
 * PQsendQueryPrepared (formats NULL = all binary). libpq copies the parameters before return. */
LJ_MUST int lj_db_prepare(struct lj_db *db, const char *name, const char *sql, lj_db_result_cb cb,
                          void *arg, struct lj_err *err);
LJ_MUST int lj_db_exec(struct lj_db *db, const char *name, const char *sql, int nparams,
                       const char *const *values, const int *lengths, const int *formats,
                       int binary, lj_db_result_cb cb, void *arg, struct lj_err *err);
/* Ends the batch: all statements since the last sync are one transaction. */
LJ_MUST int lj_db_sync(struct lj_db *db, lj_db_sync_cb cb, void *arg, struct lj_err *err);
/* Inside a sync callback: the first failure of that batch (also one that came only with the
 * commit); code 0 when there was none. */
const struct lj_err *lj_db_sync_error(const struct lj_db *db);
int lj_db_inflight(const struct lj_db *db); /* statements + syncs not yet answered */
/* Closes; operations in flight get LJ_E_DB_LOST first; *db = NULL at once, cb when the handles are
 * gone. May be called in any callback, also while connecting (cb then waits for the connect to end,
 * connect_timeout at most). With *db NULL nothing happens, cb included. */
void lj_db_close(struct lj_db **db, void (*cb)(void *arg), void *arg);

/* LJ_E_DB_DATA for SQLSTATE classes 22, 23, P0 (P0001 ...) and for 08P01 (an error in what was
 * sent); LJ_E_FENCED for LJ001; else LJ_E_DB_SYSTEM. See architecture: data's fault parks, system's
 * fault waits. */
int lj_db_classify(const char *sqlstate);

/* ---- blocking helpers (workers, ljctl, tests) ---- */
LJ_MUST int lj_dbs_open(const char *dsn, const char *application_name, PGconn **ret,
                        struct lj_err *err);
/* Runs one statement with text parameters (NULL-able), text results. *ret is cleared by PQclear. */
LJ_MUST int lj_dbs_query(PGconn *c, const char *sql, int nparams, const char *const *values,
                         PGresult **ret, struct lj_err *err);
/* Runs one statement with binary parameters (lengths, formats all 1), binary results. */
LJ_MUST int lj_dbs_query_binary(PGconn *c, const char *sql, int nparams, const char *const *values,
                                const int *lengths, PGresult **ret, struct lj_err *err);

/* Binary result readers (column must be of that type; a NULL gives 0 / ""). */
int16_t lj_pgget_i16(const PGresult *r, int row, int col);
int32_t lj_pgget_i32(const PGresult *r, int row, int col);
int64_t lj_pgget_i64(const PGresult *r, int row, int col);
int64_t lj_pgget_time_us(const PGresult *r, int row, int col); /* timestamptz -> us since 1970 */
int lj_pgget_bool(const PGresult *r, int row, int col);

#endif
