/* Rules of what takes two persons: a version of a quota policy, or the values of a rule's setting.
 * One account proposes under a code, another approves, and with the approval it is in force; who
 * they were is taken from the events' senders, not from what the payload says. policy.set and
 * policy.rule_set are the short way of machines and of the seed: they name both.
 *
 * A setting's new values are its whole set, of the form that its values have had (a number, a day,
 * a span of days, a word): a worker must be able to read them, or it would judge nothing any more.
 * They begin at the event's position: nothing behind it has been judged yet, since all kinds that
 * read settings wait for the register. An event that was parked and comes later is refused. */
#include "workers/register/reg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {"kind", "state", "author", "approver", "body", NULL};

/* ---- settings of rules ---- */

static bool digits(const char *s, size_t n)
{
    return strspn(s, "0123456789") >= n;
}

static bool is_day(const char *s)
{
    return digits(s, 2) && s[2] == '-' && digits(s + 3, 2);
}

/* N a whole number, R one with decimals, D month and day, S a span of these, T a text. */
static char form_of(const char *s)
{
    size_t n = strspn(s, "0123456789");
    size_t all = strlen(s);
    if (n > 0 && n < 10 && n == all) {
        return 'N';
    }
    if (n > 0 && n < 10 && s[n] == '.' && all > n + 1 && digits(s + n + 1, all - n - 1)) {
        return 'R';
    }
    if (all == 5 && is_day(s)) {
        return 'D';
    }
    if (all == 12 && is_day(s) && s[5] == '.' && s[6] == '.' && is_day(s + 7)) {
        return 'S';
    }
    return 'T';
}

static bool day_ok(const char *s)
{
    char date[16];
    snprintf(date, sizeof(date), "2024-%.5s", s);
    return reg_date_ok(date);
}

static bool value_ok(const char *s, char form, bool word)
{
    bool days = (form != 'D' && form != 'S') || (day_ok(s) && (form == 'D' || day_ok(s + 7)));
    return form_of(s) == form && days && (!word || strlen(s) >= 3);
}

/* The form of the values that a setting has now, 0 where there is no such setting. */
static char known_form(const struct reg_state *s, const char *rule, const char *name, size_t *ret_n)
{
    size_t i;
    json_t *row;
    char form = 0;
    *ret_n = 0;
    json_array_foreach(s->settings, i, row)
    {
        if (strcmp(reg_text(row, "rule"), rule) == 0 && strcmp(reg_text(row, "name"), name) == 0) {
            form = form_of(reg_text(row, "value"));
            ++*ret_n;
        }
    }
    return form;
}

static void check_setting(struct reg_ctx *x)
{
    const char *name = reg_text(x->payload, "name");
    json_t *values = json_object_get(x->payload, "values");
    size_t had = 0;
    size_t i;
    json_t *v;
    char form = known_form(x->state, reg_text(x->payload, "rule"), name, &had);
    reg_span_check(x, x->payload, "/valid_to");
    if (form == 0) {
        reg_refuse(x, "/name", REG_R_SETTING_UNKNOWN);
        return;
    }
    if (json_array_size(values) == 0 || (had == 1 && form == 'N' && json_array_size(values) != 1)) {
        reg_refuse(x, "/values", REG_R_SETTING_VALUE);
    }
    json_array_foreach(values, i, v)
    {
        if (!value_ok(json_string_value(v), form, strcmp(name, "word") == 0)) {
            char pointer[32];
            snprintf(pointer, sizeof(pointer), "/values/%zu", i);
            reg_refuse(x, pointer, REG_R_SETTING_VALUE);
        }
    }
    if (x->state->height > x->event->position) {
        reg_refuse(x, "", REG_R_LATE);
    }
}

static void write_setting(struct reg_ctx *x)
{
    static const char *const cols[] = {"valid_from", "valid_to", "rule", "name", "value", NULL};
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(x->payload, "values"), i, v)
    {
        json_t *row = reg_row_new(x, cols);
        for (size_t c = 0; c < 4; c++) {
            reg_copy(x, row, cols[c], cols[c]);
        }
        reg_put(x, row, "value", json_incref(v));
        reg_write(x, "rule_setting", row);
        json_decref(row);
    }
    if (strcmp(reg_text(x->payload, "rule"), "REGISTER") == 0) {
        reg_limits_replace(x, reg_text(x->payload, "name"), json_object_get(x->payload, "values"));
    }
}

