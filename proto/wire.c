/* Encoders and decoders of the Liangjin protocol: one pair for each record of PROTOCOL.md, shared
 * by broker, client library, workers and tests.
 *
 * Encoders append to a growable buffer and cannot fail by themselves; a field that does not fit its
 * prefix sets the buffer's `failed`, which the caller asks once. Decoders go through lj_reader, so
 * no length that a peer wrote is trusted: they borrow from the frame, allocate nothing, and either
 * fill the struct or return LJ_E_PROTOCOL with a sentence that names the field.
 *
 * What is checked here is what makes a record *readable*: lengths, ranges of small numbers, the
 * letters of a unit code, the alphabet of a peer's name. Whether a type, a unit or a text is right
 * is the broker's business, which can answer for one event instead of a whole message.
 *
 * Guarantees: a truncated record is refused at every byte; after a refused event record the reader
 * stands behind it, so a receiver may go on.
 */
#include "proto/wire.h"

#include <string.h>

#include "proto/limits.h"

static struct lj_slice read_slice8(struct lj_reader *r)
{
    struct lj_slice s;
    s.p = lj_read_str8(r, &s.n);
    return s;
}

static struct lj_slice read_slice32(struct lj_reader *r)
{
    struct lj_slice s;
    s.p = (const char *)lj_read_str32(r, &s.n);
    return s;
}

static void read_id(struct lj_reader *r, uint8_t id[16])
{
    const uint8_t *p = lj_read_bytes(r, 16);
    if (p)
        memcpy(id, p, 16);
}

static int truncated(struct lj_err *err, const char *what)
{
    return lj_fail(err, LJ_E_PROTOCOL, "%s is shorter than its fields", what);
}

/* Two capital letters and three digits; anything else makes the reader bad, as a missing byte does.
 */
static void read_unit(struct lj_reader *r, char unit[LJ_UNIT_CODE_LEN + 1])
{
    const uint8_t *p = lj_read_bytes(r, LJ_UNIT_CODE_LEN);
    for (int i = 0; p && i < LJ_UNIT_CODE_LEN; i++) {
        uint8_t lo = i < 2 ? 'A' : '0';
        uint8_t hi = i < 2 ? 'Z' : '9';
        if (p[i] < lo || p[i] > hi)
            r->bad = 1;
    }
    if (p && !r->bad)
        memcpy(unit, p, LJ_UNIT_CODE_LEN);
    unit[LJ_UNIT_CODE_LEN] = '\0';
}

static void put_unit(struct lj_buf *b, const char unit[LJ_UNIT_CODE_LEN + 1])
{
    if (strnlen(unit, LJ_UNIT_CODE_LEN + 1) != LJ_UNIT_CODE_LEN)
        b->failed = 1;
    else
        lj_buf_put(b, unit, LJ_UNIT_CODE_LEN);
}

/* The alphabet of names that peers give themselves: they go into logs and metric labels as they
 * are. */
static int is_name(struct lj_slice s, size_t min)
{
    static const char marks[] = "._-:@/+";
    if (s.n < min || s.n > LJ_NAME_MAX)
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && !memchr(marks, c, sizeof marks - 1))
            return 0;
    }
    return 1;
}

void lj_envelope_put(uint8_t out[LJ_ENVELOPE_SIZE], uint8_t type, uint64_t seq)
{
    const uint8_t head[8] = {'L', 'J', LJ_WIRE_VERSION, type, 0, 0, 0, 0};
    memcpy(out, head, sizeof head);
    for (int i = 0; i < 8; i++)
        out[8 + i] = (uint8_t)(seq >> (56 - 8 * i));
}

