/* GET /v1/board.
 *
 * Two sources. What is "now" (rates, acks, backlog) the broker says in every HEAD, once a second,
 * and it costs nobody anything. What has come of it (accepted, rejected, quota, mail) is asked from
 * the database, once a second while somebody looks and for half a minute after: everybody who looks
 * is served from the one copy here, so a hundred open pages cost what one does.
 *
 * Accepted and rejected are folded here: closures are numbered and final, so "the next 500 closures
 * behind number n, by unit and verdict" can be added up without ever reading history twice, and the
 * sum is exact for everything up to the number that stands beside it. After a start the fold runs
 * through the log in such steps and says that it is behind until it has arrived. The state of the
 * quota is the database's own fold (quota_total), read every five seconds.
 *
 * A request that finds the copy older than two seconds waits for the poll that it has caused, two
 * seconds at most; then it gets what there is, with the time it is of. Stale figures are shown as
 * stale, never as fresh, and never as an error while there is something true to say. */
#include "gateway/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "gateway/board_part.h"

enum { FOLD_CLOSURES = 500 };

#define POLL_US    INT64_C(1000000)
#define UNITS_US   INT64_C(5000000)
#define LOOKED_US  INT64_C(30000000)
#define STALE_US   INT64_C(2000000)
#define PATIENT_US INT64_C(2000000)

static const char sql_kinds[] = "select name, state, watermark, settled, parked from board_kinds()";
static const char sql_mail[] = "select unit, unread from board_mail()";
static const char sql_verdicts[] = "select upto, unit, verdict, n from board_verdicts($1, 500)";
static const char sql_units[] =
    "select number, code, name, kind, state, teams_owing, teams_met, persons_owing, persons_met, "
    "sessions, minutes, settled from board_units($1)";

int lj_board_open(struct lj_gateway *g, struct lj_board **ret, struct lj_err *err)
{
    struct lj_board *b = calloc(1, sizeof *b);
    if (b) {
        b->g = g;
        b->behind = true;
        b->accepted = calloc(LJ_BOARD_UNITS, sizeof *b->accepted);
        b->rejected = calloc(LJ_BOARD_UNITS, sizeof *b->rejected);
        b->unread = calloc(LJ_BOARD_UNITS, sizeof *b->unread);
    }
    if (!b || !b->accepted || !b->rejected || !b->unread) {
        lj_board_free(&b);
        return lj_fail(err, LJ_E_NOMEM, "no memory for the board");
    }
    *ret = b;
    return 0;
}

static void units_free(struct lj_board *b)
{
    for (size_t i = 0; i < b->n_units; i++) {
        free(b->units[i].name);
    }
    free(b->units);
    b->units = NULL;
    b->n_units = 0;
}

void lj_board_free(struct lj_board **bp)
{
    struct lj_board *b = *bp;
    if (!b) {
        return;
    }
    *bp = NULL;
    units_free(b);
    free(b->accepted);
    free(b->rejected);
    free(b->unread);
    free(b);
}

/* ---- answers of the database; an error ends the batch, and on_sync says so ---- */

static void text_to(char *out, size_t cap, const PGresult *res, int row, int col)
{
    snprintf(out, cap, "%s", PQgetvalue(res, row, col));
}

static void on_kinds(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_board *b = arg;
    (void)db;
    if (err) {
        return;
    }
    b->n_kinds = 0;
    for (int i = 0; i < PQntuples(res) && b->n_kinds < LJ_LIVE_KINDS; i++) {
        struct lj_board_kind *k = &b->kinds[b->n_kinds++];
        text_to(k->name, sizeof k->name, res, i, 0);
        text_to(k->state, sizeof k->state, res, i, 1);
        k->watermark = lj_pgget_i64(res, i, 2);
        k->settled = PQgetisnull(res, i, 3) ? -1 : lj_pgget_i64(res, i, 3);
        k->parked = lj_pgget_i64(res, i, 4);
    }
}

static void on_mail(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_board *b = arg;
    (void)db;
    if (err) {
        return;
    }
    memset(b->unread, 0, LJ_BOARD_UNITS * sizeof *b->unread);
    for (int i = 0; i < PQntuples(res); i++) {
        int16_t unit = lj_pgget_i16(res, i, 0);
        if (unit >= 0) {
            b->unread[unit] = (uint32_t)lj_pgget_i64(res, i, 1);
        }
    }
}

static void on_verdicts(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_board *b = arg;
    (void)db;
    if (err) {
        return;
    }
    b->behind = false;
    for (int i = 0; i < PQntuples(res); i++) {
        if (PQgetisnull(res, i, 1)) {
            int64_t upto = lj_pgget_i64(res, i, 0);
            b->behind = upto - b->folded >= FOLD_CLOSURES;
            b->folded = upto;
            continue;
        }
        int16_t unit = lj_pgget_i16(res, i, 1);
        uint64_t *sum = lj_pgget_i16(res, i, 2) == 1 ? b->accepted : b->rejected;
        if (unit >= 0) {
            sum[unit] += (uint64_t)lj_pgget_i64(res, i, 3);
        }
    }
}

static bool take_unit(struct lj_board_unit *u, const PGresult *res, int i)
{
    int64_t *numbers[] = {&u->teams_owing, &u->teams_met, &u->persons_owing,
                          &u->persons_met, &u->sessions,  &u->minutes};
    u->number = lj_pgget_i16(res, i, 0);
    text_to(u->code, sizeof u->code, res, i, 1);
    text_to(u->kind, sizeof u->kind, res, i, 3);
    text_to(u->state, sizeof u->state, res, i, 4);
    for (int k = 0; k < 6; k++) {
        *numbers[k] = lj_pgget_i64(res, i, 5 + k);
    }
    u->name = strdup(PQgetvalue(res, i, 2));
    return u->name && u->number >= 0;
}

