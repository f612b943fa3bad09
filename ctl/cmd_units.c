/* ljctl units: the managing units by class and order of creation; all with their states; those that
 * a text means.
 *
 * As text it is the letter's table: three pairs of columns side by side. CSV and JSON give one unit
 * a row: number, code, class, name. The source is the register in the database when it can be
 * reached (units registered later then follow their class's), else the table built in; a note on
 * stderr says which. The Centre (CN000) is no managing unit of the table and is left out. */
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/units.h"

enum { CLASSES = 4 }; /* the letter's three, and others */

static const struct lj_col columns[] = {{"number", "序号", LJ_COL_INT},
                                        {"code", "代码", LJ_COL_TEXT},
                                        {"class", "类别", LJ_COL_TEXT},
                                        {"name", "名称", LJ_COL_TEXT}};

static int from_register(const struct lj_ctl *ctl, struct lj_unit *units, size_t *ret_n,
                         struct lj_err *err)
{
    PGconn *c = NULL;
    PGresult *r = NULL;
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, err);
    if (rc == 0)
        rc = lj_dbs_query(
            c,
            "select code, kind, name from liangjin.directory() where code <> 'CN000' and "
            "state in ('ACTIVE', 'SUSPENDED') order by number",
            0, NULL, &r, err);
    size_t n = 0;
    for (int i = 0; rc == 0 && r && i < PQntuples(r) && n < LJ_UNITS_MAX; i++, n++) {
        struct lj_unit *u = &units[n];
        memset(u, 0, sizeof *u);
        (void)snprintf(u->code, sizeof u->code, "%s", PQgetvalue(r, i, 0));
        (void)snprintf(u->kind, sizeof u->kind, "%s", PQgetvalue(r, i, 1));
        (void)snprintf(u->name, sizeof u->name, "%s", PQgetvalue(r, i, 2));
        u->number = strlen(u->code) > 2 ? (int)strtol(u->code + 2, NULL, 10) : 0;
    }
    *ret_n = n;
    PQclear(r);
    PQfinish(c);
    return rc;
}

/* By class in the letter's order, inside it by number. */
static int compare(const void *a, const void *b)
{
    const struct lj_unit *x = a;
    const struct lj_unit *y = b;
    int cx = 0;
    int cy = 0;
    (void)lj_unit_class(x->kind, &cx);
    (void)lj_unit_class(y->kind, &cy);
    return cx != cy ? cx - cy : x->number - y->number;
}

static void put_padded(FILE *out, const char *text, int width)
{
    int pad = width - lj_text_width(text);
    fprintf(out, "%s%*s", text, pad > 0 ? pad : 0, "");
}

/* First unit and count of each class in the sorted array. */
struct span {
    size_t first, n;
    int width;
};

static void find_spans(const struct lj_unit *units, size_t n, struct span spans[CLASSES])
{
    for (size_t i = 0; i < n; i++) {
        int c = 0;
        int title = lj_text_width(lj_unit_class(units[i].kind, &c));
        struct span *s = &spans[c];
        if (s->n++ == 0) {
            s->first = i;
            s->width = title;
        }
        int w = lj_text_width(units[i].name);
        s->width = w > s->width ? w : s->width;
    }
}

static void put_row(FILE *out, const struct lj_unit *units, const struct span *spans, size_t row)
{
    int last = -1;
    for (int c = 0; c < CLASSES; c++)
        last = row < spans[c].n ? c : last;
    for (int c = 0; c <= last; c++) {
        const struct span *s = &spans[c];
        if (!s->n)
            continue;
        if (row < s->n)
            fprintf(out, "%4d  ", units[s->first + row].number);
        else
            fprintf(out, "%6s", "");
        put_padded(out, row < s->n ? units[s->first + row].name : "", c == last ? 0 : s->width + 2);
    }
    fputc('\n', out);
}

static void put_letter_table(FILE *out, const struct lj_unit *units, size_t n)
{
    struct span spans[CLASSES] = {{0}};
    size_t rows = 0;
    find_spans(units, n, spans);
    fprintf(out, "注册两进信息系统情况统计表\n\n");
    int last = 0;
    for (int c = 0; c < CLASSES; c++)
        last = spans[c].n ? c : last;
    for (int c = 0; c <= last; c++) {
        if (!spans[c].n)
            continue;
        fprintf(out, "序号  ");
        put_padded(out, lj_unit_class(units[spans[c].first].kind, NULL),
                   c == last ? 0 : spans[c].width + 2);
        rows = spans[c].n > rows ? spans[c].n : rows;
    }
    fputc('\n', out);
    for (size_t row = 0; row < rows; row++)
        put_row(out, units, spans, row);
    fprintf(out, "\n备注:以上注册数据截至2023年底;按照创建时间排序。\n");
}

static int put_rows(struct lj_ctl *ctl, const struct lj_unit *units, size_t n, struct lj_err *err)
{
    struct lj_rows *rows = NULL;
    int rc = lj_rows_open(ctl->out, ctl->format, columns, 4, NULL, &rows, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < n; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%d", units[i].number);
        const char *values[] = {number, units[i].code, lj_unit_class(units[i].kind, NULL),
                                units[i].name};
        lj_rows_add(rows, values);
    }
    return lj_rows_close(&rows, err);
}

/* Every unit with its state (text NULL), or those that a text means. */
static int list(struct lj_ctl *ctl, const char *text)
{
    static const struct lj_col cols[] = {
        {"code", "代码", LJ_COL_TEXT},   {"name", "名称", LJ_COL_TEXT},
        {"kind", "类别", LJ_COL_TEXT},   {"state", "状态", LJ_COL_TEXT},
        {"parent", "上级", LJ_COL_TEXT}, {"aliases", "别名", LJ_COL_TEXT}};
    struct lj_err err = {0};
    PGconn *c = NULL;
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0)
        rc = lj_pg_print(ctl, c,
                         &(struct lj_pg_list){"select code, name, kind, state, parent, "
                                              "array_to_string(aliases, '、') from "
                                              "liangjin.find_units($1)",
                                              &text, 1, cols, sizeof cols / sizeof cols[0]},
                         NULL, &err);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

int lj_cmd_units(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    if (ctl->nwords == 1 && strcmp(ctl->words[0], "ls") == 0)
        return list(ctl, NULL);
    if (ctl->nwords == 2 && strcmp(ctl->words[0], "find") == 0)
        return list(ctl, ctl->words[1]);
    if (ctl->nwords > 0) {
        lj_say("usage: ljctl units [options] [ls], ljctl units find TEXT");
        return LJ_EXIT_USAGE;
    }
    size_t n = 0;
    struct lj_unit *units = calloc(LJ_UNITS_MAX, sizeof *units);
    if (!units) {
        (void)lj_fail(&err, LJ_E_NOMEM, "no memory for the units");
        return lj_ctl_error(&err, NULL);
    }
    int rc = 0;
    int from_db = !ctl->o.embedded && from_register(ctl, units, &n, NULL) == 0 && n > 0;
    if (!from_db)
        rc = lj_units_embedded(units, LJ_UNITS_MAX, &n, &err);
    if (rc == 0) {
        lj_say("%s", from_db ? "source: the register in the database"
                             : "source: the table built in (no register to ask)");
        qsort(units, n, sizeof *units, compare);
        if (ctl->format == LJ_FORMAT_TABLE)
            put_letter_table(ctl->out, units, n);
        else
            rc = put_rows(ctl, units, n, &err);
    }
    free(units);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}
