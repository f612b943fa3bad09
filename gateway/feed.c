/* Following the broker's stream.
 *
 * PUB drops for a slow reader and knows no past, so nothing that comes over the socket is believed
 * to be complete. For each of the two series:
 *
 *   - A message says which record came before it. If that is the last one we have, or everything
 * below its first record is known already, its records go into the ring. Else it waits in a queue,
 * and the log is read from our head to just below it; then the queue goes on. That covers lost
 * messages, a broker that was restarted, and the time before we were there: one rule for all.
 *   - HEAD comes every second with the frontier. If that is beyond our head, the log is asked:
 * either there is something (a gap at the tail, with no later message to reveal it) or nothing, and
 * the head moves up to the frontier. So an idle stream is known to be complete.
 *
 * The queue is bounded; when it overflows it is thrown away and everything is read from the log
 * instead: slower, never wrong. While the database is away with a gap open, readers wait: a pause
 * is no gap. */
#include "gateway/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/log.h"
#include "gateway/page.h"

enum {
    TICK_MS = 100,
    PAGE_EVENTS = 1000,
    PAGE_CLOSURES = 100,
    QUEUE_BYTES = 8 * 1024 * 1024, /* a second of the fastest stream measured (perf.md: 60k
                                      events/s, 50 bytes each, and closures) */
    METRICS_BYTES = 256 * 1024,
    HEAD_FRESH_US = 5000000, /* five heads missed */
    RCV_HWM = 10000,
};

struct queued {
    struct queued *next;
    size_t len;
    uint8_t body[];
};

struct series {
    struct lj_feed *f;
    bool events;
    int64_t last;      /* number of the last record, by message or by page; -1 before the first */
    int64_t fill_upto; /* the log is to be read up to here; 0 = no fill */
    bool soft; /* the fill only looks for a gap at the tail: if the log does not know that far yet,
                  later will do */
    struct lj_page_ask *ask;
    struct queued *first, **end;
    size_t queued_bytes;
};

struct lj_feed {
    struct lj_feed_options o;
    struct lj_zsock *sock;
    uv_timer_t timer;
    struct lj_ring *ring;
    struct series series[2]; /* 0 events, 1 closures */
    struct lj_page_members members;
    bool primed, priming;
    struct lj_cursor known;
    uint64_t nonce;
    struct lj_buf metrics;
    int64_t head_us;
    struct lj_feed_stats stats;
    int parts;
    void (*close_cb)(void *arg);
    void *close_arg;
};

static void go_on(struct series *s);

static int64_t head_of(const struct series *s)
{
    struct lj_cursor head = lj_ring_head(s->f->ring);
    return s->events ? head.position : head.closure;
}

static void raise_known(struct lj_feed *f, int64_t position, int64_t closure)
{
    if (position > f->known.position) {
        f->known.position = position;
    }
    if (closure > f->known.closure) {
        f->known.closure = closure;
    }
}

static void say(const char *id, const struct lj_err *err)
{
    char quoted[300];
    lj_log(LJ_WARN, id, "error=%s", lj_log_quote(err->text, quoted, sizeof quoted));
}

/* ---- the queue ---- */

static void queue_clear(struct series *s)
{
    while (s->first) {
        struct queued *q = s->first;
        s->first = q->next;
        free(q);
    }
    s->end = &s->first;
    s->queued_bytes = 0;
}

/* The number before the message's first record, and that record's; false where it has none or is
 * malformed. */
static bool message_span(const void *body, size_t len, int64_t *ret_prev, int64_t *ret_first)
{
    struct lj_reader r = lj_reader(body, len);
    *ret_prev = lj_read_i64(&r);
    (void)lj_read_i64(&r); /* frontier */
    uint16_t count = lj_read_u16(&r);
    *ret_first = lj_read_i64(&r); /* both kinds of record begin with their number */
    return !r.bad && count > 0;
}

static void enqueue(struct series *s, const void *body, size_t len, int64_t first)
{
    struct queued *q = s->queued_bytes + len <= QUEUE_BYTES ? malloc(sizeof *q + len) : NULL;
    if (!q) {
        s->f->stats.queue_overflows++;
        queue_clear(s);
        s->fill_upto = first > s->fill_upto
                           ? first
                           : s->fill_upto; /* the rest of this message shows as a gap at the next */
        s->soft = false;
        return;
    }
    q->next = NULL;
    q->len = len;
    memcpy(q->body, body, len);
    *s->end = q;
    s->end = &q->next;
    s->queued_bytes += len;
}

