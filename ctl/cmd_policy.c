/* ljctl policy show|propose|approve|withdraw: quota policies, settings of rules, and what is
 * proposed.
 *
 * A change takes two persons. Here the operator is one of them under the name of --as; who he is
 * the machine's administrator answers for, as with everything that `ljctl` does. So the name goes
 * into the event's source, and the register refuses the same name twice. In the ordinary way two
 * accounts with the role POLICY_ADMIN send these events over HTTP. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "ctl/cmd.h"
#include "ctl/pg.h"
#include "ctl/register.h"

static int print(struct lj_ctl *ctl, PGconn *c, const struct lj_pg_list *list, struct lj_err *err)
{
    return lj_pg_print(ctl, c, list, NULL, err);
}

static int show_policies(struct lj_ctl *ctl, PGconn *c, struct lj_err *err)
{
    static const struct lj_col cols[] = {
        {"scope", "范围", LJ_COL_TEXT},          {"of", "对象", LJ_COL_TEXT},
        {"version", "版本", LJ_COL_INT},         {"valid_from", "自", LJ_COL_TEXT},
        {"valid_to", "至", LJ_COL_TEXT},         {"sessions", "队场次", LJ_COL_INT},
        {"minutes", "运动员分钟", LJ_COL_INT},   {"source", "依据", LJ_COL_TEXT},
        {"confidence", "确信程度", LJ_COL_TEXT}, {"author", "制定", LJ_COL_TEXT},
        {"approver", "批准", LJ_COL_TEXT},       {"review", "审核", LJ_COL_TEXT}};
    return print(ctl, c,
                 &(struct lj_pg_list){"select scope, of, version, valid_from, valid_to, "
                                      "team_min_sessions, athlete_min_minutes, source, confidence, "
                                      "author, approver, review from liangjin.list_policies()",
                                      NULL, 0, cols, sizeof cols / sizeof cols[0]},
                 err);
}

static int show_rules(struct lj_ctl *ctl, PGconn *c, struct lj_err *err)
{
    static const struct lj_col cols[] = {
        {"rule", "规则", LJ_COL_TEXT},   {"name", "参数", LJ_COL_TEXT},
        {"value", "取值", LJ_COL_TEXT},  {"valid_from", "自", LJ_COL_TEXT},
        {"valid_to", "至", LJ_COL_TEXT}, {"position", "位置", LJ_COL_INT}};
    return print(
        ctl, c,
        &(struct lj_pg_list){"select rule, name, value, valid_from, valid_to, \"position\" "
                             "from liangjin.list_rule_settings()",
                             NULL, 0, cols, sizeof cols / sizeof cols[0]},
        err);
}

static int show_proposals(struct lj_ctl *ctl, PGconn *c, struct lj_err *err)
{
    static const struct lj_col cols[] = {
        {"code", "提议", LJ_COL_TEXT},       {"kind", "类别", LJ_COL_TEXT},
        {"state", "状态", LJ_COL_TEXT},      {"author", "提议人", LJ_COL_TEXT},
        {"approver", "批准人", LJ_COL_TEXT}, {"body", "内容", LJ_COL_TEXT}};
    return print(ctl, c,
                 &(struct lj_pg_list){"select code, kind, state, author, approver, body from "
                                      "liangjin.list_proposals()",
                                      NULL, 0, cols, sizeof cols / sizeof cols[0]},
                 err);
}

int lj_cmd_policy_show(struct lj_ctl *ctl)
{
    static const struct {
        const char *word;
        int (*run)(struct lj_ctl *ctl, PGconn *c, struct lj_err *err);
    } parts[] = {{"quota", show_policies}, {"rules", show_rules}, {"proposals", show_proposals}};
    const char *what = ctl->nwords ? ctl->words[0] : "quota";
    struct lj_err err = {0};
    PGconn *c = NULL;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].word, what) == 0) {
            int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
            if (rc == 0)
                rc = parts[i].run(ctl, c, &err);
            PQfinish(c);
            return rc ? lj_ctl_error(&err, NULL) : LJ_EXIT_OK;
        }
    }
    lj_say("usage: ljctl policy show [quota | rules | proposals]");
    return LJ_EXIT_USAGE;
}

/* Takes over payload. */
static int send_one(struct lj_ctl *ctl, const char *type, json_t *payload, const char *done)
{
    struct lj_err err = {0};
    PGconn *c = NULL;
    int rc = lj_pg_connect(ctl, "liangjin_control", &c, &err);
    if (rc == 0) {
        const struct lj_register_event e = {type, "CN000", payload};
        rc = lj_register_send_as(ctl, c, ctl->o.as, &e, 1, &err);
    } else {
        json_decref(payload);
    }
    PQfinish(c);
    if (rc)
        return lj_ctl_error(&err, NULL);
    lj_say("%s", done);
    return LJ_EXIT_OK;
}

static int needs_name(const struct lj_ctl *ctl)
{
    if (!ctl->o.as)
        lj_say("%s needs --as: the name of the person who does it; the second one's is another",
               ctl->command->name);
    return ctl->o.as == NULL;
}

/* FILE holds the payload of policy.proposed or policy.rule_proposed without its code. */
int lj_cmd_policy_propose(struct lj_ctl *ctl)
{
    json_error_t why;
    if (needs_name(ctl))
        return LJ_EXIT_USAGE;
    json_t *payload = json_load_file(ctl->words[1], JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(payload)) {
        json_decref(payload);
        lj_say("%s is no JSON object: %s", ctl->words[1], why.text);
        return LJ_EXIT_USAGE;
    }
    int rule = json_object_get(payload, "rule") != NULL;
    (void)json_object_set_new(payload, "code", json_string(ctl->words[0]));
    return send_one(ctl, rule ? "policy.rule_proposed" : "policy.proposed", payload,
                    "proposed; another person approves it: ljctl policy approve");
}

int lj_cmd_policy_approve(struct lj_ctl *ctl)
{
    return needs_name(ctl)
               ? LJ_EXIT_USAGE
               : send_one(ctl, "policy.approved", json_pack("{s:s}", "code", ctl->words[0]),
                          "approved: it is in force");
}

int lj_cmd_policy_withdraw(struct lj_ctl *ctl)
{
    return needs_name(ctl) ? LJ_EXIT_USAGE
                           : send_one(ctl, "policy.withdrawn",
                                      json_pack("{s:s}", "code", ctl->words[0]), "withdrawn");
}
