/* The supervisor: children, their logs, restarts, signals; all on one libuv loop.
 *
 * A child is forked, not uv_spawn'ed, because three things must happen between fork and exec: a
 * session of its own (Ctrl-C goes to the supervisor only, which stops the children in order),
 * giving up root, and PR_SET_PDEATHSIG after that (a change of user clears it), so that no child
 * outlives a killed supervisor. What a child writes comes through a pipe into DIR/log/NAME.log,
 * renamed at 8 MiB and kept twice. One that dies is started again after 100 ms, doubling to 10 s,
 * less up to half by chance so that many do not come at once; after 30 s of life the count begins
 * anew. Exit code 2 (wrong configuration) is not repeated: it would be wrong again.
 *
 * lj_up_wait turns the loop until a condition holds: starting and stopping are written as
 * sequences, while signals, logs and restarts of the children already started go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "ctl/up.h"

enum {
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 10000,
    HEALTHY_US = 30 * 1000 * 1000,
    LOG_MAX_BYTES = 8 * 1024 * 1024,
    TICK_MS = 25,
    EXIT_CONFIG = 2,
    LOG_PATH_MAX = PATH_MAX + 80, /* at.log, name, suffix */
};

/* ---- logs ---- */

static void log_path(const struct lj_child *c, const char *suffix, char out[LOG_PATH_MAX])
{
    (void)snprintf(out, LOG_PATH_MAX, "%s/%s.log%s", c->up->at.log, c->name, suffix);
}

