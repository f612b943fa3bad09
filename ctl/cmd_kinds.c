/* ljctl pause|resume|drain: requests to the broker's admin endpoint.
 *
 * All three are idempotent and become operator.* events in the log. drain waits for the broker's
 * answer, which comes when nothing is leased any more or its own timeout has passed. */
#include <jansson.h>
#include <string.h>

#include "ctl/admin.h"
#include "ctl/cmd.h"
#include "ctl/layout.h"

enum { KINDS_MAX = 64, TIMEOUT_MS = 10000 };

/* A mistyped kind is told with a suggestion, and never reaches the broker. */
static int check_kind(struct lj_admin *admin, const char *kind, struct lj_err *err)
{
    const char *names[KINDS_MAX + 1] = {0};
    json_t *status = NULL;
    json_t *k;
    size_t i;
    int found = 0;
    int rc = lj_admin_call(admin, json_pack("{s:s}", "op", "status"), TIMEOUT_MS, &status, err);
    json_array_foreach(json_object_get(status, "kinds"), i, k)
    {
        const char *name = json_string_value(json_object_get(k, "name"));
        if (name && i < KINDS_MAX)
            names[i] = name;
        found |= name && strcmp(name, kind) == 0;
    }
    if (rc == 0 && !found) {
        const char *near = lj_suggest(kind, names);
        rc = lj_fail(err, LJ_E_NOT_FOUND, "there is no kind \"%.40s\"%s%s%s", kind,
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    json_decref(status);
    return rc;
}

static int call(struct lj_ctl *ctl, json_t *request, int timeout_ms, const char *done)
{
    struct lj_err err = {0};
    struct lj_layout at;
    struct lj_admin *admin = NULL;
    json_t *reply = NULL;
    int rc = lj_layout_find(ctl, &at, &err);
    if (rc == 0)
        rc = lj_admin_open(at.run, &admin, &err);
    if (rc == 0 && ctl->nwords)
        rc = check_kind(admin, ctl->words[0], &err);
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
    return call(ctl, json_pack("{s:s, s:s}", "op", "pause", "kind", ctl->words[0]), TIMEOUT_MS,
                "paused; what is leased is finished");
}

int lj_cmd_resume(struct lj_ctl *ctl)
{
    return call(ctl, json_pack("{s:s, s:s}", "op", "resume", "kind", ctl->words[0]), TIMEOUT_MS,
                "running");
}

int lj_cmd_drain(struct lj_ctl *ctl)
{
    int ms = (int)ctl->o.timeout_s * 1000;
    if (!ctl->nwords && !lj_ctl_confirm(ctl, "pause every kind and wait for what is leased"))
        return LJ_EXIT_REFUSED;
    json_t *request = json_pack("{s:s, s:i}", "op", "drain", "timeout_ms", ms);
    if (ctl->nwords)
        (void)json_object_set_new(request, "kind", json_string(ctl->words[0]));
    return call(ctl, request, ms + 5000, "nothing is leased; `ljctl resume KIND` goes on");
}
