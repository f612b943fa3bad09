/* ljctl status: one screen of a system, or all of it as JSON.
 *
 * Three sources, each asked by itself: the broker's admin endpoint (rates, backlog, peers), the
 * database (watermarks, frontier, parked) when the broker is silent, and the supervisor's list of
 * processes. What could not be asked is missing from the output and named on stderr; the exit code
 * is then 4. CSV gives the table of kinds. Members the broker sends beyond those known here are
 * passed on in JSON. */
#include <stdlib.h>
#include <string.h>

#include "ctl/admin.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/processes.h"

enum { BROKER_TIMEOUT_MS = 3000 };

static const struct lj_col kind_columns[] = {
    {"name", "KIND", LJ_COL_TEXT},          {"state", "STATE", LJ_COL_TEXT},
    {"open", "OPEN", LJ_COL_INT},           {"ready", "READY", LJ_COL_INT},
    {"leased", "LEASED", LJ_COL_INT},       {"age_ms", "AGE ms", LJ_COL_INT},
    {"per_second", "EVENTS/s", LJ_COL_INT}, {"watermark", "WATERMARK", LJ_COL_INT},
    {"settled", "SETTLED", LJ_COL_INT},     {"parked", "PARKED", LJ_COL_INT}};
static const struct lj_col peer_columns[] = {
    {"name", "PEER", LJ_COL_TEXT},       {"kind", "KIND", LJ_COL_TEXT},
    {"version", "VERSION", LJ_COL_TEXT}, {"slots", "SLOTS", LJ_COL_INT},
    {"leased", "LEASED", LJ_COL_INT},    {"per_second", "EVENTS/s", LJ_COL_INT}};

static int ask_broker(const struct lj_layout *at, json_t **ret, struct lj_err *err)
{
    struct lj_admin *admin = NULL;
    int rc = lj_admin_open(at->run, &admin, err);
    if (rc == 0)
        rc = lj_admin_call(admin, json_pack("{s:s}", "op", "status"), BROKER_TIMEOUT_MS, ret, err);
    lj_admin_close(&admin);
    return rc;
}

/* The part of a status that the database knows, in the broker's form. */
static int ask_database(const struct lj_ctl *ctl, json_t **ret, struct lj_err *err)
{
    PGconn *c = NULL;
    PGresult *r = NULL;
    int rc = lj_pg_connect(ctl, "liangjin_monitor", &c, err);
    if (rc == 0)
        rc = lj_dbs_query(
            c,
            "select json_build_object('frontier', (select coalesce(max(frontier), 0) from "
            "liangjin.log_head),"
            " 'closure_frontier', (select coalesce(max(closure_frontier), 0) from "
            "liangjin.log_head),"
            " 'epoch', (select epoch from liangjin.shard order by shard limit 1),"
            " 'kinds', (select json_agg(json_build_object('name', name, 'state', state, "
            "'watermark', watermark,"
            " 'settled', settled, 'parked', parked) order by number) from liangjin.kind_status))",
            0, NULL, &r, err);
    if (rc == 0)
        *ret = json_loads(PQgetvalue(r, 0, 0), 0, NULL);
    if (rc == 0 && !*ret)
        rc = lj_fail(err, LJ_E_INTERNAL, "the database's status is no JSON");
    PQclear(r);
    PQfinish(c);
    return rc;
}

/* A number or text of a JSON object as a cell; NULL when absent. Rates are rounded to one decimal
 * below ten. */
