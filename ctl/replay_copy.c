/* Copies a log into an empty database, so that the kinds can be run over it once more.
 *
 * What is copied: every row of `event` with all its columns, follow-on events too; where each kind
 * begins to want a type; the units' codes; the parked and dropped events, which stay what they are;
 * the steps of the settlements. What is not: effects, closures and marks (they are what is to be
 * made anew), what an operator has paused, tokens and accounts. Redriven events are not marked:
 * they are handled at their own position.
 *
 * One transaction on each side, COPY in binary from one to the other: nothing is parsed and nothing
 * kept here. The source must be at rest, or what its kinds had not done yet would look like a
 * difference. At the end the target's epoch is raised: a broker that had begun on the empty log
 * finds itself fenced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_error.h"
#include "ctl/pg.h"
#include "ctl/replay.h"

static int get_int(PGconn *c, const char *sql, int64_t *ret, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(c, sql, 0, NULL, &r, err);
    if (rc == 0)
        *ret = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return rc;
}

/* The one text that a query gives; *ret is the caller's. */
static int get_text(PGconn *c, const char *sql, char **ret, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(c, sql, 0, NULL, &r, err);
    *ret = NULL;
    if (rc == 0) {
        *ret = strdup(PQgetvalue(r, 0, 0));
        rc = *ret ? 0 : lj_fail(err, LJ_E_NOMEM, "no memory for a list of columns");
    }
    PQclear(r);
    return rc;
}

int lj_replay_snapshot(PGconn *c, struct lj_err *err)
{
    return lj_pg_script(c, "a snapshot",
                        "begin isolation level repeatable read read only;"
                        "set local search_path = liangjin, pg_catalog; set local timezone = 'UTC';"
                        "set local statement_timeout = 0; set local jit = off;"
                        "set local bytea_output = 'hex'; set local extra_float_digits = 1;"
                        "set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'",
                        err);
}

