/* Intake: SUBMIT to ACK.
 *
 * Takes messages apart, admits or turns away, has each event judged (judge.c), and queues it with
 * its unit (flows.c) for the first lane; answers are answer.c's. Nothing is answered with "stored"
 * before its COMMIT came back flushed. Everything a peer can make grow has a limit: events and
 * bytes held in all, three quarters of the events for one peer, half for one unit, and the last
 * eighth for units that hold little; beyond, the answer is `busy` with a time to wait, at once.
 * One turn of the loop reads at most READ_MAX events, so that what has been committed meanwhile is
 * answered, and the next turn of a lane started, before more is read. The routing id is an address,
 * never an identity: on TCP the CURVE key says who it is (common/curve.h), on ipc the folder's mode
 * does.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/intake.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/uuid.h"

#define READ_MAX 1024 /* events a turn of the loop: some 3 ms of judging */

/* Why this unit may not have the event under way that it has just been counted for, or NULL. */
static const char *too_much(const struct broker *b, int16_t unit)
{
    size_t max = (size_t)b->cfg.intake_events_max, held = b->intake.per_unit[unit];
    if (held > max / 2)
        return "this unit has as many events under way as one unit may";
    if (b->intake.events > max - max / 8 && held > max / 64)
        return "what room is left is for units with less under way";
    return NULL;
}

