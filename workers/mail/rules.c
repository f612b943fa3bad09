/* The rules of mail: which event leads to which mail to whom. One row of the table at the end is
 * one rule; how receipts move is in receipts.c.
 *
 * Targets are frozen at the event's position: the directory is read as of there. A payload that is
 * not of its type's form, an unknown receiver or an impossible move is no error but "nothing
 * written" with a reason, kept in mail_log; only the system's faults are errors. Whatever a client
 * wrote goes through lj_mail_clean. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/uuid.h"
#include "workers/mail/post.h"

enum { UNITS_MAX = 2000, BAD_PAYLOAD_TARGETS = -1, REASON_LINES_MAX = 40 };

/* A number of the payload as text; "" where it is none. */
static const char *number_of(const struct lj_mail_event *x, const char *name, char *buf,
                             size_t size)
{
    json_t *v = json_object_get(x->payload, name);
    buf[0] = '\0';
    if (json_is_integer(v)) {
        (void)snprintf(buf, size, "%lld", (long long)json_integer_value(v));
    }
    return buf;
}

/* Appends the cleaned text and a NUL; returns where it begins (an offset: the buffer may move). */
static size_t keep_clean(struct lj_buf *b, const char *text, int lines)
{
    size_t at = b->len;
    lj_mail_clean(b, text != NULL ? text : "", lines);
    lj_buf_u8(b, 0);
    return at;
}

static const char *kept(const struct lj_buf *b, size_t at)
{
    return b->failed ? "" : (const char *)b->data + at;
}

/* ---- N23 rejected ---- */

static size_t put_reason_lines(struct lj_buf *b, json_t *reasons, json_int_t more)
{
    size_t at = b->len, i, told = 0;
    json_t *r;
    json_array_foreach(reasons, i, r)
    {
        const char *code = json_string_value(json_object_get(r, "code")),
                   *zh = json_string_value(json_object_get(r, "zh"));
        const char *pointer = json_string_value(json_object_get(r, "pointer"));
        if (told == REASON_LINES_MAX || code == NULL || zh == NULL) {
            continue;
        }
        lj_buf_printf(b, "%s%zu. [", told ? "\n" : "", told + 1);
        told++;
        lj_mail_clean(b, code, 0);
        lj_buf_printf(b, "] ");
        lj_mail_clean(b, zh, 0);
        if (pointer != NULL && pointer[0] != '\0') {
            lj_buf_printf(b, "(位置:");
            lj_mail_clean(b, pointer, 0);
            lj_buf_printf(b, ")");
        }
    }
    if (more > 0) {
        lj_buf_printf(b, "\n另有 %lld 条,请在系统中查看。", (long long)more);
    }
    lj_buf_u8(b, 0);
    return at;
}

static const char *what_zh(const char *type)
{
    static const char *const names[][2] = {
        {"activity.submitted", "提交的活动报告"},
        {"activity.corrected", "提交的活动更正"},
        {"activity.withdrawal_requested", "提交的撤回申请"},
        {"activity.approved", "提交的审核意见"},
        {"activity.returned", "提交的退回意见"},
        {"activity.reopened", "提交的重新开放"},
        {"activity.sampled", "提交的抽查"},
        {"activity.confirmed", "提交的抽查确认"},
        {"activity.revoked", "提交的撤销"},
        {"participation.resolved", "提交的异议处理"},
    };
    for (size_t i = 0; type != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(type, names[i][0]) == 0) {
            return names[i][1];
        }
    }
    return "提交的内容";
}

static int rejected(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    json_t *reasons = json_object_get(x->payload, "reasons");
    json_t *more = json_object_get(x->payload, "more");
    struct lj_buf *b = &x->m->scratch;
    char count[24];
    if (!json_is_array(reasons) || json_array_size(reasons) == 0) {
        *ret_reason = "bad_payload";
        return 0;
    }
    lj_buf_clear(b);
    json_int_t extra = json_is_integer(more) ? json_integer_value(more) : 0;
    const char *title = lj_mail_text_of(x, "title"), *activity = lj_mail_text_of(x, "activity");
    uint8_t id[LJ_UUID_BYTES];
    int is_id = activity != NULL && lj_uuid_parse(activity, strlen(activity), id, NULL) == 0;
    (void)snprintf(count, sizeof count, "%lld",
                   (long long)json_array_size(reasons) + (long long)extra);
    size_t at_title = keep_clean(b, title != NULL ? title : "(无标题)", 0);
    size_t at_reasons = put_reason_lines(b, reasons, extra);
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    const struct lj_mail_var vars[] = {{"what", what_zh(lj_mail_text_of(x, "type"))},
                                       {"title", kept(b, at_title)},
                                       {"count", count},
                                       {"reasons", kept(b, at_reasons)},
                                       {"activity", is_id ? activity : "(无)"}};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N23,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = 5,
                                    .units = &x->event->unit,
                                    .nunits = 1};
    return lj_mail_post(x, &d, err);
}

