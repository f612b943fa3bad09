/* The strict JSON reader: the one place that judges event JSON, for hostile text of up to 1 MiB. */
#ifndef LJ_PROTO_JSON_SCAN_H
#define LJ_PROTO_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Why a text was refused. Names (lj_json_reason_name) are stable and go into problem+json;
 * numbers are not on any wire. */
enum lj_json_reason {
    LJ_JSON_OK = 0,
    LJ_JSON_END,            /* the text ends inside a value */
    LJ_JSON_SYNTAX,         /* a byte that the grammar does not allow here */
    LJ_JSON_TRAILING,       /* something after the value */
    LJ_JSON_TOP,            /* the outermost value is not an object */
    LJ_JSON_BOM,            /* the text begins with a byte order mark */
    LJ_JSON_UTF8,           /* not UTF-8: overlong, surrogate, beyond U+10FFFF, stray, cut off */
    LJ_JSON_NUL,            /* a NUL byte, or \u0000 */
    LJ_JSON_CONTROL,        /* a control byte inside a string that must be escaped */
    LJ_JSON_ESCAPE,         /* an escape that JSON does not have */
    LJ_JSON_SURROGATE,      /* half of a surrogate pair */
    LJ_JSON_NUMBER,         /* a number against the grammar (leading zero, "1.", "1e") */
    LJ_JSON_INTEGER_RANGE,  /* an integer outside [-2^63, 2^63-1] */
    LJ_JSON_REAL_RANGE,     /* a real number that overflows a double */
    LJ_JSON_DUPLICATE,      /* a key twice in one object, compared after unescaping */
    LJ_JSON_DEPTH,          /* nested too deep */
    LJ_JSON_KEYS,           /* too many members in one object */
    LJ_JSON_STRING,         /* a string or key too long, in decoded bytes */
    LJ_JSON_SIZE,           /* the text is longer than LJ_BATCH_BYTES_MAX */
    LJ_JSON_UNKNOWN_MEMBER, /* a top-level member that is not in the caller's table */
    LJ_JSON_NOMEM,
    LJ_JSON_REASONS
};

/* "duplicate_key" and the like; "internal" for a number that is no reason. Never NULL. */
const char *lj_json_reason_name(enum lj_json_reason reason);

/* The LJ_E_* code that a reason belongs to (0 for LJ_JSON_OK). */
int lj_json_reason_code(enum lj_json_reason reason);

#define LJ_JSON_POINTER_MAX 256

struct lj_json_error {
    enum lj_json_reason reason;
    size_t offset; /* bytes from the start of the text to what is wrong */
    /* RFC 6901, "" = the outermost value; valid UTF-8, NUL-terminated. Where the full pointer is
     * longer than LJ_JSON_POINTER_MAX it is cut after a whole token, so it names the nearest
     * ancestor that fits, and pointer_cut is set. */
    char pointer[LJ_JSON_POINTER_MAX + 1];
    bool pointer_cut;
};

enum lj_json_type {
    LJ_JSON_ABSENT = 0,
    LJ_JSON_NULL,
    LJ_JSON_FALSE,
    LJ_JSON_TRUE,
    LJ_JSON_INTEGER, /* no fraction, no exponent; fits int64 */
    LJ_JSON_REAL,    /* any other number, also 1.0 and 1e0; fits a double */
    LJ_JSON_TEXT,
    LJ_JSON_ARRAY,
    LJ_JSON_OBJECT
};

struct lj_json_limits {
    unsigned depth;      /* levels; at most LJ_JSON_DEPTH_HARD whatever is asked */
    unsigned keys;       /* members of one object; at most LJ_JSON_KEYS_HARD */
    size_t string_bytes; /* decoded bytes of a string or key */
};

/* Bounds of the reader itself: its recursion (about 200 bytes of stack a level) and its
 * duplicate search. */
#define LJ_JSON_DEPTH_HARD 64
#define LJ_JSON_KEYS_HARD  1024

extern const struct lj_json_limits LJ_JSON_LIMITS_EVENT; /* the numbers of proto/limits.h */

