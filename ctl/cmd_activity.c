/* ljctl activity ls|show|sample|approve|return|link: what waits for a decision, an activity's
 * story, the Centre's sample, the two decisions of a reviewer, one-time links.
 *
 * A decision goes out as an event like everybody's, over the local socket; its source is ljctl and
 * the operating system's user, so four eyes hold here too: who files with `events submit` and
 * decides with another user is two persons, the same user one. A link's token is shown once; only
 * its hash is stored. */
#include <jansson.h>
#include <pwd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/uuid.h"
#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/send_event.h"
#include "ctl/token.h"

static int print(struct lj_ctl *ctl, const struct lj_pg_list *list, const char *nothing)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    int n = 0;
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, &err);
    if (rc == 0)
        rc = lj_pg_print(ctl, c, list, &n, &err);
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    if (n == 0)
        lj_say("%s", nothing);
    return LJ_EXIT_OK;
}

#define MOMENT(column) "to_char(" column " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

int lj_cmd_activity_ls(struct lj_ctl *ctl)
{
    static const struct lj_col cols[] = {
        {"activity", "ACTIVITY", LJ_COL_TEXT}, {"unit", "UNIT", LJ_COL_TEXT},
        {"version", "VERSION", LJ_COL_INT},    {"state", "STATE", LJ_COL_TEXT},
        {"day", "DAY", LJ_COL_TEXT},           {"title", "TITLE", LJ_COL_TEXT},
        {"since", "SINCE", LJ_COL_TEXT},       {"sent_by", "SENT BY", LJ_COL_TEXT},
        {"score", "SCORE", LJ_COL_JSON}};
    char limit[24];
    (void)snprintf(limit, sizeof limit, "%lld", (long long)ctl->o.limit);
    const char *params[] = {ctl->o.unit, limit};
    return print(
        ctl,
        &(struct lj_pg_list){
            "with recursive below as (select d.code, d.number from liangjin.unit_directory d where "
            "d.code = $1 union all select d.code, d.number from below b join "
            "liangjin.unit_directory d on d.parent = b.number)"
            " select w.activity, w.unit, w.version, w.state, w.day, w.title, " MOMENT(
                "w.since") ", w.sent_by, w.score from liangjin.review_waiting w where $1::text is "
                           "null or w.unit in (select b.code from below b) order by w.position "
                           "limit $2::int8",
            params, 2, cols, sizeof cols / sizeof cols[0]},
        "nothing waits");
}

int lj_cmd_activity_show(struct lj_ctl *ctl)
{
    static const struct lj_col cols[] = {
        {"step", "STEP", LJ_COL_INT},    {"at", "AT", LJ_COL_TEXT},
        {"type", "EVENT", LJ_COL_TEXT},  {"version", "VERSION", LJ_COL_INT},
        {"state", "STATE", LJ_COL_TEXT}, {"person", "PERSON", LJ_COL_TEXT},
        {"said", "SAID", LJ_COL_TEXT},   {"sent_by", "BY", LJ_COL_TEXT},
        {"event", NULL, LJ_COL_TEXT},    {"words", NULL, LJ_COL_JSON}};
    uint8_t id[LJ_UUID_BYTES];
    struct lj_err err = {0};
    if (lj_uuid_parse(ctl->words[0], strlen(ctl->words[0]), id, &err) != 0)
        return lj_ctl_error(&err, "an activity is named by the id of its report");
    return print(ctl,
                 &(struct lj_pg_list){
                     "select s.step, " MOMENT(
                         "s.at") ", s.type, s.version, s.state, s.person, s.said, s.sent_by, "
                                 "s.event, (select json_object_agg(w.who, w.word) from "
                                 "liangjin.activity_words($1::uuid) w) from "
                                 "liangjin.activity_story($1::uuid) s order by s.step",
                     ctl->words, 1, cols, sizeof cols / sizeof cols[0]},
                 "there is no such accepted activity");
}

int lj_cmd_activity_sample(struct lj_ctl *ctl)
{
    static const struct lj_col cols[] = {
        {"activity", "ACTIVITY", LJ_COL_TEXT}, {"unit", "UNIT", LJ_COL_TEXT},
        {"version", "VERSION", LJ_COL_INT},    {"day", "DAY", LJ_COL_TEXT},
        {"score", "SCORE", LJ_COL_JSON},       {"why", "WHY", LJ_COL_TEXT},
        {"state", "STATE", LJ_COL_TEXT}};
    return print(ctl,
                 &(struct lj_pg_list){"select s.activity, s.unit, s.version, s.day, s.score, "
                                      "s.why, s.state from liangjin.review_sample($1::date, "
                                      "$2::date) s",
                                      ctl->words, 2, cols, sizeof cols / sizeof cols[0]},
                 "no approved activity of these days is in the sample");
}

/* ---- decisions ---- */

