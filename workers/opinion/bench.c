/*
 * Throughput and latency of the whole engine, evidence included. Built, not installed.
 *
 * Makes its texts from labelled ones that are held back from training: risky ones joined and cut to
 * 150 and 500 characters (dense in hits), whole ones joined and cut to 240 (as people write), and
 * crafted texts of 8 KB meant to be slow. Time is CPU time; each figure is the best of several
 * short rounds, because a busy machine makes a round slower, never faster. The p99 is over single
 * texts of the first file, by the wall clock.
 *
 * Usage: opinion_bench [-r ROUNDS] [-d BUNDLE] [-s SET] TEXTS.tsv ...; -s measures that set alone.
 * Output: one line a figure, name <tab> value <tab> unit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "workers/opinion/crafted.h"
#include "workers/opinion/labels.h"
#include "workers/opinion/opinion.h"
#include "workers/opinion/text.h"

enum { TEXT_ROOM = 4096, SET_MAX = 1000, SOURCES_MAX = 20000 };

struct text {
    const char *p;
    size_t n;
};

struct sources {
    size_t count;
    size_t risky;
    struct text all[SOURCES_MAX];
    struct text bad[SOURCES_MAX];
};

struct set {
    size_t count;
    struct text text[SET_MAX];
};

static int by_value(const void *pa, const void *pb)
{
    double a = *(const double *)pa;
    double b = *(const double *)pb;
    return (a > b) - (a < b);
}

static double seconds(clockid_t clock)
{
    struct timespec ts;
    (void)clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The texts that the models were not trained on: an engine meets other texts than its trainer. */
static void take_sources(const struct lj_labels *labels, struct sources *x)
{
    for (size_t i = 0; i < labels->count; i++) {
        const struct lj_label *l = &labels->row[i];
        if (!l->held || x->count == SOURCES_MAX)
            continue;
        struct text one = {l->text, l->len};
        x->all[x->count++] = one;
        if (l->kinds)
            x->bad[x->risky++] = one;
    }
}

/* Joins texts, going through the sources in steps, and cuts each at chars code points. */
static int fill(struct set *s, const struct text *src, size_t n, uint32_t chars, struct lj_err *err)
{
    size_t at = 0;
    s->count = n < SET_MAX ? n : SET_MAX;
    for (size_t i = 0; i < s->count; i++) {
        char *p = malloc(TEXT_ROOM);
        if (!p)
            return lj_fail(err, LJ_E_NOMEM, "no memory for the texts");
        size_t len = 0;
        uint32_t cps = 0;
        while (cps < chars) {
            size_t k = 0;
            while (cps < chars && k < src[at].n && len + 4 < TEXT_ROOM) {
                size_t from = k;
                (void)lj_utf8_next(src[at].p, src[at].n, &k);
                memcpy(p + len, src[at].p + from, k - from);
                len += k - from;
                cps++;
            }
            at = (at + 37) % n;
        }
        s->text[i] = (struct text){p, len};
    }
    return 0;
}

static void drop(struct set *s)
{
    for (size_t i = 0; i < s->count; i++)
        free((void *)(uintptr_t)s->text[i].p);
    s->count = 0;
}

static int round_of(struct lj_opinion *o, const struct set *s, double *ret, struct lj_err *err)
{
    static struct lj_opinion_findings f;
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < s->count; i++) {
        int rc = lj_opinion_score(o, s->text[i].p, s->text[i].n, &f, err);
        if (rc < 0)
            return rc;
    }
    *ret = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    return 0;
}

static int measure(struct lj_opinion *o, const char *name, const struct set *s, int rounds,
                   struct lj_err *err)
{
    double best = 0;
    size_t bytes = 0;
    for (int r = 0; r < rounds; r++) {
        double t;
        int rc = round_of(o, s, &t, err);
        if (rc < 0)
            return rc;
        best = r == 0 || t < best ? t : best;
    }
    for (size_t i = 0; i < s->count; i++)
        bytes += s->text[i].n;
    printf("%s\t%.0f\ttexts/s\t%.1f\tMB/s\n", name, (double)s->count / best,
           (double)bytes / best / 1e6);
    return 0;
}

