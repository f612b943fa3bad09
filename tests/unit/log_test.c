/* Logging: the shape of a line, nothing injected, nothing lost silently.
 *
 * lj-test: lj_common
 */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"

static FILE *capture;
static int real_stderr;
static char text[256 * 1024];

static int begin(void **state)
{
    (void)state;
    capture = tmpfile();
    real_stderr = dup(STDERR_FILENO);
    if (!capture || real_stderr < 0 || dup2(fileno(capture), STDERR_FILENO) < 0)
        return -1;
    lj_log_open("tester", LJ_INFO);
    return 0;
}

static int end(void **state)
{
    (void)state;
    int rc = dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    fclose(capture);
    return rc < 0 ? -1 : 0;
}

static const char *logged(void)
{
    ssize_t n = pread(fileno(capture), text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

static size_t lines(void)
{
    size_t n = 0;
    for (const char *p = logged(); *p; p++)
        n += *p == '\n';
    return n;
}

static int matches(const char *s, const char *pattern)
{
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int rc = regexec(&re, s, 0, NULL, 0);
    regfree(&re);
    return rc == 0;
}

static void shape(void **state)
{
    (void)state;
    lj_log(LJ_WARN, "peer.gone", "peer=%s n=%d", "w3", 4);
    assert_true(
        matches(logged(),
                "^ts=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z "
                "level=warn process=tester event=peer\\.gone peer=w3 n=4\n$"));
}

static void no_pairs(void **state)
{
    (void)state;
    lj_log(LJ_ERROR, "plain", "%s", "");
    assert_int_equal(lines(), 1);
}

static void levels(void **state)
{
    (void)state;
    lj_log(LJ_DEBUG, "quiet", "a=1");
    assert_int_equal(lines(), 0);
    lj_log_open("tester", LJ_ERROR);
    lj_log(LJ_WARN, "quiet", "a=1");
    lj_log(LJ_ERROR, "loud", "a=1");
    assert_int_equal(lines(), 1);
    assert_int_equal(lj_log_level_of("debug"), LJ_DEBUG);
    assert_int_equal(lj_log_level_of("error"), LJ_ERROR);
    assert_int_equal(lj_log_level_of("nonsense"), LJ_INFO);
    assert_int_equal(lj_log_level_of(NULL), LJ_INFO);
}

static void no_second_line(void **state)
{
    (void)state;
    lj_log(LJ_INFO, "inject", "name=%s", "x\nts=2026 level=error event=forged\x1b[2J\r");
    assert_int_equal(lines(), 1);
    assert_null(strchr(logged(), '\x1b'));
    assert_null(strchr(logged(), '\r'));
}

static void long_lines(void **state)
{
    (void)state;
    static char big[10000];
    memset(big, 'a', sizeof big - 1);
    lj_log(LJ_INFO, "big", "v=%s", big);
    assert_int_equal(lines(), 1);
    assert_true(strlen(logged()) < 2200);
    assert_non_null(strstr(logged(), " cut=1\n"));
}

/* However the seconds fall, what was written and what was reported as suppressed add up to what was
 * logged. */
static void suppression(void **state)
{
    (void)state;
    size_t calls = 0;
    for (; calls < 500; calls++)
        lj_log(LJ_INFO, "flood", "n=%zu", calls);
    assert_true(lines() < 500);
    lj_log(LJ_INFO, "other", "n=1");
    assert_non_null(strstr(logged(), "event=other"));
    int64_t deadline = lj_mono_us() + 5000000;
    const char *last = NULL;
    while (!last && lj_mono_us() < deadline) {
        lj_log(LJ_INFO, "flood", "n=%zu", calls++);
        last = strstr(logged(), "suppressed=");
        if (!last)
            usleep(1000);
    }
    assert_non_null(last);
    size_t sum = lines() - 1; /* without the one of `other` */
    for (const char *p = logged(); (p = strstr(p, "suppressed=")) != NULL; p++)
        sum += strtoul(p + strlen("suppressed="), NULL, 10);
    assert_int_equal(sum, calls);
}

/* More ids than the table has slots: nothing is kept back that should not be. */
static void many_ids(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "id.%d", i);
        lj_log(LJ_INFO, id, "n=%d", i);
    }
    assert_int_equal(lines(), 300);
}

static void quoting(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(lj_log_quote("plain", out, sizeof out), "\"plain\"");
    assert_string_equal(lj_log_quote("a \"b\" \\ \n\r\t\x01\x7f", out, sizeof out),
                        "\"a \\\"b\\\" \\\\ \\n\\r\\t\\x01\\x7f\"");
    assert_string_equal(lj_log_quote("全民健身", out, sizeof out), "\"全民健身\"");
    assert_string_equal(lj_log_quote(NULL, out, sizeof out), "\"\"");
    assert_string_equal(lj_log_quote("abc", out, 2), "");
    assert_string_equal(lj_log_quote("abc", out, 3), "\"\"");
    assert_string_equal(lj_log_quote("abc\n", out, 7), "\"abc\"");
    assert_string_equal(lj_log_quote("全民", out, 8), "\"全\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shape, begin, end),
        cmocka_unit_test_setup_teardown(no_pairs, begin, end),
        cmocka_unit_test_setup_teardown(levels, begin, end),
        cmocka_unit_test_setup_teardown(no_second_line, begin, end),
        cmocka_unit_test_setup_teardown(long_lines, begin, end),
        cmocka_unit_test_setup_teardown(suppression, begin, end),
        cmocka_unit_test_setup_teardown(many_ids, begin, end),
        cmocka_unit_test(quoting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
