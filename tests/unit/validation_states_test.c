/* The activity's state table, written down a second time: of every operation in every state, under
 * a review and without one, the state that follows, or that it is refused.
 *
 * lj-test: lj_validation */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "workers/validation/filler.h"
#include "workers/validation/review.h"

enum { STATES = 11, OPS = 22 };

/* A letter for each state, in the order of the numbers: NONE, SUBMITTED, UNIT_REVIEW, RETURNED,
 * APPROVED, SAMPLED, CONFIRMED, CORRECTION_PENDING, WITHDRAWN, REVOKED, LAPSED. */
static const char letters[] = "-SURAMCPWVL";

/* clang-format off */
/* One row an operation: what each state becomes, '.' where it is refused. */
static const struct row {
    enum lj_op op;
    const char *reviewed, *plain;
} table[] = {
    /*                         -SURAMCPWVL    -SURAMCPWVL */
    {LJ_OP_REPORT,            "U..........", "A.........."},
    {LJ_OP_CORRECT,           "..UUPP.P...", "..AAAA.A..."},
    {LJ_OP_WITHDRAW,          ".WWWWW.W..W", ".WWWWW.W..W"},
    {LJ_OP_APPROVE,           "..A....A...", "..A....A..."},
    {LJ_OP_RETURN,            "..R..R.A...", "..R..R.A..."},
    {LJ_OP_SAMPLE,            "....M......", "....M......"},
    {LJ_OP_CONFIRM,           ".....C.....", ".....C....."},
    {LJ_OP_REVOKE,            "....VVVV...", "....VVVV..."},
    {LJ_OP_REOPEN,            "..........R", "..........R"},
    {LJ_OP_PERSON_CONFIRM,    "..URAMCP...", "..URAMCP..."},
    {LJ_OP_PERSON_DISPUTE,    "..URAMCP...", "..URAMCP..."},
    {LJ_OP_PERSON_KEEP,       "..URAMCP...", "..URAMCP..."},
    {LJ_OP_PERSON_DROP,       "..URAMCP...", "..URAMCP..."},
    {LJ_OP_HOST_ASK,          "..U.AM.P...", "..U.AM.P..."},
    {LJ_OP_HOST_CONFIRM,      "..U.AM.P...", "..U.AM.P..."},
    {LJ_OP_HOST_DISPUTE,      "..U.UU.U...", "..U.UU.U..."},
    {LJ_OP_DUP_SUSPECT,       "..U....P...", "..U....P..."},
    {LJ_OP_DUP_DOUBLE,        "..WWWWVW..W", "..WWWWVW..W"},
    {LJ_OP_DUP_JOINT,         "..URAMCP..L", "..URAMCP..L"},
    {LJ_OP_DUP_DIFFERENT,     "..URAMCP..L", "..URAMCP..L"},
    {LJ_OP_YEAR_ASK,          "..URAMCP..L", "..URAMCP..L"},
    {LJ_OP_YEAR_OPEN,         "..URAMCP..L", "..URAMCP..L"},
};
/* clang-format on */

static void every_move(void **state)
{
    (void)state;
    assert_int_equal(sizeof table / sizeof table[0], OPS);
    for (int i = 0; i < OPS; i++) {
        assert_int_equal(table[i].op, i + 1);
        for (int from = 0; from < STATES; from++)
            for (int reviewed = 0; reviewed < 2; reviewed++) {
                char want = (reviewed ? table[i].reviewed : table[i].plain)[from];
                int to = (int)lj_state_after((enum lj_activity_state)from, table[i].op, reviewed);
                char got = to == LJ_STATE_NONE ? '.' : letters[to];
                if (got != want)
                    fail_msg("operation %d in state %c, reviewed %d: %c and not %c", table[i].op,
                             letters[from], reviewed, got, want);
            }
    }
}

static void live_states(void **state)
{
    (void)state;
    for (int s = 0; s < STATES; s++)
        assert_int_equal(lj_state_live((enum lj_activity_state)s),
                         strchr("AMCP", letters[s]) != NULL);
}

