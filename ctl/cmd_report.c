/* ljctl report NAME, report verify: statistics as a sheet.
 *
 * First the figures are brought up to the settled position (stat_fold), then head and rows are read
 * in one snapshot, so the position at the head is that of the rows. Every report says its policy,
 * up to which position it is complete, and when the last event in it was received; what must not be
 * read into the figures stands beside them. Rows come in the order of the directory; by figures
 * only where policy has switched that on. verify holds the figures against the raw rows. */
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/report.h"

struct ask {
    const struct lj_report *report;
    char by1[16], by2[16], since[11], till[11], year[24];
    const char *names[2]; /* of the dimensions that are in the columns */
};

static const struct lj_report *find(const char *name)
{
    for (size_t i = 0; i < lj_reports_count; i++) {
        if (strcmp(lj_reports[i].name, name) == 0)
            return &lj_reports[i];
    }
    return NULL;
}

static const char *or_null(const char *s)
{
    return s && s[0] ? s : NULL;
}

static const char *param(const struct lj_ctl *ctl, const struct ask *a, char what)
{
    switch (what) {
    case '1':
        return or_null(a->by1);
    case '2':
        return or_null(a->by2);
    case 's':
        return or_null(a->since);
    case 't':
        return or_null(a->till);
    case 'u':
        return ctl->o.unit;
    case 'm':
        return ctl->o.team;
    case 'y':
        return a->year;
    default:
        return ctl->o.rank;
    }
}

/* ---- what is asked for ---- */

static int read_ask(const struct lj_ctl *ctl, struct ask *a, struct lj_err *err)
{
    a->report = find(ctl->words[0]);
    if (!a->report)
        return lj_fail(err, LJ_E_ARG,
                       "there is no report %.30s: activities, intake, quota, exemptions, flags, "
                       "opinion, mail, commendation, verify",
                       ctl->words[0]);
    int rc = lj_report_dims(a->report, ctl->o.by, a->by1, a->by2, err);
    if (rc == 0)
        rc = lj_report_span(ctl->o.year, ctl->o.quarter, ctl->o.month, a->since, a->till, err);
    if (rc == 0 && ctl->o.team && (!strchr(a->report->params, 'm') || !ctl->o.unit))
        rc = lj_fail(err, LJ_E_ARG, "--team is for `report activities` and needs --unit");
    if (rc == 0 && ctl->o.rank && !strchr(a->report->params, 'r'))
        rc = lj_fail(err, LJ_E_ARG, "only `report activities` can be ranked");
    if (rc == 0 && a->report->year_needed && (ctl->o.quarter || ctl->o.month))
        rc = lj_fail(err, LJ_E_ARG, "%s is of a whole year", a->report->name);
    (void)snprintf(a->year, sizeof a->year, "%lld", (long long)ctl->o.year);
    return rc;
}

/* Units and teams that do not exist would give an empty report, which looks like a fact. */
static int check_names(const struct lj_ctl *ctl, PGconn *c, struct lj_err *err)
{
    const char *params[] = {ctl->o.unit, ctl->o.team};
    PGresult *r = NULL;
    if (!ctl->o.unit)
        return 0;
    int rc = lj_dbs_query(c,
                          "select from liangjin.unit u where u.code = $1 and ($2::text is null or "
                          "exists (select from liangjin.team t where t.unit = u.number and t.code "
                          "= $2))",
                          2, params, &r, err);
    if (rc == 0 && PQntuples(r) == 0)
        rc = lj_fail(err, LJ_E_NOT_FOUND, "there is no unit %.20s%s%.40s", ctl->o.unit,
                     ctl->o.team ? " with a team " : "", ctl->o.team ? ctl->o.team : "");
    PQclear(r);
    return rc;
}

/* ---- head ---- */

static const char head_sql[] =
    "select h.complete_through, to_char(h.as_of at time zone 'Asia/Shanghai', 'YYYY-MM-DD "
    "HH24:MI:SS+08'), h.policy, to_char(now() at time zone 'Asia/Shanghai', 'YYYY-MM-DD "
    "HH24:MI:SS+08'), extract(year from coalesce((select max(day) from liangjin.calendar_day), "
    "(h.as_of at time zone 'Asia/Shanghai')::date, (now() at time zone 'Asia/Shanghai')::date))"
    " from (select coalesce(($1::date + interval '1 month - 1 day')::date, (now() at time zone "
    "'Asia/Shanghai')::date) as d) x cross join lateral liangjin.stat_head(x.d) h";

