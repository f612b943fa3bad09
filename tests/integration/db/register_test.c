/* The kind register end to end without a broker: events through the worker's batch function, its
 * columns through apply_register, as the broker would, and the registers read back. Every scenario
 * runs in batches of one and in one batch: the rows must be equal.
 *
 * lj-test: lj_kind_register lj_runner lj_testlib PkgConfig::PQ */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/db.h"
#include "tests/lib/pgtest.h"
#include "workers/runner/result.h"
#include "workers/worker.h"

extern const struct lj_worker lj_worker_register;

#define RECEIVED   INT64_C(1735689600000000) /* 2025-01-01T00:00:00Z; a step is a minute */
#define MINUTE_US  INT64_C(60000000)
#define MAX_EVENTS 48

struct step {
    const char *unit;
    const char *type;
    const char *payload;
    const char *reason; /* code of the first reason; NULL = applied */
};

static struct lj_pgtest *pg;

static long long integer(PGconn *db, const char *sql)
{
    struct lj_err err = {0};
    PGresult *r = NULL;
    if (lj_dbs_query(db, sql, 0, NULL, &r, &err) != 0) {
        fail_msg("%s: %s", sql, err.text);
    }
    long long ret = PQntuples(r) > 0 ? atoll(PQgetvalue(r, 0, 0)) : -1;
    PQclear(r);
    return ret;
}

/* All registers as one text, closures left out: batches differ in those alone. */
static char *dump(PGconn *db)
{
    static const char sql[] =
        "select string_agg(t, E'\\n') from ("
        "select 'u' || row_to_json(x)::text t from (select * from unit natural join (select "
        "number, position as made from unit_version) v) x"
        " union all select 'uv' || row_to_json(x) from unit_version x union all select 't' || "
        "row_to_json(x) from team x"
        " union all select 'tv' || row_to_json(x) from team_version x union all select 'p' || "
        "row_to_json(x) from person x"
        " union all select 'pv' || row_to_json(x) from person_version x union all select 'm' || "
        "row_to_json(x) from membership x"
        " union all select 'mv' || row_to_json(x) from membership_version x union all select 's' "
        "|| row_to_json(x) from site x"
        " union all select 'sv' || row_to_json(x) from site_version x union all select 'q' || "
        "row_to_json(x) from policy x"
        " union all select 'qv' || row_to_json(x) from policy_version x union all select 'r' || "
        "row_to_json(x) from register_refusal x"
        " union all select 'x' || row_to_json(x) from exemption x union all select 'xv' || "
        "row_to_json(x) from exemption_version x"
        " union all select 'a' || row_to_json(x) from account x union all select 'av' || "
        "row_to_json(x) from account_version x union all select 'o' || row_to_json(x) from "
        "proposal x union all select 'ov' || row_to_json(x) from proposal_version x union all "
        "select 'w' || row_to_json(x) from rule_setting x where position > 0 union all "
        "select 'c' || row_to_json(x) from certificate x union all select 'fw' || row_to_json(x) "
        "from filing_window x union all select 'f' || row_to_json(x) "
        "from flag_action x union all select 'ol' || row_to_json(x) from opinion_link x union all "
        "select 'ap' || row_to_json(x) from activity_plan x union all select 'ao' || "
        "row_to_json(x) from activity_plan_off x"
        " union all select 'l' || position || ' ' || verdict from register_log order by 1) y";
    struct lj_err err = {0};
    PGresult *r = NULL;
    if (lj_dbs_query(db, sql, 0, NULL, &r, &err) != 0) {
        fail_msg("%s", err.text);
    }
    char *ret = strdup(PQgetvalue(r, 0, 0));
    PQclear(r);
    return ret;
}

/* Calls apply_register the way the broker does; returns the SQLSTATE ("" = applied). */
static const char *apply(PGconn *db, struct lj_result *res, int64_t closure,
                         const struct lj_batch *in)
{
    static char sqlstate[6];
    struct lj_pgarray std[3] = {0};
    const char *values[13];
    int lengths[13];
    struct lj_err err = {0};
    const uint8_t *p;
    size_t n;
    uint64_t be = __builtin_bswap64((uint64_t)closure);
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
    for (size_t c = 0; c < 3 + lj_worker_register.ncolumns; c++) {
        assert_int_equal(
            lj_pgarray_done(c < 3 ? &std[c] : lj_result_column(res, c - 3), &p, &n, &err), 0);
        values[1 + c] = (const char *)p;
        lengths[1 + c] = (int)n;
    }
    PGresult *r = NULL;
    int rc = lj_dbs_query_binary(
        db, "select * from apply_register($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)", 13, values,
        lengths, &r, &err);
    PQclear(r);
    for (int i = 0; i < 3; i++) {
        lj_pgarray_free(&std[i]);
    }
    memcpy(sqlstate, rc != 0 ? err.sqlstate : "\0\0\0\0\0", 6);
    if (rc != 0 && getenv("LJ_VERBOSE") != NULL) {
        fprintf(stderr, "%s\n", err.text);
    }
    return sqlstate;
}

/* "type" or "type SOURCE": the log's row of the event, which has its sender. */
static const char *log_event(PGconn *db, const struct step *s, int64_t position)
{
    static char types[128][64];
    char *type = types[position % 128];
    char sql[400];
    const char *blank = strchr(s->type, ' ');
    snprintf(type, sizeof(types[0]), "%.*s", (int)strcspn(s->type, " "), s->type);
    snprintf(sql, sizeof(sql),
             "insert into event (position, received_at, id, type, unit, class, schema_version, "
             "source, content_hash, payload) select %lld, now(), gen_random_uuid(), number, 0, 1, "
             "1, '%s', '\\x00', '{}' from event_type where name = '%s'",
             (long long)position, blank != NULL ? blank + 1 : "test", type);
    struct lj_err err = {0};
    PGresult *r = NULL;
    if (lj_dbs_query(db, sql, 0, NULL, &r, &err) != 0) {
        fail_msg("%s: %s", sql, err.text);
    }
    PQclear(r);
    return type;
}

static void fill(struct lj_event *e, const struct step *s, PGconn *db, int64_t position)
{
    char sql[80];
    memset(e, 0, sizeof(*e));
    snprintf(sql, sizeof(sql), "select coalesce((select number from unit where code = '%s'), -1)",
             s->unit);
    e->position = position;
    e->received_at_us = RECEIVED + position * MINUTE_US;
    e->occurred_at_us = INT64_MIN;
    e->id[15] = (uint8_t)position;
    e->unit = (int16_t)integer(db, sql);
    e->unit_code = s->unit;
    e->type = log_event(db, s, position);
    e->key = "registry";
    e->attempt = 1;
    e->payload = s->payload;
    e->payload_len = strlen(s->payload);
}

static void run_batch(PGconn *db, void *worker, const struct step *steps, size_t n, int64_t first)
{
    struct lj_event events[MAX_EVENTS];
    struct lj_batch in = {events, n};
    struct lj_result *res = NULL;
    struct lj_err err = {0};
    size_t index[MAX_EVENTS];
    for (size_t i = 0; i < n; i++) {
        fill(&events[i], &steps[i], db, first + (int64_t)i);
    }
    assert_int_equal(lj_result_open(&lj_worker_register, &res, &err), 0);
    assert_int_equal(lj_result_begin(res, n, &err), 0);
    assert_int_equal(lj_result_pass(res, index), n);
    if (lj_worker_register.batch(worker, &in, res, &err) != 0) {
        fail_msg("batch: %s", err.text);
    }
    assert_int_equal(lj_result_pass_end(res), 0);
    const char *state = apply(db, res, first, &in);
    assert_string_equal(state, "");
    assert_string_equal(apply(db, res, first, &in),
                        "P0001"); /* the same result again: its basis is no longer the last */
    lj_result_close(&res);
}

