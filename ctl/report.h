/* The reports of statistics: what each asks the database and how its columns are called. */
#ifndef LJ_CTL_REPORT_H
#define LJ_CTL_REPORT_H

#include "ctl/sheet.h"

enum { LJ_REPORT_COLS_MAX = 26 };

struct lj_report {
    const char *name;
    const char *zh;   /* title */
    const char *dims; /* words for --by, blank-separated; "" = none */
    int dims_max;
    int year_needed;    /* of one year only */
    const char *sql;    /* $1.. are what `params` says, in its order */
    const char *params; /* 1 2: dimensions; s: first month; t: last month, by its first day; u:
                           unit; m: team; y: year; r: column to rank by */
    const char *notes;  /* what has to be said beside the figures, in Chinese; NULL = nothing */
    const struct lj_sheet_col *cols;
    size_t ncols;
};

extern const struct lj_report lj_reports[];
extern const size_t lj_reports_count;

/* Months that --year, --quarter, --month name: first and last as YYYY-MM-01, "" = open.
 * shape: quarter "2025-Q3", month "2025-03"; at most one of the three
 * errors: LJ_E_ARG */
LJ_MUST int lj_report_span(long long year, const char *quarter, const char *month, char since[11],
                           char till[11], struct lj_err *err);
/* "a,b" into two words of at most 15 bytes ("" = none), each one of `dims` and both different.
 * errors: LJ_E_ARG with what is allowed */
LJ_MUST int lj_report_dims(const struct lj_report *r, const char *by, char first[16],
                           char second[16], struct lj_err *err);

#endif
