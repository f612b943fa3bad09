/* PostgreSQL for sub-commands: blocking, one connection, the role that fits the command (audit
 * reads, control makes tokens).
 *
 * Below --dir the connection goes over the Unix socket in DIR/run, where peer authentication maps
 * root and the service user to every role; anybody else is told so instead of getting libpq's text.
 * Scripts (migrations) are sent as one simple query, which PostgreSQL runs as one transaction
 * unless the text says otherwise; an error gives file and line. */
#include "ctl/pg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int lj_pg_connect_run(const char *run_dir, const char *database, const char *role, PGconn **ret,
                      struct lj_err *err)
{
    char dsn[PATH_MAX + 200];
    (void)snprintf(dsn, sizeof dsn, "host='%s' dbname=%s user=%s connect_timeout=10", run_dir,
                   database, role);
    return lj_dbs_open(dsn, "ljctl", ret, err);
}

int lj_pg_connect(const struct lj_ctl *ctl, const char *role, PGconn **ret, struct lj_err *err)
{
    if (ctl->o.dsn)
        return lj_dbs_open(ctl->o.dsn, "ljctl", ret, err);
    struct lj_layout at;
    int rc = lj_layout_find(ctl, &at, err);
    if (rc)
        return rc;
    struct lj_err why = {0};
    rc = lj_pg_connect_run(at.run, "liangjin", role, ret, &why);
    if (rc == 0)
        return 0;
    if (strstr(why.text, "eer authentication failed") || strstr(why.text, "Permission denied"))
        return lj_fail(
            err, LJ_E_FORBIDDEN,
            "this user may not open the database in %.120s: use root or the service user", at.dir);
    return lj_fail(err, LJ_E_CLOSED, "no database answers in %.60s (%.150s)", at.run, why.text);
}

/* 1-based line of a 1-based character offset (PostgreSQL counts characters, not bytes). */
static unsigned line_of(const char *text, const char *position)
{
    unsigned line = 1;
    long left = position ? strtol(position, NULL, 10) - 1 : 0;
    for (const char *p = text; *p && left > 0; p++) {
        if (((unsigned char)*p & 0xC0) != 0x80)
            left--;
        line += *p == '\n';
    }
    return line;
}

int lj_pg_script(PGconn *c, const char *what, const char *text, struct lj_err *err)
{
    PGresult *r = PQexec(c, text);
    ExecStatusType status = PQresultStatus(r);
    int rc = 0;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
        const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
        const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
        const char *position = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
        if (position)
            rc = lj_fail(err, lj_db_classify(state ? state : "08006"), "%.80s line %u: %.140s",
                         what, line_of(text, position), message ? message : PQerrorMessage(c));
        else
            rc = lj_fail(err, lj_db_classify(state ? state : "08006"), "%.80s: %.150s", what,
                         message ? message : PQerrorMessage(c));
        if (err && state)
            (void)snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state);
    }
    PQclear(r);
    return rc;
}

void lj_pg_tidy(PGconn *c, const char *text)
{
    PQclear(PQexec(c, text));
}

int lj_pg_print(const struct lj_ctl *ctl, PGconn *c, const struct lj_pg_list *list, int *ret_rows,
                struct lj_err *err)
{
    PGresult *r = NULL;
    struct lj_rows *rows = NULL;
    int rc = lj_dbs_query(c, list->sql, list->nparams, list->params, &r, err);
    if (rc)
        return rc;
    assert(PQnfields(r) >= (int)list->ncols); /* the query and its columns stand side by side */
    rc = lj_rows_open(ctl->out, ctl->format, list->cols, list->ncols, NULL, &rows, err);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        const char *values[32];
        for (int k = 0; k < (int)list->ncols; k++)
            values[k] = PQgetisnull(r, i, k) ? NULL : PQgetvalue(r, i, k);
        lj_rows_add(rows, values);
    }
    if (rc == 0 && ret_rows)
        *ret_rows = PQntuples(r);
    if (rc == 0)
        rc = lj_rows_close(&rows, err);
    PQclear(r);
    return rc;
}
