/* The TCP doors: who is let in, who is not, and that everything unclear means "not". Real sockets
 * on loopback ports, the handler on a real loop. A refusal is seen at the server's socket monitor,
 * so nothing here waits for a silence. lj-test: lj_common PkgConfig::UV PkgConfig::ZMQ
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/curve.h"

enum { LIMIT_US = 10 * 1000000 };

struct fixture {
    uv_loop_t loop;
    struct lj_zloop *z;
    struct lj_curve *zap;
    void *context, *server, *monitor;
    char dir[64], peers[96], endpoint[64];
    struct lj_keypair server_key, gateway, worker, client;
    int monitors;
};

static void write_peers(struct fixture *f, const char *text)
{
    FILE *out = fopen(f->peers, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void new_pair(struct lj_keypair *k)
{
    assert_int_equal(zmq_curve_keypair(k->public_key, k->secret_key), 0);
}

/* A table of three: a gateway for all units, a worker, a client of one unit. */
static void write_three(struct fixture *f)
{
    char text[512];
    snprintf(text, sizeof text,
             "# peers\n\n%s gateway * gw-1\n  %s\tworker * quota-1  \n%s client PS001 school/1\n",
             f->gateway.public_key, f->worker.public_key, f->client.public_key);
    write_peers(f, text);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    strcpy(f->dir, "/tmp/lj-curve-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->peers, sizeof f->peers, "%s/peers", f->dir);
    f->context = zmq_ctx_new();
    uv_loop_init(&f->loop);
    new_pair(&f->server_key);
    new_pair(&f->gateway);
    new_pair(&f->worker);
    new_pair(&f->client);
    write_three(f);
    struct lj_err err;
    if (lj_zloop_open(&f->loop, &f->z, &err) != 0)
        return -1;
    *state = f;
    return 0;
}

static void close_server(struct fixture *f)
{
    if (!f->server)
        return;
    zmq_socket_monitor(f->server, NULL, 0);
    zmq_close(f->server);
    zmq_close(f->monitor);
    f->server = f->monitor = NULL;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_server(f);
    lj_curve_close(&f->zap, NULL, NULL);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    lj_zloop_close(&f->z, NULL, NULL);
    for (int64_t end = lj_mono_us() + LIMIT_US; uv_loop_alive(&f->loop) && lj_mono_us() < end;)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    int rc = uv_loop_close(&f->loop);
    zmq_ctx_term(f->context);
    unlink(f->peers);
    char key[96];
    snprintf(key, sizeof key, "%s/key", f->dir);
    unlink(key);
    rmdir(f->dir);
    free(f);
    return rc;
}

static void open_zap(struct fixture *f)
{
    struct lj_err err = {0};
    if (lj_curve_open(f->z, f->context, f->peers, &f->zap, &err) != 0)
        fail_msg("%s", err.text);
}

static void open_server(struct fixture *f, enum lj_door door)
{
    struct lj_err err = {0};
    int zero = 0;
    char at[64];
    snprintf(at, sizeof at, "inproc://monitor-%d", ++f->monitors);
    f->server = zmq_socket(f->context, ZMQ_ROUTER);
    f->monitor = zmq_socket(f->context, ZMQ_PAIR);
    zmq_setsockopt(f->server, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(f->monitor, ZMQ_LINGER, &zero, sizeof zero);
    if (lj_curve_server(f->server, &f->server_key, door, &err) != 0)
        fail_msg("%s", err.text);
    int handshake_ms =
        300; /* a refused peer is cut off then, and tries again: seconds in the product, not here */
    zmq_setsockopt(f->server, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms);
    assert_int_equal(zmq_socket_monitor(f->server, at,
                                        ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                                            ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                            ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                            ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL),
                     0);
    assert_int_equal(zmq_connect(f->monitor, at), 0);
    assert_int_equal(zmq_bind(f->server, "tcp://127.0.0.1:*"), 0);
    size_t n = sizeof f->endpoint;
    zmq_getsockopt(f->server, ZMQ_LAST_ENDPOINT, f->endpoint, &n);
}

static void *open_peer(struct fixture *f, const struct lj_keypair *k)
{
    int zero = 0, interval = 10;
    void *s = zmq_socket(f->context, ZMQ_DEALER);
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(s, ZMQ_RECONNECT_IVL, &interval, sizeof interval);
    if (k)
        assert_int_equal(lj_curve_client(s, k, f->server_key.public_key, NULL), 0);
    assert_int_equal(zmq_connect(s, f->endpoint), 0);
    assert_int_equal(zmq_send(s, "hello", 5, ZMQ_DONTWAIT), 5);
    return s;
}

/* The next verdict of the server on a connection: 1 = in, 0 = refused. */
static int verdict(struct fixture *f)
{
    for (int64_t end = lj_mono_us() + LIMIT_US; lj_mono_us() < end;) {
        zmq_pollitem_t item = {.socket = f->monitor, .events = ZMQ_POLLIN};
        uv_run(&f->loop, UV_RUN_NOWAIT);
        if (zmq_poll(&item, 1, 1) <= 0)
            continue;
        uint8_t event[6], address[256];
        uint16_t what;
        zmq_recv(f->monitor, event, sizeof event, 0);
        zmq_recv(f->monitor, address, sizeof address, 0);
        memcpy(&what, event, sizeof what);
        return what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    }
    fail_msg("no verdict");
    return -1;
}

/* The message of a peer that is in, and the name the server sees. */
static void expect_message(struct fixture *f, const char *name)
{
    zmq_msg_t m;
    int frames = 0, more = 1;
    for (int64_t end = lj_mono_us() + LIMIT_US; more && lj_mono_us() < end;) {
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, f->server, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            usleep(1000);
            continue;
        }
        more = zmq_msg_more(&m);
        frames++;
        if (!more) {
            const char *user = zmq_msg_gets(&m, "User-Id");
            assert_non_null(user);
            assert_string_equal(user, name);
            assert_int_equal(zmq_msg_size(&m), 5);
            struct lj_curve_peer who;
            assert_int_equal(lj_curve_peer_of(f->zap, &m, &who), 0);
            assert_string_equal(who.name, name);
        }
        zmq_msg_close(&m);
    }
    assert_int_equal(frames, 2);
}

static void expect_nothing(struct fixture *f)
{
    char c;
    assert_int_equal(zmq_recv(f->server, &c, 1, ZMQ_DONTWAIT), -1);
}

static struct lj_curve_stats stats(struct fixture *f)
{
    struct lj_curve_stats s;
    lj_curve_stats(f->zap, &s);
    return s;
}

static void known_key_comes_in_under_its_name(void **state)
{
    struct fixture *f = *state;
    open_zap(f);
    open_server(f, LJ_DOOR_INTAKE);
    void *gw = open_peer(f, &f->gateway);
    assert_int_equal(verdict(f), 1);
    expect_message(f, "gw-1");
    void *client = open_peer(f, &f->client);
    assert_int_equal(verdict(f), 1);
    expect_message(f, "school/1");
    assert_true(stats(f).accepted == 2 && stats(f).peers == 3);
    const struct lj_curve_peer *p = lj_curve_find(f->zap, "school/1");
    assert_non_null(p);
    assert_int_equal(p->role, LJ_CURVE_CLIENT);
    assert_string_equal(p->unit, "PS001");
    p = lj_curve_find(f->zap, "gw-1");
    assert_true(p && p->role == LJ_CURVE_GATEWAY && strcmp(p->unit, "*") == 0);
    assert_null(lj_curve_find(f->zap, "gw-2"));
    assert_null(lj_curve_find(f->zap, NULL));
    zmq_msg_t own; /* a frame that no CURVE peer sent */
    struct lj_curve_peer who;
    zmq_msg_init(&own);
    assert_int_equal(lj_curve_peer_of(f->zap, &own, &who), LJ_E_AUTH);
    zmq_msg_close(&own);
    zmq_close(gw);
    zmq_close(client);
}

static void null_is_refused(void **state)
{
    struct fixture *f = *state;
    open_zap(f);
    open_server(f, LJ_DOOR_INTAKE);
    void *s = open_peer(f, NULL);
    assert_int_equal(verdict(f), 0);
    expect_nothing(f);
    assert_int_equal(stats(f).accepted, 0);
    zmq_close(s);
}

static void unknown_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct lj_keypair stranger;
    new_pair(&stranger);
    open_zap(f);
    open_server(f, LJ_DOOR_INTAKE);
    void *s = open_peer(f, &stranger);
    assert_int_equal(verdict(f), 0);
    expect_nothing(f);
    assert_true(stats(f).unknown_key >= 1 && stats(f).accepted == 0);
    zmq_close(s);
}

