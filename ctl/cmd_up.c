/* ljctl up: the whole system on one machine, as a sequence of steps forth and back.
 *
 * Forth: user, directory, lock, programs, cluster; then, under supervision, PostgreSQL, migrations, broker, workers, units and policy, tokens,
 * gateway. Each step waits for what the next one needs, with a deadline, and says what failed and where its log is. Back, on Ctrl-C or SIGTERM: the
 * gateway stops taking requests, the broker finishes what is leased (10 s), the workers end, PostgreSQL shuts down; nothing acknowledged can be
 * lost by any of it, however it is cut short, because an ack means a flushed COMMIT. A second signal makes every wait short.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/admin.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/processes.h"
#include "ctl/up.h"

enum {
    BROKER_START_MS = 60 * 1000,
    GATEWAY_START_MS = 30 * 1000,
    GATEWAY_STOP_MS = 12 * 1000,
    BROKER_STOP_MS = 20 * 1000, /* leased batches up to 10 s, and the last COMMIT */
    WORKER_STOP_MS = 5 * 1000,
    POSTGRES_STOP_MS = 120 * 1000,
    KINDS_MAX = 64,
    START_TRIES = 4,
};

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
            return lj_fail(err, LJ_E_CONFIG, "--listen is \"%.80s\": HOST, HOST:PORT or [V6]:PORT", text);
    } else {
        port = end ? end + 1 : NULL;
        end = end ? end : text + strlen(text);
    }
    char *rest = NULL;
    up->port = port ? strtol(port, &rest, 10) : 8080;
    if (end == host || (size_t)(end - host) >= sizeof up->host || (port && (!*port || *rest || up->port < 0 || up->port > 65535)))
        return lj_fail(err, LJ_E_CONFIG, "--listen is \"%.80s\": HOST, HOST:PORT or [V6]:PORT", text);
    (void)snprintf(up->host, sizeof up->host, "%.*s", (int)(end - host), host);
    if (up->ctl->o.port >= 0)
        up->port = up->ctl->o.port;
    return 0;
}

/* ---- conditions ---- */

/* A start that goes wrong again and again will not come right: say so instead of using up the deadline. Returns 0. */
static int give_up_on(struct lj_up *up, const struct lj_child *c, const char *what)
{
    int hopeless = c->state == LJ_CHILD_GONE || c->restarts >= START_TRIES;
    if (hopeless && !c->pid && !up->fatal.code && !up->stop_asked) {
        lj_up_log_tail(c);
        (void)lj_fail(&up->fatal, LJ_E_STATE, "%s cannot run (code %d); see %.120s/%s.log", what, c->exit_code, up->at.log, c->name);
    }
    return 0;
}

static int broker_answers(struct lj_up *up)
{
    json_t *s = NULL;
    if (!up->broker->pid)
        return give_up_on(up, up->broker, "the broker");
    if (!up->admin && lj_admin_open(up->at.run, &up->admin, NULL) != 0)
        return 0;
    int answered = lj_admin_poll_status(up->admin, &s);
    json_decref(s);
    return answered;
}

static int gateway_listens(struct lj_up *up)
{
    char path[PATH_MAX];
    char text[16];
    if (!up->gateway->pid)
        return give_up_on(up, up->gateway, "the gateway");
    if (lj_path(path, up->at.run, "gateway.port", NULL) != 0 || lj_read_small(path, text, sizeof text, NULL) != 0)
        return 0;
    up->bound_port = strtol(text, NULL, 10);
    return up->bound_port > 0;
}

/* A gateway that is started again must listen where its clients know it, also when the port was any free one. */
static int keep_port(struct lj_up *up, struct lj_err *err)
{
    char port[24];
    (void)snprintf(port, sizeof port, "%lld", (long long)up->bound_port);
    char *copy = strdup(port);
    if (!copy)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the gateway's port");
    for (int i = 0; up->gateway->argv[i + 1]; i++) {
        if (strcmp(up->gateway->argv[i], "--port") == 0) {
            free(up->gateway->argv[i + 1]);
            up->gateway->argv[i + 1] = copy;
            return 0;
        }
    }
    free(copy);
    return lj_fail(err, LJ_E_INTERNAL, "the gateway has no --port");
}

static int gateway_ended(struct lj_up *up)
{
    return !up->gateway || !up->gateway->pid;
}

static int broker_ended(struct lj_up *up)
{
    return !up->broker || !up->broker->pid;
}

static int postgres_ended(struct lj_up *up)
{
    return !up->postgres || !up->postgres->pid;
}

static int workers_ended(struct lj_up *up)
{
    for (size_t i = 0; i < up->nchildren; i++) {
        const struct lj_child *c = up->children[i];
        if (c != up->postgres && c != up->broker && c != up->gateway && c->pid)
            return 0;
    }
    return 1;
}

/* ---- steps forth ---- */

