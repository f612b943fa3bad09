/* From the body of a BATCH to the body of a RESULT: decoding, the kind's batch function, passes,
 * encoding. No socket. */
#ifndef LJ_WORKERS_RUNNER_JUDGE_H
#define LJ_WORKERS_RUNNER_JUDGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "workers/worker.h"

struct lj_judge;

struct lj_verdict {
    const struct lj_buf *body; /* of the RESULT; borrowed, valid until the next batch */
    int reopen;                /* the worker lost something: close it, open it again */
};

LJ_MUST int lj_judge_open(const struct lj_worker *worker, struct lj_judge **ret,
                          struct lj_err *err);
void lj_judge_close(struct lj_judge **j);

/* Judges a batch. state: the worker's; NULL when the worker is not open: everything is to be tried
 * again. units:  seen_us is the monotonic time at which the batch was first seen returns 1 with
 * *ret filled, or 0 when there is nothing to send: past its deadline, or malformed (logged) */
int lj_judge_batch(struct lj_judge *j, void *const *state, const void *body, size_t n,
                   int64_t seen_us, struct lj_verdict *ret);

#endif
