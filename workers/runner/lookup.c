/* Registers as of a position.
 *
 * Acceptance is judged by the registers as they stood at the event's position, and events of a
 * batch have different positions. So all versions up to the batch's last position are fetched, once
 * a register and batch, by arrays of the distinct codes, and the version with the greatest position
 * not above the event's is picked here. A code repeated in a hundred reports costs one probe.
 *
 * Units are few and change rarely: they are kept from batch to batch and only newer versions are
 * fetched. That is right because `register` is ordered by position: a row with a smaller position
 * than one that was seen cannot appear later.
 *
 * Guarantees: nothing is written; a row above the event's position is never looked at, so a replay
 * with the same log gives the same answers; the four statements need no common snapshot, because
 * versions at or below p never change.
 */
#include "workers/runner/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "common/pgparam.h"

enum { UNIT_DEPTH_MAX = 16 /* walk up no further: the register keeps units at most 3 deep */ };

struct unit_row {
    int64_t position;
    int16_t number, parent; /* parent -1: none */
    char code[6];
};

/* A version of a team, person or site; a team has one a paused span. */
struct row {
    int64_t position;
    int32_t number;
    int32_t from, to;               /* team: span in force */
    int32_t paused_from, paused_to; /* team: empty when from > to */
    int32_t kind;                   /* site: enum lj_site_kind */
    struct lj_ref ref;
};

struct member_row {
    int64_t position;
    int32_t person, team, number, from, to, role, status;
};

struct list {
    void *data;
    size_t count, cap, size;
};

struct lj_lookup {
    PGconn *pg;
    int64_t upto, units_seen;
    struct list units;
    struct list needs[LJ_LOOKUP_WHATS]; /* struct lj_ref */
    struct list rows[LJ_LOOKUP_WHATS];  /* struct row, sorted by ref, position */
    struct list members; /* struct member_row, sorted by person, team, number, position */
};

/* ---- small tools ---- */

static void *list_add(struct list *l, struct lj_err *err)
{
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        void *data = reallocarray(l->data, cap, l->size);
        if (!data) {
            (void)lj_fail(err, LJ_E_NOMEM, "no memory for %zu register rows", cap);
            return NULL;
        }
        l->data = data;
        l->cap = cap;
    }
    void *at = (char *)l->data + l->count++ * l->size;
    memset(at, 0, l->size);
    return at;
}

