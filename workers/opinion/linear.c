/*
 * The linear models' inner loop.
 *
 * Sums of int8 rows in int32 lanes, sentence by sentence; the text's value is the sum over its
 * sentences. A value is bias + scale * sum / sqrt(number of n-grams): the root keeps long and short
 * texts on one scale. N-grams without a row add row 0, which is zero: no branch that a text could
 * make mispredict. The index and the rows that a text meets fit in the second-level cache.
 *
 * Guarantees: no allocation, linear time; sums are exact integers, so the order of summation cannot
 * change a result.
 */
#include "workers/opinion/linear.h"

#include <string.h>

#include "workers/opinion/fmath.h"

typedef int8_t row_t __attribute__((vector_size(16), aligned(16)));
typedef int16_t mid_t __attribute__((vector_size(32)));
typedef int32_t sum_t __attribute__((vector_size(64)));
typedef float value_t __attribute__((vector_size(64)));

enum { ROWS_PER_FLUSH = 255 }; /* 255 * -128 is the most that an int16 lane takes */

/* Symbols that no folded character has. */
enum { MARK_BEGIN = 1, MARK_CLAUSE, MARK_LIST, MARK_END, MARK_QUESTION, MARK_DIGIT };

static bool is_digit(uint16_t code)
{
    return code >= '0' && code <= '9';
}

/* A sentence as the n-grams see it: symbols and marks, runs of digits as one. */
struct stream {
    const struct lj_text *t;
    uint32_t i;
    uint32_t end;
    uint16_t clause;
};

static inline uint16_t next_symbol(struct stream *s, uint16_t *at)
{
    const struct lj_text *t = s->t;
    if (t->clause[s->i] != s->clause) {
        s->clause = t->clause[s->i];
        *at = (uint16_t)s->i;
        return t->list[s->clause].by_list ? MARK_LIST : MARK_CLAUSE;
    }
    uint16_t code = t->code[s->i];
    *at = (uint16_t)s->i++;
    if (!is_digit(code))
        return code;
    while (s->i < s->end && is_digit(t->code[s->i]) && t->clause[s->i] == s->clause)
        s->i++;
    return MARK_DIGIT;
}

static inline uint32_t mix1(uint32_t c)
{
    return c * 0x9E3779B1U + 0x7F4A7C15U;
}

static inline uint32_t mix2(uint32_t a, uint32_t c)
{
    return ((a ^ a >> 15) + c) * 0x85EBCA6BU + 0x165667B1U;
}

static inline uint32_t top(uint32_t h)
{
    h ^= h >> 15;
    return (h * 0x2C1B3C6DU) >> (32 - LJ_LIN_BITS);
}

typedef struct {
    uint32_t hash[LJ_LIN_GRAM];
    uint16_t s[LJ_LIN_GRAM]; /* first symbol of the 1-, 2- and 3-gram that end here */
    unsigned n;
} step_t;

/* The last symbols read. */
struct window {
    uint32_t one, two; /* mixes of the last symbol and of the last two */
    uint16_t at1, at2; /* where they begin */
    unsigned seen;
};

#define TWO_STEP 0x3C6EF372U

static inline step_t push(struct window *w, uint16_t sym, uint16_t at)
{
    uint32_t one = mix1(sym);
    uint32_t two = mix2(w->one, sym);
    uint32_t three = mix2(w->two, sym);
    step_t st = {{top(one), top(two), top(three)}, {at, w->at1, w->at2}, w->seen + 1};
    if (st.n > LJ_LIN_GRAM)
        st.n = LJ_LIN_GRAM;
    w->two = two + TWO_STEP;
    w->one = one;
    w->at2 = w->at1;
    w->at1 = at;
    w->seen++;
    return st;
}

static void begin(const struct lj_text *t, uint32_t first, uint32_t end, struct stream *s,
                  struct window *w)
{
    *s = (struct stream){.t = t, .i = first, .end = end, .clause = t->clause[first]};
    *w = (struct window){.at1 = (uint16_t)first, .at2 = (uint16_t)first};
    (void)push(w, MARK_BEGIN, (uint16_t)first);
}

/* Symbols [first, end) of a sentence; the sentences' first symbols are found by walking clauses. */
struct walk {
    uint32_t clause;
    uint32_t first;
    uint32_t end;
};

static bool next_sentence(const struct lj_text *t, struct walk *w)
{
    if (w->clause >= t->clauses)
        return false;
    uint32_t sentence = t->list[w->clause].sentence;
    w->first = t->list[w->clause].first;
    while (w->clause < t->clauses && t->list[w->clause].sentence == sentence)
        w->clause++;
    w->end = t->list[w->clause].first;
    return true;
}

static uint16_t end_mark(const struct lj_text *t, uint32_t sentence)
{
    return t->question[sentence] ? MARK_QUESTION : MARK_END;
}

size_t lj_linear_grams(const struct lj_text *t, uint32_t s, struct lj_gram *out, size_t cap)
{
    struct walk walk = {0};
    struct stream stream;
    struct window w;
    size_t n = 0;
    for (uint32_t k = 0; k <= s; k++) {
        if (!next_sentence(t, &walk))
            return 0;
    }
    begin(t, walk.first, walk.end, &stream, &w);
    for (bool more = true; more;) {
        more = stream.i < stream.end;
        uint16_t at = (uint16_t)(walk.end - 1);
        uint16_t sym = more ? next_symbol(&stream, &at) : end_mark(t, s);
        step_t st = push(&w, sym, at);
        for (unsigned k = 0; k < st.n; k++, n++) {
            if (n < cap)
                out[n] = (struct lj_gram){st.hash[k], st.s[k], (uint16_t)(at + 1)};
        }
    }
    return n;
}

