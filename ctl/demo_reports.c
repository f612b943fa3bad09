/* The burst: reports in the field's shapes, and what follows on them.
 *
 * Shares: 78 % clean, 12 % with one error, 4 % with a warning, 2 % repeated ids (half with other
 * content), 2 % corrections, 1 % withdrawals, 1 % feedback. Numbers of athletes, minutes, audience
 * and weekdays are the field's test-data guidance; the dates are today less the filing delay: up to
 * seven days for clean reports, 8 to 30 for late ones, more for those that are refused. Among the
 * clean ones are teams that go to one site in the morning and in the afternoon, athletes over the
 * day's cap, athletes of two teams, and joint activities.
 *
 * What depends on an answer (a correction, a repeat with other content) comes last and is sent when
 * its target is acknowledged, as a client would have to. A repeat of the same content goes out
 * right behind its first.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/demo.h"

enum {
    STREAM_BURST = 21,
    ROWS_MAX = 64,
    ROOM = 4, /* rows that a fault may add */
    MINUTES_A_DAY = 1440,
};
static const int64_t MINUTE_US = 60000000;

/* What the next clean report has to be, when one has set it up. */
struct plan {
    int left; /* reports of the plan still to come */
    int capped;
    uint32_t team;
    int64_t site;
    int32_t day;
};
struct maker {
    struct demo_burst *b;
    struct demo_world *w;
    struct demo_rand r;
    struct plan plan;
    size_t nfaults, nwarnings, ncapped;
    size_t targets, clean; /* quiet reports still needed for corrections, clean ones to come */
};

/* ---- anchor days ---- */

static const char *const anchor_words[] = {"A0610", "A0610", "A0808", "CHONGYANG"};
/* Double Ninth, 2022 to 2032: the field's table of dates. */
static const int chongyang[] = {1004, 1023, 1011, 1029, 1018, 1008, 1026, 1016, 1005, 1024, 1012};

const char *demo_anchor_word(int anchor)
{
    return anchor_words[anchor];
}

static int near(int32_t day, int32_t of)
{
    return day >= of - 7 && day <= of + 7;
}

int demo_anchor(int32_t day)
{
    int year;
    int month;
    int mday;
    demo_date_of(day, &year, &month, &mday);
    if (near(day, demo_day_of(year, 6, 10)))
        return 1;
    if (near(day, demo_day_of(year, 8, 8)))
        return 2;
    int i = year - 2022;
    if (i >= 0 && i < (int)(sizeof chongyang / sizeof chongyang[0]) &&
        near(day, demo_day_of(year, chongyang[i] / 100, chongyang[i] % 100)))
        return 3;
    return 0;
}

/* ---- parts of a clean body ---- */

static uint32_t pick_team(struct maker *m)
{
    for (;;) {
        uint32_t t = demo_below(&m->r, (uint32_t)m->w->nteams);
        if (!m->w->teams[t].quiet)
            return t;
    }
}

static uint32_t pick_quiet(struct maker *m)
{
    for (int tries = 0; tries < 40; tries++) {
        uint32_t t = demo_below(&m->r, (uint32_t)m->w->nteams / 5) * 5 + 4;
        if (t < m->w->nteams && m->w->teams[t].reports < DEMO_QUIET_REPORTS)
            return t;
    }
    return pick_team(m);
}

static int64_t pick_site(struct maker *m, uint16_t unit)
{
    uint32_t good = (uint32_t)m->w->sites_per_unit - DEMO_SITE_GOOD;
    return (int64_t)(unit * m->w->sites_per_unit) + DEMO_SITE_GOOD + demo_below(&m->r, good);
}

static void pick_mode(struct maker *m, struct demo_body *b)
{
    uint32_t x = demo_below(&m->r, 100);
    b->mode = x < 92 ? DEMO_ONSITE : x < 95 ? DEMO_LIVE : x < 97 ? DEMO_RECORDED : DEMO_HYBRID;
    if (b->mode == DEMO_LIVE || b->mode == DEMO_RECORDED)
        b->site = -1;
}

