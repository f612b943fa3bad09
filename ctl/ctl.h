/* ljctl: the command table and what every sub-command gets. One file per noun (cmd_*.c); tables in
 * commands.c and options.c. */
#ifndef LJ_CTL_CTL_H
#define LJ_CTL_CTL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/cfg.h"
#include "common/err.h"

/* Exit codes; part of the contract (docs/operations.md, man page). */
enum lj_exit {
    LJ_EXIT_OK = 0,
    LJ_EXIT_FAILED = 1,      /* it was tried and went wrong; doctor: a check failed */
    LJ_EXIT_USAGE = 2,       /* unknown command or option, bad value */
    LJ_EXIT_REFUSED = 3,     /* not found, refused by the system, directory in use */
    LJ_EXIT_UNREACHABLE = 4, /* no running system, broker or database at that place */
};

enum lj_format { LJ_FORMAT_TABLE, LJ_FORMAT_JSON, LJ_FORMAT_CSV };

/* Every option of every sub-command; options.c names them. One name means the same thing
 * everywhere. */
struct lj_ctl_options {
    char *dir, *run_dir, *dsn, *output;
    char *listen, *user, *pg_bin;
    char *unit, *role, *file, *kind, *fingerprint, *reason, *type, *from, *person, *team;
    char *name, *handover, *as;
    char *title, *to, *needs, *id, *bundle, *tables, *part, *writer, *source, *target;
    char *by, *quarter, *month, *format, *out, *rank;
    int64_t port, workers, class, rate, burst, expires_days, limit, timeout_s, year;
    int64_t due, warning_s, critical_s, demo, seed, rounds;
    int once;
    int yes, dry_run, once_ready, follow, open, all, embedded, review;
};

struct lj_command;

struct lj_ctl {
    struct lj_ctl_options o;
    const struct lj_command *command;
    const char **words; /* operands, borrowed from argv */
    size_t nwords;
    enum lj_format format;
    FILE *out; /* data; talk goes to stderr */
};

struct lj_command {
    const char *name;     /* "token create" */
    const char *operands; /* "NAME", "[FILE]", "" */
    const char *zh;       /* one line in Chinese */
    const char *summary;  /* one line in English */
    const char *about;    /* paragraphs, may be "" */
    const char *examples; /* full command lines, newline-separated */
    const char *options;  /* blank-separated names of rows in options.c, besides the global ones */
    unsigned min_words, max_words;
    int (*run)(struct lj_ctl *ctl); /* returns an lj_exit */
};

extern const struct lj_command lj_commands[];
extern const size_t lj_commands_count;

/* One option: the row of common/cfg.h plus what help and completion need. */
struct lj_option {
    struct lj_cfg_row row;
    const char *value_name; /* "DIR"; NULL for a switch */
    const char *choices;    /* blank-separated words for completion and checking, or NULL */
    int global, hidden;
};

extern const struct lj_option lj_options[];
extern const size_t lj_options_count;
const struct lj_option *lj_option_find(const char *name, size_t n);
int lj_option_of(const struct lj_command *c,
                 const struct lj_option *o); /* 1 when command c takes option o */

/* The whole program behind main: parses, runs, frees. out = stdout, talk = stderr; tests give
 * files. Returns the exit code. */
int lj_ctl_main(int argc, char **argv, FILE *out);

/* help.c, man.c, completion.c: all from the same two tables. */
void lj_help_all(FILE *out);
void lj_help_group(FILE *out, const char *noun);
void lj_help_command(FILE *out, const struct lj_command *c);
void lj_man(FILE *out);
void lj_completion(FILE *out);
const char *lj_exit_text(int code); /* NULL past the last */

/* The nearest word of a NULL-terminated list for a mistyped one, or NULL when none is near. */
const char *lj_suggest(const char *word, const char *const *list);

/* Report err on stderr as "ljctl: text" and map its code to an exit code. hint may be NULL. */
int lj_ctl_error(const struct lj_err *err, const char *hint);
/* Talk: "ljctl: ..." on stderr. */
void lj_say(const char *fmt, ...) LJ_PRINTF(1, 2);
/* 1 when the operator agrees: --yes, or y at a terminal; without a terminal and without --yes 0,
 * with a message. */
int lj_ctl_confirm(const struct lj_ctl *ctl, const char *question);

#endif
