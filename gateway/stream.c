/* GET /v1/stream: readers.
 *
 * A reader is a cursor: the last position and closure number it has been given, and where in the
 * ring to look on. While its cursor lies in the ring it is served from there; if it is older (it
 * resumed far back, or took too long) it gets pages of the log until it has caught up with the
 * ring's beginning. In both cases what is sent is exactly what lies beyond its cursor, in each
 * series in order, and the id of every block is the cursor behind it: that is why nothing is
 * missing and nothing comes twice, whatever gateway it resumes at.
 *
 * From the log, events come before the closures that speak of them: a closure beyond the events
 * sent so far waits for the next page of events.
 *
 * Memory: one block of output at a time, at most one page of the log (500 events or 10 closures:
 * under 256 KiB). A reader that takes nothing is not written to; the HTTP layer ends it after
 * stream-timeout.
 *
 * A resume id ahead of what this gateway knows may still be right: another gateway gave it out a
 * moment ago. It is judged by the next HEAD. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "gateway/gateway.h"
#include "gateway/page.h"
#include "gateway/sse.h"

enum {
    BLOCK = 16384, /* output is produced while there is less than this */
    PAGE_EVENTS = 500,
    PAGE_CLOSURES = 10,
    JUDGE_US = 2500000, /* two heads and a half */
    RETRY_US = 200000,  /* a page again, when the log was not as far as it should be, or away */
};

struct lj_stream_reader {
    struct lj_stream_reader *prev, *next;
    struct lj_gateway *g;
    struct lj_req *rq;
    struct lj_token *token;
    struct lj_cursor at;
    uint64_t seq; /* in the ring, once in_ring */
    bool judging, in_ring, ended;
    bool closures_next; /* of the two series in the log */
    struct lj_page_ask *ask;
    int64_t
        ask_upto; /* what the page in flight can prove: the ring's beginning moves on meanwhile */
    struct lj_page_members members;
    struct lj_buf out;
    size_t out_at;
    uint64_t heads; /* heads the feed had when judging began */
    int64_t judge_until_us, quiet_since_us, retry_at_us;
    int unit; /* filter by root of a subtree; the token's when none was asked */
    char type[64];
    struct lj_sse_filter filter;
};

static bool reader_sees(const char unit[LJ_UNIT_CODE_LEN + 1], void *arg)
{
    struct lj_stream_reader *r = arg;
    const struct lj_directory *d = lj_catalog_directory(r->g->catalog);
    return lj_directory_within(d, lj_directory_unit(d, unit, strlen(unit)), r->unit);
}

/* ---- from the ring ---- */

static void give(struct lj_stream_reader *r, const struct lj_ring_item *item)
{
    if (item->members) {
        if (item->number > r->at.closure) {
            r->at.closure = item->number;
            lj_sse_closure(&r->out, item, r->at, &r->filter);
        }
    } else if (item->number > r->at.position) {
        r->at.position = item->number;
        lj_sse_event(&r->out, item, r->at, &r->filter);
    }
}

static void produce_from_ring(struct lj_stream_reader *r)
{
    const struct lj_ring *ring = lj_feed_ring(r->g->feed);
    if (r->seq < lj_ring_begin(ring)) {
        r->in_ring = false; /* overtaken */
        return;
    }
    while (r->seq < lj_ring_end(ring) && r->out.len < BLOCK) {
        give(r, lj_ring_at(ring, r->seq++));
    }
}

/* ---- from the log ---- */

static void on_page(const struct lj_page *page, void *arg);

/* True when the reader's cursor has reached the ring. */
static bool caught_up(struct lj_stream_reader *r)
{
    struct lj_cursor base = lj_ring_base(lj_feed_ring(r->g->feed));
    if (r->at.position < base.position || r->at.closure < base.closure) {
        return false;
    }
    r->in_ring = true;
    r->seq = lj_ring_begin(lj_feed_ring(r->g->feed));
    return true;
}

