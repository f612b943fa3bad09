/* proto/event_types.tsv -> event_type, want; proto/event_roles.tsv -> event_type.roles.
 *
 * The database's own function load_event_type holds the rules (a number never changes its name or
 * key; a kind that newly wants a type starts at today's frontier); here the file is only cut into
 * fields. It runs as liangjin_migrate in one transaction: all types or none. A kind that the file
 * names but the database has not is an error: the types are loaded last, behind every functions
 * file, so that kind's file is missing or its name is mistyped, and events for it would be lost to
 * it. */
#include "ctl/event_types.h"

#include <string.h>

#include "ctl/embed.h"
#include "ctl/pg.h"

enum { FIELDS = 6, LINE_MAX_BYTES = 400 };

struct loader {
    PGconn *c;
    struct lj_err *err;
};

/* The comma-separated kinds as an array literal; all must be installed. */
static int installed_kinds(const struct loader *l, const char *type, const char *kinds, char *out,
                           size_t cap)
{
    size_t len = (size_t)snprintf(out, cap, "{");
    for (const char *p = kinds; *p;) {
        size_t n = strcspn(p, ",");
        char name[40];
        (void)snprintf(name, sizeof name, "%.*s", (int)(n < 39 ? n : 39), p);
        const char *param = name;
        PGresult *r = NULL;
        int rc = lj_dbs_query(l->c, "select 1 from liangjin.kind where name = $1", 1, &param, &r,
                              l->err);
        if (rc)
            return rc;
        int known = PQntuples(r) == 1;
        PQclear(r);
        if (!known)
            return lj_fail(l->err, LJ_E_CONFIG,
                           "proto/event_types.tsv: %.60s names the kind %s, which no file of "
                           "db/functions makes",
                           type, name);
        len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 1 ? "," : "", name);
        p += n + (p[n] == ',');
    }
    (void)snprintf(out + len, cap - len, "}");
    return 0;
}

/* One line, cut at tabs in place. */
static int load_line(const struct loader *l, char *line, unsigned number)
{
    const char *field[FIELDS] = {0};
    char *rest = line;
    for (int i = 0; i < FIELDS; i++) {
        field[i] = strsep(&rest, "\t");
        if (!field[i])
            return lj_fail(l->err, LJ_E_CONFIG,
                           "proto/event_types.tsv line %u has %d fields, at least %d are needed",
                           number, i, FIELDS);
    }
    char kinds[200];
    int rc = installed_kinds(l, field[1], field[5], kinds, sizeof kinds);
    if (rc)
        return rc;
    const char *params[FIELDS] = {field[0], field[1], field[2], field[3], field[4], kinds};
    PGresult *r = NULL;
    rc = lj_dbs_query(l->c,
                      "select liangjin.load_event_type($1::int2, $2, $3, $4, $5::int2, $6::text[])",
                      FIELDS, params, &r, l->err);
    PQclear(r);
    return rc;
}

static int load_all(const struct loader *l, const struct lj_embedded *f, int *ret)
{
    unsigned number = 0;
    for (const char *p = f->start; *p;) {
        char line[LINE_MAX_BYTES];
        size_t n = strcspn(p, "\n");
        number++;
        if (n >= sizeof line)
            return lj_fail(l->err, LJ_E_CONFIG,
                           "proto/event_types.tsv line %u is longer than %zu bytes", number,
                           sizeof line - 1);
        memcpy(line, p, n);
        line[n] = '\0';
        p += n + (p[n] == '\n');
        if (!line[0] || line[0] == '#')
            continue;
        int rc = load_line(l, line, number);
        if (rc)
            return rc;
        ++*ret;
    }
    return 0;
}

/* The lines of proto/event_roles.tsv, handed over as they are: the database cuts them, in one
 * statement, since a type that is not named loses its roles. */
static int load_roles(const struct loader *l)
{
    const struct lj_embedded *f = lj_embedded_find("proto/event_roles.tsv");
    if (!f)
        return lj_fail(l->err, LJ_E_INTERNAL, "this ljctl was built without proto/event_roles.tsv");
    const char *params[] = {f->start};
    PGresult *r = NULL;
    int rc = lj_dbs_query(l->c,
                          "select liangjin.load_event_roles(array_agg(split_part(x, e'\\t', 1)), "
                          "array_agg(split_part(x, e'\\t', 2))) from string_to_table($1, e'\\n') x "
                          "where x !~ '^(#|$)'",
                          1, params, &r, l->err);
    PQclear(r);
    return rc;
}

int lj_event_types_load(PGconn *c, int *ret, struct lj_err *err)
{
    struct loader l = {c, err};
    const struct lj_embedded *f = lj_embedded_find("proto/event_types.tsv");
    if (!f)
        return lj_fail(err, LJ_E_INTERNAL, "this ljctl was built without proto/event_types.tsv");
    int rc = lj_pg_script(
        c, f->path,
        "begin; set local session authorization liangjin_migrate; set local role liangjin_owner",
        err);
    if (rc == 0)
        rc = load_all(&l, f, ret);
    if (rc == 0)
        rc = load_roles(&l);
    if (rc == 0)
        return lj_pg_script(c, f->path, "commit", err);
    lj_pg_tidy(c, "rollback");
    return rc;
}
