/* The strict JSON reader: what it accepts, what it refuses, why and at which byte, and its limits.
 * Every text also goes through tests/fuzz/json_check.h, that is past jansson. (Canonical form,
 * pointers, members, content hash: json_canon_test.c.)
 *
 * lj-test: lj_proto lj_common PkgConfig::JANSSON
 *
 * Texts are handed over in memory of their exact size, so that AddressSanitizer sees the first byte
 * read too far. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "tests/fuzz/json_check.h"

static struct lj_json_scratch *scratch;

static int open_scratch(void **state)
{
    (void)state;
    scratch = lj_json_scratch_new();
    return scratch == NULL;
}

static int close_scratch(void **state)
{
    (void)state;
    lj_json_scratch_free(&scratch);
    lj_json_scratch_free(&scratch); /* twice is harmless */
    return 0;
}

static char *exact(const char *text, size_t len)
{
    char *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

/* Scan with the limits of an event, any top value; the reason (LJ_JSON_OK when accepted). The text
 * also has to pass json_check. */
static enum lj_json_reason judge(const char *text, size_t len, bool any_top,
                                 struct lj_json_error *ret_err)
{
    char *copy = exact(text, len);
    const struct lj_json_request req = {.any_top = any_top};
    struct lj_json_result res;
    *ret_err = (struct lj_json_error){0};
    int rc = lj_json_scan(&req, copy, len, scratch, NULL, &res, ret_err);
    assert_int_equal(rc, lj_json_reason_code(ret_err->reason));
    const char *wrong = json_check(scratch, copy, len);
    if (wrong != NULL) {
        fail_msg("%s: %.*s", wrong, (int)(len < 200 ? len : 200), text);
    }
    free(copy);
    return ret_err->reason;
}

#define T(literal) literal, sizeof(literal) - 1

static const struct {
    const char *text;
    size_t len;
} accepted[] = {
    {T("{}")},
    {T("[]")},
    {T("0")},
    {T("-0")},
    {T("\"\"")},
    {T("null")},
    {T("true")},
    {T("false")},
    {T(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n")},
    {T("{\"a\":1,\"b\":{\"a\":1}}")}, /* same key in another object */
    {T("{\"a\":1,\"A\":2,\"aa\":3,\"\":4}")},
    {T("{\"\xC3\xA9\":1,\"e\xCC\x81\":2}")}, /* composed and decomposed are different keys */
    {T("[1.5,-1.5e+3,1E-2,0.0,0e0,-0.0,0e99999999999999999999999999]")},
    {T("[9223372036854775807,-9223372036854775808]")},
    {T("[1.7976931348623157e308,1.7976931348623158e308,1.797693134862315807e308,-1."
       "7976931348623157e308]")},
    {T("[1e-400,1e-99999999999999999999999999999999,0.1e309]")},
    {T("[9223372036854775808.0,1e19]")}, /* reals may be large */
    {T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\\uD83C\\uDFC3\\uFFFF\"")},
    {T("\"\x7F\"")},
    {T("\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F"
       "\xBF\xBF\"")},       /* every edge */
    {T("\"\xEF\xBB\xBF\"")}, /* U+FEFF inside a string is a character */
    {T("\"\xE4\xB8\xAD\xE6\x96\x87\"")},
};

static void test_accepts(void **state)
{
    struct lj_json_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        enum lj_json_reason got = judge(accepted[i].text, accepted[i].len, true, &err);
        if (got != LJ_JSON_OK) {
            fail_msg("%s at %zu: %s", lj_json_reason_name(got), err.offset, accepted[i].text);
        }
    }
}

#define BAD_UTF8(bytes, offset)                                                                    \
    {                                                                                              \
        T("\"" bytes "\""), LJ_JSON_UTF8, offset                                                   \
    }

static const struct {
    const char *text;
    size_t len;
    enum lj_json_reason reason;
    size_t offset;
} refused[] = {
    {T(""), LJ_JSON_END, 0},
    {T(" "), LJ_JSON_END, 1},
    {T("{"), LJ_JSON_END, 1},
    {T("[1,"), LJ_JSON_END, 3},
    {T("\"a"), LJ_JSON_END, 2},
    {T("-"), LJ_JSON_END, 1},
    {T("1."), LJ_JSON_END, 2},
    {T("1e+"), LJ_JSON_END, 3},
    {T("tru"), LJ_JSON_END, 3},
    {T("\"\\"), LJ_JSON_END, 2},
    {T("\"\\u12"), LJ_JSON_END, 5},
    {T("[1,]"), LJ_JSON_SYNTAX, 3},
    {T("[,1]"), LJ_JSON_SYNTAX, 1},
    {T("[1 2]"), LJ_JSON_SYNTAX, 3},
    {T("[1:2]"), LJ_JSON_SYNTAX, 2},
    {T("{\"a\":1,}"), LJ_JSON_SYNTAX, 7},
    {T("{,\"a\":1}"), LJ_JSON_SYNTAX, 1},
    {T("{\"a\"}"), LJ_JSON_SYNTAX, 4},
    {T("{\"a\" 1}"), LJ_JSON_SYNTAX, 5},
    {T("{\"a\":}"), LJ_JSON_SYNTAX, 5},
    {T("{\"a\"::1}"), LJ_JSON_SYNTAX, 5},
    {T("{1:1}"), LJ_JSON_SYNTAX, 1},
    {T("{a:1}"), LJ_JSON_SYNTAX, 1},
    {T("{'a':1}"), LJ_JSON_SYNTAX, 1},
    {T("{\"a\":1]"), LJ_JSON_SYNTAX, 6},
    {T("[1}"), LJ_JSON_SYNTAX, 2},
    {T("]"), LJ_JSON_SYNTAX, 0},
    {T("[NaN]"), LJ_JSON_SYNTAX, 1},
    {T("[Infinity]"), LJ_JSON_SYNTAX, 1},
    {T("[-Infinity]"), LJ_JSON_NUMBER, 2},
    {T("[TRUE]"), LJ_JSON_SYNTAX, 1},
    {T("[nulL]"), LJ_JSON_SYNTAX, 4},
    {T("[1]//x"), LJ_JSON_TRAILING, 3},
    {T("[/**/1]"), LJ_JSON_SYNTAX, 1},
    {T("[\f1]"), LJ_JSON_SYNTAX, 1},
    {T("[\xC2\xA0"
       "1]"),
     LJ_JSON_SYNTAX, 1}, /* no-break space */
    {T("{}{}"), LJ_JSON_TRAILING, 2},
    {T("{} x"), LJ_JSON_TRAILING, 3},
    {T("1 2"), LJ_JSON_TRAILING, 2},
    {T("truex"), LJ_JSON_TRAILING, 4},
    {T("\xEF\xBB\xBF{}"), LJ_JSON_BOM, 0},
    {T("\xFF\xFE{\0}\0"), LJ_JSON_SYNTAX, 0},
    {T("[+1]"), LJ_JSON_SYNTAX, 1},
    {T("[.5]"), LJ_JSON_SYNTAX, 1},
    {T("[01]"), LJ_JSON_NUMBER, 2},
    {T("[-01]"), LJ_JSON_NUMBER, 3},
    {T("[00]"), LJ_JSON_NUMBER, 2},
    {T("[1.]"), LJ_JSON_NUMBER, 3},
    {T("[1.e3]"), LJ_JSON_NUMBER, 3},
    {T("[1e]"), LJ_JSON_NUMBER, 3},
    {T("[1e+]"), LJ_JSON_NUMBER, 4},
    {T("[1e1.5]"), LJ_JSON_SYNTAX, 4},
    {T("[--1]"), LJ_JSON_NUMBER, 2},
    {T("[- 1]"), LJ_JSON_NUMBER, 2},
    {T("[0x10]"), LJ_JSON_SYNTAX, 2},
    {T("[1_000]"), LJ_JSON_SYNTAX, 2},
    {T("[9223372036854775808]"), LJ_JSON_INTEGER_RANGE, 1},
    {T("[-9223372036854775809]"), LJ_JSON_INTEGER_RANGE, 1},
    {T("[100000000000000000000]"), LJ_JSON_INTEGER_RANGE, 1},
    {T("[1e400]"), LJ_JSON_REAL_RANGE, 1},
    {T("[-1e400]"), LJ_JSON_REAL_RANGE, 1},
    {T("[1e309]"), LJ_JSON_REAL_RANGE, 1},
    {T("[1.797693134862315808e308]"), LJ_JSON_REAL_RANGE, 1},
    {T("[1e99999999999999999999999999]"), LJ_JSON_REAL_RANGE, 1},
    {T("[0.00001e99999999999999999999999999]"), LJ_JSON_REAL_RANGE, 1},
    {T("{\"a\":1,\"a\":1}"), LJ_JSON_DUPLICATE, 7},
    {T("{\"a\":1,\"\\u0061\":1}"), LJ_JSON_DUPLICATE, 7},
    {T("{\"\":1,\"b\":2,\"\":3}"), LJ_JSON_DUPLICATE, 12},
    {T("{\"\\uD83C\\uDFC3\":1,\"\xF0\x9F\x8F\x83\":1}"), LJ_JSON_DUPLICATE, 18},
    {T("{\"/\":1,\"\\/\":1}"), LJ_JSON_DUPLICATE, 7},
    {T("{\"longer key 1\":1,\"longer key 2\":1,\"longer key 1\":1}"), LJ_JSON_DUPLICATE, 35},
    {T("[{\"c\":1,\"b\":2,\"a\":3,\"b\":4}]"), LJ_JSON_DUPLICATE, 20},
    {T("\"\n\""), LJ_JSON_CONTROL, 1},
    {T("\"a\x1F\""), LJ_JSON_CONTROL, 2},
    {T("\"a\0b\""), LJ_JSON_NUL, 2},
    {T("{}\0"), LJ_JSON_NUL, 2},
    {T("\0{}"), LJ_JSON_NUL, 0},
    {T("[1\0]"), LJ_JSON_NUL, 2},
    {T("\"a\\u0000\""), LJ_JSON_NUL, 2},
    {T("{\"\\u0000\":1}"), LJ_JSON_NUL, 2},
    {T("\"\\x41\""), LJ_JSON_ESCAPE, 2},
    {T("\"\\a\""), LJ_JSON_ESCAPE, 2},
    {T("\"\\'\""), LJ_JSON_ESCAPE, 2},
    {T("\"\\u00g0\""), LJ_JSON_ESCAPE, 5},
    {T("\"\\U0041\""), LJ_JSON_ESCAPE, 2},
    {T("\"\\u 041\""), LJ_JSON_ESCAPE, 3},
    {T("\"\\uD800\""), LJ_JSON_SURROGATE, 1},
    {T("\"\\uDC00\""), LJ_JSON_SURROGATE, 1},
    {T("\"\\uD800\\uD800\""), LJ_JSON_SURROGATE, 1},
    {T("\"\\uD800\\u0041\""), LJ_JSON_SURROGATE, 1},
    {T("\"\\uD800x\""), LJ_JSON_SURROGATE, 1},
    {T("\"\\uD800\\n\""), LJ_JSON_SURROGATE, 1},
    {T("\"\\uDFFF\\uD800\""), LJ_JSON_SURROGATE, 1},
    BAD_UTF8("\x80", 1), /* stray tail */
    BAD_UTF8("\xBF", 1),
    BAD_UTF8("\xC0\x80", 1), /* overlong NUL */
    BAD_UTF8("\xC1\xBF", 1),
    BAD_UTF8("\xC2", 1), /* cut off */
    BAD_UTF8("\xC2x", 1),
    BAD_UTF8("\xE0\x80\x80", 1), /* overlong */
    BAD_UTF8("\xE0\x9F\xBF", 1),
    BAD_UTF8("\xED\xA0\x80", 1), /* surrogates */
    BAD_UTF8("\xED\xBF\xBF", 1),
    BAD_UTF8("\xE4\xB8", 1),
    BAD_UTF8("\xE4\xB8x", 1),
    BAD_UTF8("\xE4x\xAD", 1),
    BAD_UTF8("\xE4\xB8\xAD\xE4\xB8", 4),
    BAD_UTF8("\xF0\x80\x80\x80", 1), /* overlong */
    BAD_UTF8("\xF0\x8F\xBF\xBF", 1),
    BAD_UTF8("\xF0\x9F\x8F", 1),
    BAD_UTF8("\xF4\x90\x80\x80", 1), /* beyond U+10FFFF */
    BAD_UTF8("\xF5\x80\x80\x80", 1),
    BAD_UTF8("\xF8\x88\x80\x80\x80", 1),
    BAD_UTF8("\xFE", 1),
    BAD_UTF8("\xFF", 1),
    BAD_UTF8("ab\xE4\xB8\xAD"
             "cd\xFF",
             8),
    {T("{\"\xFF\":1}"), LJ_JSON_UTF8, 2},
};

static void test_refuses(void **state)
{
    struct lj_json_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        enum lj_json_reason got = judge(refused[i].text, refused[i].len, true, &err);
        if (got != refused[i].reason || err.offset != refused[i].offset) {
            fail_msg("row %zu: %s at %zu, not %s at %zu: %s", i, lj_json_reason_name(got),
                     err.offset, lj_json_reason_name(refused[i].reason), refused[i].offset,
                     refused[i].text);
        }
    }
}

