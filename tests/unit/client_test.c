/* libliangjin against a broker played by the test: a ROUTER whose every answer the test decides.
 * Time is the test's own: the client gets a clock that only moves when told, so deadlines and
 * repeats are exact and nothing here waits for them. lj-test: lj_client lj_proto lj_common
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "client/liangjin.h"
#include "common/clock.h"
#include "proto/limits.h"

#define S(text) ((struct lj_slice){(text), sizeof(text) - 1})
enum { ANSWERS_MAX = 4096, SECOND = 1000000 };

struct answer {
    int code;
    int64_t position;
    unsigned retry_after_s;
    long arg;
    uint8_t id[16];
    char detail[64];
};

struct fixture {
    char endpoint[96];
    void *context, *router;
    struct lj_client *client;
    int64_t now;
    struct answer answers[ANSWERS_MAX];
    int answered;
    int submit_again; /* the callback submits one more */
};

/* A message as the broker got it. */
struct message {
    uint8_t peer[32];
    size_t peer_n;
    struct lj_envelope env;
    uint8_t *body;
    size_t n;
};

static int64_t test_clock(void *arg)
{
    return ((struct fixture *)arg)->now;
}

static void broker_start(struct fixture *f)
{
    f->router = zmq_socket(f->context, ZMQ_ROUTER);
    assert_non_null(f->router);
    int one = 1, zero = 0;
    zmq_setsockopt(f->router, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
    zmq_setsockopt(f->router, ZMQ_LINGER, &zero, sizeof zero);
    /* After a restart the port is the same one; the old listener goes away in ZeroMQ's own thread.
     */
    int64_t limit = lj_mono_us() + 10 * SECOND;
    while (zmq_bind(f->router, f->endpoint) != 0)
        assert_true(zmq_errno() == EADDRINUSE && lj_mono_us() < limit);
    size_t n = sizeof f->endpoint;
    assert_int_equal(zmq_getsockopt(f->router, ZMQ_LAST_ENDPOINT, f->endpoint, &n), 0);
}

static void broker_stop(struct fixture *f)
{
    zmq_close(f->router);
    f->router = NULL;
}

static void open_client(struct fixture *f, struct lj_client_options o)
{
    struct lj_err err = {0};
    o.endpoint = f->endpoint;
    o.name = "test/1";
    o.zmq_context = f->context;
    o.clock_us = test_clock;
    o.clock_arg = f;
    if (lj_client_open(&o, &f->client, &err) != 0)
        fail_msg("open: %s", err.text);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    strcpy(f->endpoint, "tcp://127.0.0.1:*");
    f->context = zmq_ctx_new();
    f->now = 1000 * (int64_t)SECOND;
    broker_start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lj_client_close(&f->client, 0);
    if (f->router)
        broker_stop(f);
    zmq_ctx_term(f->context);
    free(f);
    return 0;
}

/* ---- the client's side ---- */

static struct lj_submit_event event(long n)
{
    static char payload[32];
    struct lj_submit_event e = {.occurred_at_us = LJ_TIME_NONE,
                                .schema_version = 1,
                                .origin = LJ_ORIGIN_CLIENT,
                                .class = LJ_CLASS_DEFAULT,
                                .type = S("a.b"),
                                .unit = S("PS001"),
                                .key = S(""),
                                .source = S("test")};
    memcpy(e.id, &n, sizeof n);
    e.payload =
        (struct lj_slice){payload, (size_t)snprintf(payload, sizeof payload, "{\"n\":%ld}", n)};
    return e;
}

static struct fixture *again_f;

static void answered(const struct lj_answer *a, void *arg)
{
    struct fixture *f = again_f;
    assert_true(f->answered < ANSWERS_MAX);
    struct answer *to = &f->answers[f->answered++];
    *to = (struct answer){.code = a->code,
                          .position = a->position,
                          .retry_after_s = a->retry_after_s,
                          .arg = (long)(intptr_t)arg};
    memcpy(to->id, a->id, 16);
    snprintf(to->detail, sizeof to->detail, "%.*s", (int)a->detail.n, a->detail.p);
    assert_memory_equal(
        to->id, &to->arg,
        sizeof to->arg); /* the id is that of the event the argument was given with */
    if (f->submit_again > 0) {
        f->submit_again--;
        struct lj_submit_event e = event(to->arg + 1000);
        assert_int_equal(
            lj_client_submit(f->client, &e, answered, (void *)(intptr_t)(to->arg + 1000), NULL), 0);
        lj_client_flush(f->client);
    }
    /* A submit in here has not moved it; by memcmp, whose reads the address sanitizer sees. */
    assert_int_equal(memcmp(a->id, &to->arg, sizeof to->arg), 0);
}

static int submit(struct fixture *f, long n)
{
    struct lj_submit_event e = event(n);
    again_f = f;
    return lj_client_submit(f->client, &e, answered, (void *)(intptr_t)n, NULL);
}

static void submit_ok(struct fixture *f, long from, long to)
{
    for (long n = from; n <= to; n++)
        assert_int_equal(submit(f, n), 0);
}

/* Real time passes here only until a message that was sent has arrived. The client's clock stands
 * still, so HELLO is due only when told. */
static int64_t limit_us(void)
{
    return lj_mono_us() + 10 * SECOND;
}

static int client_take(struct fixture *f, int wait_ms)
{
    zmq_pollitem_t item = {.socket = lj_client_socket(f->client), .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, wait_ms) <= 0)
        return 0;
    zmq_msg_t m[8];
    int n = 0, more = 1;
    while (more) {
        assert_true(n < 8);
        zmq_msg_init(&m[n]);
        assert_true(zmq_msg_recv(&m[n], item.socket, 0) >= 0);
        more = zmq_msg_more(&m[n++]);
    }
    lj_client_receive(f->client, m, n <= 3 ? n : 0);
    for (int i = 0; i < n; i++)
        zmq_msg_close(&m[i]);
    return 1;
}

