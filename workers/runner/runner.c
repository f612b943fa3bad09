/* The loop of a worker process.
 *
 * One thread, one zmq_poll over all peers (a peer is a kind) and the stop descriptor. A turn: read
 * what came, do what is due, judge one batch of each kind, so that one kind's queue cannot starve
 * another's. The poll waits only while nothing is queued, and not beyond the next due time.
 *
 * Stopping comes through a descriptor, not through a flag set by a signal handler: a signal between
 * the test of a flag and the poll would be noticed only after the poll's timeout.
 *
 * Guarantees: no busy turn without work; draining ends within DRAIN_US; the sockets and the ZeroMQ
 * context are closed by the one who opened them, here.
 */
#include "workers/runner/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

enum {
    DRAIN_US = 10000000, /* source: docs/contracts.md, SIGTERM: leased batches up to 10 s */
    POLL_MAX_MS =
        60000, /* only a bound for the arithmetic; everything that matters wakes the poll */
};

enum { STOP, RELOAD, FIRST_PEER }; /* places in items; poll takes no notice of descriptor -1 */

struct lj_runner {
    void *zctx;
    struct lj_peer **peers;
    int reload_fd;         /* or -1 */
    zmq_pollitem_t *items; /* stop and reload descriptor, then LJ_PEER_ITEMS a peer */
    size_t count;
};

int lj_runner_open(const struct lj_peer_cfg *cfg, const struct lj_worker *const *workers,
                   size_t count, struct lj_runner **ret, struct lj_err *err)
{
    struct lj_runner *r = calloc(1, sizeof *r);
    if (!r)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the runner");
    int rc = 0;
    r->peers = calloc(count, sizeof(struct lj_peer *));
    r->items = calloc(FIRST_PEER + count * LJ_PEER_ITEMS, sizeof *r->items);
    r->reload_fd = -1;
    if (!r->peers || !r->items) {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for %zu kinds", count);
        goto fail;
    }
    r->count = count;
    r->zctx = zmq_ctx_new();
    if (!r->zctx) {
        rc = lj_fail(err, LJ_E_IO, "zmq context: %s", zmq_strerror(errno));
        goto fail;
    }
    for (size_t i = 0; i < count; i++) {
        rc = lj_peer_open(r->zctx, cfg, workers[i], &r->peers[i], err);
        if (rc < 0)
            goto fail;
    }
    *ret = r;
    return 0;
fail:
    lj_runner_close(&r);
    return rc;
}

void lj_runner_close(struct lj_runner **rp)
{
    struct lj_runner *r = *rp;
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        lj_peer_close(&r->peers[i]);
    if (r->zctx)
        (void)zmq_ctx_term(r->zctx); /* bounded by LINGER */
    free(r->peers);
    free(r->items);
    free(r);
    *rp = NULL;
}

/* How long the poll may wait, in ms. */
static long wait_ms(const struct lj_runner *r, int64_t now_us, int64_t limit_us)
{
    int64_t due_us = limit_us;
    for (size_t i = 0; i < r->count; i++) {
        if (lj_peer_has_work(r->peers[i]))
            return 0;
        int64_t d = lj_peer_due(r->peers[i]);
        due_us = d < due_us ? d : due_us;
    }
    if (due_us <= now_us)
        return 0;
    int64_t ms = (due_us - now_us) / 1000 + 1;
    return ms < POLL_MAX_MS ? (long)ms : POLL_MAX_MS;
}

static int wait_for_something(struct lj_runner *r, int stop_fd, int64_t limit_us,
                              struct lj_err *err)
{
    const int fds[FIRST_PEER] = {stop_fd, stop_fd >= 0 ? r->reload_fd : -1};
    for (size_t i = 0; i < FIRST_PEER; i++)
        r->items[i] = (zmq_pollitem_t){.fd = fds[i], .events = fds[i] >= 0 ? ZMQ_POLLIN : 0};
    for (size_t i = 0; i < r->count; i++)
        lj_peer_items(r->peers[i], &r->items[FIRST_PEER + i * LJ_PEER_ITEMS]);
    int n = (int)(FIRST_PEER + r->count * LJ_PEER_ITEMS);
    if (zmq_poll(r->items, n, wait_ms(r, lj_mono_us(), limit_us)) < 0 && errno != EINTR)
        return lj_fail(err, LJ_E_IO, "poll: %s", zmq_strerror(errno));
    return 0;
}

void lj_runner_reload_on(struct lj_runner *r, int fd)
{
    r->reload_fd = fd;
}

/* Several signals that came meanwhile are one. */
static void reload(struct lj_runner *r)
{
    struct signalfd_siginfo info;
    while (read(r->reload_fd, &info, sizeof info) == (ssize_t)sizeof info)
        ;
    for (size_t i = 0; i < r->count; i++)
        lj_peer_reload(r->peers[i]);
}

static int turn(struct lj_runner *r, int stop_fd, int64_t limit_us, struct lj_err *err)
{
    int rc = wait_for_something(r, stop_fd, limit_us, err);
    if (rc == 0 && r->items[RELOAD].revents & ZMQ_POLLIN)
        reload(r);
    for (size_t i = 0; rc == 0 && i < r->count; i++) {
        lj_peer_read(r->peers[i], lj_mono_us());
        lj_peer_tick(r->peers[i], lj_mono_us());
        (void)lj_peer_work(r->peers[i]);
    }
    return rc;
}

static int drain(struct lj_runner *r, struct lj_err *err)
{
    int64_t limit_us = lj_mono_us() + DRAIN_US;
    for (size_t i = 0; i < r->count; i++)
        lj_peer_drain(r->peers[i]);
    for (;;) {
        size_t left = 0;
        for (size_t i = 0; i < r->count; i++)
            left += !lj_peer_drained(r->peers[i]);
        if (left == 0)
            return 0;
        if (lj_mono_us() >= limit_us)
            return lj_fail(err, LJ_E_TIMEOUT, "%zu kinds did not drain in %d s", left,
                           DRAIN_US / 1000000);
        int rc = turn(r, -1, limit_us, err);
        if (rc < 0)
            return rc;
    }
}

int lj_runner_run(struct lj_runner *r, int stop_fd, void (*on_stop)(void), struct lj_err *err)
{
    do {
        int rc = turn(r, stop_fd, INT64_MAX, err);
        if (rc < 0)
            return rc;
    } while (!(r->items[STOP].revents & ZMQ_POLLIN));
    if (on_stop)
        on_stop();
    lj_log(LJ_INFO, "worker.draining", "kinds=%zu", r->count);
    return drain(r, err);
}
