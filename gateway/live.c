/* The broker counts since its start; a page wants "now". So of each HEAD only what was added since
 * the one before is kept, ten minutes of it, and any rate or percentile is a sum over the newest of
 * these. A broker that was restarted begins its counters at zero: a counter that fell counts from
 * zero, so nothing is negative and nothing is counted twice. The very first HEAD only tells where
 * the counters stand.
 *
 * The text is our own broker's (broker/metrics.c) and its names are part of the monitoring
 * contract; a line that is not understood is passed over, so a newer broker does no harm. */
#include "gateway/live.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 200 };

static const char ack_prefix[] = "liangjin_broker_ack_seconds_bucket{";
static const char stored_name[] = "liangjin_broker_events_stored_total";

struct reading {
    uint64_t stored, ack[LJ_HIST_BUCKETS + 1];
    size_t n_ack;
};

static struct lj_live_kind *kind_of(struct lj_live *l, const char *name, size_t len)
{
    for (size_t i = 0; i < l->n_kinds; i++) {
        if (strlen(l->kinds[i].name) == len && memcmp(l->kinds[i].name, name, len) == 0) {
            return &l->kinds[i];
        }
    }
    if (l->n_kinds == LJ_LIVE_KINDS || len >= sizeof l->kinds[0].name) {
        return NULL;
    }
    struct lj_live_kind *k = &l->kinds[l->n_kinds++];
    *k = (struct lj_live_kind){0};
    memcpy(k->name, name, len);
    return k;
}

/* name{kind="x"} value */
static void take_kind(struct lj_live *l, const char *line)
{
    static const char label[] = "{kind=\"";
    const char *brace = strstr(line, label);
    const char *name = brace ? brace + sizeof label - 1 : NULL;
    const char *end = name ? strchr(name, '"') : NULL;
    struct lj_live_kind *k = end ? kind_of(l, name, (size_t)(end - name)) : NULL;
    const char *value = end ? strchr(end, ' ') : NULL;
    if (!k || !value) {
        return;
    }
    size_t n = (size_t)(brace - line);
    if (n == 23 && memcmp(line, "liangjin_broker_backlog", n) == 0) {
        k->backlog = strtoull(value, NULL, 10);
    } else if (n == 35 && memcmp(line, "liangjin_broker_backlog_age_seconds", n) == 0) {
        k->age_s = strtod(value, NULL);
    } else if (n == 28 && memcmp(line, "liangjin_broker_closed_total", n) == 0) {
        k->closed = strtoull(value, NULL, 10);
    }
}

static void take_line(struct lj_live *l, const char *line, struct reading *r)
{
    size_t n = sizeof stored_name - 1;
    if (strncmp(line, stored_name, n) == 0 && line[n] == ' ') {
        r->stored = strtoull(line + n, NULL, 10);
    } else if (strncmp(line, ack_prefix, sizeof ack_prefix - 1) == 0) {
        const char *value = strchr(line, ' ');
        if (value && r->n_ack <= LJ_HIST_BUCKETS) {
            r->ack[r->n_ack++] = strtoull(value, NULL, 10); /* in the order of their bounds */
        }
    } else {
        take_kind(l, line);
    }
}

static uint64_t grown(uint64_t now, uint64_t before)
{
    return now >= before ? now - before : now;
}

static void add(struct lj_live *l, const struct reading *r, int64_t mono_us, int64_t wall_us)
{
    struct lj_live_sample *s = &l->samples[l->taken % LJ_LIVE_SAMPLES];
    uint64_t before = 0;
    *s = (struct lj_live_sample){.at_us = wall_us, .span_us = mono_us - l->last_us};
    s->stored = grown(r->stored, l->stored);
    for (size_t i = 0; i <= LJ_HIST_BUCKETS; i++) { /* the text's buckets are cumulative */
        uint64_t sum = grown(r->ack[i], l->ack[i]);
        s->ack[i] = sum > before ? sum - before : 0;
        before = sum > before ? sum : before;
    }
    for (size_t i = 0; i < l->n_kinds; i++) {
        s->backlog += l->kinds[i].backlog;
    }
    l->taken++;
}

void lj_live_take(struct lj_live *l, struct lj_slice metrics, int64_t mono_us, int64_t wall_us)
{
    struct reading r = {0};
    char line[LINE_MAX_BYTES];
    const char *p = metrics.p, *end = metrics.p + metrics.n;
    l->n_kinds = 0;
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((nl ? nl : end) - p);
        if (n < sizeof line && *p != '#') {
            memcpy(line, p, n);
            line[n] = '\0';
            take_line(l, line, &r);
        }
        p += n + 1;
    }
    if (r.n_ack != LJ_HIST_BUCKETS + 1) {
        return; /* not all of it is there: counters that fell to nothing would come back as a rush
                 */
    }
    if (l->last_us) {
        add(l, &r, mono_us, wall_us);
    }
    l->last_us = mono_us;
    l->stored = r.stored;
    memcpy(l->ack, r.ack, sizeof l->ack);
}

static size_t kept(const struct lj_live *l)
{
    return l->taken < LJ_LIVE_SAMPLES ? (size_t)l->taken : LJ_LIVE_SAMPLES;
}

const struct lj_live_sample *lj_live_at(const struct lj_live *l, size_t i)
{
    size_t n = kept(l);
    return i < n ? &l->samples[(l->taken - n + i) % LJ_LIVE_SAMPLES] : NULL;
}

double lj_live_rate(const struct lj_live *l, int64_t span_us)
{
    int64_t us = 0;
    uint64_t stored = 0;
    for (size_t i = kept(l); i > 0 && us < span_us; i--) {
        us += lj_live_at(l, i - 1)->span_us;
        stored += lj_live_at(l, i - 1)->stored;
    }
    return us > 0 ? (double)stored * 1e6 / (double)us : 0;
}

int64_t lj_live_ack_us(const struct lj_live *l, int64_t span_us, double q)
{
    struct lj_hist h = {0};
    int64_t us = 0;
    for (size_t i = kept(l); i > 0 && us < span_us; i--) {
        const struct lj_live_sample *s = lj_live_at(l, i - 1);
        us += s->span_us;
        for (size_t k = 0; k <= LJ_HIST_BUCKETS; k++) {
            h.bucket[k] += s->ack[k];
            h.count += s->ack[k];
        }
    }
    return lj_hist_quantile_us(&h, q);
}
