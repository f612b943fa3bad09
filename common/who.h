/* Who sent an event: its `source`, taken apart. */
#ifndef LJ_COMMON_WHO_H
#define LJ_COMMON_WHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LJ_WHO_ACCOUNT = 32, LJ_WHO_UNIT = 5, LJ_WHO_TEXT = 64 }; /* bytes, without the NUL */

/* Roles of persons; LJ_PERSON_NONE is a machine's token, a worker, an operator's tool. */
enum lj_person {
    LJ_PERSON_NONE = 0,
#define LJ_PERSON(number, name, scope, zh) LJ_PERSON_##name = (number),
#include "common/persons.def"
#undef LJ_PERSON
    LJ_PERSONS
};

#define LJ_PERSON_BIT(role) (UINT32_C(1) << (role))

struct lj_who {
    char account[LJ_WHO_TEXT + 1]; /* of a person the login, else the whole source */
    char
        unit[LJ_WHO_UNIT + 1]; /* code of the unit whose subtree is the role's; "" without a role */
    enum lj_person role;
};

/* "NAME" of an enum value; "" of LJ_PERSON_NONE. */
const char *lj_person_name(enum lj_person role);
/* LJ_PERSON_NONE where the word is no role. */
enum lj_person lj_person_of(const char *word, size_t len);
/* May the role belong to this unit's account? centre: the unit is CN000. */
bool lj_person_fits(enum lj_person role, bool centre);

/* Take a source apart. Any text has an answer: what is not ACCOUNT:ROLE@UNIT is an account without
 * a role. A text longer than LJ_WHO_TEXT is cut. */
void lj_who_parse(const char *source, size_t len, struct lj_who *ret);
/* The source of a person's event: ACCOUNT:ROLE@UNIT, or ACCOUNT alone without a role.
 * Returns its length; at most LJ_WHO_TEXT bytes and a NUL are written. */
size_t lj_who_format(const char *account, enum lj_person role, const char *unit,
                     char ret[LJ_WHO_TEXT + 1]);
/* Two persons? Whoever has no name is nobody else than anybody. */
bool lj_who_differ(const struct lj_who *a, const struct lj_who *b);

#endif
