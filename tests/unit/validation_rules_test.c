/* The rules of validation as a table: for each, what just makes it fire and what just does not. A
 * row changes a good report (members merged in, null takes one away) or its facts, and says what is
 * to be found: "CODE:SEVERITY:pointer", or that it is not. lj-test: lj_kind_validation
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/timefmt.h"
#include "common/uuid.h"
#include "workers/runner/calendar.h"
#include "workers/validation/case.h"

#define ACTIVITY "018f0000-0000-7000-8000-000000000001"
#define RECEIVED "2024-06-03T10:00:00+08:00"

static const char good[] =
    "{\"title\":\"冠军进校园活动\",\"mode\":\"ONSITE\",\"start_at\":\"2024-06-01T09:00:00+08:00\","
    "\"end_at\":\"2024-06-01T11:00:00+08:00\",\"break_minutes\":20,\"teams\":[\"t1\",\"t2\"],"
    "\"roster\":["
    "{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"INSTRUCT\",\"minutes\":100},"
    "{\"person\":\"p2\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":90}],"
    "\"site\":\"s1\",\"served_body\":\"SCHOOL\",\"audience\":120,\"content\":[\"TEACH\",\"DEMO\"],"
    "\"guidance_minutes\":80,"
    "\"fee_charged\":false}";

typedef void (*tweak)(struct lj_case *c);

/* Registers in which everything of the good report is right. */
static struct lj_anchors *anchors;
static struct lj_settings *settings;
static struct lj_tree_room room;

static void good_facts(struct lj_case *c)
{
    struct lj_body *b = &c->body;
    for (size_t i = 0; i < b->nteams; i++) {
        b->teams[i].number = b->teams[i].code[1] - '0';
        b->teams[i].active = b->teams[i].in_subtree = 1;
        b->teams[i].lat = b->teams[i].lon = LJ_DEGREES_NONE;
        b->teams[i].terms = &lj_terms_shipped;
    }
    for (size_t i = 0; i < b->nroster; i++) {
        struct lj_roster_row *r = &b->roster[i];
        r->person_no = r->person ? r->person[1] - '0' : 0;
        r->team_no = r->team ? r->team[1] - '0' : 0;
        r->member_role = LJ_MEMBER_ATHLETE;
        r->member_status = LJ_MEMBER_FORMAL;
    }
    b->site_no = LJ_HAS(b, SITE) ? 1 : 0;
    b->site_kind = LJ_HAS(b, SITE) ? LJ_SITE_PRIMARY : 0;
    b->served_site_kind = b->site_capacity = b->is_window = 0;
    b->site_lat = b->site_lon = LJ_DEGREES_NONE;
    c->anchors = anchors;
    c->settings = settings;
    c->current = (struct lj_current){
        .known = 1, .unit = 3, .version = 4, .step = 4, .state = LJ_STATE_APPROVED};
    assert_int_equal(lj_time_parse("2024-06-01T09:00:00+08:00", 25, &c->current.start_us, NULL), 0);
}

struct judged {
    struct lj_case c;
    struct lj_event event;
    char *payload;
};

static void judge(struct judged *j, const char *type, const char *merge, const char *received,
                  tweak t)
{
    json_error_t e;
    json_t *body = json_loads(good, 0, &e), *payload = body;
    json_t *change = json_loads(merge && *merge ? merge : "{}", 0, &e);
    assert_non_null(body);
    assert_non_null(change);
    if (strcmp(type, "activity.corrected") == 0)
        payload =
            json_pack("{s:s, s:i, s:O}", "activity", ACTIVITY, "base_version", 4, "body", body);
    else if (strcmp(type, "activity.withdrawal_requested") == 0)
        payload = json_pack("{s:s, s:i, s:s}", "activity", ACTIVITY, "base_version", 4, "reason",
                            "场地取消");
    const char *name;
    json_t *value;
    json_object_foreach(change, name, value)
    {
        json_t *at = payload == body || json_object_get(payload, name) ||
                             strcmp(type, "activity.corrected") != 0
                         ? payload
                         : body;
        if (json_is_null(value))
            (void)json_object_del(at, name);
        else
            (void)json_object_set(at, name, value);
    }
    json_decref(change);
    j->payload = json_dumps(payload, JSON_COMPACT);
    if (payload != body)
        json_decref(body);
    json_decref(payload);
    j->event = (struct lj_event){.position = 50,
                                 .occurred_at_us = INT64_MIN,
                                 .unit = 3,
                                 .unit_code = "PS003",
                                 .type = type,
                                 .key = ACTIVITY,
                                 .payload = j->payload,
                                 .payload_len = strlen(j->payload)};
    assert_int_equal(lj_uuid_parse(ACTIVITY, LJ_UUID_TEXT, j->event.id, NULL), 0);
    assert_int_equal(lj_time_parse(received, strlen(received), &j->event.received_at_us, NULL), 0);
    assert_int_equal(lj_case_read(&j->c, &j->event, &room, NULL), 0);
    good_facts(&j->c);
    if (t)
        t(&j->c);
    lj_case_judge(&j->c);
}

static void finish(struct judged *j)
{
    lj_tree_room_clear(&room);
    free(j->payload);
}

static int found(const struct lj_case *c, const char *want)
{
    for (size_t i = 0; i < c->found.count; i++) {
        char text[256];
        const struct lj_clause_info *info = lj_clause_info(c->found.items[i].clause);
        (void)snprintf(text, sizeof text, "%s:%c:%s", info->code, info->severity,
                       c->found.items[i].pointer);
        if (strcmp(text, want) == 0)
            return 1;
    }
    return 0;
}

static void print_found(const struct lj_case *c)
{
    for (size_t i = 0; i < c->found.count; i++)
        print_message("   found %s:%c:%s\n", lj_clause_info(c->found.items[i].clause)->code,
                      lj_clause_info(c->found.items[i].clause)->severity,
                      c->found.items[i].pointer);
}

/* ---- facts that are changed ---- */

static void holds_120(struct lj_case *c)
{
    c->body.site_capacity = 120;
}
static void window_open(struct lj_case *c)
{
    c->body.is_window = 1;
}
static void team_unknown(struct lj_case *c)
{
    c->body.teams[0].number = 0;
}
static void teams_paused(struct lj_case *c)
{
    c->body.teams[0].active = c->body.teams[1].active = 0;
}
static void one_team_paused(struct lj_case *c)
{
    c->body.teams[0].active = 0;
}
static void teams_foreign(struct lj_case *c)
{
    c->body.teams[0].in_subtree = c->body.teams[1].in_subtree = 0;
}
static void ours_paused_theirs_active(struct lj_case *c)
{
    c->body.teams[0].active = 0;
    c->body.teams[1].in_subtree = 0;
}
static void person_unknown(struct lj_case *c)
{
    c->body.roster[1].person_no = 0;
    c->body.roster[1].member_role = 0;
}
static void officials(struct lj_case *c)
{
    c->body.roster[0].member_role = c->body.roster[1].member_role = LJ_MEMBER_OFFICIAL;
}
static void one_trainee(struct lj_case *c)
{
    officials(c);
    c->body.roster[1].member_role = LJ_MEMBER_ATHLETE;
    c->body.roster[1].member_status = LJ_MEMBER_TRAINEE;
}
static void all_retired(struct lj_case *c)
{
    c->body.roster[0].member_status = c->body.roster[1].member_status = LJ_MEMBER_RETIRED;
}
static void one_retired(struct lj_case *c)
{
    c->body.roster[1].member_status = LJ_MEMBER_RETIRED;
}
static void one_left(struct lj_case *c)
{
    c->body.roster[1].member_status = LJ_MEMBER_LEFT;
}
static void no_member(struct lj_case *c)
{
    c->body.roster[1].member_role = c->body.roster[1].member_status = 0;
}
static void coach(struct lj_case *c)
{
    c->body.roster[1].member_role = LJ_MEMBER_COACH;
}
static void row_team_elsewhere(struct lj_case *c)
{
    c->body.roster[1].team_no = 9;
}
static void row_team_unknown(struct lj_case *c)
{
    c->body.roster[1].team_no = 0;
}
static void same_number(struct lj_case *c)
{
    c->body.roster[1].person_no = 1;
}
static void same_team_number(struct lj_case *c)
{
    c->body.teams[1].number = 1;
}
static void site_unknown(struct lj_case *c)
{
    c->body.site_kind = 0;
    c->body.site_no = 0;
}
static void site_park(struct lj_case *c)
{
    c->body.site_kind = LJ_SITE_PARK;
}
static void site_mall(struct lj_case *c)
{
    c->body.site_kind = LJ_SITE_MALL;
}
static void site_kindergarten(struct lj_case *c)
{
    c->body.site_kind = LJ_SITE_KINDERGARTEN;
}
static void site_village(struct lj_case *c)
{
    c->body.site_kind = LJ_SITE_VILLAGE;
}
static void site_other(struct lj_case *c)
{
    c->body.site_kind = LJ_SITE_OTHER;
}
static void park_serves_school(struct lj_case *c)
{
    site_park(c);
    c->body.served_site_kind = LJ_SITE_MIDDLE;
}
static void park_serves_mall(struct lj_case *c)
{
    site_park(c);
    c->body.served_site_kind = LJ_SITE_MALL;
}
static void unknown_activity(struct lj_case *c)
{
    c->current.known = 0;
}
static void other_unit(struct lj_case *c)
{
    c->current.unit = 5;
}
static void withdrawn(struct lj_case *c)
{
    c->current.state = LJ_STATE_WITHDRAWN;
}
static void confirmed(struct lj_case *c)
{
    c->current.state = LJ_STATE_CONFIRMED;
}
static void lapsed(struct lj_case *c)
{
    c->current.state = LJ_STATE_LAPSED;
}
static void version_5(struct lj_case *c)
{
    c->current.version = 5;
}
/* 1 degree of latitude is 111.19 km: 300 km are 2.698 degrees. */
static void places(struct lj_case *c, double team_lat, double site_lat)
{
    c->body.teams[0].lat = team_lat;
    c->body.site_lat = site_lat;
    c->body.teams[0].lon = c->body.site_lon = 104;
}
static void site_far(struct lj_case *c)
{
    places(c, 30, 32.71);
}
static void site_near(struct lj_case *c)
{
    places(c, 30, 32.7);
}
static void site_nowhere(struct lj_case *c)
{
    places(c, 30, LJ_DEGREES_NONE);
}
static void team_nowhere(struct lj_case *c)
{
    places(c, LJ_DEGREES_NONE, 32.71);
}
static void region_sichuan(struct lj_case *c)
{
    c->body.site_region = 510100;
}
static void region_none_such(struct lj_case *c)
{
    c->body.site_region = 990;
}
static void region_hong_kong(struct lj_case *c)
{
    c->body.site_region = 810000;
}
static void region_taiwan(struct lj_case *c)
{
    c->body.site_region = 710000;
}
static void region_abroad(struct lj_case *c)
{
    c->body.site_region = 990000;
}
static void hong_kong_serves_school(struct lj_case *c)
{
    region_hong_kong(c);
    c->body.served_site_kind = LJ_SITE_PRIMARY;
}
/* A policy that asks for a half instead of 0.6 and 0.3, lets malls count, schools not. */
static const struct lj_policy_terms other_terms = {.lecture_cap = 90,
                                                   .presence_bp = 5000,
                                                   .guidance_bp = 5000,
                                                   .sites_counted = 1U << LJ_SITE_MALL,
                                                   .sites_conditional = 1U << LJ_SITE_PRIMARY};
