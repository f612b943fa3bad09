/* The kinds quota, mail and opinion from an event to the rows, without a broker: the worker's batch
 * function as the read-only role, its columns through its apply function as the broker's role,
 * follow-on events through emit_follow_on, and what stands in the tables afterwards. What holds for
 * the arithmetic of settlement is in db/test/quota.sql and quota_split.sql.
 *
 * lj-test: lj_kind_quota lj_kind_mail lj_kind_opinion lj_runner lj_testlib PkgConfig::PQ */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/db.h"
#include "common/uuid.h"
#include "tests/lib/pgtest.h"
#include "workers/runner/result.h"

extern const struct lj_worker lj_worker_quota, lj_worker_mail, lj_worker_opinion;

enum { EVENTS_MAX = 16, PARAMS_MAX = 48 };

static struct lj_pgtest *pg;
static PGconn *broker;
static int64_t closure;

static const char registers[] =
    "set role liangjin_owner; set search_path = liangjin, pg_catalog;"
    "insert into unit values (1, 1, 'PS001'), (2, 2, 'GU028'), (3, 3, 'SU101'), (900, 4, 'PS002');"
    "insert into unit_version (position, number, parent, name, kind, state) values (1, 1, 0, "
    "'甲省', 'PROVINCE', 'ACTIVE'),"
    " (2, 2, 0, '乙中心', 'GAS_UNIT', 'ACTIVE'), (3, 3, 1, '甲省某市', 'SUB_UNIT', 'ACTIVE'), "
    "(900, 4, 0, '丙省', 'PROVINCE', 'ACTIVE');"
    "insert into team values (4, 1, 1, 't1'); insert into team_version (position, number, name, "
    "level, sport, gender, state) values"
    " (4, 1, '甲队', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'ACTIVE');"
    "insert into person values (5, 1, 1, 'p1'); insert into membership values (6, 1, 1, 1);"
    "insert into membership_version (position, number, role, status, valid_from) values (6, 1, "
    "'ATHLETE', 'FORMAL', '2025-01-01');"
    "insert into policy values (7, 1, null, null, 'NATION');"
    "insert into policy_version select 7, '2022-01-01', null, 1, 1, 1, 90, 240, 480, 120, 15, 1, "
    "14, 480, 'YEAR', 0.6, 0.3, 0.05, 1, 1, 1, 0, '{FORMAL}',"
    " '{FORMAL,TRIAL}', '{}', '{}', '{3,2,10,10,12,14,5,8,10,12,8,6}', '{0.1,0.25,0.4}', '10-01', "
    "'NONE', 's', 'c', 'a', 'b';"
    "insert into register_log select g, g, 1 from generate_series(1, 7) g;";

struct step {
    int64_t position;
    const char *type;
    int16_t unit;
    const char *payload;
    int verdict;
};

static PGresult *query(PGconn *db, const char *sql)
{
    struct lj_err err = {0};
    PGresult *r = NULL;
    if (lj_dbs_query(db, sql, 0, NULL, &r, &err) != 0) {
        fail_msg("%s: %s", sql, err.text);
    }
    return r;
}

static void text_is(const char *sql, const char *want)
{
    PGresult *r = query(broker, sql);
    const char *got = PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "(no row)";
    if (strcmp(got, want) != 0) {
        fail_msg("%s: \"%s\", not \"%s\"", sql, got, want);
    }
    PQclear(r);
}

static void event_id(int64_t position, uint8_t id[16])
{
    char text[LJ_UUID_TEXT + 1];
    (void)snprintf(text, sizeof text, "01900000-0000-7000-8000-%012lld", (long long)position);
    assert_int_equal(lj_uuid_parse(text, LJ_UUID_TEXT, id, NULL), 0);
}

/* Calls apply_<kind>, follow-on events through emit_follow_on at base, as the broker does. Returns
 * the SQLSTATE ("" = applied). */
