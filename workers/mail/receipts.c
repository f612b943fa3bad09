/* Receipts: a mail that was delivered is read, then signed for.
 *
 * The moves between states are rows of moves.def, the same as in the table mail_move. A batch may
 * hold several moves of one receipt, of which the database shows none yet: they are kept in the
 * context, and the last one counts. A move that the state does not allow is "nothing written" with
 * a reason, never an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/uuid.h"
#include "workers/mail/post.h"

static const struct {
    const char *type;
    enum lj_mail_state from, to;
} moves[] = {
#define STATE(symbol, number)
#define MOVE(type, from, to) {type, LJ_MAIL_##from, LJ_MAIL_##to},
#include "workers/mail/moves.def"
#undef STATE
#undef MOVE
};

enum lj_mail_state lj_mail_moved_to(const struct lj_mail *m, const uint8_t mail[16], int16_t unit)
{
    for (size_t i = m->nmoved; i-- > 0;) {
        if (m->moved[i].unit == unit && memcmp(m->moved[i].mail, mail, 16) == 0) {
            return m->moved[i].state;
        }
    }
    return 0;
}

int lj_mail_note(struct lj_mail *m, const uint8_t mail[16], int16_t unit, enum lj_mail_state to,
                 struct lj_err *err)
{
    if (m->nmoved == m->moved_cap) {
        size_t cap = m->moved_cap != 0 ? 2 * m->moved_cap : 64;
        struct lj_mail_moved *more = reallocarray(m->moved, cap, sizeof *more);
        if (more == NULL) {
            return lj_fail(err, LJ_E_NOMEM, "no memory for the moves of %zu receipts", cap);
        }
        m->moved = more;
        m->moved_cap = cap;
    }
    struct lj_mail_moved *new = &m->moved[m->nmoved++];
    memcpy(new->mail, mail, sizeof new->mail);
    new->unit = unit;
    new->state = to;
    return 0;
}

/* A receipt as the batch sees it. */
struct seen {
    enum lj_mail_state state; /* 0 = the unit has no such mail */
    char needs[16];
};

static int receipt_state(struct lj_mail_event *x, const uint8_t mail[16], const char *mail_text,
                         struct seen *ret, struct lj_err *err)
{
    static const char sql[] =
        "select r.state, m.needs from liangjin.mail m join liangjin.mail_receipt r on r.position = "
        "m.position and r.rule = m.rule"
        " where m.id = $1::uuid and r.unit = $2::int2 and r.role = 1";
    enum lj_mail_state now = lj_mail_moved_to(x->m, mail, x->event->unit);
    char unit[8];
    const char *values[2] = {mail_text, unit};
    PGresult *res = NULL;
    (void)snprintf(unit, sizeof unit, "%d", x->event->unit);
    int rc = lj_dbs_query(x->m->db, sql, 2, values, &res, err);
    if (rc == 0 && PQntuples(res) == 1) {
        ret->state = (enum lj_mail_state)strtol(PQgetvalue(res, 0, 0), NULL, 10);
        (void)snprintf(ret->needs, sizeof ret->needs, "%s", PQgetvalue(res, 0, 1));
    }
    ret->state = now != 0 ? now : ret->state;
    PQclear(res);
    return rc;
}

static int put_move(struct lj_mail_event *x, const uint8_t mail[16], enum lj_mail_state from,
                    enum lj_mail_state to, struct lj_err *err)
{
    struct lj_result *out = x->out;
    const char *by = lj_mail_text_of(x, "by");
    lj_pgarray_int(lj_result_column(out, LJ_MC_MOVE_POSITION), x->event->position);
    lj_pgarray_bytes(lj_result_column(out, LJ_MC_MOVE_MAIL), mail, 16);
    lj_pgarray_int(lj_result_column(out, LJ_MC_MOVE_UNIT), x->event->unit);
    lj_pgarray_int(lj_result_column(out, LJ_MC_MOVE_FROM), from);
    lj_pgarray_int(lj_result_column(out, LJ_MC_MOVE_TO), to);
    lj_buf_clear(&x->m->scratch);
    if (by != NULL) {
        lj_mail_clean(&x->m->scratch, by, 0);
        lj_mail_cut(&x->m->scratch, 30);
        lj_pgarray_bytes(lj_result_column(out, LJ_MC_MOVE_BY), x->m->scratch.data,
                         x->m->scratch.len);
    } else {
        lj_pgarray_null(lj_result_column(out, LJ_MC_MOVE_BY));
    }
    return lj_mail_note(x->m, mail, x->event->unit, to, err);
}

/* Why the move cannot be made; NULL: it can. What is asked of a mail is at most one of signing and
 * replying. */
static const char *refusal(const struct seen *seen, enum lj_mail_state from, enum lj_mail_state to)
{
    if (seen->state == 0) {
        return "no_such_mail";
    }
    if (seen->state >= to) {
        return "done_before";
    }
    if (to == LJ_MAIL_SIGNED && strcmp(seen->needs, "SIGN") != 0) {
        return "no_signature_asked";
    }
    if (to == LJ_MAIL_REPLIED && strcmp(seen->needs, "REPLY") != 0) {
        return "no_reply_asked";
    }
    return seen->state != from ? "not_in_that_state" : NULL;
}

int lj_mail_move(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    const char *text = lj_mail_text_of(x, "mail");
    struct seen seen = {0};
    uint8_t mail[LJ_UUID_BYTES];
    size_t k = 0;
    while (strcmp(moves[k].type, x->event->type) !=
           0) { /* the rules' table and moves.def have the same types */
        k++;
    }
    if (text == NULL || lj_uuid_parse(text, strlen(text), mail, NULL) != 0) {
        *ret_reason = "bad_payload";
        return 0;
    }
    int rc = receipt_state(x, mail, text, &seen, err);
    if (rc == 0) {
        *ret_reason = refusal(&seen, moves[k].from, moves[k].to);
    }
    if (rc == 0 && *ret_reason == NULL) {
        rc = put_move(x, mail, seen.state, moves[k].to, err);
    }
    return rc;
}
