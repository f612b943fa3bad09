/* What the files of the client share. A *pack* is one SUBMIT, from its first event to its answer;
 * all packs stand in one list, oldest first, so that sequence numbers and deadlines grow along it:
 *
 *     first ── sent ── sent ── unsent ── last = open
 *                                │
 *                                c->unsent: everything from here on has never been handed to ZeroMQ
 */
#ifndef LJ_CLIENT_IMPL_H
#define LJ_CLIENT_IMPL_H

#include <zmq.h>

#include "client/liangjin.h"

/* Between HELLOs to nobody: the first wait, which doubles up to hello_us times the factor. They
 * wait in the socket, so few are enough: the first one arrives as soon as somebody is there. */
enum { HELLO_FIRST_US = 10000, HELLO_AWAY_FACTOR = 4, RENEW_FACTOR = 4 };

struct slot {
    lj_answer_cb cb;
    void *arg;
    int64_t deadline_us;
    uint32_t at;  /* where the event's record begins in the body */
    uint32_t len; /* of the record, its length field included */
    uint8_t unit; /* in lj_client.units */
};

enum { CLIENT_UNITS = 256 }; /* units by a hash: two that share a place only share their pack */

struct client_unit {
    uint32_t events; /* without an answer */
    uint64_t seq;    /* of the pack that its last event went into */
};

struct pack {
    struct pack *prev, *next;
    struct lj_buf body; /* u16 count, records: kept until the answer, to be sent again as it is */
    struct slot *slots;
    uint32_t count, cap;
    uint32_t expired;  /* slots [0, expired) have had their callback */
    uint32_t sendings; /* 0 = never handed to ZeroMQ */
    uint64_t seq;
    int64_t resend_at;
};

struct lj_client {
    void *context, *socket;
    char *endpoint;
    int own_context;
    char name[LJ_NAME_MAX + 1];
    uint32_t events_max, pack_max;
    size_t bytes_max;
    int64_t deadline_us, resend_us, resend_max_us, hello_us;
    int64_t (*clock_us)(void *arg);
    void *clock_arg;

    uint64_t boot_nonce, seq, random;
    struct pack *first, *last, *unsent, *pool;
    struct pack *open[2]; /* for most units; for those that have much on the way */
    struct client_unit units[CLIENT_UNITS];
    unsigned pooled;
    int64_t next_resend; /* no sent pack is due before */
    int stuck;           /* the last send was refused: try again soon */

    int welcomed, resend_on_welcome, who_answered, closing, in_callback;
    int64_t heard_at, hello_at, hello_wait, renewed_at;
    uint64_t callbacks; /* ever called; lj_client_run looks at it */
    struct lj_client_stats stats;
};

int64_t client_now(const struct lj_client *c);

/* pack.c */
void pack_unlink(struct lj_client *c, struct pack *p);
void pack_shut(struct lj_client *c, const struct pack *p); /* nothing more goes into it */
void pack_recycle(struct lj_client *c, struct pack *p);
void pack_pool_free(struct lj_client *c);
void client_answer(struct lj_client *c, struct pack *p, uint32_t i, const struct lj_ack *ack);
void client_expire(struct lj_client *c, int64_t now);
void client_fail_all(struct lj_client *c);

/* send.c */
void client_hello(struct lj_client *c, int64_t now);
void client_resend_all(struct lj_client *c, int64_t now);
void client_resend_due(struct lj_client *c, int64_t now);
int64_t client_jitter(struct lj_client *c, int64_t us); /* us +- 25 % */

#endif
