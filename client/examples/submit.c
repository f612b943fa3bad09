/* liangjin-submit: events from standard input (one JSON object a line) or made up by number, handed
 * to a broker; one line an answer.
 *
 * It shows how a program without an event loop uses libliangjin, and it is the load generator of
 * the tests: `--count` events of `--type`, at most `--window` of them without an answer. With
 * `--history FILE` it leaves a record for a checker that trusts nobody else:
 *
 *     sent <id>                       written before the event can have left
 *     ack <id> <code> <position>      written for each answer; code as in PROTOCOL.md, negative =
 * not stored or unknown
 *
 * appended line by line with one write each, so that a killed run leaves whole lines. With
 * `--retry` an answer that says "the same may be sent again" is followed until it is final; both
 * answers stand in the history then.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/liangjin.h"
#include "common/cfg.h"
#include "common/clock.h"
#include "common/curve.h"
#include "common/metrics.h"
#include "common/timefmt.h"
#include "common/uuid.h"

struct options {
    char *endpoint, *name, *type, *unit, *payload, *history, *server_key, *secret_file;
    int64_t count, window, rate, deadline_ms, pad;
    int retry, quiet, centre, preload;
};
#define AT(field) offsetof(struct options, field)
static const struct lj_cfg_row ROWS[] = {
    {"endpoint", LJ_CFG_STR, AT(endpoint), NULL, 0, 0, "",
     "ZeroMQ endpoint of the broker's intake"},
    {"name", LJ_CFG_STR, AT(name), "liangjin-submit", 0, 0, "", "name that the broker logs"},
    {"count", LJ_CFG_INT, AT(count), "0", 0, INT64_MAX, "events",
     "make so many events up; 0 = read them from standard input"},
    {"type", LJ_CFG_STR, AT(type), "feedback.received", 0, 0, "", "type of the made-up events"},
    {"unit", LJ_CFG_STR, AT(unit), "PS001", 0, 0, "", "unit of the made-up events"},
    {"payload", LJ_CFG_STR, AT(payload), NULL, 0, 0, "",
     "payload of the made-up events; default {\"n\":<number>,\"pad\":\"...\"}"},
    {"pad", LJ_CFG_INT, AT(pad), "0", 0, 60000, "bytes", "length of pad in the default payload"},
    {"window", LJ_CFG_INT, AT(window), "1000", 1, 1000000, "events",
     "events without an answer at one time"},
    {"rate", LJ_CFG_INT, AT(rate), "0", 0, 1000000, "events/s", "upper bound; 0 = none"},
    {"deadline", LJ_CFG_INT, AT(deadline_ms), "30000", 1, 3600000, "ms",
     "time after which an event without an answer is unknown"},
    {"history", LJ_CFG_STR, AT(history), NULL, 0, 0, "", "append sent and ack lines to this file"},
    {"retry", LJ_CFG_BOOL, AT(retry), "0", 0, 0, "",
     "send again, with the same id, what may be sent again"},
    {"centre", LJ_CFG_BOOL, AT(centre), "0", 0, 0, "", "events come from the Centre (origin 2)"},
    {"preload", LJ_CFG_BOOL, AT(preload), "0", 0, 0, "",
     "make or read all events before the first is sent: for measuring"},
    {"quiet", LJ_CFG_BOOL, AT(quiet), "0", 0, 0, "", "no line for each answer"},
    {"curve-server", LJ_CFG_STR, AT(server_key), NULL, 0, 0, "", "Z85 public key of the broker"},
    {"curve-secret", LJ_CFG_STR, AT(secret_file), NULL, 0, 0, "",
     "file (0600) with the own CURVE secret key"},
};
enum { NROWS = sizeof ROWS / sizeof *ROWS, AGAIN_US = 100000, STEP_MS = 20 };

/* One event on its way, owned by this program until its answer is final. */
struct job {
    struct job *next; /* in the list of those to send again */
    struct run *run;
    struct lj_submit_event event;
    char *texts; /* the memory behind the event's slices */
    int64_t begun_us, again_at;
};
struct run {
    struct options opt;
    struct lj_client *client;
    struct lj_uuid_gen ids;
    int history;
    struct job *again;
    struct job *ready, **ready_end; /* made before the start, in order */
    int64_t made, open, finished, bad_lines, started_us;
    int64_t stored, repeated, refused, unknown;
    int input_ended;
    struct lj_hist latency;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void write_line(int fd, const char *line, size_t n)
{
    if (write(fd, line, n) != (ssize_t)n) {
        fprintf(stderr, "liangjin-submit: write: %s\n", strerror(errno));
        exit(1); /* a history with holes is worse than none */
    }
}

static void history(struct run *r, const char *what, const uint8_t id[16], const char *rest)
{
    char text[LJ_UUID_TEXT + 1], line[160];
    if (r->history < 0)
        return;
    int n = snprintf(line, sizeof line, "%s %s%s\n", what, lj_uuid_format(id, text), rest);
    write_line(r->history, line, (size_t)n);
}

static void job_free(struct job *j)
{
    free(j->texts);
    free(j);
}

static void count(struct run *r, const struct lj_answer *a)
{
    if (a->code == 0)
        r->stored++;
    else if (a->code > 0)
        r->repeated++;
    else if (a->code == LJ_E_TIMEOUT || a->code == LJ_E_DB_LOST)
        r->unknown++;
    else
        r->refused++;
}

static void answered(const struct lj_answer *a, void *arg)
{
    struct job *j = arg;
    struct run *r = j->run;
    char rest[64], id[LJ_UUID_TEXT + 1];
    snprintf(rest, sizeof rest, " %d %" PRId64, a->code, a->position);
    history(r, "ack", a->id, rest);
    if (a->code < 0 && r->opt.retry && lj_err_info(a->code)->retry && !stop) {
        int64_t wait = a->retry_after_s ? a->retry_after_s * 1000000LL : AGAIN_US;
        j->again_at = lj_mono_us() + wait;
        j->next = r->again;
        r->again = j;
        return;
    }
    if (!r->opt.quiet)
        printf("%s %s %" PRId64 "%s%.*s\n", lj_uuid_format(a->id, id),
               a->code == 0  ? "stored"
               : a->code > 0 ? "repeated"
                             : lj_err_info(a->code)->name,
               a->position, a->detail.n ? " " : "", (int)a->detail.n, a->detail.p);
    count(r, a);
    lj_hist_add(&r->latency, lj_mono_us() - j->begun_us);
    r->open--;
    r->finished++;
    job_free(j);
}

static struct lj_slice copy_text(char **at, const char *text, size_t n)
{
    struct lj_slice s = {memcpy(*at, text, n), n};
    *at += n;
    return s;
}

static int job_fill(struct job *j, const char *type, const char *unit, const char *key,
                    const char *payload)
{
    size_t t = strlen(type), u = strlen(unit), k = strlen(key), p = strlen(payload);
    j->texts = malloc(t + u + k + p + 1);
    if (!j->texts)
        return LJ_E_NOMEM;
    char *at = j->texts;
    j->event.type = copy_text(&at, type, t);
    j->event.unit = copy_text(&at, unit, u);
    j->event.key = copy_text(&at, key, k);
    j->event.payload = copy_text(&at, payload, p);
    j->event.source = (struct lj_slice){j->run->opt.name, strlen(j->run->opt.name)};
    j->event.origin = j->run->opt.centre ? LJ_ORIGIN_CENTRE : LJ_ORIGIN_CLIENT;
    j->event.class = LJ_CLASS_DEFAULT;
    return 0;
}

static int job_invent(struct run *r, struct job *j, struct lj_err *err)
{
    char payload[64 + 60000];
    int n = snprintf(payload, sizeof payload, "{\"n\":%" PRId64 ",\"pad\":\"", r->made);
    memset(payload + n, 'x', (size_t)r->opt.pad);
    memcpy(payload + n + r->opt.pad, "\"}", 3);
    j->event.occurred_at_us = LJ_TIME_NONE;
    j->event.schema_version = 1;
    int rc = job_fill(j, r->opt.type, r->opt.unit, "", r->opt.payload ? r->opt.payload : payload);
    return rc ? lj_fail(err, rc, "no memory") : lj_uuid_v7(&r->ids, lj_now_us(), j->event.id, err);
}

static int job_parse_members(struct run *r, struct job *j, json_t *o, struct lj_err *err)
{
    const char *type, *unit, *key = "", *id = NULL, *occurred = NULL;
    json_int_t version = 1;
    json_t *payload;
    json_error_t e;
    if (json_unpack_ex(o, &e, JSON_STRICT, "{s:s, s:s, s:o, s?s, s?s, s?s, s?I}", "type", &type,
                       "unit", &unit, "payload", &payload, "key", &key, "id", &id, "occurred_at",
                       &occurred, "schema_version", &version) != 0)
        return lj_fail(err, LJ_E_ARG, "%s", e.text);
    j->event.occurred_at_us = LJ_TIME_NONE;
    int rc =
        occurred ? lj_time_parse(occurred, strlen(occurred), &j->event.occurred_at_us, err) : 0;
    if (rc == 0)
        rc = id ? lj_uuid_parse(id, strlen(id), j->event.id, err)
                : lj_uuid_v7(&r->ids, lj_now_us(), j->event.id, err);
    if (rc != 0)
        return rc;
    j->event.schema_version = (uint16_t)version;
    char *text = json_dumps(payload, JSON_COMPACT);
    rc = text ? job_fill(j, type, unit, key, text) : LJ_E_ARG;
    free(text);
    return rc ? lj_fail(err, rc, "payload is no JSON object, or no memory") : 0;
}

/* 1 = a job, 0 = end of the input, negative = a line that is no event. */
static int job_read(struct run *r, struct job *j, struct lj_err *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    do {
        n = getline(&line, &cap, stdin);
    } while (n > 0 && strspn(line, " \t\r\n") == (size_t)n); /* blank lines are passed over */
    int rc = 0;
    if (n > 0) {
        json_error_t e;
        json_t *o = json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES, &e);
        rc = o ? job_parse_members(r, j, o, err) : lj_fail(err, LJ_E_JSON_SYNTAX, "%s", e.text);
        json_decref(o);
        rc = rc ? rc : 1;
    }
    free(line);
    return rc;
}