static void policy(struct lj_case *c)
{
    c->body.terms = c->body.teams[0].terms = &other_terms;
}
static void policy_of_the_other_team(struct lj_case *c)
{
    c->body.teams[1].terms = &other_terms;
}
static void policy_and_mall(struct lj_case *c)
{
    policy(c);
    site_mall(c);
}
static void injured(struct lj_case *c)
{
    c->body.roster[0].injured = c->body.roster[1].injured = 1;
}
/* The activity is in 2024. */
static void born_2007(struct lj_case *c)
{
    c->body.roster[0].birth_year = c->body.roster[1].birth_year = 2007;
}
static void born_2006(struct lj_case *c)
{
    c->body.roster[0].birth_year = 2006;
}
static void born_2007_with_coach(struct lj_case *c)
{
    c->body.roster[0].birth_year = 2007;
    c->body.roster[1].member_role = LJ_MEMBER_COACH;
}
static void holiday(struct lj_case *c)
{
    c->body.is_holiday = 1;
}
static void holiday_in_village(struct lj_case *c)
{
    c->body.is_holiday = 1;
    site_village(c);
}
static void no_settings(struct lj_case *c)
{
    c->settings = NULL;
}
static void from_2023(struct lj_case *c)
{
    assert_int_equal(lj_time_parse("2023-12-31T09:00:00+08:00", 25, &c->current.start_us, NULL), 0);
}

/* ---- the table ---- */

/* clang-format off */
#define S "activity.submitted"
#define C "activity.corrected"
#define W "activity.withdrawal_requested"
#define R6 "六个字的标题" /* exactly six characters */

#define TEN "一二三四五六七八九十"
#define AT(day, more) "{\"start_at\":\"" day "T09:00:00+08:00\",\"end_at\":\"" day "T11:00:00+08:00\"," more "}"
#define ONE(minutes) "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":" minutes "}]}"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PHOTO(hash, type, bytes, more) "{\"attachments\":[{\"hash\":\"" hash "\",\"type\":\"" type "\",\"bytes\":" bytes "," more "}]}"

struct rule_row {
    const char *type, *merge, *received;
    tweak facts;
    const char *want; /* "!": nothing of the kind may be found */
};

