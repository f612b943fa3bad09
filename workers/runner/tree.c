/* A payload as a tree in an arena.
 *
 * The event's JSON was judged at the gateway (proto/json_scan), but a worker believes no peer: all
 * that the grammar asks is asked again, and a broken payload is a reason in the verdict, not a
 * crash. A general JSON library allocates every value by itself and, with a batch of trees alive at
 * once, spends most of a worker's time in malloc; here a value is a step of a pointer, strings are
 * unescaped where they are copied to, and a batch is forgotten in one go.
 *
 * Guarantees: depth, number of values and so memory are bounded by constants and the text's length;
 * a member twice is an error (compared after unescaping); integers outside int64 and reals outside
 * double are errors; texts are valid UTF-8 without NUL.
 */
#include "workers/runner/tree.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/utf8.h"

enum {
    DEPTH_MAX = 16,
    VALUES_MAX = 8192, /* a right payload has at most about 1,300 */
    MEMBERS_MAX = 64,  /* of one object; a body knows 35 */
    BLOCK = 65536,
    ALIGN = 16
};

struct lj_tree_block {
    struct lj_tree_block *next;
    size_t used, cap;
    _Alignas(ALIGN) char bytes[];
};

struct reader {
    struct lj_tree_room *room;
    const char *at, *end; /* *end is NUL */
    unsigned depth;
    uint32_t values;
    enum lj_tree_fault fault;
};

/* ---- the arena ---- */