static void dsn_of(const struct lj_up *up, const char *role, char *out, size_t cap)
{
    (void)snprintf(out, cap, "host=%s dbname=liangjin user=%s", up->at.run, role);
}

static int no_child(struct lj_err *err, const char *name)
{
    return lj_fail(err, LJ_E_IO, "cannot set up the process %s", name);
}

/* What a wait that was not answered means: a stop asked for, a child that cannot run, or time. */
static int why_not(struct lj_up *up, const struct lj_child *c, const char *what, struct lj_err *err)
{
    if (up->fatal.code) {
        *err = up->fatal;
        return err->code;
    }
    if (up->stop_asked)
        return lj_fail(err, LJ_E_CLOSED, "stopped");
    lj_up_log_tail(c);
    return lj_fail(err, LJ_E_TIMEOUT, "%s; see %.150s/%s.log", what, up->at.log, c->name);
}

static int start_broker(struct lj_up *up, struct lj_err *err)
{
    char dsn[PATH_MAX + 64];
    dsn_of(up, "liangjin_broker", dsn, sizeof dsn);
    const char *const argv[] = {up->programs[LJ_PROGRAM_BROKER], "--dsn", dsn, "--run-dir", up->at.run, NULL};
    up->broker = lj_up_child(up, "broker", argv, SIGTERM, SIGKILL);
    if (!up->broker)
        return no_child(err, "broker");
    lj_up_start(up->broker);
    if (lj_up_wait(up, broker_answers, BROKER_START_MS, 0) != 1)
        return why_not(up, up->broker, "the broker does not answer", err);
    return 0;
}

static int start_worker(struct lj_up *up, const char *kind, int number, struct lj_err *err)
{
    char dsn[PATH_MAX + 64];
    char name[64];
    dsn_of(up, "liangjin_worker", dsn, sizeof dsn);
    (void)snprintf(name, sizeof name, "worker-%.40s-%d", kind, number);
    const char *const argv[] = {up->programs[LJ_PROGRAM_WORKER], kind, "--dsn", dsn, "--run-dir", up->at.run, "--name", name, NULL};
    struct lj_child *c = lj_up_child(up, name, argv, SIGTERM, SIGKILL);
    if (!c)
        return no_child(err, name);
    lj_up_start(c);
    return 0;
}

/* One process a kind and --workers, for every kind that the database has. */
static int start_workers(struct lj_up *up, struct lj_err *err)
{
    PGconn *c = NULL;
    PGresult *r = NULL;
    int rc = lj_pg_connect_run(up->at.run, "liangjin", "liangjin_monitor", &c, err);
    if (rc == 0)
        rc = lj_dbs_query(c, "select name from liangjin.kind order by number", 0, NULL, &r, err);
    for (int i = 0; rc == 0 && i < PQntuples(r) && i < KINDS_MAX; i++) {
        for (int n = 1; rc == 0 && n <= (int)up->ctl->o.workers; n++)
            rc = start_worker(up, PQgetvalue(r, i, 0), n, err);
    }
    PQclear(r);
    PQfinish(c);
    return rc;
}

static int start_gateway(struct lj_up *up, struct lj_err *err)
{
    char dsn[PATH_MAX + 64];
    char port[16];
    char old[PATH_MAX];
    dsn_of(up, "liangjin_web", dsn, sizeof dsn);
    (void)snprintf(port, sizeof port, "%lld", (long long)up->port);
    int rc = lj_path(old, up->at.run, "gateway.port", err);
    if (rc)
        return rc;
    (void)unlink(old);
    const char *const argv[] = {up->programs[LJ_PROGRAM_GATEWAY], "--dsn", dsn, "--run-dir", up->at.run, "--listen", up->host, "--port", port, NULL};
    up->gateway = lj_up_child(up, "gateway", argv, SIGTERM, SIGKILL);
    if (!up->gateway)
        return no_child(err, "gateway");
    lj_up_start(up->gateway);
    if (lj_up_wait(up, gateway_listens, GATEWAY_START_MS, 0) != 1)
        return why_not(up, up->gateway, "the gateway does not listen", err);
    return keep_port(up, err);
}

static void announce(const struct lj_up *up)
{
    FILE *out = up->ctl->out;
    const char *open = strchr(up->host, ':') ? "[" : "";
    const char *close = open[0] ? "]" : "";
    fprintf(out, "两进已启动 · Liangjin is running\n  地址 address   http://%s%s%s:%lld/\n  密钥 secrets   %s/{admin,unit,observer}.token\n"
                 "  日志 logs      %s/\n  状态 status    ljctl --dir %s status\n  停止 stop      Ctrl-C\n",
            open, up->host, close, (long long)up->bound_port, up->at.secret, up->at.log, up->at.dir);
    if (up->ctl->o.once_ready)
        fprintf(out, "READY\n");
    (void)fflush(out);
}

