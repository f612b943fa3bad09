/* The current versions and states of the activities that a batch is about.
 *
 * "Current" is what is committed. That is the version at the event's position, because validation
 * takes one event of a key at a time, in order, and an event whose key is not its activity's id is
 * rejected (case.c): whatever came before is closed, whatever comes after has not begun. What comes
 * with the days of the log is asked as of the event's position.
 *
 * One query with all ids; the index on (activity, version) makes it one probe each. A second one
 * asks what only a review wants to know. Activities of a batch are distinct (one event of a key a
 * batch), but nothing here depends on it.
 */
#include "workers/validation/current.h"

#include <string.h>

#include "common/pgparam.h"
#include "workers/validation/review.h"

enum about { ABOUT_ACTIVITY = 1, ABOUT_PERSON = 2, ABOUT_HOST = 3 };

static const struct lj_statement current = {
    "validation_current",
    "select a.ordinal::int4, v.unit, v.version, v.step, v.about,"
    " case when v.state = 3 and activity_lapsed(a.activity, a.position) then 10::int2 else v.state "
    "end, v.start_at, coalesce((select m.side = 32 from activity_mark(a.activity, 31::int2,"
    " a.position) m), false)"
    " from unnest($1::uuid[], $2::int8[]) with ordinality a(activity, position, ordinal)"
    " cross join lateral activity_now(a.activity) v order by 1"};

static const struct lj_statement review = {
    "validation_review",
    "select a.ordinal::int4, b.position, coalesce(l.version, 0), coalesce(w.number, 0),"
    " w.number is not null and exists (select from json_array_elements(b.short::json -> 'roster') r"
    "  where (r ->> 'p')::int4 = w.number),"
    " coalesce(b.notes like '%\"V17\"%', false), activity_side(a.activity, w.number, "
    "a.position)::int4,"
    " rep.source, own.source,"
    " left(coalesce(rep.payload::json ->> 'title', rep.payload::json -> 'body' ->> 'title', ''), "
    "60), coalesce(l.position, 0),"
    " coalesce(d.side = 21 and d.about = v.about, false), coalesce(o.side, 0::int2), "
    "coalesce(ask.source, '')"
    " from unnest($1::uuid[], $2::int8[], $3::text[], $4::int2[])"
    "  with ordinality a(activity, position, person, about, ordinal)"
    " cross join lateral activity_now(a.activity) v"
    " join validation b on b.activity = a.activity and b.version = v.about"
    " join event rep on rep.position = b.position join event own on own.position = a.position"
    " left join lateral (select y.version, y.position from validation y where v.state = 7"
    "  and y.activity = a.activity and y.version = (select coalesce(x.version, x.about)"
    "   from validation x where x.activity = a.activity and x.state in (4, 5)"
    "   order by coalesce(x.step, x.version) desc limit 1)) l on true"
    " left join lateral (select p.number from person p join unit u on u.number = p.unit"
    "  where u.code = split_part(a.person, '/', 1) and p.code = split_part(a.person, '/', 2)"
    "  and p.position < a.position) w on true"
    " left join lateral activity_mark(a.activity, 21::int2, a.position) d on true"
    " left join lateral activity_mark(a.activity, 31::int2, a.position) o on true"
    " left join event ask on ask.position = o.position"
    " where a.about > 0 order by 1"};

static int asks(const struct lj_case *c)
{
    return c->op != LJ_OP_REPORT && c->has_activity;
}

static int take(void *arg, const PGresult *res, struct lj_err *err)
{
    const struct lj_current_want *want = arg;
    int row = 0, ordinal = 0;
    (void)err;
    for (size_t i = 0; i < want->count && row < PQntuples(res); i++) {
        struct lj_case *c = &want->cases[i];
        if (!asks(c) || ++ordinal != lj_pgget_i32(res, row, 0))
            continue;
        c->current = (struct lj_current){
            .known = 1,
            .unit = lj_pgget_i16(res, row, 1),
            .version = lj_pgget_i32(res, row, 2),
            .step = lj_pgget_i32(res, row, 3),
            .about = lj_pgget_i32(res, row, 4),
            .state = (enum lj_activity_state)lj_pgget_i16(res, row, 5),
            .start_us = lj_pgget_time_us(res, row, 6),
            .opened = *PQgetvalue(res, row, 7) != 0,
        };
        row++;
    }
    return 0;
}

