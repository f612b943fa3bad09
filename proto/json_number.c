/* Numbers of the strict JSON reader: grammar, range, canonical text.
 *
 * Two numbers are the same content when they have the same decimal VALUE, so the canonical text is
 * made from the digits themselves, by exact decimal arithmetic: no conversion to a double ever
 * happens, so nothing is rounded, and 9007199254740993.0 is not 9007199254740992. The same holds
 * for the range of reals: "overflows a double" means at or above 2^1024 - 2^970, the midpoint from
 * which rounding to nearest goes to infinity; that is a comparison with its 309 digits, free of the
 * locale and of strtod.
 *
 * Canonical text: "0"; or [-]digits when the value is an integer of at most 18 digits; else
 * [-]digits[-]e exponent with the digits' leading and trailing zeros removed ("15e-1"). 18 digits,
 * so that the text is always one that the reader takes back.
 *
 * Exponents may be as long as the text: beyond 18 digits they are handled as strings too (only
 * negative ones get so far).
 *
 * source: RFC 8259 §6; IEEE 754-2019 §4.3.1 and §7.4 (round to nearest, overflow). */
#include "proto/json_part.h"

#include <string.h>

enum {
    SHORT_DIGITS = 18
}; /* 10^18 - 1 fits int64, and so does any sum of such an exponent and a length */

/* 2^1024 - 2^970 */
static const char overflow_digits[] = "179769313486231580793728971405303415079934132710037826936173"
                                      "7789804449682927647509466490179775872070"
                                      "963302864166928879109465555478519404026306574886715058206819"
                                      "0890200070838367627385484581771153176447"
                                      "573027006985557136695962284291481986083493647529271907416844"
                                      "4365510704342711559699508093042880177904"
                                      "174497792";
enum { OVERFLOW_DIGITS = sizeof(overflow_digits) - 1 };

static const char int64_max_digits[] = "9223372036854775807";
static const char int64_min_digits[] = "9223372036854775808";
enum { INT64_DIGITS = sizeof(int64_max_digits) - 1 };

static inline bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end)
{
    while (p < end && is_digit(*p)) {
        p++;
    }
    return p;
}

/* At least one digit at *p, moving it; else the reason. */
static inline enum lj_json_reason need_digits(const uint8_t **p, const uint8_t *end)
{
    const uint8_t *start = *p;
    *p = skip_digits(start, end);
    if (*p > start) {
        return LJ_JSON_OK;
    }
    return *p >= end ? LJ_JSON_END : LJ_JSON_NUMBER;
}

/* Digits seen as one row, int then frac. */
static inline uint8_t digit_at(const struct lj_json_num *n, size_t i)
{
    return i < n->n_int ? n->int_digits[i] : n->frac[i - n->n_int];
}

/* Exponent as a number; for one of more than SHORT_DIGITS digits a bound beyond all that a length
 * can outweigh. */
static int64_t short_exp(const struct lj_json_num *n)
{
    int64_t v = 0;
    if (n->n_exp > SHORT_DIGITS) {
        v = INT64_C(1000000000000000000);
    } else {
        for (size_t i = 0; i < n->n_exp; i++) {
            v = v * 10 + (n->exp[i] - '0');
        }
    }
    return n->exp_neg ? -v : v;
}

/* Index of the first digit that is not zero; the number of digits when all are. */
static size_t first_digit(const struct lj_json_num *n)
{
    size_t i = 0, all = n->n_int + n->n_frac;
    while (i < all && digit_at(n, i) == '0') {
        i++;
    }
    return i;
}

static bool real_overflows(const struct lj_json_num *n)
{
    size_t all = n->n_int + n->n_frac, first = first_digit(n);
    if (first == all) {
        return false;
    }
    /* value = 0.d1d2d3... * 10^magnitude, d1 not zero */
    int64_t magnitude = short_exp(n) + (int64_t)n->n_int - (int64_t)first;
    if (magnitude != OVERFLOW_DIGITS) {
        return magnitude > OVERFLOW_DIGITS;
    }
    for (size_t i = 0; i < OVERFLOW_DIGITS; i++) {
        uint8_t d = first + i < all ? digit_at(n, first + i) : '0';
        if (d != (uint8_t)overflow_digits[i]) {
            return d > (uint8_t)overflow_digits[i];
        }
    }
    return true;
}

static bool integer_overflows(const struct lj_json_num *n)
{
    if (n->n_int != INT64_DIGITS) {
        return n->n_int > INT64_DIGITS;
    }
    return memcmp(n->int_digits, n->neg ? int64_min_digits : int64_max_digits, INT64_DIGITS) > 0;
}

/* The part from 'e' on. */
static enum lj_json_reason scan_exponent(const uint8_t **p, const uint8_t *end,
                                         struct lj_json_num *ret)
{
    (*p)++;
    if (*p < end && (**p == '+' || **p == '-')) {
        ret->exp_neg = **p == '-';
        (*p)++;
    }
    const uint8_t *digits = *p;
    enum lj_json_reason reason = need_digits(p, end);
    while (digits < *p && *digits == '0') {
        digits++;
    }
    ret->exp = digits;
    ret->n_exp = (size_t)(*p - digits);
    return reason;
}