static void take_event(struct broker *b, struct submission *s, size_t i,
                       const struct lj_submit_event *e, const struct sender *from)
{
    struct pend *p = &s->pends[i];
    char detail[96] = "";
    p->sub = s;
    p->index = (uint16_t)i;
    int rc = intake_judge(b, e, from, p, detail, sizeof detail);
    if (rc) {
        b->intake.refused++;
        submission_answer(b, s, i, rc, 0, detail);
        return;
    }
    b->intake.events++;
    b->intake.per_unit[p->unit]++;
    const char *much = too_much(b, p->unit);
    if (much) { /* one unit's burst leaves room for the others */
        b->intake.busy++;
        intake_forget(b, p);
        submission_answer(b, s, i, LJ_E_BUSY, 0, much);
        return;
    }
    struct pend *first = intake_find(b, p->id);
    if (first) {
        while (first->waiters)
            first = first->waiters;
        first->waiters = p;
        return;
    }
    if (intake_link(b, p)) {
        intake_forget(b, p);
        submission_answer(b, s, i, LJ_E_NOMEM, 0, NULL);
        return;
    }
    lj_flows_add(&b->intake.flows, p);
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
static int admit(const struct broker *b, uint64_t peer_key, size_t events, size_t bytes)
{
    const struct intake *in = &b->intake;
    size_t of_peer = (size_t)(uintptr_t)lj_u64map_get(&in->peers, peer_key);
    if (b->state == BROKER_DRAINING || b->state == BROKER_STOPPED)
        return LJ_E_DRAINING;
    if (!b->cat)
        return LJ_E_DB_SYSTEM;
    if (b->cat->replay) /* append_events() would refuse it for good */
        return LJ_E_DRAINING;
    if (in->events + events > (size_t)b->cfg.intake_events_max ||
        in->bytes + bytes > (size_t)b->cfg.intake_bytes_max)
        return LJ_E_BUSY;
    if (of_peer + events > (size_t)b->cfg.intake_events_max / 4 * 3 +
                               LJ_BATCH_EVENTS_MAX) /* one peer leaves room for the others */
        return LJ_E_BUSY;
    return b->backlog && lj_backlog_total_open(b->backlog) >= (uint64_t)b->cfg.backlog_max
               ? LJ_E_BUSY
               : 0;
}

static void refuse_whole(struct broker *b, struct submission *s, int code)
{
    if (code == LJ_E_BUSY)
        b->intake.busy += s->count;
    for (size_t n = s->count, i = 0; i < n; i++)
        submission_answer(b, s, i, code, 0, NULL); /* the last one sends the ACK and frees s */
}

static void take_all(struct broker *b, struct submission *s, struct lj_reader *r,
                     const struct sender *from)
{
    size_t n = s->count;
    s->left++; /* keep s while its events are taken */
    for (size_t i = 0; i < n; i++) {
        struct lj_submit_event e;
        struct lj_err err;
        if (lj_submit_event_get(r, &e,
                                &err)) { /* malformed from here on: the rest cannot be told apart */
            b->intake.bad_messages++;
            for (; i < n; i++)
                submission_answer(b, s, i, LJ_E_PROTOCOL, 0, "the record is malformed or too long");
            break;
        }
        take_event(b, s, i, &e, from);
    }
    submission_answered(b, s);
}

static uint64_t rid_key(const struct rid *rid, const struct lj_zsock *sock)
{
    return lj_key_hash(1, (const char *)rid->bytes, rid->n) ^ (uint64_t)(uintptr_t)sock;
}

/* The sender is a peer that has said HELLO, so its row is there: replacing its value needs no
 * memory. */
static void count_peer(struct broker *b, uint64_t peer_key, size_t events)
{
    uintptr_t held = (uintptr_t)lj_u64map_get(&b->intake.peers, peer_key);
    if (held)
        (void)!lj_u64map_put(&b->intake.peers, peer_key, (void *)(held + events));
}

static void send_error(struct broker *b, struct lj_zsock *sock, const struct rid *rid, uint64_t seq,
                       int code)
{
    struct lj_buf out = {0};
    lj_error_put(&out, (int16_t)code, lj_err_info(code)->en);
    intake_send(b, lj_zsock_raw(sock), rid, LJ_MSG_ERROR, seq, out.data, out.len);
    lj_buf_free(&out);
}

static void pause_reading(struct broker *b, int paused)
{
    lj_zsock_pause(b->intake.sock, paused);
    if (b->intake.tcp)
        lj_zsock_pause(b->intake.tcp, paused);
}

static void on_submit(struct broker *b, struct lj_zsock *sock, const struct rid *rid, uint64_t seq,
                      zmq_msg_t *body, const struct sender *from)
{
    struct lj_reader r = lj_reader(zmq_msg_data(body), zmq_msg_size(body));
    uint16_t count = lj_read_u16(&r);
    struct submission *s =
        r.bad || count < 1 || count > LJ_BATCH_EVENTS_MAX ? NULL : submission_new(count);
    if (!s) {
        b->intake.bad_messages++;
        send_error(b, sock, rid, seq,
                   r.bad || count < 1 || count > LJ_BATCH_EVENTS_MAX ? LJ_E_PROTOCOL : LJ_E_NOMEM);
        return;
    }
    s->from = *rid;
    s->sock = sock;
    s->seq = seq;
    s->at_us = lj_mono_us();
    s->bytes = zmq_msg_size(body);
    s->peer_key = rid_key(rid, sock);
    int refused = admit(b, s->peer_key, count, s->bytes);
    count_peer(b, s->peer_key, count);
    b->intake.bytes += s->bytes;
    zmq_msg_move(&s->body, body); /* r still points at the same bytes */
    LJ_FAILPOINT("broker.submit.received");
    if (s->bytes < 64) /* a tiny message lives inside zmq_msg_t itself and has moved with it */
        r = lj_reader((const uint8_t *)zmq_msg_data(&s->body) + 2, s->bytes - 2);
    if (refused)
        refuse_whole(b, s, refused);
    else
        take_all(b, s, &r, from);
    b->intake.read += count;
    if (b->intake.read >= READ_MAX)
        pause_reading(b, 1);
    broker_kick(b);
}

void intake_turn(struct broker *b)
{
    if (b->intake.read >= READ_MAX)
        pause_reading(b, 0);
    b->intake.read = 0;
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
    const struct lj_unit *u =
        b->cat ? lj_catalog_unit(b->cat, (struct lj_slice){who.unit, strlen(who.unit)}) : NULL;
    ret->may_centre = who.role == LJ_CURVE_GATEWAY;
    ret->root = strcmp(who.unit, "*") == 0 ? LJ_ROOT_ALL : u ? u->number : LJ_ROOT_NONE;
    return ret->root == LJ_ROOT_NONE ? LJ_E_AUTH : 0;
}

#define INTAKE_PEERS_MAX                                                                           \
    20000 /* remembered routing ids; past it all say HELLO again. A peer costs 16 bytes here */

static void on_hello(struct broker *b, struct lj_zsock *sock, const struct rid *rid, uint64_t seq)
{
    struct lj_buf out = {0};
    if (!b->cat) /* nothing can be judged yet: a peer that is not welcomed sends nothing, and asks
                    again */
        return;
    if (b->intake.peers.count >= INTAKE_PEERS_MAX)
        lj_u64map_free(&b->intake.peers);
    uint64_t key = rid_key(rid, sock);
    if (!lj_u64map_get(&b->intake.peers, key))
        (void)!lj_u64map_put(&b->intake.peers, key,
                             (void *)1); /* without memory it is asked WHO again */
    lj_welcome_put(&out, &(struct lj_welcome){.nonce = b->nonce,
                                              .events_max = LJ_BATCH_EVENTS_MAX,
                                              .event_bytes_max = LJ_EVENT_BYTES_MAX,
                                              .body_bytes_max = LJ_BATCH_BYTES_MAX});
    intake_send(b, lj_zsock_raw(sock), rid, LJ_MSG_WELCOME, seq, out.data, out.len);
    lj_buf_free(&out);
}

static void on_message(struct lj_zsock *sock, void *msgs, int nframes, void *arg)
{
    struct broker *b = arg;
    zmq_msg_t *m = msgs;
    struct lj_envelope env;
    struct sender from;
    struct rid rid;
    if (nframes != 3 || zmq_msg_size(&m[0]) > LJ_RID_MAX ||
        lj_envelope_get(zmq_msg_data(&m[1]), zmq_msg_size(&m[1]), &env, NULL)) {
        b->intake.bad_messages++;
        return;
    }
    rid.n = (uint8_t)zmq_msg_size(&m[0]);
    memcpy(rid.bytes, zmq_msg_data(&m[0]), rid.n);
    if (identify(b, sock, &m[2], &from)) {
        b->intake.bad_messages++;
        send_error(b, sock, &rid, env.seq, LJ_E_AUTH);
        return;
    }
    if (env.type == LJ_MSG_HELLO)
        on_hello(b, sock, &rid, env.seq);
    else if (!lj_u64map_get(&b->intake.peers, rid_key(&rid, sock))) {
        b->intake.unknown_peers++;
        intake_send(b, lj_zsock_raw(sock), &rid, LJ_MSG_WHO, env.seq, "", 0);
    } else if (env.type == LJ_MSG_SUBMIT)
        on_submit(b, sock, &rid, env.seq, &m[2], &from);
    else if (env.type == LJ_MSG_BYE)
        lj_u64map_del(&b->intake.peers, rid_key(&rid, sock));
    else
        b->intake.bad_messages++;
}

int intake_own(struct broker *b, const char *type, const char *payload, const uint8_t *id,
               void (*done)(struct submission *, void *), void *arg)
{
    struct submission *s = b->cat ? submission_new(1) : NULL;
    if (!s)
        return LJ_E_NOMEM;
    static const char unit[] = "CN000";
    static const char source[] = "operator";
    size_t n = strlen(payload);
    struct lj_uuid_gen gen = {0};
    struct lj_submit_event e = {.occurred_at_us = LJ_TIME_NONE,
                                .class = LJ_CLASS_DEFAULT,
                                .type = {type, strlen(type)},
                                .unit = {unit, 5},
                                .source = {source, sizeof source - 1}};
    if (zmq_msg_init_size(&s->body, n) || (!id && lj_uuid_v7(&gen, lj_now_us(), e.id, NULL))) {
        submission_free(s);
        return LJ_E_NOMEM;
    }
    if (id)
        memcpy(e.id, id, sizeof e.id);
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
    lj_flows_init(&b->intake.flows);
    b->intake.scratch = lj_json_scratch_new();
    if (!b->intake.scratch)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the JSON reader");
    int rc = broker_bind(b, &(struct endpoint){ZMQ_ROUTER, "intake.sock", NULL, LJ_DOOR_INTAKE},
                         on_message, &b->intake.sock, err);
    if (rc == 0 && b->cfg.intake_tcp)
        rc = broker_bind(b, &(struct endpoint){ZMQ_ROUTER, NULL, b->cfg.intake_tcp, LJ_DOOR_INTAKE},
                         on_message, &b->intake.tcp, err);
    return rc;
}

void intake_close(struct broker *b)
{
    struct intake *in = &b->intake;
    struct pend *p;
    size_t n;
    while ((p = lj_flows_take(&in->flows, 1, &n)))
        intake_refuse(b, p, p->doubt_position ? LJ_E_DB_LOST : LJ_E_DRAINING, NULL);
    lj_zsock_close(&in->sock, 500, NULL, NULL);
    lj_zsock_close(&in->tcp, 500, NULL, NULL);
    lj_u64map_free(&in->by_id);
    lj_u64map_free(&in->peers);
    lj_json_scratch_free(&in->scratch);
}
