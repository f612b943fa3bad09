#ifndef LJ_OPINION_POLICY_H
#define LJ_OPINION_POLICY_H
/* Severity modifiers and routing, both as tables. Internal; read only once built. */
#include <stddef.h>

#include "workers/opinion/opinion.h"
#include "workers/opinion/tsv.h"

enum { LJ_MODIFIERS_MAX = 64 };

struct lj_modifier {
    int8_t kind;   /* -1 = any */
    uint16_t when; /* all these conditions, bits of policy.c */
    uint8_t apply;
    int by;
};

struct lj_policy {
    struct lj_modifier modifier[LJ_MODIFIERS_MAX];
    size_t modifiers;
    struct lj_opinion_route route[4]; /* by severity */
    unsigned routes_read;             /* bits */
    int uncertain_from, uncertain_to; /* permille of the risk score */
};

/* One row of severity.tsv, of routing.tsv; lj_policy_check when all are read: nothing is missing.
 */
int lj_policy_modifier(struct lj_policy *p, const struct lj_tsv *t, struct lj_err *err);
int lj_policy_route(struct lj_policy *p, const struct lj_tsv *t, struct lj_err *err);
int lj_policy_check(const struct lj_policy *p, struct lj_err *err);

/* The severity of one finding after the modifiers; conditions of the whole text are read from f. */
int lj_policy_severity(const struct lj_policy *p, const struct lj_opinion_findings *f,
                       const struct lj_opinion_finding *x, bool hearsay);

/* Sets f->route from f's findings, severity and score. */
void lj_policy_apply(const struct lj_policy *p, struct lj_opinion_findings *f);

#endif
