/* The gateway's configuration: one table gives options, file, bounds, help. */
#ifndef LJ_GATEWAY_CONFIG_H
#define LJ_GATEWAY_CONFIG_H

#include "common/cfg.h"
#include "gateway/http.h"

struct lj_gw_config {
    char *dsn, *run_dir, *listen, *trusted, *log_level;
    int64_t port;
    int64_t header_bytes, headers, uri_bytes, header_timeout_ms, body_min_rate, body_grace_ms,
        keepalive_ms, keepalive_requests;
    int64_t reply_timeout_ms, stream_timeout_ms, per_address, connections, drain_bytes;
    int64_t unit_rate, unit_burst, ack_timeout_ms, inflight_events, inflight_bytes, drain_ms,
        token_grace_ms;
    int64_t stream_readers, stream_readers_total, stream_ring_items, stream_ring_bytes,
        stream_heartbeat_ms;
};

/* As lj_cfg_load: 0, 1 after --help or --version, LJ_E_CONFIG. */
LJ_MUST int lj_gw_config_load(int argc, char **argv, struct lj_gw_config *ret, struct lj_err *err);
void lj_gw_config_free(struct lj_gw_config *c);
void lj_gw_config_limits(const struct lj_gw_config *c, struct lj_http_limits *ret);

#endif
