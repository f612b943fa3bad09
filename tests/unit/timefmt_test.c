/* Times: what is accepted and refused, to the microsecond, and the way back; the calendar held
 * against the C library's timegm.
 *
 * lj-test: lj_common */
#include "common/timefmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Parse from an exact-size copy, so that AddressSanitizer sees a read past the end. */
static int parse(const char *text, size_t len, int64_t *ret)
{
    char *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);
    int rc = lj_time_parse(copy, len, ret, NULL);
    free(copy);
    return rc;
}

static const struct {
    const char *in;
    int64_t us;
    const char *out;
} good[] = {
    {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
    {"1970-01-01t00:00:00Z", 0, "1970-01-01T00:00:00Z"},
    {"1970-01-01T00:00:00.000001Z", 1, "1970-01-01T00:00:00.000001Z"},
    {"1969-12-31T23:59:59.999999Z", -1, "1969-12-31T23:59:59.999999Z"},
    {"1969-12-31T23:59:59Z", -1000000, "1969-12-31T23:59:59Z"},
    {"1970-01-01T00:00:00.1Z", 100000, "1970-01-01T00:00:00.100Z"},
    {"1970-01-01T00:00:00.12Z", 120000, "1970-01-01T00:00:00.120Z"},
    {"1970-01-01T00:00:00.1234Z", 123400, "1970-01-01T00:00:00.123400Z"},
    {"1970-01-01T00:00:00.000000Z", 0, "1970-01-01T00:00:00Z"},
    {"1970-01-01T08:00:00+08:00", 0, "1970-01-01T00:00:00Z"},
    {"1969-12-31T18:30:00-05:30", 0, "1970-01-01T00:00:00Z"},
    {"1970-01-01T00:00:00-00:00", 0, "1970-01-01T00:00:00Z"},
    {"1970-01-01T23:59:00+23:59", 0, "1970-01-01T00:00:00Z"},
    {"2000-01-01T00:00:00Z", LJ_PG_EPOCH_US, "2000-01-01T00:00:00Z"},
    {"2024-02-29T12:34:56.789+08:00", 1709181296789000, "2024-02-29T04:34:56.789Z"},
    {"2000-02-29T00:00:00Z", 951782400000000, "2000-02-29T00:00:00Z"},
    {"0001-01-01T00:00:00Z", LJ_TIME_MIN_US, "0001-01-01T00:00:00Z"},
    {"9999-12-31T23:59:59.999999Z", LJ_TIME_MAX_US, "9999-12-31T23:59:59.999999Z"},
    {"0001-01-01T08:00:00+08:00", LJ_TIME_MIN_US, "0001-01-01T00:00:00Z"},
};

static void test_accepts_and_writes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t us = 42;
        char text[LJ_TIME_TEXT + 1];
        assert_int_equal(parse(good[i].in, strlen(good[i].in), &us), 0);
        assert_int_equal(us, good[i].us);
        assert_int_equal(lj_time_format(us, text, NULL), 0);
        assert_string_equal(text, good[i].out);
    }
}

static const char *const bad[] = {
    "",
    "2024-02-29",
    "2024-02-29T12:34:56",   /* no offset */
    "2024-02-29T12:34:56.5", /* no offset */
    "2024-02-29T12:34:56z",  /* only Z */
    "2024-02-29T12:34:56ZZ",
    "2024-02-29T12:34:56Z ",
    " 2024-02-29T12:34:56Z",
    "2024-02-29 12:34:56Z", /* only T or t */
    "2024-02-29412:34:56Z", /* a digit for T */
    "2024-02-29T12:34Z",    /* seconds required */
    "2024-02-29T12:34:56.Z",
    "2024-02-29T12:34:56,5Z",
    "2024-02-29T12:34:56.1234567Z", /* would be rounded */
    "2024-02-29T12:34:56.0000000Z",
    "2023-02-29T12:34:56Z",
    "1900-02-29T12:34:56Z",
    "2100-02-29T00:00:00Z",
    "2024-04-31T00:00:00Z",
    "2024-00-10T00:00:00Z",
    "2024-13-10T00:00:00Z",
    "2024-01-00T00:00:00Z",
    "2024-01-32T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T23:60:00Z",
    "2016-12-31T23:59:60Z", /* a real leap second */
    "0000-01-01T00:00:00Z",
    "-001-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2024-1-01T00:00:00Z0",
    "2024-01-01T00:00:00+8:00",
    "2024-01-01T00:00:00+0800",
    "2024-01-01T00:00:00+08",
    "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00+08:60",
    "2024-01-01T00:00:00+-8:00",
    "2024-01-01T00:00:00+08:00Z",
    "0001-01-01T00:00:00+00:01", /* one minute before year 1 */
    "9999-12-31T23:59:59-00:01",
    "2024-01-01T00:00:+1Z",
    "２０２４-01-01T00:00:00Z", /* full-width digits */
};

