/*
 * Evaluation: reads a labelled file and prints how well the engine does on it.
 *
 * Columns as in the labelled field data: id, kind, text, polarity, categories, severity, evidence,
 * note. Texts whose note holds the tag `amb` are counted apart. Prints any-risk precision, recall
 * and F1, each kind, macro F1 over the nine, the clean false positive rate, accuracy by note tag,
 * severity, evidence overlap and polarity. -v lists every row that is wrong, with the engine's
 * explanation. Built, not installed; it becomes `ljctl opinion eval`.
 *
 * Usage: opinion_eval [-v] [-d RULES_DIR] [-b SECONDS] FILE.tsv   (-b: texts a CPU second, over the
 * file's texts)
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "workers/opinion/opinion.h"
#include "workers/opinion/tsv.h"

enum { NINE = LJ_OPINION_THREAT, FILE_MAX = 64 << 20, TAGS_MAX = 64, ROWS_MAX = 20000 };

struct count {
    unsigned tp, fp, fn, tn;
};

struct tag {
    char name[24];
    unsigned n, right;
};

struct scored {
    float score;
    bool positive;
};

struct tally {
    unsigned n, ambiguous, ambiguous_flagged;
    struct count any, kind[NINE];
    unsigned severity_n, severity_exact, severity_near;
    unsigned high_n[4], high_hit[4]; /* recall by labelled severity */
    unsigned evidence_n, evidence_hit;
    unsigned polarity_n, polarity_right;
    size_t polar_count;
    struct scored polar[ROWS_MAX];
    size_t tag_count;
    struct tag tags[TAGS_MAX];
    bool verbose;
};

static double ratio(unsigned a, unsigned b)
{
    return b ? (double)a / b : 0;
}

static double f1(const struct count *c)
{
    return ratio(2 * c->tp, 2 * c->tp + c->fp + c->fn);
}

static void add(struct count *c, bool gold, bool said)
{
    if (gold && said)
        c->tp++;
    else if (gold)
        c->fn++;
    else if (said)
        c->fp++;
    else
        c->tn++;
}

/* The next comma-separated item of a field; 0 at the end. */
static int next_item(struct lj_field *f, char sep, struct lj_field *ret)
{
    if (f->n == 0)
        return 0;
    const char *stop = memchr(f->p, sep, f->n);
    size_t n = stop ? (size_t)(stop - f->p) : f->n;
    *ret = (struct lj_field){f->p, n};
    f->p += n + (stop != NULL);
    f->n -= n + (stop != NULL);
    return 1;
}

static bool has_word(struct lj_field f, const char *word)
{
    struct lj_field all = f;
    struct lj_field item;
    while (next_item(&all, ',', &item)) {
        struct lj_field part;
        while (next_item(&item, ' ', &part)) {
            if (part.n == strlen(word) && memcmp(part.p, word, part.n) == 0)
                return true;
        }
    }
    return false;
}

static unsigned gold_kinds(struct lj_field f)
{
    unsigned set = 0;
    struct lj_field item;
    while (next_item(&f, ',', &item)) {
        int k = lj_opinion_kind_by_name(item.p, item.n);
        if (k >= 0)
            set |= 1U << k;
    }
    return set;
}

static unsigned said_kinds(const struct lj_opinion_findings *f)
{
    unsigned set = 0;
    for (uint32_t i = 0; i < f->count; i++)
        set |= 1U << f->findings[i].kind;
    return set;
}

static void add_tags(struct tally *t, struct lj_field note, bool right)
{
    struct lj_field item;
    while (next_item(&note, ',', &item)) {
        size_t i = 0;
        if (item.n >= sizeof t->tags[0].name)
            continue;
        while (i < t->tag_count &&
               (strlen(t->tags[i].name) != item.n || memcmp(t->tags[i].name, item.p, item.n) != 0))
            i++;
        if (i == TAGS_MAX)
            continue;
        if (i == t->tag_count)
            memcpy(t->tags[t->tag_count++].name, item.p, item.n);
        t->tags[i].n++;
        t->tags[i].right += right;
    }
}

/* category@start-end:span;... : does some span of a finding of that kind meet some labelled span?
 */
