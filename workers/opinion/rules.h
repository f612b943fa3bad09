#ifndef LJ_OPINION_RULES_H
#define LJ_OPINION_RULES_H
/* The rule tables in memory: entries (terms and words), pair and sentence rules, word classes.
 * Internal; read only once built. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workers/opinion/ac.h"
#include "workers/opinion/classes.h"
#include "workers/opinion/hot.h"
#include "workers/opinion/opinion.h"
#include "workers/opinion/plays.h"
#include "workers/opinion/policy.h"
#include "workers/opinion/tsv.h"

enum { LJ_WEAK = 1, LJ_PLAIN = 2, LJ_STRONG = 3 };

struct lj_entry {
    struct lj_classes classes;
    int8_t kind; /* -1: a word only */
    uint8_t code;
    uint8_t severity;
    uint8_t weight;
    bool evasive; /* a generated spelling of a term */
    bool latin;   /* its symbols begin or end with a Latin letter */
    char name[LJ_OPINION_RULE_NAME_MAX];
};

struct lj_pair {
    struct lj_classes veto; /* a word of these classes from the first to the second forbids it */
    uint8_t first;          /* word class */
    uint8_t second;
    uint8_t gap; /* symbols between, at most */
    bool any_order;
    bool sentence; /* may cross clauses of one sentence */
    bool has_veto;
    uint8_t kind;
    uint8_t code;
    uint8_t severity;
    uint8_t weight;
    char name[LJ_OPINION_RULE_NAME_MAX];
};

enum { LJ_NEEDS_MAX = 4 };

/* A sentence rule: words of several classes together, in the reach of one clause, one sentence, or
 * a sentence and the one behind it. */
struct lj_rule {
    struct lj_classes need[LJ_NEEDS_MAX]; /* each met by a word of its own */
    struct lj_classes veto;               /* a word of these classes in the window forbids it */
    uint8_t needs;
    uint8_t reach; /* symbols from the first word's end to the last one's start, at most */
    bool ordered;
    bool clause;
    bool next;
    uint8_t kind;
    uint8_t code;
    uint8_t severity;
    uint8_t weight;
    char name[LJ_OPINION_RULE_NAME_MAX];
};

enum { LJ_ENTRIES_MAX = 60000, LJ_PAIRS_MAX = 600, LJ_SENTENCE_RULES_MAX = 300 };
enum {
    LJ_ENTRY_MONEY,
    LJ_ENTRY_NUM,
    LJ_ENTRY_COUNT,
    LJ_ENTRY_MINUTES,
    LJ_ENTRY_HOURS,
    LJ_ENTRY_AGO,
    LJ_ENTRY_TIMES,
    LJ_ENTRY_FIRST
}; /* numbers are found by code, not by a pattern */

enum { LJ_DIGITS = 26 };
extern const uint16_t lj_digits[LJ_DIGITS]; /* numbers.c: symbols that numbers are made of */

struct lj_rules {
    struct lj_ac *ac;
    struct lj_entry *entries;
    size_t entry_count;
    struct lj_hot hot; /* of the entries */
    struct lj_pair *pairs;
    size_t pair_count;
    struct lj_plays plays; /* what a word's role does in pairs and rules */
    struct lj_rule *rules;
    size_t rule_count;
    struct lj_policy policy;
    char class_names[LJ_W_MAX][16];
    uint32_t class_hash[LJ_W_MAX]; /* of the names: the same whatever else the tables hold */
    size_t class_count;
    uint64_t hash; /* over the tables' bytes */
};

enum { LJ_RULE_TABLES = 7 };

/* The text of one table; owned is freed by lj_rules_drop and NULL where the text is another's. */
struct lj_rule_table {
    const char *text;
    size_t size;
    char *owned;
};

/* File name of table i, as it stands in a folder and in a bundle. */
const char *lj_rule_table_name(size_t i);

/* Builds from the texts of all LJ_RULE_TABLES tables. Errors as lj_opinion_open. */
int lj_rules_parse(const struct lj_rule_table *text, struct lj_rules **ret, struct lj_err *err);

/* Reads a folder's tables; lj_rules_drop frees them, also after a failure half-way. */
int lj_rules_read(const char *dir, struct lj_rule_table *text, struct lj_err *err);
void lj_rules_drop(struct lj_rule_table *text);

/* The two together: builds from a folder. */
int lj_rules_open(const char *dir, struct lj_rules **ret, struct lj_err *err);
void lj_rules_close(struct lj_rules **rules);

/* While the tables are read (rules.c, rows.c). A class by its name, or -1. */
int lj_rules_class(const struct lj_rules *r, const char *name, size_t n);
/* Copies a name of n bytes into a field of LJ_OPINION_RULE_NAME_MAX bytes, cut at a character. */
void lj_rules_name(char *out, const char *p, size_t n);
/* Fails with the row's file and line. */
int lj_rules_bad_row(const struct lj_tsv *t, const char *what, struct lj_err *err);
/* Fields i..i+3 of a row: kind, code, severity, weight. */
int lj_rules_risk(const struct lj_tsv *t, size_t i, struct lj_entry *e, struct lj_err *err);
/* One row of pairs.tsv, of sentence_rules.tsv. */
int lj_rules_pair(struct lj_rules *r, const struct lj_tsv *t, struct lj_err *err);
int lj_rules_rule(struct lj_rules *r, const struct lj_tsv *t, struct lj_err *err);

#endif
