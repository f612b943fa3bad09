/* UUIDs: strict text form, a monotone version 7 generator, the version 8 derivation.
 *
 * Ids come from clients, so the text form is judged strictly: one spelling of one length, case
 * apart. Version 7 keeps new ids close together in the index. Version 8 is the id of what a
 * worker's result adds to the log: derived, never drawn, so that a batch computed twice names its
 * follow-on events equally and the second cannot add anything.
 *
 * Guarantees: a generator's ids strictly grow in byte order within the process, whatever the clock
 * does, and 74 random bits keep ids of different processes apart; random bytes come from the
 * kernel, which blocks only before its pool is seeded at boot; no global state.
 *
 * source: RFC 9562 §4, §5.7, §5.8, §6.2 (method 2, monotonic random), §6.9 (unguessability: from a
 * CSPRNG). */
#include "common/uuid.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <sodium.h>

#define HIGH_MASK UINT64_C(0x3FF) /* the upper 10 of 74 random bits; the lower 64 fill a word */
#define MS_MAX    (UINT64_C(1) << 48)

/* Value of a hexadecimal digit, -1 when it is none. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A hyphen stands before these bytes in the text form. */
static int hyphen_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int lj_uuid_parse(const char *text, size_t len, uint8_t ret[LJ_UUID_BYTES], struct lj_err *err)
{
    uint8_t bytes[LJ_UUID_BYTES];
    if (len != LJ_UUID_TEXT) {
        return lj_fail(err, LJ_E_ARG, "uuid is %zu characters, not %d", len, LJ_UUID_TEXT);
    }
    const char *p = text;
    for (size_t i = 0; i < LJ_UUID_BYTES; i++) {
        if (hyphen_before(i) && *p++ != '-') {
            return lj_fail(err, LJ_E_ARG, "uuid has no hyphen at character %zd", p - 1 - text);
        }
        int high = hex_value(p[0]), low = hex_value(p[1]);
        if (high < 0 || low < 0) {
            return lj_fail(err, LJ_E_ARG, "uuid is not hexadecimal at character %zd", p - text);
        }
        bytes[i] = (uint8_t)(high << 4 | low);
        p += 2;
    }
    memcpy(ret, bytes, sizeof(bytes));
    return 0;
}

char *lj_uuid_format(const uint8_t uuid[LJ_UUID_BYTES], char out[LJ_UUID_TEXT + 1])
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (size_t i = 0; i < LJ_UUID_BYTES; i++) {
        if (hyphen_before(i)) {
            *p++ = '-';
        }
        *p++ = hex[uuid[i] >> 4];
        *p++ = hex[uuid[i] & 15];
    }
    *p = '\0';
    return out;
}

int lj_uuid_version(const uint8_t uuid[LJ_UUID_BYTES])
{
    return (uuid[8] & 0xC0) == 0x80 ? uuid[6] >> 4 : -1;
}

/* n bytes (at most the pool's size) from the kernel, drawn in advance: one system call for some
 * twenty ids. */
static int random_bytes(struct lj_uuid_gen *g, void *out, size_t n, struct lj_err *err)
{
    if (g->pool_left < n) {
        ssize_t got;
        do {
            got = getrandom(g->pool, sizeof(g->pool), 0);
        } while (got < 0 && errno == EINTR);
        if (got !=
            (ssize_t)sizeof(g->pool)) { /* up to 256 bytes are never cut short (getrandom(2)) */
            g->pool_left = 0;
            return lj_fail_errno(err, LJ_E_IO, got < 0 ? errno : EIO, "cannot draw random bytes");
        }
        g->pool_left = sizeof(g->pool);
    }
    uint8_t *from = g->pool + sizeof(g->pool) - g->pool_left;
    memcpy(out, from, n);
    sodium_memzero(from, n); /* what was given out must not be found here later */
    g->pool_left -= n;
    return 0;
}

/* Write the state's id. The 74 bits run over byte 6's low half, byte 7 (12 bits), then byte 8's low
 * 6 bits and bytes 9..15. */
static void write_v7(const struct lj_uuid_gen *g, uint8_t ret[LJ_UUID_BYTES])
{
    uint64_t rand_a = g->high << 2 | g->low >> 62;
    uint64_t first = g->ms << 16 | UINT64_C(0x7000) | rand_a;
    uint64_t second = (g->low & (UINT64_MAX >> 2)) | UINT64_C(1) << 63;
    for (int i = 0; i < 8; i++) {
        ret[i] = (uint8_t)(first >> (56 - 8 * i));
        ret[8 + i] = (uint8_t)(second >> (56 - 8 * i));
    }
}

int lj_uuid_v7(struct lj_uuid_gen *g, int64_t now_us, uint8_t ret[LJ_UUID_BYTES],
               struct lj_err *err)
{
    uint64_t fresh[2] = {0};
    uint32_t step = 0;
    if (now_us < 0 || (uint64_t)now_us / 1000 >= MS_MAX) {
        return lj_fail(err, LJ_E_ARG, "time %lld us is outside of UUIDv7", (long long)now_us);
    }
    uint64_t ms = (uint64_t)now_us / 1000, last = g->ms;
    if (ms <= last) {
        int rc = random_bytes(g, &step, sizeof(step), err);
        if (rc != 0) {
            return rc;
        }
        uint64_t low = g->low + step + 1;
        g->high += low < g->low;
        g->low = low;
        ms = g->high > HIGH_MASK ? last + 1 : last;
    }
    if (ms > last) {
        int rc = random_bytes(g, fresh, sizeof(fresh), err);
        if (rc != 0) {
            return rc;
        }
        g->ms = ms;
        g->high = fresh[0] & HIGH_MASK;
        g->low = fresh[1];
    }
    write_v7(g, ret);
    return 0;
}

void lj_uuid_v8(const uint8_t parent[LJ_UUID_BYTES], const char *kind, uint32_t number,
                uint8_t ret[LJ_UUID_BYTES])
{
    const uint8_t be[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                           (uint8_t)number};
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state st;
    crypto_hash_sha256_init(&st);
    crypto_hash_sha256_update(&st, parent, LJ_UUID_BYTES);
    crypto_hash_sha256_update(&st, (const uint8_t *)kind, strlen(kind));
    crypto_hash_sha256_update(&st, be, sizeof(be));
    crypto_hash_sha256_final(&st, hash);
    memmove(ret, parent, 6);
    memcpy(ret + 6, hash, 10);
    ret[6] = (uint8_t)(0x80 | (ret[6] & 0x0F));
    ret[8] = (uint8_t)(0x80 | (ret[8] & 0x3F));
}
