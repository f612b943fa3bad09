/* A bundle is taken whole or not at all: checksum, form, golden cases, and what happens to the file
 * afterwards.
 *
 * lj-test: lj_opinion_lab
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "workers/opinion/bundle.h"
#include "workers/opinion/opinion.h"
#include "workers/opinion/rules.h"

extern const unsigned char lj_opinion_builtin[];
extern const size_t lj_opinion_builtin_size;

static char path[64];
static unsigned char *copy; /* of the built-in bundle, for a test to spoil */
static size_t size;

static void put(const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Makes the checksum fit what copy holds now. */
static void sign(void)
{
    memset(copy + 24, 0, LJ_BUNDLE_SHA);
    uint8_t sha[LJ_BUNDLE_SHA];
    (void)crypto_hash_sha256(sha, copy, size);
    memcpy(copy + 24, sha, sizeof sha);
}

static void expect_refused(const char *why)
{
    struct lj_opinion *o = NULL;
    struct lj_err err = {0};
    assert_int_equal(lj_opinion_open(path, &o, &err), LJ_E_CONFIG);
    assert_null(o);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/opinion_bundle_XXXXXX");
    int fd = mkstemp(path);
    size = lj_opinion_builtin_size;
    copy = malloc(size);
    if (fd < 0 || !copy)
        return -1;
    (void)close(fd);
    memcpy(copy, lj_opinion_builtin, size);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)unlink(path);
    free(copy);
    return 0;
}

static void the_built_in_one_is_taken_from_a_file_too(void **state)
{
    (void)state;
    struct lj_opinion *a = NULL;
    struct lj_opinion *b = NULL;
    put(copy, size);
    assert_int_equal(lj_opinion_open(path, &a, NULL), 0);
    assert_int_equal(lj_opinion_open(NULL, &b, NULL), 0);
    assert_string_equal(lj_opinion_version(a), lj_opinion_version(b));
    assert_true(size <= 4 << 20); /* the goal for its size */
    lj_opinion_close(&a);
    lj_opinion_close(&b);
}

static void every_flipped_byte_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < size; i += i < 4096 ? 61 : 50021) {
        struct lj_bundle *b = NULL;
        copy[i] ^= 0x10;
        if (i < 56 || i >= 64) { /* also the spare bytes are under the checksum */
            assert_int_equal(lj_bundle_borrow(copy, size, &b, NULL), LJ_E_CONFIG);
            assert_null(b);
        }
        copy[i] ^= 0x10;
    }
    copy[size / 2] ^= 1;
    put(copy, size);
    expect_refused("checksum");
}

static void a_cut_file_is_refused(void **state)
{
    (void)state;
    put(copy, size - 1);
    expect_refused("cut");
    put(copy, 40);
    expect_refused("no bundle");
    put("", 0);
    expect_refused("no bundle");
    copy[8] = 9;
    sign();
    put(copy, size);
    expect_refused("version");
}

/* Section i's entry: 32 bytes of name, offset, size. */
static unsigned char *entry(const char *name)
{
    for (size_t i = 0; i < 64; i++) {
        unsigned char *e = copy + 64 + 48 * i;
        if (strncmp((const char *)e, name, 32) == 0)
            return e;
    }
    fail_msg("no section %s", name);
    return NULL;
}

