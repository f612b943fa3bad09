/* Accounts of the dashboard: passwords, their hashes, storing them. */
#ifndef LJ_CTL_ACCOUNT_H
#define LJ_CTL_ACCOUNT_H

#include "common/db.h"

enum {
    LJ_PASSWORD_MIN = 10,
    LJ_PASSWORD_MAX = 128, /* bytes; what the gateway takes */
    LJ_PASSWORD_MADE = 22, /* characters of a made one: 128 random bits */
};

/* A random password. errors: LJ_E_IO without random bytes. */
LJ_MUST int lj_password_make(char ret[LJ_PASSWORD_MADE + 1], struct lj_err *err);
/* Argon2id of it, stored for a new account (role liangjin_control).
 * errors: LJ_E_STATE the login is taken; LJ_E_ARG bad login, unit, role or password; LJ_E_NOMEM */
LJ_MUST int lj_account_create(PGconn *c, const char *login, const char *unit, const char *role,
                              const char *password, struct lj_err *err);
/* The same for one that is there. */
LJ_MUST int lj_account_password(PGconn *c, const char *login, const char *password,
                                struct lj_err *err);

#endif
