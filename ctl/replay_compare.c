/* Two databases held against each other, row by row: a log's own and its replay.
 *
 * A fact is a query of two texts, key and value, in the order of the key's bytes; both sides run it
 * and the two streams are merged, so nothing is kept whatever their length. What may differ by
 * right is left out of the values: numbers and times of closures, the positions at which
 * settlements were cut (their effect, sums and duties, is compared). Positions in keys have leading
 * zeros, for the order; they are taken off when shown.
 *
 * The follow-on events of the replay are those that its kinds announced (replay_follow_on), not the
 * copied ones: so an event that is in the log and was not announced again is as visible as the
 * other way round.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_error.h"
#include "ctl/replay.h"

#define P(position) "lpad((" position ")::text, 19, '0')"
#define ROWS(table)                                                                                \
    "select '" table " ' || " P("number") " || ' ' || " P("position") ", x::text from " table " x"

/* Of a follow-on event: what it says, and its parent. */
#define SAID(x)                                                                                    \
    "format('%s type=%s unit=%s key=%s %s', " x ".causation_id, " x ".type, " x ".unit, " x        \
    ".key, " x ".payload)"

static const char follow_ons_logged[] =
    "select " P("e.position") " || ' ' || e.id, format('kind=%s ', k.number) || " SAID(
        "e") " from event e join event_type t on t.number = e.type and t.origin = 'worker' left "
             "join kind k on "
             "k.name = e.source";
/* Of one that the log has not: the position of its parent. */
static const char follow_ons_announced[] =
    "select " P("coalesce(e.position, p.position, 0)") " || ' ' || r.id, format('kind=%s ', "
                                                       "r.kind) || " SAID(
                                                           "r") " from replay_follow_on r left "
                                                                "join event e on e.id = r.id left "
                                                                "join event p on p.id = "
                                                                "r.causation_id";

