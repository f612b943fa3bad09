/* ljctl parked ls|show|redrive|drop: dead letters.
 *
 * Looking reads the database as role liangjin_audit; redriving and dropping are requests to the
 * broker, which does them inside its own transactions (the log has one writer) and appends an
 * operator.* event. --dry-run shows what the request would touch. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/admin.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"

static const struct lj_col columns[] = {{"kind", "KIND", LJ_COL_TEXT},
                                        {"position", "POSITION", LJ_COL_INT},
                                        {"id", NULL, LJ_COL_TEXT},
                                        {"type", "TYPE", LJ_COL_TEXT},
                                        {"unit", "UNIT", LJ_COL_TEXT},
                                        {"state", "STATE", LJ_COL_TEXT},
                                        {"behind", "BEHIND", LJ_COL_BOOL},
                                        {"attempts", "TRIED", LJ_COL_INT},
                                        {"parked_at", "PARKED", LJ_COL_TEXT},
                                        {"error_code", "CODE", LJ_COL_TEXT},
                                        {"error", "ERROR", LJ_COL_TEXT},
                                        {"fingerprint", NULL, LJ_COL_TEXT},
                                        {"worker", NULL, LJ_COL_TEXT},
                                        {"version", NULL, LJ_COL_TEXT},
                                        {"reason", NULL, LJ_COL_TEXT},
                                        {"payload", NULL, LJ_COL_JSON}};
enum { COLUMNS = sizeof columns / sizeof columns[0], LIST_COLUMNS = COLUMNS - 1 };

#define SELECT_PARKED                                                                              \
    "select k.name, p.position, e.id, t.name, u.code, p.state, p.behind, p.attempts,"              \
    " to_char(p.parked_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), p.error_code, "   \
    "p.error, p.fingerprint, p.worker, p.version,"                                                 \
    " p.reason, e.payload from liangjin.parked p join liangjin.kind k on k.number = p.kind join "  \
    "liangjin.event e on e.position = p.position"                                                  \
    " join liangjin.event_type t on t.number = e.type left join liangjin.unit u on u.number = "    \
    "p.unit"

int lj_cmd_parked_ls(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    char limit[24];
    int n = 0;
    (void)snprintf(limit, sizeof limit, "%lld", (long long)ctl->o.limit);
    const char *params[] = {ctl->o.all ? "t" : "f", ctl->o.kind, ctl->o.unit, limit};
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    struct lj_pg_list list = {SELECT_PARKED
                              " where ($1::bool or p.state in ('parked', 'redriving'))"
                              " and ($2::text is null or k.name = $2)"
                              " and ($3::text is null or u.code = $3)"
                              " order by p.parked_at desc, p.position desc limit $4::int8",
                              params, 4, columns, LIST_COLUMNS};
    if (rc == 0)
        rc = lj_pg_print(ctl, c, &list, &n, &err);
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (n == 0)
        lj_say("nothing is parked");
    return LJ_EXIT_OK;
}

static int check_position(const char *word)
{
    if (word[0] && strlen(word) <= 18 && !word[strspn(word, "0123456789")])
        return 0;
    lj_say("\"%.60s\" is no position", word);
    return LJ_EXIT_USAGE;
}

int lj_cmd_parked_show(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    PGresult *r = NULL;
    if (check_position(ctl->words[1]))
        return LJ_EXIT_USAGE;
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0 && ctl->format != LJ_FORMAT_TABLE) {
        int n = 0;
        struct lj_pg_list list = {SELECT_PARKED " where k.name = $1 and p.position = $2::int8",
                                  ctl->words, 2, columns, COLUMNS};
        rc = lj_pg_print(ctl, c, &list, &n, &err);
        if (rc == 0 && n == 0)
            rc = lj_fail(&err, LJ_E_NOT_FOUND, "%.40s has nothing parked at %.20s", ctl->words[0],
                         ctl->words[1]);
    } else if (rc == 0) {
        rc = lj_dbs_query(c, SELECT_PARKED " where k.name = $1 and p.position = $2::int8", 2,
                          ctl->words, &r, &err);
        if (rc == 0 && PQntuples(r) == 0)
            rc = lj_fail(&err, LJ_E_NOT_FOUND, "%.40s has nothing parked at %.20s", ctl->words[0],
                         ctl->words[1]);
        for (int i = 0; rc == 0 && i < COLUMNS; i++)
            lj_put_line(ctl->out, columns[i].name,
                        PQgetisnull(r, 0, i) ? "-" : PQgetvalue(r, 0, i));
    }
    PQclear(r);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

/* What the request is about: positions or a fingerprint of one kind. NULL and a message when it
 * is unusable. */
