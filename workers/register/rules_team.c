/* Rules of the team register. A team is in force from valid_from to valid_to, both included; inside
 * that it is ACTIVE but for the days in `paused`. A state of team.changed holds from its day on,
 * whatever was declared for later days. DISBANDED and MERGED are final. */
#include "workers/register/reg.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const columns[] = {
    "base_lat", "base_lon", "valid_from", "valid_to",   "merged_into", "name", "level",
    "sport",    "gender",   "state",      "games_task", "paused",      NULL};
static const char *const members[] = {"name",     "level",      "sport",    "gender",  "valid_from",
                                      "valid_to", "games_task", "base_lat", "base_lon"};

static void copy_members(struct reg_ctx *x, json_t *row)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        reg_copy(x, row, members[i], members[i]);
    }
}

static void check_row(struct reg_ctx *x, const json_t *row)
{
    reg_span_check(x, row, "/valid_to");
    if (json_is_null(json_object_get(row, "base_lat")) !=
        json_is_null(json_object_get(row, "base_lon"))) {
        reg_refuse(x, "/base_lon", REG_R_PAIR);
    }
}

void reg_team_registered(struct reg_ctx *x)
{
    json_t *row = reg_row_new(x, columns);
    reg_put(x, row, "state", json_string("ACTIVE"));
    reg_put(x, row, "games_task", json_array());
    reg_put(x, row, "paused", json_string("{}"));
    copy_members(x, row);
    if (x->nomem) {
        json_decref(row);
        return;
    }
    check_row(x, row);
    reg_register(x, REG_TEAM, x->event->unit, row);
}

static void write_version(struct reg_ctx *x, struct reg_entity *e, json_t *row)
{
    if (x->reasons == 0 && reg_same(row, e->row)) {
        reg_refuse(x, "", REG_R_NO_CHANGE);
    }
    if (x->reasons > 0 || x->nomem) {
        json_decref(row);
        return;
    }
    reg_write(x, "team_version", row);
    reg_replace(&e->row, row);
}

/* From `day` on the team is PAUSED or ACTIVE: spans of `paused` (as PostgreSQL writes a
 * datemultirange, "{[2025-01-01,2025-02-01),...}") are cut off at that day, and for PAUSED an open
 * one follows. Canonical: a span that ends on the day it would go on is joined. */
static json_t *paused_from(const char *old, const char *day, bool pause)
{
    assert(day != NULL); /* state and from come together */
    char out[4096] = "{";
    size_t n = 1;
    char open_from[11] = ""; /* a cut or touching span that the new one continues */
    for (const char *p = strchr(old, '['); p != NULL; p = strchr(p + 1, '[')) {
        char from[11];
        char to[11];
        snprintf(from, sizeof(from), "%.10s", p + 1);
        snprintf(to, sizeof(to), "%.*s", p[12] == ')' ? 0 : 10, p + 12);
        if (strcmp(from, day) >= 0) {
            break;
        }
        bool reaches = to[0] == '\0' || strcmp(to, day) >= 0;
        if (reaches && pause) {
            memcpy(open_from, from, sizeof(from));
            break;
        }
        if (n + 32 > sizeof(out)) {
            return NULL; /* more than a hundred pauses: the batch fails rather than lose one */
        }
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s[%s,%s)", n > 1 ? "," : "", from,
                              reaches ? day : to);
    }
    if (pause && n + 32 <= sizeof(out)) {
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s[%s,)", n > 1 ? "," : "",
                              open_from[0] != '\0' ? open_from : day);
    }
    snprintf(out + n, sizeof(out) - n, "}");
    return json_string(out);
}

/* state: PAUSED or ACTIVE from a day on, NULL where it stays. */
static void change(struct reg_ctx *x, const char *state)
{
    struct reg_entity *e = reg_require(x, REG_TEAM, "team", true);
    const char *from = reg_text(x->payload, "from");
    if (e == NULL || reg_late(x, e->row, "/team")) {
        return;
    }
    const char *old_state = reg_text(e->row, "state");
    if (strcmp(old_state, "DISBANDED") == 0 || strcmp(old_state, "MERGED") == 0) {
        reg_refuse(x, "/team", REG_R_TEAM_OVER);
    }
    if ((state == NULL) != (from == NULL)) {
        reg_refuse(x, state == NULL ? "/state" : "/from", REG_R_PAIR);
    }
    if (x->reasons > 0) {
        return;
    }
    json_t *row = reg_row_next(x, e->row);
    copy_members(x, row);
    if (state != NULL) {
        reg_put(x, row, "state", json_string(state));
        reg_put(x, row, "paused",
                paused_from(reg_text(e->row, "paused"), from, strcmp(state, "PAUSED") == 0));
    }
    if (x->nomem) {
        json_decref(row);
        return;
    }
    check_row(x, row);
    write_version(x, e, row);
}

void reg_team_changed(struct reg_ctx *x)
{
    change(x, reg_text(x->payload, "state"));
}

void reg_team_paused(struct reg_ctx *x)
{
    change(x, strcmp(x->event->type, "team.paused") == 0 ? "PAUSED" : "ACTIVE");
}

void reg_team_disbanded(struct reg_ctx *x)
{
    struct reg_entity *e = reg_require(x, REG_TEAM, "team", true);
    const struct reg_entity *into = NULL;
    if (reg_text(x->payload, "merged_into") != NULL) {
        into = reg_require(x, REG_TEAM, "merged_into", false);
        if (into == NULL) {
            return;
        }
    }
    if (e == NULL || reg_late(x, e->row, "/team")) {
        return;
    }
    const char *old_state = reg_text(e->row, "state");
    if (strcmp(old_state, "DISBANDED") == 0 || strcmp(old_state, "MERGED") == 0) {
        reg_refuse(x, "/team", REG_R_TEAM_OVER);
    }
    if (into != NULL && into->number == e->number) {
        reg_refuse(x, "/merged_into", REG_R_SELF);
    }
    const char *into_state = into != NULL ? reg_text(into->row, "state") : "ACTIVE";
    if (strcmp(into_state, "DISBANDED") == 0 || strcmp(into_state, "MERGED") == 0) {
        reg_refuse(x, "/merged_into", REG_R_TEAM_OVER);
    }
    json_t *row = reg_row_next(x, e->row);
    reg_copy(x, row, "valid_to", "on");
    reg_put(x, row, "state", json_string(into != NULL ? "MERGED" : "DISBANDED"));
    reg_put(x, row, "merged_into", into != NULL ? json_integer(into->number) : json_null());
    if (x->nomem) {
        json_decref(row);
        return;
    }
    reg_span_check(x, row, "/on");
    write_version(x, e, row);
}
