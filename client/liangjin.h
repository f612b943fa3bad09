/* libliangjin: hand events to a Liangjin broker, know for each of them what became of it.
 *
 * The library belongs to no event loop and starts no thread (ZeroMQ has its own). A program with a
 * loop watches lj_client_socket, passes what it receives to lj_client_receive, calls
 * lj_client_flush at the end of each turn and lj_client_tick at the time tick returned; a program
 * without one calls lj_client_run. One client is used by one thread.
 *
 * What is promised: each accepted submit has its callback called exactly once. A positive answer
 * means that the event's COMMIT is flushed. Events without an answer are sent again with the same
 * ids, which is harmless: an id is stored once. Memory is bounded by the two limits in the options;
 * nothing blocks, except lj_client_run and lj_client_close for as long as the caller said.
 */
#ifndef LIANGJIN_H
#define LIANGJIN_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "proto/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lj_client;

/* Zero it, set endpoint and name, leave the rest 0 for the defaults. All pointers are only read
 * during lj_client_open. */
struct lj_client_options {
    const char *endpoint; /* "ipc:///run/liangjin/intake.sock", "tcp://host:port" */
    const char
        *name; /* 1-64 of A-Z a-z 0-9 . _ - : @ / + ; goes into the broker's log and metrics */
    const char
        *curve_server_key; /* Z85, 40 characters; the three together, or all NULL (ipc only) */
    const char *curve_public_key;
    const char *curve_secret_key;
    uint32_t events_max;   /* events without an answer, waiting or sent; beyond: LJ_E_BUSY. default
                              10,000 */
    size_t bytes_max;      /* their record bytes together; beyond: LJ_E_BUSY. default 16 MiB */
    uint32_t pack_max;     /* events a SUBMIT, 1-500. default 200 */
    int64_t deadline_us;   /* from submit to the callback, at the latest. default 30 s */
    int64_t resend_us;     /* without an answer for so long: sent again; doubles each time, +-25 %.
                              default 3 s */
    int64_t resend_max_us; /* where doubling ends. default 15 s */
    int64_t
        hello_us; /* HELLO as a sign of life; three without an answer: not connected. default 1 s */
    void *zmq_context; /* a ZeroMQ context to share; NULL = one of its own */
    int64_t (*clock_us)(
        void *arg); /* monotonic, microseconds; NULL = the system's. For tests and simulations */
    void *clock_arg;
};

/* What became of one event; borrowed for the callback. */
struct lj_answer {
    int code; /* 0 stored now; 1 stored before with the same content (same position); negative
                 LJ_E_*: see below */
    int64_t position;       /* 0 where not stored */
    unsigned retry_after_s; /* how long to wait before the same is sent again; 0 = not said */
    struct lj_slice detail; /* UTF-8 text for people, not terminated; may be empty */
    const uint8_t *id;      /* 16 bytes: the event's id */
};
/* A negative code from the broker means refused, nothing stored (lj_err_info(code)->retry: the same
 * may be sent again), except LJ_E_DB_LOST      the broker lost its database while committing:
 * unknown, submit the same id again; LJ_E_TIMEOUT      sent, but no answer before the deadline or
 * lj_client_close: unknown, likewise; and by the library itself, certainly not stored:
 *   LJ_E_BROKER_AWAY  never sent before the deadline (no broker was there), LJ_E_CLOSED: not sent
 * before lj_client_close. In a callback lj_client_submit and lj_client_flush may be called;
 * receive, tick, run and close must not. */
typedef void (*lj_answer_cb)(const struct lj_answer *answer, void *arg);

/* Opens and begins to connect; the broker need not be there. errors: LJ_E_CONFIG (an option),
 * LJ_E_IO, LJ_E_NOMEM. */
LJ_MUST int lj_client_open(const struct lj_client_options *options, struct lj_client **ret,
                           struct lj_err *err);

/* Waits up to drain_ms for what has no answer (callbacks are called), then calls the callbacks that
 * are left, then frees. NULL is fine. The socket must not be watched any more. 0 = does not wait.
 */
void lj_client_close(struct lj_client **client, int drain_ms);

/* Queues a copy of one event; it leaves with the next flush, packed with others.
 * The event's class 255 and an empty key mean the type's defaults; occurred_at_us may be
 * LJ_TIME_NONE. errors (the callback is not called then): LJ_E_BUSY back pressure: wait for
 * answers; LJ_E_TOO_LARGE, LJ_E_ARG: the event; LJ_E_NOMEM. */
LJ_MUST int lj_client_submit(struct lj_client *client, const struct lj_submit_event *event,
                             lj_answer_cb cb, void *arg, struct lj_err *err);

/* Sends what is queued, as far as the broker is there and ZeroMQ takes it. Never blocks. */
void lj_client_flush(struct lj_client *client);

/* The DEALER socket, to be watched for reading (common/loop_zmq.h); stays the client's: do not
 * close it. */
void *lj_client_socket(struct lj_client *client);

/* One whole message from that socket: msgs = array of nframes zmq_msg_t, borrowed. nframes 0 = a
 * message with too many frames (counted). */
void lj_client_receive(struct lj_client *client, void *msgs, int nframes);

/* Does what time asks for (HELLO, sending again, deadlines); returns the monotonic time in
 * microseconds at which it wants to be called next. */
int64_t lj_client_tick(struct lj_client *client, int64_t now_us);

/* For programs without a loop: flush, then wait up to timeout_ms (-1: without limit) until at least
 * one callback was called, a signal came, or, while no event waits for an answer, the broker is
 * there. Returns the number of callbacks called, or LJ_E_IO, LJ_E_CLOSED. */
LJ_MUST int lj_client_run(struct lj_client *client, int timeout_ms, struct lj_err *err);

/* 1 while the broker has answered within the last three signs of life. */
int lj_client_connected(const struct lj_client *client);

/* Counters since open, and the present state. */
struct lj_client_stats {
    uint64_t submitted, busy; /* accepted by submit; refused with LJ_E_BUSY */
    uint64_t stored, repeated, refused, unknown,
        not_sent; /* callbacks by outcome: code 0, 1, negative, TIMEOUT and DB_LOST, AWAY and CLOSED
                   */
    uint64_t messages_sent, events_sent; /* SUBMITs and the events in them, repeats included */
    uint64_t events_resent;
    uint64_t send_again; /* ZeroMQ took no more (no connection, or its queue is full) */
    uint64_t welcomes, who, broker_changes; /* broker_changes: another broker nonce than before */
    uint64_t malformed, unknown_seq,
        errors; /* answers: unreadable; to nothing that waits (late or double); ERROR messages */
    uint32_t events, events_unsent; /* without an answer; of these not sent yet */
    size_t bytes;                   /* record bytes of the events without an answer */
    uint64_t broker_nonce;          /* 0 = none seen */
    int last_error;                 /* code of the last ERROR message, 0 = none */
};
void lj_client_stats(const struct lj_client *client, struct lj_client_stats *ret);

#ifdef __cplusplus
}
#endif

#endif
