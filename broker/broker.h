/* The broker's root and the contracts between its modules. One event crosses: intake (in), log
 * (durable), dispatch (out and back), stream.
 *
 *   main.c      options, signals, exit status
 *   broker.c    life: take over, run, recover after a lost database, drain
 *   takeover.c  reads the log's state off the loop (uv_queue_work): settings, epoch, catalogue,
 * backlog intake.c    SUBMIT: admit, queue; judge.c: one event; answer.c: ACK, ids in flight log.c
 * turns: what is ready becomes one transaction a lane; order of retirement; frontier turn_sql.c  a
 * turn's statements dispatch.c  leases: batches to peers, results back; failure.c: what happens to
 * a batch that failed peers.c     the work socket and who is on it stream.c    XPUB; settle.c:
 * settle functions behind the watermark; admin.c: the operator's requests backlog.c, queues.c,
 * openset.c, window.c, u64map.c, catalog.c: data, no I/O
 */
#ifndef LJ_BROKER_BROKER_H
#define LJ_BROKER_BROKER_H

#include <jansson.h>
#include <uv.h>
#include <zmq.h>

#include "broker/backlog.h"
#include "broker/catalog.h"
#include "broker/flows.h"
#include "broker/u64map.h"
#include "broker/window.h"
#include "common/curve.h"
#include "common/db.h"
#include "common/loop_zmq.h"
#include "common/metrics.h"
#include "common/pgparam.h"
#include "proto/json_scan.h"
#include "proto/limits.h"
#include "proto/wire.h"

struct broker;
struct lease;

#define LJ_LANES_MAX       4
#define LJ_TURN_EVENTS_MAX 1000 /* new events a turn. source: architecture §4, perf.md 2a */
#define LJ_TURN_LEASES_MAX 8    /* result batches a turn. source: architecture §4 */
#define LJ_TURNS_CAREFUL   64   /* turns after a repeated id, in which others are expected */
#define LJ_BATCH_EVENTS    500  /* events a batch to a worker. source: architecture §4 */
#define LJ_RID_MAX         32   /* bytes of a routing id; libzmq's own are 5 */

struct broker_config {
    char *dsn, *run_dir, *owner, *log_level;
    char *intake_tcp, *work_tcp, *stream_tcp, *curve_secret, *peers_file;
    int64_t shard, lanes, backlog_max, window_bytes, attempts_max, intake_events_max,
        intake_bytes_max, drain_ms, lease_min_ms;
    int64_t settle_ms, settle_positions, batch_max;
    bool calendar;
};

enum broker_state {
    BROKER_STARTING,
    BROKER_RUNNING,
    BROKER_RECOVERING,
    BROKER_DRAINING,
    BROKER_STOPPED
};

/* ---- intake ---- */

struct rid {
    uint8_t n, bytes[LJ_RID_MAX];
};

struct submission;
struct pend {             /* an event between SUBMIT and its answer */
    struct pend *next;    /* in its unit's queue or in its turn */
    struct pend *chain;   /* others with the same id hash that are in flight */
    struct pend *waiters; /* later submissions of the same id: they wait for the same answer */
    struct submission *sub;
    uint16_t index; /* in the submission */
    uint8_t flags;  /* LJ_ITEM_OWN_KEY */
    uint8_t type;   /* catalogue index */
    uint8_t class;
    uint16_t schema_version;
    int16_t unit;
    int64_t occurred_at_us, position;
    uint64_t arrival;       /* order over all units, given by the queue */
    int64_t doubt_position; /* where a turn of unknown outcome wanted to put it, 0 = none: a row
                               found there is this one */
    uint64_t key_hash;
    uint8_t id[16], hash[16];
    struct lj_slice key, source,
        payload; /* into the submission's body; key may be in its own copy */
    char *key_copy;
};

struct answer {
    int16_t code;
    uint16_t retry_after_s;
    int64_t position;
    char detail[96];
};

struct submission {
    struct rid from;
    struct lj_zsock *sock; /* where the ACK goes; NULL: the broker's own, `done` is called */
    void (*done)(struct submission *s, void *arg);
    void *arg;
    uint64_t seq;
    uint64_t peer_key; /* of the sender in intake.peers */
    zmq_msg_t body;
    size_t bytes;
    int64_t at_us;        /* monotonic, for the ack latency */
    uint16_t count, left; /* left: events without an answer */
    uint16_t holds;       /* stored events whose turn has not retired: the body is still needed */
    struct answer *answers;
    struct pend *pends;
};