/* 2^1024 - 2^970, the least real that rounds to infinity, and its neighbour below, spelled in
 * several ways. */
#define EDGE                                                                                       \
    "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797" \
    "75872070"                                                                                     \
    "96330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711" \
    "53176447"                                                                                     \
    "57302700698555713669596228429148198608349364752927190741684443655107043427115596995080930428" \
    "80177904"                                                                                     \
    "17449779"

static void test_edge_of_the_reals(void **state)
{
    static const struct {
        const char *text;
        enum lj_json_reason reason;
    } cases[] = {
        {"[" EDGE "2.0]", LJ_JSON_REAL_RANGE},           {"[" EDGE "1.999999]", LJ_JSON_OK},
        {"[" EDGE "2e0]", LJ_JSON_REAL_RANGE},           {"[" EDGE "1e0]", LJ_JSON_OK},
        {"[0.0" EDGE "2e310]", LJ_JSON_REAL_RANGE},      {"[0.0" EDGE "1e310]", LJ_JSON_OK},
        {"[-" EDGE "2000e-3]", LJ_JSON_REAL_RANGE},      {"[-" EDGE "1999e-3]", LJ_JSON_OK},
        {"[" EDGE "2.00000000001]", LJ_JSON_REAL_RANGE},
    };
    struct lj_json_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(judge(cases[i].text, strlen(cases[i].text), true, &err), cases[i].reason);
    }
}

