/* What must come of the burst, by the field's rules, from what was generated.
 *
 * A second, independent form of the rules (credit with its caps and rounding, the day rule,
 * sessions merged by team, day and site, duty by the days of membership), written from the field's
 * handbook and not from the workers: it is only worth something as long as nobody makes one from
 * the other. The policy is the seed's. Nothing is read from the database.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/demo.h"
#include "ctl/embed.h"

/* ---- the policy ---- */

static int number(const json_t *o, const char *name)
{
    return (int)json_integer_value(json_object_get(o, name));
}

static int share(const json_t *o, const char *name)
{
    return (int)(json_number_value(json_object_get(o, name)) * 10000 + 0.5);
}

int demo_policy_seed(struct demo_policy *ret, struct lj_err *err)
{
    const struct lj_embedded *f = lj_embedded_find("db/seed/policy.json");
    json_t *event = f ? json_loadb(f->start, (size_t)(f->end - f->start), 0, NULL) : NULL;
    const json_t *p = json_object_get(event, "payload");
    const json_t *factors = json_object_get(p, "mode_factor");
    int month = 0;
    int day = 0;
    const char *cutoff = json_string_value(json_object_get(p, "entry_cutoff"));
    if (cutoff && strlen(cutoff) == 5) {
        month = (cutoff[0] - '0') * 10 + cutoff[1] - '0';
        day = (cutoff[3] - '0') * 10 + cutoff[4] - '0';
    }
    *ret = (struct demo_policy){.team_min_sessions = number(p, "team_min_sessions"),
                                .athlete_min_minutes = number(p, "athlete_min_minutes"),
                                .activity_cap = number(p, "activity_cap_minutes"),
                                .day_cap = number(p, "day_cap_minutes"),
                                .lecture_cap = number(p, "lecture_cap_minutes"),
                                .rounding = number(p, "rounding"),
                                .presence_bp = share(p, "presence_min"),
                                .tolerance_bp = share(p, "session_tolerance"),
                                .cutoff = month * 100 + day};
    static const char *const modes[] = {"ONSITE", "LIVE", "RECORDED", "HYBRID"};
    for (int i = 0; i < 4; i++)
        ret->factors_bp[i] = share(factors, modes[i]);
    int good = ret->athlete_min_minutes > 0 && ret->rounding > 0 && ret->cutoff > 0;
    json_decref(event);
    return good ? 0 : lj_fail(err, LJ_E_CONFIG, "db/seed/policy.json is not as the demo needs it");
}

/* ---- credit ---- */

struct credit {
    uint32_t person;
    int32_t day, minutes;
    int64_t start_us;
    uint32_t item; /* ids grow with it */
};
struct session {
    uint32_t team;
    int32_t day;
    int64_t site;
};
struct ledger {
    const struct demo_burst *b;
    const struct demo_policy *p;
    struct demo_expected *e;
    struct credit *credits;
    struct session *sessions;
    size_t ncredits, nsessions;
};

static int present(const struct demo_body *b, const struct demo_row *r)
{
    int minutes = r->out - r->in - b->pause;
    return r->in < 0 ? r->minutes : minutes > 0 ? minutes : 0;
}

static int is_listed(const struct demo_body *b, uint32_t team)
{
    return b->teams[0] == team || (b->nteams > 1 && b->teams[1] == team);
}

/* Themes of nothing but party and red education, and no guidance. */
static int is_solemn(const struct demo_body *b)
{
    return b->themes && !(b->themes & ~(DEMO_T_PARTY | DEMO_T_RED)) && b->guidance == 0;
}

/* The row is of a member who took part long enough. */
static int counts(const struct ledger *l, const struct demo_body *b, const struct demo_row *r)
{
    int net = b->span - b->pause;
    return r->valid && r->status != DEMO_COACH && r->role != DEMO_R_ATTEND &&
           is_listed(b, r->team) && present(b, r) * 10000 >= l->p->presence_bp * net;
}

