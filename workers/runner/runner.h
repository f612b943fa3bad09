/* The loop of a worker process: some kinds, one broker. */
#ifndef LJ_WORKERS_RUNNER_RUNNER_H
#define LJ_WORKERS_RUNNER_RUNNER_H

#include "workers/runner/peer.h"

struct lj_runner;

/* Sets up one peer a worker; connecting and opening happen in lj_runner_run.
 * owner:  borrows cfg and the workers until close. errors: LJ_E_IO, LJ_E_NOMEM, LJ_E_CONFIG */
LJ_MUST int lj_runner_open(const struct lj_peer_cfg *cfg, const struct lj_worker *const *workers,
                           size_t count, struct lj_runner **ret, struct lj_err *err);

/* Runs until stop_fd is readable, then drains: what is leased is judged, BYE is said and waited
 * for, at most 10 s. on_stop (may be NULL) is called once when draining begins, e.g. to let a
 * second signal kill at once. Returns 0 when drained. errors: LJ_E_TIMEOUT the broker did not
 * answer BYE, LJ_E_IO polling failed */
LJ_MUST int lj_runner_run(struct lj_runner *r, int stop_fd, void (*on_stop)(void),
                          struct lj_err *err);

/* While it runs: whenever fd (a signalfd, not blocking) is readable, it is read and every worker
 * reads its tables again, between two batches. */
void lj_runner_reload_on(struct lj_runner *r, int fd);

void lj_runner_close(struct lj_runner **r);

#endif