struct intake {
    struct lj_zsock *sock, *tcp;
    struct lj_json_scratch *scratch;
    struct lj_flows flows; /* not in a turn yet */
    size_t events, bytes;  /* held in all: queue, turns, waiters */
    size_t read;           /* events taken in this turn of the loop */
    struct lj_u64map by_id;
    uint32_t per_unit[LJ_UNITS_MAX];
    uint64_t stored, duplicates, conflicts, refused, busy, bad_messages, unknown_peers;
    struct lj_u64map peers; /* hash of routing id -> 1 + events it has without an answer; present =
                               it has said HELLO */
    struct lj_hist ack_seconds;
};

int intake_open(struct broker *b, struct lj_err *err);
void intake_close(struct broker *b);
void intake_turn(struct broker *b); /* a turn of the loop begins: reading goes on */
/* Answer an event (and what waits for it). code as in ACK. Frees it. */
void intake_stored(struct broker *b, struct pend *p);  /* keeps it until intake_release */
void intake_release(struct broker *b, struct pend *p); /* its turn has retired */
void intake_exists(struct broker *b, struct pend *p, int64_t position, const uint8_t hash[16]);
void intake_refuse(struct broker *b, struct pend *p, int code, const char *detail);
/* The catalogue is about to be replaced: what is queued gets its type's new index, or is refused
 * where the type is gone. */
void intake_renumber(struct broker *b, const struct lj_catalog *next);
void intake_ack_early(struct broker *b, struct pend *list); /* negative control of the tests only */
/* An event of the broker's own (operator.*, calendar.*). id: NULL for a new one. done, which may be
 * NULL, gets the answer, at once where the event is refused. */
int intake_own(struct broker *b, const char *type, const char *payload, const uint8_t *id,
               void (*done)(struct submission *, void *), void *arg);

/* ---- the calendar ---- */

struct calendar { /* local days, counted from 1970-01-01 */
    int64_t begun, asked;
    int64_t again_us;
};
void calendar_tick(struct broker *b, int64_t now_us);

/* ---- leases ---- */

struct peer;
enum lease_state { LEASE_FETCHING, LEASE_OUT, LEASE_RESULT, LEASE_TURN };

struct lease {
    struct lease *next; /* list of all leases, or the queue of results */
    uint64_t id;
    size_t kind;
    enum lease_state state;
    struct lj_group *group;
    struct peer *peer; /* NULL when gone */
    int64_t sent_us, deadline_us;
    struct lease_event {
        int64_t received_us;
        uint8_t id[16];
    } * events;          /* of the group's items, in order */
    struct lj_buf batch; /* records under construction while fetching; empty afterwards */
    zmq_msg_t body;      /* the RESULT: shorts and params point into it */
    int has_body;
    size_t *held_bytes; /* dispatch.result_bytes, where its body counts */
    int16_t *verdicts;
    struct lj_slice *shorts;
    struct lj_slice params;
    char worker[LJ_WORD_MAX + 1], version[LJ_WORD_MAX + 1];
};

enum cause { CAUSE_DATA, CAUSE_FINAL, CAUSE_CRASH, CAUSE_SYSTEM };

struct park { /* a group on its way to the dead letters */
    struct park *next;
    size_t kind;
    struct lj_group *group;
    int behind;
    struct lj_err err;
    char worker[LJ_WORD_MAX + 1], version[LJ_WORD_MAX + 1];
};

struct dispatch {
    struct lease *leases;                      /* FETCHING, OUT */
    struct lease *results_head, *results_tail; /* RESULT, waiting for a lane */
    size_t nresults, nleases;
    size_t result_bytes; /* RESULT bodies held until their COMMIT */
    struct park *parks_head, *parks_tail;
    struct lj_window payloads;
    struct lj_window shorts[LJ_KINDS_MAX]; /* by gated kind; budget shared out */
    uint64_t next_id;
    uint8_t paused[LJ_KINDS_MAX];
    uint64_t closed[LJ_KINDS_MAX], parked[LJ_KINDS_MAX], failed[LJ_KINDS_MAX], deadlines,
        late_results;
    uint64_t held_back; /* times an event was not given out because its unit is not known */
    struct lj_hist last_effect_seconds; /* received -> retired, of every closure */
};

