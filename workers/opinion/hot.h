#ifndef LJ_OPINION_HOT_H
#define LJ_OPINION_HOT_H
/* What a match needs of its entry, packed for the cache. Internal; part of struct lj_rules. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workers/opinion/classes.h"

struct lj_err;
struct lj_rules;

/* What entries that play the same part have in common. */
struct lj_word_role {
    struct lj_classes classes;
    int8_t kind; /* -1: a word only */
    uint8_t weight;
    bool evasive;
    bool mask;
    bool latin; /* begins or ends with a Latin letter: must not stand inside a longer word */
};

enum { LJ_ROLES_MAX = INT16_MAX };

struct lj_hot {
    uint16_t *role_of; /* by entry */
    struct lj_word_role *role;
    size_t roles; /* all of them; the second half is what the first ones are inside a term */
};

/* A role as it is inside a term. */
static inline uint16_t lj_inner_role(const struct lj_hot *h, uint16_t role)
{
    return (uint16_t)(role + h->roles / 2);
}

/* Packs the entries of r. On failure (LJ_E_NOMEM, LJ_E_CONFIG: too many roles) *ret is untouched.
 */
int lj_hot_build(const struct lj_rules *r, struct lj_hot *ret, struct lj_err *err);
void lj_hot_free(struct lj_hot *hot);

#endif
