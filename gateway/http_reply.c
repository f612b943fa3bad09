/* Replies: whole ones, streams, and the one that has to go out while a body is still coming in.
 *
 * A reply may be made inside the library's handler or much later. In the first case it is queued at
 * once; in the second the connection is suspended meanwhile, and the reply resumes it: the handler
 * is then called again and queues it. A stream suspends its connection whenever its reader has
 * nothing, and lj_req_wake resumes it, so an idle stream costs no turn of the loop. */
#include "gateway/http_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"

void lj_req_set(struct lj_req *rq, const char *name, const char *value)
{
    struct lj_http_priv *p = rq->priv;
    if (p->extras < LJ_HTTP_EXTRA_MAX) {
        p->extra[p->extras].name = name;
        snprintf(p->extra[p->extras].value, sizeof p->extra[0].value, "%s", value);
        p->extras++;
    }
}

int lj_req_replied(const struct lj_req *rq)
{
    return rq->priv->response != NULL;
}

void lj_http_suspend(struct lj_req *rq)
{
    struct lj_http_priv *p = rq->priv;
    struct lj_http *h = p->http;
    p->suspended = true;
    p->prev = NULL;
    p->next = h->suspended;
    if (h->suspended) {
        h->suspended->priv->prev = rq;
    }
    h->suspended = rq;
    MHD_suspend_connection(p->conn->mhd);
}

void lj_http_resume(struct lj_req *rq)
{
    struct lj_http_priv *p = rq->priv;
    if (!p->suspended) {
        return;
    }
    p->suspended = false;
    if (p->prev) {
        p->prev->priv->next = p->next;
    } else {
        p->http->suspended = p->next;
    }
    if (p->next) {
        p->next->priv->prev = p->prev;
    }
    p->prev = p->next = NULL;
    MHD_resume_connection(p->conn->mhd);
    lj_http_kick(p->http);
}

static void put_headers(struct lj_req *rq, const char *content_type)
{
    struct lj_http_priv *p = rq->priv;
    struct MHD_Response *r = p->response;
    if (content_type) {
        MHD_add_response_header(r, "Content-Type", content_type);
    }
    if (!p->fields) {
        MHD_add_response_header(r, "Cache-Control", "no-store");
    }
    for (const struct lj_http_field *f = p->fields; f && f->name; f++) {
        MHD_add_response_header(r, f->name, f->value);
    }
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; i < p->extras; i++) {
        MHD_add_response_header(r, p->extra[i].name, p->extra[i].value);
    }
    if (p->close || p->http->quiesced ||
        p->conn->requests >= (uint64_t)p->http->limits.keepalive_requests) {
        MHD_add_response_header(r, "Connection", "close");
    }
}

/* A response that could not be made for want of memory ends the connection: the client sees no
 * answer, which it must treat as unknown. */
static void reply_ready(struct lj_req *rq, int status, const char *content_type)
{
    struct lj_http_priv *p = rq->priv;
    rq->status = status;
    if (!p->response) {
        lj_http_conn_cut(p->conn);
    } else {
        put_headers(rq, content_type);
    }
    lj_http_resume(rq);
}

void lj_req_reply(struct lj_req *rq, int status, const char *content_type, struct lj_buf *body)
{
    struct lj_http_priv *p = rq->priv;
    if (p->response) {
        return;
    }
    if (body && body->failed) {
        lj_buf_free(body);
        status = 503; /* without memory for the text the status must do */
    }
    if (body && body->data && body->len) {
        p->response = MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_FREE);
        if (p->response) {
            *body = (struct lj_buf){0};
        } else {
            lj_buf_free(body);
        }
    } else {
        p->response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
    reply_ready(rq, status, content_type);
}

void lj_req_reply_static(struct lj_req *rq, int status, const char *content_type, const void *data,
                         size_t n, const struct lj_http_field *fields)
{
    struct lj_http_priv *p = rq->priv;
    if (p->response) {
        return;
    }
    /* PERSISTENT: the library only reads it; its parameter is not const for other modes' sake. */
    p->response =
        MHD_create_response_from_buffer(n, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT);
    p->fields = fields;
    reply_ready(rq, status, content_type);
}

static ssize_t on_stream_read(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct lj_req *rq = cls;
    (void)pos;
    if (rq->priv->gone) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    ssize_t n = rq->priv->read(rq, buf, max, rq->priv->read_arg);
    if (n > 0) {
        return n;
    }
    if (n < 0) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    lj_http_suspend(rq);
    return 0;
}

enum {
    STREAM_BLOCK = 16384
}; /* source: half of a connection's memory; a reader's whole buffer stays below 256 KiB (issue,
      H-limits) */

void lj_req_stream(struct lj_req *rq, const char *content_type, lj_stream_read read, void *arg)
{
    struct lj_http_priv *p = rq->priv;
    if (p->response) {
        return;
    }
    p->streaming = true;
    p->read = read;
    p->read_arg = arg;
    p->response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_stream_read, rq, NULL);
    if (p->counted) { /* a stream is not something a drain waits for */
        p->counted = false;
        p->http->busy--;
    }
    reply_ready(rq, 200, content_type);
}

void lj_req_wake(struct lj_req *rq)
{
    if (rq->priv->streaming && rq->priv->queued) {
        lj_http_resume(rq);
    }
}

enum MHD_Result lj_http_reply_queue(struct lj_req *rq)
{
    struct lj_http_priv *p = rq->priv;
    if (p->queued) {
        return MHD_YES;
    }
    p->queued = true;
    lj_http_conn_phase(p->conn, p->streaming ? LJ_CONN_STREAM : LJ_CONN_REPLY);
    if (p->streaming) {
        unsigned seconds = (unsigned)(p->http->limits.stream_timeout_ms / 1000);
        MHD_set_connection_option(p->conn->mhd, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
    }
    return MHD_queue_response(p->conn->mhd, (unsigned)rq->status, p->response);
}

void lj_http_reply_raw(struct lj_req *rq)
{
    char head[512];
    const char *type = MHD_get_response_header(rq->priv->response, "Content-Type");
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d Refused\r\nContent-Type: %s\r\nConnection: close\r\n\r\n",
                     rq->status, type ? type : "text/plain");
    /* The text itself was given to the library; a status line is what a client needs to stop
     * sending. */
    if (send(rq->priv->conn->fd, head, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        return; /* the peer does not read either: it is cut off all the same */
    }
    shutdown(rq->priv->conn->fd, SHUT_WR);
}
