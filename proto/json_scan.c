/* The strict JSON reader: structure, limits, duplicate keys, wanted members, canonical form.
 *
 * Every event passes here before anything else looks at it, so it is written for hostile text first
 * and speed second: one pass, no tree, no number conversion, recursion bounded by the depth limit,
 * memory bounded by the text's length. A tree parser cost about a third of the whole write of an
 * event; this reader must cost about a microsecond.
 *
 * Canonical form: each member is written as `"key":value,` in text order; when its object closes,
 * the pieces are put into the order of their decoded keys (which had to be kept anyway, to find
 * duplicates) and the last comma becomes the closing bracket.
 *
 * Guarantees: reads only text[0..len); an accepted text is accepted by any RFC 8259 parser; equal
 * content iff equal canonical bytes; where it refuses, it names one reason, the byte and the JSON
 * pointer. */
#include "proto/json_scan.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "proto/json_part.h"
#include "proto/limits.h"

const struct lj_json_limits LJ_JSON_LIMITS_EVENT = {
    .depth = LJ_JSON_DEPTH_MAX,
    .keys = LJ_JSON_KEYS_MAX,
    .string_bytes = LJ_JSON_STRING_MAX,
};

struct lj_json_scratch {
    struct lj_buf out;              /* the canonical form so far */
    struct lj_buf sorted;           /* one object's members while they are put in order */
    struct lj_buf keys;             /* decoded keys that had escapes; never moved during a scan */
    struct lj_json_member *members; /* a stack: the open objects' members, outermost first */
    uint16_t *order;                /* parallel to members: an object's own, sorted by key */
    size_t n_members;
    size_t cap_members;
};

/* An open object. */
struct object {
    size_t base;      /* its first member in scratch->members */
    size_t out_start; /* its '{' in the canonical form */
    bool in_order;    /* keys came sorted so far */
};

struct reader {
    const uint8_t *text;
    const uint8_t *p;
    const uint8_t *end;
    const struct lj_json_request *req;
    struct lj_json_limits limits;
    struct lj_json_scratch *s;
    struct lj_json_value *values;
    struct lj_json_result *ret;
    struct lj_json_error *err;
    const struct lj_json_frame *top;
    unsigned depth; /* of open containers, start_depth - 1 before the first */
    unsigned outer; /* depth inside the outermost container */
};

static int read_value(struct reader *r, enum lj_json_type *ret_type);

/* ---- refusals ---- */

static void describe(const struct reader *r, struct lj_json_error *err, enum lj_json_reason reason,
                     const uint8_t *at)
{
    err->reason = reason;
    err->offset = (size_t)(at - r->text);
    lj_json_pointer(r->top, err);
}

__attribute__((cold, noinline)) static int refuse(const struct reader *r,
                                                  enum lj_json_reason reason, const uint8_t *at)
{
    if (r->err != NULL) {
        describe(r, r->err, reason, at);
    }
    return lj_json_reason_code(reason);
}

/* Refuse at the present byte, or for the end of the text when there is none. */
static int refuse_here(const struct reader *r, enum lj_json_reason reason)
{
    return refuse(r, r->p >= r->end ? LJ_JSON_END : *r->p == 0 ? LJ_JSON_NUL : reason, r->p);
}

/* ---- small steps ---- */

static inline void skip_space(struct reader *r)
{
    const uint8_t *p = r->p;
    while (p < r->end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')) {
        p++;
    }
    r->p = p;
}

/* Room for n more bytes at the end of b; the caller writes and then sets len. NULL when out of
 * memory. */
static inline uint8_t *room(struct lj_buf *b, size_t n)
{
    if (b->cap - b->len < n || b->data == NULL) {
        size_t len = b->len;
        if (lj_buf_grow(b, n) == NULL) {
            return NULL;
        }
        b->len = len;
    }
    return b->data + b->len;
}

static inline int put(struct reader *r, const void *bytes, size_t n)
{
    if (!r->req->canonical) {
        return 0;
    }
    uint8_t *out = room(&r->s->out, n);
    if (out == NULL) {
        return refuse(r, LJ_JSON_NOMEM, r->p);
    }
    memcpy(out, bytes, n);
    r->s->out.len += n;
    return 0;
}

