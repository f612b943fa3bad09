/* Attachments and risk of a body: objects with members of their own.
 *
 * An attachment is a reference of the sender's own (a text, as ever), or an object that says what
 * the file is: hash, type and bytes, and where they are known the time it was taken, a perceptual
 * hash (`sight`), and whether minors can be recognised and consent was given. The files themselves
 * never pass through here; nothing that is said of them is checked against them.
 *
 * Members are read one by one; what is wrong is a V01 or V25 reason with its pointer, and reading
 * goes on, so all reasons come at once.
 */
#include "workers/validation/body_part.h"

#include <string.h>

#include "common/timefmt.h"

const char *const lj_alert_words[] = {"NONE", "BLUE", "YELLOW", "ORANGE", "RED", NULL};
static const char *const photo_words[] = {"JPEG", "PNG", "PDF", NULL};

static int is_bool(const struct lj_tree *value)
{
    return value->type == LJ_TREE_TRUE || value->type == LJ_TREE_FALSE;
}

/* ---- attachments ---- */

static int is_hex(const struct lj_tree *value, size_t digits)
{
    const char *text = lj_tree_text(value);
    return text && value->len == digits && strspn(text, "0123456789abcdef") == digits;
}

/* What a member of an attachment or of risk is found to be: a clause that it breaks, LJ_CLAUSES if
 * it is right, SAID if it is wrong and the reason has been added. */
enum { SAID = LJ_CLAUSES + 1 };

static int bounded_text(const struct lj_tree *v, const char *parent, int64_t min, int64_t max,
                        int lines, struct lj_reasons *out)
{
    char pointer[64];
    (void)snprintf(pointer, sizeof pointer, "%s/%s", parent, v->name);
    return lj_body_text(v, pointer, min, max, lines, out) ? LJ_CLAUSES : SAID;
}

static int read_photo_member(const struct lj_tree *v, const char *parent, struct lj_photo *p,
                             struct lj_reasons *out)
{
    static const char *const names[] = {"hash",     "type",   "bytes",   "name", "sight",
                                        "taken_at", "minors", "consent", NULL};
    enum { LONGEST_NAME = 200, SIGHT = 16 };
    switch (lj_word_place(names, v->name)) {
    case 0:
        p->hash = lj_tree_text(v);
        return is_hex(v, LJ_PHOTO_HASH) ? LJ_CLAUSES : LJ_CLAUSE_V25_HASH;
    case 1:
        return lj_tree_text(v) && lj_word_place(photo_words, lj_tree_text(v)) >= 0
                   ? LJ_CLAUSES
                   : LJ_CLAUSE_V25_TYPE;
    case 2:
        p->bytes = v->integer;
        p->has_bytes = lj_tree_is(v, LJ_TREE_INT) && v->integer > 0;
        return p->has_bytes ? LJ_CLAUSES : LJ_CLAUSE_V01_TYPE;
    case 3:
        return bounded_text(v, parent, 1, LONGEST_NAME, 0, out);
    case 4:
        p->sight = lj_tree_text(v);
        return is_hex(v, SIGHT) ? LJ_CLAUSES : LJ_CLAUSE_V25_HASH;
    case 5:
        p->has_taken =
            lj_tree_text(v) && lj_time_parse(lj_tree_text(v), v->len, &p->taken_us, NULL) == 0;
        return p->has_taken ? LJ_CLAUSES : LJ_CLAUSE_V01_TIME;
    case 6:
        p->minors = v->type == LJ_TREE_TRUE;
        return is_bool(v) ? LJ_CLAUSES : LJ_CLAUSE_V01_TYPE;
    case 7:
        p->consent = v->type == LJ_TREE_TRUE;
        return is_bool(v) ? LJ_CLAUSES : LJ_CLAUSE_V01_TYPE;
    default:
        return LJ_CLAUSE_V01_UNKNOWN;
    }
}

