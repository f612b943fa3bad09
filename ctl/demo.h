/* The demonstration: a synthetic world, a burst of reports about it, and what must come of them.
 *
 * Everything is computed from (seed, generation, clock at the start): who exists, what is reported,
 * and by the field's own rules what must be accepted, rejected, credited, flagged and mailed. The
 * database is asked only at the end, and for nothing but what it holds. */
#ifndef LJ_CTL_DEMO_H
#define LJ_CTL_DEMO_H

#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"
#include "ctl/units.h"

enum {
    DEMO_UNITS_MAX = 64,
    DEMO_SITE_UNIVERSITY = 0, /* the first places of each unit's sites */
    DEMO_SITE_PARK = 1,
    DEMO_SITE_NOWHERE = 2, /* a region that no province has */
    DEMO_SITE_GOOD = 3,    /* from here on sites that count */
    DEMO_QUIET_REPORTS = 3,
    DEMO_REPORTS_MIN = 200,
    DEMO_REPORTS_MAX = 100000,
};
#define DEMO_NONE UINT32_MAX

/* A small generator of its own: the same numbers on every machine. */
struct demo_rand {
    uint64_t state;
};
struct demo_rand demo_rand_of(uint64_t seed, uint64_t stream, uint64_t index);
uint64_t demo_next(struct demo_rand *r);
uint32_t demo_below(struct demo_rand *r, uint32_t n); /* 0..n-1; 0 for n = 0 */

/* ---- the world (demo_world.c) ---- */

enum demo_status { DEMO_FORMAL, DEMO_TRIAL, DEMO_TRAINEE, DEMO_RETIRED, DEMO_COACH, DEMO_JUNIOR };

struct demo_person {
    uint16_t unit;  /* index in units */
    uint8_t junior; /* under 18 */
    int32_t
        entry; /* first day with a counted status in any team, days since 1970; INT32_MAX = none */
};
struct demo_member {
    uint32_t person, team;
    uint8_t status; /* enum demo_status */
    int32_t from;   /* first day, days since 1970 */
};
struct demo_team {
    uint16_t unit;
    uint8_t quiet;         /* too few reports ever to meet a duty: corrections go to these */
    uint8_t reports;       /* of a quiet team, so far */
    uint32_t first, count; /* its members */
    uint32_t guests;       /* of these, persons of other units, at the end before the coach */
};
struct demo_world {
    uint64_t seed;
    int generation;
    int64_t now_us; /* wall clock at the start */
    int32_t today;  /* local day, days since 1970 */
    struct lj_unit *units;
    size_t nunits;
    struct demo_team *teams;
    struct demo_person *persons;
    struct demo_member *members;
    size_t nteams, npersons, nmembers, sites_per_unit;
};

/* One register event. */
struct demo_event {
    uint8_t id[16];
    const char *type, *unit;
};
/* reports: sizes follow from it. The caller frees with demo_world_free. */
LJ_MUST int demo_world_make(uint64_t seed, int generation, size_t reports, int64_t now_us,
                            struct demo_world *ret, struct lj_err *err);
void demo_world_free(struct demo_world *w);
/* Number of register events: first those that stand alone, from *ret_dependent on memberships. */
size_t demo_world_events(const struct demo_world *w, size_t *ret_dependent);
/* Event i and its payload. */
void demo_world_event(const struct demo_world *w, size_t i, struct demo_event *ret,
                      struct lj_buf *payload);
/* Bounds of the ids of the world's events, and of the burst's. */
void demo_ids(const struct demo_world *w, int burst, uint8_t lo[16], uint8_t hi[16]);
void demo_id(const struct demo_world *w, int burst, uint64_t index, uint8_t ret[16]);

