/* Rule of policy.set: one more version of what a scope object (the nation, a unit, a team) has. A
 * version is never changed; a member that is left out gets the default below, at this moment, so
 * that a later change of the defaults changes no stored policy. */
#include "workers/register/reg.h"

#include <string.h>

/* source: field handbook 7.2 quota_policy and site, 7.6a "Policy fields"; db/seed/policy.json
 * spells the same out for the nation. */
static const char defaults[] =
    "{\"period_type\":\"YEAR\",\"counted_statuses\":[\"FORMAL\"],\"session_statuses\":[\"FORMAL\","
    "\"TRIAL\"],"
    "\"sites_counted\":[\"PRIMARY\",\"MIDDLE\",\"SENIOR\",\"NINE_YEAR\",\"SPECIAL_ED\","
    "\"VOCATIONAL\",\"COMMUNITY\",\"VILLAGE\",\"ELDER_CARE\","
    "\"ELDER_UNIV\"],\"sites_conditional\":[\"PARK\",\"STADIUM\",\"TRAINING_BASE\"],"
    "\"mode_onsite\":1.0,\"mode_hybrid\":1.0,\"mode_live\":1.0,\"mode_recorded\":0.0,"
    "\"activity_cap_minutes\":240,\"day_cap_minutes\":480,\"lecture_cap_minutes\":120,\"rounding\":"
    "15,\"presence_min\":0.6,"
    "\"guidance_min_share\":0.3,\"min_team_athletes\":1,\"carry_over\":\"NONE\",\"review\":"
    "\"NONE\",\"session_"
    "tolerance\":0.05,\"entry_cutoff\":\"10-01\","
    "\"month_weights\":[3,2,10,10,12,14,5,8,10,12,8,6],\"blackout_after_days\":14,\"pacing_"
    "bounds\":[0.1,0.25,0.4],"
    "\"feasible_minutes_per_month\":480,\"valid_to\":null}";

/* Members that are a column of the same name. */
static const char *const plain[] = {"version",
                                    "valid_from",
                                    "valid_to",
                                    "period_type",
                                    "team_min_sessions",
                                    "athlete_min_minutes",
                                    "counted_statuses",
                                    "session_statuses",
                                    "activity_cap_minutes",
                                    "day_cap_minutes",
                                    "lecture_cap_minutes",
                                    "rounding",
                                    "presence_min",
                                    "guidance_min_share",
                                    "min_team_athletes",
                                    "carry_over",
                                    "review",
                                    "session_tolerance",
                                    "entry_cutoff",
                                    "month_weights",
                                    "blackout_after_days",
                                    "pacing_bounds",
                                    "feasible_minutes_per_month",
                                    "source",
                                    "confidence",
                                    "author",
                                    "approver"};

/* Members of member objects and their columns. */
static const struct {
    const char *object, *member, *column;
} nested[] = {
    {"site_rules", "count", "sites_counted"}, {"site_rules", "conditional", "sites_conditional"},
    {"mode_factor", "ONSITE", "mode_onsite"}, {"mode_factor", "HYBRID", "mode_hybrid"},
    {"mode_factor", "LIVE", "mode_live"},     {"mode_factor", "RECORDED", "mode_recorded"},
};

/* What the policy is of: numbers, -1 where none. Refuses where scope and members do not fit. */
static void scope_of(struct reg_ctx *x, int32_t *ret_unit, int32_t *ret_team)
{
    const char *scope = reg_text(x->payload, "scope");
    bool unit = reg_text(x->payload, "unit") != NULL;
    bool team = reg_text(x->payload, "team") != NULL;
    *ret_unit = *ret_team = -1;
    if (unit != (strcmp(scope, "UNIT") == 0) || team != (strcmp(scope, "TEAM") == 0) ||
        (!unit && !team && x->event->unit != 0)) {
        reg_refuse(x, "/scope", REG_R_SCOPE);
        return;
    }
    const struct reg_entity *e = unit   ? reg_require(x, REG_UNIT, "unit", true)
                                 : team ? reg_require(x, REG_TEAM, "team", true)
                                        : NULL;
    if (e != NULL) {
        *(unit ? ret_unit : ret_team) = e->number;
    }
}

static struct reg_policy *find(const struct reg_state *s, const char *scope, int32_t unit,
                               int32_t team)
{
    for (size_t i = 0; i < s->npolicies; i++) {
        struct reg_policy *p = &s->policies[i];
        if (strcmp(p->scope, scope) == 0 && p->unit == unit && p->team == team) {
            return p;
        }
    }
    return NULL;
}

static struct reg_policy *add(struct reg_ctx *x, const char *scope, int32_t unit, int32_t team)
{
    struct reg_policy *p = reg_add_policy(x->state);
    json_t *row = json_object();
    if (p == NULL) {
        x->nomem = true;
        json_decref(row);
        return NULL;
    }
    p->number = ++x->state->last_policy;
    p->unit = unit;
    p->team = team;
    strncpy(p->scope, scope, sizeof(p->scope) - 1);
    reg_put(x, row, "position", json_integer(x->event->position));
    reg_put(x, row, "number", json_integer(p->number));
    reg_put(x, row, "scope", json_string(scope));
    reg_put(x, row, "unit", unit < 0 ? json_null() : json_integer(unit));
    reg_put(x, row, "team", team < 0 ? json_null() : json_integer(team));
    reg_write(x, "policy", row);
    json_decref(row);
    return p;
}

static json_t *version_row(struct reg_ctx *x, int32_t number)
{
    json_t *row = json_loads(defaults, 0, NULL);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        reg_copy(x, row, plain[i], plain[i]);
    }
    for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
        json_t *value =
            json_object_get(json_object_get(x->payload, nested[i].object), nested[i].member);
        if (value != NULL) {
            reg_put(x, row, nested[i].column, json_incref(value));
        }
    }
    reg_put(x, row, "position", json_integer(x->event->position));
    reg_put(x, row, "number", json_integer(number));
    return row;
}

void reg_policy_check(struct reg_ctx *x, int32_t *ret_unit, int32_t *ret_team)
{
    scope_of(x, ret_unit, ret_team);
    reg_span_check(x, x->payload, "/valid_to");
    const struct reg_policy *p =
        find(x->state, reg_text(x->payload, "scope"), *ret_unit, *ret_team);
    if (x->reasons == 0 && p != NULL && reg_int(x->payload, "version") <= p->version) {
        reg_refuse(x, "/version", REG_R_VERSION);
    }
}

void reg_policy_write(struct reg_ctx *x, int32_t unit, int32_t team)
{
    const char *scope = reg_text(x->payload, "scope");
    json_int_t version = reg_int(x->payload, "version");
    if (x->reasons > 0) {
        return;
    }
    struct reg_policy *p = find(x->state, scope, unit, team);
    if (p != NULL && version <= p->version) {
        reg_refuse(x, "/version", REG_R_VERSION);
        return;
    }
    p = p != NULL ? p : add(x, scope, unit, team);
    if (p == NULL) {
        return;
    }
    p->version = (int32_t)version;
    json_t *row = version_row(x, p->number);
    reg_write(x, "policy_version", row);
    json_decref(row);
}

void reg_policy_set(struct reg_ctx *x)
{
    int32_t unit, team;
    reg_policy_check(x, &unit, &team);
    if (strcmp(reg_text(x->payload, "author"), reg_text(x->payload, "approver")) == 0) {
        reg_refuse(x, "/approver", REG_R_TWO_PERSONS);
    }
    reg_policy_write(x, unit, team);
}
