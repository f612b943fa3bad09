/* The operator's requests: JSON over the admin socket, each a row of a table; what changes
 * something becomes an operator.* event.
 *
 * Requests name parked events by position or by fingerprint. In an ordered kind the whole key is
 * taken, or the order of the key would be lost. A change is durable first (fenced, in its own small
 * transaction), then done in memory, then answered.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/admin.h"
#include "common/clock.h"
#include "common/log.h"

void admin_reply(struct broker *b, const struct rid *to, uint64_t seq, json_t *answer)
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

void admin_refuse(struct broker *b, const struct rid *to, uint64_t seq, int code,
                  const char *detail)
{
    admin_reply(
        b, to, seq,
        json_pack("{s:b, s:s, s:s}", "ok", 0, "code", lj_err_info(code)->name, "detail", detail));
}

void request_free(struct request *r)
{
    free(r->positions);
    free(r->items);
    free(r);
}

void admin_event(struct broker *b, const char *type, json_t *payload)
{
    char *text = json_dumps(payload, JSON_COMPACT);
    if (!text || intake_own(b, type, text, NULL, NULL, NULL))
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
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "name",
                     b->cat->kinds[k].name, "state", b->dispatch.paused[k] ? "paused" : "running",
                     "open", (json_int_t)s.open, "ready", (json_int_t)s.ready, "held",
                     (json_int_t)s.held, "again", (json_int_t)s.groups_again, "leased",
                     (json_int_t)leased, "age_ms", (json_int_t)(age / 1000), "watermark",
                     (json_int_t)s.watermark, "settled", (json_int_t)b->settle.settled[k], "parked",
                     (json_int_t)b->dispatch.parked[k], "closed_total",
                     (json_int_t)b->dispatch.closed[k], "per_second", b->closed_per_s[k]);
}

static json_t *peer_status(const struct broker *b, const struct peer *p)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:b, s:I}", "name", p->name, "kind",
                     b->cat->kinds[p->kind].name, "version", p->version, "slots", (int)p->slots,
                     "leased", (int)p->leased, "per_second",
                     p->per_event_us > 0 ? 1e6 / p->per_event_us : 0.0, "suspect", p->suspect,
                     "done", (json_int_t)p->done);
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
    json_t *intake = json_pack(
        "{s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:f, s:f}", "queued",
        (json_int_t)b->intake.flows.queued, "held", (json_int_t)b->intake.events, "bytes",
        (json_int_t)b->intake.bytes, "per_second", b->events_per_s, "acked_total",
        (json_int_t)b->intake.stored, "duplicates_total", (json_int_t)b->intake.duplicates,
        "refused_total", (json_int_t)b->intake.refused, "busy_total", (json_int_t)b->intake.busy,
        "ack_p50_ms", (double)lj_hist_quantile_us(&b->intake.ack_seconds, 0.5) / 1000.0,
        "ack_p99_ms", (double)lj_hist_quantile_us(&b->intake.ack_seconds, 0.99) / 1000.0);
    return json_pack("{s:b, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I}", "ok", 1, "state",
                     state_name(b), "version", LJ_VERSION, "epoch", (json_int_t)b->log.epoch,
                     "frontier", (json_int_t)b->log.frontier, "closure_frontier",
                     (json_int_t)b->log.closure_frontier, "intake", intake, "kinds", kinds, "peers",
                     peers, "memory_bytes", (json_int_t)memory_bytes(), "recoveries",
                     (json_int_t)b->recoveries);
}

static void op_status(struct request *r, const json_t *q)
{
    (void)q;
    json_t *s = admin_status(r->b);
    char nonce[24];
    (void)snprintf(nonce, sizeof nonce, "%016llx", (unsigned long long)r->b->nonce);
    json_object_set_new(s, "nonce", json_string(nonce));
    admin_reply(r->b, &r->from, r->seq, s);
    request_free(r);
}

/* ---- pause, resume, drain ---- */

/* The kinds a request names: one, or all. */
static int names(const struct request *r, size_t kind)
{
    return r->kind == SIZE_MAX || r->kind == kind;
}

