/* A peer: one kind of this process at the broker, with its socket, its life as the broker sees it,
 * and its worker. */
#ifndef LJ_WORKERS_RUNNER_PEER_H
#define LJ_WORKERS_RUNNER_PEER_H

#include <stdint.h>
#include <zmq.h>

#include "common/curve.h"
#include "common/err.h"
#include "workers/worker.h"

struct lj_peer_cfg {
    const char *dsn;               /* of the read-only role */
    const char *endpoint;          /* ipc://... or tcp://... */
    const char *name;              /* of this process, unique at the broker */
    uint16_t slots;                /* batches the broker may give at once */
    const struct lj_keypair *keys; /* of this peer, for CURVE; or NULL */
    const char *server_key;        /* the broker's public key in Z85, with keys */
    const char *opinion_bundle;    /* for the kind opinion; or NULL */
};

enum { LJ_PEER_ITEMS = 2 };

struct lj_peer;

/* owner: borrows cfg and worker until close. errors: LJ_E_IO, LJ_E_NOMEM, LJ_E_CONFIG (endpoint or
 * key) */
LJ_MUST int lj_peer_open(void *zctx, const struct lj_peer_cfg *cfg, const struct lj_worker *worker,
                         struct lj_peer **ret, struct lj_err *err);
void lj_peer_close(struct lj_peer **p);

/* What to poll for it. */
void lj_peer_items(const struct lj_peer *p, zmq_pollitem_t items[LJ_PEER_ITEMS]);
/* Reads everything that has come, without blocking: connection events, then messages; batches are
 * queued, not judged. */
void lj_peer_read(struct lj_peer *p, int64_t now_us);
/* Does what is due: opens the worker, says HELLO. Never blocks but in the worker's own open. */
void lj_peer_tick(struct lj_peer *p, int64_t now_us);
/* When lj_peer_tick wants to be called: monotonic microseconds, INT64_MAX = not before something
 * comes. */
int64_t lj_peer_due(const struct lj_peer *p);
/* Judges one queued batch and sends its RESULT. Returns 1 if there was one. */
int lj_peer_work(struct lj_peer *p);
/* Tells the worker to read its tables again. */
void lj_peer_reload(struct lj_peer *p);
/* 1 while batches are queued. */
int lj_peer_has_work(const struct lj_peer *p);

/* No further batches: says BYE; what is queued is still judged. */
void lj_peer_drain(struct lj_peer *p);
/* 1 when the broker has answered BYE (or there is no broker to wait for) and nothing is queued. */
int lj_peer_drained(const struct lj_peer *p);

#endif
