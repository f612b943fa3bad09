/* A text's sketch: minimal hashes of its shingles, one bit of each.
 *
 * A shingle is four characters in a row. Of each of 256 hash functions the least value over all
 * shingles is found; two texts have the same one with a probability that is the share of shingles
 * they have in common (their Jaccard similarity J). One bit of each least value is kept: bits agree
 * with (1 + J) / 2, so the number of bits in which two sketches differ tells J, and 32 bytes a
 * report are enough. What looks alike by its sketch is compared exactly where the texts are
 * (db/functions/flags_day.sql); the sketch itself accuses nobody.
 *
 * Cost: a multiplication and a minimum of 16 bits a lane and shingle, eight lanes an instruction on
 * any amd64; about 2 us for a hundred characters. A hash is linear modulo 2^16 with an odd factor:
 * no perfect family, but the test holds what it gives against true similarities.
 *
 * Guarantees: no allocation; the same text gives the same sketch everywhere and always (sketch.def
 * is part of what is stored); bytes that are no UTF-8 do no harm. */
#include "workers/validation/sketch.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { LANES = LJ_SKETCH_BYTES * 8, WIDTH = 8, GROUPS = LANES / WIDTH };
typedef int16_t lanes __attribute__((vector_size(WIDTH * sizeof(int16_t))));

static const uint16_t factors[LANES][2] = {
#define LANE(factor, addend) {factor, addend},
#include "workers/validation/sketch.def"
#undef LANE
};

/* The next code point; 0 at the end. Bytes out of place count as characters of their own. */
static uint32_t next(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *p = *at;
    if (p >= end)
        return 0;
    size_t more = p[0] >= 0xF0 ? 3 : p[0] >= 0xE0 ? 2 : p[0] >= 0xC0 ? 1 : 0;
    uint32_t c = more == 3 ? p[0] & 7U : more == 2 ? p[0] & 15U : more == 1 ? p[0] & 31U : p[0];
    *at = p + 1;
    for (size_t i = 0; i < more && *at < end && (**at & 0xC0) == 0x80; i++)
        c = c << 6 | (*(*at)++ & 63U);
    return c ? c : 1;
}

/* As it is compared: small letters; 0 for what is passed over. */
static uint32_t letter(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c >= 'a' && c <= 'z' ? c : 0;
    int sign = c < 0xC0 || (c >= 0x2000 && c < 0x2E80) || (c >= 0x3000 && c < 0x3040) ||
               (c >= 0xFE10 && c < 0xFE70) || (c >= 0xFF00 && c < 0xFF21);
    return sign ? 0 : c;
}

static uint16_t hash_of(const uint32_t shingle[LJ_SKETCH_SHINGLE], size_t first)
{
    uint32_t h = 0;
    for (size_t i = 0; i < LJ_SKETCH_SHINGLE; i++)
        h = (h ^ shingle[(first + i) % LJ_SKETCH_SHINGLE]) * UINT32_C(0x9E3779B1);
    h ^= h >> 15;
    h *= UINT32_C(0x85EBCA77);
    return (uint16_t)(h >> 16 ^ h);
}

static inline lanes lesser(lanes a, lanes b)
{
#ifdef __SSE2__ /* one instruction, which the compiler does not find in the other line */
    return (lanes)_mm_min_epi16((__m128i)a, (__m128i)b);
#else
    lanes lower = a < b;
    return (a & lower) | (b & ~lower);
#endif
}

/* Keeps the lesser of each lane. */
static void take(lanes least[GROUPS], const lanes factor[GROUPS], const lanes addend[GROUPS],
                 uint16_t hash)
{
    lanes x = (lanes){0} + (int16_t)hash;
    for (size_t g = 0; g < GROUPS; g++) {
        least[g] = lesser(x * factor[g] + addend[g], least[g]);
    }
}

static void open_lanes(lanes least[GROUPS], lanes factor[GROUPS], lanes addend[GROUPS])
{
    for (size_t g = 0; g < GROUPS; g++)
        for (size_t i = 0; i < WIDTH; i++) {
            least[g][i] = INT16_MAX;
            factor[g][i] = (int16_t)factors[g * WIDTH + i][0];
            addend[g][i] = (int16_t)factors[g * WIDTH + i][1];
        }
}

size_t lj_sketch(const char *text, size_t len, uint8_t ret[LJ_SKETCH_BYTES])
{
    lanes least[GROUPS], factor[GROUPS], addend[GROUPS];
    uint32_t shingle[LJ_SKETCH_SHINGLE], c;
    const unsigned char *at = (const unsigned char *)text, *end = at + len;
    size_t n = 0;
    memset(ret, 0, LJ_SKETCH_BYTES);
    open_lanes(least, factor, addend);
    while ((c = next(&at, end)) != 0) {
        uint32_t l = letter(c);
        if (l == 0)
            continue;
        shingle[n++ % LJ_SKETCH_SHINGLE] = l;
        if (n >= LJ_SKETCH_SHINGLE)
            take(least, factor, addend, hash_of(shingle, n % LJ_SKETCH_SHINGLE));
    }
    for (size_t k = 0; n >= LJ_SKETCH_SHINGLE && k < LANES; k++) {
        uint16_t v = (uint16_t)least[k / WIDTH][k % WIDTH];
        ret[k / 8] = (uint8_t)(ret[k / 8] | ((v ^ v >> 2 ^ v >> 5) & 1U) << k % 8);
    }
    return n;
}

void lj_sketch_hex(const uint8_t sketch[LJ_SKETCH_BYTES], char ret[LJ_SKETCH_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < LJ_SKETCH_BYTES; i++) {
        ret[i * 2] = digits[sketch[i] >> 4];
        ret[i * 2 + 1] = digits[sketch[i] & 15U];
    }
    ret[LJ_SKETCH_HEX] = '\0';
}
