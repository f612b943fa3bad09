/*
 * Finding: symbols to tokens, tokens to hits.
 *
 * The automaton gives every word and term; a match across a clause end is dropped. Amounts of money
 * and numbers are found by code. A mask (打靶, 不仅) hides everything inside it; a term hides
 * shorter terms of its kind and the scope words inside itself, so that 没人管 does not negate its
 * neighbour. Terms become hits; pair rules look from each word of their first class as far as their
 * gap reaches.
 *
 * Guarantees: at most LJ_TOKENS_MAX tokens and LJ_HITS_MAX hits, then the truncated flag; work per
 * token is bounded by the tokens within one gap.
 */
#include <string.h>

#include "workers/opinion/engine.h"
#include "workers/opinion/tables.h"

static void add_tok(struct lj_opinion *o, uint32_t s, uint32_t e, uint16_t entry)
{
    if (o->tok_count == LJ_TOKENS_MAX) {
        o->truncated = true;
        return;
    }
    const struct lj_entry *en = &o->rules->entries[entry];
    uint16_t clause = lj_clause_at(o, (uint16_t)s);
    bool noise = false;
    for (uint32_t i = s + 1; i < e && en->kind >= 0; i++)
        noise = noise || (o->text.flags[i] & LJ_SYM_NOISE_BEFORE);
    o->tok[o->tok_count++] = (struct lj_tok){
        .classes = en->classes,
        .s = (uint16_t)s,
        .e = (uint16_t)e,
        .entry = entry,
        .sentence = o->text.list[clause].sentence,
        .evasive = en->evasive || noise,
    };
}

static void on_match(void *arg, uint32_t end, uint16_t len, uint16_t id)
{
    struct lj_opinion *o = arg;
    if (o->text.clause[end - len] == o->text.clause[end - 1])
        add_tok(o, end - len, end, id);
}

enum { DIGIT_NONE, DIGIT_ARABIC, DIGIT_HAN };

static int digit_kind(const struct lj_text *t, uint32_t i)
{
    static const uint16_t han[] = {0x4E00, 0x4E8C, 0x4E09, 0x56DB, 0x4E94, 0x516D, 0x4E03, 0x516B,
                                   0x4E5D, 0x5341, 0x767E, 0x5343, 0x4E07, 0x96F6, 0x4E24, 0x51E0};
    if (lj_opinion_char[t->code[i]] == LJ_CHAR_DIGIT)
        return DIGIT_ARABIC;
    for (size_t k = 0; k < sizeof han / sizeof han[0]; k++) {
        if (t->code[i] == han[k])
            return DIGIT_HAN;
    }
    return DIGIT_NONE;
}

/* Symbols of a currency word at i, 0 = none. 块 counts after Arabic digits or two Han ones
 * (三块垫子 is no money). */
