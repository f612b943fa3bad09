/*
 * The linear models' inner loop.
 *
 * Sums of int8 rows in int32 lanes, sentence by sentence; the text's value is the sum over its
 * sentences. A value is bias + scale * sum / sqrt(number of features): the root keeps long and
 * short texts on one scale.
 *
 * Two passes a sentence. The first hashes and looks up: every n-gram is written to the list, which
 * grows only when there is a row, so there is no branch that a text could make mispredict. The
 * second adds the rows. The list stays in the score: the evidence is made of it. Index and rows fit
 * in a second-level cache.
 *
 * Guarantees: no allocation, linear time; sums are exact integers, so the order of summation cannot
 * change a result.
 */
#include "workers/opinion/linear.h"

#include <string.h>

#include "workers/opinion/fmath.h"

typedef int16_t half_t __attribute__((vector_size(16)));
typedef int32_t sum_t __attribute__((vector_size(64)));
typedef float value_t __attribute__((vector_size(64)));

enum { ROWS_PER_FLUSH = 255 }; /* 255 * -128 is the most that an int16 lane takes */

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

/* The last symbols read. */
struct window {
    uint32_t one, two;           /* hashes of the last one and of the last two */
    uint32_t covered1, covered2; /* characters of the last one, and of the one before it */
};

#define SPREAD 0x9E3779B1U
#define ONE    0x7F4A7C15U
#define TWO    0x165667B1U
#define THREE  0x3C6EF372U

/* Where an n-gram goes: takes the list's length, returns the new one. at: its characters, s and
 * above it e. */
struct sink {
    const uint16_t *index;
    struct lj_lin_found *found;
    struct lj_gram *out;
    size_t cap;
};
typedef uint32_t emit_fn(struct sink k, uint32_t n, uint32_t hash, uint32_t at);

#define INLINE __attribute__((always_inline)) static inline

/* Reads a symbol of `covered` characters, none for a mark; e: the character behind it. */
INLINE uint32_t push(struct sink k, emit_fn *emit, struct window *w, uint32_t n, uint16_t symbol,
                     uint32_t covered, uint32_t e)
{
    uint32_t x = (symbol + ONE) * SPREAD;
    uint32_t two = x + turn(w->one, 15) + TWO;
    uint32_t three = x + turn(w->two, 11) * 5 + THREE;
    uint32_t at = e * 0x10001U - covered;
    n = emit(k, n, top(x), covered ? at : at - 1); /* a mark shows what is before it */
    at -= w->covered1;
    n = emit(k, n, top(two), at);
    at -= w->covered2;
    n = emit(k, n, top(three), at);
    *w = (struct window){x, two, covered, w->covered1};
    return n;
}

/* The n-grams of the sentence that begins with clause c, which is moved behind it. Returns the
 * list's new length; adds the number of n-grams, listed or not. */
INLINE uint32_t walk(struct sink k, emit_fn *emit, const struct lj_text *t, uint32_t *c, uint32_t n,
                     uint32_t *ret_features)
{
    const uint32_t sentence = t->list[*c].sentence;
    const uint32_t before_begin = (MARK_BEGIN + ONE) * SPREAD;
    struct window w = {.one = before_begin, .two = before_begin};
    uint32_t steps = 1;
    uint32_t i = t->list[*c].first;
    for (;;) {
        const uint32_t end = t->list[*c + 1].first;
        for (; i < end; steps++) {
            uint16_t code = t->code[i++];
            uint32_t from = i - 1;
            if (is_digit(code)) {
                code = MARK_DIGIT;
                while (i < end && is_digit(t->code[i]))
                    i++;
            }
            n = push(k, emit, &w, n, code, i - from, i);
        }
        ++*c;
        if (*c == t->clauses || t->list[*c].sentence != sentence)
            break;
        n = push(k, emit, &w, n, t->list[*c].by_list ? MARK_LIST : MARK_CLAUSE, 0, i);
        steps++;
    }
    *ret_features += LJ_LIN_GRAM * steps;
    return push(k, emit, &w, n, t->question[sentence] ? MARK_QUESTION : MARK_END, 0, i);
}

