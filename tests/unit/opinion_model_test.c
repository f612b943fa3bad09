/* The linear models and their fusion: n-grams, the sparse index, limits of sums, what the models
 * add to the rules, determinism of the training.
 *
 * lj-test: lj_opinion_lab
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "workers/opinion/engine.h"
#include "workers/opinion/eval.h"
#include "workers/opinion/fmath.h"
#include "workers/opinion/train.h"

static struct lj_text text;

static void read_text(const char *s)
{
    assert_true(lj_text_read(&text, s, strlen(s)));
}

/* ---- arithmetic ---- */

static void exp_and_log_are_near_the_library(void **state)
{
    (void)state;
    for (float x = -20; x < 20; x += 0.37F) {
        double want = exp((double)x);
        assert_true(fabs((double)lj_expf(x) - want) <= 2e-5 * want);
        assert_true(fabs((double)lj_logf((float)want) - (double)x) < 1e-4);
    }
    assert_true(lj_sigmoid(0) == 0.5F);
    assert_true(lj_sigmoid(100) <= 1 && lj_sigmoid(-100) >= 0);
}

/* ---- n-grams ---- */

static void grams_stay_in_their_sentence(void **state)
{
    (void)state;
    struct lj_gram a[64], b[64];
    read_text("收费。收费");
    size_t n = lj_linear_grams(&text, 0, a, 64);
    assert_int_equal(n, 3 + 3 + 3); /* two symbols and the end */
    assert_int_equal(lj_linear_grams(&text, 1, b, 64), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(a[i].hash, b[i].hash);
    assert_int_equal(a[0].s, 0);
    assert_int_equal(b[0].s, 2);
    assert_int_equal(lj_linear_grams(&text, 2, a, 64), 0);
}

static void noise_and_width_change_no_gram(void **state)
{
    (void)state;
    static const char *const same[] = {"强制收费300元", "强 制收·费３００元", "強制收費12345元"};
    struct lj_gram first[64], g[64];
    read_text(same[0]);
    size_t n = lj_linear_grams(&text, 0, first, 64);
    for (size_t k = 1; k < 3; k++) {
        read_text(same[k]);
        assert_int_equal(lj_linear_grams(&text, 0, g, 64), n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(g[i].hash, first[i].hash);
    }
}

/* A model of one row for all n-grams, which says the highest or lowest value everywhere, to see the
 * sums at their limits. */
struct extreme {
    uint16_t index[LJ_LIN_HASHES];
    int8_t *rows;
    struct lj_linear m;
};

static struct extreme *make_extreme(int8_t value)
{
    struct extreme *x = calloc(1, sizeof *x);
    assert_non_null(x);
    x->rows = calloc(64, LJ_LIN_LANES);
    assert_non_null(x->rows);
    memset(x->rows + LJ_LIN_LANES, value, LJ_LIN_LANES);
    for (uint32_t i = 0; i < LJ_LIN_HASHES; i++)
        x->index[i] = 1;
    x->m = (struct lj_linear){x->index, x->rows, 1, {0}, {0}};
    for (unsigned k = 0; k < LJ_LIN_LANES; k++)
        x->m.scale[k] = 1;
    return x;
}

/* The longest text without any end of a sentence: the sum is exact, no lane overflows. */
static void sums_are_exact_at_the_limits(void **state)
{
    (void)state;
    static char longest[LJ_OPINION_TEXT_MAX * 3 + 1];
    static struct lj_lin_score score;
    for (size_t i = 0; i < LJ_OPINION_TEXT_MAX; i++)
        memcpy(longest + 3 * i, i % 2 ? "好" : "收", 3);
    read_text(longest);
    static const int8_t values[] = {127, -127, -128};
    for (size_t i = 0; i < 3; i++) {
        struct extreme *x = make_extreme(values[i]);
        lj_linear_score(&x->m, &text, NULL, &score);
        float grams = LJ_OPINION_TEXT_MAX * 3.0F + 3;
        float want = (float)values[i] * grams / sqrtf(grams);
        for (unsigned k = 0; k < LJ_LIN_LANES; k++) {
            assert_true(fabsf(score.whole[k] - want) < 1);
            assert_true(fabsf(score.best[k] - want) < 1);
        }
        free(x->rows);
        free(x);
    }
}

static void an_empty_text_gives_the_biases(void **state)
{
    (void)state;
    static struct lj_lin_score score;
    struct extreme *x = make_extreme(1);
    x->m.bias[3] = -2;
    read_text("。 ,");
    lj_linear_score(&x->m, &text, NULL, &score);
    assert_true(score.whole[3] == -2 && score.best[3] == -2 && score.whole[0] == 0);
    free(x->rows);
    free(x);
}

/* Rows that are not kept add nothing, those that are add their own. */
static void the_index_finds_the_right_rows(void **state)
{
    (void)state;
    static struct lj_lin_score score;
    struct lj_gram g[16];
    struct extreme *x = make_extreme(0);
    memset(x->index, 0, sizeof x->index);
    read_text("收费");
    size_t n = lj_linear_grams(&text, 0, g, 16);
    for (size_t i = 0; i < n; i += 2) {
        x->index[g[i].hash] = (uint16_t)(1 + i);
        x->rows[(1 + i) * LJ_LIN_LANES] = 10;
    }
    for (size_t i = 0; i < n; i++)
        assert_true(lj_linear_weight(&x->m, g[i].hash, 0) == (i % 2 ? 0.0F : 10.0F));
    lj_linear_score(&x->m, &text, NULL, &score);
    assert_true(fabsf(score.whole[0] - 10.0F * (float)((n + 1) / 2) / sqrtf((float)n)) < 0.01F);
    free(x->rows);
    free(x);
}

/* ---- the whole ---- */

static const char *data_dir(void)
{
    static char path[512];
    const char *root = getenv("LJ_SOURCE_DIR");
    (void)snprintf(path, sizeof path, "%s/workers/opinion/data", root ? root : ".");
    return path;
}

static void scores_do_not_depend_on_what_came_before(void **state)
{
    (void)state;
    static const char *const texts[] = {"说是免费，现场收了每人六十块。", "孩子很开心。",
                                        "他们拍完照就走了，孩子在太阳下等了两个小时。", ""};
    static struct lj_opinion_findings alone[4], f;
    struct lj_opinion *o = NULL;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(lj_opinion_open(NULL, &o, NULL), 0);
        assert_int_equal(lj_opinion_score(o, texts[i], strlen(texts[i]), &alone[i], NULL), 0);
        if (i < 3)
            lj_opinion_close(&o);
    }
    for (size_t k = 0; k < 12; k++) {
        size_t i = k * 7 % 4;
        assert_int_equal(lj_opinion_score(o, texts[i], strlen(texts[i]), &f, NULL), 0);
        assert_int_equal(f.count, alone[i].count);
        assert_memory_equal(&f.risk_score, &alone[i].risk_score, sizeof f.risk_score);
        assert_memory_equal(&f.polarity_score, &alone[i].polarity_score, sizeof f.polarity_score);
    }
    lj_opinion_close(&o);
}

/* Every finding has words to show, inside the text; n-grams stand among the reasons. */
static void every_finding_shows_words(void **state)
{
    (void)state;
    struct lj_labels labels = {0};
    struct lj_opinion *o = NULL;
    char dir[600];
    unsigned grams = 0;
    (void)snprintf(dir, sizeof dir, "%s/texts", data_dir());
    assert_int_equal(lj_labels_read_dir(dir, &labels, NULL), 0);
    assert_int_equal(lj_opinion_open(NULL, &o, NULL), 0);
    for (size_t i = 0; i < labels.count; i++) {
        static struct lj_opinion_findings f;
        assert_int_equal(lj_opinion_score(o, labels.row[i].text, labels.row[i].len, &f, NULL), 0);
        for (uint32_t k = 0; k < f.count; k++) {
            const struct lj_opinion_finding *x = &f.findings[k];
            assert_in_range(x->severity, 1, 3);
            assert_true(x->score > 0 && x->score <= 1);
            assert_true(x->span_count > 0 && x->reason_count > 0);
            for (uint32_t s = 0; s < x->span_count; s++) {
                assert_true(x->spans[s].start < x->spans[s].end);
                assert_true(x->spans[s].end <= f.code_points);
                assert_true(s == 0 || x->spans[s - 1].end <= x->spans[s].start);
            }
            for (uint32_t r = 0; r < x->reason_count; r++)
                grams += x->reasons[r].source == LJ_OPINION_BY_NGRAM;
        }
    }
    assert_true(grams > 0);
    lj_opinion_close(&o);
    lj_labels_free(&labels);
}

static struct lj_eval *evaluate(struct lj_opinion *o, const struct lj_labels *labels)
{
    struct lj_eval *e = NULL;
    static struct lj_opinion_findings f;
    assert_int_equal(lj_eval_open(&e, NULL), 0);
    for (size_t i = 0; i < labels->count; i++) {
        const struct lj_label *l = &labels->row[i];
        if (!l->held)
            continue;
        assert_int_equal(lj_opinion_score(o, l->text, l->len, &f, NULL), 0);
        assert_int_equal(lj_eval_add(e, l, &f, NULL), 0);
    }
    return e;
}

/* The floor of the goals (any risk .80 and .82 on texts outside of the repository) with some room:
 * a gate against a broken training, on the fifth that it has not seen. */
static void the_held_back_texts_are_judged_well(void **state)
{
    (void)state;
    struct lj_labels labels = {0};
    struct lj_opinion *o = NULL;
    char dir[600];
    char *json = NULL;
    size_t n = 0;
    double p = 0;
    double r = 0;
    (void)snprintf(dir, sizeof dir, "%s/texts", data_dir());
    assert_int_equal(lj_labels_read_dir(dir, &labels, NULL), 0);
    assert_int_equal(lj_opinion_open(NULL, &o, NULL), 0);
    struct lj_eval *e = evaluate(o, &labels);
    FILE *out = open_memstream(&json, &n);
    assert_non_null(out);
    lj_eval_print_json(e, out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(sscanf(json, "{\"any_risk\":{\"p\":%lf,\"r\":%lf", &p, &r), 2);
    print_message("held back: P %.3f R %.3f\n", p, r);
    assert_true(p > 0.72 && r > 0.75);
    free(json);
    lj_eval_close(&e);
    lj_opinion_close(&o);
    lj_labels_free(&labels);
}

/* Two trainings over the same texts, and one over fewer. */
static void training_is_deterministic(void **state)
{
    (void)state;
    struct lj_labels labels = {0};
    struct lj_opinion *o = NULL;
    char path[600];
    enum { N = 150 };
    const struct lj_label *some[N];
    struct lj_train_options options = lj_train_defaults();
    options.folds = 2;
    options.linear.epochs = 3;
    options.rounds = 5;
    (void)snprintf(path, sizeof path, "%s/texts/l.tsv", data_dir());
    assert_int_equal(lj_labels_read(path, &labels, NULL), 0);
    assert_int_equal(lj_opinion_open_rules(data_dir(), &o, NULL), 0);
    for (size_t i = 0; i < N; i++)
        some[i] = &labels.row[i];
    struct lj_trained a, b, c;
    assert_int_equal(lj_train(o, some, N, &options, &a, NULL), 0);
    assert_int_equal(lj_train(o, some, N, &options, &b, NULL), 0);
    assert_int_equal(lj_train(o, some, N - 30, &options, &c, NULL), 0);
    assert_int_equal(a.linear.m.kept, b.linear.m.kept);
    assert_memory_equal(a.linear.rows, b.linear.rows, (size_t)a.linear.m.kept * LJ_LIN_LANES);
    assert_memory_equal(&a.fusion, &b.fusion, sizeof a.fusion);
    assert_int_not_equal(memcmp(&a.fusion, &c.fusion, sizeof a.fusion), 0);
    struct lj_err err = {0};
    struct lj_trained none;
    assert_int_equal(lj_train(o, some, 10, &options, &none, &err), LJ_E_CONFIG);
    lj_trained_free(&a);
    lj_trained_free(&b);
    lj_trained_free(&c);
    lj_opinion_close(&o);
    lj_labels_free(&labels);
}

/* ---- figures ---- */

static void figures_are_what_they_say(void **state)
{
    (void)state;
    static const char rows[] =
        "id\tkind\ttext\tpolarity\tcategories\tseverity\tevidence\tnote\n"
        "X1\tfeedback\t收费；收费\t-1\tfee\t2\tfee@0-2:收费;fee@3-5:收费\tfee\n"
        "X2\tfeedback\t骨折\t-1\tinjury\t3\tinjury@0-2:骨折\tinjury\n"
        "X3\tfeedback\t很好\t1\t-\t0\t-\tpraise\n"
        "X4\tfeedback\t不错\t1\t-\t0\t-\tpraise\n"
        "X5\tfeedback\t难说\t-1\tfee\t1\t-\tamb vague\n";
    struct lj_labels labels = {0};
    struct lj_eval *e = NULL;
    char *json = NULL;
    size_t n = 0;
    assert_int_equal(lj_labels_parse("rows", rows, strlen(rows), &labels, NULL), 0);
    assert_int_equal(labels.row[0].span_count, 2);
    assert_int_equal(labels.row[0].spans[1].start, 3);
    assert_int_equal(lj_eval_open(&e, NULL), 0);
    for (size_t i = 0; i < labels.count; i++) {
        struct lj_opinion_findings f = {.polarity = i < 2 ? -1 : 1,
                                        .polarity_score = i < 2 ? -0.5F : 0.5F,
                                        .risk_score = i == 0 || i == 2 ? 0.9F : 0.1F};
        if (i == 0 || i == 2 || i == 4) { /* found, a false alarm, ambiguous */
            f.count = 1;
            f.severity = 2;
            f.findings[0].kind = LJ_OPINION_FEE;
            f.findings[0].span_count = 1;
            f.findings[0].spans[0] = (struct lj_opinion_span){4, 5};
        }
        assert_int_equal(lj_eval_add(e, &labels.row[i], &f, NULL), 0);
    }
    FILE *out = open_memstream(&json, &n);
    assert_non_null(out);
    lj_eval_print_json(e, out);
    assert_int_equal(fclose(out), 0);
    static const char *const expected[] = {
        "\"any_risk\":{\"p\":0.5000,\"r\":0.5000,\"f1\":0.5000}",
        "\"fee\":{\"p\":0.5000,\"r\":1.0000,\"f1\":0.6667,\"n\":1}",
        "\"injury\":{\"p\":null,\"r\":0.0000,\"f1\":0.0000,\"n\":1}",
        "\"macro_f1\":0.3333",
        "\"severity\":{\"exact\":1.0000,\"within_one\":1.0000,\"recall_3\":0.0000,\"recall_2\":1."
        "0000}",
        "\"clean_fpr\":0.5000",
        "\"praise\":{\"n\":2,\"accuracy\":0.5000}",
        "\"evidence_overlap\":1.0000",
        "\"polarity\":{\"auc\":1.0000,\"accuracy\":1.0000,\"three_way\":1.0000}",
        "\"ece\":0.4000,\"n\":4,\"ambiguous\":{\"n\":1,\"flagged\":1}",
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (!strstr(json, expected[i]))
            fail_msg("%s is not in %s", expected[i], json);
    }
    free(json);
    lj_eval_close(&e);
    lj_labels_free(&labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_and_log_are_near_the_library),
        cmocka_unit_test(grams_stay_in_their_sentence),
        cmocka_unit_test(noise_and_width_change_no_gram),
        cmocka_unit_test(sums_are_exact_at_the_limits),
        cmocka_unit_test(an_empty_text_gives_the_biases),
        cmocka_unit_test(the_index_finds_the_right_rows),
        cmocka_unit_test(scores_do_not_depend_on_what_came_before),
        cmocka_unit_test(every_finding_shows_words),
        cmocka_unit_test(the_held_back_texts_are_judged_well),
        cmocka_unit_test(training_is_deterministic),
        cmocka_unit_test(figures_are_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
