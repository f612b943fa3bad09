/* The log: turns, lanes, the order of retirement, the frontier.
 *
 * A turn is what one lane commits in one transaction: new events (first lane only), results of any
 * kind, parks. Its positions and closure numbers are allotted when it is built, so turns have an
 * order whatever commits first; they *retire* in that order: only then are events published and
 * handed on, and the frontier moves. Acks do not wait for that: they leave as soon as the turn's
 * own COMMIT is flushed. The first lane has two turns in its pipeline while much is waiting, so
 * that PostgreSQL begins the second while the answer to the first is on its way; the second commits
 * only if the first has (fence_turn()), so that no event overtakes an earlier one of its unit
 * through a failure. A turn that failed gives its parts back: the guilty one to the failure rules,
 * the others to the next turn. A lost connection goes to broker_lost: nothing is guessed, the log
 * is read again.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"

#define TURN_GAP_US                                                                                \
    1000 /* a lane starts at most one turn a millisecond... source: architecture §2 */
#define TURN_GAP_FULL 200 /* ...unless so many events wait */
/* While one unit sends a burst and others do not, the first lane's turns are as large as what it
 * does in SHARED_US, and so many at a time: a quiet unit's event waits for the rest of what is in
 * the pipeline, and for its own turn. Set by tests/bench/fairness_bench.py. */
#define SHARED_US       4000
#define SHARED_MIN      32
#define SHARED_DEPTH    1
#define SHARED_AFTER_US 1000000 /* for so long after it was last seen */
#define DEPTH           2

void log_order(struct broker *b, struct turn *t)
{
    struct log *l = &b->log;
    if (l->order_tail)
        l->order_tail->next = t;
    else
        l->order_head = t;
    l->order_tail = t;
}

/* ---- building ---- */

static void give_back(struct broker *b, struct turn *t)
{
    lj_flows_put_back(&b->intake.flows, t->pends);
    t->pends = NULL;
    for (size_t i = t->nleases; i-- > 0;)
        dispatch_put_back(b, t->leases[i]);
    t->nleases = 0;
    for (size_t i = t->nparks; i-- > 0;)
        failure_put_back(b, t->parks[i]);
    t->nparks = 0;
    for (size_t k = 0; k < LJ_KINDS_MAX;
         k++) /* its marks may not have been written: send them again */
        b->log.marks_written[k] = 0;
    b->log.marks_dirty = 1;
}

/* A unit that sends little is there beside one with a long queue. */
static int shared(const struct broker *b, int64_t now)
{
    return b->intake.flows.beside_us && now - b->intake.flows.beside_us < SHARED_AFTER_US;
}

static size_t turn_events(const struct broker *b, const struct lane *lane, int64_t now)
{
    if (!shared(b, now) || b->log.us_per_event <= 0)
        return lane->events_max;
    double n = SHARED_US / b->log.us_per_event;
    size_t most = n < SHARED_MIN ? SHARED_MIN : (size_t)n;
    return most < lane->events_max ? most : lane->events_max;
}

static void gather(struct broker *b, struct lane *lane, struct turn *t, int64_t now)
{
    int other_idle = 0;
    for (int i = 1; i < (int)b->cfg.lanes; i++)
        other_idle |= i != t->lane && b->log.lanes[i].db && !b->log.lanes[i].flying;
    if (t->lane == 0)
        t->pends = lj_flows_take(&b->intake.flows, turn_events(b, lane, now), &t->npends);
    /* While another lane is free it takes the results: intake then commits alone, in less time. */
    int alone = t->after || (t->npends && (other_idle || (b->cfg.lanes > 1 && shared(b, now))));
    size_t leases = alone ? 0 : lane->leases_max;
    while (t->nleases < leases) {
        struct lease *l = dispatch_take_result(b);
        if (!l)
            break;
        t->leases[t->nleases++] = l;
    }
    while (t->nparks < leases) {
        struct park *p = failure_take_park(b);
        if (!p)
            break;
        t->parks[t->nparks++] = p;
    }
}

