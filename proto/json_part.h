/* The parts of the JSON reader: strings (json_string.c), numbers (json_number.c), refusals
 * (json_refuse.c), keys. Private to proto/json_*.c. */
#ifndef LJ_PROTO_JSON_PART_H
#define LJ_PROTO_JSON_PART_H

#include <string.h>

#include "proto/json_scan.h"

/* One string between its quotes. */
struct lj_json_str {
    const uint8_t *raw;
    size_t raw_len;
    size_t decoded_len;
    bool escaped;
};

/* Validate a string; *p stands behind the opening quote, and moves behind the closing one, or to
 * the byte that is wrong. */
enum lj_json_reason lj_json_str_scan(const uint8_t **p, const uint8_t *end,
                                     struct lj_json_str *ret);

/* Decode a validated string into out (room for decoded_len bytes); returns the end of what was
 * written. */
uint8_t *lj_json_str_decode(const struct lj_json_str *str, uint8_t *out);

/* Write a validated string canonically, without quotes, into out (room for raw_len bytes: the
 * canonical form is never longer). */
uint8_t *lj_json_str_canon(const struct lj_json_str *str, uint8_t *out);

/* One number by its parts; value = (-1)^neg * int.frac * 10^exp. The slices lie in the text. */
struct lj_json_num {
    const uint8_t *int_digits;
    size_t n_int;
    const uint8_t *frac; /* n_frac digits, 0 where there is no fraction */
    size_t n_frac;
    const uint8_t *exp; /* n_exp digits without leading zeros; 0 of them where there is no exponent
                           or it is zero */
    size_t n_exp;
    bool neg;
    bool exp_neg;
    bool real; /* has a fraction or an exponent */
};

/* Validate a number and its range; *p moves behind it, or to the byte that is wrong. */
enum lj_json_reason lj_json_num_scan(const uint8_t **p, const uint8_t *end,
                                     struct lj_json_num *ret);

/* Bytes that lj_json_num_canon may need. */
static inline size_t lj_json_num_room(const struct lj_json_num *n)
{
    return n->n_int + n->n_frac + n->n_exp + 32;
}

/* Write a validated number's canonical text into out; returns the end of what was written. */
uint8_t *lj_json_num_canon(const struct lj_json_num *n, uint8_t *out);

/* An open container: where we are, for the JSON pointer. */
struct lj_json_frame {
    const struct lj_json_frame *up;
    const uint8_t *key; /* object: the member's decoded key, NULL before the first; array: NULL */
    size_t key_len;
    size_t index; /* array: the element */
    bool is_array;
};

/* Write err->pointer and err->pointer_cut for the place where top is the innermost open container
 * (NULL: none open). */
void lj_json_pointer(const struct lj_json_frame *top, struct lj_json_error *err);

/* One member of an object that is still open. */
struct lj_json_member {
    const uint8_t *key; /* decoded: in the text, or in scratch->keys when it had escapes */
    uint64_t prefix; /* its first eight bytes as a big-endian number: nearly every comparison ends
                        here */
    size_t key_len;
    size_t out_off; /* its piece of the canonical form */
    size_t out_len;
};

/* A key's first eight bytes as a big-endian number, padded with zeros. */
static inline uint64_t lj_json_key_prefix(const uint8_t *key, size_t n)
{
    uint64_t v = 0;
    size_t m = n < 8 ? n : 8;
    for (size_t i = 0; i < m; i++) {
        v = v << 8 | key[i];
    }
    return m == 0 ? 0 : v << (8 * (8 - m));
}

/* Order of decoded key bytes: below, at, or above zero. */
static inline int lj_json_key_compare(const struct lj_json_member *a,
                                      const struct lj_json_member *b)
{
    if (a->prefix != b->prefix) {
        return a->prefix < b->prefix ? -1 : 1;
    }
    /* Keys hold no NUL, so the prefix's zero padding cannot be mistaken for key bytes. */
    size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
    int c = n > 8 ? memcmp(a->key + 8, b->key + 8, n - 8) : 0;
    return c != 0 ? c : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

#endif
