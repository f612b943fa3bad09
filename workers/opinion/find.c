/*
 * Finding: symbols to tokens, tokens to hits.
 *
 * The automaton gives every word and term; a match across a clause end is dropped. Numbers come
 * from numbers.c. A mask (打靶, 不仅) hides everything inside it; a term hides shorter terms of its
 * kind and the scope words inside itself, so that 没人管 does not negate its neighbour. Terms
 * become hits here, combinations of words in combine.c.
 *
 * Guarantees: at most LJ_TOKENS_MAX tokens and LJ_HITS_MAX hits, then the truncated flag; work per
 * token is bounded by the tokens within one gap.
 */
#include <string.h>

#include "workers/opinion/engine.h"
#include "workers/opinion/evade.h"

void lj_add_tok(struct lj_opinion *o, uint32_t s, uint32_t e, uint16_t entry)
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
        .clause = clause,
        .sentence = o->text.list[clause].sentence,
        .evasive = en->evasive || noise,
    };
}

static void on_match(void *arg, uint32_t end, uint16_t len, uint16_t id)
{
    struct lj_opinion *o = arg;
    if (o->text.clause[end - len] == o->text.clause[end - 1] &&
        lj_evade_whole(&o->text, end - len, end))
        lj_add_tok(o, end - len, end, id);
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
    if (x->classes.w[0] & LJ_BIT(MASK))
        y->dead = true;
    if (ex->kind >= 0) {
        y->classes.w[0] &= ~LJ_SCOPE_BITS;
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
    for (uint32_t s = 0; s < o->text.sentences; s++) {
        o->sentence_tok[s] = (uint16_t)k;
        o->sentence_set[s] = (struct lj_classes){0};
        for (; k < o->tok_count && o->tok[k].sentence == s; k++)
            lj_join(&o->sentence_set[s], &o->tok[k].classes);
    }
    o->sentence_tok[o->text.sentences] = (uint16_t)k;
}

void lj_add_hit(struct lj_opinion *o, const struct lj_hit *h)
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
    lj_add_hit(o, &h);
}

void lj_find(struct lj_opinion *o)
{
    o->tok_count = o->hit_count = 0;
    o->truncated = false;
    lj_ac_run(o->rules->ac, o->text.code, o->text.n, on_match, o);
    lj_find_numbers(o);
    sort_tokens(o);
    hide(o);
    index_sentences(o);
    for (uint32_t i = 0; i < o->tok_count; i++) {
        if (o->rules->entries[o->tok[i].entry].kind >= 0)
            add_term_hit(o, &o->tok[i]);
    }
    lj_combine(o);
}