static void pick_minutes(struct maker *m, struct demo_body *b)
{
    static const int16_t usual[] = {45, 60, 60, 75, 75, 90, 90, 90, 90, 105, 120, 120, 150, 180};
    static const int16_t rare[] = {30, 35, 40, 195, 210, 225, 240};
    static const int16_t pauses[] = {0, 0, 10, 15};
    uint32_t n = sizeof usual / sizeof usual[0];
    int quiet = m->w->teams[b->teams[0]].quiet;
    int net = quiet ? usual[demo_below(&m->r, 9)] : usual[demo_below(&m->r, n)];
    if (!quiet && demo_below(&m->r, 20) == 0)
        net = rare[demo_below(&m->r, sizeof rare / sizeof rare[0])];
    b->pause = pauses[demo_below(&m->r, 4)];
    b->span = (int16_t)(net + b->pause);
    b->guidance = (int16_t)(net - (int)demo_below(&m->r, (uint32_t)net / 2));
}

static int is_weekend(int32_t day)
{
    return (day + 3) % 7 >= 5; /* 1970-01-01 was a Thursday */
}

static int is_community(const struct demo_world *w, const struct demo_body *b)
{
    const char *kind = b->site >= 0 ? demo_site_kind(w, (uint32_t)b->site) : "";
    return kind[0] == 'C' || strcmp(kind, "VILLAGE") == 0 || strncmp(kind, "ELDER", 5) == 0;
}

/* The day: 0 to 7 days ago, weekdays by the kind of site; over before the start of the burst. Late
 * in the evening 6: midnight may come before the last report is in. */
static void pick_time(struct maker *m, struct demo_body *b, int least_delay)
{
    static const int16_t starts[] = {540, 570, 600, 870, 900, 930};
    int community = is_community(m->w, b);
    int evening = demo_local_day(m->w->now_us + 90 * 60 * INT64_C(1000000)) != m->w->today;
    int32_t delay = 0;
    for (int tries = 0; tries < 4; tries++) {
        delay = least_delay + (int32_t)demo_below(&m->r, (uint32_t)(8 - evening - least_delay));
        if (demo_below(&m->r, 100) < (is_weekend(m->w->today - delay) == community ? 75U : 30U))
            break;
    }
    int start = starts[demo_below(&m->r, 6)];
    b->day = m->w->today - delay;
    b->start_us = ((int64_t)b->day * MINUTES_A_DAY - 480 + start) * MINUTE_US;
    if (b->start_us + (b->span + 10) * MINUTE_US > m->w->now_us) {
        b->day--;
        b->start_us -= MINUTES_A_DAY * MINUTE_US;
    }
    b->anchor = (uint8_t)demo_anchor(b->day);
}

static int is_there(const struct demo_body *b, uint32_t person)
{
    for (int i = 0; i < b->nrows; i++)
        if (b->rows[i].person == person)
            return 1;
    return 0;
}

static void add_row(struct maker *m, struct demo_body *b, const struct demo_member *who)
{
    static const uint8_t roles[] = {
        DEMO_R_INSTRUCT, DEMO_R_INSTRUCT, DEMO_R_INSTRUCT, DEMO_R_INSTRUCT, DEMO_R_INSTRUCT,
        DEMO_R_INSTRUCT, DEMO_R_DEMO,     DEMO_R_DEMO,     DEMO_R_TALK,     DEMO_R_SUPPORT};
    int net = b->span - b->pause;
    struct demo_row *r = &b->rows[b->nrows];
    if (b->nrows >= ROWS_MAX || is_there(b, who->person) || who->from > b->day)
        return;
    *r = (struct demo_row){who->person, who->team, (int16_t)net, -1, -1, 0, who->status, 1};
    r->role = demo_below(&m->r, 20) == 0 ? DEMO_R_ATTEND : roles[demo_below(&m->r, 10)];
    uint32_t x = demo_below(&m->r, 20);
    if (x < 2 && net > 60)
        r->minutes = (int16_t)(net - 15);
    else if (x < 5) { /* came a little late; still long enough */
        r->in = (int16_t)demo_below(&m->r, (uint32_t)net / 5);
        r->out = b->span;
    }
    b->nrows++;
}

