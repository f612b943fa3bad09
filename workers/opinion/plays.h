#ifndef LJ_OPINION_PLAYS_H
#define LJ_OPINION_PLAYS_H
/*
 * What a word's role does in pairs and sentence rules, as bits. Internal; part of struct lj_rules.
 *
 * A role has a row of bits: its classes, the pairs whose first and whose second word it may be, and
 * for each need of a rule the rules whose need it meets. The rows of a sentence's words together
 * say at once which pairs and rules can come about in it.
 */
#include <stddef.h>
#include <stdint.h>

#include "workers/opinion/classes.h"

struct lj_err;
struct lj_rules;

typedef uint64_t lj_bits __attribute__((vector_size(32)));

enum {
    LJ_BITS_WORDS = sizeof(lj_bits) / sizeof(uint64_t),
    LJ_PLAYS_WORDS_MAX = 44, /* of a row: classes, twice LJ_PAIRS_MAX, LJ_NEEDS_MAX rules' sets */
};

struct lj_plays {
    size_t bits;     /* of a row, lj_bits each */
    lj_bits *row;    /* by role */
    uint64_t *opens; /* by role: pairs that it may open, `pairs` words each */
    uint64_t *given; /* by need: rules that have no such need, `rules` words each */
    uint64_t *next;  /* rules that reach into the next sentence */
    /* where the words of a row stand; the classes come first */
    size_t pairs, first, second; /* words a set of pairs, and where the two are */
    size_t rules, need;          /* words a set of rules, and where the first of the needs is */
};

int lj_plays_build(const struct lj_rules *r, struct lj_plays *ret, struct lj_err *err);
void lj_plays_free(struct lj_plays *plays);

#endif