static int take_review(void *arg, const PGresult *res, struct lj_err *err)
{
    const struct lj_current_want *want = arg;
    int row = 0, ordinal = 0;
    (void)err;
    for (size_t i = 0; i < want->count && row < PQntuples(res); i++) {
        struct lj_current *now = &want->cases[i].current;
        if (!asks(&want->cases[i]) || ++ordinal != lj_pgget_i32(res, row, 0))
            continue;
        now->body = lj_pgget_i64(res, row, 1);
        now->approved = lj_pgget_i32(res, row, 2);
        now->person = lj_pgget_i32(res, row, 3);
        now->on_roster = *PQgetvalue(res, row, 4) != 0;
        now->needs_note = *PQgetvalue(res, row, 5) != 0;
        now->side = (enum lj_side)lj_pgget_i32(res, row, 6);
        lj_who_parse(PQgetvalue(res, row, 7), (size_t)PQgetlength(res, row, 7), &now->reporter);
        now->approved_body = lj_pgget_i64(res, row, 10);
        (void)strncpy(now->title, PQgetvalue(res, row, 9), sizeof now->title - 1);
        lj_who_parse(PQgetvalue(res, row, 8), (size_t)PQgetlength(res, row, 8), &now->reviewer);
        now->suspect = *PQgetvalue(res, row, 11) != 0;
        now->year = (enum lj_side)lj_pgget_i16(res, row, 12);
        lj_who_parse(PQgetvalue(res, row, 13), (size_t)PQgetlength(res, row, 13), &now->asker);
        row++;
    }
    return 0;
}

enum { ACTIVITIES, POSITIONS, PERSONS, ABOUTS, PARAMS };

static void ask_one(const struct lj_case *c, struct lj_pgarray *params)
{
    char person[64];
    int about = LJ_OP_MAKES(c->op)       ? 0
                : lj_op_is_person(c->op) ? ABOUT_PERSON
                : lj_op_is_host(c->op)   ? ABOUT_HOST
                                         : ABOUT_ACTIVITY;
    lj_pgarray_bytes(&params[ACTIVITIES], c->activity, sizeof c->activity);
    lj_pgarray_int(&params[POSITIONS], c->event->position);
    if (lj_review_person(c, person, sizeof person))
        lj_pgarray_bytes(&params[PERSONS], person, strlen(person));
    else
        lj_pgarray_null(&params[PERSONS]);
    lj_pgarray_int(&params[ABOUTS], about);
}

static int add(struct lj_fetch *reader, struct lj_pgarray *arrays, int reviews,
               struct lj_current_want *want, struct lj_err *err)
{
    struct lj_fetch_params params = {.count = 2};
    int rc = 0;
    for (int i = 0; rc == 0 && i < PARAMS; i++) {
        const uint8_t *p = NULL;
        size_t n = 0;
        rc = lj_pgarray_done(&arrays[i], &p, &n, err);
        params.values[i] = (const char *)p;
        params.lengths[i] = (int)n;
    }
    if (rc == 0)
        rc = lj_fetch_add(reader, &current, &params, take, want, err);
    params.count = PARAMS;
    if (rc == 0 && reviews)
        rc = lj_fetch_add(reader, &review, &params, take_review, want, err);
    return rc;
}

int lj_current_need(struct lj_fetch *reader, struct lj_current_want *want, struct lj_err *err)
{
    static const enum lj_pgtype types[PARAMS] = {LJ_PG_UUID, LJ_PG_INT8, LJ_PG_TEXT, LJ_PG_INT2};
    struct lj_pgarray arrays[PARAMS] = {0};
    size_t asked = 0;
    int reviews = 0;
    for (int i = 0; i < PARAMS; i++)
        lj_pgarray_init(&arrays[i], types[i]);
    for (size_t i = 0; i < want->count; i++)
        if (asks(&want->cases[i])) {
            ask_one(&want->cases[i], arrays);
            reviews |= !LJ_OP_MAKES(want->cases[i].op);
            asked++;
        }
    int rc = asked ? add(reader, arrays, reviews, want, err) : 0;
    for (int i = 0; i < PARAMS; i++)
        lj_pgarray_free(&arrays[i]);
    return rc;
}
