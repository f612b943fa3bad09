/* Length and cleanness of a text a client wrote. */
#ifndef LJ_WORKERS_VALIDATION_TEXT_H
#define LJ_WORKERS_VALIDATION_TEXT_H

#include <stddef.h>

#include "common/err.h"

/* Code points of a UTF-8 text after NFC. errors: LJ_E_NOMEM, LJ_E_ARG (not UTF-8) */
LJ_MUST int lj_text_length(const char *text, size_t len, size_t *ret, struct lj_err *err);

/* 1 if the text holds a control character (category Cc); with `lines` newline, carriage return and
 * tab are allowed. */
int lj_text_has_control(const char *text, size_t len, int lines);

/* The text as it is shown again: full-width digits as digits, the dots U+FF65, U+2022 and U+2027 as
 * the middle dot U+00B7 of names. shape: never longer than the text; `out` has len + 1 bytes */
void lj_text_plain(const char *text, size_t len, char *out);

#endif
