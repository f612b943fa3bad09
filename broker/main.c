/* liangjin-broker: options, signals, exit status. Everything else is broker.c.
 * Exit status: 0 drained, 1 failed at run, 2 bad configuration, 3 refused by the state of the
 * database (settings, schema, fenced).
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "common/cfg.h"
#include "common/daemon.h"
#include "common/log.h"

#define S(field) offsetof(struct broker_config, field)
static const struct lj_cfg_row rows[] = {
    {"dsn", LJ_CFG_STR, S(dsn), NULL, 0, 0, "",
     "connection string of PostgreSQL, role liangjin_broker"},
    {"run-dir", LJ_CFG_STR, S(run_dir), NULL, 0, 0, "", "folder (0700) of the local sockets"},
    {"owner", LJ_CFG_STR, S(owner), "broker", 0, 0, "", "name written beside the epoch"},
    {"log-level", LJ_CFG_STR, S(log_level), "info", 0, 0, "", "debug, info, warn or error"},
    {"intake-tcp", LJ_CFG_STR, S(intake_tcp), NULL, 0, 0, "",
     "TCP endpoint for intake under CURVE, e.g. tcp://127.0.0.1:7101"},
    {"work-tcp", LJ_CFG_STR, S(work_tcp), NULL, 0, 0, "", "TCP endpoint for workers under CURVE"},
    {"stream-tcp", LJ_CFG_STR, S(stream_tcp), NULL, 0, 0, "",
     "TCP endpoint of the stream under CURVE"},
    {"curve-secret", LJ_CFG_STR, S(curve_secret), NULL, 0, 0, "",
     "file (0600) with the broker's CURVE secret key"},
    {"peers", LJ_CFG_STR, S(peers_file), NULL, 0, 0, "",
     "file of known CURVE peers; read again on SIGHUP"},
    {"shard", LJ_CFG_INT, S(shard), "0", 0, 0, "", "slice of the log this broker owns"},
    {"lanes", LJ_CFG_INT, S(lanes), "2", 1, LJ_LANES_MAX, "",
     "writer connections; two was the best measured"},
    {"backlog-max", LJ_CFG_INT, S(backlog_max), "2000000", 1000, 100000000, "events",
     "open (event, kind) pairs, beyond which intake says busy"},
    {"window-bytes", LJ_CFG_INT, S(window_bytes), "16777216", 65536, 1073741824, "bytes",
     "payloads and short results kept in memory"},
    {"attempts-max", LJ_CFG_INT, S(attempts_max), "5", 1, 100, "",
     "attempts of an event alone before it is parked"},
    {"intake-events-max", LJ_CFG_INT, S(intake_events_max), "20000", 500, 10000000, "events",
     "events without an answer"},
    {"intake-bytes-max", LJ_CFG_INT, S(intake_bytes_max), "33554432", 2097152, 4294967296, "bytes",
     "bytes of events without an answer"},
    {"drain-ms", LJ_CFG_INT, S(drain_ms), "10000", 0, 3600000, "ms",
     "how long a drain waits for leased batches"},
    {"lease-min-ms", LJ_CFG_INT, S(lease_min_ms), "2000", 10, 3600000, "ms",
     "least deadline of a lease"},
    {"batch-max", LJ_CFG_INT, S(batch_max), "500", 1, LJ_BATCH_EVENTS, "events",
     "events a batch to a worker"},
    {"calendar", LJ_CFG_BOOL, S(calendar), "true", 0, 0, "",
     "an event each local day says that it has begun; digests follow from it"},
    {"settle-ms", LJ_CFG_INT, S(settle_ms), "1000", 10, 3600000, "ms",
     "from one settlement to the next at low load"},
    {"settle-positions", LJ_CFG_INT, S(settle_positions), "5000", 1, 100000000, "positions",
     "settled at once when so many have gathered"},
};
#define NROWS (sizeof rows / sizeof rows[0])

static void on_term(void *arg)
{
    struct broker *b = arg;
    struct lj_err err;
    (void)!lj_daemon_notify("STOPPING=1", &err);
    broker_drain(b, b->cfg.drain_ms);
}

static void on_fast(void *arg)
{
    broker_stop(arg);
}

struct program {
    struct broker b;
    struct lj_daemon *daemon;
    uv_signal_t hup;
};

static void on_hup(uv_signal_t *s, int signum)
{
    struct broker *b = s->data;
    struct lj_err err = {0};
    (void)signum;
    if (b->curve && lj_curve_reload(b->curve, &err))
        lj_log(LJ_ERROR, "peers.not_reloaded", "error=\"%s\"", err.text);
    else
        lj_log(LJ_INFO, "peers.reloaded", "tcp=%d", b->curve != NULL);
}

static void on_stopped(struct broker *b)
{
    struct program *p = (struct program *)b;
    lj_daemon_close(&p->daemon);
    uv_close((uv_handle_t *)&p->hup, NULL);
}

static int configured(const struct broker_config *c, struct lj_err *err)
{
    if (!c->dsn || !c->run_dir)
        return lj_fail(err, LJ_E_CONFIG, "--dsn and --run-dir are needed");
    return 0;
}

static int run(struct program *p, struct lj_err *err)
{
    uv_loop_t loop;
    (void)uv_loop_init(&loop);
    (void)uv_signal_init(&loop, &p->hup);
    p->hup.data = &p->b;
    p->b.stopped = on_stopped;
    int rc = lj_daemon_open(&loop, on_term, on_fast, &p->b, &p->daemon, err);
    if (rc == 0)
        rc = uv_signal_start(&p->hup, on_hup, SIGHUP) ? lj_fail(err, LJ_E_IO, "cannot watch SIGHUP")
                                                      : 0;
    if (rc == 0)
        rc = broker_open(&p->b, &loop, err);
    if (rc)
        return rc; /* the process ends: the system takes everything back */
    (void)!lj_daemon_notify("READY=1", err);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    rc = lj_daemon_end(&loop, err);
    return rc;
}

int main(int argc, char **argv)
{
    static struct program p;
    struct lj_err err = {0};
    int rc = lj_cfg_load(rows, NROWS, argc, argv, &p.b.cfg, NULL, NULL, &err);
    if (rc == 1)
        return 0;
    if (rc == 0)
        rc = configured(&p.b.cfg, &err);
    if (rc) {
        (void)fprintf(stderr, "liangjin-broker: %s\n", err.text);
        return 2;
    }
    lj_log_open("broker", lj_log_level_of(p.b.cfg.log_level));
    if (sodium_init() < 0 || lj_daemon_raise_nofile(NULL, &err))
        lj_log(LJ_WARN, "broker.limits", "error=\"%s\"", err.text);
    rc = run(&p, &err);
    if (rc) {
        (void)fprintf(stderr, "liangjin-broker: %s\n", err.text);
        return rc == LJ_E_CONFIG ? 2 : 1;
    }
    lj_cfg_free(rows, NROWS, &p.b.cfg);
    return p.b.exit_status;
}
