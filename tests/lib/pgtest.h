/* A throw-away PostgreSQL for a test program: made by initdb in a temporary folder, reached through
 * a Unix socket, gone afterwards however the program ends. One cluster per program is the rule (it
 * costs about two seconds): start it in the group's setup. */
#ifndef LJ_TESTS_PGTEST_H
#define LJ_TESTS_PGTEST_H

struct lj_pgtest;

/* Make a cluster and start it; NULL after a message on stderr. fsync is off (speed), everything
 * else as in production. When the test runs as root the server runs as user `nobody`, or as the
 * user named by LJ_PGTEST_USER. */
struct lj_pgtest *lj_pgtest_start(void);
/* The same with settings of one's own, "name=value", NULL-terminated, the last word winning (e.g.
 * "fsync=on"). */
struct lj_pgtest *lj_pgtest_start_with(const char *const *settings);
/* Stop, remove the folder, free. Accepts NULL. (When the program crashes instead, a helper process
 * does the same.) */
void lj_pgtest_free(struct lj_pgtest **p);

/* Connection string of a database (superuser `postgres`); owned by p, valid until lj_pgtest_free.
 */
const char *lj_pgtest_dsn(struct lj_pgtest *p, const char *dbname);
/* The folder of the socket. */
const char *lj_pgtest_dir(const struct lj_pgtest *p);

/* 0, or -1 after a message on stderr. */
int lj_pgtest_createdb(struct lj_pgtest *p, const char *dbname, const char *template_or_null);
int lj_pgtest_dropdb(struct lj_pgtest *p, const char *dbname);
int lj_pgtest_sql(struct lj_pgtest *p, const char *dbname,
                  const char *sql); /* several statements, result ignored */
int lj_pgtest_file(struct lj_pgtest *p, const char *dbname,
                   const char *path); /* an SQL file through psql, stops at the first error */
/* The first column of the first row as an integer; -1 when there is none. */
long long lj_pgtest_int(struct lj_pgtest *p, const char *dbname, const char *sql);

/* Stopping the server and starting it again on the same data; all wait until done. 0, or -1 after a
 * message on stderr. */
int lj_pgtest_stop_fast(struct lj_pgtest *p);      /* rolls back, disconnects */
int lj_pgtest_stop_immediate(struct lj_pgtest *p); /* no checkpoint: recovery at the next start */
int lj_pgtest_kill(struct lj_pgtest *p);           /* kill -9 of the postmaster */
int lj_pgtest_start_again(struct lj_pgtest *p);

/* The end of the server's log, on stderr: for a failing test. */
void lj_pgtest_log_tail(const struct lj_pgtest *p);

#endif
