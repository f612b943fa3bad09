/* ljctl's front: from argv to the handler of one sub-command, and the exit code back.
 *
 * The command line is taken in two steps. First the words are told from the options (an option that
 * takes a value owns the next word), which gives the sub-command: one word, or noun and verb. Then
 * common/cfg.h parses what is left with the rows that this command takes, so `--config FILE` and
 * bounds work as in the daemons. Unknown commands and options get a suggestion; every usage error
 * is exit code 2 and changes nothing. Handlers get a struct lj_ctl and return an exit code; data
 * goes to ctl->out, talk to stderr. */
#include "ctl/ctl.h"

#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGS_MAX = 1024, ROWS_MAX = 64 };

void lj_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fflush(stdout); /* keep data and talk in order on a terminal */
    (void)fputs("ljctl: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
}

static const struct {
    int code;
    enum lj_exit exit;
} exits[] = {
    {LJ_E_ARG, LJ_EXIT_USAGE},
    {LJ_E_CONFIG, LJ_EXIT_USAGE},
    {LJ_E_NOT_FOUND, LJ_EXIT_REFUSED},
    {LJ_E_STATE, LJ_EXIT_REFUSED},
    {LJ_E_DB_DATA, LJ_EXIT_REFUSED},
    {LJ_E_CLOSED, LJ_EXIT_UNREACHABLE},
    {LJ_E_DB_LOST, LJ_EXIT_UNREACHABLE},
    {LJ_E_DB_SYSTEM, LJ_EXIT_UNREACHABLE},
    {LJ_E_BROKER_AWAY, LJ_EXIT_UNREACHABLE},
    {LJ_E_TIMEOUT, LJ_EXIT_UNREACHABLE},
    {LJ_E_FORBIDDEN, LJ_EXIT_REFUSED},
};

int lj_ctl_error(const struct lj_err *err, const char *hint)
{
    lj_say("%s [%s]", err->text, lj_err_info(err->code)->name);
    if (hint)
        (void)fprintf(stderr, "  %s\n", hint);
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++) {
        if (exits[i].code == err->code)
            return (int)exits[i].exit;
    }
    return LJ_EXIT_FAILED;
}

int lj_ctl_confirm(const struct lj_ctl *ctl, const char *question)
{
    if (ctl->o.yes)
        return 1;
    if (!isatty(STDIN_FILENO)) {
        lj_say("%s: give --yes to do it without being asked", question);
        return 0;
    }
    (void)fprintf(stderr, "%s? [y/N] ", question);
    char answer[8] = "";
    if (!fgets(answer, sizeof answer, stdin))
        return 0;
    return answer[0] == 'y' || answer[0] == 'Y';
}

/* What the command line is made of. */
struct line {
    char *rest[ARGS_MAX]; /* argv[0], options with their values, operands */
    int nrest;
    const struct lj_command *command;
    const char *noun; /* first word, NULL when there is none */
    const char *verb; /* the word behind it */
    int help, version;
    char out_option[6]; /* what -o stands for */
};

static const struct lj_command *find_command(const char *noun, const char *verb)
{
    for (size_t i = 0; i < lj_commands_count; i++) {
        const char *name = lj_commands[i].name;
        size_t n = strlen(noun);
        if (strncmp(name, noun, n) != 0)
            continue;
        if (!name[n] || (name[n] == ' ' && verb && strcmp(name + n + 1, verb) == 0))
            return &lj_commands[i];
    }
    return NULL;
}

static int is_noun(const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < lj_commands_count; i++) {
        if (strncmp(lj_commands[i].name, word, n) == 0 && lj_commands[i].name[n] == ' ')
            return 1;
    }
    return 0;
}

/* 1 when this option's value is the next word of the command line. */
static int owns_next(const char *arg)
{
    if (strchr(arg, '='))
        return 0;
    const struct lj_option *o = lj_option_find(arg + 2, strlen(arg + 2));
    return o ? o->value_name != NULL : strcmp(arg, "--config") == 0;
}

/* Sort argv into command and rest. Only the first one or two words can be the command. */
static void split_line(int argc, char **argv, struct line *l)
{
    l->rest[l->nrest++] = argv[0];
    for (int i = 1; i < argc && l->nrest < ARGS_MAX - 2; i++) {
        char *arg = argv[i];
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            l->help = 1;
        } else if (strcmp(arg, "--version") == 0) {
            l->version = 1;
        } else if (strncmp(arg, "--", 2) == 0 && arg[2]) {
            l->rest[l->nrest++] = arg;
            if (owns_next(arg) && i + 1 < argc)
                l->rest[l->nrest++] = argv[++i];
        } else if (strcmp(arg, "-o") == 0) {
            l->rest[l->nrest++] = l->out_option;
            if (i + 1 < argc)
                l->rest[l->nrest++] = argv[++i];
        } else if (!l->noun) {
            l->noun = arg;
            l->command = find_command(arg, NULL);
        } else if (!l->command && !l->verb) {
            l->verb = arg;
            l->command = find_command(l->noun, arg);
        } else {
            l->rest[l->nrest++] = arg;
        }
    }
}

