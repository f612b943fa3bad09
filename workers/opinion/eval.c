/*
 * Counting: precision, recall, F1 by kind, severity, evidence, polarity, calibration.
 *
 * Everything is a count until it is printed, so that a share of nothing can be told from zero. The
 * calibration error takes ten bins of the risk score. The area under the curve counts pairs of a
 * good and a bad text that the score puts in the right order, ties half.
 */
#include "workers/opinion/eval.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

enum { NINE = LJ_OPINION_THREAT, TAGS_MAX = 64, BINS = 10 };

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

struct bin {
    unsigned n, risky;
    double sum;
};

struct lj_eval {
    unsigned n, ambiguous, ambiguous_flagged;
    struct count any, kind[LJ_OPINION_KINDS];
    unsigned found, exact, near;     /* severity, of risky texts that were found */
    unsigned high_n[4], high_hit[4]; /* recall by labelled severity */
    unsigned evidence_n, evidence_hit;
    unsigned three_way, polar_right;
    struct bin bins[BINS];
    struct scored *polar;
    size_t polar_count, polar_size;
    size_t tag_count;
    struct tag tags[TAGS_MAX];
};

int lj_eval_open(struct lj_eval **ret, struct lj_err *err)
{
    *ret = calloc(1, sizeof **ret);
    return *ret ? 0 : lj_fail(err, LJ_E_NOMEM, "no memory to evaluate");
}

void lj_eval_close(struct lj_eval **eval)
{
    if (!eval || !*eval)
        return;
    free((*eval)->polar);
    free(*eval);
    *eval = NULL;
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

static unsigned said_kinds(const struct lj_opinion_findings *f)
{
    unsigned set = 0;
    for (uint32_t i = 0; i < f->count; i++)
        set |= 1U << f->findings[i].kind;
    return set;
}

bool lj_eval_wrong(const struct lj_label *l, const struct lj_opinion_findings *f)
{
    return said_kinds(f) != l->kinds;
}

static void add_tags(struct lj_eval *e, const char *note, bool right)
{
    while (*note) {
        size_t n = strcspn(note, ", ");
        size_t i = 0;
        while (i < e->tag_count &&
               (strlen(e->tags[i].name) != n || memcmp(e->tags[i].name, note, n) != 0))
            i++;
        if (n > 0 && n < sizeof e->tags[0].name && i < TAGS_MAX) {
            if (i == e->tag_count)
                memcpy(e->tags[e->tag_count++].name, note, n);
            e->tags[i].n++;
            e->tags[i].right += right;
        }
        note += n + (note[n] != '\0');
    }
}

bool lj_eval_meets(const struct lj_label *l, const struct lj_opinion_finding *x)
{
    for (uint32_t i = 0; i < l->span_count; i++) {
        for (uint32_t k = 0; k < x->span_count && l->spans[i].kind == x->kind; k++) {
            if (x->spans[k].start < l->spans[i].end && l->spans[i].start < x->spans[k].end)
                return true;
        }
    }
    return false;
}

static void add_evidence(struct lj_eval *e, const struct lj_label *l,
                         const struct lj_opinion_findings *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        bool labelled = false;
        for (uint32_t k = 0; k < l->span_count; k++)
            labelled = labelled || l->spans[k].kind == f->findings[i].kind;
        e->evidence_n += labelled;
        e->evidence_hit += labelled && lj_eval_meets(l, &f->findings[i]);
    }
}

static int add_polarity(struct lj_eval *e, const struct lj_label *l,
                        const struct lj_opinion_findings *f, struct lj_err *err)
{
    e->three_way += l->polarity == f->polarity;
    if (l->polarity == 0)
        return 0;
    e->polar_right += (f->polarity_score > 0) == (l->polarity > 0);
    if (e->polar_count == e->polar_size) {
        size_t size = e->polar_size ? 2 * e->polar_size : 256;
        struct scored *more = realloc(e->polar, size * sizeof *more);
        if (!more)
            return lj_fail(err, LJ_E_NOMEM, "no memory to evaluate");
        e->polar = more;
        e->polar_size = size;
    }
    e->polar[e->polar_count++] = (struct scored){f->polarity_score, l->polarity > 0};
    return 0;
}

