/* The buffer and the reader: what is written is read back, and nothing is read or written past an
 * end.
 *
 * lj-test: lj_common
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"

static void round_trip(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    lj_buf_u8(&b, 0xfe);
    lj_buf_u16(&b, 0x1234);
    lj_buf_u32(&b, 0xdeadbeef);
    lj_buf_u64(&b, 0x0102030405060708u);
    lj_buf_i64(&b, -2);
    lj_buf_str8(&b, "abc", 3);
    lj_buf_str32(&b, "hello", 5);
    lj_buf_str8(&b, "", 0);
    assert_int_equal(b.failed, 0);
    assert_int_equal(b.len, 1 + 2 + 4 + 8 + 8 + 4 + 9 + 1);
    const uint8_t start[] = {0xfe, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 1, 2};
    assert_memory_equal(b.data, start, sizeof start);

    struct lj_reader r = lj_reader(b.data, b.len);
    size_t n = 99;
    assert_int_equal(lj_read_u8(&r), 0xfe);
    assert_int_equal(lj_read_u16(&r), 0x1234);
    assert_int_equal(lj_read_u32(&r), 0xdeadbeef);
    assert_true(lj_read_u64(&r) == 0x0102030405060708u);
    assert_true(lj_read_i64(&r) == -2);
    assert_memory_equal(lj_read_str8(&r, &n), "abc", 3);
    assert_int_equal(n, 3);
    assert_memory_equal(lj_read_str32(&r, &n), "hello", 5);
    assert_int_equal(n, 5);
    assert_non_null(lj_read_str8(&r, &n));
    assert_int_equal(n, 0);
    assert_int_equal(r.left, 0);
    assert_int_equal(r.bad, 0);
    lj_buf_free(&b);
    assert_null(b.data);
    lj_buf_free(&b);
}

/* Every truncation of a valid record is found, and nothing after the first failure gives data. */
static void truncations(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    lj_buf_u16(&b, 7);
    lj_buf_str8(&b, "xyz", 3);
    lj_buf_str32(&b, "12345678", 8);
    lj_buf_u64(&b, UINT64_MAX);
    for (size_t cut = 0; cut < b.len; cut++) {
        /* An exact copy, so that AddressSanitizer sees a read behind the cut. */
        uint8_t *copy = test_malloc(cut ? cut : 1);
        memcpy(copy, b.data, cut);
        struct lj_reader r = lj_reader(copy, cut);
        size_t n = 99;
        (void)lj_read_u16(&r);
        (void)lj_read_str8(&r, &n);
        (void)lj_read_str32(&r, &n);
        assert_true(lj_read_u64(&r) == 0);
        assert_int_equal(r.bad, 1);
        assert_int_equal(lj_read_u8(&r), 0);
        assert_null(lj_read_bytes(&r, 0));
        assert_string_equal(lj_read_str8(&r, &n), "");
        assert_int_equal(n, 0);
        test_free(copy);
    }
    lj_buf_free(&b);
}

static void a_length_that_lies(void **state)
{
    (void)state;
    const uint8_t lie[] = {0xff, 0xff, 0xff, 0xff, 'a'};
    struct lj_reader r = lj_reader(lie, sizeof lie);
    size_t n = 99;
    assert_non_null(lj_read_str32(&r, &n));
    assert_int_equal(n, 0);
    assert_int_equal(r.bad, 1);
}

static void growth(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    for (uint32_t i = 0; i < 100000; i++)
        lj_buf_u32(&b, i);
    assert_int_equal(b.failed, 0);
    assert_int_equal(b.len, 400000);
    struct lj_reader r = lj_reader(b.data, b.len);
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(lj_read_u32(&r), i);
    size_t cap = b.cap;
    lj_buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, cap);
    assert_non_null(lj_buf_grow(&b, 0));
    lj_buf_free(&b);
}

static void failures_stick(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    char long_text[256];
    memset(long_text, 'a', sizeof long_text);
    lj_buf_str8(&b, long_text, 255);
    assert_int_equal(b.failed, 0);
    lj_buf_str8(&b, long_text, 256);
    assert_int_equal(b.failed, 1);
    size_t len = b.len;
    lj_buf_u8(&b, 1);
    lj_buf_printf(&b, "x");
    assert_null(lj_buf_grow(&b, 1));
    assert_int_equal(b.len, len);
    lj_buf_clear(&b);
    assert_null(lj_buf_grow(&b, SIZE_MAX - 4));
    assert_int_equal(b.failed, 1);
    lj_buf_free(&b);
}

static void patching(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    lj_buf_u32(&b, 0);
    lj_buf_u8(&b, 9);
    lj_buf_set_u32(&b, 0, 0x01020304);
    assert_memory_equal(b.data, "\x01\x02\x03\x04\x09", 5);
    lj_buf_set_u32(&b, 1, 5);
    assert_int_equal(b.failed, 0);
    lj_buf_set_u32(&b, 2, 5);
    assert_int_equal(b.failed, 1);
    lj_buf_free(&b);
    lj_buf_set_u32(&b, 0, 1);
    assert_int_equal(b.failed, 1);
    lj_buf_free(&b);
}

static void printing(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    lj_buf_printf(&b, "%s", "");
    assert_int_equal(b.len, 0);
    assert_string_equal((char *)b.data, "");
    lj_buf_printf(&b, "a=%d;", 7);
    lj_buf_printf(&b, "%600s|", "x"); /* longer than the first capacity */
    assert_int_equal(b.len, 4 + 601);
    assert_int_equal(b.data[b.len], 0);
    assert_int_equal(b.data[b.len - 1], '|');
    assert_memory_equal(b.data, "a=7; ", 5);
    /* Exactly full: the NUL needs one more byte than the text. */
    lj_buf_clear(&b);
    int fill = (int)b.cap;
    lj_buf_printf(&b, "%*s", fill, "y");
    assert_int_equal(b.len, (size_t)fill);
    assert_int_equal(b.data[b.len], 0);
    lj_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),         cmocka_unit_test(truncations),
        cmocka_unit_test(a_length_that_lies), cmocka_unit_test(growth),
        cmocka_unit_test(failures_stick),     cmocka_unit_test(patching),
        cmocka_unit_test(printing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
