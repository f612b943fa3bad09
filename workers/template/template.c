/* The kind `template`: counts the characters of a comment. Copy this file; README.md says how.
 *
 * (Here stands what the kind is for, what it reads, which verdicts it gives and what follows from
 * them. A newcomer should know after ten lines.) Verdict 1: the payload has a text in `comment`;
 * its length is recorded. Verdict 2: there is none. Nothing follows.
 *
 * Guarantees: pure. The same events give the same columns, whatever the batch is; nothing is kept
 * between batches.
 */
#include <jansson.h>

#include "workers/worker.h"

enum { COUNTED = 1, NOTHING_TO_COUNT = 2 };

/* The parameters of apply_template after the four standard ones, in its order. One element for each
 * done event is the simplest. */
enum column { C_LENGTH, COLUMNS };
static const enum lj_pgtype columns[COLUMNS] = {[C_LENGTH] = LJ_PG_INT4};

static void judge(const struct lj_event *e, size_t i, struct lj_result *out)
{
    json_error_t unused;
    json_t *payload = json_loadb(e->payload, e->payload_len, JSON_REJECT_DUPLICATES, &unused);
    json_t *comment = json_object_get(payload, "comment");
    if (json_is_string(comment)) {
        lj_pgarray_int(lj_result_column(out, C_LENGTH), (int64_t)json_string_length(comment));
        lj_result_done(out, i, COUNTED);
    } else {
        lj_pgarray_null(lj_result_column(out, C_LENGTH));
        lj_result_done(out, i, NOTHING_TO_COUNT);
    }
    json_decref(payload);
}

/* Every event of the batch gets exactly one of lj_result_done, lj_result_retry (the system's fault)
 * and lj_result_final (the data's). An error returned here is one for all of them. */
static int template_batch(void *state, const struct lj_batch *in, struct lj_result *out,
                          struct lj_err *err)
{
    (void)state; /* what open gave; this kind needs nothing */
    (void)err;
    for (size_t i = 0; i < in->count; i++)
        judge(&in->events[i], i, out);
    return 0;
}

const struct lj_worker lj_worker_template = {
    .kind = "template",
    .version = "1", /* changes whenever results may change */
    .columns = columns,
    .ncolumns = COLUMNS,
    .open = NULL, /* a kind that reads registers: lj_lookup_open(ctx->dsn, ctx->name, ...), see
                     workers/validation.c */
    .batch = template_batch,
    .close = NULL,
};
