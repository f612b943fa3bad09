/* Sending: HELLO as a sign of life, packs in their order, and packs again.
 *
 * The socket is a DEALER without ZMQ_IMMEDIATE: with it libzmq 4.3.4 throws away what was received
 * when a connection ends, and aborts the process where half a message had been read (fq.cpp, the
 * end of socket_base_t::hiccuped). So what is sent to a broker that is not there waits in the
 * socket, is asked WHO by the next broker, and goes out again with the rest; packs are held back
 * while nothing is heard. Every send is DONTWAIT, and a refused one is only counted and tried again
 * at the next turn. A pack keeps its sequence number and its bytes however often it is sent: an
 * answer to any sending answers the pack, and the broker stores an id once.
 *
 * When is a pack sent again? At once, after the WELCOME of a broker with another nonce, or after
 * WHO (the broker took none of what came before); otherwise when no answer came for resend_us,
 * doubling up to resend_max_us, with jitter, so that a broker that was slow for a moment is not hit
 * by all its clients in step.
 */
#include <errno.h>
#include <string.h>

#include "client/client_impl.h"

enum { STUCK_US = 10000 };

int64_t client_jitter(struct lj_client *c, int64_t us)
{
    /* xorshift64*: spreads retries, nothing else depends on it. */
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    uint64_t r = (c->random * 0x2545f4914f6cdd1dULL) >> 33;
    return us - us / 4 + (int64_t)(r % ((uint64_t)us / 2 + 1));
}

static int send_message(struct lj_client *c, uint8_t type, uint64_t seq, const struct lj_buf *body)
{
    uint8_t envelope[LJ_ENVELOPE_SIZE];
    lj_envelope_put(envelope, type, seq);
    if (zmq_send(c->socket, envelope, sizeof envelope, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 ||
        zmq_send(c->socket, body->data, body->len, ZMQ_DONTWAIT) < 0)
        return LJ_E_BUSY;
    return 0;
}

/* libzmq connects again by itself after a connection that broke, but gives it up for good after
 * what it takes for a fault of the other side's protocol (a corrupted byte under CURVE, another
 * service on the port). So when many HELLOs had no answer, and none waits to be read, the endpoint
 * is disconnected and connected again; what waited for sending there is sent again like everything
 * without an answer. */
static void renew_connection(struct lj_client *c, int64_t now)
{
    int events = 0;
    size_t n = sizeof events;
    if (now - c->renewed_at < c->hello_us * RENEW_FACTOR ||
        zmq_getsockopt(c->socket, ZMQ_EVENTS, &events, &n) != 0 || (events & ZMQ_POLLIN))
        return;
    c->renewed_at = now;
    (void)zmq_disconnect(c->socket, c->endpoint);
    (void)zmq_connect(c->socket, c->endpoint); /* failed: tried again after as long a silence */
}

void client_hello(struct lj_client *c, int64_t now)
{
    int64_t most = c->hello_us * HELLO_AWAY_FACTOR;
    if (c->hello_wait == most)
        renew_connection(c, now);
    uint8_t space[1 + 8 + 1 + LJ_NAME_MAX];
    struct lj_buf body = {.data = space, .cap = sizeof space};
    struct lj_hello hello = {
        .role = LJ_ROLE_INTAKE, .nonce = c->boot_nonce, .name = {c->name, strlen(c->name)}};
    lj_hello_put(&body, &hello);
    int rc = send_message(c, LJ_MSG_HELLO, ++c->seq, &body);
    if (rc == 0 && lj_client_connected(c)) {
        c->hello_wait = HELLO_FIRST_US;
        c->hello_at = now + client_jitter(c, c->hello_us);
        return;
    }
    c->hello_at = now + c->hello_wait;
    c->hello_wait = c->hello_wait * 2 < most ? c->hello_wait * 2 : most;
}

static int send_pack(struct lj_client *c, struct pack *p, int64_t now)
{
    p->body.data[0] = (uint8_t)(p->count >> 8);
    p->body.data[1] = (uint8_t)p->count;
    int rc = send_message(c, LJ_MSG_SUBMIT, p->seq, &p->body);
    if (rc != 0) {
        c->stats.send_again++;
        return rc;
    }
    int64_t wait = c->resend_us;
    for (uint32_t i = 0; i < p->sendings && wait < c->resend_max_us; i++)
        wait *= 2;
    p->resend_at = now + client_jitter(c, wait < c->resend_max_us ? wait : c->resend_max_us);
    if (p->resend_at < c->next_resend)
        c->next_resend = p->resend_at;
    if (p->sendings == 0)
        c->stats.events_unsent -= p->count;
    else
        c->stats.events_resent += p->count;
    p->sendings++;
    c->stats.messages_sent++;
    c->stats.events_sent += p->count;
    return 0;
}

void client_resend_all(struct lj_client *c, int64_t now)
{
    for (struct pack *p = c->first; p && p != c->unsent; p = p->next)
        p->resend_at = now;
    c->next_resend = now;
    client_resend_due(c, now);
}

void client_resend_due(struct lj_client *c, int64_t now)
{
    if (now < c->next_resend)
        return;
    c->next_resend = INT64_MAX;
    int refused = 0;
    for (struct pack *p = c->first; p && p != c->unsent; p = p->next) {
        if (p->resend_at <= now && !refused)
            refused = send_pack(c, p, now) != 0;
        if (p->resend_at < c->next_resend)
            c->next_resend = p->resend_at;
    }
    if (refused)
        c->next_resend = now + STUCK_US;
}

int lj_client_connected(const struct lj_client *c)
{
    return c->welcomed && client_now(c) - c->heard_at <= 3 * c->hello_us;
}

static void flush(struct lj_client *c, int64_t now)
{
    c->stuck = 0;
    if (!lj_client_connected(c))
        return;
    while (c->unsent) {
        struct pack *p = c->unsent;
        if (send_pack(c, p, now) != 0) {
            c->stuck = 1;
            return;
        }
        pack_shut(c, p);
        c->unsent = p->next;
    }
}

void lj_client_flush(struct lj_client *c)
{
    flush(c, client_now(c));
}

int64_t lj_client_tick(struct lj_client *c, int64_t now)
{
    client_expire(c, now);
    if (now >= c->hello_at)
        client_hello(c, now);
    int connected = lj_client_connected(c);
    if (connected)
        client_resend_due(c, now);
    flush(c, now);
    int64_t next = c->hello_at;
    if (connected && c->next_resend < next)
        next = c->next_resend;
    if (c->stuck && now + STUCK_US < next)
        next = now + STUCK_US;
    if (c->first && c->first->slots[c->first->expired].deadline_us < next)
        next = c->first->slots[c->first->expired].deadline_us;
    return next;
}
