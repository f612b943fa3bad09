/*
 * Reading a text: one pass from bytes to folded symbols.
 *
 * Strict UTF-8 (no overlong form, no surrogate, nothing above U+10FFFF); a byte that does not
 * belong becomes U+FFFD, is counted and is noise. Every code point goes through the fold table:
 * NFKC, lower case, traditional to simplified. Noise (spaces, dots, symbols, zero-width and
 * combining characters, emoji) is dropped, so that 收.费 and 收费 are the same two symbols; each
 * symbol keeps the offset of its code point in the original. Punctuation that ends a clause or a
 * sentence is dropped too, but leaves its boundary behind.
 *
 * Nearly every code point of a Chinese text is three bytes long and an ideograph: runs of these
 * have a loop of their own, one table look-up and four stores each; everything else is behind it.
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

static inline int32_t next(const char *text, size_t len, size_t *i)
{
    static const int32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)text[(*i)++];
    if (c < 0x80)
        return c;
    unsigned n = c >= 0xF0 && c <= 0xF4 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || len - *i < n - 1)
        return -1;
    if (n == 3 && is_tail((unsigned char)text[*i]) && is_tail((unsigned char)text[*i + 1]) &&
        c != 0xE0 && c != 0xED) { /* nearly all: no overlong form, no surrogate */
        int32_t common = (c & 0x0F) << 12 | (text[*i] & 0x3F) << 6 | (text[*i + 1] & 0x3F);
        *i += 2;
        return common;
    }
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

int32_t lj_utf8_next(const char *text, size_t len, size_t *i)
{
    return next(text, len, i);
}

uint16_t lj_text_fold(int32_t cp)
{
    size_t lo = 0;
    size_t hi = lj_opinion_astral_count;
    if (cp <= 0xFFFF)
        return cp < 0 ? 0xFFFD : lj_opinion_fold[cp];
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (lj_opinion_astral[mid].from == (uint32_t)cp)
            return lj_opinion_astral[mid].to;
        if (lj_opinion_astral[mid].from < (uint32_t)cp)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0xFFFD;
}

