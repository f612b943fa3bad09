/* A disk that forgets, for PostgreSQL under test: LD_PRELOAD between it and its data directory.
 *
 * Why: kill -9 loses nothing that write() has taken, because the page cache survives. A power cut
 * does. So before each write to a regular file below LJ_POWERLOSS_DIR the bytes that it will
 * replace, and the file's size, go to an undo log of that file (by inode) in LJ_POWERLOSS_LOG;
 * fsync or fdatasync of the file empties it. Making, renaming and removing names is logged in order
 * in `names`; fsync of a directory ends the doubt about the names in it, fsync of a new file that
 * about its own. When all processes are dead powerloss.py puts back what was never flushed: all of
 * it, or what a seed picks, sector by sector. A write and its record, and a flush and the emptying,
 * happen under a lock of that inode, or a flush could cover a write that came behind it.
 *
 * The page `control` there lets a test make fsync lie, wait or fail, and writes find no room.
 *
 * Not modelled: stdio (PostgreSQL writes pg_internal.init and its statistics so; both may be lost
 * without harm and are taken as durable here), mmap, O_DSYNC and O_DIRECT, directories themselves,
 * postmaster.pid. fsync does not reach the real disk: the test's "disk" is the page cache.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Shared with powerloss.py: its layout is struct "<6I" there. */
struct control {
    volatile uint32_t lie;      /* fsync answers 0 and has done nothing */
    volatile uint32_t delay_us; /* fsync takes so long */
    volatile uint32_t eio;      /* so many calls of fsync fail with EIO */
    volatile uint32_t enospc;   /* writes that would make a file longer fail with ENOSPC */
    volatile uint32_t flushes;  /* counters, for the test to see that the layer is in place */
    volatile uint32_t writes;
};
struct undo {
    uint64_t at, len, size, end; /* len bytes of old content follow; size: the file's before; end:
                                    of the write */
};

#define REAL(name) get_##name()
#define DECLARE(ret, name, ...)                                                                    \
    typedef ret (*name##_fn)(__VA_ARGS__);                                                         \
    static name##_fn get_##name(void)                                                              \
    {                                                                                              \
        static name##_fn real;                                                                     \
        if (!real)                                                                                 \
            real = (name##_fn)dlsym(RTLD_NEXT, #name);                                             \
        return real;                                                                               \
    }                                                                                              \
    struct name##_declared

DECLARE(int, open, const char *, int, ...);
DECLARE(int, openat, int, const char *, int, ...);
DECLARE(ssize_t, write, int, const void *, size_t);
DECLARE(ssize_t, pwrite, int, const void *, size_t, off_t);
DECLARE(ssize_t, writev, int, const struct iovec *, int);
DECLARE(ssize_t, pwritev, int, const struct iovec *, int, off_t);
DECLARE(int, ftruncate, int, off_t);
DECLARE(int, truncate, const char *, off_t);
DECLARE(int, posix_fallocate, int, off_t, off_t);
DECLARE(int, fsync, int);
DECLARE(int, fdatasync, int);
DECLARE(int, rename, const char *, const char *);
DECLARE(int, link, const char *, const char *);
DECLARE(int, unlink, const char *);

static char root[1024], logs[900];
static size_t root_len;
static int lock_fd = -1;
static struct control *control;

enum { NAMES_LOCK = 1 << 30 };

__attribute__((constructor)) static void begin(void)
{
    const char *dir = getenv("LJ_POWERLOSS_DIR"), *log = getenv("LJ_POWERLOSS_LOG");
    char path[1024];
    if (!dir || !log || strlen(dir) >= sizeof root || strlen(log) >= sizeof logs)
        return;
    snprintf(logs, sizeof logs, "%s", log);
    snprintf(path, sizeof path, "%s/lock", logs);
    lock_fd = REAL(open)(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    snprintf(path, sizeof path, "%s/control", logs);
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        void *p = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        control = p == MAP_FAILED ? NULL : p;
        close(fd);
    }
    if (lock_fd < 0 || !control) {
        fprintf(stderr, "powerloss: %s: %s\n", logs, strerror(errno));
        _exit(70); /* a test that believes to be under the layer must not go on without */
    }
    snprintf(root, sizeof root, "%s", dir);
    root_len = strlen(root);
}

/* What cannot be logged cannot be undone: better an end that is seen than a proof that is none. */
static void give_up(const char *what)
{
    fprintf(stderr, "powerloss: %s: %s\n", what, strerror(errno));
    _exit(70);
}

static void lock(uint64_t at, short type)
{
    struct flock f = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)(at % NAMES_LOCK), .l_len = 1};
    if (at == NAMES_LOCK)
        f.l_start = NAMES_LOCK;
    while (fcntl(lock_fd, F_SETLKW, &f) != 0) {
        if (errno != EINTR && errno != EDEADLK)
            give_up("lock");
    }
}

