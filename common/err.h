/* Errors: a small struct on the caller's stack, codes from one table (err.def). */
#ifndef LJ_COMMON_ERR_H
#define LJ_COMMON_ERR_H

#define LJ_MUST         __attribute__((warn_unused_result))
#define LJ_PRINTF(f, a) __attribute__((format(printf, f, a)))

enum {
#define LJ_ERR(number, symbol, code, http, retry, en, zh) LJ_E_##symbol = -(number),
#include "common/err.def"
#undef LJ_ERR
};

struct lj_err {
    int code;         /* LJ_E_*, 0 while nothing failed */
    int sys;          /* errno, 0 where none */
    char sqlstate[6]; /* five characters from PostgreSQL, "" where none */
    char text[240];   /* one line, lower case, names the thing and the limit */
};

/* One row of err.def. */
struct lj_err_info {
    int code;         /* LJ_E_* (negative) */
    const char *name; /* stable code, as in problem+json */
    int http;
    int retry;
    const char *en;
    const char *zh;
};

#if defined __clang_analyzer__ && !defined LJ_ERR_C
#include <stdio.h>
/* The analyser does not look into variadic functions: show it that the code given is returned
 * and that the rest is used. */
#define lj_fail(err, code, ...)            ((void)(err), (void)snprintf(NULL, 0, __VA_ARGS__), (code))
#define lj_fail_errno(err, code, sys, ...) ((void)(sys), lj_fail(err, code, __VA_ARGS__))
#else
/* Fill *err (may be NULL) and return code, so that `return lj_fail(err, LJ_E_X, ...)` is the idiom.
 */
int lj_fail(struct lj_err *err, int code, const char *fmt, ...) LJ_PRINTF(3, 4);

/* Like lj_fail, and appends ": " and strerror(sys). */
int lj_fail_errno(struct lj_err *err, int code, int sys, const char *fmt, ...) LJ_PRINTF(4, 5);
#endif

/* The table's row of a code; an unknown code gives the row of LJ_E_INTERNAL. Never NULL. */
const struct lj_err_info *lj_err_info(int code);

#endif
