/*
 * The part of the entries that every match touches, packed.
 *
 * An entry with its name and 256 classes is wider than a cache line, and there are some fifty
 * thousand: a text's matches would miss the cache each. Most entries play the same part as many
 * others, and there are some hundred different ones: a role is kept once, and an entry is two bytes
 * with the number of its role.
 *
 * Guarantees: built once, then read only.
 */
#include "workers/opinion/hot.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/rules.h"

enum { SLOTS = 1 << 16 };

static uint32_t slot_of(const struct lj_word_role *r)
{
    uint64_t h = (uint8_t)r->kind | (uint64_t)r->weight << 8 | (uint64_t)r->evasive << 16 |
                 (uint64_t)r->latin << 17;
    for (unsigned i = 0; i < LJ_W_MAX / 64; i++)
        h = (h ^ r->classes.w[i]) * UINT64_C(0x9E3779B97F4A7C15) + (h >> 32);
    return (uint32_t)(h >> 48);
}

static bool same(const struct lj_word_role *a, const struct lj_word_role *b)
{
    return memcmp(&a->classes, &b->classes, sizeof a->classes) == 0 && a->kind == b->kind &&
           a->weight == b->weight && a->evasive == b->evasive && a->latin == b->latin;
}

/* The number of a role, added when it is new. slot holds 1 + a role's number. */
static uint16_t number_of(struct lj_hot *hot, uint16_t *slot, const struct lj_word_role *r)
{
    uint32_t i = slot_of(r);
    for (; slot[i]; i = (i + 1) % SLOTS) {
        if (same(&hot->role[slot[i] - 1], r))
            return (uint16_t)(slot[i] - 1);
    }
    hot->role[hot->roles] = *r;
    slot[i] = (uint16_t)++hot->roles;
    return (uint16_t)(hot->roles - 1);
}

int lj_hot_build(const struct lj_rules *r, struct lj_hot *ret, struct lj_err *err)
{
    struct lj_hot hot = {0};
    uint16_t *slot = calloc(SLOTS, sizeof *slot);
    hot.role_of = calloc(r->entry_count + 1, sizeof *hot.role_of);
    hot.role = calloc(2 * r->entry_count + 1, sizeof *hot.role);
    if (!slot || !hot.role_of || !hot.role) {
        free(slot);
        lj_hot_free(&hot);
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu packed entries", r->entry_count);
    }
    for (size_t i = 0; i < r->entry_count; i++) {
        const struct lj_entry *e = &r->entries[i];
        const struct lj_word_role role = {
            .classes = e->classes,
            .kind = e->kind,
            .weight = e->kind < 0 ? 0 : e->weight,
            .evasive = e->evasive,
            .mask = (e->classes.w[0] & LJ_BIT(MASK)) != 0,
            .latin = e->latin,
        };
        hot.role_of[i] = number_of(&hot, slot, &role);
    }
    free(slot);
    if (2 * hot.roles > LJ_ROLES_MAX) {
        lj_hot_free(&hot);
        return lj_fail(err, LJ_E_CONFIG, "the entries play too many different parts");
    }
    for (size_t i = 0; i < hot.roles; i++) {
        hot.role[hot.roles + i] = hot.role[i];
        hot.role[hot.roles + i].classes.w[0] &= ~LJ_SCOPE_BITS;
    }
    hot.roles *= 2;
    *ret = hot;
    return 0;
}

void lj_hot_free(struct lj_hot *hot)
{
    free(hot->role_of);
    free(hot->role);
    *hot = (struct lj_hot){0};
}
