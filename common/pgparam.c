/* Binary parameters for PostgreSQL.
 *
 * One statement with arrays (`insert ... select from unnest($1::int8[], ...)`) costs a tenth of one
 * statement a row, and binary arrays cost neither quoting here nor parsing there. An array is built
 * in place, exactly as array_recv reads it (big endian):
 *
 *     i32 dimensions (0 for an empty array, else 1)   i32 1 when a NULL is inside   u32 element oid
 *     [i32 length   i32 lower bound = 1]              only with one dimension
 *     then each element: i32 length (-1 = NULL), bytes
 *
 * The header's place is kept free from the start and filled at the end, so nothing is moved. A
 * value that does not fit its type (an int2 of 40,000, a UUID of 15 bytes, an integer into a text
 * array) marks the array and is refused by lj_pgarray_done: PostgreSQL would refuse the whole
 * batch, naming no one. What only PostgreSQL can judge (UTF-8 in text) is left to it; the broker
 * checks its events before.
 *
 * The params block carries a finished list of such values through a RESULT frame; splitting checks
 * every length against the frame's end.
 */
#include "common/pgparam.h"

#include <string.h>

enum {
    HEADER_EMPTY = 12,
    HEADER = 20,
    BLOCK_NULL = -1,
};

#define EPOCH_2000_US                                                                              \
    946684800000000 /* PostgreSQL counts from 2000-01-01; source: datatype/timestamp.h */

struct type_row {
    uint32_t oid, array_oid;
    int bytes;        /* fixed size of an element; -1 = varying */
    int64_t min, max; /* for integers */
};

/* source: pg_type.dat of PostgreSQL 15 (OIDs of built-in types never change) */
static const struct type_row types[] = {
    [LJ_PG_BOOL] = {16, 1000, 1, 0, 1},
    [LJ_PG_INT2] = {21, 1005, 2, INT16_MIN, INT16_MAX},
    [LJ_PG_INT4] = {23, 1007, 4, INT32_MIN, INT32_MAX},
    [LJ_PG_INT8] = {20, 1016, 8, INT64_MIN, INT64_MAX},
    [LJ_PG_TEXT] = {25, 1009, -1, 0, 0},
    [LJ_PG_BYTEA] = {17, 1001, -1, 0, 0},
    [LJ_PG_UUID] = {2950, 2951, 16, 0, 0},
    [LJ_PG_TIMESTAMPTZ] = {1184, 1185, 8, INT64_MIN + EPOCH_2000_US, INT64_MAX},
    [LJ_PG_DATE] = {1082, 1182, 4, INT32_MIN, INT32_MAX},
    [LJ_PG_FLOAT8] = {701, 1022, 8, 0, 0},
};

/* Which element types each writer takes. */
#define BIT(type) (1u << (type))
enum {
    TAKES_INT = BIT(LJ_PG_INT2) | BIT(LJ_PG_INT4) | BIT(LJ_PG_INT8) | BIT(LJ_PG_DATE) |
                BIT(LJ_PG_TIMESTAMPTZ),
    TAKES_BYTES = BIT(LJ_PG_TEXT) | BIT(LJ_PG_BYTEA) | BIT(LJ_PG_UUID),
};

uint32_t lj_pgtype_oid(enum lj_pgtype type)
{
    return types[type].oid;
}

uint32_t lj_pgtype_array_oid(enum lj_pgtype type)
{
    return types[type].array_oid;
}

void lj_pgarray_init(struct lj_pgarray *a, enum lj_pgtype type)
{
    lj_buf_clear(&a->buf);
    a->type = type;
    a->count = 0;
    a->has_null = 0;
    a->misfit = 0;
    (void)lj_buf_grow(&a->buf, HEADER); /* a failure stays in buf.failed until lj_pgarray_done */
}

void lj_pgarray_free(struct lj_pgarray *a)
{
    lj_buf_free(&a->buf);
    memset(a, 0, sizeof *a);
}

void lj_pgarray_null(struct lj_pgarray *a)
{
    lj_buf_u32(&a->buf, UINT32_MAX);
    a->has_null = 1;
    a->count++;
}

void lj_pgarray_bool(struct lj_pgarray *a, int v)
{
    if (a->type != LJ_PG_BOOL) {
        a->misfit = 1;
        return;
    }
    lj_buf_u32(&a->buf, 1);
    lj_buf_u8(&a->buf, v != 0);
    a->count++;
}

