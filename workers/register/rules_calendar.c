/* Rule of calendar.day_started: the day and the position at which it began. It is a register like
 * the others because what follows from a day is reckoned at a position: a digest takes what was
 * stored between two of these rows. */
#include "workers/register/reg.h"

#include <stddef.h>

void reg_calendar_day_started(struct reg_ctx *x)
{
    static const char *const columns[] = {"day", NULL};
    json_t *row = reg_row_new(x, columns);
    reg_copy(x, row, "day", "day");
    reg_write(x, "calendar_day", row);
    json_decref(row);
}