void lj_tree_room_free(struct lj_tree_room *room)
{
    for (struct lj_tree_block *b = room->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    room->blocks = room->at = NULL;
}

void lj_tree_room_clear(struct lj_tree_room *room)
{
    enum { KEPT = 128 }; /* blocks: 8 MiB, what ordinary batches need */
    struct lj_tree_block **link = &room->blocks, *b;
    for (size_t n = 0; (b = *link);) {
        b->used = 0;
        if (b->cap == BLOCK && n++ < KEPT) {
            link = &b->next;
            continue;
        }
        *link = b->next;
        free(b);
    }
    room->at = room->blocks;
}

static struct lj_tree_block *block_for(struct lj_tree_room *room, size_t n)
{
    struct lj_tree_block *b = room->at;
    while (b && b->cap - b->used < n && b->next)
        b = room->at = b->next;
    if (b && b->cap - b->used >= n)
        return b;
    size_t cap = n > BLOCK ? n : BLOCK;
    struct lj_tree_block *made = malloc(sizeof *made + cap);
    if (!made)
        return NULL;
    made->next = NULL;
    made->used = 0;
    made->cap = cap;
    if (b)
        b->next = made;
    else
        room->blocks = made;
    room->at = made;
    return made;
}

static void *take(struct reader *r, size_t n)
{
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    struct lj_tree_block *b = block_for(r->room, n);
    if (!b) {
        r->fault = LJ_TREE_NOMEM;
        return NULL;
    }
    void *at = b->bytes + b->used;
    b->used += n;
    return at;
}

/* ---- texts ---- */

static void *bad(struct reader *r)
{
    if (r->fault == LJ_TREE_OK)
        r->fault = LJ_TREE_BAD;
    return NULL;
}

static void skip_space(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')
        r->at++;
}

static int hex4(const char *p, uint32_t *ret)
{
    *ret = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t v = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
        if (v > 15)
            return 0;
        *ret = *ret * 16 + v;
    }
    return 1;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

/* The character of \uXXXX at *p (behind the u), pairs of surrogates together; 0 if it is none. */
static uint32_t escaped_char(const char **p)
{
    uint32_t high, low;
    if (!hex4(*p, &high))
        return 0;
    *p += 4;
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    if (high > 0xDBFF || (*p)[0] != '\\' || (*p)[1] != 'u' || !hex4(*p + 2, &low) || low < 0xDC00 ||
        low > 0xDFFF)
        return 0;
    *p += 6;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* Unescapes [p, end) into out, which has room for as much. NULL if an escape is wrong. */
static char *unescape(const char *p, const char *end, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    while (p < end) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        char c = p[1];
        p += 2;
        const char *simple = c ? strchr(from, c) : NULL;
        if (simple) {
            *out++ = to[simple - from];
            continue;
        }
        uint32_t wide = c == 'u' ? escaped_char(&p) : 0;
        if (wide == 0)
            return NULL;
        out = put_utf8(out, wide);
    }
    return p == end ? out : NULL;
}

/* A string at the opening quote, copied. */
static const char *read_string(struct reader *r, size_t *ret_len)
{
    const char *begin = ++r->at;
    int escapes = 0, wide = 0;
    for (; *r->at != '"'; r->at++) {
        unsigned char c = (unsigned char)*r->at;
        if (c < 0x20)
            return bad(r); /* the NUL at the end too */
        wide |= c >= 0x80;
        if (c == '\\') {
            escapes = 1;
            if (*++r->at == '\0')
                return bad(r);
        }
    }
    size_t n = (size_t)(r->at - begin);
    char *out = take(r, n + 1);
    if (!out)
        return NULL;
    if (wide && !lj_utf8_valid(begin, n))
        return bad(r);
    if (!escapes) {
        memcpy(out, begin, n);
    } else {
        const char *last = unescape(begin, r->at, out);
        if (!last)
            return bad(r);
        n = (size_t)(last - out);
    }
    out[n] = '\0';
    *ret_len = n;
    r->at++;
    return out;
}

/* ---- values ---- */

static const char *digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

static void *read_number(struct reader *r, struct lj_tree *t)
{
    const char *begin = r->at, *p = begin + (*begin == '-');
    int whole = 1;
    const char *behind = *p == '0' ? p + 1 : digits(p);
    if (behind == p)
        return bad(r);
    p = behind;
    if (*p == '.') {
        behind = digits(p + 1);
        if (behind == p + 1)
            return bad(r);
        p = behind;
        whole = 0;
    }
    if (*p == 'e' || *p == 'E') {
        p += p[1] == '+' || p[1] == '-' ? 2 : 1;
        behind = digits(p);
        if (behind == p)
            return bad(r);
        p = behind;
        whole = 0;
    }
    errno = 0;
    t->type = whole ? LJ_TREE_INT : LJ_TREE_REAL;
    if (whole)
        t->integer = strtoll(begin, NULL, 10);
    t->real = whole ? (double)t->integer : strtod(begin, NULL);
    if ((whole && errno == ERANGE) || !isfinite(t->real))
        return bad(r);
    r->at = p;
    return t;
}

static struct lj_tree *read_value(struct reader *r);

static int is_twice(const struct lj_tree *object, const char *name)
{
    for (const struct lj_tree *m = object->first; m; m = m->next)
        if (m->name[0] == name[0] && strcmp(m->name, name) == 0)
            return 1;
    return 0;
}

/* A member's name and colon. */
static const char *read_name(struct reader *r, const struct lj_tree *object)
{
    size_t len;
    if (*r->at != '"')
        return bad(r);
    const char *name = read_string(r, &len);
    if (!name || is_twice(object, name))
        return bad(r);
    skip_space(r);
    if (*r->at != ':')
        return bad(r);
    r->at++;
    skip_space(r);
    return name;
}

/* Items or members up to the closing bracket. */
static void *read_list(struct reader *r, struct lj_tree *t, char close)
{
    const struct lj_tree **link = &t->first;
    t->type = close == '}' ? LJ_TREE_OBJECT : LJ_TREE_ARRAY;
    if (++r->depth > DEPTH_MAX)
        return bad(r);
    r->at++;
    skip_space(r);
    while (*r->at != close) {
        if (t->count >= MEMBERS_MAX && close == '}') {
            r->fault = LJ_TREE_LARGE;
            return NULL;
        }
        if (t->count > 0 && *r->at != ',')
            return bad(r);
        r->at += t->count > 0;
        skip_space(r);
        const char *name = close == '}' ? read_name(r, t) : NULL;
        struct lj_tree *v = r->fault == LJ_TREE_OK ? read_value(r) : NULL;
        if (!v)
            return NULL;
        v->name = name;
        *link = v;
        link = &v->next;
        t->count++;
        skip_space(r);
    }
    r->at++;
    r->depth--;
    return t;
}

static void *read_word(struct reader *r, struct lj_tree *t)
{
    static const struct {
        const char *text;
        size_t len;
        enum lj_tree_type type;
    } words[] = {{"true", 4, LJ_TREE_TRUE}, {"false", 5, LJ_TREE_FALSE}, {"null", 4, LJ_TREE_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp(r->at, words[i].text, words[i].len) == 0) {
            r->at += words[i].len;
            t->type = words[i].type;
            return t;
        }
    return bad(r);
}

static struct lj_tree *read_value(struct reader *r)
{
    if (++r->values > VALUES_MAX) {
        r->fault = LJ_TREE_LARGE;
        return NULL;
    }
    struct lj_tree *t = take(r, sizeof *t);
    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    switch (*r->at) {
    case '{':
        return read_list(r, t, '}');
    case '[':
        return read_list(r, t, ']');
    case '"':
        t->type = LJ_TREE_TEXT;
        t->text = read_string(r, &t->len);
        return t->text ? t : NULL;
    case 't':
    case 'f':
    case 'n':
        return read_word(r, t);
    default:
        return read_number(r, t);
    }
}

enum lj_tree_fault lj_tree_read(struct lj_tree_room *room, const char *text, size_t len,
                                const struct lj_tree **ret)
{
    struct reader r = {.room = room, .at = text, .end = text + len};
    if (!room->at)
        room->at = room->blocks;
    skip_space(&r);
    *ret = read_value(&r);
    if (*ret) {
        skip_space(&r);
        if (r.at != r.end)
            (void)bad(&r);
    }
    if (r.fault != LJ_TREE_OK)
        *ret = NULL;
    return r.fault;
}

const struct lj_tree *lj_tree_get(const struct lj_tree *t, const char *name)
{
    if (!lj_tree_is(t, LJ_TREE_OBJECT))
        return NULL;
    for (const struct lj_tree *m = t->first; m; m = m->next)
        if (m->name[0] == name[0] && strcmp(m->name, name) == 0)
            return m;
    return NULL;
}
