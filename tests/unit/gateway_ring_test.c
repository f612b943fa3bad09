/* The stream's recent past and its text: what falls out and what stays, ids that are read back
 * exactly, what a reader sees. lj-test: lj_gateway_core lj_client lj_proto lj_common
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ring.h"
#include "gateway/sse.h"

static const uint8_t id[16] = {1, 2, 3};

static void add_event(struct lj_ring *r, int64_t position)
{
    assert_int_equal(lj_ring_event(r, position, id, "PS001", "a.b", 3, NULL), 0);
}

static void add_closure(struct lj_ring *r, int64_t number, uint16_t count)
{
    struct lj_ring_member m[64];
    for (uint16_t i = 0; i < count; i++) {
        m[i] = (struct lj_ring_member){.position = i + 1, .verdict = 1, .unit = "PS001"};
    }
    assert_int_equal(lj_ring_closure(r, number, "kind", 4, m, count, NULL), 0);
}

static void oldest_fall_out(void **state)
{
    struct lj_ring *r;
    (void)state;
    assert_int_equal(lj_ring_new(16, 1 << 20, &r, NULL), 0);
    lj_ring_start(r, (struct lj_cursor){100, 10});
    for (int64_t p = 101; p <= 120; p++) {
        add_event(r, p);
    }
    assert_int_equal(lj_ring_end(r) - lj_ring_begin(r), 16);
    assert_int_equal(lj_ring_base(r).position, 104); /* 105..120 are here */
    assert_int_equal(lj_ring_base(r).closure, 10);
    assert_int_equal(lj_ring_head(r).position, 120);
    assert_int_equal(lj_ring_at(r, lj_ring_begin(r))->number, 105);
    for (int64_t n = 11; n <= 26; n++) {
        add_closure(r, n, 1);
    }
    assert_int_equal(lj_ring_base(r).position, 120); /* all events fell out */
    assert_int_equal(lj_ring_base(r).closure, 10);
    lj_ring_free(&r);
    assert_null(r);
}

static void repeats_are_left_out(void **state)
{
    struct lj_ring *r;
    (void)state;
    assert_int_equal(lj_ring_new(16, 1 << 20, &r, NULL), 0);
    lj_ring_start(r, (struct lj_cursor){5, 5});
    add_event(r, 5);
    add_event(r, 7);
    add_event(r, 6);
    add_closure(r, 5, 1);
    assert_int_equal(lj_ring_end(r), 1);
    lj_ring_advance_events(r, 9);
    lj_ring_advance_events(r, 8);
    add_event(r, 9);
    assert_int_equal(lj_ring_end(r), 1);
    assert_int_equal(lj_ring_head(r).position, 9);
    lj_ring_free(&r);
}

static void bytes_are_bounded(void **state)
{
    struct lj_ring *r;
    (void)state;
    size_t member = sizeof(struct lj_ring_member);
    assert_int_equal(lj_ring_new(1024, 100 * member, &r, NULL), 0);
    size_t empty = lj_ring_bytes(r);
    for (int64_t n = 1; n <= 50; n++) {
        add_closure(r, n, 30);
        assert_true(lj_ring_bytes(r) - empty <= 100 * member);
    }
    assert_int_equal(lj_ring_end(r) - lj_ring_begin(r), 3);
    assert_int_equal(lj_ring_base(r).closure, 47);
    lj_ring_free(&r);
}

static void ids_are_read_back(void **state)
{
    static const struct lj_cursor good[] = {
        {0, 0}, {1, 2}, {999999999999999999, 999999999999999999}};
    static const char *const bad[] = {"",     "-",     "1",     "1-",    "-1",
                                      "01-1", "1-01",  "+1-1",  "1--1",  "1-1 ",
                                      " 1-1", "1-1-1", "1.0-1", "0x1-1", "1000000000000000000-0",
                                      "1-1\n"};
    struct lj_cursor c;
    char text[LJ_SSE_ID_MAX];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        lj_sse_id(good[i], text);
        assert_int_equal(lj_sse_id_parse(text, &c, NULL), 0);
        assert_memory_equal(&c, &good[i], sizeof c);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(lj_sse_id_parse(bad[i], &c, NULL), LJ_E_BAD_CURSOR);
    }
}

static bool only_ps001(const char unit[LJ_UNIT_CODE_LEN + 1], void *arg)
{
    (void)arg;
    return strcmp(unit, "PS001") == 0;
}

static void readers_see_their_units(void **state)
{
    struct lj_ring_member m[] = {{1, 1, "PS001"}, {2, 2, "PS002"}, {3, -3, "PS001"}};
    struct lj_ring_item closure = {.number = 9, .name = "quota", .members = m, .count = 3};
    struct lj_ring_item foreign = {.number = 2, .name = "a.b", .unit = "PS002"};
    struct lj_sse_filter mine = {.sees = only_ps001, .type = ""}, typed = {.type = "c.d"};
    struct lj_buf b = {0};
    (void)state;
    assert_true(lj_sse_closure(&b, &closure, (struct lj_cursor){3, 9}, &mine));
    lj_buf_u8(&b, 0);
    assert_string_equal(
        (char *)b.data,
        "id: 3-9\nevent: closure\ndata: "
        "{\"number\":9,\"kind\":\"quota\",\"positions\":[1,3],\"verdicts\":[1,-3]}\n\n");
    lj_buf_clear(&b);
    assert_false(lj_sse_event(&b, &foreign, (struct lj_cursor){2, 0}, &mine));
    assert_false(lj_sse_event(&b, &foreign, (struct lj_cursor){2, 0}, &typed));
    closure.members = m + 1;
    closure.count = 1;
    assert_false(lj_sse_closure(&b, &closure, (struct lj_cursor){3, 9}, &mine));
    assert_int_equal(b.len, 0);
    lj_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_fall_out), cmocka_unit_test(repeats_are_left_out),
        cmocka_unit_test(bytes_are_bounded), cmocka_unit_test(ids_are_read_back),
        cmocka_unit_test(readers_see_their_units)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
