/* Arrays and params blocks: PostgreSQL itself is the judge of the binary form.
 *
 * lj-test: lj_pgtest lj_common
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/db.h"
#include "common/pgparam.h"
#include "tests/lib/pgtest.h"

static struct lj_pgtest *pg;
static PGconn *conn;
static struct lj_err err;

static int start(void **state)
{
    (void)state;
    pg = lj_pgtest_start();
    return pg && lj_dbs_open(lj_pgtest_dsn(pg, "postgres"), "pgparam_test", &conn, &err) == 0 ? 0
                                                                                              : -1;
}

static int stop(void **state)
{
    (void)state;
    PQfinish(conn);
    lj_pgtest_free(&pg);
    return 0;
}

/* Sends the array as $1, binary, and returns the text of the one value that comes back. */
static void ask(struct lj_pgarray *a, const char *sql, char *out, size_t cap)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    PGresult *r = NULL;
    assert_int_equal(lj_pgarray_done(a, &p, &n, &err), 0);
    const char *values[] = {(const char *)p};
    const int lengths[] = {(int)n};
    const int formats[] = {1};
    r = PQexecParams(conn, sql, 1, NULL, values, lengths, formats, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s", PQresultErrorMessage(r));
    assert_true((size_t)PQgetlength(r, 0, 0) < cap);
    memcpy(out, PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0) + 1);
    PQclear(r);
}

static void assert_asked(struct lj_pgarray *a, const char *sql, const char *expected)
{
    char out[1024];
    ask(a, sql, out, sizeof out);
    assert_string_equal(out, expected);
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        enum lj_pgtype type;
        int64_t min, max;
        const char *sql, *expected;
    } cases[] = {
        {LJ_PG_INT2, INT16_MIN, INT16_MAX, "select $1::int2[]", "{-32768,0,NULL,32767}"},
        {LJ_PG_INT4, INT32_MIN, INT32_MAX, "select $1::int4[]", "{-2147483648,0,NULL,2147483647}"},
        {LJ_PG_INT8, INT64_MIN, INT64_MAX, "select $1::int8[]",
         "{-9223372036854775808,0,NULL,9223372036854775807}"},
    };
    struct lj_pgarray a = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lj_pgarray_init(&a, cases[i].type);
        lj_pgarray_int(&a, cases[i].min);
        lj_pgarray_int(&a, 0);
        lj_pgarray_null(&a);
        lj_pgarray_int(&a, cases[i].max);
        assert_asked(&a, cases[i].sql, cases[i].expected);
    }
    lj_pgarray_free(&a);
}

static void other_types(void **state)
{
    (void)state;
    static const uint8_t uuid[16] = {0x01, 0x93, 0x5a, 0x7c, 0, 0, 0x70, 0,
                                     0x80, 0,    0,    0,    0, 0, 0,    0x2a};
    struct lj_pgarray a = {0};
    lj_pgarray_init(&a, LJ_PG_BOOL);
    lj_pgarray_bool(&a, 7);
    lj_pgarray_bool(&a, 0);
    lj_pgarray_null(&a);
    assert_asked(&a, "select $1::bool[]", "{t,f,NULL}");
    lj_pgarray_init(&a, LJ_PG_TEXT);
    lj_pgarray_bytes(&a, "全民健身", strlen("全民健身"));
    lj_pgarray_bytes(&a, "", 0);
    lj_pgarray_bytes(&a, "a\"b,{}", 6);
    assert_asked(&a, "select array_to_string($1::text[], '|')", "全民健身||a\"b,{}");
    lj_pgarray_init(&a, LJ_PG_BYTEA);
    lj_pgarray_bytes(&a, "\0\xff", 2);
    assert_asked(&a, "select encode(($1::bytea[])[1], 'hex')", "00ff");
    lj_pgarray_init(&a, LJ_PG_UUID);
    lj_pgarray_bytes(&a, uuid, sizeof uuid);
    assert_asked(&a, "select $1::uuid[]", "{01935a7c-0000-7000-8000-00000000002a}");
    lj_pgarray_init(&a, LJ_PG_FLOAT8);
    lj_pgarray_float(&a, -0.125);
    assert_asked(&a, "select $1::float8[]", "{-0.125}");
    lj_pgarray_init(&a, LJ_PG_DATE);
    lj_pgarray_int(&a, 0);
    lj_pgarray_int(&a, -1);
    assert_asked(&a, "select array(select to_char(d, 'YYYY-MM-DD') from unnest($1::date[]) d)",
                 "{2000-01-01,1999-12-31}");
    lj_pgarray_init(&a, LJ_PG_TIMESTAMPTZ);
    lj_pgarray_int(&a, 0);
    lj_pgarray_int(&a, 1732406400000001);
    lj_pgarray_int(&a, -1);
    assert_asked(&a,
                 "select array(select (extract(epoch from t) * 1000000)::int8 from "
                 "unnest($1::timestamptz[]) t)",
                 "{0,1732406400000001,-1}");
    lj_pgarray_free(&a);
}

