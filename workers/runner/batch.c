/* A BATCH as a worker sees it.
 *
 * The wire has slices without terminators; kinds and the JSON parser want C strings. All strings of
 * a batch are copied once into one buffer whose size is known before (the body's bytes, a
 * terminator a string, room for a key that is left out), so no pointer moves and a batch costs at
 * most one allocation, usually none.
 *
 * An empty key on the wire means "the event's own id"; here it becomes that id in text form, so
 * that a kind never has to know.
 *
 * Guarantees: a body that decodes has exactly the events it announces and nothing behind them;
 * anything else is LJ_E_PROTOCOL and leaves no half batch to be judged.
 */
#include "workers/runner/batch.h"

#include <stdlib.h>
#include <string.h>

#include "common/uuid.h"

enum { STRINGS = 4 /* unit_code, type, key, payload */ };

void lj_batch_in_free(struct lj_batch_in *b)
{
    free(b->events);
    lj_buf_free(&b->text);
    memset(b, 0, sizeof *b);
}

static int make_room(struct lj_batch_in *b, size_t count, size_t body, struct lj_err *err)
{
    if (count > b->cap) {
        struct lj_event *events = reallocarray(b->events, count, sizeof *events);
        if (!events)
            return lj_fail(err, LJ_E_NOMEM, "no memory for a batch of %zu events", count);
        b->events = events;
        b->cap = count;
    }
    lj_buf_clear(&b->text);
    if (!lj_buf_grow(&b->text, body + count * (STRINGS + LJ_UUID_TEXT)))
        return lj_fail(err, LJ_E_NOMEM, "no memory for a batch of %zu bytes", body);
    return 0;
}

/* Copies with a NUL behind; the room was made before. */
static const char *keep(char **cursor, const char *p, size_t n)
{
    char *at = *cursor;
    if (n > 0)
        memcpy(at, p, n);
    at[n] = '\0';
    *cursor = at + n + 1;
    return at;
}

static void take(struct lj_event *e, const struct lj_batch_record *rec, uint16_t attempt,
                 char **cursor)
{
    char id[LJ_UUID_TEXT + 1];
    e->position = rec->position;
    e->received_at_us = rec->received_at_us;
    e->occurred_at_us = rec->occurred_at_us;
    memcpy(e->id, rec->id, sizeof e->id);
    e->unit = rec->unit;
    e->schema_version = rec->schema_version;
    e->attempt = attempt;
    e->unit_code = keep(cursor, rec->unit_code.p, rec->unit_code.n);
    e->type = keep(cursor, rec->type.p, rec->type.n);
    if (rec->key.n > 0)
        e->key = keep(cursor, rec->key.p, rec->key.n);
    else
        e->key = keep(cursor, lj_uuid_format(rec->id, id), LJ_UUID_TEXT);
    e->payload = keep(cursor, rec->payload.p, rec->payload.n);
    e->payload_len = rec->payload.n;
}

int lj_batch_decode(struct lj_batch_in *b, const void *p, size_t n, struct lj_err *err)
{
    struct lj_reader r = lj_reader(p, n);
    struct lj_batch_head head;
    int rc = lj_batch_head_get(&r, &head, err);
    if (rc < 0)
        return rc;
    if (head.count == 0)
        return lj_fail(err, LJ_E_PROTOCOL, "a batch without events");
    rc = make_room(b, head.count, n, err);
    if (rc < 0)
        return rc;
    char *cursor = (char *)b->text.data;
    for (size_t i = 0; i < head.count; i++) {
        struct lj_batch_record rec;
        rc = lj_batch_record_get(&r, &rec, err);
        if (rc < 0)
            return rc;
        take(&b->events[i], &rec, head.attempt, &cursor);
    }
    if (r.left > 0)
        return lj_fail(err, LJ_E_PROTOCOL, "%zu bytes behind the last event of a batch", r.left);
    b->head = head;
    return 0;
}
