/* ljctl doctor: does this system stand on what its promises need?
 *
 * A table of checks, each one function that gives ok, warn or fail, what it found, and what to do.
 * fail = a promise does not hold (an acknowledged event could be lost, a secret can be read by
 * others); warn = it will hurt some day. A check that cannot be made says so as warn: silence would
 * read as ok. Exit code 1 when one fails. */
#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "ctl/admin.h"
#include "ctl/cmd.h"
#include "ctl/migrate.h"
#include "ctl/pg.h"
#include "ctl/processes.h"

enum verdict { V_OK, V_WARN, V_FAIL };
static const char *const verdict_names[] = {"ok", "warn", "fail"};

struct doctor {
    const struct lj_ctl *ctl;
    struct lj_layout at;
    PGconn *c; /* superuser, NULL when the database is away */
    char found[300];
    const char *advice; /* static text, "" when nothing is to be done */
};

static int setting(struct doctor *d, const char *name, char *out, size_t cap)
{
    PGresult *r = NULL;
    out[0] = '\0';
    if (!d->c || lj_dbs_query(d->c, "select current_setting($1)", 1, &name, &r, NULL) != 0)
        return 0;
    (void)snprintf(out, cap, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return 1;
}

static enum verdict check_database(struct doctor *d)
{
    char version[64];
    if (!setting(d, "server_version", version, sizeof version)) {
        (void)snprintf(d->found, sizeof d->found, "no database answers in %.200s", d->at.run);
        d->advice = "start the system with `ljctl up`, or give --dsn";
        return V_FAIL;
    }
    (void)snprintf(d->found, sizeof d->found, "PostgreSQL %s", version);
    d->advice = PQserverVersion(d->c) < 150000 ? "PostgreSQL 15 or newer is needed" : "";
    return d->advice[0] ? V_FAIL : V_OK;
}

/* Settings without which an ack means nothing. */
static enum verdict check_durability(struct doctor *d)
{
    static const char *const names[] = {"fsync", "synchronous_commit", "full_page_writes",
                                        "data_checksums"};
    enum verdict v = V_OK;
    size_t len = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char value[32];
        if (!setting(d, names[i], value, sizeof value)) {
            (void)snprintf(d->found, sizeof d->found, "not checked: no database");
            return V_WARN;
        }
        int good = strcmp(value, "on") == 0 || (i == 1 && strncmp(value, "remote_", 7) == 0);
        if (!good)
            v = i == 3 && v != V_FAIL ? V_WARN : V_FAIL;
        len += (size_t)snprintf(d->found + len, sizeof d->found - len, "%s%s=%s", i ? ", " : "",
                                names[i], value);
    }
    d->advice =
        v == V_OK ? "" : "all must be on: an acknowledged event could be lost, or damage go unseen";
    return v;
}

static void count_step(const char *name, const char *why, void *arg)
{
    (void)name;
    (void)why;
    ++*(int *)arg;
}

static enum verdict check_migrations(struct doctor *d)
{
    struct lj_err err = {0};
    int steps = 0;
    if (!d->c) {
        (void)snprintf(d->found, sizeof d->found, "not checked: no database");
        return V_WARN;
    }
    if (lj_migrate(d->c, 1, count_step, &steps, NULL, &err) != 0) {
        (void)snprintf(d->found, sizeof d->found, "%s", err.text);
        d->advice = "see docs/operations.md, \"Migrations\"";
        return V_FAIL;
    }
    (void)snprintf(d->found, sizeof d->found, steps ? "%d file(s) not applied" : "up to date",
                   steps);
    d->advice = steps ? "run `ljctl migrate`" : "";
    return steps ? V_FAIL : V_OK;
}

static enum verdict check_broker(struct doctor *d)
{
    struct lj_admin *admin = NULL;
    struct lj_err err = {0};
    json_t *status = NULL;
    int rc = lj_admin_open(d->at.run, &admin, &err);
    if (rc == 0)
        rc = lj_admin_call(admin, json_pack("{s:s}", "op", "status"), 3000, &status, &err);
    lj_admin_close(&admin);
    json_decref(status);
    (void)snprintf(d->found, sizeof d->found, "%s", rc ? err.text : "answers");
    d->advice = rc ? "look into DIR/log/broker.log" : "";
    return rc ? V_FAIL : V_OK;
}

/* Mode bits that group and others must not have. */
static enum verdict check_modes(struct doctor *d)
{
    struct stat st;
    struct dirent *e;
    DIR *dir = opendir(d->at.secret);
    int bad = 0;
    if (!dir) {
        (void)snprintf(d->found, sizeof d->found, "%.200s cannot be read by this user",
                       d->at.secret);
        d->advice = "run as root or the service user";
        return V_WARN;
    }
    bad += fstat(dirfd(dir), &st) == 0 && (st.st_mode & 077) != 0;
    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] != '.' && fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            bad += !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0;
    }
    (void)closedir(dir);
    const char *const folders[] = {d->at.run, d->at.pg};
    for (size_t i = 0; i < 2; i++)
        bad += stat(folders[i], &st) == 0 && (st.st_mode & 027) != 0;
    (void)snprintf(d->found, sizeof d->found,
                   bad ? "%d of secret/, run/, pg/ and the secrets can be read by others"
                       : "0600 and 0700",
                   bad);
    d->advice = bad ? "chmod -R go= DIR/secret DIR/run, and make new tokens" : "";
    return bad ? V_FAIL : V_OK;
}