/* What is final has no move but that a confirmed one can be revoked, and its persons be heard. */
static void final_states(void **state)
{
    (void)state;
    for (int op = 1; op <= OPS; op++) {
        assert_int_equal(lj_state_after(LJ_STATE_WITHDRAWN, (enum lj_op)op, 1), LJ_STATE_NONE);
        assert_int_equal(lj_state_after(LJ_STATE_REVOKED, (enum lj_op)op, 1), LJ_STATE_NONE);
        if (op == LJ_OP_REVOKE || op == LJ_OP_DUP_DOUBLE)
            assert_int_equal(lj_state_after(LJ_STATE_CONFIRMED, (enum lj_op)op, 1),
                             LJ_STATE_REVOKED);
        else if (op <= LJ_OP_REOPEN || lj_op_is_host((enum lj_op)op) || op == LJ_OP_DUP_SUSPECT)
            assert_int_equal(lj_state_after(LJ_STATE_CONFIRMED, (enum lj_op)op, 1), LJ_STATE_NONE);
    }
}

static void sides(void **state)
{
    static const struct {
        enum lj_op op;
        enum lj_side from;
        int to;
    } allowed[] = {
        {LJ_OP_PERSON_CONFIRM, LJ_SIDE_PENDING, LJ_SIDE_YES},
        {LJ_OP_PERSON_DISPUTE, LJ_SIDE_PENDING, LJ_SIDE_DISPUTED},
        {LJ_OP_PERSON_KEEP, LJ_SIDE_DISPUTED, LJ_SIDE_KEPT},
        {LJ_OP_PERSON_DROP, LJ_SIDE_DISPUTED, LJ_SIDE_DROPPED},
        {LJ_OP_HOST_ASK, LJ_SIDE_PENDING, LJ_SIDE_SENT},
        {LJ_OP_HOST_ASK, LJ_SIDE_EXPIRED, LJ_SIDE_SENT},
        {LJ_OP_HOST_ASK, LJ_SIDE_HOST_DISPUTED, LJ_SIDE_SENT},
        {LJ_OP_HOST_CONFIRM, LJ_SIDE_SENT, LJ_SIDE_HOST_CONFIRMED},
        {LJ_OP_HOST_DISPUTE, LJ_SIDE_SENT, LJ_SIDE_HOST_DISPUTED},
    };
    size_t n = 0;
    (void)state;
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        assert_int_equal(lj_side_after(allowed[i].from, allowed[i].op), allowed[i].to);
    for (int op = 1; op <= OPS; op++)
        for (int side = 0; side <= LJ_SIDE_EXPIRED; side++)
            n += lj_side_after((enum lj_side)side, (enum lj_op)op) >= 0;
    assert_int_equal(n, sizeof allowed / sizeof allowed[0]);
}

/* ---- the rules, on a case without a database ---- */

static struct lj_case c;

static void decision(enum lj_op op, enum lj_activity_state from)
{
    static const struct lj_event event = {.unit = 1, .unit_code = "PS001", .position = 9};
    memset(&c, 0, sizeof c);
    c.event = &event;
    c.op = op;
    c.has_activity = c.has_base = 1;
    c.base_version = 3;
    c.current = (struct lj_current){
        .known = 1, .unit = 1, .version = 4, .step = 7, .about = 3, .state = from, .on_roster = 1};
    lj_who_parse("filler:TEAM_FILLER@PS001", strlen("filler:TEAM_FILLER@PS001"),
                 &c.current.reporter);
    lj_who_parse("admin:UNIT_ADMIN@PS001", strlen("admin:UNIT_ADMIN@PS001"), &c.current.reviewer);
    lj_reasons_init(&c.found, "");
}

static const char *judged(void)
{
    lj_rule_review(&c);
    return c.found.count ? lj_clause_info(c.found.items[0].clause)->code : "";
}

static void rules(void **state)
{
    (void)state;
    decision(LJ_OP_APPROVE, LJ_STATE_UNIT_REVIEW);
    assert_string_equal(judged(), "");
    assert_string_equal(lj_case_quota_op(&c), "approve");
    decision(LJ_OP_APPROVE, LJ_STATE_UNIT_REVIEW);
    c.base_version = 4; /* not the version that the state is of */
    assert_string_equal(judged(), "V31");
    decision(LJ_OP_APPROVE, LJ_STATE_APPROVED);
    assert_string_equal(judged(), "V31");
    decision(LJ_OP_APPROVE, LJ_STATE_UNIT_REVIEW);
    c.current.unit = 2;
    assert_string_equal(judged(), "V31");
    decision(LJ_OP_APPROVE, LJ_STATE_UNIT_REVIEW);
    c.current.needs_note = 1;
    assert_string_equal(judged(), "R03");
    decision(LJ_OP_APPROVE, LJ_STATE_UNIT_REVIEW);
    c.current.needs_note = 1;
    c.note = "已核实";
    assert_string_equal(judged(), "");
    decision(LJ_OP_PERSON_DISPUTE, LJ_STATE_APPROVED);
    c.person = "p1";
    c.current.on_roster = 0;
    assert_string_equal(judged(), "R02");
    decision(LJ_OP_PERSON_DISPUTE, LJ_STATE_APPROVED);
    c.person = "p1";
    c.current.side = LJ_SIDE_YES;
    assert_string_equal(judged(), "V31");
    decision(LJ_OP_APPROVE, LJ_STATE_UNIT_REVIEW);
    c.current.suspect = 1;
    assert_string_equal(judged(), "R05");
}