int lj_replay_unfinished(PGconn *c, const char *upto, char *buf, size_t size, struct lj_err *err)
{
    char sql[1200];
    PGresult *r = NULL;
    (void)snprintf(
        sql, sizeof sql,
        "with top as (select coalesce((%s), 0) as p), m as (select k.name, k.number, top.p, "
        "'through' as "
        "what, coalesce((select max(m.watermark) from liangjin.kind_mark m where m.kind = "
        "k.number), 0) "
        "as reached from liangjin.kind k cross join top where exists (select from liangjin.want w "
        "where "
        "w.kind = k.number) union all select k.name, k.number, top.p, 'settled', coalesce((select "
        "s.position from liangjin.settled s where s.kind = k.number), 0) from liangjin.kind k "
        "cross join "
        "top where k.settle_function is not null)"
        " select format('%%s is %%s to %%s of %%s', name, what, reached, p) from m where reached < "
        "p"
        " union all select format('%%s is redriving an event (%%s)', k.name, q.position) from "
        "liangjin.parked q join liangjin.kind k on k.number = q.kind where q.state = 'redriving'"
        " limit 1",
        upto);
    int rc = lj_dbs_query(c, sql, 0, NULL, &r, err);
    buf[0] = '\0';
    if (rc == 0 && PQntuples(r))
        (void)snprintf(buf, size, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return rc;
}

/* ---- is it possible? ---- */

static int check_source(PGconn *source, struct lj_err *err)
{
    char what[160];
    int rc = lj_replay_unfinished(source, "select max(position) from liangjin.event", what,
                                  sizeof what, err);
    if (rc)
        return rc;
    return what[0]
               ? lj_fail(err, LJ_E_STATE,
                         "the source is not at rest: %s; let its broker and workers finish", what)
               : 0;
}

static int check_target(PGconn *target, struct lj_err *err)
{
    int64_t there = 0;
    int64_t used = 0;
    int rc =
        get_int(target, "select (to_regclass('liangjin.replay') is not null)::int4", &there, err);
    if (rc)
        return rc;
    if (!there)
        return lj_fail(err, LJ_E_STATE,
                       "the target has not this version's tables: `ljctl migrate` first");
    rc = get_int(
        target,
        "select (exists (select from liangjin.event) or exists (select from liangjin.closure) or "
        "exists (select from liangjin.replay) or exists (select from liangjin.register_log))::int4",
        &used, err);
    if (rc)
        return rc;
    return used ? lj_fail(err, LJ_E_STATE, "the target is not empty: a replay needs a new database")
                : 0;
}

/* A number must mean the same type, with the same default key, on both sides. */
static int check_types(PGconn *source, PGconn *target, struct lj_err *err)
{
    static const char known[] =
        "select coalesce(array_agg(format('%s %s %s', number, name, default_key))"
        "::text, '{}') from liangjin.event_type";
    char *types = NULL;
    PGresult *r = NULL;
    int rc = get_text(source, known, &types, err);
    const char *params[] = {types};
    if (rc == 0)
        rc = lj_dbs_query(
            target,
            "select t from unnest($1::text[]) t where t not in (select format('%s %s %s', "
            "number, name, default_key) from liangjin.event_type) limit 1",
            1, params, &r, err);
    if (rc == 0 && PQntuples(r))
        rc = lj_fail(err, LJ_E_STATE, "the target does not know the source's event type '%.80s'",
                     PQgetvalue(r, 0, 0));
    PQclear(r);
    free(types);
    return rc;
}

/* ---- COPY ---- */

/* The end of a COPY: *ret_rows = how many, of the side that counts. */
static int copy_end(PGconn *c, int64_t *ret_rows, struct lj_err *err)
{
    int rc = 0;
    for (PGresult *r; (r = PQgetResult(c)) != NULL; PQclear(r)) {
        if (PQresultStatus(r) == PGRES_COMMAND_OK) {
            *ret_rows = strtoll(PQcmdTuples(r), NULL, 10);
        } else if (rc == 0) {
            rc = lj_db_result_error(r, err);
        }
    }
    return rc;
}

static int copy_start(PGconn *c, const char *sql, ExecStatusType expected, struct lj_err *err)
{
    PGresult *r = PQexec(c, sql);
    int rc = 0;
    if (PQresultStatus(r) != expected)
        rc = lj_db_result_error(r, err);
    PQclear(r);
    return rc;
}

static int copy_rows(PGconn *source, const char *out, PGconn *target, const char *in,
                     int64_t *ret_rows, struct lj_err *err)
{
    char *data = NULL;
    int n = 0;
    int64_t sent = 0;
    int rc = copy_start(source, out, PGRES_COPY_OUT, err);
    if (rc)
        return rc;
    rc = copy_start(target, in, PGRES_COPY_IN, err);
    while (rc == 0 && (n = PQgetCopyData(source, &data, 0)) > 0) {
        if (PQputCopyData(target, data, n) != 1)
            rc = lj_fail(err, LJ_E_DB_LOST, "the target's connection broke in a COPY");
        PQfreemem(data);
    }
    if (rc)
        return rc; /* the caller closes both: whatever is under way is rolled back */
    struct lj_err why = {0};
    int failed = copy_end(source, &sent, &why);
    if (PQputCopyEnd(target, failed || n == -2 ? "the source failed" : NULL) != 1)
        return lj_fail(err, LJ_E_DB_LOST, "the target's connection broke in a COPY");
    rc = copy_end(target, ret_rows, err);
    if (failed) {
        if (err)
            *err = why;
        return failed;
    }
    return rc                  ? rc
           : sent == *ret_rows ? 0
                               : lj_fail(err, LJ_E_INTERNAL, "%lld rows were read and %lld written",
                                         (long long)sent, (long long)*ret_rows);
}

/* All columns of a table, whatever this version has, in the order of the target's. */
static int copy_table(PGconn *source, PGconn *target, const char *table, const char *condition,
                      int64_t *ret_rows, struct lj_err *err)
{
    char sql[400];
    char *columns = NULL;
    char *out = NULL;
    char *in = NULL;
    (void)snprintf(
        sql, sizeof sql,
        "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute where "
        "attrelid = 'liangjin.%s'::regclass and attnum > 0 and not attisdropped",
        table);
    int rc = get_text(target, sql, &columns, err);
    if (rc)
        return rc;
    if (asprintf(&out, "copy (select %s from liangjin.%s where %s) to stdout (format binary)",
                 columns, table, condition) < 0)
        out = NULL;
    if (asprintf(&in, "copy liangjin.%s (%s) from stdin (format binary)", table, columns) < 0)
        in = NULL;
    rc = out && in ? copy_rows(source, out, target, in, ret_rows, err)
                   : lj_fail(err, LJ_E_NOMEM, "no memory to copy %s", table);
    free(columns);
    free(out);
    free(in);
    return rc;
}

/* ---- all of it ---- */

/* A kind that wants a type there and not here began here, as it were, behind this log. */
static int copy_wants(PGconn *source, PGconn *target, int64_t frontier, struct lj_err *err)
{
    char *wants = NULL;
    char last[24];
    PGresult *r = NULL;
    (void)snprintf(last, sizeof last, "%lld", (long long)frontier);
    int rc = get_text(
        source,
        "select coalesce(json_agg(json_build_object('kind', k.name, 'type', w.type, 'after', "
        "w.from_position)), '[]') from liangjin.want w join liangjin.kind k on k.number = "
        "w.kind",
        &wants, err);
    const char *params[] = {wants, last};
    if (rc == 0)
        rc = lj_dbs_query(
            target,
            "update liangjin.want w set from_position = coalesce((select s.after from "
            "json_to_recordset($1::json) as s(kind text, type int2, after int8) where s.kind = "
            "k.name and s.type = w.type), $2::int8) from liangjin.kind k where k.number = "
            "w.kind",
            2, params, &r, err);
    PQclear(r);
    free(wants);
    return rc;
}

/* From here on it is a replay: for whoever reads the log, and for a broker that runs on it already.
 */
static int mark_target(PGconn *target, const struct lj_replay_copied *n, struct lj_err *err)
{
    char frontier[24];
    char events[24];
    const char *params[] = {frontier, events};
    PGresult *r = NULL;
    (void)snprintf(frontier, sizeof frontier, "%lld", (long long)n->frontier);
    (void)snprintf(events, sizeof events, "%lld", (long long)n->events);
    int rc = lj_dbs_query(
        target,
        "insert into liangjin.replay (copied_at, frontier, events) values (now(), $1::int8, "
        "$2::int8)",
        2, params, &r, err);
    PQclear(r);
    r = NULL;
    if (rc == 0)
        rc = lj_dbs_query(
            target, "update liangjin.log_head set frontier = $1::int8 where shard = 0 and lane = 0",
            1, params, &r, err);
    PQclear(r);
    return rc ? rc
              : lj_pg_script(target, "the end of the copy",
                             "select liangjin.take_over(0::int2, 'ljctl replay copy'); analyze "
                             "liangjin.event; commit",
                             err);
}

int lj_replay_copy(PGconn *source, PGconn *target, struct lj_replay_copied *ret, struct lj_err *err)
{
    *ret = (struct lj_replay_copied){0};
    int rc = lj_replay_snapshot(source, err);
    if (rc == 0)
        rc = lj_pg_script(target, "the target",
                          "begin; set local role liangjin_owner; set local statement_timeout = 0",
                          err);
    if (rc == 0)
        rc = check_source(source, err);
    if (rc == 0)
        rc = check_target(target, err);
    if (rc == 0)
        rc = check_types(source, target, err);
    if (rc == 0)
        rc = get_int(
            source,
            "select greatest((select max(frontier) from liangjin.log_head), (select max(position) "
            "from liangjin.event), 0)",
            &ret->frontier, err);
    if (rc == 0)
        rc = copy_table(source, target, "event", "true order by position", &ret->events, err);
    if (rc == 0)
        rc = copy_table(source, target, "parked", "state in ('parked', 'dropped')", &ret->parked,
                        err);
    if (rc == 0)
        rc = copy_rows(
            source,
            "copy (select position, kind from liangjin.settlement) to stdout (format binary)",
            target, "copy liangjin.replay_settlement (position, kind) from stdin (format binary)",
            &ret->steps, err);
    int64_t units = 0;
    if (rc == 0)
        rc = copy_rows(
            source, "copy (select number, code from liangjin.unit) to stdout (format binary)",
            target, "copy liangjin.replay_unit (number, code) from stdin (format binary)", &units,
            err);
    if (rc == 0)
        rc = copy_wants(source, target, ret->frontier, err);
    return rc ? rc : mark_target(target, ret, err);
}
