/* Intake: POST /v1/events, one event or a batch of lines.
 *
 * Both are the same thing here: a batch of lines, each of which gets exactly one outcome. A line is
 * judged (event_in.c), charged to its unit, and handed to the client library, which packs, sends
 * and resends; its answer comes back through on_answer. When the last outcome is there the reply is
 * written. So a 2xx can only be written from an answer, and an answer is only given after the
 * COMMIT is flushed.
 *
 * A batch outlives its request if the connection is torn down by a stop: it is freed by the last
 * answer, or by the request's end, whichever is later. The token's bucket is charged for the whole
 * batch before anything is parsed: bad lines cost too. */
#include "gateway/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "gateway/event_in.h"
#include "gateway/gateway.h"
#include "gateway/jsonw.h"
#include "proto/limits.h"

struct batch;

struct line {
    struct batch *batch;
    uint32_t number;
    int code; /* 0 stored, 1 repeated, negative: see problem */
    uint8_t id[LJ_UUID_BYTES];
    int64_t position;
    struct lj_problem *problem; /* owned */
};

struct batch {
    struct lj_gateway *g;
    struct lj_req *rq; /* NULL once the request is over */
    bool ndjson, submitting;
    size_t n, pending;
    int64_t sent_us;
    struct line lines[];
};

enum media { MEDIA_NONE, MEDIA_JSON, MEDIA_NDJSON };

/* The media type, with no parameter but charset=utf-8. */
static enum media media_of(const char *value)
{
    static const struct {
        const char *name;
        enum media media;
    } known[] = {
        {"application/json", MEDIA_JSON},
        {"application/x-ndjson", MEDIA_NDJSON},
    };
    for (size_t i = 0; value && i < sizeof known / sizeof known[0]; i++) {
        size_t n = strlen(known[i].name);
        if (strncasecmp(value, known[i].name, n) != 0) {
            continue;
        }
        const char *p = value + n;
        p += strspn(p, " \t");
        if (*p == ';') {
            p += 1 + strspn(p + 1, " \t");
            size_t quoted = strncasecmp(p, "charset=\"utf-8\"", 15) == 0 ? 15
                            : strncasecmp(p, "charset=utf-8", 13) == 0   ? 13
                                                                         : 0;
            p += quoted + strspn(p + quoted, " \t");
        }
        return *p == '\0' ? known[i].media : MEDIA_NONE;
    }
    return MEDIA_NONE;
}

void lj_intake_head(struct lj_gateway *g, struct lj_req *rq)
{
    const char *encoding = lj_req_header(rq, "Content-Encoding");
    enum media media = media_of(lj_req_header(rq, "Content-Type"));
    if (g->draining) {
        lj_gw_refuse(rq, LJ_E_DRAINING, NULL);
    } else if (!rq->has_length && !rq->chunked) {
        lj_gw_refuse(rq, LJ_E_LENGTH_REQUIRED, NULL);
    } else if (media == MEDIA_NONE) {
        lj_gw_refuse(rq, LJ_E_MEDIA_TYPE, NULL);
    } else if (encoding && strcasecmp(encoding, "identity") != 0) {
        lj_gw_refuse(rq, LJ_E_MEDIA_TYPE, "Content-Encoding must be absent or identity");
    } else {
        rq->body_max = media == MEDIA_JSON ? LJ_EVENT_BYTES_MAX : LJ_BATCH_BYTES_MAX;
    }
}

static void batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        free(b->lines[i].problem);
    }
    free(b);
}

static struct lj_problem problem_of(const struct line *l)
{
    return l->problem ? *l->problem : (struct lj_problem){.code = l->code};
}

static void put_position(struct lj_buf *out, const struct line *l)
{
    char id[LJ_UUID_TEXT + 1];
    lj_buf_printf(out, "\"id\":\"%s\",\"position\":%lld,\"duplicate\":%s",
                  lj_uuid_format(l->id, id), (long long)l->position,
                  l->code == 1 ? "true" : "false");
}

static void reply_single(struct batch *b)
{
    struct line *l = &b->lines[0];
    if (l->code < 0) {
        struct lj_problem p = problem_of(l);
        lj_gw_problem(b->rq, &p);
        return;
    }
    struct lj_buf out = {0};
    lj_buf_u8(&out, '{');
    put_position(&out, l);
    lj_buf_u8(&out, '}');
    lj_gw_json(b->rq, l->code == 0 ? 202 : 200, &out);
}

