/* Rows of data on standard output as a text table, JSON or CSV; the one way sub-commands print
 * lists. */
#ifndef LJ_CTL_OUT_H
#define LJ_CTL_OUT_H

#include "ctl/ctl.h"

enum lj_col_type { LJ_COL_TEXT, LJ_COL_INT, LJ_COL_BOOL, LJ_COL_JSON };

struct lj_col {
    const char *name;  /* JSON member and CSV column */
    const char *title; /* of the text table; NULL = not shown there */
    enum lj_col_type type;
};

struct lj_rows;

/* cols and widths are borrowed until close. widths NULL: printed at close, as wide as needed; else
 * rows are printed as they come, with these widths in a text table, and JSON is one object a line.
 */
LJ_MUST int lj_rows_open(FILE *out, enum lj_format format, const struct lj_col *cols, size_t ncols,
                         const int *widths, struct lj_rows **ret, struct lj_err *err);
/* One row: ncols texts, NULL = none. INT and BOOL ("t"/"true") are given as text too; JSON holds a
 * JSON value. */
void lj_rows_add(struct lj_rows *r, const char *const *values);
/* Prints what is not printed yet and frees. errors: LJ_E_NOMEM when a row was lost. */
LJ_MUST int lj_rows_close(struct lj_rows **r, struct lj_err *err);

/* A line "name          value"; control bytes of the value are shown as '.'. */
void lj_put_line(FILE *out, const char *name, const char *value);

/* Columns that a text takes on a terminal (Chinese characters take two). */
int lj_text_width(const char *s);

#endif
