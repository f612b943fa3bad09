/*
 * Combinations: two words near each other (pairs.tsv), several words of one sentence
 * (sentence_rules.tsv).
 *
 * A pair looks from each word of its first class as far as its gap reaches and takes the nearest
 * second word. A sentence rule wants a word of its own for each need, in the reach of the first;
 * it gives one hit a sentence, the shortest it finds from the first few anchors. What the words of
 * a sentence together can do (plays.h) turns nearly all of them away before anything is looked for.
 *
 * Guarantees: work per token is bounded by the tokens within one gap, work per rule and sentence by
 * ANCHORS_MAX reaches.
 */
#include "workers/opinion/engine.h"

enum { ANCHORS_MAX = 12 };

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
    lj_add_hit(o, &h);
}

static bool vetoed(const struct lj_opinion *o, uint32_t i, uint32_t j,
                   const struct lj_classes *veto)
{
    for (uint32_t k = i; k <= j; k++) {
        if (lj_meet(lj_classes_of(o, &o->tok[k]), veto))
            return true;
    }
    return false;
}

static bool pair_fits(const struct lj_opinion *o, const struct lj_pair *p, uint32_t i, uint32_t j)
{
    const struct lj_tok *a = &o->tok[i];
    const struct lj_tok *b = &o->tok[j];
    const struct lj_classes *ca = lj_classes_of(o, a);
    const struct lj_classes *cb = lj_classes_of(o, b);
    bool order = lj_has(ca, p->first) && lj_has(cb, p->second);
    bool turned = p->any_order && lj_has(ca, p->second) && lj_has(cb, p->first);
    return (order || turned) && (p->sentence || a->clause == b->clause) && b->s - a->e <= p->gap &&
           !(p->has_veto && vetoed(o, i, j, &p->veto));
}

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

/* The pairs that token i opens, of those that its sentence has both words for. */
static void open_pairs(struct lj_opinion *o, uint32_t i, const uint64_t *possible)
{
    const struct lj_plays *plays = &o->rules->plays;
    const uint64_t *opens = plays->opens + o->tok[i].role * plays->pairs;
    for (size_t w = 0; w < plays->pairs; w++) {
        for (uint64_t left = opens[w] & possible[w]; left; left &= left - 1)
            open_pair(o, i, &o->rules->pairs[w * 64 + (unsigned)__builtin_ctzll(left)]);
    }
}

static void combine_pairs(struct lj_opinion *o)
{
    const struct lj_plays *plays = &o->rules->plays;
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        uint64_t possible[LJ_PLAYS_WORDS_MAX];
        uint64_t any = 0;
        const uint64_t *row = lj_played(o, s);
        for (size_t w = 0; w < plays->pairs; w++) {
            possible[w] = row[plays->first + w] & row[plays->second + w];
            any |= possible[w];
        }
        for (uint32_t i = o->sentence_tok[s]; any && i < o->sentence_tok[s + 1]; i++)
            open_pairs(o, i, possible);
    }
}

/* The symbols from the end of one token to the start of the other; negative when they overlap. */
static int32_t distance(const struct lj_tok *a, const struct lj_tok *b)
{
    return a->s < b->s ? b->s - a->e : a->s - b->e;
}

/* Where a rule looks: tokens [first, end). */
struct window {
    uint32_t first, end;
};

static bool taken(const struct lj_opinion *o, const uint32_t *chosen, unsigned n, uint32_t j)
{
    for (unsigned k = 0; k < n; k++) {
        if (distance(&o->tok[chosen[k]], &o->tok[j]) < 0)
            return true;
    }
    return false;
}

/* The token nearest to the anchor that meets need k; UINT32_MAX when there is none in reach. */
static uint32_t nearest(const struct lj_opinion *o, const struct lj_rule *r, struct window w,
                        const uint32_t *chosen, unsigned k)
{
    uint32_t best = UINT32_MAX;
    int32_t least = r->reach;
    const struct lj_tok *a = &o->tok[chosen[0]];
    uint32_t from = r->ordered ? chosen[k - 1] + 1 : chosen[0];
    while (!r->ordered && from > w.first && o->tok[from - 1].s + r->reach + 16U >= a->s)
        from--;
    for (uint32_t j = from; j < w.end && o->tok[j].s <= a->e + r->reach; j++) {
        const struct lj_tok *b = &o->tok[j];
        int32_t d = distance(a, b);
        bool behind = !r->ordered || b->s >= o->tok[chosen[k - 1]].e;
        if (d <= least && behind && (!r->clause || b->clause == a->clause) &&
            lj_meet(lj_classes_of(o, b), &r->need[k]) && !taken(o, chosen, k, j)) {
            best = j;
            least = d - 1;
        }
    }
    return best;
}

