/* What a refusal says: one of err.def's rows, where in the body, and a sentence about this case. */
#ifndef LJ_GATEWAY_PROBLEM_H
#define LJ_GATEWAY_PROBLEM_H

#include "common/buf.h"
#include "common/err.h"
#include "proto/json_scan.h"

#define LJ_PROBLEM_TYPE "application/problem+json"

struct lj_problem {
    int code;               /* LJ_E_* */
    unsigned retry_after_s; /* 0 = not said, then 1 where the row says that a retry makes sense */
    char pointer[LJ_JSON_POINTER_MAX + 1]; /* RFC 6901, "" = the whole body */
    char detail[200],
        detail_zh[200]; /* this case; "" = the row's sentence is all there is to say */
};

/* Fill *p; pointer may be NULL ("" then). Return code, as lj_fail does. */
int lj_problem_set(struct lj_problem *p, int code, const char *pointer, const char *detail,
                   const char *detail_zh);
/* From what the JSON reader says: its pointer, its reason and the byte. */
int lj_problem_json(struct lj_problem *p, const struct lj_json_error *json);

int lj_problem_status(const struct lj_problem *p);
unsigned lj_problem_retry_after(const struct lj_problem *p);

/* The whole object of application/problem+json (RFC 9457). */
void lj_problem_put(struct lj_buf *b, const struct lj_problem *p);
/* Its members for an answer line of a batch, without braces: "code", "pointer", "detail",
 * "detail_zh", maybe "retry_after". */
void lj_problem_put_members(struct lj_buf *b, const struct lj_problem *p);

#endif
