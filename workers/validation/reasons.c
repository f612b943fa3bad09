/* What validation has to say about one event.
 *
 * Texts are data (rules.def); what is kept of a reason is the clause, its numbers and the pointer,
 * in fixed room: a hostile roster cannot make a worker grow. All reasons are told at once, so that
 * a filler mends a report in one go; but a follow-on event is to be short, so of very many only the
 * first are told, errors first, and the rest are counted.
 *
 * Guarantees: adding never fails and allocates nothing; `errors` counts every error, also those
 * without room, so the verdict is right however many there are; pointers are valid UTF-8.
 */
#include "workers/validation/reasons.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"

static const struct lj_clause_info clauses[LJ_CLAUSES] = {
#define RULE(symbol, code, severity, zh, en)                                                       \
    [LJ_CLAUSE_##symbol] = {code, LJ_SEVERITY_##severity, zh, en},
#include "workers/validation/rules.def"
#undef RULE
};

const struct lj_clause_info *lj_clause_info(enum lj_clause clause)
{
    return &clauses[clause];
}

void lj_reasons_init(struct lj_reasons *r, const char *prefix)
{
    r->count = r->dropped = r->errors = 0;
    r->prefix = prefix;
}

/* Room for a clause: the next place, or for an error the place of the last warning. NULL when there
 * is none. */
static struct lj_reason *place(struct lj_reasons *r, enum lj_clause clause)
{
    int is_error = clauses[clause].severity == LJ_SEVERITY_E;
    r->errors += (size_t)is_error;
    if (r->count < LJ_REASONS_MAX)
        return &r->items[r->count++];
    r->dropped++;
    for (size_t i = r->count; is_error && i-- > 0;)
        if (clauses[r->items[i].clause].severity != LJ_SEVERITY_E)
            return &r->items[i];
    return NULL;
}

LJ_PRINTF(3, 0)
static void point(struct lj_reason *at, const char *prefix, const char *fmt, va_list ap)
{
    int n = snprintf(at->pointer, sizeof at->pointer, "%s", prefix);
    if (n >= 0 && (size_t)n < sizeof at->pointer)
        (void)vsnprintf(at->pointer + n, sizeof at->pointer - (size_t)n, fmt, ap);
}

void lj_reasons_add(struct lj_reasons *r, enum lj_clause clause, int64_t a, int64_t b,
                    const char *fmt, ...)
{
    struct lj_reason *at = place(r, clause);
    if (!at)
        return;
    at->clause = clause;
    at->a = a;
    at->b = b;
    va_list ap;
    va_start(ap, fmt);
    point(at, r->prefix, fmt, ap);
    va_end(ap);
}

void lj_reasons_add_member(struct lj_reasons *r, enum lj_clause clause, const char *parent,
                           const char *name)
{
    char token[64];
    size_t n = 0;
    for (const char *c = name; *c && n + 2 < sizeof token; c++) {
        if (*c == '~' || *c == '/') {
            token[n++] = '~';
            token[n++] = *c == '~' ? '0' : '1';
        } else {
            token[n++] = *c;
        }
    }
    /* Cut between characters: take an unfinished UTF-8 sequence off the end. */
    size_t tail = n;
    while (tail > 0 && ((unsigned char)token[tail - 1] & 0xC0) == 0x80)
        tail--;
    if (tail > 0 && (unsigned char)token[tail - 1] >= 0xC0) {
        unsigned char lead = (unsigned char)token[tail - 1];
        size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (n - (tail - 1) < need)
            n = tail - 1;
    }
    token[n] = '\0';
    lj_reasons_add(r, clause, 0, 0, "%s/%s", parent, token);
}

int lj_reasons_has(const struct lj_reasons *r, enum lj_clause clause)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].clause == clause)
            return 1;
    return 0;
}

/* The text with {a} and {b} put in. */
static void fill(struct lj_buf *b, const char *text, const struct lj_reason *reason)
{
    for (const char *c = text; *c; c++) {
        if (strncmp(c, "{a}", 3) == 0 || strncmp(c, "{b}", 3) == 0) {
            lj_buf_printf(b, "%lld", (long long)(c[1] == 'a' ? reason->a : reason->b));
            c += 2;
        } else {
            lj_buf_put(b, c, 1);
        }
    }
    lj_buf_u8(b, 0);
}

static json_t *tell(const struct lj_reason *reason)
{
    const struct lj_clause_info *info = &clauses[reason->clause];
    char severity[2] = {(char)info->severity, '\0'};
    struct lj_buf zh = {0}, en = {0};
    json_t *o = NULL;
    fill(&zh, info->zh, reason);
    fill(&en, info->en, reason);
    if (!zh.failed && !en.failed)
        o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "code", info->code, "severity", severity,
                      "pointer", reason->pointer, "zh", (const char *)zh.data, "en",
                      (const char *)en.data);
    lj_buf_free(&zh);
    lj_buf_free(&en);
    return o;
}

json_t *lj_reasons_told(const struct lj_reasons *r)
{
    json_t *list = json_array();
    for (int errors = 1; list && errors >= 0; errors--)
        for (size_t i = 0; i < r->count && json_array_size(list) < LJ_REASONS_TOLD; i++) {
            int is_error = clauses[r->items[i].clause].severity == LJ_SEVERITY_E;
            if (is_error != errors)
                continue;
            if (json_array_append_new(list, tell(&r->items[i])) != 0) {
                json_decref(list);
                return NULL;
            }
        }
    return list;
}

char *lj_reasons_notes(const struct lj_reasons *r)
{
    json_t *list = json_array();
    char *text = NULL;
    for (size_t i = 0; list && i < r->count; i++) {
        const struct lj_clause_info *info = &clauses[r->items[i].clause];
        char severity[2] = {(char)info->severity, '\0'};
        json_t *o = json_pack("{s:s, s:s, s:s}", "code", info->code, "severity", severity,
                              "pointer", r->items[i].pointer);
        /* Numbers that somebody reads from here: of flags, and which year was closed. */
        if (o && (info->severity == LJ_SEVERITY_F || r->items[i].clause == LJ_CLAUSE_V29_CLOSED) &&
            (json_object_set_new(o, "a", json_integer(r->items[i].a)) != 0 ||
             json_object_set_new(o, "b", json_integer(r->items[i].b)) != 0)) {
            json_decref(o);
            o = NULL;
        }
        if (json_array_append_new(list, o) != 0)
            goto done;
    }
    if (list)
        text = json_dumps(list, JSON_COMPACT);
done:
    json_decref(list);
    return text;
}
