/* The ring.
 *
 * One array, oldest items overwritten, bounded by items and by bytes (a closure's members are the
 * only thing of varying size). Two series are merged in it, each strictly growing; the base cursor
 * moves with every item that falls out, the head cursor with every one that comes in, so for each
 * series everything in (base, head] is here. That is all a reader needs to know whether it can be
 * served from here: its own cursor must not lie before the base in either series.
 *
 * Names of types and kinds are kept once each: there are a few dozen in the whole system. */
#include "gateway/ring.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 1024 };

struct lj_ring {
    struct lj_ring_item *items;
    size_t cap; /* a power of two */
    size_t bytes, bytes_max;
    uint64_t begin, end;
    struct lj_cursor base, head;
    char *names[NAMES_MAX];
    size_t n_names;
};

int lj_ring_new(size_t items, size_t bytes, struct lj_ring **ret, struct lj_err *err)
{
    struct lj_ring *r = calloc(1, sizeof *r);
    size_t cap = 16;
    while (cap < items) {
        cap *= 2;
    }
    if (r) {
        r->items = calloc(cap, sizeof *r->items);
    }
    if (!r || !r->items) {
        free(r);
        return lj_fail(err, LJ_E_NOMEM, "no memory for a ring of %zu items", cap);
    }
    r->cap = cap;
    r->bytes_max = bytes;
    *ret = r;
    return 0;
}

static void drop_first(struct lj_ring *r)
{
    struct lj_ring_item *item = &r->items[r->begin++ & (r->cap - 1)];
    if (item->members) {
        r->base.closure = item->number;
        r->bytes -= item->count * sizeof *item->members;
        free(item->members);
        item->members = NULL;
    } else {
        r->base.position = item->number;
    }
}

void lj_ring_free(struct lj_ring **rp)
{
    struct lj_ring *r = *rp;
    if (!r) {
        return;
    }
    *rp = NULL;
    while (r->begin < r->end) {
        drop_first(r);
    }
    for (size_t i = 0; i < r->n_names; i++) {
        free(r->names[i]);
    }
    free(r->items);
    free(r);
}

void lj_ring_start(struct lj_ring *r, struct lj_cursor at)
{
    while (r->begin < r->end) {
        drop_first(r);
    }
    r->base = r->head = at;
}

void lj_ring_advance_events(struct lj_ring *r, int64_t position)
{
    if (position > r->head.position) {
        r->head.position = position;
    }
}

void lj_ring_advance_closures(struct lj_ring *r, int64_t number)
{
    if (number > r->head.closure) {
        r->head.closure = number;
    }
}

/* The ring's own copy of a name; NULL without memory. */
static const char *intern(struct lj_ring *r, const char *s, size_t n)
{
    for (size_t i = 0; i < r->n_names; i++) {
        if (strlen(r->names[i]) == n && memcmp(r->names[i], s, n) == 0) {
            return r->names[i];
        }
    }
    char *copy = r->n_names < NAMES_MAX ? strndup(s, n) : NULL;
    if (copy) {
        r->names[r->n_names++] = copy;
    }
    return copy;
}

static struct lj_ring_item *next_slot(struct lj_ring *r, size_t bytes)
{
    while (r->begin < r->end && (r->end - r->begin == r->cap || r->bytes + bytes > r->bytes_max)) {
        drop_first(r);
    }
    struct lj_ring_item *item = &r->items[r->end++ & (r->cap - 1)];
    memset(item, 0, sizeof *item);
    return item;
}

int lj_ring_event(struct lj_ring *r, int64_t position, const uint8_t id[16], const char *unit,
                  const char *type, size_t type_len, struct lj_err *err)
{
    if (position <= r->head.position) {
        return 0;
    }
    const char *name = intern(r, type, type_len);
    if (!name) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a type's name, or more than %d", NAMES_MAX);
    }
    struct lj_ring_item *item = next_slot(r, 0);
    item->number = position;
    item->name = name;
    memcpy(item->id, id, sizeof item->id);
    strncpy(item->unit, unit, LJ_UNIT_CODE_LEN);
    r->head.position = position;
    return 0;
}

int lj_ring_closure(struct lj_ring *r, int64_t number, const char *kind, size_t kind_len,
                    const struct lj_ring_member *members, uint16_t count, struct lj_err *err)
{
    if (number <= r->head.closure) {
        return 0;
    }
    size_t bytes = count * sizeof *members;
    const char *name = intern(r, kind, kind_len);
    struct lj_ring_member *copy =
        malloc(bytes ? bytes : 1); /* not NULL: that is how a closure is told from an event */
    if (!name || !copy) {
        free(copy);
        return lj_fail(err, LJ_E_NOMEM, "no memory for a closure of %u positions", count);
    }
    if (bytes) {
        memcpy(copy, members, bytes);
    }
    struct lj_ring_item *item = next_slot(r, bytes);
    item->number = number;
    item->name = name;
    item->members = copy;
    item->count = count;
    r->bytes += bytes;
    r->head.closure = number;
    return 0;
}

struct lj_cursor lj_ring_head(const struct lj_ring *r)
{
    return r->head;
}

struct lj_cursor lj_ring_base(const struct lj_ring *r)
{
    return r->base;
}

uint64_t lj_ring_begin(const struct lj_ring *r)
{
    return r->begin;
}

uint64_t lj_ring_end(const struct lj_ring *r)
{
    return r->end;
}

const struct lj_ring_item *lj_ring_at(const struct lj_ring *r, uint64_t seq)
{
    return &r->items[seq & (r->cap - 1)];
}

size_t lj_ring_bytes(const struct lj_ring *r)
{
    return r->bytes + r->cap * sizeof *r->items;
}
