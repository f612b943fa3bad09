/* One event of an operator's command, sent and answered. */
#ifndef LJ_CTL_SEND_EVENT_H
#define LJ_CTL_SEND_EVENT_H

#include <jansson.h>

#include "ctl/ctl.h"

/* What the broker said. */
struct lj_sent_event {
    int code;         /* 0 stored, 1 stored before, negative LJ_E_* */
    int64_t position; /* 0 while not stored */
    char id[40], detail[200];
};

/* Sends the event over the system's intake socket and waits for its answer, --timeout at most.
 * source: who is noted as sender. owner: takes event; NULL counts as no memory. errors: LJ_E_ARG
 * (no valid UTF-8), what the broker refused it with (the text names the id), LJ_E_TIMEOUT (outcome
 * unknown: the same id may be sent again) */
LJ_MUST int lj_send_event(const struct lj_ctl *ctl, const char *source, json_t *event,
                          struct lj_sent_event *ret, struct lj_err *err);

#endif
