/* Limits of the registers: settings with the rule REGISTER (table rule_setting), read with the
 * state of a batch.
 *
 * A limit is in force on days, as every setting; what counts is the day on which the event was
 * received. A setting that an event of the same batch writes holds for the events behind it, as it
 * would in the next batch. A limit that has no row in force does not bound.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "workers/register/reg.h"

static const char *const names[REG_LIMITS] = {
    [REG_LIMIT_LEVELS] = "levels",
    [REG_LIMIT_TEAMS] = "teams",
    [REG_LIMIT_ADMINS] = "administrators",
    [REG_LIMIT_EXEMPTION_DAYS] = "exemption_days",
};

int reg_limits_read(PGconn *db, struct reg_state *s, struct lj_err *err)
{
    static const char sql[] =
        "select coalesce(json_agg(json_build_object('name', x.name, 'value', x.value, 'valid_from',"
        " x.valid_from, 'valid_to', x.valid_to)), '[]') from rule_setting x where x.rule ="
        " 'REGISTER' and x.position = (select max(y.position) from rule_setting y where y.rule ="
        " x.rule and y.name = x.name)";
    PGresult *r = NULL;
    int rc = lj_dbs_query(db, sql, 0, NULL, &r, err);
    if (rc == 0) {
        s->limits = json_loads(PQgetvalue(r, 0, 0), 0, NULL);
        rc = s->limits != NULL ? 0 : lj_fail(err, LJ_E_NOMEM, "no memory for the limits");
    }
    PQclear(r);
    return rc;
}

static bool in_force(const json_t *row, int day)
{
    const char *from = reg_text(row, "valid_from"), *to = reg_text(row, "valid_to");
    return (from == NULL || reg_day_number(from) <= day) &&
           (to == NULL || reg_day_number(to) >= day);
}

int64_t reg_limit(const struct reg_ctx *x, enum reg_limit what)
{
    int day = reg_local_day(x->event->received_at_us);
    size_t i;
    json_t *row;
    json_array_foreach(x->state->limits, i, row)
    {
        if (strcmp(reg_text(row, "name"), names[what]) == 0 && in_force(row, day)) {
            return strtoll(reg_text(row, "value"), NULL, 10);
        }
    }
    return INT32_MAX;
}

void reg_limits_replace(struct reg_ctx *x, const char *name, const json_t *values)
{
    struct reg_state *s = x->state;
    size_t i;
    json_t *v;
    for (i = json_array_size(s->limits); i-- > 0;) {
        if (strcmp(reg_text(json_array_get(s->limits, i), "name"), name) == 0) {
            (void)json_array_remove(s->limits, i);
        }
    }
    json_array_foreach(values, i, v)
    {
        json_t *row = json_pack("{ss sO sO? sO?}", "name", name, "value", v, "valid_from",
                                json_object_get(x->payload, "valid_from"), "valid_to",
                                json_object_get(x->payload, "valid_to"));
        x->nomem |= row == NULL || json_array_append_new(s->limits, row) != 0;
    }
}