static uint64_t number_at(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* A right checksum over wrong numbers: nothing outside of the file may be read. */
static void wrong_numbers_under_a_right_checksum_are_refused(void **state)
{
    (void)state;
    unsigned char *e = entry("linear");
    uint64_t at = number_at(e + 32);
    uint64_t far = UINT64_MAX - 63;
    memcpy(e + 32, &far, sizeof far);
    sign();
    put(copy, size);
    expect_refused("outside");
    memcpy(e + 32, &at, sizeof at);

    copy[at + 16] ^= 1; /* how many rows are kept */
    sign();
    put(copy, size);
    expect_refused("another size");
    copy[at + 16] ^= 1;

    copy[at + 161] ^= 0xFF; /* the index: a row that there is not */
    sign();
    put(copy, size);
    expect_refused("index");
    copy[at + 161] ^= 0xFF;

    copy[number_at(entry("fusion") + 32)] ^= 1; /* the number of kinds */
    sign();
    put(copy, size);
    expect_refused("another engine");
}

static void a_bundle_without_a_table_is_refused(void **state)
{
    (void)state;
    entry("pairs.tsv")[0] = 'x';
    sign();
    put(copy, size);
    expect_refused("pairs.tsv");
}

/* The golden cases lie in the file as text: one that claims the contrary of what comes out. */
static void a_failing_golden_case_is_refused(void **state)
{
    (void)state;
    unsigned char *e = entry("golden.tsv");
    char *text = (char *)copy + number_at(e + 32);
    char *row = strstr(text, "\ninjury\t");
    assert_non_null(row);
    memcpy(row + 1, "threat", 6);
    sign();
    put(copy, size);
    expect_refused("golden case");
}

static void a_bundle_without_golden_cases_is_refused(void **state)
{
    (void)state;
    uint64_t none = 0;
    memcpy(entry("golden.tsv") + 40, &none, sizeof none);
    sign();
    put(copy, size);
    expect_refused("no golden cases");
}

/* Who overwrites or cuts the file in place does not reach what is in use. */
static void the_file_may_go_while_it_is_used(void **state)
{
    (void)state;
    struct lj_opinion *o = NULL;
    struct lj_opinion_findings before, after;
    static const char text[] = "说是免费，到了现场每人强制收费两百元，孩子还摔断了腿。";
    put(copy, size);
    assert_int_equal(lj_opinion_open(path, &o, NULL), 0);
    assert_int_equal(lj_opinion_score(o, text, strlen(text), &before, NULL), 0);
    assert_true(before.count >= 1);
    put("", 0);
    assert_int_equal(lj_opinion_score(o, text, strlen(text), &after, NULL), 0);
    assert_int_equal(before.count, after.count);
    assert_memory_equal(&before.risk_score, &after.risk_score, sizeof after.risk_score);
    lj_opinion_close(&o);
}

static void a_missing_file_is_an_error_of_the_system(void **state)
{
    (void)state;
    struct lj_opinion *o = NULL;
    assert_int_equal(lj_opinion_open("/nonexistent/opinion.bundle", &o, NULL), LJ_E_IO);
    assert_null(o);
}

static void sections_come_back_as_they_went_in(void **state)
{
    (void)state;
    const struct lj_bundle_part parts[] = {
        {"one", "abc", 3}, {"empty", NULL, 0}, {"two", "defgh", 5}};
    void *made = NULL;
    size_t n = 0;
    struct lj_bundle *b = NULL;
    assert_int_equal(lj_bundle_make(parts, 3, &made, &n, NULL), 0);
    assert_int_equal(lj_bundle_borrow(made, n, &b, NULL), 0);
    size_t len = 99;
    assert_memory_equal(lj_bundle_section(b, "two", &len), "defgh", 5);
    assert_int_equal(len, 5);
    assert_non_null(lj_bundle_section(b, "empty", &len));
    assert_int_equal(len, 0);
    assert_null(lj_bundle_section(b, "three", &len));
    lj_bundle_close(&b);
    free(made);
    static const struct lj_bundle_part bad = {"a name that is longer than a section's", "", 0};
    assert_int_equal(lj_bundle_make(&bad, 1, &made, &n, NULL), LJ_E_ARG);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_built_in_one_is_taken_from_a_file_too),
        TEST(every_flipped_byte_is_noticed),
        TEST(a_cut_file_is_refused),
        TEST(wrong_numbers_under_a_right_checksum_are_refused),
        TEST(a_bundle_without_a_table_is_refused),
        TEST(a_failing_golden_case_is_refused),
        TEST(a_bundle_without_golden_cases_is_refused),
        TEST(the_file_may_go_while_it_is_used),
        TEST(a_missing_file_is_an_error_of_the_system),
        TEST(sections_come_back_as_they_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