static void put_head(const struct lj_ctl *ctl, const struct ask *a, const PGresult *head,
                     struct lj_sheet *sheet)
{
    char period[64];
    int whole = a->report->year_needed;
    (void)snprintf(period, sizeof period, "%s%s%s",
                   whole         ? a->year
                   : a->since[0] ? a->since
                                 : "",
                   whole         ? ""
                   : a->since[0] ? " .. "
                                 : "all",
                   whole ? "" : a->till);
    lj_sheet_head(sheet, "report", "报表", a->report->zh);
    lj_sheet_head(sheet, "period", "时期(月)", period);
    lj_sheet_head(sheet, "unit", "单位范围", ctl->o.unit ? ctl->o.unit : "CN000");
    if (ctl->o.team)
        lj_sheet_head(sheet, "team", "队伍", ctl->o.team);
    lj_sheet_head(sheet, "policy", "政策版本", PQgetvalue(head, 0, 2));
    lj_sheet_head(sheet, "complete_through", "数据截至位置", PQgetvalue(head, 0, 0));
    lj_sheet_head(sheet, "as_of", "数据截至时间",
                  PQgetisnull(head, 0, 1) ? NULL : PQgetvalue(head, 0, 1));
    lj_sheet_head(sheet, "made_at", "生成时间", PQgetvalue(head, 0, 3));
    if (a->report->notes)
        lj_sheet_head(sheet, "notes", "说明", a->report->notes);
}

/* ---- rows ---- */

/* Column 0 of the result says "total"; a row without a code and name is called so. */
static void put_rows(const PGresult *rows, const struct lj_report *r, struct lj_sheet *sheet)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        const char *values[LJ_REPORT_COLS_MAX] = {NULL};
        for (int k = 0; k < (int)r->ncols; k++)
            values[k] = PQgetisnull(rows, i, k + 1) ? NULL : PQgetvalue(rows, i, k + 1);
        if (!PQgetisnull(rows, i, 0) && PQgetvalue(rows, i, 0)[0] == 't' && !values[1])
            values[1] = "合计";
        lj_sheet_row(sheet, values);
    }
}

static enum lj_sheet_format format_of(const struct lj_ctl *ctl)
{
    static const char *const words[] = {"table", "json", "csv", "xlsx"};
    const char *word = strcmp(ctl->o.format, "output") != 0 ? ctl->o.format : ctl->o.output;
    int i = 0;
    while (i < LJ_SHEET_XLSX && strcmp(words[i], word) != 0)
        i++;
    return (enum lj_sheet_format)i;
}

static int query_rows(const struct lj_ctl *ctl, PGconn *c, const struct ask *a, PGresult **ret,
                      struct lj_err *err)
{
    const char *params[8];
    int n = 0;
    for (const char *p = a->report->params; *p; p++)
        params[n++] = param(ctl, a, *p);
    return lj_dbs_query(c, a->report->sql, n, params, ret, err);
}

static int print(const struct lj_ctl *ctl, PGconn *c, struct ask *a, struct lj_err *err)
{
    PGresult *head = NULL, *rows = NULL;
    struct lj_sheet *sheet = NULL;
    const char *till = or_null(a->till);
    int rc = lj_dbs_query(c, head_sql, 1, &till, &head, err);
    if (rc == 0 && ctl->o.year == 0 && PQntuples(head) == 1)
        (void)snprintf(a->year, sizeof a->year, "%s", PQgetvalue(head, 0, 4));
    if (rc == 0)
        rc = query_rows(ctl, c, a, &rows, err);
    if (rc == 0)
        rc = lj_sheet_open(ctl->out, ctl->o.out, format_of(ctl), a->report->cols, a->report->ncols,
                           &sheet, err);
    if (rc == 0) {
        put_head(ctl, a, head, sheet);
        put_rows(rows, a->report, sheet);
        rc = lj_sheet_close(&sheet, err);
    }
    PQclear(head);
    PQclear(rows);
    return rc;
}

/* ---- verify ---- */

static const struct lj_col diff_columns[] = {{"what", "WHAT", LJ_COL_TEXT},
                                             {"key", "KEY", LJ_COL_TEXT},
                                             {"stored", "STORED", LJ_COL_TEXT},
                                             {"computed", "COMPUTED", LJ_COL_TEXT}};

static int verify(const struct lj_ctl *ctl, PGconn *c, int *ret_n, struct lj_err *err)
{
    return lj_pg_print(ctl, c,
                       &(struct lj_pg_list){"select what, key, stored, computed from "
                                            "liangjin.stat_diff() order by 1, 2 limit 1000",
                                            NULL, 0, diff_columns, 4},
                       ret_n, err);
}

/* The one thing that this role writes: a cache. It reads by default, and so says otherwise. */
static int fold(PGconn *c, struct lj_err *err)
{
    return lj_pg_script(c, "report",
                        "begin read write; select liangjin.stat_fold(); commit;"
                        " begin isolation level repeatable read read only",
                        err);
}

int lj_cmd_report(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct ask a = {0};
    PGconn *c = NULL;
    int n = 0;
    int check = strcmp(ctl->words[0], "verify") == 0;
    int rc = check ? 0 : read_ask(ctl, &a, &err);
    if (rc == 0)
        rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = check_names(ctl, c, &err);
    if (rc == 0)
        rc = fold(c, &err);
    if (rc == 0)
        rc = check ? verify(ctl, c, &n, &err) : print(ctl, c, &a, &err);
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, strcmp(err.sqlstate, "P0403") == 0
                                      ? "units are not ranked: setting `rank` of stat_setting"
                                      : NULL);
    if (check)
        lj_say(n ? "%d difference(s) between the figures and the raw rows"
                 : "the figures agree with the raw rows",
               n);
    return n ? LJ_EXIT_FAILED : LJ_EXIT_OK;
}
