/* What the broker knows of the field: event types, kinds and units, as rows of tables. It knows no
 * rule. */
#ifndef LJ_BROKER_CATALOG_H
#define LJ_BROKER_CATALOG_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "proto/wire.h"

#define LJ_KINDS_MAX 32
#define LJ_TYPES_MAX 255  /* a type's index fits a byte of struct lj_item */
#define LJ_UNITS_MAX 4096 /* numbers below this; the field plans for about 120 */
#define LJ_WORD_MAX  63

enum lj_key_rule { LJ_KEY_ID, LJ_KEY_CONST, LJ_KEY_PAYLOAD };
enum lj_ordering { LJ_ORDER_NONE, LJ_ORDER_KEY, LJ_ORDER_POSITION };

struct lj_type {
    char name[LJ_WORD_MAX + 1];
    char key_word[LJ_WORD_MAX + 1]; /* of LJ_KEY_CONST and LJ_KEY_PAYLOAD */
    enum lj_key_rule key_rule;
    int16_t number;
    uint16_t schema_version;
    uint8_t origin; /* enum lj_origin */
    uint8_t class;
    uint32_t roles; /* of persons who may send it: LJ_PERSON_BIT of common/who.h */
    int64_t
        from[LJ_KINDS_MAX]; /* by kind index: wanted past this position; INT64_MAX = not wanted */
};

struct lj_kind {
    char name[LJ_WORD_MAX + 1];
    char apply[LJ_WORD_MAX + 1]; /* "" = closing is all */
    char result[LJ_WORD_MAX + 1];
    char settle[LJ_WORD_MAX + 1];
    int16_t number;
    enum lj_ordering ordering;
    int single;
    int after; /* index of the gate's kind, -1 = none */
    int after_verdict;
    int barrier; /* index, -1 = none */
    int follow_on_max;
    int feeds_directory;
    int apply_args; /* parameters of the apply function, the standard four included */
    int looks_back; /* in a replay, see lj_backlog_take(): an event of a constant key may be about
                     * what any earlier event of the kind has written */
};

struct lj_unit {
    char code[LJ_UNIT_CODE_LEN + 1];
    int16_t number;
    int16_t parent; /* number, -1 = none */
};

struct lj_catalog {
    struct lj_type types[LJ_TYPES_MAX];
    size_t ntypes;
    struct lj_kind kinds[LJ_KINDS_MAX];
    size_t nkinds;
    int replay; /* the log is a copy: nothing is appended, settlements follow its steps */
    struct lj_unit *units; /* sorted by code */
    size_t nunits;
    const struct lj_unit **by_number; /* LJ_UNITS_MAX entries */
};

/* Read the three tables (blocking; called off the loop). */
LJ_MUST int lj_catalog_load(PGconn *c, struct lj_catalog **ret, struct lj_err *err);
/* Replace the units by the rows of a `select number, code, parent from unit_directory` (binary
 * results). On failure the old ones stay. */
LJ_MUST int lj_catalog_units(struct lj_catalog *c, const PGresult *r, struct lj_err *err);
void lj_catalog_free(struct lj_catalog **c);

/* In a replay also the units that are still to be registered: their events are there already. */
#define LJ_SQL_UNITS                                                                               \
    "select d.number, d.code, d.parent from (select number, code, coalesce(parent, -1::int2) as "  \
    "parent from unit_directory where number >= 0 union all select r.number, r.code, -1::int2 "    \
    "from replay_unit r where not exists (select from unit u where u.number = r.number or u.code " \
    "= r.code)) d order by d.code collate \"C\""

int lj_catalog_type(const struct lj_catalog *c, struct lj_slice name);  /* index, -1 */
int lj_catalog_type_number(const struct lj_catalog *c, int16_t number); /* index, -1 */
int lj_catalog_kind(const struct lj_catalog *c, struct lj_slice name);  /* index, -1 */
const struct lj_unit *lj_catalog_unit(const struct lj_catalog *c, struct lj_slice code); /* NULL */
const struct lj_unit *lj_catalog_unit_number(const struct lj_catalog *c, int number);    /* NULL */
int lj_catalog_within(const struct lj_catalog *c, const struct lj_unit *unit,
                      int root); /* unit is root or below it */
int lj_catalog_wants(const struct lj_catalog *c, int type, size_t kind, int64_t position);

#endif
