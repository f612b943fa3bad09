/* Rules of the calendar: the days as they begin, and which days of a year are worked.
 *
 * The day that began is a register like the others because what follows from a day is reckoned at a
 * position: a digest takes what was stored between two of these rows. A year's holidays may be set
 * again; the last setting at a position holds, as with every register. */
#include "workers/register/reg.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

void reg_calendar_day_started(struct reg_ctx *x)
{
    static const char *const columns[] = {"day", NULL};
    json_t *row = reg_row_new(x, columns);
    reg_copy(x, row, "day", "day");
    reg_write(x, "calendar_day", row);
    json_decref(row);
}

static void check_days(struct reg_ctx *x, const char *list, const char *year)
{
    size_t i;
    json_t *day;
    json_array_foreach(json_object_get(x->payload, list), i, day)
    {
        if (strncmp(json_string_value(day), year, 4) != 0) {
            char pointer[32];
            snprintf(pointer, sizeof(pointer), "/%s/%zu", list, i);
            reg_refuse(x, pointer, REG_R_OTHER_YEAR);
        }
    }
}

static bool holds(const json_t *list, const json_t *day)
{
    size_t i;
    json_t *other;
    json_array_foreach(list, i, other)
    {
        if (json_equal(other, day)) {
            return true;
        }
    }
    return false;
}

void reg_calendar_year_set(struct reg_ctx *x)
{
    static const char *const columns[] = {"year",   "off",      "work", "source",
                                          "author", "approver", NULL};
    char year[16];
    size_t i;
    json_t *day;
    snprintf(year, sizeof(year), "%04d", (int)reg_int(x->payload, "year"));
    check_days(x, "off", year);
    check_days(x, "work", year);
    json_array_foreach(json_object_get(x->payload, "work"), i, day)
    {
        if (holds(json_object_get(x->payload, "off"), day)) {
            reg_refuse(x, "/off", REG_R_TWICE);
        }
    }
    if (strcmp(reg_text(x->payload, "author"), reg_text(x->payload, "approver")) == 0) {
        reg_refuse(x, "/approver", REG_R_TWO_PERSONS);
    }
    if (x->reasons > 0) {
        return;
    }
    json_t *row = reg_row_new(x, columns);
    for (const char *const *c = columns; *c != NULL; c++) {
        reg_copy(x, row, *c, *c);
    }
    reg_write(x, "calendar_year", row);
    json_decref(row);
}
