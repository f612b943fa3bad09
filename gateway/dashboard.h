/* The dashboard's files, built into the gateway (made by dashboard/embed.cmake). */
#ifndef LJ_GATEWAY_DASHBOARD_H
#define LJ_GATEWAY_DASHBOARD_H

#include <stddef.h>

struct lj_asset {
    const char *name; /* "app.js", "vendor/uplot.js" */
    const char *type;
    const unsigned char *start, *end;
};

extern const struct lj_asset lj_assets[];
extern const size_t lj_assets_count;
extern const char lj_assets_hash[];          /* of all of them together; part of their addresses */
extern const char lj_assets_etag[];          /* the same as an entity tag */
extern const struct lj_asset lj_assets_page; /* index.html with the hash in its addresses */

#endif
