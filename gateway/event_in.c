/* Judging an event's envelope.
 *
 * The strict JSON reader finds the seven members in one pass over the text and refuses what is
 * malformed; each member then has a function in a table, which checks its type and form and puts it
 * into the record that goes to the broker. The payload is passed on as it was sent: what it must
 * contain is validation's business. A member that is null is there and wrong, not missing. */
#include "gateway/event_in.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/timefmt.h"

enum member { M_ID, M_TYPE, M_UNIT, M_KEY, M_OCCURRED_AT, M_SCHEMA_VERSION, M_PAYLOAD, MEMBERS };

static const struct lj_json_name names[MEMBERS] = {
    [M_ID] = LJ_JSON_NAME("id"),
    [M_TYPE] = LJ_JSON_NAME("type"),
    [M_UNIT] = LJ_JSON_NAME("unit"),
    [M_KEY] = LJ_JSON_NAME("key"),
    [M_OCCURRED_AT] = LJ_JSON_NAME("occurred_at"),
    [M_SCHEMA_VERSION] = LJ_JSON_NAME("schema_version"),
    [M_PAYLOAD] = LJ_JSON_NAME("payload"),
};

struct state {
    const struct lj_event_judge *j;
    const char *text;
    const struct lj_json_value *value; /* of the member at hand */
    struct lj_event_in *ret;
    struct lj_problem *problem;
    char word[80]; /* the decoded string at hand */
    size_t word_len;
    const struct lj_event_type *type;
};

static int wrong(struct state *s, const char *pointer, const char *en, const char *zh)
{
    return lj_problem_set(s->problem, LJ_E_MEMBER_INVALID, pointer, en, zh);
}

/* Decode the string at hand; false when it is no string or too long for any valid value. */
static bool word(struct state *s)
{
    return s->value->type == LJ_JSON_TEXT &&
           lj_json_text(s->text + s->value->off, s->value->len, s->word, sizeof s->word,
                        &s->word_len) == 0;
}

static int read_id(struct state *s)
{
    if (!word(s) || lj_uuid_parse(s->word, s->word_len, s->ret->event.id, NULL) != 0) {
        return wrong(s, "/id", "id must be a UUID in its 36-character form",
                     "id 必须是 36 个字符的 UUID");
    }
    int version = lj_uuid_version(s->ret->event.id);
    if (version < 1 || version > 7) {
        return lj_problem_set(s->problem, LJ_E_ID_VERSION, "/id", NULL, NULL);
    }
    return 0;
}

static int read_type(struct state *s)
{
    if (s->value->type != LJ_JSON_TEXT) {
        return wrong(s, "/type", "type must be a string", "type 必须是字符串");
    }
    s->type = word(s) ? lj_directory_type(s->j->directory, s->word, s->word_len) : NULL;
    return 0; /* unknown ones are refused after the form of everything else is right */
}

static int read_unit(struct state *s)
{
    if (s->value->type != LJ_JSON_TEXT) {
        return wrong(s, "/unit", "unit must be a string", "unit 必须是字符串");
    }
    s->ret->unit =
        word(s) ? lj_directory_unit(s->j->directory, s->word, s->word_len) : LJ_UNIT_NONE;
    return 0;
}

static int read_key(struct state *s)
{
    struct lj_slice *key = &s->ret->event.key;
    key->p = s->ret->key;
    if (s->value->type != LJ_JSON_TEXT ||
        lj_json_text(s->text + s->value->off, s->value->len, s->ret->key, sizeof s->ret->key,
                     &key->n) != 0 ||
        key->n == 0) {
        return wrong(s, "/key", "key must be a string of 1 to 200 bytes",
                     "key 必须是 1 至 200 字节的字符串");
    }
    return 0;
}

static int read_occurred_at(struct state *s)
{
    struct lj_err err = {0};
    if (!word(s)) {
        return wrong(s, "/occurred_at", "occurred_at must be an RFC 3339 timestamp",
                     "occurred_at 必须是 RFC 3339 时间");
    }
    if (lj_time_parse(s->word, s->word_len, &s->ret->event.occurred_at_us, &err) != 0) {
        return wrong(s, "/occurred_at", err.text, "occurred_at 必须是 RFC 3339 时间");
    }
    return 0;
}

static int read_schema_version(struct state *s)
{
    int64_t v = 0;
    if (s->value->type != LJ_JSON_INTEGER ||
        lj_json_int64(s->text + s->value->off, s->value->len, &v) != 0 || v < 1 || v > INT16_MAX) {
        return wrong(s, "/schema_version", "schema_version must be an integer from 1 to 32767",
                     "schema_version 必须是 1 至 32767 的整数");
    }
    s->ret->event.schema_version = (uint16_t)v;
    return 0;
}

static int read_payload(struct state *s)
{
    if (s->value->type != LJ_JSON_OBJECT) {
        return wrong(s, "/payload", "payload must be an object", "payload 必须是对象");
    }
    s->ret->event.payload = (struct lj_slice){s->text + s->value->off, s->value->len};
    return 0;
}

