/*
 * Numbers: amounts of money, head counts, minutes and hours.
 *
 * Found by code, because no list of words holds them all: Arabic digits or Chinese ones, then a
 * unit. 块 counts as money after Arabic digits or two Chinese ones (三块垫子 is no money); a round
 * number with no unit reads as a price (收五百). A Chinese number without any of these is no token.
 *
 * The automaton has listed where digits stand. Guarantees: one pass over these, no allocation.
 */
#include <string.h>

#include "workers/opinion/engine.h"
#include "workers/opinion/tables.h"

const uint16_t lj_digits[LJ_DIGITS] = {
    /* 一二三四五六七八九十百千万零两几 */
    0x4E00, 0x4E8C, 0x4E09, 0x56DB, 0x4E94, 0x516D, 0x4E03, 0x516B, 0x4E5D,
    0x5341, 0x767E, 0x5343, 0x4E07, 0x96F6, 0x4E24, 0x51E0, '0',    '1',
    '2',    '3',    '4',    '5',    '6',    '7',    '8',    '9',
};

/* Symbols of a currency word at i, 0 = none. 块 counts after Arabic digits or two Han ones
 * (三块垫子 is no money). */
static uint32_t currency_at(const struct lj_text *t, uint32_t i, uint32_t digits, bool arabic)
{
    enum { YUAN = 0x5143, KUAI = 0x5757, MAO = 0x6BDB, QIAN = 0x94B1 };
    if (i >= t->n)
        return 0;
    enum { YU = 0x4F59, DUO = 0x591A };
    bool about =
        (t->code[i] == YU || t->code[i] == DUO) && i + 1 < t->n && t->clause[i + 1] == t->clause[i];
    if (about && (t->code[i + 1] == YUAN || t->code[i + 1] == KUAI)) /* 一千余元, 两百多块 */
        return 2;
    bool money_next = i + 1 < t->n && t->clause[i + 1] == t->clause[i] && t->code[i + 1] == QIAN;
    if (t->code[i] == YUAN)
        return 1;
    if (t->code[i] == KUAI || t->code[i] == MAO)
        return money_next ? 2 : t->code[i] == KUAI && (arabic || digits > 1) ? 1 : 0;
    return 0;
}

/* 2005年: of another time. A year from 2020 on may be the present one. */
static bool old_year(const struct lj_text *t, uint32_t i, uint32_t j)
{
    enum { NIAN = 0x5E74 };
    if (j - i != 4 || j >= t->n || t->code[j] != NIAN || t->clause[j] != t->clause[i])
        return false;
    return (t->code[i] == '1' && t->code[i + 1] == '9') ||
           (t->code[i] == '2' && t->code[i + 1] == '0' && t->code[i + 2] < '2');
}

/* 四百八, 两千六: cut short, as prices are said. */
static bool cut_short(const struct lj_text *t, uint32_t i, uint32_t j)
{
    enum { BAI = 0x767E, QIAN = 0x5343, SHI = 0x5341, LING = 0x96F6, WAN = 0x4E07 };
    if (j - i < 3)
        return false;
    uint16_t big = t->code[j - 2];
    uint16_t last = t->code[j - 1];
    return (big == BAI || big == QIAN) && last != SHI && last != LING && last != BAI &&
           last != QIAN && last != WAN;
}

