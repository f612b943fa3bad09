/* The rule tables and the automaton: equal to a naive search, errors that name file and line, every
 * term reachable.
 *
 * lj-test: lj_opinion
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/err.h"
#include "workers/opinion/ac.h"
#include "workers/opinion/opinion.h"
#include "workers/opinion/rules.h"
#include "workers/opinion/tsv.h"

enum { PATTERNS = 40, TEXT = 400, FOUND = PATTERNS * TEXT };

struct seen {
    unsigned count[PATTERNS];
    uint64_t ends[PATTERNS]; /* sum of squares of the ends: cheap fingerprint of the places */
};

static void note_match(struct seen *s, uint32_t end, uint16_t id)
{
    s->count[id]++;
    s->ends[id] += (uint64_t)end * end;
}

static uint32_t next_random(uint32_t *x)
{
    *x = *x * 1664525U + 1013904223U;
    return *x >> 16;
}

static void the_automaton_finds_what_a_naive_search_finds(void **state)
{
    (void)state;
    static struct lj_ac_match found[FOUND];
    static uint16_t places[TEXT + 1];
    uint32_t seed = 7;
    for (int round = 0; round < 50; round++) {
        uint16_t sym[PATTERNS][6];
        uint16_t text[TEXT + 2] = {0};
        struct lj_ac_pattern p[PATTERNS];
        struct seen fast = {0};
        struct seen slow = {0};
        struct lj_ac *ac = NULL;
        for (size_t i = 0; i < PATTERNS; i++) {
            uint16_t len = (uint16_t)(1 + next_random(&seed) % 6);
            p[i] = (struct lj_ac_pattern){sym[i], len, (uint16_t)i};
            for (size_t k = 0; k < 6; k++)
                sym[i][k] = (uint16_t)(0x4E00 + next_random(&seed) % 3);
        }
        for (size_t i = 0; i < TEXT; i++)
            text[i] = (uint16_t)(0x4E00 + next_random(&seed) % 4);
        const uint16_t mark = 0x4E03; /* in no pattern */
        struct lj_ac_found f = {found, FOUND, places, 0};
        assert_int_equal(lj_ac_build(p, PATTERNS, &mark, 1, &ac, NULL), 0);
        uint32_t n = lj_ac_run(ac, text, TEXT, &f);
        uint32_t marks = 0;
        for (uint16_t i = 0; i < TEXT; i++) {
            if (text[i] == mark)
                assert_int_equal(places[marks++], i);
        }
        assert_int_equal(f.marks, marks);
        assert_true(n > 0 && n <= FOUND);
        for (uint32_t i = 0; i < n; i++) {
            note_match(&fast, found[i].start + found[i].len, found[i].id);
            assert_true(i == 0 || found[i].start > found[i - 1].start ||
                        (found[i].start == found[i - 1].start && found[i].len >= found[i - 1].len));
        }
        f.cap = 3; /* counted, not written */
        assert_int_equal(lj_ac_run(ac, text, TEXT, &f), n);
        lj_ac_free(&ac);
        assert_null(ac);
        for (size_t i = 0; i < PATTERNS; i++) {
            for (uint32_t at = 0; at + p[i].len <= TEXT; at++) {
                if (memcmp(text + at, sym[i], p[i].len * sizeof text[0]) == 0)
                    note_match(&slow, at + p[i].len, (uint16_t)i);
            }
        }
        assert_memory_equal(&fast, &slow, sizeof fast);
    }
}

