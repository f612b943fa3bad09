/* What the system made of the burst, read from its tables. */
#ifndef LJ_CTL_DEMO_FOUND_H
#define LJ_CTL_DEMO_FOUND_H

#include "common/db.h"
#include "ctl/demo.h"

struct demo_found {
    int64_t stored, repeated, conflicts, other_answers; /* answers to the client */
    int64_t accepted, clean, warned, rejected, withdrawn, flags, overlaps;
    int64_t signs[DEMO_SIGNS];
    int64_t minutes, sessions, persons_met, teams_met;
    int64_t mails_rejected, mails_met, mails_flagged, mails_other;
    int64_t parked, register_refused;
    int64_t wrong_items;  /* items whose outcome is not the one expected of them */
    int64_t wrong_totals; /* subjects and years whose minutes, sessions or duty differ */
    int64_t ack_p50_us, ack_p99_us, effect_p50_us, effect_p99_us;
    char first_wrong[200], first_total[200];
};

/* upto: positions of the burst and of all that follows on it lie at or below. Codes found go into
 * e->codes. */
LJ_MUST int demo_find(PGconn *c, const struct demo_burst *b, struct demo_expected *e, int64_t upto,
                      struct demo_found *ret, struct lj_err *err);

#endif
