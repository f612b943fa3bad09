/* Metrics: plain counters in the process's own struct, described by a table; text format of
 * Prometheus 0.0.4. */
#ifndef LJ_COMMON_METRICS_H
#define LJ_COMMON_METRICS_H

#include <stdint.h>

#include "common/buf.h"

enum lj_metric_kind { LJ_COUNTER, LJ_GAUGE, LJ_HISTOGRAM };

/* A histogram of seconds with fixed buckets (0.5 ms .. 10 s). */
#define LJ_HIST_BUCKETS 14
struct lj_hist {
    uint64_t bucket[LJ_HIST_BUCKETS + 1]; /* last: +Inf */
    uint64_t count;
    uint64_t sum_us;
};
void lj_hist_add(struct lj_hist *h, int64_t us);
int64_t lj_hist_quantile_us(const struct lj_hist *h,
                            double q); /* upper bound of the bucket that holds q; -1 when empty */

/* Writers. `labels` is "" or e.g. `kind="quota"`. The help line is written when `help` is not NULL
 * (first sample of a name). */
void lj_metric_head(struct lj_buf *b, const char *name, enum lj_metric_kind kind, const char *help);
void lj_metric_u64(struct lj_buf *b, const char *name, const char *labels, uint64_t value);
void lj_metric_double(struct lj_buf *b, const char *name, const char *labels, double value);
void lj_metric_hist(struct lj_buf *b, const char *name, const char *labels,
                    const struct lj_hist *h);

#endif
