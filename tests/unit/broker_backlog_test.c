/* lj-test: lj_broker_core
 *
 * The dispatcher's memory, without sockets, clock or database: order of keys, fairness of units,
 * ageing of classes, halving, parking behind, gates' watermarks, barriers. Time is a number the
 * test chooses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker/backlog.h"

enum { FREE, KEYED, SINGLE, SERIAL, GATED, BARRED, LOOKING, NKINDS };
enum { OWN_KEY_TYPE, CONSTANT_TYPE };

static struct lj_catalog cat;
static struct lj_backlog *b;

static int setup(void **state)
{
    (void)state;
    cat = (struct lj_catalog){.nkinds = NKINDS, .ntypes = 2};
    cat.types[CONSTANT_TYPE].key_rule = LJ_KEY_CONST;
    for (size_t k = 0; k < NKINDS; k++)
        cat.kinds[k] = (struct lj_kind){.number = (int16_t)(k + 1), .after = -1, .barrier = -1};
    cat.kinds[KEYED].ordering = LJ_ORDER_KEY;
    cat.kinds[SINGLE].ordering = LJ_ORDER_KEY;
    cat.kinds[SINGLE].single = 1;
    cat.kinds[SERIAL].ordering = LJ_ORDER_POSITION;
    cat.kinds[GATED].after = FREE;
    cat.kinds[GATED].after_verdict = 1;
    cat.kinds[BARRED].barrier = SERIAL;
    cat.kinds[LOOKING].ordering = LJ_ORDER_POSITION;
    cat.kinds[LOOKING].looks_back = 1;
    return lj_backlog_new(&cat, &b, NULL);
}

static int teardown(void **state)
{
    (void)state;
    lj_backlog_free(&b);
    return 0;
}

static void put(size_t kind, int64_t position, uint64_t key, int unit, int class, int flags)
{
    struct lj_item item = {.position = position,
                           .key = key,
                           .unit = (uint16_t)unit,
                           .class = (uint8_t) class,
                           .flags = (uint8_t)flags};
    assert_int_equal(lj_backlog_open(b, kind, position), 0);
    assert_int_equal(lj_backlog_push(b, kind, &item), 0);
}

static struct lj_group *take(size_t kind, size_t max, int64_t now)
{
    struct lj_group *g, *behind;
    assert_int_equal(lj_backlog_take(b, kind, max, now, &g, &behind), 0);
    assert_null(behind);
    return g;
}

static void expect(const struct lj_group *g, size_t n, const int64_t *positions)
{
    assert_non_null(g);
    assert_int_equal(g->n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(g->items[i].position, positions[i]);
}
#define EXPECT(g, ...)                                                                             \
    expect(g, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

static void test_watermark_is_lowest_open_minus_one(void **state)
{
    (void)state;
    lj_backlog_advance(b, 0, 0);
    for (int64_t p = 1; p <= 3; p++)
        put(FREE, p, (uint64_t)p, 1, 1, 0);
    lj_backlog_advance(b, 10, 0);
    assert_int_equal(lj_backlog_watermark(b, FREE), 0);
    struct lj_group *first = take(FREE, 1, 0), *rest = take(FREE, 10, 0);
    EXPECT(first, 1);
    EXPECT(rest, 2, 3);
    lj_backlog_finish(b, FREE, &rest);
    assert_int_equal(lj_backlog_watermark(b, FREE), 0);
    lj_backlog_finish(b, FREE, &first);
    assert_int_equal(lj_backlog_watermark(b, FREE), 10); /* nothing open: all that is known */
}

static void test_gate_counts_in_the_watermark_before_it_opens(void **state)
{
    (void)state;
    assert_int_equal(lj_backlog_open(b, GATED, 5), 0);
    assert_int_equal(lj_backlog_open(b, GATED, 6), 0);
    lj_backlog_advance(b, 8, 0);
    assert_int_equal(lj_backlog_watermark(b, GATED), 4);
    assert_null(take(GATED, 10, 0));
    lj_backlog_close(b, GATED, 5); /* the gate's verdict was another */
    assert_int_equal(lj_backlog_watermark(b, GATED), 5);
    put(GATED, 6, 6, 1, 1, 0);
    struct lj_group *g = take(GATED, 10, 0);
    EXPECT(g, 6);
    lj_backlog_finish(b, GATED, &g);
    assert_int_equal(lj_backlog_watermark(b, GATED), 8);
}

