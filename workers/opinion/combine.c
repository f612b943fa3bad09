/*
 * Combinations: two words near each other (pairs.tsv), several words of one sentence
 * (sentence_rules.tsv).
 *
 * A pair looks from each word of its first class as far as its gap reaches and takes the nearest
 * second word. A sentence rule wants a word of its own for each need, in the reach of the first;
 * it gives one hit a sentence, the shortest it finds from the first few anchors. The set of classes
 * in a sentence turns nearly all of them away before anything is looked for.
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
        if (lj_meet(&o->tok[k].classes, veto))
            return true;
    }
    return false;
}

static bool pair_fits(const struct lj_opinion *o, const struct lj_pair *p, uint32_t i, uint32_t j)
{
    const struct lj_tok *a = &o->tok[i];
    const struct lj_tok *b = &o->tok[j];
    bool order = lj_has(&a->classes, p->first) && lj_has(&b->classes, p->second);
    bool turned = p->any_order && lj_has(&a->classes, p->second) && lj_has(&b->classes, p->first);
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

static void open_pairs(struct lj_opinion *o, uint32_t i)
{
    const struct lj_rules *r = o->rules;
    const struct lj_tok *t = &o->tok[i];
    const struct lj_classes *near = &o->sentence_set[t->sentence];
    const uint32_t end = r->opens.from[t->set + 1];
    for (uint32_t k = r->opens.from[t->set]; k < end; k++) {
        const struct lj_pair *p = &r->pairs[r->opens.pair[k]];
        if (lj_has(near, p->first) && lj_has(near, p->second))
            open_pair(o, i, p);
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
            lj_meet(&b->classes, &r->need[k]) && !taken(o, chosen, k, j)) {
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
        if (o->tok[j].clause == clause && lj_meet(&o->tok[j].classes, &r->veto))
            return true;
    }
    return false;
}

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
    for (unsigned k = 0; k < r->needs; k++) {
        if (!lj_meet(&set, &r->need[k]))
            return;
    }
    if (!r->clause && lj_meet(&set, &r->veto))
        return;
    struct lj_hit best = {0};
    unsigned tried = 0;
    for (uint32_t i = w.first; i < last && tried < ANCHORS_MAX; i++) {
        struct lj_hit h;
        if (!lj_meet(&o->tok[i].classes, &r->need[0]))
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

/* The rules whose needs the text as a whole can meet; most texts leave a handful. */
static size_t candidates(const struct lj_opinion *o, uint16_t *ret)
{
    struct lj_classes all = {0};
    size_t n = 0;
    for (uint32_t s = 0; s < o->text.sentences; s++)
        lj_join(&all, &o->sentence_set[s]);
    for (size_t k = 0; k < o->rules->rule_count; k++) {
        const struct lj_rule *r = &o->rules->rules[k];
        bool met = true;
        for (unsigned i = 0; met && i < r->needs; i++)
            met = lj_meet(&all, &r->need[i]);
        if (met)
            ret[n++] = (uint16_t)k;
    }
    return n;
}

void lj_combine(struct lj_opinion *o)
{
    uint16_t rule[LJ_SENTENCE_RULES_MAX];
    for (uint32_t i = 0; i < o->tok_count; i++)
        open_pairs(o, i);
    const size_t n = candidates(o, rule);
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        for (size_t k = 0; k < n; k++)
            try_rule(o, s, &o->rules->rules[rule[k]]);
    }
}
