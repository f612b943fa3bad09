/* What a kind is: one C file that exports one `struct lj_worker`, named lj_worker_<file>. CMake
 * makes the registry from the file names in workers/: a newcomer copies template/ and adds one .c
 * file, its db/functions/<kind>.sql (tables, apply function, grants, its row in `kind`), and lists
 * its event types in proto/event_types.tsv.
 *
 * A worker is pure: it takes a batch of events and returns, per event, a verdict (or a failure) and
 * the effects as columns of its kind's apply function. It may read registers over a read-only role.
 * It writes nothing and asks no clock: event.received_at_us is "now".
 */
#ifndef LJ_WORKERS_WORKER_H
#define LJ_WORKERS_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/pgparam.h"

struct lj_event {
    int64_t position;
    int64_t received_at_us; /* "now" of this event */
    int64_t occurred_at_us; /* INT64_MIN: none */
    uint8_t id[16];
    int16_t unit; /* unit's number; unit_code is its code */
    uint16_t schema_version;
    uint16_t attempt;      /* 1 = first */
    const char *unit_code; /* "PS001" */
    const char *type;
    const char *key;     /* resolved: never NULL */
    const char *payload; /* JSON text, NUL behind payload_len; for a gated kind: the short result of
                            the kind it comes after */
    size_t payload_len;
};

struct lj_batch {
    const struct lj_event *events; /* in the order in which they count */
    size_t count;
};

/* Outcome under construction; every event must get exactly one of done / retry / final. */
struct lj_result;

/* verdict: the kind's own small number, 1.. (0 is reserved: "nothing to do"). */
void lj_result_done(struct lj_result *r, size_t i, int verdict);
/* The short normalised result that kinds gated on this one get instead of the payload (bytes
 * copied, at most 16 KiB). */
void lj_result_short(struct lj_result *r, size_t i, const void *bytes, size_t len);
/* Try again later: the system's fault (a read failed). The whole batch usually. */
void lj_result_retry(struct lj_result *r, size_t i, const struct lj_err *why);
/* Never going to work: the data's fault. The event is parked with this error. */
void lj_result_final(struct lj_result *r, size_t i, const struct lj_err *why);

/* The apply function's own columns, in the order of its parameters after the four standard ones
 * (closure int8, positions int8[], ids uuid[], received timestamptz[]). Declared once in
 * lj_worker.columns; the arrays may have any length (ragged data carry their own position column).
 */
struct lj_pgarray *lj_result_column(struct lj_result *r, size_t column);

struct lj_worker_ctx {
    const char *dsn;            /* read-only role liangjin_worker */
    const char *name;           /* this peer's name, for application_name */
    const char *opinion_bundle; /* the kind opinion's: file, or NULL for what is built in */
};

struct lj_worker {
    const char *kind;              /* = the row in table kind */
    const char *version;           /* changes whenever results may change */
    const enum lj_pgtype *columns; /* of the apply function, after the standard four */
    size_t ncolumns;
    /* Optional: connections, tables. errors: the runner logs, waits with backoff and tries again.
     */
    int (*open)(const struct lj_worker_ctx *ctx, void **ret_state, struct lj_err *err);
    /* Judges a batch. Returns 0, or an error for the whole batch (the runner turns it into retry or
     * final for every event). */
    int (*batch)(void *state, const struct lj_batch *in, struct lj_result *out, struct lj_err *err);
    void (*close)(void **state);
    /* Optional: SIGHUP, between two batches. Reads its tables again; logs what came of it. Whatever
     * fails, the state stays fit for use. */
    void (*reload)(void *state);
};

#endif
