/* The table of tokens.
 *
 * Secrets are never here: a request's text is hashed and the hash looked up, so what an attacker
 * could measure is the lookup of a hash he cannot choose. Open addressing over pointers keyed by
 * the hash's first eight bytes (uniform, so no further hash is needed); a token keeps its address
 * for the life of the process, because a revoked one may still be pointed at by a stream that is
 * being ended. The database hands out changes by a growing version, and revocations are changes:
 * nothing is ever removed, and a few hundred rows is what there is. */
#include "gateway/tokens.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/who.h"

struct lj_tokens {
    struct lj_token **slots; /* by hash */
    size_t cap, n;
};

struct lj_tokens *lj_tokens_new(void)
{
    struct lj_tokens *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    t->cap = 256;
    t->slots = calloc(t->cap, sizeof(struct lj_token *));
    if (!t->slots) {
        free(t);
        return NULL;
    }
    return t;
}

void lj_tokens_free(struct lj_tokens **tp)
{
    struct lj_tokens *t = *tp;
    if (!t) {
        return;
    }
    *tp = NULL;
    for (size_t i = 0; i < t->cap; i++) {
        free(t->slots[i]);
    }
    free(t->slots);
    free(t);
}

static struct lj_token **slot_of(struct lj_token **slots, size_t cap, const uint8_t *hash)
{
    uint64_t x;
    memcpy(&x, hash, sizeof x);
    size_t at = (size_t)x & (cap - 1);
    while (slots[at] && sodium_memcmp(slots[at]->hash, hash, LJ_TOKEN_HASH) != 0) {
        at = (at + 1) & (cap - 1);
    }
    return &slots[at];
}

static int grow(struct lj_tokens *t, struct lj_err *err)
{
    size_t cap = t->cap * 2;
    struct lj_token **slots = calloc(cap, sizeof(struct lj_token *));
    if (!slots) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu tokens", cap);
    }
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i]) {
            *slot_of(slots, cap, t->slots[i]->hash) = t->slots[i];
        }
    }
    free(t->slots);
    t->slots = slots;
    t->cap = cap;
    return 0;
}

int lj_tokens_put(struct lj_tokens *t, const struct lj_token *row, struct lj_err *err)
{
    struct lj_token **slot = slot_of(t->slots, t->cap, row->hash);
    if (*slot) {
        struct lj_bucket bucket = (*slot)->bucket;
        uint32_t streams = (*slot)->streams;
        **slot = *row;
        (*slot)->bucket = bucket;
        (*slot)->streams = streams;
        return 0;
    }
    if (t->n * 2 >= t->cap) {
        if (grow(t, err) != 0) {
            return LJ_E_NOMEM;
        }
        slot = slot_of(t->slots, t->cap, row->hash);
    }
    *slot = malloc(sizeof **slot);
    if (!*slot) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a token");
    }
    **slot = *row;
    t->n++;
    return 0;
}

size_t lj_tokens_count(const struct lj_tokens *t)
{
    return t->n;
}

bool lj_token_set_role(struct lj_token *t, const char *word)
{
    static const struct {
        const char *word;
        uint8_t role;
    } machines[] = {
        {"client", LJ_TOKEN_CLIENT},     {"centre", LJ_TOKEN_CENTRE},
        {"observer", LJ_TOKEN_OBSERVER}, {"operator", LJ_TOKEN_OPERATOR},
        {"metrics", LJ_TOKEN_METRICS},
    };
    enum lj_person person = lj_person_of(word, strlen(word));
    t->role = 0;
    t->persons = person != LJ_PERSON_NONE ? LJ_PERSON_BIT(person) : 0;
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        if (strcmp(word, machines[i].word) == 0) {
            t->role = machines[i].role;
        }
    }
    if (person != LJ_PERSON_NONE) {
        t->role = person == LJ_PERSON_OBSERVER ? LJ_TOKEN_OBSERVER : LJ_TOKEN_PERSON;
    }
    return t->role != 0;
}

bool lj_token_valid(const struct lj_token *t, int64_t now_us)
{
    return !t->revoked && now_us < t->expires_at_us;
}

struct lj_token *lj_tokens_find(struct lj_tokens *t, const char *text, size_t len, int64_t now_us)
{
    uint8_t hash[LJ_TOKEN_HASH];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)text, len, NULL, 0);
    struct lj_token *found = *slot_of(t->slots, t->cap, hash);
    return found && lj_token_valid(found, now_us) ? found : NULL;
}
