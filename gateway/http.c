/* HTTP on the loop: libmicrohttpd's epoll fd in one uv_poll.
 *
 * The library runs no thread: its epoll fd is watched, MHD_run does what is to do. That fd alone is
 * not enough: after every run the library is asked when it wants to run again (0 means at once: an
 * idle handle does it; else a timer), because bytes that stand in its own buffers make no fd
 * readable. Deferred replies use suspend and resume; a resume makes no fd readable either, so it
 * starts the idle handle.
 *
 * Body: bytes are gathered up to body_max. A request that is refused early has its body read away
 * (up to drain_bytes) before the refusal is sent: closing on a client that is still writing would
 * reset the connection, and it might never see why. With `Expect: 100-continue` it is told at once.
 * Past drain_bytes a bare status goes out and the connection ends.
 *
 * Every request that reached `head` gets exactly one `done`. */
#include "gateway/http_part.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

enum {
    CONNECTION_MEMORY = 32768, /* read buffer, header table, reply head: room to see a head that is
                                  twice the limit and say so */
    SWEEP_MS = 500,
    BACKLOG = 4096,
    MHD_TIMEOUT_S = 75, /* a net below our own deadlines */
};

static void pump(struct lj_http *h);

const char *lj_req_header(struct lj_req *rq, const char *name)
{
    return MHD_lookup_connection_value(rq->priv->conn->mhd, MHD_HEADER_KIND, name);
}

const char *lj_req_query(struct lj_req *rq, const char *name)
{
    const char *value = NULL;
    if (MHD_lookup_connection_value_n(rq->priv->conn->mhd, MHD_GET_ARGUMENT_KIND, name,
                                      strlen(name), &value, NULL) != MHD_YES) {
        return NULL;
    }
    return value ? value : "";
}

static struct lj_req *req_new(struct lj_http_conn *conn, const char *method)
{
    struct lj_req *rq = calloc(1, sizeof *rq);
    struct lj_http_priv *p = calloc(1, sizeof *p);
    if (!rq || !p) {
        free(rq);
        free(p);
        return NULL;
    }
    rq->priv = p;
    rq->method = method;
    rq->loopback = conn->loopback;
    rq->started_us = lj_mono_us();
    p->http = conn->http;
    p->conn = conn;
    p->counted = true;
    conn->http->busy++;
    conn->rq = rq;
    conn->requests++;
    conn->body_bytes = 0;
    return rq;
}

static void refuse(struct lj_req *rq, const struct lj_err *why, bool close)
{
    rq->priv->close = rq->priv->close || close;
    rq->priv->http->ops->refuse(rq, why, rq->priv->http->arg);
}

/* The head is there: check it, let the program look at it. */
static enum MHD_Result on_head(struct lj_http_conn *conn, struct lj_req *rq, const char *url,
                               const char *version)
{
    struct lj_http *h = conn->http;
    struct lj_err err = {0};
    if (lj_http_head_check(conn, url, version, rq, &err) != 0) {
        h->stats.malformed++;
        refuse(rq, &err, true);
        return lj_http_reply_queue(rq);
    }
    lj_http_conn_phase(conn, LJ_CONN_BODY);
    h->ops->head(rq, h->arg);
    if (lj_req_replied(rq) && rq->priv->expect) {
        return lj_http_reply_queue(
            rq); /* the client waits for leave to send its body: this is the answer */
    }
    /* A refusal waits for the request's end too: the library closes the connection behind a reply
     * that comes before it. */
    rq->priv->discarding = lj_req_replied(rq);
    return MHD_YES;
}

static enum MHD_Result on_body(struct lj_req *rq, const char *data, size_t *size)
{
    struct lj_http_priv *p = rq->priv;
    size_t n = *size;
    p->body_seen += n;
    p->conn->body_bytes += n;
    *size = 0;
    if (!p->discarding && rq->body_max && p->body_seen > rq->body_max) {
        struct lj_err err = {0};
        lj_fail(&err, LJ_E_TOO_LARGE, "the body is larger than %zu bytes", rq->body_max);
        refuse(rq, &err, false);
        lj_buf_free(&rq->body);
        p->discarding = true;
    }
    if (p->discarding || !rq->body_max) {
        if (p->body_seen <= (uint64_t)p->http->limits.drain_bytes) {
            return MHD_YES;
        }
        if (lj_req_replied(rq)) {
            lj_http_reply_raw(rq);
        }
        return MHD_NO;
    }
    lj_buf_put(&rq->body, data, n);
    if (rq->body.failed) {
        struct lj_err err = {0};
        lj_fail(&err, LJ_E_NOMEM, "no memory for a body of %llu bytes",
                (unsigned long long)p->body_seen);
        refuse(rq, &err, true);
        lj_buf_free(&rq->body);
        p->discarding = true;
    }
    return MHD_YES;
}