const struct lj_replay_fact lj_replay_facts[] = {
    {"events",
     "select " P("position") ", format('%s unit=%s source=%s %s', id, unit, source, md5(e::text)) "
                             "from event e",
     NULL},
    {"follow-on events", follow_ons_logged, follow_ons_announced},
    {"verdicts",
     "select k.name || ' ' || " P("u.p") ", 'verdict=' || u.v from closure c join kind k on "
                                         "k.number = c.kind cross join lateral "
                                         "unnest(c.positions, c.verdicts) u(p, v)",
     NULL},
    {"parked, dropped",
     "select k.name || ' ' || " P(
         "q.position") ", q.state from parked q join kind k on k.number = q.kind where q.state in "
                       "('parked', 'dropped')",
     NULL},
    {"registers",
     ROWS("unit") " union all " ROWS("unit_version") " union all " ROWS("team") " union all " ROWS("team_version") " union all " ROWS("person") " union all " ROWS("person_version") " union all " ROWS("membership") " union all " ROWS("membership_version") " union all " ROWS(
         "site") " union "
                 "all"
                 " " ROWS("site_version") " union all " ROWS(
                     "pol"
                     "ic"
                     "y") " union all " ROWS("policy_version") " union all " ROWS("exemption") " un"
                                                                                               "ion"
                                                                                               " al"
                                                                                               "l"
                                                                                               " " ROWS("exemption_version") " union all select 'calendar_day ' || day || ' ' || " P(
                                                                                                   "position") ", x::text from calendar_day x union all select 'calendar_year ' || year || ' ' || " P("position") ", x::text from calendar_year x",
     NULL},
    {"accounts, proposals",
     ROWS("account") " union all " ROWS("account_version") " union all " ROWS(
         "proposal") " union all " ROWS("proposal_version"),
     NULL},
    {"rule settings",
     "select " P("position") " || ' ' || rule || ' ' || name || ' ' || value || ' ' || "
                             "coalesce(valid_from::text, ''), x::text from rule_setting x",
     NULL},
    {"register notices",
     "select format('rule %s unit %s step %s ', rule, unit, step) || " P(
         "since") ", x::text from register_notice x",
     NULL},
    {"register events",
     "select " P("l.position") ", format('verdict=%s %s', l.verdict, (select string_agg(r::text, ' "
                               "' order by r.ordinal) from "
                               "register_refusal r where r.position = l.position)) from "
                               "register_log l",
     NULL},
    {"validations", "select " P("position") ", v::text from validation v", NULL},
    {"activities",
     "select activity::text, format('version=%s state=%s position=%s', version, state_name, "
     "position) from "
     "activity",
     NULL},
    {"quota versions",
     "select " P("position") ", v::text || (select coalesce(string_agg(t::text, '' order by "
                             "t.team), '') from quota_team t where "
                             "t.position = v.position) from quota_version v",
     NULL},
    {"participations",
     "select " P("position") " || ' ' || " P("person") ", q::text from quota_participation q",
     NULL},
    {"totals and duties",
     "select format('%s %s %s', case subject_kind when 1 then 'TEAM' else 'PERSON' end, " P(
         "subject") ", year), (to_jsonb(q) - "
                    "'{met,changed,subject_kind,subject,year}'::text[])::text from quota_total q",
     NULL},
    {"years",
     "select year::text, format('opened=%s closed=%s', opened is not null, closed is not null) "
     "from quota_year",
     NULL},
    {"duties met",
     "select format('%s %s %s', case subject_kind when 1 then 'TEAM' else 'PERSON' end, " P(
         "subject") ", year), 'duty=' || duty from "
                    "quota_total where met is not null",
     NULL},
    {"ledger sums",
     "select format('%s %s %s %s', case subject_kind when 1 then 'TEAM' else 'PERSON' end, " P(
         "subject") ", year, activity), "
                    "format('minutes=%s sessions=%s', minutes, sessions) from ledger_sums",
     NULL},
    {"sessions",
     "select format('TEAM %s %s %s', " P(
         "subject") ", day, activity), 'sessions=' || sum(sessions) from ledger_entry where "
                    "subject_kind = 1 group by subject, day, activity having sum(sessions) <> "
                    "0",
     NULL},
    {"mails", "select " P("position") " || ' rule ' || rule, m::text from mail m", NULL},
    {"mail receipts",
     "select " P("position") " || ' rule ' || rule || ' unit ' || unit || ' role ' || role, "
                             "r::text from mail_receipt r",
     NULL},
    {"mail recalls, replies", "select " P("position") ", w::text from mail_word w", NULL},
    {"mail reminders",
     "select " P("position") " || ' rule ' || rule || ' unit ' || unit || ' role ' || role || ' "
                             "step ' || step, m::text from mail_reminder m",
     NULL},
    {"mail events",
     "select " P("position") ", format('verdict=%s %s', verdict, reason) from mail_log", NULL},
    {"flag moves",
     "select " P("position") " || ' ' || flag, format('%s %s %s', from_state, to_state, refused) "
                             "from flag_move",
     NULL},
    {"certificates", "select " P("position") ", c::text from certificate c", NULL},
    {"plans",
     "select " P("position") ", p::text from activity_plan p union all select " P(
         "position") ", o::text from activity_plan_off o",
     NULL},
    {"windows, words on flags, links",
     "select " P("position") ", w::text from filing_window w union all select " P(
         "position") ", a::text from flag_action a union all select " P("position") ", l::text "
                                                                                    "from "
                                                                                    "opinion_link "
                                                                                    "l",
     NULL},
    {"duplicates decided", "select first || ' ' || second, d::text from duplicate_pair d", NULL},
    {"flags",
     "select " P("position") " || ' ' || code || ' ' || pointer || ' ' || " P("other") ", f::text "
                                                                                       "from flag "
                                                                                       "f",
     NULL},
    {"opinions", "select " P("position") ", o::text from opinion_score o", NULL},
};
const size_t lj_replay_facts_count = sizeof lj_replay_facts / sizeof lj_replay_facts[0];

