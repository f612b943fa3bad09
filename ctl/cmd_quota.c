/* ljctl quota show|recompute|diff: what teams and athletes have done and owe by year.
 *
 * show reads the settled totals (view quota_subject). recompute computes the same from the raw rows
 * alone, at the settled position, and puts both side by side; diff prints only what does not agree,
 * down to the single activity, and is exit code 1 then. complete_through is the position up to
 * which the totals are settled: an event above it is not in the figures yet. */
#include "ctl/cmd.h"
#include "ctl/pg.h"

static const struct lj_col columns[] = {
    {"subject", "SUBJECT", LJ_COL_TEXT},  {"unit", "UNIT", LJ_COL_TEXT},
    {"code", "CODE", LJ_COL_TEXT},        {"year", "YEAR", LJ_COL_INT},
    {"sessions", "SESSIONS", LJ_COL_INT}, {"minutes", "MINUTES", LJ_COL_INT},
    {"duty", "DUTY", LJ_COL_INT},         {"duty_met", "MET", LJ_COL_BOOL},
    {"member_minutes", NULL, LJ_COL_INT}, {"policy", NULL, LJ_COL_INT},
    {"policy_version", NULL, LJ_COL_INT}, {"complete_through", "COMPLETE TO", LJ_COL_INT}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

int lj_cmd_quota_show(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    char year[24];
    char limit[24];
    int n = 0;
    (void)snprintf(year, sizeof year, "%lld", (long long)ctl->o.year);
    (void)snprintf(limit, sizeof limit, "%lld", (long long)ctl->o.limit);
    const char *params[] = {ctl->o.unit, ctl->o.year ? year : NULL, ctl->o.team, ctl->o.person,
                            limit};
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = lj_pg_print(
            ctl, c,
            &(struct lj_pg_list){"select subject, unit, code, year, sessions, minutes, duty, "
                                 "duty_met, member_minutes, "
                                 "policy, policy_version,"
                                 " complete_through from liangjin.quota_subject where ($1::text is "
                                 "null or unit = $1)"
                                 " and ($2::int4 is null or year = $2::int4)"
                                 " and (($3::text is null and $4::text is null) or (subject = "
                                 "'TEAM' and code = $3) or "
                                 "(subject = 'PERSON' and code = $4))"
                                 " order by unit, subject desc, code, year limit $5::int8",
                                 params, 5, columns, COLUMNS},
            &n, &err);
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (n == 0)
        lj_say("no totals yet for that");
    return LJ_EXIT_OK;
}

/* ---- recompute ---- */

static const struct lj_col recomputed_columns[] = {
    {"subject", "SUBJECT", LJ_COL_TEXT},
    {"unit", "UNIT", LJ_COL_TEXT},
    {"code", "CODE", LJ_COL_TEXT},
    {"year", "YEAR", LJ_COL_INT},
    {"sessions", "SESSIONS", LJ_COL_INT},
    {"minutes", "MINUTES", LJ_COL_INT},
    {"stored_sessions", "STORED SESSIONS", LJ_COL_INT},
    {"stored_minutes", "STORED MINUTES", LJ_COL_INT},
    {"equal", "EQUAL", LJ_COL_BOOL},
    {"complete_through", "COMPLETE TO", LJ_COL_INT}};

static const char recompute_sql[] =
    "with at as (select coalesce(max(position), 0) as p from liangjin.settled where kind = 3),"
    " r as (select case subject_kind when 1 then 'TEAM' else 'PERSON' end as subject, x.subject as "
    "number, x.year, sum(x.minutes)::int8 as minutes, sum(x.sessions)::int8 as sessions"
    " from at cross join lateral liangjin.quota_recompute(at.p) x group by 1, 2, 3)"
    " select subject, q.unit, q.code, year, coalesce(r.sessions, 0), coalesce(r.minutes, 0), "
    "q.sessions, q.minutes, (coalesce(r.sessions, 0), coalesce(r.minutes, 0)) is not distinct from "
    "(q.sessions::int8, q.minutes::int8), at.p"
    " from at cross join r full join liangjin.quota_subject q using (subject, number, year)"
    " where ($1::text is null or q.unit = $1) and ($2::int4 is null or year = $2::int4)"
    " and (($3::text is null and $4::text is null) or (subject = 'TEAM' and q.code = $3) or "
    "(subject = 'PERSON' and q.code = $4))"
    " order by q.unit, subject desc, q.code, year limit $5::int8";

int lj_cmd_quota_recompute(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    char year[24];
    char limit[24];
    (void)snprintf(year, sizeof year, "%lld", (long long)ctl->o.year);
    (void)snprintf(limit, sizeof limit, "%lld", (long long)ctl->o.limit);
    const char *params[] = {ctl->o.unit, ctl->o.year ? year : NULL, ctl->o.team, ctl->o.person,
                            limit};
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = lj_pg_print(ctl, c,
                         &(struct lj_pg_list){recompute_sql, params, 5, recomputed_columns, 10},
                         NULL, &err);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

/* ---- diff ---- */

static const struct lj_col diff_columns[] = {
    {"what", "WHAT", LJ_COL_TEXT},     {"subject", "SUBJECT", LJ_COL_TEXT},
    {"unit", "UNIT", LJ_COL_TEXT},     {"code", "CODE", LJ_COL_TEXT},
    {"year", "YEAR", LJ_COL_INT},      {"activity", "ACTIVITY", LJ_COL_TEXT},
    {"stored", "STORED", LJ_COL_TEXT}, {"computed", "COMPUTED", LJ_COL_TEXT}};

int lj_cmd_quota_diff(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    int n = 0;
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = lj_pg_print(
            ctl, c,
            &(struct lj_pg_list){
                "select d.what, case d.subject_kind when 1 then 'TEAM' else 'PERSON' end, u.code, "
                "x.code, d.year, d.activity, d.stored, d.computed from liangjin.quota_diff() d"
                " left join lateral (select t.unit, t.code::text from liangjin.team t where "
                "d.subject_kind = 1 and t.number = d.subject union all select p.unit, p.code::text "
                "from liangjin.person p where d.subject_kind = 2 and p.number = d.subject) x on "
                "true"
                " left join liangjin.unit u on u.number = x.unit order by 1, 2, 3, 4, 5, 6",
                NULL, 0, diff_columns, 8},
            &n, &err);
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (n)
        lj_say("%d difference(s) between the ledger, the totals and the raw rows", n);
    else
        lj_say("ledger, totals and raw rows agree");
    return n ? LJ_EXIT_FAILED : LJ_EXIT_OK;
}
