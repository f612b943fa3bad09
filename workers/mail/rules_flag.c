/* Mails about flags: what was raised on a unit's activities since the day before (N12), and an
 * account that enters more than a person can (N22).
 *
 * One digest a unit and day, never a mail a flag: a mailbox that is full of single signs is not
 * read. It names the codes with their numbers and the first eight flags; the rest is asked for.
 * What is written here is codes, numbers and ids of our own making; the one text of a client, an
 * account's name, goes through lj_mail_clean. Shapes: proto/schemas/flag.opened.json,
 * account.bulk_entry.json. */
#include <stdio.h>
#include <string.h>

#include "workers/mail/post.h"

enum { FIRST_MAX = 8, CODES_MAX = 60, DIGITS = 24 };

static const char *number(const struct lj_mail_event *x, const char *name, char buf[DIGITS])
{
    json_t *v = json_object_get(x->payload, name);
    buf[0] = '\0';
    if (json_is_integer(v)) {
        (void)snprintf(buf, DIGITS, "%lld", (long long)json_integer_value(v));
    }
    return buf;
}

static const char *text(const json_t *object, const char *name)
{
    const char *s = json_string_value(json_object_get(object, name));
    return s != NULL ? s : "";
}

/* "X01 name:3、V09 name:1"; returns where it begins. */
static size_t put_codes(struct lj_buf *b, const json_t *codes)
{
    size_t at = b->len, i;
    json_t *c;
    json_array_foreach(codes, i, c)
    {
        if (i < CODES_MAX) {
            lj_buf_printf(b, "%s%s %s:%lld 条", i ? "\n" : "", text(c, "code"), text(c, "zh"),
                          (long long)json_integer_value(json_object_get(c, "flags")));
        }
    }
    lj_buf_u8(b, 0);
    return at;
}

static size_t put_first(struct lj_buf *b, const json_t *first)
{
    size_t at = b->len, i;
    json_t *f;
    json_array_foreach(first, i, f)
    {
        if (i < FIRST_MAX) {
            lj_buf_printf(b, "%s%zu. [%s] %s\n活动 %s,线索 %s", i ? "\n" : "", i + 1,
                          text(f, "code"), text(f, "zh"), text(f, "activity"), text(f, "flag"));
        }
    }
    lj_buf_u8(b, 0);
    return at;
}

int lj_mail_flag_opened(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    json_t *codes = json_object_get(x->payload, "codes");
    json_t *first = json_object_get(x->payload, "first");
    const char *from = lj_mail_text_of(x, "from"), *to = lj_mail_text_of(x, "to");
    struct lj_buf *b = &x->m->scratch;
    char days[64], flags[DIGITS], activities[DIGITS];
    if (!json_is_array(codes) || !json_is_array(first) || from == NULL || to == NULL) {
        *ret_reason = "bad_payload";
        return 0;
    }
    lj_buf_clear(b);
    size_t at_codes = put_codes(b, codes), at_first = put_first(b, first);
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    (void)snprintf(days, sizeof days, strcmp(from, to) == 0 ? "%s" : "%s 至 %s", from, to);
    const struct lj_mail_var vars[] = {{"days", days},
                                       {"flags", number(x, "flags", flags)},
                                       {"activities", number(x, "activities", activities)},
                                       {"codes", (const char *)b->data + at_codes},
                                       {"first", (const char *)b->data + at_first}};
    const struct lj_mail_draft d = {.rule = LJ_MAIL_N12,
                                    .due = -1,
                                    .vars = vars,
                                    .nvars = 5,
                                    .units = &x->event->unit,
                                    .nunits = 1};
    return lj_mail_post(x, &d, err);
}

/* To the unit and to the Centre, whose auditor looks at it. */
int lj_mail_bulk_entry(struct lj_mail_event *x, const char **ret_reason, struct lj_err *err)
{
    const char *account = lj_mail_text_of(x, "account"), *activity = lj_mail_text_of(x, "activity");
    const int16_t units[2] = {x->event->unit, 0};
    struct lj_buf *b = &x->m->scratch;
    char reports[DIGITS], seconds[DIGITS], participations[DIGITS];
    if (account == NULL || activity == NULL) {
        *ret_reason = "bad_payload";
        return 0;
    }
    lj_buf_clear(b);
    lj_mail_clean(b, account, 0);
    lj_buf_u8(b, 0);
    if (b->failed) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a mail");
    }
    const struct lj_mail_var vars[] = {
        {"account", (const char *)b->data},
        {"activity", activity},
        {"reports", number(x, "reports", reports)},
        {"seconds", number(x, "seconds", seconds)},
        {"participations", number(x, "participations", participations)}};
    const struct lj_mail_draft d = {
        .rule = LJ_MAIL_N22, .due = -1, .vars = vars, .nvars = 5, .units = units, .nunits = 2};
    return lj_mail_post(x, &d, err);
}
