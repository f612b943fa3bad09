/* Fuzzing the reviewable tables of the opinion engine: its rule tables and labelled texts.
 *
 * The first byte names the table, the rest is its text; the other tables are small and right. A
 * refusal must name file and line of the table; what is taken is used once on a text, so that
 * no accepted table can lead the engine astray. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/err.h"
#include "workers/opinion/labels.h"
#include "workers/opinion/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* clang-format off */
static const char *const plain[LJ_RULE_TABLES] = {
    "骨折\tinjury\tINJURY\t2\tplain\t-\n",
    "没有\tNEG\t-\n摔倒\tFALL\t-\n手臂\tBODY\t-\n孩子\tVICTIM\t-\n",
    "打球\t-\t-\n",
    "摔伤\tinjury\tINJURY\t2\tplain\tFALL\tBODY\t3\tclause\t-\t-\n",
    "摔人\tinjury\tINJURY\t2\tplain\tVICTIM,FALL|BODY\tsentence\t24\t-\t-\n",
    "*\tnearmiss\tcap\t1\t-\n",
    ("3\tpage\t5\thide\t0\t-\n2\treview\t1440\tshow\t0\t-\n"
     "1\tdigest\t1440\tshow\t0\t-\n0\tnone\t0\tshow\t20\t-\n"),
};
/* clang-format on */

static void check_rules(size_t which, const char *text, size_t size)
{
    struct lj_rule_table tables[LJ_RULE_TABLES];
    struct lj_rules *rules = NULL;
    struct lj_err err = {0};
    for (size_t i = 0; i < LJ_RULE_TABLES; i++)
        tables[i] = (struct lj_rule_table){plain[i], strlen(plain[i]), NULL};
    tables[which].text = text;
    tables[which].size = size;
    int rc = lj_rules_parse(tables, &rules, &err);
    assert((rc == 0) == (rules != NULL));
    assert(rc == 0 || err.text[0]);
    if (rc == 0) {
        assert(rules->class_count <= LJ_W_MAX && rules->pair_count <= LJ_PAIRS_MAX &&
               rules->rule_count <= LJ_SENTENCE_RULES_MAX && rules->entry_count <= LJ_ENTRIES_MAX);
        for (size_t i = 0; i < rules->rule_count; i++)
            assert(rules->rules[i].needs >= 1 && rules->rules[i].needs <= LJ_NEEDS_MAX);
    }
    lj_rules_close(&rules);
}

static void check_labels(const char *text, size_t size)
{
    struct lj_labels labels = {0};
    struct lj_err err = {0};
    int rc = lj_labels_parse("fuzz.tsv", text, size, &labels, &err);
    assert(rc == 0 || (rc == LJ_E_CONFIG && strstr(err.text, "fuzz.tsv")) || rc == LJ_E_NOMEM);
    for (size_t i = 0; i < labels.count; i++) {
        const struct lj_label *l = &labels.row[i];
        assert(l->text[l->len] == '\0' && l->span_count <= LJ_LABEL_SPANS_MAX);
        for (uint32_t k = 0; k < l->span_count; k++)
            assert(l->spans[k].start < l->spans[k].end && l->spans[k].end <= l->len);
    }
    lj_labels_free(&labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t which = data[0] % (LJ_RULE_TABLES + 1);
    const char *text = (const char *)data + 1;
    if (which == LJ_RULE_TABLES) {
        check_labels(text, size - 1);
    } else {
        check_rules(which, text, size - 1);
    }
    return 0;
}
