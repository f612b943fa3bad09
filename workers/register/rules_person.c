/* Rules of persons, memberships and sites. A membership is one span with one status of one person
 * in one team: a change on day d ends the span that holds d on d-1 and starts another with its own
 * number, so that a day's status is a lookup by dates. Days are local dates, both ends included. */
#include "workers/register/reg.h"

#include <string.h>

static const char far_future[] = "9999-12-31"; /* an open end, only for comparing */

void reg_person_registered(struct reg_ctx *x)
{
    static const char *const columns[] = {"name", "sex", "birth_year", NULL};
    json_t *row = reg_row_new(x, columns);
    reg_copy(x, row, "name", "name");
    reg_copy(x, row, "sex", "sex");
    reg_copy(x, row, "birth_year", "birth_year");
    if (reg_int(x->payload, "birth_year") > reg_local_year(x->event->received_at_us) - 6) {
        reg_refuse(x, "/birth_year", REG_R_BIRTH_YEAR);
    }
    reg_register(x, REG_PERSON, x->event->unit, row);
}

void reg_site_registered(struct reg_ctx *x)
{
    static const char *const columns[] = {"lat", "lon", "name", "kind", "region", "capacity", NULL};
    json_t *row = reg_row_new(x, columns);
    for (size_t i = 0; columns[i] != NULL; i++) {
        reg_copy(x, row, columns[i], columns[i]);
    }
    if (json_is_null(json_object_get(row, "lat")) != json_is_null(json_object_get(row, "lon"))) {
        reg_refuse(x, "/lon", REG_R_PAIR);
    }
    reg_register(x, REG_SITE, x->event->unit, row);
}

/* The next version of a thing that has members of the columns' names. Takes over row. */
static void write_changed(struct reg_ctx *x, struct reg_entity *e, const char *table, json_t *row)
{
    if (x->reasons == 0 && !x->nomem && reg_same(row, e->row)) {
        reg_refuse(x, "", REG_R_NO_CHANGE);
    }
    if (x->reasons > 0 || x->nomem) {
        json_decref(row);
        return;
    }
    reg_write(x, table, row);
    reg_replace(&e->row, row);
}

/* Name, sex or year of birth of a person whom the sender's unit, or one below it, has registered.
 */
void reg_person_changed(struct reg_ctx *x)
{
    struct reg_entity *e = reg_require(x, REG_PERSON, "person", true);
    if (e == NULL || reg_late(x, e->row, "/person")) {
        return;
    }
    json_t *row = reg_row_next(x, e->row);
    reg_copy(x, row, "name", "name");
    reg_copy(x, row, "sex", "sex");
    reg_copy(x, row, "birth_year", "birth_year");
    if (reg_int(row, "birth_year") > reg_local_year(x->event->received_at_us) - 6) {
        reg_refuse(x, "/birth_year", REG_R_BIRTH_YEAR);
    }
    write_changed(x, e, "person_version", row);
}

/* Given members replace. The kind decides whether activities there count (policy, by kind). */
void reg_site_changed(struct reg_ctx *x)
{
    static const char *const members[] = {"lat", "lon", "name", "kind", "region", "capacity"};
    struct reg_entity *e = reg_require(x, REG_SITE, "site", true);
    if (e == NULL || reg_late(x, e->row, "/site")) {
        return;
    }
    json_t *row = reg_row_next(x, e->row);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        reg_copy(x, row, members[i], members[i]);
    }
    if (json_is_null(json_object_get(row, "lat")) != json_is_null(json_object_get(row, "lon"))) {
        reg_refuse(x, "/lon", REG_R_PAIR);
    }
    write_changed(x, e, "site_version", row);
}

/* ---- memberships ---- */

static const char *first_day(const json_t *row)
{
    return reg_text(row, "valid_from");
}

static const char *last_day(const json_t *row)
{
    const char *to = reg_text(row, "valid_to");
    return to != NULL ? to : far_future;
}