/* Read a string at the opening quote and write its canonical form, quotes included. */
static int read_string(struct reader *r, struct lj_json_str *ret)
{
    const uint8_t *start = r->p++;
    enum lj_json_reason reason = lj_json_str_scan(&r->p, r->end, ret);
    if (reason != LJ_JSON_OK) {
        return refuse(r, reason, r->p);
    }
    if (ret->decoded_len > r->limits.string_bytes) {
        return refuse(r, LJ_JSON_STRING, start);
    }
    if (!ret->escaped) {
        return put(r, start, ret->raw_len + 2);
    }
    if (r->req->canonical) {
        uint8_t *out = room(&r->s->out, ret->raw_len + 2);
        if (out == NULL) {
            return refuse(r, LJ_JSON_NOMEM, r->p);
        }
        *out = '"';
        out = lj_json_str_canon(ret, out + 1);
        *out++ = '"';
        r->s->out.len = (size_t)(out - r->s->out.data);
    }
    return 0;
}

static int read_number(struct reader *r, enum lj_json_type *ret_type)
{
    const uint8_t *start = r->p;
    struct lj_json_num n;
    enum lj_json_reason reason = lj_json_num_scan(&r->p, r->end, &n);
    if (reason != LJ_JSON_OK) {
        return refuse(r, reason, r->p);
    }
    *ret_type = n.real ? LJ_JSON_REAL : LJ_JSON_INTEGER;
    if (!r->req->canonical) {
        return 0;
    }
    if (!n.real && n.n_int <= 18 && n.int_digits[0] != '0') {
        return put(r, start, (size_t)(r->p - start)); /* is canonical as it stands */
    }
    uint8_t *out = room(&r->s->out, lj_json_num_room(&n));
    if (out == NULL) {
        return refuse(r, LJ_JSON_NOMEM, r->p);
    }
    r->s->out.len = (size_t)(lj_json_num_canon(&n, out) - r->s->out.data);
    return 0;
}

static int read_word(struct reader *r, const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++, r->p++) {
        if (r->p >= r->end || *r->p != (uint8_t)word[i]) {
            return refuse_here(r, LJ_JSON_SYNTAX);
        }
    }
    return put(r, word, n);
}

/* Behind an item of a container: a comma (there is more), or the closing bracket, left standing. */
static int after_item(struct reader *r, uint8_t close, bool *ret_more)
{
    skip_space(r);
    if (r->p >= r->end || (*r->p != ',' && *r->p != close)) {
        return refuse_here(r, LJ_JSON_SYNTAX);
    }
    *ret_more = *r->p == ',';
    if (*ret_more) {
        r->p++;
        skip_space(r);
    }
    return 0;
}

/* ---- objects ---- */

/* Enter the newest member into its object's sorted order; false when the key is there already. */
static bool sort_in(struct reader *r, struct object *o)
{
    const struct lj_json_member *members = r->s->members + o->base;
    uint16_t *order = r->s->order + o->base;
    size_t n = r->s->n_members - o->base - 1, low = 0, high = n;
    if (n > 0) {
        int c = lj_json_key_compare(&members[n], &members[order[n - 1]]);
        if (c == 0) {
            return false;
        }
        low = c > 0 ? n : 0;
        high = c > 0 ? n : n - 1;
        o->in_order = o->in_order && c > 0;
    }
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = lj_json_key_compare(&members[n], &members[order[mid]]);
        if (c == 0) {
            return false;
        }
        low = c > 0 ? mid + 1 : low;
        high = c > 0 ? high : mid;
    }
    memmove(order + low + 1, order + low, (n - low) * sizeof(*order));
    order[low] = (uint16_t)n;
    return true;
}

/* Room on the member stack for one more object of the allowed size. Objects inside are entered
 * between two members of this one, so nothing may point into the stack across read_value. */
