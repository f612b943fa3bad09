/* DIR/processes.json: names and process ids of a running system, written by `ljctl up`. */
#ifndef LJ_CTL_PROCESSES_H
#define LJ_CTL_PROCESSES_H

#include <jansson.h>

#include "ctl/layout.h"

/* [{name, pid}, ...] of the system that runs in this directory; an empty array when none does (a
 * file left by a killed one is not believed: its ids may be somebody else's by now). *ret_running =
 * 1 while a supervisor holds the directory. */
LJ_MUST int lj_processes_read(const struct lj_layout *at, json_t **ret, int *ret_running,
                              struct lj_err *err);

/* Lock DIR/up.lock for this process's life. *ret_fd stays open. errors: LJ_E_STATE when another
 * system runs here, with its pid. */
LJ_MUST int lj_processes_lock(const struct lj_layout *at, int *ret_fd, struct lj_err *err);

#endif