/* A record of a closed year: two persons, one of each role. */
static void openings(void **state)
{
    static const struct {
        enum lj_op op;
        int closed;
        enum lj_side year;
        const char *asker, *reviewer, *code;
    } all[] = {
        {LJ_OP_YEAR_ASK, 1, LJ_SIDE_PENDING, "", "p:POLICY_ADMIN@CN000", ""},
        {LJ_OP_YEAR_ASK, 0, LJ_SIDE_PENDING, "", "p:POLICY_ADMIN@CN000", "R06"},
        {LJ_OP_YEAR_ASK, 1, LJ_SIDE_PENDING, "", "o:CENTRE_OPERATOR@CN000", "R07"},
        {LJ_OP_YEAR_ASK, 1, LJ_SIDE_PENDING, "", "machine", "R07"},
        {LJ_OP_YEAR_ASK, 1, LJ_SIDE_OPENED, "", "p:POLICY_ADMIN@CN000", "V31"},
        {LJ_OP_YEAR_OPEN, 1, LJ_SIDE_PENDING, "", "p:POLICY_ADMIN@CN000", "V31"},
        {LJ_OP_YEAR_OPEN, 1, LJ_SIDE_ASKED, "a:CENTRE_AUDITOR@CN000", "p:POLICY_ADMIN@CN000", ""},
        {LJ_OP_YEAR_OPEN, 1, LJ_SIDE_ASKED, "q:POLICY_ADMIN@CN000", "p:POLICY_ADMIN@CN000", "R07"},
        {LJ_OP_YEAR_OPEN, 1, LJ_SIDE_ASKED, "p:CENTRE_AUDITOR@CN000", "p:POLICY_ADMIN@CN000",
         "R07"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        decision(all[i].op, LJ_STATE_APPROVED);
        c.current.year = all[i].year;
        lj_who_parse(all[i].asker, strlen(all[i].asker), &c.current.asker);
        lj_who_parse(all[i].reviewer, strlen(all[i].reviewer), &c.current.reviewer);
        lj_rule_opening(&c, all[i].closed);
        assert_string_equal(c.found.count ? lj_clause_info(c.found.items[0].clause)->code : "",
                            all[i].code);
    }
}

/* A filler with teams: those of its unit's subtree alone are held against it. */
static void fillers(void **state)
{
    (void)state;
    decision(LJ_OP_REPORT, LJ_STATE_NONE);
    c.body.nteams = 3;
    c.body.teams[0] = (struct lj_team_fact){.number = 7, .in_subtree = 1};
    c.body.teams[1] = (struct lj_team_fact){.number = 8, .in_subtree = 0}; /* a partner's */
    c.body.teams[2] = (struct lj_team_fact){.number = 9, .in_subtree = 1};
    lj_rule_filler(&c);
    assert_int_equal(c.found.count, 0); /* without teams: all of its unit */
    c.own[0] = 7;
    c.nown = 1;
    lj_rule_filler(&c);
    assert_int_equal(c.found.count, 1);
    assert_string_equal(c.found.items[0].pointer, "/teams/2");
    assert_string_equal(lj_clause_info(c.found.items[0].clause)->code, "R08");
    decision(LJ_OP_WITHDRAW, LJ_STATE_APPROVED);
    c.own[0] = 7;
    c.nown = 1;
    lj_rule_filler(&c);
    assert_string_equal(c.found.items[0].pointer, "/activity"); /* another team's */
    decision(LJ_OP_WITHDRAW, LJ_STATE_APPROVED);
    c.own[0] = 7;
    c.nown = 1;
    c.owns_current = 1;
    lj_rule_filler(&c);
    assert_int_equal(c.found.count, 0);
}

/* What the Centre has in its sample the unit does not take out by returning it. */
static void sampled_is_the_centres(void **state)
{
    (void)state;
    decision(LJ_OP_RETURN, LJ_STATE_SAMPLED);
    assert_string_equal(judged(), "R04");
    decision(LJ_OP_RETURN, LJ_STATE_SAMPLED);
    lj_who_parse("auditor:CENTRE_AUDITOR@CN000", 28, &c.current.reviewer);
    assert_string_equal(judged(), "");
}

static void case_29_reviewer_is_submitter(void **state)
{
    static const enum lj_op of[] = {LJ_OP_APPROVE, LJ_OP_RETURN, LJ_OP_CONFIRM, LJ_OP_PERSON_KEEP,
                                    LJ_OP_PERSON_DROP};
    (void)state;
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        decision(of[i], of[i] == LJ_OP_CONFIRM ? LJ_STATE_SAMPLED : LJ_STATE_UNIT_REVIEW);
        c.person = lj_op_is_person(of[i]) ? "p1" : NULL;
        c.current.side = c.person ? LJ_SIDE_DISPUTED : LJ_SIDE_PENDING;
        lj_who_parse("filler:UNIT_ADMIN@PS001", strlen("filler:UNIT_ADMIN@PS001"),
                     &c.current.reviewer);
        assert_string_equal(judged(),
                            "R01"); /* another role of the same account is the same person */
    }
    decision(LJ_OP_APPROVE, LJ_STATE_UNIT_REVIEW);
    lj_who_parse("filler2", strlen("filler2"), &c.current.reviewer);
    assert_string_equal(judged(), "");
}

