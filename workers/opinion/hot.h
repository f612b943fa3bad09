#ifndef LJ_OPINION_HOT_H
#define LJ_OPINION_HOT_H
/* What a match needs of its entry, packed for the cache. Internal; part of struct lj_rules. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lj_classes;
struct lj_err;
struct lj_rules;

struct lj_hot_entry {
    uint16_t set; /* index into lj_hot.set */
    int8_t kind;  /* -1: a word only */
    bool evasive;
    bool mask;
    bool latin; /* begins or ends with a Latin letter: must not stand inside a longer word */
};

struct lj_hot {
    struct lj_hot_entry *entry; /* by entry */
    struct lj_classes *set;     /* each set of classes once, then each as it is inside a term */
    size_t sets;                /* without the second ones */
};

/* Classes of an entry, as a number: with inner those that it has inside a term. */
static inline uint32_t lj_hot_set(const struct lj_hot *h, const struct lj_hot_entry *e, bool inner)
{
    return e->set + (inner ? (uint32_t)h->sets : 0);
}

/* Packs the entries of r. On failure (LJ_E_NOMEM) *ret is untouched. */
int lj_hot_build(const struct lj_rules *r, struct lj_hot *ret, struct lj_err *err);
void lj_hot_free(struct lj_hot *hot);

#endif
