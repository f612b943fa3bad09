/* A long-running program's frame on a libuv loop: signals, readiness for systemd, limits, and a
 * clean end. */
#ifndef LJ_COMMON_DAEMON_H
#define LJ_COMMON_DAEMON_H

#include <stdint.h>
#include <uv.h>

#include "common/err.h"

struct lj_daemon;

/* Watch SIGTERM and SIGINT, ignore SIGPIPE.
 * calls:  stop once, at the first signal (finish what is in hand); fast once, at the second (give
 * up the rest); on the loop thread. A further signal does nothing. fast may be NULL. errors:
 * LJ_E_NOMEM, LJ_E_IO */
LJ_MUST int lj_daemon_open(uv_loop_t *loop, void (*stop)(void *arg), void (*fast)(void *arg),
                           void *arg, struct lj_daemon **ret, struct lj_err *err);
/* Stop watching; frees itself when its handles are closed. The signals do nothing from then on
 * until the process ends. Accepts NULL. */
void lj_daemon_close(struct lj_daemon **d);

/* Tell the supervisor: "READY=1", "STOPPING=1", "STATUS=3 workers", as sd_notify(3); several may be
 * joined by newlines. Without NOTIFY_SOCKET in the environment it does nothing and returns 0.
 * errors: LJ_E_CONFIG the variable holds no socket address; LJ_E_IO */
LJ_MUST int lj_daemon_notify(const char *state, struct lj_err *err);

/* Raise RLIMIT_NOFILE to its hard limit; *ret_limit (may be NULL) is what holds then. errors:
 * LJ_E_IO */
LJ_MUST int lj_daemon_raise_nofile(uint64_t *ret_limit, struct lj_err *err);

/* The end of a loop after uv_run has returned: closes it. errors: LJ_E_STATE handles are left,
 * their number and types in the text (the loop is then unusable, and the program's closing has a
 * fault). */
LJ_MUST int lj_daemon_end(uv_loop_t *loop, struct lj_err *err);

#endif