/* The reporting unit's code: every event about an activity is that unit's. */
static int unit_of(const struct lj_ctl *ctl, const char *activity, char unit[16],
                   struct lj_err *err)
{
    PGconn *c = NULL;
    PGresult *r = NULL;
    int rc = lj_pg_connect(ctl, "liangjin_audit", &c, err);
    if (rc == 0)
        rc = lj_dbs_query(c,
                          "select u.code from liangjin.activity_now($1::uuid) n join liangjin.unit "
                          "u on u.number = n.unit",
                          1, &activity, &r, err);
    if (rc == 0 && PQntuples(r) != 1)
        rc = lj_fail(err, LJ_E_NOT_FOUND, "there is no accepted activity %.60s", activity);
    if (rc == 0)
        (void)snprintf(unit, 16, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    PQfinish(c);
    return rc;
}

/* payload is taken. The operator's own name goes with it: who files may not decide. */
static int send_as_operator(const struct lj_ctl *ctl, const char *type, const char *unit,
                            json_t *payload, struct lj_sent_event *o, struct lj_err *err)
{
    const struct passwd *user = getpwuid(getuid());
    char source[64];
    (void)snprintf(source, sizeof source, "ljctl.%.32s", user ? user->pw_name : "unknown");
    return lj_send_event(
        ctl, source, json_pack("{s:s, s:s, s:o}", "type", type, "unit", unit, "payload", payload),
        o, err);
}

static int decide(struct lj_ctl *ctl, const char *type, const char *member)
{
    static const struct lj_col cols[] = {{"id", "ID", LJ_COL_TEXT},
                                         {"position", "POSITION", LJ_COL_INT}};
    struct lj_err err = {0};
    struct lj_rows *rows = NULL;
    struct lj_sent_event o = {0};
    char unit[16], position[24];
    uint8_t id[LJ_UUID_BYTES];
    int rc = lj_uuid_parse(ctl->words[0], strlen(ctl->words[0]), id, &err);
    if (rc == 0)
        rc = unit_of(ctl, ctl->words[0], unit, &err);
    if (rc == 0) {
        json_t *payload = json_pack("{s:s, s:I}", "activity", ctl->words[0], "version",
                                    (json_int_t)strtoll(ctl->words[1], NULL, 10));
        if (ctl->o.reason)
            (void)json_object_set_new(payload, member, json_string(ctl->o.reason));
        rc = send_as_operator(ctl, type, unit, payload, &o, &err);
    }
    if (rc == 0)
        rc = lj_rows_open(ctl->out, ctl->format, cols, 2, NULL, &rows, &err);
    if (rc)
        return lj_ctl_error(&err, NULL);
    (void)snprintf(position, sizeof position, "%lld", (long long)o.position);
    const char *values[] = {o.id, position};
    lj_rows_add(rows, values);
    rc = lj_rows_close(&rows, &err);
    lj_say("stored; `ljctl events show %s` tells whether it was accepted", o.id);
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}

int lj_cmd_activity_approve(struct lj_ctl *ctl)
{
    return decide(ctl, "activity.approved", "note");
}

int lj_cmd_activity_return(struct lj_ctl *ctl)
{
    if (!ctl->o.reason) {
        lj_say("activity return needs --reason");
        return LJ_EXIT_USAGE;
    }
    return decide(ctl, "activity.returned", "reason");
}

/* ---- links ---- */

static int store_link(const struct lj_ctl *ctl, const char *secret, const char *activity,
                      const char *person, char until[40], char unit[16], struct lj_err *err)
{
    unsigned char hash[32];
    char hex[2 + sizeof hash * 2 + 1] = "\\x";
    PGconn *c = NULL;
    PGresult *r = NULL;
    (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)secret, strlen(secret), NULL,
                             0);
    (void)sodium_bin2hex(hex + 2, sizeof hex - 2, hash, sizeof hash);
    const char *params[] = {hex, activity, person};
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, err);
    if (rc == 0)
        rc = lj_dbs_query(c,
                          "select l.unit, to_char(l.expires_at at time zone 'Asia/Shanghai', "
                          "'YYYY-MM-DD HH24:MI') from liangjin.create_confirm_link($1::bytea, "
                          "$2::uuid, $3) l",
                          3, params, &r, err);
    if (rc == 0) {
        (void)snprintf(unit, 16, "%s", PQgetvalue(r, 0, 0));
        (void)snprintf(until, 40, "%s", PQgetvalue(r, 0, 1));
    }
    PQclear(r);
    PQfinish(c);
    return rc;
}

int lj_cmd_activity_link(struct lj_ctl *ctl)
{
    static const struct lj_col cols[] = {{"token", "TOKEN", LJ_COL_TEXT},
                                         {"for", "FOR", LJ_COL_TEXT},
                                         {"until", "UNTIL", LJ_COL_TEXT}};
    struct lj_err err = {0};
    struct lj_rows *rows = NULL;
    struct lj_sent_event o = {0};
    const char *person = ctl->nwords > 1 ? ctl->words[1] : NULL;
    char secret[LJ_TOKEN_TEXT + 1], until[40], unit[16];
    uint8_t id[LJ_UUID_BYTES];
    int rc = lj_uuid_parse(ctl->words[0], strlen(ctl->words[0]), id, &err);
    if (rc == 0)
        rc = lj_token_make(secret, &err);
    if (rc == 0)
        rc = store_link(ctl, secret, ctl->words[0], person, until, unit, &err);
    if (rc == 0 && !person) /* that the host was asked belongs in the log */
        rc = send_as_operator(ctl, "host.asked", unit,
                              json_pack("{s:s}", "activity", ctl->words[0]), &o, &err);
    if (rc == 0)
        rc = lj_rows_open(ctl->out, ctl->format, cols, 3, NULL, &rows, &err);
    if (rc)
        return lj_ctl_error(&err, NULL);
    const char *values[] = {secret, person ? person : "host", until};
    lj_rows_add(rows, values);
    rc = lj_rows_close(&rows, &err);
    lj_say("this is the only time the token is shown; it is good for one answer");
    return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
}