static void check_reasons(PGconn *db, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char sql[160];
        struct lj_err err = {0};
        PGresult *r = NULL;
        snprintf(sql, sizeof(sql),
                 "select coalesce((select code from register_refusal where position = %zu and "
                 "ordinal = 0), '')",
                 i + 1);
        assert_int_equal(lj_dbs_query(db, sql, 0, NULL, &r, &err), 0);
        const char *want = steps[i].reason != NULL ? steps[i].reason : "";
        if (strcmp(PQgetvalue(r, 0, 0), want) != 0) {
            fail_msg("step %zu (%s %s): \"%s\", not \"%s\"", i + 1, steps[i].type, steps[i].payload,
                     PQgetvalue(r, 0, 0), want);
        }
        PQclear(r);
        snprintf(sql, sizeof(sql), "select verdict from register_log where position = %zu", i + 1);
        assert_int_equal(integer(db, sql), steps[i].reason != NULL ? 2 : 1);
    }
}

/* units: steps that make units come first and are always a batch of their own, because the envelope
 * names them by number. */
static PGconn *run_scenario(const char *name, const struct step *steps, size_t n, size_t units,
                            size_t size)
{
    struct lj_worker_ctx ctx = {.name = "register-test"};
    struct lj_err err = {0};
    void *worker = NULL;
    PGconn *db = NULL;
    lj_pgtest_dropdb(pg, name);
    assert_int_equal(lj_pgtest_createdb(pg, name, "base"), 0);
    char dsn[400];
    snprintf(dsn, sizeof(dsn), "%s options='-c search_path=liangjin'", lj_pgtest_dsn(pg, name));
    ctx.dsn = dsn;
    assert_int_equal(lj_dbs_open(dsn, "test", &db, &err), 0);
    assert_int_equal(lj_worker_register.open(&ctx, &worker, &err), 0);
    run_batch(db, worker, steps, units, 1);
    for (size_t at = units; at < n; at += size) {
        run_batch(db, worker, steps + at, n - at < size ? n - at : size, (int64_t)at + 1);
    }
    lj_worker_register.close(&worker);
    check_reasons(db, steps, n);
    return db;
}

