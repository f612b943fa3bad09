/* The operator's requests: JSON over the admin socket, each a row of a table; what changes something becomes an operator.* event.
 *
 * Requests name parked events by position or by fingerprint. In an ordered kind the whole key is taken, or the order of the key
 * would be lost. A change is durable first (fenced, in its own small transaction), then done in memory, then answered.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/log.h"

#define REDRIVE_MAX 100000

struct request {
    struct request *next;
    struct broker *b;
    struct rid from;
    uint64_t seq;
    size_t kind;                /* SIZE_MAX: none named */
    int drop;
    uint64_t recovery;          /* b->recoveries when it began: after another one it is void */
    int64_t deadline_us;        /* of a drain */
    char fingerprint[128], reason[200];
    int64_t *positions;
    size_t npositions;
    struct lj_item *items;      /* the parked events it is about */
    size_t nitems;
};

static void reply(struct broker *b, const struct rid *to, uint64_t seq, json_t *answer)
{
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    uint8_t env[LJ_ENVELOPE_SIZE];
    void *raw = b->admin.sock ? lj_zsock_raw(b->admin.sock) : NULL;
    lj_envelope_put(env, LJ_MSG_ADMIN_REPLY, seq);
    if (text && raw && zmq_send(raw, to->bytes, to->n, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) {
        zmq_send(raw, env, sizeof env, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(raw, text, strlen(text), ZMQ_DONTWAIT);
    }
    json_decref(answer);
    free(text);
}

static void refuse(struct broker *b, const struct rid *to, uint64_t seq, int code, const char *detail)
{
    reply(b, to, seq, json_pack("{s:b, s:s, s:s}", "ok", 0, "code", lj_err_info(code)->name, "detail", detail));
}

static void request_free(struct request *r)
{
    free(r->positions);
    free(r->items);
    free(r);
}

static void operator_event(struct broker *b, const char *type, json_t *payload)
{
    char *text = json_dumps(payload, JSON_COMPACT);
    if (!text || intake_own(b, type, text, NULL, NULL))
        lj_log(LJ_ERROR, "operator.event_lost", "type=%s", type);
    free(text);
    json_decref(payload);
}

/* ---- status ---- */

static const char *state_name(const struct broker *b)
{
    static const char *const names[] = {"starting", "running", "recovering", "draining", "stopped"};
    return names[b->state];
}

static json_t *kind_status(struct broker *b, size_t k)
{
    struct lj_backlog_stats s = lj_backlog_stats(b->backlog, k);
    int64_t age = s.open ? lj_backlog_age_us(b->backlog, s.oldest, lj_mono_us()) : 0;
    size_t leased = 0;
    for (const struct lease *l = b->dispatch.leases; l; l = l->next)
        leased += l->kind == k ? l->group->n : 0;
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "name", b->cat->kinds[k].name, "state",
                     b->dispatch.paused[k] ? "paused" : "running", "open", (json_int_t)s.open, "ready", (json_int_t)s.ready, "held",
                     (json_int_t)s.held, "again", (json_int_t)s.groups_again, "leased", (json_int_t)leased, "age_ms", (json_int_t)(age / 1000),
                     "watermark", (json_int_t)s.watermark, "settled", (json_int_t)b->settle.settled[k], "parked",
                     (json_int_t)b->dispatch.parked[k], "closed_total", (json_int_t)b->dispatch.closed[k], "per_second", b->closed_per_s[k]);
}

static json_t *peer_status(const struct broker *b, const struct peer *p)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:b, s:I}", "name", p->name, "kind", b->cat->kinds[p->kind].name, "version", p->version, "slots",
                     (int)p->slots, "leased", (int)p->leased, "per_second", p->per_event_us > 0 ? 1e6 / p->per_event_us : 0.0, "suspect",
                     p->suspect, "done", (json_int_t)p->done);
}

static int64_t memory_bytes(void)
{
    size_t rss = 0;
    return uv_resident_set_memory(&rss) == 0 ? (int64_t)rss : 0;
}

