/* Between ctl/sheet.c and the writers of the forms. */
#ifndef LJ_CTL_SHEET_PART_H
#define LJ_CTL_SHEET_PART_H

#include "ctl/sheet.h"

/* A writer of one form. Every function may be called with what has failed already; close tells. */
struct lj_sheet_writer {
    /* errors: LJ_E_IO, LJ_E_NOMEM */
    int (*open)(struct lj_sheet *s, struct lj_err *err);
    void (*head)(struct lj_sheet *s, const char *name, const char *zh, const char *value);
    void (*titles)(struct lj_sheet *s);
    void (*row)(struct lj_sheet *s, const char *const *values);
    int (*close)(struct lj_sheet *s, struct lj_err *err); /* called once, also to drop */
};

struct lj_sheet {
    const struct lj_sheet_writer *writer;
    const struct lj_sheet_col *cols;
    size_t ncols;
    FILE *out;        /* not of XLSX */
    int owned;        /* out was opened here */
    int titled;       /* the titles are written */
    int dropped;      /* nothing more is written, only freed */
    char *path, *tmp; /* NULL: standard output */
    void *state;      /* the writer's */
};

extern const struct lj_sheet_writer lj_sheet_table, lj_sheet_json, lj_sheet_csv, lj_sheet_xlsx;

#endif
