/* The review of an activity: which decision may follow which state, who may make it, and what the
 * payloads look like.
 *
 * States and moves are rows of states.def and members of payloads rows of the table below, so a new
 * decision is a few rows. Every decision names the version it is about; it is refused where that is
 * not what the activity's state is of (V31), as a correction is that starts from an old version.
 * Four eyes: the account that sent the version does not decide on it (R01), in whatever role
 * (common/who.h).
 *
 * Guarantees: pure, but for what current.c has read; an accepted decision always has a move.
 */
#include "workers/validation/review.h"

#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"
#include "common/uuid.h"

/* ---- the state table ---- */

enum asked { ASKED_ANY, ASKED_NONE, ASKED_SOME };

static const struct {
    enum lj_op op;
    enum asked review;
    enum lj_activity_state from, to;
} moves[] = {
#define STATE(symbol, number, live)
#define MOVE(op, review, from, to) {LJ_OP_##op, ASKED_##review, LJ_STATE_##from, LJ_STATE_##to},
#define SIDE(op, from, to)
#include "workers/validation/states.def"
#undef STATE
#undef MOVE
#undef SIDE
};

static const struct {
    enum lj_op op;
    enum lj_side from, to;
} sides[] = {
#define STATE(symbol, number, live)
#define MOVE(op, review, from, to)
#define SIDE(op, from, to) {LJ_OP_##op, LJ_SIDE_##from, LJ_SIDE_##to},
#include "workers/validation/states.def"
#undef STATE
#undef MOVE
#undef SIDE
};

enum lj_activity_state lj_state_after(enum lj_activity_state from, enum lj_op op, int reviewed)
{
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        if (moves[i].op == op && moves[i].from == from &&
            moves[i].review != (reviewed ? ASKED_NONE : ASKED_SOME))
            return moves[i].to;
    return LJ_STATE_NONE;
}

int lj_state_live(enum lj_activity_state state)
{
    static const int live[] = {
#define STATE(symbol, number, live) [number] = (live),
#define MOVE(op, review, from, to)
#define SIDE(op, from, to)
#include "workers/validation/states.def"
#undef STATE
#undef MOVE
#undef SIDE
    };
    return live[state];
}

int lj_side_after(enum lj_side from, enum lj_op op)
{
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++)
        if (sides[i].op == op && sides[i].from == from)
            return (int)sides[i].to;
    return -1;
}

int lj_op_is_person(enum lj_op op)
{
    return op >= LJ_OP_PERSON_CONFIRM && op <= LJ_OP_PERSON_DROP;
}

int lj_op_is_host(enum lj_op op)
{
    return op >= LJ_OP_HOST_ASK && op <= LJ_OP_HOST_DISPUTE;
}

int lj_op_is_settled(enum lj_op op)
{
    return op >= LJ_OP_DUP_SUSPECT && op <= LJ_OP_DUP_DIFFERENT;
}

int lj_op_mark(enum lj_op op)
{
    return op < LJ_OP_DUP_SUSPECT    ? -1
           : op == LJ_OP_DUP_SUSPECT ? LJ_SIDE_SUSPECT
           : lj_op_is_settled(op)    ? LJ_SIDE_SETTLED
           : op == LJ_OP_YEAR_ASK    ? LJ_SIDE_ASKED
                                     : LJ_SIDE_OPENED;
}

enum lj_activity_state lj_case_state(const struct lj_case *c)
{
    return lj_state_after(c->current.state, c->op, c->body.review != LJ_REVIEW_NONE);
}

/* A correction that was not approved: what stood before stands. */
static int returns_to_approved(const struct lj_case *c)
{
    return c->op == LJ_OP_RETURN && c->current.state == LJ_STATE_CORRECTION_PENDING;
}

int32_t lj_case_about(const struct lj_case *c)
{
    if (LJ_OP_MAKES(c->op))
        return c->current.version + 1;
    return returns_to_approved(c) ? c->current.approved : c->current.about;
}