static void reply_ndjson(struct batch *b)
{
    struct lj_buf out = {0};
    for (size_t i = 0; i < b->n; i++) {
        struct line *l = &b->lines[i];
        struct lj_problem p = problem_of(l);
        int status = l->code == 0 ? 202 : l->code == 1 ? 200 : lj_problem_status(&p);
        lj_buf_printf(&out, "{\"line\":%u,\"status\":%d,", l->number, status);
        if (l->code < 0) {
            lj_problem_put_members(&out, &p);
        } else {
            put_position(&out, l);
        }
        lj_buf_put(&out, "}\n", 2);
    }
    lj_req_reply(b->rq, 200, "application/x-ndjson", &out);
}

/* Everything has its outcome: say so. */
static void batch_finish(struct batch *b)
{
    if (b->pending || b->submitting) {
        return;
    }
    if (!b->rq) {
        batch_free(b);
    } else if (b->ndjson) {
        reply_ndjson(b);
    } else {
        reply_single(b);
    }
}

static void count_outcome(struct lj_gw_metrics *m, int code)
{
    uint64_t *counter = code == 0                  ? &m->stored
                        : code == 1                ? &m->repeated
                        : code == LJ_E_ID_CONFLICT ? &m->conflict
                        : code == LJ_E_RATE        ? &m->rate_limited
                        : code == LJ_E_BUSY        ? &m->busy
                        : code == LJ_E_DB_LOST     ? &m->unknown
                        : code == LJ_E_BROKER_AWAY ? &m->away
                                                   : &m->refused;
    (*counter)++;
}

/* A line's outcome is a refusal. Without memory for its text it still is one, with nothing but the
 * code to say. */
static void line_refused(struct line *l, const struct lj_problem *p)
{
    l->code = p->code;
    l->problem = malloc(sizeof *l->problem);
    if (l->problem) {
        *l->problem = *p;
    }
    count_outcome(&l->batch->g->m, p->code);
}

int lj_intake_outward(int code, const char **ret_pointer)
{
    static const struct {
        int from, to;
        const char *pointer;
    } map[] = {
        {LJ_E_TIMEOUT, LJ_E_DB_LOST, ""},    /* sent, no answer: unknown */
        {LJ_E_CLOSED, LJ_E_DRAINING, ""},    /* not sent before the stop */
        {LJ_E_FENCED, LJ_E_BROKER_AWAY, ""}, /* nothing stored; another broker takes over */
        {LJ_E_UNKNOWN_PEER, LJ_E_BROKER_AWAY, ""},
        {LJ_E_AUTH, LJ_E_INTERNAL, ""}, /* the gateway's key, not the client's fault */
        {LJ_E_ID_CONFLICT, LJ_E_ID_CONFLICT, "/id"},
        {LJ_E_ID_VERSION, LJ_E_ID_VERSION, "/id"},
        {LJ_E_TYPE_UNKNOWN, LJ_E_TYPE_UNKNOWN, "/type"},
        {LJ_E_FORBIDDEN_TYPE, LJ_E_FORBIDDEN_TYPE, "/type"},
        {LJ_E_UNIT_UNKNOWN, LJ_E_UNIT_UNKNOWN, "/unit"},
        {LJ_E_FORBIDDEN_UNIT, LJ_E_FORBIDDEN_UNIT, "/unit"},
    };
    *ret_pointer = "";
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        if (map[i].from == code) {
            *ret_pointer = map[i].pointer;
            return map[i].to;
        }
    }
    return code;
}

static void refuse_as(struct line *l, int code, const struct lj_slice *detail,
                      unsigned retry_after_s)
{
    char text[200] = "";
    const char *pointer;
    int to = lj_intake_outward(code, &pointer);
    if (detail && detail->n) {
        snprintf(text, sizeof text, "%.*s",
                 (int)(detail->n < sizeof text ? detail->n : sizeof text - 1), detail->p);
    }
    struct lj_problem p;
    lj_problem_set(&p, to, pointer, text, NULL);
    p.retry_after_s = retry_after_s;
    line_refused(l, &p);
}

static void on_answer(const struct lj_answer *answer, void *arg)
{
    struct line *l = arg;
    struct batch *b = l->batch;
    LJ_FAILPOINT("gateway.ack.received");
    lj_hist_add(&b->g->m.ack, lj_mono_us() - b->sent_us);
    b->pending--;
    if (answer->code >= 0) {
        l->code = answer->code ? 1 : 0;
        l->position = answer->position;
        count_outcome(&b->g->m, l->code);
    } else {
        refuse_as(l, answer->code, &answer->detail, answer->retry_after_s);
    }
    batch_finish(b);
}