static struct lj_client_stats stats(struct fixture *f)
{
    struct lj_client_stats s;
    lj_client_stats(f->client, &s);
    return s;
}

/* Take messages until a counter of the client has reached a value. */
#define TAKE_UNTIL(f, condition)                                                                   \
    do {                                                                                           \
        int64_t limit_ = limit_us();                                                               \
        while (!(condition)) {                                                                     \
            client_take(f, 20);                                                                    \
            if (lj_mono_us() > limit_)                                                             \
                fail_msg("never came true: %s", #condition);                                       \
        }                                                                                          \
    } while (0)

/* ---- the broker's side ---- */

static int broker_poll(struct fixture *f, struct message *m, int wait_ms)
{
    zmq_pollitem_t item = {.socket = f->router, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, wait_ms) <= 0)
        return 0;
    memset(m, 0, sizeof *m);
    uint8_t env[64];
    m->peer_n = (size_t)zmq_recv(f->router, m->peer, sizeof m->peer, 0);
    int n = zmq_recv(f->router, env, sizeof env, 0);
    assert_int_equal(lj_envelope_get(env, (size_t)n, &m->env, NULL), 0);
    zmq_msg_t body;
    zmq_msg_init(&body);
    zmq_msg_recv(&body, f->router, 0);
    assert_false(zmq_msg_more(&body));
    m->n = zmq_msg_size(&body);
    m->body = malloc(m->n + 1);
    memcpy(m->body, zmq_msg_data(&body), m->n);
    zmq_msg_close(&body);
    return 1;
}

/* The next message of that type; HELLOs in between are passed over. */
static void broker_expect(struct fixture *f, uint8_t type, struct message *m)
{
    for (int64_t limit = limit_us(); lj_mono_us() < limit;) {
        if (!broker_poll(f, m, 20))
            continue;
        if (m->env.type == type)
            return;
        assert_int_equal(m->env.type, LJ_MSG_HELLO);
        free(m->body);
    }
    fail_msg("the broker waited in vain for a message of type %u", type);
}

static void broker_send(struct fixture *f, const struct message *to, uint8_t type, uint64_t seq,
                        struct lj_buf *body)
{
    uint8_t env[LJ_ENVELOPE_SIZE];
    lj_envelope_put(env, type, seq);
    assert_true(zmq_send(f->router, to->peer, to->peer_n, ZMQ_SNDMORE) >= 0);
    zmq_send(f->router, env, sizeof env, ZMQ_SNDMORE);
    zmq_send(f->router, body->data, body->len, 0);
    lj_buf_free(body);
}

static void broker_welcome(struct fixture *f, const struct message *m, uint64_t nonce)
{
    struct lj_buf b = {0};
    lj_welcome_put(&b, &(struct lj_welcome){.nonce = nonce,
                                            .events_max = 500,
                                            .event_bytes_max = 65536,
                                            .body_bytes_max = LJ_BODY_BYTES_MAX});
    broker_send(f, m, LJ_MSG_WELCOME, m->env.seq, &b);
}

/* An ACK for `count` events from position `first` on, with one code. */
static void broker_ack(struct fixture *f, const struct message *m, uint64_t seq, int count,
                       int code, int64_t first)
{
    struct lj_buf b = {0};
    lj_buf_u16(&b, (uint16_t)count);
    for (int i = 0; i < count; i++)
        lj_ack_put(&b, &(struct lj_ack){.code = (int16_t)code,
                                        .retry_after_s = code < 0 ? 3 : 0,
                                        .position = code < 0 ? 0 : first + i,
                                        .detail = code < 0 ? S("why") : S("")});
    broker_send(f, m, LJ_MSG_ACK, seq, &b);
}

