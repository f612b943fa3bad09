/* Logging in: the desk that checks passwords and keeps the logins. */
#ifndef LJ_GATEWAY_LOGIN_H
#define LJ_GATEWAY_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http.h"
#include "gateway/logins.h"

struct lj_desk;

struct lj_gateway;

/* owner: borrows g, whose loop and query link it uses. errors: LJ_E_NOMEM */
LJ_MUST int lj_desk_open(struct lj_gateway *g, struct lj_desk **ret, struct lj_err *err);
/* When the loop has ended. */
void lj_desk_free(struct lj_desk **d);
/* Called every 50 ms: ends what is over, asks once a second whether accounts are what they were. */
void lj_desk_tick(struct lj_desk *d, int64_t mono_us);
size_t lj_desk_logins(const struct lj_desk *d);

/* The login of a request's cookie, NULL when there is none. */
struct lj_login *lj_desk_login(struct lj_desk *d, struct lj_req *rq);
/* Does the request come from a page of this server? For one that changes something (strict) there
 * must be proof; else it is enough that nothing says the contrary. */
bool lj_same_origin(struct lj_req *rq, bool strict);

#endif
