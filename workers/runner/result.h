/* The outcome of a batch under construction: what workers/worker.h shows to a kind, seen from the
 * runner's side. */
#ifndef LJ_WORKERS_RUNNER_RESULT_H
#define LJ_WORKERS_RUNNER_RESULT_H

#include "common/buf.h"
#include "workers/worker.h"

/* source: workers/worker.h; an outcome's short result is a str32 in the RESULT, and is parsed again
 * by the next kind. */
#define LJ_SHORT_BYTES_MAX 16384

/* One for a worker, used for batch after batch. errors: LJ_E_NOMEM */
LJ_MUST int lj_result_open(const struct lj_worker *worker, struct lj_result **ret,
                           struct lj_err *err);
void lj_result_close(struct lj_result **r);

/* Starts a batch of `count` events, none of them judged. errors: LJ_E_NOMEM */
LJ_MUST int lj_result_begin(struct lj_result *r, size_t count, struct lj_err *err);

/* Starts a pass over the events that have not failed: empties the columns and those events'
 * outcomes. shape: writes the events' places in the batch into ret_index (room for `count`), in
 * order; a kind's index i in this pass means ret_index[i]. Returns how many there are. */
size_t lj_result_pass(struct lj_result *r, size_t *ret_index);

/* Ends the pass: an event without an outcome, or with a short result that is too long, fails
 * finally. Returns how many events of this pass failed; 0 means that the columns hold exactly the
 * done events. */
size_t lj_result_pass_end(struct lj_result *r);

/* Fails every event of the pass that is not failed yet: retry or final by the class of why->code.
 */
void lj_result_fail_pass(struct lj_result *r, const struct lj_err *why);

/* LJ_OUTCOME_* of the event at that place of the batch, and its error (NULL when done). */
int lj_result_outcome(const struct lj_result *r, size_t place, const struct lj_err **ret_why);

/* Writes the body of a RESULT. errors: LJ_E_NOMEM, LJ_E_ARG (a column value that did not fit its
 * type) */
LJ_MUST int lj_result_encode(struct lj_result *r, uint64_t batch, uint32_t spent_us,
                             struct lj_buf *out, struct lj_err *err);

/* 1 for the system's faults (retry): database away or unable, no memory, I/O, timeouts; 0 for the
 * data's (final). */
int lj_result_is_systems_fault(int code);

#endif