static int below_root(const char *path)
{
    const char *name = strrchr(path, '/');
    if (!root_len || strncmp(path, root, root_len) != 0 || path[root_len] != '/')
        return 0;
    return strncmp(name + 1, "postmaster.", 11) != 0;
}

/* PostgreSQL stands in its data directory and names files from there. */
static const char *full(const char *path, char *buf, size_t n)
{
    if (path[0] == '/' || !root_len)
        return path;
    snprintf(buf, n, "%s/%s", root, path);
    return buf;
}

/* A regular file below root, with its state; *path where it is wanted. */
static int tracked(int fd, struct stat *st, char *path, size_t n)
{
    char self[40];
    if (!root_len || fstat(fd, st) != 0 || !(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
        return 0;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(self, path, n - 1);
    if (got <= 0)
        return 0;
    path[got] = 0;
    return below_root(path) || (S_ISDIR(st->st_mode) && strcmp(path, root) == 0);
}

static void append(const char *path, const void *a, size_t na, const void *b, size_t nb)
{
    int fd = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct iovec v[2] = {{(void *)(uintptr_t)a, na}, {(void *)(uintptr_t)b, nb}};
    if (fd < 0 || REAL(writev)(fd, v, nb ? 2 : 1) != (ssize_t)(na + nb))
        give_up(path);
    close(fd);
}

static void log_name(const char *format, ...)
{
    char path[1024], line[4096];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    snprintf(path, sizeof path, "%s/names", logs);
    append(path, line, (size_t)n, NULL, 0);
}

/* ---- writes ---- */

/* Under the inode's lock: the bytes [at, at + len) as they are. */
static void log_old(int fd, const struct stat *st, uint64_t at, uint64_t len)
{
    char path[1024], name[64];
    uint64_t size = (uint64_t)st->st_size;
    struct undo u = {at, at < size ? (at + len < size ? len : size - at) : 0, size, at + len};
    void *old = NULL;
    if (u.len) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        int in = REAL(open)(name, O_RDONLY | O_CLOEXEC); /* fd may be for writing only */
        old = malloc(u.len);
        if (in < 0 || !old || pread(in, old, u.len, (off_t)at) != (ssize_t)u.len)
            give_up("old content");
        close(in);
    }
    snprintf(path, sizeof path, "%s/%llu.undo", logs, (unsigned long long)st->st_ino);
    append(path, &u, sizeof u, old, u.len);
    free(old);
}

/* Begins a write of len bytes at `at` (< 0: at the file's own place): 1 under lock, 0 not ours, -1
 * refused. */
static int begin_write(int fd, off_t at, size_t len, uint64_t *ino)
{
    struct stat st;
    char path[1100];
    int saved = errno;
    if (!tracked(fd, &st, path, sizeof path) || !S_ISREG(st.st_mode)) {
        errno = saved;
        return 0;
    }
    *ino = st.st_ino;
    lock(*ino, F_WRLCK);
    if (fstat(fd, &st) != 0)
        give_up("fstat");
    if (at < 0)
        at = fcntl(fd, F_GETFL) & O_APPEND ? st.st_size : lseek(fd, 0, SEEK_CUR);
    if (control->enospc && at + (off_t)len > st.st_size) {
        lock(*ino, F_UNLCK);
        errno = ENOSPC;
        return -1;
    }
    log_old(fd, &st, (uint64_t)at, len);
    control->writes++;
    errno = saved;
    return 1;
}

static void end_write(int began, uint64_t ino)
{
    int saved = errno;
    if (began > 0)
        lock(ino, F_UNLCK);
    errno = saved;
}

static size_t total(const struct iovec *v, int n)
{
    size_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += v[i].iov_len;
    return sum;
}

#define WRITE_LIKE(at, len, call)                                                                  \
    uint64_t ino = 0;                                                                              \
    int began = begin_write(fd, at, len, &ino);                                                    \
    if (began < 0)                                                                                 \
        return -1;                                                                                 \
    ssize_t rc = call;                                                                             \
    end_write(began, ino);                                                                         \
    return rc

ssize_t write(int fd, const void *data, size_t n)
{
    WRITE_LIKE(-1, n, REAL(write)(fd, data, n));
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    WRITE_LIKE(at, n, REAL(pwrite)(fd, data, n, at));
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    WRITE_LIKE(-1, total(v, n), REAL(writev)(fd, v, n));
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    WRITE_LIKE(at, total(v, n), REAL(pwritev)(fd, v, n, at));
}

/* What it cuts off is old content too. */
int ftruncate(int fd, off_t size)
{
    struct stat st;
    uint64_t ino = 0;
    size_t len = fstat(fd, &st) == 0 && st.st_size > size ? (size_t)(st.st_size - size) : 0;
    int began = begin_write(fd, size, len, &ino);
    if (began < 0)
        return -1;
    int rc = REAL(ftruncate)(fd, size);
    end_write(began, ino);
    return rc;
}

int truncate(const char *path, off_t size)
{
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = ftruncate(fd, size), saved = errno;
    close(fd);
    errno = saved;
    return rc;
}

int posix_fallocate(int fd, off_t at, off_t len)
{
    uint64_t ino = 0;
    int began = begin_write(fd, at, (size_t)len, &ino);
    if (began < 0)
        return ENOSPC;
    int rc = REAL(posix_fallocate)(fd, at, len);
    end_write(began, ino);
    return rc;
}

/* ---- flushes ---- */

static void pause_us(uint32_t us)
{
    struct timespec t = {us / 1000000, (long)(us % 1000000) * 1000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        continue;
}

static void forget_undo(const struct stat *st)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%llu.undo", logs, (unsigned long long)st->st_ino);
    if (REAL(truncate)(path, 0) != 0 && errno != ENOENT)
        give_up(path);
    snprintf(path, sizeof path, "%s/%llu.new", logs, (unsigned long long)st->st_ino);
    if (REAL(unlink)(path) == 0) {
        lock(NAMES_LOCK, F_WRLCK);
        log_name("S\t%llu\n", (unsigned long long)st->st_ino);
        lock(NAMES_LOCK, F_UNLCK);
    }
}

static int flush(int fd)
{
    struct stat st;
    char path[1100];
    int saved = errno;
    if (!tracked(fd, &st, path, sizeof path))
        return 1;
    if (control->delay_us)
        pause_us(control->delay_us);
    if (control->eio) {
        control->eio--;
        errno = EIO;
        return -1;
    }
    control->flushes++;
    if (!control->lie && S_ISDIR(st.st_mode)) {
        lock(NAMES_LOCK, F_WRLCK);
        log_name("D\t%s\n", path);
        lock(NAMES_LOCK, F_UNLCK);
    } else if (!control->lie) {
        lock(st.st_ino, F_WRLCK);
        forget_undo(&st);
        lock(st.st_ino, F_UNLCK);
    }
    errno = saved;
    return 0;
}

int fsync(int fd)
{
    int rc = flush(fd);
    return rc > 0 ? REAL(fsync)(fd) : rc;
}

int fdatasync(int fd)
{
    int rc = flush(fd);
    return rc > 0 ? REAL(fdatasync)(fd) : rc;
}

/* ---- names ---- */

/* Before a name goes: another name for the same file, so that it can come back. "-": there is
 * none. */
static void keep(const char *path, char *kept, size_t n)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(kept, n, "%s/kept.%d.%lld.%ld", logs, (int)getpid(), (long long)now.tv_sec,
             now.tv_nsec);
    if (REAL(link)(path, kept) != 0)
        snprintf(kept, n, "-");
}

