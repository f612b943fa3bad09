/* Mails about what somebody has sent for others to know of: an incident (N15), what became of a
 * story (N20), plans of which nothing came (N08).
 *
 * The event is the record: no table holds incidents or stories. Texts of clients go through
 * lj_mail_clean. Shapes: proto/schemas/incident.reported.json, story.decided.json. */
#include <stdio.h>
#include <string.h>

#include "workers/mail/post.h"

struct word {
    const char *word, *zh;
};
static const struct word incidents[] = {
    {"INJURY", "人员受伤"},   {"ILLNESS", "身体不适"}, {"FACILITY", "场地器材"},
    {"CONFLICT", "冲突纠纷"}, {"NEAR_MISS", "险情"},   {"OTHER", "其他"},
};
static const struct word outcomes[] = {
    {"SELECTED", "已选用"}, {"REFUSED", "未采用"}, {"PUBLISHED", "已发布"}};

/* NULL: no word of the list. */
static const char *zh_of(const struct word *words, size_t n, const char *word)
{
    for (size_t i = 0; word != NULL && i < n; i++) {
        if (strcmp(words[i].word, word) == 0) {
            return words[i].zh;
        }
    }
    return NULL;
}

/* Appends the cleaned text and a NUL; returns where it begins. */
static size_t keep(struct lj_buf *b, const char *text)
{
    size_t at = b->len;
    lj_mail_clean(b, text != NULL ? text : "(无)", 1);
    lj_buf_u8(b, 0);
    return at;
}

/* To the unit, whose leader sees the same box, and to the Centre; urgent when it is serious. */
int lj_mail_incident(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    const char *what =
        zh_of(incidents, sizeof incidents / sizeof incidents[0], lj_mail_text_of(x, "kind"));
    const char *text = lj_mail_text_of(x, "text");
    json_t *serious = json_object_get(x->payload, "serious");
    const int16_t units[2] = {x->event->unit, 0};
    struct lj_buf *b = &x->m->scratch;
    char hurt[24];
    if (what == NULL || text == NULL || !json_is_boolean(serious)) {
        *ret_reason = "bad_payload";
        return 0;
    }
    lj_buf_clear(b);
    size_t at_text = keep(b, text), at_activity = keep(b, lj_mail_text_of(x, "activity"));
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    (void)snprintf(hurt, sizeof hurt, "%lld",
                   (long long)json_integer_value(json_object_get(x->payload, "hurt")));
    const struct lj_mail_var vars[] = {{"level", json_is_true(serious) ? "严重" : "一般"},
                                       {"what", what},
                                       {"text", (const char *)b->data + at_text},
                                       {"hurt", hurt},
                                       {"activity", (const char *)b->data + at_activity}};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N15,
                                    .urgent = json_is_true(serious),
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = sizeof vars / sizeof vars[0],
                                    .units = units,
                                    .nunits = 2};
    return lj_mail_post(x, &d, err);
}

int lj_mail_story(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    const char *outcome =
        zh_of(outcomes, sizeof outcomes / sizeof outcomes[0], lj_mail_text_of(x, "outcome"));
    const char *title = lj_mail_text_of(x, "title");
    struct lj_buf *b = &x->m->scratch;
    if (outcome == NULL || title == NULL) {
        *ret_reason = "bad_payload";
        return 0;
    }
    lj_buf_clear(b);
    size_t at_title = keep(b, title), at_reason = keep(b, lj_mail_text_of(x, "reason"));
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    const struct lj_mail_var vars[] = {{"outcome", outcome},
                                       {"title", (const char *)b->data + at_title},
                                       {"reason", (const char *)b->data + at_reason}};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N20,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = 3,
                                    .units = &x->event->unit,
                                    .nunits = 1};
    return lj_mail_post(x, &d, err);
}

int lj_mail_plans(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    json_t *plans = json_object_get(x->payload, "plans"), *p;
    struct lj_buf *b = &x->m->scratch;
    size_t i;
    lj_buf_clear(b);
    json_array_foreach(plans, i, p)
    {
        const char *title = json_string_value(json_object_get(p, "title"));
        const char *team = json_string_value(json_object_get(p, "team"));
        const char *to = json_string_value(json_object_get(p, "to"));
        if (title != NULL && team != NULL && to != NULL) {
            lj_buf_printf(b, "%s“", b->len ? "\n" : "");
            lj_mail_clean(b, title, 0);
            lj_buf_printf(b, "”(%s,计划至 %s,已过 %lld 天)", team, to,
                          (long long)json_integer_value(json_object_get(p, "days")));
        }
    }
    if (b->len == 0) {
        *ret_reason = "bad_payload";
        return 0;
    }
    lj_buf_u8(b, 0);
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    const struct lj_mail_var vars[] = {{"plans", (const char *)b->data}};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N08,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = 1,
                                    .units = &x->event->unit,
                                    .nunits = 1};
    return lj_mail_post(x, &d, err);
}
