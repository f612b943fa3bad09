/* Loading proto/event_types.tsv into the tables event_type and want. */
#ifndef LJ_CTL_EVENT_TYPES_H
#define LJ_CTL_EVENT_TYPES_H

#include "common/db.h"

/* Over a superuser's connection, in one transaction; idempotent. report (may be NULL) hears of
 * kinds that the table names and this database has not. *ret = number of types. errors: LJ_E_CONFIG
 * for a malformed line, else the database's */
LJ_MUST int lj_event_types_load(PGconn *c,
                                void (*report)(const char *name, const char *why, void *arg),
                                void *arg, int *ret, struct lj_err *err);

#endif
