/* A throw-away PostgreSQL.
 *
 * The postmaster is our own child, not pg_ctl's: so its death is seen by waitpid, kill -9 hits the
 * right process, and no pid file has to be believed. The server cannot run as root, so a root test
 * drops to an unprivileged user in the child only; the test itself reaches the socket in the 0700
 * folder because it is root.
 *
 * A test that crashes (that is what tests do) must leave neither a server nor 40 MB in /tmp. A
 * janitor process, a small shell script, reads a pipe whose writing end this process holds: end of
 * file means that the program is gone, in whatever way, and it stops the server and removes the
 * folder. A regular lj_pgtest_free takes the same way and waits for it: one path, used always.
 *
 * Waiting is for a condition with a deadline (PQping, waitpid), never for a time.
 */
#include "tests/lib/pgtest.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

enum { DEADLINE_US = 60 * 1000 * 1000, DSNS = 64, ARGS = 64, SETTINGS = 16 };

struct lj_pgtest {
    char dir[64]; /* short: a socket's path has at most 107 bytes */
    char bin[256];
    char setting[SETTINGS][128];
    int nsettings;
    pid_t postmaster, janitor;
    int janitor_pipe;
    uid_t uid;
    gid_t gid;
    char *dsns[DSNS];
    int ndsns;
};

static const char janitor_script[] =
    "cat >/dev/null\n"
    "pid=$(head -n 1 \"$1/data/postmaster.pid\" 2>/dev/null)\n"
    "if [ -n \"$pid\" ]; then\n"
    "    kill -QUIT \"$pid\" 2>/dev/null\n"
    "    n=0\n"
    "    while [ -e \"$1/data/postmaster.pid\" ] && kill -0 \"$pid\" 2>/dev/null && [ $n -lt 200 "
    "]; do sleep 0.05; n=$((n+1)); done\n"
    "fi\n"
    "rm -rf \"$1\"\n";

static int complain(const char *what)
{
    (void)fprintf(stderr, "pgtest: %s: %s\n", what, strerror(errno));
    return -1;
}

static void pause_ms(long ms)
{
    struct timespec ts = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&ts, NULL);
}

/* In the child: become the server's user, take `in` and `out` as stdin, stdout and stderr, and run
 * argv. */
static void become(const struct lj_pgtest *p, int drop, int in, int out, char *const argv[])
{
    (void)setsid(); /* a ^C or a `timeout` kills the test's whole group: the janitor must outlive it
                     */
    if (in >= 0)
        (void)dup2(in, STDIN_FILENO);
    if (out >= 0) {
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(out, STDERR_FILENO);
    }
    if (drop && geteuid() == 0 && (setgroups(0, NULL) || setgid(p->gid) || setuid(p->uid)))
        _exit(126);
    if (drop && chdir(p->dir) != 0)
        _exit(126);
    execvp(argv[0], argv);
    _exit(127);
}

static pid_t spawn(const struct lj_pgtest *p, int drop, int in, int out, char *const argv[])
{
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(p, drop, in, out, argv);
    if (pid < 0)
        (void)complain("fork");
    return pid;
}