static int start_all(struct lj_up *up, struct lj_err *err)
{
    int rc = lj_up_loop_open(up, err);
    if (rc == 0)
        rc = lj_up_pg_start(up, err);
    if (rc == 0)
        rc = start_broker(up, err);
    if (rc == 0)
        rc = start_workers(up, err);
    if (rc == 0)
        rc = lj_up_seed(up, err);
    if (rc == 0)
        rc = lj_up_tokens(up, err);
    if (rc == 0)
        rc = start_gateway(up, err);
    if (rc == 0)
        lj_up_write_processes(up); /* now with the port */
    return rc;
}

/* ---- steps back ---- */

/* Wait for the end of what has been asked to end; 1 when it ended in time. A second signal of the operator cuts the wait to a moment. */
static int await_end(struct lj_up *up, int (*ended)(struct lj_up *up), int ms)
{
    for (int waited = 0; waited < ms; waited += 100) {
        if (lj_up_wait(up, ended, 100, 1) == 1)
            return 1;
        if (up->stop_asked > 1)
            return 0;
    }
    return 0;
}

/* One child: in order, then by force. Returns 1 when it needed force. */
static int stop_one(struct lj_up *up, struct lj_child *c, int (*ended)(struct lj_up *up), int ms)
{
    if (!c)
        return 0;
    lj_up_stop(c, c->stop_signal);
    if (await_end(up, ended, ms))
        return 0;
    if (up->stop_asked < 2)
        lj_say("%s did not end within %d s: killed (nothing acknowledged is lost)", c->name, ms / 1000);
    lj_up_stop(c, SIGKILL);
    (void)lj_up_wait(up, ended, 5000, 1);
    return 1;
}

static int stop_workers(struct lj_up *up)
{
    static const struct {
        int signal, ms;
    } rounds[] = {{SIGTERM, WORKER_STOP_MS}, {SIGKILL, 5000}};
    for (size_t r = 0; r < 2; r++) {
        for (size_t i = 0; i < up->nchildren; i++) {
            struct lj_child *c = up->children[i];
            if (c != up->postgres && c != up->broker && c != up->gateway)
                lj_up_stop(c, rounds[r].signal);
        }
        if (r == 0 ? await_end(up, workers_ended, rounds[r].ms) : lj_up_wait(up, workers_ended, rounds[r].ms, 1))
            return (int)r;
    }
    return 1;
}

/* Fast shutdown; a third signal makes it immediate (recovery at the next start). */
static int stop_postgres(struct lj_up *up)
{
    if (!up->postgres)
        return 0;
    lj_up_stop(up->postgres, SIGINT);
    for (int waited = 0; waited < POSTGRES_STOP_MS; waited += 100) {
        if (lj_up_wait(up, postgres_ended, 100, 1) == 1)
            return up->postgres->exit_code != 0;
        if (up->stop_asked > 2)
            break;
    }
    lj_up_stop(up->postgres, SIGQUIT);
    if (lj_up_wait(up, postgres_ended, 10000, 1) != 1)
        lj_up_stop(up->postgres, SIGKILL);
    (void)lj_up_wait(up, postgres_ended, 5000, 1);
    return 1;
}

/* 0, or the number of processes that did not end in order although there was time. */
static int stop_all(struct lj_up *up)
{
    int forced = stop_one(up, up->gateway, gateway_ended, GATEWAY_STOP_MS);
    forced += stop_one(up, up->broker, broker_ended, BROKER_STOP_MS);
    forced += stop_workers(up);
    forced += stop_postgres(up);
    lj_admin_close(&up->admin);
    lj_up_loop_close(up);
    return up->stop_asked > 1 ? 0 : forced;
}

/* ---- the command ---- */

static void raise_limits(void)
{
    struct rlimit n;
    if (getrlimit(RLIMIT_NOFILE, &n) == 0 && n.rlim_cur < n.rlim_max) {
        n.rlim_cur = n.rlim_max > 65536 ? 65536 : n.rlim_max; /* children inherit it: a gateway holds thousands of connections */
        (void)setrlimit(RLIMIT_NOFILE, &n);
    }
}

static int prepare(struct lj_up *up, struct lj_err *err)
{
    int rc = parse_listen(up, err);
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

static int run(struct lj_up *up, struct lj_err *err)
{
    int rc = start_all(up, err);
    if (rc == 0) {
        announce(up);
        while (lj_up_wait(up, NULL, 100, 0) == 0)
            lj_up_line(up);
    } else if (!up->stop_asked) {
        (void)lj_ctl_error(err, NULL);
    }
    int forced = stop_all(up);
    if (rc && !up->stop_asked)
        return LJ_EXIT_FAILED;
    lj_say("%s", forced ? "已停止(有进程被强制结束) · stopped; a process had to be killed" : "已停止 · stopped");
    return forced ? LJ_EXIT_FAILED : LJ_EXIT_OK;
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
