/* The first account of a new system: `admin`, an operator, with a random password in
 * DIR/secret/admin.password (0600).
 *
 * Made once, in the order of the first tokens (up_seed.c): the file first, then the account; a
 * start that was killed between the two finds the file and stores its hash. An account that is
 * there is never touched, so a password that was changed stays changed. */
#include <string.h>

#include "ctl/account.h"
#include "ctl/pg.h"
#include "ctl/up.h"

static int is_there(PGconn *c, int *ret, struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(c, "select 1 from liangjin.list_accounts() where login = 'admin'", 0,
                          NULL, &r, err);
    if (rc == 0)
        *ret = PQntuples(r) > 0;
    PQclear(r);
    return rc;
}

int lj_up_account(struct lj_up *up, PGconn *c, struct lj_err *err)
{
    char path[PATH_MAX];
    char password[LJ_PASSWORD_MADE + 2];
    int there = 0;
    int rc = is_there(c, &there, err);
    if (rc || there)
        return rc;
    rc = lj_path(path, up->at.secret, "admin.password", err);
    if (rc)
        return rc;
    if (lj_read_small(path, password, sizeof password, NULL) != 0 ||
        strcspn(password, "\n") != LJ_PASSWORD_MADE) {
        rc = lj_password_make(password, err);
        password[LJ_PASSWORD_MADE] = '\n';
        if (rc == 0)
            rc = lj_write_whole(path, password, LJ_PASSWORD_MADE + 1, 0600, err);
    }
    password[LJ_PASSWORD_MADE] = '\0';
    return rc == 0 ? lj_account_create(c, "admin", "CN000", "operator", password, err) : rc;
}
