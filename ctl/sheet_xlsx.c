/* Sheets as XLSX, by libxlsxwriter in constant-memory mode: rows go to a temporary file as they
 * come, so a report of a million rows takes no more memory than one of ten. In that mode a row
 * cannot be touched again once the next has begun, and texts stand in their cells instead of a
 * shared table.
 *
 * Numbers are numbers, texts are written as texts and never as formulas. Text beyond 32,767
 * characters does not fit a cell and is an error. */
#include <stdlib.h>
#include <string.h>
#include <xlsxwriter.h>

#include "ctl/out.h"
#include "ctl/sheet_part.h"

struct xlsx {
    lxw_workbook *book;
    lxw_worksheet *page;
    lxw_format *bold;
    lxw_row_t row;
    lxw_error failed; /* the first */
};

enum { LABEL_WIDTH = 18, TITLE_EXTRA = 3, ROWS_MAX = 1048576 };

static void note(struct xlsx *x, lxw_error e)
{
    if (x->failed == LXW_NO_ERROR)
        x->failed = e;
}

static int xlsx_open(struct lj_sheet *s, struct lj_err *err)
{
    lxw_workbook_options options = {.constant_memory = LXW_TRUE};
    struct xlsx *x = calloc(1, sizeof *x);
    if (!x)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a report");
    s->state = x;
    x->book = workbook_new_opt(s->tmp, &options);
    x->page = x->book ? workbook_add_worksheet(x->book, "报表") : NULL;
    x->bold = x->page ? workbook_add_format(x->book) : NULL;
    if (!x->bold)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %.180s", s->tmp);
    format_set_bold(x->bold);
    for (size_t i = 0; i < s->ncols; i++) {
        int w = lj_text_width(s->cols[i].zh) + lj_text_width(s->cols[i].name) + TITLE_EXTRA;
        note(x, worksheet_set_column(x->page, (lxw_col_t)i, (lxw_col_t)i,
                                     w < LABEL_WIDTH ? LABEL_WIDTH : w, NULL));
    }
    return 0;
}

static void put_text(struct xlsx *x, size_t col, const char *text, lxw_format *format)
{
    if (text)
        note(x, worksheet_write_string(x->page, x->row, (lxw_col_t)col, text, format));
}

static void xlsx_head(struct lj_sheet *s, const char *name, const char *zh, const char *value)
{
    struct xlsx *x = s->state;
    (void)name;
    put_text(x, 0, zh, x->bold);
    put_text(x, 1, value, NULL);
    x->row++;
}

static void xlsx_titles(struct lj_sheet *s)
{
    struct xlsx *x = s->state;
    x->row++;
    for (size_t i = 0; i < s->ncols; i++) {
        char title[200];
        (void)snprintf(title, sizeof title, "%s %s", s->cols[i].zh, s->cols[i].name);
        put_text(x, i, title, x->bold);
    }
    x->row++;
    worksheet_freeze_panes(x->page, x->row, 0);
}

static void xlsx_row(struct lj_sheet *s, const char *const *values)
{
    struct xlsx *x = s->state;
    if (x->row >= ROWS_MAX)
        note(x, LXW_ERROR_WORKSHEET_INDEX_OUT_OF_RANGE);
    for (size_t i = 0; i < s->ncols; i++) {
        char *end = NULL;
        double v = values[i] && s->cols[i].type == LJ_SHEET_NUMBER ? strtod(values[i], &end) : 0;
        if (end && end != values[i] && !*end)
            note(x, worksheet_write_number(x->page, x->row, (lxw_col_t)i, v, NULL));
        else
            put_text(x, i, values[i], NULL);
    }
    x->row++;
}

static int xlsx_close(struct lj_sheet *s, struct lj_err *err)
{
    struct xlsx *x = s->state;
    if (!x)
        return 0;
    if (x->book)
        note(x, workbook_close(x->book)); /* writes the file, frees the book */
    lxw_error e = x->failed;
    free(x);
    return e == LXW_NO_ERROR
               ? 0
               : lj_fail(err, LJ_E_IO, "cannot write %.120s: %.80s", s->path, lxw_strerror(e));
}

const struct lj_sheet_writer lj_sheet_xlsx = {xlsx_open, xlsx_head, xlsx_titles, xlsx_row,
                                              xlsx_close};