/* ---- N24 duty met ---- */

static int duty_met(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    const char *subject = lj_mail_text_of(x, "subject"), *code = lj_mail_text_of(x, "code");
    int team = subject != NULL && strcmp(subject, "TEAM") == 0;
    char year[24], duty[24], number[24], policy[24], version[24], done[48], owed[48];
    if (subject == NULL || code == NULL || (!team && strcmp(subject, "PERSON") != 0)) {
        *ret_reason = "bad_payload";
        return 0;
    }
    const char *unit_zh = team ? "场次" : "分钟";
    (void)snprintf(done, sizeof done, "%s %s",
                   number_of(x, team ? "sessions" : "minutes", number, sizeof number), unit_zh);
    (void)snprintf(owed, sizeof owed, "%s %s", number_of(x, "duty", duty, sizeof duty), unit_zh);
    const struct lj_mail_var vars[] = {
        {"subject", team ? "运动队" : "运动员"},
        {"code", code}, /* of the register, never a name */
        {"year", number_of(x, "year", year, sizeof year)},
        {"duty", owed},
        {"done", done},
        {"policy", number_of(x, "policy", policy, sizeof policy)},
        {"version", number_of(x, "policy_version", version, sizeof version)}};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N24,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = 7,
                                    .units = &x->event->unit,
                                    .nunits = 1};
    return lj_mail_post(x, &d, err);
}

/* ---- N06 credits, one digest a team and day ---- */

static int credited(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    static const char *const numbers[] = {"activities", "sessions",      "minutes",  "athletes",
                                          "year",       "year_sessions", "year_duty"};
    enum { NUMBERS = sizeof numbers / sizeof numbers[0] };
    const char *team = lj_mail_text_of(x, "team"), *name = lj_mail_text_of(x, "name");
    const char *from = lj_mail_text_of(x, "from"), *to = lj_mail_text_of(x, "to");
    struct lj_buf *b = &x->m->scratch;
    char digits[NUMBERS][24], days[64];
    struct lj_mail_var vars[NUMBERS + 3];
    if (team == NULL || name == NULL || from == NULL || to == NULL) {
        *ret_reason = "bad_payload";
        return 0;
    }
    lj_buf_clear(b);
    size_t at_name = keep_clean(b, name, 0);
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    (void)snprintf(days, sizeof days, strcmp(from, to) == 0 ? "%s" : "%s 至 %s", from, to);
    for (size_t i = 0; i < NUMBERS; i++) {
        vars[i] = (struct lj_mail_var){numbers[i], number_of(x, numbers[i], digits[i], 24)};
    }
    vars[NUMBERS] = (struct lj_mail_var){"team", kept(b, at_name)};
    vars[NUMBERS + 1] = (struct lj_mail_var){"code", team};
    vars[NUMBERS + 2] = (struct lj_mail_var){"days", days};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N06,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = NUMBERS + 3,
                                    .units = &x->event->unit,
                                    .nunits = 1};
    return lj_mail_post(x, &d, err);
}

/* ---- the directory as of a position ---- */

struct directory {
    PGresult *rows; /* number, code, parent, kind */
};

static int directory_at(const struct lj_mail_event *x, struct directory *ret, struct lj_err *err)
{
    char at[24];
    const char *values[1] = {at};
    (void)snprintf(at, sizeof at, "%lld", (long long)x->event->position);
    return lj_dbs_query(x->m->db,
                        "select number, code, coalesce(parent, 0), kind from "
                        "liangjin.unit_at($1::int8) where state in ('ACTIVE', 'SUSPENDED') order "
                        "by number",
                        1, values, &ret->rows, err);
}

static int16_t unit_number(const struct directory *dir, int row)
{
    return (int16_t)strtol(PQgetvalue(dir->rows, row, 0), NULL, 10);
}

/* ---- N25 opinion flagged ---- */

/* Joins the texts of an array; of objects their member `of`. */
static size_t put_list(struct lj_buf *b, json_t *list, const char *of)
{
    size_t at = b->len, i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        const char *text = json_string_value(of != NULL ? json_object_get(v, of) : v);
        if (text != NULL && i < 12) {
            lj_buf_printf(b, "%s", i ? "、" : "");
            lj_mail_clean(b, text, 0);
        }
    }
    lj_buf_u8(b, 0);
    return at;
}

