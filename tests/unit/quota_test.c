/* The kind quota without a database: short results in, what counts of them out; every malformed one
 * fails finally and leaves no row.
 *
 * lj-test: lj_kind_quota lj_runner */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/wire.h"
#include "workers/quota/activity.h"
#include "workers/runner/result.h"

extern const struct lj_worker lj_worker_quota;

#define HEAD                                                                                       \
    "{\"a\":\"01900000-0000-7000-8000-000000000001\",\"v\":1,\"op\":\"report\",\"unit\":3,"        \
    "\"teams\":[7,8],"
/* 2025-08-01 09:00 to 11:00 +08 with 10 minutes of break */
#define TIMES "\"start\":1754010000000000,\"end\":1754017200000000,\"break\":10,\"net\":110,"
#define REST                                                                                       \
    "\"mode\":\"ONSITE\",\"site\":5,\"content\":[\"LECTURE\",\"TEACH\"],\"themes\":[\"PARTY\"],"   \
    "\"guidance\":60,"
#define ROW(extra) "{\"p\":11,\"t\":7,\"r\":\"INSTRUCT\"," extra "}"
#define NONE       "\"in\":null,\"out\":null"

static struct lj_quota_activity a;
static struct lj_tree_room room;

static int read_text(const char *text)
{
    struct lj_err err = {0};
    return lj_quota_read(&room, text, strlen(text), &a, &err);
}

static void test_body(void **state)
{
    (void)state;
    assert_int_equal(read_text(HEAD TIMES REST "\"roster\":[" ROW("\"d\":100," NONE) "]}"), 0);
    assert_int_equal(a.version, 1);
    assert_int_equal(a.op, LJ_QUOTA_REPORT);
    assert_int_equal(a.unit, 3);
    assert_int_equal(a.nteams, 2);
    assert_int_equal(a.net, 110);
    assert_int_equal(a.mode, LJ_QUOTA_ONSITE);
    assert_int_equal(a.site, 5);
    assert_int_equal(a.guided, 1);
    assert_int_equal(a.themes_only, 0); /* guidance minutes */
    assert_int_equal(a.day, 9344);      /* 2025-08-01 */
    assert_int_equal(a.nrows, 1);
    assert_int_equal(a.rows[0].listed, 1);
}

static void test_presence(void **state)
{
    static const struct {
        const char *row;
        int present, base;
    } rows[] = {
        {ROW("\"d\":100," NONE), 100, 100}, /* no times: declared */
        {ROW("\"d\":100,\"in\":1754010000000000,\"out\":null"), 100,
         100}, /* one missing: declared */
        {ROW("\"d\":110,\"in\":1754010000000000,\"out\":1754017200000000"), 110,
         110}, /* all of it, less the break */
        {ROW("\"d\":60,\"in\":1754006400000000,\"out\":1754020800000000"), 110,
         60}, /* longer than the activity */
        {ROW("\"d\":110,\"in\":1754010000000000,\"out\":1754013659999999"), 50,
         50}, /* 60 min 59.999999 s: floored */
        {ROW("\"d\":110,\"in\":1754010000000000,\"out\":1754010300000000"), 0,
         0}, /* shorter than the break */
        {ROW("\"d\":110,\"in\":1754017200000000,\"out\":1754010000000000"), 0,
         0}, /* out before in */
        {ROW("\"d\":110,\"in\":1754027200000000,\"out\":1754037200000000"), 0,
         0}, /* another time */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1000];
        (void)snprintf(text, sizeof text, HEAD TIMES REST "\"roster\":[%s]}", rows[i].row);
        assert_int_equal(read_text(text), 0);
        if (a.rows[0].present != rows[i].present || a.rows[0].base != rows[i].base) {
            fail_msg("%s: present %d, base %d", rows[i].row, a.rows[0].present, a.rows[0].base);
        }
    }
}

static void test_local_day(void **state)
{
    (void)state; /* 2025-12-31 23:59 +08 and two minutes later */
    assert_int_equal(
        read_text(HEAD
                  "\"start\":1767196740000000,\"end\":1767200340000000,\"break\":0,\"net\":60," REST
                  "\"roster\":[]}"),
        0);
    assert_int_equal(a.day, 9496);
    assert_int_equal(
        read_text(HEAD
                  "\"start\":1767196860000000,\"end\":1767200460000000,\"break\":0,\"net\":60," REST
                  "\"roster\":[]}"),
        0);
    assert_int_equal(a.day, 9497);
}

