/* Running ljctl inside a test: standard output and error as texts, and the exit code. */
#ifndef LJ_TESTS_CTL_RUN_H
#define LJ_TESTS_CTL_RUN_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

struct ctl_run {
    int code;
    char *out;
    char err[8192];
};

/* `line` is split at blanks; 'quoted words' stay together. */
static inline struct ctl_run ctl_run(const char *line)
{
    struct ctl_run r = {.code = -1};
    char copy[2048];
    char *argv[64] = {(char[]){"ljctl"}};
    int argc = 1;
    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *p = copy; *p;) {
        char end = *p == '\'' ? '\'' : ' ';
        p += end == '\'';
        argv[argc++] = p;
        p += strcspn(p, end == '\'' ? "'" : " ");
        if (*p)
            *p++ = '\0';
        p += strspn(p, " ");
    }
    size_t n = 0;
    FILE *out = open_memstream(&r.out, &n);
    FILE *err = tmpfile();
    (void)fflush(stderr);
    int saved = dup(STDERR_FILENO);
    (void)dup2(fileno(err), STDERR_FILENO);
    r.code = lj_ctl_main(argc, argv, out);
    (void)fflush(stderr);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    (void)fclose(out);
    rewind(err);
    size_t got = fread(r.err, 1, sizeof r.err - 1, err);
    r.err[got] = '\0';
    (void)fclose(err);
    return r;
}

static inline void ctl_run_free(struct ctl_run *r)
{
    free(r->out);
    r->out = NULL;
}

#endif
