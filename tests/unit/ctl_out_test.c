/* Tables, JSON and CSV of ljctl's rows: quoting, types, widths of Chinese text, control bytes,
 * streams. lj-test: lj_ctl
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/out.h"

static const struct lj_col columns[] = {{"name", "NAME", LJ_COL_TEXT},
                                        {"count", "COUNT", LJ_COL_INT},
                                        {"on", NULL, LJ_COL_BOOL},
                                        {"data", NULL, LJ_COL_JSON}};
static const char *const first[] = {"体育局", "7", "t", "{\"a\":1}"};
static const char *const second[] = {"a,\"b\"\n\033[2J", NULL, "f", NULL};

static char *print(enum lj_format format, const int *widths)
{
    char *text = NULL;
    size_t n = 0;
    struct lj_rows *rows = NULL;
    struct lj_err err = {0};
    FILE *out = open_memstream(&text, &n);
    assert_int_equal(lj_rows_open(out, format, columns, 4, widths, &rows, &err), 0);
    lj_rows_add(rows, first);
    lj_rows_add(rows, second);
    assert_int_equal(lj_rows_close(&rows, &err), 0);
    assert_null(rows);
    (void)fclose(out);
    return text;
}

static void csv_quotes_what_must_be(void **state)
{
    (void)state;
    char *text = print(LJ_FORMAT_CSV, NULL);
    assert_string_equal(
        text, "name,count,on,data\n体育局,7,t,\"{\"\"a\"\":1}\"\n\"a,\"\"b\"\"\n\033[2J\",,f,\n");
    free(text);
}

static void json_keeps_types_and_order(void **state)
{
    (void)state;
    char *text = print(LJ_FORMAT_JSON, NULL);
    assert_non_null(
        strstr(text, "\"count\": 7,\n    \"on\": true,\n    \"data\": {\n      \"a\": 1\n    }"));
    assert_non_null(strstr(text, "\"count\": null,\n    \"on\": false,\n    \"data\": null"));
    assert_non_null(strstr(text, "\\u001B[2J"));
    free(text);
}

static void table_is_aligned_and_cannot_move_the_cursor(void **state)
{
    (void)state;
    char *text = print(LJ_FORMAT_TABLE, NULL);
    assert_string_equal(text, "NAME        COUNT\n体育局          7\na,\"b\"..[2J      -\n");
    free(text);
}

static void streamed_json_is_one_object_a_line(void **state)
{
    static const int widths[] = {8, 5, 0, 0};
    (void)state;
    char *text = print(LJ_FORMAT_JSON, widths);
    char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_string_equal(strchr(end + 1, '\n'), "\n");
    assert_int_equal(strncmp(text, "{\"name\":\"体育局\",\"count\":7,",
                             strlen("{\"name\":\"体育局\",\"count\":7,")),
                     0);
    free(text);
    text = print(LJ_FORMAT_TABLE, widths);
    assert_int_equal(strncmp(text, "NAME      COUNT\n体育局        7\n",
                             strlen("NAME      COUNT\n体育局        7\n")),
                     0);
    free(text);
}

static void broken_utf8_has_a_width(void **state)
{
    (void)state;
    assert_int_equal(lj_text_width("体a"), 3);
    assert_int_equal(lj_text_width("\xff\xfe"), 2);
    assert_int_equal(lj_text_width("\xe4\xbd"), 2); /* cut off */
    assert_int_equal(lj_text_width(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_quotes_what_must_be),
        cmocka_unit_test(json_keeps_types_and_order),
        cmocka_unit_test(table_is_aligned_and_cannot_move_the_cursor),
        cmocka_unit_test(streamed_json_is_one_object_a_line),
        cmocka_unit_test(broken_utf8_has_a_width),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests_name("ctl_out", tests, NULL, NULL);
}
