/* Every register event: its members, their forms, and its rule. proto/schemas/<type>.json says the
 * same in JSON Schema; a test holds the two against each other. To add a member: a row here, the
 * column in a migration, the schema, docs/registers.md. */
#include "workers/register/reg.h"

#include <string.h>

static const char *const unit_kinds[] = {"PROVINCE",     "CORPS",    "GAS_UNIT",
                                         "NATIONAL_ORG", "SUB_UNIT", NULL};
static const char *const levels[] = {"NATIONAL", "PROVINCIAL", NULL};
static const char *const genders[] = {"M", "F", "X", NULL};
static const char *const sexes[] = {"M", "F", NULL};
static const char *const team_states[] = {"ACTIVE", "PAUSED", NULL};
static const char *const roles[] = {"ATHLETE", "COACH", "OFFICIAL", "STAFF", NULL};
static const char *const statuses[] = {"FORMAL", "TRIAL", "TRAINEE", "RETIRED", "LEFT", NULL};
static const char *const site_kinds[] = {
    "KINDERGARTEN", "PRIMARY",       "MIDDLE",     "SENIOR",     "NINE_YEAR",  "SPECIAL_ED",
    "VOCATIONAL",   "COMMUNITY",     "VILLAGE",    "ELDER_CARE", "ELDER_UNIV", "PARK",
    "STADIUM",      "TRAINING_BASE", "UNIVERSITY", "COMPANY",    "MALL",       "SCENIC",
    "BARRACKS",     "OTHER",         NULL};
static const char *const scopes[] = {"NATION", "UNIT", "TEAM", NULL};
static const char *const periods[] = {"YEAR", NULL};
static const char *const carries[] = {"NONE", "SURPLUS_25", "DEFICIT", NULL};
static const char *const reviews[] = {"NONE", "UNIT", "CENTRE", NULL};

static const char *const exemption_kinds[] = {
    "INJURY", "COMPETITION", "TRAINING_ABROAD", "LEAVE", "MATERNITY", "OTHER", NULL};
static const char *const effects[] = {"PRORATE", "DEFER", "WAIVE", NULL};

#define END                                                                                        \
    {                                                                                              \
        NULL, REG_F_BOOL, false, 0, 0, NULL                                                        \
    }

static const struct reg_field unit_registered[] = {
    {"code", REG_F_UNIT, true, 0, 0, NULL},          {"name", REG_F_TEXT, true, 2, 60, NULL},
    {"kind", REG_F_WORD, true, 0, 0, unit_kinds},    {"parent", REG_F_UNIT, false, 0, 0, NULL},
    {"region", REG_F_REGION, false, 0, 0, NULL},     {"aliases", REG_F_TEXTS, false, 0, 20, NULL},
    {"addressed_on", REG_F_DATE, false, 0, 0, NULL}, END};
static const struct reg_field unit_changed[] = {
    {"unit", REG_F_UNIT, true, 0, 0, NULL},          {"name", REG_F_TEXT, false, 2, 60, NULL},
    {"kind", REG_F_WORD, false, 0, 0, unit_kinds},   {"parent", REG_F_UNIT, false, 0, 0, NULL},
    {"region", REG_F_REGION, false, 0, 0, NULL},     {"aliases", REG_F_TEXTS, false, 0, 20, NULL},
    {"addressed_on", REG_F_DATE, false, 0, 0, NULL}, END};
static const struct reg_field unit_moved[] = {
    {"unit", REG_F_UNIT, true, 0, 0, NULL}, {"note", REG_F_TEXT, false, 1, 200, NULL}, END};
static const struct reg_field unit_ended[] = {
    {"unit", REG_F_UNIT, true, 0, 0, NULL}, {"reason", REG_F_TEXT, true, 1, 200, NULL}, END};
static const struct reg_field unit_suspended[] = {{"unit", REG_F_UNIT, true, 0, 0, NULL},
                                                  {"suspended", REG_F_BOOL, true, 0, 0, NULL},
                                                  {"reason", REG_F_TEXT, false, 1, 200, NULL},
                                                  END};

