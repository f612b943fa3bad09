/* Where the parts of a system stand in its directory (docs/operations.md, "The directory"). */
#ifndef LJ_CTL_LAYOUT_H
#define LJ_CTL_LAYOUT_H

#include <limits.h>
#include <sys/types.h>

#include "ctl/ctl.h"

struct lj_layout {
    char dir[PATH_MAX]; /* absolute */
    char pg[PATH_MAX];  /* the cluster */
    char run[PATH_MAX]; /* sockets; not below dir when that would be too long for a socket's name */
    char secret[PATH_MAX];
    char log[PATH_MAX];
    char bin[PATH_MAX];
};

/* Longest name of a folder that may hold sockets: sun_path is 108 bytes, the longest name in it is
 * `.s.PGSQL.5432.lock` (only the socket itself counts, but a folder that just fits breaks with the
 * next longer name). */
#define LJ_RUN_DIR_MAX 80

/* Fill from an absolute dir; run is read from dir/run-path where that file stands. errors: LJ_E_ARG
 * when a name is too long. */
LJ_MUST int lj_layout_of(const char *dir, struct lj_layout *ret, struct lj_err *err);
/* The layout a sub-command works on: --dir must exist, --run-dir replaces run. errors: LJ_E_CLOSED
 * "no system here". */
LJ_MUST int lj_layout_find(const struct lj_ctl *ctl, struct lj_layout *ret, struct lj_err *err);

/* Join two parts of a path into out (PATH_MAX). errors: LJ_E_ARG. */
LJ_MUST int lj_path(char *out, const char *dir, const char *name, struct lj_err *err);
/* Whole small file (at most cap - 1 bytes) as text. errors: LJ_E_NOT_FOUND, LJ_E_IO. */
LJ_MUST int lj_read_small(const char *path, char *out, size_t cap, struct lj_err *err);
/* Write path with mode, by a temporary file and rename, flushed. errors: LJ_E_IO. */
LJ_MUST int lj_write_whole(const char *path, const char *text, size_t n, mode_t mode,
                           struct lj_err *err);

#endif
