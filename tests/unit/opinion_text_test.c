/* Reading a text: strict UTF-8, folding, noise, clauses, offsets, limits.
 * The tables themselves are compared with their references in opinion_fold_test.c.
 *
 * lj-test: lj_opinion
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
    assert_string_equal(symbols(), "一1手"); /* ㈠ is three code points in NFKC: its only letter */
    assert_true(read_text("𝐕𝐈𝐏🈚⺘🅰а")); /* mathematical, squared, a radical, negative, Cyrillic */
    assert_string_equal(symbols(), "vip无扌aa");
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

static void counts_what_hides(void **state)
{
    (void)state;
    assert_true(read_text("收\xE2\x80\x8B费，体 罚，👍\xEF\xB8\x8F好"));
    assert_int_equal(t.squeezed, 2);
    assert_int_equal(t.hidden, 1);
    assert_int_equal(t.emoji_good, 1);
    assert_true(read_text("气死了😡😡赞👍\xE2\x80\x8D好😡"));
    assert_int_equal(t.emoji_bad, 3);
    assert_int_equal(t.emoji_good, 1);
    assert_int_equal(t.hidden, 0); /* a joiner by an emoji hides nothing */
}

static void an_x_is_a_filler_but_not_a_ray(void **state)
{
    (void)state;
    assert_true(read_text("走过x场，拍x光片，做x射线，打x"));
    assert_string_equal(symbols(), "走过场拍x光片做x射线打x");
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
        cmocka_unit_test(drops_noise_and_keeps_offsets),
        cmocka_unit_test(counts_what_hides),
        cmocka_unit_test(an_x_is_a_filler_but_not_a_ray),
        cmocka_unit_test(cuts_clauses_and_sentences),
        cmocka_unit_test(decodes_strictly),
        cmocka_unit_test(takes_five_thousand_code_points_and_no_more),
        cmocka_unit_test(an_empty_text_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