static const struct reg_field team_registered[] = {
    {"code", REG_F_CODE, true, 0, 0, NULL},
    {"name", REG_F_TEXT, true, 1, 60, NULL},
    {"level", REG_F_WORD, true, 0, 0, levels},
    {"sport", REG_F_SYMBOL, true, 0, 0, NULL},
    {"gender", REG_F_WORD, true, 0, 0, genders},
    {"valid_from", REG_F_DATE, false, 0, 0, NULL},
    {"valid_to", REG_F_DATE, false, 0, 0, NULL},
    {"games_task", REG_F_SYMBOLS, false, 0, 20, NULL},
    {"base_lat", REG_F_DEGREES, false, 0, 90, NULL},
    {"base_lon", REG_F_DEGREES, false, 0, 180, NULL},
    END};
static const struct reg_field team_changed[] = {{"team", REG_F_TEAM, true, 0, 0, NULL},
                                                {"name", REG_F_TEXT, false, 1, 60, NULL},
                                                {"level", REG_F_WORD, false, 0, 0, levels},
                                                {"sport", REG_F_SYMBOL, false, 0, 0, NULL},
                                                {"gender", REG_F_WORD, false, 0, 0, genders},
                                                {"valid_from", REG_F_DATE, false, 0, 0, NULL},
                                                {"valid_to", REG_F_DATE, false, 0, 0, NULL},
                                                {"games_task", REG_F_SYMBOLS, false, 0, 20, NULL},
                                                {"base_lat", REG_F_DEGREES, false, 0, 90, NULL},
                                                {"base_lon", REG_F_DEGREES, false, 0, 180, NULL},
                                                {"state", REG_F_WORD, false, 0, 0, team_states},
                                                {"from", REG_F_DATE, false, 0, 0, NULL},
                                                END};
static const struct reg_field team_disbanded[] = {{"team", REG_F_TEAM, true, 0, 0, NULL},
                                                  {"on", REG_F_DATE, true, 0, 0, NULL},
                                                  {"merged_into", REG_F_TEAM, false, 0, 0, NULL},
                                                  END};

static const struct reg_field team_merged[] = {{"team", REG_F_TEAM, true, 0, 0, NULL},
                                               {"on", REG_F_DATE, true, 0, 0, NULL},
                                               {"merged_into", REG_F_TEAM, true, 0, 0, NULL},
                                               END};
static const struct reg_field team_paused[] = {
    {"team", REG_F_TEAM, true, 0, 0, NULL}, {"from", REG_F_DATE, true, 0, 0, NULL}, END};
static const struct reg_field person_changed[] = {
    {"person", REG_F_PERSON, true, 0, 0, NULL},
    {"name", REG_F_NAME, false, 1, 40, NULL},
    {"sex", REG_F_WORD, false, 0, 0, sexes},
    {"birth_year", REG_F_INT, false, 1960, 2200, NULL},
    END};
static const struct reg_field site_changed[] = {
    {"site", REG_F_SITE, true, 0, 0, NULL},          {"name", REG_F_TEXT, false, 2, 80, NULL},
    {"kind", REG_F_WORD, false, 0, 0, site_kinds},   {"region", REG_F_REGION, false, 0, 0, NULL},
    {"lat", REG_F_DEGREES, false, 0, 90, NULL},      {"lon", REG_F_DEGREES, false, 0, 180, NULL},
    {"capacity", REG_F_INT, false, 1, 200000, NULL}, END};

static const struct reg_field person_registered[] = {
    {"code", REG_F_CODE, true, 0, 0, NULL},
    {"name", REG_F_NAME, true, 1, 40, NULL},
    {"sex", REG_F_WORD, true, 0, 0, sexes},
    {"birth_year", REG_F_INT, true, 1960, 2200, NULL},
    END};
static const struct reg_field site_registered[] = {
    {"code", REG_F_CODE, true, 0, 0, NULL},          {"name", REG_F_TEXT, true, 2, 80, NULL},
    {"kind", REG_F_WORD, true, 0, 0, site_kinds},    {"region", REG_F_REGION, false, 0, 0, NULL},
    {"lat", REG_F_DEGREES, false, 0, 90, NULL},      {"lon", REG_F_DEGREES, false, 0, 180, NULL},
    {"capacity", REG_F_INT, false, 1, 200000, NULL}, END};

