/* Times as text and numbers, by arithmetic alone: no struct tm, no locale, no TZ, no dependence on
 * the C library's calendar.
 *
 * An event's occurred_at decides a quota year and a local day, and goes into the content hash; so
 * one text must mean one instant, on every machine, and what cannot be kept exactly (a seventh
 * digit, second 60) is refused and not rounded.
 *
 * Days are counted in years that begin in March: the leap day is then a year's last day, and both
 * directions are a few integer divisions without tables or loops, in the proleptic Gregorian
 * calendar.
 *
 * Guarantees: format(parse(t)) names the same instant as t; parse(format(us)) == us over the whole
 * range; nothing is read past `len`. */
#include "common/timefmt.h"

#include <stdbool.h>
#include <stdio.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_DAY    (86400 * US_PER_SECOND)

enum {
    DAYS_400_YEARS = 146097,
    DAYS_TO_EPOCH = 719468, /* from 0000-03-01 to 1970-01-01 */
    DATE_TIME_CHARS = 19,   /* "YYYY-MM-DDThh:mm:ss" */
};

/* Days of the `month` months from March on (0 = March): 31 30 31 30 31 repeats every 153 days. */
static int64_t days_to_month(int64_t month)
{
    return (153 * month + 2) / 5;
}

/* Days since 1970-01-01; year 1..9999. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y =
        month <= 2 ? year - 1 : year; /* not negative, so division and remainder need no care */
    int64_t era = y / 400, yoe = y % 400;
    int64_t doy = days_to_month(month > 2 ? month - 3 : month + 9) + day - 1;
    return era * DAYS_400_YEARS + yoe * 365 + yoe / 4 - yoe / 100 + doy - DAYS_TO_EPOCH;
}

struct date {
    int year, month, day;
};

/* The date of a day number within LJ_TIME_MIN_US..LJ_TIME_MAX_US. */
static struct date date_of_days(int64_t days)
{
    int64_t z = days + DAYS_TO_EPOCH; /* not negative: 0001-01-01 lies behind 0000-03-01 */
    int64_t era = z / DAYS_400_YEARS, doe = z % DAYS_400_YEARS;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t march_month = (5 * doy + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct date){
        .year = (int)(yoe + era * 400 + (month <= 2)),
        .month = (int)month,
        .day = (int)(doy - days_to_month(march_month) + 1),
    };
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* n decimal digits as a number, -1 when one is none. */
static int digits(const char *p, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return -1;
        }
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

/* The fixed fields of a timestamp: where, how many digits, bounds. */
static const struct {
    const char *name;
    int at, n, min, max;
} fields[] = {
    {"year", 0, 4, 1, 9999}, {"month", 5, 2, 1, 12},   {"day", 8, 2, 1, 31},
    {"hour", 11, 2, 0, 23},  {"minute", 14, 2, 0, 59}, {"second", 17, 2, 0, 59},
};
enum { N_FIELDS = sizeof(fields) / sizeof(fields[0]) };

/* Date and time of day, as if it were UTC. */
static int parse_date_time(const char *text, int64_t *ret_us, struct lj_err *err)
{
    int v[N_FIELDS];
    if (text[4] != '-' || text[7] != '-' || (text[10] | 0x20) != 't' || text[13] != ':' ||
        text[16] != ':') {
        return lj_fail(err, LJ_E_ARG, "time is not of the form YYYY-MM-DDThh:mm:ssZ");
    }
    for (size_t i = 0; i < N_FIELDS; i++) {
        v[i] = digits(text + fields[i].at, fields[i].n);
        if (v[i] < fields[i].min || v[i] > fields[i].max) {
            return lj_fail(err, LJ_E_ARG, "%s of the time is not %d..%d", fields[i].name,
                           fields[i].min, fields[i].max);
        }
    }
    if (v[2] > days_in_month(v[0], v[1])) {
        return lj_fail(err, LJ_E_ARG, "month %d of year %d has no day %d", v[1], v[0], v[2]);
    }
    int64_t seconds = ((int64_t)v[3] * 60 + v[4]) * 60 + v[5];
    *ret_us = days_of_date(v[0], v[1], v[2]) * US_PER_DAY + seconds * US_PER_SECOND;
    return 0;
}

/* An optional '.' and one to six digits; *p moves behind it. */
static int parse_fraction(const char **p, const char *end, int64_t *ret_us, struct lj_err *err)
{
    int64_t us = 0;
    int n = 0;
    if (*p < end && **p == '.') {
        const char *d = *p + 1;
        for (; d + n < end && d[n] >= '0' && d[n] <= '9'; n++) {
            if (n == 6) {
                return lj_fail(err, LJ_E_ARG, "time has more than 6 digits of a second");
            }
            us = us * 10 + (d[n] - '0');
        }
        if (n == 0) {
            return lj_fail(err, LJ_E_ARG, "time has no digit after the point");
        }
        *p = d + n;
    }
    for (; n < 6; n++) {
        us *= 10;
    }
    *ret_us = us;
    return 0;
}

/* "Z", or an offset; nothing may follow. */
static int parse_offset(const char *p, const char *end, int64_t *ret_us, struct lj_err *err)
{
    if (end - p == 1 && *p == 'Z') {
        *ret_us = 0;
        return 0;
    }
    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':') {
        return lj_fail(err, LJ_E_ARG, "time does not end in Z or an offset like +08:00");
    }
    int hours = digits(p + 1, 2), minutes = digits(p + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return lj_fail(err, LJ_E_ARG, "offset of the time is not 00:00..23:59");
    }
    int64_t us = ((int64_t)hours * 60 + minutes) * US_PER_MINUTE;
    *ret_us = *p == '-' ? -us : us;
    return 0;
}