static bool reserve_members(struct lj_json_scratch *s, size_t keys)
{
    if (s->cap_members - s->n_members >= keys) {
        return true;
    }
    size_t cap = s->cap_members + keys + (size_t)LJ_JSON_DEPTH_MAX * LJ_JSON_KEYS_MAX;
    struct lj_json_member *members = realloc(s->members, cap * sizeof(*members));
    if (members == NULL) {
        return false;
    }
    s->members = members;
    uint16_t *order = realloc(s->order, cap * sizeof(*order));
    if (order == NULL) {
        return false;
    }
    s->order = order;
    s->cap_members = cap;
    return true;
}

/* The key's decoded bytes: in the text itself where it has no escapes. */
static const uint8_t *decoded_key(struct reader *r, const struct lj_json_str *str)
{
    struct lj_buf *keys = &r->s->keys;
    if (!str->escaped) {
        return str->raw;
    }
    /* All decoded keys together are shorter than the text: reserved once, so earlier keys stay
     * where they are. */
    if (keys->len == 0 && room(keys, (size_t)(r->end - r->text)) == NULL) {
        return NULL;
    }
    const uint8_t *key = keys->data + keys->len;
    keys->len = (size_t)(lj_json_str_decode(str, keys->data + keys->len) - keys->data);
    return key;
}

/* Read a key, its colon, and what surrounds it; the member is on the stack then, and the frame
 * names it. */
static int read_key(struct reader *r, struct object *o, struct lj_json_frame *f)
{
    const uint8_t *start = r->p;
    struct lj_json_str str;
    if (r->p >= r->end || *r->p != '"') {
        return refuse_here(r, LJ_JSON_SYNTAX);
    }
    if (r->s->n_members - o->base >= r->limits.keys) {
        return refuse(r, LJ_JSON_KEYS, start);
    }
    size_t out_off = r->s->out.len;
    int rc = read_string(r, &str);
    if (rc != 0) {
        return rc;
    }
    f->key = decoded_key(r, &str);
    f->key_len = str.decoded_len;
    if (f->key == NULL) {
        return refuse(r, LJ_JSON_NOMEM, start);
    }
    r->s->members[r->s->n_members++] =
        (struct lj_json_member){.key = f->key,
                                .prefix = lj_json_key_prefix(f->key, f->key_len),
                                .key_len = f->key_len,
                                .out_off = out_off};
    if (!sort_in(r, o)) {
        return refuse(r, LJ_JSON_DUPLICATE, start);
    }
    skip_space(r);
    if (r->p >= r->end || *r->p != ':') {
        return refuse_here(r, LJ_JSON_SYNTAX);
    }
    r->p++;
    skip_space(r);
    return put(r, ":", 1);
}

/* The slot of a top-level member's value; NULL when it is not wanted. */
static struct lj_json_value *wanted(struct reader *r, const struct lj_json_frame *f)
{
    for (size_t i = 0; i < r->req->n_names; i++) {
        const struct lj_json_name *name = &r->req->names[i];
        if (name->len == f->key_len && memcmp(name->text, f->key, f->key_len) == 0) {
            return &r->values[i];
        }
    }
    return NULL;
}

/* A top-level member outside the table: an error, or a note for the caller. */
static int note_unknown(struct reader *r, const uint8_t *key_start)
{
    if (r->req->refuse_unknown) {
        return refuse(r, LJ_JSON_UNKNOWN_MEMBER, key_start);
    }
    if (!r->ret->has_unknown) {
        r->ret->has_unknown = true;
        describe(r, &r->ret->unknown, LJ_JSON_UNKNOWN_MEMBER, key_start);
    }
    return 0;
}

