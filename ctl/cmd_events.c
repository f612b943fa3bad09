/* ljctl events show|tail: the log as role liangjin_audit reads it, never past the frontier.
 *
 * show is the same provenance that the gateway gives (function event_provenance), with the payload
 * as the bytes that are stored; tail is made for pipes: one object a line as JSON, each row
 * flushed, the end of the reader ends it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/uuid.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : "-";
}

static void put_number(FILE *out, const json_t *v)
{
    if (json_is_integer(v))
        fprintf(out, "%lld", (long long)json_integer_value(v));
    else
        fputc('-', out);
}

static void put_kind(FILE *out, const json_t *k)
{
    fprintf(out, "\n%s: %s", text_of(k, "kind"), text_of(k, "state"));
    if (json_is_string(json_object_get(k, "after")))
        fprintf(out, ", after %s", text_of(k, "after"));
    fprintf(out, "\n  verdict ");
    put_number(out, json_object_get(k, "verdict"));
    fprintf(out, "  attempt ");
    put_number(out, json_object_get(k, "attempt"));
    fprintf(out, "  closure ");
    put_number(out, json_object_get(k, "closure"));
    fprintf(out, " (%s)\n  worker %s  version %s\n", text_of(k, "closed_at"), text_of(k, "worker"),
            text_of(k, "version"));
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(k, "follow_ons"), i, f)
    {
        fprintf(out, "  follow-on %s  %s  position ", text_of(f, "type"), text_of(f, "id"));
        put_number(out, json_object_get(f, "position"));
        fputc('\n', out);
    }
    const json_t *park = json_object_get(k, "park");
    if (json_is_object(park))
        fprintf(out, "  parked: %s, %s: %s\n", text_of(park, "state"), text_of(park, "code"),
                text_of(park, "error"));
}

static void put_event(FILE *out, const json_t *e, const char *payload)
{
    static const char *const lines[] = {"id",          "type",        "unit",   "key",
                                        "received_at", "occurred_at", "source", "causation_id"};
    fprintf(out, "position      ");
    put_number(out, json_object_get(e, "position"));
    fputc('\n', out);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        lj_put_line(out, lines[i], text_of(e, lines[i]));
    lj_put_line(out, "payload", payload);
    size_t i;
    json_t *k;
    json_array_foreach(json_object_get(e, "kinds"), i, k) put_kind(out, k);
}

/* CSV of one event: a row a kind. */
static int put_kinds_csv(const struct lj_ctl *ctl, const json_t *e, struct lj_err *err)
{
    static const struct lj_col columns[] = {
        {"id", "ID", LJ_COL_TEXT},          {"kind", "KIND", LJ_COL_TEXT},
        {"state", "STATE", LJ_COL_TEXT},    {"verdict", "VERDICT", LJ_COL_INT},
        {"closure", "CLOSURE", LJ_COL_INT}, {"worker", "WORKER", LJ_COL_TEXT}};
    struct lj_rows *rows = NULL;
    int rc = lj_rows_open(ctl->out, ctl->format, columns, 6, NULL, &rows, err);
    size_t i;
    json_t *k;
    if (rc)
        return rc;
    json_array_foreach(json_object_get(e, "kinds"), i, k)
    {
        char numbers[2][24] = {"", ""};
        static const char *const members[] = {"verdict", "closure"};
        for (int m = 0; m < 2; m++) {
            const json_t *v = json_object_get(k, members[m]);
            if (json_is_integer(v))
                (void)snprintf(numbers[m], sizeof numbers[m], "%lld",
                               (long long)json_integer_value(v));
        }
        const char *values[] = {text_of(e, "id"),
                                text_of(k, "kind"),
                                text_of(k, "state"),
                                numbers[0][0] ? numbers[0] : NULL,
                                numbers[1][0] ? numbers[1] : NULL,
                                text_of(k, "worker")};
        lj_rows_add(rows, values);
    }
    return lj_rows_close(&rows, err);
}

/* The event as JSON, and its payload as the text that is stored (owned by the caller); or NULL and
 * err. */
static json_t *load_event(PGconn *c, const char *word, char **ret_payload, struct lj_err *err)
{
    uint8_t id[16];
    int is_id = lj_uuid_parse(word, strlen(word), id, NULL) == 0;
    if (!is_id && (word[0] == '\0' || word[strspn(word, "0123456789")] || strlen(word) > 18)) {
        (void)lj_fail(err, LJ_E_ARG, "\"%.60s\" is neither an event's id (UUID) nor a position",
                      word);
        return NULL;
    }
    PGresult *r = NULL;
    json_t *e = NULL;
    const char *sql = is_id ? "select liangjin.event_provenance(id), payload from liangjin.event "
                              "where id = $1::uuid"
                            : "select liangjin.event_provenance(id), payload from liangjin.event "
                              "where position = $1::int8";
    if (lj_dbs_query(c, sql, 1, &word, &r, err) != 0)
        return NULL;
    if (PQntuples(r) == 1 && !PQgetisnull(r, 0, 0)) {
        e = json_loads(PQgetvalue(r, 0, 0), 0, NULL);
        *ret_payload = strdup(PQgetvalue(r, 0, 1));
    }
    PQclear(r);
    if (e && !*ret_payload) {
        json_decref(e);
        (void)lj_fail(err, LJ_E_NOMEM, "no memory for an event");
        return NULL;
    }
    if (!e)
        (void)lj_fail(err, LJ_E_NOT_FOUND, "there is no event %.60s", word);
    return e;
}