static const struct reg_field membership_started[] = {
    {"person", REG_F_PERSON, true, 0, 0, NULL},   {"team", REG_F_TEAM, true, 0, 0, NULL},
    {"role", REG_F_WORD, true, 0, 0, roles},      {"status", REG_F_WORD, true, 0, 0, statuses},
    {"valid_from", REG_F_DATE, true, 0, 0, NULL}, {"valid_to", REG_F_DATE, false, 0, 0, NULL},
    {"primary", REG_F_BOOL, false, 0, 0, NULL},   END};
static const struct reg_field membership_changed[] = {{"person", REG_F_PERSON, true, 0, 0, NULL},
                                                      {"team", REG_F_TEAM, true, 0, 0, NULL},
                                                      {"from", REG_F_DATE, true, 0, 0, NULL},
                                                      {"status", REG_F_WORD, false, 0, 0, statuses},
                                                      {"role", REG_F_WORD, false, 0, 0, roles},
                                                      {"primary", REG_F_BOOL, false, 0, 0, NULL},
                                                      END};
static const struct reg_field membership_ended[] = {{"person", REG_F_PERSON, true, 0, 0, NULL},
                                                    {"team", REG_F_TEAM, true, 0, 0, NULL},
                                                    {"on", REG_F_DATE, true, 0, 0, NULL},
                                                    END};

static const struct reg_field site_rules[] = {{"count", REG_F_WORDS, true, 0, 20, site_kinds},
                                              {"conditional", REG_F_WORDS, true, 0, 20, site_kinds},
                                              END};
static const struct reg_field mode_factor[] = {{"ONSITE", REG_F_RATIO, true, 0, 2, NULL},
                                               {"HYBRID", REG_F_RATIO, true, 0, 2, NULL},
                                               {"LIVE", REG_F_RATIO, true, 0, 2, NULL},
                                               {"RECORDED", REG_F_RATIO, true, 0, 2, NULL},
                                               END};
/* source: field handbook 7.2 quota_policy, 7.6a "Policy fields" */
#define POLICY_MEMBERS                                                                             \
    {"scope", REG_F_WORD, true, 0, 0, scopes}, {"unit", REG_F_UNIT, false, 0, 0, NULL},            \
        {"team", REG_F_TEAM, false, 0, 0, NULL}, {"version", REG_F_INT, true, 1, 1000000, NULL},   \
        {"valid_from", REG_F_DATE, true, 0, 0, NULL}, {"valid_to", REG_F_DATE, false, 0, 0, NULL}, \
        {"period_type", REG_F_WORD, false, 0, 0, periods},                                         \
        {"team_min_sessions", REG_F_INT, true, 0, 52, NULL},                                       \
        {"athlete_min_minutes", REG_F_INT, true, 0, 6000, NULL},                                   \
        {"counted_statuses", REG_F_WORDS, false, 0, 5, statuses},                                  \
        {"session_statuses", REG_F_WORDS, false, 0, 5, statuses},                                  \
        {"site_rules", REG_F_OBJECT, false, 0, 0, site_rules},                                     \
        {"mode_factor", REG_F_OBJECT, false, 0, 0, mode_factor},                                   \
        {"activity_cap_minutes", REG_F_INT, false, 0, 1440, NULL},                                 \
        {"day_cap_minutes", REG_F_INT, false, 0, 1440, NULL},                                      \
        {"lecture_cap_minutes", REG_F_INT, false, 0, 1440, NULL},                                  \
        {"rounding", REG_F_INT, false, 1, 60, NULL},                                               \
        {"presence_min", REG_F_RATIO, false, 0, 1, NULL},                                          \
        {"guidance_min_share", REG_F_RATIO, false, 0, 1, NULL},                                    \
        {"min_team_athletes", REG_F_INT, false, 1, 100, NULL},                                     \
        {"carry_over", REG_F_WORD, false, 0, 0, carries},                                          \
        {"review", REG_F_WORD, false, 0, 0, reviews},                                              \
        {"session_tolerance", REG_F_RATIO, false, 0, 1, NULL},                                     \
        {"entry_cutoff", REG_F_MONTHDAY, false, 0, 0, NULL},                                       \
        {"month_weights", REG_F_INTS, false, 1000, 12, NULL},                                      \
        {"blackout_after_days", REG_F_INT, false, 0, 365, NULL},                                   \
        {"pacing_bounds", REG_F_RATIOS, false, 0, 3, NULL},                                        \
        {"feasible_minutes_per_month", REG_F_INT, false, 0, 6000, NULL},                           \
        {"source", REG_F_TEXT, true, 1, 60, NULL}, {"confidence", REG_F_TEXT, true, 1, 60, NULL},
