/*
 * The rules' words as features of the linear models.
 *
 * A word stands for its classes (补课费 for FEEWORD): what training learns about one word of a
 * class holds for the others, also for those that no training text has. Features are a word's
 * classes, and the classes of two neighbouring words of a sentence in their order; a term of the
 * lexicon stands for its kind and weight. Hashes come from the classes' names, so a table that
 * grows changes none.
 */
#include "workers/opinion/engine.h"

enum { CLASSES_MAX = 4 };

/* What a word stands for. */
struct meaning {
    uint32_t code[CLASSES_MAX + 1];
    unsigned n;
    uint16_t s, e;
};

static void meaning_of(const struct lj_opinion *o, const struct lj_tok *t, struct meaning *m)
{
    const struct lj_entry *e = &o->rules->entries[t->entry];
    *m = (struct meaning){.s = t->s, .e = t->e};
    if (e->kind >= 0)
        m->code[m->n++] = 0x51ED270BU * (uint32_t)(1 + e->kind * 4 + e->weight);
    for (unsigned w = 0; w < LJ_W_MAX / 64 && m->n <= CLASSES_MAX; w++) {
        for (uint64_t left = t->classes.w[w]; left && m->n <= CLASSES_MAX; left &= left - 1)
            m->code[m->n++] = o->rules->class_hash[w * 64 + (unsigned)__builtin_ctzll(left)];
    }
}

static unsigned put(struct lj_opinion *o, unsigned n, uint32_t mixed, uint16_t s, uint16_t e)
{
    if (n < LJ_WORDS_MAX)
        o->word[n++] = (struct lj_gram){lj_linear_hash(mixed), s, e};
    return n;
}

static unsigned put_pairs(struct lj_opinion *o, unsigned n, const struct meaning *a,
                          const struct meaning *b)
{
    for (unsigned i = 0; i < a->n; i++) {
        for (unsigned k = 0; k < b->n; k++)
            n = put(o, n, (a->code[i] * 0x9E3779B1U + 17) ^ b->code[k] * 0x85EBCA6BU, a->s, b->e);
    }
    return n;
}

void lj_word_features(struct lj_opinion *o)
{
    unsigned n = 0;
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        struct meaning last = {0};
        o->word_first[s] = (uint16_t)n;
        for (uint32_t i = o->sentence_tok[s]; i < o->sentence_tok[s + 1]; i++) {
            struct meaning m;
            meaning_of(o, &o->tok[i], &m);
            for (unsigned k = 0; k < m.n; k++)
                n = put(o, n, m.code[k], m.s, m.e);
            n = put_pairs(o, n, &last, &m);
            last = m;
        }
    }
    o->word_first[o->text.sentences] = (uint16_t)n;
}