/* A unit behind the number in [i, j): returns its symbols and sets *entry; 0 = none. */
static uint32_t unit_at(const struct lj_text *t, uint32_t i, uint32_t j, bool arabic,
                        uint16_t *entry)
{
    static const struct {
        uint16_t sym[4];
        uint8_t n;
        uint16_t entry;
    } units[] = {
        {{0x4E2A, 0x591A, 0x5C0F, 0x65F6}, 4, LJ_ENTRY_HOURS}, /* 个多小时 */
        {{0x4E2A, 0x534A, 0x5C0F, 0x65F6}, 4, LJ_ENTRY_HOURS}, /* 个半小时 */
        {{0x4E2A, 0x591A, 0x949F, 0x5934}, 4, LJ_ENTRY_HOURS}, /* 个多钟头 */
        {{0x4E2A, 0x534A, 0x949F, 0x5934}, 4, LJ_ENTRY_HOURS}, /* 个半钟头 */
        {{0x4E2A, 0x5C0F, 0x65F6}, 3, LJ_ENTRY_HOURS},         /* 个小时 */
        {{0x4E2A, 0x949F, 0x5934}, 3, LJ_ENTRY_HOURS},         /* 个钟头 */
        {{0x4E2A, 0x949F}, 2, LJ_ENTRY_HOURS},                 /* 个钟 */
        {{0x591A, 0x5C0F, 0x65F6}, 3, LJ_ENTRY_HOURS},         /* 多小时 */
        {{0x5C0F, 0x65F6}, 2, LJ_ENTRY_HOURS},                 /* 小时 */
        {{0x949F, 0x5934}, 2, LJ_ENTRY_HOURS},                 /* 钟头 */
        {{0x6765, 0x5206, 0x949F}, 3, LJ_ENTRY_MINUTES},       /* 来分钟 */
        {{0x591A, 0x5206, 0x949F}, 3, LJ_ENTRY_MINUTES},       /* 多分钟 */
        {{0x5206, 0x949F}, 2, LJ_ENTRY_MINUTES},               /* 分钟 */
        {{0x591A, 0x4EBA}, 2, LJ_ENTRY_COUNT},                 /* 多人 */
        {{0x4F59, 0x4EBA}, 2, LJ_ENTRY_COUNT},                 /* 余人 */
        {{0x591A, 0x53F7, 0x4EBA}, 3, LJ_ENTRY_COUNT},         /* 多号人 */
        {{0x53F7, 0x4EBA}, 2, LJ_ENTRY_COUNT},                 /* 号人 */
        {{0x4E2A, 0x4EBA}, 2, LJ_ENTRY_COUNT},                 /* 个人 */
        {{0x591A, 0x4E2A}, 2, LJ_ENTRY_COUNT},                 /* 多个 */
        {{0x6765, 0x4E2A}, 2, LJ_ENTRY_COUNT},                 /* 来个 */
        {{0x4EBA, 0x6B21}, 2, LJ_ENTRY_COUNT},                 /* 人次 */
        {{0x591A, 0x5E74, 0x524D}, 3, LJ_ENTRY_AGO},           /* 多年前 */
        {{0x5E74, 0x524D}, 2, LJ_ENTRY_AGO},                   /* 年前 */
        {{0x591A, 0x5E74}, 2, LJ_ENTRY_AGO},                   /* 多年 */
        {{0x904D}, 1, LJ_ENTRY_TIMES},                         /* 遍 */
        {{0x8D9F}, 1, LJ_ENTRY_TIMES},                         /* 趟 */
        {{0x4EBA}, 1, LJ_ENTRY_COUNT},
        {{0x540D}, 1, LJ_ENTRY_COUNT}, /* 名 */
        {{0x4F4D}, 1, LJ_ENTRY_COUNT}, /* 位 */
    };
    uint32_t money =
        j < t->n && t->clause[j] == t->clause[i] ? currency_at(t, j, j - i, arabic) : 0;
    if (money) {
        *entry = LJ_ENTRY_MONEY;
        return money;
    }
    /* nearly every symbol begins no unit; the low bits tell */
#define LOW(c) ((uint64_t)1 << ((c)&63))
    static const uint64_t maybe = LOW(0x4E2A) | LOW(0x591A) | LOW(0x5C0F) | LOW(0x949F) |
                                  LOW(0x6765) | LOW(0x5206) | LOW(0x4F59) | LOW(0x53F7) |
                                  LOW(0x4EBA) | LOW(0x5E74) | LOW(0x904D) | LOW(0x8D9F) |
                                  LOW(0x540D) | LOW(0x4F4D);
    if (j >= t->n || !(maybe & LOW(t->code[j])))
        return 0;
#undef LOW
    for (size_t k = 0; k < sizeof units / sizeof units[0]; k++) {
        if (units[k].sym[0] != t->code[j])
            continue;
        uint32_t n = units[k].n;
        if (j + n <= t->n && t->clause[j + n - 1] == t->clause[i] &&
            memcmp(&t->code[j], units[k].sym, n * sizeof t->code[0]) == 0) {
            *entry = units[k].entry;
            return n;
        }
    }
    return 0;
}

/* 交六十八, 卖十五: behind a verb of paying, before no counting word. */
static bool paid(const struct lj_text *t, uint32_t i, uint32_t j)
{
    static const uint16_t verbs[] = {0x4EA4, 0x6536, 0x5356, 0x4ED8, 0x638F, 0x82B1,
                                     0x6263, 0x7F5A, 0x8981, 0x62BC, 0x9000, 0x5145};
    static const uint16_t next[] = {0x7684, 0x5143, 0x624D, 0x8FD8, 0x4E0D, 0x7ED9,
                                    0x5462, 0x554A, 0x5427, 0x4E86, 0x62BC, 0x5757};
    if (j - i < 2 || i == 0 || t->clause[i - 1] != t->clause[i])
        return false;
    bool verb = false;
    for (size_t k = 0; k < sizeof verbs / sizeof verbs[0]; k++)
        verb = verb || t->code[i - 1] == verbs[k];
    bool open = verb && (j >= t->n || t->clause[j] != t->clause[i]);
    for (size_t k = 0; verb && j < t->n && k < sizeof next / sizeof next[0]; k++)
        open = open || t->code[j] == next[k];
    return open;
}

/* 收五百, 两千八当天报: a number without a measure word reads as a price. */
static bool price_like(const struct lj_text *t, uint32_t i, uint32_t j)
{
    enum { BAI = 0x767E, QIAN = 0x5343 };
    static const uint16_t next[] = {0x624D, 0x8D77, 0x7ED9, 0x8FD8, 0x6BCF,
                                    0x4E0D, 0x7684, 0x4E86, 0x62BC, 0x5B9A};
    bool round = false;
    for (uint32_t k = i + 1; k < j; k++)
        round = round || t->code[k] == BAI || t->code[k] == QIAN;
    if (j >= t->n || t->clause[j] != t->clause[i])
        return round || j - i >= 2; /* 一瓶水卖十五 */
    if (!round)
        return false;
    for (size_t k = 0; k < sizeof next / sizeof next[0]; k++) {
        if (t->code[j] == next[k])
            return true;
    }
    return false;
}

void lj_find_numbers(struct lj_opinion *o)
{
    const struct lj_text *t = &o->text;
    for (uint32_t k = 0; k < o->digits;) {
        const uint32_t i = o->digit[k];
        uint32_t j = i;
        bool arabic = false;
        for (; k < o->digits && o->digit[k] == j && t->clause[j] == t->clause[i]; k++, j++)
            arabic = arabic || t->code[j] < 0x80;
        uint16_t entry = LJ_ENTRY_NUM;
        uint32_t unit = unit_at(t, i, j, arabic, &entry);
        if (old_year(t, i, j)) {
            entry = LJ_ENTRY_AGO;
            unit = 1;
        }
        if (!unit && !arabic && (cut_short(t, i, j) || paid(t, i, j)))
            entry = LJ_ENTRY_MONEY;
        if (unit || arabic || entry == LJ_ENTRY_MONEY || price_like(t, i, j))
            lj_add_match(o, i, j + unit, entry);
    }
}
