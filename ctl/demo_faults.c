/* Wrong reports and doubtful ones, a function each.
 *
 * A fault makes exactly one rule of the field reject a report that was clean; a warning leaves it
 * accepted. Which code answers is the expectation, so a fault that trips over two rules would be a
 * mistake here. Faults go over all rules that reject and that a single report can break: V30 is the
 * broker's (a repeated id), V31 is a correction's or withdrawal's (demo_reports.c).
 */
#include "ctl/demo.h"

static void set_net(struct demo_body *b, int net)
{
    b->pause = 0;
    b->span = (int16_t)net;
    b->guidance = (int16_t)((net * 6 + 9) / 10);
    for (int i = 0; i < b->nrows; i++) {
        b->rows[i].minutes = (int16_t)net;
        b->rows[i].in = b->rows[i].out = -1;
    }
}

static void set_day(struct demo_body *b, int32_t day)
{
    b->start_us += (day - b->day) * INT64_C(86400000000);
    b->day = day;
    b->anchor = (uint8_t)demo_anchor(day);
}

static uint32_t site_of(const struct demo_world *w, const struct demo_body *b, uint32_t place)
{
    return (uint32_t)(w->teams[b->teams[0]].unit * w->sites_per_unit + place);
}

/* ---- faults ---- */

typedef void (*change)(const struct demo_world *w, struct demo_rand *r, struct demo_body *b);

static void v01_title(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_SHORT_TITLE;
}

static void v01_missing(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_NO_CONTENT;
}

static void v01_word(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_BAD_MODE;
}

static void v02_order(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->span = -30;
}

static void v02_long(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    set_day(b, w->today - 3);
    set_net(b, 13 * 60);
    b->guidance = 400;
}

static void v03_short(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w;
    set_net(b, 5 + (int)demo_below(r, 15));
}

static void v04_over(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w;
    b->guidance = (int16_t)(b->span - b->pause + 5 + (int)demo_below(r, 30));
}

/* A team of another unit, with its own people: none of the reporting unit's. */
static void v05_foreign(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    uint32_t team = b->teams[0];
    while (w->teams[team].unit == w->teams[b->teams[0]].unit || w->teams[team].quiet)
        team = demo_below(r, (uint32_t)w->nteams);
    const struct demo_member *m = &w->members[w->teams[team].first];
    b->teams[0] = team;
    b->nrows = 1;
    b->rows[0].person = m->person;
    b->rows[0].team = team;
    b->audience = 30;
}

static void v05_unknown(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_BAD_TEAM;
}

/* Officials only. */
static void v06_none(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    const struct demo_team *t = &w->teams[b->teams[0]];
    const struct demo_member *m = &w->members[t->first + t->count - 1];
    (void)r;
    b->nrows = 1;
    b->rows[0].person = m->person;
    b->rows[0].status = DEMO_COACH;
    b->audience = 30;
}

static void v08_twice(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->rows[b->nrows++] = b->rows[0];
}

static void v11_over(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w;
    b->rows[0].minutes = (int16_t)(b->span - b->pause + 1 + (int)demo_below(r, 60));
}

static void v12_kind(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)r;
    b->site = site_of(w, b, DEMO_SITE_UNIVERSITY);
}

static void v12_served(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)r;
    b->site = site_of(w, b, DEMO_SITE_PARK);
}

static void v12_unknown(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_BAD_SITE;
}

static void v16_fee(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_FEE;
}

static void v16_cost(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_COST;
}

static void v18_range(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w;
    b->audience = demo_below(r, 2) ? 0 : 20001 + demo_below(r, 5000);
}

static void v20_link(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w;
    b->mode = DEMO_LIVE;
    b->site = -1;
    b->audience = 0;
    b->online = 200 + demo_below(r, 5000);
    b->flags |= DEMO_F_NO_LINK;
}

static void v22_outside(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w;
    int wrong = 1 + (int)demo_below(r, 3);
    b->anchor = (uint8_t)(wrong == demo_anchor(b->day) ? wrong % 3 + 1 : wrong);
}

static void v23_word(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_BAD_THEME;
}

static void v25_size(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_BIG_PHOTO;
}

static void v29_reason(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    set_day(b, w->today - 8 - (int32_t)demo_below(r, 23));
}

static void v29_window(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    set_day(b, w->today - 31 - (int32_t)demo_below(r, 20));
    b->flags |= DEMO_F_LATE_REASON;
}

/* A minor instructs, and no coach is there. */
static void v37_minor(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    const struct demo_team *t = &w->teams[b->teams[0]];
    (void)r;
    for (uint32_t i = 0; i < t->count; i++)
        if (w->members[t->first + i].status == DEMO_JUNIOR) {
            b->rows[b->nrows] = b->rows[0];
            b->rows[b->nrows].person = w->members[t->first + i].person;
            b->rows[b->nrows].role = DEMO_R_INSTRUCT;
            b->rows[b->nrows++].status = DEMO_JUNIOR;
            return;
        }
}

static void v38_region(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)r;
    b->site = site_of(w, b, DEMO_SITE_NOWHERE);
}

static void v40_length(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_LONG;
}