static const struct rule_row rows[] = {
    /* V01: required members, one by one */
    {S, "{\"title\":null}", 0, 0, "V01:E:/title"}, {S, "{\"mode\":null}", 0, 0, "V01:E:/mode"},
    {S, "{\"start_at\":null}", 0, 0, "V01:E:/start_at"}, {S, "{\"end_at\":null}", 0, 0, "V01:E:/end_at"},
    {S, "{\"break_minutes\":null}", 0, 0, "V01:E:/break_minutes"}, {S, "{\"teams\":null}", 0, 0, "V01:E:/teams"},
    {S, "{\"roster\":null}", 0, 0, "V01:E:/roster"}, {S, "{\"served_body\":null}", 0, 0, "V01:E:/served_body"},
    {S, "{\"audience\":null}", 0, 0, "V01:E:/audience"}, {S, "{\"content\":null}", 0, 0, "V01:E:/content"},
    {S, "{\"guidance_minutes\":null}", 0, 0, "V01:E:/guidance_minutes"}, {S, "{\"fee_charged\":null}", 0, 0, "V01:E:/fee_charged"},
    {S, "{\"site\":null}", 0, 0, "V01:E:/site"},
    /* V01: lengths count characters, after NFC; control characters */
    {S, "{\"title\":\"" R6 "\"}", 0, 0, "!V01:E:/title"}, {S, "{\"title\":\"五个字标题\"}", 0, 0, "V01:E:/title"},
    {S, "{\"title\":\"e\\u0301e\\u0301e\\u0301\"}", 0, 0, "V01:E:/title"}, /* six code points, three after NFC */
    {S, "{\"title\":\"123456789012345678901234567890123456789012345678901234567890\"}", 0, 0, "!V01:E:/title"},
    {S, "{\"title\":\"1234567890123456789012345678901234567890123456789012345678901\"}", 0, 0, "V01:E:/title"},
    {S, "{\"title\":\"冠军\\n进校园活动\"}", 0, 0, "V01:E:/title"}, {S, "{\"title\":\"冠军\\u0085进校园活动\"}", 0, 0, "V01:E:/title"},
    {S, "{\"narrative\":\"一行\\n两行\"}", 0, 0, "!V01:E:/narrative"}, {S, "{\"narrative\":\"\\u0007\"}", 0, 0, "V01:E:/narrative"},
    /* V01: types, words, bounds, unknown members */
    {S, "{\"title\":5}", 0, 0, "V01:E:/title"}, {S, "{\"mode\":\"ON_SITE\"}", 0, 0, "V01:E:/mode"}, {S, "{\"mode\":1}", 0, 0, "V01:E:/mode"},
    {S, "{\"start_at\":\"2024-06-01 09:00\"}", 0, 0, "V01:E:/start_at"}, {S, "{\"start_at\":\"2024-06-01T09:00:00\"}", 0, 0, "V01:E:/start_at"},
    {S, "{\"break_minutes\":-1}", 0, 0, "V01:E:/break_minutes"}, {S, "{\"break_minutes\":0}", 0, 0, "!V01:E:/break_minutes"},
    {S, "{\"break_minutes\":241}", 0, 0, "V01:E:/break_minutes"}, {S, "{\"break_minutes\":2.5}", 0, 0, "V01:E:/break_minutes"},
    {S, "{\"fee_charged\":\"no\"}", 0, 0, "V01:E:/fee_charged"}, {S, "{\"content\":[]}", 0, 0, "V01:E:/content"},
    {S, "{\"content\":[\"TEACH\",\"SING\"]}", 0, 0, "V01:E:/content/1"}, {S, "{\"content\":[\"TEACH\",\"TEACH\"]}", 0, 0, "V01:E:/content/1"},
    {S, "{\"content\":\"TEACH\"}", 0, 0, "V01:E:/content"}, {S, "{\"themes\":[\"PARTY\",\"X\"]}", 0, 0, "V23:E:/themes/1"},
    {S, "{\"audience_groups\":[\"CHILD\",\"TEEN\"]}", 0, 0, "!V23:E:/audience_groups/1"}, {S, "{\"anchor\":\"A0610\"}", 0, 0, "!V01:E:/anchor"},
    {S, "{\"anchor\":\"A0611\"}", 0, 0, "V01:E:/anchor"}, {S, "{\"colour\":1}", 0, 0, "V01:E:/colour"}, {S, "{\"a/b~c\":1}", 0, 0, "V01:E:/a~1b~0c"},
    {S, "{\"teams\":[\"t1\",\"t2\",\"t3\",\"t4\",\"t5\",\"t6\",\"t7\",\"t8\"]}", 0, 0, "!V01:E:/teams"},
    {S, "{\"teams\":[\"t1\",\"t2\",\"t3\",\"t4\",\"t5\",\"t6\",\"t7\",\"t8\",\"t9\"]}", 0, 0, "V01:E:/teams"}, {S, "{\"teams\":[1]}", 0, 0, "V01:E:/teams/0"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"INSTRUCT\"}]}", 0, 0, "V01:E:/roster/0/minutes"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"SLEEP\",\"minutes\":90}]}", 0, 0, "V01:E:/roster/0/role"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":-1}]}", 0, 0, "V01:E:/roster/0/minutes"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":90,\"name\":\"x\"}]}", 0, 0, "V01:E:/roster/0/name"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":90,\"in\":\"9:00\"}]}", 0, 0, "V01:E:/roster/0/in"},
    {S, "{\"roster\":[7]}", 0, 0, "V01:E:/roster/0"}, {S, "{\"lesson_count\":121}", 0, 0, "V01:E:/lesson_count"},
    {S, "{\"lesson_count\":120}", 0, 0, "!V01:E:/lesson_count"}, {S, "{\"url\":\"ftp://example.org\"}", 0, 0, "V01:E:/url"},
    {S, "{\"risk\":{\"insurance\":true,\"medic\":false}}", 0, 0, "!V01:E:/risk"}, {S, "{\"risk\":{\"insurance\":1}}", 0, 0, "V01:E:/risk/insurance"},
    /* V02 */
    {S, "{\"end_at\":\"2024-06-01T09:00:00+08:00\"}", 0, 0, "V02:E:/end_at"}, {S, "{\"end_at\":\"2024-06-01T09:00:01+08:00\"}", 0, 0, "!V02:E:/end_at"},
    {S, "{\"end_at\":\"2024-06-01T21:00:00+08:00\"}", 0, 0, "!V02:E:/end_at"}, {S, "{\"end_at\":\"2024-06-01T21:00:00.000001+08:00\"}", 0, 0, "V02:E:/end_at"},
    {S, "", "2024-06-01T10:55:00+08:00", 0, "!V02:E:/end_at"}, {S, "", "2024-06-01T10:54:59+08:00", 0, "V02:E:/end_at"},
    /* V03: 20 minutes of break in the good report */
    {S, "{\"end_at\":\"2024-06-01T09:40:00+08:00\"}", 0, 0, "!V03:E:/end_at"}, {S, "{\"end_at\":\"2024-06-01T09:39:59+08:00\"}", 0, 0, "V03:E:/end_at"},
    {S, "{\"end_at\":\"2024-06-01T09:49:59+08:00\"}", 0, 0, "V03:W:/end_at"}, {S, "{\"end_at\":\"2024-06-01T09:50:00+08:00\"}", 0, 0, "!V03:W:/end_at"},
    {S, "{\"end_at\":\"2024-06-01T13:20:59+08:00\"}", 0, 0, "!V03:W:/end_at"}, {S, "{\"end_at\":\"2024-06-01T13:21:00+08:00\"}", 0, 0, "V03:W:/end_at"},
    /* V04: net is 100 */
    {S, "{\"guidance_minutes\":100}", 0, 0, "!V04:E:/guidance_minutes"}, {S, "{\"guidance_minutes\":101}", 0, 0, "V04:E:/guidance_minutes"},
    {S, "{\"guidance_minutes\":30}", 0, 0, "!V04:F:/guidance_minutes"}, {S, "{\"guidance_minutes\":29}", 0, 0, "V04:F:/guidance_minutes"},
    /* V05 */
    {S, "", 0, team_unknown, "V05:E:/teams/0"}, {S, "", 0, teams_paused, "V05:E:/teams"}, {S, "", 0, one_team_paused, "!V05:E:/teams"},
    {S, "", 0, teams_foreign, "V05:E:/teams"}, {S, "", 0, ours_paused_theirs_active, "V05:E:/teams"}, {S, "{\"teams\":[]}", 0, 0, "V05:E:/teams"},
    {S, "", 0, same_team_number, "V05:E:/teams/1"}, {S, "", 0, row_team_elsewhere, "V05:W:/roster/1/team"}, {S, "", 0, row_team_unknown, "V05:E:/roster/1/team"},
    {S, "", 0, 0, "!V05:W:/roster/1/team"},
    /* V06, V07 */
    {S, "", 0, person_unknown, "V06:E:/roster/1/person"}, {S, "", 0, officials, "V06:E:/roster"}, {S, "", 0, one_trainee, "!V06:E:/roster"},
    {S, "{\"roster\":[]}", 0, 0, "V06:E:/roster"}, {S, "", 0, all_retired, "V06:E:/roster"}, {S, "", 0, one_retired, "!V06:E:/roster"},
    {S, "", 0, one_retired, "V07:W:/roster/1/person"}, {S, "", 0, one_left, "V07:W:/roster/1/person"}, {S, "", 0, no_member, "V07:W:/roster/1/person"},
    {S, "", 0, coach, "!V07:W:/roster/1/person"}, {S, "", 0, one_trainee, "!V07:W:/roster/1/person"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":90},{\"person\":\"p2\",\"team\":\"t1\",\"role\":\"ATTEND\",\"minutes\":90}]}",
     0, one_retired, "!V07:W:/roster/1/person"},
    /* V08 */
    {S, "", 0, same_number, "V08:E:/roster/1/person"}, {S, "", 0, 0, "!V08:E:/roster/1/person"},
    /* V11: net is 100, so 60 minutes present are enough */
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":100}]}", 0, 0, "!V11:E:/roster/0/minutes"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":101}]}", 0, 0, "V11:E:/roster/0/minutes"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":60}]}", 0, 0, "!V11:W:/roster/0"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":59}]}", 0, 0, "V11:W:/roster/0"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"ATTEND\",\"minutes\":59}]}", 0, 0, "!V11:W:/roster/0"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":90,\"in\":\"2024-06-01T08:00:00+08:00\",\"out\":\"2024-06-01T10:20:00+08:00\"}]}",
     0, 0, "!V11:W:/roster/0"}, /* 80 minutes inside less 20 of break: 60 */
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":90,\"in\":\"2024-06-01T08:00:00+08:00\",\"out\":\"2024-06-01T10:19:59+08:00\"}]}",
     0, 0, "V11:W:/roster/0"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":90,\"in\":\"2024-06-01T10:59:00+08:00\"}]}", 0, 0, "!V11:W:/roster/0"},
    {S, "{\"roster\":[{\"person\":\"p1\",\"team\":\"t1\",\"role\":\"DEMO\",\"minutes\":90,\"in\":\"2024-06-01T10:00:00+08:00\",\"out\":\"2024-06-01T09:30:00+08:00\"}]}",
     0, 0, "V11:W:/roster/0"},
    /* V12 */
    {S, "", 0, site_unknown, "V12:E:/site"}, {S, "", 0, site_mall, "V12:E:/site"}, {S, "", 0, site_kindergarten, "V12:E:/site"},
    {S, "", 0, site_other, "V12:E:/site"}, {S, "", 0, site_village, "!V12:E:/site"}, {S, "", 0, site_park, "V12:E:/served_name"},
    {S, "{\"served_name\":\"示例小学\"}", 0, site_park, "!V12:E:/served_name"}, {S, "{\"served_name\":\"校\"}", 0, site_park, "V12:E:/served_name"},
    {S, "{\"served_site\":\"s2\"}", 0, park_serves_school, "!V12:E:/served_name"}, {S, "{\"served_site\":\"s2\"}", 0, park_serves_mall, "V12:E:/served_name"},
    {S, "{\"mode\":\"HYBRID\"}", 0, site_mall, "V12:E:/site"}, {S, "{\"mode\":\"LIVE\",\"url\":\"https://example.org/a\"}", 0, site_mall, "!V12:E:/site"},
    {S, "{\"mode\":\"LIVE\",\"site\":null,\"url\":\"https://example.org/a\"}", 0, 0, "!V01:E:/site"},
    /* V16 */
    {S, "{\"fee_charged\":true}", 0, 0, "V16:E:/fee_charged"}, {S, "", 0, 0, "!V16:E:/fee_charged"},
    {S, "{\"cost_yuan\":-0.01}", 0, 0, "V16:E:/cost_yuan"}, {S, "{\"cost_yuan\":0}", 0, 0, "!V16:E:/cost_yuan"}, {S, "{\"cost_yuan\":1234.5}", 0, 0, "!V16:E:/cost_yuan"},
    /* V18: two athletes */
    {S, "{\"audience\":0}", 0, 0, "V18:E:/audience"}, {S, "{\"audience\":1}", 0, 0, "!V18:E:/audience"}, {S, "{\"audience\":20000}", 0, 0, "!V18:E:/audience"},
    {S, "{\"audience\":20001}", 0, 0, "V18:E:/audience"}, {S, "{\"audience\":600}", 0, 0, "!V18:F:/audience"}, {S, "{\"audience\":601}", 0, 0, "V18:F:/audience"},
    {S, "{\"audience\":301}", 0, one_retired, "V18:F:/audience"}, {S, "{\"mode\":\"LIVE\",\"audience\":0,\"url\":\"https://example.org/a\"}", 0, 0, "!V18:E:/audience"},
    /* V20 */
    {S, "{\"mode\":\"LIVE\"}", 0, 0, "V20:E:/url"}, {S, "{\"mode\":\"RECORDED\"}", 0, 0, "V20:E:/url"}, {S, "", 0, 0, "!V20:E:/url"},
    {S, "{\"mode\":\"LIVE\",\"url\":\"https://example.org/a\"}", 0, 0, "!V20:E:/url"}, {S, "{\"mode\":\"RECORDED\",\"platform_id\":\"x1\"}", 0, 0, "!V20:E:/url"},
    {S, "{\"mode\":\"LIVE\",\"url\":\"https://example.org/a\"}", 0, 0, "V20:W:/audience"},
    {S, "{\"mode\":\"LIVE\",\"url\":\"https://example.org/a\",\"audience_online\":5000}", 0, 0, "!V20:W:/audience"},
    /* V29: local dates; the activity was on 1 June */
    {S, "", "2024-06-08T23:59:59+08:00", 0, "!V29:E:/late_reason"}, {S, "", "2024-06-09T00:00:00+08:00", 0, "V29:E:/late_reason"},
    {S, "{\"late_reason\":\"队伍封闭集训未能上报\"}", "2024-06-09T00:00:00+08:00", 0, "!V29:E:/late_reason"},
    {S, "{\"late_reason\":\"队伍封闭集训未能上报\"}", "2024-06-09T00:00:00+08:00", 0, "V29:W:/start_at"},
    {S, "{\"late_reason\":\"忘了\"}", "2024-06-09T00:00:00+08:00", 0, "V29:E:/late_reason"}, {S, "{\"late_reason\":\"忘了\"}", "2024-06-09T00:00:00+08:00", 0, "V40:E:/late_reason"}, {S, "", "2024-06-08T15:59:59Z", 0, "!V29:E:/late_reason"},
    {S, "", "2024-06-08T16:00:00Z", 0, "V29:E:/late_reason"},
    {S, "{\"late_reason\":\"队伍封闭集训未能上报\"}", "2024-07-01T12:00:00+08:00", 0, "!V29:E:/start_at"},
    {S, "{\"late_reason\":\"队伍封闭集训未能上报\"}", "2024-07-02T12:00:00+08:00", 0, "V29:E:/start_at"},
    {S, "{\"start_at\":\"2024-12-31T09:00:00+08:00\",\"end_at\":\"2024-12-31T11:00:00+08:00\",\"late_reason\":\"队伍封闭集训未能上报\"}", "2025-01-30T12:00:00+08:00", 0,
     "!V29:E:/start_at"},
    {S, "{\"start_at\":\"2024-12-31T23:00:00+08:00\",\"end_at\":\"2025-01-01T01:00:00+08:00\",\"late_reason\":\"队伍封闭集训未能上报\"}", "2025-02-01T00:00:00+08:00", 0,
     "V29:E:/start_at"},
    {C, "", "2024-12-20T12:00:00+08:00", 0, "!V29:E:/body/start_at"}, /* no day limit for corrections */
    {C, "", "2025-02-07T23:59:59+08:00", 0, "!V29:E:/body/start_at"}, {C, "", "2025-02-08T00:00:00+08:00", 0, "V29:E:/body/start_at"},
    {C, "", "2024-06-03T10:00:00+08:00", from_2023, "V29:E:/activity"}, {W, "", "2025-02-07T23:59:59+08:00", 0, "!V29:E:/activity"},
    {W, "", "2025-02-08T00:00:00+08:00", 0, "V29:E:/activity"},
    /* V31 */
    {C, "", 0, 0, "!V31:E:/base_version"}, {C, "", 0, version_5, "V31:E:/base_version"}, {C, "{\"base_version\":3}", 0, 0, "V31:E:/base_version"},
    {C, "", 0, unknown_activity, "V31:E:/activity"}, {C, "", 0, other_unit, "V31:E:/activity"}, {C, "", 0, withdrawn, "V31:E:/activity"},
    {C, "", 0, confirmed, "V31:E:/activity"}, {C, "", 0, lapsed, "V31:E:/activity"}, {W, "", 0, lapsed, "!V31:E:/activity"}, {W, "", 0, 0, "!V31:E:/base_version"},
    {W, "", 0, version_5, "V31:E:/base_version"}, {W, "", 0, withdrawn, "V31:E:/activity"}, {W, "", 0, unknown_activity, "V31:E:/activity"},
    /* the two payloads that name an activity */
    {W, "{\"reason\":null}", 0, 0, "V01:E:/reason"}, {W, "{\"base_version\":null}", 0, 0, "V01:E:/base_version"}, {W, "{\"base_version\":0}", 0, 0, "V01:E:/base_version"},
    {W, "{\"activity\":null}", 0, 0, "V01:E:/activity"}, {W, "{\"activity\":\"018F0000-0000-7000-8000-000000000001\"}", 0, 0, "V01:E:/activity"},
    {W, "{\"activity\":\"018f0000-0000-7000-8000-000000000002\"}", 0, 0, "V01:E:/activity"}, /* not the event's key */
    {W, "{\"body\":{}}", 0, 0, "V01:E:/body"}, {C, "{\"body\":null}", 0, 0, "V01:E:/body"}, {C, "{\"body\":{}}", 0, 0, "V01:E:/body/title"},
    {C, "{\"audience\":0}", 0, 0, "V18:E:/body/audience"},
    /* V21 */
    {S, "{\"content\":[\"LECTURE\",\"Q_A\"]}", 0, 0, "V21:W:/content"}, {S, "{\"content\":[\"LECTURE\",\"TEST\"]}", 0, 0, "!V21:W:/content"},
    {S, "{\"content\":[\"DONATION\",\"CEREMONY\",\"OTHER\"]}", 0, 0, "V21:W:/content"}, {S, "{\"content\":[\"MATCH_PLAY\"]}", 0, 0, "!V21:W:/content"},
    {C, "{\"content\":[\"LECTURE\"]}", 0, 0, "V21:W:/body/content"},
    /* V22: windows of 7 days on both sides; AT moves the activity to a day and receives it on the next */
    {S, AT("2024-06-02", "\"anchor\":\"A0610\""), "2024-06-05T12:00:00+08:00", 0, "V22:E:/anchor"},
    {S, AT("2024-06-03", "\"anchor\":\"A0610\""), "2024-06-05T12:00:00+08:00", 0, "!V22:E:/anchor"},
    {S, AT("2024-06-17", "\"anchor\":\"A0610\""), "2024-06-19T12:00:00+08:00", 0, "!V22:E:/anchor"},
    {S, AT("2024-06-18", "\"anchor\":\"A0610\""), "2024-06-19T12:00:00+08:00", 0, "V22:E:/anchor"},
    {S, AT("2024-06-10", "\"anchor\":\"A0808\""), "2024-06-12T12:00:00+08:00", 0, "V22:E:/anchor"},
    {S, AT("2024-06-02", "\"x\":null"), "2024-06-05T12:00:00+08:00", 0, "!V22:W:/anchor"},
    {S, AT("2024-06-03", "\"x\":null"), "2024-06-05T12:00:00+08:00", 0, "V22:W:/anchor"},
    {S, AT("2024-06-03", "\"anchor\":\"A0610\""), "2024-06-05T12:00:00+08:00", 0, "!V22:W:/anchor"},
    {S, AT("2024-08-01", "\"anchor\":\"A0808\""), "2024-08-05T12:00:00+08:00", 0, "!V22:E:/anchor"},
    {S, AT("2024-07-31", "\"anchor\":\"A0808\""), "2024-08-05T12:00:00+08:00", 0, "V22:E:/anchor"},
    {S, AT("2024-10-04", "\"anchor\":\"CHONGYANG\""), "2024-10-06T12:00:00+08:00", 0, "!V22:E:/anchor"}, /* the day is 2024-10-11 */
    {S, AT("2024-10-03", "\"anchor\":\"CHONGYANG\""), "2024-10-06T12:00:00+08:00", 0, "V22:E:/anchor"},
    {S, AT("2024-10-18", "\"x\":null"), "2024-10-20T12:00:00+08:00", 0, "V22:W:/anchor"},
    {S, AT("2024-10-19", "\"x\":null"), "2024-10-21T12:00:00+08:00", 0, "!V22:W:/anchor"},
    {S, AT("2024-06-03", "\"anchor\":\"A0611\""), "2024-06-05T12:00:00+08:00", 0, "!V22:W:/anchor"}, /* wrong, but given: V01 alone */
    /* V23: the lists; party and red education alone, without guidance */
    {S, "{\"audience_groups\":[\"CHILD\",\"X\"]}", 0, 0, "V23:E:/audience_groups/1"}, {S, "{\"themes\":[\"PARTY\",\"RURAL\"]}", 0, 0, "!V23:E:/themes/1"},
    {S, "{\"themes\":[\"PARTY\",\"RED_EDU\"],\"guidance_minutes\":0}", 0, 0, "V23:W:/themes"},
    {S, "{\"themes\":[\"RED_EDU\"],\"guidance_minutes\":1}", 0, 0, "!V23:W:/themes"},
    {S, "{\"themes\":[\"PARTY\",\"RURAL\"],\"guidance_minutes\":0}", 0, 0, "!V23:W:/themes"},
    {S, "{\"themes\":[],\"guidance_minutes\":0}", 0, 0, "!V23:W:/themes"}, {S, "{\"guidance_minutes\":0}", 0, 0, "!V23:W:/themes"},
    /* V13: from 2024-09-01 on, at schools */
    {S, AT("2024-08-31", "\"x\":null"), "2024-09-03T12:00:00+08:00", 0, "!V13:W:/school_approval_no"},
    {S, AT("2024-09-01", "\"x\":null"), "2024-09-03T12:00:00+08:00", 0, "V13:W:/school_approval_no"},
    {S, AT("2024-09-01", "\"school_approval_no\":\"1\""), "2024-09-03T12:00:00+08:00", 0, "!V13:W:/school_approval_no"},
    {S, AT("2024-09-01", "\"x\":null"), "2024-09-03T12:00:00+08:00", site_village, "!V13:W:/school_approval_no"},
    {S, AT("2024-09-01", "\"x\":null"), "2024-09-03T12:00:00+08:00", no_settings, "!V13:W:/school_approval_no"},
    {C, AT("2024-09-01", "\"x\":null"), "2024-09-03T12:00:00+08:00", 0, "V13:W:/body/school_approval_no"},
    /* V15: holidays of schools on both ends, a public holiday; not elsewhere */
    {S, AT("2024-07-09", "\"x\":null"), "2024-07-11T12:00:00+08:00", 0, "!V15:F:/start_at"},
    {S, AT("2024-07-10", "\"x\":null"), "2024-07-11T12:00:00+08:00", 0, "V15:F:/start_at"},
    {S, AT("2024-08-31", "\"x\":null"), "2024-09-03T12:00:00+08:00", 0, "V15:F:/start_at"},
    {S, AT("2024-09-01", "\"x\":null"), "2024-09-03T12:00:00+08:00", 0, "!V15:F:/start_at"},
    {S, AT("2024-01-19", "\"x\":null"), "2024-01-22T12:00:00+08:00", 0, "!V15:F:/start_at"},
    {S, AT("2024-02-20", "\"x\":null"), "2024-02-22T12:00:00+08:00", 0, "V15:F:/start_at"},
    {S, "", 0, holiday, "V15:F:/start_at"}, {S, "", 0, 0, "!V15:F:/start_at"}, {S, "", 0, holiday_in_village, "!V15:F:/start_at"},
    {S, AT("2024-07-10", "\"x\":null"), "2024-07-11T12:00:00+08:00", site_village, "!V15:F:/start_at"},
    {S, AT("2024-07-10", "\"x\":null"), "2024-07-11T12:00:00+08:00", no_settings, "!V15:F:/start_at"},
    /* V17: a sponsor, a commercial word, at a school */
    {S, "{\"sponsor\":\"示例公司\"}", 0, 0, "V17:W:/sponsor"}, {S, "{\"sponsor\":\"示例公司\"}", 0, site_village, "!V17:W:/sponsor"},
    {S, "", 0, 0, "!V17:W:/sponsor"}, {S, "{\"title\":\"冠军进校园推销球拍\"}", 0, 0, "V17:W:/title"}, {S, "", 0, 0, "!V17:W:/title"},
    {S, "{\"narrative\":\"现场促销护具\"}", 0, 0, "V17:W:/narrative"}, {S, "{\"narrative\":\"现场讲解护具\"}", 0, 0, "!V17:W:/narrative"},
    {S, "{\"narrative\":\"现场促销护具\"}", 0, site_village, "!V17:W:/narrative"},
    /* V24: 35 degrees, an orange alert; outdoors, without a note */
    {S, "{\"risk\":{\"outdoor\":true,\"celsius\":35}}", 0, 0, "V24:W:/risk/safety_note"},
    {S, "{\"risk\":{\"outdoor\":true,\"celsius\":34}}", 0, 0, "!V24:W:/risk/safety_note"},
    {S, "{\"risk\":{\"celsius\":38}}", 0, 0, "!V24:W:/risk/safety_note"},
    {S, "{\"risk\":{\"outdoor\":true,\"celsius\":38,\"safety_note\":\"树荫下进行,备有饮水\"}}", 0, 0, "!V24:W:/risk/safety_note"},
    {S, "{\"risk\":{\"outdoor\":true,\"weather_alert\":\"ORANGE\"}}", 0, 0, "V24:W:/risk/safety_note"},
    {S, "{\"risk\":{\"outdoor\":true,\"weather_alert\":\"YELLOW\"}}", 0, 0, "!V24:W:/risk/safety_note"},
    {S, "{\"risk\":{\"weather_alert\":\"PINK\"}}", 0, 0, "V01:E:/risk/weather_alert"}, {S, "{\"risk\":{\"celsius\":61}}", 0, 0, "V01:E:/risk/celsius"},
    {S, "{\"risk\":{\"celsius\":60}}", 0, 0, "!V01:E:/risk/celsius"}, {S, "{\"risk\":{\"safety_note\":\"无\"}}", 0, 0, "V40:E:/risk/safety_note"},
    {S, "{\"risk\":{\"wind\":1}}", 0, 0, "V01:E:/risk/wind"},
    /* V25: number, size, type and hash of attachments */
    {S, "{\"attachments\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}", 0, 0, "!V25:E:/attachments"},
    {S, "{\"attachments\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\"]}", 0, 0, "V25:E:/attachments"},
    {S, PHOTO(HASH, "JPEG", "10485760", "\"name\":\"1.jpg\""), 0, 0, "!V25:E:/attachments/0/bytes"},
    {S, PHOTO(HASH, "JPEG", "10485761", "\"name\":\"1.jpg\""), 0, 0, "V25:E:/attachments/0/bytes"},
    {S, PHOTO(HASH, "PDF", "1", "\"minors\":false"), 0, 0, "!V25:E:/attachments/0/type"},
    {S, PHOTO(HASH, "GIF", "1", "\"minors\":false"), 0, 0, "V25:E:/attachments/0/type"},
    {S, PHOTO(HASH, "PNG", "1", "\"minors\":false"), 0, 0, "!V25:E:/attachments/0/hash"},
    {S, PHOTO("A" HASH, "PNG", "1", "\"minors\":false"), 0, 0, "V25:E:/attachments/0/hash"},
    {S, PHOTO(HASH, "PNG", "1", "\"sight\":\"00ff00ff00ff00f\""), 0, 0, "V25:E:/attachments/0/sight"},
    {S, PHOTO(HASH, "PNG", "0", "\"minors\":false"), 0, 0, "V01:E:/attachments/0/bytes"},
    {S, "{\"attachments\":[\"a\",{\"type\":\"PNG\",\"bytes\":5}]}", 0, 0, "V01:E:/attachments/1/hash"},
    {S, "{\"attachments\":[5]}", 0, 0, "V01:E:/attachments/0"}, {S, PHOTO(HASH, "PNG", "1", "\"camera\":1"), 0, 0, "V01:E:/attachments/0/camera"},
    /* V26: two hours on both sides; more than a day before is a flag */
    {S, PHOTO(HASH, "PNG", "1", "\"taken_at\":\"2024-06-01T07:00:00+08:00\""), 0, 0, "!V26:W:/attachments/0/taken_at"},
    {S, PHOTO(HASH, "PNG", "1", "\"taken_at\":\"2024-06-01T06:59:59+08:00\""), 0, 0, "V26:W:/attachments/0/taken_at"},
    {S, PHOTO(HASH, "PNG", "1", "\"taken_at\":\"2024-06-01T13:00:00+08:00\""), 0, 0, "!V26:W:/attachments/0/taken_at"},
    {S, PHOTO(HASH, "PNG", "1", "\"taken_at\":\"2024-06-01T13:00:01+08:00\""), 0, 0, "V26:W:/attachments/0/taken_at"},
    {S, PHOTO(HASH, "PNG", "1", "\"taken_at\":\"2024-05-31T09:00:00+08:00\""), 0, 0, "!V26:F:/attachments/0/taken_at"},
    {S, PHOTO(HASH, "PNG", "1", "\"taken_at\":\"2024-05-31T08:59:59+08:00\""), 0, 0, "V26:F:/attachments/0/taken_at"},
    {S, PHOTO(HASH, "PNG", "1", "\"taken_at\":\"yesterday\""), 0, 0, "V01:E:/attachments/0/taken_at"},
    {C, PHOTO(HASH, "PNG", "1", "\"taken_at\":\"2024-05-01T09:00:00+08:00\""), 0, 0, "V26:F:/body/attachments/0/taken_at"},
    /* V28 */
    {S, PHOTO(HASH, "PNG", "1", "\"minors\":true"), 0, 0, "V28:W:/attachments/0/consent"},
    {S, PHOTO(HASH, "PNG", "1", "\"minors\":true,\"consent\":false"), 0, 0, "V28:W:/attachments/0/consent"},
    {S, PHOTO(HASH, "PNG", "1", "\"minors\":true,\"consent\":true"), 0, 0, "!V28:W:/attachments/0/consent"},
    {S, PHOTO(HASH, "PNG", "1", "\"minors\":false"), 0, 0, "!V28:W:/attachments/0/consent"},
    /* V36, V37: row 0 instructs, row 1 demonstrates */
    {S, "", 0, injured, "V36:W:/roster/0/role"}, {S, "", 0, injured, "!V36:W:/roster/1/role"}, {S, "", 0, 0, "!V36:W:/roster/0/role"},
    {S, "", 0, born_2007, "V37:E:/roster/0/person"}, {S, "", 0, born_2007, "!V37:E:/roster/1/person"}, {S, "", 0, born_2006, "!V37:E:/roster/0/person"},
    {S, "", 0, born_2007_with_coach, "!V37:E:/roster/0/person"}, {S, "", 0, 0, "!V37:E:/roster/0/person"}, {C, "", 0, born_2007, "V37:E:/body/roster/0/person"},
    /* V34 */
    {S, "", 0, site_far, "V34:W:/teams/0"}, {S, "", 0, site_near, "!V34:W:/teams/0"}, {S, "", 0, site_nowhere, "!V34:W:/teams/0"},
    {S, "", 0, team_nowhere, "!V34:W:/teams/0"}, {S, "", 0, site_far, "!V34:W:/teams/1"}, {S, "{\"themes\":[\"RURAL\"]}", 0, site_far, "!V34:W:/teams/0"},
    {S, "{\"themes\":[\"PAIRING_AID\",\"BRAND\"]}", 0, site_far, "!V34:W:/teams/0"}, {S, "{\"themes\":[\"EVENT_LINKED\"]}", 0, site_far, "!V34:W:/teams/0"},
    {S, "{\"themes\":[\"BRAND\"]}", 0, site_far, "V34:W:/teams/0"}, {S, "{\"mode\":\"LIVE\",\"url\":\"https://example.org/a\"}", 0, site_far, "!V34:W:/teams/0"},
    {C, "", 0, site_far, "V34:W:/body/teams/0"},
    /* V38 */
    {S, "", 0, region_sichuan, "!V38:E:/site"}, {S, "", 0, region_none_such, "V38:E:/site"}, {S, "", 0, region_hong_kong, "V38:E:/served_name"},
    {S, "", 0, region_taiwan, "V38:E:/served_name"}, {S, "", 0, region_abroad, "V38:E:/served_name"}, {S, "", 0, region_sichuan, "!V38:E:/served_name"},
    {S, "{\"served_name\":\"示例小学\"}", 0, region_abroad, "!V38:E:/served_name"}, {S, "{\"served_site\":\"s2\"}", 0, hong_kong_serves_school, "!V38:E:/served_name"},
    {S, "{\"mode\":\"LIVE\",\"url\":\"https://example.org/a\"}", 0, region_none_such, "!V38:E:/site"}, {S, "", 0, 0, "!V38:E:/site"},
    /* V39: the day before the system's first day and that day, received in time */
    {S, AT("2023-04-30", "\"x\":null"), "2023-05-05T12:00:00+08:00", 0, "V39:W:/start_at"},
    {S, AT("2023-05-01", "\"x\":null"), "2023-05-05T12:00:00+08:00", 0, "!V39:W:/start_at"},
    {C, "{\"start_at\":\"2023-04-30T23:59:59+08:00\",\"end_at\":\"2023-05-01T01:00:00+08:00\"}", "2023-05-05T12:00:00+08:00", 0, "V39:W:/body/start_at"},
    /* V40: code points after NFC, also beyond the BMP; served_name 2..80 */
    {S, "{\"served_name\":\"\U00020BB7野\"}", 0, 0, "!V40:E:/served_name"}, {S, "{\"served_name\":\"\U00020BB7\"}", 0, 0, "V40:E:/served_name"},
    {S, "{\"served_name\":\"" TEN TEN TEN TEN TEN TEN TEN TEN "\"}", 0, 0, "!V40:E:/served_name"},
    {S, "{\"served_name\":\"" TEN TEN TEN TEN TEN TEN TEN TEN "一\"}", 0, 0, "V40:E:/served_name"},
    {S, "{\"served_name\":\"e\u0301\"}", 0, 0, "V40:E:/served_name"}, {S, "{\"title\":\"五个字标题\"}", 0, 0, "!V40:E:/title"},
    {W, "{\"reason\":\"雨\"}", 0, 0, "V40:E:/reason"},
    /* numbers of a policy instead of the defaults: net is 100 */
    {S, "{\"guidance_minutes\":50}", 0, policy, "!V04:F:/guidance_minutes"}, {S, "{\"guidance_minutes\":49}", 0, policy, "V04:F:/guidance_minutes"},
    {S, ONE("50"), 0, policy, "!V11:W:/roster/0"}, {S, ONE("49"), 0, policy, "V11:W:/roster/0"},
    {S, ONE("50"), 0, policy_of_the_other_team, "V11:W:/roster/0"}, {S, "", 0, policy_and_mall, "!V12:E:/site"},
    {S, "", 0, policy, "V12:E:/served_name"},
    /* V18: what the site holds */
    {S, "{\"audience\":120}", 0, holds_120, "!V18:F:/audience"}, {S, "{\"audience\":121}", 0, holds_120, "V18:F:/audience"}, {S, "{\"audience\":121}", 0, 0, "!V18:F:/audience"},
    {S, "{\"audience\":121,\"mode\":\"LIVE\",\"url\":\"https://example.org/a\"}", 0, holds_120, "!V18:F:/audience"},
    /* V29: a window takes the thirty days away, not the reason, and not the year's end */
    {S, "{\"late_reason\":\"外出集训期间无法填报活动\"}", "2024-07-02T10:00:00+08:00", 0, "V29:E:/start_at"},
    {S, "{\"late_reason\":\"外出集训期间无法填报活动\"}", "2024-07-02T10:00:00+08:00", window_open, "!V29:E:/start_at"},
    {S, "{\"late_reason\":\"外出集训期间无法填报活动\"}", "2024-07-02T10:00:00+08:00", window_open, "V29:W:/start_at"},
    {S, "", "2024-07-02T10:00:00+08:00", window_open, "V29:E:/late_reason"},
    {S, "{\"late_reason\":\"外出集训期间无法填报活动\"}", "2025-02-01T10:00:00+08:00", window_open, "V29:E:/start_at"},
    /* X01: 30 of 100 net minutes are enough; X02: 30 net minutes are */
    {S, "{\"guidance_minutes\":30}", 0, 0, "!X01:F:/guidance_minutes"}, {S, "{\"guidance_minutes\":29}", 0, 0, "X01:F:/guidance_minutes"},
    {C, "{\"guidance_minutes\":29}", 0, 0, "X01:F:/body/guidance_minutes"}, {S, "{\"guidance_minutes\":29}", 0, no_settings, "!X01:F:/guidance_minutes"},
    {S, "{\"end_at\":\"2024-06-01T09:50:00+08:00\"}", 0, 0, "!X02:F:/end_at"}, {S, "{\"end_at\":\"2024-06-01T09:49:00+08:00\"}", 0, 0, "X02:F:/end_at"},
    {S, "{\"end_at\":\"2024-06-01T09:49:00+08:00\"}", 0, no_settings, "!X02:F:/end_at"},
    /* X03: 800 people and talk only; a test is no talk of a hall, and no guidance of it either */
    {S, "{\"content\":[\"LECTURE\"],\"audience\":800}", 0, 0, "X03:F:/content"}, {S, "{\"content\":[\"LECTURE\"],\"audience\":799}", 0, 0, "!X03:F:/content"},
    {S, "{\"content\":[\"LECTURE\",\"DEMO\"],\"audience\":900}", 0, 0, "!X03:F:/content"}, {S, "{\"content\":[\"TEST\"],\"audience\":900}", 0, 0, "X03:F:/content"},
    /* X04: two athletes */
    {S, "{\"audience\":600}", 0, 0, "!X04:F:/audience"}, {S, "{\"audience\":601}", 0, 0, "X04:F:/audience"}, {S, "{\"audience\":600}", 0, one_trainee, "X04:F:/audience"},
    {S, "{\"audience\":601,\"mode\":\"LIVE\",\"url\":\"https://example.org/a\"}", 0, 0, "!X04:F:/audience"},
    /* X05 */
    {S, "{\"staff_count\":10}", 0, 0, "!X05:F:/staff_count"}, {S, "{\"staff_count\":11}", 0, 0, "X05:F:/staff_count"},
    /* X07: four hours of travel for each of service */
    {S, "{\"travel_minutes\":400}", 0, 0, "!X07:F:/travel_minutes"}, {S, "{\"travel_minutes\":401}", 0, 0, "X07:F:/travel_minutes"},
    {S, "{\"travel_minutes\":401,\"themes\":[\"EVENT_LINKED\"]}", 0, 0, "!X07:F:/travel_minutes"},
    {S, "{\"travel_minutes\":401,\"themes\":[\"PAIRING_AID\"]}", 0, 0, "!X07:F:/travel_minutes"}, {S, "{\"travel_minutes\":401,\"themes\":[\"BRAND\"]}", 0, 0, "X07:F:/travel_minutes"},
    /* X15 */
    {S, "{\"narrative\":\"课后请同学们关注公众号并集赞\"}", 0, 0, "X15:F:/narrative"}, {S, "{\"narrative\":\"课后请同学们关注安全\"}", 0, 0, "!X15:F:/narrative"},
    {S, "{\"title\":\"冠军进校园集赞活动\"}", 0, 0, "X15:F:/title"}, {S, "{\"narrative\":\"集赞\"}", 0, no_settings, "!X15:F:/narrative"},
    /* X18 */
    {S, "{\"content\":[\"DONATION\"]}", 0, 0, "X18:F:/content"}, {S, "{\"content\":[\"DONATION\",\"TEACH\"]}", 0, 0, "!X18:F:/content"},
    {S, "{\"content\":[\"DONATION\",\"TEACH\"],\"guidance_minutes\":0}", 0, 0, "X18:F:/content"}, {S, "{\"content\":[\"LECTURE\"],\"guidance_minutes\":0}", 0, 0, "!X18:F:/content"},
    {S, "{\"content\":[\"DONATION\",\"CEREMONY\"]}", 0, 0, "X18:F:/content"},
};
/* clang-format on */

