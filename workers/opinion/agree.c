/*
 * Agreement: how often two labellers say the same, beyond chance.
 *
 * Each question (a kind or not, any risk, polarity, severity) gets a table of counts, first pass
 * against second; kappa = (same - chance) / (1 - chance). What is reported is what it is: two
 * passes over synthetic texts.
 */
#include "workers/opinion/agree.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/tsv.h"

enum { CLASSES = 4, QUESTIONS = LJ_OPINION_KINDS + 3, FILE_MAX = 4 << 20 };
enum { Q_ANY = LJ_OPINION_KINDS, Q_POLARITY, Q_SEVERITY };

struct table {
    unsigned n[CLASSES][CLASSES];
};

struct second {
    int polarity, severity;
    unsigned kinds;
};

static int read_second(const struct lj_tsv *t, struct second *s, struct lj_err *err)
{
    *s = (struct second){0};
    bool plus = lj_field_is(t, 1, "1");
    s->polarity = plus ? 1 : lj_field_is(t, 1, "-1") ? -1 : 0;
    int rc = lj_field_int(t, 3, 0, 3, &s->severity, err);
    if (rc < 0)
        return rc;
    if (s->polarity == 0 && !lj_field_is(t, 1, "0"))
        return lj_fail(err, LJ_E_CONFIG, "%s:%u: polarity must be -1, 0 or 1", t->name, t->line);
    const char *p = t->field[2].p;
    const char *end = p + t->field[2].n;
    while (!lj_field_is(t, 2, "-") && p <= end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        int kind = lj_opinion_kind_by_name(p, (size_t)(stop - p));
        if (kind < 0)
            return lj_fail(err, LJ_E_CONFIG, "%s:%u: unknown category", t->name, t->line);
        s->kinds |= 1U << kind;
        p = stop + 1;
    }
    return 0;
}

static const struct lj_label *find(const struct lj_labels *labels, struct lj_field id)
{
    for (size_t i = 0; i < labels->count; i++) {
        if (strlen(labels->row[i].id) == id.n && memcmp(labels->row[i].id, id.p, id.n) == 0)
            return &labels->row[i];
    }
    return NULL;
}

static void count(struct table *t, const struct lj_label *l, const struct second *s)
{
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++)
        t[k].n[l->kinds >> k & 1][s->kinds >> k & 1]++;
    t[Q_ANY].n[l->kinds != 0][s->kinds != 0]++;
    t[Q_POLARITY].n[l->polarity + 1][s->polarity + 1]++;
    t[Q_SEVERITY].n[l->severity][s->severity]++;
}

static int read_file(const struct lj_labels *labels, const char *path, struct table *tables,
                     struct lj_agreements *ret, struct lj_err *err)
{
    char *buf = NULL;
    size_t size = 0;
    int rc = lj_read_file(path, FILE_MAX, &buf, &size, err);
    struct lj_tsv t = {.name = path, .p = buf, .end = buf ? buf + size : buf};
    while (rc == 0 && lj_tsv_next(&t)) {
        struct second s;
        if (lj_field_is(&t, 0, "id"))
            continue;
        const struct lj_label *l = find(labels, t.field[0]);
        rc = read_second(&t, &s, err);
        if (rc == 0 && l)
            count(tables, l, &s);
        ret->missing += !l;
    }
    free(buf);
    return rc;
}

static struct lj_agreement sum_up(const struct table *t)
{
    struct lj_agreement a = {0};
    for (unsigned i = 0; i < CLASSES; i++) {
        for (unsigned k = 0; k < CLASSES; k++)
            a.n += t->n[i][k];
        a.same += t->n[i][i];
    }
    for (unsigned i = 0; i < CLASSES && a.n > 0; i++) {
        double first = 0;
        double second = 0;
        for (unsigned k = 0; k < CLASSES; k++) {
            first += t->n[i][k];
            second += t->n[k][i];
        }
        a.chance += first / a.n * second / a.n;
    }
    return a;
}

int lj_agree(const struct lj_labels *labels, const char *dir, struct lj_agreements *ret,
             struct lj_err *err)
{
    struct table tables[QUESTIONS] = {0};
    char path[4096];
    int rc = 0;
    *ret = (struct lj_agreements){0};
    (void)snprintf(path, sizeof path, "%s/second", dir);
    DIR *d = opendir(path);
    if (!d)
        return lj_fail(err, LJ_E_IO, "cannot read the folder %s", path);
    for (const struct dirent *e = readdir(d); rc == 0 && e; e = readdir(d)) {
        size_t n = strlen(e->d_name);
        if (n < 5 || e->d_name[0] == '.' || strcmp(e->d_name + n - 4, ".tsv") != 0)
            continue;
        if (snprintf(path, sizeof path, "%s/second/%s", dir, e->d_name) >= (int)sizeof path)
            rc = lj_fail(err, LJ_E_ARG, "the folder's name is too long");
        else
            rc = read_file(labels, path, tables, ret, err);
    }
    (void)closedir(d);
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++)
        ret->kind[k] = sum_up(&tables[k]);
    ret->any = sum_up(&tables[Q_ANY]);
    ret->polarity = sum_up(&tables[Q_POLARITY]);
    ret->severity = sum_up(&tables[Q_SEVERITY]);
    ret->texts = ret->any.n;
    return rc;
}

double lj_kappa(const struct lj_agreement *a)
{
    if (a->n == 0 || a->chance >= 1)
        return -1;
    return ((double)a->same / a->n - a->chance) / (1 - a->chance);
}

static void print_one(FILE *out, const char *name, const struct lj_agreement *a)
{
    double kappa = lj_kappa(a);
    fprintf(out, "%-15s same %5.1f %%   kappa ", name, a->n ? 100.0 * a->same / a->n : 0.0);
    if (kappa < -0.999)
        fprintf(out, "-\n");
    else
        fprintf(out, "%.2f\n", kappa);
}

void lj_agree_print(const struct lj_agreements *a, FILE *out)
{
    fprintf(out, "%-15s %u labelled twice (two passes over synthetic texts)\n", "texts", a->texts);
    if (a->missing)
        fprintf(out, "%-15s %u rows of the second pass have no text\n", "missing", a->missing);
    print_one(out, "any risk", &a->any);
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++)
        print_one(out, lj_opinion_kind_name((enum lj_opinion_kind)k), &a->kind[k]);
    print_one(out, "polarity", &a->polarity);
    print_one(out, "severity", &a->severity);
}

static void json_one(FILE *out, const char *name, const struct lj_agreement *a)
{
    double kappa = lj_kappa(a);
    fprintf(out, "\"%s\":{\"same\":%.4f,\"kappa\":", name, a->n ? (double)a->same / a->n : 0.0);
    if (kappa < -0.999)
        fprintf(out, "null}");
    else
        fprintf(out, "%.4f}", kappa);
}

void lj_agree_print_json(const struct lj_agreements *a, FILE *out)
{
    fprintf(out, "{\"n\":%u,\"missing\":%u,", a->texts, a->missing);
    json_one(out, "any_risk", &a->any);
    fprintf(out, ",\"kinds\":{");
    for (unsigned k = 0; k < LJ_OPINION_KINDS; k++) {
        fprintf(out, "%s", k ? "," : "");
        json_one(out, lj_opinion_kind_name((enum lj_opinion_kind)k), &a->kind[k]);
    }
    fprintf(out, "},");
    json_one(out, "polarity", &a->polarity);
    fprintf(out, ",");
    json_one(out, "severity", &a->severity);
    fprintf(out, "}\n");
}
