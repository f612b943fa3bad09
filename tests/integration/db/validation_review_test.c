/* The kind validation under review: what an activity goes through, decision by decision, with the
 * sources of events in the log and the days that begin in it.
 *
 * lj-test: lj_kind_validation lj_runner lj_testlib PkgConfig::PQ */
#include "tests/integration/db/validation_rig.h"

/* What is done to one activity, step by step: letter, version, "!" where the one who reported does
 * it himself, "=" and the state's number that must follow, or the code of the reason, "/" and what
 * the follow-on event says ("" none).
 *
 *   R report, C correction on that version, W withdrawal; A approve, a the same with a note, B
 * return, S sample, K confirm, X revoke, O reopen; p, d, k, x a person confirms, disputes, is kept,
 * is dropped (q: somebody who is not on the roster disputes); H host is asked, h confirms, D
 * disputes; u suspected to be a duplicate, Z one event reported twice, J held together, N two
 * events; Y, y a policy administrator, an auditor asks to open a closed year, G, g an auditor, a
 * policy administrator opens it;
 *   + N days begin, the last N days after the first. */
static const struct order {
    const char *steps, *end;
} orders[] = {
    {"R=2 A1=4", "APPROVED 1"},
    {"R=2 A1!=R01 A1=4", "APPROVED 1"}, /* case 29: reviewer = submitter */
    {"R=2 B1!=R01", "UNIT_REVIEW 1"},
    {"R=2 A2=V31 A1=4 A1=V31", "APPROVED 1"},
    {"R=2 B1=3 A1=V31 C1=2 A1=V31 A2=4", "APPROVED 2"}, /* returned and sent again: version + 1 */
    {"R=2 C1=2 A1=V31 A2=4", "APPROVED 2"},             /* mended before anybody looked */
    {"R=2 A1=4 C1=7 A1=V31 A2=4", "APPROVED 2"},
    {"R=2 A1=4 C1=7 B2=4 A1=V31 C2=7 A3=4",
     "APPROVED 3"}, /* a returned correction changes nothing, its number is used */
    {"R=2 A1=4 C1=7 B2=4 S2=V31 S1=5 K1=6", "CONFIRMED 2"},
    {"R=2 A1=4 S1=5 K1!=R01 K1=6 W1=V31 C1=V31 X1=9 X1=V31", "REVOKED 1"},
    {"R=2 S1=V31 K1=V31 X1=V31 O1=V31 W1=8 A1=V31", "WITHDRAWN 2"},
    {"R=2 A1=4 S1=5 B1=R04 b1=3 C1=2", "UNIT_REVIEW 2"},
    {"R=2 A1=4 X1=9 C1=V31 d1=V31", "REVOKED 1"},
    {"A1=V31", ""},
    /* persons: case 26, an athlete disputes hours entered by a filler */
    {"R=2 A1=4 d1=4 d1=V31 p1=V31 k1!=R01 k1=4 x1=V31", "APPROVED 1"},
    {"R=2 A1=4 d1=4 C1=7 A2=4 x2=4 d2=V31", "APPROVED 2"}, /* a correction clears no dispute */
    {"R=2 A1=4 p1=4 p1=V31 d1=V31", "APPROVED 1"},
    {"R=2 A1=4 q1=R02 S1=5 K1=6 d1=6", "CONFIRMED 1"},
    /* the host */
    {"R=2 h1=V31 H1=2 h1=2 A1=4 D1=V31", "APPROVED 1"},
    {"R=2 A1=4 H1=4 H1=V31 D1=2 D1=V31 A1!=R01 A1=4 H1=4 h1=4", "APPROVED 1"},
    {"R=2 A1=4 C1=7 B2=4 H1=4 D1=2 A2=V31 A1=4",
     "APPROVED 2"}, /* not the version that was returned */
    {"R=2 A1=4 C1=7 H1=7 D1=2 A2=4", "APPROVED 2"},
    /* days: 30 to mend what was returned, 15 for a host; both still inside */
    {"R=2 B1=3 +30 C1=2", "UNIT_REVIEW 2"},
    {"R=2 B1=3 O1=V31 p1=3 +31 C1=V31 p1=V31 O1=3 C1=2 A2=4", "APPROVED 2"},
    {"R=2 B1=3 +31", "LAPSED 1"},
    {"R=2 B1=3 +31 W1=8", "WITHDRAWN 2"},
    {"R=2 A1=4 H1=4 +15 h1=4", "APPROVED 1"},
    {"R=2 A1=4 H1=4 +16 h1=V31 H1=4 D1=2", "UNIT_REVIEW 1"},
    /* duplicates: the later one waits for the decision; a new version is looked at anew */
    {"R=2 u=2 A1=R05 N=2 A1=4", "APPROVED 1"},
    {"R=2 u=2 B1=3 C1=2 A2=4", "APPROVED 2"},
    {"R=2 A1=4 u=V31 J=4 C1=7 u=7 A2=R05 Z=8 J=V31", "WITHDRAWN 2"},
    {"R=2 A1=4 S1=5 K1=6 Z=9 N=V31", "REVOKED 1"},
    {"R=2 B1=3 +31 Z=8", "WITHDRAWN 1"},
    {"R=2 A1=4 H1=4 J=4 h1=4", "APPROVED 1"}, /* a mark is not the host's word */
    /* a closed year: two persons, one of each role */
    {"R=2 A1=4 Y=R06 +245 Y=R06", "APPROVED 1"},
    {"R=2 A1=4 +246 C1=V29 X1=V29 G=V31 Y=4 g=R07 C1=V29 G=4 C1=7 A2=4 Y=V31", "APPROVED 2"},
    {"R=2 A1=4 +246 y=4 G=R07 X1=V29 g=4 X1=9", "REVOKED 1"},
    {"R=2 A1=4 +246 Y!=R07 Z=V29 Y=4 G=4 Z=8 Y=V31", "WITHDRAWN 1"},
};