/* The log file, for appending; the server's output and that of initdb go there. */
static int open_log(const struct lj_pgtest *p)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/log", p->dir);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int run(const struct lj_pgtest *p, int drop, int out, char *const argv[])
{
    int status = 0;
    pid_t pid = spawn(p, drop, -1, out, argv);
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return complain("waitpid");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int make_folder(struct lj_pgtest *p)
{
    const char *user = getenv("LJ_PGTEST_USER");
    const char *bin = getenv("LJ_PG_BIN");
    (void)snprintf(p->bin, sizeof p->bin, "%s", bin ? bin : "/usr/lib/postgresql/15/bin");
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/lj-pg-XXXXXX");
    if (!mkdtemp(p->dir)) {
        p->dir[0] = '\0';
        return complain("cannot make a folder in /tmp");
    }
    if (geteuid() != 0)
        return 0;
    const struct passwd *pw = getpwnam(user ? user : "nobody");
    if (!pw) {
        (void)fprintf(stderr, "pgtest: there is no user %s\n", user ? user : "nobody");
        return -1;
    }
    p->uid = pw->pw_uid;
    p->gid = pw->pw_gid;
    return chown(p->dir, p->uid, p->gid) == 0 ? 0 : complain("chown");
}

static char *text(const char *s)
{
    return (char *)(uintptr_t)
        s; /* execvp's argv is char *const[] for history's sake; nothing writes there */
}

static int start_janitor(struct lj_pgtest *p)
{
    int fds[2];
    char *argv[] = {text("/bin/sh"), text("-c"), text(janitor_script), text("sh"), p->dir, NULL};
    if (pipe2(fds, O_CLOEXEC) != 0)
        return complain("pipe");
    p->janitor = spawn(p, 0, fds[0], -1, argv);
    p->janitor_pipe = fds[1];
    close(fds[0]);
    return p->janitor > 0 ? 0 : -1;
}

static int init_cluster(struct lj_pgtest *p)
{
    char initdb[300];
    char data[96];
    int log = open_log(p);
    (void)snprintf(initdb, sizeof initdb, "%s/initdb", p->bin);
    (void)snprintf(data, sizeof data, "%s/data", p->dir);
    char *argv[] = {initdb,
                    text("-D"),
                    data,
                    text("-U"),
                    text("postgres"),
                    text("-A"),
                    text("trust"),
                    text("-E"),
                    text("UTF8"),
                    text("--locale=C.UTF-8"),
                    text("-N"),
                    text("--no-instructions"),
                    text("--wal-segsize=4"),
                    NULL};
    if (log < 0)
        return complain("cannot open the log");
    if (geteuid() == 0 && fchown(log, p->uid, p->gid) != 0) {
        close(log);
        return complain("chown");
    }
    int rc = run(p, 1, log, argv);
    close(log);
    if (rc)
        (void)fprintf(stderr, "pgtest: %s failed\n", initdb);
    return rc;
}

static int spawn_postmaster(struct lj_pgtest *p)
{
    static const char *const fixed[] = {"listen_addresses=",        "fsync=off",
                                        "shared_buffers=32MB",      "max_connections=60",
                                        "log_line_prefix=%m [%p] ", "min_wal_size=16MB",
                                        "max_wal_size=512MB"};
    char postgres[300];
    char data[96];
    char sockets[112];
    char *argv[ARGS];
    int argc = 0;
    int log = open_log(p);
    (void)snprintf(postgres, sizeof postgres, "%s/postgres", p->bin);
    (void)snprintf(data, sizeof data, "%s/data", p->dir);
    (void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", p->dir);
    argv[argc++] = postgres;
    argv[argc++] = text("-D");
    argv[argc++] = data;
    argv[argc++] = text("-c");
    argv[argc++] = sockets;
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        argv[argc++] = text("-c");
        argv[argc++] = text(fixed[i]);
    }
    for (int i = 0; i < p->nsettings; i++) {
        argv[argc++] = text("-c");
        argv[argc++] = p->setting[i];
    }
    argv[argc] = NULL;
    p->postmaster = log < 0 ? -1 : spawn(p, 1, -1, log, argv);
    if (log >= 0)
        close(log);
    return p->postmaster > 0 ? 0 : -1;
}

/* 1 when the postmaster has ended (and is reaped). */
static int gone(struct lj_pgtest *p)
{
    if (p->postmaster > 0 && waitpid(p->postmaster, NULL, WNOHANG) == p->postmaster)
        p->postmaster = 0;
    return p->postmaster <= 0;
}

int lj_pgtest_start_again(struct lj_pgtest *p)
{
    int64_t deadline = lj_mono_us() + DEADLINE_US;
    while (lj_mono_us() < deadline) {
        /* After a kill -9 the old backends may hold the shared memory for a moment: the new
         * postmaster ends, and is started again. */
        if (gone(p) && spawn_postmaster(p) != 0)
            return complain("cannot start the server");
        if (PQping(lj_pgtest_dsn(p, "postgres")) == PQPING_OK && !gone(p))
            return 0;
        pause_ms(20);
    }
    (void)fprintf(stderr, "pgtest: the server did not start\n");
    lj_pgtest_log_tail(p);
    return -1;
}

static int stop_by(struct lj_pgtest *p, int signal_number)
{
    int64_t deadline = lj_mono_us() + DEADLINE_US;
    if (gone(p))
        return 0;
    (void)kill(p->postmaster, signal_number);
    while (!gone(p)) {
        if (lj_mono_us() > deadline) {
            (void)fprintf(stderr, "pgtest: the server did not stop\n");
            return -1;
        }
        pause_ms(2);
    }
    return 0;
}

int lj_pgtest_stop_fast(struct lj_pgtest *p)
{
    return stop_by(p, SIGINT);
}

int lj_pgtest_stop_immediate(struct lj_pgtest *p)
{
    return stop_by(p, SIGQUIT);
}

int lj_pgtest_kill(struct lj_pgtest *p)
{
    return stop_by(p, SIGKILL);
}

struct lj_pgtest *lj_pgtest_start_with(const char *const *settings)
{
    struct lj_pgtest *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->janitor_pipe = -1;
    for (; settings && *settings && p->nsettings < SETTINGS; settings++)
        (void)snprintf(p->setting[p->nsettings++], sizeof p->setting[0], "%s", *settings);
    if (make_folder(p) != 0 || start_janitor(p) != 0)
        goto fail;
    if (init_cluster(p) != 0) {
        lj_pgtest_log_tail(p);
        goto fail;
    }
    if (lj_pgtest_start_again(p) != 0)
        goto fail;
    return p;
fail:
    lj_pgtest_free(&p);
    return NULL;
}

struct lj_pgtest *lj_pgtest_start(void)
{
    return lj_pgtest_start_with(NULL);
}

void lj_pgtest_free(struct lj_pgtest **p)
{
    struct lj_pgtest *self = *p;
    if (!self)
        return;
    *p = NULL;
    (void)stop_by(self, SIGQUIT);
    if (self->janitor_pipe >= 0)
        close(self->janitor_pipe);
    if (self->janitor > 0)
        (void)waitpid(self->janitor, NULL, 0);
    else if (self->dir[0])
        (void)rmdir(self->dir); /* nothing is in it yet */
    for (int i = 0; i < self->ndsns; i++)
        free(self->dsns[i]);
    free(self);
}

const char *lj_pgtest_dir(const struct lj_pgtest *p)
{
    return p->dir;
}

const char *lj_pgtest_dsn(struct lj_pgtest *p, const char *dbname)
{
    char dsn[256];
    (void)snprintf(dsn, sizeof dsn, "host=%s user=postgres dbname=%s", p->dir, dbname);
    for (int i = 0; i < p->ndsns; i++) {
        if (strcmp(p->dsns[i], dsn) == 0)
            return p->dsns[i];
    }
    char *copy = p->ndsns < DSNS ? strdup(dsn) : NULL;
    if (!copy) {
        (void)fprintf(stderr, "pgtest: more than %d databases\n", DSNS);
        abort();
    }
    return p->dsns[p->ndsns++] = copy;
}

/* Runs sql; the result, or NULL after a message. */
static PGresult *query(struct lj_pgtest *p, const char *dbname, const char *sql)
{
    PGconn *c = PQconnectdb(lj_pgtest_dsn(p, dbname));
    PGresult *r = PQstatus(c) == CONNECTION_OK ? PQexec(c, sql) : NULL;
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        (void)fprintf(stderr, "pgtest: %s\n%.400s\n", PQerrorMessage(c), sql);
        PQclear(r);
        r = NULL;
    }
    PQfinish(c);
    return r;
}