const char *lj_case_quota_op(const struct lj_case *c)
{
    static const char *const words[] = {[LJ_OP_REPORT] = "report",
                                        [LJ_OP_CORRECT] = "correct",
                                        [LJ_OP_WITHDRAW] = "withdraw",
                                        [LJ_OP_APPROVE] = "approve",
                                        [LJ_OP_RETURN] = "withdraw",
                                        [LJ_OP_REVOKE] = "withdraw",
                                        [LJ_OP_PERSON_DISPUTE] = "dispute",
                                        [LJ_OP_PERSON_KEEP] = "keep",
                                        [LJ_OP_PERSON_DROP] = "drop",
                                        [LJ_OP_HOST_DISPUTE] = "withdraw",
                                        [LJ_OP_DUP_DOUBLE] = "withdraw",
                                        [LJ_OP_DUP_JOINT] = "joint",
                                        [LJ_OP_YEAR_OPEN] = NULL};
    return returns_to_approved(c) ? "approve" : words[c->op];
}

int64_t lj_case_approves(const struct lj_case *c)
{
    return returns_to_approved(c)   ? c->current.approved_body
           : c->op == LJ_OP_APPROVE ? c->current.body
                                    : 0;
}

/* ---- payloads ---- */

static const struct {
    const char *type;
    enum lj_op op;
} ops[] = {
    {"activity.approved", LJ_OP_APPROVE},
    {"activity.returned", LJ_OP_RETURN},
    {"activity.sampled", LJ_OP_SAMPLE},
    {"activity.confirmed", LJ_OP_CONFIRM},
    {"activity.revoked", LJ_OP_REVOKE},
    {"activity.reopened", LJ_OP_REOPEN},
    {"participation.confirmed", LJ_OP_PERSON_CONFIRM},
    {"participation.disputed", LJ_OP_PERSON_DISPUTE},
    {"participation.resolved", LJ_OP_PERSON_KEEP},
    {"host.asked", LJ_OP_HOST_ASK},
    {"host.confirmed", LJ_OP_HOST_CONFIRM},
    {"host.disputed", LJ_OP_HOST_DISPUTE},
    {"duplicate.suspected", LJ_OP_DUP_SUSPECT},
    {"duplicate.settled", LJ_OP_DUP_DOUBLE},
    {"record.reopen_asked", LJ_OP_YEAR_ASK},
    {"record.reopened", LJ_OP_YEAR_OPEN},
};

enum lj_op lj_review_op(const char *type)
{
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(ops[i].type, type) == 0)
            return ops[i].op;
    return 0;
}

#define DO(op) LJ_OP_BIT(LJ_OP_##op)
enum {
    DECISIONS = DO(APPROVE) | DO(RETURN) | DO(SAMPLE) | DO(CONFIRM) | DO(REVOKE) | DO(REOPEN),
    RESOLVED = DO(PERSON_KEEP) | DO(PERSON_DROP),
    PERSONS = DO(PERSON_CONFIRM) | DO(PERSON_DISPUTE) | RESOLVED,
    HOSTS = DO(HOST_CONFIRM) | DO(HOST_DISPUTE),
    DOUBLES = DO(DUP_SUSPECT) | DO(DUP_DOUBLE),
    YEARS = DO(YEAR_ASK) | DO(YEAR_OPEN),
    REASONED = DO(RETURN) | DO(REVOKE) | DO(REOPEN) | DO(PERSON_DISPUTE) | RESOLVED |
               DO(DUP_DOUBLE) | YEARS,
    /* Keeping a dispute's minutes is approving them. */
    FOUR_EYES = DO(APPROVE) | DO(RETURN) | DO(CONFIRM) | RESOLVED,
};

enum form { FORM_ID, FORM_TEXT, FORM_INT, FORM_BOOL, FORM_TIME, FORM_OUTCOME, FORM_OTHER };

