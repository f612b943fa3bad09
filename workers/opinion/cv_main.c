/*
 * Cross-validation on the training part, from the command line. Built, not installed: what is tuned
 * here is tuned without a look at the held-back fifth.
 *
 * Trains without one part of the texts, judges that part, goes on to the next part; figures are
 * over all of them. Parts are fifths by a hash of the id (-k: how many), or with -w the texts of
 * each of the named writers in turn. -o changes one of the trainer's settings, -l lists every text
 * with what was said of it, tab separated, before the figures.
 *
 * Usage: opinion_cv [-k PARTS | -w WRITERS] [-o NAME=VALUE]... [-l] DATA_DIR
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "workers/opinion/engine.h"
#include "workers/opinion/eval.h"
#include "workers/opinion/train.h"

struct run {
    struct lj_train_options options;
    bool list;
    struct lj_opinion *o;
    struct lj_labels all;
    const struct lj_label **texts;
    struct lj_eval *e;
    const char *writers;
    unsigned parts;
};

/* The part that a text is judged in, or parts for none. */
static unsigned part_of(const struct run *r, const struct lj_label *l)
{
    if (r->writers) {
        const char *at = strchr(r->writers, l->id[0]);
        return at ? (unsigned)(at - r->writers) : r->parts;
    }
    uint32_t h = 2166136261U;
    for (const char *p = l->id; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619U;
    return (h ^ h >> 15) % r->parts;
}

/* Id, risk, labelled kinds, said kinds, and whether each finding's words meet a labelled span. */
static void list_text(const struct lj_label *l, const struct lj_opinion_findings *f)
{
    printf("%s\t%.4f\t%d\t%d\t%s\t", l->id, (double)f->risk_score, l->severity, f->severity,
           l->note);
    for (int k = 0; k < LJ_OPINION_KINDS; k++) {
        if (l->kinds >> k & 1)
            printf("%s ", lj_opinion_kind_name((enum lj_opinion_kind)k));
    }
    printf("\t");
    for (uint32_t i = 0; i < f->count; i++)
        printf("%s:%.3f%s ", lj_opinion_kind_name(f->findings[i].kind),
               (double)f->findings[i].score, lj_eval_meets(l, &f->findings[i]) ? "+" : "-");
    char why[LJ_OPINION_EXPLAIN_MAX];
    (void)lj_opinion_explain(f, l->text, l->len, why, sizeof why);
    printf("\t%s\t%s\n", l->text, why);
}

static int judge(struct run *r, unsigned part, struct lj_err *err)
{
    static struct lj_opinion_findings f;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->all.count; i++) {
        const struct lj_label *l = &r->all.row[i];
        if (l->held || part_of(r, l) != part)
            continue;
        rc = lj_opinion_score(r->o, l->text, l->len, &f, err);
        if (rc == 0)
            rc = lj_eval_add(r->e, l, &f, err);
        if (rc == 0 && r->list)
            list_text(l, &f);
    }
    return rc;
}

static int run_part(struct run *r, unsigned part, struct lj_err *err)
{
    struct lj_trained t = {0};
    size_t n = 0;
    for (size_t i = 0; i < r->all.count; i++) {
        if (!r->all.row[i].held && part_of(r, &r->all.row[i]) != part)
            r->texts[n++] = &r->all.row[i];
    }
    int rc = lj_train(r->o, r->texts, n, &r->options, &t, err);
    if (rc == 0)
        rc = lj_opinion_set_models(r->o, &t.linear.m, &t.fusion, err);
    if (rc == 0)
        rc = judge(r, part, err);
    (void)lj_opinion_set_models(r->o, NULL, NULL, NULL);
    lj_trained_free(&t);
    return rc;
}

static int open_run(struct run *r, const char *dir, struct lj_err *err)
{
    char path[4096];
    int rc = lj_opinion_open_rules(dir, &r->o, err);
    if (rc == 0 && snprintf(path, sizeof path, "%s/texts", dir) >= (int)sizeof path)
        rc = lj_fail(err, LJ_E_ARG, "the folder's name is too long");
    if (rc == 0)
        rc = lj_labels_read_dir(path, &r->all, err);
    r->texts = calloc(r->all.count + 1, sizeof(void *));
    if (rc == 0 && !r->texts)
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for %zu texts", r->all.count);
    return rc < 0 ? rc : lj_eval_open(&r->e, err);
}

/* One setting of the trainer, as name=value. */
static int set_option(struct lj_train_options *o, const char *arg)
{
    float v = 0;
    char name[16] = "";
    if (sscanf(arg, "%15[a-z0-9_]=%f", name, &v) != 2)
        return -1;
    const struct {
        const char *name;
        int *i;
        float *f;
    } settings[] = {
        {"epochs", &o->linear.epochs, NULL},
        {"least", &o->linear.least, NULL},
        {"rate", NULL, &o->linear.rate},
        {"linear_l2", NULL, &o->linear.l2},
        {"sentence", NULL, &o->linear.sentence},
        {"folds", &o->folds, NULL},
        {"l2", NULL, &o->l2},
        {"l2_own", NULL, &o->l2_own},
        {"rounds", &o->rounds, NULL},
        {"hide", &o->hide, NULL},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(settings[i].name, name) != 0)
            continue;
        if (settings[i].i)
            *settings[i].i = (int)v;
        else
            *settings[i].f = v;
        return 0;
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct run r = {.parts = 5, .options = lj_train_defaults()};
    struct lj_err err = {0};
    for (int c = getopt(argc, argv, "k:w:o:l"); c != -1; c = getopt(argc, argv, "k:w:o:l")) {
        if (c == 'k')
            r.parts = (unsigned)atoi(optarg);
        else if (c == 'w')
            r.writers = optarg;
        else if (c == 'l')
            r.list = true;
        else if (c == 'o' && set_option(&r.options, optarg) == 0)
            continue;
        else
            return 2;
    }
    if (r.writers)
        r.parts = (unsigned)strlen(r.writers);
    if (optind + 1 != argc || r.parts < 2) {
        (void)fprintf(
            stderr, "usage: opinion_cv [-k PARTS | -w WRITERS] [-o NAME=VALUE]... [-l] DATA_DIR\n");
        return 2;
    }
    int rc = open_run(&r, argv[optind], &err);
    for (unsigned part = 0; rc == 0 && part < r.parts; part++)
        rc = run_part(&r, part, &err);
    if (rc == 0)
        lj_eval_print(r.e, stdout);
    else
        (void)fprintf(stderr, "opinion_cv: %s\n", err.text);
    lj_eval_close(&r.e);
    free((void *)r.texts);
    lj_labels_free(&r.all);
    lj_opinion_close(&r.o);
    return rc < 0 ? 1 : 0;
}
