/* A lease's batch: records from the window, the rest from the log.
 *
 * A kind that comes after another gets that kind's short result instead of the payload: from the
 * window of shorts, or again from the gate's own result function in SQL, so that a restart or a
 * full window changes nothing for the worker.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/log.h"

/* Fixed offsets of a batch record (PROTOCOL.md): position 8, id 16, received_at 8. */
static void note_event(struct lease *l, size_t i, const uint8_t *record)
{
    struct lj_reader r = lj_reader(record + 8, 24);
    memcpy(l->events[i].id, lj_read_bytes(&r, 16), 16);
    l->events[i].received_us = lj_read_i64(&r);
}

static struct lj_window *window_of(struct broker *b, size_t kind)
{
    return b->cat->kinds[kind].after < 0 ? &b->dispatch.payloads : &b->dispatch.shorts[kind];
}

void fetch_keep_short(struct broker *b, size_t kind, const struct lease *gate, size_t i)
{
    const struct lj_item *item = &gate->group->items[i];
    const struct lj_unit *u = lj_catalog_unit_number(b->cat, item->unit);
    struct lj_buf buf = {0};
    struct lj_batch_record r = {
        .position = item->position,
        .received_at_us = gate->events[i].received_us,
        .occurred_at_us = LJ_TIME_NONE,
        .schema_version = b->cat->types[item->type].schema_version,
        .unit = (int16_t)item->unit,
        .unit_code = {u ? u->code : "", u ? LJ_UNIT_CODE_LEN : 0},
        .type = {b->cat->types[item->type].name, strlen(b->cat->types[item->type].name)},
        .payload = gate->shorts[i]};
    memcpy(r.id, gate->events[i].id, 16);
    lj_batch_record_put(&buf, &r);
    if (!buf.failed &&
        u) /* else it is asked of the gate's result function, when its unit is there */
        lj_window_put(&b->dispatch.shorts[kind], item->position, buf.data, buf.len, 1);
    lj_buf_free(&buf);
}

void fetch_forget(struct broker *b, size_t kind, const struct lj_group *g)
{
    for (size_t i = 0; i < g->n; i++)
        lj_window_drop(window_of(b, kind), g->items[i].position);
}

static int from_window(struct broker *b, struct lease *l)
{
    struct lj_window *w = window_of(b, l->kind);
    for (size_t i = 0; i < l->group->n; i++) {
        if (!lj_window_get(w, l->group->items[i].position))
            return 0;
    }
    for (size_t i = 0; i < l->group->n; i++) {
        const struct lj_record *rec = lj_window_get(w, l->group->items[i].position);
        lj_buf_put(&l->batch, rec->bytes, rec->len);
        note_event(l, i, rec->bytes);
        lj_window_drop(w, l->group->items[i].position);
    }
    return !l->batch.failed;
}