static void role_opens_its_own_doors_only(void **state)
{
    struct fixture *f = *state;
    open_zap(f);
    open_server(f, LJ_DOOR_WORK);
    void *s = open_peer(f, &f->gateway);
    assert_int_equal(verdict(f), 0);
    zmq_close(s);
    assert_true(stats(f).wrong_door >= 1);
    for (int i = 0; i < 100 && f->monitor;
         i++) { /* verdicts on the gateway's repeats may lie before the worker's */
        s = open_peer(f, &f->worker);
        if (verdict(f) == 1)
            break;
        zmq_close(s);
    }
    expect_message(f, "quota-1");
    zmq_close(s);
    /* The whole table of roles and doors. */
    static const int may[4][3] = {{1, 0, 1}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (int role = 0; role < 4; role++) {
        for (int door = 0; door < 3; door++)
            assert_int_equal(lj_curve_may(&(struct lj_curve_peer){.role = (enum lj_curve_role)role},
                                          (enum lj_door)door),
                             may[role][door]);
    }
}

static void without_a_handler_nobody_comes_in(void **state)
{
    struct fixture *f = *state;
    open_server(f, LJ_DOOR_INTAKE);
    void *s = open_peer(f, &f->gateway);
    assert_int_equal(verdict(f), 0);
    expect_nothing(f);
    /* And when it comes late, the peer's own next try succeeds. */
    open_zap(f);
    int in = 0;
    for (int64_t end = lj_mono_us() + LIMIT_US; !in && lj_mono_us() < end;)
        in = verdict(f);
    assert_int_equal(in, 1);
    expect_message(f, "gw-1");
    zmq_close(s);
}

static void closing_the_handler_closes_the_doors(void **state)
{
    struct fixture *f = *state;
    open_zap(f);
    open_server(f, LJ_DOOR_INTAKE);
    void *s = open_peer(f, &f->gateway);
    assert_int_equal(verdict(f), 1);
    expect_message(f, "gw-1");
    zmq_close(s);
    int closed = 0;
    lj_curve_close(&f->zap, NULL, NULL);
    for (int i = 0; i < 10; i++) /* until the handle is gone and the socket closed */
        closed = uv_run(&f->loop, UV_RUN_NOWAIT);
    (void)closed;
    s = open_peer(f, &f->gateway);
    assert_int_equal(verdict(f), 0);
    expect_nothing(f);
    zmq_close(s);
}

static void reload_takes_a_good_file_only(void **state)
{
    struct fixture *f = *state;
    struct lj_keypair late;
    struct lj_err err = {0};
    char text[512];
    new_pair(&late);
    open_zap(f);
    open_server(f, LJ_DOOR_INTAKE);
    void *s = open_peer(f, &late);
    assert_int_equal(verdict(f), 0);

    snprintf(text, sizeof text, "%s gateway * late\n%s gateway\n", late.public_key,
             f->gateway.public_key);
    write_peers(f, text);
    assert_int_equal(lj_curve_reload(f->zap, &err), LJ_E_CONFIG);
    assert_non_null(strstr(err.text, "peers:2:"));
    assert_non_null(lj_curve_find(f->zap, "gw-1"));
    assert_null(lj_curve_find(f->zap, "late"));

    snprintf(text, sizeof text, "%s gateway * late\n", late.public_key);
    write_peers(f, text);
    assert_int_equal(lj_curve_reload(f->zap, &err), 0);
    assert_null(lj_curve_find(f->zap, "gw-1"));
    int in = 0; /* the same socket gets in by itself */
    for (int64_t end = lj_mono_us() + LIMIT_US; !in && lj_mono_us() < end;)
        in = verdict(f);
    assert_int_equal(in, 1);
    expect_message(f, "late");
    unlink(f->peers);
    assert_int_equal(lj_curve_reload(f->zap, &err), LJ_E_IO);
    assert_non_null(lj_curve_find(f->zap, "late"));
    zmq_close(s);
}

static void bad_lines_are_named(void **state)
{
    struct fixture *f = *state;
    const char *k = f->gateway.public_key;
    const struct {
        const char *format;
        int line;
    } table[] = {
        {"%.39s gateway * x\n", 1},
        {"# c\n%s gateway * x y\n", 2},
        {"%s admin * x\n", 1},
        {"%s gateway PS1 x\n", 1},
        {"%s gateway ps001 x\n", 1},
        {"%s gateway * a\"b\n", 1},
        {"\n\n%s gateway *\n", 3},
        {"#comment\n%s gateway * x\n", 1},
        {"%1$s gateway * x\n%1$s worker * y\n", 2},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[512], at[16];
        struct lj_err err = {0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, table[i].format, k);
#pragma GCC diagnostic pop
        write_peers(f, text);
        if (lj_curve_open(f->z, f->context, f->peers, &f->zap, &err) != LJ_E_CONFIG)
            fail_msg("taken: %s", text);
        snprintf(at, sizeof at, ":%d:", table[i].line);
        if (!strstr(err.text, at))
            fail_msg("%s has no line %s", err.text, at);
    }
    char text[600];
    struct lj_err err = {0};
    snprintf(text, sizeof text, "%s gateway * x\n%s gateway * x\n", k, f->worker.public_key);
    write_peers(f, text);
    assert_int_equal(lj_curve_open(f->z, f->context, f->peers, &f->zap, &err), LJ_E_CONFIG);
    memset(text, ' ', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    write_peers(f, text);
    assert_int_equal(lj_curve_open(f->z, f->context, f->peers, &f->zap, &err), LJ_E_CONFIG);
    write_peers(f, "# nobody yet\n");
    assert_int_equal(lj_curve_open(f->z, f->context, f->peers, &f->zap, &err), 0);
    assert_int_equal(stats(f).peers, 0);
    assert_null(lj_curve_find(f->zap, "x"));
}

static void key_files(void **state)
{
    struct fixture *f = *state;
    char path[96];
    struct lj_keypair made, read;
    struct lj_err err = {0};
    struct stat st;
    snprintf(path, sizeof path, "%s/key", f->dir);
    assert_int_equal(lj_keypair_create(path, &made, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(lj_keypair_read(path, &read, &err), 0);
    assert_string_equal(read.secret_key, made.secret_key);
    assert_string_equal(read.public_key, made.public_key);
    assert_int_equal(lj_keypair_create(path, &made, &err), LJ_E_IO); /* never over an old key */
    for (mode_t bit = 0040; bit; bit >>= 1) {
        chmod(path, 0600 | bit);
        assert_int_equal(lj_keypair_read(path, &read, &err), LJ_E_CONFIG);
        assert_non_null(strstr(err.text, "chmod 600"));
    }
    chmod(path, 0600);
    FILE *out = fopen(path, "w");
    fprintf(out, "%s\n%s\n", made.secret_key, made.secret_key);
    fclose(out);
    assert_int_equal(lj_keypair_read(path, &read, &err), LJ_E_CONFIG);
    out = fopen(path, "w");
    fprintf(out, "%.39s\n", made.secret_key);
    fclose(out);
    assert_int_equal(lj_keypair_read(path, &read, &err), LJ_E_CONFIG);
    assert_null(strstr(err.text, "secret_key"));
    char part[16];
    snprintf(part, sizeof part, "%.10s", made.secret_key);
    assert_null(strstr(err.text, part)); /* no error repeats a secret */
    unlink(path);
    assert_int_equal(lj_keypair_read(path, &read, &err), LJ_E_IO);
    assert_int_equal(lj_keypair_read(f->dir, &read, &err), LJ_E_CONFIG);
    lj_keypair_wipe(&made);
    assert_int_equal(made.secret_key[0], 0);
}

static void self_test_passes_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct lj_err err = {0};
    open_zap(f);
    if (lj_curve_self_test(f->zap, &f->loop, 10000, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(stats(f).accepted, 0);
    if (lj_curve_self_test(f->zap, &f->loop, 10000, &err) != 0) /* it leaves nothing behind */
        fail_msg("%s", err.text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(known_key_comes_in_under_its_name),
        T(null_is_refused),
        T(unknown_key_is_refused),
        T(role_opens_its_own_doors_only),
        T(without_a_handler_nobody_comes_in),
        T(closing_the_handler_closes_the_doors),
        T(reload_takes_a_good_file_only),
        T(bad_lines_are_named),
        T(key_files),
        T(self_test_passes_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
