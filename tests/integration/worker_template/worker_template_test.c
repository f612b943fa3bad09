/* A further kind, added from workers/template as its README says, and removed again: in a copy of
 * the tree, built, with a real PostgreSQL and the real broker. While it is there, an event that it
 * wants leaves its effect once; when it is gone, the program does not know it, nothing wants it any
 * more, and events go on without it.
 *
 * lj-test: lj_proto lj_testlib lj_common PkgConfig::ZMQ PkgConfig::PQ */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/clock.h"
#include "proto/wire.h"
#include "tests/lib/pgtest.h"

enum { WAIT_MS = 30000 };

static struct {
    struct lj_pgtest *pg;
    char dir[64], run[96], tree[512], worker[160];
    pid_t broker, kind;
    void *zctx, *intake;
    uint64_t seq;
} w;

/* ---- processes ---- */

static int shell(const char *fmt, ...)
{
    char command[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    int rc = system(command);
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static pid_t spawn(const char *log, const char *const *argv)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s.log", w.dir, log);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (fd >= 0)
            (void)dup2(fd, STDERR_FILENO);
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static int end(pid_t *pid, int sig)
{
    int status = 0;
    if (*pid <= 0)
        return 0;
    (void)kill(*pid, sig);
    (void)waitpid(*pid, &status, 0);
    *pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void start_kind(void)
{
    char dsn[160], run[128];
    (void)snprintf(dsn, sizeof dsn, "--dsn=host=%s dbname=lj user=liangjin_worker",
                   lj_pgtest_dir(w.pg));
    (void)snprintf(run, sizeof run, "--run-dir=%s", w.run);
    const char *argv[] = {w.worker, "greeting", dsn, run, NULL};
    w.kind = spawn("greeting", argv);
}

static void start_broker(const char *program)
{
    char dsn[160], run[128];
    (void)snprintf(dsn, sizeof dsn, "--dsn=host=%s dbname=lj user=liangjin_broker",
                   lj_pgtest_dir(w.pg));
    (void)snprintf(run, sizeof run, "--run-dir=%s", w.run);
    const char *argv[] = {program, dsn, run, NULL};
    w.broker = spawn("broker", argv);
}

/* ---- waiting and asking ---- */

static long long integer(const char *sql)
{
    char text[512];
    (void)snprintf(text, sizeof text, "set search_path = liangjin, pg_catalog; %s", sql);
    return lj_pgtest_int(w.pg, "lj", text);
}

static void wait_for(const char *sql, long long wanted)
{
    int64_t limit = lj_mono_us() + WAIT_MS * INT64_C(1000);
    const struct timespec pause = {.tv_nsec = 20000000};
    while (integer(sql) != wanted) {
        if (lj_mono_us() > limit) {
            (void)shell("tail -n 20 %s/*.log >&2", w.dir);
            fail_msg("not in time: %s = %lld", sql, wanted);
        }
        (void)nanosleep(&pause, NULL);
    }
}

static void say(uint8_t type, const struct lj_buf *body)
{
    uint8_t env[LJ_ENVELOPE_SIZE];
    lj_envelope_put(env, type, ++w.seq);
    assert_true(zmq_send(w.intake, env, sizeof env, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(w.intake, body->data, body->len, 0) >= 0);
}

/* Waits for a message of that type; its body is in `ret`. */
static void hear(uint8_t type, struct lj_buf *ret)
{
    struct lj_envelope env = {0};
    do {
        zmq_msg_t head, body;
        (void)zmq_msg_init(&head);
        (void)zmq_msg_init(&body);
        if (zmq_msg_recv(&head, w.intake, 0) < 0) {
            (void)shell("tail -n 20 %s/*.log >&2", w.dir);
            fail_msg("the broker does not answer");
        }
        assert_true(zmq_msg_recv(&body, w.intake, 0) >= 0);
        assert_int_equal(lj_envelope_get(zmq_msg_data(&head), zmq_msg_size(&head), &env, NULL), 0);
        lj_buf_clear(ret);
        lj_buf_put(ret, zmq_msg_data(&body), zmq_msg_size(&body));
        (void)zmq_msg_close(&head);
        (void)zmq_msg_close(&body);
    } while (env.type != type);
}

static void say_hello(void)
{
    struct lj_buf b = {0};
    for (int i = 0; i < 120; i++) { /* a broker that has not read the log yet welcomes nobody */
        zmq_pollitem_t item = {.socket = w.intake, .events = ZMQ_POLLIN};
        lj_buf_clear(&b);
        lj_hello_put(&b,
                     &(struct lj_hello){.role = LJ_ROLE_INTAKE, .nonce = 1, .name = {"test", 4}});
        say(LJ_MSG_HELLO, &b);
        if (zmq_poll(&item, 1, 1000) > 0)
            break;
    }
    hear(LJ_MSG_WELCOME, &b);
    lj_buf_free(&b);
}

static void submit(uint8_t number)
{
    static const char payload[] = "{\"comment\":\"abcde\"}";
    struct lj_buf b = {0};
    struct lj_ack ack;
    lj_buf_u16(&b, 1);
    lj_submit_event_put(
        &b, &(struct lj_submit_event){.id = {1, 2, 3, 4, 5, 6, 0x70, 0, 0x80, [15] = number},
                                      .occurred_at_us = LJ_TIME_NONE,
                                      .schema_version = 1,
                                      .origin = LJ_ORIGIN_CLIENT,
                                      .class = LJ_CLASS_DEFAULT,
                                      .type = {"feedback.received", 17},
                                      .unit = {"CN000", 5},
                                      .source = {"test", 4},
                                      .payload = {payload, sizeof payload - 1}});
    say(LJ_MSG_SUBMIT, &b);
    hear(LJ_MSG_ACK, &b);
    struct lj_reader r = lj_reader(b.data, b.len);
    assert_int_equal(lj_read_u16(&r), 1);
    assert_int_equal(lj_ack_get(&r, &ack, NULL), 0);
    assert_int_equal(ack.code, 0);
    lj_buf_free(&b);
}

/* ---- the test ---- */

static int setup(void **state)
{
    static const char *const settings[] = {"fsync=on",
                                           NULL}; /* the broker refuses to start without */
    const char *source = getenv("LJ_SOURCE_DIR");
    (void)state;
    strcpy(w.dir, "/tmp/lj-template-XXXXXX");
    if (!source || !mkdtemp(w.dir))
        return -1;
    (void)snprintf(w.run, sizeof w.run, "%s/run", w.dir);
    (void)snprintf(w.tree, sizeof w.tree, "%s/tests/integration/worker_template/tree.sh", source);
    (void)snprintf(w.worker, sizeof w.worker, "%s/build/workers/liangjin-worker", w.dir);
    w.pg = lj_pgtest_start_with(settings);
    return w.pg && mkdir(w.run, 0700) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    (void)end(&w.kind, SIGKILL);
    (void)end(&w.broker, SIGKILL);
    if (w.intake)
        (void)zmq_close(w.intake);
    if (w.zctx)
        (void)zmq_ctx_term(w.zctx);
    lj_pgtest_free(&w.pg);
    return shell("rm -rf '%s'", w.dir);
}

static int database(void)
{
    return shell("%s/src/tests/lib/dbsetup.sh 'host=%s user=postgres' lj 2>%s/dbsetup.log || { cat "
                 "%s/dbsetup.log >&2; false; }",
                 w.dir, lj_pgtest_dir(w.pg), w.dir, w.dir);
}

static void connect_intake(void)
{
    char endpoint[128];
    int wait = WAIT_MS, zero = 0;
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/intake.sock", w.run);
    w.zctx = zmq_ctx_new();
    w.intake = zmq_socket(w.zctx, ZMQ_DEALER);
    assert_non_null(w.intake);
    assert_int_equal(zmq_setsockopt(w.intake, ZMQ_RCVTIMEO, &wait, sizeof wait), 0);
    assert_int_equal(zmq_setsockopt(w.intake, ZMQ_LINGER, &zero, sizeof zero), 0);
    assert_int_equal(zmq_connect(w.intake, endpoint), 0);
    say_hello();
}

/* What ljctl migrate does with proto/event_types.tsv: here only the line that the test changed. */
static void reload_event_types(void)
{
    assert_int_equal(
        lj_pgtest_sql(w.pg, "lj",
                      "set role liangjin_owner; set search_path = liangjin, pg_catalog;"
                      "select load_event_type(t.number, t.name, t.origin, t.default_key, t.class,"
                      " array(select k.name from want join kind k on k.number = want.kind where "
                      "want.type = t.number and k.name <> 'greeting'))"
                      " from event_type t where t.name = 'feedback.received'"),
        0);
}

static void a_kind_is_added_and_removed(void **state)
{
    const char *broker = getenv("LJ_BROKER");
    (void)state;
    assert_non_null(broker);
    assert_int_equal(shell("%s copy %s", w.tree, w.dir), 0);
    assert_int_equal(shell("%s add %s", w.tree, w.dir), 0);
    assert_int_equal(database(), 0);
    assert_int_equal(integer("select count(*) from want join kind k on k.number = want.kind where "
                             "k.name = 'greeting'"),
                     1);

    start_broker(broker);
    start_kind();
    connect_intake();
    submit(1);
    submit(2);
    wait_for("select count(*) from greeting where length = 5", 2);
    wait_for("select coalesce(sum(cardinality(positions)), 0) from closure join kind k on k.number "
             "= closure.kind where k.name = 'greeting'",
             2);
    assert_int_equal(end(&w.kind, SIGTERM), 0); /* drains */
    assert_int_equal(end(&w.broker, SIGTERM), 0);

    assert_int_equal(shell("%s remove %s", w.tree, w.dir), 0);
    assert_int_equal(shell("%s greeting --dsn=x --run-dir=%s 2>/dev/null", w.worker, w.run), 2);
    reload_event_types();
    assert_int_equal(integer("select count(*) from want join kind k on k.number = want.kind where "
                             "k.name = 'greeting'"),
                     0);
    start_broker(broker);
    say_hello();
    submit(3);
    wait_for("select count(*) from event join event_type t on t.number = event.type where t.name = "
             "'feedback.received'",
             3);
    assert_int_equal(integer("select count(*) from greeting"), 2);
    assert_int_equal(end(&w.broker, SIGTERM), 0); /* nothing waits for the kind that is gone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_kind_is_added_and_removed)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