static void add_severity(struct lj_eval *e, int gold, bool any, int said)
{
    if (gold < 1 || gold > 3)
        return;
    e->high_n[gold]++;
    e->high_hit[gold] += any;
    e->found += any;
    e->exact += any && gold == said;
    e->near += any && abs(gold - said) <= 1;
}

int lj_eval_add(struct lj_eval *e, const struct lj_label *l, const struct lj_opinion_findings *f,
                struct lj_err *err)
{
    unsigned said = said_kinds(f);
    bool any = said != 0;
    if (lj_label_has(l, "amb")) {
        e->ambiguous++;
        e->ambiguous_flagged += any;
        return 0;
    }
    int at = (int)(f->risk_score * BINS);
    struct bin *b = &e->bins[at < 0 ? 0 : at >= BINS ? BINS - 1 : at];
    b->n++;
    b->risky += l->kinds != 0;
    b->sum += (double)f->risk_score;
    e->n++;
    add(&e->any, l->kinds != 0, any);
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++)
        add(&e->kind[k], l->kinds >> k & 1, said >> k & 1);
    add_tags(e, l->note, (l->kinds != 0) == any);
    add_severity(e, l->severity, any, f->severity);
    add_evidence(e, l, f);
    return add_polarity(e, l, f, err);
}

/* ---- figures; a share of nothing is negative ---- */

static double ratio(unsigned a, unsigned b)
{
    return b ? (double)a / b : -1;
}

static double precision(const struct count *c)
{
    return ratio(c->tp, c->tp + c->fp);
}

static double recall(const struct count *c)
{
    return ratio(c->tp, c->tp + c->fn);
}

static double f1(const struct count *c)
{
    return ratio(2 * c->tp, 2 * c->tp + c->fp + c->fn);
}

/* Over the kinds that occur, in the labels or in what was said. */
static double macro_f1(const struct lj_eval *e)
{
    double sum = 0;
    unsigned n = 0;
    for (unsigned k = 0; k < NINE; k++) {
        double v = f1(&e->kind[k]);
        sum += v > 0 ? v : 0;
        n += v >= 0;
    }
    return n ? sum / n : -1;
}

static double auc(const struct lj_eval *e)
{
    double better = 0;
    double pairs = 0;
    for (size_t i = 0; i < e->polar_count; i++) {
        for (size_t j = 0; e->polar[i].positive && j < e->polar_count; j++) {
            if (e->polar[j].positive)
                continue;
            float d = e->polar[i].score - e->polar[j].score;
            pairs += 1;
            better += d > 0 ? 1 : d < 0 ? 0 : 0.5;
        }
    }
    return pairs > 0 ? better / pairs : -1;
}

static double calibration_error(const struct lj_eval *e)
{
    double sum = 0;
    for (unsigned i = 0; i < BINS; i++) {
        double gap = e->bins[i].sum - e->bins[i].risky;
        sum += gap < 0 ? -gap : gap;
    }
    return e->n ? sum / e->n : -1;
}

static double clean_fpr(const struct lj_eval *e)
{
    return ratio(e->any.fp, e->any.fp + e->any.tn);
}

/* ---- printing ---- */

static const char *figure(double v, char *buf)
{
    if (v < 0)
        return "-";
    (void)snprintf(buf, 16, "%.3f", v);
    return buf;
}

static void print_count(FILE *out, const char *name, const struct count *c)
{
    char p[16], r[16], f[16];
    fprintf(out, "%-15s P %-5s R %-5s F1 %-5s  n %u  (tp %u fp %u fn %u)\n", name,
            figure(precision(c), p), figure(recall(c), r), figure(f1(c), f), c->tp + c->fn, c->tp,
            c->fp, c->fn);
}

