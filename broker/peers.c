/* The work socket: who is on it, and the frames to and from them.
 *
 * A worker's identity is its name with the nonce of its boot (on TCP the name its CURVE key is
 * bound to), never the routing id. A new boot of a name inherits nothing: the old boot's leases are
 * taken back at once. Whoever the broker does not know is told WHO. A send to a peer that is not
 * there any more is an ordinary outcome (ROUTER_MANDATORY): its leases go back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/log.h"

#define PEERS_MAX 512 /* workers of all kinds; a machine runs a few dozen */
#define SLOTS_MAX 8
#define FULL_US   200000 /* a pause before a socket that took nothing is tried again */

static struct peer *by_rid(const struct broker *b, const struct lj_zsock *sock,
                           const struct rid *rid)
{
    for (struct peer *p = b->peers.list; p; p = p->next) {
        if (p->sock == sock && p->rid.n == rid->n && memcmp(p->rid.bytes, rid->bytes, rid->n) == 0)
            return p;
    }
    return NULL;
}

static void remove_peer(struct broker *b, struct peer *p, const char *why)
{
    struct peer **link = &b->peers.list;
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    b->peers.count--;
    lj_log(LJ_INFO, "peer.gone", "peer=%s kind=%s leased=%u why=%s", p->name,
           b->cat->kinds[p->kind].name, p->leased, why);
    dispatch_peer_gone(b, p);
    free(p);
}

