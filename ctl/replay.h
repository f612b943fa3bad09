/* Replay: a log copied into an empty database, and two databases held against each other. */
#ifndef LJ_CTL_REPLAY_H
#define LJ_CTL_REPLAY_H

#include "common/db.h"

struct lj_replay_copied {
    int64_t frontier, events, parked, steps; /* steps: of settlements */
};

/* Copy source's log into target, in one transaction each. source may be any role that reads the
 * log; target one that may become liangjin_owner. errors: LJ_E_STATE: source is not at rest, target
 * is not empty, or they know different types */
LJ_MUST int lj_replay_copy(PGconn *source, PGconn *target, struct lj_replay_copied *ret,
                           struct lj_err *err);

/* One line saying what is not finished yet ("validation is through to 12 of 40"), "" when all is;
 * buf is cut. upto: SQL for the position that must be reached. */
LJ_MUST int lj_replay_unfinished(PGconn *c, const char *upto, char *buf, size_t size,
                                 struct lj_err *err);

/* What is compared: rows of two texts, key and value, of source and of target. */
struct lj_replay_fact {
    const char *name;
    const char *sql;
    const char *target_sql; /* NULL: the same */
};
extern const struct lj_replay_fact lj_replay_facts[];
extern const size_t lj_replay_facts_count;

enum { LJ_REPLAY_KEY_MAX = 120 };

struct lj_replay_compared {
    int64_t source, target;                     /* rows */
    int64_t equal, differ, missing, additional; /* missing: in source only */
    char first[LJ_REPLAY_KEY_MAX];              /* key of the first row that is off */
};

/* Told of a row that is off; source or target is NULL where only the other has it. */
typedef void lj_replay_told(const struct lj_replay_fact *fact, const char *key, const char *source,
                            const char *target, void *arg);

/* Both connections are inside a transaction of a snapshot and have search_path liangjin. */
LJ_MUST int lj_replay_compare(PGconn *source, PGconn *target, const struct lj_replay_fact *fact,
                              lj_replay_told *told, void *arg, struct lj_replay_compared *ret,
                              struct lj_err *err);

/* Begin such a transaction. */
LJ_MUST int lj_replay_snapshot(PGconn *c, struct lj_err *err);

#endif
