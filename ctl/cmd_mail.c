/* ljctl mail ls|show|broadcast|recall: station mail.
 *
 * Reading goes to the view `mailbox`, a line a receipt, so a mail to fifty units is fifty lines
 * with one number: the number is the log position of the event that led to it, which `events show`
 * takes too. A broadcast is an event like any other (mail.broadcast_requested): it is in the log
 * before anybody gets it, and a repeat with the same --id is stored once.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/send_event.h"

enum {
    LJ_MAIL_FILE_MAX = 16384
}; /* bytes of a body; the limit of 2,000 characters is the kind's */

static const struct lj_col ls_columns[] = {
    {"number", "NUMBER", LJ_COL_INT}, {"sent_at", "SENT", LJ_COL_TEXT},
    {"unit", "UNIT", LJ_COL_TEXT},    {"template", "TEMPLATE", LJ_COL_TEXT},
    {"kind", "KIND", LJ_COL_TEXT},    {"needs", "NEEDS", LJ_COL_TEXT},
    {"state", "STATE", LJ_COL_TEXT},  {"urgent", NULL, LJ_COL_BOOL},
    {"due_on", "DUE", LJ_COL_TEXT},   {"due_working_days", NULL, LJ_COL_INT},
    {"id", NULL, LJ_COL_TEXT},        {"title", "TITLE", LJ_COL_TEXT},
};
enum { LS_COLUMNS = sizeof ls_columns / sizeof ls_columns[0] };

int lj_cmd_mail_ls(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    char limit[24];
    int n = 0;
    (void)snprintf(limit, sizeof limit, "%lld", (long long)ctl->o.limit);
    const char *params[] = {ctl->o.unit, limit, ctl->o.open ? "t" : "f"};
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = lj_pg_print(
            ctl, c,
            &(struct lj_pg_list){
                "select position, to_char(sent_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD "
                "HH24:MI'), unit_code, template, kind, needs, state, urgent, due_on, "
                "due_working_days, id, "
                "title from liangjin.mailbox m where ($1::text is null or unit_code = $1) and "
                "($3::bool "
                "is false or exists (select from liangjin.mail_open o where o.unit = m.unit and "
                "o.id "
                "= m.id))"
                " order by position desc, template, unit_code limit $2::int8",
                params, 3, ls_columns, LS_COLUMNS},
            &n, &err);
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (n == 0)
        lj_say("no mail%s%s", ctl->o.unit ? " of " : "", ctl->o.unit ? ctl->o.unit : "");
    return LJ_EXIT_OK;
}

/* ---- show ---- */

static const struct lj_col receipt_columns[] = {
    {"unit", "UNIT", LJ_COL_TEXT},        {"state", "STATE", LJ_COL_TEXT},
    {"read_at", "READ", LJ_COL_TEXT},     {"read_by", "BY", LJ_COL_TEXT},
    {"signed_at", "SIGNED", LJ_COL_TEXT}, {"signed_by", "BY", LJ_COL_TEXT},
    {"reply", "REPLY", LJ_COL_TEXT},      {"detail", "DETAIL", LJ_COL_TEXT},
};
enum { RECEIPT_COLUMNS = sizeof receipt_columns / sizeof receipt_columns[0] };

static const struct {
    const char *label;
    int column;
} head_lines[] = {{"number", 0}, {"id", 1},  {"sent", 2},   {"template", 3}, {"kind", 4},
                  {"needs", 5},  {"due", 6}, {"urgent", 7}, {"title", 8},    {"recalled", 11}};

static void put_body(FILE *out, const char *body)
{
    fputc('\n', out);
    for (const char *p = body; *p; p++)
        fputc((unsigned char)*p < 0x20 && *p != '\n' ? '.' : *p, out);
    fputs("\n\n", out);
}

/* One mail as text: head, body, then who has got it. */
static int show_text(struct lj_ctl *ctl, PGconn *c, const PGresult *mails, int i,
                     struct lj_err *err)
{
    const char *id = PQgetvalue(mails, i, 1);
    for (size_t k = 0; k < sizeof head_lines / sizeof head_lines[0]; k++) {
        if (!PQgetisnull(mails, i, head_lines[k].column))
            lj_put_line(ctl->out, head_lines[k].label, PQgetvalue(mails, i, head_lines[k].column));
    }
    put_body(ctl->out, PQgetvalue(mails, i, 9));
    return lj_pg_print(
        ctl, c,
        &(struct lj_pg_list){
            "select unit_code, state, read_at, read_by, signed_at, "
            "signed_by, reply, replace(detail, E'\\n', '; ') from liangjin.mailbox where id = "
            "$1::uuid order by unit_code",
            &id, 1, receipt_columns, RECEIPT_COLUMNS},
        NULL, err);
}

