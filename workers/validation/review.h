/* The review of an activity: decisions of the unit and the Centre, what athletes and hosts say. */
#ifndef LJ_WORKERS_VALIDATION_REVIEW_H
#define LJ_WORKERS_VALIDATION_REVIEW_H

#include "workers/validation/case.h"

/* The operation of an event type of a review; 0: it is none. */
enum lj_op lj_review_op(const char *type);
/* Reads the members behind `activity`; faults become reasons. Sets the outcome's operation. */
void lj_review_read(struct lj_case *c);
/* The register code of the person, "UNIT/CODE", that an operation is about; 0 where it is about
 * none or the text can be no code. shape: size of at least 48 */
int lj_review_person(const struct lj_case *c, char *out, size_t size);

/* Rules V31, R01 to R05 of a review. Pure. */
void lj_rule_review(struct lj_case *c);
/* R06, R07: who may open a record of a closed year again. closed: it is closed. Pure. */
void lj_rule_opening(struct lj_case *c, int closed);

/* The operation is about a person; about the host's word; follows from a settlement and is nobody's
 * own: where it does not fit any more nobody is told. */
int lj_op_is_person(enum lj_op op);
int lj_op_is_host(enum lj_op op);
int lj_op_is_settled(enum lj_op op);
/* What the operation marks the activity with, negative where it is none that does. */
int lj_op_mark(enum lj_op op);

#endif
