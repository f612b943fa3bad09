/* ljctl bench: the durable intake rate of a running system, held against PostgreSQL's own.
 *
 * One round takes N events in over the broker's local socket, each acknowledged after its flushed
 * COMMIT, and then appends the same N rows with plain COPY, as fast as one connection can, to a
 * table that is made like the log (columns, keys, indexes) in the same PostgreSQL on the same disk.
 * The two alternate, so that what else the machine does falls on both; the medians and their ratio
 * are the result. An absolute figure says something about the machine, the ratio about the broker.
 *
 * The events are mail.read of a mail that does not exist, spread over all units: the kind mail
 * looks each up and notes that there is nothing to do. They stay in the log. COPY commits every
 * 1,000 rows: it promises the same, that what it has answered is on disk.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/liangjin.h"
#include "common/clock.h"
#include "common/uuid.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/units.h"

enum {
    EVENTS_MIN = 1000,
    EVENTS_MAX = 1000000,
    ROUNDS_MAX = 100,
    COPY_COMMIT = 1000,
    WAIT_MS = 250,
    HANDLED_S = 300,
};

struct bench {
    struct lj_ctl *ctl;
    struct lj_layout at;
    struct lj_client *client;
    PGconn *c;
    struct lj_unit *units;
    size_t nunits, n;
    struct lj_uuid_gen ids;
    size_t answered, refused;
    int first_code;
    int64_t last;                                /* highest position */
    double intake[ROUNDS_MAX], copy[ROUNDS_MAX]; /* events a second */
    struct lj_buf rows;
};

static const char payload[] = "{\"mail\":\"00000000-0000-8000-8000-000000000000\",\"by\":\"ljctl "
                              "bench\"}";

static void on_answer(const struct lj_answer *a, void *arg)
{
    struct bench *b = arg;
    b->answered++;
    b->last = a->position > b->last ? a->position : b->last;
    if (a->code != 0 && b->refused++ == 0)
        b->first_code = a->code;
}

static int submit(struct bench *b, size_t i, struct lj_err *err)
{
    const char *unit = b->units[i % b->nunits].code;
    struct lj_err why = {0};
    struct lj_submit_event e = {.occurred_at_us = LJ_TIME_NONE,
                                .schema_version = 1,
                                .origin = LJ_ORIGIN_CLIENT,
                                .class = LJ_CLASS_DEFAULT,
                                .type = {"mail.read", 9},
                                .unit = {unit, strlen(unit)},
                                .source = {"bench", 5},
                                .payload = {payload, sizeof payload - 1}};
    int rc = lj_uuid_v7(&b->ids, lj_now_us(), e.id, err);
    while (rc == 0 && (rc = lj_client_submit(b->client, &e, on_answer, b, &why)) == LJ_E_BUSY) {
        rc = lj_client_run(b->client, WAIT_MS, err);
        rc = rc < 0 ? rc : 0;
    }
    return rc && why.code == rc ? lj_fail(err, rc, "%s", why.text) : rc;
}

/* N events, until the last is acknowledged. */
static int measure_intake(struct bench *b, double *ret, struct lj_err *err)
{
    int rc = 0;
    b->answered = b->refused = 0;
    int64_t began = lj_mono_us();
    for (size_t i = 0; rc == 0 && i < b->n; i++)
        rc = submit(b, i, err);
    while (rc == 0 && b->answered < b->n) {
        rc = lj_client_run(b->client, WAIT_MS, err);
        rc = rc < 0 ? rc : 0;
    }
    *ret = (double)b->n * 1e6 / (double)(lj_mono_us() - began);
    if (rc == 0 && b->refused)
        rc = lj_fail(err, b->first_code < 0 ? b->first_code : LJ_E_STATE,
                     "%zu of %zu events were not stored; the first: %s", b->refused, b->n,
                     b->first_code < 0 ? lj_err_info(b->first_code)->en : "stored before");
    return rc;
}

