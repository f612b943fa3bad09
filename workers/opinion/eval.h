#ifndef LJ_OPINION_EVAL_H
#define LJ_OPINION_EVAL_H
/*
 * Measuring findings against labels. Not part of the worker.
 *
 * Rows tagged `amb` (honest people would differ) are counted apart and nowhere else. Any risk means
 * any of the ten kinds; the macro F1 is over the nine, threat is told apart.
 */
#include <stdio.h>

#include "workers/opinion/labels.h"
#include "workers/opinion/opinion.h"

struct lj_eval;

/* The caller frees *ret with lj_eval_close. Errors: LJ_E_NOMEM. */
int lj_eval_open(struct lj_eval **ret, struct lj_err *err);
void lj_eval_close(struct lj_eval **eval);

/* Counts one text. Errors: LJ_E_NOMEM. */
int lj_eval_add(struct lj_eval *e, const struct lj_label *l, const struct lj_opinion_findings *f,
                struct lj_err *err);

/* A text whose kinds are not those of its label. */
bool lj_eval_wrong(const struct lj_label *l, const struct lj_opinion_findings *f);

/* The finding's evidence overlaps a labelled span of its kind. */
bool lj_eval_meets(const struct lj_label *l, const struct lj_opinion_finding *x);

/* Text for people. */
void lj_eval_print(const struct lj_eval *e, FILE *out);

/*
 * One JSON object in one line: any_risk{p,r,f1}, macro_f1, kinds{name:{p,r,f1,n}} (nine), threat
 * {p,r,f1,n}, severity{exact,within_one,recall_3,recall_2}, clean_fpr, by_note{tag:{n,accuracy}},
 * evidence_overlap, polarity{auc,accuracy,three_way}, ece, n, ambiguous{n,flagged}. A share of
 * nothing is null. accuracy is over texts labelled 1 or -1 by the score's sign; three_way over all.
 */
void lj_eval_print_json(const struct lj_eval *e, FILE *out);

#endif