/* ---- records into the ring ---- */

static int apply_event(struct series *s, struct lj_reader *r, struct lj_err *err)
{
    struct lj_stream_event e;
    if (lj_stream_event_get(r, &e, err) != 0) {
        return LJ_E_PROTOCOL;
    }
    s->last = e.position > s->last ? e.position : s->last;
    return lj_ring_event(s->f->ring, e.position, e.id, e.unit, e.type.p, e.type.n, err);
}

static int room_for(struct lj_page_members *m, size_t n, struct lj_err *err)
{
    if (n <= m->cap) {
        return 0;
    }
    struct lj_ring_member *p = reallocarray(m->p, n, sizeof *p);
    if (!p) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a closure of %zu positions", n);
    }
    m->p = p;
    m->cap = n;
    return 0;
}

static int apply_closure(struct series *s, struct lj_reader *r, struct lj_err *err)
{
    struct lj_page_members *m = &s->f->members;
    struct lj_stream_closure c;
    if (lj_stream_closure_get(r, &c, err) != 0 || room_for(m, c.count, err) != 0) {
        return err->code;
    }
    for (uint16_t i = 0; i < c.count; i++) {
        struct lj_stream_member member;
        if (lj_stream_member_get(r, &member, err) != 0) {
            return LJ_E_PROTOCOL;
        }
        m->p[i].position = member.position;
        m->p[i].verdict = member.verdict;
        memcpy(m->p[i].unit, member.unit, sizeof m->p[i].unit);
    }
    s->last = c.number > s->last ? c.number : s->last;
    return lj_ring_closure(s->f->ring, c.number, c.kind.p, c.kind.n, m->p, c.count, err);
}

/* A message whose records follow on what we have. One that cannot be taken whole is read from the
 * log like any gap. */
static void apply(struct series *s, const void *body, size_t len)
{
    struct lj_reader r = lj_reader(body, len);
    struct lj_err err = {0};
    (void)lj_read_i64(&r);
    (void)lj_read_i64(&r);
    uint16_t count = lj_read_u16(&r);
    for (uint16_t i = 0; i < count; i++) {
        int rc = s->events ? apply_event(s, &r, &err) : apply_closure(s, &r, &err);
        if (rc != 0) {
            s->f->stats.malformed += rc == LJ_E_PROTOCOL;
            s->last = -1; /* the next message then finds a gap */
            say("stream.record", &err);
            return;
        }
    }
}

static bool follows(const struct series *s, int64_t prev, int64_t first)
{
    return prev == s->last || first - 1 <= head_of(s);
}

static void on_series(struct series *s, const void *body, size_t len)
{
    int64_t prev, first;
    if (!s->f->primed || !message_span(body, len, &prev, &first)) {
        return; /* before we know where the log stands everything is a gap anyway */
    }
    if (!s->fill_upto && !s->first && follows(s, prev, first)) {
        apply(s, body, len);
        return;
    }
    enqueue(s, body, len, first);
    go_on(s);
}

/* ---- reading the log ---- */

static int take_page(struct series *s, const struct lj_page *page, struct lj_err *err)
{
    for (int row = 0; row < page->rows; row++) {
        struct lj_page_row r;
        int rc;
        if (s->events) {
            lj_page_event(page, row, &r);
            rc = lj_ring_event(s->f->ring, r.number, r.id, r.unit, r.name, r.name_len, err);
        } else {
            rc = lj_page_closure(page, row, &s->f->members, &r, err);
            rc = rc ? rc
                    : lj_ring_closure(s->f->ring, r.number, r.name, r.name_len, r.members, r.count,
                                      err);
        }
        if (rc != 0) {
            return rc;
        }
        s->last = r.number > s->last ? r.number : s->last;
    }
    return 0;
}

static void on_page(const struct lj_page *page, void *arg)
{
    struct series *s = arg;
    struct lj_err err = {0};
    s->ask = NULL;
    s->f->stats.pages++;
    if (page->code != 0) {
        return; /* asked again by the timer */
    }
    if (take_page(s, page, &err) != 0) {
        say("stream.page", &err);
        return;
    }
    if (page->rows < (s->events ? PAGE_EVENTS : PAGE_CLOSURES)) {
        int64_t proven = page->frontier < s->fill_upto ? page->frontier : s->fill_upto;
        if (s->events) {
            lj_ring_advance_events(s->f->ring, proven);
        } else {
            lj_ring_advance_closures(s->f->ring, proven);
        }
        if (proven < s->fill_upto && !s->soft) {
            return; /* the log will know soon: the timer asks again */
        }
        s->fill_upto = 0;
    }
    go_on(s);
}

