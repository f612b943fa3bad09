/*
 * From hits and linear values to probabilities.
 *
 * A layer of a few dozen weights a question learns how far rules, scopes and linear models are to
 * be trusted: that a negated hit speaks against a risk, that a weak one needs a text that sounds
 * like a complaint, that praise over many sentences outweighs a plain word. Counts are capped, so
 * no text, however long or hostile, can push one feature further than training saw it.
 *
 * Guarantees: no allocation; the features of a text depend on that text alone.
 */
#include "workers/opinion/fuse.h"

#include <string.h>

#include "workers/opinion/engine.h"
#include "workers/opinion/fmath.h"

#define LIN_CAP 6.0F

static float capped(float v, float most)
{
    return v > most ? most : v < -most ? -most : v;
}

/* log(1 + n), n up to 8 */
static float count_of(uint32_t n)
{
    static const float logs[9] = {0,           0.69314718F, 1.09861229F, 1.38629436F, 1.60943791F,
                                  1.79175947F, 1.94591015F, 2.07944154F, 2.19722458F};
    return logs[n > 8 ? 8 : n];
}

static float length_of(const struct lj_opinion *o)
{
    return capped(lj_logf(((float)o->text.n + 5) / 50), 3);
}

/* What the hits say: of each kind its best that stands, the second best points of all kinds. */
struct lj_hits_of {
    const struct lj_hit *best;
    float *x;       /* the kind's features */
    bool cancelled; /* a hit was, by what its sentence says */
    uint32_t standing;
    uint32_t sentences;
    uint16_t last;
};

/* Those that stand, and the heaviest that each scope cancelled. */
static void read_hits(const struct lj_opinion *o, struct lj_hits_of kind[LJ_OPINION_KINDS])
{
    for (uint32_t i = 0; i < o->hit_count; i++) {
        const struct lj_hit *h = &o->hit[i];
        struct lj_hits_of *k = &kind[h->kind];
        float *scope = &k->x[LJ_FK_CANCELLED + h->scope];
        float weight = (float)h->weight / 3;
        if (h->scope != LJ_OPINION_SCOPE_NONE && weight > *scope)
            *scope = weight;
        k->cancelled = k->cancelled ||
                       (h->scope >= LJ_OPINION_SCOPE_NEG && h->scope <= LJ_OPINION_SCOPE_SPORT);
        if (!lj_stands(h))
            continue;
        k->sentences += k->standing == 0 || h->sentence != k->last;
        k->standing++;
        k->last = h->sentence;
        if (h->by_pair || h->by_rule)
            k->x[LJ_FK_COMBINED] = 1;
        if (!k->best || h->points > k->best->points)
            k->best = h;
    }
}

/* The highest of all kinds, and the highest of the others for that kind. */
struct tops {
    float most, next;
    int at;
};

static void add_top(struct tops *t, int kind, float v)
{
    if (v > t->most) {
        t->next = t->most;
        t->most = v;
        t->at = kind;
    } else if (v > t->next) {
        t->next = v;
    }
}

static float other_than(const struct tops *t, int kind)
{
    return t->at == kind ? t->next : t->most;
}

/* The features that every kind of a text has alike. */
static void common_features(const struct lj_opinion *o, const struct lj_lin_score *lin, float *x)
{
    x[LJ_FK_ONE] = 1;
    x[LJ_FK_RISK] = capped(lin->whole[LJ_LIN_RISK], LIN_CAP);
    x[LJ_FK_RISK_BEST] = capped(lin->best[LJ_LIN_RISK], LIN_CAP);
    x[LJ_FK_LENGTH] = length_of(o);
    x[LJ_FK_GOOD] = count_of(o->praise.good);
    x[LJ_FK_BAD] = count_of(o->praise.bad);
    x[LJ_FK_COMPLAINTS] = count_of(o->praise.complaints);
    x[LJ_FK_ROUTINE] = count_of(o->praise.routine);
    x[LJ_FK_LIN_GOOD] = capped(lin->whole[LJ_LIN_GOOD], LIN_CAP);
    x[LJ_FK_LIN_BAD] = capped(lin->whole[LJ_LIN_BAD], LIN_CAP);
    x[LJ_FK_DENIERS] = count_of(o->deniers);
    x[LJ_FK_RUMOURED] = o->rumoured;
    x[LJ_FK_HEADED] = o->headed;
}

/* What the scopes cancelled in the whole text speaks about every kind: a denial of one accusation
 * is seldom the report of another. */
