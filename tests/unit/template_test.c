/* The worker template, and how a worker is tested: payloads in, outcomes and columns out. No
 * broker, no database. lj-test: lj_template
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "proto/wire.h"
#include "workers/runner/result.h"

extern const struct lj_worker lj_worker_template;

static const struct {
    const char *payload;
    int verdict, length; /* length -1: null */
} rows[] = {
    {"{\"comment\":\"abc\"}", 1, 3},
    {"{\"comment\":\"\"}", 1, 0},
    {"{\"comment\":7}", 2, -1},
    {"{}", 2, -1},
    {"no JSON", 2, -1},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static void every_row(void **state)
{
    struct lj_event events[ROWS] = {0};
    size_t index[ROWS];
    struct lj_result *r = NULL;
    struct lj_err err = {0};
    const uint8_t *p = NULL;
    size_t n = 0;
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        events[i] = (struct lj_event){.position = (int64_t)i,
                                      .payload = rows[i].payload,
                                      .payload_len = strlen(rows[i].payload)};
    struct lj_batch in = {events, ROWS};
    assert_int_equal(lj_result_open(&lj_worker_template, &r, &err), 0);
    assert_int_equal(lj_result_begin(r, ROWS, &err), 0);
    assert_int_equal(lj_result_pass(r, index), ROWS);
    assert_int_equal(lj_worker_template.batch(NULL, &in, r, &err), 0);
    assert_int_equal(lj_result_pass_end(r), 0);

    /* The verdicts, as the broker reads them. */
    struct lj_buf out = {0};
    struct lj_result_head head;
    assert_int_equal(lj_result_encode(r, 1, 1, &out, &err), 0);
    struct lj_reader reader = lj_reader(out.data, out.len);
    assert_int_equal(lj_result_head_get(&reader, &head, &err), 0);
    assert_int_equal(head.count, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        struct lj_outcome_record o;
        assert_int_equal(lj_outcome_get(&reader, &o, &err), 0);
        assert_int_equal(o.what, LJ_OUTCOME_DONE);
        assert_int_equal(o.code, rows[i].verdict);
    }

    /* The column, as PostgreSQL reads it: dimensions, has null, type, count, lower bound, then
     * length and value of each. */
    assert_int_equal(lj_pgarray_done(lj_result_column(r, 0), &p, &n, &err), 0);
    reader = lj_reader(p, n);
    (void)lj_read_bytes(&reader, 12);
    assert_int_equal(lj_read_u32(&reader), ROWS);
    (void)lj_read_u32(&reader);
    for (size_t i = 0; i < ROWS; i++) {
        int32_t length = (int32_t)lj_read_u32(&reader);
        assert_int_equal(length, rows[i].length < 0 ? -1 : 4);
        if (length == 4)
            assert_int_equal((int)lj_read_u32(&reader), rows[i].length);
    }
    assert_int_equal(reader.left, 0);
    lj_buf_free(&out);
    lj_result_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