int lj_envelope_get(const void *p, size_t n, struct lj_envelope *ret, struct lj_err *err)
{
    if (n != LJ_ENVELOPE_SIZE)
        return lj_fail(err, LJ_E_PROTOCOL, "envelope of %zu bytes, must be %d", n,
                       LJ_ENVELOPE_SIZE);
    struct lj_reader r = lj_reader(p, n);
    if (lj_read_u16(&r) != ('L' << 8 | 'J'))
        return lj_fail(err, LJ_E_PROTOCOL, "envelope does not start with LJ");
    uint8_t version = lj_read_u8(&r);
    if (version != LJ_WIRE_VERSION)
        return lj_fail(err, LJ_E_PROTOCOL, "protocol version %u, spoken here: %d", version,
                       LJ_WIRE_VERSION);
    uint8_t type = lj_read_u8(&r);
    if (lj_read_u32(&r) != 0)
        return lj_fail(err, LJ_E_PROTOCOL, "reserved bytes of the envelope are not zero");
    ret->type = type;
    ret->seq = lj_read_u64(&r);
    return 0;
}

void lj_hello_put(struct lj_buf *b, const struct lj_hello *h)
{
    lj_buf_u8(b, h->role);
    lj_buf_u64(b, h->nonce);
    lj_buf_str8(b, h->name.p, h->name.n);
    if (h->role != LJ_ROLE_WORKER)
        return;
    lj_buf_str8(b, h->kind.p, h->kind.n);
    lj_buf_str8(b, h->version.p, h->version.n);
    lj_buf_u16(b, h->slots);
}

/* Bytes behind the known fields of HELLO, WELCOME and HEAD are left alone: a later minor revision
 * may add fields there. */
int lj_hello_get(const void *p, size_t n, struct lj_hello *ret, struct lj_err *err)
{
    struct lj_reader r = lj_reader(p, n);
    struct lj_hello h = {0};
    h.role = lj_read_u8(&r);
    h.nonce = lj_read_u64(&r);
    h.name = read_slice8(&r);
    if (h.role == LJ_ROLE_WORKER) {
        h.kind = read_slice8(&r);
        h.version = read_slice8(&r);
        h.slots = lj_read_u16(&r);
    }
    if (r.bad)
        return truncated(err, "HELLO");
    if (h.role < LJ_ROLE_INTAKE || h.role > LJ_ROLE_ADMIN)
        return lj_fail(err, LJ_E_PROTOCOL, "role %u in HELLO is none of 1, 2, 3", h.role);
    if (!is_name(h.name, 1))
        return lj_fail(err, LJ_E_PROTOCOL,
                       "the name in HELLO must be 1 to %d of A-Z a-z 0-9 . _ - : @ / +",
                       LJ_NAME_MAX);
    if (h.role == LJ_ROLE_WORKER && (!is_name(h.kind, 1) || !is_name(h.version, 0)))
        return lj_fail(err, LJ_E_PROTOCOL,
                       "kind or version in HELLO is no name of at most %d characters", LJ_NAME_MAX);
    if (h.role == LJ_ROLE_WORKER && h.slots == 0)
        return lj_fail(err, LJ_E_PROTOCOL, "a worker says HELLO with at least one slot");
    *ret = h;
    return 0;
}

void lj_welcome_put(struct lj_buf *b, const struct lj_welcome *w)
{
    lj_buf_u64(b, w->nonce);
    lj_buf_u32(b, w->events_max);
    lj_buf_u32(b, w->event_bytes_max);
    lj_buf_u32(b, w->body_bytes_max);
}

int lj_welcome_get(const void *p, size_t n, struct lj_welcome *ret, struct lj_err *err)
{
    struct lj_reader r = lj_reader(p, n);
    struct lj_welcome w = {0};
    w.nonce = lj_read_u64(&r);
    w.events_max = lj_read_u32(&r);
    w.event_bytes_max = lj_read_u32(&r);
    w.body_bytes_max = lj_read_u32(&r);
    if (r.bad)
        return truncated(err, "WELCOME");
    *ret = w;
    return 0;
}

void lj_error_put(struct lj_buf *b, int16_t code, const char *text)
{
    lj_buf_u16(b, (uint16_t)code);
    size_t n = strlen(text);
    lj_buf_str8(b, text, n > UINT8_MAX ? UINT8_MAX : n);
}

