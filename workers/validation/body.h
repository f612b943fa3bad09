/* The body of a report: what a payload of activity.submitted (or the new body of
 * activity.corrected) says, member by member. */
#ifndef LJ_WORKERS_VALIDATION_BODY_H
#define LJ_WORKERS_VALIDATION_BODY_H

#include <stdint.h>

#include "workers/runner/lookup.h"
#include "workers/runner/tree.h"
#include "workers/validation/reasons.h"

enum {
    LJ_TEAMS_MAX = 8, /* source: the field's entity activity, teams[] 1..8 */
    LJ_PHOTOS_MAX = 9,
    LJ_PHOTO_HASH = 64, /* hexadecimal digits of SHA-256 */
    LJ_ROSTER_MAX =
        150, /* rows: at most 97 bytes each in the short result, which may have 16 KiB */
};

/* Members of a body, in the order of the table in body.c; each is a bit of `have`. */
enum lj_member {
    LJ_M_TITLE,
    LJ_M_MODE,
    LJ_M_START_AT,
    LJ_M_END_AT,
    LJ_M_BREAK_MINUTES,
    LJ_M_TEAMS,
    LJ_M_ROSTER,
    LJ_M_SERVED_BODY,
    LJ_M_AUDIENCE,
    LJ_M_CONTENT,
    LJ_M_GUIDANCE_MINUTES,
    LJ_M_FEE_CHARGED,
    LJ_M_SITE,
    LJ_M_PLATFORM,
    LJ_M_PLATFORM_ID,
    LJ_M_URL,
    LJ_M_SERVED_NAME,
    LJ_M_SERVED_SITE,
    LJ_M_SCHOOL_APPROVAL_NO,
    LJ_M_AUDIENCE_ONLINE,
    LJ_M_LESSON_COUNT,
    LJ_M_AUDIENCE_GROUPS,
    LJ_M_THEMES,
    LJ_M_FOUR_DIRECTIONS,
    LJ_M_ANCHOR,
    LJ_M_RISK,
    LJ_M_COST_YUAN,
    LJ_M_STAFF_COUNT,
    LJ_M_TRAVEL_MINUTES,
    LJ_M_SPONSOR,
    LJ_M_MEDIA_LINKS,
    LJ_M_ATTACHMENTS,
    LJ_M_NARRATIVE,
    LJ_M_LATE_REASON,
    LJ_M_SERIES_ID,
    LJ_MEMBERS
};

enum lj_mode { LJ_MODE_ONSITE, LJ_MODE_LIVE, LJ_MODE_RECORDED, LJ_MODE_HYBRID };
extern const char *const lj_mode_words[];
enum lj_roster_role {
    LJ_ROLE_INSTRUCT,
    LJ_ROLE_DEMO,
    LJ_ROLE_TALK,
    LJ_ROLE_SUPPORT,
    LJ_ROLE_ATTEND
};
extern const char *const lj_roster_role_words[];
extern const char *const lj_content_words[];
extern const char *const lj_theme_words[];

/* A team of the report. The second half are facts of the registers, filled later (facts.h). */
struct lj_team_fact {
    const char *code;                    /* in the JSON */
    uint32_t entry;                      /* of the lookup */
    int32_t number;                      /* 0: not in the register */
    int active;                          /* on the activity's day */
    int in_subtree;                      /* of the reporting unit */
    double lat, lon;                     /* of its base; LJ_DEGREES_NONE: not known */
    const struct lj_policy_terms *terms; /* of its policy on that day, or the defaults */
};

struct lj_roster_row {
    const char *person, *team; /* codes in the JSON; NULL where missing or malformed */
    int role;                  /* enum lj_roster_role, -1 unknown */
    int has_minutes, has_in, has_out;
    int64_t minutes, in_us, out_us;
    /* facts */
    uint32_t person_entry, team_entry;
    int32_t person_no, team_no;
    int member_role, member_status; /* of the row's team on that day; 0: no member */
    int birth_year;                 /* 0: not known */
    int injured;                    /* an exemption for an injury holds that day */
};

/* An attachment that says what it is; one that is a mere reference is not kept. */
struct lj_photo {
    size_t place; /* in /attachments */
    const char *hash;
    const char *sight; /* 16 hexadecimal digits of a perceptual hash; NULL: none */
    int64_t bytes, taken_us;
    int has_bytes, has_taken, minors, consent;
};

/* Colours of a weather alert, mildest first; 0: none. */
extern const char *const lj_alert_words[];

struct lj_risk {
    int outdoor, alert, has_celsius, has_note;
    int64_t celsius;
};

struct lj_body {
    uint64_t have; /* bits of enum lj_member: present and well-formed */
    const char *title, *site, *platform, *platform_id, *url, *served_name, *served_site, *narrative,
        *late_reason;
    int64_t mode, served_body, anchor, start_us, end_us, break_minutes, audience, guidance_minutes,
        fee_charged;
    int64_t audience_online, lesson_count, staff_count, travel_minutes;
    double cost_yuan;
    uint64_t content, audience_groups, themes,
        four_directions; /* sets: bit = place in the list of words */
    struct lj_risk risk;
    size_t nphotos, nteams, nroster;
    struct lj_photo photos[LJ_PHOTOS_MAX];
    struct lj_team_fact teams[LJ_TEAMS_MAX];
    struct lj_roster_row roster[LJ_ROSTER_MAX];
    /* facts */
    uint32_t site_entry, served_entry;
    int32_t site_no;
    int site_kind, served_site_kind; /* enum lj_site_kind, 0: not in the register */
    int32_t site_region;             /* 0: not known */
    int32_t site_capacity;           /* people, 0: not known */
    int is_window;                   /* for late reports: open on the day of receipt */
    int is_holiday;                  /* a public one, by the calendar's register */
    double site_lat, site_lon;
    const struct lj_policy_terms *terms; /* of the activity as a whole */
    enum lj_review review;
};

#define LJ_HAS(body, member) (((body)->have >> (LJ_M_##member)) & 1U)

/* Reads a body. Everything structural that is wrong is a V01 reason; the members that are
 * well-formed are kept, so that the other rules can say at once what they have to say. owner:
 * strings point into `json`, which must live as long as the body */
void lj_body_read(const struct lj_tree *json, struct lj_body *ret, struct lj_reasons *out);

/* A text member on its own: the same checks, for members outside a body. lines: newlines and tabs
 * are allowed. Returns NULL (with a reason) when it is not right. */
const char *lj_body_text(const struct lj_tree *value, const char *pointer, int64_t min, int64_t max,
                         int lines, struct lj_reasons *out);

/* The numbers of limits.def. */
enum lj_limit {
#define LIMIT(name, value, what) LJ_LIMIT_##name = (value),
#include "workers/validation/limits.def"
#undef LIMIT
};
/* The terms that hold without a policy. */
extern const struct lj_policy_terms lj_terms_shipped;

#endif
