/* POST /v1/login, POST /v1/logout, GET /v1/me.
 *
 * Checking a password costs 64 MiB and a tenth of a second on purpose, so it is rationed before it
 * is done: by account and address, by address, two at a time, 32 waiting, and everybody beyond gets
 * 429. It runs on a thread of libuv's pool; everything else stays on the loop. An unknown account
 * takes the same way with a hash that no password fits, so neither the answer nor its time tells
 * which accounts there are.
 *
 * A cookie is what a browser sends by itself, so whatever a cookie may do must be asked for by a
 * page of ours: SameSite=Strict, and Sec-Fetch-Site or Origin must say so. Without TLS there is no
 * login but from this machine. Once a second the accounts' versions are compared with those of the
 * logins: who was disabled or got a new password is out. While the database is away logins go on:
 * what they show stands still anyway. */
#include "gateway/login.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/who.h"
#include "gateway/attempts.h"
#include "gateway/gateway.h"
#include "gateway/jsonw.h"
#include "gateway/lock.h"

enum {
    HASHES_AT_ONCE = 2, /* source: each holds 64 MiB and a core */
    WAITING_MAX = 32,
    PASSWORD_MAX = 128,
    BODY_MAX = 1024,
    CONFIRM_US = 1000000,
};

#define MINUTE_US      INT64_C(60000000)
#define IDLE_US        (30 * MINUTE_US)
#define ABSOLUTE_US    (12 * 60 * MINUTE_US)
#define WINDOW_US      (15 * MINUTE_US)
#define FAILURES_PAIR  5
#define FAILURES_PLACE 50
#define FAILURES_LOCK  5 /* of a person's account, from wherever. source: field handbook 7.4 */

struct attempt {
    struct attempt *next; /* of those that wait for a thread */
    struct lj_desk *desk;
    struct lj_req *rq; /* NULL once the request is over */
    uv_work_t work;
    bool found, right;
    int16_t unit;
    int64_t version;
    int secure; /* of lj_req_peer */
    char role[LJ_ROLES_TEXT + 1];
    char login[LJ_ACCOUNT_MAX + 1], password[PASSWORD_MAX + 1];
    char hash[crypto_pwhash_STRBYTES];
    char pair[LJ_ACCOUNT_MAX + LJ_PEER_TEXT + 2], place[LJ_PEER_TEXT];
};

struct lj_desk {
    struct lj_gateway *g;
    struct lj_logins *logins;
    struct lj_attempts *pairs, *places, *persons; /* persons: wrong passwords of an account */
    struct attempt *first, **last;                /* waiting for a thread */
    size_t hashing, open;                         /* open: all of the attempts */
    bool confirming;
    int64_t confirm_us;
    char nobody[crypto_pwhash_STRBYTES];
};

static const char sql_account[] = "select version, unit, role, hash from account_for_login($1)";
static const char sql_versions[] = "select login, version from account_versions()";

