/* One event of an operator's command.
 *
 * Commands that do something to the field (a letter, a decision, a certificate) are events like all
 * others: they go through the broker's intake, and what becomes of them is seen in the log. Nothing
 * is written to the database here.
 */
#include "ctl/send_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/layout.h"
#include "ctl/sender.h"

static void on_sent(const struct lj_sent *sent, void *arg)
{
    struct lj_sent_event *o = arg;
    o->code = sent->code;
    o->position = sent->answer ? sent->answer->position : 0;
    (void)snprintf(o->id, sizeof o->id, "%s", sent->id);
    (void)snprintf(o->detail, sizeof o->detail, "%s", sent->detail);
}

int lj_send_event(const struct lj_ctl *ctl, const char *source, json_t *event,
                  struct lj_sent_event *ret, struct lj_err *err)
{
    struct lj_layout at;
    struct lj_sender *sender = NULL;
    char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
    json_decref(event);
    *ret = (struct lj_sent_event){0};
    if (!text)
        return lj_fail(err, LJ_E_ARG, "the event is no valid UTF-8, or there is no memory");
    int rc = lj_layout_find(ctl, &at, err);
    if (rc == 0)
        rc = lj_sender_open(at.run, source, (int)ctl->o.timeout_s, on_sent, ret, &sender, err);
    if (rc == 0)
        rc = lj_sender_add(sender, text, strlen(text), err);
    if (rc == 0)
        rc = lj_sender_finish(sender, err);
    lj_sender_close(&sender);
    free(text);
    if (rc == 0 && ret->code < 0)
        rc = lj_fail(err, ret->code, "%s%s%s", ret->detail, ret->id[0] ? "; its id is " : "",
                     ret->id);
    return rc;
}
