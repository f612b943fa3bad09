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
};

struct lj_hot {
    struct lj_hot_entry *entry; /* by entry */
    struct lj_classes *set;     /* each set of classes once */
    size_t sets;
};

/* Packs the entries of r. On failure (LJ_E_NOMEM) *ret is untouched. */
int lj_hot_build(const struct lj_rules *r, struct lj_hot *ret, struct lj_err *err);
void lj_hot_free(struct lj_hot *hot);

#endif