/* Sizes of rosters: the field's distribution. */
static uint32_t pick_size(struct maker *m)
{
    uint32_t x = demo_below(&m->r, 100);
    return x < 12   ? 1
           : x < 34 ? 2
           : x < 49 ? 3
           : x < 69 ? 4
           : x < 87 ? 5 + demo_below(&m->r, 2)
           : x < 96 ? 7 + demo_below(&m->r, 6)
           : x < 99 ? 13 + demo_below(&m->r, 8)
                    : 21 + demo_below(&m->r, 36);
}

/* Days on which a report from a school is a flag: the schools' holidays of every year, and the
 * public ones that the field has been told of. */
static int is_holiday(int32_t day)
{
    static const int32_t breaks[][2] = {{120, 220}, {710, 831}};
    static const int32_t holidays[][2] = {
        {20250101, 20250101}, {20250128, 20250204}, {20250404, 20250406}, {20250501, 20250505},
        {20250531, 20250602}, {20251001, 20251008}, {20260101, 20260103}, {20260215, 20260223},
        {20260404, 20260406}, {20260501, 20260505}, {20260619, 20260621}, {20260925, 20260927},
        {20261001, 20261007}};
    int year;
    int month;
    int mday;
    demo_date_of(day, &year, &month, &mday);
    int32_t of_year = month * 100 + mday;
    int32_t date = year * 10000 + of_year;
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++)
        if (of_year >= breaks[i][0] && of_year <= breaks[i][1])
            return 1;
    for (size_t i = 0; i < sizeof holidays / sizeof holidays[0]; i++)
        if (date >= holidays[i][0] && date <= holidays[i][1])
            return 1;
    return 0;
}

/* A clean report of such a day is from another place of the unit, or online. */
static void keep_off_schools(struct maker *m, struct demo_body *b)
{
    if (b->site < 0 || !is_holiday(b->day) || !demo_site_is_school(m->w, (uint32_t)b->site))
        return;
    uint32_t n = (uint32_t)m->w->sites_per_unit - DEMO_SITE_GOOD;
    int64_t first = b->site / (int64_t)m->w->sites_per_unit * (int64_t)m->w->sites_per_unit;
    for (uint32_t i = 0, at = demo_below(&m->r, n); i < n; i++) {
        b->site = first + DEMO_SITE_GOOD + (at + i) % n;
        if (!demo_site_is_school(m->w, (uint32_t)b->site))
            return;
    }
    b->site = -1;
    b->mode = DEMO_LIVE;
}

/* n athletes of a team from a place of its list on; guests are taken with the others. */
static void add_rows(struct maker *m, struct demo_body *b, uint32_t team, uint32_t n)
{
    const struct demo_team *t = &m->w->teams[team];
    uint32_t at = demo_below(&m->r, t->count);
    if (t->guests && demo_below(&m->r, 4) == 0)
        at = t->count - 1 - t->guests;
    for (uint32_t i = 0; i < t->count && n > 0; i++) {
        const struct demo_member *who = &m->w->members[t->first + (at + i) % t->count];
        uint16_t before = b->nrows;
        if (who->status <= DEMO_TRAINEE)
            add_row(m, b, who);
        n -= b->nrows > before;
    }
    if (b->nrows == 0) /* nobody from there on was there on that day */
        add_row(m, b, &m->w->members[t->first]);
}

