/* The outcome of a batch under construction.
 *
 * A kind judges events one by one and fills columns for all of them together, so the columns belong
 * to the batch, not to an event. The broker wants columns of done events only. A kind is pure, so
 * the runner simply calls it again with the events that have not failed: a *pass*. This file keeps
 * the outcomes of the whole batch and lets a pass see only its own events; the runner repeats
 * passes until one has no failure. Each pass with a failure is over fewer events, so that ends.
 *
 * Guarantees: every event of an encoded batch has exactly one outcome; an event without one is a
 * defect of the kind and fails finally, it is never reported done. Memory is kept from batch to
 * batch. Nothing here allocates by a size that a peer chose beyond what the decoded batch bounds:
 * events in it, and LJ_SHORT_BYTES_MAX a short result.
 */
#include "workers/runner/result.h"

#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"

enum { UNJUDGED = -1 };

struct outcome {
    int what; /* UNJUDGED or LJ_OUTCOME_* */
    int16_t verdict;
    int too_long;    /* the kind gave a short result over the limit */
    size_t short_at; /* in the pool */
    size_t short_len;
    struct lj_err why;
};

struct lj_result {
    const struct lj_worker *worker;
    struct lj_pgarray *columns;
    struct outcome *outcomes; /* of the whole batch */
    size_t *index;            /* place in the batch of the pass's i-th event */
    size_t count, passing, cap;
    struct lj_buf pool; /* short results of the pass */
};

int lj_result_is_systems_fault(int code)
{
    static const int system[] = {LJ_E_NOMEM,   LJ_E_IO,        LJ_E_TIMEOUT, LJ_E_CLOSED,
                                 LJ_E_DB_LOST, LJ_E_DB_SYSTEM, LJ_E_BUSY};
    for (size_t i = 0; i < sizeof system / sizeof system[0]; i++)
        if (system[i] == code)
            return 1;
    return 0;
}

int lj_result_open(const struct lj_worker *worker, struct lj_result **ret, struct lj_err *err)
{
    struct lj_result *r = calloc(1, sizeof *r);
    if (!r)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a result");
    r->worker = worker;
    r->columns = calloc(worker->ncolumns ? worker->ncolumns : 1, sizeof *r->columns);
    if (!r->columns) {
        lj_result_close(&r);
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu columns", worker->ncolumns);
    }
    for (size_t i = 0; i < worker->ncolumns; i++)
        lj_pgarray_init(&r->columns[i], worker->columns[i]);
    *ret = r;
    return 0;
}

void lj_result_close(struct lj_result **rp)
{
    struct lj_result *r = *rp;
    if (!r)
        return;
    for (size_t i = 0; r->columns && i < r->worker->ncolumns; i++)
        lj_pgarray_free(&r->columns[i]);
    free(r->columns);
    free(r->outcomes);
    free(r->index);
    lj_buf_free(&r->pool);
    free(r);
    *rp = NULL;
}

static int make_room(struct lj_result *r, size_t count, struct lj_err *err)
{
    if (count <= r->cap)
        return 0;
    struct outcome *outcomes = reallocarray(r->outcomes, count, sizeof *outcomes);
    if (outcomes)
        r->outcomes = outcomes;
    size_t *index = reallocarray(r->index, count, sizeof *index);
    if (index)
        r->index = index;
    if (!outcomes || !index)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the outcomes of %zu events", count);
    r->cap = count;
    return 0;
}

int lj_result_begin(struct lj_result *r, size_t count, struct lj_err *err)
{
    int rc = make_room(r, count, err);
    if (rc < 0)
        return rc;
    if (count > 0)
        memset(r->outcomes, 0, count * sizeof *r->outcomes);
    for (size_t i = 0; i < count; i++)
        r->outcomes[i].what = UNJUDGED;
    r->count = count;
    r->passing = 0;
    return 0;
}

static int failed(const struct outcome *o)
{
    return o->what == LJ_OUTCOME_RETRY || o->what == LJ_OUTCOME_FINAL;
}

size_t lj_result_pass(struct lj_result *r, size_t *ret_index)
{
    r->passing = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (failed(&r->outcomes[i]))
            continue;
        memset(&r->outcomes[i], 0, sizeof r->outcomes[i]);
        r->outcomes[i].what = UNJUDGED;
        ret_index[r->passing] = i;
        r->index[r->passing++] = i;
    }
    lj_buf_clear(&r->pool);
    for (size_t i = 0; i < r->worker->ncolumns; i++)
        lj_pgarray_init(&r->columns[i], r->worker->columns[i]);
    return r->passing;
}

static void fail_one(struct outcome *o, int what, const struct lj_err *why)
{
    o->what = what;
    o->why = *why;
}

