/* The demonstration's own parts: dates, the same bytes from the same seed, ids, and that an
 * expectation can be computed for every size. lj-test: lj_ctl
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "ctl/demo.h"

#define NOW_US                                                                                     \
    INT64_C(1735700400000000) /* 2025-01-01 11:00 +08:00: the burst lies in two years              \
                               */

struct demo {
    struct demo_world world;
    struct demo_burst burst;
    struct demo_expected expected;
};

static void make(struct demo *d, uint64_t seed, int generation, size_t n)
{
    struct lj_err err = {0};
    struct demo_policy policy;
    memset(d, 0, sizeof *d);
    assert_int_equal(demo_world_make(seed, generation, n, NOW_US, &d->world, &err), 0);
    if (demo_burst_make(&d->world, n, &d->burst, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(demo_policy_seed(&policy, &err), 0);
    assert_int_equal(demo_expect(&d->burst, &policy, &d->expected, &err), 0);
}

static void done(struct demo *d)
{
    demo_expected_free(&d->expected);
    demo_burst_free(&d->burst);
    demo_world_free(&d->world);
}

static void days_are_those_of_the_calendar(void **state)
{
    (void)state;
    for (int32_t day = 0; day < 40000; day += 13) {
        time_t t = (time_t)day * 86400;
        struct tm tm;
        int y;
        int m;
        int d;
        assert_non_null(gmtime_r(&t, &tm));
        demo_date_of(day, &y, &m, &d);
        assert_int_equal(y, tm.tm_year + 1900);
        assert_int_equal(m, tm.tm_mon + 1);
        assert_int_equal(d, tm.tm_mday);
        assert_int_equal(demo_day_of(y, m, d), day);
    }
    assert_int_equal(demo_anchor(demo_day_of(2024, 10, 11)), 3);
    assert_int_equal(demo_anchor(demo_day_of(2024, 6, 17)), 1);
    assert_int_equal(demo_anchor(demo_day_of(2024, 6, 18)), 0);
}

static void one_seed_gives_the_same_bytes(void **state)
{
    struct demo a;
    struct demo b;
    struct lj_buf x = {0};
    struct lj_buf y = {0};
    (void)state;
    make(&a, 5, 1, 600);
    make(&b, 5, 1, 600);
    for (size_t i = 0; i < a.burst.n; i++) {
        demo_payload(&a.burst, &a.burst.items[i], &x);
        demo_payload(&b.burst, &b.burst.items[i], &y);
    }
    assert_true(!x.failed && x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
    assert_int_equal(a.expected.minutes, b.expected.minutes);
    lj_buf_free(&x);
    lj_buf_free(&y);
    done(&a);
    done(&b);
}

static void generations_share_no_id(void **state)
{
    struct demo a = {0};
    struct demo b = {0};
    uint8_t lo[16];
    uint8_t hi[16];
    uint8_t id[16];
    (void)state;
    make(&a, 5, 1, 300);
    make(&b, 5, 2, 300);
    demo_ids(&a.world, 0, lo, hi);
    demo_id(&a.world, 0, 77, id);
    assert_true(memcmp(id, lo, 16) >= 0 && memcmp(id, hi, 16) <= 0);
    demo_id(&b.world, 0, 77, id);
    assert_true(memcmp(id, lo, 16) < 0 || memcmp(id, hi, 16) > 0);
    done(&a);
    done(&b);
}

/* Every payload is a JSON object; the shares are those of the field's test data. */
static void the_shares_are_kept(void **state)
{
    struct demo d;
    struct lj_buf text = {0};
    (void)state;
    make(&d, 2024, 1, 3000);
    for (size_t i = 0; i < d.burst.n; i++) {
        lj_buf_clear(&text);
        demo_payload(&d.burst, &d.burst.items[i], &text);
        json_t *o = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_is_object(o));
        json_decref(o);
    }
    lj_buf_free(&text);
    assert_int_equal(d.expected.stored, 2940);
    assert_int_equal(d.expected.repeated, 30);
    assert_int_equal(d.expected.conflicts, 30);
    assert_int_equal(d.expected.rejected, 360);
    assert_int_equal(d.expected.warned, 120);
    assert_int_equal(d.expected.withdrawn, 30);
    assert_true(d.expected.ncodes >= 18 && d.expected.flags > 10 && d.expected.flags < 30);
    assert_true(d.expected.capped_days > 0 && d.expected.merged > 0 && d.expected.joint > 0);
    done(&d);
}

static void every_size_can_be_made(void **state)
{
    static const size_t sizes[] = {DEMO_REPORTS_MIN, 999, 60000, DEMO_REPORTS_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct demo d;
        make(&d, i, 1, sizes[i]);
        assert_true(d.expected.minutes > 0);
        done(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_those_of_the_calendar),
        cmocka_unit_test(one_seed_gives_the_same_bytes),
        cmocka_unit_test(generations_share_no_id),
        cmocka_unit_test(the_shares_are_kept),
        cmocka_unit_test(every_size_can_be_made),
    };
    return cmocka_run_group_tests_name("ctl_demo", tests, NULL, NULL);
}
