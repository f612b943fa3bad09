/* A turn's statements: fence, append, each result's apply and closure, each park, marks; then one
 * Sync, which commits and flushes.
 *
 * All prepared once a connection; parameters are binary arrays built in place. Results are matched
 * by the connection's FIFO: every statement's callback gets a reference {turn, what, index}. The
 * apply functions' own parameters come from the worker and are passed on unread.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "common/failpoint.h"
#include "common/log.h"

enum what { W_FENCE, W_APPEND, W_APPLY, W_CLOSE, W_PARK, W_REDRIVEN, W_MARKS };

static const char *const fixed_statements[] = {
    "set plan_cache_mode = force_generic_plan",
    "set jit = off",
    "prepare lj_fence as select fence($1::int2, $2::int8)",
    "prepare lj_fence_turn as select fence_turn($1::int2, $2::int8, $3::int8, $4::int8)",
    "prepare lj_append as select append_events($1::int8[], $2::uuid[], $3::int2[], $4::int2[], "
    "$5::int2[], $6::int2[], $7::timestamptz,"
    " $8::timestamptz[], $9::text[], $10::text[], $11::bytea[], $12::text[])",
    "prepare lj_append_new as select append_new_events($1::int8[], $2::uuid[], $3::int2[], "
    "$4::int2[], $5::int2[], $6::int2[], $7::timestamptz,"
    " $8::timestamptz[], $9::text[], $10::text[], $11::bytea[], $12::text[])",
    "prepare lj_close as select close_batch($1::int8, $2::int2, $3::int2, $4::timestamptz, "
    "$5::int8[], $6::int2[], $7::text, $8::text)",
    "prepare lj_park as select park($1::int2, $2::int8[], $3::int2[], $4::int2, $5::bool, "
    "$6::text, $7::text, $8::text, $9::text, $10::timestamptz)",
    "prepare lj_redriven as select redriven($1::int2, $2::int8[], $3::int2[])",
    "prepare lj_marks as select set_marks($1::int2, $2::int2, $3::int8, $4::int8, $5::int2[], "
    "$6::int8[])",
};
#define NFIXED (sizeof fixed_statements / sizeof fixed_statements[0])

static char *apply_statement(const struct lj_kind *k)
{
    struct lj_buf sql = {0};
    int first = k->follow_on_max > 0 ? 5 : 1;
    lj_buf_printf(&sql, "prepare lj_apply_%d as ", k->number);
    if (first == 5)
        lj_buf_printf(&sql,
                      "select * from emit_follow_on($1::int8, $2::int4, $3::int2, $4::timestamptz, "
                      "array(select f from %s(",
                      k->apply);
    else
        lj_buf_printf(&sql, "select count(*) from %s(", k->apply);
    for (int i = 0; i < k->apply_args; i++)
        lj_buf_printf(&sql, "%s$%d", i ? ", " : "", first + i);
    lj_buf_printf(&sql, first == 5 ? ") f))" : ")");
    if (!sql.failed)
        return (char *)sql.data;
    lj_buf_free(&sql);
    return NULL;
}

char **turn_setup(const struct broker *b, struct lj_err *err)
{
    size_t n = 0;
    char **setup = calloc(NFIXED + LJ_KINDS_MAX + 2, sizeof *setup);
    for (size_t i = 0; setup && i < NFIXED; i++)
        setup[n++] = strdup(fixed_statements[i]);
    if (setup && LJ_BROKEN("async_commit"))
        setup[n++] = strdup("set synchronous_commit = off");
    for (size_t k = 0; setup && k < b->cat->nkinds; k++) {
        if (b->cat->kinds[k].apply[0])
            setup[n++] = apply_statement(&b->cat->kinds[k]);
    }
    for (size_t i = 0; setup && i < n; i++) {
        if (!setup[i]) {
            turn_setup_free(&setup);
            break;
        }
    }
    if (!setup)
        (void)lj_fail(err, LJ_E_NOMEM, "no memory for the statements of a lane");
    return setup;
}

void turn_setup_free(char ***setup)
{
    for (size_t i = 0; *setup && i < NFIXED + LJ_KINDS_MAX + 1; i++)
        free((*setup)[i]);
    free(*setup);
    *setup = NULL;
}

/* ---- parameters ---- */

#define PARAMS_MAX 64
struct params {
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX];
    int n;
    uint8_t scalars[16][8];
    int nscalars;
    int bad;
};

static void add(struct params *p, const void *v, size_t n)
{
    if (p->n == PARAMS_MAX) {
        p->bad = 1;
        return;
    }
    p->values[p->n] = v;
    p->lengths[p->n++] = (int)n;
}

