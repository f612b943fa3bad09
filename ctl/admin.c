/* The admin side of ljctl: a DEALER on RUN_DIR/admin.sock; the only file of ctl/ that includes
 * zmq.h.
 *
 * HELLO goes out before the first request and again after each WHO (the broker was restarted): a
 * request that was not answered is then sent again with the same seq, so that an answer is matched
 * to it whichever broker gives it. Admin requests are safe to repeat: they set a state, and redrive
 * and drop touch only what is still parked. An ipc DEALER connects in the background, so "nobody
 * answers" is a passed deadline; a missing socket file is told at once. */
#include "ctl/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "proto/wire.h"

struct lj_admin {
    void *ctx;
    void *sock;
    uint64_t nonce;
    uint64_t seq;      /* of the last request */
    int greeted;       /* HELLO sent and no WHO since */
    int64_t polled_at; /* monotonic us of an unanswered status poll, 0 = none */
    char path[200];
};

static int send_frames(struct lj_admin *a, uint8_t type, uint64_t seq, const void *body, size_t n)
{
    uint8_t head[LJ_ENVELOPE_SIZE];
    lj_envelope_put(head, type, seq);
    if (zmq_send(a->sock, head, sizeof head, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return -1;
    return zmq_send(a->sock, body, n, ZMQ_DONTWAIT) < 0 ? -1 : 0;
}

static int send_hello(struct lj_admin *a)
{
    struct lj_buf b = {0};
    struct lj_hello h = {.role = LJ_ROLE_ADMIN, .nonce = a->nonce, .name = {"ljctl", 5}};
    lj_hello_put(&b, &h);
    int rc = b.failed ? -1 : send_frames(a, LJ_MSG_HELLO, 0, b.data, b.len);
    lj_buf_free(&b);
    a->greeted = rc == 0;
    return rc;
}

static int send_request(struct lj_admin *a, const char *text)
{
    if (!a->greeted && send_hello(a) != 0)
        return -1;
    return send_frames(a, LJ_MSG_ADMIN, a->seq, text, strlen(text));
}

int lj_admin_open(const char *run_dir, struct lj_admin **ret, struct lj_err *err)
{
    char endpoint[240];
    int zero = 0;
    struct lj_admin *a = calloc(1, sizeof *a);
    if (!a)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the admin connection");
    a->nonce = (uint64_t)lj_now_us() ^ ((uint64_t)getpid() << 44);
    int n = snprintf(a->path, sizeof a->path, "%s/admin.sock", run_dir);
    if (n < 0 || (size_t)n >= sizeof a->path) {
        free(a);
        return lj_fail(err, LJ_E_ARG, "the path %.120s is too long for a socket", run_dir);
    }
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s", a->path);
    a->ctx = zmq_ctx_new();
    a->sock = a->ctx ? zmq_socket(a->ctx, ZMQ_DEALER) : NULL;
    int interval = 50; /* ms: the broker may be just starting */
    int64_t max = INT64_C(64) * 1024 * 1024;
    if (!a->sock || zmq_setsockopt(a->sock, ZMQ_LINGER, &zero, sizeof zero) != 0 ||
        zmq_setsockopt(a->sock, ZMQ_RECONNECT_IVL, &interval, sizeof interval) != 0 ||
        zmq_setsockopt(a->sock, ZMQ_MAXMSGSIZE, &max, sizeof max) != 0 ||
        zmq_connect(a->sock, endpoint) != 0) {
        int sys = zmq_errno();
        lj_admin_close(&a);
        return lj_fail(err, LJ_E_IO, "cannot open %.160s: %s", endpoint, zmq_strerror(sys));
    }
    *ret = a;
    return 0;
}

void lj_admin_close(struct lj_admin **admin)
{
    struct lj_admin *a = *admin;
    if (!a)
        return;
    if (a->sock)
        (void)zmq_close(a->sock);
    if (a->ctx)
        (void)zmq_ctx_term(a->ctx);
    free(a);
    *admin = NULL;
}

/* What one received message was. */
enum got { GOT_NOTHING, GOT_OTHER, GOT_WHO, GOT_REPLY, GOT_ERROR };

/* Read one message if there is one; a reply's body goes to *ret_body (the caller frees). */
static enum got receive(struct lj_admin *a, char **ret_body, size_t *ret_n)
{
    struct lj_envelope e = {0};
    enum got got = GOT_NOTHING;
    int more = 1;
    for (int frame = 0; more; frame++) {
        zmq_msg_t m;
        (void)zmq_msg_init(&m);
        if (zmq_msg_recv(&m, a->sock, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&m);
            return got;
        }
        more = zmq_msg_more(&m);
        if (frame == 0) {
            got = GOT_OTHER;
            if (lj_envelope_get(zmq_msg_data(&m), zmq_msg_size(&m), &e, NULL) == 0 &&
                e.type == LJ_MSG_WHO)
                got = GOT_WHO;
        } else if (frame == 1 && (e.type == LJ_MSG_ADMIN_REPLY || e.type == LJ_MSG_ERROR) &&
                   e.seq == a->seq) {
            *ret_n = zmq_msg_size(&m);
            *ret_body = strndup(zmq_msg_data(&m), *ret_n);
            if (*ret_body)
                got = e.type == LJ_MSG_ADMIN_REPLY ? GOT_REPLY : GOT_ERROR;
        }
        (void)zmq_msg_close(&m);
    }
    return got;
}

/* The broker's refusal as an error of ours: its code is a number or a stable name. */
static int refusal(const json_t *reply, struct lj_err *err)
{
    const json_t *code = json_object_get(reply, "code");
    const char *detail = json_string_value(json_object_get(reply, "detail"));
    const json_t *leased = json_object_get(reply, "leased");
    int number = LJ_E_STATE;
    if (!code && json_is_integer(leased)) /* drain: its time was up */
        return lj_fail(err, LJ_E_TIMEOUT, "%lld event(s) were still leased when the time was up",
                       (long long)json_integer_value(leased));
    if (json_is_integer(code))
        number = (int)json_integer_value(code);
    for (int n = 1; json_is_string(code) && n < 200; n++) {
        const struct lj_err_info *info = lj_err_info(-n);
        if (info->code == -n && strcmp(info->name, json_string_value(code)) == 0)
            number = -n;
    }
    return lj_fail(err, number > 0 ? -number : number, "the broker refused: %s",
                   detail ? detail : lj_err_info(number)->en);
}

static int take_reply(const char *body, size_t n, json_t **ret, struct lj_err *err)
{
    json_error_t where;
    json_t *reply = json_loadb(body, n, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(reply)) {
        json_decref(reply);
        return lj_fail(err, LJ_E_PROTOCOL, "the broker's answer is no JSON object: %s", where.text);
    }
    if (json_is_false(json_object_get(reply, "ok"))) {
        int rc = refusal(reply, err);
        json_decref(reply);
        return rc;
    }
    *ret = reply;
    return 0;
}

static int error_message(const char *body, size_t n, struct lj_err *err)
{
    struct lj_reader r = lj_reader(body, n);
    int16_t code = (int16_t)lj_read_u16(&r);
    size_t len = 0;
    const char *text = lj_read_str8(&r, &len);
    if (r.bad || code >= 0)
        return lj_fail(err, LJ_E_PROTOCOL, "the broker's error message is malformed");
    return lj_fail(err, code, "the broker refused: %.*s", (int)len, text);
}

/* Wait for the answer to a->seq until the deadline; text is sent again after WHO. */
static int await_reply(struct lj_admin *a, const char *text, int64_t deadline_us, json_t **ret,
                       struct lj_err *err)
{
    for (;;) {
        char *body = NULL;
        size_t n = 0;
        enum got got = receive(a, &body, &n);
        if (got == GOT_REPLY || got == GOT_ERROR) {
            int rc = got == GOT_REPLY ? take_reply(body, n, ret, err) : error_message(body, n, err);
            free(body);
            return rc;
        }
        if (got == GOT_WHO) {
            a->greeted = 0;
            (void)send_request(a, text);
        }
        int64_t left = (deadline_us - lj_mono_us()) / 1000;
        if (got != GOT_NOTHING)
            continue;
        zmq_pollitem_t item = {.socket = a->sock, .events = ZMQ_POLLIN};
        if (left <= 0 || (zmq_poll(&item, 1, (long)left) < 0 && zmq_errno() != EINTR))
            return lj_fail(err, LJ_E_BROKER_AWAY, "the broker does not answer on %.160s", a->path);
    }
}

int lj_admin_call(struct lj_admin *a, json_t *request, int timeout_ms, json_t **ret,
                  struct lj_err *err)
{
    struct stat st;
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (!text)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a request");
    int rc = 0;
    a->seq++;
    if (stat(a->path, &st) != 0)
        rc = lj_fail_errno(err, LJ_E_BROKER_AWAY, errno, "no broker at %.160s", a->path);
    else if (send_request(a, text) != 0)
        rc = lj_fail(err, LJ_E_BROKER_AWAY, "cannot send to %.160s: %s", a->path,
                     zmq_strerror(zmq_errno()));
    else
        rc = await_reply(a, text, lj_mono_us() + (int64_t)timeout_ms * 1000, ret, err);
    free(text);
    return rc;
}

int lj_admin_poll_status(struct lj_admin *a, json_t **ret)
{
    static const char text[] = "{\"op\":\"status\"}";
    enum { RESEND_US = 3000000 }; /* an answer that has not come by then was lost with its broker */
    int found = 0;
    char *body = NULL;
    size_t n = 0;
    enum got got;
    while ((got = receive(a, &body, &n)) != GOT_NOTHING) {
        if (got == GOT_REPLY && !found)
            found = take_reply(body, n, ret, NULL) == 0;
        if (got == GOT_WHO) {
            a->greeted = 0;
            a->polled_at = 0;
        }
        if (got == GOT_REPLY)
            a->polled_at = 0;
        free(body);
        body = NULL;
    }
    int64_t now = lj_mono_us();
    if (a->polled_at && now - a->polled_at < RESEND_US)
        return found;
    if (a->polled_at)
        a->greeted = 0;
    a->seq++;
    a->polled_at = send_request(a, text) == 0 ? now : 0;
    return found;
}