static PGconn *both(const struct step *steps, size_t n, size_t units)
{
    PGconn *one = run_scenario("one", steps, n, units, 1);
    PGconn *all = run_scenario("all", steps, n, units, MAX_EVENTS);
    char *a = dump(one);
    char *b = dump(all);
    assert_string_equal(a, b);
    free(a);
    free(b);
    PQfinish(one);
    return all;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TWO_UNITS                                                                                  \
    {"CN000", "unit.registered",                                                                   \
     "{\"code\":\"PS011\",\"name\":\"福建体育局\",\"kind\":\"PROVINCE\",\"region\":\"350000\"}",   \
     NULL},                                                                                        \
    {                                                                                              \
        "CN000", "unit.registered",                                                                \
            "{\"code\":\"GU028\",\"name\":\"排球运动管理中心\",\"kind\":\"GAS_UNIT\"}", NULL       \
    }

static void test_units(void **state)
{
    static const struct step steps[] = {
        TWO_UNITS,
        {"CN000", "unit.registered",
         "{\"code\":\"PS011\",\"name\":\"福建体育局\",\"kind\":\"PROVINCE\",\"region\":\"350000\"}",
         NULL},
        {"CN000", "unit.registered", "{\"code\":\"PS011\",\"name\":\"别的\",\"kind\":\"PROVINCE\"}",
         "code_taken"},
        {"CN000", "unit.registered",
         "{\"code\":\"PS012\",\"name\":\"福建体育局\",\"kind\":\"PROVINCE\"}", "name_taken"},
        {"CN000", "unit.registered",
         "{\"code\":\"SU101\",\"name\":\"省队中心\",\"kind\":\"SUB_UNIT\"}", "parent_needed"},
        {"CN000", "unit.registered",
         "{\"code\":\"SU101\",\"name\":\"省队中心\",\"kind\":\"SUB_UNIT\",\"parent\":\"PS011\"}",
         NULL},
        /* the limit is a setting: what an event sets holds for those behind it */
        {"CN000", "policy.rule_set",
         "{\"rule\":\"REGISTER\",\"name\":\"levels\",\"values\":[\"1\"],\"author\":\"a\","
         "\"approver\":\"b\"}",
         NULL},
        {"CN000", "unit.registered",
         "{\"code\":\"SU104\",\"name\":\"中心二部\",\"kind\":\"SUB_UNIT\",\"parent\":\"SU101\"}",
         "unit_depth"},
        {"CN000", "policy.rule_set",
         "{\"rule\":\"REGISTER\",\"name\":\"levels\",\"values\":[\"3\"],\"author\":\"a\","
         "\"approver\":\"b\"}",
         NULL},
        {"CN000", "unit.registered",
         "{\"code\":\"SU102\",\"name\":\"中心一部\",\"kind\":\"SUB_UNIT\",\"parent\":\"SU101\"}",
         NULL},
        {"CN000", "unit.registered",
         "{\"code\":\"SU103\",\"name\":\"中心一部甲\",\"kind\":\"SUB_UNIT\",\"parent\":\"SU102\"}",
         "unit_depth"},
        {"CN000", "unit.registered",
         "{\"code\":\"PS013\",\"name\":\"广东\",\"kind\":\"PROVINCE\",\"parent\":\"PS011\"}",
         "parent_not_allowed"},
        {"CN000", "unit.changed", "{\"unit\":\"SU101\",\"parent\":\"SU102\"}", "unit_cycle"},
        {"CN000", "unit.changed", "{\"unit\":\"SU101\",\"parent\":\"GU028\"}", NULL},
        {"CN000", "unit.changed", "{\"unit\":\"SU101\"}", "nothing_changes"},
        {"CN000", "unit.changed", "{\"unit\":\"PS099\",\"name\":\"无此单位\"}", "unit_unknown"},
        {"CN000", "unit.suspended", "{\"unit\":\"GU028\",\"suspended\":true,\"reason\":\"整改\"}",
         NULL},
        {"CN000", "unit.suspended", "{\"unit\":\"GU028\",\"suspended\":true}", "nothing_changes"},
        {"CN000", "unit.suspended", "{\"unit\":\"GU028\",\"suspended\":false}", NULL},
        {"PS011", "unit.suspended", "{\"unit\":\"GU028\",\"suspended\":true}", "outside_subtree"},
        {"CN000", "unit.suspended", "{\"unit\":\"CN000\",\"suspended\":true}", "centre_fixed"},
        {"CN000", "unit.changed", "{\"unit\":\"PS011\",\"name\":1,\"x/y\":2}", "member_invalid"},
        {"CN000", "unit.changed", "[]", "payload_invalid"},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from current_unit"), 5);
    assert_int_equal(integer(db, "select parent from unit_at(14) where code = 'SU101'"), 1);
    assert_int_equal(integer(db, "select parent from unit_at(15) where code = 'SU101'"), 2);
    assert_int_equal(integer(db, "select count(*) from unit_at(18) where state = 'SUSPENDED'"), 1);
    assert_int_equal(integer(db, "select count(*) from unit_directory where state = 'SUSPENDED'"),
                     0);
    assert_int_equal(integer(db, "select count(*) from unit_and_above((select number from unit "
                                 "where code = 'SU102'), 99)"),
                     4);
    assert_int_equal(integer(db, "select count(*) from register_refusal where position = 23"), 2);
    assert_int_equal(
        integer(db,
                "select count(*) from register_refusal where position = 23 and pointer = '/x~1y'"),
        1);
    PQfinish(db);
}

#define TEAM(code)                                                                                 \
    "{\"code\":\"" code                                                                            \
    "\",\"name\":\"女排一队\",\"level\":\"PROVINCIAL\",\"sport\":\"VOLLEYBALL\",\"gender\":\"F\"}"
#define PERSON(code, name)                                                                         \
    "{\"code\":\"" code "\",\"name\":\"" name "\",\"sex\":\"F\",\"birth_year\":2001}"

#define UNIT_MOVE(type, unit) "CN000", type, "{\"unit\":\"" unit "\"}"
#define UNIT_END(type, unit)  "CN000", type, "{\"unit\":\"" unit "\",\"reason\":\"缺材料\"}"

/* Every move of the funnel, and every one that is impossible from where the unit stands. */
static void test_unit_funnel(void **state)
{
    static const struct step steps[] = {
        {"CN000", "unit.addressed",
         "{\"code\":\"PS052\",\"name\":\"天津体育局\",\"kind\":\"PROVINCE\",\"aliases\":["
         "\"天津市体育局\"],"
         "\"addressed_on\":\"2024-03-29\"}",
         NULL},
        {"CN000", "unit.registered",
         "{\"code\":\"PS011\",\"name\":\"福建体育局\",\"kind\":\"PROVINCE\",\"region\":\"350000\"}",
         NULL},
        {UNIT_MOVE("unit.applied", "PS052"), "state_forbids"},
        {UNIT_MOVE("unit.activated", "PS052"), "state_forbids"},
        {"PS052", "team.registered", TEAM("T1"), "unit_not_active"},
        {"PS052", "unit.applied", "{\"unit\":\"PS052\"}", "state_forbids"},
        {UNIT_MOVE("unit.invited", "PS052"), NULL},
        {UNIT_MOVE("unit.invited", "PS052"), "nothing_changes"},
        {"PS011", "unit.applied", "{\"unit\":\"PS052\"}", "outside_subtree"},
        {"PS052", "unit.applied", "{\"unit\":\"PS052\",\"note\":\"管理员已指定\"}", NULL},
        {UNIT_END("unit.returned", "PS052"), NULL},
        {UNIT_MOVE("unit.activated", "PS052"), "state_forbids"},
        {UNIT_MOVE("unit.returned", "PS052"), "member_missing"},
        {"PS052", "unit.applied", "{\"unit\":\"PS052\"}", NULL},
        {UNIT_MOVE("unit.activated", "PS052"), NULL},
        {"PS052", "team.registered", TEAM("T1"), NULL},
        {UNIT_END("unit.closed", "PS052"), "state_forbids"},
        {"CN000", "unit.suspended", "{\"unit\":\"PS052\",\"suspended\":true}", NULL},
        {"PS052", "team.changed", "{\"team\":\"T1\",\"name\":\"新名\"}",
         NULL}, /* keeps its registers */
        {UNIT_MOVE("unit.resumed", "PS052"), NULL},
        {UNIT_MOVE("unit.resumed", "PS052"), "nothing_changes"},
        {"CN000", "unit.suspended", "{\"unit\":\"PS052\",\"suspended\":true}", NULL},
        {"CN000", "unit.registered",
         "{\"code\":\"SU101\",\"name\":\"天津中心\",\"kind\":\"SUB_UNIT\",\"parent\":\"PS052\"}",
         NULL},
        {UNIT_END("unit.closed", "PS052"), "unit_has_subunits"},
        {"CN000", "unit.suspended", "{\"unit\":\"SU101\",\"suspended\":true}", NULL},
        {UNIT_END("unit.closed", "SU101"), NULL},
        {UNIT_END("unit.closed", "PS052"), NULL},
        {UNIT_MOVE("unit.resumed", "PS052"), "state_forbids"},
        {"PS052", "team.changed", "{\"team\":\"T1\",\"name\":\"再改\"}", "unit_not_active"},
        {UNIT_END("unit.closed", "CN000"), "centre_fixed"},
        /* names and aliases are one room */
        {"CN000", "unit.registered",
         "{\"code\":\"PS060\",\"name\":\"天津市体育局\",\"kind\":\"PROVINCE\"}", "name_taken"},
        {"CN000", "unit.changed", "{\"unit\":\"PS011\",\"aliases\":[\"闽\",\"天津体育局\"]}",
         "alias_taken"},
        {"CN000", "unit.changed", "{\"unit\":\"PS011\",\"aliases\":[\"福建省体育局\"]}", NULL},
        /* the Centre's short way */
        {"CN000", "unit.addressed",
         "{\"code\":\"PS053\",\"name\":\"安徽体育局\",\"kind\":\"PROVINCE\"}", NULL},
        {"CN000", "unit.registered",
         "{\"code\":\"PS053\",\"name\":\"安徽省体育局\",\"kind\":\"PROVINCE\",\"region\":"
         "\"340000\"}",
         NULL},
        {"CN000", "unit.addressed",
         "{\"code\":\"PS053\",\"name\":\"安徽省体育局\",\"kind\":\"PROVINCE\",\"region\":"
         "\"340000\"}",
         "code_taken"},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from unit_version v join unit u using (number) "
                                 "where u.code = 'PS052' and state_on = '2025-01-01'"),
                     10);
    assert_int_equal(integer(db, "select count(*) from current_unit where code = 'PS053' and state "
                                 "= 'ACTIVE' and region = '340000'"),
                     1);
    assert_int_equal(integer(db, "select count(*) from find_units('福建省体育局')"), 1);
    assert_int_equal(integer(db, "select how from find_units('福建体育局')"), 1);
    assert_int_equal(integer(db, "select how from find_units('福建市体育局')"), 2);
    assert_int_equal(integer(db, "select how from find_units('福建')"), 3);
    assert_int_equal(integer(db, "select count(*) from find_units('无此单位')"), 0);
    assert_int_equal(integer(db, "select count(*) from find_units(null)"), 4);
    PQfinish(db);
}

#define BY(who)            " " who
#define OPEN(login, roles) "{\"login\":\"" login "\",\"name\":\"张三\",\"roles\":[" roles "]}"
#define LOGIN(login)       "{\"login\":\"" login "\"}"
#define ENDED(login)       "{\"login\":\"" login "\",\"reason\":\"调离\"}"
#define HANDED(login, to)  "{\"login\":\"" login "\",\"reason\":\"调离\",\"handover_to\":\"" to "\"}"
#define FULL(unit, type, text)                                                                     \
    {                                                                                              \
        unit, type BY("op_one:CENTRE_OPERATOR@CN000"), text, NULL                                  \
    }

/* Edge case 30: the last administrator; and who may open, change, hand over which account. A step
 * is a minute. */
static void test_accounts(void **state)
{
    static const struct step steps[] = {
        TWO_UNITS,
        {"PS011", "account.invited", OPEN("anna", "\"UNIT_ADMIN\""), NULL},
        {"PS011", "account.invited", OPEN("anna", "\"UNIT_LEADER\""), "code_taken"},
        {"PS011", "account.activated", LOGIN("anna"), "state_forbids"},
        {"PS011", "account.accepted", LOGIN("anna"), NULL},
        {"PS011", "account.activated" BY("anna:UNIT_ADMIN@PS011"), LOGIN("anna"), "own_account"},
        FULL("CN000", "account.activated", LOGIN("anna")),
        {"PS011", "account.disabled", ENDED("anna"), "last_admin"},
        {"PS011", "account.changed", "{\"login\":\"anna\",\"roles\":[\"UNIT_LEADER\"]}",
         "last_admin"},
        FULL("PS011", "account.invited", OPEN("bertha", "\"UNIT_ADMIN\",\"UNIT_LEADER\"")),
        {"PS011", "account.disabled", HANDED("anna", "bertha"), "handover_invalid"},
        FULL("PS011", "account.accepted", LOGIN("bertha")),
        FULL("PS011", "account.activated", LOGIN("bertha")),
        {"PS011", "account.disabled" BY("anna:UNIT_ADMIN@PS011"), HANDED("anna", "bertha"), NULL},
        {"PS011", "account.disabled", ENDED("bertha"), "last_admin"},
        {"PS011", "account.disabled", ENDED("anna"), "nothing_changes"},
        /* a lock is the gateway's, runs out by itself, and may be the last administrator's */
        {"CN000", "account.locked", LOGIN("bertha"), NULL},
        {"PS011", "account.disabled", ENDED("bertha"), "last_admin"}, /* nor while it is locked */
        {"PS011", "account.activated", LOGIN("bertha"), "state_forbids"},
        {"CN000", "account.locked", LOGIN("bertha"), "nothing_changes"},
        {"PS011", "account.unlocked" BY("bertha:UNIT_ADMIN@PS011"), LOGIN("bertha"), "own_account"},
        FULL("CN000", "account.unlocked", LOGIN("bertha")),
        FULL("CN000", "account.activated", LOGIN("anna")), /* came back */
        /* roles and units */
        {"PS011", "account.invited", OPEN("carla", "\"POLICY_ADMIN\""), "role_scope"},
        {"CN000", "account.invited" BY("op_one:CENTRE_OPERATOR@CN000"),
         OPEN("carla", "\"POLICY_ADMIN\""), "role_not_grantable"},
        {"CN000", "account.invited" BY("op_one:CENTRE_OPERATOR@CN000"),
         OPEN("carla", "\"OBSERVER\""), NULL},
        {"CN000", "account.invited", OPEN("dora", "\"POLICY_ADMIN\",\"CENTRE_AUDITOR\""), NULL},
        {"CN000", "account.invited", OPEN("edda", "\"UNIT_ADMIN\""), "role_scope"},
        {"PS011", "account.invited", OPEN("edda", ""), "member_invalid"},
        {"PS011", "account.invited", OPEN("Edda", "\"UNIT_ADMIN\""), "member_invalid"},
        {"PS011", "account.invited", OPEN("edda", "\"UNIT_ADMIN\""), NULL},
        {"PS011", "account.invited", OPEN("frida", "\"UNIT_ADMIN\""), "too_many_admins"},
        {"GU028", "account.disabled", ENDED("edda"), "outside_subtree"},
        {"PS011", "account.disabled", ENDED("nobody"), "account_unknown"},
        /* a filler's teams */
        {"PS011", "team.registered", TEAM("T1"), NULL},
        {"GU028", "team.registered", TEAM("T1"), NULL},
        {"PS011", "account.invited",
         "{\"login\":\"gerd\",\"name\":\"李四\",\"roles\":[\"TEAM_FILLER\"],\"teams\":[\"T1\"]}",
         NULL},
        {"PS011", "account.changed", "{\"login\":\"gerd\",\"teams\":[\"GU028/T1\"]}",
         "outside_subtree"},
        {"PS011", "account.changed", "{\"login\":\"gerd\",\"teams\":[\"T9\"]}", "team_unknown"},
        {"PS011", "account.changed", "{\"login\":\"edda\",\"teams\":[\"T1\"]}",
         "teams_without_filler"},
        {"PS011", "account.changed", "{\"login\":\"gerd\",\"name\":\"李四·五\"}", NULL},
        {"PS011", "account.changed", "{\"login\":\"gerd\",\"name\":\"李四•五\"}",
         "nothing_changes"},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from account"), 6);
    assert_int_equal(integer(db, "select count(*) from account_version v join account a using "
                                 "(number) join account b on b.number = v.handover_to where a.code "
                                 "= 'anna' and b.code = 'bertha' and v.state = 'DISABLED'"),
                     1);
    assert_int_equal(integer(db, "select count(*) from account_version v where state = 'LOCKED' "
                                 "and locked_until = '2025-01-01 00:33:00+00'"),
                     1); /* the 18th minute and fifteen more */
    assert_int_equal(integer(db, "select cardinality(teams) from account_version v join account a "
                                 "using (number) where a.code = 'gerd' order by v.position desc"),
                     1);
    PQfinish(db);
}

#define ADMIN1 BY("pol_one:POLICY_ADMIN@CN000")
#define ADMIN2 BY("pol_two:POLICY_ADMIN@CN000")
#define PROPOSAL(code, version)                                                                    \
    "{\"code\":\"" code "\",\"scope\":\"NATION\",\"version\":" version                             \
    ",\"valid_from\":\"2025-01-01\",\"team_min_sessions\":4,\"athlete_min_minutes\":480,"          \
    "\"source\":\"测试\",\"confidence\":\"测试\"}"
#define CODE(code) "{\"code\":\"" code "\"}"
#define SETTING(code, rule, name, values)                                                          \
    "{\"code\":\"" code "\",\"rule\":\"" rule "\",\"name\":\"" name "\",\"values\":[" values "]}"

/* Two persons: who proposes does not approve, whatever role or unit he writes in. */
static void test_proposals(void **state)
{
    static const struct step steps[] = {
        TWO_UNITS,
        {"CN000", "policy.proposed" ADMIN1, PROPOSAL("PR1", "1"), NULL},
        {"CN000", "policy.proposed" ADMIN2, PROPOSAL("PR1", "1"), "code_taken"},
        {"CN000", "policy.approved" ADMIN1, CODE("PR1"), "two_persons"},
        {"CN000", "policy.approved" ADMIN2, CODE("PR9"), "proposal_unknown"},
        {"CN000", "policy.approved" ADMIN2, CODE("PR1"), NULL},
        {"CN000", "policy.approved" ADMIN2, CODE("PR1"), "state_forbids"},
        {"CN000", "policy.proposed" ADMIN1, PROPOSAL("PR2", "1"), "version_not_higher"},
        {"CN000", "policy.proposed" ADMIN1, PROPOSAL("PR2", "2"), NULL},
        {"CN000", "policy.proposed" ADMIN1, PROPOSAL("PR3", "3"), NULL},
        {"CN000", "policy.approved" ADMIN2, CODE("PR3"), NULL},
        {"CN000", "policy.approved" ADMIN2, CODE("PR2"), "version_not_higher"}, /* overtaken */
        {"CN000", "policy.withdrawn" ADMIN1, CODE("PR2"), NULL},
        {"CN000", "policy.withdrawn" ADMIN1, CODE("PR2"), "state_forbids"},
        {"PS011", "policy.proposed" ADMIN1, PROPOSAL("PR4", "4"), "scope_invalid"},
        /* settings of rules */
        {"CN000", "policy.rule_proposed" ADMIN1, SETTING("RS1", "V14", "visits", "\"5\""), NULL},
        {"CN000", "policy.approved" ADMIN1, CODE("RS1"), "two_persons"},
        {"CN000", "policy.approved" ADMIN2, CODE("RS1"), NULL},
        {"CN000", "policy.rule_proposed" ADMIN1, SETTING("RS2", "V14", "visit", "\"5\""),
         "setting_unknown"},
        {"CN000", "policy.rule_proposed" ADMIN1, SETTING("RS2", "V14", "visits", "\"many\""),
         "setting_value"},
        {"CN000", "policy.rule_proposed" ADMIN1, SETTING("RS2", "V14", "visits", "\"5\",\"6\""),
         "setting_value"},
        {"CN000", "policy.rule_proposed" ADMIN1, SETTING("RS2", "V14", "visits", ""),
         "setting_value"},
        {"CN000", "policy.rule_proposed" ADMIN1,
         SETTING("RS2", "V15", "school_break", "\"01-20..02-30\""), "setting_value"},
        {"CN000", "policy.rule_proposed" ADMIN1,
         SETTING("RS2", "V14", "term_from", "\"02-15\",\"08-20\",\"02-30\""), "setting_value"},
        {"CN000", "policy.rule_proposed" ADMIN1, SETTING("RS2", "V17", "word", "\"a\""),
         "setting_value"},
        {"CN000", "policy.rule_set",
         "{\"rule\":\"V17\",\"name\":\"word\",\"values\":[\"推销\",\"收银台\"],\"valid_from\":"
         "\"2025-02-01\",\"author\":\"a\",\"approver\":\"b\"}",
         NULL},
        {"CN000", "policy.rule_set",
         "{\"rule\":\"V17\",\"name\":\"word\",\"values\":[\"推销\"],\"author\":\"a\",\"approver\":"
         "\"a\"}",
         "two_persons"},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from current_policy where athlete_min_minutes = "
                                 "480 and author = 'pol_one' and approver = 'pol_two'"),
                     2);
    assert_int_equal(integer(db, "select value::int from rule_values('V14', 'visits', 18) value"),
                     4);
    assert_int_equal(integer(db, "select value::int from rule_values('V14', 'visits', 19) value"),
                     5);
    assert_int_equal(integer(db, "select count(*) from rule_values('V17', 'word', 99)"), 2);
    assert_int_equal(
        integer(db, "select count(*) from rule_values('V17', 'word', 99, '2025-01-31')"), 0);
    PQfinish(db);
}

/* Edge case 15, same names; 16, rare characters, dots, full width; and what may change of a person,
 * a site, a team. */
static void test_changes(void **state)
{
    static const struct step steps[] = {
        TWO_UNITS,
        {"PS011", "team.registered", TEAM("T1"), NULL},
        {"GU028", "team.registered", TEAM("T2"), NULL},
        {"PS011", "team.paused", "{\"team\":\"T1\",\"from\":\"2025-02-01\"}", NULL},
        {"PS011", "team.paused", "{\"team\":\"T1\",\"from\":\"2025-02-01\"}", "nothing_changes"},
        {"PS011", "team.resumed", "{\"team\":\"T1\",\"from\":\"2025-03-01\"}", NULL},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"games_task\":[\"PARIS_2024\"]}", NULL},
        {"PS011", "team.merged", "{\"team\":\"T1\",\"on\":\"2025-06-30\"}", "member_missing"},
        {"PS011", "team.merged",
         "{\"team\":\"T1\",\"on\":\"2025-06-30\",\"merged_into\":\"GU028/T9\"}", "team_unknown"},
        {"PS011", "team.merged",
         "{\"team\":\"T1\",\"on\":\"2025-06-30\",\"merged_into\":\"GU028/T2\"}", NULL},
        {"PS011", "team.paused", "{\"team\":\"T1\",\"from\":\"2025-05-01\"}", "team_ended"},
        /* two persons of one name are two persons */
        {"PS011", "person.registered", PERSON("P1", "王芳"), NULL},
        {"PS011", "person.registered", PERSON("P2", "王芳"), NULL},
        {"PS011", "membership.started",
         "{\"person\":\"P1\",\"team\":\"T1\",\"role\":\"ATHLETE\",\"status\":\"FORMAL\",\"valid_"
         "from\":"
         "\"2025-01-01\"}",
         NULL},
        {"PS011", "membership.started",
         "{\"person\":\"P2\",\"team\":\"T1\",\"role\":\"ATHLETE\",\"status\":\"FORMAL\",\"valid_"
         "from\":"
         "\"2025-01-01\"}",
         NULL},
        /* outside GBK and outside the first plane; every dot becomes U+00B7; width stays as written
         */
        {"PS011", "person.registered", PERSON("P3", "𠮷田㛃𬱖"), NULL},
        {"PS011", "person.registered", PERSON("P4", "阿依古丽•买买提"), NULL},
        {"PS011", "person.registered", PERSON("P5", "阿依古丽·买买提"), NULL},
        {"PS011", "person.registered", PERSON("P6", "阿依・古丽"), "member_invalid"},
        {"PS011", "person.registered", PERSON("P6", "Zhang 三"), NULL},
        {"PS011", "person.registered", PERSON("P7", "张2"), "member_invalid"},
        {"PS011", "person.changed", "{\"person\":\"P4\",\"name\":\"阿依古丽‧买买提\"}",
         "nothing_changes"},
        {"PS011", "person.changed", "{\"person\":\"P1\",\"name\":\"王方\",\"birth_year\":2002}",
         NULL},
        {"PS011", "person.changed", "{\"person\":\"P1\",\"birth_year\":2021}",
         "birth_year_invalid"},
        {"GU028", "person.changed", "{\"person\":\"PS011/P1\",\"name\":\"别人\"}",
         "outside_subtree"},
        {"PS011", "person.changed", "{\"person\":\"P99\",\"name\":\"别人\"}", "person_unknown"},
        {"PS011", "site.registered", "{\"code\":\"S1\",\"name\":\"某某小学\",\"kind\":\"PRIMARY\"}",
         NULL},
        {"PS011", "site.changed", "{\"site\":\"S1\",\"kind\":\"UNIVERSITY\"}", NULL},
        {"PS011", "site.changed", "{\"site\":\"S1\",\"kind\":\"UNIVERSITY\"}", "nothing_changes"},
        {"PS011", "site.changed", "{\"site\":\"S1\",\"lat\":26}", "pair_incomplete"},
        {"GU028", "site.changed", "{\"site\":\"PS011/S1\",\"name\":\"改名\"}", "outside_subtree"},
        {"PS011", "site.changed", "{\"site\":\"S9\",\"name\":\"改名\"}", "site_unknown"},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from current_team where state = 'MERGED' and "
                                 "merged_into = 2 and valid_to = '2025-06-30' and paused = "
                                 "'{[2025-02-01,2025-03-01)}'"),
                     1);
    assert_int_equal(integer(db, "select count(*) from person_at(14) where name = '王芳'"), 2);
    assert_int_equal(integer(db, "select count(*) from current_person where name = '王方' and "
                                 "birth_year = 2002"),
                     1);
    assert_int_equal(integer(db, "select char_length(name) from current_person where code = 'P3'"),
                     4);
    assert_int_equal(integer(db, "select count(*) from current_person where name = "
                                 "'阿依古丽·买买提' and position(chr(183) in name) > 0"),
                     2);
    assert_int_equal(integer(db, "select count(*) from site_version where kind = 'PRIMARY'"), 1);
    assert_int_equal(integer(db, "select count(*) from current_site where kind = 'UNIVERSITY'"), 1);
    PQfinish(db);
}

