/* Anchor days and their windows (anchors.def). */
#ifndef LJ_WORKERS_RUNNER_ANCHORS_H
#define LJ_WORKERS_RUNNER_ANCHORS_H

#include <stdint.h>

#include "common/err.h"

enum lj_anchor {
#define FIXED(word, first, month, day, before, after) LJ_ANCHOR_##word,
#define LUNAR(word, first, month, day, before, after) LJ_ANCHOR_##word,
#include "workers/runner/anchors.def"
#undef FIXED
#undef LUNAR
    LJ_ANCHOR_COUNT
};

struct lj_anchors;

/* errors: LJ_E_NOMEM, LJ_E_INTERNAL (ICU without the Chinese calendar) */
LJ_MUST int lj_anchors_open(struct lj_anchors **ret, struct lj_err *err);
void lj_anchors_close(struct lj_anchors **a);

/* The anchor's day in a Gregorian year; INT32_MIN when it has none there. */
int32_t lj_anchors_day(struct lj_anchors *a, enum lj_anchor anchor, int year);
/* 1 if the day lies in the anchor's window. */
int lj_anchors_holds(struct lj_anchors *a, enum lj_anchor anchor, int32_t day);
/* The anchor in whose window the day lies, -1 if it is in none. */
int lj_anchors_of(struct lj_anchors *a, int32_t day);

#endif