static void share_scopes(float x[LJ_OPINION_KINDS][LJ_FK_ROOM])
{
    for (int s = 0; s < LJ_OPINION_SCOPES; s++) {
        float most = 0;
        for (int k = 0; k < LJ_OPINION_KINDS; k++)
            most = x[k][LJ_FK_CANCELLED + s] > most ? x[k][LJ_FK_CANCELLED + s] : most;
        for (int k = 0; k < LJ_OPINION_KINDS; k++)
            x[k][LJ_FK_ELSEWHERE + s] = most;
    }
}

static void kind_features(const struct lj_lin_score *lin, int kind, const struct lj_hits_of *k)
{
    float *x = k->x;
    const struct lj_hit *best = k->best;
    x[LJ_FK_LIN] = capped(lin->whole[kind], LIN_CAP);
    x[LJ_FK_BEST] = capped(lin->best[kind], LIN_CAP);
    if (!best) {
        x[LJ_FK_LIN_ALONE] = x[LJ_FK_LIN];
        x[LJ_FK_BEST_ALONE] = x[LJ_FK_BEST];
        if (k->cancelled) {
            x[LJ_FK_LIN_TAKEN] = x[LJ_FK_LIN];
            x[LJ_FK_BEST_TAKEN] = x[LJ_FK_BEST];
        }
        return;
    }
    x[LJ_FK_POINTS] = capped(best->points / 3, 2);
    x[LJ_FK_WEAK + (best->weight > 3 ? 3 : best->weight < 1 ? 1 : best->weight) - 1] = 1;
    x[LJ_FK_MORE] = count_of(k->standing - 1);
    x[LJ_FK_SENTENCES] = count_of(k->sentences - 1);
    x[LJ_FK_AT_HIT] = capped(lin->at[best->sentence][LJ_LIN_RISK], LIN_CAP);
    x[LJ_FK_LONG_POINTS] = x[LJ_FK_LENGTH] > 0 ? x[LJ_FK_POINTS] * x[LJ_FK_LENGTH] : 0;
}

void lj_fuse_kind_features(const struct lj_opinion *o, const struct lj_lin_score *lin,
                           float x[LJ_OPINION_KINDS][LJ_FK_ROOM])
{
    struct lj_hits_of kind[LJ_OPINION_KINDS] = {0};
    struct tops points = {0, 0, -1};
    struct tops values = {-LIN_CAP, -LIN_CAP, -1};
    memset(x, 0, LJ_OPINION_KINDS * sizeof x[0]);
    common_features(o, lin, x[0]);
    for (int i = 0; i < LJ_OPINION_KINDS; i++) {
        if (i > 0)
            memcpy(x[i], x[0], sizeof x[0]);
        kind[i].x = x[i];
    }
    read_hits(o, kind);
    share_scopes(x);
    for (int i = 0; i < LJ_OPINION_KINDS; i++) {
        kind_features(lin, i, &kind[i]);
        add_top(&points, i, kind[i].best ? kind[i].best->points : 0);
        add_top(&values, i, lin->whole[i]);
    }
    for (int i = 0; i < LJ_OPINION_KINDS; i++) {
        x[i][LJ_FK_OTHER] = capped(other_than(&points, i) / 3, 2);
        x[i][LJ_FK_OTHER_LIN] = capped(other_than(&values, i), LIN_CAP);
    }
}

static float most_points(const struct lj_opinion *o)
{
    float most = 0;
    for (uint32_t i = 0; i < o->hit_count; i++) {
        if (lj_stands(&o->hit[i]) && o->hit[i].points > most)
            most = o->hit[i].points;
    }
    return capped(most / 3, 2);
}

static void severity_features(const struct lj_opinion *o, float *x)
{
    int most = 0;
    for (uint32_t i = 0; i < o->hit_count; i++) {
        const struct lj_hit *h = &o->hit[i];
        x[LJ_FT_NEGATED] += h->scope == LJ_OPINION_SCOPE_NEG || h->scope == LJ_OPINION_SCOPE_PREV;
        x[LJ_FT_DENIED] = x[LJ_FT_DENIED] > 0 || h->scope == LJ_OPINION_SCOPE_DENY;
        if (!lj_stands(h))
            continue;
        most = h->severity > most ? h->severity : most;
        x[LJ_FT_NEARMISS] = x[LJ_FT_NEARMISS] > 0 || h->scope == LJ_OPINION_SCOPE_NEARMISS;
        x[LJ_FT_QUOTE] = x[LJ_FT_QUOTE] > 0 || h->scope == LJ_OPINION_SCOPE_QUOTE;
    }
    x[LJ_FT_NEGATED] = capped(x[LJ_FT_NEGATED], 3);
    if (most > 0)
        x[LJ_FT_SEVERITY + most - 1] = 1;
}