static void allot(struct broker *b, struct turn *t)
{
    struct log *l = &b->log;
    t->first = l->next_position;
    for (struct pend *p = t->pends; p; p = p->next)
        p->position = l->next_position++;
    for (size_t i = 0; i < t->nleases; i++) {
        t->base[i] = l->next_position;
        t->cap[i] =
            (int64_t)t->leases[i]->group->n * b->cat->kinds[t->leases[i]->kind].follow_on_max;
        l->next_position += t->cap[i];
        t->leases[i]->state = LEASE_TURN;
    }
    t->last = l->next_position - 1;
    t->closure_first = l->next_closure;
    l->next_closure += (int64_t)t->nleases;
}

static void on_sync(struct lj_db *db, int code, void *arg);

/* One turn more into a lane's pipeline. */
static void start(struct broker *b, int index, int marks_only)
{
    struct lane *lane = &b->log.lanes[index];
    struct turn *t = calloc(1, sizeof *t);
    struct lj_err err = {0};
    if (!t)
        return;
    t->b = b;
    t->lane = index;
    t->failed_lease = t->failed_park = -1;
    t->now_us = lj_now_us();
    t->started_us = lane->last_start_us = lj_mono_us();
    if (index == 0)
        t->number = ++b->log.turn_number;
    t->careful = lane->careful != 0;
    if (lane->flying)
        t->after = lane->last->number;
    if (!marks_only)
        gather(b, lane, t, t->started_us);
    allot(b, t);
    lane->last = t;
    lane->flying++;
    log_order(b, t);
    LJ_FAILPOINT("broker.turn.built");
    if (LJ_BROKEN("ack_before_commit"))
        intake_ack_early(b, t->pends);
    int rc = turn_send(b, lane, t, &err);
    if (rc == 0)
        rc = lj_db_sync(lane->db, on_sync, t, &err);
    if (rc)
        broker_lost(b, &err); /* the pipeline is in an unknown state: start afresh */
    LJ_FAILPOINT("broker.turn.sent");
}

static int work_for(const struct broker *b, int lane)
{
    if (b->dispatch.results_head || b->dispatch.parks_head)
        return 1;
    return lane == 0 && b->intake.flows.queued;
}

/* May this lane have one turn more? A second one only when it will be full: cut earlier it would
 * commit less at a time for nothing. */
static int has_room(const struct broker *b, int index, int64_t now)
{
    const struct lane *lane = &b->log.lanes[index];
    if (!lane->db || now < lane->not_before_us)
        return 0;
    if (!lane->flying)
        return 1;
    unsigned depth = index ? 1 : shared(b, now) ? SHARED_DEPTH : DEPTH;
    return lane->flying < depth && lane->last->state == TURN_SENT && !lane->last->followed &&
           !lane->failures && b->intake.flows.queued >= turn_events(b, lane, now);
}

void log_run(struct broker *b)
{
    if (b->state != BROKER_RUNNING && b->state != BROKER_DRAINING)
        return;
    int64_t now = lj_mono_us();
    for (int i = 0; i < (int)b->cfg.lanes; i++) {
        const struct lane *lane = &b->log.lanes[i];
        if (!has_room(b, i, now))
            continue;
        int full =
            b->intake.flows.queued >= TURN_GAP_FULL || b->dispatch.nresults >= LJ_TURN_LEASES_MAX;
        if (work_for(b, i) && (full || now - lane->last_start_us >= TURN_GAP_US))
            start(b, i, 0);
        else if (i == 0 && !lane->flying && !work_for(b, 0) && b->log.marks_dirty &&
                 now >= b->log.marks_due_us)
            start(b, i, 1);
        if (b->state != BROKER_RUNNING && b->state != BROKER_DRAINING)
            return; /* start() found the connection gone */
    }
}

