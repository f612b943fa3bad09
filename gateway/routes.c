/* Routes: one table says path, methods, who may, and which functions.
 *
 * Everything that depends on the route and not on its handler is decided here, before any of the
 * body is taken: is there such a path (404), does it take that method (405 with Allow), who is
 * asking (401, or 503 when we cannot know), may that role do it (403). A new route is a row. HEAD
 * goes wherever GET goes: the HTTP layer leaves the body out.
 *
 * Open on loopback means: from this machine and through no proxy (a proxy on this machine says
 * Forwarded or X-Forwarded-For). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "gateway/ask.h"
#include "gateway/gateway.h"
#include "gateway/jsonw.h"
#include "gateway/login.h"

enum {
    READERS =
        LJ_TOKEN_CLIENT | LJ_TOKEN_CENTRE | LJ_TOKEN_OBSERVER | LJ_TOKEN_OPERATOR | LJ_TOKEN_PERSON,
    SENDERS = LJ_TOKEN_CLIENT | LJ_TOKEN_CENTRE | LJ_TOKEN_PERSON,
    LOGINS = LJ_TOKEN_OBSERVER | LJ_TOKEN_OPERATOR | LJ_TOKEN_UNIT_ADMIN | LJ_TOKEN_PERSON,
    /* Who is asked for is looked at by the database's functions: here is only who might be. */
    LOOKERS = LOGINS | LJ_TOKEN_CLIENT | LJ_TOKEN_CENTRE,
};

#define ASK(path, roles, ask)                                                                      \
    {                                                                                              \
        path, "GET", GUARDED, roles, NULL, lj_ask_ready, lj_ask_done, &(ask)                       \
    }

enum guard { OPEN, OPEN_ON_LOOPBACK, GUARDED, BY_LOGIN }; /* BY_LOGIN: no token will do */

struct route {
    const char *path;   /* {id} stands for any text without a slash, a final * for any text */
    const char *method; /* GET means HEAD too */
    enum guard guard;
    unsigned roles;
    void (*head)(struct lj_gateway *g, struct lj_req *rq); /* may be NULL */
    void (*ready)(struct lj_gateway *g, struct lj_req *rq);
    void (*done)(struct lj_gateway *g, struct lj_req *rq); /* may be NULL */
    const void *about;                                     /* lj_req_about; may be NULL */
};

static const struct route routes[] = {
    {"/v1/events", "POST", GUARDED, SENDERS, lj_intake_head, lj_intake_ready, lj_intake_done, NULL},
    {"/v1/events/{id}", "GET", GUARDED, READERS, NULL, lj_provenance_ready, lj_provenance_done,
     NULL},
    {"/v1/confirm", "POST", OPEN, 0, lj_confirm_head, lj_confirm_ready, lj_confirm_done, NULL},
    {"/v1/accept", "POST", OPEN, 0, lj_accept_head, lj_accept_ready, lj_accept_done, NULL},
    {"/v1/stream", "GET", GUARDED, READERS | LOGINS, NULL, lj_stream_ready, lj_stream_done, NULL},
    {"/v1/login", "POST", OPEN, 0, lj_login_head, lj_login_ready, lj_login_done, NULL},
    {"/v1/logout", "POST", OPEN, 0, NULL, lj_logout_ready, NULL, NULL},
    {"/v1/me", "GET", BY_LOGIN, LOGINS, NULL, lj_me_ready, NULL, NULL},
    {"/v1/board", "GET", GUARDED, LJ_TOKEN_CENTRE | LOGINS, NULL, lj_board_ready, lj_board_done,
     NULL},
    ASK("/v1/review", LOOKERS, lj_ask_review),
    ASK("/v1/sample", LOOKERS, lj_ask_sample),
    ASK("/v1/activities/{id}", LOOKERS, lj_ask_activity),
    ASK("/v1/outcomes/{id}", LOOKERS, lj_ask_outcome),
    ASK("/v1/flags", LOOKERS, lj_ask_flags),
    ASK("/v1/flags/{id}", LOOKERS, lj_ask_flag),
    ASK("/v1/mail", LOOKERS, lj_ask_mail),
    ASK("/v1/reports/{id}", LOOKERS, lj_ask_report),
    {"/v1/certificates/{id}", "GET", OPEN, 0, NULL, lj_ask_ready, lj_ask_done, &lj_ask_certificate},
    {"/", "GET", OPEN, 0, NULL, lj_page_ready, NULL, NULL},
    {"/ui/*", "GET", OPEN, 0, NULL, lj_ui_ready, NULL, NULL},
    {"/metrics", "GET", OPEN_ON_LOOPBACK, LJ_TOKEN_METRICS | LJ_TOKEN_OPERATOR, NULL,
     lj_metrics_ready, NULL, NULL},
    {"/livez", "GET", OPEN, 0, NULL, lj_livez_ready, NULL, NULL},
    {"/readyz", "GET", OPEN, 0, NULL, lj_readyz_ready, NULL, NULL},
};

