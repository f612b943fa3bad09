/* Mails that follow from a day of the calendar: an anchor day is coming (N09), a year is about to
 * close, or has closed (N18), how a team is behind on the 5th of a month (N10), a quarter (N11).
 *
 * A day is an event of the log. Where days are missing, because no broker ran, what fell on them is
 * told with the next day that began: "since the day before" is read from the days the register has
 * kept up to this event's position, so a replay tells the same. What is told when is a table
 * (days.def). The anchors are those that validation judges by. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "workers/mail/post.h"
#include "workers/runner/anchors.h"
#include "workers/runner/calendar.h"

enum { UNITS_MAX = 2000, MISSED_MAX = 60 }; /* a log that slept longer tells the last 60 days */

static const int before[] = {
#define ANCHOR_BEFORE(days) days,
#include "workers/mail/days.def"
#undef ANCHOR_BEFORE
};
static const struct {
    enum lj_anchor anchor;
    const char *name;
} anchors[] = {
#define ANCHOR(word, name) {LJ_ANCHOR_##word, name},
#include "workers/mail/days.def"
#undef ANCHOR
};
static const struct {
    int month, day, of;
    const char *title, *body;
} years[] = {
#define YEAR(month, day, of, title, body) {month, day, of, title, body},
#include "workers/mail/days.def"
#undef YEAR
};

/* The days that this event tells of: after the last one that began before it, and itself. */
static int span_of(const struct lj_mail_event *x, int32_t *ret_first, int32_t *ret_last,
                   struct lj_err *err)
{
    static const char sql[] =
        "select extract(year from d)::int * 10000 + extract(month from d)::int * 100 + "
        "extract(day from d)::int from (select max(day) as d from liangjin.calendar_day where "
        "position < $1::int8) x where d is not null";
    int y;
    int m;
    int d;
    char at[24];
    const char *values[1] = {at};
    const char *text = lj_mail_text_of(x, "day");
    PGresult *res = NULL;
    if (text == NULL || sscanf(text, "%4d-%2d-%2d", &y, &m, &d) != 3)
        return 1;
    *ret_first = *ret_last = lj_day_of(y, m, d);
    (void)snprintf(at, sizeof at, "%lld", (long long)x->event->position);
    int rc = lj_dbs_query(x->m->db, sql, 1, values, &res, err);
    if (rc == 0 && PQntuples(res) == 1) {
        int32_t last = lj_day_of_number((int32_t)strtol(PQgetvalue(res, 0, 0), NULL, 10));
        if (last >= *ret_last - MISSED_MAX)
            *ret_first = last + 1; /* beyond today: the clock went back, nothing is told again */
        else
            *ret_first = *ret_last - MISSED_MAX + 1;
    }
    PQclear(res);
    return rc;
}

/* Numbers of all units that are there at the event's position, without the Centre. */
static int everybody(const struct lj_mail_event *x, int16_t units[UNITS_MAX], size_t *ret_n,
                     struct lj_err *err)
{
    char at[24];
    const char *values[1] = {at};
    PGresult *res = NULL;
    (void)snprintf(at, sizeof at, "%lld", (long long)x->event->position);
    int rc = lj_dbs_query(x->m->db,
                          "select number from liangjin.unit_at($1::int8) where number <> 0 and "
                          "state = 'ACTIVE' order by number",
                          1, values, &res, err);
    *ret_n = 0;
    for (int i = 0; rc == 0 && i < PQntuples(res) && *ret_n < UNITS_MAX; i++)
        units[(*ret_n)++] = (int16_t)strtol(PQgetvalue(res, i, 0), NULL, 10);
    PQclear(res);
    return rc;
}

struct notice {
    int rule;
    char title[160], name[96], left[16], year[8], on[24];
    const char *body;
};

/* The nearest anchor that is told in [first, last]; 1 when there is one. */
static int anchor_told(struct lj_anchors *a, int32_t first, int32_t last, struct notice *ret)
{
    for (int32_t day = last; day >= first; day--) {
        for (size_t i = 0; i < sizeof anchors / sizeof anchors[0]; i++) {
            for (size_t k = 0; k < sizeof before / sizeof before[0]; k++) {
                int32_t target = day + before[k];
                if (target < last ||
                    lj_anchors_day(a, anchors[i].anchor, lj_year_of(target)) != target)
                    continue; /* a day that was missed and its anchor with it */
                int year = lj_year_of(target);
                int month = 12;
                while (lj_day_of(year, month, 1) > target)
                    month--;
                ret->rule = LJ_MAIL_N09;
                (void)snprintf(ret->name, sizeof ret->name, "%s", anchors[i].name);
                (void)snprintf(ret->left, sizeof ret->left, "%d", (int)(target - last));
                (void)snprintf(ret->on, sizeof ret->on, "%d 月 %d 日", month,
                               (int)(target - lj_day_of(year, month, 1)) + 1);
                return 1;
            }
        }
    }
    return 0;
}

/* The latest notice of a year in [first, last]; 1 when there is one. */
static int year_told(int32_t first, int32_t last, struct notice *ret)
{
    for (int32_t day = last; day >= first; day--) {
        for (size_t i = 0; i < sizeof years / sizeof years[0]; i++) {
            int year = lj_year_of(day);
            if (lj_day_of(year, years[i].month, years[i].day) != day)
                continue;
            ret->rule = LJ_MAIL_N18;
            (void)snprintf(ret->year, sizeof ret->year, "%d", year + years[i].of);
            (void)snprintf(ret->title, sizeof ret->title, "%s", years[i].title);
            ret->body = years[i].body;
            return 1;
        }
    }
    return 0;
}