size_t lj_result_pass_end(struct lj_result *r)
{
    size_t failures = 0;
    for (size_t i = 0; i < r->passing; i++) {
        struct outcome *o = &r->outcomes[r->index[i]];
        struct lj_err why = {0};
        if (o->what == UNJUDGED) {
            (void)lj_fail(&why, LJ_E_INTERNAL, "kind %s gave no outcome", r->worker->kind);
            fail_one(o, LJ_OUTCOME_FINAL, &why);
        } else if (o->what == LJ_OUTCOME_DONE && o->too_long) {
            (void)lj_fail(&why, LJ_E_TOO_LARGE, "short result is longer than %d bytes",
                          LJ_SHORT_BYTES_MAX);
            fail_one(o, LJ_OUTCOME_FINAL, &why);
        }
        failures += (size_t)failed(o);
    }
    return failures;
}

void lj_result_fail_pass(struct lj_result *r, const struct lj_err *why)
{
    int what = lj_result_is_systems_fault(why->code) ? LJ_OUTCOME_RETRY : LJ_OUTCOME_FINAL;
    for (size_t i = 0; i < r->passing; i++)
        if (!failed(&r->outcomes[r->index[i]]))
            fail_one(&r->outcomes[r->index[i]], what, why);
}

int lj_result_outcome(const struct lj_result *r, size_t place, const struct lj_err **ret_why)
{
    const struct outcome *o = &r->outcomes[place];
    *ret_why = failed(o) ? &o->why : NULL;
    return o->what;
}

/* ---- what a kind calls ---- */

static struct outcome *at(struct lj_result *r, size_t i)
{
    return i < r->passing ? &r->outcomes[r->index[i]] : NULL;
}

void lj_result_done(struct lj_result *r, size_t i, int verdict)
{
    struct outcome *o = at(r, i);
    if (!o || failed(o))
        return;
    if (verdict < 0 || verdict > INT16_MAX) {
        struct lj_err why = {0};
        (void)lj_fail(&why, LJ_E_INTERNAL, "verdict %d is out of range", verdict);
        fail_one(o, LJ_OUTCOME_FINAL, &why);
        return;
    }
    o->what = LJ_OUTCOME_DONE;
    o->verdict = (int16_t)verdict;
}

void lj_result_short(struct lj_result *r, size_t i, const void *bytes, size_t len)
{
    struct outcome *o = at(r, i);
    if (!o)
        return;
    o->too_long = len > LJ_SHORT_BYTES_MAX;
    if (o->too_long)
        return;
    o->short_at = r->pool.len;
    o->short_len = len;
    lj_buf_put(&r->pool, bytes, len);
}

void lj_result_retry(struct lj_result *r, size_t i, const struct lj_err *why)
{
    struct outcome *o = at(r, i);
    if (o)
        fail_one(o, LJ_OUTCOME_RETRY, why);
}

void lj_result_final(struct lj_result *r, size_t i, const struct lj_err *why)
{
    struct outcome *o = at(r, i);
    if (o)
        fail_one(o, LJ_OUTCOME_FINAL, why);
}

struct lj_pgarray *lj_result_column(struct lj_result *r, size_t column)
{
    return &r->columns[column];
}

/* ---- the RESULT ---- */

static void put_outcome(const struct lj_result *r, const struct outcome *o, struct lj_buf *out)
{
    struct lj_outcome_record rec = {.what = (uint8_t)o->what};
    if (o->what == LJ_OUTCOME_DONE) {
        rec.code = o->verdict;
        rec.bytes = (struct lj_slice){o->short_len ? (const char *)r->pool.data + o->short_at : "",
                                      o->short_len};
    } else {
        rec.code = (int16_t)o->why.code;
        rec.bytes = (struct lj_slice){o->why.text, strlen(o->why.text)};
    }
    lj_outcome_put(out, &rec);
}

int lj_result_encode(struct lj_result *r, uint64_t batch, uint32_t spent_us, struct lj_buf *out,
                     struct lj_err *err)
{
    if (r->pool.failed)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the short results");
    struct lj_result_head head = {
        .batch = batch, .spent_us = spent_us, .count = (uint16_t)r->count};
    lj_result_head_put(out, &head);
    for (size_t i = 0; i < r->count; i++)
        put_outcome(r, &r->outcomes[i], out);
    struct lj_pgblock_writer w;
    lj_pgblock_begin(&w, out);
    for (size_t i = 0; i < r->worker->ncolumns; i++) {
        const uint8_t *p = NULL;
        size_t n = 0;
        int rc = lj_pgarray_done(&r->columns[i], &p, &n, err);
        if (rc < 0)
            return rc;
        lj_pgblock_param(&w, p, n);
    }
    lj_pgblock_end(&w);
    return out->failed ? lj_fail(err, LJ_E_NOMEM, "no memory for a result") : 0;
}
