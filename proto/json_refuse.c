/* Refusals of the strict JSON reader: the table of reasons, and the JSON pointer of the place.
 *
 * A client that gets "400, duplicate_key at byte 17, /payload/a" can mend its text; one that gets
 * "invalid JSON" cannot. So each refusal has one stable reason, a byte and a pointer, and the
 * reasons map onto the fewer codes of err.def, which carry the HTTP status.
 *
 * The pointer is made only here, on the failing path, from the chain of open containers on the
 * reader's stack: a text that is accepted pays nothing for it. It is bounded, whatever the keys of
 * a hostile text are: cut after a whole token, so it still is a valid pointer.
 *
 * source: RFC 6901 §3 (tokens, ~0 and ~1). */
#include "proto/json_part.h"

#include <stdio.h>

static const struct {
    const char *name;
    int code;
} reasons[LJ_JSON_REASONS] = {
    [LJ_JSON_OK] = {"ok", 0},
    [LJ_JSON_END] = {"unexpected_end", LJ_E_JSON_SYNTAX},
    [LJ_JSON_SYNTAX] = {"unexpected_byte", LJ_E_JSON_SYNTAX},
    [LJ_JSON_TRAILING] = {"trailing_data", LJ_E_JSON_SYNTAX},
    [LJ_JSON_TOP] = {"not_an_object", LJ_E_JSON_SYNTAX},
    [LJ_JSON_BOM] = {"byte_order_mark", LJ_E_JSON_SYNTAX},
    [LJ_JSON_UTF8] = {"invalid_utf8", LJ_E_JSON_UTF8},
    [LJ_JSON_NUL] = {"nul", LJ_E_JSON_UTF8},
    [LJ_JSON_CONTROL] = {"control_character", LJ_E_JSON_SYNTAX},
    [LJ_JSON_ESCAPE] = {"bad_escape", LJ_E_JSON_SYNTAX},
    [LJ_JSON_SURROGATE] = {"lone_surrogate", LJ_E_JSON_UTF8},
    [LJ_JSON_NUMBER] = {"bad_number", LJ_E_JSON_SYNTAX},
    [LJ_JSON_INTEGER_RANGE] = {"integer_out_of_range", LJ_E_JSON_NUMBER},
    [LJ_JSON_REAL_RANGE] = {"real_out_of_range", LJ_E_JSON_NUMBER},
    [LJ_JSON_DUPLICATE] = {"duplicate_key", LJ_E_JSON_DUPLICATE},
    [LJ_JSON_DEPTH] = {"too_deep", LJ_E_JSON_DEPTH},
    [LJ_JSON_KEYS] = {"too_many_keys", LJ_E_JSON_KEYS},
    [LJ_JSON_STRING] = {"string_too_long", LJ_E_JSON_STRING},
    [LJ_JSON_SIZE] = {"text_too_long", LJ_E_TOO_LARGE},
    [LJ_JSON_UNKNOWN_MEMBER] = {"unknown_member", LJ_E_UNKNOWN_MEMBER},
    [LJ_JSON_NOMEM] = {"out_of_memory", LJ_E_NOMEM},
};

const char *lj_json_reason_name(enum lj_json_reason reason)
{
    return (unsigned)reason < LJ_JSON_REASONS ? reasons[reason].name : "internal";
}

int lj_json_reason_code(enum lj_json_reason reason)
{
    return (unsigned)reason < LJ_JSON_REASONS ? reasons[reason].code : LJ_E_INTERNAL;
}

/* Append one reference token at *len; false (nothing written) when it does not fit. */
static bool pointer_token(struct lj_json_error *err, size_t *len, const uint8_t *token, size_t n)
{
    size_t at = *len;
    if (at >= LJ_JSON_POINTER_MAX) {
        return false;
    }
    err->pointer[at++] = '/';
    for (size_t i = 0; i < n; i++) {
        bool escape = token[i] == '~' || token[i] == '/';
        if (at + (escape ? 2 : 1) > LJ_JSON_POINTER_MAX) {
            return false;
        }
        if (escape) {
            err->pointer[at++] = '~';
            err->pointer[at++] = token[i] == '~' ? '0' : '1';
        } else {
            err->pointer[at++] = (char)token[i];
        }
    }
    *len = at;
    return true;
}

void lj_json_pointer(const struct lj_json_frame *top, struct lj_json_error *err)
{
    const struct lj_json_frame *frames[LJ_JSON_DEPTH_HARD + 1];
    size_t n = 0, len = 0;
    bool fits = true;
    for (const struct lj_json_frame *f = top; f != NULL; f = f->up) {
        if (f->is_array || f->key != NULL) {
            frames[n++] = f;
        }
    }
    while (n > 0 && fits) {
        const struct lj_json_frame *f = frames[--n];
        if (f->is_array) {
            char index[24];
            int digits = snprintf(index, sizeof(index), "%zu", f->index);
            fits = pointer_token(err, &len, (const uint8_t *)index, (size_t)digits);
        } else {
            fits = pointer_token(err, &len, f->key, f->key_len);
        }
    }
    err->pointer[len] = '\0';
    err->pointer_cut = !fits;
}

int lj_json_fail(struct lj_err *err, const struct lj_json_error *json)
{
    return lj_fail(err, lj_json_reason_code(json->reason), "%s at byte %zu%s%.160s%s",
                   lj_json_reason_name(json->reason), json->offset,
                   json->pointer[0] != '\0' ? ", " : "", json->pointer,
                   json->pointer_cut ? "..." : "");
}