static int count_of(const struct message *m)
{
    struct lj_reader r = lj_reader(m->body, m->n);
    int count = lj_read_u16(&r), i = 0;
    struct lj_submit_event e;
    while (r.left > 0) {
        assert_int_equal(lj_submit_event_get(&r, &e, NULL), 0);
        i++;
    }
    assert_int_equal(i, count);
    return count;
}

/* The number that event() put into the id of record i. */
static long id_of(const struct message *m, int i)
{
    struct lj_reader r = lj_reader(m->body, m->n);
    lj_read_u16(&r);
    struct lj_submit_event e;
    do {
        assert_int_equal(lj_submit_event_get(&r, &e, NULL), 0);
    } while (i-- > 0);
    long n;
    memcpy(&n, e.id, sizeof n);
    return n;
}

/* Opens the client and shakes hands: what most tests begin with. HELLO is repeated by the client
 * until the connection stands. */
static void connected(struct fixture *f, struct lj_client_options o, struct message *hello)
{
    open_client(f, o);
    int64_t limit = limit_us();
    do {
        f->now = lj_client_tick(f->client, f->now);
        assert_true(lj_mono_us() < limit);
    } while (!broker_poll(f, hello, 5));
    assert_int_equal(hello->env.type, LJ_MSG_HELLO);
    struct lj_hello h;
    assert_int_equal(lj_hello_get(hello->body, hello->n, &h, NULL), 0);
    assert_int_equal(h.role, LJ_ROLE_INTAKE);
    assert_int_equal(h.name.n, 6);
    assert_false(lj_client_connected(f->client));
    free(hello->body);
    broker_welcome(f, hello, 77);
    TAKE_UNTIL(f, lj_client_connected(f->client));
}

/* ---- tests ---- */

static void packs_in_order(void **state)
{
    struct fixture *f = *state;
    struct message m, first, second;
    connected(f, (struct lj_client_options){.pack_max = 50}, &m);
    submit_ok(f, 0, 119);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &first);
    assert_int_equal(count_of(&first), 50);
    assert_int_equal(id_of(&first, 0), 0);
    assert_int_equal(id_of(&first, 49), 49);
    broker_expect(f, LJ_MSG_SUBMIT, &second);
    assert_int_equal(count_of(&second), 50);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    assert_int_equal(count_of(&m), 20);
    assert_int_equal(id_of(&m, 19), 119);
    /* Answers in another order than the messages; each event gets its own. */
    broker_ack(f, &m, m.env.seq, 20, 0, 1000);
    broker_ack(f, &m, first.env.seq, 50, 1, 100);
    broker_ack(f, &m, second.env.seq, 50, LJ_E_RATE, 0);
    TAKE_UNTIL(f, f->answered == 120);
    assert_true(f->answers[0].arg == 100 && f->answers[0].position == 1000 &&
                f->answers[0].code == 0);
    assert_true(f->answers[69].arg == 49 && f->answers[69].position == 149 &&
                f->answers[69].code == 1);
    assert_true(f->answers[70].arg == 50 && f->answers[70].code == LJ_E_RATE &&
                f->answers[70].retry_after_s == 3);
    assert_string_equal(f->answers[70].detail, "why");
    struct lj_client_stats s = stats(f);
    assert_true(s.stored == 20 && s.repeated == 50 && s.refused == 50 && s.events == 0 &&
                s.bytes == 0 && s.messages_sent == 3);
    free(first.body);
    free(second.body);
    free(m.body);
}

static void submit_of(struct fixture *f, const char *unit, long n)
{
    struct lj_submit_event e = event(n);
    e.unit = (struct lj_slice){unit, strlen(unit)};
    again_f = f;
    assert_int_equal(lj_client_submit(f->client, &e, answered, (void *)(intptr_t)n, NULL), 0);
}

static void expect_pack(struct fixture *f, struct message *m, int count, const long *ids)
{
    broker_expect(f, LJ_MSG_SUBMIT, m);
    assert_int_equal(count_of(m), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(id_of(m, i), ids[i]);
    free(m->body);
}

static void units_with_much_on_the_way_have_packs_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct message hello, first, m;
    connected(f, (struct lj_client_options){.pack_max = 500}, &hello);
    submit_ok(f, 0, 499);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &first);
    assert_int_equal(count_of(&first), 500);
    for (long n = 500; n < 506; n++)
        submit_of(f, n % 2 ? "PS002" : "PS001", n);
    lj_client_flush(f->client);
    expect_pack(f, &m, 3, (const long[]){500, 502, 504});
    expect_pack(f, &m, 3, (const long[]){501, 503, 505});
    /* Its events are answered while its own pack has not left and an older one is open: it stays
     * with its own. */
    submit_of(f, "PS002", 506);
    submit_of(f, "PS001", 507);
    broker_ack(f, &first, first.env.seq, 500, 0, 1);
    TAKE_UNTIL(f, f->answered == 500);
    submit_of(f, "PS001", 508);
    lj_client_flush(f->client);
    expect_pack(f, &m, 1, (const long[]){506});
    expect_pack(f, &m, 2, (const long[]){507, 508});
    submit_of(f, "PS002", 509);
    submit_of(f, "PS001", 510);
    lj_client_flush(f->client);
    expect_pack(f, &m, 2, (const long[]){509, 510});
    free(first.body);
}

