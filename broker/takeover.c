/* Taking the log over: everything the broker must know before it may write.
 *
 * Runs off the loop (uv_queue_work), on a blocking connection, at every start and after every lost
 * connection: the memory of the broker is always rebuilt from the log, so a crash, a lost database
 * and a take-over by a standby are one and the same path. Order matters: first the settings (an ack
 * must mean a flush), then the epoch under the exclusive lock, which waits for every transaction of
 * the former owner or of our own lost connection; only then is the log read. Bounded: from the
 * lowest watermark on, closures by their upper end, no scan of history.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/log.h"

#define PAGE_ROWS 20000
#define OUT_AGAIN (-2) /* in a closed set: being redriven; load_parked pushes it */

struct closed_set {
    struct lj_u64map verdicts;
}; /* position -> verdict + 1 (parked: 1) */

static int one_int(PGconn *c, const char *sql, const char *param, int64_t *ret, struct lj_err *err)
{
    PGresult *r = NULL;
    const char *values[1] = {param};
    int rc = lj_dbs_query(c, sql, param ? 1 : 0, values, &r, err);
    if (rc)
        return rc;
    *ret = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    return 0;
}

/* An ack means a flushed COMMIT: refuse to run where the cluster says otherwise. */
static int check_settings(PGconn *c, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(c,
                          "select name, setting from pg_settings where (name in ('fsync', "
                          "'full_page_writes') and setting <> 'on')"
                          " or (name = 'synchronous_commit' and setting = 'off')",
                          0, NULL, &r, err);
    if (rc)
        return rc;
    if (PQntuples(r))
        rc = lj_fail(err, LJ_E_CONFIG,
                     "PostgreSQL runs with %s = %s: an acknowledged event could be lost; set it on",
                     PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1));
    PQclear(r);
    return rc;
}

static int load_marks(PGconn *c, struct takeover_result *t, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(
        c,
        "select k.number, coalesce((select max(watermark) from kind_mark m where "
        "m.kind = k.number), 0),"
        " coalesce((select position from settled s where s.kind = k.number), 0),"
        " coalesce((select state from kind_state s where s.kind = k.number), "
        "'running') <> 'running',"
        " (select min(c.position) from replay_settlement c where c.kind = k.number and "
        "c.position > coalesce((select position from settled s where s.kind = k.number), 0))"
        " from kind k order by k.number",
        0, NULL, &r, err);
    if (rc)
        return rc;
    for (int i = 0; i < PQntuples(r) && i < LJ_KINDS_MAX;
         i++) { /* same order as the catalogue's kinds */
        t->marks[i] = strtoll(PQgetvalue(r, i, 1), NULL, 10);
        t->settled[i] = strtoll(PQgetvalue(r, i, 2), NULL, 10);
        t->paused[i] = PQgetvalue(r, i, 3)[0] == 't';
        t->step[i] = PQgetisnull(r, i, 4) ? INT64_MAX : strtoll(PQgetvalue(r, i, 4), NULL, 10);
    }
    PQclear(r);
    return 0;
}

static int load_closed(PGconn *c, const struct takeover_result *t, size_t kind,
                       struct closed_set *set, struct lj_err *err)
{
    char number[16], mark[24];
    (void)snprintf(number, sizeof number, "%d", t->cat->kinds[kind].number);
    (void)snprintf(mark, sizeof mark, "%lld", (long long)t->marks[kind]);
    const char *values[2] = {number, mark};
    PGresult *r = NULL;
    int rc = lj_dbs_query(c,
                          "select u.position, u.verdict + 1 from closure c, unnest(c.positions, "
                          "c.verdicts) u(position, verdict)"
                          " where c.kind = $1::int2 and c.hi > $2::int8 and u.position > $2::int8"
                          " union all select position, 1 from parked where kind = $1::int2 and "
                          "position > $2::int8 and state in ('parked', 'dropped')"
                          " union all select position, -2 from parked where kind = $1::int2 and "
                          "position > $2::int8 and state = 'redriving'",
                          2, values, &r, err);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        intptr_t v = (intptr_t)strtoll(PQgetvalue(r, i, 1), NULL, 10);
        if (lj_u64map_put(&set->verdicts, strtoull(PQgetvalue(r, i, 0), NULL, 10),
                          (void *)(v ? v : 1)))
            rc = lj_fail(err, LJ_E_NOMEM, "no memory for the closed positions of %s",
                         t->cat->kinds[kind].name);
    }
    PQclear(r);
    return rc;
}

/* What a kind still has to do with one event. */
static int place(struct takeover_result *t, struct closed_set *closed, size_t k,
                 const struct lj_item *item)
{
    const struct lj_kind *kind = &t->cat->kinds[k];
    int64_t p = item->position;
    if (p <= t->marks[k] || !lj_catalog_wants(t->cat, item->type, k, p) ||
        lj_u64map_get(&closed[k].verdicts, (uint64_t)p))
        return 0;
    if (kind->after >= 0) {
        size_t a = (size_t)kind->after;
        intptr_t v = (intptr_t)lj_u64map_get(&closed[a].verdicts, (uint64_t)p);
        if (v ==
            OUT_AGAIN) /* the gate's own event is being redriven: its verdict is still to come */
            v = 0;
        if (v && v - 1 != kind->after_verdict)
            return 0;
        int rc = lj_backlog_open(t->backlog, k, p);
        return rc || !v ? rc : lj_backlog_push(t->backlog, k, item);
    }
    int rc = lj_backlog_open(t->backlog, k, p);
    return rc ? rc : lj_backlog_push(t->backlog, k, item);
}