void dispatch_open(struct broker *b);
void dispatch_reset(struct broker *b); /* forget all leases and results (the log is read anew) */
void dispatch_run(
    struct broker *b); /* give out what may go out; called at the end of every loop turn */
void dispatch_tick(struct broker *b, int64_t now_us);                    /* deadlines */
void dispatch_result(struct broker *b, struct peer *p, zmq_msg_t *body); /* result.c */
void dispatch_peer_gone(struct broker *b, struct peer *p);
struct lease *dispatch_take_result(struct broker *b);
void dispatch_put_back(struct broker *b, struct lease *l);
void dispatch_closed(struct broker *b, struct lease **l, int64_t now_us); /* its turn has retired */
void dispatch_failed(struct broker *b, struct lease **l, enum cause cause,
                     const struct lj_err *why);
void dispatch_suspect(struct broker *b,
                      const struct lease *l); /* its worker's data failed once more */
int dispatch_idle(const struct broker *b);    /* nothing leased, no results */
void lease_free(struct lease **l);
void lease_unlist(struct broker *b, struct lease *l); /* out of the list of leases */
void lease_free_slot(struct lease *l);                /* its peer has a slot more; l->peer = NULL */
/* failure.c */
void failure_group(struct broker *b, size_t kind, struct lj_group **g, enum cause cause,
                   const struct lj_err *why, const char *worker, const char *version);
void failure_park_behind(struct broker *b, size_t kind, struct lj_group **g);
struct park *failure_take_park(struct broker *b);
void failure_put_back(struct broker *b, struct park *p);
void failure_parked(struct broker *b, struct park **p);
void failure_reset(struct broker *b);
/* fetch.c: complete a lease's batch from the window or the log, then send it */
void fetch_batch(struct broker *b, struct lease *l);
void fetch_forget(struct broker *b, size_t kind,
                  const struct lj_group *g);           /* these are not fetched after all */
void dispatch_send(struct broker *b, struct lease *l); /* its batch is complete */
void fetch_keep_short(struct broker *b, size_t kind, const struct lease *gate,
                      size_t i); /* what `kind` gets of it instead of the payload */

/* ---- peers ---- */

struct peer {
    struct peer *next;
    struct rid rid;
    struct lj_zsock *sock;
    uint64_t nonce;
    size_t kind;
    unsigned slots, leased;
    int leaving; /* said BYE */
    int blamed;  /* one of its batches has been blamed for its going */
    int suspect; /* paused: it fails where others pass */
    unsigned failures_in_row;
    int64_t full_until_us; /* its socket took nothing: not tried before */
    double per_event_us;   /* measured, smoothed; 0 = not yet */
    uint64_t done;
    char name[LJ_WORD_MAX + 1], version[LJ_WORD_MAX + 1];
};

struct peers {
    struct lj_zsock *sock, *tcp;
    struct peer *list;
    size_t count;
    uint64_t bad_messages, send_failed;
};

int peers_open(struct broker *b, struct lj_err *err);
void peers_close(struct broker *b);
int peers_send(struct broker *b, struct peer *p, uint8_t type, uint64_t seq,
               struct lj_buf *body); /* 0, or the peer is gone */
void peers_bye_if_idle(struct broker *b, struct peer *p);
void peers_overdue(struct broker *b, struct peer *p); /* asked WHO and gone: p is freed */
void peers_tick(struct broker *b);
void peers_forget(struct broker *b); /* every peer must say HELLO again */

/* ---- the log ---- */

struct new_event { /* a follow-on event, as emit_follow_on returned it */
    struct new_event *next;
    int64_t position;
    uint8_t id[16];
    uint8_t type, class;
    uint16_t schema_version;
    int16_t unit;
    struct lj_slice key, payload; /* behind the struct */
};

enum turn_state { TURN_SENT, TURN_COMMITTED, TURN_ABORTED };

