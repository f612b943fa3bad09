/* The kind `validation`: judges reports, corrections and withdrawals of activities, and what a
 * review says of them.
 *
 * A batch goes through in five steps: read every payload, ask for every register code and every
 * activity's current version, fetch what is not cached (one round trip), judge each case by all
 * rules, write verdict, columns and short result. The rules are in validation/rules.c, their texts
 * in validation/rules.def, numbers are settings (settings.def), the shape of a body in
 * validation/body.c, states and moves in validation/states.def.
 *
 * Verdict 1 accepted: a version of the activity with the short result that quota gets; warnings and
 * flags are kept with it. Verdict 2 rejected: activity.rejected with the reasons follows. An
 * accepted withdrawal is announced by activity.withdrawn, what a review is about by
 * activity.state_changed. Nothing here fails
 * an event finally but a type that this kind does not know: whatever a client can write is judged,
 * not parked.
 *
 * The kind's row: ordering by key, one event of a key a batch (it reads what it wrote), barrier on
 * register (db/functions/validation.sql).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/uuid.h"
#include "workers/runner/calendar.h"
#include "workers/runner/lookup.h"
#include "workers/validation/current.h"
#include "workers/validation/filler.h"
#include "workers/validation/review.h"
#include "workers/validation/sketch.h"
#include "workers/validation/text.h"
#include "workers/worker.h"

enum { ACCEPTED = 1, REJECTED = 2 };

/* Columns of apply_validation after the standard four. */
enum column {
    C_VERDICT,
    C_OP,
    C_ACTIVITY,
    C_VERSION,
    C_BASE,
    C_STATE,
    C_UNIT,
    C_START,
    C_DAY,
    C_TEAMS,
    C_SHORT,
    C_NOTES,
    C_LEGACY,
    C_END,
    C_AUDIENCE,
    C_ORDER,
    C_PHOTOS,
    C_STEP,
    C_ABOUT,
    C_PERSON,
    C_SIDE,
    C_REVIEW,
    C_SKETCH,
    C_COST,
    C_STAFF,
    C_TRAVEL,
    C_LESSON,
    C_QUALITY,
    C_FOLLOW_AT, /* ragged: place in the batch, from 1, of what a follow-on is of */
    C_FOLLOW,
    COLUMNS
};
static const enum lj_pgtype columns[COLUMNS] = {
    [C_VERDICT] = LJ_PG_INT2, [C_OP] = LJ_PG_INT2,           [C_ACTIVITY] = LJ_PG_UUID,
    [C_VERSION] = LJ_PG_INT4, [C_BASE] = LJ_PG_INT4,         [C_STATE] = LJ_PG_INT2,
    [C_UNIT] = LJ_PG_INT2,    [C_START] = LJ_PG_TIMESTAMPTZ, [C_DAY] = LJ_PG_DATE,
    [C_TEAMS] = LJ_PG_TEXT,   [C_SHORT] = LJ_PG_TEXT,        [C_NOTES] = LJ_PG_TEXT,
    [C_LEGACY] = LJ_PG_BOOL,  [C_END] = LJ_PG_TIMESTAMPTZ,   [C_AUDIENCE] = LJ_PG_INT4,
    [C_ORDER] = LJ_PG_INT8,   [C_PHOTOS] = LJ_PG_TEXT,       [C_STEP] = LJ_PG_INT4,
    [C_ABOUT] = LJ_PG_INT4,   [C_PERSON] = LJ_PG_INT4,       [C_SIDE] = LJ_PG_INT2,
    [C_REVIEW] = LJ_PG_INT2,  [C_SKETCH] = LJ_PG_TEXT,       [C_COST] = LJ_PG_INT4,
    [C_STAFF] = LJ_PG_INT4,   [C_TRAVEL] = LJ_PG_INT4,       [C_LESSON] = LJ_PG_INT4,
    [C_QUALITY] = LJ_PG_INT2, [C_FOLLOW_AT] = LJ_PG_INT4,    [C_FOLLOW] = LJ_PG_TEXT,
};

