/* Hidden spellings: the reviewed tables, generated syllables and parts, and noise inside terms.
 *
 * The noise test is a property over the whole lexicon: whatever noise stands between two characters
 * of a term, kinds and spans stay, and a severity rises by one at most.
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

#include <cmocka.h>

#include "common/err.h"
#include "workers/opinion/engine.h"
#include "workers/opinion/evade.h"
#include "workers/opinion/tables.h"
#include "workers/opinion/tsv.h"

static struct lj_opinion *engine;

/* xorshift: the same texts in every run. */
static uint32_t pick(uint32_t n)
{
    static uint32_t x = 2463534242U;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x % n;
}

struct table {
    char *text;
    struct lj_tsv t;
};

static void open_table(struct table *t, const char *name)
{
    char path[4096];
    size_t size;
    struct lj_err err;
    const char *root = getenv("LJ_SOURCE_DIR");
    (void)snprintf(path, sizeof path, "%s/workers/opinion/data/%s", root ? root : ".", name);
    assert_int_equal(lj_read_file(path, 1 << 22, &t->text, &size, &err), 0);
    t->t = (struct lj_tsv){.name = name, .p = t->text, .end = t->text + size};
}

/* A token of the text that is the term of that name; NULL when there is none. */
static const struct lj_tok *find(const char *text, size_t len, const char *name, size_t n)
{
    assert_true(lj_text_read(&engine->text, text, len));
    lj_find(engine);
    for (uint32_t i = 0; i < engine->tok_count; i++) {
        const char *have = engine->rules->entries[engine->tok[i].entry].name;
        if (strlen(have) == n && memcmp(have, name, n) == 0)
            return &engine->tok[i];
    }
    return NULL;
}

static void expect_hidden(const char *text, const char *name)
{
    const struct lj_tok *t = find(text, strlen(text), name, strlen(name));
    if (!t || !t->evasive)
        print_message("%s does not show %s\n", text, name);
    assert_non_null(t);
    assert_true(t->evasive);
}

static void expect_absent(const char *text, const char *name)
{
    assert_null(find(text, strlen(text), name, strlen(name)));
}

static bool is_surface(const uint16_t *sym, size_t n)
{
    static const char *const names[] = {"terms.tsv", "words.tsv", "masks.tsv"};
    bool found = false;
    for (size_t i = 0; i < 3 && !found; i++) {
        struct table t;
        open_table(&t, names[i]);
        while (!found && lj_tsv_next(&t.t)) {
            uint16_t have[16];
            size_t m = lj_text_fold_term(t.t.field[0].p, t.t.field[0].n, have, 16);
            found = m == n && memcmp(have, sym, n * sizeof *sym) == 0;
        }
        free(t.text);
    }
    return found;
}

/* Each reviewed spelling is found. The lexicon changes under the table: a row whose term is gone,
 * or whose spelling has become a word itself, is reported, and few of them are borne. */
static void check_reviewed(const char *file)
{
    struct table t;
    unsigned rows = 0;
    unsigned wrong = 0;
    unsigned stale = 0;
    open_table(&t, file);
    while (lj_tsv_next(&t.t)) {
        uint16_t sym[16];
        const struct lj_field *term = &t.t.field[0];
        const struct lj_field *with = &t.t.field[1];
        size_t n = lj_text_fold_term(term->p, term->n, sym, 16);
        bool known = n > 1 && is_surface(sym, n);
        n = lj_text_fold_term(with->p, with->n, sym, 16);
        bool clash = n == 0 || is_surface(sym, n);
        const struct lj_tok *tok = find(with->p, with->n, term->p, term->n);
        rows++;
        if (!known || clash) {
            print_message("%s:%u: %s\n", file, t.t.line,
                          known ? "is a word itself" : "is of no term or word");
            stale++;
        } else if (!tok || !tok->evasive) {
            print_message("%s:%u: is not found\n", file, t.t.line);
            wrong++;
        }
    }
    print_message("%s: %u rows, %u stale\n", file, rows, stale);
    assert_int_equal(wrong, 0);
    assert_true(rows > 80 && stale * 4 < rows);
    free(t.text);
}

static void every_reviewed_spelling_is_found(void **state)
{
    (void)state;
    check_reviewed("homophones.tsv");
    check_reviewed("pinyin.tsv");
}

