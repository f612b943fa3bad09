/* The kind validation over time: corrections and withdrawals in every order, and registers that
 * change under the worker's cache: by new events, by an old one that is redriven, by policies.
 *
 * lj-test: lj_kind_validation lj_runner lj_testlib PkgConfig::PQ */
#include "tests/integration/db/validation_rig.h"

/* ---- orders ---- */

/* What is done to one activity, step by step, each in a batch of its own: a report (R), a
 * correction (C) or a withdrawal (W) on a base version, a bad report (r) or correction (c), each
 * followed by the version it must give, 0 = rejected. */
struct order {
    const char *steps, *end; /* end: state and version of the activity; "" = there is none */
};
static const struct order orders[] = {
    {"R1", "APPROVED 1"},
    {"r0", ""},
    {"C1>0", ""},              /* before any report: rejected, never waits */
    {"C1>0 R1", "APPROVED 1"}, /* and does not come back when the report does */
    {"W1>0 R1", "APPROVED 1"},
    {"r0 C1>0", ""}, /* a rejected report is no activity that a correction could mend */
    {"r0 W1>0", ""},
    {"R1 C1>2", "APPROVED 2"},
    {"R1 C1>2 C2>3", "APPROVED 3"},
    {"R1 C1>2 C1>0", "APPROVED 2"},      /* two from one base: the second is a conflict */
    {"R1 C1>2 C1>0 C2>3", "APPROVED 3"}, /* the rejected one's number stays free */
    {"R1 C2>0 C1>2", "APPROVED 2"},      /* a base that is not there yet */
    {"R1 c1>0", "APPROVED 1"},           /* a bad correction changes nothing */
    {"R1 c1>0 C1>2", "APPROVED 2"},
    {"R1 W1>2", "WITHDRAWN 2"},
    {"R1 W2>0", "APPROVED 1"},
    {"R1 W1>2 C2>0", "WITHDRAWN 2"}, /* the end is the end */
    {"R1 W1>2 C1>0", "WITHDRAWN 2"},
    {"R1 W1>2 W2>0", "WITHDRAWN 2"},
    {"R1 C1>2 W1>0", "APPROVED 2"},
    {"R1 C1>2 W2>3 C3>0 W3>0", "WITHDRAWN 3"},
};

static int64_t position = 300;

/* One step, e.g. "C1>2": what, base, version that must come of it. */
static void step(const char *text, int activity, const char *all)
{
    static struct todo t;
    int base = 0, want = 0;
    const char *good = body("2024-06-01", "\"t1\"", ROW("p1", "t1"), "s1");
    const char *bad = body("2024-06-01", "\"t1\"", ROW("p1", "t1"), "PS002/s1");
    position++;
    if (text[0] == 'R' || text[0] == 'r') {
        assert_int_equal(sscanf(text + 1, "%d", &want), 1);
        add(&t, "activity.submitted", position, 1, activity, text[0] == 'R' ? good : bad);
    } else {
        assert_int_equal(sscanf(text + 1, "%d>%d", &base, &want), 2);
        add_change(&t, text[0] != 'W', position, 1, activity, base, text[0] == 'C' ? good : bad);
    }
    run(&t);
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "select coalesce(version, 0) from validation where position = %lld",
                   (long long)position);
    if (integer(sql) != want)
        fail_msg("order \"%s\", step \"%s\": version %lld", all, text, integer(sql));
    /* Follow-ons: every rejection, every withdrawal, nothing else. */
    assert_int_equal(PQntuples(t.follows), want == 0 || text[0] == 'W');
    if (PQntuples(t.follows))
        assert_string_equal(PQgetvalue(t.follows, 0, 2),
                            want ? "activity.withdrawn" : "activity.rejected");
    clear(&t);
}

