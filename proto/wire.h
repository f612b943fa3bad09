/* The wire: numbers of PROTOCOL.md, and encoders/decoders that are the same for broker, client
 * library, workers and tests. */
#ifndef LJ_PROTO_WIRE_H
#define LJ_PROTO_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

#define LJ_WIRE_VERSION  1
#define LJ_ENVELOPE_SIZE 16
#define LJ_TIME_NONE     INT64_MIN
#define LJ_CLASS_DEFAULT 255
#define LJ_CLASSES       4
#define LJ_UNIT_CODE_LEN 5
#define LJ_NAME_MAX      64 /* characters of a peer's name, kind or version */

/* Bytes of an event record behind its length: a payload of LJ_EVENT_BYTES_MAX and every other field
 * at its longest. */
#define LJ_RECORD_BYTES_MAX (65536 + 16 + 8 + 2 + 1 + 1 + 4 * 256 + 4)
/* Bytes of a body that the broker takes: 1 MiB of records and 64 KiB for their heads. A sender
 * closes a SUBMIT at 1 MiB. */
#define LJ_BODY_BYTES_MAX (1048576 + 65536)
/* On the work endpoint BATCH and RESULT may be larger: 500 records of 64 KiB are 33.6 MB, 500 short
 * results of 16 KiB with their parameters are of that order too. ZMQ_MAXMSGSIZE of both sides of
 * that endpoint; below it a connection would be cut for honest work. */
#define LJ_WORK_BYTES_MAX (64 * 1048576)

enum lj_msg {
    LJ_MSG_HELLO = 1,
    LJ_MSG_WELCOME = 2,
    LJ_MSG_WHO = 3,
    LJ_MSG_BYE = 4,
    LJ_MSG_ERROR = 5,
    LJ_MSG_SUBMIT = 16,
    LJ_MSG_ACK = 17,
    LJ_MSG_BATCH = 32,
    LJ_MSG_RESULT = 33,
    LJ_MSG_ADMIN = 48,
    LJ_MSG_ADMIN_REPLY = 49,
    LJ_MSG_EVENTS = 64,
    LJ_MSG_CLOSURES = 65,
    LJ_MSG_HEAD = 66,
};
enum lj_role { LJ_ROLE_INTAKE = 1, LJ_ROLE_WORKER = 2, LJ_ROLE_ADMIN = 3 };
enum lj_origin {
    LJ_ORIGIN_CLIENT = 1,
    LJ_ORIGIN_CENTRE = 2,
    LJ_ORIGIN_WORKER = 3,
    LJ_ORIGIN_OPERATOR = 4
};
enum lj_outcome { LJ_OUTCOME_DONE = 0, LJ_OUTCOME_RETRY = 1, LJ_OUTCOME_FINAL = 2 };

struct lj_slice {
    const char *p;
    size_t n;
}; /* borrowed bytes, not terminated */

struct lj_envelope {
    uint8_t type;
    uint64_t seq;
};
void lj_envelope_put(uint8_t out[LJ_ENVELOPE_SIZE], uint8_t type, uint64_t seq);
LJ_MUST int lj_envelope_get(const void *p, size_t n, struct lj_envelope *ret,
                            struct lj_err *err); /* LJ_E_PROTOCOL */

struct lj_hello {
    uint8_t role;
    uint64_t nonce;
    struct lj_slice name, kind, version;
    uint16_t slots;
};
void lj_hello_put(struct lj_buf *b, const struct lj_hello *h);
LJ_MUST int lj_hello_get(const void *p, size_t n, struct lj_hello *ret, struct lj_err *err);

struct lj_welcome {
    uint64_t nonce;
    uint32_t events_max, event_bytes_max, body_bytes_max;
};
void lj_welcome_put(struct lj_buf *b, const struct lj_welcome *w);
LJ_MUST int lj_welcome_get(const void *p, size_t n, struct lj_welcome *ret, struct lj_err *err);

/* ERROR: code is negative; text is cut at 255 bytes. */
void lj_error_put(struct lj_buf *b, int16_t code, const char *text);
LJ_MUST int lj_error_get(const void *p, size_t n, int16_t *ret_code, struct lj_slice *ret_text,
                         struct lj_err *err);

