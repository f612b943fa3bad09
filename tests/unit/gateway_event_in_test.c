/* Judging an event's envelope: which refusal, where, and in which order; splitting a batch into
 * lines. lj-test: lj_gateway_core lj_client lj_proto lj_common
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/event_in.h"
#include "gateway/intake.h"

struct fixture {
    struct lj_json_scratch *scratch;
    struct lj_directory *directory;
    struct lj_uuid_gen uuids;
    struct lj_token token;
};

static struct fixture fixture;

static int setup(void **state)
{
    static const struct lj_unit units[] = {
        {0, LJ_UNIT_NONE, "CN000"}, {1, 0, "PS001"}, {2, 0, "PS002"}, {3, 1, "SU003"}};
    static const struct lj_event_type types[] = {
        {"activity.submitted", 20, 1, LJ_ORIGIN_CLIENT,
         LJ_PERSON_BIT(LJ_PERSON_TEAM_FILLER) | LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN)},
        {"policy.set", 4, 2, LJ_ORIGIN_CENTRE, LJ_PERSON_BIT(LJ_PERSON_POLICY_ADMIN)},
        {"activity.rejected", 60, 1, LJ_ORIGIN_WORKER, LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN)}};
    (void)state;
    fixture.scratch = lj_json_scratch_new();
    fixture.directory = lj_directory_new();
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(lj_directory_add_unit(fixture.directory, &units[i], NULL), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lj_directory_add_type(fixture.directory, &types[i], NULL), 0);
    }
    return lj_directory_seal(fixture.directory, NULL);
}

static int teardown(void **state)
{
    (void)state;
    lj_json_scratch_free(&fixture.scratch);
    lj_directory_free(&fixture.directory);
    return 0;
}

static int judge(uint8_t role, int16_t unit, const char *text, struct lj_event_in *ret,
                 struct lj_problem *problem)
{
    fixture.token = (struct lj_token){.role = role, .unit = unit, .class = 1, .name = "t"};
    struct lj_event_judge j = {fixture.scratch, fixture.directory, &fixture.token, &fixture.uuids,
                               1800000000000000};
    return lj_event_in_read(&j, text, strlen(text), ret, problem);
}

static void refusals(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *pointer;
    } table[] = {
        {"{", LJ_E_JSON_SYNTAX, ""},
        {"[]", LJ_E_JSON_SYNTAX, ""},
        {"{\"x\":1,\"payload\":{\"a\":1,\"a\":2}}", LJ_E_JSON_DUPLICATE,
         "/payload/a"},                           /* malformed comes before unknown */
        {"{\"x\":1}", LJ_E_UNKNOWN_MEMBER, "/x"}, /* unknown before missing */
        {"{}", LJ_E_MEMBER_MISSING, "/type"},
        {"{\"type\":\"a.b\",\"unit\":\"PS001\"}", LJ_E_MEMBER_MISSING,
         "/payload"}, /* missing before unknown type */
        {"{\"type\":\"a.b\",\"unit\":\"PS001\",\"payload\":[]}", LJ_E_MEMBER_INVALID, "/payload"},
        {"{\"type\":\"a.b\",\"unit\":\"XX000\",\"payload\":{}}", LJ_E_TYPE_UNKNOWN, "/type"},
        {"{\"type\":\"policy.set\",\"unit\":\"XX000\",\"payload\":{}}", LJ_E_FORBIDDEN_TYPE,
         "/type"},
        {"{\"type\":\"activity.submitted\",\"unit\":\"XX000\",\"payload\":{}}", LJ_E_UNIT_UNKNOWN,
         "/unit"},
        {"{\"type\":\"activity.submitted\",\"unit\":\"PS002\",\"payload\":{}}", LJ_E_FORBIDDEN_UNIT,
         "/unit"},
        {"{\"type\":\"activity.submitted\",\"unit\":\"PS001\\u0020\",\"payload\":{}}",
         LJ_E_UNIT_UNKNOWN, "/unit"},
        {"{\"id\":\"00000000-0000-0000-0000-000000000000\",\"type\":\"a.b\",\"unit\":\"PS001\","
         "\"payload\":{}}",
         LJ_E_ID_VERSION, "/id"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct lj_event_in in;
        struct lj_problem p = {0};
        assert_int_equal(judge(LJ_TOKEN_CLIENT, 1, table[i].text, &in, &p), table[i].code);
        assert_int_equal(p.code, table[i].code);
        assert_string_equal(p.pointer, table[i].pointer);
    }
}

static void taken(void **state)
{
    struct lj_event_in in;
    struct lj_problem p;
    (void)state;
    const char *text =
        "{ \"payload\" : {\"a\": 1 } , "
        "\"\\u0074ype\":\"activity.\\u0073ubmitted\",\"unit\":\"SU003\",\"key\":\"\\u94a5\","
        "\"occurred_at\":\"1970-01-01T08:00:01+08:00\",\"schema_version\":7,\"id\":\"01890A5D-AC96-"
        "774B-BCCE-B302099A8057\"}";
    assert_int_equal(judge(LJ_TOKEN_CLIENT, 1, text, &in, &p), 0);
    assert_memory_equal(in.event.payload.p, "{\"a\": 1 }", 9);
    assert_int_equal(in.event.payload.n, 9);
    assert_memory_equal(in.event.type.p, "activity.submitted", 18);
    assert_memory_equal(in.event.unit.p, "SU003", 5);
    assert_int_equal(in.event.key.n, 3);
    assert_memory_equal(in.event.key.p, "\xe9\x92\xa5", 3);
    assert_int_equal(in.event.occurred_at_us, 1000000);
    assert_int_equal(in.event.schema_version, 7);
    assert_int_equal(in.event.origin, LJ_ORIGIN_CLIENT);
    assert_int_equal(in.event.class, LJ_CLASS_DEFAULT);
    assert_int_equal(in.event.id[0], 0x01);
    assert_int_equal(in.unit, 3);
}

