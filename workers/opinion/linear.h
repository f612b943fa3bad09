#ifndef LJ_OPINION_LINEAR_H
#define LJ_OPINION_LINEAR_H
/*
 * Linear models over hashed character n-grams: one row of int8 weights an n-gram, one column an
 * output. Internal.
 *
 * N-grams (1 to 3 symbols) are taken within a sentence from the folded symbols, with marks for the
 * sentence's begin and end and for the clause ends inside it, so a text's sum is the sum over its
 * sentences. Rows are addressed by an 18 bit hash; only rows that training kept are stored, and the
 * index says for every hash which one is its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workers/opinion/opinion.h"
#include "workers/opinion/text.h"

enum {
    LJ_LIN_BITS = 18,
    LJ_LIN_HASHES = 1 << LJ_LIN_BITS,
    LJ_LIN_ROWS_MAX = UINT16_MAX,
    LJ_LIN_LANES = 16, /* columns stored, so that a row is one vector */
    LJ_LIN_GRAM = 3,
    LJ_LIN_WORDS_MAX = 8192, /* features that a text's words give, at most */
    /* of one sentence: a symbol, a mark before each and one behind give three n-grams each */
    LJ_LIN_FOUND_MAX = LJ_LIN_GRAM * (2 * LJ_OPINION_TEXT_MAX + 2) + LJ_LIN_WORDS_MAX,
};

/* The columns. The kinds come first. */
enum lj_lin_out {
    LJ_LIN_RISK = LJ_OPINION_KINDS, /* any kind */
    LJ_LIN_GOOD,                    /* polarity 1 */
    LJ_LIN_BAD,                     /* polarity -1 */
    LJ_LIN_GRAVE,                   /* severity 3 */
    LJ_LIN_ORDINARY,                /* severity 2 or 3, not 1 */
    LJ_LIN_OUTS,
};

struct lj_linear {
    const uint16_t *index; /* LJ_LIN_HASHES: the hash's row, 0 for none */
    const int8_t *rows;    /* (1 + kept) rows of LJ_LIN_LANES; row 0 is zero */
    uint32_t kept;
    float scale[LJ_LIN_LANES]; /* real weight = int8 * scale */
    float bias[LJ_LIN_LANES];
};

/* A feature of a sentence that has a row, and its symbols [s, e). */
struct lj_lin_found {
    uint32_t row;
    uint32_t at; /* s, and e above it */
};

static inline uint32_t lj_found_s(const struct lj_lin_found *f)
{
    return f->at & 0xFFFF;
}

static inline uint32_t lj_found_e(const struct lj_lin_found *f)
{
    return f->at >> 16;
}

/* What the models say about a text. */
struct lj_lin_score {
    float whole[LJ_LIN_LANES];              /* of all sentences together */
    float best[LJ_LIN_LANES];               /* of the sentence with the highest value */
    float at[LJ_CLAUSES_MAX][LJ_LIN_LANES]; /* of each sentence */
    uint32_t features[LJ_CLAUSES_MAX];      /* of each sentence: with a row or without */
};

/* One n-gram of a sentence: its row's hash and its symbols [s, e) in the text; marks belong to the
 * symbol beside them. */
struct lj_gram {
    uint32_t hash;
    uint16_t s;
    uint16_t e;
};

/* What further features of a sentence, from the rules' words (words.c), add to it. */
struct lj_lin_extra {
    int32_t sum[LJ_LIN_LANES]; /* of their rows */
    uint32_t features;         /* how many: with a row or without */
};

/* A row's hash from a mix of numbers. */
uint32_t lj_linear_hash(uint32_t mixed);

/* N-grams of sentence number s, in text order; returns how many there are, of which at most cap are
 * written. A sentence of n symbols has at most 3 * (2 * n + 1) of them. */
size_t lj_linear_grams(const struct lj_text *t, uint32_t s, struct lj_gram *out, size_t cap);

/* extra: of each sentence, or NULL. Values of an empty text are the biases. */
void lj_linear_score(const struct lj_linear *m, const struct lj_text *t,
                     const struct lj_lin_extra *extra, struct lj_lin_score *ret);

/* The n-grams of sentence number s that have a row, in text order; returns how many there are. out
 * has room for LJ_LIN_GRAM more than the sentence has n-grams. */
uint32_t lj_linear_list(const struct lj_linear *m, const struct lj_text *t, uint32_t s,
                        struct lj_lin_found *out);

/* Number of the hash's row, 0 when it is not kept. */
uint32_t lj_linear_row(const struct lj_linear *m, uint32_t hash);

/* What a row adds to column out, before the division by the root of the number of features. */
float lj_linear_weight(const struct lj_linear *m, uint32_t hash, unsigned out);

#endif
