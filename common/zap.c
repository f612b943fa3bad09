/* The ZAP handler: libzmq asks it on inproc://zeromq.zap.01 before a CURVE peer's connection stands
 * (RFC 27).
 *
 * It is an ordinary ROUTER socket on the loop, so there is no thread and no lock around the table
 * of peers. A request is answered at once: 200 with the peer's name as User-Id when the key is
 * known and its role fits the door (the ZAP domain), else a refusal. A request that is no ZAP
 * request, another domain, or another mechanism than CURVE is refused too. Nothing here can open a
 * door: while the handler is not there, or is slow, connections are refused or wait
 * (lj_curve_server).
 *
 * Refusals are 300, not 400: after 400 libzmq's client side gives the connection up for good, so
 * that a peer whose key is entered later would have to be restarted; after 300 it tries again with
 * its reconnect interval.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/curve_part.h"
#include "common/log.h"

/* Frames of a request at a ROUTER: routing id, empty, then these. */
enum {
    F_ROUTE,
    F_EMPTY,
    F_VERSION,
    F_REQUEST,
    F_DOMAIN,
    F_ADDRESS,
    F_IDENTITY,
    F_MECHANISM,
    F_KEY,
    F_COUNT
};
enum { MAX_FRAMES = 16, PATH_BYTES = 4096, ADDRESS_SHOWN = 64 };

struct lj_curve {
    struct lj_zsock *sock;
    void *context;
    char *path;
    struct lj_curve_peers peers;
    struct lj_curve_stats stats;
    void (*close_cb)(void *arg);
    void *close_arg;
};

static int frame_is(zmq_msg_t *m, const char *text)
{
    return zmq_msg_size(m) == strlen(text) && memcmp(zmq_msg_data(m), text, zmq_msg_size(m)) == 0;
}

static int send_frame(void *socket, const void *p, size_t n, int more)
{
    return zmq_send(socket, p, n, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0 ? -1 : 0;
}

static void reply(struct lj_curve *zap, zmq_msg_t *m, const struct lj_curve_peer *peer)
{
    void *s = lj_zsock_raw(zap->sock);
    const char *code = peer ? "200" : "300";
    const char *text = peer ? "OK" : "not known here";
    const char *user = peer ? peer->name : "";
    /* Only the first frame can fail (no such asker any more, or no room): then the rest must not be
     * sent, it would be taken as an address. */
    if (send_frame(s, zmq_msg_data(&m[F_ROUTE]), zmq_msg_size(&m[F_ROUTE]), 1) != 0)
        return;
    send_frame(s, "", 0, 1);
    send_frame(s, "1.0", 3, 1);
    send_frame(s, zmq_msg_data(&m[F_REQUEST]), zmq_msg_size(&m[F_REQUEST]), 1);
    send_frame(s, code, 3, 1);
    send_frame(s, text, strlen(text), 1);
    send_frame(s, user, strlen(user), 1);
    send_frame(s, "", 0, 0);
}

static int door_of(zmq_msg_t *domain)
{
    for (int d = LJ_DOOR_INTAKE; d <= LJ_DOOR_STREAM; d++) {
        if (frame_is(domain, lj_door_domain((enum lj_door)d)))
            return d;
    }
    return -1;
}

/* The peer that may come in, or NULL; *ret_count is the counter of why not. */
static const struct lj_curve_peer *judge(struct lj_curve *zap, zmq_msg_t *m, int n,
                                         uint64_t **ret_count)
{
    int door = door_of(&m[F_DOMAIN]);
    *ret_count = &zap->stats.wrong_mechanism;
    if (door < 0 || n != F_COUNT || !frame_is(&m[F_MECHANISM], "CURVE") ||
        zmq_msg_size(&m[F_KEY]) != 32)
        return NULL;
    const struct lj_curve_peer *peer = lj_curve_peers_by_key(&zap->peers, zmq_msg_data(&m[F_KEY]));
    *ret_count = &zap->stats.unknown_key;
    if (!peer)
        return NULL;
    *ret_count = &zap->stats.wrong_door;
    if (!lj_curve_may(peer, (enum lj_door)door))
        return NULL;
    *ret_count = &zap->stats.accepted;
    return peer;
}

static void log_refusal(zmq_msg_t *m)
{
    char address[ADDRESS_SHOWN], quoted[2 * ADDRESS_SHOWN];
    size_t n = zmq_msg_size(&m[F_ADDRESS]) < sizeof address - 1 ? zmq_msg_size(&m[F_ADDRESS])
                                                                : sizeof address - 1;
    memcpy(address, zmq_msg_data(&m[F_ADDRESS]), n);
    address[n] = '\0';
    lj_log(LJ_WARN, "zap_refused", "address=%s", lj_log_quote(address, quoted, sizeof quoted));
}

static void on_request(struct lj_zsock *sock, void *msgs, int n, void *arg)
{
    (void)sock;
    struct lj_curve *zap = arg;
    zmq_msg_t *m = msgs;
    if (n <= F_MECHANISM || zmq_msg_size(&m[F_EMPTY]) != 0 || !frame_is(&m[F_VERSION], "1.0")) {
        zap->stats.malformed++;
        return;
    }
    uint64_t *count;
    const struct lj_curve_peer *peer = judge(zap, m, n, &count);
    (*count)++;
    if (!peer)
        log_refusal(m);
    reply(zap, m, peer);
}

static void zap_free(void *arg)
{
    struct lj_curve *zap = arg;
    void (*cb)(void *) = zap->close_cb;
    void *cb_arg = zap->close_arg;
    lj_curve_peers_free(&zap->peers);
    free(zap->path);
    free(zap);
    if (cb)
        cb(cb_arg);
}

static int bind_socket(struct lj_curve *zap, struct lj_zloop *z, struct lj_err *err)
{
    void *s = zmq_socket(zap->context, ZMQ_ROUTER);
    int one = 1, zero = 0;
    if (!s)
        return lj_fail(err, LJ_E_IO, "ZAP socket: %s", zmq_strerror(errno));
    int rc = 0;
    if (zmq_setsockopt(s, ZMQ_ROUTER_MANDATORY, &one, sizeof one) != 0 ||
        zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero) != 0 ||
        zmq_bind(s, "inproc://zeromq.zap.01") != 0)
        rc = lj_fail(err, LJ_E_IO, "ZAP socket: %s", zmq_strerror(errno));
    if (rc == 0)
        rc = lj_zsock_open(z, s, MAX_FRAMES, on_request, zap, &zap->sock, err);
    if (rc != 0)
        zmq_close(s);
    return rc;
}