/* ---- texts (demo_text.c) ---- */
void demo_person_name(uint64_t seed, uint64_t index, char out[64]);
void demo_team_name(const struct demo_world *w, uint32_t team, char out[128]);
const char *demo_team_sport(const struct demo_world *w, uint32_t team);
void demo_site_name(const struct demo_world *w, uint32_t site, char out[128]);
const char *demo_site_kind(const struct demo_world *w, uint32_t site);
int demo_site_is_school(const struct demo_world *w, uint32_t site);
void demo_title(const struct demo_world *w, uint32_t team, int64_t site, uint64_t n, char out[256]);
void demo_narrative(uint64_t n, struct lj_buf *out);
/* A host's or pupil's word, with a risk in it or with one that is denied or negated. */
const char *demo_feedback_text(int risky, uint64_t n);

/* ---- the burst (demo_reports.c, demo_faults.c, demo_json.c) ---- */

enum demo_op { DEMO_REPORT, DEMO_SAME, DEMO_OTHER, DEMO_CORRECT, DEMO_WITHDRAW, DEMO_FEEDBACK };
enum demo_verdict { DEMO_CLEAN, DEMO_WARNED, DEMO_REJECTED };
enum demo_mode { DEMO_ONSITE, DEMO_LIVE, DEMO_RECORDED, DEMO_HYBRID };
enum demo_content {
    DEMO_C_TEACH = 1,
    DEMO_C_DEMO = 2,
    DEMO_C_MATCH = 4,
    DEMO_C_LECTURE = 8,
    DEMO_C_QA = 16,
    DEMO_C_TEST = 32,
    DEMO_C_DONATION = 64
};
enum { DEMO_GUIDING = DEMO_C_TEACH | DEMO_C_DEMO | DEMO_C_MATCH | DEMO_C_TEST };
enum {
    DEMO_T_PARTY = 1,
    DEMO_T_VOLUNTEER = 2,
    DEMO_T_RURAL = 4,
    DEMO_T_RED = 8,
    DEMO_T_BRAND = 16
};
enum { DEMO_R_INSTRUCT, DEMO_R_DEMO, DEMO_R_TALK, DEMO_R_SUPPORT, DEMO_R_ATTEND };
/* What the writer does wrong on purpose. */
enum demo_flag {
    DEMO_F_SHORT_TITLE = 1 << 0,
    DEMO_F_NO_CONTENT = 1 << 1,
    DEMO_F_BAD_MODE = 1 << 2,
    DEMO_F_FEE = 1 << 3,
    DEMO_F_COST = 1 << 4,
    DEMO_F_NO_LINK = 1 << 5,
    DEMO_F_BAD_TEAM = 1 << 6,
    DEMO_F_BAD_SITE = 1 << 7,
    DEMO_F_BAD_THEME = 1 << 8,
    DEMO_F_BAD_ANCHOR = 1 << 9,
    DEMO_F_LONG = 1 << 10,
    DEMO_F_NO_SERVED = 1 << 11,
    DEMO_F_LATE_REASON = 1 << 12,
    DEMO_F_RETITLED = 1 << 13, /* other content under the same id */
    DEMO_F_NO_ONLINE = 1 << 14,
    DEMO_F_STRANGER = 1 << 15, /* a row's team is not one of the activity's */
    DEMO_F_BIG_PHOTO = 1 << 16,
    DEMO_F_NO_APPROVAL = 1 << 17,
    DEMO_F_SPONSOR = 1 << 18,
    DEMO_F_HEAT = 1 << 19,
    DEMO_F_LATE_PHOTO = 1 << 20,
    DEMO_F_MINORS = 1 << 21,
};

