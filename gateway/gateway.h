/* The gateway process: its parts in one struct, made in main and passed down. */
#ifndef LJ_GATEWAY_GATEWAY_H
#define LJ_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <uv.h>

#include "client/liangjin.h"
#include "common/loop_zmq.h"
#include "common/metrics.h"
#include "common/uuid.h"
#include "gateway/catalog.h"
#include "gateway/config.h"
#include "gateway/feed.h"
#include "gateway/http.h"
#include "gateway/link.h"
#include "gateway/problem.h"
#include "proto/json_scan.h"

enum { LJ_GW_ROUTES = 40, LJ_GW_STATUSES = 24 };

/* Counters; plain integers on the loop thread. */
struct lj_gw_metrics {
    uint64_t requests[LJ_GW_ROUTES]
                     [LJ_GW_STATUSES]; /* [route][place of the status in metrics.c's table] */
    uint64_t stored, repeated, conflict, refused, rate_limited, busy, unknown,
        away; /* events by outcome */
    uint64_t streams_opened, stream_db_pages;
    struct lj_hist ack; /* submit to answer */
};

struct lj_gateway {
    struct lj_gw_config config;
    uv_loop_t loop;
    void *zmq;
    struct lj_zloop *zloop;
    struct lj_http *http;
    struct lj_client *client;
    struct lj_zsock *client_sock;
    struct lj_link *query; /* provenance and stream pages */
    struct lj_catalog *catalog;
    struct lj_feed *feed;
    struct lj_desk *desk;   /* login.h */
    struct lj_board *board; /* board.h */
    struct lj_link *board_link;
    struct lj_link *pages_link; /* ask.h */
    struct lj_json_scratch *scratch;
    struct lj_uuid_gen uuids;
    struct lj_bucket *unit_buckets;   /* by unit number */
    struct lj_bucket confirm_bucket;  /* of all one-time links */
    struct lj_bucket accept_bucket;   /* of all invitations */
    int accept_hashing;               /* passwords that are being hashed for them */
    struct lj_bucket public_bucket;   /* of all questions that anybody may ask */
    struct lj_stream_reader *readers; /* list */
    size_t n_readers;
    uv_timer_t tick; /* the client's clock, the drain's end, heartbeats */
    uv_signal_t sigterm, sigint;
    int signals; /* received */
    bool draining, stopping;
    int64_t drain_until_us; /* monotonic */
    int closing;            /* parts whose close is under way */
    int exit_status;
    struct lj_gw_metrics m;
};

/* Run the gateway until it is told to stop. Returns the exit status of docs/contracts.md. */
int lj_gateway_run(const struct lj_gw_config *config);

/* Reply with a problem (Retry-After and WWW-Authenticate with it). */
void lj_gw_problem(struct lj_req *rq, const struct lj_problem *p);
/* The same for a code with nothing special to say. */
void lj_gw_refuse(struct lj_req *rq, int code, const char *detail);
/* JSON reply; takes *body. */
void lj_gw_json(struct lj_req *rq, int status, struct lj_buf *body);

/* ---- handlers (routes.c has the table) ---- */
void lj_intake_head(struct lj_gateway *g, struct lj_req *rq);
void lj_intake_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_intake_done(struct lj_gateway *g, struct lj_req *rq);
void lj_provenance_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_provenance_done(struct lj_gateway *g, struct lj_req *rq);
void lj_stream_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_stream_done(struct lj_gateway *g, struct lj_req *rq);
void lj_stream_tick(struct lj_gateway *g); /* heartbeats, ends of revoked tokens */
void lj_stream_wake(struct lj_gateway *g); /* the feed has something new */
void lj_stream_end_all(struct lj_gateway *g);
void lj_metrics_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_metrics_count(struct lj_gateway *g, int route, int status);
void lj_login_head(struct lj_gateway *g, struct lj_req *rq);
void lj_login_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_login_done(struct lj_gateway *g, struct lj_req *rq);
void lj_logout_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_me_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_board_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_board_done(struct lj_gateway *g, struct lj_req *rq);
void lj_page_ready(struct lj_gateway *g, struct lj_req *rq); /* dashboard.c */
void lj_ui_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_confirm_head(struct lj_gateway *g, struct lj_req *rq); /* confirm.c */
void lj_confirm_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_confirm_done(struct lj_gateway *g, struct lj_req *rq);
void lj_ask_ready(struct lj_gateway *g, struct lj_req *rq); /* ask.c */
void lj_ask_done(struct lj_gateway *g, struct lj_req *rq);
void lj_accept_head(struct lj_gateway *g, struct lj_req *rq); /* accept.c */
void lj_accept_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_accept_done(struct lj_gateway *g, struct lj_req *rq);
void lj_livez_ready(struct lj_gateway *g, struct lj_req *rq);
void lj_readyz_ready(struct lj_gateway *g, struct lj_req *rq);
bool lj_gateway_ready(const struct lj_gateway *g);

/* routes.c */
extern const struct lj_http_ops lj_gw_http_ops;
const char *
lj_gw_route_name(int i); /* NULL behind the last; the last one stands for paths that are no route */
/* The token that a request came with (after routes.c has let it through), NULL on open routes. */
struct lj_token *lj_req_token(const struct lj_req *rq);
/* The text in place of {id} in the route's path. */
const char *lj_req_param(const struct lj_req *rq);
/* What the route's row says besides, NULL where it says nothing. */
const void *lj_req_about(const struct lj_req *rq);
/* The login that a request came with, NULL when it came with a token. */
struct lj_login *lj_req_login(const struct lj_req *rq);
/* Who asks, as the database's reader functions take it: "account:LOGIN" or "token:NAME". Returns
 * its length. */
enum { LJ_READER_TEXT = 48 };
size_t lj_req_reader(const struct lj_req *rq, char ret[LJ_READER_TEXT + 1]);
/* What a handler keeps for its request. */
void lj_req_keep(struct lj_req *rq, void *p);
void *lj_req_kept(const struct lj_req *rq);

#endif