static void test_refuses(void **state)
{
    int64_t us = 42;
    struct lj_err err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i], strlen(bad[i]), &us) != LJ_E_ARG) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_int_equal(us, 42);
    }
    assert_int_equal(lj_time_parse("2023-02-29T00:00:00Z", 20, &us, &err), LJ_E_ARG);
    assert_string_equal(err.text, "month 2 of year 2023 has no day 29");
    assert_int_equal(parse("2024-01-01T00:00:00Z\0", 21, &us),
                     LJ_E_ARG); /* a NUL does not end it */
}

static void test_every_truncation_is_refused(void **state)
{
    static const char full[] = "2024-02-29T12:34:56.789012+08:00";
    int64_t us;
    (void)state;
    assert_int_equal(parse(full, sizeof(full) - 1, &us), 0);
    for (size_t len = 0; len < sizeof(full) - 1; len++) {
        assert_int_equal(parse(full, len, &us), LJ_E_ARG);
    }
}

/* Every day of years 1..9999: the text, the C library's calendar, and the way back. */
static void test_every_day_agrees_with_timegm(void **state)
{
    char text[LJ_TIME_TEXT + 1];
    (void)state;
    for (int64_t us = LJ_TIME_MIN_US; us <= LJ_TIME_MAX_US; us += INT64_C(86400000000)) {
        time_t t = (time_t)(us / 1000000);
        struct tm tm;
        char want[64];
        int64_t back;
        assert_non_null(gmtime_r(&t, &tm));
        snprintf(want, sizeof(want), "%04d-%02d-%02dT00:00:00Z", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday);
        assert_int_equal(lj_time_format(us, text, NULL), 0);
        if (strcmp(text, want) != 0) {
            fail_msg("%s is not %s", text, want);
        }
        assert_int_equal(lj_time_parse(text, strlen(text), &back, NULL), 0);
        assert_true(back == us);
    }
}

static void test_round_trip_of_odd_instants(void **state)
{
    uint64_t x = 88172645463325252u;
    char text[LJ_TIME_TEXT + 1];
    (void)state;
    for (int i = 0; i < 200000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int64_t us =
                    LJ_TIME_MIN_US + (int64_t)(x % (uint64_t)(LJ_TIME_MAX_US - LJ_TIME_MIN_US + 1)),
                back = 0;
        assert_int_equal(lj_time_format(us, text, NULL), 0);
        assert_int_equal(lj_time_parse(text, strlen(text), &back, NULL), 0);
        assert_true(back == us);
    }
}

static void test_format_range(void **state)
{
    char text[LJ_TIME_TEXT + 1] = "x";
    (void)state;
    assert_int_equal(lj_time_format(LJ_TIME_MIN_US - 1, text, NULL), LJ_E_ARG);
    assert_int_equal(lj_time_format(LJ_TIME_MAX_US + 1, text, NULL), LJ_E_ARG);
    assert_int_equal(lj_time_format(INT64_MIN, text, NULL), LJ_E_ARG);
    assert_string_equal(text, "x");
}

static void test_postgresql_epoch(void **state)
{
    int64_t v = 7;
    (void)state;
    assert_int_equal(lj_time_to_pg(0, &v, NULL), 0);
    assert_int_equal(v, -946684800000000);
    assert_int_equal(lj_time_from_pg(0, &v, NULL), 0);
    assert_int_equal(v, 946684800000000);
    assert_int_equal(lj_time_to_pg(LJ_TIME_MAX_US, &v, NULL), 0);
    assert_int_equal(lj_time_from_pg(v, &v, NULL), 0);
    assert_int_equal(v, LJ_TIME_MAX_US);
    v = 7;
    assert_int_equal(lj_time_from_pg(INT64_MAX, &v, NULL), LJ_E_ARG); /* infinity */
    assert_int_equal(lj_time_from_pg(INT64_MIN, &v, NULL), LJ_E_ARG); /* -infinity */
    assert_int_equal(lj_time_from_pg(INT64_MAX - 1, &v, NULL), LJ_E_ARG);
    assert_int_equal(lj_time_to_pg(INT64_MIN, &v, NULL), LJ_E_ARG);
    assert_int_equal(lj_time_to_pg(INT64_MIN + LJ_PG_EPOCH_US, &v, NULL),
                     LJ_E_ARG); /* would read as -infinity */
    assert_int_equal(v, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts_and_writes_back),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_day_agrees_with_timegm),
        cmocka_unit_test(test_round_trip_of_odd_instants),
        cmocka_unit_test(test_format_range),
        cmocka_unit_test(test_postgresql_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