static json_t *make_request(const struct lj_ctl *ctl, const char *op)
{
    if (!ctl->o.kind || (ctl->nwords == 0) == (ctl->o.fingerprint == NULL)) {
        lj_say("usage: ljctl %s --kind KIND and either positions%s", ctl->command->name,
               strcmp(op, "drop") == 0 ? " and --reason" : " or --fingerprint");
        return NULL;
    }
    json_t *request = json_pack("{s:s, s:s}", "op", op, "kind", ctl->o.kind);
    if (ctl->o.fingerprint)
        (void)json_object_set_new(request, "fingerprint", json_string(ctl->o.fingerprint));
    json_t *positions = ctl->nwords ? json_array() : NULL;
    for (size_t i = 0; i < ctl->nwords; i++) {
        if (check_position(ctl->words[i])) {
            json_decref(positions);
            json_decref(request);
            return NULL;
        }
        (void)json_array_append_new(positions, json_integer(strtoll(ctl->words[i], NULL, 10)));
    }
    if (positions)
        (void)json_object_set_new(request, "positions", positions);
    if (ctl->o.reason)
        (void)json_object_set_new(request, "reason", json_string(ctl->o.reason));
    return request;
}

/* The parked events that a request names. */
static int preview(struct lj_ctl *ctl, const json_t *request)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    int n = 0;
    char *positions = json_dumps(json_object_get(request, "positions"), JSON_COMPACT);
    if (positions) {
        positions[0] = '{';
        positions[strlen(positions) - 1] = '}';
    }
    const char *params[] = {ctl->o.kind, positions, ctl->o.fingerprint};
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    struct lj_pg_list list = {SELECT_PARKED
                              " where p.state = 'parked' and k.name = $1 and ($2::int8[] is null "
                              "or p.position = any ($2::int8[]))"
                              " and ($3::text is null or p.fingerprint = $3) order by p.position",
                              params, 3, columns, LIST_COLUMNS};
    if (rc == 0)
        rc = lj_pg_print(ctl, c, &list, &n, &err);
    PQfinish(c);
    free(positions);
    if (rc)
        return lj_ctl_error(&err, NULL);
    lj_say("%d event(s) would be touched; nothing was changed", n);
    return LJ_EXIT_OK;
}

static int ask_broker(struct lj_ctl *ctl, json_t *request)
{
    struct lj_err err = {0};
    struct lj_layout at;
    struct lj_admin *admin = NULL;
    json_t *reply = NULL;
    int rc = lj_layout_find(ctl, &at, &err);
    if (rc == 0)
        rc = lj_admin_open(at.run, &admin, &err);
    if (rc == 0)
        rc = lj_admin_call(admin, request, 10000, &reply, &err);
    else
        json_decref(request);
    lj_admin_close(&admin);
    if (rc)
        return lj_ctl_error(&err, NULL);
    json_t *count = json_object_get(reply, "count");
    if (ctl->format == LJ_FORMAT_JSON) {
        (void)json_dumpf(reply, ctl->out, JSON_INDENT(2));
        fputc('\n', ctl->out);
    } else if (json_is_integer(count)) {
        fprintf(ctl->out, "%lld\n", (long long)json_integer_value(count));
    }
    int nothing = json_is_integer(count) && json_integer_value(count) == 0;
    lj_say("%s", nothing ? "nothing of that is parked" : "done");
    json_decref(reply);
    return nothing ? LJ_EXIT_REFUSED : LJ_EXIT_OK;
}

int lj_cmd_parked_redrive(struct lj_ctl *ctl)
{
    json_t *request = make_request(ctl, "redrive");
    if (!request)
        return LJ_EXIT_USAGE;
    if (ctl->o.dry_run) {
        int rc = preview(ctl, request);
        json_decref(request);
        return rc;
    }
    return ask_broker(ctl, request);
}

int lj_cmd_parked_drop(struct lj_ctl *ctl)
{
    if (!ctl->o.reason || !ctl->o.reason[0]) {
        lj_say("parked drop needs --reason: it is kept with the event and in the log");
        return LJ_EXIT_USAGE;
    }
    json_t *request = make_request(ctl, "drop");
    if (!request)
        return LJ_EXIT_USAGE;
    if (ctl->o.dry_run) {
        int rc = preview(ctl, request);
        json_decref(request);
        return rc;
    }
    if (!lj_ctl_confirm(ctl, "give these events up for good")) {
        json_decref(request);
        return LJ_EXIT_REFUSED;
    }
    return ask_broker(ctl, request);
}
