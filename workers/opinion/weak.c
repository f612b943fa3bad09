/*
 * Weak words: which of them stand.
 *
 * A weak word alone says nothing (收费, 献花, 排队). It stands with a partner: another hit of its
 * kind beside it, a complaint, a consequence, in short texts a person. If nothing else stands it
 * also counts in a curt text, where nobody mentions a fee without meaning it, and where a longer
 * text complains and has two of a kind. Everything else is named LONE and waits for the models.
 */
#include "workers/opinion/near.h"

enum { CURT_TEXT = 100, LONG_TEXT = 120 };

/* Where the uncancelled hits of each kind lie in each sentence: what a weak hit's search for
 * another one beside itself comes to. In a long text two weak words prove nothing together. */
static void index_partners(struct lj_opinion *o)
{
    const struct lj_partner none = {.least_end = UINT16_MAX};
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        for (unsigned k = 0; k < LJ_OPINION_KINDS; k++)
            o->partner[s][k] = none;
    }
    for (uint32_t i = 0; i < o->hit_count; i++) {
        const struct lj_hit *x = &o->hit[i];
        struct lj_partner *p = &o->partner[x->sentence][x->kind];
        bool enough = o->text.n < LONG_TEXT || x->weight > LJ_WEAK;
        if (!enough || !(x->points > 0))
            continue;
        p->least_end = x->e < p->least_end ? x->e : p->least_end;
        p->most_start = x->s >= p->most_start ? (uint16_t)(x->s + 1) : p->most_start;
    }
}

/* Another hit of its kind in sentence s, before or behind it. */
static bool has_other(const struct lj_opinion *o, const struct lj_hit *h, uint32_t s)
{
    if (s >= o->text.sentences)
        return false;
    const struct lj_partner *p = &o->partner[s][h->kind];
    return p->least_end <= h->s || p->most_start > h->e;
}

/* A longer text that complains. */
static bool aggrieved(const struct lj_opinion *o)
{
    bool found = false;
    for (uint32_t s = 0; s < o->text.sentences && !found; s++)
        found = lj_sentence_has(o, (int32_t)s, LJ_BIT(COMPLAIN));
    return found && !o->headed;
}

/* Another uncancelled hit in the sentence or the next, not overlapping, or a consequence, a
 * complaint, a victim. */
static bool has_partner(const struct lj_opinion *o, const struct lj_hit *h)
{
    /* A call for an apology is a complaint itself: it proves no reputation case. A hospital proves
     * no forgery. */
    bool bodily = h->kind == LJ_OPINION_INJURY || h->kind == LJ_OPINION_MISCONDUCT;
    uint64_t words =
        (h->kind == LJ_OPINION_REPUTATION ? 0 : LJ_BIT(COMPLAIN)) | (bodily ? LJ_BIT(CONSEQ) : 0);
    for (int32_t s = h->sentence - 1; s <= h->sentence + 1; s++) {
        if (in_sentence(o, s, words, h))
            return true;
    }
    uint32_t i;
    uint32_t end;
    near_range(o, h->sentence, h, &i, &end);
    /* Pupils who give flowers and tie scarves are a ceremony, until somebody complains of it. */
    bool about_people = o->text.n < LONG_TEXT && h->kind != LJ_OPINION_REPUTATION &&
                        h->kind != LJ_OPINION_FEE && h->kind != LJ_OPINION_FAKE &&
                        (h->kind != LJ_OPINION_FORMALISM || aggrieved(o));
    for (; i < end && about_people; i++) {
        const struct lj_tok *t = &o->tok[i];
        int gap = t->s >= h->e ? t->s - h->e : h->s - t->e;
        if (is(t, LJ_BIT(VICTIM)) && !inside(t, h) && gap <= 8 &&
            lj_clause_at(o, t->s) == lj_clause_at(o, h->s))
            return true;
    }
    return has_other(o, h, h->sentence) || has_other(o, h, h->sentence + 1U);
}

/* A short text without a good word, a talk or a negation: who mentions a fee there, complains of
 * it.
 */
static bool curt(const struct lj_opinion *o)
{
    const uint64_t other = LJ_BIT(POS) | LJ_BIT(TOPIC) | LJ_BIT(ASK) | LJ_BIT(BIO) | LJ_BIT(NEG);
    bool found = false;
    for (uint32_t i = 0; i < o->tok_count && !found; i++)
        found = is(&o->tok[i], other);
    return !found && o->text.n <= CURT_TEXT;
}

static bool plainly_weak(const struct lj_hit *h)
{
    return h->weight == LJ_WEAK && h->points >= LJ_WEAK;
}

/* Another weak word of its kind stands apart from hit i. */
static bool echoed(const struct lj_opinion *o, uint32_t i)
{
    const struct lj_hit *h = &o->hit[i];
    for (uint32_t k = 0; k < o->hit_count; k++) {
        const struct lj_hit *x = &o->hit[k];
        bool apart = x->e <= h->s || x->s >= h->e;
        if (apart && x->kind == h->kind && x->weight == LJ_WEAK && x->points >= LJ_WEAK)
            return true;
    }
    return false;
}

/* Weak hits stand with a partner; if nothing else stands, also in a curt text, and where a text
 * that complains has two of a kind. */
void lj_judge_weak(struct lj_opinion *o)
{
    bool any = false;
    index_partners(o);
    for (uint32_t i = 0; i < o->hit_count; i++) {
        struct lj_hit *h = &o->hit[i];
        if (plainly_weak(h) && has_partner(o, h))
            h->points = LJ_PLAIN;
        else if (plainly_weak(h))
            h->scope = LJ_OPINION_SCOPE_LONE;
        any = any || h->points >= LJ_PLAIN;
    }
    bool few = !any && curt(o);
    bool sore = !any && !few && aggrieved(o);
    for (uint32_t i = 0; (few || sore) && i < o->hit_count; i++) {
        struct lj_hit *h = &o->hit[i];
        if (h->scope != LJ_OPINION_SCOPE_LONE || (sore && !echoed(o, i)))
            continue;
        h->scope = LJ_OPINION_SCOPE_NONE;
        h->points = LJ_PLAIN;
        h->supported = h->supported || sore;
    }
}
