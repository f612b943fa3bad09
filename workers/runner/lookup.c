/* Registers as of a position.
 *
 * Acceptance is judged by the registers as they stood at the event's position, and events of a
 * batch have different positions. So all versions of a code are kept, and the one with the greatest
 * position not above the event's is picked here. What was read stays from batch to batch
 * (lookup_cache.c) until register_log says that something about it is new (lookup_sql.c). Units and
 * policies are few and are kept whole.
 *
 * Guarantees: nothing is written; a row above the event's position is never looked at, so a replay
 * with the same log gives the same answers; memory is bounded by the two limits below and one
 * batch's needs.
 */
#include "workers/runner/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "workers/runner/lookup_part.h"

enum {
    UNIT_DEPTH_MAX = 16,   /* walk up no further: the register keeps units at most 3 deep */
    ENTRIES_KEPT = 120000, /* about 14 MB: the field's 100,000 codes and some */
    ROWS_KEPT = 300000,    /* at most 22 MB */
};

/* ---- codes ---- */

static int code_char(char c, int first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (!first && (c == '.' || c == '_' || c == '-'));
}

/* Copies with full-width digits (U+FF10..U+FF19, EF BC 90..99) as digits. 0 if it is too long. */
static int normalise(const char *text, char *out, size_t room)
{
    size_t n = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (n + 1 >= room)
            return 0;
        if (c[0] == 0xEF && c[1] == 0xBC && c[2] >= 0x90 && c[2] <= 0x99) {
            out[n++] = (char)('0' + c[2] - 0x90);
            c += 2;
        } else {
            out[n++] = (char)*c;
        }
    }
    out[n] = '\0';
    return 1;
}

/* Reads a reference; 0 if it can be no register code. Whether there is such a unit shows when the
 * code is looked for. */
static int read_ref(const char *text, const char *own_unit, struct lj_ref *ret)
{
    enum { UNIT_CODE = 5 };
    char plain[UNIT_CODE + 1 + LJ_CODE_MAX + 1];
    if (!normalise(text, plain, sizeof plain))
        return 0;
    const char *code = plain, *unit = own_unit;
    for (char *c = plain; *c; c++)
        if (*c == '/' || *c == ':') {
            *c = '\0';
            unit = plain;
            code = c + 1;
            break;
        }
    size_t n = strlen(code);
    if (n == 0 || n > LJ_CODE_MAX || strlen(unit) != UNIT_CODE)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (!code_char(code[i], i == 0))
            return 0;
    memset(ret, 0, sizeof *ret);
    memcpy(ret->unit, unit, UNIT_CODE);
    memcpy(ret->code, code, n);
    return 1;
}

int lj_lookup_need(struct lj_lookup *lk, enum lj_lookup_what what, const char *text,
                   const char *own_unit, uint32_t *ret_entry, struct lj_err *err)
{
    struct lj_ref ref;
    *ret_entry = 0;
    if (!text || !read_ref(text, own_unit, &ref))
        return 0;
    *ret_entry = lj_cache_entry(lk, what, &ref, err);
    return *ret_entry ? lj_cache_ask(lk, *ret_entry, err) : LJ_E_NOMEM;
}

/* ---- answers ---- */

/* The last row of the version in force at p. */
const struct lj_lookup_row *lj_lookup_at(const struct lj_lookup *lk, uint32_t entry, int64_t p)
{
    if (!entry)
        return NULL;
    const struct lj_entry *e = lj_cache_at(lk, entry);
    for (uint32_t i = e->nrows; i-- > 0;)
        if (e->rows[i].position <= p)
            return &e->rows[i];
    return NULL;
}

int lj_lookup_team_active(const struct lj_lookup *lk, uint32_t team, int32_t day, int64_t p)
{
    const struct lj_lookup_row *last = lj_lookup_at(lk, team, p);
    if (!last || day < last->from || day > last->to)
        return 0;
    const struct lj_lookup_row *first = lj_cache_at(lk, team)->rows;
    for (const struct lj_lookup_row *r = last; r->position == last->position; r--) {
        if (day >= r->paused_from && day <= r->paused_to)
            return 0;
        if (r == first)
            break;
    }
    return 1;
}

