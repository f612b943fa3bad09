/*
 * The linear models' inner loop.
 *
 * Sums of int8 rows in int32 lanes, sentence by sentence; the text's value is the sum over its
 * sentences. A value is bias + scale * sum / sqrt(number of features): the root keeps long and
 * short texts on one scale.
 *
 * One pass over the symbols: each gives three n-grams, whose rows are added at once. An n-gram that
 * has no row leads to row 0, which is zero: adding it costs less than asking, as most n-grams of a
 * text have one, and there is no branch that a text could make mispredict. Which n-grams there were
 * is not written down; whoever wants to show them lists the sentence in question again.
 *
 * Guarantees: no allocation, linear time; sums are exact integers, so the order of summation cannot
 * change a result.
 */
#include "workers/opinion/linear.h"

#include <string.h>

#include "workers/opinion/fmath.h"

typedef int16_t half_t __attribute__((vector_size(16)));
typedef int32_t quad_t __attribute__((vector_size(32)));
typedef int32_t sum_t __attribute__((vector_size(64)));
typedef float value_t __attribute__((vector_size(64)));

enum {
    ROWS_PER_FLUSH = 255, /* 255 * -128 is the most that an int16 lane takes */
    STEPS_PER_FLUSH = ROWS_PER_FLUSH / LJ_LIN_GRAM,
};

/* Symbols that no folded character has. */
enum { MARK_BEGIN = 1, MARK_CLAUSE, MARK_LIST, MARK_END, MARK_QUESTION, MARK_DIGIT };

static inline bool is_digit(uint16_t code)
{
    return (uint16_t)(code - '0') < 10;
}

