/* Writes a mail: fills the template, cuts it to its limits, and appends the head row and a receipt
 * for each receiver.
 *
 * The mail's id follows from the event and the rule (UUID version 8, as follow-on events), so one
 * event and rule have one mail whoever computes it, and a second application fails on the key. */
#include "workers/mail/post.h"

#include <string.h>

#include "common/uuid.h"

static const struct lj_mail_template *find(const struct lj_mail *m, int rule)
{
    for (size_t i = 0; i < m->ntemplates; i++) {
        if (m->templates[i].rule == rule) {
            return &m->templates[i];
        }
    }
    return NULL;
}

static void put_int(struct lj_result *out, enum lj_mail_column column, int64_t v)
{
    lj_pgarray_int(lj_result_column(out, column), v);
}

static void put_text(struct lj_result *out, enum lj_mail_column column, const void *p, size_t n)
{
    lj_pgarray_bytes(lj_result_column(out, column), p, n);
}

static int seen(const int16_t *units, size_t n, int16_t unit)
{
    for (size_t i = 0; i < n; i++) {
        if (units[i] == unit) {
            return 1;
        }
    }
    return 0;
}

static void put_receivers(const struct lj_mail_event *x, const struct lj_mail_draft *d)
{
    for (size_t i = 0; i < d->nunits; i++) {
        if (!seen(d->units, i, d->units[i])) {
            put_int(x->out, LJ_MC_TO_POSITION, x->event->position);
            put_int(x->out, LJ_MC_TO_RULE, d->rule);
            put_int(x->out, LJ_MC_TO_UNIT, d->units[i]);
        }
    }
}

int lj_mail_post(struct lj_mail_event *x, const struct lj_mail_draft *d, struct lj_err *err)
{
    struct lj_mail *m = x->m;
    const struct lj_mail_template *t = find(m, d->rule);
    const char *needs = d->needs;
    uint8_t id[LJ_UUID_BYTES];
    if (t == NULL) {
        return lj_fail(err, LJ_E_STATE, "there is no mail template of rule %d", d->rule);
    }
    needs = needs != NULL ? needs : t->needs;
    int due = d->due >= 0 ? d->due : t->due;
    lj_buf_clear(&m->title);
    lj_buf_clear(&m->body);
    lj_mail_fill(&m->title, t->title, d->vars, d->nvars);
    lj_mail_fill(&m->body, t->body, d->vars, d->nvars);
    lj_mail_cut(&m->title, LJ_MAIL_TITLE_MAX);
    lj_mail_cut(&m->body, LJ_MAIL_BODY_MAX);
    if (m->title.failed || m->body.failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    lj_uuid_v8(x->event->id, "mail", (uint32_t)d->rule, id);
    put_int(x->out, LJ_MC_POSITION, x->event->position);
    put_text(x->out, LJ_MC_ID, id, sizeof id);
    put_int(x->out, LJ_MC_RULE, d->rule);
    put_int(x->out, LJ_MC_UNIT, x->event->unit);
    if (due >= 0 && strcmp(needs, "NONE") != 0) {
        put_int(x->out, LJ_MC_DUE, due);
    } else {
        lj_pgarray_null(lj_result_column(x->out, LJ_MC_DUE));
    }
    lj_pgarray_bool(lj_result_column(x->out, LJ_MC_URGENT), d->urgent);
    put_text(x->out, LJ_MC_KIND, t->kind, strlen(t->kind));
    put_text(x->out, LJ_MC_NEEDS, needs, strlen(needs));
    put_text(x->out, LJ_MC_TITLE, m->title.data, m->title.len);
    put_text(x->out, LJ_MC_BODY, m->body.data, m->body.len);
    put_receivers(x, d);
    return 0;
}