INLINE uint32_t emit_gram(struct sink k, uint32_t n, uint32_t hash, uint32_t at)
{
    if (n < k.cap)
        k.out[n] = (struct lj_gram){hash, (uint16_t)at, (uint16_t)(at >> 16)};
    return n + 1;
}

size_t lj_linear_grams(const struct lj_text *t, uint32_t s, struct lj_gram *out, size_t cap)
{
    const struct sink k = {.out = out, .cap = cap};
    uint32_t c = 0;
    uint32_t features = 0;
    while (c < t->clauses && t->list[c].sentence < s)
        c++;
    return c == t->clauses ? 0 : walk(k, emit_gram, t, &c, 0, &features);
}

/* Two stores and no branch: what has no row is overwritten by the next. */
INLINE uint32_t emit_found(struct sink k, uint32_t n, uint32_t hash, uint32_t at)
{
    uint32_t row = k.index[hash];
    k.found[n] = (struct lj_lin_found){row, at};
    return n + (row != 0);
}

uint32_t lj_linear_row(const struct lj_linear *m, uint32_t hash)
{
    return m->index[hash];
}

/* Even and odd columns apart, as they come out of a row read as eight halves. */
static inline void add_row(const struct lj_linear *m, uint32_t row, half_t *even, half_t *odd)
{
    half_t v;
    memcpy(&v, m->rows + (size_t)row * LJ_LIN_LANES, sizeof v);
    *even += (v << 8) >> 8;
    *odd += v >> 8;
}

static void add_halves(sum_t *sum, half_t even, half_t odd)
{
    for (unsigned i = 0; i < LJ_LIN_LANES / 2; i++) {
        (*sum)[2 * i] += even[i];
        (*sum)[2 * i + 1] += odd[i];
    }
}

static sum_t sum_rows(const struct lj_linear *m, const struct lj_lin_found *f, uint32_t n)
{
    sum_t sum = {0};
    while (n > 0) {
        uint32_t now = n < ROWS_PER_FLUSH ? n : ROWS_PER_FLUSH;
        half_t even = {0};
        half_t odd = {0};
        for (uint32_t i = 0; i < now; i++)
            add_row(m, f[i].row, &even, &odd);
        add_halves(&sum, even, odd);
        f += now;
        n -= now;
    }
    return sum;
}

static uint32_t add_extras(struct lj_extras x, uint32_t sentence, struct lj_lin_found *f,
                           uint32_t *ret_features)
{
    if (!x.first)
        return 0;
    uint32_t n = (uint32_t)x.first[sentence + 1] - x.first[sentence];
    memcpy(f, x.found + x.first[sentence], n * sizeof *f);
    *ret_features += x.features[sentence];
    return n;
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

void lj_linear_score(const struct lj_linear *m, const struct lj_text *t, struct lj_extras extras,
                     struct lj_lin_score *ret)
{
    const struct sink k = {.index = m->index, .found = ret->found};
    sum_t all = {0};
    sum_t best_at = {0};
    value_t best = value_of(m, all, 0);
    uint32_t features = 0;
    uint32_t n = 0;
    uint32_t s = 0;
    for (uint32_t c = 0; c < t->clauses; s++) {
        uint32_t own = 0;
        uint32_t from = n;
        n = walk(k, emit_found, t, &c, n, &own);
        n += add_extras(extras, s, ret->found + n, &own);
        sum_t sum = sum_rows(m, ret->found + from, n - from);
        value_t v = value_of(m, sum, own);
        sum_t better = (v > best) | -(int32_t)(s == 0); /* all bits or none */
        best = (value_t)(((sum_t)v & better) | ((sum_t)best & ~better));
        best_at = ((int32_t)s & better) | (best_at & ~better);
        memcpy(ret->at[s], &v, sizeof v);
        ret->found_from[s] = from;
        ret->features[s] = own;
        all += sum;
        features += own;
    }
    ret->found_from[s] = n;
    value_t whole = value_of(m, all, features);
    memcpy(ret->whole, &whole, sizeof whole);
    memcpy(ret->best, &best, sizeof best);
    memcpy(ret->best_at, &best_at, sizeof best_at);
}

float lj_linear_weight(const struct lj_linear *m, uint32_t hash, unsigned out)
{
    return m->scale[out] * (float)m->rows[(size_t)lj_linear_row(m, hash) * LJ_LIN_LANES + out];
}
