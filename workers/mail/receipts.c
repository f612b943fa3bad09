/* Receipts: a mail that was delivered is read, then signed for.
 *
 * The moves between states are rows of moves.def, the same as in the table mail_move. A batch may
 * hold several moves of one receipt, of which the database shows none yet: they are kept in the
 * context. A move that the state does not allow is "nothing written" with a reason, never an error.
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

/* State of the unit's receipt: of this batch, else of the database. 0 = the unit has no such mail.
 */
static int receipt_state(struct lj_mail_event *x, const uint8_t mail[16], const char *mail_text,
                         struct lj_mail_moved **ret_moved, enum lj_mail_state *ret, int *ret_sign,
                         struct lj_err *err)
{
    static const char sql[] =
        "select r.state, m.needs from liangjin.mail m join liangjin.mail_receipt r on r.position = "
        "m.position and r.rule = m.rule"
        " where m.id = $1::uuid and r.unit = $2::int2 and r.role = 1";
    struct lj_mail *m = x->m;
    char unit[8];
    const char *values[2] = {mail_text, unit};
    PGresult *res = NULL;
    *ret_moved = NULL;
    for (size_t i = 0; i < m->nmoved; i++) {
        if (m->moved[i].unit == x->event->unit && memcmp(m->moved[i].mail, mail, 16) == 0) {
            *ret_moved = &m->moved[i];
        }
    }
    (void)snprintf(unit, sizeof unit, "%d", x->event->unit);
    int rc = lj_dbs_query(m->db, sql, 2, values, &res, err);
    *ret = rc == 0 && PQntuples(res) == 1
               ? (enum lj_mail_state)strtol(PQgetvalue(res, 0, 0), NULL, 10)
               : 0;
    *ret_sign = rc == 0 && PQntuples(res) == 1 && strcmp(PQgetvalue(res, 0, 1), "SIGN") == 0;
    *ret = *ret_moved != NULL ? (*ret_moved)->state : *ret;
    PQclear(res);
    return rc;
}

static void put_move(struct lj_mail_event *x, const uint8_t mail[16], int from, int to)
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
}

int lj_mail_move(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    const char *text = lj_mail_text_of(x, "mail");
    struct lj_mail_moved *before = NULL;
    enum lj_mail_state state = 0;
    uint8_t mail[LJ_UUID_BYTES];
    int sign = 0;
    size_t k = 0;
    while (strcmp(moves[k].type, x->event->type) !=
           0) { /* the rules' table and moves.def have the same types */
        k++;
    }
    if (text == NULL || lj_uuid_parse(text, strlen(text), mail, NULL) != 0) {
        *ret_reason = "bad_payload";
        return 0;
    }
    int rc = receipt_state(x, mail, text, &before, &state, &sign, err);
    if (rc != 0) {
        return rc;
    }
    *ret_reason = state == 0                               ? "no_such_mail"
                  : state >= moves[k].to                   ? "done_before"
                  : moves[k].to == LJ_MAIL_SIGNED && !sign ? "no_signature_asked"
                  : state != moves[k].from || x->m->nmoved == LJ_MAIL_BATCH_MAX
                      ? "not_in_that_state"
                      : NULL;
    if (*ret_reason != NULL) {
        return 0;
    }
    put_move(x, mail, state, moves[k].to);
    if (before == NULL) {
        before = &x->m->moved[x->m->nmoved++];
        memcpy(before->mail, mail, sizeof mail);
        before->unit = x->event->unit;
    }
    before->state = moves[k].to;
    return 0;
}