struct state {
    struct lj_lookup *lookup;
    struct lj_anchors *anchors;
    struct lj_settings *settings;
    struct lj_tree_room room; /* of the batch's payloads */
    struct lj_case *cases;    /* kept from batch to batch */
    size_t cap;
    struct lj_buf text; /* scratch of one event */
};

static int read_cases(struct state *s, const struct lj_batch *in, struct lj_err *err)
{
    if (in->count > s->cap) {
        struct lj_case *cases = reallocarray(s->cases, in->count, sizeof *cases);
        if (!cases)
            return lj_fail(err, LJ_E_NOMEM, "no memory for %zu cases", in->count);
        s->cases = cases;
        s->cap = in->count;
    }
    int rc = 0;
    lj_tree_room_clear(&s->room);
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        rc = lj_case_read(&s->cases[i], &in->events[i], &s->room, err);
        s->cases[i].anchors = s->anchors;
        s->cases[i].settings = s->settings;
    }
    return rc;
}

static int fetch_facts(struct state *s, const struct lj_batch *in, struct lj_err *err)
{
    struct lj_current_want want = {s->cases, in->count};
    int rc = 0;
    lj_lookup_begin(s->lookup);
    for (size_t i = 0; rc == 0 && i < in->count; i++)
        rc = lj_case_need(&s->cases[i], s->lookup, err);
    if (rc == 0)
        rc = lj_current_need(lj_lookup_reader(s->lookup), &want, err);
    if (rc == 0)
        rc = lj_filler_need(lj_lookup_reader(s->lookup), &want, err);
    if (rc == 0)
        rc = lj_settings_need(s->settings, lj_lookup_reader(s->lookup), err);
    if (rc == 0)
        rc = lj_lookup_fetch(s->lookup, err);
    if (rc == 0)
        rc = lj_settings_update(s->settings, lj_lookup_reader(s->lookup), err);
    for (size_t i = 0; rc == 0 && i < in->count; i++)
        lj_case_facts(&s->cases[i], s->lookup);
    return rc;
}

/* ---- effects ---- */

static void put_text(struct lj_result *out, enum column column, const char *text)
{
    if (text)
        lj_pgarray_bytes(lj_result_column(out, column), text, strlen(text));
    else
        lj_pgarray_null(lj_result_column(out, column));
}

static json_t *title_of(const struct lj_case *c)
{
    const char *text = LJ_HAS(&c->body, TITLE) ? c->body.title : c->current.title;
    size_t len = strlen(text);
    char *plain = malloc(len + 1);
    if (!plain)
        return NULL;
    lj_text_plain(text, len, plain);
    json_t *title = json_string(plain);
    free(plain);
    return title;
}

/* What an accepted event has to say: a withdrawal, or a state that somebody has to know of. */
static int has_news(const struct lj_case *c)
{
    enum lj_activity_state to = lj_case_state(c);
    return c->op == LJ_OP_WITHDRAW || c->op == LJ_OP_PERSON_DISPUTE || c->op == LJ_OP_DUP_JOINT ||
           (c->op <= LJ_OP_CORRECT ? to == LJ_STATE_UNIT_REVIEW || to == LJ_STATE_CORRECTION_PENDING
                                   : to != c->current.state || c->op == LJ_OP_HOST_DISPUTE);
}

static int put_news(const struct lj_case *c, json_t *o)
{
    static const char *const states[] = {
#define STATE(symbol, number, live) [number] = #symbol,
#define MOVE(op, review, from, to)
#define SIDE(op, from, to)
#include "workers/validation/states.def"
#undef STATE
#undef MOVE
#undef SIDE
    };
    int bad = json_object_set_new(o, "version", json_integer(lj_case_about(c)));
    if (c->op != LJ_OP_WITHDRAW) {
        bad |= json_object_set_new(o, "type", json_string(c->event->type));
        bad |= json_object_set_new(o, "from", json_string(states[c->current.state]));
        bad |= json_object_set_new(o, "state", json_string(states[lj_case_state(c)]));
    }
    if (c->op != LJ_OP_WITHDRAW && (LJ_HAS(&c->body, TITLE) || c->current.title[0]))
        bad |= json_object_set_new(o, "title", title_of(c));
    if (c->reason)
        bad |= json_object_set_new(o, "reason", json_string(c->reason));
    return bad;
}

