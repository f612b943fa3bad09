/* Reads the short result of validation and computes what the policies are applied to later.
 *
 * What stands here depends on the event alone: net minutes, minutes present (the overlap of [in,
 * out] with [start, end] less the break, on full timestamps, floored to whole minutes; without in
 * or out the declared ones), base = min(present, declared), the local day. What depends on
 * registers, policies or other events (status, caps, factors, the day rule, sessions) is settled in
 * db/functions/quota_apply.sql.
 *
 * The text comes from another worker, not from a client. So a form that is not the contract's is an
 * error, never a guess: the event is parked and the fault is found. Numbers are bounded before they
 * are narrowed. */
#include "workers/quota/activity.h"

#include <string.h>

#include "common/uuid.h"
#include "workers/runner/tree.h"

#define MINUTE_US         INT64_C(60000000)
#define DAY_US            INT64_C(86400000000)
#define LOCAL_US          INT64_C(28800000000) /* Asia/Shanghai, UTC+8 all year since 1992 */
#define DAYS_1970_TO_2000 10957
#define TIME_MAX                                                                                   \
    INT64_C(32503680000000000) /* 3000-01-01: domain day in db/migrations ends there               \
                                */

static const char *const op_words[] = {"report", "correct", "withdraw", "approve", "dispute",
                                       "keep",   "drop",    "joint",    "nothing", NULL};
static const char *const mode_words[] = {"ONSITE", "LIVE", "RECORDED", "HYBRID", NULL};
static const char *const role_words[] = {"INSTRUCT", "DEMO", "TALK", "SUPPORT", "ATTEND", NULL};
static const char *const guiding[] = {"TEACH", "DEMO", "MATCH_PLAY", "TEST", NULL};
static const char *const solemn[] = {"PARTY", "RED_EDU", NULL};

/* Place of a word in a list from 1, 0 if it is not there. */
static int place(const char *const *words, const char *word)
{
    for (int i = 0; word != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return i + 1;
        }
    }
    return 0;
}

static int wrong(struct lj_err *err, const char *name)
{
    return lj_fail(err, LJ_E_MEMBER_INVALID, "short result: \"%s\" is missing or malformed", name);
}

static int get_int(const struct lj_tree *o, const char *name, int64_t min, int64_t max,
                   int64_t *ret, struct lj_err *err)
{
    const struct lj_tree *v = lj_tree_get(o, name);
    if (!lj_tree_is(v, LJ_TREE_INT) || v->integer < min || v->integer > max) {
        return wrong(err, name);
    }
    *ret = v->integer;
    return 0;
}

static int get_word(const struct lj_tree *o, const char *name, const char *const *words, int *ret,
                    struct lj_err *err)
{
    *ret = place(words, lj_tree_text(lj_tree_get(o, name)));
    return *ret != 0 ? 0 : wrong(err, name);
}

/* A time, or none where the member is null. */
static int get_time(const struct lj_tree *o, const char *name, int *ret_has, int64_t *ret,
                    struct lj_err *err)
{
    *ret_has = !lj_tree_is(lj_tree_get(o, name), LJ_TREE_NULL);
    return *ret_has ? get_int(o, name, -TIME_MAX, TIME_MAX, ret, err) : 0;
}

/* How many words of an array of texts are in a list, and how many there are. */
static int count_words(const struct lj_tree *o, const char *name, const char *const *words,
                       size_t *ret_in, size_t *ret_all, struct lj_err *err)
{
    const struct lj_tree *list = lj_tree_get(o, name);
    if (!lj_tree_is(list, LJ_TREE_ARRAY)) {
        return wrong(err, name);
    }
    *ret_in = 0;
    *ret_all = list->count;
    for (const struct lj_tree *v = list->first; v != NULL; v = v->next) {
        if (lj_tree_text(v) == NULL) {
            return wrong(err, name);
        }
        *ret_in += place(words, v->text) != 0;
    }
    return 0;
}

