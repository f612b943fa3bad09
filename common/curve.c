/* CURVE keys and sockets: key files, and the options that make a socket fail closed.
 *
 * CURVE alone encrypts; it does not say who may come in. A libzmq server without a ZAP handler lets
 * any key in, and a handler that starts late or dies opens the door again. So a server socket here
 * always has a ZAP domain and ZMQ_ZAP_ENFORCE_DOMAIN, and the option is read back: a libzmq that
 * does not know it must stop the start, not weaken it.
 *
 * A secret key file is refused when anybody else could have read it: a key that has been seen is no
 * key. Secrets are wiped after use.
 */
#include "common/curve.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/curve_part.h"

#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN                                                                     \
    93 /* a draft constant in zmq.h, but present in released libraries                             \
        */
#endif

enum { KEY_FILE_MAX = 4096, HANDSHAKE_MS = 5000 };

static const char *const DOMAINS[] = {
    [LJ_DOOR_INTAKE] = "liangjin.intake",
    [LJ_DOOR_WORK] = "liangjin.work",
    [LJ_DOOR_STREAM] = "liangjin.stream",
};

const char *lj_door_domain(enum lj_door door)
{
    return DOMAINS[door];
}

int lj_z85_is_key(const char *text, size_t n)
{
    static const char letters[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    char copy[LJ_Z85_KEY + 1];
    uint8_t key[32];
    if (n != LJ_Z85_KEY)
        return 0;
    memcpy(copy, text, n);
    copy[n] = '\0';
    return strspn(copy, letters) == n && zmq_z85_decode(key, copy) != NULL;
}

void lj_keypair_wipe(struct lj_keypair *k)
{
    sodium_memzero(k, sizeof *k);
}

/* Who can have read the file, judged on the open descriptor, not on the name. */
static int check_file(int fd, const char *path, struct lj_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return lj_fail(err, LJ_E_CONFIG, "key file %s is no regular file", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return lj_fail(err, LJ_E_CONFIG,
                       "key file %s has mode %04o: only its owner may read it (chmod 600)", path,
                       (unsigned)(st.st_mode & 07777));
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return lj_fail(err, LJ_E_CONFIG, "key file %s belongs to user %u, not to this process's",
                       path, (unsigned)st.st_uid);
    return 0;
}

/* The one line that is no comment. */
static int find_key(char *text, const char *path, char ret_key[LJ_Z85_KEY + 1], struct lj_err *err)
{
    int found = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
        size_t n = strcspn(line, " \t");
        if (n == 1 && *line == '#')
            continue;
        if (found || line[n] != '\0' || !lj_z85_is_key(line, n))
            return lj_fail(err, LJ_E_CONFIG, "key file %s must hold one line of %d Z85 characters",
                           path, LJ_Z85_KEY);
        memcpy(ret_key, line, LJ_Z85_KEY + 1);
        found = 1;
    }
    return found ? 0 : lj_fail(err, LJ_E_CONFIG, "key file %s holds no key", path);
}

int lj_keypair_read(const char *path, struct lj_keypair *ret, struct lj_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "key file %s", path);
    char text[KEY_FILE_MAX + 1];
    struct lj_keypair k = {{0}, {0}};
    int rc = check_file(fd, path, err);
    ssize_t n = rc == 0 ? read(fd, text, KEY_FILE_MAX) : 0;
    if (rc == 0 && n < 0)
        rc = lj_fail_errno(err, LJ_E_IO, errno, "key file %s", path);
    close(fd);
    if (rc == 0) {
        text[n] = '\0';
        rc = find_key(text, path, k.secret_key, err);
    }
    if (rc == 0 && zmq_curve_public(k.public_key, k.secret_key) != 0)
        rc = lj_fail(err, LJ_E_CONFIG, "key file %s: this libzmq has no CURVE", path);
    if (rc == 0)
        *ret = k;
    sodium_memzero(text, sizeof text);
    lj_keypair_wipe(&k);
    return rc;
}

int lj_keypair_create(const char *path, struct lj_keypair *ret, struct lj_err *err)
{
    struct lj_keypair k;
    char text[256];
    if (zmq_curve_keypair(k.public_key, k.secret_key) != 0)
        return lj_fail(err, LJ_E_IO, "this libzmq has no CURVE");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "key file %s", path);
    int n = snprintf(text, sizeof text, "# liangjin secret key; its public key: %s\n%s\n",
                     k.public_key, k.secret_key);
    int rc = write(fd, text, (size_t)n) == n && fsync(fd) == 0
                 ? 0
                 : lj_fail_errno(err, LJ_E_IO, errno, "key file %s", path);
    close(fd);
    if (rc == 0)
        *ret = k;
    else
        unlink(path);
    sodium_memzero(text, sizeof text);
    lj_keypair_wipe(&k);
    return rc;
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

int lj_curve_server(void *socket, const struct lj_keypair *k, enum lj_door door, struct lj_err *err)
{
    const char *domain = lj_door_domain(door);
    if (set_int(socket, ZMQ_CURVE_SERVER, 1) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, k->secret_key, LJ_Z85_KEY) != 0 ||
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) != 0 ||
        set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) != 0)
        return lj_fail(err, LJ_E_CONFIG, "CURVE server at %s: %s", domain, zmq_strerror(errno));
    int enforced = 0;
    size_t n = sizeof enforced;
    if (set_int(socket, ZMQ_ZAP_ENFORCE_DOMAIN, 1) != 0 ||
        zmq_getsockopt(socket, ZMQ_ZAP_ENFORCE_DOMAIN, &enforced, &n) != 0 || !enforced)
        return lj_fail(err, LJ_E_CONFIG,
                       "this libzmq has no ZMQ_ZAP_ENFORCE_DOMAIN: a missing ZAP handler would let "
                       "everybody in");
    return 0;
}

int lj_curve_client(void *socket, const struct lj_keypair *k, const char *server_public_key,
                    struct lj_err *err)
{
    if (!lj_z85_is_key(server_public_key, strlen(server_public_key)))
        return lj_fail(err, LJ_E_CONFIG, "the server's public key is no Z85 key of %d characters",
                       LJ_Z85_KEY);
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public_key, LJ_Z85_KEY) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, k->public_key, LJ_Z85_KEY) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, k->secret_key, LJ_Z85_KEY) != 0)
        return lj_fail(err, LJ_E_CONFIG, "CURVE client: %s", zmq_strerror(errno));
    return 0;
}
