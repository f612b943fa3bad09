/* Rules of the unit directory. CN000 is the root: a unit that is no sub-unit lies directly below
 * it, a sub-unit below another unit; at most three levels below the root. Names are unique among
 * what units are called now. */
#include "workers/register/reg.h"

#include <string.h>

static const char *const columns[] = {"parent",  "name",  "kind",         "region",
                                      "aliases", "state", "addressed_on", NULL};

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

static void check_name(struct reg_ctx *x, int32_t self, const json_t *row)
{
    const struct reg_set *units = &x->state->set[REG_UNIT];
    for (size_t i = 0; i < units->count; i++) {
        const struct reg_entity *u = &units->items[i];
        if (u->number != self &&
            json_equal(json_object_get(u->row, "name"), json_object_get(row, "name"))) {
            reg_refuse(x, "/name", REG_R_NAME_TAKEN);
            return;
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
    if (reg_unit_depth(x->state, parent) + (self >= 0 ? height(x->state, self) : 1) >
        REG_UNIT_DEPTH) {
        reg_refuse(x, "/parent", REG_R_DEPTH);
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

void reg_unit_registered(struct reg_ctx *x)
{
    const char *code = reg_text(x->payload, "code");
    const struct reg_entity *old = reg_by_code(x->state, REG_UNIT, 0, code);
    json_t *row = reg_row_new(x, columns);
    reg_put(x, row, "aliases", json_array());
    reg_put(x, row, "state", json_string("ACTIVE"));
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

void reg_unit_suspended(struct reg_ctx *x)
{
    struct reg_entity *e = reg_require(x, REG_UNIT, "unit", true);
    if (e == NULL || reg_late(x, e->row, "/unit")) {
        return;
    }
    if (e->number == 0) {
        reg_refuse(x, "/unit", REG_R_CENTRE);
        return;
    }
    bool suspended = json_is_true(json_object_get(x->payload, "suspended"));
    json_t *row = reg_row_next(x, e->row);
    reg_put(x, row, "state", json_string(suspended ? "SUSPENDED" : "ACTIVE"));
    write_version(x, e, row);
}
