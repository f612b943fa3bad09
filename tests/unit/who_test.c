/* The source of an event: what is a person's, what is a machine's, and that both ways agree.
 *
 * lj-test: lj_common */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/who.h"

static void parsed(void **state)
{
    static const struct {
        const char *source, *account;
        enum lj_person role;
        const char *unit;
    } table[] = {
        {"zhang_li:UNIT_ADMIN@PS001", "zhang_li", LJ_PERSON_UNIT_ADMIN, "PS001"},
        {"a:OBSERVER@CN000", "a", LJ_PERSON_OBSERVER, "CN000"},
        {"first-unit", "first-unit", LJ_PERSON_NONE, ""},
        {"", "", LJ_PERSON_NONE, ""},
        {"seed:author", "seed:author", LJ_PERSON_NONE, ""},
        {"a:ROOT@PS001", "a:ROOT@PS001", LJ_PERSON_NONE, ""},
        {":UNIT_ADMIN@PS001", ":UNIT_ADMIN@PS001", LJ_PERSON_NONE, ""},
        {"a:UNIT_ADMIN@PS01", "a:UNIT_ADMIN@PS01", LJ_PERSON_NONE, ""},
        {"a:UNIT_ADMIN@ps001", "a:UNIT_ADMIN@ps001", LJ_PERSON_NONE, ""},
        {"a:UNIT_ADMIN@PS001 ", "a:UNIT_ADMIN@PS001 ", LJ_PERSON_NONE, ""},
        {"a:UNIT_ADMIN@PS001@PS002", "a:UNIT_ADMIN@PS001@PS002", LJ_PERSON_NONE, ""},
        {"a2345678901234567890123456789012x:UNIT_ADMIN@PS001",
         "a2345678901234567890123456789012x:UNIT_ADMIN@PS001", LJ_PERSON_NONE, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct lj_who who;
        lj_who_parse(table[i].source, strlen(table[i].source), &who);
        assert_string_equal(who.account, table[i].account);
        assert_int_equal(who.role, table[i].role);
        assert_string_equal(who.unit, table[i].unit);
    }
}

static void both_ways(void **state)
{
    static const char longest[] = "a2345678901234567890123456789012";
    (void)state;
    for (int role = LJ_PERSON_NONE; role < LJ_PERSONS; role++) {
        char text[LJ_WHO_TEXT + 1];
        struct lj_who who;
        size_t n = lj_who_format(longest, (enum lj_person)role, "PS001", text);
        assert_true(n <= LJ_WHO_TEXT);
        assert_int_equal(strlen(text), n);
        lj_who_parse(text, n, &who);
        assert_string_equal(who.account, longest);
        assert_int_equal(who.role, role);
        const char *name = lj_person_name((enum lj_person)role);
        assert_int_equal(lj_person_of(name, strlen(name)), role);
    }
    assert_int_equal(lj_person_of("unit_admin", 10), LJ_PERSON_NONE);
}

static void scopes_and_persons(void **state)
{
    struct lj_who a, b, nobody;
    (void)state;
    assert_true(lj_person_fits(LJ_PERSON_UNIT_ADMIN, false));
    assert_false(lj_person_fits(LJ_PERSON_UNIT_ADMIN, true));
    assert_false(lj_person_fits(LJ_PERSON_POLICY_ADMIN, false));
    assert_true(lj_person_fits(LJ_PERSON_OBSERVER, false));
    assert_true(lj_person_fits(LJ_PERSON_OBSERVER, true));
    lj_who_parse("a:UNIT_ADMIN@PS001", 18, &a);
    lj_who_parse("a:TEAM_FILLER@PS001", 19, &b);
    lj_who_parse("", 0, &nobody);
    assert_false(lj_who_differ(&a, &b)); /* one person in two roles is one person */
    lj_who_parse("b:UNIT_ADMIN@PS001", 18, &b);
    assert_true(lj_who_differ(&a, &b));
    assert_false(lj_who_differ(&a, &nobody));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parsed), cmocka_unit_test(both_ways),
                                       cmocka_unit_test(scopes_and_persons)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
