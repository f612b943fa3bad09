/* What the board says to whom.
 *
 * Units outside the asker's subtree are not in it, and no sum counts them. An observer gets no
 * figure about fewer than five persons: where a unit has one to four persons with a duty, their
 * count, how many have met it, and the unit's minutes (which are theirs) are null, and sums leave
 * that unit out, so that nothing can be found by subtraction. Events are shown as everywhere in the
 * stream: position, type, unit, id; no content. Rates and backlog are the system's: they say how
 * it is, not what is in it. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/timefmt.h"
#include "common/uuid.h"
#include "gateway/board_part.h"
#include "gateway/jsonw.h"

enum { EVENTS = 20, EVENTS_SCANNED = 4000 };

#define RATE_US  INT64_C(5000000)
#define ACK_US   INT64_C(60000000)
#define POINT_US INT64_C(1000000)

struct sums {
    uint64_t accepted, rejected, unread;
    int64_t teams_owing, teams_met, persons_owing, persons_met, minutes, sessions;
    size_t units, hidden;
};

static void put_time(struct lj_buf *b, const char *name, int64_t us)
{
    char text[LJ_TIME_TEXT + 1];
    struct lj_err err = {0};
    if (us > 0 && lj_time_format(us / 1000 * 1000, text, &err) == 0) {
        lj_buf_printf(b, "\"%s\":\"%s\",", name, text);
    } else {
        lj_buf_printf(b, "\"%s\":null,", name);
    }
}

static const char *word(bool yes)
{
    return yes ? "true" : "false";
}

/* Milliseconds of a bucket's bound; beyond the last there is no number to say. */
static void put_ms(struct lj_buf *b, const char *name, int64_t us)
{
    if (us < 0 || us == INT64_MAX) {
        lj_buf_printf(b, ",\"%s\":%s", name, us < 0 ? "null" : "\"over\"");
    } else {
        lj_buf_printf(b, ",\"%s\":%.1f", name, (double)us / 1000);
    }
}

static void put_live(struct lj_buf *b, const struct lj_live *l, bool known)
{
    if (!known || l->taken == 0) {
        lj_buf_printf(b, "\"live\":null,");
        return;
    }
    lj_buf_printf(b, "\"live\":{\"per_second\":%.1f,\"stored_total\":%llu",
                  lj_live_rate(l, RATE_US), (unsigned long long)l->stored);
    put_ms(b, "ack_p50_ms", lj_live_ack_us(l, ACK_US, 0.5));
    put_ms(b, "ack_p99_ms", lj_live_ack_us(l, ACK_US, 0.99));
    lj_buf_printf(b, "},");
}

static void put_history(struct lj_buf *b, const struct lj_live *l)
{
    const struct lj_live_sample *s;
    lj_buf_printf(b, "\"history\":[");
    for (size_t i = 0; (s = lj_live_at(l, i)) != NULL; i++) {
        double span = s->span_us > 0 ? (double)s->span_us : (double)POINT_US;
        lj_buf_printf(b, "%s[%lld,%.1f,%llu]", i ? "," : "", (long long)(s->at_us / 1000000),
                      (double)s->stored * 1e6 / span, (unsigned long long)s->backlog);
    }
    lj_buf_printf(b, "],");
}

static const struct lj_live_kind *live_kind(const struct lj_live *l, const char *name)
{
    for (size_t i = 0; i < l->n_kinds; i++) {
        if (strcmp(l->kinds[i].name, name) == 0) {
            return &l->kinds[i];
        }
    }
    return NULL;
}

static void put_kinds(struct lj_buf *b, const struct lj_board *board, bool known)
{
    lj_buf_printf(b, "\"kinds\":[");
    for (size_t i = 0; i < board->n_kinds; i++) {
        const struct lj_board_kind *k = &board->kinds[i];
        const struct lj_live_kind *live = known ? live_kind(&board->live, k->name) : NULL;
        int first = 1;
        lj_buf_printf(b, "%s{", i ? "," : "");
        lj_jsonw_member(b, &first, "name", k->name);
        lj_jsonw_member(b, &first, "state", k->state);
        lj_buf_printf(b, ",\"watermark\":%lld,\"parked\":%lld", (long long)k->watermark,
                      (long long)k->parked);
        if (live) {
            lj_buf_printf(b, ",\"backlog\":%llu,\"oldest_s\":%.1f,\"closed_total\":%llu}",
                          (unsigned long long)live->backlog, live->age_s,
                          (unsigned long long)live->closed);
        } else {
            lj_buf_printf(b, ",\"backlog\":null,\"oldest_s\":null,\"closed_total\":null}");
        }
    }
    lj_buf_printf(b, "],");
}

static void put_event(struct lj_buf *b, const struct lj_ring_item *item, bool comma)
{
    char id[LJ_UUID_TEXT + 1];
    int first = 0;
    lj_buf_printf(b, "%s{\"position\":%lld", comma ? "," : "", (long long)item->number);
    lj_jsonw_member(b, &first, "type", item->name);
    lj_jsonw_member(b, &first, "unit", item->unit);
    lj_jsonw_member(b, &first, "id", lj_uuid_format(item->id, id));
    lj_buf_u8(b, '}');
}

