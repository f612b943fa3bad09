/* One event under judgement: what it asks, its body, what stands in the registers and about the
 * activity, and what was found. */
#ifndef LJ_WORKERS_VALIDATION_CASE_H
#define LJ_WORKERS_VALIDATION_CASE_H

#include <stdint.h>

#include "common/buf.h"
#include "common/who.h"
#include "workers/runner/anchors.h"
#include "workers/runner/lookup.h"
#include "workers/validation/body.h"
#include "workers/validation/reasons.h"
#include "workers/validation/settings.h"
#include "workers/worker.h"

enum lj_op {
    LJ_OP_REPORT = 1,
    LJ_OP_CORRECT = 2,
    LJ_OP_WITHDRAW = 3,
    LJ_OP_APPROVE = 4,
    LJ_OP_RETURN = 5,
    LJ_OP_SAMPLE = 6,
    LJ_OP_CONFIRM = 7,
    LJ_OP_REVOKE = 8,
    LJ_OP_REOPEN = 9,
    LJ_OP_PERSON_CONFIRM = 10,
    LJ_OP_PERSON_DISPUTE = 11,
    LJ_OP_PERSON_KEEP = 12, /* participation.resolved, by its outcome */
    LJ_OP_PERSON_DROP = 13,
    LJ_OP_HOST_ASK = 14,
    LJ_OP_HOST_CONFIRM = 15,
    LJ_OP_HOST_DISPUTE = 16,
    LJ_OP_DUP_SUSPECT = 17, /* duplicate.suspected; the next three duplicate.settled, by outcome */
    LJ_OP_DUP_DOUBLE = 18,
    LJ_OP_DUP_JOINT = 19,
    LJ_OP_DUP_DIFFERENT = 20,
    LJ_OP_YEAR_ASK = 21, /* a record of a closed year: one of two persons; the other one */
    LJ_OP_YEAR_OPEN = 22
}; /* stored: never change the numbers */
#define LJ_OP_BIT(op)   (1U << (op))
#define LJ_OP_MAKES(op) ((op) <= LJ_OP_WITHDRAW) /* makes a version of the activity */

enum lj_activity_state {
#define STATE(symbol, number, live) LJ_STATE_##symbol = number,
#define MOVE(op, review, from, to)
#define SIDE(op, from, to)
#include "workers/validation/states.def"
#undef STATE
#undef MOVE
#undef SIDE
};

/* Of a participation, of the host's word, and above 20 marks on the activity: stored, never change
 * the numbers. */
enum lj_side {
    LJ_SIDE_PENDING = 0, /* nothing was said; of a host: nobody was asked */
    LJ_SIDE_YES = 1,
    LJ_SIDE_DISPUTED = 2,
    LJ_SIDE_KEPT = 3,
    LJ_SIDE_DROPPED = 4,
    LJ_SIDE_SENT = 11,
    LJ_SIDE_HOST_CONFIRMED = 12,
    LJ_SIDE_HOST_DISPUTED = 13,
    LJ_SIDE_EXPIRED = 14,
    LJ_SIDE_SUSPECT = 21, /* perhaps reported twice: not approved before that is decided */
    LJ_SIDE_SETTLED = 22,
    LJ_SIDE_ASKED = 31, /* its year is closed, and one of two has asked to open it */
    LJ_SIDE_OPENED = 32
};

/* The state after an operation, LJ_STATE_NONE if the state does not allow it. reviewed: a policy
 * asks for a review. */
enum lj_activity_state lj_state_after(enum lj_activity_state from, enum lj_op op, int reviewed);
int lj_state_live(enum lj_activity_state state);
/* What an operation makes of a participation or the host's word, negative if it may not. */
int lj_side_after(enum lj_side from, enum lj_op op);

enum { LJ_TITLE_BYTES = 60 * 4 + 1, LJ_OWN_TEAMS_MAX = 20 /* source: account.invited */ };

/* The activity by what is committed, and what is asked of it. */
struct lj_current {
    int known;
    int16_t unit;
    int32_t version; /* the latest */
    int32_t step;    /* how often something was accepted about it */
    int32_t about;   /* the version that its state is of */
    enum lj_activity_state state;
    int64_t start_us;
    int opened; /* its year is closed, and both roles have opened it again */
    /* Of operations of a review alone: */
    int64_t body; /* position of the event of version `about` */
    int64_t approved_body;
    int32_t approved; /* of a pending correction: the version approved last, and where it is */
    int32_t person;   /* register number, 0: unknown, or the operation is about none */
    int on_roster, needs_note;
    enum lj_side side;                /* of that person, or of the host */
    int suspect;                      /* version `about` waits for what is decided of it */
    enum lj_side year;                /* how far the opening of its year is */
    char title[LJ_TITLE_BYTES];       /* of the version */
    struct lj_who reporter, reviewer; /* who sent the version, and this event */
    struct lj_who asker;              /* who asked to open its year */
};

struct lj_case {
    const struct lj_event *event;
    enum lj_op op;
    const struct lj_tree *json; /* in the batch's room; NULL: no JSON */
    uint8_t activity[16];
    int has_activity; /* the id is well-formed */
    int64_t base_version;
    int has_base;
    const char *reason;        /* of a withdrawal or a decision; in json */
    const char *note, *person; /* of a review; in json */
    uint8_t other[16];         /* of a duplicate: the activity that was reported first */
    struct lj_body body;
    struct lj_current current;
    int32_t own[LJ_OWN_TEAMS_MAX]; /* of a filler with teams: register numbers */
    size_t nown;
    int owns_current;                   /* one of them is a team of the version before */
    int unit_closed;                    /* the reporting unit is */
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

/* The state from here on, of an accepted event. */
enum lj_activity_state lj_case_state(const struct lj_case *c);
/* The version that the state is of from here on. */
int32_t lj_case_about(const struct lj_case *c);

/* What the quota has to do about an accepted event; NULL where it is not asked. */
const char *lj_case_quota_op(const struct lj_case *c);
/* Position of the version that counts by it; 0 where it is no approval. */
int64_t lj_case_approves(const struct lj_case *c);

/* A number of the rules, as it holds for the activity's day (the day of receipt where the body has
 * no start) and was known at the event's position; `none` where nobody has set it. */
int64_t lj_case_setting(const struct lj_case *c, enum lj_setting what, int64_t none);

/* Net minutes; only where start, end and break are there (LJ_HAS of all three). */
int64_t lj_case_net(const struct lj_body *b);
/* Roster rows that were athletes (formal, trial or trainee) of their team on the activity's day. */
int64_t lj_case_athletes(const struct lj_body *b);

/* The roster's persons in their order, as a hash; 0 if there are fewer than V33 asks about. */
int64_t lj_case_order(const struct lj_case *c);

/* How much of it was hands on, in tenths: 10 taught, played or tested, 5 shown, 3 told, 1 else. */
int64_t lj_case_quality(const struct lj_body *b);

/* The activity was before the system's first day (V39). */
int lj_case_legacy(const struct lj_case *c);

/* Writes the short result of an accepted event (docs/contracts.md). Failure: out->failed. */
void lj_case_short(const struct lj_case *c, struct lj_buf *out);

#endif
