/* The DEALER socket of a peer and its monitor: options, two-frame messages, connection events. */
#ifndef LJ_WORKERS_RUNNER_SOCKET_H
#define LJ_WORKERS_RUNNER_SOCKET_H

#include "common/buf.h"
#include "proto/wire.h"
#include "workers/runner/peer.h"

/* Connects in the background. errors: LJ_E_IO, LJ_E_CONFIG (endpoint or CURVE key) */
LJ_MUST int lj_socket_open(void *zctx, const struct lj_peer_cfg *cfg, void **ret_sock,
                           void **ret_monitor, struct lj_err *err);
void lj_socket_close(void **sock, void **monitor);

/* Sends envelope and body without waiting. errors: LJ_E_CLOSED nobody is connected, LJ_E_IO,
 * LJ_E_NOMEM */
LJ_MUST int lj_socket_send(void *sock, uint8_t type, uint64_t seq, const struct lj_buf *body,
                           struct lj_err *err);

/* Takes one message. Returns 1 with envelope and body, 0 when none waits.
 * owner:  body is initialised by the caller and closed by it
 * errors: LJ_E_PROTOCOL (another number of frames, a bad envelope: the message is read away),
 * LJ_E_IO */
LJ_MUST int lj_socket_receive(void *sock, struct lj_envelope *ret, zmq_msg_t *ret_body,
                              struct lj_err *err);

/* The next ZMQ_EVENT_* of the connection, 0 when none waits. */
int lj_socket_monitor_next(void *monitor);

#endif
