/* The labelled texts keep their contract: ids, tags, marks, and no two texts that are nearly one.
 *
 * What a row must look like by itself is checked by the reader (labels.c), whose errors are shown
 * here; this test adds what needs all rows: unique ids that begin with the file's letter, tags of
 * the contract, and the 3-gram Jaccard similarity of every pair, counted over an index of 3-grams,
 * so that only pairs that share some are looked at.
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
#include "workers/opinion/agree.h"
#include "workers/opinion/text.h"

static struct lj_labels labels;

static const char *const tags[] = {
    "neg",        "deny",     "metaphor",  "topic",      "history",        "rule",        "hyp",
    "other",      "resolved", "routine",   "suggest",    "quality",        "praise",      "long",
    "injury",     "fee",      "formalism", "misconduct", "discrimination", "disturbance", "fake",
    "reputation", "privacy",  "threat",    "facts",      "nearmiss",       "hearsay",     "contra",
    "sarc",       "evade",    "trad",      "dialect",    "slang",          "minor",       "self",
    "mixed",      "amb",      "coarse",
};
static const char *const sources[] = {"narrative", "feedback", "media",
                                      "hotline",   "chat",     "bullet"};

static const char *data_dir(void)
{
    static char path[512];
    const char *root = getenv("LJ_SOURCE_DIR");
    (void)snprintf(path, sizeof path, "%s/workers/opinion/data/texts", root ? root : ".");
    return path;
}

static bool is_tag(const char *p, size_t n)
{
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (strlen(tags[i]) == n && memcmp(tags[i], p, n) == 0)
            return true;
    }
    return false;
}

static void every_row_keeps_the_contract(void **state)
{
    (void)state;
    unsigned bad = 0;
    for (size_t i = 0; i < labels.count; i++) {
        const struct lj_label *l = &labels.row[i];
        bool source = false;
        for (size_t k = 0; k < sizeof sources / sizeof sources[0]; k++)
            source = source || strcmp(l->source, sources[k]) == 0;
        bool id = l->id[0] >= 'A' && l->id[0] <= 'Z' && strspn(l->id + 1, "0123456789") == 4 &&
                  l->id[5] == '\0';
        bool known = true;
        for (const char *p = l->note; *p;) {
            size_t n = strcspn(p, ",");
            known = known && is_tag(p, n);
            p += n + (p[n] == ',');
        }
        if (!source || !id || !known) {
            print_message("%s: kind %s, note %s\n", l->id, l->source, l->note);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void no_id_stands_twice(void **state)
{
    (void)state;
    const char **ids = calloc(labels.count, sizeof *ids);
    assert_non_null(ids);
    for (size_t i = 0; i < labels.count; i++)
        ids[i] = labels.row[i].id;
    qsort((void *)ids, labels.count, sizeof *ids, by_id);
    for (size_t i = 1; i < labels.count; i++) {
        if (strcmp(ids[i - 1], ids[i]) == 0)
            fail_msg("%s stands twice", ids[i]);
    }
    free((void *)ids);
}

/* ---- near duplicates ---- */

struct gram {
    uint64_t code;
    uint32_t text;
};

static int by_code(const void *pa, const void *pb)
{
    const struct gram *a = pa;
    const struct gram *b = pb;
    if (a->code != b->code)
        return a->code < b->code ? -1 : 1;
    return a->text < b->text ? -1 : a->text > b->text;
}

/* The different 3-grams of folded symbols of a text, appended to out; returns how many. */
static size_t grams_of(const struct lj_label *l, uint32_t text, struct gram *out)
{
    static struct lj_text t;
    size_t n = 0;
    size_t k = 0;
    assert_true(lj_text_read(&t, l->text, l->len));
    for (uint32_t i = 0; i + 2 < t.n; i++)
        out[n++] = (struct gram){
            (uint64_t)t.code[i] << 32 | (uint64_t)t.code[i + 1] << 16 | t.code[i + 2], text};
    qsort(out, n, sizeof *out, by_code);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || out[i].code != out[i - 1].code)
            out[k++] = out[i];
    }
    return k;
}

static void no_two_texts_are_nearly_one(void **state)
{
    (void)state;
    size_t room = 0;
    for (size_t i = 0; i < labels.count; i++)
        room += labels.row[i].len + 1;
    struct gram *all = malloc(room * sizeof *all);
    uint32_t *size = calloc(labels.count, sizeof *size);
    uint16_t *shared = calloc(labels.count * labels.count, sizeof *shared);
    assert_true(all && size && shared);
    size_t n = 0;
    for (uint32_t i = 0; i < labels.count; i++) {
        size[i] = (uint32_t)grams_of(&labels.row[i], i, all + n);
        n += size[i];
    }
    qsort(all, n, sizeof *all, by_code);
    for (size_t i = 0; i < n;) {
        size_t j = i;
        while (j < n && all[j].code == all[i].code)
            j++;
        for (size_t a = i; a < j; a++) {
            for (size_t b = a + 1; b < j; b++)
                shared[(size_t)all[a].text * labels.count + all[b].text]++;
        }
        i = j;
    }
    unsigned near = 0;
    for (uint32_t a = 0; a < labels.count; a++) {
        for (uint32_t b = a + 1; b < labels.count; b++) {
            uint32_t both = shared[(size_t)a * labels.count + b];
            uint32_t any = size[a] + size[b] - both;
            if (both * 10 > any * 6) {
                print_message("%s and %s share %u of %u 3-grams\n", labels.row[a].id,
                              labels.row[b].id, both, any);
                near++;
            }
        }
    }
    free(all);
    free(size);
    free(shared);
    assert_int_equal(near, 0);
}

