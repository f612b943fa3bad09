/* The kind opinion over the real engine: payloads of every type, good and malformed, verdicts, the
 * follow-on's members, and its bundle replaced while it works.
 *
 * lj-test: lj_kind_opinion lj_runner */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/wire.h"
#include "workers/opinion/bundle.h"
#include "workers/opinion/fuse.h"
#include "workers/opinion/rules.h"
#include "workers/runner/result.h"

extern const struct lj_worker lj_worker_opinion;

enum { CLEAN = 1, FLAGGED = 2, UNREADABLE = 3, C_FOLLOW = 13, MAX = 24 };

static const struct {
    const char *type, *payload;
    int verdict;
} rows[] = {
    {"activity.submitted",
     "{\"title\":\"排球进校园活动\",\"narrative\":\"孩子们学得很开心,老师连连称赞。\"}", CLEAN},
    {"activity.submitted", "{\"title\":\"排球进校园活动\"}", CLEAN},
    {"activity.submitted",
     "{\"title\":\"排球进校园活动\",\"narrative\":\"一名学生骨折,被送往医院。\"}", FLAGGED},
    {"activity.corrected",
     "{\"activity\":\"01900000-0000-7000-8000-000000000009\",\"base_version\":1,\"body\":{"
     "\"title\":\"排球进校园活动\","
     "\"narrative\":\"一名学生骨折,被送往医院。\"}}",
     FLAGGED},
    {"feedback.received", "{\"from\":\"PARENT\",\"text\":\"现场强制收费,每人两百元。\"}", FLAGGED},
    {"opinion.item_received",
     "{\"source\":\"NEWS\",\"reach\":\"NATIONAL\",\"text\":\"一名学生骨折,被送往医院。\",\"reads\":"
     "900000,"
     "\"shares\":5000,\"has_video\":true}",
     FLAGGED},
    {"opinion.item_received", "{\"source\":\"WEIBO\",\"text\":\"\",\"reads\":900000000}",
     CLEAN}, /* reach alone is no risk */
    {"opinion.item_received",
     "{\"source\":\"WEIBO\",\"text\":\"今天天气不错\",\"reads\":-5,\"shares\":\"x\"}", CLEAN},
    {"activity.submitted", "no JSON", UNREADABLE},
    {"activity.submitted", "[]", UNREADABLE},
    {"activity.submitted", "{\"title\":7}", UNREADABLE},
    {"activity.submitted", "{\"title\":\"排球进校园活动\",\"narrative\":7}", UNREADABLE},
    {"activity.corrected", "{\"activity\":\"x\",\"body\":{\"title\":\"排球进校园活动\"}}",
     UNREADABLE},
    {"activity.corrected", "{\"activity\":\"01900000-0000-7000-8000-000000000009\"}", UNREADABLE},
    {"feedback.received", "{\"from\":\"WEIBO\",\"text\":\"x\"}",
     UNREADABLE}, /* a source of items, not a voice */
    {"feedback.received", "{\"text\":\"x\"}", UNREADABLE},
    {"opinion.item_received", "{\"source\":\"HOST\"}", UNREADABLE},
    {"opinion.item_received", "{\"source\":\"PARENT\",\"text\":\"x\"}", UNREADABLE},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* The texts of a column, in order; null where null. */
static json_t *texts(struct lj_result *r, size_t column)
{
    struct lj_err err = {0};
    const uint8_t *p = NULL;
    size_t n = 0;
    assert_int_equal(lj_pgarray_done(lj_result_column(r, column), &p, &n, &err), 0);
    struct lj_reader reader = lj_reader(p, n);
    json_t *list = json_array();
    (void)lj_read_bytes(&reader, 12);
    uint32_t count = lj_read_u32(&reader);
    (void)lj_read_u32(&reader);
    for (uint32_t i = 0; i < count; i++) {
        int32_t length = (int32_t)lj_read_u32(&reader);
        json_array_append_new(
            list, length < 0 ? json_null()
                             : json_stringn((const char *)lj_read_bytes(&reader, (size_t)length),
                                            (size_t)length));
    }
    assert_int_equal(reader.bad, 0);
    return list;
}

static void run(const struct lj_event *events, size_t count, struct lj_result **r)
{
    struct lj_batch in = {events, count};
    size_t index[MAX];
    struct lj_err err = {0};
    void *worker = NULL;
    assert_int_equal(lj_worker_opinion.open(NULL, &worker, &err), 0);
    assert_int_equal(lj_result_open(&lj_worker_opinion, r, &err), 0);
    assert_int_equal(lj_result_begin(*r, count, &err), 0);
    assert_int_equal(lj_result_pass(*r, index), count);
    assert_int_equal(lj_worker_opinion.batch(worker, &in, *r, &err), 0);
    lj_worker_opinion.close(&worker);
}

static int verdict_of(struct lj_result *r, size_t at, size_t count)
{
    struct lj_buf out = {0};
    struct lj_err err = {0};
    struct lj_result_head head;
    struct lj_outcome_record o = {0};
    assert_int_equal(lj_result_encode(r, 1, 1, &out, &err), 0);
    struct lj_reader reader = lj_reader(out.data, out.len);
    assert_int_equal(lj_result_head_get(&reader, &head, &err), 0);
    assert_int_equal(head.count, count);
    for (size_t i = 0; i <= at; i++) {
        assert_int_equal(lj_outcome_get(&reader, &o, &err), 0);
    }
    int ret = o.what == LJ_OUTCOME_DONE ? o.code : -1;
    lj_buf_free(&out);
    return ret;
}

static void test_types(void **state)
{
    struct lj_event events[ROWS] = {0};
    struct lj_result *r = NULL;
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        events[i] = (struct lj_event){.position = (int64_t)i + 1,
                                      .type = rows[i].type,
                                      .payload = rows[i].payload,
                                      .payload_len = strlen(rows[i].payload)};
    }
    run(events, ROWS, &r);
    assert_int_equal(lj_result_pass_end(r), 0);
    json_t *follows = texts(r, C_FOLLOW);
    for (size_t i = 0; i < ROWS; i++) {
        if (verdict_of(r, i, ROWS) != rows[i].verdict) {
            fail_msg("%s: verdict %d", rows[i].payload, verdict_of(r, i, ROWS));
        }
        assert_int_equal(json_is_string(json_array_get(follows, i)), rows[i].verdict == FLAGGED);
    }
    json_decref(follows);
    lj_result_close(&r);
}

