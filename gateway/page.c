/* Pages of the log.
 *
 * A page is two statements in one batch: the frontier first, then the rows. In that order, because
 * the second then sees at least what the first knew of: a page with room left is the proof that
 * there is nothing more up to the frontier read before it. The other order would take an event that
 * was committed between the two for missing.
 *
 * Results come in binary; the arrays of a closure are read here by hand, bounds checked like a
 * frame from a peer. */
#include "gateway/page.h"

#include <stdlib.h>
#include <string.h>

static const char sql_frontier[] = "select frontier, closure_frontier from frontier()";
static const char sql_events[] =
    "select position, id, coalesce(unit_code, ''), type from stream_events($1, $2, null, $3)";
static const char sql_closures[] =
    "select number, kind, positions, verdicts, unit_codes from stream_closures($1, $2, $3)";

struct lj_page_ask {
    bool events, called;
    struct lj_cursor frontier;
    lj_page_cb cb; /* NULL once forgotten */
    void (*frontier_cb)(int code, struct lj_cursor at, void *arg);
    void *arg;
};

static void on_frontier(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_page_ask *a = arg;
    (void)db;
    if (!err && PQntuples(res) == 1) {
        a->frontier = (struct lj_cursor){lj_pgget_i64(res, 0, 0), lj_pgget_i64(res, 0, 1)};
    }
}

static void on_rows(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_page_ask *a = arg;
    (void)db;
    if (err || !a->cb) {
        return;
    }
    struct lj_page page = {.frontier = a->events ? a->frontier.position : a->frontier.closure,
                           .rows = PQntuples(res),
                           .res = res};
    a->called = true;
    a->cb(&page, a->arg);
}

static void on_page_end(struct lj_db *db, int code, void *arg)
{
    struct lj_page_ask *a = arg;
    (void)db;
    if (a->cb && !a->called) {
        struct lj_page page = {.code = code ? code : LJ_E_DB_SYSTEM};
        a->cb(&page, a->arg);
    }
    free(a);
}

static void put_be(uint8_t *out, uint64_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, v >>= 8) {
        out[i] = (uint8_t)v;
    }
}

static int send_page(struct lj_db *db, const struct lj_page_query *q, struct lj_page_ask *a,
                     struct lj_err *err)
{
    uint8_t after[8], upto[8], limit[4];
    const char *values[] = {(const char *)after, (const char *)upto, (const char *)limit};
    const int lengths[] = {8, 8, 4};
    put_be(after, (uint64_t)q->after, 8);
    put_be(upto, (uint64_t)q->upto, 8);
    put_be(limit, (uint64_t)(uint32_t)q->limit, 4);
    int rc = lj_db_exec(db, NULL, sql_frontier, 0, NULL, NULL, NULL, 1, on_frontier, a, err);
    if (rc == 0) {
        rc = lj_db_exec(db, NULL, q->events ? sql_events : sql_closures, 3, values, lengths, NULL,
                        1, on_rows, a, err);
    }
    return rc ? rc : lj_db_sync(db, on_page_end, a, err);
}

int lj_page_open(struct lj_link *link, const struct lj_page_query *q, lj_page_cb cb, void *arg,
                 struct lj_page_ask **ret, struct lj_err *err)
{
    struct lj_db *db = lj_link_db(link);
    if (!db) {
        return lj_fail(err, LJ_E_DB_SYSTEM, "no connection to the database now");
    }
    struct lj_page_ask *a = calloc(1, sizeof *a);
    if (!a) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a page");
    }
    a->events = q->events;
    a->cb = cb;
    a->arg = arg;
    int rc = send_page(db, q, a, err);
    if (rc != 0) {
        a->cb = NULL; /* a statement may be in flight with it: what little it holds is left to the
                         connection's end */
        return rc;
    }
    *ret = a;
    return 0;
}

void lj_page_forget(struct lj_page_ask **ask)
{
    if (*ask) {
        (*ask)->cb = NULL;
        *ask = NULL;
    }
}

static void on_frontier_end(struct lj_db *db, int code, void *arg)
{
    struct lj_page_ask *a = arg;
    (void)db;
    a->frontier_cb(code, a->frontier, a->arg);
    free(a);
}

