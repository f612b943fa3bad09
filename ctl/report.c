/* The reports of statistics as a table: a report is a function in db/functions/stat_report.sql and
 * its columns. What a column says is in docs/statistics.md; here are the names. The order of the
 * columns is that of the function's result, but for its first, `total`, which is used for the row's
 * label. */
#include "ctl/report.h"

#include <stdio.h>
#include <string.h>

#define T(name, zh)                                                                                \
    {                                                                                              \
        name, zh, LJ_SHEET_TEXT, 0                                                                 \
    }
#define N(name, zh)                                                                                \
    {                                                                                              \
        name, zh, LJ_SHEET_NUMBER, 0                                                               \
    }
#define NWIDE(name, zh)                                                                            \
    {                                                                                              \
        name, zh, LJ_SHEET_NUMBER, 1                                                               \
    }
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct lj_sheet_col activities[] = {
    T("code", "代码"),
    T("name", "分类"),
    T("code2", "代码二"),
    T("name2", "分类二"),
    N("activities", "活动数"),
    N("sessions", "计入场次"),
    N("athletes", "运动员人数(去重)"),
    N("person_times", "参与人次"),
    N("minutes", "入账分钟"),
    NWIDE("unconfirmed_minutes", "其中未经本人确认分钟"),
    N("guidance_minutes", "指导分钟"),
    N("served_onsite", "现场服务人数"),
    N("served_online", "线上服务人数"),
    N("new_sites", "新增场所"),
    NWIDE("counties", "覆盖县区"),
    N("timely_percent", "七日内报送%"),
    NWIDE("corrected_percent", "更正率%"),
    NWIDE("disputed_percent", "异议率%"),
    NWIDE("rural_percent", "农村活动%"),
    NWIDE("western_percent", "西部活动%"),
    NWIDE("key_group_percent", "重点人群活动%"),
    NWIDE("legacy_activities", "历史补录活动数"),
    NWIDE("legacy_minutes", "历史补录入账分钟"),
};
static const struct lj_sheet_col intake[] = {
    T("code", "代码"),
    T("name", "分类"),
    N("reports", "报送数"),
    N("rejected", "校验未通过"),
    N("first_pass_percent", "一次通过率%"),
    N("corrections", "更正数"),
    N("corrections_rejected", "更正未通过"),
    N("withdrawals", "撤回数"),
    N("returned", "审核退回"),
};
static const struct lj_sheet_col quota[] = {
    T("code", "代码"),
    T("name", "名称"),
    N("teams_owing", "有任务队伍"),
    N("teams_met", "完成队伍"),
    N("team_percent", "队伍完成率%"),
    N("sessions_short", "欠场次"),
    N("athletes_owing", "有任务运动员"),
    N("athletes_met", "完成运动员"),
    N("athlete_percent", "运动员完成率%"),
    N("participation_percent", "参与率%"),
    N("minutes_short", "欠分钟"),
};
static const struct lj_sheet_col exemptions[] = {
    T("code", "代码"),
    T("name", "名称"),
    N("persons", "豁免人数(去重)"),
    N("person_days", "减免人天"),
    N("deferred_days", "缓行人天"),
    N("teams", "豁免队伍"),
    N("team_days", "豁免队天"),
};
static const struct lj_sheet_col flags[] = {
    T("code", "代码"),        T("name", "分类"),
    N("flags", "提示数"),     N("standing", "其中现行版本上"),
    N("open", "待处理"),      N("explained", "已说明"),
    N("confirmed", "已确认"), N("dismissed", "已排除"),
};
static const struct lj_sheet_col opinion[] = {
    T("code", "代码"), T("name", "分类"), N("flagged", "舆情提示"), N("red", "红"),
    N("orange", "橙"), N("yellow", "黄"), N("blue", "蓝"),
};
static const struct lj_sheet_col mail[] = {
    T("code", "代码"),        T("name", "分类"),
    N("to_sign", "应签收"),   N("in_time", "按时签收"),
    N("late", "逾期签收"),    N("pending", "期限内未签"),
    N("overdue", "逾期未签"), N("in_time_percent", "按时签收率%"),
};
static const struct lj_sheet_col commendation[] = {
    T("subject", "对象"),
    T("code", "代码"),
    T("name", "队伍名称"),
    N("sessions", "计入场次"),
    N("minutes", "入账分钟"),
    N("duty", "任务量"),
    T("met", "完成任务"),
    N("activities", "活动数"),
    NWIDE("months", "有活动月数"),
    N("sites", "服务场所"),
    NWIDE("counties", "覆盖县区"),
    NWIDE("joint", "联合活动"),
    N("guidance_minutes", "指导分钟"),
    N("served_onsite", "现场服务人数"),
    NWIDE("served_online", "线上服务人数"),
    NWIDE("corrected", "更正活动"),
    N("flags_open", "待处理提示"),
    N("flags_confirmed", "已确认提示"),
    NWIDE("policy", "政策/版本"),
};

#define DIMS                                                                                       \
    "year quarter month unit team sport level region province site_kind body group theme anchor "  \
    "mode"
#define COMMON "“*”为样本不足,不予显示。"