/* {hash, type, bytes, ...}: the first three are required. */
static int read_photo(size_t i, const struct lj_tree *value, struct lj_photo *p,
                      struct lj_reasons *out)
{
    static const char *const required[] = {"hash", "type", "bytes"};
    char parent[32];
    int right = 1;
    *p = (struct lj_photo){.place = i};
    (void)snprintf(parent, sizeof parent, "/attachments/%zu", i);
    for (const struct lj_tree *v = value->first; v; v = v->next) {
        int fault = read_photo_member(v, parent, p, out);
        right &= fault == LJ_CLAUSES;
        if (fault < LJ_CLAUSES)
            lj_reasons_add_member(out, (enum lj_clause)fault, parent, v->name);
    }
    for (size_t k = 0; k < sizeof required / sizeof required[0]; k++)
        if (!lj_tree_get(value, required[k])) {
            lj_reasons_add(out, LJ_CLAUSE_V01_MISSING, 0, 0, "%s/%s", parent, required[k]);
            right = 0;
        }
    return right;
}

int lj_part_attachments(const struct lj_tree *value, struct lj_body *body, struct lj_reasons *out)
{
    enum { TEXT_MAX = 500 };
    int right = 1;
    size_t i = 0;
    if (value->count > LJ_PHOTOS_MAX) {
        lj_reasons_add(out, LJ_CLAUSE_V25_COUNT, LJ_PHOTOS_MAX, 0, "/attachments");
        return 0;
    }
    for (const struct lj_tree *v = value->first; v; v = v->next, i++) {
        char pointer[32];
        (void)snprintf(pointer, sizeof pointer, "/attachments/%zu", i);
        if (!lj_tree_is(v, LJ_TREE_OBJECT))
            right &= lj_body_text(v, pointer, 1, TEXT_MAX, 0, out) != NULL;
        else if (read_photo(i, v, &body->photos[body->nphotos], out))
            body->nphotos++;
        else
            right = 0;
    }
    return right;
}

/* ---- risk ---- */

static int read_risk_member(const struct lj_tree *v, struct lj_risk *r, struct lj_reasons *out)
{
    static const char *const names[] = {"insurance", "medic",         "plan_ref",    "outdoor",
                                        "celsius",   "weather_alert", "safety_note", NULL};
    enum { PLAN_MAX = 40, NOTE_MIN = 2, NOTE_MAX = 500, COLDEST = -60, HOTTEST = 60 };
    int place = lj_word_place(names, v->name);
    switch (place) {
    case 0:
    case 1:
        return is_bool(v) ? LJ_CLAUSES : LJ_CLAUSE_V01_TYPE;
    case 2:
        return bounded_text(v, "/risk", 1, PLAN_MAX, 0, out);
    case 3:
        r->outdoor = v->type == LJ_TREE_TRUE;
        return is_bool(v) ? LJ_CLAUSES : LJ_CLAUSE_V01_TYPE;
    case 4:
        if (!lj_tree_is(v, LJ_TREE_INT))
            return LJ_CLAUSE_V01_TYPE;
        r->celsius = v->integer;
        r->has_celsius = v->integer >= COLDEST && v->integer <= HOTTEST;
        if (!r->has_celsius)
            lj_reasons_add(out, LJ_CLAUSE_V01_RANGE, COLDEST, HOTTEST, "/risk/celsius");
        return r->has_celsius ? LJ_CLAUSES : SAID;
    case 5:
        r->alert = lj_tree_text(v) ? lj_word_place(lj_alert_words, lj_tree_text(v)) : -1;
        return r->alert >= 0 ? LJ_CLAUSES : LJ_CLAUSE_V01_WORD;
    case 6:
        r->has_note = 1;
        return bounded_text(v, "/risk", NOTE_MIN, NOTE_MAX, 1, out);
    default:
        return LJ_CLAUSE_V01_UNKNOWN;
    }
}

int lj_part_risk(const struct lj_tree *value, struct lj_risk *ret, struct lj_reasons *out)
{
    int right = 1;
    for (const struct lj_tree *v = value->first; v; v = v->next) {
        int fault = read_risk_member(v, ret, out);
        right &= fault == LJ_CLAUSES;
        if (fault < LJ_CLAUSES)
            lj_reasons_add_member(out, (enum lj_clause)fault, "/risk", v->name);
    }
    return right;
}