void lj_eval_print(const struct lj_eval *e, FILE *out)
{
    char a[16], b[16], c[16];
    fprintf(out, "%-15s %u; ambiguous, counted apart: %u, flagged %u\n", "texts", e->n,
            e->ambiguous, e->ambiguous_flagged);
    print_count(out, "any risk", &e->any);
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++)
        print_count(out, lj_opinion_kind_name((enum lj_opinion_kind)k), &e->kind[k]);
    fprintf(out, "%-15s %s over the nine without threat\n", "macro F1", figure(macro_f1(e), a));
    fprintf(out, "%-15s %s of the clean texts flagged\n", "false alarms", figure(clean_fpr(e), a));
    fprintf(out, "%-15s exact %s, within one %s of %u found; recall 3: %u/%u 2: %u/%u 1: %u/%u\n",
            "severity", figure(ratio(e->exact, e->found), a), figure(ratio(e->near, e->found), b),
            e->found, e->high_hit[3], e->high_n[3], e->high_hit[2], e->high_n[2], e->high_hit[1],
            e->high_n[1]);
    fprintf(out, "%-15s meets the labelled words in %u of %u findings, %s\n", "evidence",
            e->evidence_hit, e->evidence_n, figure(ratio(e->evidence_hit, e->evidence_n), a));
    fprintf(out, "%-15s AUC %s, accuracy %s of %zu, three ways %s\n", "polarity", figure(auc(e), a),
            figure(ratio(e->polar_right, (unsigned)e->polar_count), b), e->polar_count,
            figure(ratio(e->three_way, e->n), c));
    fprintf(out, "%-15s %s\n", "calibration", figure(calibration_error(e), a));
    fprintf(out, "%-15s", "right by note");
    for (size_t i = 0; i < e->tag_count; i++)
        fprintf(out, " %s %u/%u", e->tags[i].name, e->tags[i].right, e->tags[i].n);
    fprintf(out, "\n");
}

static const char *number(double v, char *buf)
{
    if (v < 0)
        return "null";
    (void)snprintf(buf, 16, "%.4f", v);
    return buf;
}

static void json_count(FILE *out, const char *name, const struct count *c, bool with_n)
{
    char p[16], r[16], f[16];
    fprintf(out, "\"%s\":{\"p\":%s,\"r\":%s,\"f1\":%s", name, number(precision(c), p),
            number(recall(c), r), number(f1(c), f));
    if (with_n)
        fprintf(out, ",\"n\":%u", c->tp + c->fn);
    fprintf(out, "}");
}

/* Tags come from files: only what needs no escape in JSON is printed as it is. */
static void json_name(FILE *out, const char *s)
{
    for (; *s; s++)
        (void)fputc((unsigned char)*s < 0x20 || *s == '"' || *s == '\\' ? '_' : *s, out);
}

void lj_eval_print_json(const struct lj_eval *e, FILE *out)
{
    char a[16], b[16], c[16], d[16];
    fprintf(out, "{");
    json_count(out, "any_risk", &e->any, false);
    fprintf(out, ",\"macro_f1\":%s,\"kinds\":{", number(macro_f1(e), a));
    for (unsigned k = 0; k < NINE; k++) {
        fprintf(out, "%s", k ? "," : "");
        json_count(out, lj_opinion_kind_name((enum lj_opinion_kind)k), &e->kind[k], true);
    }
    fprintf(out, "},");
    json_count(out, "threat", &e->kind[LJ_OPINION_THREAT], true);
    fprintf(out,
            ",\"severity\":{\"exact\":%s,\"within_one\":%s,\"recall_3\":%s,\"recall_2\":%s},"
            "\"clean_fpr\":",
            number(ratio(e->exact, e->found), a), number(ratio(e->near, e->found), b),
            number(ratio(e->high_hit[3], e->high_n[3]), c),
            number(ratio(e->high_hit[2], e->high_n[2]), d));
    fprintf(out, "%s,\"by_note\":{", number(clean_fpr(e), a));
    for (size_t i = 0; i < e->tag_count; i++) {
        fprintf(out, "%s\"", i ? "," : "");
        json_name(out, e->tags[i].name);
        fprintf(out, "\":{\"n\":%u,\"accuracy\":%s}", e->tags[i].n,
                number(ratio(e->tags[i].right, e->tags[i].n), a));
    }
    fprintf(out, "},\"evidence_overlap\":%s,", number(ratio(e->evidence_hit, e->evidence_n), a));
    fprintf(out, "\"polarity\":{\"auc\":%s,\"accuracy\":%s,\"three_way\":%s},", number(auc(e), a),
            number(ratio(e->polar_right, (unsigned)e->polar_count), b),
            number(ratio(e->three_way, e->n), c));
    fprintf(out, "\"ece\":%s,\"n\":%u,\"ambiguous\":{\"n\":%u,\"flagged\":%u}}\n",
            number(calibration_error(e), a), e->n, e->ambiguous, e->ambiguous_flagged);
}
