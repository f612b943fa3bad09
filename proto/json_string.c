/* Strings of the strict JSON reader: validation, decoding, canonical escaping.
 *
 * Most bytes of an event stand in strings, and most of those are plain ASCII or Chinese (three-byte
 * UTF-8), so validation has a fast lane for each: eight ASCII bytes by one 64-bit word, a
 * three-byte character by one 32-bit word. Whatever leaves the lanes is judged byte by byte by the
 * table of the Unicode standard.
 *
 * Guarantees: never reads at or past `end`; a string that passed validation is UTF-8 without NUL
 * after decoding too; decoding and canonical escaping never write more bytes than the raw string
 * has.
 *
 * source: RFC 8259 §7; Unicode 15, table 3-7 (well-formed UTF-8 byte sequences). */
#include "proto/json_part.h"

#include <string.h>

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* High bit of each byte that ends a plain run: quote, backslash, control byte, non-ASCII. A borrow
 * can set a false bit only above a true one. */
static inline uint64_t special_bytes(uint64_t w)
{
    uint64_t quote = w ^ (ONES * '"');
    uint64_t slash = w ^ (ONES * '\\');
    return (((w - ONES * 0x20) & ~w) | ((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | w) &
           HIGHS;
}

static inline bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static inline const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        uint64_t stop = special_bytes(w);
        if (stop != 0) {
            return p + (__builtin_ctzll(stop) >> 3);
        }
        p += 8;
    }
#endif
    while (p < end && is_plain(*p)) {
        p++;
    }
    return p;
}

static inline bool is_tail(uint8_t c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the well-formed non-ASCII sequence at p, 0 when it is not one. */
static size_t utf8_length(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);
    uint8_t c = p[0];
    if (c >= 0xC2 && c <= 0xDF) {
        return left >= 2 && is_tail(p[1]) ? 2 : 0;
    }
    if (c >= 0xE0 && c <= 0xEF) {
        uint8_t low = c == 0xE0 ? 0xA0 : 0x80;  /* below: overlong */
        uint8_t high = c == 0xED ? 0x9F : 0xBF; /* above: surrogate */
        return left >= 3 && p[1] >= low && p[1] <= high && is_tail(p[2]) ? 3 : 0;
    }
    if (c >= 0xF0 && c <= 0xF4) {
        uint8_t low = c == 0xF0 ? 0x90 : 0x80;  /* below: overlong */
        uint8_t high = c == 0xF4 ? 0x8F : 0xBF; /* above: beyond U+10FFFF */
        return left >= 4 && p[1] >= low && p[1] <= high && is_tail(p[2]) && is_tail(p[3]) ? 4 : 0;
    }
    return 0;
}

/* Skip non-ASCII characters; stops at an ASCII byte, at the end, or at a byte where *ret_bad is
 * set. */
static inline const uint8_t *skip_wide(const uint8_t *p, const uint8_t *end, bool *ret_bad)
{
    while (p < end && *p >= 0x80) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (end - p >= 4) {
            uint32_t w;
            memcpy(&w, p, 4);
            /* 1110xxxx 10xxxxxx 10xxxxxx; with bit 5 of the second byte, lead E0 needs it set and
             * ED needs it clear. */
            uint32_t edge = w & 0x200F;
            if ((w & 0xC0C0F0) == 0x8080E0 && edge != 0x0000 && edge != 0x200D) {
                p += 3;
                continue;
            }
        }
#endif
        size_t n = utf8_length(p, end);
        if (n == 0) {
            *ret_bad = true;
            return p;
        }
        p += n;
    }
    return p;
}

/* Value of a hexadecimal digit, -1 when it is none. */
static inline int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Read four hexadecimal digits at *p; moves *p behind them, or to the byte that is none (or to
 * end). */
static bool read_hex4(const uint8_t **p, const uint8_t *end, uint32_t *ret)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int d = *p < end ? hex_value(**p) : -1;
        if (d < 0) {
            return false;
        }
        v = v << 4 | (uint32_t)d;
        (*p)++;
    }
    *ret = v;
    return true;
}

static inline enum lj_json_reason end_or(const uint8_t *p, const uint8_t *end,
                                         enum lj_json_reason reason)
{
    return p >= end ? LJ_JSON_END : reason;
}

/* Read what follows "\u", a whole surrogate pair included; on failure *p stands at the byte to
 * blame. */
static enum lj_json_reason read_unicode(const uint8_t **p, const uint8_t *end, uint32_t *ret)
{
    const uint8_t *start = *p - 2;
    uint32_t cp;
    if (!read_hex4(p, end, &cp)) {
        return end_or(*p, end, LJ_JSON_ESCAPE);
    }
    if (cp == 0) {
        *p = start;
        return LJ_JSON_NUL;
    }
    if (cp < 0xD800 || cp > 0xDFFF) {
        *ret = cp;
        return LJ_JSON_OK;
    }
    uint32_t low = 0;
    bool paired = cp <= 0xDBFF && end - *p >= 2 && (*p)[0] == '\\' && (*p)[1] == 'u';
    if (paired) {
        *p += 2;
        if (!read_hex4(p, end, &low)) {
            return end_or(*p, end, LJ_JSON_ESCAPE);
        }
    }
    if (low < 0xDC00 || low > 0xDFFF) {
        *p = start;
        return LJ_JSON_SURROGATE;
    }
    *ret = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
    return LJ_JSON_OK;
}