static void every_row(void **state)
{
    static struct judged j;
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rule_row *r = &rows[i];
        judge(&j, r->type, r->merge, r->received ? r->received : RECEIVED, r->facts);
        int not_wanted = r->want[0] == '!';
        if (found(&j.c, r->want + not_wanted) == not_wanted) {
            print_message("row %zu: %s %s: want %s\n", i, r->type, r->merge, r->want);
            print_found(&j.c);
            wrong++;
        }
        finish(&j);
    }
    assert_int_equal(wrong, 0);
}

static void good_ones_are_clean(void **state)
{
    static struct judged j;
    static const char *const types[] = {S, C, W};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        judge(&j, types[i], "", RECEIVED, NULL);
        print_found(&j.c);
        assert_int_equal(j.c.found.count, 0);
        finish(&j);
    }
}

static void a_wrong_key_is_rejected(void **state)
{
    static struct judged j;
    (void)state;
    judge(&j, S, "", RECEIVED, NULL);
    j.event.key = "mine";
    assert_int_equal(lj_case_read(&j.c, &j.event, &room, NULL), 0);
    assert_true(lj_reasons_has(&j.c.found, LJ_CLAUSE_V01_KEY));
    finish(&j);
}

static void all_reasons_come_at_once(void **state)
{
    static struct judged j;
    (void)state;
    judge(&j, S,
          "{\"title\":\"短\",\"guidance_minutes\":500,\"audience\":0,\"fee_charged\":true,\"x\":1}",
          "2024-06-20T10:00:00+08:00", officials);
    static const char *const all[] = {
        "V01:E:/title",       "V01:E:/x",        "V04:E:/guidance_minutes", "V06:E:/roster",
        "V16:E:/fee_charged", "V18:E:/audience", "V29:E:/late_reason"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_true(found(&j.c, all[i]));
    assert_int_equal(j.c.found.errors, 7);
    finish(&j);
}

static void payloads_that_are_no_objects(void **state)
{
    static struct judged j;
    static const char *const texts[] = {"", "[]", "null", "{", "{\"a\":1,\"a\":2}", "7"};
    (void)state;
    judge(&j, S, "", RECEIVED, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        j.event.payload = texts[i];
        j.event.payload_len = strlen(texts[i]);
        assert_int_equal(lj_case_read(&j.c, &j.event, &room, NULL), 0);
        lj_case_judge(&j.c);
        assert_int_equal(j.c.found.errors, 1);
        assert_true(found(&j.c, "V01:E:"));
    }
    finish(&j);
}

/* The contract of docs/contracts.md, to the byte. */
static void the_short_result(void **state)
{
    static struct judged j;
    struct lj_buf out = {0};
    (void)state;
    judge(&j, C,
          "{\"themes\":[\"RURAL\",\"PARTY\"],\"roster\":[{\"person\":\"p1\",\"team\":\"t1\","
          "\"role\":\"INSTRUCT\",\"minutes\":100,\"in\":\"2024-06-01T09:00:00+08:00\"}]}",
          RECEIVED, NULL);
    lj_case_short(&j.c, &out);
    lj_buf_u8(&out, 0);
    assert_string_equal(
        (const char *)out.data,
        "{\"a\":\"" ACTIVITY
        "\",\"v\":5,\"op\":\"correct\",\"unit\":3,\"teams\":[1,2],\"start\":1717203600000000,"
        "\"end\":1717210800000000,\"break\":20,\"net\":100,\"mode\":\"ONSITE\",\"site\":1,"
        "\"content\":[\"TEACH\",\"DEMO\"],"
        "\"themes\":[\"PARTY\",\"RURAL\"],\"guidance\":80,\"roster\":[{\"p\":1,\"t\":1,\"r\":"
        "\"INSTRUCT\",\"d\":100,"
        "\"in\":1717203600000000,\"out\":null}]}");
    finish(&j);
    lj_buf_clear(&out);
    judge(&j, W, "", RECEIVED, NULL);
    lj_case_short(&j.c, &out);
    lj_buf_u8(&out, 0);
    assert_string_equal((const char *)out.data,
                        "{\"a\":\"" ACTIVITY "\",\"v\":5,\"op\":\"withdraw\",\"unit\":3}");
    finish(&j);
    lj_buf_free(&out);
}

/* The longest roster fits a short result, whatever its numbers. */
static void the_longest_short_result_fits(void **state)
{
    static struct judged j;
    struct lj_buf out = {0};
    (void)state;
    judge(&j, S, "", RECEIVED, NULL);
    j.c.body.nroster = LJ_ROSTER_MAX;
    for (size_t i = 0; i < LJ_ROSTER_MAX; i++)
        j.c.body.roster[i] = (struct lj_roster_row){.person_no = INT32_MAX,
                                                    .team_no = INT32_MAX,
                                                    .role = LJ_ROLE_INSTRUCT,
                                                    .minutes = 720,
                                                    .has_in = 1,
                                                    .has_out = 1,
                                                    .in_us = LJ_TIME_MIN_US,
                                                    .out_us = LJ_TIME_MIN_US};
    lj_case_short(&j.c, &out);
    assert_false(out.failed);
    assert_true(out.len <= 16384);
    lj_buf_free(&out);
    finish(&j);
}

static void texts_carry_their_numbers_and_are_limited(void **state)
{
    static struct lj_reasons r;
    (void)state;
    lj_reasons_init(&r, "/body");
    lj_reasons_add(&r, LJ_CLAUSE_V03_BRIEF, 25, 0, "/end_at");
    lj_reasons_add(&r, LJ_CLAUSE_V04_OVER, 130, 100, "/guidance_minutes");
    json_t *told = lj_reasons_told(&r);
    assert_int_equal(json_array_size(told), 2);
    json_t *first = json_array_get(told, 0); /* errors come first */
    assert_string_equal(json_string_value(json_object_get(first, "code")), "V04");
    assert_string_equal(json_string_value(json_object_get(first, "severity")), "E");
    assert_string_equal(json_string_value(json_object_get(first, "pointer")),
                        "/body/guidance_minutes");
    assert_string_equal(json_string_value(json_object_get(first, "en")),
                        "130 guidance minutes exceed the net time of 100");
    assert_non_null(strstr(json_string_value(json_object_get(first, "zh")), "130"));
    json_decref(told);
    for (int i = 0; i < 100; i++) /* many warnings, then errors: the errors still find room */
        lj_reasons_add(&r, LJ_CLAUSE_V07_RETIRED, 0, 0, "/roster/%d/person", i);
    for (int i = 0; i < 5; i++)
        lj_reasons_add(&r, LJ_CLAUSE_V08_TWICE, 0, 0, "/roster/%d/person", i);
    assert_int_equal(r.errors, 6);
    told = lj_reasons_told(&r);
    assert_int_equal(json_array_size(told), LJ_REASONS_TOLD);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(told, i), "severity")),
                            "E");
    json_decref(told);
    char *notes = lj_reasons_notes(&r);
    assert_non_null(notes);
    free(notes);
}

