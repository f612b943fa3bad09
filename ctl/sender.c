/* JSON events to SUBMIT, by the client library.
 *
 * The text is read by the project's strict reader (proto/json_scan.h), the same that the gateway
 * uses, and the payload is passed on as the bytes that came: numbers and order stay. The origin is
 * the type's own (event_types.tsv): this socket is for root and the service user, who may speak for
 * the Centre; a worker's type is sent as a client's, so that the broker refuses it. One context a
 * pending event lives until its callback. */
#include "ctl/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/timefmt.h"
#include "common/uuid.h"
#include "ctl/embed.h"
#include "proto/json_scan.h"
#include "proto/limits.h"

enum member { M_ID, M_TYPE, M_UNIT, M_KEY, M_OCCURRED, M_VERSION, M_PAYLOAD, MEMBERS };

static const struct lj_json_name names[MEMBERS] = {
    [M_ID] = LJ_JSON_NAME("id"),
    [M_TYPE] = LJ_JSON_NAME("type"),
    [M_UNIT] = LJ_JSON_NAME("unit"),
    [M_KEY] = LJ_JSON_NAME("key"),
    [M_OCCURRED] = LJ_JSON_NAME("occurred_at"),
    [M_VERSION] = LJ_JSON_NAME("schema_version"),
    [M_PAYLOAD] = LJ_JSON_NAME("payload"),
};

struct lj_sender {
    struct lj_client *client;
    struct lj_json_scratch *scratch;
    struct lj_uuid_gen ids;
    lj_sent_cb cb;
    void *arg;
    size_t line;
    char source[64];
};

struct pending {
    struct lj_sender *s;
    size_t line;
};

int lj_sender_open(const char *run_dir, const char *source, int deadline_s, lj_sent_cb cb,
                   void *arg, struct lj_sender **ret, struct lj_err *err)
{
    char endpoint[200];
    int n = snprintf(endpoint, sizeof endpoint, "ipc://%s/intake.sock", run_dir);
    if (n < 0 || (size_t)n >= sizeof endpoint)
        return lj_fail(err, LJ_E_ARG, "the path %.120s is too long for a socket", run_dir);
    struct lj_sender *s = calloc(1, sizeof *s);
    if (!s)
        return lj_fail(err, LJ_E_NOMEM, "no memory to send events");
    s->cb = cb;
    s->arg = arg;
    (void)snprintf(s->source, sizeof s->source, "%s", source);
    s->scratch = lj_json_scratch_new();
    struct lj_client_options o = {
        .endpoint = endpoint, .name = "ljctl", .deadline_us = (int64_t)deadline_s * 1000000};
    int rc = s->scratch ? lj_client_open(&o, &s->client, err)
                        : lj_fail(err, LJ_E_NOMEM, "no memory to send events");
    if (rc) {
        lj_sender_close(&s);
        return rc;
    }
    *ret = s;
    return 0;
}

void lj_sender_close(struct lj_sender **sender)
{
    struct lj_sender *s = *sender;
    if (!s)
        return;
    lj_client_close(&s->client, 0);
    lj_json_scratch_free(&s->scratch);
    free(s);
    *sender = NULL;
}

static void on_answer(const struct lj_answer *a, void *arg)
{
    struct pending *p = arg;
    char id[LJ_UUID_TEXT + 1];
    char detail[300];
    (void)snprintf(detail, sizeof detail, "%.*s", (int)(a->detail.n < 299 ? a->detail.n : 299),
                   a->detail.p ? a->detail.p : "");
    struct lj_sent sent = {.line = p->line,
                           .answer = a,
                           .code = a->code,
                           .id = lj_uuid_format(a->id, id),
                           .detail = detail};
    if (a->code < 0 && !detail[0])
        sent.detail = lj_err_info(a->code)->en;
    p->s->cb(&sent, p->s->arg);
    free(p);
}

/* Decoded text of member m into buf; 0 and the empty text when absent. */
static int text_of(const char *text, const struct lj_json_value *v, enum member m, char *buf,
                   size_t cap, struct lj_slice *ret, struct lj_err *err)
{
    size_t n = 0;
    if (v[m].type == LJ_JSON_ABSENT) {
        *ret = (struct lj_slice){"", 0};
        return 0;
    }
    if (v[m].type != LJ_JSON_TEXT || lj_json_text(text + v[m].off, v[m].len, buf, cap, &n) != 0)
        return lj_fail(err, LJ_E_MEMBER_INVALID, "/%s must be a string of at most %zu bytes",
                       names[m].text, cap - 1);
    *ret = (struct lj_slice){buf, n};
    return 0;
}

/* Texts that a struct lj_submit_event points to. */
struct texts {
    char id[64], type[80], unit[16], key[256], occurred[64];
};