static int queue_states(struct request *r, lj_db_sync_cb done, struct lj_err *err)
{
    struct broker *b = r->b;
    char fence[80], set[96];
    (void)snprintf(fence, sizeof fence, "select fence(%d::int2, %lld::int8)", (int)b->cfg.shard,
                   (long long)b->log.epoch);
    int rc = lj_db_exec(b->log.reads, NULL, fence, 0, NULL, NULL, NULL, 0, NULL, NULL, err);
    for (size_t k = 0; rc == 0 && k < b->cat->nkinds; k++) {
        if (!names(r, k))
            continue;
        (void)snprintf(set, sizeof set, "select set_kind_state(%d::int2, '%s')",
                       b->cat->kinds[k].number, r->pause ? "paused" : "running");
        rc = lj_db_exec(b->log.reads, NULL, set, 0, NULL, NULL, NULL, 0, NULL, NULL, err);
    }
    return rc ? rc : lj_db_sync(b->log.reads, done, r, err);
}

/* Writes the state of the kinds, fenced; `done` comes after COMMIT. A pause holds at once, a resume
 * only when it is durable. */
static void write_states(struct request *r, int pause, lj_db_sync_cb done)
{
    struct broker *b = r->b;
    struct lj_err err = {0};
    r->pause = pause;
    r->recovery = b->recoveries;
    for (size_t k = 0; pause && k < b->cat->nkinds; k++) {
        if (names(r, k))
            b->dispatch.paused[k] = 1;
    }
    if (queue_states(r, done, &err)) {
        admin_refuse(b, &r->from, r->seq, LJ_E_DB_SYSTEM, "the change could not be sent");
        request_free(r);
        broker_lost(b, &err); /* reads the states again with everything else */
    }
}

/* 0, or the request has been refused and is gone: what holds is what the log says when it is read
 * again. */
static int written(struct request *r, int code)
{
    if (code == 0 && r->recovery == r->b->recoveries)
        return 0;
    struct broker *b = r->b;
    struct lj_err err = {0};
    admin_refuse(b, &r->from, r->seq, code ? code : LJ_E_DB_LOST,
                 "the outcome is unknown: look at `status`");
    request_free(r);
    (void)lj_fail(&err, code, "the state of a kind could not be written");
    if (code == LJ_E_FENCED)
        broker_fail(b, 3, "broker.fenced", &err);
    else if (code && code != LJ_E_DB_LOST)
        broker_lost(b, &err); /* memory and database may differ: read them again */
    return -1;
}

static void on_switched(struct lj_db *db, int code, void *arg)
{
    (void)db;
    struct request *r = arg;
    struct broker *b = r->b;
    if (written(r, code))
        return;
    const char *name = b->cat->kinds[r->kind].name;
    b->dispatch.paused[r->kind] = (uint8_t)r->pause;
    admin_event(b, r->pause ? "operator.kind_paused" : "operator.kind_resumed",
                json_pack("{s:s}", "kind", name));
    admin_reply(b, &r->from, r->seq, json_pack("{s:b, s:s}", "ok", 1, "kind", name));
    request_free(r);
    broker_kick(b);
}

static void op_pause(struct request *r, const json_t *q)
{
    (void)q;
    write_states(r, 1, on_switched);
}

static void op_resume(struct request *r, const json_t *q)
{
    (void)q;
    for (struct peer *p = r->b->peers.list; p;
         p = p->next) { /* an operator has looked: a paused peer may try again */
        if (p->kind == r->kind)
            p->suspect = 0;
    }
    write_states(r, 0, on_switched);
}

static size_t leased_of(const struct broker *b, size_t kind)
{
    size_t n = 0;
    for (const struct lease *l = b->dispatch.leases; l; l = l->next)
        n += kind == SIZE_MAX || l->kind == kind;
    for (const struct lease *l = b->dispatch.results_head; l; l = l->next)
        n += kind == SIZE_MAX || l->kind == kind;
    for (const struct turn *t = b->log.order_head; t; t = t->next) {
        for (size_t i = 0; i < t->nleases; i++)
            n += kind == SIZE_MAX || t->leases[i]->kind == kind;
    }
    return n;
}

