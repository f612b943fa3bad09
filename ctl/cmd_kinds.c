/* ljctl pause|resume|drain: requests to the broker's admin endpoint.
 *
 * All three are idempotent and become operator.* events in the log. drain waits for the broker's
 * answer, which comes when nothing is leased any more or its own timeout has passed. */
#include <jansson.h>

#include "ctl/admin.h"
#include "ctl/cmd.h"
#include "ctl/layout.h"

static int call(struct lj_ctl *ctl, json_t *request, int timeout_ms, const char *done)
{
    struct lj_err err = {0};
    struct lj_layout at;
    struct lj_admin *admin = NULL;
    json_t *reply = NULL;
    int rc = lj_layout_find(ctl, &at, &err);
    if (rc == 0)
        rc = lj_admin_open(at.run, &admin, &err);
    if (rc == 0)
        rc = lj_admin_call(admin, request, timeout_ms, &reply, &err);
    else
        json_decref(request);
    lj_admin_close(&admin);
    if (rc)
        return lj_ctl_error(&err,
                            err.code == LJ_E_NOT_FOUND ? "`ljctl status` lists the kinds" : NULL);
    if (ctl->format == LJ_FORMAT_JSON) {
        (void)json_dumpf(reply, ctl->out, JSON_INDENT(2));
        fputc('\n', ctl->out);
    }
    json_decref(reply);
    lj_say("%s", done);
    return LJ_EXIT_OK;
}

int lj_cmd_pause(struct lj_ctl *ctl)
{
    return call(ctl, json_pack("{s:s, s:s}", "op", "pause", "kind", ctl->words[0]), 10000,
                "paused; what is leased is finished");
}

int lj_cmd_resume(struct lj_ctl *ctl)
{
    return call(ctl, json_pack("{s:s, s:s}", "op", "resume", "kind", ctl->words[0]), 10000,
                "running");
}

int lj_cmd_drain(struct lj_ctl *ctl)
{
    int ms = (int)ctl->o.timeout_s * 1000;
    if (!lj_ctl_confirm(ctl, "let the broker finish and stop taking events"))
        return LJ_EXIT_REFUSED;
    return call(ctl, json_pack("{s:s, s:i}", "op", "drain", "timeout_ms", ms), ms + 5000,
                "drained");
}
