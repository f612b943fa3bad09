/* `ljctl up`: what its files share. One struct lj_up a run; the supervisor's loop is pumped by
 * lj_up_wait, so start and stop read as sequences. */
#ifndef LJ_CTL_UP_H
#define LJ_CTL_UP_H

#include <sys/types.h>
#include <uv.h>

#include "common/db.h"
#include "ctl/ctl.h"
#include "ctl/layout.h"

enum { LJ_CHILD_ARGS = 24, LJ_CHILDREN_MAX = 512 };

enum lj_child_state {
    LJ_CHILD_IDLE, /* not started yet */
    LJ_CHILD_RUNNING,
    LJ_CHILD_WAITING, /* died; the restart timer runs */
    LJ_CHILD_GONE,    /* ended and stays so: asked to stop, or its configuration is wrong */
};

/* A supervised process. */
struct lj_child {
    struct lj_up *up;
    char name[64]; /* "worker-validation-1": in processes.json and the name of its log */
    char *argv[LJ_CHILD_ARGS]; /* owned, NULL-terminated */
    int stop_signal;           /* asks it to end in order */
    int death_signal;          /* what the kernel sends it when the supervisor dies */
    pid_t pid;                 /* 0 = none */
    enum lj_child_state state;
    int stopping;  /* asked to end: not started again */
    int exit_code; /* of the last end; 128 + signal */
    unsigned restarts;
    unsigned backoff_ms;
    int64_t started_us; /* monotonic */
    uv_timer_t timer;
    uv_pipe_t pipe; /* reads what it writes to stdout and stderr */
    int log_write;  /* the pipe's other end, given to each incarnation */
    int log_fd;
    off_t log_size;
    int handles; /* open uv handles: timer, pipe */
};

struct lj_up {
    struct lj_ctl *ctl;
    struct lj_layout at;
    char host[128];
    int64_t port;       /* asked for; 0 = any */
    int64_t bound_port; /* what the gateway listens on */
    char user[64];      /* who runs the children */
    uid_t uid;
    gid_t gid;
    int as_root; /* this process is root: children change to uid, gid */
    char pg_bin[PATH_MAX];
    char programs[3][PATH_MAX]; /* enum lj_program */
    int lock_fd;
    uv_loop_t loop;
    uv_signal_t signals[4]; /* INT, TERM, HUP, CHLD */
    uv_timer_t tick;
    int handles;    /* of the five above that are open */
    char **env;     /* of the children: ours without what a service manager means for us alone */
    int stop_asked; /* signals received: 1 drain, 2 fast, 3 at once */
    int tick_seen;
    struct lj_child *children[LJ_CHILDREN_MAX];
    size_t nchildren;
    struct lj_child *postgres, *broker, *gateway;
    pid_t demo;             /* the demonstration, 0 = none runs */
    int demo_code;          /* its exit code; 128 + signal */
    struct lj_admin *admin; /* for the status line, NULL until it is first shown */
    int64_t line_due_us;    /* monotonic: when the next line is due */
    struct lj_err fatal;    /* code != 0: the start cannot succeed */
    char chunk[16384];      /* what was just read from a child */
};

enum lj_program { LJ_PROGRAM_BROKER, LJ_PROGRAM_GATEWAY, LJ_PROGRAM_WORKER };

/* up_user.c: who runs everything, the directory, where the programs are. Before any child or thread
 * exists. */
LJ_MUST int lj_up_user(struct lj_up *up, struct lj_err *err);
LJ_MUST int lj_up_directory(struct lj_up *up, struct lj_err *err);
/* A folder of ours: made if missing, with this mode, owned by the service user or by who runs this.
 */
LJ_MUST int lj_up_own_folder(const struct lj_up *up, const char *path, mode_t mode, int handed_over,
                             struct lj_err *err);
/* The folder for sockets: DIR/run, or a short one elsewhere whose name is kept in DIR/run-path. */
LJ_MUST int lj_up_run_folder(struct lj_up *up, struct lj_err *err);
/* up_programs.c */
LJ_MUST int lj_up_programs(struct lj_up *up, struct lj_err *err);
/* Run fn(arg) in a child process as the service user; its return value (0..255), or a negative
 * error. */
int lj_up_as_user(const struct lj_up *up, int (*fn)(const void *arg), const void *arg,
                  struct lj_err *err);
/* Give up root for good in a child process, before exec: async-signal-safe. 0 or -1. */
int lj_up_drop(const struct lj_up *up);

/* up_run.c: the loop, children, logs. */
LJ_MUST int lj_up_loop_open(struct lj_up *up, struct lj_err *err);
void lj_up_loop_close(struct lj_up *up);
/* Turn the loop until cond (may be NULL) is true (1), ms have passed (0), a stop was asked for or
 * the start failed (-1; not with `through`). */
int lj_up_wait(struct lj_up *up, int (*cond)(struct lj_up *up), int ms, int through);
/* A child of this name with these arguments (NULL-terminated, copied); not started. NULL when there
 * is no memory or room. */
struct lj_child *lj_up_child(struct lj_up *up, const char *name, const char *const *argv,
                             int stop_signal, int death_signal);
void lj_up_start(struct lj_child *c);
/* Ask it to end; it is not started again. */
void lj_up_stop(struct lj_child *c, int signal);
/* Write DIR/processes.json. */
void lj_up_write_processes(struct lj_up *up);
/* The end of a child's log on stderr. */
void lj_up_log_tail(const struct lj_child *c);

/* up_start.c, up_stop.c. stop_all frees the loop; it returns the number of processes that did not
 * end in order although there was time. */
LJ_MUST int lj_up_start_all(struct lj_up *up, struct lj_err *err);
int lj_up_stop_all(struct lj_up *up);

/* up_pg.c */
LJ_MUST int
lj_up_pg_prepare(struct lj_up *up,
                 struct lj_err *err); /* before the loop: initdb, configuration, left-over server */
LJ_MUST int
lj_up_pg_start(struct lj_up *up,
               struct lj_err *err); /* started, accepting, database there and migrated */

/* up_seed.c: units and policy as events, first tokens. The broker and the workers run. */
LJ_MUST int lj_up_seed(struct lj_up *up, struct lj_err *err);
LJ_MUST int lj_up_tokens(struct lj_up *up, struct lj_err *err);
/* up_account.c: the account admin, once (c: role liangjin_control). */
LJ_MUST int lj_up_account(struct lj_up *up, PGconn *c, struct lj_err *err);

/* up_demo.c: are --demo and --once as they must be; run the demonstration to its end (or the
 * operator's stop) and return its exit code. */
LJ_MUST int lj_up_demo_check(const struct lj_up *up, struct lj_err *err);
int lj_up_demo(struct lj_up *up);

/* up_line.c: the live status line on stderr. */
void lj_up_line(struct lj_up *up);

/* Would the gateway serve a request now? (up_probe.c) */
int lj_up_gateway_ready(const char *host, long port);

#endif
