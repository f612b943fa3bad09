/* What db_pipe.c and db_sync.c share: making a connection, and turning libpq's failures into struct
 * lj_err. */
#ifndef LJ_COMMON_DB_ERROR_H
#define LJ_COMMON_DB_ERROR_H

#include <libpq-fe.h>

#include "common/err.h"

/* Connect, blocking, with the project's defaults (connect_timeout 10 s, read-write, keepalives),
 * which the dsn may override. NULL only when out of memory; else ask PQstatus. May run on another
 * thread: touches nothing shared. */
PGconn *lj_db_connect(const char *dsn, const char *application_name);
/* Fill err from a failed result (code by lj_db_classify, sqlstate, the primary message); returns
 * the code. */
int lj_db_result_error(const PGresult *res, struct lj_err *err);
/* Fill err with "what: <the connection's message>"; returns code. */
int lj_db_connection_error(const PGconn *c, int code, const char *what, struct lj_err *err);

#endif