int lj_text_mood(int32_t cp)
{
    size_t lo = 0;
    size_t hi = lj_opinion_emoji_count;
    while (cp > 0 && lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (lj_opinion_emoji[mid].code == (uint32_t)cp)
            return lj_opinion_emoji[mid].mood;
        if (lj_opinion_emoji[mid].code < (uint32_t)cp)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

struct reader {
    struct lj_text *t;
    uint8_t noise;  /* what was dropped since the last symbol: bits DROPPED, HIDDEN, EMOJI */
    uint8_t quoted; /* LJ_SYM_QUOTED or 0 */
    uint8_t open; /* a boundary that waits for the next symbol: LJ_CHAR_CLAUSE, _LIST, _SENTENCE or
                     0 */
    uint8_t before; /* class of the last symbol */
};

enum { DROPPED = 1, HIDDEN = 2, EMOJI = 4 };

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
    r->noise = 0;
}

static void squeeze(struct reader *r)
{
    r->t->squeezed++;
    r->t->hidden += (r->noise & (HIDDEN | EMOJI)) == HIDDEN;
    r->noise = 0;
}

static inline void add_symbol(struct reader *r, uint16_t code, uint8_t class, uint32_t pos)
{
    struct lj_text *t = r->t;
    uint8_t flags = r->quoted;
    if (r->open || t->n == 0) {
        open_clause(r);
    } else if (r->noise) {
        flags |= LJ_SYM_NOISE_BEFORE;
        squeeze(r);
    }
    t->code[t->n] = code;
    t->pos[t->n] = (uint16_t)pos;
    t->clause[t->n] = (uint16_t)(t->clauses - 1);
    t->flags[t->n] = flags;
    t->n++;
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
    r->noise = 0;
}

/* An x between two ideographs stands for a symbol, 过x场, but is a letter in x光 and x线. */
static bool is_cross(const char *text, size_t len, size_t i)
{
    static const char *const rays[] = {"光", "线", "射"};
    if (i >= len || (unsigned char)text[i] < 0xE3)
        return false;
    for (size_t k = 0; k < sizeof rays / sizeof rays[0]; k++) {
        if (len - i >= 3 && memcmp(text + i, rays[k], 3) == 0)
            return false;
    }
    return true;
}

/* 1,680 and 7:30 are numbers: the mark between two digits is noise. */
static bool is_filler(const struct reader *r, uint16_t code, const char *text, size_t len, size_t i)
{
    if (r->open)
        return false;
    if (code == 'x')
        return r->before == LJ_CHAR_HAN && is_cross(text, len, i);
    return (code == ',' || code == ':') && r->before == LJ_CHAR_DIGIT && i < len &&
           text[i] >= '0' && text[i] <= '9';
}

static void take_mood(struct reader *r, int32_t cp)
{
    int mood = lj_text_mood(cp);
    r->noise |= mood ? EMOJI : 0;
    r->t->emoji_good += mood > 0;
    r->t->emoji_bad += mood < 0;
}

/* Whatever is no plain symbol. cp is the original code point, -1 for a bad byte. */
static void take(struct reader *r, int32_t cp, uint16_t code, uint8_t class)
{
    switch (class) {
    case LJ_CHAR_OPEN:
    case LJ_CHAR_CLOSE:
        r->quoted = class == LJ_CHAR_OPEN ? LJ_SYM_QUOTED : 0;
        r->noise |= DROPPED;
        break;
    case LJ_CHAR_CLAUSE:
    case LJ_CHAR_LIST:
    case LJ_CHAR_SENTENCE:
        mark(r, class, code);
        break;
    case LJ_CHAR_HIDDEN:
        r->noise |= HIDDEN | DROPPED;
        break;
    default:
        r->noise |= DROPPED;
        if (class == LJ_CHAR_EMOJI || cp > 0xFFFF)
            take_mood(r, cp);
        break;
    }
}

/* The ideograph of the main block at p, which has four bytes to read; 0 for anything else. */
static inline uint32_t ideograph(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    if ((v & 0xC0C0F0) != 0x8080E0)
        return 0;
    uint32_t cp = (v & 0x0F) << 12 | (v >> 2 & 0xFC0) | (v >> 16 & 0x3F);
    return cp - 0x4E00 <= 0x9FFF - 0x4E00 ? cp : 0;
}

/* Ideographs of the main block, which all fold to ideographs. Takes a run of them at text[*i],
 * while there is room; returns how many. The text's last character is left to take_one. */
static uint32_t take_ideographs(struct reader *r, const char *text, size_t len, size_t *i,
                                uint32_t count)
{
    struct lj_text *t = r->t;
    const char *p = text + *i;
    const size_t left = len - *i;
    const uint32_t fit = left > 3 ? (uint32_t)((left - 1) / 3) : 0;
    const uint32_t room = LJ_OPINION_TEXT_MAX - count;
    const uint32_t most = fit < room ? fit : room;
    if (most == 0 || !ideograph(p))
        return 0;
    if (r->open)
        open_clause(r);
    const uint16_t clause = (uint16_t)(t->clauses - 1);
    const uint8_t quoted = r->quoted;
    uint16_t *code = t->code + t->n;
    uint16_t *pos = t->pos + t->n;
    uint16_t *own = t->clause + t->n;
    uint8_t *flags = t->flags + t->n;
    uint32_t k = 0;
    for (; k < most; k++, p += 3) {
        uint32_t cp = ideograph(p);
        if (!cp)
            break;
        code[k] = lj_opinion_fold[cp];
        pos[k] = (uint16_t)(count + k);
        own[k] = clause;
        flags[k] = quoted;
    }
    t->n += k;
    *i += 3 * (size_t)k;
    r->before = LJ_CHAR_HAN;
    return k;
}

/* Takes the code point at text[*i], the count-th. */
static void take_one(struct reader *r, const char *text, size_t len, size_t *i, uint32_t count)
{
    int32_t cp = next(text, len, i);
    uint16_t code = cp >= 0 && cp <= 0xFFFF ? lj_opinion_fold[cp] : lj_text_fold(cp);
    uint8_t class = lj_opinion_char[code];
    r->t->bad_bytes += cp < 0;
    if ((code == 'x' || code == ',' || code == ':') && is_filler(r, code, text, len, *i))
        r->noise |= DROPPED;
    else if (class == LJ_CHAR_HAN || class == LJ_CHAR_LETTER || class == LJ_CHAR_DIGIT)
        add_symbol(r, code, class, count);
    else
        take(r, cp, code, class);
}

bool lj_text_read(struct lj_text *t, const char *text, size_t len)
{
    struct reader r = {.t = t};
    uint32_t count = 0;
    t->n = t->code_points = t->bad_bytes = t->clauses = t->sentences = 0;
    t->squeezed = t->hidden = t->emoji_good = t->emoji_bad = 0;
    for (size_t i = 0; i < len;) {
        if (count == LJ_OPINION_TEXT_MAX)
            return false;
        take_one(&r, text, len, &i, count++);
        if (t->n > 0 && (r.open || !r.noise))
            count += take_ideographs(&r, text, len, &i, count);
    }
    t->code_points = count;
    t->code[t->n] = t->code[t->n + 1] = 0;
    t->list[t->clauses] =
        (struct lj_clause){.first = (uint16_t)t->n, .sentence = (uint16_t)t->sentences};
    return true;
}

uint32_t lj_text_clause_of(const struct lj_text *t, uint32_t s)
{
    uint32_t c = 0;
    for (uint32_t hi = t->clauses; c < hi;) {
        uint32_t mid = c + (hi - c) / 2;
        if (t->list[mid].sentence < s)
            c = mid + 1;
        else
            hi = mid;
    }
    return c;
}

size_t lj_text_fold_term(const char *term, size_t n, uint16_t *out, size_t cap)
{
    size_t i = 0;
    size_t k = 0;
    while (i < n) {
        int32_t cp = lj_utf8_next(term, n, &i);
        if (cp < 0 || k == cap)
            return 0;
        uint16_t code = lj_text_fold(cp);
        uint8_t class = lj_opinion_char[code];
        if (class != LJ_CHAR_HAN && class != LJ_CHAR_LETTER && class != LJ_CHAR_DIGIT)
            return 0;
        out[k++] = code;
    }
    return k;
}
