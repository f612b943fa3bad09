/* ljctl quota show|coverage|recompute|diff: what teams and athletes have done and owe by year.
 *
 * show reads the settled totals (view quota_subject) and their pacing at the log's last day;
 * coverage how many have met their duty, of the nation, a unit, a team. recompute computes the same
 * from the raw rows alone, at the settled position, and puts both side by side; diff prints only
 * what does not agree, down to the single activity, and is exit code 1 then. complete_through is
 * the position up to which the totals are settled: an event above it is not in the figures yet. */
#include "ctl/cmd.h"
#include "ctl/pg.h"

static const struct lj_col columns[] = {
    {"subject", "SUBJECT", LJ_COL_TEXT},   {"unit", "UNIT", LJ_COL_TEXT},
    {"code", "CODE", LJ_COL_TEXT},         {"year", "YEAR", LJ_COL_INT},
    {"sessions", "SESSIONS", LJ_COL_INT},  {"minutes", "MINUTES", LJ_COL_INT},
    {"carried", "CARRIED", LJ_COL_INT},    {"duty", "DUTY", LJ_COL_INT},
    {"duty_met", "MET", LJ_COL_BOOL},      {"deficit", "DEFICIT", LJ_COL_INT},
    {"expected", "EXPECTED", LJ_COL_JSON}, {"level", "LEVEL", LJ_COL_TEXT},
    {"member_minutes", NULL, LJ_COL_INT},  {"policy", NULL, LJ_COL_INT},
    {"policy_version", NULL, LJ_COL_INT},  {"complete_through", "COMPLETE TO", LJ_COL_INT}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

/* The page first, then its pacing in one call a kind and year. The day is the log's last one: a
 * system that stood still does not fall behind by that. A year to come has no pacing. */
static const char show_sql[] =
    "with page as (select * from liangjin.quota_subject where ($1::text is null or unit = $1)"
    " and ($2::int4 is null or year = $2::int4)"
    " and (($3::text is null and $4::text is null) or (subject = 'TEAM' and code = $3) or "
    "(subject = 'PERSON' and code = $4))"
    " order by unit, subject desc, code, year limit $5::int8),"
    " today as (select coalesce((select max(day) from liangjin.calendar_day), (now() at time zone "
    "'Asia/Shanghai')::date) as d),"
    " pace as (select k.subject_kind, k.year, p.subject as number, p.expected, p.level from today,"
    " (select subject_kind, year, array_agg(number) as numbers from page group by 1, 2) k"
    " cross join lateral liangjin.quota_pacing(k.subject_kind, k.numbers, least(today.d, "
    "make_date(k.year, 12, 31))) p where today.d >= make_date(k.year, 1, 1))"
    " select subject, unit, code, year, sessions, minutes, carried, duty, duty_met, deficit,"
    " expected, level, member_minutes, policy, policy_version, complete_through"
    " from page left join pace using (subject_kind, year, number)"
    " order by unit, subject desc, code, year";

/* Print the rows of a query with the usual five parameters of the quota's lists. */
static int list(struct lj_ctl *ctl, const char *sql, const struct lj_col *cols, size_t ncols,
                int *ret_rows)
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
        rc = lj_pg_print(ctl, c, &(struct lj_pg_list){sql, params, 5, cols, ncols}, ret_rows, &err);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

int lj_cmd_quota_show(struct lj_ctl *ctl)
{
    int n = 0;
    int rc = list(ctl, show_sql, columns, COLUMNS, &n);
    if (rc == LJ_EXIT_OK && n == 0)
        lj_say("no totals yet for that");
    return rc;
}

/* ---- coverage ---- */

static const struct lj_col coverage_columns[] = {{"scope", "SCOPE", LJ_COL_TEXT},
                                                 {"unit", "UNIT", LJ_COL_TEXT},
                                                 {"team", "TEAM", LJ_COL_TEXT},
                                                 {"year", "YEAR", LJ_COL_INT},
                                                 {"state", "STATE", LJ_COL_TEXT},
                                                 {"teams_owing", "TEAMS", LJ_COL_INT},
                                                 {"teams_met", "MET", LJ_COL_INT},
                                                 {"team_rate", "RATE", LJ_COL_JSON},
                                                 {"sessions_short", "SESSIONS SHORT", LJ_COL_INT},
                                                 {"athletes_owing", "ATHLETES", LJ_COL_INT},
                                                 {"athletes_met", "MET", LJ_COL_INT},
                                                 {"athlete_rate", "RATE", LJ_COL_JSON},
                                                 {"athletes_taking_part", NULL, LJ_COL_INT},
                                                 {"participation_rate", "TAKING PART", LJ_COL_JSON},
                                                 {"minutes_short", "MINUTES SHORT", LJ_COL_INT}};
enum { COVERAGE_COLUMNS = sizeof coverage_columns / sizeof coverage_columns[0] };

static const char coverage_sql[] =
    "select c.scope, c.unit, c.team, y.year, y.state, c.teams_owing, c.teams_met, c.team_rate,"
    " c.sessions_short, c.athletes_owing, c.athletes_met, c.athlete_rate, c.athletes_taking_part,"
    " c.participation_rate, c.minutes_short"
    " from liangjin.quota_years y cross join lateral liangjin.quota_coverage(y.year) c"
    " where ($2::int4 is null or y.year = $2::int4) and $4::text is null"
    " and case when $3::text is not null then c.team = $3 and ($1::text is null or c.unit = $1)"
    " when $1::text is not null then c.unit = $1 else c.scope <> 'TEAM' end"
    " order by y.year, c.scope = 'NATION' desc, c.unit, c.scope = 'UNIT' desc, c.team"
    " limit $5::int8";

int lj_cmd_quota_coverage(struct lj_ctl *ctl)
{
    int n = 0;
    int rc = list(ctl, coverage_sql, coverage_columns, COVERAGE_COLUMNS, &n);
    if (rc == LJ_EXIT_OK && n == 0)
        lj_say("nobody owes anything yet in that");
    return rc;
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
    return list(ctl, recompute_sql, recomputed_columns, 10, NULL);
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
