/*
 * The rules' words as features of the linear models.
 *
 * A word stands for its classes (补课费 for FEEWORD): what training learns about one word of a
 * class holds for the others, also for those that no training text has. A term of the lexicon
 * stands for its kind and weight too. Hashes come from the classes' names, so a table that grows
 * changes none. In use the rows of every set of classes are looked up once, when the models are
 * given to the engine.
 *
 * Guarantees: after lj_words_open nothing allocates; at most LJ_WORD_CODES_MAX features a word.
 */
#include <stdlib.h>

#include "common/err.h"
#include "workers/opinion/engine.h"

enum { CLASSES_MAX = LJ_WORD_CODES_MAX - 1, TERMS = LJ_OPINION_KINDS * 4 };

/* Hashes of what a word stands for. */
struct meaning {
    uint32_t hash[LJ_WORD_CODES_MAX];
    unsigned n;
};

/* The features of a set of classes, or of a term: their rows, where they have one. */
struct word_rows {
    uint32_t row[CLASSES_MAX];
    uint16_t n;
    uint16_t features;
};

struct lj_words {
    struct word_rows term[TERMS];
    struct word_rows set[];
};

static unsigned term_of(const struct lj_entry *e)
{
    return (unsigned)e->kind * 4 + e->weight;
}

static void add_term(unsigned term, struct meaning *m)
{
    m->hash[m->n++] = lj_linear_hash(0x51ED270BU * (1 + term));
}

static void add_classes(const struct lj_rules *r, const struct lj_classes *c, struct meaning *m)
{
    unsigned most = m->n + CLASSES_MAX;
    for (unsigned w = 0; w < LJ_W_MAX / 64; w++) {
        for (uint64_t left = c->w[w]; left && m->n < most; left &= left - 1)
            m->hash[m->n++] =
                lj_linear_hash(r->class_hash[w * 64 + (unsigned)__builtin_ctzll(left)]);
    }
}

void lj_word_features(struct lj_opinion *o)
{
    unsigned n = 0;
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        o->word_first[s] = (uint16_t)n;
        for (uint32_t i = o->sentence_tok[s]; i < o->sentence_tok[s + 1]; i++) {
            const struct lj_tok *t = &o->tok[i];
            const struct lj_entry *e = &o->rules->entries[t->entry];
            struct meaning m = {0};
            if (e->kind >= 0)
                add_term(term_of(e), &m);
            add_classes(o->rules, &t->classes, &m);
            for (unsigned k = 0; k < m.n; k++)
                o->word[n++] = (struct lj_gram){m.hash[k], t->s, t->e};
        }
    }
    o->word_first[o->text.sentences] = (uint16_t)n;
}

static struct word_rows rows_of(const struct lj_linear *l, const struct meaning *m)
{
    struct word_rows w = {.features = (uint16_t)m->n};
    for (unsigned i = 0; i < m->n; i++) {
        uint32_t row = lj_linear_row(l, m->hash[i]);
        if (row)
            w.row[w.n++] = row;
    }
    return w;
}

int lj_words_open(const struct lj_rules *r, const struct lj_linear *m, struct lj_words **ret,
                  struct lj_err *err)
{
    const size_t sets = 2 * r->hot.sets;
    struct lj_words *w = calloc(1, sizeof *w + sets * sizeof w->set[0]);
    if (!w)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu sets of classes", sets);
    for (unsigned i = 0; i < TERMS; i++) {
        struct meaning one = {0};
        add_term(i, &one);
        w->term[i] = rows_of(m, &one);
    }
    for (size_t i = 0; i < sets; i++) {
        struct meaning all = {0};
        add_classes(r, &r->hot.set[i], &all);
        w->set[i] = rows_of(m, &all);
    }
    *ret = w;
    return 0;
}

void lj_words_close(struct lj_words **words)
{
    if (!words)
        return;
    free(*words);
    *words = NULL;
}

static uint32_t put(struct lj_opinion *o, uint32_t n, const struct word_rows *w,
                    const struct lj_tok *t)
{
    for (unsigned i = 0; i < w->n; i++)
        o->word_found[n++] = (struct lj_lin_found){w->row[i], t->s | (uint32_t)t->e << 16};
    return n;
}

void lj_word_rows(struct lj_opinion *o)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        unsigned features = 0;
        o->word_first[s] = (uint16_t)n;
        for (uint32_t i = o->sentence_tok[s]; i < o->sentence_tok[s + 1]; i++) {
            const struct lj_tok *t = &o->tok[i];
            const struct word_rows *set = &o->words->set[t->set];
            if (o->rules->hot.entry[t->entry].kind >= 0) {
                const struct word_rows *term =
                    &o->words->term[term_of(&o->rules->entries[t->entry])];
                n = put(o, n, term, t);
                features += term->features;
            }
            n = put(o, n, set, t);
            features += set->features;
        }
        o->word_features[s] = (uint16_t)features;
    }
    o->word_first[o->text.sentences] = (uint16_t)n;
}
