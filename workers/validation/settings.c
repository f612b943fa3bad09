/* Settings of the rules.
 *
 * A setting is a set of rows with one position; the set that holds for an event is the one with the
 * greatest position not above its own. All sets are kept, as all versions of a register row are:
 * events of a batch have different positions and a replay has old ones. The table changes a few
 * times a year, so a batch asks only for its height and number of rows, in the round trip that it
 * makes anyway, and reads it when they have changed. Rows are never altered in place (a trigger),
 * so these two numbers say all.
 *
 * Guarantees: a row above the event's position is never looked at; rules are silent about a setting
 * that has no row.
 */
#include "workers/validation/settings.h"

#include <stdlib.h>
#include <string.h>

#include "common/pgparam.h"
#include "workers/runner/calendar.h"

enum kind { NUMBER, WORD, SPAN };

static const struct {
    const char *rule, *name;
    enum kind kind;
} known[LJ_SETTINGS] = {
#define SETTING(symbol, rule, name, kind) [LJ_SETTING_##symbol] = {rule, name, kind},
#include "workers/validation/settings.def"
#undef SETTING
};

struct rows {
    struct lj_setting_row *row; /* by position, descending */
    size_t count, cap;
};
struct lj_settings {
    struct rows of[LJ_SETTINGS];
    int64_t height, count; /* of what was read */
    int64_t new_height, new_count;
};

static const struct lj_statement height = {
    "validation_settings_height", "select coalesce(max(position), -1), count(*) from rule_setting"};
static const struct lj_statement all = {
    "validation_settings",
    "select rule, name, position, coalesce(valid_from::date - date '2000-01-01', -2147483648),"
    " coalesce(valid_to::date - date '2000-01-01', 2147483647), value from rule_setting"
    " order by position desc, rule, name, valid_from, value"};

int lj_settings_open(struct lj_settings **ret, struct lj_err *err)
{
    *ret = calloc(1, sizeof **ret);
    if (!*ret)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the settings of rules");
    (*ret)->height = -2;
    return 0;
}

static void forget(struct lj_settings *s)
{
    for (size_t i = 0; i < LJ_SETTINGS; i++)
        s->of[i].count = 0;
    s->height = -2;
}

void lj_settings_close(struct lj_settings **sp)
{
    struct lj_settings *s = *sp;
    if (!s)
        return;
    for (size_t i = 0; i < LJ_SETTINGS; i++)
        free(s->of[i].row);
    free(s);
    *sp = NULL;
}

/* Reads a value by its kind; 0 if it is none. */
static int read_value(enum kind kind, const char *value, struct lj_setting_row *r)
{
    int m1, d1, m2, d2, n = 0;
    char *end;
    switch (kind) {
    case NUMBER:
        r->a = strtoll(value, &end, 10);
        r->a = r->a > INT32_MAX ? INT32_MAX : r->a < INT32_MIN ? INT32_MIN : r->a;
        return end != value && *end == '\0';
    case SPAN:
        if (sscanf(value, "%2d-%2d..%2d-%2d%n", &m1, &d1, &m2, &d2, &n) != 4 || value[n] != '\0')
            return 0;
        r->a = m1 * 100 + d1;
        r->b = m2 * 100 + d2;
        return 1;
    default:
        return 1;
    }
}

static int add_row(struct rows *rows, const struct lj_setting_row *row, struct lj_err *err)
{
    if (rows->count == rows->cap) {
        size_t cap = rows->cap ? rows->cap * 2 : 4;
        struct lj_setting_row *more = reallocarray(rows->row, cap, sizeof *more);
        if (!more)
            return lj_fail(err, LJ_E_NOMEM, "no memory for the settings of rules");
        rows->row = more;
        rows->cap = cap;
    }
    size_t at = rows->count++;
    for (; at > 0 && rows->row[at - 1].position < row->position; at--)
        rows->row[at] = rows->row[at - 1];
    rows->row[at] = *row;
    return 0;
}

