/* Questions of the pages: a route, a function of the database, and what of the request goes into
 * it. */
#ifndef LJ_GATEWAY_ASK_H
#define LJ_GATEWAY_ASK_H

#include "gateway/gateway.h"

enum { LJ_ASK_PARAMS = 9, LJ_ASK_TEXT = 128 };

/* How a parameter must look; an absent one is NULL in the statement. */
enum lj_ask_form {
    LJ_ASK_WORD = 1, /* letters, digits and . _ - / */
    LJ_ASK_NUMBER,   /* 0 to 18 digits */
    LJ_ASK_DAY,      /* YYYY-MM-DD */
    LJ_ASK_UUID,
};

struct lj_ask_param {
    const char *name; /* of the query; "" = what stands for {id} in the path; NULL = the end */
    enum lj_ask_form form;
};

struct lj_ask {
    const char *sql; /* one row, one column: JSON as text, or null. $1 is who asks (not where the
                        route is open), the others follow; all come as text */
    struct lj_ask_param params[LJ_ASK_PARAMS];
    int nothing;   /* what a null means: LJ_E_NOT_FOUND, or LJ_E_FORBIDDEN where there is always
                      something to see for those who may */
    bool rationed; /* open to everybody: bounded for all together */
};

extern const struct lj_ask lj_ask_review, lj_ask_sample, lj_ask_activity, lj_ask_outcome,
    lj_ask_flags, lj_ask_flag, lj_ask_mail, lj_ask_report, lj_ask_certificate;

/* Read a parameter. True: *ret is its text (up to LJ_ASK_TEXT bytes) or NULL when it is absent or
 * empty; false after a refusal. */
bool lj_ask_param(struct lj_req *rq, const struct lj_ask_param *p, char buf[LJ_ASK_TEXT + 1],
                  const char **ret);

#endif