static int hand_over(struct run *r, struct job *j)
{
    struct lj_err err;
    int rc = lj_client_submit(r->client, &j->event, answered, j, &err);
    if (rc != 0 && rc != LJ_E_BUSY) {
        fprintf(stderr, "liangjin-submit: event %" PRId64 ": %s\n", r->made, err.text);
        r->bad_lines++;
        r->open--;
        job_free(j);
    }
    return rc;
}

/* Makes or reads one event. *ret is NULL at the end of the input and for a bad line. */
static int make_job(struct run *r, struct job **ret)
{
    struct lj_err err = {0};
    struct job *j = calloc(1, sizeof *j);
    *ret = NULL;
    if (!j)
        return LJ_E_NOMEM;
    j->run = r;
    int rc = r->opt.count ? job_invent(r, j, &err) : job_read(r, j, &err);
    r->made++;
    if (rc < 0 || (rc == 0 && !r->opt.count)) {
        r->input_ended = rc == 0 || r->opt.count;
        if (rc < 0) {
            fprintf(stderr, "liangjin-submit: line %" PRId64 ": %s\n", r->made, err.text);
            r->bad_lines++;
        }
        job_free(j);
        return 0;
    }
    *ret = j;
    return 0;
}

static int may_make_more(const struct run *r)
{
    return !stop && !r->input_ended && (!r->opt.count || r->made < r->opt.count);
}

