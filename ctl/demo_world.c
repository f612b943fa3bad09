/* The demonstration's world: teams, persons, memberships and sites of the letter's units.
 *
 * Sizes grow with the number of reports up to those the field plans with (3,500 teams, some 45,000
 * athletes). Each demonstration has a generation and codes of its own (d3-t17), so one can follow
 * another in the same directory: nothing in a world meets an earlier one, and what must come of it
 * can be told without looking at what is there. Entity i depends on (seed, i) alone, and the ids of
 * the register events on (seed, generation, i): a start that was broken off is simply repeated.
 *
 * A fifth of the teams are quiet: so few reports that no duty can be met. Corrections and
 * withdrawals go to these, because whether a duty that is lowered again was once met depends on
 * when settlements ran.
 */
#include <stdlib.h>
#include <string.h>

#include "common/uuid.h"
#include "ctl/demo.h"

enum {
    STREAM_TEAM = 1,
    STREAM_MEMBER,
    STREAM_GUEST,
    TEAM_MIN = 8,
    TEAM_SPREAD = 9,
    SQUAD_MIN = 40,
    SQUAD_SPREAD = 20,
    GUESTS_MAX = 2,
    TEAMS_LEAST = 102,
    TEAMS_MOST = 3500,
};
static const int64_t DAY_US = INT64_C(86400000000);
static const int64_t LOCAL_US = INT64_C(28800000000);