/* What holds no credit any more is taken away, whatever it held; a correction that is returned
 * makes the version before it count again. */
static void quota_hears(void **state)
{
    static const struct {
        enum lj_op op;
        enum lj_activity_state from;
        const char *quota;
        int64_t body;
        int32_t about;
    } all[] = {{LJ_OP_APPROVE, LJ_STATE_UNIT_REVIEW, "approve", 70, 3},
               {LJ_OP_RETURN, LJ_STATE_SAMPLED, "withdraw", 0, 3},
               {LJ_OP_RETURN, LJ_STATE_CORRECTION_PENDING, "approve", 60, 2},
               {LJ_OP_REVOKE, LJ_STATE_CONFIRMED, "withdraw", 0, 3},
               {LJ_OP_HOST_DISPUTE, LJ_STATE_APPROVED, "withdraw", 0, 3},
               {LJ_OP_SAMPLE, LJ_STATE_APPROVED, NULL, 0, 3},
               {LJ_OP_CONFIRM, LJ_STATE_SAMPLED, NULL, 0, 3},
               {LJ_OP_REOPEN, LJ_STATE_LAPSED, NULL, 0, 3},
               {LJ_OP_PERSON_CONFIRM, LJ_STATE_APPROVED, NULL, 0, 3},
               {LJ_OP_PERSON_DISPUTE, LJ_STATE_APPROVED, "dispute", 0, 3},
               {LJ_OP_PERSON_KEEP, LJ_STATE_APPROVED, "keep", 0, 3},
               {LJ_OP_PERSON_DROP, LJ_STATE_APPROVED, "drop", 0, 3},
               {LJ_OP_DUP_SUSPECT, LJ_STATE_UNIT_REVIEW, NULL, 0, 3},
               {LJ_OP_DUP_DOUBLE, LJ_STATE_APPROVED, "withdraw", 0, 3},
               {LJ_OP_DUP_JOINT, LJ_STATE_APPROVED, "joint", 0, 3},
               {LJ_OP_DUP_DIFFERENT, LJ_STATE_APPROVED, NULL, 0, 3},
               {LJ_OP_YEAR_OPEN, LJ_STATE_APPROVED, NULL, 0, 3},
               {LJ_OP_WITHDRAW, LJ_STATE_APPROVED, "withdraw", 0, 5},
               {LJ_OP_CORRECT, LJ_STATE_APPROVED, "correct", 0, 5}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        decision(all[i].op, all[i].from);
        c.current.body = 70;
        c.current.approved = 2;
        c.current.approved_body = 60;
        const char *got = lj_case_quota_op(&c);
        if (!all[i].quota)
            assert_null(got);
        else
            assert_string_equal(got, all[i].quota);
        assert_int_equal(lj_case_approves(&c), all[i].body);
        assert_int_equal(lj_case_about(&c), all[i].about);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_move),   cmocka_unit_test(live_states),
        cmocka_unit_test(final_states), cmocka_unit_test(sides),
        cmocka_unit_test(rules),        cmocka_unit_test(case_29_reviewer_is_submitter),
        cmocka_unit_test(quota_hears),  cmocka_unit_test(sampled_is_the_centres),
        cmocka_unit_test(openings),     cmocka_unit_test(fillers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
