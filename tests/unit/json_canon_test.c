/* The JSON reader's second half: canonical equality, JSON pointers, wanted and unknown members,
 * slices, and the content hash.
 *
 * lj-test: lj_proto lj_common PkgConfig::JANSSON
 *
 * The content hash vectors come from Python's hashlib.blake2b over the layout in content_hash.h,
 * not from this code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/content_hash.h"
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
    return 0;
}

/* The canonical text of a text, which must be accepted and pass json_check; the caller frees. */
static char *canon(const char *text)
{
    size_t n = 0;
    const char *wrong = json_check(scratch, text, strlen(text));
    char *out = json_canon(scratch, text, strlen(text), &n, NULL);
    if (wrong != NULL || out == NULL) {
        fail_msg("%s: %s", wrong != NULL ? wrong : "refused", text);
    }
    out = realloc(out, n + 1);
    out[n] = '\0';
    return out;
}

static const struct {
    const char *text, *canonical;
} forms[] = {
    {" { } ", "{}"},
    {"[ ]", "[]"},
    {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
    {"{\"a\":2,\"b\":1}", "{\"a\":2,\"b\":1}"},
    {"{\"b\":{\"d\":[],\"c\":{}},\"a\":[{\"y\":1,\"x\":2}, 3]}",
     "{\"a\":[{\"x\":2,\"y\":1},3],\"b\":{\"c\":{},\"d\":[]}}"},
    {"{\"aa\":1,\"a\":2,\"\":3,\"B\":4}", "{\"\":3,\"B\":4,\"a\":2,\"aa\":1}"},
    {"{\"prefix_2\":1,\"prefix_10\":2,\"prefix_\":3}",
     "{\"prefix_\":3,\"prefix_10\":2,\"prefix_2\":1}"},
    {"{\"\\u0062\":1,\"\\u0061\":2}", "{\"a\":2,\"b\":1}"},
    {"{\"\xEF\xBF\xBF\":1,\"\xF0\x90\x80\x80\":2}",
     "{\"\xEF\xBF\xBF\":1,\"\xF0\x90\x80\x80\":2}"}, /* bytes, not UTF-16 units */
    {"{\"a\":1,\"a\\n\":2,\"a!\":3}",
     "{\"a\":1,\"a\\n\":2,\"a!\":3}"}, /* decoded: newline before '!' */
    {"{\"a\\\\\":1,\"a]\":2,\"aZ\":3}", "{\"aZ\":3,\"a\\\\\":1,\"a]\":2}"}, /* Z < backslash < ] */
    {"\"\\u0041\\/\\u0022\\u005c\\u000a\\u0009\\u000D\\u0008\\u000c\\u001F\\u007f\"",
     "\"A/\\\"\\\\\\n\\t\\r\\b\\f\\u001f\x7F\""},
    {"\"\\u4E2D\\u00E9\\uD83C\\uDFC3\"", "\"中é🏃\""},
    {"0", "0"},
    {"-0", "0"},
    {"0.000", "0"},
    {"-0.0e-5", "0"},
    {"0e99999999999999999999", "0"},
    {"1", "1"},
    {"1.0", "1"},
    {"1e0", "1"},
    {"10e-1", "1"},
    {"100e-2", "1"},
    {"0.01e2", "1"},
    {"1E+0", "1"},
    {"0.1e00001", "1"},
    {"-1.50", "-15e-1"},
    {"1.5", "15e-1"},
    {"0.15e1", "15e-1"},
    {"1500e-3", "15e-1"},
    {"1200", "1200"},
    {"12e2", "1200"},
    {"1.2e3", "1200"},
    {"1e17", "100000000000000000"},
    {"1e18", "1e18"},
    {"1000000000000000000", "1e18"},
    {"1000000000000000000.0", "1e18"},
    {"999999999999999999", "999999999999999999"},
    {"999999999999999999.0", "999999999999999999"},
    {"9223372036854775807", "9223372036854775807e0"},
    {"9223372036854775807.0", "9223372036854775807e0"},
    {"-9223372036854775808", "-9223372036854775808e0"},
    {"9007199254740993", "9007199254740993"},
    {"9007199254740993.0", "9007199254740993"},
    {"9007199254740992.0", "9007199254740992"},
    {"900719925474099.3e1", "9007199254740993"},
    {"0.1", "1e-1"},
    {"0.1000000000000000055511151231257827",
     "1000000000000000055511151231257827e-34"}, /* one double, two values */
    {"1e-400", "1e-400"},
    {"0.1e-399", "1e-400"},
    {"10e-401", "1e-400"},
    {"1e308", "1e308"},
    {"0.01e310", "1e308"},
    {"1e+0000000000000000000000308", "1e308"},
    {"1e-999999999999999999", "1e-999999999999999999"},    /* 18 digits of exponent: as a number */
    {"10e-1000000000000000000", "1e-999999999999999999"},  /* 19: by hand, down to 18 */
    {"0.1e-999999999999999999", "1e-1000000000000000000"}, /* and up from 18 */
    {"1e-1000000000000000000", "1e-1000000000000000000"},
    {"0.001e-9999999999999999999", "1e-10000000000000000002"},
    {"1000e-10000000000000000000002", "1e-9999999999999999999999"},
    {"12.5e-00099999999999999999999999", "125e-100000000000000000000000"},
};

static void test_canonical_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char *got = canon(forms[i].text);
        assert_string_equal(got, forms[i].canonical);
        free(got);
        got = canon(forms[i].canonical);
        assert_string_equal(got, forms[i].canonical);
        free(got);
    }
}