#define FILLER "filler:TEAM_FILLER@PS001"
#define ADMIN  "admin:UNIT_ADMIN@PS001"
#define CENTRE "auditor:CENTRE_AUDITOR@CN000"
#define POLICY "polly:POLICY_ADMIN@CN000"
#define OTHER  "\"other\":\"01900000-0000-7000-8000-000000000001\""

static int64_t position = 1000; /* a membership ends at 1501 */

/* The event in the log, which says who sent it. */
static void logged(int64_t at, const char *who, const char *id)
{
    char sql[500];
    (void)snprintf(
        sql, sizeof sql,
        "insert into event (position, received_at, id, type, unit, class, schema_version, source, "
        "content_hash, payload)"
        " values (%lld, '2024-06-07', coalesce('%s'::uuid), 1, 1, 1, 1, '%s', '\\x00', "
        "'{\"title\":\"冠军进校园活动\"}')",
        (long long)at, id, who);
    more(sql);
}

static const struct {
    char letter;
    const char *type, *rest;
} decisions[] = {
    {'A', "activity.approved", ",\"version\":%d"},
    {'a', "activity.approved", ",\"version\":%d,\"note\":\"已核实\""},
    {'B', "activity.returned", ",\"version\":%d,\"reason\":\"人数不符\""},
    {'b', "activity.returned", ",\"version\":%d,\"reason\":\"人数不符\""},
    {'S', "activity.sampled", ",\"version\":%d"},
    {'K', "activity.confirmed", ",\"version\":%d"},
    {'X', "activity.revoked", ",\"version\":%d,\"reason\":\"未举办\""},
    {'O', "activity.reopened", ",\"version\":%d,\"reason\":\"补充材料\""},
    {'p', "participation.confirmed", ",\"person\":\"p1\""},
    {'d', "participation.disputed", ",\"person\":\"p1\",\"reason\":\"只参加半场\""},
    {'q', "participation.disputed", ",\"person\":\"p2\",\"reason\":\"没有参加\""},
    {'k', "participation.resolved",
     ",\"person\":\"PS001/p1\",\"outcome\":\"KEPT\",\"reason\":\"签到属实\""},
    {'x', "participation.resolved",
     ",\"person\":\"p1\",\"outcome\":\"DROPPED\",\"reason\":\"异议成立\""},
    {'H', "host.asked", ""},
    {'h', "host.confirmed", ",\"place_ok\":true,\"head_count\":100,\"satisfied\":5"},
    {'D', "host.disputed", ",\"place_ok\":false,\"comment\":\"当日无活动\""},
    {'u', "duplicate.suspected", "," OTHER},
    {'Z', "duplicate.settled",
     "," OTHER ",\"outcome\":\"SAME_EVENT_DOUBLE\",\"reason\":\"同一场\""},
    {'J', "duplicate.settled", "," OTHER ",\"outcome\":\"SAME_EVENT_JOINT\",\"reason\":\"同一场\""},
    {'N', "duplicate.settled", "," OTHER ",\"outcome\":\"DIFFERENT\",\"reason\":\"两个班\""},
    {'Y', "record.reopen_asked", ",\"reason\":\"复核发现错误\""},
    {'y', "record.reopen_asked", ",\"reason\":\"复核发现错误\""},
    {'G', "record.reopened", ",\"reason\":\"同意\""},
    {'g', "record.reopened", ",\"reason\":\"同意\""},
};

