/* Requests to the broker's admin endpoint: JSON over ADMIN/ADMIN_REPLY (proto/PROTOCOL.md,
 * "admin"). */
#ifndef LJ_CTL_ADMIN_H
#define LJ_CTL_ADMIN_H

#include <jansson.h>
#include <stdint.h>

#include "common/err.h"

struct lj_admin;

/* A connection to RUN_DIR/admin.sock; does not wait for the broker. */
LJ_MUST int lj_admin_open(const char *run_dir, struct lj_admin **ret, struct lj_err *err);
void lj_admin_close(struct lj_admin **a);

/* Ask and wait at most timeout_ms for the answer with ok = true.
 * owner:  takes request; *ret is the caller's (json_decref)
 * errors: LJ_E_BROKER_AWAY when nobody answers; a refusal gives the broker's own code (or
 * LJ_E_STATE) and its detail */
LJ_MUST int lj_admin_call(struct lj_admin *a, json_t *request, int timeout_ms, json_t **ret,
                          struct lj_err *err);

/* Without waiting: send a status request when none is on its way, and take an answer that has come.
 * Returns 1 and *ret when one came, else 0. For the status line of `ljctl up`. */
int lj_admin_poll_status(struct lj_admin *a, json_t **ret);

#endif
