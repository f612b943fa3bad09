/* HTTP/1.1 on the libuv loop. The only header that the rest of the gateway sees of libmicrohttpd:
 * nothing of it shows here.
 *
 * A request goes through three calls of the program, always in this order, all on the loop thread:
 *   head   the head is complete and strictly well formed: choose the route, reply at once, or say
 * how much body is taken ready  the whole body is there: reply now, or later from any callback (the
 * connection is suspended meanwhile) done   the request is over, whatever became of it: free what
 * hangs on it What this layer refuses itself goes through `refuse`, so that every refusal that can
 * have a body has the same form. */
#ifndef LJ_GATEWAY_HTTP_H
#define LJ_GATEWAY_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "common/buf.h"
#include "common/err.h"

struct lj_http;
struct lj_http_priv;

struct lj_http_limits {
    int64_t header_bytes, headers, uri_bytes;
    int64_t header_timeout_ms, body_min_rate,
        body_grace_ms; /* bytes a second, looked at after the grace */
    int64_t keepalive_ms, keepalive_requests, reply_timeout_ms, stream_timeout_ms;
    int64_t per_address, total;
    int64_t drain_bytes; /* of a refused body that are read away before the refusal is sent */
    const char *trusted; /* addresses exempt from per_address: blanks or commas between; "loopback"
                            = 127.0.0.0/8 and ::1 */
};

enum { LJ_HTTP_EXTRA_MAX = 4, LJ_HTTP_PATH_MAX = 256 };

/* One request. The program reads all fields, and writes only `app`, `route` and `body_max`. */
struct lj_req {
    const char *method;          /* borrowed, valid until done */
    char path[LJ_HTTP_PATH_MAX]; /* decoded, without query and without scheme and host */
    struct lj_buf body;
    size_t body_max; /* more body than that is refused; 0 until head sets it: a body is read away */
    int has_length, chunked, loopback;
    int64_t started_us; /* monotonic: when the head was complete */
    int status;         /* of the reply, 0 before */
    void *app;
    const void *route;
    struct lj_http_priv *priv;
};

struct lj_http_ops {
    void (*head)(struct lj_req *rq, void *arg);
    void (*ready)(struct lj_req *rq, void *arg);
    void (*done)(struct lj_req *rq, void *arg);
    void (*refuse)(struct lj_req *rq, const struct lj_err *why, void *arg); /* must reply */
};

struct lj_http_stats {
    uint64_t accepted, refused_address, cut_head, cut_body, cut_reply, cut_idle, malformed;
    uint64_t open; /* connections now */
};

/* Start: binds address:port (port 0 = the system chooses), listens, watches the loop.
 * owner:  borrows loop and ops; limits are copied (its `trusted` text must outlive the server)
 * errors: LJ_E_IO (address in use, ...), LJ_E_CONFIG (address or trusted list unreadable),
 * LJ_E_NOMEM */
LJ_MUST int lj_http_listen(uv_loop_t *loop, const char *address, uint16_t port,
                           const struct lj_http_limits *limits, const struct lj_http_ops *ops,
                           void *arg, struct lj_http **ret, struct lj_err *err);
uint16_t lj_http_port(const struct lj_http *h);
const struct lj_http_stats *lj_http_stats(const struct lj_http *h);
/* Requests whose reply is not sent completely yet (streams not counted). */
size_t lj_http_busy(const struct lj_http *h);
/* No new connections from now on; what is open goes on, and each connection is closed after its
 * next reply. */
void lj_http_quiesce(struct lj_http *h);
/* Close everything; *h = NULL at once, cb when the last handle is gone. A request not answered by
 * then is cut off (its done is called). */
void lj_http_stop(struct lj_http **h, void (*cb)(void *arg), void *arg);

/* Request header's value (first of that name), NULL if absent; borrowed, valid until done. */
const char *lj_req_header(struct lj_req *rq, const char *name);
/* Decoded query argument, NULL if absent ("" when it has no value). */
const char *lj_req_query(struct lj_req *rq, const char *name);

/* Put a header on the reply, before the reply; name is static, value is copied (up to 127 bytes).
 */
void lj_req_set(struct lj_req *rq, const char *name, const char *value);
/* Answer. Takes the bytes of *body (leaves it empty); body may be NULL. content_type is static. At
 * most one reply a request. */
void lj_req_reply(struct lj_req *rq, int status, const char *content_type, struct lj_buf *body);
int lj_req_replied(const struct lj_req *rq);
/* Answer with bytes that live as long as the program. fields (ends with a NULL name, static) are
 * the header fields beside Content-Type and X-Content-Type-Options; none is added, Cache-Control
 * neither. */
struct lj_http_field {
    const char *name, *value;
};
void lj_req_reply_static(struct lj_req *rq, int status, const char *content_type, const void *data,
                         size_t n, const struct lj_http_field *fields);

enum { LJ_PEER_TEXT = 46 };
/* Who is at the other end: its address as text, or, behind a trusted proxy that says
 * X-Forwarded-For, the last address there. Returns whether TLS stands in front: 1 when a trusted
 * proxy says so, 0 when the client is this machine itself, -1 else. */
int lj_req_peer(struct lj_req *rq, char out[LJ_PEER_TEXT]);

/* A reply without an end. read(buf, cap) gives bytes, 0 = nothing now (then nothing is asked until
 * lj_req_wake), -1 = the end. */
typedef ssize_t (*lj_stream_read)(struct lj_req *rq, char *buf, size_t cap, void *arg);
void lj_req_stream(struct lj_req *rq, const char *content_type, lj_stream_read read, void *arg);
/* There is something to read again. Cheap when the stream is not waiting. */
void lj_req_wake(struct lj_req *rq);

#endif
