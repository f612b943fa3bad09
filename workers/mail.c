/* The kind `mail`: station mail. An event becomes a mail to the administrators of a unit (rejected
 * report, duty met, opinion flagged, broadcast of the Centre), or moves receipts (read, signed,
 * replied, recalled).
 *
 * Texts are made here from the templates in the database (mail_template), read when the worker
 * starts: the tables that ljctl and the gateway show and the texts that go out are then the same
 * rows, and a new wording is `ljctl migrate` and a restart. The rules are in mail/rules.c, one row
 * of a table each.
 *
 * Verdict 1 written: a mail or a move. Verdict 2 nothing to write, with the reason in mail_log (a
 * payload of the wrong form, no receiver, a move that the state does not allow). Barrier on
 * register: receivers are those of the event's position. */
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "workers/mail/post.h"

static const enum lj_pgtype columns[LJ_MAIL_COLUMNS] = {
    [LJ_MC_VERDICT] = LJ_PG_INT2,     [LJ_MC_REASON] = LJ_PG_TEXT,
    [LJ_MC_POSITION] = LJ_PG_INT8,    [LJ_MC_ID] = LJ_PG_UUID,
    [LJ_MC_RULE] = LJ_PG_INT2,        [LJ_MC_UNIT] = LJ_PG_INT2,
    [LJ_MC_DUE] = LJ_PG_INT2,         [LJ_MC_URGENT] = LJ_PG_BOOL,
    [LJ_MC_KIND] = LJ_PG_TEXT,        [LJ_MC_NEEDS] = LJ_PG_TEXT,
    [LJ_MC_TITLE] = LJ_PG_TEXT,       [LJ_MC_BODY] = LJ_PG_TEXT,
    [LJ_MC_TO_POSITION] = LJ_PG_INT8, [LJ_MC_TO_RULE] = LJ_PG_INT2,
    [LJ_MC_TO_UNIT] = LJ_PG_INT2,     [LJ_MC_MOVE_POSITION] = LJ_PG_INT8,
    [LJ_MC_MOVE_MAIL] = LJ_PG_UUID,   [LJ_MC_MOVE_UNIT] = LJ_PG_INT2,
    [LJ_MC_MOVE_FROM] = LJ_PG_INT2,   [LJ_MC_MOVE_TO] = LJ_PG_INT2,
    [LJ_MC_MOVE_BY] = LJ_PG_TEXT,     [LJ_MC_WORD_POSITION] = LJ_PG_INT8,
    [LJ_MC_WORD_MAIL] = LJ_PG_UUID,   [LJ_MC_WORD_UNIT] = LJ_PG_INT2,
    [LJ_MC_WORD_WHAT] = LJ_PG_INT2,   [LJ_MC_WORD_TEXT] = LJ_PG_TEXT,
    [LJ_MC_WORD_BY] = LJ_PG_TEXT,
};

static void mail_close(void **state)
{
    struct lj_mail *m = *state;
    if (m == NULL) {
        return;
    }
    PQfinish(m->db);
    for (size_t i = 0; i < m->ntemplates; i++) {
        free(m->templates[i].title);
        free(m->templates[i].body);
    }
    lj_buf_free(&m->title);
    lj_buf_free(&m->body);
    lj_buf_free(&m->scratch);
    free(m->moved);
    free(m->dsn);
    free(m->name);
    free(m);
    *state = NULL;
}

/* A connection that works, or one that is made now. */
static int connected(struct lj_mail *m, struct lj_err *err)
{
    if (m->db != NULL && PQstatus(m->db) == CONNECTION_OK) {
        return 0;
    }
    PQfinish(m->db);
    m->db = NULL;
    return lj_dbs_open(m->dsn, m->name, &m->db, err);
}

