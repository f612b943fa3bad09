/* Clocks. Only the broker asks for wall time (received_at); everything else measures spans with the
 * monotonic clock. */
#ifndef LJ_COMMON_CLOCK_H
#define LJ_COMMON_CLOCK_H

#include <stdint.h>

int64_t lj_now_us(void);  /* wall clock, microseconds since 1970-01-01 UTC */
int64_t lj_mono_us(void); /* monotonic, microseconds */

#endif
