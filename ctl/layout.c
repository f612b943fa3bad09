/* The directory of a system and its files.
 *
 * Sockets have short names (108 bytes in the kernel's struct), directories have not: where DIR/run
 * would be too long, `ljctl up` makes a short folder elsewhere and writes its name into
 * DIR/run-path; every reader comes through lj_layout_of and so finds it. Files that another process
 * reads are written whole: temporary file, flush, rename. */
#include "ctl/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int lj_path(char *out, const char *dir, const char *name, struct lj_err *err)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= PATH_MAX)
        return lj_fail(err, LJ_E_ARG, "the path %.100s/%.60s is too long", dir, name);
    return 0;
}

int lj_read_small(const char *path, char *out, size_t cap, struct lj_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lj_fail_errno(err, errno == ENOENT ? LJ_E_NOT_FOUND : LJ_E_IO, errno,
                             "cannot open %.180s", path);
    size_t len = 0;
    ssize_t n;
    while (len < cap - 1 && (n = read(fd, out + len, cap - 1 - len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int sys = errno;
            (void)close(fd);
            return lj_fail_errno(err, LJ_E_IO, sys, "cannot read %.180s", path);
        }
        len += (size_t)n;
    }
    out[len] = '\0';
    (void)close(fd);
    return 0;
}

static int write_all(int fd, const char *text, size_t n)
{
    while (n) {
        ssize_t w = write(fd, text, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        text += w;
        n -= (size_t)w;
    }
    return fsync(fd);
}

int lj_write_whole(const char *path, const char *text, size_t n, mode_t mode, struct lj_err *err)
{
    char tmp[PATH_MAX];
    int len = snprintf(tmp, sizeof tmp, "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof tmp)
        return lj_fail(err, LJ_E_ARG, "the path %.180s is too long", path);
    (void)unlink(
        tmp); /* left by a killed process; O_EXCL then also refuses what somebody else put there */
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot make %.180s", tmp);
    int rc = fchmod(fd, mode) == 0 && write_all(fd, text, n) == 0 ? 0 : -1;
    int sys = errno;
    if (close(fd) != 0 && rc == 0) {
        rc = -1;
        sys = errno;
    }
    if (rc == 0 && rename(tmp, path) != 0) {
        rc = -1;
        sys = errno;
    }
    if (rc != 0) {
        (void)unlink(tmp);
        return lj_fail_errno(err, LJ_E_IO, sys, "cannot write %.180s", path);
    }
    return 0;
}

int lj_layout_of(const char *dir, struct lj_layout *ret, struct lj_err *err)
{
    const struct {
        char *out;
        const char *name;
    } parts[] = {{ret->pg, "pg"},
                 {ret->run, "run"},
                 {ret->secret, "secret"},
                 {ret->log, "log"},
                 {ret->bin, "bin"}};
    int n = snprintf(ret->dir, sizeof ret->dir, "%s", dir);
    if (n < 0 || (size_t)n >= sizeof ret->dir)
        return lj_fail(err, LJ_E_ARG, "the path %.180s is too long", dir);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int rc = lj_path(parts[i].out, dir, parts[i].name, err);
        if (rc)
            return rc;
    }
    char path[PATH_MAX];
    char text[PATH_MAX];
    int rc = lj_path(path, dir, "run-path", err);
    if (rc == 0 && lj_read_small(path, text, sizeof text, NULL) == 0) {
        text[strcspn(text, "\n")] = '\0';
        if (text[0] == '/')
            (void)snprintf(ret->run, sizeof ret->run, "%s", text);
    }
    return rc;
}

int lj_layout_find(const struct lj_ctl *ctl, struct lj_layout *ret, struct lj_err *err)
{
    char dir[PATH_MAX];
    memset(ret, 0, sizeof *ret);
    if (!realpath(ctl->o.dir, dir)) {
        if (ctl->o.run_dir) {
            (void)snprintf(ret->run, sizeof ret->run, "%s", ctl->o.run_dir);
            return 0;
        }
        return lj_fail(err, LJ_E_CLOSED,
                       "there is no system in \"%.120s\": start one with `ljctl up`, or name its "
                       "directory with --dir",
                       ctl->o.dir);
    }
    int rc = lj_layout_of(dir, ret, err);
    if (rc == 0 && ctl->o.run_dir)
        (void)snprintf(ret->run, sizeof ret->run, "%s", ctl->o.run_dir);
    return rc;
}
