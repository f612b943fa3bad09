/* --help, for the program, for a noun ("token") and for one sub-command, from the tables in
 * commands.c and options.c.
 *
 * Examples come first, because they are what most readers look for. Each line gives the Chinese
 * summary, then the English one. Hidden options (for tests) are not shown. */
#include "ctl/ctl.h"

#include <string.h>

static const char *const exit_texts[] = {
    [LJ_EXIT_OK] = "done",
    [LJ_EXIT_FAILED] = "failed; for doctor: a check failed",
    [LJ_EXIT_USAGE] = "wrong usage: unknown command, option or value",
    [LJ_EXIT_REFUSED] =
        "not found, or refused by the system; for up: the directory is in use or unsuitable",
    [LJ_EXIT_UNREACHABLE] = "the system, its broker or its database cannot be reached",
};

const char *lj_exit_text(int code)
{
    return code >= 0 && (size_t)code < sizeof exit_texts / sizeof exit_texts[0] ? exit_texts[code]
                                                                                : NULL;
}

static void print_exits(FILE *out)
{
    fprintf(out, "\nexit codes:\n");
    for (int i = 0; lj_exit_text(i); i++)
        fprintf(out, "  %d  %s\n", i, lj_exit_text(i));
}

static void print_commands(FILE *out, const char *noun)
{
    size_t n = noun ? strlen(noun) : 0;
    for (size_t i = 0; i < lj_commands_count; i++) {
        const struct lj_command *c = &lj_commands[i];
        if (noun && (strncmp(c->name, noun, n) != 0 || c->name[n] != ' '))
            continue;
        int used = fprintf(out, "  %s %s", c->name, c->operands);
        fprintf(out, "%*s %s · %s\n", used < 28 ? 28 - used : 1, "", c->zh, c->summary);
    }
}

static void print_option(FILE *out, const struct lj_option *o)
{
    const struct lj_cfg_row *r = &o->row;
    fprintf(out, "  --%s%s%s\n      %s", r->name, o->value_name ? " " : "",
            o->value_name ? o->value_name : "", r->help);
    if (o->choices)
        fprintf(out, ": one of %s", o->choices);
    if (o->value_name && r->value && strcmp(r->value, "-1") != 0)
        fprintf(out, " (default %s)", r->value);
    fprintf(out, "\n");
}

static void print_global(FILE *out)
{
    fprintf(out, "\nglobal options:\n");
    for (size_t i = 0; i < lj_options_count; i++) {
        if (lj_options[i].global)
            print_option(out, &lj_options[i]);
    }
    fprintf(out, "  --config FILE\n      read options from FILE (name = value lines); the command "
                 "line wins\n"
                 "  --help, --version\n");
}

void lj_help_all(FILE *out)
{
    fprintf(
        out,
        "examples:\n"
        "  ljctl up                                  启动系统 · start the system\n"
        "  ljctl status                              查看状态 · see how it does\n"
        "  ljctl events show ID                      查看事件 · follow one event\n"
        "  ljctl parked ls                           查看搁置 · what could not be handled\n"
        "\nusage: ljctl [--dir DIR] [--output FORM] COMMAND [options] [operands]\n\ncommands:\n");
    print_commands(out, NULL);
    print_global(out);
    print_exits(out);
    fprintf(out,
            "\n`ljctl COMMAND --help` tells more; `ljctl man | man -l -` is the manual page.\n");
}

void lj_help_group(FILE *out, const char *noun)
{
    fprintf(out, "usage: ljctl %s COMMAND [options] [operands]\n\ncommands:\n", noun);
    print_commands(out, noun);
}

static void print_lines(FILE *out, const char *text, const char *indent)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        fprintf(out, "%s%.*s\n", indent, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

void lj_help_command(FILE *out, const struct lj_command *c)
{
    fprintf(out, "examples:\n");
    print_lines(out, c->examples, "  ");
    fprintf(out, "\nusage: ljctl %s [options]%s%s\n\n%s\n%s\n", c->name, c->operands[0] ? " " : "",
            c->operands, c->zh, c->summary);
    if (c->about[0]) {
        fprintf(out, "\n");
        print_lines(out, c->about, "");
    }
    int any = 0;
    for (size_t i = 0; i < lj_options_count; i++) {
        const struct lj_option *o = &lj_options[i];
        if (o->global || o->hidden || !lj_option_of(c, o))
            continue;
        if (!any++)
            fprintf(out, "\noptions:\n");
        print_option(out, o);
    }
    print_global(out);
    print_exits(out);
}
