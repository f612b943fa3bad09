/* Handing out work: leases.
 *
 * A peer with a free slot gets what its kind's backlog gives out, sized to about 20 ms of its
 * measured rate. The lease holds the group until its result is committed. Payloads come from the
 * window, or from the log where the window had no room (fetch.c). A lease has a hard deadline that
 * proves progress; past it, or when its peer is gone, the group goes to the failure rules and a
 * later result is counted and never applied. Results are queued for whichever lane is free.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"

#define BATCH_TARGET_US  20000     /* source: architecture §4 */
#define BATCH_FIRST      32        /* events of a peer's first batch, before its rate is known */
#define BATCH_BYTES      (4 << 20) /* a BATCH of more is halved; far below LJ_WORK_BYTES_MAX */
#define RESULTS_MAX      32        /* four turns' worth of results that wait for a lane */
#define RESULT_BYTES_MAX (16 << 20)
#define DEADLINE_FACTOR  20 /* source: architecture §4 */
#define SUSPECT_FAILURES 20 /* data failures in a row, while another version of the kind passes */

void lease_free(struct lease **lp)
{
    struct lease *l = *lp;
    if (!l)
        return;
    if (l->has_body) {
        if (l->held_bytes)
            *l->held_bytes -= zmq_msg_size(&l->body);
        zmq_msg_close(&l->body);
    }
    lj_buf_free(&l->batch);
    free(l->events);
    free(l->verdicts);
    free(l->shorts);
    lj_group_free(l->group);
    free(l);
    *lp = NULL;
}

void dispatch_open(struct broker *b)
{
    b->dispatch.payloads.budget = (size_t)b->cfg.window_bytes / 2;
    for (size_t k = 0; k < LJ_KINDS_MAX; k++)
        b->dispatch.shorts[k].budget = (size_t)b->cfg.window_bytes / 8;
}

void lease_unlist(struct broker *b, struct lease *l)
{
    for (struct lease **p = &b->dispatch.leases; *p; p = &(*p)->next) {
        if (*p == l) {
            *p = l->next;
            l->next = NULL;
            b->dispatch.nleases--;
            return;
        }
    }
}

void lease_free_slot(struct lease *l)
{
    if (l->peer && l->peer->leased)
        l->peer->leased--;
    l->peer = NULL;
}

void dispatch_reset(struct broker *b)
{
    struct dispatch *d = &b->dispatch;
    while (d->leases) {
        struct lease *l = d->leases;
        d->leases = l->next;
        lease_free(&l);
    }
    struct lease *l;
    while ((l = dispatch_take_result(b)))
        lease_free(&l);
    failure_reset(b);
    for (struct peer *p = b->peers.list; p; p = p->next)
        p->leased = 0;
    d->nleases = 0;
    lj_window_clear(&d->payloads);
    for (size_t k = 0; k < LJ_KINDS_MAX; k++)
        lj_window_clear(&d->shorts[k]);
}

/* ---- giving out ---- */

static size_t batch_size(const struct broker *b, const struct peer *p)
{
    double n = p->per_event_us > 0 ? BATCH_TARGET_US / p->per_event_us : BATCH_FIRST;
    size_t max = (size_t)b->cfg.batch_max;
    return n < 1 ? 1 : n > (double)max ? max : (size_t)n;
}

static int64_t deadline_us(const struct broker *b, const struct peer *p, size_t n)
{
    int64_t estimate = (int64_t)(p->per_event_us * (double)n) * DEADLINE_FACTOR;
    int64_t least = b->cfg.lease_min_ms * 1000;
    return estimate > least ? estimate : least;
}

#define UNIT_SOON_US  50000   /* the directory is being read again */
#define UNIT_LATER_US 1000000 /* a unit that nothing under way will bring */

