/* Life of a client: options, the DEALER socket, and the small loop for programs that have none.
 *
 * The socket's options are those of every peer of the broker: nothing queued to a broker that is
 * not there, no lingering, heartbeats below the 65.5 s at which libzmq's TTL wraps, a bound on a
 * frame's size. Queues of ZeroMQ are made as deep as the client's own limit, so that it is the
 * client's limit, counted in events and bytes, that a caller meets.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/client_impl.h"
#include "common/clock.h"

enum { RUN_BUDGET = 256, DRAIN_STEP_MS = 50 };

int64_t client_now(const struct lj_client *c)
{
    return c->clock_us ? c->clock_us(c->clock_arg) : lj_mono_us();
}

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static int is_name(const char *s)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@/+";
    size_t n = s ? strnlen(s, LJ_NAME_MAX + 1) : 0;
    return n > 0 && n <= LJ_NAME_MAX && strspn(s, letters) == n;
}

static int take_options(struct lj_client *c, const struct lj_client_options *o, struct lj_err *err)
{
    if (!o->endpoint || !*o->endpoint)
        return lj_fail(err, LJ_E_CONFIG, "the client's endpoint is missing");
    if (!is_name(o->name))
        return lj_fail(err, LJ_E_CONFIG,
                       "the client's name must be 1 to %d of A-Z a-z 0-9 . _ - : @ / +",
                       LJ_NAME_MAX);
    if (o->pack_max > 500)
        return lj_fail(err, LJ_E_CONFIG, "pack_max is %u, at most 500", o->pack_max);
    int keys = (o->curve_server_key != NULL) + (o->curve_public_key != NULL) +
               (o->curve_secret_key != NULL);
    if (keys != 0 && keys != 3)
        return lj_fail(err, LJ_E_CONFIG,
                       "CURVE needs the server's key and both own keys, %d of 3 are given", keys);
    memcpy(c->name, o->name, strlen(o->name));
    c->events_max = (uint32_t)or_default(o->events_max, 10000);
    c->pack_max = (uint32_t)or_default(o->pack_max, 200);
    c->bytes_max = o->bytes_max ? o->bytes_max : 16u << 20;
    c->deadline_us = or_default(o->deadline_us, 30 * 1000000LL);
    c->resend_us = or_default(o->resend_us, 3 * 1000000LL);
    c->resend_max_us = or_default(o->resend_max_us, 15 * 1000000LL);
    c->hello_us = or_default(o->hello_us, 1000000LL);
    c->clock_us = o->clock_us;
    c->clock_arg = o->clock_arg;
    return 0;
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int set_options(struct lj_client *c, struct lj_err *err)
{
    int hwm = c->events_max < 1000000 ? (int)c->events_max + 1000 : 1000000;
    const struct {
        int option, value;
    } table[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, hwm},
        {ZMQ_RCVHWM, hwm},
        {ZMQ_HEARTBEAT_IVL, 5000},
        {ZMQ_HEARTBEAT_TTL, 15000},
        {ZMQ_HEARTBEAT_TIMEOUT, 15000},
        {ZMQ_RECONNECT_IVL, 100},
        {ZMQ_RECONNECT_IVL_MAX, 2000},
        {ZMQ_HANDSHAKE_IVL, 5000},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (set_int(c->socket, table[i].option, table[i].value) != 0)
            return lj_fail(err, LJ_E_IO, "zmq option %d: %s", table[i].option, zmq_strerror(errno));
    }
    int64_t size = LJ_BODY_BYTES_MAX;
    if (zmq_setsockopt(c->socket, ZMQ_MAXMSGSIZE, &size, sizeof size) != 0)
        return lj_fail(err, LJ_E_IO, "zmq option MAXMSGSIZE: %s", zmq_strerror(errno));
    return 0;
}

static int set_keys(struct lj_client *c, const struct lj_client_options *o, struct lj_err *err)
{
    const struct {
        int option;
        const char *what, *key;
    } table[] = {
        {ZMQ_CURVE_SERVERKEY, "the server's key", o->curve_server_key},
        {ZMQ_CURVE_PUBLICKEY, "the own public key", o->curve_public_key},
        {ZMQ_CURVE_SECRETKEY, "the own secret key", o->curve_secret_key},
    };
    for (size_t i = 0; o->curve_server_key && i < sizeof table / sizeof *table; i++) {
        if (!table[i].key ||
            zmq_setsockopt(c->socket, table[i].option, table[i].key, strlen(table[i].key)) != 0)
            return lj_fail(err, LJ_E_CONFIG, "%s is no Z85 key of 40 characters", table[i].what);
    }
    return 0;
}

static int connect_socket(struct lj_client *c, const struct lj_client_options *o,
                          struct lj_err *err)
{
    c->context = o->zmq_context ? o->zmq_context : zmq_ctx_new();
    c->own_context = !o->zmq_context;
    c->endpoint = strdup(o->endpoint);
    if (!c->endpoint)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a client");
    c->socket = c->context ? zmq_socket(c->context, ZMQ_DEALER) : NULL;
    if (!c->socket)
        return lj_fail(err, LJ_E_IO, "no ZeroMQ socket: %s", zmq_strerror(errno));
    int rc = set_options(c, err);
    if (rc == 0)
        rc = set_keys(c, o, err);
    if (rc == 0 && zmq_connect(c->socket, o->endpoint) != 0)
        rc = lj_fail(err, errno == EINVAL || errno == EPROTONOSUPPORT ? LJ_E_CONFIG : LJ_E_IO,
                     "connect to %s: %s", o->endpoint, zmq_strerror(errno));
    return rc;
}

static void client_free(struct lj_client **cp)
{
    struct lj_client *c = *cp;
    pack_pool_free(c);
    if (c->socket)
        zmq_close(c->socket);
    if (c->own_context && c->context)
        zmq_ctx_term(c->context);
    free(c->endpoint);
    free(c);
    *cp = NULL;
}

int lj_client_open(const struct lj_client_options *o, struct lj_client **ret, struct lj_err *err)
{
    struct lj_client *c = calloc(1, sizeof *c);
    if (!c)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a client");
    int rc = take_options(c, o, err);
    if (rc != 0)
        goto fail;
    if (getrandom(&c->boot_nonce, sizeof c->boot_nonce, 0) != sizeof c->boot_nonce) {
        rc = lj_fail_errno(err, LJ_E_IO, errno, "no random bytes");
        goto fail;
    }
    c->random = c->boot_nonce | 1;
    c->next_resend = INT64_MAX;
    c->hello_wait = HELLO_FIRST_US;
    c->hello_at = c->renewed_at = client_now(c);
    rc = connect_socket(c, o, err);
    if (rc != 0)
        goto fail;
    *ret = c;
    return 0;
fail:
    client_free(&c);
    return rc;
}

void *lj_client_socket(struct lj_client *c)
{
    return c->socket;
}

void lj_client_stats(const struct lj_client *c, struct lj_client_stats *ret)
{
    *ret = c->stats;
}

/* One whole message: two frames are kept, more are read away. 0 = one was there. */
static int receive_one(struct lj_client *c)
{
    zmq_msg_t frames[3];
    int n = 0, more = 1, rc = 0;
    while (more) {
        int at = n < 2 ? n : 2;
        zmq_msg_init(&frames[at]);
        if (zmq_msg_recv(&frames[at], c->socket, ZMQ_DONTWAIT) < 0) {
            rc = -1;
            zmq_msg_close(&frames[at]);
            break;
        }
        more = zmq_msg_more(&frames[at]);
        if (at == 2)
            zmq_msg_close(&frames[at]);
        n++;
    }
    if (rc == 0)
        lj_client_receive(c, frames, n <= 2 ? n : 0);
    for (int i = 0; i < n && i < 2; i++)
        zmq_msg_close(&frames[i]);
    return rc;
}

