/* The table of logins.
 *
 * They live in this process's memory alone: the gateway's database role cannot write, and a login
 * is short-lived by design. The price: whoever is logged in must log in again when the gateway was
 * restarted, and several gateways behind one address need the proxy to keep a browser at one of
 * them. The gain: nothing that could be stolen from a disk, a backup or the database.
 *
 * A login carries a token of its own kind (role, unit, end), so that everything behind the routes
 * asks one thing whoever came. Ending a login revokes that token, which ends its streams; its
 * memory stays until the last request that points to it is over.
 *
 * A few hundred at most: looking one up is a walk, comparing hashes in constant time. */
#include "gateway/logins.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/who.h"

enum {
    LOGINS_MAX = 2048,
    PER_ACCOUNT = 16,
    EVENTS_A_SECOND = 20, /* what a person sends by hand, and a file of a few hundred lines */
    EVENTS_AT_ONCE = 500,
    STREAMS_EACH = 4, /* source: reliability, limits of the HTTP side */
};

struct lj_logins {
    struct lj_login *at[LOGINS_MAX];
    size_t n;
    int64_t idle_us, absolute_us;
    uint64_t mark;
};

static const struct {
    const char *word;
    uint8_t role;
} roles[] = {
    {"operator", LJ_TOKEN_OPERATOR},
    {"unit_admin", LJ_TOKEN_UNIT_ADMIN},
    {"observer", LJ_TOKEN_OBSERVER},
};

struct lj_logins *lj_logins_new(int64_t idle_us, int64_t absolute_us)
{
    struct lj_logins *l = calloc(1, sizeof *l);
    if (l) {
        l->idle_us = idle_us;
        l->absolute_us = absolute_us;
    }
    return l;
}

void lj_logins_free(struct lj_logins **lp)
{
    struct lj_logins *l = *lp;
    if (!l) {
        return;
    }
    *lp = NULL;
    for (size_t i = 0; i < l->n; i++) {
        free(l->at[i]);
    }
    free(l);
}

static void hash_of(const char *text, size_t len, uint8_t out[LJ_TOKEN_HASH])
{
    crypto_generichash(out, LJ_TOKEN_HASH, (const unsigned char *)text, len, NULL, 0);
}

static void end_oldest(struct lj_logins *l, const char *account)
{
    struct lj_login *oldest = NULL;
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct lj_login *x = l->at[i];
        if (!x->token.revoked && strcmp(x->account, account) == 0) {
            n++;
            oldest = !oldest || x->end_us < oldest->end_us ? x : oldest;
        }
    }
    if (n >= PER_ACCOUNT) {
        lj_logins_end(oldest);
    }
}

/* A person's roles, with commas between; false when one is none. */
static bool persons_of(const char *words, struct lj_token *t)
{
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, ",");
        enum lj_person role = lj_person_of(p, n);
        if (role == LJ_PERSON_NONE) {
            return false;
        }
        t->persons |= LJ_PERSON_BIT(role);
        p += n + (p[n] == ',');
    }
    t->role = t->persons == LJ_PERSON_BIT(LJ_PERSON_OBSERVER) ? LJ_TOKEN_OBSERVER : LJ_TOKEN_PERSON;
    return t->persons != 0;
}

static int role_of(const char *word, struct lj_login *login)
{
    bool known = false;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(roles[i].word, word) == 0) {
            login->token.role = roles[i].role;
            known = true;
        }
    }
    if (!known && !persons_of(word, &login->token)) {
        return -1;
    }
    (void)snprintf(login->role, sizeof login->role, "%s", word);
    return 0;
}

static void make_secret(char secret[LJ_LOGIN_SECRET + 1])
{
    unsigned char random[32];
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2base64(secret, LJ_LOGIN_SECRET + 1, random, sizeof random,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
}

int lj_logins_begin(struct lj_logins *l, const struct lj_account *a, int64_t mono_us,
                    int64_t wall_us, char secret[LJ_LOGIN_SECRET + 1], struct lj_login **ret,
                    struct lj_err *err)
{
    struct lj_login *x = calloc(1, sizeof *x);
    if (!x) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a login");
    }
    if (role_of(a->role, x) != 0) {
        free(x);
        return lj_fail(err, LJ_E_ARG, "the account has an unknown role");
    }
    end_oldest(l, a->login);
    lj_logins_sweep(l, mono_us);
    if (l->n == LOGINS_MAX) {
        free(x);
        return lj_fail(err, LJ_E_BUSY, "there are as many logins as there may be");
    }
    make_secret(secret);
    hash_of(secret, LJ_LOGIN_SECRET, x->hash);
    (void)snprintf(x->account, sizeof x->account, "%s", a->login);
    (void)snprintf(x->token.name, sizeof x->token.name, "%s", a->login);
    x->version = a->version;
    x->active_us = mono_us;
    x->end_us = mono_us + l->absolute_us;
    x->token.unit = a->unit;
    x->token.class = 1;
    x->token.rate = EVENTS_A_SECOND;
    x->token.burst = EVENTS_AT_ONCE;
    x->token.expires_at_us = wall_us + l->absolute_us;
    x->token.streams_max = STREAMS_EACH;
    l->at[l->n++] = x;
    *ret = x;
    return 0;
}

static bool is_over(const struct lj_logins *l, const struct lj_login *x, int64_t mono_us)
{
    return x->token.revoked || mono_us >= x->end_us || mono_us - x->active_us >= l->idle_us;
}

struct lj_login *lj_logins_find(struct lj_logins *l, const char *text, size_t len, int64_t mono_us)
{
    uint8_t hash[LJ_TOKEN_HASH];
    if (len != LJ_LOGIN_SECRET) {
        return NULL;
    }
    hash_of(text, len, hash);
    for (size_t i = 0; i < l->n; i++) {
        if (sodium_memcmp(l->at[i]->hash, hash, sizeof hash) == 0) {
            return is_over(l, l->at[i], mono_us) ? NULL : l->at[i];
        }
    }
    return NULL;
}

void lj_logins_hold(struct lj_login *login)
{
    login->refs++;
}

void lj_logins_release(struct lj_login *login)
{
    login->refs--;
}

void lj_logins_end(struct lj_login *login)
{
    login->token.revoked = true;
}

void lj_logins_sweep(struct lj_logins *l, int64_t mono_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct lj_login *x = l->at[i];
        x->token.revoked = is_over(l, x, mono_us);
        if (x->token.revoked && x->refs == 0) {
            free(x);
        } else {
            l->at[kept++] = x;
        }
    }
    l->n = kept;
}

size_t lj_logins_count(const struct lj_logins *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        n += !l->at[i]->token.revoked;
    }
    return n;
}

void lj_logins_confirm(struct lj_logins *l, const char *account, int64_t version)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->at[i]->version == version && strcmp(l->at[i]->account, account) == 0) {
            l->at[i]->mark = l->mark + 1;
        }
    }
}

void lj_logins_confirmed(struct lj_logins *l)
{
    l->mark++;
    for (size_t i = 0; i < l->n; i++) {
        if (l->at[i]->mark != l->mark) {
            lj_logins_end(l->at[i]);
        }
    }
}