static void add_evidence(struct tally *t, struct lj_field gold, const struct lj_opinion_findings *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const struct lj_opinion_finding *x = &f->findings[i];
        struct lj_field all = gold;
        struct lj_field item;
        bool labelled = false;
        bool hit = false;
        while (next_item(&all, ';', &item)) {
            const char *at = memchr(item.p, '@', item.n);
            if (!at || lj_opinion_kind_by_name(item.p, (size_t)(at - item.p)) != (int)x->kind)
                continue;
            char *end = NULL;
            unsigned long s = strtoul(at + 1, &end, 10);
            unsigned long e = strtoul(end + 1, NULL, 10);
            labelled = true;
            for (uint32_t k = 0; k < x->span_count; k++)
                hit = hit || (x->spans[k].start < e && s < x->spans[k].end);
        }
        t->evidence_n += labelled;
        t->evidence_hit += labelled && hit;
    }
}

static void add_polarity(struct tally *t, const struct lj_tsv *row,
                         const struct lj_opinion_findings *f)
{
    int gold = lj_field_is(row, 3, "-1") ? -1 : lj_field_is(row, 3, "1") ? 1 : 0;
    t->polarity_n++;
    t->polarity_right += gold == f->polarity;
    if (gold != 0 && t->polar_count < ROWS_MAX)
        t->polar[t->polar_count++] = (struct scored){f->polarity_score, gold > 0};
}

static double auc(const struct tally *t)
{
    double better = 0;
    double pairs = 0;
    for (size_t i = 0; i < t->polar_count; i++) {
        for (size_t j = 0; t->polar[i].positive && j < t->polar_count; j++) {
            if (t->polar[j].positive)
                continue;
            pairs += 1;
            better += t->polar[i].score > t->polar[j].score    ? 1
                      : t->polar[i].score == t->polar[j].score ? 0.5
                                                               : 0;
        }
    }
    return pairs > 0 ? better / pairs : 0;
}

static void add_severity(struct tally *t, int gold, bool any, int said)
{
    if (gold < 1 || gold > 3)
        return;
    t->high_n[gold]++;
    t->high_hit[gold] += any;
    if (!any)
        return;
    t->severity_n++;
    t->severity_exact += gold == said;
    t->severity_near += abs(gold - said) <= 1;
}

static void complain(const struct lj_tsv *row, const struct lj_opinion_findings *f)
{
    char why[LJ_OPINION_EXPLAIN_MAX];
    struct lj_field text = row->field[2];
    (void)lj_opinion_explain(f, text.p, text.n, why, sizeof why);
    printf("%.*s\t[%.*s | %.*s]\t%.*s\n\t=> %s\n", (int)row->field[0].n, row->field[0].p,
           (int)row->field[4].n, row->field[4].p, (int)row->field[7].n, row->field[7].p,
           (int)text.n, text.p, why);
}

static void add_row(struct tally *t, const struct lj_tsv *row, const struct lj_opinion_findings *f)
{
    unsigned gold = gold_kinds(row->field[4]);
    unsigned said = said_kinds(f);
    bool any = said != 0;
    if (has_word(row->field[7], "amb")) {
        t->ambiguous++;
        t->ambiguous_flagged += any;
        return;
    }
    t->n++;
    add(&t->any, gold != 0, any);
    for (unsigned k = 0; k < NINE; k++)
        add(&t->kind[k], gold >> k & 1, said >> k & 1);
    add_tags(t, row->field[7], (gold != 0) == any);
    add_severity(t, row->field[5].n == 1 ? row->field[5].p[0] - '0' : 0, any, f->severity);
    add_evidence(t, row->field[6], f);
    add_polarity(t, row, f);
    if (t->verbose && (gold & ((1U << NINE) - 1)) != (said & ((1U << NINE) - 1)))
        complain(row, f);
}

