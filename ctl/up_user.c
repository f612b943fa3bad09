/* Who runs everything, and the directory.
 *
 * Started by root, everything runs as a service user: PostgreSQL refuses root, and a hole in the
 * gateway must not be root's. What root writes stays root's (DIR itself, log/, secret/, bin/,
 * processes.json: a child that is taken over cannot make root write elsewhere through a link);
 * handed over are pg/ and run/ only. The service user needs search permission on every parent of
 * DIR; that is tried as that user, folder by folder, because only the kernel knows all the rules
 * (modes, ACLs, mounts), and the folder that is in the way is named. Where nothing was chosen
 * (--dir left at `var`) and the place is unreachable (a checkout below /root), DIR becomes
 * /var/lib/liangjin and `var` a link to it, so that every later `ljctl` finds it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/up.h"

int lj_up_drop(const struct lj_up *up)
{
    if (!up->as_root)
        return 0;
    return setgroups(1, &up->gid) == 0 && setgid(up->gid) == 0 && setuid(up->uid) == 0 ? 0 : -1;
}

int lj_up_as_user(const struct lj_up *up, int (*fn)(const void *arg), const void *arg,
                  struct lj_err *err)
{
    pid_t pid = fork();
    if (pid < 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot make a process");
    if (pid == 0) {
        int rc = lj_up_drop(up);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* after the change of user, which clears it */
        _exit(rc == 0 ? fn(arg) : 255);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return lj_fail_errno(err, LJ_E_IO, errno, "cannot wait for a process");
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 255)
        return lj_fail(err, LJ_E_IO, "a helper process as user %s failed (status %#x)", up->user,
                       (unsigned)status);
    return WEXITSTATUS(status);
}