static const struct lj_col json_columns[] = {
    {"number", NULL, LJ_COL_INT},    {"id", NULL, LJ_COL_TEXT},
    {"sent_at", NULL, LJ_COL_TEXT},  {"template", NULL, LJ_COL_TEXT},
    {"kind", NULL, LJ_COL_TEXT},     {"needs", NULL, LJ_COL_TEXT},
    {"due", NULL, LJ_COL_TEXT},      {"urgent", NULL, LJ_COL_BOOL},
    {"title", NULL, LJ_COL_TEXT},    {"body", NULL, LJ_COL_TEXT},
    {"receipts", NULL, LJ_COL_JSON}, {"recalled", NULL, LJ_COL_TEXT}};
enum { JSON_COLUMNS = sizeof json_columns / sizeof json_columns[0] };

static const char show_sql[] =
    "select m.position, m.id, to_char(m.sent_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), t.code, "
    "m.kind, m.needs, m.due_on || ' (' || m.due_working_days || ' working days)', m.urgent, "
    "m.title, m.body,"
    " (select json_agg(json_build_object('unit', b.unit_code, 'state', b.state, 'read_at', "
    "b.read_at, 'read_by', b.read_by, 'signed_at', b.signed_at, 'signed_by', b.signed_by, 'reply', "
    "b.reply, 'detail', b.detail) order by b.unit_code) from liangjin.mailbox b where b.id = m.id),"
    " (select to_char(w.at at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI') || ' (' || w.text "
    "|| "
    "')' from liangjin.mail_word w where w.mail = m.id and w.what = 1)"
    " from liangjin.mail m join liangjin.mail_template t on t.rule = m.rule"
    " where m.id::text = lower($1) or m.position::text = $1 order by m.position, m.rule";

int lj_cmd_mail_show(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    PGresult *r = NULL;
    const char *what = ctl->words[0];
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0 && ctl->format != LJ_FORMAT_TABLE)
        rc = lj_pg_print(ctl, c,
                         &(struct lj_pg_list){show_sql, &what, 1, json_columns, JSON_COLUMNS}, NULL,
                         &err);
    else if (rc == 0)
        rc = lj_dbs_query(c, show_sql, 1, &what, &r, &err);
    if (rc == 0 && r && PQntuples(r) == 0)
        rc = lj_fail(&err, LJ_E_NOT_FOUND, "there is no mail %.60s", what);
    for (int i = 0; rc == 0 && r && i < PQntuples(r); i++)
        rc = show_text(ctl, c, r, i, &err);
    PQclear(r);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, "`ljctl mail ls` lists them") : LJ_EXIT_OK;
}

/* ---- broadcast ---- */

static const struct lj_col sent_columns[] = {{"id", "ID", LJ_COL_TEXT},
                                             {"position", "NUMBER", LJ_COL_INT},
                                             {"result", "RESULT", LJ_COL_TEXT}};

/* "PS001,GU027" or "PROVINCE,GAS_UNIT" as an array; a code has digits, a kind has none. */
static json_t *words_of(const char *text, int *ret_codes)
{
    json_t *list = json_array();
    *ret_codes = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ",");
        for (size_t i = 0; i < n; i++)
            *ret_codes |= p[i] >= '0' && p[i] <= '9';
        (void)json_array_append_new(list, json_stringn(p, n));
        p += n + (p[n] == ',');
    }
    return list;
}

static json_t *broadcast_event(const struct lj_ctl *ctl, const char *body, size_t n)
{
    int codes = 0;
    int all = strcmp(ctl->o.to, "all") == 0;
    json_t *words = all ? NULL : words_of(ctl->o.to, &codes);
    json_t *payload = json_pack("{s:s, s:s, s:s%, s:s}", "scope",
                                all     ? "all"
                                : codes ? "list"
                                        : "kind",
                                "title", ctl->o.title, "body", body, n, "needs", ctl->o.needs);
    if (words)
        (void)json_object_set_new(payload, codes ? "units" : "kinds", words);
    if (ctl->o.due)
        (void)json_object_set_new(payload, "due_working_days", json_integer(ctl->o.due));
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", "mail.broadcast_requested", "unit",
                              "CN000", "payload", payload);
    if (ctl->o.id)
        (void)json_object_set_new(event, "id", json_string(ctl->o.id));
    return event;
}

