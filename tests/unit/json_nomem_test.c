/* The JSON reader without memory: every single allocation made to fail once. It must say so, leak
 * nothing, and be usable afterwards.
 *
 * lj-test: lj_proto lj_common
 *
 * json_scan.c is compiled into this test with its three ways to memory replaced; the linker then
 * leaves the library's own copy out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"

static int countdown; /* allocations that still succeed; below zero: all do */

static int fails(void)
{
    return countdown >= 0 && countdown-- == 0;
}

static void *failing_calloc(size_t n, size_t size)
{
    return fails() ? NULL : calloc(n, size);
}

static void *failing_realloc(void *p, size_t n)
{
    return fails() ? NULL : realloc(p, n);
}

static uint8_t *failing_grow(struct lj_buf *b, size_t n)
{
    return fails() ? NULL : lj_buf_grow(b, n);
}

#define calloc      failing_calloc
#define realloc     failing_realloc
#define lj_buf_grow failing_grow
#include "proto/json_scan.c" /* NOLINT(bugprone-suspicious-include): see above */
#undef calloc
#undef realloc
#undef lj_buf_grow

static void test_scratch(void **state)
{
    struct lj_json_scratch *s = NULL;
    int refused = -1;
    (void)state;
    while (s == NULL) {
        countdown = ++refused;
        s = lj_json_scratch_new();
    }
    assert_int_equal(refused, 3); /* itself, the members, their order */
    countdown = -1;
    lj_json_scratch_free(&s);
}

/* A text that uses every buffer: keys out of order, an escaped key, an escaped string, numbers, and
 * more members than the stack holds at first (an inner object behind 70 of them). pad moves it
 * along, so that growth falls upon each way of writing in turn. */
static char *make_text(size_t pad)
{
    char *text = malloc(4096 + pad), *p = stpcpy(text, "{\"a\":\"");
    memset(p, 'x', pad);
    p = stpcpy(p + pad, "\",\"z\":[1.50,0,true,\"\\u4e2d\"],\"\\u0062\":{\"\":[],\"k\":\"\\n\"},"
                        "\"c\":[[],{},\"\\t\",-2.5e1,null]");
    for (int i = 0; i < 70; i++) {
        p += sprintf(p, ",\"m%d\":0", i);
    }
    strcpy(p, ",\"y\":{\"e\":{}}}");
    return text;
}

/* Fail each allocation of one scan in turn; returns how many there were. */
static int fail_each(const struct lj_json_request *req, const char *text)
{
    struct lj_json_result res;
    int rc = LJ_E_NOMEM, refused = 0;
    for (; rc != 0; refused++) {
        struct lj_json_error err = {0};
        countdown = -1;
        struct lj_json_scratch *s = lj_json_scratch_new();
        assert_non_null(s);
        countdown = refused;
        rc = lj_json_scan(req, text, strlen(text), s, NULL, &res, &err);
        countdown = -1;
        if (rc != 0) {
            assert_int_equal(rc, LJ_E_NOMEM);
            assert_int_equal(err.reason, LJ_JSON_NOMEM);
            assert_int_equal(lj_json_scan(req, text, strlen(text), s, NULL, &res, &err),
                             0); /* the scratch is still good */
        }
        assert_memory_equal(res.canonical, "{\"a\":\"", 6);
        lj_json_scratch_free(&s);
    }
    return refused - 1;
}

static void test_every_allocation_of_a_scan(void **state)
{
    const struct lj_json_limits limits = {
        .depth = 16, .keys = LJ_JSON_KEYS_HARD, .string_bytes = 32768};
    const struct lj_json_request req = {.limits = &limits, .canonical = true};
    (void)state;
    for (size_t pad = 0; pad < 300; pad++) {
        char *text = make_text(pad);
        assert_true(fail_each(&req, text) >=
                    5); /* canonical form, its growth, sorting, keys, members, their order */
        free(text);
    }
}

static void test_a_second_scan_allocates_nothing(void **state)
{
    const struct lj_json_limits limits = {
        .depth = 16, .keys = LJ_JSON_KEYS_HARD, .string_bytes = 32768};
    const struct lj_json_request req = {.limits = &limits, .canonical = true};
    struct lj_json_result res;
    struct lj_json_scratch *s = lj_json_scratch_new();
    char *text = make_text(5000);
    (void)state;
    countdown = -1;
    assert_int_equal(lj_json_scan(&req, text, strlen(text), s, NULL, &res, NULL), 0);
    countdown = 0;
    assert_int_equal(lj_json_scan(&req, text, strlen(text), s, NULL, &res, NULL), 0);
    assert_int_equal(countdown, 0);
    countdown = -1;
    lj_json_scratch_free(&s);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_every_allocation_of_a_scan),
        cmocka_unit_test(test_a_second_scan_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
