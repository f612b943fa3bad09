/* The pipelined connection against a real PostgreSQL: batches, errors in the middle and at the
 * commit, every way of losing the server, and closing at the worst moments.
 *
 * lj-test: lj_pgtest lj_common
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/db.h"
#include "tests/lib/pgtest.h"

enum { DEADLINE_MS = 60000 };

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static struct lj_pgtest *pg;
static struct lj_err err;

/* One loop, one connection, and everything its callbacks said. */
struct bench {
    uv_loop_t loop;
    uv_timer_t deadline, tick;
    struct lj_db *db;
    int timed_out, ready, lost, closed;
    struct lj_err lost_err;
    int ok, failed, aborted, unknown; /* results by kind */
    int syncs, sync_code, unknown_at_lost;
    struct lj_err first_err, sync_err;
    struct lj_err two_syncs[2]; /* how the first two batches ended */
    long value;                 /* int4 of the last successful result with a row */
    int chain, close_at;
    size_t bytes;
};

static void on_deadline(uv_timer_t *t)
{
    ((struct bench *)t->data)->timed_out = 1;
}

/* UV_RUN_ONCE sleeps after its timers: without a tick a condition met by a timer would be seen only
 * at the next event. */
static void on_tick(uv_timer_t *t)
{
    (void)t;
}

static void on_state(struct lj_db *db, enum lj_db_state state, const struct lj_err *e, void *arg)
{
    struct bench *b = arg;
    (void)db;
    if (state == LJ_DB_READY) {
        b->ready++;
        assert_null(e);
    } else {
        assert_int_equal(state, LJ_DB_LOST);
        b->lost++;
        b->lost_err = *e;
        b->unknown_at_lost = b->unknown;
    }
}

static void on_closed(void *arg)
{
    ((struct bench *)arg)->closed++;
}

static void count_error(struct bench *b, const struct lj_err *e)
{
    if (!b->first_err.code)
        b->first_err = *e;
    b->failed += e->code == LJ_E_DB_DATA || e->code == LJ_E_DB_SYSTEM;
    b->aborted += e->code == LJ_E_STATE;
    b->unknown += e->code == LJ_E_DB_LOST;
}

static void on_result(struct lj_db *db, const PGresult *res, const struct lj_err *e, void *arg)
{
    struct bench *b = arg;
    (void)db;
    if (e) {
        count_error(b, e);
    } else {
        assert_non_null(res);
        b->ok++;
        if (PQntuples(res) > 0 && PQgetlength(res, 0, 0) == 4)
            b->value = lj_pgget_i32(res, 0, 0);
        b->bytes = PQntuples(res) > 0 ? (size_t)PQgetlength(res, 0, 0) : 0;
    }
    if (b->close_at && b->ok + b->failed == b->close_at)
        lj_db_close(&b->db, on_closed, b);
}

static void on_sync(struct lj_db *db, int code, void *arg)
{
    struct bench *b = arg;
    b->sync_code = code;
    b->sync_err = *lj_db_sync_error(db);
    if (b->syncs < 2)
        b->two_syncs[b->syncs] = b->sync_err;
    b->syncs++;
    assert_int_equal(b->sync_err.code, code);
    if (code == LJ_E_DB_LOST)
        b->unknown++;
}

static int begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    assert_int_equal(uv_loop_init(&b->loop), 0);
    uv_timer_init(&b->loop, &b->deadline);
    b->deadline.data = b;
    uv_timer_start(&b->deadline, on_deadline, DEADLINE_MS, 0);
    uv_timer_init(&b->loop, &b->tick);
    uv_timer_start(&b->tick, on_tick, 5, 5);
    *state = b;
    return 0;
}

static void wait_for(struct bench *b, const int *count, int want)
{
    while (*count < want && !b->timed_out)
        uv_run(&b->loop, UV_RUN_ONCE);
    assert_int_equal(b->timed_out, 0);
    assert_int_equal(*count, want);
}

