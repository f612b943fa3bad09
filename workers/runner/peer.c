/* A peer: one kind of this process at the broker.
 *
 * Three things come and go by themselves and are kept apart: the connection (the socket's monitor
 * tells), the life at the broker (HELLO .. WELCOME .. BYE), and the worker's own resources, usually
 * a database connection. A peer says HELLO only while it is connected and its worker is open, so a
 * worker without a database takes no slots; when the database is lost in a batch, the batch is
 * given back (retry), BYE is said, and HELLO follows the reopening.
 *
 * Every new life (first HELLO, a new connection, WHO, a reopened worker) has a fresh random nonce
 * and forgets queued batches: the broker takes back what the old life held, so an old result could
 * only be late. A WHO while a HELLO is under way is an echo of something sent before it and is
 * passed over; a HELLO without answer is said again after HELLO_PERIOD_US.
 *
 * Batches are queued with the time at which they were seen. One that is past its deadline when its
 * turn comes is dropped: the broker has given it to somebody else. Nothing here waits: sends are
 * DONTWAIT, and a RESULT that cannot be sent is dropped and counted by a log line, because then the
 * connection is gone and the lease with it.
 *
 * libzmq connects again by itself after a connection that broke, but gives it up for good after
 * what it takes for a fault of the other side's protocol: a corrupted byte under CURVE, another
 * service on the port, a key that is not known yet. So a peer that stays unconnected for RENEW_US
 * disconnects the endpoint and connects it again.
 */
#include "workers/runner/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"
#include "proto/wire.h"
#include "workers/runner/judge.h"
#include "workers/runner/socket.h"

enum {
    QUEUE_MAX = 64, /* more than any slots: a broker that sends more is not heard further until
                       there is room */
    HELLO_PERIOD_US = 3000000, /* a HELLO without WELCOME is said again */
    HELLO_SOON_US = 50000,     /* the connection is not ready for sending yet */
    OPEN_FIRST_US = 100000, /* backoff of the worker's open: doubled up to OPEN_LAST_US, half to all
                               of it by chance */
    OPEN_LAST_US = 5000000,
    RENEW_US = 4000000, /* above RECONNECT_IVL_MAX, so that libzmq's own attempts come first; below
                           HEARTBEAT_IVL: a timer left at what was given up aborts in 4.3.4 */
};

enum life { STRANGER, GREETING, GREETED, LEAVING };

struct queued {
    zmq_msg_t body;
    uint64_t seq;
    int64_t seen_us;
};

struct lj_peer {
    const struct lj_peer_cfg *cfg;
    const struct lj_worker *worker;
    struct lj_judge *judge;
    void *sock, *monitor;
    void *state; /* the worker's */
    char name[LJ_NAME_MAX +
              1]; /* process.kind: the broker takes two peers of one name for two boots of one */
    int open, connected, draining;
    enum life life;
    int64_t hello_due_us, open_due_us, open_wait_us, renew_due_us;
    uint64_t seq;
    struct queued queue[QUEUE_MAX];
    size_t first, queued;
};

/* ---- batches that wait ---- */

static void forget_batches(struct lj_peer *p)
{
    for (; p->queued > 0; p->queued--) {
        (void)zmq_msg_close(&p->queue[p->first].body);
        p->first = (p->first + 1) % QUEUE_MAX;
    }
}

/* Takes the message's body over; the caller's body is left empty. */
static void queue_batch(struct lj_peer *p, uint64_t seq, zmq_msg_t *body, int64_t now_us)
{
    struct queued *q = &p->queue[(p->first + p->queued) % QUEUE_MAX];
    (void)zmq_msg_init(&q->body);
    (void)zmq_msg_move(&q->body, body);
    q->seq = seq;
    q->seen_us = now_us;
    p->queued++;
}

/* ---- what is said to the broker ---- */