static void an_empty_pattern_is_refused(void **state)
{
    (void)state;
    const uint16_t text[3] = {0x4E00};
    uint16_t place[2];
    struct lj_ac_found none = {.marked = place};
    struct lj_ac_pattern p = {text, 0, 0};
    struct lj_ac *ac = NULL;
    struct lj_err err = {0};
    assert_int_equal(lj_ac_build(&p, 1, NULL, 0, &ac, &err), LJ_E_CONFIG);
    assert_null(ac);
    assert_int_equal(lj_ac_build(NULL, 0, NULL, 0, &ac, &err), 0);
    assert_int_equal(lj_ac_run(ac, text, 1, &none), 0);
    lj_ac_free(&ac);
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void drop_dir(const char *dir)
{
    static const char *const names[] = {"terms.tsv",  "words.tsv",          "masks.tsv",
                                        "pairs.tsv",  "sentence_rules.tsv", "severity.tsv",
                                        "routing.tsv"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

#define ROUTES                                                                                     \
    "0\tnone\t0\tshow\t20\n1\tdigest\t1440\tshow\t0\n2\treview\t1440\tshow\t0\n3\tpage\t5\thide\t" \
    "0\n"

struct tables {
    const char *terms, *words, *masks, *pairs, *rules, *severity, *routing;
};

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* Opens an engine over tables, absent ones empty; fills err and returns the code. */
static int open_tables(struct tables t, struct lj_opinion **ret, struct lj_err *err)
{
    char dir[] = "/tmp/opinion_rules_XXXXXX";
    assert_non_null(mkdtemp(dir));
    put_file(dir, "terms.tsv", or_empty(t.terms));
    put_file(dir, "words.tsv", or_empty(t.words));
    put_file(dir, "masks.tsv", or_empty(t.masks));
    put_file(dir, "pairs.tsv", or_empty(t.pairs));
    put_file(dir, "sentence_rules.tsv", or_empty(t.rules));
    put_file(dir, "severity.tsv", or_empty(t.severity));
    put_file(dir, "routing.tsv", t.routing ? t.routing : ROUTES);
    int rc = lj_opinion_open_rules(dir, ret, err);
    drop_dir(dir);
    return rc;
}

static void a_bad_row_names_its_file_and_line(void **state)
{
    (void)state;
#define WORD "没\tNEG\n"
    static const struct {
        struct tables t;
        const char *where;
    } cases[] = {
        {{.terms = "# c\n收费\tfee\tFEES\t2\tplain\tn\n收\tfees\tFEES\t2\tplain\tn\n"},
         "terms.tsv:3"},
        {{.terms = "收费\tfee\tFEE\t2\tplain\tn\n"}, "terms.tsv:1"},
        {{.terms = "收费\tfee\tFEES\t4\tplain\tn\n"}, "terms.tsv:1"},
        {{.terms = "收费\tfee\tFEES\t2\tbold\tn\n"}, "terms.tsv:1"},
        {{.terms = "收费\tfee\n"}, "terms.tsv:1"},
        {{.terms = "收，费\tfee\tFEES\t2\tplain\tn\n"}, "terms.tsv:1"},
        {{.words = "没有\n"}, "words.tsv:1"},
        {{.words = "没有\tNEG,\n"}, "words.tsv:1"},
        {{.masks = "没有\n"}, "masks.tsv:1"},
        {{.words = WORD, .pairs = "名\tfee\tFEES\t2\tplain\tNEG\tNOSUCH\t3\tclause\t-\tn\n"},
         "pairs.tsv:1"},
        {{.words = WORD, .pairs = "名\tfee\tFEES\t2\tplain\tNEG\tNEG\t3\tclause\tNOSUCH\tn\n"},
         "pairs.tsv:1"},
        {{.words = WORD, .pairs = "名\tfee\tFEES\t2\tplain\tNEG\tNEG\t3\tpage\t-\tn\n"},
         "pairs.tsv:1"},
        {{.words = WORD, .pairs = "名\tfee\tFEES\t2\tplain\tNEG\tNEG\t99\tclause\t-\tn\n"},
         "pairs.tsv:1"},
        {{.rules = "名\tfee\tFEES\t2\tplain\tNEG\tclause\t9\t-\tn\n"}, "sentence_rules.tsv:1"},
        {{.rules = "名\tfee\tFEES\t2\tplain\tNEG,NOSUCH\tclause\t9\t-\tn\n"},
         "sentence_rules.tsv:1"},
        {{.rules = "名\tfee\tFEES\t2\tplain\tNEG,POS\tpage\t9\t-\tn\n"}, "sentence_rules.tsv:1"},
        {{.rules = "名\tfee\tFEES\t2\tplain\tNEG,POS\tclause>\t999\t-\tn\n"},
         "sentence_rules.tsv:1"},
        {{.rules = "名\tfee\tFEES\t2\tplain\tNEG,POS,BAD,NUM,MONEY\tclause\t9\t-\tn\n"},
         "sentence_rules.tsv:1"},
        {{.severity = "*\tnosuch\tcap\t1\tn\n"}, "severity.tsv:1"},
        {{.severity = "*\thearsay\tdouble\t1\tn\n"}, "severity.tsv:1"},
        {{.severity = "fees\thearsay\tcap\t1\tn\n"}, "severity.tsv:1"},
        {{.severity = "fee\thearsay\tcap\t4\tn\n"}, "severity.tsv:1"},
        {{.routing = "0\tnone\t0\tshow\t20\n"}, "routing.tsv"},
        {{.routing = ROUTES "3\tpage\t5\thide\t0\n"}, "routing.tsv:5"},
        {{.routing = "3\tburn\t5\thide\t0\n"}, "routing.tsv:1"},
        {{.routing = "uncertain\t600\t500\n"}, "routing.tsv:1"},
    };
#undef WORD
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lj_opinion *o = NULL;
        struct lj_err err = {0};
        assert_int_equal(open_tables(cases[i].t, &o, &err), LJ_E_CONFIG);
        assert_null(o);
        if (!strstr(err.text, cases[i].where))
            print_message("case %zu: %s\n", i, err.text);
        assert_non_null(strstr(err.text, cases[i].where));
    }
}

static void a_missing_folder_is_an_error(void **state)
{
    (void)state;
    struct lj_opinion *o = NULL;
    struct lj_err err = {0};
    assert_int_equal(lj_opinion_open_rules("/nonexistent", &o, &err), LJ_E_IO);
    assert_null(o);
    lj_opinion_close(&o);
    lj_opinion_close(NULL);
}

/* 沒有 folds onto 没有: kept twice, the two would count as a double negation. */
static void equal_negators_after_folding_are_one(void **state)
{
    (void)state;
    struct lj_opinion *o = NULL;
    struct lj_err err = {0};
    struct lj_opinion_findings f;
    struct tables t = {.terms = "收费\tfee\tFEES\t2\tplain\tn\n",
                       .words = "没有\tNEG\tn\n沒有\tNEG\tn\n沒有\tNEG1\tn\n"};
    assert_int_equal(open_tables(t, &o, &err), 0);
    assert_int_equal(lj_opinion_score(o, "沒有收費", strlen("沒有收費"), &f, &err), 0);
    assert_int_equal(f.count, 0);
    assert_int_equal(f.cancelled_count, 1);
    assert_int_equal(f.cancelled[0].scope, LJ_OPINION_SCOPE_NEG);
    lj_opinion_close(&o);
}

static void the_version_follows_the_tables(void **state)
{
    (void)state;
    struct lj_opinion *a = NULL;
    struct lj_opinion *b = NULL;
    struct lj_opinion *c = NULL;
    assert_int_equal(lj_opinion_open(NULL, &a, NULL), 0);
    assert_int_equal(lj_opinion_open(NULL, &b, NULL), 0);
    struct tables t = {.terms = "收费\tfee\tFEES\t2\tplain\tn\n"};
    assert_int_equal(open_tables(t, &c, NULL), 0);
    assert_string_equal(lj_opinion_version(a), lj_opinion_version(b));
    assert_string_not_equal(lj_opinion_version(a), lj_opinion_version(c));
    lj_opinion_close(&a);
    lj_opinion_close(&b);
    lj_opinion_close(&c);
}

/* Every shipped term, alone in a text, is seen: as a finding or as a hit that a scope cancelled. No
 * mask swallows one. */
static void every_shipped_term_is_seen(void **state)
{
    (void)state;
    char path[512];
    const char *root = getenv("LJ_SOURCE_DIR");
    char *buf = NULL;
    size_t size = 0;
    struct lj_opinion *o = NULL;
    unsigned missed = 0;
    unsigned rows = 0;
    (void)snprintf(path, sizeof path, "%s/workers/opinion/data/terms.tsv", root ? root : ".");
    assert_int_equal(lj_read_file(path, 1 << 20, &buf, &size, NULL), 0);
    assert_int_equal(lj_opinion_open(NULL, &o, NULL), 0);
    struct lj_tsv t = {.name = "terms.tsv", .p = buf, .end = buf + size};
    while (lj_tsv_next(&t)) {
        struct lj_opinion_findings f;
        int kind = lj_opinion_kind_by_name(t.field[1].p, t.field[1].n);
        bool seen = false;
        assert_int_equal(lj_opinion_score(o, t.field[0].p, t.field[0].n, &f, NULL), 0);
        for (uint32_t i = 0; i < f.count; i++)
            seen = seen || (int)f.findings[i].kind == kind;
        for (uint32_t i = 0; i < f.cancelled_count; i++)
            seen = seen || (int)f.cancelled[i].kind == kind;
        if (!seen)
            print_message("not seen: %.*s\n", (int)t.field[0].n, t.field[0].p);
        missed += !seen;
        rows++;
    }
    free(buf);
    lj_opinion_close(&o);
    assert_true(rows > 400);
    assert_int_equal(missed, 0);
}

/* A rule of three words: in one sentence or with the next, in order or not, vetoed, out of reach.
 */
static void a_sentence_rule_wants_all_its_words(void **state)
{
    (void)state;
    struct lj_opinion *o = NULL;
    static const struct tables t = {
        .words = "照片\tPIC\n上网\tNET\n家长\tKIN\n同意\tOK\n签字\tSIGN\n名单\tLIST\n假\tSHAM\n",
        .rules = "上网\tprivacy\tPRIVACY\t2\tplain\tPIC,NET,KIN\tsentence\t10\tOK\tn\n"
                 "次序\tfake\tFAKE\t2\tplain\tSIGN,LIST|SHAM\tnext>\t10\t-\tn\n",
    };
    static const struct {
        const char *text;
        int kinds;
        uint32_t start, end;
    } cases[] = {
        {"家长说，照片被传上网了。", 1, 0, 10},
        {"照片上网，家长不知。", 1, 0, 7},
        {"照片上网，家长同意。", 0, 0, 0},
        {"照片上网。家长不知。", 0, 0, 0},
        {"照片一二三四五六七八九十一二三上网家长", 0, 0, 0},
        {"没人签字。名单在此。", 1, 2, 7},
        {"大家签字，是假的。", 1, 2, 7},
        {"名单在此。没人签字。", 0, 0, 0},
    };
    assert_int_equal(open_tables(t, &o, NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lj_opinion_findings f;
        assert_int_equal(lj_opinion_score(o, cases[i].text, strlen(cases[i].text), &f, NULL), 0);
        if ((int)f.count != cases[i].kinds)
            print_message("%s\n", cases[i].text);
        assert_int_equal(f.count, cases[i].kinds);
        if (f.count == 0)
            continue;
        assert_int_equal(f.findings[0].reasons[0].source, LJ_OPINION_BY_RULE);
        assert_int_equal(f.findings[0].spans[0].start, cases[i].start);
        assert_int_equal(f.findings[0].spans[0].end, cases[i].end);
    }
    lj_opinion_close(&o);
}

/* Severity and routing come from their tables. */
static void severity_and_routing_are_data(void **state)
{
    (void)state;
    struct lj_opinion *o = NULL;
    struct lj_opinion_findings f;
    static const struct tables t = {
        .terms = "收费\tfee\tFEES\t2\tplain\tn\n打人\tmisconduct\tABUSE\t2\tplain\tn\n",
        .words = "听说\tHEARSAY\n医院\tHOSP\n学生\tMINOR\n没有\tNEG\n",
        .severity = "fee\thearsay\tdrop\t1\tn\nmisconduct\thospital,minors\tfloor\t3\tn\n*"
                    "\tevasion\troute\t1\tn\n",
    };
    static const struct {
        const char *text;
        int severity, route;
        enum lj_opinion_action action;
        bool hide;
    } cases[] = {
        {"收费", 2, 2, LJ_OPINION_ACTION_REVIEW, false},
        {"听说收费", 1, 1, LJ_OPINION_ACTION_DIGEST, false},
        {"听说打人", 2, 2, LJ_OPINION_ACTION_REVIEW, false},
        {"收*费", 2, 3, LJ_OPINION_ACTION_PAGE, true},
        {"打人，学生送医院", 3, 3, LJ_OPINION_ACTION_PAGE, true},
        {"没有收费", 0, 0, LJ_OPINION_ACTION_NONE, false},
    };
    assert_int_equal(open_tables(t, &o, NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(lj_opinion_score(o, cases[i].text, strlen(cases[i].text), &f, NULL), 0);
        assert_int_equal(f.severity, cases[i].severity);
        assert_int_equal(f.route.severity, cases[i].route);
        assert_int_equal(f.route.action, cases[i].action);
        assert_int_equal(f.route.hide, cases[i].hide);
        assert_true((f.route.sample_permille > 0) == (f.severity == 0));
    }
    lj_opinion_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_automaton_finds_what_a_naive_search_finds),
        cmocka_unit_test(an_empty_pattern_is_refused),
        cmocka_unit_test(a_bad_row_names_its_file_and_line),
        cmocka_unit_test(a_missing_folder_is_an_error),
        cmocka_unit_test(equal_negators_after_folding_are_one),
        cmocka_unit_test(the_version_follows_the_tables),
        cmocka_unit_test(every_shipped_term_is_seen),
        cmocka_unit_test(a_sentence_rule_wants_all_its_words),
        cmocka_unit_test(severity_and_routing_are_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