static const struct {
    const char *code;
    change make;
} faults[] = {
    {"V01", v01_title},   {"V02", v02_order},   {"V03", v03_short},   {"V04", v04_over},
    {"V05", v05_foreign}, {"V06", v06_none},    {"V08", v08_twice},   {"V11", v11_over},
    {"V12", v12_kind},    {"V16", v16_fee},     {"V18", v18_range},   {"V20", v20_link},
    {"V22", v22_outside}, {"V23", v23_word},    {"V29", v29_reason},  {"V38", v38_region},
    {"V25", v25_size},    {"V37", v37_minor},   {"V40", v40_length},  {"V01", v01_missing},
    {"V02", v02_long},    {"V05", v05_unknown}, {"V12", v12_served},  {"V16", v16_cost},
    {"V29", v29_window},  {"V01", v01_word},    {"V12", v12_unknown},
};

size_t demo_faults(void)
{
    return sizeof faults / sizeof faults[0];
}

const char *demo_fault(const struct demo_world *w, struct demo_rand *r, size_t what,
                       struct demo_body *b)
{
    faults[what].make(w, r, b);
    return faults[what].code;
}

/* ---- warnings ---- */

static void late(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    set_day(b, w->today - 8 - (int32_t)demo_below(r, 22)); /* 29 at most: midnight may come */
    b->flags |= DEMO_F_LATE_REASON;
}

static void brief(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w;
    set_net(b, 20 + (int)demo_below(r, 10));
}

static void very_long(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    set_day(b, w->today - 2);
    set_net(b, 255 + 15 * (int)demo_below(r, 5));
}

static void little_guidance(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->guidance = (int16_t)((b->span - b->pause) / 5);
}

static void lecture(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    set_day(b, w->today - 2);
    set_net(b, 150 + 15 * (int)demo_below(r, 5));
    b->content = DEMO_C_LECTURE | DEMO_C_QA;
    b->guidance = 0;
}

static void crowd(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w;
    b->audience = 300U * b->nrows + 1 + demo_below(r, 400);
}

/* Came late: present for less than the least share. */
static void half_there(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    set_net(b, b->span - b->pause);
    b->rows[0].role = DEMO_R_INSTRUCT; /* who only attends may leave when he likes */
    b->rows[0].in = (int16_t)(b->span / 2);
    b->rows[0].out = b->span;
}

/* Somebody of another team, entered for this one. */
static void no_member(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    uint32_t team = b->teams[0];
    while (w->teams[team].unit == w->teams[b->teams[0]].unit || w->teams[team].quiet)
        team = demo_below(r, (uint32_t)w->nteams);
    b->rows[b->nrows] = b->rows[0];
    b->rows[b->nrows].person = w->members[w->teams[team].first + w->teams[team].count - 1].person;
    b->rows[b->nrows].role = DEMO_R_INSTRUCT;
    b->rows[b->nrows++].valid = 0;
}

/* Somebody's own team is not one of the activity's. */
static void stranger(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    uint32_t team = b->teams[0];
    while (w->teams[team].unit == w->teams[b->teams[0]].unit || w->teams[team].quiet)
        team = demo_below(r, (uint32_t)w->nteams);
    const struct demo_member *m = &w->members[w->teams[team].first];
    b->rows[b->nrows] = b->rows[0];
    b->rows[b->nrows].person = m->person;
    b->rows[b->nrows].status = m->status;
    b->rows[b->nrows++].team = team;
}

static void retired(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    const struct demo_team *t = &w->teams[b->teams[0]];
    for (uint32_t i = 0; i < t->count; i++) {
        const struct demo_member *m = &w->members[t->first + i];
        if (m->status != DEMO_RETIRED)
            continue;
        b->rows[b->nrows] = b->rows[0];
        b->rows[b->nrows].person = m->person;
        b->rows[b->nrows].role = DEMO_R_TALK;
        b->rows[b->nrows++].status = DEMO_RETIRED;
        return;
    }
    stranger(w, r, b); /* this team has nobody who retired */
}

static void solemn(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->themes = DEMO_T_PARTY | DEMO_T_RED;
    b->guidance = 0;
}

static void viewers_on_site(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->mode = DEMO_LIVE;
    b->site = -1;
    b->flags |= DEMO_F_NO_ONLINE;
}

static void heat(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_HEAT;
}

static void late_photo(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_LATE_PHOTO;
}

static void minors(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)w, (void)r;
    b->flags |= DEMO_F_MINORS;
}

/* At a school of the unit; where it has none, something else. */
static void at_school(const struct demo_world *w, struct demo_body *b, unsigned flag)
{
    for (uint32_t i = DEMO_SITE_GOOD; i < w->sites_per_unit; i++)
        if (demo_site_is_school(w, site_of(w, b, i))) {
            b->site = site_of(w, b, i);
            b->flags |= flag;
            return;
        }
    b->flags |= DEMO_F_HEAT;
}

static void no_approval(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)r;
    at_school(w, b, DEMO_F_NO_APPROVAL);
}

static void sponsor(const struct demo_world *w, struct demo_rand *r, struct demo_body *b)
{
    (void)r;
    at_school(w, b, DEMO_F_SPONSOR);
}

static const change warnings[] = {
    late,        brief,     very_long, little_guidance, lecture, crowd,
    half_there,  no_member, retired,   stranger,        solemn,  viewers_on_site,
    no_approval, sponsor,   heat,      late_photo,      minors};

size_t demo_warnings(void)
{
    return sizeof warnings / sizeof warnings[0];
}

void demo_warning(const struct demo_world *w, struct demo_rand *r, size_t what, struct demo_body *b)
{
    warnings[what](w, r, b);
}