static void test_themes(void **state)
{
    static const struct {
        const char *middle;
        int guided, themes_only;
    } rows[] = {
        {"\"content\":[\"LECTURE\"],\"themes\":[\"PARTY\",\"RED_EDU\"],\"guidance\":0,", 0, 1},
        {"\"content\":[\"TEST\"],\"themes\":[\"PARTY\"],\"guidance\":0,", 1, 1},
        {"\"content\":[\"DEMO\"],\"themes\":[],\"guidance\":0,", 1, 0},
        {"\"content\":[\"Q_A\"],\"themes\":[\"PARTY\",\"RURAL\"],\"guidance\":0,", 0, 0},
        {"\"content\":[],\"themes\":[\"RED_EDU\"],\"guidance\":1,", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1000];
        (void)snprintf(text, sizeof text,
                       HEAD TIMES "\"mode\":\"LIVE\",\"site\":null,%s\"roster\":[]}",
                       rows[i].middle);
        assert_int_equal(read_text(text), 0);
        assert_int_equal(a.guided, rows[i].guided);
        assert_int_equal(a.themes_only, rows[i].themes_only);
        assert_int_equal(a.site, 0);
    }
}

#define SAID(op)                                                                                   \
    "{\"a\":\"01900000-0000-7000-8000-000000000001\",\"v\":2,\"op\":\"" op "\",\"unit\":3"