static void add_decision(struct todo *t, char letter, int activity, int version)
{
    char payload[400], rest[240], id[LJ_UUID_TEXT + 1];
    uint8_t about[16];
    size_t i = 0;
    while (decisions[i].letter != letter)
        i++;
    activity_id(activity, about);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(rest, sizeof rest, decisions[i].rest, version);
#pragma GCC diagnostic pop
    (void)snprintf(payload, sizeof payload, "{\"activity\":\"%s\"%s}", lj_uuid_format(about, id),
                   rest);
    add(t, decisions[i].type, position, 1, activity, payload);
}

static int today; /* days since 2024-06-07 */

static void days_begin(int n)
{
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "insert into calendar_day values (%lld, date '2024-06-07' + %d)",
                   (long long)++position, n);
    more("delete from calendar_day");
    more(sql);
    today = n;
}

static void step(const char *text, int activity, const char *all)
{
    static struct todo t;
    const char *good = body("2024-06-01", "\"t1\"", ROW("p1", "t1"), "s1");
    char want[8], got[40], sql[300], id[LJ_UUID_TEXT + 1];
    int version = 0;
    if (text[0] == '+') {
        days_begin(atoi(text + 1));
        return;
    }
    position++;
    version = atoi(text + 1);
    (void)snprintf(want, sizeof want, "%s", strchr(text, '=') + 1);
    if (text[0] == 'R')
        add(&t, "activity.submitted", position, 1, activity, good);
    else if (text[0] == 'C' || text[0] == 'W')
        add_change(&t, text[0] == 'C', position, 1, activity, version, good);
    else
        add_decision(&t, text[0], activity, version);
    t.events[0].received_at_us += today * INT64_C(86400000000);
    logged(position,
           strchr("RCW", text[0]) || strchr(text, '!') ? FILLER
           : strchr("SKXbGy", text[0])                 ? CENTRE
           : strchr("Yg", text[0])                     ? POLICY
                                                       : ADMIN,
           lj_uuid_format(t.events[0].id, id));
    run(&t);
    (void)snprintf(sql, sizeof sql,
                   "select count(*) from validation where position = %lld and "
                   "coalesce(state::text, notes::json -> 0 ->> 'code') = '%s'",
                   (long long)position, want);
    if (integer(sql) != 1) {
        (void)snprintf(got, sizeof got, "verdict %lld", verdict(position));
        fail_msg("order \"%s\", step \"%s\": %s", all, text, got);
    }
    clear(&t);
}