static void every_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        char steps[100], sql[400], id[LJ_UUID_TEXT + 1], *save = NULL;
        uint8_t about[16];
        int activity = 100 + (int)i;
        (void)snprintf(steps, sizeof steps, "%s", orders[i].steps);
        for (char *s = strtok_r(steps, " ", &save); s; s = strtok_r(NULL, " ", &save))
            step(s, activity, orders[i].steps);
        activity_id(activity, about);
        (void)snprintf(sql, sizeof sql,
                       "select coalesce((select state_name || ' ' || version from activity where "
                       "activity = '%s'), '') = '%s'",
                       lj_uuid_format(about, id), orders[i].end);
        char as_int[450];
        (void)snprintf(as_int, sizeof as_int, "select (%s)::int", sql);
        if (integer(as_int) != 1)
            fail_msg("order \"%s\" does not end at \"%s\"", orders[i].steps, orders[i].end);
    }
}

/* Steps of many activities go in one batch and do not touch each other. */
static void orders_side_by_side(void **state)
{
    static struct todo t;
    const char *good = body("2024-06-01", "\"t1\"", ROW("p1", "t1"), "s1");
    (void)state;
    for (int a = 0; a < 4; a++)
        add(&t, "activity.submitted", 500 + a, 1, 200 + a, good);
    run(&t);
    clear(&t);
    add_change(&t, 1, 510, 1, 200, 1, good);
    add_change(&t, 0, 511, 1, 201, 1, NULL);
    add_change(&t, 1, 512, 1, 202, 2, good); /* wrong base */
    add(&t, "activity.submitted", 513, 1, 204, good);
    add_change(&t, 1, 514, 1, 205, 1, good); /* no such activity */
    add_change(&t, 0, 515, 1, 203, 1, NULL);
    run(&t);
    static const int want[] = {1, 1, 2, 1, 2, 1};
    for (int i = 0; i < 6; i++)
        assert_int_equal(verdict(510 + i), want[i]);
    assert_int_equal(PQntuples(t.follows), 4); /* two withdrawn, two rejected, in batch order */
    static const int of[] = {511, 512, 514, 515};
    for (int i = 0; i < 4; i++)
        assert_int_equal(lj_pgget_i64(t.follows, i, 0), of[i]);
    assert_string_equal(PQgetvalue(t.follows, 0, 4), t.keys[1]);
    assert_string_equal(PQgetvalue(t.follows, 1, 4), t.keys[2]);
    clear(&t);
}

/* ---- registers that change ---- */

static long long judge_one(int64_t at, int activity, const char *teams, const char *roster,
                           const char *site)
{
    static struct todo t;
    add(&t, "activity.submitted", at, 1, activity, body("2024-06-01", teams, roster, site));
    run(&t);
    clear(&t);
    return verdict(at);
}

/* A code that was asked for in vain is found once its event has come. */
static void a_new_code_is_found(void **state)
{
    (void)state;
    assert_int_equal(judge_one(600, 300, "\"t1\"", ROW("fresh", "t1"), "s1"), 2);
    assert_true(noted(600, "V06", "/roster/0/person"));
    more("insert into person values (601, 50, 1, 'fresh'); insert into person_version values (601, "
         "50, 2000, '赵某', 'F'); insert into register_log values (601, 10, 1)");
    assert_int_equal(judge_one(602, 301, "\"t1\"", ROW("fresh", "t1"), "s1"), 2);
    assert_false(noted(602, "V06", "/roster/0/person"));
    assert_true(noted(602, "V06", "/roster")); /* no membership yet */
    more(
        "insert into membership values (603, 50, 50, 1); insert into membership_version (position, "
        "number, role, status, valid_from) values (603, 50, 'ATHLETE', 'FORMAL', '2020-01-01');"
        "insert into register_log values (603, 11, 1)");
    assert_int_equal(judge_one(604, 302, "\"t1\"", ROW("fresh", "t1"), "s1"), 1);
    assert_int_equal(judge_one(602 - 1, 303, "\"t1\"", ROW("fresh", "t1"), "s1"),
                     2); /* as of 601 */
}

/* A parked register event that is redriven writes rows at its old position, below what the worker
 * has seen: the closure is what is new. */
static void a_redriven_register_event_is_seen(void **state)
{
    (void)state;
    assert_int_equal(judge_one(620, 310, "\"t1\"", ROW("p1", "t1"), "old"), 2);
    more("insert into site values (19, 30, 1, 'old'); insert into site_version (position, number, "
         "name, kind) values (19, 30, '示例中学', 'MIDDLE'); insert into register_log values (19, "
         "12, 1)");
    assert_int_equal(judge_one(621, 311, "\"t1\"", ROW("p1", "t1"), "old"), 1);
}

