#ifndef LJ_OPINION_TRAIN_LINEAR_H
#define LJ_OPINION_TRAIN_LINEAR_H
/* Training the linear models (linear.h). Internal to the trainer. */
#include "workers/opinion/engine.h"
#include "workers/opinion/labels.h"
#include "workers/opinion/linear.h"

/* What is learnt from: every text as a whole, and its sentences alone, as lists of n-grams. */
struct lj_examples;

/* Reads n texts through the engine's text layer. o: scratch. The caller frees *ret. */
int lj_examples_open(struct lj_opinion *o, const struct lj_label *const *texts, size_t n,
                     struct lj_examples **ret, struct lj_err *err);
void lj_examples_close(struct lj_examples **examples);

struct lj_linear_options {
    uint64_t seed;
    int epochs;
    int least; /* texts that an n-gram must occur in */
    float rate;
    float l2;
    float sentence; /* weight of a sentence's example beside its text's */
};

/* Trained tables; m points into the others. */
struct lj_linear_tables {
    struct lj_linear m;
    uint16_t *index;
    int8_t *rows;
};

/*
 * Trains on the texts whose skip is false (skip: one a text, or NULL). The same input gives the
 * same bytes on every machine. The caller frees with lj_linear_tables_free.
 */
int lj_linear_train(const struct lj_examples *x, const bool *skip,
                    const struct lj_linear_options *options, struct lj_linear_tables *ret,
                    struct lj_err *err);
void lj_linear_tables_free(struct lj_linear_tables *t);

/* A generator of our own, so that the shuffle is the same everywhere: splitmix64. */
uint64_t lj_train_random(uint64_t *state);

#endif
