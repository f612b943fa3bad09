/* Binary parameters for PostgreSQL: scalars and one-dimensional arrays, built in place. Used by
 * workers (effects) and the broker (append). */
#ifndef LJ_COMMON_PGPARAM_H
#define LJ_COMMON_PGPARAM_H

#include <stdint.h>

#include "common/buf.h"

/* Element types that a column can have (PostgreSQL's type OIDs of element and array are in
 * pgparam.c's table). */
enum lj_pgtype {
    LJ_PG_BOOL,
    LJ_PG_INT2,
    LJ_PG_INT4,
    LJ_PG_INT8,
    LJ_PG_TEXT,
    LJ_PG_BYTEA,
    LJ_PG_UUID,
    LJ_PG_TIMESTAMPTZ,
    LJ_PG_DATE,
    LJ_PG_FLOAT8
};

/* An array under construction. Zero it, init it, append, then take its bytes as the parameter's
 * value (format 1). */
struct lj_pgarray {
    struct lj_buf buf;
    enum lj_pgtype type;
    uint32_t count;
    int has_null;
    int misfit; /* 1 once a value did not fit its type */
};

void lj_pgarray_init(struct lj_pgarray *a, enum lj_pgtype type); /* keeps memory when used again */
void lj_pgarray_free(struct lj_pgarray *a);
void lj_pgarray_null(struct lj_pgarray *a);
void lj_pgarray_bool(struct lj_pgarray *a, int v);
void lj_pgarray_int(
    struct lj_pgarray *a,
    int64_t v); /* INT2/INT4/INT8/DATE (days since 2000-01-01)/TIMESTAMPTZ (us since 1970) */
void lj_pgarray_float(struct lj_pgarray *a, double v);
void lj_pgarray_bytes(struct lj_pgarray *a, const void *p, size_t n); /* TEXT/BYTEA/UUID(16) */
/* Finish the header; bytes valid until the array is changed. errors: LJ_E_NOMEM, LJ_E_ARG (a value
 * that did not fit). */
LJ_MUST int lj_pgarray_done(struct lj_pgarray *a, const uint8_t **ret_p, size_t *ret_n,
                            struct lj_err *err);

uint32_t lj_pgtype_array_oid(enum lj_pgtype type);
uint32_t lj_pgtype_oid(enum lj_pgtype type);

/* The params block: how a list of binary parameters travels in a RESULT frame and is passed on
 * unread. block := u16 count, then count times { i32 length (-1 = null), bytes }   (big endian) */
struct lj_pgblock_writer {
    struct lj_buf *buf;
    size_t at;
    uint16_t count;
};
void lj_pgblock_begin(struct lj_pgblock_writer *w, struct lj_buf *buf);
void lj_pgblock_param(struct lj_pgblock_writer *w, const void *p, size_t n);
void lj_pgblock_null(struct lj_pgblock_writer *w);
void lj_pgblock_end(struct lj_pgblock_writer *w);
/* Split a block into values/lengths (borrowed). errors: LJ_E_PROTOCOL when malformed or more than
 * max. */
LJ_MUST int lj_pgblock_split(const void *p, size_t n, int max, const char **ret_values,
                             int *ret_lengths, int *ret_count, struct lj_err *err);

#endif
