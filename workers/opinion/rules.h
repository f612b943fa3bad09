#ifndef LJ_OPINION_RULES_H
#define LJ_OPINION_RULES_H
/* The rule tables in memory: entries (terms and words), pair rules, word classes. Internal; read
 * only once built. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workers/opinion/ac.h"
#include "workers/opinion/opinion.h"

/* Word classes that the engine itself knows; words.tsv and pairs.tsv may use more names, 128 in
 * all. */
/* clang-format off */
#define LJ_WORD_CLASSES(X) \
    X(MASK) /* hides everything inside it */ X(NEG) X(NEG1) X(BE) X(RHET) X(NEGAFTER) X(PREV) \
    X(HYP) X(ASK) X(TOPIC) X(PAST) X(BIO) X(NOW) X(OTHER) X(DENY) X(RUMOUR) X(WITNESS) X(CONTRA) \
    X(REAL) X(RESOLVED) X(FINE) X(BAN) X(NEAR) X(SPORT) X(QUOTE) X(POS) X(BAD) X(COMPLAIN) \
    X(CONSEQ) X(VICTIM) X(MINOR) X(HOSP) X(ROUTINE) X(MONEY) X(NUM)
/* clang-format on */

enum lj_word_class {
#define X(name) LJ_W_##name,
    LJ_WORD_CLASSES(X)
#undef X
        LJ_W_FIXED,
    LJ_W_MAX = 128,
};

typedef unsigned __int128 lj_classes; /* a set of word classes */

#define LJ_CLASS(i)  ((lj_classes)1 << (i))
#define LJ_BIT(name) LJ_CLASS(LJ_W_##name)

/* Classes that decide about hits; inside a term they are part of the term and decide nothing. */
#define LJ_SCOPE_BITS                                                                              \
    (LJ_BIT(NEG) | LJ_BIT(NEG1) | LJ_BIT(RHET) | LJ_BIT(NEGAFTER) | LJ_BIT(PREV) | LJ_BIT(HYP) |   \
     LJ_BIT(ASK) | LJ_BIT(TOPIC) | LJ_BIT(PAST) | LJ_BIT(OTHER) | LJ_BIT(DENY) | LJ_BIT(SPORT))

enum { LJ_WEAK = 1, LJ_PLAIN = 2, LJ_STRONG = 3 };

struct lj_entry {
    lj_classes classes;
    int8_t kind; /* -1: a word only */
    uint8_t code;
    uint8_t severity;
    uint8_t weight;
    bool evasive; /* a generated spelling of a term */
    char name[LJ_OPINION_RULE_NAME_MAX];
};

struct lj_pair {
    lj_classes veto; /* a word of these classes between the two, or 0 */
    uint8_t first;   /* word class */
    uint8_t second;
    uint8_t gap; /* symbols between, at most */
    bool any_order;
    bool sentence; /* may cross clauses of one sentence */
    uint8_t kind;
    uint8_t code;
    uint8_t severity;
    uint8_t weight;
    char name[LJ_OPINION_RULE_NAME_MAX];
};

enum { LJ_ENTRIES_MAX = 60000, LJ_PAIRS_MAX = 400 };
enum {
    LJ_ENTRY_MONEY,
    LJ_ENTRY_NUM,
    LJ_ENTRY_FIRST
}; /* numbers are found by code, not by a pattern */

struct lj_rules {
    struct lj_ac *ac;
    struct lj_entry *entries;
    size_t entry_count;
    struct lj_pair *pairs;
    size_t pair_count;
    lj_classes pair_classes;           /* classes that open some pair */
    uint16_t opened[2 * LJ_PAIRS_MAX]; /* pair indices, grouped by the class that opens them */
    uint16_t opened_from[LJ_W_MAX +
                         1]; /* class c opens opened[opened_from[c]] to before opened_from[c + 1] */
    char class_names[LJ_W_MAX][16];
    size_t class_count;
    uint64_t hash; /* over the tables' bytes */
};

/* Builds from a folder, or with NULL from the built-in tables. Errors as lj_opinion_open. */
int lj_rules_open(const char *dir, struct lj_rules **ret, struct lj_err *err);
void lj_rules_close(struct lj_rules **rules);

#endif
