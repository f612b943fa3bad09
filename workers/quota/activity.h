/* What quota reads of an activity: the short result of validation, and what of it counts. */
#ifndef LJ_WORKERS_QUOTA_ACTIVITY_H
#define LJ_WORKERS_QUOTA_ACTIVITY_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "workers/runner/tree.h"

enum {
    LJ_QUOTA_TEAMS_MAX = 8, /* source: the field's entity activity, teams[] 1..8 */
    LJ_QUOTA_ROSTER_MAX =
        512, /* more than 16 KiB of short result can hold with the shortest rows (32 bytes) */
    LJ_QUOTA_DAY_MINUTES = 1440,
};

/* Stored in quota_version.op, .mode and quota_participation.role: never change the numbers. */
enum lj_quota_op {
    LJ_QUOTA_REPORT = 1,
    LJ_QUOTA_CORRECT,
    LJ_QUOTA_WITHDRAW,
    LJ_QUOTA_APPROVE,
    LJ_QUOTA_DISPUTE,
    LJ_QUOTA_KEEP,
    LJ_QUOTA_DROP,
    LJ_QUOTA_JOINT,
    LJ_QUOTA_NOTHING /* a row, since every event has one, and no effect */
};
enum lj_quota_mode { LJ_QUOTA_ONSITE = 1, LJ_QUOTA_LIVE, LJ_QUOTA_RECORDED, LJ_QUOTA_HYBRID };
enum lj_quota_role {
    LJ_QUOTA_INSTRUCT = 1,
    LJ_QUOTA_DEMO,
    LJ_QUOTA_TALK,
    LJ_QUOTA_SUPPORT,
    LJ_QUOTA_ATTEND
};

struct lj_quota_row {
    int32_t person, team;
    int role;
    int listed;  /* the team is one of the activity's */
    int present; /* whole minutes */
    int base;    /* min(present, declared) */
};

struct lj_quota_activity {
    uint8_t id[16];
    int32_t version;
    int op;
    int16_t unit;
    int held;          /* a version that waits for its approval, or an operation about a person */
    int64_t body;      /* of an approval: position of the version */
    int32_t person;    /* of a dispute and what ends it */
    uint8_t other[16]; /* of a joint event: the activity that was reported first */
    /* The rest is of a report or a correction. */
    int64_t start_us;
    int32_t day;  /* local date of the start, days since 2000-01-01 */
    int32_t site; /* 0: none */
    int mode, net, guidance;
    int guided;      /* content with TEACH, DEMO, MATCH_PLAY or TEST */
    int themes_only; /* themes all of PARTY and RED_EDU, and no guidance minutes */
    size_t nteams, nrows;
    int32_t teams[LJ_QUOTA_TEAMS_MAX];
    struct lj_quota_row rows[LJ_QUOTA_ROSTER_MAX];
};

/* Reads a short result and computes what of it counts, by policy-free rules: net, presence, base.
 * shape: docs/contracts.md, "Short result of validation"; source: domain 7.6 and its settled
 * readings errors: LJ_E_MEMBER_INVALID (not of that form: a fault of the kind before), LJ_E_NOMEM
 */
LJ_MUST int lj_quota_read(struct lj_tree_room *room, const char *text, size_t len,
                          struct lj_quota_activity *ret, struct lj_err *err);

#endif
