/* Fail points: the process dies at the passage that was named, and at no other.
 *
 * lj-test: lj_common
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/failpoint.h"

/* How a child ends that passes point `a` five times and `ab` once: its signal, or 0. */
static int passes(const char *fail_at)
{
    int status = 0;
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("LJ_FAIL_AT", fail_at, 1);
        LJ_FAILPOINT("ab");
        for (int i = 0; i < 5; i++)
            LJ_FAILPOINT("a");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

#ifdef LJ_FAILPOINTS
static void dies_where_named(void **state)
{
    (void)state;
    assert_int_equal(passes("a"), SIGKILL);
    assert_int_equal(passes("a:5"), SIGKILL);
    assert_int_equal(passes("a:6"), 0);
    assert_int_equal(passes("ab:1"), SIGKILL);
    assert_int_equal(passes("ab:2"), 0);
    assert_int_equal(passes("abc:1"), 0);
    assert_int_equal(passes(""), 0);
}

static void breaks_what_is_named(void **state)
{
    (void)state;
    unsetenv("LJ_BREAK");
    assert_int_equal(LJ_BROKEN("one"), 0);
    setenv("LJ_BREAK", "one,three", 1);
    assert_int_equal(LJ_BROKEN("one"), 1);
    assert_int_equal(LJ_BROKEN("three"), 1);
    assert_int_equal(LJ_BROKEN("on"), 0);
    assert_int_equal(LJ_BROKEN("two"), 0);
    unsetenv("LJ_BREAK");
}
#else
static void dies_where_named(void **state)
{
    (void)state;
    assert_int_equal(passes("a"), 0); /* a product build has none of it */
}

static void breaks_what_is_named(void **state)
{
    (void)state;
    setenv("LJ_BREAK", "one", 1);
    assert_int_equal(LJ_BROKEN("one"), 0);
    unsetenv("LJ_BREAK");
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dies_where_named),
        cmocka_unit_test(breaks_what_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
