/* ljctl up: the whole system on one machine.
 *
 * Three parts: what must be right before anything runs (user, directory, lock, programs, cluster:
 * up_user.c, up_programs.c, up_pg.c), the start in order (up_start.c), and the stop in order
 * (up_stop.c); between the last two the supervisor's loop turns (up_run.c) and shows its status
 * line (up_line.c). Exit codes: 0 stopped in order, 1 a step failed, a process had to be killed, or
 * with --once the demonstration (up_demo.c) did not end as it must, 2 usage, 3 the directory is in
 * use or unsuitable.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/daemon.h"
#include "ctl/cmd.h"
#include "ctl/processes.h"
#include "ctl/up.h"

/* HOST, HOST:PORT or [V6]:PORT, then --port over it. */
static int parse_listen(struct lj_up *up, struct lj_err *err)
{
    const char *text = up->ctl->o.listen;
    const char *host = text;
    const char *end = strrchr(text, ':');
    const char *port = NULL;
    if (text[0] == '[') {
        host = text + 1;
        end = strchr(text, ']');
        port = end && end[1] == ':' ? end + 2 : NULL;
        if (!end || (end[1] && end[1] != ':'))
            return lj_fail(err, LJ_E_CONFIG, "--listen is \"%.80s\": HOST, HOST:PORT or [V6]:PORT",
                           text);
    } else {
        port = end ? end + 1 : NULL;
        end = end ? end : text + strlen(text);
    }
    char *rest = NULL;
    up->port = port ? strtol(port, &rest, 10) : 8080;
    if (end == host || (size_t)(end - host) >= sizeof up->host ||
        (port && (!*port || *rest || up->port < 0 || up->port > 65535)))
        return lj_fail(err, LJ_E_CONFIG, "--listen is \"%.80s\": HOST, HOST:PORT or [V6]:PORT",
                       text);
    (void)snprintf(up->host, sizeof up->host, "%.*s", (int)(end - host), host);
    if (up->ctl->o.port >= 0)
        up->port = up->ctl->o.port;
    return 0;
}

static void announce(const struct lj_up *up)
{
    FILE *out = up->ctl->out;
    const char *open = strchr(up->host, ':') ? "[" : "";
    const char *close = open[0] ? "]" : "";
    fprintf(
        out,
        "两进已启动 · Liangjin is running\n  地址 address   http://%s%s%s:%lld/\n  密钥 secrets   "
        "%s/{admin,unit,observer}.token\n"
        "  登录 log in    admin, %s/admin.password\n"
        "  日志 logs      %s/\n  状态 status    ljctl --dir %s status\n  停止 stop      Ctrl-C\n",
        open, up->host, close, (long long)up->bound_port, up->at.secret, up->at.secret, up->at.log,
        up->at.dir);
    if (up->ctl->o.once_ready)
        fprintf(out, "READY\n");
    (void)fflush(out);
}

static void raise_limits(void)
{
    struct rlimit n;
    if (getrlimit(RLIMIT_NOFILE, &n) == 0 && n.rlim_cur < n.rlim_max) {
        n.rlim_cur =
            n.rlim_max > 65536
                ? 65536
                : n.rlim_max; /* children inherit it: a gateway holds thousands of connections */
        (void)setrlimit(RLIMIT_NOFILE, &n);
    }
}

static int prepare(struct lj_up *up, struct lj_err *err)
{
    int rc = parse_listen(up, err);
    if (rc == 0)
        rc = lj_up_demo_check(up, err);
    if (rc == 0)
        rc = lj_up_user(up, err);
    if (rc == 0)
        rc = lj_up_directory(up, err);
    if (rc == 0)
        rc = lj_processes_lock(&up->at, &up->lock_fd, err);
    if (rc == 0)
        rc = lj_up_programs(up, err);
    if (rc == 0)
        rc = lj_up_pg_prepare(up, err);
    return rc;
}

/* systemd's readiness protocol; nothing where no manager listens. */
static void tell_manager(const char *state)
{
    struct lj_err err = {0};
    if (lj_daemon_notify(state, &err) != 0)
        lj_say("%s", err.text);
}

/* The demonstration, if one is asked for, then until somebody stops it; with --once no longer.
 * Returns the demonstration's exit code. */
static int serve(struct lj_up *up)
{
    int demo = up->ctl->o.demo ? lj_up_demo(up) : 0;
    if (up->ctl->o.once && !up->stop_asked)
        up->stop_asked = 1;
    while (lj_up_wait(up, NULL, 100, 0) == 0)
        lj_up_line(up);
    return up->ctl->o.once ? demo : 0;
}

static int run(struct lj_up *up, struct lj_err *err)
{
    int demo = 0;
    int rc = lj_up_start_all(up, err);
    if (rc == 0) {
        announce(up);
        tell_manager("READY=1");
        demo = serve(up);
    } else if (!up->stop_asked) {
        (void)lj_ctl_error(err, NULL);
    }
    tell_manager("STOPPING=1");
    int forced = lj_up_stop_all(up);
    if (rc && !up->stop_asked)
        return LJ_EXIT_FAILED;
    lj_say("%s", forced ? "已停止(有进程被强制结束) · stopped; a process had to be killed"
                        : "已停止 · stopped");
    return forced || demo ? LJ_EXIT_FAILED : LJ_EXIT_OK;
}

int lj_cmd_up(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct lj_up *up = calloc(1, sizeof *up);
    if (!up) {
        lj_say("no memory");
        return LJ_EXIT_FAILED;
    }
    up->ctl = ctl;
    up->lock_fd = -1;
    raise_limits();
    int rc = prepare(up, &err);
    rc = rc ? lj_ctl_error(&err, NULL) : run(up, &err);
    if (up->lock_fd >= 0) {
        char path[PATH_MAX];
        if (lj_path(path, up->at.dir, "processes.json", NULL) == 0)
            (void)unlink(path);
        (void)close(up->lock_fd);
    }
    free(up);
    return rc;
}