/* Run a program of the system as root and wait; its exit code. */
static int run_tool(char *const argv[])
{
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (pid == 0) {
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int make_user(const char *name, struct lj_err *err)
{
    char *const argv[] = {(char[]){"useradd"},
                          (char[]){"--system"},
                          (char[]){"--user-group"},
                          (char[]){"--no-create-home"},
                          (char[]){"--home-dir"},
                          (char[]){"/nonexistent"},
                          (char[]){"--shell"},
                          (char[]){"/usr/sbin/nologin"},
                          strdup(name),
                          NULL};
    int code = argv[8] ? run_tool(argv) : -1;
    free(argv[8]);
    if (code != 0 && !getpwnam(name)) /* another start may have made it just now */
        return lj_fail(err, LJ_E_FORBIDDEN,
                       "cannot make the system user %.40s (useradd ended with %d): make it "
                       "yourself, or name one with --user",
                       name, code);
    return 0;
}

int lj_up_user(struct lj_up *up, struct lj_err *err)
{
    const struct passwd *p;
    up->as_root = geteuid() == 0;
    if (!up->as_root) {
        p = getpwuid(geteuid());
        up->uid = geteuid();
        up->gid = getegid();
        if (!p)
            return lj_fail(err, LJ_E_CONFIG,
                           "this user (%u) has no name in /etc/passwd, which PostgreSQL's peer "
                           "authentication needs",
                           (unsigned)up->uid);
        (void)snprintf(up->user, sizeof up->user, "%s", p->pw_name);
        return 0;
    }
    const char *name = up->ctl->o.user;
    p = getpwnam(name);
    if (!p) {
        int rc = make_user(name, err);
        if (rc)
            return rc;
        p = getpwnam(name);
    }
    if (!p || p->pw_uid == 0)
        return lj_fail(
            err, LJ_E_CONFIG,
            "--user is \"%.40s\": not a user that can run this (it must exist and not be root)",
            name);
    up->uid = p->pw_uid;
    up->gid = p->pw_gid;
    (void)snprintf(up->user, sizeof up->user, "%s", p->pw_name);
    return 0;
}

/* ---- the directory ---- */

/* Number of the first '/'-prefix of the absolute path that this process may not search, counted
 * from 1 (the root is 1); 0 = all can. */
static int first_closed(const void *arg)
{
    char prefix[PATH_MAX];
    const char *path = arg;
    int number = 1;
    if (access("/", X_OK) != 0)
        return number;
    for (const char *p = path + 1;; p++) {
        if (*p && *p != '/')
            continue;
        size_t n = (size_t)(p - path);
        memcpy(prefix, path, n);
        prefix[n] = '\0';
        if (++number > 250)
            return 0;
        if (access(prefix, X_OK) != 0)
            return errno == ENOENT ? 0 : number;
        if (!*p)
            return 0;
    }
}

/* The n-th prefix as counted above. */
static void nth_prefix(const char *path, int n, char out[PATH_MAX])
{
    const char *p = path + 1;
    for (int i = 2; i < n && *p; p++)
        i += *p == '/';
    size_t len = n <= 1 ? 1 : (size_t)(p - path) + strcspn(p, "/");
    memcpy(out, path, len);
    out[len] = '\0';
}

/* 0, or LJ_E_FORBIDDEN with the folder that is in the way. */
static int check_reachable(const struct lj_up *up, const char *path, struct lj_err *err)
{
    char folder[PATH_MAX];
    int n = up->as_root ? lj_up_as_user(up, first_closed, path, err) : first_closed(path);
    if (n <= 0)
        return n;
    nth_prefix(path, n, folder);
    return lj_fail(err, LJ_E_FORBIDDEN,
                   "user %s may not enter %.120s: choose another --dir, or `chmod o+x` that folder",
                   up->user, folder);
}

/* mkdir -p for an absolute path, 0755. */
static int make_folders(const char *path, struct lj_err *err)
{
    char part[PATH_MAX];
    for (size_t i = 1;; i++) {
        if (path[i] && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return lj_fail_errno(err, errno == EACCES ? LJ_E_FORBIDDEN : LJ_E_IO, errno,
                                 "cannot make %.160s", part);
        if (!path[i])
            return 0;
    }
}

int lj_up_own_folder(const struct lj_up *up, const char *path, mode_t mode, int handed_over,
                     struct lj_err *err)
{
    struct stat st;
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot make %.180s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int sys = errno;
        if (fd >= 0)
            (void)close(fd);
        return lj_fail_errno(err, LJ_E_IO, sys, "%.180s is no folder that can be used", path);
    }
    uid_t wanted = handed_over ? up->uid : geteuid();
    int rc = 0;
    if (st.st_uid != wanted && st.st_uid != geteuid())
        rc = lj_fail(
            err, LJ_E_STATE,
            "%.140s belongs to user number %u, not to %s: start with --user of that user, or as it",
            path, (unsigned)st.st_uid, up->user);
    else if ((st.st_uid != wanted && fchown(fd, wanted, handed_over ? up->gid : getegid()) != 0) ||
             fchmod(fd, mode) != 0)
        rc = lj_fail_errno(err, LJ_E_IO, errno, "cannot hand over %.180s", path);
    (void)close(fd);
    return rc;
}

static int is_empty(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        (void)closedir(d);
    return d && n <= 2;
}

/* DIR as an absolute path; made when missing. Root's own fresh 0700 folder is opened for searching.
 */
static int resolve_dir(struct lj_up *up, char out[PATH_MAX], struct lj_err *err)
{
    const char *asked = up->ctl->o.dir;
    char wanted[PATH_MAX];
    char cwd[PATH_MAX];
    struct stat st;
    if (realpath(asked, out)) {
        if (up->as_root && stat(out, &st) == 0 && st.st_uid == 0 && !(st.st_mode & S_IXOTH) &&
            is_empty(out))
            (void)chmod(
                out,
                (st.st_mode & 07777) |
                    0011); /* it is to be the system's folder: searching it gives no secret away */
        return check_reachable(up, out, err);
    }
    if (asked[0] != '/' && !getcwd(cwd, sizeof cwd))
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot tell the current folder");
    if (snprintf(wanted, sizeof wanted, "%s%s%s", asked[0] == '/' ? "" : cwd,
                 asked[0] == '/' ? "" : "/", asked) >= PATH_MAX)
        return lj_fail(err, LJ_E_ARG, "--dir is too long");
    for (size_t n = strlen(wanted); n > 1 && wanted[n - 1] == '/'; n--)
        wanted[n - 1] = '\0';
    int rc = check_reachable(up, wanted, err);
    if (rc == LJ_E_FORBIDDEN && up->as_root && strcmp(asked, "var") == 0) {
        lj_say("user %s may not enter %s; the system's directory is /var/lib/liangjin, and `var` "
               "becomes a link to it",
               up->user, cwd);
        (void)snprintf(wanted, sizeof wanted, "/var/lib/liangjin");
        if (symlink(wanted, "var") != 0 && errno != EEXIST)
            return lj_fail_errno(err, LJ_E_IO, errno, "cannot make the link var");
        rc = 0;
    }
    if (rc == 0)
        rc = make_folders(wanted, err);
    if (rc == 0 && !realpath(wanted, out))
        rc = lj_fail_errno(err, LJ_E_IO, errno, "cannot resolve %.160s", wanted);
    return rc == 0 ? check_reachable(up, out, err) : rc;
}

int lj_up_run_folder(struct lj_up *up, struct lj_err *err)
{
    char file[PATH_MAX];
    char name[64];
    int rc = lj_path(file, up->at.dir, "run-path", err);
    if (rc == 0 && strlen(up->at.run) <= LJ_RUN_DIR_MAX &&
        lj_up_as_user(up, first_closed, up->at.run, err) == 0 &&
        lj_up_own_folder(up, up->at.run, 0700, 1, NULL) == 0)
        return 0;
    if (rc)
        return rc;
    (void)snprintf(name, sizeof name, "%s/liangjin-XXXXXX",
                   up->as_root && access("/run", W_OK) == 0 ? "/run" : "/tmp");
    if (!mkdtemp(name))
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot make a short folder for sockets");
    (void)snprintf(up->at.run, sizeof up->at.run, "%s", name);
    rc = lj_up_own_folder(up, up->at.run, 0700, 1, err);
    return rc == 0 ? lj_write_whole(file, name, strlen(name), 0644, err) : rc;
}

int lj_up_directory(struct lj_up *up, struct lj_err *err)
{
    char dir[PATH_MAX];
    int rc = resolve_dir(up, dir, err);
    if (rc == 0)
        rc = lj_layout_of(dir, &up->at, err);
    if (rc)
        return rc;
    const struct {
        const char *path;
        mode_t mode;
    } folders[] = {{up->at.log, 0755}, {up->at.secret, 0700}};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        rc = lj_up_own_folder(up, folders[i].path, folders[i].mode, 0, err);
        if (rc)
            return rc;
    }
    return 0;
}
