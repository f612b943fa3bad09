/* POST /v1/accept: an invited person sets the password of his account, by a one-time link.
 *
 * As with /v1/confirm the link's token is all the right there is. "show" tells whose account it is
 * for and uses nothing up; "accept" brings a password. Then, one after the other: the link is
 * looked up; the password is hashed, as costly as at a login, on a thread, two at a time;
 * account.accepted goes to the log, with an id made of the token's hash; the hash is stored and the
 * link is used up, in one statement. If something fails on the way the link is still good: the same
 * again repeats the event (which is one) and stores. So the log never lacks the event of a password
 * that was set, and a link sets one password.
 *
 * Storing is the only thing that this process writes to the database (db/functions/invite.sql); its
 * role reads by default, so the transaction says otherwise. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/uuid.h"
#include "gateway/gateway.h"
#include "gateway/intake.h"
#include "gateway/login.h"

enum {
    BODY_MAX = 1024,
    TOKEN_MAX = 64,
    PASSWORD_MIN = 10, /* bytes; as ljctl asks */
    PASSWORD_MAX = 128,
    ASKS_A_SECOND = 10,
    ASKS_AT_ONCE = 20,
    HASHES_AT_ONCE = 2, /* each holds 64 MiB and a core */
    LOGIN_MAX = 32,
};

/* One request; freed when neither it nor anything that it has asked for is under way. */
struct guest {
    struct lj_gateway *g;
    struct lj_req *rq; /* NULL once the request is over */
    int open;          /* questions, hashing, answers under way */
    bool accept;       /* else it is only shown */
    bool stored;
    struct lj_problem problem; /* code 0: none */
    struct lj_buf shown;
    uv_work_t work;
    uint8_t token[LJ_TOKEN_HASH];
    char login[LOGIN_MAX + 1], unit[LJ_UNIT_CODE_LEN + 1];
    char password[PASSWORD_MAX + 1];
    char hash[crypto_pwhash_STRBYTES]; /* "" = could not be made */
};

static const char sql_show[] = "select state, login, unit, name, shown from invite_of($1)";
static const char sql_write[] = "set transaction_read_only = off"; /* of this transaction */
static const char sql_accept[] = "select accept_invite($1, $2)";

static void release(struct guest *w)
{
    if (!w->rq && w->open == 0) {
        lj_buf_free(&w->shown);
        sodium_memzero(w, sizeof *w);
        free(w);
    }
}

static void refuse(struct guest *w, int code, const char *detail)
{
    if (w->rq) {
        lj_gw_refuse(w->rq, code, detail);
    }
}

void lj_accept_head(struct lj_gateway *g, struct lj_req *rq)
{
    char peer[LJ_PEER_TEXT];
    const char *media = lj_req_header(rq, "Content-Type");
    struct lj_problem p;
    lj_problem_set(&p, LJ_E_RATE, "", NULL, NULL);
    p.retry_after_s =
        lj_bucket_take(&g->accept_bucket, ASKS_A_SECOND, ASKS_AT_ONCE, 1, lj_mono_us());
    if (p.retry_after_s) {
        lj_gw_problem(rq, &p);
    } else if (!lj_same_origin(rq, false)) {
        lj_gw_refuse(rq, LJ_E_CROSS_SITE, NULL);
    } else if (lj_req_peer(rq, peer) < 0) {
        lj_gw_refuse(rq, LJ_E_INSECURE, NULL);
    } else if (!media || strncasecmp(media, "application/json", 16) != 0) {
        lj_gw_refuse(rq, LJ_E_MEDIA_TYPE, NULL);
    } else {
        rq->body_max = BODY_MAX;
    }
}

/* ---- the password is stored ---- */

static void on_accept(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct guest *w = arg;
    (void)db;
    w->problem.code = err ? LJ_E_DB_SYSTEM : 0;
    w->stored = !err && PQntuples(res) == 1 && lj_pgget_bool(res, 0, 0);
}

static void on_write(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    (void)db;
    (void)res;
    (void)err; /* then accept_invite fails, and says so */
    (void)arg;
}

static void on_accept_sync(struct lj_db *db, int code, void *arg)
{
    struct guest *w = arg;
    (void)db;
    w->open--;
    if (code != 0 || w->problem.code) {
        refuse(w, LJ_E_DB_SYSTEM, NULL); /* whether it was stored: the same again tells */
    } else if (!w->stored) {
        refuse(w, LJ_E_LINK_USED, NULL);
    } else {
        lj_log(LJ_INFO, "invite.accepted", "account=%s", w->login);
        if (w->rq) {
            lj_gw_json(w->rq, 200, &w->shown);
        }
    }
    release(w);
}

