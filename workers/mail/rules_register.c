/* Mails about what the registers have taken: an exemption was decided (N16), a version of a quota
 * policy was published (N17).
 *
 * What is told is read from the register's own row of the event's position, so a refused event
 * tells nothing, and a code is told, never a name. Why somebody is exempt is nobody's business but
 * the unit's: the reason is not in the mail. That an exemption ends soon is told by the day
 * (db/functions/mail_notice.sql). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "workers/mail/post.h"

enum { UNITS_MAX = 2000 };

/* Rows of sql, whose one parameter is the event's position. */
static int ask(const struct lj_mail_event *x, const char *sql, PGresult **ret, struct lj_err *err)
{
    char at[24];
    const char *values[1] = {at};
    (void)snprintf(at, sizeof at, "%lld", (long long)x->event->position);
    return lj_dbs_query(x->m->db, sql, 1, values, ret, err);
}

/* Column 0 of all rows. */
static size_t units_of(const PGresult *rows, int16_t units[UNITS_MAX])
{
    size_t n = 0;
    for (int i = 0; i < PQntuples(rows) && n < UNITS_MAX; i++) {
        units[n++] = (int16_t)strtol(PQgetvalue(rows, i, 0), NULL, 10);
    }
    return n;
}

/* Told to the unit whose exemption it is and the one that has registered the subject. */
int lj_mail_exemption(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    static const char sql[] =
        "select u.unit, case when v.team is null then '运动员' else '运动队' end, coalesce(t.code, "
        "p.code), case v.effect when 'DEFER' then '延后' when 'WAIVE' then '免除' else '按日折减' "
        "end, "
        "v.valid_from, coalesce(v.valid_to::text, '另行通知') from liangjin.exemption_version v "
        "join "
        "liangjin.exemption x on x.number = v.number left join liangjin.team t on t.number = "
        "v.team "
        "left join liangjin.person p on p.number = v.person cross join lateral (select x.unit "
        "union "
        "select coalesce(t.unit, p.unit)) u where v.position = $1::int8 order by u.unit";
    PGresult *rows = NULL;
    int16_t units[UNITS_MAX];
    struct lj_buf *b = &x->m->scratch;
    int rc = ask(x, sql, &rows, err);
    size_t n = rc == 0 ? units_of(rows, units) : 0;
    if (n == 0) {
        *ret_reason = rc == 0 ? "refused_by_register" : NULL;
        PQclear(rows);
        return rc;
    }
    lj_buf_clear(b);
    lj_buf_printf(b, "%s %s 的减免已办理:%s,自 %s 至 %s。", PQgetvalue(rows, 0, 1),
                  PQgetvalue(rows, 0, 2), PQgetvalue(rows, 0, 3), PQgetvalue(rows, 0, 4),
                  PQgetvalue(rows, 0, 5));
    lj_buf_printf(b, "请告知本人或所在队。\nAn exemption was decided.");
    lj_buf_u8(b, 0);
    PQclear(rows);
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    const struct lj_mail_var vars[] = {{"title", "减免办理结果"}, {"body", (const char *)b->data}};
    const struct lj_mail_draft d = {
        .rule = LJ_MAIL_N16, .due = -1, .vars = vars, .nvars = 2, .units = units, .nunits = n};
    return lj_mail_post(x, &d, err);
}

/* Told to all whom the scope means: the nation, a unit and those below it, a team's unit. */
int lj_mail_policy(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    static const char sql[] =
        "with recursive v as (select p.scope, p.unit, p.team, w.* from liangjin.policy_version w "
        "join liangjin.policy p on p.number = w.number where w.position = $1::int8), d as "
        "materialized (select * from liangjin.unit_at($1::int8)), below as (select v.unit as "
        "number, "
        "true as down from v where v.scope = 'UNIT' union select t.unit, false from v join "
        "liangjin.team t on t.number = v.team where v.scope = 'TEAM' union select d.number, true "
        "from below b join d on d.parent = b.number where b.down) select d.number, case v.scope "
        "when "
        "'NATION' then '全国' when 'UNIT' then '本单位' else '所属运动队' end, v.version, "
        "v.valid_from, "
        "v.team_min_sessions, v.athlete_min_minutes from v cross join d where d.number <> 0 and "
        "d.state in ('ACTIVE', 'SUSPENDED') and (v.scope = 'NATION' or d.number in (select "
        "b.number "
        "from below b)) order by d.number";
    static const char *const names[] = {"scope", "version", "from", "sessions", "minutes"};
    enum { VARS = sizeof names / sizeof names[0] };
    struct lj_mail_var vars[VARS];
    PGresult *rows = NULL;
    int16_t units[UNITS_MAX];
    int rc = ask(x, sql, &rows, err);
    size_t n = rc == 0 ? units_of(rows, units) : 0;
    if (rc == 0 && n == 0) {
        *ret_reason = "nobody_to_tell"; /* refused, no policy of the quota, or no unit yet */
    }
    for (int i = 0; n > 0 && i < VARS; i++) {
        vars[i] = (struct lj_mail_var){names[i], PQgetvalue(rows, 0, i + 1)};
    }
    const struct lj_mail_draft d = {
        .rule = LJ_MAIL_N17, .due = -1, .vars = vars, .nvars = VARS, .units = units, .nunits = n};
    rc = n > 0 ? lj_mail_post(x, &d, err) : rc;
    PQclear(rows);
    return rc;
}
