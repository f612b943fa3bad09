/* The body of a report.
 *
 * One table says everything about a member: its name, whether it is required, its shape and bounds,
 * where it goes. A reader a shape does the work; adding an optional member is adding a row (and its
 * line in proto/schemas). What is required or bounded by a rule with a code of its own (audience:
 * V18, site by mode: V12, ...) has no bound here: one fault, one reason.
 *
 * Structural faults are V01 with the JSON pointer. Reading goes on after one: members that are
 * right are kept and marked in `have`, and every rule looks at `have` first, so a filler gets all
 * reasons in one answer.
 *
 * Guarantees: no allocation by a size a client chose; arrays end at the limits of body.h; strings
 * stay in the JSON tree.
 */
#include "workers/validation/body.h"

#include <string.h>

#include "common/timefmt.h"
#include "workers/validation/body_part.h"
#include "workers/validation/text.h"

const char *const lj_mode_words[] = {"ONSITE", "LIVE", "RECORDED", "HYBRID", NULL};
const char *const lj_roster_role_words[] = {"INSTRUCT", "DEMO", "TALK", "SUPPORT", "ATTEND", NULL};
const char *const lj_content_words[] = {"TEACH", "DEMO",     "MATCH_PLAY", "LECTURE", "Q_A",
                                        "TEST",  "DONATION", "CEREMONY",   "OTHER",   NULL};
const char *const lj_theme_words[] = {
    "PARTY",        "IDEOLOGY_STYLE", "VOLUNTEER", "PAIRING_AID",    "RURAL", "RED_EDU",
    "EVENT_LINKED", "ANCHOR",         "BRAND",     "STUDY_TOGETHER", NULL};
static const char *const served_words[] = {"SCHOOL", "COMMUNITY", NULL};
static const char *const group_words[] = {"CHILD",          "TEEN",  "ADULT",  "ELDER",
                                          "DISABLED",       "WOMEN", "WORKER", "FARMER",
                                          "SOLDIER_FAMILY", "OTHER", NULL};
static const char *const direction_words[] = {"WHERE", "REGION", "KEY_GROUP", "STAGE", NULL};
static const char *const anchor_words[] = {
#define FIXED(word, first, month, day, before, after) #word,
#define LUNAR(word, first, month, day, before, after) #word,
#include "workers/runner/anchors.def"
#undef FIXED
#undef LUNAR
    NULL};

enum { REQUIRED = 1, LINES = 2, LINK = 4, TITLE = 8, LIST = 16 };

struct row;
/* Reads `value`, stores it in `body`, returns 1 if it is right; else adds reasons and returns 0. */
typedef int (*reader)(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                      struct lj_reasons *out);

struct row {
    const char *name;
    reader read;
    int flags;
    int64_t min, max;         /* text: characters; number: value; list: items */
    size_t at;                /* of the field in struct lj_body; NOWHERE: checked, not kept */
    const char *const *words; /* of an enum or a set */
};
enum { NOWHERE = 0 /* `have` is at 0, no field is */ };

static void *field(const struct row *row, struct lj_body *body)
{
    return row->at == NOWHERE ? NULL : (char *)body + row->at;
}

static int wrong_type(const struct row *row, struct lj_reasons *out)
{
    lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/%s", row->name);
    return 0;
}

static int is_bool(const struct lj_tree *value)
{
    return value->type == LJ_TREE_TRUE || value->type == LJ_TREE_FALSE;
}

int lj_word_place(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (words[i][0] == word[0] && strcmp(words[i], word) == 0)
            return i;
    return -1;
}

/* The clause that a text breaks, LJ_CLAUSES if it is right. Lengths are counted by V40; the title's
 * bounds are V01's own. */
