/* The private PostgreSQL of `ljctl up`.
 *
 * initdb makes the cluster in DIR/pg.new, renamed when complete: a killed first start leaves no
 * half cluster. Checksums on, C.UTF-8, reachable only through the Unix socket in run/, where peer
 * authentication maps the service user and root to every role of db/roles.sql; nobody else gets in,
 * and there is no password to lose. Settings go into pg/liangjin.conf, rewritten at every start and
 * included before the operator's own pg/local.conf; where the sockets are is given on the command
 * line. fsync, synchronous_commit and full_page_writes are on: an ack means a flushed COMMIT (the
 * broker refuses to start otherwise). The server's log never holds statements or row contents
 * (terse, no statement on errors): payloads do not belong in logs.
 *
 * The postmaster is a plain child. When the supervisor is killed the kernel sends it SIGINT (fast
 * shutdown); a start that comes while it still shuts down finds postmaster.pid, asks it to stop
 * again, and waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "ctl/embed.h"
#include "ctl/migrate.h"
#include "ctl/pg.h"
#include "ctl/up.h"

enum { START_MS = 120 * 1000, LEFTOVER_MS = 60 * 1000 };

#define MIB (1024LL * 1024)

/* ---- commands as the service user ---- */

struct command {
    const char *const *argv;
    const char *log; /* file that gets its output (already open by root: a descriptor) */
    int log_fd;
};

static int exec_command(const void *arg)
{
    const struct command *c = arg;
    if (dup2(c->log_fd, 1) < 0 || dup2(c->log_fd, 2) < 0 || chdir("/") != 0)
        return 124;
    (void)umask(077);
    (void)execv(
        c->argv[0],
        (char *const *)(uintptr_t)
            c->argv); /* exec takes char *const * for historical reasons; it changes nothing */
    return 127;
}

static int run_command(struct lj_up *up, const char *const *argv, struct lj_err *err)
{
    char path[PATH_MAX];
    int rc = lj_path(path, up->at.log, "setup.log", err);
    if (rc)
        return rc;
    struct command c = {
        .argv = argv,
        .log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644)};
    if (c.log_fd < 0)
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot open %.180s", path);
    rc = lj_up_as_user(up, exec_command, &c, err);
    (void)close(c.log_fd);
    if (rc > 0)
        return lj_fail(err, LJ_E_STATE, "%.60s failed (code %d); see %.120s", argv[0], rc, path);
    return rc;
}

static int init_cluster(struct lj_up *up, struct lj_err *err)
{
    char version[PATH_MAX];
    char fresh[PATH_MAX];
    char program[PATH_MAX];
    struct stat st;
    int rc = lj_path(version, up->at.pg, "PG_VERSION", err);
    if (rc == 0)
        rc = lj_path(fresh, up->at.dir, "pg.new", err);
    if (rc == 0)
        rc = lj_path(program, up->pg_bin, "initdb", err);
    if (rc || stat(version, &st) == 0)
        return rc;
    lj_say("making a private PostgreSQL in %s", up->at.pg);
    if (stat(fresh, &st) == 0) {
        const char *const clean[] = {"/bin/rm", "-rf", "--", fresh, NULL};
        (void)run_command(up, clean,
                          NULL); /* empties it; the folder itself may stand in a folder of root's */
        (void)rmdir(fresh);
    }
    if (mkdir(fresh, 0700) != 0 || (up->as_root && chown(fresh, up->uid, up->gid) != 0))
        return lj_fail_errno(err, LJ_E_IO, errno, "cannot make %.180s", fresh);
    const char *const argv[] = {program,
                                "-D",
                                fresh,
                                "-U",
                                "postgres",
                                "--data-checksums",
                                "--locale=C.UTF-8",
                                "--encoding=UTF8",
                                "--auth-local=peer",
                                "--auth-host=reject",
                                "--no-instructions",
                                NULL};
    rc = run_command(up, argv, err);
    (void)rmdir(up->at.pg); /* an empty one would be in the way */
    if (rc == 0 && rename(fresh, up->at.pg) != 0)
        rc = lj_fail_errno(err, LJ_E_IO, errno, "cannot rename %.160s", fresh);
    return rc;
}

/* ---- configuration ---- */

