/* ljctl flag ls|show: what somebody should look at, and what has been said about it.
 *
 * ls lists flags that stand, newest first, of a unit and all below it; with --review instead the
 * activities whose signs add up to 60 or more, with their evidence. show is one flag with every
 * move that was asked of it, the refused ones too. Nothing is moved from here: an explanation is
 * the unit's event (flag.explained), a decision the auditor's (flag.decided, duplicate.decided). */
#include "ctl/cmd.h"
#include "ctl/pg.h"

/* A unit and what lies below it; without a unit all. */
#define BELOW                                                                                      \
    "with recursive below as (select d.code, d.number from liangjin.unit_directory d where "       \
    "d.code "                                                                                      \
    "= $1 union all select d.code, d.number from below b join liangjin.unit_directory d on "       \
    "d.parent = b.number)"

static const struct lj_col columns[] = {
    {"id", "ID", LJ_COL_TEXT},
    {"unit", "UNIT", LJ_COL_TEXT},
    {"code", "CODE", LJ_COL_TEXT},
    {"name", "NAME", LJ_COL_TEXT},
    {"name_en", NULL, LJ_COL_TEXT},
    {"sign", NULL, LJ_COL_TEXT},
    {"severity", "GRADE", LJ_COL_TEXT},
    {"score", "SCORE", LJ_COL_INT},
    {"state", "STATE", LJ_COL_TEXT},
    {"day", "DAY", LJ_COL_TEXT},
    {"says", "SAYS", LJ_COL_TEXT},
    {"activity", NULL, LJ_COL_TEXT},
    {"other_activity", NULL, LJ_COL_TEXT},
    {"pointer", NULL, LJ_COL_TEXT},
    {"raised_at", NULL, LJ_COL_TEXT},
    {"explanation", NULL, LJ_COL_TEXT},
    {"decision", NULL, LJ_COL_TEXT},
    {"outcome", NULL, LJ_COL_TEXT},
    {"evidence", NULL, LJ_COL_JSON}, /* these two of one flag alone */
    {"moves", NULL, LJ_COL_JSON},
};
enum { ALL = sizeof columns / sizeof columns[0], COLUMNS = ALL - 2 };

static const char list_sql[] =
    BELOW " select l.id, l.unit, l.code, l.name, l.name_en, l.sign, l.severity, l.score, l.state, "
          "l.day, l.says, l.activity, l.other_activity, l.pointer, "
          "to_char(l.raised_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
          "l.explanation, l.decision, l.outcome from liangjin.flag_list l"
          " where ($1::text is null or l.unit in (select b.code from below b))"
          " and ($2::bool is not true or l.state = 'OPEN')"
          " order by l.position desc, l.code, l.pointer limit $3::int8";

static const struct lj_col review_columns[] = {
    {"activity", "ACTIVITY", LJ_COL_TEXT}, {"unit", "UNIT", LJ_COL_TEXT},
    {"day", "DAY", LJ_COL_TEXT},           {"score", "SCORE", LJ_COL_JSON},
    {"share", "SHARE", LJ_COL_INT},        {"signs", "SIGNS", LJ_COL_INT},
    {"evidence", "EVIDENCE", LJ_COL_TEXT}};
enum { REVIEW_COLUMNS = sizeof review_columns / sizeof review_columns[0] };

static const char review_sql[] =
    BELOW " select r.activity, r.unit, r.day, r.score, r.share, r.signs, r.evidence"
          " from liangjin.review_list r"
          " where ($1::text is null or r.unit in (select b.code from below b)) and $2::bool is not "
          "null order by r.score desc, r.day desc, r.activity limit $3::int8";