static void every_order(void **state)
{
    (void)state;
    more("insert into policy values (900, 1, null, null, 'NATION')");
    more("insert into policy_version select 900, '2022-01-01', null, 1, 1, 4, 360, 240, 480, 120, "
         "15, 1, 14, 480, 'YEAR', 0.6, 0.3, 0.05, 1, 1, 1, 0,"
         " '{FORMAL}', '{FORMAL,TRIAL}', '{PRIMARY}', '{PARK}', '{3,2,10,10,12,14,5,8,10,12,8,6}', "
         "'{0.1,0.25,0.4}', '10-01', 'NONE', 's', 'c', 'a', 'b', 'UNIT'");
    more("insert into register_log values (900, 900, 1)");
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        char steps[200], sql[400], id[LJ_UUID_TEXT + 1], *save = NULL;
        uint8_t about[16];
        int activity = 2000 + (int)i;
        more("delete from calendar_day");
        today = 0;
        (void)snprintf(steps, sizeof steps, "%s", orders[i].steps);
        for (char *s = strtok_r(steps, " ", &save); s; s = strtok_r(NULL, " ", &save))
            step(s, activity, orders[i].steps);
        activity_id(activity, about);
        (void)snprintf(sql, sizeof sql,
                       "select (coalesce((select state_name || ' ' || version from activity where "
                       "activity = '%s'), '') = '%s')::int",
                       lj_uuid_format(about, id), orders[i].end);
        if (integer(sql) != 1)
            fail_msg("order \"%s\" does not end at \"%s\"", orders[i].steps, orders[i].end);
    }
}

/* What the quota gets, the short results again, and who is told. */
static void what_follows(void **state)
{
    static struct todo t;
    const char *good = body("2024-06-01", "\"t1\"", ROW("p1", "t1"), "s1");
    char id[LJ_UUID_TEXT + 1];
    (void)state;
    more("delete from calendar_day");
    add(&t, "activity.submitted", ++position, 1, 2900, good);
    logged(position, FILLER, lj_uuid_format(t.events[0].id, id));
    run(&t);
    assert_int_equal(PQntuples(t.follows), 1);
    assert_string_equal(PQgetvalue(t.follows, 0, 2), "activity.state_changed");
    assert_non_null(strstr(PQgetvalue(t.follows, 0, 5), "\"state\":\"UNIT_REVIEW\""));
    clear(&t);
    int64_t reported = position;
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "select count(*) from validation where position = %lld and short like "
                   "'%%\"held\":true}' and review = 1 and step = 1",
                   (long long)reported);
    assert_int_equal(integer(sql), 1);
    position++;
    add_decision(&t, 'A', 2900, 1);
    logged(position, ADMIN, lj_uuid_format(t.events[0].id, id));
    run(&t);
    assert_non_null(strstr(PQgetvalue(t.follows, 0, 5), "\"state\":\"APPROVED\""));
    assert_non_null(strstr(PQgetvalue(t.follows, 0, 5), "\"title\":\"冠军进校园活动\""));
    (void)snprintf(sql, sizeof sql,
                   "select count(*) from validation where position = %lld and short::json ->> 'op' "
                   "= 'approve' and short::json ->> 'v' = '2'"
                   " and short::json ->> 'body' = '%lld' and version is null and about = 1",
                   (long long)position, (long long)reported);
    assert_int_equal(integer(sql), 1);
    clear(&t);
    position++;
    add_decision(&t, 'S', 2900, 1);
    logged(position, ADMIN, lj_uuid_format(t.events[0].id, id));
    run(&t);
    clear(&t);
    position++;
    add_decision(&t, 'D', 2900, 1); /* nobody was asked */
    logged(position, ADMIN, lj_uuid_format(t.events[0].id, id));
    run(&t);
    assert_string_equal(PQgetvalue(t.follows, 0, 2), "activity.rejected");
    clear(&t);
}

/* Case 10: after the seven days of publicity nothing about the year is taken, a revocation
 * included. */
