#ifndef LJ_OPINION_TSV_H
#define LJ_OPINION_TSV_H
/* Reading tab-separated tables from memory: lines, comments, fields. Internal. */
#include <stddef.h>

struct lj_err;

enum { LJ_TSV_FIELDS_MAX = 12 };

struct lj_field {
    const char *p; /* not NUL-terminated */
    size_t n;
};

struct lj_tsv {
    const char *name; /* for messages */
    const char *p;
    const char *end;
    unsigned line;
    size_t fields;
    struct lj_field field[LJ_TSV_FIELDS_MAX];
};

/* Moves on to the next row that is neither empty nor a # comment; returns 0 at the end. */
int lj_tsv_next(struct lj_tsv *t);

/* Field i equals the string. */
int lj_field_is(const struct lj_tsv *t, size_t i, const char *s);

/* Reads a decimal field between lo and hi; LJ_E_CONFIG names file and line. */
int lj_field_int(const struct lj_tsv *t, size_t i, int lo, int hi, int *ret, struct lj_err *err);

/* Reads a whole file; the caller frees *ret. Errors: LJ_E_IO, LJ_E_NOMEM, LJ_E_TOO_LARGE (over max
 * bytes). */
int lj_read_file(const char *path, size_t max, char **ret, size_t *ret_size, struct lj_err *err);

#endif