static enum lj_clause text_fault(const struct lj_tree *value, int64_t min, int64_t max, int flags)
{
    struct lj_err err = {0};
    size_t n = 0;
    if (!lj_tree_is(value, LJ_TREE_TEXT))
        return LJ_CLAUSE_V01_TYPE;
    const char *text = lj_tree_text(value);
    size_t len = value->len;
    if (lj_text_has_control(text, len, flags & LINES))
        return LJ_CLAUSE_V01_CONTROL;
    if (lj_text_length(text, len, &n, &err) < 0 || (int64_t)n < min || (int64_t)n > max)
        return flags & TITLE ? LJ_CLAUSE_V01_LENGTH : LJ_CLAUSE_V40_LENGTH;
    return LJ_CLAUSES;
}

const char *lj_body_text(const struct lj_tree *value, const char *pointer, int64_t min, int64_t max,
                         int lines, struct lj_reasons *out)
{
    enum lj_clause fault = text_fault(value, min, max, lines ? LINES : 0);
    if (fault == LJ_CLAUSES)
        return lj_tree_text(value);
    lj_reasons_add(out, fault, min, max, "%s", pointer);
    return NULL;
}

static int read_text(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    const char **at = field(row, body);
    const char *text = lj_tree_text(value);
    enum lj_clause fault = text_fault(value, row->min, row->max, row->flags);
    if (fault == LJ_CLAUSES && (row->flags & LINK) && strncmp(text, "https://", 8) != 0 &&
        strncmp(text, "http://", 7) != 0)
        fault = LJ_CLAUSE_V01_LINK;
    if (fault != LJ_CLAUSES) {
        lj_reasons_add(out, fault, row->min, row->max, "/%s", row->name);
        return 0;
    }
    if (at)
        *at = text;
    return 1;
}

static int read_int(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                    struct lj_reasons *out)
{
    int64_t *at = field(row, body);
    if (!lj_tree_is(value, LJ_TREE_INT))
        return wrong_type(row, out);
    int64_t v = value->integer;
    if (v < row->min || v > row->max) {
        lj_reasons_add(out, LJ_CLAUSE_V01_RANGE, row->min, row->max, "/%s", row->name);
        return 0;
    }
    if (at)
        *at = v;
    return 1;
}

static int read_number(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                       struct lj_reasons *out)
{
    double *at = field(row, body);
    if (value->type != LJ_TREE_INT && value->type != LJ_TREE_REAL)
        return wrong_type(row, out);
    double v = value->real;
    if (v < (double)row->min || v > (double)row->max) {
        lj_reasons_add(out, LJ_CLAUSE_V01_RANGE, row->min, row->max, "/%s", row->name);
        return 0;
    }
    if (at)
        *at = v;
    return 1;
}

static int read_bool(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    int64_t *at = field(row, body);
    if (!is_bool(value))
        return wrong_type(row, out);
    if (at)
        *at = value->type == LJ_TREE_TRUE;
    return 1;
}

static int read_time(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    int64_t *at = field(row, body);
    struct lj_err err = {0};
    if (!lj_tree_is(value, LJ_TREE_TEXT))
        return wrong_type(row, out);
    if (lj_time_parse(lj_tree_text(value), value->len, at, &err) < 0) {
        lj_reasons_add(out, LJ_CLAUSE_V01_TIME, 0, 0, "/%s", row->name);
        return 0;
    }
    return 1;
}

static int read_word(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    int64_t *at = field(row, body);
    if (!lj_tree_is(value, LJ_TREE_TEXT))
        return wrong_type(row, out);
    int place = lj_word_place(row->words, lj_tree_text(value));
    if (place < 0) {
        lj_reasons_add(out, LJ_CLAUSE_V01_WORD, 0, 0, "/%s", row->name);
        return 0;
    }
    if (at)
        *at = place;
    return 1;
}