int64_t log_next_wake(const struct broker *b, int64_t now_us)
{
    int64_t wake = INT64_MAX;
    if (b->state != BROKER_RUNNING && b->state != BROKER_DRAINING)
        return wake;
    for (int i = 0; i < (int)b->cfg.lanes; i++) {
        const struct lane *lane = &b->log.lanes[i];
        if (!lane->db || lane->flying) /* its next turn begins when one comes back */
            continue;
        int64_t at = INT64_MAX;
        if (work_for(b, i))
            at = lane->last_start_us + TURN_GAP_US;
        else if (i == 0 && b->log.marks_dirty)
            at = b->log.marks_due_us;
        if (at != INT64_MAX && at < lane->not_before_us)
            at = lane->not_before_us;
        wake = at < wake ? at : wake;
    }
    return wake < now_us ? now_us : wake;
}

int log_idle(const struct broker *b)
{
    return !b->log.order_head && !b->intake.flows.queued && !b->dispatch.results_head &&
           !b->dispatch.parks_head && !b->log.marks_dirty;
}

/* ---- a turn comes back ---- */

/* Classes in which every statement fails alike: no batch is guilty. */
static int everybodys_fault(const char *sqlstate)
{
    static const char *const classes[] = {"08", "40", "53", "55", "57", "58", ""};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strncmp(sqlstate, classes[i], 2) == 0)
            return 1;
    }
    return 0;
}

/* 42, XX: a function that is missing or broken. The batch waits alone; it is not the data's fault.
 */
static int nobodys_data(const char *sqlstate)
{
    return strncmp(sqlstate, "42", 2) == 0 || strncmp(sqlstate, "XX", 2) == 0;
}

/* What fails with a turn: the one behind it, whose events go back first, behind this one's. */
static void fail_behind(struct broker *b, const struct lane *lane)
{
    if (!lane->flying)
        return;
    struct turn *behind = lane->last;
    behind->followed = 1;
    lj_flows_put_back(&b->intake.flows, behind->pends);
    behind->pends = NULL;
    behind->npends = 0;
}

/* An id that is in the log already, met by an append that did not look: nobody's fault. */
static int met_a_repeat(const struct turn *t)
{
    return t->failed_append && !t->careful && strcmp(t->err.sqlstate, "23505") == 0;
}

static void turn_failed(struct broker *b, struct lane *lane, struct turn *t)
{
    char quoted[300];
    if (met_a_repeat(t)) {
        b->log.turns_again++;
        lane->careful = LJ_TURNS_CAREFUL;
        fail_behind(b, lane);
        give_back(b, t);
        t->state = TURN_ABORTED;
        return;
    }
    b->log.turns_aborted++;
    lj_log(LJ_WARN, "turn.aborted", "lane=%d events=%zu results=%zu parks=%zu sqlstate=%s error=%s",
           t->lane, t->npends, t->nleases, t->nparks, t->err.sqlstate,
           lj_log_quote(t->err.text, quoted, sizeof quoted));
    if (t->err.code == LJ_E_FENCED) {
        broker_fail(b, 3, "broker.fenced", &t->err);
        return;
    }
    int data = t->err.code == LJ_E_DB_DATA;
    if (t->failed_lease >= 0 &&
        (data ||
         !everybodys_fault(
             t->err.sqlstate))) { /* the guilty batch to its rules, the rest into the next turn */
        struct lease *guilty = t->leases[t->failed_lease];
        memmove(&t->leases[t->failed_lease], &t->leases[t->failed_lease + 1],
                (t->nleases - (size_t)t->failed_lease - 1) * sizeof(void *));
        t->nleases--;
        dispatch_failed(b, &guilty,
                        data || !nobodys_data(t->err.sqlstate) ? CAUSE_DATA : CAUSE_SYSTEM,
                        &t->err);
    } else if (data && t->failed_append && t->npends == 1) {
        struct pend *p = t->pends;
        t->pends = NULL;
        intake_refuse(b, p, LJ_E_DB_DATA, t->err.sqlstate);
    } else if (t->failed_park >= 0 && strcmp(t->err.sqlstate, "P0001") ==
                                          0) { /* its row is there already: nothing more to write */
        struct park *known = t->parks[t->failed_park];
        memmove(&t->parks[t->failed_park], &t->parks[t->failed_park + 1],
                (t->nparks - (size_t)t->failed_park - 1) * sizeof(void *));
        t->nparks--;
        failure_parked(b, &known);
    } else if (data && t->failed_append) {
        lane->events_max = t->npends / 2; /* halve until the guilty one is alone */
    } else { /* the system's fault: wait, smaller turns, nothing is parked */
        lane->failures++;
        int64_t wait = 50000LL << (lane->failures < 6 ? lane->failures : 6);
        lane->not_before_us = lj_mono_us() + (wait < 2000000 ? wait : 2000000);
        lane->events_max = lane->events_max > 100 ? lane->events_max / 2 : lane->events_max;
        lane->leases_max = lane->leases_max > 1 ? lane->leases_max / 2 : 1;
    }
    fail_behind(b, lane);
    give_back(b, t);
    t->state = TURN_ABORTED;
}

