/* Text table, JSON, CSV: three writers over the same rows, so that a sub-command cannot forget one.
 *
 * A table that is not streamed is kept until close, because column widths are known only then; the
 * sub-commands limit how much they ask for. Widths count terminal columns (wcwidth), else Chinese
 * names would shift everything behind them. CSV follows RFC 4180 with LF line ends and a header
 * line; JSON is an array of objects in row order, members in column order, numbers as numbers,
 * absent values null. Control characters of the data never reach a terminal: the text table shows
 * them as '.' (a payload must not move the cursor). */
#include "ctl/out.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

struct lj_rows {
    FILE *out;
    enum lj_format format;
    const struct lj_col *cols;
    size_t ncols;
    const int *widths; /* of a streamed table; NULL = kept until close */
    int failed;
    char **cells; /* nrows * ncols, owned */
    size_t nrows, cap;
};

int lj_text_width(const char *s)
{
    int width = 0;
    mbstate_t state = {0};
    size_t left = strlen(s);
    while (left) {
        wchar_t c;
        size_t n = mbrtowc(&c, s, left, &state);
        if (n == 0 || n == (size_t)-1 || n == (size_t)-2) {
            n = 1;
            c = L'.';
            memset(&state, 0, sizeof state);
        }
        int w = wcwidth(c);
        width += w < 0 ? 1 : w;
        s += n;
        left -= n;
    }
    return width;
}

static void put_clean(FILE *out, const char *s)
{
    for (; *s; s++)
        fputc((unsigned char)*s < 32 || *s == 127 ? '.' : *s, out);
}

void lj_put_line(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%-12s  ", name);
    put_clean(out, value);
    fputc('\n', out);
}

static void put_cell(const struct lj_rows *r, const char *text, size_t col, int width, int last)
{
    int pad = width - lj_text_width(text);
    if (pad < 0)
        pad = 0;
    if (r->cols[col].type == LJ_COL_INT)
        fprintf(r->out, "%*s", pad, "");
    put_clean(r->out, text);
    if (r->cols[col].type != LJ_COL_INT && !last)
        fprintf(r->out, "%*s", pad, "");
    if (!last)
        fputs("  ", r->out);
}

static void put_text_row(const struct lj_rows *r, const char *const *values, const int *widths)
{
    size_t last = 0;
    for (size_t c = 0; c < r->ncols; c++) {
        if (r->cols[c].title)
            last = c;
    }
    for (size_t c = 0; c < r->ncols; c++) {
        if (r->cols[c].title)
            put_cell(r, values[c] ? values[c] : "-", c, widths[c], c == last);
    }
    fputc('\n', r->out);
}

static void put_csv_cell(FILE *out, const char *s)
{
    if (!s)
        return;
    if (!s[strcspn(s, ",\"\r\n")] && s[0] != ' ') {
        fputs(s, out);
        return;
    }
    fputc('"', out);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', out);
        fputc(*s, out);
    }
    fputc('"', out);
}

static void put_csv_row(const struct lj_rows *r, const char *const *values)
{
    for (size_t c = 0; c < r->ncols; c++) {
        if (c)
            fputc(',', r->out);
        put_csv_cell(r->out, values[c]);
    }
    fputc('\n', r->out);
}

static json_t *json_cell(enum lj_col_type type, const char *s)
{
    if (!s)
        return json_null();
    switch (type) {
    case LJ_COL_INT: {
        char *end = NULL;
        long long v = strtoll(s, &end, 10);
        return end && !*end ? json_integer(v) : json_real(strtod(s, NULL));
    }
    case LJ_COL_BOOL:
        return json_boolean(s[0] == 't');
    case LJ_COL_JSON: {
        json_t *v = json_loads(s, JSON_DECODE_ANY, NULL);
        return v ? v : json_string(s);
    }
    case LJ_COL_TEXT:
        break;
    }
    return json_string(s);
}

static json_t *json_row(const struct lj_rows *r, const char *const *values)
{
    json_t *o = json_object();
    for (size_t c = 0; c < r->ncols; c++)
        (void)json_object_set_new(o, r->cols[c].name, json_cell(r->cols[c].type, values[c]));
    return o;
}