/* The hit that rule r makes from an anchor; false when a need is not met. */
static bool rule_from(const struct lj_opinion *o, const struct lj_rule *r, struct window w,
                      uint32_t anchor, struct lj_hit *ret)
{
    uint32_t chosen[LJ_NEEDS_MAX] = {anchor};
    const struct lj_tok *a = &o->tok[anchor];
    struct lj_hit h = {.a_s = a->s, .a_e = a->e, .s = a->s, .e = a->e, .evasive = a->evasive};
    for (unsigned k = 1; k < r->needs; k++) {
        chosen[k] = nearest(o, r, w, chosen, k);
        if (chosen[k] == UINT32_MAX)
            return false;
        const struct lj_tok *b = &o->tok[chosen[k]];
        h.b_s = b->s;
        h.b_e = b->e;
        h.s = b->s < h.s ? b->s : h.s;
        h.e = b->e > h.e ? b->e : h.e;
        h.evasive = h.evasive || b->evasive;
    }
    if (h.b_s < h.a_s) { /* the scopes take a for the first */
        uint16_t s = h.a_s;
        uint16_t e = h.a_e;
        h.a_s = h.b_s;
        h.a_e = h.b_e;
        h.b_s = s;
        h.b_e = e;
    }
    *ret = h;
    return true;
}

static bool clause_vetoed(const struct lj_opinion *o, const struct lj_rule *r, struct window w,
                          uint16_t clause)
{
    for (uint32_t j = w.first; j < w.end; j++) {
        if (o->tok[j].clause == clause && lj_meet(lj_classes_of(o, &o->tok[j]), &r->veto))
            return true;
    }
    return false;
}

/* Rule r, all of whose needs the sentence's words meet, with those of the next if it reaches there.
 */
static void try_rule(struct lj_opinion *o, uint32_t s, const struct lj_rule *r)
{
    struct lj_classes set = o->sentence_set[s];
    struct window w = {o->sentence_tok[s], o->sentence_tok[s + 1]};
    uint32_t last = w.end; /* the anchor stands in the sentence itself, unless order is free */
    if (r->next && s + 1 < o->text.sentences) {
        lj_join(&set, &o->sentence_set[s + 1]);
        w.end = o->sentence_tok[s + 2];
        last = r->ordered ? last : w.end;
    }
    if (!r->clause && lj_meet(&set, &r->veto))
        return;
    struct lj_hit best = {0};
    unsigned tried = 0;
    for (uint32_t i = w.first; i < last && tried < ANCHORS_MAX; i++) {
        struct lj_hit h;
        if (!lj_meet(lj_classes_of(o, &o->tok[i]), &r->need[0]))
            continue;
        tried++;
        if (r->clause && clause_vetoed(o, r, w, o->tok[i].clause))
            continue;
        if (rule_from(o, r, w, i, &h) && (best.e == 0 || h.e - h.s < best.e - best.s)) {
            best = h;
            best.sentence = o->tok[i].sentence;
        }
    }
    if (best.e == 0)
        return;
    best.by_rule = true;
    best.kind = r->kind;
    best.code = r->code;
    best.severity = r->severity;
    best.weight = r->weight;
    best.rule = (uint16_t)(r - o->rules->rules);
    lj_add_hit(o, &best);
}

/* Word w of the set of rules whose needs sentence s meets. */
static uint64_t met(struct lj_opinion *o, uint32_t s, size_t w)
{
    const struct lj_plays *p = &o->rules->plays;
    const bool more = s + 1 < o->text.sentences;
    const uint64_t *row = lj_played(o, s) + p->need;
    const uint64_t *behind = more ? lj_played(o, s + 1) + p->need : row;
    uint64_t all = ~UINT64_C(0);
    for (size_t at = w; at < LJ_NEEDS_MAX * p->rules; at += p->rules)
        all &= row[at] | p->given[at] | (behind[at] & p->next[w]);
    return all;
}

static void combine_rules(struct lj_opinion *o)
{
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        for (size_t w = 0; w < o->rules->plays.rules; w++) {
            for (uint64_t left = met(o, s, w); left; left &= left - 1)
                try_rule(o, s, &o->rules->rules[w * 64 + (unsigned)__builtin_ctzll(left)]);
        }
    }
}

void lj_combine(struct lj_opinion *o)
{
    combine_pairs(o);
    combine_rules(o);
}
