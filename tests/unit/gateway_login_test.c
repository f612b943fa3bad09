/* Logins and attempts: what ends a login, what is counted, what is forgotten.
 *
 * lj-test: lj_gateway_core lj_client lj_proto lj_common
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/who.h"
#include "gateway/attempts.h"
#include "gateway/logins.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define IDLE   (30 * MINUTE)
#define END    (720 * MINUTE)

static struct lj_login *begin(struct lj_logins *l, const char *account, const char *role,
                              int64_t now_us, char secret[LJ_LOGIN_SECRET + 1])
{
    struct lj_account a = {.login = account, .role = role, .unit = 7, .version = 3};
    struct lj_login *x = NULL;
    struct lj_err err = {0};
    assert_int_equal(lj_logins_begin(l, &a, now_us, now_us, secret, &x, &err), 0);
    return x;
}

static struct lj_login *find(struct lj_logins *l, const char *secret, int64_t now_us)
{
    return lj_logins_find(l, secret, strlen(secret), now_us);
}

static void one_login(void **state)
{
    struct lj_logins *l = lj_logins_new(IDLE, END);
    char secret[LJ_LOGIN_SECRET + 1], other[LJ_LOGIN_SECRET + 1];
    (void)state;
    struct lj_login *x = begin(l, "somebody", "unit_admin", SECOND, secret);
    assert_int_equal(strlen(secret), LJ_LOGIN_SECRET);
    assert_ptr_equal(find(l, secret, SECOND), x);
    assert_int_equal(x->token.unit, 7);
    assert_int_equal(x->token.role, LJ_TOKEN_UNIT_ADMIN);
    struct lj_login *person = begin(l, "zhang_li", "UNIT_ADMIN,POLICY_ADMIN", SECOND, other);
    assert_int_equal(person->token.role, LJ_TOKEN_PERSON);
    assert_int_equal(person->token.persons,
                     LJ_PERSON_BIT(LJ_PERSON_UNIT_ADMIN) | LJ_PERSON_BIT(LJ_PERSON_POLICY_ADMIN));
    assert_string_equal(person->role, "UNIT_ADMIN,POLICY_ADMIN");
    assert_int_equal(begin(l, "watcher", "OBSERVER", SECOND, other)->token.role, LJ_TOKEN_OBSERVER);
    assert_null(memmem(x, sizeof *x, secret, LJ_LOGIN_SECRET)); /* its hash only */
    memcpy(other, secret, sizeof other);
    other[0] = other[0] == 'A' ? 'B' : 'A';
    assert_null(find(l, other, SECOND));
    assert_null(lj_logins_find(l, secret, LJ_LOGIN_SECRET - 1, SECOND));
    begin(l, "somebody", "unit_admin", SECOND, other);
    assert_string_not_equal(secret, other);
    lj_logins_free(&l);
}

static void ends_by_time(void **state)
{
    struct lj_logins *l = lj_logins_new(IDLE, END);
    char secret[LJ_LOGIN_SECRET + 1];
    (void)state;
    begin(l, "somebody", "observer", SECOND, secret);
    assert_non_null(find(l, secret, SECOND + IDLE - 1));
    assert_null(find(l, secret, SECOND + IDLE)); /* looking it up is no sign of a person */
    struct lj_login *busy = begin(l, "somebody", "observer", SECOND, secret);
    for (int64_t t = SECOND; t < SECOND + END; t += MINUTE) {
        assert_ptr_equal(find(l, secret, t), busy);
        busy->active_us = t;
    }
    assert_null(find(l, secret, SECOND + END)); /* whatever happens */
    lj_logins_sweep(l, SECOND + END);
    assert_int_equal(lj_logins_count(l), 0);
    lj_logins_free(&l);
}

static void stays_while_pointed_at(void **state)
{
    struct lj_logins *l = lj_logins_new(IDLE, END);
    char secret[LJ_LOGIN_SECRET + 1];
    (void)state;
    struct lj_login *x = begin(l, "somebody", "observer", SECOND, secret);
    lj_logins_hold(x);
    lj_logins_end(x);
    assert_null(find(l, secret, SECOND));
    lj_logins_sweep(l, SECOND);
    assert_true(x->token.revoked); /* a stream that points to it sees the end */
    assert_int_equal(lj_logins_count(l), 0);
    lj_logins_release(x);
    lj_logins_sweep(l, SECOND);
    lj_logins_free(&l);
}

