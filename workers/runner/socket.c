/* The DEALER socket of a peer and its monitor.
 *
 * Options are all explicit, because libzmq's defaults suit nobody here: heartbeats notice a
 * half-open connection (default: never), LINGER is bounded so that closing cannot hang, the size of
 * a frame is limited before memory is taken, and reconnecting backs off (libzmq adds its own jitter
 * to the interval). Not IMMEDIATE: with it libzmq 4.3.4 aborts the process when a connection ends
 * while half a message has been read (fq.cpp).
 *
 * The monitor tells about handshakes: ZeroMQ reconnects silently, but a broker that was restarted
 * does not know this peer and would never send it anything, so each new connection must be answered
 * with a HELLO.
 *
 * Guarantees: nothing here blocks; a message of other than two frames is read away whole and
 * reported once.
 */
#include "workers/runner/socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/failpoint.h"

struct option {
    int name, value;
};

/* source: docs/contracts.md and PROTOCOL.md: heartbeats 5 s, timeout and TTL 15 s (a TTL above 65.5
 * s breaks). */
static const struct option options[] = {
    {ZMQ_LINGER, 1000},
    {ZMQ_SNDHWM, 1000},
    {ZMQ_RCVHWM, 1000},
    {ZMQ_RECONNECT_IVL, 100},
    {ZMQ_RECONNECT_IVL_MAX, 3000},
    {ZMQ_HANDSHAKE_IVL, 5000},
    {ZMQ_HEARTBEAT_IVL, 5000},
    {ZMQ_HEARTBEAT_TIMEOUT, 15000},
    {ZMQ_HEARTBEAT_TTL, 15000},
};

static int set_options(void *sock, const struct lj_peer_cfg *cfg, struct lj_err *err)
{
    int64_t size = LJ_WORK_BYTES_MAX;
    if (zmq_setsockopt(sock, ZMQ_MAXMSGSIZE, &size, sizeof size) != 0)
        return lj_fail(err, LJ_E_IO, "socket option %d: %s", ZMQ_MAXMSGSIZE, zmq_strerror(errno));
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (zmq_setsockopt(sock, options[i].name, &options[i].value, sizeof options[i].value) != 0)
            return lj_fail(err, LJ_E_IO, "socket option %d: %s", options[i].name,
                           zmq_strerror(errno));
    return cfg->keys ? lj_curve_client(sock, cfg->keys, cfg->server_key, err) : 0;
}

static int open_monitor(void *zctx, void *sock, void **ret, struct lj_err *err)
{
    char endpoint[64];
    (void)snprintf(endpoint, sizeof endpoint, "inproc://monitor-%p", sock);
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_DISCONNECTED;
    if (zmq_socket_monitor(sock, endpoint, events) != 0)
        return lj_fail(err, LJ_E_IO, "socket monitor: %s", zmq_strerror(errno));
    int none = 0;
    *ret = zmq_socket(zctx, ZMQ_PAIR);
    if (!*ret || zmq_setsockopt(*ret, ZMQ_LINGER, &none, sizeof none) != 0 ||
        zmq_connect(*ret, endpoint) != 0)
        return lj_fail(err, LJ_E_IO, "socket monitor: %s", zmq_strerror(errno));
    return 0;
}

int lj_socket_open(void *zctx, const struct lj_peer_cfg *cfg, void **ret_sock, void **ret_monitor,
                   struct lj_err *err)
{
    void *monitor = NULL;
    void *sock = zmq_socket(zctx, ZMQ_DEALER);
    if (!sock)
        return lj_fail(err, LJ_E_IO, "socket: %s", zmq_strerror(errno));
    int rc = set_options(sock, cfg, err);
    if (rc == 0)
        rc = open_monitor(zctx, sock, &monitor, err);
    if (rc == 0 && zmq_connect(sock, cfg->endpoint) != 0)
        rc = lj_fail(err, LJ_E_CONFIG, "endpoint %s: %s", cfg->endpoint, zmq_strerror(errno));
    if (rc < 0) {
        lj_socket_close(&sock, &monitor);
        return rc;
    }
    *ret_sock = sock;
    *ret_monitor = monitor;
    return 0;
}

