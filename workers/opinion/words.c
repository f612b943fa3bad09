/*
 * The rules' words as features of the linear models.
 *
 * A word stands for its classes (补课费 for FEEWORD): what training learns about one word of a
 * class holds for the others, also for those that no training text has. A term of the lexicon
 * stands for its kind and weight too. Hashes come from the classes' names, so a table that grows
 * changes none. In use the rows of every role are looked up and summed once, when the
 * models are given to the engine: a word then costs one vector.
 *
 * Guarantees: after lj_words_open nothing allocates; at most LJ_WORD_CODES_MAX features a word.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/engine.h"

enum { CLASSES_MAX = LJ_WORD_CODES_MAX - 1 };

/* Hashes of what a word stands for. */
struct meaning {
    uint32_t hash[LJ_WORD_CODES_MAX];
    unsigned n;
};

typedef int16_t sum_t __attribute__((vector_size(2 * LJ_LIN_LANES)));

/* The features of a role: their rows, where they have one. A cache line. */
struct word_rows {
    sum_t sum;
    uint32_t row[LJ_WORD_CODES_MAX];
    uint16_t n;
    uint16_t features; /* with a row or without */
};
_Static_assert(sizeof(struct word_rows) == 64, "a cache line");

struct lj_words {
    struct word_rows role[1]; /* as many as there are roles */
};

static struct meaning meaning_of(const struct lj_rules *r, const struct lj_word_role *role)
{
    struct meaning m = {0};
    if (role->kind >= 0)
        m.hash[m.n++] = lj_linear_hash(0x51ED270BU * (1 + (unsigned)role->kind * 4 + role->weight));
    const struct lj_classes *c = &role->classes;
    const unsigned most = m.n + CLASSES_MAX;
    for (unsigned w = 0; w < LJ_W_MAX / 64; w++) {
        for (uint64_t left = c->w[w]; left && m.n < most; left &= left - 1)
            m.hash[m.n++] = lj_linear_hash(r->class_hash[w * 64 + (unsigned)__builtin_ctzll(left)]);
    }
    return m;
}

void lj_word_features(struct lj_opinion *o)
{
    unsigned n = 0;
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        o->word_first[s] = (uint16_t)n;
        for (uint32_t i = o->sentence_tok[s]; i < o->sentence_tok[s + 1]; i++) {
            const struct lj_tok *t = &o->tok[i];
            const struct meaning m = meaning_of(o->rules, &o->rules->hot.role[t->role]);
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
    const size_t size = (r->hot.roles ? r->hot.roles : 1) * sizeof(struct word_rows);
    struct lj_words *w = aligned_alloc(sizeof(struct word_rows), size);
    if (!w)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the features of the rules' words");
    for (size_t i = 0; i < r->hot.roles; i++) {
        const struct meaning one = meaning_of(r, &r->hot.role[i]);
        w->role[i] = rows_of(m, &one);
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

static uint32_t put(const struct word_rows *w, const struct lj_tok *t, struct lj_lin_found *out)
{
    for (unsigned i = 0; i < w->n; i++)
        out[i] = (struct lj_lin_found){w->row[i], t->s | (uint32_t)t->e << 16};
    return w->n;
}

uint32_t lj_word_list(const struct lj_opinion *o, uint32_t s, struct lj_lin_found *out)
{
    uint32_t n = 0;
    for (uint32_t i = o->sentence_tok[s]; i < o->sentence_tok[s + 1]; i++)
        n += put(&o->words->role[o->tok[i].role], &o->tok[i], out + n);
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
                const struct word_rows *one = &o->words->role[o->tok[i].role];
                sum += one->sum;
                x->features += one->features;
            }
            for (unsigned k = 0; k < LJ_LIN_LANES; k++)
                x->sum[k] += sum[k];
        }
    }
}