static void packs_by_bytes(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f, (struct lj_client_options){.pack_max = 500}, &m);
    char *payload = malloc(LJ_EVENT_BYTES_MAX + 1);
    memset(payload, ' ', LJ_EVENT_BYTES_MAX + 1);
    struct lj_submit_event e = event(0);
    e.payload = (struct lj_slice){payload, LJ_EVENT_BYTES_MAX};
    again_f = f;
    for (long n = 0; n < 20; n++) {
        memcpy(e.id, &n, sizeof n);
        assert_int_equal(lj_client_submit(f->client, &e, answered, (void *)(intptr_t)n, NULL), 0);
    }
    e.payload.n++;
    assert_int_equal(lj_client_submit(f->client, &e, answered, NULL, NULL), LJ_E_TOO_LARGE);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    assert_true(m.n <= LJ_BATCH_BYTES_MAX && m.n > LJ_BATCH_BYTES_MAX - 2 * LJ_EVENT_BYTES_MAX);
    int count = count_of(&m);
    free(m.body);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    assert_int_equal(count + count_of(&m), 20);
    free(m.body);
    free(payload);
}

static void answers_are_applied_once(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f, (struct lj_client_options){0}, &m);
    submit_ok(f, 0, 4);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    broker_ack(f, &m, m.env.seq, 4, 0, 1);     /* too few */
    broker_ack(f, &m, m.env.seq, 6, 0, 1);     /* too many */
    broker_ack(f, &m, m.env.seq + 1, 5, 0, 1); /* to nothing */
    struct lj_buf cut = {0};
    lj_buf_u16(&cut, 5);
    lj_ack_put(&cut, &(struct lj_ack){0});
    broker_send(f, &m, LJ_MSG_ACK, m.env.seq, &cut);
    struct lj_buf more = {0};
    lj_buf_u16(&more, 5);
    for (int i = 0; i < 5; i++)
        lj_ack_put(&more, &(struct lj_ack){.position = 1});
    lj_buf_u8(&more, 0);
    broker_send(f, &m, LJ_MSG_ACK, m.env.seq, &more);
    struct lj_buf none = {0};
    lj_buf_u8(&none, 0);
    broker_send(f, &m, 200, m.env.seq, &none); /* no such message */
    TAKE_UNTIL(f, stats(f).malformed == 5 && stats(f).unknown_seq == 1);
    assert_int_equal(f->answered, 0);
    broker_ack(f, &m, m.env.seq, 5, 0, 1);
    broker_ack(f, &m, m.env.seq, 5, 0, 9);
    TAKE_UNTIL(f, stats(f).unknown_seq == 2);
    assert_int_equal(f->answered, 5);
    assert_true(f->answers[4].position == 5);
    free(m.body);
}

static void strange_frames_are_counted(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f, (struct lj_client_options){0}, &m);
    zmq_send(f->router, m.peer, m.peer_n, ZMQ_SNDMORE);
    zmq_send(f->router, "alone", 5, 0);
    zmq_send(f->router, m.peer, m.peer_n, ZMQ_SNDMORE);
    for (int i = 0; i < 5; i++)
        zmq_send(f->router, "x", 1, i < 4 ? ZMQ_SNDMORE : 0);
    zmq_send(f->router, m.peer, m.peer_n, ZMQ_SNDMORE);
    zmq_send(f->router, "not an envelope.", 16, ZMQ_SNDMORE);
    zmq_send(f->router, "", 0, 0);
    TAKE_UNTIL(f, stats(f).malformed == 3);
}

