/* lj-test: lj_broker_core
 *
 * The broker's small containers against plain models: the sliding bitmap of open positions, the
 * hash map, the payload window, the cells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/openset.h"
#include "broker/queues.h"
#include "broker/u64map.h"
#include "broker/window.h"

static uint64_t rng = 42;

static unsigned random_below(unsigned n)
{
    rng = rng * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(rng >> 33) % n;
}

static void test_openset_against_a_model(void **state)
{
    (void)state;
    enum { N = 20000 };
    static uint8_t model[N];
    struct lj_openset s = {0};
    int64_t top = 0, lowest = 0;
    assert_int_equal(lj_openset_lowest(&s), INT64_MAX);
    while (top < N) {
        if (random_below(2)) {
            top += 1 + random_below(3); /* holes */
            if (top >= N)
                break;
            assert_int_equal(lj_openset_add(&s, top), 0);
            model[top] = 1;
        } else if (top) {
            int64_t p = top > 200 ? top - random_below(200) : random_below((unsigned)top + 1);
            lj_openset_remove(&s, p);
            model[p] = 0;
        }
        for (lowest = lowest > 300 ? lowest - 300 : 0; lowest <= top && !model[lowest]; lowest++)
            ;
        assert_int_equal(lj_openset_lowest(&s), lowest <= top ? lowest : INT64_MAX);
        assert_int_equal(lj_openset_has(&s, top), model[top]);
    }
    lj_openset_free(&s);
}

static void test_openset_far_ahead_when_empty_and_late_adds(void **state)
{
    (void)state;
    struct lj_openset s = {0};
    assert_int_equal(lj_openset_add(&s, 5), 0);
    lj_openset_remove(&s, 5);
    assert_int_equal(lj_openset_add(&s, 4000000000LL),
                     0); /* no bitmap of four thousand million bits */
    assert_true(s.cap < 1000);
    assert_int_equal(lj_openset_lowest(&s), 4000000000LL);
    assert_int_equal(lj_openset_add(&s, 7),
                     0); /* below: not kept, the watermark does not go back */
    assert_int_equal(lj_openset_lowest(&s), 4000000000LL);
    lj_openset_free(&s);
}

static void test_map_against_a_model(void **state)
{
    (void)state;
    enum { N = 512 };
    intptr_t model[N] = {0};
    struct lj_u64map m = {0};
    size_t count = 0;
    assert_null(lj_u64map_get(&m, 1));
    assert_null(lj_u64map_del(&m, 1));
    for (int i = 0; i < 200000; i++) {
        unsigned k = random_below(N);
        if (random_below(2)) {
            intptr_t v = 1 + (intptr_t)random_below(1000);
            count += model[k] == 0;
            model[k] = v;
            assert_int_equal(lj_u64map_put(&m, k, (void *)v), 0);
        } else {
            assert_ptr_equal(lj_u64map_del(&m, k), (void *)model[k]);
            count -= model[k] != 0;
            model[k] = 0;
        }
        assert_int_equal(m.count, count);
        k = random_below(N);
        assert_ptr_equal(lj_u64map_get(&m, k), (void *)model[k]);
    }
    lj_u64map_free(&m);
}

static void test_window_keeps_its_budget(void **state)
{
    (void)state;
    struct lj_window w = {.budget = 1000};
    char bytes[400];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(lj_window_put(&w, 1, bytes, sizeof bytes, 2), 1);
    assert_int_equal(lj_window_put(&w, 1, bytes, sizeof bytes, 2), 0); /* there already */
    assert_int_equal(lj_window_put(&w, 2, bytes, sizeof bytes, 1), 1);
    assert_int_equal(lj_window_put(&w, 3, bytes, sizeof bytes, 1),
                     0); /* no room: read from the log later */
    assert_null(lj_window_get(&w, 3));
    lj_window_drop(&w, 1);
    assert_non_null(lj_window_get(&w, 1)); /* another taker */
    lj_window_drop(&w, 1);
    assert_null(lj_window_get(&w, 1));
    assert_int_equal(lj_window_put(&w, 3, bytes, sizeof bytes, 1), 1);
    lj_window_clear(&w);
    assert_int_equal(w.bytes, 0);
    assert_int_equal(w.budget, 1000);
}

static void test_cells_are_24_bytes_and_go_back(void **state)
{
    (void)state;
    struct lj_cells c = {0};
    struct lj_item item = {
        .position = 7, .key = 8, .unit = 9, .type = 10, .class = 3, .flags = LJ_ITEM_REDRIVEN};
    static uint32_t at[50000];
    assert_int_equal(sizeof(struct lj_cell), 24);
    for (size_t i = 0; i < 50000; i++)
        at[i] = lj_cell_new(&c, &item);
    assert_true(c.nchunks > 1);
    struct lj_item back = lj_cell_item(lj_cell(&c, at[49999]));
    assert_memory_equal(&back.position, &item.position, sizeof item.position);
    assert_int_equal(back.class, 3);
    assert_int_equal(back.flags, LJ_ITEM_REDRIVEN);
    assert_int_equal(back.unit, 9);
    for (size_t i = 0; i < 50000; i++)
        lj_cell_free(&c, at[i]);
    assert_int_equal(c.nchunks, 1); /* a burst does not keep its memory */
    at[0] = lj_cell_new(&c, &item);
    assert_int_not_equal(at[0], LJ_NIL);
    lj_cells_free(&c);
}

static void test_ages_of_positions(void **state)
{
    (void)state;
    static struct lj_ages a;
    for (int64_t i = 1; i <= 5000; i++)
        lj_ages_sample(&a, i * 10, i * 100000);
    assert_int_equal(lj_ages_of(&a, 50000, 500000000), 0);
    assert_int_equal(lj_ages_of(&a, 49991, 500000000), 0);
    assert_int_equal(lj_ages_of(&a, 49990, 500000000), 100000);
    assert_int_equal(lj_ages_of(&a, 60000, 500000000), 0);
    assert_true(lj_ages_of(&a, 1, 500000000) >=
                100000000); /* older than the ring: at least its span */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openset_against_a_model),
        cmocka_unit_test(test_openset_far_ahead_when_empty_and_late_adds),
        cmocka_unit_test(test_map_against_a_model),
        cmocka_unit_test(test_window_keeps_its_budget),
        cmocka_unit_test(test_cells_are_24_bytes_and_go_back),
        cmocka_unit_test(test_ages_of_positions),
    };
    return cmocka_run_group_tests_name("broker sets", tests, NULL, NULL);
}
