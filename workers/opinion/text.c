/*
 * Reading a text: one pass from bytes to folded symbols.
 *
 * Strict UTF-8 (no overlong form, no surrogate, nothing above U+10FFFF); a byte that does not
 * belong becomes U+FFFD, is counted and is noise. Every code point goes through the fold table:
 * NFKC, lower case, traditional to simplified. Noise (spaces, dots, symbols, zero-width and
 * combining characters, emoji, everything above the BMP) is dropped, so that 收.费 and 收费 are the
 * same two symbols; each symbol keeps the offset of its code point in the original. Punctuation
 * that ends a clause or a sentence is dropped too, but leaves its boundary behind.
 *
 * Guarantees: one pass, no allocation, every array bounded by LJ_OPINION_TEXT_MAX.
 */
#include "workers/opinion/text.h"

#include <string.h>

#include "workers/opinion/tables.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

int32_t lj_utf8_next(const char *text, size_t len, size_t *i)
{
    static const int32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)text[(*i)++];
    if (c < 0x80)
        return c;
    unsigned n = c >= 0xF0 && c <= 0xF4 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || len - *i < n - 1)
        return -1;
    int32_t cp = c & (0xFF >> (n + 1));
    for (unsigned k = 0; k < n - 1; k++) {
        unsigned char tail = (unsigned char)text[*i + k];
        if (!is_tail(tail))
            return -1;
        cp = cp << 6 | (tail & 0x3F);
    }
    if (cp < least[n] || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return -1;
    *i += n - 1;
    return cp;
}

struct reader {
    struct lj_text *t;
    bool noise; /* something was dropped since the last symbol */
    bool quoted;
    uint8_t
        open; /* a boundary that waits for the next symbol: LJ_CHAR_CLAUSE, _LIST, _SENTENCE or 0 */
    uint8_t before; /* class of the last symbol */
};

static void open_clause(struct reader *r)
{
    struct lj_text *t = r->t;
    if (t->n == 0) {
        t->clauses = t->sentences = 1;
        t->list[0] = (struct lj_clause){0};
        t->question[0] = false;
    } else if (r->open) {
        if (r->open == LJ_CHAR_SENTENCE)
            t->question[t->sentences++] = false;
        t->list[t->clauses++] = (struct lj_clause){
            .first = (uint16_t)t->n,
            .sentence = (uint16_t)(t->sentences - 1),
            .by_list = r->open == LJ_CHAR_LIST,
        };
    }
    r->open = 0;
}

static void add_symbol(struct reader *r, uint16_t code, uint8_t class, uint32_t pos)
{
    struct lj_text *t = r->t;
    bool noise = r->noise && !r->open && t->n > 0;
    open_clause(r);
    t->code[t->n] = code;
    t->pos[t->n] = (uint16_t)pos;
    t->clause[t->n] = (uint16_t)(t->clauses - 1);
    t->flags[t->n] = (uint8_t)((noise ? LJ_SYM_NOISE_BEFORE : 0) | (r->quoted ? LJ_SYM_QUOTED : 0));
    t->n++;
    r->noise = false;
    r->before = class;
}

/* A mark ends something only after a symbol; the strongest mark of a run wins. */
static void mark(struct reader *r, uint8_t class, uint16_t code)
{
    if (r->t->n == 0)
        return;
    if (code == '?')
        r->t->question[r->t->sentences - 1] = true;
    if (class > r->open || r->open == 0)
        r->open = class;
    else if (r->open == LJ_CHAR_LIST && class == LJ_CHAR_CLAUSE)
        r->open = class;
    r->noise = false;
}

/* 1,680 and 7:30 are numbers: the mark between two digits is noise. So is an x that stands for a
 * symbol: 过x场. */
static bool is_filler(const struct reader *r, uint16_t code, const char *text, size_t len, size_t i)
{
    if (code == 'x' && r->before == LJ_CHAR_HAN && !r->open && i < len)
        return (unsigned char)text[i] >= 0xE3; /* a CJK character follows */
    return (code == ',' || code == ':') && r->before == LJ_CHAR_DIGIT && !r->open && i < len &&
           text[i] >= '0' && text[i] <= '9';
}

static void take(struct reader *r, int32_t cp, uint32_t pos, bool filler)
{
    uint16_t code = cp >= 0 && cp <= 0xFFFF ? lj_opinion_fold[cp] : 0xFFFD;
    uint8_t class = code == 0xFFFD || filler ? (uint8_t)LJ_CHAR_NOISE : lj_opinion_char[code];
    switch (class) {
    case LJ_CHAR_NOISE:
        r->noise = true;
        break;
    case LJ_CHAR_OPEN:
    case LJ_CHAR_CLOSE:
        r->quoted = class == LJ_CHAR_OPEN;
        r->noise = true;
        break;
    case LJ_CHAR_CLAUSE:
    case LJ_CHAR_LIST:
    case LJ_CHAR_SENTENCE:
        mark(r, class, code);
        break;
    default:
        add_symbol(r, code, class, pos);
        break;
    }
}

bool lj_text_read(struct lj_text *t, const char *text, size_t len)
{
    struct reader r = {.t = t};
    t->n = t->code_points = t->bad_bytes = t->clauses = t->sentences = 0;
    size_t i = 0;
    while (i < len) {
        if (t->code_points == LJ_OPINION_TEXT_MAX)
            return false;
        int32_t cp = lj_utf8_next(text, len, &i);
        t->bad_bytes += cp < 0;
        uint16_t code = cp >= 0 && cp <= 0xFFFF ? lj_opinion_fold[cp] : 0;
        take(&r, cp, t->code_points, is_filler(&r, code, text, len, i));
        t->code_points++;
    }
    t->list[t->clauses] =
        (struct lj_clause){.first = (uint16_t)t->n, .sentence = (uint16_t)t->sentences};
    return true;
}

size_t lj_text_fold_term(const char *term, size_t n, uint16_t *out, size_t cap)
{
    size_t i = 0;
    size_t k = 0;
    while (i < n) {
        int32_t cp = lj_utf8_next(term, n, &i);
        if (cp < 0 || cp > 0xFFFF || k == cap)
            return 0;
        uint16_t code = lj_opinion_fold[cp];
        uint8_t class = lj_opinion_char[code];
        if (class != LJ_CHAR_HAN && class != LJ_CHAR_LETTER && class != LJ_CHAR_DIGIT)
            return 0;
        out[k++] = code;
    }
    return k;
}