struct turn {
    struct turn *next; /* order of allocation */
    struct broker *b;
    enum turn_state state;
    int lane;            /* -1: settle's */
    int64_t now_us;      /* received_at of its events, closed_at of its closures */
    int64_t first, last; /* positions allotted; last = first - 1: none */
    struct pend *pends;
    size_t npends;
    int64_t inserted;
    struct lease *leases[LJ_TURN_LEASES_MAX];
    int64_t base[LJ_TURN_LEASES_MAX], cap[LJ_TURN_LEASES_MAX];
    size_t nleases;
    int64_t closure_first;
    struct park *parks[LJ_TURN_LEASES_MAX];
    size_t nparks;
    struct new_event *follow_head, *follow_tail;
    uint64_t number;  /* of the first lane's; 0 = none */
    uint64_t after;   /* commits only when that turn has; 0 = by itself */
    int followed;     /* the turn it comes after has failed: it fails as well, and holds nothing */
    int careful;      /* ids are looked for before they are appended */
    int failed;       /* a statement failed */
    int failed_lease; /* index, -1: not a lease's statement */
    int failed_append;
    int failed_park; /* index, -1: not a park's statement */
    struct lj_err err;
    struct turn_ref {
        struct turn *t;
        int what;
        int index;
    } refs[4 * LJ_TURN_LEASES_MAX + 4]; /* callback arguments */
    int nrefs;
    int64_t started_us;
};

struct lane {
    struct lj_db *db;
    struct turn *last; /* in the pipeline: the one that was sent last */
    unsigned flying;   /* turns in the pipeline */
    int64_t last_start_us, not_before_us;
    size_t events_max, leases_max;
    unsigned failures;
    unsigned careful; /* turns for which ids are looked for before they are appended */
};

struct log {
    struct lane lanes[LJ_LANES_MAX];
    struct lj_db *reads; /* fetches, duplicates, directory */
    struct turn *order_head, *order_tail;
    int64_t next_position, next_closure;
    int64_t frontier, closure_frontier; /* retired */
    int64_t marks_written[LJ_KINDS_MAX];
    int marks_dirty; /* something has retired since the last turn wrote marks */
    int64_t marks_due_us;
    struct {
        struct lj_pgarray positions, ids, types, units, classes, versions, occurred, keys, sources,
            hashes, payloads;
    } cols;
    struct lj_pgarray lease_positions, lease_ids, lease_received, lease_verdicts, mark_kinds,
        mark_values;
    uint64_t turns, turns_aborted, turns_again, turn_number;
    double us_per_event; /* of the first lane's turns without results, smoothed; 0 = not yet */
    struct lj_hist commit_seconds;
    int64_t epoch;
};

void log_forget_turns(
    struct broker *b); /* after the connections are closed: parts go back, outcomes are in doubt */
void log_run(
    struct broker *b); /* start what can be started; called at the end of every loop turn */
int64_t log_next_wake(const struct broker *b,
                      int64_t now_us); /* when log_run wants to be called again, INT64_MAX */
int log_idle(const struct broker *b);
void log_order(struct broker *b, struct turn *t);
void log_retire(struct broker *b);
/* retire.c */
struct new_event *log_read_follow_on(struct broker *b, const PGresult *r, int row);
void turn_free(struct turn **t);
/* turn_sql.c */
char **turn_setup(const struct broker *b,
                  struct lj_err *err); /* NULL-terminated, to be freed with turn_setup_free */
void turn_setup_free(char ***setup);
int turn_send(struct broker *b, struct lane *lane, struct turn *t, struct lj_err *err);

/* ---- stream, settle, admin ---- */

struct stream {
    void *raw, *raw_tcp;
    struct lj_zsock *sock, *tcp;
    struct lj_buf events, closures;
    uint16_t nevents, nclosures;
    int64_t events_prev, closures_prev;
    uint64_t sent, dropped;
    int64_t last_head_us;
};
int stream_open(struct broker *b, struct lj_err *err);
void stream_close(struct broker *b);
void stream_event(struct broker *b, int64_t position, const uint8_t id[16], int64_t received_us,
                  int unit, int type);
void stream_closure(struct broker *b, int64_t number, const struct lease *l, int64_t closed_us);
void stream_flush(struct broker *b);
void stream_head(struct broker *b, int64_t now_us);
void stream_restart(struct broker *b, int64_t position, int64_t number);

