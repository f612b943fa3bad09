/* liangjin-worker KIND...: runs the named kinds against one broker.
 *
 * Reads the configuration, finds the kinds in the registry, and hands over to the runner.
 * Everything with a wrong name, number or key is refused here (exit 2) before a socket is opened.
 * Exit status: 0 drained, 1 failed at run, 2 bad configuration.
 *
 * SIGTERM and SIGINT arrive through a signalfd that the runner polls, SIGHUP (read the tables
 * again) through another; they are blocked before the ZeroMQ context exists, so its threads inherit
 * the mask. The first one drains; then the default action is put back, so that a second one ends
 * the process at once. SIGPIPE is ignored: libpq's sockets report errors by return value.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cfg.h"
#include "common/curve.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/main.h"
#include "workers/runner/registry.h"
#include "workers/runner/runner.h"

struct config {
    char *dsn, *run_dir, *name, *connect, *curve_secret, *curve_server, *log_level, *opinion_bundle;
    int64_t slots;
};

static const struct lj_cfg_row rows[] = {
    {"dsn", LJ_CFG_STR, offsetof(struct config, dsn), NULL, 0, 0, "",
     "PostgreSQL, as the read-only role liangjin_worker."},
    {"run-dir", LJ_CFG_STR, offsetof(struct config, run_dir), NULL, 0, 0, "",
     "Directory with the broker's local sockets."},
    {"connect", LJ_CFG_STR, offsetof(struct config, connect), NULL, 0, 0, "",
     "Endpoint of the broker instead of the one in run-dir, e.g. tcp://host:port (CURVE only)."},
    {"curve-secret", LJ_CFG_STR, offsetof(struct config, curve_secret), NULL, 0, 0, "",
     "File (0600) with this worker's secret CURVE key."},
    {"curve-server", LJ_CFG_STR, offsetof(struct config, curve_server), NULL, 0, 0, "",
     "The broker's public CURVE key, 40 characters of Z85."},
    {"name", LJ_CFG_STR, offsetof(struct config, name), NULL, 0, 0, "",
     "Name of this process at the broker, where each kind is NAME.KIND; default: worker-PID."},
    {"slots", LJ_CFG_INT, offsetof(struct config, slots), "2", 1, 8, "batches",
     "Batches of a kind that the broker may give at once."},
    {"opinion-bundle", LJ_CFG_STR, offsetof(struct config, opinion_bundle), NULL, 0, 0, "",
     "Bundle of rules and models for the kind opinion instead of the one built in, which serves "
     "until the file is there; read again on SIGHUP and when it is replaced."},
    {"log-level", LJ_CFG_STR, offsetof(struct config, log_level), "info", 0, 0, "",
     "Lowest level written: debug, info, warn, error."},
};
#define NROWS (sizeof rows / sizeof rows[0])

struct program {
    struct config cfg;
    struct lj_peer_cfg peer;
    const struct lj_worker **workers;
    const char **words;
    size_t count;
    struct lj_keypair keys;
    char endpoint[512], name[64];
};

static const struct lj_worker *find_kind(const char *name)
{
    for (size_t i = 0; lj_workers[i]; i++)
        if (strcmp(lj_workers[i]->kind, name) == 0)
            return lj_workers[i];
    return NULL;
}

static int find_kinds(struct program *g, struct lj_err *err)
{
    if (g->count == 0)
        return lj_fail(err, LJ_E_CONFIG, "name at least one kind");
    for (size_t i = 0; i < g->count; i++) {
        g->workers[i] = find_kind(g->words[i]);
        if (!g->workers[i])
            return lj_fail(err, LJ_E_CONFIG, "there is no kind %s in this program", g->words[i]);
        for (size_t k = 0; k < i; k++)
            if (g->workers[k] == g->workers[i])
                return lj_fail(err, LJ_E_CONFIG, "kind %s is named twice", g->words[i]);
    }
    return 0;
}

static int set_curve(struct program *g, struct lj_err *err)
{
    const struct config *c = &g->cfg;
    if (!c->curve_secret != !c->curve_server)
        return lj_fail(err, LJ_E_CONFIG, "curve-secret and curve-server go together");
    if (!c->curve_secret) {
        if (strncmp(g->peer.endpoint, "ipc://", 6) != 0)
            return lj_fail(err, LJ_E_CONFIG, "%s needs curve-secret and curve-server",
                           g->peer.endpoint);
        return 0;
    }
    int rc = lj_keypair_read(c->curve_secret, &g->keys, err);
    if (rc < 0)
        return rc;
    g->peer.keys = &g->keys;
    g->peer.server_key = c->curve_server;
    return 0;
}

static int set_endpoint(struct program *g, struct lj_err *err)
{
    const struct config *c = &g->cfg;
    if (!c->run_dir == !c->connect)
        return lj_fail(err, LJ_E_CONFIG, "give run-dir or connect");
    int n = c->connect
                ? snprintf(g->endpoint, sizeof g->endpoint, "%s", c->connect)
                : snprintf(g->endpoint, sizeof g->endpoint, "ipc://%s/work.sock", c->run_dir);
    if (n < 0 || (size_t)n >= sizeof g->endpoint)
        return lj_fail(err, LJ_E_CONFIG, "the endpoint is longer than %zu bytes",
                       sizeof g->endpoint - 1);
    g->peer.endpoint = g->endpoint;
    return set_curve(g, err);
}

static int configure(struct program *g, int argc, char **argv, struct lj_err *err)
{
    g->words = calloc((size_t)argc, sizeof(char *));
    g->workers = calloc((size_t)argc, sizeof(struct lj_worker *));
    if (!g->words || !g->workers)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the configuration");
    int rc = lj_cfg_load(rows, NROWS, argc, argv, &g->cfg, g->words, &g->count, err);
    if (rc != 0)
        return rc;
    lj_log_open("worker", lj_log_level_of(g->cfg.log_level));
    rc = find_kinds(g, err);
    if (rc == 0)
        rc = set_endpoint(g, err);
    if (rc < 0)
        return rc;
    if (!g->cfg.dsn)
        return lj_fail(err, LJ_E_CONFIG, "dsn is needed");
    (void)snprintf(g->name, sizeof g->name, "worker-%ld", (long)getpid());
    g->peer.name = g->cfg.name ? g->cfg.name : g->name;
    g->peer.dsn = g->cfg.dsn;
    g->peer.slots = (uint16_t)g->cfg.slots;
    g->peer.opinion_bundle = g->cfg.opinion_bundle;
    return 0;
}

static void stop_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
}

/* From here on a second signal ends the process at once. */
static void let_signals_kill(void)
{
    sigset_t set;
    struct signalfd_siginfo info;
    stop_signals(&set);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd >= 0) { /* the first one is still pending: unblocking would deliver it */
        (void)!read(fd, &info, sizeof info);
        (void)close(fd);
    }
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Blocks the signals and opens descriptors for those that stop and for the one that reloads. */
static int open_signals(int *stop, int *hup, struct lj_err *err)
{
    sigset_t stops, reloads, both;
    stop_signals(&stops);
    (void)sigemptyset(&reloads);
    (void)sigaddset(&reloads, SIGHUP);
    stop_signals(&both);
    (void)sigaddset(&both, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &both, NULL) != 0 ||
        (*stop = signalfd(-1, &stops, SFD_NONBLOCK | SFD_CLOEXEC)) < 0 ||
        (*hup = signalfd(-1, &reloads, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "signals");
    return 0;
}

static int run(struct program *g, struct lj_err *err)
{
    struct lj_runner *runner = NULL;
    int fd = -1, hup = -1;
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = open_signals(&fd, &hup, err);
    if (rc == 0)
        rc = lj_runner_open(&g->peer, g->workers, g->count, &runner, err);
    if (rc == 0) {
        lj_runner_reload_on(runner, hup);
        lj_log(LJ_INFO, "worker.start", "kinds=%zu pid=%ld", g->count, (long)getpid());
        rc = lj_daemon_notify("READY=1", err);
    }
    if (rc == 0)
        rc = lj_runner_run(runner, fd, let_signals_kill, err);
    if (rc == 0)
        lj_log(LJ_INFO, "worker.drained", "pid=%ld", (long)getpid());
    lj_runner_close(&runner);
    if (fd >= 0)
        (void)close(fd);
    if (hup >= 0)
        (void)close(hup);
    return rc;
}

static void free_program(struct program *g)
{
    lj_cfg_free(rows, NROWS, &g->cfg);
    lj_keypair_wipe(&g->keys);
    free(g->words);
    free(g->workers);
}

int main(int argc, char **argv)
{
    struct program g = {0};
    struct lj_err err = {0};
    lj_log_open("worker", LJ_INFO);
    int rc = configure(&g, argc, argv, &err);
    if (rc == 0)
        rc = run(&g, &err);
    else if (rc == 1) /* --help, --version */
        rc = 0;
    free_program(&g);
    return rc == 0 ? LJ_EXIT_OK : lj_main_fail("liangjin-worker", &err);
}
