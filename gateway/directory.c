/* The directory: units and event types by name.
 *
 * Both are small (hundreds) and read on every event, so each is one sorted array with a binary
 * search, and the tree of units an array of parents by number: "may this token act for that unit"
 * is a walk of two or three steps. A snapshot is built beside the old one and put in its place when
 * it is complete: no reader ever sees half a directory, and a failed load leaves the old one
 * standing. */
#include "gateway/directory.h"

#include <stdlib.h>
#include <string.h>

enum {
    NUMBERS = 32768, /* int2, not negative */
    LEVELS_MAX = 16, /* the field's tree has three; more is a loop in the data */
};

struct lj_directory {
    struct lj_unit *units;
    size_t n_units, cap_units;
    struct lj_event_type *types;
    size_t n_types, cap_types;
    int16_t *parent; /* by number; -2 = no such unit */
    int16_t *index;  /* by number: place in units, once sealed */
};

struct lj_directory *lj_directory_new(void)
{
    struct lj_directory *d = calloc(1, sizeof *d);
    if (!d) {
        return NULL;
    }
    d->parent = malloc(NUMBERS * sizeof *d->parent);
    d->index = calloc(NUMBERS, sizeof *d->index);
    if (!d->parent || !d->index) {
        lj_directory_free(&d);
        return NULL;
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        d->parent[i] = -2;
    }
    return d;
}

void lj_directory_free(struct lj_directory **dp)
{
    struct lj_directory *d = *dp;
    if (!d) {
        return;
    }
    *dp = NULL;
    free(d->units);
    free(d->types);
    free(d->parent);
    free(d->index);
    free(d);
}

static void *grown(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        return p;
    }
    size_t want = *cap ? *cap * 2 : 64;
    void *q = reallocarray(p, want, size);
    if (q) {
        *cap = want;
    }
    return q;
}

int lj_directory_add_unit(struct lj_directory *d, const struct lj_unit *u, struct lj_err *err)
{
    if (u->number < 0 || d->parent[u->number] != -2) {
        return lj_fail(err, LJ_E_ARG, "unit number %d is negative or there twice", u->number);
    }
    struct lj_unit *units = grown(d->units, d->n_units, &d->cap_units, sizeof *units);
    if (!units) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu units", d->n_units + 1);
    }
    d->units = units;
    d->units[d->n_units++] = *u;
    d->parent[u->number] = u->parent;
    return 0;
}

int lj_directory_add_type(struct lj_directory *d, const struct lj_event_type *t, struct lj_err *err)
{
    struct lj_event_type *types = grown(d->types, d->n_types, &d->cap_types, sizeof *types);
    if (!types) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu event types", d->n_types + 1);
    }
    d->types = types;
    d->types[d->n_types++] = *t;
    return 0;
}

static int by_code(const void *a, const void *b)
{
    return strcmp(((const struct lj_unit *)a)->code, ((const struct lj_unit *)b)->code);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lj_event_type *)a)->name, ((const struct lj_event_type *)b)->name);
}

int lj_directory_seal(struct lj_directory *d, struct lj_err *err)
{
    if (d->n_units) {
        qsort(d->units, d->n_units, sizeof *d->units, by_code);
    }
    if (d->n_types) {
        qsort(d->types, d->n_types, sizeof *d->types, by_name);
    }
    for (size_t i = 1; i < d->n_units; i++) {
        if (by_code(&d->units[i - 1], &d->units[i]) == 0) {
            return lj_fail(err, LJ_E_ARG, "unit %s is there twice", d->units[i].code);
        }
    }
    for (size_t i = 0; i < d->n_units; i++) {
        d->index[d->units[i].number] = (int16_t)i;
    }
    return 0;
}

size_t lj_directory_units(const struct lj_directory *d)
{
    return d->n_units;
}

int lj_directory_unit(const struct lj_directory *d, const char *code, size_t len)
{
    struct lj_unit key;
    if (len == 0 || len >= sizeof key.code || memchr(code, 0, len) || !d->n_units) {
        return LJ_UNIT_NONE;
    }
    memcpy(key.code, code, len);
    key.code[len] = '\0';
    const struct lj_unit *u = bsearch(&key, d->units, d->n_units, sizeof *d->units, by_code);
    return u ? u->number : LJ_UNIT_NONE;
}

const char *lj_directory_code(const struct lj_directory *d, int unit)
{
    if (unit < 0 || unit >= NUMBERS || d->parent[unit] == -2) {
        return "";
    }
    return d->units[d->index[unit]].code;
}

bool lj_directory_within(const struct lj_directory *d, int unit, int root)
{
    for (int level = 0; level < LEVELS_MAX && unit >= 0 && unit < NUMBERS; level++) {
        if (d->parent[unit] == -2) {
            return false;
        }
        if (unit == root) {
            return true;
        }
        unit = d->parent[unit];
    }
    return false;
}

const struct lj_event_type *lj_directory_type(const struct lj_directory *d, const char *name,
                                              size_t len)
{
    struct lj_event_type key;
    if (len == 0 || len >= sizeof key.name || memchr(name, 0, len) || !d->n_types) {
        return NULL;
    }
    memcpy(key.name, name, len);
    key.name[len] = '\0';
    return bsearch(&key, d->types, d->n_types, sizeof *d->types, by_name);
}
