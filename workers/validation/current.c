/* The current versions of the activities that a batch is about.
 *
 * "Current" is what is committed. That is the version at the event's position, because validation
 * takes one event of a key at a time, in order, and an event whose key is not its activity's id is
 * rejected (case.c): whatever came before is closed, whatever comes after has not begun.
 *
 * One query with all ids; the index on (activity, version) makes it one probe each. Activities of a
 * batch are distinct (one event of a key a batch), but nothing here depends on it.
 */
#include "workers/validation/current.h"

#include <string.h>

#include "common/pgparam.h"

static const struct lj_statement current = {
    "validation_current",
    "select a.ordinal::int4, v.unit, v.version, v.state, v.start_at"
    " from unnest($1::uuid[]) with ordinality a(activity, ordinal)"
    " cross join lateral (select x.unit, x.version, x.state, x.start_at from validation x"
    "  where x.activity = a.activity and x.version is not null order by x.version desc limit 1) v "
    "order by 1"};

static int asks(const struct lj_case *c)
{
    return c->op != LJ_OP_REPORT && c->has_activity;
}

static int take(void *arg, const PGresult *res, struct lj_err *err)
{
    const struct lj_current_want *want = arg;
    int row = 0, ordinal = 0;
    (void)err;
    for (size_t i = 0; i < want->count && row < PQntuples(res); i++) {
        struct lj_case *c = &want->cases[i];
        if (!asks(c) || ++ordinal != lj_pgget_i32(res, row, 0))
            continue;
        c->current = (struct lj_current){
            .known = 1,
            .unit = lj_pgget_i16(res, row, 1),
            .version = lj_pgget_i32(res, row, 2),
            .state = (enum lj_activity_state)lj_pgget_i16(res, row, 3),
            .start_us = lj_pgget_time_us(res, row, 4),
        };
        row++;
    }
    return 0;
}

int lj_current_need(struct lj_fetch *reader, struct lj_current_want *want, struct lj_err *err)
{
    struct lj_pgarray ids = {0};
    const uint8_t *p = NULL;
    size_t n = 0, asked = 0;
    lj_pgarray_init(&ids, LJ_PG_UUID);
    for (size_t i = 0; i < want->count; i++)
        if (asks(&want->cases[i])) {
            lj_pgarray_bytes(&ids, want->cases[i].activity, sizeof want->cases[i].activity);
            asked++;
        }
    int rc = asked ? lj_pgarray_done(&ids, &p, &n, err) : 0;
    if (rc == 0 && asked) {
        const struct lj_fetch_params params = {1, {(const char *)p}, {(int)n}};
        rc = lj_fetch_add(reader, &current, &params, take, want, err);
    }
    lj_pgarray_free(&ids);
    return rc;
}