int rename(const char *from, const char *to)
{
    char a[1200], b[1200], kept[1200];
    const char *x = full(from, a, sizeof a), *y = full(to, b, sizeof b);
    struct stat st;
    if (!root_len || !below_root(y) || stat(x, &st) != 0 || !S_ISREG(st.st_mode))
        return REAL(rename)(from, to);
    lock(NAMES_LOCK, F_WRLCK);
    keep(y, kept, sizeof kept);
    log_name("R\t%s\t%s\t%s\n", x, y, kept);
    int rc = REAL(rename)(from, to), saved = errno;
    lock(NAMES_LOCK, F_UNLCK);
    errno = saved;
    return rc;
}

int link(const char *from, const char *to)
{
    char b[1200];
    const char *y = full(to, b, sizeof b);
    if (!root_len || !below_root(y))
        return REAL(link)(from, to);
    lock(NAMES_LOCK, F_WRLCK);
    int rc = REAL(link)(from, to), saved = errno;
    if (rc == 0)
        log_name("L\t%s\n", y);
    lock(NAMES_LOCK, F_UNLCK);
    errno = saved;
    return rc;
}

int unlink(const char *path)
{
    char b[1200], kept[1200];
    const char *y = full(path, b, sizeof b);
    if (!root_len || !below_root(y))
        return REAL(unlink)(path);
    lock(NAMES_LOCK, F_WRLCK);
    keep(y, kept, sizeof kept);
    if (strcmp(kept, "-") != 0)
        log_name("U\t%s\t%s\n", y, kept);
    int rc = REAL(unlink)(path), saved = errno;
    lock(NAMES_LOCK, F_UNLCK);
    errno = saved;
    return rc;
}

