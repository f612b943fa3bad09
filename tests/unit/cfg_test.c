/* The option table: three sources, one syntax, and a clear word for every mistake.
 *
 * lj-test: lj_common
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cfg.h"

struct conf {
    char *dsn;
    char *name;
    int64_t backlog;
    int verbose;
};

static const struct lj_cfg_row rows[] = {
    {"dsn", LJ_CFG_STR, offsetof(struct conf, dsn), NULL, 0, 0, "", "where the database is"},
    {"name", LJ_CFG_STR, offsetof(struct conf, name), "broker", 0, 0, "", "the name"},
    {"backlog-max", LJ_CFG_INT, offsetof(struct conf, backlog), "100", 1, 1000, "events",
     "how many may wait"},
    {"verbose", LJ_CFG_BOOL, offsetof(struct conf, verbose), "no", 0, 0, "", "say more"},
};
enum { NROWS = sizeof rows / sizeof rows[0] };

static struct lj_err err;

static int load(struct conf *c, const char **words, size_t *nwords, ...)
{
    char *argv[16] = {0};
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t) "prog";
    va_list ap;
    va_start(ap, nwords);
    for (char *a; (a = va_arg(ap, char *)) != NULL && argc < 16;)
        argv[argc++] = a;
    va_end(ap);
    memset(c, 0, sizeof *c);
    memset(&err, 0, sizeof err);
    return lj_cfg_load(rows, NROWS, argc, argv, c, words, nwords, &err);
}
#define LOAD(c, ...) load(c, NULL, NULL, ##__VA_ARGS__, (char *)NULL)

static void drop(struct conf *c)
{
    lj_cfg_free(rows, NROWS, c);
}

/* A mistake: LJ_E_CONFIG, with these two pieces in the text, and nothing kept. */
static void assert_refused(const struct conf *c, int rc, const char *what, const char *where)
{
    assert_int_equal(rc, LJ_E_CONFIG);
    if (!strstr(err.text, what) || !strstr(err.text, where))
        fail_msg("\"%s\" does not hold \"%s\" and \"%s\"", err.text, what, where);
    assert_null(c->dsn);
    assert_null(c->name);
}

static char path[64];

