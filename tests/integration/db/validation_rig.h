/* What the tests of the kind validation stand on: registers filled by SQL, events through the
 * worker's batch function as the read-only role, its columns through apply_validation as the
 * broker's role. Included by each of them once: everything is static. */
#ifndef LJ_TESTS_VALIDATION_RIG_H
#define LJ_TESTS_VALIDATION_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/db.h"
#include "common/pgparam.h"
#include "common/timefmt.h"
#include "common/uuid.h"
#include "tests/lib/pgtest.h"
#include "workers/runner/lookup.h"
#include "workers/runner/result.h"

extern const struct lj_worker lj_worker_validation;

enum { EVENTS_MAX = 8, PARAMS = 4 + 30 };

static struct lj_pgtest *pg;
static void *worker;
static PGconn *broker;
static int64_t closure;

/* Positions 1..20 are register events. What comes later in position is what an earlier report must
 * not see. */
static const char registers[] =
    "set role liangjin_owner; set search_path = liangjin, pg_catalog;"
    "insert into unit values (1, 1, 'PS001'), (2, 2, 'PS002'), (3, 3, 'PS101');"
    "insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, "
    "'甲省', 'PROVINCE', 'ACTIVE'),"
    " (2, 2, 0, '乙省', 'PROVINCE', 'ACTIVE'), (3, 3, 1, '甲省某市', 'SUB_UNIT', 'ACTIVE');"
    "insert into team values (4, 1, 1, 't1'), (5, 2, 2, 't1'), (6, 3, 3, 'city'), (7, 4, 1, "
    "'new'), (2000, 5, 1, 'late');"
    "insert into team_version (position, number, name, level, sport, gender, state, paused, "
    "valid_from) values"
    " (4, 1, '甲队', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'ACTIVE', '{}', null),"
    " (5, 2, '乙队', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'ACTIVE', '{}', null),"
    " (6, 3, '市队', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'ACTIVE', "
    "'{[2024-06-01,2024-06-11),[2024-07-01,2024-07-05)}', null),"
    " (7, 4, '新队', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'ACTIVE', '{}', '2024-06-10'),"
    " (1500, 1, '甲队', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'ACTIVE', '{[2024-06-01,)}', null),"
    " (2000, 5, '晚队', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'ACTIVE', '{}', null);"
    "insert into person values (8, 1, 1, 'p1'), (9, 2, 1, 'p2'), (10, 3, 2, 'p1');"
    "insert into person_version values (8, 1, 2000, '张某', 'F'), (9, 2, 1990, '李某', 'F'), (10, "
    "3, 2001, '王某', 'F');"
    "insert into membership values (11, 1, 1, 1), (12, 2, 2, 1), (13, 3, 2, 1), (14, 4, 3, 2), "
    "(15, 5, 1, 3), (16, 6, 1, 4);"
    "insert into membership_version (position, number, role, status, valid_from, valid_to) values"
    " (11, 1, 'ATHLETE', 'FORMAL', '2020-01-01', null), (12, 2, 'ATHLETE', 'FORMAL', '2010-01-01', "
    "'2024-06-04'),"
    " (13, 3, 'ATHLETE', 'RETIRED', '2024-06-05', null), (14, 4, 'ATHLETE', 'TRIAL', '2024-01-01', "
    "null),"
    " (15, 5, 'ATHLETE', 'FORMAL', '2020-01-01', null), (16, 6, 'ATHLETE', 'FORMAL', '2020-01-01', "
    "null),"
    " (1501, 1, 'ATHLETE', 'FORMAL', '2020-01-01', '2020-12-31');"
    "insert into site values (17, 1, 1, 's1'), (18, 2, 2, 's1');"
    "insert into site_version (position, number, name, kind) values (17, 1, '示例小学', "
    "'PRIMARY'), (18, 2, '示例商场', 'MALL');";

/* ---- the database ---- */

static PGconn *connect_as(const char *role)
{
    char dsn[512];
    struct lj_err err = {0};
    PGconn *c = NULL;
    (void)snprintf(dsn, sizeof dsn, "%s options='-c search_path=liangjin,pg_catalog'",
                   lj_pgtest_dsn(pg, "validation"));
    if (lj_dbs_open(dsn, "test", &c, &err) < 0)
        fail_msg("%s", err.text);
    char sql[80];
    PGresult *r = NULL;
    (void)snprintf(sql, sizeof sql, "set session authorization %s", role);
    assert_int_equal(lj_dbs_query(c, sql, 0, NULL, &r, &err), 0);
    PQclear(r);
    return c;
}

