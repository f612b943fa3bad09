/* Mails of a review: what waits for a decision, was returned, is disputed, was revoked.
 *
 * One type says how an activity stands (activity.state_changed); the table below says which states
 * and events somebody has to be told of. An approval is told by the day's digest of credits (N06).
 */
#include <stdio.h>
#include <string.h>

#include "common/uuid.h"
#include "workers/mail/post.h"

/* The first row that fits; NULL fits everything. */
static const struct told {
    const char *type, *state;
    int rule;
    const char *who; /* who disputes; of N21 what happened */
} table[] = {
    {"host.disputed", NULL, LJ_MAIL_N07, "主办方"},
    {"participation.disputed", NULL, LJ_MAIL_N07, "参与人员"},
    {"activity.reopened", NULL, 0, ""},
    {"duplicate.settled", "WITHDRAWN", LJ_MAIL_N21, "经中心认定为重复上报,已撤回"},
    {"duplicate.settled", "REVOKED", LJ_MAIL_N21, "经中心认定为重复上报,已撤销"},
    {"duplicate.settled", NULL, LJ_MAIL_N21,
     "经中心认定与另一报告为联合举办的同一活动,同一人员、队伍只计一次"},
    {NULL, "UNIT_REVIEW", LJ_MAIL_N04, ""},
    {NULL, "CORRECTION_PENDING", LJ_MAIL_N04, ""},
    {"activity.returned", NULL, LJ_MAIL_N05, ""},
    {NULL, "REVOKED", LJ_MAIL_N21, "已由中心撤销"},
};

static const struct told *find(const char *type, const char *state)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if ((!table[i].type || strcmp(table[i].type, type) == 0) &&
            (!table[i].state || strcmp(table[i].state, state) == 0))
            return table[i].rule ? &table[i] : NULL;
    return NULL;
}

int lj_mail_review(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    const char *type = lj_mail_text_of(x, "type"), *state = lj_mail_text_of(x, "state");
    const char *activity = lj_mail_text_of(x, "activity"), *reason = lj_mail_text_of(x, "reason");
    const char *title = lj_mail_text_of(x, "title");
    json_t *number = json_object_get(x->payload, "version");
    struct lj_buf *b = &x->m->scratch;
    uint8_t id[LJ_UUID_BYTES];
    char version[24];
    if (!type || !state || !json_is_integer(number) || !activity ||
        lj_uuid_parse(activity, strlen(activity), id, NULL) != 0) {
        *ret_reason = "bad_payload";
        return 0;
    }
    const struct told *told = find(type, state);
    if (!told) {
        *ret_reason = "nobody_to_tell";
        return 0;
    }
    (void)snprintf(version, sizeof version, "%lld", (long long)json_integer_value(number));
    lj_buf_clear(b);
    lj_mail_clean(b, title ? title : "(无标题)", 0);
    lj_buf_u8(b, 0);
    size_t at = b->len;
    lj_mail_clean(b, reason ? reason : "(无)", 1);
    lj_buf_u8(b, 0);
    if (b->failed)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    const struct lj_mail_var vars[] = {{"title", (const char *)b->data},
                                       {"version", version},
                                       {"reason", (const char *)b->data + at},
                                       {"who", told->who},
                                       {"activity", activity}};
    const struct lj_mail_draft d = {.rule = told->rule,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = sizeof vars / sizeof vars[0],
                                    .units = &x->event->unit,
                                    .nunits = 1};
    return lj_mail_post(x, &d, err);
}
