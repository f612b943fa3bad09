/* Settling: what depends on more than one event, in SQL, behind the watermark (architecture §3 rule
 * 1).
 *
 * On a connection of its own, one function at a time: begin; fence; settle_x(upto); then, with the
 * follow-on events it returned in hand, positions are allotted and the events inserted; commit.
 * Positions are taken only for that short last step, so a long settlement never holds the frontier.
 * Nothing here is lost by a failure: the function starts from its own stored position, so the same
 * work is simply done again. In a replay the function goes up to the next step of the log that was
 * copied (replay_upto() in core.sql), since the step in which a duty is first met shows in the log.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"

static void step_done(struct lj_db *db, int code, void *arg);

/* A settling kind is complete only as far as its gate and the registers that were read for it are.
 */
static int64_t settle_upto(struct broker *b, size_t kind)
{
    int64_t upto = lj_backlog_watermark(b->backlog, kind);
    for (int k = (int)kind, depth = 0; k >= 0 && depth < LJ_KINDS_MAX;
         k = b->cat->kinds[k].after, depth++) {
        int64_t w = lj_backlog_watermark(b->backlog, (size_t)k);
        upto = w < upto ? w : upto;
    }
    for (size_t k = 0; k < b->cat->nkinds; k++) {
        if (!b->cat->kinds[k].feeds_directory)
            continue;
        int64_t w = lj_backlog_watermark(b->backlog, k);
        upto = w < upto ? w : upto;
    }
    return upto;
}

static void over(struct broker *b, int failed)
{
    struct settle *s = &b->settle;
    s->busy = 0;
    s->turn = NULL;
    s->failures = failed ? s->failures + 1 : 0;
    int64_t wait = b->cfg.settle_ms * 1000;
    if (failed) {
        for (unsigned i = 0; i < s->failures && i < 5; i++)
            wait *= 2;
        s->next_us = lj_mono_us() + wait;
    } else { /* from begin to begin, but never more than half of the time */
        int64_t took = lj_mono_us() - s->started_us;
        s->next_us = s->started_us + (2 * took > wait ? 2 * took : wait);
    }
    broker_kick(b);
}

static int q(struct broker *b, const char *sql, lj_db_result_cb cb, struct lj_err *err)
{
    return lj_db_exec(b->settle.db, NULL, sql, 0, NULL, NULL, NULL, 1, cb, b, err);
}

static void note_error(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    (void)db, (void)res;
    struct broker *b = arg;
    if (err && err->code != LJ_E_STATE && !b->settle.err.code)
        b->settle.err = *err;
}

static void on_inserted(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct broker *b = arg;
    struct turn *t = b->settle.turn;
    note_error(db, res, err, arg);
    for (int i = 0; t && !err && i < PQntuples(res); i++) {
        struct new_event *e = log_read_follow_on(b, res, i);
        if (!e) {
            b->settle.unread = 1;
            break;
        } /* committed or not, the log and the catalogue are read again: step_done */
        if (t->follow_tail)
            t->follow_tail->next = e;
        else
            t->follow_head = e;
        t->follow_tail = e;
    }
}

/* Last step: the follow-on events (text form of follow_on[]) at positions of their own, and COMMIT.
 */
static void insert_and_commit(struct broker *b, const char *array, size_t array_len, int64_t n)
{
    struct settle *s = &b->settle;
    struct lj_err err = {0};
    int rc = 0;
    struct turn *t = n ? calloc(1, sizeof *t) : NULL;
    if (n && !t)
        rc = lj_fail(&err, LJ_E_NOMEM, "no memory for a settlement's events");
    if (t) {
        char base[24], cap[24], kind[12], now[40];
        t->b = b;
        t->lane = -1;
        t->failed_lease = t->failed_park = -1;
        t->now_us = lj_now_us();
        t->first = b->log.next_position;
        b->log.next_position += n;
        t->last = b->log.next_position - 1;
        t->closure_first = b->log.next_closure;
        s->turn = t;
        log_order(b, t);
        char *copy = strndup(array, array_len);
        (void)snprintf(base, sizeof base, "%lld", (long long)t->first);
        (void)snprintf(cap, sizeof cap, "%lld", (long long)n);
        (void)snprintf(kind, sizeof kind, "%d", b->cat->kinds[s->kind].number);
        (void)snprintf(now, sizeof now, "%lld", (long long)t->now_us);
        const char *values[5] = {base, cap, kind, now, copy};
        static const int text[5] = {0};
        int lengths[5] = {0};
        rc = copy ? lj_db_exec(s->db, NULL,
                               "select * from emit_follow_on($1::int8, $2::int4, $3::int2,"
                               " timestamptz 'epoch' + $4::int8 * interval '1 microsecond', "
                               "$5::text::follow_on[])",
                               5, values, lengths, text, 1, on_inserted, b, &err)
                  : LJ_E_NOMEM;
        free(copy);
    }
    if (rc == 0)
        rc = q(b, "commit", note_error, &err);
    if (rc == 0)
        rc = lj_db_sync(s->db, step_done, b, &err);
    if (rc)
        broker_lost(b, &err);
    LJ_FAILPOINT("broker.settle.sent");
}