static void test_teams(void **state)
{
    static const struct step steps[] = {
        TWO_UNITS,
        {"PS011", "team.registered", TEAM("T1"), NULL},
        {"GU028", "team.registered", TEAM("T1"), NULL}, /* another unit's codes */
        {"PS011", "team.registered", TEAM("T1"), NULL}, /* same content: nothing new */
        {"PS011", "team.registered",
         "{\"code\":\"T1\",\"name\":\"男排\",\"level\":\"PROVINCIAL\",\"sport\":\"VOLLEYBALL\","
         "\"gender\":\"M\"}",
         "code_taken"},
        {"PS011", "team.registered",
         "{\"code\":\"-T\",\"name\":\"\",\"level\":\"CITY\",\"sport\":\"x\",\"gender\":\"F\"}",
         "member_invalid"},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"state\":\"PAUSED\",\"from\":\"2025-02-01\"}",
         NULL},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"state\":\"ACTIVE\",\"from\":\"2025-03-01\"}",
         NULL},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"state\":\"PAUSED\",\"from\":\"2025-05-01\"}",
         NULL},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"state\":\"PAUSED\",\"from\":\"2025-04-01\"}",
         NULL},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"state\":\"ACTIVE\"}", "pair_incomplete"},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"base_lat\":26.5}", "pair_incomplete"},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"base_lat\":26,\"base_lon\":119.123456}",
         NULL},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"base_lat\":26.0,\"base_lon\":119.123456}",
         "nothing_changes"},
        {"PS011", "team.changed", "{\"team\":\"GU028/T1\",\"name\":\"改名\"}", "outside_subtree"},
        {"CN000", "team.changed", "{\"team\":\"GU028/T1\",\"name\":\"改名\"}", NULL},
        {"PS011", "team.changed", "{\"team\":\"T9\",\"name\":\"改名\"}", "team_unknown"},
        {"PS011", "team.disbanded",
         "{\"team\":\"T1\",\"on\":\"2025-12-31\",\"merged_into\":\"T1\"}", "merged_into_itself"},
        {"PS011", "team.disbanded",
         "{\"team\":\"T1\",\"on\":\"2025-12-31\",\"merged_into\":\"GU028/T1\"}", NULL},
        {"PS011", "team.changed", "{\"team\":\"T1\",\"name\":\"改名\"}", "team_ended"},
        {"GU028", "team.disbanded", "{\"team\":\"T1\",\"on\":\"2025-02-29\"}", "member_invalid"},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from current_team"), 2);
    assert_int_equal(integer(db, "select count(*) from current_team where number = 1 and state = "
                                 "'MERGED' and merged_into = 2 and valid_to = '2025-12-31'"
                                 " and paused = '{[2025-02-01,2025-03-01),[2025-04-01,)}'"),
                     1);
    assert_int_equal(
        integer(db,
                "select count(*) from team_at(8) where number = 1 and paused @> date '2025-03-15'"),
        1);
    assert_int_equal(
        integer(db, "select (team_state_on('2025-02-28', valid_from, valid_to, paused) = 'PAUSED'"
                    " and team_state_on('2025-03-01', valid_from, valid_to, paused) = 'ACTIVE'"
                    " and team_state_on('2026-01-01', valid_from, valid_to, paused) is null)::int "
                    "from current_team where number = 1"),
        1);
    PQfinish(db);
}

