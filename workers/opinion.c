/* The kind `opinion`: scores what is said about activities. Reports and corrections (title and
 * narrative), feedback of hosts and pupils, items of the media and hotlines.
 *
 * The engine (opinion/opinion.h) says what a text asserts; here an event becomes a text, and the
 * findings a score, a level and, where there is a finding, a follow-on event opinion.flagged with
 * the words that led to it. Score and level: S = clamp(base + heat + source + video), thresholds
 * and floors of the field's opinion module. A text without any assertion or rumour has score 0
 * whatever its heat: reach makes a risk bigger, it does not make one. The burst term needs other
 * events and is not here.
 *
 * Verdict 1 clean, 2 flagged, 3 unreadable (a payload of the wrong form: nothing to score; kept as
 * such). A text longer than the engine takes is scored as far as it goes, so that length is no way
 * round. Pure: no clock, no database; what it judges by is one bundle, replaced between batches. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/uuid.h"
#include "workers/opinion/opinion.h"
#include "workers/worker.h"

enum { CLEAN = 1, FLAGGED = 2, UNREADABLE = 3 };
enum { WORDS_MAX = 20, COUNT_MAX = 2000000000 };

/* Columns of apply_opinion after the standard four. */
enum column {
    C_VERDICT,
    C_STATE,
    C_UNIT,
    C_ACTIVITY,
    C_SOURCE,
    C_POLARITY,
    C_KINDS,
    C_CODE,
    C_SEVERITY,
    C_BASE,
    C_SCORE,
    C_LEVEL,
    C_FINDINGS,
    C_FOLLOW,
    COLUMNS
};
static const enum lj_pgtype columns[COLUMNS] = {
    [C_VERDICT] = LJ_PG_INT2,  [C_STATE] = LJ_PG_TEXT,  [C_UNIT] = LJ_PG_INT2,
    [C_ACTIVITY] = LJ_PG_UUID, [C_SOURCE] = LJ_PG_TEXT, [C_POLARITY] = LJ_PG_INT2,
    [C_KINDS] = LJ_PG_INT4,    [C_CODE] = LJ_PG_TEXT,   [C_SEVERITY] = LJ_PG_INT2,
    [C_BASE] = LJ_PG_INT2,     [C_SCORE] = LJ_PG_INT2,  [C_LEVEL] = LJ_PG_INT2,
    [C_FINDINGS] = LJ_PG_TEXT, [C_FOLLOW] = LJ_PG_TEXT,
};

/* What tells one content of a path from another without reading it. */
struct identity {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
};

struct state {
    struct lj_opinion *engine;
    char *path;           /* of the bundle; NULL: the one that is built in */
    struct identity seen; /* the file that was read last, taken or refused */
    struct lj_opinion_findings found;
    struct lj_buf text;
};

/* What of an event is scored. */
struct subject {
    const char *source; /* a word of sources[] */
    const char *source_zh;
    int points;   /* of the source */
    int national; /* national media: at least ORANGE */
    int heat;
    int video;
    int has_activity;
    uint8_t activity[16];
    size_t title;      /* code points of the title at the head of the text; 0: none */
    const char *field; /* name of the rest of the text in the payload */
    int cut;
};

/* source: domain 7.10, src; feedback is host's or internal's voice */
static const struct {
    const char *word, *zh;
    int points;
} sources[] = {
    {"WEIBO", "微博", 0},        {"WECHAT", "微信", 0},        {"SHORT_VIDEO", "短视频", 0},
    {"FORUM", "论坛", 0},        {"NEWS", "新闻媒体", 0},      {"HOTLINE_12345", "12345热线", 8},
    {"LETTER", "来信", 8},       {"HOST", "承办方反馈", 5},    {"INTERNAL", "内部材料", 5},
    {"PUPIL", "学生反馈", 5},    {"PARENT", "家长反馈", 5},    {"TEACHER", "教师反馈", 5},
    {"RESIDENT", "居民反馈", 5}, {"ATHLETE", "运动员反馈", 5}, {"OTHER", "反馈", 5},
};
enum { ITEM_SOURCES = 9, FIRST_FEEDBACK = 7 }; /* items: the first nine; feedback: from HOST on */

static const struct {
    const char *word;
    int points;
} reaches[] = {{"NATIONAL", 15}, {"PROVINCIAL", 10}, {"BIG_ACCOUNT", 10}, {"OTHER", 0}};