int lj_curve_open(struct lj_zloop *z, void *context, const char *peers_path, struct lj_curve **ret,
                  struct lj_err *err)
{
    struct lj_curve *zap = calloc(1, sizeof *zap);
    if (!zap)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the ZAP handler");
    zap->context = context;
    zap->path = strndup(peers_path, PATH_BYTES);
    int rc = zap->path ? lj_curve_peers_read(zap->path, &zap->peers, err)
                       : lj_fail(err, LJ_E_NOMEM, "no memory for the ZAP handler");
    if (rc == 0)
        rc = bind_socket(zap, z, err);
    if (rc != 0) {
        zap_free(zap);
        return rc;
    }
    *ret = zap;
    return 0;
}

int lj_curve_reload(struct lj_curve *zap, struct lj_err *err)
{
    struct lj_curve_peers fresh;
    int rc = lj_curve_peers_read(zap->path, &fresh, err);
    if (rc != 0)
        return rc;
    lj_curve_peers_free(&zap->peers);
    zap->peers = fresh;
    return 0;
}

const struct lj_curve_peer *lj_curve_find(const struct lj_curve *zap, const char *name)
{
    return name ? lj_curve_peers_by_name(&zap->peers, name) : NULL;
}

int lj_curve_peer_of(const struct lj_curve *zap, void *frame, struct lj_curve_peer *ret)
{
    const struct lj_curve_peer *p = zap ? lj_curve_find(zap, zmq_msg_gets(frame, "User-Id")) : NULL;
    if (!p)
        return LJ_E_AUTH;
    *ret = *p;
    return 0;
}

void lj_curve_stats(const struct lj_curve *zap, struct lj_curve_stats *ret)
{
    *ret = zap->stats;
    ret->peers = zap->peers.count;
}

void lj_curve_close(struct lj_curve **zp, void (*cb)(void *arg), void *arg)
{
    struct lj_curve *zap = *zp;
    if (!zap)
        return;
    zap->close_cb = cb;
    zap->close_arg = arg;
    *zp = NULL;
    lj_zsock_close(&zap->sock, 0, zap_free, zap);
}

/* ---- the self-test ---- */

struct knock {
    void *server, *monitor,
        *client; /* one pair for each way of knocking: so a verdict belongs to one client */
};

