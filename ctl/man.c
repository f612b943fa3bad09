/* The manual page in roff (man macros), made from the tables in commands.c and options.c, so that
 * it cannot lag behind --help.
 *
 * `ljctl man > ljctl.1` is run by the build for packages. Text is escaped for roff: backslashes,
 * and a dot or quote that begins a line. The page is ASCII and English; the Chinese summaries stand
 * in --help. */
#include "ctl/ctl.h"

#include <string.h>

/* One line of running text; newlines in it become paragraphs. */
static void put_text(FILE *out, const char *text)
{
    int line_start = 1;
    for (const char *p = text; *p; p++) {
        if (*p == '\n') {
            fprintf(out, "\n.PP\n");
            line_start = 1;
            continue;
        }
        if (line_start && (*p == '.' || *p == '\''))
            fputs("\\&", out);
        line_start = 0;
        if (*p == '\\')
            fputs("\\e", out);
        else if (*p == '-')
            fputs("\\-", out);
        else
            fputc(*p, out);
    }
    fputc('\n', out);
}

static void put_option(FILE *out, const struct lj_option *o)
{
    fputs(".TP\n\\fB", out);
    fprintf(out, "\\-\\-");
    for (const char *p = o->row.name; *p; p++)
        fprintf(out, *p == '-' ? "\\-" : "%c", *p);
    fputs("\\fR", out);
    if (o->value_name)
        fprintf(out, " \\fI%s\\fR", o->value_name);
    fputc('\n', out);
    fputs(o->row.help, out);
    if (o->choices)
        fprintf(out, ": one of %s", o->choices);
    if (o->value_name && o->row.value && strcmp(o->row.value, "-1") != 0)
        fprintf(out, " (default %s)", o->row.value);
    fputs(".\n", out);
}

static void put_command(FILE *out, const struct lj_command *c)
{
    fprintf(out, ".SS ljctl %s %s\n", c->name, c->operands);
    put_text(out, c->summary);
    if (c->about[0]) {
        fprintf(out, ".PP\n");
        put_text(out, c->about);
    }
    for (size_t i = 0; i < lj_options_count; i++) {
        const struct lj_option *o = &lj_options[i];
        if (!o->global && !o->hidden && lj_option_of(c, o))
            put_option(out, o);
    }
    fprintf(out, ".PP\nExamples:\n.PP\n.nf\n.RS\n");
    for (const char *p = c->examples; *p;) {
        size_t n = strcspn(p, "\n");
        char line[512];
        (void)snprintf(line, sizeof line, "%.*s", (int)n, p);
        put_text(out, line);
        p += n + (p[n] == '\n');
    }
    fprintf(out, ".RE\n.fi\n");
}

void lj_man(FILE *out)
{
    fprintf(out,
            ".TH LJCTL 1 \"\" \"liangjin %s\" \"Liangjin\"\n.SH NAME\nljctl \\- run and operate a "
            "Liangjin system\n"
            ".SH SYNOPSIS\n\\fBljctl\\fR [\\fB\\-\\-dir\\fR \\fIDIR\\fR] [\\fB\\-\\-output\\fR "
            "\\fIFORM\\fR] "
            "\\fICOMMAND\\fR [options] [operands]\n.SH DESCRIPTION\nData goes to standard output, "
            "talk to standard error. "
            "Nothing is asked when standard input is no terminal.\n.SH GLOBAL OPTIONS\n",
            LJ_VERSION);
    for (size_t i = 0; i < lj_options_count; i++) {
        if (lj_options[i].global)
            put_option(out, &lj_options[i]);
    }
    fprintf(out, ".TP\n\\fB\\-\\-config\\fR \\fIFILE\\fR\nread options from FILE, a line \\fIname "
                 "= value\\fR each; the command line wins.\n"
                 ".SH COMMANDS\n");
    for (size_t i = 0; i < lj_commands_count; i++)
        put_command(out, &lj_commands[i]);
    fprintf(out, ".SH EXIT STATUS\n");
    for (int i = 0; lj_exit_text(i); i++)
        fprintf(out, ".TP\n\\fB%d\\fR\n%s\n", i, lj_exit_text(i));
    fprintf(out, ".SH FILES\n.TP\n\\fIDIR/pg\\fR\nthe private "
                 "PostgreSQL\n.TP\n\\fIDIR/run\\fR\nsockets\n.TP\n\\fIDIR/secret\\fR\n"
                 "first tokens, mode 0600\n.TP\n\\fIDIR/log\\fR\none log a "
                 "process\n.TP\n\\fIDIR/processes.json\\fR\nnames and process ids\n");
}
