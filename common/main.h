/* What every program's main shares: exit codes, and the one way a program that cannot start says
 * so. */
#ifndef LJ_COMMON_MAIN_H
#define LJ_COMMON_MAIN_H

#include <stdio.h>

#include "common/err.h"

/* systemd units carry RestartPreventExitStatus=2: a wrong configuration is not cured by starting
 * again. */
enum lj_exit { LJ_EXIT_OK = 0, LJ_EXIT_FAILED = 1, LJ_EXIT_CONFIG = 2, LJ_EXIT_FENCED = 3 };

/* Print "program: text" on stderr and return the exit code that belongs to the error. */
static inline int lj_main_fail(const char *program, const struct lj_err *err)
{
    (void)fprintf(stderr, "%s: %s\n", program,
                  err->text[0] ? err->text : lj_err_info(err->code)->en);
    return err->code == LJ_E_CONFIG   ? LJ_EXIT_CONFIG
           : err->code == LJ_E_FENCED ? LJ_EXIT_FENCED
                                      : LJ_EXIT_FAILED;
}

#endif