static void accounts_decide(void **state)
{
    struct lj_logins *l = lj_logins_new(IDLE, END);
    char same[LJ_LOGIN_SECRET + 1], changed[LJ_LOGIN_SECRET + 1], gone[LJ_LOGIN_SECRET + 1];
    (void)state;
    begin(l, "same", "observer", SECOND, same);
    begin(l, "changed", "observer", SECOND, changed);
    begin(l, "gone", "observer", SECOND, gone);
    for (int round = 0; round < 2; round++) {
        lj_logins_confirm(l, "same", 3);
        lj_logins_confirm(l, "changed", 4);
        lj_logins_confirmed(l);
    }
    assert_non_null(find(l, same, SECOND));
    assert_null(find(l, changed, SECOND));
    assert_null(find(l, gone, SECOND));
    lj_logins_free(&l);
}

static void bounded(void **state)
{
    struct lj_logins *l = lj_logins_new(IDLE, END);
    struct lj_account strange = {.login = "somebody", .role = "root", .unit = 0};
    char first[LJ_LOGIN_SECRET + 1], secret[LJ_LOGIN_SECRET + 1];
    struct lj_login *x = NULL;
    struct lj_err err = {0};
    (void)state;
    begin(l, "somebody", "observer", SECOND, first);
    for (int i = 2; i <= 16; i++) {
        begin(l, "somebody", "observer", i * SECOND, secret);
    }
    assert_non_null(find(l, first, 20 * SECOND));
    begin(l, "somebody", "observer", 20 * SECOND, secret);
    assert_null(find(l, first, 20 * SECOND)); /* the oldest had to go */
    assert_int_equal(lj_logins_count(l), 16);
    assert_int_equal(lj_logins_begin(l, &strange, SECOND, SECOND, secret, &x, &err), LJ_E_ARG);
    for (int i = 0; i < 2048 - 16; i++) {
        char name[32];
        snprintf(name, sizeof name, "account_%d", i);
        begin(l, name, "observer", 20 * SECOND, secret);
    }
    strange = (struct lj_account){.login = "one_more", .role = "observer"};
    assert_int_equal(lj_logins_begin(l, &strange, 20 * SECOND, SECOND, secret, &x, &err),
                     LJ_E_BUSY);
    lj_logins_free(&l);
}

static void any_window(void **state)
{
    struct lj_attempts *a = lj_attempts_new(8, 5, 15 * MINUTE);
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(lj_attempts_add(a, "x", (1 + i) * MINUTE), 0);
    }
    assert_int_equal(lj_attempts_add(a, "x", 6 * MINUTE), 10 * 60);
    assert_int_equal(lj_attempts_add(a, "y", 6 * MINUTE), 0); /* another's business */
    assert_int_equal(lj_attempts_add(a, "x", 16 * MINUTE - 1), 1);
    assert_int_equal(lj_attempts_add(a, "x", 16 * MINUTE), 0); /* the first has left the window */
    assert_int_equal(lj_attempts_add(a, "x", 16 * MINUTE), 60);
    lj_attempts_undo(a, "x");
    assert_int_equal(lj_attempts_add(a, "x", 16 * MINUTE), 0);
    lj_attempts_clear(a, "x");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(lj_attempts_add(a, "x", 17 * MINUTE), 0);
    }
    assert_int_equal(lj_attempts_add(a, "x", 17 * MINUTE), 15 * 60);
    lj_attempts_undo(a, "never seen");
    lj_attempts_free(&a);
}

static void forgets_the_quietest(void **state)
{
    struct lj_attempts *a = lj_attempts_new(2, 1, 15 * MINUTE);
    (void)state;
    assert_int_equal(lj_attempts_add(a, "old", MINUTE), 0);
    assert_int_equal(lj_attempts_add(a, "new", 2 * MINUTE), 0);
    assert_int_equal(lj_attempts_add(a, "third", 3 * MINUTE), 0);
    assert_int_not_equal(lj_attempts_add(a, "new", 3 * MINUTE), 0);
    assert_int_equal(lj_attempts_add(a, "old", 3 * MINUTE), 0);
    lj_attempts_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_login),
        cmocka_unit_test(ends_by_time),
        cmocka_unit_test(accounts_decide),
        cmocka_unit_test(stays_while_pointed_at),
        cmocka_unit_test(bounded),
        cmocka_unit_test(any_window),
        cmocka_unit_test(forgets_the_quietest),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
