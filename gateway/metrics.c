/* GET /metrics: Prometheus text of the gateway, then the broker's own from its last HEAD.
 *
 * Label sets are small and fixed: routes are the rows of the route table (whatever else was asked
 * for is "other"), statuses those that this gateway can give. So no client can make the number of
 * series grow. The two tables below are the list of what there is. */
#include <stdio.h>
#include <string.h>

#include "gateway/gateway.h"

static const int statuses[] = {0,   200, 202, 204, 304, 400, 401, 403, 404, 405, 409,
                               410, 411, 413, 414, 415, 422, 429, 431, 500, 503};
enum { STATUSES = sizeof statuses / sizeof statuses[0] };
_Static_assert((int)STATUSES <= (int)LJ_GW_STATUSES, "a column for each status");

void lj_metrics_count(struct lj_gateway *g, int route, int status)
{
    int column = 0; /* 0: no answer */
    for (int i = 1; i < STATUSES; i++) {
        column = statuses[i] == status ? i : column;
    }
    g->m.requests[route][column]++;
}

static void put_requests(struct lj_buf *b, const struct lj_gw_metrics *m)
{
    char labels[128];
    lj_metric_head(b, "liangjin_gateway_requests_total", LJ_COUNTER,
                   "Requests that are over, by route and status; status 0 had no answer.");
    for (int route = 0; lj_gw_route_name(route); route++) {
        for (int i = 0; i < STATUSES; i++) {
            if (m->requests[route][i]) {
                snprintf(labels, sizeof labels, "route=\"%s\",status=\"%d\"",
                         lj_gw_route_name(route), statuses[i]);
                lj_metric_u64(b, "liangjin_gateway_requests_total", labels, m->requests[route][i]);
            }
        }
    }
}

struct sample {
    const char *name, *labels, *help; /* help on the first sample of a name */
    enum lj_metric_kind kind;
    uint64_t value;
};

static void put_samples(struct lj_buf *b, const struct sample *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i].help) {
            lj_metric_head(b, s[i].name, s[i].kind, s[i].help);
        }
        lj_metric_u64(b, s[i].name, s[i].labels, s[i].value);
    }
}

#define COUNT(name, labels, help, value)                                                           \
    {                                                                                              \
        "liangjin_gateway_" name, labels, help, LJ_COUNTER, (uint64_t)(value)                      \
    }
#define GAUGE(name, labels, help, value)                                                           \
    {                                                                                              \
        "liangjin_gateway_" name, labels, help, LJ_GAUGE, (uint64_t)(value)                        \
    }

static void put_events(struct lj_buf *b, const struct lj_gateway *g)
{
    const struct lj_gw_metrics *m = &g->m;
    struct lj_client_stats c;
    lj_client_stats(g->client, &c);
    const struct sample samples[] = {
        COUNT("events_total", "outcome=\"stored\"", "Events by outcome.", m->stored),
        COUNT("events_total", "outcome=\"repeated\"", NULL, m->repeated),
        COUNT("events_total", "outcome=\"conflict\"", NULL, m->conflict),
        COUNT("events_total", "outcome=\"refused\"", NULL, m->refused),
        COUNT("events_total", "outcome=\"rate_limited\"", NULL, m->rate_limited),
        COUNT("events_total", "outcome=\"busy\"", NULL, m->busy),
        COUNT("events_total", "outcome=\"unknown\"", NULL, m->unknown),
        COUNT("events_total", "outcome=\"broker_away\"", NULL, m->away),
        GAUGE("events_in_flight", "", "Events that wait for the broker's answer.", c.events),
        COUNT("events_resent_total", "", "Events sent to the broker again.", c.events_resent),
        GAUGE("broker_connected", "", "1 while the broker answers.",
              lj_client_connected(g->client)),
        COUNT("broker_changes_total", "", "Times that another broker process answered.",
              c.broker_changes),
    };
    put_samples(b, samples, sizeof samples / sizeof samples[0]);
}

