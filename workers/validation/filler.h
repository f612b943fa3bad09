/* Which teams an account files for, where it does not file for all of its unit. */
#ifndef LJ_WORKERS_VALIDATION_FILLER_H
#define LJ_WORKERS_VALIDATION_FILLER_H

#include "workers/validation/current.h"

/* Asks for `own` of every report, correction and withdrawal; filled by the next lj_fetch_run.
 * owner: borrows `want` and its cases until then. errors: LJ_E_DB_LOST, LJ_E_NOMEM */
LJ_MUST int lj_filler_need(struct lj_fetch *reader, struct lj_current_want *want,
                           struct lj_err *err);

/* R08: a filler's own teams alone. Pure. */
void lj_rule_filler(struct lj_case *c);

#endif