enum { ROUTES = sizeof routes / sizeof routes[0] };
_Static_assert((int)ROUTES < (int)LJ_GW_ROUTES,
               "metrics have a row for each route and one for no route");

/* What hangs on a request. */
struct visit {
    struct lj_token *token; /* the login's, if there is one */
    struct lj_login *login;
    void *kept;
    char param[64];
};

const char *lj_gw_route_name(int i)
{
    return i < ROUTES ? routes[i].path : i == ROUTES ? "other" : NULL;
}

struct lj_token *lj_req_token(const struct lj_req *rq)
{
    return ((struct visit *)rq->app)->token;
}

struct lj_login *lj_req_login(const struct lj_req *rq)
{
    return ((struct visit *)rq->app)->login;
}

size_t lj_req_reader(const struct lj_req *rq, char ret[LJ_READER_TEXT + 1])
{
    const struct visit *v = rq->app;
    int n = snprintf(ret, LJ_READER_TEXT + 1, "%s:%s", v->login ? "account" : "token",
                     v->login ? v->login->account : v->token->name);
    return n > 0 ? (size_t)n : 0;
}

const void *lj_req_about(const struct lj_req *rq)
{
    return ((const struct route *)rq->route)->about;
}

const char *lj_req_param(const struct lj_req *rq)
{
    return ((struct visit *)rq->app)->param;
}

void lj_req_keep(struct lj_req *rq, void *p)
{
    ((struct visit *)rq->app)->kept = p;
}

void *lj_req_kept(const struct lj_req *rq)
{
    return rq->app ? ((struct visit *)rq->app)->kept : NULL;
}

void lj_gw_json(struct lj_req *rq, int status, struct lj_buf *body)
{
    lj_req_reply(rq, status, "application/json", body);
}

void lj_gw_problem(struct lj_req *rq, const struct lj_problem *p)
{
    struct lj_buf b = {0};
    char text[16];
    if (lj_problem_retry_after(p)) {
        snprintf(text, sizeof text, "%u", lj_problem_retry_after(p));
        lj_req_set(rq, "Retry-After", text);
    }
    if (lj_problem_status(p) == 401) {
        lj_req_set(rq, "WWW-Authenticate", "Bearer realm=\"liangjin\"");
    }
    lj_problem_put(&b, p);
    lj_req_reply(rq, lj_problem_status(p), LJ_PROBLEM_TYPE, &b);
}

void lj_gw_refuse(struct lj_req *rq, int code, const char *detail)
{
    struct lj_problem p;
    lj_problem_set(&p, code, "", detail, NULL);
    lj_gw_problem(rq, &p);
}

/* Does the path fit the pattern? Copies what stands for {id}. */
static bool fits(const char *pattern, const char *path, char *param, size_t cap)
{
    const char *open = strpbrk(pattern, "{*");
    if (!open) {
        return strcmp(pattern, path) == 0;
    }
    size_t before = (size_t)(open - pattern);
    const char *rest = path + before;
    if (strncmp(pattern, path, before) != 0 || *rest == '\0' ||
        (*open == '{' && strchr(rest, '/'))) {
        return false;
    }
    snprintf(param, cap, "%s", rest);
    return true;
}

