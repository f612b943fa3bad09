/* How often may somebody be wrong?
 *
 * For each key the times of its last `max` attempts are kept: one more is allowed when the oldest
 * of them has left the window. So the promise "no more than max in any window" holds exactly, which
 * a bucket or a fixed window would not give. An attempt is counted when it begins and taken back
 * when it succeeds: many at once cannot slip past a count that is written only afterwards.
 *
 * Memory is fixed: cap keys. When a new one finds no room the one that was quiet longest is
 * forgotten; to push a key out so, somebody needs cap other keys, and the count by address that
 * stands beside the one by account bounds how many of those one address can make. Keys are kept as
 * keyed hashes: their place cannot be chosen from outside, and no account name is kept. */
#include "gateway/attempts.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t key; /* 0 = free */
    int64_t last_us;
    size_t next; /* of the ring of times */
};

struct lj_attempts {
    size_t cap, max;
    int64_t window_us;
    unsigned char secret[crypto_shorthash_KEYBYTES];
    struct entry *entries;
    int64_t *times; /* max a key; 0 = none */
};

struct lj_attempts *lj_attempts_new(size_t cap, size_t max, int64_t window_us)
{
    struct lj_attempts *a = calloc(1, sizeof *a);
    if (!a) {
        return NULL;
    }
    *a = (struct lj_attempts){.cap = cap, .max = max, .window_us = window_us};
    a->entries = calloc(cap, sizeof *a->entries);
    a->times = calloc(cap * max, sizeof *a->times);
    if (!a->entries || !a->times) {
        lj_attempts_free(&a);
        return NULL;
    }
    crypto_shorthash_keygen(a->secret);
    return a;
}

void lj_attempts_free(struct lj_attempts **ap)
{
    struct lj_attempts *a = *ap;
    if (!a) {
        return;
    }
    *ap = NULL;
    free(a->entries);
    free(a->times);
    free(a);
}

static uint64_t key_of(const struct lj_attempts *a, const char *text)
{
    uint64_t x = 0;
    crypto_shorthash((unsigned char *)&x, (const unsigned char *)text, strlen(text), a->secret);
    return x ? x : 1;
}

static struct entry *find(struct lj_attempts *a, uint64_t key)
{
    for (size_t i = 0; i < a->cap; i++) {
        if (a->entries[i].key == key) {
            return &a->entries[i];
        }
    }
    return NULL;
}

static struct entry *quietest(struct lj_attempts *a)
{
    struct entry *best = &a->entries[0];
    for (size_t i = 0; i < a->cap && best->key; i++) {
        if (!a->entries[i].key || a->entries[i].last_us < best->last_us) {
            best = &a->entries[i];
        }
    }
    return best;
}

static int64_t *times_of(struct lj_attempts *a, const struct entry *e)
{
    return a->times + (size_t)(e - a->entries) * a->max;
}

unsigned lj_attempts_add(struct lj_attempts *a, const char *text, int64_t now_us)
{
    uint64_t key = key_of(a, text);
    struct entry *e = find(a, key);
    if (!e) {
        e = quietest(a);
        *e = (struct entry){.key = key};
        memset(times_of(a, e), 0, a->max * sizeof(int64_t));
    }
    int64_t *t = times_of(a, e);
    int64_t oldest_us = t[e->next];
    if (oldest_us && now_us - oldest_us < a->window_us) {
        int64_t wait_us = a->window_us - (now_us - oldest_us);
        return (unsigned)((wait_us + 999999) / 1000000);
    }
    t[e->next] = now_us;
    e->next = (e->next + 1) % a->max;
    e->last_us = now_us;
    return 0;
}

void lj_attempts_undo(struct lj_attempts *a, const char *text)
{
    struct entry *e = find(a, key_of(a, text));
    if (e) {
        e->next = (e->next + a->max - 1) % a->max;
        times_of(a, e)[e->next] = 0;
    }
}

void lj_attempts_clear(struct lj_attempts *a, const char *text)
{
    struct entry *e = find(a, key_of(a, text));
    if (e) {
        *e = (struct entry){0};
    }
}
