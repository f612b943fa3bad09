/* The catalogue: event types, kinds and units, read from PostgreSQL when the broker takes the log
 * over.
 *
 * Stages are data (architecture: `want(kind, type, from_position)`): adding a kind is a row, not a
 * line here. Types and kinds are fixed for the life of a take-over; units grow while the system
 * runs, so they alone are read again after each commit of a kind that feeds the directory.
 */
#include "broker/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"

static const char sql_types[] = "select number, name, origin, default_key, class, schema_version, "
                                "roles from event_type order by number";
/* In a replay everything is there at once. A kind that is ordered by key may then meet an event
 * that a client sent after it had seen what another key's event did (mail.read after the mail): in
 * life that order came by itself, here it is made. A `single` kind looks at its own key alone. */
static const char sql_kinds[] =
    "select k.number, k.name, case when r.looks_back then 'position' else k.ordering end, "
    "k.single, "
    "k.after, k.after_verdict, k.barrier, k.follow_on_max, k.feeds_directory,"
    " coalesce(k.apply_function, ''), coalesce(k.result_function, ''), "
    "coalesce(k.settle_function, ''), coalesce(p.pronargs, 0), r.looks_back, r.replay"
    " from kind k cross join lateral (select x.replay, x.replay and k.ordering = 'key' and not "
    "k.single as looks_back from (select exists (select from replay) as replay) x) r"
    " left join pg_proc p on p.proname = k.apply_function and p.pronamespace = "
    "'liangjin'::regnamespace order by k.number";
static const char sql_wants[] = "select kind, type, from_position from want";

static const char *const origins[] = {[LJ_ORIGIN_CLIENT] = "client",
                                      [LJ_ORIGIN_CENTRE] = "centre",
                                      [LJ_ORIGIN_WORKER] = "worker",
                                      [LJ_ORIGIN_OPERATOR] = "operator"};
static const char *const orderings[] = {
    [LJ_ORDER_NONE] = "none", [LJ_ORDER_KEY] = "key", [LJ_ORDER_POSITION] = "position"};

static int word_index(const char *const *words, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++) {
        if (words[i] && strcmp(words[i], word) == 0)
            return (int)i;
    }
    return -1;
}

static int copy_name(char *to, const char *from, const char *what, struct lj_err *err)
{
    if (strlen(from) > LJ_WORD_MAX)
        return lj_fail(err, LJ_E_CONFIG, "%s '%s' is longer than %d bytes", what, from,
                       LJ_WORD_MAX);
    memcpy(to, from, strlen(from) + 1);
    return 0;
}

static int read_key_rule(struct lj_type *t, const char *text, struct lj_err *err)
{
    static const struct {
        const char *prefix;
        enum lj_key_rule rule;
    } rules[] = {{"const:", LJ_KEY_CONST}, {"payload:", LJ_KEY_PAYLOAD}};
    t->key_rule = LJ_KEY_ID;
    if (strcmp(text, "id") == 0)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(rules[i].prefix);
        if (strncmp(text, rules[i].prefix, n) == 0) {
            t->key_rule = rules[i].rule;
            return copy_name(t->key_word, text + n, "key word", err);
        }
    }
    return lj_fail(err, LJ_E_CONFIG, "event type %s has default key '%s'", t->name, text);
}

static int load_types(PGconn *conn, struct lj_catalog *c, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(conn, sql_types, 0, NULL, &r, err);
    if (rc)
        return rc;
    size_t n = (size_t)PQntuples(r);
    if (n == 0 || n > LJ_TYPES_MAX)
        rc = lj_fail(err, LJ_E_CONFIG, "%zu event types, 1..%d are possible", n, LJ_TYPES_MAX);
    for (int i = 0; rc == 0 && i < (int)n; i++) {
        struct lj_type *t = &c->types[i];
        t->number = (int16_t)atoi(PQgetvalue(r, i, 0));
        int origin = word_index(origins, 5, PQgetvalue(r, i, 2));
        t->origin = (uint8_t)origin;
        t->class = (uint8_t)atoi(PQgetvalue(r, i, 4));
        t->schema_version = (uint16_t)atoi(PQgetvalue(r, i, 5));
        t->roles = (uint32_t)atoi(PQgetvalue(r, i, 6));
        for (size_t k = 0; k < LJ_KINDS_MAX; k++)
            t->from[k] = INT64_MAX;
        rc = copy_name(t->name, PQgetvalue(r, i, 1), "event type", err);
        if (rc == 0)
            rc = read_key_rule(t, PQgetvalue(r, i, 3), err);
        if (rc == 0 && (origin < 0 || t->class >= LJ_CLASSES))
            rc = lj_fail(err, LJ_E_CONFIG, "event type %s has a bad origin or class", t->name);
    }
    c->ntypes = n;
    PQclear(r);
    return rc;
}

