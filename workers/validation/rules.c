/* The rules: one small function each, in the order of their codes.
 *
 * A rule looks at the body and the facts of one case and adds clauses of rules.def; it fetches
 * nothing and asks no clock ("now" is the event's received_at). It looks at `have` first and is
 * silent about what is not there or malformed: that has its V01 already. Which rules an operation
 * takes is a column of the table: a withdrawal has no body, a correction's day limits are those of
 * the year alone.
 *
 * source: the field's rule list (V01-V40) and its settled readings. V01, V23's lists and V40's
 * lengths are body.c's and case.c's; V30 is the log's (an event's id is in it once). Numbers come
 * from the policy of the team or activity where a policy has the field, else from the settings
 * (settings.def); a rule whose number nobody has set is silent.
 */
#include <string.h>

#include "workers/runner/calendar.h"
#include "workers/validation/filler.h"
#include "workers/validation/place.h"
#include "workers/validation/review.h"
#include "workers/validation/rules_formal.h"
#include "workers/validation/rules_more.h"

static const int64_t MINUTE_US = 60000000;

#define MAY(op) LJ_OP_BIT(op)
enum {
    BODIES = MAY(LJ_OP_REPORT) | MAY(LJ_OP_CORRECT),
    CHANGES = MAY(LJ_OP_CORRECT) | MAY(LJ_OP_WITHDRAW),
    REVIEWS = MAY(LJ_OP_YEAR_OPEN + 1) - MAY(LJ_OP_APPROVE),
    OWN = BODIES | CHANGES | MAY(LJ_OP_APPROVE) | MAY(LJ_OP_REOPEN) | MAY(LJ_OP_PERSON_KEEP) |
          MAY(LJ_OP_PERSON_DROP) | MAY(LJ_OP_HOST_ASK), /* the unit's own word */
    OPENINGS = MAY(LJ_OP_YEAR_ASK) | MAY(LJ_OP_YEAR_OPEN),
    ALL = BODIES | CHANGES | REVIEWS
};

