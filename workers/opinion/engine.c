/*
 * The engine's life and its one call.
 *
 * Three steps over scratch memory that the handle owns: read the text into folded symbols (text.c),
 * find words and pairs (find.c), decide what the text asserts (scope.c) and sum up (score.c). Rules
 * are built once and read only, so a later reload swaps them under the handle without touching this
 * interface.
 *
 * Guarantees: after lj_opinion_open nothing allocates; the same text gives the same findings,
 * whatever came before.
 */
#include "workers/opinion/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "workers/opinion/bundle.h"

int lj_opinion_open_rules(const char *dir, struct lj_opinion **ret, struct lj_err *err)
{
    struct lj_opinion *o = calloc(1, sizeof *o);
    if (!o)
        return lj_fail(err, LJ_E_NOMEM, "no memory for an opinion engine");
    int rc = lj_rules_open(dir, &o->rules, err);
    if (rc < 0) {
        lj_opinion_close(&o);
        return rc;
    }
    (void)snprintf(o->version, sizeof o->version, "rules-%016" PRIx64, o->rules->hash);
    *ret = o;
    return 0;
}

static int take_rules(struct lj_opinion *o, struct lj_err *err)
{
    struct lj_rule_table text[LJ_RULE_TABLES] = {0};
    for (size_t i = 0; i < LJ_RULE_TABLES; i++) {
        text[i].text = lj_bundle_section(o->bundle, lj_rule_table_name(i), &text[i].size);
        if (!text[i].text)
            return lj_fail(err, LJ_E_CONFIG, "the bundle has no %s", lj_rule_table_name(i));
    }
    return lj_rules_parse(text, &o->rules, err);
}

int lj_opinion_set_models(struct lj_opinion *o, const struct lj_linear *linear,
                          const struct lj_fusion *fusion, struct lj_err *err)
{
    struct lj_words *words = NULL;
    int rc = linear ? lj_words_open(o->rules, linear, &words, err) : 0;
    lj_words_close(&o->words);
    o->words = words;
    o->linear = rc < 0 ? NULL : linear;
    o->fusion = rc < 0 ? NULL : fusion;
    return rc;
}

int lj_opinion_use(struct lj_bundle *b, struct lj_opinion **ret, struct lj_err *err)
{
    struct lj_opinion *o = calloc(1, sizeof *o);
    if (!o) {
        lj_bundle_close(&b);
        return lj_fail(err, LJ_E_NOMEM, "no memory for an opinion engine");
    }
    o->bundle = b;
    int rc = take_rules(o, err);
    const struct lj_fusion *fusion = NULL;
    if (rc == 0)
        rc = lj_bundle_models(b, &o->models, &fusion, err);
    if (rc == 0)
        rc = lj_opinion_set_models(o, &o->models, fusion, err);
    if (rc < 0) {
        lj_opinion_close(&o);
        return rc;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < 8; i++)
        sum = sum << 8 | lj_bundle_sha(b)[i];
    (void)snprintf(o->version, sizeof o->version, "bundle-%016" PRIx64, sum);
    *ret = o;
    return 0;
}

int lj_opinion_open(const char *path, struct lj_opinion **ret, struct lj_err *err)
{
    struct lj_bundle *b = NULL;
    struct lj_opinion *o = NULL;
    int rc = lj_bundle_get(path, &b, err);
    if (rc == 0)
        rc = lj_opinion_use(b, &o, err);
    if (rc == 0 && path)
        rc = lj_golden_check(o, err);
    if (rc < 0)
        lj_opinion_close(&o);
    else
        *ret = o;
    return rc;
}

void lj_opinion_close(struct lj_opinion **engine)
{
    if (!engine || !*engine)
        return;
    lj_words_close(&(*engine)->words);
    lj_rules_close(&(*engine)->rules);
    lj_bundle_close(&(*engine)->bundle);
    free(*engine);
    *engine = NULL;
}

bool lj_opinion_prepare(struct lj_opinion *o, const char *text, size_t len)
{
    if (!lj_text_read(&o->text, text, len))
        return false;
    lj_find(o);
    lj_judge(o);
    lj_count_words(o);
    return true;
}

int lj_opinion_score(struct lj_opinion *engine, const char *text, size_t len,
                     struct lj_opinion_findings *ret, struct lj_err *err)
{
    if (!lj_opinion_prepare(engine, text, len))
        return lj_fail(err, LJ_E_TOO_LARGE, "the text has more than %d code points",
                       LJ_OPINION_TEXT_MAX);
    engine->fused.on = false;
    if (engine->linear) {
        lj_word_sums(engine);
        lj_linear_score(engine->linear, &engine->text, engine->extra, &engine->lin);
        lj_fuse(engine, engine->fusion, &engine->lin, &engine->fused);
    }
    lj_summarise(engine, ret);
    return 0;
}

const char *lj_opinion_version(const struct lj_opinion *engine)
{
    return engine->version;
}