#define MEMBER(rest) "{\"person\":\"P1\",\"team\":\"T1\",\"role\":\"ATHLETE\"," rest "}"

static void test_memberships(void **state)
{
    static const struct step steps[] = {
        TWO_UNITS,
        {"PS011", "team.registered", TEAM("T1"), NULL},
        {"PS011", "team.registered", TEAM("T2"), NULL},
        {"PS011", "team.registered", TEAM("T3"), NULL},
        {"GU028", "team.registered", TEAM("T4"), NULL},
        {"PS011", "person.registered", PERSON("P1", "阿依•古丽"), NULL},
        {"PS011", "person.registered", PERSON("P1", "阿依·古丽"),
         NULL}, /* the same name after its dot is normalised */
        {"PS011", "person.registered",
         "{\"code\":\"P2\",\"name\":\"张三1\",\"sex\":\"F\",\"birth_year\":2001}",
         "member_invalid"},
        {"PS011", "person.registered",
         "{\"code\":\"P2\",\"name\":\"张三\",\"sex\":\"F\",\"birth_year\":2020}",
         "birth_year_invalid"},
        {"PS011", "membership.started",
         MEMBER("\"status\":\"TRIAL\",\"valid_from\":\"2025-01-01\""), NULL},
        {"PS011", "membership.started",
         MEMBER("\"status\":\"TRIAL\",\"valid_from\":\"2025-01-01\""), NULL}, /* the same again */
        {"PS011", "membership.started",
         MEMBER("\"status\":\"FORMAL\",\"valid_from\":\"2024-01-01\",\"valid_to\":\"2025-01-01\""),
         "membership_overlap"},
        {"PS011", "membership.started",
         MEMBER("\"status\":\"FORMAL\",\"valid_from\":\"2024-01-01\",\"valid_to\":\"2024-12-31\""),
         NULL},
        {"PS011", "membership.changed",
         "{\"person\":\"P1\",\"team\":\"T1\",\"from\":\"2025-03-01\",\"status\":\"FORMAL\"}", NULL},
        {"PS011", "membership.changed",
         "{\"person\":\"P1\",\"team\":\"T1\",\"from\":\"2025-03-01\",\"status\":\"FORMAL\"}",
         "nothing_changes"},
        {"PS011", "membership.changed",
         "{\"person\":\"P1\",\"team\":\"T1\",\"from\":\"2025-03-01\",\"status\":\"TRAINEE\"}",
         NULL},
        {"PS011", "membership.changed",
         "{\"person\":\"P1\",\"team\":\"T1\",\"from\":\"2023-03-01\",\"status\":\"FORMAL\"}",
         "membership_unknown"},
        {"PS011", "membership.ended", "{\"person\":\"P1\",\"team\":\"T1\",\"on\":\"2025-02-01\"}",
         "membership_followed"},
        {"PS011", "membership.ended", "{\"person\":\"P1\",\"team\":\"T1\",\"on\":\"2025-06-30\"}",
         NULL},
        {"PS011", "membership.started",
         "{\"person\":\"P1\",\"team\":\"T2\",\"role\":\"ATHLETE\",\"status\":\"FORMAL\",\"valid_"
         "from\":\"2025-01-01\"}",
         NULL},
        {"PS011", "membership.started",
         "{\"person\":\"P1\",\"team\":\"T3\",\"role\":\"COACH\",\"status\":\"FORMAL\",\"valid_"
         "from\":\"2025-06-30\"}",
         NULL},
        {"GU028", "membership.started",
         "{\"person\":\"PS011/"
         "P1\",\"team\":\"T4\",\"role\":\"ATHLETE\",\"status\":\"FORMAL\",\"valid_from\":\"2025-05-"
         "01\"}",
         "too_many_teams"},
        {"GU028", "membership.started",
         "{\"person\":\"PS011/"
         "P1\",\"team\":\"T4\",\"role\":\"ATHLETE\",\"status\":\"FORMAL\",\"valid_from\":\"2025-07-"
         "01\"}",
         NULL},
        {"GU028", "membership.ended",
         "{\"person\":\"PS011/P1\",\"team\":\"PS011/T2\",\"on\":\"2025-06-30\"}",
         "outside_subtree"},
        {"GU028", "membership.started",
         "{\"person\":\"P1\",\"team\":\"T4\",\"role\":\"ATHLETE\",\"status\":\"FORMAL\",\"valid_"
         "from\":\"2025-07-01\"}",
         "person_unknown"},
        {"PS011", "site.registered",
         "{\"code\":\"S1\",\"name\":\"第一小学\",\"kind\":\"PRIMARY\",\"lat\":26.1,\"lon\":119.3}",
         NULL},
        {"PS011", "site.registered",
         "{\"code\":\"S1\",\"name\":\"第一小学\",\"kind\":\"PRIMARY\",\"lat\":26.1,\"lon\":119.3}",
         NULL},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from membership where team = 1"), 3);
    assert_int_equal(
        integer(db, "select count(*) from current_membership where team = 1 and status = 'TRIAL' "
                    "and valid_from = '2025-01-01' and valid_to = '2025-02-28'"),
        1);
    assert_int_equal(
        integer(db, "select count(*) from current_membership where team = 1 and status = 'TRAINEE' "
                    "and valid_from = '2025-03-01' and valid_to = '2025-06-30'"),
        1);
    assert_int_equal(integer(db, "select count(*) from membership_at(14) where team = 1 and "
                                 "valid_to is null and status = 'TRIAL'"),
                     1);
    assert_int_equal(integer(db, "select count(*) from current_person where name = '阿依·古丽'"),
                     1);
    assert_int_equal(integer(db, "select count(*) from current_site"), 1);
    PQfinish(db);
}

#define POLICY(rest)                                                                               \
    "{\"valid_from\":\"2025-01-01\",\"team_min_sessions\":4,\"athlete_min_minutes\":360,"          \
    "\"source\":\"S\",\"confidence\":\"c\",\"author\":\"a\"," rest "}"

static void test_policies(void **state)
{
    static const struct step steps[] = {
        TWO_UNITS,
        {"PS011", "team.registered", TEAM("T1"), NULL},
        {"CN000", "policy.set", POLICY("\"scope\":\"NATION\",\"version\":1,\"approver\":\"a\""),
         "two_persons"},
        {"CN000", "policy.set", POLICY("\"scope\":\"NATION\",\"version\":1,\"approver\":\"b\""),
         NULL},
        {"CN000", "policy.set", POLICY("\"scope\":\"NATION\",\"version\":1,\"approver\":\"b\""),
         "version_not_higher"},
        {"CN000", "policy.set",
         POLICY("\"scope\":\"NATION\",\"version\":2,\"approver\":\"b\",\"presence_min\":0.55,"
                "\"pacing_bounds\":[0.1,0.2,0.3],"
                "\"site_rules\":{\"count\":[\"PRIMARY\"],\"conditional\":[]},\"mode_factor\":{"
                "\"ONSITE\":1,\"HYBRID\":0.75,\"LIVE\":0.5,\"RECORDED\":0}"),
         NULL},
        {"CN000", "policy.set", POLICY("\"scope\":\"UNIT\",\"version\":1,\"approver\":\"b\""),
         "scope_invalid"},
        {"CN000", "policy.set",
         POLICY("\"scope\":\"UNIT\",\"unit\":\"PS011\",\"version\":1,\"approver\":\"b\""), NULL},
        {"CN000", "policy.set",
         POLICY("\"scope\":\"TEAM\",\"team\":\"PS011/T1\",\"version\":7,\"approver\":\"b\""), NULL},
        {"PS011", "policy.set", POLICY("\"scope\":\"NATION\",\"version\":9,\"approver\":\"b\""),
         "scope_invalid"},
        {"CN000", "policy.set",
         POLICY("\"scope\":\"NATION\",\"version\":9,\"approver\":\"b\",\"mode_factor\":{\"ONSITE\":"
                "1}"),
         "member_missing"},
        {"CN000", "policy.set",
         POLICY("\"scope\":\"NATION\",\"version\":9,\"approver\":\"b\",\"month_weights\":[1]"),
         "member_invalid"},
        {"CN000", "policy.set",
         POLICY(
             "\"scope\":\"NATION\",\"version\":9,\"approver\":\"b\",\"valid_to\":\"2024-12-31\""),
         "span_invalid"},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from policy"), 3);
    assert_int_equal(integer(db, "select count(*) from current_policy where scope = 'NATION' and "
                                 "version = 1 and presence_min = 0.6"
                                 " and month_weights[6] = 14 and pacing_bounds = '{0.1,0.25,0.4}' "
                                 "and mode_recorded = 0 and rounding = 15"),
                     1);
    assert_int_equal(integer(db, "select count(*) from current_policy where scope = 'NATION' and "
                                 "version = 2 and presence_min = 0.55"
                                 " and mode_hybrid = 0.75 and sites_counted = '{PRIMARY}' and "
                                 "pacing_bounds = '{0.1,0.2,0.3}'"),
                     1);
    assert_int_equal(integer(db, "select count(*) from policy_at(6) where scope = 'NATION'"), 1);
    PQfinish(db);
}

static void test_exemptions(void **state)
{
    static const struct step steps[] = {
        TWO_UNITS,
        {"PS011", "team.registered", TEAM("T1"), NULL},
        {"PS011", "person.registered", PERSON("P1", "李兰"), NULL},
        {"CN000", "exemption.approved",
         "{\"code\":\"E1\",\"person\":\"PS011/P1\",\"kind\":\"INJURY\",\"effect\":\"PRORATE\","
         "\"from\":\"2024-11-02\"}",
         NULL}, /* 60 days before the receipt */
        {"CN000", "exemption.approved",
         "{\"code\":\"E2\",\"person\":\"PS011/P1\",\"kind\":\"INJURY\",\"effect\":\"PRORATE\","
         "\"from\":\"2024-11-01\"}",
         "retroactive"},
        {"CN000", "exemption.approved",
         "{\"code\":\"E2\",\"person\":\"PS011/P1\",\"kind\":\"INJURY\",\"effect\":\"WAIVE\","
         "\"from\":\"2024-11-01\",\"submitted_on\":\"2024-12-31\"}",
         NULL},
        {"CN000", "exemption.approved",
         "{\"code\":\"E3\",\"team\":\"PS011/T1\",\"kind\":\"COMPETITION\",\"effect\":\"DEFER\","
         "\"from\":\"2025-02-01\",\"submitted_on\":\"2025-01-02\"}",
         "in_the_future"},
        {"CN000", "exemption.approved",
         "{\"code\":\"E3\",\"team\":\"PS011/T1\",\"person\":\"PS011/P1\",\"kind\":\"OTHER\","
         "\"effect\":\"DEFER\",\"from\":\"2025-02-01\"}",
         "one_subject"},
        {"GU028", "exemption.approved",
         "{\"code\":\"E3\",\"team\":\"PS011/T1\",\"kind\":\"OTHER\",\"effect\":\"DEFER\",\"from\":"
         "\"2025-02-01\"}",
         "outside_subtree"},
        {"CN000", "exemption.approved",
         "{\"code\":\"E3\",\"team\":\"PS011/T1\",\"kind\":\"OTHER\",\"effect\":\"DEFER\",\"from\":"
         "\"2025-02-01\",\"to\":\"2025-01-31\"}",
         "span_invalid"},
        {"CN000", "exemption.approved",
         "{\"code\":\"E3\",\"team\":\"PS011/T1\",\"kind\":\"OTHER\",\"effect\":\"DEFER\",\"from\":"
         "\"2025-02-01\",\"to\":\"2025-03-31\",\"evidence\":\"集训通知\"}",
         NULL},
        {"CN000", "exemption.approved",
         "{\"code\":\"E3\",\"team\":\"PS011/T1\",\"kind\":\"OTHER\",\"effect\":\"WAIVE\",\"from\":"
         "\"2025-02-01\",\"to\":\"2025-03-31\"}",
         "code_taken"},
        {"CN000", "exemption.ended", "{\"code\":\"E4\",\"on\":\"2025-02-20\"}",
         "exemption_unknown"},
        {"CN000", "exemption.ended", "{\"code\":\"E3\",\"on\":\"2025-04-01\"}", "span_invalid"},
        {"CN000", "exemption.ended", "{\"code\":\"E3\",\"on\":\"2025-02-20\"}", NULL},
        {"CN000", "exemption.ended", "{\"code\":\"E3\",\"on\":\"2025-02-20\"}", "nothing_changes"},
        {"CN000", "exemption.ended", "{\"code\":\"E1\",\"on\":\"2024-12-31\"}", NULL},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from exemption"), 3);
    assert_int_equal(
        integer(db,
                "select count(*) from exemption_version v join exemption e using (number) where "
                "e.code = 'E3' and v.team = 1 and v.person is null and v.valid_to = "
                "'2025-02-20' and v.state = 'ENDED' and v.evidence = '集训通知'"),
        1);
    PQfinish(db);
}

#define FLAG1 "12345678-90ab-8def-8000-000000000001"
#define FLAG2 "12345678-90ab-8def-8000-000000000002"

/* What is said about flags is kept as it is said: whether there is such a flag is settlement's. */
static void test_flags_and_windows(void **state)
{
    static const struct step steps[] = {
        TWO_UNITS,
        {"PS011", "filing_window.opened",
         "{\"from\":\"2025-01-10\",\"to\":\"2025-01-09\",\"reason\":\"补报\",\"by\":\"甲\"}",
         "span_invalid"},
        {"PS011", "filing_window.opened",
         "{\"from\":\"2025-01-10\",\"to\":\"2025-01-10\",\"reason\":\"补报\",\"by\":\"甲\"}", NULL},
        {"PS011", "filing_window.opened", "{\"from\":\"2025-01-10\",\"to\":\"2025-01-10\"}",
         "member_missing"},
        {"PS011", "flag.explained",
         "{\"flags\":[\"" FLAG1 "\",\"" FLAG2 "\"],\"explanation\":\"已核实\",\"by\":\"甲\"}",
         NULL},
        {"PS011", "flag.explained", "{\"flags\":[],\"explanation\":\"已核实\",\"by\":\"甲\"}",
         "member_invalid"},
        {"PS011", "flag.explained",
         "{\"flags\":[\"" FLAG1 "\",\"" FLAG1 "\"],\"explanation\":\"已核实\",\"by\":\"甲\"}",
         "member_invalid"},
        {"PS011", "flag.explained",
         "{\"flags\":[\"12345678-90AB-8def-8000-000000000001\"],\"explanation\":\"已核实\",\"by\":"
         "\"甲\"}",
         "member_invalid"},
        {"CN000", "flag.decided",
         "{\"flags\":[\"" FLAG1 "\"],\"decision\":\"CONFIRMED\",\"reason\":\"属实\",\"by\":\"乙\"}",
         NULL},
        {"CN000", "flag.decided",
         "{\"flags\":[\"" FLAG1 "\"],\"decision\":\"OPEN\",\"reason\":\"属实\",\"by\":\"乙\"}",
         "member_invalid"},
        {"CN000", "duplicate.decided",
         "{\"flag\":\"" FLAG2 "\",\"outcome\":\"DIFFERENT\",\"reason\":\"两校两场\",\"by\":\"乙\"}",
         NULL},
        {"CN000", "opinion.item_linked",
         "{\"item\":\"" FLAG1 "\",\"activities\":[\"" FLAG2
         "\"],\"reason\":\"核实\",\"by\":\"乙\"}",
         NULL},
        {"CN000", "opinion.item_linked",
         "{\"item\":\"" FLAG1 "\",\"activities\":[],\"reason\":\"无关\",\"by\":\"乙\"}", NULL},
        {"CN000", "opinion.item_linked",
         "{\"item\":\"x\",\"activities\":[],\"reason\":\"无关\",\"by\":\"乙\"}", "member_invalid"},
        {"PS011", "team.registered", TEAM("T1"), NULL},
        {"PS011", "activity.planned",
         "{\"team\":\"T1\",\"title\":\"进校园\",\"from\":\"2025-03-02\",\"by\":\"甲\"}", NULL},
        {"PS011", "activity.planned",
         "{\"team\":\"T1\",\"title\":\"进校园\",\"from\":\"2025-03-02\",\"to\":\"2025-03-01\","
         "\"by\":"
         "\"甲\"}",
         "span_invalid"},
        {"PS011", "activity.planned",
         "{\"team\":\"T9\",\"title\":\"进校园\",\"from\":\"2025-03-02\",\"by\":\"甲\"}",
         "team_unknown"},
        {"PS011", "activity.plan_cancelled",
         "{\"plan\":\"" FLAG1 "\",\"reason\":\"改期\",\"by\":\"甲\"}", NULL},
        {"PS011", "person.registered",
         "{\"code\":\"P1\",\"name\":\"试验员甲\",\"sex\":\"F\",\"birth_year\":2000}", NULL},
        {"CN000", "certificate.issued",
         "{\"person\":\"PS011/P1\",\"year\":2025,\"minutes\":420,\"through\":\"12\"}", NULL},
        {"CN000", "certificate.issued",
         "{\"person\":\"PS011/P9\",\"year\":2025,\"minutes\":420,\"through\":\"12\"}",
         "person_unknown"},
        {"CN000", "certificate.issued",
         "{\"person\":\"PS011/P1\",\"year\":2025,\"minutes\":420,\"through\":\"12x\"}",
         "member_invalid"},
        {"CN000", "certificate.issued",
         "{\"person\":\"PS011/P1\",\"year\":2025,\"minutes\":0,\"through\":\"12\"}",
         "member_invalid"},
        {"PS011", "site.registered",
         "{\"code\":\"S1\",\"name\":\"示例小学\",\"kind\":\"PRIMARY\",\"capacity\":0}",
         "member_invalid"},
        {"PS011", "site.registered",
         "{\"code\":\"S1\",\"name\":\"示例小学\",\"kind\":\"PRIMARY\",\"capacity\":800}", NULL},
    };
    (void)state;
    PGconn *db = both(steps, COUNT(steps), 2);
    assert_int_equal(integer(db, "select count(*) from certificate where year = 2025 and minutes "
                                 "= 420 and through = 12"),
                     1);
    assert_int_equal(integer(db, "select count(*) from filing_window w join unit u on u.number = "
                                 "w.unit where u.code = 'PS011' and opened_from = '2025-01-10' "
                                 "and opened_to = '2025-01-10' and who = '甲'"),
                     1);
    assert_int_equal(integer(db, "select count(*) from flag_action where action = 'EXPLAIN' and "
                                 "cardinality(flags) = 2 and said = '已核实'"),
                     1);
    assert_int_equal(integer(db, "select count(*) from flag_action where action = 'CONFIRM' and "
                                 "outcome is null and unit = 0"),
                     1);
    assert_int_equal(integer(db, "select count(*) from flag_action where action = 'DISMISS' and "
                                 "outcome = 'DIFFERENT' and flags = '{" FLAG2 "}'"),
                     1);
    assert_int_equal(integer(db, "select capacity from site_version"), 800);
    PQfinish(db);
}

static int setup(void **state)
{
    (void)state;
    const char *source = getenv("LJ_SOURCE_DIR");
    pg = lj_pgtest_start();
    if (pg == NULL || source == NULL) {
        return -1;
    }
    char command[600];
    snprintf(command, sizeof(command),
             "%s/tests/lib/dbsetup.sh 'host=%s user=postgres' base 2>/dev/null", source,
             lj_pgtest_dir(pg));
    return system(command) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    lj_pgtest_free(&pg);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),       cmocka_unit_test(test_unit_funnel),
        cmocka_unit_test(test_accounts),    cmocka_unit_test(test_proposals),
        cmocka_unit_test(test_changes),     cmocka_unit_test(test_teams),
        cmocka_unit_test(test_memberships), cmocka_unit_test(test_policies),
        cmocka_unit_test(test_exemptions),  cmocka_unit_test(test_flags_and_windows),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