static const char *text_of(json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

/* Smallest x with 4 log10(x) >= 1, 2, ... 25. All else of the score is whole, so its whole part,
 * and the level, need the whole part of the heat alone: no floating point, the same result on every
 * machine. source: domain 7.10, heat */
static const int64_t heat_steps[] = {
    2,    4,    6,     10,    18,    32,    57,     100,    178,    317,    563,     1000,    1779,
    3163, 5624, 10000, 17783, 31623, 56235, 100000, 177828, 316228, 562342, 1000000, 1778280,
};

static int heat_of(int64_t reached)
{
    int heat = 0;
    while (heat < 25 && 1 + reached >= heat_steps[heat]) {
        heat++;
    }
    return heat;
}

/* A count that is missing or no count is 0: heat is a hint, not a reason to refuse a text. */
static int64_t count_of(json_t *o, const char *name)
{
    json_t *v = json_object_get(o, name);
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;
    return n < 0 ? 0 : n > COUNT_MAX ? COUNT_MAX : (int64_t)n;
}

static size_t code_points(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return n;
}

static int set_source(struct subject *s, const char *word, size_t from, size_t to)
{
    for (size_t i = from; word != NULL && i < to; i++) {
        if (strcmp(sources[i].word, word) == 0) {
            s->source = sources[i].word;
            s->source_zh = sources[i].zh;
            s->points = sources[i].points;
            return 1;
        }
    }
    return 0;
}

/* Takes the payload's "activity" where it is there; a malformed one makes the payload unreadable.
 */
static int take_activity(json_t *o, struct subject *s)
{
    json_t *v = json_object_get(o, "activity");
    const char *text = json_string_value(v);
    s->has_activity = text != NULL && lj_uuid_parse(text, strlen(text), s->activity, NULL) == 0;
    return v == NULL || s->has_activity;
}

/* ---- how each type becomes a text; 0 = unreadable ---- */

static int put_report(json_t *body, struct subject *s, struct lj_buf *text)
{
    json_t *narrative = json_object_get(body, "narrative");
    const char *title = text_of(body, "title");
    if (title == NULL || (narrative != NULL && !json_is_string(narrative))) {
        return 0;
    }
    s->title = code_points(title) + 1; /* and the line feed */
    s->field = "narrative";
    s->source = "INTERNAL";
    s->source_zh = "活动报告";
    s->points = 5;
    lj_buf_printf(text, "%s\n%s", title, narrative != NULL ? json_string_value(narrative) : "");
    return 1;
}

static int from_report(json_t *o, const struct lj_event *e, struct subject *s, struct lj_buf *text)
{
    memcpy(s->activity, e->id, sizeof s->activity);
    s->has_activity = 1;
    return put_report(o, s, text);
}

static int from_correction(json_t *o, const struct lj_event *e, struct subject *s,
                           struct lj_buf *text)
{
    (void)e;
    return take_activity(o, s) && put_report(json_object_get(o, "body"), s, text);
}

static int from_feedback(json_t *o, const struct lj_event *e, struct subject *s,
                         struct lj_buf *text)
{
    (void)e;
    const char *words = text_of(o, "text");
    if (words == NULL || !take_activity(o, s) ||
        !set_source(s, text_of(o, "from"), FIRST_FEEDBACK, sizeof sources / sizeof sources[0])) {
        return 0;
    }
    s->field = "text";
    lj_buf_printf(text, "%s", words);
    return 1;
}

static int from_item(json_t *o, const struct lj_event *e, struct subject *s, struct lj_buf *text)
{
    (void)e;
    const char *words = text_of(o, "text"), *reach = text_of(o, "reach");
    if (words == NULL || !take_activity(o, s) ||
        !set_source(s, text_of(o, "source"), 0, ITEM_SOURCES)) {
        return 0;
    }
    for (size_t i = 0; reach != NULL && i < sizeof reaches / sizeof reaches[0]; i++) {
        if (strcmp(reach, reaches[i].word) == 0) {
            s->points = s->points > reaches[i].points ? s->points : reaches[i].points;
            s->national = i == 0;
        }
    }
    s->heat =
        heat_of(count_of(o, "reads") + 20 * count_of(o, "shares") + 5 * count_of(o, "comments"));
    s->video = json_is_true(json_object_get(o, "has_video"));
    s->field = "text";
    lj_buf_printf(text, "%s", words);
    return 1;
}

static const struct {
    const char *type;
    int (*take)(json_t *o, const struct lj_event *e, struct subject *s, struct lj_buf *text);
} types[] = {
    {"activity.submitted", from_report},
    {"activity.corrected", from_correction},
    {"feedback.received", from_feedback},
    {"opinion.item_received", from_item},
};

/* Cuts the text to what the engine takes. */
static void cut(struct subject *s, struct lj_buf *text)
{
    size_t chars = 0;
    for (size_t i = 0; i < text->len; i++) {
        chars += (text->data[i] & 0xC0) != 0x80;
        if (chars > LJ_OPINION_TEXT_MAX) {
            text->len = i;
            s->cut = 1;
        }
    }
}

/* ---- score and level ---- */

struct judgement {
    int score;
    enum lj_opinion_level level;
};

static enum lj_opinion_level level_of(int score)
{
    return score >= 80   ? LJ_OPINION_LEVEL_RED
           : score >= 60 ? LJ_OPINION_LEVEL_ORANGE
           : score >= 35 ? LJ_OPINION_LEVEL_YELLOW
           : score >= 15 ? LJ_OPINION_LEVEL_BLUE
                         : LJ_OPINION_LEVEL_NONE;
}

static struct judgement judge(const struct lj_opinion_findings *f, const struct subject *s)
{
    struct judgement j = {0, LJ_OPINION_LEVEL_NONE};
    if (f->base > 0) {
        int score = f->base + s->heat + s->points + (s->video ? 5 : 0);
        j.score = score > 100 ? 100 : score;
        j.level = level_of(j.score);
    }
    j.level = f->level > j.level ? f->level : j.level;
    if (s->national && f->count > 0 && j.level < LJ_OPINION_LEVEL_ORANGE) {
        j.level = LJ_OPINION_LEVEL_ORANGE;
    }
    return j;
}

/* ---- findings as JSON ---- */

/* Byte offset of a code point. */
static size_t byte_at(const struct lj_buf *text, uint32_t point)
{
    size_t i = 0;
    for (uint32_t seen = 0; i < text->len; i++) {
        if ((text->data[i] & 0xC0) != 0x80 && seen++ == point) {
            break;
        }
    }
    return i;
}

/* The word with its place in the payload's own member: code points from 0, end exclusive. */
static json_t *word_json(const struct lj_opinion_span *span, const struct subject *s,
                         const struct lj_buf *text)
{
    size_t from = byte_at(text, span->start), to = byte_at(text, span->end);
    int in_title = s->title > 0 && span->start < s->title;
    json_int_t shift = in_title ? 0 : (json_int_t)s->title;
    return json_pack("{s:s%, s:s, s:I, s:I}", "word", (const char *)text->data + from, to - from,
                     "field", in_title ? "title" : s->field, "start",
                     (json_int_t)span->start - shift, "end", (json_int_t)span->end - shift);
}

static json_t *words_json(const struct lj_opinion_finding *finding, const struct subject *s,
                          const struct lj_buf *text)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < finding->span_count; i++) {
        if (json_array_append_new(list, word_json(&finding->spans[i], s, text)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *findings_json(const struct lj_opinion_findings *f, const struct subject *s,
                             const struct lj_buf *text)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < f->count; i++) {
        const struct lj_opinion_finding *x = &f->findings[i];
        json_t *o = json_pack("{s:s, s:s, s:i, s:i, s:o}", "kind", lj_opinion_kind_name(x->kind),
                              "code", lj_opinion_code_name(x->code), "severity", x->severity,
                              "score", (int)(x->score * 100), "words", words_json(x, s, text));
        if (json_array_append_new(list, o) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* kinds, kinds_zh, codes and words of opinion.flagged. Returns 0, or -1 when out of memory. */
static int put_lists(json_t *o, const struct lj_opinion_findings *f, const struct subject *s,
                     const struct lj_buf *text)
{
    json_t *kinds = json_array(), *zh = json_array(), *codes = json_array(), *words = json_array();
    int bad = 0;
    uint32_t told = 0, seen = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct lj_opinion_finding *x = &f->findings[i];
        bad |= json_array_append_new(kinds, json_string(lj_opinion_kind_name(x->kind)));
        bad |= json_array_append_new(zh, json_string(lj_opinion_kind_name_zh(x->kind)));
        if (!(seen >> x->code & 1U)) {
            bad |= json_array_append_new(codes, json_string(lj_opinion_code_name(x->code)));
            seen |= 1U << x->code;
        }
        for (uint32_t k = 0; k < x->span_count && told < WORDS_MAX; k++, told++) {
            json_t *word = word_json(&x->spans[k], s, text);
            bad |= json_object_set_new(word, "kind", json_string(lj_opinion_kind_name(x->kind)));
            bad |= json_array_append_new(words, word);
        }
    }
    bad |= json_object_set_new(o, "kinds", kinds);
    bad |= json_object_set_new(o, "kinds_zh", zh);
    bad |= json_object_set_new(o, "codes", codes);
    bad |= json_object_set_new(o, "words", words);
    return bad != 0 ? -1 : 0;
}

/* Payload of opinion.flagged, for free(); NULL when out of memory. */
static char *follow_text(const struct lj_event *e, const struct lj_opinion_findings *f,
                         const struct subject *s, const struct judgement *j,
                         const struct lj_buf *text)
{
    char id[LJ_UUID_TEXT + 1], why[LJ_OPINION_EXPLAIN_MAX];
    (void)lj_opinion_explain(f, (const char *)text->data, text->len, why, sizeof why);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:s}", "type", e->type, "source", s->source,
                  "source_zh", s->source_zh, "severity", f->severity, "score", j->score,
                  "opinion_level", lj_opinion_level_name(j->level), "reason", why);
    int bad = o == NULL;
    if (!bad && s->has_activity) {
        bad |= json_object_set_new(o, "activity", json_string(lj_uuid_format(s->activity, id)));
    }
    bad = bad || put_lists(o, f, s, text) != 0;
    char *ret = bad ? NULL : json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return ret;
}

/* ---- columns ---- */

static void put(struct lj_result *out, enum column column, int64_t value)
{
    lj_pgarray_int(lj_result_column(out, column), value);
}

static void put_text(struct lj_result *out, enum column column, const char *text)
{
    if (text != NULL) {
        lj_pgarray_bytes(lj_result_column(out, column), text, strlen(text));
    } else {
        lj_pgarray_null(lj_result_column(out, column));
    }
}

static void put_activity(struct lj_result *out, const struct subject *s)
{
    if (s->has_activity) {
        lj_pgarray_bytes(lj_result_column(out, C_ACTIVITY), s->activity, sizeof s->activity);
    } else {
        lj_pgarray_null(lj_result_column(out, C_ACTIVITY));
    }
}

static void put_unreadable(const struct lj_event *e, size_t i, struct lj_result *out)
{
    put(out, C_VERDICT, UNREADABLE);
    put_text(out, C_STATE, "unreadable");
    put(out, C_UNIT, e->unit);
    lj_pgarray_null(lj_result_column(out, C_ACTIVITY));
    put_text(out, C_SOURCE, NULL);
    put(out, C_POLARITY, 0);
    put(out, C_KINDS, 0);
    put_text(out, C_CODE, NULL);
    for (enum column c = C_SEVERITY; c <= C_LEVEL; c++) {
        put(out, c, 0);
    }
    put_text(out, C_FINDINGS, NULL);
    put_text(out, C_FOLLOW, NULL);
    lj_result_done(out, i, UNREADABLE);
}

static int put_scored(struct state *st, const struct lj_event *e, size_t i, const struct subject *s,
                      struct lj_result *out, struct lj_err *err)
{
    const struct lj_opinion_findings *f = &st->found;
    struct judgement j = judge(f, s);
    int verdict = f->count > 0 ? FLAGGED : CLEAN;
    json_t *list = verdict == FLAGGED ? findings_json(f, s, &st->text) : NULL;
    char *findings = list != NULL ? json_dumps(list, JSON_COMPACT) : NULL;
    char *follow = verdict == FLAGGED ? follow_text(e, f, s, &j, &st->text) : NULL;
    int32_t kinds = 0;
    int rc = 0;
    json_decref(list);
    for (uint32_t k = 0; k < f->count; k++) {
        kinds |= 1 << f->findings[k].kind;
    }
    if (verdict == FLAGGED && (findings == NULL || follow == NULL)) {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for the findings of a text");
    } else {
        put(out, C_VERDICT, verdict);
        put_text(out, C_STATE, s->cut ? "cut" : "scored");
        put(out, C_UNIT, e->unit);
        put_activity(out, s);
        put_text(out, C_SOURCE, s->source);
        put(out, C_POLARITY, f->polarity);
        put(out, C_KINDS, kinds);
        put_text(out, C_CODE, lj_opinion_code_name(f->main_code));
        put(out, C_SEVERITY, f->severity);
        put(out, C_BASE, f->base);
        put(out, C_SCORE, j.score);
        put(out, C_LEVEL, j.level);
        put_text(out, C_FINDINGS, findings);
        put_text(out, C_FOLLOW, follow);
        lj_result_done(out, i, verdict);
    }
    free(findings);
    free(follow);
    return rc;
}

/* ---- the interface of a kind ---- */

static int one_event(struct state *st, const struct lj_event *e, size_t i, struct lj_result *out,
                     struct lj_err *err)
{
    struct subject s = {0};
    struct lj_err unknown = {0};
    json_error_t why;
    size_t t = 0;
    while (t < sizeof types / sizeof types[0] && strcmp(types[t].type, e->type) != 0) {
        t++;
    }
    if (t == sizeof types / sizeof types[0]) {
        (void)lj_fail(&unknown, LJ_E_TYPE_UNKNOWN, "opinion does not know the type %.60s", e->type);
        lj_result_final(out, i, &unknown);
        return 0;
    }
    json_t *o = json_loadb(e->payload, e->payload_len, JSON_REJECT_DUPLICATES, &why);
    if (o == NULL && json_error_code(&why) == json_error_out_of_memory) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for a payload");
    }
    int rc = 0;
    lj_buf_clear(&st->text);
    if (!json_is_object(o) || !types[t].take(o, e, &s, &st->text)) {
        put_unreadable(e, i, out);
    } else if (st->text.failed) {
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for a text");
    } else {
        cut(&s, &st->text);
        rc = lj_opinion_score(st->engine, (const char *)st->text.data, st->text.len, &st->found,
                              err);
        rc = rc != 0 ? rc : put_scored(st, e, i, &s, out, err);
    }
    json_decref(o);
    return rc;
}

