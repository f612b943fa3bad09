/* The set of open positions of one kind, as a sliding bitmap: one bit a position between the lowest
 * open one and the newest. */
#ifndef LJ_BROKER_OPENSET_H
#define LJ_BROKER_OPENSET_H

#include <stddef.h>
#include <stdint.h>

struct lj_openset {
    uint64_t *words; /* ring of cap words; word of position p is (p / 64) % cap */
    size_t cap;      /* power of two, or 0 */
    int64_t base;    /* multiple of 64: nothing below is in the set */
    int64_t top;     /* one past the highest position ever added */
    uint64_t count;
};

/* Add a position. One below base (a redriven one) is not kept: the watermark never goes back. 0 or
 * LJ_E_NOMEM. */
int lj_openset_add(struct lj_openset *s, int64_t position);
void lj_openset_remove(struct lj_openset *s, int64_t position);
int lj_openset_has(const struct lj_openset *s, int64_t position);
/* Lowest open position, INT64_MAX when none. Moves base up: amortised O(1). */
int64_t lj_openset_lowest(struct lj_openset *s);
void lj_openset_free(struct lj_openset *s);

#endif