/* An event is judged under its unit's code. Intake takes none of a unit that the directory does not
 * have; a log that was filled by other means may hold some, before the unit's own registration has
 * been worked on. Such an event is not given out until the unit is there, nor is what must not pass
 * it; what came before it goes out alone. The kind that makes the directory is given it, where
 * nothing before it is under way: it would wait for itself. 1: held, *group is back in the backlog.
 */
static int held_back(struct broker *b, size_t kind, struct lj_group **group, int64_t now)
{
    const struct lj_group *g = *group;
    size_t i = 0;
    while (i < g->n && lj_catalog_unit_number(b->cat, (int16_t)g->items[i].unit))
        i++;
    if (i == g->n)
        return 0;
    int reading = b->directory_dirty || b->directory_loading;
    if (g->n > 1) {
        lj_backlog_split(b->backlog, kind, group, i ? i : 1, now);
        return 1;
    }
    if (b->cat->kinds[kind].feeds_directory && !reading)
        return 0;
    if (!reading)
        lj_log(LJ_WARN, "dispatch.held_back", "kind=%s position=%lld unit=%d",
               b->cat->kinds[kind].name, (long long)g->items[0].position, (int)g->items[0].unit);
    b->dispatch.held_back += !reading;
    lj_backlog_again(b->backlog, kind, group, now + (reading ? UNIT_SOON_US : UNIT_LATER_US));
    return 1;
}

static int give(struct broker *b, struct peer *p)
{
    struct dispatch *d = &b->dispatch;
    struct lj_group *group, *behind;
    int64_t now = lj_mono_us();
    if (lj_backlog_take(b->backlog, p->kind, batch_size(b, p), now, &group, &behind))
        return 0; /* no memory now: tried again with the next turn */
    if (behind) {
        fetch_forget(b, p->kind, behind);
        failure_park_behind(b, p->kind, &behind);
    }
    if (!group)
        return 0;
    if (held_back(b, p->kind, &group, now))
        return 1; /* something was there; the next may be another's */
    struct lease *l = calloc(1, sizeof *l);
    if (l)
        l->events = calloc(group->n, sizeof *l->events);
    if (!l || !l->events) {
        free(l);
        lj_backlog_again(b->backlog, p->kind, &group, now + 100000);
        return 0;
    }
    l->id = ++d->next_id;
    l->kind = p->kind;
    l->group = group;
    l->peer = p;
    l->state = LEASE_FETCHING;
    l->sent_us = now;
    l->deadline_us = INT64_MAX; /* until it is sent */
    (void)snprintf(l->worker, sizeof l->worker, "%s", p->name);
    (void)snprintf(l->version, sizeof l->version, "%s", p->version);
    p->leased++;
    l->next = d->leases;
    d->leases = l;
    d->nleases++;
    fetch_batch(b, l);
    return 1;
}

/* The peer of a kind with the most free slots: an idle one before one that has a batch already. */
static struct peer *freest(struct broker *b, size_t kind)
{
    struct peer *best = NULL;
    int64_t now_us = lj_mono_us();
    for (struct peer *p = b->peers.list; p; p = p->next) {
        if (p->kind != kind || p->leaving || p->suspect || p->leased >= p->slots ||
            now_us < p->full_until_us)
            continue;
        if (!best || p->leased < best->leased)
            best = p;
    }
    return best;
}

void dispatch_run(struct broker *b)
{
    if (b->state != BROKER_RUNNING || !broker_reads(b))
        return;
    /* Where PostgreSQL is slower than the workers their results would pile up here: no further
     * batch while enough of them wait. */
    if (b->dispatch.nresults >= RESULTS_MAX || b->dispatch.result_bytes >= RESULT_BYTES_MAX)
        return;
    for (size_t k = 0; k < b->cat->nkinds; k++) {
        if (b->dispatch.paused[k])
            continue;
        struct peer *p;
        while ((p = freest(b, k)) && give(b, p))
            ;
    }
}