static void ask_page(struct series *s)
{
    struct lj_err err = {0};
    struct lj_page_query q = {.events = s->events,
                              .after = head_of(s),
                              .upto = s->fill_upto,
                              .limit = s->events ? PAGE_EVENTS : PAGE_CLOSURES};
    if (!s->ask && lj_page_open(*s->f->o.link, &q, on_page, s, &s->ask, &err) != 0) {
        s->ask = NULL; /* asked again by the timer */
    }
}

/* Whatever can be done now: finish a fill, take what waits, begin the next fill. */
static void go_on(struct series *s)
{
    if (s->ask) {
        return;
    }
    if (s->fill_upto && head_of(s) < s->fill_upto) {
        ask_page(s);
        return;
    }
    s->fill_upto = 0;
    while (s->first) {
        struct queued *q = s->first;
        int64_t prev, first;
        message_span(q->body, q->len, &prev, &first);
        if (!follows(s, prev, first)) {
            s->f->stats.gaps++;
            s->fill_upto = first - 1;
            s->soft = false;
            ask_page(s);
            break;
        }
        apply(s, q->body, q->len);
        s->first = q->next;
        s->end = s->first ? s->end : &s->first;
        s->queued_bytes -= q->len;
        free(q);
    }
    s->f->o.news(s->f->o.arg);
}

/* ---- HEAD ---- */

static void look_at_tail(struct series *s, int64_t frontier)
{
    if (!s->fill_upto && !s->first && head_of(s) < frontier) {
        s->fill_upto = frontier;
        s->soft = true;
        go_on(s);
    }
}

static void on_head(struct lj_feed *f, const void *body, size_t len)
{
    struct lj_head head;
    struct lj_err err = {0};
    if (lj_head_get(body, len, &head, &err) != 0) {
        f->stats.malformed++;
        return;
    }
    f->stats.heads++;
    f->head_us = lj_mono_us();
    if (head.nonce != f->nonce) {
        f->stats.broker_changes += f->nonce != 0;
        f->nonce = head.nonce;
    }
    lj_buf_clear(&f->metrics);
    if (head.metrics.n <= METRICS_BYTES) {
        lj_buf_put(&f->metrics, head.metrics.p, head.metrics.n);
    }
    raise_known(f, head.frontier, head.closure_frontier);
    if (f->primed) {
        look_at_tail(&f->series[0], head.frontier);
        look_at_tail(&f->series[1], head.closure_frontier);
    }
    f->o.news(f->o.arg);
}

static void on_message(struct lj_zsock *sock, void *msgs, int nframes, void *arg)
{
    struct lj_feed *f = arg;
    zmq_msg_t *m = msgs;
    struct lj_envelope env;
    (void)sock;
    f->stats.messages++;
    if (nframes != 2 ||
        lj_envelope_get(zmq_msg_data(&m[0]), zmq_msg_size(&m[0]), &env, NULL) != 0) {
        f->stats.malformed++;
        return;
    }
    const void *body = zmq_msg_data(&m[1]);
    size_t len = zmq_msg_size(&m[1]);
    if (env.type == LJ_MSG_EVENTS) {
        on_series(&f->series[0], body, len);
    } else if (env.type == LJ_MSG_CLOSURES) {
        on_series(&f->series[1], body, len);
    } else if (env.type == LJ_MSG_HEAD) {
        on_head(f, body, len);
        return;
    }
    f->o.news(f->o.arg);
}

/* ---- life ---- */

static void on_primed(int code, struct lj_cursor at, void *arg)
{
    struct lj_feed *f = arg;
    f->priming = false;
    if (code != 0 || f->primed) {
        return;
    }
    f->primed = true;
    lj_ring_start(f->ring, at);
    raise_known(f, at.position, at.closure);
    lj_log(LJ_INFO, "stream.primed", "position=%lld closure=%lld", (long long)at.position,
           (long long)at.closure);
}

