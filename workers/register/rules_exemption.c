/* Rules of exemptions: what a person or a team was excused from, by spans of days. The register
 * holds what was approved; whoever asks for it does so outside of it. The subject, the kind and the
 * effect of an exemption never change: another one is another code. Its end may be set, once or
 * again, as long as it stays inside the span.
 *
 * An exemption that reaches back too far is refused as a whole, by the day on which it was asked
 * for; that day is the receipt's unless the event says so, since approval takes its time. */
#include "workers/register/reg.h"

#include <string.h>

static const char *const columns[] = {"valid_from", "valid_to", "person",   "team", "kind",
                                      "effect",     "state",    "evidence", NULL};

static void check_dates(struct reg_ctx *x)
{
    const char *submitted = reg_text(x->payload, "submitted_on");
    int received = reg_local_day(x->event->received_at_us);
    int asked = submitted != NULL ? reg_day_number(submitted) : received;
    if (asked > received) {
        reg_refuse(x, "/submitted_on", REG_R_FUTURE);
    }
    int64_t most = reg_limit(x, REG_LIMIT_EXEMPTION_DAYS);
    if (asked - reg_day_number(reg_text(x->payload, "from")) > most) {
        reg_refuse_limit(x, "/from", REG_R_RETROACTIVE, most);
    }
}

void reg_exemption_approved(struct reg_ctx *x)
{
    bool person = reg_text(x->payload, "person") != NULL;
    if (person == (reg_text(x->payload, "team") != NULL)) {
        reg_refuse(x, "", REG_R_ONE_SUBJECT);
        return;
    }
    const struct reg_entity *subject =
        reg_require(x, person ? REG_PERSON : REG_TEAM, person ? "person" : "team", true);
    json_t *row = reg_row_new(x, columns);
    if (subject != NULL) {
        reg_put(x, row, person ? "person" : "team", json_integer(subject->number));
    }
    reg_put(x, row, "state", json_string("APPROVED"));
    reg_copy(x, row, "valid_from", "from");
    reg_copy(x, row, "valid_to", "to");
    reg_copy(x, row, "kind", "kind");
    reg_copy(x, row, "effect", "effect");
    reg_copy(x, row, "evidence", "evidence");
    reg_span_check(x, row, "/to");
    check_dates(x);
    reg_register(x, REG_EXEMPTION, x->event->unit, row);
}

void reg_exemption_ended(struct reg_ctx *x)
{
    const char *on = reg_text(x->payload, "on");
    struct reg_entity *e = reg_require(x, REG_EXEMPTION, "code", false);
    if (e == NULL || reg_late(x, e->row, "/code")) {
        return;
    }
    const char *last = reg_text(e->row, "valid_to");
    if (strcmp(on, reg_text(e->row, "valid_from")) < 0 || (last != NULL && strcmp(on, last) > 0)) {
        reg_refuse(x, "/on", REG_R_SPAN);
        return;
    }
    json_t *row = reg_row_next(x, e->row);
    reg_copy(x, row, "valid_to", "on");
    reg_put(x, row, "state", json_string("ENDED"));
    if (!x->nomem && reg_same(row, e->row)) {
        reg_refuse(x, "/on", REG_R_NO_CHANGE);
    }
    if (x->reasons > 0 || x->nomem) {
        json_decref(row);
        return;
    }
    reg_write(x, "exemption_version", row);
    reg_replace(&e->row, row);
}