static void list_sort(struct list *l, int (*compare)(const void *, const void *))
{
    if (l->count > 1)
        qsort(l->data, l->count, l->size, compare);
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_ref(const void *ap, const void *bp)
{
    const struct lj_ref *a = ap, *b = bp;
    return a->unit != b->unit ? order(a->unit, b->unit) : strcmp(a->code, b->code);
}

static int by_row(const void *ap, const void *bp)
{
    const struct row *a = ap, *b = bp;
    int c = by_ref(&a->ref, &b->ref);
    return c ? c : order(a->position, b->position);
}

static int by_member(const void *ap, const void *bp)
{
    const struct member_row *a = ap, *b = bp;
    int c = order(a->person, b->person);
    if (!c)
        c = order(a->team, b->team);
    if (!c)
        c = order(a->number, b->number);
    return c ? c : order(a->position, b->position);
}

static int by_unit(const void *ap, const void *bp)
{
    const struct unit_row *a = ap, *b = bp;
    return a->number != b->number ? order(a->number, b->number) : order(a->position, b->position);
}

/* First index whose element is not below `key` in the order of `compare`. */
static size_t lower_bound(const struct list *l, const void *key,
                          int (*compare)(const void *, const void *))
{
    size_t lo = 0, hi = l->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare((const char *)l->data + mid * l->size, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* ---- statements ---- */

/* Spans without an end come as the outermost int4, roles and kinds as their number in the enums of
 * lookup.h. */
#define FROM(column) "coalesce(" column "::date - date '2000-01-01', -2147483648)"
#define TO(column)   "coalesce(" column "::date - date '2000-01-01', 2147483647)"

static const char units_sql[] = "select u.number, v.position, coalesce(v.parent, -1::int2), u.code"
                                " from unit u join unit_version v on v.number = u.number where "
                                "v.position > $1 and v.position <= $2";

static const char *const rows_sql[LJ_LOOKUP_WHATS] = {
    [LJ_LOOKUP_TEAM] =
        "select i.unit, i.code::text, i.number, v.position, " FROM("v.valid_from") ", " TO(
            "v.valid_to") ", "
                          "case when d is null then 2147483647 else coalesce(lower(d) - date "
                          "'2000-01-01', -2147483648) end, "
                          "case when d is null then -2147483648 else coalesce(upper(d) - date "
                          "'2000-01-01' - 1, 2147483647) end, 0"
                          " from unnest($1::int2[], $2::text[]) n(unit, code) join team i on "
                          "i.unit = n.unit and i.code = n.code"
                          " join team_version v on v.number = i.number left join lateral "
                          "unnest(v.paused) d on true where v.position <= $3",
    [LJ_LOOKUP_PERSON] = "select i.unit, i.code::text, i.number, i.position, 0, 0, 0, 0, 0"
                         " from unnest($1::int2[], $2::text[]) n(unit, code) join person i on "
                         "i.unit = n.unit and i.code = n.code"
                         " where i.position <= $3",
    [LJ_LOOKUP_SITE] =
        "select i.unit, i.code::text, i.number, v.position, 0, 0, 0, 0, array_position("
        "'{KINDERGARTEN,PRIMARY,MIDDLE,SENIOR,NINE_YEAR,SPECIAL_ED,VOCATIONAL,COMMUNITY,VILLAGE,"
        "ELDER_CARE,ELDER_UNIV,PARK,"
        "STADIUM,TRAINING_BASE,UNIVERSITY,COMPANY,MALL,SCENIC,BARRACKS,OTHER}'::text[], v.kind)"
        " from unnest($1::int2[], $2::text[]) n(unit, code) join site i on i.unit = n.unit and "
        "i.code = n.code"
        " join site_version v on v.number = i.number where v.position <= $3",
};

static const char members_sql[] =
    "select m.person, m.team, m.number, v.position, " FROM("v.valid_from") ", " TO(
        "v.valid_to") ", "
                      "array_position('{ATHLETE,COACH,OFFICIAL,STAFF}'::text[], v.role),"
                      " array_position('{FORMAL,TRIAL,TRAINEE,RETIRED,LEFT}'::text[], v.status)"
                      " from membership m join membership_version v on v.number = m.number where "
                      "m.person = any($1::int4[]) and v.position <= $2";

/* An int8 parameter in PostgreSQL's binary form. */
static void put_i64(uint8_t out[8], int64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
}

/* ---- units ---- */

static int load_units(struct lj_lookup *lk, struct lj_err *err)
{
    uint8_t since[8], upto[8];
    put_i64(since, lk->units_seen);
    put_i64(upto, lk->upto);
    const char *values[2] = {(const char *)since, (const char *)upto};
    int lengths[2] = {8, 8};
    PGresult *res = NULL;
    int rc = lj_dbs_query_binary(lk->pg, units_sql, 2, values, lengths, &res, err);
    if (rc < 0)
        return rc;
    for (int i = 0; i < PQntuples(res); i++) {
        struct unit_row *u = list_add(&lk->units, err);
        if (!u) { /* half a load is none: start over next time */
            lk->units.count = 0;
            lk->units_seen = -1;
            PQclear(res);
            return LJ_E_NOMEM;
        }
        u->number = lj_pgget_i16(res, i, 0);
        u->position = lj_pgget_i64(res, i, 1);
        u->parent = lj_pgget_i16(res, i, 2);
        int n = PQgetlength(res, i, 3);
        memcpy(u->code, PQgetvalue(res, i, 3), n < 5 ? (size_t)n : 5);
        if (u->position > lk->units_seen)
            lk->units_seen = u->position;
    }
    if (PQntuples(res) > 0)
        list_sort(&lk->units, by_unit);
    PQclear(res);
    return 0;
}

/* The unit's version at p, NULL when it was not registered then. */
static const struct unit_row *unit_at(const struct lj_lookup *lk, int16_t number, int64_t p)
{
    struct unit_row key = {.number = number, .position = p};
    size_t i = lower_bound(&lk->units, &key, by_unit);
    const struct unit_row *u = lk->units.data;
    if (i < lk->units.count && u[i].number == number && u[i].position == p)
        return &u[i];
    return i > 0 && u[i - 1].number == number ? &u[i - 1] : NULL;
}

int lj_lookup_in_subtree(const struct lj_lookup *lk, int16_t unit, int16_t root, int64_t p)
{
    for (int depth = 0; depth < UNIT_DEPTH_MAX; depth++) {
        const struct unit_row *u = unit_at(lk, unit, p);
        if (!u)
            return 0;
        if (unit == root)
            return 1;
        if (u->parent < 0)
            return 0;
        unit = u->parent;
    }
    return 0;
}

static int code_char(char c, int first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (!first && (c == '.' || c == '_' || c == '-'));
}

int lj_lookup_ref(const struct lj_lookup *lk, const char *text, int16_t own_unit, int64_t p,
                  struct lj_ref *ret)
{
    const char *mark = strpbrk(text, "/:");
    const char *code = mark ? mark + 1 : text;
    size_t n = strlen(code);
    if (n == 0 || n > LJ_CODE_MAX)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (!code_char(code[i], i == 0))
            return 0;
    memset(ret, 0, sizeof *ret);
    memcpy(ret->code, code, n);
    ret->unit = own_unit;
    if (!mark)
        return 1;
    const struct unit_row *u = lk->units.data;
    for (size_t i = 0; i < lk->units.count; i++)
        if (u[i].position <= p && strlen(u[i].code) == (size_t)(mark - text) &&
            memcmp(u[i].code, text, (size_t)(mark - text)) == 0) {
            ret->unit = u[i].number;
            return 1;
        }
    return 0;
}

/* ---- a batch ---- */

int lj_lookup_begin(struct lj_lookup *lk, int64_t upto, struct lj_err *err)
{
    for (size_t w = 0; w < LJ_LOOKUP_WHATS; w++)
        lk->needs[w].count = lk->rows[w].count = 0;
    lk->members.count = 0;
    lk->upto = upto;
    return load_units(lk, err);
}

int lj_lookup_need(struct lj_lookup *lk, enum lj_lookup_what what, const struct lj_ref *ref,
                   struct lj_err *err)
{
    struct lj_ref *n = list_add(&lk->needs[what], err);
    if (!n)
        return LJ_E_NOMEM;
    *n = *ref;
    return 0;
}

/* Finishes the arrays, runs the statement with them and the position behind them, and frees them.
 */
static int query_arrays(struct lj_lookup *lk, const char *sql, struct lj_pgarray *arrays, int n,
                        PGresult **ret, struct lj_err *err)
{
    const char *values[3] = {NULL};
    int lengths[3] = {0};
    uint8_t upto[8];
    int rc = 0;
    for (int i = 0; i < n && rc == 0; i++) {
        const uint8_t *p = NULL;
        size_t len = 0;
        rc = lj_pgarray_done(&arrays[i], &p, &len, err);
        values[i] = (const char *)p;
        lengths[i] = (int)len;
    }
    put_i64(upto, lk->upto);
    values[n] = (const char *)upto;
    lengths[n] = 8;
    if (rc == 0)
        rc = lj_dbs_query_binary(lk->pg, sql, n + 1, values, lengths, ret, err);
    for (int i = 0; i < n; i++)
        lj_pgarray_free(&arrays[i]);
    return rc;
}

static int take_rows(struct list *rows, const PGresult *res, struct lj_err *err)
{
    for (int i = 0; i < PQntuples(res); i++) {
        struct row *r = list_add(rows, err);
        if (!r)
            return LJ_E_NOMEM;
        r->ref.unit = lj_pgget_i16(res, i, 0);
        int n = PQgetlength(res, i, 1);
        memcpy(r->ref.code, PQgetvalue(res, i, 1), n < LJ_CODE_MAX ? (size_t)n : LJ_CODE_MAX);
        r->number = lj_pgget_i32(res, i, 2);
        r->position = lj_pgget_i64(res, i, 3);
        r->from = lj_pgget_i32(res, i, 4);
        r->to = lj_pgget_i32(res, i, 5);
        r->paused_from = lj_pgget_i32(res, i, 6);
        r->paused_to = lj_pgget_i32(res, i, 7);
        r->kind = lj_pgget_i32(res, i, 8);
    }
    return 0;
}

static int fetch_rows(struct lj_lookup *lk, enum lj_lookup_what what, struct lj_err *err)
{
    struct list *needs = &lk->needs[what];
    if (needs->count == 0)
        return 0;
    struct lj_pgarray arrays[2] = {0};
    lj_pgarray_init(&arrays[0], LJ_PG_INT2);
    lj_pgarray_init(&arrays[1], LJ_PG_TEXT);
    list_sort(needs, by_ref);
    const struct lj_ref *refs = needs->data;
    for (size_t i = 0; i < needs->count; i++) {
        if (i > 0 && by_ref(&refs[i - 1], &refs[i]) == 0)
            continue;
        lj_pgarray_int(&arrays[0], refs[i].unit);
        lj_pgarray_bytes(&arrays[1], refs[i].code, strlen(refs[i].code));
    }
    PGresult *res = NULL;
    int rc = query_arrays(lk, rows_sql[what], arrays, 2, &res, err);
    if (rc < 0)
        return rc;
    rc = take_rows(&lk->rows[what], res, err);
    PQclear(res);
    list_sort(&lk->rows[what], by_row);
    return rc;
}

static int take_members(struct list *members, const PGresult *res, struct lj_err *err)
{
    for (int i = 0; i < PQntuples(res); i++) {
        struct member_row *m = list_add(members, err);
        if (!m)
            return LJ_E_NOMEM;
        m->person = lj_pgget_i32(res, i, 0);
        m->team = lj_pgget_i32(res, i, 1);
        m->number = lj_pgget_i32(res, i, 2);
        m->position = lj_pgget_i64(res, i, 3);
        m->from = lj_pgget_i32(res, i, 4);
        m->to = lj_pgget_i32(res, i, 5);
        m->role = lj_pgget_i32(res, i, 6);
        m->status = lj_pgget_i32(res, i, 7);
    }
    return 0;
}

static int fetch_members(struct lj_lookup *lk, struct lj_err *err)
{
    const struct list *persons = &lk->rows[LJ_LOOKUP_PERSON];
    const struct row *p = persons->data;
    if (persons->count == 0)
        return 0;
    struct lj_pgarray numbers = {0};
    lj_pgarray_init(&numbers, LJ_PG_INT4);
    for (size_t i = 0; i < persons->count; i++)
        lj_pgarray_int(&numbers, p[i].number);
    PGresult *res = NULL;
    int rc = query_arrays(lk, members_sql, &numbers, 1, &res, err);
    if (rc < 0)
        return rc;
    rc = take_members(&lk->members, res, err);
    PQclear(res);
    list_sort(&lk->members, by_member);
    return rc;
}

int lj_lookup_fetch(struct lj_lookup *lk, struct lj_err *err)
{
    int rc = 0;
    for (size_t w = 0; w < LJ_LOOKUP_WHATS && rc == 0; w++)
        rc = fetch_rows(lk, (enum lj_lookup_what)w, err);
    return rc < 0 ? rc : fetch_members(lk, err);
}

/* ---- answers ---- */

/* The last row of the version in force at p (a team's version may have several rows, all with the
 * same position). */
static const struct row *row_at(const struct lj_lookup *lk, enum lj_lookup_what what,
                                const struct lj_ref *ref, int64_t p)
{
    const struct list *l = &lk->rows[what];
    struct row key = {.ref = *ref, .position = p + 1};
    size_t i = lower_bound(l, &key, by_row);
    const struct row *r = l->data;
    return i > 0 && by_ref(&r[i - 1].ref, ref) == 0 ? &r[i - 1] : NULL;
}

int32_t lj_lookup_number(const struct lj_lookup *lk, enum lj_lookup_what what,
                         const struct lj_ref *ref, int64_t p)
{
    const struct row *r = row_at(lk, what, ref, p);
    return r ? r->number : 0;
}

int lj_lookup_team_active(const struct lj_lookup *lk, const struct lj_ref *team, int32_t day,
                          int64_t p)
{
    const struct row *last = row_at(lk, LJ_LOOKUP_TEAM, team, p);
    if (!last || day < last->from || day > last->to)
        return 0;
    const struct row *first = lk->rows[LJ_LOOKUP_TEAM].data;
    for (const struct row *r = last; r->position == last->position && r->number == last->number;
         r--) {
        if (day >= r->paused_from && day <= r->paused_to)
            return 0;
        if (r == first)
            break;
    }
    return 1;
}

int lj_lookup_site_kind(const struct lj_lookup *lk, const struct lj_ref *site, int64_t p)
{
    const struct row *r = row_at(lk, LJ_LOOKUP_SITE, site, p);
    return r ? r->kind : 0;
}

int lj_lookup_membership(const struct lj_lookup *lk, int32_t person, int32_t team, int32_t day,
                         int64_t p, struct lj_membership *ret)
{
    struct member_row key = {
        .person = person, .team = team, .number = INT32_MIN, .position = INT64_MIN};
    size_t i = lower_bound(&lk->members, &key, by_member);
    const struct member_row *m = lk->members.data, *end = m + lk->members.count, *held = NULL;
    for (const struct member_row *r = m + i; r < end && r->person == person && r->team == team;
         r++) {
        if (r->position > p)
            continue;
        int last = r + 1 == end || r[1].number != r->number || r[1].position > p;
        if (last && day >= r->from && day <= r->to)
            held = r;
    }
    if (!held)
        return 0;
    *ret = (struct lj_membership){
        .role = held->role, .status = held->status, .from = held->from, .to = held->to};
    return 1;
}

/* ---- life ---- */

PGconn *lj_lookup_pg(struct lj_lookup *lk)
{
    return lk->pg;
}

int lj_lookup_open(const char *dsn, const char *application_name, struct lj_lookup **ret,
                   struct lj_err *err)
{
    struct lj_lookup *lk = calloc(1, sizeof *lk);
    if (!lk)
        return lj_fail(err, LJ_E_NOMEM, "no memory for lookups");
    lk->units_seen = -1; /* CN000's rows have position 0 */
    lk->units.size = sizeof(struct unit_row);
    lk->members.size = sizeof(struct member_row);
    for (size_t w = 0; w < LJ_LOOKUP_WHATS; w++) {
        lk->needs[w].size = sizeof(struct lj_ref);
        lk->rows[w].size = sizeof(struct row);
    }
    int rc = lj_dbs_open(dsn, application_name, &lk->pg, err);
    if (rc < 0) {
        lj_lookup_close(&lk);
        return rc;
    }
    *ret = lk;
    return 0;
}

void lj_lookup_close(struct lj_lookup **lkp)
{
    struct lj_lookup *lk = *lkp;
    if (!lk)
        return;
    if (lk->pg)
        PQfinish(lk->pg);
    free(lk->units.data);
    free(lk->members.data);
    for (size_t w = 0; w < LJ_LOOKUP_WHATS; w++) {
        free(lk->needs[w].data);
        free(lk->rows[w].data);
    }
    free(lk);
    *lkp = NULL;
}
