/* Bringing a database to this version of the program. */
#ifndef LJ_CTL_MIGRATE_H
#define LJ_CTL_MIGRATE_H

#include "common/db.h"

struct lj_migration_plan {
    int migrations, functions, types; /* what was (would be) applied */
};

/* Apply what is missing over a superuser's connection to the database.
 * report: called for every file applied (or, with dry_run, that would be), may be NULL
 * errors: LJ_E_STATE when an applied migration's text changed or the database is newer than the
 * program; LJ_E_DB_DATA with file and line */
LJ_MUST int lj_migrate(PGconn *c, int dry_run,
                       void (*report)(const char *name, const char *why, void *arg), void *arg,
                       struct lj_migration_plan *ret, struct lj_err *err);

#endif
