/* The demonstration knows what will be flagged: the engine finds no risk in its titles, narratives
 * and safe feedback, and one in every risky one. A bundle that is trained anew must keep that, or
 * `ljctl up --demo` says that a figure is off. lj-test: lj_ctl lj_opinion
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "ctl/demo.h"
#include "workers/opinion/opinion.h"

#define NOW_US INT64_C(1735700400000000) /* 2025-01-01 11:00 +08:00 */
enum { REPORTS = 4000 };

/* What the worker would score of a payload, as text; 0 when there is nothing. */
static int text_of(const json_t *payload, struct lj_buf *out)
{
    const json_t *body = json_object_get(payload, "body");
    const char *text = json_string_value(json_object_get(payload, "text"));
    const char *title;
    const char *narrative;
    if (body == NULL)
        body = payload;
    title = json_string_value(json_object_get(body, "title"));
    narrative = json_string_value(json_object_get(body, "narrative"));
    lj_buf_clear(out);
    if (text != NULL)
        lj_buf_printf(out, "%s", text);
    else if (title != NULL)
        lj_buf_printf(out, "%s\n%s", title, narrative ? narrative : "");
    return text != NULL || title != NULL;
}

static void judge(struct lj_opinion *engine, const struct demo_burst *burst,
                  const struct demo_item *item, struct lj_buf *bytes, struct lj_buf *text)
{
    static struct lj_opinion_findings f;
    struct lj_err err = {0};
    json_t *payload;
    lj_buf_clear(bytes);
    demo_payload(burst, item, bytes);
    payload = json_loadb((const char *)bytes->data, bytes->len, 0, NULL);
    if (payload == NULL)
        return; /* one of the reports that are no JSON on purpose */
    if (text_of(payload, text)) {
        if (lj_opinion_score(engine, (const char *)text->data, text->len, &f, &err) != 0)
            fail_msg("%s", err.text);
        if ((f.count > 0) != (item->risky != 0))
            fail_msg("%s: %.*s", item->risky ? "its risk was not seen" : "flagged without a risk",
                     (int)text->len, (const char *)text->data);
    }
    json_decref(payload);
}

static void the_engine_flags_what_the_demonstration_expects(void **state)
{
    struct demo_world world;
    struct demo_burst burst;
    struct lj_buf bytes = {0};
    struct lj_buf text = {0};
    struct lj_opinion *engine = NULL;
    struct lj_err err = {0};
    size_t risky = 0;
    (void)state;
    assert_int_equal(lj_opinion_open(NULL, &engine, &err), 0);
    assert_int_equal(demo_world_make(2024, 1, REPORTS, NOW_US, &world, &err), 0);
    assert_int_equal(demo_burst_make(&world, REPORTS, &burst, &err), 0);
    for (size_t i = 0; i < burst.n; i++) {
        judge(engine, &burst, &burst.items[i], &bytes, &text);
        risky += burst.items[i].risky != 0;
    }
    assert_true(risky > 10);
    lj_buf_free(&bytes);
    lj_buf_free(&text);
    demo_burst_free(&burst);
    demo_world_free(&world);
    lj_opinion_close(&engine);
}

/* Every narrative there can be, by itself and as long as a too long one is. */
static void no_narrative_is_flagged(void **state)
{
    static struct lj_opinion_findings f;
    struct lj_opinion *engine = NULL;
    struct lj_buf text = {0};
    struct lj_err err = {0};
    (void)state;
    assert_int_equal(lj_opinion_open(NULL, &engine, &err), 0);
    for (uint64_t n = 0; n < REPORTS; n++) {
        for (int times = 1; times <= 40; times += 39) {
            lj_buf_clear(&text);
            for (int i = 0; i < times; i++)
                demo_narrative(n + (uint64_t)i, &text);
            if (times > 1 && n % 4 != 0)
                continue;
            assert_int_equal(lj_opinion_score(engine, (const char *)text.data, text.len, &f, &err),
                             0);
            if (f.count > 0)
                fail_msg("flagged without a risk, n = %llu, %d times: %.*s", (unsigned long long)n,
                         times, 300, (const char *)text.data);
        }
    }
    lj_buf_free(&text);
    lj_opinion_close(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_flags_what_the_demonstration_expects),
        cmocka_unit_test(no_narrative_is_flagged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