void lj_socket_close(void **sock, void **monitor)
{
    if (*sock) {
        (void)zmq_socket_monitor(*sock, NULL, 0);
        (void)zmq_close(*sock);
    }
    if (*monitor)
        (void)zmq_close(*monitor);
    *sock = NULL;
    *monitor = NULL;
}

int lj_socket_send(void *sock, uint8_t type, uint64_t seq, const struct lj_buf *body,
                   struct lj_err *err)
{
    uint8_t envelope[LJ_ENVELOPE_SIZE];
    if (body->failed)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a message");
    lj_envelope_put(envelope, type, seq);
    if (zmq_send(sock, envelope, sizeof envelope, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return lj_fail(err, errno == EAGAIN ? LJ_E_CLOSED : LJ_E_IO, "send: %s",
                       zmq_strerror(errno));
    if (type == LJ_MSG_RESULT)
        LJ_FAILPOINT("worker.result.half");
    if (zmq_send(sock, body->len ? (const void *)body->data : "", body->len, ZMQ_DONTWAIT) < 0)
        return lj_fail(err, errno == EAGAIN ? LJ_E_CLOSED : LJ_E_IO, "send: %s",
                       zmq_strerror(errno));
    if (type == LJ_MSG_RESULT)
        LJ_FAILPOINT("worker.result.sent");
    return 0;
}

/* Reads the rest of a message away. Returns how many frames that were. */
static size_t read_away(void *sock)
{
    size_t frames = 0;
    int more = 1;
    while (more) {
        zmq_msg_t m;
        (void)zmq_msg_init(&m);
        more = zmq_msg_recv(&m, sock, ZMQ_DONTWAIT) >= 0 && ++frames && zmq_msg_more(&m);
        (void)zmq_msg_close(&m);
    }
    return frames;
}

int lj_socket_receive(void *sock, struct lj_envelope *ret, zmq_msg_t *ret_body, struct lj_err *err)
{
    zmq_msg_t head;
    (void)zmq_msg_init(&head);
    int rc = 1;
    if (zmq_msg_recv(&head, sock, ZMQ_DONTWAIT) < 0) {
        rc = errno == EAGAIN || errno == EINTR
                 ? 0
                 : lj_fail(err, LJ_E_IO, "receive: %s", zmq_strerror(errno));
    } else if (!zmq_msg_more(&head)) {
        rc = lj_fail(err, LJ_E_PROTOCOL, "a message of one frame, two are needed");
    } else if (zmq_msg_recv(ret_body, sock, ZMQ_DONTWAIT) < 0) {
        rc = lj_fail(err, LJ_E_IO, "receive: %s", zmq_strerror(errno));
    } else if (zmq_msg_more(ret_body)) {
        rc = lj_fail(err, LJ_E_PROTOCOL, "a message of %zu frames, two are needed",
                     2 + read_away(sock));
    } else {
        int bad = lj_envelope_get(zmq_msg_data(&head), zmq_msg_size(&head), ret, err);
        rc = bad < 0 ? bad : 1;
    }
    (void)zmq_msg_close(&head);
    return rc;
}

int lj_socket_monitor_next(void *monitor)
{
    zmq_msg_t m;
    uint16_t event = 0;
    (void)zmq_msg_init(&m);
    if (zmq_msg_recv(&m, monitor, ZMQ_DONTWAIT) >= (int)sizeof event) {
        memcpy(&event, zmq_msg_data(&m),
               sizeof event); /* native order: libzmq wrote it in this process */
        if (zmq_msg_more(&m))
            (void)read_away(monitor);
    }
    (void)zmq_msg_close(&m);
    return event;
}
