/*
 * Fitting the fusion: logistic regressions of a few dozen weights.
 *
 * The kinds share most of what there is to learn (a negated hit is a negated hit), so a kind's
 * weights are common ones plus a difference of its own that pays more for its size; with a hundred
 * positive texts a kind, its own weights alone would be noise. Full gradients with Adam's steps:
 * small, convex, deterministic. A threshold is half of the best F1 that the fitted probabilities
 * promise, which is where F1 is highest when they are calibrated, and steadier than a search.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/fmath.h"
#include "workers/opinion/train.h"

/* Adam over d weights. */
struct adam {
    float *w, *m, *v;
    size_t d;
    float b1, b2;
};

static int adam_open(struct adam *a, size_t d, struct lj_err *err)
{
    *a = (struct adam){.w = calloc(3 * d, sizeof *a->w), .d = d, .b1 = 1, .b2 = 1};
    if (!a->w)
        return lj_fail(err, LJ_E_NOMEM, "no memory to fit %zu weights", d);
    a->m = a->w + d;
    a->v = a->w + 2 * d;
    return 0;
}

static void adam_step(struct adam *a, const float *g, float rate)
{
    a->b1 *= 0.9F;
    a->b2 *= 0.99F;
    for (size_t i = 0; i < a->d; i++) {
        a->m[i] = 0.9F * a->m[i] + 0.1F * g[i];
        a->v[i] = 0.99F * a->v[i] + 0.01F * g[i] * g[i];
        float m = a->m[i] / (1 - a->b1);
        float v = a->v[i] / (1 - a->b2);
        a->w[i] -= rate * m / (lj_sqrtf(v) + 1e-6F);
    }
}

static float rate_at(int round, int rounds)
{
    float done = (float)round / (float)rounds;
    return 0.1F * (1 - done) * (1 - done) + 0.001F;
}

static float dot(const float *a, const float *b, size_t n)
{
    float z = 0;
    for (size_t i = 0; i < n; i++)
        z += a[i] * b[i];
    return z;
}

static bool ambiguous(const struct lj_label *l)
{
    return lj_label_has(l, "amb");
}

/* ---- kinds: common weights first, then each kind's difference ---- */

static void kind_gradient(const struct lj_fuse_rows *r, const struct lj_fusion *f, float *g)
{
    for (size_t i = 0; i < r->n; i++) {
        if (ambiguous(r->label[i]))
            continue;
        for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
            const float *x = r->kind[i][k];
            float y = (float)(r->label[i]->kinds >> k & 1);
            float e = (lj_sigmoid(dot(f->kind[k], x, LJ_FK_ROOM)) - y) / (float)r->n;
            float *own = g + (size_t)(k + 1) * LJ_FK_ROOM;
            for (unsigned j = 0; j < LJ_FK_ROOM; j++) {
                g[j] += e * x[j];
                own[j] += e * x[j];
            }
        }
    }
}

static void sum_kinds(const float *w, struct lj_fusion *f)
{
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
        for (unsigned j = 0; j < LJ_FK_ROOM; j++)
            f->kind[k][j] = w[j] + w[(size_t)(k + 1) * LJ_FK_ROOM + j];
    }
}

static int fit_kinds(const struct lj_fuse_rows *r, const struct lj_train_options *o,
                     struct lj_fusion *f, struct lj_err *err)
{
    enum { D = (LJ_OPINION_KINDS + 1) * LJ_FK_ROOM };
    float g[D];
    struct adam a = {0};
    int rc = adam_open(&a, D, err);
    if (rc < 0)
        return rc;
    for (int round = 0; round < o->rounds; round++) {
        sum_kinds(a.w, f);
        for (size_t j = 0; j < D; j++)
            g[j] = a.w[j] * (j < LJ_FK_ROOM ? o->l2 : o->l2_own);
        kind_gradient(r, f, g);
        adam_step(&a, g, rate_at(round, o->rounds));
    }
    sum_kinds(a.w, f);
    free(a.w);
    return 0;
}

/* ---- the text's questions ---- */

/* 1, 0, or -1 where the label does not answer. */
static int answer_of(const struct lj_label *l, unsigned question)
{
    if (ambiguous(l))
        return -1;
    switch (question) {
    case LJ_Q_RISK:
        return l->kinds != 0;
    case LJ_Q_GOOD:
        return l->polarity > 0;
    case LJ_Q_BAD:
        return l->polarity < 0;
    case LJ_Q_GRAVE:
        return l->severity ? l->severity == 3 : -1;
    default:
        return l->severity ? l->severity >= 2 : -1;
    }
}

