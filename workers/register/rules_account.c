/* Rules of accounts of persons: who may log in, in which roles, for which unit. An account is named
 * by its login, which is system-wide and never given twice; its unit never changes. What is secret
 * (the password) is in no event.
 *
 * What is guarded: a unit that is active keeps an active administrator and has at most three; roles
 * of the Centre are given by no account (else who operates could make himself the one who
 * approves); nobody changes his own account, but for handing it over. LOCKED ends by itself: who
 * asks at a later time finds the account ACTIVE. Moves between states: moves.def. */
#include "workers/register/reg.h"

#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"

enum { LOCK_MINUTES = 15 }; /* source: field handbook F2, 7.4 */

static const char *const columns[] = {"locked_until", "handover_to", "unit",  "name", "state",
                                      "state_on",     "roles",       "teams", NULL};

static bool has_role(const json_t *row, const char *role)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(row, "roles"), i, r)
    {
        if (strcmp(json_string_value(r), role) == 0) {
            return true;
        }
    }
    return false;
}

/* The state at the event's time: a lock that has run out is none. */
static const char *state_of(const struct reg_ctx *x, const json_t *row)
{
    const char *state = reg_text(row, "state");
    const char *until = reg_text(row, "locked_until");
    int64_t us = 0;
    struct lj_err err = {0};
    bool over = strcmp(state, "LOCKED") == 0 && until != NULL &&
                lj_time_parse(until, strlen(until), &us, &err) == 0 &&
                us <= x->event->received_at_us;
    return over ? "ACTIVE" : state;
}

/* Administrators of the unit but for one account: those that are ACTIVE, or all not DISABLED. */
static int admins(const struct reg_ctx *x, int32_t unit, int32_t but, bool active)
{
    const struct reg_set *set = &x->state->set[REG_ACCOUNT];
    int n = 0;
    for (size_t i = 0; i < set->count; i++) {
        const json_t *row = set->items[i].row;
        const char *state = state_of(x, row);
        n += set->items[i].number != but && reg_int(row, "unit") == unit &&
             has_role(row, "UNIT_ADMIN") &&
             (active ? strcmp(state, "ACTIVE") == 0 : strcmp(state, "DISABLED") != 0);
    }
    return n;
}

/* Would the unit be left without an active administrator? old: the account before, row: after. */
static bool last_admin(const struct reg_ctx *x, const struct reg_entity *e, const json_t *row)
{
    int32_t unit = (int32_t)reg_int(e->row, "unit");
    const struct reg_entity *u = reg_by_number(x->state, REG_UNIT, unit);
    const char *state = state_of(x, e->row);
    bool was = has_role(e->row, "UNIT_ADMIN") &&
               (strcmp(state, "ACTIVE") == 0 || strcmp(state, "LOCKED") == 0);
    bool is = has_role(row, "UNIT_ADMIN") && strcmp(state_of(x, row), "ACTIVE") == 0;
    return u != NULL && strcmp(reg_text(u->row, "state"), "ACTIVE") == 0 && was && !is &&
           admins(x, unit, e->number, true) == 0;
}

static void check_roles(struct reg_ctx *x, const json_t *row, int32_t self)
{
    int32_t unit = (int32_t)reg_int(row, "unit");
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(row, "roles"), i, r)
    {
        const char *word = json_string_value(r);
        enum lj_person role = lj_person_of(word, strlen(word));
        char pointer[32];
        snprintf(pointer, sizeof(pointer), "/roles/%zu", i);
        if (!lj_person_fits(role, unit == 0)) {
            reg_refuse(x, pointer, REG_R_ROLE_SCOPE);
        } else if (x->who.role != LJ_PERSON_NONE && !lj_person_fits(role, false)) {
            reg_refuse(x, pointer, REG_R_GRANT);
        }
    }
    if (json_array_size(json_object_get(row, "roles")) == 0) {
        reg_refuse(x, "/roles", REG_R_INVALID);
    }
    int64_t most = reg_limit(x, REG_LIMIT_ADMINS);
    if (has_role(row, "UNIT_ADMIN") && admins(x, unit, self, false) >= most) {
        reg_refuse_limit(x, "/roles", REG_R_ADMINS, most);
    }
    if (json_array_size(json_object_get(row, "teams")) > 0 && !has_role(row, "TEAM_FILLER")) {
        reg_refuse(x, "/teams", REG_R_TEAMS_FILLER);
    }
}

/* The payload's teams as numbers, each of the account's unit or below it. */
static void put_teams(struct reg_ctx *x, json_t *row)
{
    size_t i;
    json_t *ref;
    json_t *list = json_object_get(x->payload, "teams");
    json_t *numbers = list != NULL ? json_array() : NULL;
    json_array_foreach(list, i, ref)
    {
        char pointer[32];
        snprintf(pointer, sizeof(pointer), "/teams/%zu", i);
        const struct reg_entity *t = reg_resolve(x, REG_TEAM, json_string_value(ref), pointer);
        if (t != NULL && !reg_unit_inside(x->state, t->unit, (int32_t)reg_int(row, "unit"))) {
            reg_refuse(x, pointer, REG_R_OUTSIDE);
        } else if (t != NULL && json_array_append_new(numbers, json_integer(t->number)) != 0) {
            x->nomem = true;
        }
    }
    if (list != NULL) {
        reg_put(x, row, "teams", numbers);
    }
}

