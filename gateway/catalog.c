/* Tokens and directory from the database.
 *
 * Every half second one small batch asks for the tokens that changed since the version seen (all of
 * them first) and, every second, for units and event types. Polling instead of LISTEN: a lost
 * notification would be a revoked token that goes on working, and the answer to the poll is at the
 * same time the proof that the database is there. So a revocation is effective within a second
 * (half a second plus the answer).
 *
 * A new directory replaces the old one only when both its parts have been read; until then, and
 * while the database is away, the old one serves. How old what we know is decides what an unknown
 * token gets: 401 when it is fresh, 503 when we cannot know. */
#include "gateway/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/timefmt.h"
#include "gateway/link.h"

enum {
    POLL_MS = 500,      /* source: revocation within a second (ARCHITECTURE.md §12) */
    FRESH_US = 3000000, /* six polls missed: the database is away */
    DIRECTORY_EVERY = 2,
};

static const char sql_tokens[] = "select version, id, name, hash, unit, role, class, rate, burst, "
                                 "expires_at, revoked from auth_tokens($1)";
static const char sql_units[] = "select number, code, parent from directory()";
static const char sql_types[] =
    "select number, name, origin, schema_version, roles from event_types()";

struct lj_catalog {
    uv_timer_t timer;
    struct lj_link *link;
    struct lj_tokens *tokens;
    struct lj_directory *directory, *next; /* next: being built */
    int64_t token_version,
        seen_version;           /* seen: of the batch in flight, taken over when it is complete */
    int64_t fresh_us, grace_ms; /* monotonic time of the last complete answer, 0 = never */
    unsigned round;
    bool busy, loaded_tokens;
    int parts;
    void (*close_cb)(void *arg);
    void *close_arg;
};

/* False when there was no memory: then nothing behind it is taken either, and the next poll asks
 * for it again. */
static bool take_token(struct lj_catalog *c, const PGresult *res, int row)
{
    struct lj_token t = {0};
    struct lj_err err = {0};
    int64_t version = lj_pgget_i64(res, row, 0);
    if (PQgetlength(res, row, 3) != LJ_TOKEN_HASH ||
        PQgetlength(res, row, 2) >= (int)sizeof t.name) {
        lj_log(LJ_ERROR, "token.row", "id=%d error=\"the row has another form\"",
               lj_pgget_i32(res, row, 1));
        return true;
    }
    t.id = lj_pgget_i32(res, row, 1);
    memcpy(t.name, PQgetvalue(res, row, 2), (size_t)PQgetlength(res, row, 2));
    memcpy(t.hash, PQgetvalue(res, row, 3), LJ_TOKEN_HASH);
    t.unit = lj_pgget_i16(res, row, 4);
    bool known = lj_token_set_role(&t, PQgetvalue(res, row, 5));
    t.class = (uint8_t)lj_pgget_i16(res, row, 6);
    t.rate = lj_pgget_i32(res, row, 7);
    t.burst = lj_pgget_i32(res, row, 8);
    t.expires_at_us = PQgetisnull(res, row, 9) ? INT64_MAX : lj_pgget_time_us(res, row, 9);
    t.revoked = lj_pgget_bool(res, row, 10) || !known;
    if (lj_tokens_put(c->tokens, &t, &err) != 0) {
        lj_log(LJ_ERROR, "token.memory", "id=%d", t.id);
        return false;
    }
    if (version > c->seen_version) {
        c->seen_version = version;
    }
    return true;
}

static void on_tokens(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_catalog *c = arg;
    (void)db;
    if (err) {
        return; /* the batch's end says so */
    }
    for (int row = 0; row < PQntuples(res) && take_token(c, res, row); row++) {
    }
}

static void drop_next(struct lj_catalog *c, const struct lj_err *err)
{
    char quoted[300];
    lj_log(LJ_ERROR, "directory.row", "error=%s", lj_log_quote(err->text, quoted, sizeof quoted));
    lj_directory_free(&c->next);
}

