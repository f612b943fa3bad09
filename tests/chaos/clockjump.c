/* A wall clock that a test can put forward and back while the program runs: LD_PRELOAD.
 *
 * LJ_CLOCK_FILE holds one int64, microseconds, which is added to CLOCK_REALTIME by clock_gettime,
 * gettimeofday and time; CLOCK_MONOTONIC stays as it is, as with a real step of the clock. The
 * file is mapped, so that a jump is felt between two calls. Used instead of libfaketime: nothing
 * to install, and it lives together with a sanitizer's run time.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*clock_fn)(clockid_t, struct timespec *);

static const volatile int64_t *shift;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("LJ_CLOCK_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
    shift = p == MAP_FAILED ? NULL : p;
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    static clock_fn real;
    if (!real)
        real = (clock_fn)dlsym(RTLD_NEXT, "clock_gettime");
    int rc = real(id, ts);
    if (rc == 0 && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t ns = ts->tv_nsec + *shift % 1000000 * 1000;
        ts->tv_sec += *shift / 1000000 + (ns < 0 ? -1 : ns / 1000000000);
        ts->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
    }
    return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec ts;
    (void)tz;
    if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
        return -1;
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec ts;
    if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
        return -1;
    if (ret)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}