static void pick_audience(struct maker *m, struct demo_body *b)
{
    uint32_t x = demo_below(&m->r, 98);
    uint32_t n = x < 45   ? 25 + demo_below(&m->r, 36)
                 : x < 70 ? 30 + demo_below(&m->r, 121)
                 : x < 88 ? 200 + demo_below(&m->r, 401)
                 : x < 96 ? 800 + demo_below(&m->r, 1201)
                          : 3000 + demo_below(&m->r, 5001);
    uint32_t most = 300U * b->nrows; /* more would be a flag */
    b->audience = n < most ? n : most;
    b->online = 200 + demo_below(&m->r, 100000);
    if (b->mode == DEMO_LIVE || b->mode == DEMO_RECORDED)
        b->audience = 0;
}

/* Three activities of four hours on one day, one after the other: twelve hours against a cap of
 * eight. */
static void plan_capped(struct maker *m, struct demo_body *b)
{
    static const int16_t starts[] = {18 * 60, 13 * 60, 8 * 60};
    b->pause = 0;
    b->span = 240;
    b->guidance = 200;
    b->day = m->plan.day;
    b->start_us = ((int64_t)b->day * MINUTES_A_DAY - 480 + starts[m->plan.left]) * MINUTE_US;
    b->anchor = (uint8_t)demo_anchor(b->day);
    keep_off_schools(m, b);
    for (uint32_t i = 0; i < 2; i++) {
        const struct demo_member *who = &m->w->members[m->w->teams[b->teams[0]].first + i];
        if (who->status == DEMO_FORMAL && who->from <= b->day)
            b->rows[b->nrows++] = (struct demo_row){who->person, who->team, 240, -1, -1, 0, 0, 1};
    }
}

/* The afternoon at the site of the morning. */
static void plan_second(struct maker *m, struct demo_body *b)
{
    pick_minutes(m, b);
    b->day = m->plan.day;
    b->start_us = ((int64_t)b->day * MINUTES_A_DAY - 480 + 15 * 60) * MINUTE_US;
    b->anchor = (uint8_t)demo_anchor(b->day);
    add_rows(m, b, b->teams[0], pick_size(m));
}

static void open_plan(struct maker *m, const struct demo_body *b, int capped)
{
    m->plan = (struct plan){capped ? 3 : 1, capped, b->teams[0], b->site,
                            capped ? m->w->today - 1 - (int32_t)demo_below(&m->r, 6) : b->day};
}

static void free_choice(struct maker *m, struct demo_body *b, int plain)
{
    enum { PLAN_MOST = 4 };
    int chosen = demo_below(&m->r, 100) < 8 || m->targets + PLAN_MOST >= m->clean;
    b->teams[0] = !plain && chosen ? pick_quiet(m) : pick_team(m);
    int quiet = m->w->teams[b->teams[0]].quiet;
    m->targets -= quiet && m->targets > 0;
    b->site = pick_site(m, m->w->teams[b->teams[0]].unit);
    if (!plain)
        pick_mode(m, b);
    pick_minutes(m, b);
    int pair = !plain && !quiet && b->site >= 0 && demo_below(&m->r, 25) == 0;
    pick_time(m, b, pair ? 1 : 0);
    if (!plain)
        keep_off_schools(m, b);
    if (pair) { /* the morning */
        b->start_us = ((int64_t)b->day * MINUTES_A_DAY - 480 + 8 * 60 + 30) * MINUTE_US;
        open_plan(m, b, 0);
    }
    add_rows(m, b, b->teams[0], pick_size(m));
    if (!plain && !quiet && !pair && demo_below(&m->r, 20) == 0) {
        uint32_t other = pick_team(m);
        if (m->w->teams[other].unit != m->w->teams[b->teams[0]].unit) {
            b->teams[b->nteams++] = other;
            add_rows(m, b, other, 1 + demo_below(&m->r, 4));
        }
    }
    m->w->teams[b->teams[0]].reports = (uint8_t)(m->w->teams[b->teams[0]].reports + quiet);
    if (!plain && !quiet && !m->plan.left && (m->ncapped == 0 || demo_below(&m->r, 200) == 0)) {
        open_plan(m, b, 1);
        m->ncapped++;
    }
}