static void put_connections(struct lj_buf *b, const struct lj_gateway *g)
{
    const struct lj_http_stats *h = lj_http_stats(g->http);
    const struct sample samples[] = {
        GAUGE("connections", "", "Open HTTP connections.", h->open),
        COUNT("connections_total", "", "HTTP connections accepted.", h->accepted),
        COUNT("connections_refused_total", "",
              "Connections refused because their address has too many.", h->refused_address),
        COUNT("connections_cut_total", "cause=\"head\"",
              "Connections that were cut off for being late, by what they were late with.",
              h->cut_head),
        COUNT("connections_cut_total", "cause=\"body\"", NULL, h->cut_body),
        COUNT("connections_cut_total", "cause=\"reply\"", NULL, h->cut_reply),
        COUNT("connections_cut_total", "cause=\"idle\"", NULL, h->cut_idle),
        COUNT("malformed_heads_total", "", "Requests refused for a malformed head.", h->malformed),
        GAUGE("requests_in_progress", "", "Requests that are being read, worked on or answered.",
              lj_http_busy(g->http)),
    };
    put_samples(b, samples, sizeof samples / sizeof samples[0]);
}

static void put_stream(struct lj_buf *b, const struct lj_gateway *g)
{
    const struct lj_feed_stats *f = lj_feed_stats(g->feed);
    struct lj_cursor head = lj_ring_head(lj_feed_ring(g->feed));
    const struct sample samples[] = {
        GAUGE("stream_readers", "", "Open streams.", g->n_readers),
        COUNT("stream_opened_total", "", "Streams opened.", g->m.streams_opened),
        COUNT("stream_pages_total", "for=\"readers\"", "Pages of the log read for streams.",
              g->m.stream_db_pages),
        COUNT("stream_pages_total", "for=\"gaps\"", NULL, f->pages),
        COUNT("stream_gaps_total", "",
              "Gaps found in the broker's publications, and filled from the log.", f->gaps),
        COUNT("stream_queue_overflows_total", "",
              "Times that what waited behind a gap was dropped and read from the log instead.",
              f->queue_overflows),
        COUNT("stream_messages_total", "", "Messages from the broker's stream.", f->messages),
        COUNT("stream_malformed_total", "",
              "Messages from the broker's stream that could not be read.", f->malformed),
        GAUGE("stream_position", "", "Last position that is in the stream.", head.position),
        GAUGE("stream_closure", "", "Last closure number that is in the stream.", head.closure),
        GAUGE("stream_ring_bytes", "", "Memory of the stream's recent past.",
              lj_ring_bytes(lj_feed_ring(g->feed))),
        GAUGE("database_up", "", "1 while the database answers.", lj_catalog_fresh(g->catalog)),
        COUNT("database_losses_total", "link=\"catalog\"", "Database connections lost.",
              lj_catalog_losses(g->catalog)),
        COUNT("database_losses_total", "link=\"query\"", NULL,
              g->query ? lj_link_losses(g->query) : 0),
        GAUGE("tokens", "", "Tokens known, revoked ones too.", lj_catalog_token_count(g->catalog)),
    };
    put_samples(b, samples, sizeof samples / sizeof samples[0]);
}

void lj_metrics_ready(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_buf b = {0};
    struct lj_slice broker = lj_feed_broker_metrics(g->feed);
    put_requests(&b, &g->m);
    put_events(&b, g);
    lj_metric_head(&b, "liangjin_gateway_ack_seconds", LJ_HISTOGRAM,
                   "From handing an event to the broker to its answer.");
    lj_metric_hist(&b, "liangjin_gateway_ack_seconds", "", &g->m.ack);
    put_connections(&b, g);
    put_stream(&b, g);
    lj_buf_put(&b, broker.p, broker.n);
    if (b.len && !b.failed && b.data[b.len - 1] != '\n') {
        lj_buf_u8(&b, '\n');
    }
    lj_req_reply(rq, 200, "text/plain; version=0.0.4; charset=utf-8", &b);
}