/* The words stand where the payload's own member has them; level and source as the field's formula
 * gives. */
static void test_follow(void **state)
{
    static const char payload[] =
        "{\"title\":\"排球进校园活动\",\"narrative\":\"活动中一名学生骨折,被送往医院。\"}";
    static const char item[] =
        "{\"source\":\"NEWS\",\"reach\":\"NATIONAL\",\"text\":\"现场强制收费。\"}";
    struct lj_event events[2] = {{.position = 1,
                                  .type = "activity.submitted",
                                  .payload = payload,
                                  .payload_len = strlen(payload)},
                                 {.position = 2,
                                  .type = "opinion.item_received",
                                  .payload = item,
                                  .payload_len = strlen(item)}};
    struct lj_result *r = NULL;
    (void)state;
    run(events, 2, &r);
    json_t *follows = texts(r, C_FOLLOW);
    json_t *o = json_loads(json_string_value(json_array_get(follows, 0)), 0, NULL);
    json_t *word = json_array_get(json_object_get(o, "words"), 0);
    assert_non_null(word);
    assert_string_equal(json_string_value(json_object_get(word, "field")), "narrative");
    assert_string_equal(json_string_value(json_array_get(json_object_get(o, "kinds"), 0)),
                        "injury");
    assert_string_equal(json_string_value(json_object_get(o, "source")), "INTERNAL");
    assert_true(json_string_length(json_object_get(o, "reason")) > 0);
    assert_non_null(json_object_get(o, "activity")); /* a report speaks of itself */
    json_int_t start = json_integer_value(json_object_get(word, "start")),
               end = json_integer_value(json_object_get(word, "end"));
    assert_true(start >= 0 && end > start && end <= 16);
    static const char narrative[] =
        "活动中一名学生骨折,被送往医院。"; /* all of three bytes, but the comma */
    const char *at = strstr(narrative, json_string_value(json_object_get(word, "word")));
    assert_non_null(at);
    json_int_t chars = 0;
    for (const char *p = narrative; p < at; p++) {
        chars += ((unsigned char)*p & 0xC0) != 0x80;
    }
    assert_int_equal(start, chars);
    json_decref(o);
    o = json_loads(json_string_value(json_array_get(follows, 1)), 0, NULL);
    const char *level = json_string_value(json_object_get(o, "opinion_level"));
    assert_true(level != NULL &&
                (strcmp(level, "ORANGE") == 0 || strcmp(level, "RED") == 0)); /* national media */
    assert_int_equal(json_integer_value(json_object_get(o, "score")),
                     60); /* FEES 45 + national 15 */
    json_decref(o);
    json_decref(follows);
    lj_result_close(&r);
}

