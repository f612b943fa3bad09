/* The current versions of the activities that a batch is about. */
#ifndef LJ_WORKERS_VALIDATION_CURRENT_H
#define LJ_WORKERS_VALIDATION_CURRENT_H

#include "workers/validation/case.h"

/* Asks for `current` of every correction and withdrawal with a well-formed activity; it is filled
 * by the next lj_fetch_run (a case without a row stays unknown). owner: borrows `want` and its
 * cases until then. errors: LJ_E_DB_LOST, LJ_E_NOMEM */
struct lj_current_want {
    struct lj_case *cases;
    size_t count;
};
LJ_MUST int lj_current_need(struct lj_fetch *reader, struct lj_current_want *want,
                            struct lj_err *err);

#endif