static int64_t wait_ms(int64_t until_us, int64_t now_us)
{
    int64_t us = until_us - now_us;
    return us <= 0 ? 0 : (us + 999) / 1000;
}

int lj_client_run(struct lj_client *c, int timeout_ms, struct lj_err *err)
{
    assert(!c->in_callback);
    if (c->closing)
        return lj_fail(err, LJ_E_CLOSED, "the client is closing");
    uint64_t before = c->callbacks;
    int64_t end =
        timeout_ms < 0
            ? INT64_MAX
            : lj_mono_us() + timeout_ms * 1000LL; /* real time, whatever clock the options gave */
    for (;;) {
        int64_t now = client_now(c);
        int64_t tick = wait_ms(lj_client_tick(c, now), now);
        int64_t left = wait_ms(end, lj_mono_us());
        int idle = c->stats.events == 0 && lj_client_connected(c);
        int finished = c->callbacks != before || idle || left == 0;
        int64_t wait = finished ? 0 : tick < left ? tick : left;
        zmq_pollitem_t item = {.socket = c->socket, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, (long)wait) < 0) {
            if (errno != EINTR)
                return lj_fail(err, LJ_E_IO, "zmq_poll: %s", zmq_strerror(errno));
            finished = 1; /* a signal: the caller wants to look at its flag */
        }
        for (int i = 0; i < RUN_BUDGET && receive_one(c) == 0; i++)
            continue;
        if (finished)
            return (int)(c->callbacks - before);
    }
}

void lj_client_close(struct lj_client **cp, int drain_ms)
{
    struct lj_client *c = *cp;
    if (!c)
        return;
    assert(!c->in_callback);
    int64_t end = lj_mono_us() + drain_ms * 1000LL;
    for (int64_t left = drain_ms; left > 0 && c->stats.events > 0;
         left = wait_ms(end, lj_mono_us())) {
        struct lj_err err;
        if (lj_client_run(c, left < DRAIN_STEP_MS ? (int)left : DRAIN_STEP_MS, &err) < 0)
            break;
    }
    c->closing = 1;
    client_fail_all(c);
    client_free(cp);
}
