/* Who runs in a directory: the lock and the list.
 *
 * The lock is flock on DIR/up.lock, held by the supervisor as long as it lives: the kernel frees it
 * however the process ends, so there is no stale lock to judge. The pid written into it is for
 * messages only. The list is believed only while the lock is held. */
#include "ctl/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int lj_processes_lock(const struct lj_layout *at, int *ret_fd, struct lj_err *err)
{
    char path[PATH_MAX];
    char text[32] = "";
    int rc = lj_path(path, at->dir, "up.lock", err);
    if (rc)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot open %.180s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int sys = errno;
        ssize_t n = sys == EWOULDBLOCK ? pread(fd, text, sizeof text - 1, 0) : 0;
        text[n > 0 ? n : 0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        (void)close(fd);
        if (sys == EWOULDBLOCK)
            return lj_fail(
                err, LJ_E_STATE,
                "a system runs in %.120s already (pid %s): stop it first, or take another --dir",
                at->dir, text[0] ? text : "unknown");
        return lj_fail_errno(err, LJ_E_IO, sys, "cannot lock %.180s", path);
    }
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n) {
        int sys = errno;
        (void)close(fd);
        return lj_fail_errno(err, LJ_E_IO, sys, "cannot write %.180s", path);
    }
    *ret_fd = fd;
    return 0;
}

/* 1 when somebody holds the directory's lock. */
static int is_running(const struct lj_layout *at)
{
    char path[PATH_MAX];
    if (lj_path(path, at->dir, "up.lock", NULL) != 0)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    int running = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)close(fd);
    return running;
}

int lj_processes_read(const struct lj_layout *at, json_t **ret, int *ret_running,
                      struct lj_err *err)
{
    char path[PATH_MAX];
    json_t *list = NULL;
    *ret_running = is_running(at);
    int rc = lj_path(path, at->dir, "processes.json", err);
    if (rc)
        return rc;
    if (*ret_running) {
        json_t *file = json_load_file(path, 0, NULL);
        list = json_incref(json_object_get(file, "processes"));
        json_decref(file);
    }
    *ret = json_is_array(list) ? list : json_array();
    if (!json_is_array(list))
        json_decref(list);
    return *ret ? 0 : lj_fail(err, LJ_E_NOMEM, "no memory for the list of processes");
}
