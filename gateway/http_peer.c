/* Who is at the other end of a connection, with a proxy in between or without.
 *
 * A header is believed only where its sender is: X-Forwarded-For and X-Forwarded-Proto count when
 * the connection comes from an address of `trusted`, and of the list only the last address, which
 * that proxy wrote itself; what stands before it, a client may have made up. Who is connected
 * directly from this machine, and through nothing, needs no TLS: nothing of it leaves the machine.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/http_part.h"

static void text_of(const struct in6_addr *a, char out[LJ_PEER_TEXT])
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(a);
    const void *bytes = v4 ? (const void *)(a->s6_addr + 12) : (const void *)a;
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, bytes, out, LJ_PEER_TEXT)) {
        snprintf(out, LJ_PEER_TEXT, "?");
    }
}

/* The last address of a list; false when that is none. */
static bool last_of(const char *list, char out[LJ_PEER_TEXT])
{
    struct in6_addr a = {0};
    struct in_addr v4;
    const char *at = strrchr(list, ',');
    at = at ? at + 1 : list;
    at += strspn(at, " \t");
    size_t n = strcspn(at, " \t");
    char word[LJ_PEER_TEXT];
    if (n == 0 || n >= sizeof word) {
        return false;
    }
    memcpy(word, at, n);
    word[n] = '\0';
    if (inet_pton(AF_INET, word, &v4) != 1 && inet_pton(AF_INET6, word, &a) != 1) {
        return false;
    }
    memcpy(out, word, n + 1);
    return true;
}

int lj_req_peer(struct lj_req *rq, char out[LJ_PEER_TEXT])
{
    const struct lj_http_conn *conn = rq->priv->conn;
    const char *list = lj_req_header(rq, "X-Forwarded-For");
    const char *proto = lj_req_header(rq, "X-Forwarded-Proto");
    text_of(&conn->address, out);
    if (!list && !proto && !lj_req_header(rq, "Forwarded")) {
        return conn->loopback ? 0 : -1;
    }
    if (!conn->trusted) {
        return -1;
    }
    if (list) {
        (void)last_of(list, out); /* else the proxy's own stands for all behind it */
    }
    return proto && strcasecmp(proto, "https") == 0 ? 1 : -1;
}
