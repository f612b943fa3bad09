/*
 * Texts made to be slow.
 *
 * Each is a short unit repeated: the units aim at one loop each (tokens in one endless sentence,
 * lists that carry a negation, denials far away, pairs with no second word, nested words, numbers,
 * noise, sequences that are no UTF-8). A new loop over tokens, hits, clauses or sentences deserves
 * a row here; tests/unit/opinion_worst_test.c also searches for units by itself.
 */
#include "workers/opinion/crafted.h"

#include <string.h>

#include "workers/opinion/text.h"

static const struct {
    const char *name;
    const char *unit;
} units[] = {
    {"term", "打人"},
    {"pairs", "教练打学生收钱三百元"},
    {"opener", "教练踢收卖不准"},
    {"negators", "没没有不无未"},
    {"negated_list", "无收费、打人、受伤、"},
    {"negated_commas", "没有收费,没有打人,没受伤,"},
    {"sentences", "打人。收费!受伤?"},
    {"questions", "打人了吗?没有的事。"},
    {"denials", "网传打人不实,辟谣收费谣言,"},
    {"denied_sentences", "网传打人。不实!"},
    {"hypotheses", "如果打人担心受伤是否收费"},
    {"past", "当年他受伤骨折手术那年打人"},
    {"nested", "卷款跑路卷款潜逃非法集资诈骗"},
    {"weak_alone", "退钱押金押金礼品红包"},
    {"numbers", "一二三四五百元12345元"},
    {"digits", "1"},
    {"han_digits", "一"},
    {"letters", "sfshoufeidr"},
    {"syllables", "shou费gu折"},
    {"parts", "扌丁人马扁子"},
    {"noise", "收.·*费"},
    {"zero_width", "收\xE2\x80\x8B费"},
    {"emoji", "😡👍"},
    {"astral", "𝐀𝔸"},
    {"bad_bytes", "\xFF\xE6\x94"},
    {"quotes", "“打人”‘收费’"},
    {"commas", "打人,"},
    {"lists", "打人、"},
    {"praise", "感谢教练孩子们很开心收获满满没有收费"},
    {"topics", "讲座防溺水受伤打人演练骨折"},
    {"all", "网传教练当年打学生骨折送医院,没有收费、不实,如果收三百元谁负责?险些受伤。"},
};

unsigned lj_crafted_count(void)
{
    return sizeof units / sizeof units[0];
}

const char *lj_crafted_name(unsigned which)
{
    return units[which].name;
}

const char *lj_crafted_unit(unsigned which)
{
    return units[which].unit;
}

size_t lj_crafted(unsigned which, size_t size, char *out)
{
    const char *unit = units[which].unit;
    const size_t n = strlen(unit);
    size_t characters = 0;
    size_t used = 0;
    for (size_t i = 0; i < n; characters++) /* as the engine counts them */
        (void)lj_utf8_next(unit, n, &i);
    for (size_t total = characters; used + n <= size && total <= LJ_OPINION_TEXT_MAX;
         total += characters) {
        for (size_t i = 0; i < n; i++)
            out[used++] = unit[i];
    }
    return used;
}