static void a_hostile_member_name_stays_valid(void **state)
{
    static struct judged j;
    (void)state;
    judge(&j, S, "{\"字字字字字字字字字字字字字字字字字字字字字字字字字字字字字字字字字字字字\":1}",
          RECEIVED, NULL);
    json_t *told = lj_reasons_told(&j.c.found);
    assert_non_null(told); /* jansson refuses strings that are not UTF-8: a character cut in two
                              would show here */
    assert_int_equal(json_array_size(told), 1);
    json_decref(told);
    finish(&j);
}

/* The anchor days of the field's table, found with ICU: Double Ninth of 2022 to 2032. */
static void double_ninth_of_the_fields_table(void **state)
{
    static const int32_t days[] = {20221004, 20231023, 20241011, 20251029, 20261018, 20271008,
                                   20281026, 20291016, 20301005, 20311024, 20321012};
    (void)state;
    for (int i = 0; i < 11; i++) {
        int32_t want = lj_day_of_number(days[i]);
        for (int again = 0; again < 2; again++) /* computed, then kept */
            assert_int_equal(lj_anchors_day(anchors, LJ_ANCHOR_CHONGYANG, 2022 + i), want);
        assert_int_equal(lj_anchors_of(anchors, want - 8), -1);
        assert_int_equal(lj_anchors_of(anchors, want - 7), LJ_ANCHOR_CHONGYANG);
        assert_int_equal(lj_anchors_of(anchors, want + 7), LJ_ANCHOR_CHONGYANG);
        assert_int_equal(lj_anchors_of(anchors, want + 8), -1);
    }
}

