/* The content hash of an event: 16 bytes that are equal iff two events say the same.
 *
 * A client that retries after a lost answer sends the same id again, often through another JSON
 * library: other key order, other escapes, 1.0 for 1. That must count as the same content, and
 * anything else must not, so the payload goes in by its canonical form (json_scan) and the other
 * parts with their lengths in front: ("ab", "c") and ("a", "bc") differ, whatever a client writes
 * into a field.
 *
 * 128 bits: an accident needs some 2^64 events under ONE id; somebody who makes a collision on
 * purpose (2^64 work) only gets the answer that belongs to his own first event. BLAKE2b because it
 * is the fastest hash in libsodium and needs no CPU extensions to be so.
 * Works before sodium_init(); after it, libsodium takes the processor's vector instructions.
 *
 * Guarantees: the layout is fixed (the hashes are stored); changing it makes every retry across the
 * change a conflict. */
#include "proto/content_hash.h"

#include <sodium.h>

static void put_be(crypto_generichash_state *st, uint64_t v, size_t bytes)
{
    uint8_t be[8];
    for (size_t i = 0; i < bytes; i++) {
        be[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
    }
    crypto_generichash_update(st, be, bytes);
}

static void put_slice(crypto_generichash_state *st, const char *p, size_t n)
{
    put_be(st, n, 4);
    if (n > 0) {
        crypto_generichash_update(st, (const uint8_t *)p, n);
    }
}

void lj_content_hash_canonical(const struct lj_content *c, const char *canonical,
                               size_t canonical_len, uint8_t ret_hash[LJ_CONTENT_HASH_BYTES])
{
    crypto_generichash_state st;
    crypto_generichash_init(&st, NULL, 0, LJ_CONTENT_HASH_BYTES);
    put_slice(&st, c->type, c->type_len);
    put_slice(&st, c->unit, c->unit_len);
    put_slice(&st, c->key, c->key_len);
    put_be(&st, c->has_occurred_at ? 1 : 0, 1);
    put_be(&st, c->has_occurred_at ? (uint64_t)c->occurred_at_us : 0, 8);
    put_be(&st, (uint32_t)c->schema_version, 4);
    put_slice(&st, canonical, canonical_len);
    crypto_generichash_final(&st, ret_hash, LJ_CONTENT_HASH_BYTES);
}

int lj_content_hash(const struct lj_content *c, const struct lj_json_name *names, size_t n_names,
                    struct lj_json_scratch *s, struct lj_json_value *ret_values,
                    uint8_t ret_hash[LJ_CONTENT_HASH_BYTES], struct lj_json_error *err)
{
    const struct lj_json_request req = {
        .start_depth = 2, .canonical = true, .names = names, .n_names = n_names};
    struct lj_json_result res;
    int rc = lj_json_scan(&req, c->payload, c->payload_len, s, ret_values, &res, err);
    if (rc == 0) {
        lj_content_hash_canonical(c, res.canonical, res.canonical_len, ret_hash);
    }
    return rc;
}