static void sent_again_after_a_new_broker(void **state)
{
    struct fixture *f = *state;
    struct message m, hello;
    connected(f,
              (struct lj_client_options){.pack_max = 3,
                                         .deadline_us = 100000 * (int64_t)SECOND,
                                         .resend_us = 100000 * (int64_t)SECOND,
                                         .resend_max_us = 100000 * (int64_t)SECOND},
              &m);
    submit_ok(f, 0, 4);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    uint64_t seq = m.env.seq;
    free(m.body);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    free(m.body);
    broker_stop(f);
    broker_start(f);
    /* The sign of life reaches the new broker; its WELCOME has another nonce. */
    int64_t limit = limit_us();
    do {
        f->now = lj_client_tick(f->client, f->now);
        if (lj_mono_us() > limit)
            fail_msg("no HELLO came to the new broker");
    } while (!broker_poll(f, &hello, 20));
    assert_int_equal(hello.env.type, LJ_MSG_HELLO);
    free(hello.body);
    assert_int_equal(stats(f).events_resent, 0);
    broker_welcome(f, &hello, 78);
    TAKE_UNTIL(f, stats(f).broker_changes == 1);
    assert_int_equal(stats(f).events_resent, 5);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    assert_int_equal(count_of(&m), 3);
    assert_int_equal(id_of(&m, 0), 0);
    assert_true(m.env.seq == seq);
    broker_ack(f, &m, m.env.seq, 3, 1, 10);
    free(m.body);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    assert_int_equal(count_of(&m), 2);
    broker_ack(f, &m, m.env.seq, 2, 0, 20);
    free(m.body);
    TAKE_UNTIL(f, f->answered == 5);
}

/* libzmq aborted the process here, at the second frame of the 50th message in a row, or threw the
 * messages away, while the socket had ZMQ_IMMEDIATE. */
static void answers_outlive_their_connection(void **state)
{
    enum { MANY = 200 };
    struct fixture *f = *state;
    struct message m, hello;
    connected(f, (struct lj_client_options){.pack_max = 1}, &hello);
    submit_ok(f, 0, MANY - 1);
    lj_client_flush(f->client);
    void *monitor = zmq_socket(f->context, ZMQ_PAIR);
    assert_int_equal(
        zmq_socket_monitor(lj_client_socket(f->client), "inproc://gone", ZMQ_EVENT_CONNECT_RETRIED),
        0);
    assert_int_equal(zmq_connect(monitor, "inproc://gone"), 0);
    for (int i = 0; i < MANY; i++) {
        broker_expect(f, LJ_MSG_SUBMIT, &m);
        broker_ack(f, &m, m.env.seq, 1, 0, 100 + i);
        free(m.body);
    }
    int linger = 10000; /* all of them are on their way before the connection ends */
    zmq_setsockopt(f->router, ZMQ_LINGER, &linger, sizeof linger);
    broker_stop(f);
    zmq_pollitem_t again = {.socket = monitor, .events = ZMQ_POLLIN};
    int noticed = zmq_poll(&again, 1, 10000);
    zmq_socket_monitor(lj_client_socket(f->client), NULL, 0);
    zmq_close(monitor);
    assert_int_equal(noticed, 1);
    assert_int_equal(lj_client_run(f->client, 0, NULL), MANY); /* in one go, as a program reads */
    assert_int_equal(stats(f).stored, MANY);
    broker_start(f);
}

static void sent_again_after_who(void **state)
{
    struct fixture *f = *state;
    struct message m, hello;
    connected(f, (struct lj_client_options){.pack_max = 1}, &m);
    submit_ok(f, 0, 2);
    lj_client_flush(f->client);
    for (int i = 0; i < 3; i++) {
        broker_expect(f, LJ_MSG_SUBMIT, &m);
        free(m.body);
        struct lj_buf none = {0};
        lj_buf_grow(&none, 0);
        broker_send(f, &m, LJ_MSG_WHO, m.env.seq, &none);
    }
    TAKE_UNTIL(f, stats(f).who == 3);
    assert_false(lj_client_connected(f->client));
    assert_int_equal(submit(f, 3), 0);
    lj_client_flush(f->client);
    assert_int_equal(stats(f).events_sent, 3); /* nothing goes out before WELCOME */
    broker_expect(f, LJ_MSG_HELLO, &hello);
    free(hello.body);
    struct message extra;
    assert_int_equal(broker_poll(f, &extra, 0), 0); /* three WHOs, one HELLO */
    broker_welcome(f, &hello, 77);
    TAKE_UNTIL(f, stats(f).welcomes == 2);
    for (int i = 0; i < 4; i++) {
        broker_expect(f, LJ_MSG_SUBMIT, &m);
        assert_int_equal(id_of(&m, 0), i);
        broker_ack(f, &m, m.env.seq, 1, 0, i + 1);
        free(m.body);
    }
    TAKE_UNTIL(f, f->answered == 4);
    assert_int_equal(stats(f).events_resent, 3);
}