static int log_open(struct lj_child *c, struct lj_err *err)
{
    char path[LOG_PATH_MAX];
    struct stat st;
    log_path(c, "", path);
    c->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (c->log_fd < 0 || fstat(c->log_fd, &st) != 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot open %.180s", path);
    c->log_size = st.st_size;
    return 0;
}

static void log_rotate(struct lj_child *c)
{
    char from[LOG_PATH_MAX];
    char to[LOG_PATH_MAX];
    log_path(c, ".1", from);
    log_path(c, ".2", to);
    (void)rename(from, to); /* the oldest is written over; missing at first */
    log_path(c, "", to);
    (void)rename(to, from);
    (void)close(c->log_fd);
    if (log_open(c, NULL) != 0)
        lj_say("the log of %s cannot be opened: what it says is lost until there is room", c->name);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct lj_child *c = h->data;
    (void)hint;
    *buf = uv_buf_init(
        c->up->chunk,
        sizeof c->up->chunk); /* libuv hands it back before it asks again: one is enough */
}

static void on_output(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct lj_child *c = s->data;
    if (n < 0) {
        (void)uv_read_stop(s);
        return;
    }
    const char *p = buf->base;
    while (n > 0 && c->log_fd >= 0) {
        ssize_t w = write(c->log_fd, p, (size_t)n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            break; /* disk full: the child must not stop for its log */
        p += w;
        n -= w;
        c->log_size += w;
    }
    if (c->log_size > LOG_MAX_BYTES)
        log_rotate(c);
}

void lj_up_log_tail(const struct lj_child *c)
{
    char path[LOG_PATH_MAX];
    char text[4096];
    log_path(c, "", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    ssize_t n = pread(fd, text, sizeof text - 1, size > 2000 ? size - 2000 : 0);
    (void)close(fd);
    if (n > 0)
        (void)fprintf(stderr, "--- end of %s ---\n%.*s---\n", path, (int)n, text);
}

/* ---- children ---- */

/* Between fork and exec: only async-signal-safe calls. */
static void child_main(const struct lj_child *c, pid_t parent)
{
    sigset_t none;
    struct sigaction sa = {.sa_handler = SIG_DFL};
    (void)setsid();
    if (lj_up_drop(c->up) != 0)
        _exit(126);
    (void)prctl(PR_SET_PDEATHSIG, c->death_signal);
    if (getppid() != parent)
        _exit(125); /* the supervisor died before the line above */
    for (int s = 1; s < 32; s++)
        (void)sigaction(s, &sa, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(c->log_write, 1) < 0 || dup2(c->log_write, 2) < 0 ||
        chdir("/") != 0)
        _exit(124);
    (void)umask(077);
    (void)execve(c->argv[0], c->argv, c->up->env);
    _exit(127);
}

void lj_up_write_processes(struct lj_up *up)
{
    char path[PATH_MAX];
    struct lj_err err = {0};
    json_t *list = json_array();
    (void)json_array_append_new(
        list, json_pack("{s:s, s:I}", "name", "supervisor", "pid", (json_int_t)getpid()));
    for (size_t i = 0; i < up->nchildren; i++) {
        if (up->children[i]->pid)
            (void)json_array_append_new(list, json_pack("{s:s, s:I}", "name", up->children[i]->name,
                                                        "pid", (json_int_t)up->children[i]->pid));
    }
    json_t *all = json_pack("{s:I, s:o}", "port", (json_int_t)up->bound_port, "processes", list);
    char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
    if (!text)
        lj_say("no memory for the list of processes");
    else if (lj_path(path, up->at.dir, "processes.json", &err) != 0 ||
             lj_write_whole(path, text, strlen(text), 0644, &err) != 0)
        lj_say("%s", err.text);
    free(text);
    json_decref(all);
}

void lj_up_start(struct lj_child *c)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child_main(c, parent);
    c->started_us = lj_mono_us();
    if (pid < 0) {
        lj_say("cannot start %s: %s", c->name, strerror(errno));
        c->exit_code = 1;
        c->state = LJ_CHILD_WAITING;
        return;
    }
    c->pid = pid;
    c->state = LJ_CHILD_RUNNING;
    lj_up_write_processes(c->up);
}

static void on_restart(uv_timer_t *t)
{
    struct lj_child *c = t->data;
    if (c->stopping) {
        c->state = LJ_CHILD_GONE;
        return;
    }
    c->restarts++;
    lj_up_start(c);
    if (c->state == LJ_CHILD_WAITING)
        (void)uv_timer_start(&c->timer, on_restart, BACKOFF_MAX_MS, 0);
}

static void schedule_restart(struct lj_child *c)
{
    int healthy = lj_mono_us() - c->started_us >= HEALTHY_US;
    c->backoff_ms = healthy || !c->backoff_ms            ? BACKOFF_MIN_MS
                    : c->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS
                                                         : c->backoff_ms * 2;
    unsigned delay = c->backoff_ms - randombytes_uniform(c->backoff_ms / 2 + 1);
    c->state = LJ_CHILD_WAITING;
    (void)uv_timer_start(&c->timer, on_restart, delay, 0);
    lj_say("%s ended (%s %d); again in %u ms; see %s/%s.log", c->name,
           c->exit_code >= 128 ? "signal" : "code",
           c->exit_code >= 128 ? c->exit_code - 128 : c->exit_code, delay, c->up->at.log, c->name);
}

static void child_ended(struct lj_child *c, int status)
{
    c->pid = 0;
    c->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (c->stopping || c->up->stop_asked) {
        c->state = LJ_CHILD_GONE;
    } else if (c->exit_code == EXIT_CONFIG || c->exit_code == 126 || c->exit_code == 127) {
        c->state = LJ_CHILD_GONE;
        lj_say("%s cannot run (code %d) and is not started again; see %s/%s.log", c->name,
               c->exit_code, c->up->at.log, c->name);
    } else {
        schedule_restart(c);
    }
    lj_up_write_processes(c->up);
}

static void on_child_signal(uv_signal_t *h, int signum)
{
    struct lj_up *up = h->data;
    int status = 0;
    pid_t pid;
    (void)signum;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == up->demo) {
            up->demo = 0;
            up->demo_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        for (size_t i = 0; i < up->nchildren; i++) {
            if (up->children[i]->pid == pid)
                child_ended(up->children[i], status);
        }
    }
}

void lj_up_stop(struct lj_child *c, int signal)
{
    c->stopping = 1;
    if (c->pid)
        (void)kill(c->pid, signal);
    else
        c->state = LJ_CHILD_GONE;
}

static int copy_args(struct lj_child *c, const char *const *argv)
{
    for (int i = 0; argv[i]; i++) {
        if (i >= LJ_CHILD_ARGS - 1)
            return -1;
        c->argv[i] = strdup(argv[i]);
        if (!c->argv[i])
            return -1;
    }
    return 0;
}

struct lj_child *lj_up_child(struct lj_up *up, const char *name, const char *const *argv,
                             int stop_signal, int death_signal)
{
    int ends[2];
    struct lj_child *c = up->nchildren < LJ_CHILDREN_MAX ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return NULL;
    *c = (struct lj_child){.up = up,
                           .stop_signal = stop_signal,
                           .death_signal = death_signal,
                           .log_fd = -1,
                           .log_write = -1};
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    up->children[up->nchildren++] = c;
    if (copy_args(c, argv) != 0 || log_open(c, NULL) != 0 || pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    c->log_write = ends[1];
    (void)uv_timer_init(&up->loop, &c->timer);
    (void)uv_pipe_init(&up->loop, &c->pipe, 0);
    c->timer.data = c;
    c->pipe.data = c;
    c->handles = 2;
    if (uv_pipe_open(&c->pipe, ends[0]) != 0 ||
        uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_output) != 0)
        return NULL;
    return c;
}

/* ---- the loop ---- */

static void on_stop_signal(uv_signal_t *h, int signum)
{
    struct lj_up *up = h->data;
    if (signum == SIGHUP && up->stop_asked)
        return;
    up->stop_asked++;
    (void)fprintf(stderr, "\n");
    lj_say("%s",
           up->stop_asked == 1
               ? "正在停止,排空在途任务 · stopping: finishing what is in flight (once more: fast)"
               : "立即停止 · stopping at once; nothing acknowledged is lost");
}

static void on_tick(uv_timer_t *t)
{
    struct lj_up *up = t->data;
    up->tick_seen = 1;
}

/* A child that wrote READY=1 to the service manager's socket would speak for the whole system. */
static int copy_environment(struct lj_up *up, struct lj_err *err)
{
    static const char *const ours[] = {"NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=",
                                       "LISTEN_PID=",    "LISTEN_FDS=",   "LISTEN_FDNAMES="};
    size_t n = 0;
    size_t kept = 0;
    while (environ[n])
        n++;
    up->env = calloc(n + 1, sizeof *up->env);
    if (!up->env)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the environment");
    for (size_t i = 0; i < n; i++) {
        int skip = 0;
        for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++)
            skip |= strncmp(environ[i], ours[k], strlen(ours[k])) == 0;
        if (!skip)
            up->env[kept++] = environ[i];
    }
    return 0;
}

