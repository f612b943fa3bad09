/* Migrations, functions and event types, from the files built into ljctl.
 *
 * Order: db/roles.sql (superuser, every time: idempotent), db/migrations in order of their names
 * (once each), db/functions in the order of db/order.txt (again whenever their text changed),
 * proto/event_types.tsv. Everything runs under one session-level advisory lock, so that two starts
 * at once do not meet, and each file is one transaction together with its row in
 * liangjin.schema_migration: a file is applied and remembered, or neither. A migration whose text
 * differs from what was applied is an error, never a second run: the database then has a history
 * that this program does not know. Migrations and functions run as liangjin_migrate, which owns
 * nothing and has no right on the database itself.
 */
#include "ctl/migrate.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "ctl/embed.h"
#include "ctl/event_types.h"
#include "ctl/pg.h"

enum {
    SUM_TEXT = crypto_hash_sha256_BYTES * 2 + 1,
    LOCK_ROOM = 19530,
    LOCK_KEY = -1, /* the project's room of advisory locks; keys from 0 up are shards */
    FILES_MAX = 256,
};

struct migrator {
    PGconn *c;
    int dry_run;
    int fresh; /* no schema_migration table yet: everything is to be done */
    void (*report)(const char *name, const char *why, void *arg);
    void *arg;
    struct lj_migration_plan plan;
    struct lj_err *err;
};

static void checksum(const struct lj_embedded *f, char out[SUM_TEXT])
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(sum, (const unsigned char *)f->start,
                             (unsigned long long)(f->end - f->start));
    (void)sodium_bin2hex(out, SUM_TEXT, sum, sizeof sum);
}

/* How schema_migration names a file: "0001_core.sql", "functions/core.sql". */
static const char *short_name(const char *path)
{
    static const char migrations[] = "db/migrations/";
    size_t n = sizeof migrations - 1;
    return strncmp(path, migrations, n) == 0 ? path + n : path + strlen("db/");
}

static int query(struct migrator *m, const char *sql, int nparams, const char *const *params,
                 PGresult **ret)
{
    return lj_dbs_query(m->c, sql, nparams, params, ret, m->err);
}

/* The checksum a file was applied with, in out ("" = never). */
static int applied_sum(struct migrator *m, const char *path, char out[SUM_TEXT])
{
    out[0] = '\0';
    if (m->fresh)
        return 0;
    PGresult *r = NULL;
    const char *name = short_name(path);
    int rc =
        query(m, "select checksum from liangjin.schema_migration where name = $1", 1, &name, &r);
    if (rc == 0 && PQntuples(r) == 1)
        (void)snprintf(out, SUM_TEXT, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return rc;
}

static void tell(struct migrator *m, const char *name, const char *why)
{
    if (m->report)
        m->report(name, why, m->arg);
}

/* Back to the superuser, then the file's row, then COMMIT. */
static int end_file(struct migrator *m, const char *path, const char *sum)
{
    const char *params[] = {short_name(path), sum};
    PGresult *r = NULL;
    int rc = lj_pg_script(m->c, path, "reset role; reset session authorization; reset all", m->err);
    if (rc == 0)
        rc = query(
            m,
            "insert into liangjin.schema_migration (name, checksum) values ($1, $2)"
            " on conflict (name) do update set checksum = excluded.checksum, applied_at = now()",
            2, params, &r);
    PQclear(r);
    return rc == 0 ? lj_pg_script(m->c, path, "commit", m->err) : rc;
}

/* One file and its row in one transaction. */
static int apply(struct migrator *m, const struct lj_embedded *f, const char *sum, const char *why)
{
    tell(m, f->path, why);
    if (m->dry_run)
        return 0;
    int rc = lj_pg_script(m->c, f->path,
                          "begin; set local client_min_messages = warning; set session "
                          "authorization liangjin_migrate",
                          m->err);
    if (rc == 0)
        rc = lj_pg_script(m->c, f->path, f->start, m->err);
    if (rc == 0)
        rc = end_file(m, f->path, sum);
    if (rc)
        lj_pg_tidy(m->c, "rollback; reset role; reset session authorization; reset all");
    return rc;
}

static int under(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    size_t len = strlen(path);
    return strncmp(path, folder, n) == 0 && len > 4 && strcmp(path + len - 4, ".sql") == 0;
}

static int migrations(struct migrator *m)
{
    for (size_t i = 0; i < lj_embedded_count; i++) {
        const struct lj_embedded *f = &lj_embedded[i];
        char sum[SUM_TEXT];
        char had[SUM_TEXT];
        if (!under(f->path, "db/migrations/"))
            continue;
        checksum(f, sum);
        int rc = applied_sum(m, f->path, had);
        if (rc)
            return rc;
        if (had[0] && strcmp(had, sum) != 0)
            return lj_fail(m->err, LJ_E_STATE,
                           "%.80s was applied with another text (checksum %.8s, now %.8s): "
                           "released migrations are never edited; add a new one",
                           f->path, had, sum);
        if (had[0])
            continue;
        m->plan.migrations++;
        rc = apply(m, f, sum, "migration");
        if (!m->dry_run)
            m->fresh = 0; /* the first one makes schema_migration */
        if (rc)
            return rc;
    }
    return 0;
}

/* A migration in the database that this program does not know: it is older than the database. */
static int check_newer(struct migrator *m)
{
    PGresult *r = NULL;
    if (m->fresh)
        return 0;
    int rc = query(m,
                   "select name from liangjin.schema_migration where name not like 'functions/%' "
                   "order by name",
                   0, NULL, &r);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        char path[200];
        (void)snprintf(path, sizeof path, "db/migrations/%s", PQgetvalue(r, i, 0));
        if (!lj_embedded_find(path))
            rc = lj_fail(m->err, LJ_E_STATE,
                         "the database has migration %.60s, which this program (%s) does not know: "
                         "use a newer one",
                         PQgetvalue(r, i, 0), LJ_VERSION);
    }
    PQclear(r);
    return rc;
}