static void test_top_must_be_an_object(void **state)
{
    static const char *const tops[] = {"[]", "1", "\"a\"", "null", "true", " [{}]"};
    struct lj_json_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
        assert_int_equal(judge(tops[i], strlen(tops[i]), false, &err), LJ_JSON_TOP);
        assert_int_equal(err.offset, strspn(tops[i], " "));
    }
    assert_int_equal(judge("{}", 2, false, &err), LJ_JSON_OK);
}

static const char sample[] =
    "{\"id\":\"0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5061\",\"type\":\"activity.reported\",\"unit\":"
    "\"PS001\",\"key\":\"活动-7\","
    "\"occurred_at\":\"2024-05-01T09:00:00+08:00\",\"schema_version\":1,\"payload\":{\"activity\":"
    "\"a-17\",\"title\":\"社区篮球\\u516c益\\n训练 "
    "\\uD83C\\uDFC3\",\"persons\":[{\"id\":101,\"hours\":1.5e0},{\"id\":102,\"hours\":-2.25}],"
    "\"ok\":true,\"no\":false,\"none\":null}}";

static void test_every_truncation_is_refused(void **state)
{
    struct lj_json_error err;
    (void)state;
    assert_int_equal(judge(sample, sizeof(sample) - 1, false, &err), LJ_JSON_OK);
    for (size_t len = 0; len < sizeof(sample) - 1; len++) {
        assert_int_not_equal(judge(sample, len, false, &err), LJ_JSON_OK);
    }
}

