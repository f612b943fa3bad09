/* The broker's life: bind, take the log over, run, recover, drain.
 *
 * One path serves the first start, a restart and a lost database: connections are closed, what was
 * in flight goes back into the intake queue, everything else in memory is thrown away, and the log
 * is read again under a new epoch (takeover.c, off the loop). Peers and clients stay connected
 * meanwhile: submissions wait in the queue up to its limit, then are told `busy`. At the end of
 * every loop turn what became startable is started (turns, batches), so no callback has to know
 * what it may have set free.
 */
#include "broker/broker.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define TICK_MS 100

struct takeover_work {
    struct broker *b;
    struct takeover_self self;
    struct takeover_result result;
    struct lj_err err;
    int rc;
};

static void take_over(struct broker *b);
static void check_stopped(struct broker *b);

/* ---- the end of a loop turn ---- */

static void on_wake(uv_timer_t *t)
{
    (void)t; /* the loop turns: on_turn does the work */
}

static void reload_directory(struct broker *b);

static void arm_wake(struct broker *b)
{
    int64_t now = lj_mono_us();
    int64_t at = log_next_wake(b, now);
    for (size_t k = 0; b->state == BROKER_RUNNING && k < b->cat->nkinds; k++) {
        int64_t due = lj_backlog_next_due(b->backlog, k);
        if (due > now)
            at = due < at ? due : at;
    }
    if (b->kicked)
        at = now;
    b->kicked = 0;
    if (at == INT64_MAX)
        uv_timer_stop(&b->wake);
    else
        uv_timer_start(&b->wake, on_wake, at <= now ? 0 : (uint64_t)(at - now + 999) / 1000, 0);
}

static void on_turn(void *arg)
{
    struct broker *b = arg;
    if (b->state == BROKER_STOPPED)
        return;
    intake_turn(b);
    b->kicked = 0;
    if (b->state == BROKER_RUNNING || b->state == BROKER_DRAINING) {
        log_run(b);
        dispatch_run(b);
        if (b->directory_dirty)
            reload_directory(b);
        log_run(b);
    }
    uv_update_time(b->loop);
    arm_wake(b);
}

void broker_kick(struct broker *b)
{
    b->kicked = 1;
}

int broker_reads(const struct broker *b)
{
    return b->log.reads && lj_db_state(b->log.reads) == LJ_DB_READY;
}

static void on_directory(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    (void)db;
    struct broker *b = arg;
    struct lj_err why = {0};
    b->directory_loading = 0;
    if (err || !b->cat)
        return;
    if (lj_catalog_units(b->cat, res, &why))
        b->directory_dirty = 1; /* no memory now: again with the next turn */
}

static void reload_directory(struct broker *b)
{
    struct lj_err err = {0};
    if (b->directory_loading || !broker_reads(b))
        return;
    b->directory_dirty = 0;
    b->directory_loading = 1;
    if (lj_db_exec(b->log.reads, NULL, LJ_SQL_UNITS, 0, NULL, NULL, NULL, 1, on_directory, b,
                   &err) ||
        lj_db_sync(b->log.reads, NULL, NULL, &err))
        broker_lost(b, &err);
}

/* ---- taking over ---- */

static void work(uv_work_t *w)
{
    struct takeover_work *t = ((struct broker *)w->data)->taking;
    t->rc = takeover_read(&t->b->cfg, &t->self, &t->result, &t->err);
}

static void on_db_state(struct lj_db *db, enum lj_db_state state, const struct lj_err *err,
                        void *arg)
{
    (void)db;
    struct broker *b = arg;
    if (state == LJ_DB_LOST) {
        broker_lost(b, err);
        return;
    }
    if (state != LJ_DB_READY || b->state == BROKER_RUNNING || b->state == BROKER_STOPPED)
        return;
    if (!broker_reads(b) || !b->settle.db || lj_db_state(b->settle.db) != LJ_DB_READY)
        return;
    for (int i = 0; i < (int)b->cfg.lanes; i++) {
        if (!b->log.lanes[i].db || lj_db_state(b->log.lanes[i].db) != LJ_DB_READY)
            return;
    }
    b->state = b->draining ? BROKER_DRAINING : BROKER_RUNNING;
    b->failures = 0;
    lj_log(LJ_INFO, "broker.running", "epoch=%lld frontier=%lld open=%llu", (long long)b->log.epoch,
           (long long)b->log.frontier, (unsigned long long)lj_backlog_total_open(b->backlog));
    broker_kick(b);
}

