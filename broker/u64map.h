/* A hash map from uint64_t to a non-NULL pointer (or a small count stored as one): open addressing,
 * grows by doubling. */
#ifndef LJ_BROKER_U64MAP_H
#define LJ_BROKER_U64MAP_H

#include <stddef.h>
#include <stdint.h>

struct lj_u64map {
    struct lj_u64slot {
        uint64_t key;
        void *value;
    } * slots;  /* value NULL = empty */
    size_t cap; /* power of two, or 0 */
    size_t count;
};

void *lj_u64map_get(const struct lj_u64map *m, uint64_t key); /* NULL when absent */
int lj_u64map_put(struct lj_u64map *m, uint64_t key,
                  void *value); /* replaces; 0, or LJ_E_NOMEM with nothing changed */
void *lj_u64map_del(struct lj_u64map *m, uint64_t key); /* the value taken out, NULL when absent */
void lj_u64map_free(struct lj_u64map *m);               /* values are not freed */

/* Mix the bits of x (keys that are counters or hashes of few bits spread over the table). */
static inline uint64_t lj_mix64(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93U;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93U;
    x ^= x >> 32;
    return x;
}

#endif
