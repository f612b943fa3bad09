/* A growable byte buffer and its counterpart, a bounds-checked reader.
 *
 * Frames, PostgreSQL parameters, metric pages and log texts are all built here, so growth and
 * overflow are checked in one place. A writer does not return an error: the first failure (no
 * memory, a length that does not fit its prefix) sets `failed`, later writers do nothing, and the
 * caller asks once at the end. That keeps encoders free of error branches without losing an error.
 *
 * The reader mirrors it: the first read past the end sets `bad`, everything after it reads as zero
 * or empty, and the caller asks once.
 *
 * Guarantees: `data[0..len)` is always what was written; growth doubles, so n bytes cost O(n)
 * copies in all; a buffer never shrinks (it is kept for the next message by lj_buf_clear). Sizes
 * come from callers that have checked their limits: no limit is kept here except size_t.
 */
#include "common/buf.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 256 };

void lj_buf_free(struct lj_buf *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}

void lj_buf_clear(struct lj_buf *b)
{
    b->len = 0;
    b->failed = 0;
}

/* Room for n more bytes behind len, without advancing it. */
static int reserve(struct lj_buf *b, size_t n)
{
    if (b->failed)
        return -1;
    if (n <= b->cap - b->len)
        return 0;
    if (n > SIZE_MAX / 2 - b->len) {
        b->failed = 1;
        return -1;
    }
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < b->len + n)
        cap *= 2;
    uint8_t *data = realloc(b->data, cap);
    if (!data) {
        b->failed = 1;
        return -1;
    }
    b->data = data;
    b->cap = cap;
    return 0;
}

uint8_t *lj_buf_grow(struct lj_buf *b, size_t n)
{
    /* At least one byte, so that growing an empty buffer by nothing still gives a pointer. */
    if (reserve(b, n ? n : 1) != 0)
        return NULL;
    uint8_t *at = b->data + b->len;
    b->len += n;
    return at;
}

void lj_buf_put(struct lj_buf *b, const void *p, size_t n)
{
    uint8_t *at = lj_buf_grow(b, n);
    if (at && n)
        memcpy(at, p, n);
}

void lj_buf_u8(struct lj_buf *b, uint8_t v)
{
    lj_buf_put(b, &v, sizeof v);
}

void lj_buf_u16(struct lj_buf *b, uint16_t v)
{
    v = htobe16(v);
    lj_buf_put(b, &v, sizeof v);
}

void lj_buf_u32(struct lj_buf *b, uint32_t v)
{
    v = htobe32(v);
    lj_buf_put(b, &v, sizeof v);
}

void lj_buf_u64(struct lj_buf *b, uint64_t v)
{
    v = htobe64(v);
    lj_buf_put(b, &v, sizeof v);
}

void lj_buf_i64(struct lj_buf *b, int64_t v)
{
    lj_buf_u64(b, (uint64_t)v);
}

void lj_buf_str8(struct lj_buf *b, const char *s, size_t n)
{
    if (n > UINT8_MAX) {
        b->failed = 1;
        return;
    }
    lj_buf_u8(b, (uint8_t)n);
    lj_buf_put(b, s, n);
}

void lj_buf_str32(struct lj_buf *b, const void *s, size_t n)
{
    if (n > UINT32_MAX) {
        b->failed = 1;
        return;
    }
    lj_buf_u32(b, (uint32_t)n);
    lj_buf_put(b, s, n);
}

void lj_buf_printf(struct lj_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    va_start(ap, fmt);
    va_copy(again, ap);
    if (reserve(b, 1) == 0) {
        int n = vsnprintf((char *)b->data + b->len, b->cap - b->len, fmt, ap);
        if (n < 0)
            b->failed = 1;
        else if ((size_t)n >= b->cap - b->len && reserve(b, (size_t)n + 1) == 0)
            n = vsnprintf((char *)b->data + b->len, b->cap - b->len, fmt, again);
        if (!b->failed)
            b->len += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

void lj_buf_set_u32(struct lj_buf *b, size_t at, uint32_t v)
{
    if (b->failed)
        return;
    if (b->len < sizeof v || at > b->len - sizeof v) {
        b->failed = 1;
        return;
    }
    v = htobe32(v);
    memcpy(b->data + at, &v, sizeof v);
}

struct lj_reader lj_reader(const void *p, size_t n)
{
    return (struct lj_reader){.p = p, .left = n};
}

const uint8_t *lj_read_bytes(struct lj_reader *r, size_t n)
{
    static const uint8_t nothing[1];
    if (r->bad || n > r->left) {
        r->bad = 1;
        return NULL;
    }
    if (n == 0)
        return r->p ? r->p : nothing;
    const uint8_t *at = r->p;
    r->p += n;
    r->left -= n;
    return at;
}

uint8_t lj_read_u8(struct lj_reader *r)
{
    const uint8_t *p = lj_read_bytes(r, 1);
    return p ? *p : 0;
}

uint16_t lj_read_u16(struct lj_reader *r)
{
    uint16_t v = 0;
    const uint8_t *p = lj_read_bytes(r, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return be16toh(v);
}

uint32_t lj_read_u32(struct lj_reader *r)
{
    uint32_t v = 0;
    const uint8_t *p = lj_read_bytes(r, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return be32toh(v);
}

uint64_t lj_read_u64(struct lj_reader *r)
{
    uint64_t v = 0;
    const uint8_t *p = lj_read_bytes(r, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return be64toh(v);
}

int64_t lj_read_i64(struct lj_reader *r)
{
    return (int64_t)lj_read_u64(r);
}

const char *lj_read_str8(struct lj_reader *r, size_t *ret_n)
{
    size_t n = lj_read_u8(r);
    const uint8_t *p = lj_read_bytes(r, n);
    *ret_n = p ? n : 0;
    return p ? (const char *)p : "";
}

const uint8_t *lj_read_str32(struct lj_reader *r, size_t *ret_n)
{
    size_t n = lj_read_u32(r);
    const uint8_t *p = lj_read_bytes(r, n);
    *ret_n = p ? n : 0;
    return p ? p : (const uint8_t *)"";
}