static int tell(struct lj_peer *p, uint8_t type, uint64_t seq, const struct lj_buf *body)
{
    struct lj_err err = {0};
    int rc = lj_socket_send(p->sock, type, seq, body, &err);
    if (rc < 0)
        lj_log(LJ_WARN, "worker.send_failed", "kind=%s type=%u error=\"%s\"", p->worker->kind, type,
               err.text);
    return rc;
}

/* Half of `us` to all of it, so that many workers of one broker do not come back in step. */
static int64_t with_jitter(int64_t us)
{
    uint32_t r = 0;
    (void)!getrandom(&r, sizeof r, GRND_NONBLOCK); /* no entropy yet: no jitter, that is all */
    return us / 2 + (int64_t)(r % (uint32_t)(us / 2 + 1));
}

static void say_hello(struct lj_peer *p, int64_t now_us)
{
    uint64_t nonce = 0;
    if (getrandom(&nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce) {
        p->hello_due_us = now_us + HELLO_PERIOD_US;
        return;
    }
    struct lj_hello h = {.role = LJ_ROLE_WORKER, .nonce = nonce, .slots = p->cfg->slots};
    h.name = (struct lj_slice){p->name, strlen(p->name)};
    h.kind = (struct lj_slice){p->worker->kind, strlen(p->worker->kind)};
    h.version = (struct lj_slice){p->worker->version, strlen(p->worker->version)};
    struct lj_buf body = {0};
    lj_hello_put(&body, &h);
    struct lj_err err = {0};
    int rc = lj_socket_send(p->sock, LJ_MSG_HELLO, ++p->seq, &body, &err);
    lj_buf_free(&body);
    if (rc == 0)
        p->life = GREETING;
    p->hello_due_us = now_us + (rc == 0 ? HELLO_PERIOD_US : HELLO_SOON_US);
}

static void new_life(struct lj_peer *p)
{
    forget_batches(p);
    p->life = STRANGER;
    p->hello_due_us = 0;
}

static void say_bye(struct lj_peer *p)
{
    if (p->life != GREETED && p->life != GREETING)
        return;
    struct lj_buf empty = {0};
    p->life = tell(p, LJ_MSG_BYE, ++p->seq, &empty) == 0 ? LEAVING : STRANGER;
}

/* ---- the worker's resources ---- */

static void close_worker(struct lj_peer *p)
{
    if (p->open && p->worker->close)
        p->worker->close(&p->state);
    p->state = NULL;
    p->open = 0;
}

static void open_worker(struct lj_peer *p, int64_t now_us)
{
    struct lj_err err = {0};
    struct lj_worker_ctx ctx = {
        .dsn = p->cfg->dsn, .name = p->name, .opinion_bundle = p->cfg->opinion_bundle};
    int rc = p->worker->open ? p->worker->open(&ctx, &p->state, &err) : 0;
    if (rc == 0) {
        p->open = 1;
        p->open_wait_us = 0;
        p->hello_due_us = 0;
        if (p->life == LEAVING)
            new_life(p);
        lj_log(LJ_INFO, "worker.opened", "kind=%s", p->worker->kind);
        return;
    }
    p->state = NULL;
    p->open_wait_us = p->open_wait_us ? p->open_wait_us * 2 : OPEN_FIRST_US;
    if (p->open_wait_us > OPEN_LAST_US)
        p->open_wait_us = OPEN_LAST_US;
    p->open_due_us = now_us + with_jitter(p->open_wait_us);
    lj_log(LJ_WARN, "worker.open_failed", "kind=%s wait_ms=%lld error=\"%s\"", p->worker->kind,
           (long long)((p->open_due_us - now_us) / 1000), err.text);
}

/* ---- what the broker says ---- */

static void on_welcome(struct lj_peer *p, zmq_msg_t *body)
{
    struct lj_welcome w;
    struct lj_err err = {0};
    if (lj_welcome_get(zmq_msg_data(body), zmq_msg_size(body), &w, &err) < 0) {
        lj_log(LJ_WARN, "worker.bad_message", "kind=%s error=\"%s\"", p->worker->kind, err.text);
        return;
    }
    if (p->life == GREETING) {
        p->life = GREETED;
        lj_log(LJ_INFO, "worker.welcomed", "kind=%s broker=%016llx", p->worker->kind,
               (unsigned long long)w.nonce);
    }
}

static void on_error(struct lj_peer *p, zmq_msg_t *body)
{
    struct lj_reader r = lj_reader(zmq_msg_data(body), zmq_msg_size(body));
    int code = (int16_t)lj_read_u16(&r);
    size_t n = 0;
    const char *text = lj_read_str8(&r, &n);
    char raw[256], quoted[512];
    memcpy(raw, text, n < sizeof raw ? n : sizeof raw - 1);
    raw[n < sizeof raw ? n : sizeof raw - 1] = '\0';
    lj_log(LJ_ERROR, "worker.broker_error", "kind=%s code=%s text=%s", p->worker->kind,
           lj_err_info(code)->name, lj_log_quote(raw, quoted, sizeof quoted));
    /* A refused HELLO is said again after its period: what was wrong (a kind not there yet, a key)
     * may be mended meanwhile. */
}

static void on_message(struct lj_peer *p, const struct lj_envelope *env, zmq_msg_t *body,
                       int64_t now_us)
{
    switch (env->type) {
    case LJ_MSG_BATCH: /* one of an earlier life, still in the socket, is nobody's any more */
        if (p->life == GREETED || p->life == LEAVING)
            queue_batch(p, env->seq, body, now_us);
        break;
    case LJ_MSG_WELCOME:
        on_welcome(p, body);
        break;
    case LJ_MSG_WHO:
        if (p->life != GREETING)
            new_life(p);
        break;
    case LJ_MSG_BYE:
        if (p->life == LEAVING)
            p->life = STRANGER;
        break;
    case LJ_MSG_ERROR:
        on_error(p, body);
        break;
    default:
        lj_log(LJ_WARN, "worker.bad_message", "kind=%s type=%u", p->worker->kind, env->type);
    }
}

static void read_connection(struct lj_peer *p)
{
    for (;;) {
        int event = lj_socket_monitor_next(p->monitor);
        if (event == 0)
            return;
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            p->connected = 1;
            new_life(p);
            lj_log(LJ_INFO, "worker.connected", "kind=%s", p->worker->kind);
        } else if (event == ZMQ_EVENT_DISCONNECTED && p->connected) {
            p->connected = 0;
            p->renew_due_us = 0;
            new_life(p);
            lj_log(LJ_WARN, "worker.disconnected", "kind=%s", p->worker->kind);
        } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ||
                   event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
            lj_log(LJ_ERROR, "worker.handshake_failed", "kind=%s event=%d", p->worker->kind, event);
        }
    }
}