void lj_pgarray_int(struct lj_pgarray *a, int64_t v)
{
    const struct type_row *t = &types[a->type];
    if (!(BIT(a->type) & TAKES_INT) || v < t->min || v > t->max) {
        a->misfit = 1;
        return;
    }
    if (a->type == LJ_PG_TIMESTAMPTZ)
        v -= EPOCH_2000_US;
    lj_buf_u32(&a->buf, (uint32_t)t->bytes);
    if (t->bytes == 2)
        lj_buf_u16(&a->buf, (uint16_t)v);
    else if (t->bytes == 4)
        lj_buf_u32(&a->buf, (uint32_t)v);
    else
        lj_buf_i64(&a->buf, v);
    a->count++;
}

void lj_pgarray_float(struct lj_pgarray *a, double v)
{
    uint64_t bits;
    if (a->type != LJ_PG_FLOAT8) {
        a->misfit = 1;
        return;
    }
    memcpy(&bits, &v, sizeof bits);
    lj_buf_u32(&a->buf, sizeof bits);
    lj_buf_u64(&a->buf, bits);
    a->count++;
}

void lj_pgarray_bytes(struct lj_pgarray *a, const void *p, size_t n)
{
    const struct type_row *t = &types[a->type];
    if (!(BIT(a->type) & TAKES_BYTES) || n > INT32_MAX ||
        (t->bytes >= 0 && n != (size_t)t->bytes)) {
        a->misfit = 1;
        return;
    }
    lj_buf_str32(&a->buf, p, n);
    a->count++;
}

int lj_pgarray_done(struct lj_pgarray *a, const uint8_t **ret_p, size_t *ret_n, struct lj_err *err)
{
    if (a->misfit)
        return lj_fail(err, LJ_E_ARG, "a value does not fit into an array of type oid %u",
                       types[a->type].oid);
    if (a->buf.failed || a->buf.len < HEADER)
        return lj_fail(err, LJ_E_NOMEM, "no memory for an array of %u elements", a->count);
    if (a->buf.len > INT32_MAX)
        return lj_fail(err, LJ_E_ARG, "an array of %u elements has %zu bytes, limit %d", a->count,
                       a->buf.len, INT32_MAX);
    lj_buf_set_u32(&a->buf, 0, a->count ? 1 : 0);
    lj_buf_set_u32(&a->buf, 4, a->has_null ? 1 : 0);
    lj_buf_set_u32(&a->buf, 8, types[a->type].oid);
    lj_buf_set_u32(&a->buf, 12, a->count);
    lj_buf_set_u32(&a->buf, 16, 1);
    *ret_p = a->buf.data;
    *ret_n = a->count ? a->buf.len : HEADER_EMPTY;
    return 0;
}

/* ---- the params block ---- */

void lj_pgblock_begin(struct lj_pgblock_writer *w, struct lj_buf *buf)
{
    w->buf = buf;
    w->at = buf->len;
    w->count = 0;
    lj_buf_u16(buf, 0);
}

static void count_param(struct lj_pgblock_writer *w)
{
    if (w->count == UINT16_MAX)
        w->buf->failed = 1;
    else
        w->count++;
}

void lj_pgblock_param(struct lj_pgblock_writer *w, const void *p, size_t n)
{
    if (n > INT32_MAX) {
        w->buf->failed = 1;
        return;
    }
    lj_buf_str32(w->buf, p, n);
    count_param(w);
}

void lj_pgblock_null(struct lj_pgblock_writer *w)
{
    lj_buf_u32(w->buf, (uint32_t)BLOCK_NULL);
    count_param(w);
}

void lj_pgblock_end(struct lj_pgblock_writer *w)
{
    if (w->buf->failed)
        return;
    w->buf->data[w->at] = (uint8_t)(w->count >> 8);
    w->buf->data[w->at + 1] = (uint8_t)w->count;
}

int lj_pgblock_split(const void *p, size_t n, int max, const char **ret_values, int *ret_lengths,
                     int *ret_count, struct lj_err *err)
{
    struct lj_reader r = lj_reader(p, n);
    int count = lj_read_u16(&r);
    if (count > max)
        return lj_fail(err, LJ_E_PROTOCOL, "a params block holds %d values, limit %d", count, max);
    for (int i = 0; i < count; i++) {
        int32_t len = (int32_t)lj_read_u32(&r);
        if (len < BLOCK_NULL)
            return lj_fail(err, LJ_E_PROTOCOL, "value %d of a params block has length %d", i, len);
        ret_lengths[i] = len == BLOCK_NULL ? 0 : len;
        ret_values[i] = len == BLOCK_NULL ? NULL : (const char *)lj_read_bytes(&r, (size_t)len);
    }
    if (r.bad || r.left)
        return lj_fail(err, LJ_E_PROTOCOL, "a params block of %zu bytes %s", n,
                       r.bad ? "is cut short" : "has bytes left over");
    *ret_count = count;
    return 0;
}
