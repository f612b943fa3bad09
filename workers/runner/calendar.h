/* Local dates. "Local" is Asia/Shanghai for everybody, whatever offset a client wrote. */
#ifndef LJ_WORKERS_RUNNER_CALENDAR_H
#define LJ_WORKERS_RUNNER_CALENDAR_H

#include <stdint.h>

/* Days since 2000-01-01 (PostgreSQL's date) of the local date of an instant. UTC+8 without summer
 * time, as Asia/Shanghai has been since September 1991; reports are never older. */
int32_t lj_local_day(int64_t us);
/* Days since 2000-01-01 of a date of the Gregorian calendar. */
int32_t lj_day_of(int year, int month, int day);
/* The same for a date written as one number, YYYYMMDD. */
int32_t lj_day_of_number(int32_t number);
/* The year of a day. */
int lj_year_of(int32_t day);

#endif