/* A text longer than the engine takes is scored as far as it goes. */
static void test_long(void **state)
{
    enum { CHARS = 6000 };
    static char payload[CHARS * 3 + 200];
    struct lj_result *r = NULL;
    (void)state;
    strcpy(payload, "{\"source\":\"WEIBO\",\"text\":\"一名学生骨折,被送往医院。");
    for (size_t i = 0; i < CHARS; i++) {
        strcat(payload + i * 3, "好");
    }
    strcat(payload, "\"}");
    struct lj_event e = {.position = 1,
                         .type = "opinion.item_received",
                         .payload = payload,
                         .payload_len = strlen(payload)};
    run(&e, 1, &r);
    json_t *states = texts(r, 1);
    assert_string_equal(json_string_value(json_array_get(states, 0)), "cut");
    json_decref(states);
    lj_result_close(&r);
}

static void test_unknown_type(void **state)
{
    struct lj_event e = {
        .position = 1, .type = "unit.registered", .payload = "{}", .payload_len = 2};
    struct lj_result *r = NULL;
    const struct lj_err *why = NULL;
    (void)state;
    run(&e, 1, &r);
    assert_int_equal(lj_result_pass_end(r), 1);
    assert_int_equal(lj_result_outcome(r, 0, &why), LJ_OUTCOME_FINAL);
    lj_result_close(&r);
}

/* ---- the bundle is replaced ---- */

extern const unsigned char lj_opinion_builtin[];
extern const size_t lj_opinion_builtin_size;

static char dir[] = "/tmp/opinion_worker_XXXXXX", path[64];

/* Puts a file into its place as an operator should: beside it, then renamed. */
static void place(const void *p, size_t n)
{
    char beside[80];
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    FILE *f = fopen(beside, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(beside, path), 0);
}