/* A report that nothing is wrong with. plain: on site, one team that is not quiet, no plan. */
static int clean_body(struct maker *m, struct demo_item *item, int plain, struct lj_err *err)
{
    struct demo_body *b = calloc(1, sizeof *b);
    item->body = b;
    if (b)
        b->rows = calloc(ROWS_MAX + ROOM, sizeof *b->rows);
    if (!b || !b->rows)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the demonstration's reports");
    b->nteams = 1;
    b->text = (uint32_t)(item - m->b->items);
    b->content = (uint16_t)(DEMO_C_TEACH | (demo_below(&m->r, 4) << 1));
    b->themes = (uint16_t)(demo_below(&m->r, 3) ? 0 : DEMO_T_VOLUNTEER);
    if (!plain && m->plan.left) {
        b->teams[0] = m->plan.team;
        b->site = m->plan.capped || m->plan.site < 0 ? pick_site(m, m->w->teams[m->plan.team].unit)
                                                     : m->plan.site;
        m->plan.left--;
        if (m->plan.capped)
            plan_capped(m, b);
        else
            plan_second(m, b);
    } else {
        free_choice(m, b, plain);
    }
    pick_audience(m, b);
    item->unit = m->w->teams[b->teams[0]].unit;
    struct demo_row *fit =
        realloc(b->rows, ((size_t)b->nrows + ROOM) * sizeof *b->rows); /* most are short */
    if (fit)
        b->rows = fit;
    return 0;
}

static int make_report(struct maker *m, struct demo_item *item, enum demo_verdict verdict,
                       struct lj_err *err)
{
    int rc = clean_body(m, item, verdict != DEMO_CLEAN, err);
    item->op = DEMO_REPORT;
    item->verdict = (uint8_t)verdict;
    item->target = DEMO_NONE;
    if (rc == 0 && verdict == DEMO_REJECTED)
        item->code = demo_fault(m->w, &m->r, m->nfaults++ % demo_faults(), item->body);
    if (rc == 0 && verdict == DEMO_WARNED)
        demo_warning(m->w, &m->r, m->nwarnings++ % demo_warnings(), item->body);
    return rc;
}

/* ---- what follows on them ---- */

/* Corrections of a quiet team's report: shorter, longer, or somebody was not there. */
static int corrected_body(const struct demo_body *old, int how, int32_t today,
                          struct demo_body **ret)
{
    struct demo_body *b = malloc(sizeof *b);
    struct demo_row *rows = calloc((size_t)old->nrows + ROOM, sizeof *rows);
    if (!b || !rows) {
        free(b);
        free(rows);
        return LJ_E_NOMEM;
    }
    *b = *old;
    b->rows = rows;
    memcpy(rows, old->rows, old->nrows * sizeof *rows);
    b->flags |= DEMO_F_RETITLED;
    *ret = b;
    if (how == 2 && b->nrows > 1)
        b->nrows--;
    if (b->audience > 300U * b->nrows)
        b->audience = 300U * b->nrows;
    if (how > 1)
        return 0;
    b->span = (int16_t)(b->span + (how == 1 && b->day < today ? 15 : -15));
    int net = b->span - b->pause;
    b->guidance = (int16_t)(b->guidance > net ? net : b->guidance);
    for (int i = 0; i < b->nrows; i++) {
        b->rows[i].minutes = (int16_t)net;
        b->rows[i].in = b->rows[i].out = -1;
    }
    return 0;
}

/* The next clean report from *at on of a quiet team, or where all are used: of no effect on totals.
 */