/* One line: judge, charge its unit, submit. Either it gets its outcome here, or it is pending. */
static void submit_line(struct batch *b, struct line *l, const struct lj_event_judge *judge,
                        const char *text, size_t len)
{
    struct lj_gateway *g = b->g;
    struct lj_event_in in;
    struct lj_err err = {0};
    if (len > LJ_EVENT_BYTES_MAX) {
        refuse_as(l, LJ_E_TOO_LARGE, NULL, 0);
        return;
    }
    struct lj_problem problem = {0};
    if (lj_event_in_read(judge, text, len, &in, &problem) != 0) {
        line_refused(l, &problem);
        return;
    }
    unsigned wait_s = lj_bucket_take(&g->unit_buckets[in.unit], (double)g->config.unit_rate,
                                     (double)g->config.unit_burst, 1, lj_mono_us());
    if (wait_s) {
        refuse_as(l, LJ_E_RATE, NULL, wait_s);
        return;
    }
    memcpy(l->id, in.event.id, sizeof l->id);
    LJ_FAILPOINT("gateway.body.parsed");
    if (lj_client_submit(g->client, &in.event, on_answer, l, &err) != 0) {
        struct lj_slice detail = {err.text, strlen(err.text)};
        refuse_as(l, err.code, err.code == LJ_E_BUSY ? NULL : &detail, 0);
        return;
    }
    b->pending++;
}

static void submit_batch(struct batch *b, const struct lj_ndjson_line *lines)
{
    struct lj_gateway *g = b->g;
    struct lj_event_judge judge = {
        .scratch = g->scratch,
        .directory = lj_catalog_directory(g->catalog),
        .token = lj_req_token(b->rq),
        .uuids = &g->uuids,
        .now_us = lj_now_us(),
    };
    b->submitting = true;
    b->sent_us = lj_mono_us();
    for (size_t i = 0; i < b->n; i++) {
        b->lines[i].batch = b;
        b->lines[i].number = lines[i].number;
        submit_line(b, &b->lines[i], &judge, lines[i].text, lines[i].len);
    }
    b->submitting = false;
    batch_finish(b);
}

/* May anything be submitted now? True, or false after a refusal of the whole request. */
static bool admit(struct lj_gateway *g, struct lj_req *rq, size_t events)
{
    struct lj_token *t = lj_req_token(rq);
    unsigned wait_s = lj_bucket_take(&t->bucket, t->rate, t->burst, (double)events, lj_mono_us());
    if (wait_s) {
        struct lj_problem p;
        lj_problem_set(&p, LJ_E_RATE, "", NULL, NULL);
        p.retry_after_s = wait_s;
        g->m.rate_limited += events;
        lj_gw_problem(rq, &p);
        return false;
    }
    if (g->draining || !lj_client_connected(g->client)) {
        g->m.away += events;
        lj_gw_refuse(rq, g->draining ? LJ_E_DRAINING : LJ_E_BROKER_AWAY, NULL);
        return false;
    }
    return true;
}

void lj_intake_ready(struct lj_gateway *g, struct lj_req *rq)
{
    bool ndjson = media_of(lj_req_header(rq, "Content-Type")) == MEDIA_NDJSON;
    const char *text = rq->body.data ? (const char *)rq->body.data : "";
    struct lj_ndjson_line lines[LJ_BATCH_EVENTS_MAX];
    size_t n = 1, in_all = 1;
    lines[0] = (struct lj_ndjson_line){1, text, rq->body.len};
    if (ndjson) {
        n = lj_ndjson_split(text, rq->body.len, lines, LJ_BATCH_EVENTS_MAX, &in_all);
    }
    if (in_all > LJ_BATCH_EVENTS_MAX) {
        lj_gw_refuse(rq, LJ_E_TOO_LARGE, "a batch has at most 500 lines");
        return;
    }
    if (n == 0) {
        lj_gw_refuse(rq, LJ_E_BAD_REQUEST, "the batch has no line");
        return;
    }
    if (!admit(g, rq, n)) {
        return;
    }
    struct batch *b = calloc(1, sizeof *b + n * sizeof b->lines[0]);
    if (!b) {
        lj_gw_refuse(rq, LJ_E_NOMEM, NULL);
        return;
    }
    b->g = g;
    b->rq = rq;
    b->ndjson = ndjson;
    b->n = n;
    lj_req_keep(rq, b);
    submit_batch(b, lines);
}

void lj_intake_done(struct lj_gateway *g, struct lj_req *rq)
{
    struct batch *b = lj_req_kept(rq);
    (void)g;
    b->rq = NULL;
    if (!b->pending) {
        batch_free(b);
    }
}
