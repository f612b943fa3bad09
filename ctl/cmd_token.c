/* ljctl token create|ls|revoke, through the functions of role liangjin_control.
 *
 * The secret is shown once, or written to a file that nobody else may read; the file is made before
 * the token is stored, so that a full disk cannot leave a valid token whose secret nobody has. JSON
 * output of create holds the secret (or the file's name). */
#include <string.h>
#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/token.h"

static const struct lj_col created_columns[] = {{"name", "NAME", LJ_COL_TEXT},
                                                {"unit", "UNIT", LJ_COL_TEXT},
                                                {"role", "ROLE", LJ_COL_TEXT},
                                                {"token", "TOKEN", LJ_COL_TEXT},
                                                {"file", NULL, LJ_COL_TEXT}};

static const struct lj_col list_columns[] = {
    {"name", "NAME", LJ_COL_TEXT},          {"unit", "UNIT", LJ_COL_TEXT},
    {"role", "ROLE", LJ_COL_TEXT},          {"class", "CLASS", LJ_COL_INT},
    {"rate", "RATE", LJ_COL_INT},           {"burst", "BURST", LJ_COL_INT},
    {"created_at", "CREATED", LJ_COL_TEXT}, {"expires_at", "EXPIRES", LJ_COL_TEXT},
    {"state", "STATE", LJ_COL_TEXT}};

static int write_secret(const char *path, const char *secret, struct lj_err *err)
{
    char line[LJ_TOKEN_TEXT + 2];
    int n = snprintf(line, sizeof line, "%s\n", secret);
    if (access(path, F_OK) == 0)
        return lj_fail(err, LJ_E_STATE, "%.150s exists: a secret is never written over", path);
    return lj_write_whole(path, line, (size_t)n, 0600, err);
}

static int create(struct lj_ctl *ctl, PGconn *c, const struct lj_token_spec *spec,
                  struct lj_err *err)
{
    char secret[LJ_TOKEN_TEXT + 1];
    struct lj_rows *rows = NULL;
    int rc = lj_token_make(secret, err);
    if (rc == 0 && ctl->o.file)
        rc = write_secret(ctl->o.file, secret, err);
    if (rc)
        return rc;
    rc = lj_token_store(c, spec, secret, err);
    if (rc) {
        if (ctl->o.file)
            (void)unlink(ctl->o.file); /* ours, just made */
        return rc;
    }
    rc = lj_rows_open(ctl->out, ctl->format, created_columns, 5, NULL, &rows, err);
    if (rc)
        return rc;
    const char *values[] = {spec->name, spec->unit, spec->role, ctl->o.file ? NULL : secret,
                            ctl->o.file};
    lj_rows_add(rows, values);
    rc = lj_rows_close(&rows, err);
    lj_say("%s", ctl->o.file ? "the secret is in the file, readable by its owner only"
                             : "this is the only time the token is shown");
    return rc;
}

int lj_cmd_token_create(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    if (!ctl->o.unit) {
        lj_say(
            "token create needs --unit: the root of the units the token may act for (CN000 = all)");
        return LJ_EXIT_USAGE;
    }
    struct lj_token_spec spec = {.name = ctl->words[0],
                                 .unit = ctl->o.unit,
                                 .role = ctl->o.role,
                                 .class = (int)ctl->o.class,
                                 .rate = ctl->o.rate,
                                 .burst = ctl->o.burst,
                                 .expires_days = ctl->o.expires_days};
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0)
        rc = create(ctl, c, &spec, &err);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

int lj_cmd_token_ls(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    const char *params[] = {ctl->o.all ? "t" : "f"};
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0)
        rc = lj_pg_print(ctl, c,
                         &(struct lj_pg_list){
                             "select name, unit, role, class, rate, burst, to_char(created_at, "
                             "'YYYY-MM-DD\"T\"HH24:MI:SSOF'),"
                             " to_char(expires_at, 'YYYY-MM-DD\"T\"HH24:MI:SSOF'), state from "
                             "liangjin.list_tokens()"
                             " where $1::bool or state = 'valid' order by name",
                             params, 1, list_columns, sizeof list_columns / sizeof list_columns[0]},
                         NULL, &err);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

int lj_cmd_token_revoke(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    PGresult *r = NULL;
    char question[120];
    (void)snprintf(question, sizeof question, "end the token \"%.60s\" for good", ctl->words[0]);
    if (!lj_ctl_confirm(ctl, question))
        return LJ_EXIT_REFUSED;
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0)
        rc = lj_dbs_query(c, "select liangjin.revoke_token($1)", 1, ctl->words, &r, &err);
    if (rc == 0)
        lj_say("token \"%s\" %s", ctl->words[0],
               PQgetvalue(r, 0, 0)[0] == 't' ? "ended" : "had ended before");
    PQclear(r);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}
