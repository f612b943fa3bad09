/* Intake: SUBMIT to ACK.
 *
 * Judges what a peer sent (count, types, right to send, unit subtree, UTF-8, the payload's JSON by the strict reader), resolves the default key,
 * hashes the content, and queues the event for the first lane. Nothing is answered with "stored" before its COMMIT came back flushed.
 * The same id again while the first is in flight waits for the first's answer. Everything a peer can make grow has a limit: events and
 * bytes held in all, half of the events for one unit; beyond, the answer is `busy` with a time to wait, at once and for the whole SUBMIT.
 * The routing id is an address, never an identity: on TCP the CURVE key says who it is (common/curve.h), on ipc the folder's mode does.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/uuid.h"
#include "proto/content_hash.h"
#include "proto/utf8.h"

static uint64_t id_key(const uint8_t id[16])
{
    uint64_t a, b;
    memcpy(&a, id, 8);
    memcpy(&b, id + 8, 8);
    return lj_mix64(a) ^ b;
}

/* ---- answers ---- */

static void submission_free(struct submission *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->pends[i].key_copy);
    zmq_msg_close(&s->body);
    free(s->answers);
    free(s->pends);
    free(s);
}

static void send_two(struct broker *b, void *raw, const struct rid *to, uint8_t type, uint64_t seq, const void *body, size_t n)
{
    uint8_t env[LJ_ENVELOPE_SIZE];
    lj_envelope_put(env, type, seq);
    /* The first frame alone tells whether the peer is there; on failure nothing more may be sent (peers.md 4.1). */
    if (zmq_send(raw, to->bytes, to->n, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        b->peers.send_failed++;
        return;
    }
    zmq_send(raw, env, sizeof env, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(raw, body, n, ZMQ_DONTWAIT);
}

static void send_ack(struct broker *b, struct submission *s)
{
    struct lj_buf out = {0};
    lj_buf_u16(&out, s->count);
    for (size_t i = 0; i < s->count; i++) {
        const struct answer *a = &s->answers[i];
        lj_ack_put(&out, &(struct lj_ack){.code = a->code, .retry_after_s = a->retry_after_s, .position = a->position,
                                          .detail = {a->detail, strlen(a->detail)}});
    }
    if (!out.failed)
        send_two(b, lj_zsock_raw(s->sock), &s->from, LJ_MSG_ACK, s->seq, out.data, out.len);
    lj_buf_free(&out);
    LJ_FAILPOINT("broker.ack.sent");
}

static void release(struct broker *b, struct submission *s)
{
    if (s->left || s->holds)
        return;
    b->intake.bytes -= s->bytes;
    submission_free(s);
}

static void answered(struct broker *b, struct submission *s)
{
    if (--s->left)
        return;
    lj_hist_add(&b->intake.ack_seconds, lj_mono_us() - s->at_us);
    if (s->sock)
        send_ack(b, s);
    else if (s->done)
        s->done(s, s->arg);
    release(b, s);
}

static void answer(struct broker *b, struct submission *s, size_t i, int code, int64_t position, const char *detail)
{
    struct answer *a = &s->answers[i];
    a->code = (int16_t)code;
    a->position = position;
    a->retry_after_s = code < 0 && lj_err_info(code)->retry ? 1 : 0;
    (void)snprintf(a->detail, sizeof a->detail, "%s", detail ? detail : "");
    answered(b, s);
}

/* ---- events in flight, by id ---- */

static void unlink_id(struct broker *b, struct pend *p)
{
    struct intake *in = &b->intake;
    uint64_t k = id_key(p->id);
    struct pend *head = lj_u64map_get(&in->by_id, k);
    if (head == p && !p->chain) {
        lj_u64map_del(&in->by_id, k);
        return;
    }
    if (head == p) {
        (void)!lj_u64map_put(&in->by_id, k, p->chain); /* replaces: needs no memory */
        return;
    }
    while (head && head->chain != p)
        head = head->chain;
    if (head)
        head->chain = p->chain;
}

static struct pend *find_id(const struct broker *b, const uint8_t id[16])
{
    struct pend *p = lj_u64map_get(&b->intake.by_id, id_key(id));
    while (p && memcmp(p->id, id, 16) != 0)
        p = p->chain;
    return p;
}

static int link_id(struct broker *b, struct pend *p)
{
    uint64_t k = id_key(p->id);
    p->chain = lj_u64map_get(&b->intake.by_id, k);
    return lj_u64map_put(&b->intake.by_id, k, p);
}

static void enqueue(struct broker *b, struct pend *p)
{
    struct intake *in = &b->intake;
    p->next = NULL;
    if (in->tail)
        in->tail->next = p;
    else
        in->head = p;
    in->tail = p;
    in->queued++;
}

static void forget(struct broker *b, struct pend *p)
{
    b->intake.events--;
    b->intake.per_unit[p->unit]--;
}

/* Waiters of a stored event get the same position: a repeat, or a conflict where their content differs. */
static void answer_waiters(struct broker *b, struct pend *p, int64_t position, const uint8_t hash[16])
{
    struct pend *w = p->waiters;
    p->waiters = NULL;
    while (w) {
        struct pend *next = w->waiters;
        w->waiters = NULL;
        intake_exists(b, w, position, hash);
        w = next;
    }
}

void intake_stored(struct broker *b, struct pend *p)
{
    b->intake.stored++;
    unlink_id(b, p);
    forget(b, p);
    p->sub->holds++;
    answer_waiters(b, p, p->position, p->hash);
    answer(b, p->sub, p->index, 0, p->position, NULL);
}

void intake_release(struct broker *b, struct pend *p)
{
    struct submission *s = p->sub;
    s->holds--;
    release(b, s);
}

void intake_exists(struct broker *b, struct pend *p, int64_t position, const uint8_t hash[16])
{
    int same = memcmp(hash, p->hash, 16) == 0;
    int first = same && p->doubt_position && position == p->doubt_position; /* ours, from the turn whose outcome was unknown */
    b->intake.duplicates += (uint64_t)(same && !first);
    b->intake.stored += (uint64_t)first;
    b->intake.conflicts += (uint64_t)!same;
    if (find_id(b, p->id) == p)
        unlink_id(b, p);
    forget(b, p);
    answer_waiters(b, p, position, hash);
    answer(b, p->sub, p->index, same ? (first ? 0 : 1) : LJ_E_ID_CONFLICT, same ? position : 0, NULL);
}

void intake_refuse(struct broker *b, struct pend *p, int code, const char *detail)
{
    b->intake.refused++;
    unlink_id(b, p);
    forget(b, p);
    struct pend *w = p->waiters;
    p->waiters = NULL;
    if (w) { /* the first failed: the next one of that id is judged by itself */
        if (link_id(b, w) == 0)
            enqueue(b, w);
        else
            intake_refuse(b, w, LJ_E_NOMEM, NULL);
    }
    answer(b, p->sub, p->index, code, 0, detail);
}

struct pend *intake_take(struct broker *b, size_t max, size_t *ret_n)
{
    struct intake *in = &b->intake;
    struct pend *list = in->head, *last = NULL;
    size_t n = 0;
    for (struct pend *p = list; p && n < max; p = p->next) {
        last = p;
        n++;
    }
    if (!last)
        list = NULL;
    else {
        in->head = last->next;
        if (!in->head)
            in->tail = NULL;
        last->next = NULL;
    }
    in->queued -= n;
    *ret_n = n;
    return list;
}

void intake_put_back(struct broker *b, struct pend *list)
{
    if (!list)
        return;
    struct pend *last = list;
    b->intake.queued++;
    for (; last->next; last = last->next)
        b->intake.queued++;
    last->next = b->intake.head;
    b->intake.head = list;
    if (!b->intake.tail)
        b->intake.tail = last;
}

void intake_renumber(struct broker *b, const struct lj_catalog *next)
{
    size_t n;
    struct pend *list = intake_take(b, SIZE_MAX, &n), *after;
    for (struct pend *p = list; p; p = after) {
        after = p->next;
        int type = -1;
        for (struct pend *w = p; w; w = w->waiters) {
            type = lj_catalog_type_number(next, b->cat->types[w->type].number);
            w->type = (uint8_t)(type < 0 ? 0 : type);
        }
        if (type < 0)
            intake_refuse(b, p, LJ_E_TYPE_UNKNOWN, NULL);
        else
            enqueue(b, p);
    }
}

/* Only with LJ_BREAK=ack_before_commit in a test build: the fault that the checker must be able to see. */
void intake_ack_early(struct broker *b, struct pend *list)
{
    for (struct pend *p = list; p; p = p->next) {
        struct lj_buf out = {0};
        if (!p->sub->sock || p->sub->count != 1)
            continue;
        lj_buf_u16(&out, 1);
        lj_ack_put(&out, &(struct lj_ack){.code = 0, .position = p->position});
        send_two(b, lj_zsock_raw(p->sub->sock), &p->sub->from, LJ_MSG_ACK, p->sub->seq, out.data, out.len);
        lj_buf_free(&out);
    }
}

/* ---- judging ---- */

#define LJ_ROOT_ALL  (-1)
#define LJ_ROOT_NONE (-2)
struct sender { int may_centre; int root; int own; }; /* root: number of the unit whose subtree it may act for, or LJ_ROOT_* */

static int judge_type(struct broker *b, const struct lj_submit_event *e, const struct sender *from, struct pend *p)
{
    int type = lj_catalog_type(b->cat, e->type);
    if (type < 0)
        return LJ_E_TYPE_UNKNOWN;
    const struct lj_type *t = &b->cat->types[type];
    int origin = from->own ? LJ_ORIGIN_OPERATOR : e->origin;
    if (origin == LJ_ORIGIN_CENTRE && !from->may_centre)
        return LJ_E_FORBIDDEN_TYPE;
    if (t->origin != origin && !(t->origin == LJ_ORIGIN_CLIENT && origin == LJ_ORIGIN_CENTRE))
        return LJ_E_FORBIDDEN_TYPE;
    p->type = (uint8_t)type;
    if (origin == LJ_ORIGIN_CLIENT && !from->may_centre && e->class != LJ_CLASS_DEFAULT)
        return LJ_E_FORBIDDEN; /* only a gateway, which knows the token, may name a class */
    p->class = e->class == LJ_CLASS_DEFAULT || e->class < t->class ? t->class : e->class; /* a token may lower, never raise */
    if (t->class == 0)
        p->class = 0;
    p->schema_version = e->schema_version ? e->schema_version : t->schema_version;
    return p->class < LJ_CLASSES ? 0 : LJ_E_MEMBER_INVALID;
}

static int judge_unit(struct broker *b, const struct lj_submit_event *e, const struct sender *from, struct pend *p)
{
    const struct lj_unit *u = lj_catalog_unit(b->cat, e->unit);
    if (!u || u->number < 0 || u->number >= LJ_UNITS_MAX)
        return LJ_E_UNIT_UNKNOWN;
    if (from->root != LJ_ROOT_ALL && !lj_catalog_within(b->cat, u, from->root))
        return LJ_E_FORBIDDEN_UNIT;
    p->unit = u->number;
    return 0;
}

struct member { const char *text; const struct lj_json_value *value; };

static int set_key(struct pend *p, const char *text, size_t n)
{
    p->key_copy = malloc(n + 1);
    if (!p->key_copy)
        return LJ_E_NOMEM;
    memcpy(p->key_copy, text, n);
    p->key_copy[n] = '\0';
    p->key = (struct lj_slice){p->key_copy, n};
    return 0;
}

static int default_key(const struct lj_type *t, const struct member *member, struct pend *p)
{
    char id[LJ_UUID_TEXT + 1], text[201];
    size_t n = 0;
    if (t->key_rule == LJ_KEY_CONST)
        return set_key(p, t->key_word, strlen(t->key_word));
    if (t->key_rule == LJ_KEY_PAYLOAD && member->value->type == LJ_JSON_TEXT &&
        lj_json_text(member->text + member->value->off, member->value->len, text, sizeof text, &n) == 0 && n > 0)
        return set_key(p, text, n);
    /* Without that member the event is its own aggregate: the kind that judges it says what is missing. */
    lj_uuid_format(p->id, id);
    return set_key(p, id, LJ_UUID_TEXT);
}

static void judge_json_detail(const struct lj_json_error *je, char *detail, size_t cap)
{
    (void)snprintf(detail, cap, "%s at byte %zu of the payload (/payload%.48s)", lj_json_reason_name(je->reason), je->offset, je->pointer);
}

static int judge_payload(struct broker *b, const struct lj_submit_event *e, struct pend *p, char *detail, size_t cap)
{
    const struct lj_type *t = &b->cat->types[p->type];
    struct lj_json_name name = {t->key_word, strlen(t->key_word)};
    struct lj_json_value value = {0};
    struct lj_json_result result;
    struct lj_json_error je;
    size_t wanted = t->key_rule == LJ_KEY_PAYLOAD ? 1 : 0;
    struct lj_json_request req = {.start_depth = 2, .canonical = true, .names = &name, .n_names = wanted};
    int rc = lj_json_scan(&req, e->payload.p, e->payload.n, b->intake.scratch, wanted ? &value : NULL, &result, &je);
    if (rc) {
        judge_json_detail(&je, detail, cap);
        return rc;
    }
    p->key = e->key;
    if (!e->key.n)
        rc = default_key(t, &(struct member){e->payload.p, &value}, p);
    if (rc)
        return rc;
    char id[LJ_UUID_TEXT + 1];
    lj_uuid_format(p->id, id);
    if (p->key.n == LJ_UUID_TEXT && memcmp(p->key.p, id, LJ_UUID_TEXT) == 0)
        p->flags |= LJ_ITEM_OWN_KEY;
    p->key_hash = lj_key_hash(p->unit, p->key.p, p->key.n);
    struct lj_content c = {.type = t->name, .type_len = strlen(t->name), .unit = e->unit.p, .unit_len = e->unit.n, .key = p->key.p,
                           .key_len = p->key.n, .has_occurred_at = e->occurred_at_us != LJ_TIME_NONE, .occurred_at_us = e->occurred_at_us,
                           .schema_version = p->schema_version};
    lj_content_hash_canonical(&c, result.canonical, result.canonical_len, p->hash);
    return 0;
}

static int valid_text(struct lj_slice s, size_t max)
{
    if (s.n > max)
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return 0;
    }
    return lj_utf8_valid(s.p, s.n);
}

/* PostgreSQL's timestamptz reaches from 4713 BC to 294276 AD; the years 1 to 9999 are what RFC 3339 can say. */
#define OCCURRED_MIN (-62135596800000000LL)
#define OCCURRED_MAX 253402300799999999LL

static int judge(struct broker *b, const struct lj_submit_event *e, const struct sender *from, struct pend *p, char *detail, size_t cap)
{
    int version = lj_uuid_version(e->id);
    memcpy(p->id, e->id, 16);
    p->occurred_at_us = e->occurred_at_us;
    p->source = e->source;
    p->payload = e->payload;
    if (version < 1 || version > 7)
        return LJ_E_ID_VERSION;
    if (!valid_text(e->key, 200) || !valid_text(e->source, 64)) {
        (void)snprintf(detail, cap, "key (at most 200 bytes) or source (at most 64) is not clean UTF-8 text");
        return LJ_E_MEMBER_INVALID;
    }
    if (e->occurred_at_us != LJ_TIME_NONE && (e->occurred_at_us < OCCURRED_MIN || e->occurred_at_us > OCCURRED_MAX)) {
        (void)snprintf(detail, cap, "occurred_at lies outside the years 1 to 9999");
        return LJ_E_MEMBER_INVALID;
    }
    if (e->schema_version > INT16_MAX) {
        (void)snprintf(detail, cap, "schema_version is over %d", INT16_MAX);
        return LJ_E_MEMBER_INVALID;
    }
    int rc = judge_type(b, e, from, p);
    if (rc == 0)
        rc = judge_unit(b, e, from, p);
    return rc ? rc : judge_payload(b, e, p, detail, cap);
}

/* ---- taking ---- */

static void take_event(struct broker *b, struct submission *s, size_t i, const struct lj_submit_event *e, const struct sender *from)
{
    struct pend *p = &s->pends[i];
    char detail[96] = "";
    p->sub = s;
    p->index = (uint16_t)i;
    int rc = judge(b, e, from, p, detail, sizeof detail);
    if (rc) {
        b->intake.refused++;
        answer(b, s, i, rc, 0, detail);
        return;
    }
    b->intake.events++;
    b->intake.per_unit[p->unit]++;
    struct pend *first = find_id(b, p->id);
    if (first) {
        while (first->waiters)
            first = first->waiters;
        first->waiters = p;
        return;
    }
    if (link_id(b, p)) {
        forget(b, p);
        answer(b, s, i, LJ_E_NOMEM, 0, NULL);
        return;
    }
    enqueue(b, p);
}

static struct submission *submission_new(size_t count)
{
    struct submission *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->count = s->left = (uint16_t)count;
    s->answers = calloc(count, sizeof *s->answers);
    s->pends = calloc(count, sizeof *s->pends);
    zmq_msg_init(&s->body);
    if (s->answers && s->pends)
        return s;
    submission_free(s);
    return NULL;
}

/* 0, or why nothing of this SUBMIT is taken now. */
static int admit(const struct broker *b, size_t events, size_t bytes)
{
    const struct intake *in = &b->intake;
    if (b->state == BROKER_DRAINING || b->state == BROKER_STOPPED)
        return LJ_E_DRAINING;
    if (!b->cat)
        return LJ_E_DB_SYSTEM;
    if (in->events + events > (size_t)b->cfg.intake_events_max || in->bytes + bytes > (size_t)b->cfg.intake_bytes_max)
        return LJ_E_BUSY;
    return b->backlog && lj_backlog_total_open(b->backlog) >= (uint64_t)b->cfg.backlog_max ? LJ_E_BUSY : 0;
}

static void refuse_whole(struct broker *b, struct submission *s, int code)
{
    if (code == LJ_E_BUSY)
        b->intake.busy += s->count;
    for (size_t n = s->count, i = 0; i < n; i++)
        answer(b, s, i, code, 0, NULL); /* the last one sends the ACK and frees s */
}

static void take_all(struct broker *b, struct submission *s, struct lj_reader *r, const struct sender *from)
{
    size_t n = s->count;
    s->left++; /* keep s while its events are taken */
    for (size_t i = 0; i < n; i++) {
        struct lj_submit_event e;
        struct lj_err err;
        if (lj_submit_event_get(r, &e, &err)) { /* malformed from here on: the rest cannot be told apart */
            b->intake.bad_messages++;
            for (; i < n; i++)
                answer(b, s, i, LJ_E_PROTOCOL, 0, "the record is malformed or too long");
            break;
        }
        take_event(b, s, i, &e, from);
    }
    answered(b, s);
}

static void on_submit(struct broker *b, struct lj_zsock *sock, const struct rid *rid, uint64_t seq, zmq_msg_t *body, const struct sender *from)
{
    struct lj_reader r = lj_reader(zmq_msg_data(body), zmq_msg_size(body));
    uint16_t count = lj_read_u16(&r);
    struct submission *s = r.bad || count < 1 || count > LJ_BATCH_EVENTS_MAX ? NULL : submission_new(count);
    if (!s) {
        b->intake.bad_messages++;
        return;
    }
    s->from = *rid;
    s->sock = sock;
    s->seq = seq;
    s->at_us = lj_mono_us();
    s->bytes = zmq_msg_size(body);
    int refused = admit(b, count, s->bytes);
    b->intake.bytes += s->bytes;
    zmq_msg_move(&s->body, body); /* r still points at the same bytes */
    LJ_FAILPOINT("broker.submit.received");
    if (s->bytes < 64) /* a tiny message lives inside zmq_msg_t itself and has moved with it */
        r = lj_reader((const uint8_t *)zmq_msg_data(&s->body) + 2, s->bytes - 2);
    if (refused)
        refuse_whole(b, s, refused);
    else
        take_all(b, s, &r, from);
    broker_kick(b);
}

static uint64_t rid_key(const struct rid *rid, const struct lj_zsock *sock)
{
    return lj_key_hash(1, (const char *)rid->bytes, rid->n) ^ (uint64_t)(uintptr_t)sock;
}

/* Who is it? On ipc the folder's mode has said so already; on TCP the key's row does. */
static int identify(struct broker *b, struct lj_zsock *sock, zmq_msg_t *frame, struct sender *ret)
{
    *ret = (struct sender){.may_centre = 1, .root = LJ_ROOT_ALL};
    if (sock == b->intake.sock)
        return 0;
    struct lj_curve_peer who;
    if (lj_curve_peer_of(b->curve, frame, &who) || !lj_curve_may(&who, LJ_DOOR_INTAKE))
        return LJ_E_AUTH;
    const struct lj_unit *u = b->cat ? lj_catalog_unit(b->cat, (struct lj_slice){who.unit, strlen(who.unit)}) : NULL;
    ret->may_centre = who.role == LJ_CURVE_GATEWAY;
    ret->root = strcmp(who.unit, "*") == 0 ? LJ_ROOT_ALL : u ? u->number : LJ_ROOT_NONE;
    return ret->root == LJ_ROOT_NONE ? LJ_E_AUTH : 0;
}

#define INTAKE_PEERS_MAX 20000 /* remembered routing ids; past it all say HELLO again. A peer costs 16 bytes here */

static void on_hello(struct broker *b, struct lj_zsock *sock, const struct rid *rid, uint64_t seq)
{
    struct lj_buf out = {0};
    if (b->intake.peers.count >= INTAKE_PEERS_MAX)
        lj_u64map_free(&b->intake.peers);
    (void)!lj_u64map_put(&b->intake.peers, rid_key(rid, sock), (void *)1); /* without memory it is asked WHO again */
    lj_welcome_put(&out, &(struct lj_welcome){.nonce = b->nonce, .events_max = LJ_BATCH_EVENTS_MAX, .event_bytes_max = LJ_EVENT_BYTES_MAX,
                                              .body_bytes_max = LJ_BATCH_BYTES_MAX});
    send_two(b, lj_zsock_raw(sock), rid, LJ_MSG_WELCOME, seq, out.data, out.len);
    lj_buf_free(&out);
}

static void on_message(struct lj_zsock *sock, void *msgs, int nframes, void *arg)
{
    struct broker *b = arg;
    zmq_msg_t *m = msgs;
    struct lj_envelope env;
    struct sender from;
    struct rid rid;
    if (nframes != 3 || zmq_msg_size(&m[0]) > LJ_RID_MAX || lj_envelope_get(zmq_msg_data(&m[1]), zmq_msg_size(&m[1]), &env, NULL)) {
        b->intake.bad_messages++;
        return;
    }
    rid.n = (uint8_t)zmq_msg_size(&m[0]);
    memcpy(rid.bytes, zmq_msg_data(&m[0]), rid.n);
    if (identify(b, sock, &m[2], &from)) {
        b->intake.bad_messages++;
        return;
    }
    if (env.type == LJ_MSG_HELLO)
        on_hello(b, sock, &rid, env.seq);
    else if (!lj_u64map_get(&b->intake.peers, rid_key(&rid, sock))) {
        b->intake.unknown_peers++;
        send_two(b, lj_zsock_raw(sock), &rid, LJ_MSG_WHO, env.seq, "", 0);
    } else if (env.type == LJ_MSG_SUBMIT)
        on_submit(b, sock, &rid, env.seq, &m[2], &from);
    else if (env.type == LJ_MSG_BYE)
        lj_u64map_del(&b->intake.peers, rid_key(&rid, sock));
    else
        b->intake.bad_messages++;
}

int intake_own(struct broker *b, const char *type, const char *payload, void (*done)(struct submission *, void *), void *arg)
{
    struct submission *s = b->cat ? submission_new(1) : NULL;
    if (!s)
        return LJ_E_NOMEM;
    static const char unit[] = "CN000";
    static const char source[] = "operator";
    size_t n = strlen(payload);
    struct lj_uuid_gen gen = {0};
    struct lj_submit_event e = {.occurred_at_us = LJ_TIME_NONE, .class = LJ_CLASS_DEFAULT, .type = {type, strlen(type)}, .unit = {unit, 5},
                                .source = {source, sizeof source - 1}};
    if (zmq_msg_init_size(&s->body, n) || lj_uuid_v7(&gen, lj_now_us(), e.id, NULL)) {
        submission_free(s);
        return LJ_E_NOMEM;
    }
    memcpy(zmq_msg_data(&s->body), payload, n);
    e.payload = (struct lj_slice){zmq_msg_data(&s->body), n};
    s->done = done;
    s->arg = arg;
    s->at_us = lj_mono_us();
    take_event(b, s, 0, &e, &(struct sender){.may_centre = 1, .root = LJ_ROOT_ALL, .own = 1});
    broker_kick(b);
    return 0;
}

int intake_open(struct broker *b, struct lj_err *err)
{
    b->intake.scratch = lj_json_scratch_new();
    if (!b->intake.scratch)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the JSON reader");
    int rc = broker_bind(b, ZMQ_ROUTER, "intake.sock", NULL, LJ_DOOR_INTAKE, on_message, &b->intake.sock, err);
    if (rc == 0 && b->cfg.intake_tcp)
        rc = broker_bind(b, ZMQ_ROUTER, NULL, b->cfg.intake_tcp, LJ_DOOR_INTAKE, on_message, &b->intake.tcp, err);
    return rc;
}

void intake_close(struct broker *b)
{
    struct intake *in = &b->intake;
    struct pend *p;
    size_t n;
    while ((p = intake_take(b, 1, &n)))
        intake_refuse(b, p, LJ_E_DRAINING, NULL);
    lj_zsock_close(&in->sock, 500, NULL, NULL);
    lj_zsock_close(&in->tcp, 500, NULL, NULL);
    lj_u64map_free(&in->by_id);
    lj_u64map_free(&in->peers);
    lj_json_scratch_free(&in->scratch);
}
