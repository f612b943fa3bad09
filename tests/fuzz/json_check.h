/* What must hold for ANY text given to the JSON reader, checked with jansson as the second opinion.
 * Shared by the unit test (tables, truncations, mutations) and the fuzzer, so that both hold the
 * reader to the same rules.
 *
 * Known differences, found by this check; in both the reader is the stricter one:
 * - its limits (depth, keys, string length, text length): jansson has none but a depth of 2,048
 * - jansson 2.14 swallows a NUL byte that stands directly behind a number or a word: it accepts
 * "[0<NUL>]" There is no text that the reader accepts and jansson refuses. */
#ifndef LJ_TESTS_FUZZ_JSON_CHECK_H
#define LJ_TESTS_FUZZ_JSON_CHECK_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "proto/json_scan.h"

/* Equal as JSON values, numbers by value (jansson's json_equal says 1 and 1.0 differ). Text is at
 * most 64 levels deep here. */
static bool json_same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) {
        return json_is_integer(a) && json_is_integer(b)
                   ? json_integer_value(a) == json_integer_value(b)
                   : json_number_value(a) == json_number_value(b);
    }
    if (json_typeof(a) != json_typeof(b)) {
        return false;
    }
    if (json_is_array(a)) {
        bool same = json_array_size(a) == json_array_size(b);
        for (size_t i = 0; same && i < json_array_size(a); i++) {
            same = json_same(json_array_get(a, i), json_array_get(b, i));
        }
        return same;
    }
    if (json_is_object(a)) {
        bool same = json_object_size(a) == json_object_size(b);
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)a, key, value)
        {
            const json_t *other = json_object_get(b, key);
            same = same && other != NULL && json_same(value, other);
        }
        return same;
    }
    return json_equal(a, b) != 0;
}

static bool json_has_real(const json_t *a)
{
    bool found = json_is_real(a);
    size_t i;
    const char *key;
    json_t *value;
    json_array_foreach((json_t *)(uintptr_t)a, i, value)
    {
        found = found || json_has_real(value);
    }
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        found = found || json_has_real(value);
    }
    return found;
}

static json_t *json_second_opinion(const char *text, size_t len)
{
    return json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
}

/* Canonical text in a copy of exact size (so that ASan guards it), NULL when refused; free it. */
static char *json_canon(struct lj_json_scratch *s, const char *text, size_t len, size_t *ret_len,
                        struct lj_json_error *err)
{
    const struct lj_json_request req = {.any_top = true, .canonical = true};
    struct lj_json_result res;
    if (lj_json_scan(&req, text, len, s, NULL, &res, err) != 0) {
        return NULL;
    }
    char *copy = malloc(res.canonical_len);
    memcpy(copy, res.canonical, res.canonical_len);
    *ret_len = res.canonical_len;
    return copy;
}

static bool json_canon_is(struct lj_json_scratch *s, const char *text, size_t len, const char *want,
                          size_t want_len)
{
    size_t n = 0;
    char *got = json_canon(s, text, len, &n, NULL);
    bool same = got != NULL && n == want_len && memcmp(got, want, n) == 0;
    free(got);
    return same;
}

/* What must hold for an accepted text; NULL, or what does not. */
static const char *json_check_accepted(struct lj_json_scratch *s, const json_t *tree, size_t len,
                                       const char *canon, size_t n)
{
    if (n > 5 * len) {
        return "canonical text is longer than promised";
    }
    if (!json_canon_is(s, canon, n, canon, n)) {
        return "canonical text is not its own canonical text";
    }
    json_t *again = json_second_opinion(canon, n);
    bool same = again != NULL && json_same(tree, again);
    json_decref(again);
    if (!same) {
        return "canonical text does not say what the text says";
    }
    if (json_has_real(tree)) {
        return NULL; /* jansson rounds reals when it writes them */
    }
    static const size_t styles[] = {JSON_COMPACT, JSON_ENSURE_ASCII | JSON_INDENT(2),
                                    JSON_ESCAPE_SLASH | JSON_SORT_KEYS};
    for (size_t i = 0; i < 3; i++) {
        char *other = json_dumps(tree, styles[i] | JSON_ENCODE_ANY);
        same = other != NULL &&
               (strlen(other) > 1048576 || json_canon_is(s, other, strlen(other), canon, n));
        free(other);
        if (!same) {
            return "another spelling of the same content has another canonical text";
        }
    }
    return NULL;
}

