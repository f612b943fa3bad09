/* ljctl opinion explain: what the opinion engine sees in a text, and why.
 *
 * The library that the worker uses is called in this process: no broker, no database, nothing is
 * stored, so a text can be tried before it is published. The text is printed in lines with a mark
 * under each word that counts (^) and each that was found but cancelled by its surroundings (-);
 * below stands a row a reason. The engine counts code points, a terminal counts columns: Chinese
 * characters take two.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd.h"
#include "ctl/out.h"
#include "workers/opinion/opinion.h"
#include "workers/opinion/text.h"

enum { LINE_COLUMNS = 76, TEXT_BYTES = LJ_OPINION_TEXT_MAX * 4 + 2 };

struct text {
    char bytes[TEXT_BYTES];
    size_t n;
    char marks[LJ_OPINION_TEXT_MAX + 1]; /* a code point each */
};

static void mark(struct text *t, struct lj_opinion_span span, char c)
{
    for (uint32_t i = span.start; i < span.end && i < LJ_OPINION_TEXT_MAX; i++)
        t->marks[i] = c;
}

static void set_marks(struct text *t, const struct lj_opinion_findings *f)
{
    memset(t->marks, ' ', sizeof t->marks);
    for (uint32_t i = 0; i < f->cancelled_count; i++)
        mark(t, f->cancelled[i].span, '-');
    for (uint32_t i = 0; i < f->count; i++)
        for (uint32_t k = 0; k < f->findings[i].span_count; k++)
            mark(t, f->findings[i].spans[k], '^');
}

/* One printed line: text, and below it the marks where there are any. */
struct line {
    char text[LINE_COLUMNS * 4 + 8];
    char marks[LINE_COLUMNS * 2 + 8];
    size_t ntext, nmarks;
    int columns, marked;
};

static void put_line(FILE *out, struct line *l)
{
    fprintf(out, "  %.*s\n", (int)l->ntext, l->text);
    if (l->marked)
        fprintf(out, "  %.*s\n", (int)l->nmarks, l->marks);
    *l = (struct line){0};
}

static void put_text(FILE *out, const struct text *t)
{
    struct line l = {0};
    size_t i = 0;
    for (uint32_t cp = 0; i < t->n && cp < LJ_OPINION_TEXT_MAX; cp++) {
        char one[8] = "";
        size_t from = i;
        int32_t c = lj_utf8_next(t->bytes, t->n, &i);
        if (c == '\n' || l.columns + 2 > LINE_COLUMNS)
            put_line(out, &l);
        if (c == '\n' || c == '\r')
            continue;
        if (c < 0x20 || (c >= 0x7F && c < 0xA0)) /* bad bytes and controls */
            (void)snprintf(one, sizeof one, ".");
        else
            (void)snprintf(one, sizeof one, "%.*s", (int)(i - from), t->bytes + from);
        int width = lj_text_width(one);
        memcpy(l.text + l.ntext, one, strlen(one));
        l.ntext += strlen(one);
        for (int w = 0; w < width; w++)
            l.marks[l.nmarks++] = t->marks[cp];
        l.columns += width;
        l.marked |= t->marks[cp] != ' ';
    }
    if (l.ntext)
        put_line(out, &l);
}

