/* The file of known peers: `<public key> <role> <unit or *> <name>`, one a line, kept as a table
 * sorted by key and by name.
 *
 * The file is read whole and judged whole before anything changes: one bad line means that the
 * table in use stays. Errors name the line. A key or a name that stands twice is an error too:
 * which role would count would depend on the order of the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/curve_part.h"

enum { LINE_MAX_BYTES = 512, PEERS_MAX = 10000 };

static const char *const ROLES[] = {
    [LJ_CURVE_GATEWAY] = "gateway",
    [LJ_CURVE_CLIENT] = "client",
    [LJ_CURVE_WORKER] = "worker",
    [LJ_CURVE_READER] = "reader",
};
static const unsigned DOORS[] = {
    /* bit of each door a role may enter by */
    [LJ_CURVE_GATEWAY] = 1u << LJ_DOOR_INTAKE | 1u << LJ_DOOR_STREAM,
    [LJ_CURVE_CLIENT] = 1u << LJ_DOOR_INTAKE,
    [LJ_CURVE_WORKER] = 1u << LJ_DOOR_WORK,
    [LJ_CURVE_READER] = 1u << LJ_DOOR_STREAM,
};
enum { NROLES = sizeof ROLES / sizeof *ROLES };

const char *lj_curve_role_name(enum lj_curve_role role)
{
    return ROLES[role];
}

int lj_curve_may(const struct lj_curve_peer *p, enum lj_door door)
{
    return (DOORS[p->role] >> door) & 1;
}

void lj_curve_peers_free(struct lj_curve_peers *p)
{
    free(p->rows);
    free(p->names);
    *p = (struct lj_curve_peers){0};
}

static int by_key(const void *a, const void *b)
{
    return memcmp(((const struct lj_curve_peer *)a)->key, ((const struct lj_curve_peer *)b)->key,
                  32);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lj_curve_peer_ref *)a)->peer->name,
                  ((const struct lj_curve_peer_ref *)b)->peer->name);
}

const struct lj_curve_peer *lj_curve_peers_by_key(const struct lj_curve_peers *p,
                                                  const uint8_t key[32])
{
    struct lj_curve_peer want;
    memcpy(want.key, key, 32);
    return p->count ? bsearch(&want, p->rows, p->count, sizeof want, by_key) : NULL;
}

const struct lj_curve_peer *lj_curve_peers_by_name(const struct lj_curve_peers *p, const char *name)
{
    struct lj_curve_peer want;
    struct lj_curve_peer_ref at = {&want};
    size_t n = strnlen(name, sizeof want.name);
    if (p->count == 0 || n == sizeof want.name)
        return NULL;
    memcpy(want.name, name, n + 1);
    const struct lj_curve_peer_ref *found = bsearch(&at, p->names, p->count, sizeof at, by_name);
    return found ? found->peer : NULL;
}

static int is_unit(const char *s)
{
    return strlen(s) == 5 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2 &&
           strspn(s + 2, "0123456789") == 3;
}

static int is_name(const char *s)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@/+";
    size_t n = strlen(s);
    return n > 0 && n <= LJ_CURVE_NAME_MAX && strspn(s, letters) == n;
}

/* Splits at blanks into at most max words; returns how many there are. */
static int split(char *line, char **words, int max)
{
    int n = 0;
    char *save = NULL;
    for (char *w = strtok_r(line, " \t\r\n", &save); w; w = strtok_r(NULL, " \t\r\n", &save)) {
        if (n < max)
            words[n] = w;
        n++;
    }
    return n;
}