/* In 1901..2100 the day is always there and between 1 October and 1 November. */
static void double_ninth_of_two_centuries(void **state)
{
    (void)state;
    for (int year = 1901; year <= 2100; year++) {
        int32_t day = lj_anchors_day(anchors, LJ_ANCHOR_CHONGYANG, year);
        if (day < lj_day_of(year, 10, 1) || day > lj_day_of(year, 11, 1))
            fail_msg("year %d: day %d", year, (int)day);
    }
}

static void fixed_anchors(void **state)
{
    (void)state;
    assert_int_equal(lj_anchors_day(anchors, LJ_ANCHOR_A0610, 2024), lj_day_of(2024, 6, 10));
    assert_int_equal(lj_anchors_day(anchors, LJ_ANCHOR_A0808, 2030), lj_day_of(2030, 8, 8));
    assert_int_equal(lj_anchors_day(anchors, LJ_ANCHOR_A0808, 2008), INT32_MIN); /* since 2009 */
    assert_int_equal(lj_anchors_of(anchors, lj_day_of(2008, 8, 8)), -1);
}

/* Sets replace each other by position; the last of a set that is not known yet is not looked at. */
static void settings_are_of_a_position(void **state)
{
    struct lj_settings *s = NULL;
    int32_t june = lj_day_of(2024, 6, 1);
    (void)state;
    assert_int_equal(lj_settings_open(&s, NULL), 0);
    assert_int_equal(lj_settings_number(s, LJ_SETTING_V24_CELSIUS, june, 9, -1), -1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(lj_settings_add(s, "V24", "celsius", i == 1 ? 20 : i * 5, INT32_MIN,
                                         i ? INT32_MAX : june,
                                         i == 1 ? "30"
                                         : i    ? "33"
                                                : "35",
                                         NULL),
                         0);
    static const struct {
        int64_t p, want;
    } at[] = {{-1, -1}, {0, 35}, {9, 35}, {10, 33}, {19, 33}, {20, 30}, {1000, 30}};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
        assert_int_equal(lj_settings_number(s, LJ_SETTING_V24_CELSIUS, june, at[i].p, -1),
                         at[i].want);
    assert_int_equal(lj_settings_number(s, LJ_SETTING_V24_CELSIUS, june + 1, 5, -1), -1);
    assert_int_equal(
        lj_settings_add(s, "V15", "school_break", 0, INT32_MIN, INT32_MAX, "12-20..01-10", NULL),
        0); /* over the new year */
    assert_true(lj_settings_has_day(s, LJ_SETTING_V15_BREAK, lj_day_of(2024, 12, 20), 0));
    assert_true(lj_settings_has_day(s, LJ_SETTING_V15_BREAK, lj_day_of(2024, 1, 10), 0));
    assert_false(lj_settings_has_day(s, LJ_SETTING_V15_BREAK, lj_day_of(2024, 1, 11), 0));
    assert_int_equal(lj_settings_add(s, "V24", "celsius", 0, 0, 0, "hot", NULL), LJ_E_DB_DATA);
    assert_int_equal(lj_settings_add(s, "V24", "colour", 0, 0, 0, "hot", NULL), 0);
    lj_settings_close(&s);
}

/* As the migrations have them. */
static int add_settings(void)
{
    static const struct {
        const char *rule, *name, *value;
        int32_t from, to;
    } shipped[] = {{"V02", "minutes", "720", 0, 0},
                   {"V02", "ahead_minutes", "5", 0, 0},
                   {"V03", "minutes", "20", 0, 0},
                   {"V03", "brief_minutes", "30", 0, 0},
                   {"V03", "long_minutes", "240", 0, 0},
                   {"V18", "people", "20000", 0, 0},
                   {"V18", "people_each", "300", 0, 0},
                   {"V29", "days", "7", 0, 0},
                   {"V29", "late_days", "30", 0, 0},
                   {"V34", "km", "300", 0, 0},
                   {"V39", "first_day", "20230501", 0, 0},
                   {"V13", "required", "1", 20240901, 0},
                   {"V15", "school_break", "01-20..02-20", 0, 0},
                   {"V15", "school_break", "07-10..08-31", 0, 0},
                   {"V17", "word", "推销", 0, 0},
                   {"V17", "word", "促销", 0, 0},
                   {"V24", "celsius", "35", 0, 0},
                   {"V24", "alert", "3", 0, 0},
                   {"V25", "bytes", "10485760", 0, 0},
                   {"V26", "minutes", "120", 0, 0},
                   {"V26", "old_minutes", "1440", 0, 0},
                   {"V33", "names", "6", 0, 0},
                   {"V37", "age", "18", 0, 0},
                   {"X01", "percent", "30", 0, 0},
                   {"X02", "minutes", "30", 0, 0},
                   {"X03", "people", "800", 0, 0},
                   {"X04", "people", "300", 0, 0},
                   {"X05", "staff", "5", 0, 0},
                   {"X07", "hours", "4", 0, 0},
                   {"X15", "word", "关注公众号", 0, 0},
                   {"X15", "word", "集赞", 0, 0},
                   {"X18", "asked", "1", 0, 0}};
    int rc = lj_settings_open(&settings, NULL);
    for (size_t i = 0; rc == 0 && i < sizeof shipped / sizeof shipped[0]; i++)
        rc = lj_settings_add(settings, shipped[i].rule, shipped[i].name, 0,
                             shipped[i].from ? lj_day_of_number(shipped[i].from) : INT32_MIN,
                             shipped[i].to ? lj_day_of_number(shipped[i].to) : INT32_MAX,
                             shipped[i].value, NULL);
    return rc;
}

static int open_anchors(void **state)
{
    (void)state;
    return add_settings() < 0 ? -1 : lj_anchors_open(&anchors, NULL);
}

static int close_anchors(void **state)
{
    (void)state;
    lj_anchors_close(&anchors);
    lj_settings_close(&settings);
    lj_tree_room_free(&room);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_clean),
        cmocka_unit_test(every_row),
        cmocka_unit_test(settings_are_of_a_position),
        cmocka_unit_test(a_wrong_key_is_rejected),
        cmocka_unit_test(all_reasons_come_at_once),
        cmocka_unit_test(payloads_that_are_no_objects),
        cmocka_unit_test(the_short_result),
        cmocka_unit_test(the_longest_short_result_fits),
        cmocka_unit_test(texts_carry_their_numbers_and_are_limited),
        cmocka_unit_test(a_hostile_member_name_stays_valid),
        cmocka_unit_test(double_ninth_of_the_fields_table),
        cmocka_unit_test(double_ninth_of_two_centuries),
        cmocka_unit_test(fixed_anchors),
    };
    return cmocka_run_group_tests(tests, open_anchors, close_anchors);
}