static void add_int(struct params *p, int64_t v, int size)
{
    uint8_t *s = p->scalars[p->nscalars++];
    for (int i = size - 1; i >= 0; i--) {
        s[i] = (uint8_t)v;
        v = (int64_t)((uint64_t)v >> 8);
    }
    add(p, s, (size_t)size);
}

#define PG_EPOCH_US 946684800000000LL /* 2000-01-01 in microseconds since 1970 */

static void add_time(struct params *p, int64_t us)
{
    add_int(p, us - PG_EPOCH_US, 8);
}

static void add_array(struct params *p, struct lj_pgarray *a)
{
    const uint8_t *v = NULL;
    size_t n = 0;
    if (lj_pgarray_done(a, &v, &n, NULL))
        p->bad = 1;
    else
        add(p, v, n);
}

/* ---- results ---- */

static void on_statement(struct lj_db *db, const PGresult *res, const struct lj_err *err,
                         void *arg);

static void *ref(struct turn *t, enum what what, size_t index)
{
    t->refs[t->nrefs].t = t;
    t->refs[t->nrefs].what = (int)what;
    t->refs[t->nrefs].index = (int)index;
    return &t->refs[t->nrefs++];
}

static int run(struct lane *lane, struct turn *t, const char *name, struct params *p,
               enum what what, size_t index, struct lj_err *err)
{
    if (p->bad)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the parameters of %s", name);
    return lj_db_exec(lane->db, name, NULL, p->n, p->values, p->lengths, NULL, 1, on_statement,
                      ref(t, what, index), err);
}

static void first_failure(struct turn *t, enum what what, int index, const struct lj_err *err)
{
    if (t->failed)
        return;
    t->failed = 1;
    t->err = *err;
    t->failed_lease = what == W_APPLY || what == W_CLOSE || what == W_REDRIVEN ? index : -1;
    t->failed_append = what == W_APPEND;
    t->failed_park = what == W_PARK ? index : -1;
}

static void on_statement(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    (void)db;
    const struct turn_ref *r = arg;
    struct turn *t = r->t;
    if (err) {
        if (err->code != LJ_E_STATE)
            first_failure(t, (enum what)r->what, r->index, err);
        return;
    }
    if (r->what == W_APPEND)
        t->inserted = lj_pgget_i32(res, 0, 0);
    if (r->what != W_APPLY || PQnfields(res) < 9)
        return;
    for (int i = 0; i < PQntuples(res); i++) {
        struct new_event *e = log_read_follow_on(t->b, res, i);
        if (!e) {
            struct lj_err nomem;
            (void)lj_fail(&nomem, LJ_E_NOMEM, "no memory for a follow-on event");
            first_failure(t, W_MARKS, 0, &nomem);
            return;
        }
        if (t->follow_tail)
            t->follow_tail->next = e;
        else
            t->follow_head = e;
        t->follow_tail = e;
    }
}

/* ---- statements ---- */

static int send_fence(struct broker *b, struct lane *lane, struct turn *t, struct lj_err *err)
{
    struct params p = {0};
    add_int(&p, b->cfg.shard, 2);
    add_int(&p, b->log.epoch, 8);
    if (!t->number)
        return run(lane, t, "lj_fence", &p, W_FENCE, 0, err);
    add_int(&p, (int64_t)t->number, 8);
    add_int(&p, (int64_t)t->after, 8);
    return run(lane, t, "lj_fence_turn", &p, W_FENCE, 0, err);
}

static void fill_columns(struct broker *b, struct turn *t)
{
    struct log *l = &b->log;
    const struct {
        struct lj_pgarray *a;
        enum lj_pgtype type;
    } cols[] = {{&l->cols.positions, LJ_PG_INT8},       {&l->cols.ids, LJ_PG_UUID},
                {&l->cols.types, LJ_PG_INT2},           {&l->cols.units, LJ_PG_INT2},
                {&l->cols.classes, LJ_PG_INT2},         {&l->cols.versions, LJ_PG_INT2},
                {&l->cols.occurred, LJ_PG_TIMESTAMPTZ}, {&l->cols.keys, LJ_PG_TEXT},
                {&l->cols.sources, LJ_PG_TEXT},         {&l->cols.hashes, LJ_PG_BYTEA},
                {&l->cols.payloads, LJ_PG_TEXT}};
    for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++)
        lj_pgarray_init(cols[i].a, cols[i].type);
    for (const struct pend *p = t->pends; p; p = p->next) {
        lj_pgarray_int(&l->cols.positions, p->position);
        lj_pgarray_bytes(&l->cols.ids, p->id, 16);
        lj_pgarray_int(&l->cols.types, b->cat->types[p->type].number);
        lj_pgarray_int(&l->cols.units, p->unit);
        lj_pgarray_int(&l->cols.classes, p->class);
        lj_pgarray_int(&l->cols.versions, p->schema_version);
        if (p->occurred_at_us == LJ_TIME_NONE)
            lj_pgarray_null(&l->cols.occurred);
        else
            lj_pgarray_int(&l->cols.occurred, p->occurred_at_us);
        if (p->flags & LJ_ITEM_OWN_KEY)
            lj_pgarray_null(&l->cols.keys);
        else
            lj_pgarray_bytes(&l->cols.keys, p->key.p, p->key.n);
        lj_pgarray_bytes(&l->cols.sources, p->source.p, p->source.n);
        lj_pgarray_bytes(&l->cols.hashes, p->hash, 16);
        lj_pgarray_bytes(&l->cols.payloads, p->payload.p, p->payload.n);
    }
}

