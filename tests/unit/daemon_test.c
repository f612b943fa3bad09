/* Signals in two degrees, readiness by datagram, and a loop that tells what was left open.
 *
 * lj-test: lj_common
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/daemon.h"

static struct lj_err err;

struct counts {
    uv_loop_t loop;
    struct lj_daemon *d;
    uv_timer_t tick;
    int stop, fast, ticks;
};

static void on_stop(void *arg)
{
    ((struct counts *)arg)->stop++;
    assert_int_equal(raise(SIGINT), 0);
}

static void on_fast(void *arg)
{
    ((struct counts *)arg)->fast++;
    assert_int_equal(raise(SIGTERM), 0); /* the third: nothing */
    assert_int_equal(raise(SIGPIPE), 0); /* ignored */
}

static void on_tick(uv_timer_t *t)
{
    struct counts *c = t->data;
    if (c->fast == 0 || c->ticks++ < 5)
        return;
    lj_daemon_close(&c->d);
    uv_close((uv_handle_t *)t, NULL);
}

static void two_degrees(void **state)
{
    (void)state;
    struct counts c = {0};
    assert_int_equal(uv_loop_init(&c.loop), 0);
    assert_int_equal(lj_daemon_open(&c.loop, on_stop, on_fast, &c, &c.d, &err), 0);
    uv_timer_init(&c.loop, &c.tick);
    c.tick.data = &c;
    uv_timer_start(&c.tick, on_tick, 1, 1);
    assert_int_equal(raise(SIGTERM), 0);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_int_equal(c.stop, 1);
    assert_int_equal(c.fast, 1);
    assert_null(c.d);
    lj_daemon_close(&c.d);
    assert_int_equal(lj_daemon_end(&c.loop, &err), 0);
    assert_int_equal(raise(SIGTERM), 0); /* after the close: harmless */
}

static void leftovers_are_named(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_check_t check;
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &timer);
    uv_check_init(&loop, &check);
    assert_int_equal(lj_daemon_end(&loop, &err), LJ_E_STATE);
    assert_non_null(strstr(err.text, "2 handles"));
    assert_non_null(strstr(err.text, "timer"));
    assert_non_null(strstr(err.text, "check"));
    uv_close((uv_handle_t *)&timer, NULL);
    uv_close((uv_handle_t *)&check, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(lj_daemon_end(&loop, &err), 0);
}

/* Bind a datagram socket at addr, notify `name`, and read what came. */
static void assert_notified(const struct sockaddr_un *addr, socklen_t size, const char *name)
{
    char got[64] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)addr, size), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(lj_daemon_notify("READY=1\nSTATUS=ok", &err), 0);
    assert_int_equal(recv(fd, got, sizeof got - 1, MSG_DONTWAIT), 17);
    assert_string_equal(got, "READY=1\nSTATUS=ok");
    close(fd);
}

static void notifies(void **state)
{
    (void)state;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char name[64];
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(lj_daemon_notify("READY=1", &err), 0);
    (void)snprintf(addr.sun_path, sizeof addr.sun_path, "/tmp/lj-notify-%d", (int)getpid());
    assert_notified(&addr, sizeof addr, addr.sun_path);
    assert_int_equal(unlink(addr.sun_path), 0);
    assert_int_equal(lj_daemon_notify("READY=1", &err), LJ_E_IO); /* nobody there any more */
    int n = snprintf(name, sizeof name, "@lj-notify-%d", (int)getpid());
    memset(addr.sun_path, 0, sizeof addr.sun_path);
    memcpy(addr.sun_path + 1, name + 1, (size_t)n - 1);
    assert_notified(&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n), name);
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(lj_daemon_notify("READY=1", &err), LJ_E_CONFIG);
    unsetenv("NOTIFY_SOCKET");
}

static void file_limit(void **state)
{
    (void)state;
    struct rlimit before;
    uint64_t now = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit low = {.rlim_cur = before.rlim_max < 64 ? before.rlim_max : 64,
                         .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(lj_daemon_raise_nofile(&now, &err), 0);
    assert_true(now == before.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_degrees),
        cmocka_unit_test(leftovers_are_named),
        cmocka_unit_test(notifies),
        cmocka_unit_test(file_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