/* A hash of the right cost that nobody has a password for: salt and result are both random. */
static void make_nobody(char out[crypto_pwhash_STRBYTES])
{
    unsigned char salt[16], result[32];
    char a[32], b[64];
    randombytes_buf(salt, sizeof salt);
    randombytes_buf(result, sizeof result);
    sodium_bin2base64(a, sizeof a, salt, sizeof salt, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    sodium_bin2base64(b, sizeof b, result, sizeof result,
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    snprintf(out, crypto_pwhash_STRBYTES, "$argon2id$v=19$m=%zu,t=%llu,p=1$%s$%s",
             (size_t)crypto_pwhash_MEMLIMIT_INTERACTIVE / 1024,
             (unsigned long long)crypto_pwhash_OPSLIMIT_INTERACTIVE, a, b);
}

int lj_desk_open(struct lj_gateway *g, struct lj_desk **ret, struct lj_err *err)
{
    struct lj_desk *d = calloc(1, sizeof *d);
    if (d) {
        d->g = g;
        d->last = &d->first;
        d->logins = lj_logins_new(IDLE_US, ABSOLUTE_US);
        d->pairs = lj_attempts_new(4096, FAILURES_PAIR, WINDOW_US);
        d->places = lj_attempts_new(1024, FAILURES_PLACE, WINDOW_US);
        d->persons = lj_attempts_new(4096, FAILURES_LOCK - 1, WINDOW_US);
    }
    if (!d || !d->logins || !d->pairs || !d->places || !d->persons) {
        lj_desk_free(&d);
        return lj_fail(err, LJ_E_NOMEM, "no memory for logins");
    }
    make_nobody(d->nobody);
    *ret = d;
    return 0;
}

static void attempt_free(struct attempt *a)
{
    sodium_memzero(a, sizeof *a);
    free(a);
}

void lj_desk_free(struct lj_desk **dp)
{
    struct lj_desk *d = *dp;
    if (!d) {
        return;
    }
    *dp = NULL;
    while (d->first) {
        struct attempt *a = d->first;
        d->first = a->next;
        attempt_free(a);
    }
    lj_logins_free(&d->logins);
    lj_attempts_free(&d->pairs);
    lj_attempts_free(&d->places);
    lj_attempts_free(&d->persons);
    free(d);
}

size_t lj_desk_logins(const struct lj_desk *d)
{
    return lj_logins_count(d->logins);
}

/* ---- are the accounts what they were? ---- */

static void on_versions(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_desk *d = arg;
    (void)db;
    d->confirming = false;
    if (err) {
        return;
    }
    for (int i = 0; i < PQntuples(res); i++) {
        lj_logins_confirm(d->logins, PQgetvalue(res, i, 0), lj_pgget_i64(res, i, 1));
    }
    lj_logins_confirmed(d->logins);
}

static void nothing_more(struct lj_db *db, int code, void *arg)
{
    (void)db;
    (void)code;
    (void)arg;
}

void lj_desk_tick(struct lj_desk *d, int64_t mono_us)
{
    struct lj_db *db = lj_link_db(d->g->query);
    struct lj_err err = {0};
    if (mono_us - d->confirm_us < CONFIRM_US) {
        return;
    }
    d->confirm_us = mono_us;
    lj_logins_sweep(d->logins, mono_us);
    if (!db || d->confirming || lj_logins_count(d->logins) == 0) {
        return;
    }
    if (lj_db_exec(db, NULL, sql_versions, 0, NULL, NULL, NULL, 1, on_versions, d, &err) == 0) {
        d->confirming = true;
        if (lj_db_sync(db, nothing_more, NULL, &err) != 0) {
            lj_log(LJ_WARN, "login.confirm", "code=%s", lj_err_info(err.code)->name);
        }
    }
}

/* ---- cookies and origins ---- */

static const char *cookie_name(int secure)
{
    return secure == 1 ? "__Host-sid" : "sid";
}

/* The value of a cookie in a Cookie header; NULL if there is none. */
static const char *cookie(const char *header, const char *name, size_t *len)
{
    size_t n = strlen(name);
    for (const char *p = header; p && *p;) {
        p += strspn(p, "; ");
        if (strncmp(p, name, n) == 0 && p[n] == '=') {
            *len = strcspn(p + n + 1, "; ");
            return p + n + 1;
        }
        p = strchr(p, ';');
    }
    return NULL;
}

struct lj_login *lj_desk_login(struct lj_desk *d, struct lj_req *rq)
{
    char peer[LJ_PEER_TEXT];
    size_t len = 0;
    const char *value =
        cookie(lj_req_header(rq, "Cookie"), cookie_name(lj_req_peer(rq, peer)), &len);
    return value ? lj_logins_find(d->logins, value, len, lj_mono_us()) : NULL;
}

static bool origin_is_ours(struct lj_req *rq, const char *origin)
{
    char peer[LJ_PEER_TEXT];
    const char *host = lj_req_header(rq, "Host");
    const char *scheme = lj_req_peer(rq, peer) == 1 ? "https://" : "http://";
    size_t n = strlen(scheme);
    return host && strncasecmp(origin, scheme, n) == 0 && strcasecmp(origin + n, host) == 0;
}

bool lj_same_origin(struct lj_req *rq, bool strict)
{
    const char *site = lj_req_header(rq, "Sec-Fetch-Site"), *origin = lj_req_header(rq, "Origin");
    if (site) {
        return strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    }
    return origin ? origin_is_ours(rq, origin) : !strict;
}

/* ---- the end of an attempt ---- */

static void put_me(struct lj_buf *b, const struct lj_gateway *g, const struct lj_token *t,
                   const char *name, const char *role)
{
    const struct lj_directory *dir = lj_catalog_directory(g->catalog);
    const char *unit = dir ? lj_directory_code(dir, t->unit) : "";
    int first = 1;
    lj_buf_u8(b, '{');
    lj_jsonw_member(b, &first, "login", name);
    lj_jsonw_member(b, &first, "role", role);
    lj_jsonw_member(b, &first, "unit", unit);
    lj_buf_u8(b, '}');
}

static void set_cookie(struct lj_req *rq, int secure, const char *value, const char *more)
{
    char text[128];
    snprintf(text, sizeof text, "%s=%s;%s HttpOnly; SameSite=Strict; Path=/%s", cookie_name(secure),
             value, secure == 1 ? " Secure;" : "", more);
    lj_req_set(rq, "Set-Cookie", text);
}

static void welcome(struct lj_gateway *g, struct attempt *a)
{
    struct lj_desk *d = a->desk;
    struct lj_account account = {
        .login = a->login, .role = a->role, .unit = a->unit, .version = a->version};
    char secret[LJ_LOGIN_SECRET + 1];
    struct lj_login *login = NULL, *old = lj_desk_login(d, a->rq);
    struct lj_err err = {0};
    struct lj_buf body = {0};
    lj_attempts_clear(d->pairs, a->pair);
    lj_attempts_clear(d->persons, a->login);
    lj_attempts_undo(d->places, a->place);
    if (old) {
        lj_logins_end(old); /* a new id at each login; the one before ends with it */
    }
    if (lj_logins_begin(d->logins, &account, lj_mono_us(), lj_now_us(), secret, &login, &err) !=
        0) {
        lj_gw_refuse(a->rq, err.code, err.text);
        return;
    }
    set_cookie(a->rq, a->secure, secret, "");
    sodium_memzero(secret, sizeof secret);
    put_me(&body, g, &login->token, login->account, login->role);
    lj_log(LJ_INFO, "login.begin", "account=%s address=%s", login->account, a->place);
    lj_gw_json(a->rq, 200, &body);
}

static void pump(struct lj_desk *d);

/* The attempt is over; answers unless the request is. */
static void finish(struct attempt *a, int code)
{
    struct lj_desk *d = a->desk;
    struct lj_req *rq = a->rq;
    d->open--;
    if (rq) {
        lj_req_keep(rq, NULL);
        if (code == 0) {
            welcome(d->g, a);
        } else {
            lj_gw_refuse(rq, code, NULL);
        }
    }
    if (code == LJ_E_LOGIN_FAILED) {
        lj_log(LJ_WARN, "login.failed", "address=%s", a->place);
    }
    attempt_free(a);
}

static void on_hash(uv_work_t *w)
{
    struct attempt *a = w->data;
    a->right = crypto_pwhash_str_verify(a->hash, a->password, strlen(a->password)) == 0;
}

/* The fifth wrong password of a person's account within the window locks it. */
static void count_wrong(struct lj_desk *d, const struct attempt *a)
{
    if (a->found && !a->right && lj_person_of(a->role, strcspn(a->role, ",")) != LJ_PERSON_NONE &&
        lj_attempts_add(d->persons, a->login, lj_mono_us()) > 0) {
        lj_attempts_clear(d->persons, a->login);
        lj_lock_account(d->g, a->login, a->unit);
    }
}

static void after_hash(uv_work_t *w, int status)
{
    struct attempt *a = w->data;
    struct lj_desk *d = a->desk;
    (void)status;
    d->hashing--;
    count_wrong(d, a);
    finish(a, a->found && a->right ? 0 : LJ_E_LOGIN_FAILED);
    pump(d);
}

static void pump(struct lj_desk *d)
{
    while (d->first && d->hashing < HASHES_AT_ONCE) {
        struct attempt *a = d->first;
        d->first = a->next;
        d->last = d->first ? d->last : &d->first;
        a->work.data = a;
        if (uv_queue_work(&d->g->loop, &a->work, on_hash, after_hash) == 0) {
            d->hashing++;
        } else {
            finish(a, LJ_E_NOMEM);
        }
    }
}

/* ---- the account's hash ---- */

static void on_account(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct attempt *a = arg;
    struct lj_desk *d = a->desk;
    (void)db;
    if (err) {
        lj_attempts_undo(d->pairs, a->pair); /* it was not judged */
        lj_attempts_undo(d->places, a->place);
        finish(a, LJ_E_DB_SYSTEM);
        return;
    }
    a->found = PQntuples(res) == 1;
    snprintf(a->hash, sizeof a->hash, "%s", a->found ? PQgetvalue(res, 0, 3) : d->nobody);
    if (a->found) {
        a->version = lj_pgget_i64(res, 0, 0);
        a->unit = lj_pgget_i16(res, 0, 1);
        snprintf(a->role, sizeof a->role, "%s", PQgetvalue(res, 0, 2));
    }
    a->next = NULL;
    *d->last = a;
    d->last = &a->next;
    pump(d);
}

static int ask_account(struct attempt *a, struct lj_err *err)
{
    struct lj_db *db = lj_link_db(a->desk->g->query);
    const char *values[] = {a->login};
    const int lengths[] = {(int)strlen(a->login)};
    if (!db) {
        return lj_fail(err, LJ_E_DB_SYSTEM, "no database now");
    }
    int rc = lj_db_exec(db, NULL, sql_account, 1, values, lengths, NULL, 1, on_account, a, err);
    if (rc == 0 && lj_db_sync(db, nothing_more, NULL, err) != 0) {
        lj_log(LJ_WARN, "login.ask", "code=%s", lj_err_info(err->code)->name);
    }
    return rc; /* after a failed sync the connection is lost, and on_account hears of it */
}

/* ---- the request ---- */

void lj_login_head(struct lj_gateway *g, struct lj_req *rq)
{
    char peer[LJ_PEER_TEXT];
    const char *type = lj_req_header(rq, "Content-Type");
    (void)g;
    if (!lj_same_origin(rq, true)) {
        lj_gw_refuse(rq, LJ_E_CROSS_SITE, NULL);
    } else if (lj_req_peer(rq, peer) < 0) {
        lj_gw_refuse(rq, LJ_E_INSECURE, NULL);
    } else if (!type || strncasecmp(type, "application/json", 16) != 0) {
        lj_gw_refuse(rq, LJ_E_MEDIA_TYPE, NULL);
    } else {
        rq->body_max = BODY_MAX;
    }
}

/* login and password from the body; false after a refusal. Longer than either can be: no match. */
static bool read_body(struct lj_gateway *g, struct lj_req *rq, struct attempt *a)
{
    static const struct lj_json_name names[] = {LJ_JSON_NAME("login"), LJ_JSON_NAME("password")};
    struct lj_json_request ask = {.names = names, .n_names = 2, .refuse_unknown = true};
    struct lj_json_value v[2];
    struct lj_json_result result;
    struct lj_json_error why;
    struct lj_problem p;
    const char *text = rq->body.data ? (const char *)rq->body.data : "";
    char *out[2] = {a->login, a->password};
    const size_t cap[2] = {sizeof a->login, sizeof a->password};
    if (lj_json_scan(&ask, text, rq->body.len, g->scratch, v, &result, &why) != 0) {
        lj_problem_json(&p, &why);
        lj_gw_problem(rq, &p);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        size_t n = 0;
        if (v[i].type != LJ_JSON_TEXT) {
            lj_gw_refuse(rq, LJ_E_MEMBER_MISSING, "login and password, both strings");
            return false;
        }
        if (lj_json_text(text + v[i].off, v[i].len, out[i], cap[i], &n) != 0) {
            a->login[0] = '\0'; /* too long to be right: judged like any wrong one */
            return true;
        }
        out[i][n] = '\0';
    }
    return true;
}

/* True when it may go on; else it has been refused. */
static bool within_limits(struct lj_desk *d, struct lj_req *rq, struct attempt *a)
{
    struct lj_problem p;
    unsigned wait_s = 1;
    lj_problem_set(&p, LJ_E_LOGIN_RATE, "", NULL, NULL);
    if (d->open < HASHES_AT_ONCE + WAITING_MAX) {
        int64_t now_us = lj_mono_us();
        a->secure = lj_req_peer(rq, a->place);
        snprintf(a->pair, sizeof a->pair, "%s %s", a->login, a->place);
        wait_s = lj_attempts_add(d->pairs, a->pair, now_us);
        if (wait_s == 0) {
            wait_s = lj_attempts_add(d->places, a->place, now_us);
            if (wait_s) {
                lj_attempts_undo(d->pairs, a->pair);
            }
        }
    }
    p.retry_after_s = wait_s;
    if (wait_s) {
        lj_gw_problem(rq, &p);
    }
    return wait_s == 0;
}

void lj_login_ready(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_err err = {0};
    struct attempt *a = calloc(1, sizeof *a);
    if (!a) {
        lj_gw_refuse(rq, LJ_E_NOMEM, NULL);
        return;
    }
    a->desk = g->desk;
    bool going_on = read_body(g, rq, a) && within_limits(g->desk, rq, a);
    if (rq->body.data) {
        sodium_memzero(rq->body.data, rq->body.len);
    }
    if (!going_on) {
        attempt_free(a);
        return;
    }
    a->rq = rq;
    g->desk->open++;
    lj_req_keep(rq, a);
    if (ask_account(a, &err) != 0) {
        lj_attempts_undo(g->desk->pairs, a->pair);
        lj_attempts_undo(g->desk->places, a->place);
        finish(a, LJ_E_DB_SYSTEM);
    }
}

void lj_login_done(struct lj_gateway *g, struct lj_req *rq)
{
    struct attempt *a = lj_req_kept(rq);
    (void)g;
    a->rq = NULL;
}

void lj_logout_ready(struct lj_gateway *g, struct lj_req *rq)
{
    char peer[LJ_PEER_TEXT];
    struct lj_login *login = lj_desk_login(g->desk, rq);
    if (!lj_same_origin(rq, true)) {
        lj_gw_refuse(rq, LJ_E_CROSS_SITE, NULL);
        return;
    }
    if (login) {
        lj_log(LJ_INFO, "login.end", "account=%s", login->account);
        lj_logins_end(login);
    }
    set_cookie(rq, lj_req_peer(rq, peer), "", "; Max-Age=0");
    lj_req_reply(rq, 204, NULL, NULL);
}

void lj_me_ready(struct lj_gateway *g, struct lj_req *rq)
{
    const struct lj_login *login = lj_req_login(rq);
    struct lj_buf body = {0};
    put_me(&body, g, &login->token, login->account, login->role);
    lj_gw_json(rq, 200, &body);
}