static uint32_t next_target(const struct demo_burst *b, size_t *at, int quiet)
{
    for (; *at < b->n; (*at)++) {
        const struct demo_item *i = &b->items[*at];
        if (!i->body || i->op != DEMO_REPORT || i->verdict != DEMO_CLEAN)
            continue;
        int is_quiet = b->world->teams[i->body->teams[0]].quiet;
        if (quiet ? is_quiet : !is_quiet && i->body->mode == DEMO_RECORDED)
            return (uint32_t)(*at)++;
    }
    return DEMO_NONE;
}

static uint32_t any_clean(struct maker *m, size_t reports)
{
    for (;;) {
        uint32_t i = demo_below(&m->r, (uint32_t)reports);
        if (m->b->items[i].verdict == DEMO_CLEAN)
            return i;
    }
}

struct targets {
    size_t quiet, recorded; /* cursors of next_target */
};

static int make_change(struct maker *m, struct demo_item *item, enum demo_op op, struct targets *t,
                       struct lj_err *err)
{
    uint32_t target = next_target(m->b, &t->quiet, 1);
    int how = (int)demo_below(&m->r, 3);
    if (target == DEMO_NONE) { /* a recorded lesson gives no credit: only its title is touched */
        target = next_target(m->b, &t->recorded, 0);
        how = 3;
    }
    if (target == DEMO_NONE)
        return lj_fail(err, LJ_E_STATE, "the burst has too few reports to correct");
    const struct demo_item *of = &m->b->items[target];
    *item = (struct demo_item){.op = (uint8_t)op, .target = target, .unit = of->unit};
    item->base_version = 1;
    if (op == DEMO_CORRECT && corrected_body(of->body, how, m->w->today, &item->body) != 0)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a correction");
    return 0;
}

/* V31: a version that is not the current one, or an activity that nobody knows. */
static int make_v31(struct maker *m, struct demo_item *item, size_t reports, struct lj_err *err)
{
    uint32_t target = any_clean(m, reports);
    const struct demo_item *of = &m->b->items[target];
    int correct = demo_below(&m->r, 2) == 0;
    *item = (struct demo_item){.op = correct ? DEMO_CORRECT : DEMO_WITHDRAW,
                               .verdict = DEMO_REJECTED,
                               .code = "V31",
                               .unit = of->unit,
                               .target = correct ? target : DEMO_NONE};
    item->base_version = correct ? 7 : 1;
    if (correct && corrected_body(of->body, 3, m->w->today, &item->body) != 0)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a correction");
    return 0;
}

static void make_repeat(struct maker *m, struct demo_item *item, int same, size_t reports)
{
    uint32_t target = any_clean(m, reports);
    while (m->b->items[target].same_follows)
        target = any_clean(m, reports);
    m->b->items[target].same_follows = (uint8_t)same;
    *item = (struct demo_item){
        .op = same ? DEMO_SAME : DEMO_OTHER, .target = target, .unit = m->b->items[target].unit};
}

static void make_feedback(struct maker *m, struct demo_item *item, size_t reports)
{
    uint32_t target = any_clean(m, reports);
    *item =
        (struct demo_item){.op = DEMO_FEEDBACK, .target = target, .unit = m->b->items[target].unit};
    item->risky = demo_below(&m->r, 4) != 0;
}

/* ---- all of it ---- */

struct shares {
    size_t clean, wrong, warned, same, other, corrected, withdrawn, feedback, v31;
};

static struct shares shares_of(size_t n)
{
    struct shares s = {.wrong = n * 12 / 100,
                       .warned = n * 4 / 100,
                       .same = n / 100,
                       .other = n / 100,
                       .corrected = n * 2 / 100,
                       .withdrawn = n / 100,
                       .feedback = n / 100};
    s.clean = n - s.wrong - s.warned - s.same - s.other - s.corrected - s.withdrawn - s.feedback;
    s.v31 = s.wrong / 20; /* as often as any other code */
    s.wrong -= s.v31;
    return s;
}

