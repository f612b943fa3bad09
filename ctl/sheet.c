/* Sheets: the front, and the forms table, JSON and CSV (XLSX: sheet_xlsx.c).
 *
 * CSV is for spreadsheet programs: UTF-8 with a byte order mark, CRLF, RFC 4180 quotes, and no cell
 * that such a program would take for a formula: a text that begins with = + - @, a tab or a
 * carriage return gets an apostrophe before it. The lines of the head stand above the titles, one
 * empty line between. JSON is {"head": {...}, "rows": [...]}. On a terminal the columns are aligned
 * by the width of Chinese text, and those that are `wide` are left out.
 *
 * A file is written under another name and renamed when it is whole and flushed, so that nobody
 * opens half a report, and an old one stays when a new one fails. */
#include "ctl/sheet.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/out.h"
#include "ctl/sheet_part.h"

/* ---- CSV ---- */

static int csv_open(struct lj_sheet *s, struct lj_err *err)
{
    (void)err;
    (void)fputs("\xEF\xBB\xBF", s->out);
    return 0;
}

static void csv_cell(FILE *out, const char *text, enum lj_sheet_type type)
{
    if (!text)
        return;
    int formula = type == LJ_SHEET_TEXT && text[0] && strchr("=+-@\t\r", text[0]);
    int quoted = text[strcspn(text, ",\"\r\n")] || text[0] == ' ';
    if (quoted)
        fputc('"', out);
    if (formula)
        fputc('\'', out);
    for (const char *p = text; *p; p++) {
        if (*p == '"')
            fputc('"', out);
        fputc(*p, out);
    }
    if (quoted)
        fputc('"', out);
}

static void csv_head(struct lj_sheet *s, const char *name, const char *zh, const char *value)
{
    (void)name;
    csv_cell(s->out, zh, LJ_SHEET_TEXT);
    fputc(',', s->out);
    csv_cell(s->out, value, LJ_SHEET_TEXT);
    (void)fputs("\r\n", s->out);
}

static void csv_titles(struct lj_sheet *s)
{
    (void)fputs("\r\n", s->out);
    for (size_t i = 0; i < s->ncols; i++)
        fprintf(s->out, "%s%s %s", i ? "," : "", s->cols[i].zh, s->cols[i].name);
    (void)fputs("\r\n", s->out);
}

static void csv_row(struct lj_sheet *s, const char *const *values)
{
    for (size_t i = 0; i < s->ncols; i++) {
        if (i)
            fputc(',', s->out);
        csv_cell(s->out, values[i], s->cols[i].type);
    }
    (void)fputs("\r\n", s->out);
}

static int csv_close(struct lj_sheet *s, struct lj_err *err)
{
    (void)s;
    (void)err;
    return 0;
}

const struct lj_sheet_writer lj_sheet_csv = {csv_open, csv_head, csv_titles, csv_row, csv_close};

/* ---- JSON ---- */

static int json_open(struct lj_sheet *s, struct lj_err *err)
{
    s->state = json_pack("{s:{}, s:[]}", "head", "rows");
    return s->state ? 0 : lj_fail(err, LJ_E_NOMEM, "no memory for a report");
}

static void json_head(struct lj_sheet *s, const char *name, const char *zh, const char *value)
{
    (void)zh;
    (void)json_object_set_new(json_object_get(s->state, "head"), name,
                              value ? json_string(value) : json_null());
}

static json_t *json_value(enum lj_sheet_type type, const char *text)
{
    if (!text)
        return json_null();
    json_t *v = type == LJ_SHEET_NUMBER ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return v ? v : json_string(text);
}

static void json_row(struct lj_sheet *s, const char *const *values)
{
    json_t *row = json_object();
    for (size_t i = 0; i < s->ncols; i++)
        (void)json_object_set_new(row, s->cols[i].name, json_value(s->cols[i].type, values[i]));
    (void)json_array_append_new(json_object_get(s->state, "rows"), row);
}

static void json_titles(struct lj_sheet *s)
{
    (void)s;
}