void lj_fuse_text_features(const struct lj_opinion *o, const struct lj_lin_score *lin,
                           const float kinds[LJ_OPINION_KINDS], float x[LJ_FT_ROOM])
{
    float top = 0;
    float second = 0;
    memset(x, 0, LJ_FT_ROOM * sizeof *x);
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
        second = kinds[k] > top ? top : kinds[k] > second ? kinds[k] : second;
        top = kinds[k] > top ? kinds[k] : top;
    }
    x[LJ_FT_ONE] = 1;
    x[LJ_FT_TOP] = capped(lj_logit(top), LIN_CAP);
    x[LJ_FT_SECOND] = capped(lj_logit(second), LIN_CAP);
    x[LJ_FT_RISK] = capped(lin->whole[LJ_LIN_RISK], LIN_CAP);
    x[LJ_FT_RISK_BEST] = capped(lin->best[LJ_LIN_RISK], LIN_CAP);
    x[LJ_FT_POINTS] = most_points(o);
    severity_features(o, x);
    float good = (float)o->praise.good;
    float bad = (float)o->praise.bad + 0.7F * (float)o->praise.complaints;
    x[LJ_FT_GOOD] = count_of(o->praise.good);
    x[LJ_FT_BAD] = count_of(o->praise.bad);
    x[LJ_FT_COMPLAINTS] = count_of(o->praise.complaints);
    x[LJ_FT_ROUTINE] = count_of(o->praise.routine);
    x[LJ_FT_BALANCE] = (good - bad) / (good + bad + 1);
    x[LJ_FT_LIN_GOOD] = capped(lin->whole[LJ_LIN_GOOD], LIN_CAP);
    x[LJ_FT_LIN_BAD] = capped(lin->whole[LJ_LIN_BAD], LIN_CAP);
    x[LJ_FT_LENGTH] = length_of(o);
    x[LJ_FT_GRAVE] = capped(lin->whole[LJ_LIN_GRAVE], LIN_CAP);
    x[LJ_FT_ORDINARY] = capped(lin->whole[LJ_LIN_ORDINARY], LIN_CAP);
    x[LJ_FT_MINORS] = o->praise.minors;
    x[LJ_FT_HOSPITAL] = o->praise.hospital;
    x[LJ_FT_POLICE] = o->praise.police;
}

typedef float four_t __attribute__((vector_size(16)));

/* Four sums side by side, in an order that no processor changes; n is a multiple of four. */
static float answer(const float *w, const float *x, unsigned n)
{
    four_t z = {0};
    for (unsigned i = 0; i < n; i += 4) {
        four_t a;
        four_t b;
        memcpy(&a, w + i, sizeof a);
        memcpy(&b, x + i, sizeof b);
        z += a * b;
    }
    return lj_sigmoid(z[0] + z[1] + z[2] + z[3]);
}

unsigned lj_fuse_flags(const struct lj_fusion *w, const float kinds[LJ_OPINION_KINDS], float risk)
{
    unsigned set = 0;
    unsigned likely = 0;
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
        if (kinds[k] >= w->kind_at[k])
            set |= 1U << k;
        if (kinds[k] / w->kind_at[k] > kinds[likely] / w->kind_at[likely])
            likely = k;
    }
    return set == 0 && risk >= w->risk_at ? 1U << likely : set;
}

void lj_fuse(const struct lj_opinion *o, const struct lj_fusion *w, const struct lj_lin_score *lin,
             struct lj_fused *ret)
{
    float k[LJ_OPINION_KINDS][LJ_FK_ROOM];
    float t[LJ_FT_ROOM];
    lj_fuse_kind_features(o, lin, k);
    for (int i = 0; i < LJ_OPINION_KINDS; i++)
        ret->kind[i] = answer(w->kind[i], k[i], LJ_FK_ROOM);
    lj_fuse_text_features(o, lin, ret->kind, t);
    for (unsigned q = 0; q < LJ_QUESTIONS; q++)
        ret->text[q] = answer(w->text[q], t, LJ_FT_ROOM);
    ret->flagged = lj_fuse_flags(w, ret->kind, ret->text[LJ_Q_RISK]);
    ret->on = true;
}
