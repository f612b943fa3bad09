/* A database connection that is opened again whenever it is lost. */
#ifndef LJ_GATEWAY_LINK_H
#define LJ_GATEWAY_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/db.h"

struct lj_link;

/* name: application_name, and in the log. up (may be NULL) is called each time the connection is
 * ready. owner: borrows loop, dsn and name for its whole life. errors: LJ_E_NOMEM; an unreachable
 * database is no error here. */
LJ_MUST int lj_link_open(uv_loop_t *loop, const char *dsn, const char *name, void (*up)(void *arg),
                         void *arg, struct lj_link **ret, struct lj_err *err);
/* The connection when it is ready, else NULL. Ask each time: it changes. */
struct lj_db *lj_link_db(struct lj_link *l);
uint64_t lj_link_losses(const struct lj_link *l);
/* *l = NULL at once; what is in flight gets LJ_E_DB_LOST; cb when all handles are gone. */
void lj_link_close(struct lj_link **l, void (*cb)(void *arg), void *arg);

#endif
