/*
 * Reader of labelled texts.
 *
 * The header names the columns, so the two forms and any order of columns take one way. Marks are
 * taken out while their offsets are counted. Everything that the labelling contract fixes is
 * checked here, once: known kinds, a mark for every category, no mark without its category,
 * polarity, severity. Files with a column of evidence come from elsewhere: their categories that
 * are no kinds of ours and their evidence that does not parse are left out, because the rest of
 * the row can still be measured.
 *
 * Guarantees: a row of our own form that does not parse is an error with file and line, never
 * skipped.
 */
#include "workers/opinion/labels.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/opinion.h"
#include "workers/opinion/text.h"
#include "workers/opinion/tsv.h"

enum { FILE_MAX = 64 << 20, HELD_PART = 5 };

enum column { ID, SOURCE, POLARITY, CATEGORIES, SEVERITY, NOTE, TEXT, EVIDENCE, COLUMNS };
static const char *const names[COLUMNS] = {"id",       "kind", "polarity", "categories",
                                           "severity", "note", "text",     "evidence"};

struct reader {
    struct lj_tsv t;
    int at[COLUMNS]; /* field of each column, -1: none */
};

static int bad(const struct reader *r, const char *what, struct lj_err *err)
{
    return lj_fail(err, LJ_E_CONFIG, "%s:%u: %s", r->t.name, r->t.line, what);
}

static struct lj_field field(const struct reader *r, enum column c)
{
    int i = r->at[c];
    return i >= 0 && (size_t)i < r->t.fields ? r->t.field[i] : (struct lj_field){"", 0};
}

/* Not of our own form: read as far as it goes. */
static bool foreign(const struct reader *r)
{
    return r->at[EVIDENCE] >= 0;
}

static int read_header(struct reader *r, struct lj_err *err)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        r->at[c] = -1;
        for (size_t i = 0; i < r->t.fields; i++)
            r->at[c] = lj_field_is(&r->t, i, names[c]) ? (int)i : r->at[c];
        if (r->at[c] < 0 && c != EVIDENCE)
            return lj_fail(err, LJ_E_CONFIG, "%s: the header has no column %s", r->t.name,
                           names[c]);
    }
    return 0;
}

static int copy(const struct reader *r, enum column c, char *out, size_t size, struct lj_err *err)
{
    struct lj_field f = field(r, c);
    if (foreign(r) && f.n >= size)
        f.n = size - 1;
    if ((f.n == 0 && !foreign(r)) || f.n >= size)
        return lj_fail(err, LJ_E_CONFIG, "%s:%u: %s is empty or too long", r->t.name, r->t.line,
                       names[c]);
    memcpy(out, f.p, f.n);
    out[f.n] = '\0';
    return 0;
}

static int read_kinds(const struct reader *r, struct lj_label *l, struct lj_err *err)
{
    struct lj_field f = field(r, CATEGORIES);
    if (f.n == 1 && f.p[0] == '-')
        return 0;
    const char *p = f.p;
    const char *end = f.p + f.n;
    while (p <= end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        int kind = lj_opinion_kind_by_name(p, (size_t)(stop - p));
        if (kind < 0 && !foreign(r))
            return bad(r, "unknown category", err);
        l->kinds |= kind < 0 ? 0 : 1U << kind;
        p = stop + 1;
    }
    return 0;
}

static int add_span(const struct reader *r, struct lj_label *l, int kind, uint32_t start,
                    uint32_t end, struct lj_err *err)
{
    if (kind < 0 || start >= end)
        return bad(r, "a span without a known kind, or an empty one", err);
    if (l->span_count == LJ_LABEL_SPANS_MAX)
        return bad(r, "too many spans", err);
    l->spans[l->span_count++] = (struct lj_label_span){(uint8_t)kind, start, end};
    return 0;
}