/* The table's OIDs are what PostgreSQL says they are. */
static void oids(void **state)
{
    (void)state;
    static const char *const names[] = {"bool",  "int2", "int4",        "int8", "text",
                                        "bytea", "uuid", "timestamptz", "date", "float8"};
    for (int t = LJ_PG_BOOL; t <= LJ_PG_FLOAT8; t++) {
        PGresult *r = NULL;
        assert_int_equal(lj_dbs_query(conn, "select $1::regtype::oid, ($1 || '[]')::regtype::oid",
                                      1, &names[t], &r, &err),
                         0);
        assert_int_equal(strtoul(PQgetvalue(r, 0, 0), NULL, 10), lj_pgtype_oid((enum lj_pgtype)t));
        assert_int_equal(strtoul(PQgetvalue(r, 0, 1), NULL, 10),
                         lj_pgtype_array_oid((enum lj_pgtype)t));
        PQclear(r);
    }
}

static void empty_and_large(void **state)
{
    (void)state;
    struct lj_pgarray a = {0};
    lj_pgarray_init(&a, LJ_PG_TEXT);
    assert_asked(
        &a, "select coalesce(array_length($1::text[], 1), 0)::text || ($1::text[] = '{}')::text",
        "0true");
    lj_pgarray_init(&a, LJ_PG_INT8);
    for (int64_t i = 1; i <= 100000; i++)
        lj_pgarray_int(&a, i);
    assert_asked(&a, "select count(*) || ' ' || sum(v) from unnest($1::int8[]) v",
                 "100000 5000050000");
    lj_pgarray_free(&a);
    lj_pgarray_free(&a);
}

static void misfits(void **state)
{
    (void)state;
    static const struct {
        enum lj_pgtype type;
        int64_t v;
    } ints[] = {{LJ_PG_INT2, 32768},
                {LJ_PG_INT2, -32769},
                {LJ_PG_INT4, INT64_C(1) << 31},
                {LJ_PG_DATE, INT64_C(1) << 32},
                {LJ_PG_TIMESTAMPTZ, INT64_MIN},
                {LJ_PG_TEXT, 1},
                {LJ_PG_BOOL, 1}};
    struct lj_pgarray a = {0};
    const uint8_t *p = NULL;
    size_t n = 0;
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        lj_pgarray_init(&a, ints[i].type);
        lj_pgarray_int(&a, ints[i].v);
        assert_int_equal(lj_pgarray_done(&a, &p, &n, &err), LJ_E_ARG);
    }
    lj_pgarray_init(&a, LJ_PG_UUID);
    lj_pgarray_bytes(&a, "short", 5);
    assert_int_equal(lj_pgarray_done(&a, &p, &n, &err), LJ_E_ARG);
    lj_pgarray_init(&a, LJ_PG_INT8);
    lj_pgarray_float(&a, 1);
    assert_int_equal(lj_pgarray_done(&a, &p, &n, &err), LJ_E_ARG);
    lj_pgarray_init(&a, LJ_PG_INT8); /* and the mark goes with the next init */
    lj_pgarray_int(&a, 1);
    assert_asked(&a, "select $1::int8[]", "{1}");
    lj_pgarray_free(&a);
}

/* ---- blocks ---- */

static void block_round_trip(void **state)
{
    (void)state;
    struct lj_buf b = {0};
    struct lj_pgblock_writer w;
    const char *values[8] = {0};
    int lengths[8] = {0};
    int count = 0;
    lj_buf_u32(&b, 0xaaaaaaaa); /* a block may stand behind something else */
    lj_pgblock_begin(&w, &b);
    lj_pgblock_param(&w, "abc", 3);
    lj_pgblock_null(&w);
    lj_pgblock_param(&w, NULL, 0);
    lj_pgblock_end(&w);
    assert_int_equal(b.failed, 0);
    assert_int_equal(lj_pgblock_split(b.data + 4, b.len - 4, 3, values, lengths, &count, &err), 0);
    assert_int_equal(count, 3);
    assert_memory_equal(values[0], "abc", 3);
    assert_int_equal(lengths[0], 3);
    assert_null(values[1]);
    assert_non_null(values[2]); /* empty is not null */
    assert_int_equal(lengths[2], 0);
    assert_int_equal(lj_pgblock_split(b.data + 4, b.len - 4, 2, values, lengths, &count, &err),
                     LJ_E_PROTOCOL);
    for (size_t cut = 0; cut < b.len - 4; cut++) {
        uint8_t *copy = test_malloc(cut ? cut : 1);
        memcpy(copy, b.data + 4, cut);
        assert_int_equal(lj_pgblock_split(copy, cut, 8, values, lengths, &count, &err),
                         LJ_E_PROTOCOL);
        test_free(copy);
    }
    lj_buf_u8(&b, 0);
    assert_int_equal(lj_pgblock_split(b.data + 4, b.len - 4, 8, values, lengths, &count, &err),
                     LJ_E_PROTOCOL);
    lj_buf_free(&b);
}

