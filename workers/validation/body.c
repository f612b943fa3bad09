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
static const char *const anchor_words[] = {"A0610", "A0808", "CHONGYANG", NULL};

enum { REQUIRED = 1, LINES = 2, LINK = 4 };

struct row;
/* Reads `value`, stores it in `body`, returns 1 if it is right; else adds reasons and returns 0. */
typedef int (*reader)(const struct row *row, json_t *value, struct lj_body *body,
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

/* Place of a word in a list, -1 if it is not there. */
static int word_place(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

const char *lj_body_text(json_t *value, const char *pointer, int64_t min, int64_t max, int lines,
                         struct lj_reasons *out)
{
    if (!json_is_string(value)) {
        lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "%s", pointer);
        return NULL;
    }
    const char *text = json_string_value(value);
    size_t len = json_string_length(value), n = 0;
    struct lj_err err = {0};
    if (lj_text_has_control(text, len, lines)) {
        lj_reasons_add(out, LJ_CLAUSE_V01_CONTROL, 0, 0, "%s", pointer);
        return NULL;
    }
    if (lj_text_length(text, len, &n, &err) < 0 || (int64_t)n < min || (int64_t)n > max) {
        lj_reasons_add(out, LJ_CLAUSE_V01_LENGTH, min, max, "%s", pointer);
        return NULL;
    }
    return text;
}

static int read_text(const struct row *row, json_t *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    char pointer[64] = "/";
    const char **at = field(row, body);
    strncat(pointer, row->name, sizeof pointer - 2);
    const char *text = lj_body_text(value, pointer, row->min, row->max, row->flags & LINES, out);
    if (text && (row->flags & LINK) && strncmp(text, "https://", 8) != 0 &&
        strncmp(text, "http://", 7) != 0) {
        lj_reasons_add(out, LJ_CLAUSE_V01_LINK, 0, 0, "%s", pointer);
        text = NULL;
    }
    if (text && at)
        *at = text;
    return text != NULL;
}

static int read_int(const struct row *row, json_t *value, struct lj_body *body,
                    struct lj_reasons *out)
{
    int64_t *at = field(row, body);
    if (!json_is_integer(value))
        return wrong_type(row, out);
    int64_t v = json_integer_value(value);
    if (v < row->min || v > row->max) {
        lj_reasons_add(out, LJ_CLAUSE_V01_RANGE, row->min, row->max, "/%s", row->name);
        return 0;
    }
    if (at)
        *at = v;
    return 1;
}

static int read_number(const struct row *row, json_t *value, struct lj_body *body,
                       struct lj_reasons *out)
{
    double *at = field(row, body);
    if (!json_is_number(value))
        return wrong_type(row, out);
    double v = json_number_value(value);
    if (v < (double)row->min || v > (double)row->max) {
        lj_reasons_add(out, LJ_CLAUSE_V01_RANGE, row->min, row->max, "/%s", row->name);
        return 0;
    }
    if (at)
        *at = v;
    return 1;
}

static int read_bool(const struct row *row, json_t *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    int64_t *at = field(row, body);
    if (!json_is_boolean(value))
        return wrong_type(row, out);
    if (at)
        *at = json_is_true(value);
    return 1;
}

static int read_time(const struct row *row, json_t *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    int64_t *at = field(row, body);
    struct lj_err err = {0};
    if (!json_is_string(value))
        return wrong_type(row, out);
    if (lj_time_parse(json_string_value(value), json_string_length(value), at, &err) < 0) {
        lj_reasons_add(out, LJ_CLAUSE_V01_TIME, 0, 0, "/%s", row->name);
        return 0;
    }
    return 1;
}

static int read_word(const struct row *row, json_t *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    int64_t *at = field(row, body);
    if (!json_is_string(value))
        return wrong_type(row, out);
    int place = word_place(row->words, json_string_value(value));
    if (place < 0) {
        lj_reasons_add(out, LJ_CLAUSE_V01_WORD, 0, 0, "/%s", row->name);
        return 0;
    }
    if (at)
        *at = place;
    return 1;
}

/* A list within its bounds, or a reason. */
static int is_list(const struct row *row, json_t *value, struct lj_reasons *out)
{
    if (!json_is_array(value))
        return wrong_type(row, out);
    int64_t n = (int64_t)json_array_size(value);
    if (n >= row->min && n <= row->max)
        return 1;
    lj_reasons_add(out, LJ_CLAUSE_V01_COUNT, row->min, row->max, "/%s", row->name);
    return 0;
}

static int read_set(const struct row *row, json_t *value, struct lj_body *body,
                    struct lj_reasons *out)
{
    uint64_t *at = field(row, body), set = 0;
    int right = 1;
    if (!is_list(row, value, out))
        return 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *word = json_string_value(json_array_get(value, i));
        int place = word ? word_place(row->words, word) : -1;
        enum lj_clause clause = !word       ? LJ_CLAUSE_V01_TYPE
                                : place < 0 ? LJ_CLAUSE_V01_WORD
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

/* A list of texts that are checked, not kept: links, attachments. */
static int read_texts(const struct row *row, json_t *value, struct lj_body *body,
                      struct lj_reasons *out)
{
    enum { TEXT_MAX = 500 };
    (void)body;
    int right = is_list(row, value, out);
    for (size_t i = 0; right && i < json_array_size(value); i++) {
        char pointer[64];
        (void)snprintf(pointer, sizeof pointer, "/%s/%zu", row->name, i);
        const char *text = lj_body_text(json_array_get(value, i), pointer, 1, TEXT_MAX, 0, out);
        right &= text != NULL;
    }
    return right;
}

static int read_risk(const struct row *row, json_t *value, struct lj_body *body,
                     struct lj_reasons *out)
{
    const char *name;
    json_t *v;
    int right = 1;
    (void)body;
    if (!json_is_object(value))
        return wrong_type(row, out);
    json_object_foreach(value, name, v)
    {
        if (strcmp(name, "insurance") == 0 || strcmp(name, "medic") == 0) {
            if (json_is_boolean(v))
                continue;
            lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/risk/%s", name);
        } else if (strcmp(name, "plan_ref") == 0) {
            if (lj_body_text(v, "/risk/plan_ref", 1, 40, 0, out))
                continue;
        } else {
            lj_reasons_add_member(out, LJ_CLAUSE_V01_UNKNOWN, "/risk", name);
        }
        right = 0;
    }
    return right;
}

static int read_teams(const struct row *row, json_t *value, struct lj_body *body,
                      struct lj_reasons *out)
{
    if (!is_list(row, value, out))
        return 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *code = json_string_value(json_array_get(value, i));
        if (!code) {
            lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/teams/%zu", i);
            return 0;
        }
        body->teams[i].code = code;
    }
    body->nteams = json_array_size(value);
    return 1;
}

/* ---- the roster ---- */

static void read_code(const char *name, size_t i, json_t *value, const char **at,
                      struct lj_reasons *out)
{
    *at = json_string_value(value);
    if (!*at)
        lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/roster/%zu/%s", i, name);
}

static void read_row_time(const char *name, size_t i, json_t *value, int *has, int64_t *at,
                          struct lj_reasons *out)
{
    struct lj_err err = {0};
    if (!json_is_string(value))
        lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/roster/%zu/%s", i, name);
    else if (lj_time_parse(json_string_value(value), json_string_length(value), at, &err) < 0)
        lj_reasons_add(out, LJ_CLAUSE_V01_TIME, 0, 0, "/roster/%zu/%s", i, name);
    else
        *has = 1;
}

static void read_row_role(size_t i, json_t *value, struct lj_roster_row *r, struct lj_reasons *out)
{
    const char *word = json_string_value(value);
    r->role = word ? word_place(lj_roster_role_words, word) : -1;
    if (r->role < 0)
        lj_reasons_add(out, word ? LJ_CLAUSE_V01_WORD : LJ_CLAUSE_V01_TYPE, 0, 0,
                       "/roster/%zu/role", i);
}

static void read_row_minutes(size_t i, json_t *value, struct lj_roster_row *r,
                             struct lj_reasons *out)
{
    enum {
        MINUTES_MAX = 10000
    }; /* more than 12 hours; what is too much for this activity is V11's */
    r->minutes = json_integer_value(value);
    r->has_minutes = json_is_integer(value) && r->minutes >= 0 && r->minutes <= MINUTES_MAX;
    if (!json_is_integer(value))
        lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/roster/%zu/minutes", i);
    else if (!r->has_minutes)
        lj_reasons_add(out, LJ_CLAUSE_V01_RANGE, 0, MINUTES_MAX, "/roster/%zu/minutes", i);
}

/* Members of a roster row; the first four are required. */
static const char *const row_names[] = {"person", "team", "role", "minutes", "in", "out", NULL};

static void read_roster_row(size_t i, json_t *value, struct lj_roster_row *r,
                            struct lj_reasons *out)
{
    const char *name;
    json_t *v;
    char parent[32];
    enum { REQUIRED_NAMES = 4 };
    r->role = -1;
    (void)snprintf(parent, sizeof parent, "/roster/%zu", i);
    for (size_t k = 0; k < REQUIRED_NAMES; k++)
        if (!json_object_get(value, row_names[k]))
            lj_reasons_add(out, LJ_CLAUSE_V01_MISSING, 0, 0, "%s/%s", parent, row_names[k]);
    json_object_foreach(value, name, v)
    {
        switch (word_place(row_names, name)) {
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
            lj_reasons_add_member(out, LJ_CLAUSE_V01_UNKNOWN, parent, name);
        }
    }
}

static int read_roster(const struct row *row, json_t *value, struct lj_body *body,
                       struct lj_reasons *out)
{
    if (!is_list(row, value, out))
        return 0;
    body->nroster = json_array_size(value);
    for (size_t i = 0; i < body->nroster; i++) {
        json_t *v = json_array_get(value, i);
        body->roster[i].role = -1;
        if (json_is_object(v))
            read_roster_row(i, v, &body->roster[i], out);
        else
            lj_reasons_add(out, LJ_CLAUSE_V01_TYPE, 0, 0, "/roster/%zu", i);
    }
    return 1;
}

/* ---- the table ---- */

#define AT(f) offsetof(struct lj_body, f)
#define ANY   INT32_MAX /* bounded by a rule of its own */

/* clang-format off */
static const struct row table[LJ_MEMBERS] = {
    [LJ_M_TITLE] = {"title", read_text, REQUIRED, 6, 60, AT(title), NULL},
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
    [LJ_M_AUDIENCE_GROUPS] = {"audience_groups", read_set, 0, 0, 10, AT(audience_groups), group_words},
    [LJ_M_THEMES] = {"themes", read_set, 0, 0, 10, AT(themes), lj_theme_words},
    [LJ_M_FOUR_DIRECTIONS] = {"four_directions", read_set, 0, 0, 4, AT(four_directions), direction_words},
    [LJ_M_ANCHOR] = {"anchor", read_word, 0, 0, 0, NOWHERE, anchor_words},
    [LJ_M_RISK] = {"risk", read_risk, 0, 0, 0, NOWHERE, NULL},
    [LJ_M_COST_YUAN] = {"cost_yuan", read_number, 0, -9999999999, 9999999999, AT(cost_yuan), NULL},
    [LJ_M_STAFF_COUNT] = {"staff_count", read_int, 0, 0, 500, AT(staff_count), NULL},
    [LJ_M_TRAVEL_MINUTES] = {"travel_minutes", read_int, 0, 0, 2880, AT(travel_minutes), NULL},
    [LJ_M_SPONSOR] = {"sponsor", read_text, 0, 1, 60, NOWHERE, NULL},
    [LJ_M_MEDIA_LINKS] = {"media_links", read_texts, 0, 0, 10, NOWHERE, NULL},
    [LJ_M_ATTACHMENTS] = {"attachments", read_texts, 0, 0, 9, NOWHERE, NULL},
    [LJ_M_NARRATIVE] = {"narrative", read_text, LINES, 0, 2000, AT(narrative), NULL},
    [LJ_M_LATE_REASON] = {"late_reason", read_text, LINES, 10, 500, AT(late_reason), NULL},
    [LJ_M_SERIES_ID] = {"series_id", read_text, 0, 1, 40, NOWHERE, NULL},
};
/* clang-format on */

static int find(const char *name)
{
    for (int i = 0; i < LJ_MEMBERS; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

void lj_body_read(json_t *json, struct lj_body *ret, struct lj_reasons *out)
{
    const char *name;
    json_t *value;
    /* The big arrays are cleared row by row as they are filled: a batch has many bodies and most
     * rosters are short. */
    size_t used_roster = 0, used_teams = 0;
    memset(ret, 0, offsetof(struct lj_body, teams));
    ret->site_no = 0;
    ret->site_kind = ret->served_site_kind = 0;
    if (!json_is_object(json)) {
        lj_reasons_add(out, LJ_CLAUSE_V01_JSON, 0, 0, "%s", "");
        return;
    }
    used_teams = json_array_size(json_object_get(json, "teams"));
    used_roster = json_array_size(json_object_get(json, "roster"));
    memset(ret->teams, 0,
           (used_teams < LJ_TEAMS_MAX ? used_teams : LJ_TEAMS_MAX) * sizeof ret->teams[0]);
    memset(ret->roster, 0,
           (used_roster < LJ_ROSTER_MAX ? used_roster : LJ_ROSTER_MAX) * sizeof ret->roster[0]);
    for (int i = 0; i < LJ_MEMBERS; i++)
        if ((table[i].flags & REQUIRED) && !json_object_get(json, table[i].name))
            lj_reasons_add(out, LJ_CLAUSE_V01_MISSING, 0, 0, "/%s", table[i].name);
    json_object_foreach(json, name, value)
    {
        int i = find(name);
        if (i < 0)
            lj_reasons_add_member(out, LJ_CLAUSE_V01_UNKNOWN, "", name);
        else if (table[i].read(&table[i], value, ret, out))
            ret->have |= UINT64_C(1) << i;
    }
    if (LJ_HAS(ret, LESSON_COUNT) && LJ_HAS(ret, AUDIENCE) && ret->lesson_count > ret->audience &&
        ret->audience >= 0)
        lj_reasons_add(out, LJ_CLAUSE_V01_RANGE, 0, ret->audience, "/lesson_count");
}