void reg_account_invited(struct reg_ctx *x)
{
    json_t *row = reg_row_new(x, columns);
    reg_put(x, row, "unit", json_integer(x->event->unit));
    reg_put(x, row, "teams", json_array());
    reg_put_state(x, row, "INVITED");
    reg_copy(x, row, "name", "name");
    reg_copy(x, row, "roles", "roles");
    put_teams(x, row);
    if (x->nomem) {
        json_decref(row);
        return;
    }
    const struct reg_entity *old =
        reg_by_code(x->state, REG_ACCOUNT, 0, reg_text(x->payload, "login"));
    check_roles(x, row, old != NULL ? old->number : -1);
    reg_register_as(x, REG_ACCOUNT, 0, "login", row);
}

/* The account that the event names, of the sender's subtree; NULL after a refusal. */
static struct reg_entity *named(struct reg_ctx *x)
{
    struct reg_entity *e = reg_require(x, REG_ACCOUNT, "login", false);
    if (e == NULL || reg_late(x, e->row, "/login")) {
        return NULL;
    }
    if (!reg_unit_inside(x->state, (int32_t)reg_int(e->row, "unit"), x->event->unit)) {
        reg_refuse(x, "/login", REG_R_OUTSIDE);
        return NULL;
    }
    return e;
}

static bool is_own(const struct reg_ctx *x, const struct reg_entity *e)
{
    return x->who.role != LJ_PERSON_NONE && strcmp(x->who.account, e->code) == 0;
}

/* Writes the next version. Takes over row. */
static void write_version(struct reg_ctx *x, struct reg_entity *e, json_t *row)
{
    if (x->reasons == 0 && !x->nomem && last_admin(x, e, row)) {
        reg_refuse(x, "/login", REG_R_LAST_ADMIN);
    }
    if (x->reasons > 0 || x->nomem) {
        json_decref(row);
        return;
    }
    reg_write(x, "account_version", row);
    reg_replace(&e->row, row);
}

void reg_account_changed(struct reg_ctx *x)
{
    struct reg_entity *e = named(x);
    if (e == NULL) {
        return;
    }
    if (is_own(x, e)) {
        reg_refuse(x, "/login", REG_R_OWN_ACCOUNT);
        return;
    }
    json_t *row = reg_row_next(x, e->row);
    reg_copy(x, row, "name", "name");
    reg_copy(x, row, "roles", "roles");
    put_teams(x, row);
    if (!x->nomem && x->reasons == 0 && reg_same(row, e->row)) {
        reg_refuse(x, "", REG_R_NO_CHANGE);
    }
    if (!x->nomem) {
        check_roles(x, row, e->number);
    }
    write_version(x, e, row);
}

static void put_lock(struct reg_ctx *x, json_t *row, bool locked)
{
    char text[LJ_TIME_TEXT + 1];
    struct lj_err err = {0};
    int64_t until = x->event->received_at_us + LOCK_MINUTES * INT64_C(60000000);
    if (locked && lj_time_format(until, text, &err) != 0) {
        x->nomem = true; /* beyond year 9999 */
        return;
    }
    reg_put(x, row, "locked_until", locked ? json_string(text) : json_null());
}

static void put_handover(struct reg_ctx *x, json_t *row, const struct reg_entity *e)
{
    if (reg_text(x->payload, "handover_to") == NULL) {
        return;
    }
    const struct reg_entity *to = reg_require(x, REG_ACCOUNT, "handover_to", false);
    if (to == NULL) {
        return;
    }
    if (to->number == e->number || reg_int(to->row, "unit") != reg_int(e->row, "unit") ||
        strcmp(state_of(x, to->row), "ACTIVE") != 0) {
        reg_refuse(x, "/handover_to", REG_R_HANDOVER);
        return;
    }
    reg_put(x, row, "handover_to", json_integer(to->number));
}

/* accepted, activated, locked, unlocked, disabled */
void reg_account_moved(struct reg_ctx *x)
{
    struct reg_entity *e = named(x);
    if (e == NULL) {
        return;
    }
    const char *to = reg_move(x, x->event->type, state_of(x, e->row), "/login");
    if (to == NULL) {
        return;
    }
    if (is_own(x, e) && strcmp(to, "DISABLED") != 0) {
        reg_refuse(x, "/login", REG_R_OWN_ACCOUNT);
        return;
    }
    json_t *row = reg_row_next(x, e->row);
    reg_put_state(x, row, to);
    put_lock(x, row, strcmp(to, "LOCKED") == 0);
    reg_put(x, row, "handover_to", json_null());
    put_handover(x, row, e);
    if (!x->nomem && strcmp(to, "ACTIVE") == 0 &&
        strcmp(x->event->type, "account.activated") == 0) {
        check_roles(x, row, e->number);
    }
    if (strcmp(to, "LOCKED") == 0 && x->reasons == 0 && !x->nomem) {
        reg_write(x, "account_version", row); /* a lock runs out: it may be the last one's */
        reg_replace(&e->row, row);
        return;
    }
    write_version(x, e, row);
}