static void defaults(void **state)
{
    struct lj_event_in in;
    struct lj_problem p;
    (void)state;
    assert_int_equal(judge(LJ_TOKEN_CENTRE, 0,
                           "{\"type\":\"policy.set\",\"unit\":\"PS002\",\"payload\":{}}", &in, &p),
                     0);
    assert_int_equal(lj_uuid_version(in.event.id), 7);
    assert_int_equal(in.event.key.n, 0);
    assert_true(in.event.occurred_at_us == LJ_TIME_NONE);
    assert_int_equal(in.event.schema_version, 2); /* the type's */
    assert_int_equal(in.event.origin, LJ_ORIGIN_CENTRE);
}

static void nobody_sends_a_workers_type(void **state)
{
    struct lj_event_in in;
    struct lj_problem p;
    (void)state;
    for (int role = 1; role <= 16; role *= 2) {
        assert_int_equal(judge((uint8_t)role, 0,
                               "{\"type\":\"activity.rejected\",\"unit\":\"PS001\",\"payload\":{}}",
                               &in, &p),
                         LJ_E_FORBIDDEN_TYPE);
    }
}

/* A person sends by the table of roles alone, and its source says in which role and for which unit.
 */
static void persons(void **state)
{
    static const struct {
        uint32_t persons;
        const char *type, *unit;
        int code;
        const char *source;
    } table[] = {
        {LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN), "activity.submitted", "SU003", 0,
         "zhang_li:UNIT_ADMIN@PS001"},
        {LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN) | LJ_PERSON_BIT(LJ_PERSON_TEAM_FILLER),
         "activity.submitted", "PS001", 0, "zhang_li:TEAM_FILLER@PS001"},
        {LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN) | LJ_PERSON_BIT(LJ_PERSON_POLICY_ADMIN), "policy.set",
         "PS001", 0, "zhang_li:POLICY_ADMIN@PS001"},
        {LJ_PERSON_BIT(LJ_PERSON_UNIT_LEADER), "activity.submitted", "PS001", LJ_E_FORBIDDEN_TYPE,
         NULL},
        {LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN), "policy.set", "PS001", LJ_E_FORBIDDEN_TYPE, NULL},
        {LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN), "activity.rejected", "PS001", LJ_E_FORBIDDEN_TYPE,
         NULL},
        {LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN), "activity.submitted", "PS002", LJ_E_FORBIDDEN_UNIT,
         NULL},
    };
    struct lj_event_in in;
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct lj_problem p;
        char text[200];
        fixture.token = (struct lj_token){.role = LJ_TOKEN_PERSON | LJ_TOKEN_CENTRE,
                                          .persons = table[i].persons,
                                          .unit = 1,
                                          .class = 1,
                                          .name = "zhang_li"};
        struct lj_event_judge j = {fixture.scratch, fixture.directory, &fixture.token,
                                   &fixture.uuids, 1800000000000000};
        snprintf(text, sizeof text, "{\"type\":\"%s\",\"unit\":\"%s\",\"payload\":{}}",
                 table[i].type, table[i].unit);
        assert_int_equal(lj_event_in_read(&j, text, strlen(text), &in, &p), table[i].code);
        if (table[i].source != NULL) {
            assert_int_equal(in.event.source.n, strlen(table[i].source));
            assert_memory_equal(in.event.source.p, table[i].source, in.event.source.n);
        }
    }
}

static void lines(void **state)
{
    struct lj_ndjson_line l[4];
    size_t all;
    const char *text = "\n{1}\r\n \t\r\n{2}\n{3}";
    (void)state;
    assert_int_equal(lj_ndjson_split(text, strlen(text), l, 4, &all), 3);
    assert_int_equal(all, 5);
    assert_int_equal(l[0].number, 2);
    assert_int_equal(l[0].len, 4); /* its CR is white space for the reader of JSON */
    assert_int_equal(l[1].number, 4);
    assert_int_equal(l[2].number, 5);
    assert_memory_equal(l[2].text, "{3}", 3);
    assert_int_equal(lj_ndjson_split("", 0, l, 4, &all), 0);
    assert_int_equal(all, 0);
    assert_int_equal(lj_ndjson_split("a\nb\nc\nd\ne\n", 10, l, 4, &all),
                     4); /* no more than there is room for, all counted */
    assert_int_equal(all, 5);
    assert_int_equal(lj_ndjson_split("\n\n", 2, l, 4, &all), 0);
    assert_int_equal(all, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals), cmocka_unit_test(taken),
        cmocka_unit_test(defaults), cmocka_unit_test(nobody_sends_a_workers_type),
        cmocka_unit_test(persons),  cmocka_unit_test(lines)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
