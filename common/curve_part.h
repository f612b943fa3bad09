/* Shared by curve.c, zap.c and zap_peers.c only. */
#ifndef LJ_COMMON_CURVE_PART_H
#define LJ_COMMON_CURVE_PART_H

#include "common/curve.h"

const char *lj_door_domain(enum lj_door door);
int lj_z85_is_key(const char *text, size_t n);

struct lj_curve_peer_ref {
    const struct lj_curve_peer *peer;
};

/* The table of peers, read whole from its file; two orders of the same rows. */
struct lj_curve_peers {
    struct lj_curve_peer *rows;      /* sorted by key */
    struct lj_curve_peer_ref *names; /* sorted by name */
    size_t count;
};
LJ_MUST int lj_curve_peers_read(const char *path, struct lj_curve_peers *ret, struct lj_err *err);
void lj_curve_peers_free(struct lj_curve_peers *p);
const struct lj_curve_peer *lj_curve_peers_by_key(const struct lj_curve_peers *p,
                                                  const uint8_t key[32]);
const struct lj_curve_peer *lj_curve_peers_by_name(const struct lj_curve_peers *p,
                                                   const char *name);

#endif
