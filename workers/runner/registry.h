/* The kinds this program was built with (the table is generated, see registry.c.in). */
#ifndef LJ_WORKERS_RUNNER_REGISTRY_H
#define LJ_WORKERS_RUNNER_REGISTRY_H

#include "workers/worker.h"

/* Ends with NULL. */
extern const struct lj_worker *const lj_workers[];

#endif