json_t *admin_status(struct broker *b)
{
    json_t *kinds = json_array(), *peers = json_array();
    for (size_t k = 0; b->cat && b->backlog && k < b->cat->nkinds; k++)
        json_array_append_new(kinds, kind_status(b, k));
    for (const struct peer *p = b->peers.list; b->cat && p; p = p->next)
        json_array_append_new(peers, peer_status(b, p));
    json_t *intake = json_pack("{s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:f, s:f}", "queued", (json_int_t)b->intake.queued, "held",
                               (json_int_t)b->intake.events, "bytes", (json_int_t)b->intake.bytes, "per_second", b->events_per_s, "acked_total",
                               (json_int_t)b->intake.stored, "duplicates_total", (json_int_t)b->intake.duplicates, "refused_total",
                               (json_int_t)b->intake.refused, "busy_total", (json_int_t)b->intake.busy, "ack_p50_ms",
                               (double)lj_hist_quantile_us(&b->intake.ack_seconds, 0.5) / 1000.0, "ack_p99_ms",
                               (double)lj_hist_quantile_us(&b->intake.ack_seconds, 0.99) / 1000.0);
    return json_pack("{s:b, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I}", "ok", 1, "state", state_name(b), "version", LJ_VERSION, "epoch",
                     (json_int_t)b->log.epoch, "frontier", (json_int_t)b->log.frontier, "closure_frontier", (json_int_t)b->log.closure_frontier,
                     "intake", intake, "kinds", kinds, "peers", peers, "memory_bytes", (json_int_t)memory_bytes(), "recoveries",
                     (json_int_t)b->recoveries);
}

static void op_status(struct request *r, const json_t *q)
{
    (void)q;
    json_t *s = admin_status(r->b);
    char nonce[24];
    (void)snprintf(nonce, sizeof nonce, "%016llx", (unsigned long long)r->b->nonce);
    json_object_set_new(s, "nonce", json_string(nonce));
    reply(r->b, &r->from, r->seq, s);
    request_free(r);
}

/* ---- pause, resume, drain ---- */

static void set_state(struct request *r, size_t kind, int paused)
{
    struct broker *b = r->b;
    char number[8];
    struct lj_err err = {0};
    (void)snprintf(number, sizeof number, "%d", b->cat->kinds[kind].number);
    const char *values[2] = {number, paused ? "paused" : "running"};
    static const int text[2] = {0};
    int lengths[2] = {0};
    b->dispatch.paused[kind] = (uint8_t)paused;
    if (lj_db_exec(b->log.reads, NULL, "select set_kind_state($1::int2, $2::text)", 2, values, lengths, text, 0, NULL, NULL, &err) ||
        lj_db_sync(b->log.reads, NULL, NULL, &err))
        broker_lost(b, &err);
}

static void switch_kind(struct request *r, int paused)
{
    struct broker *b = r->b;
    set_state(r, r->kind, paused);
    operator_event(b, paused ? "operator.kind_paused" : "operator.kind_resumed", json_pack("{s:s}", "kind", b->cat->kinds[r->kind].name));
    reply(b, &r->from, r->seq, json_pack("{s:b, s:s}", "ok", 1, "kind", b->cat->kinds[r->kind].name));
    request_free(r);
    broker_kick(b);
}

static void op_pause(struct request *r, const json_t *q)
{
    (void)q;
    switch_kind(r, 1);
}

static void op_resume(struct request *r, const json_t *q)
{
    (void)q;
    for (struct peer *p = r->b->peers.list; p; p = p->next) { /* an operator has looked: a paused peer may try again */
        if (p->kind == r->kind)
            p->suspect = 0;
    }
    switch_kind(r, 0);
}

static size_t leased_of(const struct broker *b, size_t kind)
{
    size_t n = 0;
    for (const struct lease *l = b->dispatch.leases; l; l = l->next)
        n += kind == SIZE_MAX || l->kind == kind;
    for (const struct lease *l = b->dispatch.results_head; l; l = l->next)
        n += kind == SIZE_MAX || l->kind == kind;
    return n;
}

void admin_drained(struct broker *b)
{
    struct request **link = &b->admin.waiters;
    int64_t now = lj_mono_us();
    while (*link) {
        struct request *r = *link;
        size_t left = leased_of(b, r->kind) + (b->log.order_head ? 1 : 0);
        if (left && now < r->deadline_us) {
            link = &r->next;
            continue;
        }
        *link = r->next;
        reply(b, &r->from, r->seq, json_pack("{s:b, s:i}", "ok", left == 0, "leased", (int)left));
        request_free(r);
    }
}

static void op_drain(struct request *r, const json_t *q)
{
    struct broker *b = r->b;
    json_int_t ms = json_integer_value(json_object_get(q, "timeout_ms"));
    r->deadline_us = lj_mono_us() + (ms > 0 && ms < 3600000 ? ms : 10000) * 1000;
    for (size_t k = 0; k < b->cat->nkinds; k++) {
        if (r->kind == SIZE_MAX || r->kind == k)
            set_state(r, k, 1);
    }
    operator_event(b, "operator.drained", json_pack("{s:s}", "kind", r->kind == SIZE_MAX ? "*" : b->cat->kinds[r->kind].name));
    r->next = b->admin.waiters;
    b->admin.waiters = r;
    broker_kick(b);
}

