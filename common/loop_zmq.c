/* ZeroMQ sockets on a libuv loop.
 *
 * ZMQ_FD is edge triggered and only says "commands are waiting": a send or a receive anywhere may
 * take the edge away while messages lie in the socket. A plain uv_poll on it received 1 of 100
 * messages of a burst, and none at all when another callback had sent on the socket first. So the
 * fd only wakes the loop; what is there to do is asked of the socket itself, before every sleep:
 *
 *  1. One uv_prepare, one uv_check, one uv_idle per loop; a list of sockets; one uv_poll per socket
 *     whose callback is empty.
 *  2. Prepare: any socket with a wanted bit in ZMQ_EVENTS -> start idle (the loop will not sleep);
 *     none -> stop it.
 *  3. Check: for each ready socket receive at most 64 messages with DONTWAIT, then move on. Never
 *     loop "until empty".
 *  4. Any callback may send; correctness does not depend on who sent, because prepare asks again
 *     before every sleep.
 *  5. Ask ZMQ_EVENTS once after creating the watcher (libzmq #1434).
 *  6. Signals belong to uv_signal; where czmq is used, zsys_handler_set(NULL) comes before its
 *     first call.
 *  7. Remove the watcher (uv_close, wait for its callback), then close the socket. LINGER is
 *     explicit.
 *  8. ROUTER sockets: ZMQ_ROUTER_MANDATORY; EHOSTUNREACH and EAGAIN are ordinary outcomes with a
 *     counter (the sender's business).
 *
 * A paused socket is still asked in prepare (else its fd would stay readable and the loop would
 * spin), only not read. Frames are counted while reading: MAXMSGSIZE is per frame, and a message of
 * 50,000 small frames must cost us nothing but the time to read it away. Prepare handles run in
 * reverse order of their start: open the zloop first, and whatever other prepare callbacks send is
 * seen here.
 */
#include "common/loop_zmq.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <zmq.h>

enum {
    FRAMES_MAX = 16,     /* contract in loop_zmq.h */
    MESSAGE_BUDGET = 64, /* messages a socket and turn */
    FRAME_BUDGET =
        4096, /* and frames: 64 messages of 50,000 frames would hold the loop for a second */
};

struct lj_zsock {
    uv_poll_t poll;
    struct lj_zloop *z;
    struct lj_zsock *next;
    void *raw;
    lj_zsock_cb cb;
    void *arg;
    void (*close_cb)(void *arg);
    void *close_arg;
    int max_frames;
    int linger_ms;
    int paused;
    int closing;
};

struct lj_zloop {
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    struct lj_zsock *socks;
    void (*turn_cb)(void *arg);
    void *turn_arg;
    void (*close_cb)(void *arg);
    void *close_arg;
    int handles; /* not yet closed: our three and one of each socket */
};

/* ---- receiving ---- */

/* Whether a message can be read. A socket that cannot be asked any more (its context was
 * terminated) stops waking the loop. */
static int readable(struct lj_zsock *s)
{
    int events = 0;
    size_t size = sizeof events;
    if (zmq_getsockopt(s->raw, ZMQ_EVENTS, &events, &size) != 0) {
        if (errno != EINTR)
            (void)uv_poll_stop(&s->poll);
        return 0;
    }
    return (events & ZMQ_POLLIN) != 0;
}

/* Read the rest of a message away; returns the number of frames. */
static int discard_rest(void *raw)
{
    int frames = 0;
    int more = 1;
    while (more) {
        zmq_msg_t msg;
        (void)zmq_msg_init(&msg);
        if (zmq_msg_recv(&msg, raw, ZMQ_DONTWAIT) < 0) {
            more = errno == EINTR;
        } else {
            more = zmq_msg_more(&msg);
            frames++;
        }
        (void)zmq_msg_close(&msg);
    }
    return frames;
}

/* Receive one whole message; returns the number of frames read off the socket (0 = no message).
 * *ret_held of them are in frames[] and to be closed; *ret_shown is what the callback is told: all,
 * or 0 when there were too many (frames[0] is the first even then). */
static int receive(struct lj_zsock *s, zmq_msg_t *frames, int *ret_held, int *ret_shown)
{
    int n = 0;
    int more = 1;
    while (more && n < s->max_frames) {
        (void)zmq_msg_init(&frames[n]);
        if (zmq_msg_recv(&frames[n], s->raw, ZMQ_DONTWAIT) < 0) {
            int interrupted = errno == EINTR;
            (void)zmq_msg_close(&frames[n]);
            if (interrupted &&
                n > 0) /* the rest of a message is there already: only a signal can be in the way */
                continue;
            break;
        }
        more = zmq_msg_more(&frames[n]);
        n++;
    }
    *ret_held = n;
    *ret_shown = more ? 0 : n;
    return more && n > 0 ? n + discard_rest(s->raw) : n;
}

static void drain(struct lj_zsock *s)
{
    int frames_read = 0;
    for (int i = 0; i < MESSAGE_BUDGET && frames_read < FRAME_BUDGET; i++) {
        zmq_msg_t frames[FRAMES_MAX];
        int held = 0;
        int shown = 0;
        if (s->closing || s->paused)
            return;
        frames_read += receive(s, frames, &held, &shown);
        if (held == 0)
            return;
        s->cb(s, frames, shown, s->arg);
        for (int f = 0; f < held; f++)
            (void)zmq_msg_close(&frames[f]);
    }
}

/* ---- the three handles ---- */

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being active keeps the loop from sleeping */
}