static int read_member(struct reader *r, struct object *o, struct lj_json_frame *f)
{
    const uint8_t *key_start = r->p;
    struct lj_json_value *slot = NULL;
    enum lj_json_type type;
    int rc = read_key(r, o, f);
    if (rc == 0 && r->depth == r->outer && (r->req->n_names > 0 || r->req->refuse_unknown)) {
        slot = wanted(r, f);
        rc = slot == NULL ? note_unknown(r, key_start) : 0;
    }
    if (rc != 0) {
        return rc;
    }
    size_t self = r->s->n_members - 1;
    const uint8_t *start = r->p;
    rc = read_value(r, &type);
    if (rc != 0) {
        return rc;
    }
    if (slot != NULL) {
        *slot = (struct lj_json_value){
            .type = type, .off = (size_t)(start - r->text), .len = (size_t)(r->p - start)};
        slot->escaped = type == LJ_JSON_TEXT && memchr(start, '\\', slot->len) != NULL;
    }
    rc = put(r, ",", 1);
    r->s->members[self].out_len = r->s->out.len - r->s->members[self].out_off;
    return rc;
}

/* Put a closing object's pieces in order and close it. */
static int close_object(struct reader *r, const struct object *o)
{
    struct lj_json_scratch *s = r->s;
    size_t n = s->n_members - o->base;
    s->n_members = o->base;
    if (!r->req->canonical) {
        return 0;
    }
    if (n == 0) {
        return put(r, "}", 1);
    }
    if (!o->in_order) {
        size_t from = o->out_start + 1, bytes = s->out.len - from;
        s->sorted.len = 0;
        uint8_t *to = room(&s->sorted, bytes);
        if (to == NULL) {
            return refuse(r, LJ_JSON_NOMEM, r->p);
        }
        for (size_t i = 0; i < n; i++) {
            const struct lj_json_member *m = &s->members[o->base + s->order[o->base + i]];
            memcpy(to, s->out.data + m->out_off, m->out_len);
            to += m->out_len;
        }
        memcpy(s->out.data + from, s->sorted.data, bytes);
    }
    s->out.data[s->out.len - 1] = '}';
    return 0;
}

static int read_object(struct reader *r)
{
    struct lj_json_frame f = {.up = r->top};
    struct object o = {.base = r->s->n_members, .out_start = r->s->out.len, .in_order = true};
    if (!reserve_members(r->s, r->limits.keys)) {
        return refuse(r, LJ_JSON_NOMEM, r->p);
    }
    int rc = put(r, "{", 1);
    r->p++;
    skip_space(r);
    bool more = r->p >= r->end || *r->p != '}';
    r->top = &f; /* cppcheck-suppress autoVariables ; taken off again below */
    while (rc == 0 && more) {
        rc = read_member(r, &o, &f);
        if (rc != 0) {
            break;
        }
        f.key = NULL; /* between members it is the object that is wrong */
        rc = after_item(r, '}', &more);
    }
    r->top = f.up;
    if (rc != 0) {
        return rc;
    }
    r->p++;
    return close_object(r, &o);
}

/* ---- arrays and values ---- */

static int read_array(struct reader *r)
{
    struct lj_json_frame f = {.up = r->top, .is_array = true};
    enum lj_json_type type;
    int rc = put(r, "[", 1);
    r->p++;
    skip_space(r);
    bool more = r->p >= r->end || *r->p != ']';
    r->top = &f; /* cppcheck-suppress autoVariables ; taken off again below */
    while (rc == 0 && more) {
        rc = read_value(r, &type);
        if (rc != 0) {
            break;
        }
        rc = after_item(r, ']', &more);
        if (rc == 0 && more) {
            rc = put(r, ",", 1);
            f.index++;
        }
    }
    r->top = f.up;
    if (rc != 0) {
        return rc;
    }
    r->p++;
    return put(r, "]", 1);
}

static int read_container(struct reader *r, bool object)
{
    if (r->depth >= r->limits.depth) {
        return refuse(r, LJ_JSON_DEPTH, r->p);
    }
    r->depth++;
    int rc = object ? read_object(r) : read_array(r);
    r->depth--;
    return rc;
}

