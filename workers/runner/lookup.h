/* Registers as of a position, for a batch: a kind says which codes it needs, one query a register
 * fetches them, and the row that held at an event's position is picked in memory. Read-only; for
 * kinds with `barrier` on register, so that nothing below p is missing. */
#ifndef LJ_WORKERS_RUNNER_LOOKUP_H
#define LJ_WORKERS_RUNNER_LOOKUP_H

#include <stdint.h>

#include "common/db.h"

#define LJ_CODE_MAX      40 /* source: domain register_code in db/migrations/0002_registers.sql */
#define LJ_DAY_OPEN_FROM INT32_MIN /* first day of a span without one */
#define LJ_DAY_OPEN_TO   INT32_MAX

/* Days are days since 2000-01-01, as PostgreSQL's date. */
struct lj_lookup;

enum lj_lookup_what { LJ_LOOKUP_TEAM, LJ_LOOKUP_PERSON, LJ_LOOKUP_SITE, LJ_LOOKUP_WHATS };
enum lj_member_role { LJ_MEMBER_ATHLETE = 1, LJ_MEMBER_COACH, LJ_MEMBER_OFFICIAL, LJ_MEMBER_STAFF };
enum lj_member_status {
    LJ_MEMBER_FORMAL = 1,
    LJ_MEMBER_TRIAL,
    LJ_MEMBER_TRAINEE,
    LJ_MEMBER_RETIRED,
    LJ_MEMBER_LEFT
};
/* In the order of site_version's check. */
enum lj_site_kind {
    LJ_SITE_KINDERGARTEN = 1,
    LJ_SITE_PRIMARY,
    LJ_SITE_MIDDLE,
    LJ_SITE_SENIOR,
    LJ_SITE_NINE_YEAR,
    LJ_SITE_SPECIAL_ED,
    LJ_SITE_VOCATIONAL,
    LJ_SITE_COMMUNITY,
    LJ_SITE_VILLAGE,
    LJ_SITE_ELDER_CARE,
    LJ_SITE_ELDER_UNIV,
    LJ_SITE_PARK,
    LJ_SITE_STADIUM,
    LJ_SITE_TRAINING_BASE,
    LJ_SITE_UNIVERSITY,
    LJ_SITE_COMPANY,
    LJ_SITE_MALL,
    LJ_SITE_SCENIC,
    LJ_SITE_BARRACKS,
    LJ_SITE_OTHER
};

/* A code as payloads write it: "CODE" (of the event's own unit) or "UNIT/CODE"; "UNIT:CODE" is
 * taken too. Filled by lj_lookup_ref. */
struct lj_ref {
    int16_t unit;
    char code[LJ_CODE_MAX + 1];
};

struct lj_membership {
    int role, status; /* enum lj_member_role, enum lj_member_status */
    int32_t from, to;
};

/* errors: LJ_E_DB_SYSTEM, LJ_E_NOMEM */
LJ_MUST int lj_lookup_open(const char *dsn, const char *application_name, struct lj_lookup **ret,
                           struct lj_err *err);
void lj_lookup_close(struct lj_lookup **lk);
/* Its connection, for a kind's own queries. */
PGconn *lj_lookup_pg(struct lj_lookup *lk);

/* Starts a batch whose greatest position is `upto`: forgets needs and rows, brings the units up to
 * date. errors: LJ_E_DB_LOST, LJ_E_DB_SYSTEM, LJ_E_NOMEM */
LJ_MUST int lj_lookup_begin(struct lj_lookup *lk, int64_t upto, struct lj_err *err);

/* Reads a reference. Returns 0 if that is no register code or the unit is unknown at p. */
int lj_lookup_ref(const struct lj_lookup *lk, const char *text, int16_t own_unit, int64_t p,
                  struct lj_ref *ret);

/* Asks for a code, or for a person's memberships (which come with the person). errors: LJ_E_NOMEM
 */
LJ_MUST int lj_lookup_need(struct lj_lookup *lk, enum lj_lookup_what what, const struct lj_ref *ref,
                           struct lj_err *err);
/* Fetches what was asked for. errors: LJ_E_DB_LOST, LJ_E_DB_SYSTEM, LJ_E_NOMEM */
LJ_MUST int lj_lookup_fetch(struct lj_lookup *lk, struct lj_err *err);

/* The number behind a code at position p; 0 = not in the register. */
int32_t lj_lookup_number(const struct lj_lookup *lk, enum lj_lookup_what what,
                         const struct lj_ref *ref, int64_t p);
/* 1 if the team is ACTIVE on that day, by the register at p. */
int lj_lookup_team_active(const struct lj_lookup *lk, const struct lj_ref *team, int32_t day,
                          int64_t p);
/* enum lj_site_kind at p; 0 = not in the register. */
int lj_lookup_site_kind(const struct lj_lookup *lk, const struct lj_ref *site, int64_t p);
/* The membership of a person in a team that holds on that day, by the register at p. Returns 0 if
 * there is none. */
int lj_lookup_membership(const struct lj_lookup *lk, int32_t person, int32_t team, int32_t day,
                         int64_t p, struct lj_membership *ret);
/* 1 if `unit` is `root` or below it at p. */
int lj_lookup_in_subtree(const struct lj_lookup *lk, int16_t unit, int16_t root, int64_t p);

#endif
