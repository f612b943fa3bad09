/* A worker's result comes back.
 *
 * It counts only for the lease it was given, from the peer that holds it: anything else is late, is
 * counted and never applied. The outcome of each event is read; where a part failed and the kind's
 * batches may be divided, the rest goes on alone. The parameters of the apply function are checked
 * for their number and form and are otherwise passed on unread.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/failpoint.h"

static struct lease *find(const struct broker *b, uint64_t id)
{
    for (struct lease *l = b->dispatch.leases; l; l = l->next) {
        if (l->id == id)
            return l;
    }
    return NULL;
}

struct outcomes {
    uint8_t *failed;
    size_t nfailed;
    enum cause cause;
    struct lj_err err;
};

/* Reads the outcome records into the lease; which failed, and how, into o. errors: LJ_E_PROTOCOL,
 * LJ_E_NOMEM */
static int read_outcomes(struct lease *l, struct lj_reader *r, size_t n, struct outcomes *o)
{
    l->verdicts = calloc(n, sizeof *l->verdicts);
    l->shorts = calloc(n, sizeof *l->shorts);
    o->failed = calloc(n, 1);
    if (!l->verdicts || !l->shorts || !o->failed)
        return LJ_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        struct lj_outcome_record rec;
        if (lj_outcome_get(r, &rec, NULL))
            return LJ_E_PROTOCOL;
        l->verdicts[i] = rec.code;
        l->shorts[i] = rec.bytes;
        if (rec.what == LJ_OUTCOME_DONE)
            continue;
        if (!o->nfailed || rec.what == LJ_OUTCOME_FINAL) { /* the gravest says why */
            o->cause = rec.what == LJ_OUTCOME_FINAL ? CAUSE_FINAL : CAUSE_SYSTEM;
            (void)lj_fail(&o->err, lj_err_info(rec.code)->code, "%.*s", (int)rec.bytes.n,
                          rec.bytes.p);
        }
        o->failed[i] = 1;
        o->nfailed++;
    }
    l->params = (struct lj_slice){(const char *)r->p, r->left};
    return 0;
}

static int check_params(const struct broker *b, const struct lease *l)
{
    const char *values[64];
    int lengths[64], n = 0;
    const struct lj_kind *k = &b->cat->kinds[l->kind];
    if (!k->apply[0])
        return 0;
    int rc = lj_pgblock_split(l->params.p, l->params.n, 56, values, lengths, &n, NULL);
    return rc ? rc : n + 4 == k->apply_args ? 0 : LJ_E_PROTOCOL;
}

static void measure(struct peer *p, uint32_t spent_us, size_t n)
{
    double per = (double)spent_us / (double)n;
    p->per_event_us = p->per_event_us > 0 ? p->per_event_us * 0.8 + per * 0.2 : per;
    if (p->per_event_us < 0.01)
        p->per_event_us = 0.01;
    p->done += n;
}

static void queue_result(struct broker *b, struct lease *l)
{
    struct dispatch *d = &b->dispatch;
    l->state = LEASE_RESULT;
    l->next = NULL;
    if (d->results_tail)
        d->results_tail->next = l;
    else
        d->results_head = l;
    d->results_tail = l;
    d->nresults++;
}

/* The failed ones leave the lease; what is left of its arrays moves together. */
static void cut_failed(struct broker *b, struct lease *l, struct outcomes *o)
{
    size_t n = l->group->n, keep = 0;
    struct lj_group *failed = lj_backlog_cut(b->backlog, l->kind, l->group, o->failed);
    if (!failed)
        return; /* no memory: the caller sees that nothing was cut */
    for (size_t i = 0; i < n; i++) {
        if (o->failed[i])
            continue;
        l->events[keep] = l->events[i];
        l->verdicts[keep] = l->verdicts[i];
        l->shorts[keep++] = l->shorts[i];
    }
    if (o->cause == CAUSE_FINAL)
        dispatch_suspect(b, l);
    failure_group(b, l->kind, &failed, o->cause, &o->err, l->worker, l->version);
}

static void accept_result(struct broker *b, struct lease *l, struct outcomes *o)
{
    if (o->nfailed == 0) {
        queue_result(b, l);
        return;
    }
    if (o->nfailed < l->group->n && lj_backlog_divisible(b->backlog, l->kind)) {
        size_t before = l->group->n;
        cut_failed(b, l, o);
        if (l->group->n < before) {
            queue_result(b, l);
            return;
        }
    }
    dispatch_failed(b, &l, o->cause, &o->err);
}

void dispatch_result(struct broker *b, struct peer *p, zmq_msg_t *body)
{
    struct lj_reader r = lj_reader(zmq_msg_data(body), zmq_msg_size(body));
    struct lj_result_head h;
    struct outcomes o = {0};
    if (lj_result_head_get(&r, &h, NULL)) {
        b->peers.bad_messages++;
        return;
    }
    struct lease *l = find(b, h.batch);
    if (!l || l->peer != p || l->state != LEASE_OUT) {
        b->dispatch.late_results++;
        return;
    }
    lease_unlist(b, l);
    lease_free_slot(l);
    zmq_msg_init(&l->body);
    zmq_msg_move(&l->body, body);
    l->has_body = 1;
    l->held_bytes = &b->dispatch.result_bytes;
    b->dispatch.result_bytes += zmq_msg_size(&l->body);
    LJ_FAILPOINT("broker.result.received");
    r = lj_reader(zmq_msg_data(&l->body), zmq_msg_size(&l->body));
    int rc = lj_result_head_get(&r, &h, NULL);
    if (rc == 0)
        rc = h.count == l->group->n ? read_outcomes(l, &r, h.count, &o) : LJ_E_PROTOCOL;
    if (rc == 0 && o.nfailed < l->group->n)
        rc = check_params(b, l);
    if (rc) {
        struct lj_err err = {0};
        (void)lj_fail(&err, rc, "the result does not fit its batch or the apply function");
        dispatch_failed(b, &l, rc == LJ_E_NOMEM ? CAUSE_SYSTEM : CAUSE_DATA, &err);
    } else {
        measure(p, h.spent_us, h.count);
        accept_result(b, l, &o);
    }
    free(o.failed);
    peers_bye_if_idle(b, p);
    broker_kick(b);
}
