/* The metrics text and the histogram's arithmetic.
 *
 * lj-test: lj_common
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/metrics.h"

static void plain_samples(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    lj_metric_head(&b, "lj_acks_total", LJ_COUNTER, "acks sent\nback\\slash");
    lj_metric_u64(&b, "lj_acks_total", "", 3);
    lj_metric_u64(&b, "lj_acks_total", "kind=\"quota\"", UINT64_MAX);
    lj_metric_head(&b, "lj_load", LJ_GAUGE, NULL);
    lj_metric_double(&b, "lj_load", NULL, 0.25);
    lj_metric_double(&b, "lj_load", "a=\"b\"", NAN);
    lj_metric_double(&b, "lj_load", "a=\"c\"", -INFINITY);
    lj_buf_u8(&b, 0);
    assert_string_equal((char *)b.data, "# HELP lj_acks_total acks sent\\nback\\\\slash\n"
                                        "# TYPE lj_acks_total counter\n"
                                        "lj_acks_total 3\n"
                                        "lj_acks_total{kind=\"quota\"} 18446744073709551615\n"
                                        "# TYPE lj_load gauge\n"
                                        "lj_load 0.25\n"
                                        "lj_load{a=\"b\"} NaN\n"
                                        "lj_load{a=\"c\"} -Inf\n");
    lj_buf_free(&b);
}

static void buckets(void **state)
{
    (void)state;
    struct lj_hist h = {0};
    assert_true(lj_hist_quantile_us(&h, 0.5) == -1);
    lj_hist_add(&h, -5);
    lj_hist_add(&h, 500); /* on a bound: belongs to it (le) */
    lj_hist_add(&h, 501);
    lj_hist_add(&h, 10000000);
    lj_hist_add(&h, 10000001); /* beyond the last */
    assert_true(h.bucket[0] == 2);
    assert_true(h.bucket[1] == 1);
    assert_true(h.bucket[LJ_HIST_BUCKETS - 1] == 1);
    assert_true(h.bucket[LJ_HIST_BUCKETS] == 1);
    assert_true(h.count == 5);
    assert_true(h.sum_us == 500 + 501 + 10000000 + 10000001);
    assert_true(lj_hist_quantile_us(&h, 0) == 500);
    assert_true(lj_hist_quantile_us(&h, 0.4) == 500);
    assert_true(lj_hist_quantile_us(&h, 0.5) == 1000);
    assert_true(lj_hist_quantile_us(&h, 0.8) == 10000000);
    assert_true(lj_hist_quantile_us(&h, 0.99) == INT64_MAX);
    assert_true(lj_hist_quantile_us(&h, 1) == INT64_MAX);
}

static void histogram_text(void **state)
{
    (void)state;
    struct lj_hist h = {0};
    struct lj_buf b = {0};
    lj_hist_add(&h, 700);
    lj_hist_add(&h, 2000000);
    lj_metric_hist(&b, "lj_ack_seconds", "class=\"0\"", &h);
    lj_buf_u8(&b, 0);
    const char *text = (const char *)b.data;
    assert_non_null(strstr(text, "lj_ack_seconds_bucket{class=\"0\",le=\"0.0005\"} 0\n"));
    assert_non_null(strstr(text, "lj_ack_seconds_bucket{class=\"0\",le=\"0.001\"} 1\n"));
    assert_non_null(strstr(text, "lj_ack_seconds_bucket{class=\"0\",le=\"1\"} 1\n"));
    assert_non_null(strstr(text, "lj_ack_seconds_bucket{class=\"0\",le=\"2.5\"} 2\n"));
    assert_non_null(strstr(text, "lj_ack_seconds_bucket{class=\"0\",le=\"+Inf\"} 2\n"));
    assert_non_null(strstr(text, "lj_ack_seconds_sum{class=\"0\"} 2.000700\n"));
    assert_non_null(strstr(text, "lj_ack_seconds_count{class=\"0\"} 2\n"));
    lj_buf_clear(&b);
    lj_metric_hist(&b, "x", "", &h);
    lj_buf_u8(&b, 0);
    assert_memory_equal(b.data, "x_bucket{le=\"0.0005\"} 0\n", 24);
    lj_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_samples),
        cmocka_unit_test(buckets),
        cmocka_unit_test(histogram_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
