/* The texts of mail without a database: cleaning, masking, templates, cuts. The rules with their
 * receivers are in tests/integration/db/mail_test.c.
 *
 * lj-test: lj_kind_mail lj_runner */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "workers/mail/text.h"

static void same(struct lj_buf *b, const char *want)
{
    lj_buf_u8(b, 0);
    assert_int_equal(b->failed, 0);
    assert_string_equal((const char *)b->data, want);
    lj_buf_free(b);
}

static void test_clean(void **state)
{
    static const struct {
        const char *in, *out;
        int lines;
    } rows[] = {
        {"体操进校园", "体操进校园", 0},
        {"a\tb\x01\x7f", "ab", 0},
        {"a\nb", "ab", 0},
        {"a\nb", "a\nb", 1},
        {"a\xC2\x85\xE2\x80\xAE\xEF\xBB\xBF"
         "b",
         "ab", 0},
        {"电话13800001234请联系", "电话138****请联系", 0},
        {"138 0000 1234", "138****", 0},
        {"138-0000-1234", "138****", 0},
        {"1\xE2\x80\x8B"
         "3800001234",
         "138****", 0}, /* a zero-width space inside hides nothing */
        {"\xEF\xBC\x91\xEF\xBC\x93\xEF\xBC\x98"
         "00001234",
         "\xEF\xBC\x91\xEF\xBC\x93\xEF\xBC\x98****", 0},
        {"35010219900101123X。", "350****。", 0},
        {"350102199001011234", "350****", 0},
        {"0591-87654321", "059****", 0},
        {"2024-06-01 09:00", "2024-06-01 09:00", 0},
        {"共 120 分钟,2024 年", "共 120 分钟,2024 年", 0},
        {"1234567890", "1234567890", 0}, /* ten digits */
        {"", "", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lj_buf b = {0};
        lj_mail_clean(&b, rows[i].in, rows[i].lines);
        same(&b, rows[i].out);
    }
}

static void test_fill(void **state)
{
    static const struct lj_mail_var vars[] = {
        {"title", "甲{count}"}, {"count", "3"}, {"none", NULL}};
    static const char *const rows[][2] = {
        {"“{title}”共 {count} 条{none}", "“甲{count}”共 3 条"},
        {"{unknown} {", "{unknown} {"},
        {"{titl}{titles}", "{titl}{titles}"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lj_buf b = {0};
        lj_mail_fill(&b, rows[i][0], vars, 3);
        same(&b, rows[i][1]);
    }
}

static void test_cut(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"一二三四五", "一二三四五"}, {"一二三四五六", "一二三……"}, {"abcdef", "abc……"}, {"", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lj_buf b = {0};
        lj_buf_put(&b, rows[i].in, strlen(rows[i].in));
        lj_mail_cut(&b, 5);
        same(&b, rows[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clean), cmocka_unit_test(test_fill),
                                       cmocka_unit_test(test_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
