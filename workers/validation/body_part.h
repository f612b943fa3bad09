/* Attachments and risk of a body, read by body.c's table. */
#ifndef LJ_WORKERS_VALIDATION_BODY_PART_H
#define LJ_WORKERS_VALIDATION_BODY_PART_H

#include "workers/validation/body.h"

/* Place of a word in a list that ends with NULL, -1 if it is not there. */
int lj_word_place(const char *const *words, const char *word);

/* Each reads an array or object into the body (or its part), adds reasons, and returns 1 if
 * everything was right. owner: strings point into the tree */
int lj_part_attachments(const struct lj_tree *value, struct lj_body *body, struct lj_reasons *out);
int lj_part_risk(const struct lj_tree *value, struct lj_risk *ret, struct lj_reasons *out);

#endif