/* No two of these are the same content. */
static const char *const different[] = {
    "{}",
    "[]",
    "null",
    "0",
    "\"\"",
    "false",
    "[0]",
    "[[]]",
    "{\"a\":1}",
    "{\"a\":\"1\"}",
    "{\"a\":[1]}",
    "{\"A\":1}",
    "{\"a\":1,\"b\":1}",
    "[1,2]",
    "[2,1]",
    "[12]",
    "\"1\"",
    "\"a\"",
    "\"a \"",
    "\"\\\\n\"",
    "\"\\n\"",
    "\"\\u00e9\"",
    "\"e\\u0301\"",
    "1",
    "-1",
    "10",
    "0.1",
    "1e-2",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.5",
    "0.30000000000000004",
    "0.3",
    "1e-400",
    "1e-401",
    "1e-1000000000000000000",
    "1e-10000000000000000000",
    "1.7976931348623157e308",
    "1.79769313486231571e308",
    "9223372036854775807",
    "9223372036854775806",
    "9223372036854775808.0",
};

static void test_canonical_forms_differ(void **state)
{
    enum { N = sizeof(different) / sizeof(different[0]) };
    char *all[N];
    (void)state;
    for (size_t i = 0; i < N; i++) {
        all[i] = canon(different[i]);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(all[i], all[j]) == 0) {
                fail_msg("%s and %s give the same canonical text", different[i], different[j]);
            }
        }
    }
    for (size_t i = 0; i < N; i++) {
        free(all[i]);
    }
}

static void expect_pointer(const char *text, enum lj_json_reason reason, const char *pointer,
                           bool cut)
{
    const struct lj_json_request req = {.canonical = false};
    struct lj_json_result res;
    struct lj_json_error err = {0};
    int rc = lj_json_scan(&req, text, strlen(text), scratch, NULL, &res, &err);
    assert_int_equal(rc, lj_json_reason_code(reason));
    assert_int_equal(err.reason, reason);
    assert_string_equal(err.pointer, pointer);
    assert_int_equal(err.pointer_cut, cut);
}

