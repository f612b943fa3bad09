/* Registers as of a position, for a batch: a kind says which codes it needs, what is not in the
 * cache is fetched in one round trip, and the version that held at an event's position is picked in
 * memory. Read-only; for kinds with `barrier` on register, so that nothing below p is missing. */
#ifndef LJ_WORKERS_RUNNER_LOOKUP_H
#define LJ_WORKERS_RUNNER_LOOKUP_H

#include <stdint.h>

#include "workers/runner/fetch.h"

#define LJ_CODE_MAX      40 /* source: domain register_code in db/migrations/0002_registers.sql */
#define LJ_DAY_OPEN_FROM INT32_MIN /* first day of a span without one */
#define LJ_DAY_OPEN_TO   INT32_MAX
#define LJ_DEGREES_NONE  999.0

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

/* A version of a team, person or site. A team has one for each paused span, all with the same
 * position. */
struct lj_lookup_row {
    int64_t position;
    int32_t number;
    int16_t unit;
    int16_t kind;                   /* site: enum lj_site_kind; person: birth year, 0 not known */
    int32_t from, to;               /* team: span in force */
    int32_t paused_from, paused_to; /* team: empty when from > to */
    int32_t region;                 /* site: GB/T 2260 as a number, 0 none */
    int32_t capacity;               /* site: people it holds, 0 not known */
    double lat, lon;                /* team's base, site: LJ_DEGREES_NONE where not known */
};

struct lj_membership {
    int role, status; /* enum lj_member_role, enum lj_member_status */
    int32_t from, to;
};

/* Who looks at an accepted report before it counts. */
enum lj_review { LJ_REVIEW_NONE, LJ_REVIEW_UNIT, LJ_REVIEW_CENTRE };

/* What validation and others take from a policy. Ratios in ten-thousandths, as the register keeps
 * them; sets of site kinds: bit = enum lj_site_kind. */
struct lj_policy_terms {
    int32_t athlete_min, lecture_cap, presence_bp, guidance_bp;
    uint32_t sites_counted, sites_conditional;
    enum lj_review review;
};

enum lj_policy_scope { LJ_POLICY_NATION, LJ_POLICY_UNIT, LJ_POLICY_TEAM };
struct lj_policy_row {
    int64_t position;
    int32_t scope, key; /* key: unit or team number; nation 0 */
    int32_t version;
    int32_t from, to;
    struct lj_policy_terms terms;
};

/* errors: LJ_E_DB_SYSTEM, LJ_E_NOMEM */
LJ_MUST int lj_lookup_open(const char *dsn, const char *application_name, struct lj_lookup **ret,
                           struct lj_err *err);
void lj_lookup_close(struct lj_lookup **lk);
/* Its reader: statements that a kind adds before lj_lookup_fetch go in the same round trip. */
struct lj_fetch *lj_lookup_reader(struct lj_lookup *lk);

/* Starts a batch: entries of the one before are no longer valid. */
void lj_lookup_begin(struct lj_lookup *lk);

/* Asks for a code as payloads write it: "CODE" (of own_unit, the event's unit) or "UNIT/CODE"
 * ("UNIT:CODE" is taken too); full-width digits count as digits. A person's memberships come with
 * the person. shape: *ret_entry is 0 for what can be no register code. errors: LJ_E_NOMEM */
LJ_MUST int lj_lookup_need(struct lj_lookup *lk, enum lj_lookup_what what, const char *text,
                           const char *own_unit, uint32_t *ret_entry, struct lj_err *err);
/* Fetches what was asked for and is not cached, and what is new in the registers. errors:
 * LJ_E_DB_LOST, LJ_E_DB_SYSTEM, LJ_E_DB_DATA, LJ_E_NOMEM; the cache is empty then */
LJ_MUST int lj_lookup_fetch(struct lj_lookup *lk, struct lj_err *err);

/* The version in force at position p; NULL = not in the register then, or entry 0. */
const struct lj_lookup_row *lj_lookup_at(const struct lj_lookup *lk, uint32_t entry, int64_t p);
/* 1 if the team is ACTIVE on that day, by the register at p. */
int lj_lookup_team_active(const struct lj_lookup *lk, uint32_t team, int32_t day, int64_t p);
/* The membership of a person in a team (its number) that holds on that day, by the register at p.
 * Returns 0 if there is none. */
int lj_lookup_membership(const struct lj_lookup *lk, uint32_t person, int32_t team, int32_t day,
                         int64_t p, struct lj_membership *ret);
/* 1 if the person has an exemption for an injury (its number) on that day, by the register at p. */
int lj_lookup_injured(const struct lj_lookup *lk, int32_t person, int32_t day, int64_t p);
/* 1 if the day is a public holiday of its year, by the calendar's register at p. */
int lj_lookup_is_holiday(const struct lj_lookup *lk, int32_t day, int64_t p);
/* 1 if the unit, or one above it, has opened a window for late reports on that day, at p. */
int lj_lookup_window(const struct lj_lookup *lk, int16_t unit, int32_t day, int64_t p);
/* The unit above at p: -1 for CN000 and for what is no unit then. */
int lj_lookup_parent(const struct lj_lookup *lk, int16_t unit, int64_t p);
/* 1 if the unit is CLOSED at p. */
int lj_lookup_unit_closed(const struct lj_lookup *lk, int16_t unit, int64_t p);
/* 1 if `unit` is `root` or below it at p. */
int lj_lookup_in_subtree(const struct lj_lookup *lk, int16_t unit, int16_t root, int64_t p);
/* The policy of a team of that unit for minutes and caps: of the rows in force on that day (nation,
 * the unit and all above, the team; of each the highest version known at p) the one with the
 * greatest athlete_min_minutes, the narrower scope on a tie. NULL when there is none. */
const struct lj_policy_terms *lj_lookup_policy(const struct lj_lookup *lk, int16_t unit,
                                               int32_t team, int32_t day, int64_t p);

#endif
