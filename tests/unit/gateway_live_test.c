/* Rates and percentiles from the broker's own text: what one second added, and a broker that begins
 * again at zero.
 *
 * lj-test: lj_gateway_core lj_client lj_proto lj_common
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/live.h"

#define SECOND INT64_C(1000000)

/* As broker/metrics.c writes it. */
static void head(struct lj_live *l, int64_t at_us, uint64_t stored, const struct lj_hist *ack,
                 uint64_t open)
{
    struct lj_buf b = {0};
    lj_metric_head(&b, "liangjin_broker_events_stored_total", LJ_COUNTER, "Events.");
    lj_metric_u64(&b, "liangjin_broker_events_stored_total", "", stored);
    lj_metric_u64(&b, "liangjin_broker_backlog", "kind=\"quota\"", open);
    lj_metric_u64(&b, "liangjin_broker_backlog", "kind=\"mail\"", 1);
    lj_metric_double(&b, "liangjin_broker_backlog_age_seconds", "kind=\"quota\"", 2.5);
    lj_metric_u64(&b, "liangjin_broker_closed_total", "kind=\"quota\"", 9);
    lj_metric_u64(&b, "liangjin_broker_something_new", "kind=\"quota\"", 77);
    lj_metric_head(&b, "liangjin_broker_ack_seconds", LJ_HISTOGRAM, "Acks.");
    lj_metric_hist(&b, "liangjin_broker_ack_seconds", "", ack);
    lj_live_take(l, (struct lj_slice){(const char *)b.data, b.len}, at_us, at_us);
    lj_buf_free(&b);
}

static void rates(void **state)
{
    static struct lj_live l;
    struct lj_hist ack = {0};
    (void)state;
    memset(&l, 0, sizeof l);
    assert_true(lj_live_rate(&l, 5 * SECOND) < 0.001);
    head(&l, 1 * SECOND, 1000, &ack, 4); /* says only where the counters stand */
    assert_null(lj_live_at(&l, 0));
    head(&l, 2 * SECOND, 1100, &ack, 4);
    head(&l, 3 * SECOND, 1300, &ack, 5);
    assert_true(lj_live_rate(&l, SECOND) > 199.9 && lj_live_rate(&l, SECOND) < 200.1);
    assert_true(lj_live_rate(&l, 5 * SECOND) > 149.9 && lj_live_rate(&l, 5 * SECOND) < 150.1);
    assert_int_equal(lj_live_at(&l, 1)->backlog, 6);
    assert_int_equal(l.n_kinds, 2);
    assert_string_equal(l.kinds[0].name, "quota");
    assert_int_equal(l.kinds[0].backlog, 5);
    assert_int_equal(l.kinds[0].closed, 9);
    assert_true(l.kinds[0].age_s > 2.4 && l.kinds[0].age_s < 2.6);
    head(&l, 4 * SECOND, 30, &ack, 0); /* another broker */
    assert_int_equal(lj_live_at(&l, 2)->stored, 30);
}

static void percentiles(void **state)
{
    static struct lj_live l;
    struct lj_hist ack = {0};
    (void)state;
    memset(&l, 0, sizeof l);
    for (int i = 0; i < 100; i++) {
        lj_hist_add(&ack, 9000000); /* before we looked: not ours to tell */
    }
    head(&l, SECOND, 0, &ack, 0);
    assert_int_equal(lj_live_ack_us(&l, 60 * SECOND, 0.99), -1);
    for (int i = 0; i < 98; i++) {
        lj_hist_add(&ack, 3000);
    }
    head(&l, 2 * SECOND, 98, &ack, 0);
    lj_hist_add(&ack, 200000);
    lj_hist_add(&ack, 20000000);
    head(&l, 3 * SECOND, 100, &ack, 0);
    assert_int_equal(lj_live_ack_us(&l, 60 * SECOND, 0.5), 5000);
    assert_int_equal(lj_live_ack_us(&l, 60 * SECOND, 0.99), 250000);
    assert_int_equal(lj_live_ack_us(&l, 60 * SECOND, 1), INT64_MAX);
    assert_int_equal(lj_live_ack_us(&l, SECOND, 0.5), 250000); /* the last second alone */
}

static void ring_and_rubbish(void **state)
{
    static struct lj_live l;
    struct lj_hist ack = {0};
    static const char rubbish[] =
        "liangjin_broker_backlog{kind=\"x\n\n{kind=\"\nliangjin_broker_backlog{"
        "kind=\"a-name-that-is-longer-than-any-kind-may-be\"} 3\n}";
    (void)state;
    memset(&l, 0, sizeof l);
    for (int i = 0; i < LJ_LIVE_SAMPLES + 50; i++) {
        head(&l, (i + 1) * SECOND, (uint64_t)i * 10, &ack, 0);
    }
    assert_non_null(lj_live_at(&l, LJ_LIVE_SAMPLES - 1));
    assert_null(lj_live_at(&l, LJ_LIVE_SAMPLES));
    assert_int_equal(lj_live_at(&l, LJ_LIVE_SAMPLES - 1)->at_us, (LJ_LIVE_SAMPLES + 50) * SECOND);
    assert_true(lj_live_at(&l, 0)->at_us < lj_live_at(&l, 1)->at_us);
    uint64_t taken = l.taken;
    lj_live_take(&l, (struct lj_slice){rubbish, sizeof rubbish - 1}, 9999 * SECOND, 0);
    assert_int_equal(l.taken, taken); /* no buckets: no sample */
    assert_int_equal(l.n_kinds, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rates), cmocka_unit_test(percentiles),
                                       cmocka_unit_test(ring_and_rubbish)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