/* Until the workers have handled what came in: COPY is to have the machine for itself. */
static int await_handled(struct bench *b, struct lj_err *err)
{
    char last[24];
    const char *param = last;
    (void)snprintf(last, sizeof last, "%lld", (long long)b->last);
    for (int64_t end = lj_mono_us() + HANDLED_S * INT64_C(1000000); lj_mono_us() < end;) {
        PGresult *r = NULL;
        int rc =
            lj_dbs_query(b->c, "select bool_and(watermark >= $1::int8) from liangjin.kind_status",
                         1, &param, &r, err);
        int done = rc == 0 && PQgetvalue(r, 0, 0)[0] == 't';
        PQclear(r);
        if (rc || done)
            return rc;
        (void)usleep(WAIT_MS * 1000);
    }
    return lj_fail(err, LJ_E_TIMEOUT, "the workers have not handled the events within %d s",
                   HANDLED_S);
}

/* ---- COPY ---- */

static void put_row(struct bench *b, int64_t position)
{
    uint8_t id[16] = {0};
    char text[LJ_UUID_TEXT + 1];
    if (lj_uuid_v7(&b->ids, lj_now_us(), id, NULL) != 0) { /* no random numbers: no rows */
        b->rows.failed = 1;
        return;
    }
    lj_buf_printf(&b->rows,
                  "%lld\t2026-01-01 00:00:00+00\t\\N\t%s\t\\N\t40\t%d\t1\t1\tmailbox\tbench\t"
                  "\\\\x00112233445566778899aabbccddeeff\t%s\n",
                  (long long)position, lj_uuid_format(id, text), (int)(position % 51 + 1), payload);
}

static int copy_part(struct bench *b, struct lj_err *err)
{
    PGresult *r = PQexec(b->c, "copy liangjin_bench.event from stdin");
    int good = PQresultStatus(r) == PGRES_COPY_IN;
    PQclear(r);
    good = good && PQputCopyData(b->c, (const char *)b->rows.data, (int)b->rows.len) == 1 &&
           PQputCopyEnd(b->c, NULL) == 1;
    while ((r = PQgetResult(b->c))) {
        good &= PQresultStatus(r) == PGRES_COMMAND_OK;
        PQclear(r);
    }
    return good ? 0 : lj_fail(err, LJ_E_DB_SYSTEM, "COPY: %.200s", PQerrorMessage(b->c));
}

static int measure_copy(struct bench *b, size_t round, double *ret, struct lj_err *err)
{
    int rc = 0;
    int64_t spent = 0; /* without the making of the rows: the yardstick is PostgreSQL's own rate */
    for (size_t done = 0; rc == 0 && done < b->n; done += COPY_COMMIT) {
        lj_buf_clear(&b->rows);
        for (size_t i = done; i < b->n && i < done + COPY_COMMIT; i++)
            put_row(b, (int64_t)(round * b->n + i + 1));
        if (b->rows.failed)
            return lj_fail(err, LJ_E_NOMEM, "no memory for rows");
        int64_t began = lj_mono_us();
        rc = copy_part(b, err);
        spent += lj_mono_us() - began;
    }
    *ret = (double)b->n * 1e6 / (double)spent;
    return rc;
}

/* ---- the run ---- */

static const char make_sql[] =
    "drop schema if exists liangjin_bench cascade; create schema liangjin_bench; create table "
    "liangjin_bench.event (like liangjin.event including all)";

