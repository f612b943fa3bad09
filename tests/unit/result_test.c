/* The outcome of a batch: passes, failures, encoding. What a broker would read is checked with the
 * decoder of proto/wire.h. lj-test: lj_runner
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pgparam.h"
#include "proto/wire.h"
#include "workers/runner/batch.h"
#include "workers/runner/result.h"

static const enum lj_pgtype columns[] = {LJ_PG_INT8, LJ_PG_TEXT};
static const struct lj_worker worker = {
    .kind = "test", .version = "1", .columns = columns, .ncolumns = 2};

struct decoded {
    struct lj_result_head head;
    struct lj_outcome_record outcomes[8];
    const char *values[4];
    int lengths[4], count;
};

static void decode(const struct lj_buf *b, struct decoded *d)
{
    struct lj_reader r = lj_reader(b->data, b->len);
    assert_int_equal(lj_result_head_get(&r, &d->head, NULL), 0);
    for (size_t i = 0; i < d->head.count; i++)
        assert_int_equal(lj_outcome_get(&r, &d->outcomes[i], NULL), 0);
    assert_int_equal(lj_pgblock_split(r.p, r.left, 4, d->values, d->lengths, &d->count, NULL), 0);
}

static struct lj_result *fresh(size_t count, size_t *index)
{
    struct lj_result *r = NULL;
    assert_int_equal(lj_result_open(&worker, &r, NULL), 0);
    assert_int_equal(lj_result_begin(r, count, NULL), 0);
    assert_int_equal(lj_result_pass(r, index), count);
    return r;
}

static uint32_t array_count(const char *p, int n)
{
    if (n < 20)
        return 0;
    struct lj_reader r = lj_reader(p, (size_t)n);
    (void)lj_read_bytes(&r, 12);
    return lj_read_u32(&r);
}

static void done_events_make_columns(void **state)
{
    (void)state;
    size_t index[3];
    struct lj_result *r = fresh(3, index);
    for (size_t i = 0; i < 3; i++) {
        lj_result_done(r, i, (int)i + 1);
        lj_pgarray_int(lj_result_column(r, 0), (int64_t)i);
        lj_pgarray_bytes(lj_result_column(r, 1), "x", 1);
    }
    lj_result_short(r, 1, "{\"a\":1}", 7);
    assert_int_equal(lj_result_pass_end(r), 0);
    struct lj_buf out = {0};
    assert_int_equal(lj_result_encode(r, 77, 123, &out, NULL), 0);
    struct decoded d;
    decode(&out, &d);
    assert_int_equal(d.head.batch, 77);
    assert_int_equal(d.head.spent_us, 123);
    assert_int_equal(d.head.count, 3);
    assert_int_equal(d.outcomes[2].what, LJ_OUTCOME_DONE);
    assert_int_equal(d.outcomes[2].code, 3);
    assert_int_equal(d.outcomes[1].bytes.n, 7);
    assert_memory_equal(d.outcomes[1].bytes.p, "{\"a\":1}", 7);
    assert_int_equal(d.outcomes[0].bytes.n, 0);
    assert_int_equal(d.count, 2);
    assert_int_equal(array_count(d.values[0], d.lengths[0]), 3);
    assert_int_equal(array_count(d.values[1], d.lengths[1]), 3);
    lj_buf_free(&out);
    lj_result_close(&r);
}

static void a_failed_event_is_not_in_the_next_pass(void **state)
{
    (void)state;
    size_t index[3];
    struct lj_err why = {0};
    struct lj_result *r = fresh(3, index);
    (void)lj_fail(&why, LJ_E_DB_DATA, "bad row");
    lj_result_done(r, 0, 1);
    lj_pgarray_int(lj_result_column(r, 0), 0);
    lj_result_final(r, 1, &why);
    lj_result_done(r, 2, 1);
    lj_pgarray_int(lj_result_column(r, 0), 2);
    lj_pgarray_int(lj_result_column(r, 0), 99); /* of the failed one: must be gone */
    assert_int_equal(lj_result_pass_end(r), 1);
    assert_int_equal(lj_result_pass(r, index), 2);
    assert_int_equal(index[0], 0);
    assert_int_equal(index[1], 2);
    lj_result_done(r, 0, 5);
    lj_result_done(r, 1, 6);
    lj_pgarray_int(lj_result_column(r, 0), 0);
    lj_pgarray_int(lj_result_column(r, 0), 2);
    assert_int_equal(lj_result_pass_end(r), 0);
    struct lj_buf out = {0};
    struct decoded d;
    assert_int_equal(lj_result_encode(r, 1, 1, &out, NULL), 0);
    decode(&out, &d);
    assert_int_equal(d.outcomes[0].code, 5);
    assert_int_equal(d.outcomes[1].what, LJ_OUTCOME_FINAL);
    assert_int_equal(d.outcomes[1].code, LJ_E_DB_DATA);
    assert_memory_equal(d.outcomes[1].bytes.p, "bad row", 7);
    assert_int_equal(d.outcomes[2].code, 6);
    assert_int_equal(array_count(d.values[0], d.lengths[0]), 2);
    lj_buf_free(&out);
    lj_result_close(&r);
}

