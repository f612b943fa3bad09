/* Kind register: fills the registers (unit, team, person, membership, site, policy) from register
 * events.
 *
 * Where verdicts are made: here, against the registers as they stand, because an event that does
 * not fit is not an error but a verdict with reasons (docs/registers.md). The kind is ordered by
 * position with one batch in flight, so what a batch reads cannot change before its rows are
 * written; the basis that goes along proves it (register/state.c, db/functions/register.sql).
 * Guarantees: the same registers and the same events give the same rows and numbers, whatever the
 * batches were; no field reason parks an event; an event that is refused leaves its reasons and
 * nothing else. */
#include "workers/worker.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "workers/register/reg.h"
#include "workers/sender.h"

static const enum lj_pgtype columns[REG_COLUMNS] = {
    [REG_C_VERDICTS] = LJ_PG_INT2,
    [REG_C_BASIS] = LJ_PG_INT8,
    [REG_C_TABLES] = LJ_PG_TEXT,
    [REG_C_ROWS] = LJ_PG_TEXT,
    [REG_C_REFUSED_POSITIONS] = LJ_PG_INT8,
    [REG_C_REFUSED_CODES] = LJ_PG_TEXT,
    [REG_C_REFUSED_POINTERS] = LJ_PG_TEXT,
    [REG_C_REFUSED_EN] = LJ_PG_TEXT,
    [REG_C_REFUSED_ZH] = LJ_PG_TEXT,
};

struct state {
    PGconn *db; /* owned; NULL while there is none */
    char *dsn;  /* owned */
    char *name; /* owned */
};

static void worker_close(void **ret_state)
{
    struct state *s = *ret_state;
    if (s == NULL) {
        return;
    }
    PQfinish(s->db);
    free(s->dsn);
    free(s->name);
    free(s);
    *ret_state = NULL;
}

/* A connection that works, or one that is made now. */
static int connected(struct state *s, struct lj_err *err)
{
    if (s->db != NULL && PQstatus(s->db) == CONNECTION_OK) {
        return 0;
    }
    PQfinish(s->db);
    s->db = NULL;
    return lj_dbs_open(s->dsn, s->name, &s->db, err);
}

static int worker_open(const struct lj_worker_ctx *ctx, void **ret_state, struct lj_err *err)
{
    struct state *s = calloc(1, sizeof(*s));
    void *half = s;
    int rc = 0;
    if (s == NULL || (s->dsn = strdup(ctx->dsn)) == NULL || (s->name = strdup(ctx->name)) == NULL) {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for a register worker");
    }
    if (rc == 0) {
        rc = connected(s, err);
    }
    if (rc != 0) {
        worker_close(&half);
        return rc;
    }
    *ret_state = s;
    return 0;
}

/* Judges the form of every payload; the ones that stay NULL are refused already. */
static bool check_forms(const struct lj_batch *in, struct reg_ctx *contexts, json_t **payloads)
{
    for (size_t i = 0; i < in->count; i++) {
        struct reg_ctx *x = &contexts[i];
        const struct reg_type *type = reg_type_find(x->event->type);
        x->payload =
            json_loadb(x->event->payload, x->event->payload_len, JSON_REJECT_DUPLICATES, NULL);
        if (type == NULL) {
            reg_refuse(x, "", REG_R_PAYLOAD);
        } else {
            reg_check(x, type->fields);
        }
        payloads[i] = x->reasons == 0 ? x->payload : NULL;
        if (x->nomem) {
            return false;
        }
    }
    return true;
}

/* Who sent the events, if a rule of one of them asks for it. */
static int load_senders(struct state *s, const struct lj_batch *in, struct reg_ctx *contexts,
                        json_t *const *payloads, struct lj_err *err)
{
    bool asked = false;
    for (size_t i = 0; i < in->count; i++) {
        asked = asked || (payloads[i] != NULL && reg_type_find(in->events[i].type)->asks_who);
    }
    struct lj_who *who = asked ? calloc(in->count, sizeof(*who)) : NULL;
    if (!asked) {
        return 0;
    }
    int rc = who != NULL ? lj_senders(s->db, in, who, err)
                         : lj_fail(err, LJ_E_NOMEM, "no memory for the senders of a batch");
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        contexts[i].who = who[i];
    }
    free(who);
    return rc;
}

static int play(struct state *s, const struct lj_batch *in, struct lj_result *out,
                struct reg_ctx *contexts, json_t **payloads, struct lj_err *err)
{
    struct reg_state regs = {0};
    if (!check_forms(in, contexts, payloads)) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a register batch");
    }
    int rc = load_senders(s, in, contexts, payloads, err);
    rc = rc != 0 ? rc : reg_state_load(s->db, in, payloads, &regs, err);
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        struct reg_ctx *x = &contexts[i];
        x->state = &regs;
        if (payloads[i] != NULL && reg_unit_may_send(x)) {
            reg_type_find(x->event->type)->rule(x);
        }
        if (x->nomem) {
            rc = lj_fail(err, LJ_E_NOMEM, "no memory for a register batch");
        }
        int verdict = x->reasons == 0 ? REG_APPLIED : REG_REFUSED;
        lj_pgarray_int(lj_result_column(out, REG_C_VERDICTS), verdict);
        lj_result_done(out, i, verdict);
    }
    if (rc == 0) {
        lj_pgarray_int(lj_result_column(out, REG_C_BASIS), regs.basis);
    }
    reg_state_free(&regs);
    return rc;
}

static int worker_batch(void *state, const struct lj_batch *in, struct lj_result *out,
                        struct lj_err *err)
{
    struct reg_ctx *contexts = calloc(in->count + 1, sizeof(*contexts));
    json_t **payloads = calloc(in->count + 1, sizeof(json_t *));
    int rc = 0;
    if (contexts == NULL || payloads == NULL) {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for a batch of %zu events", in->count);
    }
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        contexts[i].event = &in->events[i];
        contexts[i].out = out;
    }
    rc = rc != 0 ? rc : connected(state, err);
    rc = rc != 0 ? rc : play(state, in, out, contexts, payloads, err);
    for (size_t i = 0; contexts != NULL && i < in->count; i++) {
        json_decref(contexts[i].payload);
    }
    free(payloads);
    free(contexts);
    return rc;
}

const struct lj_worker lj_worker_register = {
    .kind = "register",
    .version = "2",
    .columns = columns,
    .ncolumns = REG_COLUMNS,
    .open = worker_open,
    .batch = worker_batch,
    .close = worker_close,
};