static const char *config_file(const char *text)
{
    (void)snprintf(path, sizeof path, "/tmp/lj-cfg-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static int remove_file(void **state)
{
    (void)state;
    if (path[0])
        unlink(path);
    path[0] = '\0';
    return 0;
}

static void defaults(void **state)
{
    (void)state;
    struct conf c;
    assert_int_equal(LOAD(&c), 0);
    assert_null(c.dsn);
    assert_string_equal(c.name, "broker");
    assert_int_equal(c.backlog, 100);
    assert_int_equal(c.verbose, 0);
    drop(&c);
    assert_null(c.name);
}

static void command_line(void **state)
{
    (void)state;
    struct conf c;
    assert_int_equal(
        LOAD(&c, "--dsn=host=/tmp dbname=x", "--backlog-max", "7", "--verbose", "--name", "a"), 0);
    assert_string_equal(c.dsn, "host=/tmp dbname=x");
    assert_int_equal(c.backlog, 7);
    assert_int_equal(c.verbose, 1);
    drop(&c);
    assert_int_equal(LOAD(&c, "--verbose", "no", "--name=", "--backlog_max=8"), 0);
    assert_int_equal(c.verbose, 0);
    assert_string_equal(c.name, "");
    assert_int_equal(c.backlog, 8);
    drop(&c);
}

static void words_in_order(void **state)
{
    (void)state;
    struct conf c;
    const char *words[16];
    size_t n = 0;
    assert_int_equal(load(&c, words, &n, "quota", "--verbose", "mail", "--name", "x", "--", "--odd",
                          (char *)NULL),
                     0);
    assert_int_equal(n, 3);
    assert_string_equal(words[0], "quota");
    assert_string_equal(words[1], "mail");
    assert_string_equal(words[2], "--odd");
    assert_int_equal(c.verbose, 1);
    drop(&c);
    assert_refused(&c, LOAD(&c, "quota"), "unexpected word", "quota");
}

static void file_then_command_line(void **state)
{
    (void)state;
    struct conf c;
    const char *file = config_file(
        "# comment\n\n  backlog_max =  33 \r\nname = from file # 1\nverbose=yes\ndsn =\n");
    assert_int_equal(LOAD(&c, "--name", "from line", "--config", file), 0);
    assert_int_equal(c.backlog, 33);
    assert_string_equal(c.name, "from line");
    assert_int_equal(c.verbose, 1);
    assert_string_equal(c.dsn, "");
    drop(&c);
    assert_int_equal(LOAD(&c, "--config", file), 0);
    assert_string_equal(c.name, "from file # 1");
    drop(&c);
}

static void mistakes_on_the_line(void **state)
{
    (void)state;
    struct conf c;
    assert_refused(&c, LOAD(&c, "--nosuch", "1"), "no option", "--nosuch");
    assert_refused(&c, LOAD(&c, "--backlog-max", "0"), "1 to 1000 events", "command line");
    assert_refused(&c, LOAD(&c, "--backlog-max", "1001"), "1 to 1000 events", "backlog-max");
    assert_refused(&c, LOAD(&c, "--backlog-max", "99999999999999999999"), "1 to 1000",
                   "backlog-max");
    assert_refused(&c, LOAD(&c, "--backlog-max", "12x"), "not a whole number", "12x");
    assert_refused(&c, LOAD(&c, "--backlog-max="), "not a whole number", "backlog-max");
    assert_refused(&c, LOAD(&c, "--backlog-max= 5"), "not a whole number", "backlog-max");
    assert_refused(&c, LOAD(&c, "--backlog-max"), "needs a value", "--backlog-max");
    assert_refused(&c, LOAD(&c, "--config"), "needs a value", "--config");
    assert_refused(&c, LOAD(&c, "--verbose=perhaps"), "yes and no", "verbose");
    assert_refused(&c, LOAD(&c, "-v"), "two dashes", "-v");
}

static void mistakes_in_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what, *where;
    } cases[] = {
        {"name = x\nnosuch = 1\n", "no option \"nosuch\"", "line 2"},
        {"\n#\nbacklog-max = 5000", "1 to 1000", "line 3"},
        {"verbose = 2\n", "yes and no", "line 1"},
        {"just a word\n", "name = value", "line 1"},
        {"= 3\n", "no option", "line 1"},
        {"name = a\nname = b\n", "second time", "line 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf c;
        assert_refused(&c, LOAD(&c, "--config", config_file(cases[i].text)), cases[i].what,
                       cases[i].where);
        remove_file(NULL);
    }
    struct conf c;
    assert_refused(&c, LOAD(&c, "--config", "/nonexistent/lj.conf"), "No such file",
                   "/nonexistent/lj.conf");
    assert_refused(&c, LOAD(&c, "--config", "/tmp"), "/tmp", "cannot read");
}

static void a_wrong_default_is_found(void **state)
{
    (void)state;
    const struct lj_cfg_row bad[] = {
        {"n", LJ_CFG_INT, offsetof(struct conf, backlog), "9", 1, 5, "", "n"}};
    struct conf c = {0};
    char *argv[] = {(char *)(uintptr_t) "prog", NULL};
    assert_int_equal(lj_cfg_load(bad, 1, 1, argv, &c, NULL, NULL, &err), LJ_E_CONFIG);
    assert_non_null(strstr(err.text, "default"));
}

static void help_and_version(void **state)
{
    (void)state;
    struct conf c;
    FILE *out = tmpfile();
    assert_non_null(out);
    int keep = dup(STDOUT_FILENO);
    (void)fflush(stdout);
    assert_true(dup2(fileno(out), STDOUT_FILENO) >= 0);
    int help = LOAD(&c, "--help");
    int version = LOAD(&c, "--version");
    (void)fflush(stdout);
    assert_true(dup2(keep, STDOUT_FILENO) >= 0);
    close(keep);
    char text[4096] = "";
    ssize_t n = pread(fileno(out), text, sizeof text - 1, 0);
    assert_true(n > 0);
    fclose(out);
    assert_int_equal(help, 1);
    assert_int_equal(version, 1);
    assert_non_null(strstr(
        text, "--backlog-max N\n      how many may wait [1 to 1000 events] (default 100)\n"));
    assert_non_null(strstr(text, "liangjin " LJ_VERSION "\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(command_line),
        cmocka_unit_test(words_in_order),
        cmocka_unit_test_teardown(file_then_command_line, remove_file),
        cmocka_unit_test(mistakes_on_the_line),
        cmocka_unit_test_teardown(mistakes_in_the_file, remove_file),
        cmocka_unit_test(a_wrong_default_is_found),
        cmocka_unit_test(help_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
