#ifndef LJ_OPINION_CLASSES_H
#define LJ_OPINION_CLASSES_H
/* Word classes and sets of them. Internal. */
#include <stdbool.h>
#include <stdint.h>

/* Word classes that the engine itself knows, at most 64; the tables may use more names, 256 in all.
 */
/* clang-format off */
#define LJ_WORD_CLASSES(X) \
    X(MASK) /* hides everything inside it */ X(NEG) X(NEG1) X(BE) X(RHET) X(NEGAFTER) X(PREV) \
    X(HYP) X(ASK) X(TOPIC) X(PAST) X(BIO) X(NOW) X(OTHER) X(DENY) X(RUMOUR) X(WITNESS) X(CONTRA) \
    X(REAL) X(RESOLVED) X(FINE) X(BAN) X(NEAR) X(SPORT) X(QUOTE) X(POS) X(BAD) X(COMPLAIN) \
    X(CONSEQ) X(VICTIM) X(MINOR) X(HOSP) X(POLICE) X(ROUTINE) X(MONEY) X(NUM) X(COUNT) X(MINUTES) \
    X(HOURS) X(HEARSAY) X(ACTOR) X(HEAD) X(DENYR) X(BEFORE) \
    X(NEGB) X(FEAR) X(PASTY) X(CONFIRM) X(TIMES)
/* clang-format on */

enum lj_word_class {
#define X(name) LJ_W_##name,
    LJ_WORD_CLASSES(X)
#undef X
        LJ_W_FIXED,
    LJ_W_MAX = 256,
};

/* A set of word classes; word 0 holds those that the engine knows. */
struct lj_classes {
    uint64_t w[LJ_W_MAX / 64];
};

#define LJ_BIT(name) ((uint64_t)1 << LJ_W_##name)

static inline bool lj_has(const struct lj_classes *c, unsigned i)
{
    return (c->w[i / 64] >> (i % 64) & 1) != 0;
}

static inline void lj_add(struct lj_classes *c, unsigned i)
{
    c->w[i / 64] |= (uint64_t)1 << (i % 64);
}

static inline bool lj_meet(const struct lj_classes *a, const struct lj_classes *b)
{
    return ((a->w[0] & b->w[0]) | (a->w[1] & b->w[1]) | (a->w[2] & b->w[2]) |
            (a->w[3] & b->w[3])) != 0;
}

static inline void lj_join(struct lj_classes *a, const struct lj_classes *b)
{
    for (unsigned i = 0; i < LJ_W_MAX / 64; i++)
        a->w[i] |= b->w[i];
}

/* Classes that decide about hits; inside a term they are part of the term and decide nothing. */
#define LJ_SCOPE_BITS                                                                              \
    (LJ_BIT(NEG) | LJ_BIT(NEG1) | LJ_BIT(RHET) | LJ_BIT(NEGAFTER) | LJ_BIT(PREV) | LJ_BIT(HYP) |   \
     LJ_BIT(ASK) | LJ_BIT(TOPIC) | LJ_BIT(PAST) | LJ_BIT(OTHER) | LJ_BIT(DENY) | LJ_BIT(SPORT))

#endif
