/* The text of the stream: ids and server-sent events. */
#ifndef LJ_GATEWAY_SSE_H
#define LJ_GATEWAY_SSE_H

#include <stdbool.h>

#include "common/buf.h"
#include "gateway/ring.h"

#define LJ_SSE_ID_MAX 48

/* `position-closure`, both in decimal: to clients it is opaque. Only what lj_sse_id writes is read:
 * no sign, no leading zero, nothing else. */
void lj_sse_id(struct lj_cursor at, char out[LJ_SSE_ID_MAX]);
LJ_MUST int lj_sse_id_parse(const char *text, struct lj_cursor *ret,
                            struct lj_err *err); /* LJ_E_BAD_CURSOR */

/* What a reader may and wants to see. */
struct lj_sse_filter {
    bool (*sees)(const char unit[LJ_UNIT_CODE_LEN + 1], void *arg); /* NULL = every unit */
    void *arg;
    const char *type; /* "" = every type; closures have none and are not left out by it */
};

/* Write one item as `event: event` or `event: closure` with its id; nothing when the filter leaves
 * it out. Returns whether it was written. */
bool lj_sse_event(struct lj_buf *b, const struct lj_ring_item *item, struct lj_cursor at,
                  const struct lj_sse_filter *f);
bool lj_sse_closure(struct lj_buf *b, const struct lj_ring_item *item, struct lj_cursor at,
                    const struct lj_sse_filter *f);

#endif