struct demo_row {
    uint32_t person, team;
    int16_t minutes;
    int16_t in, out; /* minutes after the start; -1 = not given */
    uint8_t role;
    uint8_t status; /* enum demo_status in that team on that day */
    uint8_t valid;  /* a member on that day */
};
struct demo_body {
    int64_t start_us;
    int32_t day; /* local, days since 1970 */
    int16_t span, pause, guidance;
    uint8_t mode, nteams, anchor;
    uint16_t nrows, content, themes;
    uint32_t flags, audience, online, text;
    uint32_t teams[2];
    int64_t site; /* -1 none */
    struct demo_row *rows;
};
struct demo_item {
    uint8_t id[16];
    uint8_t op, verdict, risky;
    uint8_t same_follows; /* its repeat goes out right behind it */
    uint8_t retried;
    uint16_t unit;
    int16_t base_version;
    const char *code; /* of the rule that must reject it */
    uint32_t target;  /* item it is about; DEMO_NONE */
    struct demo_body *body;
    int16_t answer; /* code of the ack */
    int64_t submitted_us, acked_us, position;
};
struct demo_burst {
    struct demo_world *world;
    struct demo_item *items;
    size_t n;
    uint32_t *order; /* the items as they are sent: what depends on an answer comes last */
};
LJ_MUST int demo_burst_make(struct demo_world *w, size_t n, struct demo_burst *ret,
                            struct lj_err *err);
void demo_burst_free(struct demo_burst *b);
/* Makes a clean body wrong in one way: what = 0.. ; returns the code, NULL past the last. The body
 * is the caller's. */
const char *demo_fault(const struct demo_world *w, struct demo_rand *r, size_t what,
                       struct demo_body *b);
size_t demo_faults(void);
/* Makes a clean body worth a warning, not more. */
void demo_warning(const struct demo_world *w, struct demo_rand *r, size_t what,
                  struct demo_body *b);
size_t demo_warnings(void);
int demo_anchor(int32_t day); /* 0 none, else 1.. in the order of demo_anchor_word */
const char *demo_anchor_word(int anchor);
void demo_payload(const struct demo_burst *b, const struct demo_item *item, struct lj_buf *out);
const char *demo_type(const struct demo_item *item);

/* Days since 1970 and dates. */
int32_t demo_day_of(int year, int month, int day);
void demo_date_of(int32_t day, int *year, int *month, int *mday);
int32_t demo_local_day(int64_t us);

/* ---- what must come of it (demo_expect.c) ---- */

struct demo_total { /* of a subject and year */
    int32_t minutes, sessions, duty;
};
enum { DEMO_YEARS = 2 }; /* this year and the one before */
struct demo_policy {
    int team_min_sessions, athlete_min_minutes, activity_cap, day_cap, lecture_cap, rounding;
    int presence_bp, factors_bp[4], tolerance_bp, cutoff; /* cutoff: month * 100 + day */
};
/* Signs of formalism that a report shows by itself; the demonstration makes these. */
enum { DEMO_SIGNS = 4 };
extern const char *const demo_sign_codes[DEMO_SIGNS];
struct demo_code {
    char code[8];
    int64_t expected, found;
};
struct demo_expected {
    int64_t stored, repeated, conflicts, accepted, clean, warned, rejected, withdrawn, flags,
        minutes, sessions, persons_met, teams_met, capped_days, merged, joint, overlaps,
        signs[DEMO_SIGNS];
    struct demo_code codes[32];
    size_t ncodes;
    struct demo_total *persons, *teams; /* [subject * DEMO_YEARS + (this year - year)] */
    int year;
};
LJ_MUST int demo_policy_seed(struct demo_policy *ret, struct lj_err *err);
LJ_MUST int demo_expect(const struct demo_burst *b, const struct demo_policy *p,
                        struct demo_expected *ret, struct lj_err *err);
void demo_expected_free(struct demo_expected *e);
struct demo_code *demo_code_row(struct demo_expected *e, const char *code);

/* ---- sending (demo_send.c) ---- */
struct demo_sending {
    int64_t began_us, ended_us; /* monotonic */
    size_t again;               /* events sent again after an answer that allows it */
};
LJ_MUST int demo_send_world(const struct demo_world *w, const char *run_dir, int64_t *ret_last,
                            struct lj_err *err);
LJ_MUST int demo_send_burst(struct demo_burst *b, const char *run_dir, struct demo_sending *ret,
                            struct lj_err *err);

#endif