static void an_event_without_outcome_fails_finally(void **state)
{
    (void)state;
    size_t index[2];
    const struct lj_err *why = NULL;
    struct lj_result *r = fresh(2, index);
    lj_result_done(r, 0, 1);
    assert_int_equal(lj_result_pass_end(r), 1);
    assert_int_equal(lj_result_outcome(r, 1, &why), LJ_OUTCOME_FINAL);
    assert_int_equal(why->code, LJ_E_INTERNAL);
    lj_result_close(&r);
}

static void a_short_result_over_the_limit_fails(void **state)
{
    (void)state;
    size_t index[2];
    const struct lj_err *why = NULL;
    char *big = calloc(1, LJ_SHORT_BYTES_MAX + 1);
    struct lj_result *r = fresh(2, index);
    lj_result_done(r, 0, 1);
    lj_result_short(r, 0, big, LJ_SHORT_BYTES_MAX); /* just fits */
    lj_result_done(r, 1, 1);
    lj_result_short(r, 1, big, LJ_SHORT_BYTES_MAX + 1);
    assert_int_equal(lj_result_pass_end(r), 1);
    assert_int_equal(lj_result_outcome(r, 0, &why), LJ_OUTCOME_DONE);
    assert_int_equal(lj_result_outcome(r, 1, &why), LJ_OUTCOME_FINAL);
    assert_int_equal(why->code, LJ_E_TOO_LARGE);
    free(big);
    lj_result_close(&r);
}

static void a_verdict_out_of_range_fails(void **state)
{
    (void)state;
    size_t index[2];
    const struct lj_err *why = NULL;
    struct lj_result *r = fresh(2, index);
    lj_result_done(r, 0, -1);
    lj_result_done(r, 1, 32767);
    assert_int_equal(lj_result_pass_end(r), 1);
    assert_int_equal(lj_result_outcome(r, 0, &why), LJ_OUTCOME_FINAL);
    assert_int_equal(lj_result_outcome(r, 1, &why), LJ_OUTCOME_DONE);
    lj_result_close(&r);
}

static void a_batch_error_is_retry_or_final_by_class(void **state)
{
    (void)state;
    static const struct {
        int code, what;
    } rows[] = {
        {LJ_E_DB_SYSTEM, LJ_OUTCOME_RETRY}, {LJ_E_DB_LOST, LJ_OUTCOME_RETRY},
        {LJ_E_TIMEOUT, LJ_OUTCOME_RETRY},   {LJ_E_IO, LJ_OUTCOME_RETRY},
        {LJ_E_NOMEM, LJ_OUTCOME_RETRY},     {LJ_E_DB_DATA, LJ_OUTCOME_FINAL},
        {LJ_E_INTERNAL, LJ_OUTCOME_FINAL},  {LJ_E_ARG, LJ_OUTCOME_FINAL},
    };
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        size_t index[2];
        const struct lj_err *why = NULL;
        struct lj_err err = {0};
        struct lj_result *r = fresh(2, index);
        lj_result_done(r, 0, 1);
        (void)lj_fail(&err, rows[k].code, "x");
        lj_result_fail_pass(r, &err);
        assert_int_equal(lj_result_pass_end(r), 2);
        assert_int_equal(lj_result_outcome(r, 0, &why), rows[k].what);
        assert_int_equal(lj_result_outcome(r, 1, &why), rows[k].what);
        lj_result_close(&r);
    }
}