static void on_units(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_board *b = arg;
    (void)db;
    int n = err ? 0 : PQntuples(res);
    struct lj_board_unit *units = n ? calloc((size_t)n, sizeof *units) : NULL;
    if (!units) {
        return; /* the old ones stay */
    }
    units_free(b);
    b->units = units;
    for (int i = 0; i < n; i++) {
        struct lj_board_unit *u = &units[b->n_units];
        if (take_unit(u, res, i)) {
            b->n_units++;
        } else {
            free(u->name);
        }
        b->quota_settled = lj_pgget_i64(res, i, 11);
    }
    b->units_us = lj_mono_us();
}

/* ---- who waits ---- */

static void answer(struct lj_board *b, struct lj_req *rq)
{
    struct lj_buf body = {0};
    lj_board_put(b, rq, &body);
    lj_gw_json(rq, 200, &body);
}

static void answer_waiting(struct lj_board *b, int64_t until_us)
{
    struct lj_board_wait **at = &b->waiting;
    while (*at) {
        struct lj_board_wait *w = *at;
        if (w->until_us > until_us) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        lj_req_keep(w->rq, NULL);
        answer(b, w->rq);
        free(w);
    }
}

static void on_sync(struct lj_db *db, int code, void *arg)
{
    struct lj_board *b = arg;
    (void)db;
    b->busy = false;
    if (code == 0) {
        b->fresh_us = lj_mono_us();
        b->as_of_us = lj_now_us();
    } else if (code != LJ_E_DB_LOST) {
        lj_log(LJ_WARN, "board.poll", "code=%s", lj_err_info(code)->name);
    }
    if (!b->g->stopping) {
        answer_waiting(b, INT64_MAX);
    }
}

/* ---- asking ---- */

static int ask_number(struct lj_board *b, struct lj_db *db, const char *sql, int bytes, int64_t v,
                      lj_db_result_cb cb, struct lj_err *err)
{
    uint8_t be[8];
    for (int i = 0; i < bytes; i++) {
        be[i] = (uint8_t)((uint64_t)v >> (8 * (bytes - 1 - i)));
    }
    const char *values[] = {(const char *)be};
    return lj_db_exec(db, NULL, sql, 1, values, &bytes, NULL, 1, cb, b, err);
}

/* By the clock of the place where the year's duty runs. */
static int year_now(void)
{
    time_t t = (time_t)(lj_now_us() / 1000000) + 8 * 3600;
    struct tm tm;
    return gmtime_r(&t, &tm) ? tm.tm_year + 1900 : 0;
}

static int ask(struct lj_board *b, struct lj_db *db, int64_t now_us, struct lj_err *err)
{
    int rc;
    if ((rc = lj_db_exec(db, NULL, sql_kinds, 0, NULL, NULL, NULL, 1, on_kinds, b, err)) != 0 ||
        (rc = lj_db_exec(db, NULL, sql_mail, 0, NULL, NULL, NULL, 1, on_mail, b, err)) != 0 ||
        (rc = ask_number(b, db, sql_verdicts, 8, b->folded, on_verdicts, err)) != 0) {
        return rc;
    }
    if (!b->units || now_us - b->units_us >= UNITS_US) {
        b->year = year_now();
        rc = ask_number(b, db, sql_units, 2, b->year, on_units, err);
    }
    return rc == 0 ? lj_db_sync(db, on_sync, b, err) : rc;
}

static void poll_now(struct lj_board *b, int64_t now_us)
{
    struct lj_db *db = lj_link_db(b->g->board_link);
    struct lj_err err = {0};
    int64_t pause_us = b->behind ? POLL_US / 10 : POLL_US;
    if (!db || b->busy || now_us - b->polled_us < pause_us || now_us - b->asked_us > LOOKED_US) {
        return;
    }
    b->polled_us = now_us;
    b->busy = true;
    if (ask(b, db, now_us, &err) != 0) {
        b->busy = lj_db_inflight(db) > 0; /* then the connection is lost, and on_sync hears of it */
        lj_log(LJ_WARN, "board.ask", "code=%s", lj_err_info(err.code)->name);
    }
}

void lj_board_up(void *arg)
{
    struct lj_gateway *g = arg;
    if (g->board) {
        g->board->busy = false;
    }
}

void lj_board_tick(struct lj_board *b, int64_t mono_us)
{
    uint64_t heads = lj_feed_stats(b->g->feed)->heads;
    struct lj_slice metrics = lj_feed_broker_metrics(b->g->feed);
    if (heads != b->heads && metrics.n) {
        b->heads = heads;
        lj_live_take(&b->live, metrics, mono_us, lj_now_us());
    }
    poll_now(b, mono_us);
    answer_waiting(b, mono_us);
}

void lj_board_ready(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_board *b = g->board;
    int64_t now_us = lj_mono_us();
    b->asked_us = now_us;
    poll_now(b, now_us);
    bool old = !b->fresh_us || now_us - b->fresh_us > STALE_US;
    struct lj_board_wait *w = old && b->busy ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        answer(b, rq);
        return;
    }
    *w = (struct lj_board_wait){.next = b->waiting, .rq = rq, .until_us = now_us + PATIENT_US};
    b->waiting = w;
    lj_req_keep(rq, w);
}

void lj_board_done(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_board_wait *w = lj_req_kept(rq);
    struct lj_board_wait **at = &g->board->waiting;
    while (*at && *at != w) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = w->next;
    }
    free(w);
}