static const struct member {
    const char *name;
    enum form form;
    int64_t min, max;
    unsigned ops, required;
} members[] = {
    {"activity", FORM_ID, 0, 0, UINT32_MAX, 0}, /* read before */
    {"version", FORM_INT, 1, 1000000, DECISIONS, DECISIONS},
    {"reason", FORM_TEXT, 2, 500, REASONED, REASONED},
    {"note", FORM_TEXT, 2, 500, DO(APPROVE) | DO(CONFIRM), 0},
    {"person", FORM_TEXT, 1, 46, PERSONS, PERSONS},
    {"outcome", FORM_OUTCOME, 0, 0, RESOLVED | DO(DUP_DOUBLE), RESOLVED | DO(DUP_DOUBLE)},
    {"other", FORM_OTHER, 0, 0, DOUBLES, DOUBLES},
    {"place_ok", FORM_BOOL, 0, 0, HOSTS, 0},
    {"actual_start", FORM_TIME, 0, 0, HOSTS, 0},
    {"actual_end", FORM_TIME, 0, 0, HOSTS, 0},
    {"head_count", FORM_INT, 0, 20000, HOSTS, 0},
    {"waited_minutes", FORM_INT, 0, 300, HOSTS, 0},
    {"free_of_charge", FORM_BOOL, 0, 0, HOSTS, 0},
    {"satisfied", FORM_INT, 1, 5, HOSTS, 0},
    {"comment", FORM_TEXT, 2, 500, HOSTS, DO(HOST_DISPUTE)},
};
enum { MEMBERS = sizeof members / sizeof members[0] };

