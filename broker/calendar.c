/* The calendar: one event a local day, which says that the day has begun.
 *
 * Whatever happens because time passes (a digest of yesterday, a reminder that falls due) must come
 * out the same at every replay, so it may not ask a clock: it follows from this event and its
 * position. The event is the broker's own, like an operator's, and goes through intake as all do.
 * Its id is made of the day, so a restart, a second owner or a clock that was set back sends it
 * again in vain: a day begins once. A day on which the broker did not run at all has no event;
 * readers take the span between two of them.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/uuid.h"

/* source: "Local" is Asia/Shanghai everywhere (field handbook 7.6a); no daylight saving since 1991.
 */
static const int64_t DAY_US = 86400LL * 1000000, LOCAL_US = 8LL * 3600 * 1000000;

enum { AGAIN_US = 5000000 }; /* after a refusal: intake is full, or the broker drains */

static int64_t day_now(void)
{
    return (lj_now_us() + LOCAL_US) / DAY_US;
}

/* Gregorian date of a day number, days since 1970-01-01. */
static void put_day(char ret[16], int64_t day)
{
    time_t at = (time_t)(day * 86400);
    struct tm tm;
    (void)gmtime_r(&at, &tm);
    (void)strftime(ret, 16, "%Y-%m-%d", &tm);
}

/* The day as the parent of an id: its first instant as the 48 bits of time. */
static void day_id(int64_t day, uint8_t ret[LJ_UUID_BYTES])
{
    uint8_t parent[LJ_UUID_BYTES] = {0};
    uint64_t ms = (uint64_t)((day * DAY_US - LOCAL_US) / 1000);
    for (int i = 0; i < 6; i++)
        parent[i] = (uint8_t)(ms >> (40 - 8 * i));
    lj_uuid_v8(parent, "calendar", (uint32_t)day, ret);
}

static void on_answer(struct submission *s, void *arg)
{
    struct broker *b = arg;
    struct calendar *c = &b->calendar;
    int code = s->answers[0].code;
    char day[16];
    put_day(day, c->asked);
    if (code == 0 || code == 1) { /* stored now, or by whoever owned the log this morning */
        c->begun = c->asked;
        lj_log(LJ_INFO, "calendar.day_started", "day=%s again=%d", day, code);
    } else {
        c->again_us = lj_mono_us() + AGAIN_US;
        lj_log(LJ_WARN, "calendar.refused", "day=%s code=%s", day, lj_err_info(code)->name);
    }
    c->asked = 0;
}

void calendar_tick(struct broker *b, int64_t now_us)
{
    struct calendar *c = &b->calendar;
    int64_t today = day_now();
    if (!b->cfg.calendar || b->cat->replay || c->asked || today == c->begun || now_us < c->again_us)
        return;
    char day[16], payload[40];
    uint8_t id[LJ_UUID_BYTES];
    put_day(day, today);
    day_id(today, id);
    (void)snprintf(payload, sizeof payload, "{\"day\":\"%s\"}", day);
    c->asked = today;
    if (intake_own(b, "calendar.day_started", payload, id, on_answer, b) != 0) {
        c->asked = 0;
        c->again_us = now_us + AGAIN_US;
    }
}