/* A list within its bounds, or a reason. */
static int is_list(const struct row *row, const struct lj_tree *value, struct lj_reasons *out)
{
    if (!lj_tree_is(value, LJ_TREE_ARRAY))
        return wrong_type(row, out);
    int64_t n = (int64_t)value->count;
    if (n >= row->min && n <= row->max)
        return 1;
    lj_reasons_add(out, LJ_CLAUSE_V01_COUNT, row->min, row->max, "/%s", row->name);
    return 0;
}

static int read_set(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                    struct lj_reasons *out)
{
    uint64_t *at = field(row, body), set = 0;
    int right = 1;
    if (!is_list(row, value, out))
        return 0;
    size_t i = 0;
    for (const struct lj_tree *v = value->first; v; v = v->next, i++) {
        const char *word = lj_tree_text(v);
        int place = word ? lj_word_place(row->words, word) : -1;
        enum lj_clause unknown = row->flags & LIST ? LJ_CLAUSE_V23_WORD : LJ_CLAUSE_V01_WORD;
        enum lj_clause clause = !word       ? LJ_CLAUSE_V01_TYPE
                                : place < 0 ? unknown
                                            : LJ_CLAUSE_V01_TWICE;
        if (place >= 0 && !(set >> place & 1U)) {
            set |= UINT64_C(1) << place;
            continue;
        }
        lj_reasons_add(out, clause, 0, 0, "/%s/%zu", row->name, i);
        right = 0;
    }
    if (right && at)
        *at = set;
    return right;
}

/* A list of texts that are checked, not kept. */
static int read_texts(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                      struct lj_reasons *out)
{
    enum { TEXT_MAX = 500 };
    (void)body;
    int right = is_list(row, value, out);
    size_t i = 0;
    for (const struct lj_tree *v = value->first; right && v; v = v->next, i++) {
        char pointer[64];
        (void)snprintf(pointer, sizeof pointer, "/%s/%zu", row->name, i);
        const char *text = lj_body_text(v, pointer, 1, TEXT_MAX, 0, out);
        right &= text != NULL;
    }
    return right;
}

static int read_attachments(const struct row *row, const struct lj_tree *value,
                            struct lj_body *body, struct lj_reasons *out)
{
    if (!lj_tree_is(value, LJ_TREE_ARRAY))
        return wrong_type(row, out);
    return lj_part_attachments(value, body, out);
}

static int read_risk(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    if (!lj_tree_is(value, LJ_TREE_OBJECT))
        return wrong_type(row, out);
    return lj_part_risk(value, &body->risk, out);
}

static int read_teams(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                      struct lj_reasons *out)
{
    if (!is_list(row, value, out))
        return 0;
    size_t i = 0;
    for (const struct lj_tree *v = value->first; v; v = v->next, i++) {
        const char *code = lj_tree_text(v);
        if (!code) {
            lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/teams/%zu", i);
            return 0;
        }
        body->teams[i].code = code;
    }
    body->nteams = value->count;
    return 1;
}

/* ---- the roster ---- */

static void read_code(const char *name, size_t i, const struct lj_tree *value, const char **at,
                      struct lj_reasons *out)
{
    *at = lj_tree_text(value);
    if (!*at)
        lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/roster/%zu/%s", i, name);
}

static void read_row_time(const char *name, size_t i, const struct lj_tree *value, int *has,
                          int64_t *at, struct lj_reasons *out)
{
    struct lj_err err = {0};
    if (!lj_tree_is(value, LJ_TREE_TEXT))
        lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/roster/%zu/%s", i, name);
    else if (lj_time_parse(lj_tree_text(value), value->len, at, &err) < 0)
        lj_reasons_add(out, LJ_CLAUSE_V01_TIME, 0, 0, "/roster/%zu/%s", i, name);
    else
        *has = 1;
}

static void read_row_role(size_t i, const struct lj_tree *value, struct lj_roster_row *r,
                          struct lj_reasons *out)
{
    const char *word = lj_tree_text(value);
    r->role = word ? lj_word_place(lj_roster_role_words, word) : -1;
    if (r->role < 0)
        lj_reasons_add(out, word ? LJ_CLAUSE_V01_WORD : LJ_CLAUSE_V01_TYPE, 0, 0,
                       "/roster/%zu/role", i);
}