/* What must hold for a refusal. */
static const char *json_check_refused(const json_t *tree, const char *text, size_t len,
                                      const struct lj_json_error *err)
{
    bool limit = err->reason == LJ_JSON_DEPTH || err->reason == LJ_JSON_KEYS ||
                 err->reason == LJ_JSON_STRING || err->reason == LJ_JSON_SIZE;
    bool nul_byte = err->reason == LJ_JSON_NUL && err->offset < len && text[err->offset] == '\0';
    if (tree != NULL && !limit && !nul_byte) {
        return "refused, but jansson accepts it";
    }
    if (err->reason <= LJ_JSON_OK || err->reason >= LJ_JSON_REASONS ||
        err->reason == LJ_JSON_NOMEM || lj_json_reason_code(err->reason) >= 0) {
        return "refused without a reason";
    }
    if (err->offset > len || (err->reason == LJ_JSON_END && err->offset != len)) {
        return "wrong offset";
    }
    size_t n = strlen(err->pointer);
    if (n > LJ_JSON_POINTER_MAX || (n > 0 && err->pointer[0] != '/')) {
        return "wrong pointer";
    }
    json_t *utf8 = json_stringn(err->pointer, n); /* checks UTF-8 */
    json_decref(utf8);
    return utf8 == NULL ? "pointer is not UTF-8" : NULL;
}

/* Members found in an accepted object must be what jansson finds, and their slices values of their
 * own. */
static const char *json_check_members(struct lj_json_scratch *s, const json_t *tree,
                                      const char *text, size_t len)
{
    static const struct lj_json_name names[] = {LJ_JSON_NAME("a"), LJ_JSON_NAME("id"),
                                                LJ_JSON_NAME("payload"), LJ_JSON_NAME("")};
    const struct lj_json_request req = {.names = names, .n_names = 4},
                                 inner = {.any_top = true, .start_depth = 2};
    struct lj_json_value found[4];
    struct lj_json_result res;
    size_t n_found = 0;
    if (lj_json_scan(&req, text, len, s, found, &res, NULL) != 0) {
        return "refused without canonical form";
    }
    for (size_t i = 0; i < 4; i++) {
        const json_t *want = json_object_get(tree, names[i].text);
        struct lj_json_result sub;
        if ((want == NULL) != (found[i].type == LJ_JSON_ABSENT)) {
            return "found what is not there, or missed what is";
        }
        if (want == NULL) {
            continue;
        }
        n_found++;
        if (lj_json_scan(&inner, text + found[i].off, found[i].len, s, NULL, &sub, NULL) != 0 ||
            sub.type != found[i].type) {
            return "slice of a member is not its value";
        }
        if (found[i].type == LJ_JSON_TEXT) {
            size_t n, cap = found[i].len;
            char *buf = malloc(cap);
            int rc = lj_json_text(text + found[i].off, found[i].len, buf, cap, &n);
            bool same = rc == 0 && n == json_string_length(want) &&
                        memcmp(buf, json_string_value(want), n) == 0;
            free(buf);
            if (!same) {
                return "decoded string differs";
            }
        }
        int64_t v = 0;
        bool is_int = lj_json_int64(text + found[i].off, found[i].len, &v) == 0;
        if (is_int != (json_is_integer(want) != 0) || (is_int && v != json_integer_value(want))) {
            return "integer differs";
        }
    }
    return res.has_unknown == (n_found < json_object_size(tree))
               ? NULL
               : "unknown member missed or imagined";
}

/* Everything above for one text of any bytes; NULL, or what does not hold. */
static const char *json_check(struct lj_json_scratch *s, const char *text, size_t len)
{
    struct lj_json_error err;
    size_t n = 0;
    const char *wrong;
    json_t *tree = json_second_opinion(text, len);
    char *canon = json_canon(s, text, len, &n, &err);
    if (canon == NULL) {
        wrong = json_check_refused(tree, text, len, &err);
    } else if (tree == NULL) {
        wrong = "accepted, but jansson refuses it";
    } else {
        wrong = json_check_accepted(s, tree, len, canon, n);
        if (wrong == NULL && json_is_object(tree)) {
            wrong = json_check_members(s, tree, text, len);
        }
    }
    free(canon);
    json_decref(tree);
    return wrong;
}

#endif
