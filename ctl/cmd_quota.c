/* ljctl quota show: what teams and athletes have done and owe by year, from the settled totals
 * (view quota_subject).
 *
 * complete_through is the position up to which the totals are settled: an event above it is not in
 * the figures yet. */
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