/* Every test ends here: the close callback came once and the loop is empty. */
static int end(void **state)
{
    struct bench *b = *state;
    int open = b->db != NULL;
    int before = b->closed;
    lj_db_close(&b->db, on_closed, b);
    uv_close((uv_handle_t *)&b->deadline, NULL);
    uv_close((uv_handle_t *)&b->tick, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(b->closed, before + open);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    free(b);
    return 0;
}

static void open_db(struct bench *b, const char *dsn, const char *const *setup)
{
    assert_int_equal(lj_db_open(&b->loop, dsn, "db_pipe_test", setup, on_state, b, &b->db, &err),
                     0);
    assert_int_equal(lj_db_state(b->db), LJ_DB_CONNECTING);
}

/* The backend of the test before may still be at work: it would write into this test's table. */
static void wait_alone(struct bench *b)
{
    while (lj_pgtest_int(
               pg, "postgres",
               "select count(*) from pg_stat_activity where application_name = 'db_pipe_test'") !=
           0) {
        uv_run(&b->loop, UV_RUN_NOWAIT);
        assert_int_equal(b->timed_out, 0);
    }
}

static void open_ready(struct bench *b)
{
    wait_alone(b);
    static const char *const setup[] = {"set search_path = public",
                                        "prepare put(int) as insert into t values ($1)", NULL};
    assert_int_equal(lj_pgtest_sql(pg, "postgres",
                                   "set client_min_messages = error; drop table if exists t; "
                                   "create table t (n int unique deferrable "
                                   "initially deferred)"),
                     0);
    open_db(b, lj_pgtest_dsn(pg, "postgres"), setup);
    wait_for(b, &b->ready, 1);
    assert_int_equal(lj_db_state(b->db), LJ_DB_READY);
}

static void exec_int(struct bench *b, const char *name, const char *sql, int32_t n)
{
    uint32_t wire = htobe32((uint32_t)n);
    const char *values[] = {(const char *)&wire};
    const int lengths[] = {4};
    assert_int_equal(lj_db_exec(b->db, name, sql, 1, values, lengths, NULL, 1, on_result, b, &err),
                     0);
}

static void exec_sql(struct bench *b, const char *sql)
{
    assert_int_equal(lj_db_exec(b->db, NULL, sql, 0, NULL, NULL, NULL, 1, on_result, b, &err), 0);
}

static void sync_db(struct bench *b)
{
    assert_int_equal(lj_db_sync(b->db, on_sync, b, &err), 0);
}

static long long rows(void)
{
    return lj_pgtest_int(pg, "postgres", "select count(*) from t");
}

/* ---- opening ---- */

static void opens_with_setup(void **state)
{
    struct bench *b = *state;
    static const char *const setup[] = {"set statement_timeout = 4321", "set lock_timeout = 17",
                                        NULL};
    open_db(b, lj_pgtest_dsn(pg, "postgres"), setup);
    assert_int_equal(b->ready, 0);
    assert_int_equal(lj_db_sync(b->db, on_sync, b, &err), LJ_E_STATE);
    wait_for(b, &b->ready, 1);
    exec_sql(b, "select (current_setting('lock_timeout') = '17ms' and "
                "current_setting('statement_timeout') = '4321ms' and "
                "current_setting('application_name') = 'db_pipe_test')::int");
    assert_int_equal(lj_db_inflight(b->db), 1);
    sync_db(b);
    assert_int_equal(lj_db_inflight(b->db), 2);
    wait_for(b, &b->syncs, 1);
    assert_int_equal(b->value, 1);
    assert_int_equal(lj_db_inflight(b->db), 0);
}

static void connect_failure(void **state)
{
    struct bench *b = *state;
    open_db(b, "host=/nonexistent dbname=x", NULL);
    wait_for(b, &b->lost, 1);
    assert_int_equal(b->ready, 0);
    assert_int_equal(b->lost_err.code, LJ_E_DB_SYSTEM);
    assert_non_null(strstr(b->lost_err.text, "/nonexistent"));
    assert_int_equal(lj_db_exec(b->db, NULL, "select 1", 0, NULL, NULL, NULL, 1, NULL, NULL, &err),
                     LJ_E_STATE);
}

static void setup_failure(void **state)
{
    struct bench *b = *state;
    static const char *const setup[] = {"set lock_timeout = 1", "select nonsense",
                                        "set lock_timeout = 2", NULL};
    open_db(b, lj_pgtest_dsn(pg, "postgres"), setup);
    wait_for(b, &b->lost, 1);
    assert_int_equal(b->ready, 0);
    assert_int_equal(b->lost_err.code, LJ_E_DB_SYSTEM);
    assert_string_equal(b->lost_err.sqlstate, "42703");
}

static void close_right_after_open(void **state)
{
    struct bench *b = *state;
    open_db(b, lj_pgtest_dsn(pg, "postgres"), NULL);
    lj_db_close(&b->db, on_closed, b);
    assert_null(b->db);
    wait_for(b, &b->closed, 1);
    assert_int_equal(b->ready + b->lost, 0);
}

/* A server that takes the connection and never says a word: closing waits for the connect to give
 * up, and is clean. */
static void close_while_connect_hangs(void **state)
{
    struct bench *b = *state;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/lj-hang-XXXXXX";
    char dsn[128];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(addr.sun_path, sizeof addr.sun_path, "%s/.s.PGSQL.5432", dir);
    (void)snprintf(dsn, sizeof dsn, "host=%s dbname=x connect_timeout=2", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 4), 0);
    open_db(b, dsn, NULL);
    int peer = accept(fd, NULL, NULL); /* now the connect is certainly on its way */
    assert_true(peer >= 0);
    lj_db_close(&b->db, on_closed, b);
    wait_for(b, &b->closed, 1);
    assert_int_equal(b->ready + b->lost, 0);
    close(peer);
    close(fd);
    unlink(addr.sun_path);
    rmdir(dir);
}

