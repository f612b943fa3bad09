/* Failed attempts at logging in, counted over a sliding window. */
#ifndef LJ_GATEWAY_ATTEMPTS_H
#define LJ_GATEWAY_ATTEMPTS_H

#include <stddef.h>
#include <stdint.h>

struct lj_attempts;

/* At most `max` in `window_us` for each key; `cap` keys are remembered. NULL when out of memory. */
struct lj_attempts *lj_attempts_new(size_t cap, size_t max, int64_t window_us);
void lj_attempts_free(struct lj_attempts **a);

/* Count one for a text (any bytes). Returns 0 when it was counted, else the whole seconds until one
 * would be (at least 1; nothing is counted then). now_us monotonic and > 0. */
unsigned lj_attempts_add(struct lj_attempts *a, const char *key, int64_t now_us);
/* Take the latest back: it was no failure after all. */
void lj_attempts_undo(struct lj_attempts *a, const char *key);
/* Forget a key's. */
void lj_attempts_clear(struct lj_attempts *a, const char *key);

#endif