static void test_one_batch_of_a_key_and_its_order(void **state)
{
    (void)state;
    put(KEYED, 1, 77, 1, 1, 0);
    put(KEYED, 2, 77, 1, 1, 0);
    put(KEYED, 3, 88, 1, 1, 0);
    struct lj_group *g = take(KEYED, 2, 0); /* topped up with the further event of its key */
    EXPECT(g, 1, 2);
    put(KEYED, 4, 77, 1, 1, 0);
    put(KEYED, 5, 99, 1, 1, 0);
    struct lj_group *other = take(KEYED, 10, 0);
    EXPECT(other, 3, 5); /* 4 waits for its key */
    put(KEYED, 6, 77, 1, 1, 0);
    assert_null(take(KEYED, 10, 0));
    lj_backlog_finish(b, KEYED, &g);
    g = take(KEYED, 10, 0);
    EXPECT(g, 4, 6);
    lj_backlog_finish(b, KEYED, &g);
    lj_backlog_finish(b, KEYED, &other);
}

static void test_single_takes_one_of_a_key(void **state)
{
    (void)state;
    for (int64_t p = 1; p <= 3; p++)
        put(SINGLE, p, 77, 1, 1, 0);
    for (int64_t p = 1; p <= 3; p++) {
        struct lj_group *g = take(SINGLE, 10, 0);
        EXPECT(g, p);
        assert_null(take(SINGLE, 10, 0));
        lj_backlog_finish(b, SINGLE, &g);
    }
}

static void test_by_position_one_batch_out(void **state)
{
    (void)state;
    put(SERIAL, 1, 1, 9, 2, 0);
    put(SERIAL, 2, 2, 1, 0, 0); /* another unit, an urgent class: no overtaking */
    put(SERIAL, 3, 3, 5, 1, 0);
    struct lj_group *g = take(SERIAL, 2, 0);
    EXPECT(g, 1, 2);
    assert_null(take(SERIAL, 2, 0));
    lj_backlog_halve(b, SERIAL, &g, 0);
    g = take(SERIAL, 5, 0);
    EXPECT(g, 1);
    assert_null(take(SERIAL, 5, 0));
    lj_backlog_finish(b, SERIAL, &g);
    g = take(SERIAL, 5, 0);
    EXPECT(g, 2); /* the second half before what was behind it */
    lj_backlog_finish(b, SERIAL, &g);
    g = take(SERIAL, 5, 0);
    EXPECT(g, 3);
    lj_backlog_finish(b, SERIAL, &g);
}

static void test_halves_of_a_key_wait_for_each_other(void **state)
{
    (void)state;
    for (int64_t p = 1; p <= 4; p++)
        put(KEYED, p, 77, 1, 1, 0);
    struct lj_group *g = take(KEYED, 4, 0);
    lj_backlog_halve(b, KEYED, &g, 0);
    g = take(KEYED, 4, 0);
    EXPECT(g, 1, 2);
    assert_null(take(KEYED, 4, 0));
    lj_backlog_halve(b, KEYED, &g, 0); /* and again */
    for (int64_t p = 1; p <= 2; p++) {
        g = take(KEYED, 4, 0);
        EXPECT(g, p);
        lj_backlog_finish(b, KEYED, &g);
    }
    g = take(KEYED, 4, 0);
    EXPECT(g, 3, 4);
    lj_backlog_finish(b, KEYED, &g);
    assert_int_equal(lj_backlog_stats(b, KEYED).open, 0);
}

