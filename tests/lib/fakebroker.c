/* The fake broker.
 *
 * Single-threaded, no loop library: zmq_poll with a short timeout. Contents are compared byte by
 * byte as received, which is enough for tests that send the same bytes again. The log, where there
 * is one, is written before the answer, like the real one, and log_head with it. */
#include "tests/lib/fakebroker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/uuid.h"
#include "proto/wire.h"

enum { PEERS = 16, EVENTS = 65536, HEAD_US = 1000000 };

struct stored {
    uint8_t id[16];
    int64_t position;
    char unit[LJ_UNIT_CODE_LEN + 1];
    char type[64];
    char *content; /* owned */
    size_t content_len;
};

struct lj_fakebroker {
    void *zmq, *router, *xpub;
    PGconn *db;
    char mode[32];
    int publish, head;
    uint64_t nonce;
    int64_t next_position, next_closure, last_event, last_closure, head_at_us;
    struct {
        uint8_t id[64];
        size_t len;
    } peers[PEERS];
    int n_peers;
    struct stored *events;
    size_t n;
};

static void send2(void *sock, const void *to, size_t to_len, uint8_t type, uint64_t seq,
                  struct lj_buf *body)
{
    uint8_t envelope[LJ_ENVELOPE_SIZE];
    lj_envelope_put(envelope, type, seq);
    if (to) {
        zmq_send(sock, to, to_len, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    }
    zmq_send(sock, envelope, sizeof envelope, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(sock, body ? body->data : NULL, body ? body->len : 0, ZMQ_DONTWAIT);
}

static int query(struct lj_fakebroker *b, const char *sql, int n, const char *const *values,
                 int64_t *ret_first)
{
    PGresult *res = NULL;
    struct lj_err err = {0};
    if (lj_dbs_query(b->db, sql, n, values, &res, &err) != 0) {
        fprintf(stderr, "fakebroker: %s\n", err.text);
        return -1;
    }
    if (ret_first && PQntuples(res)) {
        *ret_first = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    }
    PQclear(res);
    return 0;
}

static void *bind_socket(struct lj_fakebroker *b, int type, const char *dir, const char *name)
{
    char endpoint[256];
    int zero = 0;
    void *s = zmq_socket(b->zmq, type);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", dir, name);
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    if (zmq_bind(s, endpoint) != 0) {
        fprintf(stderr, "fakebroker: %s: %s\n", endpoint, zmq_strerror(zmq_errno()));
        zmq_close(s);
        return NULL;
    }
    return s;
}

struct lj_fakebroker *lj_fakebroker_open(const char *run_dir, const char *dsn)
{
    struct lj_fakebroker *b = calloc(1, sizeof *b);
    struct lj_err err = {0};
    b->zmq = zmq_ctx_new();
    b->events = calloc(EVENTS, sizeof *b->events);
    strcpy(b->mode, "store");
    b->publish = b->head = 1;
    b->nonce = (uint64_t)lj_now_us();
    b->next_position = b->next_closure = 1;
    if (dsn && lj_dbs_open(dsn, "fakebroker", &b->db, &err) != 0) {
        fprintf(stderr, "fakebroker: %s\n", err.text);
        lj_fakebroker_free(&b);
        return NULL;
    }
    if (b->db) {
        query(b, "set search_path = liangjin, pg_catalog", 0, NULL, NULL);
        query(b, "select coalesce(max(position), 0) + 1 from event", 0, NULL, &b->next_position);
        query(b, "select coalesce(max(number), 0) + 1 from closure", 0, NULL, &b->next_closure);
    }
    b->router = bind_socket(b, ZMQ_ROUTER, run_dir, "intake.sock");
    b->xpub = bind_socket(b, ZMQ_XPUB, run_dir, "stream.sock");
    if (!b->router || !b->xpub) {
        lj_fakebroker_free(&b);
    }
    return b;
}

void lj_fakebroker_free(struct lj_fakebroker **bp)
{
    struct lj_fakebroker *b = *bp;
    if (!b) {
        return;
    }
    *bp = NULL;
    for (size_t i = 0; i < b->n; i++) {
        free(b->events[i].content);
    }
    free(b->events);
    if (b->router) {
        zmq_close(b->router);
    }
    if (b->xpub) {
        zmq_close(b->xpub);
    }
    zmq_ctx_term(b->zmq);
    PQfinish(b->db);
    free(b);
}

static int known(const struct lj_fakebroker *b, const void *id, size_t len)
{
    for (int i = 0; i < b->n_peers; i++) {
        if (b->peers[i].len == len && memcmp(b->peers[i].id, id, len) == 0) {
            return 1;
        }
    }
    return 0;
}

static void on_hello(struct lj_fakebroker *b, const void *id, size_t len, uint64_t seq)
{
    struct lj_buf body = {0};
    if (!known(b, id, len) && b->n_peers < PEERS && len <= sizeof b->peers[0].id) {
        memcpy(b->peers[b->n_peers].id, id, len);
        b->peers[b->n_peers++].len = len;
    }
    lj_welcome_put(&body, &(struct lj_welcome){b->nonce, 500, 65536, 1048576 + 65536});
    send2(b->router, id, len, LJ_MSG_WELCOME, seq, &body);
    lj_buf_free(&body);
}

static void write_log(struct lj_fakebroker *b, const struct stored *s,
                      const struct lj_submit_event *e)
{
    char position[32], id[LJ_UUID_TEXT + 1], occurred[40];
    char *payload = strndup(e->payload.p, e->payload.n), *key = strndup(e->key.p, e->key.n),
         *source = strndup(e->source.p, e->source.n);
    snprintf(position, sizeof position, "%lld", (long long)s->position);
    snprintf(occurred, sizeof occurred, "%lld", (long long)e->occurred_at_us);
    const char *values[] = {position, lj_uuid_format(s->id, id),
                            s->type,  s->unit,
                            payload,  key,
                            source,   e->occurred_at_us == LJ_TIME_NONE ? NULL : occurred};
    query(
        b,
        "with e as (insert into event (position, received_at, occurred_at, id, type, unit, class, "
        "schema_version, key, source, content_hash,"
        " payload) select $1::int8, now(), to_timestamp($8::int8 / 1e6), $2::uuid, t.number, "
        "u.number, t.class, 1, nullif($6, ''), $7,"
        " '\\x00'::bytea, $5 from event_type t, unit_directory u where t.name = $3 and u.code = $4)"
        " update log_head set frontier = $1::int8 where shard = 0 and lane = 0",
        8, values, NULL);
    free(payload);
    free(key);
    free(source);
}

static void publish_event(struct lj_fakebroker *b, const struct stored *s)
{
    struct lj_buf body = {0};
    struct lj_stream_event e = {
        .position = s->position, .received_at_us = lj_now_us(), .type = {s->type, strlen(s->type)}};
    memcpy(e.id, s->id, sizeof e.id);
    strcpy(e.unit, s->unit);
    lj_buf_i64(&body, b->last_event);
    lj_buf_i64(&body, s->position);
    lj_buf_u16(&body, 1);
    lj_stream_event_put(&body, &e);
    b->last_event = s->position;
    if (b->publish) {
        send2(b->xpub, NULL, 0, LJ_MSG_EVENTS, 0, &body);
    }
    lj_buf_free(&body);
}

/* Same bytes: 1; other bytes: conflict; new: stored. */
static struct lj_ack store(struct lj_fakebroker *b, const struct lj_submit_event *e,
                           const uint8_t *raw, size_t raw_len)
{
    for (size_t i = 0; i < b->n; i++) {
        struct stored *s = &b->events[i];
        if (memcmp(s->id, e->id, sizeof s->id) == 0) {
            int same = s->content_len == raw_len && memcmp(s->content, raw, raw_len) == 0;
            return (struct lj_ack){.code = same ? 1 : (int16_t)LJ_E_ID_CONFLICT,
                                   .position = same ? s->position : 0};
        }
    }
    if (b->n == EVENTS) {
        return (struct lj_ack){.code = LJ_E_BUSY, .retry_after_s = 5};
    }
    struct stored *s = &b->events[b->n++];
    memcpy(s->id, e->id, sizeof s->id);
    s->position = b->next_position++;
    snprintf(s->unit, sizeof s->unit, "%.*s", (int)e->unit.n, e->unit.p);
    snprintf(s->type, sizeof s->type, "%.*s", (int)e->type.n, e->type.p);
    s->content = malloc(raw_len);
    memcpy(s->content, raw, raw_len);
    s->content_len = raw_len;
    if (b->db) {
        write_log(b, s, e);
    }
    publish_event(b, s);
    return (struct lj_ack){.code = 0, .position = s->position};
}

static struct lj_ack answer(struct lj_fakebroker *b, const struct lj_submit_event *e,
                            const uint8_t *raw, size_t raw_len)
{
    static const struct {
        const char *mode;
        int16_t code;
        uint16_t retry;
    } fixed[] = {
        {"busy", LJ_E_BUSY, 7},
        {"unknown", LJ_E_DB_LOST, 0},
        {"full", LJ_E_RATE, 3},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (strcmp(b->mode, fixed[i].mode) == 0) {
            return (struct lj_ack){.code = fixed[i].code, .retry_after_s = fixed[i].retry};
        }
    }
    return store(b, e, raw, raw_len);
}

static void on_submit(struct lj_fakebroker *b, const void *id, size_t len, uint64_t seq,
                      const void *data, size_t size)
{
    struct lj_buf body = {0};
    struct lj_reader r = lj_reader(data, size);
    uint16_t count = lj_read_u16(&r);
    if (strcmp(b->mode, "silent") == 0) {
        return;
    }
    lj_buf_u16(&body, count);
    for (uint16_t i = 0; i < count; i++) {
        struct lj_submit_event e;
        const uint8_t *raw = r.p;
        if (lj_submit_event_get(&r, &e, NULL) != 0) {
            fprintf(stderr, "fakebroker: malformed SUBMIT\n");
            break;
        }
        struct lj_ack ack = answer(b, &e, raw, (size_t)(r.p - raw));
        lj_ack_put(&body, &ack);
    }
    send2(b->router, id, len, LJ_MSG_ACK, seq, &body);
    lj_buf_free(&body);
}

/* One message: routing id, envelope, body. */
static void on_router(struct lj_fakebroker *b)
{
    zmq_msg_t part[3];
    int n = 0, more = 1;
    for (; more && n < 3; n++) {
        zmq_msg_init(&part[n]);
        if (zmq_msg_recv(&part[n], b->router, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&part[n]);
            break;
        }
        more = zmq_msg_more(&part[n]);
    }
    struct lj_envelope env;
    if (n == 3 &&
        lj_envelope_get(zmq_msg_data(&part[1]), zmq_msg_size(&part[1]), &env, NULL) == 0) {
        const void *id = zmq_msg_data(&part[0]);
        size_t len = zmq_msg_size(&part[0]);
        if (env.type == LJ_MSG_HELLO) {
            on_hello(b, id, len, env.seq);
        } else if (!known(b, id, len)) {
            send2(b->router, id, len, LJ_MSG_WHO, env.seq, NULL);
        } else if (env.type == LJ_MSG_SUBMIT) {
            on_submit(b, id, len, env.seq, zmq_msg_data(&part[2]), zmq_msg_size(&part[2]));
        } else if (env.type == LJ_MSG_BYE) {
            send2(b->router, id, len, LJ_MSG_BYE, env.seq, NULL);
        }
    }
    for (int i = 0; i < n; i++) {
        zmq_msg_close(&part[i]);
    }
}

static void send_head(struct lj_fakebroker *b)
{
    static const char metrics[] = "# HELP liangjin_broker_fake A broker that only plays one.\n# "
                                  "TYPE liangjin_broker_fake gauge\nliangjin_broker_fake 1\n";
    struct lj_buf body = {0};
    struct lj_head h = {.nonce = b->nonce,
                        .frontier = b->next_position - 1,
                        .closure_frontier = b->next_closure - 1,
                        .now_us = lj_now_us(),
                        .status = {"{}", 2},
                        .metrics = {metrics, sizeof metrics - 1}};
    lj_head_put(&body, &h);
    send2(b->xpub, NULL, 0, LJ_MSG_HEAD, 0, &body);
    lj_buf_free(&body);
}

int lj_fakebroker_serve(struct lj_fakebroker *b, int ms)
{
    int64_t until_us = lj_mono_us() + ms * 1000;
    do {
        zmq_pollitem_t items[] = {{b->router, 0, ZMQ_POLLIN, 0}, {b->xpub, 0, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, 2, 10) < 0) {
            return -1;
        }
        if (items[0].revents) {
            on_router(b);
        }
        if (items[1].revents) {
            char topic[16];
            zmq_recv(b->xpub, topic, sizeof topic, ZMQ_DONTWAIT);
        }
        if (b->head && lj_mono_us() - b->head_at_us > HEAD_US) {
            b->head_at_us = lj_mono_us();
            send_head(b);
        }
    } while (lj_mono_us() < until_us);
    return 0;
}

static void log_closure(struct lj_fakebroker *b, const char *kind, const struct lj_stream_member *m,
                        size_t n, int64_t number)
{
    struct lj_buf positions = {0}, verdicts = {0};
    char text[32];
    for (size_t i = 0; i < n; i++) {
        lj_buf_printf(&positions, "%s%lld", i ? "," : "{", (long long)m[i].position);
        lj_buf_printf(&verdicts, "%s%d", i ? "," : "{", m[i].verdict);
    }
    lj_buf_printf(&positions, "}");
    lj_buf_printf(&verdicts, "}");
    snprintf(text, sizeof text, "%lld", (long long)number);
    const char *values[] = {text, kind, (const char *)positions.data, (const char *)verdicts.data};
    query(b,
          "with c as (insert into closure (number, lo, hi, closed_at, kind, attempt, positions, "
          "verdicts, worker, version)"
          " select $1::int8, ($3::int8[])[1], ($3::int8[])[cardinality($3::int8[])], now(), "
          "k.number, 1, $3::int8[], $4::int2[], 'fake', '0'"
          " from kind k where k.name = $2) update log_head set closure_frontier = $1::int8 where "
          "shard = 0 and lane = 0",
          4, values, NULL);
    lj_buf_free(&positions);
    lj_buf_free(&verdicts);
}

static void close_positions(struct lj_fakebroker *b, const char *kind, int64_t from, int64_t to,
                            int16_t verdict)
{
    struct lj_stream_member m[500];
    struct lj_buf body = {0};
    uint16_t n = 0;
    for (size_t i = 0; i < b->n && n < 500; i++) {
        if (b->events[i].position >= from && b->events[i].position <= to) {
            m[n].position = b->events[i].position;
            m[n].verdict = verdict;
            strcpy(m[n++].unit, b->events[i].unit);
        }
    }
    if (n == 0) {
        return;
    }
    struct lj_stream_closure c = {.number = b->next_closure++,
                                  .kind = {kind, strlen(kind)},
                                  .closed_at_us = lj_now_us(),
                                  .count = n};
    if (b->db) {
        log_closure(b, kind, m, n, c.number);
    }
    lj_buf_i64(&body, b->last_closure);
    lj_buf_i64(&body, c.number);
    lj_buf_u16(&body, 1);
    lj_stream_closure_put(&body, &c);
    for (uint16_t i = 0; i < n; i++) {
        lj_stream_member_put(&body, &m[i]);
    }
    b->last_closure = c.number;
    if (b->publish) {
        send2(b->xpub, NULL, 0, LJ_MSG_CLOSURES, 0, &body);
    }
    lj_buf_free(&body);
}

int lj_fakebroker_command(struct lj_fakebroker *b, const char *line)
{
    char word[32], arg[32];
    long long from, to;
    int verdict;
    if (sscanf(line, "close %31s %lld %lld %d", arg, &from, &to, &verdict) == 4) {
        close_positions(b, arg, from, to, (int16_t)verdict);
    } else if (sscanf(line, "skip %lld", &from) == 1) {
        b->next_position += from;
    } else if (strcmp(line, "restart") == 0) {
        b->n_peers = 0;
        b->nonce++;
        b->last_event = b->next_position - 1;
        b->last_closure = b->next_closure - 1;
    } else if (sscanf(line, "%31s %31s", word, arg) != 2) {
        return -1;
    } else if (strcmp(word, "mode") == 0) {
        snprintf(b->mode, sizeof b->mode, "%s", arg);
    } else if (strcmp(word, "publish") == 0) {
        b->publish = strcmp(arg, "on") == 0;
    } else if (strcmp(word, "head") == 0) {
        b->head = strcmp(arg, "on") == 0;
    } else {
        return -1;
    }
    return 0;
}
