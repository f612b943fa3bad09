/* From the body of a BATCH to the body of a RESULT.
 *
 * The broker applies the columns of a batch as they are, so they must hold done events only. A kind
 * is pure: when some events of a batch fail, it is called again with those that did not, until a
 * pass has no failure (result.c). An error of the whole batch fails every event of the pass, as
 * retry or final by its class; so does a RESULT that cannot be encoded or is too large for one
 * message. To the broker "final" of several events means: send them again in two halves; only an
 * event alone in its batch is parked. So nothing here needs to divide a batch.
 *
 * Fail points: worker.batch.received, worker.batch.done. In test builds LJ_POISON="text" makes the
 * process abort on a payload that contains the text: a poison event.
 */
#include "workers/runner/judge.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "proto/wire.h"
#include "workers/runner/batch.h"
#include "workers/runner/result.h"

struct lj_judge {
    const struct lj_worker *worker;
    struct lj_batch_in in;
    struct lj_result *result;
    struct lj_event *events; /* of the pass */
    size_t *index;
    size_t cap;
    struct lj_buf out;
};

int lj_judge_open(const struct lj_worker *worker, struct lj_judge **ret, struct lj_err *err)
{
    struct lj_judge *j = calloc(1, sizeof *j);
    if (!j)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a judge");
    j->worker = worker;
    int rc = lj_result_open(worker, &j->result, err);
    if (rc < 0) {
        lj_judge_close(&j);
        return rc;
    }
    *ret = j;
    return 0;
}

void lj_judge_close(struct lj_judge **jp)
{
    struct lj_judge *j = *jp;
    if (!j)
        return;
    lj_batch_in_free(&j->in);
    lj_result_close(&j->result);
    free(j->events);
    free(j->index);
    lj_buf_free(&j->out);
    free(j);
    *jp = NULL;
}

static int make_room(struct lj_judge *j, size_t count, struct lj_err *err)
{
    if (count <= j->cap)
        return 0;
    struct lj_event *events = reallocarray(j->events, count, sizeof *events);
    if (events)
        j->events = events;
    size_t *index = reallocarray(j->index, count, sizeof *index);
    if (index)
        j->index = index;
    if (!events || !index)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a pass over %zu events", count);
    j->cap = count;
    return 0;
}

/* In test builds: a payload that no worker survives. */
static void die_of_poison(const struct lj_batch_in *in)
{
#ifdef LJ_FAILPOINTS
    const char *poison = getenv("LJ_POISON");
    for (size_t i = 0; poison && *poison && i < in->head.count; i++)
        if (memmem(in->events[i].payload, in->events[i].payload_len, poison, strlen(poison)))
            abort();
#else
    (void)in;
#endif
}

/* A kind only reads, with statements of its own: a table, column or right that is not there (a
 * migration still to come) is no event's fault, and must not park the log. */
static int is_of_class_42(const struct lj_err *err)
{
    return strncmp(err->sqlstate, "42", 2) == 0;
}

/* Passes until one has no failure. Sets *reopen when the worker lost something. */
static void judge_all(struct lj_judge *j, void *const *state, int *reopen)
{
    for (;;) {
        size_t n = lj_result_pass(j->result, j->index);
        for (size_t i = 0; i < n; i++)
            j->events[i] = j->in.events[j->index[i]];
        struct lj_batch batch = {.events = j->events, .count = n};
        struct lj_err err = {0};
        int rc = 0;
        if (n == 0)
            return;
        if (!state)
            rc = lj_fail(&err, LJ_E_DB_SYSTEM, "kind %s is not open", j->worker->kind);
        else
            rc = j->worker->batch(*state, &batch, j->result, &err);
        if (rc < 0) {
            err.code = is_of_class_42(&err) ? LJ_E_DB_SYSTEM : err.code ? err.code : rc;
            lj_log(LJ_WARN, "worker.batch_failed", "kind=%s events=%zu code=%s sqlstate=%s",
                   j->worker->kind, n, lj_err_info(err.code)->name, err.sqlstate);
            lj_result_fail_pass(j->result, &err);
        }
        if (lj_result_pass_end(j->result) == 0)
            return;
        for (size_t i = 0; i < n; i++) {
            const struct lj_err *why = NULL;
            (void)lj_result_outcome(j->result, j->index[i], &why);
            *reopen |= why && (why->code == LJ_E_DB_LOST || why->code == LJ_E_DB_SYSTEM);
        }
    }
}