/* ---- batches ---- */

static void pipelined_batches(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    assert_int_equal(
        lj_db_prepare(b->db, "put2", "insert into t values ($1) returning n", on_result, b, &err),
        0);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 50; k++)
            exec_int(b, k & 1 ? "put" : "put2", NULL, i * 50 + k);
        sync_db(b);
    }
    assert_int_equal(b->syncs, 0); /* no callback before return */
    wait_for(b, &b->syncs, 20);
    assert_int_equal(b->ok, 1001);
    assert_int_equal(b->sync_code, 0);
    assert_int_equal(b->value, 998); /* the last one that returns its row: in order */
    assert_int_equal(rows(), 1000);
}

static void error_in_the_middle(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    exec_int(b, "put", NULL, 1);
    exec_sql(b, "select 1/0");
    exec_int(b, "put", NULL, 2);
    exec_int(b, "put", NULL, 3);
    sync_db(b);
    exec_int(b, "put", NULL, 4);
    sync_db(b);
    wait_for(b, &b->syncs, 2);
    assert_int_equal(b->ok, 2);
    assert_int_equal(b->failed, 1);
    assert_int_equal(b->aborted, 2);
    assert_string_equal(b->first_err.sqlstate, "22012");
    assert_int_equal(b->two_syncs[0].code, LJ_E_DB_DATA);
    assert_string_equal(b->two_syncs[0].sqlstate, "22012");
    assert_int_equal(b->two_syncs[1].code, 0);
    assert_int_equal(rows(), 1); /* the failed batch left nothing, the next one is whole */
    assert_int_equal(b->lost, 0);
}

static void error_at_the_commit(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    exec_int(b, "put", NULL, 7);
    exec_int(b, "put", NULL, 7); /* unique, but deferred: only the commit fails */
    sync_db(b);
    exec_int(b, "put", NULL, 8);
    sync_db(b);
    wait_for(b, &b->syncs, 2);
    assert_int_equal(b->ok, 3);
    assert_int_equal(b->two_syncs[0].code, LJ_E_DB_DATA);
    assert_string_equal(b->two_syncs[0].sqlstate, "23505");
    assert_int_equal(b->two_syncs[1].code, 0);
    assert_int_equal(rows(), 1);
}

static void empty_batches_and_null_callbacks(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    sync_db(b);
    assert_int_equal(lj_db_sync(b->db, NULL, NULL, &err), 0);
    assert_int_equal(lj_db_exec(b->db, NULL, "", 0, NULL, NULL, NULL, 1, on_result, b, &err), 0);
    assert_int_equal(
        lj_db_exec(b->db, NULL, "select 1/0", 0, NULL, NULL, NULL, 1, NULL, NULL, &err), 0);
    sync_db(b);
    wait_for(b, &b->syncs, 2);
    assert_int_equal(b->ok, 1);
    assert_int_equal(b->sync_code, LJ_E_DB_DATA);
}

/* The next batch is queued from the callback of the one before, a hundred times. */
static void on_chain(struct lj_db *db, int code, void *arg)
{
    struct bench *b = arg;
    on_sync(db, code, arg);
    if (--b->chain > 0) {
        exec_int(b, "put", NULL, b->chain);
        assert_int_equal(lj_db_sync(db, on_chain, b, &err), 0);
    }
}

static void callbacks_queue_further(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    b->chain = 101;
    assert_int_equal(lj_db_sync(b->db, on_chain, b, &err), 0);
    wait_for(b, &b->syncs, 101);
    assert_int_equal(b->ok, 100);
    assert_int_equal(rows(), 100);
}

/* Both directions far beyond any socket buffer: WRITABLE is needed, and reading must go on
 * meanwhile. */
