/* ZeroMQ on libuv: no message lost where the edge of ZMQ_FD is, no spinning where there is nothing
 * to do, no way to close it wrongly.
 *
 * lj-test: lj_common
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>
#include <zmq.h>

#include "common/loop_zmq.h"

enum { BURST = 1024, DEADLINE_MS = 20000, QUIET_MS = 60, QUIET_TURNS = 40 };

/* Present under AddressSanitizer only, where mallinfo2 knows nothing. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

struct bench {
    uv_loop_t loop;
    uv_timer_t deadline;
    uv_prepare_t turns_handle;
    void *ctx, *router, *dealer; /* router is watched, dealer is the raw peer */
    struct lj_zloop *z;
    struct lj_zsock *s;
    int turns, received, oversized, want, closed, timed_out, close_in_cb, pause_at;
    int max_frames_seen;
    char last[64];
};

static size_t allocated(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    return mallinfo2().uordblks;
}

static void on_deadline(uv_timer_t *t)
{
    struct bench *b = t->data;
    b->timed_out = 1;
    uv_stop(&b->loop);
}

static void count_turn(uv_prepare_t *p)
{
    ((struct bench *)p->data)->turns++;
}

static void count_close(void *arg)
{
    ((struct bench *)arg)->closed++;
}

static void on_message(struct lj_zsock *s, void *msgs, int nframes, void *arg)
{
    struct bench *b = arg;
    zmq_msg_t *m = msgs;
    assert_ptr_equal(lj_zsock_raw(s), b->router);
    if (nframes == 0) {
        b->oversized++;
        assert_int_equal(zmq_msg_size(&m[0]), 2); /* the routing id, still readable */
    } else {
        size_t n = zmq_msg_size(&m[nframes - 1]);
        n = n < sizeof b->last - 1 ? n : sizeof b->last - 1;
        memcpy(b->last, zmq_msg_data(&m[nframes - 1]), n);
        b->last[n] = '\0';
        b->received++;
    }
    if (nframes > b->max_frames_seen)
        b->max_frames_seen = nframes;
    if (b->close_in_cb)
        lj_zsock_close(&b->s, 0, count_close, b);
    if (b->pause_at && b->received == b->pause_at)
        lj_zsock_pause(s, 1);
    if (b->received + b->oversized == b->want)
        uv_stop(&b->loop);
}