static int unknown_command(const struct line *l)
{
    const char *list[ROWS_MAX + 1] = {0};
    size_t n = 0;
    int noun = is_noun(l->noun);
    size_t skip = noun ? strlen(l->noun) + 1 : 0;
    char first[ROWS_MAX][24];
    for (size_t i = 0; i < lj_commands_count && n < ROWS_MAX; i++) {
        const char *name = lj_commands[i].name;
        if (noun && (strncmp(name, l->noun, skip - 1) != 0 || name[skip - 1] != ' '))
            continue;
        (void)snprintf(first[n], sizeof first[n], "%.*s", (int)strcspn(name + skip, " "),
                       name + skip);
        list[n] = first[n];
        n++;
    }
    const char *bad = noun ? l->verb : l->noun;
    const char *near = lj_suggest(bad, list);
    lj_say("there is no command \"%s%s%s\"%s%s%s", noun ? l->noun : "", noun ? " " : "", bad,
           near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    (void)fprintf(stderr, "  ljctl --help lists all\n");
    return LJ_EXIT_USAGE;
}

/* The first option that this command does not take: says so with a suggestion. 0 when all are
 * known. */
static int check_options(const struct line *l)
{
    for (int i = 1; i < l->nrest; i++) {
        const char *arg = l->rest[i];
        if (strcmp(arg, "--") == 0)
            break;
        if (strncmp(arg, "--", 2) != 0)
            continue;
        size_t n = strcspn(arg + 2, "=");
        const struct lj_option *o = lj_option_find(arg + 2, n);
        if ((o && lj_option_of(l->command, o)) || (n == 6 && memcmp(arg + 2, "config", 6) == 0)) {
            i += owns_next(arg);
            continue;
        }
        char word[64];
        (void)snprintf(word, sizeof word, "%.*s", (int)(n < 60 ? n : 60), arg + 2);
        const char *list[ROWS_MAX + 1] = {0};
        size_t count = 0;
        for (size_t k = 0; k < lj_options_count && count < ROWS_MAX; k++) {
            if (!lj_options[k].hidden && lj_option_of(l->command, &lj_options[k]))
                list[count++] = lj_options[k].row.name;
        }
        const char *near = lj_suggest(word, list);
        lj_say("%s takes no option --%s%s%s%s", l->command->name, word,
               near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
        (void)fprintf(stderr, "  ljctl %s --help lists all\n", l->command->name);
        return LJ_EXIT_USAGE;
    }
    return 0;
}

/* A value of an option with choices must be one of them. */
static int check_choices(const struct lj_ctl *ctl)
{
    for (size_t i = 0; i < lj_options_count; i++) {
        const struct lj_option *o = &lj_options[i];
        if (!o->choices || !lj_option_of(ctl->command, o))
            continue;
        const char *value = *(char *const *)((const char *)&ctl->o + o->row.offset);
        size_t n = value ? strlen(value) : 0;
        const char *p = o->choices;
        while (*p && !(strcspn(p, " ") == n && value && memcmp(p, value, n) == 0)) {
            p += strcspn(p, " ");
            p += strspn(p, " ");
        }
        if (!*p) {
            lj_say("--%s is \"%.40s\", allowed are: %s", o->row.name, value ? value : "",
                   o->choices);
            return LJ_EXIT_USAGE;
        }
    }
    return 0;
}

static enum lj_format format_of(const char *word)
{
    return strcmp(word, "json") == 0  ? LJ_FORMAT_JSON
           : strcmp(word, "csv") == 0 ? LJ_FORMAT_CSV
                                      : LJ_FORMAT_TABLE;
}

static int run_command(struct line *l, FILE *out)
{
    struct lj_cfg_row rows[ROWS_MAX];
    size_t nrows = 0;
    const char *words[ARGS_MAX];
    struct lj_err err = {0};
    struct lj_ctl ctl = {.command = l->command, .words = words, .out = out};
    for (size_t i = 0; i < lj_options_count && nrows < ROWS_MAX; i++) {
        if (lj_option_of(l->command, &lj_options[i]))
            rows[nrows++] = lj_options[i].row;
    }
    int rc = check_options(l);
    if (rc)
        return rc;
    if (lj_cfg_load(rows, nrows, l->nrest, l->rest, &ctl.o, words, &ctl.nwords, &err) != 0)
        return lj_ctl_error(&err, NULL);
    rc = check_choices(&ctl);
    if (rc == 0 && (ctl.nwords < l->command->min_words || ctl.nwords > l->command->max_words)) {
        lj_say("usage: ljctl %s [options] %s", l->command->name, l->command->operands);
        rc = LJ_EXIT_USAGE;
    }
    if (rc == 0) {
        ctl.format = format_of(ctl.o.output);
        rc = l->command->run(&ctl);
        if (fflush(out) != 0 && rc == 0) {
            lj_say("cannot write the output");
            rc = LJ_EXIT_FAILED;
        }
    }
    lj_cfg_free(rows, nrows, &ctl.o);
    return rc;
}

int lj_ctl_main(int argc, char **argv, FILE *out)
{
    struct line l = {.out_option = "--out"};
    (void)setlocale(LC_CTYPE,
                    "C.UTF-8"); /* widths of Chinese characters, whatever the environment says */
    if (argc < 1 || argc > ARGS_MAX - 2) {
        lj_say("too many arguments");
        return LJ_EXIT_USAGE;
    }
    split_line(argc, argv, &l);
    if (l.version) {
        fprintf(out, "ljctl %s\n", LJ_VERSION);
        return LJ_EXIT_OK;
    }
    if (l.help && l.command) {
        lj_help_command(out, l.command);
        return LJ_EXIT_OK;
    }
    if (!l.command && l.noun && is_noun(l.noun) && !l.verb) {
        lj_help_group(l.help ? out : stderr, l.noun);
        return l.help ? LJ_EXIT_OK : LJ_EXIT_USAGE;
    }
    if (!l.noun) {
        lj_help_all(l.help ? out : stderr);
        return l.help ? LJ_EXIT_OK : LJ_EXIT_USAGE;
    }
    if (!l.command)
        return unknown_command(&l);
    return run_command(&l, out);
}
