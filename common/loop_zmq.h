/* ZeroMQ sockets on a libuv loop by prepare/check/idle (the rules stand at the head of loop_zmq.c).
 */
#ifndef LJ_COMMON_LOOP_ZMQ_H
#define LJ_COMMON_LOOP_ZMQ_H

#include <uv.h>

#include "common/err.h"

struct lj_zloop; /* one a uv loop */
struct lj_zsock; /* one watched socket */

/* Called on the loop thread for each whole message received, at most `budget` a turn and socket.
 * msgs are the nframes frames (zmq_msg_t *, borrowed, closed by the loop afterwards); a message of
 * more frames than max_frames is read away, never shown, and reported with nframes = 0 and the
 * first frame only. */
typedef void (*lj_zsock_cb)(struct lj_zsock *s, void *msgs, int nframes, void *arg);

LJ_MUST int lj_zloop_open(uv_loop_t *loop, struct lj_zloop **ret, struct lj_err *err);
/* Close: all sockets must be closed first; cb may be NULL. */
void lj_zloop_close(struct lj_zloop **z, void (*cb)(void *arg), void *arg);

/* Watch zmq socket `sock` (void *, stays owned by the caller until lj_zsock_close's cb). max_frames
 * as above (1..16). */
LJ_MUST int lj_zsock_open(struct lj_zloop *z, void *sock, int max_frames, lj_zsock_cb cb, void *arg,
                          struct lj_zsock **ret, struct lj_err *err);
void *lj_zsock_raw(struct lj_zsock *s);
/* Stop or go on reading (back pressure towards peers); sending stays possible. */
void lj_zsock_pause(struct lj_zsock *s, int paused);
/* Unwatch; the zmq socket itself is closed by zmq_close inside, with LINGER set to linger_ms, then
 * cb (may be NULL). linger_ms LJ_ZSOCK_KEEP: the socket belongs to somebody else (lj_client_socket)
 * and is left open. */
#define LJ_ZSOCK_KEEP (-2)
void lj_zsock_close(struct lj_zsock **s, int linger_ms, void (*cb)(void *arg), void *arg);

/* Runs cb once at the end of each loop turn (in prepare, before ZMQ_EVENTS is asked): the place
 * where a turn's work is flushed. */
void lj_zloop_on_turn(struct lj_zloop *z, void (*cb)(void *arg), void *arg);

#endif
