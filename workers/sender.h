/* Who sent the events of a batch, for kinds whose rules ask it (four eyes). */
#ifndef LJ_WORKERS_SENDER_H
#define LJ_WORKERS_SENDER_H

#include <libpq-fe.h>

#include "common/who.h"
#include "workers/worker.h"

/* Fill ret[i] for event i of the batch, from the log: one query. ret has in->count rows, of the
 * caller's. errors: LJ_E_NOMEM, LJ_E_DB_*; LJ_E_STATE an event of the batch is not in the log */
LJ_MUST int lj_senders(PGconn *db, const struct lj_batch *in, struct lj_who *ret,
                       struct lj_err *err);

#endif