static const char *apply(const struct lj_worker *w, struct lj_result *res,
                         const struct lj_batch *in, int64_t base)
{
    static char sqlstate[6];
    struct lj_pgarray std[3] = {0};
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX], n = (int)(4 + w->ncolumns);
    struct lj_err err = {0};
    char sql[600];
    const uint8_t *p;
    size_t len, at;
    uint64_t be = __builtin_bswap64((uint64_t)++closure);
    lj_pgarray_init(&std[0], LJ_PG_INT8);
    lj_pgarray_init(&std[1], LJ_PG_UUID);
    lj_pgarray_init(&std[2], LJ_PG_TIMESTAMPTZ);
    for (size_t i = 0; i < in->count; i++) {
        lj_pgarray_int(&std[0], in->events[i].position);
        lj_pgarray_bytes(&std[1], in->events[i].id, 16);
        lj_pgarray_int(&std[2], in->events[i].received_at_us);
    }
    values[0] = (const char *)&be;
    lengths[0] = 8;
    at = (size_t)snprintf(sql, sizeof sql,
                          "select * from emit_follow_on(%lld, 100, (select number from kind where "
                          "name = '%s'), '2025-12-01',"
                          " array(select f from apply_%s($1",
                          (long long)base, w->kind, w->kind);
    for (int c = 1; c < n; c++) {
        assert_int_equal(lj_pgarray_done(c < 4 ? &std[c - 1] : lj_result_column(res, (size_t)c - 4),
                                         &p, &len, &err),
                         0);
        values[c] = (const char *)p;
        lengths[c] = (int)len;
        at += (size_t)snprintf(sql + at, sizeof sql - at, ",$%d", c + 1);
    }
    (void)snprintf(sql + at, sizeof sql - at, ") f))");
    PGresult *r = NULL;
    int rc = lj_dbs_query_binary(broker, sql, n, values, lengths, &r, &err);
    PQclear(r);
    for (int i = 0; i < 3; i++) {
        lj_pgarray_free(&std[i]);
    }
    memcpy(sqlstate, rc != 0 ? err.sqlstate : "\0\0\0\0\0", 6);
    if (rc != 0 && strcmp(err.sqlstate, "23505") != 0) {
        fprintf(stderr, "%s\n", err.text);
    }
    return sqlstate;
}

/* Runs steps as one batch and applies them; then the same again must fail on a key. */
static void run(const struct lj_worker *w, void *worker, const struct step *steps, size_t n,
                int64_t base)
{
    struct lj_event events[EVENTS_MAX] = {0};
    struct lj_batch in = {events, n};
    struct lj_result *res = NULL;
    struct lj_err err = {0};
    size_t index[EVENTS_MAX];
    for (size_t i = 0; i < n; i++) {
        struct lj_event *e = &events[i];
        *e = (struct lj_event){.position = steps[i].position,
                               .received_at_us = 1764547200000000,
                               .occurred_at_us = INT64_MIN,
                               .unit = steps[i].unit,
                               .type = steps[i].type,
                               .key = "k",
                               .attempt = 1,
                               .payload = steps[i].payload,
                               .payload_len = strlen(steps[i].payload)};
        event_id(e->position, e->id);
    }
    assert_int_equal(lj_result_open(w, &res, &err), 0);
    assert_int_equal(lj_result_begin(res, n, &err), 0);
    assert_int_equal(lj_result_pass(res, index), n);
    if (w->batch(worker, &in, res, &err) != 0) {
        fail_msg("%s: %s", w->kind, err.text);
    }
    assert_int_equal(lj_result_pass_end(res), 0);
    assert_string_equal(apply(w, res, &in, base), "");
    assert_string_equal(apply(w, res, &in, base + 50), "23505");
    lj_result_close(&res);
}

static void log_events(const char *values)
{
    char sql[2000];
    (void)snprintf(sql, sizeof sql,
                   "insert into liangjin.event (position, received_at, id, type, unit, class, "
                   "schema_version, source, content_hash, payload)"
                   " select p, '2025-12-01', ('01900000-0000-7000-8000-' || lpad(p::text, 12, "
                   "'0'))::uuid, 20, 1, 1, 1, 't', '\\x00', '{}' from unnest(array[%s]) p",
                   values);
    assert_int_equal(lj_pgtest_sql(pg, "kinds", sql), 0);
}