static int read_templates(struct lj_mail *m, struct lj_err *err)
{
    static const char sql[] = "select rule, coalesce(due_working_days, -1), kind, needs, title, "
                              "body from liangjin.mail_template order by rule";
    PGresult *res = NULL;
    int rc = lj_dbs_query(m->db, sql, 0, NULL, &res, err);
    if (rc == 0 && (PQntuples(res) == 0 || PQntuples(res) > LJ_MAIL_TEMPLATES_MAX)) {
        rc = lj_fail(err, LJ_E_STATE, "%d mail templates, 1 to %d are expected", PQntuples(res),
                     LJ_MAIL_TEMPLATES_MAX);
    }
    for (int i = 0; rc == 0 && i < PQntuples(res); i++) {
        struct lj_mail_template *t = &m->templates[m->ntemplates++];
        t->rule = (int)strtol(PQgetvalue(res, i, 0), NULL, 10);
        t->due = (int)strtol(PQgetvalue(res, i, 1), NULL, 10);
        (void)strncpy(t->kind, PQgetvalue(res, i, 2), sizeof t->kind - 1);
        (void)strncpy(t->needs, PQgetvalue(res, i, 3), sizeof t->needs - 1);
        t->title = strdup(PQgetvalue(res, i, 4));
        t->body = strdup(PQgetvalue(res, i, 5));
        if (t->title == NULL || t->body == NULL) {
            rc = lj_fail(err, LJ_E_NOMEM, "no memory for the mail templates");
        }
    }
    PQclear(res);
    return rc;
}

static int mail_open(const struct lj_worker_ctx *ctx, void **ret_state, struct lj_err *err)
{
    struct lj_mail *m = calloc(1, sizeof *m);
    void *half = m;
    int rc = 0;
    if (m == NULL || (m->dsn = strdup(ctx->dsn)) == NULL || (m->name = strdup(ctx->name)) == NULL) {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for mail");
    }
    rc = rc != 0 ? rc : connected(m, err);
    rc = rc != 0 ? rc : read_templates(m, err);
    if (rc != 0) {
        mail_close(&half);
        return rc;
    }
    *ret_state = m;
    return 0;
}

static void put_verdict(struct lj_result *out, size_t i, const char *reason)
{
    int verdict = reason == NULL ? LJ_MAIL_WRITTEN : LJ_MAIL_NOTHING;
    lj_pgarray_int(lj_result_column(out, LJ_MC_VERDICT), verdict);
    if (reason != NULL) {
        lj_pgarray_bytes(lj_result_column(out, LJ_MC_REASON), reason, strlen(reason));
    } else {
        lj_pgarray_null(lj_result_column(out, LJ_MC_REASON));
    }
    lj_result_done(out, i, verdict);
}

static int one_event(struct lj_mail *m, const struct lj_event *e, size_t i, struct lj_result *out,
                     struct lj_err *err)
{
    lj_mail_rule rule = lj_mail_rule_of(e->type);
    json_error_t why;
    const char *reason = NULL;
    struct lj_err unknown = {0};
    if (rule == NULL) {
        (void)lj_fail(&unknown, LJ_E_TYPE_UNKNOWN, "mail does not know the type %.60s", e->type);
        lj_result_final(out, i, &unknown);
        return 0;
    }
    json_t *payload = json_loadb(e->payload, e->payload_len, JSON_REJECT_DUPLICATES, &why);
    if (payload == NULL && json_error_code(&why) == json_error_out_of_memory) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a payload");
    }
    struct lj_mail_event x = {.m = m, .event = e, .payload = payload, .out = out};
    int rc = 0;
    if (json_is_object(payload)) {
        rc = rule(&x, &reason, err);
    } else {
        reason = "bad_payload";
    }
    json_decref(payload);
    if (rc == 0) {
        put_verdict(out, i, reason);
    }
    return rc;
}

static int mail_batch(void *state, const struct lj_batch *in, struct lj_result *out,
                      struct lj_err *err)
{
    struct lj_mail *m = state;
    int rc = connected(m, err);
    m->nmoved = 0;
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        rc = one_event(m, &in->events[i], i, out, err);
    }
    return rc;
}

const struct lj_worker lj_worker_mail = {
    .kind = "mail",
    .version = "1",
    .columns = columns,
    .ncolumns = LJ_MAIL_COLUMNS,
    .open = mail_open,
    .batch = mail_batch,
    .close = mail_close,
};
