/* Sheets of reports: CSV that a spreadsheet program takes and runs nothing of, tables aligned by
 * the width of Chinese text, JSON, and XLSX read back from its parts; a file is there whole or not
 * at all. lj-test: lj_ctl
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/report.h"
#include "ctl/sheet.h"

static const struct lj_sheet_col columns[] = {{"name", "名称", LJ_SHEET_TEXT, 0},
                                              {"count", "数", LJ_SHEET_NUMBER, 0},
                                              {"far", "远", LJ_SHEET_NUMBER, 1}};
static const char *const rows[][3] = {
    {"体育局", "7", "1"}, {"=1+1", "*", NULL}, {"a,\"b\"\n", NULL, "2.5"}, {"@x", "3", "-4"},
    {"+x", "3", "4"},     {"-x", "3", "4"},    {"\tx", "3", "4"},          {"\rx", "3", "4"}};
enum { ROWS = sizeof rows / sizeof rows[0] };

static void fill(struct lj_sheet *s)
{
    lj_sheet_head(s, "report", "报表", "活动");
    lj_sheet_head(s, "policy", "政策", "=policy");
    for (size_t i = 0; i < ROWS; i++)
        lj_sheet_row(s, rows[i]);
}

static char *print(enum lj_sheet_format format)
{
    char *text = NULL;
    size_t n = 0;
    struct lj_err err = {0};
    struct lj_sheet *s = NULL;
    FILE *out = open_memstream(&text, &n);
    assert_int_equal(lj_sheet_open(out, NULL, format, columns, 3, &s, &err), 0);
    fill(s);
    assert_int_equal(lj_sheet_close(&s, &err), 0);
    assert_null(s);
    (void)fclose(out);
    return text;
}

static void csv_opens_in_a_spreadsheet_and_runs_nothing(void **state)
{
    (void)state;
    char *text = print(LJ_SHEET_CSV);
    assert_string_equal(text, "\xEF\xBB\xBF报表,活动\r\n政策,'=policy\r\n\r\n"
                              "名称 name,数 count,远 far\r\n"
                              "体育局,7,1\r\n'=1+1,*,\r\n\"a,\"\"b\"\"\n\",,2.5\r\n'@x,3,-4\r\n"
                              "'+x,3,4\r\n'-x,3,4\r\n'\tx,3,4\r\n\"'\rx\",3,4\r\n");
    free(text);
}

static void table_is_aligned_and_leaves_out_what_is_wide(void **state)
{
    (void)state;
    char *text = print(LJ_SHEET_TABLE);
    const char *body = strstr(text, "\n\n");
    assert_non_null(body);
    assert_memory_equal(text, "报表          活动\n", strlen("报表          活动\n"));
    assert_string_equal(body + 2,
                        "名称    数\n体育局   7\n=1+1     *\na,\"b\".   -\n@x       3\n+x       "
                        "3\n-x       3\n.x       3\n.x       3\n");
    free(text);
}

static void json_has_head_and_rows(void **state)
{
    (void)state;
    char *text = print(LJ_SHEET_JSON);
    assert_non_null(strstr(text, "\"report\": \"活动\""));
    assert_non_null(strstr(text, "\"name\": \"体育局\",\n      \"count\": 7,\n      \"far\": 1"));
    assert_non_null(strstr(text, "\"count\": \"*\",\n      \"far\": null"));
    assert_non_null(strstr(text, "2.5"));
    free(text);
}

/* What Python makes of the parts of the file: texts of the sheet's cells by place. */
static const char read_back[] =
    "import sys, zipfile, re, html\n"
    "z = zipfile.ZipFile(sys.argv[1])\n"
    "assert z.testzip() is None\n"
    "x = z.read('xl/worksheets/sheet1.xml').decode()\n"
    "assert '<f>' not in x, 'a formula'\n"
    "for m in re.finditer(r'<c r=\"(\\w+)\"([^>]*)>(.*?)</c>', x, re.S):\n"
    "    t = re.sub('<[^>]*>', '', m.group(3))\n"
    "    print(m.group(1), 'text' if 'inlineStr' in m.group(2) else 'n', repr(html.unescape(t)))\n";