static void print_report(const struct tally *t)
{
    double macro = 0;
    printf("n %u  ambiguous %u (flagged %u)\n", t->n, t->ambiguous, t->ambiguous_flagged);
    printf("any risk        P %.3f R %.3f F1 %.3f  (tp %u fp %u fn %u tn %u)\n",
           ratio(t->any.tp, t->any.tp + t->any.fp), ratio(t->any.tp, t->any.tp + t->any.fn),
           f1(&t->any), t->any.tp, t->any.fp, t->any.fn, t->any.tn);
    for (unsigned k = 0; k < NINE; k++) {
        const struct count *c = &t->kind[k];
        macro += f1(c) / NINE;
        printf("%-15s P %.3f R %.3f F1 %.3f  n %u\n", lj_opinion_kind_name(k),
               ratio(c->tp, c->tp + c->fp), ratio(c->tp, c->tp + c->fn), f1(c), c->tp + c->fn);
    }
    printf("macro F1        %.3f\nclean FPR       %.3f\n", macro,
           ratio(t->any.fp, t->any.fp + t->any.tn));
    printf("severity        exact %.3f within one %.3f (of %u found); recall 3: %u/%u 2: %u/%u 1: "
           "%u/%u\n",
           ratio(t->severity_exact, t->severity_n), ratio(t->severity_near, t->severity_n),
           t->severity_n, t->high_hit[3], t->high_n[3], t->high_hit[2], t->high_n[2],
           t->high_hit[1], t->high_n[1]);
    printf("evidence        overlaps %u/%u\n", t->evidence_hit, t->evidence_n);
    printf("polarity        accuracy %.3f AUC %.3f\n", ratio(t->polarity_right, t->polarity_n),
           auc(t));
    printf("by note        ");
    for (size_t i = 0; i < t->tag_count; i++)
        printf(" %s %u/%u", t->tags[i].name, t->tags[i].right, t->tags[i].n);
    printf("\n");
}

static int evaluate(struct lj_opinion *o, struct lj_tsv rows, struct tally *t, struct lj_err *err)
{
    while (lj_tsv_next(&rows)) {
        struct lj_opinion_findings f;
        if (rows.fields < 8)
            return lj_fail(err, LJ_E_CONFIG, "%s:%u: %zu fields, 8 are needed", rows.name,
                           rows.line, rows.fields);
        if (lj_field_is(&rows, 0, "id"))
            continue;
        int rc = lj_opinion_score(o, rows.field[2].p, rows.field[2].n, &f, err);
        if (rc < 0)
            return rc;
        add_row(t, &rows, &f);
    }
    return 0;
}

/* CPU time: the machine may be shared. */
static double now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int bench(struct lj_opinion *o, struct lj_tsv rows, int seconds, struct lj_err *err)
{
    double start = now();
    double passed = 0;
    uint64_t texts = 0;
    uint64_t bytes = 0;
    while (passed < seconds) {
        struct lj_tsv r = rows;
        while (lj_tsv_next(&r)) {
            struct lj_opinion_findings f;
            if (r.fields < 3)
                continue;
            int rc = lj_opinion_score(o, r.field[2].p, r.field[2].n, &f, err);
            if (rc < 0)
                return rc;
            texts++;
            bytes += r.field[2].n;
        }
        if (texts == 0)
            return lj_fail(err, LJ_E_CONFIG, "%s has no rows", rows.name);
        passed = now() - start;
    }
    printf("%.0f texts and %.1f MB a CPU second, %.0f bytes a text\n", (double)texts / passed,
           (double)bytes / passed / 1e6, (double)bytes / (double)texts);
    return 0;
}

int main(int argc, char **argv)
{
    static struct tally t;
    struct lj_err err = {0};
    const char *dir = NULL;
    int seconds = 0;
    for (int c = getopt(argc, argv, "vd:b:"); c != -1; c = getopt(argc, argv, "vd:b:")) {
        t.verbose = t.verbose || c == 'v';
        if (c == 'd')
            dir = optarg;
        if (c == 'b')
            seconds = atoi(optarg);
        if (c == '?')
            return 2;
    }
    if (optind + 1 != argc) {
        (void)fprintf(stderr, "usage: opinion_eval [-v] [-d RULES_DIR] [-b SECONDS] FILE.tsv\n");
        return 2;
    }
    char *buf = NULL;
    size_t size = 0;
    struct lj_opinion *o = NULL;
    int rc = lj_read_file(argv[optind], FILE_MAX, &buf, &size, &err);
    if (rc == 0)
        rc = lj_opinion_open(dir, &o, &err);
    struct lj_tsv rows = {.name = argv[optind], .p = buf, .end = buf ? buf + size : NULL};
    if (rc == 0)
        rc = seconds > 0 ? bench(o, rows, seconds, &err) : evaluate(o, rows, &t, &err);
    if (rc < 0)
        (void)fprintf(stderr, "opinion_eval: %s\n", err.text);
    else if (seconds == 0)
        print_report(&t);
    lj_opinion_close(&o);
    free(buf);
    return rc < 0 ? 1 : 0;
}