static int by_position(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Columns: position, id, received_at, occurred_at, schema_version, unit, type, key, payload or
 * short; ordered by position. */
static int row_of(const PGresult *r, int64_t position)
{
    int lo = 0, hi = PQntuples(r);
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        int64_t p = lj_pgget_i64(r, mid, 0);
        if (by_position(&p, &position) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < PQntuples(r) && lj_pgget_i64(r, lo, 0) == position ? lo : -1;
}

static int add_row(struct broker *b, struct lease *l, size_t i, const PGresult *r)
{
    int row = row_of(r, l->group->items[i].position);
    int type = row < 0 ? -1 : lj_catalog_type_number(b->cat, lj_pgget_i16(r, row, 6));
    if (type < 0)
        return LJ_E_NOT_FOUND;
    int16_t unit = lj_pgget_i16(r, row, 5);
    const struct lj_unit *u = lj_catalog_unit_number(b->cat, unit);
    struct lj_batch_record rec = {
        .position = l->group->items[i].position,
        .received_at_us = lj_pgget_time_us(r, row, 2),
        .occurred_at_us = PQgetisnull(r, row, 3) ? LJ_TIME_NONE : lj_pgget_time_us(r, row, 3),
        .schema_version = (uint16_t)lj_pgget_i16(r, row, 4),
        .unit = unit,
        .unit_code = {u ? u->code : "", u ? LJ_UNIT_CODE_LEN : 0},
        .type = {b->cat->types[type].name, strlen(b->cat->types[type].name)},
        .key = {PQgetvalue(r, row, 7), (size_t)PQgetlength(r, row, 7)},
        .payload = {PQgetvalue(r, row, 8), (size_t)PQgetlength(r, row, 8)}};
    memcpy(rec.id, PQgetvalue(r, row, 1), 16);
    if (b->cat->kinds[l->kind].after >=
        0) { /* the same as from the window: the short result is the event */
        rec.key = (struct lj_slice){"", 0};
        rec.occurred_at_us = LJ_TIME_NONE;
        rec.schema_version = b->cat->types[type].schema_version;
    }
    size_t at = l->batch.len;
    lj_batch_record_put(&l->batch, &rec);
    if (l->batch.failed)
        return LJ_E_NOMEM;
    note_event(l, i, l->batch.data + at);
    lj_window_drop(window_of(b, l->kind), rec.position);
    return 0;
}

struct fetch {
    struct broker *b;
    uint64_t lease;
    uint64_t recovery;
};

static struct lease *lease_of(const struct fetch *f)
{
    if (f->recovery != f->b->recoveries)
        return NULL; /* the log was read anew since: that lease is gone */
    for (struct lease *l = f->b->dispatch.leases; l; l = l->next) {
        if (l->id == f->lease)
            return l;
    }
    return NULL;
}

static void give_up(struct broker *b, struct lease *l, enum cause cause, const struct lj_err *why)
{
    lease_unlist(b, l);
    lease_free_slot(l);
    dispatch_failed(b, &l, cause, why);
}

static void on_rows(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    (void)db;
    struct fetch *f = arg;
    struct lease *l = lease_of(f);
    struct broker *b = f->b;
    free(f);
    if (!l)
        return;
    if (err) {
        if (err->code != LJ_E_DB_LOST) /* else recovery forgets every lease anyway */
            give_up(b, l, CAUSE_SYSTEM, err);
        return;
    }
    for (size_t i = 0; i < l->group->n; i++) {
        int rc = add_row(b, l, i, res);
        struct lj_err why = {0};
        if (rc == LJ_E_NOT_FOUND)
            (void)lj_fail(&why, rc, "position %lld has no payload or short result for kind %s",
                          (long long)l->group->items[i].position, b->cat->kinds[l->kind].name);
        else if (rc)
            (void)lj_fail(&why, rc, "no memory for a batch");
        if (rc) {
            give_up(b, l, rc == LJ_E_NOT_FOUND ? CAUSE_DATA : CAUSE_SYSTEM, &why);
            return;
        }
    }
    dispatch_send(b, l);
}

#define FETCH_COLUMNS                                                                              \
    "e.position, e.id, e.received_at, e.occurred_at, e.schema_version, e.unit, e.type, "           \
    "coalesce(e.key, ''), "

static int query(struct broker *b, struct lease *l, struct lj_err *err)
{
    const struct lj_kind *k = &b->cat->kinds[l->kind];
    struct lj_pgarray positions = {0};
    const uint8_t *v = NULL;
    size_t n = 0;
    char sql[400];
    struct fetch *f = malloc(sizeof *f);
    if (!f)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a fetch");
    *f = (struct fetch){b, l->id, b->recoveries};
    if (k->after < 0)
        (void)snprintf(
            sql, sizeof sql,
            "select " FETCH_COLUMNS
            "e.payload from event e where e.position = any($1::int8[]) order by e.position");
    else
        (void)snprintf(sql, sizeof sql,
                       "select " FETCH_COLUMNS "r.result from %s($1::int8[]) r join event e on "
                       "e.position = r.position order by e.position",
                       b->cat->kinds[k->after].result);
    lj_pgarray_init(&positions, LJ_PG_INT8);
    for (size_t i = 0; i < l->group->n; i++)
        lj_pgarray_int(&positions, l->group->items[i].position);
    int rc = lj_pgarray_done(&positions, &v, &n, err);
    const char *values[1] = {(const char *)v};
    int lengths[1] = {(int)n};
    if (rc == 0)
        rc = lj_db_exec(b->log.reads, NULL, sql, 1, values, lengths, NULL, 1, on_rows, f, err);
    if (rc)
        free(f);
    else
        rc = lj_db_sync(b->log.reads, NULL, NULL, err);
    lj_pgarray_free(&positions);
    return rc;
}

void fetch_batch(struct broker *b, struct lease *l)
{
    struct lj_err err = {0};
    if (from_window(b, l)) {
        dispatch_send(b, l);
        return;
    }
    lj_buf_clear(&l->batch);
    if (query(b, l, &err))
        broker_lost(b, &err);
}
