/* Logging: logfmt lines on stderr, each with a stable id listed in docs/operations.md. Never a
 * payload, key or DSN: ids only. */
#ifndef LJ_COMMON_LOG_H
#define LJ_COMMON_LOG_H

#include "common/err.h"

enum lj_log_level { LJ_DEBUG, LJ_INFO, LJ_WARN, LJ_ERROR };

/* Name put in every line ("broker"), and the lowest level written. Called once from main. */
void lj_log_open(const char *process, enum lj_log_level lowest);
enum lj_log_level lj_log_level_of(const char *name); /* "debug".. -> level; INFO where unknown */

/* ts=2026-11-24T08:00:00.123Z level=info process=broker event=<id> <fmt...>; the caller writes
 * `key=value` pairs, with lj_log_quote for text. More than 20 lines of one id in a second are
 * suppressed; the next line carries suppressed=n. */
void lj_log(enum lj_log_level level, const char *id, const char *fmt, ...) LJ_PRINTF(3, 4);

/* Quote text for a logfmt value into out (cap bytes, always terminated): control bytes, quotes and
 * newlines escaped. Returns out. */
const char *lj_log_quote(const char *text, char *out, unsigned cap);

#endif
