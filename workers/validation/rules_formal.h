/* Signs of formalism and of high input for low output that one report shows by itself (X01-X05,
 * X07, X15, X18); called by the table in rules.c. */
#ifndef LJ_WORKERS_VALIDATION_RULES_FORMAL_H
#define LJ_WORKERS_VALIDATION_RULES_FORMAL_H

#include "workers/validation/case.h"

/* Adds a flag for each sign. */
void lj_rules_formal(struct lj_case *c);

#endif
