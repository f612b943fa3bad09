/* Bearer tokens: a table of their hashes, fed with changes from the database. */
#ifndef LJ_GATEWAY_TOKENS_H
#define LJ_GATEWAY_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "gateway/bucket.h"

#define LJ_TOKEN_HASH 32 /* BLAKE2b-256 of the token's text */

enum lj_token_role {
    LJ_TOKEN_CLIENT = 1,
    LJ_TOKEN_CENTRE = 2,
    LJ_TOKEN_OBSERVER = 4,
    LJ_TOKEN_OPERATOR = 8,
    LJ_TOKEN_METRICS = 16,
    LJ_TOKEN_UNIT_ADMIN = 32, /* of a login only (logins.h) */
    LJ_TOKEN_PERSON = 64      /* has roles of persons (`persons`), and sends by them */
};

/* One token; stays at its address as long as the table, also when revoked (requests and streams
 * point to it). */
struct lj_token {
    uint8_t hash[LJ_TOKEN_HASH];
    int64_t expires_at_us; /* wall clock; INT64_MAX = never */
    int32_t id;
    int32_t rate, burst;
    int16_t unit;
    uint8_t role;     /* enum lj_token_role */
    uint32_t persons; /* LJ_PERSON_BIT of common/who.h, 0 = a machine */
    uint8_t class;
    bool revoked;
    char name[33];
    /* the gateway's own: */
    struct lj_bucket bucket;
    uint32_t streams, streams_max; /* 0 = as the option says */
};

struct lj_tokens;
struct lj_tokens *lj_tokens_new(void);
void lj_tokens_free(struct lj_tokens **t);
/* A row of auth_tokens(): new, or the present state of one known by its hash (a token's text never
 * changes). errors: LJ_E_NOMEM */
LJ_MUST int lj_tokens_put(struct lj_tokens *t, const struct lj_token *row, struct lj_err *err);
size_t lj_tokens_count(const struct lj_tokens *t);
/* Sets role and persons by a word: one of a machine's roles, or a person's. False when it is no
 * role. */
bool lj_token_set_role(struct lj_token *t, const char *word);

/* The valid token of a text, NULL if there is none. Only hashes are compared: time says nothing
 * about a token's bytes. */
struct lj_token *lj_tokens_find(struct lj_tokens *t, const char *text, size_t len, int64_t now_us);
bool lj_token_valid(const struct lj_token *t, int64_t now_us);

#endif
