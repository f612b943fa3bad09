/* UUIDs: the strict text form, versions, the monotone generator, and the version 8 derivation
 * against vectors computed elsewhere.
 *
 * lj-test: lj_common
 *
 * The version 8 vectors come from Python's hashlib, not from this code; the SQL twin is held
 * against the same ones. */
#include "common/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PARENT "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061"

/* Parse from an exact-size copy, so that AddressSanitizer sees a read past the end. */
static int parse(const char *text, size_t len, uint8_t ret[LJ_UUID_BYTES])
{
    char *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);
    int rc = lj_uuid_parse(copy, len, ret, NULL);
    free(copy);
    return rc;
}

static void test_parse_accepts_both_cases(void **state)
{
    static const uint8_t want[LJ_UUID_BYTES] = {0x01, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0x7e, 0x8f,
                                                0x9a, 0x0b, 0x1c, 0x2d, 0x3e, 0x4f, 0x50, 0x61};
    static const char *const spellings[] = {PARENT, "0192A3B4-C5D6-7E8F-9A0B-1C2D3E4F5061",
                                            "0192a3B4-c5D6-7e8F-9A0b-1c2D3E4f5061"};
    (void)state;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        uint8_t got[LJ_UUID_BYTES];
        char text[LJ_UUID_TEXT + 1];
        assert_int_equal(parse(spellings[i], LJ_UUID_TEXT, got), 0);
        assert_memory_equal(got, want, sizeof(want));
        assert_string_equal(lj_uuid_format(got, text), PARENT);
    }
}

static void test_parse_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f506",    /* one short */
        "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f50611",  /* one long */
        "0192a3b4c5d67e8f9a0b1c2d3e4f5061",       /* no hyphens */
        "{0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061}", /* braces */
        "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f506g",   /* not hexadecimal */
        "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f50 1",
        "0192a3b4_c5d6-7e8f-9a0b-1c2d3e4f5061",
        "0192a3b-4c5d6-7e8f-9a0b-1c2d3e4f5061", /* hyphen in the wrong place */
        "-192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061",
        " 192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061",
        "0x92a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061",
        "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f50\xEF\xBC", /* bytes of a full-width digit */
    };
    struct lj_err err = {0};
    uint8_t got[LJ_UUID_BYTES] = {0xAA};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(bad[i], strlen(bad[i]), got), LJ_E_ARG);
        assert_int_equal(got[0], 0xAA); /* untouched */
    }
    for (size_t len = 0; len < LJ_UUID_TEXT; len++) {
        assert_int_equal(parse(PARENT, len, got), LJ_E_ARG);
    }
    assert_int_equal(lj_uuid_parse("short", 5, got, &err), LJ_E_ARG);
    assert_string_equal(err.text, "uuid is 5 characters, not 36");
}

