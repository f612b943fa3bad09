/* The current versions of the activities that a batch is about. */
#ifndef LJ_WORKERS_VALIDATION_CURRENT_H
#define LJ_WORKERS_VALIDATION_CURRENT_H

#include "workers/validation/case.h"

/* Fills `current` of every correction and withdrawal with a well-formed activity, in one query; a
 * case without one is unknown. errors: LJ_E_DB_LOST, LJ_E_DB_SYSTEM, LJ_E_NOMEM */
LJ_MUST int lj_current_fetch(PGconn *pg, struct lj_case *cases, size_t count, struct lj_err *err);

#endif