/* All of the request is there, or a suspended one has its reply now. */
static enum MHD_Result on_complete(struct lj_req *rq)
{
    struct lj_http_priv *p = rq->priv;
    if (!lj_req_replied(rq) && !p->ready_called) {
        p->ready_called = true;
        lj_http_conn_phase(p->conn, LJ_CONN_WORK);
        p->http->ops->ready(rq, p->http->arg);
    }
    if (lj_req_replied(rq)) {
        return lj_http_reply_queue(rq);
    }
    if (rq->status) {
        return MHD_NO; /* a reply was made but not its response: no memory */
    }
    lj_http_suspend(rq);
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **ctx)
{
    (void)cls;
    struct lj_req *rq = *ctx;
    if (rq) {
        return *size ? on_body(rq, data, size) : on_complete(rq);
    }
    struct lj_http_conn *conn = lj_http_conn_of(mhd);
    if (!conn) {
        return MHD_NO;
    }
    rq = req_new(conn, method);
    if (!rq) {
        return MHD_NO;
    }
    *ctx = rq;
    return on_head(conn, rq, url, version);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **ctx,
                         enum MHD_RequestTerminationCode code)
{
    struct lj_http *h = cls;
    struct lj_req *rq = *ctx;
    (void)mhd;
    (void)code;
    if (!rq) {
        return;
    }
    *ctx = NULL;
    h->ops->done(rq, h->arg);
    if (rq->priv->counted) {
        h->busy--;
    }
    if (rq->priv->response) {
        MHD_destroy_response(rq->priv->response);
    }
    lj_http_conn_phase(rq->priv->conn, LJ_CONN_IDLE);
    rq->priv->conn->rq = NULL;
    lj_buf_free(&rq->body);
    free(rq->priv);
    free(rq);
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    (void)cls;
    struct lj_http_conn *conn = lj_http_conn_of(mhd);
    if (conn) {
        conn->uri_len = strlen(uri);
        conn->uri_end = uri + conn->uri_len;
    }
    return NULL;
}

static void on_timer(uv_timer_t *t)
{
    pump(t->data);
}

static void on_again(uv_idle_t *i)
{
    pump(i->data);
}

void lj_http_kick(struct lj_http *h)
{
    if (h->daemon) {
        uv_idle_start(&h->again, on_again);
    }
}

static void on_epoll(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    pump(p->data);
}

static void on_sweep(uv_timer_t *t)
{
    lj_http_conn_sweep(t->data);
    pump(t->data);
}

static void pump(struct lj_http *h)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    if (h->running || !h->daemon) {
        return;
    }
    h->running = true;
    MHD_run(h->daemon);
    h->running = false;
    if (MHD_get_timeout(h->daemon, &ms) != MHD_YES) {
        uv_idle_stop(&h->again);
        uv_timer_stop(&h->timer);
    } else if (ms == 0) {
        uv_idle_start(&h->again, on_again);
        uv_timer_stop(&h->timer);
    } else {
        uv_idle_stop(&h->again);
        uv_timer_start(&h->timer, on_timer, ms, 0);
    }
}

static int bind_one(const struct addrinfo *ai, struct lj_err *err)
{
    int on = 1;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return lj_fail_errno(err, LJ_E_IO, errno, "no socket to listen on");
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int sys = errno;
        close(fd);
        return lj_fail_errno(err, LJ_E_IO, sys, "cannot listen");
    }
    return fd;
}

static int open_listener(const char *address, uint16_t port, uint16_t *ret_port, struct lj_err *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    struct addrinfo *ai = NULL;
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof bound;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int rc = getaddrinfo(address, service, &hints, &ai);
    if (rc != 0) {
        return lj_fail(err, LJ_E_CONFIG, "listen: '%s' is no address: %s", address,
                       gai_strerror(rc));
    }
    int fd = bind_one(ai, err);
    freeaddrinfo(ai);
    if (fd >= 0 && getsockname(fd, (struct sockaddr *)&bound, &len) == 0) {
        struct sockaddr_in6 v6;
        struct sockaddr_in v4;
        memcpy(&v6, &bound, sizeof v6);
        memcpy(&v4, &bound, sizeof v4);
        in_port_t p = bound.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port;
        *ret_port = ntohs(p);
    }
    return fd;
}