static const struct {
    int (*read)(struct state *s);
    bool needed;
    const char *pointer;
} members[MEMBERS] = {
    [M_ID] = {read_id, false, "/id"},
    [M_TYPE] = {read_type, true, "/type"},
    [M_UNIT] = {read_unit, true, "/unit"},
    [M_KEY] = {read_key, false, "/key"},
    [M_OCCURRED_AT] = {read_occurred_at, false, "/occurred_at"},
    [M_SCHEMA_VERSION] = {read_schema_version, false, "/schema_version"},
    [M_PAYLOAD] = {read_payload, true, "/payload"},
};

static int read_members(struct state *s, const struct lj_json_value *values)
{
    for (int i = 0; i < MEMBERS; i++) {
        if (values[i].type == LJ_JSON_ABSENT) {
            if (members[i].needed) {
                return lj_problem_set(s->problem, LJ_E_MEMBER_MISSING, members[i].pointer, NULL,
                                      NULL);
            }
            continue;
        }
        s->value = &values[i];
        int rc = members[i].read(s);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* A person sends what one of its roles may (proto/event_roles.tsv); a machine of a client what
 * clients may send, one of the Centre that and its own. Workers' and operators' types come over no
 * gateway. */
static bool may_send(const struct lj_token *t, const struct lj_event_type *type)
{
    if (t->persons) {
        return (t->persons & type->roles) &&
               (type->origin == LJ_ORIGIN_CLIENT || type->origin == LJ_ORIGIN_CENTRE);
    }
    return (type->origin == LJ_ORIGIN_CLIENT && (t->role & (LJ_TOKEN_CLIENT | LJ_TOKEN_CENTRE))) ||
           (type->origin == LJ_ORIGIN_CENTRE && (t->role & LJ_TOKEN_CENTRE));
}

/* The role in which an account with several sends a type: the first that may. */
static enum lj_person role_for(const struct lj_token *t, const struct lj_event_type *type)
{
    uint32_t may = t->persons & type->roles;
    return may ? (enum lj_person)__builtin_ctz(may) : LJ_PERSON_NONE;
}

static int judge_rights(struct state *s)
{
    const struct lj_event_judge *j = s->j;
    if (!s->type) {
        return lj_problem_set(s->problem, LJ_E_TYPE_UNKNOWN, "/type", NULL, NULL);
    }
    if (!may_send(j->token, s->type)) {
        return lj_problem_set(s->problem, LJ_E_FORBIDDEN_TYPE, "/type", NULL, NULL);
    }
    if (s->ret->unit == LJ_UNIT_NONE) {
        return lj_problem_set(s->problem, LJ_E_UNIT_UNKNOWN, "/unit", NULL, NULL);
    }
    if (!lj_directory_within(j->directory, s->ret->unit, j->token->unit)) {
        return lj_problem_set(s->problem, LJ_E_FORBIDDEN_UNIT, "/unit", NULL, NULL);
    }
    return 0;
}

/* What was not sent: the id is made, the rest is the type's. Type and unit point to the text where
 * they stand there unescaped. */
static int complete(struct state *s, const struct lj_json_value *values)
{
    struct lj_submit_event *e = &s->ret->event;
    const struct lj_token *t = s->j->token;
    assert(s->type); /* judged before */
    if (values[M_ID].type == LJ_JSON_ABSENT &&
        lj_uuid_v7(s->j->uuids, s->j->now_us, e->id, NULL) != 0) {
        return lj_problem_set(s->problem, LJ_E_INTERNAL, "", "no id could be made", "无法生成 id");
    }
    if (values[M_SCHEMA_VERSION].type == LJ_JSON_ABSENT) {
        e->schema_version = s->type->schema_version;
    }
    e->type = (struct lj_slice){s->type->name, strlen(s->type->name)};
    e->unit = (struct lj_slice){lj_directory_code(s->j->directory, s->ret->unit), LJ_UNIT_CODE_LEN};
    e->origin = s->type->origin;
    e->class = t->class == 1 ? LJ_CLASS_DEFAULT : t->class;
    e->source.p = s->ret->source;
    e->source.n = lj_who_format(t->name, role_for(t, s->type),
                                lj_directory_code(s->j->directory, t->unit), s->ret->source);
    return 0;
}

int lj_event_in_read(const struct lj_event_judge *j, const char *text, size_t len,
                     struct lj_event_in *ret, struct lj_problem *problem)
{
    struct lj_json_request req = {.names = names, .n_names = MEMBERS};
    struct lj_json_value values[MEMBERS];
    struct lj_json_result result;
    struct lj_json_error json;
    struct state s = {.j = j, .text = text, .ret = ret, .problem = problem};
    if (lj_json_scan(&req, text, len, j->scratch, values, &result, &json) != 0) {
        return lj_problem_json(problem, &json);
    }
    if (result.has_unknown) {
        return lj_problem_json(problem, &result.unknown);
    }
    ret->event = (struct lj_submit_event){.occurred_at_us = LJ_TIME_NONE};
    ret->unit = LJ_UNIT_NONE;
    int rc = read_members(&s, values);
    if (rc == 0) {
        rc = judge_rights(&s);
    }
    return rc == 0 ? complete(&s, values) : rc;
}
