/* ljctl opinion eval, train, agree: what the opinion engine is worth, and a new bundle for it.
 *
 * All three work on files of labelled texts alone: no broker, no database. eval compares findings
 * with labels. train makes a bundle out of tables and texts and measures it on texts that it was
 * not trained on: the fifth that is held back by hash, or with --writer all texts of one writer,
 * which tells how it carries over to other people's texts. A bundle is written beside its place and
 * renamed, so that a worker that reads the place sees the old one or the new one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/cmd.h"
#include "workers/opinion/agree.h"
#include "workers/opinion/bundle.h"
#include "workers/opinion/eval.h"
#include "workers/opinion/train.h"

static int read_operand(const char *path, struct lj_labels *labels, struct lj_err *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return lj_labels_read_dir(path, labels, err);
    return lj_labels_read(path, labels, err);
}

static int read_operands(const struct lj_ctl *ctl, size_t from, struct lj_labels *labels,
                         struct lj_err *err)
{
    int rc = 0;
    for (size_t i = from; rc == 0 && i < ctl->nwords; i++)
        rc = read_operand(ctl->words[i], labels, err);
    if (rc == 0 && labels->count == 0)
        rc = lj_fail(err, LJ_E_CONFIG, "there are no labelled texts");
    return rc;
}

static int of_writer(const struct lj_ctl *ctl, const struct lj_label *l)
{
    const char *w = ctl->o.writer;
    return w != NULL && strncmp(l->id, w, strlen(w)) == 0;
}

/* eval: the text is in the part asked for. */
static int wanted(const struct lj_ctl *ctl, const struct lj_label *l)
{
    if (ctl->o.writer != NULL && !of_writer(ctl, l))
        return 0;
    return strcmp(ctl->o.part, "all") == 0 || l->held == (strcmp(ctl->o.part, "held") == 0);
}

/* train: the text is left out of the training and measured on. */
static int left_out(const struct lj_ctl *ctl, const struct lj_label *l)
{
    return ctl->o.writer != NULL ? of_writer(ctl, l) : l->held;
}

static int measure(const struct lj_ctl *ctl, struct lj_opinion *o, const struct lj_labels *labels,
                   int (*take)(const struct lj_ctl *, const struct lj_label *), struct lj_err *err)
{
    struct lj_eval *e = NULL;
    struct lj_opinion_findings *f = calloc(1, sizeof *f);
    int rc = f ? lj_eval_open(&e, err) : lj_fail(err, LJ_E_NOMEM, "no memory to evaluate");
    for (size_t i = 0; rc == 0 && i < labels->count; i++) {
        const struct lj_label *l = &labels->row[i];
        if (!take(ctl, l))
            continue;
        rc = lj_opinion_score(o, l->text, l->len, f, err);
        if (rc == 0)
            rc = lj_eval_add(e, l, f, err);
    }
    if (rc == 0 && ctl->format == LJ_FORMAT_JSON)
        lj_eval_print_json(e, ctl->out);
    else if (rc == 0)
        lj_eval_print(e, ctl->out);
    lj_eval_close(&e);
    free(f);
    return rc;
}

static int only_json_or_table(const struct lj_ctl *ctl, struct lj_err *err)
{
    if (ctl->format == LJ_FORMAT_CSV)
        return lj_fail(err, LJ_E_ARG, "there is no CSV of figures; use --output json");
    return 0;
}

int lj_cmd_opinion_eval(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct lj_labels labels = {0};
    struct lj_opinion *o = NULL;
    int rc = only_json_or_table(ctl, &err);
    if (rc == 0)
        rc = read_operands(ctl, 0, &labels, &err);
    if (rc == 0)
        rc = lj_opinion_open(ctl->o.bundle, &o, &err);
    if (rc == 0)
        rc = measure(ctl, o, &labels, wanted, &err);
    lj_opinion_close(&o);
    lj_labels_free(&labels);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

/* ---- train ---- */

/* Beside its place, to the disk, then renamed. */
static int write_bundle(const char *path, const void *p, size_t size, struct lj_err *err)
{
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside)
        return lj_fail(err, LJ_E_ARG, "the file's name is too long");
    FILE *f = fopen(beside, "wb");
    if (!f)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot write %s", beside);
    int bad = fwrite(p, 1, size, f) != size || fflush(f) != 0 || fsync(fileno(f)) != 0;
    int saved = errno;
    bad |= fclose(f) != 0;
    if (!bad && rename(beside, path) != 0) {
        saved = errno;
        bad = 1;
    }
    if (!bad)
        return 0;
    (void)unlink(beside);
    return lj_fail_errno(err, LJ_E_IO, saved, "cannot write %s", path);
}