static void on_wake(uv_poll_t *poll, int status, int events)
{
    (void)poll; /* rule 1: the fd only wakes the loop */
    (void)status;
    (void)events;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct lj_zloop *z = prepare->data;
    int wanted = 0;
    if (z->turn_cb)
        z->turn_cb(z->turn_arg);
    for (struct lj_zsock *s = z->socks; s; s = s->next) {
        /* Asked of every socket, even when one is ready already: asking is what empties its fd. */
        if (!s->closing && readable(s) && !s->paused)
            wanted = 1;
    }
    if (wanted)
        (void)uv_idle_start(&z->idle, on_idle);
    else
        (void)uv_idle_stop(&z->idle);
}

static void on_check(uv_check_t *check)
{
    struct lj_zloop *z = check->data;
    /* Sockets leave the list only in close callbacks, which never run here, and new ones are put
     * before the first. */
    for (struct lj_zsock *s = z->socks; s; s = s->next) {
        if (!s->closing && !s->paused && readable(s))
            drain(s);
    }
}

/* ---- lifecycle ---- */

/* One handle is gone; with the last one the loop part goes too. */
static void release(struct lj_zloop *z)
{
    if (--z->handles > 0)
        return;
    void (*cb)(void *) = z->close_cb;
    void *arg = z->close_arg;
    free(z);
    if (cb)
        cb(arg);
}

int lj_zloop_open(uv_loop_t *loop, struct lj_zloop **ret, struct lj_err *err)
{
    struct lj_zloop *z = calloc(1, sizeof *z);
    if (!z)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the ZeroMQ part of the loop");
    /* These cannot fail: libuv documents success for an initialised loop and a callback that is not
     * NULL. */
    int rc = uv_prepare_init(loop, &z->prepare);
    rc |= uv_check_init(loop, &z->check);
    rc |= uv_idle_init(loop, &z->idle);
    rc |= uv_prepare_start(&z->prepare, on_prepare);
    rc |= uv_check_start(&z->check, on_check);
    assert(rc == 0);
    (void)rc;
    z->prepare.data = z->check.data = z->idle.data = z;
    z->handles = 3;
    *ret = z;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void lj_zloop_close(struct lj_zloop **z, void (*cb)(void *arg), void *arg)
{
    struct lj_zloop *self = *z;
    if (!self)
        return;
    *z = NULL;
    for (struct lj_zsock *s = self->socks; s; s = s->next)
        assert(s->closing); /* a socket left watching would never be read again */
    self->close_cb = cb;
    self->close_arg = arg;
    self->turn_cb = NULL;
    uv_close((uv_handle_t *)&self->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&self->check, on_handle_closed);
    uv_close((uv_handle_t *)&self->idle, on_handle_closed);
}

void lj_zloop_on_turn(struct lj_zloop *z, void (*cb)(void *arg), void *arg)
{
    z->turn_cb = cb;
    z->turn_arg = arg;
}

static void unlink_sock(struct lj_zsock *s)
{
    struct lj_zsock **at = &s->z->socks;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct lj_zsock *s = handle->data;
    struct lj_zloop *z = s->z;
    void (*cb)(void *) = s->close_cb;
    void *arg = s->close_arg;
    unlink_sock(s);
    if (s->raw && s->linger_ms != LJ_ZSOCK_KEEP) {
        (void)zmq_setsockopt(s->raw, ZMQ_LINGER, &s->linger_ms, sizeof s->linger_ms);
        (void)zmq_close(s->raw);
    }
    free(s);
    if (cb)
        cb(arg);
    release(z);
}

int lj_zsock_open(struct lj_zloop *z, void *sock, int max_frames, lj_zsock_cb cb, void *arg,
                  struct lj_zsock **ret, struct lj_err *err)
{
    int fd = -1;
    size_t size = sizeof fd;
    if (max_frames < 1 || max_frames > FRAMES_MAX)
        return lj_fail(err, LJ_E_ARG, "max_frames is %d, allowed are 1 to %d", max_frames,
                       FRAMES_MAX);
    if (zmq_getsockopt(sock, ZMQ_FD, &fd, &size) != 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot get the descriptor of a ZeroMQ socket");
    struct lj_zsock *s = calloc(1, sizeof *s);
    if (!s)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a socket's watcher");
    int rc = uv_poll_init(z->prepare.loop, &s->poll, fd);
    if (rc) {
        free(s);
        return lj_fail(err, LJ_E_IO, "cannot watch a ZeroMQ socket: %s", uv_strerror(rc));
    }
    s->poll.data = s;
    s->z = z;
    s->max_frames = max_frames;
    s->cb = cb;
    s->arg = arg;
    s->next = z->socks;
    z->socks = s;
    z->handles++;
    rc = uv_poll_start(&s->poll, UV_READABLE, on_wake);
    if (rc) {
        s->closing = 1; /* raw is still NULL: the socket stays the caller's */
        uv_close((uv_handle_t *)&s->poll, on_poll_closed);
        return lj_fail(err, LJ_E_IO, "cannot watch a ZeroMQ socket: %s", uv_strerror(rc));
    }
    s->raw = sock;
    (void)readable(s); /* rule 5 */
    *ret = s;
    return 0;
}

void *lj_zsock_raw(struct lj_zsock *s)
{
    return s->raw;
}

void lj_zsock_pause(struct lj_zsock *s, int paused)
{
    s->paused = paused;
}

void lj_zsock_close(struct lj_zsock **s, int linger_ms, void (*cb)(void *arg), void *arg)
{
    struct lj_zsock *self = *s;
    if (!self)
        return;
    *s = NULL;
    self->closing = 1;
    self->linger_ms = linger_ms;
    self->close_cb = cb;
    self->close_arg = arg;
    uv_close((uv_handle_t *)&self->poll, on_poll_closed);
}
