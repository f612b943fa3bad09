/* One event under judgement: reading its payload, finding its facts.
 *
 * Three payloads have one shape here: a report is its body; a correction is {activity,
 * base_version, body}; a withdrawal is {activity, base_version, reason}. The activity's id must be
 * a lower-case UUID and the event's key must be that id: validation reads what it wrote about an
 * activity, and only the order of its key makes that safe. The same goes for the unit, because keys
 * are counted by unit.
 *
 * Facts are fetched for a whole batch: every case first says what it needs, then fills in what was
 * found at its own position.
 */
#include "workers/validation/case.h"

#include <string.h>

#include "common/uuid.h"
#include "workers/validation/calendar.h"

struct move {
    enum lj_op op;
    enum lj_activity_state from, to;
};

static const struct move moves[] = {
#define STATE(symbol, number, live)
#define MOVE(op, from, to) {LJ_OP_##op, LJ_STATE_##from, LJ_STATE_##to},
#include "workers/validation/states.def"
#undef STATE
#undef MOVE
};

enum lj_activity_state lj_state_after(enum lj_activity_state from, enum lj_op op)
{
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        if (moves[i].op == op && moves[i].from == from)
            return moves[i].to;
    return LJ_STATE_NONE;
}

/* ---- reading ---- */

static int is_lower_uuid(const char *text, size_t len, uint8_t ret[16])
{
    char again[LJ_UUID_TEXT + 1];
    struct lj_err err = {0};
    return lj_uuid_parse(text, len, ret, &err) == 0 &&
           memcmp(lj_uuid_format(ret, again), text, LJ_UUID_TEXT) == 0;
}

static void read_activity(struct lj_case *c, json_t *value)
{
    if (!value)
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_MISSING, 0, 0, "/activity");
    else if (!json_is_string(value))
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_TYPE, 0, 0, "/activity");
    else if (!is_lower_uuid(json_string_value(value), json_string_length(value), c->activity))
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_ID, 0, 0, "/activity");
    else
        c->has_activity = 1;
}

static void read_base(struct lj_case *c, json_t *value)
{
    enum { VERSION_MAX = 1000000 };
    c->base_version = json_integer_value(value);
    if (!value)
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_MISSING, 0, 0, "/base_version");
    else if (!json_is_integer(value))
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_TYPE, 0, 0, "/base_version");
    else if (c->base_version < 1 || c->base_version > VERSION_MAX)
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_RANGE, 1, VERSION_MAX, "/base_version");
    else
        c->has_base = 1;
}

static const char *const withdrawal_names[] = {"activity", "base_version", "reason", NULL};
static const char *const correction_names[] = {"activity", "base_version", "reason", "body", NULL};

static int is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* Members of the two payloads that name an activity. */
static void read_change(struct lj_case *c)
{
    enum { REASON_MIN = 2, REASON_MAX = 200 };
    const char *name;
    json_t *value, *body = json_object_get(c->json, "body"),
                   *reason = json_object_get(c->json, "reason");
    int correct = c->op == LJ_OP_CORRECT;
    read_activity(c, json_object_get(c->json, "activity"));
    read_base(c, json_object_get(c->json, "base_version"));
    json_object_foreach(c->json, name, value)
    {
        if (!is_one_of(name, correct ? correction_names : withdrawal_names))
            lj_reasons_add_member(&c->found, LJ_CLAUSE_V01_UNKNOWN, "", name);
    }
    if (reason)
        c->reason = lj_body_text(reason, "/reason", REASON_MIN, REASON_MAX, 1, &c->found);
    else if (!correct)
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_MISSING, 0, 0, "/reason");
    if (!correct)
        return;
    c->found.prefix = "/body";
    if (body)
        lj_body_read(body, &c->body, &c->found);
    else
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_MISSING, 0, 0, "%s", "");
    c->found.prefix = "";
}

static const struct {
    const char *type;
    enum lj_op op;
} ops[] = {
    {"activity.submitted", LJ_OP_REPORT},
    {"activity.corrected", LJ_OP_CORRECT},
    {"activity.withdrawal_requested", LJ_OP_WITHDRAW},
};

