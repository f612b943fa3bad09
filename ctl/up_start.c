/* Starting a system: PostgreSQL, migrations, broker, workers, units and policy, tokens, gateway,
 * each when the one before it is ready.
 *
 * A step waits for what the next one needs, with a deadline, and says what failed and where its log
 * is; the end of that log is shown. A child that cannot run (wrong configuration, or dead again and
 * again) ends the start at once. Kinds come from the database: every kind it has gets its workers.
 * The gateway's port, once bound, is kept for its restarts.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/admin.h"
#include "ctl/pg.h"
#include "ctl/up.h"

enum {
    BROKER_START_MS = 60 * 1000,
    GATEWAY_START_MS = 30 * 1000,
    KINDS_MAX = 64,
    START_TRIES = 4,
};

/* A start that goes wrong again and again will not come right: say so instead of using up the
 * deadline. Returns 0. */
static int give_up_on(struct lj_up *up, const struct lj_child *c, const char *what)
{
    int hopeless = c->state == LJ_CHILD_GONE || c->restarts >= START_TRIES;
    if (hopeless && !c->pid && !up->fatal.code && !up->stop_asked) {
        lj_up_log_tail(c);
        (void)lj_fail(&up->fatal, LJ_E_STATE, "%s cannot run (code %d); see %.120s/%s.log", what,
                      c->exit_code, up->at.log, c->name);
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

/* Bound, and with tokens and units in hand: a first request would be served. */
static int gateway_serves(struct lj_up *up)
{
    char path[PATH_MAX];
    char text[16];
    if (!up->gateway->pid)
        return give_up_on(up, up->gateway, "the gateway");
    if (lj_path(path, up->at.run, "gateway.port", NULL) != 0 ||
        lj_read_small(path, text, sizeof text, NULL) != 0)
        return 0;
    up->bound_port = strtol(text, NULL, 10);
    return up->bound_port > 0 && lj_up_gateway_ready(up->host, up->bound_port);
}

/* A gateway that is started again must listen where its clients know it, also when the port was any
 * free one. */
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
    const char *const argv[] = {
        up->programs[LJ_PROGRAM_BROKER], "--dsn", dsn, "--run-dir", up->at.run, NULL};
    up->broker = lj_up_child(up, "broker", argv, SIGTERM, SIGKILL);
    if (!up->broker)
        return no_child(err, "broker");
    lj_up_start(up->broker);
    if (lj_up_wait(up, broker_answers, BROKER_START_MS, 0) != 1)
        return why_not(up, up->broker, "the broker does not answer", err);
    return 0;
}

/* The opinion engine's bundle: the file of --bundle, else DIR/opinion.bundle, which need not be
 * there: the workers take it up as soon as it is. */
static int bundle_path(const struct lj_up *up, char out[PATH_MAX], struct lj_err *err)
{
    const char *asked = up->ctl->o.bundle;
    if (!asked)
        return lj_path(out, up->at.dir, "opinion.bundle", err);
    return realpath(asked, out) ? 0 : lj_fail_errno(err, LJ_E_IO, errno, "--bundle %.200s", asked);
}

static int start_worker(struct lj_up *up, const char *kind, int number, struct lj_err *err)
{
    char dsn[PATH_MAX + 64];
    char bundle[PATH_MAX];
    char name[64];
    bool opinion = strcmp(kind, "opinion") == 0;
    int rc = opinion ? bundle_path(up, bundle, err) : 0;
    if (rc)
        return rc;
    dsn_of(up, "liangjin_worker", dsn, sizeof dsn);
    (void)snprintf(name, sizeof name, "worker-%.40s-%d", kind, number);
    const char *const argv[] = {up->programs[LJ_PROGRAM_WORKER],
                                kind,
                                "--dsn",
                                dsn,
                                "--run-dir",
                                up->at.run,
                                "--name",
                                name,
                                opinion ? "--opinion-bundle" : NULL,
                                bundle,
                                NULL};
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
    const char *const argv[] = {up->programs[LJ_PROGRAM_GATEWAY],
                                "--dsn",
                                dsn,
                                "--run-dir",
                                up->at.run,
                                "--listen",
                                up->host,
                                "--port",
                                port,
                                NULL};
    up->gateway = lj_up_child(up, "gateway", argv, SIGTERM, SIGKILL);
    if (!up->gateway)
        return no_child(err, "gateway");
    lj_up_start(up->gateway);
    if (lj_up_wait(up, gateway_serves, GATEWAY_START_MS, 0) != 1)
        return why_not(up, up->gateway, "the gateway does not listen", err);
    return keep_port(up, err);
}

int lj_up_start_all(struct lj_up *up, struct lj_err *err)
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
    lj_admin_close(&up->admin);    /* an answer still on its way tells of a time before the seed */
    return rc;
}
