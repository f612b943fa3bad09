/* Reconnecting.
 *
 * A connection that failed or broke is closed and opened again after a pause that doubles from 0.1
 * s to 2 s, with jitter, so that many gateways do not come back in step after a restart of the
 * database. The new attempt is made from a timer, never inside the callback that told of the loss.
 * Whoever has a statement in flight is told by its own callback. */
#include "gateway/link.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/log.h"

enum { PAUSE_MIN_MS = 100, PAUSE_MAX_MS = 2000 };

struct lj_link {
    uv_loop_t *loop;
    const char *dsn, *name;
    void (*up)(void *arg);
    void *arg;
    struct lj_db *db;
    uv_timer_t timer;
    bool closing, ready;
    uint32_t pause_ms;
    uint64_t losses;
    int open; /* parts still to be closed */
    void (*close_cb)(void *arg);
    void *close_arg;
};

static void connect_now(struct lj_link *l);

static void on_retry(uv_timer_t *t)
{
    struct lj_link *l = t->data;
    if (l->db) {
        lj_db_close(&l->db, NULL, NULL);
    }
    connect_now(l);
}

static void retry_later(struct lj_link *l)
{
    l->pause_ms = l->pause_ms ? l->pause_ms * 2 : PAUSE_MIN_MS;
    if (l->pause_ms > PAUSE_MAX_MS) {
        l->pause_ms = PAUSE_MAX_MS;
    }
    uv_timer_start(&l->timer, on_retry, l->pause_ms / 2 + randombytes_uniform(l->pause_ms / 2 + 1),
                   0);
}

static void on_state(struct lj_db *db, enum lj_db_state state, const struct lj_err *err, void *arg)
{
    struct lj_link *l = arg;
    (void)db;
    if (l->closing) {
        return;
    }
    if (state == LJ_DB_READY) {
        l->ready = true;
        l->pause_ms = 0;
        lj_log(LJ_INFO, "db.ready", "link=%s", l->name);
        if (l->up) {
            l->up(l->arg);
        }
    } else if (state == LJ_DB_LOST) {
        char quoted[300];
        l->ready = false;
        l->losses++;
        lj_log(LJ_WARN, "db.lost", "link=%s error=%s", l->name,
               lj_log_quote(err ? err->text : "", quoted, sizeof quoted));
        retry_later(l);
    }
}

static void connect_now(struct lj_link *l)
{
    struct lj_err err = {0};
    if (lj_db_open(l->loop, l->dsn, l->name, NULL, on_state, l, &l->db, &err) != 0) {
        char quoted[300];
        l->db = NULL;
        lj_log(LJ_ERROR, "db.open", "link=%s error=%s", l->name,
               lj_log_quote(err.text, quoted, sizeof quoted));
        retry_later(l);
    }
}

int lj_link_open(uv_loop_t *loop, const char *dsn, const char *name, void (*up)(void *arg),
                 void *arg, struct lj_link **ret, struct lj_err *err)
{
    struct lj_link *l = calloc(1, sizeof *l);
    if (!l) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a database link");
    }
    l->loop = loop;
    l->dsn = dsn;
    l->name = name;
    l->up = up;
    l->arg = arg;
    uv_timer_init(loop, &l->timer);
    l->timer.data = l;
    *ret = l;
    connect_now(l);
    return 0;
}

struct lj_db *lj_link_db(struct lj_link *l)
{
    return l && l->ready && l->db && lj_db_state(l->db) == LJ_DB_READY ? l->db : NULL;
}

uint64_t lj_link_losses(const struct lj_link *l)
{
    return l->losses;
}

static void part_closed(void *arg)
{
    struct lj_link *l = arg;
    if (--l->open > 0) {
        return;
    }
    void (*cb)(void *) = l->close_cb;
    void *cb_arg = l->close_arg;
    free(l);
    if (cb) {
        cb(cb_arg);
    }
}

static void on_timer_closed(uv_handle_t *h)
{
    part_closed(h->data);
}

void lj_link_close(struct lj_link **lp, void (*cb)(void *arg), void *arg)
{
    struct lj_link *l = *lp;
    if (!l) {
        if (cb) {
            cb(arg);
        }
        return;
    }
    *lp = NULL;
    l->closing = true;
    l->ready = false;
    l->close_cb = cb;
    l->close_arg = arg;
    l->open = l->db ? 2 : 1;
    uv_timer_stop(&l->timer);
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
    if (l->db) {
        lj_db_close(&l->db, part_closed, l);
    }
}