static void on_timer(uv_timer_t *t)
{
    struct lj_feed *f = t->data;
    struct lj_err err = {0};
    if (!f->primed && !f->priming) {
        f->priming = lj_page_frontier(*f->o.link, on_primed, f, &err) == 0;
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (f->series[i].fill_upto && !f->series[i].ask) {
            go_on(&f->series[i]);
        }
    }
}

static int open_socket(const struct lj_feed_options *o, void **ret, struct lj_err *err)
{
    int hwm = RCV_HWM, linger = 0;
    void *sub = zmq_socket(o->zmq, ZMQ_SUB);
    if (!sub) {
        return lj_fail_errno(err, LJ_E_IO, errno, "no socket for the stream");
    }
    if (zmq_setsockopt(sub, ZMQ_RCVHWM, &hwm, sizeof hwm) != 0 ||
        zmq_setsockopt(sub, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "", 0) != 0 || zmq_connect(sub, o->endpoint) != 0) {
        int sys = errno;
        zmq_close(sub);
        return lj_fail_errno(err, LJ_E_IO, sys, "cannot connect to the stream");
    }
    *ret = sub;
    return 0;
}

int lj_feed_open(const struct lj_feed_options *o, struct lj_feed **ret, struct lj_err *err)
{
    void *sub = NULL;
    struct lj_feed *f = calloc(1, sizeof *f);
    if (!f) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for the feed");
    }
    f->o = *o;
    for (int i = 0; i < 2; i++) {
        f->series[i] = (struct series){.f = f, .events = i == 0, .last = -1};
        f->series[i].end = &f->series[i].first;
    }
    int rc = lj_ring_new(o->ring_items, o->ring_bytes, &f->ring, err);
    if (rc == 0) {
        rc = open_socket(o, &sub, err);
    }
    if (rc == 0) {
        rc = lj_zsock_open(o->zloop, sub, 4, on_message, f, &f->sock, err);
    }
    if (rc != 0) {
        if (sub) {
            zmq_close(sub);
        }
        lj_ring_free(&f->ring);
        free(f);
        return rc;
    }
    uv_timer_init(o->loop, &f->timer);
    f->timer.data = f;
    uv_timer_start(&f->timer, on_timer, TICK_MS, TICK_MS);
    *ret = f;
    return 0;
}

static void part_closed(void *arg)
{
    struct lj_feed *f = arg;
    if (--f->parts > 0) {
        return;
    }
    void (*cb)(void *) = f->close_cb;
    void *cb_arg = f->close_arg;
    queue_clear(&f->series[0]);
    queue_clear(&f->series[1]);
    lj_page_members_free(&f->members);
    lj_buf_free(&f->metrics);
    lj_ring_free(&f->ring);
    free(f);
    if (cb) {
        cb(cb_arg);
    }
}

static void on_timer_closed(uv_handle_t *h)
{
    part_closed(h->data);
}

void lj_feed_close(struct lj_feed **fp, void (*cb)(void *arg), void *arg)
{
    struct lj_feed *f = *fp;
    if (!f) {
        if (cb) {
            cb(arg);
        }
        return;
    }
    *fp = NULL;
    f->close_cb = cb;
    f->close_arg = arg;
    f->parts = 2;
    lj_page_forget(&f->series[0].ask);
    lj_page_forget(&f->series[1].ask);
    uv_close((uv_handle_t *)&f->timer, on_timer_closed);
    lj_zsock_close(&f->sock, 0, part_closed, f);
}

bool lj_feed_primed(const struct lj_feed *f)
{
    return f->primed;
}

const struct lj_ring *lj_feed_ring(const struct lj_feed *f)
{
    return f->ring;
}

struct lj_cursor lj_feed_known(const struct lj_feed *f)
{
    struct lj_cursor head = lj_ring_head(f->ring);
    return (struct lj_cursor){head.position > f->known.position ? head.position : f->known.position,
                              head.closure > f->known.closure ? head.closure : f->known.closure};
}

const struct lj_feed_stats *lj_feed_stats(const struct lj_feed *f)
{
    return &f->stats;
}

struct lj_slice lj_feed_broker_metrics(const struct lj_feed *f)
{
    if (!f->head_us || lj_mono_us() - f->head_us > HEAD_FRESH_US || f->metrics.failed) {
        return (struct lj_slice){"", 0};
    }
    return (struct lj_slice){(const char *)f->metrics.data, f->metrics.len};
}