#define SAY(c, clause, a, b, ...)                                                                  \
    lj_reasons_add(&(c)->found, LJ_CLAUSE_##clause, (a), (b), __VA_ARGS__)

static int has_times(const struct lj_body *b)
{
    return LJ_HAS(b, START_AT) && LJ_HAS(b, END_AT);
}

/* The net time is known and means something. */
static int has_net(const struct lj_body *b)
{
    return has_times(b) && LJ_HAS(b, BREAK_MINUTES) && b->start_us < b->end_us;
}

int64_t lj_case_net(const struct lj_body *b)
{
    return (b->end_us - b->start_us) / MINUTE_US - b->break_minutes;
}

static int is_athlete(const struct lj_roster_row *r)
{
    return r->member_role == LJ_MEMBER_ATHLETE && r->member_status >= LJ_MEMBER_FORMAL &&
           r->member_status <= LJ_MEMBER_TRAINEE;
}

int64_t lj_case_athletes(const struct lj_body *b)
{
    int64_t n = 0;
    for (size_t i = 0; i < b->nroster; i++)
        n += is_athlete(&b->roster[i]);
    return n;
}

static int on_site(const struct lj_body *b)
{
    return LJ_HAS(b, MODE) && (b->mode == LJ_MODE_ONSITE || b->mode == LJ_MODE_HYBRID);
}

static int online(const struct lj_body *b)
{
    return LJ_HAS(b, MODE) && (b->mode == LJ_MODE_LIVE || b->mode == LJ_MODE_RECORDED);
}

/* A member of the body is there, whether right or not. */
static int is_given(const struct lj_case *c, const char *name)
{
    return lj_tree_get(c->op == LJ_OP_CORRECT ? lj_tree_get(c->json, "body") : c->json, name) !=
           NULL;
}

static void v02(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    int64_t span = lj_case_setting(c, LJ_SETTING_V02_SPAN, INT32_MAX);
    int64_t ahead = lj_case_setting(c, LJ_SETTING_V02_AHEAD, INT32_MAX);
    if (has_times(b) && b->start_us >= b->end_us)
        SAY(c, V02_ORDER, 0, 0, "/end_at");
    else if (has_times(b) && b->end_us - b->start_us > span * MINUTE_US)
        SAY(c, V02_SPAN, span, 0, "/end_at");
    if (LJ_HAS(b, END_AT) && b->end_us > c->event->received_at_us + ahead * MINUTE_US)
        SAY(c, V02_FUTURE, 0, 0, "/end_at");
}

static void v03(struct lj_case *c)
{
    if (!has_net(&c->body))
        return;
    int64_t net = lj_case_net(&c->body), least = lj_case_setting(c, LJ_SETTING_V03_LEAST, 0);
    if (net < least)
        SAY(c, V03_SHORT, net, least, "/end_at");
    else if (net < lj_case_setting(c, LJ_SETTING_V03_BRIEF, 0))
        SAY(c, V03_BRIEF, net, 0, "/end_at");
    else if (net > lj_case_setting(c, LJ_SETTING_V03_LONG, INT64_MAX))
        SAY(c, V03_LONG, net, 0, "/end_at");
}

/* Ratios are in ten-thousandths, so that nothing is rounded before it is compared; exactly the
 * share is enough. */
enum { WHOLE_BP = 10000 };

static int below_share(int64_t minutes, int32_t share_bp, int64_t net)
{
    return minutes * WHOLE_BP < net * share_bp;
}

/* The least whole minutes that are not below a share of net. */
static int64_t least(int32_t share_bp, int64_t net)
{
    return (net * share_bp + WHOLE_BP - 1) / WHOLE_BP;
}

static void v04(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    if (!has_net(b) || !LJ_HAS(b, GUIDANCE_MINUTES))
        return;
    int64_t net = lj_case_net(b);
    if (b->guidance_minutes > net)
        SAY(c, V04_OVER, b->guidance_minutes, net, "/guidance_minutes");
    else if (below_share(b->guidance_minutes, b->terms->guidance_bp, net))
        SAY(c, V04_SHARE, b->guidance_minutes, least(b->terms->guidance_bp, net),
            "/guidance_minutes");
}

static int is_team_of_activity(const struct lj_body *b, int32_t team)
{
    for (size_t i = 0; i < b->nteams; i++)
        if (b->teams[i].number == team)
            return 1;
    return 0;
}

/* What a unit itself says; the Centre still decides about a closed one's records. */
static void v05_closed(struct lj_case *c)
{
    c->found.prefix = "";
    if (c->unit_closed)
        SAY(c, V05_CLOSED, 0, 0, "%s", "");
}

static void v05(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    int ours = 0;
    for (size_t i = 0; i < b->nteams; i++) {
        const struct lj_team_fact *t = &b->teams[i];
        if (t->number == 0)
            SAY(c, V05_UNKNOWN, 0, 0, "/teams/%zu", i);
        for (size_t k = 0; k < i && t->number; k++)
            if (b->teams[k].number == t->number) {
                SAY(c, V05_TWICE, 0, 0, "/teams/%zu", i);
                break;
            }
        ours |= t->number && t->active && t->in_subtree;
    }
    if (LJ_HAS(b, TEAMS) && LJ_HAS(b, START_AT) && !ours)
        SAY(c, V05_NONE, 0, 0, "/teams");
    for (size_t i = 0; i < b->nroster; i++) {
        const struct lj_roster_row *r = &b->roster[i];
        if (r->team && r->team_no == 0)
            SAY(c, V05_UNKNOWN, 0, 0, "/roster/%zu/team", i);
        else if (r->team_no && LJ_HAS(b, TEAMS) && !is_team_of_activity(b, r->team_no))
            SAY(c, V05_ROW, 0, 0, "/roster/%zu/team", i);
    }
}

static void v06(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    for (size_t i = 0; i < b->nroster; i++)
        if (b->roster[i].person && b->roster[i].person_no == 0)
            SAY(c, V06_UNKNOWN, 0, 0, "/roster/%zu/person", i);
    if (LJ_HAS(b, ROSTER) && LJ_HAS(b, START_AT) && lj_case_athletes(b) == 0)
        SAY(c, V06_NONE, 0, 0, "/roster");
}

static void v07(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    for (size_t i = 0; LJ_HAS(b, START_AT) && i < b->nroster; i++) {
        const struct lj_roster_row *r = &b->roster[i];
        if (r->role == LJ_ROLE_ATTEND || !r->person_no || !r->team_no)
            continue;
        if (r->member_role == 0 || r->member_status == LJ_MEMBER_LEFT)
            SAY(c, V07_NOT_MEMBER, 0, 0, "/roster/%zu/person", i);
        else if (r->member_role == LJ_MEMBER_ATHLETE && r->member_status == LJ_MEMBER_RETIRED)
            SAY(c, V07_RETIRED, 0, 0, "/roster/%zu/person", i);
    }
}

static int same_person(const struct lj_roster_row *a, const struct lj_roster_row *b)
{
    if (a->person_no || b->person_no)
        return a->person_no == b->person_no;
    return a->person && b->person && strcmp(a->person, b->person) == 0;
}

static void v08(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    for (size_t i = 1; i < b->nroster; i++)
        for (size_t k = 0; k < i; k++)
            if (same_person(&b->roster[i], &b->roster[k])) {
                SAY(c, V08_TWICE, 0, 0, "/roster/%zu/person", i);
                break;
            }
}

/* Minutes present: the overlap of [in, out] with the activity less its break; without in or out,
 * what is declared. */
static int64_t present(const struct lj_body *b, const struct lj_roster_row *r)
{
    if (!r->has_in || !r->has_out)
        return r->minutes;
    int64_t from = r->in_us > b->start_us ? r->in_us : b->start_us;
    int64_t to = r->out_us < b->end_us ? r->out_us : b->end_us;
    int64_t minutes = to > from ? (to - from) / MINUTE_US - b->break_minutes : 0;
    return minutes > 0 ? minutes : 0;
}

/* The terms of the row's own team; of a team that is none of the activity's, the activity's. */
static const struct lj_policy_terms *terms_of_row(const struct lj_body *b,
                                                  const struct lj_roster_row *r)
{
    for (size_t i = 0; i < b->nteams; i++)
        if (r->team_no && b->teams[i].number == r->team_no)
            return b->teams[i].terms;
    return b->terms;
}

static void v11(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    int64_t net = has_net(b) ? lj_case_net(b) : 0;
    for (size_t i = 0; has_net(b) && i < b->nroster; i++) {
        const struct lj_roster_row *r = &b->roster[i];
        if (!r->has_minutes)
            continue;
        int32_t share_bp = terms_of_row(b, r)->presence_bp;
        int64_t there = present(b, r);
        if (r->minutes > net)
            SAY(c, V11_OVER, r->minutes, net, "/roster/%zu/minutes", i);
        else if (r->role != LJ_ROLE_ATTEND && below_share(there, share_bp, net))
            SAY(c, V11_PRESENCE, there, least(share_bp, net), "/roster/%zu", i);
    }
}

/* What a site of a kind is worth, by the policy. (U) kinds stand where the field's list puts them
 * until policy moves them. */
enum worth { DOES_NOT_COUNT, COUNTS, IF_SERVED };

static enum worth worth_of(const struct lj_policy_terms *t, int kind)
{
    if (t->sites_counted >> kind & 1U)
        return COUNTS;
    return t->sites_conditional >> kind & 1U ? IF_SERVED : DOES_NOT_COUNT;
}

/* A school or community is named as the one that is served. */
static int is_served(const struct lj_body *b)
{
    return LJ_HAS(b, SERVED_NAME) || worth_of(b->terms, b->served_site_kind) == COUNTS;
}

static void v12(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    if (!on_site(b))
        return;
    if (!is_given(c, "site"))
        SAY(c, V01_MISSING, 0, 0, "/site");
    if (!LJ_HAS(b, SITE))
        return;
    enum worth worth = worth_of(b->terms, b->site_kind);
    if (b->site_kind == 0)
        SAY(c, V12_UNKNOWN, 0, 0, "/site");
    else if (worth == DOES_NOT_COUNT)
        SAY(c, V12_KIND, 0, 0, "/site");
    else if (worth == IF_SERVED && !is_served(b))
        SAY(c, V12_SERVED, 0, 0, "/served_name");
}

static void v16(struct lj_case *c)
{
    if (LJ_HAS(&c->body, FEE_CHARGED) && c->body.fee_charged)
        SAY(c, V16_FEE, 0, 0, "/fee_charged");
    if (LJ_HAS(&c->body, COST_YUAN) && c->body.cost_yuan < 0)
        SAY(c, V16_COST, 0, 0, "/cost_yuan");
}

static void v18(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    int64_t fewest = online(b) ? 0 : 1, athletes = lj_case_athletes(b);
    int64_t most = lj_case_setting(c, LJ_SETTING_V18_PEOPLE, INT32_MAX);
    int64_t each = lj_case_setting(c, LJ_SETTING_V18_EACH, INT32_MAX);
    if (!LJ_HAS(b, AUDIENCE) || !LJ_HAS(b, MODE))
        return;
    if (b->audience < fewest || b->audience > most)
        SAY(c, V18_RANGE, fewest, most, "/audience");
    else if (athletes > 0 && b->audience > each * athletes)
        SAY(c, V18_CROWD, b->audience, each, "/audience");
    if (on_site(b) && LJ_HAS(b, SITE) && b->site_capacity > 0 && b->audience > b->site_capacity &&
        b->audience <= most)
        SAY(c, V18_CAPACITY, b->audience, b->site_capacity, "/audience");
}

static void v20(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    if (!online(b))
        return;
    if (!LJ_HAS(b, URL) && !LJ_HAS(b, PLATFORM_ID))
        SAY(c, V20_LINK, 0, 0, "/url");
    if (LJ_HAS(b, AUDIENCE) && b->audience > 0 && !LJ_HAS(b, AUDIENCE_ONLINE))
        SAY(c, V20_AUDIENCE, 0, 0, "/audience");
}

static int has_guidance_content(const struct lj_body *b)
{
    static const char *const guiding[] = {"TEACH", "DEMO", "MATCH_PLAY", "TEST"};
    for (size_t g = 0; g < sizeof guiding / sizeof guiding[0]; g++)
        for (int i = 0; lj_content_words[i]; i++)
            if ((b->content >> i & 1U) && strcmp(lj_content_words[i], guiding[g]) == 0)
                return 1;
    return 0;
}

static void v21(struct lj_case *c)
{
    if (LJ_HAS(&c->body, CONTENT) && !has_guidance_content(&c->body))
        SAY(c, V21_TALK, c->body.terms->lecture_cap, 0, "/content");
}

static void v22(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    if (!LJ_HAS(b, START_AT))
        return;
    int32_t day = lj_local_day(b->start_us);
    if (LJ_HAS(b, ANCHOR) && !lj_anchors_holds(c->anchors, (enum lj_anchor)b->anchor, day))
        SAY(c, V22_OUTSIDE, 0, 0, "/anchor");
    else if (!LJ_HAS(b, ANCHOR) && !is_given(c, "anchor") && lj_anchors_of(c->anchors, day) >= 0)
        SAY(c, V22_UNTAGGED, 0, 0, "/anchor");
}

/* The lists of V23 are body.c's. */
static void v23(struct lj_case *c)
{
    static const char *const solemn[] = {"PARTY", "RED_EDU"};
    const struct lj_body *b = &c->body;
    uint64_t others = b->themes;
    for (int i = 0; lj_theme_words[i]; i++)
        for (size_t k = 0; k < sizeof solemn / sizeof solemn[0]; k++)
            if (strcmp(lj_theme_words[i], solemn[k]) == 0)
                others &= ~(UINT64_C(1) << i);
    if (LJ_HAS(b, THEMES) && b->themes && !others && LJ_HAS(b, GUIDANCE_MINUTES) &&
        b->guidance_minutes == 0)
        SAY(c, V23_SOLEMN, 0, 0, "/themes");
}

/* The last local day on which something about year y may be received: reports until 31 January,
 * changes until 7 February. */
static int is_closed(const struct lj_case *c, int year)
{
    int until = c->op == LJ_OP_REPORT ? LJ_LIMIT_REPORTS_UNTIL : LJ_LIMIT_CHANGES_UNTIL;
    int32_t last = lj_day_of(year + 1, until / 100, until % 100);
    return lj_local_day(c->event->received_at_us) > last;
}

/* A window takes the last day away, not the reason and not the year's end. */
static void v29_filing(struct lj_case *c, int64_t days)
{
    int64_t late = lj_case_setting(c, LJ_SETTING_V29_DAYS, INT64_MAX);
    int64_t most = lj_case_setting(c, LJ_SETTING_V29_LATE, INT64_MAX);
    if (days > most && !c->body.is_window)
        SAY(c, V29_WINDOW, days, most, "/start_at");
    else if (days > late && !LJ_HAS(&c->body, LATE_REASON))
        SAY(c, V29_REASON, days, 0, "/late_reason");
    else if (days > late)
        SAY(c, V29_LATE, days, 0, "/start_at");
}

static void v29(struct lj_case *c)
{
    int32_t received = lj_local_day(c->event->received_at_us);
    int new_year = -1, old_year = -1;
    if ((MAY(c->op) & BODIES) && LJ_HAS(&c->body, START_AT))
        new_year = lj_year_of(lj_local_day(c->body.start_us));
    if (c->op != LJ_OP_REPORT && c->current.known)
        old_year = lj_year_of(lj_local_day(c->current.start_us));
    if (c->current.opened && new_year == old_year)
        new_year = -1;
    if (new_year >= 0 && is_closed(c, new_year))
        SAY(c, V29_CLOSED, new_year, 0, "/start_at");
    else if (c->op == LJ_OP_REPORT && new_year >= 0)
        v29_filing(c, received - lj_local_day(c->body.start_us));
    if (old_year >= 0 && old_year != new_year && !c->current.opened && is_closed(c, old_year)) {
        c->found.prefix = "";
        SAY(c, V29_CLOSED, old_year, 0, "/activity");
    }
}

static void opening(struct lj_case *c)
{
    int year = lj_year_of(lj_local_day(c->current.start_us));
    lj_rule_opening(c, is_closed(c, year));
}

static void v31(struct lj_case *c)
{
    c->found.prefix = "";
    if (!c->has_activity)
        return;
    if (!c->current.known || c->current.unit != c->event->unit)
        SAY(c, V31_ACTIVITY, 0, 0, "/activity");
    else if (lj_case_state(c) == LJ_STATE_NONE)
        SAY(c, V31_STATE, 0, 0, "/activity");
    else if (c->has_base && c->base_version != c->current.version)
        SAY(c, V31_VERSION, c->current.version, 0, "/base_version");
}

static int is_theme(const struct lj_body *b, const char *word)
{
    for (int i = 0; lj_theme_words[i]; i++)
        if ((b->themes >> i & 1U) && strcmp(lj_theme_words[i], word) == 0)
            return 1;
    return 0;
}

/* Silent without both places; a team whose base is near says nothing about the others. */
static void v34(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    int64_t near = lj_case_setting(c, LJ_SETTING_V34_KM, INT64_MAX);
    if (!on_site(b) || !LJ_HAS(b, SITE) || b->site_lat > 90 || is_theme(b, "EVENT_LINKED") ||
        is_theme(b, "PAIRING_AID") || is_theme(b, "RURAL"))
        return;
    for (size_t i = 0; i < b->nteams; i++) {
        const struct lj_team_fact *t = &b->teams[i];
        if (!t->number || t->lat > 90)
            continue;
        int64_t km = lj_distance_km(t->lat, t->lon, b->site_lat, b->site_lon);
        if (km > near)
            SAY(c, V34_FAR, km, near, "/teams/%zu", i);
    }
}

static void v38(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    if (!on_site(b) || !LJ_HAS(b, SITE) || !LJ_HAS(b, START_AT) || b->site_region == 0)
        return;
    enum lj_region region = lj_region_on(b->site_region, lj_local_day(b->start_us));
    if (region == LJ_REGION_INVALID)
        SAY(c, V38_REGION, 0, 0, "/site");
    else if (region == LJ_REGION_CONDITIONAL && !is_served(b))
        SAY(c, V38_SERVED, 0, 0, "/served_name");
}

int64_t lj_case_order(const struct lj_case *c)
{
    static const uint64_t PRIME = UINT64_C(1099511628211), BASIS = UINT64_C(14695981039346656037);
    const struct lj_body *b = &c->body;
    uint64_t hash = BASIS; /* FNV-1a over the numbers */
    int64_t names = lj_case_setting(c, LJ_SETTING_V33_NAMES, INT64_MAX);
    if ((int64_t)b->nroster < names)
        return 0;
    for (size_t i = 0; i < b->nroster; i++)
        for (int byte = 0; byte < 4; byte++)
            hash = (hash ^ ((uint32_t)b->roster[i].person_no >> 8 * byte & 0xFFU)) * PRIME;
    return hash ? (int64_t)(hash & INT64_MAX) : 1;
}

int lj_case_legacy(const struct lj_case *c)
{
    int own = (MAY(c->op) & BODIES) != 0;
    int known = own ? LJ_HAS(&c->body, START_AT) != 0 : c->current.known;
    int64_t start_us = own ? c->body.start_us : c->current.start_us;
    int64_t first = lj_settings_number(c->settings, LJ_SETTING_V39_DAY, lj_local_day(start_us),
                                       c->event->position, 0);
    return known && first > 0 && lj_local_day(start_us) < lj_day_of_number((int)first);
}

static void v39(struct lj_case *c)
{
    if (lj_case_legacy(c))
        SAY(c, V39_LEGACY, 0, 0, "/start_at");
}

static const struct {
    const char *code;
    unsigned ops;
    void (*judge)(struct lj_case *c);
} rules[] = {
    {"V02", BODIES, v02},
    {"V03", BODIES, v03},
    {"V04", BODIES, v04},
    {"V05", BODIES, v05},
    {"V05", OWN, v05_closed},
    {"R08", BODIES | CHANGES, lj_rule_filler},
    {"V06", BODIES, v06},
    {"V07", BODIES, v07},
    {"V08", BODIES, v08},
    {"V11", BODIES, v11},
    {"V12", BODIES, v12},
    {"V13", BODIES, lj_rule_v13},
    {"V15", BODIES, lj_rule_v15},
    {"V16", BODIES, v16},
    {"V17", BODIES, lj_rule_v17},
    {"V18", BODIES, v18},
    {"V20", BODIES, v20},
    {"V21", BODIES, v21},
    {"V22", BODIES, v22},
    {"V23", BODIES, v23},
    {"V24", BODIES, lj_rule_v24},
    {"V25", BODIES, lj_rule_v25},
    {"V26", BODIES, lj_rule_v26},
    {"V28", BODIES, lj_rule_v28},
    {"V29", ALL & ~OPENINGS, v29},
    {"V34", BODIES, v34},
    {"V36", BODIES, lj_rule_v36},
    {"V37", BODIES, lj_rule_v37},
    {"V38", BODIES, v38},
    {"V39", BODIES, v39},
    {"V31", CHANGES, v31},
    {"X01-X18", BODIES, lj_rules_formal},
    {"V31, R01", REVIEWS, lj_rule_review},
    {"R06, R07", OPENINGS, opening},
};

void lj_case_judge(struct lj_case *c)
{
    if (!lj_tree_is(c->json, LJ_TREE_OBJECT))
        return;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        c->found.prefix = c->op == LJ_OP_CORRECT ? "/body" : "";
        if (rules[i].ops & MAY(c->op))
            rules[i].judge(c);
    }
    c->found.prefix = "";
}