static const struct reg_field policy_set[] = {
    POLICY_MEMBERS{"author", REG_F_TEXT, true, 1, 64, NULL},
    {"approver", REG_F_TEXT, true, 1, 64, NULL},
    END};
static const struct reg_field policy_proposed[] = {{"code", REG_F_CODE, true, 0, 0, NULL},
                                                   POLICY_MEMBERS END};
#define SETTING_MEMBERS                                                                            \
    {"rule", REG_F_SYMBOL, true, 0, 0, NULL}, {"name", REG_F_TEXT, true, 2, 31, NULL},             \
        {"values", REG_F_TEXTS, true, 0, 64, NULL}, {"valid_from", REG_F_DATE, false, 0, 0, NULL}, \
        {"valid_to", REG_F_DATE, false, 0, 0, NULL},
static const struct reg_field policy_rule_set[] = {
    SETTING_MEMBERS{"author", REG_F_TEXT, true, 1, 64, NULL},
    {"approver", REG_F_TEXT, true, 1, 64, NULL},
    END};
static const struct reg_field policy_rule_proposed[] = {{"code", REG_F_CODE, true, 0, 0, NULL},
                                                        SETTING_MEMBERS END};
static const struct reg_field policy_decided[] = {
    {"code", REG_F_CODE, true, 0, 0, NULL}, {"note", REG_F_TEXT, false, 1, 200, NULL}, END};

static const struct reg_field exemption_approved[] = {
    {"code", REG_F_CODE, true, 0, 0, NULL},
    {"person", REG_F_PERSON, false, 0, 0, NULL},
    {"team", REG_F_TEAM, false, 0, 0, NULL},
    {"kind", REG_F_WORD, true, 0, 0, exemption_kinds},
    {"effect", REG_F_WORD, true, 0, 0, effects},
    {"from", REG_F_DATE, true, 0, 0, NULL},
    {"to", REG_F_DATE, false, 0, 0, NULL},
    {"submitted_on", REG_F_DATE, false, 0, 0, NULL},
    {"evidence", REG_F_TEXT, false, 1, 200, NULL},
    END};
static const struct reg_field exemption_ended[] = {
    {"code", REG_F_CODE, true, 0, 0, NULL}, {"on", REG_F_DATE, true, 0, 0, NULL}, END};

static const char *const person_roles[] = {
#define LJ_PERSON(number, name, scope, zh) #name,
#include "common/persons.def"
#undef LJ_PERSON
    NULL};
static const struct reg_field account_invited[] = {{"login", REG_F_LOGIN, true, 0, 0, NULL},
                                                   {"name", REG_F_NAME, true, 1, 30, NULL},
                                                   {"roles", REG_F_WORDS, true, 0, 4, person_roles},
                                                   {"teams", REG_F_TEAMS, false, 0, 20, NULL},
                                                   END};
static const struct reg_field account_changed[] = {
    {"login", REG_F_LOGIN, true, 0, 0, NULL},
    {"name", REG_F_NAME, false, 1, 30, NULL},
    {"roles", REG_F_WORDS, false, 0, 4, person_roles},
    {"teams", REG_F_TEAMS, false, 0, 20, NULL},
    END};
static const struct reg_field account_moved[] = {
    {"login", REG_F_LOGIN, true, 0, 0, NULL}, {"note", REG_F_TEXT, false, 1, 200, NULL}, END};
static const struct reg_field account_disabled[] = {{"login", REG_F_LOGIN, true, 0, 0, NULL},
                                                    {"reason", REG_F_TEXT, true, 1, 200, NULL},
                                                    {"handover_to", REG_F_LOGIN, false, 0, 0, NULL},
                                                    END};

