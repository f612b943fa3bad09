/*
 * The rules' words as features of the linear models.
 *
 * A word stands for its classes (补课费 for FEEWORD): what training learns about one word of a
 * class holds for the others, also for those that no training text has. A term of the lexicon
 * stands for its kind and weight too. Hashes come from the classes' names, so a table that grows
 * changes none. In use the rows of every set of classes are looked up and summed once, when the
 * models are given to the engine: a word then costs one vector.
 *
 * Guarantees: after lj_words_open nothing allocates; at most LJ_WORD_CODES_MAX features a word.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/engine.h"

enum { CLASSES_MAX = LJ_WORD_CODES_MAX - 1, TERMS = LJ_OPINION_KINDS * 4 };

/* Hashes of what a word stands for. */
struct meaning {
    uint32_t hash[LJ_WORD_CODES_MAX];
    unsigned n;
};

typedef int16_t sum_t __attribute__((vector_size(2 * LJ_LIN_LANES)));

/* The features of a set of classes, or of a term: their rows, where they have one. A cache line. */
struct word_rows {
    sum_t sum;
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
        if (!row)
            continue;
        w.row[w.n++] = row;
        for (unsigned k = 0; k < LJ_LIN_LANES; k++)
            w.sum[k] = (int16_t)(w.sum[k] + l->rows[(size_t)row * LJ_LIN_LANES + k]);
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

/* The features of a token: of its classes, and of it as a term; NULL when it is none. */
static const struct word_rows *term_rows(const struct lj_opinion *o, const struct lj_tok *t)
{
    return o->rules->hot.entry[t->entry].kind < 0
               ? NULL
               : &o->words->term[term_of(&o->rules->entries[t->entry])];
}

static uint32_t put(const struct word_rows *w, const struct lj_tok *t, struct lj_lin_found *out)
{
    for (unsigned i = 0; i < w->n; i++)
        out[i] = (struct lj_lin_found){w->row[i], t->s | (uint32_t)t->e << 16};
    return w->n;
}

uint32_t lj_word_list(const struct lj_opinion *o, uint32_t s, struct lj_lin_found *out)
{
    uint32_t n = 0;
    for (uint32_t i = o->sentence_tok[s]; i < o->sentence_tok[s + 1]; i++) {
        const struct lj_tok *t = &o->tok[i];
        const struct word_rows *term = term_rows(o, t);
        if (term)
            n += put(term, t, out + n);
        n += put(&o->words->set[t->set], t, out + n);
    }
    return n;
}

/* Words of a sentence whose rows an int16 lane takes. */
enum { WORDS_PER_FLUSH = INT16_MAX / (LJ_WORD_CODES_MAX * -INT8_MIN) };

void lj_word_sums(struct lj_opinion *o)
{
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        struct lj_lin_extra *x = &o->extra[s];
        const uint32_t end = o->sentence_tok[s + 1];
        memset(x, 0, sizeof *x);
        for (uint32_t i = o->sentence_tok[s]; i < end;) {
            const uint32_t stop = end - i < WORDS_PER_FLUSH ? end : i + WORDS_PER_FLUSH;
            sum_t sum = {0};
            for (; i < stop; i++) {
                const struct lj_tok *t = &o->tok[i];
                const struct word_rows *set = &o->words->set[t->set];
                const struct word_rows *term = term_rows(o, t);
                sum += set->sum;
                x->features += set->features;
                if (!term)
                    continue;
                sum += term->sum;
                x->features += term->features;
            }
            for (unsigned k = 0; k < LJ_LIN_LANES; k++)
                x->sum[k] += sum[k];
        }
    }
}
