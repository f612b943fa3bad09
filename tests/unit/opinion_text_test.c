/* Reading a text: strict UTF-8, folding, noise, clauses, offsets, limits.
 *
 * The fold table is compared with ICU over the whole BMP, except that Chinese characters may fold
 * further (traditional to simplified), so that a broken generator cannot pass.
 *
 * lj-test: lj_opinion PkgConfig::ICU
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include "workers/opinion/tables.h"
#include "workers/opinion/text.h"

static struct lj_text t;

static bool read_text(const char *s)
{
    return lj_text_read(&t, s, strlen(s));
}

/* The symbols as UTF-8, for short BMP texts. */
static const char *symbols(void)
{
    static char buf[512];
    size_t n = 0;
    for (uint32_t i = 0; i < t.n && n < sizeof buf - 4; i++) {
        uint16_t c = t.code[i];
        if (c < 0x80) {
            buf[n++] = (char)c;
        } else if (c < 0x800) {
            buf[n++] = (char)(0xC0 | c >> 6);
            buf[n++] = (char)(0x80 | (c & 0x3F));
        } else {
            buf[n++] = (char)(0xE0 | c >> 12);
            buf[n++] = (char)(0x80 | (c >> 6 & 0x3F));
            buf[n++] = (char)(0x80 | (c & 0x3F));
        }
    }
    buf[n] = '\0';
    return buf;
}

static void folds_width_case_and_traditional(void **state)
{
    (void)state;
    assert_true(read_text("ＡＢｃ１２３走過場擺拍冇收錢"));
    assert_string_equal(symbols(), "abc123走过场摆拍没收钱");
    assert_true(read_text("㈠①⼿"));
    assert_int_equal(t.n, 2); /* ㈠ has a longer form and stays what it is: a symbol, noise */
    assert_int_equal(t.code[0], '1');
    assert_int_equal(t.code[1], 0x624B);
}

static void the_fold_table_is_nfkc_and_lower_case(void **state)
{
    (void)state;
    UErrorCode e = U_ZERO_ERROR;
    const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&e);
    assert_true(U_SUCCESS(e));
    for (unsigned c = 1; c <= 0xFFFF; c++) {
        UChar in = (UChar)c;
        UChar out[40];
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        int32_t n = unorm2_normalize(nfkc, &in, 1, out, 40, &e);
        assert_true(U_SUCCESS(e));
        unsigned want = (unsigned)u_tolower(n == 1 ? out[0] : in);
        bool han = want >= 0x3400 && want <= 0x9FFF;
        if (!han && want <= 0xFFFF)
            assert_int_equal(lj_opinion_fold[c], want);
        else if (han)
            assert_true(lj_opinion_fold[c] >= 0x3400 && lj_opinion_fold[c] <= 0x9FFF);
    }
    for (unsigned c = 0; c <= 0xFFFF; c++) /* folding twice changes nothing more */
        assert_int_equal(lj_opinion_fold[lj_opinion_fold[c]], lj_opinion_fold[c]);
}

static void drops_noise_and_keeps_offsets(void **state)
{
    (void)state;
    assert_true(read_text("收.费·有\xE2\x80\x8B人\xF0\x9F\x98\xAD管 x"));
    assert_string_equal(symbols(), "收费有人管x");
    static const uint16_t pos[] = {0, 2, 4, 6, 8, 10};
    for (uint32_t i = 0; i < t.n; i++)
        assert_int_equal(t.pos[i], pos[i]);
    assert_int_equal(t.clauses, 1);
    assert_true(t.flags[1] & LJ_SYM_NOISE_BEFORE);
    assert_false(t.flags[0] & LJ_SYM_NOISE_BEFORE);
}

static void cuts_clauses_and_sentences(void **state)
{
    (void)state;
    assert_true(read_text("，甲，乙、丙。丁？戊1,680元"));
    assert_int_equal(t.sentences, 3);
    assert_int_equal(t.clauses, 5);
    assert_true(t.list[2].by_list);
    assert_false(t.list[1].by_list);
    assert_true(t.question[1]);
    assert_false(t.question[0]);
    assert_string_equal(symbols(), "甲乙丙丁戊1680元");
}

static void decodes_strictly(void **state)
{
    (void)state;
    static const char *const bad[] = {"\xC0\xAF",         "\xE0\x80\xAF", "\xED\xA0\x80",
                                      "\xF4\x90\x80\x80", "\xFF",         "\xE6\x94"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t k = 0;
        assert_int_equal(lj_utf8_next(bad[i], strlen(bad[i]), &k), -1);
        assert_int_equal(k, 1);
    }
    assert_true(lj_text_read(&t, "收\xE6\x94费", 8));
    assert_int_equal(t.bad_bytes, 2);
    assert_int_equal(t.code_points, 4);
    assert_int_equal(t.pos[1], 3);
    assert_string_equal(symbols(), "收费");
}

static void takes_five_thousand_code_points_and_no_more(void **state)
{
    (void)state;
    size_t n = 3U * (LJ_OPINION_TEXT_MAX + 1);
    char *s = malloc(n);
    assert_non_null(s);
    for (size_t i = 0; i < n; i += 3)
        memcpy(s + i, "字", 3);
    assert_true(lj_text_read(&t, s, n - 3));
    assert_int_equal(t.n, LJ_OPINION_TEXT_MAX);
    assert_false(lj_text_read(&t, s, n));
    for (size_t i = 0; i + 6 <= n; i += 6)
        memcpy(s + i, "字。", 6);
    assert_true(lj_text_read(&t, s, n - 3));
    assert_int_equal(t.sentences, LJ_OPINION_TEXT_MAX / 2);
    free(s);
}

static void an_empty_text_has_nothing(void **state)
{
    (void)state;
    assert_true(lj_text_read(&t, NULL, 0));
    assert_int_equal(t.n + t.clauses + t.sentences + t.code_points, 0);
    assert_true(read_text("。，、！"));
    assert_int_equal(t.n + t.clauses + t.sentences, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_width_case_and_traditional),
        cmocka_unit_test(the_fold_table_is_nfkc_and_lower_case),
        cmocka_unit_test(drops_noise_and_keeps_offsets),
        cmocka_unit_test(cuts_clauses_and_sentences),
        cmocka_unit_test(decodes_strictly),
        cmocka_unit_test(takes_five_thousand_code_points_and_no_more),
        cmocka_unit_test(an_empty_text_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
