/* The kind `quota`: from an accepted version of an activity to the raw rows that minutes and
 * sessions are settled from.
 *
 * Input is the short result of validation (the kind is gated on its verdict 1). One row a version,
 * one a team, one a participation, all keyed by the event's position; nothing is looked up and
 * nothing is decided that depends on another event: settle_quota in db/functions/quota_settle.sql
 * does that, in position order, whatever the sharing of batches was. So the worker needs no
 * database and keeps no state but scratch.
 *
 * Verdict 1 booked: the rows are there. A short result that is not of the contract's form fails
 * finally and is parked alone. */
#include <stdlib.h>

#include "workers/quota/activity.h"
#include "workers/worker.h"

enum { BOOKED = 1 };

/* Columns of apply_quota after the standard four. */
enum column {
    C_ACTIVITY,
    C_VERSION,
    C_OP,
    C_UNIT,
    C_START,
    C_DAY,
    C_NET,
    C_MODE,
    C_SITE,
    C_GUIDANCE,
    C_GUIDED,
    C_THEMES_ONLY,
    C_HELD,
    C_BODY,
    C_PERSON,
    C_OTHER,
    C_TEAM_POSITION,
    C_TEAM,
    C_TEAM_DAY,
    C_PART_POSITION,
    C_PART_PERSON,
    C_PART_TEAM,
    C_PART_DAY,
    C_PART_PRESENT,
    C_PART_BASE,
    C_PART_ROLE,
    C_PART_LISTED,
    COLUMNS
};
static const enum lj_pgtype columns[COLUMNS] = {
    [C_ACTIVITY] = LJ_PG_UUID,  [C_VERSION] = LJ_PG_INT4,       [C_OP] = LJ_PG_INT2,
    [C_UNIT] = LJ_PG_INT2,      [C_START] = LJ_PG_TIMESTAMPTZ,  [C_DAY] = LJ_PG_DATE,
    [C_NET] = LJ_PG_INT2,       [C_MODE] = LJ_PG_INT2,          [C_SITE] = LJ_PG_INT4,
    [C_GUIDANCE] = LJ_PG_INT2,  [C_GUIDED] = LJ_PG_BOOL,        [C_THEMES_ONLY] = LJ_PG_BOOL,
    [C_HELD] = LJ_PG_BOOL,      [C_BODY] = LJ_PG_INT8,          [C_PERSON] = LJ_PG_INT4,
    [C_OTHER] = LJ_PG_UUID,     [C_TEAM_POSITION] = LJ_PG_INT8, [C_TEAM] = LJ_PG_INT4,
    [C_TEAM_DAY] = LJ_PG_DATE,  [C_PART_POSITION] = LJ_PG_INT8, [C_PART_PERSON] = LJ_PG_INT4,
    [C_PART_TEAM] = LJ_PG_INT4, [C_PART_DAY] = LJ_PG_DATE,      [C_PART_PRESENT] = LJ_PG_INT2,
    [C_PART_BASE] = LJ_PG_INT2, [C_PART_ROLE] = LJ_PG_INT2,     [C_PART_LISTED] = LJ_PG_BOOL,
};

static void put(struct lj_result *out, enum column column, int64_t value)
{
    lj_pgarray_int(lj_result_column(out, column), value);
}

/* Null where it is 0: there is none. */
static void put_if(struct lj_result *out, enum column column, int64_t value)
{
    if (value != 0) {
        put(out, column, value);
    } else {
        lj_pgarray_null(lj_result_column(out, column));
    }
}

static void put_bool(struct lj_result *out, enum column column, int value)
{
    lj_pgarray_bool(lj_result_column(out, column), value);
}

static void put_rows(const struct lj_quota_activity *a, int64_t position, struct lj_result *out)
{
    for (size_t i = 0; i < a->nteams; i++) {
        put(out, C_TEAM_POSITION, position);
        put(out, C_TEAM, a->teams[i]);
        put(out, C_TEAM_DAY, a->day);
    }
    for (size_t i = 0; i < a->nrows; i++) {
        const struct lj_quota_row *row = &a->rows[i];
        put(out, C_PART_POSITION, position);
        put(out, C_PART_PERSON, row->person);
        put(out, C_PART_TEAM, row->team);
        put(out, C_PART_DAY, a->day);
        put(out, C_PART_PRESENT, row->present);
        put(out, C_PART_BASE, row->base);
        put(out, C_PART_ROLE, row->role);
        put_bool(out, C_PART_LISTED, row->listed);
    }
}

static void put_body(const struct lj_quota_activity *a, struct lj_result *out)
{
    put(out, C_START, a->start_us);
    put(out, C_DAY, a->day);
    put(out, C_NET, a->net);
    put(out, C_MODE, a->mode);
    put_if(out, C_SITE, a->site);
    put(out, C_GUIDANCE, a->guidance);
    put_bool(out, C_GUIDED, a->guided);
    put_bool(out, C_THEMES_ONLY, a->themes_only);
}

static void put_version(const struct lj_quota_activity *a, int64_t position, struct lj_result *out)
{
    lj_pgarray_bytes(lj_result_column(out, C_ACTIVITY), a->id, sizeof a->id);
    put(out, C_VERSION, a->version);
    put(out, C_OP, a->op);
    put(out, C_UNIT, a->unit);
    put_bool(out, C_HELD, a->held);
    put_if(out, C_BODY, a->body);
    put_if(out, C_PERSON, a->person);
    if (a->op == LJ_QUOTA_JOINT) {
        lj_pgarray_bytes(lj_result_column(out, C_OTHER), a->other, sizeof a->other);
    } else {
        lj_pgarray_null(lj_result_column(out, C_OTHER));
    }
    if (a->op >= LJ_QUOTA_WITHDRAW) {
        for (enum column c = C_START; c <= C_THEMES_ONLY; c++) {
            lj_pgarray_null(lj_result_column(out, c));
        }
        return;
    }
    put_body(a, out);
    put_rows(a, position, out);
}

struct scratch {
    struct lj_quota_activity activity;
    struct lj_tree_room room;
};

static int quota_batch(void *state, const struct lj_batch *in, struct lj_result *out,
                       struct lj_err *err)
{
    struct scratch *scratch = state;
    struct lj_quota_activity *a = &scratch->activity;
    for (size_t i = 0; i < in->count; i++) {
        const struct lj_event *e = &in->events[i];
        struct lj_err why = {0};
        int rc = lj_quota_read(&scratch->room, e->payload, e->payload_len, a, &why);
        if (rc == LJ_E_NOMEM) {
            return lj_fail(err, rc, "%s", why.text);
        }
        if (rc != 0) {
            lj_result_final(out, i, &why);
            continue;
        }
        put_version(a, e->position, out);
        lj_result_done(out, i, BOOKED);
    }
    return 0;
}

static int quota_open(const struct lj_worker_ctx *ctx, void **ret_state, struct lj_err *err)
{
    (void)ctx;
    struct scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for quota");
    }
    *ret_state = scratch;
    return 0;
}

static void quota_close(void **state)
{
    struct scratch *scratch = *state;
    if (scratch != NULL) {
        lj_tree_room_free(&scratch->room);
    }
    free(scratch);
    *state = NULL;
}

const struct lj_worker lj_worker_quota = {
    .kind = "quota",
    .version = "3",
    .columns = columns,
    .ncolumns = COLUMNS,
    .open = quota_open,
    .batch = quota_batch,
    .close = quota_close,
};
