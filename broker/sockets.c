/* The broker's sockets: the options every one of them has, and trust on TCP.
 *
 * libzmq's defaults are open and silent: unlimited messages, no heartbeats, endless linger, sends
 * to nowhere that succeed. Everything that matters is set before bind. High-water marks are never
 * the thing that limits a peer: the protocol's own windows and slots are (PROTOCOL.md), so reaching
 * one is counted as a fault. A TCP endpoint is CURVE with a ZAP domain that fails closed
 * (common/curve.h), or the broker does not start.
 */
#include "broker/broker.h"

static int set_int(void *sock, int option, int value)
{
    return zmq_setsockopt(sock, option, &value, sizeof value);
}

static const struct {
    int option, value;
} socket_options[] = {
    {ZMQ_LINGER, 500},          {ZMQ_RCVHWM, 1000},
    {ZMQ_HEARTBEAT_IVL, 5000},  {ZMQ_HEARTBEAT_TIMEOUT, 15000},
    {ZMQ_HEARTBEAT_TTL, 15000}, {ZMQ_HANDSHAKE_IVL, 5000},
    {ZMQ_TCP_KEEPALIVE, 1},     {ZMQ_BACKLOG, 1024},
};

int broker_bind(struct broker *b, const struct endpoint *e, lj_zsock_cb cb, struct lj_zsock **ret,
                struct lj_err *err)
{
    char name[512];
    int64_t most = e->door == LJ_DOOR_WORK ? LJ_WORK_BYTES_MAX : LJ_BODY_BYTES_MAX + 65536;
    if (e->ipc_file)
        (void)snprintf(name, sizeof name, "ipc://%s/%s", b->cfg.run_dir, e->ipc_file);
    else
        (void)snprintf(name, sizeof name, "%s", e->tcp);
    void *sock = zmq_socket(b->zctx, e->type);
    if (!sock)
        return lj_fail_errno(err, LJ_E_IO, zmq_errno(), "cannot make a socket for %s", name);
    int bad = zmq_setsockopt(sock, ZMQ_MAXMSGSIZE, &most, sizeof most);
    for (size_t i = 0; i < sizeof socket_options / sizeof socket_options[0]; i++)
        bad |= set_int(sock, socket_options[i].option, socket_options[i].value);
    /* What a peer that does not read may cost: full, its ACKs are lost and it asks again, its
     * stream has a gap and it reads the log. */
    bad |= set_int(sock, ZMQ_SNDHWM, e->door == LJ_DOOR_WORK ? 1000 : 400);
    if (e->type == ZMQ_ROUTER) /* before bind, else it has no effect and sends vanish */
        bad |= set_int(sock, ZMQ_ROUTER_MANDATORY, 1);
    int rc =
        bad ? lj_fail_errno(err, LJ_E_IO, zmq_errno(), "cannot set the options of %s", name) : 0;
    if (rc == 0 && e->tcp)
        rc = lj_curve_server(sock, &b->keys, e->door, err);
    if (rc == 0 && zmq_bind(sock, name))
        rc = lj_fail_errno(err, LJ_E_IO, zmq_errno(), "cannot bind %s", name);
    if (rc == 0)
        rc = lj_zsock_open(b->zloop, sock, e->type == ZMQ_XPUB ? 1 : 3, cb, b, ret, err);
    if (rc)
        zmq_close(sock);
    return rc;
}

int broker_trust(struct broker *b, struct lj_err *err)
{
    if (!b->cfg.intake_tcp && !b->cfg.work_tcp && !b->cfg.stream_tcp)
        return 0;
    if (!b->cfg.curve_secret || !b->cfg.peers_file)
        return lj_fail(
            err, LJ_E_CONFIG,
            "a TCP endpoint needs --curve-secret and --peers: without them anybody could connect");
    int rc = lj_keypair_read(b->cfg.curve_secret, &b->keys, err);
    if (rc == 0)
        rc = lj_curve_open(b->zloop, b->zctx, b->cfg.peers_file, &b->curve, err);
    return rc ? rc : lj_curve_self_test(b->curve, b->loop, 5000, err);
}
