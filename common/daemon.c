/* A long-running program's frame.
 *
 * Stopping has two degrees. The first SIGTERM or SIGINT means: take no more, finish what is in
 * hand, say goodbye. The second means that the operator will not wait: close now (nothing is lost
 * by that, an ack was only given after a COMMIT, but peers have to find out). A third changes
 * nothing; there is SIGKILL for that, and the system is built to survive it.
 *
 * Readiness is told to systemd by a datagram (the protocol is three lines of text; a library for it
 * would be a dependency for nothing). READY is the program's to send, when it can serve, not when
 * it has started.
 *
 * At the end every handle must be closed: a loop that cannot be closed shows a module that forgot
 * one, so lj_daemon_end names the types it found instead of letting the process exit look clean.
 */
#include "common/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WATCHED = 2 };

static const int watched[WATCHED] = {SIGTERM, SIGINT};

struct lj_daemon {
    uv_signal_t signals[WATCHED];
    void (*stop)(void *arg);
    void (*fast)(void *arg);
    void *arg;
    int seen;    /* signals so far */
    int handles; /* not yet closed */
};

static void on_signal(uv_signal_t *handle, int number)
{
    struct lj_daemon *d = handle->data;
    (void)number;
    d->seen++;
    if (d->seen == 1)
        d->stop(d->arg);
    else if (d->seen == 2 && d->fast)
        d->fast(d->arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct lj_daemon *d = handle->data;
    if (--d->handles == 0)
        free(d);
}

void lj_daemon_close(struct lj_daemon **d)
{
    struct lj_daemon *self = *d;
    if (!self)
        return;
    *d = NULL;
    /* libuv gives a signal its default action back when the last watcher goes: a late second
     * SIGTERM would then kill a process that is just writing its last lines. */
    for (int i = 0; i < self->handles; i++)
        uv_close((uv_handle_t *)&self->signals[i], on_closed);
    for (int i = 0; i < WATCHED; i++)
        (void)signal(watched[i], SIG_IGN);
}

int lj_daemon_open(uv_loop_t *loop, void (*stop)(void *arg), void (*fast)(void *arg), void *arg,
                   struct lj_daemon **ret, struct lj_err *err)
{
    struct lj_daemon *d = calloc(1, sizeof *d);
    if (!d)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the signal watchers");
    d->stop = stop;
    d->fast = fast;
    d->arg = arg;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        free(d);
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot ignore SIGPIPE");
    }
    for (int i = 0; i < WATCHED; i++) {
        int rc = uv_signal_init(loop, &d->signals[i]);
        if (rc == 0) {
            d->signals[i].data = d;
            d->handles++;
            rc = uv_signal_start(&d->signals[i], on_signal, watched[i]);
        }
        if (rc) {
            if (d->handles == 0)
                free(d);
            else
                lj_daemon_close(&d);
            return lj_fail(err, LJ_E_IO, "cannot watch signal %d: %s", watched[i], uv_strerror(rc));
        }
    }
    *ret = d;
    return 0;
}

int lj_daemon_notify(const char *state, struct lj_err *err)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (!name || !name[0])
        return 0;
    size_t n = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || n >= sizeof addr.sun_path)
        return lj_fail(err, LJ_E_CONFIG,
                       "NOTIFY_SOCKET is no socket address (a path or @name of at most %zu bytes)",
                       sizeof addr.sun_path - 1);
    memcpy(addr.sun_path, name, n);
    if (name[0] == '@')
        addr.sun_path[0] = '\0'; /* Linux's abstract namespace */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot make a socket for NOTIFY_SOCKET");
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr, size);
    int sys = errno;
    close(fd);
    return sent < 0 ? lj_fail_errno(err, LJ_E_IO, sys, "cannot tell NOTIFY_SOCKET") : 0;
}

int lj_daemon_raise_nofile(uint64_t *ret_limit, struct lj_err *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot read the limit of open files");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot raise the limit of open files to %llu",
                             (unsigned long long)limit.rlim_max);
    if (ret_limit)
        *ret_limit = limit.rlim_cur;
    return 0;
}

/* What uv_walk found. */
struct leftover {
    int count;
    size_t len;
    char names[120];
};

static void note_handle(uv_handle_t *handle, void *arg)
{
    struct leftover *l = arg;
    const char *name = uv_handle_type_name(uv_handle_get_type(handle));
    l->count++;
    if (l->len < sizeof l->names - 1) {
        int n = snprintf(l->names + l->len, sizeof l->names - l->len, "%s%s%s", l->len ? ", " : "",
                         name ? name : "unknown", uv_is_closing(handle) ? " (closing)" : "");
        l->len += n > 0 ? (size_t)n : 0;
    }
}

int lj_daemon_end(uv_loop_t *loop, struct lj_err *err)
{
    struct leftover left = {0};
    if (uv_loop_close(loop) == 0)
        return 0;
    uv_walk(loop, note_handle, &left);
    return lj_fail(err, LJ_E_STATE, "the event loop still has %d handles: %s", left.count,
                   left.names);
}