static int kind_by_number(const struct lj_catalog *c, const PGresult *r, int row, int col)
{
    if (PQgetisnull(r, row, col))
        return -1;
    int number = atoi(PQgetvalue(r, row, col));
    for (size_t k = 0; k < c->nkinds; k++) {
        if (c->kinds[k].number == number)
            return (int)k;
    }
    return -1;
}

static int read_kind(struct lj_catalog *c, const PGresult *r, int i, struct lj_err *err)
{
    struct lj_kind *k = &c->kinds[i];
    int ordering = word_index(orderings, 3, PQgetvalue(r, i, 2));
    k->ordering = ordering < 0 ? LJ_ORDER_POSITION : (enum lj_ordering)ordering;
    k->single = PQgetvalue(r, i, 3)[0] == 't';
    k->after = kind_by_number(c, r, i, 4);
    k->after_verdict = atoi(PQgetvalue(r, i, 5));
    k->barrier = kind_by_number(c, r, i, 6);
    k->follow_on_max = atoi(PQgetvalue(r, i, 7));
    k->feeds_directory = PQgetvalue(r, i, 8)[0] == 't';
    k->apply_args = atoi(PQgetvalue(r, i, 12));
    k->looks_back = PQgetvalue(r, i, 13)[0] == 't';
    c->replay = PQgetvalue(r, i, 14)[0] == 't';
    int rc = copy_name(k->name, PQgetvalue(r, i, 1), "kind", err);
    if (rc == 0)
        rc = copy_name(k->apply, PQgetvalue(r, i, 9), "function", err);
    if (rc == 0)
        rc = copy_name(k->result, PQgetvalue(r, i, 10), "function", err);
    if (rc == 0)
        rc = copy_name(k->settle, PQgetvalue(r, i, 11), "function", err);
    if (rc == 0 && k->apply[0] && k->apply_args < 4)
        rc = lj_fail(err, LJ_E_CONFIG,
                     "kind %s: function %s does not exist or has fewer than four parameters",
                     k->name, k->apply);
    return rc;
}

static int load_kinds(PGconn *conn, struct lj_catalog *c, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(conn, sql_kinds, 0, NULL, &r, err);
    if (rc)
        return rc;
    int n = PQntuples(r);
    if (n > LJ_KINDS_MAX)
        rc = lj_fail(err, LJ_E_CONFIG, "%d kinds, at most %d are possible", n, LJ_KINDS_MAX);
    c->nkinds = rc ? 0 : (size_t)n;
    for (int i = 0; rc == 0 && i < n; i++) /* numbers first: a row may point at a later one */
        c->kinds[i].number = (int16_t)atoi(PQgetvalue(r, i, 0));
    for (int i = 0; rc == 0 && i < n; i++)
        rc = read_kind(c, r, i, err);
    PQclear(r);
    return rc;
}

static int load_wants(PGconn *conn, struct lj_catalog *c, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(conn, sql_wants, 0, NULL, &r, err);
    if (rc)
        return rc;
    for (int i = 0; i < PQntuples(r); i++) {
        int kind = kind_by_number(c, r, i, 0);
        int type = lj_catalog_type_number(c, (int16_t)atoi(PQgetvalue(r, i, 1)));
        if (kind >= 0 && type >= 0)
            c->types[type].from[kind] = strtoll(PQgetvalue(r, i, 2), NULL, 10);
    }
    PQclear(r);
    return 0;
}

