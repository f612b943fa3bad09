/* Fuzzing the codec: the input is a whole message, envelope and body, as a hostile peer would send
 * it.
 *
 * The body is read as the envelope's type says, record by record, as broker, worker and readers do.
 * Beyond the sanitizers one property is checked: what was accepted is written back to the very same
 * bytes. So the decoder cannot accept what the encoder could not have meant, and both cannot drift
 * apart. HELLO, WELCOME and HEAD may have bytes behind their fields; there the accepted part is
 * compared.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct lj_buf *b, const uint8_t *from, size_t n)
{
    if (b->failed || b->len != n || memcmp(b->data, from, n) != 0)
        abort();
    lj_buf_clear(b);
}

/* Reads records until one is refused or nothing is left, and writes each back. */
#define RECORDS(type, get, put)                                                                    \
    do {                                                                                           \
        type x;                                                                                    \
        const uint8_t *from = r.p;                                                                 \
        while (r.left > 0 && get(&r, &x, &err) == 0) {                                             \
            put(&b, &x);                                                                           \
            same(&b, from, (size_t)(r.p - from));                                                  \
            from = r.p;                                                                            \
        }                                                                                          \
    } while (0)

#define WHOLE(type, get, put)                                                                      \
    do {                                                                                           \
        type x;                                                                                    \
        if (get(r.p, r.left, &x, &err) == 0) {                                                     \
            put(&b, &x);                                                                           \
            if (b.failed || b.len > r.left)                                                        \
                abort();                                                                           \
            same(&b, r.p, b.len);                                                                  \
        }                                                                                          \
    } while (0)

#define HEAD_OF(type, get, put)                                                                    \
    do {                                                                                           \
        type x;                                                                                    \
        const uint8_t *from = r.p;                                                                 \
        if (get(&r, &x, &err) == 0) {                                                              \
            put(&b, &x);                                                                           \
            same(&b, from, (size_t)(r.p - from));                                                  \
        }                                                                                          \
    } while (0)

static void error(struct lj_reader r, struct lj_buf *b, struct lj_err *err)
{
    int16_t code;
    struct lj_slice text;
    if (lj_error_get(r.p, r.left, &code, &text, err) != 0)
        return;
    char copy[256];
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    lj_error_put(b, code, copy);
    lj_buf_clear(b);
}

static void closures(struct lj_reader r, struct lj_buf *b)
{
    struct lj_stream_closure c;
    while (r.left > 0) {
        const uint8_t *from = r.p;
        if (lj_stream_closure_get(&r, &c, NULL) != 0)
            return;
        lj_stream_closure_put(b, &c);
        same(b, from, (size_t)(r.p - from));
        for (int i = 0; i < c.count; i++) {
            struct lj_stream_member m;
            from = r.p;
            if (lj_stream_member_get(&r, &m, NULL) != 0)
                return;
            lj_stream_member_put(b, &m);
            same(b, from, (size_t)(r.p - from));
        }
    }
}

static void body(uint8_t type, struct lj_reader r)
{
    struct lj_buf b = {0};
    struct lj_err err = {0};
    uint16_t skip = 0;
    switch (type) {
    case LJ_MSG_HELLO:
        WHOLE(struct lj_hello, lj_hello_get, lj_hello_put);
        break;
    case LJ_MSG_WELCOME:
        WHOLE(struct lj_welcome, lj_welcome_get, lj_welcome_put);
        break;
    case LJ_MSG_ERROR:
        error(r, &b, &err);
        break;
    case LJ_MSG_SUBMIT:
        skip = lj_read_u16(&r);
        RECORDS(struct lj_submit_event, lj_submit_event_get, lj_submit_event_put);
        break;
    case LJ_MSG_ACK:
        skip = lj_read_u16(&r);
        RECORDS(struct lj_ack, lj_ack_get, lj_ack_put);
        break;
    case LJ_MSG_BATCH:
        HEAD_OF(struct lj_batch_head, lj_batch_head_get, lj_batch_head_put);
        RECORDS(struct lj_batch_record, lj_batch_record_get, lj_batch_record_put);
        break;
    case LJ_MSG_RESULT:
        HEAD_OF(struct lj_result_head, lj_result_head_get, lj_result_head_put);
        RECORDS(struct lj_outcome_record, lj_outcome_get, lj_outcome_put);
        break;
    case LJ_MSG_EVENTS:
        lj_read_bytes(&r, 18);
        RECORDS(struct lj_stream_event, lj_stream_event_get, lj_stream_event_put);
        break;
    case LJ_MSG_CLOSURES:
        lj_read_bytes(&r, 18);
        closures(r, &b);
        break;
    case LJ_MSG_HEAD:
        WHOLE(struct lj_head, lj_head_get, lj_head_put);
        break;
    default:
        break;
    }
    (void)skip;
    lj_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size < LJ_ENVELOPE_SIZE ? size : LJ_ENVELOPE_SIZE;
    struct lj_envelope e;
    if (lj_envelope_get(data, n, &e, NULL) == 0)
        body(e.type, lj_reader(data + n, size - n));
    return 0;
}