/* One event on its way in. */
struct lj_submit_event {
    uint8_t id[16];
    int64_t occurred_at_us; /* LJ_TIME_NONE */
    uint16_t schema_version;
    uint8_t origin, class;
    struct lj_slice type, unit, key, source, payload;
};
void lj_submit_event_put(struct lj_buf *b, const struct lj_submit_event *e);
/* Reads one record; r is moved behind it, also when its fields are wrong (then r->bad stays 0 and
 * the next can be read). A record that is malformed, cut off or over LJ_RECORD_BYTES_MAX:
 * LJ_E_PROTOCOL. UTF-8, type, unit and id are not judged here. */
LJ_MUST int lj_submit_event_get(struct lj_reader *r, struct lj_submit_event *ret,
                                struct lj_err *err);

struct lj_ack {
    int16_t code;
    uint16_t retry_after_s;
    int64_t position;
    struct lj_slice detail;
};
void lj_ack_put(struct lj_buf *b, const struct lj_ack *a);
LJ_MUST int lj_ack_get(struct lj_reader *r, struct lj_ack *ret, struct lj_err *err);

struct lj_batch_head {
    uint64_t batch;
    uint32_t deadline_ms;
    uint16_t attempt;
    uint8_t flags;
    uint16_t count;
};
void lj_batch_head_put(struct lj_buf *b, const struct lj_batch_head *h);
LJ_MUST int lj_batch_head_get(struct lj_reader *r, struct lj_batch_head *ret, struct lj_err *err);

struct lj_batch_record {
    int64_t position;
    uint8_t id[16];
    int64_t received_at_us, occurred_at_us;
    uint16_t schema_version;
    int16_t unit;
    struct lj_slice unit_code, type, key, payload;
};
void lj_batch_record_put(struct lj_buf *b, const struct lj_batch_record *e);
LJ_MUST int lj_batch_record_get(struct lj_reader *r, struct lj_batch_record *ret,
                                struct lj_err *err);

struct lj_result_head {
    uint64_t batch;
    uint32_t spent_us;
    uint16_t count;
};
void lj_result_head_put(struct lj_buf *b, const struct lj_result_head *h);
LJ_MUST int lj_result_head_get(struct lj_reader *r, struct lj_result_head *ret, struct lj_err *err);
struct lj_outcome_record {
    uint8_t what;
    int16_t code;
    struct lj_slice bytes;
};
void lj_outcome_put(struct lj_buf *b, const struct lj_outcome_record *o);
LJ_MUST int lj_outcome_get(struct lj_reader *r, struct lj_outcome_record *ret, struct lj_err *err);

struct lj_stream_event {
    int64_t position;
    uint8_t id[16];
    int64_t received_at_us;
    char unit[LJ_UNIT_CODE_LEN + 1];
    struct lj_slice type;
};
void lj_stream_event_put(struct lj_buf *b, const struct lj_stream_event *e);
LJ_MUST int lj_stream_event_get(struct lj_reader *r, struct lj_stream_event *ret,
                                struct lj_err *err);
struct lj_stream_closure {
    int64_t number;
    struct lj_slice kind;
    int64_t closed_at_us;
    uint16_t count;
};
struct lj_stream_member {
    int64_t position;
    int16_t verdict;
    char unit[LJ_UNIT_CODE_LEN + 1];
};
void lj_stream_closure_put(struct lj_buf *b,
                           const struct lj_stream_closure *c); /* then count members */
LJ_MUST int lj_stream_closure_get(struct lj_reader *r, struct lj_stream_closure *ret,
                                  struct lj_err *err);
void lj_stream_member_put(struct lj_buf *b, const struct lj_stream_member *m);
LJ_MUST int lj_stream_member_get(struct lj_reader *r, struct lj_stream_member *ret,
                                 struct lj_err *err);

struct lj_head {
    uint64_t nonce;
    int64_t frontier, closure_frontier, now_us;
    struct lj_slice status, metrics;
};
void lj_head_put(struct lj_buf *b, const struct lj_head *h);
LJ_MUST int lj_head_get(const void *p, size_t n, struct lj_head *ret, struct lj_err *err);

#endif