void dispatch_send(struct broker *b, struct lease *l)
{
    struct peer *p = l->peer;
    struct lj_buf body = {0};
    uint32_t ms = p ? (uint32_t)(deadline_us(b, p, l->group->n) / 1000) : 0;
    if (!p) { /* it went while the payloads were fetched */
        lease_unlist(b, l);
        dispatch_failed(b, &l, CAUSE_SYSTEM, NULL);
        return;
    }
    if (l->batch.len > BATCH_BYTES && l->group->n > 1) { /* huge payloads: as halves */
        lease_unlist(b, l);
        lease_free_slot(l);
        lj_backlog_halve(b->backlog, l->kind, &l->group, lj_mono_us());
        lease_free(&l);
        broker_kick(b);
        return;
    }
    lj_batch_head_put(&body,
                      &(struct lj_batch_head){.batch = l->id,
                                              .deadline_ms = ms,
                                              .attempt = (uint16_t)(l->group->attempts + 1),
                                              .flags = b->cat->kinds[l->kind].after >= 0 ? 1 : 0,
                                              .count = (uint16_t)l->group->n});
    lj_buf_put(&body, l->batch.data, l->batch.len);
    lj_buf_free(&l->batch);
    int rc = body.failed ? LJ_E_NOMEM : peers_send(b, p, LJ_MSG_BATCH, l->id, &body);
    lj_buf_free(&body);
    l->sent_us = lj_mono_us();
    l->deadline_us = l->sent_us + (int64_t)ms * 1000;
    if (rc == 0)
        l->state = LEASE_OUT;
    else { /* it never got there: nobody's fault */
        lease_unlist(b, l);
        lease_free_slot(l);
        dispatch_failed(b, &l, CAUSE_SYSTEM, NULL);
    }
    LJ_FAILPOINT("broker.batch.sent");
}

struct lease *dispatch_take_result(struct broker *b)
{
    struct dispatch *d = &b->dispatch;
    struct lease *l = d->results_head;
    if (!l)
        return NULL;
    d->results_head = l->next;
    if (!d->results_head)
        d->results_tail = NULL;
    l->next = NULL;
    d->nresults--;
    return l;
}

void dispatch_put_back(struct broker *b, struct lease *l)
{
    struct dispatch *d = &b->dispatch;
    l->state = LEASE_RESULT;
    l->next = d->results_head;
    d->results_head = l;
    if (!d->results_tail)
        d->results_tail = l;
    d->nresults++;
}

/* ---- closed ---- */

static void open_gates(struct broker *b, struct lease *l, size_t i)
{
    struct lj_item item = l->group->items[i];
    for (size_t k = 0; k < b->cat->nkinds; k++) {
        const struct lj_kind *kind = &b->cat->kinds[k];
        if (kind->after != (int)l->kind || !lj_catalog_wants(b->cat, item.type, k, item.position))
            continue;
        if (l->verdicts[i] != kind->after_verdict) {
            lj_backlog_close(b->backlog, k, item.position);
            continue;
        }
        int failed = lj_backlog_open(b->backlog, k, item.position);
        if (!failed)
            failed = lj_backlog_push(b->backlog, k, &item);
        if (failed) {
            struct lj_err err;
            (void)lj_fail(&err, LJ_E_NOMEM, "no memory for an open event");
            broker_fail(b, 1, "broker.no_memory", &err);
            return;
        }
        fetch_keep_short(b, k, l, i);
    }
}

void dispatch_closed(struct broker *b, struct lease **lp, int64_t now_us)
{
    struct lease *l = *lp;
    LJ_FAILPOINT("broker.result.committed");
    for (size_t i = 0; i < l->group->n; i++) {
        open_gates(b, l, i);
        lj_hist_add(&b->dispatch.last_effect_seconds, now_us - l->events[i].received_us);
    }
    for (struct peer *p = b->peers.list; p; p = p->next) {
        if (p->kind == l->kind && strcmp(p->name, l->worker) == 0)
            p->failures_in_row = 0;
    }
    b->dispatch.closed[l->kind] += l->group->n;
    if (b->cat->kinds[l->kind].feeds_directory)
        b->directory_dirty = 1;
    lj_backlog_finish(b->backlog, l->kind, &l->group);
    lease_free(lp);
}