/* splitmix64 */
uint64_t demo_next(struct demo_rand *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint32_t demo_below(struct demo_rand *r, uint32_t n)
{
    return n ? (uint32_t)((demo_next(r) >> 32) * n >> 32) : 0;
}

struct demo_rand demo_rand_of(uint64_t seed, uint64_t stream, uint64_t index)
{
    struct demo_rand r = {seed * UINT64_C(0xD1342543DE82EF95) + stream};
    r.state = demo_next(&r) ^ index;
    (void)demo_next(&r);
    return r;
}

/* ---- days ---- */

int32_t demo_local_day(int64_t us)
{
    return (int32_t)((us + LOCAL_US) / DAY_US);
}

/* Days from the civil calendar; years are counted from 1 March, so that leap days come last. */
int32_t demo_day_of(int year, int month, int day)
{
    int y = year - (month <= 2);
    int era = y / 400;
    int of_era = y - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void demo_date_of(int32_t day, int *year, int *month, int *mday)
{
    int y = 1970 + day / 366;
    while (demo_day_of(y + 1, 1, 1) <= day)
        y++;
    int m = 1;
    while (m < 12 && demo_day_of(y, m + 1, 1) <= day)
        m++;
    *year = y;
    *month = m;
    *mday = day - demo_day_of(y, m, 1) + 1;
}

/* ---- ids: UUID version 7, a fixed time for the world, the start's for the burst ---- */

void demo_id(const struct demo_world *w, int burst, uint64_t index, uint8_t ret[16])
{
    struct demo_rand r = demo_rand_of(w->seed, 99, (uint64_t)w->generation);
    uint64_t ms = burst ? (uint64_t)(w->now_us / 1000)
                        : UINT64_C(1704038400000) + (uint64_t)w->generation; /* 2024-01-01 */
    uint64_t low = (demo_next(&r) & UINT64_C(0x3FFFFFFF)) << 32 | index;
    for (int i = 0; i < 6; i++)
        ret[i] = (uint8_t)(ms >> (40 - 8 * i));
    ret[6] = 0x7d;
    ret[7] = (uint8_t)(burst ? 2 : 1);
    low |= UINT64_C(1) << 63;
    for (int i = 0; i < 8; i++)
        ret[8 + i] = (uint8_t)(low >> (56 - 8 * i));
}

void demo_ids(const struct demo_world *w, int burst, uint8_t lo[16], uint8_t hi[16])
{
    demo_id(w, burst, 0, lo);
    demo_id(w, burst, UINT32_MAX, hi);
}

/* ---- making it ---- */

static size_t clamp(size_t n, size_t lo, size_t hi)
{
    return n < lo ? lo : n > hi ? hi : n;
}

/* The first teams go round all units; then 65 % are provincial. */
static uint16_t unit_of_team(const struct demo_world *w, struct demo_rand *r, size_t team)
{
    size_t provinces = 0;
    while (provinces < w->nunits && strcmp(w->units[provinces].kind, "PROVINCE") == 0)
        provinces++;
    if (team < w->nunits)
        return (uint16_t)team;
    if (demo_below(r, 100) < 65)
        return (uint16_t)demo_below(r, (uint32_t)provinces);
    return (uint16_t)(provinces + demo_below(r, (uint32_t)(w->nunits - provinces)));
}

static enum demo_status draw_status(struct demo_rand *r, int first, int quiet)
{
    uint32_t x = demo_below(r, 100);
    return first || quiet || x < 84 ? DEMO_FORMAL
           : x < 93                 ? DEMO_TRIAL
           : x < 97                 ? DEMO_TRAINEE
                                    : DEMO_RETIRED;
}

static void add_member(struct demo_world *w, uint32_t person, uint32_t team,
                       enum demo_status status, int32_t from)
{
    struct demo_person *p = &w->persons[person];
    w->members[w->nmembers++] = (struct demo_member){person, team, (uint8_t)status, from};
    w->teams[team].count++;
    if (status == DEMO_FORMAL && from < p->entry)
        p->entry = from;
}

static uint32_t add_person(struct demo_world *w, uint16_t unit)
{
    w->persons[w->npersons] = (struct demo_person){.unit = unit, .entry = INT32_MAX};
    return (uint32_t)w->npersons++;
}

/* An athlete of a provincial team who is in this national one too. */
static void add_guest(struct demo_world *w, uint32_t team, int32_t joined)
{
    struct demo_rand r = demo_rand_of(w->seed, STREAM_GUEST, team * 8U + w->teams[team].guests);
    for (int tries = 0; tries < 20; tries++) {
        uint32_t m = demo_below(&r, w->teams[team].first);
        const struct demo_team *home = &w->teams[w->members[m].team];
        if (w->members[m].status != DEMO_FORMAL || home->quiet || home->unit == w->teams[team].unit)
            continue;
        for (uint32_t k = w->teams[team].first; k < w->nmembers; k++)
            if (w->members[k].person == w->members[m].person)
                return;
        if (w->persons[w->members[m].person].unit != home->unit)
            return; /* a guest there already: two teams are enough */
        add_member(w, w->members[m].person, team, DEMO_FORMAL, joined);
        w->teams[team].guests++;
        return;
    }
}

static void add_team(struct demo_world *w, uint32_t team, int32_t founded)
{
    struct demo_rand r = demo_rand_of(w->seed, STREAM_TEAM, team);
    struct demo_team *t = &w->teams[team];
    *t = (struct demo_team){.unit = unit_of_team(w, &r, team), .first = (uint32_t)w->nmembers};
    t->quiet = team % 5 == 4;
    uint32_t size = !t->quiet && demo_below(&r, 25) == 0 ? SQUAD_MIN + demo_below(&r, SQUAD_SPREAD)
                                                         : TEAM_MIN + demo_below(&r, TEAM_SPREAD);
    for (uint32_t i = 0; i < size; i++) {
        struct demo_rand m = demo_rand_of(w->seed, STREAM_MEMBER, w->npersons);
        enum demo_status status = draw_status(&m, i == 0, t->quiet);
        /* Three in a hundred came this year; never within the days that reports are about. */
        int late = !t->quiet && i > 0 && demo_below(&m, 100) < 3;
        int32_t from = late ? w->today - 60 - (int32_t)demo_below(&m, 250) : founded;
        add_member(w, add_person(w, t->unit), team, status, from);
    }
    uint32_t junior = add_person(w, t->unit); /* in no clean report */
    w->persons[junior].junior = 1;
    add_member(w, junior, team, DEMO_JUNIOR, founded);
    if (strcmp(w->units[t->unit].kind, "PROVINCE") != 0 && t->first > 0 && !t->quiet)
        for (uint32_t g = demo_below(&r, GUESTS_MAX + 1); g > 0; g--)
            add_guest(w, team, founded);
    add_member(w, add_person(w, t->unit), team, DEMO_COACH, founded);
}

int demo_world_make(uint64_t seed, int generation, size_t reports, int64_t now_us,
                    struct demo_world *ret, struct lj_err *err)
{
    struct demo_world *w = ret;
    *w = (struct demo_world){.seed = seed, .generation = generation, .now_us = now_us};
    w->today = demo_local_day(now_us);
    w->nteams = clamp(reports / 10, TEAMS_LEAST, TEAMS_MOST);
    w->sites_per_unit = clamp(reports / 300, 8, 40);
    size_t most = w->nteams * (SQUAD_MIN + SQUAD_SPREAD + GUESTS_MAX + 2);
    w->units = calloc(DEMO_UNITS_MAX, sizeof *w->units);
    w->teams = calloc(w->nteams, sizeof *w->teams);
    w->persons = calloc(most, sizeof *w->persons);
    w->members = calloc(most, sizeof *w->members);
    if (!w->units || !w->teams || !w->persons || !w->members)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the demonstration's world");
    int rc = lj_units_embedded(w->units, DEMO_UNITS_MAX, &w->nunits, err);
    for (uint32_t t = 0; rc == 0 && t < w->nteams; t++)
        add_team(w, t, demo_day_of(2023, 9, 1));
    return rc;
}

void demo_world_free(struct demo_world *w)
{
    free(w->units);
    free(w->teams);
    free(w->persons);
    free(w->members);
    *w = (struct demo_world){0};
}

/* ---- as events: teams, persons, sites, then memberships ---- */

size_t demo_world_events(const struct demo_world *w, size_t *ret_dependent)
{
    *ret_dependent = w->nteams + w->npersons + w->nunits * w->sites_per_unit;
    return *ret_dependent + w->nmembers;
}

static void put_team(const struct demo_world *w, uint32_t i, struct demo_event *e,
                     struct lj_buf *out)
{
    char name[128];
    const struct lj_unit *u = &w->units[w->teams[i].unit];
    demo_team_name(w, i, name);
    e->type = "team.registered";
    e->unit = u->code;
    lj_buf_printf(out,
                  "{\"code\":\"d%d-t%u\",\"name\":\"%s\",\"level\":\"%s\",\"sport\":\"%s\","
                  "\"gender\":\"%s\"}",
                  w->generation, i, name,
                  strcmp(u->kind, "PROVINCE") == 0 ? "PROVINCIAL" : "NATIONAL",
                  demo_team_sport(w, i),
                  i % 3 == 0   ? "M"
                  : i % 3 == 1 ? "F"
                               : "X");
}

static void put_person(const struct demo_world *w, uint32_t i, struct demo_event *e,
                       struct lj_buf *out)
{
    enum { JUNIOR_AGE = 15 };
    char name[64];
    int year;
    int month;
    int mday;
    demo_date_of(w->today, &year, &month, &mday);
    demo_person_name(w->seed, i, name);
    e->type = "person.registered";
    e->unit = w->units[w->persons[i].unit].code;
    lj_buf_printf(out, "{\"code\":\"d%d-p%u\",\"name\":\"%s\",\"sex\":\"%s\",\"birth_year\":%u}",
                  w->generation, i, name, i % 2 ? "F" : "M",
                  w->persons[i].junior ? (unsigned)(year - JUNIOR_AGE) : 1988 + i % 18);
}

static void put_site(const struct demo_world *w, uint32_t i, struct demo_event *e,
                     struct lj_buf *out)
{
    char name[128];
    const struct lj_unit *u = &w->units[i / w->sites_per_unit];
    const char *region = i % w->sites_per_unit == DEMO_SITE_NOWHERE ? "160000"
                         : u->region[0]                             ? u->region
                                                                    : "110000";
    demo_site_name(w, i, name);
    e->type = "site.registered";
    e->unit = u->code;
    lj_buf_printf(out, "{\"code\":\"d%d-s%u\",\"name\":\"%s\",\"kind\":\"%s\",\"region\":\"%s\"}",
                  w->generation, i, name, demo_site_kind(w, i), region);
}

static void put_member(const struct demo_world *w, uint32_t i, struct demo_event *e,
                       struct lj_buf *out)
{
    static const char *const words[] = {"FORMAL",  "TRIAL",  "TRAINEE",
                                        "RETIRED", "FORMAL", "TRAINEE"};
    const struct demo_member *m = &w->members[i];
    const char *home = w->units[w->persons[m->person].unit].code;
    int year;
    int month;
    int day;
    demo_date_of(m->from, &year, &month, &day);
    e->type = "membership.started";
    e->unit = w->units[w->teams[m->team].unit].code;
    lj_buf_printf(
        out,
        "{\"person\":\"%s/d%d-p%u\",\"team\":\"d%d-t%u\",\"role\":\"%s\",\"status\":\"%s\","
        "\"valid_from\":\"%04d-%02d-%02d\"}",
        home, w->generation, m->person, w->generation, m->team,
        m->status == DEMO_COACH ? "COACH" : "ATHLETE", words[m->status], year, month, day);
}

void demo_world_event(const struct demo_world *w, size_t i, struct demo_event *ret,
                      struct lj_buf *payload)
{
    size_t sites = w->nunits * w->sites_per_unit;
    size_t k = i;
    demo_id(w, 0, i, ret->id);
    if (k < w->nteams)
        put_team(w, (uint32_t)k, ret, payload);
    else if ((k -= w->nteams) < w->npersons)
        put_person(w, (uint32_t)k, ret, payload);
    else if ((k -= w->npersons) < sites)
        put_site(w, (uint32_t)k, ret, payload);
    else
        put_member(w, (uint32_t)(k - sites), ret, payload);
}
