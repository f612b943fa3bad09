/* Token buckets: how many events a credential or a unit may send. */
#ifndef LJ_GATEWAY_BUCKET_H
#define LJ_GATEWAY_BUCKET_H

#include <stdint.h>

struct lj_bucket {
    double level;  /* events left; a zeroed bucket is full at its first use */
    int64_t at_us; /* monotonic, 0 = never used */
};

/* Take n events at once or none. More than the burst in one go is charged as the whole burst (a
 * batch is never impossible). units:  rate events a second, now_us monotonic returns 0 when taken,
 * else the whole seconds to wait until it would be (at least 1) */
unsigned lj_bucket_take(struct lj_bucket *b, double rate, double burst, double n, int64_t now_us);

#endif