static int preload(struct run *r)
{
    r->ready_end = &r->ready;
    while (may_make_more(r)) {
        struct job *j;
        int rc = make_job(r, &j);
        if (rc)
            return rc;
        if (j) {
            *r->ready_end = j;
            r->ready_end = &j->next;
        }
    }
    return 0;
}

/* Submits one event. 0 = go on. */
static int next_job(struct run *r)
{
    struct job *j = r->ready;
    if (j) {
        r->ready = j->next;
        j->next = NULL;
    } else {
        int rc = make_job(r, &j);
        if (rc || !j)
            return rc;
    }
    j->begun_us = lj_mono_us();
    r->open++;
    history(r, "sent", j->event.id, "");
    return hand_over(r, j) == LJ_E_BUSY ? LJ_E_STATE
                                        : 0; /* the window is never wider than the client's limit */
}

static void send_again(struct run *r, int64_t now)
{
    struct job **at = &r->again;
    while (*at) {
        struct job *j = *at;
        if (j->again_at > now && !stop) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        if (hand_over(r, j) == LJ_E_BUSY)
            fprintf(stderr, "liangjin-submit: window too wide\n"), exit(1);
    }
}

static int may_make(const struct run *r, int64_t now)
{
    if (stop || r->open >= r->opt.window || !(r->ready || may_make_more(r)))
        return 0;
    return !r->opt.rate || (r->finished + r->open) * 1000000 / r->opt.rate <= now - r->started_us;
}

