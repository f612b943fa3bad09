/* Who may connect over TCP: CURVE keys, a file of known peers, and the ZAP handler that libzmq asks
 * (on the loop, no thread). */
#ifndef LJ_COMMON_CURVE_H
#define LJ_COMMON_CURVE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/loop_zmq.h"

#define LJ_Z85_KEY        40 /* characters of a key as text, without the NUL */
#define LJ_CURVE_NAME_MAX 64

/* ---- keys ---- */

struct lj_keypair {
    char public_key[LJ_Z85_KEY + 1], secret_key[LJ_Z85_KEY + 1];
};

/* Reads a secret key file: lines whose first word is "#" are comments, the one other line is the
 * secret key in Z85; the public key is computed. errors: LJ_E_IO; LJ_E_CONFIG: group or others may
 * read it, it belongs to neither us nor root, it is no regular file, or holds no key */
LJ_MUST int lj_keypair_read(const char *path, struct lj_keypair *ret, struct lj_err *err);
/* Makes a pair and writes it to a new file, mode 0600 (an existing file is an error: keys are not
 * overwritten). errors: LJ_E_IO */
LJ_MUST int lj_keypair_create(const char *path, struct lj_keypair *ret, struct lj_err *err);
void lj_keypair_wipe(struct lj_keypair *k);

/* ---- sockets; all before bind or connect ---- */

/* The three endpoints are three ZAP domains, "liangjin.intake", ..., so that a key is refused at
 * the door it has no business at. */
enum lj_door { LJ_DOOR_INTAKE, LJ_DOOR_WORK, LJ_DOOR_STREAM };

/* Makes a socket a CURVE server that fails closed: domain, ZMQ_ZAP_ENFORCE_DOMAIN (read back), a
 * short handshake. errors: LJ_E_CONFIG */
LJ_MUST int lj_curve_server(void *zmq_socket, const struct lj_keypair *k, enum lj_door door,
                            struct lj_err *err);
/* Makes a socket a CURVE client of the server with that public key. errors: LJ_E_CONFIG */
LJ_MUST int lj_curve_client(void *zmq_socket, const struct lj_keypair *k,
                            const char *server_public_key, struct lj_err *err);

/* ---- peers ---- */

enum lj_curve_role {
    LJ_CURVE_GATEWAY, /* intake and stream; has authenticated its own clients, so it may speak as
                         client and as centre, in every class */
    LJ_CURVE_CLIENT,  /* intake; origin client only, the type's default class only */
    LJ_CURVE_WORKER,  /* work */
    LJ_CURVE_READER,  /* stream */
};
struct lj_curve_peer {
    uint8_t key[32];
    enum lj_curve_role role;
    char unit[6]; /* root of the unit subtree the peer may speak for; "*" = every unit */
    char name[LJ_CURVE_NAME_MAX + 1]; /* what a receiver gets from zmq_msg_gets(frame, "User-Id") */
};
const char *lj_curve_role_name(enum lj_curve_role role);
int lj_curve_may(const struct lj_curve_peer *p, enum lj_door door);

/* The ZAP handler with its table of peers. */
struct lj_curve;

/* Binds inproc://zeromq.zap.01 in that context (one a context) and answers on the loop from then
 * on. peers_path: <public key, Z85> <gateway|client|worker|reader> <unit code or *> <name> one peer
 * a line; a line whose first word is "#" is a comment
 * ("#" is a letter of Z85 too, so "#word" is no comment). Keys and names stand once.
 * errors: LJ_E_IO, LJ_E_CONFIG with the line's number, LJ_E_NOMEM */
LJ_MUST int lj_curve_open(struct lj_zloop *z, void *zmq_context, const char *peers_path,
                          struct lj_curve **ret, struct lj_err *err);

/* Reads the file again (SIGHUP). On an error the table stays as it is. A peer that is gone from the
 * file keeps its connection, but its name is not found any more: ask lj_curve_peer_of for every
 * message. errors: as lj_curve_open */
LJ_MUST int lj_curve_reload(struct lj_curve *curve, struct lj_err *err);

/* Who sent this frame (zmq_msg_t *, any frame of the message): the peer whose name is its User-Id,
 * copied out. Returns 0 or LJ_E_AUTH: no User-Id, or a name that is not in the table any more. */
LJ_MUST int lj_curve_peer_of(const struct lj_curve *curve, void *frame, struct lj_curve_peer *ret);
/* The peer of a name; NULL when unknown, also for a NULL name. Borrowed until the next reload. */
const struct lj_curve_peer *lj_curve_find(const struct lj_curve *curve, const char *name);

struct lj_curve_stats {
    uint64_t accepted, unknown_key, wrong_door, wrong_mechanism, malformed;
    size_t peers;
};
void lj_curve_stats(const struct lj_curve *curve, struct lj_curve_stats *ret);

/* Proves at start that the doors are shut: opens a CURVE server on a loopback port and lets a NULL
 * client and a client with a fresh key knock. Runs the loop meanwhile (uv_run NOWAIT), so call it
 * before the loop serves anything else. Takes a few milliseconds, at most timeout_ms. errors:
 * LJ_E_AUTH: one of them got in; LJ_E_TIMEOUT: no verdict in time; LJ_E_IO */
LJ_MUST int lj_curve_self_test(struct lj_curve *curve, uv_loop_t *loop, int timeout_ms,
                               struct lj_err *err);

/* Stops answering (new connections are then refused, see lj_curve_server); *curve = NULL at once,
 * cb (may be NULL) when the handles are gone. */
void lj_curve_close(struct lj_curve **curve, void (*cb)(void *arg), void *arg);

#endif
