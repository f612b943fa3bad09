/* What happens to a batch that failed (architecture §3 rule 3).
 *
 *   the system's fault (a lost connection, a worker that could not read, a peer gone before it
 * began): the same batch again, later; a crash or a passed deadline, a data error in SQL: the batch
 * goes out again as two halves; attempts count only for an event alone; final (the worker says the
 * event can never work): alone in its batch it is parked at once, else halves; parked: after
 * attempts_max failures alone. Parking is itself part of a turn, so it is durable with everything
 * else.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/log.h"
#include "proto/utf8.h"

#define AGAIN_FIRST_US 100000
#define AGAIN_MOST_US  5000000 /* the system's fault: tried for ever, at least so often */
#define ALONE_FIRST_US                                                                             \
    500000 /* 0.5 + 1.5 + 4.5 + 13.5 s and jitter: within the 60 s of architecture §4 */

static int64_t jitter(int64_t us)
{
    return us - us / 4 + (int64_t)randombytes_uniform((uint32_t)(us / 2 + 1));
}

static int64_t again_after(int retries)
{
    int64_t us = AGAIN_FIRST_US << (retries < 6 ? retries : 6);
    return jitter(us < AGAIN_MOST_US ? us : AGAIN_MOST_US);
}

static int64_t alone_after(int attempts)
{
    int64_t us = ALONE_FIRST_US;
    for (int i = 1; i < attempts && i < 4; i++)
        us *= 3;
    return jitter(us);
}

static void queue_park(struct broker *b, struct park *p)
{
    struct dispatch *d = &b->dispatch;
    p->next = NULL;
    if (d->parks_tail)
        d->parks_tail->next = p;
    else
        d->parks_head = p;
    d->parks_tail = p;
    broker_kick(b);
}

/* What a worker or PostgreSQL said may be cut inside a character or be no UTF-8 at all; the row
 * must not be refused for it. */
static void clean_text(char *s)
{
    while (*s) {
        size_t n = 1;
        while (n < 4 && s[n] && ((unsigned char)s[n] & 0xc0) == 0x80)
            n++;
        if (!lj_utf8_valid(s, n) || (unsigned char)*s < 0x20) {
            memset(s, '?', n);
        }
        s += n;
    }
}

static void park(struct broker *b, size_t kind, struct lj_group **g, int behind,
                 const struct lj_err *why, const char *worker, const char *version)
{
    struct park *p = calloc(1, sizeof *p);
    if (!p) {
        lj_backlog_again(b->backlog, kind, g, lj_mono_us() + AGAIN_MOST_US);
        return;
    }
    p->kind = kind;
    p->group = *g;
    p->behind = behind;
    if (why)
        p->err = *why;
    clean_text(p->err.text);
    (void)snprintf(p->worker, sizeof p->worker, "%s", worker);
    (void)snprintf(p->version, sizeof p->version, "%s", version);
    *g = NULL;
    queue_park(b, p);
}

void failure_park_behind(struct broker *b, size_t kind, struct lj_group **g)
{
    struct lj_err why = {0};
    (void)lj_fail(&why, LJ_E_STATE, "an earlier event of its key is parked");
    park(b, kind, g, 1, &why, "", "");
}

void failure_group(struct broker *b, size_t kind, struct lj_group **gp, enum cause cause,
                   const struct lj_err *why, const char *worker, const char *version)
{
    struct lj_group *g = *gp;
    char quoted[300];
    int64_t now = lj_mono_us();
    if (cause == CAUSE_SYSTEM) {
        lj_backlog_again(b->backlog, kind, gp, now + again_after(g->retries++));
        return;
    }
    if (g->n > 1) {
        lj_backlog_halve(b->backlog, kind, gp, now);
        return;
    }
    g->attempts++;
    lj_log(LJ_WARN, "event.failed", "position=%lld kind=%s attempt=%d worker=%s error=%s",
           (long long)g->items[0].position, b->cat->kinds[kind].name, g->attempts, worker,
           lj_log_quote(why ? why->text : "", quoted, sizeof quoted));
    if (cause == CAUSE_FINAL || g->attempts >= (int)b->cfg.attempts_max)
        park(b, kind, gp, 0, why, worker, version);
    else
        lj_backlog_again(b->backlog, kind, gp, now + alone_after(g->attempts));
}

struct park *failure_take_park(struct broker *b)
{
    struct dispatch *d = &b->dispatch;
    struct park *p = d->parks_head;
    if (!p)
        return NULL;
    d->parks_head = p->next;
    if (!d->parks_head)
        d->parks_tail = NULL;
    return p;
}

void failure_put_back(struct broker *b, struct park *p)
{
    struct dispatch *d = &b->dispatch;
    p->next = d->parks_head;
    d->parks_head = p;
    if (!d->parks_tail)
        d->parks_tail = p;
}

void failure_parked(struct broker *b, struct park **pp)
{
    struct park *p = *pp;
    lj_log(LJ_WARN, "event.parked",
           "position=%lld events=%zu kind=%s behind=%d attempts=%d code=%s",
           (long long)p->group->items[0].position, p->group->n, b->cat->kinds[p->kind].name,
           p->behind, p->group->attempts, lj_err_info(p->err.code)->name);
    b->dispatch.parked[p->kind] += p->group->n;
    for (size_t i = 0; i < p->group->n;
         i++) { /* kinds that come after this one: their gate will not open */
        for (size_t k = 0; k < b->cat->nkinds; k++) {
            if (b->cat->kinds[k].after == (int)p->kind)
                lj_backlog_close(b->backlog, k, p->group->items[i].position);
        }
    }
    lj_backlog_parked(b->backlog, p->kind, &p->group);
    free(p);
    *pp = NULL;
}

void failure_reset(struct broker *b)
{
    struct park *p;
    while ((p = failure_take_park(b))) {
        lj_group_free(p->group);
        free(p);
    }
}