int lj_cmd_flag_ls(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    int n = 0;
    char limit[24];
    (void)snprintf(limit, sizeof limit, "%lld", (long long)ctl->o.limit);
    const char *params[] = {ctl->o.unit, ctl->o.open ? "true" : "false", limit};
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc =
            lj_pg_print(ctl, c,
                        ctl->o.review ? &(struct lj_pg_list){review_sql, params, 3, review_columns,
                                                             REVIEW_COLUMNS}
                                      : &(struct lj_pg_list){list_sql, params, 3, columns, COLUMNS},
                        &n, &err);
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (n == 0)
        lj_say(ctl->o.review ? "no activity reaches 60" : "no flags");
    return LJ_EXIT_OK;
}

/* ---- show ---- */

static const struct {
    const char *label;
    int column;
} lines[] = {{"id", 0},       {"unit", 1},    {"code", 2},       {"name", 3},      {"says", 10},
             {"score", 7},    {"state", 8},   {"day", 9},        {"activity", 11}, {"other", 12},
             {"pointer", 13}, {"raised", 14}, {"explained", 15}, {"decided", 16},  {"outcome", 17}};

static const char show_sql[] =
    "select l.id, l.unit, l.code, l.name, l.name_en, l.sign, l.severity, l.score, l.state, l.day, "
    "l.says, l.activity, l.other_activity, l.pointer, "
    "to_char(l.raised_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), l.explanation || "
    "' (' || (select a.who from liangjin.flag_move m join liangjin.flag_action a using (position) "
    "where m.flag = l.id and m.to_state = 'EXPLAINED') || ')', l.decision || ' (' || l.decided_by "
    "|| ')', l.outcome, l.evidence, (select json_agg(json_build_object('position', m.position, "
    "'action', a.action, 'by', a.who, 'from', m.from_state, 'to', m.to_state, 'refused', "
    "m.refused) order by m.position) from liangjin.flag_move m join liangjin.flag_action a using "
    "(position) where m.flag = l.id)"
    " from liangjin.flag_list l where l.id::text = lower($1)";

static const struct lj_col move_columns[] = {{"position", "POSITION", LJ_COL_INT},
                                             {"action", "ACTION", LJ_COL_TEXT},
                                             {"by", "BY", LJ_COL_TEXT},
                                             {"from", "FROM", LJ_COL_TEXT},
                                             {"to", "TO", LJ_COL_TEXT},
                                             {"refused", "REFUSED", LJ_COL_TEXT},
                                             {"said", "SAID", LJ_COL_TEXT}};

static int show_text(struct lj_ctl *ctl, PGconn *c, const PGresult *r, struct lj_err *err)
{
    const char *id = PQgetvalue(r, 0, 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (!PQgetisnull(r, 0, lines[i].column))
            lj_put_line(ctl->out, lines[i].label, PQgetvalue(r, 0, lines[i].column));
    fputc('\n', ctl->out);
    return lj_pg_print(ctl, c,
                       &(struct lj_pg_list){"select m.position, a.action, a.who, m.from_state, "
                                            "m.to_state, m.refused, a.said from liangjin.flag_move "
                                            "m join liangjin.flag_action a using (position) where "
                                            "m.flag = $1::uuid order by m.position",
                                            &id, 1, move_columns, 7},
                       NULL, err);
}

int lj_cmd_flag_show(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    PGresult *r = NULL;
    const char *params[] = {ctl->words[0]};
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = lj_dbs_query(c, show_sql, 1, params, &r, &err);
    if (rc == 0 && PQntuples(r) == 0)
        rc = lj_fail(&err, LJ_E_NOT_FOUND, "no flag %.40s stands", ctl->words[0]);
    if (rc == 0 && ctl->format == LJ_FORMAT_TABLE)
        rc = show_text(ctl, c, r, &err);
    else if (rc == 0)
        rc = lj_pg_print(ctl, c, &(struct lj_pg_list){show_sql, params, 1, columns, ALL}, NULL,
                         &err);
    PQclear(r);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, err.code == LJ_E_NOT_FOUND ? "`ljctl flag ls` lists them" : NULL)
              : LJ_EXIT_OK;
}