static uint8_t origin_of(const char *type)
{
    const struct lj_embedded *f = lj_embedded_find("proto/event_types.tsv");
    char wanted[100];
    (void)snprintf(wanted, sizeof wanted, "\t%s\tcentre\t", type);
    return f && strstr(f->start, wanted) ? LJ_ORIGIN_CENTRE : LJ_ORIGIN_CLIENT;
}

static int read_id(struct lj_sender *s, const struct lj_slice *id, uint8_t out[16],
                   struct lj_err *err)
{
    if (id->n)
        return lj_uuid_parse(id->p, id->n, out, err);
    return lj_uuid_v7(&s->ids, lj_now_us(), out, err);
}

static int read_event(struct lj_sender *s, const char *text, const struct lj_json_value *v,
                      struct texts *t, struct lj_submit_event *e, struct lj_err *err)
{
    struct lj_slice id = {0};
    struct lj_slice occurred = {0};
    int64_t version = 1;
    int rc = text_of(text, v, M_ID, t->id, sizeof t->id, &id, err);
    if (rc == 0)
        rc = text_of(text, v, M_TYPE, t->type, sizeof t->type, &e->type, err);
    if (rc == 0)
        rc = text_of(text, v, M_UNIT, t->unit, sizeof t->unit, &e->unit, err);
    if (rc == 0)
        rc = text_of(text, v, M_KEY, t->key, sizeof t->key, &e->key, err);
    if (rc == 0)
        rc = text_of(text, v, M_OCCURRED, t->occurred, sizeof t->occurred, &occurred, err);
    if (rc)
        return rc;
    if (!e->type.n || !e->unit.n || v[M_PAYLOAD].type != LJ_JSON_OBJECT)
        return lj_fail(err, LJ_E_MEMBER_MISSING,
                       "an event needs type, unit and payload (an object)");
    e->occurred_at_us = LJ_TIME_NONE;
    if (occurred.n && lj_time_parse(occurred.p, occurred.n, &e->occurred_at_us, err) != 0)
        return LJ_E_MEMBER_INVALID;
    if (v[M_VERSION].type != LJ_JSON_ABSENT &&
        (v[M_VERSION].type != LJ_JSON_INTEGER ||
         lj_json_int64(text + v[M_VERSION].off, v[M_VERSION].len, &version) != 0 || version < 1 ||
         version > INT16_MAX))
        return lj_fail(err, LJ_E_MEMBER_INVALID, "/schema_version must be an integer from 1 to %d",
                       INT16_MAX);
    e->schema_version = (uint16_t)version;
    e->origin = origin_of(t->type);
    e->class = LJ_CLASS_DEFAULT;
    e->source = (struct lj_slice){s->source, strlen(s->source)};
    e->payload = (struct lj_slice){text + v[M_PAYLOAD].off, v[M_PAYLOAD].len};
    return read_id(s, &id, e->id, err);
}

static int scan(struct lj_sender *s, const char *text, size_t n, struct lj_json_value *v,
                struct lj_err *err)
{
    struct lj_json_request req = {.refuse_unknown = true, .names = names, .n_names = MEMBERS};
    struct lj_json_result result;
    struct lj_json_error why;
    if (n > LJ_EVENT_BYTES_MAX)
        return lj_fail(err, LJ_E_TOO_LARGE, "the event has %zu bytes, limit %d", n,
                       LJ_EVENT_BYTES_MAX);
    if (lj_json_scan(&req, text, n, s->scratch, v, &result, &why) != 0)
        return lj_json_fail(err, &why);
    return 0;
}

int lj_sender_add(struct lj_sender *s, const char *text, size_t n, struct lj_err *err)
{
    struct lj_json_value v[MEMBERS] = {{0}};
    struct texts t;
    struct lj_submit_event e = {0};
    struct lj_err why = {0};
    s->line++;
    int rc = scan(s, text, n, v, &why);
    if (rc == 0)
        rc = read_event(s, text, v, &t, &e, &why);
    if (rc) {
        struct lj_sent sent = {.line = s->line, .code = rc, .id = "", .detail = why.text};
        s->cb(&sent, s->arg);
        return 0;
    }
    struct pending *p = malloc(sizeof *p);
    if (!p)
        return lj_fail(err, LJ_E_NOMEM, "no memory to send an event");
    *p = (struct pending){s, s->line};
    while ((rc = lj_client_submit(s->client, &e, on_answer, p, &why)) == LJ_E_BUSY) {
        if (lj_client_run(s->client, -1, err) < 0) {
            free(p);
            return err ? err->code : LJ_E_IO;
        }
    }
    if (rc) {
        struct lj_sent sent = {.line = s->line, .code = rc, .id = "", .detail = why.text};
        free(p);
        s->cb(&sent, s->arg);
    }
    return 0;
}

int lj_sender_finish(struct lj_sender *s, struct lj_err *err)
{
    for (;;) {
        struct lj_client_stats stats;
        lj_client_stats(s->client, &stats);
        if (stats.events == 0)
            return 0;
        int rc = lj_client_run(s->client, -1, err);
        if (rc < 0)
            return rc;
    }
}
