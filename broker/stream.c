/* The stream: committed events by position and closures by number, on XPUB, up to the frontier.
 *
 * PUB drops for a slow reader and says nothing, so every message names the one before it (`prev`)
 * and a HEAD goes out every second: a reader sees any gap, also at the tail, and fills it from the
 * log. Nothing is kept here for anybody: the log is the memory of the stream.
 */
#include <string.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/log.h"

#define FLUSH_RECORDS 1000

static void begin(struct lj_buf *buf, int64_t prev)
{
    lj_buf_clear(buf);
    lj_buf_i64(buf, prev);
    lj_buf_i64(buf, 0); /* frontier: filled in when it is sent */
    lj_buf_u16(buf, 0); /* count: likewise */
}

static void send_series(struct broker *b, uint8_t type, struct lj_buf *buf, int64_t frontier,
                        uint16_t count)
{
    uint8_t env[LJ_ENVELOPE_SIZE];
    void *socks[2] = {b->stream.sock ? lj_zsock_raw(b->stream.sock) : NULL,
                      b->stream.tcp ? lj_zsock_raw(b->stream.tcp) : NULL};
    lj_envelope_put(env, type, b->stream.sent++);
    if (type != LJ_MSG_HEAD) {
        lj_buf_set_u32(buf, 8, (uint32_t)((uint64_t)frontier >> 32));
        lj_buf_set_u32(buf, 12, (uint32_t)frontier);
        buf->data[16] = (uint8_t)(count >> 8);
        buf->data[17] = (uint8_t)count;
    }
    for (int i = 0; i < 2; i++) {
        if (!socks[i])
            continue;
        if (zmq_send(socks[i], env, sizeof env, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
            zmq_send(socks[i], buf->data, buf->len, ZMQ_DONTWAIT) < 0)
            b->stream.dropped++;
    }
}

static void flush_events(struct broker *b)
{
    struct stream *s = &b->stream;
    if (!s->nevents)
        return;
    if (!s->events.failed) /* without memory for it the next message's prev shows the gap */
        send_series(b, LJ_MSG_EVENTS, &s->events, s->events_prev, s->nevents);
    s->nevents = 0;
}

static void flush_closures(struct broker *b)
{
    struct stream *s = &b->stream;
    if (!s->nclosures)
        return;
    if (!s->closures.failed)
        send_series(b, LJ_MSG_CLOSURES, &s->closures, s->closures_prev, s->nclosures);
    s->nclosures = 0;
}

void stream_flush(struct broker *b)
{
    flush_events(b);
    flush_closures(b);
}

static void unit_code(const struct broker *b, int unit, char out[LJ_UNIT_CODE_LEN + 1])
{
    const struct lj_unit *u = lj_catalog_unit_number(b->cat, unit);
    memcpy(out, u ? u->code : "CN000", LJ_UNIT_CODE_LEN + 1);
}

void stream_event(struct broker *b, int64_t position, const uint8_t id[16], int64_t received_us,
                  int unit, int type)
{
    struct stream *s = &b->stream;
    const char *name = b->cat->types[type].name;
    struct lj_stream_event e = {
        .position = position, .received_at_us = received_us, .type = {name, strlen(name)}};
    memcpy(e.id, id, 16);
    unit_code(b, unit, e.unit);
    if (!s->nevents)
        begin(&s->events, s->events_prev);
    lj_stream_event_put(&s->events, &e);
    s->events_prev = position;
    if (++s->nevents == FLUSH_RECORDS)
        flush_events(b);
}

void stream_closure(struct broker *b, int64_t number, const struct lease *l, int64_t closed_us)
{
    struct stream *s = &b->stream;
    const char *name = b->cat->kinds[l->kind].name;
    struct lj_stream_closure c = {.number = number,
                                  .kind = {name, strlen(name)},
                                  .closed_at_us = closed_us,
                                  .count = (uint16_t)l->group->n};
    if (!s->nclosures)
        begin(&s->closures, s->closures_prev);
    lj_stream_closure_put(&s->closures, &c);
    for (size_t i = 0; i < l->group->n; i++) {
        struct lj_stream_member m = {.position = l->group->items[i].position,
                                     .verdict = l->verdicts[i]};
        unit_code(b, l->group->items[i].unit, m.unit);
        lj_stream_member_put(&s->closures, &m);
    }
    s->closures_prev = number;
    s->nclosures++;
    if (s->closures.len > 65536)
        flush_closures(b);
}

void stream_head(struct broker *b, int64_t now_us)
{
    if (!b->cat || now_us - b->stream.last_head_us < 1000000)
        return;
    b->stream.last_head_us = now_us;
    struct lj_buf metrics = {0}, out = {0};
    json_t *status = admin_status(b);
    char *text = status ? json_dumps(status, JSON_COMPACT) : NULL;
    metrics_write(b, &metrics);
    struct lj_head h = {.nonce = b->nonce,
                        .frontier = b->log.frontier,
                        .closure_frontier = b->log.closure_frontier,
                        .now_us = lj_now_us(),
                        .status = {text ? text : "{}", text ? strlen(text) : 2},
                        .metrics = {metrics.failed ? "" : (const char *)metrics.data,
                                    metrics.failed ? 0 : metrics.len}};
    lj_head_put(&out, &h);
    if (!out.failed)
        send_series(b, LJ_MSG_HEAD, &out, 0, 0);
    json_decref(status);
    free(text);
    lj_buf_free(&metrics);
    lj_buf_free(&out);
}

void stream_restart(struct broker *b, int64_t position, int64_t number)
{
    b->stream.nevents = b->stream.nclosures = 0;
    b->stream.events_prev = position; /* a reader that is behind it sees the gap */
    b->stream.closures_prev = number;
    b->stream.last_head_us = 0;
}

static void on_subscription(struct lj_zsock *sock, void *msgs, int nframes, void *arg)
{
    (void)sock, (void)msgs, (void)nframes,
        (void)arg; /* XPUB shows subscriptions: libzmq has acted on them already */
}

int stream_open(struct broker *b, struct lj_err *err)
{
    int rc = broker_bind(b, &(struct endpoint){ZMQ_XPUB, "stream.sock", NULL, LJ_DOOR_STREAM},
                         on_subscription, &b->stream.sock, err);
    if (rc == 0 && b->cfg.stream_tcp)
        rc = broker_bind(b, &(struct endpoint){ZMQ_XPUB, NULL, b->cfg.stream_tcp, LJ_DOOR_STREAM},
                         on_subscription, &b->stream.tcp, err);
    return rc;
}

void stream_close(struct broker *b)
{
    lj_zsock_close(&b->stream.sock, 200, NULL, NULL);
    lj_zsock_close(&b->stream.tcp, 200, NULL, NULL);
    lj_buf_free(&b->stream.events);
    lj_buf_free(&b->stream.closures);
}