static void hostile_blocks(void **state)
{
    (void)state;
    static const uint8_t minus_two[] = {0, 1, 0xff, 0xff, 0xff, 0xfe};
    static const uint8_t too_long[] = {0, 1, 0x7f, 0xff, 0xff, 0xff, 'x'};
    const char *values[8];
    int lengths[8];
    int count = 0;
    assert_int_equal(
        lj_pgblock_split(minus_two, sizeof minus_two, 8, values, lengths, &count, &err),
        LJ_E_PROTOCOL);
    assert_int_equal(lj_pgblock_split(too_long, sizeof too_long, 8, values, lengths, &count, &err),
                     LJ_E_PROTOCOL);
}

/* What is written binary comes back binary, through the readers of db.h. */
static void scalars_back(void **state)
{
    (void)state;
    PGresult *r = NULL;
    assert_int_equal(
        lj_dbs_query_binary(
            conn,
            "select (-2)::int2, (-3)::int4, (-4)::int8, true, 'epoch'::timestamptz, "
            "'2024-11-24 00:00:00.000001+00'::timestamptz, 'infinity'::timestamptz, null::int8",
            0, NULL, NULL, &r, &err),
        0);
    assert_int_equal(lj_pgget_i16(r, 0, 0), -2);
    assert_int_equal(lj_pgget_i32(r, 0, 1), -3);
    assert_true(lj_pgget_i64(r, 0, 2) == -4);
    assert_int_equal(lj_pgget_bool(r, 0, 3), 1);
    assert_true(lj_pgget_time_us(r, 0, 4) == 0);
    assert_true(lj_pgget_time_us(r, 0, 5) == 1732406400000001);
    assert_true(lj_pgget_time_us(r, 0, 6) == INT64_MAX);
    assert_true(lj_pgget_i64(r, 0, 7) == 0);
    PQclear(r);
}

static void blocking_errors(void **state)
{
    (void)state;
    PGresult *r = NULL;
    PGconn *c = NULL;
    const char *zero = "0";
    assert_int_equal(lj_dbs_query(conn, "select 1 / $1::int4", 1, &zero, &r, &err), LJ_E_DB_DATA);
    assert_string_equal(err.sqlstate, "22012");
    assert_non_null(strstr(err.text, "division by zero"));
    assert_int_equal(lj_dbs_query(conn, "do $$ begin raise 'no' using errcode = 'LJ001'; end $$", 0,
                                  NULL, &r, &err),
                     LJ_E_FENCED);
    assert_int_equal(lj_dbs_query(conn, "do $$ begin raise 'no' using errcode = '53100'; end $$", 0,
                                  NULL, &r, &err),
                     LJ_E_DB_SYSTEM);
    assert_null(r);
    assert_int_equal(lj_dbs_open("host=/nonexistent", "t", &c, &err), LJ_E_DB_SYSTEM);
    assert_null(c);
    assert_int_equal(lj_dbs_open(lj_pgtest_dsn(pg, "postgres"), "t", &c, &err), 0);
    assert_int_equal(
        lj_dbs_query(c, "select pg_terminate_backend(pg_backend_pid())", 0, NULL, &r, &err),
        LJ_E_DB_LOST);
    PQfinish(c);
    assert_int_equal(lj_db_classify(NULL), LJ_E_DB_SYSTEM);
    assert_int_equal(lj_db_classify("40001"), LJ_E_DB_SYSTEM);
    assert_int_equal(lj_db_classify("08P01"), LJ_E_DB_DATA);
    assert_int_equal(lj_db_classify("08006"), LJ_E_DB_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(other_types),
        cmocka_unit_test(oids),
        cmocka_unit_test(empty_and_large),
        cmocka_unit_test(misfits),
        cmocka_unit_test(block_round_trip),
        cmocka_unit_test(hostile_blocks),
        cmocka_unit_test(scalars_back),
        cmocka_unit_test(blocking_errors),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
