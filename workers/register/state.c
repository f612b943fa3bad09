/* The registers as the worker sees them: what one batch names, read in one snapshot, and kept up to
 * date while the batch is played through.
 *
 * Why one snapshot with a basis: the rows to write are exact (numbers included), so they are right
 * only if nothing was written in between. The basis is the last closure of the kind that the
 * snapshot saw; apply_register refuses the batch when it is no longer the last. Lookups are linear:
 * a batch names at most a thousand things. Units and policies are read whole (a few hundred rows).
 */
#include "workers/register/reg.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/db.h"

/* Every query: number, unit, code, version row as JSON. $1, $2: unit codes and codes that are asked
 * for. */
static const char sql_basis[] =
    "select (select coalesce(max(closure), 0) from register_log), (select coalesce(max(number), 0) "
    "from unit),"
    " (select coalesce(max(number), 0) from team), (select coalesce(max(number), 0) from person),"
    " (select coalesce(max(number), 0) from site), (select coalesce(max(number), 0) from "
    "exemption), (select coalesce(max(number), 0) from account), (select coalesce(max(number), 0) "
    "from proposal), (select coalesce(max(number), 0) from membership),"
    " (select coalesce(max(number), 0) from policy)";
static const char sql_units[] =
    "select i.number, 0, i.code, row_to_json(v) from unit i cross join lateral"
    " (select * from unit_version x where x.number = i.number order by x.position desc limit 1) v";
#define SQL_BY_CODE(table)                                                                         \
    "select i.number, i.unit, i.code, row_to_json(v) from (select distinct u.number, r.code from " \
    "unnest($1::text[], $2::text[]) as"                                                            \
    " r(unit, code) join unit u on u.code = r.unit) r join " table                                 \
    " i on i.unit = r.number and i.code = r.code cross join lateral"                               \
    " (select * from " table                                                                       \
    "_version x where x.number = i.number order by x.position desc limit 1) v"
/* Accounts whole: who is left in a unit is asked of all of them (a few hundred). */
static const char sql_accounts[] =
    "select i.number, 0, i.code, row_to_json(v) from account i cross join lateral (select * from "
    "account_version x where x.number = i.number order by x.position desc limit 1) v";
static const char sql_proposals[] =
    "select i.number, 0, i.code, row_to_json(v) from (select distinct r.code from "
    "unnest($1::text[], $2::text[]) as r(unit, code)) r join proposal i on i.code = r.code cross "
    "join lateral (select * from proposal_version x where x.number = i.number order by x.position "
    "desc limit 1) v";
static const char sql_memberships[] =
    "select i.number, i.person, i.team, row_to_json(v) from (select distinct u.number, r.code from "
    "unnest($1::text[], $2::text[]) as"
    " r(unit, code) join unit u on u.code = r.unit) r join person p on p.unit = r.number and "
    "p.code = r.code"
    " join membership i on i.person = p.number cross join lateral"
    " (select * from membership_version x where x.number = i.number order by x.position desc limit "
    "1) v order by i.number";
static const char sql_policies[] = "select i.number, coalesce(i.unit, -1), coalesce(i.team, -1), "
                                   "i.scope, (select max(v.version) from policy_version v"
                                   " where v.number = i.number) from policy i";

/* ---- lookups ---- */

struct reg_entity *reg_by_code(struct reg_state *s, enum reg_table t, int32_t unit,
                               const char *code)
{
    for (size_t i = 0; i < s->set[t].count; i++) {
        struct reg_entity *e = &s->set[t].items[i];
        if ((unit < 0 || e->unit == unit) && strcmp(e->code, code) == 0) {
            return e;
        }
    }
    return NULL;
}

struct reg_entity *reg_by_number(struct reg_state *s, enum reg_table t, int32_t number)
{
    for (size_t i = 0; i < s->set[t].count; i++) {
        if (s->set[t].items[i].number == number) {
            return &s->set[t].items[i];
        }
    }
    return NULL;
}