/* A fifth is held back, by the text alone: about a fifth, and always the same ones. */
static void about_a_fifth_is_held_back(void **state)
{
    (void)state;
    size_t held = 0;
    for (size_t i = 0; i < labels.count; i++)
        held += labels.row[i].held;
    assert_in_range(held * 100 / labels.count, 15, 25);
    struct lj_labels one = {0};
    static const char row[] = "id\tkind\tpolarity\tcategories\tseverity\tnote\ttext\n"
                              "A0001\tchat\t-1\tfee\t2\tfee\t先⟦fee|交六十⟧再进\n"
                              "A0002\tchat\t1\t-\t0\tpraise\t先交六十再进\n";
    assert_int_equal(lj_labels_parse("rows", row, strlen(row), &one, NULL), 0);
    assert_int_equal(one.count, 2);
    assert_string_equal(one.row[0].text, "先交六十再进");
    assert_int_equal(one.row[0].held, one.row[1].held);
    assert_int_equal(one.row[0].span_count, 1);
    assert_int_equal(one.row[0].spans[0].start, 1);
    assert_int_equal(one.row[0].spans[0].end, 4);
    lj_labels_free(&one);
}

static void a_bad_row_is_an_error_with_its_line(void **state)
{
    (void)state;
#define HEADER "id\tkind\tpolarity\tcategories\tseverity\tnote\ttext\n"
    static const char *const bad[] = {
        HEADER "A0001\tchat\t2\t-\t0\troutine\t好\n",
        HEADER "A0001\tchat\t1\tfees\t1\tfee\t⟦fees|好⟧\n",
        HEADER "A0001\tchat\t-1\tfee\t2\tfee\t没有标记\n",
        HEADER "A0001\tchat\t-1\t-\t0\tfee\t有⟦fee|标记⟧\n",
        HEADER "A0001\tchat\t-1\tfee\t0\tfee\t⟦fee|收钱⟧\n",
        HEADER "A0001\tchat\t-1\tfee\t2\tfee\t⟦fee|收⟦fee|钱⟧⟧\n",
        HEADER "A0001\tchat\t-1\tfee\t2\tfee\t⟦fee|收钱\n",
        HEADER "A0001\tchat\t-1\tfee\t4\tfee\t⟦fee|收钱⟧\n",
        HEADER "A0001\tchat\t1\t-\t0\t\t好\n",
        HEADER "A0001\tchat\t1\t-\t0\troutine\t\xC3\x28\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct lj_labels one = {0};
        struct lj_err err = {0};
        if (lj_labels_parse("rows", bad[i], strlen(bad[i]), &one, &err) != LJ_E_CONFIG)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(err.text, "rows:2"));
        lj_labels_free(&one);
    }
}

/* Kappa by hand: 20 both, 5 first only, 10 second only, 15 neither: same .7, chance .5. */
static void kappa_is_agreement_beyond_chance(void **state)
{
    (void)state;
    struct lj_agreement a = {.n = 50, .same = 35, .chance = 0.5};
    assert_true(lj_kappa(&a) > 0.399 && lj_kappa(&a) < 0.401);
    struct lj_agreements all;
    assert_int_equal(lj_agree(&labels, data_dir(), &all, NULL), 0);
    assert_true(all.texts > 0);
    assert_int_equal(all.missing, 0);
    assert_true(lj_kappa(&all.any) > 0.6); /* below that the labels mean little */
}

static int open_labels(void **state)
{
    (void)state;
    struct lj_err err = {0};
    int rc = lj_labels_read_dir(data_dir(), &labels, &err);
    if (rc < 0)
        print_message("%s\n", err.text);
    return rc < 0 ? -1 : 0;
}

static int close_labels(void **state)
{
    (void)state;
    lj_labels_free(&labels);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_keeps_the_contract),
        cmocka_unit_test(no_id_stands_twice),
        cmocka_unit_test(no_two_texts_are_nearly_one),
        cmocka_unit_test(about_a_fifth_is_held_back),
        cmocka_unit_test(a_bad_row_is_an_error_with_its_line),
        cmocka_unit_test(kappa_is_agreement_beyond_chance),
    };
    return cmocka_run_group_tests(tests, open_labels, close_labels);
}
