#ifndef LJ_OPINION_AC_TRIE_H
#define LJ_OPINION_AC_TRIE_H
/* The automaton's own tables, for those who build it (ac.c) and those who run it (ac_run.c). */
#include <stdbool.h>
#include <stdint.h>

#include "workers/opinion/ac.h"

#define FREE    UINT32_MAX
#define NOTHING (UINT32_MAX - 1)

enum { ROOT = 0, STATES_MAX = 1 << 22, PAIR_BITS = 17 };

/* A symbol's number is below NUMBERS; above it stands what else is to know of the symbol. */
enum { NUMBERS = 1 << 14, ALONE = NUMBERS, MARKED = 2 * NUMBERS };

struct state {
    uint32_t base;
    uint32_t check; /* its parent; FREE for an unused place */
    uint32_t out;   /* the only output itself, length and id; 0 = none */
    uint32_t next;  /* which numbers lead on: bits by number modulo 32 */
};

#define MANY 0x80000000U /* in out: there are several, this is the first one's place in output */

struct first {      /* what a symbol begins */
    uint32_t state; /* NOTHING: it begins no pattern */
    uint32_t base;  /* of that state */
    uint32_t out;
};

struct output {
    uint16_t id;
    uint16_t len;
    bool more; /* another one follows */
};

struct lj_ac {
    struct state *state;
    uint32_t states; /* places, used or not */
    uint32_t symbols;
    struct first *first; /* by number */
    struct output *output;
    uint64_t pairs[1 << (PAIR_BITS - 6)]; /* the first two symbols of some pattern, hashed */
    uint16_t number[0x10000];             /* dense number of a symbol, 0 = in no pattern; with
                                             ALONE: it is a pattern itself, and MARKED */
};

static inline uint32_t plain(uint16_t number)
{
    return number % NUMBERS;
}

static inline uint32_t next_bit(uint16_t number)
{
    return (uint32_t)1 << (number % 32);
}

/* Hash of a pair of numbers; the multiplier spreads both over the upper bits. What stands above the
 * numbers falls out of the one and is masked off the other. */
static inline uint32_t pair_bit(uint16_t a, uint16_t b)
{
    return ((uint32_t)a << 18 | plain(b)) * 2654435761U >> (32 - PAIR_BITS);
}

#endif
