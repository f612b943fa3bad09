/* Records kept in memory between intake and dispatch, by position, within a budget of bytes; what
 * is not here is read from the log again. */
#ifndef LJ_BROKER_WINDOW_H
#define LJ_BROKER_WINDOW_H

#include "broker/u64map.h"

/* A batch record as it goes on the wire (proto/wire.h), shared by the kinds that still want it. */
struct lj_record {
    uint32_t refs;
    uint32_t len;
    uint8_t bytes[];
};

struct lj_window {
    struct lj_u64map map;
    size_t bytes, budget;
};

/* Keep a copy for `refs` takers. 1 = kept, 0 = no room (or no memory): not an error. */
int lj_window_put(struct lj_window *w, int64_t position, const void *bytes, size_t len,
                  uint32_t refs);
/* Borrowed; NULL when it is not here. */
const struct lj_record *lj_window_get(const struct lj_window *w, int64_t position);
/* One taker less; freed with the last. */
void lj_window_drop(struct lj_window *w, int64_t position);
void lj_window_clear(struct lj_window *w);

#endif