static int read_teams(const struct lj_tree *o, struct lj_quota_activity *a, struct lj_err *err)
{
    const struct lj_tree *list = lj_tree_get(o, "teams");
    if (!lj_tree_is(list, LJ_TREE_ARRAY) || list->count < 1 || list->count > LJ_QUOTA_TEAMS_MAX) {
        return wrong(err, "teams");
    }
    for (const struct lj_tree *v = list->first; v != NULL; v = v->next) {
        if (v->type != LJ_TREE_INT || v->integer < 1 || v->integer > INT32_MAX) {
            return wrong(err, "teams");
        }
        a->teams[a->nteams++] = (int32_t)v->integer;
    }
    return 0;
}

static int is_listed(const struct lj_quota_activity *a, int32_t team)
{
    for (size_t i = 0; i < a->nteams; i++) {
        if (a->teams[i] == team) {
            return 1;
        }
    }
    return 0;
}

/* Whole minutes of the overlap less the break, never negative. */
static int64_t overlap(int64_t in, int64_t out, int64_t start, int64_t end, int64_t pause)
{
    int64_t from = in > start ? in : start;
    int64_t to = out < end ? out : end;
    int64_t minutes = to > from ? (to - from) / MINUTE_US - pause : 0;
    return minutes > 0 ? minutes : 0;
}

struct span {
    int64_t start, end, pause;
};

static int read_row(const struct lj_tree *o, const struct span *s, struct lj_quota_activity *a,
                    struct lj_err *err)
{
    struct lj_quota_row *row = &a->rows[a->nrows];
    int64_t person = 0, team = 0, declared = 0, in = 0, out = 0;
    int has_in = 0, has_out = 0, rc;
    if ((rc = get_int(o, "p", 1, INT32_MAX, &person, err)) != 0 ||
        (rc = get_int(o, "t", 1, INT32_MAX, &team, err)) != 0 ||
        (rc = get_word(o, "r", role_words, &row->role, err)) != 0 ||
        (rc = get_int(o, "d", 0, LJ_QUOTA_DAY_MINUTES, &declared, err)) != 0 ||
        (rc = get_time(o, "in", &has_in, &in, err)) != 0 ||
        (rc = get_time(o, "out", &has_out, &out, err)) != 0) {
        return rc;
    }
    int64_t present = has_in && has_out ? overlap(in, out, s->start, s->end, s->pause) : declared;
    row->person = (int32_t)person;
    row->team = (int32_t)team;
    row->listed = is_listed(a, row->team);
    row->present = (int)present;
    row->base = (int)(present < declared ? present : declared);
    a->nrows++;
    return 0;
}