static void a_syllable_stands_for_its_character(void **state)
{
    (void)state;
    expect_hidden("学生骨zhe了", "骨折");
    expect_hidden("学生GU折了", "骨折");
    expect_hidden("教练nue待孩子", "虐待");
    expect_hidden("教练nve待孩子", "虐待");
    expect_hidden("他们jia冒运动员", "假冒");
    expect_hidden("在这里shou费", "收费");
    expect_hidden("ｓｈｏｕ费", "收费");
    expect_absent("finshou费", "收费"); /* inside a longer Latin word */
}

static void parts_stand_for_their_character(void **state)
{
    (void)state;
    expect_hidden("老师扌丁人", "打人");
    expect_hidden("老师⺘丁人", "打人");
    expect_hidden("都是马扁子", "骗子");
    expect_hidden("讠乍骗", "诈骗");
    expect_hidden("收弗贝", "收费");
    expect_hidden("罒讠刂站一节课", "罚站");
}

static void initials_are_whole_words(void **state)
{
    (void)state;
    expect_hidden("又开始sf了", "收费");
    expect_hidden("又开始ＳＦ了", "收费");
    expect_hidden("又开始s.f了", "收费");
    expect_absent("国家NSFC项目", "收费");
    expect_absent("sfc大赛", "收费");
}

/* The regression of 沒有: a spelling or a fold that meets a surface is kept once. */
static void a_surface_is_no_hidden_spelling(void **state)
{
    (void)state;
    const struct lj_rules *r = engine->rules;
    struct table t;
    open_table(&t, "terms.tsv");
    while (lj_tsv_next(&t.t)) {
        const struct lj_field *term = &t.t.field[0];
        assert_true(lj_text_read(&engine->text, term->p, term->n));
        lj_find(engine);
        for (uint32_t i = 0; i < engine->tok_count; i++) {
            const struct lj_tok *tok = &engine->tok[i];
            if (tok->s == 0 && tok->e == engine->text.n && r->entries[tok->entry].kind >= 0)
                assert_false(r->entries[tok->entry].evasive);
        }
    }
    free(t.text);
    struct lj_opinion_findings simple;
    struct lj_opinion_findings both;
    struct lj_err err;
    const char *a = "活动没有收费。";
    const char *b = "活動沒有收費。";
    assert_int_equal(lj_opinion_score(engine, a, strlen(a), &simple, &err), 0);
    assert_int_equal(lj_opinion_score(engine, b, strlen(b), &both, &err), 0);
    assert_int_equal(simple.count, 0);
    assert_int_equal(both.count, 0);
    assert_int_equal(simple.cancelled_count, both.cancelled_count);
}

/* A text under test, as code points, with the offsets of the noise put into it. */
struct noisy {
    char text[2048];
    size_t len;
    uint32_t cps;
    uint32_t old[1024]; /* offset in the original of each code point; of noise, that of the one
                           before */
};

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Any code point that is noise; half of the time one that people use. */
static uint32_t pick_noise(void)
{
    static const uint32_t usual[] = {' ',    '.',    '*',    '-',    '_',    '/',     '|',
                                     '~',    '#',    '+',    '=',    '@',    0x00B7,  0x2022,
                                     0x3000, 0x200B, 0x200D, 0xFEFF, 0x2060, 0x1F92C, 0x2605,
                                     0x0336, 0xFE0F, 0x25CB, 0x30FB, 0x00A0, 0x202E,  0x1F44D};
    if (pick(2))
        return usual[pick(sizeof usual / sizeof usual[0])];
    for (;;) {
        uint32_t c = pick(0x20000);
        uint16_t code = lj_text_fold((int32_t)c);
        uint8_t class = lj_opinion_char[code];
        bool noise = class == LJ_CHAR_NOISE || class == LJ_CHAR_HIDDEN || class == LJ_CHAR_EMOJI;
        if (noise && (c & 0x1FF800) != 0xD800 && c != 0)
            return c;
    }
}