/* What a review says: the position of the version that is approved, the person of a dispute. */
static void test_review(void **state)
{
    static const struct {
        const char *text;
        int op, held;
        int64_t body;
        int32_t person;
    } all[] = {
        {SAID("withdraw") "}", LJ_QUOTA_WITHDRAW, 0, 0, 0},
        {SAID("approve") ",\"body\":77}", LJ_QUOTA_APPROVE, 0, 77, 0},
        {SAID("dispute") ",\"person\":5}", LJ_QUOTA_DISPUTE, 1, 0, 5},
        {SAID("keep") ",\"person\":5}", LJ_QUOTA_KEEP, 1, 0, 5},
        {SAID("drop") ",\"person\":5}", LJ_QUOTA_DROP, 1, 0, 5},
        {SAID("joint") ",\"other\":\"01900000-0000-7000-8000-000000000002\"}", LJ_QUOTA_JOINT, 1, 0,
         0},
        {SAID("nothing") "}", LJ_QUOTA_NOTHING, 1, 0, 0},
        {HEAD TIMES REST "\"roster\":[],\"held\":true}", LJ_QUOTA_REPORT, 1, 0, 0},
        {HEAD TIMES REST "\"roster\":[]}", LJ_QUOTA_REPORT, 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(read_text(all[i].text), 0);
        assert_int_equal(a.op, all[i].op);
        assert_int_equal(a.held, all[i].held);
        assert_int_equal(a.body, all[i].body);
        assert_int_equal(a.person, all[i].person);
    }
}

static const char *const malformed[] = {
    SAID("approve") "}",
    SAID("approve") ",\"body\":0}",
    SAID("dispute") "}",
    SAID("keep") ",\"person\":\"p1\"}",
    SAID("joint") "}",
    SAID("joint") ",\"other\":\"not a uuid\"}",
    "",
    "null",
    "[]",
    "{}",
    "{\"a\":1}",
    HEAD TIMES REST "\"roster\":[",
    "{\"a\":\"not a uuid\",\"v\":1,\"op\":\"report\",\"unit\":3}",
    "{\"a\":\"01900000-0000-7000-8000-000000000001\",\"v\":0,\"op\":\"withdraw\",\"unit\":3}",
    "{\"a\":\"01900000-0000-7000-8000-000000000001\",\"v\":1,\"op\":\"delete\",\"unit\":3}",
    "{\"a\":\"01900000-0000-7000-8000-000000000001\",\"v\":1,\"op\":\"withdraw\",\"unit\":99999}",
    "{\"a\":\"01900000-0000-7000-8000-000000000001\",\"v\":1,\"v\":2,\"op\":\"withdraw\",\"unit\":"
    "3}",
    HEAD "\"start\":1754010000000000,\"end\":1754017200000000,\"break\":10,\"net\":111," REST
         "\"roster\":[]}", /* net contradicts */
    HEAD "\"start\":1754017200000000,\"end\":1754010000000000,\"break\":0,\"net\":0," REST
         "\"roster\":[]}", /* ends before it starts */
    HEAD "\"start\":-1,\"end\":1754017200000000,\"break\":0,\"net\":0," REST "\"roster\":[]}",
    HEAD TIMES REST "\"roster\":{}}",
    HEAD TIMES REST "\"roster\":[1]}",
    HEAD TIMES REST "\"roster\":[" ROW("\"d\":-1," NONE) "]}",
    HEAD TIMES REST "\"roster\":[" ROW("\"d\":1441," NONE) "]}",
    HEAD TIMES REST "\"roster\":[" ROW("\"d\":1,\"in\":\"x\",\"out\":null") "]}",
    HEAD TIMES REST "\"roster\":[{\"p\":4294967297,\"t\":7,\"r\":\"INSTRUCT\",\"d\":1," NONE "}]}",
    HEAD TIMES REST "\"roster\":[{\"p\":1,\"t\":7,\"r\":\"WATCH\",\"d\":1," NONE "}]}",
    HEAD TIMES
    "\"mode\":\"RADIO\",\"site\":5,\"content\":[],\"themes\":[],\"guidance\":0,\"roster\":[]}",
    HEAD TIMES
    "\"mode\":\"ONSITE\",\"site\":0,\"content\":[],\"themes\":[],\"guidance\":0,\"roster\":[]}",
    HEAD TIMES
    "\"mode\":\"ONSITE\",\"site\":5,\"content\":[1],\"themes\":[],\"guidance\":0,\"roster\":[]}",
};
enum { MALFORMED = sizeof malformed / sizeof malformed[0] };

/* In one batch: every malformed one and three good ones among them; the rows are those of the good.
 */
static void test_batch(void **state)
{
    static const char good[] =
        HEAD TIMES REST "\"roster\":[" ROW("\"d\":100," NONE) "," ROW("\"d\":90," NONE) "]}";
    static const char withdraw[] =
        "{\"a\":\"01900000-0000-7000-8000-000000000001\",\"v\":2,\"op\":\"withdraw\",\"unit\":3}";
    struct lj_event events[MALFORMED + 3] = {0};
    size_t index[MALFORMED + 3];
    struct lj_result *r = NULL;
    struct lj_err err = {0};
    void *worker = NULL;
    (void)state;
    for (size_t i = 0; i < MALFORMED + 3; i++) {
        const char *text = i == 0 || i == MALFORMED + 1 ? good
                           : i == MALFORMED + 2         ? withdraw
                                                        : malformed[i - 1];
        events[i] = (struct lj_event){
            .position = (int64_t)i + 1, .payload = text, .payload_len = strlen(text)};
    }
    struct lj_batch in = {events, MALFORMED + 3};
    assert_int_equal(lj_worker_quota.open(NULL, &worker, &err), 0);
    assert_int_equal(lj_result_open(&lj_worker_quota, &r, &err), 0);
    assert_int_equal(lj_result_begin(r, in.count, &err), 0);
    assert_int_equal(lj_result_pass(r, index), in.count);
    assert_int_equal(lj_worker_quota.batch(worker, &in, r, &err), 0);
    assert_int_equal(lj_result_pass_end(r), MALFORMED);
    for (size_t i = 0; i < in.count; i++) {
        const struct lj_err *why = NULL;
        int good_one = i == 0 || i > MALFORMED;
        if (lj_result_outcome(r, i, &why) != (good_one ? LJ_OUTCOME_DONE : LJ_OUTCOME_FINAL)) {
            fail_msg("event %zu: %s", i, events[i].payload);
        }
    }
    assert_int_equal(lj_result_column(r, 0)->count, 3);  /* versions */
    assert_int_equal(lj_result_column(r, 16)->count, 4); /* teams */
    assert_int_equal(lj_result_column(r, 19)->count, 4); /* participations */
    lj_result_close(&r);
    lj_worker_quota.close(&worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body),     cmocka_unit_test(test_review),
        cmocka_unit_test(test_presence), cmocka_unit_test(test_local_day),
        cmocka_unit_test(test_themes),   cmocka_unit_test(test_batch),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lj_tree_room_free(&room);
    return failed;
}
