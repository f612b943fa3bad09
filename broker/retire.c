/* Retirement: a committed turn, in its order, becomes visible.
 *
 * Its events go to the stream and into the backlogs of the kinds that want them, with a record for
 * the workers where the window has room; its closures go to the stream, open gates and free keys;
 * the frontier moves. Because turns retire in the order in which positions were allotted, every
 * reader and every kind sees positions grow, whichever lane committed first.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/uuid.h"

#define MARKS_IDLE_US                                                                              \
    50000 /* marks left behind by the last turn are written after so long a silence */

/* Columns of emit_follow_on, see docs/contracts.md. */
struct new_event *log_read_follow_on(struct broker *b, const PGresult *r, int row)
{
    size_t nk = (size_t)PQgetlength(r, row, 6), np = (size_t)PQgetlength(r, row, 8);
    int type = lj_catalog_type_number(b->cat, lj_pgget_i16(r, row, 2));
    struct new_event *e = type < 0 ? NULL : malloc(sizeof *e + nk + np + 1);
    if (!e)
        return NULL;
    char *bytes = (char *)(e + 1);
    *e = (struct new_event){.position = lj_pgget_i64(r, row, 0),
                            .type = (uint8_t)type,
                            .unit = lj_pgget_i16(r, row, 3),
                            .class = (uint8_t)lj_pgget_i16(r, row, 4),
                            .schema_version = (uint16_t)lj_pgget_i16(r, row, 5),
                            .key = {bytes, nk},
                            .payload = {bytes + nk, np}};
    memcpy(e->id, PQgetvalue(r, row, 1), 16);
    memcpy(bytes, PQgetvalue(r, row, 6), nk);
    memcpy(bytes + nk, PQgetvalue(r, row, 8), np);
    return e;
}

void turn_free(struct turn **tp)
{
    struct turn *t = *tp;
    while (t->follow_head) {
        struct new_event *next = t->follow_head->next;
        free(t->follow_head);
        t->follow_head = next;
    }
    free(t);
    *tp = NULL;
}

static void place_event(struct broker *b, const struct lj_item *item, const void *record,
                        size_t len)
{
    uint32_t takers = 0;
    for (size_t k = 0; k < b->cat->nkinds; k++) {
        if (!lj_catalog_wants(b->cat, item->type, k, item->position))
            continue;
        int failed = lj_backlog_open(b->backlog, k, item->position);
        if (!failed && b->cat->kinds[k].after < 0) {
            failed = lj_backlog_push(b->backlog, k, item);
            takers++;
        }
        if (failed) { /* memory of ours, not of a peer: read the log again rather than lose track */
            struct lj_err err;
            (void)lj_fail(&err, LJ_E_NOMEM, "no memory for an open event");
            broker_fail(b, 1, "broker.no_memory", &err);
            return;
        }
    }
    if (takers && record)
        lj_window_put(&b->dispatch.payloads, item->position, record, len, takers);
}

/* Writes the record that workers get; r holds all but the names of its unit and type. 0 = no
 * memory, or a unit that the directory does not have: read from the log later. */
static size_t write_record(struct broker *b, struct lj_buf *buf, struct lj_batch_record *r,
                           int type)
{
    const struct lj_unit *u = lj_catalog_unit_number(b->cat, r->unit);
    const char *name = b->cat->types[type].name;
    r->unit_code = (struct lj_slice){u ? u->code : "", u ? LJ_UNIT_CODE_LEN : 0};
    r->type = (struct lj_slice){name, strlen(name)};
    lj_buf_clear(buf);
    lj_batch_record_put(buf, r);
    return buf->failed || !u ? 0 : buf->len;
}

static void retire_pends(struct broker *b, struct turn *t, struct lj_buf *buf)
{
    for (struct pend *p = t->pends, *next; p; p = next) {
        next = p->next;
        int own = p->flags & LJ_ITEM_OWN_KEY;
        struct lj_item item = {.position = p->position,
                               .key = p->key_hash,
                               .unit = (uint16_t)p->unit,
                               .type = p->type,
                               .class = p->class,
                               .flags = p->flags};
        struct lj_batch_record r = {.position = p->position,
                                    .received_at_us = t->now_us,
                                    .occurred_at_us = p->occurred_at_us,
                                    .schema_version = p->schema_version,
                                    .unit = p->unit,
                                    .payload = p->payload};
        memcpy(r.id, p->id, 16);
        if (!own)
            r.key = p->key;
        size_t n = write_record(b, buf, &r, p->type);
        stream_event(b, p->position, p->id, t->now_us, p->unit, p->type);
        place_event(b, &item, n ? buf->data : NULL, n);
        intake_release(b, p);
    }
    t->pends = NULL;
}

static void retire_follow_ons(struct broker *b, struct turn *t, struct lj_buf *buf)
{
    for (const struct new_event *e = t->follow_head; e; e = e->next) {
        struct lj_item item = {
            .position = e->position, .unit = (uint16_t)e->unit, .type = e->type, .class = e->class};
        struct lj_batch_record r = {.position = e->position,
                                    .received_at_us = t->now_us,
                                    .occurred_at_us = LJ_TIME_NONE,
                                    .schema_version = e->schema_version,
                                    .unit = e->unit,
                                    .key = e->key,
                                    .payload = e->payload};
        char id[LJ_UUID_TEXT + 1];
        lj_uuid_format(e->id, id);
        memcpy(r.id, e->id, 16);
        item.flags = e->key.n ? 0 : LJ_ITEM_OWN_KEY;
        item.key = e->key.n ? lj_key_hash(e->unit, e->key.p, e->key.n)
                            : lj_key_hash(e->unit, id, LJ_UUID_TEXT);
        size_t n = write_record(b, buf, &r, e->type);
        stream_event(b, e->position, e->id, t->now_us, e->unit, e->type);
        place_event(b, &item, n ? buf->data : NULL, n);
    }
}

static void retire(struct broker *b, struct turn *t, struct lj_buf *buf)
{
    struct log *l = &b->log;
    int64_t head = l->frontier;
    for (const struct pend *p = t->pends; p; p = p->next)
        head = p->position;
    for (const struct new_event *e = t->follow_head; e; e = e->next)
        head = e->position > head ? e->position : head;
    retire_pends(b, t, buf);
    retire_follow_ons(b, t, buf);
    l->frontier = head;
    lj_backlog_advance(b->backlog, head, lj_mono_us());
    for (size_t i = 0; i < t->nleases; i++) {
        stream_closure(b, t->closure_first + (int64_t)i, t->leases[i], t->now_us);
        l->closure_frontier = t->closure_first + (int64_t)i;
        dispatch_closed(b, &t->leases[i], t->now_us);
    }
    for (size_t i = 0; i < t->nparks; i++)
        failure_parked(b, &t->parks[i]);
    if (t->npends || t->nleases || t->nparks || t->follow_head) {
        l->marks_dirty = 1;
        l->marks_due_us = lj_mono_us() + MARKS_IDLE_US;
    }
}

void log_retire(struct broker *b)
{
    struct lj_buf buf = {0};
    while (b->log.order_head && b->log.order_head->state != TURN_SENT) {
        struct turn *t = b->log.order_head;
        b->log.order_head = t->next;
        if (!t->next)
            b->log.order_tail = NULL;
        if (t->state == TURN_COMMITTED)
            retire(b, t, &buf);
        turn_free(&t);
    }
    lj_buf_free(&buf);
    stream_flush(b);
    LJ_FAILPOINT("broker.stream.published");
}
