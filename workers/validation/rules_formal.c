/* Signs of formalism and of high input for low output that one report shows by itself.
 *
 * Each is a flag: it rejects nothing and lowers nothing, the unit explains it and an auditor
 * decides (docs/activities.md, "Flags"). What takes several activities (X06, X10-X12, HILO) is
 * reckoned once a day in db/functions/flags_day.sql; X08, X09 and X17 are V26, V27, V32, V33 and
 * V35 seen as one.
 *
 * The same manners as in rules.c: `have` first, nothing fetched, no clock. Bounds are settings, and
 * a sign whose setting has no row on the activity's day is not looked for. Exactly the bound is no
 * sign. source: the field's list of flags (X01-X18), with its default thresholds.
 */
#include "workers/validation/rules_formal.h"

#include <string.h>

#include "workers/runner/calendar.h"
#include "workers/validation/words.h"

#define SAY(c, clause, a, b, ...)                                                                  \
    lj_reasons_add(&(c)->found, LJ_CLAUSE_##clause, (a), (b), __VA_ARGS__)

enum { NOT_SET = -1 };

/* What all of them ask, found once. */
struct facts {
    int64_t net, athletes;
    int has_net, on_site;
};

static int64_t setting(const struct lj_case *c, enum lj_setting what)
{
    return lj_case_setting(c, what, NOT_SET);
}

/* One of the wanted words is in the set. */
static int holds(uint64_t set, const char *const *words, const char *const *wanted)
{
    for (int i = 0; words[i]; i++)
        for (size_t k = 0; (set >> i & 1U) && wanted[k]; k++)
            if (strcmp(words[i], wanted[k]) == 0)
                return 1;
    return 0;
}

int64_t lj_case_quality(const struct lj_body *b)
{
    static const char *const hands_on[] = {"TEACH", "MATCH_PLAY", "TEST", NULL};
    static const char *const shown[] = {"DEMO", NULL}, *const told[] = {"LECTURE", "Q_A", NULL};
    return holds(b->content, lj_content_words, hands_on) ? 10
           : holds(b->content, lj_content_words, shown)  ? 5
           : holds(b->content, lj_content_words, told)   ? 3
                                                         : 1;
}

static void x01(struct lj_case *c, const struct facts *f)
{
    const struct lj_body *b = &c->body;
    int64_t percent = setting(c, LJ_SETTING_X01_PERCENT);
    if (f->has_net && LJ_HAS(b, GUIDANCE_MINUTES) && b->guidance_minutes * 100 < f->net * percent)
        SAY(c, X01_CEREMONY, b->guidance_minutes, f->net, "/guidance_minutes");
}

static void x02(struct lj_case *c, const struct facts *f)
{
    int64_t least = setting(c, LJ_SETTING_X02_MINUTES);
    if (f->has_net && f->net < least)
        SAY(c, X02_SHORT, f->net, least, "/end_at");
}

static void x03(struct lj_case *c, const struct facts *f)
{
    static const char *const hands_on[] = {"TEACH", "DEMO", "MATCH_PLAY", NULL};
    const struct lj_body *b = &c->body;
    int64_t people = setting(c, LJ_SETTING_X03_PEOPLE);
    (void)f;
    if (people != NOT_SET && LJ_HAS(b, CONTENT) && LJ_HAS(b, AUDIENCE) && b->audience >= people &&
        !holds(b->content, lj_content_words, hands_on))
        SAY(c, X03_TALK, b->audience, 0, "/content");
}

static void x04(struct lj_case *c, const struct facts *f)
{
    const struct lj_body *b = &c->body;
    int64_t people = setting(c, LJ_SETTING_X04_PEOPLE);
    if (people != NOT_SET && f->on_site && f->athletes > 0 && LJ_HAS(b, AUDIENCE) &&
        b->audience > people * f->athletes)
        SAY(c, X04_CROWD, b->audience, f->athletes, "/audience");
}

static void x05(struct lj_case *c, const struct facts *f)
{
    const struct lj_body *b = &c->body;
    int64_t staff = setting(c, LJ_SETTING_X05_STAFF);
    if (staff != NOT_SET && f->athletes > 0 && LJ_HAS(b, STAFF_COUNT) &&
        b->staff_count > staff * f->athletes)
        SAY(c, X05_STAFF, b->staff_count, f->athletes, "/staff_count");
}

/* Linked to a match in town, or aid: the way is then part of it. */
static void x07(struct lj_case *c, const struct facts *f)
{
    static const char *const meant[] = {"EVENT_LINKED", "PAIRING_AID", NULL};
    const struct lj_body *b = &c->body;
    int64_t hours = setting(c, LJ_SETTING_X07_HOURS);
    if (hours != NOT_SET && f->has_net && f->net > 0 && LJ_HAS(b, TRAVEL_MINUTES) &&
        b->travel_minutes > hours * f->net && !holds(b->themes, lj_theme_words, meant))
        SAY(c, X07_TRAVEL, b->travel_minutes, f->net, "/travel_minutes");
}

static void x15(struct lj_case *c, const struct facts *f)
{
    const struct lj_body *b = &c->body;
    struct lj_words words;
    (void)f;
    lj_words_take(c, LJ_SETTING_X15_WORD, &words);
    if (words.count == 0)
        return;
    if (LJ_HAS(b, TITLE) && lj_words_in(&words, b->title))
        SAY(c, X15_HOMEWORK, 0, 0, "/title");
    else if (LJ_HAS(b, NARRATIVE) && lj_words_in(&words, b->narrative))
        SAY(c, X15_HOMEWORK, 0, 0, "/narrative");
}

static void x18(struct lj_case *c, const struct facts *f)
{
    static const char *const gift[] = {"DONATION", NULL};
    static const char *const guiding[] = {"TEACH", "DEMO", "MATCH_PLAY", "TEST", NULL};
    const struct lj_body *b = &c->body;
    (void)f;
    if (!LJ_HAS(b, CONTENT) || !holds(b->content, lj_content_words, gift) ||
        setting(c, LJ_SETTING_X18_ASKED) <= 0)
        return;
    if (!holds(b->content, lj_content_words, guiding) ||
        (LJ_HAS(b, GUIDANCE_MINUTES) && b->guidance_minutes == 0))
        SAY(c, X18_GIFTS, 0, 0, "/content");
}

void lj_rules_formal(struct lj_case *c)
{
    static void (*const signs[])(struct lj_case * c, const struct facts *f) = {x01, x02, x03, x04,
                                                                               x05, x07, x15, x18};
    const struct lj_body *b = &c->body;
    if (!LJ_HAS(b, START_AT))
        return; /* no day, and so no settings */
    struct facts f = {
        .athletes = lj_case_athletes(b),
        .has_net = LJ_HAS(b, END_AT) && LJ_HAS(b, BREAK_MINUTES) && b->start_us < b->end_us,
        .on_site = LJ_HAS(b, MODE) && (b->mode == LJ_MODE_ONSITE || b->mode == LJ_MODE_HYBRID)};
    f.net = f.has_net ? lj_case_net(b) : 0;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        signs[i](c, &f);
}
