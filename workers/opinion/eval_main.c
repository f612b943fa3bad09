/*
 * Figures and throughput over labelled files, from the command line. Built, not installed: people
 * use `ljctl opinion eval`; this one can also try rule tables without models, and measure speed.
 *
 * Usage: opinion_eval [-v] [-d RULES_DIR | -m BUNDLE] [-p held|training] [-w WRITER] [-b SECONDS]
 *        FILE.tsv...
 * -v lists every text that is wrong, with the explanation; -w takes only the ids with that first
 * letter; -b prints texts a CPU second over the files' texts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "workers/opinion/eval.h"

struct settings {
    bool verbose;
    const char *rules, *bundle, *part, *writer;
    int seconds;
};

static bool wanted(const struct settings *s, const struct lj_label *l)
{
    if (s->writer && l->id[0] != s->writer[0])
        return false;
    return !s->part || l->held == (strcmp(s->part, "held") == 0);
}

static void complain(const struct lj_label *l, const struct lj_opinion_findings *f)
{
    char why[LJ_OPINION_EXPLAIN_MAX];
    (void)lj_opinion_explain(f, l->text, l->len, why, sizeof why);
    printf("%s\t[%s]\t%s\n\t", l->id, l->note, l->text);
    for (int k = 0; k < LJ_OPINION_KINDS; k++) {
        if (l->kinds >> k & 1)
            printf("%s ", lj_opinion_kind_name((enum lj_opinion_kind)k));
    }
    printf("=> %s\n", why);
}

static int evaluate(struct lj_opinion *o, const struct lj_labels *all, const struct settings *s,
                    struct lj_err *err)
{
    struct lj_eval *e = NULL;
    int rc = lj_eval_open(&e, err);
    for (size_t i = 0; rc == 0 && i < all->count; i++) {
        const struct lj_label *l = &all->row[i];
        struct lj_opinion_findings f;
        if (!wanted(s, l))
            continue;
        rc = lj_opinion_score(o, l->text, l->len, &f, err);
        if (rc == 0)
            rc = lj_eval_add(e, l, &f, err);
        if (rc == 0 && s->verbose && lj_eval_wrong(l, &f))
            complain(l, &f);
    }
    if (rc == 0)
        lj_eval_print(e, stdout);
    lj_eval_close(&e);
    return rc;
}

/* CPU time: the machine may be shared. */
static double now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int bench(struct lj_opinion *o, const struct lj_labels *all, const struct settings *s,
                 struct lj_err *err)
{
    double start = now();
    double passed = 0;
    uint64_t texts = 0;
    uint64_t bytes = 0;
    while (passed < s->seconds) {
        for (size_t i = 0; i < all->count; i++) {
            const struct lj_label *l = &all->row[i];
            struct lj_opinion_findings f;
            if (!wanted(s, l))
                continue;
            int rc = lj_opinion_score(o, l->text, l->len, &f, err);
            if (rc < 0)
                return rc;
            texts++;
            bytes += l->len;
        }
        if (texts == 0)
            return lj_fail(err, LJ_E_CONFIG, "there are no such texts");
        passed = now() - start;
    }
    printf("%.0f texts and %.1f MB a CPU second, %.0f bytes a text\n", (double)texts / passed,
           (double)bytes / passed / 1e6, (double)bytes / (double)texts);
    return 0;
}

static int read_settings(int argc, char **argv, struct settings *s)
{
    for (int c = getopt(argc, argv, "vd:m:p:w:b:"); c != -1;
         c = getopt(argc, argv, "vd:m:p:w:b:")) {
        s->verbose = s->verbose || c == 'v';
        s->rules = c == 'd' ? optarg : s->rules;
        s->bundle = c == 'm' ? optarg : s->bundle;
        s->part = c == 'p' ? optarg : s->part;
        s->writer = c == 'w' ? optarg : s->writer;
        s->seconds = c == 'b' ? atoi(optarg) : s->seconds;
        if (c == '?')
            return -1;
    }
    return optind < argc ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct lj_err err = {0};
    struct settings s = {0};
    struct lj_labels all = {0};
    struct lj_opinion *o = NULL;
    if (read_settings(argc, argv, &s) < 0) {
        (void)fprintf(stderr, "usage: opinion_eval [-v] [-d RULES_DIR | -m BUNDLE] "
                              "[-p held|training] [-w WRITER] [-b SECONDS] FILE.tsv...\n");
        return 2;
    }
    int rc =
        s.rules ? lj_opinion_open_rules(s.rules, &o, &err) : lj_opinion_open(s.bundle, &o, &err);
    for (int i = optind; rc == 0 && i < argc; i++)
        rc = lj_labels_read(argv[i], &all, &err);
    if (rc == 0)
        rc = s.seconds > 0 ? bench(o, &all, &s, &err) : evaluate(o, &all, &s, &err);
    if (rc < 0)
        (void)fprintf(stderr, "opinion_eval: %s\n", err.text);
    lj_opinion_close(&o);
    lj_labels_free(&all);
    return rc < 0 ? 1 : 0;
}