bool reg_unit_inside(struct reg_state *s, int32_t unit, int32_t root)
{
    for (int steps = 0; steps < 16; steps++) {
        if (unit == root) {
            return true;
        }
        const struct reg_entity *e = reg_by_number(s, REG_UNIT, unit);
        if (e == NULL || unit == 0) {
            return false;
        }
        unit = (int32_t)reg_int(e->row, "parent");
    }
    return false;
}

int reg_unit_depth(struct reg_state *s, int32_t unit)
{
    int depth = 0;
    while (unit != 0 && depth < 16) {
        const struct reg_entity *e = reg_by_number(s, REG_UNIT, unit);
        unit = e != NULL ? (int32_t)reg_int(e->row, "parent") : 0;
        depth++;
    }
    return depth;
}

/* ---- additions ---- */

/* Room for one more item; NULL = no memory. */
static void *grow(void **items, size_t *count, size_t *cap, size_t size)
{
    if (*count == *cap) {
        size_t n = *cap == 0 ? 64 : *cap * 2;
        void *p = reallocarray(*items, n, size);
        if (p == NULL) {
            return NULL;
        }
        *items = p;
        *cap = n;
    }
    void *ret = (char *)*items + *count * size;
    memset(ret, 0, size);
    (*count)++;
    return ret;
}

static struct reg_entity *add(struct reg_set *set, int32_t number, int32_t unit, const char *code,
                              json_t *row)
{
    void *items = set->items;
    struct reg_entity *e = row == NULL ? NULL : grow(&items, &set->count, &set->cap, sizeof(*e));
    set->items = items;
    if (e == NULL) {
        json_decref(row);
        return NULL;
    }
    e->number = number;
    e->unit = unit;
    strncpy(e->code, code, sizeof(e->code) - 1);
    e->row = row;
    set->last = number > set->last ? number : set->last;
    return e;
}

struct reg_entity *reg_add(struct reg_state *s, enum reg_table t, int32_t unit, const char *code,
                           json_t *row)
{
    return add(&s->set[t], s->set[t].last + 1, unit, code, row);
}

struct reg_membership *reg_add_membership(struct reg_state *s, int32_t number, int32_t person,
                                          int32_t team, json_t *row)
{
    void *items = s->memberships;
    struct reg_membership *m =
        row == NULL ? NULL : grow(&items, &s->nmemberships, &s->cap_memberships, sizeof(*m));
    s->memberships = items;
    if (m == NULL) {
        json_decref(row);
        return NULL;
    }
    m->number = number;
    m->person = person;
    m->team = team;
    m->row = row;
    return m;
}

struct reg_policy *reg_add_policy(struct reg_state *s)
{
    void *items = s->policies;
    struct reg_policy *p = grow(&items, &s->npolicies, &s->cap_policies, sizeof(*p));
    s->policies = items;
    return p;
}

void reg_state_free(struct reg_state *s)
{
    for (int t = 0; t < REG_TABLES; t++) {
        for (size_t i = 0; i < s->set[t].count; i++) {
            json_decref(s->set[t].items[i].row);
        }
        free(s->set[t].items);
    }
    for (size_t i = 0; i < s->nmemberships; i++) {
        json_decref(s->memberships[i].row);
    }
    free(s->memberships);
    free(s->policies);
    json_decref(s->settings);
    json_decref(s->limits);
    memset(s, 0, sizeof(*s));
}

/* ---- what a batch names ---- */

/* Two array literals of the same length. Codes have passed their forms: nothing in them needs
 * escaping between double quotes. */
struct names {
    struct lj_buf units;
    struct lj_buf codes;
};

static void name_add(struct names *n, const char *own_unit, const char *text)
{
    char unit[6];
    char code[REG_CODE_BYTES];
    reg_ref_split(text, unit, code);
    const char *comma = n->units.len > 1 ? "," : "";
    lj_buf_printf(&n->units, "%s\"%s\"", comma, unit[0] != '\0' ? unit : own_unit);
    lj_buf_printf(&n->codes, "%s\"%s\"", comma, code);
}

