/* The payload window.
 *
 * At low load a worker's batch is built from what intake just had in its hands. In a burst the
 * budget fills up and later events are simply not kept: they are read from the log by position when
 * their turn comes. So the broker's memory does not follow the backlog (architecture §3 rule 9). No
 * eviction: order of dispatch is roughly order of arrival, so what came first is what is wanted
 * first.
 */
#include "broker/window.h"

#include <stdlib.h>
#include <string.h>

#define OVERHEAD                                                                                   \
    48 /* allocator and map slot of one record, roughly; counted so that small events do not pass  \
          the budget unseen */

int lj_window_put(struct lj_window *w, int64_t position, const void *bytes, size_t len,
                  uint32_t refs)
{
    size_t cost = len + OVERHEAD;
    if (refs == 0 || w->bytes + cost > w->budget || lj_u64map_get(&w->map, (uint64_t)position))
        return 0;
    struct lj_record *r = malloc(sizeof *r + len);
    if (!r)
        return 0;
    r->refs = refs;
    r->len = (uint32_t)len;
    memcpy(r->bytes, bytes, len);
    if (lj_u64map_put(&w->map, (uint64_t)position, r)) {
        free(r);
        return 0;
    }
    w->bytes += cost;
    return 1;
}

const struct lj_record *lj_window_get(const struct lj_window *w, int64_t position)
{
    return lj_u64map_get(&w->map, (uint64_t)position);
}

void lj_window_drop(struct lj_window *w, int64_t position)
{
    struct lj_record *r = lj_u64map_get(&w->map, (uint64_t)position);
    if (!r || --r->refs)
        return;
    lj_u64map_del(&w->map, (uint64_t)position);
    w->bytes -= r->len + OVERHEAD;
    free(r);
}

void lj_window_clear(struct lj_window *w)
{
    for (size_t i = 0; i < w->map.cap; i++)
        free(w->map.slots[i].value);
    size_t budget = w->budget;
    lj_u64map_free(&w->map);
    *w = (struct lj_window){.budget = budget};
}