static int read_value(struct reader *r, enum lj_json_type *ret_type)
{
    struct lj_json_str str;
    if (r->p >= r->end) {
        return refuse(r, LJ_JSON_END, r->p);
    }
    switch (*r->p) {
    case '"':
        *ret_type = LJ_JSON_TEXT;
        return read_string(r, &str);
    case '{':
        *ret_type = LJ_JSON_OBJECT;
        return read_container(r, true);
    case '[':
        *ret_type = LJ_JSON_ARRAY;
        return read_container(r, false);
    case 't':
        *ret_type = LJ_JSON_TRUE;
        return read_word(r, "true", 4);
    case 'f':
        *ret_type = LJ_JSON_FALSE;
        return read_word(r, "false", 5);
    case 'n':
        *ret_type = LJ_JSON_NULL;
        return read_word(r, "null", 4);
    case '-':
    case '0' ... '9':
        return read_number(r, ret_type);
    default:
        return refuse_here(r, LJ_JSON_SYNTAX);
    }
}

/* ---- the whole text ---- */

struct lj_json_scratch *lj_json_scratch_new(void)
{
    struct lj_json_scratch *s = calloc(1, sizeof(*s));
    if (s != NULL && !reserve_members(s, LJ_JSON_KEYS_MAX)) {
        lj_json_scratch_free(&s);
    }
    return s;
}

void lj_json_scratch_free(struct lj_json_scratch **s)
{
    if (*s == NULL) {
        return;
    }
    lj_buf_free(&(*s)->out);
    lj_buf_free(&(*s)->sorted);
    lj_buf_free(&(*s)->keys);
    free((*s)->members);
    free((*s)->order);
    free(*s);
    *s = NULL;
}

static void start(struct reader *r)
{
    const struct lj_json_limits *limits =
        r->req->limits != NULL ? r->req->limits : &LJ_JSON_LIMITS_EVENT;
    r->limits = *limits;
    r->limits.depth = limits->depth < LJ_JSON_DEPTH_HARD ? limits->depth : LJ_JSON_DEPTH_HARD;
    r->limits.keys = limits->keys < LJ_JSON_KEYS_HARD ? limits->keys : LJ_JSON_KEYS_HARD;
    r->depth = r->req->start_depth > 0 ? r->req->start_depth - 1 : 0;
    r->outer = r->depth + 1;
    r->s->n_members = 0;
    lj_buf_clear(&r->s->out);
    lj_buf_clear(&r->s->sorted);
    lj_buf_clear(&r->s->keys);
    for (size_t i = 0; i < r->req->n_names; i++) {
        r->values[i].type = LJ_JSON_ABSENT;
    }
}

/* Everything before and behind the value. */
static int read_text(struct reader *r, enum lj_json_type *ret_type)
{
    size_t len = (size_t)(r->end - r->text);
    if (len > LJ_BATCH_BYTES_MAX) {
        return refuse(r, LJ_JSON_SIZE, r->text + LJ_BATCH_BYTES_MAX);
    }
    if (len >= 3 && memcmp(r->text, "\xEF\xBB\xBF", 3) == 0) {
        return refuse(r, LJ_JSON_BOM, r->text);
    }
    skip_space(r);
    const uint8_t *value = r->p;
    int rc = read_value(r, ret_type);
    if (rc != 0) {
        return rc;
    }
    if (*ret_type != LJ_JSON_OBJECT && !r->req->any_top) {
        return refuse(r, LJ_JSON_TOP, value);
    }
    skip_space(r);
    return r->p < r->end ? refuse_here(r, LJ_JSON_TRAILING) : 0;
}

int lj_json_scan(const struct lj_json_request *req, const char *text, size_t len,
                 struct lj_json_scratch *s, struct lj_json_value *ret_values,
                 struct lj_json_result *ret, struct lj_json_error *err)
{
    const uint8_t *bytes = (const uint8_t *)text;
    struct reader r = {.text = bytes,
                       .p = bytes,
                       .end = bytes + len,
                       .req = req,
                       .s = s,
                       .values = ret_values,
                       .ret = ret,
                       .err = err};
    ret->has_unknown = false;
    start(&r);
    int rc = read_text(&r, &ret->type);
    if (rc != 0) {
        return rc;
    }
    ret->canonical = req->canonical ? (const char *)s->out.data : NULL;
    ret->canonical_len = req->canonical ? s->out.len : 0;
    return 0;
}
