/* Rules of what is said about flags and opinion items, and of windows for late reports.
 *
 * A flag is raised behind the watermark, by settlement, and so is moved there (flag_moves() in
 * db/functions/flag_state.sql): here only the form of an explanation or a decision is judged, and
 * the row is kept in the order of the log. Whether there is such a flag, whether it is the unit's
 * and whether its state allows the move is not known at this position, and in a replay not yet.
 *
 * A window lets a unit and the units below it file reports older than V29 allows, by the day on
 * which they are received. It is never closed before its end, so it has one row and no versions. */
#include "workers/register/reg.h"

#include <stddef.h>

void reg_filing_window_opened(struct reg_ctx *x)
{
    static const char *const columns[] = {"opened_from", "opened_to", "who", "reason", NULL};
    json_t *row = reg_row_new(x, columns);
    reg_copy(x, row, "opened_from", "from");
    reg_copy(x, row, "opened_to", "to");
    reg_copy(x, row, "who", "by");
    reg_copy(x, row, "reason", "reason");
    reg_put(x, row, "unit", json_integer(x->event->unit));
    const char *from = reg_text(x->payload, "from"), *to = reg_text(x->payload, "to");
    if (reg_day_number(from) > reg_day_number(to)) {
        reg_refuse(x, "/to", REG_R_SPAN);
    }
    if (x->reasons == 0) {
        reg_write(x, "filing_window", row);
    }
    json_decref(row);
}

/* flags: array of ids, borrowed. */
static void write_action(struct reg_ctx *x, const char *action, json_t *flags, const char *said)
{
    static const char *const columns[] = {"action", "flags", "outcome", "who", "said", NULL};
    json_t *row = reg_row_new(x, columns);
    reg_put(x, row, "action", json_string(action));
    reg_put(x, row, "flags", json_incref(flags));
    reg_copy(x, row, "outcome", "outcome");
    reg_copy(x, row, "who", "by");
    reg_copy(x, row, "said", said);
    reg_put(x, row, "unit", json_integer(x->event->unit));
    reg_write(x, "flag_action", row);
    json_decref(row);
}

void reg_flag_explained(struct reg_ctx *x)
{
    write_action(x, "EXPLAIN", json_object_get(x->payload, "flags"), "explanation");
}

void reg_flag_decided(struct reg_ctx *x)
{
    const char *decision = reg_text(x->payload, "decision");
    write_action(x, decision[0] == 'C' ? "CONFIRM" : "DISMISS",
                 json_object_get(x->payload, "flags"), "reason");
}

/* A suspicion of a duplicate is confirmed by the two outcomes that say it is one event. */
void reg_duplicate_decided(struct reg_ctx *x)
{
    const char *outcome = reg_text(x->payload, "outcome");
    json_t *flags = json_pack("[O]", json_object_get(x->payload, "flag"));
    if (flags == NULL) {
        x->nomem = true;
        return;
    }
    write_action(x, outcome[0] == 'D' ? "DISMISS" : "CONFIRM", flags, "reason");
    json_decref(flags);
}

/* Which activities an opinion item speaks of, in a person's word. Any id may stand there: whether
 * it is an item's or an activity's is not known at this position. */
void reg_opinion_item_linked(struct reg_ctx *x)
{
    static const char *const columns[] = {"item", "activities", "who", "said", NULL};
    json_t *row = reg_row_new(x, columns);
    reg_copy(x, row, "item", "item");
    reg_copy(x, row, "activities", "activities");
    reg_copy(x, row, "who", "by");
    reg_copy(x, row, "said", "reason");
    reg_put(x, row, "unit", json_integer(x->event->unit));
    reg_write(x, "opinion_link", row);
    json_decref(row);
}
