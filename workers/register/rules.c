/* What the rules share: reasons, rows, references, and the common part of every x.registered.
 *
 * A rule first finds every reason against its event and returns if there was one; only then does it
 * write rows. So a refused event leaves no row but its line in register_log and its reasons. A
 * failed allocation is noted in the context and the whole batch is tried again: a rule may go on
 * with what it has, since nothing of it will be used. */
#include "workers/register/reg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *code, *en, *zh;
} reasons[REG_REASONS] = {
#define REG_REASON(symbol, code, en, zh) [REG_R_##symbol] = {code, en, zh},
#include "workers/register/reasons.def"
#undef REG_REASON
};

static void put_text(struct reg_ctx *x, enum reg_column column, const char *text)
{
    lj_pgarray_bytes(lj_result_column(x->out, column), text, strlen(text));
}

void reg_refuse_text(struct reg_ctx *x, const char *pointer, enum reg_reason reason, const char *en,
                     const char *zh)
{
    if (x->reasons >= REG_REASONS_MAX) {
        return; /* enough to work with; a hostile payload does not fill a table */
    }
    x->reasons++;
    lj_pgarray_int(lj_result_column(x->out, REG_C_REFUSED_POSITIONS), x->event->position);
    put_text(x, REG_C_REFUSED_CODES, reasons[reason].code);
    put_text(x, REG_C_REFUSED_POINTERS, pointer);
    put_text(x, REG_C_REFUSED_EN, en);
    put_text(x, REG_C_REFUSED_ZH, zh);
}

void reg_refuse(struct reg_ctx *x, const char *pointer, enum reg_reason reason)
{
    reg_refuse_text(x, pointer, reason, reasons[reason].en, reasons[reason].zh);
}

void reg_refuse_limit(struct reg_ctx *x, const char *pointer, enum reg_reason reason, int64_t most)
{
    char en[200], zh[200];
    (void)snprintf(en, sizeof en, "%s: at most %lld", reasons[reason].en, (long long)most);
    (void)snprintf(zh, sizeof zh, "%s:上限 %lld", reasons[reason].zh, (long long)most);
    reg_refuse_text(x, pointer, reason, en, zh);
}

const char *reg_text(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

json_int_t reg_int(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

void reg_put(struct reg_ctx *x, json_t *row, const char *column, json_t *value)
{
    if (value == NULL || row == NULL || json_object_set_new(row, column, value) != 0) {
        x->nomem = true;
        if (row == NULL) {
            json_decref(value);
        }
    }
}

void reg_copy(struct reg_ctx *x, json_t *row, const char *column, const char *member)
{
    json_t *value = json_object_get(x->payload, member);
    if (value != NULL) {
        reg_put(x, row, column, json_incref(value));
    }
}

json_t *reg_row_new(struct reg_ctx *x, const char *const *columns)
{
    json_t *row = json_object();
    for (; *columns != NULL; columns++) {
        reg_put(x, row, *columns, json_null());
    }
    reg_put(x, row, "position", json_integer(x->event->position));
    return row;
}

json_t *reg_row_next(struct reg_ctx *x, const json_t *old)
{
    json_t *row = json_copy((json_t *)(uintptr_t)old); /* jansson's prototype lacks a const */
    reg_put(x, row, "position", json_integer(x->event->position));
    return row;
}

void reg_write(struct reg_ctx *x, const char *table, const json_t *row)
{
    char *text = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
    if (text == NULL) {
        x->nomem = true;
        return;
    }
    put_text(x, REG_C_TABLES, table);
    put_text(x, REG_C_ROWS, text);
    free(text);
}

bool reg_same(const json_t *a, const json_t *b)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)a, name, value)
    {
        if (strcmp(name, "position") != 0 && strcmp(name, "number") != 0 &&
            strcmp(name, "state_on") != 0 && !json_equal(value, json_object_get(b, name))) {
            return false;
        }
    }
    return true;
}

void reg_replace(json_t **slot, json_t *row)
{
    json_decref(*slot);
    *slot = row;
}

static const struct {
    const char *type, *from, *to;
} moves[] = {
#define REG_MOVE(thing, type, from, to) {type, from, to},
#include "workers/register/moves.def"
#undef REG_MOVE
};

const char *reg_move(struct reg_ctx *x, const char *type, const char *from, const char *pointer)
{
    bool there = false;
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        if (strcmp(moves[i].type, type) == 0) {
            if (strcmp(moves[i].from, from) == 0) {
                return moves[i].to;
            }
            there = there || strcmp(moves[i].to, from) == 0;
        }
    }
    reg_refuse(x, pointer, there ? REG_R_NO_CHANGE : REG_R_STATE);
    return NULL;
}