/* Each byte of a valid text replaced by each of a few hostile ones: whatever becomes of it,
 * json_check must hold. */
static void test_every_mutation_is_judged_as_by_jansson(void **state)
{
    static const char bytes[] = {'\0', '"', '\\', '{',  '}',    '[',    ']',    ',',    ':',
                                 '0',  'e', '-',  '\n', '\x80', '\xE4', '\xED', '\xF4', 'u'};
    struct lj_json_error err;
    (void)state;
    for (size_t at = 0; at < sizeof(sample) - 1; at++) {
        char text[sizeof(sample)];
        memcpy(text, sample, sizeof(sample));
        for (size_t i = 0; i < sizeof(bytes); i++) {
            text[at] = bytes[i];
            judge(text, sizeof(sample) - 1, false, &err);
        }
    }
}

/* n times a, then n times b, with m between; the caller frees. */
static char *nested(const char *a, const char *m, const char *b, size_t n)
{
    char *out = malloc(n * (strlen(a) + strlen(b)) + strlen(m) + 1), *p = out;
    for (size_t i = 0; i < n; i++) {
        p = stpcpy(p, a);
    }
    p = stpcpy(p, m);
    for (size_t i = 0; i < n; i++) {
        p = stpcpy(p, b);
    }
    return out;
}

