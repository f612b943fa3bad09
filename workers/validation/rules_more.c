/* The rules whose numbers, words and days are settings (table rule_setting): schools, weather,
 * photos, and persons who should not instruct.
 *
 * The same manners as in rules.c: a rule looks at `have` first, fetches nothing, asks no clock, and
 * is silent about a setting without a row. Without a start there is no day, and so no setting:
 * these rules then say nothing.
 *
 * Photos are what the sender says of them: no file passes through here, so type, size and hash are
 * judged as declared, and an attachment that is a mere reference not at all.
 */
#include "workers/validation/rules_more.h"

#include <string.h>

#include "workers/runner/calendar.h"
#include "workers/validation/words.h"

static const int64_t MINUTE_US = 60000000;

#define SAY(c, clause, a, b, ...)                                                                  \
    lj_reasons_add(&(c)->found, LJ_CLAUSE_##clause, (a), (b), __VA_ARGS__)

/* On site at a school, by the register; a place that serves a school is none. */
static int at_school(const struct lj_body *b)
{
    static const uint32_t schools = 1U << LJ_SITE_KINDERGARTEN | 1U << LJ_SITE_PRIMARY |
                                    1U << LJ_SITE_MIDDLE | 1U << LJ_SITE_SENIOR |
                                    1U << LJ_SITE_NINE_YEAR | 1U << LJ_SITE_SPECIAL_ED |
                                    1U << LJ_SITE_VOCATIONAL;
    return LJ_HAS(b, MODE) && (b->mode == LJ_MODE_ONSITE || b->mode == LJ_MODE_HYBRID) &&
           LJ_HAS(b, SITE) && LJ_HAS(b, START_AT) && (schools >> b->site_kind & 1U);
}

void lj_rule_v13(struct lj_case *c)
{
    if (at_school(&c->body) && !LJ_HAS(&c->body, SCHOOL_APPROVAL_NO) &&
        lj_case_setting(c, LJ_SETTING_V13_REQUIRED, 0))
        SAY(c, V13_APPROVAL, 0, 0, "/school_approval_no");
}

void lj_rule_v15(struct lj_case *c)
{
    if (!at_school(&c->body))
        return;
    int32_t day = lj_local_day(c->body.start_us);
    int64_t p = c->event->position;
    if (lj_settings_has_day(c->settings, LJ_SETTING_V15_BREAK, day, p))
        SAY(c, V15_BREAK, 0, 0, "/start_at");
    if (c->body.is_holiday)
        SAY(c, V15_HOLIDAY, 0, 0, "/start_at");
}

void lj_rule_v17(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    if (!at_school(b))
        return;
    if (LJ_HAS(b, SPONSOR))
        SAY(c, V17_SPONSOR, 0, 0, "/sponsor");
    struct lj_words words;
    lj_words_take(c, LJ_SETTING_V17_WORD, &words);
    if (LJ_HAS(b, TITLE) && lj_words_in(&words, b->title))
        SAY(c, V17_WORD, 0, 0, "/title");
    if (LJ_HAS(b, NARRATIVE) && lj_words_in(&words, b->narrative))
        SAY(c, V17_WORD, 0, 0, "/narrative");
}

/* Words of the alert in the order of their numbers: NONE is 0. */
void lj_rule_v24(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    const struct lj_risk *r = &b->risk;
    if (!LJ_HAS(b, RISK) || !LJ_HAS(b, START_AT) || !r->outdoor || r->has_note ||
        (LJ_HAS(b, MODE) && (b->mode == LJ_MODE_LIVE || b->mode == LJ_MODE_RECORDED)))
        return;
    int64_t hot = lj_case_setting(c, LJ_SETTING_V24_CELSIUS, INT64_MAX);
    if ((r->has_celsius && r->celsius >= hot) ||
        r->alert >= lj_case_setting(c, LJ_SETTING_V24_ALERT, INT64_MAX))
        SAY(c, V24_WEATHER, hot, 0, "/risk/safety_note");
}

void lj_rule_v25(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    if (!LJ_HAS(b, START_AT) || b->nphotos == 0)
        return;
    int64_t most = lj_case_setting(c, LJ_SETTING_V25_BYTES, INT64_MAX);
    for (size_t i = 0; i < b->nphotos; i++)
        if (b->photos[i].bytes > most)
            SAY(c, V25_SIZE, b->photos[i].bytes, most, "/attachments/%zu/bytes",
                b->photos[i].place);
}

void lj_rule_v26(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    if (!LJ_HAS(b, START_AT) || !LJ_HAS(b, END_AT) || b->nphotos == 0)
        return;
    int64_t near = lj_case_setting(c, LJ_SETTING_V26_MINUTES, -1),
            old = lj_case_setting(c, LJ_SETTING_V26_OLD, -1);
    for (size_t i = 0; i < b->nphotos; i++) {
        const struct lj_photo *p = &b->photos[i];
        if (!p->has_taken)
            continue;
        if (old >= 0 && p->taken_us < b->start_us - old * MINUTE_US)
            SAY(c, V26_OLD, old, 0, "/attachments/%zu/taken_at", p->place);
        else if (near >= 0 && (p->taken_us < b->start_us - near * MINUTE_US ||
                               p->taken_us > b->end_us + near * MINUTE_US))
            SAY(c, V26_TIME, near, 0, "/attachments/%zu/taken_at", p->place);
    }
}

void lj_rule_v28(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    for (size_t i = 0; i < b->nphotos; i++)
        if (b->photos[i].minors && !b->photos[i].consent)
            SAY(c, V28_CONSENT, 0, 0, "/attachments/%zu/consent", b->photos[i].place);
}

void lj_rule_v36(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    for (size_t i = 0; i < b->nroster; i++)
        if (b->roster[i].injured && b->roster[i].role == LJ_ROLE_INSTRUCT)
            SAY(c, V36_INJURED, 0, 0, "/roster/%zu/role", i);
}

/* The register has the year of birth alone: who may have had the birthday that makes him of age
 * passes. */
void lj_rule_v37(struct lj_case *c)
{
    const struct lj_body *b = &c->body;
    if (!LJ_HAS(b, START_AT))
        return;
    for (size_t i = 0; i < b->nroster; i++)
        if (b->roster[i].member_role == LJ_MEMBER_COACH)
            return;
    int64_t age = lj_case_setting(c, LJ_SETTING_V37_AGE, 0);
    int year = lj_year_of(lj_local_day(b->start_us));
    for (size_t i = 0; i < b->nroster; i++) {
        const struct lj_roster_row *r = &b->roster[i];
        if (r->role == LJ_ROLE_INSTRUCT && r->member_role == LJ_MEMBER_ATHLETE &&
            r->birth_year > 0 && year - r->birth_year < age)
            SAY(c, V37_MINOR, age, 0, "/roster/%zu/person", i);
    }
}