static int open_all(struct bench *b, struct lj_err *err)
{
    char endpoint[200];
    int rc = lj_layout_find(b->ctl, &b->at, err);
    b->units = calloc(LJ_UNITS_MAX, sizeof *b->units);
    if (rc == 0 && !b->units)
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for the units");
    if (rc == 0)
        rc = lj_units_embedded(b->units, LJ_UNITS_MAX, &b->nunits, err);
    if (rc == 0)
        rc = lj_pg_connect(b->ctl, "postgres", &b->c, err);
    if (rc == 0)
        rc = lj_pg_script(b->c, "the yardstick's table", make_sql, err);
    if (rc)
        return rc;
    int n = snprintf(endpoint, sizeof endpoint, "ipc://%s/intake.sock", b->at.run);
    if (n < 0 || (size_t)n >= sizeof endpoint)
        return lj_fail(err, LJ_E_ARG, "the path %.120s is too long for a socket", b->at.run);
    struct lj_client_options o = {.endpoint = endpoint, .name = "ljctl-bench"};
    return lj_client_open(&o, &b->client, err);
}

static void close_all(struct bench *b)
{
    if (b->client)
        lj_client_close(&b->client, 0);
    if (b->c)
        lj_pg_tidy(b->c, "drop schema if exists liangjin_bench cascade");
    PQfinish(b->c);
    free(b->units);
    lj_buf_free(&b->rows);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static const struct lj_col columns[] = {{"round", "ROUND", LJ_COL_TEXT},
                                        {"intake_per_second", "INTAKE events/s", LJ_COL_INT},
                                        {"copy_per_second", "COPY rows/s", LJ_COL_INT},
                                        {"ratio", "RATIO", LJ_COL_TEXT}};

static void add_row(struct lj_rows *rows, const char *name, double intake, double copy)
{
    char a[24];
    char b[24];
    char ratio[24];
    (void)snprintf(a, sizeof a, "%.0f", intake);
    (void)snprintf(b, sizeof b, "%.0f", copy);
    (void)snprintf(ratio, sizeof ratio, "%.3f", intake / copy);
    const char *values[] = {name, a, b, ratio};
    lj_rows_add(rows, values);
}

static int show(struct bench *b, size_t rounds, struct lj_err *err)
{
    struct lj_rows *rows = NULL;
    int rc = lj_rows_open(b->ctl->out, b->ctl->format, columns, 4, NULL, &rows, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < rounds; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "%zu", i + 1);
        add_row(rows, name, b->intake[i], b->copy[i]);
    }
    qsort(b->intake, rounds, sizeof b->intake[0], by_value);
    qsort(b->copy, rounds, sizeof b->copy[0], by_value);
    add_row(rows, "median", b->intake[rounds / 2], b->copy[rounds / 2]);
    rc = lj_rows_close(&rows, err);
    lj_say("%zu rounds of %zu events of %zu payload bytes, one client, COPY with a commit every %d "
           "rows when all is handled; %ld processors, PostgreSQL %d.%d; the kind mail works on the "
           "events while they come in",
           rounds, b->n, sizeof payload - 1, COPY_COMMIT, sysconf(_SC_NPROCESSORS_ONLN),
           PQserverVersion(b->c) / 10000, PQserverVersion(b->c) % 10000);
    return rc;
}

static int run(struct bench *b, struct lj_err *err)
{
    size_t rounds = (size_t)b->ctl->o.rounds;
    int rc = open_all(b, err);
    for (size_t i = 0; rc == 0 && i < rounds; i++) {
        rc = measure_intake(b, &b->intake[i], err);
        if (rc == 0)
            rc = await_handled(b, err);
        if (rc == 0)
            rc = measure_copy(b, i, &b->copy[i], err);
    }
    return rc == 0 ? show(b, rounds, err) : rc;
}

int lj_cmd_bench(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    char *rest = NULL;
    long n = strtol(ctl->words[0], &rest, 10);
    if (*rest || n < EVENTS_MIN || n > EVENTS_MAX) {
        lj_say("EVENTS must be a number from %d to %d", EVENTS_MIN, EVENTS_MAX);
        return LJ_EXIT_USAGE;
    }
    struct bench *b = calloc(1, sizeof *b);
    int rc = b ? 0 : lj_fail(&err, LJ_E_NOMEM, "no memory");
    if (b) {
        b->ctl = ctl;
        b->n = (size_t)n;
        rc = run(b, &err);
        close_all(b);
        free(b);
    }
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}
