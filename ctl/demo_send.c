/* The demonstration's way to the broker: the client library, on its local socket.
 *
 * The burst is handed over as fast as the library takes it; time is taken when an event is handed
 * over and when its answer comes. An item that depends on another waits for the other's answer. An
 * answer that allows it (busy, database lost, no answer in time) leads to the same id again, as the
 * protocol asks of every client; how often is told.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/liangjin.h"
#include "common/clock.h"
#include "ctl/demo.h"

enum { TRIES_MAX = 20, WAIT_MS = 250 };

struct sender;
struct ticket { /* of one event until its answer */
    struct sender *s;
    uint32_t index;
};
struct sender {
    struct lj_client *client;
    const struct demo_world *w;
    struct demo_burst *b; /* NULL: the world is sent */
    struct ticket *tickets;
    uint8_t *tries;
    uint32_t *again; /* events to be sent again */
    size_t total, nagain, answered, resent;
    int64_t last; /* highest position */
    int64_t told_us;
    struct lj_buf payload;
    struct lj_err refused; /* the world's first refusal */
    const char *what;
};

static int sender_open(struct sender *s, const char *run_dir, size_t total, const char *what,
                       struct lj_err *err)
{
    char endpoint[200];
    int n = snprintf(endpoint, sizeof endpoint, "ipc://%s/intake.sock", run_dir);
    if (n < 0 || (size_t)n >= sizeof endpoint)
        return lj_fail(err, LJ_E_ARG, "the path %.120s is too long for a socket", run_dir);
    s->total = total;
    s->what = what;
    s->tickets = calloc(total, sizeof *s->tickets);
    s->tries = calloc(total, 1);
    s->again = calloc(total, sizeof *s->again);
    if (!s->tickets || !s->tries || !s->again)
        return lj_fail(err, LJ_E_NOMEM, "no memory to send the demonstration");
    struct lj_client_options o = {.endpoint = endpoint, .name = "ljctl-demo"};
    return lj_client_open(&o, &s->client, err);
}

static void sender_close(struct sender *s)
{
    if (s->client)
        lj_client_close(&s->client, 0);
    lj_buf_free(&s->payload);
    free(s->tickets);
    free(s->tries);
    free(s->again);
}

static void tell(struct sender *s, int done)
{
    int tty = isatty(STDERR_FILENO);
    int64_t now = lj_mono_us();
    if (!done && now - s->told_us < (tty ? 300000 : 2000000))
        return;
    s->told_us = now;
    (void)fprintf(stderr, "%s%s  %zu / %zu%s", tty ? "\r\033[K" : "", s->what, s->answered,
                  s->total, tty && !done ? "" : "\n");
    (void)fflush(stderr);
}

static void on_answer(const struct lj_answer *a, void *arg)
{
    const struct ticket *t = arg;
    struct sender *s = t->s;
    if (a->code < 0 && lj_err_info(a->code)->retry && s->tries[t->index] < TRIES_MAX) {
        s->again[s->nagain++] = t->index;
        s->tries[t->index]++;
        s->resent++;
        return;
    }
    s->answered++;
    if (a->position > s->last)
        s->last = a->position;
    if (!s->b) {
        if (a->code < 0 && !s->refused.code)
            (void)lj_fail(&s->refused, a->code, "register event %u was refused: %.*s", t->index,
                          (int)(a->detail.n < 120 ? a->detail.n : 120),
                          a->detail.p ? a->detail.p : "");
        return;
    }
    struct demo_item *item = &s->b->items[t->index];
    item->answer = (int16_t)a->code;
    item->position = a->position;
    item->acked_us = lj_now_us();
    item->retried = s->tries[t->index];
}

static void describe(struct sender *s, uint32_t i, struct lj_submit_event *e)
{
    *e = (struct lj_submit_event){.occurred_at_us = LJ_TIME_NONE,
                                  .schema_version = 1,
                                  .origin = LJ_ORIGIN_CLIENT,
                                  .class = LJ_CLASS_DEFAULT,
                                  .source = {"demo", 4}};
    const char *type;
    const char *unit;
    lj_buf_clear(&s->payload);
    if (s->b) {
        const struct demo_item *item = &s->b->items[i];
        memcpy(e->id, item->id, 16);
        type = demo_type(item);
        unit = s->w->units[item->unit].code;
        demo_payload(s->b, item, &s->payload);
    } else {
        struct demo_event event;
        demo_world_event(s->w, i, &event, &s->payload);
        memcpy(e->id, event.id, 16);
        type = event.type;
        unit = event.unit;
    }
    e->type = (struct lj_slice){type, strlen(type)};
    e->unit = (struct lj_slice){unit, strlen(unit)};
    e->payload = (struct lj_slice){(const char *)s->payload.data, s->payload.len};
}