static void put_head(const struct lj_rows *r, const int *widths)
{
    const char *names[32] = {0};
    for (size_t c = 0; c < r->ncols; c++)
        names[c] = r->format == LJ_FORMAT_CSV ? r->cols[c].name : r->cols[c].title;
    if (r->format == LJ_FORMAT_CSV)
        put_csv_row(r, names);
    else
        put_text_row(r, names, widths);
}

int lj_rows_open(FILE *out, enum lj_format format, const struct lj_col *cols, size_t ncols,
                 const int *widths, struct lj_rows **ret, struct lj_err *err)
{
    if (ncols > 32)
        return lj_fail(err, LJ_E_INTERNAL, "a table has %zu columns, at most 32 are possible",
                       ncols);
    struct lj_rows *r = calloc(1, sizeof *r);
    if (!r)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a table");
    *r = (struct lj_rows){
        .out = out, .format = format, .cols = cols, .ncols = ncols, .widths = widths};
    if (widths && format != LJ_FORMAT_JSON)
        put_head(r, widths);
    *ret = r;
    return 0;
}

static void put_stream_row(const struct lj_rows *r, const char *const *values)
{
    if (r->format == LJ_FORMAT_CSV) {
        put_csv_row(r, values);
    } else if (r->format == LJ_FORMAT_JSON) {
        json_t *o = json_row(r, values);
        (void)json_dumpf(o, r->out, JSON_COMPACT | JSON_REAL_PRECISION(15));
        fputc('\n', r->out);
        json_decref(o);
    } else {
        put_text_row(r, values, r->widths);
    }
    (void)fflush(r->out);
}

static int make_room(struct lj_rows *r)
{
    if (r->nrows < r->cap)
        return 1;
    size_t cap = r->cap ? r->cap * 2 : 64;
    char **cells = reallocarray(r->cells, cap * r->ncols, sizeof *cells);
    if (!cells)
        return 0;
    r->cells = cells;
    r->cap = cap;
    return 1;
}

void lj_rows_add(struct lj_rows *r, const char *const *values)
{
    if (r->widths) {
        put_stream_row(r, values);
        return;
    }
    if (!make_room(r)) {
        r->failed = 1;
        return;
    }
    for (size_t c = 0; c < r->ncols; c++) {
        char *copy = values[c] ? strdup(values[c]) : NULL;
        r->failed |= values[c] && !copy;
        r->cells[r->nrows * r->ncols + c] = copy;
    }
    r->nrows++;
}

static const char *const *row_at(const struct lj_rows *r, size_t i)
{
    return (const char *const *)&r->cells[i * r->ncols];
}

static void put_all(const struct lj_rows *r)
{
    if (r->format == LJ_FORMAT_JSON) {
        json_t *all = json_array();
        for (size_t i = 0; i < r->nrows; i++)
            (void)json_array_append_new(all, json_row(r, row_at(r, i)));
        (void)json_dumpf(all, r->out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        fputc('\n', r->out);
        json_decref(all);
        return;
    }
    int widths[32] = {0};
    for (size_t c = 0; c < r->ncols; c++) {
        widths[c] = r->cols[c].title ? lj_text_width(r->cols[c].title) : 0;
        for (size_t i = 0; i < r->nrows; i++) {
            const char *cell = row_at(r, i)[c];
            int w = lj_text_width(cell ? cell : "-");
            widths[c] = w > widths[c] ? w : widths[c];
        }
    }
    put_head(r, widths);
    for (size_t i = 0; i < r->nrows; i++) {
        if (r->format == LJ_FORMAT_CSV)
            put_csv_row(r, row_at(r, i));
        else
            put_text_row(r, row_at(r, i), widths);
    }
}

int lj_rows_close(struct lj_rows **rows, struct lj_err *err)
{
    struct lj_rows *r = *rows;
    if (!r)
        return 0;
    int rc = 0;
    if (r->failed)
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for all rows");
    else if (!r->widths)
        put_all(r);
    for (size_t i = 0; i < r->nrows * r->ncols; i++)
        free(r->cells[i]);
    free(r->cells);
    free(r);
    *rows = NULL;
    return rc;
}
