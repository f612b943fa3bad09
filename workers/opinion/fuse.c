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

static float count_of(uint32_t n)
{
    return lj_logf(1 + (float)(n > 8 ? 8 : n));
}

static bool stands(const struct lj_hit *h)
{
    return h->points >= 1 && h->scope != LJ_OPINION_SCOPE_LONE;
}

static float length_of(const struct lj_opinion *o)
{
    return capped(lj_logf(((float)o->text.n + 5) / 50), 3);
}

/* The kind's hits: those that stand, and the heaviest that each scope cancelled. */
static const struct lj_hit *hit_features(const struct lj_opinion *o, enum lj_opinion_kind kind,
                                         float *x)
{
    const struct lj_hit *best = NULL;
    uint32_t standing = 0;
    uint32_t sentences = 0;
    uint32_t last = UINT32_MAX;
    for (uint32_t i = 0; i < o->hit_count; i++) {
        const struct lj_hit *h = &o->hit[i];
        if (h->kind != kind)
            continue;
        float *scope = &x[LJ_FK_CANCELLED + h->scope];
        float weight = (float)h->weight / 3;
        *scope = h->scope != LJ_OPINION_SCOPE_NONE && weight > *scope ? weight : *scope;
        if (!stands(h))
            continue;
        standing++;
        sentences += h->sentence != last;
        last = h->sentence;
        x[LJ_FK_COMBINED] = x[LJ_FK_COMBINED] > 0 || h->by_pair || h->by_rule;
        if (!best || h->points > best->points)
            best = h;
    }
    if (!best)
        return NULL;
    x[LJ_FK_POINTS] = capped(best->points / 3, 2);
    x[LJ_FK_WEAK + (best->weight > 3 ? 3 : best->weight < 1 ? 1 : best->weight) - 1] = 1;
    x[LJ_FK_MORE] = count_of(standing - 1);
    x[LJ_FK_SENTENCES] = count_of(sentences - 1);
    return best;
}

static float points_of(const struct lj_opinion *o, enum lj_opinion_kind kind, bool others)
{
    float most = 0;
    for (uint32_t i = 0; i < o->hit_count; i++) {
        const struct lj_hit *h = &o->hit[i];
        if ((h->kind != kind) == others && stands(h) && h->points > most)
            most = h->points;
    }
    return capped(most / 3, 2);
}

void lj_fuse_kind_features(const struct lj_opinion *o, const struct lj_lin_score *lin,
                           enum lj_opinion_kind kind, float x[LJ_FK_COUNT])
{
    memset(x, 0, LJ_FK_COUNT * sizeof *x);
    const struct lj_hit *best = hit_features(o, kind, x);
    x[LJ_FK_ONE] = 1;
    x[LJ_FK_LIN] = capped(lin->whole[kind], LIN_CAP);
    x[LJ_FK_BEST] = capped(lin->best[kind], LIN_CAP);
    if (!best) {
        x[LJ_FK_LIN_ALONE] = x[LJ_FK_LIN];
        x[LJ_FK_BEST_ALONE] = x[LJ_FK_BEST];
    } else {
        x[LJ_FK_AT_HIT] = capped(lin->at[best->sentence][LJ_LIN_RISK], LIN_CAP);
    }
    x[LJ_FK_RISK] = capped(lin->whole[LJ_LIN_RISK], LIN_CAP);
    x[LJ_FK_RISK_BEST] = capped(lin->best[LJ_LIN_RISK], LIN_CAP);
    x[LJ_FK_OTHER] = points_of(o, kind, true);
    float other = -LIN_CAP;
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++)
        other = k != kind && lin->whole[k] > other ? lin->whole[k] : other;
    x[LJ_FK_OTHER_LIN] = capped(other, LIN_CAP);
    x[LJ_FK_LENGTH] = length_of(o);
    x[LJ_FK_GOOD] = count_of(o->praise.good);
    x[LJ_FK_BAD] = count_of(o->praise.bad);
    x[LJ_FK_COMPLAINTS] = count_of(o->praise.complaints);
    x[LJ_FK_ROUTINE] = count_of(o->praise.routine);
    x[LJ_FK_LIN_GOOD] = capped(lin->whole[LJ_LIN_GOOD], LIN_CAP);
    x[LJ_FK_LIN_BAD] = capped(lin->whole[LJ_LIN_BAD], LIN_CAP);
    x[LJ_FK_LONG_POINTS] = x[LJ_FK_LENGTH] > 0 ? x[LJ_FK_POINTS] * x[LJ_FK_LENGTH] : 0;
}

static void severity_features(const struct lj_opinion *o, float *x)
{
    int most = 0;
    for (uint32_t i = 0; i < o->hit_count; i++) {
        const struct lj_hit *h = &o->hit[i];
        x[LJ_FT_NEGATED] += h->scope == LJ_OPINION_SCOPE_NEG || h->scope == LJ_OPINION_SCOPE_PREV;
        x[LJ_FT_DENIED] = x[LJ_FT_DENIED] > 0 || h->scope == LJ_OPINION_SCOPE_DENY;
        if (!stands(h))
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
                           const float kinds[LJ_OPINION_KINDS], float x[LJ_FT_COUNT])
{
    float top = 0;
    float second = 0;
    memset(x, 0, LJ_FT_COUNT * sizeof *x);
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
        second = kinds[k] > top ? top : kinds[k] > second ? kinds[k] : second;
        top = kinds[k] > top ? kinds[k] : top;
    }
    x[LJ_FT_ONE] = 1;
    x[LJ_FT_TOP] = capped(lj_logit(top), LIN_CAP);
    x[LJ_FT_SECOND] = capped(lj_logit(second), LIN_CAP);
    x[LJ_FT_RISK] = capped(lin->whole[LJ_LIN_RISK], LIN_CAP);
    x[LJ_FT_RISK_BEST] = capped(lin->best[LJ_LIN_RISK], LIN_CAP);
    x[LJ_FT_POINTS] = points_of(o, LJ_OPINION_KINDS, true);
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

static float answer(const float *w, const float *x, unsigned n)
{
    float z = 0;
    for (unsigned i = 0; i < n; i++)
        z += w[i] * x[i];
    return lj_sigmoid(z);
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
    float k[LJ_FK_COUNT];
    float t[LJ_FT_COUNT];
    for (int i = 0; i < LJ_OPINION_KINDS; i++) {
        lj_fuse_kind_features(o, lin, (enum lj_opinion_kind)i, k);
        ret->kind[i] = answer(w->kind[i], k, LJ_FK_COUNT);
    }
    lj_fuse_text_features(o, lin, ret->kind, t);
    for (unsigned q = 0; q < LJ_QUESTIONS; q++)
        ret->text[q] = answer(w->text[q], t, LJ_FT_COUNT);
    ret->flagged = lj_fuse_flags(w, ret->kind, ret->text[LJ_Q_RISK]);
    ret->on = true;
}