/* Copies the text without its marks into l->text, which has room. */
static int take_marks(const struct reader *r, struct lj_label *l, struct lj_err *err)
{
    static const char open[] = "⟦";
    static const char close[] = "⟧";
    struct lj_field f = field(r, TEXT);
    size_t i = 0;
    uint32_t cp = 0;
    uint32_t start = 0;
    int kind = -1;
    while (i < f.n) {
        size_t left = f.n - i;
        if (left >= 3 && memcmp(f.p + i, open, 3) == 0) {
            const char *bar = memchr(f.p + i, '|', left < 24 ? left : 24);
            size_t n = bar ? (size_t)(bar - (f.p + i)) - 3 : 0;
            if (kind >= 0 || n == 0 || (kind = lj_opinion_kind_by_name(f.p + i + 3, n)) < 0)
                return bad(r, "a mark inside a mark, or of an unknown kind", err);
            start = cp;
            i += n + 4;
        } else if (left >= 3 && memcmp(f.p + i, close, 3) == 0) {
            int rc = add_span(r, l, kind, start, cp, err);
            if (rc < 0)
                return rc;
            kind = -1;
            i += 3;
        } else {
            size_t from = i;
            if (lj_utf8_next(f.p, f.n, &i) < 0 && !foreign(r))
                return bad(r, "the text is not UTF-8", err);
            memcpy(l->text + l->len, f.p + from, i - from);
            l->len += i - from;
            cp++;
        }
    }
    return kind >= 0 ? bad(r, "a mark that is not closed", err) : 0;
}

/* Bytes of n code points at p, at most left. */
static size_t bytes_of(const char *p, size_t left, uint32_t n)
{
    size_t i = 0;
    while (n-- > 0 && i < left)
        (void)lj_utf8_next(p, left, &i);
    return i;
}

/* fee@3-10:words;injury@...  The words may hold a semicolon: they are skipped by their number. */
static void take_evidence(const struct reader *r, struct lj_label *l)
{
    struct lj_field f = field(r, EVIDENCE);
    for (size_t i = 0; i < f.n;) {
        const char *p = f.p + i;
        size_t left = f.n - i;
        const char *at = memchr(p, '@', left);
        unsigned s = 0;
        unsigned e = 0;
        int used = 0;
        char numbers[32] = "";
        if (!at)
            return;
        size_t room = left - (size_t)(at + 1 - p);
        memcpy(numbers, at + 1, room < sizeof numbers - 1 ? room : sizeof numbers - 1);
        int found = sscanf(numbers, "%u-%u:%n", &s, &e, &used);
        int kind = lj_opinion_kind_by_name(p, (size_t)(at - p));
        size_t head = (size_t)(at - p) + 1 + (size_t)used;
        if (found == 2 && used > 0 && s < e) {
            if (kind >= 0 && l->span_count < LJ_LABEL_SPANS_MAX)
                l->spans[l->span_count++] = (struct lj_label_span){(uint8_t)kind, s, e};
            head += bytes_of(p + head, left - head, e - s);
        }
        const char *stop = memchr(p + head, ';', left - head);
        i = stop ? (size_t)(stop + 1 - f.p) : f.n;
    }
}

static int check(const struct reader *r, const struct lj_label *l, struct lj_err *err)
{
    unsigned marked = 0;
    for (uint32_t i = 0; i < l->span_count; i++)
        marked |= 1U << l->spans[i].kind;
    if (foreign(r))
        return 0;
    if (marked != l->kinds)
        return bad(r, "the marks do not show the same kinds as the categories", err);
    if ((l->kinds != 0) != (l->severity != 0))
        return bad(r, "severity must be 0 without a category, 1 to 3 with one", err);
    return 0;
}

