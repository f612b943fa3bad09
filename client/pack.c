/* Packs: how events wait, and how each of them gets its one answer.
 *
 * submit() writes the event's record at once into the body of the open pack, next to a slot with
 * the callback; so an event costs no allocation of its own, and a pack is sent, and sent again, as
 * the bytes it is. Every slot is answered exactly once: by the broker's answer, by its deadline, or
 * by close. Slots of a pack grow old in order, so one number (`expired`) says which have had their
 * callback.
 *
 * A pack is answered when its last event is. So units that have much on the way, whose events wait
 * their turn in the broker, go into packs of their own, and the others do not wait for them. Packs
 * leave in the order in which they were begun; an event never goes into one begun before the pack
 * that holds the event before it of its unit.
 *
 * Guarantees: an event reported as never sent is not sent later (its record is cut out of the pack
 * before); counts of events and bytes are exact, whatever order answers come in; a callback may
 * submit again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_impl.h"
#include "proto/limits.h"

enum {
    COUNT_SIZE = 2, /* of the body's count */
    RECORD_FIXED = 4 + 16 + 8 + 2 + 1 + 1 + 4 + 4,
    FIRST_SLOTS = 16,
    MUCH = 500,              /* events of a unit without an answer */
    POOL_PACKS = 16,         /* kept for use again, */
    POOL_BYTES = 256 * 1024, /* unless their body has grown beyond this */
};

static void pack_free(struct pack **pp)
{
    struct pack *p = *pp;
    if (!p)
        return;
    lj_buf_free(&p->body);
    free(p->slots);
    free(p);
    *pp = NULL;
}

static struct pack *pack_new(struct lj_client *c, int much)
{
    struct pack *p = c->pool;
    if (p) {
        c->pool = p->next;
        c->pooled--;
    } else {
        p = calloc(1, sizeof *p);
        if (!p)
            return NULL;
    }
    lj_buf_clear(&p->body);
    lj_buf_u16(&p->body, 0);
    if (p->body.failed) {
        pack_free(&p);
        return NULL;
    }
    p->count = p->expired = p->sendings = 0;
    p->seq = ++c->seq;
    p->next = NULL;
    p->prev = c->last;
    if (c->last)
        c->last->next = p;
    else
        c->first = p;
    c->last = p;
    c->open[much] = p;
    if (!c->unsent)
        c->unsent = p;
    return p;
}

void pack_shut(struct lj_client *c, const struct pack *p)
{
    for (int i = 0; i < 2; i++) {
        if (c->open[i] == p)
            c->open[i] = NULL;
    }
}

void pack_unlink(struct lj_client *c, struct pack *p)
{
    if (c->unsent == p)
        c->unsent = p->next;
    pack_shut(c, p);
    if (p->prev)
        p->prev->next = p->next;
    else
        c->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        c->last = p->prev;
    p->prev = p->next = NULL;
}

void pack_recycle(struct lj_client *c, struct pack *p)
{
    if (c->pooled >= POOL_PACKS || p->body.cap > POOL_BYTES) {
        pack_free(&p);
        return;
    }
    p->next = c->pool;
    c->pool = p;
    c->pooled++;
}

void pack_pool_free(struct lj_client *c)
{
    while (c->pool) {
        struct pack *p = c->pool;
        c->pool = p->next;
        pack_free(&p);
    }
    c->pooled = 0;
}

static int event_check(const struct lj_submit_event *e, struct lj_err *err)
{
    if (e->payload.n > LJ_EVENT_BYTES_MAX)
        return lj_fail(err, LJ_E_TOO_LARGE, "payload of %zu bytes, at most %d", e->payload.n,
                       LJ_EVENT_BYTES_MAX);
    if (e->type.n == 0 || e->type.n > UINT8_MAX || e->unit.n == 0 || e->unit.n > UINT8_MAX)
        return lj_fail(err, LJ_E_ARG, "type and unit of an event have 1 to 255 bytes");
    if (e->key.n > UINT8_MAX || e->source.n > UINT8_MAX)
        return lj_fail(err, LJ_E_ARG, "key and source of an event have at most 255 bytes");
    if (e->origin != LJ_ORIGIN_CLIENT && e->origin != LJ_ORIGIN_CENTRE)
        return lj_fail(err, LJ_E_ARG, "origin %u of an event is neither client nor centre",
                       e->origin);
    if (e->class >= LJ_CLASSES && e->class != LJ_CLASS_DEFAULT)
        return lj_fail(err, LJ_E_ARG, "class %u of an event is neither 0 to 3 nor 255", e->class);
    return 0;
}

/* The pack that the next record of n bytes of this unit goes into: an open one, or a new one where
 * it is full or was begun too early. */
static struct pack *pack_for(struct lj_client *c, const struct client_unit *u, size_t n)
{
    int much = u->events >= MUCH;
    if (!much && c->open[1] && c->open[1]->seq == u->seq)
        much = 1; /* the one before it is there and has not left */
    struct pack *p = c->open[much];
    if (p && (p->count >= c->pack_max || p->body.len + n > LJ_BATCH_BYTES_MAX || p->seq < u->seq))
        p = NULL;
    if (!p)
        p = pack_new(c, much);
    if (!p || p->count < p->cap)
        return p;
    uint32_t cap = p->cap ? p->cap * 2 : FIRST_SLOTS;
    struct slot *slots = realloc(p->slots, cap * sizeof *slots);
    if (slots) {
        p->slots = slots;
        p->cap = cap;
    } else if (p->count == 0) {
        pack_unlink(c, p);
        pack_recycle(c, p);
    }
    return slots ? p : NULL;
}