/* ---- the bundle ---- */

static struct identity identify(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return (struct identity){0};
    }
    return (struct identity){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

static int same(const struct identity *a, const struct identity *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* The new engine is complete and has passed its golden cases before the old one goes; between two
 * texts, so none is half judged. A refused bundle is not looked at again until it changes. */
static void opinion_reload(void *state)
{
    struct state *st = state;
    struct lj_opinion *fresh = NULL;
    struct lj_err err = {0};
    if (st->path == NULL) {
        return;
    }
    st->seen = identify(st->path);
    if (lj_opinion_open(st->path, &fresh, &err) != 0) {
        lj_log(LJ_ERROR, "opinion.bundle_refused", "path=\"%s\" kept=%s error=\"%s\"", st->path,
               lj_opinion_version(st->engine), err.text);
        return;
    }
    lj_log(LJ_INFO, "opinion.bundle", "path=\"%s\" version=%s was=%s", st->path,
           lj_opinion_version(fresh), lj_opinion_version(st->engine));
    lj_opinion_close(&st->engine);
    st->engine = fresh;
}

/* A file that vanished is no replacement: what is in use stays. */
static void take_replacement(struct state *st)
{
    static const struct identity none;
    if (st->path == NULL) {
        return;
    }
    struct identity now = identify(st->path);
    if (!same(&now, &none) && !same(&now, &st->seen)) {
        opinion_reload(st);
    }
}

static int opinion_batch(void *state, const struct lj_batch *in, struct lj_result *out,
                         struct lj_err *err)
{
    int rc = 0;
    take_replacement(state);
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        rc = one_event(state, &in->events[i], i, out, err);
    }
    return rc;
}

static void opinion_close(void **state)
{
    struct state *st = *state;
    if (st == NULL) {
        return;
    }
    lj_opinion_close(&st->engine);
    lj_buf_free(&st->text);
    free(st->path);
    free(st);
    *state = NULL;
}

/* Where no file stands yet, the built-in bundle serves until one does: a place may be named before
 * anything was trained. A file that stands there and is refused is an error. */
static int open_engine(struct state *st, struct lj_err *err)
{
    static const struct identity none;
    bool missing = false;
    if (st->path != NULL) {
        st->seen = identify(st->path);
        missing = same(&st->seen, &none);
    }
    int rc = lj_opinion_open(missing ? NULL : st->path, &st->engine, err);
    if (rc == 0 && missing) {
        lj_log(LJ_INFO, "opinion.bundle_awaited", "path=\"%s\" version=%s", st->path,
               lj_opinion_version(st->engine));
    }
    return rc;
}

static int opinion_open(const struct lj_worker_ctx *ctx, void **ret_state, struct lj_err *err)
{
    struct state *st = calloc(1, sizeof *st);
    void *half = st;
    const char *path = ctx != NULL ? ctx->opinion_bundle : NULL;
    if (st != NULL && path != NULL) {
        st->path = strdup(path);
    }
    int rc = st == NULL || (path != NULL && st->path == NULL)
                 ? lj_fail(err, LJ_E_NOMEM, "no memory for opinion")
                 : 0;
    if (rc == 0) {
        rc = open_engine(st, err);
    }
    if (rc != 0) {
        opinion_close(&half);
        return rc;
    }
    *ret_state = st;
    return 0;
}

const struct lj_worker lj_worker_opinion = {
    .kind = "opinion",
    .version = "2",
    .columns = columns,
    .ncolumns = COLUMNS,
    .open = opinion_open,
    .batch = opinion_batch,
    .close = opinion_close,
    .reload = opinion_reload,
};
