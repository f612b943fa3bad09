/* The letter's table of managing units, as built in (db/seed/units.tsv). */
#ifndef LJ_CTL_UNITS_H
#define LJ_CTL_UNITS_H

#include <stddef.h>

#include "common/err.h"

struct lj_unit {
    int number;     /* in the letter's table, 1..51: the digits of the code */
    char code[8];   /* "PS001" */
    char id[40];    /* of the event that registers it */
    char kind[16];  /* PROVINCE, GAS_UNIT, NATIONAL_ORG */
    char region[8]; /* GB/T 2260, "" where none */
    char name[128];
};

enum { LJ_UNITS_MAX = 1024 };

/* All units of the built-in table in its order; ret is an array of at most cap. errors: LJ_E_CONFIG
 * for a malformed line. */
LJ_MUST int lj_units_embedded(struct lj_unit *ret, size_t cap, size_t *ret_n, struct lj_err *err);

/* The heading of the letter's column for a kind, in Chinese; the kind itself where the letter has
 * none. index (may be NULL) = its column, 0..2, or 3. */
const char *lj_unit_class(const char *kind, int *ret_index);

#endif