static int put_refusal(const struct lj_case *c, json_t *o)
{
    size_t all = c->found.count + c->found.dropped;
    int bad = json_object_set_new(o, "type", json_string(c->event->type));
    if (LJ_HAS(&c->body, TITLE) || c->current.title[0])
        bad |= json_object_set_new(o, "title", title_of(c));
    bad |= json_object_set_new(o, "reasons", lj_reasons_told(&c->found));
    if (all > LJ_REASONS_TOLD)
        bad |= json_object_set_new(o, "more", json_integer((json_int_t)(all - LJ_REASONS_TOLD)));
    return bad;
}

/* Payload of activity.rejected, activity.withdrawn or activity.state_changed, for free(); NULL when
 * out of memory. */
static char *follow_text(const struct lj_case *c, int verdict)
{
    char id[LJ_UUID_TEXT + 1];
    json_t *o = json_pack("{s:s}", "activity", lj_uuid_format(c->activity, id));
    int bad = !o || (verdict == REJECTED ? put_refusal(c, o) : put_news(c, o));
    char *text = bad ? NULL : json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

/* The activity's day and teams, where an accepted body gives them; a withdrawal keeps the start
 * that stood. */
static void put_when_and_who(const struct lj_case *c, int verdict, struct lj_result *out)
{
    char teams[LJ_TEAMS_MAX * 12 + 3] = "{";
    int has_body = c->op == LJ_OP_REPORT || c->op == LJ_OP_CORRECT;
    int64_t start_us = has_body ? c->body.start_us : c->current.start_us;
    if (verdict != ACCEPTED) {
        lj_pgarray_null(lj_result_column(out, C_START));
        lj_pgarray_null(lj_result_column(out, C_DAY));
        lj_pgarray_null(lj_result_column(out, C_TEAMS));
        return;
    }
    lj_pgarray_int(lj_result_column(out, C_START), start_us);
    lj_pgarray_int(lj_result_column(out, C_DAY), lj_local_day(start_us));
    size_t n = 1;
    for (size_t i = 0; i < c->body.nteams; i++)
        n += (size_t)snprintf(teams + n, sizeof teams - n, "%s%d", i ? "," : "",
                              (int)c->body.teams[i].number);
    (void)snprintf(teams + n, sizeof teams - n, "}");
    put_text(out, C_TEAMS, has_body ? teams : NULL);
}

/* [{place, hash, sight?}]; hashes are hexadecimal, so nothing needs escaping. */
static void put_photos(const struct lj_body *b, struct lj_result *out)
{
    enum { ONE = 140 };
    char text[LJ_PHOTOS_MAX * ONE + 3] = "[";
    size_t n = 1;
    for (size_t i = 0; i < b->nphotos; i++) {
        const struct lj_photo *p = &b->photos[i];
        n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"place\":%zu,\"hash\":\"%s\"%s%s%s}",
                              i ? "," : "", p->place, p->hash, p->sight ? ",\"sight\":\"" : "",
                              p->sight ? p->sight : "", p->sight ? "\"" : "");
    }
    (void)snprintf(text + n, sizeof text - n, "]");
    put_text(out, C_PHOTOS, b->nphotos ? text : NULL);
}

static void put_int_if(struct lj_result *out, enum column column, int there, int64_t v)
{
    if (there)
        lj_pgarray_int(lj_result_column(out, column), v);
    else
        lj_pgarray_null(lj_result_column(out, column));
}

