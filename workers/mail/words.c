/* Words about a mail: a unit's reply, and the recall of what should not have been sent.
 *
 * A reply moves the unit's receipt and goes to the Centre as a mail (N27). A recall names the mail;
 * what it does to which receipt follows from positions, not from who was quicker: moves are ordered
 * within a unit only, so settle_mail carries it out when everything below it is closed
 * (db/functions/mail_remind.sql). A receipt that was signed or answered below the recall stays;
 * another is recalled, whatever moves it later; who had read below it is told (N26).
 *
 * Both leave a row of mail_word. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/db.h"
#include "common/uuid.h"
#include "workers/mail/post.h"

enum { TEXT_MAX = 1000 };

/* Appends the cleaned text, cut, and a NUL; returns where it begins. */
static size_t keep(struct lj_buf *b, const char *text, size_t max, int lines)
{
    struct lj_buf one = {0};
    size_t at = b->len;
    lj_mail_clean(&one, text, lines);
    lj_mail_cut(&one, max);
    lj_buf_put(b, one.data, one.len);
    b->failed |= one.failed;
    lj_buf_u8(b, 0);
    lj_buf_free(&one);
    return at;
}

/* The row of mail_word; `text` is clean. */
static void put_word(struct lj_mail_event *x, const uint8_t mail[16], int what, const char *text)
{
    struct lj_result *out = x->out;
    const char *by = lj_mail_text_of(x, "by");
    struct lj_buf b = {0};
    lj_pgarray_int(lj_result_column(out, LJ_MC_WORD_POSITION), x->event->position);
    lj_pgarray_bytes(lj_result_column(out, LJ_MC_WORD_MAIL), mail, 16);
    lj_pgarray_int(lj_result_column(out, LJ_MC_WORD_UNIT), x->event->unit);
    lj_pgarray_int(lj_result_column(out, LJ_MC_WORD_WHAT), what);
    lj_pgarray_bytes(lj_result_column(out, LJ_MC_WORD_TEXT), text, strlen(text));
    (void)keep(&b, by != NULL ? by : "", 30, 0);
    if (by != NULL && !b.failed) {
        lj_pgarray_bytes(lj_result_column(out, LJ_MC_WORD_BY), b.data, b.len - 1);
    } else {
        lj_pgarray_null(lj_result_column(out, LJ_MC_WORD_BY));
    }
    lj_buf_free(&b);
}

/* Texts that stand in a buffer, NUL between them. */
struct texts {
    struct lj_buf b;
    size_t title, word, unit;
};

static const char *at(const struct texts *t, size_t offset)
{
    return (const char *)t->b.data + offset;
}

/* Title of a mail and name of the event's unit, into t; *ret_found false where there is no such
 * mail.
 */
static int head(const struct lj_mail_event *x, const char *mail, struct texts *t, bool *ret_found,
                struct lj_err *err)
{
    static const char sql[] =
        "select m.title, coalesce((select u.name from liangjin.unit_at($2::int8) u where u.number "
        "= $3::int2), '') from liangjin.mail m where m.id = $1::uuid";
    char position[24], unit[8];
    const char *values[3] = {mail, position, unit};
    PGresult *res = NULL;
    (void)snprintf(position, sizeof position, "%lld", (long long)x->event->position);
    (void)snprintf(unit, sizeof unit, "%d", x->event->unit);
    int rc = lj_dbs_query(x->m->db, sql, 3, values, &res, err);
    *ret_found = rc == 0 && PQntuples(res) == 1;
    if (*ret_found) {
        t->title = keep(&t->b, PQgetvalue(res, 0, 0), 200, 0);
        t->unit = keep(&t->b, PQgetvalue(res, 0, 1), 60, 0);
    }
    PQclear(res);
    return rc;
}

/* The mail that the payload names and the text that it must give; 0 = a payload of another form. */
static int word_of(const struct lj_mail_event *x, const char *name, uint8_t mail[16],
                   struct texts *t)
{
    const char *id = lj_mail_text_of(x, "mail"), *text = lj_mail_text_of(x, name);
    if (id == NULL || text == NULL || lj_uuid_parse(id, strlen(id), mail, NULL) != 0) {
        return 0;
    }
    t->word = keep(&t->b, text, TEXT_MAX, 1);
    return t->b.failed || at(t, t->word)[0] != '\0';
}

int lj_mail_reply(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    static const int16_t centre = 0;
    struct texts t = {0};
    uint8_t mail[LJ_UUID_BYTES];
    bool found = false;
    int rc = 0;
    if (!word_of(x, "text", mail, &t)) {
        *ret_reason = "bad_payload";
    } else {
        rc = lj_mail_move(x, ret_reason, err);
    }
    if (rc == 0 && *ret_reason == NULL) {
        rc = head(x, lj_mail_text_of(x, "mail"), &t, &found, err);
    }
    if (rc == 0 && t.b.failed) {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for a reply");
    }
    if (rc == 0 && *ret_reason == NULL) {
        put_word(x, mail, LJ_MAIL_REPLY, at(&t, t.word));
        const struct lj_mail_var vars[] = {
            {"title", at(&t, t.title)}, {"text", at(&t, t.word)}, {"unit", at(&t, t.unit)}};
        const struct lj_mail_draft d = {.rule = LJ_MAIL_N27,
                                        .due = -1,
                                        .vars = vars,
                                        .nvars = 3,
                                        .units = &centre,
                                        .nunits = 1};
        rc = lj_mail_post(x, &d, err);
    }
    lj_buf_free(&t.b);
    return rc;
}

/* Was the mail recalled by an earlier event? */
static int recalled_before(const struct lj_mail_event *x, const uint8_t mail[16], bool *ret,
                           struct lj_err *err)
{
    static const char sql[] = "select from liangjin.mail_word where mail = $1::uuid and what = 1";
    const char *values[1] = {lj_mail_text_of(x, "mail")};
    PGresult *res = NULL;
    int rc = lj_dbs_query(x->m->db, sql, 1, values, &res, err);
    *ret = rc == 0 && PQntuples(res) > 0;
    *ret = *ret || lj_mail_moved_to(x->m, mail, LJ_MAIL_NO_UNIT) != 0;
    PQclear(res);
    return rc;
}

int lj_mail_recall(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    struct texts t = {0};
    uint8_t mail[LJ_UUID_BYTES];
    bool found = false, before = false;
    if (!word_of(x, "reason", mail, &t)) {
        *ret_reason = "bad_payload";
        lj_buf_free(&t.b);
        return 0;
    }
    int rc = head(x, lj_mail_text_of(x, "mail"), &t, &found, err);
    rc = rc != 0 ? rc : recalled_before(x, mail, &before, err);
    if (rc == 0 && t.b.failed) {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for a recall");
    }
    *ret_reason = rc != 0 ? NULL : !found ? "no_such_mail" : before ? "recalled" : NULL;
    if (rc == 0 && *ret_reason == NULL) {
        put_word(x, mail, LJ_MAIL_RECALL, at(&t, t.word));
        rc = lj_mail_note(x->m, mail, LJ_MAIL_NO_UNIT, LJ_MAIL_SIGNED, err);
    }
    lj_buf_free(&t.b);
    return rc;
}
