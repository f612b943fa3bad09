/* Dates as texts "YYYY-MM-DD", which compare with strcmp. Only the one step back needs a calendar.
 *
 * Why no time.h: the worker asks no clock and no time zone file; the business calendar is
 * Asia/Shanghai, UTC+8 without summer time in every year that an event can be received in. The day
 * number algorithm is the usual one on years that begin in March. */
#include "workers/register/reg.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool leap(int y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int days_in(int y, int m)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    assert(m >= 1 && m <= 12);
    return m == 2 && leap(y) ? 29 : days[m - 1];
}

static int number(const char *s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return -1;
        }
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

bool reg_date_ok(const char *s)
{
    if (strlen(s) != 10 || s[4] != '-' || s[7] != '-') {
        return false;
    }
    int y = number(s, 4);
    int m = number(s + 5, 2);
    int d = number(s + 8, 2);
    return y >= 1900 && y <= 2999 && m >= 1 && m <= 12 && d >= 1 && d <= days_in(y, m);
}

void reg_date_before(const char *s, char ret[11])
{
    int y = number(s, 4);
    int m = number(s + 5, 2);
    int d = number(s + 8, 2) - 1;
    if (d == 0) {
        m = m == 1 ? 12 : m - 1;
        y = m == 12 ? y - 1 : y;
        d = days_in(y, m);
    }
    char text[40];
    snprintf(text, sizeof(text), "%04d-%02d-%02d", y, m, d);
    memcpy(ret, text, 10);
    ret[10] = '\0';
}

void reg_local_date(int64_t us, char ret[11])
{
    int64_t days = (us / 1000000 + 8 * 3600) / 86400 + 719468; /* as in reg_local_year */
    int64_t era = days / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153; /* March is 0 */
    char text[40];
    snprintf(text, sizeof(text), "%04d-%02d-%02d", (int)(yoe + era * 400 + (mp >= 10)),
             (int)(mp < 10 ? mp + 3 : mp - 9), (int)(doy - (153 * mp + 2) / 5 + 1));
    memcpy(ret, text, 10);
    ret[10] = '\0';
}

int reg_local_year(int64_t us)
{
    int64_t days = (us / 1000000 + 8 * 3600) / 86400 +
                   719468; /* days since 0000-03-01; received_at is after 1970 */
    int64_t era = days / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    return (int)(yoe + era * 400 +
                 (doy >= 306)); /* from day 306 on it is January or February of the next year */
}

int reg_local_day(int64_t us)
{
    return (int)((us / 1000000 + 8 * 3600) / 86400); /* received_at is after 1970 */
}

int reg_day_number(const char *s)
{
    int y = number(s, 4) - (number(s + 5, 2) <= 2);
    int m = (number(s + 5, 2) + 9) % 12; /* March is 0 */
    int doy = (153 * m + 2) / 5 + number(s + 8, 2) - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + doy - 719468;
}