/* ---- failed ---- */

void dispatch_suspect(struct broker *b, const struct lease *l)
{
    struct peer *mine = NULL;
    int others_pass = 0;
    for (struct peer *p = b->peers.list; p; p = p->next) {
        if (p->kind != l->kind)
            continue;
        if (strcmp(p->name, l->worker) == 0)
            mine = p;
        else
            others_pass |=
                strcmp(p->version, l->version) != 0 && p->failures_in_row == 0 && p->done > 0;
    }
    if (!mine || ++mine->failures_in_row < SUSPECT_FAILURES || !others_pass || mine->suspect)
        return;
    mine->suspect = 1;
    lj_log(LJ_ERROR, "peer.suspect", "peer=%s version=%s kind=%s failures=%u", mine->name,
           mine->version, b->cat->kinds[l->kind].name, mine->failures_in_row);
}

void dispatch_failed(struct broker *b, struct lease **lp, enum cause cause,
                     const struct lj_err *why)
{
    struct lease *l = *lp;
    b->dispatch.failed[l->kind] += l->group->n;
    if (cause == CAUSE_DATA || cause == CAUSE_FINAL)
        dispatch_suspect(b, l);
    failure_group(b, l->kind, &l->group, cause, why, l->worker, l->version);
    lease_free(lp);
}

/* A worker takes its batches one after the other: only the one it got first can have brought it
 * down. */
static struct lease *first_sent(const struct broker *b, const struct peer *p)
{
    struct lease *first = NULL;
    for (struct lease *l = b->dispatch.leases; l; l = l->next) {
        if (l->peer == p && l->state == LEASE_OUT && (!first || l->sent_us < first->sent_us))
            first = l;
    }
    return first;
}

void dispatch_peer_gone(struct broker *b, struct peer *p)
{
    struct lj_err err = {0};
    struct lease *guilty = p->blamed ? NULL : first_sent(b, p);
    (void)lj_fail(&err, LJ_E_CLOSED, "worker %s went away with the batch", p->name);
    for (struct lease *l = b->dispatch.leases, *next; l; l = next) {
        next = l->next;
        if (l->peer != p)
            continue;
        l->peer = NULL;
        if (l->state == LEASE_FETCHING)
            continue; /* dispatch_send finds no peer and gives it back */
        lease_unlist(b, l);
        dispatch_failed(b, &l, l == guilty ? CAUSE_CRASH : CAUSE_SYSTEM, &err);
    }
    p->leased = 0;
}

void dispatch_tick(struct broker *b, int64_t now_us)
{
    for (struct lease *l = b->dispatch.leases, *next; l; l = next) {
        next = l->next;
        if (l->state != LEASE_OUT || now_us < l->deadline_us)
            continue;
        struct lj_err err = {0};
        struct peer *p = l->peer;
        int first = p && first_sent(b, p) == l;
        (void)lj_fail(&err, LJ_E_TIMEOUT, "worker %s passed its deadline of %lld ms", l->worker,
                      (long long)((l->deadline_us - l->sent_us) / 1000));
        b->dispatch.deadlines++;
        lease_unlist(b, l);
        lease_free_slot(l);
        dispatch_failed(b, &l, first ? CAUSE_CRASH : CAUSE_SYSTEM, &err);
        if (p) { /* it gets nothing more until it says HELLO; what else it holds is not to blame */
            peers_overdue(b, p);
            next = b->dispatch.leases;
        }
    }
}

int dispatch_idle(const struct broker *b)
{
    return !b->dispatch.leases && !b->dispatch.results_head && !b->dispatch.parks_head;
}