static int begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    struct lj_err err = {0};
    char endpoint[128];
    size_t size = sizeof endpoint;
    int off = 0;
    int on = 1;
    assert_non_null(b);
    *state = b;
    assert_int_equal(uv_loop_init(&b->loop), 0);
    b->ctx = zmq_ctx_new();
    b->router = zmq_socket(b->ctx, ZMQ_ROUTER);
    b->dealer = zmq_socket(b->ctx, ZMQ_DEALER);
    zmq_setsockopt(b->router, ZMQ_RCVHWM, &off, sizeof off);
    zmq_setsockopt(b->router, ZMQ_ROUTER_MANDATORY, &on, sizeof on);
    zmq_setsockopt(b->dealer, ZMQ_SNDHWM, &off, sizeof off);
    zmq_setsockopt(b->dealer, ZMQ_LINGER, &off, sizeof off);
    zmq_setsockopt(b->dealer, ZMQ_ROUTING_ID, "d1", 2);
    assert_int_equal(zmq_bind(b->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(b->router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    assert_int_equal(zmq_connect(b->dealer, endpoint), 0);
    uv_timer_init(&b->loop, &b->deadline);
    b->deadline.data = b;
    uv_timer_start(&b->deadline, on_deadline, DEADLINE_MS, 0);
    assert_int_equal(lj_zloop_open(&b->loop, &b->z, &err), 0);
    assert_int_equal(lj_zsock_open(b->z, b->router, 4, on_message, b, &b->s, &err), 0);
    uv_prepare_init(&b->loop, &b->turns_handle);
    b->turns_handle.data = b;
    uv_prepare_start(&b->turns_handle, count_turn);
    return 0;
}

static void close_rest(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* Every test ends here: each close callback came once, and the loop has no handle left. */
static int end(void **state)
{
    struct bench *b = *state;
    int socket_was_open = b->s != NULL;
    int before = b->closed;
    lj_zsock_close(&b->s, 0, count_close, b);
    assert_null(b->s);
    lj_zloop_close(&b->z, count_close, b);
    assert_null(b->z);
    uv_close((uv_handle_t *)&b->deadline, NULL);
    uv_close((uv_handle_t *)&b->turns_handle, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(b->closed, before + 1 + socket_was_open);
    uv_walk(&b->loop, close_rest, NULL); /* only what a failed test left */
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    zmq_close(b->dealer);
    assert_int_equal(zmq_ctx_term(b->ctx), 0);
    free(b);
    return 0;
}

static void send_burst(struct bench *b, int n)
{
    for (int i = 0; i < n; i++) {
        char text[16];
        int len = snprintf(text, sizeof text, "m%d", i);
        assert_int_equal(zmq_send(b->dealer, text, (size_t)len, 0), len);
    }
}

/* Blocks until something has arrived at the router, the way a foreign callback would notice: by
 * asking, which takes the edge away. */
static void wait_arrival(struct bench *b)
{
    zmq_pollitem_t item = {.socket = b->router, .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&item, 1, DEADLINE_MS), 1);
}

static void run_until(struct bench *b, int want)
{
    b->want = want;
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(b->timed_out, 0);
    assert_int_equal(b->received + b->oversized, want);
}

static void stop_loop(uv_timer_t *t)
{
    uv_stop(t->loop);
}

/* Let the loop run with nothing to do, and return how often it turned: the timer ends the run, it
 * measures nothing. */
static int turns_while_quiet(struct bench *b)
{
    uv_timer_t t;
    uv_timer_init(&b->loop, &t);
    b->turns = 0;
    uv_timer_start(&t, stop_loop, QUIET_MS, 0);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    int turns = b->turns;
    uv_close((uv_handle_t *)&t, NULL);
    uv_run(&b->loop, UV_RUN_NOWAIT);
    return turns;
}

/* ---- the swallowed edge ---- */

static void send_on_router(uv_timer_t *t)
{
    struct bench *b = t->data;
    int n = zmq_send(b->router, "d1", 2, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    assert_int_equal(n, 2);
    assert_int_equal(zmq_send(b->router, "pong", 4, ZMQ_DONTWAIT), 4);
}

static void burst_after_swallowed_edge(void **state)
{
    struct bench *b = *state;
    uv_timer_t t;
    uv_timer_init(&b->loop, &t);
    t.data = b;
    send_burst(b, BURST);
    wait_arrival(b);
    uv_timer_start(&t, send_on_router, 0, 1); /* and again and again, in between the receiving */
    run_until(b, BURST);
    assert_string_equal(b->last, "m1023");
    uv_close((uv_handle_t *)&t, NULL);
    uv_run(&b->loop, UV_RUN_NOWAIT);
    assert_int_equal(b->received, BURST);
}

static void budget_per_turn(void **state)
{
    struct bench *b = *state;
    send_burst(b, BURST);
    wait_arrival(b);
    run_until(b, BURST);
    /* At most 64 a turn: fewer turns would mean that one socket starves the others. */
    assert_true(b->turns >= BURST / 64);
    assert_true(turns_while_quiet(b) < QUIET_TURNS);
}

static void idle_does_not_spin(void **state)
{
    struct bench *b = *state;
    send_burst(b, 1);
    run_until(b, 1);
    assert_true(turns_while_quiet(b) < QUIET_TURNS);
}

static void paused_socket(void **state)
{
    struct bench *b = *state;
    lj_zsock_pause(b->s, 1);
    send_burst(
        b,
        100); /* arriving while the loop runs: the fd becomes readable, and must not make it spin */
    assert_true(turns_while_quiet(b) < QUIET_TURNS);
    wait_arrival(b);
    assert_int_equal(b->received, 0);
    lj_zsock_pause(b->s, 0);
    b->pause_at = 10; /* pausing inside the callback ends the turn at once */
    (void)turns_while_quiet(b);
    assert_int_equal(b->received, 10);
    b->pause_at = 0;
    lj_zsock_pause(b->s, 0);
    run_until(b, 100);
}

static void send_many_frames(struct bench *b, int frames)
{
    for (int i = 0; i < frames; i++)
        assert_int_equal(zmq_send(b->dealer, "x", 1, i + 1 < frames ? ZMQ_SNDMORE : 0), 1);
}

static void fifty_thousand_frames(void **state)
{
    struct bench *b = *state;
    send_burst(b, 1);
    run_until(b, 1);
    size_t before = allocated();
    send_many_frames(b, 50000);
    send_many_frames(b, 4); /* with the routing id one too many */
    send_many_frames(b, 3); /* just right */
    send_burst(b, 1);
    run_until(b, 5);
    assert_int_equal(b->oversized, 2);
    assert_int_equal(b->received, 3);
    assert_int_equal(b->max_frames_seen, 4);
    assert_string_equal(b->last, "m0");
    assert_true(allocated() < before + 512 * 1024);
}

/* ---- closing ---- */

static void close_inside_callback(void **state)
{
    struct bench *b = *state;
    b->close_in_cb = 1;
    send_burst(b, 10);
    b->want = -1;
    wait_arrival(b);
    assert_true(turns_while_quiet(b) < QUIET_TURNS);
    assert_int_equal(b->received, 1); /* nothing after the close, though nine wait */
    assert_int_equal(b->closed, 1);
    assert_null(b->s);
}

struct pair {
    struct lj_zsock *s[2];
    int received, closed;
    uv_loop_t *loop;
};

static void count_pair_close(void *arg)
{
    struct pair *p = arg;
    if (++p->closed == 2)
        uv_stop(p->loop);
}

static void close_both(struct lj_zsock *s, void *msgs, int nframes, void *arg)
{
    struct pair *p = arg;
    (void)s;
    (void)msgs;
    assert_int_equal(nframes, 1);
    p->received++;
    lj_zsock_close(&p->s[0], 0, count_pair_close, p);
    lj_zsock_close(&p->s[1], 0, count_pair_close, p);
}

/* Two ready sockets, each of which closes both: the one that comes second in the turn must not be
 * touched any more. */
static void close_another_ready_socket(void **state)
{
    struct bench *b = *state;
    struct pair p = {.loop = &b->loop};
    struct lj_err err = {0};
    void *push[2];
    int off = 0;
    for (int i = 0; i < 2; i++) {
        char endpoint[32];
        (void)snprintf(endpoint, sizeof endpoint, "inproc://pair-%d", i);
        void *pull = zmq_socket(b->ctx, ZMQ_PULL);
        push[i] = zmq_socket(b->ctx, ZMQ_PUSH);
        zmq_setsockopt(push[i], ZMQ_LINGER, &off, sizeof off);
        assert_int_equal(zmq_bind(pull, endpoint), 0);
        assert_int_equal(zmq_connect(push[i], endpoint), 0);
        assert_int_equal(zmq_send(push[i], "a", 1, 0), 1);
        assert_int_equal(zmq_send(push[i], "b", 1, 0), 1);
        assert_int_equal(lj_zsock_open(b->z, pull, 1, close_both, &p, &p.s[i], &err), 0);
    }
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(b->timed_out, 0);
    assert_int_equal(p.received, 1);
    assert_int_equal(p.closed, 2);
    zmq_close(push[0]);
    zmq_close(push[1]);
}

/* ---- turns, arguments ---- */

static void flush_in_turn(void *arg)
{
    struct bench *b = arg;
    if (b->turns++ ==
        0) /* before ZMQ_EVENTS is asked: what arrives as its consequence is not slept over */
        send_burst(b, 5);
}

static void turn_callback_may_send(void **state)
{
    struct bench *b = *state;
    uv_prepare_stop(&b->turns_handle);
    lj_zloop_on_turn(b->z, flush_in_turn, b);
    run_until(b, 5);
    assert_true(b->turns >= 1);
}

static void wrong_arguments(void **state)
{
    struct bench *b = *state;
    struct lj_err err = {0};
    struct lj_zsock *s = NULL;
    assert_int_equal(lj_zsock_open(b->z, b->dealer, 0, on_message, b, &s, &err), LJ_E_ARG);
    assert_int_equal(lj_zsock_open(b->z, b->dealer, 17, on_message, b, &s, &err), LJ_E_ARG);
    assert_int_equal(lj_zsock_open(b->z, NULL, 4, on_message, b, &s, &err), LJ_E_IO);
    assert_int_equal(lj_zsock_open(b->z, b->router, 4, on_message, b, &s, &err),
                     LJ_E_IO); /* watched already */
    assert_null(s);
    lj_zsock_close(&s, 0, NULL, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(burst_after_swallowed_edge),
        TEST(budget_per_turn),
        TEST(idle_does_not_spin),
        TEST(paused_socket),
        TEST(fifty_thousand_frames),
        TEST(close_inside_callback),
        TEST(close_another_ready_socket),
        TEST(turn_callback_may_send),
        TEST(wrong_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
