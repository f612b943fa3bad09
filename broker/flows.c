/* Intake's queue: what waits for a turn, a queue a unit, shared out by turns.
 *
 * Deficit round robin over the units that have something waiting, LJ_FLOW_VISIT events a visit, so
 * that a unit that sends a burst gives way to its neighbours in every turn, whether they come by
 * the same connection or not. A unit that had nothing waiting is visited before those that had: its
 * event is in the next turn, however long the others' queues are. It is then listed with them until
 * it has been visited once more with nothing to give, so that it cannot be new all the time.
 *
 * Guarantees: events of one unit (so of one key) leave in the order in which they came, also after
 * some were taken and put back. What one take gives is in order of arrival over all units: as long
 * as everything that waits fits into a turn, nothing is reordered at all.
 */
#include "broker/flows.h"

#include "broker/broker.h"

static void push(struct lj_flows *f, struct lj_flow_list *list, int16_t unit)
{
    f->units[unit].next = -1;
    f->units[unit].listed = 1;
    if (list->tail >= 0)
        f->units[list->tail].next = unit;
    else
        list->head = unit;
    list->tail = unit;
}

static void shift(struct lj_flows *f, struct lj_flow_list *list)
{
    struct lj_flow *u = &f->units[list->head];
    u->listed = 0;
    list->head = u->next;
    if (list->head < 0)
        list->tail = -1;
}

void lj_flows_init(struct lj_flows *f)
{
    *f = (struct lj_flows){.fresh = {-1, -1}, .old = {-1, -1}};
}

static void grown(struct lj_flows *f, struct lj_flow *u)
{
    f->queued++;
    if (++u->n == LJ_FLOW_LONG)
        f->longs++;
}

void lj_flows_add(struct lj_flows *f, struct pend *p)
{
    struct lj_flow *u = &f->units[p->unit];
    p->next = NULL;
    p->arrival = ++f->arrivals;
    if (u->tail)
        u->tail->next = p;
    else
        u->head = p;
    u->tail = p;
    if (u->n == 0 && f->longs)
        f->beside_us = p->sub->at_us;
    grown(f, u);
    if (!u->listed) {
        u->credit = LJ_FLOW_VISIT;
        push(f, &f->fresh, p->unit);
    }
}

static struct pend *pop(struct lj_flows *f, struct lj_flow *u)
{
    struct pend *p = u->head;
    u->head = p->next;
    if (!u->head)
        u->tail = NULL;
    f->queued--;
    if (u->n-- == LJ_FLOW_LONG)
        f->longs--;
    u->credit--;
    return p;
}

/* Two lists in order of arrival become one. */
static struct pend *merge(struct pend *a, struct pend *b)
{
    struct pend *head = NULL, **tail = &head;
    while (a && b) {
        struct pend **less = a->arrival < b->arrival ? &a : &b;
        *tail = *less;
        tail = &(*tail)->next;
        *less = *tail;
    }
    *tail = a ? a : b;
    return head;
}

/* Merge sort from the bottom: bins[i] holds a sorted list of 2^i runs, or nothing. */
static struct pend *by_arrival(struct pend *list)
{
    struct pend *bins[32] = {0}, *all = NULL;
    while (list) {
        struct pend *run = list, *last = run;
        while (last->next && last->next->arrival > last->arrival)
            last = last->next;
        list = last->next;
        last->next = NULL;
        size_t i = 0;
        for (; i < 31 && bins[i]; i++) {
            run = merge(bins[i], run);
            bins[i] = NULL;
        }
        bins[i] = merge(bins[i], run);
    }
    for (size_t i = 0; i < 32; i++)
        all = merge(bins[i], all);
    return all;
}

struct pend *lj_flows_take(struct lj_flows *f, size_t max, size_t *ret_n)
{
    struct pend *list = NULL, **tail = &list;
    size_t n = 0;
    while (n < max && f->queued) {
        struct lj_flow_list *from = f->fresh.head >= 0 ? &f->fresh : &f->old;
        int16_t unit = from->head;
        struct lj_flow *u = &f->units[unit];
        while (n < max && u->head && u->credit > 0) {
            *tail = pop(f, u);
            tail = &(*tail)->next;
            n++;
        }
        if (u->head && u->credit > 0)
            break; /* the take is full: the unit goes on with the next */
        shift(f, from);
        if (u->credit <= 0)
            u->credit += LJ_FLOW_VISIT;
        if (u->head || from == &f->fresh)
            push(f, &f->old, unit);
    }
    *tail = NULL;
    *ret_n = n;
    return by_arrival(list);
}

void lj_flows_put_back(struct lj_flows *f, struct pend *list)
{
    struct pend *reversed = NULL, *next;
    for (; list; list = next) {
        next = list->next;
        list->next = reversed;
        reversed = list;
    }
    for (struct pend *p = reversed; p; p = next) {
        struct lj_flow *u = &f->units[p->unit];
        next = p->next;
        p->next = u->head;
        u->head = p;
        if (!u->tail)
            u->tail = p;
        grown(f, u);
        if (!u->listed)
            push(f, &f->old, p->unit);
    }
}