static int load_page(struct takeover_result *t, struct closed_set *closed, const PGresult *r,
                     int64_t *last, struct lj_err *err)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct lj_item item = {.position = lj_pgget_i64(r, i, 0),
                               .unit = (uint16_t)lj_pgget_i16(r, i, 2),
                               .class = (uint8_t)lj_pgget_i16(r, i, 3)};
        *last = item.position;
        int type = lj_catalog_type_number(t->cat, lj_pgget_i16(r, i, 1));
        if (type < 0)
            continue;
        item.type = (uint8_t)type;
        item.key = lj_key_hash(item.unit, PQgetvalue(r, i, 4), (size_t)PQgetlength(r, i, 4));
        item.flags = lj_pgget_bool(r, i, 5) ? LJ_ITEM_OWN_KEY : 0;
        for (size_t k = 0; k < t->cat->nkinds; k++) {
            if (place(t, closed, k, &item))
                return lj_fail(err, LJ_E_NOMEM, "no memory for the backlog at position %lld",
                               (long long)item.position);
        }
    }
    return 0;
}

/* A gated kind needs its gate's verdicts also below the gate's own watermark, from its own
 * watermark on. Reading the gate's closures from there is harmless to the gate: whatever it wanted
 * below its watermark is in them, or parked. */
static void align_marks(struct takeover_result *t)
{
    for (size_t k = 0; k < t->cat->nkinds; k++) {
        int a = t->cat->kinds[k].after;
        if (a >= 0 && t->marks[a] > t->marks[k])
            t->marks[a] = t->marks[k];
    }
}

static int load_backlog(PGconn *c, struct takeover_result *t, struct lj_err *err)
{
    struct closed_set closed[LJ_KINDS_MAX] = {0};
    int64_t from = INT64_MAX;
    int rc = 0;
    align_marks(t);
    for (size_t k = 0; rc == 0 && k < t->cat->nkinds; k++) {
        from = t->marks[k] < from ? t->marks[k] : from;
        rc = load_closed(c, t, k, &closed[k], err);
    }
    int rows = 1;
    while (rc == 0 && rows > 0 && from < INT64_MAX) {
        char sql[256];
        (void)snprintf(
            sql, sizeof sql,
            "select position, type, unit, class, coalesce(key, id::text), key is null from event"
            " where position > %lld order by position limit %d",
            (long long)from, PAGE_ROWS);
        PGresult *r = NULL;
        rc = lj_dbs_query_binary(c, sql, 0, NULL, NULL, &r, err);
        rows = rc ? 0 : PQntuples(r);
        if (rc == 0)
            rc = load_page(t, closed, r, &from, err);
        PQclear(r);
    }
    for (size_t k = 0; k < t->cat->nkinds; k++)
        lj_u64map_free(&closed[k].verdicts);
    return rc;
}

static int load_parked(PGconn *c, struct takeover_result *t, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query_binary(c,
                                 "select p.kind, p.state = 'redriving', e.position, e.type, "
                                 "e.unit, e.class, coalesce(e.key, e.id::text),"
                                 " e.key is null from parked p join event e using (position) where "
                                 "p.state in ('parked', 'redriving')"
                                 " order by e.position",
                                 0, NULL, NULL, &r, err);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        int16_t number = lj_pgget_i16(r, i, 0);
        size_t k = 0;
        while (k < t->cat->nkinds && t->cat->kinds[k].number != number)
            k++;
        int type = lj_catalog_type_number(t->cat, lj_pgget_i16(r, i, 3));
        if (k == t->cat->nkinds || type < 0)
            continue;
        struct lj_item item = {.position = lj_pgget_i64(r, i, 2),
                               .type = (uint8_t)type,
                               .unit = (uint16_t)lj_pgget_i16(r, i, 4),
                               .class = (uint8_t)lj_pgget_i16(r, i, 5),
                               .flags = LJ_ITEM_REDRIVEN};
        item.key = lj_key_hash(item.unit, PQgetvalue(r, i, 6), (size_t)PQgetlength(r, i, 6));
        if (lj_pgget_bool(r, i, 7))
            item.flags |= LJ_ITEM_OWN_KEY;
        int failed = lj_pgget_bool(r, i, 1) ? lj_backlog_push(t->backlog, k, &item)
                                            : lj_backlog_parked_key(t->backlog, k, item.key, 1);
        if (failed)
            rc = lj_fail(err, LJ_E_NOMEM, "no memory for parked events");
    }
    PQclear(r);
    return rc;
}

static int do_sql(PGconn *c, const char *sql, int n, const char *const *values, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(c, sql, n, values, &r, err);
    PQclear(r);
    return rc;
}