/* Tables and golden cases of the bundle that is built in or named, or of a folder. */
struct sources {
    struct lj_bundle *bundle;
    struct lj_rule_table tables[LJ_RULE_TABLES];
    char *golden;
};

static int take_sources(const struct lj_ctl *ctl, struct sources *s, struct lj_train_input *in,
                        struct lj_err *err)
{
    in->tables = s->tables;
    if (ctl->o.tables != NULL) {
        char path[4096];
        int rc = lj_rules_read(ctl->o.tables, s->tables, err);
        if (rc == 0 &&
            snprintf(path, sizeof path, "%s/golden.tsv", ctl->o.tables) >= (int)sizeof path)
            rc = lj_fail(err, LJ_E_ARG, "the folder's name is too long");
        if (rc == 0)
            rc = lj_read_file(path, 1 << 20, &s->golden, &in->golden_size, err);
        in->golden = s->golden;
        return rc;
    }
    int rc = lj_bundle_get(ctl->o.bundle, &s->bundle, err);
    for (size_t i = 0; rc == 0 && i < LJ_RULE_TABLES; i++) {
        s->tables[i].text = lj_bundle_section(s->bundle, lj_rule_table_name(i), &s->tables[i].size);
        if (!s->tables[i].text)
            rc = lj_fail(err, LJ_E_CONFIG, "the bundle has no %s", lj_rule_table_name(i));
    }
    if (rc == 0)
        in->golden = lj_bundle_section(s->bundle, "golden.tsv", &in->golden_size);
    return rc;
}

static void drop_sources(struct sources *s)
{
    lj_rules_drop(s->tables);
    lj_bundle_close(&s->bundle);
    free(s->golden);
}

static int train(const struct lj_ctl *ctl, const struct lj_labels *labels, void **bundle,
                 size_t *size, struct lj_err *err)
{
    const struct lj_train_options options = lj_train_defaults();
    struct sources s = {0};
    struct lj_train_input in = {0};
    const struct lj_label **texts = calloc(labels->count + 1, sizeof(void *));
    int rc = texts ? take_sources(ctl, &s, &in, err)
                   : lj_fail(err, LJ_E_NOMEM, "no memory for %zu texts", labels->count);
    for (size_t i = 0; rc == 0 && i < labels->count; i++) {
        if (!left_out(ctl, &labels->row[i]) && !labels->row[i].held)
            texts[in.n++] = &labels->row[i];
    }
    in.texts = texts;
    if (rc == 0)
        lj_say("training on %zu of %zu texts", in.n, labels->count);
    if (rc == 0)
        rc = lj_train_bundle(&in, &options, bundle, size, err);
    drop_sources(&s);
    free((void *)texts);
    return rc;
}

int lj_cmd_opinion_train(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct lj_labels labels = {0};
    struct lj_opinion *o = NULL;
    void *bundle = NULL;
    size_t size = 0;
    int rc = only_json_or_table(ctl, &err);
    if (rc == 0)
        rc = read_operands(ctl, 1, &labels, &err);
    if (rc == 0)
        rc = train(ctl, &labels, &bundle, &size, &err);
    if (rc == 0)
        rc = write_bundle(ctl->words[0], bundle, size, &err);
    if (rc == 0)
        rc = lj_opinion_open(ctl->words[0], &o, &err);
    if (rc == 0)
        lj_say("%s: %zu bytes, %s; figures of the texts left out:", ctl->words[0], size,
               lj_opinion_version(o));
    if (rc == 0)
        rc = measure(ctl, o, &labels, left_out, &err);
    lj_opinion_close(&o);
    free(bundle);
    lj_labels_free(&labels);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

int lj_cmd_opinion_agree(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct lj_labels labels = {0};
    struct lj_agreements a;
    int rc = only_json_or_table(ctl, &err);
    if (rc == 0)
        rc = lj_labels_read_dir(ctl->words[0], &labels, &err);
    if (rc == 0)
        rc = lj_agree(&labels, ctl->words[0], &a, &err);
    if (rc == 0 && ctl->format == LJ_FORMAT_JSON)
        lj_agree_print_json(&a, ctl->out);
    else if (rc == 0)
        lj_agree_print(&a, ctl->out);
    lj_labels_free(&labels);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}
