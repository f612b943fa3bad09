/* Reading db/seed/units.tsv: tab-separated code, id, kind, region, name; `#` lines are comments.
 *
 * The number of a unit in the letter is the number in its code, so there is no second place where
 * it could differ. */
#include "ctl/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/embed.h"

static const struct {
    const char *kind;
    const char *title;
} classes[] = {
    {"PROVINCE", "省区市体育部门"},
    {"GAS_UNIT", "体育总局有关直属单位"},
    {"NATIONAL_ORG", "有关全国性体育社会组织"},
};

const char *lj_unit_class(const char *kind, int *ret_index)
{
    int n = (int)(sizeof classes / sizeof classes[0]);
    for (int i = 0; i < n; i++) {
        if (strcmp(classes[i].kind, kind) == 0) {
            if (ret_index)
                *ret_index = i;
            return classes[i].title;
        }
    }
    if (ret_index)
        *ret_index = n;
    return kind;
}

/* Copy one field; 0 when it does not fit. */
static int take(char *out, size_t cap, const char *field)
{
    if (!field || strlen(field) >= cap)
        return 0;
    memcpy(out, field, strlen(field) + 1);
    return 1;
}

static int parse_line(char *line, struct lj_unit *u)
{
    char *rest = line;
    const char *code = strsep(&rest, "\t");
    const char *id = strsep(&rest, "\t");
    const char *kind = strsep(&rest, "\t");
    const char *region = strsep(&rest, "\t");
    const char *name = strsep(&rest, "\t");
    memset(u, 0, sizeof *u);
    if (!take(u->code, sizeof u->code, code) || !take(u->id, sizeof u->id, id) ||
        !take(u->kind, sizeof u->kind, kind) || !take(u->region, sizeof u->region, region) ||
        !take(u->name, sizeof u->name, name))
        return 0;
    if (strcmp(u->region, "-") == 0)
        u->region[0] = '\0';
    u->number = strlen(u->code) == 5 ? (int)strtol(u->code + 2, NULL, 10) : 0;
    return u->number > 0;
}

int lj_units_embedded(struct lj_unit *ret, size_t cap, size_t *ret_n, struct lj_err *err)
{
    const struct lj_embedded *f = lj_embedded_find("db/seed/units.tsv");
    size_t n = 0;
    unsigned number = 0;
    if (!f)
        return lj_fail(err, LJ_E_INTERNAL, "this ljctl was built without db/seed/units.tsv");
    for (const char *p = f->start; *p;) {
        char line[400];
        size_t len = strcspn(p, "\n");
        number++;
        if (len >= sizeof line || n >= cap)
            return lj_fail(
                err, LJ_E_CONFIG,
                "db/seed/units.tsv line %u is too long, or there are more than %zu units", number,
                cap);
        memcpy(line, p, len);
        line[len] = '\0';
        p += len + (p[len] == '\n');
        if (!line[0] || line[0] == '#')
            continue;
        if (!parse_line(line, &ret[n]))
            return lj_fail(err, LJ_E_CONFIG,
                           "db/seed/units.tsv line %u is no unit: code, id, kind, region, name",
                           number);
        n++;
    }
    *ret_n = n;
    return 0;
}