static void on_units(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_catalog *c = arg;
    (void)db;
    if (err || !c->next) {
        return;
    }
    for (int row = 0; row < PQntuples(res); row++) {
        struct lj_err why = {0};
        struct lj_unit u = {.number = lj_pgget_i16(res, row, 0), .parent = LJ_UNIT_NONE};
        int len = PQgetlength(res, row, 1);
        if (len >= (int)sizeof u.code) {
            continue; /* no code of the protocol's form: no event can name it */
        }
        memcpy(u.code, PQgetvalue(res, row, 1), (size_t)len);
        if (!PQgetisnull(res, row, 2)) {
            u.parent = lj_pgget_i16(res, row, 2);
        }
        if (lj_directory_add_unit(c->next, &u, &why) != 0) {
            drop_next(c, &why);
            return;
        }
    }
}

static uint8_t origin_of(const char *word)
{
    static const struct {
        const char *word;
        uint8_t origin;
    } origins[] = {
        {"client", LJ_ORIGIN_CLIENT},
        {"centre", LJ_ORIGIN_CENTRE},
        {"worker", LJ_ORIGIN_WORKER},
        {"operator", LJ_ORIGIN_OPERATOR},
    };
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        if (strcmp(word, origins[i].word) == 0) {
            return origins[i].origin;
        }
    }
    return 0;
}

static void on_types(struct lj_db *db, const PGresult *res, const struct lj_err *err, void *arg)
{
    struct lj_catalog *c = arg;
    (void)db;
    if (err || !c->next) {
        return;
    }
    struct lj_err why = {0};
    for (int row = 0; row < PQntuples(res); row++) {
        struct lj_event_type t = {.number = lj_pgget_i16(res, row, 0),
                                  .origin = origin_of(PQgetvalue(res, row, 2))};
        int len = PQgetlength(res, row, 1);
        if (len >= (int)sizeof t.name) {
            lj_fail(&why, LJ_E_ARG, "event type %d has a name of %d bytes", t.number, len);
            drop_next(c, &why);
            return;
        }
        memcpy(t.name, PQgetvalue(res, row, 1), (size_t)len);
        t.schema_version = (uint16_t)lj_pgget_i16(res, row, 3);
        t.roles = (uint32_t)lj_pgget_i32(res, row, 4);
        if (lj_directory_add_type(c->next, &t, &why) != 0) {
            drop_next(c, &why);
            return;
        }
    }
    if (lj_directory_seal(c->next, &why) != 0) {
        drop_next(c, &why);
    }
}

static void on_sync(struct lj_db *db, int code, void *arg)
{
    struct lj_catalog *c = arg;
    (void)db;
    c->busy = false;
    if (code != 0) {
        lj_directory_free(&c->next);
        if (code != LJ_E_DB_LOST) {
            lj_log(LJ_WARN, "catalog.poll", "code=%s", lj_err_info(code)->name);
        }
        return;
    }
    c->token_version = c->seen_version;
    c->loaded_tokens = true;
    c->fresh_us = lj_mono_us();
    if (c->next) {
        lj_directory_free(&c->directory);
        c->directory = c->next;
        c->next = NULL;
    }
}

static int ask(struct lj_catalog *c, struct lj_db *db, struct lj_err *err)
{
    uint64_t version = (uint64_t)c->token_version;
    uint8_t be[8];
    for (int i = 0; i < 8; i++) {
        be[i] = (uint8_t)(version >> (56 - 8 * i));
    }
    const char *values[] = {(const char *)be};
    int lengths[] = {8};
    bool directory = c->round++ % DIRECTORY_EVERY == 0 || !c->directory;
    c->seen_version = c->token_version;
    c->busy = true; /* a failure below loses the connection or runs into on_sync: both end it */
    if (lj_db_exec(db, NULL, sql_tokens, 1, values, lengths, NULL, 1, on_tokens, c, err) != 0) {
        return err->code;
    }
    if (directory) {
        lj_directory_free(&c->next);
        c->next = lj_directory_new();
        if (lj_db_exec(db, NULL, sql_units, 0, NULL, NULL, NULL, 1, on_units, c, err) != 0 ||
            lj_db_exec(db, NULL, sql_types, 0, NULL, NULL, NULL, 1, on_types, c, err) != 0) {
            return err->code;
        }
    }
    return lj_db_sync(db, on_sync, c, err);
}