void lj_case_read(struct lj_case *c, const struct lj_event *event)
{
    json_error_t unused;
    uint8_t key[16];
    c->event = event;
    c->op = 0;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(ops[i].type, event->type) == 0)
            c->op = ops[i].op;
    c->has_activity = c->has_base = 0;
    c->reason = NULL;
    c->body.have = 0;
    c->body.nteams = c->body.nroster = 0;
    c->current = (struct lj_current){0};
    lj_reasons_init(&c->found, "");
    c->json = json_loadb(event->payload, event->payload_len, JSON_REJECT_DUPLICATES, &unused);
    if (!json_is_object(c->json)) {
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_JSON, 0, 0, "%s", "");
    } else if (c->op == LJ_OP_REPORT) {
        memcpy(c->activity, event->id, sizeof c->activity);
        c->has_activity = 1;
        lj_body_read(c->json, &c->body, &c->found);
    } else {
        read_change(c);
    }
    if (c->has_activity && (!is_lower_uuid(event->key, strlen(event->key), key) ||
                            memcmp(key, c->activity, sizeof key) != 0))
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_KEY, 0, 0, "%s",
                       c->op == LJ_OP_REPORT ? "" : "/activity");
}

void lj_case_done(struct lj_case *c)
{
    json_decref(c->json);
    c->json = NULL;
}

/* ---- facts ---- */

/* A code's reference at the event's position; 0 where there is no code, or it can be nobody's. */
static int ref_of(const struct lj_case *c, const struct lj_lookup *lk, const char *code,
                  struct lj_ref *ret)
{
    return code && lj_lookup_ref(lk, code, c->event->unit, c->event->position, ret);
}

static int need(const struct lj_case *c, struct lj_lookup *lk, enum lj_lookup_what what,
                const char *code, struct lj_err *err)
{
    struct lj_ref ref;
    return ref_of(c, lk, code, &ref) ? lj_lookup_need(lk, what, &ref, err) : 0;
}

int lj_case_need(const struct lj_case *c, struct lj_lookup *lk, struct lj_err *err)
{
    const struct lj_body *b = &c->body;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->nteams; i++)
        rc = need(c, lk, LJ_LOOKUP_TEAM, b->teams[i].code, err);
    for (size_t i = 0; rc == 0 && i < b->nroster; i++) {
        rc = need(c, lk, LJ_LOOKUP_PERSON, b->roster[i].person, err);
        if (rc == 0)
            rc = need(c, lk, LJ_LOOKUP_TEAM, b->roster[i].team, err);
    }
    if (rc == 0 && LJ_HAS(b, SITE))
        rc = need(c, lk, LJ_LOOKUP_SITE, b->site, err);
    if (rc == 0 && LJ_HAS(b, SERVED_SITE))
        rc = need(c, lk, LJ_LOOKUP_SITE, b->served_site, err);
    return rc;
}

static int32_t number_of(const struct lj_case *c, const struct lj_lookup *lk,
                         enum lj_lookup_what what, const char *code)
{
    struct lj_ref ref;
    return ref_of(c, lk, code, &ref) ? lj_lookup_number(lk, what, &ref, c->event->position) : 0;
}

static int site_kind_of(const struct lj_case *c, const struct lj_lookup *lk, const char *code)
{
    struct lj_ref ref;
    return ref_of(c, lk, code, &ref) ? lj_lookup_site_kind(lk, &ref, c->event->position) : 0;
}

void lj_case_facts(struct lj_case *c, const struct lj_lookup *lk)
{
    struct lj_body *b = &c->body;
    int64_t p = c->event->position;
    int dated = LJ_HAS(b, START_AT);
    int32_t day = dated ? lj_local_day(b->start_us) : 0;
    for (size_t i = 0; i < b->nteams; i++) {
        struct lj_ref ref;
        struct lj_team_fact *t = &b->teams[i];
        if (!ref_of(c, lk, t->code, &ref))
            continue;
        t->number = lj_lookup_number(lk, LJ_LOOKUP_TEAM, &ref, p);
        t->active = dated && lj_lookup_team_active(lk, &ref, day, p);
        t->in_subtree = lj_lookup_in_subtree(lk, ref.unit, c->event->unit, p);
    }
    for (size_t i = 0; i < b->nroster; i++) {
        struct lj_roster_row *r = &b->roster[i];
        struct lj_membership m;
        r->person_no = number_of(c, lk, LJ_LOOKUP_PERSON, r->person);
        r->team_no = number_of(c, lk, LJ_LOOKUP_TEAM, r->team);
        if (dated && r->person_no && r->team_no &&
            lj_lookup_membership(lk, r->person_no, r->team_no, day, p, &m)) {
            r->member_role = m.role;
            r->member_status = m.status;
        }
    }
    b->site_no = LJ_HAS(b, SITE) ? number_of(c, lk, LJ_LOOKUP_SITE, b->site) : 0;
    b->site_kind = LJ_HAS(b, SITE) ? site_kind_of(c, lk, b->site) : 0;
    b->served_site_kind = LJ_HAS(b, SERVED_SITE) ? site_kind_of(c, lk, b->served_site) : 0;
}
