/* The command table of ljctl and what is made from it: help, man page, completion, suggestions, and
 * errors in the arguments. lj-test: lj_ctl
 *
 * Held: no row of the tables is missing from a text made of it, every example is a command line
 * that the parser takes, completion offers what the table has (run by a real bash), and every wrong
 * command line ends with exit code 2 and changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/ctl_run.h"

static void every_row_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < lj_commands_count; i++) {
        const struct lj_command *c = &lj_commands[i];
        char prefix[64];
        assert_non_null(c->run);
        assert_true(c->zh[0] && c->summary[0] && c->examples[0]);
        assert_true(c->min_words <= c->max_words);
        (void)snprintf(prefix, sizeof prefix, "ljctl %s", c->name);
        assert_non_null(strstr(c->examples, prefix));
        for (size_t k = i + 1; k < lj_commands_count; k++)
            assert_string_not_equal(c->name, lj_commands[k].name);
        for (const char *p = c->options; *p;) {
            size_t n = strcspn(p, " ");
            const struct lj_option *o = lj_option_find(p, n);
            if (!o || o->global)
                fail_msg("%s names the option %.*s: not in options.c, or global", c->name, (int)n,
                         p);
            p += n;
            p += strspn(p, " ");
        }
    }
}

static void every_option_is_used(void **state)
{
    (void)state;
    for (size_t i = 0; i < lj_options_count; i++) {
        const struct lj_option *o = &lj_options[i];
        int used = 0;
        for (size_t k = 0; k < lj_commands_count; k++)
            used += lj_option_of(&lj_commands[k], o);
        if (!used)
            fail_msg("no command takes --%s", o->row.name);
        assert_int_equal(o->value_name == NULL, o->row.type == LJ_CFG_BOOL);
    }
}

static void help_shows_examples_first_and_every_option(void **state)
{
    (void)state;
    for (size_t i = 0; i < lj_commands_count; i++) {
        char line[80];
        (void)snprintf(line, sizeof line, "%s --help", lj_commands[i].name);
        struct ctl_run r = ctl_run(line);
        assert_int_equal(r.code, LJ_EXIT_OK);
        assert_int_equal(strncmp(r.out, "examples:\n", 10), 0);
        assert_non_null(strstr(r.out, lj_commands[i].summary));
        assert_non_null(strstr(r.out, lj_commands[i].zh));
        for (size_t k = 0; k < lj_options_count; k++) {
            char name[40];
            (void)snprintf(name, sizeof name, "  --%s", lj_options[k].row.name);
            int shown = lj_option_of(&lj_commands[i], &lj_options[k]) && !lj_options[k].hidden;
            const char *at = strstr(r.out, name);
            while (at && at[strlen(name)] != ' ' && at[strlen(name)] != '\n')
                at = strstr(at + 1, name);
            assert_int_equal(at != NULL, shown);
        }
        ctl_run_free(&r);
    }
}

static void man_page_names_everything(void **state)
{
    (void)state;
    struct ctl_run r = ctl_run("man");
    assert_int_equal(r.code, LJ_EXIT_OK);
    assert_int_equal(strncmp(r.out, ".TH LJCTL 1 ", 12), 0);
    for (size_t i = 0; i < lj_commands_count; i++) {
        char head[80];
        (void)snprintf(head, sizeof head, "\n.SS ljctl %s %s\n", lj_commands[i].name,
                       lj_commands[i].operands);
        assert_non_null(strstr(r.out, head));
    }
    for (const char *p = r.out; *p; p++)
        assert_true((unsigned char)*p < 128); /* plain roff: no encoding to guess */
    ctl_run_free(&r);
}

/* What bash completes for a command line whose last word is being typed. */
static void complete(const char *words, char *out, size_t cap)
{
    char path[] = "/tmp/lj-complete-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    lj_completion(f);
    fprintf(f,
            "\nCOMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ljctl; echo "
            "\"${COMPREPLY[*]}\"\n",
            words);
    (void)fclose(f);
    char command[128];
    (void)snprintf(command, sizeof command, "bash --norc %s", path);
    FILE *p = popen(command, "r"); /* NOLINT(cert-env33-c): a fixed program on a file made here */
    assert_non_null(p);
    size_t n = fread(out, 1, cap - 1, p);
    out[n] = '\0';
    assert_int_equal(pclose(p), 0);
    (void)unlink(path);
}