static void on_poll(uv_timer_t *t)
{
    struct lj_catalog *c = t->data;
    struct lj_db *db = lj_link_db(c->link);
    struct lj_err err = {0};
    if (!db || c->busy) {
        return;
    }
    if (ask(c, db, &err) != 0) {
        char quoted[300];
        c->busy = lj_db_inflight(db) > 0;
        lj_log(LJ_WARN, "catalog.ask", "error=%s", lj_log_quote(err.text, quoted, sizeof quoted));
    }
}

static void on_up(void *arg)
{
    struct lj_catalog *c = arg;
    c->busy = false;
    on_poll(&c->timer);
}

int lj_catalog_open(uv_loop_t *loop, const char *dsn, int64_t grace_ms, struct lj_catalog **ret,
                    struct lj_err *err)
{
    struct lj_catalog *c = calloc(1, sizeof *c);
    if (!c) {
        return lj_fail(err, LJ_E_NOMEM, "no memory for the catalog");
    }
    c->grace_ms = grace_ms;
    c->tokens = lj_tokens_new();
    if (!c->tokens ||
        lj_link_open(loop, dsn, "liangjin-gateway catalog", on_up, c, &c->link, err) != 0) {
        lj_tokens_free(&c->tokens);
        free(c);
        return lj_fail(err, LJ_E_NOMEM, "no memory for the catalog");
    }
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    uv_timer_start(&c->timer, on_poll, POLL_MS, POLL_MS);
    *ret = c;
    return 0;
}

static void part_closed(void *arg)
{
    struct lj_catalog *c = arg;
    if (--c->parts > 0) {
        return;
    }
    void (*cb)(void *) = c->close_cb;
    void *cb_arg = c->close_arg;
    lj_tokens_free(&c->tokens);
    lj_directory_free(&c->directory);
    lj_directory_free(&c->next);
    free(c);
    if (cb) {
        cb(cb_arg);
    }
}

static void on_timer_closed(uv_handle_t *h)
{
    part_closed(h->data);
}

void lj_catalog_close(struct lj_catalog **cp, void (*cb)(void *arg), void *arg)
{
    struct lj_catalog *c = *cp;
    if (!c) {
        if (cb) {
            cb(arg);
        }
        return;
    }
    *cp = NULL;
    c->close_cb = cb;
    c->close_arg = arg;
    c->parts = 2;
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
    lj_link_close(&c->link, part_closed, c);
}

bool lj_catalog_loaded(const struct lj_catalog *c)
{
    return c->loaded_tokens && c->directory;
}

bool lj_catalog_fresh(const struct lj_catalog *c)
{
    return c->fresh_us && lj_mono_us() - c->fresh_us < FRESH_US;
}

uint64_t lj_catalog_losses(const struct lj_catalog *c)
{
    return lj_link_losses(c->link);
}

size_t lj_catalog_token_count(const struct lj_catalog *c)
{
    return lj_tokens_count(c->tokens);
}

const struct lj_directory *lj_catalog_directory(const struct lj_catalog *c)
{
    return c->directory;
}

int lj_catalog_auth(struct lj_catalog *c, const char *text, size_t len, struct lj_token **ret,
                    struct lj_err *err)
{
    if (!lj_catalog_loaded(c)) {
        return lj_fail(err, LJ_E_DB_SYSTEM, "tokens are not loaded yet");
    }
    struct lj_token *t = lj_tokens_find(c->tokens, text, len, lj_now_us());
    bool fresh = lj_catalog_fresh(c);
    if (!t) {
        return fresh
                   ? lj_fail(err, LJ_E_UNAUTHENTICATED, "the token is unknown, expired or revoked")
                   : lj_fail(err, LJ_E_DB_SYSTEM, "the token cannot be checked now");
    }
    if (!fresh && lj_mono_us() - c->fresh_us > c->grace_ms * 1000) {
        return lj_fail(err, LJ_E_DB_SYSTEM, "the token cannot be checked any more");
    }
    *ret = t;
    return 0;
}