/* A new name, or content that O_TRUNC would throw away unlogged (done by ftruncate instead). */
static int opened(int dir, const char *path, int flags, mode_t mode)
{
    char b[1200], mark[1100];
    struct stat st;
    const char *y = full(path, b, sizeof b);
    if (!root_len || dir != AT_FDCWD || !below_root(y) || !(flags & (O_CREAT | O_TRUNC)))
        return REAL(openat)(dir, path, flags, mode);
    lock(NAMES_LOCK, F_WRLCK);
    int is_new = stat(y, &st) != 0;
    int fd = REAL(openat)(dir, path, flags & ~O_TRUNC, mode), saved = errno;
    if (fd >= 0 && is_new && fstat(fd, &st) == 0) {
        snprintf(mark, sizeof mark, "%s/%llu.new", logs, (unsigned long long)st.st_ino);
        append(mark, "", 0, NULL, 0);
        log_name("C\t%llu\t%s\n", (unsigned long long)st.st_ino, y);
    }
    lock(NAMES_LOCK, F_UNLCK);
    if (fd >= 0 && (flags & O_TRUNC) && !is_new && ftruncate(fd, 0) != 0)
        give_up("O_TRUNC");
    errno = saved;
    return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(ap, int) : 0;
}

#define OPEN_LIKE(last, dir)                                                                       \
    va_list ap;                                                                                    \
    va_start(ap, last);                                                                            \
    mode_t mode = mode_of(flags, ap);                                                              \
    va_end(ap);                                                                                    \
    return opened(dir, path, flags, mode)

int open(const char *path, int flags, ...)
{
    OPEN_LIKE(flags, AT_FDCWD);
}

int openat(int dir, const char *path, int flags, ...)
{
    OPEN_LIKE(flags, dir);
}

/* The same under the names that _FILE_OFFSET_BITS=64 gives; off_t is 64 bits wide here anyway. */
#define SAME(name) __attribute__((alias(#name)))
int open64(const char *path, int flags, ...) SAME(open);
int openat64(int dir, const char *path, int flags, ...) SAME(openat);
ssize_t pwrite64(int fd, const void *data, size_t n, off_t at) SAME(pwrite);
ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t at) SAME(pwritev);
int ftruncate64(int fd, off_t size) SAME(ftruncate);
int truncate64(const char *path, off_t size) SAME(truncate);
int posix_fallocate64(int fd, off_t at, off_t len) SAME(posix_fallocate);
