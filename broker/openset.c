/* Open positions of a kind as a sliding bitmap.
 *
 * The watermark of a kind is the lowest open position minus one. Positions come in nearly dense and
 * in order and close in any order, so one bit each is the cheapest exact answer: a backlog of a
 * million costs 128 KiB a kind, and finding the lowest is a scan that never goes back. Holes in the
 * positions (duplicates, reserved blocks) cost their bit and nothing else.
 */
#include "broker/openset.h"

#include <stdlib.h>

#include "common/err.h"

static size_t index_of(const struct lj_openset *s, int64_t position)
{
    return (size_t)(position / 64) & (s->cap - 1);
}

static int widen(struct lj_openset *s, int64_t position)
{
    size_t need = (size_t)((position - s->base) / 64) + 1;
    size_t cap = s->cap ? s->cap : 64;
    while (cap < need)
        cap *= 2;
    uint64_t *words = calloc(cap, sizeof *words);
    if (!words)
        return LJ_E_NOMEM;
    for (int64_t p = s->base; p < s->top && s->cap; p += 64)
        words[(size_t)(p / 64) & (cap - 1)] = s->words[index_of(s, p)];
    free(s->words);
    s->words = words;
    s->cap = cap;
    return 0;
}

int lj_openset_add(struct lj_openset *s, int64_t position)
{
    if (s->count == 0 &&
        position >= s->top) { /* empty: start afresh at this place, however far it is */
        for (size_t i = 0; i < s->cap; i++)
            s->words[i] = 0;
        s->base = position / 64 * 64;
        s->top = s->base;
    }
    if (position < s->base)
        return 0;
    if (!s->cap || (size_t)((position - s->base) / 64) >= s->cap) {
        int rc = widen(s, position);
        if (rc)
            return rc;
    }
    uint64_t bit = (uint64_t)1 << (position % 64);
    uint64_t *w = &s->words[index_of(s, position)];
    if (!(*w & bit))
        s->count++;
    *w |= bit;
    if (position >= s->top)
        s->top = position + 1;
    return 0;
}

int lj_openset_has(const struct lj_openset *s, int64_t position)
{
    if (position < s->base || position >= s->top || !s->cap)
        return 0;
    return (int)(s->words[index_of(s, position)] >> (position % 64) & 1);
}

void lj_openset_remove(struct lj_openset *s, int64_t position)
{
    if (!lj_openset_has(s, position))
        return;
    s->words[index_of(s, position)] &= ~((uint64_t)1 << (position % 64));
    s->count--;
}

int64_t lj_openset_lowest(struct lj_openset *s)
{
    if (s->count == 0)
        return INT64_MAX;
    while (s->words[index_of(s, s->base)] == 0)
        s->base += 64;
    return s->base + __builtin_ctzll(s->words[index_of(s, s->base)]);
}

void lj_openset_free(struct lj_openset *s)
{
    free(s->words);
    *s = (struct lj_openset){0};
}
