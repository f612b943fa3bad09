/* Inside intake: what its three files (intake.c, judge.c, answer.c) share. */
#ifndef LJ_BROKER_INTAKE_H
#define LJ_BROKER_INTAKE_H

#include "broker/broker.h"

#define LJ_ROOT_ALL  (-1)
#define LJ_ROOT_NONE (-2)

/* What the sender of a message may do. root: number of the unit whose subtree it may act for, or
 * LJ_ROOT_*. own: the broker itself. */
struct sender {
    int may_centre;
    int root;
    int own;
};

/* 0 and *p filled, or the LJ_E_* it is refused with and a detail. p->key may point into e. */
int intake_judge(struct broker *b, const struct lj_submit_event *e, const struct sender *from,
                 struct pend *p, char *detail, size_t cap);

void intake_send(struct broker *b, void *raw, const struct rid *to, uint8_t type, uint64_t seq,
                 const void *body, size_t n);
void submission_free(struct submission *s);
void submission_answered(struct broker *b,
                         struct submission *s); /* one event less without an answer; may free s */
void submission_answer(struct broker *b, struct submission *s, size_t i, int code, int64_t position,
                       const char *detail);
struct pend *intake_find(const struct broker *b,
                         const uint8_t id[16]); /* in flight under this id, NULL */
int intake_link(struct broker *b,
                struct pend *p); /* known by its id from now on; 0 or LJ_E_NOMEM */
void intake_forget(struct broker *b, struct pend *p); /* no longer counted as held */

#endif
