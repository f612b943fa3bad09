/* The runner against a broker played by the test: a ROUTER on a Unix socket. The runner is a child
 * process, as in life, so that it can be stopped, and die of a poison event. Every wait has a
 * deadline; none is a sleep. lj-test: lj_runner
 */
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/pgparam.h"
#include "proto/wire.h"
#include "workers/runner/result.h"
#include "workers/runner/runner.h"

enum { WAIT_MS = 60000, BEHIND_AN_IMPOSTOR = 2 };

/* ---- the kind under test: a payload is a command ---- */

static const enum lj_pgtype columns[] = {LJ_PG_INT8};

struct toy {
    int opens, calls;
};

static int open_failures; /* set before the fork */
static int opens;

static int toy_open(const struct lj_worker_ctx *ctx, void **ret_state, struct lj_err *err)
{
    (void)ctx;
    if (++opens <= open_failures)
        return lj_fail(err, LJ_E_DB_SYSTEM, "not yet");
    struct toy *t = calloc(1, sizeof *t);
    t->opens = opens;
    *ret_state = t;
    return 0;
}

static void toy_close(void **state)
{
    free(*state);
    *state = NULL;
}

static void judge_one(struct toy *t, const struct lj_event *e, size_t i, struct lj_result *out)
{
    struct lj_err why = {0};
    static char big[LJ_SHORT_BYTES_MAX];
    if (strcmp(e->payload, "retry") == 0) {
        (void)lj_fail(&why, LJ_E_DB_SYSTEM, "later");
        lj_result_retry(out, i, &why);
    } else if (strcmp(e->payload, "final") == 0) {
        (void)lj_fail(&why, LJ_E_ARG, "never");
        lj_result_final(out, i, &why);
    } else if (strcmp(e->payload, "none") != 0) {
        lj_result_done(out, i, strcmp(e->payload, "opens") == 0 ? t->opens : t->calls);
    }
    if (strcmp(e->payload, "big") == 0)
        lj_result_short(out, i, big, sizeof big);
    lj_pgarray_int(lj_result_column(out, 0),
                   e->position); /* also for failed ones: the runner must not send those */
}

static int toy_batch(void *state, const struct lj_batch *in, struct lj_result *out,
                     struct lj_err *err)
{
    struct toy *t = state;
    t->calls++;
    for (size_t i = 0; i < in->count; i++) {
        if (strcmp(in->events[i].payload, "lost") == 0)
            return lj_fail(err, LJ_E_DB_LOST, "the connection is gone");
        if (strcmp(in->events[i].payload, "no table") == 0) {
            (void)lj_fail(err, LJ_E_DB_DATA, "there is no such table");
            strcpy(err->sqlstate, "42P01");
            return LJ_E_DB_DATA;
        }
        if (strcmp(in->events[i].payload, "bad value") == 0) {
            (void)lj_fail(err, LJ_E_DB_DATA, "out of range");
            strcpy(err->sqlstate, "22003");
            return LJ_E_DB_DATA;
        }
        judge_one(t, &in->events[i], i, out);
    }
    return 0;
}

static const struct lj_worker toy_worker = {.kind = "toy",
                                            .version = "7",
                                            .columns = columns,
                                            .ncolumns = 1,
                                            .open = toy_open,
                                            .batch = toy_batch,
                                            .close = toy_close};

/* ---- the broker played by the test ---- */

struct world {
    char dir[64], endpoint[128];
    struct lj_keypair keys, server; /* used when the endpoint is TCP */
    void *zctx, *router;
    pid_t child;
    int stop_fd;
    uint8_t rid[32];
    size_t rid_len;
    uint8_t type; /* of the last message */
    uint64_t seq;
    uint8_t *body;
    size_t body_len;
};

static int run_child(const struct world *w, int stop_fd)
{
    struct lj_peer_cfg cfg = {.dsn = "", .endpoint = w->endpoint, .name = "proc", .slots = 3};
    const struct lj_worker *workers[] = {&toy_worker};
    if (strncmp(w->endpoint, "tcp:", 4) == 0) {
        cfg.keys = &w->keys;
        cfg.server_key = w->server.public_key;
    }
    struct lj_runner *r = NULL;
    struct lj_err err = {0};
    int rc = lj_runner_open(&cfg, workers, 1, &r, &err);
    if (rc == 0)
        rc = lj_runner_run(r, stop_fd, NULL, &err);
    lj_runner_close(&r);
    if (rc < 0)
        fprintf(stderr, "runner: %s\n", err.text);
    return rc < 0;
}