static int read_row(const struct reader *r, struct lj_label *l, struct lj_err *err)
{
    struct lj_field polarity = field(r, POLARITY);
    unsigned char hash[crypto_hash_sha256_BYTES];
    bool minus = polarity.n > 0 && polarity.p[0] == '-';
    const char *digit = polarity.p + minus;
    if (polarity.n != 1U + minus || (*digit != '1' && (minus || *digit != '0')))
        return bad(r, "polarity must be -1, 0 or 1", err);
    l->polarity = minus ? -1 : *digit - '0';
    int rc = copy(r, ID, l->id, sizeof l->id, err);
    rc = rc < 0 ? rc : copy(r, SOURCE, l->source, sizeof l->source, err);
    rc = rc < 0 ? rc : copy(r, NOTE, l->note, sizeof l->note, err);
    rc = rc < 0 ? rc : read_kinds(r, l, err);
    rc = rc < 0 ? rc : lj_field_int(&r->t, (size_t)r->at[SEVERITY], 0, 3, &l->severity, err);
    rc = rc < 0 ? rc : take_marks(r, l, err);
    if (rc == 0 && foreign(r))
        take_evidence(r, l);
    rc = rc < 0 ? rc : check(r, l, err);
    (void)crypto_hash_sha256(hash, (const unsigned char *)l->text, l->len);
    l->held = hash[0] % HELD_PART == 0;
    return rc;
}

static int grow(struct lj_labels *labels, struct lj_err *err)
{
    if (labels->count < labels->size)
        return 0;
    size_t size = labels->size ? 2 * labels->size : 256;
    struct lj_label *row = realloc(labels->row, size * sizeof *row);
    if (!row)
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu labelled texts", size);
    labels->row = row;
    labels->size = size;
    return 0;
}

static int add_row(const struct reader *r, struct lj_labels *labels, struct lj_err *err)
{
    int rc = grow(labels, err);
    if (rc < 0)
        return rc;
    struct lj_label *l = &labels->row[labels->count];
    *l = (struct lj_label){.text = calloc(1, field(r, TEXT).n + 1)};
    if (!l->text)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a labelled text");
    rc = read_row(r, l, err);
    if (rc < 0)
        free(l->text);
    else
        labels->count++;
    return rc;
}

int lj_labels_parse(const char *name, const char *p, size_t n, struct lj_labels *labels,
                    struct lj_err *err)
{
    struct reader r = {.t = {.name = name, .p = p, .end = p + n}};
    if (!lj_tsv_next(&r.t))
        return lj_fail(err, LJ_E_CONFIG, "%s has no header", name);
    int rc = read_header(&r, err);
    while (rc == 0 && lj_tsv_next(&r.t))
        rc = add_row(&r, labels, err);
    return rc;
}

int lj_labels_read(const char *path, struct lj_labels *labels, struct lj_err *err)
{
    char *buf = NULL;
    size_t size = 0;
    int rc = lj_read_file(path, FILE_MAX, &buf, &size, err);
    if (rc == 0)
        rc = lj_labels_parse(path, buf, size, labels, err);
    free(buf);
    return rc;
}

static int is_tsv(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return n > 4 && d->d_name[0] != '.' && strcmp(d->d_name + n - 4, ".tsv") == 0;
}

/* Bytes, not the locale's order: the same everywhere. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int lj_labels_read_dir(const char *dir, struct lj_labels *labels, struct lj_err *err)
{
    struct dirent **list = NULL;
    char path[4096];
    int n = scandir(dir, &list, is_tsv, by_name);
    int rc = n < 0 ? lj_fail(err, LJ_E_IO, "cannot read the folder %s", dir) : 0;
    for (int i = 0; i < n; i++) {
        if (rc == 0 &&
            snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name) >= (int)sizeof path)
            rc = lj_fail(err, LJ_E_ARG, "the folder's name is too long");
        if (rc == 0)
            rc = lj_labels_read(path, labels, err);
        free(list[i]);
    }
    free(list);
    return rc;
}

void lj_labels_free(struct lj_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        free(labels->row[i].text);
    free(labels->row);
    *labels = (struct lj_labels){0};
}

bool lj_label_has(const struct lj_label *l, const char *tag)
{
    size_t n = strlen(tag);
    for (const char *p = l->note; *p;) {
        size_t k = strcspn(p, ", ");
        if (k == n && memcmp(p, tag, n) == 0)
            return true;
        p += k + (p[k] != '\0');
    }
    return false;
}
