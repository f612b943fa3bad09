/* GET / and GET /ui/<hash>/<file>: the dashboard's files.
 *
 * They are in the program itself, so what is served fits the gateway that serves it and nothing on
 * a disk can be exchanged. Files stand below a hash of all of them: their address changes with
 * their content, so browsers keep them for a year without asking; only the page itself is asked for
 * each time (with an entity tag). Anybody may load them: they hold no data and no secret.
 *
 * The policy below lets the page run this server's own scripts and styles and talk to this server,
 * and nothing else: no inline script or style, no other host, no frame around it. */
#include "gateway/dashboard.h"

#include <string.h>

#include "gateway/gateway.h"

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

#define SAFE                                                                                       \
    {"Content-Security-Policy", POLICY}, {"Cross-Origin-Opener-Policy", "same-origin"},            \
        {"Cross-Origin-Resource-Policy", "same-origin"},                                           \
    {                                                                                              \
        "Referrer-Policy", "no-referrer"                                                           \
    }

/* clang-format off */
static const struct lj_http_field page_fields[] = {
    SAFE, {"Cache-Control", "no-cache"}, {"ETag", lj_assets_etag}, {NULL, NULL}};
static const struct lj_http_field file_fields[] = {
    SAFE, {"Cache-Control", "public, max-age=31536000, immutable"}, {"ETag", lj_assets_etag},
    {NULL, NULL}};
/* clang-format on */

static void reply(struct lj_req *rq, const struct lj_asset *a, const struct lj_http_field *fields)
{
    char peer[LJ_PEER_TEXT];
    const char *known = lj_req_header(rq, "If-None-Match");
    if (lj_req_peer(rq, peer) == 1) {
        lj_req_set(rq, "Strict-Transport-Security", "max-age=31536000");
    }
    if (known && strstr(known, lj_assets_etag)) {
        lj_req_reply_static(rq, 304, NULL, "", 0, fields);
    } else {
        lj_req_reply_static(rq, 200, a->type, a->start, (size_t)(a->end - a->start), fields);
    }
}

void lj_page_ready(struct lj_gateway *g, struct lj_req *rq)
{
    (void)g;
    reply(rq, &lj_assets_page, page_fields);
}

void lj_ui_ready(struct lj_gateway *g, struct lj_req *rq)
{
    const char *path = lj_req_param(rq);
    size_t n = strlen(lj_assets_hash);
    (void)g;
    if (strncmp(path, lj_assets_hash, n) == 0 && path[n] == '/') {
        for (size_t i = 0; i < lj_assets_count; i++) {
            if (strcmp(lj_assets[i].name, path + n + 1) == 0) {
                reply(rq, &lj_assets[i], file_fields);
                return;
            }
        }
    }
    lj_gw_refuse(rq, LJ_E_NOT_FOUND_PATH, NULL);
}