static void ask_log(struct lj_stream_reader *r)
{
    struct lj_cursor base = lj_ring_base(lj_feed_ring(r->g->feed));
    struct lj_err err = {0};
    if (r->ask || lj_mono_us() < r->retry_at_us) {
        return;
    }
    bool events =
        r->at.position < base.position && !(r->closures_next && r->at.closure < base.closure);
    struct lj_page_query q = {.events = events,
                              .after = events ? r->at.position : r->at.closure,
                              .upto = events ? base.position : base.closure,
                              .limit = events ? PAGE_EVENTS : PAGE_CLOSURES};
    r->closures_next = events;
    r->ask_upto = q.upto;
    if (lj_page_open(r->g->query, &q, on_page, r, &r->ask, &err) != 0) {
        r->ask = NULL;
        r->retry_at_us = lj_mono_us() + RETRY_US; /* lj_stream_tick wakes it */
    }
}

static struct lj_ring_item item_of(const struct lj_page_row *row)
{
    struct lj_ring_item item = {
        .number = row->number, .name = row->name, .members = row->members, .count = row->count};
    memcpy(item.id, row->id, sizeof item.id);
    memcpy(item.unit, row->unit, sizeof item.unit);
    return item;
}

static void take_events(struct lj_stream_reader *r, const struct lj_page *page)
{
    for (int i = 0; i < page->rows; i++) {
        struct lj_page_row row;
        lj_page_event(page, i, &row);
        struct lj_ring_item item = item_of(&row);
        give(r, &item);
    }
    if (page->rows < PAGE_EVENTS) { /* nothing more up to there: holes and all */
        int64_t proven = page->frontier < r->ask_upto ? page->frontier : r->ask_upto;
        r->at.position = proven > r->at.position ? proven : r->at.position;
        r->retry_at_us = proven < r->ask_upto ? lj_mono_us() + RETRY_US : 0;
    }
}

static int64_t last_position(const struct lj_page_row *row)
{
    int64_t last = 0;
    for (uint16_t i = 0; i < row->count; i++) {
        last = row->members[i].position > last ? row->members[i].position : last;
    }
    return last;
}

static int take_closures(struct lj_stream_reader *r, const struct lj_page *page,
                         struct lj_cursor base, struct lj_err *err)
{
    for (int i = 0; i < page->rows; i++) {
        struct lj_page_row row;
        if (lj_page_closure(page, i, &r->members, &row, err) != 0) {
            return err->code;
        }
        if (r->at.position < base.position && last_position(&row) > r->at.position) {
            return 0; /* first the events it speaks of */
        }
        struct lj_ring_item item = item_of(&row);
        struct lj_ring_member none;
        item.members = item.members ? item.members : &none;
        give(r, &item);
    }
    if (page->rows < PAGE_CLOSURES) {
        int64_t proven = page->frontier < r->ask_upto ? page->frontier : r->ask_upto;
        r->at.closure = proven > r->at.closure ? proven : r->at.closure;
        r->retry_at_us = proven < r->ask_upto ? lj_mono_us() + RETRY_US : 0;
    }
    return 0;
}

static void on_page(const struct lj_page *page, void *arg)
{
    struct lj_stream_reader *r = arg;
    struct lj_cursor base = lj_ring_base(lj_feed_ring(r->g->feed));
    struct lj_err err = {0};
    bool events = r->closures_next; /* ask_log turned it */
    r->ask = NULL;
    r->g->m.stream_db_pages++;
    if (page->code != 0) {
        r->closures_next = !events;
        r->retry_at_us = lj_mono_us() + RETRY_US;
        return;
    }
    if (events) {
        take_events(r, page);
    } else if (take_closures(r, page, base, &err) != 0) {
        char quoted[300];
        lj_log(LJ_ERROR, "stream.closure", "error=%s",
               lj_log_quote(err.text, quoted, sizeof quoted));
        r->ended = true; /* rather an end than a gap */
    }
    lj_req_wake(r->rq);
}

/* ---- output ---- */

static void produce(struct lj_stream_reader *r)
{
    if (r->in_ring) {
        produce_from_ring(r);
    }
    if (!r->in_ring && caught_up(r)) {
        produce_from_ring(r);
    }
    if (!r->in_ring && r->out.len == 0) {
        ask_log(r);
    }
}

