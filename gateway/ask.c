/* GET of the pages' data: one question to the database, one JSON answer.
 *
 * Who may see what is said by the functions (db/functions/reader.sql, screen_*.sql), which take who
 * asks and give of his subtree and nothing else; here a request's parameters are held to their form
 * before they get there, and nothing else is decided. The answer is the database's own JSON, passed
 * on as it is. A question has a connection that reading the stream, logging in and provenance do
 * not use, so a slow one keeps only other pages waiting; the role's statement_timeout bounds it.
 *
 * What nobody may see and what does not exist are answered alike. */
#include "gateway/ask.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/uuid.h"

enum { ASKS_A_SECOND = 10, ASKS_AT_ONCE = 30 };

const struct lj_ask lj_ask_review = {
    .sql = "select reader_waiting($1, $2, $3::text::int8)::text",
    .params = {{"unit", LJ_ASK_WORD}, {"after", LJ_ASK_NUMBER}},
    .nothing = LJ_E_FORBIDDEN,
};
const struct lj_ask lj_ask_sample = {
    .sql = "select reader_sample($1, date_trunc('quarter', coalesce($2::text::date, now() at time "
           "zone 'Asia/Shanghai'))::date)::text",
    .params = {{"day", LJ_ASK_DAY}},
    .nothing = LJ_E_FORBIDDEN,
};
const struct lj_ask lj_ask_activity = {
    .sql = "select reader_activity($1, $2::text::uuid)::text",
    .params = {{"", LJ_ASK_UUID}},
    .nothing = LJ_E_NOT_FOUND,
};
const struct lj_ask lj_ask_outcome = {
    .sql = "select reader_outcome($1, $2::text::uuid)::text",
    .params = {{"", LJ_ASK_UUID}},
    .nothing = LJ_E_NOT_FOUND,
};

const struct lj_ask lj_ask_flags = {
    .sql = "select reader_flags($1, $2, $3, $4, $5::text::int8)::text",
    .params = {{"state", LJ_ASK_WORD},
               {"code", LJ_ASK_WORD},
               {"unit", LJ_ASK_WORD},
               {"page", LJ_ASK_NUMBER}},
    .nothing = LJ_E_FORBIDDEN,
};
const struct lj_ask lj_ask_flag = {
    .sql = "select reader_flag($1, $2::text::uuid)::text",
    .params = {{"", LJ_ASK_UUID}},
    .nothing = LJ_E_NOT_FOUND,
};
const struct lj_ask lj_ask_mail = {
    .sql = "select reader_box($1, $2, $3::text::int8)::text",
    .params = {{"only", LJ_ASK_WORD}, {"page", LJ_ASK_NUMBER}},
    .nothing = LJ_E_FORBIDDEN,
};

const struct lj_ask lj_ask_report = {
    .sql = "select reader_report($1, $2, $3, $4, $5::text::date, $6::text::date, $7, "
           "$8::text::int4, $9)::text",
    .params = {{"", LJ_ASK_WORD},
               {"by", LJ_ASK_WORD},
               {"and", LJ_ASK_WORD},
               {"since", LJ_ASK_DAY},
               {"till", LJ_ASK_DAY},
               {"unit", LJ_ASK_WORD},
               {"year", LJ_ASK_NUMBER},
               {"rank", LJ_ASK_WORD}},
    .nothing = LJ_E_FORBIDDEN,
};
const struct lj_ask lj_ask_certificate = {
    .sql = "select certificate_public($1)::text",
    .params = {{"", LJ_ASK_WORD}},
    .nothing = LJ_E_NOT_FOUND,
    .rationed = true,
};

struct question {
    const struct lj_ask *ask;
    struct lj_req *rq; /* NULL once the request is over */
};

/* ---- parameters ---- */

static bool is_word(const char *s)
{
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && !strchr("._-/", *s)) {
            return false;
        }
    }
    return true;
}

static bool is_number(const char *s)
{
    return strlen(s) <= 18 && strspn(s, "0123456789") == strlen(s);
}

/* In form; a day that the month does not have is the database's to refuse. */
static bool is_day(const char *s)
{
    static const char form[] = "dddd-dd-dd";
    if (strlen(s) != sizeof form - 1) {
        return false;
    }
    for (size_t i = 0; s[i]; i++) {
        if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != form[i]) {
            return false;
        }
    }
    return true;
}

static bool is_uuid(const char *s)
{
    uint8_t id[LJ_UUID_BYTES];
    return lj_uuid_parse(s, strlen(s), id, NULL) == 0;
}