/* The register that a form names; REG_TABLES = none. */
static enum reg_table table_of(const struct reg_type *type, enum reg_form form)
{
    switch (form) {
    case REG_F_CODE:
        return type->table;
    case REG_F_TEAM:
    case REG_F_TEAMS:
        return REG_TEAM;
    case REG_F_PERSON:
        return REG_PERSON;
    case REG_F_LOGIN:
        return REG_ACCOUNT;
    case REG_F_SITE:
        return REG_SITE;
    default:
        return REG_TABLES;
    }
}

static void names_of(struct names names[REG_TABLES], const struct lj_event *ev, json_t *payload)
{
    const struct reg_type *type = reg_type_find(ev->type);
    for (const struct reg_field *f = type->fields; f->name != NULL; f++) {
        enum reg_table t = table_of(type, f->form);
        json_t *value = t != REG_TABLES ? json_object_get(payload, f->name) : NULL;
        size_t i;
        json_t *item;
        if (json_is_string(value)) {
            name_add(&names[t], ev->unit_code, json_string_value(value));
        }
        json_array_foreach(value, i, item)
        {
            name_add(&names[t], ev->unit_code, json_string_value(item));
        }
    }
}

/* ---- reading ---- */

static int read_entities(PGconn *db, const char *sql, const struct names *n, struct reg_set *set,
                         struct lj_err *err)
{
    const char *values[2] = {n != NULL ? (const char *)n->units.data : NULL,
                             n != NULL ? (const char *)n->codes.data : NULL};
    PGresult *r = NULL;
    int rc = lj_dbs_query(db, sql, n != NULL ? 2 : 0, values, &r, err);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        json_t *row = json_loads(PQgetvalue(r, i, 3), 0, NULL);
        int32_t last = set->last;
        if (add(set, atoi(PQgetvalue(r, i, 0)), atoi(PQgetvalue(r, i, 1)), PQgetvalue(r, i, 2),
                row) == NULL) {
            rc = lj_fail(err, LJ_E_NOMEM, "no memory for the registers of a batch");
        }
        set->last = last; /* known from sql_basis */
    }
    PQclear(r);
    return rc;
}

static int read_memberships(PGconn *db, const struct names *n, struct reg_state *s,
                            struct lj_err *err)
{
    const char *values[2] = {(const char *)n->units.data, (const char *)n->codes.data};
    PGresult *r = NULL;
    int rc = lj_dbs_query(db, sql_memberships, 2, values, &r, err);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        json_t *row = json_loads(PQgetvalue(r, i, 3), 0, NULL);
        if (reg_add_membership(s, atoi(PQgetvalue(r, i, 0)), atoi(PQgetvalue(r, i, 1)),
                               atoi(PQgetvalue(r, i, 2)), row) == NULL) {
            rc = lj_fail(err, LJ_E_NOMEM, "no memory for the registers of a batch");
        }
    }
    PQclear(r);
    return rc;
}

static int read_policies(PGconn *db, struct reg_state *s, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(db, sql_policies, 0, NULL, &r, err);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        struct reg_policy *p = reg_add_policy(s);
        if (p == NULL) {
            rc = lj_fail(err, LJ_E_NOMEM, "no memory for the registers of a batch");
            break;
        }
        p->number = atoi(PQgetvalue(r, i, 0));
        p->unit = atoi(PQgetvalue(r, i, 1));
        p->team = atoi(PQgetvalue(r, i, 2));
        strncpy(p->scope, PQgetvalue(r, i, 3), sizeof(p->scope) - 1);
        p->version = atoi(PQgetvalue(r, i, 4));
    }
    PQclear(r);
    return rc;
}

static int read_settings(PGconn *db, struct reg_state *s, struct lj_err *err)
{
    static const char sql[] =
        "select coalesce(json_agg(json_build_object('rule', x.rule, 'name', x.name, 'value', "
        "x.value)), '[]'), (select coalesce(max(position), 0) from register_log) from rule_setting "
        "x where x.position = (select max(y.position) from rule_setting y where y.rule = x.rule "
        "and "
        "y.name = x.name)";
    PGresult *r = NULL;
    int rc = lj_dbs_query(db, sql, 0, NULL, &r, err);
    if (rc == 0) {
        s->settings = json_loads(PQgetvalue(r, 0, 0), 0, NULL);
        s->height = atoll(PQgetvalue(r, 0, 1));
        rc = s->settings != NULL ? 0 : lj_fail(err, LJ_E_NOMEM, "no memory for the settings");
    }
    PQclear(r);
    return rc;
}