static void on_duplicates(struct lj_db *db, const PGresult *res, const struct lj_err *err,
                          void *arg);

/* append_events inserted fewer rows than were sent: some ids are in the log. Ask which, and only
 * then answer. */
static void resolve_duplicates(struct broker *b, struct turn *t)
{
    struct lj_pgarray ids = {0};
    const uint8_t *v = NULL;
    size_t n = 0;
    struct lj_err err = {0};
    lj_pgarray_init(&ids, LJ_PG_UUID);
    for (const struct pend *p = t->pends; p; p = p->next)
        lj_pgarray_bytes(&ids, p->id, 16);
    int rc = lj_pgarray_done(&ids, &v, &n, &err);
    const char *values[1] = {(const char *)v};
    int lengths[1] = {(int)n};
    if (rc == 0)
        rc = lj_db_exec(b->log.reads, NULL,
                        "select id, position, content_hash from event where id = any($1::uuid[])",
                        1, values, lengths, NULL, 1, on_duplicates, t, &err);
    if (rc == 0)
        rc = lj_db_sync(b->log.reads, NULL, NULL, &err);
    lj_pgarray_free(&ids);
    if (rc)
        broker_lost(b, &err);
}

static void settle_duplicates(struct broker *b, struct turn *t, const PGresult *res)
{
    struct lj_u64map rows = {0}; /* first eight bytes of the id -> row + 1; ids of one turn, so
                                    collisions fall back to a scan */
    for (int i = 0; i < PQntuples(res); i++) {
        uint64_t k;
        memcpy(&k, PQgetvalue(res, i, 0), 8);
        (void)!lj_u64map_put(&rows, lj_mix64(k), (void *)(intptr_t)(i + 1));
    }
    struct pend *kept = NULL, **tail = &kept;
    t->npends = 0;
    for (struct pend *p = t->pends, *next; p; p = next) {
        next = p->next;
        uint64_t k;
        memcpy(&k, p->id, 8);
        int row = (int)(intptr_t)lj_u64map_get(&rows, lj_mix64(k)) - 1;
        for (int i = 0;
             i < PQntuples(res) && (row < 0 || memcmp(PQgetvalue(res, row, 0), p->id, 16) != 0);
             i++)
            row = i;
        if (row < 0 || lj_pgget_i64(res, row, 1) == p->position) {
            p->next = NULL;
            *tail = p;
            tail = &p->next;
            t->npends++;
        } else {
            intake_exists(b, p, lj_pgget_i64(res, row, 1),
                          (const uint8_t *)PQgetvalue(res, row, 2));
        }
    }
    t->pends = kept;
    lj_u64map_free(&rows);
}

static void committed(struct broker *b, struct turn *t)
{
    t->state = TURN_COMMITTED;
    for (struct pend *p = t->pends; p; p = p->next)
        intake_stored(b, p);
    log_retire(b);
    broker_kick(b);
}

