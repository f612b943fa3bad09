/* The two clocks.
 *
 * Wall time is asked in one place of the whole system, the broker, when it sets an event's
 * received_at: everything derived from an event then comes out the same at every replay. Spans
 * (timeouts, leases, latencies) are measured with the monotonic clock, which an operator setting
 * the date cannot move.
 *
 * Both clocks of Linux cannot fail with these ids, so there is no error to return.
 */
#include "common/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts = {0};
    int rc = clock_gettime(id, &ts);
    assert(rc == 0);
    (void)rc;
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t lj_now_us(void)
{
#ifdef LJ_FAILPOINTS /* test builds: another day without waiting for it */
    const char *shift = getenv("LJ_CLOCK_SHIFT_S");
    return read_clock(CLOCK_REALTIME) + (shift ? strtoll(shift, NULL, 10) * 1000000 : 0);
#else
    return read_clock(CLOCK_REALTIME);
#endif
}

int64_t lj_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
