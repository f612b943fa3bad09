/* Local dates: whole days since 2000-01-01 in Asia/Shanghai.
 *
 * Days are counted from 1 March, so that a leap day is a year's last and needs no case: the number
 * of days before month m (March = 0) is (153 m + 2) / 5, and 400 years have 146,097 days. source:
 * the Gregorian rule; tests/unit/validation_calendar_test.c compares every day of 200 years with
 * timegm.
 */
#include "workers/runner/calendar.h"

enum {
    DAYS_400_YEARS = 146097,
    DAY_2000_01_01 = 730425, /* days from 0000-03-01 */
};

static const int64_t DAY_US = INT64_C(86400000000);
static const int64_t SHANGHAI_US = INT64_C(8) * 3600000000;
static const int64_t UNIX_TO_2000_DAYS = 10957;

int32_t lj_local_day(int64_t us)
{
    int64_t local = us + SHANGHAI_US;
    int64_t days = local / DAY_US - (local % DAY_US < 0);
    return (int32_t)(days - UNIX_TO_2000_DAYS);
}

int32_t lj_day_of(int year, int month, int day)
{
    int y = month < 3 ? year - 1 : year;
    int m = month < 3 ? month + 9 : month - 3;
    int era = (y >= 0 ? y : y - 399) / 400;
    int yoe = y - era * 400;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * m + 2) / 5 + day - 1;
    return era * DAYS_400_YEARS + doe - DAY_2000_01_01;
}

int32_t lj_day_of_number(int32_t number)
{
    return lj_day_of(number / 10000, number / 100 % 100, number % 100);
}

int lj_year_of(int32_t day)
{
    /* Within a year of the truth by the mean length, then set right. */
    int year = 2000 + (int)((int64_t)day * 400 / DAYS_400_YEARS);
    while (lj_day_of(year, 1, 1) > day)
        year--;
    while (lj_day_of(year + 1, 1, 1) <= day)
        year++;
    return year;
}