static void add_credit(struct ledger *l, uint32_t item, const struct demo_body *b,
                       const struct demo_row *r)
{
    int cap = b->content & DEMO_GUIDING ? l->p->activity_cap : l->p->lecture_cap;
    int base = present(b, r) < r->minutes ? present(b, r) : r->minutes;
    base = base < cap ? base : cap;
    int minutes = base * l->p->factors_bp[b->mode] / (10000 * l->p->rounding) * l->p->rounding;
    if (minutes > 0)
        l->credits[l->ncredits++] = (struct credit){r->person, b->day, minutes, b->start_us, item};
}

static void add_sessions(struct ledger *l, const struct demo_body *b)
{
    for (int t = 0; t < b->nteams; t++) {
        int athletes = 0;
        for (int i = 0; i < b->nrows; i++) {
            const struct demo_row *r = &b->rows[i];
            athletes += r->team == b->teams[t] && counts(l, b, r) &&
                        (r->status == DEMO_FORMAL || r->status == DEMO_TRIAL);
        }
        if (athletes > 0 && l->p->factors_bp[b->mode] > 0)
            l->sessions[l->nsessions++] = (struct session){b->teams[t], b->day, b->site};
    }
}

static void add_activity(struct ledger *l, uint32_t item, const struct demo_body *b)
{
    if (is_solemn(b))
        return;
    for (int i = 0; i < b->nrows; i++)
        if (counts(l, b, &b->rows[i]) && b->rows[i].status == DEMO_FORMAL)
            add_credit(l, item, b, &b->rows[i]);
    add_sessions(l, b);
    l->e->joint += b->nteams > 1;
}

/* ---- signs of formalism ---- */

const char *const demo_sign_codes[DEMO_SIGNS] = {"X01", "X02", "X03", "X04"};

/* Ceremony, very short, a talk to a hall, a crowd: the field's thresholds. */
static void count_signs(struct demo_expected *e, const struct demo_body *b)
{
    int net = b->span - b->pause;
    int hands_on = (b->content & (DEMO_C_TEACH | DEMO_C_DEMO | DEMO_C_MATCH)) != 0;
    int on_site = b->mode == DEMO_ONSITE || b->mode == DEMO_HYBRID;
    unsigned athletes = 0;
    for (int i = 0; i < b->nrows; i++)
        athletes += b->rows[i].valid && b->rows[i].status != DEMO_RETIRED &&
                    b->rows[i].status != DEMO_COACH;
    e->signs[0] += b->guidance * 10 < net * 3;
    e->signs[1] += net < 30;
    e->signs[2] += !hands_on && b->audience >= 800;
    e->signs[3] += on_site && athletes > 0 && b->audience > 300 * athletes;
}

/* ---- the same person at two places ---- */

struct presence {
    uint32_t person;
    int64_t from, to;
};

static int by_person_time(const void *a, const void *b)
{
    const struct presence *x = a;
    const struct presence *y = b;
    if (x->person != y->person)
        return x->person < y->person ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

/* Pairs of activities that stand in which a person's times overlap (V09), whatever his part. */
static int count_overlaps(struct demo_expected *e, const struct demo_body *const *live, size_t n,
                          struct lj_err *err)
{
    static const int64_t MINUTE_US = 60000000;
    size_t rows = 0;
    for (size_t i = 0; i < n; i++)
        rows += live[i] ? live[i]->nrows : 0;
    struct presence *all = calloc(rows + 1, sizeof *all);
    if (!all)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the demonstration's expectation");
    rows = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; live[i] && k < live[i]->nrows; k++) {
            const struct demo_row *r = &live[i]->rows[k];
            int from = r->in >= 0 ? r->in : 0;
            int to = r->in >= 0 ? r->out : live[i]->span;
            all[rows++] = (struct presence){r->person, live[i]->start_us + from * MINUTE_US,
                                            live[i]->start_us + to * MINUTE_US};
        }
    qsort(all, rows, sizeof *all, by_person_time);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = i + 1;
             k < rows && all[k].person == all[i].person && all[k].from < all[i].to; k++)
            e->overlaps++;
    free(all);
    return 0;
}

