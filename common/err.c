/* Errors as data.
 *
 * err.def is the only list: number on the wire, stable code for people and programs, HTTP status,
 * whether a retry makes sense, and one sentence in each language. A failing function fills the
 * caller's struct lj_err with what, where and how much, and returns the code; whoever stands at the
 * edge (gateway, ljctl, log) turns the code into the table's words.
 */
#define LJ_ERR_C
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct lj_err_info table[] = {
#define LJ_ERR(number, symbol, code, http, retry, en, zh)                                          \
    {LJ_E_##symbol, code, http, retry, en, zh},
#include "common/err.def"
#undef LJ_ERR
};

static void fill(struct lj_err *err, int code, int sys, const char *fmt, va_list ap)
{
    if (!err)
        return;
    err->code = code;
    err->sys = sys;
    err->sqlstate[0] = '\0';
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    if (sys && n >= 0 && (size_t)n < sizeof err->text)
        (void)snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror(sys));
}

int lj_fail(struct lj_err *err, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, 0, fmt, ap);
    va_end(ap);
    return code;
}

int lj_fail_errno(struct lj_err *err, int code, int sys, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, sys, fmt, ap);
    va_end(ap);
    return code;
}

const struct lj_err_info *lj_err_info(int code)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].code == code)
            return &table[i];
    }
    return &table[0];
}