/* A code that is in the very batch and changes between the two rounds of its reads. */
static void a_changed_code_of_this_batch_is_read_again(void **state)
{
    (void)state;
    assert_int_equal(judge_one(630, 320, "\"t1\"", ROW("p1", "t1"), "s1"), 1);
    more("insert into team_version (position, number, name, level, sport, gender, state, valid_to) "
         "values (631, 1, '甲队', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'DISBANDED', '2024-05-31');"
         "insert into register_log values (631, 13, 1)");
    assert_int_equal(judge_one(632, 321, "\"t1\"", ROW("p1", "t1"), "s1"), 2);
    assert_true(noted(632, "V05", "/teams"));
    assert_int_equal(judge_one(630 - 1, 322, "\"t1\"", ROW("p1", "t1"), "s1"), 1); /* as of then */
    more("insert into team_version (position, number, name, level, sport, gender, state, base_lat, "
         "base_lon) values (633, 1, '甲队', 'PROVINCIAL', 'VOLLEYBALL', 'F', 'ACTIVE', 30, 104);"
         "insert into register_log values (633, 14, 1)");
    assert_int_equal(judge_one(634, 323, "\"t1\"", ROW("p1", "t1"), "s1"), 1);
}

/* A load of registers: more new events than are followed one by one. */
static void very_many_changes(void **state)
{
    (void)state;
    more(
        "insert into site values (640, 31, 1, 'bulk'); insert into site_version (position, number, "
        "name, kind) values (640, 31, '示例小学', 'PRIMARY');"
        "insert into register_log select 10000 + n, 15, 1 from generate_series(1, 3000) n");
    assert_int_equal(judge_one(641, 330, "\"t1\"", ROW("p1", "t1"), "bulk"), 1);
}

/* Places and regions come from the registers. */
static void places_of_the_registers(void **state)
{
    (void)state;
    more("insert into site values (650, 40, 1, 'far'), (651, 41, 1, 'hk'), (652, 42, 1, 'odd');"
         "insert into site_version (position, number, name, kind, region, lat, lon) values"
         " (650, 40, '示例小学', 'PRIMARY', '510100', 33, 104), (651, 41, '示例小学', 'PRIMARY', "
         "'810000', 30, 104), (652, 42, '示例小学', 'PRIMARY', '000001', 30, 104);"
         "insert into register_log values (650, 16, 1), (651, 16, 1), (652, 16, 1)");
    assert_int_equal(judge_one(653, 340, "\"t1\"", ROW("p1", "t1"), "far"), 1);
    assert_true(noted(653, "V34", "/teams/0"));
    assert_int_equal(judge_one(654, 341, "\"t1\"", ROW("p1", "t1"), "hk"), 2);
    assert_true(noted(654, "V38", "/served_name"));
    assert_false(noted(654, "V34", "/teams/0"));
    assert_int_equal(judge_one(655, 342, "\"t1\"", ROW("p1", "t1"), "odd"), 2);
    assert_true(noted(655, "V38", "/site"));
    assert_int_equal(judge_one(656, 343, "\"t1\"", ROW("p1", "t1"), "s1"), 1); /* full-width */
}

#define POLICY(position, number, version, from, athlete_min, presence, guidance, counted)          \
    "insert into policy_version (position, valid_from, number, version, team_min_sessions, "       \
    "athlete_min_minutes, activity_cap_minutes, day_cap_minutes, lecture_cap_minutes, rounding, "  \
    "min_team_athletes, blackout_after_days, feasible_minutes_per_month, period_type, "            \
    "presence_min, guidance_min_share, session_tolerance, mode_onsite, mode_hybrid, mode_live, "   \
    "mode_recorded, counted_statuses, session_statuses, sites_counted, sites_conditional, "        \
    "month_weights, pacing_bounds, entry_cutoff, carry_over, source, confidence, author, "         \
    "approver) values (" position ",'" from "'," number "," version ",4," athlete_min              \
    ",240,480,90,15,1,14,480,'YEAR'," presence "," guidance                                        \
    ",0.05,1,1,1,0,'{FORMAL}','{FORMAL,TRIAL}','" counted "','{}',"                                \
    "'{3,2,10,10,12,14,5,8,10,12,8,6}','{0.1,0.25,0.4}','10-01','NONE','x','x','a','b');"