void lj_peer_read(struct lj_peer *p, int64_t now_us)
{
    read_connection(p);
    while (p->queued < QUEUE_MAX) {
        struct lj_envelope env;
        zmq_msg_t body;
        struct lj_err err = {0};
        (void)zmq_msg_init(&body);
        int rc = lj_socket_receive(p->sock, &env, &body, &err);
        if (rc == 1)
            on_message(p, &env, &body, now_us);
        else if (rc < 0)
            lj_log(LJ_WARN, "worker.bad_message", "kind=%s error=\"%s\"", p->worker->kind,
                   err.text);
        (void)zmq_msg_close(&body);
        if (rc == 0)
            return;
    }
}

/* Not connected for too long: a new connection in place of one that libzmq may have given up. */
static void renew_connection(struct lj_peer *p, int64_t now_us)
{
    if (p->renew_due_us && now_us >= p->renew_due_us) {
        (void)zmq_disconnect(p->sock, p->cfg->endpoint);
        if (zmq_connect(p->sock, p->cfg->endpoint) != 0)
            lj_log(LJ_WARN, "worker.not_renewed", "kind=%s error=\"%s\"", p->worker->kind,
                   zmq_strerror(zmq_errno()));
        p->renew_due_us = 0;
    }
    if (!p->renew_due_us)
        p->renew_due_us = now_us + RENEW_US;
}

