/* What the gateway knows of units and event types: a snapshot of the database's directory, replaced
 * as a whole. */
#ifndef LJ_GATEWAY_DIRECTORY_H
#define LJ_GATEWAY_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "proto/wire.h"

#define LJ_UNIT_NONE (-1)

struct lj_unit {
    int16_t number, parent; /* parent LJ_UNIT_NONE at the root */
    char code[LJ_UNIT_CODE_LEN + 1];
};
struct lj_event_type {
    char name[64];
    int16_t number;
    uint16_t schema_version;
    uint8_t origin; /* enum lj_origin */
    uint32_t roles; /* of persons who may send it: LJ_PERSON_BIT of common/who.h */
};

struct lj_directory;

/* Build: new, add everything, seal; a sealed directory is read only. An entry with a name or number
 * already there is an error. */
struct lj_directory *lj_directory_new(void);
LJ_MUST int lj_directory_add_unit(struct lj_directory *d, const struct lj_unit *u,
                                  struct lj_err *err);
LJ_MUST int lj_directory_add_type(struct lj_directory *d, const struct lj_event_type *t,
                                  struct lj_err *err);
LJ_MUST int lj_directory_seal(struct lj_directory *d, struct lj_err *err);
void lj_directory_free(struct lj_directory **d);

size_t lj_directory_units(const struct lj_directory *d);
/* By code; LJ_UNIT_NONE when there is none. */
int lj_directory_unit(const struct lj_directory *d, const char *code, size_t len);
/* A known unit's code (borrowed from the directory); "" for an unknown number. */
const char *lj_directory_code(const struct lj_directory *d, int unit);
/* Is `unit` the root or below it? Bounded, whatever loops the data may have. */
bool lj_directory_within(const struct lj_directory *d, int unit, int root);
/* By name; NULL when there is none. Valid as long as the directory. */
const struct lj_event_type *lj_directory_type(const struct lj_directory *d, const char *name,
                                              size_t len);

#endif
