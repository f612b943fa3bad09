/* Buckets, tokens, the directory, and problems: the small parts that decide who may do what, and
 * how a refusal reads. lj-test: lj_gateway_core lj_client lj_proto lj_common
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/who.h"
#include "gateway/bucket.h"
#include "gateway/directory.h"
#include "gateway/jsonw.h"
#include "gateway/problem.h"
#include "gateway/tokens.h"

static void bucket(void **state)
{
    struct lj_bucket b = {0};
    int64_t now = 1000000;
    (void)state;
    assert_int_equal(lj_bucket_take(&b, 10, 20, 20, now), 0); /* full at first */
    assert_int_equal(lj_bucket_take(&b, 10, 20, 1, now),
                     1); /* empty: a tenth of a second, said as one */
    assert_int_equal(lj_bucket_take(&b, 10, 20, 15, now), 2); /* a second and a half */
    assert_int_equal(lj_bucket_take(&b, 10, 20, 1, now + 100000), 0);
    assert_int_equal(lj_bucket_take(&b, 10, 20, 1, now + 150000), 1);    /* half an event is none */
    assert_int_equal(lj_bucket_take(&b, 10, 20, 20, now + 60000000), 0); /* never over the burst */
    assert_int_equal(lj_bucket_take(&b, 10, 20, 1, now + 60000000), 1);
    assert_int_equal(lj_bucket_take(&b, 10, 20, 500, now + 70000000),
                     0); /* more than the burst costs the burst */
    assert_int_equal(lj_bucket_take(&b, 10, 20, 1, now),
                     1); /* the clock goes back: nothing is given */
    struct lj_bucket slow = {0};
    assert_int_equal(lj_bucket_take(&slow, 1, 100000, 100000, now), 0);
    assert_int_equal(lj_bucket_take(&slow, 1, 100000, 100000, now), 3600); /* capped */
}

static struct lj_token token_of(const char *text, int32_t number)
{
    struct lj_token t = {.id = number,
                         .role = LJ_TOKEN_CLIENT,
                         .unit = 1,
                         .expires_at_us = INT64_MAX,
                         .rate = 1,
                         .burst = 1};
    crypto_generichash(t.hash, sizeof t.hash, (const unsigned char *)text, strlen(text), NULL, 0);
    return t;
}

static void tokens(void **state)
{
    struct lj_tokens *t = lj_tokens_new();
    char text[32];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "token-%d", i);
        struct lj_token row = token_of(text, i);
        assert_int_equal(lj_tokens_put(t, &row, NULL), 0);
    }
    assert_int_equal(lj_tokens_count(t), 1000);
    struct lj_token *found = lj_tokens_find(t, "token-77", 8, 0);
    assert_non_null(found);
    assert_int_equal(found->id, 77);
    assert_null(lj_tokens_find(t, "token-77", 6, 0));
    assert_null(lj_tokens_find(t, "", 0, 0));
    found->bucket.level = 0.5;
    found->streams = 3;
    struct lj_token again = token_of("token-77", 77);
    again.expires_at_us = 5000;
    assert_int_equal(lj_tokens_put(t, &again, NULL), 0);
    assert_ptr_equal(lj_tokens_find(t, "token-77", 8, 4999),
                     found); /* same place, what is the gateway's is kept */
    assert_int_equal(found->streams, 3);
    assert_true(found->bucket.level > 0.4);
    assert_null(lj_tokens_find(t, "token-77", 8, 5000));
    again = token_of("token-78", 78);
    again.revoked = true;
    assert_int_equal(lj_tokens_put(t, &again, NULL), 0);
    assert_null(lj_tokens_find(t, "token-78", 8, 0));
    assert_int_equal(lj_tokens_count(t), 1000);
    assert_true(lj_token_set_role(&again, "centre"));
    assert_int_equal(again.role, LJ_TOKEN_CENTRE);
    assert_int_equal(again.persons, 0);
    assert_true(lj_token_set_role(&again, "UNIT_ADMIN"));
    assert_int_equal(again.role, LJ_TOKEN_PERSON);
    assert_int_equal(again.persons, LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN));
    assert_true(lj_token_set_role(&again, "OBSERVER"));
    assert_int_equal(again.role, LJ_TOKEN_OBSERVER);
    assert_false(lj_token_set_role(&again, "Centre"));
    assert_int_equal(again.role, 0);
    lj_tokens_free(&t);
}

static void subtree(void **state)
{
    static const struct lj_unit units[] = {{0, LJ_UNIT_NONE, "CN000"},
                                           {7, 0, "PS007"},
                                           {300, 7, "SU300"},
                                           {8, 9, "LO008"},
                                           {9, 8, "LO009"}};
    struct lj_directory *d = lj_directory_new();
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(lj_directory_add_unit(d, &units[i], NULL), 0);
    }
    assert_int_equal(lj_directory_add_unit(d, &units[1], NULL), LJ_E_ARG);
    assert_int_equal(lj_directory_seal(d, NULL), 0);
    assert_int_equal(lj_directory_unit(d, "SU300", 5), 300);
    assert_int_equal(lj_directory_unit(d, "SU30", 4), LJ_UNIT_NONE);
    assert_int_equal(lj_directory_unit(d, "SU300x", 6), LJ_UNIT_NONE);
    assert_string_equal(lj_directory_code(d, 300), "SU300");
    assert_string_equal(lj_directory_code(d, 301), "");
    assert_true(lj_directory_within(d, 300, 7));
    assert_true(lj_directory_within(d, 300, 0));
    assert_true(lj_directory_within(d, 7, 7));
    assert_false(lj_directory_within(d, 7, 300));
    assert_false(lj_directory_within(d, 8, 0)); /* a loop in the data ends */
    assert_false(lj_directory_within(d, LJ_UNIT_NONE, 0));
    assert_false(lj_directory_within(d, 4000, 0));
    lj_directory_free(&d);
}

static void problems(void **state)
{
    struct lj_problem p;
    struct lj_buf b = {0};
    (void)state;
    lj_problem_set(&p, LJ_E_RATE, "/a\"b", "cut \xe9\x92",
                   NULL); /* a text that was cut inside a character */
    p.retry_after_s = 9;
    lj_problem_put(&b, &p);
    lj_buf_u8(&b, 0);
    assert_false(b.failed);
    assert_non_null(
        strstr((char *)b.data, "\"status\":429,\"code\":\"rate_limited\",\"pointer\":\"/a\\\"b\""));
    assert_non_null(strstr((char *)b.data, "cut \xef\xbf\xbd\xef\xbf\xbd\""));
    assert_non_null(strstr((char *)b.data, "\"retry_after\":9}"));
    lj_buf_clear(&b);
    lj_problem_set(&p, LJ_E_ID_CONFLICT, NULL, NULL, NULL);
    assert_int_equal(lj_problem_retry_after(&p), 0);
    lj_problem_put_members(&b, &p);
    lj_buf_u8(&b, 0);
    assert_null(strstr((char *)b.data, "retry_after"));
    lj_buf_clear(&b);
    lj_jsonw_text(&b, "a\n\x01\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xf0\x9f\x8f\x93",
                  16); /* control, overlong, surrogate, beyond, and a good one */
    lj_buf_u8(&b, 0);
    assert_string_equal((char *)b.data, "\"a\\u000a\\u0001\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef"
                                        "\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf"
                                        "\xbd\xef\xbf\xbd\xf0\x9f\x8f\x93\"");
    lj_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bucket), cmocka_unit_test(tokens),
                                       cmocka_unit_test(subtree), cmocka_unit_test(problems)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
