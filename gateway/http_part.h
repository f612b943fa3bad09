/* What the files of the HTTP layer share; nobody else includes it. */
#ifndef LJ_GATEWAY_HTTP_PART_H
#define LJ_GATEWAY_HTTP_PART_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "gateway/http.h"

enum lj_http_phase {
    LJ_CONN_HEAD,
    LJ_CONN_BODY,
    LJ_CONN_WORK,
    LJ_CONN_REPLY,
    LJ_CONN_STREAM,
    LJ_CONN_IDLE
};

/* One TCP connection, from MHD's notice of its start to that of its end. */
struct lj_http_conn {
    struct lj_http_conn *prev, *next;
    struct lj_http *http;
    struct MHD_Connection *mhd;
    struct lj_req *rq; /* the present request, NULL between two */
    int fd;
    enum lj_http_phase phase;
    bool marked; /* idle: bytes_mark is taken */
    bool trusted, loopback;
    struct in6_addr address; /* IPv4 as mapped */
    int64_t since_us;        /* of the phase, monotonic */
    uint64_t bytes_mark;     /* of the kernel's count of received bytes, when idle */
    uint64_t body_bytes;     /* of the present request */
    uint64_t requests;
    size_t uri_len;      /* of the present request line, as sent */
    const char *uri_end; /* its terminating NUL in the read buffer */
};

/* Count of open connections by address, open addressing. */
struct lj_addr_slot {
    struct in6_addr address;
    uint32_t n;
};
struct lj_addr_table {
    struct lj_addr_slot *slots;
    size_t cap, used;
};

struct lj_http {
    struct MHD_Daemon *daemon;
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t timer, sweep;
    uv_idle_t again;
    int handles;  /* not closed yet */
    bool running; /* inside MHD_run: nobody may run it again */
    bool quiesced;
    int listen_fd; /* ours after quiesce; -1 otherwise */
    uint16_t port;
    size_t busy;
    struct lj_http_limits limits;
    const struct lj_http_ops *ops;
    void *arg;
    struct lj_http_stats stats;
    struct lj_http_conn conns; /* head of the list */
    struct lj_addr_table addresses;
    struct in6_addr trusted[32];
    size_t n_trusted;
    bool trust_loopback;
    struct lj_req *suspended; /* list: requests whose connection is suspended */
    void (*stop_cb)(void *arg);
    void *stop_arg;
};

struct lj_http_priv {
    struct lj_http *http;
    struct lj_http_conn *conn;
    struct lj_req *prev, *next; /* of http->suspended */
    struct MHD_Response *response;
    size_t extras;
    struct {
        const char *name;
        char value[128];
    } extra[LJ_HTTP_EXTRA_MAX];
    uint64_t body_seen;
    const struct lj_http_field *fields; /* of a static reply */
    bool suspended, in_handler, ready_called, discarding, close, queued, expect, streaming, counted,
        gone;
    lj_stream_read read;
    void *read_arg;
};

/* http_head.c: the strict check of a complete head; fills rq's fields. errors: LJ_E_BAD_REQUEST,
 * LJ_E_HEADERS_TOO_LARGE, LJ_E_URI_TOO_LONG */
LJ_MUST int lj_http_head_check(struct lj_http_conn *conn, const char *url, const char *version,
                               struct lj_req *rq, struct lj_err *err);

/* http.c: run the library in the loop's next turn. A resume is seen by no fd (measured: the answer
 * waited for the next timer). */
void lj_http_kick(struct lj_http *h);

/* http_conn.c */
LJ_MUST int lj_http_trust(struct lj_http *h, const char *list, struct lj_err *err);
enum MHD_Result lj_http_on_accept(void *cls, const struct sockaddr *addr, socklen_t len);
void lj_http_on_connection(void *cls, struct MHD_Connection *mhd, void **ctx,
                           enum MHD_ConnectionNotificationCode code);
struct lj_http_conn *lj_http_conn_of(struct MHD_Connection *mhd);
void lj_http_conn_phase(struct lj_http_conn *conn, enum lj_http_phase phase);
void lj_http_conn_sweep(struct lj_http *h);
void lj_http_conn_cut(struct lj_http_conn *conn);

/* http_tcp.c: bytes that the kernel has received on a connection so far; 0 when it does not say. */
uint64_t lj_http_bytes_received(int fd);

/* http_reply.c */
enum MHD_Result lj_http_reply_queue(struct lj_req *rq);
void lj_http_suspend(struct lj_req *rq);
void lj_http_resume(struct lj_req *rq);
/* Write the refusal at hand straight to the socket: the library takes no response while a body is
 * still coming in. */
void lj_http_reply_raw(struct lj_req *rq);

#endif
