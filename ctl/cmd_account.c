/* ljctl account create|ls|passwd|disable|activate|unlock|link: who may log in.
 *
 * Accounts of the machine (operator, unit_admin, observer) are rows that functions of role
 * liangjin_control write. Accounts of persons (the roles in capitals) are a register: create,
 * disable, activate and unlock send events and wait for what the register says; only the hash of
 * the password goes to the database directly.
 *
 * A password is never an option or an operand, where every user of the machine could read it: it is
 * made here and written to --file (0600) or shown once; or, with --file naming a file that is there
 * (for passwd and create alike), read from it. A change ends the account's logins within seconds.
 */
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "ctl/account.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/register.h"
#include "ctl/token.h"

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

/* Roles in capitals, with commas between, are a person's. */
static int is_person(const char *roles)
{
    return roles[0] >= 'A' && roles[0] <= 'Z';
}

static json_t *word_list(const char *words)
{
    json_t *list = json_array();
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, ",");
        (void)json_array_append_new(list, json_stringn(p, n));
        p += n + (p[n] == ',');
    }
    return list;
}

/* Invited, accepted and activated at once: the operator has the person before him. */
static int create_person(const struct lj_ctl *ctl, PGconn *c, struct lj_err *err)
{
    const char *login = ctl->words[0];
    if (!ctl->o.name)
        return lj_fail(err, LJ_E_ARG, "an account of a person needs --name");
    const struct lj_register_event events[] = {
        {"account.invited", ctl->o.unit,
         json_pack("{s:s, s:s, s:o}", "login", login, "name", ctl->o.name, "roles",
                   word_list(ctl->words[1]))},
        {"account.accepted", ctl->o.unit, json_pack("{s:s}", "login", login)},
        {"account.activated", ctl->o.unit, json_pack("{s:s}", "login", login)}};
    return lj_register_send(ctl, c, events, 3, err);
}

static int store(const struct lj_ctl *ctl, PGconn *c, const char *password, int create,
                 struct lj_err *err)
{
    int person = create && is_person(ctl->words[1]);
    if (create && !person)
        return lj_account_create(c, ctl->words[0], ctl->o.unit, ctl->words[1], password, err);
    int rc = person ? create_person(ctl, c, err) : 0;
    return rc == 0 ? lj_account_password(c, ctl->words[0], password, err) : rc;
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
        rc = store(ctl, c, s.text, create, &err);
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

/* Unit and role of an account; roles is "" where there is none. */
static int look_up(PGconn *c, const char *login, char unit[8], char roles[100], struct lj_err *err)
{
    PGresult *r = NULL;
    int rc = lj_dbs_query(c, "select unit, role from liangjin.list_accounts() where login = $1", 1,
                          &login, &r, err);
    roles[0] = '\0';
    if (rc == 0 && PQntuples(r) == 1) {
        (void)snprintf(unit, 8, "%s", PQgetvalue(r, 0, 0));
        (void)snprintf(roles, 100, "%s", PQgetvalue(r, 0, 1));
    }
    PQclear(r);
    return rc;
}

/* One event about a person's account. */
static int move(struct lj_ctl *ctl, const char *type, const char *done)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    char unit[8], roles[100];
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0)
        rc = look_up(c, ctl->words[0], unit, roles, &err);
    if (rc == 0 && !is_person(roles))
        rc = lj_fail(&err, LJ_E_NOT_FOUND, "there is no person's account \"%.40s\"", ctl->words[0]);
    if (rc == 0) {
        const struct lj_register_event e = {type, unit, json_pack("{s:s}", "login", ctl->words[0])};
        rc = lj_register_send(ctl, c, &e, 1, &err);
    }
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    lj_say("account \"%s\" %s", ctl->words[0], done);
    return LJ_EXIT_OK;
}

int lj_cmd_account_activate(struct lj_ctl *ctl)
{
    return move(ctl, "account.activated", "may log in");
}

int lj_cmd_account_unlock(struct lj_ctl *ctl)
{
    return move(ctl, "account.unlocked", "is locked no more");
}

static int disable_person(const struct lj_ctl *ctl, PGconn *c, const char *unit, struct lj_err *err)
{
    if (!ctl->o.reason)
        return lj_fail(err, LJ_E_ARG, "disabling an account of a person needs --reason");
    json_t *payload = json_pack("{s:s, s:s, s:s*}", "login", ctl->words[0], "reason", ctl->o.reason,
                                "handover_to", ctl->o.handover);
    const struct lj_register_event e = {"account.disabled", unit, payload};
    return lj_register_send(ctl, c, &e, 1, err);
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
    char question[120], unit[8], roles[100];
    int was = 0;
    (void)snprintf(question, sizeof question, "disable the account \"%.60s\"", ctl->words[0]);
    if (!lj_ctl_confirm(ctl, question))
        return LJ_EXIT_REFUSED;
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0)
        rc = look_up(c, ctl->words[0], unit, roles, &err);
    if (rc == 0 && is_person(roles)) {
        rc = disable_person(ctl, c, unit, &err);
    } else if (rc == 0) {
        rc = lj_dbs_query(c, "select liangjin.disable_account($1)", 1, ctl->words, &r, &err);
        was = rc == 0 && PQgetvalue(r, 0, 0)[0] != 't';
    }
    if (rc == 0)
        lj_say("account \"%s\" %s", ctl->words[0], was ? "was disabled before" : "disabled");
    PQclear(r);
    PQfinish(c);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

/* A one-time link for who was invited; of its token only the hash is stored. */
int lj_cmd_account_link(struct lj_ctl *ctl)
{
    static const struct lj_col cols[] = {{"token", "TOKEN", LJ_COL_TEXT},
                                         {"unit", "UNIT", LJ_COL_TEXT},
                                         {"until", "UNTIL", LJ_COL_TEXT}};
    struct lj_err err = {0};
    struct lj_rows *rows = NULL;
    char secret[LJ_TOKEN_TEXT + 1];
    unsigned char hash[32];
    char hex[2 + sizeof hash * 2 + 1] = "\\x";
    PGconn *c = NULL;
    PGresult *r = NULL;
    int rc = lj_token_make(secret, &err);
    if (rc == 0)
        rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0) {
        (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)secret, strlen(secret),
                                 NULL, 0);
        (void)sodium_bin2hex(hex + 2, sizeof hex - 2, hash, sizeof hash);
        const char *params[] = {hex, ctl->words[0]};
        rc = lj_dbs_query(c,
                          "select l.unit, to_char(l.expires_at at time zone 'Asia/Shanghai', "
                          "'YYYY-MM-DD HH24:MI') from liangjin.create_invite_link($1::bytea, $2) l",
                          2, params, &r, &err);
    }
    if (rc == 0)
        rc = lj_rows_open(ctl->out, ctl->format, cols, 3, NULL, &rows, &err);
    if (rc == 0) {
        const char *values[] = {secret, PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1)};
        lj_rows_add(rows, values);
        rc = lj_rows_close(&rows, &err);
        lj_say("this is the only time the token is shown: /#/accept/TOKEN at the gateway");
    }
    PQclear(r);
    PQfinish(c);
    explicit_bzero(secret, sizeof secret);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}
