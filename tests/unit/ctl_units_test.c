/* `ljctl units` against the letter's table: the same names, numbers and classes in the same order,
 * as text, CSV and JSON. lj-test: lj_ctl
 *
 * The names below are taken from the letter ("注册两进信息系统情况统计表", end of 2023),
 * independently of db/seed/units.tsv, which is what ljctl shows. Without a running system the
 * built-in table is the source; the register's answer is held against it in tests/system/up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "ctl/out.h"
#include "ctl/units.h"
#include "tests/unit/ctl_run.h"

/* 序号 1..51 */
static const char *const names[] = {
    "重庆体育局",
    "上海体育局",
    "北京体育局",
    "浙江体育局",
    "湖南体育局",
    "河南体育局",
    "江苏体育局",
    "山东体育局",
    "湖北体育局",
    "青海体育局",
    "福建体育局",
    "陕西体育局",
    "广东体育局",
    "辽宁省体育局",
    "内蒙古体育局",
    "吉林体育局",
    "贵州体育局",
    "黑龙江体育局",
    "西藏体育局",
    "河北体育局",
    "山西体育局",
    "江西体育局",
    "宁夏体育局",
    "四川体育局",
    "云南体育局",
    "新疆体育局",
    "登山运动管理中心",
    "排球运动管理中心",
    "乒乓球羽毛球运动管理中心",
    "棋牌运动管理中心",
    "社会体育指导中心",
    "射击射箭运动管理中心",
    "武术运动管理中心",
    "国家奥林匹克体育中心",
    "网球运动管理中心",
    "小球运动管理中心",
    "水上运动管理中心",
    "体操运动管理中心",
    "中国自行车协会",
    "中国极限运动协会",
    "中国乒乓球协会",
    "中国田径协会",
    "中国击剑协会",
    "中国现代五项运动协会",
    "中国空手道协会",
    "中国冰球协会",
    "中国帆船帆板协会",
    "中国垒球协会",
    "中国铁人三项运动协会",
    "中国足球协会",
    "中国体育舞蹈联合会",
};
enum { UNITS = 51 };

static const char *class_of(int number)
{
    return number <= 26   ? "省区市体育部门"
           : number <= 38 ? "体育总局有关直属单位"
                          : "有关全国性体育社会组织";
}

static const char *prefix_of(int number)
{
    return number <= 26 ? "PS" : number <= 38 ? "GU" : "NO";
}

static struct ctl_run units(const char *output)
{
    char line[100];
    (void)snprintf(line, sizeof line, "units --embedded --output %s", output);
    struct ctl_run r = ctl_run(line);
    assert_int_equal(r.code, LJ_EXIT_OK);
    return r;
}

static void csv_is_the_table(void **state)
{
    (void)state;
    struct ctl_run r = units("csv");
    char *rest = r.out;
    assert_string_equal(strsep(&rest, "\n"), "number,code,class,name");
    for (int n = 1; n <= UNITS; n++) {
        char wanted[300];
        (void)snprintf(wanted, sizeof wanted, "%d,%s%03d,%s,%s", n, prefix_of(n), n, class_of(n),
                       names[n - 1]);
        assert_string_equal(strsep(&rest, "\n"), wanted);
    }
    assert_string_equal(rest, "");
    ctl_run_free(&r);
}

static void json_is_the_table(void **state)
{
    (void)state;
    struct ctl_run r = units("json");
    json_t *all = json_loads(r.out, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(all), UNITS);
    for (int n = 1; n <= UNITS; n++) {
        const json_t *u = json_array_get(all, (size_t)n - 1);
        char code[16];
        (void)snprintf(code, sizeof code, "%s%03d", prefix_of(n), n);
        assert_int_equal(json_object_size(u), 4);
        assert_int_equal(json_integer_value(json_object_get(u, "number")), n);
        assert_string_equal(json_string_value(json_object_get(u, "code")), code);
        assert_string_equal(json_string_value(json_object_get(u, "class")), class_of(n));
        assert_string_equal(json_string_value(json_object_get(u, "name")), names[n - 1]);
    }
    json_decref(all);
    ctl_run_free(&r);
}

/* Words of a text line. */
static int words_of(char *line, char *words[8])
{
    int n = 0;
    for (char *rest = line; rest && n < 8;) {
        char *w = strsep(&rest, " ");
        if (*w)
            words[n++] = w;
    }
    return n;
}

static void text_is_the_letters_layout(void **state)
{
    static const int first[3] = {1, 27, 39};
    static const int count[3] = {26, 12, 13};
    (void)state;
    struct ctl_run r = units("table");
    char *rest = r.out;
    char *words[8] = {0};
    assert_string_equal(strsep(&rest, "\n"), "注册两进信息系统情况统计表");
    assert_string_equal(strsep(&rest, "\n"), "");
    char *head = strsep(&rest, "\n");
    assert_int_equal(words_of(head, words), 6);
    for (size_t c = 0; c < 3; c++) {
        assert_string_equal(words[c * 2], "序号");
        assert_string_equal(words[c * 2 + 1], class_of(first[c]));
    }
    for (int row = 0; row < 26; row++) {
        int n = words_of(strsep(&rest, "\n"), words);
        int at = 0;
        for (int c = 0; c < 3; c++) {
            if (row >= count[c])
                continue;
            char number[16];
            (void)snprintf(number, sizeof number, "%d", first[c] + row);
            assert_true(at + 1 < n);
            assert_string_equal(words[at], number);
            assert_string_equal(words[at + 1], names[first[c] + row - 1]);
            at += 2;
        }
        assert_int_equal(at, n);
    }
    assert_string_equal(strsep(&rest, "\n"), "");
    assert_string_equal(strsep(&rest, "\n"), "备注:以上注册数据截至2023年底;按照创建时间排序。");
    assert_string_equal(rest, "");
    ctl_run_free(&r);
}

static void columns_stand_under_each_other(void **state)
{
    (void)state;
    struct ctl_run r = units("table");
    const char *line = strstr(r.out, "序号");
    const char *second = strstr(line, class_of(27));
    char before[400];
    (void)snprintf(before, sizeof before, "%.*s", (int)(second - line), line);
    int column = lj_text_width(before);
    for (int n = 27; n <= 38; n++) {
        const char *name = strstr(r.out, names[n - 1]);
        const char *start = name;
        while (start[-1] != '\n')
            start--;
        (void)snprintf(before, sizeof before, "%.*s", (int)(name - start), start);
        assert_int_equal(lj_text_width(before), column);
    }
    ctl_run_free(&r);
}

static void ids_are_fixed_and_different(void **state)
{
    static struct lj_unit list[LJ_UNITS_MAX];
    size_t n = 0;
    struct lj_err err = {0};
    (void)state;
    assert_int_equal(lj_units_embedded(list, LJ_UNITS_MAX, &n, &err), 0);
    assert_int_equal(n, UNITS);
    assert_string_equal(list[0].id,
                        "018e85ca-2000-7000-8000-000000000001"); /* in every log that was ever
                                                                    started: never change it */
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(list[i].number, (int)i + 1);
        for (size_t k = i + 1; k < n; k++)
            assert_string_not_equal(list[i].id, list[k].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_the_table),
        cmocka_unit_test(json_is_the_table),
        cmocka_unit_test(text_is_the_letters_layout),
        cmocka_unit_test(columns_stand_under_each_other),
        cmocka_unit_test(ids_are_fixed_and_different),
    };
    return cmocka_run_group_tests_name("ctl_units", tests, NULL, NULL);
}