/* Turn the client for a moment; what it says it has nothing for is no error. */
static int turn(struct sender *s, int ms, struct lj_err *err)
{
    int rc = lj_client_run(s->client, ms, err);
    tell(s, 0);
    return rc < 0 ? rc : 0;
}

static int submit(struct sender *s, uint32_t i, struct lj_err *err)
{
    struct lj_submit_event e;
    struct lj_err why = {0};
    int rc;
    describe(s, i, &e);
    if (s->payload.failed)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a payload");
    s->tickets[i] = (struct ticket){s, i};
    if (s->b && !s->b->items[i].submitted_us)
        s->b->items[i].submitted_us = lj_now_us();
    while ((rc = lj_client_submit(s->client, &e, on_answer, &s->tickets[i], &why)) == LJ_E_BUSY) {
        rc = turn(s, WAIT_MS, err);
        if (rc)
            return rc;
        if (s->b && !s->tries[i])
            s->b->items[i].submitted_us = lj_now_us(); /* not handed over before */
    }
    return rc ? lj_fail(err, rc, "%s", why.text) : 0;
}

static int submit_again(struct sender *s, struct lj_err *err)
{
    int rc = 0;
    while (rc == 0 && s->nagain) {
        uint32_t i = s->again[--s->nagain];
        rc = submit(s, i, err);
    }
    return rc;
}

/* Until all of the first n are answered. */
static int await(struct sender *s, size_t n, struct lj_err *err)
{
    while (s->answered < n) {
        int rc = submit_again(s, err);
        if (rc == 0)
            rc = turn(s, WAIT_MS, err);
        if (rc)
            return rc;
    }
    return 0;
}

int demo_send_world(const struct demo_world *w, const char *run_dir, int64_t *ret_last,
                    struct lj_err *err)
{
    struct sender s = {.w = w};
    size_t dependent;
    size_t n = demo_world_events(w, &dependent);
    int rc = sender_open(&s, run_dir, n, "登记名册 registers", err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (i == dependent) /* memberships need their persons and teams at lower positions */
            rc = await(&s, dependent, err);
        if (rc == 0)
            rc = submit(&s, (uint32_t)i, err);
    }
    if (rc == 0)
        rc = await(&s, n, err);
    if (rc == 0)
        tell(&s, 1);
    *ret_last = s.last;
    if (rc == 0 && s.refused.code)
        rc = lj_fail(err, s.refused.code, "%s", s.refused.text);
    sender_close(&s);
    return rc;
}

/* Whether the item's target has been answered; only those that are sent last depend on one. */
static int may_go(const struct demo_burst *b, const struct demo_item *item)
{
    return item->op == DEMO_REPORT || item->op == DEMO_SAME || item->target == DEMO_NONE ||
           b->items[item->target].acked_us != 0;
}

int demo_send_burst(struct demo_burst *b, const char *run_dir, struct demo_sending *ret,
                    struct lj_err *err)
{
    struct sender s = {.w = b->world, .b = b};
    int rc = sender_open(&s, run_dir, b->n, "上报 reports", err);
    ret->began_us = lj_mono_us();
    for (size_t i = 0; rc == 0 && i < b->n; i++) {
        while (rc == 0 && !may_go(b, &b->items[b->order[i]])) {
            rc = submit_again(&s, err);
            if (rc == 0)
                rc = turn(&s, WAIT_MS, err);
        }
        if (rc == 0)
            rc = submit(&s, b->order[i], err);
    }
    if (rc == 0)
        rc = await(&s, b->n, err);
    ret->ended_us = lj_mono_us();
    ret->again = s.resent;
    if (rc == 0)
        tell(&s, 1);
    sender_close(&s);
    return rc;
}