static void sent_again_without_an_answer(void **state)
{
    struct fixture *f = *state;
    struct message m, again;
    connected(f,
              (struct lj_client_options){
                  .resend_us = 2 * SECOND, .deadline_us = 60 * SECOND, .hello_us = 30 * SECOND},
              &m);
    submit_ok(f, 0, 1);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    int64_t sent = f->now, next = lj_client_tick(f->client, f->now);
    assert_true(next >= sent + 2 * SECOND * 3 / 4 && next <= sent + 2 * SECOND * 5 / 4);
    f->now = next - 1;
    lj_client_tick(f->client, f->now);
    assert_int_equal(stats(f).events_resent, 0);
    f->now = next;
    int64_t second = lj_client_tick(f->client, f->now);
    assert_int_equal(stats(f).events_resent, 2);
    assert_true(second >= next + 4 * SECOND * 3 / 4 &&
                second <= next + 4 * SECOND * 5 / 4); /* doubled */
    broker_expect(f, LJ_MSG_SUBMIT, &again);
    assert_true(again.n == m.n && memcmp(again.body, m.body, m.n) == 0 &&
                again.env.seq == m.env.seq);
    broker_ack(f, &m, m.env.seq, 2, 0, 5);
    broker_ack(f, &m, m.env.seq, 2, 1, 5);
    TAKE_UNTIL(f, stats(f).unknown_seq == 1);
    assert_int_equal(f->answered, 2);
    free(m.body);
    free(again.body);
}

static void deadline_says_unknown_or_not_sent(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f, (struct lj_client_options){.deadline_us = 10 * SECOND}, &m);
    submit_ok(f, 0, 1);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    f->now += 4 * SECOND; /* not connected any more: three signs of life without an answer */
    assert_false(lj_client_connected(f->client));
    assert_int_equal(submit(f, 2), 0);
    f->now += SECOND;
    assert_int_equal(submit(f, 3), 0);
    lj_client_flush(f->client);
    f->now += 5 * SECOND - 1;
    lj_client_tick(f->client, f->now);
    assert_int_equal(f->answered, 0);
    f->now += 1;
    lj_client_tick(f->client, f->now);
    assert_int_equal(f->answered, 2);
    assert_true(f->answers[0].arg == 0 && f->answers[0].code == LJ_E_TIMEOUT &&
                f->answers[1].code == LJ_E_TIMEOUT);
    f->now += 4 * SECOND;
    lj_client_tick(f->client, f->now);
    assert_int_equal(f->answered, 3);
    assert_true(f->answers[2].arg == 2 && f->answers[2].code == LJ_E_BROKER_AWAY);
    /* The broker is back. Event 2 was called not sent, so it must not be sent; event 3 goes. A late
     * answer to 0 and 1 is for nobody. */
    broker_ack(f, &m, m.env.seq, 2, 0, 5);
    broker_welcome(f, &m, 77);
    TAKE_UNTIL(f, stats(f).unknown_seq == 1 && stats(f).welcomes == 2);
    free(m.body);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    assert_int_equal(count_of(&m), 1);
    assert_int_equal(id_of(&m, 0), 3);
    broker_ack(f, &m, m.env.seq, 1, 0, 9);
    TAKE_UNTIL(f, f->answered == 4);
    struct lj_client_stats s = stats(f);
    assert_true(s.unknown == 2 && s.not_sent == 1 && s.stored == 1 && s.events == 0 &&
                s.events_unsent == 0 && s.bytes == 0);
    free(m.body);
}

static void half_a_pack_expires(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f,
              (struct lj_client_options){
                  .deadline_us = 10 * SECOND, .hello_us = 100 * SECOND, .resend_us = 100 * SECOND},
              &m);
    submit_ok(f, 0, 0);
    f->now += SECOND;
    submit_ok(f, 1, 1);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    assert_int_equal(count_of(&m), 2);
    f->now += 9 * SECOND;
    lj_client_tick(f->client, f->now);
    assert_int_equal(f->answered, 1);
    broker_ack(f, &m, m.env.seq, 2, 0, 5);
    TAKE_UNTIL(f, f->answered == 2);
    assert_true(f->answers[0].code == LJ_E_TIMEOUT && f->answers[1].arg == 1 &&
                f->answers[1].position == 6);
    assert_int_equal(stats(f).bytes, 0);
    free(m.body);
}

static void back_pressure(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f, (struct lj_client_options){.events_max = 10}, &m);
    submit_ok(f, 0, 9);
    assert_int_equal(submit(f, 10), LJ_E_BUSY);
    lj_client_flush(f->client);
    assert_int_equal(submit(f, 10), LJ_E_BUSY); /* sent is not answered */
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    broker_ack(f, &m, m.env.seq, 10, 0, 1);
    TAKE_UNTIL(f, f->answered == 10);
    assert_int_equal(submit(f, 10), 0);
    assert_int_equal(stats(f).busy, 2);
    free(m.body);
    lj_client_close(&f->client, 0);
    assert_int_equal(f->answered, 11);
    assert_int_equal(f->answers[10].code, LJ_E_CLOSED);

    struct lj_submit_event e = event(0);
    size_t record = 4 + 16 + 8 + 2 + 1 + 1 + 4 + 4 + 3 + 5 + 4 + e.payload.n;
    open_client(f, (struct lj_client_options){.bytes_max = 3 * record});
    submit_ok(f, 0, 2);
    assert_int_equal(submit(f, 3), LJ_E_BUSY);
    assert_int_equal(stats(f).bytes, 3 * record);
}