struct settle {
    struct lj_db *db;
    int busy;
    int unread; /* an event it announced could not be read back */
    size_t kind;
    int64_t upto, settled[LJ_KINDS_MAX];
    int64_t step[LJ_KINDS_MAX]; /* in a replay: up to where it is settled next, INT64_MAX */
    int64_t next_step;          /* of the kind that is being settled */
    int64_t next_us;
    struct turn *turn;
    unsigned failures;
    uint64_t runs, emitted;
    struct lj_err err;
    int64_t started_us;
    struct lj_hist seconds;
};
void settle_run(struct broker *b, int64_t now_us);
int settle_idle(const struct broker *b);

struct admin {
    struct lj_zsock *sock;
    struct request *waiters;
};
int admin_open(struct broker *b, struct lj_err *err);
void admin_close(struct broker *b);
void admin_drained(struct broker *b); /* tell who asked */
json_t *admin_status(struct broker *b);
void metrics_write(struct broker *b, struct lj_buf *out);

/* ---- root ---- */

struct broker {
    struct broker_config cfg;
    uv_loop_t *loop;
    void *zctx;
    struct lj_zloop *zloop;
    struct lj_curve *curve;
    struct lj_keypair keys;
    enum broker_state state;
    uint64_t nonce;
    struct lj_catalog *cat;
    struct lj_backlog *backlog;
    struct intake intake;
    struct dispatch dispatch;
    struct peers peers;
    struct log log;
    struct stream stream;
    struct settle settle;
    struct calendar calendar;
    struct admin admin;
    uv_timer_t tick, wake, again; /* again: the next try to take over */
    uv_work_t work;
    struct takeover_work *taking; /* under way off the loop */
    int timers_open;
    int closing; /* connections whose close is awaited */
    int draining, stopping, kicked;
    int64_t drain_deadline_us;
    int exit_status;
    int directory_dirty, directory_loading;
    unsigned failures; /* tries to take over that failed in a row */
    uint64_t recoveries;
    int64_t rate_at_us;
    uint64_t rate_events, rate_closed[LJ_KINDS_MAX];
    double events_per_s, closed_per_s[LJ_KINDS_MAX];
    void (*stopped)(struct broker *b);
};

int broker_open(struct broker *b, uv_loop_t *loop, struct lj_err *err);
/* sockets.c */
struct endpoint {
    int type;
    const char *ipc_file;
    const char *tcp;
    enum lj_door door;
}; /* an ipc file of the run directory, or TCP under CURVE */
int broker_bind(struct broker *b, const struct endpoint *e, lj_zsock_cb cb, struct lj_zsock **ret,
                struct lj_err *err);
int broker_trust(struct broker *b,
                 struct lj_err *err); /* keys and ZAP handler, where there is a TCP endpoint */
void broker_drain(struct broker *b, int64_t timeout_ms); /* then stopped() */
void broker_stop(struct broker *b);                      /* close everything now, then stopped() */
void broker_lost(struct broker *b, const struct lj_err *why); /* a connection broke: recover */
void broker_fail(struct broker *b, int exit_status, const char *id,
                 const struct lj_err *why); /* cannot go on */
void broker_kick(struct broker *b);         /* something may be startable: make the loop turn */
int broker_reads(const struct broker *b);   /* the reads connection is up */

struct takeover_result {
    struct lj_catalog *cat;
    struct lj_backlog *backlog;
    int64_t epoch, next_position, next_closure, frontier, closure_frontier;
    int64_t marks[LJ_KINDS_MAX], settled[LJ_KINDS_MAX], step[LJ_KINDS_MAX];
    uint8_t paused[LJ_KINDS_MAX];
};
/* held: the epoch under which this process has owned the log before, 0 = never; nonce: of its boot.
 */
struct takeover_self {
    int64_t held;
    uint64_t nonce;
};
/* Blocking; runs off the loop. errors: LJ_E_CONFIG = the database's settings or schema do not allow
 * to run; LJ_E_FENCED = another has taken over from this process since. */
LJ_MUST int takeover_read(const struct broker_config *cfg, const struct takeover_self *self,
                          struct takeover_result *ret, struct lj_err *err);

#endif