int lj_lookup_membership(const struct lj_lookup *lk, uint32_t person, int32_t team, int32_t day,
                         int64_t p, struct lj_membership *ret)
{
    if (!person)
        return 0;
    const struct lj_entry *e = lj_cache_at(lk, person);
    const struct lj_member_row *held = NULL, *end = e->members + e->nmembers;
    for (const struct lj_member_row *r = e->members; r < end; r++) {
        if (r->team != team || r->position > p)
            continue;
        int last = r + 1 == end || r[1].number != r->number || r[1].position > p;
        if (last && day >= r->from && day <= r->to)
            held = r;
    }
    if (!held)
        return 0;
    *ret = (struct lj_membership){
        .role = held->role, .status = held->status, .from = held->from, .to = held->to};
    return 1;
}

int lj_lookup_injured(const struct lj_lookup *lk, int32_t person, int32_t day, int64_t p)
{
    size_t lo = 0, hi = lk->injuries.count;
    if (hi == 0)
        return 0;
    const struct lj_injury_row *x = lk->injuries.data, *end = x + hi;
    while (lo < hi) { /* the person's first row */
        size_t mid = lo + (hi - lo) / 2;
        if (x[mid].person < person)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (x += lo; x < end && x->person == person; x++) {
        int last = x + 1 == end || x[1].number != x->number || x[1].position > p;
        if (x->position <= p && last && day >= x->from && day <= x->to)
            return 1;
    }
    return 0;
}

int lj_lookup_is_holiday(const struct lj_lookup *lk, int32_t day, int64_t p)
{
    int64_t set = -1; /* position of the year's version in force */
    for (size_t i = 0; i < lk->holidays.count; i++) {
        const struct lj_holiday_row *h = (const struct lj_holiday_row *)lk->holidays.data + i;
        if (h->position > p || day < h->first || day > h->last)
            continue;
        if (set >= 0 && h->position != set)
            return 0;
        set = h->position;
        if (h->day == day)
            return 1;
    }
    return 0;
}

int lj_lookup_window(const struct lj_lookup *lk, int16_t unit, int32_t day, int64_t p)
{
    for (size_t i = 0; i < lk->windows.count; i++) {
        const struct lj_window_row *w = (const struct lj_window_row *)lk->windows.data + i;
        if (w->position <= p && day >= w->from && day <= w->to &&
            lj_lookup_in_subtree(lk, unit, w->unit, p))
            return 1;
    }
    return 0;
}

/* The unit's version at p, NULL when it was not registered then. */
static const struct lj_unit_row *unit_at(const struct lj_lookup *lk, int16_t number, int64_t p)
{
    const struct lj_unit_row *u = lk->units.data;
    size_t lo = 0, hi = lk->units.count;
    while (lo < hi) { /* the first one above (number, p) */
        size_t mid = lo + (hi - lo) / 2;
        if (u[mid].number < number || (u[mid].number == number && u[mid].position <= p))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 && u[lo - 1].number == number ? &u[lo - 1] : NULL;
}

int lj_lookup_parent(const struct lj_lookup *lk, int16_t unit, int64_t p)
{
    const struct lj_unit_row *u = unit_at(lk, unit, p);
    return u ? u->parent : -1;
}

int lj_lookup_unit_closed(const struct lj_lookup *lk, int16_t unit, int64_t p)
{
    const struct lj_unit_row *u = unit_at(lk, unit, p);
    return u && u->closed;
}

int lj_lookup_in_subtree(const struct lj_lookup *lk, int16_t unit, int16_t root, int64_t p)
{
    if (!unit_at(lk, unit, p))
        return 0;
    int up = unit;
    for (int depth = 0; depth < UNIT_DEPTH_MAX && up >= 0; depth++) {
        if (up == root)
            return 1;
        up = lj_lookup_parent(lk, (int16_t)up, p);
    }
    return 0;
}

/* Of one scope object: the highest version that is known at p and in force on the day. */
static const struct lj_policy_row *policy_of(const struct lj_lookup *lk, int32_t scope, int32_t key,
                                             int32_t day, int64_t p)
{
    const struct lj_policy_row *r = lk->policies.data, *end = r + lk->policies.count;
    size_t lo = 0, hi = lk->policies.count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r[mid].scope < scope || (r[mid].scope == scope && r[mid].key < key))
            lo = mid + 1;
        else
            hi = mid;
    }
    for (r += lo; r < end && r->scope == scope && r->key == key; r++)
        if (r->position <= p && day >= r->from && day <= r->to)
            return r;
    return NULL;
}

