/* What scopes and weak words share: the tokens around a hit. */
#ifndef LJ_OPINION_NEAR_H
#define LJ_OPINION_NEAR_H

#include "workers/opinion/engine.h"

enum {
    LJ_WINDOW = 64 /* tokens on either side of a hit that are looked at */
};

static inline bool is(const struct lj_tok *t, uint64_t bits)
{
    return (t->words & bits) != 0;
}

static inline bool inside(const struct lj_tok *t, const struct lj_hit *h)
{
    bool in_a = t->s < h->a_e && t->e > h->a_s;
    bool in_b = t->s < h->b_e && t->e > h->b_s;
    return in_a || in_b;
}

/* Tokens of sentence s, at most LJ_WINDOW of them on either side of the hit: nobody writes a
 * sentence that is longer, but somebody may send one, and each hit would read it all. */
static inline void near_range(const struct lj_opinion *o, int32_t s, const struct lj_hit *h,
                              uint32_t *i, uint32_t *end)
{
    uint32_t least = h->tok > LJ_WINDOW ? h->tok - LJ_WINDOW : 0;
    uint32_t most = h->tok + LJ_WINDOW;
    lj_sentence_range(o, s, i, end);
    if (s < h->sentence)
        least = *end > LJ_WINDOW ? *end - LJ_WINDOW : 0;
    else if (s > h->sentence)
        most = *i + LJ_WINDOW;
    *i = *i < least ? least : *i;
    *end = *end > most ? most : *end;
}

/* Some word of bits in sentence s, outside the hit. */
static inline const struct lj_tok *in_sentence(const struct lj_opinion *o, int32_t s, uint64_t bits,
                                               const struct lj_hit *h)
{
    uint32_t i;
    uint32_t end;
    if (!lj_sentence_has(o, s, bits))
        return NULL;
    near_range(o, s, h, &i, &end);
    for (; i < end; i++) {
        if (is(&o->tok[i], bits) && !inside(&o->tok[i], h))
            return &o->tok[i];
    }
    return NULL;
}
#endif
