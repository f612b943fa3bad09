/*
 * The whole training.
 *
 * The fusion must learn how far the linear models are to be trusted on texts that they have not
 * seen, so it gets values from models trained without the text in hand: once left out by a fifth of
 * the texts, drawn by hash, and once by the writer (the first letter of the id), which is nearer to
 * what a text from outside meets. Nor must it trust the lexicon more than a text from outside will
 * allow: the lexicon was written with the training texts in sight, so the rows of the first kind do
 * without a part of it. Then the linear models are trained again on everything.
 *
 * Guarantees: deterministic; the held-back texts are left out by the caller and never seen here.
 */
#include "workers/opinion/train.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/engine.h"

enum { TEXTS_LEAST = 100, WRITERS_LEAST = 3, WRITER_TEXTS_LEAST = 32 };

struct lj_train_options lj_train_defaults(void)
{
    return (struct lj_train_options){
        .linear = {.seed = 20240601,
                   .epochs = 8,
                   .least = 5,
                   .rate = 0.3F,
                   .l2 = 1e-4F,
                   .sentence = 0.3F},
        .folds = 5,
        .l2 = 1e-3F,
        .l2_own = 3e-3F,
        .rounds = 400,
        .hide = 15,
    };
}

struct work {
    struct lj_opinion *o;
    const struct lj_label *const *texts;
    size_t n;
    const struct lj_train_options *options;
    struct lj_examples *x;
    bool *skip;
    bool *hidden; /* by entry of the rules */
    struct lj_fuse_rows rows;
};

/* A small number that only the text decides. */
static uint32_t hash_of(const struct lj_label *l)
{
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < l->len; i++)
        h = (h ^ (unsigned char)l->text[i]) * 16777619U;
    return h ^ h >> 13;
}

static int add_row(struct work *w, const struct lj_label *l, struct lj_err *err)
{
    static const float none[LJ_OPINION_KINDS];
    struct lj_opinion *o = w->o;
    struct lj_fuse_rows *r = &w->rows;
    struct lj_opinion_findings f;
    int rc = lj_opinion_score(o, l->text, l->len, &f, err);
    if (rc < 0)
        return rc;
    lj_fuse_kind_features(o, &o->lin, r->kind[r->n]);
    lj_fuse_text_features(o, &o->lin, none, r->text[r->n]);
    r->label[r->n++] = l;
    return 0;
}

/* Trains without the texts in skip and makes rows of these. */
static int run_fold(struct work *w, struct lj_err *err)
{
    static const struct lj_fusion silent;
    struct lj_linear_tables t;
    int rc = lj_linear_train(w->x, w->skip, &w->options->linear, &t, err);
    if (rc < 0)
        return rc;
    rc = lj_opinion_set_models(w->o, &t.m, &silent, err);
    for (size_t i = 0; rc == 0 && i < w->n; i++) {
        if (w->skip[i])
            rc = add_row(w, w->texts[i], err);
    }
    (void)lj_opinion_set_models(w->o, NULL, NULL, NULL);
    lj_linear_tables_free(&t);
    return rc;
}

/* Another part of the lexicon for each fold. */
static void hide(struct work *w, uint64_t seed)
{
    for (size_t i = 0; i < LJ_ENTRIES_MAX; i++)
        w->hidden[i] = lj_train_random(&seed) % 100 < (uint64_t)w->options->hide;
    w->o->hidden = w->hidden;
}

static int by_hash(struct work *w, struct lj_err *err)
{
    int rc = 0;
    for (int f = 0; rc == 0 && f < w->options->folds; f++) {
        hide(w, (uint64_t)f);
        for (size_t i = 0; i < w->n; i++)
            w->skip[i] = hash_of(w->texts[i]) % (uint32_t)w->options->folds == (uint32_t)f;
        rc = run_fold(w, err);
    }
    w->o->hidden = NULL;
    return rc;
}

static int by_writer(struct work *w, struct lj_err *err)
{
    size_t texts[256] = {0};
    unsigned writers = 0;
    int rc = 0;
    for (size_t i = 0; i < w->n; i++)
        texts[(unsigned char)w->texts[i]->id[0]]++;
    for (unsigned c = 0; c < 256; c++)
        writers += texts[c] >= WRITER_TEXTS_LEAST;
    for (unsigned c = 0; rc == 0 && writers >= WRITERS_LEAST && c < 256; c++) {
        if (texts[c] < WRITER_TEXTS_LEAST)
            continue;
        for (size_t i = 0; i < w->n; i++)
            w->skip[i] = (unsigned char)w->texts[i]->id[0] == c;
        rc = run_fold(w, err);
    }
    return rc;
}

static int prepare(struct work *w, struct lj_err *err)
{
    struct lj_fuse_rows *r = &w->rows;
    w->skip = calloc(w->n + 1, sizeof *w->skip);
    w->hidden = calloc(LJ_ENTRIES_MAX, sizeof *w->hidden);
    r->kind = calloc(2 * w->n + 1, sizeof *r->kind);
    r->text = calloc(2 * w->n + 1, sizeof *r->text);
    r->label = calloc(2 * w->n + 1, sizeof(void *));
    if (!w->skip || !w->hidden || !r->kind || !r->text || !r->label)
        return lj_fail(err, LJ_E_NOMEM, "no memory to train on %zu texts", w->n);
    return lj_examples_open(w->o, w->texts, w->n, &w->x, err);
}

int lj_train(struct lj_opinion *o, const struct lj_label *const *texts, size_t n,
             const struct lj_train_options *options, struct lj_trained *ret, struct lj_err *err)
{
    struct work w = {.o = o, .texts = texts, .n = n, .options = options};
    *ret = (struct lj_trained){.texts = n};
    if (n < TEXTS_LEAST)
        return lj_fail(err, LJ_E_CONFIG, "%zu texts; at least %d are needed", n, TEXTS_LEAST);
    int rc = prepare(&w, err);
    rc = rc < 0 ? rc : by_hash(&w, err);
    rc = rc < 0 ? rc : by_writer(&w, err);
    rc = rc < 0 ? rc : lj_fusion_fit(&w.rows, options, &ret->fusion, err);
    rc = rc < 0 ? rc : lj_linear_train(w.x, NULL, &options->linear, &ret->linear, err);
    lj_examples_close(&w.x);
    free(w.skip);
    free(w.hidden);
    free(w.rows.kind);
    free(w.rows.text);
    free((void *)w.rows.label);
    return rc;
}

void lj_trained_free(struct lj_trained *t)
{
    lj_linear_tables_free(&t->linear);
}