static void on_mhd_log(void *cls, const char *fmt, va_list ap)
{
    (void)cls;
    (void)fmt;
    (void)ap; /* what it says is a peer's fault, and is counted by us by cause */
}

static int start_daemon(struct lj_http *h, int fd, struct lj_err *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    h->daemon = MHD_start_daemon(
        flags, 0, lj_http_on_accept, h, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)h->limits.total,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)MHD_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
        MHD_OPTION_NOTIFY_CONNECTION, lj_http_on_connection, h, MHD_OPTION_URI_LOG_CALLBACK, on_uri,
        h, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (!h->daemon) {
        return lj_fail(err, LJ_E_IO, "libmicrohttpd did not start");
    }
    return 0;
}

static void free_server(struct lj_http *h)
{
    void (*cb)(void *) = h->stop_cb;
    void *arg = h->stop_arg;
    free(h->addresses.slots);
    free(h);
    if (cb) {
        cb(arg);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct lj_http *h = handle->data;
    if (--h->handles == 0) {
        free_server(h);
    }
}

static void watch(struct lj_http *h)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(h->loop, &h->poll, info->epoll_fd);
    uv_timer_init(h->loop, &h->timer);
    uv_timer_init(h->loop, &h->sweep);
    uv_idle_init(h->loop, &h->again);
    h->poll.data = h->timer.data = h->sweep.data = h->again.data = h;
    h->handles = 4;
    uv_poll_start(&h->poll, UV_READABLE, on_epoll);
    uv_timer_start(&h->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

int lj_http_listen(uv_loop_t *loop, const char *address, uint16_t port,
                   const struct lj_http_limits *limits, const struct lj_http_ops *ops, void *arg,
                   struct lj_http **ret, struct lj_err *err)
{
    int fd = -1;
    struct lj_http *h = calloc(1, sizeof *h);
    if (!h) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for the HTTP server");
    }
    h->loop = loop;
    h->limits = *limits;
    h->ops = ops;
    h->arg = arg;
    h->listen_fd = -1;
    h->conns.next = h->conns.prev = &h->conns;
    int rc = lj_http_trust(h, limits->trusted, err);
    if (rc != 0) {
        goto fail;
    }
    fd = open_listener(address, port, &h->port, err);
    if (fd < 0) {
        rc = fd;
        goto fail;
    }
    rc = start_daemon(h, fd, err);
    if (rc != 0) {
        goto fail;
    }
    watch(h);
    *ret = h;
    return 0;
fail:
    if (fd >= 0) {
        close(fd);
    }
    free_server(h);
    return rc;
}

uint16_t lj_http_port(const struct lj_http *h)
{
    return h->port;
}

const struct lj_http_stats *lj_http_stats(const struct lj_http *h)
{
    return &h->stats;
}

size_t lj_http_busy(const struct lj_http *h)
{
    return h->busy;
}

void lj_http_quiesce(struct lj_http *h)
{
    if (h->quiesced) {
        return;
    }
    h->quiesced = true;
    h->listen_fd = MHD_quiesce_daemon(h->daemon);
    if (h->listen_fd >= 0) {
        close(h->listen_fd);
        h->listen_fd = -1;
    }
}

void lj_http_stop(struct lj_http **hp, void (*cb)(void *arg), void *arg)
{
    struct lj_http *h = *hp;
    if (!h) {
        if (cb) {
            cb(arg);
        }
        return;
    }
    *hp = NULL;
    h->stop_cb = cb;
    h->stop_arg = arg;
    while (h->suspended) { /* the library must not be stopped with suspended connections */
        lj_http_conn_cut(h->suspended->priv->conn);
        lj_http_resume(h->suspended);
    }
    h->running = true; /* callbacks from the stop must not run it again */
    MHD_stop_daemon(h->daemon);
    h->daemon = NULL;
    uv_close((uv_handle_t *)&h->poll, on_handle_closed);
    uv_close((uv_handle_t *)&h->timer, on_handle_closed);
    uv_close((uv_handle_t *)&h->sweep, on_handle_closed);
    uv_close((uv_handle_t *)&h->again, on_handle_closed);
}
