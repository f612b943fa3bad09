/* Redriving and dropping parked events.
 *
 * Asked for by position or by fingerprint. In an ordered kind a redrive takes the whole key, or its
 * order would be lost. The rows change first, fenced, in a transaction of their own; then the
 * backlog; then the operator gets the answer. A restart in between finds the rows `redriving` and
 * takes them up (takeover.c).
 */
#include <stdlib.h>
#include <string.h>

#include "broker/admin.h"
#include "common/log.h"

#define REDRIVE_MAX 100000

static int asked_for(const struct request *r, int64_t position, const char *fingerprint)
{
    if (r->fingerprint[0])
        return strcmp(r->fingerprint, fingerprint) == 0;
    for (size_t i = 0; i < r->npositions; i++) {
        if (r->positions[i] == position)
            return 1;
    }
    return 0;
}

static void redrive_item(struct broker *b, struct request *r, const struct lj_item *item)
{
    if (lj_backlog_parked_key(b->backlog, r->kind, item->key, -1) ||
        (!r->drop && lj_backlog_push_front(b->backlog, r->kind, item)))
        lj_log(
            LJ_ERROR, "parked.not_redriven", "position=%lld",
            (long long)item->position); /* its row says `redriving`: the next start takes it up */
}

static void on_changed(struct lj_db *db, int code, void *arg)
{
    (void)db;
    struct request *r = arg;
    struct broker *b = r->b;
    if (code || r->recovery != b->recoveries) {
        admin_refuse(b, &r->from, r->seq, code ? code : LJ_E_DB_LOST,
                     "nothing was changed, or the outcome is unknown: look at `parked ls`");
        request_free(r);
        return;
    }
    json_t *positions = json_array();
    for (size_t i = r->nitems; i-- > 0;) /* from the last: each goes before what is queued */
        redrive_item(b, r, &r->items[i]);
    for (size_t i = 0; i < r->nitems; i++) {
        json_array_append_new(positions, json_integer(r->items[i].position));
    }
    if (r->nitems) {
        json_t *shown =
            r->nitems <= 64 ? json_incref(positions) : json_integer((json_int_t)r->nitems);
        admin_event(b, r->drop ? "operator.parked_dropped" : "operator.parked_redriven",
                    json_pack("{s:s, s:o, s:s}", "kind", b->cat->kinds[r->kind].name,
                              r->nitems <= 64 ? "positions" : "count", shown, "reason", r->reason));
    }
    admin_reply(
        b, &r->from, r->seq,
        json_pack("{s:b, s:i, s:o}", "ok", 1, "count", (int)r->nitems, "positions", positions));
    request_free(r);
    broker_kick(b);
}

/* What the statement really changed: another request may have been quicker. */
static void on_moved(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    (void)db;
    struct request *r = arg;
    struct lj_u64map moved = {0};
    size_t n = 0;
    if (err)
        return; /* on_changed says so */
    for (int i = 0; i < PQntuples(res); i++) {
        if (lj_u64map_put(&moved, (uint64_t)lj_pgget_i64(res, i, 0), (void *)1))
            lj_log(LJ_ERROR, "parked.not_redriven", "position=%lld",
                   (long long)lj_pgget_i64(res, i, 0)); /* the next start takes it up */
    }
    for (size_t i = 0; i < r->nitems; i++) {
        if (lj_u64map_get(&moved, (uint64_t)r->items[i].position))
            r->items[n++] = r->items[i];
    }
    r->nitems = n;
    lj_u64map_free(&moved);
}

static int change_rows(struct request *r, struct lj_err *err)
{
    struct broker *b = r->b;
    struct lj_pgarray a = {0};
    const uint8_t *v = NULL;
    size_t n = 0;
    uint8_t kind[2] = {(uint8_t)(b->cat->kinds[r->kind].number >> 8),
                       (uint8_t)b->cat->kinds[r->kind].number};
    char fence[80];
    lj_pgarray_init(&a, LJ_PG_INT8);
    for (size_t i = 0; i < r->nitems; i++)
        lj_pgarray_int(&a, r->items[i].position);
    (void)snprintf(fence, sizeof fence, "select fence(%d::int2, %lld::int8)", (int)b->cfg.shard,
                   (long long)b->log.epoch);
    int rc = lj_pgarray_done(&a, &v, &n, err);
    const char *values[3] = {(const char *)kind, (const char *)v, r->reason};
    int lengths[3] = {2, (int)n, (int)strlen(r->reason)};
    if (rc == 0)
        rc = lj_db_exec(b->log.reads, NULL, fence, 0, NULL, NULL, NULL, 1, NULL, NULL, err);
    if (rc == 0 && r->drop)
        rc = lj_db_exec(b->log.reads, NULL,
                        "select * from drop_parked($1::int2, $2::int8[], $3::text)", 3, values,
                        lengths, NULL, 1, on_moved, r, err);
    else if (rc == 0)
        rc = lj_db_exec(b->log.reads, NULL, "select * from redrive($1::int2, $2::int8[])", 2,
                        values, lengths, NULL, 1, on_moved, r, err);
    if (rc == 0)
        rc = lj_db_sync(b->log.reads, on_changed, r, err);
    lj_pgarray_free(&a);
    return rc;
}

