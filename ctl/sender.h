/* Sending events to the broker over its local intake socket, from JSON text; used by `events
 * submit` and by `up` for the first registers. */
#ifndef LJ_CTL_SENDER_H
#define LJ_CTL_SENDER_H

#include "client/liangjin.h"

struct lj_sender;

/* What became of one event. line counts the calls of lj_sender_add from 1. err_code 0 when it was
 * judged by the broker or the library (then answer is set), else the text was refused here and
 * `detail` says why. */
struct lj_sent {
    size_t line;
    const struct lj_answer *answer; /* NULL when refused before sending */
    int code;                       /* 0 stored, 1 stored before, negative LJ_E_* */
    const char *id;                 /* text, "" where there is none */
    const char *detail;             /* never NULL */
};
typedef void (*lj_sent_cb)(const struct lj_sent *sent, void *arg);

/* source: who is noted as sender. deadline_s: for each event, from add to its answer. */
LJ_MUST int lj_sender_open(const char *run_dir, const char *source, int deadline_s, lj_sent_cb cb,
                           void *arg, struct lj_sender **ret, struct lj_err *err);
/* Queue one event, {id?, type, unit, key?, occurred_at?, schema_version?, payload}; waits while the
 * client library is full. A bad text is told through cb, not here. errors: those of the library
 * (nothing more can be sent) */
LJ_MUST int lj_sender_add(struct lj_sender *s, const char *text, size_t n, struct lj_err *err);
/* Wait until every event has its answer. */
LJ_MUST int lj_sender_finish(struct lj_sender *s, struct lj_err *err);
void lj_sender_close(struct lj_sender **s);

#endif