/* What a one-letter escape stands for; 0 where JSON has none. */
static const uint8_t escape_value[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* Read one escape; *p stands at the backslash. */
static enum lj_json_reason read_escape(const uint8_t **p, const uint8_t *end, uint32_t *ret)
{
    (*p)++;
    if (*p >= end) {
        return LJ_JSON_END;
    }
    uint8_t c = **p;
    if (c == 'u') {
        (*p)++;
        return read_unicode(p, end, ret);
    }
    if (escape_value[c] == 0) {
        return LJ_JSON_ESCAPE;
    }
    (*p)++;
    *ret = escape_value[c];
    return LJ_JSON_OK;
}

static inline size_t utf8_size(uint32_t cp)
{
    return cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
}

static uint8_t *utf8_put(uint8_t *out, uint32_t cp)
{
    if (cp < 0x80) {
        *out++ = (uint8_t)cp;
        return out;
    }
    if (cp < 0x800) {
        *out++ = (uint8_t)(0xC0 | cp >> 6);
        *out++ = (uint8_t)(0x80 | (cp & 0x3F));
        return out;
    }
    if (cp < 0x10000) {
        *out++ = (uint8_t)(0xE0 | cp >> 12);
    } else {
        *out++ = (uint8_t)(0xF0 | cp >> 18);
        *out++ = (uint8_t)(0x80 | (cp >> 12 & 0x3F));
    }
    *out++ = (uint8_t)(0x80 | (cp >> 6 & 0x3F));
    *out++ = (uint8_t)(0x80 | (cp & 0x3F));
    return out;
}

enum lj_json_reason lj_json_str_scan(const uint8_t **pp, const uint8_t *end,
                                     struct lj_json_str *ret)
{
    const uint8_t *p = *pp;
    size_t saved = 0; /* bytes that decoding saves */
    bool bad = false;
    enum lj_json_reason reason = LJ_JSON_OK;

    ret->raw = p;
    ret->escaped = false;
    while (reason == LJ_JSON_OK) {
        p = skip_plain(p, end);
        if (p >= end) {
            reason = LJ_JSON_END;
        } else if (*p == '"') {
            break;
        } else if (*p >= 0x80) {
            p = skip_wide(p, end, &bad);
            reason = bad ? LJ_JSON_UTF8 : LJ_JSON_OK;
        } else if (*p == '\\') {
            const uint8_t *start = p;
            uint32_t cp = 0;
            ret->escaped = true;
            reason = read_escape(&p, end, &cp);
            saved += reason == LJ_JSON_OK ? (size_t)(p - start) - utf8_size(cp) : 0;
        } else {
            reason = *p == 0 ? LJ_JSON_NUL : LJ_JSON_CONTROL;
        }
    }
    *pp = p;
    if (reason == LJ_JSON_OK) {
        ret->raw_len = (size_t)(p - ret->raw);
        ret->decoded_len = ret->raw_len - saved;
        *pp = p + 1;
    }
    return reason;
}

/* Copy the run up to the next backslash; moves *p to it, or to end. */
static uint8_t *copy_run(const uint8_t **p, const uint8_t *end, uint8_t *out)
{
    const uint8_t *stop = memchr(*p, '\\', (size_t)(end - *p));
    size_t n = (size_t)((stop != NULL ? stop : end) - *p);
    memcpy(out, *p, n);
    *p += n;
    return out + n;
}

uint8_t *lj_json_str_decode(const struct lj_json_str *str, uint8_t *out)
{
    const uint8_t *p = str->raw, *end = str->raw + str->raw_len;
    while (p < end) {
        uint32_t cp = 0;
        out = copy_run(&p, end, out);
        if (p < end && read_escape(&p, end, &cp) == LJ_JSON_OK) {
            out = utf8_put(out, cp);
        }
    }
    return out;
}

/* The letter of the short escape that a character must have in the canonical form; 0 where it has
 * none. */
static const uint8_t short_escape[128] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
    ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
};

/* One decoded character: escaped only where JSON demands it, so that the canonical form is never
 * longer than any other spelling. */
static uint8_t *canon_put(uint8_t *out, uint32_t cp)
{
    static const char hex[] = "0123456789abcdef";
    if (cp < 0x80 && short_escape[cp] != 0) {
        *out++ = '\\';
        *out++ = short_escape[cp];
        return out;
    }
    if (cp < 0x20) {
        const uint8_t unicode[6] = {
            '\\', 'u', '0', '0', (uint8_t)hex[cp >> 4], (uint8_t)hex[cp & 15]};
        memcpy(out, unicode, sizeof(unicode));
        return out + sizeof(unicode);
    }
    return utf8_put(out, cp);
}

uint8_t *lj_json_str_canon(const struct lj_json_str *str, uint8_t *out)
{
    const uint8_t *p = str->raw, *end = str->raw + str->raw_len;
    while (p < end) {
        uint32_t cp = 0;
        out = copy_run(&p, end, out);
        if (p < end && read_escape(&p, end, &cp) == LJ_JSON_OK) {
            out = canon_put(out, cp);
        }
    }
    return out;
}

int lj_json_text(const char *slice, size_t len, char *buf, size_t cap, size_t *ret_len)
{
    struct lj_json_str str;
    const uint8_t *p = (const uint8_t *)slice + 1;
    const uint8_t *end = (const uint8_t *)slice + len;
    if (len < 2 || slice[0] != '"' || lj_json_str_scan(&p, end, &str) != LJ_JSON_OK || p != end) {
        return LJ_E_ARG;
    }
    if (str.decoded_len >= cap) {
        return LJ_E_JSON_STRING;
    }
    *lj_json_str_decode(&str, (uint8_t *)buf) = 0;
    *ret_len = str.decoded_len;
    return 0;
}