/* ---- parked events: redrive, drop ---- */

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
    if (lj_backlog_parked_key(b->backlog, r->kind, item->key, -1) || (!r->drop && lj_backlog_push(b->backlog, r->kind, item)))
        lj_log(LJ_ERROR, "parked.not_redriven", "position=%lld", (long long)item->position); /* its row says `redriving`: the next start takes it up */
}

static void on_changed(struct lj_db *db, int code, void *arg)
{
    (void)db;
    struct request *r = arg;
    struct broker *b = r->b;
    if (code || r->recovery != b->recoveries) {
        refuse(b, &r->from, r->seq, code ? code : LJ_E_DB_LOST, "nothing was changed, or the outcome is unknown: look at `parked ls`");
        request_free(r);
        return;
    }
    json_t *positions = json_array();
    for (size_t i = 0; i < r->nitems; i++) {
        redrive_item(b, r, &r->items[i]);
        json_array_append_new(positions, json_integer(r->items[i].position));
    }
    if (r->nitems) {
        json_t *shown = r->nitems <= 64 ? json_incref(positions) : json_integer((json_int_t)r->nitems);
        operator_event(b, r->drop ? "operator.parked_dropped" : "operator.parked_redriven",
                       json_pack("{s:s, s:o, s:s}", "kind", b->cat->kinds[r->kind].name, r->nitems <= 64 ? "positions" : "count", shown,
                                 "reason", r->reason));
    }
    reply(b, &r->from, r->seq, json_pack("{s:b, s:i, s:o}", "ok", 1, "count", (int)r->nitems, "positions", positions));
    request_free(r);
    broker_kick(b);
}

static int change_rows(struct request *r, struct lj_err *err)
{
    struct broker *b = r->b;
    struct lj_pgarray a = {0};
    const uint8_t *v = NULL;
    size_t n = 0;
    uint8_t kind[2] = {(uint8_t)(b->cat->kinds[r->kind].number >> 8), (uint8_t)b->cat->kinds[r->kind].number};
    char fence[80];
    lj_pgarray_init(&a, LJ_PG_INT8);
    for (size_t i = 0; i < r->nitems; i++)
        lj_pgarray_int(&a, r->items[i].position);
    (void)snprintf(fence, sizeof fence, "select fence(%d::int2, %lld::int8)", (int)b->cfg.shard, (long long)b->log.epoch);
    int rc = lj_pgarray_done(&a, &v, &n, err);
    const char *values[3] = {(const char *)kind, (const char *)v, r->reason};
    int lengths[3] = {2, (int)n, (int)strlen(r->reason)};
    if (rc == 0)
        rc = lj_db_exec(b->log.reads, NULL, fence, 0, NULL, NULL, NULL, 1, NULL, NULL, err);
    if (rc == 0 && r->drop)
        rc = lj_db_exec(b->log.reads, NULL, "select drop_parked($1::int2, $2::int8[], $3::text)", 3, values, lengths, NULL, 1, NULL, NULL, err);
    else if (rc == 0)
        rc = lj_db_exec(b->log.reads, NULL, "select redrive($1::int2, $2::int8[])", 2, values, lengths, NULL, 1, NULL, NULL, err);
    if (rc == 0)
        rc = lj_db_sync(b->log.reads, on_changed, r, err);
    lj_pgarray_free(&a);
    return rc;
}

static struct lj_item row_item(const struct broker *b, const PGresult *res, int i)
{
    int type = lj_catalog_type_number(b->cat, lj_pgget_i16(res, i, 1));
    struct lj_item item = {.position = lj_pgget_i64(res, i, 0), .type = (uint8_t)(type < 0 ? 0 : type), .unit = (uint16_t)lj_pgget_i16(res, i, 2),
                           .class = (uint8_t)lj_pgget_i16(res, i, 3), .flags = LJ_ITEM_REDRIVEN};
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
        refuse(b, &r->from, r->seq, LJ_E_DB_SYSTEM, "the parked events could not be read");
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
            (void)!lj_u64map_put(&keys, item.key, (void *)1); /* without memory: only what was asked for goes */
    }
    for (int i = 0; r->items && i < n; i++) {
        struct lj_item item = row_item(b, res, i);
        if (asked_for(r, item.position, PQgetvalue(res, i, 6)) || lj_u64map_get(&keys, item.key))
            r->items[r->nitems++] = item;
    }
    lj_u64map_free(&keys);
    if (!r->items || change_rows(r, &why)) {
        refuse(b, &r->from, r->seq, LJ_E_DB_SYSTEM, "the change could not be sent");
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
    if (read_positions(r, q) || (drop && !r->reason[0])) {
        refuse(b, &r->from, r->seq, LJ_E_ARG, drop ? "needs positions or fingerprint, and a reason" : "needs positions or fingerprint");
        request_free(r);
        return;
    }
    (void)snprintf(sql, sizeof sql,
                   "select p.position, e.type, e.unit, e.class, coalesce(e.key, e.id::text), e.key is null, p.fingerprint"
                   " from parked p join event e using (position) where p.kind = %d and p.state = 'parked' order by p.position limit %d",
                   b->cat->kinds[r->kind].number, REDRIVE_MAX);
    if (lj_db_exec(b->log.reads, NULL, sql, 0, NULL, NULL, NULL, 1, on_parked, r, &err) || lj_db_sync(b->log.reads, NULL, NULL, &err))
        broker_lost(b, &err);
}

