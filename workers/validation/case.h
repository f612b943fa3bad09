/* One event under judgement: what it asks, its body, what stands in the registers and about the
 * activity, and what was found. */
#ifndef LJ_WORKERS_VALIDATION_CASE_H
#define LJ_WORKERS_VALIDATION_CASE_H

#include <stdint.h>

#include "common/buf.h"
#include "workers/runner/lookup.h"
#include "workers/validation/anchors.h"
#include "workers/validation/body.h"
#include "workers/validation/reasons.h"
#include "workers/validation/settings.h"
#include "workers/worker.h"

enum lj_op {
    LJ_OP_REPORT = 1,
    LJ_OP_CORRECT = 2,
    LJ_OP_WITHDRAW = 3
}; /* stored: never change the numbers */

enum lj_activity_state {
#define STATE(symbol, number, live) LJ_STATE_##symbol = number,
#define MOVE(op, from, to)
#include "workers/validation/states.def"
#undef STATE
#undef MOVE
};

/* The state after an operation, LJ_STATE_NONE if the state does not allow it. */
enum lj_activity_state lj_state_after(enum lj_activity_state from, enum lj_op op);

/* The activity's current version, by what is committed. */
struct lj_current {
    int known;
    int16_t unit;
    int32_t version;
    enum lj_activity_state state;
    int64_t start_us;
};

struct lj_case {
    const struct lj_event *event;
    enum lj_op op;
    const struct lj_tree *json; /* in the batch's room; NULL: no JSON */
    uint8_t activity[16];
    int has_activity; /* the id is well-formed */
    int64_t base_version;
    int has_base;
    const char *reason; /* of a withdrawal; in json */
    struct lj_body body;
    struct lj_current current;
    struct lj_anchors *anchors;         /* borrowed */
    const struct lj_settings *settings; /* borrowed */
    struct lj_reasons found;
};

/* Reads the payload: op, activity, base, body; structural faults become reasons. owner: texts live
 * in `room`. errors: LJ_E_NOMEM */
LJ_MUST int lj_case_read(struct lj_case *c, const struct lj_event *event, struct lj_tree_room *room,
                         struct lj_err *err);

/* Asks the lookup for every code of the body; after lj_lookup_fetch, fills the facts. errors:
 * LJ_E_NOMEM */
LJ_MUST int lj_case_need(struct lj_case *c, struct lj_lookup *lk, struct lj_err *err);
void lj_case_facts(struct lj_case *c, const struct lj_lookup *lk);

/* Applies every rule that concerns the operation. Pure. */
void lj_case_judge(struct lj_case *c);

/* Net minutes; only where start, end and break are there (LJ_HAS of all three). */
int64_t lj_case_net(const struct lj_body *b);
/* Roster rows that were athletes (formal, trial or trainee) of their team on the activity's day. */
int64_t lj_case_athletes(const struct lj_body *b);

/* The roster's persons in their order, as a hash; 0 if there are fewer than V33 asks about. */
int64_t lj_case_order(const struct lj_case *c);

/* The activity was before the system's first day (V39). */
int lj_case_legacy(const struct lj_case *c);

/* Writes the short result of an accepted event (docs/contracts.md). Failure: out->failed. */
void lj_case_short(const struct lj_case *c, struct lj_buf *out);

#endif