void admin_drained(struct broker *b)
{
    struct request **link = &b->admin.waiters;
    int64_t now = lj_mono_us();
    while (*link) {
        struct request *r = *link;
        size_t left = leased_of(b, r->kind);
        if (left && now < r->deadline_us) {
            link = &r->next;
            continue;
        }
        *link = r->next;
        admin_reply(b, &r->from, r->seq,
                    json_pack("{s:b, s:i}", "ok", left == 0, "leased", (int)left));
        request_free(r);
    }
}

static void on_drain_written(struct lj_db *db, int code, void *arg)
{
    (void)db;
    struct request *r = arg;
    struct broker *b = r->b;
    if (written(r, code))
        return;
    const char *name = r->kind == SIZE_MAX ? "*" : b->cat->kinds[r->kind].name;
    admin_event(b, "operator.drained", json_pack("{s:s}", "kind", name));
    r->next = b->admin.waiters;
    b->admin.waiters = r;
    broker_kick(b);
}

static void op_drain(struct request *r, const json_t *q)
{
    json_int_t ms = json_integer_value(json_object_get(q, "timeout_ms"));
    r->deadline_us = lj_mono_us() + (ms > 0 && ms < 3600000 ? ms : 10000) * 1000;
    write_states(r, 1, on_drain_written);
}

/* ---- requests ---- */

enum need { NEEDS_NOTHING, NEEDS_LOG, NEEDS_KIND };
static const struct op {
    const char *name;
    enum need need;
    void (*run)(struct request *r, const json_t *q);
} ops[] = {
    {"status", NEEDS_NOTHING, op_status},    {"pause", NEEDS_KIND, op_pause},
    {"resume", NEEDS_KIND, op_resume},       {"drain", NEEDS_LOG, op_drain},
    {"redrive", NEEDS_KIND, parked_redrive}, {"drop", NEEDS_KIND, parked_drop},
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
    const json_t *named = json_object_get(q, "kind");
    const char *kind = json_string_value(named);
    int k = kind && b->cat ? lj_catalog_kind(b->cat, (struct lj_slice){kind, strlen(kind)}) : -1;
    /* A kind that is named but is none must never mean "all": a slip would pause everything. */
    int names_kind = op && op->need == NEEDS_LOG && named && !json_is_null(named);
    if (!op)
        admin_refuse(b, from, seq, LJ_E_ARG, "there is no such operation");
    else if (op->need != NEEDS_NOTHING && (!broker_reads(b) || b->state != BROKER_RUNNING))
        admin_refuse(b, from, seq, LJ_E_DB_SYSTEM, "the broker has no database now");
    else if (k < 0 && (op->need == NEEDS_KIND || names_kind))
        admin_refuse(b, from, seq, LJ_E_NOT_FOUND, "there is no such kind");
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
    if (nframes != 3 || zmq_msg_size(&m[0]) > LJ_RID_MAX ||
        lj_envelope_get(zmq_msg_data(&m[1]), zmq_msg_size(&m[1]), &env, NULL))
        return;
    rid.n = (uint8_t)zmq_msg_size(&m[0]);
    memcpy(rid.bytes, zmq_msg_data(&m[0]), rid.n);
    if (env.type != LJ_MSG_ADMIN)
        return;
    json_t *q = zmq_msg_size(&m[2]) < 4000000 ? json_loadb(zmq_msg_data(&m[2]), zmq_msg_size(&m[2]),
                                                           JSON_REJECT_DUPLICATES, NULL)
                                              : NULL;
    if (q)
        on_request(b, &rid, env.seq, q);
    else
        admin_refuse(b, &rid, env.seq, LJ_E_JSON_SYNTAX, "the request is not JSON");
    json_decref(q);
}

int admin_open(struct broker *b, struct lj_err *err)
{
    return broker_bind(b, &(struct endpoint){ZMQ_ROUTER, "admin.sock", NULL, LJ_DOOR_INTAKE},
                       on_message, &b->admin.sock, err);
}

void admin_close(struct broker *b)
{
    while (b->admin.waiters) {
        struct request *r = b->admin.waiters;
        b->admin.waiters = r->next;
        admin_refuse(b, &r->from, r->seq, LJ_E_DRAINING, "the broker is stopping");
        request_free(r);
    }
    lj_zsock_close(&b->admin.sock, 200, NULL, NULL);
}