int lj_page_frontier(struct lj_link *link, void (*cb)(int code, struct lj_cursor at, void *arg),
                     void *arg, struct lj_err *err)
{
    struct lj_db *db = lj_link_db(link);
    struct lj_page_ask *a = db ? calloc(1, sizeof *a) : NULL;
    if (!a) {
        return lj_fail(err, db ? LJ_E_NOMEM : LJ_E_DB_SYSTEM,
                       "no memory, or no connection to the database now");
    }
    a->frontier_cb = cb;
    a->arg = arg;
    int rc = lj_db_exec(db, NULL, sql_frontier, 0, NULL, NULL, NULL, 1, on_frontier, a, err);
    if (rc != 0) {
        free(a);
        return rc;
    }
    return lj_db_sync(db, on_frontier_end, a, err);
}

static void copy_unit(char out[LJ_UNIT_CODE_LEN + 1], const void *p, size_t n)
{
    memset(out, 0, LJ_UNIT_CODE_LEN + 1);
    if (n <= LJ_UNIT_CODE_LEN) {
        memcpy(out, p, n);
    }
}

void lj_page_event(const struct lj_page *page, int row, struct lj_page_row *ret)
{
    const PGresult *res = page->res;
    *ret =
        (struct lj_page_row){.number = lj_pgget_i64(res, row, 0), .name = PQgetvalue(res, row, 3)};
    ret->name_len = (size_t)PQgetlength(res, row, 3);
    if (PQgetlength(res, row, 1) == (int)sizeof ret->id) {
        memcpy(ret->id, PQgetvalue(res, row, 1), sizeof ret->id);
    }
    copy_unit(ret->unit, PQgetvalue(res, row, 2), (size_t)PQgetlength(res, row, 2));
}

/* Head of a one-dimensional array: elements follow in r. source: PostgreSQL 15, array_send in
 * arrayfuncs.c */
static uint32_t array_begin(const PGresult *res, int row, int col, struct lj_reader *r)
{
    *r = lj_reader(PQgetvalue(res, row, col), (size_t)PQgetlength(res, row, col));
    uint32_t dimensions = lj_read_u32(r);
    (void)lj_read_u32(r); /* has nulls */
    (void)lj_read_u32(r); /* element type: that of the column */
    if (r->bad || dimensions != 1) {
        return 0;
    }
    uint32_t n = lj_read_u32(r);
    (void)lj_read_u32(r); /* lower bound */
    return r->bad ? 0 : n;
}

static const uint8_t *array_next(struct lj_reader *r, size_t *ret_len)
{
    uint32_t len = lj_read_u32(r);
    *ret_len = 0;
    if (r->bad || len == UINT32_MAX) {
        return NULL;
    }
    *ret_len = len;
    return lj_read_bytes(r, len);
}

int lj_page_closure(const struct lj_page *page, int row, struct lj_page_members *m,
                    struct lj_page_row *ret, struct lj_err *err)
{
    const PGresult *res = page->res;
    struct lj_reader positions, verdicts, units;
    *ret =
        (struct lj_page_row){.number = lj_pgget_i64(res, row, 0), .name = PQgetvalue(res, row, 1)};
    ret->name_len = (size_t)PQgetlength(res, row, 1);
    uint32_t n = array_begin(res, row, 2, &positions);
    if (n > UINT16_MAX || array_begin(res, row, 3, &verdicts) != n ||
        array_begin(res, row, 4, &units) != n) {
        return lj_fail(err, LJ_E_PROTOCOL, "closure %lld has arrays of different lengths",
                       (long long)ret->number);
    }
    if (n > m->cap) {
        struct lj_ring_member *p = reallocarray(m->p, n, sizeof *p);
        if (!p) {
            return lj_fail(err, LJ_E_NOMEM, "no memory for a closure of %u positions", n);
        }
        m->p = p;
        m->cap = n;
    }
    for (uint32_t i = 0; i < n; i++) {
        size_t len;
        (void)lj_read_u32(&positions); /* lengths of fixed types */
        m->p[i].position = lj_read_i64(&positions);
        (void)lj_read_u32(&verdicts);
        m->p[i].verdict = (int16_t)lj_read_u16(&verdicts);
        const uint8_t *unit = array_next(&units, &len);
        copy_unit(m->p[i].unit, unit ? unit : (const uint8_t *)"", len);
    }
    if (positions.bad || verdicts.bad || units.bad) {
        return lj_fail(err, LJ_E_PROTOCOL, "closure %lld has an array that is cut off",
                       (long long)ret->number);
    }
    ret->members = m->p;
    ret->count = (uint16_t)n;
    return 0;
}

void lj_page_members_free(struct lj_page_members *m)
{
    free(m->p);
    *m = (struct lj_page_members){0};
}
