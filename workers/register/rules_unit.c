/* Rules of the unit directory. CN000 is the root: a unit that is no sub-unit lies directly below
 * it, a sub-unit below another unit; at most three levels below the root. Names are unique among
 * what units are called now. */
#include "workers/register/reg.h"

#include <stdio.h>
#include <string.h>

static const char *const columns[] = {"parent", "name",         "kind",     "region", "aliases",
                                      "state",  "addressed_on", "state_on", NULL};

/* Writes the next version of a unit, unless it was refused or says what is there already. Takes
 * over row. */
static void write_version(struct reg_ctx *x, struct reg_entity *e, json_t *row)
{
    if (x->reasons == 0 && reg_same(row, e->row)) {
        reg_refuse(x, "", REG_R_NO_CHANGE);
    }
    if (x->reasons > 0 || x->nomem) {
        json_decref(row);
        return;
    }
    reg_write(x, "unit_version", row);
    reg_replace(&e->row, row);
}

/* Is the text a name or alias of a unit other than self? */
static bool is_called(const struct reg_entity *u, const json_t *text)
{
    size_t i;
    json_t *alias;
    if (json_equal(json_object_get(u->row, "name"), text)) {
        return true;
    }
    json_array_foreach(json_object_get(u->row, "aliases"), i, alias)
    {
        if (json_equal(alias, text)) {
            return true;
        }
    }
    return false;
}

/* Names and aliases are one room: who looks for a unit by a text finds one. */
static void check_name(struct reg_ctx *x, int32_t self, const json_t *row)
{
    const struct reg_set *units = &x->state->set[REG_UNIT];
    bool name = false;
    size_t k;
    json_t *alias;
    for (size_t i = 0; i < units->count; i++) {
        const struct reg_entity *u = &units->items[i];
        if (u->number == self) {
            continue;
        }
        if (!name && is_called(u, json_object_get(row, "name"))) {
            name = true;
            reg_refuse(x, "/name", REG_R_NAME_TAKEN);
        }
        json_array_foreach(json_object_get(row, "aliases"), k, alias)
        {
            if (is_called(u, alias)) {
                char pointer[40];
                snprintf(pointer, sizeof(pointer), "/aliases/%zu", k);
                reg_refuse(x, pointer, REG_R_ALIAS_TAKEN);
            }
        }
    }
}

/* Levels of the subtree below a unit, itself counted. */
static int height(struct reg_state *s, int32_t unit)
{
    int depth = reg_unit_depth(s, unit);
    int ret = 1;
    for (size_t i = 0; i < s->set[REG_UNIT].count; i++) {
        int32_t other = s->set[REG_UNIT].items[i].number;
        if (reg_unit_inside(s, other, unit)) {
            int levels = reg_unit_depth(s, other) - depth + 1;
            ret = levels > ret ? levels : ret;
        }
    }
    return ret;
}

/* Sets the row's parent from the payload (or leaves the old one) and checks kind, cycle and depth.
 * self: -1 for a new unit. */
static void place(struct reg_ctx *x, json_t *row, int32_t self)
{
    int32_t parent = (int32_t)reg_int(row, "parent");
    if (reg_text(x->payload, "parent") != NULL) {
        const struct reg_entity *p = reg_require(x, REG_UNIT, "parent", true);
        if (p == NULL) {
            return;
        }
        parent = p->number;
    } else if (self >= 0 && reg_text(x->payload, "kind") != NULL &&
               strcmp(reg_text(x->payload, "kind"), "SUB_UNIT") != 0) {
        parent = 0; /* became a top-level unit: no parent needs to be named */
    }
    bool sub = strcmp(reg_text(row, "kind"), "SUB_UNIT") == 0;
    if (sub != (parent != 0)) {
        reg_refuse(x, "/parent", sub ? REG_R_PARENT_NEEDED : REG_R_PARENT_NOT_ALLOWED);
        return;
    }
    if (self >= 0 && reg_unit_inside(x->state, parent, self)) {
        reg_refuse(x, "/parent", REG_R_CYCLE);
        return;
    }
    int64_t most = reg_limit(x, REG_LIMIT_LEVELS);
    if (reg_unit_depth(x->state, parent) + (self >= 0 ? height(x->state, self) : 1) > most) {
        reg_refuse_limit(x, "/parent", REG_R_DEPTH, most);
        return;
    }
    reg_put(x, row, "parent", json_integer(parent));
}

static void copy_members(struct reg_ctx *x, json_t *row)
{
    static const char *const members[] = {"name", "kind", "region", "aliases", "addressed_on"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        reg_copy(x, row, members[i], members[i]);
    }
}