/* The shard's lock, exclusively. A former owner that stands still in the middle of a transaction (a
 * frozen machine, a stopped process) would hold it for ever: a backend that waits for the rest of a
 * pipeline has no timeout. Its connections are ended then; what they had under way is rolled back,
 * which is what taking over means anyhow. */
static int lock_shard(PGconn *c, const char *const *shard, struct lj_err *err)
{
    int rc = do_sql(c, "set local lock_timeout = '3s'", 0, NULL, err);
    if (rc == 0)
        rc = do_sql(c, "select pg_advisory_xact_lock(19530, $1::int4)", 1, shard, err);
    if (rc == 0)
        return do_sql(c, "set local lock_timeout = 0", 0, NULL, err);
    if (strcmp(err->sqlstate, "55P03") == 0 && do_sql(c, "rollback", 0, NULL, NULL) == 0)
        (void)!do_sql(c,
                      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
                      " and classid = 19530 and objid = $1::int4 and objsubid = 2 and granted"
                      " and database = (select oid from pg_database where datname ="
                      " current_database()) and pid <> pg_backend_pid()",
                      1, shard, NULL); /* without it the next try waits again */
    return rc;
}

/* The lock first, then the row: nobody takes over between the look and the take. A broker that has
 * owned the log before (held) and comes back after a lost connection or a long sleep must not take
 * it from another that owns it since; an epoch that its own try in doubt has raised is its own. */
static int own_shard(PGconn *c, const char *shard, const char *owner, int64_t held,
                     struct takeover_result *t, struct lj_err *err)
{
    const char *values[2] = {shard, owner};
    PGresult *r = NULL;
    int rc = do_sql(c, "begin", 0, NULL, err);
    if (rc == 0)
        rc = lock_shard(c, values, err);
    if (rc == 0)
        rc = lj_dbs_query(c, "select epoch, owner from shard where shard = $1::int2", 1, values, &r,
                          err);
    if (rc == 0 && held && PQntuples(r) == 1 && strtoll(PQgetvalue(r, 0, 0), NULL, 10) != held &&
        strcmp(PQgetvalue(r, 0, 1), owner) != 0)
        rc = lj_fail(err, LJ_E_FENCED, "shard %s belongs to %.60s since", shard,
                     PQgetvalue(r, 0, 1));
    PQclear(r);
    r = NULL;
    if (rc == 0)
        rc = lj_dbs_query(c, "select take_over($1::int2, $2)", 2, values, &r, err);
    if (rc == 0)
        t->epoch = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return rc ? rc : do_sql(c, "commit", 0, NULL, err);
}

static int read_all(PGconn *c, const struct broker_config *cfg, const struct takeover_self *self,
                    struct takeover_result *t, struct lj_err *err)
{
    char shard[8], owner[96];
    (void)snprintf(shard, sizeof shard, "%d", (int)cfg->shard);
    (void)snprintf(owner, sizeof owner, "%.60s#%016llx", cfg->owner ? cfg->owner : "",
                   (unsigned long long)self->nonce);
    int rc = check_settings(c, err);
    if (rc == 0)
        rc = own_shard(c, shard, owner, self->held, t, err);
    if (rc == 0)
        rc = lj_catalog_load(c, &t->cat, err);
    if (rc == 0)
        rc = load_marks(c, t, err);
    int64_t head = 0, closures = 0, last_event = 0, last_closure = 0;
    if (rc == 0)
        rc = one_int(c, "select coalesce(max(frontier), 0) from log_head where shard = $1::int2",
                     shard, &head, err);
    if (rc == 0)
        rc = one_int(
            c, "select coalesce(max(closure_frontier), 0) from log_head where shard = $1::int2",
            shard, &closures, err);
    if (rc == 0)
        rc = one_int(c, "select coalesce(max(position), 0) from event", NULL, &last_event, err);
    if (rc == 0)
        rc = one_int(c, "select coalesce(max(number), 0) from closure", NULL, &last_closure, err);
    if (rc)
        return rc;
    t->frontier = last_event > head ? last_event : head;
    t->closure_frontier = last_closure > closures ? last_closure : closures;
    t->next_position = t->frontier + 1;
    t->next_closure = t->closure_frontier + 1;
    rc = lj_backlog_new(t->cat, &t->backlog, err);
    if (rc == 0) /* first: redriven events stand before the later ones of their keys */
        rc = load_parked(c, t, err);
    if (rc == 0)
        rc = load_backlog(c, t, err);
    return rc;
}

int takeover_read(const struct broker_config *cfg, const struct takeover_self *self,
                  struct takeover_result *ret, struct lj_err *err)
{
    PGconn *c = NULL;
    *ret = (struct takeover_result){0};
    int rc = lj_dbs_open(cfg->dsn, "liangjin-broker take-over", &c, err);
    if (rc == 0)
        rc = read_all(c, cfg, self, ret, err);
    PQfinish(c);
    if (rc) {
        lj_backlog_free(&ret->backlog);
        lj_catalog_free(&ret->cat);
    }
    return rc;
}