int lj_up_loop_open(struct lj_up *up, struct lj_err *err)
{
    static const int signums[4] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    if (sodium_init() < 0 || uv_loop_init(&up->loop) != 0)
        return lj_fail(err, LJ_E_INTERNAL, "the event loop does not start");
    int env = copy_environment(up, err);
    if (env)
        return env;
    for (int i = 0; i < 4; i++) {
        (void)uv_signal_init(&up->loop, &up->signals[i]);
        up->signals[i].data = up;
        up->handles++;
        int rc = uv_signal_start(
            &up->signals[i], signums[i] == SIGCHLD ? on_child_signal : on_stop_signal, signums[i]);
        if (rc)
            return lj_fail(err, LJ_E_INTERNAL, "cannot watch signal %d: %s", signums[i],
                           uv_strerror(rc));
    }
    (void)uv_timer_init(&up->loop, &up->tick);
    up->tick.data = up;
    up->handles++;
    (void)uv_timer_start(&up->tick, on_tick, TICK_MS, TICK_MS);
    return 0;
}

int lj_up_wait(struct lj_up *up, int (*cond)(struct lj_up *up), int ms, int through)
{
    int64_t deadline = lj_mono_us() + (int64_t)ms * 1000;
    for (;;) {
        if (cond && cond(up))
            return 1;
        if (!through && (up->stop_asked || up->fatal.code))
            return -1;
        if (lj_mono_us() >= deadline)
            return 0;
        (void)uv_run(&up->loop, UV_RUN_ONCE);
    }
}

static void on_child_handle_closed(uv_handle_t *h)
{
    struct lj_child *c = h->data;
    c->handles--;
}

static void on_handle_closed(uv_handle_t *h)
{
    struct lj_up *up = h->data;
    up->handles--;
}

static void free_child(struct lj_child *c)
{
    for (int i = 0; c->argv[i]; i++)
        free(c->argv[i]);
    if (c->log_fd >= 0)
        (void)close(c->log_fd);
    if (c->log_write >= 0)
        (void)close(c->log_write);
    free(c);
}

void lj_up_loop_close(struct lj_up *up)
{
    for (int i = 0; i < 50 && uv_run(&up->loop, UV_RUN_NOWAIT);
         i++) /* last words of the children still in the pipes */
        continue;
    for (size_t i = 0; i < up->nchildren; i++) {
        struct lj_child *c = up->children[i];
        if (!c->handles)
            continue;
        uv_close((uv_handle_t *)&c->timer, on_child_handle_closed);
        uv_close((uv_handle_t *)&c->pipe, on_child_handle_closed);
    }
    uv_handle_t *const own[] = {(uv_handle_t *)&up->signals[0], (uv_handle_t *)&up->signals[1],
                                (uv_handle_t *)&up->signals[2], (uv_handle_t *)&up->signals[3],
                                (uv_handle_t *)&up->tick};
    for (int i = up->handles - 1; i >= 0; i--)
        uv_close(own[i], on_handle_closed);
    (void)uv_run(&up->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < up->nchildren; i++)
        free_child(up->children[i]);
    up->nchildren = 0;
    free(up->env);
    up->env = NULL;
    (void)uv_loop_close(&up->loop);
}
