/* Connections: how many an address may have, and how long each may take for what.
 *
 * libmicrohttpd's timeout counts silence only, so a client that sends one byte a second lives for
 * ever. Here each connection has a phase (waiting for a head, reading a body, at work, sending a
 * reply, streaming, idle) with a deadline of its own, looked at twice a second; who is late is cut
 * off by shutdown(2), which libmicrohttpd then sees as the end of the connection and cleans up in
 * its own way. head   header_timeout from the connection's start, or from the first byte after
 * idleness (the kernel counts bytes for us: TCP_INFO) body   at least body_min_rate bytes a second
 * over the whole body, once the grace is over reply  reply_timeout for sending it all stream
 * silence of the reader with something to send: libmicrohttpd's own timeout, set for that
 * connection; gone: looked for here The sweep costs one comparison a connection: 12,000 connections
 * take well below a millisecond twice a second. */
#include "gateway/http_part.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"

static struct in6_addr address_of(const struct sockaddr *sa)
{
    struct in6_addr a = {0};
    if (sa && sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        a = in6.sin6_addr;
    } else if (sa && sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        a.s6_addr[10] = a.s6_addr[11] = 0xff;
        memcpy(a.s6_addr + 12, &in.sin_addr, 4);
    }
    return a;
}

static bool is_loopback(const struct in6_addr *a)
{
    return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

static bool is_trusted(const struct lj_http *h, const struct in6_addr *a)
{
    if (h->trust_loopback && is_loopback(a)) {
        return true;
    }
    for (size_t i = 0; i < h->n_trusted; i++) {
        if (memcmp(&h->trusted[i], a, sizeof *a) == 0) {
            return true;
        }
    }
    return false;
}

static int trust_word(struct lj_http *h, const char *word, struct lj_err *err)
{
    struct in_addr v4;
    struct in6_addr a = {0};
    if (strcmp(word, "loopback") == 0) {
        h->trust_loopback = true;
        return 0;
    }
    if (inet_pton(AF_INET, word, &v4) == 1) {
        a.s6_addr[10] = a.s6_addr[11] = 0xff;
        memcpy(a.s6_addr + 12, &v4, 4);
    } else if (inet_pton(AF_INET6, word, &a) != 1) {
        return lj_fail(err, LJ_E_CONFIG, "trusted: '%s' is no address", word);
    }
    if (h->n_trusted == sizeof h->trusted / sizeof h->trusted[0]) {
        return lj_fail(err, LJ_E_CONFIG, "trusted: more than %zu addresses", h->n_trusted);
    }
    h->trusted[h->n_trusted++] = a;
    return 0;
}

int lj_http_trust(struct lj_http *h, const char *list, struct lj_err *err)
{
    char word[64];
    const char *p = list ? list : "";
    while (*p) {
        size_t n = strcspn(p, " ,\t");
        if (n >= sizeof word) {
            return lj_fail(err, LJ_E_CONFIG, "trusted: '%.40s...' is no address", p);
        }
        memcpy(word, p, n);
        word[n] = '\0';
        if (n && trust_word(h, word, err) != 0) {
            return LJ_E_CONFIG;
        }
        p += n + (p[n] != '\0');
    }
    return 0;
}

static size_t slot_of(const struct lj_addr_table *t, const struct in6_addr *a)
{
    uint64_t x = 1469598103934665603u; /* FNV-1a: addresses are few and bounded by `total` */
    for (size_t i = 0; i < sizeof *a; i++) {
        x = (x ^ a->s6_addr[i]) * 1099511628211u;
    }
    size_t at = (size_t)x & (t->cap - 1);
    while (t->slots[at].n && memcmp(&t->slots[at].address, a, sizeof *a) != 0) {
        at = (at + 1) & (t->cap - 1);
    }
    return at;
}

static uint32_t address_count(const struct lj_addr_table *t, const struct in6_addr *a)
{
    return t->cap ? t->slots[slot_of(t, a)].n : 0;
}

/* The table has twice as many slots as there may be connections, so there is always an empty one.
 */
static void address_add(struct lj_http *h, const struct in6_addr *a)
{
    struct lj_addr_table *t = &h->addresses;
    if (!t->cap) {
        size_t cap = 64;
        while (cap < 2 * (size_t)h->limits.total) {
            cap *= 2;
        }
        t->slots = calloc(cap, sizeof *t->slots);
        if (!t->slots) {
            return; /* not counted: the total still bounds it */
        }
        t->cap = cap;
    }
    struct lj_addr_slot *slot = &t->slots[slot_of(t, a)];
    if (slot->n == 0) {
        if (t->used + 1 >= t->cap) {
            return;
        }
        t->used++;
        slot->address = *a;
    }
    slot->n++;
}

static void address_drop(struct lj_http *h, const struct in6_addr *a)
{
    struct lj_addr_table *t = &h->addresses;
    if (!t->cap) {
        return;
    }
    size_t at = slot_of(t, a);
    if (t->slots[at].n == 0 || --t->slots[at].n > 0) {
        return;
    }
    t->used--;
    /* Close the hole: take out and put in again what follows in the same run. */
    for (size_t i = (at + 1) & (t->cap - 1); t->slots[i].n; i = (i + 1) & (t->cap - 1)) {
        struct lj_addr_slot moved = t->slots[i];
        t->slots[i].n = 0;
        t->slots[slot_of(t, &moved.address)] = moved;
    }
}

enum MHD_Result lj_http_on_accept(void *cls, const struct sockaddr *addr, socklen_t len)
{
    struct lj_http *h = cls;
    (void)len;
    struct in6_addr a = address_of(addr);
    if (!is_trusted(h, &a) && address_count(&h->addresses, &a) >= (uint64_t)h->limits.per_address) {
        h->stats.refused_address++;
        return MHD_NO;
    }
    return MHD_YES;
}

static struct lj_http_conn *conn_new(struct lj_http *h, struct MHD_Connection *mhd)
{
    struct lj_http_conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        return NULL;
    }
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *addr =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    conn->http = h;
    conn->mhd = mhd;
    conn->fd = fd ? fd->connect_fd : -1;
    conn->address = address_of(addr ? addr->client_addr : NULL);
    conn->trusted = is_trusted(h, &conn->address);
    conn->loopback = is_loopback(&conn->address);
    conn->phase = LJ_CONN_HEAD;
    conn->since_us = lj_mono_us();
    conn->prev = &h->conns;
    conn->next = h->conns.next;
    conn->next->prev = conn;
    h->conns.next = conn;
    address_add(h, &conn->address);
    h->stats.accepted++;
    h->stats.open++;
    return conn;
}

