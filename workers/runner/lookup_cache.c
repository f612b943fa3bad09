/* The cache of register rows, by code.
 *
 * A hash table with open addressing over an array of entries; an entry's number is its place, so a
 * batch hashes each code once and then works with numbers. Entries are never removed one by one:
 * when there are too many, all are forgotten between two batches (lj_lookup_begin), which costs one
 * batch of reads and needs no order of use to be kept.
 *
 * Guarantees: an entry that is HELD has every version that the register had at the closure `seen`;
 * codes that are not in the register are held too (with no row), so that a client who repeats a
 * wrong code costs no read.
 */
#include <stdlib.h>
#include <string.h>

#include "workers/runner/lookup_part.h"

void *lj_list_add(struct lj_list *l, struct lj_err *err)
{
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        void *data = reallocarray(l->data, cap, l->size);
        if (!data) {
            (void)lj_fail(err, LJ_E_NOMEM, "no memory for %zu register rows", cap);
            return NULL;
        }
        l->data = data;
        l->cap = cap;
    }
    void *at = (char *)l->data + l->count++ * l->size;
    memset(at, 0, l->size);
    return at;
}

struct lj_entry *lj_cache_at(const struct lj_lookup *lk, uint32_t entry)
{
    return (struct lj_entry *)lk->entries.data + entry;
}

/* FNV-1a; the table is never filled by one client alone for longer than until the next reset. */
static uint64_t hash(enum lj_lookup_what what, const struct lj_ref *ref)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)what;
    for (const char *c = ref->unit; *c; c++)
        h = (h ^ (unsigned char)*c) * UINT64_C(1099511628211);
    h *= UINT64_C(1099511628211);
    for (const char *c = ref->code; *c; c++)
        h = (h ^ (unsigned char)*c) * UINT64_C(1099511628211);
    return h ^ (h >> 32);
}

/* The slot of a reference: its own, or the free one where it would go. */
static uint32_t *slot_of(const struct lj_lookup *lk, enum lj_lookup_what what,
                         const struct lj_ref *ref)
{
    size_t mask = lk->nslots - 1;
    for (size_t i = hash(what, ref) & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &lk->slots[i];
        const struct lj_entry *e = lj_cache_at(lk, *slot);
        if (*slot == 0 || (e->what == what && strcmp(e->ref.code, ref->code) == 0 &&
                           strcmp(e->ref.unit, ref->unit) == 0))
            return slot;
    }
}

static int grow(struct lj_lookup *lk, struct lj_err *err)
{
    enum { SLOTS_MIN = 1024 };
    size_t n = lk->nslots ? lk->nslots * 2 : SLOTS_MIN;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu register codes", n);
    free(lk->slots);
    lk->slots = slots;
    lk->nslots = n;
    for (uint32_t i = 1; i < lk->entries.count; i++) {
        const struct lj_entry *e = lj_cache_at(lk, i);
        *slot_of(lk, (enum lj_lookup_what)e->what, &e->ref) = i;
    }
    return 0;
}

uint32_t lj_cache_find(const struct lj_lookup *lk, enum lj_lookup_what what,
                       const struct lj_ref *ref)
{
    return lk->nslots ? *slot_of(lk, what, ref) : 0;
}

uint32_t lj_cache_entry(struct lj_lookup *lk, enum lj_lookup_what what, const struct lj_ref *ref,
                        struct lj_err *err)
{
    if (lk->entries.count == 0 && !lj_list_add(&lk->entries, err)) /* number 0 is none */
        return 0;
    if (lk->entries.count * 2 >= lk->nslots && grow(lk, err) < 0)
        return 0;
    uint32_t *slot = slot_of(lk, what, ref);
    if (*slot)
        /* cppcheck-suppress identicalInnerCondition ; it takes lists that grow for constants */
        return *slot;
    struct lj_entry *e = lj_list_add(&lk->entries, err);
    if (!e)
        return 0;
    e->ref = *ref;
    e->what = (uint8_t)what;
    *slot = (uint32_t)(lk->entries.count - 1);
    return *slot;
}

int lj_cache_ask(struct lj_lookup *lk, uint32_t entry, struct lj_err *err)
{
    struct lj_entry *e = lj_cache_at(lk, entry);
    e->batch = lk->batch;
    if (e->state != LJ_ENTRY_EMPTY)
        return 0;
    uint32_t *asked = lj_list_add(&lk->asked[e->what], err);
    if (!asked)
        return LJ_E_NOMEM;
    *asked = entry;
    e->state = LJ_ENTRY_ASKED;
    return 0;
}

int lj_cache_evict(struct lj_lookup *lk, uint32_t entry, struct lj_err *err)
{
    struct lj_entry *e = lj_cache_at(lk, entry);
    if (e->state != LJ_ENTRY_HELD)
        return 0;
    lk->rows_held -= e->nrows + e->nmembers;
    free(e->rows);
    free(e->members);
    e->rows = NULL;
    e->members = NULL;
    e->nrows = e->nmembers = 0;
    e->state = LJ_ENTRY_EMPTY;
    return e->batch == lk->batch ? lj_cache_ask(lk, entry, err) : 0;
}

void lj_cache_clear(struct lj_lookup *lk)
{
    for (uint32_t i = 1; i < lk->entries.count; i++) {
        free(lj_cache_at(lk, i)->rows);
        free(lj_cache_at(lk, i)->members);
    }
    if (lk->slots)
        memset(lk->slots, 0, lk->nslots * sizeof *lk->slots);
    for (size_t w = 0; w < LJ_LOOKUP_WHATS; w++)
        lk->asked[w].count = 0;
    lk->entries.count = lk->units.count = lk->policies.count = lk->injuries.count =
        lk->holidays.count = lk->news.count = 0;
    lk->rows_held = 0;
    lk->seen = -1;
}