static void test_a_group_is_split_where_it_is_said(void **state)
{
    (void)state;
    for (int64_t p = 1; p <= 4; p++)
        put(KEYED, p, 77, 1, 1, 0);
    struct lj_group *g = take(KEYED, 4, 0);
    lj_backlog_split(b, KEYED, &g, 3, 0);
    g = take(KEYED, 4, 0);
    EXPECT(g, 1, 2, 3);
    assert_int_equal(g->attempts, 0);
    assert_null(take(KEYED, 4, 0));
    lj_backlog_finish(b, KEYED, &g);
    g = take(KEYED, 4, 0);
    EXPECT(g, 4);
    lj_backlog_finish(b, KEYED, &g);
}

static void test_parked_key_takes_later_events_behind_it(void **state)
{
    (void)state;
    struct lj_group *g, *behind;
    put(KEYED, 1, 77, 1, 1, 0);
    put(KEYED, 2, 88, 1, 1, 0);
    g = take(KEYED, 1, 0);
    put(KEYED, 3, 77, 1, 1, 0);
    lj_backlog_parked(b, KEYED, &g);
    assert_int_equal(lj_backlog_take(b, KEYED, 10, 0, &g, &behind), 0);
    EXPECT(g, 2);
    EXPECT(behind, 3);
    lj_backlog_finish(b, KEYED, &g);
    lj_backlog_parked(b, KEYED, &behind);
    assert_int_equal(lj_backlog_stats(b, KEYED).open, 0);
    /* Redriven in position order: the key is free again, one batch at a time. */
    assert_int_equal(lj_backlog_parked_key(b, KEYED, 77, -1), 0);
    assert_int_equal(lj_backlog_parked_key(b, KEYED, 77, -1), 0);
    put(KEYED, 1, 77, 1, 1, LJ_ITEM_REDRIVEN);
    put(KEYED, 3, 77, 1, 1, LJ_ITEM_REDRIVEN);
    g = take(KEYED, 10, 0);
    EXPECT(g, 1, 3);
    lj_backlog_finish(b, KEYED, &g);
}

static void test_redriven_goes_before_what_waits(void **state)
{
    (void)state;
    struct lj_item item = {
        .position = 1, .key = 77, .unit = 1, .class = 1, .flags = LJ_ITEM_REDRIVEN};
    put(KEYED, 2, 77, 1, 1, 0); /* of its key, queued while it was parked */
    assert_int_equal(lj_backlog_push_front(b, KEYED, &item), 0);
    struct lj_group *g = take(KEYED, 1, 0);
    EXPECT(g, 1);
    lj_backlog_finish(b, KEYED, &g);
    g = take(KEYED, 1, 0);
    EXPECT(g, 2);
    lj_backlog_finish(b, KEYED, &g);
}

static void test_what_goes_out_again_stays_behind_a_parked_one(void **state)
{
    (void)state;
    struct lj_group *g, *behind;
    for (int64_t p = 1; p <= 4; p++)
        put(KEYED, p, 77, 1, 1, 0);
    g = take(KEYED, 4, 0);
    lj_backlog_halve(b, KEYED, &g, 0);
    g = take(KEYED, 4, 0);
    lj_backlog_halve(b, KEYED, &g, 0);
    g = take(KEYED, 4, 0);
    EXPECT(g, 1);
    lj_backlog_parked(b, KEYED, &g);
    for (int64_t p = 2; p <= 3; p++) { /* 2 alone, then 3 and 4: never out, parked behind it */
        assert_int_equal(lj_backlog_take(b, KEYED, 10, 0, &g, &behind), 0);
        assert_null(g);
        assert_non_null(behind);
        assert_int_equal(behind->items[0].position, p);
        lj_backlog_parked(b, KEYED, &behind);
    }
    assert_int_equal(lj_backlog_stats(b, KEYED).open, 0);
    assert_int_equal(lj_backlog_stats(b, KEYED).groups_out, 0);
}

static void test_barrier_holds_until_the_other_kind_is_there(void **state)
{
    (void)state;
    put(SERIAL, 1, 1, 1, 1, 0);
    put(BARRED, 2, 2, 1, 1, 0);
    lj_backlog_advance(b, 2, 0);
    assert_null(take(BARRED, 10, 0));
    struct lj_group *g = take(SERIAL, 10, 0);
    lj_backlog_finish(b, SERIAL, &g);
    g = take(BARRED, 10, 0);
    EXPECT(g, 2);
    lj_backlog_finish(b, BARRED, &g);
}