/* A wanted top-level member: {LJ_JSON_NAME("payload"), ...}. */
struct lj_json_name {
    const char *text;
    size_t len;
};
/* clang-format off */
#define LJ_JSON_NAME(literal) {"" literal, sizeof(literal) - 1}
/* clang-format on */

/* A value found in the text: its raw slice, quotes of a string and brackets included, no
 * surrounding whitespace. */
struct lj_json_value {
    enum lj_json_type type;
    bool escaped; /* strings: has escapes: what stands between the quotes is not the decoded text */
    size_t off;
    size_t len;
};

/* What to look for. A zeroed request is valid: event limits, top must be an object, no members
 * wanted, no canonical form. */
struct lj_json_request {
    const struct lj_json_limits *limits; /* NULL = LJ_JSON_LIMITS_EVENT */
    unsigned start_depth; /* level of the outermost value; 0 and 1 = an event, 2 = a payload */
    bool any_top;         /* any value may be outermost, not only an object */
    bool canonical;       /* write the canonical form */
    bool refuse_unknown;  /* a top-level member outside names is an error at once */
    const struct lj_json_name *names; /* wanted top-level members, n_names */
    size_t n_names;
};

struct lj_json_result {
    enum lj_json_type type;       /* of the outermost value */
    bool has_unknown;             /* some top-level member is not in names */
    struct lj_json_error unknown; /* the first such, as a refusal; only when has_unknown */
    const char *canonical; /* in the scratch until its next use; NULL unless asked for; no NUL */
    size_t canonical_len;
};

/* Working memory of the reader: reusable, single-threaded; once grown to the largest text seen a
 * scan allocates nothing.
 * cost: 50 KiB; with `canonical` commonly 2 to 4 times the longest text, at worst (nothing but
 *       short reals, buffers grown by doubling) 22 times; without, at worst 2 times. */
struct lj_json_scratch;
struct lj_json_scratch *lj_json_scratch_new(void); /* NULL when out of memory */
void lj_json_scratch_free(struct lj_json_scratch **s);

/* Read a whole text, judge it, find wanted members, and write its canonical form when asked: one
 * pass.
 * shape:  text is len bytes, not NUL-terminated; exactly one value, whitespace around it allowed
 *         canonical form: members sorted by decoded key bytes, no whitespace, each string with
 *         one escaping, each number by its exact decimal value (1, 1.0, 1e0, 10e-1 equal; -0 =
 *         0). Two texts have equal content iff their canonical bytes are equal; it is itself
 *         JSON that this reader accepts (strings never grow; a number at most to five times its
 *         length)
 * owner:  borrows all; ret_values (n_names of them, NULL when n_names is 0) point by offset into
 *         text; ABSENT where not found
 * errors: the LJ_E_* of the reason (LJ_E_JSON_*, LJ_E_UNKNOWN_MEMBER, LJ_E_TOO_LARGE,
 *         LJ_E_NOMEM); *err (may be NULL) is written only on failure, *ret and ret_values hold
 *         nothing useful then */
LJ_MUST int lj_json_scan(const struct lj_json_request *req, const char *text, size_t len,
                         struct lj_json_scratch *s, struct lj_json_value *ret_values,
                         struct lj_json_result *ret, struct lj_json_error *err);

/* Decode a string's raw slice (with its quotes, as lj_json_scan returned it) into buf and
 * terminate it; it holds no NUL itself.
 * errors: LJ_E_JSON_STRING does not fit cap - 1 bytes; LJ_E_ARG the slice is no string */
LJ_MUST int lj_json_text(const char *slice, size_t len, char *buf, size_t cap, size_t *ret_len);

/* Read an integer's raw slice. errors: LJ_E_ARG not an integer by the grammar, LJ_E_JSON_NUMBER
 * out of int64 */
LJ_MUST int lj_json_int64(const char *slice, size_t len, int64_t *ret);

/* Say an error in one line for a struct lj_err: "duplicate_key at byte 17 (/payload/a)". Returns
 * the code, as lj_fail does. */
int lj_json_fail(struct lj_err *err, const struct lj_json_error *json);

#endif
