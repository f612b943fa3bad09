/* Options of the gateway.
 *
 * Every limit of what a client can make grow or wait is a row here, with the default that the
 * project ships; docs, --help and the file come from the same rows. The limits of an event itself
 * (64 KiB, 500 lines, depth, ...) are the protocol's (proto/limits.h) and no options: two gateways
 * of one installation must not differ in what they take. */
#include "gateway/config.h"

#include <stddef.h>
#include <string.h>

#define ROW(name, type, field, value, min, max, unit, help)                                        \
    {                                                                                              \
        name, type, offsetof(struct lj_gw_config, field), value, min, max, unit, help              \
    }

static const struct lj_cfg_row rows[] = {
    ROW("dsn", LJ_CFG_STR, dsn, NULL, 0, 0, "",
        "connection string of the database, role liangjin_web"),
    ROW("run-dir", LJ_CFG_STR, run_dir, NULL, 0, 0, "",
        "folder of the broker's sockets; gateway.port is written there"),
    ROW("listen", LJ_CFG_STR, listen, "127.0.0.1", 0, 0, "",
        "address to listen on; an exposed one belongs to a reverse proxy"),
    ROW("port", LJ_CFG_INT, port, "8080", 0, 65535, "",
        "port to listen on; 0 = the system chooses"),
    ROW("log-level", LJ_CFG_STR, log_level, "info", 0, 0, "",
        "lowest level written: debug, info, warn, error"),
    ROW("header-bytes", LJ_CFG_INT, header_bytes, "8192", 512, 16384, "bytes",
        "header fields of a request together; more: 431"),
    ROW("headers", LJ_CFG_INT, headers, "64", 8, 128, "",
        "number of header fields of a request; more: 431"),
    ROW("uri-bytes", LJ_CFG_INT, uri_bytes, "2048", 256, 8192, "bytes",
        "length of a request's address; more: 414"),
    ROW("header-timeout", LJ_CFG_INT, header_timeout_ms, "5000", 100, 60000, "ms",
        "a request's head must be there within this time"),
    ROW("body-min-rate", LJ_CFG_INT, body_min_rate, "1024", 0, 1048576, "bytes/s",
        "a body that comes slower than this is cut off"),
    ROW("body-grace", LJ_CFG_INT, body_grace_ms, "5000", 100, 60000, "ms",
        "before the rate of a body is looked at"),
    ROW("keepalive", LJ_CFG_INT, keepalive_ms, "30000", 100, 3600000, "ms",
        "an idle connection is closed after this"),
    ROW("keepalive-requests", LJ_CFG_INT, keepalive_requests, "1000", 1, 100000000, "",
        "requests a connection may make"),
    ROW("reply-timeout", LJ_CFG_INT, reply_timeout_ms, "30000", 100, 600000, "ms",
        "a reply must be taken within this time"),
    ROW("stream-timeout", LJ_CFG_INT, stream_timeout_ms, "60000", 1000, 600000, "ms",
        "a stream whose reader takes nothing is closed"),
    ROW("per-address", LJ_CFG_INT, per_address, "50", 1, 100000, "",
        "connections from one address"),
    ROW("trusted", LJ_CFG_STR, trusted, "loopback", 0, 0, "",
        "addresses exempt from per-address; loopback = 127.0.0.0/8 and ::1"),
    ROW("connections", LJ_CFG_INT, connections, "12000", 16, 100000, "",
        "connections in all; more wait in the system's queue"),
    ROW("drain-bytes", LJ_CFG_INT, drain_bytes, "4194304", 0, 1073741824, "bytes",
        "of a refused body that are read away before the answer"),
    ROW("unit-rate", LJ_CFG_INT, unit_rate, "20000", 1, 1000000, "events/s",
        "events a second for one unit, over all its tokens"),
    ROW("unit-burst", LJ_CFG_INT, unit_burst, "40000", 1, 1000000, "events", "burst of one unit"),
    ROW("ack-timeout", LJ_CFG_INT, ack_timeout_ms, "10000", 100, 60000, "ms",
        "without the broker's answer for so long: 503 outcome_unknown"),
    ROW("inflight-events", LJ_CFG_INT, inflight_events, "50000", 500, 1000000, "events",
        "without an answer at a time; more: 503 busy"),
    ROW("inflight-bytes", LJ_CFG_INT, inflight_bytes, "67108864", 1048576, 1073741824, "bytes",
        "of those events together"),
    ROW("drain", LJ_CFG_INT, drain_ms, "10000", 0, 600000, "ms",
        "after SIGTERM: for requests that are being answered"),
    ROW("token-grace", LJ_CFG_INT, token_grace_ms, "300000", 1000, 3600000, "ms",
        "known tokens stay good for so long without the database"),
    ROW("stream-readers", LJ_CFG_INT, stream_readers, "64", 1, 100000, "",
        "streams of one token at a time; more: 429"),
    ROW("stream-readers-total", LJ_CFG_INT, stream_readers_total, "4096", 1, 100000, "",
        "streams in all; more: 503"),
    ROW("stream-ring-items", LJ_CFG_INT, stream_ring_items, "65536", 16, 16777216, "",
        "recent events and closures kept for readers"),
    ROW("stream-ring-bytes", LJ_CFG_INT, stream_ring_bytes, "33554432", 65536, 1073741824, "bytes",
        "of memory for them"),
    ROW("stream-heartbeat", LJ_CFG_INT, stream_heartbeat_ms, "15000", 100, 600000, "ms",
        "a comment is sent on a quiet stream"),
};

enum { ROWS = sizeof rows / sizeof rows[0] };

int lj_gw_config_load(int argc, char **argv, struct lj_gw_config *ret, struct lj_err *err)
{
    memset(ret, 0, sizeof *ret);
    int rc = lj_cfg_load(rows, ROWS, argc, argv, ret, NULL, NULL, err);
    if (rc == 0 && (!ret->dsn || !ret->run_dir)) {
        rc = lj_fail(err, LJ_E_CONFIG, "--dsn and --run-dir are needed");
    }
    if (rc != 0) {
        lj_gw_config_free(ret);
    }
    return rc;
}

void lj_gw_config_free(struct lj_gw_config *c)
{
    lj_cfg_free(rows, ROWS, c);
}

void lj_gw_config_limits(const struct lj_gw_config *c, struct lj_http_limits *ret)
{
    *ret = (struct lj_http_limits){
        .header_bytes = c->header_bytes,
        .headers = c->headers,
        .uri_bytes = c->uri_bytes,
        .header_timeout_ms = c->header_timeout_ms,
        .body_min_rate = c->body_min_rate,
        .body_grace_ms = c->body_grace_ms,
        .keepalive_ms = c->keepalive_ms,
        .keepalive_requests = c->keepalive_requests,
        .reply_timeout_ms = c->reply_timeout_ms,
        .stream_timeout_ms = c->stream_timeout_ms,
        .per_address = c->per_address,
        .total = c->connections,
        .drain_bytes = c->drain_bytes,
        .trusted = c->trusted,
    };
}
