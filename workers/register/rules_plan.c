/* Rules of plans: what a team means to hold, and what was called off. A plan is optional and never
 * changed; the report is the record, and that it is missing is told by settlement
 * (db/functions/plan.sql). Its id is its event's.
 *
 * Calling off names a plan by its id. Whether there is one, and of that unit, is judged where it is
 * used: a plan that is not the unit's is simply not called off. */
#include "common/uuid.h"
#include "workers/register/reg.h"

#include <stddef.h>
#include <string.h>

void reg_activity_planned(struct reg_ctx *x)
{
    static const char *const columns[] = {"plan", "held_from", "held_to", "team",
                                          "unit", "title",     "who",     NULL};
    const char *from = reg_text(x->payload, "from"), *to = reg_text(x->payload, "to");
    const struct reg_entity *team = reg_require(x, REG_TEAM, "team", true);
    char id[LJ_UUID_TEXT + 1];
    json_t *row = reg_row_new(x, columns);
    if (to != NULL && strcmp(to, from) < 0) {
        reg_refuse(x, "/to", REG_R_SPAN);
    }
    if (team != NULL) {
        reg_put(x, row, "team", json_integer(team->number));
    }
    reg_put(x, row, "plan", json_string(lj_uuid_format(x->event->id, id)));
    reg_copy(x, row, "held_from", "from");
    reg_copy(x, row, "held_to", to != NULL ? "to" : "from");
    reg_put(x, row, "unit", json_integer(x->event->unit));
    reg_copy(x, row, "title", "title");
    reg_copy(x, row, "who", "by");
    if (x->reasons == 0) {
        reg_write(x, "activity_plan", row);
    }
    json_decref(row);
}

void reg_activity_plan_cancelled(struct reg_ctx *x)
{
    static const char *const columns[] = {"plan", "unit", "who", "said", NULL};
    json_t *row = reg_row_new(x, columns);
    reg_copy(x, row, "plan", "plan");
    reg_put(x, row, "unit", json_integer(x->event->unit));
    reg_copy(x, row, "who", "by");
    reg_copy(x, row, "said", "reason");
    reg_write(x, "activity_plan_off", row);
    json_decref(row);
}
