/* Times: RFC 3339 text, int64 microseconds since the Unix epoch, PostgreSQL's binary
 * timestamptz. */
#ifndef LJ_COMMON_TIMEFMT_H
#define LJ_COMMON_TIMEFMT_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define LJ_TIME_MIN_US INT64_C(-62135596800000000) /* 0001-01-01T00:00:00Z */
#define LJ_TIME_MAX_US INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999Z */
#define LJ_TIME_TEXT   27                          /* longest text written, without the NUL */

/* Microseconds from the Unix epoch to PostgreSQL's, 2000-01-01. source: PostgreSQL 15,
 * datatype/timestamp.h */
#define LJ_PG_EPOCH_US INT64_C(946684800000000)

/* Read a timestamp: YYYY-MM-DD, 'T' or 't', hh:mm:ss, optionally '.' and one to six digits, then
 * 'Z' or +hh:mm / -hh:mm. Refused: another form, a day the month does not have, hour 24, second
 * 60 (a leap second has no place in POSIX time), an offset beyond 23:59, a missing offset, more
 * than six digits (would be rounded), and an instant outside LJ_TIME_MIN_US..LJ_TIME_MAX_US.
 * source: RFC 3339 §5.6, narrowed; errors: LJ_E_ARG, the text says what is wrong */
LJ_MUST int lj_time_parse(const char *text, size_t len, int64_t *ret_us, struct lj_err *err);

/* Write UTC with 'Z' and 0, 3 or 6 digits of fraction (the fewest that lose nothing), and a NUL.
 * errors: LJ_E_ARG outside LJ_TIME_MIN_US..LJ_TIME_MAX_US */
LJ_MUST int lj_time_format(int64_t us, char out[LJ_TIME_TEXT + 1], struct lj_err *err);

/* Unix microseconds to what timestamptz's binary form holds (microseconds since 2000-01-01), and
 * back.
 * errors: LJ_E_ARG when the result does not fit, or from PostgreSQL's infinity and -infinity
 *         (INT64_MAX, INT64_MIN) */
LJ_MUST int lj_time_to_pg(int64_t us, int64_t *ret_pg_us, struct lj_err *err);
LJ_MUST int lj_time_from_pg(int64_t pg_us, int64_t *ret_us, struct lj_err *err);

#endif