static void read_row_minutes(size_t i, const struct lj_tree *value, struct lj_roster_row *r,
                             struct lj_reasons *out)
{
    enum {
        MINUTES_MAX = 10000
    }; /* more than 12 hours; what is too much for this activity is V11's */
    r->minutes = value->integer;
    r->has_minutes = lj_tree_is(value, LJ_TREE_INT) && r->minutes >= 0 && r->minutes <= MINUTES_MAX;
    if (!lj_tree_is(value, LJ_TREE_INT))
        lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/roster/%zu/minutes", i);
    else if (!r->has_minutes)
        lj_reasons_add(out, LJ_CLAUSE_V01_RANGE, 0, MINUTES_MAX, "/roster/%zu/minutes", i);
}

/* Members of a roster row; the first four are required. */
static const char *const row_names[] = {"person", "team", "role", "minutes", "in", "out", NULL};

static void read_roster_row(size_t i, const struct lj_tree *value, struct lj_roster_row *r,
                            struct lj_reasons *out)
{
    char parent[32];
    unsigned seen = 0;
    enum { REQUIRED_NAMES = 4 };
    r->role = -1;
    for (const struct lj_tree *v = value->first; v; v = v->next) {
        const char *name = v->name;
        int place = lj_word_place(row_names, name);
        seen |= place >= 0 ? 1U << place : 0;
        switch (place) {
        case 0:
            read_code(name, i, v, &r->person, out);
            break;
        case 1:
            read_code(name, i, v, &r->team, out);
            break;
        case 2:
            read_row_role(i, v, r, out);
            break;
        case 3:
            read_row_minutes(i, v, r, out);
            break;
        case 4:
            read_row_time(name, i, v, &r->has_in, &r->in_us, out);
            break;
        case 5:
            read_row_time(name, i, v, &r->has_out, &r->out_us, out);
            break;
        default:
            (void)snprintf(parent, sizeof parent, "/roster/%zu", i);
            lj_reasons_add_member(out, LJ_CLAUSE_V01_UNKNOWN, parent, name);
        }
    }
    for (size_t k = 0; k < REQUIRED_NAMES; k++)
        if (!(seen >> k & 1U))
            lj_reasons_add(out, LJ_CLAUSE_V01_MISSING, 0, 0, "/roster/%zu/%s", i, row_names[k]);
}

static int read_roster(const struct row *row, const struct lj_tree *value, struct lj_body *body,
                       struct lj_reasons *out)
{
    if (!is_list(row, value, out))
        return 0;
    size_t i = 0;
    body->nroster = value->count;
    for (const struct lj_tree *v = value->first; v; v = v->next, i++) {
        body->roster[i].role = -1;
        if (lj_tree_is(v, LJ_TREE_OBJECT))
            read_roster_row(i, v, &body->roster[i], out);
        else
            lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/roster/%zu", i);
    }
    return 1;
}

/* ---- the table ---- */

#define AT(f)      offsetof(struct lj_body, f)
#define SITE(kind) (UINT32_C(1) << LJ_SITE_##kind)
#define ANY        INT32_MAX /* bounded by a rule of its own */