static enum lj_json_reason scan_real(const uint8_t **p, const uint8_t *end, struct lj_json_num *ret)
{
    const uint8_t *start = ret->int_digits - ret->neg;
    enum lj_json_reason reason = LJ_JSON_OK;
    ret->real = true;
    if (**p == '.') {
        (*p)++;
        ret->frac = *p;
        reason = need_digits(p, end);
        ret->n_frac = (size_t)(*p - ret->frac);
    }
    if (reason == LJ_JSON_OK && *p < end && (**p | 0x20) == 'e') {
        reason = scan_exponent(p, end, ret);
    }
    if (reason == LJ_JSON_OK && real_overflows(ret)) {
        *p = start;
        reason = LJ_JSON_REAL_RANGE;
    }
    return reason;
}

enum lj_json_reason lj_json_num_scan(const uint8_t **p, const uint8_t *end, struct lj_json_num *ret)
{
    const uint8_t *start = *p;
    *ret = (struct lj_json_num){.neg = *start == '-'};
    *p += ret->neg;
    ret->int_digits = *p;
    enum lj_json_reason reason = need_digits(p, end);
    if (reason != LJ_JSON_OK) {
        return reason;
    }
    ret->n_int = (size_t)(*p - ret->int_digits);
    if (ret->n_int > 1 && ret->int_digits[0] == '0') {
        *p = ret->int_digits + 1;
        return LJ_JSON_NUMBER;
    }
    if (*p < end && (**p == '.' || (**p | 0x20) == 'e')) {
        return scan_real(p, end, ret);
    }
    if (ret->n_int > SHORT_DIGITS && integer_overflows(ret)) {
        *p = start;
        return LJ_JSON_INTEGER_RANGE;
    }
    return LJ_JSON_OK;
}

/* Digits from first to before last. */
static uint8_t *put_digits(const struct lj_json_num *n, size_t first, size_t last, uint8_t *out)
{
    if (first < n->n_int) {
        size_t stop = last < n->n_int ? last : n->n_int;
        memcpy(out, n->int_digits + first, stop - first);
        out += stop - first;
        first = stop;
    }
    if (first < last) {
        memcpy(out, n->frac + (first - n->n_int), last - first);
        out += last - first;
    }
    return out;
}

static uint8_t *put_int64(int64_t v, uint8_t *out)
{
    uint8_t digits[20];
    size_t n = 0;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        digits[n++] = (uint8_t)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    if (v < 0) {
        *out++ = '-';
    }
    while (n > 0) {
        *out++ = digits[--n];
    }
    return out;
}

/* An exponent of more than SHORT_DIGITS digits: -(digits - shift), by hand, since it may have any
 * length. |shift| is at most the text's length, far below 10^18, so the result keeps its sign and
 * at least 18 digits. */
static uint8_t *put_long_exp(const struct lj_json_num *n, int64_t shift, uint8_t *out)
{
    *out++ = '-';
    memcpy(out, n->exp, n->n_exp);
    int64_t carry = -shift;
    for (size_t i = n->n_exp; i > 0 && carry != 0; i--) {
        int64_t sum = out[i - 1] - '0' + carry;
        int64_t digit = (sum % 10 + 10) % 10;
        out[i - 1] = (uint8_t)('0' + digit);
        carry = (sum - digit) / 10;
    }
    if (carry > 0) { /* 999...9 + shift: one digit more */
        memmove(out + 1, out, n->n_exp);
        out[0] = (uint8_t)('0' + carry);
        return out + n->n_exp + 1;
    }
    size_t zeros = 0;
    while (out[zeros] == '0') {
        zeros++;
    }
    memmove(out, out + zeros, n->n_exp - zeros);
    return out + n->n_exp - zeros;
}

uint8_t *lj_json_num_canon(const struct lj_json_num *n, uint8_t *out)
{
    size_t all = n->n_int + n->n_frac, first = first_digit(n), last = all;
    if (first == all) {
        *out++ = '0';
        return out;
    }
    while (digit_at(n, last - 1) == '0') {
        last--;
    }
    if (n->neg) {
        *out++ = '-';
    }
    out = put_digits(n, first, last, out);
    int64_t shift = (int64_t)n->n_int -
                    (int64_t)last; /* of the point, by dropping it and the zeros at the end */
    if (n->n_exp > SHORT_DIGITS) {
        *out++ = 'e';
        return put_long_exp(n, shift, out);
    }
    int64_t exp = short_exp(n) + shift;
    if (exp >= 0 && (int64_t)(last - first) + exp <= SHORT_DIGITS) {
        memset(out, '0', (size_t)exp);
        return out + exp;
    }
    *out++ = 'e';
    return put_int64(exp, out);
}

int lj_json_int64(const char *slice, size_t len, int64_t *ret)
{
    const uint8_t *p = (const uint8_t *)slice, *end = p + len;
    struct lj_json_num n;
    if (len == 0) {
        return LJ_E_ARG;
    }
    enum lj_json_reason reason = lj_json_num_scan(&p, end, &n);
    if (reason == LJ_JSON_INTEGER_RANGE) {
        return LJ_E_JSON_NUMBER;
    }
    if (reason != LJ_JSON_OK || p != end || n.real) {
        return LJ_E_ARG;
    }
    int64_t v = 0; /* gathered below zero, where int64 reaches one further */
    for (size_t i = 0; i < n.n_int; i++) {
        v = v * 10 - (n.int_digits[i] - '0');
    }
    *ret = n.neg ? v : -v;
    return 0;
}