static bool holds(const json_t *row, const char *day)
{
    return strcmp(first_day(row), day) <= 0 && strcmp(day, last_day(row)) <= 0;
}

static bool overlap(const json_t *a, const json_t *b)
{
    return strcmp(first_day(a), last_day(b)) <= 0 && strcmp(first_day(b), last_day(a)) <= 0;
}

/* Whether it counts towards the three teams: who has retired or left does not belong to the team
 * any more. */
static bool counts(const json_t *row)
{
    const char *status = reg_text(row, "status");
    return strcmp(status, "RETIRED") != 0 && strcmp(status, "LEFT") != 0;
}

/* Other teams of the person on a day. Spans of one team do not overlap, so rows are teams. */
static int teams_on(const struct reg_state *s, int32_t person, int32_t but, const char *day)
{
    int n = 0;
    for (size_t i = 0; i < s->nmemberships; i++) {
        const struct reg_membership *m = &s->memberships[i];
        n += m->person == person && m->team != but && counts(m->row) && holds(m->row, day);
    }
    return n;
}

/* The most teams at once lie on the first day of some span: of the new one, or of another that
 * starts inside it. */
static void check_teams(struct reg_ctx *x, int32_t person, int32_t team, const json_t *row)
{
    const struct reg_state *s = x->state;
    if (!counts(row)) {
        return;
    }
    int most = teams_on(s, person, team, first_day(row));
    for (size_t i = 0; i < s->nmemberships; i++) {
        if (s->memberships[i].person == person && holds(row, first_day(s->memberships[i].row))) {
            int n = teams_on(s, person, team, first_day(s->memberships[i].row));
            most = n > most ? n : most;
        }
    }
    int64_t limit = reg_limit(x, REG_LIMIT_TEAMS);
    if (most + 1 > limit) {
        reg_refuse_limit(x, "/team", REG_R_TEAMS, limit);
    }
}

static void write_new(struct reg_ctx *x, int32_t person, int32_t team, json_t *row)
{
    int32_t number = ++x->state->last_membership;
    reg_put(x, row, "number", json_integer(number));
    json_t *identity = json_object();
    reg_put(x, identity, "position", json_integer(x->event->position));
    reg_put(x, identity, "number", json_integer(number));
    reg_put(x, identity, "person", json_integer(person));
    reg_put(x, identity, "team", json_integer(team));
    reg_write(x, "membership", identity);
    json_decref(identity);
    reg_write(x, "membership_version", row);
    if (reg_add_membership(x->state, number, person, team, row) == NULL) {
        x->nomem = true;
    }
}

void reg_membership_started(struct reg_ctx *x)
{
    static const char *const columns[] = {"valid_from", "valid_to", "role", "status", "main", NULL};
    const struct reg_entity *person = reg_require(x, REG_PERSON, "person", false);
    const struct reg_entity *team = reg_require(x, REG_TEAM, "team", true);
    if (person == NULL || team == NULL) {
        return;
    }
    json_t *row = reg_row_new(x, columns);
    reg_put(x, row, "main", json_false());
    reg_copy(x, row, "main", "primary");
    for (size_t i = 0; i < 4; i++) {
        reg_copy(x, row, columns[i], columns[i]);
    }
    if (x->nomem) {
        json_decref(row);
        return;
    }
    reg_span_check(x, row, "/valid_to");
    const char *team_end = reg_text(team->row, "valid_to");
    if (team_end != NULL && strcmp(first_day(row), team_end) > 0) {
        reg_refuse(x, "/team", REG_R_TEAM_OVER);
    }
    bool same = false;
    bool overlaps = false;
    for (size_t i = 0; i < x->state->nmemberships && !x->nomem; i++) {
        const struct reg_membership *m = &x->state->memberships[i];
        if (m->person == person->number && m->team == team->number) {
            same = same || reg_same(row, m->row);
            overlaps = overlaps || overlap(row, m->row);
        }
    }
    if (overlaps && !same) {
        reg_refuse(x, "/valid_from", REG_R_OVERLAP);
    }
    if (x->reasons == 0 && !same && !x->nomem) {
        check_teams(x, person->number, team->number, row);
    }
    if (x->reasons > 0 || same || x->nomem) {
        json_decref(row);
        return;
    }
    write_new(x, person->number, team->number, row);
}