static void put_events(struct lj_buf *b, const struct lj_gateway *g, const struct lj_token *t)
{
    const struct lj_ring *ring = lj_feed_ring(g->feed);
    const struct lj_directory *d = lj_catalog_directory(g->catalog);
    uint64_t seq = lj_ring_end(ring), begin = lj_ring_begin(ring);
    size_t n = 0;
    begin = seq - begin > EVENTS_SCANNED ? seq - EVENTS_SCANNED : begin;
    lj_buf_printf(b, "\"events\":[");
    while (seq > begin && n < EVENTS) {
        const struct lj_ring_item *item = lj_ring_at(ring, --seq);
        int unit =
            item->members ? LJ_UNIT_NONE : lj_directory_unit(d, item->unit, strlen(item->unit));
        if (unit != LJ_UNIT_NONE && lj_directory_within(d, unit, t->unit)) {
            put_event(b, item, n > 0);
            n++;
        }
    }
    lj_buf_printf(b, "],");
}

static void add(struct sums *s, const struct lj_board *board, const struct lj_board_unit *u,
                bool hidden)
{
    s->units++;
    s->hidden += hidden;
    s->accepted += board->accepted[u->number];
    s->rejected += board->rejected[u->number];
    s->unread += board->unread[u->number];
    s->teams_owing += u->teams_owing;
    s->teams_met += u->teams_met;
    s->sessions += u->sessions;
    if (!hidden) {
        s->persons_owing += u->persons_owing;
        s->persons_met += u->persons_met;
        s->minutes += u->minutes;
    }
}

static void put_unit(struct lj_buf *b, const struct lj_board *board, const struct lj_board_unit *u,
                     bool hidden)
{
    int first = 1;
    lj_buf_u8(b, '{');
    lj_jsonw_member(b, &first, "code", u->code);
    lj_jsonw_member(b, &first, "name", u->name);
    lj_jsonw_member(b, &first, "kind", u->kind);
    lj_jsonw_member(b, &first, "state", u->state);
    lj_buf_printf(b, ",\"accepted\":%llu,\"rejected\":%llu,\"mail_waiting\":%u",
                  (unsigned long long)board->accepted[u->number],
                  (unsigned long long)board->rejected[u->number], board->unread[u->number]);
    lj_buf_printf(b, ",\"teams\":{\"owing\":%lld,\"met\":%lld},\"sessions\":%lld",
                  (long long)u->teams_owing, (long long)u->teams_met, (long long)u->sessions);
    if (hidden) {
        lj_buf_printf(b, ",\"persons\":null,\"minutes\":null}");
    } else {
        lj_buf_printf(b, ",\"persons\":{\"owing\":%lld,\"met\":%lld},\"minutes\":%lld}",
                      (long long)u->persons_owing, (long long)u->persons_met,
                      (long long)u->minutes);
    }
}

static void put_units(struct lj_buf *b, const struct lj_board *board, const struct lj_token *t)
{
    const struct lj_directory *d = lj_catalog_directory(board->g->catalog);
    struct sums s = {0};
    lj_buf_printf(b, "\"units\":[");
    for (size_t i = 0; i < board->n_units; i++) {
        const struct lj_board_unit *u = &board->units[i];
        bool few = u->persons_owing > 0 && u->persons_owing < LJ_BOARD_FEW;
        bool hidden = few && t->role == LJ_TOKEN_OBSERVER;
        if (!lj_directory_within(d, u->number, t->unit)) {
            continue;
        }
        if (s.units) {
            lj_buf_u8(b, ',');
        }
        put_unit(b, board, u, hidden);
        add(&s, board, u, hidden);
    }
    lj_buf_printf(
        b,
        "],\"sums\":{\"accepted\":%llu,\"rejected\":%llu,\"mail_waiting\":%llu,"
        "\"teams\":{\"owing\":%lld,\"met\":%lld},\"persons\":{\"owing\":%lld,\"met\":%lld},"
        "\"sessions\":%lld,\"minutes\":%lld,\"units_left_out\":%zu},",
        (unsigned long long)s.accepted, (unsigned long long)s.rejected,
        (unsigned long long)s.unread, (long long)s.teams_owing, (long long)s.teams_met,
        (long long)s.persons_owing, (long long)s.persons_met, (long long)s.sessions,
        (long long)s.minutes, s.hidden);
}

void lj_board_put(const struct lj_board *board, struct lj_req *rq, struct lj_buf *out)
{
    const struct lj_gateway *g = board->g;
    const struct lj_token *t = lj_req_token(rq);
    struct lj_cursor head = lj_ring_head(lj_feed_ring(g->feed));
    bool broker = lj_feed_broker_metrics(g->feed).n > 0;
    lj_buf_u8(out, '{');
    put_time(out, "now", lj_now_us());
    put_time(out, "as_of", board->as_of_us);
    lj_buf_printf(out,
                  "\"complete_through\":{\"position\":%lld,\"verdicts_closure\":%lld,"
                  "\"quota_position\":%lld},\"catching_up\":%s,\"broker\":%s,\"database\":%s,"
                  "\"year\":%d,",
                  (long long)head.position, (long long)board->folded,
                  (long long)board->quota_settled, word(board->behind), word(broker),
                  word(board->fresh_us && lj_mono_us() - board->fresh_us < 3 * POINT_US),
                  board->year);
    put_live(out, &board->live, broker);
    if (lj_req_query(rq, "history")) {
        put_history(out, &board->live);
    }
    put_kinds(out, board, broker);
    put_events(out, g, t);
    put_units(out, board, t);
    lj_buf_printf(out, "\"observer\":%s}", word(t->role == LJ_TOKEN_OBSERVER));
}