/* One side: the row it stands at; r NULL = at the end. */
struct side {
    PGconn *c;
    PGresult *r;
    int64_t rows;
};

static int next(struct side *s, struct lj_err *err)
{
    PQclear(s->r);
    s->r = PQgetResult(s->c);
    if (PQresultStatus(s->r) == PGRES_SINGLE_TUPLE) {
        s->rows++;
        return 0;
    }
    int rc = 0;
    while (s->r) { /* the closing result of no rows, or an error */
        if (rc == 0 && PQresultStatus(s->r) != PGRES_TUPLES_OK)
            rc = lj_db_result_error(s->r, err);
        PQclear(s->r);
        s->r = PQgetResult(s->c);
    }
    return rc;
}

static int ask(struct side *s, const char *fact, struct lj_err *err)
{
    char *sql = NULL;
    if (asprintf(&sql, "select k, v from (%s) x (k, v) order by k collate \"C\"", fact) < 0)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a query");
    int sent = PQsendQuery(s->c, sql);
    free(sql);
    if (sent != 1 || PQsetSingleRowMode(s->c) != 1)
        return lj_fail(err, LJ_E_DB_LOST, "%.200s", PQerrorMessage(s->c));
    return next(s, err);
}

static const char *cell(const struct side *s, int column)
{
    return PQgetvalue(s->r, 0, column);
}

/* The key without the zeros in front of its numbers. */
static void readable(const char *key, char *out, size_t size)
{
    size_t n = 0;
    int begins = 1;
    for (const char *p = key; *p && n + 1 < size; p++) {
        if (begins && *p == '0' && p[1] >= '0' && p[1] <= '9')
            continue;
        begins = *p == ' ';
        out[n++] = *p;
    }
    out[n] = '\0';
}

struct merging {
    const struct lj_replay_fact *fact;
    struct lj_replay_compared *ret;
    lj_replay_told *told;
    void *arg;
};

static void tell(struct merging *m, const char *key, const char *source, const char *target)
{
    char shown[LJ_REPLAY_KEY_MAX];
    readable(key, shown, sizeof shown);
    if (!m->ret->first[0])
        memcpy(m->ret->first, shown, sizeof shown);
    if (m->told)
        m->told(m->fact, shown, source, target, m->arg);
}

/* One step: the side whose key is lower goes on, both where they are equal. */
static int step(struct merging *m, struct side *source, struct side *target, struct lj_err *err)
{
    int d = !target->r ? -1 : !source->r ? 1 : strcmp(cell(source, 0), cell(target, 0));
    if (d < 0) {
        m->ret->missing++;
        tell(m, cell(source, 0), cell(source, 1), NULL);
        return next(source, err);
    }
    if (d > 0) {
        m->ret->additional++;
        tell(m, cell(target, 0), NULL, cell(target, 1));
        return next(target, err);
    }
    if (strcmp(cell(source, 1), cell(target, 1)) == 0) {
        m->ret->equal++;
    } else {
        m->ret->differ++;
        tell(m, cell(source, 0), cell(source, 1), cell(target, 1));
    }
    int rc = next(source, err);
    return rc ? rc : next(target, err);
}

int lj_replay_compare(PGconn *source, PGconn *target, const struct lj_replay_fact *fact,
                      lj_replay_told *told, void *arg, struct lj_replay_compared *ret,
                      struct lj_err *err)
{
    struct side s = {.c = source};
    struct side t = {.c = target};
    struct merging m = {fact, ret, told, arg};
    *ret = (struct lj_replay_compared){0};
    int rc = ask(&s, fact->sql, err);
    if (rc == 0)
        rc = ask(&t, fact->target_sql ? fact->target_sql : fact->sql, err);
    while (rc == 0 && (s.r || t.r))
        rc = step(&m, &s, &t, err);
    ret->source = s.rows;
    ret->target = t.rows;
    PQclear(s.r);
    PQclear(t.r);
    return rc;
}
