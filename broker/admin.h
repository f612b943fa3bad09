/* Inside admin: what admin.c and parked.c share. */
#ifndef LJ_BROKER_ADMIN_H
#define LJ_BROKER_ADMIN_H

#include "broker/broker.h"

/* A request that is not answered at once. */
struct request {
    struct request *next;
    struct broker *b;
    struct rid from;
    uint64_t seq;
    size_t kind; /* SIZE_MAX: none named */
    int drop, pause;
    uint64_t recovery;   /* b->recoveries when it began: after another one it is void */
    int64_t deadline_us; /* of a drain */
    char fingerprint[808], reason[808];
    int64_t *positions;
    size_t npositions;
    struct lj_item *items; /* the parked events it is about */
    size_t nitems;
};

void request_free(struct request *r);
void admin_reply(struct broker *b, const struct rid *to, uint64_t seq,
                 json_t *answer); /* takes answer */
void admin_refuse(struct broker *b, const struct rid *to, uint64_t seq, int code,
                  const char *detail);
void admin_event(struct broker *b, const char *type,
                 json_t *payload); /* an operator.* event; takes payload */
void parked_redrive(struct request *r, const json_t *q);
void parked_drop(struct request *r, const json_t *q);

#endif