static int knock_open(struct knock *k, void *context, const struct lj_keypair *server_key,
                      const struct lj_keypair *client_key, const char *monitor, struct lj_err *err)
{
    int zero = 0;
    char endpoint[64], watch[128];
    size_t n = sizeof endpoint;
    /* A name of its own each time: libzmq lets the last one go in its own thread, some time later.
     */
    (void)snprintf(watch, sizeof watch, "%s-%lld", monitor, (long long)lj_mono_us());
    k->server = zmq_socket(context, ZMQ_ROUTER);
    k->client = zmq_socket(context, ZMQ_DEALER);
    k->monitor = zmq_socket(context, ZMQ_PAIR);
    if (!k->server || !k->client || !k->monitor)
        return lj_fail(err, LJ_E_IO, "self-test socket: %s", zmq_strerror(errno));
    void *all[] = {k->server, k->client, k->monitor};
    for (int i = 0; i < 3; i++)
        zmq_setsockopt(all[i], ZMQ_LINGER, &zero, sizeof zero);
    int rc = lj_curve_server(k->server, server_key, LJ_DOOR_INTAKE, err);
    if (rc == 0 && client_key)
        rc = lj_curve_client(k->client, client_key, server_key->public_key, err);
    if (rc != 0)
        return rc;
    if (zmq_socket_monitor(k->server, watch,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) != 0 ||
        zmq_connect(k->monitor, watch) != 0 || zmq_bind(k->server, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(k->server, ZMQ_LAST_ENDPOINT, endpoint, &n) != 0 ||
        zmq_connect(k->client, endpoint) != 0)
        return lj_fail(err, LJ_E_IO, "self-test socket: %s", zmq_strerror(errno));
    return 0;
}

static void knock_close(struct knock *k)
{
    if (k->server)
        zmq_socket_monitor(k->server, NULL, 0);
    void *all[] = {k->client, k->server, k->monitor};
    for (int i = 0; i < 3; i++) {
        if (all[i])
            zmq_close(all[i]);
    }
}

/* 0 = refused, LJ_E_AUTH = let in, LJ_E_TIMEOUT = neither. The loop runs meanwhile, for it answers
 * the ZAP request. */
static int knock_verdict(struct knock *k, uv_loop_t *loop, int timeout_ms, const char *who,
                         struct lj_err *err)
{
    for (int64_t end = lj_mono_us() + timeout_ms * 1000LL; lj_mono_us() < end;) {
        zmq_pollitem_t item = {.socket = k->monitor, .events = ZMQ_POLLIN};
        uv_run(loop, UV_RUN_NOWAIT);
        if (zmq_poll(&item, 1, 1) <= 0)
            continue;
        uint8_t event[6], address[256];
        if (zmq_recv(k->monitor, event, sizeof event, 0) != (int)sizeof event)
            continue;
        zmq_recv(k->monitor, address, sizeof address, 0);
        uint16_t what;
        memcpy(&what, event, sizeof what); /* the monitor speaks in the machine's own order */
        if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return lj_fail(err, LJ_E_AUTH, "self-test: %s was let in", who);
        return 0;
    }
    return lj_fail(err, LJ_E_TIMEOUT, "self-test: no verdict on %s within %d ms", who, timeout_ms);
}

int lj_curve_self_test(struct lj_curve *zap, uv_loop_t *loop, int timeout_ms, struct lj_err *err)
{
    struct lj_keypair server, stranger;
    if (zmq_curve_keypair(server.public_key, server.secret_key) != 0 ||
        zmq_curve_keypair(stranger.public_key, stranger.secret_key) != 0)
        return lj_fail(err, LJ_E_IO, "this libzmq has no CURVE");
    const struct {
        const char *who, *monitor;
        const struct lj_keypair *key;
    } knocks[] = {
        {"a client without CURVE", "inproc://lj-self-test-null", NULL},
        {"a client with an unknown key", "inproc://lj-self-test-key", &stranger},
    };
    uint64_t refused = zap->stats.unknown_key;
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        struct knock k = {0};
        rc = knock_open(&k, zap->context, &server, knocks[i].key, knocks[i].monitor, err);
        if (rc == 0)
            rc = knock_verdict(&k, loop, timeout_ms, knocks[i].who, err);
        knock_close(&k);
    }
    if (rc == 0 && zap->stats.unknown_key == refused)
        rc = lj_fail(err, LJ_E_AUTH, "self-test: the ZAP handler was never asked");
    return rc;
}