#define SAY(c, clause, a, b, ...)                                                                  \
    lj_reasons_add(&(c)->found, LJ_CLAUSE_##clause, (a), (b), __VA_ARGS__)

/* The outcome is which of the type's operations it is. */
static const struct {
    enum lj_op type, op;
    const char *word;
} outcomes[] = {
    {LJ_OP_PERSON_KEEP, LJ_OP_PERSON_KEEP, "KEPT"},
    {LJ_OP_PERSON_KEEP, LJ_OP_PERSON_DROP, "DROPPED"},
    {LJ_OP_DUP_DOUBLE, LJ_OP_DUP_DOUBLE, "SAME_EVENT_DOUBLE"},
    {LJ_OP_DUP_DOUBLE, LJ_OP_DUP_JOINT, "SAME_EVENT_JOINT"},
    {LJ_OP_DUP_DOUBLE, LJ_OP_DUP_DIFFERENT, "DIFFERENT"},
};

static void read_outcome(struct lj_case *c, const struct lj_tree *v)
{
    const char *word = lj_tree_text(v);
    for (size_t i = 0; word && i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (outcomes[i].type == c->op && strcmp(outcomes[i].word, word) == 0) {
            c->op = outcomes[i].op;
            return;
        }
    SAY(c, V01_WORD, 0, 0, "/outcome");
}

static void read_text(struct lj_case *c, const struct member *m, const struct lj_tree *v)
{
    char pointer[40];
    (void)snprintf(pointer, sizeof pointer, "/%s", m->name);
    const char *text =
        lj_body_text(v, pointer, m->min, m->max, strcmp(m->name, "person") != 0, &c->found);
    if (strcmp(m->name, "person") == 0)
        c->person = text;
    else if (strcmp(m->name, "note") == 0)
        c->note = text;
    else
        c->reason = text; /* a host's comment is its reason */
}

static void read_member(struct lj_case *c, const struct member *m, const struct lj_tree *v)
{
    int64_t us = 0;
    int bad = 0;
    switch (m->form) {
    case FORM_TEXT:
        read_text(c, m, v);
        break;
    case FORM_OUTCOME:
        read_outcome(c, v);
        break;
    case FORM_INT:
        bad = !lj_tree_is(v, LJ_TREE_INT);
        if (!bad && (v->integer < m->min || v->integer > m->max))
            SAY(c, V01_RANGE, m->min, m->max, "/%s", m->name);
        else if (!bad && strcmp(m->name, "version") == 0)
            c->base_version = v->integer, c->has_base = 1;
        break;
    case FORM_BOOL:
        bad = v->type != LJ_TREE_TRUE && v->type != LJ_TREE_FALSE;
        break;
    case FORM_TIME:
        if (!lj_tree_text(v) || lj_time_parse(lj_tree_text(v), v->len, &us, NULL) != 0)
            SAY(c, V01_TIME, 0, 0, "/%s", m->name);
        break;
    case FORM_OTHER:
        if (!lj_tree_text(v) || lj_uuid_parse(v->text, v->len, c->other, NULL) != 0)
            SAY(c, V01_ID, 0, 0, "/%s", m->name);
        break;
    case FORM_ID:
        break;
    }
    if (bad)
        SAY(c, V01_TYPE, 0, 0, "/%s", m->name);
}

void lj_review_read(struct lj_case *c)
{
    unsigned seen = 0, self = LJ_OP_BIT(c->op);
    for (const struct lj_tree *v = c->json->first; v; v = v->next) {
        size_t i = 0;
        while (i < MEMBERS && (strcmp(members[i].name, v->name) != 0 || !(members[i].ops & self)))
            i++;
        if (i == MEMBERS) {
            lj_reasons_add_member(&c->found, LJ_CLAUSE_V01_UNKNOWN, "", v->name);
            continue;
        }
        seen |= 1U << i;
        read_member(c, &members[i], v);
    }
    for (size_t i = 0; i < MEMBERS; i++)
        if ((members[i].required & self) && !(seen >> i & 1U))
            SAY(c, V01_MISSING, 0, 0, "/%s", members[i].name);
}

int lj_review_person(const struct lj_case *c, char *out, size_t size)
{
    const char *slash = c->person ? strpbrk(c->person, "/:") : NULL;
    if (!c->person)
        return 0;
    int n = slash ? snprintf(out, size, "%.*s/%s", (int)(slash - c->person), c->person, slash + 1)
                  : snprintf(out, size, "%s/%s", c->event->unit_code, c->person);
    return n > 0 && (size_t)n < size;
}

/* ---- rules ---- */

/* An account whose role is of a unit; a machine is not asked. */
static int is_of_unit(const struct lj_who *who)
{
    return who->role != LJ_PERSON_NONE && strcmp(who->unit, "CN000") != 0;
}

static int side_fits(const struct lj_case *c)
{
    return (!lj_op_is_person(c->op) && !lj_op_is_host(c->op)) ||
           lj_side_after(c->current.side, c->op) >= 0;
}

void lj_rule_review(struct lj_case *c)
{
    const struct lj_current *now = &c->current;
    if (!c->has_activity)
        return;
    if (!now->known || now->unit != c->event->unit)
        SAY(c, V31_ACTIVITY, 0, 0, "/activity");
    else if (lj_case_state(c) == LJ_STATE_NONE)
        SAY(c, V31_STATE, 0, 0, "/activity");
    else if (c->has_base && c->base_version != now->about)
        SAY(c, V31_ABOUT, now->about, 0, "/version");
    else if (c->person && !now->on_roster)
        SAY(c, R02_PERSON, 0, 0, "/person");
    else if (!side_fits(c))
        SAY(c, V31_SIDE, 0, 0, c->person ? "/person" : "/activity");
    else if ((FOUR_EYES & LJ_OP_BIT(c->op)) && !lj_who_differ(&now->reporter, &now->reviewer))
        SAY(c, R01_SELF, 0, 0, "%s", "");
    else if (c->op == LJ_OP_RETURN && now->state == LJ_STATE_SAMPLED && is_of_unit(&now->reviewer))
        SAY(c, R04_CENTRE, 0, 0, "/activity");
    else if (c->op == LJ_OP_APPROVE && now->suspect)
        SAY(c, R05_SUSPECT, 0, 0, "/activity");
    else if (c->op == LJ_OP_APPROVE && now->needs_note && !c->note)
        SAY(c, R03_NOTE, 0, 0, "/note");
}

static int opens_years(const struct lj_who *who)
{
    return who->role == LJ_PERSON_POLICY_ADMIN || who->role == LJ_PERSON_CENTRE_AUDITOR;
}

/* Two persons, one of each role, in whatever order. */
void lj_rule_opening(struct lj_case *c, int closed)
{
    const struct lj_current *now = &c->current;
    if (!c->has_activity || !now->known || now->unit != c->event->unit)
        return;
    if (!closed)
        SAY(c, R06_OPEN, 0, 0, "/activity");
    else if (c->op == LJ_OP_YEAR_ASK ? now->year == LJ_SIDE_OPENED : now->year != LJ_SIDE_ASKED)
        SAY(c, V31_SIDE, 0, 0, "/activity");
    else if (!opens_years(&now->reviewer) ||
             (c->op == LJ_OP_YEAR_OPEN && (now->asker.role == now->reviewer.role ||
                                           !lj_who_differ(&now->asker, &now->reviewer))))
        SAY(c, R07_BOTH, 0, 0, "%s", "");
}