/* ---- totals ---- */

static struct demo_total *total_of(struct demo_expected *e, struct demo_total *list, uint32_t n,
                                   int32_t day)
{
    int year;
    int month;
    int mday;
    demo_date_of(day, &year, &month, &mday);
    return &list[n * DEMO_YEARS + (uint32_t)(e->year - year)];
}

static int by_person_day(const void *a, const void *b)
{
    const struct credit *x = a;
    const struct credit *y = b;
    if (x->person != y->person)
        return x->person < y->person ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->start_us != y->start_us)
        return x->start_us < y->start_us ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* The day rule: in order of start and id each activity gets what is left below the cap. */
static void sum_credits(struct ledger *l)
{
    int so_far = 0;
    int capped = 0;
    qsort(l->credits, l->ncredits, sizeof *l->credits, by_person_day);
    for (size_t i = 0; i < l->ncredits; i++) {
        const struct credit *c = &l->credits[i];
        if (i == 0 || c->person != c[-1].person || c->day != c[-1].day)
            so_far = capped = 0;
        int left = l->p->day_cap - so_far;
        int got = c->minutes < left ? c->minutes : left > 0 ? left : 0;
        got = got / l->p->rounding * l->p->rounding;
        l->e->capped_days += got < c->minutes && !capped;
        capped |= got < c->minutes;
        so_far += got;
        l->e->minutes += got;
        total_of(l->e, l->e->persons, c->person, c->day)->minutes += got;
    }
}

static int by_team_day_site(const void *a, const void *b)
{
    const struct session *x = a;
    const struct session *y = b;
    if (x->team != y->team)
        return x->team < y->team ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->site > y->site) - (x->site < y->site);
}

static void sum_sessions(struct ledger *l)
{
    qsort(l->sessions, l->nsessions, sizeof *l->sessions, by_team_day_site);
    for (size_t i = 0; i < l->nsessions; i++) {
        const struct session *s = &l->sessions[i];
        if (i > 0 && by_team_day_site(s, s - 1) == 0) {
            l->e->merged++;
            continue;
        }
        l->e->sessions++;
        total_of(l->e, l->e->teams, s->team, s->day)->sessions++;
    }
}

/* Minutes owed: the year's duty by the days from the entry on, rounded up; none after the cut-off.
 */
static int person_duty(const struct demo_policy *p, int32_t entry, int year)
{
    int32_t first = demo_day_of(year, 1, 1);
    int32_t days = demo_day_of(year + 1, 1, 1) - first;
    int32_t from = entry > first ? entry : first;
    if (entry == INT32_MAX || from >= first + days ||
        from > demo_day_of(year, p->cutoff / 100, p->cutoff % 100))
        return 0;
    int64_t mass = (int64_t)(first + days - from) * p->athlete_min_minutes;
    int64_t step = (int64_t)days * p->rounding;
    return (int)((mass + step - 1) / step) * p->rounding;
}

static void sum_duties(struct ledger *l)
{
    const struct demo_world *w = l->b->world;
    for (uint32_t i = 0; i < w->npersons * DEMO_YEARS; i++) {
        struct demo_total *t = &l->e->persons[i];
        t->duty =
            person_duty(l->p, w->persons[i / DEMO_YEARS].entry, l->e->year - (int)(i % DEMO_YEARS));
        l->e->persons_met += t->duty > 0 && t->minutes >= t->duty;
    }
    for (uint32_t i = 0; i < w->nteams * DEMO_YEARS; i++) { /* all are active the whole year */
        struct demo_total *t = &l->e->teams[i];
        t->duty = l->p->team_min_sessions;
        l->e->teams_met += t->duty > 0 && t->sessions >= t->duty;
    }
}

/* ---- counts ---- */