static void completion_offers_the_table(void **state)
{
    char out[4096];
    (void)state;
    complete("ljctl sta", out, sizeof out);
    assert_string_equal(out, "status\n");
    complete("ljctl token ''", out, sizeof out);
    assert_string_equal(out, "create ls revoke\n");
    complete("ljctl --dir /tmp token re", out, sizeof out);
    assert_string_equal(out, "revoke\n");
    complete("ljctl token create --ro", out, sizeof out);
    assert_string_equal(out, "--role\n");
    complete("ljctl token create --role o", out, sizeof out);
    assert_string_equal(out, "observer operator\n");
    complete("ljctl --output ''", out, sizeof out);
    assert_string_equal(out, "table json csv\n");
    complete("ljctl up --once-", out, sizeof out);
    assert_string_equal(out, "\n"); /* for tests only: not offered */
}

struct wrong {
    const char *line;
    const char *says; /* part of the message */
};

static void wrong_lines_are_usage_errors(void **state)
{
    static const struct wrong lines[] = {
        {"", "usage"},
        {"statsu", "did you mean \"status\"?"},
        {"tokne ls", "did you mean \"token\"?"},
        {"token crate x", "did you mean \"create\"?"},
        {"token", "ljctl token COMMAND"},
        {"nonsense-far-away", "there is no command"},
        {"status --otput json", "did you mean --output?"},
        {"status --workers 2", "takes no option --workers"},
        {"status --output xml", "allowed are: table json csv"},
        {"status surplus", "usage: ljctl status"},
        {"token create", "usage: ljctl token create"},
        {"token create a", "needs --unit"},
        {"token create a --unit PS001 --role king", "allowed are: client centre"},
        {"token create a --unit PS001 --rate 0", "rate is 0, allowed are 1 to 1000000"},
        {"up --port 65536", "port is 65536"},
        {"up --port", "needs a value"},
        {"up --workers many", "workers"},
        {"parked redrive 12", "--kind KIND"},
        {"parked redrive --kind quota", "either positions or --fingerprint"},
        {"parked redrive --kind quota 1x", "is no position"},
        {"parked drop --kind quota 12", "needs --reason"},
        {"parked show quota ten", "is no position"},
        {"status -x", "two dashes"},
        {"status --config /nonexistent/file", "cannot open"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct ctl_run r = ctl_run(lines[i].line);
        if (r.code != LJ_EXIT_USAGE || !strstr(r.err, lines[i].says))
            fail_msg("`ljctl %s` ended with %d and said: %s", lines[i].line, r.code, r.err);
        assert_string_equal(r.out, ""); /* nothing that a script could take for data */
        ctl_run_free(&r);
    }
}

static void nothing_to_reach_is_code_four(void **state)
{
    static const char *const lines[] = {"status",      "token ls",    "parked ls", "events tail",
                                        "pause quota", "drain --yes", "doctor"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[100];
        (void)snprintf(line, sizeof line, "--dir /nonexistent/liangjin %s", lines[i]);
        struct ctl_run r = ctl_run(line);
        assert_int_equal(r.code, LJ_EXIT_UNREACHABLE);
        assert_non_null(strstr(r.err, "there is no system in"));
        ctl_run_free(&r);
    }
}

static void without_a_terminal_nothing_is_asked(void **state)
{
    (void)state;
    int saved = dup(STDIN_FILENO);
    int null = open("/dev/null", O_RDONLY);
    (void)dup2(null, STDIN_FILENO);
    struct ctl_run r = ctl_run("token revoke some");
    (void)dup2(saved, STDIN_FILENO);
    (void)close(saved);
    (void)close(null);
    assert_int_equal(r.code, LJ_EXIT_REFUSED);
    assert_non_null(strstr(r.err, "--yes"));
    ctl_run_free(&r);
}

static void suggestions_are_near_ones_only(void **state)
{
    static const char *const list[] = {"status", "resume", "quota", "mail", "man", NULL};
    (void)state;
    assert_string_equal(lj_suggest("statsu", list), "status"); /* two letters swapped */
    assert_string_equal(lj_suggest("resme", list), "resume");
    assert_string_equal(lj_suggest("mial", list), "mail");
    assert_null(lj_suggest("dashboard", list));
    assert_null(lj_suggest("x", list));
    char longest[200];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(lj_suggest(longest, list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(every_option_is_used),
        cmocka_unit_test(help_shows_examples_first_and_every_option),
        cmocka_unit_test(man_page_names_everything),
        cmocka_unit_test(completion_offers_the_table),
        cmocka_unit_test(wrong_lines_are_usage_errors),
        cmocka_unit_test(nothing_to_reach_is_code_four),
        cmocka_unit_test(without_a_terminal_nothing_is_asked),
        cmocka_unit_test(suggestions_are_near_ones_only),
    };
    return cmocka_run_group_tests_name("ctl_table", tests, NULL, NULL);
}
