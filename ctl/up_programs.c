/* Where the programs are: ours beside ljctl or in the build tree, PostgreSQL's below
 * /usr/lib/postgresql.
 *
 * The service user must be able to execute ours; that is tried as that user. In an unreachable
 * build (a checkout below /root) they are copied to DIR/bin, whole or not at all, and run from
 * there: root's, 0755, at every start anew, so a rebuilt program is taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/up.h"

static const struct {
    const char *folder, *name;
} programs[] = {
    [LJ_PROGRAM_BROKER] = {"broker", "liangjin-broker"},
    [LJ_PROGRAM_GATEWAY] = {"gateway", "liangjin-gateway"},
    [LJ_PROGRAM_WORKER] = {"workers", "liangjin-worker"},
};

static int can_execute(const void *arg)
{
    return access(arg, X_OK) == 0 ? 0 : 1;
}

/* Copy a program to DIR/bin, whole or not at all. */
static int install(const char *from, const char *to, struct lj_err *err)
{
    char tmp[PATH_MAX];
    struct stat st = {0};
    int rc = 0;
    if (snprintf(tmp, sizeof tmp, "%s.new", to) >= PATH_MAX)
        return lj_fail(err, LJ_E_ARG, "the path %.180s is too long", to);
    (void)unlink(tmp);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (in < 0 || out < 0 || fstat(in, &st) != 0)
        rc = lj_fail_errno(err, LJ_E_IO, errno, "cannot copy %.180s", from);
    for (off_t left = rc ? 0 : st.st_size; left > 0;) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        if (n <= 0) {
            rc = lj_fail_errno(err, LJ_E_IO, n < 0 ? errno : EIO, "cannot copy %.180s", from);
            break;
        }
        left -= n;
    }
    if (rc == 0 && (fchmod(out, 0755) != 0 || rename(tmp, to) != 0))
        rc = lj_fail_errno(err, LJ_E_IO, errno, "cannot install %.180s", to);
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
    return rc;
}

static int find_program(struct lj_up *up, enum lj_program p, const char *own_dir,
                        struct lj_err *err)
{
    char path[PATH_MAX];
    char copy[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", own_dir, programs[p].name);
    if (n > 0 && n < PATH_MAX && access(path, X_OK) != 0)
        n = snprintf(path, sizeof path, "%s/../%s/%s", own_dir, programs[p].folder,
                     programs[p].name);
    if (n <= 0 || n >= PATH_MAX || !realpath(path, copy))
        return lj_fail(err, LJ_E_NOT_FOUND,
                       "%s is not there (looked beside ljctl and in ../%s): build it first",
                       programs[p].name, programs[p].folder);
    (void)snprintf(up->programs[p], PATH_MAX, "%s", copy);
    int rc = lj_up_as_user(up, can_execute, copy, err);
    if (rc <= 0)
        return rc;
    rc = lj_up_own_folder(up, up->at.bin, 0755, 0, err);
    if (rc == 0)
        rc = lj_path(up->programs[p], up->at.bin, programs[p].name, err);
    return rc == 0 ? install(copy, up->programs[p], err) : rc;
}

/* The newest PostgreSQL below /usr/lib/postgresql of version 15 or later; 15 itself first, it is
 * what is tested. */
static int find_postgres(struct lj_up *up, struct lj_err *err)
{
    glob_t g = {0};
    int best = 0;
    if (up->ctl->o.pg_bin) {
        if (!realpath(up->ctl->o.pg_bin, up->pg_bin))
            return lj_fail_errno(err, LJ_E_CONFIG, errno, "--pg-bin %.150s", up->ctl->o.pg_bin);
        return 0;
    }
    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc; i++) {
            int version = (int)strtol(g.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);
            if (version >= 15 && best != 15 && (version > best || version == 15)) {
                best = version;
                (void)snprintf(up->pg_bin, sizeof up->pg_bin, "/usr/lib/postgresql/%d/bin",
                               version);
            }
        }
    }
    globfree(&g);
    if (!best)
        return lj_fail(err, LJ_E_NOT_FOUND,
                       "PostgreSQL 15 or newer is not installed (apt-get install postgresql-15), "
                       "or name its programs with --pg-bin");
    return 0;
}

int lj_up_programs(struct lj_up *up, struct lj_err *err)
{
    char own[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    if (n <= 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot tell where ljctl stands");
    own[n] = '\0';
    *strrchr(own, '/') = '\0';
    int rc = find_postgres(up, err);
    for (int p = 0; rc == 0 && p <= LJ_PROGRAM_WORKER; p++)
        rc = find_program(up, (enum lj_program)p, own, err);
    return rc == 0 ? lj_up_run_folder(up, err) : rc;
}