static inline uint32_t turn(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static inline uint32_t top(uint32_t h)
{
    return h >> (32 - LJ_LIN_BITS);
}

#define SPREAD 0x9E3779B1U
#define ONE    0x7F4A7C15U
#define TWO    0x165667B1U
#define THREE  0x3C6EF372U

/* Hashes of the last symbol read, and of the last two, both spread over all bits. */
struct window {
    uint32_t one, two;
};

#define INLINE __attribute__((always_inline)) static inline

/* Reads a symbol; returns the hash of the last three. */
INLINE uint32_t push(struct window *w, uint16_t symbol)
{
    uint32_t x = (symbol + ONE) * SPREAD;
    uint32_t two = x + turn(w->one, 15) + TWO;
    uint32_t three = x + turn(w->two, 11) * 5 + THREE;
    *w = (struct window){x, two};
    return three;
}

/* What is done with a symbol of `covered` characters, none for a mark; e: the character behind it.
 */
typedef void step_fn(void *to, uint16_t symbol, uint32_t covered, uint32_t e);

/* Takes the symbols of the sentence that begins with clause c, which is moved behind it. */
INLINE void walk(const struct lj_text *t, uint32_t *c, step_fn *step, void *to)
{
    const uint32_t sentence = t->list[*c].sentence;
    uint32_t i = t->list[*c].first;
    for (;;) {
        const uint32_t end = t->list[*c + 1].first;
        while (i < end) {
            uint16_t code = t->code[i++];
            uint32_t from = i - 1;
            if (is_digit(code)) {
                code = MARK_DIGIT;
                while (i < end && is_digit(t->code[i]))
                    i++;
            }
            step(to, code, i - from, i);
        }
        ++*c;
        if (*c == t->clauses || t->list[*c].sentence != sentence)
            break;
        step(to, t->list[*c].by_list ? MARK_LIST : MARK_CLAUSE, 0, i);
    }
    step(to, t->question[sentence] ? MARK_QUESTION : MARK_END, 0, i);
}

INLINE struct window begin(void)
{
    const uint32_t before = (MARK_BEGIN + ONE) * SPREAD;
    return (struct window){before, before};
}

/* ---- listing ---- */

/* Where n-grams go: those of training with their hashes, or those that have a row with that. */
struct list {
    struct window w;
    uint32_t covered1, covered2; /* characters of the last symbol, and of the one before it */
    const uint16_t *index;
    struct lj_lin_found *found;
    struct lj_gram *gram;
    size_t cap;
    size_t n;
};

/* Two stores and no branch: what has no row is overwritten by the next. */
INLINE void list_found(struct list *k, uint32_t hash, uint32_t at)
{
    uint32_t row = k->index[hash];
    k->found[k->n] = (struct lj_lin_found){row, at};
    k->n += row != 0;
}

INLINE void list_gram(struct list *k, uint32_t hash, uint32_t at)
{
    if (k->n < k->cap)
        k->gram[k->n] = (struct lj_gram){hash, (uint16_t)at, (uint16_t)(at >> 16)};
    k->n++;
}

typedef void put_fn(struct list *k, uint32_t hash, uint32_t at);

/* at: the n-gram's characters, s and above it e. */
INLINE void list_step(struct list *k, put_fn *put, uint16_t symbol, uint32_t covered, uint32_t e)
{
    uint32_t three = push(&k->w, symbol);
    uint32_t at = e * 0x10001U - covered;
    put(k, top(k->w.one), covered ? at : at - 1); /* a mark shows what is before it */
    at -= k->covered1;
    put(k, top(k->w.two), at);
    at -= k->covered2;
    put(k, top(three), at);
    k->covered2 = k->covered1;
    k->covered1 = covered;
}

INLINE void step_found(void *to, uint16_t symbol, uint32_t covered, uint32_t e)
{
    list_step(to, list_found, symbol, covered, e);
}

INLINE void step_gram(void *to, uint16_t symbol, uint32_t covered, uint32_t e)
{
    list_step(to, list_gram, symbol, covered, e);
}

size_t lj_linear_grams(const struct lj_text *t, uint32_t s, struct lj_gram *out, size_t cap)
{
    struct list k = {.w = begin(), .gram = out, .cap = cap};
    uint32_t c = lj_text_clause_of(t, s);
    if (c < t->clauses)
        walk(t, &c, step_gram, &k);
    return k.n;
}

uint32_t lj_linear_list(const struct lj_linear *m, const struct lj_text *t, uint32_t s,
                        struct lj_lin_found *out)
{
    struct list k = {.w = begin(), .index = m->index, .found = out};
    uint32_t c = lj_text_clause_of(t, s);
    if (c < t->clauses)
        walk(t, &c, step_found, &k);
    return (uint32_t)k.n;
}

/* ---- summing ---- */

uint32_t lj_linear_row(const struct lj_linear *m, uint32_t hash)
{
    return m->index[hash];
}

struct sums {
    struct window w;
    const struct lj_linear *m;
    half_t even, odd; /* columns apart, as they come out of a row read as eight halves */
    uint32_t room;    /* steps until these must be emptied */
    uint32_t steps;
    sum_t sum;
};

INLINE void add_row(struct sums *k, uint32_t hash)
{
    half_t v;
    memcpy(&v, k->m->rows + (size_t)k->m->index[hash] * LJ_LIN_LANES, sizeof v);
    k->even += (v << 8) >> 8;
    k->odd += v >> 8;
}

/* Brings the columns back in order. */
INLINE void flush(struct sums *k)
{
    const half_t low = __builtin_shufflevector(k->even, k->odd, 0, 8, 1, 9, 2, 10, 3, 11);
    const half_t high = __builtin_shufflevector(k->even, k->odd, 4, 12, 5, 13, 6, 14, 7, 15);
    const quad_t a = __builtin_convertvector(low, quad_t);
    const quad_t b = __builtin_convertvector(high, quad_t);
    k->sum += __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    k->even = k->odd = (half_t){0};
    k->steps += STEPS_PER_FLUSH - k->room;
    k->room = STEPS_PER_FLUSH;
}

INLINE void step_sum(void *to, uint16_t symbol, uint32_t covered, uint32_t e)
{
    struct sums *k = to;
    (void)covered;
    (void)e;
    uint32_t three = push(&k->w, symbol);
    add_row(k, top(k->w.one));
    add_row(k, top(k->w.two));
    add_row(k, top(three));
    if (--k->room == 0)
        flush(k);
}

/* The rows of the sentence that begins with clause c, which is moved behind it; adds the number of
 * its n-grams. */
static sum_t sum_sentence(const struct lj_linear *m, const struct lj_text *t, uint32_t *c,
                          uint32_t *ret_features)
{
    struct sums k = {.w = begin(), .m = m, .room = STEPS_PER_FLUSH};
    walk(t, c, step_sum, &k);
    flush(&k);
    *ret_features += LJ_LIN_GRAM * k.steps;
    return k.sum;
}

uint32_t lj_linear_hash(uint32_t mixed)
{
    mixed ^= mixed >> 15;
    return top(mixed * 0x2C1B3C6DU);
}

static value_t value_of(const struct lj_linear *m, sum_t sum, uint32_t features)
{
    value_t scale;
    value_t bias;
    memcpy(&scale, m->scale, sizeof scale);
    memcpy(&bias, m->bias, sizeof bias);
    return bias + scale * __builtin_convertvector(sum, value_t) *
                      (features ? 1 / lj_sqrtf((float)features) : 0);
}

void lj_linear_score(const struct lj_linear *m, const struct lj_text *t,
                     const struct lj_lin_extra *extra, struct lj_lin_score *ret)
{
    sum_t all = {0};
    value_t best = value_of(m, all, 0);
    uint32_t features = 0;
    uint32_t s = 0;
    for (uint32_t c = 0; c < t->clauses; s++) {
        uint32_t own = 0;
        sum_t sum = sum_sentence(m, t, &c, &own);
        if (extra) {
            sum_t more;
            memcpy(&more, extra[s].sum, sizeof more);
            sum += more;
            own += extra[s].features;
        }
        value_t v = value_of(m, sum, own);
        sum_t better = (v > best) | -(int32_t)(s == 0); /* all bits or none */
        best = (value_t)(((sum_t)v & better) | ((sum_t)best & ~better));
        memcpy(ret->at[s], &v, sizeof v);
        ret->features[s] = own;
        all += sum;
        features += own;
    }
    value_t whole = value_of(m, all, features);
    memcpy(ret->whole, &whole, sizeof whole);
    memcpy(ret->best, &best, sizeof best);
}

float lj_linear_weight(const struct lj_linear *m, uint32_t hash, unsigned out)
{
    return m->scale[out] * (float)m->rows[(size_t)lj_linear_row(m, hash) * LJ_LIN_LANES + out];
}