static void test_pointers(void **state)
{
    static const struct {
        const char *text;
        enum lj_json_reason reason;
        const char *pointer;
    } cases[] = {
        {"", LJ_JSON_END, ""},
        {"{", LJ_JSON_END, ""},
        {"{\"a\":x}", LJ_JSON_SYNTAX, "/a"},
        {"{\"a\":1 \"b\":2}", LJ_JSON_SYNTAX, ""},
        {"{\"a\":{\"b\":[0,{\"c\":1e999}]}}", LJ_JSON_REAL_RANGE, "/a/b/1/c"},
        {"{\"a\":[[],[0,01]]}", LJ_JSON_NUMBER, "/a/1/1"},
        {"{\"a/b\":{\"~\":{\"\":x}}}", LJ_JSON_SYNTAX, "/a~1b/~0/"},
        {"{\"\\u4e2d\":{\"\\\"\":x}}", LJ_JSON_SYNTAX, "/中/\""},
        {"{\"p\":{\"a\":1,\"\\u0061\":2}}", LJ_JSON_DUPLICATE, "/p/a"},
        {"{\"p\":{\"a\":1,\"b\xFF\":2}}", LJ_JSON_UTF8, "/p"},
        {"{\"p\":{\"a\":1,2}}", LJ_JSON_SYNTAX, "/p"},
        {"{\"p\":[1,2,\"\xFF\"]}", LJ_JSON_UTF8, "/p/2"},
        {"{} {}", LJ_JSON_TRAILING, ""},
        {"[1]", LJ_JSON_TOP, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_pointer(cases[i].text, cases[i].reason, cases[i].pointer, false);
    }
}

static void test_long_pointers_are_cut_after_a_token(void **state)
{
    char text[2048], want[LJ_JSON_POINTER_MAX + 2];
    (void)state;
    for (int n = LJ_JSON_POINTER_MAX - 4; n <= LJ_JSON_POINTER_MAX;
         n++) { /* "/k/" and n-3 characters: n bytes */
        snprintf(text, sizeof(text), "{\"k\":{\"%0*d\":x}}", n - 3, 0);
        snprintf(want, sizeof(want), "/k/%0*d", n - 3, 0);
        expect_pointer(text, LJ_JSON_SYNTAX, want, false);
    }
    snprintf(text, sizeof(text), "{\"k\":{\"%0*d\":x}}", LJ_JSON_POINTER_MAX - 2, 0);
    expect_pointer(text, LJ_JSON_SYNTAX, "/k", true);
    snprintf(text, sizeof(text), "{\"k\":{\"%0*d\":[x]}}", LJ_JSON_POINTER_MAX - 3, 0);
    snprintf(want, sizeof(want), "/k/%0*d", LJ_JSON_POINTER_MAX - 3, 0);
    expect_pointer(text, LJ_JSON_SYNTAX, want, true);
    snprintf(text, sizeof(text), "{\"k\":{\"%0*d~\":x}}", LJ_JSON_POINTER_MAX - 4,
             0); /* ~0 needs two */
    expect_pointer(text, LJ_JSON_SYNTAX, "/k", true);
}

static const struct lj_json_name names[] = {LJ_JSON_NAME("id"), LJ_JSON_NAME("payload"),
                                            LJ_JSON_NAME("n"), LJ_JSON_NAME("absent")};
enum { N_NAMES = sizeof(names) / sizeof(names[0]) };

static const char members[] = "{ \"n\" : -12 , \"payload\":{\"id\":2,\"n\":[ ]} "
                              ",\"ex/tra\":1,\"more\":2,\"i\\u0064\":\"x\\ny\" }";

static void expect_slice(const struct lj_json_value *v, enum lj_json_type type, const char *raw)
{
    assert_int_equal(v->type, type);
    assert_int_equal(v->len, strlen(raw));
    assert_memory_equal(members + v->off, raw, v->len);
}

static void test_members(void **state)
{
    const struct lj_json_request req = {.names = names, .n_names = N_NAMES, .canonical = true};
    struct lj_json_value v[N_NAMES];
    struct lj_json_result res;
    (void)state;
    assert_int_equal(lj_json_scan(&req, members, sizeof(members) - 1, scratch, v, &res, NULL), 0);
    assert_int_equal(res.type, LJ_JSON_OBJECT);
    expect_slice(&v[0], LJ_JSON_TEXT,
                 "\"x\\ny\""); /* its key was escaped; "id" further inside is another */
    assert_true(v[0].escaped);
    expect_slice(&v[1], LJ_JSON_OBJECT, "{\"id\":2,\"n\":[ ]}");
    expect_slice(&v[2], LJ_JSON_INTEGER, "-12");
    assert_int_equal(v[3].type, LJ_JSON_ABSENT);
    assert_true(res.has_unknown);
    assert_int_equal(res.unknown.reason, LJ_JSON_UNKNOWN_MEMBER);
    assert_string_equal(res.unknown.pointer, "/ex~1tra");
    assert_memory_equal(members + res.unknown.offset, "\"ex/tra\"", 8);
}

static void test_unknown_members_can_be_refused(void **state)
{
    const struct lj_json_request req = {.names = names, .n_names = N_NAMES, .refuse_unknown = true};
    const struct lj_json_request none = {.refuse_unknown = true};
    struct lj_json_value v[N_NAMES];
    struct lj_json_result res;
    struct lj_json_error err;
    struct lj_err line = {0};
    (void)state;
    assert_int_equal(lj_json_scan(&req, members, sizeof(members) - 1, scratch, v, &res, &err),
                     LJ_E_UNKNOWN_MEMBER);
    assert_string_equal(err.pointer, "/ex~1tra");
    assert_int_equal(lj_json_fail(&line, &err), LJ_E_UNKNOWN_MEMBER);
    assert_string_equal(line.text, "unknown_member at byte 42, /ex~1tra");
    assert_int_equal(lj_json_scan(&req, "{\"payload\":{\"any\":1}}", 21, scratch, v, &res, &err),
                     0); /* only the top level is judged */
    assert_false(res.has_unknown);
    assert_int_equal(lj_json_scan(&none, "{\"a\":1}", 7, scratch, NULL, &res, &err),
                     LJ_E_UNKNOWN_MEMBER);
    assert_int_equal(lj_json_scan(&none, "{}", 2, scratch, NULL, &res, &err), 0);
}

static void test_reasons_have_names_and_codes(void **state)
{
    (void)state;
    for (int a = 0; a < LJ_JSON_REASONS; a++) {
        assert_non_null(lj_json_reason_name((enum lj_json_reason)a));
        assert_true(a == LJ_JSON_OK || lj_json_reason_code((enum lj_json_reason)a) < 0);
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(lj_json_reason_name((enum lj_json_reason)a),
                                    lj_json_reason_name((enum lj_json_reason)b));
        }
    }
    assert_string_equal(lj_json_reason_name((enum lj_json_reason)LJ_JSON_REASONS), "internal");
    assert_int_equal(lj_json_reason_code((enum lj_json_reason) - 1), LJ_E_INTERNAL);
}

