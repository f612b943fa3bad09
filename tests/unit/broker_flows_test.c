/* lj-test: lj_broker_core
 *
 * Intake's queue: events of a unit keep their order whatever is taken and put back, what fits into
 * a take is not reordered at all, and a unit that sends little is not kept waiting by one that
 * sends a burst.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/broker.h"

enum { UNITS = 9, EVENTS = 4000 };

static uint64_t rng = 7;

static unsigned random_below(unsigned n)
{
    rng = rng * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(rng >> 33) % n;
}

struct field {
    struct lj_flows flows;
    struct submission sub;
    struct pend events[EVENTS];
    size_t made;
};

static int setup(void **state)
{
    struct field *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    lj_flows_init(&f->flows);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static struct pend *add(struct field *f, int unit)
{
    assert_true(f->made < EVENTS);
    struct pend *p = &f->events[f->made++];
    p->sub = &f->sub;
    p->unit = (int16_t)unit;
    lj_flows_add(&f->flows, p);
    return p;
}

static struct pend *take(struct field *f, size_t max, size_t *ret_n)
{
    size_t n = 0, before = f->flows.queued;
    struct pend *list = lj_flows_take(&f->flows, max, ret_n);
    for (const struct pend *p = list; p; p = p->next) {
        n++;
        if (p->next)
            assert_true(p->arrival < p->next->arrival);
    }
    assert_int_equal(n, *ret_n);
    assert_int_equal(before - n, f->flows.queued);
    assert_int_equal(n, before < max ? before : max);
    return list;
}

static size_t of_unit(const struct pend *list, int unit)
{
    size_t n = 0;
    for (; list; list = list->next)
        n += list->unit == unit;
    return n;
}

static void test_what_fits_is_not_reordered(void **state)
{
    struct field *f = *state;
    size_t n;
    for (int i = 0; i < 900; i++)
        add(f, (int)random_below(UNITS));
    const struct pend *p = take(f, 1000, &n);
    for (size_t i = 0; i < 900; i++, p = p->next)
        assert_ptr_equal(p, &f->events[i]);
    assert_null(p);
}

/* Takes, up to two of them under way as in the first lane's pipeline, which succeed or fail; the
 * one behind fails with the one before it. */
static void test_order_of_a_unit_is_kept(void **state)
{
    struct field *f = *state;
    uint64_t last[UNITS] = {0};
    size_t out = 0, n, longs;
    while (out < EVENTS) {
        for (unsigned more = random_below(300); more && f->made < EVENTS; more--)
            add(f, random_below(3) ? 0 : (int)random_below(UNITS));
        struct pend *first = take(f, 1 + random_below(400), &n);
        if (random_below(4) == 0 && f->made < EVENTS)
            add(f, 3);
        struct pend *second = take(f, 1 + random_below(400), &n);
        if (random_below(3) == 0) {
            lj_flows_put_back(&f->flows, second);
            lj_flows_put_back(&f->flows, first);
        } else {
            for (int i = 0; i < 2; i++) {
                for (const struct pend *p = i ? second : first; p; p = p->next, out++) {
                    assert_true(p->arrival > last[p->unit]);
                    last[p->unit] = p->arrival;
                }
            }
        }
        longs = 0;
        for (int u = 0; u < UNITS; u++)
            longs += f->flows.units[u].n >= LJ_FLOW_LONG;
        assert_int_equal(longs, f->flows.longs);
    }
    assert_int_equal(f->flows.queued, 0);
}

static void test_a_burst_does_not_keep_others_waiting(void **state)
{
    struct field *f = *state;
    size_t n;
    for (int i = 0; i < 1000; i++)
        add(f, 1);
    assert_int_equal(f->flows.beside_us, 0);
    f->sub.at_us = 77;
    struct pend *quiet = add(f, 2);
    assert_int_equal(f->flows.beside_us, 77);
    const struct pend *list = take(f, 20, &n);
    assert_int_equal(of_unit(list, 2), 1);
    while (list->next)
        list = list->next;
    assert_ptr_equal(list, quiet);
    for (int i = 0; i < 30; i++) { /* again and again, with room for hardly more than itself */
        add(f, 2);
        assert_int_equal(of_unit(take(f, 20, &n), 2), 1);
    }
}

static void test_two_bursts_share_alike(void **state)
{
    struct field *f = *state;
    size_t n, got[3] = {0};
    for (int i = 0; i < 1000; i++)
        add(f, 0);
    for (int i = 0; i < 2000; i++)
        add(f, 1 + i % 2);
    for (int i = 0; i < 20; i++) {
        const struct pend *list = take(f, 100, &n);
        for (int u = 0; u < 3; u++)
            got[u] += of_unit(list, u);
    }
    for (int u = 0; u < 3; u++)
        assert_in_range(got[u], 2000 / 3 - LJ_FLOW_VISIT, 2000 / 3 + LJ_FLOW_VISIT);
}

/* A unit that always has a little waiting has its share, and no more. */
static void test_being_new_gains_nothing(void **state)
{
    struct field *f = *state;
    size_t n, steady = 0, burst = 0;
    for (int i = 0; i < 2000; i++)
        add(f, 0);
    for (int i = 0; i < 60; i++) {
        for (int k = 0; k < LJ_FLOW_VISIT + 4; k++)
            add(f, 1);
        const struct pend *list = take(f, 2 * LJ_FLOW_VISIT, &n);
        steady += of_unit(list, 1);
        burst += of_unit(list, 0);
    }
    assert_in_range(burst, steady - 2 * LJ_FLOW_VISIT, steady + 2 * LJ_FLOW_VISIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_fits_is_not_reordered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_of_a_unit_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_burst_does_not_keep_others_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_bursts_share_alike, setup, teardown),
        cmocka_unit_test_setup_teardown(test_being_new_gains_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