/* The good body has 120 minutes net, 90 of guidance (0.75), 120 declared. */
static void numbers_come_from_the_policy_in_force(void **state)
{
    (void)state;
    assert_int_equal(judge_one(700, 350, "\"t1\"", ROW("p1", "t1"), "s1"), 1);
    assert_false(noted(700, "V04", "/guidance_minutes")); /* no policy: the default of 0.3 */
    more("insert into policy values (701, 1, null, null, 'NATION'), (702, 2, null, 1, 'UNIT'), "
         "(703, 3, 1, null, 'TEAM');" POLICY(
             "701", "1", "1", "2024-01-01", "360", "0.6", "0.8",
             "{PRIMARY,MALL}") "insert into register_log values (701, 17, 1), (702, 17, 1), (703, "
                               "17, 1)");
    assert_int_equal(judge_one(704, 351, "\"t1\"", ROW("p1", "t1"), "s1"), 1);
    assert_true(noted(704, "V04", "/guidance_minutes"));
    assert_int_equal(judge_one(705, 352, "\"t1\"", ROW("p1", "t1"), "PS002/s1"), 1); /* a mall */
    assert_int_equal(judge_one(700 - 1, 353, "\"t1\"", ROW("p1", "t1"), "PS002/s1"), 2); /* then */
    /* The unit's is stricter by athlete_min_minutes and is taken whole. */
    more(POLICY("706", "2", "1", "2024-01-01", "400", "0.6", "0.7",
                "{PRIMARY}") "insert into register_log values (706, 18, 1)");
    assert_int_equal(judge_one(707, 354, "\"t1\"", ROW("p1", "t1"), "s1"), 1);
    assert_false(noted(707, "V04", "/guidance_minutes"));
    assert_int_equal(judge_one(708, 355, "\"t1\"", ROW("p1", "t1"), "PS002/s1"), 2);
    /* A tie goes to the narrower scope; a version of later days and an older version do not count.
     */
    more(POLICY("709", "3", "2", "2024-01-01", "400", "1.0", "0.8", "{PRIMARY}")
             POLICY("710", "3", "3", "2025-01-01", "400", "0.1", "0.1",
                    "{PRIMARY}") "insert into register_log values (709, 19, 1), (710, 19, 1)");
    assert_int_equal(judge_one(711, 356, "\"t1\"",
                               "{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\","
                               "\"minutes\":119}",
                               "s1"),
                     1);
    assert_true(noted(711, "V04", "/guidance_minutes"));
    assert_true(noted(711, "V11", "/roster/0"));
}

static void legacy_is_kept(void **state)
{
    static struct todo t;
    (void)state;
    add(&t, "activity.submitted", 800, 1, 400, body("2023-04-29", "\"t1\"", ROW("p1", "t1"), "s1"));
    assert_int_equal(
        lj_time_parse("2023-05-02T10:00:00+08:00", 25, &t.events[0].received_at_us, NULL), 0);
    run(&t);
    clear(&t);
    assert_true(noted(800, "V39", "/start_at"));
    assert_int_equal(integer("select count(*) from activity_version where position = 800 and "
                             "legacy and version = 1"),
                     1);
    assert_int_equal(integer("select count(*) from validation where legacy and position <> 800"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order),
        cmocka_unit_test(orders_side_by_side),
        cmocka_unit_test(a_new_code_is_found),
        cmocka_unit_test(a_redriven_register_event_is_seen),
        cmocka_unit_test(a_changed_code_of_this_batch_is_read_again),
        cmocka_unit_test(very_many_changes),
        cmocka_unit_test(places_of_the_registers),
        cmocka_unit_test(numbers_come_from_the_policy_in_force),
        cmocka_unit_test(legacy_is_kept),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