static int send_frames(void *raw, const struct rid *to, uint8_t type, uint64_t seq,
                       const void *body, size_t n)
{
    uint8_t env[LJ_ENVELOPE_SIZE];
    lj_envelope_put(env, type, seq);
    if (zmq_send(raw, to->bytes, to->n, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return -1;
    zmq_send(raw, env, sizeof env, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    return zmq_send(raw, body, n, ZMQ_DONTWAIT) < 0 ? -1 : 0;
}

int peers_send(struct broker *b, struct peer *p, uint8_t type, uint64_t seq, struct lj_buf *body)
{
    if (send_frames(lj_zsock_raw(p->sock), &p->rid, type, seq, body ? (const void *)body->data : "",
                    body ? body->len : 0) == 0)
        return 0;
    int full = zmq_errno() == EAGAIN;
    b->peers.send_failed++;
    if (full) { /* it is there, and would not hear that it is not: its connection stands */
        p->full_until_us = lj_mono_us() + FULL_US;
        return LJ_E_BUSY;
    }
    remove_peer(b, p, "unreachable");
    return LJ_E_CLOSED;
}

void peers_bye_if_idle(struct broker *b, struct peer *p)
{
    if (!p->leaving || p->leased)
        return;
    if (peers_send(b, p, LJ_MSG_BYE, 0, NULL) == 0)
        remove_peer(b, p, "bye");
}

static void answer(struct broker *b, struct lj_zsock *sock, const struct rid *rid, uint8_t type,
                   uint64_t seq, const struct lj_buf *body)
{
    if (send_frames(lj_zsock_raw(sock), rid, type, seq, body ? (const void *)body->data : "",
                    body ? body->len : 0))
        b->peers.send_failed++;
}

static void refuse(struct broker *b, struct lj_zsock *sock, const struct rid *rid, uint64_t seq,
                   int code, const char *text)
{
    struct lj_buf out = {0};
    lj_buf_u16(&out, (uint16_t)code);
    lj_buf_str8(&out, text, strlen(text));
    answer(b, sock, rid, LJ_MSG_ERROR, seq, &out);
    lj_buf_free(&out);
}

/* A new boot of a name (of one kind: a process of two kinds has one key on TCP), or of an address,
 * ends the old one. */
static void drop_old_boots(struct broker *b, const struct lj_hello *h, size_t kind,
                           const struct rid *rid, const struct lj_zsock *sock)
{
    for (struct peer *p = b->peers.list, *next; p; p = next) {
        next = p->next;
        int same_name = p->kind == kind && strlen(p->name) == h->name.n &&
                        memcmp(p->name, h->name.p, h->name.n) == 0;
        int same_rid =
            p->sock == sock && p->rid.n == rid->n && memcmp(p->rid.bytes, rid->bytes, rid->n) == 0;
        if (same_name || same_rid)
            remove_peer(b, p, "new boot");
    }
}

static void on_hello(struct broker *b, struct lj_zsock *sock, const struct rid *rid, uint64_t seq,
                     zmq_msg_t *body, const char *key_name)
{
    struct lj_hello h;
    if (lj_hello_get(zmq_msg_data(body), zmq_msg_size(body), &h, NULL) ||
        h.role != LJ_ROLE_WORKER) {
        b->peers.bad_messages++;
        return;
    }
    if (!b->cat || b->state == BROKER_DRAINING)
        return; /* not ready: the worker says HELLO again */
    if (key_name)
        h.name = (struct lj_slice){key_name, strlen(key_name)};
    int kind = lj_catalog_kind(b->cat, h.kind);
    if (kind < 0 || h.slots < 1 || h.name.n < 1 || h.name.n > LJ_WORD_MAX ||
        h.version.n > LJ_WORD_MAX) {
        refuse(b, sock, rid, seq, LJ_E_ARG,
               kind < 0 ? "no such kind" : "name, version or slots out of bounds");
        return;
    }
    drop_old_boots(b, &h, (size_t)kind, rid, sock);
    struct peer *p = b->peers.count < PEERS_MAX ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        refuse(b, sock, rid, seq, LJ_E_BUSY, "too many workers");
        return;
    }
    p->rid = *rid;
    p->sock = sock;
    p->nonce = h.nonce;
    p->kind = (size_t)kind;
    p->slots = h.slots < SLOTS_MAX ? h.slots : SLOTS_MAX;
    memcpy(p->name, h.name.p, h.name.n);
    memcpy(p->version, h.version.p, h.version.n);
    p->next = b->peers.list;
    b->peers.list = p;
    b->peers.count++;
    lj_log(LJ_INFO, "peer.hello", "peer=%s kind=%s version=%s slots=%u", p->name,
           b->cat->kinds[kind].name, p->version, p->slots);
    struct lj_buf out = {0};
    lj_welcome_put(&out, &(struct lj_welcome){.nonce = b->nonce,
                                              .events_max = LJ_BATCH_EVENTS_MAX,
                                              .event_bytes_max = LJ_EVENT_BYTES_MAX,
                                              .body_bytes_max = LJ_BATCH_BYTES_MAX});
    (void)!peers_send(b, p, LJ_MSG_WELCOME, seq, &out);
    lj_buf_free(&out);
    broker_kick(b);
}

/* On TCP only a key bound to the role `worker` may be here, and its name is the peer's name. 0, or
 * not allowed. */
static int identify(struct broker *b, struct lj_zsock *sock, zmq_msg_t *frame,
                    const char **ret_name)
{
    struct lj_curve_peer who;
    *ret_name = NULL;
    if (sock == b->peers.sock)
        return 0;
    if (lj_curve_peer_of(b->curve, frame, &who) || !lj_curve_may(&who, LJ_DOOR_WORK))
        return LJ_E_AUTH;
    *ret_name = lj_curve_find(b->curve, who.name)->name;
    return 0;
}

static void on_message(struct lj_zsock *sock, void *msgs, int nframes, void *arg)
{
    struct broker *b = arg;
    zmq_msg_t *m = msgs;
    struct lj_envelope env;
    const char *key_name;
    struct rid rid;
    if (nframes != 3 || zmq_msg_size(&m[0]) > LJ_RID_MAX ||
        lj_envelope_get(zmq_msg_data(&m[1]), zmq_msg_size(&m[1]), &env, NULL) ||
        identify(b, sock, &m[2], &key_name)) {
        b->peers.bad_messages++;
        return;
    }
    rid.n = (uint8_t)zmq_msg_size(&m[0]);
    memcpy(rid.bytes, zmq_msg_data(&m[0]), rid.n);
    if (env.type == LJ_MSG_HELLO) {
        on_hello(b, sock, &rid, env.seq, &m[2], key_name);
        return;
    }
    struct peer *p = by_rid(b, sock, &rid);
    if (!p) {
        if (env.type == LJ_MSG_RESULT)
            b->dispatch.late_results++;
        answer(b, sock, &rid, env.type == LJ_MSG_BYE ? LJ_MSG_BYE : LJ_MSG_WHO, env.seq, NULL);
    } else if (env.type == LJ_MSG_RESULT) {
        dispatch_result(b, p, &m[2]);
    } else if (env.type == LJ_MSG_BYE) {
        p->leaving = 1;
        peers_bye_if_idle(b, p);
    } else {
        b->peers.bad_messages++;
    }
}

void peers_overdue(struct broker *b, struct peer *p)
{
    answer(b, p->sock, &p->rid, p->leaving ? LJ_MSG_BYE : LJ_MSG_WHO, 0, NULL);
    p->blamed = 1;
    remove_peer(b, p, "deadline");
}

/* A lease ends in many ways; who has said BYE and holds none any more gets its answer here. */
void peers_tick(struct broker *b)
{
    for (struct peer *p = b->peers.list, *next; p; p = next) {
        next = p->next;
        peers_bye_if_idle(b, p);
    }
}

void peers_forget(struct broker *b)
{
    while (b->peers.list) {
        struct peer *p = b->peers.list;
        b->peers.list = p->next;
        if (send_frames(lj_zsock_raw(p->sock), &p->rid, LJ_MSG_WHO, 0, "", 0))
            b->peers.send_failed++;
        free(p);
    }
    b->peers.count = 0;
}

int peers_open(struct broker *b, struct lj_err *err)
{
    int rc = broker_bind(b, &(struct endpoint){ZMQ_ROUTER, "work.sock", NULL, LJ_DOOR_WORK},
                         on_message, &b->peers.sock, err);
    if (rc == 0 && b->cfg.work_tcp)
        rc = broker_bind(b, &(struct endpoint){ZMQ_ROUTER, NULL, b->cfg.work_tcp, LJ_DOOR_WORK},
                         on_message, &b->peers.tcp, err);
    return rc;
}

void peers_close(struct broker *b)
{
    while (b->peers.list) {
        struct peer *p = b->peers.list;
        b->peers.list = p->next;
        free(p);
    }
    lj_zsock_close(&b->peers.sock, 500, NULL, NULL);
    lj_zsock_close(&b->peers.tcp, 500, NULL, NULL);
}