static int send_append(struct broker *b, struct lane *lane, struct turn *t, struct lj_err *err)
{
    struct params p = {0};
    struct log *l = &b->log;
    fill_columns(b, t);
    struct lj_pgarray *before[] = {&l->cols.positions, &l->cols.ids,     &l->cols.types,
                                   &l->cols.units,     &l->cols.classes, &l->cols.versions};
    struct lj_pgarray *after[] = {&l->cols.occurred, &l->cols.keys, &l->cols.sources,
                                  &l->cols.hashes, &l->cols.payloads};
    for (size_t i = 0; i < 6; i++)
        add_array(&p, before[i]);
    add_time(&p, t->now_us);
    for (size_t i = 0; i < 5; i++)
        add_array(&p, after[i]);
    return run(lane, t, t->careful ? "lj_append" : "lj_append_new", &p, W_APPEND, 0, err);
}

static void lease_columns(struct broker *b, const struct lease *l)
{
    struct log *g = &b->log;
    lj_pgarray_init(&g->lease_positions, LJ_PG_INT8);
    lj_pgarray_init(&g->lease_ids, LJ_PG_UUID);
    lj_pgarray_init(&g->lease_received, LJ_PG_TIMESTAMPTZ);
    lj_pgarray_init(&g->lease_verdicts, LJ_PG_INT2);
    for (size_t i = 0; i < l->group->n; i++) {
        lj_pgarray_int(&g->lease_positions, l->group->items[i].position);
        lj_pgarray_bytes(&g->lease_ids, l->events[i].id, 16);
        lj_pgarray_int(&g->lease_received, l->events[i].received_us);
        lj_pgarray_int(&g->lease_verdicts, l->verdicts[i]);
    }
}

static int send_apply(struct broker *b, struct lane *lane, struct turn *t, size_t i,
                      struct lj_err *err)
{
    struct lease *l = t->leases[i];
    const struct lj_kind *k = &b->cat->kinds[l->kind];
    struct params p = {0};
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX], n = 0;
    char name[32];
    if (k->follow_on_max > 0) {
        add_int(&p, t->base[i], 8);
        add_int(&p, t->cap[i], 4);
        add_int(&p, k->number, 2);
        add_time(&p, t->now_us);
    }
    add_int(&p, t->closure_first + (int64_t)i, 8);
    add_array(&p, &b->log.lease_positions);
    add_array(&p, &b->log.lease_ids);
    add_array(&p, &b->log.lease_received);
    int rc = lj_pgblock_split(l->params.p, l->params.n, PARAMS_MAX - 8, values, lengths, &n, err);
    if (rc || n + 4 != k->apply_args) { /* found when the result came in; here only as a guard */
        p.bad = 1;
        return run(lane, t, "lj_apply", &p, W_APPLY, i, err);
    }
    for (int j = 0; j < n; j++) {
        add(&p, values[j], 0);
        p.lengths[p.n - 1] = lengths[j];
    }
    (void)snprintf(name, sizeof name, "lj_apply_%d", k->number);
    return run(lane, t, name, &p, W_APPLY, i, err);
}

static int send_close(struct broker *b, struct lane *lane, struct turn *t, size_t i,
                      struct lj_err *err)
{
    struct lease *l = t->leases[i];
    const struct lj_kind *k = &b->cat->kinds[l->kind];
    struct params p = {0};
    add_int(&p, t->closure_first + (int64_t)i, 8);
    add_int(&p, k->number, 2);
    add_int(&p, l->group->attempts + 1, 2);
    add_time(&p, t->now_us);
    add_array(&p, &b->log.lease_positions);
    add_array(&p, &b->log.lease_verdicts);
    add(&p, l->worker, strlen(l->worker));
    add(&p, l->version, strlen(l->version));
    return run(lane, t, "lj_close", &p, W_CLOSE, i, err);
}

