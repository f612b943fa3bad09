/* Anchor days and their windows.
 *
 * Fixed days are arithmetic. A lunar day is found with ICU's Chinese calendar: of the days of the
 * Gregorian year on which it can fall the one whose lunar month and day are right and whose month
 * is no leap month (a year with a leap eighth or ninth month has the day once). That takes ICU some
 * tens of conversions, so the days of the years that reports are about are kept.
 *
 * The calendar is read at noon in Asia/Shanghai, so no rounding of a midnight matters. Lunar days
 * of this list must fall between September and December: nothing here crosses a year's end.
 */
#include "workers/runner/anchors.h"

#include <stdlib.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

#include "workers/runner/calendar.h"

enum { KEPT_FROM = 2000, KEPT_YEARS = 100, NOT_YET = 0, NONE = INT32_MIN };

struct anchor {
    int lunar, first, month, day, before, after;
};
static const struct anchor table[LJ_ANCHOR_COUNT] = {
#define FIXED(word, first, month, day, before, after) {0, first, month, day, before, after},
#define LUNAR(word, first, month, day, before, after) {1, first, month, day, before, after},
#include "workers/runner/anchors.def"
#undef FIXED
#undef LUNAR
};

struct lj_anchors {
    UCalendar *chinese;
    int32_t kept[LJ_ANCHOR_COUNT][KEPT_YEARS]; /* NOT_YET: 2000-01-01 is no lunar anchor */
};

int lj_anchors_open(struct lj_anchors **ret, struct lj_err *err)
{
    static const UChar zone[] = u"Asia/Shanghai";
    UErrorCode code = U_ZERO_ERROR;
    struct lj_anchors *a = calloc(1, sizeof *a);
    if (!a)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the anchor days");
    a->chinese = ucal_open(zone, -1, "zh_CN@calendar=chinese", UCAL_TRADITIONAL, &code);
    const char *type = U_SUCCESS(code) ? ucal_getType(a->chinese, &code) : "";
    if (U_FAILURE(code) || type[0] != 'c') { /* not "chinese": ICU fell back to another one */
        lj_anchors_close(&a);
        return lj_fail(err, LJ_E_INTERNAL, "no Chinese calendar in ICU: %s", u_errorName(code));
    }
    *ret = a;
    return 0;
}

void lj_anchors_close(struct lj_anchors **ap)
{
    struct lj_anchors *a = *ap;
    if (!a)
        return;
    if (a->chinese)
        ucal_close(a->chinese);
    free(a);
    *ap = NULL;
}

static int is_lunar(struct lj_anchors *a, int32_t day, const struct anchor *want)
{
    static const double NOON_UTC_MS = 4.0 * 3600e3, DAY_MS = 86400e3;
    enum { DAYS_1970_TO_2000 = 10957 };
    UErrorCode code = U_ZERO_ERROR;
    ucal_setMillis(a->chinese, ((double)day + DAYS_1970_TO_2000) * DAY_MS + NOON_UTC_MS, &code);
    int32_t month = ucal_get(a->chinese, UCAL_MONTH, &code) + 1;
    int32_t date = ucal_get(a->chinese, UCAL_DATE, &code);
    int32_t leap = ucal_get(a->chinese, UCAL_IS_LEAP_MONTH, &code);
    return U_SUCCESS(code) && month == want->month && date == want->day && !leap;
}

static int32_t find_lunar(struct lj_anchors *a, const struct anchor *want, int year)
{
    /* A lunar month begins 20 to 51 days after the first of the Gregorian month of its number. */
    int32_t from = lj_day_of(year, want->month, 1) + 18, to = from + 75;
    for (int32_t day = from; day <= to; day++)
        if (is_lunar(a, day, want))
            return day;
    return NONE;
}

int32_t lj_anchors_day(struct lj_anchors *a, enum lj_anchor anchor, int year)
{
    const struct anchor *t = &table[anchor];
    if (year < t->first)
        return NONE;
    if (!t->lunar)
        return lj_day_of(year, t->month, t->day);
    if (year < KEPT_FROM || year >= KEPT_FROM + KEPT_YEARS)
        return find_lunar(a, t, year);
    int32_t *kept = &a->kept[anchor][year - KEPT_FROM];
    if (*kept == NOT_YET)
        *kept = find_lunar(a, t, year);
    return *kept;
}

int lj_anchors_holds(struct lj_anchors *a, enum lj_anchor anchor, int32_t day)
{
    int32_t is = lj_anchors_day(a, anchor, lj_year_of(day));
    return is != NONE && day >= is - table[anchor].before && day <= is + table[anchor].after;
}

int lj_anchors_of(struct lj_anchors *a, int32_t day)
{
    for (int i = 0; i < LJ_ANCHOR_COUNT; i++)
        if (lj_anchors_holds(a, (enum lj_anchor)i, day))
            return i;
    return -1;
}
