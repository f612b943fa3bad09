/* A report as a sheet: lines of its head (label and value), one line of column titles, rows; on a
 * terminal, as JSON, as CSV for spreadsheet programs, or as XLSX. */
#ifndef LJ_CTL_SHEET_H
#define LJ_CTL_SHEET_H

#include <stddef.h>
#include <stdio.h>

#include "common/err.h"

enum lj_sheet_format { LJ_SHEET_TABLE, LJ_SHEET_JSON, LJ_SHEET_CSV, LJ_SHEET_XLSX };
enum lj_sheet_type { LJ_SHEET_TEXT, LJ_SHEET_NUMBER };

struct lj_sheet_col {
    const char *name; /* JSON member, and the second word of a title in a file */
    const char *zh;   /* title */
    enum lj_sheet_type type;
    int wide; /* 1: left out of a table on a terminal */
};

struct lj_sheet;

/* path NULL: to `out`; else the file is written beside and put in place by close. XLSX needs a
 * path. cols are borrowed until close.
 * errors: LJ_E_ARG (XLSX without a path), LJ_E_IO, LJ_E_NOMEM */
LJ_MUST int lj_sheet_open(FILE *out, const char *path, enum lj_sheet_format format,
                          const struct lj_sheet_col *cols, size_t ncols, struct lj_sheet **ret,
                          struct lj_err *err);
/* A line of the head; all of them before the first row. */
void lj_sheet_head(struct lj_sheet *s, const char *name, const char *zh, const char *value);
/* One row: ncols texts, NULL = none. A NUMBER column may hold "*" where a figure is not shown. */
void lj_sheet_row(struct lj_sheet *s, const char *const *values);
/* Ends the sheet and frees it. errors: LJ_E_IO, LJ_E_NOMEM when something was lost; the file is
 * then not put in place. */
LJ_MUST int lj_sheet_close(struct lj_sheet **s, struct lj_err *err);
/* Frees without putting a file in place. Accepts NULL. */
void lj_sheet_drop(struct lj_sheet **s);

#endif