static int latency(struct lj_opinion *o, const struct set *s, struct lj_err *err)
{
    static struct lj_opinion_findings f;
    static double us[SET_MAX];
    for (size_t i = 0; i < s->count; i++) {
        double start = seconds(CLOCK_MONOTONIC);
        int rc = lj_opinion_score(o, s->text[i].p, s->text[i].n, &f, err);
        if (rc < 0)
            return rc;
        us[i] = (seconds(CLOCK_MONOTONIC) - start) * 1e6;
    }
    qsort(us, s->count, sizeof us[0], by_value);
    printf("p50_150\t%.1f\tus\np99_150\t%.1f\tus\n", us[s->count / 2], us[s->count * 99 / 100]);
    return 0;
}

/* Every crafted text by itself; the worst is the figure. */
static int crafted(struct lj_opinion *o, int rounds, struct lj_err *err)
{
    static char text[LJ_CRAFTED_BYTES];
    double worst = 0;
    const char *name = "";
    for (unsigned k = 0; k < lj_crafted_count(); k++) {
        struct set one = {1, {{text, lj_crafted(k, sizeof text, text)}}};
        double best = 0;
        for (int r = 0; r < rounds; r++) {
            double t;
            int rc = round_of(o, &one, &t, err);
            if (rc < 0)
                return rc;
            best = r == 0 || t < best ? t : best;
        }
        printf("crafted_%s\t%.3f\tms\n", lj_crafted_name(k), best * 1e3);
        if (best > worst) {
            worst = best;
            name = lj_crafted_name(k);
        }
    }
    printf("worst_8k\t%.3f\tms\t%s\n", worst * 1e3, name);
    return 0;
}

struct settings {
    const char *bundle;
    const char *only;
    int rounds;
};

static int run_sets(struct lj_opinion *o, const struct sources *x, const struct settings *s,
                    struct lj_err *err)
{
    static struct set set;
    const struct {
        const char *name;
        const struct text *from;
        size_t count;
        uint32_t chars;
    } sets[] = {{"dense_150", x->bad, x->risky, 150},
                {"real_240", x->all, x->count, 240},
                {"dense_500", x->bad, x->risky, 500}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof sets / sizeof sets[0]; i++) {
        if (s->only && strcmp(s->only, sets[i].name) != 0)
            continue;
        rc = fill(&set, sets[i].from, sets[i].count, sets[i].chars, err);
        if (rc == 0)
            rc = measure(o, sets[i].name, &set, s->rounds, err);
        if (rc == 0 && i == 0)
            rc = latency(o, &set, err);
        drop(&set);
    }
    return rc;
}

static int run(const struct sources *x, const struct settings *s, struct lj_err *err)
{
    struct lj_opinion *o = NULL;
    int rc = lj_opinion_open(s->bundle, &o, err);
    if (rc == 0)
        rc = run_sets(o, x, s, err);
    if (rc == 0 && !s->only)
        rc = crafted(o, s->rounds, err);
    lj_opinion_close(&o);
    return rc;
}

int main(int argc, char **argv)
{
    static struct sources sources;
    struct settings s = {.rounds = 15};
    struct lj_labels labels = {0};
    struct lj_err err;
    int rc = 0;
    for (int c = getopt(argc, argv, "r:d:s:"); c != -1; c = getopt(argc, argv, "r:d:s:")) {
        if (c == 'd')
            s.bundle = optarg;
        else if (c == 's')
            s.only = optarg;
        else if (c == 'r')
            s.rounds = atoi(optarg);
        else
            return 2;
    }
    for (int i = optind; rc == 0 && i < argc; i++)
        rc = lj_labels_read(argv[i], &labels, &err);
    take_sources(&labels, &sources);
    if (rc == 0 && (sources.count == 0 || sources.risky == 0 || s.rounds < 1))
        rc = lj_fail(&err, LJ_E_ARG, "there are no texts; usage: opinion_bench TEXTS.tsv ...");
    if (rc == 0)
        rc = run(&sources, &s, &err);
    lj_labels_free(&labels);
    if (rc < 0)
        (void)fprintf(stderr, "opinion_bench: %s\n", err.text);
    return rc < 0 ? 1 : 0;
}