static void large_values_both_ways(void **state)
{
    struct bench *b = *state;
    enum { SIZE = 4 * 1024 * 1024, TIMES = 6 };
    open_ready(b);
    char *big = test_malloc(SIZE);
    memset(big, 'x', SIZE);
    const char *values[] = {big};
    const int lengths[] = {SIZE};
    for (int i = 0; i < TIMES; i++)
        assert_int_equal(lj_db_exec(b->db, NULL, "select $1::bytea", 1, values, lengths, NULL, 1,
                                    on_result, b, &err),
                         0);
    sync_db(b);
    test_free(big);
    wait_for(b, &b->syncs, 1);
    assert_int_equal(b->ok, TIMES);
    assert_int_equal(b->bytes, SIZE);
}

static size_t allocated(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    return mallinfo2().uordblks;
}

static void hundred_thousand_statements(void **state)
{
    struct bench *b = *state;
    enum { BATCHES = 200, BATCH = 500 };
    size_t after_first = 0;
    open_ready(b);
    assert_int_equal(lj_db_prepare(b->db, "one", "select $1::int4", on_result, b, &err), 0);
    for (int i = 1; i <= BATCHES; i++) {
        for (int k = 0; k < BATCH; k++)
            exec_int(b, "one", NULL, i * BATCH + k);
        sync_db(b);
        wait_for(b, &b->syncs, i);
        if (i == 3)
            after_first = allocated();
    }
    assert_int_equal(b->ok, BATCHES * BATCH + 1);
    assert_int_equal(b->value, BATCHES * BATCH + BATCH - 1);
    /* libpq may still double an input buffer; five bytes kept of each statement would be too many.
     */
    assert_true(allocated() < after_first + 400 * 1024);
}

/* ---- closing and losing ---- */

static void close_inside_result(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    b->close_at = 2;
    for (int i = 0; i < 5; i++)
        exec_int(b, NULL, "select $1::int4", i);
    sync_db(b);
    wait_for(b, &b->closed, 1);
    assert_null(b->db);
    assert_int_equal(b->ok, 2);
    assert_int_equal(b->unknown, 4); /* three statements and the sync */
    assert_int_equal(b->sync_code, LJ_E_DB_LOST);
    assert_int_equal(b->lost, 0);
}

static void close_with_work_in_flight(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    exec_int(b, "put", NULL, 1);
    sync_db(b);
    lj_db_close(&b->db, on_closed, b);
    assert_int_equal(b->unknown, 2);
    wait_for(b, &b->closed, 1);
}

/* Blocks until the connection's backend is inside pg_sleep. */
static void wait_asleep(struct bench *b)
{
    while (lj_pgtest_int(pg, "postgres",
                         "select count(*) from pg_stat_activity where application_name = "
                         "'db_pipe_test' and wait_event = "
                         "'PgSleep'") != 1) {
        uv_run(&b->loop, UV_RUN_NOWAIT);
        assert_int_equal(b->timed_out, 0);
    }
}

static void queue_sleeping_batches(struct bench *b)
{
    exec_int(b, "put", NULL, 1);
    exec_sql(b, "select 1::int from pg_sleep(300)");
    exec_int(b, "put", NULL, 2);
    sync_db(b);
    exec_int(b, "put", NULL, 3);
    sync_db(b);
    wait_asleep(b);
}

/* All that was not answered is unknown, each once, before the state says LOST, once. */
static void assert_lost(struct bench *b)
{
    wait_for(b, &b->lost, 1);
    assert_int_equal(b->ok + b->unknown, 6);
    assert_true(b->unknown >= 5);
    assert_int_equal(b->unknown_at_lost, b->unknown);
    assert_int_equal(b->syncs, 2);
    assert_int_equal(b->failed + b->aborted, 0);
    assert_int_equal(b->lost_err.code, LJ_E_DB_LOST);
    assert_int_equal(lj_db_state(b->db), LJ_DB_LOST);
    assert_int_equal(lj_db_inflight(b->db), 0);
    assert_int_equal(lj_db_sync(b->db, on_sync, b, &err), LJ_E_STATE);
    lj_db_close(&b->db, on_closed, b);
    wait_for(b, &b->closed, 1);
    assert_int_equal(b->lost, 1);
}

static void backend_terminated(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    queue_sleeping_batches(b);
    assert_int_equal(lj_pgtest_int(pg, "postgres",
                                   "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                                   "where application_name = "
                                   "'db_pipe_test'"),
                     1);
    assert_lost(b);
    assert_int_equal(rows(), 0);
}

static void backend_terminated_while_idle(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    assert_int_equal(lj_pgtest_int(pg, "postgres",
                                   "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                                   "where application_name = "
                                   "'db_pipe_test'"),
                     1);
    wait_for(b, &b->lost, 1);
    assert_int_equal(b->lost_err.code, LJ_E_DB_LOST);
}