static const uint8_t bits_in[256] = {
#define B2(n) n, n + 1, n + 1, n + 2
#define B4(n) B2(n), B2(n + 1), B2(n + 1), B2(n + 2)
#define B6(n) B4(n), B4(n + 1), B4(n + 1), B4(n + 2)
    B6(0), B6(1), B6(1), B6(2)};

/* Rows before, and a table for the bits below: no popcount instruction on every processor. */
static inline uint32_t row_of(const struct lj_linear *m, uint32_t h)
{
    uint32_t entry = m->index[h / 8];
    uint32_t row = (entry >> 8) + bits_in[entry & ((1U << (h % 8)) - 1) & 0xFF] + 1;
    return entry >> (h % 8) & 1 ? row : 0;
}

uint32_t lj_linear_row(const struct lj_linear *m, uint32_t hash)
{
    return row_of(m, hash);
}

static inline void add_row(const struct lj_linear *m, uint32_t number, mid_t *sum)
{
    const row_t *row = (const row_t *)(const void *)(m->rows + (size_t)number * LJ_LIN_LANES);
    *sum += __builtin_convertvector(*row, mid_t);
}

/* Rows found and not added yet: looked up in one go, so that their memory is waited for together.
 */
struct batch {
    const struct lj_linear *m;
    uint32_t n;
    uint32_t row[ROWS_PER_FLUSH];
    sum_t sum;
};

static void flush(struct batch *b)
{
    mid_t mid = {0};
    for (uint32_t i = 0; i < b->n; i++)
        add_row(b->m, b->row[i], &mid);
    b->sum += __builtin_convertvector(mid, sum_t);
    b->n = 0;
}

/* Notes a row for the next flush; row 0, which is zero, is not worth the trip. */
static inline uint32_t note_row(struct batch *b, uint32_t n, uint32_t hash)
{
    uint32_t row = row_of(b->m, hash);
    b->row[n] = row;
    __builtin_prefetch(b->m->rows + (size_t)row * LJ_LIN_LANES);
    return n + (row != 0);
}

/* The n-grams that end at each symbol, as push makes them, with everything in registers. */
static uint32_t sum_sentence(struct batch *b, const struct lj_text *t, uint32_t sentence,
                             const struct walk *walk)
{
    struct stream stream;
    struct window w;
    uint32_t steps = 0;
    begin(t, walk->first, walk->end, &stream, &w);
    uint32_t last1 = w.one;
    uint32_t last2 = w.two;
    uint32_t n = b->n;
    for (bool more = true; more; steps++) {
        uint16_t at = 0;
        more = stream.i < stream.end;
        uint16_t sym = more ? next_symbol(&stream, &at) : end_mark(t, sentence);
        uint32_t one = mix1(sym);
        uint32_t two = mix2(last1, sym);
        uint32_t three = mix2(last2, sym);
        last1 = one;
        last2 = two + TWO_STEP;
        n = note_row(b, n, top(one));
        n = note_row(b, n, top(two));
        if (steps > 0) /* the first one has only the mark before it */
            n = note_row(b, n, top(three));
        if (n > ROWS_PER_FLUSH - LJ_LIN_GRAM) {
            b->n = n;
            flush(b);
            n = 0;
        }
    }
    b->n = n;
    return LJ_LIN_GRAM * steps - 1;
}

static uint32_t sum_extras(struct batch *b, struct lj_extras x, uint32_t sentence)
{
    uint32_t end = x.first ? x.first[sentence + 1] : 0;
    uint32_t from = x.first ? x.first[sentence] : 0;
    for (uint32_t i = from; i < end; i++) {
        b->n = note_row(b, b->n, x.gram[i].hash);
        if (b->n > ROWS_PER_FLUSH - LJ_LIN_GRAM)
            flush(b);
    }
    return end - from;
}

uint32_t lj_linear_hash(uint32_t mixed)
{
    return top(mixed);
}

static value_t value_of(const struct lj_linear *m, sum_t sum, uint32_t grams)
{
    value_t scale;
    value_t bias;
    memcpy(&scale, m->scale, sizeof scale);
    memcpy(&bias, m->bias, sizeof bias);
    return bias +
           scale * __builtin_convertvector(sum, value_t) * (grams ? 1 / lj_sqrtf((float)grams) : 0);
}

void lj_linear_score(const struct lj_linear *m, const struct lj_text *t, struct lj_extras extras,
                     struct lj_lin_score *ret)
{
    struct walk walk = {0};
    struct batch b;
    sum_t all = {0};
    sum_t best_at = {0};
    value_t best = value_of(m, all, 0);
    uint32_t n = 0;
    b.m = m;
    b.n = 0;
    for (uint32_t s = 0; next_sentence(t, &walk); s++) {
        b.sum = (sum_t){0};
        uint32_t grams = sum_sentence(&b, t, s, &walk);
        grams += sum_extras(&b, extras, s);
        flush(&b);
        value_t v = value_of(m, b.sum, grams);
        sum_t better = (v > best) | -(int32_t)(s == 0); /* all bits or none */
        best = (value_t)(((sum_t)v & better) | ((sum_t)best & ~better));
        best_at = ((int32_t)s & better) | (best_at & ~better);
        memcpy(ret->at[s], &v, sizeof v);
        all += b.sum;
        n += grams;
    }
    value_t whole = value_of(m, all, n);
    memcpy(ret->whole, &whole, sizeof whole);
    memcpy(ret->best, &best, sizeof best);
    memcpy(ret->best_at, &best_at, sizeof best_at);
}

float lj_linear_weight(const struct lj_linear *m, uint32_t hash, unsigned out)
{
    return m->scale[out] * (float)m->rows[(size_t)row_of(m, hash) * LJ_LIN_LANES + out];
}
