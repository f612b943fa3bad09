/*
 * Tab-separated tables: the reviewable form of every rule.
 *
 * One row a line, fields between tabs, nothing quoted; a line that starts with # is a comment. Rows
 * are read in place from memory, so built-in tables and files take the same way. A field is a
 * slice; nothing is copied.
 */
#include "workers/opinion/tsv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

static void split(struct lj_tsv *t, const char *p, const char *end)
{
    t->fields = 0;
    if (end > p && end[-1] == '\r')
        end--;
    while (t->fields < LJ_TSV_FIELDS_MAX) {
        const char *tab = memchr(p, '\t', (size_t)(end - p));
        const char *stop = tab ? tab : end;
        t->field[t->fields++] = (struct lj_field){p, (size_t)(stop - p)};
        if (!tab)
            break;
        p = tab + 1;
    }
}

int lj_tsv_next(struct lj_tsv *t)
{
    while (t->p < t->end) {
        const char *line = t->p;
        const char *nl = memchr(line, '\n', (size_t)(t->end - line));
        const char *end = nl ? nl : t->end;
        t->p = nl ? nl + 1 : t->end;
        t->line++;
        if (end == line || *line == '#')
            continue;
        split(t, line, end);
        return 1;
    }
    return 0;
}

int lj_field_is(const struct lj_tsv *t, size_t i, const char *s)
{
    return i < t->fields && t->field[i].n == strlen(s) &&
           memcmp(t->field[i].p, s, t->field[i].n) == 0;
}

int lj_field_int(const struct lj_tsv *t, size_t i, int lo, int hi, int *ret, struct lj_err *err)
{
    int v = 0;
    size_t n = i < t->fields ? t->field[i].n : 0;
    for (size_t k = 0; k < n && k < 6; k++) {
        char c = t->field[i].p[k];
        if (c < '0' || c > '9')
            return lj_fail(err, LJ_E_CONFIG, "%s:%u: field %zu is no number", t->name, t->line,
                           i + 1);
        v = v * 10 + (c - '0');
    }
    if (n == 0 || n > 6 || v < lo || v > hi)
        return lj_fail(err, LJ_E_CONFIG, "%s:%u: field %zu must be %d to %d", t->name, t->line,
                       i + 1, lo, hi);
    *ret = v;
    return 0;
}

int lj_read_file(const char *path, size_t max, char **ret, size_t *ret_size, struct lj_err *err)
{
    int rc = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot open %s", path);
    char *buf = malloc(max + 1);
    if (!buf) {
        (void)fclose(f);
        return lj_fail(err, LJ_E_NOMEM, "no memory to read %s", path);
    }
    size_t n = fread(buf, 1, max + 1, f);
    if (ferror(f))
        rc = lj_fail_errno(err, LJ_E_IO, errno, "cannot read %s", path);
    else if (n > max)
        rc = lj_fail(err, LJ_E_TOO_LARGE, "%s has more than %zu bytes", path, max);
    (void)fclose(f);
    if (rc < 0) {
        free(buf);
        return rc;
    }
    *ret = buf;
    *ret_size = n;
    return 0;
}