bool lj_ask_param(struct lj_req *rq, const struct lj_ask_param *p, char buf[LJ_ASK_TEXT + 1],
                  const char **ret)
{
    static bool (*const forms[])(const char *s) = {[LJ_ASK_WORD] = is_word,
                                                   [LJ_ASK_NUMBER] = is_number,
                                                   [LJ_ASK_DAY] = is_day,
                                                   [LJ_ASK_UUID] = is_uuid};
    const char *text = p->name[0] ? lj_req_query(rq, p->name) : lj_req_param(rq);
    *ret = NULL;
    if (!text || !*text) {
        return true;
    }
    size_t n = strlen(text);
    if (n > LJ_ASK_TEXT || !forms[p->form](text)) {
        lj_gw_refuse(rq, LJ_E_ARG,
                     p->name[0] ? "a parameter of the address has a wrong form"
                                : "the last part of the path has a wrong form");
        return false;
    }
    memcpy(buf, text, n + 1);
    *ret = buf;
    return true;
}

/* ---- the answer ---- */

static void on_result(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct question *q = arg;
    struct lj_buf body = {0};
    (void)db;
    if (!q->rq) {
        return;
    }
    if (err) { /* a read: nothing is in doubt */
        bool own = err->code == LJ_E_DB_DATA;
        lj_gw_refuse(q->rq, own ? LJ_E_ARG : LJ_E_DB_SYSTEM,
                     own ? "a parameter has no possible value" : NULL);
    } else if (PQntuples(res) == 0 || PQgetisnull(res, 0, 0)) {
        lj_gw_refuse(q->rq, q->ask->nothing, NULL);
    } else {
        lj_buf_put(&body, PQgetvalue(res, 0, 0), (size_t)PQgetlength(res, 0, 0));
        lj_gw_json(q->rq, 200, &body);
    }
}

static void on_sync(struct lj_db *db, int code, void *arg)
{
    struct question *q = arg;
    (void)db;
    (void)code;
    if (q->rq) {
        lj_req_keep(q->rq, NULL);
        if (!lj_req_replied(q->rq)) {
            lj_gw_refuse(q->rq, LJ_E_DB_SYSTEM, NULL);
        }
    }
    free(q);
}

static void put_question(struct lj_gateway *g, struct lj_req *rq, const struct lj_ask *ask, int n,
                         const char *const *values, const int *lengths)
{
    struct lj_db *db = lj_link_db(g->pages_link);
    struct question *q = db ? calloc(1, sizeof *q) : NULL;
    struct lj_err err = {0};
    if (!q) {
        lj_gw_refuse(rq, db ? LJ_E_NOMEM : LJ_E_DB_SYSTEM, NULL);
        return;
    }
    *q = (struct question){.ask = ask, .rq = rq};
    if (lj_db_exec(db, NULL, ask->sql, n, values, lengths, NULL, 1, on_result, q, &err) != 0) {
        free(q);
        lj_gw_refuse(rq, LJ_E_DB_SYSTEM, NULL);
        return;
    }
    lj_req_keep(rq, q);
    if (lj_db_sync(db, on_sync, q, &err) != 0) {
        q->rq = NULL; /* stays until its statement's callback, which a lost connection calls; the
                         process's end frees it */
        lj_req_keep(rq, NULL);
        lj_gw_refuse(rq, LJ_E_DB_SYSTEM, NULL);
    }
}

/* What anybody may ask is bounded for all together: a number is a place in the log, and whoever
 * tries them all shall need a long time. */
static bool within_ration(struct lj_gateway *g, struct lj_req *rq)
{
    struct lj_problem p;
    lj_problem_set(&p, LJ_E_RATE, "", NULL, NULL);
    p.retry_after_s =
        lj_bucket_take(&g->public_bucket, ASKS_A_SECOND, ASKS_AT_ONCE, 1, lj_mono_us());
    if (p.retry_after_s) {
        lj_gw_problem(rq, &p);
    }
    return p.retry_after_s == 0;
}

void lj_ask_ready(struct lj_gateway *g, struct lj_req *rq)
{
    const struct lj_ask *ask = lj_req_about(rq);
    char who[LJ_READER_TEXT + 1], texts[LJ_ASK_PARAMS][LJ_ASK_TEXT + 1];
    const char *values[LJ_ASK_PARAMS + 1];
    int lengths[LJ_ASK_PARAMS + 1], n = 0;
    if (ask->rationed && !within_ration(g, rq)) {
        return;
    }
    if (lj_req_token(rq)) {
        lengths[n] = (int)lj_req_reader(rq, who);
        values[n++] = who;
    }
    for (int i = 0; i < LJ_ASK_PARAMS && ask->params[i].name; i++, n++) {
        if (!lj_ask_param(rq, &ask->params[i], texts[i], &values[n])) {
            return;
        }
        lengths[n] = values[n] ? (int)strlen(values[n]) : 0;
    }
    put_question(g, rq, ask, n, values, lengths);
}

void lj_ask_done(struct lj_gateway *g, struct lj_req *rq)
{
    struct question *q = lj_req_kept(rq);
    (void)g;
    q->rq = NULL;
}
