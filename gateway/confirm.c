/* POST /v1/confirm: the word of a host or an athlete, by a one-time link.
 *
 * The link's token is all the right there is: no account, no cookie. Its hash is looked up; what
 * the database knows it for (an activity, and a person of its roster or the host) is put into the
 * event by us, so a holder can speak of nothing else. "show" tells what the link is for and uses
 * nothing up.
 *
 * Used once: the gateway writes nothing, the log does. The event's id is made of the token's hash,
 * so a second use is a repeat of the first (200, "duplicate") or, with another answer, a conflict
 * of ids (409). Tokens have 256 random bits and are not to be guessed; what an outsider could cost
 * us, a query a request, is bounded by one bucket for all. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/uuid.h"
#include "gateway/gateway.h"
#include "gateway/intake.h"

enum { BODY_MAX = 8192, TOKEN_MAX = 64, SAY_MAX = 16, ASKS_A_SECOND = 50, ASKS_AT_ONCE = 100 };

enum say { SHOW, CONFIRM, DISPUTE };

/* One request; freed when neither it, nor a question to the database, nor an answer of the broker
 * is open any more. */
struct word {
    struct lj_gateway *g;
    struct lj_req *rq; /* NULL once the request is over */
    int open;          /* question or answer under way */
    enum say say;
    uint8_t hash[LJ_TOKEN_HASH];
    struct lj_json_value answer; /* in the request's body */
    struct lj_problem problem;   /* code 0: none */
    struct lj_buf shown;
    struct lj_buf payload;
    char unit[LJ_UNIT_CODE_LEN + 1];
    const char *type, *source; /* static; NULL: no such link */
};

static const char sql[] = "select activity::text, unit, person, expired, shown from "
                          "confirm_link_of($1)";

static void release(struct word *w)
{
    if (!w->rq && w->open == 0) {
        lj_buf_free(&w->shown);
        lj_buf_free(&w->payload);
        free(w);
    }
}

void lj_confirm_head(struct lj_gateway *g, struct lj_req *rq)
{
    const char *media = lj_req_header(rq, "Content-Type");
    struct lj_problem p;
    lj_problem_set(&p, LJ_E_RATE, "", NULL, NULL);
    p.retry_after_s =
        lj_bucket_take(&g->confirm_bucket, ASKS_A_SECOND, ASKS_AT_ONCE, 1, lj_mono_us());
    if (p.retry_after_s) {
        lj_gw_problem(rq, &p);
    } else if (!rq->has_length && !rq->chunked) {
        lj_gw_refuse(rq, LJ_E_LENGTH_REQUIRED, NULL);
    } else if (!media || strncasecmp(media, "application/json", 16) != 0) {
        lj_gw_refuse(rq, LJ_E_MEDIA_TYPE, NULL);
    } else {
        rq->body_max = BODY_MAX;
    }
}

/* ---- the broker's answer ---- */

static void on_answer(const struct lj_answer *answer, void *arg)
{
    struct word *w = arg;
    w->open--;
    if (w->rq && answer->code >= 0) {
        struct lj_buf out = {0};
        char id[LJ_UUID_TEXT + 1];
        lj_buf_printf(&out, "{\"id\":\"%s\",\"position\":%lld,\"duplicate\":%s}",
                      lj_uuid_format(answer->id, id), (long long)answer->position,
                      answer->code ? "true" : "false");
        lj_gw_json(w->rq, answer->code ? 200 : 202, &out);
    } else if (w->rq) {
        const char *pointer = NULL;
        struct lj_problem p;
        lj_problem_set(&p, lj_intake_outward(answer->code, &pointer), "", NULL, NULL);
        p.retry_after_s = answer->retry_after_s;
        lj_gw_problem(w->rq, &p);
    }
    release(w);
}

