/* Rules that look at settings, photos and persons; called by the table in rules.c. */
#ifndef LJ_WORKERS_VALIDATION_RULES_MORE_H
#define LJ_WORKERS_VALIDATION_RULES_MORE_H

#include "workers/validation/case.h"

void lj_rule_v13(struct lj_case *c);
void lj_rule_v15(struct lj_case *c);
void lj_rule_v17(struct lj_case *c);
void lj_rule_v24(struct lj_case *c);
void lj_rule_v25(struct lj_case *c);
void lj_rule_v26(struct lj_case *c);
void lj_rule_v28(struct lj_case *c);
void lj_rule_v36(struct lj_case *c);
void lj_rule_v37(struct lj_case *c);

#endif
