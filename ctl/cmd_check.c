/* ljctl check: one line and one exit code for a monitoring system, by the conventions of monitoring
 * plugins: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; behind `|` the figures with their limits.
 *
 * Critical is what stops intake or breaks a promise: no broker, no database, unsafe settings, a
 * full disk, a backlog older than --critical. Warning is what somebody should look at: parked
 * events, a paused kind, an old backlog, a broker that recovers. A check that cannot be made is
 * never OK.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "ctl/admin.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"

enum state { S_OK, S_WARNING, S_CRITICAL, S_UNKNOWN };
static const char *const state_names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
enum { BROKER_MS = 5000, DISK_WARNING = 15, DISK_CRITICAL = 5, TEXT_MAX_BYTES = 900 };

struct check {
    const struct lj_ctl *ctl;
    struct lj_layout at;
    enum state worst;
    char text[TEXT_MAX_BYTES], figures[TEXT_MAX_BYTES];
};

/* CRITICAL beats UNKNOWN beats WARNING. */
static enum state worse(enum state a, enum state b)
{
    static const int rank[] = {[S_OK] = 0, [S_WARNING] = 1, [S_UNKNOWN] = 2, [S_CRITICAL] = 3};
    return rank[a] >= rank[b] ? a : b;
}

LJ_PRINTF(3, 4)
static void say(struct check *c, enum state s, const char *fmt, ...)
{
    size_t n = strlen(c->text);
    va_list ap;
    c->worst = worse(c->worst, s);
    n += (size_t)snprintf(c->text + n, sizeof c->text - n, "%s%s", n ? ", " : "",
                          s == S_OK        ? ""
                          : s == S_WARNING ? "(!) "
                                           : "(!!) ");
    va_start(ap, fmt);
    if (n < sizeof c->text)
        (void)vsnprintf(c->text + n, sizeof c->text - n, fmt, ap);
    va_end(ap);
}

LJ_PRINTF(2, 3)
static void figure(struct check *c, const char *fmt, ...)
{
    size_t n = strlen(c->figures);
    va_list ap;
    if (n && n + 1 < sizeof c->figures)
        c->figures[n++] = ' ';
    va_start(ap, fmt);
    if (n < sizeof c->figures)
        (void)vsnprintf(c->figures + n, sizeof c->figures - n, fmt, ap);
    va_end(ap);
}

static long long number(const json_t *o, const char *name)
{
    return (long long)json_number_value(json_object_get(o, name));
}

static void check_kinds(struct check *c, const json_t *status)
{
    long long oldest = 0;
    long long parked = 0;
    const char *slowest = "";
    size_t i;
    json_t *k;
    json_array_foreach(json_object_get(status, "kinds"), i, k)
    {
        const char *name = json_string_value(json_object_get(k, "name"));
        const char *state = json_string_value(json_object_get(k, "state"));
        if (number(k, "age_ms") > oldest) {
            oldest = number(k, "age_ms");
            slowest = name ? name : "";
        }
        parked += number(k, "parked");
        if (state && strcmp(state, "running") != 0)
            say(c, S_WARNING, "%s is %s", name ? name : "?", state);
    }
    long long warning = c->ctl->o.warning_s;
    long long critical = c->ctl->o.critical_s;
    say(c,
        oldest > critical * 1000  ? S_CRITICAL
        : oldest > warning * 1000 ? S_WARNING
                                  : S_OK,
        "backlog %.1f s%s%s", (double)oldest / 1000, slowest[0] ? " in " : "", slowest);
    say(c, parked ? S_WARNING : S_OK, "%lld parked", parked);
    figure(c, "backlog_age=%.3fs;%lld;%lld;0", (double)oldest / 1000, warning, critical);
    figure(c, "parked=%lld;0;;0", parked);
}

static void check_broker(struct check *c)
{
    struct lj_admin *admin = NULL;
    struct lj_err err = {0};
    json_t *s = NULL;
    int rc = lj_admin_open(c->at.run, &admin, &err);
    if (rc == 0)
        rc = lj_admin_call(admin, json_pack("{s:s}", "op", "status"), BROKER_MS, &s, &err);
    lj_admin_close(&admin);
    if (rc) {
        say(c, S_CRITICAL, "broker: %s", err.text);
        return;
    }
    const char *state = json_string_value(json_object_get(s, "state"));
    say(c, state && strcmp(state, "running") == 0 ? S_OK : S_WARNING, "broker %s",
        state ? state : "?");
    figure(c, "in_per_second=%lld;;;0", number(json_object_get(s, "intake"), "per_second"));
    check_kinds(c, s);
    json_decref(s);
}

static void check_postgres(struct check *c)
{
    struct lj_err err = {0};
    PGconn *pg = NULL;
    PGresult *r = NULL;
    int rc = lj_pg_connect(c->ctl, "liangjin_monitor", &pg, &err);
    if (rc == 0)
        rc = lj_dbs_query(pg,
                          "select name, current_setting(name) from unnest('{fsync, "
                          "full_page_writes, synchronous_commit, data_checksums}'::text[]) name",
                          0, NULL, &r, &err);
    if (rc) {
        say(c, S_CRITICAL, "postgres: %s", err.text);
    } else {
        int bad = 0;
        for (int i = 0; i < PQntuples(r); i++) {
            const char *value = PQgetvalue(r, i, 1);
            if (strcmp(value, "on") == 0 || strncmp(value, "remote_", 7) == 0)
                continue;
            bad++;
            say(c, strcmp(PQgetvalue(r, i, 0), "data_checksums") == 0 ? S_WARNING : S_CRITICAL,
                "%s=%s", PQgetvalue(r, i, 0), value);
        }
        if (!bad)
            say(c, S_OK, "postgres settings safe");
    }
    PQclear(r);
    PQfinish(pg);
}

static void check_disk(struct check *c)
{
    struct statvfs v;
    if (statvfs(c->at.dir, &v) != 0 || v.f_blocks == 0) {
        say(c, S_UNKNOWN, "disk of %.200s cannot be looked at", c->at.dir);
        return;
    }
    double left = 100.0 * (double)v.f_bavail / (double)v.f_blocks;
    say(c,
        left < DISK_CRITICAL  ? S_CRITICAL
        : left < DISK_WARNING ? S_WARNING
                              : S_OK,
        "disk %.0f %% free", left);
    figure(c, "disk_free=%.1f%%;%d:;%d:;0;100", left, DISK_WARNING, DISK_CRITICAL);
}

int lj_cmd_check(struct lj_ctl *ctl)
{
    struct check c = {.ctl = ctl};
    struct lj_err err = {0};
    if (lj_layout_find(ctl, &c.at, &err) != 0) {
        fprintf(ctl->out, "LIANGJIN UNKNOWN - %s\n", err.text);
        return S_UNKNOWN;
    }
    check_broker(&c);
    check_postgres(&c);
    check_disk(&c);
    fprintf(ctl->out, "LIANGJIN %s - %s | %s\n", state_names[c.worst], c.text, c.figures);
    return (int)c.worst;
}
