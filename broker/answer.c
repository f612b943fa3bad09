/* Answers: an event's place between SUBMIT and ACK, and who else waits for the same id.
 *
 * A submission is answered when its last event is; it is kept until its stored events' turns have
 * retired, since the records for the workers are made from its body. The same id again while the
 * first is in flight waits for the first's answer, whatever that is.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/intake.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"

static uint64_t id_key(const uint8_t id[16])
{
    uint64_t a, b;
    memcpy(&a, id, 8);
    memcpy(&b, id + 8, 8);
    return lj_mix64(a) ^ b;
}

void submission_free(struct submission *s)
{
    for (size_t i = 0; s->pends && i < s->count; i++) /* half-built: without */
        free(s->pends[i].key_copy);
    zmq_msg_close(&s->body);
    free(s->answers);
    free(s->pends);
    free(s);
}

void intake_send(struct broker *b, void *raw, const struct rid *to, uint8_t type, uint64_t seq,
                 const void *body, size_t n)
{
    uint8_t env[LJ_ENVELOPE_SIZE];
    lj_envelope_put(env, type, seq);
    /* The first frame alone tells whether the peer is there; on failure nothing more may be sent
     * (peers.md 4.1). */
    if (zmq_send(raw, to->bytes, to->n, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        b->peers.send_failed++;
        return;
    }
    zmq_send(raw, env, sizeof env, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(raw, body, n, ZMQ_DONTWAIT);
}

static void send_ack(struct broker *b, struct submission *s)
{
    struct lj_buf out = {0};
    lj_buf_u16(&out, s->count);
    for (size_t i = 0; i < s->count; i++) {
        const struct answer *a = &s->answers[i];
        lj_ack_put(&out, &(struct lj_ack){.code = a->code,
                                          .retry_after_s = a->retry_after_s,
                                          .position = a->position,
                                          .detail = {a->detail, strlen(a->detail)}});
    }
    if (!out.failed)
        intake_send(b, lj_zsock_raw(s->sock), &s->from, LJ_MSG_ACK, s->seq, out.data, out.len);
    lj_buf_free(&out);
    LJ_FAILPOINT("broker.ack.sent");
}

static void release(struct broker *b, struct submission *s)
{
    if (s->left || s->holds)
        return;
    b->intake.bytes -= s->bytes;
    submission_free(s);
}

void submission_answered(struct broker *b, struct submission *s)
{
    if (--s->left)
        return;
    lj_hist_add(&b->intake.ack_seconds, lj_mono_us() - s->at_us);
    uintptr_t held = (uintptr_t)lj_u64map_get(&b->intake.peers, s->peer_key);
    if (s->sock && held > s->count)
        (void)!lj_u64map_put(&b->intake.peers, s->peer_key, (void *)(held - s->count));
    if (s->sock)
        send_ack(b, s);
    else if (s->done)
        s->done(s, s->arg);
    release(b, s);
}

void submission_answer(struct broker *b, struct submission *s, size_t i, int code, int64_t position,
                       const char *detail)
{
    struct answer *a = &s->answers[i];
    a->code = (int16_t)code;
    a->position = position;
    a->retry_after_s = code < 0 && lj_err_info(code)->retry ? 1 : 0;
    (void)snprintf(a->detail, sizeof a->detail, "%s", detail ? detail : "");
    submission_answered(b, s);
}

/* ---- events in flight, by id ---- */

static void unlink_id(struct broker *b, struct pend *p)
{
    struct intake *in = &b->intake;
    uint64_t k = id_key(p->id);
    struct pend *head = lj_u64map_get(&in->by_id, k);
    if (head == p && !p->chain) {
        lj_u64map_del(&in->by_id, k);
        return;
    }
    if (head == p) {
        (void)!lj_u64map_put(&in->by_id, k, p->chain); /* replaces: needs no memory */
        return;
    }
    while (head && head->chain != p)
        head = head->chain;
    if (head)
        head->chain = p->chain;
}

struct pend *intake_find(const struct broker *b, const uint8_t id[16])
{
    struct pend *p = lj_u64map_get(&b->intake.by_id, id_key(id));
    while (p && memcmp(p->id, id, 16) != 0)
        p = p->chain;
    return p;
}

int intake_link(struct broker *b, struct pend *p)
{
    uint64_t k = id_key(p->id);
    p->chain = lj_u64map_get(&b->intake.by_id, k);
    return lj_u64map_put(&b->intake.by_id, k, p);
}

void intake_forget(struct broker *b, struct pend *p)
{
    b->intake.events--;
    b->intake.per_unit[p->unit]--;
}

/* Waiters of a stored event get the same position: a repeat, or a conflict where their content
 * differs. */
static void answer_waiters(struct broker *b, struct pend *p, int64_t position,
                           const uint8_t hash[16])
{
    struct pend *w = p->waiters;
    p->waiters = NULL;
    while (w) {
        struct pend *next = w->waiters;
        w->waiters = NULL;
        intake_exists(b, w, position, hash);
        w = next;
    }
}

void intake_stored(struct broker *b, struct pend *p)
{
    b->intake.stored++;
    unlink_id(b, p);
    intake_forget(b, p);
    p->sub->holds++;
    answer_waiters(b, p, p->position, p->hash);
    submission_answer(b, p->sub, p->index, 0, p->position, NULL);
}

void intake_release(struct broker *b, struct pend *p)
{
    struct submission *s = p->sub;
    s->holds--;
    release(b, s);
}

void intake_exists(struct broker *b, struct pend *p, int64_t position, const uint8_t hash[16])
{
    int same = memcmp(hash, p->hash, 16) == 0;
    int first = same && p->doubt_position &&
                position == p->doubt_position; /* ours, from the turn whose outcome was unknown */
    b->intake.duplicates += (uint64_t)(same && !first);
    b->intake.stored += (uint64_t)first;
    b->intake.conflicts += (uint64_t)!same;
    if (intake_find(b, p->id) == p)
        unlink_id(b, p);
    intake_forget(b, p);
    answer_waiters(b, p, position, hash);
    submission_answer(b, p->sub, p->index, same ? (first ? 0 : 1) : LJ_E_ID_CONFLICT,
                      same ? position : 0, NULL);
}

void intake_refuse(struct broker *b, struct pend *p, int code, const char *detail)
{
    b->intake.refused++;
    unlink_id(b, p);
    intake_forget(b, p);
    struct pend *w = p->waiters;
    p->waiters = NULL;
    if (w) { /* the first failed: the next one of that id is judged by itself */
        if (intake_link(b, w) == 0)
            lj_flows_add(&b->intake.flows, w);
        else
            intake_refuse(b, w, LJ_E_NOMEM, NULL);
    }
    submission_answer(b, p->sub, p->index, code, 0, detail);
}

void intake_renumber(struct broker *b, const struct lj_catalog *next)
{
    size_t n;
    struct pend *list = lj_flows_take(&b->intake.flows, SIZE_MAX, &n), *after;
    for (struct pend *p = list; p; p = after) {
        after = p->next;
        int type = -1;
        for (struct pend *w = p; w; w = w->waiters) {
            type = lj_catalog_type_number(next, b->cat->types[w->type].number);
            w->type = (uint8_t)(type < 0 ? 0 : type);
        }
        if (type < 0)
            intake_refuse(b, p, LJ_E_TYPE_UNKNOWN, NULL);
        else
            lj_flows_add(&b->intake.flows, p);
    }
}

/* Only with LJ_BREAK=ack_before_commit in a test build: the fault that the checker must be able to
 * see. */
void intake_ack_early(struct broker *b, struct pend *list)
{
    for (struct pend *p = list; p; p = p->next) {
        struct lj_buf out = {0};
        if (!p->sub->sock || p->sub->count != 1)
            continue;
        lj_buf_u16(&out, 1);
        lj_ack_put(&out, &(struct lj_ack){.code = 0, .position = p->position});
        intake_send(b, lj_zsock_raw(p->sub->sock), &p->sub->from, LJ_MSG_ACK, p->sub->seq, out.data,
                    out.len);
        lj_buf_free(&out);
    }
}