static void *open_worker(const struct lj_worker *w)
{
    char dsn[512];
    void *state = NULL;
    struct lj_err err = {0};
    (void)snprintf(dsn, sizeof dsn, "host=%s dbname=kinds user=liangjin_worker", lj_pgtest_dir(pg));
    if (w->open(&(struct lj_worker_ctx){.dsn = dsn, .name = "test"}, &state, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return state;
}

static int setup(void **state)
{
    char command[512], dsn[512];
    struct lj_err err = {0};
    const char *source = getenv("LJ_SOURCE_DIR");
    (void)state;
    pg = lj_pgtest_start();
    if (pg == NULL) {
        return -1;
    }
    (void)snprintf(command, sizeof command,
                   "%s/tests/lib/dbsetup.sh 'host=%s user=postgres' kinds 2>/dev/null",
                   source != NULL ? source : ".", lj_pgtest_dir(pg));
    if (system(command) != 0 || lj_pgtest_sql(pg, "kinds", registers) != 0) {
        return -1;
    }
    (void)snprintf(dsn, sizeof dsn, "host=%s dbname=kinds user=liangjin_broker", lj_pgtest_dir(pg));
    return lj_dbs_open(dsn, "test", &broker, &err);
}

static int teardown(void **state)
{
    (void)state;
    PQfinish(broker);
    lj_pgtest_free(&pg);
    return 0;
}

/* ---- quota ---- */

#define SHORT(op, v, rest)                                                                         \
    "{\"a\":\"01900000-0000-7000-8000-000000000100\",\"v\":" #v ",\"op\":\"" op                    \
    "\",\"unit\":1" rest "}"
#define BODY(d)                                                                                    \
    ",\"teams\":[1],\"start\":1754010000000000,\"end\":1754017200000000,\"break\":0,\"net\":120,"  \
    "\"mode\":\"ONSITE\",\"site\":null,"                                                           \
    "\"content\":[\"TEACH\"],\"themes\":[],\"guidance\":60,\"roster\":[{\"p\":1,\"t\":1,\"r\":"    \
    "\"INSTRUCT\",\"d\":" #d ",\"in\":null,\"out\":null}]"

static void test_quota(void **state)
{
    static const struct step report[] = {
        {100, "activity.submitted", 1, SHORT("report", 1, BODY(110)), 1}};
    static const struct step correct[] = {
        {101, "activity.corrected", 1, SHORT("correct", 2, BODY(80)), 1}};
    static const struct step withdraw[] = {
        {102, "activity.withdrawal_requested", 1, SHORT("withdraw", 3, ""), 1}};
    void *worker = open_worker(&lj_worker_quota);
    (void)state;
    log_events("1,2,3,4,5,6,7,100,101,102");
    run(&lj_worker_quota, worker, report, 1, 200);
    text_is("select string_agg(f.type || ' ' || (f.payload::json ->> 'code'), ',' order by "
            "f.payload::json ->> 'code') from settle_quota(100) f",
            "quota.duty_met p1,quota.duty_met t1");
    text_is("select minutes || ' ' || duty || ' ' || complete_through from quota_subject where "
            "subject = 'PERSON'",
            "105 90 100");
    text_is("select sessions || ' ' || duty || ' ' || member_minutes from quota_subject where "
            "subject = 'TEAM'",
            "1 1 105");
    run(&lj_worker_quota, worker, correct, 1, 210);
    text_is("select count(*) from settle_quota(101)", "0");
    text_is("select string_agg(minutes || '/' || sessions || '/' || member_minutes, ' ' order by "
            "subject) from quota_subject",
            "75/0/0 0/1/75");
    run(&lj_worker_quota, worker, withdraw, 1, 220);
    text_is("select count(*) from settle_quota(102)", "0");
    text_is("select sum(minutes) || ' ' || sum(sessions) || ' ' || sum(member_minutes) from "
            "quota_subject",
            "0 0 0");
    text_is("select count(*) from quota_diff()", "0");
    text_is("select count(*) from ledger_sums", "0");
    lj_worker_quota.close(&worker);
}

/* ---- mail ---- */

static void test_mail(void **state)
{
    static const struct step first[] = {
        {300, "activity.rejected", 1,
         "{\"activity\":\"01900000-0000-7000-8000-000000000100\",\"type\":\"activity.submitted\","
         "\"title\":\"排球进校园,电话13800001234\","
         "\"reasons\":[{\"code\":\"V03\",\"severity\":\"E\",\"pointer\":\"/"
         "end_at\",\"zh\":\"净时长为 10 分钟,不足 20 分钟\",\"en\":\"x\"},"
         "{\"code\":\"V08\",\"severity\":\"E\",\"pointer\":\"/roster/"
         "1\",\"zh\":\"同一人在名单中出现两次\",\"en\":\"x\"}],\"more\":3}",
         1},
        {301, "mail.broadcast_requested", 0,
         "{\"scope\":\"all\",\"title\":\"系统改进\",\"body\":\"请各单位管理员知悉。\",\"needs\":"
         "\"SIGN\",\"due_working_days\":3}",
         1},
        {302, "mail.broadcast_requested", 0,
         "{\"scope\":\"kind\",\"kinds\":[\"GAS_UNIT\"],\"title\":\"甲\",\"body\":\"乙\",\"needs\":"
         "\"READ\"}",
         1},
        {303, "mail.broadcast_requested", 0,
         "{\"scope\":\"list\",\"units\":[\"SU101\",\"XX999\"],\"title\":\"甲\",\"body\":\"乙\","
         "\"needs\":\"NONE\"}",
         1},
        {304, "mail.broadcast_requested", 0,
         "{\"scope\":\"list\",\"units\":[\"XX999\"],\"title\":\"甲\",\"body\":\"乙\",\"needs\":"
         "\"NONE\"}",
         2},
        {305, "mail.broadcast_requested", 0,
         "{\"scope\":\"some\",\"title\":\"甲\",\"body\":\"乙\",\"needs\":\"NONE\"}", 2},
        {306, "quota.duty_met", 1,
         "{\"subject\":\"TEAM\",\"code\":\"t1\",\"year\":2025,\"minutes\":0,\"sessions\":4,"
         "\"duty\":4,\"policy\":1,\"policy_version\":2}",
         1},
        {307, "opinion.flagged", 3,
         "{\"severity\":3,\"opinion_level\":\"RED\",\"source_zh\":\"活动报告\",\"reason\":"
         "\"学生受伤\",\"kinds_zh\":[\"伤害\"],"
         "\"words\":[{\"word\":\"骨折\"}]}",
         1},
        {308, "opinion.flagged", 3,
         "{\"severity\":1,\"opinion_level\":\"BLUE\",\"reason\":\"收费\"}", 1},
        {309, "quota.duty_met", 1, "{\"subject\":\"DOG\"}", 2},
        {310, "activity.rejected", 1, "[]", 2},
    };
    void *worker = open_worker(&lj_worker_mail);
    char read[200], other[200], id[2][LJ_UUID_TEXT + 1];
    uint8_t parent[16], mail[16];
    (void)state;
    run(&lj_worker_mail, worker, first, sizeof first / sizeof first[0], 400);
    text_is("select string_agg(position || ':' || verdict || coalesce(reason, ''), ' ' order by "
            "position) from mail_log",
            "300:1 301:1 302:1 303:1 304:2no_receiver 305:2bad_payload 306:1 307:1 308:1 "
            "309:2bad_payload 310:2bad_payload");
    text_is("select body from mail where position = 300",
            "贵单位提交的活动报告“排球进校园,电话138****”未通过校验,未予受理,共 5 条意见:\n1. "
            "[V03] 净时长为 10 分钟,不足 20 分钟(位置:/end_at)\n"
            "2. [V08] 同一人在名单中出现两次(位置:/roster/1)\n另有 3 "
            "条,请在系统中查看。\n请更正后重新提交。活动编号:01900000-0000-7000-8000-000000000100");
    text_is(
        "select string_agg(unit::text, ',' order by unit) from mail_receipt where position = 301",
        "1,2,3"); /* the unit of position 900 came later */
    text_is(
        "select string_agg(unit::text, ',' order by unit) from mail_receipt where position = 302",
        "2");
    text_is(
        "select string_agg(unit::text, ',' order by unit) from mail_receipt where position = 303",
        "3");
    text_is(
        "select string_agg(unit::text, ',' order by unit) from mail_receipt where position = 307",
        "1,3"); /* severity 3: the parent too */
    text_is(
        "select string_agg(unit::text, ',' order by unit) from mail_receipt where position = 308",
        "3");
    text_is(
        "select body from mail where position = 306",
        "运动队 t1 已完成 2025 年任务量:应完成 4 场次,现已完成 4 场次。依据政策第 1 号第 2 版。");
    text_is("select title || urgent from mail where position = 307", "舆情提示(红色)true");
    text_is("select due_working_days || needs from mail where position = 301", "3SIGN");
    text_is("select string_agg(unit || ':' || unread, ' ' order by unit) from mail_unread",
            "1:4 2:2 3:4");

    event_id(301, parent);
    lj_uuid_v8(parent, "mail", 3, mail);
    lj_uuid_format(mail, id[0]);
    event_id(300, parent);
    lj_uuid_v8(parent, "mail", 23, mail);
    lj_uuid_format(mail, id[1]);
    (void)snprintf(read, sizeof read, "{\"mail\":\"%s\",\"by\":\"管理员甲\"}", id[0]);
    (void)snprintf(other, sizeof other, "{\"mail\":\"%s\"}", id[1]);
    const struct step moves[] = {
        {320, "mail.signed", 1, read, 2}, /* not read yet */
        {321, "mail.read", 1, read, 1},
        {322, "mail.read", 1, read, 2},
        {323, "mail.signed", 1, read, 1}, /* read in the same batch */
        {324, "mail.read", 2, other, 2},  /* another unit's */
        {325, "mail.read", 1, "{\"mail\":\"x\"}", 2},
        {326, "mail.read", 1, other, 1},
        {327, "mail.signed", 1, other, 2}, /* asks for reading only */
    };
    run(&lj_worker_mail, worker, moves, sizeof moves / sizeof moves[0], 500);
    text_is("select string_agg(position || ':' || verdict || coalesce(reason, ''), ' ' order by "
            "position) from mail_log where position >= 320",
            "320:2not_in_that_state 321:1 322:2done_before 323:1 324:2no_such_mail "
            "325:2bad_payload 326:1 327:2no_signature_asked");
    text_is("select state || coalesce(read_by, '') from mailbox where position = 301 and unit = 1",
            "SIGNED管理员甲");
    text_is("select string_agg(unit || ':' || unread, ' ' order by unit) from mail_unread",
            "1:2 2:2 3:4");
    lj_worker_mail.close(&worker);
}

/* The mail of an event and a rule, as text. */
static const char *mail_text(int64_t position, uint32_t rule, char text[LJ_UUID_TEXT + 1])
{
    uint8_t parent[16], mail[16];
    event_id(position, parent);
    lj_uuid_v8(parent, "mail", rule, mail);
    return lj_uuid_format(mail, text);
}

/* A mail to three units, signed by the first, read by the second, recalled; what the others do with
 * it later comes too late, although it is closed before the recall is carried out: the signature
 * stays, who had read is told, the third has a tombstone. And a mail that asks for an answer. */
static void test_mail_recalled_and_answered(void **state)
{
    static const struct step first[] = {
        {901, "mail.broadcast_requested", 0,
         "{\"scope\":\"all\",\"title\":\"误发的通知\",\"body\":\"电话13800001234\",\"needs\":"
         "\"SIGN\",\"due_working_days\":3}",
         1},
        {902, "mail.broadcast_requested", 0,
         "{\"scope\":\"list\",\"units\":[\"GU028\",\"SU101\"],\"title\":\"请答复\",\"body\":\"乙\","
         "\"needs\":\"REPLY\"}",
         1},
        {903, "mail.broadcast_requested", 0,
         "{\"scope\":\"list\",\"units\":[\"GU028\"],\"title\":\"甲\",\"body\":\"乙\",\"needs\":"
         "\"SIGN\"}",
         1},
    };
    char id[LJ_UUID_TEXT + 1], mail[200], recall[300], other[200], reply[300], third[200],
        third_recall[300];
    void *worker = open_worker(&lj_worker_mail);
    (void)state;
    run(&lj_worker_mail, worker, first, 3, 950);
    (void)mail_text(901, 3, id);
    (void)snprintf(mail, sizeof mail, "{\"mail\":\"%s\",\"by\":\"甲\"}", id);
    (void)snprintf(recall, sizeof recall,
                   "{\"mail\":\"%s\",\"reason\":\"发错范围\",\"by\":\"值班员\"}", id);
    (void)mail_text(902, 3, id);
    (void)snprintf(other, sizeof other, "{\"mail\":\"%s\"}", id);
    (void)snprintf(reply, sizeof reply,
                   "{\"mail\":\"%s\",\"text\":\"不再参加,电话13800001234\",\"by\":\"乙\"}", id);
    (void)mail_text(903, 3, id);
    (void)snprintf(third, sizeof third, "{\"mail\":\"%s\"}", id);
    (void)snprintf(third_recall, sizeof third_recall, "{\"mail\":\"%s\",\"reason\":\"误发\"}", id);
    const struct step moves[] = {
        {910, "mail.read", 1, mail, 1},
        {911, "mail.signed", 1, mail, 1},
        {912, "mail.read", 2, mail, 1},
        {913, "mail.recalled", 0,
         "{\"mail\":\"01900000-0000-7000-8000-000000000999\",\"reason\":"
         "\"误发\"}",
         2},
        {914, "mail.recalled", 0, mail, 2}, /* no reason */
        {915, "mail.recalled", 0, recall, 1},
        {916, "mail.recalled", 0, recall, 2},
        {917, "mail.read", 3, mail, 1},
        {918, "mail.signed", 2, mail, 1},
        {919, "mail.replied", 2, reply, 2}, /* not read yet */
        {920, "mail.read", 2, other, 1},
        {921, "mail.signed", 2, other, 2},
        {922, "mail.replied", 2, reply, 1},
        {923, "mail.replied", 2, reply, 2},
        {924, "mail.replied", 2, other, 2}, /* no text */
    };
    run(&lj_worker_mail, worker, moves, sizeof moves / sizeof moves[0], 960);
    const struct step last[] = {{930, "mail.read", 2, third, 1},
                                {931, "mail.signed", 2, third, 1},
                                {932, "mail.recalled", 0, third_recall, 1}};
    run(&lj_worker_mail, worker, last, 3, 970);
    log_events("915,932");
    text_is("select string_agg(unit || state, ' ' order by unit) from mailbox where position = 901",
            "1SIGNED 2SIGNED 3READ 4DELIVERED");
    text_is("select count(*) from settle_mail(940)", "0");
    text_is("select string_agg(position || ':' || verdict || coalesce(reason, ''), ' ' order by "
            "position) from mail_log where position between 910 and 932",
            "910:1 911:1 912:1 913:2no_such_mail 914:2bad_payload 915:1 916:2recalled "
            "917:1 918:1 919:2not_in_that_state 920:1 921:2no_signature_asked "
            "922:1 923:2done_before 924:2bad_payload 930:1 931:1 932:1");
    text_is("select string_agg(unit || state || title, ' ' order by unit) from mailbox where "
            "position = 901 and rule = 3 and unit <> 4",
            "1SIGNED误发的通知 2RECALLED误发的通知 3RECALLED来信已撤回");
    text_is("select state || exists (select from mail where rule = 26 and position = 932) from "
            "mailbox where position = 903",
            "SIGNEDfalse"); /* whoever has signed everything has nothing to recall */
    text_is("select string_agg(unit || coalesce(recall_reason, ''), ' ' order by unit) from "
            "mailbox where position = 901 and unit <> 4",
            "1 2发错范围 3发错范围");
    text_is("select string_agg(unit::text, ',' order by unit) from mailbox where position = 915",
            "1,2"); /* the follow-up notice */
    text_is("select split_part(body, E'\\n', 1) from mail where position = 915",
            "贵单位已阅的来信“误发的通知”已由发信方撤回。原因:发错范围");
    text_is("select count(*) from mail_unread where unit = 3 and exists (select from mailbox b "
            "where b.unit = 3 and b.position = 901 and b.state = 'DELIVERED')",
            "0");
    text_is("select string_agg(unit || state || coalesce(reply, ''), ' ' order by unit) from "
            "mailbox where position = 902",
            "2REPLIED不再参加,电话138**** 3DELIVERED");
    text_is("select unit || ':' || body from mailbox where position = 922",
            "0:乙中心回复来信“请答复”:\n不再参加,电话138****\nReply of a unit to a letter.");
    lj_worker_mail.close(&worker);
}

/* Reviews: N04 what waits, N05 what was returned, N07 what is disputed, N21 what was revoked; an
 * approval is told by the digest. */
static void test_mail_of_reviews(void **state)
{
#define CHANGED(type, from, state, rest)                                                           \
    "{\"activity\":\"01900000-0000-7000-8000-000000000100\",\"version\":2,\"type\":\"" type        \
    "\",\"from\":\"" from "\",\"state\":\"" state "\"" rest "}"
    static const struct step steps[] = {
        {350, "activity.state_changed", 1,
         CHANGED("activity.corrected", "RETURNED", "UNIT_REVIEW", ",\"title\":\"进校园\""), 1},
        {351, "activity.state_changed", 1,
         CHANGED("activity.returned", "UNIT_REVIEW", "RETURNED",
                 ",\"title\":\"进校园\",\"reason\":\"电话13800001234不通\""),
         1},
        {352, "activity.state_changed", 1,
         CHANGED("participation.disputed", "APPROVED", "APPROVED", ",\"reason\":\"未到场\""), 1},
        {353, "activity.state_changed", 1,
         CHANGED("activity.revoked", "CONFIRMED", "REVOKED", ",\"reason\":\"未举办\""), 1},
        {354, "activity.state_changed", 1,
         CHANGED("activity.approved", "UNIT_REVIEW", "APPROVED", ""), 2},
        {355, "activity.state_changed", 1, "{\"activity\":\"x\"}", 2},
        {356, "activity.state_changed", 1,
         CHANGED("host.disputed", "APPROVED", "UNIT_REVIEW", ",\"reason\":\"无此活动\""), 1},
    };
    void *worker = open_worker(&lj_worker_mail);
    (void)state;
    run(&lj_worker_mail, worker, steps, sizeof steps / sizeof steps[0], 600);
    text_is("select string_agg(position || ':' || verdict || coalesce(reason, ''), ' ' order by "
            "position) from mail_log where position between 350 and 356",
            "350:1 351:1 352:1 353:1 354:2nobody_to_tell 355:2bad_payload 356:1");
    text_is("select string_agg(t.code || ':' || m.unit || coalesce(':' || m.due_working_days, ''), "
            "' ' order by m.position) from mail m join mail_template t using (rule) where "
            "m.position between 350 and 356",
            "N04:1:5 N05:1:21 N07:1:3 N21:1 N07:1:3");
    text_is("select split_part(body, E'\\n', 1) from mail where position = 351",
            "活动“进校园”(第 2 版)被退回。原因:电话138****不通");
    text_is("select split_part(body, ':', 1) from mail where position = 356",
            "主办方对活动“(无标题)”提出异议");
    lj_worker_mail.close(&worker);
}

/* An incident goes to the unit and the Centre, urgent when it is serious; what became of a story to
 * its unit. */
static void test_mail_of_events(void **state)
{
    static const struct step steps[] = {
        {371, "incident.reported", 1,
         "{\"kind\":\"INJURY\",\"serious\":true,\"hurt\":1,\"text\":\"骨折,已送医,"
         "电话13800001234\"}",
         1},
        {372, "incident.reported", 2,
         "{\"kind\":\"NEAR_MISS\",\"serious\":false,\"text\":\"器材松动\"}", 1},
        {373, "incident.reported", 1, "{\"kind\":\"PARTY\",\"serious\":true,\"text\":\"甲\"}", 2},
        {374, "incident.reported", 1, "{\"kind\":\"INJURY\",\"text\":\"甲\"}", 2},
        {375, "story.decided", 3, "{\"title\":\"进校园\",\"outcome\":\"SELECTED\"}", 1},
        {376, "story.decided", 3,
         "{\"title\":\"进校园\",\"outcome\":\"REFUSED\",\"reason\":\"缺同意书\"}", 1},
        {377, "story.decided", 3, "{\"title\":\"进校园\",\"outcome\":\"LOST\"}", 2},
        {378, "quota.quarter_summed", 1,
         "{\"year\":2025,\"quarter\":2,\"from\":\"2025-04-01\",\"to\":\"2025-06-30\","
         "\"activities\":2,"
         "\"sessions\":3,\"minutes\":120,\"athletes\":4,\"teams_owing\":5,\"teams_met\":1}",
         1},
        {379, "quota.quarter_summed", 1, "{\"year\":2025}", 2},
        {380, "activity.report_missing", 1,
         "{\"day\":\"2025-12-01\",\"plans\":[{\"plan\":\"x\",\"title\":\"进校园\",\"team\":\"t1\","
         "\"to\":"
         "\"2025-11-28\",\"days\":3}]}",
         1},
        {381, "activity.report_missing", 1, "{\"plans\":[]}", 2},
    };
    void *worker = open_worker(&lj_worker_mail);
    (void)state;
    run(&lj_worker_mail, worker, steps, sizeof steps / sizeof steps[0], 1100);
    text_is("select string_agg(position || ':' || verdict || coalesce(reason, ''), ' ' order by "
            "position) from mail_log where position between 371 and 381",
            "371:1 372:1 373:2bad_payload 374:2bad_payload 375:1 376:1 377:2bad_payload 378:1 "
            "379:2bad_payload 380:1 381:2bad_payload");
    text_is(
        "select string_agg(position || '>' || unit || case when urgent then '!' else '' end || "
        "template, ' ' order by position, unit) from mailbox where position between 371 and 381",
        "371>0!N15 371>1!N15 372>0N15 372>2N15 375>3N20 376>3N20 378>1N11 380>1N08");
    text_is("select split_part(body, E'\\n', 2) from mail where position = 380",
            "“进校园”(t1,计划至 2025-11-28,已过 3 天)");
    text_is(
        "select title || '/' || split_part(body, E'\\n', 1) || '/' || (due_on - (sent_at at time "
        "zone 'Asia/Shanghai')::date) from mail where position = 371",
        "安全事件报告(严重):人员受伤/贵单位的安全事件报告:人员受伤,严重。骨折,已送医,电话138****/"
        "0");
    text_is(
        "select split_part(body, E'\\n', 1) from mail where position = 378",
        "贵单位 2025 年第 2 季度(2025-04-01 至 2025-06-30):活动 2 项,3 场次,120 分钟,涉及运动员 4 "
        "人。");
    text_is("select title || '/' || split_part(body, E'\\n', 1) from mail where position = 376",
            "稿件未采用/贵单位报送的稿件“进校园”未采用。说明:缺同意书");
    lj_worker_mail.close(&worker);
}

/* What the registers have taken: an exemption decided (N16), a policy published (N17); what they
 * have refused tells nothing. */
static void test_mail_of_registers(void **state)
{
    static const struct step steps[] = {
        {361, "exemption.approved", 1, "{\"code\":\"e1\"}", 1},
        {362, "exemption.approved", 1, "{\"code\":\"e2\"}", 2}, /* refused */
        {363, "policy.set", 0, "{\"scope\":\"NATION\"}", 1},
        {364, "policy.approved", 0, "{}", 2}, /* of rule settings */
        {365, "policy.set", 0, "{\"scope\":\"UNIT\"}", 1},
        {366, "policy.set", 0, "{\"scope\":\"TEAM\"}", 1},
        {367, "exemption.ended", 1, "{\"code\":\"e1\"}", 1},
    };
    void *worker = open_worker(&lj_worker_mail);
    (void)state;
    assert_int_equal(
        lj_pgtest_sql(
            pg, "kinds",
            "set role liangjin_owner; set search_path = liangjin, pg_catalog;"
            "insert into exemption values (361, 1, 1, 'e1');"
            "insert into exemption_version (position, valid_from, valid_to, number, team, kind, "
            "effect, state) values (361, '2025-11-01', null, 1, 1, 'INJURY', 'DEFER', 'APPROVED'),"
            "(367, '2025-11-01', '2025-12-31', 1, 1, 'INJURY', 'DEFER', 'ENDED');"
            "insert into policy values (365, 2, null, 1, 'UNIT'), (366, 3, 1, null, 'TEAM');"
            "insert into policy_version select (jsonb_populate_record(v, x)).* from policy_version "
            "v, (values ('{\"position\": 363, \"version\": 2, \"valid_from\": "
            "\"2026-01-01\"}'::jsonb), ('{\"position\": 365, \"number\": 2}'), ('{\"position\": "
            "366, \"number\": 3}')) y (x) where v.position = 7;"),
        0);
    run(&lj_worker_mail, worker, steps, sizeof steps / sizeof steps[0], 990);
    text_is("select string_agg(position || ':' || verdict || coalesce(reason, ''), ' ' order by "
            "position) from mail_log where position between 361 and 369",
            "361:1 362:2refused_by_register 363:1 364:2nobody_to_tell 365:1 366:1 367:1");
    text_is("select string_agg(position || '>' || unit, ' ' order by position, unit) from "
            "mail_receipt where position between 361 and 369",
            "361>1 363>1 363>2 363>3 365>1 365>3 366>1 367>1");
    text_is("select split_part(body, E'\\n', 1) from mail where position = 361",
            "运动队 t1 的减免已办理:延后,自 2025-11-01 至 另行通知。请告知本人或所在队。");
    text_is("select split_part(body, E'\\n', 1) || due_working_days from mail where position = 363",
            "全国任务量政策第 2 版自 2026-01-01 起施行:每队每年 1 场次,每名运动员每年 90 "
            "分钟。请各单位知悉并签收。10");
    lj_worker_mail.close(&worker);
}

/* What follows from a day: the events are there with their own day's row, as the register leaves
 * it. */
static void test_mail_days(void **state)
{
    static const struct step steps[] = {
        {332, "calendar.day_started", 0, "{\"day\":\"2026-05-11\"}", 1},
        {334, "calendar.day_started", 0, "{\"day\":\"2026-05-12\"}", 2},
        {336, "calendar.day_started", 0, "{\"day\":\"2026-09-19\"}", 1},
        {338, "calendar.day_started", 0, "{\"day\":\"2026-12-03\"}", 1},
        {340, "calendar.day_started", 0, "{\"day\":\"2027-02-08\"}", 1},
        {342, "calendar.day_started", 0, "{\"day\":\"2027-02-08\"}", 2}, /* the clock went back */
        {344, "calendar.day_started", 0, "{}", 2},
        {346, "quota.level_changed", 1,
         "{\"team\":\"t1\",\"name\":\"甲队\",\"day\":\"2026-05-05\",\"year\":2026,\"level\":"
         "\"CRITICAL\",\"duty\":4,\"done\":0,\"expected_percent\":53,\"done_percent\":0}",
         1},
        {348, "quota.level_changed", 1, "{\"team\":\"t1\"}", 2},
    };
    void *worker = open_worker(&lj_worker_mail);
    (void)state;
    assert_int_equal(
        lj_pgtest_sql(pg, "kinds",
                      "insert into liangjin.calendar_day values (331, '2026-05-10'), (332, "
                      "'2026-05-11'), (334, '2026-05-12'), (335, '2026-09-16'), (336, "
                      "'2026-09-19'), (338, '2026-12-03'), (339, '2027-02-07'), (340, "
                      "'2027-02-08')"),
        0);
    run(&lj_worker_mail, worker, steps, sizeof steps / sizeof steps[0], 800);
    text_is("select string_agg(position || ':' || verdict || coalesce(reason, ''), ' ' order by "
            "position) from mail_log where position between 330 and 349",
            "332:1 334:2nothing_due 336:1 338:1 340:1 342:2nothing_due 344:2bad_payload 346:1 "
            "348:2bad_payload");
    text_is("select string_agg(position || ' N' || lpad(rule::text, 2, '0') || ' ' || title, ';' "
            "order by position) from mail where position between 330 and 345",
            "332 N09 “发展体育运动,增强人民体质”题词纪念日将至;336 N09 重阳节将至;338 N18 2026 "
            "年度即将结束;340 N18 2026 年度已关账");
    text_is("select left(body, 26) from mail where position = 336", /* told a day late */
            "重阳节(10 月 18 日)还有 29 天。请组织所");
    text_is("select string_agg(unit::text, ',' order by unit) from mail_receipt where position = "
            "332",
            "1,2,3");
    text_is("select title from mail where position = 346", "进度提示:严重滞后");
    text_is(
        "select body from mail where position = 346",
        "甲队(t1)截至 2026-05-05 进度严重滞后:2026 年任务 4 场次,已完成 0 "
        "场次(0%),按进度应完成约 53%。\n请安排好后续活动;有集训、比赛等原因的,请申请减免或调整。");
    lj_worker_mail.close(&worker);
}

/* ---- opinion ---- */

static void test_opinion(void **state)
{
    static const struct step steps[] = {
        {600, "activity.submitted", 1,
         "{\"title\":\"排球进校园活动\",\"narrative\":\"一名学生骨折,被送往医院。\"}", 2},
        {601, "feedback.received", 1, "{\"from\":\"HOST\",\"text\":\"教得很好\"}", 1},
        {602, "feedback.received", 1, "{\"from\":\"HOST\"}", 3},
    };
    void *worker = open_worker(&lj_worker_opinion);
    (void)state;
    log_events("600,601,602");
    run(&lj_worker_opinion, worker, steps, 3, 700);
    text_is("select string_agg(verdict || state, ' ' order by position) from opinion_score",
            "2scored 1scored 3unreadable");
    text_is("select type || ' ' || kinds[1] from opinion_flagged", "activity.submitted injury");
    text_is("select t.name || e.unit from event e join event_type t on t.number = e.type where "
            "e.position = 700",
            "opinion.flagged1");
    lj_worker_opinion.close(&worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quota),
                                       cmocka_unit_test(test_mail),
                                       cmocka_unit_test(test_mail_of_reviews),
                                       cmocka_unit_test(test_mail_recalled_and_answered),
                                       cmocka_unit_test(test_mail_of_registers),
                                       cmocka_unit_test(test_mail_of_events),
                                       cmocka_unit_test(test_mail_days),
                                       cmocka_unit_test(test_opinion)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
