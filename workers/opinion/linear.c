/*
 * The linear models' inner loop.
 *
 * Sums of int8 rows in int32 lanes, sentence by sentence; the text's value is the sum over its
 * sentences. A value is bias + scale * sum / sqrt(number of n-grams): the root keeps long and short
 * texts on one scale. N-grams without a row add row 0, which is zero: no branch that a text could
 * make mispredict. Rows that training kept fit in the second-level cache, the bitmap in the first.
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

static inline step_t push(struct window *w, uint16_t sym, uint16_t at)
{
    uint32_t one = mix1(sym);
    uint32_t two = mix2(w->one, sym);
    uint32_t three = mix2(w->two, sym);
    step_t st = {{top(one), top(two), top(three)}, {at, w->at1, w->at2}, w->seen + 1};
    if (st.n > LJ_LIN_GRAM)
        st.n = LJ_LIN_GRAM;
    w->two = two + 0x3C6EF372U;
    w->one = one;
    w->at2 = w->at1;
    w->at1 = at;
    w->seen++;
    return st;
}

static void begin(const struct lj_text *t, uint32_t sentence, uint32_t first, uint32_t end,
                  struct stream *s, struct window *w)
{
    (void)sentence;
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
    begin(t, s, walk.first, walk.end, &stream, &w);
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

static inline uint32_t row_of(const struct lj_linear *m, uint32_t h)
{
    uint64_t word = m->bitmap[h / 64];
    uint64_t below = word & ((UINT64_C(1) << (h % 64)) - 1);
    uint32_t row = m->before[h / 64] + (uint32_t)__builtin_popcountll(below) + 1;
    return word >> (h % 64) & 1 ? row : 0;
}

static inline void add_row(const struct lj_linear *m, uint32_t h, mid_t *sum)
{
    const row_t *row = (const row_t *)(const void *)(m->rows + (size_t)row_of(m, h) * LJ_LIN_LANES);
    *sum += __builtin_convertvector(*row, mid_t);
}

enum { STEPS_PER_FLUSH = 32767 / (128 * LJ_LIN_GRAM) };

static uint32_t sum_sentence(const struct lj_linear *m, const struct lj_text *t, uint32_t sentence,
                             const struct walk *walk, sum_t *ret)
{
    struct stream stream;
    struct window w;
    mid_t mid = {0};
    sum_t sum = {0};
    uint32_t n = 0;
    unsigned steps = 0;
    begin(t, sentence, walk->first, walk->end, &stream, &w);
    for (bool more = true; more;) {
        more = stream.i < stream.end;
        uint16_t at = 0;
        uint16_t sym = more ? next_symbol(&stream, &at) : end_mark(t, sentence);
        step_t st = push(&w, sym, at);
        for (unsigned k = 0; k < st.n; k++)
            add_row(m, st.hash[k], &mid);
        n += st.n;
        if (++steps == STEPS_PER_FLUSH) {
            sum += __builtin_convertvector(mid, sum_t);
            mid = (mid_t){0};
            steps = 0;
        }
    }
    *ret = sum + __builtin_convertvector(mid, sum_t);
    return n;
}

static uint32_t sum_extras(const struct lj_linear *m, struct lj_extras x, uint32_t sentence,
                           sum_t *sum)
{
    uint32_t end = x.first ? x.first[sentence + 1] : 0;
    uint32_t i = x.first ? x.first[sentence] : 0;
    uint32_t n = end - i;
    while (i < end) {
        mid_t mid = {0};
        for (unsigned k = 0; k < 255 && i < end; k++, i++)
            add_row(m, x.gram[i].hash, &mid);
        *sum += __builtin_convertvector(mid, sum_t);
    }
    return n;
}

uint32_t lj_linear_hash(uint32_t mixed)
{
    return top(mixed);
}

void lj_linear_score(const struct lj_linear *m, const struct lj_text *t, struct lj_extras extras,
                     struct lj_lin_score *ret)
{
    struct walk walk = {0};
    sum_t all = {0};
    uint32_t n = 0;
    for (unsigned k = 0; k < LJ_LIN_LANES; k++) {
        ret->best[k] = ret->whole[k] = m->bias[k];
        ret->best_at[k] = 0;
    }
    for (uint32_t s = 0; next_sentence(t, &walk); s++) {
        sum_t sum;
        uint32_t grams = sum_sentence(m, t, s, &walk, &sum);
        grams += sum_extras(m, extras, s, &sum);
        float root = 1 / lj_sqrtf((float)grams);
        for (unsigned k = 0; k < LJ_LIN_LANES; k++) {
            float v = m->bias[k] + m->scale[k] * (float)sum[k] * root;
            ret->at[s][k] = v;
            if (s == 0 || v > ret->best[k]) {
                ret->best[k] = v;
                ret->best_at[k] = (uint16_t)s;
            }
        }
        all += sum;
        n += grams;
    }
    float root = n ? 1 / lj_sqrtf((float)n) : 0;
    for (unsigned k = 0; k < LJ_LIN_LANES; k++)
        ret->whole[k] = m->bias[k] + m->scale[k] * (float)all[k] * root;
}

float lj_linear_weight(const struct lj_linear *m, uint32_t hash, unsigned out)
{
    return m->scale[out] * (float)m->rows[(size_t)row_of(m, hash) * LJ_LIN_LANES + out];
}