static void bind_router(struct world *w)
{
    int on = 1, zero = 0;
    w->router = zmq_socket(w->zctx, ZMQ_ROUTER);
    assert_non_null(w->router);
    assert_int_equal(zmq_setsockopt(w->router, ZMQ_ROUTER_MANDATORY, &on, sizeof on), 0);
    assert_int_equal(zmq_setsockopt(w->router, ZMQ_LINGER, &zero, sizeof zero), 0);
    if (strncmp(w->endpoint, "tcp:", 4) == 0) { /* without a ZAP handler every key may come in */
        assert_int_equal(zmq_setsockopt(w->router, ZMQ_CURVE_SERVER, &on, sizeof on), 0);
        assert_int_equal(
            zmq_setsockopt(w->router, ZMQ_CURVE_SECRETKEY, w->server.secret_key, LJ_Z85_KEY + 1),
            0);
    }
    assert_int_equal(zmq_bind(w->router, w->endpoint), 0);
}

/* A TCP port that was free a moment ago: the child must know it before the test binds it. */
static void choose_tcp(struct world *w)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    (void)close(fd);
    (void)snprintf(w->endpoint, sizeof w->endpoint, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    assert_int_equal(zmq_curve_keypair(w->keys.public_key, w->keys.secret_key), 0);
    assert_int_equal(zmq_curve_keypair(w->server.public_key, w->server.secret_key), 0);
}

/* On the port that the runner will connect to, a service that speaks ZMTP and no CURVE: libzmq
 * gives such a connection up for good. */