const struct lj_policy_terms *lj_lookup_policy(const struct lj_lookup *lk, int16_t unit,
                                               int32_t team, int32_t day, int64_t p)
{
    if (lk->policies.count == 0)
        return NULL;
    const struct lj_policy_row *best = policy_of(lk, LJ_POLICY_TEAM, team, day, p);
    int up = unit;
    for (int depth = 0; depth <= UNIT_DEPTH_MAX; depth++) { /* the last round is the nation */
        int nation = up < 0 || depth == UNIT_DEPTH_MAX;
        const struct lj_policy_row *r = nation ? policy_of(lk, LJ_POLICY_NATION, 0, day, p)
                                               : policy_of(lk, LJ_POLICY_UNIT, up, day, p);
        if (r && (!best || r->terms.athlete_min > best->terms.athlete_min))
            best = r;
        if (nation)
            break;
        up = lj_lookup_parent(lk, (int16_t)up, p);
    }
    return best ? &best->terms : NULL;
}

/* ---- life ---- */

struct lj_fetch *lj_lookup_reader(struct lj_lookup *lk)
{
    return lk->reader;
}

void lj_lookup_begin(struct lj_lookup *lk)
{
    lj_fetch_forget(lk->reader); /* a batch that failed half-way may have left statements */
    if (lk->entries.count > ENTRIES_KEPT || lk->rows_held > ROWS_KEPT)
        lj_cache_clear(lk);
    lk->batch++;
}

int lj_lookup_open(const char *dsn, const char *application_name, struct lj_lookup **ret,
                   struct lj_err *err)
{
    struct lj_lookup *lk = calloc(1, sizeof *lk);
    if (!lk)
        return lj_fail(err, LJ_E_NOMEM, "no memory for lookups");
    lk->seen = -1;
    lk->entries.size = sizeof(struct lj_entry);
    lk->units.size = sizeof(struct lj_unit_row);
    lk->policies.size = sizeof(struct lj_policy_row);
    lk->injuries.size = sizeof(struct lj_injury_row);
    lk->holidays.size = sizeof(struct lj_holiday_row);
    lk->windows.size = sizeof(struct lj_window_row);
    lk->news.size = sizeof(int64_t);
    for (size_t w = 0; w < LJ_LOOKUP_WHATS; w++)
        lk->asked[w].size = sizeof(uint32_t);
    int rc = lj_fetch_open(dsn, application_name, &lk->reader, err);
    if (rc < 0) {
        lj_lookup_close(&lk);
        return rc;
    }
    *ret = lk;
    return 0;
}

void lj_lookup_close(struct lj_lookup **lkp)
{
    struct lj_lookup *lk = *lkp;
    if (!lk)
        return;
    lj_fetch_close(&lk->reader);
    lj_cache_clear(lk);
    free(lk->slots);
    free(lk->entries.data);
    free(lk->units.data);
    free(lk->policies.data);
    free(lk->injuries.data);
    free(lk->holidays.data);
    free(lk->windows.data);
    free(lk->news.data);
    for (size_t w = 0; w < LJ_LOOKUP_WHATS; w++)
        free(lk->asked[w].data);
    free(lk);
    *lkp = NULL;
}