/* A new unit, in a state. */
static void enter(struct reg_ctx *x, const char *state)
{
    const char *code = reg_text(x->payload, "code");
    const struct reg_entity *old = reg_by_code(x->state, REG_UNIT, 0, code);
    json_t *row = reg_row_new(x, columns);
    reg_put(x, row, "aliases", json_array());
    reg_put_state(x, row, state);
    copy_members(x, row);
    if (x->nomem) {
        json_decref(row);
        return;
    }
    if (old != NULL && old->number == 0) {
        reg_refuse(x, "/code", REG_R_CENTRE);
    }
    place(x, row, -1);
    check_name(x, old != NULL ? old->number : -1, row);
    reg_register(x, REG_UNIT, 0, row);
}

void reg_unit_addressed(struct reg_ctx *x)
{
    enter(x, "ADDRESSED");
}

/* The Centre registers a unit that is addressed, invited, or has applied: what the event says
 * replaces what was known, and it is ACTIVE. */
static void admit(struct reg_ctx *x, struct reg_entity *e)
{
    if (reg_late(x, e->row, "/code")) {
        return;
    }
    json_t *row = reg_row_next(x, e->row);
    copy_members(x, row);
    reg_put_state(x, row, "ACTIVE");
    if (x->nomem) {
        json_decref(row);
        return;
    }
    place(x, row, e->number);
    check_name(x, e->number, row);
    write_version(x, e, row);
}

void reg_unit_registered(struct reg_ctx *x)
{
    struct reg_entity *old = reg_by_code(x->state, REG_UNIT, 0, reg_text(x->payload, "code"));
    const char *state = old != NULL ? reg_text(old->row, "state") : "ACTIVE";
    bool under_way = strcmp(state, "ADDRESSED") == 0 || strcmp(state, "INVITED") == 0 ||
                     strcmp(state, "APPLIED") == 0 || strcmp(state, "RETURNED") == 0;
    if (under_way) {
        admit(x, old);
    } else {
        enter(x, "ACTIVE");
    }
}

void reg_unit_changed(struct reg_ctx *x)
{
    struct reg_entity *e = reg_require(x, REG_UNIT, "unit", true);
    if (e == NULL || reg_late(x, e->row, "/unit")) {
        return;
    }
    if (e->number == 0) {
        reg_refuse(x, "/unit", REG_R_CENTRE);
        return;
    }
    json_t *row = reg_row_next(x, e->row);
    copy_members(x, row);
    if (x->nomem) {
        json_decref(row);
        return;
    }
    place(x, row, e->number);
    check_name(x, e->number, row);
    write_version(x, e, row);
}

/* A unit below this one that is not closed. */
static bool has_subunits(const struct reg_state *s, int32_t unit)
{
    for (size_t i = 0; i < s->set[REG_UNIT].count; i++) {
        const json_t *row = s->set[REG_UNIT].items[i].row;
        if (s->set[REG_UNIT].items[i].number != 0 && reg_int(row, "parent") == unit &&
            strcmp(reg_text(row, "state"), "CLOSED") != 0) {
            return true;
        }
    }
    return false;
}

static void move(struct reg_ctx *x, const char *type)
{
    struct reg_entity *e = reg_require(x, REG_UNIT, "unit", true);
    if (e == NULL || reg_late(x, e->row, "/unit")) {
        return;
    }
    if (e->number == 0) {
        reg_refuse(x, "/unit", REG_R_CENTRE);
        return;
    }
    const char *to = reg_move(x, type, reg_text(e->row, "state"), "/unit");
    if (to != NULL && strcmp(to, "CLOSED") == 0 && has_subunits(x->state, e->number)) {
        reg_refuse(x, "/unit", REG_R_SUBUNITS);
    }
    if (to == NULL || x->reasons > 0) {
        return;
    }
    json_t *row = reg_row_next(x, e->row);
    reg_put_state(x, row, to);
    write_version(x, e, row);
}

void reg_unit_moved(struct reg_ctx *x)
{
    move(x, x->event->type);
}

/* The older form of two moves: `suspended` says which. */
void reg_unit_suspended(struct reg_ctx *x)
{
    move(x, json_is_false(json_object_get(x->payload, "suspended")) ? "unit.resumed"
                                                                    : "unit.suspended");
}

/* A unit that is not registered yet may apply and have its accounts opened, no more; a closed one
 * nothing; a suspended one keeps its registers in order. */
bool reg_unit_may_send(struct reg_ctx *x)
{
    const struct reg_entity *u = reg_by_number(x->state, REG_UNIT, x->event->unit);
    const char *state = u != NULL ? reg_text(u->row, "state") : NULL;
    if (state == NULL || strcmp(state, "ACTIVE") == 0 || strcmp(state, "SUSPENDED") == 0) {
        return true;
    }
    bool early =
        strcmp(x->event->type, "unit.applied") == 0 || strncmp(x->event->type, "account.", 8) == 0;
    if (early && strcmp(state, "CLOSED") != 0) {
        return true;
    }
    reg_refuse(x, "", REG_R_NOT_ACTIVE);
    return false;
}
