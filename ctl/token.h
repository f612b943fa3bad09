/* Access tokens: making the secret, its hash, and storing it. */
#ifndef LJ_CTL_TOKEN_H
#define LJ_CTL_TOKEN_H

#include "common/db.h"

enum { LJ_TOKEN_TEXT = 4 + 43 }; /* "ljt_" + 32 random bytes in base64url without padding */

struct lj_token_spec {
    const char *name, *unit, *role;
    int class;
    int64_t rate, burst, expires_days; /* expires_days 0 = never */
};

/* A new secret. errors: LJ_E_IO without random bytes. */
LJ_MUST int lj_token_make(char ret[LJ_TOKEN_TEXT + 1], struct lj_err *err);
/* Store the hash of secret under spec (role liangjin_control). errors: LJ_E_STATE when the name is
 * taken; LJ_E_ARG for a bad name or unit. */
LJ_MUST int lj_token_store(PGconn *c, const struct lj_token_spec *spec, const char *secret,
                           struct lj_err *err);

#endif
