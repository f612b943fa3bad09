/*
 * From tables and texts to a checked bundle.
 *
 * The bundle is opened from the bytes just made, by the code that a worker opens it with, and its
 * golden cases are run: what comes out of here can be used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/bundle.h"
#include "workers/opinion/train.h"

enum { FILE_MAX = 1 << 20, PARTS = LJ_RULE_TABLES + 4 };

struct parts {
    struct lj_bundle_part part[PARTS];
    size_t count;
    void *linear, *fusion;
};

static void put(struct parts *p, const char *name, const void *bytes, size_t size)
{
    p->part[p->count++] = (struct lj_bundle_part){name, bytes, size};
}

static int lay_out(const struct lj_train_input *in, const struct lj_trained *t, void **ret,
                   size_t *ret_size, struct lj_err *err)
{
    struct parts p = {0};
    size_t linear = 0;
    size_t fusion = 0;
    char info[120];
    (void)snprintf(info, sizeof info, "texts %zu\nn-grams %u\n", t->texts, t->linear.m.kept);
    int rc = lj_bundle_linear_part(&t->linear.m, &p.linear, &linear, err);
    if (rc == 0)
        rc = lj_bundle_fusion_part(&t->fusion, &p.fusion, &fusion, err);
    if (rc == 0) {
        for (size_t i = 0; i < LJ_RULE_TABLES; i++)
            put(&p, lj_rule_table_name(i), in->tables[i].text, in->tables[i].size);
        put(&p, "linear", p.linear, linear);
        put(&p, "fusion", p.fusion, fusion);
        put(&p, "golden.tsv", in->golden, in->golden_size);
        put(&p, "info", info, strlen(info));
        rc = lj_bundle_make(p.part, p.count, ret, ret_size, err);
    }
    free(p.linear);
    free(p.fusion);
    return rc;
}

static int try_it(const void *bundle, size_t size, struct lj_err *err)
{
    struct lj_bundle *b = NULL;
    struct lj_opinion *o = NULL;
    int rc = lj_bundle_borrow(bundle, size, &b, err);
    if (rc == 0)
        rc = lj_opinion_use(b, &o, err);
    if (rc == 0)
        rc = lj_golden_check(o, err);
    lj_opinion_close(&o);
    return rc;
}

int lj_train_bundle(const struct lj_train_input *in, const struct lj_train_options *options,
                    void **ret, size_t *ret_size, struct lj_err *err)
{
    struct lj_opinion *o = calloc(1, sizeof *o);
    struct lj_trained t = {0};
    void *made = NULL;
    size_t size = 0;
    int rc = o ? lj_rules_parse(in->tables, &o->rules, err)
               : lj_fail(err, LJ_E_NOMEM, "no memory for an engine");
    if (rc == 0)
        rc = lj_train(o, in->texts, in->n, options, &t, err);
    if (rc == 0)
        rc = lay_out(in, &t, &made, &size, err);
    if (rc == 0)
        rc = try_it(made, size, err);
    lj_trained_free(&t);
    lj_opinion_close(&o);
    if (rc < 0) {
        free(made);
    } else {
        *ret = made;
        *ret_size = size;
    }
    return rc;
}

static int train_texts(const struct lj_labels *all, struct lj_train_input *in, void **ret,
                       size_t *ret_size, struct lj_err *err)
{
    const struct lj_train_options options = lj_train_defaults();
    const struct lj_label **texts = calloc(all->count + 1, sizeof(void *));
    if (!texts)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu texts", all->count);
    for (size_t i = 0; i < all->count; i++) {
        if (!all->row[i].held)
            texts[in->n++] = &all->row[i];
    }
    in->texts = texts;
    int rc = lj_train_bundle(in, &options, ret, ret_size, err);
    free((void *)texts);
    return rc;
}

int lj_train_folder(const char *dir, void **ret, size_t *ret_size, struct lj_err *err)
{
    struct lj_rule_table tables[LJ_RULE_TABLES] = {0};
    struct lj_labels all = {0};
    char path[4096];
    char *golden = NULL;
    struct lj_train_input in = {.tables = tables};
    int rc = lj_rules_read(dir, tables, err);
    if (rc == 0 && snprintf(path, sizeof path, "%s/golden.tsv", dir) >= (int)sizeof path)
        rc = lj_fail(err, LJ_E_ARG, "the folder's name is too long");
    if (rc == 0)
        rc = lj_read_file(path, FILE_MAX, &golden, &in.golden_size, err);
    in.golden = golden;
    if (rc == 0) {
        (void)snprintf(path, sizeof path, "%s/texts", dir);
        rc = lj_labels_read_dir(path, &all, err);
    }
    if (rc == 0)
        rc = train_texts(&all, &in, ret, ret_size, err);
    lj_labels_free(&all);
    lj_rules_drop(tables);
    free(golden);
    return rc;
}