/* Memory this system may use: the machine's, or its cgroup's limit. */
static int64_t memory_bytes(void)
{
    int64_t all = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    char text[64];
    if (lj_read_small("/sys/fs/cgroup/memory.max", text, sizeof text, NULL) == 0) {
        long long limit = strtoll(text, NULL, 10); /* "max" gives 0 */
        if (limit > 0 && limit < all)
            all = limit;
    }
    return all;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

struct config_file {
    const char *path;
    struct lj_buf text;
};

static int write_config(const void *arg)
{
    const struct config_file *f = arg;
    return lj_write_whole(f->path, (const char *)f->text.data, f->text.len, 0600, NULL) == 0 ? 0
                                                                                             : 1;
}

static int put_config(struct lj_up *up, const char *name, struct lj_buf *text, struct lj_err *err)
{
    char path[PATH_MAX];
    int rc = lj_path(path, up->at.pg, name, err);
    if (rc == 0 && text->failed)
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for %.100s", name);
    struct config_file f = {path, *text};
    if (rc == 0)
        rc = lj_up_as_user(up, write_config, &f, err);
    lj_buf_free(text);
    return rc > 0 ? lj_fail(err, LJ_E_IO, "user %s cannot write %.150s", up->user, path) : rc;
}

static void put_settings(struct lj_up *up, struct lj_buf *b)
{
    struct statvfs f = {0};
    int64_t memory = memory_bytes();
    int64_t room = statvfs(up->at.pg, &f) == 0 ? (int64_t)f.f_bavail * (int64_t)f.f_frsize : 0;
    lj_buf_printf(b, "# Written by `ljctl up` at every start; your own settings belong in "
                     "local.conf, which comes later and wins.\n");
    lj_buf_printf(b, "shared_buffers = %lldMB\n", (long long)clamp(memory / 8 / MIB, 64, 2048));
    lj_buf_printf(b, "effective_cache_size = %lldMB\n",
                  (long long)clamp(memory / 2 / MIB, 128, 65536));
    lj_buf_printf(b, "max_wal_size = %lldMB\n", (long long)clamp(room / 8 / MIB, 512, 8192));
    lj_buf_printf(
        b, "min_wal_size = 256MB\nwork_mem = 16MB\nmaintenance_work_mem = 128MB\nmax_connections = "
           "300\n"
           "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\nwal_compression = off\n"
           "checkpoint_timeout = 15min\ncheckpoint_completion_target = 0.9\njit = off\n"
           "timezone = 'UTC'\nlog_timezone = 'UTC'\nlc_messages = 'C'\n");
    lj_buf_printf(
        b, "logging_collector = off\nlog_destination = 'stderr'\nlog_line_prefix = '%%m [%%p] "
           "%%q%%u/%%a '\n"
           "log_checkpoints = on\nlog_lock_waits = on\nlog_min_messages = warning\n"
           "# no statement and no row content in the log: payloads do not belong there\n"
           "log_statement = none\nlog_min_error_statement = panic\nlog_error_verbosity = terse\n"
           "log_parameter_max_length = 0\nlog_parameter_max_length_on_error = 0\n");
}

/* A line for every role that db/roles.sql names in quotes: 'liangjin_...'. */
static void put_roles(struct lj_buf *b, const char *os_user)
{
    const struct lj_embedded *roles = lj_embedded_find("db/roles.sql");
    lj_buf_printf(b, "liangjin \"%s\" postgres\n", os_user);
    for (const char *p = roles ? strstr(roles->start, "'liangjin_") : NULL; p;
         p = strstr(p, "'liangjin_")) {
        size_t n = strspn(++p, "abcdefghijklmnopqrstuvwxyz_0123456789");
        if (p[n] == '\'')
            lj_buf_printf(b, "liangjin \"%s\" %.*s\n", os_user, (int)n, p);
    }
}

static int configure(struct lj_up *up, struct lj_err *err)
{
    struct lj_buf settings = {0};
    struct lj_buf main_conf = {0};
    struct lj_buf hba = {0};
    struct lj_buf ident = {0};
    put_settings(up, &settings);
    lj_buf_printf(
        &main_conf,
        "# Written by `ljctl up`.\ninclude 'liangjin.conf'\ninclude_if_exists 'local.conf'\n");
    lj_buf_printf(
        &hba,
        "# Written by `ljctl up`: the Unix socket only, and only users that pg_ident.conf maps.\n"
        "local all all peer map=liangjin\n");
    put_roles(&ident, up->user);
    if (strcmp(up->user, "root") != 0)
        put_roles(&ident, "root");
    int rc = put_config(up, "liangjin.conf", &settings, err);
    int more = put_config(up, "postgresql.conf", &main_conf, rc ? NULL : err);
    rc = rc ? rc : more;
    more = put_config(up, "pg_hba.conf", &hba, rc ? NULL : err);
    rc = rc ? rc : more;
    more = put_config(up, "pg_ident.conf", &ident, rc ? NULL : err);
    return rc ? rc : more;
}

/* ---- a server left over ---- */

/* pid of a live postmaster on this cluster, or 0. */
static pid_t leftover(const struct lj_up *up)
{
    char path[PATH_MAX];
    char text[64];
    char exe[PATH_MAX];
    if (lj_path(path, up->at.pg, "postmaster.pid", NULL) != 0 ||
        lj_read_small(path, text, sizeof text, NULL) != 0)
        return 0;
    long pid = strtol(text, NULL, 10);
    if (pid <= 1 || (kill((pid_t)pid, 0) != 0 && errno == ESRCH))
        return 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/exe", pid);
    ssize_t n = readlink(path, exe, sizeof exe - 1);
    if (n <= 0)
        return (pid_t)pid; /* alive and not to be looked at: better wait than corrupt */
    exe[n] = '\0';
    return strstr(exe, "postgres") ? (pid_t)pid : 0;
}

static int stop_leftover(struct lj_up *up, struct lj_err *err)
{
    pid_t pid = leftover(up);
    if (!pid)
        return 0;
    lj_say("a PostgreSQL of a killed start (pid %ld) still runs here; stopping it", (long)pid);
    (void)kill(pid, SIGINT);
    int64_t deadline = lj_mono_us() + (int64_t)LEFTOVER_MS * 1000;
    while (leftover(up)) {
        struct timespec pause = {0, 50000000L};
        if (lj_mono_us() > deadline)
            return lj_fail(err, LJ_E_STATE,
                           "the PostgreSQL with pid %ld on %.120s does not stop: stop it by hand",
                           (long)pid, up->at.pg);
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

int lj_up_pg_prepare(struct lj_up *up, struct lj_err *err)
{
    int rc = init_cluster(up, err);
    if (rc == 0)
        rc = stop_leftover(up, err);
    return rc == 0 ? configure(up, err) : rc;
}

/* ---- start ---- */

static int accepts(struct lj_up *up)
{
    char dsn[PATH_MAX + 64];
    (void)snprintf(dsn, sizeof dsn, "host='%s' dbname=postgres user=postgres connect_timeout=2",
                   up->at.run);
    if (up->postgres->state == LJ_CHILD_GONE && !up->fatal.code)
        (void)lj_fail(&up->fatal, LJ_E_STATE, "PostgreSQL does not start");
    return up->postgres->pid && PQping(dsn) == PQPING_OK;
}

static void report(const char *name, const char *why, void *arg)
{
    (void)arg;
    lj_say("  %s: %s", name, why);
}

static int create_database(struct lj_up *up, struct lj_err *err)
{
    PGconn *c = NULL;
    PGresult *r = NULL;
    int rc = lj_pg_connect_run(up->at.run, "postgres", "postgres", &c, err);
    if (rc == 0)
        rc = lj_dbs_query(c, "select 1 from pg_database where datname = 'liangjin'", 0, NULL, &r,
                          err);
    if (rc == 0 && PQntuples(r) == 0)
        rc = lj_pg_script(
            c, "the database",
            "create database liangjin template template0 encoding 'UTF8' locale 'C.UTF-8'", err);
    PQclear(r);
    PQfinish(c);
    return rc;
}

static int migrate(struct lj_up *up, struct lj_err *err)
{
    PGconn *c = NULL;
    int rc = create_database(up, err);
    if (rc == 0)
        rc = lj_pg_connect_run(up->at.run, "liangjin", "postgres", &c, err);
    if (rc == 0)
        rc = lj_migrate(c, 0, report, NULL, NULL, err);
    PQfinish(c);
    return rc;
}

int lj_up_pg_start(struct lj_up *up, struct lj_err *err)
{
    char program[PATH_MAX];
    char sockets[PATH_MAX + 32];
    int rc = lj_path(program, up->pg_bin, "postgres", err);
    if (rc)
        return rc;
    (void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", up->at.run);
    const char *const argv[] = {program,
                                "-D",
                                up->at.pg,
                                "-c",
                                "listen_addresses=",
                                "-c",
                                sockets,
                                "-c",
                                "unix_socket_permissions=0700",
                                NULL};
    up->postgres = lj_up_child(up, "postmaster", argv, SIGINT, SIGINT);
    if (!up->postgres)
        return lj_fail(err, LJ_E_IO, "cannot set up the process postgres");
    lj_up_start(up->postgres);
    rc = lj_up_wait(up, accepts, START_MS, 0);
    if (rc == 1)
        return migrate(up, err);
    if (rc == 0 || up->fatal.code) {
        lj_up_log_tail(up->postgres);
        return lj_fail(err, LJ_E_STATE,
                       "PostgreSQL does not accept connections; see %.150s/postmaster.log",
                       up->at.log);
    }
    return lj_fail(err, LJ_E_CLOSED, "stopped");
}
