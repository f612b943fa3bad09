/* Intake's queue: what waits for a turn, a queue a unit, shared out by turns. No I/O, no clock. */
#ifndef LJ_BROKER_FLOWS_H
#define LJ_BROKER_FLOWS_H

#include <stddef.h>
#include <stdint.h>

#include "broker/catalog.h"

#define LJ_FLOW_VISIT 16  /* events of a unit a visit, as at dispatch (queues.c) */
#define LJ_FLOW_LONG  256 /* a unit with so many waiting sends a burst */

struct pend;

struct lj_flow {
    struct pend *head, *tail; /* in order of arrival */
    uint32_t n;
    int32_t credit;
    int16_t next; /* in its list; -1 = last */
    uint8_t listed;
};

struct lj_flow_list {
    int16_t head, tail; /* units; -1 = none */
};

/* Zeroed and lj_flows_init() before use; owns nothing. fresh: units that have just begun to send,
 * visited first; old: the others, in turns. */
struct lj_flows {
    struct lj_flow units[LJ_UNITS_MAX];
    struct lj_flow_list fresh, old;
    size_t queued, longs; /* events; units with LJ_FLOW_LONG of them or more */
    uint64_t arrivals;
    int64_t beside_us; /* when an event last came to an empty queue beside a long one */
};

void lj_flows_init(struct lj_flows *f);
/* p->unit and p->sub->at_us are set; p is given its number of arrival. */
void lj_flows_add(struct lj_flows *f, struct pend *p);
/* At most max events, linked by next in order of arrival; every unit that waits has its visits. */
struct pend *lj_flows_take(struct lj_flows *f, size_t max, size_t *ret_n);
/* A list as taken goes back before all that its units have waiting. Of two lists the later taken
 * goes back first. */
void lj_flows_put_back(struct lj_flows *f, struct pend *list);

#endif
