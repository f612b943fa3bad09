/* Accounts: Argon2id at libsodium's interactive cost (64 MiB), which is also what the gateway pays
 * for checking one.
 *
 * A password chosen by a person has few bits, so unlike a token's it gets a slow hash with a salt.
 * The hash is computed here and only its text goes to the database: no statement, log or command
 * line ever holds a password. A made password is 128 random bits in base64url. Length is all that
 * is asked of one given by hand: longer is what helps, and rules about kinds of characters do not.
 */
#include "ctl/account.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int lj_password_make(char ret[LJ_PASSWORD_MADE + 1], struct lj_err *err)
{
    unsigned char random[16];
    if (sodium_init() < 0)
        return lj_fail(err, LJ_E_IO, "libsodium does not start");
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2base64(ret, LJ_PASSWORD_MADE + 1, random, sizeof random,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
    return 0;
}

static int hash_of(const char *password, char ret[crypto_pwhash_STRBYTES], struct lj_err *err)
{
    size_t n = strlen(password);
    if (n < LJ_PASSWORD_MIN || n > LJ_PASSWORD_MAX)
        return lj_fail(err, LJ_E_ARG, "a password has %d to %d bytes", LJ_PASSWORD_MIN,
                       LJ_PASSWORD_MAX);
    if (sodium_init() < 0)
        return lj_fail(err, LJ_E_IO, "libsodium does not start");
    if (crypto_pwhash_str(ret, password, n, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the password's hash (64 MiB)");
    return 0;
}

int lj_account_create(PGconn *c, const char *login, const char *unit, const char *role,
                      const char *password, struct lj_err *err)
{
    char hash[crypto_pwhash_STRBYTES];
    PGresult *r = NULL;
    struct lj_err why = {0};
    int rc = hash_of(password, hash, err);
    if (rc)
        return rc;
    const char *params[] = {login, unit, role, hash};
    rc = lj_dbs_query(c, "select liangjin.create_account($1, $2, $3, $4)", 4, params, &r, &why);
    PQclear(r);
    if (rc == 0)
        return 0;
    if (strcmp(why.sqlstate, "23505") == 0)
        return lj_fail(err, LJ_E_STATE, "there is an account \"%.40s\" already", login);
    if (strcmp(why.sqlstate, "23514") == 0)
        return lj_fail(err, LJ_E_ARG,
                       "\"%.40s\" or its role is not possible: a login has 4 to 32 of a-z, 0-9, "
                       "'_', a letter first; roles are operator, unit_admin, observer",
                       login);
    *err = why;
    return rc;
}

int lj_account_password(PGconn *c, const char *login, const char *password, struct lj_err *err)
{
    char hash[crypto_pwhash_STRBYTES];
    PGresult *r = NULL;
    int rc = hash_of(password, hash, err);
    const char *params[] = {login, hash};
    if (rc == 0)
        rc = lj_dbs_query(c, "select liangjin.set_account_hash($1, $2)", 2, params, &r, err);
    PQclear(r);
    return rc;
}