static ssize_t on_read(struct lj_req *rq, char *buf, size_t cap, void *arg)
{
    struct lj_stream_reader *r = arg;
    (void)rq;
    if (r->out_at == r->out.len && !r->ended) {
        if (r->out.cap > 4 * BLOCK) {
            lj_buf_free(&r->out); /* a page's worth is not kept by a reader at rest */
        }
        lj_buf_clear(&r->out);
        r->out_at = 0;
        produce(r);
    }
    if (r->out.failed) {
        return -1;
    }
    size_t n = r->out.len - r->out_at < cap ? r->out.len - r->out_at : cap;
    if (n == 0) {
        return r->ended ? -1 : 0;
    }
    memcpy(buf, r->out.data + r->out_at, n);
    r->out_at += n;
    r->quiet_since_us = lj_mono_us();
    return (ssize_t)n;
}

/* ---- beginning and end ---- */

static void begin(struct lj_stream_reader *r)
{
    char id[LJ_SSE_ID_MAX];
    r->judging = false;
    lj_sse_id(r->at, id);
    /* The first block has an id and no data: no event is fired, but a client that is cut off before
     * its first event resumes here. */
    lj_buf_printf(&r->out, ": liangjin stream\nretry: 2000\nid: %s\n\n", id);
    r->quiet_since_us = lj_mono_us();
    r->g->m.streams_opened++;
    lj_req_stream(r->rq, "text/event-stream; charset=utf-8", on_read, r);
}

/* A cursor ahead of us: another gateway's, or none's. */
static void judge(struct lj_stream_reader *r)
{
    struct lj_cursor known = lj_feed_known(r->g->feed);
    if (r->at.position <= known.position && r->at.closure <= known.closure) {
        begin(r);
    } else if (lj_feed_stats(r->g->feed)->heads > r->heads) {
        lj_gw_refuse(r->rq, LJ_E_BAD_CURSOR, NULL);
    } else if (lj_mono_us() > r->judge_until_us) {
        lj_gw_refuse(r->rq, LJ_E_BROKER_AWAY, "the stream's id cannot be checked now");
    }
}

/* Filters from the query; false after a refusal. */
static bool read_filters(struct lj_stream_reader *r, struct lj_req *rq)
{
    const struct lj_directory *d = lj_catalog_directory(r->g->catalog);
    const char *unit = lj_req_query(rq, "unit"), *type = lj_req_query(rq, "type");
    r->unit = r->token->unit;
    if (unit) {
        r->unit = lj_directory_unit(d, unit, strlen(unit));
        if (r->unit == LJ_UNIT_NONE) {
            lj_gw_refuse(rq, LJ_E_ARG, "unit: there is no such unit");
            return false;
        }
        if (!lj_directory_within(d, r->unit, r->token->unit)) {
            lj_gw_refuse(rq, LJ_E_FORBIDDEN_UNIT, NULL);
            return false;
        }
    }
    if (type) {
        if (!lj_directory_type(d, type, strlen(type))) {
            lj_gw_refuse(rq, LJ_E_ARG, "type: there is no such event type");
            return false;
        }
        memcpy(r->type, type, strlen(type) + 1); /* the directory's names fit */
    }
    r->filter = (struct lj_sse_filter){
        .sees = r->unit == 0 ? NULL : reader_sees, .arg = r, .type = r->type};
    return true;
}

/* Where it begins; false after a refusal. */
static bool read_cursor(struct lj_stream_reader *r, struct lj_req *rq)
{
    const char *last = lj_req_header(rq, "Last-Event-ID"), *from = lj_req_query(rq, "from");
    struct lj_err err = {0};
    if (from && strcmp(from, "start") != 0) {
        lj_gw_refuse(rq, LJ_E_ARG, "from: only start is known");
        return false;
    }
    if (last && lj_sse_id_parse(last, &r->at, &err) != 0) {
        lj_gw_refuse(rq, err.code, err.text);
        return false;
    }
    if (!last && !from) {
        r->at = lj_ring_head(lj_feed_ring(r->g->feed));
        r->in_ring = true;
        r->seq = lj_ring_end(lj_feed_ring(r->g->feed));
    }
    return true;
}