static int open_connections(struct broker *b, struct lj_err *err)
{
    static const char *const read_setup[] = {"set statement_timeout = '60s'", "set jit = off",
                                             NULL};
    static const char *const settle_setup[] = {"set work_mem = '64MB'", "set jit = off", NULL};
    char **setup = turn_setup(b, err);
    int rc = setup ? 0 : LJ_E_NOMEM;
    for (int i = 0; rc == 0 && i < (int)b->cfg.lanes; i++) {
        char name[40];
        (void)snprintf(name, sizeof name, "liangjin-broker lane %d", i);
        b->log.lanes[i] =
            (struct lane){.events_max = LJ_TURN_EVENTS_MAX,
                          .leases_max = LJ_TURN_LEASES_MAX,
                          .careful = LJ_TURNS_CAREFUL}; /* what had no answer comes again */
        rc = lj_db_open(b->loop, b->cfg.dsn, name, (const char *const *)setup, on_db_state, b,
                        &b->log.lanes[i].db, err);
    }
    turn_setup_free(&setup);
    if (rc == 0)
        rc = lj_db_open(b->loop, b->cfg.dsn, "liangjin-broker reads", read_setup, on_db_state, b,
                        &b->log.reads, err);
    if (rc == 0)
        rc = lj_db_open(b->loop, b->cfg.dsn, "liangjin-broker settle", settle_setup, on_db_state, b,
                        &b->settle.db, err);
    return rc;
}

static void install(struct broker *b, struct takeover_result *t)
{
    intake_renumber(b, t->cat);
    lj_catalog_free(&b->cat);
    b->cat = t->cat;
    if (b->cat->replay)
        lj_log(LJ_INFO, "broker.replay", "frontier=%lld", (long long)t->frontier);
    b->backlog = t->backlog;
    b->log.epoch = t->epoch;
    b->log.next_position = t->next_position;
    b->log.next_closure = t->next_closure;
    b->log.frontier = t->frontier;
    b->log.closure_frontier = t->closure_frontier;
    b->log.marks_dirty = 1;
    b->log.marks_due_us = lj_mono_us();
    for (size_t k = 0; k < LJ_KINDS_MAX; k++) {
        b->log.marks_written[k] = 0;
        b->settle.settled[k] = t->settled[k];
        b->settle.step[k] = t->step[k];
        if (k < t->cat->nkinds && t->cat->replay)
            lj_backlog_limit(t->backlog, k, t->step[k]);
        b->dispatch.paused[k] = t->paused[k];
    }
    b->settle.busy = 0;
    b->settle.turn = NULL;
    lj_backlog_advance(b->backlog, t->frontier, lj_mono_us());
    stream_restart(b, t->frontier, t->closure_frontier);
}

static void try_later(struct broker *b);

static void worked(uv_work_t *w, int status)
{
    struct broker *b = w->data;
    struct takeover_work *t = b->taking;
    (void)status;
    b->taking = NULL;
    int rc = t->rc;
    struct lj_err err = t->err;
    struct takeover_result result = t->result;
    free(t);
    if (b->stopping) {
        lj_backlog_free(&result.backlog);
        lj_catalog_free(&result.cat);
        check_stopped(b);
        return;
    }
    if (rc == LJ_E_CONFIG || rc == LJ_E_FENCED) {
        broker_fail(b, 3, rc == LJ_E_FENCED ? "broker.fenced" : "broker.refused", &err);
        return;
    }
    if (rc) {
        char quoted[300];
        lj_log(LJ_WARN, "takeover.failed", "error=%s",
               lj_log_quote(err.text, quoted, sizeof quoted));
        try_later(b);
        return;
    }
    install(b, &result);
    if (open_connections(b, &err))
        broker_lost(b, &err);
}