/* The narrative's sketch, where it is long enough to be compared (V32). */
static void put_sketch(const struct lj_case *c, struct lj_result *out)
{
    uint8_t sketch[LJ_SKETCH_BYTES];
    char hex[LJ_SKETCH_HEX + 1];
    const char *text = LJ_HAS(&c->body, NARRATIVE) ? c->body.narrative : "";
    int64_t least = lj_case_setting(c, LJ_SETTING_V32_CHARACTERS, INT64_MAX);
    size_t len = strlen(text);
    int64_t n = (int64_t)len >= least ? (int64_t)lj_sketch(text, len, sketch) : 0;
    int has = n >= least && n >= LJ_SKETCH_SHINGLE;
    if (has)
        lj_sketch_hex(sketch, hex);
    put_text(out, C_SKETCH, has ? hex : NULL);
}

/* What flags are raised by; null for what is no accepted body. */
static void put_flag_facts(const struct lj_case *c, int verdict, struct lj_result *out)
{
    static const enum column facts[] = {C_END,  C_AUDIENCE, C_ORDER,  C_PHOTOS, C_SKETCH,
                                        C_COST, C_STAFF,    C_TRAVEL, C_LESSON, C_QUALITY};
    const struct lj_body *b = &c->body;
    if (verdict != ACCEPTED || c->op > LJ_OP_CORRECT) {
        for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
            lj_pgarray_null(lj_result_column(out, facts[i]));
        return;
    }
    int64_t order = lj_case_order(c);
    lj_pgarray_int(lj_result_column(out, C_END), c->body.end_us);
    lj_pgarray_int(lj_result_column(out, C_AUDIENCE), c->body.audience);
    if (order)
        lj_pgarray_int(lj_result_column(out, C_ORDER), order);
    else
        lj_pgarray_null(lj_result_column(out, C_ORDER));
    put_photos(b, out);
    put_sketch(c, out);
    put_int_if(out, C_COST, LJ_HAS(b, COST_YUAN) != 0, (int64_t)b->cost_yuan);
    put_int_if(out, C_STAFF, LJ_HAS(b, STAFF_COUNT) != 0, b->staff_count);
    put_int_if(out, C_TRAVEL, LJ_HAS(b, TRAVEL_MINUTES) != 0, b->travel_minutes);
    put_int_if(out, C_LESSON, LJ_HAS(b, LESSON_COUNT) != 0, b->lesson_count);
    lj_pgarray_int(lj_result_column(out, C_QUALITY), lj_case_quality(b));
}

/* What the review makes of an accepted event. */
static void put_review(const struct lj_case *c, int verdict, struct lj_result *out)
{
    int there = verdict == ACCEPTED, makes = LJ_OP_MAKES(c->op);
    int side = lj_op_is_person(c->op) || lj_op_is_host(c->op), mark = lj_op_mark(c->op);
    put_int_if(out, C_VERSION, there && makes, c->current.version + 1);
    put_int_if(out, C_STATE, there, lj_case_state(c));
    put_int_if(out, C_STEP, there, c->current.step + 1);
    put_int_if(out, C_ABOUT, there && !makes, lj_case_about(c));
    put_int_if(out, C_PERSON, there && c->person, c->current.person);
    put_int_if(out, C_SIDE, there && (side || mark > 0),
               side ? lj_side_after(c->current.side, c->op) : mark);
    put_int_if(out, C_REVIEW, there && makes, c->body.review);
}

static void put_numbers(const struct lj_case *c, int verdict, struct lj_result *out)
{
    lj_pgarray_int(lj_result_column(out, C_VERDICT), verdict);
    lj_pgarray_int(lj_result_column(out, C_OP), c->op);
    lj_pgarray_bytes(lj_result_column(out, C_ACTIVITY), c->activity, sizeof c->activity);
    lj_pgarray_int(lj_result_column(out, C_UNIT), c->event->unit);
    put_int_if(out, C_BASE, c->has_base, c->base_version);
    put_review(c, verdict, out);
    put_when_and_who(c, verdict, out);
    put_flag_facts(c, verdict, out);
}