/* The span of the named person and team that holds the day; refuses where there is none. */
static struct reg_membership *find_span(struct reg_ctx *x, const char *day, const char *pointer)
{
    const struct reg_entity *person = reg_require(x, REG_PERSON, "person", false);
    const struct reg_entity *team = reg_require(x, REG_TEAM, "team", true);
    if (person == NULL || team == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < x->state->nmemberships; i++) {
        struct reg_membership *m = &x->state->memberships[i];
        if (m->person == person->number && m->team == team->number && holds(m->row, day)) {
            return reg_late(x, m->row, pointer) ? NULL : m;
        }
    }
    reg_refuse(x, pointer, REG_R_NO_MEMBERSHIP);
    return NULL;
}

void reg_membership_changed(struct reg_ctx *x)
{
    const char *from = reg_text(x->payload, "from");
    struct reg_membership *m = find_span(x, from, "/from");
    if (m == NULL) {
        return;
    }
    json_t *row = reg_row_next(x, m->row);
    reg_copy(x, row, "status", "status");
    reg_copy(x, row, "role", "role");
    reg_copy(x, row, "main", "primary");
    if (!x->nomem && reg_same(row, m->row)) {
        reg_refuse(x, "", REG_R_NO_CHANGE);
    }
    reg_copy(x, row, "valid_from", "from");
    if (x->reasons == 0 && !x->nomem) {
        check_teams(x, m->person, m->team, row);
    }
    if (x->reasons > 0 || x->nomem) {
        json_decref(row);
        return;
    }
    if (strcmp(first_day(m->row), from) ==
        0) { /* from its first day on: the same span, corrected */
        reg_write(x, "membership_version", row);
        reg_replace(&m->row, row);
        return;
    }
    char before[11];
    reg_date_before(from, before);
    json_t *ended = reg_row_next(x, m->row);
    reg_put(x, ended, "valid_to", json_string(before));
    reg_write(x, "membership_version", ended);
    int32_t person = m->person; /* write_new may move the array that m points into */
    int32_t team = m->team;
    if (ended != NULL) {
        reg_replace(&m->row, ended);
    }
    write_new(x, person, team, row);
}

/* A change that follows on this span without a gap. */
static bool followed(const struct reg_state *s, const struct reg_membership *m)
{
    for (size_t i = 0; i < s->nmemberships; i++) {
        const struct reg_membership *o = &s->memberships[i];
        char before[11];
        if (o->person == m->person && o->team == m->team && o != m) {
            reg_date_before(first_day(o->row), before);
            if (strcmp(before, last_day(m->row)) == 0) {
                return true;
            }
        }
    }
    return false;
}

void reg_membership_ended(struct reg_ctx *x)
{
    struct reg_membership *m = find_span(x, reg_text(x->payload, "on"), "/on");
    if (m == NULL) {
        return;
    }
    if (followed(x->state, m)) {
        reg_refuse(x, "/on", REG_R_FOLLOWED);
        return;
    }
    json_t *row = reg_row_next(x, m->row);
    reg_copy(x, row, "valid_to", "on");
    if (!x->nomem && reg_same(row, m->row)) {
        reg_refuse(x, "/on", REG_R_NO_CHANGE);
    }
    if (x->reasons > 0 || x->nomem) {
        json_decref(row);
        return;
    }
    reg_write(x, "membership_version", row);
    reg_replace(&m->row, row);
}