static void store(struct guest *w)
{
    struct lj_db *db = lj_link_db(w->g->pages_link);
    struct lj_err err = {0};
    const char *values[] = {(const char *)w->token, w->hash};
    const int lengths[] = {sizeof w->token, (int)strlen(w->hash)};
    if (!db || lj_db_exec(db, NULL, sql_write, 0, NULL, NULL, NULL, 1, on_write, w, &err) != 0 ||
        lj_db_exec(db, NULL, sql_accept, 2, values, lengths, NULL, 1, on_accept, w, &err) != 0 ||
        lj_db_sync(db, on_accept_sync, w, &err) != 0) {
        if (db) {
            w->open++; /* a statement of a connection that is being lost may still come back: what
                          little this holds is left to the process's end */
        }
        refuse(w, LJ_E_DB_SYSTEM, NULL);
        return;
    }
    w->open++;
}

/* ---- the log knows ---- */

static void on_answer(const struct lj_answer *answer, void *arg)
{
    struct guest *w = arg;
    w->open--;
    if (answer->code >= 0) {
        store(w);
    } else {
        const char *pointer = NULL;
        refuse(w, lj_intake_outward(answer->code, &pointer), NULL);
    }
    release(w);
}

static void submit(struct guest *w)
{
    static const unsigned char purpose[crypto_generichash_KEYBYTES_MIN] = "liangjin accept_";
    static const char type[] = "account.accepted", source[] = "link:account";
    struct lj_submit_event e = {.occurred_at_us = LJ_TIME_NONE,
                                .origin = LJ_ORIGIN_CENTRE,
                                .class = LJ_CLASS_DEFAULT,
                                .schema_version = 1,
                                .type = {type, sizeof type - 1},
                                .unit = {w->unit, strlen(w->unit)},
                                .source = {source, sizeof source - 1}};
    char payload[64];
    uint8_t wide[LJ_TOKEN_HASH];
    struct lj_err err = {0};
    int n = snprintf(payload, sizeof payload, "{\"login\":\"%s\"}", w->login); /* a-z, 0-9, _ */
    (void)crypto_generichash(wide, sizeof wide, w->token, sizeof w->token, purpose, sizeof purpose);
    memcpy(e.id, wide, sizeof e.id);
    e.id[6] = (uint8_t)((e.id[6] & 0x0F) | 0x40); /* version 4 in form */
    e.id[8] = (uint8_t)((e.id[8] & 0x3F) | 0x80);
    e.payload = (struct lj_slice){payload, (size_t)n};
    if (w->g->draining || !lj_client_connected(w->g->client)) {
        refuse(w, w->g->draining ? LJ_E_DRAINING : LJ_E_BROKER_AWAY, NULL);
    } else if (lj_client_submit(w->g->client, &e, on_answer, w, &err) != 0) {
        refuse(w, err.code, NULL);
    } else {
        w->open++;
    }
}

/* ---- the password's hash ---- */