static bool room(struct lj_gateway *g, struct lj_req *rq, const struct lj_token *t)
{
    struct lj_problem p;
    if (t->streams >= (t->streams_max ? t->streams_max : (uint64_t)g->config.stream_readers)) {
        lj_problem_set(&p, LJ_E_RATE, "", "this token has as many streams open as it may",
                       "该令牌打开的事件流已达上限");
    } else if (g->n_readers >= (size_t)g->config.stream_readers_total) {
        lj_problem_set(&p, LJ_E_BUSY, "", "as many streams are open as there may be",
                       "打开的事件流已达上限");
    } else {
        return true;
    }
    p.retry_after_s = 2;
    lj_gw_problem(rq, &p);
    return false;
}

static void link_reader(struct lj_gateway *g, struct lj_stream_reader *r)
{
    r->next = g->readers;
    if (g->readers) {
        g->readers->prev = r;
    }
    g->readers = r;
    g->n_readers++;
    r->token->streams++;
}

void lj_stream_ready(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_token *t = lj_req_token(rq);
    if (g->draining || !lj_feed_primed(g->feed)) {
        lj_gw_refuse(rq, g->draining ? LJ_E_DRAINING : LJ_E_BROKER_AWAY, NULL);
        return;
    }
    if (!room(g, rq, t)) {
        return;
    }
    struct lj_stream_reader *r = calloc(1, sizeof *r);
    if (!r) {
        lj_gw_refuse(rq, LJ_E_NOMEM, NULL);
        return;
    }
    r->g = g;
    r->rq = rq;
    r->token = t;
    if (!read_filters(r, rq) || !read_cursor(r, rq)) {
        free(r);
        return;
    }
    link_reader(g, r);
    lj_req_keep(rq, r);
    r->judging = true;
    r->heads = lj_feed_stats(g->feed)->heads;
    r->judge_until_us = lj_mono_us() + JUDGE_US;
    judge(r);
}

void lj_stream_done(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_stream_reader *r = lj_req_kept(rq);
    if (r->prev) {
        r->prev->next = r->next;
    } else {
        g->readers = r->next;
    }
    if (r->next) {
        r->next->prev = r->prev;
    }
    g->n_readers--;
    r->token->streams--;
    lj_page_forget(&r->ask);
    lj_page_members_free(&r->members);
    lj_buf_free(&r->out);
    free(r);
}

void lj_stream_wake(struct lj_gateway *g)
{
    uint64_t end = lj_ring_end(lj_feed_ring(g->feed));
    for (struct lj_stream_reader *r = g->readers; r; r = r->next) {
        if (r->judging) {
            if (!lj_req_replied(r->rq)) {
                judge(r);
            }
        } else if (!r->in_ring || r->seq < end) {
            lj_req_wake(r->rq);
        }
    }
}

void lj_stream_tick(struct lj_gateway *g)
{
    int64_t now_us = lj_mono_us(), wall_us = lj_now_us();
    for (struct lj_stream_reader *r = g->readers; r; r = r->next) {
        if (r->judging) {
            if (!lj_req_replied(r->rq)) {
                judge(r);
            }
            continue;
        }
        bool empty = r->out_at == r->out.len;
        if (!lj_token_valid(r->token, wall_us)) {
            r->ended = true;
        } else if (empty && now_us - r->quiet_since_us > g->config.stream_heartbeat_ms * 1000) {
            lj_buf_clear(&r->out);
            r->out_at = 0;
            lj_buf_printf(&r->out, ": still here\n\n");
            r->quiet_since_us = now_us;
        } else if (r->in_ring || r->ask || now_us < r->retry_at_us) {
            continue;
        }
        lj_req_wake(r->rq);
    }
}

void lj_stream_end_all(struct lj_gateway *g)
{
    for (struct lj_stream_reader *r = g->readers; r; r = r->next) {
        r->ended = true;
        if (r->judging && !lj_req_replied(r->rq)) {
            lj_gw_refuse(r->rq, LJ_E_DRAINING, NULL);
        } else {
            lj_req_wake(r->rq);
        }
    }
}
