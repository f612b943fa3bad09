/* One event under judgement: reading its payload, finding its facts.
 *
 * Three payloads have one shape here: a report is its body; a correction is {activity,
 * base_version, body}; a withdrawal is {activity, base_version, reason}. Those of a review are read
 * by review.c. The activity's id must be
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
#include "workers/runner/calendar.h"
#include "workers/validation/review.h"

/* ---- reading ---- */

static int is_lower_uuid(const char *text, size_t len, uint8_t ret[16])
{
    char again[LJ_UUID_TEXT + 1];
    struct lj_err err = {0};
    return lj_uuid_parse(text, len, ret, &err) == 0 &&
           memcmp(lj_uuid_format(ret, again), text, LJ_UUID_TEXT) == 0;
}

static void read_activity(struct lj_case *c, const struct lj_tree *value)
{
    if (!value)
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_MISSING, 0, 0, "/activity");
    else if (!lj_tree_is(value, LJ_TREE_TEXT))
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_TYPE, 0, 0, "/activity");
    else if (!is_lower_uuid(value->text, value->len, c->activity))
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_ID, 0, 0, "/activity");
    else
        c->has_activity = 1;
}

static void read_base(struct lj_case *c, const struct lj_tree *value)
{
    enum { VERSION_MAX = 1000000 };
    c->base_version = value ? value->integer : 0;
    if (!value)
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_MISSING, 0, 0, "/base_version");
    else if (!lj_tree_is(value, LJ_TREE_INT))
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
    const struct lj_tree *body = lj_tree_get(c->json, "body");
    const struct lj_tree *reason = lj_tree_get(c->json, "reason");
    int correct = c->op == LJ_OP_CORRECT;
    read_activity(c, lj_tree_get(c->json, "activity"));
    read_base(c, lj_tree_get(c->json, "base_version"));
    for (const struct lj_tree *v = c->json->first; v; v = v->next)
        if (!is_one_of(v->name, correct ? correction_names : withdrawal_names))
            lj_reasons_add_member(&c->found, LJ_CLAUSE_V01_UNKNOWN, "", v->name);
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

int lj_case_read(struct lj_case *c, const struct lj_event *event, struct lj_tree_room *room,
                 struct lj_err *err)
{
    uint8_t key[16];
    c->event = event;
    c->op = 0;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(ops[i].type, event->type) == 0)
            c->op = ops[i].op;
    c->op = c->op ? c->op : lj_review_op(event->type);
    c->has_activity = c->has_base = 0;
    c->reason = c->note = c->person = NULL;
    memset(c->other, 0, sizeof c->other);
    c->body.have = 0;
    c->body.review = LJ_REVIEW_NONE;
    c->body.nteams = c->body.nroster = c->body.nphotos = 0;
    c->body.site_entry = c->body.served_entry = 0;
    c->current = (struct lj_current){0};
    c->nown = 0;
    c->owns_current = 1;
    c->unit_closed = 0;
    lj_reasons_init(&c->found, "");
    enum lj_tree_fault fault = lj_tree_read(room, event->payload, event->payload_len, &c->json);
    if (fault == LJ_TREE_NOMEM)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a payload of %zu bytes", event->payload_len);
    if (fault == LJ_TREE_LARGE) {
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_LARGE, 0, 0, "%s", "");
    } else if (!lj_tree_is(c->json, LJ_TREE_OBJECT)) {
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_JSON, 0, 0, "%s", "");
    } else if (c->op == LJ_OP_REPORT) {
        memcpy(c->activity, event->id, sizeof c->activity);
        c->has_activity = 1;
        lj_body_read(c->json, &c->body, &c->found);
    } else if (LJ_OP_MAKES(c->op)) {
        read_change(c);
    } else {
        read_activity(c, lj_tree_get(c->json, "activity"));
        lj_review_read(c);
    }
    if (c->has_activity && (!is_lower_uuid(event->key, strlen(event->key), key) ||
                            memcmp(key, c->activity, sizeof key) != 0))
        lj_reasons_add(&c->found, LJ_CLAUSE_V01_KEY, 0, 0, "%s",
                       c->op == LJ_OP_REPORT ? "" : "/activity");
    return 0;
}

/* ---- facts ---- */

int lj_case_need(struct lj_case *c, struct lj_lookup *lk, struct lj_err *err)
{
    struct lj_body *b = &c->body;
    const char *unit = c->event->unit_code;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->nteams; i++)
        rc = lj_lookup_need(lk, LJ_LOOKUP_TEAM, b->teams[i].code, unit, &b->teams[i].entry, err);
    for (size_t i = 0; rc == 0 && i < b->nroster; i++) {
        struct lj_roster_row *r = &b->roster[i];
        rc = lj_lookup_need(lk, LJ_LOOKUP_PERSON, r->person, unit, &r->person_entry, err);
        if (rc == 0)
            rc = lj_lookup_need(lk, LJ_LOOKUP_TEAM, r->team, unit, &r->team_entry, err);
    }
    if (rc == 0 && LJ_HAS(b, SITE))
        rc = lj_lookup_need(lk, LJ_LOOKUP_SITE, b->site, unit, &b->site_entry, err);
    if (rc == 0 && LJ_HAS(b, SERVED_SITE))
        rc = lj_lookup_need(lk, LJ_LOOKUP_SITE, b->served_site, unit, &b->served_entry, err);
    return rc;
}