int lj_error_get(const void *p, size_t n, int16_t *ret_code, struct lj_slice *ret_text,
                 struct lj_err *err)
{
    struct lj_reader r = lj_reader(p, n);
    int16_t code = (int16_t)lj_read_u16(&r);
    struct lj_slice text = read_slice8(&r);
    if (r.bad)
        return truncated(err, "ERROR");
    if (code >= 0)
        return lj_fail(err, LJ_E_PROTOCOL, "code %d in ERROR is not negative", code);
    *ret_code = code;
    *ret_text = text;
    return 0;
}

void lj_submit_event_put(struct lj_buf *b, const struct lj_submit_event *e)
{
    size_t start = b->len;
    if (e->payload.n > LJ_EVENT_BYTES_MAX) {
        b->failed = 1;
        return;
    }
    lj_buf_u32(b, 0);
    lj_buf_put(b, e->id, sizeof e->id);
    lj_buf_i64(b, e->occurred_at_us);
    lj_buf_u16(b, e->schema_version);
    lj_buf_u8(b, e->origin);
    lj_buf_u8(b, e->class);
    lj_buf_str8(b, e->type.p, e->type.n);
    lj_buf_str8(b, e->unit.p, e->unit.n);
    lj_buf_str8(b, e->key.p, e->key.n);
    lj_buf_str8(b, e->source.p, e->source.n);
    lj_buf_str32(b, e->payload.p, e->payload.n);
    if (!b->failed)
        lj_buf_set_u32(b, start, (uint32_t)(b->len - start - 4));
}

static int submit_event_check(const struct lj_submit_event *e, struct lj_err *err)
{
    if (e->payload.n > LJ_EVENT_BYTES_MAX)
        return lj_fail(err, LJ_E_PROTOCOL, "payload of %zu bytes, at most %d", e->payload.n,
                       LJ_EVENT_BYTES_MAX);
    if (e->origin != LJ_ORIGIN_CLIENT && e->origin != LJ_ORIGIN_CENTRE)
        return lj_fail(err, LJ_E_PROTOCOL, "origin %u of an event is neither 1 nor 2", e->origin);
    if (e->class >= LJ_CLASSES && e->class != LJ_CLASS_DEFAULT)
        return lj_fail(err, LJ_E_PROTOCOL, "class %u of an event is neither 0 to 3 nor 255",
                       e->class);
    return 0;
}

int lj_submit_event_get(struct lj_reader *r, struct lj_submit_event *ret, struct lj_err *err)
{
    uint32_t n = lj_read_u32(r);
    if (!r->bad && n > LJ_RECORD_BYTES_MAX)
        r->bad = 1;
    const uint8_t *p = lj_read_bytes(r, n);
    if (!p)
        return lj_fail(err, LJ_E_PROTOCOL, "event record is cut off, or longer than %d bytes",
                       LJ_RECORD_BYTES_MAX);
    struct lj_reader in = lj_reader(p, n);
    struct lj_submit_event e = {0};
    read_id(&in, e.id);
    e.occurred_at_us = lj_read_i64(&in);
    e.schema_version = lj_read_u16(&in);
    e.origin = lj_read_u8(&in);
    e.class = lj_read_u8(&in);
    e.type = read_slice8(&in);
    e.unit = read_slice8(&in);
    e.key = read_slice8(&in);
    e.source = read_slice8(&in);
    e.payload = read_slice32(&in);
    if (in.bad || in.left != 0)
        return lj_fail(err, LJ_E_PROTOCOL, "length of an event record does not fit its fields");
    int rc = submit_event_check(&e, err);
    if (rc == 0)
        *ret = e;
    return rc;
}

/* A detail is for people: better cut, between two characters, than an ACK that cannot be written.
 */