static void xlsx_reads_back(void **state)
{
    (void)state;
    char dir[] = "/tmp/lj_sheet.XXXXXX";
    char path[64], script[64], command[256], text[4096];
    struct lj_err err = {0};
    struct lj_sheet *s = NULL;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/r.xlsx", dir);
    (void)snprintf(script, sizeof script, "%s/read.py", dir);
    FILE *f = fopen(script, "w");
    assert_non_null(f);
    (void)fputs(read_back, f);
    (void)fclose(f);
    assert_int_equal(lj_sheet_open(NULL, path, LJ_SHEET_XLSX, columns, 3, &s, &err), 0);
    fill(s);
    assert_int_equal(access(path, F_OK), -1); /* not before it is whole */
    assert_int_equal(lj_sheet_close(&s, &err), 0);
    (void)snprintf(command, sizeof command, "PYTHONIOENCODING=utf-8 /usr/bin/python3 %s %s", script,
                   path);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    size_t n = fread(text, 1, sizeof text - 1, p);
    text[n] = '\0';
    assert_int_equal(pclose(p), 0);
    assert_non_null(strstr(text, "A1 text '报表'"));
    assert_non_null(strstr(text, "B2 text '=policy'"));
    assert_non_null(strstr(text, "A4 text '名称 name'"));
    assert_non_null(strstr(text, "B5 n '7'"));
    assert_non_null(strstr(text, "A6 text '=1+1'"));
    assert_non_null(strstr(text, "B6 text '*'"));
    assert_non_null(strstr(text, "C7 n '2.5'"));
    assert_null(strstr(text, "C6 "));
    (void)unlink(path);
    (void)unlink(script);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left there */
}

static void a_file_is_whole_or_not_there(void **state)
{
    (void)state;
    struct lj_err err = {0};
    struct lj_sheet *s = NULL;
    assert_int_equal(lj_sheet_open(stdout, NULL, LJ_SHEET_XLSX, columns, 3, &s, &err), LJ_E_ARG);
    assert_null(s);
    assert_int_equal(lj_sheet_open(NULL, "/nonexistent/r.csv", LJ_SHEET_CSV, columns, 3, &s, &err),
                     LJ_E_IO);
    assert_null(s);
    assert_int_equal(
        lj_sheet_open(NULL, "/nonexistent/r.xlsx", LJ_SHEET_XLSX, columns, 3, &s, &err), LJ_E_IO);
    assert_null(s);
    lj_sheet_drop(&s);
}

static void spans_and_dimensions(void **state)
{
    (void)state;
    static const struct {
        long long year;
        const char *quarter, *month, *since, *till;
    } good[] = {{0, NULL, NULL, "", ""},
                {2025, NULL, NULL, "2025-01-01", "2025-12-01"},
                {0, "2025-Q3", NULL, "2025-07-01", "2025-09-01"},
                {0, NULL, "2025-02", "2025-02-01", "2025-02-01"}},
      bad[] = {{2025, NULL, "2025-02", NULL, NULL}, {0, "2025-Q5", NULL, NULL, NULL},
               {0, "2025-3", NULL, NULL, NULL},     {0, NULL, "2025-13", NULL, NULL},
               {0, NULL, "2025-1", NULL, NULL},     {99, NULL, NULL, NULL, NULL}};
    char a[16], b[16];
    struct lj_err err = {0};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(lj_report_span(good[i].year, good[i].quarter, good[i].month, a, b, &err),
                         0);
        assert_string_equal(a, good[i].since);
        assert_string_equal(b, good[i].till);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(lj_report_span(bad[i].year, bad[i].quarter, bad[i].month, a, b, &err),
                         LJ_E_ARG);
    const struct lj_report *r = &lj_reports[0];
    assert_int_equal(lj_report_dims(r, NULL, a, b, &err), 0);
    assert_int_equal(lj_report_dims(r, "unit,month", a, b, &err), 0);
    assert_string_equal(a, "unit");
    assert_string_equal(b, "month");
    assert_int_equal(lj_report_dims(r, "unit,month,team", a, b, &err), LJ_E_ARG);
    assert_int_equal(lj_report_dims(r, "uni", a, b, &err), LJ_E_ARG);
    assert_int_equal(lj_report_dims(r, "unit,unit", a, b, &err), LJ_E_ARG);
    assert_int_equal(lj_report_dims(r, "theme,group", a, b, &err), LJ_E_ARG);
    for (size_t i = 0; i < lj_reports_count; i++)
        assert_true(lj_reports[i].ncols <= LJ_REPORT_COLS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_opens_in_a_spreadsheet_and_runs_nothing),
        cmocka_unit_test(table_is_aligned_and_leaves_out_what_is_wide),
        cmocka_unit_test(json_has_head_and_rows),
        cmocka_unit_test(xlsx_reads_back),
        cmocka_unit_test(a_file_is_whole_or_not_there),
        cmocka_unit_test(spans_and_dimensions),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
