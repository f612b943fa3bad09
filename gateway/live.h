/* Rates and percentiles of the last minutes, from the broker's metrics as each HEAD brings them. */
#ifndef LJ_GATEWAY_LIVE_H
#define LJ_GATEWAY_LIVE_H

#include <stddef.h>
#include <stdint.h>

#include "common/metrics.h"
#include "proto/wire.h"

enum { LJ_LIVE_KINDS = 32, LJ_LIVE_SAMPLES = 600 };

struct lj_live_kind {
    char name[33];
    uint64_t backlog, closed;
    double age_s; /* of the oldest that is open */
};

/* What came in between two HEADs, about a second. */
struct lj_live_sample {
    int64_t at_us, span_us; /* wall clock; monotonic length */
    uint64_t stored, backlog;
    uint64_t ack[LJ_HIST_BUCKETS + 1];
};

struct lj_live {
    struct lj_live_sample samples[LJ_LIVE_SAMPLES]; /* a ring */
    uint64_t taken;                                 /* samples ever */
    int64_t last_us;                                /* monotonic, 0 = none yet */
    uint64_t stored, ack[LJ_HIST_BUCKETS + 1];      /* the counters as they were then */
    struct lj_live_kind kinds[LJ_LIVE_KINDS];
    size_t n_kinds;
};

/* Take a HEAD's text in; unknown lines are passed over. */
void lj_live_take(struct lj_live *l, struct lj_slice metrics, int64_t mono_us, int64_t wall_us);
/* Events a second over the last span_us; 0 when there was nothing. */
double lj_live_rate(const struct lj_live *l, int64_t span_us);
/* Upper bound of the bucket in which the quantile of the acks of the last span_us lies; -1 without
 * an ack, INT64_MAX beyond the last bound. */
int64_t lj_live_ack_us(const struct lj_live *l, int64_t span_us, double q);
/* i = 0 is the oldest kept; NULL beyond the newest. */
const struct lj_live_sample *lj_live_at(const struct lj_live *l, size_t i);

#endif
