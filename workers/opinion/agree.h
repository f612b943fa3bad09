#ifndef LJ_OPINION_AGREE_H
#define LJ_OPINION_AGREE_H
/* Agreement of two passes of labelling over the same texts. Not part of the worker. */
#include <stdio.h>

#include "workers/opinion/labels.h"
#include "workers/opinion/opinion.h"

/* Two yes-or-no passes, or with k classes: texts, texts on which both say the same, and the share
 * that chance would give. */
struct lj_agreement {
    unsigned n, same;
    double chance;
};

struct lj_agreements {
    unsigned missing; /* rows of the second pass without a text */
    unsigned texts;   /* labelled twice */
    struct lj_agreement kind[LJ_OPINION_KINDS], any, polarity, severity;
};

/*
 * Compares labels with the second pass in dir/second/, files with the columns id, polarity,
 * categories, severity. Errors: LJ_E_CONFIG (file and line), LJ_E_IO, LJ_E_NOMEM.
 */
int lj_agree(const struct lj_labels *labels, const char *dir, struct lj_agreements *ret,
             struct lj_err *err);

/* Cohen's kappa: 1 = always the same, 0 = as chance gives; -1 where it is not defined. */
double lj_kappa(const struct lj_agreement *a);

void lj_agree_print(const struct lj_agreements *a, FILE *out);
void lj_agree_print_json(const struct lj_agreements *a, FILE *out);

#endif