static int32_t number_of(const struct lj_lookup *lk, uint32_t entry, int64_t p)
{
    const struct lj_lookup_row *r = lj_lookup_at(lk, entry, p);
    return r ? r->number : 0;
}

static const struct lj_policy_terms *terms_of(const struct lj_lookup *lk, int16_t unit,
                                              int32_t team, int32_t day, int64_t p)
{
    const struct lj_policy_terms *t = lj_lookup_policy(lk, unit, team, day, p);
    return t ? t : &lj_terms_shipped;
}

/* The teams and the terms: of each team its own; of the activity those of its first team that makes
 * it count (of the subtree, active), else those of the reporting unit. The review is the strictest
 * that the policies of the teams that make it count ask for. */
static void team_facts(struct lj_case *c, const struct lj_lookup *lk, int dated, int32_t day)
{
    struct lj_body *b = &c->body;
    int64_t p = c->event->position;
    const struct lj_policy_terms *whole = NULL;
    b->review = LJ_REVIEW_NONE;
    for (size_t i = 0; i < b->nteams; i++) {
        struct lj_team_fact *t = &b->teams[i];
        const struct lj_lookup_row *r = lj_lookup_at(lk, t->entry, p);
        t->lat = t->lon = LJ_DEGREES_NONE;
        t->terms = &lj_terms_shipped;
        if (!r)
            continue;
        t->number = r->number;
        t->lat = r->lat;
        t->lon = r->lon;
        t->active = dated && lj_lookup_team_active(lk, t->entry, day, p);
        t->in_subtree = lj_lookup_in_subtree(lk, r->unit, c->event->unit, p);
        if (dated)
            t->terms = terms_of(lk, r->unit, r->number, day, p);
        if (!t->active || !t->in_subtree)
            continue;
        whole = whole ? whole : t->terms;
        b->review = t->terms->review > b->review ? t->terms->review : b->review;
    }
    if (!whole && dated)
        whole = terms_of(lk, c->event->unit, 0, day, p);
    b->terms = whole ? whole : &lj_terms_shipped;
}

static void site_facts(struct lj_case *c, const struct lj_lookup *lk)
{
    struct lj_body *b = &c->body;
    const struct lj_lookup_row *site = lj_lookup_at(lk, b->site_entry, c->event->position);
    const struct lj_lookup_row *served = lj_lookup_at(lk, b->served_entry, c->event->position);
    b->site_no = site ? site->number : 0;
    b->site_kind = site ? site->kind : 0;
    b->site_region = site ? site->region : 0;
    b->site_capacity = site ? site->capacity : 0;
    b->site_lat = site ? site->lat : LJ_DEGREES_NONE;
    b->site_lon = site ? site->lon : LJ_DEGREES_NONE;
    b->served_site_kind = served ? served->kind : 0;
}

void lj_case_facts(struct lj_case *c, const struct lj_lookup *lk)
{
    struct lj_body *b = &c->body;
    int64_t p = c->event->position;
    int dated = LJ_HAS(b, START_AT);
    int32_t day = dated ? lj_local_day(b->start_us) : 0;
    c->unit_closed = lj_lookup_unit_closed(lk, c->event->unit, p);
    if (c->op != LJ_OP_REPORT && c->op != LJ_OP_CORRECT)
        return;
    team_facts(c, lk, dated, day);
    b->is_window = lj_lookup_window(lk, c->event->unit, lj_local_day(c->event->received_at_us), p);
    b->is_holiday = dated && lj_lookup_is_holiday(lk, day, p);
    for (size_t i = 0; i < b->nroster; i++) {
        struct lj_roster_row *r = &b->roster[i];
        struct lj_membership m;
        const struct lj_lookup_row *person = lj_lookup_at(lk, r->person_entry, p);
        r->person_no = person ? person->number : 0;
        r->birth_year = person ? person->kind : 0;
        r->injured = dated && person && lj_lookup_injured(lk, person->number, day, p);
        r->team_no = number_of(lk, r->team_entry, p);
        if (dated && r->person_no && r->team_no &&
            lj_lookup_membership(lk, r->person_entry, r->team_no, day, p, &m)) {
            r->member_role = m.role;
            r->member_status = m.status;
        }
    }
    site_facts(c, lk);
}

int64_t lj_case_setting(const struct lj_case *c, enum lj_setting what, int64_t none)
{
    int64_t at = LJ_HAS(&c->body, START_AT) ? c->body.start_us : c->event->received_at_us;
    return lj_settings_number(c->settings, what, lj_local_day(at), c->event->position, none);
}
