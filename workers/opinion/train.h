#ifndef LJ_OPINION_TRAIN_H
#define LJ_OPINION_TRAIN_H
/*
 * The trainer: labelled texts in, linear tables and fusion weights out. Not part of the worker.
 */
#include "workers/opinion/train_linear.h"

struct lj_train_options {
    struct lj_linear_options linear;
    int folds;    /* parts for the linear values that the fusion learns from */
    float l2;     /* of the fusion's weights that all kinds share */
    float l2_own; /* of a kind's own difference from them */
    int rounds;   /* steps of the fusion's fit */
    int hide;     /* per cent of the lexicon that half of the fusion's rows do without */
};

/* The defaults that the shipped bundle is made with. */
struct lj_train_options lj_train_defaults(void);

struct lj_trained {
    struct lj_linear_tables linear;
    struct lj_fusion fusion;
    size_t texts;
};

/*
 * Trains on n texts. o: an engine over the rule tables to train with; its linear and fusion are
 * replaced while this runs and NULL after. The same texts, tables and options give the same bytes.
 * The caller frees with lj_trained_free. Errors: LJ_E_CONFIG (too few texts), LJ_E_NOMEM.
 */
int lj_train(struct lj_opinion *o, const struct lj_label *const *texts, size_t n,
             const struct lj_train_options *options, struct lj_trained *ret, struct lj_err *err);
void lj_trained_free(struct lj_trained *t);

/* What goes into a bundle beside the models. */
struct lj_train_input {
    const struct lj_rule_table *tables; /* LJ_RULE_TABLES of them */
    const char *golden;                 /* golden.tsv */
    size_t golden_size;
    const struct lj_label *const *texts; /* to train on */
    size_t n;
};

/*
 * train_bundle.c: trains and lays out a bundle, opens it and runs its golden cases.
 * The caller frees *ret. Errors: LJ_E_CONFIG (a bad table, too few texts, a golden case that comes
 * out otherwise), LJ_E_NOMEM.
 */
int lj_train_bundle(const struct lj_train_input *in, const struct lj_train_options *options,
                    void **ret, size_t *ret_size, struct lj_err *err);

/* The same from a folder: its tables, its golden.tsv, and texts/ without the held-back ones. */
int lj_train_folder(const char *dir, void **ret, size_t *ret_size, struct lj_err *err);

/* train_fuse.c: the rows that the fusion learns from. */
struct lj_fuse_rows {
    size_t n;
    float (*kind)[LJ_OPINION_KINDS][LJ_FK_ROOM];
    float (*text)[LJ_FT_ROOM];
    const struct lj_label **label;
};
int lj_fusion_fit(struct lj_fuse_rows *rows, const struct lj_train_options *options,
                  struct lj_fusion *ret, struct lj_err *err);

#endif