static enum lj_json_reason scan_at(const char *text, unsigned start_depth,
                                   struct lj_json_error *err)
{
    const struct lj_json_request req = {.any_top = true, .start_depth = start_depth};
    struct lj_json_result res;
    err->reason = LJ_JSON_OK;
    int rc = lj_json_scan(&req, text, strlen(text), scratch, NULL, &res, err);
    assert_int_equal(rc, lj_json_reason_code(err->reason));
    return err->reason;
}

static void test_depth_limit(void **state)
{
    static const struct {
        const char *open, *middle, *close;
        size_t open_len;
    } shapes[] = {{"[", "1", "]", 1}, {"{\"a\":", "1", "}", 5}};
    struct lj_json_error err;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *at = nested(shapes[i].open, shapes[i].middle, shapes[i].close, LJ_JSON_DEPTH_MAX);
        char *past =
            nested(shapes[i].open, shapes[i].middle, shapes[i].close, LJ_JSON_DEPTH_MAX + 1);
        char *bomb = nested(shapes[i].open, shapes[i].middle, "", 100000);
        assert_int_equal(judge(at, strlen(at), true, &err), LJ_JSON_OK);
        assert_int_equal(judge(past, strlen(past), true, &err), LJ_JSON_DEPTH);
        assert_int_equal(err.offset, LJ_JSON_DEPTH_MAX * shapes[i].open_len);
        assert_int_equal(judge(bomb, strlen(bomb), true, &err), LJ_JSON_DEPTH);
        assert_int_equal(scan_at(at, 1, &err), LJ_JSON_OK);
        assert_int_equal(scan_at(at, 2, &err), LJ_JSON_DEPTH); /* a payload sits one level down */
        assert_int_equal(scan_at(at + shapes[i].open_len, 2, &err),
                         LJ_JSON_TRAILING); /* depth passed; one bracket too many */
        free(at);
        free(past);
        free(bomb);
    }
}