static int one_function_file(struct migrator *m, const struct lj_embedded *f)
{
    char sum[SUM_TEXT];
    char had[SUM_TEXT];
    checksum(f, sum);
    int rc = applied_sum(m, f->path, had);
    if (rc || strcmp(had, sum) == 0)
        return rc;
    m->plan.functions++;
    return apply(m, f, sum, had[0] ? "functions (changed)" : "functions");
}

/* Index in lj_embedded of db/functions/<word>.sql, or -1. */
static int function_index(const char *word, size_t n)
{
    char path[120];
    (void)snprintf(path, sizeof path, "db/functions/%.*s.sql", (int)(n < 80 ? n : 80), word);
    const struct lj_embedded *f = lj_embedded_find(path);
    return f ? (int)(f - lj_embedded) : -1;
}

/* Those that db/order.txt names, in that order, then the others by name. */
static int functions(struct migrator *m)
{
    unsigned char done[FILES_MAX] = {0};
    const struct lj_embedded *order = lj_embedded_find("db/order.txt");
    if (lj_embedded_count > FILES_MAX)
        return lj_fail(m->err, LJ_E_INTERNAL, "%zu files are built in, at most %d are handled",
                       lj_embedded_count, FILES_MAX);
    for (const char *p = order ? order->start : ""; *p;) {
        size_t n = strcspn(p, "\n");
        size_t word = strcspn(p, " \t\r\n#");
        int at = word ? function_index(p, word) : -1;
        int rc = at >= 0 ? one_function_file(m, &lj_embedded[at]) : 0;
        if (rc)
            return rc;
        if (at >= 0)
            done[at] = 1;
        p += n + (p[n] == '\n');
    }
    for (size_t i = 0; i < lj_embedded_count; i++) {
        if (!done[i] && under(lj_embedded[i].path, "db/functions/")) {
            int rc = one_function_file(m, &lj_embedded[i]);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int table_exists(struct migrator *m, int *ret)
{
    PGresult *r = NULL;
    int rc = query(m, "select to_regclass('liangjin.schema_migration') is not null", 0, NULL, &r);
    if (rc == 0)
        *ret = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return rc;
}

static int prepare(struct migrator *m)
{
    const struct lj_embedded *roles = lj_embedded_find("db/roles.sql");
    int exists = 0;
    int rc = table_exists(m, &exists);
    m->fresh = !exists;
    if (rc || m->dry_run)
        return rc;
    if (!roles)
        return lj_fail(m->err, LJ_E_INTERNAL, "this ljctl was built without db/roles.sql");
    return lj_pg_script(m->c, roles->path, roles->start, m->err);
}

int lj_migrate(PGconn *c, int dry_run, void (*report)(const char *name, const char *why, void *arg),
               void *arg, struct lj_migration_plan *ret, struct lj_err *err)
{
    struct migrator m = {.c = c, .dry_run = dry_run, .report = report, .arg = arg, .err = err};
    char lock[80];
    if (sodium_init() < 0)
        return lj_fail(err, LJ_E_INTERNAL, "libsodium does not start");
    (void)snprintf(lock, sizeof lock, "select pg_advisory_lock(%d, %d)", LOCK_ROOM, LOCK_KEY);
    int rc = lj_pg_script(c, "the migration lock", lock, err);
    if (rc)
        return rc;
    rc = prepare(&m);
    if (rc == 0)
        rc = check_newer(&m);
    if (rc == 0)
        rc = migrations(&m);
    if (rc == 0)
        rc = functions(&m);
    if (rc == 0 && !dry_run)
        rc = lj_event_types_load(c, &m.plan.types, err);
    (void)snprintf(lock, sizeof lock, "select pg_advisory_unlock(%d, %d)", LOCK_ROOM, LOCK_KEY);
    lj_pg_tidy(c, lock); /* the session's end would free it too */
    if (rc == 0 && ret)
        *ret = m.plan;
    return rc;
}