static void on_duplicates(struct lj_db *db, const PGresult *res, const struct lj_err *err,
                          void *arg)
{
    (void)db;
    struct turn *t = arg;
    if (err) {
        if (err->code != LJ_E_DB_LOST) /* a lost connection is told by its state callback */
            broker_lost(t->b, err);
        return;
    }
    settle_duplicates(t->b, t, res);
    committed(t->b, t);
}

/* The turn before it failed, so this one had to; its events went back together with the other's. */
static void turn_followed(struct broker *b, struct turn *t, int code)
{
    if (!code) {
        struct lj_err err;
        (void)lj_fail(&err, LJ_E_INTERNAL, "turn %llu has committed although the one before failed",
                      (unsigned long long)t->number);
        broker_lost(b, &err); /* the log says what is true */
        return;
    }
    b->log.turns_again++;
    t->state = TURN_ABORTED;
    log_retire(b);
    broker_kick(b);
}

/* How long the first lane takes for an event, when it has nothing else to do. */
static void note_cost(struct broker *b, const struct turn *t, int64_t now)
{
    if (t->npends < SHARED_MIN || t->nleases || t->nparks || t->after)
        return;
    double us = (double)(now - t->started_us) / (double)t->npends;
    double *cost = &b->log.us_per_event;
    *cost = *cost > 0 ? *cost * 0.875 + us * 0.125 : us;
}

static void on_sync(struct lj_db *db, int code, void *arg)
{
    (void)db;
    struct turn *t = arg;
    struct broker *b = t->b;
    struct lane *lane = &b->log.lanes[t->lane];
    if (code == LJ_E_DB_LOST)
        return; /* outcome unknown: broker_lost takes the turn from lane->turn */
    lane->flying--;
    b->log.turns++;
    lj_hist_add(&b->log.commit_seconds, lj_mono_us() - t->started_us);
    if (t->followed) {
        turn_followed(b, t, code);
        return;
    }
    if (code) {
        turn_failed(b, lane, t);
        log_retire(b);
        broker_kick(b);
        return;
    }
    LJ_FAILPOINT("broker.turn.committed");
    if (t->failed) { /* committed, but a follow-on event could not be read: the log and the
                        catalogue are read again */
        broker_lost(b, &t->err);
        return;
    }
    lane->failures = 0;
    lane->careful = t->inserted < (int64_t)t->npends ? LJ_TURNS_CAREFUL
                    : lane->careful && t->npends     ? lane->careful - 1
                                                     : lane->careful;
    note_cost(b, t, lj_mono_us());
    lane->events_max =
        lane->events_max * 2 < LJ_TURN_EVENTS_MAX ? lane->events_max * 2 + 1 : LJ_TURN_EVENTS_MAX;
    lane->leases_max =
        lane->leases_max * 2 < LJ_TURN_LEASES_MAX ? lane->leases_max * 2 : LJ_TURN_LEASES_MAX;
    if (t->inserted < (int64_t)t->npends)
        resolve_duplicates(b, t);
    else
        committed(b, t);
}

/* The connections are gone. What had committed is in the log and will be read from there; what was
 * in flight goes again under the same ids, and a row found where it was going to stand is its own.
 */
void log_forget_turns(struct broker *b)
{
    struct pend *again = NULL, **tail = &again;
    for (struct turn *t = b->log.order_head, *next; t; t = next) {
        next = t->next;
        for (struct pend *p = t->pends, *after; p; p = after) {
            after = p->next;
            if (t->state == TURN_COMMITTED) {
                intake_release(b, p);
                continue;
            }
            p->doubt_position = p->position;
            p->next = NULL;
            *tail = p;
            tail = &p->next;
        }
        for (size_t i = 0; i < t->nleases; i++)
            lease_free(&t->leases[i]);
        for (size_t i = 0; i < t->nparks; i++) {
            lj_group_free(t->parks[i]->group);
            free(t->parks[i]);
        }
        turn_free(&t);
    }
    b->log.order_head = b->log.order_tail = NULL;
    lj_flows_put_back(&b->intake.flows, again);
    for (int i = 0; i < LJ_LANES_MAX; i++)
        b->log.lanes[i].flying = 0;
}