static void bad_events_are_refused_at_once(void **state)
{
    struct fixture *f = *state;
    open_client(f, (struct lj_client_options){0});
    static char longest[256];
    memset(longest, 'x', sizeof longest);
    struct lj_slice too_long = {longest, sizeof longest};
    struct lj_submit_event e;
    const struct {
        const char *what;
        struct lj_slice type, unit, key, source;
        uint8_t origin, class;
    } table[] = {
        {"no type", S(""), S("PS001"), S(""), S(""), 1, 0},
        {"no unit", S("a.b"), S(""), S(""), S(""), 1, 0},
        {"long key", S("a.b"), S("PS001"), too_long, S(""), 1, 0},
        {"long source", S("a.b"), S("PS001"), S(""), too_long, 1, 0},
        {"origin", S("a.b"), S("PS001"), S(""), S(""), 3, 0},
        {"class", S("a.b"), S("PS001"), S(""), S(""), 1, 4},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        e = event(1);
        e.type = table[i].type;
        e.unit = table[i].unit;
        e.key = table[i].key;
        e.source = table[i].source;
        e.origin = table[i].origin;
        e.class = table[i].class;
        if (lj_client_submit(f->client, &e, answered, NULL, NULL) != LJ_E_ARG)
            fail_msg("taken: %s", table[i].what);
    }
    assert_int_equal(stats(f).events, 0);
}

static void an_error_refuses_the_whole_submit(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f, (struct lj_client_options){0}, &m);
    submit_ok(f, 0, 1);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    struct lj_buf b = {0};
    lj_error_put(&b, LJ_E_DRAINING, "stopping");
    broker_send(f, &m, LJ_MSG_ERROR, m.env.seq, &b);
    TAKE_UNTIL(f, f->answered == 2);
    assert_true(f->answers[1].code == LJ_E_DRAINING && stats(f).errors == 1 &&
                stats(f).last_error == LJ_E_DRAINING);
    assert_string_equal(f->answers[1].detail, "stopping");
    free(m.body);
}

/* ERROR -91 is WHO by another name: nothing is answered, HELLO follows. */
static void unknown_peer_is_who(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f, (struct lj_client_options){0}, &m);
    submit_ok(f, 0, 0);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    struct lj_buf b = {0};
    lj_error_put(&b, LJ_E_UNKNOWN_PEER, "who");
    broker_send(f, &m, LJ_MSG_ERROR, m.env.seq, &b);
    free(m.body);
    TAKE_UNTIL(f, stats(f).who == 1);
    assert_int_equal(f->answered, 0);
    broker_expect(f, LJ_MSG_HELLO, &m);
    free(m.body);
}

static void callbacks_may_submit(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f, (struct lj_client_options){.deadline_us = 2 * SECOND, .hello_us = 100 * SECOND},
              &m);
    submit_ok(f, 0, 2);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    f->submit_again = 3;
    broker_ack(f, &m, m.env.seq, 3, 0, 1);
    free(m.body);
    TAKE_UNTIL(f, f->answered == 3);
    for (int i = 0; i < 3; i++) {
        broker_expect(f, LJ_MSG_SUBMIT, &m);
        assert_int_equal(id_of(&m, 0), 1000 + i);
        free(m.body);
    }
    f->submit_again = 3; /* in callbacks of a deadline too */
    f->now += 2 * SECOND;
    lj_client_tick(f->client, f->now);
    assert_int_equal(f->answered, 6);
    assert_int_equal(stats(f).events, 3);
    f->submit_again = 0;
}

/* An event that was never sent expires, and its callback submits: the answer's id must not move. */
static void callbacks_may_submit_into_a_waiting_pack(void **state)
{
    struct fixture *f = *state;
    open_client(f, (struct lj_client_options){.deadline_us = 2 * SECOND});
    submit_ok(f, 0, 15);
    f->submit_again = 100;
    f->now += 2 * SECOND;
    lj_client_tick(f->client, f->now);
    f->submit_again = 0;
    assert_int_equal(f->answered, 16);
    assert_true(f->answers[15].arg == 15 && f->answers[15].code == LJ_E_BROKER_AWAY);
    assert_true(stats(f).events == 16 && stats(f).events_unsent == 16);
}

/* Close waits for answers: the broker's half is played by messages that are there already. */
static void close_drains(void **state)
{
    struct fixture *f = *state;
    struct message m;
    connected(f, (struct lj_client_options){.pack_max = 1}, &m);
    submit_ok(f, 0, 2);
    lj_client_flush(f->client);
    for (int i = 0; i < 3; i++) {
        broker_expect(f, LJ_MSG_SUBMIT, &m);
        if (i < 2)
            broker_ack(f, &m, m.env.seq, 1, 0, i + 1);
        free(m.body);
    }
    lj_client_close(&f->client, 300);
    assert_null(f->client);
    assert_int_equal(f->answered, 3);
    assert_true(f->answers[0].code == 0 && f->answers[1].code == 0 &&
                f->answers[2].code == LJ_E_TIMEOUT);
}