static int read_body(const char *path, char *out, size_t cap, size_t *ret_n, struct lj_err *err)
{
    FILE *f = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
    if (!f)
        return lj_fail(err, LJ_E_NOT_FOUND, "cannot open %.180s", path);
    size_t n = fread(out, 1, cap - 1, f);
    int bad = ferror(f) || !feof(f);
    if (f != stdin)
        (void)fclose(f);
    if (bad)
        return lj_fail(err, LJ_E_TOO_LARGE, "%.150s cannot be read, or is longer than %zu bytes",
                       path, cap - 1);
    while (n && (out[n - 1] == '\n' || out[n - 1] == '\r'))
        n--;
    out[n] = '\0';
    *ret_n = n;
    return n ? 0 : lj_fail(err, LJ_E_ARG, "the text of the mail is empty");
}

/* Sends the event and prints its id and number; the exit code. */
static int send_and_tell(struct lj_ctl *ctl, json_t *event)
{
    struct lj_err err = {0};
    struct lj_rows *rows = NULL;
    struct lj_sent_event o;
    char position[24];
    int rc = lj_send_event(ctl, "ljctl", event, &o, &err);
    if (rc == 0)
        rc = lj_rows_open(ctl->out, ctl->format, sent_columns, 3, NULL, &rows, &err);
    if (rc)
        return lj_ctl_error(&err, o.code == LJ_E_TIMEOUT || o.code == LJ_E_DB_LOST
                                      ? "outcome unknown: send it again with the same --id"
                                      : NULL);
    (void)snprintf(position, sizeof position, "%lld", (long long)o.position);
    const char *values[] = {o.id, position, o.code ? "stored before" : "stored"};
    lj_rows_add(rows, values);
    rc = lj_rows_close(&rows, &err);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

/* The mail's id in lower case, as it was given or of the one mail with that number. */
static int mail_id_of(struct lj_ctl *ctl, const char *what, char ret[40], struct lj_err *err)
{
    static const char sql[] = "select m.id from liangjin.mail m where m.id::text = lower($1) or "
                              "m.position::text = $1";
    PGconn *c = NULL;
    PGresult *r = NULL;
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, err);
    rc = rc ? rc : lj_dbs_query(c, sql, 1, &what, &r, err);
    if (rc == 0 && PQntuples(r) != 1)
        rc = lj_fail(err, LJ_E_NOT_FOUND, "there %s %.60s",
                     PQntuples(r) ? "are several mails with the number" : "is no mail", what);
    if (rc == 0)
        (void)snprintf(ret, 40, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    PQfinish(c);
    return rc;
}

int lj_cmd_mail_recall(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    char id[40];
    if (!ctl->o.reason) {
        lj_say("--reason is needed: who had read the mail is told it");
        return LJ_EXIT_USAGE;
    }
    if (mail_id_of(ctl, ctl->words[0], id, &err))
        return lj_ctl_error(&err, "`ljctl mail ls --output json` has the ids");
    if (!lj_ctl_confirm(ctl, "recall this mail"))
        return LJ_EXIT_REFUSED;
    json_t *event = json_pack("{s:s, s:s, s:{s:s, s:s}}", "type", "mail.recalled", "unit", "CN000",
                              "payload", "mail", id, "reason", ctl->o.reason);
    if (event && ctl->o.id)
        (void)json_object_set_new(event, "id", json_string(ctl->o.id));
    return send_and_tell(ctl, event);
}

int lj_cmd_mail_broadcast(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    char body[LJ_MAIL_FILE_MAX];
    size_t n = 0;
    if (!ctl->o.title) {
        lj_say("--title is needed");
        return LJ_EXIT_USAGE;
    }
    int rc = read_body(ctl->words[0], body, sizeof body, &n, &err);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (!lj_ctl_confirm(ctl, "write to all of these units"))
        return LJ_EXIT_REFUSED;
    return send_and_tell(ctl, broadcast_event(ctl, body, n));
}
