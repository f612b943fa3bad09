/* The gateway's life: start, drain, stop.
 *
 * Start: the HTTP port is opened last, so whoever connects finds everything else in place (if not
 * ready: the broker and the database may come later). The port is written to RUN_DIR/gateway.port
 * by rename, so that a reader never sees half a file.
 *
 * Drain (SIGTERM or SIGINT): readiness flips at once, new submissions get 503, streams end, what is
 * being answered is answered (up to `drain`), then everything is closed; a second signal skips the
 * waiting. Stop closes in the order of dependence, each step when the one before has told that its
 * handles are gone: HTTP, then the client library (its callbacks find their requests over), the
 * database link, the feed, the catalog, ZeroMQ. The loop is empty at the end, or that is a bug:
 * uv_loop_close is asked. */
#include "gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/log.h"
#include "gateway/board.h"
#include "gateway/login.h"

enum {
    TICK_MS = 50,
    UNIT_NUMBERS = 32768,
    FILES_BESIDE = 512,  /* descriptors beside connections: ZeroMQ, PostgreSQL, the loop */
    CLOSE_CLIENT_MS = 0, /* by then everything had its time */
};

/* ---- the broker's side: the client library on the loop ---- */

static void on_client_message(struct lj_zsock *s, void *msgs, int nframes, void *arg)
{
    struct lj_gateway *g = arg;
    (void)s;
    lj_client_receive(g->client, msgs, nframes);
}

static void on_turn(void *arg)
{
    struct lj_gateway *g = arg;
    if (g->client) {
        lj_client_flush(g->client);
    }
}

static int open_client(struct lj_gateway *g, struct lj_err *err)
{
    char endpoint[256], name[64];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/intake.sock", g->config.run_dir);
    snprintf(name, sizeof name, "gateway-%d", (int)getpid());
    struct lj_client_options o = {
        .endpoint = endpoint,
        .name = name,
        .zmq_context = g->zmq,
        .events_max = (uint32_t)g->config.inflight_events,
        .bytes_max = (size_t)g->config.inflight_bytes,
        .deadline_us = g->config.ack_timeout_ms * 1000,
    };
    int rc = lj_client_open(&o, &g->client, err);
    if (rc == 0) {
        rc = lj_zsock_open(g->zloop, lj_client_socket(g->client), 4, on_client_message, g,
                           &g->client_sock, err);
    }
    return rc;
}

/* ---- stop ---- */

static void after_zloop(void *arg)
{
    struct lj_gateway *g = arg;
    uv_close((uv_handle_t *)&g->tick, NULL);
    uv_close((uv_handle_t *)&g->sigterm, NULL);
    uv_close((uv_handle_t *)&g->sigint, NULL);
}

static void after_catalog(void *arg)
{
    struct lj_gateway *g = arg;
    if (g->zloop) {
        lj_zloop_close(&g->zloop, after_zloop, g);
    } else {
        after_zloop(g);
    }
}

static void after_feed(void *arg)
{
    struct lj_gateway *g = arg;
    lj_catalog_close(&g->catalog, after_catalog, g);
}

static void after_board(void *arg)
{
    struct lj_gateway *g = arg;
    lj_feed_close(&g->feed, after_feed, g);
}

static void after_pages(void *arg)
{
    struct lj_gateway *g = arg;
    lj_link_close(&g->board_link, after_board, g);
}

static void after_query(void *arg)
{
    struct lj_gateway *g = arg;
    lj_link_close(&g->pages_link, after_pages, g);
}

static void after_client(void *arg)
{
    struct lj_gateway *g = arg;
    lj_client_close(&g->client, CLOSE_CLIENT_MS);
    lj_link_close(&g->query, after_query, g);
}

static void after_http(void *arg)
{
    struct lj_gateway *g = arg;
    if (g->client_sock) {
        lj_zsock_close(&g->client_sock, LJ_ZSOCK_KEEP, after_client, g);
    } else {
        after_client(g);
    }
}