static const struct reg_field calendar_day_started[] = {{"day", REG_F_DATE, true, 0, 0, NULL}, END};

/* source: the State Council's notice of each year on holidays and the days worked in exchange */
static const struct reg_field calendar_year_set[] = {{"year", REG_F_INT, true, 2000, 2999, NULL},
                                                     {"off", REG_F_DATES, true, 0, 60, NULL},
                                                     {"work", REG_F_DATES, true, 0, 20, NULL},
                                                     {"source", REG_F_TEXT, true, 1, 60, NULL},
                                                     {"author", REG_F_TEXT, true, 1, 64, NULL},
                                                     {"approver", REG_F_TEXT, true, 1, 64, NULL},
                                                     END};

static const char *const decisions[] = {"CONFIRMED", "DISMISSED", NULL};
static const char *const outcomes[] = {"SAME_EVENT_JOINT", "SAME_EVENT_DOUBLE", "DIFFERENT", NULL};

static const struct reg_field certificate_issued[] = {{"person", REG_F_PERSON, true, 0, 0, NULL},
                                                      {"year", REG_F_INT, true, 2000, 2999, NULL},
                                                      {"minutes", REG_F_INT, true, 1, 600000, NULL},
                                                      {"through", REG_F_TEXT, true, 1, 18, NULL},
                                                      END};

static const struct reg_field filing_window_opened[] = {{"from", REG_F_DATE, true, 0, 0, NULL},
                                                        {"to", REG_F_DATE, true, 0, 0, NULL},
                                                        {"reason", REG_F_TEXT, true, 2, 200, NULL},
                                                        {"by", REG_F_TEXT, true, 1, 30, NULL},
                                                        END};
static const struct reg_field flag_explained[] = {{"flags", REG_F_UUIDS, true, 1, 50, NULL},
                                                  {"explanation", REG_F_TEXT, true, 2, 500, NULL},
                                                  {"by", REG_F_TEXT, true, 1, 30, NULL},
                                                  END};
static const struct reg_field flag_decided[] = {{"flags", REG_F_UUIDS, true, 1, 50, NULL},
                                                {"decision", REG_F_WORD, true, 0, 0, decisions},
                                                {"reason", REG_F_TEXT, true, 2, 500, NULL},
                                                {"by", REG_F_TEXT, true, 1, 30, NULL},
                                                END};
static const struct reg_field duplicate_decided[] = {{"flag", REG_F_UUID, true, 0, 0, NULL},
                                                     {"outcome", REG_F_WORD, true, 0, 0, outcomes},
                                                     {"reason", REG_F_TEXT, true, 2, 500, NULL},
                                                     {"by", REG_F_TEXT, true, 1, 30, NULL},
                                                     END};

static const struct reg_field opinion_item_linked[] = {
    {"item", REG_F_UUID, true, 0, 0, NULL},
    {"activities", REG_F_UUIDS, true, 0, 8, NULL},
    {"reason", REG_F_TEXT, true, 2, 500, NULL},
    {"by", REG_F_TEXT, true, 1, 30, NULL},
    END};

static const struct reg_field activity_planned[] = {
    {"team", REG_F_TEAM, true, 0, 0, NULL}, {"title", REG_F_TEXT, true, 2, 60, NULL},
    {"from", REG_F_DATE, true, 0, 0, NULL}, {"to", REG_F_DATE, false, 0, 0, NULL},
    {"by", REG_F_TEXT, true, 1, 30, NULL},  END};
static const struct reg_field activity_plan_cancelled[] = {
    {"plan", REG_F_UUID, true, 0, 0, NULL},
    {"reason", REG_F_TEXT, true, 2, 500, NULL},
    {"by", REG_F_TEXT, true, 1, 30, NULL},
    END};