static void take_over(struct broker *b)
{
    b->taking = calloc(1, sizeof *b->taking);
    if (!b->taking) {
        try_later(b);
        return;
    }
    b->taking->b = b;
    b->taking->self = (struct takeover_self){.held = b->log.epoch, .nonce = b->nonce};
    b->work.data = b;
    if (uv_queue_work(b->loop, &b->work, work, worked)) {
        free(b->taking);
        b->taking = NULL;
        try_later(b);
    }
}

static void on_again(uv_timer_t *t)
{
    struct broker *b = t->data;
    if (!b->stopping)
        take_over(b);
}

static void try_later(struct broker *b)
{
    uint64_t ms = 100ULL << (b->failures < 5 ? b->failures : 5);
    b->failures++;
    uv_timer_start(&b->again, on_again, ms + randombytes_uniform((uint32_t)ms), 0);
}

/* ---- losing the database ---- */

static void forget(struct broker *b)
{
    log_forget_turns(b);
    dispatch_reset(b);
    lj_backlog_free(
        &b->backlog); /* the catalogue stays: intake goes on judging and queueing with it */
    b->directory_loading = 0;
    b->settle.busy = 0;
    b->settle.turn = NULL;
}

static void on_closed(void *arg)
{
    struct broker *b = arg;
    if (--b->closing)
        return;
    forget(b);
    if (b->stopping)
        check_stopped(b);
    else
        try_later(b);
}

/* Closes every connection; on_closed once for each, and once for ourselves so that none at all
 * works too. */
static void close_connections(struct broker *b)
{
    struct lj_db **all[LJ_LANES_MAX + 2];
    size_t n = 0;
    for (int i = 0; i < LJ_LANES_MAX; i++)
        all[n++] = &b->log.lanes[i].db;
    all[n++] = &b->log.reads;
    all[n++] = &b->settle.db;
    b->closing = 1;
    for (size_t i = 0; i < n; i++)
        b->closing += *all[i] != NULL;
    for (size_t i = 0; i < n; i++) {
        if (*all[i])
            lj_db_close(all[i], on_closed, b);
    }
    on_closed(b);
}

static void on_teardown(uv_timer_t *t)
{
    struct broker *b = t->data;
    if (!b->stopping && !b->closing)
        close_connections(b);
}

void broker_lost(struct broker *b, const struct lj_err *why)
{
    char quoted[300];
    if (b->state == BROKER_STOPPED || b->stopping || b->closing ||
        uv_is_active((uv_handle_t *)&b->again))
        return;
    lj_log(LJ_WARN, "broker.database_lost", "error=%s",
           lj_log_quote(why ? why->text : "", quoted, sizeof quoted));
    b->state = BROKER_RECOVERING;
    b->recoveries++;
    uv_timer_start(&b->again, on_teardown, 0, 0); /* not inside a connection's own callback */
}

/* ---- ticking ---- */

static void rates(struct broker *b, int64_t now)
{
    double seconds = (double)(now - b->rate_at_us) / 1e6;
    if (seconds < 1)
        return;
    uint64_t events = b->intake.stored;
    b->events_per_s = (double)(events - b->rate_events) / seconds;
    b->rate_events = events;
    for (size_t k = 0; k < LJ_KINDS_MAX; k++) {
        b->closed_per_s[k] = (double)(b->dispatch.closed[k] - b->rate_closed[k]) / seconds;
        b->rate_closed[k] = b->dispatch.closed[k];
    }
    b->rate_at_us = now;
}

static int drained(const struct broker *b)
{
    return (b->state == BROKER_DRAINING && dispatch_idle(b) && log_idle(b) && settle_idle(b));
}

static void on_tick(uv_timer_t *t)
{
    struct broker *b = t->data;
    int64_t now = lj_mono_us();
    rates(b, now);
    if (b->state == BROKER_RUNNING || b->state == BROKER_DRAINING) {
        dispatch_tick(b, now);
        peers_tick(b);
        settle_run(b, now);
        calendar_tick(b, now);
        stream_head(b, now);
    }
    admin_drained(b);
    if (b->draining && !b->stopping && (drained(b) || now >= b->drain_deadline_us)) {
        lj_log(LJ_INFO, "broker.drained", "leased=%zu queued=%zu", b->dispatch.nleases,
               b->intake.flows.queued);
        broker_stop(b);
    }
}

