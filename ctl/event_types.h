/* Loading proto/event_types.tsv into the tables event_type and want. */
#ifndef LJ_CTL_EVENT_TYPES_H
#define LJ_CTL_EVENT_TYPES_H

#include "common/db.h"

/* Over a superuser's connection, in one transaction; idempotent. *ret = number of types.
 * errors: LJ_E_CONFIG for a malformed line or a kind that this database has not, else the
 * database's */
LJ_MUST int lj_event_types_load(PGconn *c, int *ret, struct lj_err *err);

#endif
