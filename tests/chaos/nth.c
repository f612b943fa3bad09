/* The n-th call fails: linked into a program with -Wl,--wrap for each function named here.
 *
 * Only calls that our own objects make are wrapped, not those inside libzmq or libpq. The file
 * LJ_NTH_FILE is shared with nth.py, which arms one failure at a time: the call of class `class`
 * that makes `count` equal `at`. What a failing call says is what it says in life: NULL from the
 * allocator, 0 from PQsend..., -1 from PQflush, ENOMEM or EAGAIN from ZeroMQ (not EHOSTUNREACH:
 * that comes with the end of a connection, which the other side sees too). The frames of one ZeroMQ
 * message stay together, as in libzmq: only the first can be refused.
 *
 * Counting is atomic because the take-over and the opening of connections run on libuv's pool.
 */
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zmq.h>

enum class { NONE, ALLOC, LIBPQ, ZEROMQ };

/* The layout is struct "<4Q" in nth.py. */
struct arm {
    _Atomic uint64_t class, at, count, injected;
};

static struct arm *arm;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("LJ_NTH_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof *arm, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    arm = p == MAP_FAILED ? NULL : p;
    close(fd);
}

static int fails(enum class class)
{
    if (!arm || arm->class != class)
        return 0;
    if (atomic_fetch_add(&arm->count, 1) + 1 != arm->at)
        return 0;
    atomic_fetch_add(&arm->injected, 1);
    return 1;
}

#define WRAP(class, ret, name, failure, params, args)                                              \
    ret __real_##name params;                                                                      \
    ret __wrap_##name params;                                                                      \
    ret __wrap_##name params                                                                       \
    {                                                                                              \
        return fails(class) ? (failure) : __real_##name args;                                      \
    }                                                                                              \
    struct name##_wrapped

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

static int refused(int code)
{
    errno = code;
    return -1;
}

WRAP(ALLOC, void *, malloc, no_memory(), (size_t n), (n));
WRAP(ALLOC, void *, calloc, no_memory(), (size_t n, size_t size), (n, size));
WRAP(ALLOC, void *, realloc, no_memory(), (void *p, size_t n), (p, n));
WRAP(ALLOC, char *, strdup, no_memory(), (const char *s), (s));
WRAP(ALLOC, char *, strndup, no_memory(), (const char *s, size_t n), (s, n));

WRAP(LIBPQ, int, PQsendQueryParams, 0,
     (PGconn * c, const char *sql, int n, const Oid *types, const char *const *values,
      const int *lengths, const int *formats, int format),
     (c, sql, n, types, values, lengths, formats, format));
WRAP(LIBPQ, int, PQsendQueryPrepared, 0,
     (PGconn * c, const char *name, int n, const char *const *values, const int *lengths,
      const int *formats, int format),
     (c, name, n, values, lengths, formats, format));
WRAP(LIBPQ, int, PQsendPrepare, 0,
     (PGconn * c, const char *name, const char *sql, int n, const Oid *types),
     (c, name, sql, n, types));
WRAP(LIBPQ, int, PQpipelineSync, 0, (PGconn * c), (c));
WRAP(LIBPQ, int, PQflush, -1, (PGconn * c), (c));
WRAP(LIBPQ, int, PQconsumeInput, 0, (PGconn * c), (c));
WRAP(LIBPQ, int, PQsetnonblocking, -1, (PGconn * c, int on), (c, on));
WRAP(LIBPQ, int, PQenterPipelineMode, 0, (PGconn * c), (c));
WRAP(LIBPQ, PGconn *, PQconnectdbParams, NULL,
     (const char *const *names, const char *const *values, int expand), (names, values, expand));
WRAP(LIBPQ, PGresult *, PQexecParams, NULL,
     (PGconn * c, const char *sql, int n, const Oid *types, const char *const *values,
      const int *lengths, const int *formats, int format),
     (c, sql, n, types, values, lengths, formats, format));

WRAP(ZEROMQ, int, zmq_msg_init_size, refused(ENOMEM), (zmq_msg_t * m, size_t n), (m, n));
WRAP(ZEROMQ, int, zmq_connect, refused(EMFILE), (void *s, const char *where), (s, where));

/* 1 when this frame may be refused: the first of a message. */
static int first_frame(void *sock)
{
    static _Thread_local void *within;
    int first = within != sock;
    within = sock;
    return first;
}

/* After a frame: more of the same message, or none. */
static int sent(void *sock, int rc, int flags)
{
    if (rc < 0 || !(flags & ZMQ_SNDMORE))
        (void)first_frame(NULL);
    else
        (void)first_frame(sock);
    return rc;
}

int __real_zmq_send(void *sock, const void *data, size_t n, int flags);
int __wrap_zmq_send(void *sock, const void *data, size_t n, int flags);
int __wrap_zmq_send(void *sock, const void *data, size_t n, int flags)
{
    if (first_frame(sock) && fails(ZEROMQ))
        return sent(sock, refused(EAGAIN), flags);
    return sent(sock, __real_zmq_send(sock, data, n, flags), flags);
}

int __real_zmq_msg_send(zmq_msg_t *m, void *sock, int flags);
int __wrap_zmq_msg_send(zmq_msg_t *m, void *sock, int flags);
int __wrap_zmq_msg_send(zmq_msg_t *m, void *sock, int flags)
{
    if (first_frame(sock) && fails(ZEROMQ))
        return sent(sock, refused(EAGAIN), flags);
    return sent(sock, __real_zmq_msg_send(m, sock, flags), flags);
}
