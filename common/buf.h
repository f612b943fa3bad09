/* A growable byte buffer with big-endian writers; the one way frames, PostgreSQL parameters and
 * texts are built. */
#ifndef LJ_COMMON_BUF_H
#define LJ_COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct lj_buf {
    uint8_t *data; /* owned */
    size_t len;
    size_t cap;
    int failed; /* 1 once an allocation failed: writers do nothing from then on; check once at the
                   end */
};

void lj_buf_free(struct lj_buf *b);  /* also of a zeroed one; leaves it zeroed */
void lj_buf_clear(struct lj_buf *b); /* len = 0, failed = 0, memory kept */
uint8_t *lj_buf_grow(struct lj_buf *b,
                     size_t n); /* room for n bytes at the end, len advanced; NULL on failure */
void lj_buf_put(struct lj_buf *b, const void *p, size_t n);
void lj_buf_u8(struct lj_buf *b, uint8_t v);
void lj_buf_u16(struct lj_buf *b, uint16_t v);
void lj_buf_u32(struct lj_buf *b, uint32_t v);
void lj_buf_u64(struct lj_buf *b, uint64_t v);
void lj_buf_i64(struct lj_buf *b, int64_t v);
void lj_buf_str8(struct lj_buf *b, const char *s,
                 size_t n); /* u8 length + bytes; n <= 255, else failed */
void lj_buf_str32(struct lj_buf *b, const void *s, size_t n); /* u32 length + bytes */
void lj_buf_printf(struct lj_buf *b, const char *fmt, ...)
    LJ_PRINTF(2, 3); /* no NUL counted; one is kept behind len */
void lj_buf_set_u32(struct lj_buf *b, size_t at,
                    uint32_t v); /* overwrite 4 bytes already written at `at` */

/* A bounds-checked reader over borrowed bytes: after any failed read `bad` is 1 and all further
 * reads give zero. */
struct lj_reader {
    const uint8_t *p;
    size_t left;
    int bad;
};

struct lj_reader lj_reader(const void *p, size_t n);
uint8_t lj_read_u8(struct lj_reader *r);
uint16_t lj_read_u16(struct lj_reader *r);
uint32_t lj_read_u32(struct lj_reader *r);
uint64_t lj_read_u64(struct lj_reader *r);
int64_t lj_read_i64(struct lj_reader *r);
const uint8_t *lj_read_bytes(struct lj_reader *r, size_t n); /* borrowed; NULL when bad */
const char *lj_read_str8(struct lj_reader *r,
                         size_t *ret_n); /* u8 length + bytes; never NULL ("" when bad) */
const uint8_t *lj_read_str32(struct lj_reader *r,
                             size_t *ret_n); /* u32 length + bytes; never NULL */

#endif