static int setup(void **state)
{
    char command[512], dsn[512];
    struct lj_err err = {0};
    (void)state;
    const char *source = getenv("LJ_SOURCE_DIR");
    pg = lj_pgtest_start();
    if (!pg)
        return -1;
    (void)snprintf(command, sizeof command,
                   "%s/tests/lib/dbsetup.sh 'host=%s user=postgres' validation 2>/dev/null",
                   source ? source : ".", lj_pgtest_dir(pg));
    if (system(command) != 0 || lj_pgtest_sql(pg, "validation", registers) != 0)
        return -1;
    (void)snprintf(dsn, sizeof dsn, "host=%s dbname=validation user=liangjin_worker",
                   lj_pgtest_dir(pg));
    if (lj_worker_validation.open(&(struct lj_worker_ctx){.dsn = dsn, .name = "test"}, &worker,
                                  &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    broker = connect_as("liangjin_broker");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (worker)
        lj_worker_validation.close(&worker);
    if (broker)
        PQfinish(broker);
    lj_pgtest_free(&pg);
    return 0;
}

static long long integer(const char *sql)
{
    char text[1024];
    (void)snprintf(text, sizeof text, "set search_path = liangjin, pg_catalog; %s", sql);
    return lj_pgtest_int(pg, "validation", text);
}

/* More rows, as the owner. */
static void more(const char *sql)
{
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "set role liangjin_owner; set search_path = liangjin, pg_catalog; %s", sql);
    assert_int_equal(lj_pgtest_sql(pg, "validation", text), 0);
}

/* ---- a batch ---- */

struct todo {
    struct lj_event events[EVENTS_MAX];
    char keys[EVENTS_MAX][LJ_UUID_TEXT + 1], payloads[EVENTS_MAX][2048];
    size_t count;
    PGresult *follows; /* of apply: text */
    struct lj_result *result;
    char sqlstate[6];
};

static void activity_id(int n, uint8_t id[16])
{
    memset(id, 0, 16);
    id[6] = 0x70;
    id[8] = 0x80;
    id[14] = (uint8_t)(n >> 8);
    id[15] = (uint8_t)n;
}

/* activity: the number that the event is about; a report's id is made of it. */
static void add(struct todo *t, const char *type, int64_t position, int16_t unit, int activity,
                const char *payload)
{
    struct lj_event *e = &t->events[t->count];
    static const char *const unit_codes[] = {"CN000", "PS001", "PS002", "PS101"};
    uint8_t about[16];
    activity_id(activity, about);
    activity_id(strcmp(type, "activity.submitted") == 0 ? activity : (int)position, e->id);
    (void)snprintf(t->payloads[t->count], sizeof t->payloads[0], "%s", payload);
    *e = (struct lj_event){.position = position,
                           .occurred_at_us = INT64_MIN,
                           .unit = unit,
                           .unit_code = unit_codes[unit],
                           .schema_version = 1,
                           .attempt = 1,
                           .type = type,
                           .key = lj_uuid_format(about, t->keys[t->count]),
                           .payload = t->payloads[t->count],
                           .payload_len = strlen(payload)};
    activity_id(strcmp(type, "activity.submitted") == 0 ? activity : (int)position, e->id);
    assert_int_equal(lj_time_parse("2024-06-07T10:00:00+08:00", 25, &e->received_at_us, NULL), 0);
    t->count++;
}

/* A report's body with the parts that the tests change. */
static const char *body(const char *day, const char *teams, const char *roster, const char *site)
{
    static char text[4][2048];
    static int next;
    char *at = text[next++ % 4];
    (void)snprintf(at, sizeof text[0],
                   "{\"title\":\"冠军进校园活动\",\"mode\":\"ONSITE\",\"start_at\":\"%sT09:00:00+"
                   "08:00\",\"end_at\":\"%sT11:00:00+08:00\","
                   "\"break_minutes\":0,\"teams\":[%s],\"roster\":[%s],\"site\":\"%s\",\"served_"
                   "body\":\"SCHOOL\",\"audience\":100,"
                   "\"content\":[\"TEACH\"],\"guidance_minutes\":90,\"fee_charged\":false}",
                   day, day, teams, roster, site);
    return at;
}

#define ROW(person, team)                                                                          \
    "{\"person\":\"" person "\",\"team\":\"" team "\",\"role\":\"INSTRUCT\",\"minutes\":120}"

static void add_change(struct todo *t, int correct, int64_t position, int16_t unit, int activity,
                       int base, const char *new_body)
{
    char payload[2048], id[LJ_UUID_TEXT + 1];
    uint8_t about[16];
    activity_id(activity, about);
    if (correct)
        (void)snprintf(payload, sizeof payload,
                       "{\"activity\":\"%s\",\"base_version\":%d,\"body\":%s}",
                       lj_uuid_format(about, id), base, new_body);
    else
        (void)snprintf(payload, sizeof payload,
                       "{\"activity\":\"%s\",\"base_version\":%d,\"reason\":\"场地取消\"}",
                       lj_uuid_format(about, id), base);
    add(t, correct ? "activity.corrected" : "activity.withdrawal_requested", position, unit,
        activity, payload);
}

/* Applies the columns as the broker does. */
static void apply(struct todo *t)
{
    struct lj_pgarray std[3] = {0};
    const char *values[PARAMS];
    int lengths[PARAMS];
    struct lj_err err = {0};
    const uint8_t *p;
    size_t n;
    uint64_t be = __builtin_bswap64((uint64_t)++closure);
    lj_pgarray_init(&std[0], LJ_PG_INT8);
    lj_pgarray_init(&std[1], LJ_PG_UUID);
    lj_pgarray_init(&std[2], LJ_PG_TIMESTAMPTZ);
    for (size_t i = 0; i < t->count; i++) {
        lj_pgarray_int(&std[0], t->events[i].position);
        lj_pgarray_bytes(&std[1], t->events[i].id, 16);
        lj_pgarray_int(&std[2], t->events[i].received_at_us);
    }
    values[0] = (const char *)&be;
    lengths[0] = 8;
    assert_int_equal(PARAMS, 4 + lj_worker_validation.ncolumns);
    for (size_t c = 0; c < PARAMS - 1; c++) {
        assert_int_equal(
            lj_pgarray_done(c < 3 ? &std[c] : lj_result_column(t->result, c - 3), &p, &n, &err), 0);
        values[1 + c] = (const char *)p;
        lengths[1 + c] = (int)n;
    }
    PQclear(t->follows);
    t->follows = NULL;
    int rc = lj_dbs_query_binary(
        broker,
        "select parent_position, number, type, unit, key, payload from "
        "apply_validation($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$"
        "15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,$28,$29,$30,$31,$32,$33,$34)",
        PARAMS, values, lengths, &t->follows, &err);
    memcpy(t->sqlstate, rc < 0 ? err.sqlstate : "", rc < 0 ? 6 : 1);
    for (int i = 0; i < 3; i++)
        lj_pgarray_free(&std[i]);
}

/* Judges and applies what was added. */
static void run(struct todo *t)
{
    struct lj_batch in = {t->events, t->count};
    struct lj_err err = {0};
    size_t index[EVENTS_MAX];
    assert_int_equal(lj_result_open(&lj_worker_validation, &t->result, NULL), 0);
    assert_int_equal(lj_result_begin(t->result, t->count, NULL), 0);
    assert_int_equal(lj_result_pass(t->result, index), t->count);
    if (lj_worker_validation.batch(worker, &in, t->result, &err) < 0)
        fail_msg("batch: %s", err.text);
    assert_int_equal(lj_result_pass_end(t->result), 0);
    apply(t);
    if (t->sqlstate[0])
        fail_msg("apply: %s", t->sqlstate);
}

static void clear(struct todo *t)
{
    PQclear(t->follows);
    lj_result_close(&t->result);
    memset(t, 0, sizeof *t);
}

static long long verdict(int64_t position)
{
    char sql[100];
    (void)snprintf(sql, sizeof sql, "select verdict from validation where position = %lld",
                   (long long)position);
    return integer(sql);
}

static int noted(int64_t position, const char *code, const char *pointer)
{
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "select count(*) from validation, json_array_elements(notes::json) n where "
                   "position = %lld and n->>'code' = '%s' and n->>'pointer' = '%s'",
                   (long long)position, code, pointer);
    return integer(sql) == 1;
}

#endif