static void test_a_flooding_unit_does_not_starve_a_quiet_one(void **state)
{
    (void)state;
    int64_t p = 1;
    for (; p <= 10000; p++)
        put(FREE, p, (uint64_t)p, 1, 1, 0);
    put(FREE, p, (uint64_t)p, 2, 1, 0);
    struct lj_group *g = take(FREE, 2 * LJ_QUANTUM, 0);
    int seen = 0;
    for (size_t i = 0; i < g->n; i++)
        seen |= g->items[i].unit == 2;
    assert_true(seen);
    lj_backlog_finish(b, FREE, &g);
}

static void test_classes_and_ageing(void **state)
{
    (void)state;
    put(FREE, 1, 1, 1, 3, 0);
    lj_backlog_advance(b, 1, 0);
    put(FREE, 2, 2, 1, 1, 0);
    lj_backlog_advance(b, 2, 1000000);
    struct lj_group *g = take(FREE, 1, 1000000);
    EXPECT(g, 2); /* the better class first */
    lj_backlog_finish(b, FREE, &g);
    put(FREE, 3, 3, 1, 1, 0);
    lj_backlog_advance(b, 3, 7000000);
    g = take(FREE, 1, 7000000); /* seven seconds: three classes up, past a fresh event of class 1 */
    EXPECT(g, 1);
    lj_backlog_finish(b, FREE, &g);
    g = take(FREE, 1, 7000000);
    EXPECT(g, 3);
    lj_backlog_finish(b, FREE, &g);
}

static void test_a_key_is_never_reordered_by_classes(void **state)
{
    (void)state;
    put(KEYED, 1, 77, 1, 2, LJ_ITEM_OWN_KEY); /* a bulk report... */
    put(KEYED, 2, 77, 1, 1, 0);               /* ...and its correction, sent as usual */
    struct lj_group *g = take(KEYED, 1, 0);
    EXPECT(g, 1);
    lj_backlog_finish(b, KEYED, &g);
    g = take(KEYED, 1, 0);
    EXPECT(g, 2);
    lj_backlog_finish(b, KEYED, &g);
    assert_null(take(KEYED, 1, 0));
}

static void test_failed_part_of_a_batch(void **state)
{
    (void)state;
    for (int64_t p = 1; p <= 4; p++)
        put(FREE, p, (uint64_t)p, 1, 1, 0);
    struct lj_group *g = take(FREE, 4, 0);
    uint8_t failed[4] = {0, 1, 0, 1};
    struct lj_group *cut = lj_backlog_cut(b, FREE, g, failed);
    EXPECT(g, 1, 3);
    EXPECT(cut, 2, 4);
    lj_backlog_finish(b, FREE, &g);
    lj_backlog_again(b, FREE, &cut, 500);
    assert_null(take(FREE, 4, 499));
    assert_int_equal(lj_backlog_next_due(b, FREE), 500);
    cut = take(FREE, 4, 500);
    EXPECT(cut, 2, 4);
    lj_backlog_finish(b, FREE, &cut);
    assert_int_equal(lj_backlog_stats(b, FREE).open, 0);
    assert_int_equal(lj_backlog_stats(b, FREE).groups_out, 0);
}

/* Random histories of an ordered kind: whatever fails, halves, parks and comes back, no key is ever
 * out twice and each key's order holds. */