/* The payload goes out as its own bytes: a JSON library would write 0.6 as 0.59999999999999998. */
static void put_event_json(FILE *out, const json_t *e, const char *payload)
{
    char *text = json_dumps(e, JSON_INDENT(2));
    size_t n = text ? strlen(text) : 0;
    if (n > 2)
        fprintf(out, "%.*s,\n  \"payload\": %s\n}\n", (int)(n - 2), text,
                payload); /* without its last "\n}" */
    free(text);
}

int lj_cmd_events_show(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    json_t *e = NULL;
    char *payload = NULL;
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        e = load_event(c, ctl->words[0], &payload, &err);
    PQfinish(c);
    if (!e) {
        free(payload);
        return lj_ctl_error(&err, NULL);
    }
    rc = 0;
    if (ctl->format == LJ_FORMAT_JSON)
        put_event_json(ctl->out, e, payload);
    else if (ctl->format == LJ_FORMAT_CSV)
        rc = put_kinds_csv(ctl, e, &err);
    else
        put_event(ctl->out, e, payload);
    free(payload);
    json_decref(e);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

/* ---- tail ---- */

static const struct lj_col tail_columns[] = {{"position", "POSITION", LJ_COL_INT},
                                             {"received_at", "RECEIVED", LJ_COL_TEXT},
                                             {"id", "ID", LJ_COL_TEXT},
                                             {"unit", "UNIT", LJ_COL_TEXT},
                                             {"type", "TYPE", LJ_COL_TEXT}};
static const int tail_widths[] = {10, 27, 36, 5, 0};

enum { TAIL_PAGE = 1000, TAIL_WAIT_US = 200000 };

struct tail {
    PGconn *c;
    struct lj_rows *rows;
    char after[24];
    long long left; /* rows still to print; counts only without --follow */
    const char *type, *unit;
};

/* Where to begin: behind --from, or so that at most --limit rows follow. */
static int tail_start(const struct lj_ctl *ctl, struct tail *t, struct lj_err *err)
{
    const char *from = ctl->o.from;
    if (from && strcmp(from, "start") == 0)
        from = "0";
    if (from) {
        if (from[0] == '\0' || from[strspn(from, "0123456789")] || strlen(from) > 18)
            return lj_fail(err, LJ_E_ARG, "--from is \"%.40s\": a position, or `start`", from);
        (void)snprintf(t->after, sizeof t->after, "%s", from);
        return 0;
    }
    char limit[24];
    (void)snprintf(limit, sizeof limit, "%lld", (long long)ctl->o.limit);
    const char *params[] = {limit, t->type, t->unit};
    PGresult *r = NULL;
    int rc = lj_dbs_query(
        t->c,
        "select coalesce(min(position), 1) - 1 from (select e.position from liangjin.event e"
        " join liangjin.event_type t on t.number = e.type left join liangjin.unit u on u.number = "
        "e.unit"
        " where e.position <= (select max(frontier) from liangjin.log_head)"
        " and ($2::text is null or t.name = $2) and ($3::text is null or u.code = $3)"
        " order by e.position desc limit $1::int8) x",
        3, params, &r, err);
    if (rc == 0)
        (void)snprintf(t->after, sizeof t->after, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return rc;
}

/* One page; *ret_n = rows read, 0 at the frontier. */
static int tail_page(struct tail *t, int *ret_n, struct lj_err *err)
{
    char page[24];
    (void)snprintf(page, sizeof page, "%lld", t->left < TAIL_PAGE ? t->left : (long long)TAIL_PAGE);
    const char *params[] = {t->after, t->type, t->unit, page};
    PGresult *r = NULL;
    int rc = lj_dbs_query(t->c,
                          "select e.position, to_char(e.received_at at time zone 'UTC', "
                          "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), e.id, u.code, t.name"
                          " from liangjin.event e join liangjin.event_type t on t.number = e.type "
                          "left join liangjin.unit u on u.number = e.unit"
                          " where e.position > $1::int8 and e.position <= (select max(frontier) "
                          "from liangjin.log_head)"
                          " and ($2::text is null or t.name = $2) and ($3::text is null or u.code "
                          "= $3) order by e.position limit $4::int8",
                          4, params, &r, err);
    if (rc)
        return rc;
    *ret_n = PQntuples(r);
    for (int i = 0; i < *ret_n; i++) {
        const char *values[5];
        for (int k = 0; k < 5; k++)
            values[k] = PQgetisnull(r, i, k) ? NULL : PQgetvalue(r, i, k);
        lj_rows_add(t->rows, values);
        (void)snprintf(t->after, sizeof t->after, "%s", values[0]);
    }
    t->left -= *ret_n;
    PQclear(r);
    return 0;
}

int lj_cmd_events_tail(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct tail t = {
        .type = ctl->o.type, .unit = ctl->o.unit, .left = ctl->o.follow ? INT64_MAX : ctl->o.limit};
    int rc = lj_pg_connect(ctl, "liangjin_audit", &t.c, &err);
    if (rc == 0)
        rc = tail_start(ctl, &t, &err);
    if (rc == 0)
        rc = lj_rows_open(ctl->out, ctl->format, tail_columns, 5, tail_widths, &t.rows, &err);
    while (rc == 0 && t.left > 0 && !ferror(ctl->out)) {
        int n = 0;
        rc = tail_page(&t, &n, &err);
        if (rc == 0 && n == 0 && !ctl->o.follow)
            break;
        if (rc == 0 && n == 0)
            (void)usleep(TAIL_WAIT_US);
    }
    int closed = lj_rows_close(&t.rows, rc ? NULL : &err);
    PQfinish(t.c);
    return rc || closed ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}