static void test_text_helper(void **state)
{
    char buf[8] = "";
    size_t n = 0;
    (void)state;
    assert_int_equal(lj_json_text("\"\\u4e2d\\u6587a\"", 15, buf, 8, &n),
                     0); /* 7 bytes and the NUL: exactly full */
    assert_int_equal(n, 7);
    assert_string_equal(buf, "中文a");
    assert_int_equal(lj_json_text("\"\\u4e2d\\u6587ab\"", 16, buf, 8, &n), LJ_E_JSON_STRING);
    assert_int_equal(lj_json_text("\"\"", 2, buf, 1, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(lj_json_text("\"a\"", 3, buf, 0, &n), LJ_E_JSON_STRING);
    static const char *const no_text[] = {"",   "\"",       "a",        "\"a", "a\"",
                                          "12", "\"a\"b\"", "\"\xFF\"", "{}"};
    for (size_t i = 0; i < sizeof(no_text) / sizeof(no_text[0]); i++) {
        assert_int_equal(lj_json_text(no_text[i], strlen(no_text[i]), buf, 8, &n), LJ_E_ARG);
    }
}

static void test_int64_helper(void **state)
{
    static const struct {
        const char *text;
        int rc;
        int64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"42", 0, 42},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", LJ_E_JSON_NUMBER, 0},
        {"-9223372036854775809", LJ_E_JSON_NUMBER, 0},
        {"", LJ_E_ARG, 0},
        {"-", LJ_E_ARG, 0},
        {"1.0", LJ_E_ARG, 0},
        {"1e0", LJ_E_ARG, 0},
        {"01", LJ_E_ARG, 0},
        {"1 ", LJ_E_ARG, 0},
        {" 1", LJ_E_ARG, 0},
        {"+1", LJ_E_ARG, 0},
        {"\"1\"", LJ_E_ARG, 0},
        {"true", LJ_E_ARG, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t v = 7;
        assert_int_equal(lj_json_int64(cases[i].text, strlen(cases[i].text), &v), cases[i].rc);
        assert_true(v == (cases[i].rc == 0 ? cases[i].value : 7));
    }
}

/* ---- content hash ---- */

#define S(field, literal) .field = "" literal, .field##_len = sizeof(literal) - 1

static const struct lj_content base = {
    S(type, "activity.reported"),
    S(unit, "PS001"),
    S(key, "活动-7"),
    .has_occurred_at = true,
    .occurred_at_us = 1790000000123456,
    .schema_version = 1,
    S(payload, "{ \"z\":[1.50,null], \"n\":1e0, \"activity\":\"\\u6d3b\\u52a8-7\" }")};

static void hash_hex(const struct lj_content *c, char out[2 * LJ_CONTENT_HASH_BYTES + 1])
{
    static const struct lj_json_name activity[] = {LJ_JSON_NAME("activity")};
    struct lj_json_value v;
    uint8_t hash[LJ_CONTENT_HASH_BYTES];
    assert_int_equal(lj_content_hash(c, activity, 1, scratch, &v, hash, NULL), 0);
    assert_int_equal(v.type,
                     strstr(c->payload, "activity") != NULL ? LJ_JSON_TEXT : LJ_JSON_ABSENT);
    for (size_t i = 0; i < LJ_CONTENT_HASH_BYTES; i++) {
        sprintf(out + 2 * i, "%02x", hash[i]);
    }
}

static void test_hash_vectors(void **state)
{
    const struct lj_content bare = {S(type, "activity.reported"), S(unit, "PS001"),
                                    .occurred_at_us = 99, .schema_version = 1, S(payload, "{}")};
    char hex[2 * LJ_CONTENT_HASH_BYTES + 1];
    (void)state;
    hash_hex(&base, hex);
    assert_string_equal(hex, "7f515f181dcaa1075d2d7d093382f03d");
    hash_hex(&bare, hex); /* without has_occurred_at the number does not count */
    assert_string_equal(hex, "1a479278d2ee0c87a58cb75303232686");
}

static void test_hash_is_equal_for_equal_content_only(void **state)
{
    struct lj_content c[10];
    char hex[10][2 * LJ_CONTENT_HASH_BYTES + 1], same[2 * LJ_CONTENT_HASH_BYTES + 1];
    (void)state;
    for (size_t i = 0; i < 10; i++) {
        c[i] = base;
    }
    c[1].type_len--;
    c[2].unit_len--;
    c[3].key_len = 0;
    c[4].has_occurred_at = false;
    c[5].occurred_at_us++;
    c[6].schema_version++;
    c[7] = (struct lj_content){S(type, "ab"), S(unit, "c"), S(key, "d"), .schema_version = 1,
                               S(payload, "{}")};
    c[8] = (struct lj_content){S(type, "a"), S(unit, "bc"), S(key, "d"), .schema_version = 1,
                               S(payload, "{}")};
    c[9] = (struct lj_content){S(type, "a"), S(unit, "b"), S(key, "cd"), .schema_version = 1,
                               S(payload, "{}")};
    for (size_t i = 0; i < 10; i++) {
        hash_hex(&c[i], hex[i]);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(hex[i], hex[j]);
        }
    }
    c[0].payload = "{\"activity\":\"活动-7\",\"n\":1,\"z\":[15e-1,null]}";
    c[0].payload_len = strlen(c[0].payload);
    hash_hex(&c[0], same);
    assert_string_equal(same, hex[0]);
}

static void test_hash_judges_the_payload(void **state)
{
    static const struct {
        const char *payload;
        int code;
    } cases[] = {
        {"[]", LJ_E_JSON_SYNTAX},
        {"{\"a\":1,\"a\":1}", LJ_E_JSON_DUPLICATE},
        {"{\"a\":\"\\u0000\"}", LJ_E_JSON_UTF8},
        {"{\"a\":[[[[[[[[[[[[[[]]]]]]]]]]]]]]}", 0},                 /* level 16 of the event */
        {"{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}", LJ_E_JSON_DEPTH}, /* level 17 */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lj_content c = base;
        uint8_t hash[LJ_CONTENT_HASH_BYTES];
        c.payload = cases[i].payload;
        c.payload_len = strlen(cases[i].payload);
        assert_int_equal(lj_content_hash(&c, NULL, 0, scratch, NULL, hash, NULL), cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_forms),
        cmocka_unit_test(test_canonical_forms_differ),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_long_pointers_are_cut_after_a_token),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_unknown_members_can_be_refused),
        cmocka_unit_test(test_reasons_have_names_and_codes),
        cmocka_unit_test(test_text_helper),
        cmocka_unit_test(test_int64_helper),
        cmocka_unit_test(test_hash_vectors),
        cmocka_unit_test(test_hash_is_equal_for_equal_content_only),
        cmocka_unit_test(test_hash_judges_the_payload),
    };
    return cmocka_run_group_tests(tests, open_scratch, close_scratch);
}
