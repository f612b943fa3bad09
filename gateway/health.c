/* /livez and /readyz.
 *
 * livez says that the loop turns: reaching the handler is the proof. readyz says that a POST would
 * be taken now: tokens and directory are loaded, the broker answers, and the process is not
 * stopping; the database may be away for a while (the cache serves), so its state is shown but does
 * not decide. A load balancer asks readyz; a supervisor that restarts asks livez. */
#include <string.h>

#include "gateway/gateway.h"

bool lj_gateway_ready(const struct lj_gateway *g)
{
    return !g->draining && lj_catalog_loaded(g->catalog) && lj_client_connected(g->client);
}

void lj_livez_ready(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_buf b = {0};
    (void)g;
    lj_buf_printf(&b, "{\"status\":\"ok\"}");
    lj_gw_json(rq, 200, &b);
}

static const char *word(bool yes)
{
    return yes ? "true" : "false";
}

void lj_readyz_ready(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_buf b = {0};
    if (g->draining) {
        lj_gw_refuse(rq, LJ_E_DRAINING, NULL);
        return;
    }
    if (!lj_catalog_loaded(g->catalog)) {
        lj_gw_refuse(rq, LJ_E_DB_SYSTEM, "tokens and directory are not loaded yet");
        return;
    }
    if (!lj_client_connected(g->client)) {
        lj_gw_refuse(rq, LJ_E_BROKER_AWAY, NULL);
        return;
    }
    lj_buf_printf(&b, "{\"status\":\"ok\"");
    if (lj_req_query(rq, "verbose")) {
        lj_buf_printf(
            &b,
            ",\"checks\":{\"catalog_loaded\":true,\"broker\":true,\"database\":%s,\"stream\":%s}",
            word(lj_catalog_fresh(g->catalog)), word(lj_feed_primed(g->feed)));
    }
    lj_buf_u8(&b, '}');
    lj_gw_json(rq, 200, &b);
}
