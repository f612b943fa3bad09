/* Token buckets.
 *
 * A bucket holds up to `burst` events and fills at `rate` a second; it is filled when it is asked,
 * so an idle one costs nothing. All or nothing: a batch that does not fit is refused whole with the
 * time after which it would fit, so that no client learns its limit by half-taken batches. The
 * level never goes below zero and never above the burst, whatever the clock does. */
#include "gateway/bucket.h"

#include <math.h>

unsigned lj_bucket_take(struct lj_bucket *b, double rate, double burst, double n, int64_t now_us)
{
    double want = n < burst ? n : burst;
    if (b->at_us == 0) {
        b->level = burst;
    } else if (now_us > b->at_us) {
        b->level += (double)(now_us - b->at_us) * rate / 1e6;
    }
    if (b->level > burst) {
        b->level = burst;
    }
    b->at_us = now_us ? now_us : 1;
    if (b->level >= want) {
        b->level -= want;
        return 0;
    }
    double wait_s = ceil((want - b->level) / rate);
    return wait_s < 1 ? 1 : wait_s > 3600 ? 3600 : (unsigned)wait_s;
}