static int post(struct lj_mail_event *x, const struct notice *n, const int16_t *units,
                size_t nunits, struct lj_err *err)
{
    /* the texts of a year hold {year} themselves: filled first, one level deep */
    const struct lj_mail_var year[] = {{"year", n->year}};
    struct lj_buf *b = &x->m->scratch;
    lj_buf_clear(b);
    lj_mail_fill(b, n->title, year, 1);
    lj_buf_u8(b, 0);
    size_t at_body = b->len;
    lj_mail_fill(b, n->body != NULL ? n->body : "", year, 1);
    lj_buf_u8(b, 0);
    if (b->failed)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    const struct lj_mail_var vars[] = {{"title", (const char *)b->data},
                                       {"body", (const char *)b->data + at_body},
                                       {"anchor", n->name},
                                       {"left", n->left},
                                       {"on", n->on}};
    const struct lj_mail_draft d = {
        .rule = n->rule, .due = -1, .vars = vars, .nvars = 5, .units = units, .nunits = nunits};
    return lj_mail_post(x, &d, err);
}

int lj_mail_day(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    struct lj_anchors *a = NULL;
    struct notice found[2] = {0};
    int16_t units[UNITS_MAX];
    int32_t first = 0;
    int32_t last = 0;
    size_t n = 0;
    size_t nunits = 0;
    int rc = span_of(x, &first, &last, err);
    if (rc > 0) {
        *ret_reason = "bad_payload";
        return 0;
    }
    if (rc == 0)
        rc = lj_anchors_open(&a, err);
    if (rc == 0) {
        n += (size_t)anchor_told(a, first, last, &found[n]);
        n += (size_t)year_told(first, last, &found[n]);
    }
    lj_anchors_close(&a);
    if (rc == 0 && n > 0)
        rc = everybody(x, units, &nunits, err);
    if (rc == 0 && (n == 0 || nunits == 0))
        *ret_reason = n == 0 ? "nothing_due" : "no_receiver";
    for (size_t i = 0; rc == 0 && nunits > 0 && i < n; i++)
        rc = post(x, &found[i], units, nunits, err);
    return rc;
}

/* ---- N10 a team is behind ---- */

static const char *behind_zh(const char *level)
{
    return strcmp(level, "CRITICAL") == 0 ? "严重滞后" : "滞后";
}

int lj_mail_level_changed(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    static const char *const numbers[] = {"year", "duty", "done", "expected_percent",
                                          "done_percent"};
    enum { NUMBERS = sizeof numbers / sizeof numbers[0] };
    const char *team = lj_mail_text_of(x, "team"), *name = lj_mail_text_of(x, "name");
    const char *level = lj_mail_text_of(x, "level"), *day = lj_mail_text_of(x, "day");
    struct lj_mail_var vars[NUMBERS + 4];
    char digits[NUMBERS][24];
    struct lj_buf *b = &x->m->scratch;
    if (team == NULL || name == NULL || level == NULL || day == NULL) {
        *ret_reason = "bad_payload";
        return 0;
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        json_t *v = json_object_get(x->payload, numbers[i]);
        (void)snprintf(digits[i], sizeof digits[i], "%lld", (long long)json_integer_value(v));
        vars[i] = (struct lj_mail_var){numbers[i], digits[i]};
    }
    lj_buf_clear(b);
    lj_mail_clean(b, name, 0);
    lj_buf_u8(b, 0);
    if (b->failed)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    vars[NUMBERS] = (struct lj_mail_var){"team", (const char *)b->data};
    vars[NUMBERS + 1] = (struct lj_mail_var){"code", team};
    vars[NUMBERS + 2] = (struct lj_mail_var){"level", behind_zh(level)};
    vars[NUMBERS + 3] = (struct lj_mail_var){"day", day};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N10,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = NUMBERS + 4,
                                    .units = &x->event->unit,
                                    .nunits = 1};
    return lj_mail_post(x, &d, err);
}

/* ---- N11 a unit's quarter ---- */

int lj_mail_quarter(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    static const char *const numbers[] = {"year",    "quarter",  "activities",  "sessions",
                                          "minutes", "athletes", "teams_owing", "teams_met"};
    enum { NUMBERS = sizeof numbers / sizeof numbers[0] };
    const char *from = lj_mail_text_of(x, "from"), *to = lj_mail_text_of(x, "to");
    struct lj_mail_var vars[NUMBERS + 2];
    char digits[NUMBERS][24];
    for (size_t i = 0; i < NUMBERS; i++) {
        json_t *v = json_object_get(x->payload, numbers[i]);
        if (!json_is_integer(v) || from == NULL || to == NULL) {
            *ret_reason = "bad_payload";
            return 0;
        }
        (void)snprintf(digits[i], sizeof digits[i], "%lld", (long long)json_integer_value(v));
        vars[i] = (struct lj_mail_var){numbers[i], digits[i]};
    }
    vars[NUMBERS] = (struct lj_mail_var){"from", from};
    vars[NUMBERS + 1] = (struct lj_mail_var){"to", to};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N11,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = NUMBERS + 2,
                                    .units = &x->event->unit,
                                    .nunits = 1};
    return lj_mail_post(x, &d, err);
}