static bool in_range(int64_t us)
{
    return us >= LJ_TIME_MIN_US && us <= LJ_TIME_MAX_US;
}

int lj_time_parse(const char *text, size_t len, int64_t *ret_us, struct lj_err *err)
{
    int64_t local = 0, fraction = 0, offset = 0;
    if (len < DATE_TIME_CHARS + 1) {
        return lj_fail(err, LJ_E_ARG, "time is not of the form YYYY-MM-DDThh:mm:ssZ");
    }
    const char *p = text + DATE_TIME_CHARS, *end = text + len;
    int rc = parse_date_time(text, &local, err);
    if (rc == 0) {
        rc = parse_fraction(&p, end, &fraction, err);
    }
    if (rc == 0) {
        rc = parse_offset(p, end, &offset, err);
    }
    if (rc != 0) {
        return rc;
    }
    int64_t us = local + fraction - offset;
    if (!in_range(us)) {
        return lj_fail(err, LJ_E_ARG, "time lies outside the years 0001..9999 of UTC");
    }
    *ret_us = us;
    return 0;
}

int lj_time_format(int64_t us, char out[LJ_TIME_TEXT + 1], struct lj_err *err)
{
    if (!in_range(us)) {
        return lj_fail(err, LJ_E_ARG, "time lies outside the years 0001..9999 of UTC");
    }
    int64_t days = us / US_PER_DAY, rest = us % US_PER_DAY;
    if (rest < 0) {
        days--;
        rest += US_PER_DAY;
    }
    struct date d = date_of_days(days);
    int seconds = (int)(rest / US_PER_SECOND), fraction = (int)(rest % US_PER_SECOND);
    int n = snprintf(out, LJ_TIME_TEXT + 1, "%04d-%02d-%02dT%02d:%02d:%02d", d.year, d.month, d.day,
                     seconds / 3600, seconds / 60 % 60, seconds % 60);
    char *tail = out + n;
    size_t left = (size_t)(LJ_TIME_TEXT + 1 - n);
    if (fraction == 0) {
        snprintf(tail, left, "Z");
    } else if (fraction % 1000 == 0) {
        snprintf(tail, left, ".%03dZ", fraction / 1000);
    } else {
        snprintf(tail, left, ".%06dZ", fraction);
    }
    return 0;
}

int lj_time_to_pg(int64_t us, int64_t *ret_pg_us, struct lj_err *err)
{
    int64_t pg;
    if (__builtin_sub_overflow(us, LJ_PG_EPOCH_US, &pg) || pg == INT64_MIN) {
        return lj_fail(err, LJ_E_ARG, "time %lld us does not fit a timestamptz", (long long)us);
    }
    *ret_pg_us = pg;
    return 0;
}

int lj_time_from_pg(int64_t pg_us, int64_t *ret_us, struct lj_err *err)
{
    int64_t us;
    if (pg_us == INT64_MIN || pg_us == INT64_MAX ||
        __builtin_add_overflow(pg_us, LJ_PG_EPOCH_US, &us)) {
        return lj_fail(err, LJ_E_ARG, "timestamptz %lld is infinite or does not fit",
                       (long long)pg_us);
    }
    *ret_us = us;
    return 0;
}