static void case_10_after_publicity(void **state)
{
    static struct todo t;
    char id[LJ_UUID_TEXT + 1];
    int64_t closed = 0;
    static const char *const received[] = {"2025-02-07T23:59:59+08:00",
                                           "2025-02-08T00:00:00+08:00"};
    (void)state;
    for (int i = 1; i >= 0; i--) {
        position++;
        add_decision(&t, 'X', 2900, 1);
        assert_int_equal(lj_time_parse(received[i], 25, &t.events[0].received_at_us, NULL), 0);
        logged(position, ADMIN, lj_uuid_format(t.events[0].id, id));
        run(&t);
        clear(&t);
        if (i == 1) {
            closed = position;
            assert_true(noted(closed, "V29", "/activity"));
        }
    }
    assert_int_equal(verdict(closed), 2);
    assert_int_equal(verdict(position), 1);
}

static void payloads(void **state)
{
    static struct todo t;
    static const struct {
        const char *type, *rest, *code, *pointer;
    } bad[] = {
        {"activity.approved", "", "V01", "/version"},
        {"activity.approved", ",\"version\":\"1\"", "V01", "/version"},
        {"activity.approved", ",\"version\":0", "V01", "/version"},
        {"activity.approved", ",\"version\":1,\"reason\":\"多余\"", "V01", "/reason"},
        {"activity.returned", ",\"version\":1", "V01", "/reason"},
        {"activity.returned", ",\"version\":1,\"reason\":\"短\"", "V40", "/reason"},
        {"participation.disputed", ",\"reason\":\"没有参加\"", "V01", "/person"},
        {"participation.resolved", ",\"person\":\"p1\",\"outcome\":\"MAYBE\",\"reason\":\"已核实\"",
         "V01", "/outcome"},
        {"host.confirmed", ",\"satisfied\":6", "V01", "/satisfied"},
        {"host.confirmed", ",\"actual_start\":\"yesterday\"", "V01", "/actual_start"},
        {"host.disputed", ",\"place_ok\":1,\"comment\":\"无此活动\"", "V01", "/place_ok"},
        {"host.disputed", "", "V01", "/comment"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char payload[400], id[LJ_UUID_TEXT + 1];
        uint8_t about[16];
        activity_id(2900, about);
        position++;
        (void)snprintf(payload, sizeof payload, "{\"activity\":\"%s\"%s}",
                       lj_uuid_format(about, id), bad[i].rest);
        add(&t, bad[i].type, position, 1, 2900, payload);
        logged(position, ADMIN, lj_uuid_format(t.events[0].id, id));
        run(&t);
        clear(&t);
        if (verdict(position) != 2 || !noted(position, bad[i].code, bad[i].pointer))
            fail_msg("%s {%s} is not refused with %s %s", bad[i].type, bad[i].rest, bad[i].code,
                     bad[i].pointer);
    }
}

/* A filler with teams files for these alone, as its account stands at the event; a closed unit
 * files nothing more, and the Centre still decides. */
static void who_files(void **state)
{
    (void)state;
    more("delete from calendar_day");
    today = 0;
    more("insert into account values (901, 1, 'filler')");
    step("R=2", 2910, "no teams: all of the unit");
    more("insert into account_version (position, number, unit, name, state, state_on, roles, teams)"
         " values (902, 1, 1, '甲', 'ACTIVE', '2024-01-01', '{TEAM_FILLER}', '{2}')");
    step("R=R08", 2911, "another team");
    step("C1=R08", 2910, "another team's report");
    step("W1=R08", 2910, "nor is it withdrawn");
    more("insert into account_version (position, number, unit, name, state, state_on, roles, teams)"
         " values (903, 1, 1, '甲', 'ACTIVE', '2024-01-01', '{TEAM_FILLER}', '{2,1}')");
    step("C1=2", 2910, "its own");
    step("A2=4", 2910, "others are not asked");
    more("insert into unit_version (position, number, parent, name, kind, state)"
         " select 904, 1, parent, name, kind, 'CLOSED' from unit_version where number = 1 limit 1");
    more("insert into register_log values (904, 904, 1)");
    step("C2=V05", 2910, "a closed unit");
    step("W2=V05", 2910, "a closed unit");
    step("X2=9", 2910, "the Centre decides about its records");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order), cmocka_unit_test(what_follows),
        cmocka_unit_test(payloads),    cmocka_unit_test(case_10_after_publicity),
        cmocka_unit_test(who_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
