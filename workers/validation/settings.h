/* Numbers, words and days of rules that no quota policy has a field for: rows of rule_setting. */
#ifndef LJ_WORKERS_VALIDATION_SETTINGS_H
#define LJ_WORKERS_VALIDATION_SETTINGS_H

#include <stdint.h>

#include "workers/runner/fetch.h"

enum lj_setting {
#define SETTING(symbol, rule, name, kind) LJ_SETTING_##symbol,
#include "workers/validation/settings.def"
#undef SETTING
    LJ_SETTINGS
};

enum { LJ_SETTING_TEXT_MAX = 240 }; /* bytes: 60 characters */

struct lj_setting_row {
    int64_t position;
    int32_t from, to; /* days in force */
    int64_t a, b; /* NUMBER: the number, within int32; SPAN: month * 100 + day, first and last */
    size_t len;   /* of text */
    char text[LJ_SETTING_TEXT_MAX + 1];
};

struct lj_settings;

/* errors: LJ_E_NOMEM */
LJ_MUST int lj_settings_open(struct lj_settings **ret, struct lj_err *err);
void lj_settings_close(struct lj_settings **s);

/* Adds a row as the table has it; from, to: days in force, the outermost int4 where open. A row of
 * a setting that is not known here is passed over. errors: LJ_E_NOMEM, LJ_E_DB_DATA (no such value)
 */
LJ_MUST int lj_settings_add(struct lj_settings *s, const char *rule, const char *name,
                            int64_t position, int32_t from, int32_t to, const char *value,
                            struct lj_err *err);
/* Asks whether the table has changed; what is new is there after lj_settings_update. owner: borrows
 * s until the fetch has run. errors: LJ_E_DB_LOST, LJ_E_ARG */
LJ_MUST int lj_settings_need(struct lj_settings *s, struct lj_fetch *reader, struct lj_err *err);
/* Reads the table again if it has changed. errors: as a fetch, LJ_E_NOMEM */
LJ_MUST int lj_settings_update(struct lj_settings *s, struct lj_fetch *reader, struct lj_err *err);

/* The next row in force on a day, of the set that holds at position p; NULL behind the last.
 * `after`: the row before, NULL to begin. */
const struct lj_setting_row *lj_settings_next(const struct lj_settings *s, enum lj_setting what,
                                              int32_t day, int64_t p,
                                              const struct lj_setting_row *after);
/* A number; `none` where there is no row in force. */
int64_t lj_settings_number(const struct lj_settings *s, enum lj_setting what, int32_t day,
                           int64_t p, int64_t none);
/* 1 if a SPAN setting has the day. A span that ends before it begins goes over the new
 * year. */
int lj_settings_has_day(const struct lj_settings *s, enum lj_setting what, int32_t day, int64_t p);

#endif
