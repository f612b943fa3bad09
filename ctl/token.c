/* Tokens: 32 random bytes as text; the database keeps BLAKE2b-256 of the text.
 *
 * A fast hash is right here: the secret has 256 random bits, so there is nothing to guess, and a
 * gateway hashes one with every request. The prefix "ljt_" lets secret scanners find one that
 * slipped into a repository. */
#include "ctl/token.h"

#include <sodium.h>
#include <string.h>

int lj_token_make(char ret[LJ_TOKEN_TEXT + 1], struct lj_err *err)
{
    unsigned char random[32];
    if (sodium_init() < 0)
        return lj_fail(err, LJ_E_IO, "libsodium does not start");
    randombytes_buf(random, sizeof random);
    (void)snprintf(ret, LJ_TOKEN_TEXT + 1, "ljt_");
    (void)sodium_bin2base64(ret + 4, LJ_TOKEN_TEXT - 4 + 1, random, sizeof random,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
    return 0;
}

int lj_token_store(PGconn *c, const struct lj_token_spec *spec, const char *secret,
                   struct lj_err *err)
{
    unsigned char hash[32];
    char hex[2 + sizeof hash * 2 + 1];
    char numbers[3][24];
    char expires[40];
    if (sodium_init() < 0)
        return lj_fail(err, LJ_E_IO, "libsodium does not start");
    (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)secret, strlen(secret), NULL,
                             0);
    (void)snprintf(hex, sizeof hex, "\\x");
    (void)sodium_bin2hex(hex + 2, sizeof hex - 2, hash, sizeof hash);
    (void)snprintf(numbers[0], sizeof numbers[0], "%d", spec->class);
    (void)snprintf(numbers[1], sizeof numbers[1], "%lld", (long long)spec->rate);
    (void)snprintf(numbers[2], sizeof numbers[2], "%lld", (long long)spec->burst);
    (void)snprintf(expires, sizeof expires, "%lld days", (long long)spec->expires_days);
    const char *params[] = {
        spec->name, hex,        spec->unit, spec->role,
        numbers[0], numbers[1], numbers[2], spec->expires_days ? expires : NULL};
    PGresult *r = NULL;
    struct lj_err why = {0};
    int rc = lj_dbs_query(c,
                          "select liangjin.create_token($1, $2::bytea, $3, $4, $5::int2, $6::int4, "
                          "$7::int4, now() + $8::interval)",
                          8, params, &r, &why);
    PQclear(r);
    if (rc == 0)
        return 0;
    if (strcmp(why.sqlstate, "23505") == 0)
        return lj_fail(err, LJ_E_STATE,
                       "there is (or was) a token \"%.40s\" already; names are not used twice",
                       spec->name);
    if (strcmp(why.sqlstate, "23514") == 0)
        return lj_fail(err, LJ_E_ARG,
                       "\"%.40s\" is no token name: a-z, 0-9, '.', '_', '-', at most 32, a letter "
                       "or digit first",
                       spec->name);
    if (err)
        *err = why;
    return rc;
}