static int json_close(struct lj_sheet *s, struct lj_err *err)
{
    int rc = 0;
    if (!s->dropped) {
        rc = json_dumpf(s->state, s->out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        fputc('\n', s->out);
    }
    json_decref(s->state);
    return rc == 0 ? 0 : lj_fail(err, LJ_E_IO, "cannot write the report");
}

const struct lj_sheet_writer lj_sheet_json = {json_open, json_head, json_titles, json_row,
                                              json_close};

/* ---- table ---- */

struct table {
    struct lj_rows *rows;
    struct lj_col cols[];
};

static int table_open(struct lj_sheet *s, struct lj_err *err)
{
    struct table *t = calloc(1, sizeof *t + s->ncols * sizeof t->cols[0]);
    if (!t)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a report");
    for (size_t i = 0; i < s->ncols; i++) {
        t->cols[i].name = s->cols[i].name;
        t->cols[i].title = s->cols[i].wide ? NULL : s->cols[i].zh;
        t->cols[i].type = s->cols[i].type == LJ_SHEET_NUMBER ? LJ_COL_INT : LJ_COL_TEXT;
    }
    s->state = t;
    return lj_rows_open(s->out, LJ_FORMAT_TABLE, t->cols, s->ncols, NULL, &t->rows, err);
}

static void table_head(struct lj_sheet *s, const char *name, const char *zh, const char *value)
{
    (void)name;
    fprintf(s->out, "%s%*s", zh, lj_text_width(zh) < 14 ? 14 - lj_text_width(zh) : 1, "");
    for (const char *p = value ? value : "-"; *p; p++)
        fputc((unsigned char)*p < 32 || *p == 127 ? '.' : *p, s->out);
    fputc('\n', s->out);
}

static void table_titles(struct lj_sheet *s)
{
    fputc('\n', s->out);
}

static void table_row(struct lj_sheet *s, const char *const *values)
{
    struct table *t = s->state;
    lj_rows_add(t->rows, values);
}

static int table_close(struct lj_sheet *s, struct lj_err *err)
{
    struct table *t = s->state;
    int rc = t ? lj_rows_close(&t->rows, err) : 0;
    free(t);
    return rc;
}

const struct lj_sheet_writer lj_sheet_table = {table_open, table_head, table_titles, table_row,
                                               table_close};

/* ---- the front ---- */

static int open_file(struct lj_sheet *s, const char *path, struct lj_err *err)
{
    s->path = strdup(path);
    if (!s->path || asprintf(&s->tmp, "%s.new", path) < 0) {
        s->tmp = NULL;
        return lj_fail(err, LJ_E_NOMEM, "no memory for a report");
    }
    FILE *f = fopen(s->tmp, "we");
    if (!f)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot make %.180s", s->tmp);
    if (s->writer == &lj_sheet_xlsx) { /* opens the file itself; that it can was tried */
        (void)fclose(f);
        return 0;
    }
    s->out = f;
    s->owned = 1;
    return 0;
}

int lj_sheet_open(FILE *out, const char *path, enum lj_sheet_format format,
                  const struct lj_sheet_col *cols, size_t ncols, struct lj_sheet **ret,
                  struct lj_err *err)
{
    static const struct lj_sheet_writer *const writers[] = {
        [LJ_SHEET_TABLE] = &lj_sheet_table,
        [LJ_SHEET_JSON] = &lj_sheet_json,
        [LJ_SHEET_CSV] = &lj_sheet_csv,
        [LJ_SHEET_XLSX] = &lj_sheet_xlsx,
    };
    if (format == LJ_SHEET_XLSX && !path)
        return lj_fail(err, LJ_E_ARG, "an XLSX report needs a file: --out FILE");
    struct lj_sheet *s = calloc(1, sizeof *s);
    if (!s)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a report");
    s->writer = writers[format];
    s->cols = cols;
    s->ncols = ncols;
    s->out = path ? NULL : out;
    int rc = path ? open_file(s, path, err) : 0;
    if (rc == 0)
        rc = s->writer->open(s, err);
    if (rc != 0)
        lj_sheet_drop(&s);
    *ret = s;
    return rc;
}

void lj_sheet_head(struct lj_sheet *s, const char *name, const char *zh, const char *value)
{
    s->writer->head(s, name, zh, value);
}

static void titles_once(struct lj_sheet *s)
{
    if (!s->titled)
        s->writer->titles(s);
    s->titled = 1;
}

void lj_sheet_row(struct lj_sheet *s, const char *const *values)
{
    titles_once(s);
    s->writer->row(s, values);
}

static int end_file(struct lj_sheet *s, struct lj_err *err)
{
    int bad = s->out && (fflush(s->out) != 0 || ferror(s->out) || fsync(fileno(s->out)) != 0);
    if (s->out && fclose(s->out) != 0)
        bad = 1;
    s->out = NULL;
    s->owned = 0;
    if (bad || rename(s->tmp, s->path) != 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot write %.180s", s->path);
    return 0;
}

int lj_sheet_close(struct lj_sheet **sheet, struct lj_err *err)
{
    struct lj_sheet *s = *sheet;
    if (!s)
        return 0;
    titles_once(s);
    int rc = s->writer->close(s, err);
    s->writer = NULL;
    if (rc == 0 && s->path)
        rc = end_file(s, err);
    lj_sheet_drop(sheet);
    return rc;
}

void lj_sheet_drop(struct lj_sheet **sheet)
{
    struct lj_sheet *s = *sheet;
    if (!s)
        return;
    s->dropped = 1;
    if (s->writer && s->state)
        (void)s->writer->close(s, NULL);
    if (s->owned)
        (void)fclose(s->out);
    if (s->tmp)
        (void)unlink(s->tmp); /* nothing there after a rename */
    free(s->tmp);
    free(s->path);
    free(s);
    *sheet = NULL;
}
