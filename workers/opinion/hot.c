/*
 * The part of the entries that every match touches, packed.
 *
 * An entry with its name and 256 classes is wider than a cache line, and there are some twenty
 * thousand: a text's matches would miss the cache each. Most entries share their set of classes
 * with many others, so a set is kept once, and an entry is eight bytes with the number of its set.
 *
 * Guarantees: built once, then read only.
 */
#include "workers/opinion/hot.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/rules.h"

enum { SLOTS = 1 << 16 };

static uint32_t slot_of(const struct lj_classes *c)
{
    uint64_t h = 0;
    for (unsigned i = 0; i < LJ_W_MAX / 64; i++)
        h = (h ^ c->w[i]) * UINT64_C(0x9E3779B97F4A7C15) + (h >> 32);
    return (uint32_t)(h >> 48);
}

/* The number of a set, added when it is new. slot holds 1 + a set's number. */
static uint16_t number_of(struct lj_hot *hot, uint16_t *slot, const struct lj_classes *c)
{
    uint32_t i = slot_of(c);
    for (; slot[i]; i = (i + 1) % SLOTS) {
        if (memcmp(&hot->set[slot[i] - 1], c, sizeof *c) == 0)
            return (uint16_t)(slot[i] - 1);
    }
    hot->set[hot->sets] = *c;
    slot[i] = (uint16_t)++hot->sets;
    return (uint16_t)(hot->sets - 1);
}

int lj_hot_build(const struct lj_rules *r, struct lj_hot *ret, struct lj_err *err)
{
    struct lj_hot hot = {0};
    uint16_t *slot = calloc(SLOTS, sizeof *slot);
    hot.entry = calloc(r->entry_count + 1, sizeof *hot.entry);
    hot.set = calloc(2 * r->entry_count + 1, sizeof *hot.set);
    if (!slot || !hot.entry || !hot.set) {
        free(slot);
        lj_hot_free(&hot);
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu packed entries", r->entry_count);
    }
    for (size_t i = 0; i < r->entry_count; i++) {
        const struct lj_entry *e = &r->entries[i];
        hot.entry[i] = (struct lj_hot_entry){
            .set = number_of(&hot, slot, &e->classes),
            .kind = e->kind,
            .evasive = e->evasive,
            .mask = (e->classes.w[0] & LJ_BIT(MASK)) != 0,
            .latin = e->latin,
        };
    }
    free(slot);
    for (size_t i = 0; i < hot.sets; i++) {
        hot.set[hot.sets + i] = hot.set[i];
        hot.set[hot.sets + i].w[0] &= ~LJ_SCOPE_BITS;
    }
    *ret = hot;
    return 0;
}

void lj_hot_free(struct lj_hot *hot)
{
    free(hot->entry);
    free(hot->set);
    *hot = (struct lj_hot){0};
}