static size_t cut_text(struct lj_slice s)
{
    if (s.n <= UINT8_MAX)
        return s.n;
    size_t n = UINT8_MAX;
    while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

void lj_ack_put(struct lj_buf *b, const struct lj_ack *a)
{
    lj_buf_u16(b, (uint16_t)a->code);
    lj_buf_u16(b, a->retry_after_s);
    lj_buf_i64(b, a->position);
    lj_buf_str8(b, a->detail.p, cut_text(a->detail));
}

int lj_ack_get(struct lj_reader *r, struct lj_ack *ret, struct lj_err *err)
{
    struct lj_ack a = {0};
    a.code = (int16_t)lj_read_u16(r);
    a.retry_after_s = lj_read_u16(r);
    a.position = lj_read_i64(r);
    a.detail = read_slice8(r);
    if (r->bad)
        return truncated(err, "answer in ACK");
    if (a.code > 1)
        return lj_fail(err, LJ_E_PROTOCOL, "code %d of an answer is neither 0, 1 nor negative",
                       a.code);
    *ret = a;
    return 0;
}

void lj_batch_head_put(struct lj_buf *b, const struct lj_batch_head *h)
{
    lj_buf_u64(b, h->batch);
    lj_buf_u32(b, h->deadline_ms);
    lj_buf_u16(b, h->attempt);
    lj_buf_u8(b, h->flags);
    lj_buf_u16(b, h->count);
}

int lj_batch_head_get(struct lj_reader *r, struct lj_batch_head *ret, struct lj_err *err)
{
    struct lj_batch_head h = {0};
    h.batch = lj_read_u64(r);
    h.deadline_ms = lj_read_u32(r);
    h.attempt = lj_read_u16(r);
    h.flags = lj_read_u8(r);
    h.count = lj_read_u16(r);
    if (r->bad)
        return truncated(err, "head of BATCH");
    if (h.count == 0)
        return lj_fail(err, LJ_E_PROTOCOL, "BATCH without a record");
    *ret = h;
    return 0;
}

void lj_batch_record_put(struct lj_buf *b, const struct lj_batch_record *e)
{
    lj_buf_i64(b, e->position);
    lj_buf_put(b, e->id, sizeof e->id);
    lj_buf_i64(b, e->received_at_us);
    lj_buf_i64(b, e->occurred_at_us);
    lj_buf_u16(b, e->schema_version);
    lj_buf_u16(b, (uint16_t)e->unit);
    lj_buf_str8(b, e->unit_code.p, e->unit_code.n);
    lj_buf_str8(b, e->type.p, e->type.n);
    lj_buf_str8(b, e->key.p, e->key.n);
    lj_buf_str32(b, e->payload.p, e->payload.n);
}

int lj_batch_record_get(struct lj_reader *r, struct lj_batch_record *ret, struct lj_err *err)
{
    struct lj_batch_record e = {0};
    e.position = lj_read_i64(r);
    read_id(r, e.id);
    e.received_at_us = lj_read_i64(r);
    e.occurred_at_us = lj_read_i64(r);
    e.schema_version = lj_read_u16(r);
    e.unit = (int16_t)lj_read_u16(r);
    e.unit_code = read_slice8(r);
    e.type = read_slice8(r);
    e.key = read_slice8(r);
    e.payload = read_slice32(r);
    if (r->bad)
        return truncated(err, "record in BATCH");
    *ret = e;
    return 0;
}

void lj_result_head_put(struct lj_buf *b, const struct lj_result_head *h)
{
    lj_buf_u64(b, h->batch);
    lj_buf_u32(b, h->spent_us);
    lj_buf_u16(b, h->count);
}

int lj_result_head_get(struct lj_reader *r, struct lj_result_head *ret, struct lj_err *err)
{
    struct lj_result_head h = {0};
    h.batch = lj_read_u64(r);
    h.spent_us = lj_read_u32(r);
    h.count = lj_read_u16(r);
    if (r->bad)
        return truncated(err, "head of RESULT");
    *ret = h;
    return 0;
}

void lj_outcome_put(struct lj_buf *b, const struct lj_outcome_record *o)
{
    lj_buf_u8(b, o->what);
    lj_buf_u16(b, (uint16_t)o->code);
    lj_buf_str32(b, o->bytes.p, o->bytes.n);
}

int lj_outcome_get(struct lj_reader *r, struct lj_outcome_record *ret, struct lj_err *err)
{
    struct lj_outcome_record o = {0};
    o.what = lj_read_u8(r);
    o.code = (int16_t)lj_read_u16(r);
    o.bytes = read_slice32(r);
    if (r->bad)
        return truncated(err, "outcome in RESULT");
    if (o.what > LJ_OUTCOME_FINAL)
        return lj_fail(err, LJ_E_PROTOCOL, "outcome %u is none of 0, 1, 2", o.what);
    if ((o.what == LJ_OUTCOME_DONE) != (o.code >= 0))
        return lj_fail(err, LJ_E_PROTOCOL,
                       "outcome %u with code %d: a verdict is >= 0, an error < 0", o.what, o.code);
    *ret = o;
    return 0;
}

void lj_stream_event_put(struct lj_buf *b, const struct lj_stream_event *e)
{
    lj_buf_i64(b, e->position);
    lj_buf_put(b, e->id, sizeof e->id);
    lj_buf_i64(b, e->received_at_us);
    put_unit(b, e->unit);
    lj_buf_str8(b, e->type.p, e->type.n);
}

int lj_stream_event_get(struct lj_reader *r, struct lj_stream_event *ret, struct lj_err *err)
{
    struct lj_stream_event e = {0};
    e.position = lj_read_i64(r);
    read_id(r, e.id);
    e.received_at_us = lj_read_i64(r);
    read_unit(r, e.unit);
    e.type = read_slice8(r);
    if (r->bad)
        return lj_fail(err, LJ_E_PROTOCOL, "stream event is cut off, or its unit is no unit code");
    *ret = e;
    return 0;
}

void lj_stream_closure_put(struct lj_buf *b, const struct lj_stream_closure *c)
{
    lj_buf_i64(b, c->number);
    lj_buf_str8(b, c->kind.p, c->kind.n);
    lj_buf_i64(b, c->closed_at_us);
    lj_buf_u16(b, c->count);
}

int lj_stream_closure_get(struct lj_reader *r, struct lj_stream_closure *ret, struct lj_err *err)
{
    struct lj_stream_closure c = {0};
    c.number = lj_read_i64(r);
    c.kind = read_slice8(r);
    c.closed_at_us = lj_read_i64(r);
    c.count = lj_read_u16(r);
    if (r->bad)
        return truncated(err, "stream closure");
    *ret = c;
    return 0;
}

void lj_stream_member_put(struct lj_buf *b, const struct lj_stream_member *m)
{
    lj_buf_i64(b, m->position);
    lj_buf_u16(b, (uint16_t)m->verdict);
    put_unit(b, m->unit);
}

int lj_stream_member_get(struct lj_reader *r, struct lj_stream_member *ret, struct lj_err *err)
{
    struct lj_stream_member m = {0};
    m.position = lj_read_i64(r);
    m.verdict = (int16_t)lj_read_u16(r);
    read_unit(r, m.unit);
    if (r->bad)
        return lj_fail(err, LJ_E_PROTOCOL,
                       "member of a closure is cut off, or its unit is no unit code");
    *ret = m;
    return 0;
}

void lj_head_put(struct lj_buf *b, const struct lj_head *h)
{
    lj_buf_u64(b, h->nonce);
    lj_buf_i64(b, h->frontier);
    lj_buf_i64(b, h->closure_frontier);
    lj_buf_i64(b, h->now_us);
    lj_buf_str32(b, h->status.p, h->status.n);
    lj_buf_str32(b, h->metrics.p, h->metrics.n);
}

int lj_head_get(const void *p, size_t n, struct lj_head *ret, struct lj_err *err)
{
    struct lj_reader r = lj_reader(p, n);
    struct lj_head h = {0};
    h.nonce = lj_read_u64(&r);
    h.frontier = lj_read_i64(&r);
    h.closure_frontier = lj_read_i64(&r);
    h.now_us = lj_read_i64(&r);
    h.status = read_slice32(&r);
    h.metrics = read_slice32(&r);
    if (r.bad)
        return truncated(err, "HEAD");
    *ret = h;
    return 0;
}