/* Those of a lease that were parked once: their rows say so in the same transaction. */
static int send_redriven(struct broker *b, struct lane *lane, struct turn *t, size_t i,
                         struct lj_err *err)
{
    struct lease *l = t->leases[i];
    struct params p = {0};
    lj_pgarray_init(&b->log.lease_positions, LJ_PG_INT8);
    lj_pgarray_init(&b->log.lease_verdicts, LJ_PG_INT2);
    size_t n = 0;
    for (size_t j = 0; j < l->group->n; j++) {
        if (!(l->group->items[j].flags & LJ_ITEM_REDRIVEN))
            continue;
        lj_pgarray_int(&b->log.lease_positions, l->group->items[j].position);
        lj_pgarray_int(&b->log.lease_verdicts, l->verdicts[j]);
        n++;
    }
    if (!n)
        return 0;
    add_int(&p, b->cat->kinds[l->kind].number, 2);
    add_array(&p, &b->log.lease_positions);
    add_array(&p, &b->log.lease_verdicts);
    return run(lane, t, "lj_redriven", &p, W_REDRIVEN, i, err);
}

static int send_park(struct broker *b, struct lane *lane, struct turn *t, size_t i,
                     struct lj_err *err)
{
    struct park *k = t->parks[i];
    struct params p = {0};
    struct log *g = &b->log;
    const char *code = lj_err_info(k->err.code)->name;
    uint8_t behind = k->behind ? 1 : 0;
    lj_pgarray_init(&g->lease_positions, LJ_PG_INT8);
    lj_pgarray_init(&g->lease_verdicts, LJ_PG_INT2);
    for (size_t j = 0; j < k->group->n; j++) {
        lj_pgarray_int(&g->lease_positions, k->group->items[j].position);
        lj_pgarray_int(&g->lease_verdicts, k->group->items[j].unit);
    }
    add_int(&p, b->cat->kinds[k->kind].number, 2);
    add_array(&p, &g->lease_positions);
    add_array(&p, &g->lease_verdicts);
    add_int(&p, k->group->attempts, 2);
    add(&p, &behind, 1);
    add(&p, code, strlen(code));
    add(&p, k->err.text, strlen(k->err.text));
    add(&p, k->worker, strlen(k->worker));
    add(&p, k->version, strlen(k->version));
    add_time(&p, t->now_us);
    return run(lane, t, "lj_park", &p, W_PARK, i, err);
}

/* What is retired by now; conservative (this turn's own closures are not in it), so it is true
 * whatever commits first. */
static int send_marks(struct broker *b, struct lane *lane, struct turn *t, struct lj_err *err)
{
    struct params p = {0};
    struct log *g = &b->log;
    lj_pgarray_init(&g->mark_kinds, LJ_PG_INT2);
    lj_pgarray_init(&g->mark_values, LJ_PG_INT8);
    for (size_t k = 0; k < b->cat->nkinds; k++) {
        int64_t mark = lj_backlog_watermark(b->backlog, k);
        if (mark <= g->marks_written[k])
            continue;
        lj_pgarray_int(&g->mark_kinds, b->cat->kinds[k].number);
        lj_pgarray_int(&g->mark_values, mark);
        g->marks_written[k] = mark; /* a turn that fails resets them: broker_lost or log.c */
    }
    add_int(&p, t->lane, 2);
    add_int(&p, b->cfg.shard, 2);
    add_int(&p, g->frontier, 8);
    add_int(&p, g->closure_frontier, 8);
    add_array(&p, &g->mark_kinds);
    add_array(&p, &g->mark_values);
    g->marks_dirty = 0;
    return run(lane, t, "lj_marks", &p, W_MARKS, 0, err);
}

int turn_send(struct broker *b, struct lane *lane, struct turn *t, struct lj_err *err)
{
    int rc = send_fence(b, lane, t, err);
    if (rc == 0 && t->npends)
        rc = send_append(b, lane, t, err);
    for (size_t i = 0; rc == 0 && i < t->nleases; i++) {
        lease_columns(b, t->leases[i]);
        if (b->cat->kinds[t->leases[i]->kind].apply[0])
            rc = send_apply(b, lane, t, i, err);
        if (rc == 0)
            rc = send_close(b, lane, t, i, err);
        if (rc == 0)
            rc = send_redriven(b, lane, t, i, err);
    }
    for (size_t i = 0; rc == 0 && i < t->nparks; i++)
        rc = send_park(b, lane, t, i, err);
    return rc ? rc : send_marks(b, lane, t, err);
}
