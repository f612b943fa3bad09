/* The recent past of the stream, in memory: events and closures in the order in which the gateway
 * learned them. */
#ifndef LJ_GATEWAY_RING_H
#define LJ_GATEWAY_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "proto/wire.h"

/* A place in the stream: everything up to this position, and every closure up to this number, is
 * behind it. */
struct lj_cursor {
    int64_t position, closure;
};

struct lj_ring_member {
    int64_t position;
    int16_t verdict;
    char unit[LJ_UNIT_CODE_LEN + 1];
};

struct lj_ring_item {
    int64_t number;   /* an event's position, a closure's number */
    const char *name; /* event type or kind; lives as long as the ring */
    struct lj_ring_member
        *members; /* closures: count of them, owned by the ring; NULL for an event */
    uint16_t count;
    char unit[LJ_UNIT_CODE_LEN + 1];
    uint8_t id[16];
};

struct lj_ring;
/* items is rounded up to a power of two. */
LJ_MUST int lj_ring_new(size_t items, size_t bytes, struct lj_ring **ret, struct lj_err *err);
void lj_ring_free(struct lj_ring **r);

/* Set where the stream begins for this process; forgets everything. */
void lj_ring_start(struct lj_ring *r, struct lj_cursor at);
/* Nothing up to here is missing: raises the head of one series without an item. */
void lj_ring_advance_events(struct lj_ring *r, int64_t position);
void lj_ring_advance_closures(struct lj_ring *r, int64_t number);

/* Append; what is not beyond the head of its series is a repeat and is left out (0 all the same).
 * errors: LJ_E_NOMEM (nothing changed) */
LJ_MUST int lj_ring_event(struct lj_ring *r, int64_t position, const uint8_t id[16],
                          const char *unit, const char *type, size_t type_len, struct lj_err *err);
/* members is copied. */
LJ_MUST int lj_ring_closure(struct lj_ring *r, int64_t number, const char *kind, size_t kind_len,
                            const struct lj_ring_member *members, uint16_t count,
                            struct lj_err *err);

struct lj_cursor lj_ring_head(const struct lj_ring *r); /* behind the last item */
struct lj_cursor lj_ring_base(const struct lj_ring *r); /* before the first item still here */
uint64_t lj_ring_begin(const struct lj_ring *r);        /* sequence number of the first item, and */
uint64_t lj_ring_end(const struct lj_ring *r);          /* of the one after the last */
/* Begin <= seq < end. Valid until the next append. */
const struct lj_ring_item *lj_ring_at(const struct lj_ring *r, uint64_t seq);
size_t lj_ring_bytes(const struct lj_ring *r);

#endif
