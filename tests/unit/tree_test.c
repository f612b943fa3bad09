/* The payload's tree: what is JSON and what is not, what a text becomes, and its bounds. Nothing
 * read may depend on what the arena held before.
 *
 * lj-test: lj_kind_validation */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "workers/runner/tree.h"
#include "workers/validation/text.h"

static struct lj_tree_room room;

static enum lj_tree_fault read_text(const char *text, const struct lj_tree **ret)
{
    lj_tree_room_clear(&room);
    return lj_tree_read(&room, text, strlen(text), ret);
}

static void what_is_json(void **state)
{
    static const char *const good[] = {
        "{}",
        "[]",
        " [ ] ",
        "{\"a\":1}",
        "[1,2]",
        "\"x\"",
        "0",
        "-0",
        "-1.5e+3",
        "true",
        "null",
        "{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
        "\t{\r\n}\n",
        "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]",
        "9223372036854775807",
        "-9223372036854775808",
        "1e308",
        "\"\\ud842\\udfb7\"",
    };
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "[1]]",
        "[1] x",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "tru",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "1e400",
        "-1e400",
        "9223372036854775808",
        "-9223372036854775809",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"a\nb\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xe4\xbd\"",
        "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
        "\xef\xbb\xbf{}",
    };
    const struct lj_tree *t;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (read_text(good[i], &t) != LJ_TREE_OK || !t)
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_text(bad[i], &t) != LJ_TREE_BAD || t)
            fail_msg("taken: %s", bad[i]);
}

/* Every text cut short anywhere is refused and reads nothing behind its end. */
static void cut_anywhere(void **state)
{
    static const char whole[] = "{\"a\":[1,-2.5e3,\"x\\n\\u4f60\\ud842\\udfb7\",true,false,null],"
                                "\"\xe4\xbd\xa0\":{\"b\":\"\"}}";
    const struct lj_tree *t;
    (void)state;
    assert_int_equal(read_text(whole, &t), LJ_TREE_OK);
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *part = malloc(n + 1); /* of its own, so that a sanitizer sees the end */
        memcpy(part, whole, n);
        part[n] = '\0';
        assert_int_equal(read_text(part, &t), LJ_TREE_BAD);
        free(part);
    }
}

static void what_values_become(void **state)
{
    const struct lj_tree *t, *v;
    (void)state;
    assert_int_equal(
        read_text("{\"s\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u4f60\\ud842\\udfb7\",\"i\":-7,"
                  "\"r\":1.0,\"e\":10e1,\"l\":[true,[],{}],\"n\":null}",
                  &t),
        LJ_TREE_OK);
    assert_int_equal(t->count, 6);
    v = lj_tree_get(t, "s");
    assert_string_equal(lj_tree_text(v), "a\"\\/\b\f\n\r\t\xe4\xbd\xa0\xf0\xa0\xae\xb7");
    assert_int_equal(v->len, strlen(v->text));
    v = lj_tree_get(t, "i");
    assert_true(lj_tree_is(v, LJ_TREE_INT) && v->integer == -7);
    v = lj_tree_get(t, "r");
    assert_true(lj_tree_is(v, LJ_TREE_REAL)); /* 1.0 is no integer, as in the schemas' type */
    v = lj_tree_get(t, "e");
    assert_true(lj_tree_is(v, LJ_TREE_REAL) && v->real > 99.9 && v->real < 100.1);
    v = lj_tree_get(t, "l");
    assert_int_equal(v->count, 3);
    assert_true(lj_tree_is(v->first, LJ_TREE_TRUE) && lj_tree_is(v->first->next, LJ_TREE_ARRAY));
    assert_int_equal(v->first->next->count, 0);
    assert_true(lj_tree_is(lj_tree_get(t, "n"), LJ_TREE_NULL));
    assert_null(lj_tree_get(t, "nothing"));
    assert_null(lj_tree_get(NULL, "s"));
    assert_null(lj_tree_text(lj_tree_get(t, "i")));
}

/* n times `item` between brackets, with commas. */
static char *list_of(const char *open, const char *item, size_t n, const char *close)
{
    struct lj_buf b = {0};
    lj_buf_printf(&b, "%s", open);
    for (size_t i = 0; i < n; i++) {
        lj_buf_printf(&b, "%s", i ? "," : "");
        if (*open == '{')
            lj_buf_printf(&b, "\"m%zu\":", i);
        lj_buf_printf(&b, "%s", item);
    }
    lj_buf_printf(&b, "%s", close);
    lj_buf_u8(&b, 0);
    return (char *)b.data;
}

static void bounds(void **state)
{
    const struct lj_tree *t;
    static const struct {
        const char *open, *close;
        size_t n;
        enum lj_tree_fault want;
    } rows[] = {
        {"[", "]", 8191, LJ_TREE_OK},      {"[", "]", 8192, LJ_TREE_LARGE},
        {"{", "}", 64, LJ_TREE_OK},        {"{", "}", 65, LJ_TREE_LARGE},
        {"[", "]", 200000, LJ_TREE_LARGE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = list_of(rows[i].open, "0", rows[i].n, rows[i].close);
        assert_int_equal(read_text(text, &t), rows[i].want);
        free(text);
    }
}

/* A long text gets a block of its own, many trees share the room, and a cleared room serves again.
 */
static void many_trees_at_once(void **state)
{
    enum { TREES = 300, LONG = 200000 };
    const struct lj_tree *trees[TREES];
    (void)state;
    char *text = malloc(LONG + 16);
    text[0] = '"';
    memset(text + 1, 'x', LONG);
    memcpy(text + 1 + LONG, "\"", 2);
    for (int round = 0; round < 3; round++) {
        lj_tree_room_clear(&room);
        for (int i = 0; i < TREES; i++) {
            char small[64];
            (void)snprintf(small, sizeof small, "{\"n\":%d,\"s\":\"text %d\"}", i, i);
            const char *read = i % 100 == 7 ? text : small;
            assert_int_equal(lj_tree_read(&room, read, strlen(read), &trees[i]), LJ_TREE_OK);
        }
        for (int i = 0; i < TREES; i++)
            if (i % 100 == 7)
                assert_int_equal(trees[i]->len, LONG);
            else
                assert_int_equal(lj_tree_get(trees[i], "n")->integer, i);
    }
    free(text);
}

/* V40: full-width digits, and the dots of names. */
static void plain_text(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"第１２３届", "第123届"},
        {"０９", "09"},
        {"Ａ１", "Ａ1"},
        {"阿依･古丽", "阿依·古丽"},
        {"阿依•古丽", "阿依·古丽"},
        {"阿依‧古丽", "阿依·古丽"},
        {"阿依·古丽", "阿依·古丽"},
        {"", ""},
        {"abc", "abc"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].from);
        char *out = malloc(n + 1);
        lj_text_plain(rows[i].from, n, out);
        assert_string_equal(out, rows[i].to);
        free(out);
    }
}

static int end(void **state)
{
    (void)state;
    lj_tree_room_free(&room);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json),       cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(what_values_become), cmocka_unit_test(bounds),
        cmocka_unit_test(many_trees_at_once), cmocka_unit_test(plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