void reg_put_state(struct reg_ctx *x, json_t *row, const char *state)
{
    char day[11];
    reg_local_date(x->event->received_at_us, day);
    reg_put(x, row, "state", json_string(state));
    reg_put(x, row, "state_on", json_string(day));
}

/* Events come in position order, but for one that was parked and redriven: it must not overwrite
 * what came after it. */
bool reg_late(struct reg_ctx *x, const json_t *row, const char *pointer)
{
    if (reg_int(row, "position") <= x->event->position) {
        return false;
    }
    reg_refuse(x, pointer, REG_R_LATE);
    return true;
}

/* Units, accounts and proposals have codes of the whole system, all others of a unit. */
static bool is_global(enum reg_table t)
{
    return t == REG_UNIT || t == REG_ACCOUNT || t == REG_PROPOSAL;
}

struct reg_entity *reg_resolve(struct reg_ctx *x, enum reg_table t, const char *text,
                               const char *pointer)
{
    static const enum reg_reason unknown[REG_TABLES] = {
        REG_R_UNIT_UNKNOWN,      REG_R_TEAM_UNKNOWN,    REG_R_PERSON_UNKNOWN,  REG_R_SITE_UNKNOWN,
        REG_R_EXEMPTION_UNKNOWN, REG_R_ACCOUNT_UNKNOWN, REG_R_PROPOSAL_UNKNOWN};
    char unit[6];
    char code[REG_CODE_BYTES];
    reg_ref_split(text, unit, code);
    int32_t unit_number = is_global(t) ? 0 : x->event->unit;
    if (unit[0] != '\0') {
        const struct reg_entity *u = reg_by_code(x->state, REG_UNIT, 0, unit);
        if (u == NULL) {
            reg_refuse(x, pointer, REG_R_UNIT_UNKNOWN);
            return NULL;
        }
        unit_number = u->number;
    }
    struct reg_entity *e = reg_by_code(x->state, t, unit_number, code);
    if (e == NULL) {
        reg_refuse(x, pointer, unknown[t]);
    }
    return e;
}

struct reg_entity *reg_require(struct reg_ctx *x, enum reg_table t, const char *member, bool inside)
{
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/%s", member);
    struct reg_entity *e = reg_resolve(x, t, reg_text(x->payload, member), pointer);
    if (e != NULL && inside &&
        !reg_unit_inside(x->state, t == REG_UNIT ? e->number : e->unit, x->event->unit)) {
        reg_refuse(x, pointer, REG_R_OUTSIDE);
        return NULL;
    }
    return e;
}

void reg_span_check(struct reg_ctx *x, const json_t *row, const char *pointer)
{
    const char *from = reg_text(row, "valid_from");
    const char *to = reg_text(row, "valid_to");
    if (from != NULL && to != NULL && strcmp(from, to) > 0) {
        reg_refuse(x, pointer, REG_R_SPAN);
    }
}

static void write_identity(struct reg_ctx *x, enum reg_table t, const struct reg_entity *e,
                           const char *name)
{
    json_t *row = json_object();
    reg_put(x, row, "position", json_integer(x->event->position));
    reg_put(x, row, "number", json_integer(e->number));
    reg_put(x, row, "code", json_string(e->code));
    if (!is_global(t)) {
        reg_put(x, row, "unit", json_integer(e->unit));
    }
    reg_write(x, name, row);
    json_decref(row);
}

void reg_register_as(struct reg_ctx *x, enum reg_table t, int32_t unit, const char *member,
                     json_t *row)
{
    static const char *const tables[REG_TABLES][2] = {
        {"unit", "unit_version"},           {"team", "team_version"},
        {"person", "person_version"},       {"site", "site_version"},
        {"exemption", "exemption_version"}, {"account", "account_version"},
        {"proposal", "proposal_version"}};
    const char *code = reg_text(x->payload, member);
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/%s", member);
    struct reg_entity *e = reg_by_code(x->state, t, unit, code);
    if (e != NULL && !reg_same(row, e->row)) {
        reg_refuse(x, pointer, REG_R_CODE_TAKEN);
    }
    if (x->reasons > 0 || x->nomem || e != NULL) {
        json_decref(row); /* refused, or there with the same content: nothing to write */
        return;
    }
    e = reg_add(x->state, t, unit, code, row);
    if (e == NULL) {
        x->nomem = true;
        return;
    }
    reg_put(x, e->row, "number", json_integer(e->number));
    write_identity(x, t, e, tables[t][0]);
    reg_write(x, tables[t][1], e->row);
}

void reg_register(struct reg_ctx *x, enum reg_table t, int32_t unit, json_t *row)
{
    reg_register_as(x, t, unit, "code", row);
}