/* The built-in bundle, but it finds nothing and says so in its one golden case. */
static void place_silent(void)
{
    static const char *const names[] = {"linear", "fusion", "golden.tsv"};
    static const char golden[] = "-\t*\t说是免费,现场每人强制收费两百元\n";
    struct lj_bundle_part parts[LJ_RULE_TABLES + 3];
    struct lj_bundle *b = NULL;
    struct lj_linear linear;
    const struct lj_fusion *fusion = NULL;
    void *part = NULL, *made = NULL;
    size_t n = 0, size = 0;
    assert_int_equal(lj_bundle_get(NULL, &b, NULL), 0);
    for (size_t i = 0; i < LJ_RULE_TABLES; i++) {
        parts[i].name = lj_rule_table_name(i);
        parts[i].p = lj_bundle_section(b, parts[i].name, &parts[i].size);
    }
    for (size_t i = 0; i < 3; i++) {
        parts[LJ_RULE_TABLES + i].name = names[i];
        parts[LJ_RULE_TABLES + i].p =
            lj_bundle_section(b, names[i], &parts[LJ_RULE_TABLES + i].size);
    }
    assert_int_equal(lj_bundle_models(b, &linear, &fusion, NULL), 0);
    struct lj_fusion deaf = *fusion;
    for (size_t k = 0; k < LJ_OPINION_KINDS; k++) {
        deaf.kind_at[k] = 2;
    }
    deaf.risk_at = 2;
    assert_int_equal(lj_bundle_fusion_part(&deaf, &part, &n, NULL), 0);
    parts[LJ_RULE_TABLES + 1] = (struct lj_bundle_part){"fusion", part, n};
    parts[LJ_RULE_TABLES + 2] = (struct lj_bundle_part){"golden.tsv", golden, strlen(golden)};
    assert_int_equal(lj_bundle_make(parts, LJ_RULE_TABLES + 3, &made, &size, NULL), 0);
    place(made, size);
    free(made);
    free(part);
    lj_bundle_close(&b);
}

static int verdict_by(void *worker)
{
    static const char payload[] =
        "{\"from\":\"PARENT\",\"text\":\"说是免费,现场每人强制收费两百元。\"}";
    struct lj_event e = {.position = 1,
                         .type = "feedback.received",
                         .payload = payload,
                         .payload_len = strlen(payload)};
    struct lj_batch in = {&e, 1};
    struct lj_result *r = NULL;
    size_t index[MAX];
    assert_int_equal(lj_result_open(&lj_worker_opinion, &r, NULL), 0);
    assert_int_equal(lj_result_begin(r, 1, NULL), 0);
    assert_int_equal(lj_result_pass(r, index), 1);
    assert_int_equal(lj_worker_opinion.batch(worker, &in, r, NULL), 0);
    assert_int_equal(lj_result_pass_end(r), 0);
    int verdict = verdict_of(r, 0, 1);
    lj_result_close(&r);
    return verdict;
}

static void test_bundle(void **state)
{
    void *worker = NULL;
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/opinion.bundle", dir);
    const struct lj_worker_ctx ctx = {.opinion_bundle = path};
    assert_int_equal(lj_worker_opinion.open(&ctx, &worker, NULL), 0);
    assert_int_equal(verdict_by(worker), FLAGGED); /* it is not there yet: by what is built in */
    place_silent();
    assert_int_equal(verdict_by(worker), CLEAN); /* and taken up when it comes */
    lj_worker_opinion.close(&worker);
    place(lj_opinion_builtin, lj_opinion_builtin_size / 2);
    assert_int_not_equal(lj_worker_opinion.open(&ctx, &worker, NULL), 0); /* refused at the start */
    place(lj_opinion_builtin, lj_opinion_builtin_size);
    assert_int_equal(lj_worker_opinion.open(&ctx, &worker, NULL), 0);
    assert_int_equal(verdict_by(worker), FLAGGED);
    place_silent();
    assert_int_equal(verdict_by(worker), CLEAN); /* a replaced file is noticed without a signal */
    place(lj_opinion_builtin, lj_opinion_builtin_size / 2);
    assert_int_equal(verdict_by(worker), CLEAN); /* half a file: refused, the old one stays */
    lj_worker_opinion.reload(worker);
    assert_int_equal(verdict_by(worker), CLEAN);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(verdict_by(worker), CLEAN); /* none: the old one stays */
    place(lj_opinion_builtin, lj_opinion_builtin_size);
    lj_worker_opinion.reload(worker);
    assert_int_equal(verdict_by(worker), FLAGGED);
    lj_worker_opinion.close(&worker);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bundle), cmocka_unit_test(test_types),
                                       cmocka_unit_test(test_follow), cmocka_unit_test(test_long),
                                       cmocka_unit_test(test_unknown_type)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