void reg_policy_rule_set(struct reg_ctx *x)
{
    check_setting(x);
    if (strcmp(reg_text(x->payload, "author"), reg_text(x->payload, "approver")) == 0) {
        reg_refuse(x, "/approver", REG_R_TWO_PERSONS);
    }
    if (x->reasons == 0) {
        write_setting(x);
    }
}

/* ---- proposals ---- */

/* The row of a new proposal: what is proposed, and for which unit or team (numbers; -1 = none). */
static void propose(struct reg_ctx *x, const char *kind, int32_t unit, int32_t team)
{
    if (x->reasons > 0) {
        return;
    }
    json_t *body = json_pack("{s:O, s:i, s:i}", "payload", x->payload, "unit", unit, "team", team);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_t *row = reg_row_new(x, columns);
    reg_put(x, row, "kind", json_string(kind));
    reg_put(x, row, "state", json_string("PROPOSED"));
    reg_put(x, row, "author", json_string(x->who.account));
    reg_put(x, row, "body", text != NULL ? json_string(text) : NULL);
    free(text);
    json_decref(body);
    if (x->nomem) {
        json_decref(row);
        return;
    }
    reg_register(x, REG_PROPOSAL, 0, row);
}

void reg_policy_proposed(struct reg_ctx *x)
{
    int32_t unit, team;
    reg_policy_check(x, &unit, &team);
    propose(x, "QUOTA", unit, team);
}

void reg_policy_rule_proposed(struct reg_ctx *x)
{
    check_setting(x);
    propose(x, "RULES", -1, -1);
}

static void write_state(struct reg_ctx *x, struct reg_entity *e, const char *state,
                        const char *approver)
{
    json_t *row = reg_row_next(x, e->row);
    reg_put(x, row, "state", json_string(state));
    if (approver != NULL) {
        reg_put(x, row, "approver", json_string(approver));
    }
    if (x->reasons > 0 || x->nomem) {
        json_decref(row);
        return;
    }
    reg_write(x, "proposal_version", row);
    reg_replace(&e->row, row);
}

/* The proposal that the event names, while it is one; NULL after a refusal. */
static struct reg_entity *open_proposal(struct reg_ctx *x)
{
    struct reg_entity *e = reg_require(x, REG_PROPOSAL, "code", false);
    if (e == NULL || reg_late(x, e->row, "/code")) {
        return NULL;
    }
    if (strcmp(reg_text(e->row, "state"), "PROPOSED") != 0) {
        reg_refuse(x, "/code", REG_R_STATE);
        return NULL;
    }
    return e;
}

/* Puts what was proposed in force, with both names. It is checked again: since then a higher
 * version or another set may have come. */
static void enact(struct reg_ctx *x, const struct reg_entity *e, json_t *body)
{
    json_t *own = x->payload;
    json_t *payload = json_object_get(body, "payload");
    x->payload = payload;
    if (strcmp(reg_text(e->row, "kind"), "QUOTA") == 0) {
        reg_put(x, payload, "author", json_string(reg_text(e->row, "author")));
        reg_put(x, payload, "approver", json_string(x->who.account));
        reg_policy_write(x, (int32_t)reg_int(body, "unit"), (int32_t)reg_int(body, "team"));
    } else {
        check_setting(x);
        if (x->reasons == 0) {
            write_setting(x);
        }
    }
    x->payload = own;
}

void reg_policy_approved(struct reg_ctx *x)
{
    struct reg_entity *e = open_proposal(x);
    if (e == NULL) {
        return;
    }
    if (strcmp(reg_text(e->row, "author"), x->who.account) == 0) {
        reg_refuse(x, "/code", REG_R_TWO_PERSONS);
        return;
    }
    json_t *body = json_loads(reg_text(e->row, "body"), 0, NULL);
    if (body == NULL) {
        x->nomem = true; /* it was written by json_dumps */
        return;
    }
    enact(x, e, body);
    json_decref(body);
    write_state(x, e, "APPROVED", x->who.account);
}

void reg_policy_withdrawn(struct reg_ctx *x)
{
    struct reg_entity *e = open_proposal(x);
    if (e != NULL) {
        write_state(x, e, "WITHDRAWN", NULL);
    }
}