static uint8_t unit_place(struct lj_slice unit)
{
    uint32_t h = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < unit.n; i++)
        h = (h ^ (uint8_t)unit.p[i]) * 16777619U;
    return (uint8_t)(h ^ h >> 8 ^ h >> 16 ^ h >> 24);
}

static int busy(struct lj_client *c, struct lj_err *err)
{
    c->stats.busy++;
    return lj_fail(err, LJ_E_BUSY, "%u events of %zu bytes wait for an answer", c->stats.events,
                   c->stats.bytes);
}

int lj_client_submit(struct lj_client *c, const struct lj_submit_event *e, lj_answer_cb cb,
                     void *arg, struct lj_err *err)
{
    if (c->closing)
        return lj_fail(err, LJ_E_CLOSED, "the client is closing");
    int rc = event_check(e, err);
    if (rc != 0)
        return rc;
    if (!cb)
        return lj_fail(err, LJ_E_ARG, "an event needs a callback");
    size_t n = RECORD_FIXED + e->type.n + e->unit.n + e->key.n + e->source.n + e->payload.n;
    if (c->stats.events >= c->events_max || n > c->bytes_max - c->stats.bytes)
        return busy(c, err);
    uint8_t unit = unit_place(e->unit);
    struct pack *p = pack_for(c, &c->units[unit], n);
    if (!p)
        return lj_fail(err, LJ_E_NOMEM, "no memory for an event of %zu bytes", n);
    size_t at = p->body.len;
    lj_submit_event_put(&p->body, e);
    if (p->body.failed) {
        p->body.failed = 0;
        p->body.len = at;
        if (p->count == 0) {
            pack_unlink(c, p);
            pack_recycle(c, p);
        }
        return lj_fail(err, LJ_E_NOMEM, "no memory for an event of %zu bytes", n);
    }
    assert(p->body.len - at == n);
    p->slots[p->count++] = (struct slot){.cb = cb,
                                         .arg = arg,
                                         .deadline_us = client_now(c) + c->deadline_us,
                                         .at = (uint32_t)at,
                                         .len = (uint32_t)n,
                                         .unit = unit};
    c->units[unit].events++;
    c->units[unit].seq = p->seq;
    c->stats.submitted++;
    c->stats.events++;
    c->stats.events_unsent++;
    c->stats.bytes += n;
    return 0;
}

static void count_answer(struct lj_client_stats *s, int code)
{
    if (code == 0)
        s->stored++;
    else if (code > 0)
        s->repeated++;
    else if (code == LJ_E_TIMEOUT || code == LJ_E_DB_LOST)
        s->unknown++;
    else if (code == LJ_E_BROKER_AWAY || code == LJ_E_CLOSED)
        s->not_sent++;
    else
        s->refused++;
}

void client_answer(struct lj_client *c, struct pack *p, uint32_t i, const struct lj_ack *ack)
{
    struct slot slot = p->slots[i];
    struct lj_answer answer = {.code = ack->code,
                               .position = ack->position,
                               .retry_after_s = ack->retry_after_s,
                               .detail = ack->detail,
                               .id = p->body.data + slot.at + 4};
    count_answer(&c->stats, ack->code);
    c->stats.events--;
    c->units[slot.unit].events--;
    c->stats.bytes -= slot.len;
    if (p->sendings == 0)
        c->stats.events_unsent--;
    c->callbacks++;
    c->in_callback++;
    slot.cb(&answer, slot.arg);
    c->in_callback--;
}

/* Callbacks of the slots up to `until` that have had none. The id points into the pack's body, and
 * a callback may submit: so what it can reach must not be this pack, or the body would move under
 * it. */
static void fail_slots(struct lj_client *c, struct pack *p, int64_t until, int unsent_code)
{
    struct lj_ack ack = {.code = (int16_t)(p->sendings ? LJ_E_TIMEOUT : unsent_code)};
    const struct lj_err_info *info = lj_err_info(ack.code);
    ack.detail = (struct lj_slice){info->en, strlen(info->en)};
    pack_shut(c, p);
    while (p->expired < p->count && p->slots[p->expired].deadline_us <= until)
        client_answer(c, p, p->expired++, &ack);
}

/* What was never sent and has been reported as such must never be sent: its records are cut off the
 * front. */
static void cut_expired(struct pack *p)
{
    if (p->expired == 0 || p->sendings > 0)
        return;
    uint32_t cut = p->slots[p->expired].at - COUNT_SIZE;
    p->body.len -= cut;
    memmove(p->body.data + COUNT_SIZE, p->body.data + COUNT_SIZE + cut, p->body.len - COUNT_SIZE);
    p->count -= p->expired;
    memmove(p->slots, p->slots + p->expired, p->count * sizeof *p->slots);
    for (uint32_t i = 0; i < p->count; i++)
        p->slots[i].at -= cut;
    p->expired = 0;
}

void client_expire(struct lj_client *c, int64_t now)
{
    struct pack *p = c->first;
    while (p && p->slots[p->expired].deadline_us <= now) {
        /* A callback's flush must not send the half that is not expired before the other half is
         * cut off. */
        int was_unsent = c->unsent == p;
        if (was_unsent)
            c->unsent = p->next;
        fail_slots(c, p, now, LJ_E_BROKER_AWAY);
        struct pack *next = p->next;
        if (p->expired == p->count) {
            pack_unlink(c, p);
            pack_recycle(c, p);
        } else {
            if (was_unsent)
                c->unsent = p;
            cut_expired(p);
            break;
        }
        p = next;
    }
}

void client_fail_all(struct lj_client *c)
{
    while (c->first) {
        struct pack *p = c->first;
        assert(!p->prev);
        if (c->unsent == p)
            c->unsent = p->next;
        fail_slots(c, p, INT64_MAX, LJ_E_CLOSED);
        pack_unlink(c, p);
        pack_recycle(c, p);
    }
}