static const char *cell(const json_t *o, const char *name, char *buf, size_t cap)
{
    const json_t *v = json_object_get(o, name);
    if (json_is_string(v))
        return json_string_value(v);
    if (json_is_integer(v))
        (void)snprintf(buf, cap, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        (void)snprintf(buf, cap, "%.*f", json_real_value(v) < 10 ? 1 : 0, json_real_value(v));
    else
        return NULL;
    return buf;
}

static int put_rows(const struct lj_ctl *ctl, const json_t *list, const struct lj_col *columns,
                    size_t n, struct lj_err *err)
{
    struct lj_rows *rows = NULL;
    int rc = lj_rows_open(ctl->out, ctl->format, columns, n, NULL, &rows, err);
    size_t i;
    json_t *item;
    if (rc)
        return rc;
    json_array_foreach(list, i, item)
    {
        char text[16][32];
        const char *values[16];
        for (size_t k = 0; k < n; k++)
            values[k] = cell(item, columns[k].name, text[k], sizeof text[k]);
        lj_rows_add(rows, values);
    }
    return lj_rows_close(&rows, err);
}

static void put_head(FILE *out, const struct lj_layout *at, const json_t *s)
{
    char b[8][32];
    const json_t *intake = json_object_get(s, "intake");
    const char *state = json_string_value(json_object_get(s, "state"));
    const char *memory = cell(s, "memory_bytes", b[0], sizeof b[0]);
    fprintf(out, "liangjin  %s  broker %s  epoch %s", at->dir,
            state                                        ? state
            : json_is_true(json_object_get(s, "broker")) ? "running"
                                                         : "away",
            cell(s, "epoch", b[1], sizeof b[1]) ? cell(s, "epoch", b[1], sizeof b[1]) : "-");
    if (memory)
        fprintf(out, "  memory %lld MiB", strtoll(memory, NULL, 10) / (1024LL * 1024));
    fprintf(out, "\nfrontier  %s  closures %s\n",
            cell(s, "frontier", b[2], sizeof b[2]) ? b[2] : "-",
            cell(s, "closure_frontier", b[3], sizeof b[3]) ? b[3] : "-");
    if (json_is_object(intake)) {
        const char *rate = cell(intake, "per_second", b[4], sizeof b[4]);
        const char *queued = cell(intake, "queued", b[5], sizeof b[5]);
        const char *acked = cell(intake, "acked_total", b[6], sizeof b[6]);
        fprintf(out, "intake    %s/s  queued %s  acked %s\n", rate ? rate : "-",
                queued ? queued : "-", acked ? acked : "-");
    }
}

static void put_processes(FILE *out, const json_t *processes)
{
    size_t i;
    json_t *p;
    fprintf(out, "\nprocesses ");
    if (!json_array_size(processes))
        fprintf(out, "none: no supervisor runs in this directory");
    json_array_foreach(processes, i, p)
    {
        const char *name = json_string_value(json_object_get(p, "name"));
        fprintf(out, "%s%s %lld", i ? ", " : "", name ? name : "?",
                (long long)json_integer_value(json_object_get(p, "pid")));
    }
    fputc('\n', out);
}

static int put_screen(const struct lj_ctl *ctl, const struct lj_layout *at, const json_t *s,
                      struct lj_err *err)
{
    put_head(ctl->out, at, s);
    int rc = 0;
    if (json_array_size(json_object_get(s, "kinds"))) {
        fputc('\n', ctl->out);
        rc = put_rows(ctl, json_object_get(s, "kinds"), kind_columns,
                      sizeof kind_columns / sizeof kind_columns[0], err);
    }
    if (rc == 0 && json_array_size(json_object_get(s, "peers"))) {
        fputc('\n', ctl->out);
        rc = put_rows(ctl, json_object_get(s, "peers"), peer_columns,
                      sizeof peer_columns / sizeof peer_columns[0], err);
    }
    put_processes(ctl->out, json_object_get(s, "processes"));
    return rc;
}

static int put_status(const struct lj_ctl *ctl, const struct lj_layout *at, const json_t *s,
                      struct lj_err *err)
{
    if (ctl->format == LJ_FORMAT_TABLE)
        return put_screen(ctl, at, s, err);
    if (ctl->format == LJ_FORMAT_CSV)
        return put_rows(ctl, json_object_get(s, "kinds"), kind_columns,
                        sizeof kind_columns / sizeof kind_columns[0], err);
    (void)json_dumpf(s, ctl->out, JSON_INDENT(2));
    fputc('\n', ctl->out);
    return 0;
}

int lj_cmd_status(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct lj_err broker_err = {0};
    struct lj_err db_err = {0};
    struct lj_layout at;
    json_t *status = NULL;
    json_t *processes = NULL;
    int running = 0;
    int rc = lj_layout_find(ctl, &at, &err);
    if (rc == 0)
        rc = lj_processes_read(&at, &processes, &running, &err);
    if (rc)
        return lj_ctl_error(&err, NULL);
    int broker = ask_broker(&at, &status, &broker_err) == 0;
    int database = broker || ask_database(ctl, &status, &db_err) == 0;
    if (!status)
        status = json_object();
    (void)json_object_del(status, "ok");
    (void)json_object_set_new(status, "dir", json_string(at.dir));
    (void)json_object_set_new(status, "supervisor", json_boolean(running));
    (void)json_object_set_new(status, "broker", json_boolean(broker));
    (void)json_object_set_new(status, "processes", processes);
    rc = put_status(ctl, &at, status, &err);
    json_decref(status);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (!broker)
        lj_say("%s; shown is what %s", broker_err.text,
               database ? "the database and the supervisor know" : "the supervisor knows");
    if (!database)
        lj_say("%s", db_err.text);
    return broker ? LJ_EXIT_OK : LJ_EXIT_UNREACHABLE;
}