static const char *level_zh(const char *level)
{
    static const char *const names[][2] = {
        {"RED", "红色"}, {"ORANGE", "橙色"}, {"YELLOW", "黄色"}, {"BLUE", "蓝色"}};
    for (size_t i = 0; level != NULL && i < 4; i++) {
        if (strcmp(level, names[i][0]) == 0) {
            return names[i][1];
        }
    }
    return "未定级";
}

/* The unit itself, of severity 3 its parent too (the Centre is the parent of the units at the top).
 */
static int flag_receivers(const struct lj_mail_event *x, json_int_t severity, int16_t units[2],
                          size_t *ret_n, struct lj_err *err)
{
    struct directory dir = {0};
    units[0] = x->event->unit;
    *ret_n = 1;
    if (severity < 3) {
        return 0;
    }
    int rc = directory_at(x, &dir, err);
    for (int i = 0; rc == 0 && i < PQntuples(dir.rows); i++) {
        if (unit_number(&dir, i) == x->event->unit) {
            units[1] = (int16_t)strtol(PQgetvalue(dir.rows, i, 2), NULL, 10);
            *ret_n = 2;
        }
    }
    PQclear(dir.rows);
    return rc;
}

static int flagged(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    json_t *severity = json_object_get(x->payload, "severity");
    const char *source = lj_mail_text_of(x, "source_zh"), *why = lj_mail_text_of(x, "reason");
    const char *level = lj_mail_text_of(x, "opinion_level");
    struct lj_buf *b = &x->m->scratch;
    int16_t units[2];
    size_t nunits = 0;
    char number[24];
    if (!json_is_integer(severity) || why == NULL) {
        *ret_reason = "bad_payload";
        return 0;
    }
    int rc = flag_receivers(x, json_integer_value(severity), units, &nunits, err);
    lj_buf_clear(b);
    size_t at_why = keep_clean(b, why, 0),
           at_source = keep_clean(b, source != NULL ? source : "文本", 0);
    size_t at_kinds = put_list(b, json_object_get(x->payload, "kinds_zh"), NULL);
    size_t at_words = put_list(b, json_object_get(x->payload, "words"), "word");
    if (rc == 0 && b->failed) {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    if (rc != 0) {
        return rc;
    }
    const struct lj_mail_var vars[] = {
        {"level", level_zh(level)},   {"severity", number_of(x, "severity", number, sizeof number)},
        {"reason", kept(b, at_why)},  {"source", kept(b, at_source)},
        {"kinds", kept(b, at_kinds)}, {"words", kept(b, at_words)}};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N25,
                                    .urgent = level != NULL && strcmp(level, "RED") == 0,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = 6,
                                    .units = units,
                                    .nunits = nunits};
    return lj_mail_post(x, &d, err);
}

/* ---- N03 broadcast ---- */

static int holds(json_t *list, const char *word)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), word) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Units that the scope means; the Centre itself only when the list names it. Returns how many,
 * BAD_PAYLOAD_TARGETS for a bad scope. */
static int broadcast_targets(const struct lj_mail_event *x, const struct directory *dir,
                             int16_t *units)
{
    const char *scope = lj_mail_text_of(x, "scope");
    json_t *kinds = json_object_get(x->payload, "kinds"),
           *codes = json_object_get(x->payload, "units");
    int all = scope != NULL && strcmp(scope, "all") == 0,
        kind = scope != NULL && strcmp(scope, "kind") == 0;
    int list = scope != NULL && strcmp(scope, "list") == 0, n = 0;
    if (!(all || (kind && json_array_size(kinds) > 0) || (list && json_array_size(codes) > 0))) {
        return BAD_PAYLOAD_TARGETS;
    }
    for (int i = 0; i < PQntuples(dir->rows) && n < UNITS_MAX; i++) {
        int16_t number = unit_number(dir, i);
        if ((all && number != 0) ||
            (kind && number != 0 && holds(kinds, PQgetvalue(dir->rows, i, 3))) ||
            (list && holds(codes, PQgetvalue(dir->rows, i, 1)))) {
            units[n++] = number;
        }
    }
    return n;
}

static const char *needs_of(const struct lj_mail_event *x)
{
    static const char *const words[] = {"NONE", "READ", "SIGN", "REPLY"};
    const char *needs = lj_mail_text_of(x, "needs");
    for (size_t i = 0; needs != NULL && i < 4; i++) {
        if (strcmp(needs, words[i]) == 0) {
            return words[i];
        }
    }
    return NULL;
}

