/* Logins: what a browser holds after it has given a password. Only hashes of their secrets are
 * here. */
#ifndef LJ_GATEWAY_LOGINS_H
#define LJ_GATEWAY_LOGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "gateway/tokens.h"

enum {
    LJ_LOGIN_SECRET = 43, /* 32 random bytes in base64url without padding */
    LJ_ACCOUNT_MAX = 32,
    LJ_ROLES_TEXT = 80, /* of a person up to four, with commas between */
};

struct lj_login {
    uint8_t hash[LJ_TOKEN_HASH];
    struct lj_token token; /* what handlers and streams ask; revoked when the login has ended */
    int64_t version;       /* of the account when it began */
    int64_t active_us;     /* monotonic: last sign of a person */
    int64_t end_us;        /* monotonic: whatever happens */
    uint32_t refs;         /* requests that point here: it is freed when there is none */
    uint64_t mark;         /* lj_logins_confirm */
    char account[LJ_ACCOUNT_MAX + 1];
    char role[LJ_ROLES_TEXT + 1]; /* a machine's role, or a person's with commas between */
};

struct lj_account {
    const char *login, *role;
    int16_t unit;
    int64_t version;
};

struct lj_logins;
struct lj_logins *lj_logins_new(int64_t idle_us, int64_t absolute_us);
void lj_logins_free(struct lj_logins **l); /* no request may point to one any more */

/* A new login; secret gets the text for the cookie. The oldest of the account ends when it has too
 * many. errors: LJ_E_ARG the role is none of an account; LJ_E_BUSY as many as there may be;
 * LJ_E_NOMEM */
LJ_MUST int lj_logins_begin(struct lj_logins *l, const struct lj_account *a, int64_t mono_us,
                            int64_t wall_us, char secret[LJ_LOGIN_SECRET + 1],
                            struct lj_login **ret, struct lj_err *err);
/* The valid login of a cookie's text, NULL if there is none; says nothing about a person. */
struct lj_login *lj_logins_find(struct lj_logins *l, const char *text, size_t len, int64_t mono_us);
void lj_logins_hold(struct lj_login *login);
void lj_logins_release(struct lj_login *login); /* a sweep frees it */
void lj_logins_end(struct lj_login *login);
/* End what is too old or idle, free what has ended and is not pointed at. */
void lj_logins_sweep(struct lj_logins *l, int64_t mono_us);
size_t lj_logins_count(const struct lj_logins *l); /* valid ones */

/* What the database says of all accounts: confirm each, then end the logins of accounts that are
 * gone or have changed. */
void lj_logins_confirm(struct lj_logins *l, const char *account, int64_t version);
void lj_logins_confirmed(struct lj_logins *l);

#endif