static int more_to_do(const struct run *r)
{
    if (r->open > 0)
        return 1;
    return !stop && (r->ready || may_make_more(r));
}

static int go(struct run *r, struct lj_err *err)
{
    if (r->opt.preload && preload(r) != 0)
        return lj_fail(err, LJ_E_NOMEM, "no memory for all events at once");
    r->started_us = lj_mono_us();
    while (more_to_do(r)) {
        int64_t now = lj_mono_us();
        send_again(r, now);
        while (may_make(r, now)) {
            if (next_job(r) != 0)
                return lj_fail(err, LJ_E_NOMEM, "an event could not be made");
        }
        int waiting = r->again != NULL || r->opt.rate != 0;
        if (lj_client_run(r->client, waiting ? 1 : STEP_MS, err) < 0)
            return err->code;
    }
    return 0;
}

static void report(struct run *r)
{
    double s = (double)(lj_mono_us() - r->started_us) / 1e6;
    struct lj_client_stats st;
    lj_client_stats(r->client, &st);
    fprintf(stderr,
            "events=%" PRId64 " seconds=%.3f rate=%.0f stored=%" PRId64 " repeated=%" PRId64
            " refused=%" PRId64 " unknown=%" PRId64 " bad_lines=%" PRId64 " p50_us<=%" PRId64
            " p99_us<=%" PRId64 " messages=%" PRIu64 " resent=%" PRIu64 " broker_changes=%" PRIu64
            "\n",
            r->finished, s, s > 0 ? (double)r->finished / s : 0, r->stored, r->repeated, r->refused,
            r->unknown, r->bad_lines, lj_hist_quantile_us(&r->latency, 0.5),
            lj_hist_quantile_us(&r->latency, 0.99), st.messages_sent, st.events_resent,
            st.broker_changes);
}

static int open_all(struct run *r, struct lj_err *err)
{
    if (!r->opt.endpoint)
        return lj_fail(err, LJ_E_CONFIG, "--endpoint is needed");
    if (r->opt.history) {
        r->history = open(r->opt.history, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (r->history < 0)
            return lj_fail_errno(err, LJ_E_IO, errno, "%s", r->opt.history);
    }
    struct lj_keypair keys = {0};
    int rc = r->opt.secret_file ? lj_keypair_read(r->opt.secret_file, &keys, err) : 0;
    if (rc)
        return rc;
    struct lj_client_options o = {
        .endpoint = r->opt.endpoint,
        .name = r->opt.name,
        .curve_server_key = r->opt.server_key,
        .curve_public_key = r->opt.secret_file ? keys.public_key : NULL,
        .curve_secret_key = r->opt.secret_file ? keys.secret_key : NULL,
        .events_max = (uint32_t)r->opt.window,
        .bytes_max = (size_t)r->opt.window * LJ_RECORD_BYTES_MAX,
        .deadline_us = r->opt.deadline_ms * 1000,
    };
    rc = lj_client_open(&o, &r->client, err);
    lj_keypair_wipe(&keys);
    return rc;
}

int main(int argc, char **argv)
{
    struct run r = {.history = -1};
    struct lj_err err = {0};
    int rc = lj_cfg_load(ROWS, NROWS, argc, argv, &r.opt, NULL, NULL, &err);
    if (rc > 0)
        return 0;
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    if (rc == 0)
        rc = open_all(&r, &err);
    int status = 2;
    if (rc == 0) {
        rc = go(&r, &err);
        report(&r);
        status = rc != 0 || r.refused || r.unknown || r.bad_lines;
    }
    if (rc != 0)
        fprintf(stderr, "liangjin-submit: %s\n", err.text);
    lj_client_close(&r.client, 0);
    while (r.ready) { /* interrupted */
        struct job *j = r.ready;
        r.ready = j->next;
        job_free(j);
    }
    if (r.history >= 0)
        close(r.history);
    lj_cfg_free(ROWS, NROWS, &r.opt);
    return status;
}