/* 1 = a peer, 0 = nothing on this line. */
static int parse_line(char *line, struct lj_curve_peer *ret, const char **ret_wrong)
{
    char *w[4];
    int n = split(line, w, 4);
    if (n == 0 || strcmp(w[0], "#") == 0)
        return 0;
    *ret_wrong = NULL;
    int role = 0;
    while (n == 4 && role < NROLES && strcmp(ROLES[role], w[1]) != 0)
        role++;
    if (n != 4)
        *ret_wrong = "must be: key role unit name (a comment begins with \"# \")";
    else if (!lj_z85_is_key(w[0], strlen(w[0])))
        *ret_wrong = "the key is no Z85 key of 40 characters";
    else if (role == NROLES)
        *ret_wrong = "the role is none of gateway, client, worker, reader";
    else if (strcmp(w[2], "*") != 0 && !is_unit(w[2]))
        *ret_wrong = "the unit is neither a unit code nor *";
    else if (!is_name(w[3]))
        *ret_wrong = "the name must be 1 to 64 of A-Z a-z 0-9 . _ - : @ / +";
    if (*ret_wrong)
        return -1;
    memset(ret, 0, sizeof *ret);
    ret->role = (enum lj_curve_role)role;
    zmq_z85_decode(ret->key, w[0]);
    (void)snprintf(ret->unit, sizeof ret->unit, "%s", w[2]);
    (void)snprintf(ret->name, sizeof ret->name, "%s", w[3]);
    return 1;
}

static int append(struct lj_curve_peers *p, size_t *cap, const struct lj_curve_peer *row)
{
    if (p->count == *cap) {
        size_t more = *cap ? *cap * 2 : 16;
        struct lj_curve_peer *rows = realloc(p->rows, more * sizeof *rows);
        if (!rows)
            return LJ_E_NOMEM;
        p->rows = rows;
        *cap = more;
    }
    p->rows[p->count++] = *row;
    return 0;
}

static int read_rows(FILE *f, const char *path, struct lj_curve_peers *p, struct lj_err *err)
{
    char line[LINE_MAX_BYTES];
    size_t cap = 0;
    for (int number = 1; fgets(line, sizeof line, f); number++) {
        const char *wrong = NULL;
        struct lj_curve_peer row;
        if (!strchr(line, '\n') && !feof(f))
            return lj_fail(err, LJ_E_CONFIG, "%s:%d: the line is longer than %d bytes", path,
                           number, LINE_MAX_BYTES - 2);
        int got = parse_line(line, &row, &wrong);
        if (got < 0)
            return lj_fail(err, LJ_E_CONFIG, "%s:%d: %s", path, number, wrong);
        for (size_t i = 0; got > 0 && i < p->count; i++) {
            if (memcmp(row.key, p->rows[i].key, 32) == 0 || strcmp(row.name, p->rows[i].name) == 0)
                return lj_fail(err, LJ_E_CONFIG, "%s:%d: the key or the name \"%s\" stands twice",
                               path, number, row.name);
        }
        if (got > 0 && p->count == PEERS_MAX)
            return lj_fail(err, LJ_E_CONFIG, "%s:%d: more than %d peers", path, number, PEERS_MAX);
        if (got > 0 && append(p, &cap, &row) != 0)
            return lj_fail(err, LJ_E_NOMEM, "no memory for the peers of %s", path);
    }
    return ferror(f) ? lj_fail_errno(err, LJ_E_IO, errno, "peers file %s", path) : 0;
}

static int index_names(struct lj_curve_peers *p)
{
    if (p->count == 0)
        return 0;
    qsort(p->rows, p->count, sizeof *p->rows, by_key);
    p->names = calloc(p->count, sizeof *p->names);
    if (!p->names)
        return LJ_E_NOMEM;
    for (size_t i = 0; i < p->count; i++)
        p->names[i].peer = &p->rows[i];
    qsort(p->names, p->count, sizeof *p->names, by_name);
    return 0;
}

int lj_curve_peers_read(const char *path, struct lj_curve_peers *ret, struct lj_err *err)
{
    struct lj_curve_peers p = {0};
    FILE *f = fopen(path, "re");
    if (!f)
        return lj_fail_errno(err, LJ_E_IO, errno, "peers file %s", path);
    int rc = read_rows(f, path, &p, err);
    fclose(f);
    if (rc == 0 && index_names(&p) != 0)
        rc = lj_fail(err, LJ_E_NOMEM, "no memory for the peers of %s", path);
    if (rc == 0)
        *ret = p;
    else
        lj_curve_peers_free(&p);
    return rc;
}
