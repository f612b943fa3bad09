/* The senders of a batch. A batch on the wire has no source, since nearly no rule asks for it; who
 * does reads it from the log, where the event is before any worker gets it. So it costs a kind that
 * asks one probe of the primary key an event, and all others nothing. */
#include "workers/sender.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/db.h"

static const char sql[] = "select p.ord - 1, e.source from unnest($1::int8[]) with ordinality as "
                          "p(position, ord) join liangjin.event e on e.position = p.position";

int lj_senders(PGconn *db, const struct lj_batch *in, struct lj_who *ret, struct lj_err *err)
{
    struct lj_buf list = {0};
    PGresult *r = NULL;
    for (size_t i = 0; i < in->count; i++) {
        lj_buf_printf(&list, "%c%lld", i ? ',' : '{', (long long)in->events[i].position);
    }
    lj_buf_put(&list, in->count ? "}" : "{}", in->count ? 2 : 3); /* with the NUL */
    if (list.failed) {
        lj_buf_free(&list);
        return lj_fail(err, LJ_E_NOMEM, "no memory for the positions of a batch");
    }
    const char *values[] = {(const char *)list.data};
    int rc = lj_dbs_query(db, sql, 1, values, &r, err);
    lj_buf_free(&list);
    if (rc == 0 && (size_t)PQntuples(r) != in->count) {
        rc = lj_fail(err, LJ_E_STATE, "%d of the %zu events of a batch are in the log",
                     PQntuples(r), in->count);
    }
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        size_t at = (size_t)strtoul(PQgetvalue(r, i, 0), NULL, 10);
        lj_who_parse(PQgetvalue(r, i, 1), strlen(PQgetvalue(r, i, 1)), &ret[at]);
    }
    PQclear(r);
    return rc;
}