static void op_redrive(struct request *r, const json_t *q)
{
    change_parked(r, q, 0);
}

static void op_drop(struct request *r, const json_t *q)
{
    change_parked(r, q, 1);
}

/* ---- requests ---- */

enum need { NEEDS_NOTHING, NEEDS_LOG, NEEDS_KIND };
static const struct op { const char *name; enum need need; void (*run)(struct request *r, const json_t *q); } ops[] = {
    {"status", NEEDS_NOTHING, op_status}, {"pause", NEEDS_KIND, op_pause},     {"resume", NEEDS_KIND, op_resume},
    {"drain", NEEDS_LOG, op_drain},       {"redrive", NEEDS_KIND, op_redrive}, {"drop", NEEDS_KIND, op_drop},
};

static const struct op *op_of(const json_t *q)
{
    const char *name = json_string_value(json_object_get(q, "op"));
    for (size_t i = 0; name && i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(ops[i].name, name) == 0)
            return &ops[i];
    }
    return NULL;
}

static void on_request(struct broker *b, const struct rid *from, uint64_t seq, const json_t *q)
{
    const struct op *op = op_of(q);
    const char *kind = json_string_value(json_object_get(q, "kind"));
    int k = kind && b->cat ? lj_catalog_kind(b->cat, (struct lj_slice){kind, strlen(kind)}) : -1;
    if (!op)
        refuse(b, from, seq, LJ_E_ARG, "there is no such operation");
    else if (op->need != NEEDS_NOTHING && (!broker_reads(b) || b->state != BROKER_RUNNING))
        refuse(b, from, seq, LJ_E_DB_SYSTEM, "the broker has no database now");
    else if (op->need == NEEDS_KIND && k < 0)
        refuse(b, from, seq, LJ_E_NOT_FOUND, "there is no such kind");
    else {
        struct request *r = calloc(1, sizeof *r);
        if (!r)
            return;
        r->b = b;
        r->from = *from;
        r->seq = seq;
        r->kind = k < 0 ? SIZE_MAX : (size_t)k;
        op->run(r, q);
    }
}

static void on_message(struct lj_zsock *sock, void *msgs, int nframes, void *arg)
{
    struct broker *b = arg;
    zmq_msg_t *m = msgs;
    struct lj_envelope env;
    struct rid rid;
    (void)sock;
    if (nframes != 3 || zmq_msg_size(&m[0]) > LJ_RID_MAX || lj_envelope_get(zmq_msg_data(&m[1]), zmq_msg_size(&m[1]), &env, NULL))
        return;
    rid.n = (uint8_t)zmq_msg_size(&m[0]);
    memcpy(rid.bytes, zmq_msg_data(&m[0]), rid.n);
    if (env.type != LJ_MSG_ADMIN)
        return;
    json_t *q = zmq_msg_size(&m[2]) < 4000000 ? json_loadb(zmq_msg_data(&m[2]), zmq_msg_size(&m[2]), JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (q)
        on_request(b, &rid, env.seq, q);
    else
        refuse(b, &rid, env.seq, LJ_E_JSON_SYNTAX, "the request is not JSON");
    json_decref(q);
}

int admin_open(struct broker *b, struct lj_err *err)
{
    return broker_bind(b, ZMQ_ROUTER, "admin.sock", NULL, LJ_DOOR_INTAKE, on_message, &b->admin.sock, err);
}

void admin_close(struct broker *b)
{
    while (b->admin.waiters) {
        struct request *r = b->admin.waiters;
        b->admin.waiters = r->next;
        refuse(b, &r->from, r->seq, LJ_E_DRAINING, "the broker is stopping");
        request_free(r);
    }
    lj_zsock_close(&b->admin.sock, 200, NULL, NULL);
}