static const struct lj_col columns[] = {{"kind", "KIND", LJ_COL_TEXT},
                                        {"code", "CODE", LJ_COL_TEXT},
                                        {"severity", "SEVERITY", LJ_COL_INT},
                                        {"score", "SCORE", LJ_COL_TEXT},
                                        {"by", "BY", LJ_COL_TEXT},
                                        {"rule", "RULE", LJ_COL_TEXT},
                                        {"weight", "WEIGHT", LJ_COL_TEXT},
                                        {"scope", "SCOPE", LJ_COL_TEXT},
                                        {"counts", "COUNTS", LJ_COL_BOOL},
                                        {"start", NULL, LJ_COL_INT},
                                        {"end", NULL, LJ_COL_INT}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static void add_reason(struct lj_rows *rows, const struct lj_opinion_reason *r,
                       const struct lj_opinion_finding *f)
{
    static const char *const sources[] = {
        [LJ_OPINION_BY_TERM] = "term",
        [LJ_OPINION_BY_PAIR] = "pair",
        [LJ_OPINION_BY_RULE] = "rule",
        [LJ_OPINION_BY_NGRAM] = "ngram",
    };
    char severity[8];
    char score[16];
    char weight[16];
    char start[16];
    char end[16];
    (void)snprintf(severity, sizeof severity, "%d", f ? f->severity : 0);
    (void)snprintf(score, sizeof score, "%.2f", f ? (double)f->score : 0.0);
    (void)snprintf(weight, sizeof weight, "%.2f", (double)r->weight);
    (void)snprintf(start, sizeof start, "%u", r->span.start);
    (void)snprintf(end, sizeof end, "%u", r->span.end);
    const char *values[COLUMNS] = {lj_opinion_kind_name(r->kind),
                                   lj_opinion_code_name(r->code),
                                   f ? severity : NULL,
                                   f ? score : NULL,
                                   sources[r->source],
                                   r->rule,
                                   weight,
                                   lj_opinion_scope_name(r->scope),
                                   f ? "true" : "false",
                                   start,
                                   end};
    lj_rows_add(rows, values);
}

static int put_rows(const struct lj_ctl *ctl, const struct lj_opinion_findings *f,
                    struct lj_err *err)
{
    struct lj_rows *rows = NULL;
    int rc = lj_rows_open(ctl->out, ctl->format, columns, COLUMNS, NULL, &rows, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < f->count; i++)
        for (uint32_t k = 0; k < f->findings[i].reason_count; k++)
            add_reason(rows, &f->findings[i].reasons[k], &f->findings[i]);
    for (uint32_t i = 0; i < f->cancelled_count; i++)
        add_reason(rows, &f->cancelled[i], NULL);
    return lj_rows_close(&rows, err);
}

static void put_table_head(FILE *out, const struct lj_opinion *engine, struct text *t,
                           const struct lj_opinion_findings *f)
{
    static const char *const polarity[] = {"negative", "neutral", "positive"};
    char why[LJ_OPINION_EXPLAIN_MAX];
    set_marks(t, f);
    put_text(out, t);
    (void)lj_opinion_explain(f, t->bytes, t->n, why, sizeof why);
    fprintf(out, "\n%s\n\nlevel %s  base %d  severity %d  polarity %s  engine %s\n\n", why,
            lj_opinion_level_name(f->level), f->base, f->severity, polarity[f->polarity + 1],
            lj_opinion_version(engine));
}

/* The operand, or standard input for "-". */
static int take_text(const char *word, struct text *t, struct lj_err *err)
{
    if (strcmp(word, "-") == 0)
        t->n = fread(t->bytes, 1, sizeof t->bytes, stdin);
    else
        t->n = strlen(word);
    if (t->n >= sizeof t->bytes)
        return lj_fail(err, LJ_E_TOO_LARGE, "a text may have %d characters", LJ_OPINION_TEXT_MAX);
    if (strcmp(word, "-") != 0)
        memcpy(t->bytes, word, t->n);
    return 0;
}

int lj_cmd_opinion_explain(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct lj_opinion *engine = NULL;
    struct text *t = calloc(1, sizeof *t);
    struct lj_opinion_findings *f = calloc(1, sizeof *f);
    int rc = t && f ? take_text(ctl->words[0], t, &err)
                    : lj_fail(&err, LJ_E_NOMEM, "no memory for a text");
    if (rc == 0)
        rc = lj_opinion_open(ctl->o.bundle, &engine, &err);
    if (rc == 0)
        rc = lj_opinion_score(engine, t->bytes, t->n, f, &err);
    if (rc == 0 && ctl->format == LJ_FORMAT_TABLE)
        put_table_head(ctl->out, engine, t, f);
    if (rc == 0 && (f->count || f->cancelled_count || ctl->format != LJ_FORMAT_TABLE))
        rc = put_rows(ctl, f, &err);
    lj_opinion_close(&engine);
    free(t);
    free(f);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}