static void options_are_checked(void **state)
{
    struct fixture *f = *state;
    struct lj_client_options o = {.endpoint = f->endpoint};
    struct lj_err err = {0};
    struct lj_client *c = NULL;
    assert_int_equal(lj_client_open(&o, &c, &err), LJ_E_CONFIG);
    o.name = "has space";
    assert_int_equal(lj_client_open(&o, &c, &err), LJ_E_CONFIG);
    o.name = "ok";
    o.pack_max = 501;
    assert_int_equal(lj_client_open(&o, &c, &err), LJ_E_CONFIG);
    o.pack_max = 0;
    o.curve_server_key = "short";
    assert_int_equal(lj_client_open(&o, &c, &err), LJ_E_CONFIG);
    o.curve_public_key = o.curve_secret_key = "short";
    assert_int_equal(lj_client_open(&o, &c, &err), LJ_E_CONFIG);
    assert_non_null(strstr(err.text, "server"));
    o.curve_server_key = o.curve_public_key = o.curve_secret_key = NULL;
    o.endpoint = "nonsense://x";
    assert_int_equal(lj_client_open(&o, &c, &err), LJ_E_CONFIG);
    assert_null(c);
    lj_client_close(&c, 0);
}

/* The keys in the options are used: a broker that speaks CURVE only hears the client. */
static void curve_keys_are_used(void **state)
{
    struct fixture *f = *state;
    struct message m;
    char server_public[41], server_secret[41], public_key[41], secret[41];
    assert_int_equal(zmq_curve_keypair(server_public, server_secret), 0);
    assert_int_equal(zmq_curve_keypair(public_key, secret), 0);
    broker_stop(f);
    strcpy(f->endpoint, "tcp://127.0.0.1:*");
    int one = 1;
    size_t n = sizeof f->endpoint;
    f->router = zmq_socket(f->context, ZMQ_ROUTER);
    zmq_setsockopt(f->router, ZMQ_CURVE_SERVER, &one, sizeof one);
    zmq_setsockopt(f->router, ZMQ_CURVE_SECRETKEY, server_secret, 40);
    assert_int_equal(zmq_bind(f->router, f->endpoint), 0);
    zmq_getsockopt(f->router, ZMQ_LAST_ENDPOINT, f->endpoint, &n);
    connected(f,
              (struct lj_client_options){.curve_server_key = server_public,
                                         .curve_public_key = public_key,
                                         .curve_secret_key = secret},
              &m);
    submit_ok(f, 0, 0);
    lj_client_flush(f->client);
    broker_expect(f, LJ_MSG_SUBMIT, &m);
    free(m.body);
}

/* A service that is no broker answers at first: libzmq gives such a connection up for good. */
static void a_connection_given_up_is_made_anew(void **state)
{
    struct fixture *f = *state;
    static const char greeting[64] = "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE";
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    char rest[256];
    broker_stop(f);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    snprintf(f->endpoint, sizeof f->endpoint, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    open_client(f, (struct lj_client_options){0});
    int c = accept(fd, NULL, NULL);
    assert_true(c >= 0);
    assert_int_equal(send(c, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    while (recv(c, rest, sizeof rest, 0) > 0)
        continue;
    close(c);
    close(fd);
    broker_start(f);
    zmq_pollitem_t item = {.socket = f->router, .events = ZMQ_POLLIN};
    int64_t limit = lj_mono_us() + 60 * (int64_t)SECOND;
    while (zmq_poll(&item, 1, 20) == 0) {
        assert_true(lj_mono_us() < limit);
        f->now += SECOND; /* the client's seconds pass quickly */
        (void)lj_client_tick(f->client, f->now);
    }
    struct message m;
    broker_expect(f, LJ_MSG_HELLO, &m);
    free(m.body);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(packs_in_order),
        T(units_with_much_on_the_way_have_packs_of_their_own),
        T(packs_by_bytes),
        T(answers_are_applied_once),
        T(strange_frames_are_counted),
        T(sent_again_after_a_new_broker),
        T(answers_outlive_their_connection),
        T(sent_again_after_who),
        T(sent_again_without_an_answer),
        T(deadline_says_unknown_or_not_sent),
        T(half_a_pack_expires),
        T(back_pressure),
        T(bad_events_are_refused_at_once),
        T(an_error_refuses_the_whole_submit),
        T(unknown_peer_is_who),
        T(callbacks_may_submit),
        T(callbacks_may_submit_into_a_waiting_pack),
        T(close_drains),
        T(options_are_checked),
        T(curve_keys_are_used),
        T(a_connection_given_up_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