/* clang-format off */
static const struct row table[LJ_MEMBERS] = {
    [LJ_M_TITLE] = {"title", read_text, REQUIRED | TITLE, 6, 60, AT(title), NULL},
    [LJ_M_MODE] = {"mode", read_word, REQUIRED, 0, 0, AT(mode), lj_mode_words},
    [LJ_M_START_AT] = {"start_at", read_time, REQUIRED, 0, 0, AT(start_us), NULL},
    [LJ_M_END_AT] = {"end_at", read_time, REQUIRED, 0, 0, AT(end_us), NULL},
    [LJ_M_BREAK_MINUTES] = {"break_minutes", read_int, REQUIRED, 0, 240, AT(break_minutes), NULL},
    [LJ_M_TEAMS] = {"teams", read_teams, REQUIRED, 0, LJ_TEAMS_MAX, NOWHERE, NULL},
    [LJ_M_ROSTER] = {"roster", read_roster, REQUIRED, 0, LJ_ROSTER_MAX, NOWHERE, NULL},
    [LJ_M_SERVED_BODY] = {"served_body", read_word, REQUIRED, 0, 0, AT(served_body), served_words},
    [LJ_M_AUDIENCE] = {"audience", read_int, REQUIRED, -ANY, ANY, AT(audience), NULL},
    [LJ_M_CONTENT] = {"content", read_set, REQUIRED, 1, 9, AT(content), lj_content_words},
    [LJ_M_GUIDANCE_MINUTES] = {"guidance_minutes", read_int, REQUIRED, 0, ANY, AT(guidance_minutes), NULL},
    [LJ_M_FEE_CHARGED] = {"fee_charged", read_bool, REQUIRED, 0, 0, AT(fee_charged), NULL},
    [LJ_M_SITE] = {"site", read_text, 0, 1, 60, AT(site), NULL},
    [LJ_M_PLATFORM] = {"platform", read_text, 0, 1, 40, AT(platform), NULL},
    [LJ_M_PLATFORM_ID] = {"platform_id", read_text, 0, 1, 100, AT(platform_id), NULL},
    [LJ_M_URL] = {"url", read_text, LINK, 8, 500, AT(url), NULL},
    [LJ_M_SERVED_NAME] = {"served_name", read_text, 0, 2, 80, AT(served_name), NULL},
    [LJ_M_SERVED_SITE] = {"served_site", read_text, 0, 1, 60, AT(served_site), NULL},
    [LJ_M_SCHOOL_APPROVAL_NO] = {"school_approval_no", read_text, 0, 1, 40, NOWHERE, NULL},
    [LJ_M_AUDIENCE_ONLINE] = {"audience_online", read_int, 0, 0, 10000000, AT(audience_online), NULL},
    [LJ_M_LESSON_COUNT] = {"lesson_count", read_int, 0, 0, 20000, AT(lesson_count), NULL},
    [LJ_M_AUDIENCE_GROUPS] = {"audience_groups", read_set, LIST, 0, 10, AT(audience_groups), group_words},
    [LJ_M_THEMES] = {"themes", read_set, LIST, 0, 10, AT(themes), lj_theme_words},
    [LJ_M_FOUR_DIRECTIONS] = {"four_directions", read_set, 0, 0, 4, AT(four_directions), direction_words},
    [LJ_M_ANCHOR] = {"anchor", read_word, 0, 0, 0, AT(anchor), anchor_words},
    [LJ_M_RISK] = {"risk", read_risk, 0, 0, 0, NOWHERE, NULL},
    [LJ_M_COST_YUAN] = {"cost_yuan", read_number, 0, -9999999999, 9999999999, AT(cost_yuan), NULL},
    [LJ_M_STAFF_COUNT] = {"staff_count", read_int, 0, 0, 500, AT(staff_count), NULL},
    [LJ_M_TRAVEL_MINUTES] = {"travel_minutes", read_int, 0, 0, 2880, AT(travel_minutes), NULL},
    [LJ_M_SPONSOR] = {"sponsor", read_text, 0, 1, 60, NOWHERE, NULL},
    [LJ_M_MEDIA_LINKS] = {"media_links", read_texts, 0, 0, 10, NOWHERE, NULL},
    [LJ_M_ATTACHMENTS] = {"attachments", read_attachments, 0, 0, LJ_PHOTOS_MAX, NOWHERE, NULL},
    [LJ_M_NARRATIVE] = {"narrative", read_text, LINES, 0, 2000, AT(narrative), NULL},
    [LJ_M_LATE_REASON] = {"late_reason", read_text, LINES, 10, 500, AT(late_reason), NULL},
    [LJ_M_SERIES_ID] = {"series_id", read_text, 0, 1, 40, NOWHERE, NULL},
};
/* clang-format on */

