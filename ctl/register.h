/* Events for the kind register that an operator sends, and what the register said of them. */
#ifndef LJ_CTL_REGISTER_H
#define LJ_CTL_REGISTER_H

#include <jansson.h>

#include "common/db.h"
#include "ctl/ctl.h"

enum { LJ_REGISTER_EVENTS = 8 };

struct lj_register_event {
    const char *type, *unit;
    json_t *payload; /* owned by the call; NULL = no memory */
};

/* Send up to LJ_REGISTER_EVENTS events in their order and wait until the register has judged them
 * all. c: role liangjin_control.
 * errors: LJ_E_STATE the register refuses one (its first reason in the text); LJ_E_TIMEOUT it has
 * not answered within --timeout; those of sending */
LJ_MUST int lj_register_send(const struct lj_ctl *ctl, PGconn *c,
                             const struct lj_register_event *events, size_t n, struct lj_err *err);
/* The same under the name of a person, which is the events' source. errors: LJ_E_ARG a name with
 * ':' or '@', or too long */
LJ_MUST int lj_register_send_as(const struct lj_ctl *ctl, PGconn *c, const char *name,
                                const struct lj_register_event *events, size_t n,
                                struct lj_err *err);

#endif