static void on_hash(uv_work_t *work)
{
    struct guest *w = work->data;
    if (crypto_pwhash_str(w->hash, w->password, strlen(w->password),
                          crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
        w->hash[0] = '\0';
    }
}

static void after_hash(uv_work_t *work, int status)
{
    struct guest *w = work->data;
    w->open--;
    w->g->accept_hashing--;
    sodium_memzero(w->password, sizeof w->password);
    if (status != 0 || !w->hash[0]) {
        refuse(w, LJ_E_NOMEM, NULL);
    } else if (w->rq && !w->g->stopping) {
        submit(w);
    }
    release(w);
}

static void begin_hash(struct guest *w)
{
    struct lj_problem p;
    lj_problem_set(&p, LJ_E_RATE, "", NULL, NULL);
    p.retry_after_s = 1;
    w->work.data = w;
    if (w->g->accept_hashing >= HASHES_AT_ONCE) {
        lj_gw_problem(w->rq, &p);
    } else if (uv_queue_work(&w->g->loop, &w->work, on_hash, after_hash) != 0) {
        refuse(w, LJ_E_NOMEM, NULL);
    } else {
        w->g->accept_hashing++;
        w->open++;
    }
}

/* ---- the link ---- */

static void on_link(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct guest *w = arg;
    (void)db;
    if (err || PQntuples(res) == 0) {
        w->problem.code = err ? LJ_E_DB_SYSTEM : LJ_E_NOT_FOUND;
        return;
    }
    const char *state = PQgetvalue(res, 0, 0);
    w->problem.code = strcmp(state, "used") == 0      ? LJ_E_LINK_USED
                      : strcmp(state, "expired") == 0 ? LJ_E_LINK_EXPIRED
                                                      : 0;
    snprintf(w->login, sizeof w->login, "%s", PQgetvalue(res, 0, 1));
    snprintf(w->unit, sizeof w->unit, "%s", PQgetvalue(res, 0, 2));
    lj_buf_put(&w->shown, PQgetvalue(res, 0, 4), (size_t)PQgetlength(res, 0, 4));
}

static void on_link_sync(struct lj_db *db, int code, void *arg)
{
    struct guest *w = arg;
    (void)db;
    w->open--;
    if (!w->rq) {
        release(w);
        return;
    }
    if (code != 0 || w->problem.code) {
        refuse(w, code != 0 ? LJ_E_DB_SYSTEM : w->problem.code, NULL);
    } else if (!w->accept) {
        lj_gw_json(w->rq, 200, &w->shown);
    } else {
        begin_hash(w);
    }
}

/* ---- the request ---- */

/* True, or false after a refusal. A token too long to be one is unknown like any wrong one. */
static bool take_members(struct guest *w, struct lj_req *rq, const struct lj_json_value v[3])
{
    const char *text = (const char *)rq->body.data;
    char token[TOKEN_MAX + 1], say[16];
    size_t n = 0, m = 0, k = 0;
    if (v[0].type != LJ_JSON_TEXT || v[1].type != LJ_JSON_TEXT) {
        lj_gw_refuse(rq, LJ_E_MEMBER_MISSING, "token and say, both strings");
        return false;
    }
    if (lj_json_text(text + v[1].off, v[1].len, say, sizeof say - 1, &m) != 0) {
        m = 0;
    }
    say[m] = '\0';
    w->accept = strcmp(say, "accept") == 0;
    bool has = v[2].type == LJ_JSON_TEXT &&
               lj_json_text(text + v[2].off, v[2].len, w->password, PASSWORD_MAX, &k) == 0;
    w->password[has ? k : 0] = '\0';
    if ((!w->accept && strcmp(say, "show") != 0) || (!w->accept && v[2].type != LJ_JSON_ABSENT)) {
        lj_gw_refuse(rq, LJ_E_MEMBER_INVALID, "say is show, or accept with a password");
        return false;
    }
    if (w->accept && (!has || k < PASSWORD_MIN || strlen(w->password) != k)) {
        struct lj_problem p;
        lj_problem_set(&p, LJ_E_MEMBER_INVALID, "/password", "10 to 128 bytes",
                       "密码须为 10 至 128 字节");
        lj_gw_problem(rq, &p);
        return false;
    }
    if (lj_json_text(text + v[0].off, v[0].len, token, sizeof token, &n) != 0) {
        n = 0;
    }
    (void)crypto_generichash(w->token, sizeof w->token, (const unsigned char *)token, n, NULL, 0);
    sodium_memzero(token, sizeof token);
    return true;
}

static bool read_body(struct guest *w, struct lj_req *rq)
{
    static const struct lj_json_name names[] = {LJ_JSON_NAME("token"), LJ_JSON_NAME("say"),
                                                LJ_JSON_NAME("password")};
    const struct lj_json_request ask = {.refuse_unknown = true, .names = names, .n_names = 3};
    struct lj_json_value v[3];
    struct lj_json_result result;
    struct lj_json_error why;
    struct lj_problem p;
    const char *text = rq->body.data ? (const char *)rq->body.data : "";
    if (lj_json_scan(&ask, text, rq->body.len, w->g->scratch, v, &result, &why) != 0) {
        lj_problem_json(&p, &why);
        lj_gw_problem(rq, &p);
        return false;
    }
    return take_members(w, rq, v);
}

void lj_accept_ready(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_db *db = lj_link_db(g->pages_link);
    struct lj_err err = {0};
    struct guest *w = db ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        lj_gw_refuse(rq, db ? LJ_E_NOMEM : LJ_E_DB_SYSTEM, NULL);
        return;
    }
    w->g = g;
    bool good = read_body(w, rq);
    if (rq->body.data) {
        sodium_memzero(rq->body.data, rq->body.len);
    }
    const char *values[] = {(const char *)w->token};
    const int lengths[] = {sizeof w->token};
    if (!good ||
        lj_db_exec(db, NULL, sql_show, 1, values, lengths, NULL, 1, on_link, w, &err) != 0) {
        if (good) {
            lj_gw_refuse(rq, LJ_E_DB_SYSTEM, NULL);
        }
        release(w);
        return;
    }
    w->rq = rq;
    w->open++;
    lj_req_keep(rq, w);
    if (lj_db_sync(db, on_link_sync, w, &err) != 0) {
        lj_gw_refuse(rq, LJ_E_DB_SYSTEM, NULL); /* its statement may still come back: see store */
    }
}

void lj_accept_done(struct lj_gateway *g, struct lj_req *rq)
{
    struct guest *w = lj_req_kept(rq);
    (void)g;
    w->rq = NULL;
    release(w);
}