static bool takes(const struct route *r, const char *method)
{
    return strcmp(r->method, method) == 0 ||
           (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* The row of path and method, or NULL after a refusal. */
static const struct route *find(struct lj_req *rq, struct visit *v)
{
    const struct route *same_path = NULL;
    for (int i = 0; i < ROUTES; i++) {
        if (!fits(routes[i].path, rq->path, v->param, sizeof v->param)) {
            continue;
        }
        if (takes(&routes[i], rq->method)) {
            return &routes[i];
        }
        same_path = &routes[i];
    }
    if (same_path) {
        rq->route = same_path; /* for the metrics */
        lj_req_set(rq, "Allow",
                   strcmp(same_path->method, "GET") == 0 ? "GET, HEAD" : same_path->method);
        lj_gw_refuse(rq, LJ_E_METHOD, NULL);
    } else {
        lj_gw_refuse(rq, LJ_E_NOT_FOUND_PATH, NULL);
    }
    return NULL;
}

/* The text behind "Bearer "; NULL when there is none. */
static const char *bearer(struct lj_req *rq)
{
    const char *value = lj_req_header(rq, "Authorization");
    if (!value || strncasecmp(value, "Bearer ", 7) != 0) {
        return NULL;
    }
    value += 7 + strspn(value + 7, " ");
    return *value && strlen(value) <= 256 ? value : NULL;
}

/* By the cookie of a login; true, or false after a refusal. A request that some other site's page
 * made comes with no cookie (SameSite), and is refused if it should. */
static bool admit_login(struct lj_gateway *g, struct lj_req *rq, struct visit *v)
{
    struct lj_login *login = lj_desk_login(g->desk, rq);
    if (!login) {
        lj_gw_refuse(rq, LJ_E_UNAUTHENTICATED, NULL);
        return false;
    }
    if (!lj_same_origin(rq, strcmp(rq->method, "GET") != 0 && strcmp(rq->method, "HEAD") != 0)) {
        lj_gw_refuse(rq, LJ_E_CROSS_SITE, NULL);
        return false;
    }
    if (lj_req_query(rq, "active")) {
        login->active_us = lj_mono_us(); /* the page says that somebody has touched it */
    }
    lj_logins_hold(login);
    v->login = login;
    v->token = &login->token;
    return true;
}

static bool direct_loopback(struct lj_req *rq)
{
    return rq->loopback && !lj_req_header(rq, "Forwarded") && !lj_req_header(rq, "X-Forwarded-For");
}

/* Who asks, and may he? True, or false after a refusal. */
static bool admit(struct lj_gateway *g, struct lj_req *rq, const struct route *r, struct visit *v)
{
    struct lj_err err = {0};
    if (r->guard == OPEN || (r->guard == OPEN_ON_LOOPBACK && direct_loopback(rq))) {
        return true;
    }
    const char *text = r->guard == BY_LOGIN ? NULL : bearer(rq);
    if (!text && !admit_login(g, rq, v)) {
        return false;
    }
    if (text && lj_catalog_auth(g->catalog, text, strlen(text), &v->token, &err) != 0) {
        lj_gw_refuse(rq, err.code, err.text);
        return false;
    }
    if (!(v->token->role & r->roles)) {
        lj_gw_refuse(rq, LJ_E_FORBIDDEN, NULL);
        return false;
    }
    return true;
}

static void on_head(struct lj_req *rq, void *arg)
{
    struct lj_gateway *g = arg;
    struct visit *v = calloc(1, sizeof *v);
    if (!v) {
        lj_gw_refuse(rq, LJ_E_NOMEM, NULL);
        return;
    }
    rq->app = v;
    const struct route *r = find(rq, v);
    if (!r || !admit(g, rq, r, v)) {
        return;
    }
    rq->route = r;
    if (r->head) {
        r->head(g, rq);
    }
}

static void on_ready(struct lj_req *rq, void *arg)
{
    const struct route *r = rq->route;
    r->ready(arg, rq);
}

static void on_done(struct lj_req *rq, void *arg)
{
    struct lj_gateway *g = arg;
    const struct route *r = rq->route;
    struct visit *v = rq->app;
    lj_metrics_count(g, r ? (int)(r - routes) : ROUTES, rq->status);
    if (r && r->done && v && v->kept) {
        r->done(g, rq);
    }
    if (v && v->login) {
        lj_logins_release(v->login);
    }
    free(v);
    rq->app = NULL;
}

static void on_refuse(struct lj_req *rq, const struct lj_err *why, void *arg)
{
    (void)arg;
    lj_gw_refuse(rq, why->code, why->text);
}

const struct lj_http_ops lj_gw_http_ops = {
    .head = on_head, .ready = on_ready, .done = on_done, .refuse = on_refuse};