/* The server is gone before we write: whichever call notices, every operation is answered, and
 * after the call has returned. */
static void writing_into_a_dead_connection(void **state)
{
    struct bench *b = *state;
    int queued = 0;
    open_ready(b);
    assert_int_equal(lj_pgtest_stop_immediate(pg), 0);
    for (int i = 0; i < 5000; i++) {
        uint32_t wire = htobe32((uint32_t)i);
        const char *values[] = {(const char *)&wire};
        const int lengths[] = {4};
        int rc = lj_db_exec(b->db, "put", NULL, 1, values, lengths, NULL, 1, on_result, b, &err);
        if (rc == 0 && i % 10 == 9)
            queued += lj_db_sync(b->db, on_sync, b, &err) == 0;
        queued += rc == 0;
        assert_int_equal(b->unknown, 0);
        assert_true(rc == 0 || rc == LJ_E_DB_LOST || rc == LJ_E_STATE);
    }
    wait_for(b, &b->lost, 1);
    assert_true(queued > 0);
    assert_int_equal(b->unknown, queued);
    assert_int_equal(lj_pgtest_start_again(pg), 0);
}

static void server_killed_and_restarted(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    queue_sleeping_batches(b);
    assert_int_equal(lj_pgtest_stop_immediate(pg), 0);
    assert_lost(b);
    assert_int_equal(lj_pgtest_start_again(pg), 0);
    struct bench *again = NULL;
    begin((void **)&again);
    open_ready(again);
    exec_int(again, "put", NULL, 5);
    sync_db(again);
    wait_for(again, &again->syncs, 1);
    assert_int_equal(again->sync_code, 0);
    assert_int_equal(lj_pgtest_kill(pg),
                     0); /* kill -9 of the postmaster: an idle backend goes by itself */
    wait_for(again, &again->lost, 1);
    end((void **)&again);
    assert_int_equal(lj_pgtest_start_again(pg), 0);
    assert_int_equal(rows(), 1);
}

/* A callback that closes the db while the loss is being told: no state LOST any more, everything
 * else once. */
static void close_in_lost_callback_of_sync(struct lj_db *db, int code, void *arg)
{
    struct bench *b = arg;
    on_sync(db, code, arg);
    lj_db_close(&b->db, on_closed, b);
}

static void close_while_losing(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    exec_sql(b, "select 1::int from pg_sleep(300)");
    assert_int_equal(lj_db_sync(b->db, close_in_lost_callback_of_sync, b, &err), 0);
    exec_int(b, "put", NULL, 1);
    sync_db(b);
    wait_asleep(b);
    assert_int_equal(
        lj_pgtest_sql(
            pg, "postgres",
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = "
            "'db_pipe_test'"),
        0);
    wait_for(b, &b->closed, 1);
    assert_int_equal(b->unknown, 4);
    assert_int_equal(b->syncs, 2);
    assert_int_equal(b->lost, 0);
}

static void wrong_arguments(void **state)
{
    struct bench *b = *state;
    open_ready(b);
    assert_int_equal(
        lj_db_exec(b->db, NULL, "select 1", 65, NULL, NULL, NULL, 1, on_result, b, &err), LJ_E_ARG);
    assert_int_equal(
        lj_db_exec(b->db, NULL, "select 1", -1, NULL, NULL, NULL, 1, on_result, b, &err), LJ_E_ARG);
    /* COPY does not go through a pipeline: the connection is given up, nobody waits for ever. */
    exec_sql(b, "copy t to stdout");
    sync_db(b);
    wait_for(b, &b->lost, 1);
    assert_int_equal(b->unknown, 2);
}

static int start(void **state)
{
    (void)state;
    pg = lj_pgtest_start();
    return pg ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    lj_pgtest_free(&pg);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opens_with_setup),
        TEST(connect_failure),
        TEST(setup_failure),
        TEST(close_right_after_open),
        TEST(close_while_connect_hangs),
        TEST(pipelined_batches),
        TEST(error_in_the_middle),
        TEST(error_at_the_commit),
        TEST(empty_batches_and_null_callbacks),
        TEST(callbacks_queue_further),
        TEST(large_values_both_ways),
        TEST(hundred_thousand_statements),
        TEST(close_inside_result),
        TEST(close_with_work_in_flight),
        TEST(backend_terminated),
        TEST(backend_terminated_while_idle),
        TEST(writing_into_a_dead_connection),
        TEST(server_killed_and_restarted),
        TEST(close_while_losing),
        TEST(wrong_arguments),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