void lj_peer_tick(struct lj_peer *p, int64_t now_us)
{
    if (!p->connected)
        renew_connection(p, now_us);
    if (!p->open && !p->draining && now_us >= p->open_due_us)
        open_worker(p, now_us);
    if (p->open && p->connected && !p->draining && (p->life == STRANGER || p->life == GREETING) &&
        now_us >= p->hello_due_us)
        say_hello(p, now_us);
}

int64_t lj_peer_due(const struct lj_peer *p)
{
    int64_t due = p->connected ? INT64_MAX : p->renew_due_us;
    if (p->draining)
        return INT64_MAX;
    if (!p->open)
        return p->open_due_us < due ? p->open_due_us : due;
    if (p->connected && (p->life == STRANGER || p->life == GREETING))
        return p->hello_due_us;
    return due;
}

/* ---- work ---- */

void lj_peer_reload(struct lj_peer *p)
{
    if (p->open && p->worker->reload)
        p->worker->reload(p->state);
}

int lj_peer_has_work(const struct lj_peer *p)
{
    return p->queued > 0;
}

int lj_peer_work(struct lj_peer *p)
{
    if (p->queued == 0)
        return 0;
    struct queued *q = &p->queue[p->first];
    p->first = (p->first + 1) % QUEUE_MAX;
    p->queued--;
    struct lj_verdict v = {0};
    int rc = lj_judge_batch(p->judge, p->open ? &p->state : NULL, zmq_msg_data(&q->body),
                            zmq_msg_size(&q->body), q->seen_us, &v);
    (void)zmq_msg_close(&q->body);
    if (rc == 1)
        (void)tell(p, LJ_MSG_RESULT, q->seq, v.body);
    if (v.reopen && p->open) {
        lj_log(LJ_WARN, "worker.lost", "kind=%s", p->worker->kind);
        say_bye(p);
        close_worker(p);
        p->open_due_us = lj_mono_us() + with_jitter(OPEN_FIRST_US);
    }
    return 1;
}

void lj_peer_drain(struct lj_peer *p)
{
    p->draining = 1;
    say_bye(p);
}

int lj_peer_drained(const struct lj_peer *p)
{
    return p->queued == 0 && (!p->connected || p->life == STRANGER);
}

/* ---- life of the object ---- */

void lj_peer_items(const struct lj_peer *p, zmq_pollitem_t items[LJ_PEER_ITEMS])
{
    items[0] = (zmq_pollitem_t){.socket = p->monitor, .events = ZMQ_POLLIN};
    /* With the queue full the socket is not read, so it must not wake the loop either. */
    items[1] =
        (zmq_pollitem_t){.socket = p->sock, .events = p->queued < QUEUE_MAX ? ZMQ_POLLIN : 0};
}

int lj_peer_open(void *zctx, const struct lj_peer_cfg *cfg, const struct lj_worker *worker,
                 struct lj_peer **ret, struct lj_err *err)
{
    struct lj_peer *p = calloc(1, sizeof *p);
    if (!p)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a peer");
    p->cfg = cfg;
    p->worker = worker;
    int n = snprintf(p->name, sizeof p->name, "%s.%s", cfg->name, worker->kind);
    int rc =
        n > 0 && (size_t)n < sizeof p->name
            ? 0
            : lj_fail(err, LJ_E_CONFIG, "name %s is too long for kind %s", cfg->name, worker->kind);
    if (rc == 0)
        rc = lj_judge_open(worker, &p->judge, err);
    if (rc < 0)
        goto fail;
    rc = lj_socket_open(zctx, cfg, &p->sock, &p->monitor, err);
    if (rc < 0)
        goto fail;
    *ret = p;
    return 0;
fail:
    lj_peer_close(&p);
    return rc;
}

void lj_peer_close(struct lj_peer **pp)
{
    struct lj_peer *p = *pp;
    if (!p)
        return;
    forget_batches(p);
    lj_socket_close(&p->sock, &p->monitor);
    close_worker(p);
    lj_judge_close(&p->judge);
    free(p);
    *pp = NULL;
}