static struct lj_item row_item(const struct broker *b, const PGresult *res, int i)
{
    int type = lj_catalog_type_number(b->cat, lj_pgget_i16(res, i, 1));
    struct lj_item item = {.position = lj_pgget_i64(res, i, 0),
                           .type = (uint8_t)(type < 0 ? 0 : type),
                           .unit = (uint16_t)lj_pgget_i16(res, i, 2),
                           .class = (uint8_t)lj_pgget_i16(res, i, 3),
                           .flags = LJ_ITEM_REDRIVEN};
    item.key = lj_key_hash(item.unit, PQgetvalue(res, i, 4), (size_t)PQgetlength(res, i, 4));
    item.flags |= lj_pgget_bool(res, i, 5) ? LJ_ITEM_OWN_KEY : 0;
    return item;
}

static void on_parked(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    (void)db;
    struct request *r = arg;
    struct broker *b = r->b;
    struct lj_err why = {0};
    if (err || r->recovery != b->recoveries) {
        admin_refuse(b, &r->from, r->seq, LJ_E_DB_SYSTEM, "the parked events could not be read");
        request_free(r);
        return;
    }
    int n = PQntuples(res);
    int whole_key = b->cat->kinds[r->kind].ordering != LJ_ORDER_NONE && !r->drop;
    struct lj_u64map keys = {0};
    r->items = calloc((size_t)n + 1, sizeof *r->items);
    for (int i = 0; whole_key && i < n; i++) {
        struct lj_item item = row_item(b, res, i);
        if (asked_for(r, item.position, PQgetvalue(res, i, 6)))
            (void)!lj_u64map_put(&keys, item.key,
                                 (void *)1); /* without memory: only what was asked for goes */
    }
    for (int i = 0; r->items && i < n; i++) {
        struct lj_item item = row_item(b, res, i);
        if (asked_for(r, item.position, PQgetvalue(res, i, 6)) || lj_u64map_get(&keys, item.key))
            r->items[r->nitems++] = item;
    }
    lj_u64map_free(&keys);
    if (!r->items || change_rows(r, &why)) {
        admin_refuse(b, &r->from, r->seq, LJ_E_DB_SYSTEM, "the change could not be sent");
        request_free(r);
    }
}

static int read_positions(struct request *r, const json_t *q)
{
    const json_t *list = json_object_get(q, "positions");
    const char *fingerprint = json_string_value(json_object_get(q, "fingerprint"));
    const char *reason = json_string_value(json_object_get(q, "reason"));
    (void)snprintf(r->fingerprint, sizeof r->fingerprint, "%s", fingerprint ? fingerprint : "");
    (void)snprintf(r->reason, sizeof r->reason, "%s", reason ? reason : "");
    if (!json_is_array(list) || json_array_size(list) > REDRIVE_MAX)
        return fingerprint ? 0 : LJ_E_ARG;
    r->npositions = json_array_size(list);
    r->positions = calloc(r->npositions + 1, sizeof *r->positions);
    for (size_t i = 0; r->positions && i < r->npositions; i++)
        r->positions[i] = json_integer_value(json_array_get(list, i));
    return r->positions ? 0 : LJ_E_NOMEM;
}

static void change_parked(struct request *r, const json_t *q, int drop)
{
    struct broker *b = r->b;
    struct lj_err err = {0};
    char sql[400];
    r->drop = drop;
    r->recovery = b->recoveries;
    const char *reason = json_string_value(json_object_get(q, "reason"));
    if (reason && strlen(reason) >= sizeof r->reason) {
        admin_refuse(b, &r->from, r->seq, LJ_E_TOO_LARGE, "the reason is longer than 800 bytes");
        request_free(r);
        return;
    }
    if (read_positions(r, q) || (drop && !r->reason[0])) {
        admin_refuse(b, &r->from, r->seq, LJ_E_ARG,
                     drop ? "needs positions or fingerprint, and a reason"
                          : "needs positions or fingerprint");
        request_free(r);
        return;
    }
    (void)snprintf(sql, sizeof sql,
                   "select p.position, e.type, e.unit, e.class, coalesce(e.key, e.id::text), e.key "
                   "is null, p.fingerprint"
                   " from parked p join event e using (position) where p.kind = %d and p.state = "
                   "'parked' order by p.position limit %d",
                   b->cat->kinds[r->kind].number, REDRIVE_MAX);
    if (lj_db_exec(b->log.reads, NULL, sql, 0, NULL, NULL, NULL, 1, on_parked, r, &err) ||
        lj_db_sync(b->log.reads, NULL, NULL, &err))
        broker_lost(b, &err);
}

void parked_redrive(struct request *r, const json_t *q)
{
    change_parked(r, q, 0);
}

void parked_drop(struct request *r, const json_t *q)
{
    change_parked(r, q, 1);
}
