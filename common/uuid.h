/* UUIDs as 16 bytes: text form, version, version 7 for new events, version 8 for follow-on
 * events. */
#ifndef LJ_COMMON_UUID_H
#define LJ_COMMON_UUID_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define LJ_UUID_BYTES 16
#define LJ_UUID_TEXT  36 /* characters, without the NUL */

/* Read the 36-character form, upper or lower case; anything else (braces, no hyphens, spaces,
 * another length) is refused. Any version and variant passes: ask lj_uuid_version.
 * errors: LJ_E_ARG */
LJ_MUST int lj_uuid_parse(const char *text, size_t len, uint8_t ret[LJ_UUID_BYTES],
                          struct lj_err *err);

/* Write the lower-case form and a NUL. Returns out. */
char *lj_uuid_format(const uint8_t uuid[LJ_UUID_BYTES], char out[LJ_UUID_TEXT + 1]);

/* 0..15 of a UUID of the variant of RFC 9562 (bits 10), -1 for any other variant (so for the nil
 * and the max UUID too). */
int lj_uuid_version(const uint8_t uuid[LJ_UUID_BYTES]);

/* State of a version 7 generator; zero it once. One a process (or a loop); not to be used on
 * both sides of a fork. */
struct lj_uuid_gen {
    uint64_t ms;       /* the last time given out, 0 = none yet */
    uint64_t high;     /* upper 10 of the last 74 random bits */
    uint64_t low;      /* lower 64 */
    uint8_t pool[256]; /* random bytes not used yet: the last pool_left ones */
    size_t pool_left;
};

/* Make a UUIDv7, greater than every one this generator made before, also within one millisecond
 * and when the clock goes back.
 * units:  now_us = wall clock, microseconds since 1970-01-01 UTC (lj_now_us), not negative and
 *         below 2^48 ms
 * shape:  48 bits of ms; 74 bits random in a new millisecond, else the last ones plus a random
 *         step of 1..2^32; where they run over, the ms field is taken one further (RFC 9562
 *         allows that)
 * errors: LJ_E_IO when the kernel gives no random bytes, LJ_E_ARG for a time out of range; ret
 *         untouched
 * source: RFC 9562 §5.7, §6.2 method 2 */
LJ_MUST int lj_uuid_v7(struct lj_uuid_gen *g, int64_t now_us, uint8_t ret[LJ_UUID_BYTES],
                       struct lj_err *err);

/* Derive a follow-on event's id from its parent's: the same parent, kind and number always give
 * the same id, whoever computes it.
 * shape:  bytes 0..5 = parent's bytes 0..5 (its 48 time bits, when it is a version 7)
 *         bytes 6..15 = the first ten bytes of SHA-256(parent, 16 bytes || kind, its UTF-8 bytes
 *         without NUL || number, 4 bytes big-endian)
 *         then byte 6 = 0x80 | (byte 6 & 0x0F) (version 8), byte 8 = 0x80 | (byte 8 & 0x3F)
 *         (variant 10)
 *         which leaves 74 bits of hash. In SQL, with p uuid, k text, n int:
 *           h := sha256(uuid_send(p) || convert_to(k, 'UTF8') || int4send(n));
 *           b := substr(uuid_send(p), 1, 6) || substr(h, 1, 10);
 *           b := set_byte(b, 6, (get_byte(b, 6) & 15) | 128);
 *           b := set_byte(b, 8, (get_byte(b, 8) & 63) | 128);
 *           id := encode(b, 'hex')::uuid;
 * source: RFC 9562 §5.8; SHA-256 because PostgreSQL has it built in. Vectors:
 *         tests/unit/uuid_test.c */
void lj_uuid_v8(const uint8_t parent[LJ_UUID_BYTES], const char *kind, uint32_t number,
                uint8_t ret[LJ_UUID_BYTES]);

#endif
