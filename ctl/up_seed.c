/* What a new system needs before anybody can use it: the managing units, the first policy, the
 * holidays of the years and the bodies that have not registered as events, and the first tokens.
 *
 * Units and policy are sent at every start, with the fixed ids of db/seed: the log answers a repeat
 * with the first position, so nothing is remembered here that could be wrong. A seed that was
 * changed without a new id is refused by the log (same id, other content): reported, not hidden.
 * Tokens need their unit in the register, so the register's worker must have handled the units:
 * waited for. A token is made once: its secret goes to DIR/secret first (0600), then its hash to
 * the database; a start that was killed between the two finds the file and stores the hash.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "ctl/embed.h"
#include "ctl/pg.h"
#include "ctl/sender.h"
#include "ctl/token.h"
#include "ctl/units.h"
#include "ctl/up.h"

enum { SEED_DEADLINE_S = 60, REGISTER_MS = 60 * 1000 };

static void on_sent(const struct lj_sent *sent, void *arg)
{
    struct lj_err *first = arg;
    if (sent->code < 0 && !first->code)
        (void)lj_fail(first, sent->code, "seed event %zu (%s): %.150s", sent->line, sent->id,
                      sent->detail);
}

static int send_units(struct lj_sender *s, const struct lj_unit *units, size_t n,
                      struct lj_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct lj_unit *u = &units[i];
        char text[700];
        char region[40] = "";
        if (u->region[0])
            (void)snprintf(region, sizeof region, ",\"region\":\"%s\"", u->region);
        int len = snprintf(text, sizeof text,
                           "{\"id\":\"%s\",\"type\":\"unit.registered\",\"unit\":\"CN000\","
                           "\"occurred_at\":\"2024-03-29T00:00:00+08:00\","
                           "\"payload\":{\"code\":\"%s\",\"name\":\"%s\",\"kind\":\"%s\"%s}}",
                           u->id, u->code, u->name, u->kind, region);
        rc = lj_sender_add(s, text, (size_t)len, err);
    }
    return rc;
}

/* A file of events, a line each: the calendar's years; the bodies that were addressed and have not
 * registered. */
static int send_lines(struct lj_sender *s, const char *name, struct lj_err *err)
{
    const struct lj_embedded *f = lj_embedded_find(name);
    int rc = f ? 0 : lj_fail(err, LJ_E_INTERNAL, "this ljctl was built without %s", name);
    for (const char *p = f ? f->start : ""; rc == 0 && p < f->end && *p;) {
        size_t n = strcspn(p, "\n");
        rc = lj_sender_add(s, p, n, err);
        p += n + (p[n] == '\n');
    }
    return rc;
}

int lj_up_seed(struct lj_up *up, struct lj_err *err)
{
    struct lj_unit *units = calloc(LJ_UNITS_MAX, sizeof *units);
    struct lj_err refused = {0};
    struct lj_sender *s = NULL;
    const struct lj_embedded *policy = lj_embedded_find("db/seed/policy.json");
    size_t n = 0;
    int rc = units ? lj_units_embedded(units, LJ_UNITS_MAX, &n, err)
                   : lj_fail(err, LJ_E_NOMEM, "no memory for the units");
    if (rc == 0)
        rc = lj_sender_open(up->at.run, "ljctl-up", SEED_DEADLINE_S, on_sent, &refused, &s, err);
    if (rc == 0)
        rc = send_units(s, units, n, err);
    if (rc == 0 && policy)
        rc = lj_sender_add(s, policy->start, (size_t)(policy->end - policy->start), err);
    if (rc == 0)
        rc = send_lines(s, "db/seed/calendar.ndjson", err);
    if (rc == 0)
        rc = send_lines(s, "db/seed/addressed.ndjson", err);
    if (rc == 0)
        rc = lj_sender_finish(s, err);
    lj_sender_close(&s);
    free(units);
    if (rc == 0 && refused.code)
        return lj_fail(err, refused.code, "%s", refused.text);
    return rc;
}

/* ---- tokens ---- */

static const struct {
    const char *file, *name, *unit, *role;
} first_tokens[] = {
    {"admin.token", "first-admin", "CN000", "centre"},
    {"unit.token", "first-unit", "PS001", "client"},
    {"observer.token", "first-observer", "CN000", "observer"},
};

static int is_registered(PGconn *c, const char *unit, int *ret, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc =
        lj_dbs_query(c, "select 1 from liangjin.directory() where code = $1", 1, &unit, &r, err);
    if (rc == 0)
        *ret = PQntuples(r) == 1;
    PQclear(r);
    return rc;
}

static int wait_units(struct lj_up *up, PGconn *c, struct lj_err *err)
{
    for (int ms = 0; ms < REGISTER_MS; ms += 50) {
        int there = 0;
        int rc = is_registered(c, "PS001", &there, err);
        if (rc || there)
            return rc;
        if (lj_up_wait(up, NULL, 50, 0) < 0)
            return lj_fail(err, up->fatal.code ? up->fatal.code : LJ_E_CLOSED, "%s",
                           up->fatal.code ? up->fatal.text : "stopped");
    }
    return lj_fail(
        err, LJ_E_TIMEOUT,
        "the register has not taken the units within %d s; see %.120s/worker-register-1.log",
        REGISTER_MS / 1000, up->at.log);
}

static int is_stored(PGconn *c, const char *name, int *ret, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc =
        lj_dbs_query(c, "select 1 from liangjin.list_tokens() where name = $1", 1, &name, &r, err);
    if (rc == 0)
        *ret = PQntuples(r) > 0;
    PQclear(r);
    return rc;
}

static int one_token(struct lj_up *up, PGconn *c, size_t i, struct lj_err *err)
{
    char path[PATH_MAX];
    char secret[LJ_TOKEN_TEXT + 2];
    int stored = 0;
    int rc = is_stored(c, first_tokens[i].name, &stored, err);
    if (rc ||
        stored) /* a secret that was taken away stays away: `ljctl token create` makes others */
        return rc;
    rc = lj_path(path, up->at.secret, first_tokens[i].file, err);
    if (rc)
        return rc;
    if (lj_read_small(path, secret, sizeof secret, NULL) != 0 ||
        strcspn(secret, "\n") != LJ_TOKEN_TEXT) {
        rc = lj_token_make(secret, err);
        secret[LJ_TOKEN_TEXT] = '\n';
        if (rc == 0)
            rc = lj_write_whole(path, secret, LJ_TOKEN_TEXT + 1, 0600, err);
    }
    secret[LJ_TOKEN_TEXT] = '\0';
    struct lj_token_spec spec = {.name = first_tokens[i].name,
                                 .unit = first_tokens[i].unit,
                                 .role = first_tokens[i].role,
                                 .class = 1,
                                 .rate = 1000000,
                                 .burst = 1000000};
    return rc == 0 ? lj_token_store(c, &spec, secret, err) : rc;
}

int lj_up_tokens(struct lj_up *up, struct lj_err *err)
{
    PGconn *c = NULL;
    int rc = lj_pg_connect_run(up->at.run, "liangjin", "liangjin_control", &c, err);
    if (rc == 0)
        rc = wait_units(up, c, err);
    for (size_t i = 0; rc == 0 && i < sizeof first_tokens / sizeof first_tokens[0]; i++)
        rc = one_token(up, c, i, err);
    if (rc == 0)
        rc = lj_up_account(up, c, err);
    PQfinish(c);
    return rc;
}