static void test_random_histories_keep_keys_in_order(void **state)
{
    (void)state;
    enum { KEYS = 7, EVENTS = 3000 };
    static int64_t done_upto[KEYS];
    int out_of[KEYS] = {0};
    struct lj_group *held[4] = {0};
    uint64_t rng = 20260101;
    int64_t next = 1, closed = 0, now = 0;
    for (int k = 0; k < KEYS; k++)
        done_upto[k] = 0;
    while (closed < EVENTS) {
        rng = rng * 6364136223846793005U + 1442695040888963407U;
        unsigned r = (unsigned)(rng >> 33);
        struct lj_group **slot = &held[r % 4];
        now += 1000;
        if (next <= EVENTS && r % 3 == 0) {
            unsigned key = (r >> 4) % KEYS;
            put(KEYED, next++, key, (int)(key % 3), 1, 0);
        } else if (!*slot) {
            *slot = take(KEYED, 1 + r % 9, now);
            for (size_t i = 0; *slot && i < (*slot)->n; i++)
                out_of[(*slot)->items[i].key]++;
            for (size_t i = 0; *slot && i < (*slot)->n; i++)
                for (int o = 0; o < 4; o++)
                    for (size_t j = 0; held[o] && held[o] != *slot && j < held[o]->n; j++)
                        assert_int_not_equal(held[o]->items[j].key, (*slot)->items[i].key);
        } else if (r % 5 == 1) {
            for (size_t i = 0; i < (*slot)->n; i++)
                out_of[(*slot)->items[i].key]--;
            lj_backlog_halve(b, KEYED, slot, now + 500);
        } else {
            for (size_t i = 0; i < (*slot)->n; i++) {
                const struct lj_item *item = &(*slot)->items[i];
                assert_true(item->position > done_upto[item->key]);
                done_upto[item->key] = item->position;
                out_of[item->key]--;
                closed++;
            }
            lj_backlog_finish(b, KEYED, slot);
        }
    }
    assert_int_equal(lj_backlog_stats(b, KEYED).open, 0);
    assert_int_equal(lj_backlog_stats(b, KEYED).held, 0);
}

/* In a replay: what may be about another event's effect never shares a batch with that event. */
static void test_a_kind_that_looks_back_sees_what_was_before(void **state)
{
    (void)state;
    for (int64_t p = 1; p <= 7; p++) {
        struct lj_item item = {.position = p,
                               .key = (uint64_t)p,
                               .unit = 1,
                               .type = p == 3 || p == 4 || p == 7 ? CONSTANT_TYPE : OWN_KEY_TYPE,
                               .class = 1};
        assert_int_equal(lj_backlog_open(b, LOOKING, p), 0);
        assert_int_equal(lj_backlog_push(b, LOOKING, &item), 0);
    }
    struct lj_group *g = take(LOOKING, 10, 0);
    EXPECT(g, 1, 2);
    assert_null(take(LOOKING, 10, 0));
    lj_backlog_finish(b, LOOKING, &g);
    g = take(LOOKING, 10, 0);
    EXPECT(g, 3, 4, 5, 6);
    lj_backlog_finish(b, LOOKING, &g);
    lj_backlog_limit(b, LOOKING, 6); /* a settlement up to there is due: it may write, too */
    assert_null(take(LOOKING, 10, 0));
    lj_backlog_limit(b, LOOKING, INT64_MAX);
    g = take(LOOKING, 10, 0);
    EXPECT(g, 7);
    lj_backlog_finish(b, LOOKING, &g);
    assert_int_equal(lj_backlog_stats(b, LOOKING).open, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(test_watermark_is_lowest_open_minus_one),
        T(test_gate_counts_in_the_watermark_before_it_opens),
        T(test_one_batch_of_a_key_and_its_order),
        T(test_single_takes_one_of_a_key),
        T(test_by_position_one_batch_out),
        T(test_halves_of_a_key_wait_for_each_other),
        T(test_a_group_is_split_where_it_is_said),
        T(test_parked_key_takes_later_events_behind_it),
        T(test_redriven_goes_before_what_waits),
        T(test_what_goes_out_again_stays_behind_a_parked_one),
        T(test_barrier_holds_until_the_other_kind_is_there),
        T(test_a_flooding_unit_does_not_starve_a_quiet_one),
        T(test_classes_and_ageing),
        T(test_a_key_is_never_reordered_by_classes),
        T(test_failed_part_of_a_batch),
        T(test_random_histories_keep_keys_in_order),
        T(test_a_kind_that_looks_back_sees_what_was_before),
    };
    return cmocka_run_group_tests_name("broker backlog", tests, NULL, NULL);
}
