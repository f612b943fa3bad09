/* The stream as this gateway knows it: the broker's publications without gap and without repeat, in
 * a ring. */
#ifndef LJ_GATEWAY_FEED_H
#define LJ_GATEWAY_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/loop_zmq.h"
#include "gateway/link.h"
#include "gateway/ring.h"

struct lj_feed;

struct lj_feed_options {
    uv_loop_t *loop;
    struct lj_zloop *zloop;
    void *zmq;
    const char *endpoint;
    struct lj_link **link; /* read when a page is needed */
    size_t ring_items, ring_bytes;
    void (*news)(void *arg); /* there may be something new in the ring, or a HEAD has come */
    void *arg;
};

struct lj_feed_stats {
    uint64_t messages, heads, malformed, gaps, pages, broker_changes, queue_overflows;
};

LJ_MUST int lj_feed_open(const struct lj_feed_options *o, struct lj_feed **ret, struct lj_err *err);
void lj_feed_close(struct lj_feed **f, void (*cb)(void *arg), void *arg);

/* It is known where the log stands, so readers can begin. */
bool lj_feed_primed(const struct lj_feed *f);
const struct lj_ring *lj_feed_ring(const struct lj_feed *f);
/* The furthest frontier anybody has told of: no reader can have seen more (for a moment another
 * gateway may know more). */
struct lj_cursor lj_feed_known(const struct lj_feed *f);
const struct lj_feed_stats *lj_feed_stats(const struct lj_feed *f);
/* The broker's metrics from its last HEAD; "" when that is older than five seconds. Valid until the
 * loop's next turn. */
struct lj_slice lj_feed_broker_metrics(const struct lj_feed *f);

#endif
