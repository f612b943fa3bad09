/* The content hash of an event: what "same id and same content" is decided by. */
#ifndef LJ_PROTO_CONTENT_HASH_H
#define LJ_PROTO_CONTENT_HASH_H

#include "proto/json_scan.h"

#define LJ_CONTENT_HASH_BYTES 16

/* The parts of an event that are its content. Borrowed slices, not NUL-terminated; NULL with
 * length 0 is the empty text. */
struct lj_content {
    const char *type;
    size_t type_len;
    const char *unit;
    size_t unit_len;
    const char *key; /* as sent, or the default already put in: the caller decides, and must decide
                        the same every time */
    size_t key_len;
    bool has_occurred_at;
    int64_t occurred_at_us; /* since 1970-01-01 UTC; ignored without has_occurred_at */
    int32_t schema_version;
    const char *payload; /* JSON text */
    size_t payload_len;
};

/* Validate the payload (level 2 of its event, an object, LJ_JSON_LIMITS_EVENT), find wanted
 * members in it, and hash the content.
 * shape:  names, n_names, ret_values as for lj_json_scan; n_names 0 = none
 * owner:  borrows all; the payload's canonical form stays in the scratch until its next use
 * errors: those of lj_json_scan; err->offset counts from the payload's start, err->pointer is
 *         relative to the payload */
LJ_MUST int lj_content_hash(const struct lj_content *c, const struct lj_json_name *names,
                            size_t n_names, struct lj_json_scratch *s,
                            struct lj_json_value *ret_values,
                            uint8_t ret_hash[LJ_CONTENT_HASH_BYTES], struct lj_json_error *err);

/* Hash the content whose payload was scanned with `canonical` already: for a caller that needs a
 * payload member to know the key.
 * shape: BLAKE2b-128, no key, over: u32 n + type, u32 n + unit, u32 n + key, u8 1 and i64
 *         occurred_at_us or u8 0 and i64 0, i32 schema_version, u32 n + canonical payload;
 *         numbers big-endian. c->payload is ignored
 * source: RFC 7693; tests/unit/json_canon_test.c holds a vector computed with Python's hashlib */
void lj_content_hash_canonical(const struct lj_content *c, const char *canonical,
                               size_t canonical_len, uint8_t ret_hash[LJ_CONTENT_HASH_BYTES]);

#endif