int lj_settings_add(struct lj_settings *s, const char *rule, const char *name, int64_t position,
                    int32_t from, int32_t to, const char *value, struct lj_err *err)
{
    struct lj_setting_row row = {.position = position, .from = from, .to = to};
    for (size_t i = 0; i < LJ_SETTINGS; i++) {
        if (strcmp(known[i].rule, rule) != 0 || strcmp(known[i].name, name) != 0)
            continue;
        row.len = strlen(value);
        if (row.len > LJ_SETTING_TEXT_MAX || !read_value(known[i].kind, value, &row))
            return lj_fail(err, LJ_E_DB_DATA, "rule_setting: %s %s cannot be %.60s", rule, name,
                           value);
        memcpy(row.text, value, row.len + 1);
        return add_row(&s->of[i], &row, err);
    }
    return 0;
}

/* ---- reading the table ---- */

static int take_height(void *arg, const PGresult *res, struct lj_err *err)
{
    struct lj_settings *s = arg;
    (void)err;
    s->new_height = lj_pgget_i64(res, 0, 0);
    s->new_count = lj_pgget_i64(res, 0, 1);
    return 0;
}

static void get_text(const PGresult *res, int row, int column, char *out, size_t room)
{
    size_t n = (size_t)PQgetlength(res, row, column);
    n = n < room - 1 ? n : room - 1;
    memcpy(out, PQgetvalue(res, row, column), n);
    out[n] = '\0';
}

static int take_all(void *arg, const PGresult *res, struct lj_err *err)
{
    struct lj_settings *s = arg;
    int rc = 0;
    forget(s);
    for (int i = 0; rc == 0 && i < PQntuples(res); i++) {
        char rule[8], name[40], value[LJ_SETTING_TEXT_MAX + 1];
        get_text(res, i, 0, rule, sizeof rule);
        get_text(res, i, 1, name, sizeof name);
        get_text(res, i, 5, value, sizeof value);
        rc = lj_settings_add(s, rule, name, lj_pgget_i64(res, i, 2), lj_pgget_i32(res, i, 3),
                             lj_pgget_i32(res, i, 4), value, err);
    }
    return rc;
}

int lj_settings_need(struct lj_settings *s, struct lj_fetch *reader, struct lj_err *err)
{
    return lj_fetch_add(reader, &height, NULL, take_height, s, err);
}

int lj_settings_update(struct lj_settings *s, struct lj_fetch *reader, struct lj_err *err)
{
    if (s->new_height == s->height && s->new_count == s->count)
        return 0;
    int64_t to = s->new_height, count = s->new_count;
    int rc = lj_fetch_add(reader, &all, NULL, take_all, s, err);
    if (rc == 0)
        rc = lj_fetch_run(reader, err);
    if (rc == 0) { /* rows that came in between only make the next batch read again */
        s->height = to;
        s->count = count;
    } else {
        forget(s);
    }
    return rc;
}

/* ---- answers ---- */

const struct lj_setting_row *lj_settings_next(const struct lj_settings *s, enum lj_setting what,
                                              int32_t day, int64_t p,
                                              const struct lj_setting_row *after)
{
    const struct lj_setting_row *r, *end;
    if (!s || s->of[what].count == 0)
        return NULL;
    end = s->of[what].row + s->of[what].count;
    for (r = s->of[what].row; r < end && r->position > p;)
        r++;
    for (int64_t set = r < end ? r->position : 0; r < end && r->position == set; r++)
        if ((!after || r > after) && day >= r->from && day <= r->to)
            return r;
    return NULL;
}

int64_t lj_settings_number(const struct lj_settings *s, enum lj_setting what, int32_t day,
                           int64_t p, int64_t none)
{
    const struct lj_setting_row *r = lj_settings_next(s, what, day, p, NULL);
    return r ? r->a : none;
}

int lj_settings_has_day(const struct lj_settings *s, enum lj_setting what, int32_t day, int64_t p)
{
    const struct lj_setting_row *r = NULL;
    int year = lj_year_of(day);
    while ((r = lj_settings_next(s, what, day, p, r))) {
        int32_t from = lj_day_of(year, (int)(r->a / 100), (int)(r->a % 100));
        int32_t to = lj_day_of(year, (int)(r->b / 100), (int)(r->b % 100));
        if (from <= to ? day >= from && day <= to : day >= from || day <= to)
            return 1;
    }
    return 0;
}
