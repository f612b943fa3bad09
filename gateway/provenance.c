/* GET /v1/events/{id}: an event and what became of it for every kind.
 *
 * The database writes the whole answer and looks who may see it (reader_event); the gateway looks
 * again, by the directory that all its routes go by.
 * An event of a unit outside the token's subtree is answered exactly like one that does not exist:
 * a client must not learn which ids other units use. */
#include <stdlib.h>
#include <string.h>

#include "common/uuid.h"
#include "gateway/gateway.h"

static const char sql[] =
    "select j::text, j->>'unit' from reader_event($1, $2) j where j is not null";

struct question {
    struct lj_gateway *g;
    struct lj_req *rq; /* NULL once the request is over */
};

static void answer_row(struct question *q, const PGresult *res)
{
    const struct lj_directory *d = lj_catalog_directory(q->g->catalog);
    const struct lj_token *t = lj_req_token(q->rq);
    struct lj_buf body = {0};
    int unit = PQntuples(res)
                   ? lj_directory_unit(d, PQgetvalue(res, 0, 1), (size_t)PQgetlength(res, 0, 1))
                   : LJ_UNIT_NONE;
    if (PQntuples(res) == 0 || !lj_directory_within(d, unit, t->unit)) {
        lj_gw_refuse(q->rq, LJ_E_NOT_FOUND, "there is no event with this id");
        return;
    }
    lj_buf_put(&body, PQgetvalue(res, 0, 0), (size_t)PQgetlength(res, 0, 0));
    lj_gw_json(q->rq, 200, &body);
}

static void on_result(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct question *q = arg;
    (void)db;
    if (!q->rq) {
        return;
    }
    if (err) {
        lj_gw_refuse(q->rq, LJ_E_DB_SYSTEM, NULL); /* a read: nothing is in doubt */
    } else {
        answer_row(q, res);
    }
}

static void on_sync(struct lj_db *db, int code, void *arg)
{
    struct question *q = arg;
    (void)db;
    (void)code;
    if (q->rq) {
        lj_req_keep(q->rq, NULL);
        if (!lj_req_replied(q->rq)) {
            lj_gw_refuse(q->rq, LJ_E_DB_SYSTEM, NULL);
        }
    }
    free(q);
}

void lj_provenance_ready(struct lj_gateway *g, struct lj_req *rq)
{
    uint8_t id[LJ_UUID_BYTES];
    const char *text = lj_req_param(rq);
    struct lj_db *db = lj_link_db(g->query);
    struct lj_err err = {0};
    if (lj_uuid_parse(text, strlen(text), id, NULL) != 0) {
        lj_gw_refuse(rq, LJ_E_ARG, "the id in the path is no UUID");
        return;
    }
    struct question *q = db ? calloc(1, sizeof *q) : NULL;
    if (!q) {
        lj_gw_refuse(rq, db ? LJ_E_NOMEM : LJ_E_DB_SYSTEM, NULL);
        return;
    }
    q->g = g;
    q->rq = rq;
    char who[LJ_READER_TEXT + 1];
    const char *values[] = {who, (const char *)id};
    const int lengths[] = {(int)lj_req_reader(rq, who), LJ_UUID_BYTES};
    if (lj_db_exec(db, NULL, sql, 2, values, lengths, NULL, 1, on_result, q, &err) != 0) {
        free(q);
        lj_gw_refuse(rq, LJ_E_DB_SYSTEM, NULL);
        return;
    }
    lj_req_keep(rq, q);
    if (lj_db_sync(db, on_sync, q, &err) != 0) {
        q->rq = NULL; /* stays until its statement's callback, which a lost connection calls; the
                         process's end frees it */
        lj_req_keep(rq, NULL);
        lj_gw_refuse(rq, LJ_E_DB_SYSTEM, NULL);
    }
}

void lj_provenance_done(struct lj_gateway *g, struct lj_req *rq)
{
    struct question *q = lj_req_kept(rq);
    (void)g;
    q->rq = NULL;
}