static uint32_t currency_at(const struct lj_text *t, uint32_t i, uint32_t digits, bool arabic)
{
    enum { YUAN = 0x5143, KUAI = 0x5757, MAO = 0x6BDB, QIAN = 0x94B1 };
    if (i >= t->n)
        return 0;
    bool money_next = i + 1 < t->n && t->clause[i + 1] == t->clause[i] && t->code[i + 1] == QIAN;
    if (t->code[i] == YUAN)
        return 1;
    if (t->code[i] == KUAI || t->code[i] == MAO)
        return money_next ? 2 : t->code[i] == KUAI && (arabic || digits > 1) ? 1 : 0;
    return 0;
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

static void find_numbers(struct lj_opinion *o)
{
    const struct lj_text *t = &o->text;
    uint32_t i = 0;
    while (i < t->n) {
        uint32_t j = i;
        bool arabic = false;
        int kind = DIGIT_NONE;
        while (j < t->n && t->clause[j] == t->clause[i] &&
               (kind = digit_kind(t, j)) != DIGIT_NONE) {
            arabic = arabic || kind == DIGIT_ARABIC;
            j++;
        }
        if (j == i) {
            i++;
            continue;
        }
        uint32_t money =
            j < t->n && t->clause[j] == t->clause[i] ? currency_at(t, j, j - i, arabic) : 0;
        if (money || arabic || price_like(t, i, j))
            add_tok(o, i, j + money, money ? LJ_ENTRY_MONEY : LJ_ENTRY_NUM);
        i = j;
    }
}

static bool goes_before(const struct lj_tok *a, const struct lj_tok *b)
{
    if (a->s != b->s)
        return a->s < b->s;
    if (a->e != b->e)
        return a->e > b->e;
    return a->entry < b->entry;
}

/* Bottom-up merge sort by place, longest first; qsort would allocate. */
static void sort_tokens(struct lj_opinion *o)
{
    uint32_t n = o->tok_count;
    for (uint32_t width = 1; width < n; width *= 2) {
        for (uint32_t lo = 0; lo < n; lo += 2 * width) {
            uint32_t mid = lo + width < n ? lo + width : n;
            uint32_t hi = mid + width < n ? mid + width : n;
            uint32_t i = lo;
            uint32_t j = mid;
            for (uint32_t k = lo; k < hi; k++) {
                bool left = i < mid && (j >= hi || !goes_before(&o->tok[j], &o->tok[i]));
                o->sorted[k] = left ? o->tok[i++] : o->tok[j++];
            }
        }
        memcpy(o->tok, o->sorted, n * sizeof o->tok[0]);
    }
}

/* What the longer token x does to y inside it. */
static void enclose(const struct lj_opinion *o, const struct lj_tok *x, struct lj_tok *y)
{
    const struct lj_entry *ex = &o->rules->entries[x->entry];
    const struct lj_entry *ey = &o->rules->entries[y->entry];
    bool same = x->s == y->s && x->e == y->e;
    if (same)
        return;
    if (x->classes & LJ_BIT(MASK))
        y->dead = true;
    if (ex->kind >= 0) {
        y->classes &= ~LJ_SCOPE_BITS;
        if (ey->kind == ex->kind)
            y->dead = true;
    }
}

static void hide(struct lj_opinion *o)
{
    for (uint32_t i = 0; i < o->tok_count; i++) {
        const struct lj_tok *x = &o->tok[i];
        if (x->dead)
            continue;
        for (uint32_t j = i + 1; j < o->tok_count && o->tok[j].s < x->e; j++) {
            if (o->tok[j].e <= x->e)
                enclose(o, x, &o->tok[j]);
        }
    }
    uint32_t k = 0;
    for (uint32_t i = 0; i < o->tok_count; i++) {
        if (!o->tok[i].dead)
            o->tok[k++] = o->tok[i];
    }
    o->tok_count = k;
}

static void index_sentences(struct lj_opinion *o)
{
    uint32_t k = 0;
    for (uint32_t s = 0; s <= o->text.sentences; s++) {
        while (k < o->tok_count && o->tok[k].sentence < s)
            k++;
        o->sentence_tok[s] = (uint16_t)k;
    }
}

static void add_hit(struct lj_opinion *o, const struct lj_hit *h)
{
    if (o->hit_count == LJ_HITS_MAX)
        o->truncated = true;
    else
        o->hit[o->hit_count++] = *h;
}

static void add_term_hit(struct lj_opinion *o, const struct lj_tok *t)
{
    const struct lj_entry *e = &o->rules->entries[t->entry];
    struct lj_hit h = {
        .a_s = t->s,
        .a_e = t->e,
        .b_s = t->s,
        .b_e = t->e,
        .s = t->s,
        .e = t->e,
        .sentence = t->sentence,
        .kind = (uint8_t)e->kind,
        .code = e->code,
        .severity = e->severity,
        .weight = e->weight,
        .evasive = t->evasive,
        .rule = t->entry,
    };
    /* Somebody who hides a word means it. */
    if (e->evasive && h.weight == LJ_WEAK)
        h.weight = LJ_PLAIN;
    add_hit(o, &h);
}

static void add_pair_hit(struct lj_opinion *o, const struct lj_pair *p, const struct lj_tok *a,
                         const struct lj_tok *b)
{
    struct lj_hit h = {
        .a_s = a->s,
        .a_e = a->e,
        .b_s = b->s,
        .b_e = b->e,
        .s = a->s,
        .e = a->e > b->e ? a->e : b->e,
        .sentence = a->sentence,
        .kind = p->kind,
        .code = p->code,
        .severity = p->severity,
        .weight = p->weight,
        .by_pair = true,
        .evasive = a->evasive || b->evasive,
        .rule = (uint16_t)(p - o->rules->pairs),
    };
    add_hit(o, &h);
}

static bool vetoed(const struct lj_opinion *o, uint32_t i, uint32_t j, lj_classes veto)
{
    for (uint32_t k = i; veto && k <= j; k++) {
        if (o->tok[k].classes & veto)
            return true;
    }
    return false;
}

static bool pair_fits(const struct lj_opinion *o, const struct lj_pair *p, uint32_t i, uint32_t j)
{
    const struct lj_tok *a = &o->tok[i];
    const struct lj_tok *b = &o->tok[j];
    lj_classes first = LJ_CLASS(p->first);
    lj_classes second = LJ_CLASS(p->second);
    bool order = (a->classes & first) && (b->classes & second);
    bool turned = p->any_order && (a->classes & second) && (b->classes & first);
    return (order || turned) && (p->sentence || lj_clause_at(o, a->s) == lj_clause_at(o, b->s)) &&
           b->s - a->e <= p->gap && !vetoed(o, i, j, p->veto);
}

enum { GAP_MAX = 60 };

/* The pair of rule p that token i opens: its nearest second word only. */
static void open_pair(struct lj_opinion *o, uint32_t i, const struct lj_pair *p)
{
    const struct lj_tok *a = &o->tok[i];
    for (uint32_t j = i + 1; j < o->tok_count && o->tok[j].s <= a->e + p->gap; j++) {
        if (o->tok[j].sentence != a->sentence)
            return;
        if (o->tok[j].s >= a->e && pair_fits(o, p, i, j)) {
            add_pair_hit(o, p, a, &o->tok[j]);
            return;
        }
    }
}

/* Classes of the words that follow token i within reach of any pair. */
static lj_classes reachable(const struct lj_opinion *o, uint32_t i)
{
    const struct lj_tok *a = &o->tok[i];
    lj_classes near = 0;
    for (uint32_t j = i + 1; j < o->tok_count; j++) {
        if (o->tok[j].sentence != a->sentence || o->tok[j].s > a->e + GAP_MAX)
            break;
        if (o->tok[j].s >= a->e)
            near |= o->tok[j].classes;
    }
    return near;
}

/* All pairs that token i opens, class by class. */
static void open_pairs(struct lj_opinion *o, uint32_t i)
{
    const struct lj_rules *r = o->rules;
    const lj_classes own = o->tok[i].classes;
    const lj_classes near = reachable(o, i);
    for (lj_classes left = own & r->pair_classes; left; left &= left - 1) {
        unsigned c = (uint64_t)left ? (unsigned)__builtin_ctzll((uint64_t)left)
                                    : 64 + (unsigned)__builtin_ctzll((uint64_t)(left >> 64));
        for (uint16_t k = r->opened_from[c]; k < r->opened_from[c + 1]; k++) {
            const struct lj_pair *p = &r->pairs[r->opened[k]];
            bool again =
                c != p->first && (own & LJ_CLASS(p->first)); /* listed under both of its classes */
            unsigned other = c == p->first ? p->second : p->first;
            bool both = (near & LJ_CLASS(other)) ||
                        (near & LJ_CLASS(p->first) && own & LJ_CLASS(p->second));
            if (!again && both)
                open_pair(o, i, p);
        }
    }
}

void lj_find(struct lj_opinion *o)
{
    o->tok_count = o->hit_count = 0;
    o->truncated = false;
    lj_ac_run(o->rules->ac, o->text.code, o->text.n, on_match, o);
    find_numbers(o);
    sort_tokens(o);
    hide(o);
    index_sentences(o);
    for (uint32_t i = 0; i < o->tok_count; i++) {
        if (o->rules->entries[o->tok[i].entry].kind >= 0)
            add_term_hit(o, &o->tok[i]);
        if (o->tok[i].classes & o->rules->pair_classes)
            open_pairs(o, i);
    }
}