static int find(const char *name)
{
    for (int i = 0; i < LJ_MEMBERS; i++)
        if (table[i].name[0] == name[0] && strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

const struct lj_policy_terms lj_terms_shipped = {
    .lecture_cap = LJ_LIMIT_LECTURE_CAP,
    .presence_bp = LJ_LIMIT_PRESENCE_BP,
    .guidance_bp = LJ_LIMIT_GUIDANCE_BP,
    .sites_counted = SITE(PRIMARY) | SITE(MIDDLE) | SITE(SENIOR) | SITE(NINE_YEAR) |
                     SITE(SPECIAL_ED) | SITE(VOCATIONAL) | SITE(COMMUNITY) | SITE(VILLAGE) |
                     SITE(ELDER_CARE) | SITE(ELDER_UNIV),
    .sites_conditional = SITE(PARK) | SITE(STADIUM) | SITE(TRAINING_BASE),
};

static size_t items(const struct lj_tree *list)
{
    return lj_tree_is(list, LJ_TREE_ARRAY) ? list->count : 0;
}

/* Members that are there, whether right or not. */
static void read_members(const struct lj_tree *json, struct lj_body *ret, struct lj_reasons *out)
{
    uint64_t seen = 0;
    for (const struct lj_tree *value = json->first; value; value = value->next) {
        const char *name = value->name;
        int i = find(name);
        if (i < 0) {
            lj_reasons_add_member(out, LJ_CLAUSE_V01_UNKNOWN, "", name);
            continue;
        }
        seen |= UINT64_C(1) << i;
        if (table[i].read(&table[i], value, ret, out))
            ret->have |= UINT64_C(1) << i;
    }
    for (int i = 0; i < LJ_MEMBERS; i++)
        if ((table[i].flags & REQUIRED) && !(seen >> i & 1U))
            lj_reasons_add(out, LJ_CLAUSE_V01_MISSING, 0, 0, "/%s", table[i].name);
}

void lj_body_read(const struct lj_tree *json, struct lj_body *ret, struct lj_reasons *out)
{
    /* The big arrays are cleared row by row as they are filled: a batch has many bodies and most
     * rosters are short. */
    size_t used_roster = 0, used_teams = 0;
    memset(ret, 0, offsetof(struct lj_body, photos));
    ret->site_no = ret->site_region = 0;
    ret->site_kind = ret->served_site_kind = ret->is_holiday = 0;
    ret->site_entry = ret->served_entry = 0;
    ret->terms = &lj_terms_shipped;
    ret->review = LJ_REVIEW_NONE;
    if (!lj_tree_is(json, LJ_TREE_OBJECT)) {
        lj_reasons_add(out, LJ_CLAUSE_V01_JSON, 0, 0, "%s", "");
        return;
    }
    used_teams = items(lj_tree_get(json, "teams"));
    used_roster = items(lj_tree_get(json, "roster"));
    memset(ret->teams, 0,
           (used_teams < LJ_TEAMS_MAX ? used_teams : LJ_TEAMS_MAX) * sizeof ret->teams[0]);
    memset(ret->roster, 0,
           (used_roster < LJ_ROSTER_MAX ? used_roster : LJ_ROSTER_MAX) * sizeof ret->roster[0]);
    read_members(json, ret, out);
    if (LJ_HAS(ret, LESSON_COUNT) && LJ_HAS(ret, AUDIENCE) && ret->lesson_count > ret->audience &&
        ret->audience >= 0)
        lj_reasons_add(out, LJ_CLAUSE_V01_RANGE, 0, ret->audience, "/lesson_count");
}