/* ---- stopping ---- */

void broker_drain(struct broker *b, int64_t timeout_ms)
{
    if (b->draining)
        return;
    b->draining = 1;
    b->drain_deadline_us = lj_mono_us() + timeout_ms * 1000;
    if (b->state == BROKER_RUNNING)
        b->state = BROKER_DRAINING;
    lj_log(LJ_INFO, "broker.draining", "leased=%zu", b->dispatch.nleases);
    broker_kick(b);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct broker *b = h->data;
    b->timers_open--;
    check_stopped(b);
}

static void on_zloop_closed(void *arg)
{
    struct broker *b = arg;
    zmq_ctx_term(b->zctx);
    b->zctx = NULL;
    lj_keypair_wipe(&b->keys);
    lj_catalog_free(&b->cat);
    if (b->stopped)
        b->stopped(b);
}

static void check_stopped(struct broker *b)
{
    if (b->state == BROKER_STOPPED || b->closing || b->taking || b->timers_open)
        return;
    b->state = BROKER_STOPPED;
    admin_close(b);
    intake_close(b);
    peers_close(b);
    stream_close(b);
    if (b->curve)
        lj_curve_close(&b->curve, NULL, NULL);
    lj_zloop_close(&b->zloop, on_zloop_closed, b);
}

void broker_stop(struct broker *b)
{
    if (b->stopping)
        return;
    b->stopping = 1;
    if (b->taking) { /* a statement off the loop that nobody can end; nothing in memory is owed to
                        anyone */
        lj_log(LJ_WARN, "broker.stopped_in_takeover", "epoch=%lld", (long long)b->log.epoch);
        _exit(b->exit_status);
    }
    uv_timer_t *timers[] = {&b->tick, &b->wake, &b->again};
    for (size_t i = 0; i < 3; i++)
        uv_close((uv_handle_t *)timers[i], on_handle_closed);
    if (!b->closing)
        close_connections(b);
}

void broker_fail(struct broker *b, int exit_status, const char *id, const struct lj_err *why)
{
    char quoted[300];
    lj_log(LJ_ERROR, id, "error=%s", lj_log_quote(why->text, quoted, sizeof quoted));
    if (!b->exit_status)
        b->exit_status = exit_status;
    if (b->state != BROKER_STOPPED && !b->stopping) {
        b->state = BROKER_RECOVERING; /* nothing is started any more */
        uv_timer_start(&b->again, on_teardown, 0, 0);
        b->draining = 1;
        b->drain_deadline_us = 0; /* the next tick stops */
    }
}

int broker_open(struct broker *b, uv_loop_t *loop, struct lj_err *err)
{
    b->loop = loop;
    b->state = BROKER_STARTING;
    randombytes_buf(&b->nonce, sizeof b->nonce);
    b->zctx = zmq_ctx_new();
    if (!b->zctx)
        return lj_fail_errno(err, LJ_E_IO, zmq_errno(), "cannot make a ZeroMQ context");
    (void)zmq_ctx_set(b->zctx, ZMQ_MAX_SOCKETS, 65536);
    int rc = lj_zloop_open(loop, &b->zloop, err);
    if (rc)
        return rc;
    uv_timer_t *timers[] = {&b->tick, &b->wake, &b->again};
    for (size_t i = 0; i < 3; i++) {
        (void)uv_timer_init(loop, timers[i]);
        timers[i]->data = b;
        b->timers_open++;
    }
    dispatch_open(b);
    rc = broker_trust(b, err);
    if (rc == 0)
        rc = intake_open(b, err);
    if (rc == 0)
        rc = peers_open(b, err);
    if (rc == 0)
        rc = stream_open(b, err);
    if (rc == 0)
        rc = admin_open(b, err);
    if (rc)
        return rc;
    lj_zloop_on_turn(b->zloop, on_turn, b);
    uv_timer_start(&b->tick, on_tick, TICK_MS, TICK_MS);
    take_over(b);
    return 0;
}