static int read_roster(const struct lj_tree *o, const struct span *s, struct lj_quota_activity *a,
                       struct lj_err *err)
{
    const struct lj_tree *list = lj_tree_get(o, "roster");
    if (!lj_tree_is(list, LJ_TREE_ARRAY) || list->count > LJ_QUOTA_ROSTER_MAX) {
        return wrong(err, "roster");
    }
    for (const struct lj_tree *v = list->first; v != NULL; v = v->next) {
        int rc = read_row(v, s, a, err);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int32_t local_day(int64_t us)
{
    int64_t t = us + LOCAL_US;
    return (int32_t)((t >= 0 ? t / DAY_US : -((-t + DAY_US - 1) / DAY_US)) - DAYS_1970_TO_2000);
}

/* Start, end, break; net is in the text too, and the two must agree. */
static int read_times(const struct lj_tree *o, struct lj_quota_activity *a, struct span *s,
                      struct lj_err *err)
{
    int64_t net = 0;
    int rc;
    if ((rc = get_int(o, "start", 0, TIME_MAX, &s->start, err)) != 0 ||
        (rc = get_int(o, "end", 0, TIME_MAX, &s->end, err)) != 0 ||
        (rc = get_int(o, "break", 0, LJ_QUOTA_DAY_MINUTES, &s->pause, err)) != 0 ||
        (rc = get_int(o, "net", 0, LJ_QUOTA_DAY_MINUTES, &net, err)) != 0) {
        return rc;
    }
    if (s->end <= s->start || s->end - s->start > DAY_US ||
        (s->end - s->start) / MINUTE_US - s->pause != net) {
        return lj_fail(err, LJ_E_MEMBER_INVALID,
                       "short result: net %d does not follow from start, end and break", (int)net);
    }
    a->start_us = s->start;
    a->day = local_day(s->start);
    a->net = (int)net;
    return 0;
}

static int read_body(const struct lj_tree *o, struct lj_quota_activity *a, struct lj_err *err)
{
    struct span s = {0};
    int64_t site = 0, guidance = 0;
    size_t in = 0, all = 0;
    int rc = read_times(o, a, &s, err);
    if (rc != 0 || (rc = read_teams(o, a, err)) != 0 ||
        (rc = get_word(o, "mode", mode_words, &a->mode, err)) != 0 ||
        (rc = get_int(o, "guidance", 0, LJ_QUOTA_DAY_MINUTES, &guidance, err)) != 0 ||
        (rc = count_words(o, "content", guiding, &in, &all, err)) != 0) {
        return rc;
    }
    a->guidance = (int)guidance;
    a->guided = in > 0;
    if ((rc = count_words(o, "themes", solemn, &in, &all, err)) != 0) {
        return rc;
    }
    a->themes_only = all > 0 && in == all && guidance == 0;
    if (!lj_tree_is(lj_tree_get(o, "site"), LJ_TREE_NULL) &&
        (rc = get_int(o, "site", 1, INT32_MAX, &site, err)) != 0) {
        return rc;
    }
    a->site = (int32_t)site;
    return read_roster(o, &s, a, err);
}

static int read_head(const struct lj_tree *o, struct lj_quota_activity *a, struct lj_err *err)
{
    int64_t version = 0, unit = 0;
    const char *id = lj_tree_text(lj_tree_get(o, "a"));
    int rc;
    if (id == NULL || lj_uuid_parse(id, strlen(id), a->id, NULL) != 0) {
        return wrong(err, "a");
    }
    if ((rc = get_int(o, "v", 1, INT32_MAX, &version, err)) != 0 ||
        (rc = get_int(o, "unit", 0, INT16_MAX, &unit, err)) != 0) {
        return rc;
    }
    a->version = (int32_t)version;
    a->unit = (int16_t)unit;
    return get_word(o, "op", op_words, &a->op, err);
}

/* What a review says: of an approval the version's position, of a dispute the person, of a joint
 * event the other report. */
static int read_review(const struct lj_tree *o, struct lj_quota_activity *a, struct lj_err *err)
{
    int64_t person = 0;
    if (a->op == LJ_QUOTA_APPROVE) {
        return get_int(o, "body", 1, INT64_MAX, &a->body, err);
    }
    if (a->op == LJ_QUOTA_JOINT) {
        const char *other = lj_tree_text(lj_tree_get(o, "other"));
        a->held = 1;
        return other != NULL && lj_uuid_parse(other, strlen(other), a->other, NULL) == 0
                   ? 0
                   : wrong(err, "other");
    }
    if (a->op == LJ_QUOTA_NOTHING) {
        a->held = 1;
        return 0;
    }
    if (a->op > LJ_QUOTA_APPROVE) {
        int rc = get_int(o, "person", 1, INT32_MAX, &person, err);
        a->person = (int32_t)person;
        a->held = 1;
        return rc;
    }
    a->held = lj_tree_is(lj_tree_get(o, "held"), LJ_TREE_TRUE);
    return 0;
}

int lj_quota_read(struct lj_tree_room *room, const char *text, size_t len,
                  struct lj_quota_activity *ret, struct lj_err *err)
{
    const struct lj_tree *o = NULL;
    lj_tree_room_clear(room);
    enum lj_tree_fault fault = lj_tree_read(room, text, len, &o);
    ret->nteams = ret->nrows = 0;
    ret->body = ret->person = ret->held = 0;
    if (fault == LJ_TREE_NOMEM) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a short result");
    }
    if (fault != LJ_TREE_OK || o->type != LJ_TREE_OBJECT) {
        return lj_fail(err, LJ_E_MEMBER_INVALID, "short result: not a JSON object");
    }
    int rc = read_head(o, ret, err);
    if (rc == 0) {
        rc = read_review(o, ret, err);
    }
    if (rc == 0 && ret->op < LJ_QUOTA_WITHDRAW) {
        rc = read_body(o, ret, err);
    }
    return rc;
}