/* One line a batch: a lost database fails all its events at once. */
static void log_failures(const struct lj_judge *j)
{
    const struct lj_err *first = NULL;
    int64_t position = 0;
    size_t retry = 0, final = 0;
    for (size_t i = 0; i < j->in.head.count; i++) {
        const struct lj_err *why = NULL;
        int what = lj_result_outcome(j->result, i, &why);
        if (!why)
            continue;
        retry += what == LJ_OUTCOME_RETRY;
        final += what != LJ_OUTCOME_RETRY;
        if (!first) {
            first = why;
            position = j->in.events[i].position;
        }
    }
    if (first)
        lj_log(LJ_WARN, "worker.events_failed", "kind=%s first=%lld retry=%zu final=%zu code=%s",
               j->worker->kind, (long long)position, retry, final, lj_err_info(first->code)->name);
}

/* errors: LJ_E_TOO_LARGE, LJ_E_NOMEM, LJ_E_ARG */
static int encode(struct lj_judge *j, int64_t begun_us, struct lj_err *err)
{
    uint32_t spent_us = (uint32_t)(lj_mono_us() - begun_us);
    lj_buf_clear(&j->out);
    int rc = lj_result_encode(j->result, j->in.head.batch, spent_us, &j->out, err);
    if (rc == 0 && j->out.len > LJ_WORK_BYTES_MAX)
        rc = lj_fail(err, LJ_E_TOO_LARGE, "a result of %zu bytes for %u events", j->out.len,
                     j->in.head.count);
    return rc;
}

static int judge(struct lj_judge *j, void *const *state, struct lj_verdict *ret, struct lj_err *err)
{
    int64_t begun_us = lj_mono_us();
    int rc = make_room(j, j->in.head.count, err);
    if (rc == 0)
        rc = lj_result_begin(j->result, j->in.head.count, err);
    if (rc < 0)
        return rc;
    judge_all(j, state, &ret->reopen);
    rc = encode(j, begun_us, err);
    if (rc < 0) { /* the columns as a whole are at fault: no event of them can be done */
        (void)lj_result_pass(j->result, j->index);
        lj_result_fail_pass(j->result, err);
        (void)lj_result_pass_end(j->result);
        (void)lj_result_pass(j->result, j->index);
        rc = encode(j, begun_us, err);
    }
    return rc;
}

int lj_judge_batch(struct lj_judge *j, void *const *state, const void *body, size_t n,
                   int64_t seen_us, struct lj_verdict *ret)
{
    struct lj_err err = {0};
    if (lj_batch_decode(&j->in, body, n, &err) < 0) {
        lj_log(LJ_ERROR, "worker.bad_message", "kind=%s error=\"%s\"", j->worker->kind, err.text);
        return 0;
    }
    LJ_FAILPOINT("worker.batch.received");
    if (lj_mono_us() - seen_us > (int64_t)j->in.head.deadline_ms * 1000) {
        lj_log(LJ_WARN, "worker.batch_late", "kind=%s batch=%llu", j->worker->kind,
               (unsigned long long)j->in.head.batch);
        return 0;
    }
    die_of_poison(&j->in);
    if (judge(j, state, ret, &err) < 0) {
        lj_log(LJ_ERROR, "worker.result_failed", "kind=%s error=\"%s\"", j->worker->kind, err.text);
        return 0;
    }
    log_failures(j);
    LJ_FAILPOINT("worker.batch.done");
    ret->body = &j->out;
    return 1;
}