static int impostor(const struct world *w)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    a.sin_port = htons((uint16_t)atoi(strrchr(w->endpoint, ':') + 1));
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* Answers one connection with a greeting of another mechanism and waits until it is closed. */
static void greet_wrongly(int fd)
{
    static const char greeting[64] = "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL";
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char rest[256];
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    int c = accept(fd, NULL, NULL);
    assert_true(c >= 0);
    assert_int_equal(send(c, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    while (recv(c, rest, sizeof rest, 0) > 0)
        continue;
    (void)close(c);
    (void)close(fd);
}

static struct world *begin_at(int failures, int tcp)
{
    int wrong = -1;
    struct world *w = calloc(1, sizeof *w);
    int fds[2];
    strcpy(w->dir, "/tmp/lj-runner-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->endpoint, sizeof w->endpoint, "ipc://%s/work.sock", w->dir);
    if (tcp)
        choose_tcp(w);
    if (tcp == BEHIND_AN_IMPOSTOR)
        wrong = impostor(w);
    assert_int_equal(pipe(fds), 0);
    open_failures = failures;
    opens = 0;
    w->child = fork(); /* before any ZeroMQ context: a context does not survive a fork */
    assert_true(w->child >= 0);
    if (w->child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves no child behind */
        (void)close(fds[1]);
        if (wrong >= 0)
            (void)close(wrong);
        int rc = run_child(w, fds[0]);
        free(w);
        _exit(rc);
    }
    (void)close(fds[0]);
    w->stop_fd = fds[1];
    if (wrong >= 0)
        greet_wrongly(wrong);
    w->zctx = zmq_ctx_new();
    bind_router(w);
    return w;
}

static struct world *begin(int failures)
{
    return begin_at(failures, 0);
}

/* Ends the child (unless it is gone) and cleans up. */
static void end(struct world *w)
{
    char path[160];
    if (w->child > 0) {
        (void)kill(w->child, SIGKILL);
        (void)waitpid(w->child, NULL, 0);
    }
    (void)close(w->stop_fd);
    (void)zmq_close(w->router);
    (void)zmq_ctx_term(w->zctx);
    (void)snprintf(path, sizeof path, "%s/work.sock", w->dir);
    (void)unlink(path);
    (void)rmdir(w->dir);
    free(w->body);
    free(w);
}

static size_t frame(struct world *w, uint8_t **ret)
{
    zmq_msg_t m;
    (void)zmq_msg_init(&m);
    assert_true(zmq_msg_recv(&m, w->router, 0) >= 0);
    size_t n = zmq_msg_size(&m);
    free(*ret);
    *ret = malloc(n + 1);
    memcpy(*ret, zmq_msg_data(&m), n);
    (void)zmq_msg_close(&m);
    return n;
}

/* The next message, whatever it is. */
static void hear(struct world *w)
{
    zmq_pollitem_t item = {.socket = w->router, .events = ZMQ_POLLIN};
    uint8_t *bytes = NULL;
    struct lj_envelope env;
    assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
    w->rid_len = frame(w, &bytes);
    assert_true(w->rid_len <= sizeof w->rid);
    memcpy(w->rid, bytes, w->rid_len);
    size_t n = frame(w, &bytes);
    assert_int_equal(lj_envelope_get(bytes, n, &env, NULL), 0);
    w->body_len = frame(w, &w->body);
    w->type = env.type;
    w->seq = env.seq;
    free(bytes);
}

static struct lj_hello hear_hello(struct world *w)
{
    struct lj_hello h;
    hear(w);
    assert_int_equal(w->type, LJ_MSG_HELLO);
    assert_int_equal(lj_hello_get(w->body, w->body_len, &h, NULL), 0);
    return h;
}

static void say(struct world *w, uint8_t type, uint64_t seq, const struct lj_buf *body)
{
    uint8_t env[LJ_ENVELOPE_SIZE];
    lj_envelope_put(env, type, seq);
    assert_true(zmq_send(w->router, w->rid, w->rid_len, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(w->router, env, sizeof env, ZMQ_SNDMORE) >= 0);
    assert_true(
        zmq_send(w->router, body ? body->data : (const uint8_t *)"", body ? body->len : 0, 0) >= 0);
}

static void welcome(struct world *w)
{
    struct lj_buf b = {0};
    lj_welcome_put(&b, &(struct lj_welcome){.nonce = 5,
                                            .events_max = 500,
                                            .event_bytes_max = 65536,
                                            .body_bytes_max = 1048576});
    say(w, LJ_MSG_WELCOME, w->seq, &b);
    lj_buf_free(&b);
}

static uint64_t hello_and_welcome(struct world *w)
{
    uint64_t nonce = hear_hello(w).nonce;
    welcome(w);
    return nonce;
}

static void batch_with(struct world *w, uint64_t number, uint32_t deadline_ms, size_t n,
                       const char *const *payloads)
{
    struct lj_buf b = {0};
    lj_batch_head_put(
        &b, &(struct lj_batch_head){
                .batch = number, .deadline_ms = deadline_ms, .attempt = 1, .count = (uint16_t)n});
    for (size_t i = 0; i < n; i++)
        lj_batch_record_put(
            &b, &(struct lj_batch_record){.position = (int64_t)(100 + i),
                                          .id = {(uint8_t)i},
                                          .occurred_at_us = LJ_TIME_NONE,
                                          .schema_version = 1,
                                          .unit_code = {"PS001", 5},
                                          .type = {"t.done", 6},
                                          .key = {"k", 1},
                                          .payload = {payloads[i], strlen(payloads[i])}});
    say(w, LJ_MSG_BATCH, 1000 + number, &b);
    lj_buf_free(&b);
}

#define BATCH(w, number, ...)                                                                      \
    batch_with(w, number, 60000, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),           \
               (const char *[]){__VA_ARGS__})

struct answer {
    struct lj_result_head head;
    struct lj_outcome_record outcomes[128];
    int64_t positions[128];
    size_t npositions;
};

static void hear_result(struct world *w, uint64_t number, struct answer *a)
{
    const char *values[1];
    int lengths[1], count = 0;
    hear(w);
    assert_int_equal(w->type, LJ_MSG_RESULT);
    assert_int_equal(w->seq, 1000 + number);
    struct lj_reader r = lj_reader(w->body, w->body_len);
    assert_int_equal(lj_result_head_get(&r, &a->head, NULL), 0);
    assert_int_equal(a->head.batch, number);
    for (size_t i = 0; i < a->head.count; i++)
        assert_int_equal(lj_outcome_get(&r, &a->outcomes[i], NULL), 0);
    assert_int_equal(lj_pgblock_split(r.p, r.left, 1, values, lengths, &count, NULL), 0);
    assert_int_equal(count, 1);
    struct lj_reader c = lj_reader(values[0], (size_t)lengths[0]);
    a->npositions = 0;
    if (lj_read_u32(&c) == 0) /* dimensions */
        return;
    (void)lj_read_bytes(&c, 8);
    a->npositions = lj_read_u32(&c);
    (void)lj_read_u32(&c);
    for (size_t i = 0; i < a->npositions; i++) {
        assert_int_equal(lj_read_u32(&c), 8);
        a->positions[i] = lj_read_i64(&c);
    }
}

/* What became of the child: its exit status, or minus the signal. */
static int child_status(struct world *w)
{
    int status = 0;
    assert_int_equal(waitpid(w->child, &status, 0), w->child);
    w->child = 0;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- the tests ---- */

static void it_says_hello(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct lj_hello h = hear_hello(w);
    assert_int_equal(h.role, LJ_ROLE_WORKER);
    assert_int_equal(h.slots, 3);
    assert_int_equal(h.kind.n, 3);
    assert_memory_equal(h.kind.p, "toy", 3);
    assert_memory_equal(h.version.p, "7", 1);
    assert_int_equal(h.name.n, 8);
    assert_memory_equal(h.name.p, "proc.toy", 8);
    assert_true(h.nonce != 0);
    end(w);
}

static void a_hello_without_answer_is_said_again(void **state)
{
    (void)state;
    struct world *w = begin(0);
    uint64_t first = hear_hello(w).nonce;
    uint64_t second = hear_hello(w).nonce;
    assert_true(first != second);
    end(w);
}

static void a_batch_is_answered(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct answer a;
    hello_and_welcome(w);
    BATCH(w, 1, "x", "x");
    BATCH(w, 2, "x");
    hear_result(w, 1, &a);
    assert_int_equal(a.head.count, 2);
    assert_int_equal(a.outcomes[0].what, LJ_OUTCOME_DONE);
    assert_int_equal(a.npositions, 2);
    assert_int_equal(a.positions[1], 101);
    hear_result(w, 2, &a);
    assert_int_equal(a.outcomes[0].code, 2); /* the second call of the kind */
    end(w);
}

static void columns_hold_done_events_only(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct answer a;
    hello_and_welcome(w);
    BATCH(w, 1, "x", "final", "x", "none", "x");
    hear_result(w, 1, &a);
    static const int whats[] = {LJ_OUTCOME_DONE, LJ_OUTCOME_FINAL, LJ_OUTCOME_DONE,
                                LJ_OUTCOME_FINAL, LJ_OUTCOME_DONE};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(a.outcomes[i].what, whats[i]);
    assert_int_equal(a.outcomes[1].code, LJ_E_ARG);
    assert_int_equal(a.outcomes[3].code, LJ_E_INTERNAL);
    assert_int_equal(a.outcomes[0].code, 2); /* of the second pass */
    assert_int_equal(a.npositions, 3);
    assert_int_equal(a.positions[0], 100);
    assert_int_equal(a.positions[1], 102);
    assert_int_equal(a.positions[2], 104);
    end(w);
}

static void who_begins_a_new_life(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct answer a;
    uint64_t first = hear_hello(w).nonce;
    say(w, LJ_MSG_WHO, 0, NULL); /* an echo of something before the HELLO: passed over */
    welcome(w);
    BATCH(w, 1, "x");
    hear_result(w, 1, &a); /* and not another HELLO */
    say(w, LJ_MSG_WHO, 0, NULL);
    assert_true(hello_and_welcome(w) != first);
    end(w);
}

static void a_broker_that_comes_back_hears_hello(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct answer a;
    uint64_t first = hello_and_welcome(w);
    BATCH(w, 1, "x");
    hear_result(w, 1, &a);
    assert_int_equal(zmq_close(w->router), 0);
    bind_router(w);
    assert_true(hello_and_welcome(w) != first);
    BATCH(w, 2, "x");
    hear_result(w, 2, &a);
    end(w);
}

static void it_works_over_curve(void **state)
{
    (void)state;
    struct world *w = begin_at(0, 1);
    struct answer a;
    hello_and_welcome(w);
    BATCH(w, 1, "x");
    hear_result(w, 1, &a);
    assert_int_equal(a.npositions, 1);
    end(w);
}

static void a_connection_that_libzmq_gave_up_is_made_anew(void **state)
{
    (void)state;
    struct world *w = begin_at(0, BEHIND_AN_IMPOSTOR);
    struct answer a;
    hello_and_welcome(w);
    BATCH(w, 1, "x");
    hear_result(w, 1, &a);
    assert_int_equal(a.npositions, 1);
    end(w);
}

static void no_hello_before_the_worker_is_open(void **state)
{
    (void)state;
    struct world *w = begin(2);
    struct answer a;
    hello_and_welcome(w);
    BATCH(w, 1, "opens");
    hear_result(w, 1, &a);
    assert_int_equal(a.outcomes[0].code,
                     3); /* opened at the third attempt, and said HELLO only then */
    end(w);
}

static void a_lost_database_gives_the_batch_back_and_takes_no_more(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct answer a;
    uint64_t first = hello_and_welcome(w);
    BATCH(w, 1, "x", "lost");
    hear_result(w, 1, &a);
    assert_int_equal(a.outcomes[0].what, LJ_OUTCOME_RETRY);
    assert_int_equal(a.outcomes[1].what, LJ_OUTCOME_RETRY);
    assert_int_equal(a.outcomes[1].code, LJ_E_DB_LOST);
    assert_int_equal(a.npositions, 0);
    hear(w);
    assert_int_equal(w->type, LJ_MSG_BYE);
    say(w, LJ_MSG_BYE, w->seq, NULL);
    assert_true(hello_and_welcome(w) != first);
    BATCH(w, 2, "opens");
    hear_result(w, 2, &a);
    assert_int_equal(a.outcomes[0].code, 2);
    end(w);
}

static void a_missing_table_is_no_events_fault(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct answer a;
    hello_and_welcome(w);
    BATCH(w, 1, "bad value");
    hear_result(w, 1, &a);
    assert_int_equal(a.outcomes[0].what, LJ_OUTCOME_FINAL);
    BATCH(w, 2, "no table");
    hear_result(w, 2, &a);
    assert_int_equal(a.outcomes[0].what, LJ_OUTCOME_RETRY);
    hear(w);
    assert_int_equal(w->type, LJ_MSG_BYE); /* and no more of it until the worker is open again */
    end(w);
}

static void stopping_drains(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct answer a;
    hello_and_welcome(w);
    BATCH(w, 1, "x");
    hear_result(w, 1, &a);
    assert_int_equal(write(w->stop_fd, "x", 1), 1);
    hear(w);
    assert_int_equal(w->type, LJ_MSG_BYE);
    BATCH(w, 2, "x"); /* was leased before BYE came in: is judged still */
    hear_result(w, 2, &a);
    assert_int_equal(a.outcomes[0].what, LJ_OUTCOME_DONE);
    say(w, LJ_MSG_BYE, 0, NULL);
    assert_int_equal(child_status(w), 0);
    end(w);
}

static void stopping_without_a_broker_ends(void **state)
{
    (void)state;
    struct world *w = begin(1000000); /* never open, so never known to the broker */
    assert_int_equal(write(w->stop_fd, "x", 1), 1);
    assert_int_equal(child_status(w), 0);
    end(w);
}

static void bad_messages_are_dropped(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct answer a;
    uint8_t env[LJ_ENVELOPE_SIZE];
    struct lj_buf junk = {0};
    hello_and_welcome(w);
    lj_envelope_put(env, LJ_MSG_BATCH, 1);
    assert_true(zmq_send(w->router, w->rid, w->rid_len, ZMQ_SNDMORE) >= 0); /* one frame */
    assert_true(zmq_send(w->router, env, sizeof env, 0) >= 0);
    assert_true(zmq_send(w->router, w->rid, w->rid_len, ZMQ_SNDMORE) >= 0); /* many frames */
    for (int i = 0; i < 1000; i++)
        assert_true(zmq_send(w->router, env, sizeof env, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(w->router, env, sizeof env, 0) >= 0);
    lj_buf_put(&junk, "junk", 4);
    say(w, LJ_MSG_BATCH, 1, &junk); /* no batch */
    say(w, 200, 1, &junk);          /* no type */
    say(w, LJ_MSG_ERROR, 1, &junk); /* no error */
    lj_buf_free(&junk);
    BATCH(w, 5, "x");
    hear_result(w, 5, &a);
    end(w);
}

static void a_batch_past_its_deadline_is_dropped(void **state)
{
    (void)state;
    struct world *w = begin(0);
    struct answer a;
    hello_and_welcome(w);
    batch_with(w, 1, 0, 1, (const char *[]){"x"});
    BATCH(w, 2, "x");
    hear_result(w, 2, &a); /* not that of 1 */
    end(w);
}

/* Short results of 128 events are 2 MiB, more than a SUBMIT may weigh: the work door takes that. */
static void a_result_may_weigh_more_than_a_submit(void **state)
{
    (void)state;
    struct world *w = begin(0);
    static struct answer a;
    const char *payloads[128];
    for (size_t i = 0; i < 128; i++)
        payloads[i] = "big";
    hello_and_welcome(w);
    batch_with(w, 1, 60000, 128, payloads);
    hear_result(w, 1, &a);
    assert_int_equal(a.head.count, 128);
    assert_int_equal(a.npositions, 128);
    for (size_t i = 0; i < 128; i++) {
        assert_int_equal(a.outcomes[i].what, LJ_OUTCOME_DONE);
        assert_int_equal(a.outcomes[i].bytes.n, LJ_SHORT_BYTES_MAX);
    }
    end(w);
}

static void poison_kills_the_process(void **state)
{
    (void)state;
#ifdef LJ_FAILPOINTS
    assert_int_equal(setenv("LJ_POISON", "deadly", 1), 0);
    struct world *w = begin(0);
    assert_int_equal(unsetenv("LJ_POISON"), 0);
    struct answer a;
    hello_and_welcome(w);
    BATCH(w, 1, "x");
    hear_result(w, 1, &a);
    BATCH(w, 2, "x", "so deadly!");
    assert_int_equal(child_status(w), -SIGABRT);
    end(w);
#else
    skip();
#endif
}

static void dies_at(const char *where)
{
    assert_int_equal(setenv("LJ_FAIL_AT", where, 1), 0);
    struct world *w = begin(0);
    assert_int_equal(unsetenv("LJ_FAIL_AT"), 0);
    hello_and_welcome(w);
    BATCH(w, 1, "x");
    assert_int_equal(child_status(w), -SIGKILL);
    end(w);
}

static void fail_points_kill_the_process(void **state)
{
    (void)state;
#ifdef LJ_FAILPOINTS
    dies_at("worker.batch.received");
    dies_at("worker.batch.done");
    dies_at("worker.result.half");
    dies_at("worker.result.sent");
#else
    (void)dies_at;
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_hello),
        cmocka_unit_test(a_hello_without_answer_is_said_again),
        cmocka_unit_test(a_batch_is_answered),
        cmocka_unit_test(columns_hold_done_events_only),
        cmocka_unit_test(who_begins_a_new_life),
        cmocka_unit_test(a_broker_that_comes_back_hears_hello),
        cmocka_unit_test(it_works_over_curve),
        cmocka_unit_test(a_connection_that_libzmq_gave_up_is_made_anew),
        cmocka_unit_test(no_hello_before_the_worker_is_open),
        cmocka_unit_test(a_lost_database_gives_the_batch_back_and_takes_no_more),
        cmocka_unit_test(a_missing_table_is_no_events_fault),
        cmocka_unit_test(stopping_drains),
        cmocka_unit_test(stopping_without_a_broker_ends),
        cmocka_unit_test(bad_messages_are_dropped),
        cmocka_unit_test(a_batch_past_its_deadline_is_dropped),
        cmocka_unit_test(a_result_may_weigh_more_than_a_submit),
        cmocka_unit_test(poison_kills_the_process),
        cmocka_unit_test(fail_points_kill_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
