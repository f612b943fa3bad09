/* The worker's tables of fields (workers/register/types.c) against proto/schemas: the same members,
 * the same ones required, the same words and limits, so that the two cannot drift apart; and the
 * seed policy against the worker's own check.
 *
 * lj-test: lj_kind_register lj_runner */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "workers/register/reg.h"

static json_t *load(const char *folder, const char *name)
{
    char path[600];
    json_error_t e;
    snprintf(path, sizeof(path), "%s/%s%s.json", getenv("LJ_SOURCE_DIR"), folder, name);
    json_t *ret = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (ret == NULL) {
        fail_msg("%s: %s", path, e.text);
    }
    return ret;
}

static bool listed(const json_t *array, const char *word)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (strcmp(json_string_value(json_array_get(array, i)), word) == 0) {
            return true;
        }
    }
    return false;
}

static void same_words(const json_t *words, const struct reg_field *f)
{
    size_t n = 0;
    for (const char *const *w = f->more; *w != NULL; w++, n++) {
        if (!listed(words, *w)) {
            fail_msg("%s: %s is not in the schema", f->name, *w);
        }
    }
    assert_int_equal(json_array_size(words), n);
}

static void same_fields(const json_t *schema, const struct reg_field *fields);

static void same_field(const json_t *s, const struct reg_field *f)
{
    switch (f->form) {
    case REG_F_WORD:
        same_words(json_object_get(s, "enum"), f);
        break;
    case REG_F_WORDS:
        same_words(json_object_get(json_object_get(s, "items"), "enum"), f);
        break;
    case REG_F_TEXT:
    case REG_F_NAME:
        assert_int_equal(reg_int(s, "minLength"), f->min);
        assert_int_equal(reg_int(s, "maxLength"), f->max);
        break;
    case REG_F_INT:
        assert_int_equal(reg_int(s, "minimum"), f->min);
        assert_int_equal(reg_int(s, "maximum"), f->max);
        break;
    case REG_F_RATIO:
    case REG_F_DEGREES:
        assert_int_equal(reg_int(s, "maximum"), f->max);
        break;
    case REG_F_UUIDS:
        assert_int_equal(reg_int(s, "minItems"), f->min);
        assert_int_equal(reg_int(s, "maxItems"), f->max);
        break;
    case REG_F_TEXTS:
    case REG_F_SYMBOLS:
    case REG_F_DATES:
    case REG_F_INTS:
    case REG_F_RATIOS:
        assert_int_equal(reg_int(s, "maxItems"), f->max);
        break;
    case REG_F_OBJECT:
        same_fields(s, f->more);
        break;
    default:
        break;
    }
}

static void same_fields(const json_t *schema, const struct reg_field *fields)
{
    const json_t *members = json_object_get(schema, "properties");
    size_t n = 0;
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
    for (const struct reg_field *f = fields; f->name != NULL; f++, n++) {
        const json_t *s = json_object_get(members, f->name);
        assert_non_null(s);
        assert_non_null(reg_text(s, "description"));
        assert_non_null(reg_text(s, "x-description-zh"));
        assert_int_equal(listed(json_object_get(schema, "required"), f->name), f->required);
        same_field(s, f);
    }
    assert_int_equal(json_object_size(members), n);
}

static void test_schemas(void **state)
{
    static const char *const types[] = {
        "unit.registered",        "unit.changed",        "unit.suspended",
        "team.registered",        "team.changed",        "team.disbanded",
        "person.registered",      "membership.started",  "membership.changed",
        "membership.ended",       "site.registered",     "policy.set",
        "exemption.approved",     "exemption.ended",     "unit.addressed",
        "unit.invited",           "unit.applied",        "unit.returned",
        "unit.activated",         "unit.resumed",        "unit.closed",
        "filing_window.opened",   "flag.explained",      "flag.decided",
        "duplicate.decided",      "account.invited",     "account.changed",
        "account.accepted",       "account.activated",   "account.locked",
        "account.unlocked",       "account.disabled",    "policy.proposed",
        "policy.rule_proposed",   "policy.approved",     "policy.withdrawn",
        "policy.rule_set",        "team.merged",         "team.paused",
        "team.resumed",           "person.changed",      "site.changed",
        "certificate.issued",     "opinion.item_linked", "activity.planned",
        "activity.plan_cancelled"};
    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        json_t *schema = load("proto/schemas/", types[i]);
        same_fields(schema, reg_type_find(types[i])->fields);
        json_decref(schema);
    }
    assert_null(reg_type_find("activity.submitted"));
}

static void test_seed_policy(void **state)
{
    json_t *event = load("db/seed/", "policy");
    const json_t *payload = json_object_get(event, "payload");
    (void)state;
    for (const struct reg_field *f = reg_type_find("policy.set")->fields; f->name != NULL; f++) {
        json_t *v = json_object_get(payload, f->name);
        json_t *new = NULL;
        assert_true(v != NULL || !f->required);
        assert_true(v == NULL || reg_form_ok(f, v, &new));
        json_decref(new);
    }
    json_decref(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_schemas),
                                       cmocka_unit_test(test_seed_policy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
