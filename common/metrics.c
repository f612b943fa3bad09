/* The text of /metrics: Prometheus exposition format 0.0.4.
 *
 * Counters live as plain integers in each process's own struct on its loop thread; when somebody
 * asks, a table walks over them and calls these writers. So counting costs one add, there is no
 * registry, and nothing has to be locked.
 *
 * Histograms have fixed bounds (0.5 ms to 10 s, doubling or nearly): one histogram is 17 integers,
 * adding scans at most 14 bounds, and percentiles of several processes can be added up, which a
 * sketch or a reservoir would not allow. The bounds follow what has to be told apart here: a commit
 * (1 to 10 ms), an ack under load (10 to 200 ms), a stage that hangs (seconds).
 *
 * The caller keeps samples of one name together under one lj_metric_head, as the format demands.
 * Integers are written in full, not through a double: a counter beyond 2^53 stays exact. Label text
 * is the caller's; label values must be plain (ids, kinds, codes).
 */
#include "common/metrics.h"

#include <inttypes.h>
#include <math.h>

static const int64_t bounds_us[LJ_HIST_BUCKETS] = {500,     1000,    2500,    5000,    10000,
                                                   25000,   50000,   100000,  250000,  500000,
                                                   1000000, 2500000, 5000000, 10000000};
static const char *const bounds_text[LJ_HIST_BUCKETS] = {
    "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
    "0.1",    "0.25",  "0.5",    "1",     "2.5",  "5",     "10"};

void lj_hist_add(struct lj_hist *h, int64_t us)
{
    int i = 0;
    if (us < 0) /* a span cannot be negative; a caller's mixed clocks must not wrap the sum */
        us = 0;
    while (i < LJ_HIST_BUCKETS && us > bounds_us[i])
        i++;
    h->bucket[i]++;
    h->count++;
    h->sum_us += (uint64_t)us;
}

int64_t lj_hist_quantile_us(const struct lj_hist *h, double q)
{
    if (h->count == 0)
        return -1;
    double rank = q * (double)h->count;
    uint64_t wanted = rank < 1 ? 1 : rank >= (double)h->count ? h->count : (uint64_t)rank;
    if ((double)wanted < rank) /* round up, without pulling libm in */
        wanted++;
    uint64_t seen = 0;
    for (int i = 0; i < LJ_HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= wanted)
            return bounds_us[i];
    }
    return INT64_MAX; /* beyond the last bound: nothing true can be said but "more" */
}

/* Help text may hold anything; a newline or backslash would break the line format. */
static void put_help(struct lj_buf *b, const char *help)
{
    for (; *help; help++) {
        if (*help == '\n')
            lj_buf_put(b, "\\n", 2);
        else if (*help == '\\')
            lj_buf_put(b, "\\\\", 2);
        else
            lj_buf_put(b, help, 1);
    }
}

void lj_metric_head(struct lj_buf *b, const char *name, enum lj_metric_kind kind, const char *help)
{
    static const char *const kinds[] = {
        [LJ_COUNTER] = "counter", [LJ_GAUGE] = "gauge", [LJ_HISTOGRAM] = "histogram"};
    if (help) {
        lj_buf_printf(b, "# HELP %s ", name);
        put_help(b, help);
        lj_buf_put(b, "\n", 1);
    }
    lj_buf_printf(b, "# TYPE %s %s\n", name, kinds[kind]);
}

static void put_name(struct lj_buf *b, const char *name, const char *suffix, const char *labels,
                     const char *le)
{
    int has = labels && labels[0];
    lj_buf_printf(b, "%s%s", name, suffix);
    if (has || le)
        lj_buf_printf(b, "{%s%s", has ? labels : "", has && le ? "," : "");
    if (le)
        lj_buf_printf(b, "le=\"%s\"", le);
    lj_buf_printf(b, "%s ", has || le ? "}" : "");
}

void lj_metric_u64(struct lj_buf *b, const char *name, const char *labels, uint64_t value)
{
    put_name(b, name, "", labels, NULL);
    lj_buf_printf(b, "%" PRIu64 "\n", value);
}

void lj_metric_double(struct lj_buf *b, const char *name, const char *labels, double value)
{
    put_name(b, name, "", labels, NULL);
    if (isnan(value))
        lj_buf_printf(b, "NaN\n");
    else if (isinf(value))
        lj_buf_printf(b, "%sInf\n", value > 0 ? "+" : "-");
    else
        lj_buf_printf(b, "%.17g\n", value);
}

void lj_metric_hist(struct lj_buf *b, const char *name, const char *labels, const struct lj_hist *h)
{
    uint64_t cumulative = 0;
    for (int i = 0; i < LJ_HIST_BUCKETS; i++) {
        cumulative += h->bucket[i];
        put_name(b, name, "_bucket", labels, bounds_text[i]);
        lj_buf_printf(b, "%" PRIu64 "\n", cumulative);
    }
    put_name(b, name, "_bucket", labels, "+Inf");
    lj_buf_printf(b, "%" PRIu64 "\n", h->count);
    put_name(b, name, "_sum", labels, NULL);
    lj_buf_printf(b, "%" PRIu64 ".%06" PRIu64 "\n", h->sum_us / 1000000, h->sum_us % 1000000);
    put_name(b, name, "_count", labels, NULL);
    lj_buf_printf(b, "%" PRIu64 "\n", h->count);
}