static int make_reports(struct maker *m, const struct shares *s, size_t n, struct lj_err *err)
{
    struct shares left = *s;
    m->targets = s->corrected + s->withdrawn;
    for (size_t i = 0; i < n; i++) {
        uint32_t x = demo_below(&m->r, (uint32_t)(left.clean + left.wrong + left.warned));
        enum demo_verdict v = x < left.clean                 ? DEMO_CLEAN
                              : x < left.clean + left.warned ? DEMO_WARNED
                                                             : DEMO_REJECTED;
        m->clean = left.clean;
        *(v == DEMO_CLEAN ? &left.clean : v == DEMO_WARNED ? &left.warned : &left.wrong) -= 1;
        int rc = make_report(m, &m->b->items[i], v, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int make_rest(struct maker *m, const struct shares *s, size_t reports, struct lj_err *err)
{
    struct targets t = {0, 0};
    struct demo_item *item = &m->b->items[reports];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->corrected; i++)
        rc = make_change(m, item++, DEMO_CORRECT, &t, err);
    for (size_t i = 0; rc == 0 && i < s->withdrawn; i++)
        rc = make_change(m, item++, DEMO_WITHDRAW, &t, err);
    for (size_t i = 0; rc == 0 && i < s->v31; i++)
        rc = make_v31(m, item++, reports, err);
    for (size_t i = 0; rc == 0 && i < s->same; i++)
        make_repeat(m, item++, 1, reports);
    for (size_t i = 0; rc == 0 && i < s->other; i++)
        make_repeat(m, item++, 0, reports);
    for (size_t i = 0; rc == 0 && i < s->feedback; i++)
        make_feedback(m, item++, reports);
    return rc;
}

/* Reports as they come, each with its same-content repeat right behind it; then the rest, mixed. */
static void make_order(struct maker *m, size_t reports)
{
    struct demo_burst *b = m->b;
    size_t n = 0;
    for (size_t i = 0; i < reports; i++) {
        b->order[n++] = (uint32_t)i;
        for (size_t k = reports; b->items[i].same_follows && k < b->n; k++)
            if (b->items[k].op == DEMO_SAME && b->items[k].target == i)
                b->order[n++] = (uint32_t)k;
    }
    size_t rest = n;
    for (size_t i = reports; i < b->n; i++)
        if (b->items[i].op != DEMO_SAME)
            b->order[n++] = (uint32_t)i;
    for (size_t i = n; i > rest + 1; i--) {
        size_t k = rest + demo_below(&m->r, (uint32_t)(i - rest));
        uint32_t swap = b->order[i - 1];
        b->order[i - 1] = b->order[k];
        b->order[k] = swap;
    }
}

int demo_burst_make(struct demo_world *w, size_t n, struct demo_burst *ret, struct lj_err *err)
{
    struct shares s = shares_of(n);
    size_t reports = s.clean + s.wrong + s.warned;
    struct maker m = {
        .b = ret, .w = w, .r = demo_rand_of(w->seed, STREAM_BURST, (uint64_t)w->generation)};
    *ret = (struct demo_burst){.world = w, .n = n};
    ret->items = calloc(n, sizeof *ret->items);
    ret->order = calloc(n, sizeof *ret->order);
    if (!ret->items || !ret->order)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the demonstration's reports");
    int rc = make_reports(&m, &s, reports, err);
    if (rc == 0)
        rc = make_rest(&m, &s, reports, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int repeat = ret->items[i].op == DEMO_SAME || ret->items[i].op == DEMO_OTHER;
        demo_id(w, 1, repeat ? ret->items[i].target : i, ret->items[i].id);
    }
    if (rc == 0)
        make_order(&m, reports);
    return rc;
}

void demo_burst_free(struct demo_burst *b)
{
    for (size_t i = 0; b->items && i < b->n; i++) {
        if (b->items[i].body)
            free(b->items[i].body->rows);
        free(b->items[i].body);
    }
    free(b->items);
    free(b->order);
    *b = (struct demo_burst){0};
}