struct demo_code *demo_code_row(struct demo_expected *e, const char *code)
{
    for (size_t i = 0; i < e->ncodes; i++)
        if (strcmp(e->codes[i].code, code) == 0)
            return &e->codes[i];
    if (e->ncodes == sizeof e->codes / sizeof e->codes[0])
        return &e->codes[e->ncodes - 1];
    struct demo_code *c = &e->codes[e->ncodes++];
    *c = (struct demo_code){0};
    (void)snprintf(c->code, sizeof c->code, "%.7s", code);
    return c;
}

static void count_item(struct demo_expected *e, const struct demo_item *i)
{
    int judged = i->op == DEMO_REPORT || i->op == DEMO_CORRECT || i->op == DEMO_WITHDRAW;
    e->stored += judged || i->op == DEMO_FEEDBACK;
    e->repeated += i->op == DEMO_SAME;
    e->conflicts += i->op == DEMO_OTHER;
    e->flags += i->op == DEMO_FEEDBACK && i->risky;
    if (!judged)
        return;
    if (i->verdict == DEMO_REJECTED)
        demo_code_row(e, i->code)->expected++;
    e->rejected += i->verdict == DEMO_REJECTED;
    e->accepted += i->verdict != DEMO_REJECTED;
    e->clean += i->verdict == DEMO_CLEAN;
    e->warned += i->verdict == DEMO_WARNED;
    e->withdrawn += i->verdict == DEMO_CLEAN && i->op == DEMO_WITHDRAW;
}

/* The body that stands for each report in the end; NULL: none. */
static int live_bodies(const struct demo_burst *b, const struct demo_body ***ret,
                       struct lj_err *err)
{
    const struct demo_body **live = calloc(b->n, sizeof(void *));
    if (!live)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the demonstration's expectation");
    for (size_t i = 0; i < b->n; i++) {
        const struct demo_item *item = &b->items[i];
        if (item->verdict == DEMO_REJECTED)
            continue;
        if (item->op == DEMO_REPORT)
            live[i] = item->body;
        else if (item->op == DEMO_CORRECT || item->op == DEMO_WITHDRAW)
            live[item->target] = item->body; /* a withdrawal's is NULL */
    }
    *ret = live;
    return 0;
}

static int open_ledger(struct ledger *l, const struct demo_body *const *live, struct lj_err *err)
{
    size_t rows = 1;
    size_t teams = 1;
    const struct demo_world *w = l->b->world;
    for (size_t i = 0; i < l->b->n; i++) {
        rows += live[i] ? live[i]->nrows : 0;
        teams += live[i] ? live[i]->nteams : 0;
    }
    l->credits = calloc(rows, sizeof *l->credits);
    l->sessions = calloc(teams, sizeof *l->sessions);
    l->e->persons = calloc(w->npersons * DEMO_YEARS, sizeof *l->e->persons);
    l->e->teams = calloc(w->nteams * DEMO_YEARS, sizeof *l->e->teams);
    if (!l->credits || !l->sessions || !l->e->persons || !l->e->teams)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the demonstration's expectation");
    return 0;
}

int demo_expect(const struct demo_burst *b, const struct demo_policy *p, struct demo_expected *ret,
                struct lj_err *err)
{
    struct ledger l = {.b = b, .p = p, .e = ret};
    const struct demo_body **live = NULL;
    int month;
    int day;
    *ret = (struct demo_expected){0};
    demo_date_of(b->world->today, &ret->year, &month, &day);
    int rc = live_bodies(b, &live, err);
    if (rc == 0)
        rc = open_ledger(&l, live, err);
    for (size_t i = 0; rc == 0 && i < b->n; i++) {
        count_item(ret, &b->items[i]);
        if (live[i]) {
            add_activity(&l, (uint32_t)i, live[i]);
            count_signs(ret, live[i]);
        }
    }
    if (rc == 0)
        rc = count_overlaps(ret, live, b->n, err);
    if (rc == 0) {
        sum_credits(&l);
        sum_sessions(&l);
        sum_duties(&l);
    }
    free(l.credits);
    free(l.sessions);
    free(live);
    return rc;
}

void demo_expected_free(struct demo_expected *e)
{
    free(e->persons);
    free(e->teams);
    *e = (struct demo_expected){0};
}