static int fit_question(const struct lj_fuse_rows *r, const struct lj_train_options *o,
                        unsigned question, float *w, struct lj_err *err)
{
    float g[LJ_FT_ROOM];
    size_t n = 0;
    struct adam a = {0};
    int rc = adam_open(&a, LJ_FT_ROOM, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < r->n; i++)
        n += answer_of(r->label[i], question) >= 0;
    for (int round = 0; round < o->rounds; round++) {
        for (unsigned j = 0; j < LJ_FT_ROOM; j++)
            g[j] = a.w[j] * o->l2 * 5;
        for (size_t i = 0; i < r->n; i++) {
            int y = answer_of(r->label[i], question);
            const float *x = r->text[i];
            if (y < 0)
                continue;
            float e = (lj_sigmoid(dot(a.w, x, LJ_FT_ROOM)) - (float)y) / (float)n;
            for (unsigned j = 0; j < LJ_FT_ROOM; j++)
                g[j] += e * x[j];
        }
        adam_step(&a, g, rate_at(round, o->rounds));
    }
    memcpy(w, a.w, LJ_FT_ROOM * sizeof *w);
    free(a.w);
    return 0;
}

/* The likeliest two kinds of a row become features of its text. */
static void fill_tops(struct lj_fuse_rows *r, const struct lj_fusion *f)
{
    for (size_t i = 0; i < r->n; i++) {
        float top = 1e-6F;
        float second = 1e-6F;
        for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
            float p = lj_sigmoid(dot(f->kind[k], r->kind[i][k], LJ_FK_ROOM));
            second = p > top ? top : p > second ? p : second;
            top = p > top ? p : top;
        }
        float a = lj_logit(top);
        float b = lj_logit(second);
        r->text[i][LJ_FT_TOP] = a > 6 ? 6 : a < -6 ? -6 : a;
        r->text[i][LJ_FT_SECOND] = b > 6 ? 6 : b < -6 ? -6 : b;
    }
}

/* ---- thresholds ---- */

struct scored {
    float p;
    bool y;
};

static int by_falling(const void *pa, const void *pb)
{
    const struct scored *a = pa;
    const struct scored *b = pb;
    return a->p < b->p ? 1 : a->p > b->p ? -1 : 0;
}

/* Half of the best F1 over all thresholds, within sensible bounds. */
static float threshold(struct scored *s, size_t n)
{
    size_t positive = 0;
    size_t hit = 0;
    float best = 0;
    for (size_t i = 0; i < n; i++)
        positive += s[i].y;
    qsort(s, n, sizeof *s, by_falling);
    for (size_t i = 0; i < n; i++) {
        hit += s[i].y;
        float f1 = 2 * (float)hit / (float)(i + 1 + positive);
        best = f1 > best ? f1 : best;
    }
    float t = best / 2;
    return t < 0.25F ? 0.25F : t;
}

static int set_thresholds(const struct lj_fuse_rows *r, struct lj_fusion *f, struct lj_err *err)
{
    struct scored *s = calloc(r->n + 1, sizeof *s);
    if (!s)
        return lj_fail(err, LJ_E_NOMEM, "no memory for thresholds");
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
        for (size_t i = 0; i < r->n; i++)
            s[i] = (struct scored){lj_sigmoid(dot(f->kind[k], r->kind[i][k], LJ_FK_ROOM)),
                                   r->label[i]->kinds >> k & 1};
        f->kind_at[k] = threshold(s, r->n);
    }
    for (size_t i = 0; i < r->n; i++)
        s[i] = (struct scored){lj_sigmoid(dot(f->text[LJ_Q_RISK], r->text[i], LJ_FT_ROOM)),
                               r->label[i]->kinds != 0};
    f->risk_at = threshold(s, r->n);
    f->polar_at[0] = f->polar_at[1] = 0.5F;
    free(s);
    return 0;
}

int lj_fusion_fit(struct lj_fuse_rows *rows, const struct lj_train_options *options,
                  struct lj_fusion *ret, struct lj_err *err)
{
    int rc = fit_kinds(rows, options, ret, err);
    if (rc == 0)
        fill_tops(rows, ret);
    for (unsigned q = 0; rc == 0 && q < LJ_QUESTIONS; q++)
        rc = fit_question(rows, options, q, ret->text[q], err);
    return rc < 0 ? rc : set_thresholds(rows, ret, err);
}