static int broadcast(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    json_t *due = json_object_get(x->payload, "due_working_days");
    const char *title = lj_mail_text_of(x, "title"), *body = lj_mail_text_of(x, "body");
    struct lj_buf *b = &x->m->scratch;
    struct directory dir = {0};
    int16_t units[UNITS_MAX];
    if (title == NULL || title[0] == '\0' || body == NULL || body[0] == '\0' ||
        needs_of(x) == NULL ||
        (due != NULL &&
         (!json_is_integer(due) || json_integer_value(due) < 1 || json_integer_value(due) > 60))) {
        *ret_reason = "bad_payload";
        return 0;
    }
    int rc = directory_at(x, &dir, err);
    int n = rc == 0 ? broadcast_targets(x, &dir, units) : 0;
    PQclear(dir.rows);
    if (rc != 0 || n <= 0) {
        *ret_reason = rc != 0 ? NULL : n < 0 ? "bad_payload" : "no_receiver";
        return rc;
    }
    lj_buf_clear(b);
    size_t at_title = keep_clean(b, title, 0), at_body = keep_clean(b, body, 1);
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    if (kept(b, at_title)[0] == '\0' || kept(b, at_body)[0] == '\0') {
        *ret_reason = "bad_payload"; /* nothing but control characters */
        return 0;
    }
    const struct lj_mail_var vars[] = {{"title", kept(b, at_title)}, {"body", kept(b, at_body)}};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N03,
                                    .due = due != NULL ? (int)json_integer_value(due) : -1,
                                    .needs = needs_of(x),
                                    .vars = vars,
                                    .nvars = 2,
                                    .units = units,
                                    .nunits = (size_t)n};
    return lj_mail_post(x, &d, err);
}

/* ---- N02 an application is approved or returned ---- */

/* The unit that the payload names, where the register has taken the event; 0 = it has refused it.
 */
static int applicant(const struct lj_mail_event *x, int16_t *ret, struct lj_err *err)
{
    static const char sql[] = "select number from liangjin.unit_version where position = $1::int8";
    char at[24];
    const char *values[1] = {at};
    PGresult *res = NULL;
    (void)snprintf(at, sizeof at, "%lld", (long long)x->event->position);
    int rc = lj_dbs_query(x->m->db, sql, 1, values, &res, err);
    *ret = rc == 0 && PQntuples(res) == 1 ? (int16_t)strtol(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    PQclear(res);
    return rc;
}

static int decided(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    bool approved = strcmp(x->event->type, "unit.activated") == 0;
    struct lj_buf *b = &x->m->scratch;
    int16_t unit = 0;
    int rc = applicant(x, &unit, err);
    if (rc != 0 || unit == 0) {
        *ret_reason = rc != 0 ? NULL : "refused_by_register";
        return rc;
    }
    lj_buf_clear(b);
    if (approved) {
        lj_buf_printf(b, "贵单位的注册申请已批准,现在可以登记运动队、人员并报送活动。");
    } else {
        const char *why = lj_mail_text_of(x, "reason");
        lj_buf_printf(b, "贵单位的注册申请已退回,原因:");
        lj_mail_clean(b, why != NULL ? why : "", 0);
        lj_buf_printf(b, "。请补正后重新提交。");
    }
    lj_buf_u8(b, 0);
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    const struct lj_mail_var vars[] = {{"title", approved ? "注册申请已批准" : "注册申请已退回"},
                                       {"body", kept(b, 0)}};
    const struct lj_mail_draft d = {
        .rule = LJ_MAIL_N02, .due = -1, .vars = vars, .nvars = 2, .units = &unit, .nunits = 1};
    return lj_mail_post(x, &d, err);
}

/* ---- the table ---- */

static const struct {
    const char *type;
    lj_mail_rule rule;
} rules[] = {
    {"activity.rejected", rejected},
    {"activity.report_missing", lj_mail_plans},
    {"activity.state_changed", lj_mail_review},
    {"calendar.day_started", lj_mail_day},
    {"quota.credited", credited},
    {"quota.duty_met", duty_met},
    {"quota.level_changed", lj_mail_level_changed},
    {"quota.quarter_summed", lj_mail_quarter},
    {"opinion.flagged", flagged},
    {"exemption.approved", lj_mail_exemption},
    {"exemption.ended", lj_mail_exemption},
    {"flag.opened", lj_mail_flag_opened},
    {"account.bulk_entry", lj_mail_bulk_entry},
    {"incident.reported", lj_mail_incident},
    {"mail.broadcast_requested", broadcast},
    {"mail.read", lj_mail_move},
    {"mail.recalled", lj_mail_recall},
    {"mail.replied", lj_mail_reply},
    {"mail.signed", lj_mail_move},
    {"policy.approved", lj_mail_policy},
    {"policy.set", lj_mail_policy},
    {"story.decided", lj_mail_story},
    {"unit.activated", decided},
    {"unit.returned", decided},
};

lj_mail_rule lj_mail_rule_of(const char *type)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i].type, type) == 0) {
            return rules[i].rule;
        }
    }
    return NULL;
}