const struct lj_report lj_reports[] = {
    {"activities", "活动统计", DIMS, 2, 0,
     "select * from liangjin.stat_activities($1, $2, $3::date, $4::date, $5, (select t.number from "
     "liangjin.team t join liangjin.unit x on x.number = t.unit where x.code = $5 and t.code = "
     "$6), $7)",
     "12stumr",
     "现场与线上服务人数分列,不得相加。人数为去重人数,"
     "人次为参与次数。联合活动全国计一次、每单位各计一"
     "次,各单位之和可大于全国合计。历史补录与未经本人确认的分钟单列。" COMMON,
     activities, COUNT(activities)},
    {"intake", "报送统计", "unit month", 1, 0,
     "select * from liangjin.stat_intakes($1, $2::date, $3::date, $4)", "1stu",
     "按收到月份和报送单位统计。" COMMON, intake, COUNT(intake)},
    {"quota", "任务完成统计", "unit team", 1, 1,
     "select * from liangjin.stat_quota($1, $2::int2, $3)", "1yu",
     "跨队运动员在每队、每单位各计一次,全国计一次。" COMMON, quota, COUNT(quota)},
    {"exemptions", "豁免统计", "", 0, 0,
     "select * from liangjin.stat_exemptions(coalesce($1::date, '1900-01-01'), "
     "(coalesce($2::date, '2999-12-01') + interval '1 month - 1 day')::date, $3)",
     "stu", COMMON, exemptions, COUNT(exemptions)},
    {"flags", "提示统计", "unit code", 1, 0,
     "select * from liangjin.stat_flags($1, $2::date, $3::date, $4)", "1stu",
     "提示须经说明和认定,本身不减任何时长。", flags, COUNT(flags)},
    {"opinion", "舆情统计", "unit month", 1, 0,
     "select * from liangjin.stat_opinion($1, $2::date, $3::date, $4)", "1stu",
     "按收到月份统计;按时答复尚无记录。", opinion, COUNT(opinion)},
    {"mail", "站内信签收统计", "unit month", 1, 0,
     "select * from liangjin.stat_mail($1, $2::date, $3::date, $4)", "1stu",
     "按发出月份统计须签收的站内信;签收率不含期限内未签。" COMMON, mail, COUNT(mail)},
    {"commendation", "表彰基础数据", "", 0, 1,
     "select null, c.subject, c.code, c.name, c.sessions, c.minutes, c.duty, case c.met when true "
     "then '是' when false then '否' end, c.activities, c.months, c.sites, c.counties, c.joint, "
     "c.guidance, c.onsite, c.online, c.corrected, c.flags_open, c.flags_confirmed, c.policy"
     " from liangjin.stat_commendation($1::int2, $2) c",
     "yu", "仅为事实依据,不评分、不排名;运动员只列代码。公示不少于 7 天后方可使用。", commendation,
     COUNT(commendation)},
};
const size_t lj_reports_count = COUNT(lj_reports);

static int number(const char *text, size_t n, int lo, int hi)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        v = v * 10 + (text[i] - '0');
    }
    return v >= lo && v <= hi ? v : -1;
}

enum { YEAR_MIN = 1900, YEAR_MAX = 2999 };

int lj_report_span(long long year, const char *quarter, const char *month, char since[11],
                   char till[11], struct lj_err *err)
{
    int y = (int)year, first = 1, last = 12;
    since[0] = till[0] = '\0';
    if ((year != 0) + (quarter != NULL) + (month != NULL) > 1)
        return lj_fail(err, LJ_E_ARG, "only one of --year, --quarter and --month can be given");
    if (month) {
        y = strlen(month) == 7 && month[4] == '-' ? number(month, 4, YEAR_MIN, YEAR_MAX) : -1;
        first = last = y < 0 ? -1 : number(month + 5, 2, 1, 12);
    }
    if (quarter) {
        int form = strlen(quarter) == 7 && quarter[4] == '-' && quarter[5] == 'Q';
        y = form ? number(quarter, 4, YEAR_MIN, YEAR_MAX) : -1;
        int q = y < 0 ? -1 : number(quarter + 6, 1, 1, 4);
        first = q < 0 ? -1 : 3 * q - 2;
        last = 3 * q;
    }
    if (year != 0 && (year < YEAR_MIN || year > YEAR_MAX))
        y = -1;
    if (y < 0 || first < 0)
        return lj_fail(err, LJ_E_ARG,
                       "a month is YYYY-MM, a quarter YYYY-Q1 to YYYY-Q4, a year "
                       "1900 to 2999");
    if (y > 0) {
        (void)snprintf(since, 11, "%04u-%02u-01", (unsigned)y % 10000U, (unsigned)first % 100U);
        (void)snprintf(till, 11, "%04u-%02u-01", (unsigned)y % 10000U, (unsigned)last % 100U);
    }
    return 0;
}

static int listed(const char *list, const char *word, size_t n)
{
    while (*list) {
        size_t len = strcspn(list, " ");
        if (len == n && memcmp(list, word, n) == 0)
            return 1;
        list += len;
        list += strspn(list, " ");
    }
    return 0;
}

int lj_report_dims(const struct lj_report *r, const char *by, char first[16], char second[16],
                   struct lj_err *err)
{
    char *const words[] = {first, second};
    int n = 0;
    first[0] = second[0] = '\0';
    for (const char *p = by ? by : ""; *p; n++) {
        size_t len = strcspn(p, ",");
        if (n >= 2 || n >= r->dims_max || len > 15 || !listed(r->dims, p, len))
            return lj_fail(err, LJ_E_ARG, "%.20s: at most %d of: %.150s", r->name, r->dims_max,
                           r->dims[0] ? r->dims : "-");
        memcpy(words[n], p, len);
        words[n][len] = '\0';
        p += len + (p[len] == ',');
    }
    if (n == 2 && (strcmp(first, second) == 0 ||
                   (strcmp(first, "group") == 0 && strcmp(second, "theme") == 0) ||
                   (strcmp(first, "theme") == 0 && strcmp(second, "group") == 0)))
        return lj_fail(err, LJ_E_ARG, "these two dimensions do not go together");
    return 0;
}