static const struct reg_type types[] = {
    {"unit.registered", unit_registered, REG_UNIT, reg_unit_registered, false},
    {"unit.changed", unit_changed, REG_UNIT, reg_unit_changed, false},
    {"unit.suspended", unit_suspended, REG_UNIT, reg_unit_suspended, false},
    {"unit.addressed", unit_registered, REG_UNIT, reg_unit_addressed, false},
    {"unit.invited", unit_moved, REG_UNIT, reg_unit_moved, false},
    {"unit.applied", unit_moved, REG_UNIT, reg_unit_moved, false},
    {"unit.returned", unit_ended, REG_UNIT, reg_unit_moved, false},
    {"unit.activated", unit_moved, REG_UNIT, reg_unit_moved, false},
    {"unit.resumed", unit_moved, REG_UNIT, reg_unit_moved, false},
    {"unit.closed", unit_ended, REG_UNIT, reg_unit_moved, false},
    {"account.invited", account_invited, REG_ACCOUNT, reg_account_invited, true},
    {"account.changed", account_changed, REG_ACCOUNT, reg_account_changed, true},
    {"account.accepted", account_moved, REG_ACCOUNT, reg_account_moved, false},
    {"account.activated", account_moved, REG_ACCOUNT, reg_account_moved, true},
    {"account.locked", account_moved, REG_ACCOUNT, reg_account_moved, false},
    {"account.unlocked", account_moved, REG_ACCOUNT, reg_account_moved, true},
    {"account.disabled", account_disabled, REG_ACCOUNT, reg_account_moved, true},
    {"team.registered", team_registered, REG_TEAM, reg_team_registered, false},
    {"team.changed", team_changed, REG_TEAM, reg_team_changed, false},
    {"team.disbanded", team_disbanded, REG_TEAM, reg_team_disbanded, false},
    {"person.registered", person_registered, REG_PERSON, reg_person_registered, false},
    {"membership.started", membership_started, REG_PERSON, reg_membership_started, false},
    {"membership.changed", membership_changed, REG_PERSON, reg_membership_changed, false},
    {"membership.ended", membership_ended, REG_PERSON, reg_membership_ended, false},
    {"site.registered", site_registered, REG_SITE, reg_site_registered, false},
    {"policy.set", policy_set, REG_UNIT, reg_policy_set, false},
    {"policy.proposed", policy_proposed, REG_PROPOSAL, reg_policy_proposed, true},
    {"policy.rule_proposed", policy_rule_proposed, REG_PROPOSAL, reg_policy_rule_proposed, true},
    {"policy.approved", policy_decided, REG_PROPOSAL, reg_policy_approved, true},
    {"policy.withdrawn", policy_decided, REG_PROPOSAL, reg_policy_withdrawn, true},
    {"policy.rule_set", policy_rule_set, REG_UNIT, reg_policy_rule_set, false},
    {"team.merged", team_merged, REG_TEAM, reg_team_disbanded, false},
    {"team.paused", team_paused, REG_TEAM, reg_team_paused, false},
    {"team.resumed", team_paused, REG_TEAM, reg_team_paused, false},
    {"person.changed", person_changed, REG_PERSON, reg_person_changed, false},
    {"site.changed", site_changed, REG_SITE, reg_site_changed, false},
    {"calendar.year_set", calendar_year_set, REG_UNIT, reg_calendar_year_set, false},
    {"calendar.day_started", calendar_day_started, REG_UNIT, reg_calendar_day_started, false},
    {"exemption.approved", exemption_approved, REG_EXEMPTION, reg_exemption_approved, false},
    {"exemption.ended", exemption_ended, REG_EXEMPTION, reg_exemption_ended, false},
    {"certificate.issued", certificate_issued, REG_PERSON, reg_certificate_issued, false},
    {"filing_window.opened", filing_window_opened, REG_UNIT, reg_filing_window_opened, false},
    {"flag.explained", flag_explained, REG_UNIT, reg_flag_explained, false},
    {"flag.decided", flag_decided, REG_UNIT, reg_flag_decided, false},
    {"duplicate.decided", duplicate_decided, REG_UNIT, reg_duplicate_decided, false},
    {"opinion.item_linked", opinion_item_linked, REG_UNIT, reg_opinion_item_linked, false},
    {"activity.planned", activity_planned, REG_UNIT, reg_activity_planned, false},
    {"activity.plan_cancelled", activity_plan_cancelled, REG_UNIT, reg_activity_plan_cancelled,
     false},
};

const struct reg_type *reg_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].name, name) == 0) {
            return &types[i];
        }
    }
    return NULL;
}