static int read_basis(PGconn *db, struct reg_state *s, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(db, sql_basis, 0, NULL, &r, err);
    if (rc == 0) {
        s->basis = atoll(PQgetvalue(r, 0, 0));
        for (int t = 0; t < REG_TABLES; t++) {
            s->set[t].last = atoi(PQgetvalue(r, 0, 1 + t));
        }
        s->last_membership = atoi(PQgetvalue(r, 0, 1 + REG_TABLES));
        s->last_policy = atoi(PQgetvalue(r, 0, 2 + REG_TABLES));
    }
    PQclear(r);
    return rc;
}

static int command(PGconn *db, const char *sql, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(db, sql, 0, NULL, &r, err);
    PQclear(r);
    return rc;
}

static int read_all(PGconn *db, const struct names *names, struct reg_state *s, struct lj_err *err)
{
    static const char *const by_code[REG_TABLES] = {NULL,
                                                    SQL_BY_CODE("team"),
                                                    SQL_BY_CODE("person"),
                                                    SQL_BY_CODE("site"),
                                                    SQL_BY_CODE("exemption"),
                                                    sql_accounts,
                                                    sql_proposals};
    int rc = read_basis(db, s, err);
    rc = rc != 0 ? rc : reg_limits_read(db, s, err);
    rc = rc != 0 ? rc : read_entities(db, sql_units, NULL, &s->set[REG_UNIT], err);
    for (int t = REG_TEAM; rc == 0 && t < REG_TABLES; t++) {
        if (names[t].units.len > 3) {
            rc =
                read_entities(db, by_code[t], t != REG_ACCOUNT ? &names[t] : NULL, &s->set[t], err);
        }
    }
    if (rc == 0 && names[REG_PERSON].units.len > 3) {
        rc = read_memberships(db, &names[REG_PERSON], s, err);
    }
    return rc != 0 ? rc : read_policies(db, s, err);
}

static bool asks_settings(const struct lj_batch *in, json_t *const *payloads)
{
    for (size_t i = 0; i < in->count; i++) {
        if (payloads[i] != NULL && strncmp(in->events[i].type, "policy.", 7) == 0) {
            return true;
        }
    }
    return false;
}

int reg_state_load(PGconn *db, const struct lj_batch *in, json_t *const *payloads,
                   struct reg_state *ret, struct lj_err *err)
{
    struct names names[REG_TABLES] = {0};
    int rc = 0;
    for (int t = 0; t < REG_TABLES; t++) {
        lj_buf_put(&names[t].units, "{", 1);
        lj_buf_put(&names[t].codes, "{", 1);
    }
    for (size_t i = 0; i < in->count; i++) {
        if (payloads[i] != NULL) {
            names_of(names, &in->events[i], payloads[i]);
        }
    }
    for (int t = 0; t < REG_TABLES; t++) {
        lj_buf_put(&names[t].units, "}", 2); /* with the NUL */
        lj_buf_put(&names[t].codes, "}", 2);
        if (names[t].units.failed || names[t].codes.failed) {
            rc = lj_fail(err, LJ_E_NOMEM, "no memory for the names of a batch");
        }
    }
    if (rc == 0) {
        rc = command(db, "begin isolation level repeatable read read only", err);
    }
    if (rc == 0) {
        rc = read_all(db, names, ret, err);
        rc = rc == 0 && asks_settings(in, payloads) ? read_settings(db, ret, err) : rc;
        struct lj_err ignored = {0}; /* a transaction that only read: how it ends changes nothing; a
                                        lost connection shows next time */
        int end = command(db, rc == 0 ? "commit" : "rollback", rc == 0 ? err : &ignored);
        rc = rc != 0 ? rc : end;
    }
    for (int t = 0; t < REG_TABLES; t++) {
        lj_buf_free(&names[t].units);
        lj_buf_free(&names[t].codes);
    }
    if (rc != 0) {
        reg_state_free(ret);
    }
    return rc;
}