static void test_key_limit(void **state)
{
    (void)state;
    for (size_t n = LJ_JSON_KEYS_MAX; n <= LJ_JSON_KEYS_MAX + 1; n++) {
        char text[2048] = "{", *p = text + 1;
        struct lj_json_error err;
        for (size_t i = 0; i < n; i++) { /* neither rising nor falling */
            p += sprintf(p, "%s\"key number %zu\":{\"x\":%zu}", i == 0 ? "" : ",", i * 37 % 101, i);
        }
        p = stpcpy(p, "}");
        bool over = n > LJ_JSON_KEYS_MAX;
        assert_int_equal(judge(text, (size_t)(p - text), true, &err),
                         over ? LJ_JSON_KEYS : LJ_JSON_OK);
        assert_true(!over || memcmp(text + err.offset, "\"key number", 11) == 0);
    }
}

/* A string of n decoded bytes: plain, or all escapes; as a value or as a key. */
static char *long_string(size_t n, const char *unit, size_t unit_bytes, bool key)
{
    char *middle = nested(unit, "", "", n / unit_bytes), *out = malloc(strlen(middle) + 16);
    sprintf(out, key ? "{\"%s%.*s\":1}" : "{\"a\":\"%s%.*s\"}", middle, (int)(n % unit_bytes),
            "xxx");
    free(middle);
    return out;
}

static void test_string_limit_counts_decoded_bytes(void **state)
{
    static const struct {
        const char *unit;
        size_t bytes;
    } units[] = {{"a", 1}, {"中", 3}, {"\\n", 1}, {"\\u4e2d", 3}, {"\\uD83C\\uDFC3", 4}};
    struct lj_json_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        for (int key = 0; key < 2; key++) {
            char *at = long_string(LJ_JSON_STRING_MAX, units[i].unit, units[i].bytes, key != 0);
            char *past =
                long_string(LJ_JSON_STRING_MAX + 1, units[i].unit, units[i].bytes, key != 0);
            assert_int_equal(judge(at, strlen(at), false, &err), LJ_JSON_OK);
            assert_int_equal(judge(past, strlen(past), false, &err), LJ_JSON_STRING);
            assert_int_equal(err.offset, key != 0 ? 1 : 5);
            free(at);
            free(past);
        }
    }
}

static void test_text_limit(void **state)
{
    struct lj_json_error err;
    char *text = malloc(LJ_BATCH_BYTES_MAX + 1);
    (void)state;
    memset(text, ' ', LJ_BATCH_BYTES_MAX + 1);
    memcpy(text, "{}", 2);
    assert_int_equal(judge(text, LJ_BATCH_BYTES_MAX, false, &err), LJ_JSON_OK);
    assert_int_equal(judge(text, LJ_BATCH_BYTES_MAX + 1, false, &err), LJ_JSON_SIZE);
    free(text);
}

static void test_own_limits(void **state)
{
    const struct lj_json_limits limits = {.depth = 2, .keys = 1, .string_bytes = 3};
    const struct lj_json_request req = {.limits = &limits};
    static const struct {
        const char *text;
        enum lj_json_reason reason;
    } cases[] = {
        {"{\"abc\":[]}", LJ_JSON_OK},        {"{\"a\":[[]]}", LJ_JSON_DEPTH},
        {"{\"a\":1,\"b\":2}", LJ_JSON_KEYS}, {"{\"abcd\":1}", LJ_JSON_STRING},
        {"{\"a\":\"\\u4e2d\"}", LJ_JSON_OK}, {"{\"a\":\"\\u4e2d.\"}", LJ_JSON_STRING},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lj_json_result res;
        struct lj_json_error err = {0};
        (void)!lj_json_scan(&req, cases[i].text, strlen(cases[i].text), scratch, NULL, &res, &err);
        assert_int_equal(err.reason, cases[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_edge_of_the_reals),
        cmocka_unit_test(test_top_must_be_an_object),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_mutation_is_judged_as_by_jansson),
        cmocka_unit_test(test_depth_limit),
        cmocka_unit_test(test_key_limit),
        cmocka_unit_test(test_string_limit_counts_decoded_bytes),
        cmocka_unit_test(test_text_limit),
        cmocka_unit_test(test_own_limits),
    };
    return cmocka_run_group_tests(tests, open_scratch, close_scratch);
}