static void stop(struct lj_gateway *g)
{
    if (g->stopping) {
        return;
    }
    g->stopping = true;
    uv_timer_stop(&g->tick);
    lj_log(LJ_INFO, "gateway.stop", "in_progress=%zu", g->http ? lj_http_busy(g->http) : 0);
    lj_http_stop(&g->http, after_http, g);
}

static void on_signal(uv_signal_t *s, int number)
{
    struct lj_gateway *g = s->data;
    g->signals++;
    lj_log(LJ_INFO, "gateway.signal", "signal=%d count=%d", number, g->signals);
    if (g->signals > 1) {
        stop(g);
    } else if (!g->draining) {
        g->draining = true;
        g->drain_until_us = lj_mono_us() + g->config.drain_ms * 1000;
        lj_stream_end_all(g);
    }
}

static void on_tick(uv_timer_t *t)
{
    struct lj_gateway *g = t->data;
    int64_t now_us = lj_mono_us();
    lj_client_tick(g->client, now_us);
    lj_stream_tick(g);
    lj_desk_tick(g->desk, now_us);
    lj_board_tick(g->board, now_us);
    if (!g->draining) {
        return;
    }
    /* Readers that were told to end, and requests on their way, get a few turns; then the port is
     * closed and what is left is cut off. */
    bool idle = lj_http_busy(g->http) == 0 && g->n_readers == 0;
    if (idle || now_us > g->drain_until_us) {
        stop(g);
    }
}

static void on_news(void *arg)
{
    struct lj_gateway *g = arg;
    if (g->feed && g->http) {
        lj_stream_wake(g);
    }
}

/* ---- start ---- */

static void raise_files(int64_t connections)
{
    struct rlimit r;
    rlim_t want = (rlim_t)connections + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= want) {
        return;
    }
    if (r.rlim_max < want) { /* allowed to root only; else as far as it goes */
        struct rlimit more = {.rlim_cur = want, .rlim_max = want};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0) {
            return;
        }
        lj_log(LJ_WARN, "gateway.files", "wanted=%llu limit=%llu", (unsigned long long)want,
               (unsigned long long)r.rlim_max);
        want = r.rlim_max;
    }
    r.rlim_cur = want;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0) {
        lj_log(LJ_WARN, "gateway.files", "error=%d", errno);
    }
}

static int write_port(const struct lj_gateway *g, struct lj_err *err)
{
    char path[4096], temp[4096], text[16];
    snprintf(path, sizeof path, "%s/gateway.port", g->config.run_dir);
    snprintf(temp, sizeof temp, "%s/.gateway.port.%d", g->config.run_dir, (int)getpid());
    int n = snprintf(text, sizeof text, "%u\n", lj_http_port(g->http));
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot write gateway.port in the run directory");
    }
    bool written = write(fd, text, (size_t)n) == n;
    int sys = errno;
    close(fd);
    if (!written || rename(temp, path) != 0) {
        sys = written ? errno : sys;
        unlink(temp);
        return lj_fail_errno(err, LJ_E_IO, sys, "cannot write gateway.port in the run directory");
    }
    return 0;
}

static void start_handles(struct lj_gateway *g)
{
    uv_timer_init(&g->loop, &g->tick);
    uv_signal_init(&g->loop, &g->sigterm);
    uv_signal_init(&g->loop, &g->sigint);
    g->tick.data = g->sigterm.data = g->sigint.data = g;
    uv_timer_start(&g->tick, on_tick, TICK_MS, TICK_MS);
    uv_signal_start(&g->sigterm, on_signal, SIGTERM);
    uv_signal_start(&g->sigint, on_signal, SIGINT);
}

static int open_feed(struct lj_gateway *g, struct lj_err *err)
{
    char endpoint[256];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/stream.sock", g->config.run_dir);
    struct lj_feed_options o = {
        .loop = &g->loop,
        .zloop = g->zloop,
        .zmq = g->zmq,
        .endpoint = endpoint,
        .link = &g->query,
        .ring_items = (size_t)g->config.stream_ring_items,
        .ring_bytes = (size_t)g->config.stream_ring_bytes,
        .news = on_news,
        .arg = g,
    };
    return lj_feed_open(&o, &g->feed, err);
}