int lj_catalog_units(struct lj_catalog *c, const PGresult *r, struct lj_err *err)
{
    size_t n = (size_t)PQntuples(r);
    struct lj_unit *units = calloc(n ? n : 1, sizeof *units);
    const struct lj_unit **by_number = calloc(LJ_UNITS_MAX, sizeof(void *));
    if (!units || !by_number) {
        free(units);
        free(by_number);
        return lj_fail(err, LJ_E_NOMEM, "no memory for %zu units", n);
    }
    for (size_t i = 0; i < n; i++) {
        units[i].number = lj_pgget_i16(r, (int)i, 0);
        units[i].parent = lj_pgget_i16(r, (int)i, 2);
        strncpy(units[i].code, PQgetvalue(r, (int)i, 1), LJ_UNIT_CODE_LEN);
        if (units[i].number >= 0 && units[i].number < LJ_UNITS_MAX)
            by_number[units[i].number] = &units[i];
    }
    free(c->units);
    free(c->by_number);
    c->units = units;
    c->by_number = by_number;
    c->nunits = n;
    return 0;
}

int lj_catalog_load(PGconn *conn, struct lj_catalog **ret, struct lj_err *err)
{
    struct lj_catalog *c = calloc(1, sizeof *c);
    if (!c)
        return lj_fail(err, LJ_E_NOMEM, "no memory for the catalogue");
    int rc = load_types(conn, c, err);
    if (rc == 0)
        rc = load_kinds(conn, c, err);
    if (rc == 0)
        rc = load_wants(conn, c, err);
    PGresult *r = NULL;
    if (rc == 0)
        rc = lj_dbs_query_binary(conn, LJ_SQL_UNITS, 0, NULL, NULL, &r, err);
    if (rc == 0)
        rc = lj_catalog_units(c, r, err);
    PQclear(r);
    if (rc)
        lj_catalog_free(&c);
    else
        *ret = c;
    return rc;
}

void lj_catalog_free(struct lj_catalog **c)
{
    if (!*c)
        return;
    free((*c)->units);
    free((*c)->by_number);
    free(*c);
    *c = NULL;
}

static int same(struct lj_slice s, const char *name)
{
    return strlen(name) == s.n && memcmp(name, s.p, s.n) == 0;
}

int lj_catalog_type(const struct lj_catalog *c, struct lj_slice name)
{
    for (size_t i = 0; i < c->ntypes; i++) {
        if (same(name, c->types[i].name))
            return (int)i;
    }
    return -1;
}

int lj_catalog_type_number(const struct lj_catalog *c, int16_t number)
{
    for (size_t i = 0; i < c->ntypes; i++) {
        if (c->types[i].number == number)
            return (int)i;
    }
    return -1;
}

int lj_catalog_kind(const struct lj_catalog *c, struct lj_slice name)
{
    for (size_t i = 0; i < c->nkinds; i++) {
        if (same(name, c->kinds[i].name))
            return (int)i;
    }
    return -1;
}

static int by_code(const void *key, const void *row)
{
    const struct lj_slice *s = key;
    const struct lj_unit *u = row;
    int d = memcmp(s->p, u->code, s->n < LJ_UNIT_CODE_LEN ? s->n : LJ_UNIT_CODE_LEN);
    return d ? d : (int)s->n - LJ_UNIT_CODE_LEN;
}

const struct lj_unit *lj_catalog_unit(const struct lj_catalog *c, struct lj_slice code)
{
    return bsearch(&code, c->units, c->nunits, sizeof *c->units, by_code);
}

const struct lj_unit *lj_catalog_unit_number(const struct lj_catalog *c, int number)
{
    return number >= 0 && number < LJ_UNITS_MAX && c->by_number ? c->by_number[number] : NULL;
}

int lj_catalog_within(const struct lj_catalog *c, const struct lj_unit *unit, int root)
{
    for (int depth = 0; unit && depth < 8;
         depth++) { /* the register allows three levels; the bound guards against a broken table */
        if (unit->number == root)
            return 1;
        unit = lj_catalog_unit_number(c, unit->parent);
    }
    return 0;
}

int lj_catalog_wants(const struct lj_catalog *c, int type, size_t kind, int64_t position)
{
    return position > c->types[type].from[kind];
}