/* row: place among the done events, from 1. */
static int put_case(struct state *s, size_t i, size_t row, struct lj_result *out,
                    struct lj_err *err)
{
    struct lj_case *c = &s->cases[i];
    int verdict = c->found.errors ? REJECTED : ACCEPTED;
    int follows = verdict == REJECTED ? !lj_op_is_settled(c->op) : has_news(c);
    if (!c->has_activity) /* the id is not one: the event's own stands for it */
        memcpy(c->activity, c->event->id, sizeof c->activity);
    lj_buf_clear(&s->text);
    if (verdict == ACCEPTED)
        lj_case_short(c, &s->text);
    char *follow = follows ? follow_text(c, verdict) : NULL;
    char *notes = c->found.count ? lj_reasons_notes(&c->found) : NULL;
    int rc = 0;
    if (s->text.failed || (follows && !follow) || (c->found.count && !notes))
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for the result of an event");
    if (rc == 0) {
        put_numbers(c, verdict, out);
        put_text(out, C_NOTES, notes);
        lj_pgarray_bool(lj_result_column(out, C_LEGACY), lj_case_legacy(c));
        if (follow) {
            lj_pgarray_int(lj_result_column(out, C_FOLLOW_AT), (int64_t)row);
            put_text(out, C_FOLLOW, follow);
        }
        if (verdict == ACCEPTED) {
            lj_pgarray_bytes(lj_result_column(out, C_SHORT), s->text.data, s->text.len);
            lj_result_short(out, i, s->text.data, s->text.len);
        } else {
            lj_pgarray_null(lj_result_column(out, C_SHORT));
        }
        lj_result_done(out, i, verdict);
    }
    free(follow);
    free(notes);
    return rc;
}

static int judge_all(struct state *s, const struct lj_batch *in, struct lj_result *out,
                     struct lj_err *err)
{
    size_t done = 0;
    int rc = fetch_facts(s, in, err);
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        struct lj_err why = {0};
        if (s->cases[i].op == 0) {
            (void)lj_fail(&why, LJ_E_TYPE_UNKNOWN, "validation does not know the type %.60s",
                          in->events[i].type);
            lj_result_final(out, i, &why);
            continue;
        }
        lj_case_judge(&s->cases[i]);
        rc = put_case(s, i, ++done, out, err);
    }
    return rc;
}

/* ---- the interface of a kind ---- */

static int validation_batch(void *state, const struct lj_batch *in, struct lj_result *out,
                            struct lj_err *err)
{
    struct state *s = state;
    int rc = read_cases(s, in, err);
    if (rc < 0)
        return rc;
    return judge_all(s, in, out, err);
}

static void validation_close(void **state)
{
    struct state *s = *state;
    if (!s)
        return;
    lj_lookup_close(&s->lookup);
    lj_anchors_close(&s->anchors);
    lj_settings_close(&s->settings);
    lj_tree_room_free(&s->room);
    free(s->cases);
    lj_buf_free(&s->text);
    free(s);
    *state = NULL;
}

static int validation_open(const struct lj_worker_ctx *ctx, void **ret_state, struct lj_err *err)
{
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        return lj_fail(err, LJ_E_NOMEM, "no memory for validation");
    int rc = lj_anchors_open(&s->anchors, err);
    if (rc == 0)
        rc = lj_settings_open(&s->settings, err);
    if (rc == 0)
        rc = lj_lookup_open(ctx->dsn, ctx->name, &s->lookup, err);
    if (rc < 0) {
        void *half = s;
        validation_close(&half);
        return rc;
    }
    *ret_state = s;
    return 0;
}

const struct lj_worker lj_worker_validation = {
    .kind = "validation",
    .version = "6",
    .columns = columns,
    .ncolumns = COLUMNS,
    .open = validation_open,
    .batch = validation_batch,
    .close = validation_close,
};
