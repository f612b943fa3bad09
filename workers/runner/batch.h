/* A BATCH as a worker sees it: decoded into struct lj_event with terminated strings. */
#ifndef LJ_WORKERS_RUNNER_BATCH_H
#define LJ_WORKERS_RUNNER_BATCH_H

#include "common/buf.h"
#include "proto/wire.h"
#include "workers/worker.h"

/* Zero it before first use; memory is kept from batch to batch. */
struct lj_batch_in {
    struct lj_batch_head head;
    struct lj_event *events; /* head.count of them; strings point into text */
    size_t cap;
    struct lj_buf text;
};

/* Decodes the body of a BATCH. The events are valid until the next call.
 * errors: LJ_E_PROTOCOL (malformed, no event, bytes left over), LJ_E_NOMEM */
LJ_MUST int lj_batch_decode(struct lj_batch_in *b, const void *p, size_t n, struct lj_err *err);
void lj_batch_in_free(struct lj_batch_in *b);

#endif
