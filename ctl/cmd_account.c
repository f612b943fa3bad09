/* ljctl account create|ls|passwd|disable: who may log in at the dashboard, through the functions of
 * role liangjin_control.
 *
 * A password is never an option or an operand, where every user of the machine could read it: it is
 * made here and written to --file (0600) or shown once; or, with --file naming a file that is there
 * (for passwd and create alike), read from it. A change ends the account's logins within seconds.
 */
#include <string.h>
#include <unistd.h>

#include "ctl/account.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"

static const struct lj_col secret_columns[] = {{"login", "LOGIN", LJ_COL_TEXT},
                                               {"password", "PASSWORD", LJ_COL_TEXT},
                                               {"file", NULL, LJ_COL_TEXT}};

static const struct lj_col list_columns[] = {
    {"login", "LOGIN", LJ_COL_TEXT},        {"unit", "UNIT", LJ_COL_TEXT},
    {"role", "ROLE", LJ_COL_TEXT},          {"state", "STATE", LJ_COL_TEXT},
    {"created_at", "CREATED", LJ_COL_TEXT}, {"changed_at", "CHANGED", LJ_COL_TEXT}};

enum { SECRET_CAP = LJ_PASSWORD_MAX + 3 };

struct secret {
    char text[SECRET_CAP];
    int wrote, given; /* --file was made by us; it was there */
};

/* The password of --file when that is there, else a made one (written to --file when named). */
static int secret_of(const struct lj_ctl *ctl, struct secret *s, struct lj_err *err)
{
    const char *path = ctl->o.file;
    int rc;
    if (path && access(path, F_OK) == 0) {
        s->given = 1;
        rc = lj_read_small(path, s->text, sizeof s->text, err);
        s->text[strcspn(s->text, "\r\n")] = '\0';
        return rc;
    }
    rc = lj_password_make(s->text, err);
    if (rc == 0 && path) {
        char line[LJ_PASSWORD_MADE + 2];
        int n = snprintf(line, sizeof line, "%.*s\n", (int)LJ_PASSWORD_MADE, s->text);
        rc = lj_write_whole(path, line, (size_t)n, 0600, err);
        s->wrote = rc == 0;
    }
    return rc;
}

static int show(const struct lj_ctl *ctl, const struct secret *s, struct lj_err *err)
{
    struct lj_rows *rows = NULL;
    int rc = lj_rows_open(ctl->out, ctl->format, secret_columns, 3, NULL, &rows, err);
    if (rc)
        return rc;
    const char *values[] = {ctl->words[0], ctl->o.file ? NULL : s->text, ctl->o.file};
    lj_rows_add(rows, values);
    rc = lj_rows_close(&rows, err);
    lj_say("%s", s->given   ? "the password is the one in the file"
                 : s->wrote ? "the password is in the file, readable by its owner only"
                            : "this is the only time the password is shown");
    return rc;
}

static int with_secret(struct lj_ctl *ctl, int create)
{
    struct lj_err err = {0};
    struct secret s = {0};
    PGconn *c = NULL;
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0)
        rc = secret_of(ctl, &s, &err);
    if (rc == 0)
        rc = create ? lj_account_create(c, ctl->words[0], ctl->o.unit, ctl->words[1], s.text, &err)
                    : lj_account_password(c, ctl->words[0], s.text, &err);
    if (rc && s.wrote)
        (void)unlink(ctl->o.file); /* ours, just made */
    if (rc == 0)
        rc = show(ctl, &s, &err);
    PQfinish(c);
    explicit_bzero(&s, sizeof s);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

int lj_cmd_account_create(struct lj_ctl *ctl)
{
    if (!ctl->o.unit) {
        lj_say("account create needs --unit: the root of the units it sees (CN000 = all)");
        return LJ_EXIT_USAGE;
    }
    return with_secret(ctl, 1);
}

int lj_cmd_account_passwd(struct lj_ctl *ctl)
{
    return with_secret(ctl, 0);
}

int lj_cmd_account_ls(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0)
        rc = lj_pg_print(ctl, c,
                         &(struct lj_pg_list){
                             "select login, unit, role, state, to_char(created_at, "
                             "'YYYY-MM-DD\"T\"HH24:MI:SSOF'), to_char(changed_at, "
                             "'YYYY-MM-DD\"T\"HH24:MI:SSOF') from liangjin.list_accounts()",
                             NULL, 0, list_columns, sizeof list_columns / sizeof list_columns[0]},
                         NULL, &err);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

int lj_cmd_account_disable(struct lj_ctl *ctl)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    PGresult *r = NULL;
    char question[120];
    (void)snprintf(question, sizeof question, "disable the account \"%.60s\"", ctl->words[0]);
    if (!lj_ctl_confirm(ctl, question))
        return LJ_EXIT_REFUSED;
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0)
        rc = lj_dbs_query(c, "select liangjin.disable_account($1)", 1, ctl->words, &r, &err);
    if (rc == 0)
        lj_say("account \"%s\" %s", ctl->words[0],
               PQgetvalue(r, 0, 0)[0] == 't' ? "disabled" : "was disabled before");
    PQclear(r);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}