/* Copies text; inside [from, to), in bytes, noise follows some of the characters. */
static void add_noise(struct noisy *x, const char *text, size_t len, size_t from, size_t to)
{
    uint32_t cp = 0;
    x->len = x->cps = 0;
    for (size_t i = 0; i < len; cp++) {
        size_t start = i;
        (void)lj_utf8_next(text, len, &i);
        memcpy(x->text + x->len, text + start, i - start);
        x->len += i - start;
        x->old[x->cps++] = cp;
        bool inside = start >= from && i < to;
        for (uint32_t k = inside ? 1 + pick(3) : 0; k > 1 || (inside && k == 1 && pick(2)); k--) {
            x->len += put_utf8(x->text + x->len, pick_noise());
            x->old[x->cps++] = cp;
        }
    }
}

static const struct lj_opinion_finding *of_kind(const struct lj_opinion_findings *f, int kind)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if ((int)f->findings[i].kind == kind)
            return &f->findings[i];
    }
    return NULL;
}

static bool same_spans(const struct lj_opinion_finding *a, const struct lj_opinion_finding *b,
                       const struct noisy *x)
{
    bool same = a->span_count == b->span_count;
    for (uint32_t i = 0; same && i < a->span_count; i++)
        same = x->old[b->spans[i].start] == a->spans[i].start &&
               x->old[b->spans[i].end - 1] + 1 == a->spans[i].end;
    return same;
}

/* NULL, or what differs. */
static const char *difference(const struct lj_opinion_findings *a,
                              const struct lj_opinion_findings *b, const struct noisy *x)
{
    if (a->count != b->count)
        return "the number of findings";
    for (uint32_t i = 0; i < a->count; i++) {
        const struct lj_opinion_finding *fa = &a->findings[i];
        const struct lj_opinion_finding *fb = of_kind(b, fa->kind);
        if (!fb)
            return "a kind";
        if (!same_spans(fa, fb, x))
            return "a span";
        if (fb->severity != fa->severity && fb->severity != fa->severity + 1)
            return "a severity by more than one";
    }
    return NULL;
}

struct tally {
    unsigned texts, wrong, flagged;
};

static void check_noise(const char *text, size_t from, size_t to, struct tally *n)
{
    static struct lj_opinion_findings plain;
    static struct lj_opinion_findings noised;
    static struct noisy x;
    struct lj_err err;
    add_noise(&x, text, strlen(text), from, to);
    assert_int_equal(lj_opinion_score(engine, text, strlen(text), &plain, &err), 0);
    assert_int_equal(lj_opinion_score(engine, x.text, x.len, &noised, &err), 0);
    const char *what = difference(&plain, &noised, &x);
    if (what && n->wrong++ < 10)
        print_message("%s differs: %s\n  => %.*s\n", what, text, (int)x.len, x.text);
    n->texts++;
    n->flagged += noised.evasion && !plain.evasion;
}

static void noise_inside_any_term_changes_no_kind_and_no_span(void **state)
{
    (void)state;
    static const char *const before[] = {"",         "教练",       "昨天在学校", "没有",
                                         "听说他们", "活动很好，", "家长说孩子"};
    static const char *const after[] = {"",           "了",       "，大家都看见了。",
                                        "，没人管！", "三百元。", "？没有的事。"};
    struct table t;
    struct tally n = {0};
    open_table(&t, "terms.tsv");
    while (lj_tsv_next(&t.t)) {
        char text[512];
        const struct lj_field *term = &t.t.field[0];
        for (int round = 0; round < 2; round++) {
            const char *b = before[pick(7)];
            const char *a = after[pick(6)];
            (void)snprintf(text, sizeof text, "%s%.*s%s", b, (int)term->n, term->p, a);
            check_noise(text, strlen(b), strlen(b) + term->n, &n);
        }
    }
    free(t.text);
    print_message("%u texts, %u differ, %u called evasive\n", n.texts, n.wrong, n.flagged);
    assert_int_equal(n.wrong, 0);
    assert_true(n.texts > 5000 && n.flagged > 2000);
}

static int open_engine(void **state)
{
    (void)state;
    struct lj_err err;
    return lj_opinion_open(NULL, &engine, &err);
}

static int close_engine(void **state)
{
    (void)state;
    lj_opinion_close(&engine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reviewed_spelling_is_found),
        cmocka_unit_test(a_syllable_stands_for_its_character),
        cmocka_unit_test(parts_stand_for_their_character),
        cmocka_unit_test(initials_are_whole_words),
        cmocka_unit_test(a_surface_is_no_hidden_spelling),
        cmocka_unit_test(noise_inside_any_term_changes_no_kind_and_no_span),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