static void test_version(void **state)
{
    static const struct {
        const char *text;
        int version;
    } cases[] = {
        {PARENT, 7},
        {"c232ab00-9414-11ec-b3c8-9f6bdeced846", 1},
        {"919108f7-52d1-4320-9bac-f847db4148a8", 4},
        {"0192a3b4-c5d6-8c90-9284-2d020d4d820a", 8},
        {"919108f7-52d1-4320-bfff-f847db4148a8", 4},
        {"919108f7-52d1-4320-7bac-f847db4148a8", -1}, /* variant 0 */
        {"919108f7-52d1-4320-cbac-f847db4148a8", -1}, /* variant 110 */
        {"00000000-0000-0000-0000-000000000000", -1},
        {"ffffffff-ffff-ffff-ffff-ffffffffffff", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t u[LJ_UUID_BYTES];
        assert_int_equal(parse(cases[i].text, LJ_UUID_TEXT, u), 0);
        assert_int_equal(lj_uuid_version(u), cases[i].version);
    }
}

static void test_v8_vectors(void **state)
{
    static const struct {
        const char *parent, *kind;
        uint32_t number;
        const char *want;
    } cases[] = {
        {PARENT, "quota", 0, "0192a3b4-c5d6-8c90-9284-2d020d4d820a"},
        {PARENT, "quota", 1, "0192a3b4-c5d6-8033-a7e3-da7c0161cc85"},
        {PARENT, "validation", 0, "0192a3b4-c5d6-8665-be80-3f7c1ea1cdfa"},
        {PARENT, "意见", 7, "0192a3b4-c5d6-8a52-9f92-7c44972e81fe"},
        {PARENT, "quota", UINT32_MAX, "0192a3b4-c5d6-84e5-ab09-0cd8ebb70f24"},
        {PARENT, "", 0, "0192a3b4-c5d6-80e7-89ac-4eb803a88e7f"},
        {"00000000-0000-0000-0000-000000000000", "mail", 3, "00000000-0000-8add-be2f-da717bbb66c9"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t parent[LJ_UUID_BYTES], got[LJ_UUID_BYTES];
        char text[LJ_UUID_TEXT + 1];
        assert_int_equal(parse(cases[i].parent, LJ_UUID_TEXT, parent), 0);
        lj_uuid_v8(parent, cases[i].kind, cases[i].number, got);
        assert_string_equal(lj_uuid_format(got, text), cases[i].want);
        assert_int_equal(lj_uuid_version(got), 8);
    }
}

static uint64_t ms_of(const uint8_t *u)
{
    uint64_t v = 0;
    for (int i = 0; i < 6; i++) {
        v = v << 8 | u[i];
    }
    return v;
}

static void make(struct lj_uuid_gen *g, int64_t us, uint8_t *u)
{
    assert_int_equal(lj_uuid_v7(g, us, u, NULL), 0);
    assert_int_equal(lj_uuid_version(u), 7);
}

static void test_v7_grows_whatever_the_clock_does(void **state)
{
    struct lj_uuid_gen g = {0};
    uint8_t last[LJ_UUID_BYTES] = {0}, u[LJ_UUID_BYTES];
    int64_t us = 1790000000123456;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        us += i % 7 == 0 ? 900 : i % 1000 == 999 ? -5000000 : 0;
        make(&g, us, u);
        assert_true(memcmp(last, u, sizeof(u)) < 0);
        memcpy(last, u, sizeof(u));
    }
}

static void test_v7_takes_the_clock(void **state)
{
    struct lj_uuid_gen g = {0};
    uint8_t u[LJ_UUID_BYTES];
    (void)state;
    make(&g, 1790000000123999, u);
    assert_int_equal(ms_of(u), 1790000000123);
    make(&g, 1790000000124000, u);
    assert_int_equal(ms_of(u), 1790000000124);
}

static void test_v7_runs_over_into_the_next_millisecond(void **state)
{
    struct lj_uuid_gen g = {0};
    uint8_t first[LJ_UUID_BYTES], second[LJ_UUID_BYTES];
    (void)state;
    make(&g, 5000, first);
    g.high = 0x3FF; /* all 74 bits set: the next step has no room */
    g.low = UINT64_MAX;
    make(&g, 5000, second);
    assert_int_equal(ms_of(second), 6);
    assert_true(memcmp(first, second, sizeof(first)) < 0);
    make(&g, 5000, first);
    assert_true(memcmp(second, first, sizeof(first)) < 0);
}

static void test_v7_carries_between_its_words(void **state)
{
    struct lj_uuid_gen g = {0};
    uint8_t before[LJ_UUID_BYTES], after[LJ_UUID_BYTES];
    (void)state;
    make(&g, 5000, before);
    g.high = 5;
    g.low = UINT64_MAX;
    make(&g, 5000, after);
    assert_int_equal(ms_of(after), 5);
    assert_int_equal(g.high, 6);
    assert_int_equal((after[6] & 15) << 8 | after[7], 6 << 2);
    assert_int_equal(after[8], 0x80); /* the step is at most 2^32 */
}

static void test_v7_generators_differ_and_times_are_checked(void **state)
{
    struct lj_uuid_gen a = {0}, b = {0};
    uint8_t u[LJ_UUID_BYTES], v[LJ_UUID_BYTES];
    (void)state;
    make(&a, 5000, u);
    make(&b, 5000, v);
    assert_memory_not_equal(u, v, sizeof(u));
    assert_int_equal(lj_uuid_v7(&a, -1, u, NULL), LJ_E_ARG);
    assert_int_equal(lj_uuid_v7(&a, INT64_MAX, u, NULL), LJ_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_accepts_both_cases),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_v8_vectors),
        cmocka_unit_test(test_v7_grows_whatever_the_clock_does),
        cmocka_unit_test(test_v7_takes_the_clock),
        cmocka_unit_test(test_v7_runs_over_into_the_next_millisecond),
        cmocka_unit_test(test_v7_carries_between_its_words),
        cmocka_unit_test(test_v7_generators_differ_and_times_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
