/* uint64_t -> pointer, by open addressing with linear probing and backward-shift deletion.
 *
 * Used where the broker needs to find something by a number several times an event: key states,
 * cached records by position, intake by id. No tombstones: a map that sees a million short-lived
 * keys stays as small as its largest moment. Load factor at most 3/4.
 */
#include "broker/u64map.h"

#include <stdlib.h>

#include "common/err.h"

static size_t home(const struct lj_u64map *m, uint64_t key)
{
    return (size_t)lj_mix64(key) & (m->cap - 1);
}

static struct lj_u64slot *find(const struct lj_u64map *m, uint64_t key)
{
    size_t i = home(m, key);
    while (m->slots[i].value && m->slots[i].key != key)
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

void *lj_u64map_get(const struct lj_u64map *m, uint64_t key)
{
    return m->cap ? find(m, key)->value : NULL;
}

static int grow(struct lj_u64map *m)
{
    struct lj_u64map bigger = {.cap = m->cap ? m->cap * 2 : 64};
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return LJ_E_NOMEM;
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].value)
            *find(&bigger, m->slots[i].key) = m->slots[i];
    }
    bigger.count = m->count;
    free(m->slots);
    *m = bigger;
    return 0;
}

int lj_u64map_put(struct lj_u64map *m, uint64_t key, void *value)
{
    struct lj_u64slot *s = m->cap ? find(m, key) : NULL;
    if (s && s->value) { /* callers rely on it: replacing needs no memory */
        s->value = value;
        return 0;
    }
    if ((m->count + 1) * 4 > m->cap * 3) {
        int rc = grow(m);
        if (rc)
            return rc;
    }
    *find(m, key) = (struct lj_u64slot){key, value};
    m->count++;
    return 0;
}

void *lj_u64map_del(struct lj_u64map *m, uint64_t key)
{
    if (!m->cap)
        return NULL;
    struct lj_u64slot *s = find(m, key);
    void *value = s->value;
    if (!value)
        return NULL;
    size_t hole = (size_t)(s - m->slots);
    size_t mask = m->cap - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t h = home(m, m->slots[i].key);
        if (((i - h) & mask) >=
            ((i - hole) & mask)) { /* its home is not behind the hole: it may move there */
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole].value = NULL;
    m->count--;
    return value;
}

void lj_u64map_free(struct lj_u64map *m)
{
    free(m->slots);
    *m = (struct lj_u64map){0};
}
