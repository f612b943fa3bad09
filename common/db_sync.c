/* Blocking libpq for workers, ljctl and tests, the readers of binary results, and the judgement of
 * an SQLSTATE.
 *
 * Workers wait for one query at a time and have nothing else to do meanwhile, so they use libpq as
 * it comes. Results are always complete and successful when a caller gets them: a failed statement
 * is an error with its SQLSTATE, its result is cleared here.
 *
 * lj_db_classify answers the one question the broker asks of a failure: whose fault is it? The
 * data's (the same statement would fail again for the same event: set that event apart) or the
 * system's (disk full, serialisation, shutdown: wait and try again). What is not known to be the
 * data's is the system's: waiting loses nothing, parking an innocent event does.
 *
 * The error text never holds DETAIL, which may quote the row: errors end up in logs and answers.
 */
#include "common/db.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "common/db_error.h"

#define EPOCH_2000_US                                                                              \
    946684800000000 /* PostgreSQL's time starts at 2000-01-01; source: datatype/timestamp.h */

enum { PARAMS_MAX = 64 };

int lj_db_classify(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        int code;
    } rules[] = {
        {"LJ001", LJ_E_FENCED}, {"22", LJ_E_DB_DATA},    {"23", LJ_E_DB_DATA},
        {"P0", LJ_E_DB_DATA},   {"08P01", LJ_E_DB_DATA},
    };
    for (size_t i = 0; sqlstate && i < sizeof rules / sizeof rules[0]; i++) {
        if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0)
            return rules[i].code;
    }
    return LJ_E_DB_SYSTEM;
}

/* Copy the first line of text into out. */
static void first_line(char *out, size_t cap, const char *text)
{
    size_t n = strcspn(text, "\r\n");
    n = n < cap - 1 ? n : cap - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

int lj_db_result_error(const PGresult *res, struct lj_err *err)
{
    const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    char line[200];
    int code = lj_db_classify(sqlstate);
    first_line(line, sizeof line, primary ? primary : PQresultErrorMessage(res));
    (void)lj_fail(err, code, "%s", line);
    if (err && sqlstate)
        memcpy(err->sqlstate, sqlstate, strnlen(sqlstate, sizeof err->sqlstate - 1) + 1);
    return code;
}

int lj_db_connection_error(const PGconn *c, int code, const char *what, struct lj_err *err)
{
    char line[180];
    first_line(line, sizeof line, PQerrorMessage(c));
    return lj_fail(err, code, "%s: %s", what, line);
}

PGconn *lj_db_connect(const char *dsn, const char *application_name)
{
    /* expand_dbname lets `dsn` be a conninfo string or a URI; what stands behind it overrides, what
     * stands before it is a default. "primary" and not "read-write": readers' roles have
     * default_transaction_read_only on, which libpq takes for a read-only server and refuses. */
    static const char *const keys[] = {"connect_timeout",  "target_session_attrs",
                                       "keepalives_idle",  "keepalives_interval",
                                       "keepalives_count", "dbname",
                                       "application_name", NULL};
    const char *const values[] = {"10", "primary", "10", "5", "3", dsn, application_name, NULL};
    return PQconnectdbParams(keys, values, 1);
}

static void ignore_notice(void *arg, const PGresult *res)
{
    (void)arg; /* NOTICEs ("relation exists, skipping") would go to stderr between the log lines */
    (void)res;
}

int lj_dbs_open(const char *dsn, const char *application_name, PGconn **ret, struct lj_err *err)
{
    PGconn *c = lj_db_connect(dsn, application_name);
    if (!c)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a database connection");
    if (PQstatus(c) != CONNECTION_OK) {
        int code = lj_db_connection_error(c, LJ_E_DB_SYSTEM, "cannot connect to the database", err);
        PQfinish(c);
        return code;
    }
    (void)PQsetNoticeReceiver(c, ignore_notice, NULL);
    *ret = c;
    return 0;
}

/* Takes r: hands it out when it is a success, else clears it and fills err. */
static int judge(PGconn *c, PGresult *r, PGresult **ret, struct lj_err *err)
{
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        *ret = r;
        return 0;
    }
    int code;
    if (PQstatus(c) != CONNECTION_OK)
        code = lj_db_connection_error(c, LJ_E_DB_LOST, "the database connection was lost", err);
    else if (!r)
        code = lj_db_connection_error(c, LJ_E_DB_SYSTEM, "the statement could not be sent", err);
    else
        code = lj_db_result_error(r, err);
    PQclear(r);
    return code;
}

int lj_dbs_query(PGconn *c, const char *sql, int nparams, const char *const *values, PGresult **ret,
                 struct lj_err *err)
{
    return judge(c, PQexecParams(c, sql, nparams, NULL, values, NULL, NULL, 0), ret, err);
}

int lj_dbs_query_binary(PGconn *c, const char *sql, int nparams, const char *const *values,
                        const int *lengths, PGresult **ret, struct lj_err *err)
{
    int formats[PARAMS_MAX];
    if (nparams < 0 || nparams > PARAMS_MAX)
        return lj_fail(err, LJ_E_ARG, "a statement has %d parameters, limit %d", nparams,
                       PARAMS_MAX);
    for (int i = 0; i < nparams; i++)
        formats[i] = 1;
    return judge(c, PQexecParams(c, sql, nparams, NULL, values, lengths, formats, 1), ret, err);
}

/* ---- binary results ---- */

/* Copy a value of exactly n bytes; 0 when it is NULL or of another size (then *to keeps its zero).
 */
static int fetch(const PGresult *r, int row, int col, void *to, size_t n)
{
    if (PQgetisnull(r, row, col) || PQgetlength(r, row, col) != (int)n)
        return 0;
    memcpy(to, PQgetvalue(r, row, col), n);
    return 1;
}

int16_t lj_pgget_i16(const PGresult *r, int row, int col)
{
    uint16_t v = 0;
    (void)fetch(r, row, col, &v, sizeof v);
    return (int16_t)be16toh(v);
}

int32_t lj_pgget_i32(const PGresult *r, int row, int col)
{
    uint32_t v = 0;
    (void)fetch(r, row, col, &v, sizeof v);
    return (int32_t)be32toh(v);
}

int64_t lj_pgget_i64(const PGresult *r, int row, int col)
{
    uint64_t v = 0;
    (void)fetch(r, row, col, &v, sizeof v);
    return (int64_t)be64toh(v);
}

int64_t lj_pgget_time_us(const PGresult *r, int row, int col)
{
    uint64_t v = 0;
    if (!fetch(r, row, col, &v, sizeof v))
        return 0;
    int64_t since_2000 = (int64_t)be64toh(v);
    /* PostgreSQL's infinities are the two ends: they stay ends instead of wrapping. */
    return since_2000 > INT64_MAX - EPOCH_2000_US ? INT64_MAX
           : since_2000 == INT64_MIN              ? INT64_MIN
                                                  : since_2000 + EPOCH_2000_US;
}

int lj_pgget_bool(const PGresult *r, int row, int col)
{
    uint8_t v = 0;
    (void)fetch(r, row, col, &v, sizeof v);
    return v != 0;
}