void lj_http_on_connection(void *cls, struct MHD_Connection *mhd, void **ctx,
                           enum MHD_ConnectionNotificationCode code)
{
    struct lj_http *h = cls;
    struct lj_http_conn *conn = *ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *ctx = conn_new(h, mhd); /* NULL: its requests are refused */
        return;
    }
    if (!conn) {
        return;
    }
    address_drop(h, &conn->address);
    conn->prev->next = conn->next;
    conn->next->prev = conn->prev;
    h->stats.open--;
    free(conn);
    *ctx = NULL;
}

struct lj_http_conn *lj_http_conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void lj_http_conn_phase(struct lj_http_conn *conn, enum lj_http_phase phase)
{
    conn->phase = phase;
    conn->marked = false;
    conn->since_us = lj_mono_us();
}

void lj_http_conn_cut(struct lj_http_conn *conn)
{
    shutdown(conn->fd, SHUT_RDWR); /* an error means that the peer was faster */
}

/* Idle after a reply: a further head has begun when the kernel has received more than when we first
 * looked. */
static void sweep_idle(struct lj_http_conn *conn, int64_t age_us)
{
    uint64_t now = lj_http_bytes_received(conn->fd);
    if (!conn->marked) {
        conn->marked = true;
        conn->bytes_mark = now;
    } else if (now > conn->bytes_mark) {
        lj_http_conn_phase(conn, LJ_CONN_HEAD);
        return;
    }
    if (age_us > conn->http->limits.keepalive_ms * 1000) {
        conn->http->stats.cut_idle++;
        lj_http_conn_cut(conn);
    }
}

/* A stream with nothing to send is suspended, and the library looks at no suspended connection: a
 * reader that has gone would be found at the next heartbeat only, and count against its token until
 * then. A reader that closes its sending half has gone too. */
static void sweep_stream(struct lj_http_conn *conn)
{
    struct pollfd p = {.fd = conn->fd, .events = POLLRDHUP};
    if (conn->rq && poll(&p, 1, 0) > 0) {
        conn->rq->priv->gone = true;
        lj_http_resume(conn->rq);
    }
}

static void sweep_one(struct lj_http_conn *conn, int64_t now_us)
{
    struct lj_http *h = conn->http;
    const struct lj_http_limits *l = &h->limits;
    int64_t age_us = now_us - conn->since_us;
    uint64_t *cut = NULL;
    if (conn->phase == LJ_CONN_HEAD && age_us > l->header_timeout_ms * 1000) {
        cut = &h->stats.cut_head;
    } else if (conn->phase == LJ_CONN_BODY && age_us > l->body_grace_ms * 1000 &&
               conn->body_bytes < (uint64_t)(l->body_min_rate * age_us / 1000000)) {
        cut = &h->stats.cut_body;
    } else if (conn->phase == LJ_CONN_REPLY && age_us > l->reply_timeout_ms * 1000) {
        cut = &h->stats.cut_reply;
    } else if (conn->phase == LJ_CONN_STREAM) {
        sweep_stream(conn);
    } else if (conn->phase == LJ_CONN_IDLE) {
        sweep_idle(conn, age_us);
    }
    if (cut) {
        (*cut)++;
        lj_http_conn_cut(conn);
        lj_http_conn_phase(
            conn, conn->phase); /* counted once: the end comes long before the next deadline */
    }
}

void lj_http_conn_sweep(struct lj_http *h)
{
    int64_t now_us = lj_mono_us();
    for (struct lj_http_conn *conn = h->conns.next; conn != &h->conns; conn = conn->next) {
        sweep_one(conn, now_us);
    }
}