int lj_pgtest_sql(struct lj_pgtest *p, const char *dbname, const char *sql)
{
    PGresult *r = query(p, dbname, sql);
    int rc = r ? 0 : -1;
    PQclear(r);
    return rc;
}

long long lj_pgtest_int(struct lj_pgtest *p, const char *dbname, const char *sql)
{
    PGresult *r = query(p, dbname, sql);
    long long v =
        r && PQntuples(r) > 0 && PQnfields(r) > 0 ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : -1;
    PQclear(r);
    return v;
}

int lj_pgtest_createdb(struct lj_pgtest *p, const char *dbname, const char *template_or_null)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "create database \"%s\" template \"%s\"", dbname,
                   template_or_null ? template_or_null : "template1");
    return lj_pgtest_sql(p, "postgres", sql);
}

int lj_pgtest_dropdb(struct lj_pgtest *p, const char *dbname)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "drop database if exists \"%s\" with (force)", dbname);
    return lj_pgtest_sql(p, "postgres", sql);
}

int lj_pgtest_file(struct lj_pgtest *p, const char *dbname, const char *path)
{
    char psql[300];
    (void)snprintf(psql, sizeof psql, "%s/psql", p->bin);
    char *argv[] = {psql,
                    text("-X"),
                    text("-q"),
                    text("-v"),
                    text("ON_ERROR_STOP=1"),
                    text("-d"),
                    text(lj_pgtest_dsn(p, dbname)),
                    text("-f"),
                    text(path),
                    NULL};
    if (run(p, 0, -1, argv) == 0)
        return 0;
    (void)fprintf(stderr, "pgtest: %s failed\n", path);
    return -1;
}

void lj_pgtest_log_tail(const struct lj_pgtest *p)
{
    char path[96];
    char tail[4097];
    (void)snprintf(path, sizeof path, "%s/log", p->dir);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    if (fseek(f, -(long)(sizeof tail - 1), SEEK_END) != 0)
        rewind(f);
    size_t n = fread(tail, 1, sizeof tail - 1, f);
    tail[n] = '\0';
    (void)fprintf(stderr, "---- end of the server's log ----\n%s", tail);
    (void)fclose(f);
}