static enum verdict check_clock(struct doctor *d)
{
    struct timex t = {0};
    int state = adjtimex(&t);
    time_t now = time(NULL);
    /* 2024-03-29, the date of the letter: a clock before it is certainly wrong */
    int sane = now > 1711641600;
    int synced = state != TIME_ERROR && !(t.status & STA_UNSYNC);
    (void)snprintf(d->found, sizeof d->found, "%s, %s", sane ? "plausible" : "before 2024",
                   synced ? "kept in step by the kernel's clock discipline" : "not synchronised");
    d->advice = !sane    ? "set the clock: received_at of every event comes from it"
                : synced ? ""
                         : "run chrony or systemd-timesyncd";
    return !sane ? V_FAIL : synced ? V_OK : V_WARN;
}

static enum verdict check_disk(struct doctor *d)
{
    struct statvfs f;
    const char *where = d->at.pg[0] && access(d->at.pg, F_OK) == 0 ? d->at.pg : d->at.dir;
    if (statvfs(where, &f) != 0) {
        (void)snprintf(d->found, sizeof d->found, "%.200s cannot be asked", where);
        return V_WARN;
    }
    double free_gib = (double)f.f_bavail * (double)f.f_frsize / (1024.0 * 1024 * 1024);
    double share = f.f_blocks ? 100.0 * (double)f.f_bavail / (double)f.f_blocks : 0;
    (void)snprintf(d->found, sizeof d->found, "%.1f GiB free (%.0f %%)", free_gib, share);
    d->advice =
        free_gib < 5 || share < 5 ? "make room: with a full disk nothing is acknowledged" : "";
    return free_gib < 1 ? V_FAIL : d->advice[0] ? V_WARN : V_OK;
}

static enum verdict check_limits(struct doctor *d)
{
    struct rlimit n = {0};
    (void)getrlimit(RLIMIT_NOFILE, &n);
    (void)snprintf(d->found, sizeof d->found, "open files: %llu, at most %llu",
                   (unsigned long long)n.rlim_cur, (unsigned long long)n.rlim_max);
    d->advice =
        n.rlim_max < 16384 ? "raise nofile to 65536: a gateway holds 8,000 connections" : "";
    return d->advice[0] ? V_WARN : V_OK;
}

static enum verdict check_sockets(struct doctor *d)
{
    static const char *const names[] = {"intake.sock", "work.sock", "admin.sock", "stream.sock",
                                        ".s.PGSQL.5432"};
    size_t len = 0;
    int missing = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_MAX];
        struct stat st;
        int there = lj_path(path, d->at.run, names[i], NULL) == 0 && stat(path, &st) == 0 &&
                    S_ISSOCK(st.st_mode);
        if (!there)
            len += (size_t)snprintf(d->found + len, sizeof d->found - len, "%s%s",
                                    missing++ ? ", " : "missing: ", names[i]);
    }
    if (!missing)
        (void)snprintf(d->found, sizeof d->found, "all five stand in %.200s", d->at.run);
    d->advice = missing ? "the broker or the database does not run" : "";
    return missing ? V_FAIL : V_OK;
}

static enum verdict check_supervisor(struct doctor *d)
{
    json_t *list = NULL;
    int running = 0;
    int rc = lj_processes_read(&d->at, &list, &running, NULL);
    (void)snprintf(d->found, sizeof d->found, running ? "%zu processes" : "none in this directory",
                   json_array_size(list));
    json_decref(list);
    d->advice = running ? "" : "fine when systemd or Kubernetes places the processes";
    return rc ? V_FAIL : running ? V_OK : V_WARN;
}

static enum verdict check_versions(struct doctor *d)
{
    struct utsname u;
    (void)uname(&u);
    (void)snprintf(d->found, sizeof d->found, "ljctl %s, libpq %d, libuv %s, Linux %s", LJ_VERSION,
                   PQlibVersion(), uv_version_string(), u.release);
    return V_OK;
}

static const struct {
    const char *name;
    enum verdict (*run)(struct doctor *d);
} checks[] = {
    {"versions", check_versions},     {"supervisor", check_supervisor},
    {"database", check_database},     {"durability", check_durability},
    {"migrations", check_migrations}, {"broker", check_broker},
    {"sockets", check_sockets},       {"permissions", check_modes},
    {"clock", check_clock},           {"disk", check_disk},
    {"limits", check_limits},
};

static const struct lj_col columns[] = {{"check", "CHECK", LJ_COL_TEXT},
                                        {"result", "RESULT", LJ_COL_TEXT},
                                        {"found", "FOUND", LJ_COL_TEXT},
                                        {"advice", "WHAT TO DO", LJ_COL_TEXT}};

int lj_cmd_doctor(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    struct doctor d = {.ctl = ctl};
    struct lj_rows *rows = NULL;
    int failed = 0;
    int rc = lj_layout_find(ctl, &d.at, &err);
    if (rc == 0)
        rc = lj_rows_open(ctl->out, ctl->format, columns, 4, NULL, &rows, &err);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (lj_pg_connect(ctl, "postgres", &d.c, NULL) != 0)
        d.c = NULL; /* check_database reports it */
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        d.found[0] = '\0';
        d.advice = "";
        enum verdict v = checks[i].run(&d);
        failed += v == V_FAIL;
        const char *values[] = {checks[i].name, verdict_names[v], d.found, d.advice};
        lj_rows_add(rows, values);
    }
    PQfinish(d.c);
    rc = lj_rows_close(&rows, &err);
    if (rc)
        return lj_ctl_error(&err, NULL);
    return failed ? LJ_EXIT_FAILED : LJ_EXIT_OK;
}
