/* Local dates against the C library, day by day.
 * lj-test: lj_runner
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "workers/runner/calendar.h"

static void every_day_of_two_centuries(void **state)
{
    (void)state;
    for (int32_t day = -36524; day < 36525; day++) {
        time_t noon = (time_t)(day + 10957) * 86400 + 43200;
        struct tm tm;
        assert_non_null(gmtime_r(&noon, &tm));
        assert_int_equal(lj_day_of(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday), day);
        assert_int_equal(lj_year_of(day), tm.tm_year + 1900);
    }
}

static void a_local_day_begins_at_16_utc(void **state)
{
    (void)state;
    const int64_t utc_16 = INT64_C(1717257600000000); /* 2024-06-01T16:00:00Z */
    assert_int_equal(lj_local_day(utc_16), lj_day_of(2024, 6, 2));
    assert_int_equal(lj_local_day(utc_16 - 1), lj_day_of(2024, 6, 1));
    assert_int_equal(lj_local_day(0), lj_day_of(1970, 1, 1));
    assert_int_equal(lj_local_day(INT64_C(-28800000000)), lj_day_of(1970, 1, 1));
    assert_int_equal(lj_local_day(INT64_C(-28800000001)), lj_day_of(1969, 12, 31));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_two_centuries),
        cmocka_unit_test(a_local_day_begins_at_16_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