static void a_value_that_does_not_fit_its_column_is_an_error(void **state)
{
    (void)state;
    static const enum lj_pgtype narrow[] = {LJ_PG_INT2};
    static const struct lj_worker w = {
        .kind = "test", .version = "1", .columns = narrow, .ncolumns = 1};
    struct lj_result *r = NULL;
    size_t index[1];
    struct lj_buf out = {0};
    struct lj_err err = {0};
    assert_int_equal(lj_result_open(&w, &r, NULL), 0);
    assert_int_equal(lj_result_begin(r, 1, NULL), 0);
    assert_int_equal(lj_result_pass(r, index), 1);
    lj_result_done(r, 0, 1);
    lj_pgarray_int(lj_result_column(r, 0), 40000);
    assert_int_equal(lj_result_pass_end(r), 0);
    assert_int_equal(lj_result_encode(r, 1, 1, &out, &err), LJ_E_ARG);
    lj_buf_free(&out);
    lj_result_close(&r);
}

/* ---- decoding a batch ---- */

static void put_batch(struct lj_buf *b, uint16_t count, const char *key)
{
    lj_batch_head_put(
        b, &(struct lj_batch_head){.batch = 9, .deadline_ms = 2000, .attempt = 3, .count = count});
    for (uint16_t i = 0; i < count; i++)
        lj_batch_record_put(b, &(struct lj_batch_record){.position = 10 + i,
                                                         .id = {1, 2, 3},
                                                         .received_at_us = 5,
                                                         .occurred_at_us = LJ_TIME_NONE,
                                                         .schema_version = 1,
                                                         .unit = 4,
                                                         .unit_code = {"PS001", 5},
                                                         .type = {"a.b", 3},
                                                         .key = {key, strlen(key)},
                                                         .payload = {"{}", 2}});
}

static void a_batch_is_decoded_with_terminated_strings(void **state)
{
    (void)state;
    struct lj_batch_in in = {0};
    struct lj_buf b = {0};
    put_batch(&b, 2, "");
    assert_int_equal(lj_batch_decode(&in, b.data, b.len, NULL), 0);
    assert_int_equal(in.head.count, 2);
    assert_string_equal(in.events[1].unit_code, "PS001");
    assert_string_equal(in.events[1].type, "a.b");
    assert_string_equal(in.events[1].payload, "{}");
    assert_string_equal(in.events[1].key, "01020300-0000-0000-0000-000000000000");
    assert_int_equal(in.events[1].position, 11);
    assert_int_equal(in.events[1].attempt, 3);
    assert_true(in.events[0].occurred_at_us == INT64_MIN);
    lj_buf_clear(&b);
    put_batch(&b, 1, "team");
    assert_int_equal(lj_batch_decode(&in, b.data, b.len, NULL), 0);
    assert_string_equal(in.events[0].key, "team");
    lj_buf_free(&b);
    lj_batch_in_free(&in);
}

static void a_malformed_batch_is_refused(void **state)
{
    (void)state;
    struct lj_batch_in in = {0};
    struct lj_buf b = {0};
    put_batch(&b, 2, "k");
    for (size_t n = 0; n < b.len; n++) /* cut anywhere */
        assert_int_equal(lj_batch_decode(&in, b.data, n, NULL), LJ_E_PROTOCOL);
    lj_buf_u8(&b, 0); /* one byte too many */
    assert_int_equal(lj_batch_decode(&in, b.data, b.len, NULL), LJ_E_PROTOCOL);
    lj_buf_clear(&b);
    put_batch(&b, 0, "k");
    assert_int_equal(lj_batch_decode(&in, b.data, b.len, NULL), LJ_E_PROTOCOL);
    lj_buf_free(&b);
    lj_batch_in_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(done_events_make_columns),
        cmocka_unit_test(a_failed_event_is_not_in_the_next_pass),
        cmocka_unit_test(an_event_without_outcome_fails_finally),
        cmocka_unit_test(a_short_result_over_the_limit_fails),
        cmocka_unit_test(a_verdict_out_of_range_fails),
        cmocka_unit_test(a_batch_error_is_retry_or_final_by_class),
        cmocka_unit_test(a_value_that_does_not_fit_its_column_is_an_error),
        cmocka_unit_test(a_batch_is_decoded_with_terminated_strings),
        cmocka_unit_test(a_malformed_batch_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