/* A UUID of version 4 in form, made of the token's hash and nothing else. */
static void id_of(const struct word *w, uint8_t id[LJ_UUID_BYTES])
{
    static const unsigned char purpose[crypto_generichash_KEYBYTES_MIN] = "liangjin confirm";
    uint8_t wide[LJ_TOKEN_HASH];
    (void)crypto_generichash(wide, sizeof wide, w->hash, sizeof w->hash, purpose, sizeof purpose);
    memcpy(id, wide, LJ_UUID_BYTES);
    id[6] = (uint8_t)((id[6] & 0x0F) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
}

static void submit(struct word *w)
{
    struct lj_err err = {0};
    uint8_t id[LJ_UUID_BYTES];
    id_of(w, id);
    struct lj_submit_event e = {
        .occurred_at_us = LJ_TIME_NONE,
        .origin = LJ_ORIGIN_CENTRE, /* the types are the Centre's, and nobody's but by a link */
        .class = LJ_CLASS_DEFAULT,
        .schema_version = 1,
        .type = {w->type, strlen(w->type)},
        .unit = {w->unit, strlen(w->unit)},
        .source = {w->source, strlen(w->source)},
        .payload = {(const char *)w->payload.data, w->payload.len},
    };
    memcpy(e.id, id, sizeof e.id);
    if (w->payload.failed) {
        lj_gw_refuse(w->rq, LJ_E_NOMEM, NULL);
    } else if (w->g->draining || !lj_client_connected(w->g->client)) {
        lj_gw_refuse(w->rq, w->g->draining ? LJ_E_DRAINING : LJ_E_BROKER_AWAY, NULL);
    } else if (lj_client_submit(w->g->client, &e, on_answer, w, &err) != 0) {
        lj_gw_refuse(w->rq, err.code, err.code == LJ_E_BUSY ? NULL : err.text);
    } else {
        w->open++;
    }
}

/* ---- the database's answer ---- */

/* {"activity":..., "person":..., what the holder said}. */
static void put_payload(struct word *w, const PGresult *res)
{
    const char *body = (const char *)w->rq->body.data;
    lj_buf_printf(&w->payload, "{\"activity\":\"%s\"", PQgetvalue(res, 0, 0));
    if (!PQgetisnull(res, 0, 2)) {
        lj_buf_printf(&w->payload, ",\"person\":\"%s\"", PQgetvalue(res, 0, 2));
    }
    if (w->answer.type == LJ_JSON_OBJECT) {
        size_t from = w->answer.off + 1, to = w->answer.off + w->answer.len - 1;
        while (from < to && strchr(" \t\r\n", body[from])) {
            from++;
        }
        lj_buf_put(&w->payload, ",", from < to);
        lj_buf_put(&w->payload, body + from, to - from);
    }
    lj_buf_put(&w->payload, "}", 1);
}

static void on_link(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    static const char *const types[2][3] = {
        {NULL, "host.confirmed", "host.disputed"},
        {NULL, "participation.confirmed", "participation.disputed"}};
    struct word *w = arg;
    (void)db;
    if (!w->rq || err) {
        w->problem.code = err ? LJ_E_DB_SYSTEM : 0;
        return;
    }
    if (PQntuples(res) == 0 || *PQgetvalue(res, 0, 3)) {
        lj_problem_set(&w->problem, LJ_E_NOT_FOUND, "", "the link is unknown, or has expired",
                       "链接无效或已过期");
        return;
    }
    int person = !PQgetisnull(res, 0, 2);
    w->type = types[person][w->say];
    w->source = person ? "link:athlete" : "link:host";
    (void)snprintf(w->unit, sizeof w->unit, "%s", PQgetvalue(res, 0, 1));
    lj_buf_put(&w->shown, PQgetvalue(res, 0, 4), (size_t)PQgetlength(res, 0, 4));
    if (w->type) {
        put_payload(w, res);
    }
}

static void on_sync(struct lj_db *db, int code, void *arg)
{
    struct word *w = arg;
    (void)db;
    w->open--;
    if (!w->rq) {
        release(w);
        return;
    }
    if (code != 0 || w->problem.code == LJ_E_DB_SYSTEM) {
        lj_gw_refuse(w->rq, LJ_E_DB_SYSTEM, NULL);
    } else if (w->problem.code) {
        lj_gw_problem(w->rq, &w->problem);
    } else if (w->say == SHOW) {
        lj_gw_json(w->rq, 200, &w->shown);
    } else {
        submit(w);
    }
}

/* ---- the request ---- */

static int say_of(const char *word)
{
    static const char *const words[] = {"show", "confirm", "dispute"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* True, or false after a refusal. */
static bool read_body(struct word *w, struct lj_req *rq)
{
    static const struct lj_json_name names[] = {LJ_JSON_NAME("token"), LJ_JSON_NAME("say"),
                                                LJ_JSON_NAME("answer")};
    const struct lj_json_request ask = {.refuse_unknown = true, .names = names, .n_names = 3};
    const char *text = rq->body.data ? (const char *)rq->body.data : "";
    struct lj_json_value v[3];
    struct lj_json_result result;
    struct lj_json_error why;
    struct lj_problem p;
    char token[TOKEN_MAX + 1], say[SAY_MAX + 1];
    size_t n = 0, m = 0;
    if (lj_json_scan(&ask, text, rq->body.len, w->g->scratch, v, &result, &why) != 0) {
        lj_problem_json(&p, &why);
        lj_gw_problem(rq, &p);
        return false;
    }
    if (v[0].type != LJ_JSON_TEXT || v[1].type != LJ_JSON_TEXT) {
        lj_gw_refuse(rq, LJ_E_MEMBER_MISSING, "token and say, both strings");
        return false;
    }
    int known =
        lj_json_text(text + v[1].off, v[1].len, say, sizeof say, &m) == 0 ? say_of(say) : -1;
    if (known < 0 || (v[2].type != LJ_JSON_ABSENT && v[2].type != LJ_JSON_OBJECT)) {
        lj_gw_refuse(rq, LJ_E_MEMBER_INVALID,
                     "say is show, confirm or dispute; answer is an object");
        return false;
    }
    if (lj_json_text(text + v[0].off, v[0].len, token, sizeof token, &n) != 0) {
        n = 0; /* too long to be one: unknown like any wrong one */
    }
    (void)crypto_generichash(w->hash, sizeof w->hash, (const unsigned char *)token, n, NULL, 0);
    sodium_memzero(token, sizeof token);
    w->say = (enum say)known;
    w->answer = v[2];
    return true;
}

void lj_confirm_ready(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_db *db = lj_link_db(g->query);
    struct lj_err err = {0};
    struct word *w = db ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        lj_gw_refuse(rq, db ? LJ_E_NOMEM : LJ_E_DB_SYSTEM, NULL);
        return;
    }
    w->g = g;
    const char *values[] = {(const char *)w->hash};
    const int lengths[] = {sizeof w->hash};
    if (!read_body(w, rq)) {
        free(w);
        return;
    }
    if (lj_db_exec(db, NULL, sql, 1, values, lengths, NULL, 1, on_link, w, &err) != 0) {
        free(w);
        lj_gw_refuse(rq, LJ_E_DB_SYSTEM, NULL);
        return;
    }
    w->rq = rq;
    lj_req_keep(rq, w);
    if (lj_db_sync(db, on_sync, w, &err) != 0) {
        w->rq = NULL; /* stays until the statement's callback of the lost connection; the process's
                         end frees it */
        lj_req_keep(rq, NULL);
        lj_gw_refuse(rq, LJ_E_DB_SYSTEM, NULL);
        return;
    }
    w->open++;
}

void lj_confirm_done(struct lj_gateway *g, struct lj_req *rq)
{
    struct word *w = lj_req_kept(rq);
    (void)g;
    w->rq = NULL;
    release(w);
}