static void step_done(struct lj_db *db, int code, void *arg)
{
    (void)db;
    struct broker *b = arg;
    struct settle *s = &b->settle;
    if (code == LJ_E_DB_LOST)
        return; /* broker_lost */
    if (s->err.code) {
        char quoted[300];
        lj_log(LJ_ERROR, "settle.failed", "kind=%s upto=%lld sqlstate=%s error=%s",
               b->cat->kinds[s->kind].name, (long long)s->upto, s->err.sqlstate,
               lj_log_quote(s->err.text, quoted, sizeof quoted));
        if (s->turn)
            s->turn->state = TURN_ABORTED;
        struct lj_err err = {0};
        if (s->err.code == LJ_E_FENCED) {
            broker_fail(b, 3, "broker.fenced", &s->err);
            return;
        }
        if (lj_db_exec(s->db, NULL, "rollback", 0, NULL, NULL, NULL, 1, NULL, NULL, &err) ||
            lj_db_sync(s->db, NULL, NULL, &err)) {
            broker_lost(b, &err);
            return;
        }
        over(b, 1);
        log_retire(b);
        return;
    }
    LJ_FAILPOINT("broker.settle.committed");
    if (s->unread) { /* an event is in the log that could not be handed on */
        struct lj_err err = {0};
        (void)lj_fail(&err, LJ_E_NOT_FOUND,
                      "a settlement announced a type the catalogue does not have");
        broker_lost(b, &err);
        return;
    }
    s->settled[s->kind] = s->upto;
    s->runs++;
    lj_hist_add(&s->seconds, lj_mono_us() - s->started_us);
    if (s->turn) {
        s->emitted += (uint64_t)(s->turn->last - s->turn->first + 1);
        s->turn->state = TURN_COMMITTED;
    }
    over(b, 0);
    if (b->cat->replay) { /* committed: what waits behind this step may go */
        s->step[s->kind] = s->next_step;
        lj_backlog_limit(b->backlog, s->kind, s->next_step);
    }
    log_retire(b);
}

static void on_settled(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct broker *b = arg;
    note_error(db, res, err, arg);
    if (err)
        return;
    if (b->cat->replay) { /* a step of the copied log; behind the last one as far as possible */
        b->settle.upto = lj_pgget_i64(res, 0, 2);
        b->settle.next_step = PQgetisnull(res, 0, 3) ? INT64_MAX : lj_pgget_i64(res, 0, 3);
    }
    insert_and_commit(b, PQgetvalue(res, 0, 1), (size_t)PQgetlength(res, 0, 1),
                      lj_pgget_i64(res, 0, 0));
}

static void on_first_sync(struct lj_db *db, int code, void *arg)
{
    struct broker *b = arg;
    if (code && code != LJ_E_DB_LOST)
        step_done(db, code, b); /* begin, fence or settle failed: nothing was inserted */
}

static void start(struct broker *b, size_t kind, int64_t upto)
{
    struct settle *s = &b->settle;
    struct lj_err err = {0};
    char fence[80], settle[480];
    s->busy = 1;
    s->kind = kind;
    s->upto = upto;
    s->err = (struct lj_err){0};
    s->unread = 0;
    s->started_us = lj_mono_us();
    (void)snprintf(fence, sizeof fence, "select fence(%d::int2, %lld::int8)", (int)b->cfg.shard,
                   (long long)b->log.epoch);
    if (b->cat->replay)
        (void)snprintf(
            settle, sizeof settle,
            "select count(f.parent_id), coalesce(array_agg(f) filter (where f.parent_id is not "
            "null)::text, '{}'), max(u), max(n) from replay_upto(%d::int2, %lld::int8) u"
            " left join lateral %s(u) f on true left join lateral (select min(c.position) as n "
            "from "
            "replay_settlement c where c.kind = %d and c.position > u) x on true",
            b->cat->kinds[kind].number, (long long)upto, b->cat->kinds[kind].settle,
            b->cat->kinds[kind].number);
    else
        (void)snprintf(settle, sizeof settle,
                       "select count(*), coalesce(array_agg(f)::text, '{}') from %s(%lld::int8) f",
                       b->cat->kinds[kind].settle, (long long)upto);
    int rc = q(b, "begin", note_error, &err);
    if (rc == 0)
        rc = q(b, fence, note_error, &err);
    if (rc == 0)
        rc = q(b, settle, on_settled, &err);
    if (rc == 0)
        rc = lj_db_sync(s->db, on_first_sync, b, &err);
    if (rc)
        broker_lost(b, &err);
}

void settle_run(struct broker *b, int64_t now_us)
{
    struct settle *s = &b->settle;
    if (s->busy || !s->db || lj_db_state(s->db) != LJ_DB_READY ||
        (b->state != BROKER_RUNNING && b->state != BROKER_DRAINING))
        return;
    /* In turns, so that a kind with always more to do does not keep the next one waiting. */
    for (size_t i = 1; i <= b->cat->nkinds; i++) {
        size_t k = (s->kind + i) % b->cat->nkinds;
        if (!b->cat->kinds[k].settle[0])
            continue;
        int64_t upto = settle_upto(b, k);
        if (b->cat->replay && s->step[k] != INT64_MAX) {
            if (upto < s->step[k] || (now_us < s->next_us && s->failures))
                continue; /* a step is taken when it can be, and not before */
            start(b, k, upto);
            return;
        }
        if (upto <= s->settled[k] ||
            (now_us < s->next_us && upto - s->settled[k] < b->cfg.settle_positions))
            continue;
        if (now_us < s->next_us && s->failures)
            continue;
        start(b, k, upto);
        return;
    }
}

int settle_idle(const struct broker *b)
{
    return !b->settle.busy;
}