static int start(struct lj_gateway *g, struct lj_err *err)
{
    struct lj_http_limits limits;
    int rc;
    g->zmq = zmq_ctx_new();
    g->scratch = lj_json_scratch_new();
    g->unit_buckets = calloc(UNIT_NUMBERS, sizeof *g->unit_buckets);
    if (!g->zmq || !g->scratch || !g->unit_buckets) {
        return lj_fail(err, LJ_E_NOMEM, "no memory to start");
    }
    lj_gw_config_limits(&g->config, &limits);
    if ((rc = lj_zloop_open(&g->loop, &g->zloop, err)) != 0 ||
        (rc = lj_catalog_open(&g->loop, g->config.dsn, g->config.token_grace_ms, &g->catalog,
                              err)) != 0 ||
        (rc = lj_link_open(&g->loop, g->config.dsn, "liangjin-gateway query", NULL, NULL, &g->query,
                           err)) != 0 ||
        (rc = lj_link_open(&g->loop, g->config.dsn, "liangjin-gateway board", lj_board_up, g,
                           &g->board_link, err)) != 0 ||
        (rc = lj_link_open(&g->loop, g->config.dsn, "liangjin-gateway pages", NULL, NULL,
                           &g->pages_link, err)) != 0 ||
        (rc = lj_desk_open(g, &g->desk, err)) != 0 ||
        (rc = lj_board_open(g, &g->board, err)) != 0 || (rc = open_client(g, err)) != 0 ||
        (rc = open_feed(g, err)) != 0 ||
        (rc = lj_http_listen(&g->loop, g->config.listen, (uint16_t)g->config.port, &limits,
                             &lj_gw_http_ops, g, &g->http, err)) != 0) {
        return rc;
    }
    lj_zloop_on_turn(g->zloop, on_turn, g);
    return write_port(g, err);
}

static void forget_port(const struct lj_gateway *g)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/gateway.port", g->config.run_dir);
    unlink(path);
}

static void free_parts(struct lj_gateway *g)
{
    lj_desk_free(&g->desk);
    lj_board_free(&g->board);
    lj_json_scratch_free(&g->scratch);
    free(g->unit_buckets);
    if (g->zmq) {
        zmq_ctx_term(g->zmq);
    }
}

int lj_gateway_run(const struct lj_gw_config *config)
{
    struct lj_gateway *g = calloc(1, sizeof *g);
    struct lj_err err = {0};
    signal(SIGPIPE, SIG_IGN);
    if (!g || sodium_init() < 0 || uv_loop_init(&g->loop) != 0) {
        lj_log(LJ_ERROR, "gateway.start", "error=\"no memory, no random numbers or no loop\"");
        free(g);
        return 1;
    }
    g->config = *config;
    raise_files(g->config.connections);
    start_handles(g);
    if (start(g, &err) != 0) {
        char quoted[300];
        lj_log(LJ_ERROR, "gateway.start", "error=%s",
               lj_log_quote(err.text, quoted, sizeof quoted));
        g->exit_status = err.code == LJ_E_CONFIG ? 2 : 1;
        stop(g);
    } else {
        lj_log(LJ_INFO, "gateway.listen", "address=%s port=%u", g->config.listen,
               lj_http_port(g->http));
    }
    uv_run(&g->loop, UV_RUN_DEFAULT);
    if (g->exit_status == 0) {
        forget_port(g);
    }
    int open = uv_loop_close(&g->loop);
    if (open != 0) {
        lj_log(LJ_ERROR, "gateway.handles", "error=%s", uv_err_name(open));
    }
    free_parts(g);
    int status = g->exit_status;
    free(g);
    lj_log(LJ_INFO, "gateway.end", "status=%d", status);
    return status;
}
